"""The exceptions of the `face` package."""

from __future__ import annotations


class FaceError(Exception):
    """A face component could not do its work. The message says what to do about it in one line."""
