"""Filters that templates may use: `x | default("a")`.

`guarded` wraps each one: its input is charged and is not undefined (but for `default`), and its
result is measured. Only those that can return much more than they get, or that compare, charge more
themselves. All of them return lists, never iterators.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2.runtime import Undefined

from injector import yamltext
from injector.printable import shown
from injector.templating.budget import SIZED, Refused
from injector.templating.sandbox import Function, Sandbox, guarded
from injector.templating.values import NUMBER, defined, json_of, kind, listed, numeric, text_of

_ABSENT: Final = object()
_DIGITS: Final = 64


def _default(_env: Sandbox, value: object, fallback: object = "", boolean: bool = False) -> object:
    empty = value is None or isinstance(value, Undefined) or (boolean and not value)
    return fallback if empty else value


def _replace(env: Sandbox, value: object, old: object, new: object, count: int = -1) -> str:
    text, before, after = text_of(value), text_of(old), text_of(new)
    occurrences = text.count(before)
    growth = (occurrences if count < 0 else min(occurrences, count)) * (len(after) - len(before))
    env.run.room(len(text) + max(growth, 0), str)
    return text.replace(before, after, count)


def _join(env: Sandbox, value: Any, separator: object = "", attribute: str | int | None = None) -> str:
    texts = [text_of(item) for item in _picked(env, value, attribute)]
    glue = text_of(separator)
    env.run.room(sum(map(len, texts)) + len(glue) * max(len(texts) - 1, 0), str)
    return glue.join(texts)


def _indent(
    env: Sandbox, value: object, width: int | str = 4, first: bool = False, blank: bool = False
) -> str:
    text = text_of(value)
    size = len(width) if isinstance(width, str) else width
    env.run.room(len(text) + max(size, 0) * (text.count("\n") + 1), str)
    margin = width if isinstance(width, str) else " " * width
    head, *tail = text.split("\n")
    lines = [(margin + line) if line or blank else line for line in tail]
    return "\n".join([margin + head if first else head, *lines])


def _int(_env: Sandbox, value: object, default: object = _ABSENT) -> Any:
    return _parsed(int, value, default)


def _float(_env: Sandbox, value: object, default: object = _ABSENT) -> Any:
    return _parsed(float, value, default)


def _parsed(read: Callable[[Any], int | float], value: object, default: object) -> Any:
    readable = isinstance(value, NUMBER) or (isinstance(value, str) and len(value) <= _DIGITS)
    try:
        if readable:
            return read(value)
    except (ValueError, OverflowError):
        pass
    if default is _ABSENT:
        raise Refused("a value is not a number", "add a default: `| int(0)`, `| float(0)`")
    return default


def _round(_env: Sandbox, value: Any, precision: int = 0, method: str = "common") -> Any:
    if method not in ("common", "floor", "ceil") or not 0 <= precision <= 15:
        raise Refused("round takes a precision of 0 to 15 and one of common, floor, ceil")
    numeric(value)
    factor = 10**precision
    if method == "common":
        return round(value, precision)
    scaled = value * factor
    whole = scaled // 1 if method == "floor" else -(-scaled // 1)
    return whole / factor


def _picked(env: Sandbox, value: Any, attribute: str | int | None) -> list[Any]:
    items = list(listed(value, env.run))
    return items if attribute is None else [_attribute(env, item, attribute) for item in items]


def _attribute(env: Sandbox, item: Any, path: str | int) -> Any:
    for part in str(path).split("."):
        item = env.getitem(item, int(part)) if part.isdecimal() else env.getattr(item, part)
    return item


def _sort_key(item: Any, case_sensitive: bool) -> Any:
    defined(item)
    return item.lower() if isinstance(item, str) and not case_sensitive else item


def _sort(
    env: Sandbox,
    value: Any,
    reverse: bool = False,
    case_sensitive: bool = False,
    attribute: str | int | None = None,
) -> list[Any]:
    items = list(listed(value, env.run))
    if not items:
        return items
    keys = [_sort_key(key, case_sensitive) for key in _picked(env, items, attribute)]
    env.run.charge(env.run.cost(keys) * len(keys).bit_length())
    order = sorted(range(len(items)), key=keys.__getitem__, reverse=reverse)
    return [items[index] for index in order]


def _dictsort(
    env: Sandbox, value: Any, case_sensitive: bool = False, by: str = "key", reverse: bool = False
) -> list[Any]:
    if by not in ("key", "value"):
        raise Refused("dictsort sorts by 'key' or by 'value'")
    return _sort(env, _items(env, value), reverse, case_sensitive, 0 if by == "key" else 1)


def _items(env: Sandbox, value: Any) -> list[Any]:
    if not isinstance(value, dict):
        raise Refused(f"{kind(value)} has no items", "a map is expected")
    env.run.step(len(value))
    return list(value.items())


def _unique(
    env: Sandbox, value: Any, case_sensitive: bool = False, attribute: str | int | None = None
) -> list[Any]:
    items = list(listed(value, env.run))
    seen: dict[str, Any] = {}
    for item, key in zip(items, _picked(env, items, attribute), strict=True):
        seen.setdefault(_tojson(env, _sort_key(key, case_sensitive), sort=True), item)
    return list(seen.values())


def _extreme(last: bool) -> Function:
    def pick(
        env: Sandbox, value: Any, case_sensitive: bool = False, attribute: str | int | None = None
    ) -> Any:
        ordered = _sort(env, value, case_sensitive=case_sensitive, attribute=attribute)
        return _end(last)(env, ordered)

    return pick


def _end(last: bool) -> Function:
    def pick(env: Sandbox, value: Any) -> Any:
        items = list(listed(value, env.run))
        return items[-1 if last else 0] if items else env.undefined("the list is empty", name="")

    return pick


def _sum(env: Sandbox, value: Any, attribute: str | int | None = None, start: Any = 0) -> Any:
    for number in _picked(env, value, attribute):
        start = env.run.built(numeric(start) + numeric(number))
    return start


def _map(env: Sandbox, value: Any, name: str | None = None, *args: Any, **kwargs: Any) -> list[Any]:
    items = listed(value, env.run)
    if name is None:
        attribute, default = kwargs.pop("attribute", None), kwargs.pop("default", _ABSENT)
        if attribute is None or kwargs:
            raise Refused("map takes the name of a filter, or attribute= and default=")
        members = _picked(env, items, attribute)
        return [
            default if isinstance(item, Undefined) and default is not _ABSENT else item for item in members
        ]
    if name not in FILTERS:
        raise Refused(f"unknown filter {shown(name)!r}", "have " + ", ".join(sorted(FILTERS)))
    return [env.filters[name](env, item, *args, **kwargs) for item in items]


def _chosen(wanted: bool, by_attribute: bool) -> Callable[..., list[Any]]:
    def choose(env: Sandbox, value: Any, *args: Any) -> list[Any]:
        attribute, test = (args[0], args[1:]) if by_attribute and args else (None, args)
        if by_attribute and attribute is None:
            raise Refused("selectattr and rejectattr take an attribute first")
        if test and test[0] not in env.tests:
            raise Refused(f"unknown test {shown(str(test[0]))!r}", "have " + ", ".join(sorted(env.tests)))
        items = list(listed(value, env.run))
        probes = _picked(env, items, attribute)
        verdicts = (env.tests[test[0]](env, probe, *test[1:]) if test else bool(probe) for probe in probes)
        return [item for item, verdict in zip(items, verdicts, strict=True) if bool(verdict) is wanted]

    return choose


def _tojson(env: Sandbox, value: Any, sort: bool = False) -> str:
    plain = json_of(value, env.run)
    env.run.charge(env.run.cost(plain))
    return json.dumps(plain, sort_keys=sort, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _toyaml(env: Sandbox, value: Any) -> str:
    plain = json_of(value, env.run)
    env.run.charge(env.run.cost(plain) * 16)
    return yamltext.dump(plain).removesuffix("\n")


def _trim(env: Sandbox, value: object, characters: str | None = None) -> str:
    text = text_of(value)
    env.run.charge(len(text) * len(characters or ""))
    return text.strip(characters)


def _trunc(_env: Sandbox, value: object, size: int) -> str:
    text = text_of(value)
    return text[:size] if size >= 0 else text[size:]


def _length(_env: Sandbox, value: Any) -> int:
    if not isinstance(value, SIZED):
        raise Refused(f"{kind(value)} has no length")
    return len(value)


def _reverse(env: Sandbox, value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else list(listed(value, env.run))[::-1]


_PLAIN: Final[Mapping[str, Function]] = {
    "abs": lambda _env, value: abs(numeric(value)),
    "capitalize": lambda _env, value: text_of(value).capitalize(),
    "count": _length,
    "d": _default,
    "default": _default,
    "dictsort": _dictsort,
    "first": _end(last=False),
    "float": _float,
    "indent": _indent,
    "int": _int,
    "items": _items,
    "join": _join,
    "last": _end(last=True),
    "length": _length,
    "list": lambda env, value: list(listed(value, env.run)),
    "lower": lambda _env, value: text_of(value).lower(),
    "map": _map,
    "max": _extreme(last=True),
    "min": _extreme(last=False),
    "quote": lambda _env, value: json.dumps(text_of(value), ensure_ascii=False),
    "reject": _chosen(wanted=False, by_attribute=False),
    "rejectattr": _chosen(wanted=False, by_attribute=True),
    "replace": _replace,
    "reverse": _reverse,
    "round": _round,
    "select": _chosen(wanted=True, by_attribute=False),
    "selectattr": _chosen(wanted=True, by_attribute=True),
    "sort": _sort,
    "string": lambda _env, value: text_of(value),
    "sum": _sum,
    "title": lambda _env, value: text_of(value).title(),
    "tojson": _tojson,
    "toyaml": _toyaml,
    "trim": _trim,
    "trunc": _trunc,
    "unique": _unique,
    "upper": lambda _env, value: text_of(value).upper(),
}

FILTERS: Final[Mapping[str, Function]] = {
    name: guarded(name, function, takes_undefined=function is _default) for name, function in _PLAIN.items()
}
