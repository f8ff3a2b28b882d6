"""Which orders of containers work: the application waits for the proxy, and capture needs a proxy.

Not here: the default order (final_steps.py), and how an operator sets another (the core's placement).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from injector.core.position import OrderProblem
from injector.printable import first_of, shown
from injector.profiles.istio import layers, proxyconfig
from injector.profiles.istio.containers import INIT, PROXY, VALIDATION
from injector.profiles.istio.settings import effective_of
from injector.profiles.istio.values import dig

if TYPE_CHECKING:
    from injector.core.profile import Injection

_HOLD = "holdApplicationUntilProxyStarts"


def holds(run: Injection) -> bool:
    """Whether the application starts only after the proxy is ready."""
    asked = proxyconfig.merge(effective_of(run).mesh["defaultConfig"], layers.annotated(run))
    return bool(asked.get(_HOLD) or dig(run.config.values, f"global.proxy.{_HOLD}"))


def problems(
    run: Injection, part: str, order: Sequence[str], injected: frozenset[str]
) -> Iterator[OrderProblem]:
    """What is wrong with an order of one list of containers."""
    place = {name: number for number, name in enumerate(order)}
    if part == "containers":
        late = any(name not in injected for name in order[: place.get(PROXY, 0)])
        if late and holds(run):
            message = f"{_HOLD} requires {PROXY} before the pod's own containers"
            yield OrderProblem(message, frozenset({PROXY}))
        return
    proxy = place.get(PROXY, len(order))
    for name in (INIT, VALIDATION):
        if PROXY in place and place.get(name, -1) > proxy:
            message = f"{name} must run before the native sidecar {PROXY}"
            yield OrderProblem(message, frozenset({name, PROXY}))
    first = _first_captured(place)
    caught = [name for name in order[first:proxy] if name not in injected]
    if caught:
        why = "their traffic is captured, and no proxy runs yet"
        listed = first_of([shown(name) for name in caught])
        yield OrderProblem(f"init containers without a network because of placement: {listed}; {why}")


def _first_captured(place: dict[str, int]) -> int:
    """The number of the first init container whose traffic is captured, that of all where there is none.

    With CNI all are, and with a classic proxy no place changes that.
    """
    if VALIDATION in place and PROXY in place:
        return 0
    return place.get(INIT, len(place))
