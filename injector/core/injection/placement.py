"""The places of injected containers among the containers of the pod, as the operator sets them.

The pod's own containers keep their order. An injected container is in a gap between two of them, or at an
end; in one gap the injected ones keep their default order. Not here: the default order (the profile's), and
which order a profile cannot accept (`Profile.order_problems`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from injector.core import names
from injector.core.finding_codes import FindingCode, Level
from injector.core.position import NEIGHBOURS, Position
from injector.core.profile import Injection
from injector.printable import shown


def arrange(run: Injection) -> None:
    """Give the injected containers of `run.pod` the places of the setting, where these are possible."""
    places = run.config.placement
    if not places:
        return
    overlay = run.overlay.get("spec") or {}
    injected = frozenset(str(c["name"]) for part in names.CONTAINER_LISTS for c in overlay.get(part) or [])
    for part in names.CONTAINER_LISTS:
        containers = {str(c["name"]): c for c in run.pod["spec"].get(part) or []}
        wanted = {name: places[name] for name in containers if name in injected and name in places}
        # A list with two containers of one name is refused later.
        if not wanted or len(containers) != len(run.pod["spec"][part]):
            continue
        order = _accepted(run, part, list(containers), injected, wanted)
        run.pod = {**run.pod, "spec": {**run.pod["spec"], part: [containers[name] for name in order]}}


def _accepted(
    run: Injection, part: str, default: list[str], injected: frozenset[str], wanted: dict[str, Position]
) -> list[str]:
    """The order with every place that is possible; each other one is a finding."""
    for name in [name for name, place in wanted.items() if place.other and place.other not in default]:
        text = f"{part} has no container {shown(wanted.pop(name).other)}"
        _report(run, [name], text, level=Level.NOTE)
    for circle in list(_circles(wanted)):
        for name in circle:
            del wanted[name]
        _report(run, circle, "the places refer to each other")
    while True:
        run.work.charge(len(default))
        order = _ordered(default, injected, wanted)
        problems = list(run.config.profile.order_problems(run, part, order, injected)) if wanted else []
        back = {name for problem in problems for name in problem.put_back if name in wanted}
        if not back:
            for problem in problems:
                run.warn(FindingCode.PLACEMENT, problem.message)
            return order
        for problem in problems:
            refused = [name for name in default if name in problem.put_back and name in wanted]
            if refused:
                _report(run, refused, problem.message)
        wanted = {name: place for name, place in wanted.items() if name not in back}


def _report(run: Injection, containers: Sequence[str], why: str, *, level: Level | None = None) -> None:
    listed = ", ".join(map(shown, containers))
    run.warn(FindingCode.PLACEMENT, f"placement of {listed} is ignored: {why}", level=level)


def _circles(wanted: Mapping[str, Position]) -> Iterator[list[str]]:
    """Containers whose places refer to each other."""
    seen: set[str] = set()
    for start in wanted:
        path: dict[str, None] = {}
        name = start
        while name in wanted and name not in seen and name not in path:
            path[name] = None
            name = wanted[name].other
        if name in path:
            listed = list(path)
            yield listed[listed.index(name) :]
        seen.update(path)


def _ordered(default: Sequence[str], injected: frozenset[str], wanted: Mapping[str, Position]) -> list[str]:
    """The order with these places, none of which refers to itself or to a container that is not there."""
    own = [name for name in default if name not in injected]
    gap_before = {name: gap for gap, name in enumerate(own)}
    gaps: list[list[str]] = [[] for _ in range(len(own) + 1)]
    gap_of: dict[str, int] = {}
    passed = 0
    for name in default:
        if name in gap_before:
            passed += 1
            continue
        place = wanted.get(name)
        if place is None:
            gap_of[name] = passed
        elif place.where not in NEIGHBOURS:
            gap_of[name] = 0 if place.where == "first" else len(own)
        elif place.other in gap_before:
            gap_of[name] = gap_before[place.other] + (place.where == "after")
        else:
            continue
        gaps[gap_of[name]].append(name)
    for name in wanted:
        _join(name, wanted, gaps, gap_of)
    listed = [name for gap, mine in zip(gaps, own, strict=False) for name in (*gap, mine)]
    return [*listed, *gaps[-1]]


def _join(name: str, wanted: Mapping[str, Position], gaps: list[list[str]], gap_of: dict[str, int]) -> None:
    """Put a container next to an injected one, after that one has its place."""
    path = [name]
    while path[-1] not in gap_of:
        path.append(wanted[path[-1]].other)
    for other, mine in pairwise(reversed(path)):
        gap = gap_of[mine] = gap_of[other]
        gaps[gap].insert(gaps[gap].index(other) + (wanted[mine].where == "after"), mine)
