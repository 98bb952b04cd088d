"""The exceptions of the `weights` package."""

from __future__ import annotations


class WeightsError(Exception):
    """A weight file is absent, damaged or refused. The message names it, the cause and the remedy."""


class UnknownWeightsError(WeightsError):
    """No weight of that name is registered."""


class MissingWeightsError(WeightsError):
    """The weight is in no cache and no source could deliver it (or going online was not allowed)."""


class CorruptWeightsError(WeightsError):
    """The bytes of a weight file do not have the digest they must have, or cannot be parsed."""
