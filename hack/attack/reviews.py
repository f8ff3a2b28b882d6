"""Attacks by pods, each in a review over TLS: their cost, their answers, and how long honest callers wait.

Each row has a server of its own, so that none pays for the row before. Not here: the pods (pods.py).
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jsonpatch

from hack.attack import callers, pods, stand
from hack.attack.rows import Row, forget_the_peak, peak_mb

_MOST_SECONDS = 45.0
_MALFORMED = 300
_INT32 = 1 << 31
_ATTACKER = "greedy"
_NAMED_LISTS = ("containers", "initContainers", "volumes")

_RULES = "annotations:\n- allow: []\n  deny: ['prometheus.io/*', sidecar.istio.io/proxyImage]\n"
_POWERS = "annotations:\n- allow: [sidecar.istio.io/userVolume*]\n"
_QUIRKS = "compatibility: {istioQuirks: true}\n"


def _stars(pattern: str) -> str:
    return f"annotations:\n- deny: ['{pattern}']\n"


def _each(*made: pods.Pod) -> list[bytes]:
    return [json.dumps(pods.review(pod, _ATTACKER)).encode() for pod in made]


def _filled(element: str, megabytes: float) -> list[bytes]:
    return [pods.filled(element, megabytes)]


@dataclass(frozen=True, slots=True)
class Attack:
    """`bodies` makes the requests, sent one after the other; `more` is added to the configuration."""

    fault: str
    what: str
    bodies: Callable[[], Iterable[bytes]]
    more: str = ""


ATTACKS = (
    Attack("2", "4,000 aliases of a text of 64 KiB", lambda: _each(pods.aliased(4000))),
    Attack("2", "600 aliases of a list of 600", lambda: _each(pods.aliased_list(600))),
    Attack("3", "4,000 undo entries", lambda: _each(pods.undone(4000))),
    Attack("3", "16,000 names in a status", lambda: _each(pods.listed(16_000))),
    Attack("3", "8,000 findings", lambda: _each(pods.probed(8000))),
    Attack("3", "an undo that moves 8,000 containers", lambda: _each(pods.moved(8000))),
    Attack("3", "8,000 user volumes that are there", lambda: _each(pods.taken(8000))),
    Attack("3", "2,000 orders of an undo", lambda: _each(pods.reordered(2000))),
    Attack(
        "6",
        "undo hides annotations, with quirks",
        lambda: _each(*pods.hidden_annotations()),
        _RULES + _QUIRKS,
    ),
    Attack("6", "undo hides annotations", lambda: _each(*pods.hidden_annotations()), _RULES),
    Attack("7", "undo sets foreign fields", lambda: _each(*pods.foreign_undos())),
    Attack("7", "undo sets foreign fields, with quirks", lambda: _each(*pods.foreign_undos()), _QUIRKS),
    *(
        Attack("8", f"{size} MB of {element}", partial(_filled, element, size))
        for size in (6.9, 3.0)
        for element in ("[{}]", "{}", "[0]", '{"":0}')
    ),
    Attack("8", "0.28 MB of {}, within the bound", partial(_filled, "{}", 0.28)),
    Attack("9", "user volumes in place of ours", lambda: _each(*pods.replaced_volumes())),
    Attack("9", "the same, no control-plane power", lambda: _each(*pods.replaced_volumes()), _POWERS),
    Attack("13", "other spellings of annotations", lambda: _each(*pods.spelled_otherwise()), _RULES),
    Attack("13", "overrides beside a forged status", lambda: _each(*pods.stored_containers()), _RULES),
    Attack("15", "3,000 findings, lines of the log", lambda: _each(pods.probed(3000))),
    Attack("15", f"{_MALFORMED} malformed reviews", lambda: [b'{"request": [}'] * _MALFORMED),
    Attack("18", "*a*b*c* and 500 long names", lambda: _each(pods.starred(500)), _stars("*a*b*c*")),
    Attack("18", "*a*a*a*a*! and 500 long names", lambda: _each(pods.starred(500)), _stars("*a*a*a*a*!")),
    Attack("19", "numbers and types of other kinds", lambda: _each(*pods.wrong_types())),
)


def rows(checkout: Path) -> Iterator[Row]:
    """Every attack, one after the other."""
    return (row(checkout, attack) for attack in ATTACKS)


def row(checkout: Path, attack: Attack) -> Row:
    """One attack on a server of the checkout."""
    bodies = list(attack.bodies())
    with stand.standing(checkout, stand.CONFIG + attack.more) as server:
        questions = [partial(callers.admission, server, _MOST_SECONDS),
                     partial(callers.health_of_health, server, _MOST_SECONDS)]  # fmt: skip
        for question in questions:
            callers.seconds_of(question)  # what is made once, as templates, is made
        lines = _lines(server.log)
        forget_the_peak(server.pid)
        with callers.asking(*questions) as waits:
            begun = time.monotonic()
            answer = _answers(server, bodies, begun + _MOST_SECONDS)
            seconds = time.monotonic() - begun
        answer += _logged(_lines(server.log)[len(lines) :], len(bodies))
        return Row(attack.fault, attack.what, peak_mb(server.pid), seconds, max(waits), answer)


def _answers(server: stand.Stand, bodies: list[bytes], until: float) -> str:
    answers: Counter[str] = Counter()
    seen: dict[str, None] = {}
    for body in bodies:
        if (left := until - time.monotonic()) <= 0:
            answers["not sent"] += 1
            continue
        with contextlib.closing(callers.webhook(server, left)) as connection:
            try:
                status, text = callers.post(connection, body)
            except (OSError, http.client.HTTPException):
                answers["without an answer"] += 1
                continue
        result = _injected(body, status, text)
        answers["injected" if result else callers.verdict(status, text)] += 1
        seen.update(dict.fromkeys(effects(result) if result else ()))
    summary = ", ".join(f"{count} {answer}" for answer, count in answers.most_common())
    return f"{summary}; in effect: {', '.join(seen)}" if seen else summary


def _injected(body: bytes, status: int, text: bytes) -> pods.Pod | None:
    """The pod after the patch of an answer; None without a patch."""
    response = json.loads(text)["response"] if status == 200 else {}
    if not response.get("patch"):
        return None
    pod: pods.Pod = json.loads(body)["request"]["object"]
    patch = jsonpatch.JsonPatch(json.loads(base64.b64decode(response["patch"])))
    return patch.apply(pod)  # type: ignore[no-any-return]


def effects(pod: pods.Pod) -> list[str]:
    """The effects of an attack in this injected pod; empty if it had none."""
    spec, meta = pod["spec"], pod["metadata"]
    out = [field for field, value in pods.FOREIGN_FIELDS.items() if spec.get(field) == value]
    out += [field for field, value in pods.FOREIGN_METADATA.items() if meta.get(field) == value]
    for part in _NAMED_LISTS:
        out += [f"{name} twice in {part}" for name in _twice(each["name"] for each in spec.get(part) or ())]
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        if container["name"] == "istio-proxy":
            out += _of_proxy(container)
    if "evil-root" in _values(spec.get("volumes")):
        out.append("another root in a volume")
    values = list(_values(spec))
    if any(isinstance(value, int) and not -_INT32 <= value < _INT32 for value in values):
        out.append("a number that is no int32")
    if pods.WRONG_TEXT in values or pods.WRONG_NUMBER in values:
        out.append("a value of a wrong type")
    return out


def _of_proxy(container: pods.Pod) -> list[str]:
    mounts = container.get("volumeMounts") or ()
    paths = [str(mount["mountPath"]).rstrip("/") for mount in mounts]
    out = [f"{path} mounted twice" for path in _twice(paths)]
    ours = tuple(f"{path}/" for path, mount in zip(paths, mounts, strict=True) if mount["name"] != "x")
    out += [
        f"{path} mounted below ours"
        for path, mount in zip(paths, mounts, strict=True)
        if mount["name"] == "x" and path.startswith(ours)
    ]
    return [*out, "a forged value in the proxy"] if "evil" in json.dumps(container) else out


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _values(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict | list):
        for child in tree.values() if isinstance(tree, dict) else tree:
            yield from _values(child)
    else:
        yield tree


def _lines(log: Path) -> list[str]:
    """Lines of a log that are not about honest callers."""
    return [line for line in log.read_text(errors="replace").splitlines() if '"shop"' not in line]


def _logged(lines: list[str], requests: int) -> str:
    """In words, where an attack makes many lines: an ordinary denial makes two."""
    if len(lines) <= 2 * requests and len(lines) < _MALFORMED:
        return ""
    return f"; {len(lines)} log lines, {sum(len(line) + 1 for line in lines) / 1000:.0f} KB"
