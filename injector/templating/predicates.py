"""Tests of the language, what may stand behind `is`: `x is defined`, `n is odd`.

They may be asked about a value that is not there. Comparison itself belongs to `operations`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from jinja2.runtime import Undefined

from injector.templating.operations import compare
from injector.templating.sandbox import Function, tested
from injector.templating.values import numeric


def _compares(name: str) -> Callable[..., bool]:
    return lambda env, value, other: compare(env, value, name, other)


def _is(*types: type) -> Callable[..., bool]:
    return lambda _env, value: isinstance(value, types) and (bool in types or not isinstance(value, bool))


_PLAIN: Final[Mapping[str, Callable[..., bool]]] = {
    "defined": lambda _env, value: not isinstance(value, Undefined),
    "undefined": lambda _env, value: isinstance(value, Undefined),
    "none": lambda _env, value: value is None,
    "boolean": _is(bool),
    "true": lambda _env, value: value is True,
    "false": lambda _env, value: value is False,
    "integer": _is(int),
    "float": _is(float),
    "number": _is(int, float),
    "string": _is(str),
    "mapping": _is(dict),
    "sequence": _is(list, tuple, str),
    "iterable": _is(list, tuple, str, dict),
    "odd": lambda _env, value: numeric(value) % 2 == 1,
    "even": lambda _env, value: numeric(value) % 2 == 0,
    "divisibleby": lambda _env, value, number: numeric(value) % number == 0,
    "in": _compares("in"),
    **dict.fromkeys(("eq", "equalto", "=="), _compares("eq")),
    **dict.fromkeys(("ne", "!="), _compares("ne")),
    **dict.fromkeys(("lt", "lessthan", "<"), _compares("lt")),
    **dict.fromkeys(("le", "<="), _compares("lteq")),
    **dict.fromkeys(("gt", "greaterthan", ">"), _compares("gt")),
    **dict.fromkeys(("ge", ">="), _compares("gteq")),
}

TESTS: Final[Mapping[str, Function]] = {name: tested(name, function) for name, function in _PLAIN.items()}
