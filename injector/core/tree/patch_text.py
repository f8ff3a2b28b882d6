"""A patch as JSON text, and whether that text holds it exactly. Not here: what a patch says (patches.py)."""

from __future__ import annotations

from collections.abc import Iterable
from json.encoder import encode_basestring_ascii
from typing import Any, Final

from injector.core.model import Operation
from injector.json_text import writer
from injector.parts import NONE, Parts

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_compact: Final = writer(allow_nan=False)


def text_of(operations: Iterable[Operation], known: Parts = NONE) -> str:
    """The operations as a JSON array without blanks. Each of the `known` parts is written once for all."""
    return f"[{','.join([_operation(each, known) for each in operations])}]"


def _operation(operation: Operation, known: Parts) -> str:
    head = f'{{"op":"{operation.op}","path":{encode_basestring_ascii(operation.path)}'
    if operation.op == "remove":
        return head + "}"
    return f'{head},"value":{_value(operation.value, known)}}}'


def _value(value: Any, known: Parts) -> str:
    if type(value) is str:
        return encode_basestring_ascii(value)
    part = known.of(id(value))
    if part is None:
        return _compact(value)
    if part.text is None:
        part.text = _compact(value)
    return part.text


def is_json(value: Any, known: Parts = NONE) -> bool:
    """Whether it has only what JSON text holds exactly: maps with texts as keys, lists, and scalars."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return kind in _SCALARS
    part = known.of(id(value))
    if part is not None and is_json in part.passed:
        return True
    if kind is dict:
        for key in value:
            if type(key) is not str:
                return False
        value = value.values()
    for member in value:
        # Most are scalars, and need no call.
        if type(member) not in _SCALARS and not is_json(member, known):
            return False
    if part is not None:
        part.passed.add(is_json)
    return True
