"""The exceptions of the `video` package."""

from __future__ import annotations


class VideoError(Exception):
    """A video could not be used. The message names the file, the cause and the remedy in one line."""


class UnreadableVideoError(VideoError):
    """The file is missing, empty, of no known format, or holds no picture that decodes."""


class RefusedVideoError(VideoError):
    """The file may decode but is refused: a limit is exceeded or its format is not on the whitelist."""
