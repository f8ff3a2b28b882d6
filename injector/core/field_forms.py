"""The forms of texts and numbers that the API server requires of a pod's fields beyond their types.

The OpenAPI does not have them. They are those of the fields that injection writes or merges; what is left
out is named in docs/explanation/limitations.md. Not here: what holds between two fields.
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


def _matching(pattern: str, longest: int) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: len(text) <= longest and compiled.fullmatch(text) is not None


_NAME_PART: Final = r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_DOMAIN: Final = _matching(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*", 253)
_is_name_part: Final = _matching(_NAME_PART, 63)
_is_service_name: Final = _matching(r"(?!.*--)(?=.*[a-z])[a-z0-9](?:[-a-z0-9]*[a-z0-9])?", 15)
_STANDARD_RESOURCES: Final = frozenset({"cpu", "memory", "ephemeral-storage"})


def _is_qualified(text: str) -> bool:
    prefix, slash, name = text.rpartition("/")
    return _is_name_part(name) and (not slash or _DOMAIN(prefix))


def _is_resource(text: str) -> bool:
    return (
        text in _STANDARD_RESOURCES or text.startswith("hugepages-") or ("/" in text and _is_qualified(text))
    )


def _is_port(number: int) -> bool:
    return 0 < number < 65536


FORMS: Final[Mapping[str, FieldForm]] = {
    "dns-label": FieldForm(
        "string",
        _matching(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?", 63),
        "a DNS label (at most 63 of a-z, 0-9 and -, no - at the ends)",
    ),
    "text": FieldForm("string", bool, "a text that is not empty"),
    "image": FieldForm(
        "string", lambda text: bool(text) and text == text.strip(), "an image without spaces around it"
    ),
    "variable-name": FieldForm(
        "string", re.compile(r"[ -<>-~]+").fullmatch, "a name of printable ASCII characters without ="
    ),
    "port-name": FieldForm(
        "string",
        lambda text: not text or _is_service_name(text),
        "a port name (at most 15 of a-z, 0-9 and single -, one of them a letter, no - at the ends)",
    ),
    "port-number": FieldForm("int32", _is_port, "a port number from 1 to 65535"),
    "host-port": FieldForm(
        "int32", lambda number: number == 0 or _is_port(number), "a port number up to 65535"
    ),
    "port-of-container": FieldForm(
        "port",
        lambda port: _is_port(port) if isinstance(port, int) else _is_service_name(port),
        "a port number from 1 to 65535, or a port name",
    ),
    "count": FieldForm("int32", lambda number: number >= 0, "a whole number that is not negative"),
    "id": FieldForm("int64", lambda number: 0 <= number < 2**31, "a number from 0 to 2147483647"),
    "deadline": FieldForm("int64", lambda number: 0 < number < 2**31, "a number from 1 to 2147483647"),
    "amount": FieldForm(
        "quantity", lambda amount: not str(amount).startswith("-"), "a quantity that is not negative"
    ),
    "resource-name": FieldForm(
        "string", _is_resource, "the name of a resource, such as cpu or example.com/gpu"
    ),
    "label-value": FieldForm(
        "string",
        lambda text: not text or _is_name_part(text),
        "a label value (at most 63 letters, digits, -, _ and ., the first and last a letter or digit)",
    ),
    "qualified-name": FieldForm("string", _is_qualified, "a key as name or example.com/name"),
    "annotation-key": FieldForm(
        "string", lambda key: _is_qualified(key.lower()), "a key as example.com/name"
    ),
}

_LABELS: Final = {"*": "label-value", "keys": "qualified-name"}
_AMOUNTS: Final = {"*": "amount", "keys": "resource-name"}
_IDS: Final = {"runAsUser": "id", "runAsGroup": "id"}
_RESTARTS: Final = {"enum": ["Always", "Never", "OnFailure"]}

OF_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Container": {"name": "dns-label", "image": "image", "restartPolicy": _RESTARTS},
    "ContainerPort": {"containerPort": "port-number", "hostPort": "host-port", "name": "port-name"},
    "EmptyDirVolumeSource": {"sizeLimit": "amount"},
    "EnvVar": {"name": "variable-name"},
    "GRPCAction": {"port": "port-number"},
    "HTTPGetAction": {"port": "port-of-container"},
    "ObjectMeta": {"labels": _LABELS, "annotations": {"*": "string", "keys": "annotation-key"}},
    "PodSecurityContext": {**_IDS, "fsGroup": "id", "supplementalGroups": ["id"]},
    "PodSpec": {"activeDeadlineSeconds": "deadline", "nodeSelector": _LABELS},
    "Probe": dict.fromkeys(
        ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"),
        "count",
    ),
    "ResourceRequirements": {"limits": _AMOUNTS, "requests": _AMOUNTS},
    "SecurityContext": _IDS,
    "TCPSocketAction": {"port": "port-of-container"},
    "Volume": {"name": "dns-label"},
    "VolumeMount": {"mountPath": "text"},
}
"""The types of fields by the type that has them, in place of those of the OpenAPI."""

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {"Container": ("image",)}
"""Fields that must be there although the OpenAPI does not say so."""

ZERO: Final = frozenset(
    {
        ("EvictionResponder", "priority"),
        ("HTTPHeader", "value"),
        ("ISCSIVolumeSource", "lun"),
        ("SleepAction", "seconds"),
        ("Sysctl", "value"),
    }
)
"""Fields that the OpenAPI requires and whose absence is read as zero or an empty text."""
