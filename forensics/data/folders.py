"""What lies in a dataset's folders, and the refusal of one that is laid out otherwise."""

from __future__ import annotations

from pathlib import Path

from forensics.data.faces import DatasetError, some
from video.errors import printable


def wrong_layout(root: Path, layout: str) -> DatasetError:
    """The refusal of a folder that is laid out otherwise."""
    found = "a file" if root.is_file() else some([path.name for path in entries(root)]) or "nothing"
    return DatasetError(f"{root}: expected {layout}; found {found}")


def entries(folder: Path) -> list[Path]:
    """What lies in a folder by name, hidden files left out; nothing if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def relative(path: Path, root: Path) -> str:
    """The path as it is told to people: from the root where it lies below it, on one line."""
    return printable(path.relative_to(root) if path.is_relative_to(root) else path)
