"""What a template may do: names, attributes, calls, operators, filters, tests, and how much of each.

Jinja's sandbox stops a template from reaching Python's internals; it does not stop one from
burning the processor or filling the memory. Here every operation whose cost can grow is counted
against `Limits`: what goes through an operator, a filter, a test, a call or a loop is charged
*before* the work is done. All iterables of the language are lists, maps and strings, so that a
loop knows its length when it starts.

Templates and their compilation (`templates`) and YAML (`render`) do not belong here.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, Final, NoReturn, TypeVar, cast

from jinja2 import Template, pass_context, pass_environment
from jinja2.environment import TemplateModule
from jinja2.exceptions import UndefinedError
from jinja2.runtime import Context, LoopContext, Macro, StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, missing

from injector import yamltext

T = TypeVar("T")
Place = tuple[str, int]
"""Key of a compiled template, and a line in it."""

MiB: Final = 1 << 20
NODE: Final = 64
"""What a walk over a tree charges for each item: its time is that of so many characters."""
_ABSENT: Final = object()
# Unions in isinstance cost three times as much, and some of these run for every expression.
_LIST: Final = (list, tuple)
_SIZED: Final = (str, list, tuple, dict)
_NUMBER: Final = (int, float)
_DIGITS: Final = 64
_FREE_TEXT: Final = 512


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one rendering may use. Lengths of text are counted in characters."""

    steps: int = 200_000
    """Loop iterations, calls, filters, includes."""
    output: int = 8 * MiB
    """Text that is output, buffered output (set blocks, macros) included."""
    skeleton: int = 1 * MiB
    """YAML to be parsed, which costs far more than text."""
    work: int = 32 * MiB
    """Characters and items that operators, filters and comparisons touch or build."""
    text: int = 4 * MiB
    """One string."""
    items: int = 1_000_000
    """One list."""
    bits: int = 4096
    """One integer."""
    depth: int = 50
    """Macros that call each other; small enough that Python's own stack is never the limit."""
    skeletons: int = 16 * MiB
    """Bytes of parsed skeletons that are kept between renderings (an estimate)."""


