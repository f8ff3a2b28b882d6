"""Containers about which no rule for containers by themselves has anything to say: nearly all.

Seen in one pass over a container, where each rule takes one of its own. Not here: the rules; of what this
module does not know, they decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from injector.core import names
from injector.core.tree.schema import PROBE_ACTIONS
from injector.core.validation.names import is_dns_label, is_object_name
from injector.core.validation.ports import is_port_name, is_port_number
from injector.core.validation.resources import are_plain
from injector.core.validation.variables import FIELDS, is_variable_name

_HANDLERS: Final = ("lifecycle", *names.PROBES)
_ACTIONS: Final = ("exec", "httpGet", "tcpSocket")
_RESOURCES: Final = frozenset(f"{kind}.{of}" for kind in ("limits", "requests") for of in ("cpu", "memory"))
_REFERENCES: Final = ("configMapKeyRef", "secretKeyRef")


def is_usual(container: Mapping[str, Any], part: str) -> bool:
    """Whether rules about names, images, variables, handlers and resources have no problem with it."""
    image = container.get("image")
    if not (is_dns_label(container.get("name")) and type(image) is str and image and image == image.strip()):
        return False
    is_init = part == "initContainers" and container.get("restartPolicy") != "Always"
    for field in _HANDLERS:
        if field in container and (is_init or not _is_handler(container[field], field)):
            return False
    resources = container.get("resources")
    if resources and not (type(resources) is dict and are_plain(resources)):
        return False
    variables = container.get("env")
    return variables is None or (type(variables) is list and _are_variables(variables))


def _are_variables(variables: list[Any]) -> bool:
    for variable in variables:
        if type(variable) is not dict or not is_variable_name(variable.get("name")):
            return False
        if "valueFrom" in variable and ("value" in variable or not _is_source(variable["valueFrom"])):
            return False
    return True


def _is_source(source: Any) -> bool:
    if type(source) is not dict or len(source) != 1:
        return False
    ((kind, of),) = source.items()
    if type(of) is not dict:
        return False
    if kind == "fieldRef":
        path = of.get("fieldPath")
        return type(path) is str and path in FIELDS
    if kind == "resourceFieldRef":
        resource = of.get("resource")
        return type(resource) is str and resource in _RESOURCES
    return kind in _REFERENCES and is_object_name(of.get("name")) and of.get("key") != ""


def _is_handler(handler: Any, field: str) -> bool:
    return _are_hooks(handler) if field == "lifecycle" else _is_probe(handler, field)


def _are_hooks(hooks: Any) -> bool:
    if type(hooks) is not dict:
        return False
    for hook in hooks.values():
        if type(hook) is not dict or len(hook) != 1:
            return False
        ((kind, action),) = hook.items()
        if kind not in _ACTIONS or not _is_action(kind, action):
            return False
    return True


def _is_probe(probe: Any, field: str) -> bool:
    if type(probe) is not dict or "terminationGracePeriodSeconds" in probe:
        return False
    actions = 0
    for key, value in probe.items():
        if key in PROBE_ACTIONS:
            if not _is_action(key, value):
                return False
            actions += 1
        elif type(value) is int and value < 0:
            return False
    success = probe.get("successThreshold")
    return actions == 1 and (field == "readinessProbe" or type(success) is not int or success <= 1)


def _is_action(kind: str, action: Any) -> bool:
    if type(action) is not dict:
        return False
    if kind == "exec":
        return bool(action.get("command"))
    port = action.get("port")
    return is_port_number(port) or (kind != "grpc" and type(port) is str and is_port_name(port))
