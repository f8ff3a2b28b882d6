"""Validation of a pod's annotations by the catalogue.

Not here: the keys and what they take (catalogue.py), the syntax of values (syntax.py), the ports
in prometheus annotations (prometheus.py), and misspelt keys (the core's near misses).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from injector.errors import AnnotationError, ManifestError
from injector.profiles.istio import proxyconfig, proxyconfig_rules
from injector.profiles.istio.catalogue import ANNOTATIONS, LABELS, PROXY_CONFIG, CatalogueEntry
from injector.profiles.istio.syntax import boolean_token
from injector.yamltext import AnchorError, load_untrusted

__all__ = ["ANNOTATIONS", "LABELS", "ON_POD_ONLY", "CatalogueEntry", "boolean_token", "validate"]

# The injector reads these, but only other programs act on them.
_FOR_OTHERS: Final = frozenset(
    {
        "k8s.v1.cni.cncf.io/networks",
        "kubectl.kubernetes.io/default-container",
        "kubectl.kubernetes.io/default-logs-container",
    }
)
ON_POD_ONLY: Final = _FOR_OTHERS | {e.key for e in ANNOTATIONS if "read by the injector" not in e.who}
"""Annotations that have no effect unless they are on the pod itself."""


_PLACES: Final = {entry.key: place for place, entry in enumerate(ANNOTATIONS)}


def validate(annotations: Mapping[str, str], *, quirks: bool) -> list[AnnotationError]:
    """All annotations whose values are not accepted, in the order of the catalogue."""
    errors = []
    for place in sorted(_PLACES[key] for key in annotations if key in _PLACES):
        entry = ANNOTATIONS[place]
        errors += _problems(entry, annotations[entry.key], quirks)
    return errors


def _problems(entry: CatalogueEntry, value: str, quirks: bool) -> list[AnnotationError]:
    where = f"annotation {entry.key}"
    if entry.key == PROXY_CONFIG:
        hint = "correct the field, or remove it to use the mesh configuration"
        return [
            AnnotationError(entry.key, message, where=where, hint=hint) for message in _config_problems(value)
        ]
    check = entry.check if quirks else entry.strict or entry.check
    if check is None or check(value):
        return []
    parameter = (quirks and entry.quirk_parameter) or entry.parameter
    named = f"{parameter} invalid: " if parameter else ""
    # The value itself is not repeated: whatever stands there may be a secret that went astray.
    message = f"the value is not accepted: {named}expected {entry.accepts}"
    return [AnnotationError(entry.key, message, where=where, hint="correct or remove the annotation")]


def _config_problems(value: str) -> list[str]:
    try:
        tree = load_untrusted(value, PROXY_CONFIG)
    except AnchorError as error:
        at = f"line {error.line} of the value"
        return [f"anchors and aliases are not accepted ({at}); write the values in full"]
    except ManifestError as error:
        # The reader's message may repeat keys of the text.
        line = getattr(error, "line", None)
        at = f" (line {line} of the value)" if line else ""
        return [f"invalid YAML{at}: one map of ProxyConfig fields is expected"]
    try:
        config = proxyconfig.read(tree, "ProxyConfig")
    except ValueError as error:
        return [str(error)]
    effective = proxyconfig.merge(proxyconfig.DEFAULTS, config)
    return [f"ProxyConfig.{message}" for message in proxyconfig_rules.validate(effective)]
