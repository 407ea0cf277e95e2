"""JSON with a digest of itself, so that a file that was damaged or edited is never taken for what was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

DIGEST = "digest"  # the key that a file ends with


def seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``content`` with its digest as the last key."""
    return {**content, DIGEST: _digest(content)}


def unseal(content: Any) -> dict[str, Any]:
    """Return what was sealed, without its digest; a content without one, of an earlier version, as it is.

    Raises:
        ValueError: it differs from its digest, or is no JSON object.
    """
    if not isinstance(content, dict):
        raise ValueError(f"it holds {type(content).__name__}, not an object")
    bare = {key: value for key, value in content.items() if key != DIGEST}
    if content.get(DIGEST, _digest(bare)) != _digest(bare):
        raise ValueError(f"it differs from its {DIGEST!r}")
    return bare


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
