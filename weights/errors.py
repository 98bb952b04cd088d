"""The exceptions of the `weights` package."""

from __future__ import annotations

from collections.abc import Sequence


class WeightsError(Exception):
    """A weight file is absent, damaged or refused. The message names it, the cause and the remedy.

    `cause` is the message without the remedy, for the message of whoever needed this file for another one.
    `answers` are what the sources said, without their names, for a message about several weights.
    """

    def __init__(self, message: str, *, cause: str | None = None, answers: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.cause = cause if cause is not None else message
        self.answers = tuple(answers) or (self.cause,)


class UnknownWeightsError(WeightsError):
    """No weight of that name is registered."""


class MissingWeightsError(WeightsError):
    """The weight is in no cache and no source could deliver it (or going online was not allowed)."""


class CorruptWeightsError(WeightsError):
    """The bytes of a weight file do not have the digest they must have, or cannot be parsed."""


class SourceError(WeightsError):
    """One source could not deliver. The store collects these and goes on to the next source."""
