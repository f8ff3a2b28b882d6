"""The environment of templates: attributes, items, calls, operators, and what is not there.

In place of Jinja's environment, of which running a template takes little. A template reaches keys and
items of its values, the methods named here, and the functions, filters and tests that the environment is
given (`filters`, `predicates`, `functions`, `operations`). Each use is charged to the `RenderBudget`.
All iterables of the language are lists, maps and strings, so that a loop knows its length when it starts.

What the values are belongs to `values`; the text and the compilation of templates to `library`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from jinja2.runtime import Context, LoopContext, Macro, StrictUndefined
from jinja2.utils import Namespace, missing, pass_environment

from injector.printable import shown
from injector.templating.budget import NODE, SIZED, Refused, RenderBudget, RenderLimits
from injector.templating.running import Module, Variables
from injector.templating.values import Method, defined, kind

Function = Callable[..., Any]
"""A filter, test, operation or global function of the language: takes the environment first."""

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

_BINARY: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "**": operator.pow,
    "%": operator.mod,
}


class Unknown(Refused):
    """A name, key or attribute that is not there was used; `name` is its last part."""

    def __init__(self, message: str, name: object) -> None:
        super().__init__(message, "set a value, or use | default(...)" if name else "")
        self.name = "" if name is None else str(name)


class Missing(StrictUndefined):
    """A value that is not there: any use of it but `is defined` and `default` is `Unknown`."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        **_exc: object,
    ) -> None:
        message = hint or f"{shown(name)!r} is not defined"
        super().__init__(message, obj, name, cast(Any, lambda text: Unknown(text, name)))


class Sandbox:
    """The environment of all templates of one set. Renders one template at a time: `run` is its account.

    `find` gives the compiled template of a key. `builtins` are the language's own global functions,
    which take the environment first and charge for themselves; `functions` those of a profile.
    Beside these only macros and methods can be called.
    """

    # What Jinja's generated code and its runtime ask of an environment, beside the methods below.
    autoescape = False
    is_async = False
    undefined = Missing
    context_class = Variables
    concat = staticmethod("".join)

    def __init__(
        self,
        limits: RenderLimits,
        find: Callable[[str], Any],
        *,
        filters: Mapping[str, Function],
        tests: Mapping[str, Function],
        builtins: Mapping[str, Function],
        functions: Mapping[str, Function],
    ) -> None:
        self.run = RenderBudget(limits)
        self.find = find
        self.filters = dict(filters)
        self.tests = dict(tests)
        self.globals = {**builtins, **functions}
        self._builtins = {id(function) for function in builtins.values()}
        self._functions = {id(function) for function in functions.values()}

    def get_template(self, name: Any, _parent: str | None = None, _globals: Any = None) -> Any:
        """The template of an include or import; its name is a key that the compiler wrote."""
        self.run.step()
        return self.find(name)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key of a map before anything else, else an attribute that the lists above allow."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]  # first for speed as well: nearly all look-ups end here
        defined(obj)
        allowed = next((names for types, names in _METHODS.items() if isinstance(obj, types)), frozenset())
        if attribute in allowed or (isinstance(obj, LoopContext) and attribute == "cycle"):
            return Method(obj, attribute)
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        if isinstance(obj, Namespace | Module) and not attribute.startswith("_"):
            value = getattr(obj, attribute, missing)
            return self.undefined(obj=obj, name=attribute) if value is missing else value
        if isinstance(obj, dict):
            return self.undefined(obj=obj, name=attribute)
        return self.undefined(f"{kind(obj)} has no {shown(attribute)!r} that templates may use", obj=obj)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An item of a map, list or string; what is not there is undefined."""
        defined(obj)
        defined(argument)
        # The key may be a text of a pod: messages show only paths that stand in the template (`render`).
        absent = f"{kind(obj)} has no such item"
        if isinstance(obj, dict):
            return obj[argument] if argument in obj else self.undefined(absent, obj=obj, name=argument)
        if isinstance(obj, str | list | tuple) and isinstance(argument, int):
            in_range = -len(obj) <= argument < len(obj)
            return obj[argument] if in_range else self.undefined(absent, obj=obj, name=str(argument))
        return self.getattr(obj, argument) if isinstance(argument, str) else self.undefined(absent)

    def call(self, _context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a macro, a method that `getattr` allowed, or a global function; nothing else."""
        for internal in ("_loop_vars", "_block_vars"):
            kwargs.pop(internal, None)
        self.run.step()
        if isinstance(obj, Macro):
            return self._call_macro(obj, args, kwargs)
        if isinstance(obj, Method):
            return self._call_method(obj, args, kwargs)
        if id(obj) in self._builtins:
            return obj(self, *args, **kwargs)
        if id(obj) in self._functions:
            return self._call_function(obj, args, kwargs)
        defined(obj)
        raise Refused(f"{kind(obj)} cannot be called")

    def _call_function(self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function of a profile. It knows no account: charged are a walk over all that it gets and gives.

        A text may hold JSON, so that what it would become counts as well.
        """
        run = self.run
        for value in (*args, *kwargs.values()):
            defined(value)
            run.charge(run.cost(value))
            if isinstance(value, str):
                run.charge(NODE * sum(map(value.count, "[{,")))
        result = run.built(function(*args, **kwargs))
        run.charge(run.cost(result))
        return result

    def _call_method(self, method: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for arg in args:
            defined(arg)
        owner, name = method.owner, method.name
        if isinstance(owner, SIZED):
            # Stripping characters and searching from the right take the product of the lengths.
            self.run.charge((len(owner) + 1) * (1 + sum(map(self.run.cost, args))))
        result = getattr(owner, name)(*args, **kwargs)
        # A view has no place among JSON-shaped values.
        return self.run.built(list(result) if name in ("items", "keys", "values") else result)

    def _call_macro(self, macro: Macro, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        if self.run.depth >= self.run.limits.depth:
            raise Refused(f"macros call each other more than {self.run.limits.depth} levels deep")
        self.run.depth += 1
        try:
            return self.run.built(macro(*args, **kwargs))
        finally:
            self.run.depth -= 1

    def call_binop(self, _context: Context, operator: str, left: Any, right: Any) -> Any:
        """An arithmetic operator, refused before the work where its result would be too large."""
        defined(left)
        defined(right)
        bits = self.run.limits.bits
        if operator == "%" and isinstance(left, str):
            raise Refused("formatting strings with % is not supported", "join texts with ~")
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


def guarded(name: str, function: Function, takes_undefined: bool = False) -> Function:
    """A filter whose input is charged and is not undefined, and whose result is measured."""

    what = f"filter {name!r}"

    @pass_environment
    def guard(env: Sandbox, value: Any = missing, *args: Any, **kwargs: Any) -> Any:
        env.run.step()
        if not takes_undefined:
            for each in (value, *args, *kwargs.values()):
                defined(each)
        if isinstance(value, SIZED):
            env.run.charge(len(value))
        return env.run.built(_applied(what, function, env, value, *args, **kwargs))

    return guard


def tested(name: str, function: Callable[..., bool]) -> Function:
    """A test that counts as a step; it may be asked about what is undefined."""

    what = f"test {name!r}"

    @pass_environment
    def guard(env: Sandbox, *args: Any, **kwargs: Any) -> bool:
        env.run.step()
        return bool(_applied(what, function, env, *args, **kwargs))

    return guard


def _applied(what: str, function: Function, *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except TypeError:
        # Loading it takes longer than running most templates.
        from inspect import signature

        try:
            signature(function).bind(*args, **kwargs)
        except TypeError:
            raise Refused(f"{what} does not take these arguments") from None
        raise