class Refused(Exception):
    """What a template asks for makes no sense or is not allowed; the message is fit to be shown."""

    def __init__(self, message: str, hint: str = "", place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.place = place


class Unknown(Refused):
    """A name, key or attribute that is not there was used; `name` is its last part."""

    def __init__(self, message: str, name: object) -> None:
        super().__init__(message, "give it a value, or write `| default(...)`" if name else "")
        self.name = "" if name is None else str(name)


class Missing(StrictUndefined):
    """A value that is not there: any use of it but `is defined` and `default` is `Unknown`."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: Callable[[str], Exception] = UndefinedError,
    ) -> None:
        message = hint or f"{cut(str(name))!r} is not defined"
        super().__init__(message, obj, name, cast(Any, lambda text: Unknown(text, name)))


class Run:
    """The account of one rendering: what it has used, and the values that it has left in its skeleton."""

    __slots__ = ("depth", "last", "limits", "output", "places", "steps", "values", "work")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.steps = self.output = self.work = self.depth = 0
        self.values: list[object] = []
        self.places: list[tuple[str, int, str]] = []
        self.last: Place = ("", 1)

    def step(self, count: int = 1) -> None:
        self.steps += count
        if self.steps > self.limits.steps:
            self._exceeded(f"takes more than {self.limits.steps} steps")

    def charge(self, units: int) -> None:
        self.work += units
        if self.work > self.limits.work:
            self._exceeded(f"builds or compares more than {self.limits.work} characters and items")

    def emit(self, text: str) -> str:
        """Count `text` as output and return it."""
        self.output += len(text)
        if self.output > self.limits.output:
            self._exceeded(f"outputs more than {self.limits.output} characters")
        return text

    def room(self, size: int, kind: type) -> None:
        """Refuse a string (`str`) or list of this size before it is built."""
        limit = self.limits.text if kind is str else self.limits.items
        if size > limit:
            unit = "a text of more than {} characters" if kind is str else "a list of more than {} items"
            self._exceeded("builds " + unit.format(limit))
        self.charge(size if kind is str else size * 16)

    def built(self, value: T) -> T:
        """Check what an operation has built, and return it."""
        if isinstance(value, str):
            self.room(len(value), str)
        elif isinstance(value, _LIST):
            self.room(len(value), list)
        elif isinstance(value, int) and value.bit_length() > self.limits.bits:
            self._exceeded(f"builds an integer of more than {self.limits.bits} bits")
        elif isinstance(value, complex):
            raise Refused("the result is not a real number")
        return value

    def cost(self, value: object) -> int:
        """The price of a walk over a value, all levels; shared parts count each time they are met."""
        if isinstance(value, str):
            return len(value) + 1
        total, stack = 0, [value]
        while stack:
            item = stack.pop()
            total += NODE + (len(item) if isinstance(item, _SIZED) else 0)
            if isinstance(item, _LIST):
                stack.extend(item)
            elif isinstance(item, dict):
                stack.extend(item.values())
            if total > self.limits.work:
                self.charge(total)
        return total

    def _exceeded(self, what: str) -> NoReturn:
        raise Refused(f"the template {what}", "look for a loop, a macro or a text that grows without end")


def cut(text: str, size: int = 64) -> str:
    """Text that may come from a pod, short enough for a message."""
    return text if len(text) <= size else text[: size - 1] + "…"


def kind(value: object) -> str:
    """What a value is, in the words of JSON."""
    words: list[tuple[type | tuple[type, ...], str]] = [
        (type(None), "null"),
        (bool, "a boolean"),
        ((int, float), "a number"),
        (str, "a string"),
        ((list, tuple), "a list"),
        (dict, "a map"),
        (Undefined, "undefined"),
        (Macro, "a macro"),
        ((Method, Callable), "a function"),  # type: ignore[list-item]
    ]
    return next((word for types, word in words if isinstance(value, types)), "an internal object")


def text_of(value: object, label: str = "") -> str:
    """The text of a scalar: booleans and numbers as JSON writes them. Refused: null, lists, maps."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _NUMBER):
        return _number_text(value)
    _defined(value)
    hints = {
        "null": "write `| default(...)`, or output it alone as a plain value",
        "a list": "write `| join(...)` or `| tojson`, or output it alone as a plain value",
        "a map": "write `| tojson`, or output it alone as a plain value",
        "a macro": "call it: put () after it",
        "a function": "call it: put () after it",
    }
    what = kind(value)
    raise Refused(f"{_subject(label)} is {what}, which has no text", hints.get(what, ""))


def json_of(value: object, run: Run, label: str = "") -> Any:
    """A copy of a value that is shaped as JSON: tuples are lists. Refused: anything else."""
    if isinstance(value, str):
        run.charge(len(value))
        return value
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        _number_text(value)
        return value
    if isinstance(value, _LIST):
        run.charge(len(value) * NODE)
        return [json_of(item, run, label) for item in value]
    if isinstance(value, dict):
        run.charge(len(value) * NODE)
        return {_key(key, label): json_of(item, run, label) for key, item in value.items()}
    _defined(value)
    raise Refused(f"{_subject(label)} is or holds {kind(value)}", "only JSON-shaped values can be output")


def _subject(label: str) -> str:
    return f"`{label}`" if label else "the value"


def _key(key: object, label: str) -> str:
    if not isinstance(key, str):
        raise Refused(f"{_subject(label)} has a key that is {kind(key)}", "keys are strings")
    return key


def _number_text(value: int | float) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        raise Refused("a number is infinite, not a number, or too large") from None


def _defined(value: object) -> None:
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()


# ---- attributes and calls ------------------------------------------------------------------------

_STR_METHODS: Final = frozenset(
    (
        *("lower", "upper", "title", "capitalize", "isdigit", "count", "find"),
        *("strip", "lstrip", "rstrip", "removeprefix", "removesuffix", "startswith", "endswith"),
        *("split", "rsplit", "splitlines", "partition", "rpartition"),
    )
)
_METHODS: Final[Mapping[type, frozenset[str]]] = {
    str: _STR_METHODS,
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"index", "count"}),
    tuple: frozenset({"index", "count"}),
}
_LOOP: Final = frozenset(
    (
        *("index", "index0", "revindex", "revindex0", "first", "last"),
        *("length", "depth", "previtem", "nextitem"),
    )
)


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a value that a template has named and may call."""

    owner: Any
    name: str

    def call(self, run: Run, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Any:
        for arg in args:
            _defined(arg)
        if isinstance(self.owner, _SIZED):
            # Stripping characters and searching from the right take the product of the lengths.
            run.charge((len(self.owner) + 1) * (1 + sum(map(run.cost, args))))
        result = getattr(self.owner, self.name)(*args, **kwargs)
        # A view has no place among JSON-shaped values.
        return list(result) if self.name in ("items", "keys", "values") else result


_BINARY: Final = ImmutableSandboxedEnvironment.default_binop_table


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all templates of one set. Renders one template at a time: `run` is its account.

    `find` gives the compiled template of a key; `functions` are further globals, and the only
    callables beside macros, methods of the lists above and the globals of this module.
    """

    # Intercepted operators are not folded at compile time either.
    intercepted_binops = frozenset(_BINARY)

    def __init__(
        self, functions: Mapping[str, Callable[..., object]], limits: Limits, find: Callable[[str], Template]
    ) -> None:
        # Nothing is folded when a template is compiled (`optimized`): a filter on constants is
        # charged as every other one.
        super().__init__(
            undefined=Missing,
            optimized=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            cache_size=0,
        )
        self.run = Run(limits)
        self.find = find
        self.filters = {name: _guarded(name, function) for name, function in FILTERS.items()}
        self.filters |= {name: pass_environment(function) for name, function in _INTERNAL.items()}
        self.filters["the text"] = _piece
        self.tests = {name: _tested(name, function) for name, function in TESTS.items()}
        self.globals = {name: pass_environment(function) for name, function in _GLOBALS.items()}
        self._callable = {id(function) for function in functions.values()}
        self._own = {id(function) for function in self.globals.values()}
        self.globals |= functions

    def get_template(self, name: Any, parent: str | None = None, globals: Any = None) -> Template:
        """The template of an include or import; its name is a key that the compiler wrote."""
        self.run.step()
        return self.find(name)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key of a map before anything else, else an attribute that the lists above allow."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]  # first for speed as well: nearly all look-ups end here
        _defined(obj)
        allowed = next((names for types, names in _METHODS.items() if isinstance(obj, types)), frozenset())
        if attribute in allowed or (isinstance(obj, LoopContext) and attribute == "cycle"):
            return Method(obj, attribute)
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        if isinstance(obj, Namespace | TemplateModule) and not attribute.startswith("_"):
            found = getattr(obj, attribute, missing)
            return self.undefined(obj=obj, name=attribute) if found is missing else found
        if isinstance(obj, dict):
            return self.undefined(obj=obj, name=attribute)
        return self.undefined(f"{kind(obj)} has no {cut(attribute)!r} that templates may use", obj=obj)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An item of a map, list or string; what is not there is undefined."""
        _defined(obj)
        _defined(argument)
        # The key may be a text of a pod: only a path that stands in the template is told (`render`).
        absent = f"{kind(obj)} has no such item"
        if isinstance(obj, dict):
            return obj[argument] if argument in obj else self.undefined(absent, obj=obj, name=argument)
        if isinstance(obj, str | list | tuple) and isinstance(argument, int):
            in_range = -len(obj) <= argument < len(obj)
            return obj[argument] if in_range else self.undefined(absent, obj=obj, name=str(argument))
        return self.getattr(obj, argument) if isinstance(argument, str) else self.undefined(absent)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a macro, a method that `getattr` allowed, or a global function; nothing else."""
        for internal in ("_loop_vars", "_block_vars"):
            kwargs.pop(internal, None)
        self.run.step()
        if isinstance(obj, Macro):
            return self._call_macro(obj, args, kwargs)
        if isinstance(obj, Method):
            return self.run.built(obj.call(self.run, args, kwargs))
        if id(obj) in self._own:
            return obj(self, *args, **kwargs)
        if id(obj) in self._callable:
            for value in (*args, *kwargs.values()):
                _defined(value)
            return self.run.built(obj(*args, **kwargs))
        _defined(obj)
        raise Refused(f"{kind(obj)} cannot be called")

    def _call_macro(self, macro: Macro, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        if self.run.depth >= self.run.limits.depth:
            raise Refused(f"macros call each other more than {self.run.limits.depth} levels deep")
        self.run.depth += 1
        try:
            return self.run.built(macro(*args, **kwargs))
        finally:
            self.run.depth -= 1

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An arithmetic operator, refused before the work where its result would be too large."""
        _defined(left)
        _defined(right)
        bits = self.run.limits.bits
        if operator == "%" and isinstance(left, str):
            raise Refused("% does not format strings here", "join texts with ~")
        if operator == "+" and isinstance(left, str | list | tuple) and isinstance(right, type(left)):
            self.run.room(len(left) + len(right), type(left))
        elif operator == "*" and not (isinstance(left, int | float) and isinstance(right, int | float)):
            self._repetition(left, right)
        elif operator in ("*", "**") and isinstance(left, int) and isinstance(right, int):
            size = (
                (left.bit_length() - 1) * right
                if operator == "**"
                else left.bit_length() + right.bit_length()
            )
            if size > bits + 1:
                raise Refused(f"the template builds an integer of more than {bits} bits")
        return self.run.built(_BINARY[operator](left, right))

    def _repetition(self, left: Any, right: Any) -> None:
        sequence, count = (left, right) if isinstance(right, int) else (right, left)
        if isinstance(sequence, str | list | tuple) and isinstance(count, int):
            self.run.room(len(sequence) * max(count, 0), type(sequence))


# ---- what the compiler puts in place of parts of the language -------------------------------------

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


def _compare(env: Sandbox, left: Any, *chain: Any) -> bool:
    for name, right in zip(chain[::2], chain[1::2], strict=True):
        _compared(env, name, left, right)
        if not _COMPARE[name](left, right):
            return False
        left = right
    return True


def _compared(env: Sandbox, name: str, left: Any, right: Any) -> None:
    """Charge a comparison: it walks at most the left side, for each item of the right one under `in`."""
    _defined(left)
    _defined(right)
    if isinstance(left, str) and not isinstance(right, list | tuple | dict):
        size = len(left) + (len(right) if isinstance(right, str) and name in ("in", "notin") else 0)
    elif isinstance(left, list | tuple | dict) or isinstance(right, list | tuple | dict):
        items = len(right) if name in ("in", "notin") and isinstance(right, _LIST) else 1
        size = env.run.cost(left) * items
    else:
        return
    env.run.charge(size)


def _concat(env: Sandbox, values: Sequence[object]) -> str:
    texts = [text_of(value) for value in values]
    env.run.room(sum(map(len, texts)), str)
    return "".join(texts)


def _slice(env: Sandbox, value: Any, start: Any, stop: Any, step: Any) -> Any:
    for part in (value, start, stop, step):
        _defined(part)
    if not isinstance(value, str | list | tuple):
        raise Refused(f"{kind(value)} has no slices")
    return env.run.built(value[start:stop:step])


def _each(env: Sandbox, value: object) -> object:
    return _listed(env, value, "loop over")


def _listed(env: Sandbox, value: Any, verb: str = "list") -> Any:
    _defined(value)
    if not isinstance(value, _SIZED):
        raise Refused(f"cannot {verb} {kind(value)}", "a list, a map or a string is expected")
    env.run.step(len(value))
    return value


@pass_context
def _piece(context: Context, value: object, label: str = "") -> str:
    # The context, not the environment: else Jinja evaluates what is constant when it compiles.
    return cast(Sandbox, context.environment).run.emit(text_of(value, label))


# A blank in a name: no template can write them.
_INTERNAL: Final[Mapping[str, Callable[..., Any]]] = {
    "the comparison": _compare,
    "the concatenation": _concat,
    "the slice": _slice,
    "the loop": _each,
    "the missing else": lambda env, value: env.undefined("an inline if without else has no value here"),
}

# ---- global functions ------------------------------------------------------------------------------


def _range(env: Sandbox, *args: int) -> list[int]:
    numbers = range(*args)
    env.run.room(len(numbers), list)
    env.run.step(len(numbers))
    return list(numbers)


def _fail(env: Sandbox, message: object) -> NoReturn:
    raise Refused(cut(text_of(message), _FREE_TEXT))


def _dict(env: Sandbox, mapping: Mapping[str, object] | None = None, /, **items: object) -> dict[str, object]:
    env.run.charge(16 * len(mapping or ()))
    return {**(mapping or {}), **items}


def _namespace(env: Sandbox, **items: object) -> Namespace:
    return Namespace(**items)


_GLOBALS: Final[Mapping[str, Callable[..., Any]]] = {
    "range": _range,
    "namespace": _namespace,
    "dict": _dict,
    "fail": _fail,
}

# ---- filters -----------------------------------------------------------------------------------------
# Every filter is wrapped by `_guarded`: its input is charged and is not undefined (but for
# `default`), and what it returns is measured. Only those that can return much more than they get,
# or that compare, charge more themselves. All of them return lists, never iterators.


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_environment
    def guard(env: Sandbox, value: Any = missing, *args: Any, **kwargs: Any) -> Any:
        env.run.step()
        if function is not _default:
            for each in (value, *args, *kwargs.values()):
                _defined(each)
        if isinstance(value, _SIZED):
            env.run.charge(len(value))
        return env.run.built(_applied(f"filter {name!r}", function, env, value, *args, **kwargs))

    return guard


def _tested(name: str, function: Callable[..., bool]) -> Callable[..., Any]:
    @pass_environment
    def guard(env: Sandbox, *args: Any, **kwargs: Any) -> bool:
        env.run.step()
        return bool(_applied(f"test {name!r}", function, env, *args, **kwargs))

    return guard


def _applied(what: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except TypeError:
        try:
            signature(function).bind(*args, **kwargs)
        except TypeError:
            raise Refused(f"{what} does not take these arguments") from None
        raise


def _default(env: Sandbox, value: object, fallback: object = "", boolean: bool = False) -> object:
    empty = value is None or isinstance(value, Undefined) or (boolean and not value)
    return fallback if empty else value


def _replace(env: Sandbox, value: object, old: object, new: object, count: int = -1) -> str:
    text, before, after = text_of(value), text_of(old), text_of(new)
    found = text.count(before)
    growth = (found if count < 0 else min(found, count)) * (len(after) - len(before))
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


def _int(env: Sandbox, value: object, default: object = _ABSENT) -> Any:
    return _parsed(int, value, default)


def _float(env: Sandbox, value: object, default: object = _ABSENT) -> Any:
    return _parsed(float, value, default)


def _parsed(number: Callable[[Any], int | float], value: object, default: object) -> Any:
    readable = isinstance(value, _NUMBER) or (isinstance(value, str) and len(value) <= _DIGITS)
    try:
        if readable:
            return number(value)
    except (ValueError, OverflowError):
        pass
    if default is _ABSENT:
        raise Refused("a value is not a number", "give a default: `| int(0)`, `| float(0)`")
    return default


def _round(env: Sandbox, value: Any, precision: int = 0, method: str = "common") -> Any:
    if method not in ("common", "floor", "ceil") or not 0 <= precision <= 15:
        raise Refused("round takes a precision of 0 to 15 and one of common, floor, ceil")
    _number(value)
    factor = 10**precision
    if method == "common":
        return round(value, precision)
    scaled = value * factor
    whole = scaled // 1 if method == "floor" else -(-scaled // 1)
    return whole / factor


def _number(value: Any) -> Any:
    """The value itself. Else `%` and `*` would format and repeat texts."""
    _defined(value)
    if not isinstance(value, _NUMBER):
        raise Refused(f"a number is expected, not {kind(value)}")
    return value


def _picked(env: Sandbox, value: Any, attribute: str | int | None) -> list[Any]:
    items = list(_listed(env, value))
    return items if attribute is None else [_attribute(env, item, attribute) for item in items]


def _attribute(env: Sandbox, item: Any, path: str | int) -> Any:
    for part in str(path).split("."):
        item = env.getitem(item, int(part)) if part.isdecimal() else env.getattr(item, part)
    return item


def _sort_key(item: Any, case_sensitive: bool) -> Any:
    _defined(item)
    return item.lower() if isinstance(item, str) and not case_sensitive else item


def _sort(
    env: Sandbox,
    value: Any,
    reverse: bool = False,
    case_sensitive: bool = False,
    attribute: str | int | None = None,
) -> list[Any]:
    items = list(_listed(env, value))
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
    items = list(_listed(env, value))
    seen: dict[str, Any] = {}
    for item, key in zip(items, _picked(env, items, attribute), strict=True):
        seen.setdefault(_tojson(env, _sort_key(key, case_sensitive), sort=True), item)
    return list(seen.values())


def _extreme(last: bool) -> Callable[..., Any]:
    def pick(
        env: Sandbox, value: Any, case_sensitive: bool = False, attribute: str | int | None = None
    ) -> Any:
        ordered = _sort(env, value, case_sensitive=case_sensitive, attribute=attribute)
        return _end(last)(env, ordered)

    return pick


def _end(last: bool) -> Callable[..., Any]:
    def pick(env: Sandbox, value: Any) -> Any:
        items = list(_listed(env, value))
        return items[-1 if last else 0] if items else env.undefined("an empty list has no item", name="")

    return pick


def _sum(env: Sandbox, value: Any, attribute: str | int | None = None, start: Any = 0) -> Any:
    for number in _picked(env, value, attribute):
        start = env.run.built(_number(start) + _number(number))
    return start


def _map(env: Sandbox, value: Any, name: str | None = None, *args: Any, **kwargs: Any) -> list[Any]:
    items = _listed(env, value)
    if name is None:
        attribute, default = kwargs.pop("attribute", None), kwargs.pop("default", _ABSENT)
        if attribute is None or kwargs:
            raise Refused("map takes the name of a filter, or attribute= and default=")
        found = _picked(env, items, attribute)
        return [default if isinstance(item, Undefined) and default is not _ABSENT else item for item in found]
    if name not in FILTERS:
        raise Refused(f"there is no filter {cut(str(name))!r}", "have " + ", ".join(sorted(FILTERS)))
    return [env.call_filter(name, item, args, kwargs) for item in items]


def _chosen(wanted: bool, by_attribute: bool) -> Callable[..., list[Any]]:
    def choose(env: Sandbox, value: Any, *args: Any) -> list[Any]:
        attribute, test = (args[0], args[1:]) if by_attribute and args else (None, args)
        if by_attribute and attribute is None:
            raise Refused("selectattr and rejectattr take an attribute first")
        if test and test[0] not in TESTS:
            raise Refused(f"there is no test {cut(str(test[0]))!r}", "have " + ", ".join(sorted(TESTS)))
        items = list(_listed(env, value))
        probes = _picked(env, items, attribute)
        verdicts = (env.call_test(test[0], probe, test[1:]) if test else bool(probe) for probe in probes)
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


def _trunc(env: Sandbox, value: object, size: int) -> str:
    text = text_of(value)
    return text[:size] if size >= 0 else text[size:]


def _length(env: Sandbox, value: Any) -> int:
    if not isinstance(value, _SIZED):
        raise Refused(f"{kind(value)} has no length")
    return len(value)


def _reverse(env: Sandbox, value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else list(_listed(env, value))[::-1]


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": lambda env, value: abs(_number(value)),
    "capitalize": lambda env, value: text_of(value).capitalize(),
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
    "list": lambda env, value: list(_listed(env, value)),
    "lower": lambda env, value: text_of(value).lower(),
    "map": _map,
    "max": _extreme(last=True),
    "min": _extreme(last=False),
    "quote": lambda env, value: json.dumps(text_of(value), ensure_ascii=False),
    "reject": _chosen(wanted=False, by_attribute=False),
    "rejectattr": _chosen(wanted=False, by_attribute=True),
    "replace": _replace,
    "reverse": _reverse,
    "round": _round,
    "select": _chosen(wanted=True, by_attribute=False),
    "selectattr": _chosen(wanted=True, by_attribute=True),
    "sort": _sort,
    "string": lambda env, value: text_of(value),
    "sum": _sum,
    "title": lambda env, value: text_of(value).title(),
    "tojson": _tojson,
    "toyaml": _toyaml,
    "trim": _trim,
    "trunc": _trunc,
    "unique": _unique,
    "upper": lambda env, value: text_of(value).upper(),
}


def _compares(name: str) -> Callable[..., bool]:
    return lambda env, value, other: _compare(env, value, name, other)


def _is(*types: type) -> Callable[..., bool]:
    return lambda env, value: isinstance(value, types) and (bool in types or not isinstance(value, bool))


def _spelled(names: Iterable[str], function: Callable[..., bool]) -> dict[str, Callable[..., bool]]:
    return dict.fromkeys(names, function)


TESTS: Final[Mapping[str, Callable[..., bool]]] = {
    "defined": lambda env, value: not isinstance(value, Undefined),
    "undefined": lambda env, value: isinstance(value, Undefined),
    "none": lambda env, value: value is None,
    "boolean": _is(bool),
    "true": lambda env, value: value is True,
    "false": lambda env, value: value is False,
    "integer": _is(int),
    "float": _is(float),
    "number": _is(int, float),
    "string": _is(str),
    "mapping": _is(dict),
    "sequence": _is(list, tuple, str),
    "iterable": _is(list, tuple, str, dict),
    "odd": lambda env, value: _number(value) % 2 == 1,
    "even": lambda env, value: _number(value) % 2 == 0,
    "divisibleby": lambda env, value, number: _number(value) % number == 0,
    "in": _compares("in"),
    **_spelled(("eq", "equalto", "=="), _compares("eq")),
    **_spelled(("ne", "!="), _compares("ne")),
    **_spelled(("lt", "lessthan", "<"), _compares("lt")),
    **_spelled(("le", "<="), _compares("lteq")),
    **_spelled(("gt", "greaterthan", ">"), _compares("gt")),
    **_spelled(("ge", ">="), _compares("gteq")),
}
