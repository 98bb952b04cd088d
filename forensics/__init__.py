"""Face-specific video forensics: evidence, detectors, aggregation, reports and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forensics.api import analyze as analyze

__all__ = ["analyze"]


def __getattr__(name: str) -> Any:
    # Loading torch takes seconds, which `forensics --help` should not cost.
    if name == "analyze":
        from forensics.api import analyze

        return analyze
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
