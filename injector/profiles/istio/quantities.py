"""Kubernetes quantities: reading them, and the one form in which the API server writes each.

Not here: which fields are quantities, and any arithmetic with them.
"""

from __future__ import annotations

import re
from decimal import ROUND_UP, Context, Decimal

from injector.profiles.istio.protojson import number_text

_QUANTITY = re.compile(
    r"([-+]?)(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?"
    r"(?:(?P<binary>[KMGTPE]i)|(?P<decimal>[numkMGTPE]?)|[eE](?P<exponent>[-+]?[0-9]{1,9}))"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_NANO = Decimal("1e-9")
_LARGEST = Decimal(2**63 - 1)
# Every quantity that is not capped has at most 19 digits before and 9 after the point.
_EXACT = Context(prec=100)


def parse(text: str) -> Decimal:
    """The value of a quantity such as ``100m``, ``1Gi`` or ``1e3``; ValueError if it is none.

    As Kubernetes does: fractions below one nano are rounded away from zero, and numbers beyond
    64 bits are cut to the largest one.
    """
    return _read(text)[0]


def canonical(value: str | int | float) -> str:
    """The form in which the API server writes the quantity: ``4000m`` is ``4``, ``1024Mi`` is ``1Gi``.

    A number stands for its JSON text. ValueError if it is no quantity.
    """
    if isinstance(value, bool):
        raise ValueError("a quantity is expected, not true or false")
    if isinstance(value, float):
        value = number_text(value)
    number, form = _read(str(value))
    if number == 0:
        return "0"
    # Small and fractional numbers have no binary form.
    if form == "binary" and abs(number) >= 1024 and number == number.to_integral_value():
        return _binary_text(int(number))
    return _decimal_text(number, exponent=form == "exponent")
