"""The forms of texts and numbers that the API server requires of a pod's fields beyond their types.

The OpenAPI does not have them. Those of containers, ports and resources are in the room validation, which
says more about each; docs/explanation/limitations.md names what is in neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class FieldForm:
    """A type of the table with a condition on its values, in words."""

    base: str
    holds: Callable[[Any], bool]
    words: str


_NAME: Final = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_DOMAIN: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")


def _is_name(text: str) -> bool:
    return len(text) <= 63 and _NAME.fullmatch(text) is not None


def _is_qualified(text: str) -> bool:
    prefix, slash, name = text.rpartition("/")
    return _is_name(name) and (not slash or (len(prefix) <= 253 and _DOMAIN.fullmatch(prefix) is not None))


FORMS: Final[Mapping[str, FieldForm]] = {
    "text": FieldForm("string", bool, "a text that is not empty"),
    "id": FieldForm("int64", lambda number: 0 <= number < 2**31, "a number from 0 to 2147483647"),
    "deadline": FieldForm("int64", lambda number: 0 < number < 2**31, "a number from 1 to 2147483647"),
    "amount": FieldForm(
        "quantity", lambda amount: not str(amount).startswith("-"), "a quantity that is not negative"
    ),
    "label-value": FieldForm(
        "string",
        lambda text: not text or _is_name(text),
        "a label value (at most 63 letters, digits, -, _ and ., the first and last a letter or digit)",
    ),
    "qualified-name": FieldForm("string", _is_qualified, "a key as name or example.com/name"),
    # The API server compares the key in lower case.
    "annotation-key": FieldForm(
        "string", lambda key: _is_qualified(key.lower()), "a key as example.com/name"
    ),
}

OF_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Container": {"restartPolicy": {"enum": ["Always", "Never", "OnFailure"]}},
    "EmptyDirVolumeSource": {"sizeLimit": "amount"},
    "ObjectMeta": {
        "labels": {"*": "string", "keys": "qualified-name"},
        "annotations": {"*": "string", "keys": "annotation-key"},
    },
    "PodSecurityContext": {"supplementalGroups": ["id"]},
    "PodSpec": {
        "activeDeadlineSeconds": "deadline",
        "nodeSelector": {"*": "label-value", "keys": "qualified-name"},
    },
    "VolumeMount": {"mountPath": "text"},
}
"""The types of fields by the type that has them, in place of those of the OpenAPI."""

MAY_BE_MISSING: Final = frozenset(
    {
        # Read as zero or as an empty text.
        ("EvictionResponder", "priority"),
        ("HTTPHeader", "value"),
        ("ISCSIVolumeSource", "lun"),
        ("SleepAction", "seconds"),
        ("Sysctl", "value"),
        # Reported by the room validation.
        ("PodSpec", "containers"),
        *((f"{action}Action", "port") for action in ("GRPC", "HTTPGet", "TCPSocket")),
    }
)
"""Fields that the OpenAPI requires and whose absence is no problem of a field."""
