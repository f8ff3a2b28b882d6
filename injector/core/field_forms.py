"""The forms of texts and numbers that the API server requires of a pod's fields beyond their types.

The OpenAPI does not have them. Those of containers, ports and resources are in the room validation, which
says more about each; docs/explanation/limitations.md names what is in neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from injector.classes import dataclass


@dataclass(frozen=True, slots=True)
class FieldForm:
    """A type of the table with a condition on its values, in words."""

    base: str
    holds: Callable[[Any], bool]
    words: str


FORMS: Final[Mapping[str, FieldForm]] = {
    "text": FieldForm("string", bool, "a text that is not empty"),
    "id": FieldForm("int64", lambda number: 0 <= number < 2**31, "a number from 0 to 2147483647"),
    "deadline": FieldForm("int64", lambda number: 0 < number < 2**31, "a number from 1 to 2147483647"),
    "amount": FieldForm(
        "quantity", lambda amount: not str(amount).startswith("-"), "a quantity that is not negative"
    ),
}

OF_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Container": {"restartPolicy": {"enum": ["Always", "Never", "OnFailure"]}},
    "EmptyDirVolumeSource": {"sizeLimit": "amount"},
    "PodSecurityContext": {"supplementalGroups": ["id"]},
    "PodSpec": {"activeDeadlineSeconds": "deadline"},
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
