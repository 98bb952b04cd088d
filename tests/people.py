"""Pictures and clips of people as `stubs.ColourIdentity` sees them: one colour is one person."""

from __future__ import annotations

from pathlib import Path

import media
import numpy as np
from PIL import Image

Colour = tuple[int, int, int]

RED: Colour = (200, 30, 30)
# For the stub the same person as RED, in another light: no two photos may be the same file.
DARK_RED: Colour = (160, 24, 24)
BLUE: Colour = (30, 30, 200)


def photo(path: Path, colour: Colour) -> Path:
    """A PNG of that person."""
    Image.new("RGB", (media.WIDTH, media.HEIGHT), colour).save(path)
    return path


def clip(path: Path, *colours: Colour) -> Path:
    """One frame of each."""
    frame = np.ones((media.HEIGHT, media.WIDTH, 3), np.uint8)
    return media.shots(path, [frame * np.uint8(colour) for colour in colours])
