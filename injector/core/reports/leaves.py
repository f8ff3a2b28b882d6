"""The values of a pod, each under a pointer that names elements by their key. Not here: who set them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from injector.core.model import Manifest
from injector.core.tree.schema import POD, Schema, keyed, same
from injector.pointer import join, split

Leaves: TypeAlias = Mapping[tuple[str, ...], tuple[str, Any]]
"""Pointer and value by what identifies the value in another pod."""


def leaves_of(pod: Manifest) -> Leaves:
    """All values of a pod."""
    out: dict[tuple[str, ...], tuple[str, Any]] = {}
    _collect(pod, POD, "", out)
    return out


def has(of: Leaves | None, key: tuple[str, ...], value: Any) -> bool:
    """Whether a value is there, and is this one."""
    return of is not None and key in of and same(of[key][1], value)


def repeats_key(pointer: str, value: Any) -> bool:
    """Whether a value is the key of its element, which the pointer names already."""
    schema, parts, is_element = POD, split(pointer), False
    for part in parts[:-1]:
        is_element = bool(schema.key) and not is_element
        schema = schema if is_element else schema.of(part)
    return is_element and parts[-1] == schema.key and str(value) == parts[-2]


def _collect(value: Any, schema: Schema, pointer: str, out: dict[tuple[str, ...], tuple[str, Any]]) -> None:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            at = join(pointer, name)
            if isinstance(inner, (dict, list)):
                _collect(inner, schema.of(str(name)), at, out)
            else:
                # Most values, which need no call.
                out[(at,)] = (at, inner)
    elif isinstance(value, list) and value:
        _collect_list(value, schema, pointer, out)
    else:
        out[(pointer,)] = (pointer, value)


def _collect_list(
    items: list[Any], schema: Schema, pointer: str, out: dict[tuple[str, ...], tuple[str, Any]]
) -> None:
    elements = keyed(items, schema.key)
    if elements is not None:
        for key, element in elements.items():
            _collect(element, schema, join(pointer, key), out)
    elif all(isinstance(item, str) for item in items):
        # Other arguments may move these: a flag is identified by itself, its value by the flag.
        for i, item in enumerate(items):
            before = "" if item.startswith("-") or not i else items[i - 1]
            out[(pointer, before, item)] = (f"{pointer}/{i}", item)
    else:
        for i, item in enumerate(items):
            _collect(item, schema, f"{pointer}/{i}", out)
