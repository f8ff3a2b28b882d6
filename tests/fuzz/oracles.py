"""What has to hold for every answer, whatever came in.

The answer's form is platform knowledge (what the API server takes back), the patch is applied by
two engines that know nothing of each other, and the received pod has to be found again in the
patched one. Each check returns what is wrong as sentences. Not here: who is asked (doors.py).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import jsonpatch

from tests.fuzz.patching import DoesNotApply, applied

Tree = dict[str, Any]
Place = tuple[str, ...]

_AUDIT_KEY: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)
_REQUIRED: Final = {"uid", "allowed"}
_KNOWN: Final = {*_REQUIRED, "patch", "patchType", "status", "warnings", "auditAnnotations"}
# Fields whose lists have an identity, as Kubernetes merges them.
_KEYS: Final = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
}


def answer_faults(review: Tree, sent: Any) -> list[str]:
    """What the API server would not take of an answer, or would drop; `review` is what was asked."""
    try:
        json.dumps(sent, allow_nan=False)
    except ValueError as error:
        return [f"the answer is no JSON: {error}"]
    response = sent.get("response")
    if sent.keys() != {"kind", "apiVersion", "response"} or not isinstance(response, dict):
        return ["the answer is no AdmissionReview with a response"]
    out = []
    if (sent["kind"], sent["apiVersion"]) != ("AdmissionReview", review["apiVersion"]):
        out.append("kind and apiVersion are not those of the request")
    if not response.keys() <= _KNOWN or not response.keys() >= _REQUIRED:
        out.append(f"the response has the fields {sorted(response)}")
    if response.get("uid") != review["request"]["uid"] or not isinstance(response.get("allowed"), bool):
        out.append("uid or allowed are not as they have to be")
    out += _denial_faults(response)
    out += _warning_faults(response.get("warnings", []))
    for key, value in response.get("auditAnnotations", {}).items():
        if not _AUDIT_KEY.fullmatch(key) or not isinstance(value, str) or not value.isprintable():
            out.append(f"audit annotation {key}")
    return out


def _denial_faults(response: Tree) -> list[str]:
    status = response.get("status")
    if response.get("allowed"):
        return ["a status on an admission"] if status else []
    if not isinstance(status, dict) or response.keys() & {"patch", "patchType"}:
        return ["a denial has a status and no patch"]
    message = status.get("message")
    fine = isinstance(message, str) and message.isprintable() and 0 < len(message) <= 2000
    if not fine or not 400 <= status.get("code", 0) < 600:
        return ["the status of a denial has no code of a failure or no printable message"]
    return []


def _warning_faults(warnings: Any) -> list[str]:
    if not isinstance(warnings, list) or not all(isinstance(text, str) for text in warnings):
        return ["warnings are a list of texts"]
    fine = len(set(warnings)) == len(warnings) and sum(map(len, warnings)) <= 1000
    if not fine or not all(text.isprintable() and 0 < len(text) <= 120 for text in warnings):
        return ["warnings are distinct, printable and short"]
    return []


def patched(received: Tree, response: Tree) -> tuple[Tree, list[str]]:
    """The received object after the patch, and what is wrong with that."""
    if ("patch" in response) != ("patchType" in response):
        return received, ["patch and patchType come both or neither"]
    if "patch" not in response:
        return received, []
    if response["patchType"] != "JSONPatch":
        return received, ["the patchType is not JSONPatch"]
    operations = json.loads(base64.b64decode(response["patch"], validate=True))
    try:
        ours = applied(received, operations)
    except DoesNotApply as why:
        return received, [f"the patch does not apply: {why}"]
    theirs = jsonpatch.JsonPatch(operations).apply(received)
    if json.dumps(ours, sort_keys=True) != json.dumps(theirs, sort_keys=True):
        return ours, ["two engines make two pods of the patch"]
    return ours, []


def lost(before: Any, after: Any, place: Place = ()) -> Iterator[Place]:
    """The places of a tree that another one does not have as they were.

    Steps are field names, elements of lists with a key go by it (`name=app`), others by number.
    Lists may have grown anywhere; nulls and empty values may have become something.
    """
    if _says_nothing(before):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if not key.startswith("$"):
                yield from lost(value, after.get(key), (*place, key))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lost_items(before, after, place)
    elif type(before) is not type(after) or before != after:
        yield place


def _says_nothing(value: Any) -> bool:
    """Whether a value is empty throughout; Kubernetes has no fields whose names begin with a dollar."""
    if isinstance(value, dict):
        return all(key.startswith("$") or _says_nothing(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(_says_nothing, value))
    return value is None or value == ""


def _lost_items(before: list[Any], after: list[Any], place: Place) -> Iterator[Place]:
    key = _KEYS.get(place[-1] if place else "")
    start = 0
    # Ports of one number and two protocols move together.
    in_order = place[-1:] != ("ports",)
    for number, item in enumerate(before):
        if key and isinstance(item, dict) and isinstance(item.get(key), str):
            named = [other for other in after if isinstance(other, dict) and other.get(key) == item[key]]
            step = (*place, f"{key}={item[key]}")
            # The best of several with one name, so that a doubled one is not taken for a lost one.
            tries: Sequence[list[Place]] = [list(lost(item, other, step)) for other in named] or [[step]]
            yield from min(tries, key=len)
            continue
        position = next((n for n in range(start, len(after)) if not list(lost(item, after[n]))), None)
        if position is None:
            yield (*place, str(number))
        elif in_order:
            start = position + 1
