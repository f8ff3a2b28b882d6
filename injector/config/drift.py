"""What differs between two configurations, by the paths that people write. Not here: where they are from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from injector.classes import dataclass
from injector.patterns import pattern
from injector.printable import shown

_NOTHING: Final = object()
_LONGEST: Final = 60
_PLAIN = pattern(r"[A-Za-z0-9_-]+", re.ASCII)
# Where a value may be a secret, by the words of its path or by its form.
_SECRET_KEY = pattern(
    r"passw(or)?d|passphrase|secret|token|credential|private|api[-_]?key|access[-_]?key|^key$|auth",
    re.IGNORECASE,
)
_SECRET_TEXT = pattern(r"PRIVATE KEY-----|://[^/\s:@]*:[^/\s@]+@|\beyJ[\w-]{8,}\.|\b(Bearer|Basic)\s+\S{8,}")
HIDDEN: Final = "a value that is not shown"


@dataclass(frozen=True, slots=True)
class Drift:
    """One key whose values differ; both as they are shown: short, and no secret."""

    path: str
    before: str
    after: str


def drifts(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Drift, ...]:
    """The keys that differ, in alphabetical order."""
    return tuple(_drifts(before, after, ()))


def _drifts(before: Any, after: Any, path: tuple[str, ...]) -> Iterator[Drift]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({**before, **after}):
            one, other = before.get(key, _NOTHING), after.get(key, _NOTHING)
            yield from _drifts(one, other, (*path, str(key)))
    elif before is _NOTHING and isinstance(after, Mapping) and after:
        yield from _drifts({}, after, path)
    elif after is _NOTHING and isinstance(before, Mapping) and before:
        yield from _drifts(before, {}, path)
    elif before != after or isinstance(before, bool) is not isinstance(after, bool):
        yield Drift(_written(path), *_pair(before, after, path))


def _written(path: tuple[str, ...]) -> str:
    """The path with dots; a part with other characters is quoted."""
    return ".".join(part if _PLAIN.fullmatch(part) else json.dumps(shown(part)) for part in path)


def _pair(before: Any, after: Any, path: tuple[str, ...]) -> tuple[str, str]:
    """Both values in short; of texts with several lines the first line that differs."""
    if any(map(_SECRET_KEY.search, path)) and not all(map(_is_harmless, (before, after))):
        return _hidden(before), _hidden(after)
    if isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        lines, others = before.split("\n"), after.split("\n")
        same = sum(1 for _ in _common(lines, others))
        where = f"line {same + 1} "
        return where + _short(_line(lines, same)), where + _short(_line(others, same))
    return _short(before), _short(after)


def _common(lines: list[str], others: list[str]) -> Iterator[str]:
    """The lines at the beginning that are the same."""
    for one, other in zip(lines, others, strict=False):
        if one != other:
            return
        yield one


def _line(lines: list[str], number: int) -> Any:
    return lines[number].strip() if number < len(lines) else _NOTHING


def _is_harmless(value: Any) -> bool:
    """Whether a value holds no text of its own."""
    return value is _NOTHING or value is None or isinstance(value, bool) or value in ("", [], {})


def _hidden(value: Any) -> str:
    return _short(value) if _is_harmless(value) else HIDDEN


def _short(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    # All of it is looked at, not only what would be shown.
    return HIDDEN if _SECRET_TEXT.search(text) else shown(text, _LONGEST)
