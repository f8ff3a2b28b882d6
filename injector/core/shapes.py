"""Pod templates in objects of any kind, recognised by their shape. Not here: the kinds with known places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from injector.pointer import join

MOST: Final = 20
"""Pod templates of one object that are looked for."""
_VALUES: Final = 200_000


def pod_templates(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The pointers of what has a map ``spec`` with a list of ``containers``; at most `MOST`.

    The search ends after a fixed number of values.
    """
    out: list[str] = []
    for pointer, value in _maps(manifest):
        spec = value.get("spec")
        containers = spec.get("containers") if isinstance(spec, dict) else None
        if isinstance(containers, list) and all(isinstance(each, dict) for each in containers):
            out.append(pointer)
            if len(out) == MOST:
                break
    return tuple(out)


def _maps(tree: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All maps with their pointers, in the order in which they are written."""
    waiting: list[tuple[str, Any]] = [("", tree)]
    for _ in range(_VALUES):
        if not waiting:
            return
        pointer, value = waiting.pop()
        members: list[tuple[Any, Any]] = []
        if isinstance(value, Mapping):
            yield pointer, value
            members = list(value.items())
        elif isinstance(value, list):
            members = list(enumerate(value))
        waiting += [
            (join(pointer, key), inner) for key, inner in reversed(members) if isinstance(inner, dict | list)
        ]
