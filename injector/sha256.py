"""SHA-256 for short texts: the same digests as `hashlib`, without loading OpenSSL for them.

Loading it takes longer than most commands need for all their digests. Where it is loaded, it is used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Final


def hexdigest(data: bytes) -> str:
    """The digest as a hexadecimal number."""
    digest: str = (sys.modules.get("hashlib") or _BUILT_IN).sha256(data).hexdigest()
    return digest


def _built_in() -> Any:
    # As `random` of the standard library does; the name depends on the version of Python.
    for name in ("_sha2", "_sha256", "hashlib"):
        try:
            return import_module(name)
        except ImportError:
            continue
    raise ImportError("this Python has no SHA-256")


_BUILT_IN: Final = _built_in()
