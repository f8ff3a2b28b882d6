"""Text of the mesh API in proto JSON: names, durations, numbers and trees as upstream writes them.

Not here: the types of fields (messages.py).
"""

from __future__ import annotations

import decimal
import json
from typing import Any

# What Go's JSON writer escapes beyond what JSON demands.
_ESCAPED = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def camel_case(name: str) -> str:
    """The JSON name of a proto field: ``proxy_admin_port`` is ``proxyAdminPort``."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def duration_text(duration: int) -> str:
    """Proto JSON of a duration in nanoseconds: 0, 3, 6 or 9 decimals."""
    seconds, rest = divmod(abs(duration), 10**9)
    decimals = f".{rest:09d}".removesuffix("000").removesuffix("000") if rest else ""
    return f"{'-' if duration < 0 else ''}{seconds}{decimals}s"


def number_text(value: int | float) -> str:
    """JSON of a 64-bit float as Go prints it: exponents from 1e21 and below 1e-6."""
    number = float(value)
    exact = decimal.Decimal(repr(number)).normalize()
    return format(exact, "f" if number == 0 or 1e-6 <= abs(number) < 1e21 else "e")


def json_text(value: Any) -> str:
    """Compact JSON as upstream writes it: keys in their order, ``<``, ``>`` and ``&`` escaped."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_text(key)}:{json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    if isinstance(value, float):
        return number_text(value)
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPED)
