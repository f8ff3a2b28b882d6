"""What a pod, its events and the lines of its injected containers show: rows of the table of causes.

Here: from what was read to causes, one function for each place. Not here: the table (causes.py),
which cause is the verdict (diagnoses.py), and pods that were never made (creation.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from injector.classes import dataclass
from injector.core import names
from injector.core.cause_types import CauseType, Symptom
from injector.core.diagnosis import causes
from injector.core.diagnosis.causes import Cause, Evidence
from injector.core.model import Manifest
from injector.core.status import Status
from injector.patterns import pattern
from injector.printable import shown

_LINE = 160
_AFTER = 40
# Patterns match at the begin of a line, and long lines are slow.
_READ = 2000
_IMAGE_WORDS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable",
     "SignatureValidationFailed"}
)  # fmt: skip
_START_WORDS = frozenset(
    {"CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun", "PostStartHookError",
     "PreCreateHookError", "PreStartHookError"}
)  # fmt: skip
_BEING_MADE = frozenset({"ContainerCreating", "PodInitializing"})
_NOT_FOUND = pattern(r'(?P<kind>configmap|secret) "(?P<name>[a-z0-9.-]{1,253})" not found')
_VOLUME = pattern(r'for volume "(?P<name>[a-z0-9.-]{1,253})"')
_WORD = pattern(r"[A-Za-z]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Log:
    """The last lines of a container; `previous`: of the instance before the one that runs now."""

    container: str
    lines: tuple[str, ...]
    previous: bool = False


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the spec with its status, and the pointer to that status."""

    spec: Manifest
    status: Manifest
    pointer: str
    init: bool
    ours: bool

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.spec.get("name") or "")

    @property
    def stays(self) -> bool:
        """Whether it runs as long as the pod: an ordinary container, or a native sidecar."""
        return not self.init or self.spec.get("restartPolicy") == "Always"

    @property
    def ready(self) -> bool:
        """Whether it is as the pod wants it: ready, or an init container at its end."""
        ended = (self.status.get("state") or {}).get("terminated") or {}
        return bool(self.status.get("ready")) or (not self.stays and ended.get("exitCode") == 0)

    def state(self, word: str, *, last: bool = False) -> Manifest | None:
        """One of ``waiting``, ``running`` and ``terminated``, of now or of the instance before."""
        state: Manifest | None = (self.status.get("lastState" if last else "state") or {}).get(word)
        return state

    def at(self, rest: str) -> str:
        """A pointer below its status."""
        return f"{self.pointer}/{rest}"


def of_pod(pod: Manifest, status: Status | None) -> tuple[Container, ...]:
    """The containers of a pod with their states, init containers first."""
    ours = {*status.init_containers, *status.containers} if status else set()
    out = []
    for part in names.CONTAINER_LISTS:
        key = "initContainerStatuses" if part == "initContainers" else "containerStatuses"
        statuses = {s.get("name"): (i, s) for i, s in enumerate((pod.get("status") or {}).get(key) or [])}
        for spec in (pod.get("spec") or {}).get(part) or []:
            i, own_status = statuses.get(spec.get("name"), (-1, {}))
            where = f"/status/{key}/{i}" if i >= 0 else f"/status/{key}"
            out.append(Container(spec, own_status, where, part == "initContainers", spec.get("name") in ours))
    return tuple(out)


def pieces(pod: Manifest, status: Status | None) -> Iterator[Cause]:
    """What the status annotation lists and the pod does not have."""
    spec = pod.get("spec") or {}
    for part in ("initContainers", "containers", "volumes"):
        have = {item.get("name") for item in spec.get(part) or []}
        for name in status.names(part) if status else ():
            if name not in have:
                evidence = Evidence(
                    f"/spec/{part}",
                    f"{shown(name)} is listed in the status annotation, but does not exist in the pod",
                )
                yield Cause(causes.PIECE_MISSING, (evidence,), ours=True)


def placement(pod: Manifest) -> Iterator[Cause]:
    """Whether a node has taken the pod, and has ended it."""
    status = pod.get("status") or {}
    if status.get("phase") == "Failed" and status.get("reason"):
        yield Cause(causes.ENDED_BY_NODE, (Evidence("/status/reason", word(status["reason"])),))
    for i, condition in enumerate(status.get("conditions") or []):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            evidence = Evidence(f"/status/conditions/{i}/reason", word(condition.get("reason")))
            yield Cause(causes.UNSCHEDULED, (evidence,))
            return
    if not (pod.get("spec") or {}).get("nodeName") and status.get("phase") in (None, "Pending"):
        yield Cause(
            causes.UNSCHEDULED, (Evidence("/spec/nodeName", "not set: the pod is not scheduled yet"),)
        )


def of_container(container: Container) -> Iterator[Cause]:
    """Why one container is not as the pod wants it."""
    if container.ready:
        return
    yield from _waiting(container)
    yield from _ended(container)
    if container.state("running") is None:
        return
    if not container.stays:
        yield _cause(causes.INIT_WAITING, container, "state/running", "is running")
    else:
        which = "started" if container.status.get("started") is False else "ready"
        yield _cause(causes.NOT_READY, container, which, f"the container is running; {which} is false")


