"""`injector.classes.dataclass` does what the one of the standard library does with slots."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import pprint
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, field, fields, is_dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from injector import classes

T = TypeVar("T")


def _family(dataclass: Any) -> dict[str, Any]:
    """Classes of all kinds that this project defines, by one of the two decorators."""

    @dataclass(frozen=True, slots=True)
    class Point:
        """A point."""

        x: int
        y: int = 2
        many: list[int] = field(default_factory=list)
        hidden: str = field(default="h", repr=False, compare=False)
        unit: ClassVar[str] = "m"

        @property
        def far(self) -> int:
            return self.x + self.y

    @dataclass(frozen=True, slots=True)
    class Named(Point):
        """A point with a name."""

        name: str = field(default="", kw_only=True)

    @dataclass(slots=True)
    class Counter:
        """Counts."""

        start: int
        count: int = field(init=False)
        seen: set[int] = field(init=False, default_factory=set)

        def __post_init__(self) -> None:
            self.count = self.start

    return {kind.__name__: kind for kind in (Point, Named, Counter, *_more(dataclass))}


def _more(dataclass: Any) -> tuple[type, ...]:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Flags(Generic[T]):
        """Flags by name."""

        one: T
        two: T | None = None

    @dataclass(frozen=True, slots=True, eq=False)
    class Alone:
        """Equal to itself only."""

        what: str

    @dataclass(frozen=True, slots=True)
    class Empty:
        """Nothing."""

    @dataclass(frozen=True, slots=True)
    class Special:
        """With methods of its own."""

        text: str

        def __eq__(self, other: object) -> bool:
            return True

        def __repr__(self) -> str:
            return "special"

        def __hash__(self) -> int:
            return 1

    return Flags, Alone, Empty, Special


OURS, THEIRS = _family(classes.dataclass), _family(dataclasses.dataclass)

CALLS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "positions": lambda of: of["Point"](1, 3, [4], "z"),
    "defaults": lambda of: of["Point"](1),
    "names": lambda of: of["Point"](y=5, x=1),
    "a subclass": lambda of: of["Named"](1, name="n"),
    "made later": lambda of: of["Counter"](7),
    "by name only": lambda of: of["Flags"](one=1),
    "eq=False": lambda of: of["Alone"]("a"),
    "no fields": lambda of: of["Empty"](),
    "own methods": lambda of: of["Special"]("a"),
}
WRONG: dict[str, Callable[[dict[str, Any]], Any]] = {
    "too few": lambda of: of["Point"](),
    "too many": lambda of: of["Empty"](1),
    "unknown": lambda of: of["Point"](1, z=1),
    "positions where names are needed": lambda of: of["Flags"](1),
    "a field that is not in __init__": lambda of: of["Counter"](1, count=2),
}


@pytest.fixture(
    params=[1, 2, classes._UNCOMPILED + 2], ids=["first object", "second object", "after it is compiled"]
)
def turn(request: pytest.FixtureRequest) -> int:
    """The first objects of a class are made by another __init__ than those after them."""
    return int(request.param)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_objects_are_the_same(call: Callable[[dict[str, Any]], Any], turn: int) -> None:
    ours, theirs = _family(classes.dataclass), _family(dataclasses.dataclass)
    for _ in range(turn):
        mine: Any = call(ours)
        other: Any = call(theirs)
    one: object = 1
    names = [each.name for each in fields(other)]
    assert [getattr(mine, name) for name in names] == [getattr(other, name) for name in names]
    assert repr(mine) == repr(other)
    assert asdict(mine) == asdict(other)
    assert type(mine).__match_args__ == type(other).__match_args__
    assert not hasattr(mine, "__dict__")
    assert is_dataclass(mine)
    assert (mine == call(ours), mine != call(ours)) == (other == call(theirs), other != call(theirs))
    assert (mine == one) == (other == one)
    assert copy.deepcopy(mine) == mine or type(mine).__name__ == "Alone"


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_wrong_arguments_get_the_same_error(call: Callable[[dict[str, Any]], Any], turn: int) -> None:
    ours, theirs = _family(classes.dataclass), _family(dataclasses.dataclass)
    for _ in range(turn):
        with pytest.raises(TypeError) as mine:
            call(ours)
    with pytest.raises(TypeError) as other:
        call(theirs)
    assert str(mine.value) == str(other.value)


@pytest.mark.parametrize("name", OURS)
def test_fields_and_signatures_are_the_same(name: str) -> None:
    def of(cls: Any) -> list[tuple[object, ...]]:
        return [
            (f.name, f.type, f.default, f.default_factory, f.init, f.repr, f.compare, f.kw_only)
            for f in fields(cls)
        ]

    assert of(OURS[name]) == of(THEIRS[name])
    for call in [*CALLS.values()] * (classes._UNCOMPILED + 1):
        call(OURS)
    assert list(inspect.signature(OURS[name]).parameters) == list(inspect.signature(THEIRS[name]).parameters)


def test_equality_and_hash_leave_out_what_is_not_compared() -> None:
    flags = OURS["Flags"]
    assert hash(flags(one=1)) == hash(THEIRS["Flags"](one=1))
    point = OURS["Point"]
    assert point(1, hidden="a") == point(1, hidden="b")
    assert point(1) != point(2)
    nan = float("nan")
    assert flags(one=nan) == flags(one=nan)
    assert flags(one=nan) != flags(one=float("nan"))
    with pytest.raises(TypeError, match="unhashable"):
        hash(OURS["Counter"](1))
    alone = OURS["Alone"]
    assert alone("a") != alone("a")
    assert len({alone("a"), alone("a")}) == 2


def test_a_frozen_object_does_not_change() -> None:
    point = OURS["Point"](1)
    for name in ("x", "new"):
        with pytest.raises(FrozenInstanceError):
            setattr(point, name, 2)
    with pytest.raises(FrozenInstanceError):
        del point.x
    assert point.x == 1
    counter = OURS["Counter"](1)
    counter.count = 5
    assert counter.count == 5
    with pytest.raises(AttributeError):
        counter.new = 1


def test_replace_makes_a_changed_copy() -> None:
    named = OURS["Named"](1, name="a")
    assert replace(named, x=9, name="b") == OURS["Named"](9, name="b")
    # Python 3.13 raises the second.
    with pytest.raises((ValueError, TypeError), match="init=False"):
        replace(OURS["Counter"](1), count=2)


def test_each_default_of_a_factory_is_its_own() -> None:
    first, second = OURS["Point"](1), OURS["Point"](1)
    first.many.append(1)
    assert second.many == []


@classes.dataclass(frozen=True, slots=True)
class Sent:
    """What crosses to another process."""

    name: str
    items: tuple[int, ...] = ()


def test_a_class_of_the_standard_library_may_be_a_subclass() -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Longer(Sent):
        """With one field more."""

        more: int = 3

    assert Longer("a", more=4) == Longer("a", (), 4)
    assert repr(Longer("a")).endswith("Longer(name='a', items=(), more=3)")
    with pytest.raises(FrozenInstanceError):
        setattr(Longer("a"), "name", "b")  # noqa: B010 - mypy knows that it is frozen


def test_objects_cross_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(Sent("a", (1,)))) == Sent("a", (1,))


def test_matching_by_position() -> None:
    match Sent("a", (1,)):
        case Sent(name, (number,)):
            assert (name, number) == ("a", 1)
        case _:
            pytest.fail("no match")


def test_the_parameters_of_a_class_are_those_of_the_standard_library() -> None:
    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class Theirs:
        name: str

    @classes.dataclass(frozen=True, slots=True, kw_only=True)
    class Ours:
        name: str

    # Their parameters are attributes in slots, some of them only in newer versions of Python.
    ours, theirs = (vars(each)["__dataclass_params__"] for each in (Ours, Theirs))
    for parameter in type(theirs).__slots__:
        assert getattr(ours, parameter) == getattr(theirs, parameter), parameter
    assert "name" in pprint.pformat(Ours(name="x" * 100), width=40)
