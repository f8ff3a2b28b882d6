"""One recorded admission, and the lines of a file that hold it.

A file begins with a head: the format, the key's fingerprint and the words that stay literal; a new head
follows where the configuration changes. Objects of the cluster are written once and referenced by
number. Not here: pseudonyms, and files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from injector.classes import dataclass
from injector.core import status
from injector.core.model import (
    AdmissionRequest,
    Facts,
    Manifest,
    Namespace,
    Operation,
    Origin,
    Verdict,
)
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.user_info import UserInfo
from injector.patterns import pattern
from injector.pointer import escape, unescape
from injector.records.redaction import Redaction, words_of

FORMAT: Final = 1
_UID: Final = pattern(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Head:
    """The configuration, the key and the literal words of the entries after it."""

    config: str
    profile: str
    key: str
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Entry:
    """A recorded admission. `operations` is None where the pod was injected before."""

    uid: str
    time: str
    facts: Facts
    pod: Manifest
    decision: Verdict
    reason: str
    operations: tuple[tuple[str, str], ...] | None = ()
    head: Head = field(default_factory=lambda: Head("", "", ""))


@dataclass(frozen=True, slots=True)
class Admission:
    """What is recorded of an admission: the request, the facts, and the answer."""

    request: AdmissionRequest
    facts: Facts
    outcome: Outcome
    decision: Verdict
    config: Config
    time: str
    size: int


def head_line(config: Config, redaction: Redaction) -> str:
    """The line before the first entry of a configuration."""
    key = redaction.pseudonyms.fingerprint()
    words = sorted(words_of(config))
    return _line(
        {"head": FORMAT, "config": config.digest, "profile": config.profile.name, "key": key, "words": words}
    )


def objects_line(number: int, objects: tuple[Manifest, ...], redaction: Redaction) -> str:
    """The line that holds objects of the cluster."""
    return _line({"objects": number, "items": [redaction.value(item) for item in objects]})


def admission_line(admission: Admission, objects: int, redaction: Redaction) -> str:
    """The line of one admission."""
    facts, outcome = admission.facts, admission.outcome
    uid, pod = admission.request.uid, admission.request.pod
    return _line(
        {
            "admission": uid if _UID.fullmatch(uid) else redaction.pseudonyms.free(uid),
            "time": admission.time,
            "namespace": redaction.pseudonyms.name(facts.namespace),
            "known": _namespace(facts.namespace_object, redaction),
            "native": facts.native_sidecars,
            "user": _user(facts.user, redaction),
            "overrides": {redaction.key(k): redaction.pseudonyms.free(v) for k, v in facts.overrides.items()},
            "objects": objects,
            "pod": redaction.pod(_never_injected(pod, outcome)),
            "decision": admission.decision.value,
            "reason": outcome.decision.reason.value,
            "operations": None
            if _injected(pod, redaction)
            else [_operation(o, redaction) for o in outcome.patch],
        }
    )


def parse_head(raw: Mapping[str, Any]) -> Head:
    """A head from its line; ValueError for another format."""
    if raw["head"] != FORMAT:
        raise ValueError("the record has another format")
    return Head(str(raw["config"]), str(raw["profile"]), str(raw["key"]), frozenset(raw["words"]))


def parse_entry(raw: Mapping[str, Any], objects: tuple[Manifest, ...], head: Head) -> Entry:
    """An entry from its line.

    Raises KeyError, TypeError, ValueError or AttributeError for any other line.
    """
    # Records of earlier versions have no user.
    known, user = raw["known"], raw.get("user")
    facts = Facts(
        namespace=str(raw["namespace"]),
        origin=Origin.WEBHOOK,
        namespace_object=None
        if known is None
        else Namespace(known["name"], known["labels"], known["annotations"]),
        native_sidecars=raw["native"],
        objects=objects,
        overrides=dict(raw["overrides"]),
        user=UserInfo(str(user["name"]), tuple(map(str, user["groups"]))) if user else None,
    )
    raw_operations = raw["operations"]
    operations = None
    if raw_operations is not None:
        operations = tuple((str(op), str(path)) for op, path in raw_operations)
    return Entry(
        str(raw["admission"]),
        str(raw["time"]),
        facts,
        dict(raw["pod"]),
        Verdict(raw["decision"]),
        str(raw["reason"]),
        operations,
        head,
    )


def _never_injected(pod: Manifest, outcome: Outcome) -> Manifest:
    """The pod as it was before an earlier injection, with a spec in any case."""
    if outcome.before is None:
        return pod
    return {**outcome.before.pod, "spec": outcome.before.pod.get("spec") or {}}


def _injected(pod: Manifest, redaction: Redaction) -> bool:
    """Whether the pod's status annotation says so; a pod of an invalid shape may have none."""
    try:
        return status.read(pod, redaction.profile.keys) is not None
    except (AttributeError, TypeError):
        return False


def _namespace(known: Namespace | None, redaction: Redaction) -> Manifest | None:
    if known is None:
        return None
    labels = redaction.value({"labels": dict(known.labels)})["labels"]
    annotations = redaction.annotations(known.annotations)
    return {"name": redaction.pseudonyms.name(known.name), "labels": labels, "annotations": annotations}


def _user(user: UserInfo | None, redaction: Redaction) -> Manifest | None:
    if user is None:
        return None
    name = redaction.pseudonyms.name
    return {"name": name(user.username), "groups": [name(group) for group in user.groups]}


def _operation(operation: Operation, redaction: Redaction) -> tuple[str, str]:
    """An operation without its value, and with a pseudonym for a key that is not literal."""
    parts = operation.path.split("/")
    if parts[1:2] == ["metadata"] and len(parts) == 4:
        key = redaction.key(unescape(parts[3]))
        parts[3] = escape(key)
    return operation.op, "/".join(parts)


def _line(tree: Mapping[str, Any]) -> str:
    return json.dumps(tree, separators=(",", ":")) + "\n"
