"""What pydantic finds wrong in a file, in the words of a one-line message."""

from __future__ import annotations

from pydantic import ValidationError


def first_fault(error: ValidationError) -> str:
    """Where the first fault is, by the names of the fields, and what it is."""
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"])) or "the whole file"
    return f"{where}: {first['msg']}"
