"""Functions that write JSON on one line, made once for many texts.

The encoder of the standard library makes most of what it works with anew for each text, which takes
longer than to write a short one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json import encoder
from typing import Any, Final

_COMPILED: Final = getattr(encoder, "c_make_encoder", None)


def writer(
    *,
    sort_keys: bool = False,
    ensure_ascii: bool = True,
    allow_nan: bool = True,
    default: Callable[[Any], Any] | None = None,
) -> Callable[[Any], str]:
    """A function that writes a tree without blanks, as `json.dumps` does; it does not look for circles."""
    plain = json.JSONEncoder(
        separators=(",", ":"),
        sort_keys=sort_keys,
        ensure_ascii=ensure_ascii,
        default=default,
        allow_nan=allow_nan,
        check_circular=False,
    )
    if _COMPILED is None:
        return plain.encode
    of_text = encoder.encode_basestring_ascii if ensure_ascii else encoder.encode_basestring
    write = _COMPILED(None, plain.default, of_text, None, ":", ",", sort_keys, False, allow_nan)
    return lambda tree: "".join(write(tree, 0))
