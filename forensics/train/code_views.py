"""The four views of a picture that CoDE is trained on, drawn from one random generator.

Source of views, transforms and their ranges: src/dataset/CustomTransform.py and src/args_train.py of github
aimagelab/CoDE. Unlike there, nothing is resized to 248 px: a picture is cut at its own resolution, as at
inference, and enlarged only where it is smaller than the crop. Of the 19 transforms 15 are here: torchvision
offers no overlaid stripes, opacity and shuffled pixels, and padding would be cut off again.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from forensics.data.compress import jpeg

# [3,H,W] uint8 RGB.
Picture = torch.Tensor
Transform = Callable[[Picture, np.random.Generator], Picture]

WHOLE_AREA = (0.4, 1.0)
LOCAL_AREA = (0.05, 0.4)
# torchvision's RandomResizedCrop, which the official training uses.
CROP_ASPECT = (3 / 4, 4 / 3)
MOST_TRANSFORMS = 2
VIEWS = ("original", "augmented", "whole", "local")


def training_views(picture: Picture, draw: np.random.Generator, *, side: int) -> torch.Tensor:
    """[4,3,side,side] uint8: original, augmented, whole and local view of `picture` [3,H,W] uint8 RGB."""
    return torch.stack(
        [
            fit(picture, side),
            fit(treat(picture, draw), side),
            fit(treat(random_crop(picture, WHOLE_AREA, draw, side=side), draw), side),
            fit(treat(random_crop(picture, LOCAL_AREA, draw, side=side), draw), side),
        ]
    )


def fit(picture: Picture, side: int) -> Picture:
    """The centre [3,side,side] at the picture's own resolution; a smaller one is enlarged first."""
    square = min(side, *picture.shape[-2:])
    centre: Picture = functional.center_crop(picture, [square, square])
    return centre if square == side else _resized(centre, side, side)


def random_crop(
    picture: Picture, area: tuple[float, float], draw: np.random.Generator, *, side: int
) -> Picture:
    """A box of a share of the picture's area within `area`, resized to [3,side,side]."""
    height, width = picture.shape[-2:]
    share = draw.uniform(*area)
    aspect = math.exp(draw.uniform(*np.log(CROP_ASPECT)))
    # A box that a narrow picture cannot hold is cut to the picture.
    box_width = min(width, max(1, round(math.sqrt(share * width * height * aspect))))
    box_height = min(height, max(1, round(math.sqrt(share * width * height / aspect))))
    top, left = draw.integers(height - box_height + 1), draw.integers(width - box_width + 1)
    box = picture[:, top : top + box_height, left : left + box_width]
    return _resized(box, side, side)


def treat(picture: Picture, draw: np.random.Generator) -> Picture:
    """None, one or two of the transforms, equally often, in their fixed order."""
    count = draw.integers(MOST_TRANSFORMS + 1)
    for number in sorted(draw.choice(len(TRANSFORMS), size=count, replace=False)):
        picture = list(TRANSFORMS.values())[number](picture, draw)
    return picture


def _resized(picture: Picture, height: int, width: int) -> Picture:
    size = [max(1, height), max(1, width)]
    result: Picture = functional.resize(
        picture, size, interpolation=InterpolationMode.BICUBIC, antialias=True
    )
    return result


def _blur(picture: Picture, draw: np.random.Generator) -> Picture:
    sigma = draw.uniform(0.1, 2.0)
    kernel = 2 * math.ceil(3 * sigma) + 1
    # The mirrored border of a blur must fit into the picture.
    fitting = 2 * ((min(picture.shape[-2:]) - 1) // 2) + 1
    result: Picture = functional.gaussian_blur(picture, [min(kernel, fitting)] * 2, [sigma] * 2)
    return result


def _aspect(picture: Picture, draw: np.random.Generator) -> Picture:
    """Width over height changes, the area stays."""
    height, width = picture.shape[-2:]
    ratio = draw.uniform(0.75, 2.0)
    area = height * width
    return _resized(picture, round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio)))


def _pixelate(picture: Picture, draw: np.random.Generator) -> Picture:
    height, width = picture.shape[-2:]
    ratio = draw.uniform(0.3, 1.0)
    small = _resized(picture, round(height * ratio), round(width * ratio))
    result: Picture = functional.resize(small, [height, width], interpolation=InterpolationMode.NEAREST)
    return result


def _jpeg(picture: Picture, draw: np.random.Generator) -> Picture:
    # torchvision's own encoder is deprecated.
    pixels = jpeg(picture.permute(1, 2, 0).contiguous().numpy(), quality=int(draw.integers(40, 101)))
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _resize(picture: Picture, draw: np.random.Generator) -> Picture:
    side = int(draw.integers(64, 513))
    return _resized(picture, side, side)


def _crop(picture: Picture, draw: np.random.Generator) -> Picture:
    """A square of at most the picture's shorter side; the official one pads with black beyond it."""
    height, width = picture.shape[-2:]
    side = min(height, width, int(draw.integers(64, 513)))
    top, left = draw.integers(height - side + 1), draw.integers(width - side + 1)
    return picture[:, top : top + side, left : left + side]


def _scale(picture: Picture, draw: np.random.Generator) -> Picture:
    height, width = picture.shape[-2:]
    factor = draw.uniform(0.5, 1.5)
    return _resized(picture, round(height * factor), round(width * factor))


def _skew(picture: Picture, draw: np.random.Generator) -> Picture:
    angle = math.degrees(math.atan(draw.uniform(-1.0, 1.0)))
    shear = [angle, 0.0]
    result: Picture = functional.affine(
        picture, 0.0, [0, 0], 1.0, shear, interpolation=InterpolationMode.BILINEAR
    )
    return result


# In the official order, which is the order in which two of them are applied.
TRANSFORMS: dict[str, Transform] = {
    "blur": _blur,
    "brightness": lambda picture, draw: functional.adjust_brightness(picture, draw.uniform(0.5, 2.0)),
    "aspect": _aspect,
    "pixelate": _pixelate,
    # The official one turns by any angle between; whole quarters need no resampling.
    "rotate": lambda picture, draw: torch.rot90(picture, int(draw.integers(1, 4)), (1, 2)),
    "contrast": lambda picture, draw: functional.adjust_contrast(picture, draw.uniform(0.5, 1.5)),
    "saturation": lambda picture, draw: functional.adjust_saturation(picture, draw.uniform(0.5, 1.5)),
    "jpeg": _jpeg,
    "grey": lambda picture, draw: functional.rgb_to_grayscale(picture, num_output_channels=3),
    "flip": lambda picture, draw: functional.horizontal_flip(picture),
    "resize": _resize,
    "crop": _crop,
    "scale": _scale,
    "sharpen": lambda picture, draw: functional.adjust_sharpness(picture, draw.uniform(1.2, 2.0)),
    "skew": _skew,
}
