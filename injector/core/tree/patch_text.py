"""A patch as JSON text, and whether that text holds it exactly. Not here: what a patch says (patches.py)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from json.encoder import encode_basestring_ascii
from typing import Any, Final

from injector.core.model import Operation
from injector.json_text import writer
from injector.parts import NONE, Parts

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_TREES: Final = frozenset({dict, list})
_TEXTS: Final = frozenset({str})
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
    """Whether it has only what JSON text holds exactly: maps with texts as keys, lists, and scalars.

    Each of the `known` parts is looked at once.
    """
    if type(value) not in _TREES:
        return type(value) in _SCALARS
    trees, parts = [value], []
    for tree in trees:
        part = known.of(id(tree))
        if part is not None:
            if is_json in part.passed:
                continue
            parts.append(part)
        inner = _trees_in(tree)
        if inner is None:
            return False
        trees += inner
    for part in parts:
        part.passed.add(is_json)
    return True


def _trees_in(tree: Any) -> Sequence[Any] | None:
    """The maps and lists in a map or list; None where something in it is no JSON."""
    if type(tree) is dict:
        if not _TEXTS.issuperset(map(type, tree)):
            return None
        tree = tree.values()
    # Most are scalars: they are looked at together.
    kinds = set(map(type, tree)) - _SCALARS
    if not kinds:
        return ()
    return [each for each in tree if type(each) in kinds] if kinds <= _TREES else None
