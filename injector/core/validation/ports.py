"""Ports of containers and of the node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from injector.core.validation.places import PodContainer, PodParts, PodPlace, number
from injector.core.validation.problem import PodProblem, PodRule
from injector.patterns import pattern
from injector.printable import shown

_PORT_NAME: Final = pattern(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")


Taken = set[tuple[str, str, int]]


def is_port_number(value: Any) -> bool:
    """Whether it is a number that a port can have."""
    return type(value) is int and 0 < value < 65536


def is_port_name(value: str) -> bool:
    """Whether a text can be the name of a port."""
    return _PORT_NAME.fullmatch(value) is not None


def problems(parts: PodParts) -> Iterator[PodProblem]:
    """Ports with a number or name that is not allowed or that another port has."""
    host_network = parts.spec.value.get("hostNetwork") is True
    # Ordinary containers run together; each init container is checked by itself.
    shared: Taken = set()
    for container in parts.containers:
        if not container.value.get("ports"):
            continue
        yield from _of_container(container)
        taken = shared if container.part == "containers" else Taken()
        yield from _of_node(container, host_network, taken)


def _of_container(container: PodContainer) -> Iterator[PodProblem]:
    taken: set[str] = set()
    for port in container.items("ports"):
        if number(port.value.get("containerPort")) is not None and not is_port_number(
            port.value["containerPort"]
        ):
            text = "ports.containerPort needs a number from 1 to 65535"
            yield port.problem(PodRule.PORT_NUMBER, "containerPort", text)
        name = port.value.get("name")
        if not isinstance(name, str) or not name:
            continue
        if not is_port_name(name):
            text = "ports.name needs up to 15 lower-case letters, digits and single hyphens"
            yield port.problem(PodRule.PORT_NAME, "name", text)
        elif name in taken:
            yield port.problem(PodRule.PORT_NAME, "name", f"two ports have the name {shown(name)}")
        taken.add(name)


def _of_node(
    container: PodContainer, host_network: bool, taken: set[tuple[str, str, int]]
) -> Iterator[PodProblem]:
    for port in container.items("ports"):
        own = number(port.value.get("containerPort"))
        host = number(port.value.get("hostPort")) or (own if host_network else None)
        if not host:
            continue
        if not is_port_number(host):
            text = "ports.hostPort needs a number from 1 to 65535"
            yield port.problem(PodRule.PORT_NUMBER, "hostPort", text)
        elif host_network and container.part == "containers" and host != own:
            text = f"hostPort {host} must be the containerPort, as hostNetwork is true"
            yield port.problem(PodRule.HOST_PORT, "hostPort", text)
        yield from _of_host_port(port, host, taken)


def _of_host_port(port: PodPlace, host: int, taken: Taken) -> Iterator[PodProblem]:
    key = (str(port.value.get("protocol") or "TCP"), str(port.value.get("hostIP") or ""), host)
    if key in taken:
        text = f"hostPort {host} is used twice in the pod"
        yield port.problem(PodRule.HOST_PORT, "hostPort", text)
    taken.add(key)
