"""The content security policy of a page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib


def content_policy(style: str, script: str | None = None) -> str:
    """Nothing may be loaded from anywhere, and nothing applies or runs but this very style and script."""
    parts = ["default-src 'none'", "img-src data:", f"style-src {_hash(style)}"]
    parts += [] if script is None else [f"script-src {_hash(script)}"]
    return "; ".join([*parts, "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
