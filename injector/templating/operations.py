"""Operations that the compiler puts in place of parts of the language (`rewriting`).

Output, and what has a cost but no hook in Jinja: comparison, concatenation, slices, loops. Jinja
calls them as filters; there is a blank in their names, so that no template can write them.
Operators that Jinja lets be intercepted belong to `sandbox`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from jinja2.runtime import Context, Undefined
from jinja2.utils import pass_context, pass_environment

from injector.templating.budget import LIST, TREE, Refused, RenderBudget
from injector.templating.sandbox import Function, Sandbox
from injector.templating.values import defined, kind, listed, text_of

# A mark is the index of a value in `Run.values` between these two characters.
MARK: Final = "\ue000"
MARK_END: Final = "\ue001"
_MARKS: Final = tuple(f"{MARK}{index}{MARK_END}" for index in range(512))


# What is output takes the context, not the environment: else Jinja evaluates constants when it compiles.


@pass_context
def _mark(context: Context, value: object, line: int, label: str) -> str:
    """Leave a mark, and the value beside the text."""
    run = context.environment.run  # type: ignore[attr-defined]
    defined(value)
    index = len(run.values)
    run.values.append(value)
    run.places.append((context.name, line, label))
    run.last = (context.name, line)
    return _MARKS[index] if index < len(_MARKS) else f"{MARK}{index}{MARK_END}"


@pass_context
def _text(context: Context, value: object, label: str = "") -> str:
    """The text of a value, or of the template, in output that something else uses."""
    run: RenderBudget = context.environment.run  # type: ignore[attr-defined]
    return run.emit(text_of(value, label))


@pass_context
def _trace(context: Context, text: str, line: int) -> str:
    """Note which line a text of the template comes from."""
    context.environment.run.last = (context.name, line)  # type: ignore[attr-defined]
    return text


_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gteq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}
_EQUALITY: Final = {"eq": True, "ne": False}


@pass_environment
def compare(env: Sandbox, left: Any, *chain: Any) -> bool:
    """`left`, then pairs of an operator (of the table above) and what stands right of it."""
    if len(chain) == 2 and chain[0] in _EQUALITY and type(left) is str and type(chain[1]) is str:
        # Nearly all are of this form.
        env.run.charge(len(left))
        return (left == chain[1]) is _EQUALITY[chain[0]]
    for name, right in zip(chain[::2], chain[1::2], strict=True):
        _charge(env, name, left, right)
        if not _COMPARE[name](left, right):
            return False
        left = right
    return True


def _charge(env: Sandbox, name: str, left: Any, right: Any) -> None:
    """Charge a comparison: it walks at most the left side, for each item of the right one under `in`."""
    defined(left)
    defined(right)
    if isinstance(left, str) and not isinstance(right, TREE):
        size = len(left) + (len(right) if isinstance(right, str) and name in ("in", "notin") else 0)
    elif isinstance(left, TREE) or isinstance(right, TREE):
        items = len(right) if name in ("in", "notin") and isinstance(right, LIST) else 1
        size = env.run.cost(left) * items
    else:
        return
    env.run.charge(size)


@pass_environment
def _concat(env: Sandbox, values: Sequence[object]) -> str:
    texts = [text_of(value) for value in values]
    env.run.room(sum(map(len, texts)), str)
    return "".join(texts)


@pass_environment
def _slice(env: Sandbox, value: Any, start: Any, stop: Any, step: Any) -> Any:
    for part in (value, start, stop, step):
        defined(part)
    if not isinstance(value, str | list | tuple):
        raise Refused(f"{kind(value)} has no slices")
    return env.run.built(value[start:stop:step])


@pass_environment
def _loop(env: Sandbox, value: object) -> object:
    return listed(value, env.run, "loop over")


@pass_environment
def _missing_else(env: Sandbox, _value: None) -> Undefined:
    return env.undefined("an inline if without else has no value if its condition is false")


OPERATIONS: Final[Mapping[str, Function]] = {
    "the mark": _mark,
    "the text": _text,
    "the trace": _trace,
    "the comparison": compare,
    "the concatenation": _concat,
    "the slice": _slice,
    "the loop": _loop,
    "the missing else": _missing_else,
}
