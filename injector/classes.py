"""Dataclasses that take little to define: `dataclass`, as that of the standard library with `slots=True`.

The standard library writes and compiles up to eight functions for each class, which takes longer than
the rest of its module, and a command defines 200 classes of which it uses some. Here only `__init__`
is compiled, when some objects were made, and `replace` makes no `Field` of each field. `field`, `fields` and
`asdict` are those of the standard library.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, Field, FrozenInstanceError, field
from functools import cache
from operator import attrgetter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from dataclasses import dataclass, replace
else:

    def dataclass(*, slots, frozen=False, kw_only=False, eq=True):
        """A decorator that gives a class its fields; `slots` is true."""
        assert slots
        return lambda cls: _made(cls, frozen, kw_only, eq)

    def replace(holder, /, **changes):
        """A copy of an object with other values of some fields."""
        cls = type(holder)
        for each in getattr(cls, _MEMBERS).values():
            if each.name not in changes and each.init:
                changes[each.name] = getattr(holder, each.name)
        return cls(**changes)


__all__ = ["dataclass", "replace"]

_UNCOMPILED: Final = 20
"""Objects of a class that are made before its `__init__` is compiled, which takes as long as they do."""
_MEMBERS: Final = "__dataclass_members__"
_COMPARED: Final = "__dataclass_compared__"


class _Member(NamedTuple):
    """One field: its `default` is a value, MISSING, or what `field` gave; the rest follows from it."""

    name: str
    annotation: str
    default: Any
    kw_only: bool
    init: bool = True
    compare: bool = True
    repr: bool = True
    value: Any = MISSING
    factory: Any = MISSING

    @classmethod
    def of(cls, name: str, annotation: str, default: Any, kw_only: bool) -> _Member:
        """One that is not inherited, in a class whose fields are by keyword or not."""
        if not isinstance(default, Field):
            return cls(name, annotation, default, kw_only, value=default)
        return cls(
            name,
            annotation,
            default,
            kw_only if default.kw_only is MISSING else default.kw_only,
            default.init,
            bool(default.compare),
            default.repr,
            default.default,
            default.default_factory,
        )


def _made(cls: type, frozen: bool, kw_only: bool, eq: bool) -> type:
    """The class anew, with slots and methods."""
    own = cls.__dict__
    members: dict[str, _Member] = {}
    for base in cls.__mro__[:0:-1]:
        members.update(base.__dict__.get(_MEMBERS, {}))
    inherited = set(members)
    body = {**_METHODS, **(_FROZEN if frozen else {}), **own}
    for name, annotation in own.get("__annotations__", {}).items():
        if not annotation.startswith("ClassVar"):
            members[name] = _Member.of(name, annotation, body.pop(name, MISSING), kw_only)
    if eq:
        body.setdefault("__eq__", _equal)
        body.setdefault("__hash__", _hash if frozen else None)
    body |= {
        _MEMBERS: members,
        _COMPARED: _values([each.name for each in members.values() if each.compare]),
        "__slots__": tuple([name for name in members if name not in inherited]),
        "__match_args__": tuple([each.name for each in members.values() if each.init and not each.kw_only]),
        "__dataclass_fields__": _LaterFields(members.values()),
        # Asked by the decorator of the standard library, of the bases of a class, and by what prints objects.
        "__dataclass_params__": _params(frozen, kw_only, eq),
        "__qualname__": cls.__qualname__,
    }
    body.pop("__dict__", None)
    body.pop("__weakref__", None)
    made = type(cls)(cls.__name__, cls.__bases__, body)
    if "__init__" not in own:
        made.__init__ = _first_init(made, members.values())  # type: ignore[misc]
    return made


@cache
def _params(frozen: bool, kw_only: bool, eq: bool) -> SimpleNamespace:
    return SimpleNamespace(
        init=True, repr=True, eq=eq, order=False, unsafe_hash=False, frozen=frozen,
        match_args=True, kw_only=kw_only, slots=True, weakref_slot=False,
    )  # fmt: skip


class _LaterFields:
    """The fields of a class as the standard library knows them, made when they are first asked for."""

    def __init__(self, members: Iterable[_Member]) -> None:
        self._members = members
        self._made: Mapping[str, Any] | None = None

    def __get__(self, _instance: object, _cls: type) -> Mapping[str, Any]:
        if self._made is None:
            self._made = {each.name: _field_of(each) for each in self._members}
        return self._made


def _field_of(member: _Member) -> Any:
    made: Any = member.default
    if not isinstance(made, Field):
        made = field() if made is MISSING else field(default=made)
    made.name, made.type, made.kw_only = member.name, member.annotation, member.kw_only
    made._field_type = dataclasses._FIELD  # type: ignore[attr-defined]
    return made


def _values(names: Sequence[str]) -> Any:
    """What gives the values of these fields as a tuple; an attribute of a class, and no method."""
    if len(names) > 1:
        return attrgetter(*names)
    return staticmethod(lambda holder: tuple([getattr(holder, name) for name in names]))


def _repr(self: Any) -> str:
    members = getattr(self, _MEMBERS).values()
    inside = ", ".join([f"{each.name}={getattr(self, each.name)!r}" for each in members if each.repr])
    return f"{type(self).__qualname__}({inside})"


def _equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    compared = self.__dataclass_compared__
    return compared(self) == compared(other)


def _hash(self: Any) -> int:
    return hash(self.__dataclass_compared__(self))


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in getattr(self, _MEMBERS)]


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(getattr(self, _MEMBERS), state, strict=True):
        object.__setattr__(self, name, value)


def _refuse_to_set(_self: object, name: str, _value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


_METHODS: Final[dict[str, Any]] = {"__repr__": _repr, "__getstate__": _state, "__setstate__": _set_state}
_FROZEN: Final = {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}


def _first_init(cls: type, members: Iterable[_Member]) -> Callable[..., None]:
    """The `__init__` for the first objects of a class; then it compiles the one that stays."""
    places = [each.name for each in members if each.init and not each.kw_only]
    left = _UNCOMPILED

    def __init__(self: object, /, *arguments: Any, **named: Any) -> None:
        nonlocal left
        left -= 1
        by_name = dict(zip(places, arguments, strict=False))
        clear = len(arguments) <= len(places) and by_name.keys().isdisjoint(named)
        if left < 0 or not clear or not _filled(self, members, by_name | named):
            cls.__init__ = init = _compiled_init(cls, members)  # type: ignore[misc]
            init(self, *arguments, **named)

    return __init__


def _filled(holder: object, members: Iterable[_Member], values: dict[str, Any]) -> bool:
    """Set the fields of an object; False where the arguments are wrong, which the compiled one says best."""
    left = len(values)
    for each in members:
        if each.name in values and each.init:
            value = values[each.name]
            left -= 1
        elif each.factory is not MISSING:
            value = each.factory()
        elif each.value is not MISSING:
            value = each.value
        elif each.init:
            return False
        else:
            continue
        object.__setattr__(holder, each.name, value)
    if left:
        return False
    if hasattr(holder, "__post_init__"):
        holder.__post_init__()
    return True


def _compiled_init(cls: type, members: Iterable[_Member]) -> Callable[..., None]:
    scope: dict[str, Any] = {"MISSING": MISSING}
    places: list[str] = []
    named: list[str] = []
    lines: list[str] = []
    for each in members:
        name, made = each.name, f"make_{each.name}()"
        # The slot itself: it knows nothing of a frozen class, and no look-up is needed.
        scope[f"set_{name}"] = getattr(cls, name).__set__
        scope[f"make_{name}"], scope[f"default_{name}"] = each.factory, each.value
        if each.init:
            default = "MISSING" if each.factory is not MISSING else f"default_{name}"
            has_default = each.factory is not MISSING or each.value is not MISSING
            (named if each.kw_only else places).append(f"{name}={default}" if has_default else name)
            value = f"{made} if {name} is MISSING else {name}" if each.factory is not MISSING else name
        elif each.factory is not MISSING or each.value is not MISSING:
            value = made if each.factory is not MISSING else f"default_{name}"
        else:
            continue
        lines.append(f" set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    arguments = ", ".join(["self", *places, *(["*", *named] if named else ())])
    exec(f"def __init__({arguments}):\n" + "\n".join(lines or [" pass"]), scope)
    init: Callable[..., None] = scope["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init