def _waiting(container: Container) -> Iterator[Cause]:
    waiting = container.state("waiting")
    if waiting is None:
        return
    reason = str(waiting.get("reason") or "")
    row = {
        "InvalidImageName": causes.IMAGE_NAME,
        "CreateContainerConfigError": causes.CONFIG_MISSING,
        "CrashLoopBackOff": causes.INIT_FAILING if not container.stays else causes.CRASHING,
        **dict.fromkeys(_IMAGE_WORDS, causes.IMAGE_MISSING),
        **dict.fromkeys(_START_WORDS, causes.START_FAILED),
        **dict.fromkeys(_BEING_MADE, causes.STARTING),
    }.get(reason)
    if row is None:
        return
    seen = word(reason)
    if row in (causes.IMAGE_NAME, causes.IMAGE_MISSING):
        seen += f", image {shown(container.spec.get('image') or '')}"
    yield _cause(row, container, "state/waiting/reason", seen)


def _ended(container: Container) -> Iterator[Cause]:
    """The end of a container, of this instance or of the one before."""
    for last in (False, True):
        ended = container.state("terminated", last=last)
        if ended is None:
            continue
        where = ("lastState" if last else "state") + "/terminated/"
        code, reason = ended.get("exitCode"), str(ended.get("reason") or "")
        if reason == "OOMKilled":
            yield _cause(causes.MEMORY, container, where + "reason", reason)
        elif reason in _START_WORDS:
            yield _cause(causes.START_FAILED, container, where + "reason", reason)
        elif code:
            row = causes.CRASHING if container.stays else causes.INIT_FAILING
            yield _cause(row, container, where + "exitCode", f"exit code {code}")


def of_events(events: Iterable[Manifest], status: Status | None, waiting: bool) -> Iterator[Cause]:
    """What the node said about volumes and network; of interest only while containers wait to be made."""
    if not waiting:
        return
    for event in newest_first(events):
        reason, message = event.get("reason"), str(event.get("message") or "")
        where = event_place(event)
        if reason in ("FailedMount", "FailedAttachVolume"):
            yield _mount(where, message, status)
        elif reason == "FailedCreatePodSandBox":
            yield Cause(causes.SANDBOX, (Evidence(where, "no sandbox"),))


def _mount(where: str, message: str, status: Status | None) -> Cause:
    volume, missing = _VOLUME.search(message), _NOT_FOUND.search(message)
    name = volume["name"] if volume else ""
    ours = bool(status and name in status.volumes)
    seen = f"volume {shown(name)}" + (" (injected)" if ours else "") if name else "a volume"
    if missing:
        seen += f": {missing['kind']} {shown(missing['name'])} does not exist"
    row = causes.MOUNT_MISSING if missing else causes.MOUNT_FAILED
    return Cause(row, (Evidence(where, seen),), ours)


def of_symptoms(
    symptoms: Iterable[Symptom], logs: Iterable[Log], candidates: Iterable[Container]
) -> Iterator[Cause]:
    """The profile's own causes, from the lines and exit codes of the injected containers."""
    logs, ours = tuple(logs), [c for c in candidates if c.ours]
    for symptom in symptoms:
        meant = [
            c for c in ours if symptom.container in ("", c.name) and (symptom.while_ready or not c.ready)
        ]
        names_meant = {c.name for c in meant}
        evidence = [
            *(e for c in meant for e in _exit(symptom, c)),
            *(e for log in logs if log.container in names_meant for e in _line(symptom, log)),
        ]
        if evidence:
            yield Cause(symptom.cause_type, tuple(evidence), ours=True)


def _exit(symptom: Symptom, container: Container) -> Iterator[Evidence]:
    for last in (False, True):
        ended = container.state("terminated", last=last)
        if symptom.exit_code is not None and ended and ended.get("exitCode") == symptom.exit_code:
            where = container.at(("lastState" if last else "state") + "/terminated/exitCode")
            yield Evidence(where, f"{container.name}: exit code {symptom.exit_code}")


def _line(symptom: Symptom, log: Log) -> Iterator[Evidence]:
    """The last line that matches, unless a later one says that it is over."""
    patterns = [re.compile(p) for p in symptom.lines]
    over = re.compile(symptom.over) if symptom.over else None
    for number in range(len(log.lines), 0, -1):
        line = log.lines[number - 1][:_READ]
        if over and over.match(line):
            return
        if match := next((m for p in patterns if (m := p.match(line))), None):
            run = ", previous run" if log.previous else ""
            where = f"log of {log.container}{run}, line {number} of the last {len(log.lines)}"
            yield Evidence(where, _window(line, match.end()))
            return


def _window(line: str, end: int) -> str:
    """The part of a line in which the match ends: long lines have the reason last."""
    start = max(0, min(end + _AFTER, len(line)) - _LINE)
    shown = line[start : start + _LINE]
    return ("..." if start else "") + shown + ("..." if start + _LINE < len(line) else "")


def _cause(row: CauseType, container: Container, rest: str, seen: str) -> Cause:
    return Cause(row, (Evidence(container.at(rest), f"{shown(container.name)}: {seen}"),), container.ours)


# --- words and names out of other programs' texts -------------------------------------------------


def newest_first(events: Iterable[Manifest]) -> list[Manifest]:
    """Events by the time at which they were last seen."""
    return sorted(events, key=_time, reverse=True)


def _time(event: Manifest) -> str:
    series = event.get("series") or {}
    keys = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next((k for k in keys if k), None) or (event.get("metadata") or {}).get("creationTimestamp"))


def event_place(event: Manifest) -> str:
    """An event as a place: its word and its object."""
    of = event.get("involvedObject") or {}
    return f"event {word(event.get('reason'))} of {word(of.get('kind'))} {shown(of.get('name') or '?')}"


def word(value: Any) -> str:
    """A reason as the cluster's components write it; what is no single word is not repeated."""
    text = str(value or "")
    return text if _WORD.match(text) else "?"
