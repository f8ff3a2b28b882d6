"""Requests and limits, of containers and of the pod."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, Final, TypeVar

from injector.classes import dataclass
from injector.core.model import Manifest
from injector.core.quantities import nanos, parse
from injector.core.validation.places import PodParts, PodPlace, containers, fields
from injector.core.validation.problem import PodProblem, PodRule
from injector.printable import shown

Amounts = dict[str, "decimal.Decimal"]
_Number = TypeVar("_Number")

_STANDARD: Final = frozenset({"cpu", "memory", "ephemeral-storage"})
_OF_PODS: Final = frozenset({"cpu", "memory"})
_HUGE: Final = "hugepages-"
_QUANTITIES: Final = frozenset({str, int, float})


def problems(parts: PodParts) -> Iterator[PodProblem]:
    """Resources that contradict each other."""
    for container in parts.unusual:
        own = fields(container.value.get("resources"))
        if own and not are_plain(own):
            resources = _Resources.of(container.below("resources"), "resources")
            yield from _names(resources, _STANDARD)
            yield from _request_and_limit(resources)
            yield from _huge_pages(resources)
    if fields(parts.spec.value.get("resources")):
        yield from _of_pod(parts)


def are_plain(resources: Mapping[str, Any]) -> bool:
    """Whether these are resources of Kubernetes in amounts that no rule is about."""
    limits, requests = (_read(resources.get(part), nanos) for part in ("limits", "requests"))
    if not (_STANDARD.issuperset(limits) and _STANDARD.issuperset(requests)):
        return False
    for name, amount in limits.items():
        if amount < 0 or requests.get(name, amount) > amount:
            return False
    return not requests or min(requests.values()) >= 0


@dataclass(frozen=True, slots=True)
class _Resources:
    """The resources of a container or a pod, with their name in messages."""

    place: PodPlace
    label: str
    limits: Amounts
    requests: Amounts

    @classmethod
    def of(cls, place: PodPlace, label: str) -> _Resources:
        return cls(place, label, amounts(place.value.get("limits")), amounts(place.value.get("requests")))


def amounts(value: Any) -> Amounts:
    """The quantities of a map of resources; those that cannot be read are left out."""
    return _read(value, parse)


def _read(value: Any, number: Callable[[str], _Number]) -> dict[str, _Number]:
    out = {}
    for name, quantity in fields(value).items():
        if type(quantity) not in _QUANTITIES:
            continue
        try:
            out[str(name)] = number(str(quantity))
        except ValueError:
            continue
    return out


def requests_of(value: Mapping[str, Any]) -> Amounts:
    """The requests of `resources` with the default of the API server: the limits."""
    return {**amounts(value.get("limits")), **amounts(value.get("requests"))}


def limits_of(value: Mapping[str, Any]) -> Amounts:
    """The limits of `resources`."""
    return amounts(value.get("limits"))


def total(pod: Manifest, kind: str) -> Amounts:
    """What Kubernetes counts for a pod's containers, of its `requests` or `limits`.

    Sidecars and containers are summed; an ordinary init container needs its own and that of the
    sidecars before it.
    """
    read = requests_of if kind == "requests" else limits_of
    total: Amounts = {}
    sidecars: Amounts = {}
    alone: Amounts = {}
    for container in containers(pod):
        own = read(fields(container.value.get("resources")))
        for name, amount in own.items():
            if container.is_ordinary_init:
                amount += sidecars.get(name, decimal.Decimal())
                alone[name] = max(alone.get(name, amount), amount)
                continue
            total[name] = total.get(name, decimal.Decimal()) + amount
            if container.part == "initContainers":
                sidecars[name] = sidecars.get(name, decimal.Decimal()) + amount
    return {name: max(total.get(name, amount), amount) for name, amount in {**total, **alone}.items()}


def _names(resources: _Resources, standard: Set[str]) -> Iterator[PodProblem]:
    for kind, of_kind in (("limits", resources.limits), ("requests", resources.requests)):
        for name, amount in of_kind.items():
            text = ""
            if name not in standard and "/" not in name and not name.startswith(_HUGE):
                text = "is not a resource of Kubernetes"
            elif amount < 0:
                text = "is negative"
            if text:
                text = f"{resources.label}.{kind}.{shown(name)} {text}"
                yield _named(resources.place.below(kind), PodRule.RESOURCE, name, text)


def _request_and_limit(resources: _Resources) -> Iterator[PodProblem]:
    label, limits = resources.label, resources.limits
    for name, request in resources.requests.items():
        text = ""
        if name in limits and request > limits[name]:
            text = f"exceeds {label}.limits.{shown(name)}"
        elif name in limits and request != limits[name] and not _overcommits(name):
            text = f"must be equal to {label}.limits.{shown(name)}"
        elif name not in limits and not _overcommits(name):
            text = "needs the same limit"
        if text:
            text = f"{label}.requests.{shown(name)} {text}"
            yield _named(resources.place.below("requests"), PodRule.REQUEST_ABOVE_LIMIT, name, text)


def _huge_pages(resources: _Resources) -> Iterator[PodProblem]:
    have = {**resources.limits, **resources.requests}
    if any(name.startswith(_HUGE) for name in have) and _OF_PODS.isdisjoint(have):
        yield resources.place.problem(PodRule.RESOURCE, "", "huge pages need cpu or memory")


def _named(place: PodPlace, rule: PodRule, name: str, text: str) -> PodProblem:
    """A problem of one resource, whose name may have dots."""
    return PodProblem(rule, (*place.path, name), f"{place.subject}: {text}")


def _overcommits(name: str) -> bool:
    """Whether a request may be below its limit."""
    return ("/" not in name or "kubernetes.io/" in name) and not name.startswith(_HUGE)


def _of_pod(parts: PodParts) -> Iterator[PodProblem]:
    place = parts.spec.below("resources")
    resources = _Resources.of(place, "spec.resources")
    yield from _names(resources, _OF_PODS)
    yield from _request_and_limit(resources)
    asked, limits = resources.requests, resources.limits
    for name, amount in total(parts.pod, "requests").items():
        if name in asked and amount > asked[name]:
            text = f"the requests of its containers exceed spec.resources.requests.{shown(name)}"
            yield _named(place.below("requests"), PodRule.POD_REQUESTS, name, text)
        elif name in limits and name not in asked and amount > limits[name] and _overcommits(name):
            # The pod's own request is then the sum.
            text = f"the requests of its containers exceed spec.resources.limits.{shown(name)}"
            yield _named(place.below("limits"), PodRule.POD_REQUESTS, name, text)
    for name, amount in total(parts.pod, "limits").items():
        if name in limits and amount > limits[name] and name.startswith(_HUGE):
            text = f"the limits of its containers exceed spec.resources.limits.{shown(name)}"
            yield _named(place.below("limits"), PodRule.POD_LIMITS, name, text)
    for container in parts.containers:
        own = amounts(container.below("resources").value.get("limits"))
        for name, limit in own.items() if container.part == "containers" else ():
            if name in limits and limit > limits[name]:
                text = f"resources.limits.{shown(name)} exceeds spec.resources.limits.{shown(name)}"
                yield _named(container.below("resources", "limits"), PodRule.POD_LIMITS, name, text)
