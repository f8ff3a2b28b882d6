"""What differs between a pod that the webhook injected and one that the command line injected.

Both come back from the API server, so that what it and others add is in both. Not here: asking it.
"""

from __future__ import annotations

import json
from typing import Any, Final

from injector.classes import dataclass
from injector.core import names
from injector.core.model import AnnotationKeys, Manifest
from injector.core.tree.compare import Difference, changes
from injector.patterns import pattern
from injector.pointer import join

# Of each answer alone.
_IDENTITY: Final = frozenset(
    {"name", "generateName", "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"}
)
# The API server makes up the end of the volume's name.
_TOKEN = pattern(r"\bkube-api-access-[a-z0-9]{5}\b")
_WITHOUT_ORDER: Final = ("/volumes", "/volumeMounts")


def without_injection(pod: Manifest, switch: str) -> Manifest:
    """The pod with the label that keeps the webhook away, so that only others change it."""
    metadata = pod["metadata"]
    return {**pod, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), switch: names.NO}}}


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the answers to the two pods compare.

    `differences` are fields that injection set: before is the webhook's value, after the command line's.
    `others` are fields that the API server and other webhooks set: before is what was sent.
    """

    differences: tuple[Difference, ...]
    others: tuple[Difference, ...]


def compared(by_webhook: Manifest, by_command: Manifest, sent: Manifest, keys: AnnotationKeys) -> Comparison:
    """The comparison of two answers of the API server.

    `by_command` answers `sent` with the label that keeps the webhook away.
    """
    by_command = _with_label_of(by_command, sent, keys.switch)
    differences: list[Difference] = []
    others = list(_differing(_plain(sent), _plain(by_command)))
    for each in _differing(_plain(by_webhook), _plain(by_command)):
        (others if _is_book(each, keys) else differences).append(each)
    return Comparison(tuple(differences), tuple(others))


def _is_book(difference: Difference, keys: AnnotationKeys) -> bool:
    """Whether it is in an annotation with the user's own version of what injection replaced.

    The API server adds its defaults to that version before it calls the webhook.
    """
    if difference.pointer == join("/metadata/annotations", keys.undo):
        return True
    both = difference.before is not None and difference.after is not None
    return both and difference.pointer == join("/metadata/annotations", keys.overrides)


def _with_label_of(answer: Manifest, sent: Manifest, switch: str) -> Manifest:
    """The answer with the label that was sent, or without it."""
    metadata = answer["metadata"]
    labels = dict(metadata.get("labels") or {})
    labels.pop(switch, None)
    own = sent["metadata"].get("labels") or {}
    if switch in own:
        labels[switch] = own[switch]
    return {**answer, "metadata": {**metadata, "labels": labels}}


def _plain(pod: Manifest) -> Manifest:
    """The pod without what is different in each answer."""
    metadata = {key: value for key, value in pod["metadata"].items() if key not in _IDENTITY}
    if not metadata.get("labels"):
        metadata.pop("labels", None)
    text = json.dumps({"metadata": metadata, "spec": pod["spec"]})
    plain: dict[str, Any] = json.loads(_TOKEN.sub("kube-api-access-token", text))
    return plain


def _differing(one: Manifest, other: Manifest) -> tuple[Difference, ...]:
    """What differs; volumes and mounts have no order for Kubernetes."""
    return tuple(
        each
        for each in changes(one, other)
        if not (each.before == each.after == "another order" and each.pointer.endswith(_WITHOUT_ORDER))
    )
