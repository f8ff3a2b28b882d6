"""The type of a plain scalar: what Kubernetes makes of it, and whom it could mislead.

Kubernetes' reader is sigs.k8s.io/yaml: go-yaml v2, then JSON. Its numbers and words are those of
YAML 1.1 plus ``0o17`` and exponents without a dot, minus base 60 and dates; what JSON cannot say
is an error. Here: text to value, value to text of a key or number. Not here: anything with a
position.
"""

from __future__ import annotations

import base64
import math
import re
import struct
from typing import Final

from injector.patterns import pattern

Scalar = str | int | float | bool | None

_TAG: Final = "tag:yaml.org,2002:"
STR_TAG: Final = _TAG + "str"
MERGE_TAG: Final = _TAG + "merge"

_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_NULL = ("", "~", "null", "Null", "NULL")
WORDS: Final[dict[str, bool | None]] = (
    dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False) | dict.fromkeys(_NULL, None)
)
"""The plain scalars that are a truth value or null."""
_NOT_JSON: Final = frozenset(
    [sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")] + [".nan", ".NaN", ".NAN"]
)

NUMBER_START: Final = frozenset("+-.0123456789")
"""A number begins with one of these."""
_OF_NUMBERS: Final = frozenset("0123456789abcdefABCDEFxXoO+-.")
_DECIMAL = pattern(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED = pattern(r"(?P<sign>[-+]?)0(?:[xX](?P<hex>[0-9a-fA-F]+)|[bB](?P<bin>[01]+)|[oO]?(?P<oct>[0-7]+))")
_SIGN_INSIDE = pattern(r"0b(?P<number>[-+][01]+)")
_FLOAT = pattern(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
# After a leading dot the reader hands the text to Go's number parser as it is, which takes
# underscores between digits only.
_DOTTED = pattern(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")

# Whatever one of the three dialects takes for a number, underscores removed: a little too much
# is harmless, it costs quotes.
_NUMERIC = pattern(
    r"[-+]?(?:0[xX][0-9a-fA-F]*|0[bB][-+]?[01]*|0[oO][0-7]*"
    r"|(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[1-9][0-9]*(?::[0-5]?[0-9])+|[0-9]+(?::[0-5]?[0-9])+\.[0-9]*)"
)
_DATE = pattern(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}.*)?", re.DOTALL
)
_SPECIAL: Final = frozenset(WORDS) | _NOT_JSON | {"=", "<<"}


def resolve(text: str) -> Scalar:
    """Give a plain scalar its value, as Kubernetes reads it; ValueError where JSON has none.

    A float stays one, see `integral`.
    """
    if text in WORDS:
        return WORDS[text]
    if text[0] not in NUMBER_START:
        return text
    if text in _NOT_JSON:
        raise ValueError("infinity and not-a-number are not JSON values")
    if text[0] == ".":
        return _float(text, text) if _DOTTED.fullmatch(text) else text
    return _number(text)


def resolve_tagged(tag: str, text: str) -> Scalar:
    """Give a scalar with an explicit tag its value; ValueError where text and tag disagree."""
    name = tag.removeprefix(_TAG) if tag.startswith(_TAG) else ""
    if name == "binary":
        return base64.b64decode(text, validate=True).decode(errors="replace")
    if name not in ("null", "bool", "int", "float"):
        return text
    value = resolve(text)
    types: dict[str, tuple[type, ...]] = {
        "null": (type(None),),
        "bool": (bool,),
        "int": (int,),
        "float": (float, int),
    }
    if type(value) not in types[name]:
        raise ValueError("the value does not fit its tag")
    return float(value) if name == "float" and type(value) is int else value


def is_ambiguous(text: str) -> bool:
    """Say whether text, written plain, is no string to Kubernetes, to YAML 1.1 or to YAML 1.2."""
    if text in _SPECIAL:
        return True
    if text[0] not in NUMBER_START:
        return False
    return bool(_NUMERIC.fullmatch(text.replace("_", "")) or (text[4:5] == "-" and _DATE.fullmatch(text)))


def key_text(value: bool | int | float) -> str:
    """Write a key that is no string as the string that Kubernetes makes of it.

    Fractions lose digits on the way (32 bit), as they do there. ValueError for a number that is
    no key there.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ValueError("a number of more than 64 bits cannot be a key; put it in quotes")
        return str(value)
    return _short_float(value)


def integral(number: float) -> int | float:
    """Turn a float into the number that it is in JSON: without a fraction it is an integer.

    It stays a float where JSON writers use an exponent (from 1e21 on) or where the digits that
    they write are not its exact value (some from 2**53 on).
    """
    if number != int(number) or abs(number) >= 1e21:
        return number
    # Few manifests have such a number.
    from decimal import Decimal

    written = int(Decimal(repr(number)))
    return written if written == number else number


def _number(text: str) -> Scalar:
    plain = text.replace("_", "")
    if not _OF_NUMBERS.issuperset(plain):
        return text
    if _DECIMAL.fullmatch(plain):
        return _decimal(text, plain)
    if based := _BASED.fullmatch(plain):
        value = _based(based)
        if -(2**63) <= value < 2**63 or (value < 2**64 and not based["sign"]):
            return value
    if inside := _SIGN_INSIDE.fullmatch(plain):
        return int(inside["number"], 2)
    return _float(text, plain) if _FLOAT.fullmatch(plain) else text


def _decimal(text: str, plain: str) -> int | str:
    # More digits than a float has room for: a string to Kubernetes (and to Python no quick int).
    return text if math.isinf(float(plain)) else int(plain)


def _based(match: re.Match[str]) -> int:
    digits, base = next(
        (match[name], base) for name, base in (("hex", 16), ("bin", 2), ("oct", 8)) if match[name]
    )
    return int(match["sign"] + digits, base)


def _float(text: str, plain: str) -> float | str:
    value = float(plain)
    return text if math.isinf(value) else value


def _short_float(value: float) -> str:
    """Write a float with the fewest digits that distinguish it from other 32 bit floats."""
    try:
        single = struct.pack("<f", value)
    except OverflowError:
        raise ValueError("a number of this size cannot be a key; put it in quotes") from None
    (rounded,) = struct.unpack("<f", single)
    digits = next(n for n in range(9) if struct.pack("<f", float(f"{rounded:.{n}e}")) == single)
    exponent = int(f"{rounded:.{digits}e}".partition("e")[2])
    if -4 <= exponent < 6:
        return f"{rounded:.{max(digits - exponent, 0)}f}"
    return f"{rounded:.{digits}e}"
