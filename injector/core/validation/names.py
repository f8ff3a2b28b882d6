"""The forms of names, and the keys and values of labels and annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from injector.core.model import Manifest
from injector.core.validation.places import fields
from injector.core.validation.problem import PodProblem, PodRule
from injector.patterns import pattern
from injector.printable import shown

_DNS_LABEL: Final = pattern(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_NAME: Final = pattern(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_KEY: Final = pattern(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE: Final = pattern(rf"({_KEY.pattern})?")
_LONGEST: Final = 253


def is_dns_label(name: Any) -> bool:
    """Whether a text can be the name of a container or a volume."""
    return isinstance(name, str) and len(name) <= _LONGEST and _matches(_DNS_LABEL, name)


def is_object_name(name: Any) -> bool:
    """Whether a text can be the name of a ConfigMap or a Secret."""
    return isinstance(name, str) and len(name) <= _LONGEST and _matches(_DNS_NAME, name)


# The same few names stand in most pods, and each is looked at several times for one.
@lru_cache(2048)
def _matches(form: re.Pattern[str], name: str) -> bool:
    return form.fullmatch(name) is not None


def problems(pod: Manifest) -> Iterator[PodProblem]:
    """Labels and annotations with a key or value that is not allowed."""
    meta = fields(pod.get("metadata"))
    for part, rule in (("labels", PodRule.LABEL), ("annotations", PodRule.ANNOTATION)):
        for key, value in fields(meta.get(part)).items():
            # Annotations may have capitals in their prefix.
            if not _is_key(str(key).lower() if part == "annotations" else str(key)):
                text = f"pod: the key of {part[:-1]} {shown(key)} is not allowed"
                yield PodProblem(rule, ("metadata", part, str(key)), text)
            elif part == "labels" and isinstance(value, str) and not _LABEL_VALUE.fullmatch(value):
                text = (
                    f"pod: label {shown(key)} needs up to 63 letters, digits, hyphens, underscores and dots, "
                    "the first and last a letter or digit"
                )
                yield PodProblem(rule, ("metadata", part, str(key)), text)


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return len(name) <= _LONGEST and _matches(_KEY, name) and (not slash or is_object_name(prefix))
