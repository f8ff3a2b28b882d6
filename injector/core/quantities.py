"""Kubernetes quantities: reading them, and the form in which the API server writes each.

Not here: which fields are quantities, and any arithmetic with them.
"""

from __future__ import annotations

import decimal
from functools import lru_cache
from typing import Literal

from injector.classes import dataclass
from injector.patterns import pattern

_QUANTITY = pattern(
    r"(?P<sign>[-+]?)(?P<whole>[0-9]*)(?P<point>\.(?P<fraction>[0-9]*))?"
    r"(?:(?P<binary>[KMGTPE]i)|[eE](?P<exponent>[-+]?[0-9]+)|(?P<decimal>[numkMGTPE]?))"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_NANO = 10**9
_LARGEST_BINARY = 2**63 - 1
_LONGEST = 64
_EXPECTED = "a Kubernetes quantity is expected, such as 100m, 0.5, 128Mi or 1e3"


@dataclass(frozen=True, slots=True)
class _Quantity:
    text: str
    form: Literal["binary", "exponent", "decimal"]
    mantissa: int
    exponent: int  # The value is mantissa times ten to it (binary: a power of 1024 besides).
    nanos: int
    short: bool  # Kubernetes reads it by its quick way.


def parse(text: str) -> decimal.Decimal:
    """The value of a quantity such as ``100m``, ``1Gi`` or ``1e3``; ValueError if it is none.

    As Kubernetes does: fractions of a nano are rounded away from zero, and binary quantities
    beyond 64 bits are cut to the largest one.
    """
    # Not kept for one that is too long.
    if len(text) > _LONGEST:
        raise ValueError(_EXPECTED)
    return _value(text)


def nanos(text: str) -> int:
    """The value of a quantity in billionths, as `parse` has it: to compare them, no decimals are needed."""
    return _read(text).nanos


@lru_cache(4096)
def _value(text: str) -> decimal.Decimal:
    return decimal.Decimal(f"{_read(text).nanos}e-9")


def canonical(value: str | int | float) -> str:
    """The form in which the API server writes a quantity: ``4000m`` is ``4``, ``1024Mi`` is ``1Gi``.

    A number stands for its JSON text. ValueError if it is no quantity. Kubernetes writes 1000E as
    1, having no suffix for it; here it is 1e21.
    """
    if isinstance(value, bool):
        raise ValueError("a quantity is expected, not true or false")
    quantity = _read(_plain(value) if isinstance(value, float) else str(value))
    if quantity.nanos == 0:
        return "0"
    if _stays(quantity):
        return quantity.text
    # Small and fractional numbers have no binary form.
    if quantity.form == "binary" and abs(quantity.nanos) >= 1024 * _NANO and quantity.nanos % _NANO == 0:
        return _binary_text(quantity.nanos // _NANO)
    return _decimal_text(quantity.nanos, exponent_form=quantity.form == "exponent")


def _plain(number: float) -> str:
    """The number as its JSON text."""
    exact = decimal.Decimal(repr(number)).normalize()
    return format(exact, "f" if number == 0 or 1e-6 <= abs(number) < 1e21 else "e")


def _read(text: str) -> _Quantity:
    # Kubernetes has no limit of length; longer numbers only burn time, and memory where they are kept.
    if len(text) > _LONGEST:
        raise ValueError(_EXPECTED)
    return _read_short(text)


# The same ones stand in many pods, and each is read several times for one.
@lru_cache(1024)
def _read_short(text: str) -> _Quantity:
    match = _QUANTITY.fullmatch(text)
    # Kubernetes takes some texts without any digit (`m`, `+`) for zero; here they are refused.
    if match is None or not (match["whole"] or match["fraction"]):
        raise ValueError(_EXPECTED)
    whole, fraction = match["whole"], match["fraction"] or ""
    mantissa = int(match["sign"] + whole + fraction)
    if match["binary"]:
        power = 10 * (_BINARY.index(match["binary"]) + 1)
        nanos = _away_from_zero(mantissa * 2**power * _NANO, 10 ** len(fraction))
        nanos = max(-_LARGEST_BINARY * _NANO, min(nanos, _LARGEST_BINARY * _NANO))
        short = len(whole.lstrip("0")) + power * 3 // 10 + 1 <= 15 and not fraction
        return _Quantity(text, "binary", mantissa, 0, nanos, short)
    exponent = _DECIMAL[match["decimal"]] if match["exponent"] is None else int(match["exponent"])
    if abs(exponent) > 999:
        raise ValueError("a quantity between 1e-999 and 1e999 is expected")
    scale = exponent - len(fraction) + 9
    nanos = _away_from_zero(mantissa * 10 ** max(scale, 0), 10 ** max(-scale, 0))
    digits = whole.lstrip("0")
    short = bool(digits) and len(digits + fraction) <= 18 and scale >= 0
    form: Literal["exponent", "decimal"] = "decimal" if match["exponent"] is None else "exponent"
    return _Quantity(text, form, mantissa, scale - 9, nanos, short)


def _stays(quantity: _Quantity) -> bool:
    """Whether Kubernetes keeps the text as it stands: a sign, leading zeros, ``0.250``, ``1E3``.

    It does when the digits, without the point, are the canonical number already.
    """
    # Binary numbers are tested for eighths only; observed, like the bounds of `short`.
    base = 8 if quantity.form == "binary" else 1000
    return quantity.short and quantity.exponent % 3 == 0 and quantity.mantissa % base != 0


def _away_from_zero(number: int, divisor: int) -> int:
    magnitude = -(-abs(number) // divisor)
    return -magnitude if number < 0 else magnitude


def _binary_text(number: int) -> str:
    suffix = ""
    for candidate in _BINARY:
        if number % 1024:
            break
        number, suffix = number // 1024, candidate
    return f"{number}{suffix}"


def _decimal_text(nanos: int, *, exponent_form: bool) -> str:
    number, exponent = nanos, -9
    while number % 1000 == 0:
        number, exponent = number // 1000, exponent + 3
    if exponent == 0:
        return str(number)
    if exponent_form or exponent not in _SUFFIX:
        return f"{number}e{exponent}"
    return f"{number}{_SUFFIX[exponent]}"
