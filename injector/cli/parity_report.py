"""What `injector parity` prints. Not here: the comparison."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from injector.classes import dataclass
from injector.cli.report import coloured, paint
from injector.cli.tally import number
from injector.core.profile import Config
from injector.core.tree.compare import Difference
from injector.printable import json_text, shown, visible

SAME: Final = "same"
DIFFERENT: Final = "different"
NOT_COMPARED: Final = "not-compared"
_COLOURS: Final = {SAME: "green", DIFFERENT: "red", NOT_COMPARED: "yellow"}
_LONGEST: Final = 120
QUIRKS: Final = (
    "compatibility.istioQuirks is on: webhook and command line differ by design, as istiod and istioctl do "
    "(row Q28 of the register)"
)


class ApiRefusal(str):
    """Why the API server refuses a pod."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """A workload, and how the pods of both doors compare.

    `differences` are fields that injection set: before is the webhook's value, after the command line's.
    `others` are fields that the API server and other webhooks set.
    """

    where: str
    label: str
    namespace: str
    result: str = NOT_COMPARED
    refusal: str = ""
    differences: tuple[Difference, ...] = ()
    others: tuple[Difference, ...] = ()


def as_tree(compared: Sequence[Compared], config: Config) -> dict[str, Any]:
    """The comparison for programs, with everything."""
    return {
        "note": QUIRKS if config.quirks else None,
        "workloads": [
            {
                "workload": each.label,
                "namespace": each.namespace,
                "where": each.where,
                "result": each.result,
                "reason": each.refusal or None,
                "differences": [
                    {"pointer": d.pointer, "webhook": d.before, "commandLine": d.after}
                    for d in each.differences
                ],
                "setByOthers": [
                    {"pointer": d.pointer, "sent": d.before, "stored": d.after} for d in each.others
                ],
            }
            for each in compared
        ],
    }


def lines(compared: Sequence[Compared], config: Config, *, complete: bool) -> Iterator[str]:
    """The comparison for people; with `complete` also what others set."""
    colour = coloured(sys.stdout)
    if config.quirks:
        yield QUIRKS
    for each in compared:
        word = paint(f"{each.result:<12}", _COLOURS[each.result], colour)
        yield f"{word} {visible(each.label)}{_detail(each)}"
        for difference in each.differences:
            webhook, command = _value(difference.before), _value(difference.after)
            yield f"  {visible(difference.pointer)}: webhook {webhook}, command line {command}"
        for difference in each.others if complete else ():
            yield f"  set by others: {visible(difference.pointer)}: {_value(difference.after)}"
    yield _summary(compared)


def _detail(each: Compared) -> str:
    if each.refusal:
        return f": {visible(shown(each.refusal, 400))}"
    parts = [number(len(each.differences), "difference")] if each.differences else []
    if each.others:
        parts.append(f"{number(len(each.others), 'field')} set by others")
    return f": {', '.join(parts)}" if parts else ""


def _value(value: Any) -> str:
    """A value on one line, short enough to read."""
    return "nothing" if value is None else visible(shown(" ".join(json_text(value).split()), _LONGEST))


def _summary(compared: Sequence[Compared]) -> str:
    results = Counter(each.result for each in compared)
    counts = [f"{results[word]} {word}" for word in (SAME, DIFFERENT, NOT_COMPARED) if results[word]]
    return f"{number(len(compared), 'workload')}: {', '.join(counts)}; nothing was stored"
