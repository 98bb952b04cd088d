"""Reads and validates the C2PA manifest that evidence may carry, without a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from forensics.report.facts import C2paFacts, C2paStatus, storable

# Evidence must not make this machine call a server: neither for a manifest kept elsewhere nor for the state
# of a certificate.
SETTINGS = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
KEPT_ELSEWHERE = "Remote:"
NOT_INSTALLED = "the package c2pa-python is not installed (the extra `c2pa`)"


def read_c2pa(path: Path) -> C2paFacts:
    """What the C2PA manifest of `path` claims and whether signature and content still fit it.

    No list of trusted issuers is used: "Valid" says that nothing was changed since somebody signed, and
    `issuer` is the name that this somebody gave. The file is only read. Never raises for what the file holds.
    """
    try:
        import c2pa
    except ImportError:
        return C2paFacts(C2paStatus.NOT_CHECKED, reason=NOT_INSTALLED)
    context = c2pa.Context(c2pa.Settings.from_dict(SETTINGS))
    # The file is opened here: the package's own opening takes no name that is not UTF-8.
    with path.open("rb") as file:
        try:
            reader = c2pa.Reader.try_create(None, file, context=context)
            if reader is None:
                return C2paFacts(C2paStatus.ABSENT)
            with reader:
                return _facts(json.loads(reader.json()))
        except c2pa.C2paError.NotSupported:
            return C2paFacts(C2paStatus.NOT_CHECKED, reason="C2PA knows no manifests in files of this kind")
        except c2pa.C2paError as error:
            # The package has no exception of its own for a manifest it was told not to fetch.
            away = str(error).startswith(KEPT_ELSEWHERE)
            status = C2paStatus.NOT_CHECKED if away else C2paStatus.UNREADABLE
            return C2paFacts(status, reason=_line(str(error)))


def _facts(store: dict[str, Any]) -> C2paFacts:
    """The facts of the active manifest; what it leaves out is `None`."""
    active = store.get("manifests", {}).get(store.get("active_manifest"), {})
    signature = active.get("signature_info", {})
    generators = active.get("claim_generator_info") or [{}]
    named = " ".join(str(generators[0][key]) for key in ("name", "version") if key in generators[0])
    return C2paFacts(
        C2paStatus.PRESENT,
        validation=_text(store.get("validation_state")),
        failures=tuple(sorted({_line(str(one.get("code"))) for one in store.get("validation_status", [])})),
        issuer=_text(signature.get("issuer")),
        claim_generator=_text(active.get("claim_generator") or named),
        title=_text(active.get("title")),
        signed=_text(signature.get("time")),
    )


def _text(value: object) -> str | None:
    return None if value in (None, "") else _line(str(value))


def _line(text: str) -> str:
    return storable(" ".join(text.split()))
