"""Probes and lifecycle handlers by themselves. Not here: the choice of their action."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from injector.core import names
from injector.core.validation.choices import HOOKS
from injector.core.validation.places import PodContainer, PodParts, PodPlace, number
from injector.core.validation.ports import is_port_name, is_port_number
from injector.core.validation.problem import PodProblem, PodRule

_NOT_NEGATIVE: Final = (
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
)
_HANDLERS: Final = frozenset({"lifecycle", *names.PROBES})
_GRACE_SECONDS: Final = 30
"""The default of a pod."""


def problems(parts: PodParts) -> Iterator[PodProblem]:
    """Handlers whose fields have a value that is not allowed."""
    grace = number(parts.spec.value.get("terminationGracePeriodSeconds"))
    for container in parts.unusual:
        if not container.is_ordinary_init and not _HANDLERS.isdisjoint(container.value):
            yield from _of_container(container, _GRACE_SECONDS if grace is None else grace)


def _of_container(container: PodContainer, grace: int) -> Iterator[PodProblem]:
    for field in names.PROBES:
        if not container.value.get(field):
            continue
        probe = container.below(field)
        yield from _of_probe(probe, field)
        yield from _of_action(probe, field)
    for hook in HOOKS if "lifecycle" in container.value else ():
        handler = container.below("lifecycle", hook)
        yield from _of_action(handler, hook)
        seconds = number(handler.below("sleep").value.get("seconds"))
        if seconds is not None and not 0 <= seconds <= max(grace, 0):
            text = f"{hook}.sleep.seconds exceeds terminationGracePeriodSeconds"
            yield handler.problem(PodRule.HANDLER, "sleep.seconds", text)


def _of_probe(probe: PodPlace, name: str) -> Iterator[PodProblem]:
    for field in _NOT_NEGATIVE:
        value = number(probe.value.get(field))
        if value is not None and value < 0:
            yield probe.problem(PodRule.HANDLER, field, f"{name}.{field} is negative")
    success = number(probe.value.get("successThreshold"))
    if name != "readinessProbe" and success is not None and success > 1:
        yield probe.problem(PodRule.HANDLER, "successThreshold", f"{name}.successThreshold must be 1")
    grace = number(probe.value.get("terminationGracePeriodSeconds"))
    field = "terminationGracePeriodSeconds"
    if name == "readinessProbe" and grace is not None:
        yield probe.problem(PodRule.HANDLER, field, f"{name}.{field} is not allowed")
    elif grace is not None and grace <= 0:
        yield probe.problem(PodRule.HANDLER, field, f"{name}.{field} must be positive")


def _of_action(handler: PodPlace, name: str) -> Iterator[PodProblem]:
    action: Any = handler.value.get("exec")
    if isinstance(action, dict) and not action.get("command"):
        yield handler.problem(PodRule.HANDLER, "exec.command", f"{name}.exec.command is missing")
    for field in ("httpGet", "tcpSocket", "grpc"):
        action = handler.value.get(field)
        if not isinstance(action, dict):
            continue
        port = action.get("port")
        if isinstance(port, str) and field != "grpc" and is_port_name(port):
            continue
        if not is_port_number(port):
            text = f"{name}.{field}.port needs a number from 1 to 65535, or a name"
            yield handler.problem(PodRule.HANDLER, f"{field}.port", text)
