"""The running webhook, the only place that connects its parts.

Here: which parts run, and which callables each gets of the others. Not here: what a part does, and
where the settings come from (`start`).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from socket import socket
from typing import Final

from injector import collection
from injector.classes import dataclass
from injector.config.current import Current
from injector.config.server_settings import Server
from injector.config.source import Source
from injector.core.profile import Config
from injector.kube.async_client import AsyncCluster, connect_async, load_client_async
from injector.kube.objects import NAMESPACES
from injector.server import run
from injector.server.answers import AnswerPolicy
from injector.server.app import Webhook
from injector.server.health import create_app
from injector.server.places import Bounds, ReachedLimits
from injector.server.queue import Size
from injector.server.run import Listener, Stop, allowed_connections, bind, run_loop, serve_listeners
from injector.server.state import Limits, Record, State
from injector.server.tls import ReloadableTLS
from injector.serving import certificates, recording
from injector.serving.caller_auth import Callers
from injector.serving.certificates import CertificateRenewal
from injector.serving.cluster_facts import ClusterFacts
from injector.serving.component import Component, ProblemLog, combined
from injector.serving.events import Eventing, eventing
from injector.serving.threads import run_in_daemon_thread
from injector.serving.warming import WarmSource, warm
from injector.telemetry import Metrics, load_metrics, log_event

_SWITCH_SECONDS: Final = 0.001

# The health listener reads no bodies; its answers are small, the metrics some 30 KB.
_HEALTH_BODY: Final = 64 * 1024
_HEALTH_BYTES: Final = 16 * 1024 * 1024


def load_libraries(server: Server) -> None:
    """Import what the running webhook imports else when it starts. Raises ClusterError, ImportError."""
    run.load_loop()
    if server.namespaces != "off":
        load_client_async()
    load_metrics()


@dataclass(frozen=True, slots=True)
class ServedWebhook:
    """A webhook that can be run once, with its settings and first configuration."""

    source: Source
    server: Server
    config: Config
    kubeconfig: str | None
    context: str | None

    def serve(self) -> None:
        """Listen, and answer until SIGTERM. Raises InjectorError where it cannot start."""
        server = self.server
        certificates.check_settings(server)
        sockets = [bind(server.listen, "listen"), bind(server.health_listen, "healthListen")]
        if server.debug_listen:
            from injector.serving import debug_page

            sockets += debug_page.sockets(server.debug_listen)
        with contextlib.ExitStack() as stack:
            for bound in sockets:
                stack.enter_context(bound)
            # While threads work on long admissions, the loop waits this long for its turn.
            sys.setswitchinterval(_SWITCH_SECONDS)
            warm(self.config)
            run_loop(lambda stop: self._main(stop, sockets, stack))

    async def _main(self, stop: Stop, sockets: Sequence[socket], stack: contextlib.ExitStack) -> None:
        async with self._cluster() as cluster, asyncio.TaskGroup() as group:
            parts = _Parts.made(self, cluster)
            components = parts.components(self.server.source.poll_seconds)
            for each in components:
                each.start(group)
            recorder = recording.recorder(self.server, parts.metrics)
            if recorder:
                stack.callback(recorder.close)
            state = parts.state(self.server, stop, recorder.offer if recorder else None)
            parts.metrics.readiness(lambda: not stop.is_set() and not state.waiting())
            listeners = parts.listeners(state, sockets, self.server)
            page = {"page": f"http://{_name(sockets[2])}/debug/explain"} if sockets[2:] else {}
            collection.leave_out()
            log_event("info", "listening", webhook=_name(sockets[0]), health=_name(sockets[1]), **page)
            await serve_listeners(listeners, stop, self.server.drain_seconds)
            for each in reversed(components):
                each.stop()
        log_event("info", "stopped")

    @contextlib.asynccontextmanager
    async def _cluster(self) -> AsyncIterator[AsyncCluster | None]:
        if self.server.namespaces == "off":
            yield None
            return
        async with await connect_async(self.kubeconfig, self.context) as cluster:
            yield cluster


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of one webhook."""

    metrics: Metrics
    tls: ReloadableTLS
    current: Current
    facts: ClusterFacts
    certificates: CertificateRenewal
    events: Eventing
    callers: Callers
    reached: ReachedLimits

    @classmethod
    def made(cls, webhook: ServedWebhook, cluster: AsyncCluster | None) -> _Parts:
        """The parts that the settings ask for. Raises ConfigError."""
        server, metrics = webhook.server, Metrics()
        auth = server.caller_auth
        tls = ReloadableTLS(
            server.certificates.minimum_tls,
            asks=auth.asks_for_certificates,
            requires=auth.requires_certificates,
        )
        facts = ClusterFacts(cluster)
        metrics.namespaces(lambda: facts.synced(NAMESPACES))

        def taken(config: Config) -> None:
            facts.need(config)
            collection.settle_again()

        seconds = server.source.poll_seconds
        return cls(
            metrics,
            tls,
            Current(
                WarmSource(webhook.source, webhook.config),
                webhook.config,
                metrics,
                seconds=seconds,
                in_thread=run_in_daemon_thread,
                taken=taken,
            ),
            facts,
            certificates.make_renewal(server, cluster, metrics, tls),
            eventing(server, cluster, metrics),
            Callers(server, cluster, metrics, tls),
            ReachedLimits(metrics.cut),
        )

    def components(self, seconds: float) -> list[Component]:
        """The components in the order of their start; problems are logged every `seconds`."""
        watches = self.certificates.watches
        # The other parts log their problems themselves.
        logged = (self.facts, watches, self.events, self.callers)
        now = [answer for each in logged for answer in (each.not_ready, each.warnings)]
        log = ProblemLog(seconds, lambda: combined([*now, self.reached.warnings]))
        return [self.facts, watches, self.certificates, self.events, self.callers, self.current, log]

    def not_ready(self) -> dict[str, str]:
        """Why the webhook cannot be called yet."""
        return combined([self.facts.not_ready, self.certificates.not_ready, self.callers.not_ready])

    def warnings(self) -> dict[str, str]:
        """What an operator should know."""
        shown = (self.current, self.facts, self.certificates, self.certificates.watches, self.callers)
        return combined([*(each.warnings for each in shown), self.reached.warnings])

    def state(self, server: Server, stop: Stop, record: Record | None) -> State:
        """What the server needs of the parts."""
        return State(
            current=lambda: self.current.config,
            metrics=self.metrics,
            namespace_of=self.facts.namespace_of,
            native_sidecars=self.facts.native_sidecars,
            objects=self.facts.objects,
            waiting=self.not_ready,
            notes=self.warnings,
            draining=stop.is_set,
            limits=Limits(
                server.body_limit,
                server.nesting_limit,
                Size(server.queue.length, server.queue.max_bytes),
                server.cpu_milliseconds / 1000,
                server.cache.replicas,
                server.cache.plans,
            ),
            policy=AnswerPolicy(
                server.failure_mode, server.warnings, server.audit_annotations, server.skip_warnings
            ),
            record=record,
            notify=self.events.notify,
            caller=self.callers.check,
        )

    def listeners(self, state: State, sockets: Sequence[socket], server: Server) -> list[Listener]:
        """The listeners of the webhook, of health and metrics, and of the debug page where it is on."""
        outer, inner, *pages = sockets
        webhook = Webhook(state, create_app(state, inner=False))
        bounds, health = _bounds(server)
        # A check of callers may have to wait for keys.
        at_once = webhook.at_once if state.caller is None else None
        return [
            Listener(webhook, outer, lambda: self.tls.context, bounds, self.reached.at("webhook"), at_once),
            Listener(create_app(state, inner=True), inner, bounds=health, cut=self.reached.at("health")),
            *(_page(state, bound, server) for bound in pages),
        ]


def _page(state: State, bound: socket, server: Server) -> Listener:
    # Loaded where it is on only, as a start is to be short.
    from injector.serving import debug_page

    return debug_page.listener(state, bound, profiling=server.debug_profile)


def _bounds(server: Server) -> tuple[Bounds, Bounds]:
    """The limits of connections of the webhook, and of health and metrics."""
    wanted = server.connections
    limit = allowed_connections(wanted.limit)
    if limit < wanted.limit:
        text = f"server.connections.limit is reduced to {limit}: the process may not open more files"
        log_event("warning", "connections", what="limit", message=text)
    webhook = Bounds(
        limit, wanted.read_seconds, wanted.age_seconds, bytes=wanted.max_bytes, body=server.body_limit
    )
    # Its callers are kubelets and collectors of metrics.
    health = Bounds(
        limit, wanted.read_seconds, per_address=wanted.health_per_address,
        bytes=_HEALTH_BYTES, body=_HEALTH_BODY,
    )  # fmt: skip
    return webhook, health


def _name(bound: socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
