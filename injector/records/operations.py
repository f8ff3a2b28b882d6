"""The operations of a recorded patch against those of a replay: keys of a record are pseudonyms.

With the key of the records the pseudonym of a key is known. Without it only its form is: which parts stay
literal, and where pseudonyms stand.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from injector.pointer import escape, unescape
from injector.records.pseudonyms import Pseudonyms, form, has_pseudonym


class ComparedOperations(NamedTuple):
    """Recorded operations that are gone, new ones, and pairs of which only the form of a key is the same."""

    gone: tuple[tuple[str, str], ...] = ()
    new: tuple[tuple[str, str], ...] = ()
    alike: tuple[tuple[str, str], ...] = ()


def compare(
    recorded: Sequence[tuple[str, str]],
    now: Sequence[tuple[str, str]],
    pseudonyms: Pseudonyms | None,
    words: Collection[str],
) -> ComparedOperations:
    """The differences, by operation and path. `words` stayed literal in the record."""
    left = list(recorded)
    new: list[tuple[str, str]] = []
    for op, path in now:
        as_recorded = (op, _renamed(path, pseudonyms))
        if as_recorded in left:
            left.remove(as_recorded)
        elif (op, path) in left:
            left.remove((op, path))
        else:
            new.append((op, path))
    if pseudonyms is not None:
        return ComparedOperations(tuple(left), tuple(new))
    alike = []
    for operation in tuple(new):
        op, path = operation
        twin = next((each for each in left if each[0] == op and is_alike(each[1], path, words)), None)
        if twin is not None:
            left.remove(twin)
            new.remove(operation)
            alike.append(operation)
    return ComparedOperations(tuple(left), tuple(new), tuple(alike))


def is_alike(recorded: str, path: str, words: Collection[str]) -> bool:
    """Whether a recorded path may be this one: its key is a pseudonym of the same form."""
    before, after = _key_of(recorded), _key_of(path)
    if not before or not after or before[0] != after[0] or not has_pseudonym(before[1]):
        return False
    return re.fullmatch(form(after[1], words), before[1]) is not None


def _renamed(path: str, pseudonyms: Pseudonyms | None) -> str:
    """The path with the pseudonym of the key at its end; a key of the recorded pod is one already."""
    parts = _key_of(path)
    if pseudonyms is None or parts is None or has_pseudonym(parts[1]):
        return path
    return f"{parts[0]}/{escape(pseudonyms.name(parts[1]))}"


def _key_of(path: str) -> tuple[str, str] | None:
    """The map and the key of a label or an annotation; None for another path."""
    parts = path.split("/")
    if parts[1:2] == ["metadata"] and len(parts) == 4:
        return "/".join(parts[:3]), unescape(parts[3])
    return None
