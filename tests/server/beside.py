"""A webhook with caches beside one without: both are asked the same, and have to say the same."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import pytest
import yaml

from hack.bench.load import review as load
from injector import telemetry
from injector.config.loading import Input, Text, load_input
from injector.core.model import Manifest, Namespace
from injector.core.profile import Config
from injector.server.answers import AnswerPolicy
from injector.server.app import Webhook
from injector.server.heads import RequestHead
from injector.server.state import Limits, State
from injector.telemetry import Metrics
from tests.asgi import Reply, exchange, scope_of

SHOP: Final = Namespace("shop", {"istio-injection": "enabled"})
MiB: Final = 1 << 20


def config_of(raw: Manifest) -> Config:
    """A configuration from what its file says, the same each time: compiling templates takes its time."""
    return _config(yaml.safe_dump(raw))


@cache
def _config(text: str) -> Config:
    return load_input(Input(Text(text, "config"), "."))


@contextmanager
def unhurried() -> Iterator[None]:
    """No admission goes to a thread or is refused because the machine is busy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("injector.server.admitting.LOOP_SECONDS", float("inf"))
        patch.setattr("injector.server.queue.time", _Still())
        yield


class _Still:
    """A clock that stands still."""

    def __getattr__(self, _name: str) -> Any:
        return lambda: 0.0


async def _asked(webhook: Webhook, body: bytes, path: str, **state: Any) -> Reply:
    scope = scope_of("POST", path, query_string=b"timeout=10s", state=state)
    return Reply.of(await exchange(webhook, scope, [body]))


async def _at_once(webhook: Webhook, body: bytes, path: str) -> Reply:
    answer = webhook.at_once(RequestHead(path, 10.0, b"", b""), body)
    if not isinstance(answer, bytes):
        return await _asked(webhook, body, path, begun=answer)
    length = str(len(answer))
    return Reply(200, {"content-type": "application/json", "content-length": length}, answer)


@dataclass
class World:
    """What the callables of a webhook read, so that a test can change it."""

    config: Config
    namespaces: dict[str, Namespace] = field(default_factory=lambda: {"shop": SHOP})
    native: bool | None = True
    nodes: dict[str, bool | None] = field(default_factory=dict)
    objects: tuple[Manifest, ...] = ()


class Beside:
    """The two webhooks of one configuration."""

    def __init__(
        self,
        config: Config,
        *,
        replicas: int = 0,
        plans: int = 0,
        policy: AnswerPolicy | None = None,
        **more: Any,
    ) -> None:
        self.world = World(config)
        self.metrics = Metrics()
        self.asked = 0
        self.more = {"policy": policy or AnswerPolicy(), **more}
        self.cached = self.webhook(self.metrics, Limits(replicas=replicas, plans=plans))
        self.plain = self.webhook(Metrics(), Limits())

    def webhook(self, metrics: Metrics, limits: Limits) -> Webhook:
        """A webhook in this world."""
        world = self.world
        state = State(
            current=lambda: world.config,
            metrics=metrics,
            namespace_of=lambda name: world.namespaces.get(name),
            native_sidecars=lambda node: world.nodes.get(node, world.native),
            objects=lambda: world.objects,
            limits=limits,
            **self.more,
        )
        return Webhook(state, _nothing)

    def ask(self, body: bytes, path: str = "/inject") -> Reply:
        """The answer of both; fails where their bytes or their log lines differ."""
        cached, said = self.of(self.cached, body, path)
        plain, wanted = self.of(self.plain, body, path)
        assert cached == plain, difference(cached, plain)
        assert said == wanted
        return plain

    def of(self, webhook: Webhook, body: bytes, path: str = "/inject") -> tuple[Reply, list[Manifest]]:
        """The answer of one of them, and what it logs, without times.

        Every other request of the one with caches comes as a connection passes it on that knows its head.
        """
        self.asked += webhook is self.cached
        at_once = webhook is self.cached and self.asked % 2 == 0
        with logged() as lines:
            reply = asyncio.run(_at_once(webhook, body, path) if at_once else _asked(webhook, body, path))
        said = [json.loads(line) for line in lines.getvalue().splitlines()]
        for line in said:
            for name in ("time", "ts", "ms"):
                line.pop(name, None)
        return reply, said

    def number(self, metric: str, **labels: str) -> float:
        """The value of a metric of the webhook with caches, 0 where it has none yet."""
        wanted = {f'{name}="{value}"' for name, value in labels.items()}
        out = 0.0
        for line in self.metrics.text().decode().splitlines():
            name, _, rest = line.partition("{")
            if name == metric and wanted <= set(rest.partition("}")[0].split(",")):
                out += float(line.rpartition(" ")[2])
        return out

    @property
    def planned(self) -> float:
        """How many answers came from a plan."""
        return self.number("injector_cache_request_total", cache="plans", result="hit")

    @property
    def repeated(self) -> float:
        """How many answers a replica had got before."""
        return self.number("injector_cache_request_total", cache="replicas", result="hit")


async def _nothing(*_: Any) -> None:
    raise AssertionError("not a review")


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """What is logged meanwhile."""
    root, own = logging.getLogger(), logging.getLogger("injector")
    before = root.handlers[:], root.level, own.level
    stream = io.StringIO()
    telemetry.log_to("info", stream)
    try:
        yield stream
    finally:
        root.handlers[:], level, own_level = before
        root.setLevel(level)
        own.setLevel(own_level)


def difference(cached: Reply, plain: Reply) -> str:
    """Where two answers differ, in words."""
    if (cached.status, plain.status) != (200, 200):
        return f"{cached.status} {cached.body[:300]!r} instead of {plain.status} {plain.body[:300]!r}"
    first, second = (reply.json["response"] for reply in (cached, plain))
    for key in first.keys() | second.keys():
        if first.get(key) != second.get(key) and key != "patch":
            return f"{key}: {first.get(key)} instead of {second.get(key)}"
    ours, wanted = (json.loads(base64.b64decode(each.get("patch", "W10="))) for each in (first, second))
    other = next(((a, b) for a, b in zip(ours, wanted, strict=False) if a != b), None)
    return f"patch of {len(ours)} instead of {len(wanted)} operations: {other}"


def a_review(*, token: str = "abcde", **request: Any) -> Manifest:
    """The review of a replica of a Deployment, as the API server makes it, with fewer variables."""
    text = json.dumps(json.loads(load.body()))
    named = text.replace(f"kube-api-access-{load.NUMBER}", f"kube-api-access-{token}")
    out: Manifest = json.loads(named.replace(load.NUMBER, "7"))
    for container in out["request"]["object"]["spec"]["containers"]:
        del container["env"][2:]
    out["request"] |= request
    return out


def pod_of(review: Manifest) -> Manifest:
    """The pod that a review is about."""
    pod: Manifest = review["request"]["object"]
    return pod


def body_of(review: Any) -> bytes:
    """A review as the API server writes it."""
    return json.dumps(review, separators=(",", ":")).encode()
