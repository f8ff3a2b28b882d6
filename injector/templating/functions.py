"""Global functions of the language, which every template may call: `range(3)`, `fail("why")`.

Those that a profile brings are none of these (`render.Templates`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn

from jinja2.utils import Namespace

from injector.printable import shown
from injector.templating.budget import Refused
from injector.templating.sandbox import Function, Sandbox
from injector.templating.values import text_of

_FREE_TEXT: Final = 512


def _range(env: Sandbox, *args: int) -> list[int]:
    numbers = range(*args)
    env.run.room(len(numbers), list)
    env.run.step(len(numbers))
    return list(numbers)


def _fail(_env: Sandbox, message: object) -> NoReturn:
    raise Refused(shown(text_of(message), _FREE_TEXT))


def _dict(env: Sandbox, mapping: Mapping[str, object] | None = None, /, **items: object) -> dict[str, object]:
    env.run.charge(16 * len(mapping or ()))
    return {**(mapping or {}), **items}


def _namespace(_env: Sandbox, /, **items: object) -> Namespace:
    return Namespace(**items)


FUNCTIONS: Final[Mapping[str, Function]] = {
    "range": _range,
    "namespace": _namespace,
    "dict": _dict,
    "fail": _fail,
}
