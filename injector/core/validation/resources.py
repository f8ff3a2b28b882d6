"""Requests and limits, of containers and of the pod."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from injector.core.model import Manifest
from injector.core.quantities import parse
from injector.core.validation.places import PodContainer, PodPlace, containers, fields, spec_of
from injector.core.validation.problem import PodProblem, PodRule
from injector.printable import shown

Amounts = dict[str, Decimal]

_STANDARD: Final = frozenset({"cpu", "memory", "ephemeral-storage"})
_OF_PODS: Final = frozenset({"cpu", "memory"})
_HUGE: Final = "hugepages-"


def problems(pod: Manifest) -> Iterator[PodProblem]:
    """Resources that contradict each other."""
    for container in containers(pod):
        if not container.value.get("resources"):
            continue
        place = container.below("resources")
        yield from _names(place, _STANDARD, "resources")
        yield from _request_and_limit(place, "resources")
        yield from _huge_pages(place)
    spec = spec_of(pod)
    if fields(spec.value.get("resources")):
        yield from _of_pod(spec, list(containers(pod)))


def amounts(value: Any) -> Amounts:
    """The quantities of a map of resources; those that cannot be read are left out."""
    out = {}
    for name, quantity in fields(value).items():
        if isinstance(quantity, bool) or not isinstance(quantity, str | int | float):
            continue
        try:
            out[str(name)] = parse(str(quantity))
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
                amount += sidecars.get(name, Decimal())
                alone[name] = max(alone.get(name, amount), amount)
                continue
            total[name] = total.get(name, Decimal()) + amount
            if container.part == "initContainers":
                sidecars[name] = sidecars.get(name, Decimal()) + amount
    return {name: max(total.get(name, amount), amount) for name, amount in {**total, **alone}.items()}


def _names(place: PodPlace, standard: Iterable[str], label: str) -> Iterator[PodProblem]:
    for kind in ("limits", "requests"):
        for name, amount in amounts(place.value.get(kind)).items():
            if "/" not in name and name not in standard and not name.startswith(_HUGE):
                text = f"{label}.{kind}.{shown(name)} is not a resource of Kubernetes"
                yield _named(place.below(kind), PodRule.RESOURCE, name, text)
            elif amount < 0:
                text = f"{label}.{kind}.{shown(name)} is negative"
                yield _named(place.below(kind), PodRule.RESOURCE, name, text)


def _request_and_limit(place: PodPlace, label: str) -> Iterator[PodProblem]:
    limits = amounts(place.value.get("limits"))
    for name, request in amounts(place.value.get("requests")).items():
        where = f"{label}.requests.{shown(name)}"
        at = PodRule.REQUEST_ABOVE_LIMIT
        below = place.below("requests")
        if name in limits and request > limits[name]:
            yield _named(below, at, name, f"{where} exceeds {label}.limits.{shown(name)}")
        elif name in limits and request != limits[name] and not _overcommits(name):
            yield _named(below, at, name, f"{where} must be equal to {label}.limits.{shown(name)}")
        elif name not in limits and not _overcommits(name):
            yield _named(below, at, name, f"{where} needs the same limit")


def _huge_pages(place: PodPlace) -> Iterator[PodProblem]:
    have = {**amounts(place.value.get("limits")), **amounts(place.value.get("requests"))}
    if any(name.startswith(_HUGE) for name in have) and _OF_PODS.isdisjoint(have):
        yield place.problem(PodRule.RESOURCE, "", "huge pages need cpu or memory")


def _named(place: PodPlace, rule: PodRule, name: str, text: str) -> PodProblem:
    """A problem of one resource, whose name may have dots."""
    return PodProblem(rule, (*place.path, name), f"{place.subject}: {text}")


def _overcommits(name: str) -> bool:
    """Whether a request may be below its limit."""
    return ("/" not in name or "kubernetes.io/" in name) and not name.startswith(_HUGE)


def _of_pod(spec: PodPlace, all_of: list[PodContainer]) -> Iterator[PodProblem]:
    place = spec.below("resources")
    yield from _names(place, _OF_PODS, "spec.resources")
    yield from _request_and_limit(place, "spec.resources")
    pod = {"spec": spec.value}
    asked, limits = amounts(place.value.get("requests")), amounts(place.value.get("limits"))
    for name, amount in total(pod, "requests").items():
        if name in asked and amount > asked[name]:
            text = f"the requests of its containers exceed spec.resources.requests.{shown(name)}"
            yield _named(place.below("requests"), PodRule.POD_REQUESTS, name, text)
        elif name in limits and name not in asked and amount > limits[name] and _overcommits(name):
            # The pod's own request is then the sum.
            text = f"the requests of its containers exceed spec.resources.limits.{shown(name)}"
            yield _named(place.below("limits"), PodRule.POD_REQUESTS, name, text)
    for name, amount in total(pod, "limits").items():
        if name in limits and amount > limits[name] and name.startswith(_HUGE):
            text = f"the limits of its containers exceed spec.resources.limits.{shown(name)}"
            yield _named(place.below("limits"), PodRule.POD_LIMITS, name, text)
    for container in all_of:
        own = amounts(container.below("resources").value.get("limits"))
        for name, limit in own.items() if container.part == "containers" else ():
            if name in limits and limit > limits[name]:
                text = f"resources.limits.{shown(name)} exceeds spec.resources.limits.{shown(name)}"
                yield _named(container.below("resources", "limits"), PodRule.POD_LIMITS, name, text)
