"""A webhook with caches beside one without: what it says of a body, of its replicas, and of pods like it.

Not here: what has to hold for an answer itself (oracles.py).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from injector.core.model import Reason
from injector.server.app import Webhook
from injector.server.health import create_app
from injector.server.state import Limits, State
from injector.telemetry import Metrics
from tests.asgi import Reply, exchange, scope_of
from tests.generators.values import SCALARS

# The plan is made for the second, the outline for the fourth.
_TIMES: Final = 5
_SIZE: Final = 4 << 20
_TEXTS: Final = (
    "a",
    "auto",
    "default",
    "istio-proxy",
    "v1",
    "a-b",
    "A.b",
    "kube-api-access-abcde",
    "/app-health/a/livez",
)


@dataclass
class Caching:
    """Webhooks with one cache each, and one with none."""

    state: State
    plans: Webhook = field(init=False)
    replicas: Webhook = field(init=False)
    plain: Webhook = field(init=False)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.plans = self._webhook(Limits(plans=_SIZE), self.metrics)
        self.replicas = self._webhook(Limits(replicas=_SIZE), self.metrics)
        self.plain = self._webhook(Limits(), Metrics())

    def _webhook(self, limits: Limits, metrics: Metrics) -> Webhook:
        state = replace(self.state, limits=limits, metrics=metrics, record=None, notify=None)
        return Webhook(state, create_app(state, inner=False))

    def faults(self, body: bytes, path: str) -> list[str]:
        """Where answers differ, to a body and to one in which one text is another."""
        asked = [(body, _TIMES), *((other, 1) for other in _varied(body))]
        return [
            f"{name} give another answer{'' if each is body else ' to a pod like it'}"
            for each, times in asked
            for name, app in (("plans", self.plans), ("replicas", self.replicas))
            if self._differs(app, each, path, times)
        ][:1]

    def _differs(self, app: Webhook, body: bytes, path: str, times: int) -> bool:
        plain = _asked(self.plain, body, path)
        replies = [_asked(app, body, path) for _ in range(times)]
        return not _is_hurried(plain) and any(
            (each.status, each.body) != (plain.status, plain.body)
            for each in replies
            if not _is_hurried(each)
        )


def _asked(app: Webhook, body: bytes, path: str) -> Reply:
    scope = scope_of("POST", path, query_string=b"timeout=30s")
    return Reply.of(asyncio.run(exchange(app, scope, [body])))


def _is_hurried(reply: Reply) -> bool:
    """Whether it says that the time was too short, which is not for the caches to say."""
    return reply.status in (413, 429) or Reason.TOO_EXPENSIVE.value.encode() in reply.body


def _varied(body: bytes) -> Iterator[bytes]:
    """The body with another text or value in one place of the pod; nothing where it is no review."""
    try:
        review = json.loads(body)
        places = list(_texts(review["request"]["object"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    random = Random(body)
    if places:
        holder, key = random.choice(places)
        holder[key] = random.choice(_TEXTS if random.random() < 0.8 else SCALARS)
        yield json.dumps(review, separators=(",", ":")).encode()


def _texts(tree: Any) -> Iterator[tuple[Any, Any]]:
    """The places of all texts in a tree."""
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in steps:
        if isinstance(value, str):
            yield tree, key
        else:
            yield from _texts(value)
