"""A round: one case through both programs, and what came of each document.

Where a program refuses a file nothing is written of the other documents, so that such a file is
halved until each refusal stands alone. Where one refuses a document, so must the other.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.differential import register
from tests.differential.cases import Case
from tests.differential.comparison import REFUSED, Difference, differences, name_of_refusal
from tests.differential.doors import Answer, Files, both, control_plane
from tests.differential.settings import Tree


@dataclass
class Tally:
    """What was seen so far."""

    documents: int = 0
    injected: int = 0
    refused: int = 0
    named: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Failure:
    """A case of one document with the differences that have no name; `message` says why one refuses it."""

    case: Case
    differences: tuple[Difference, ...]
    is_second: bool = False
    message: str = ""


def run(istioctl: Path, case: Case, tally: Tally, *, twice: bool = False) -> list[Failure]:
    """Both programs over a case; `twice` injects istioctl's output once more with both."""
    with tempfile.TemporaryDirectory(prefix="differential-") as folder:
        files = control_plane(istioctl, case.settings, Path(folder))
        return list(_compared(istioctl, files, case, tally, twice=twice, is_second=False))


def _compared(
    istioctl: Path, files: Files, case: Case, tally: Tally, *, twice: bool, is_second: bool
) -> Iterator[Failure]:
    upstream, ours = both(istioctl, files, case.documents)
    complete = _is_complete(upstream, case) and _is_complete(ours, case)
    if not complete and len(case.documents) > 1:
        half = len(case.documents) // 2
        for places in (range(half), range(half, len(case.documents))):
            part = case.part(places)
            yield from _compared(istioctl, files, part, tally, twice=twice, is_second=is_second)
        return
    if not complete:
        tally.documents += 1
        yield from _refused(case, upstream, ours, tally, is_second=is_second)
        return
    assert upstream.documents is not None
    assert ours.documents is not None
    for place, (theirs, own) in enumerate(zip(upstream.documents, ours.documents, strict=True)):
        tally.documents += 1
        tally.injected += "sidecar.istio.io/status" in str(theirs)
        unnamed = differences(theirs, own, tally.named)
        if not files.settings.quirks:
            unnamed = register.unassigned(case.documents[place], unnamed, tally.named)
        if unnamed:
            yield Failure(case.part([place]), tuple(unnamed), is_second)
    if twice and not is_second:
        again = Case(case.seed, case.settings, tuple(map(_tree, upstream.documents)), case.numbers)
        for failure in _compared(istioctl, files, again, tally, twice=False, is_second=True):
            first = case.part([case.numbers.index(number) for number in failure.case.numbers])
            yield Failure(first, failure.differences, True, failure.message)


def _is_complete(answer: Answer, case: Case) -> bool:
    return answer.documents is not None and len(answer.documents) == len(case.documents)


def _refused(
    case: Case, upstream: Answer, ours: Answer, tally: Tally, *, is_second: bool
) -> Iterator[Failure]:
    """The failure where only one of the programs refuses the case's document."""
    if upstream.documents is None and ours.documents is None:
        tally.refused += 1
        return
    who, message = ("istioctl", upstream.message) if upstream.documents is None else ("ours", ours.message)
    name = name_of_refusal(who, message)
    if not case.settings.quirks:
        name = name or register.row_of_refusal(who, message)
    if name:
        tally.named[name] += 1
        return
    sides = [REFUSED if a.documents is None else f"{len(a.documents)} documents" for a in (upstream, ours)]
    yield Failure(case, (Difference("", sides[0], sides[1]),), is_second, message.strip())


def _tree(document: Any) -> Tree:
    assert isinstance(document, dict), "istioctl writes objects"
    return document
