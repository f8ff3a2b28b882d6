"""`injector serve`: the composition root of the webhook, the only place where its rooms meet.

Here: which configuration, which caches, which listeners, and who tells whom. Not here: what any
of them does.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from injector.cli import caller_auth, debug_page, eventing, recording
from injector.cli.threads import beside
from injector.cli.watched import NAMESPACES, Watched
from injector.config import coherence
from injector.config.load import Input, Overrides, Text, load_settings
from injector.config.schema import ConfigMapSource, IstioSource, Server, read_settings
from injector.core.profile import Config
from injector.errors import ClusterError, ConfigError, InjectorError, TemplateError
from injector.telemetry import Metrics, log_to, tell

if TYPE_CHECKING:
    from socket import socket

    from injector.cli.certificates import Certificates
    from injector.kube.client import AsyncCluster, Cluster
    from injector.records.writer import Recorder
    from injector.server.app import State
    from injector.server.places import Reached
    from injector.server.run import Listener
    from injector.server.tls import Swap

_EXAMPLES: Final = """\b
Examples:
  injector serve --config injector.yaml --tls-cert tls.crt --tls-key tls.key
  injector serve --config-map mesh/injector --tls-bundle tls.pem
  injector serve --from-istiod istio-system/canary --tls-cert tls.crt --tls-key tls.key
  injector serve --config injector.yaml --namespaces off ...     (without a cluster)"""


@click.command("serve", epilog=_EXAMPLES)
@click.option("--config", "config_file", metavar="FILE", help="The configuration file.")
@click.option("--config-map", metavar="NS/NAME[/KEY]", help="Read the configuration from a ConfigMap.")
@click.option("--from-istiod", metavar="NS[/REVISION]", help="Also read the ConfigMaps of a running istiod.")
@click.option("--tls-cert", metavar="FILE", help="Certificate chain, PEM.")
@click.option("--tls-key", metavar="FILE", help="Private key, PEM.")
@click.option(
    "--tls-bundle", metavar="FILE", help="Key and chain in one file; replaces --tls-cert and --tls-key."
)
@click.option("--listen", metavar="HOST:PORT", help="Address of the webhook; default :8443.")
@click.option("--health-listen", metavar="HOST:PORT", help="Address of health and metrics; default :8080.")
@click.option("--debug-listen", metavar="HOST:PORT", help="Loopback address of the debug page; default: off.")
@click.option("--namespaces", type=click.Choice(["watch", "off"]), help="off: do not watch a cluster.")
@click.option(
    "--failure-mode",
    type=click.Choice(["deny", "allow"]),
    help="What to do with a pod when the injector itself fails.",
)
@click.option(
    "--record", "record_dir", metavar="DIR", help="Folder for records of admissions, for 'injector replay'."
)
@click.option("--record-key", metavar="FILE", help="Key of the pseudonyms in records.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
@click.option(
    "--kubeconfig",
    metavar="FILE",
    help="Same as for kubectl; by default the cluster that this process runs in.",
)
@click.option("--context", "kube_context", metavar="NAME", help="Same as for kubectl.")
def serve(**flags: str | None) -> None:
    """Run the admission webhook until SIGTERM.

    Logs are JSON lines on stderr. The source of the configuration is read every few seconds. If it
    is invalid, the error is logged and the last valid configuration stays in use.
    """
    source, server = _source(flags)
    log_to(server.log_level)
    # While the sample pods are rendered, which other processes do.
    threading.Thread(target=_load_libraries).start()
    config = source.read()
    _announce(config)
    if server.failure_mode == "allow":
        tell("warning", "failure-mode", message=coherence.FAILS_OPEN)
    try:
        _run(source, server, config)
    except BaseExceptionGroup as group:
        _raise_first(group)


def _load_libraries() -> None:
    """Import what takes longest; what is missing is told by who needs it."""
    with contextlib.suppress(ImportError):
        import injector.cli.certificates
        import injector.server.run  # noqa: F401


_SWITCH_SECONDS: Final = 0.001

# In how many looks the source has to hold still.
_TRIES: Final = 5


@dataclass(slots=True)
class Source:
    """Where the configuration comes from: a file, a ConfigMap instead of it, an istiod's on top.

    `serving` makes the settings of the server from those that are read, with the flags over them,
    and raises ConfigError where they do not fit together. `server` is what it made last. `step` is
    what a reading has come to, which is the reason where it fails: source, settings, template,
    samples, or changing.
    """

    file: str | None
    config_map: ConfigMapSource
    istio: IstioSource
    revision: str | None
    kubeconfig: str | None
    context: str | None
    serving: Callable[[Server], Server] = lambda server: server
    server: Server | None = None
    step: str = ""
    _cluster: Cluster | None = None
    _proven: str = ""
    _filled: frozenset[str] = frozenset()

    def read(self) -> Config:
        """The snapshot as the source is now; a new one is tried out first. Blocks. Raises InjectorError.

        Files, as kubelet swaps them, and ConfigMaps may change between two of our looks: then one of
        the texts would be older than another.
        """
        for _ in range(_TRIES):
            self.step = "source"
            given = self.given()
            try:
                config = self._tried(given)
            except ConfigError:
                if self._still(given):
                    raise
                continue
            if config is not None:
                self._proven = config.digest
                self._filled = frozenset(name for name, text in _texts(given).items() if text.strip())
                return config
        self.step = "changing"
        raise ConfigError(
            "the configuration changed while it was read",
            where=given.file.origin,
            hint="the configuration is read again soon",
        )

    def _tried(self, given: Input) -> Config | None:
        """The snapshot of these texts, None where they change meanwhile. Raises ConfigError."""
        self.step = "settings"
        settings = read_settings(given.file.text, given.file.origin)
        config = load_settings(settings, given)
        self.server = self.serving(settings.server)
        self._check_filled(given)
        if config.digest == self._proven:
            return config
        if not self._still(given):
            return None
        self.step = "template"
        config.templates.compile_all()
        self.step = "samples"
        _try_out(given)
        # That takes seconds, in which whoever writes a file in place may have gone on.
        return config if self._still(given) else None

    def _check_filled(self, given: Input) -> None:
        """Whoever writes a file in place empties it first, and nothing is often valid."""
        for name, text in _texts(given).items():
            if name in self._filled and not text.strip():
                self.step = "changing"
                hint = "write {} to use only the defaults"
                raise ConfigError("the file is empty now", where=name, hint=hint)

    def _still(self, given: Input) -> bool:
        """Whether everything that was read still reads the same."""
        now = self.given()
        return (now.file, now.overrides) == (given.file, given.overrides) and given.files.unchanged()

    def given(self) -> Input:
        """The texts as they are now."""
        given = Input.from_file(self.file)
        if not self.config_map.name and not self.istio.namespace:
            return given
        try:
            return self._from_cluster(given)
        except InjectorError:
            # Credentials may have run out; the next reading connects anew.
            self._cluster = None
            raise

    def _from_cluster(self, given: Input) -> Input:
        from injector.cli import world
        from injector.kube.client import connect
        from injector.kube.objects import configmap_key

        if self._cluster is None:
            self._cluster = connect(self.kubeconfig, self.context)
        found = self.config_map
        if found.name:
            text = configmap_key(self._cluster, found.namespace, found.name, found.key)
            origin = f"ConfigMap {found.namespace}/{found.name} {found.key}"
            # Not the folder of --config: who may write the ConfigMap may not read this machine.
            given = replace(given, file=Text(text, origin), base=None)
        if self.istio.namespace:
            maps = world.Maps.named(
                self.istio.namespace, self.revision, self.istio.mesh_config_map, self.istio.inject_config_map
            )
            given = replace(
                given, overrides=world.control_plane(self._cluster, maps, Overrides(revision=self.revision))
            )
        return given


def _texts(given: Input) -> dict[str, str]:
    """All texts of files that were read, by where they are from."""
    return {given.file.origin: given.file.text, **given.files.by_path()}


def _try_out(given: Input) -> None:
    """Render sample pods in child processes. Raises ConfigError for the first problem."""
    from injector.config.dryrun import dry_run

    problems = dry_run(given)
    if problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
        hint = first.hint or "try 'injector check' with the same configuration"
        raise ConfigError(f"sample pods: {first.message}{more}", where=first.where, hint=hint)


def _source(flags: Mapping[str, str | None]) -> tuple[Source, Server]:
    """The source, and the settings of the server: the flags over the file's own."""
    given = Input.from_file(flags["config_file"])
    settings = read_settings(given.file.text, given.file.origin)
    istio, revision = settings.server.source.istio, settings.revision or None
    if flags["from_istiod"]:
        namespace, _, named = flags["from_istiod"].partition("/")
        istio, revision = replace(istio, namespace=namespace), named or revision
    config_map = _config_map(flags["config_map"]) or settings.server.source.config_map
    source = Source(
        flags["config_file"], config_map, istio, revision, flags["kubeconfig"], flags["kube_context"]
    )
    if config_map.name and flags["config_file"] is None:
        text = source.given().file
        settings = read_settings(text.text, text.origin)
    elsewhere = ("config_file", "config_map", "from_istiod", "kubeconfig", "kube_context", "record_dir",
                 "record_key")  # fmt: skip
    changes: dict[str, Any] = {k: v for k, v in flags.items() if v is not None and k not in elsewhere}

    def serving(server: Server) -> Server:
        served = replace(server, **changes, record=recording.with_flags(server.record, flags))
        _check(served)
        return served

    source.serving = serving
    return source, serving(settings.server)


def _check(server: Server) -> None:
    """Raise ConfigError for settings of the server that do not fit together."""
    from injector.cli import certificates

    coherence.check(server)
    certificates.kind_of(server)


def _config_map(flag: str | None) -> ConfigMapSource | None:
    if flag is None:
        return None
    namespace, _, rest = flag.partition("/")
    name, _, key = rest.partition("/")
    if not namespace or not name:
        raise ConfigError(
            "a namespace and a name are expected", where="--config-map", hint="NS/NAME or NS/NAME/KEY"
        )
    return ConfigMapSource(namespace=namespace, name=name, **({"key": key} if key else {}))


def _run(source: Source, server: Server, config: Config) -> None:
    from injector.cli import certificates
    from injector.server import run
    from injector.server.places import Reached
    from injector.server.tls import Swap

    certificates.check(server)
    auth = server.caller_auth
    swap = Swap(
        server.certificates.minimum_tls,
        asks=auth.asks_for_certificates,
        requires=auth.requires_certificates,
    )
    sockets = [run.bind(server.listen, "listen"), run.bind(server.health_listen, "healthListen")]
    sockets += debug_page.sockets(server.debug_listen)
    with contextlib.ExitStack() as stack:
        for bound in sockets:
            stack.enter_context(bound)

        async def main(stop: run.Stop) -> None:
            async with _cluster_of(source, server) as cluster, asyncio.TaskGroup() as group:
                watched = Watched(cluster, group)
                current = Current(source, config, watched)
                kept = certificates.certificates(server, cluster, current.metrics, swap)
                events = eventing.eventing(server, cluster, current.metrics)
                callers = caller_auth.Callers(server, cluster, current.metrics, swap)
                reached = Reached(current.metrics.cut)
                current.unseen = lambda: {
                    **kept.unseen(), **events.unwritten(), **callers.notes(), **reached.notes(),
                }  # fmt: skip
                for each in (kept, events, callers):
                    each.start(group)
                polling = group.create_task(current.poll(server.source.poll_seconds))
                recorder = recording.recorder(server, current.metrics)
                if recorder:
                    stack.callback(recorder.close)
                state = _state(current, kept, callers, server, recorder, reached)
                state = replace(state, draining=stop.is_set, notify=events.notify)
                current.metrics.readiness(lambda: not stop.is_set() and not state.waiting())
                listeners = _listeners(state, sockets, swap, server, reached)
                page = {"page": f"http://{_name(sockets[2])}/debug/explain"} if sockets[2:] else {}
                tell("info", "listening", webhook=_name(sockets[0]), health=_name(sockets[1]), **page)
                await run.serve(listeners, stop, server.drain_seconds)
                polling.cancel()
                for running in (events, callers, kept, watched):
                    running.stop()
            tell("info", "stopped")

        # While threads work on long admissions, the loop waits for so long whenever it has something to do.
        sys.setswitchinterval(_SWITCH_SECONDS)
        # An admission makes thousands of objects that live for a moment; looking at them costs more.
        gc.set_threshold(20_000, 20, 50)
        run.run(main)


@contextlib.asynccontextmanager
async def _cluster_of(source: Source, server: Server) -> AsyncIterator[AsyncCluster | None]:
    if server.namespaces == "off":
        yield None
        return
    from injector.kube.client import connect_async

    async with await connect_async(source.kubeconfig, source.context) as cluster:
        yield cluster


# The listener of health reads no bodies; its requests and answers are small, its metrics some 30 KB.
_HEALTH_BODY: Final = 64 * 1024
_HEALTH_BYTES: Final = 16 * 1024 * 1024


def _listeners(
    state: State, sockets: Sequence[socket], swap: Swap, server: Server, reached: Reached
) -> list[Listener]:
    from injector.server.app import Webhook, create_app
    from injector.server.places import Bounds
    from injector.server.run import Listener, allowed

    outer, inner, *pages = sockets
    webhook = Webhook(state, create_app(state, inner=False))
    given = server.connections
    limit = allowed(given.limit)
    if limit < given.limit:
        told = f"server.connections.limit is reduced to {limit}: the process may not open more files"
        tell("warning", "connections", what="limit", message=told)
    bounds = Bounds(
        limit, given.read_seconds, given.age_seconds, bytes=given.max_bytes, body=server.body_limit
    )
    # It reads no bodies, and its callers are kubelets and who collects metrics.
    health = Bounds(
        limit, given.read_seconds, per_address=given.health_per_address,
        bytes=_HEALTH_BYTES, body=_HEALTH_BODY,
    )  # fmt: skip
    return [
        Listener(webhook, outer, lambda: swap.context, bounds, reached.at("webhook")),
        Listener(create_app(state, inner=True), inner, bounds=health, cut=reached.at("health")),
        *(debug_page.listener(state, bound) for bound in pages),
    ]


def _state(
    current: Current,
    kept: Certificates,
    callers: caller_auth.Callers,
    server: Server,
    recorder: Recorder | None,
    reached: Reached,
) -> State:
    from injector.server.app import Limits, State
    from injector.server.queue import Size

    return State(
        current=lambda: current.config,
        metrics=current.metrics,
        namespace_of=current.watched.namespace_of,
        native_sidecars=current.watched.native_sidecars,
        objects=current.watched.objects,
        waiting=lambda: {**current.watched.waiting(), **kept.waiting(), **callers.waiting()},
        notes=lambda: {**current.notes(), **kept.notes(), **callers.notes(), **reached.notes()},
        limits=Limits(
            server.body_limit,
            server.nesting_limit,
            Size(server.queue.length, server.queue.max_bytes),
            server.cpu_milliseconds / 1000,
        ),
        failure_mode=server.failure_mode,
        warnings=server.warnings,
        audit=server.audit_annotations,
        record=recorder.offer if recorder else None,
        caller=callers.check,
    )


# Why a reading failed, where the error says more than how far it came.
_REASONS: Final[Mapping[type[InjectorError], str]] = {TemplateError: "template", ClusterError: "source"}
# Whose trouble a line is about; all else is the cluster's.
_TROUBLES: Final = {"events": "events", "callerAuth": "callers", "connections": "connections"}


class Current:
    """The configuration in force, and what became of the last try to read a newer one."""

    def __init__(self, source: Source, config: Config, watched: Watched) -> None:
        self.metrics = Metrics()
        self.watched = watched
        self.unseen: Callable[[], Mapping[str, str]] = dict
        self._source = source
        self._server = source.server
        self._problem = ""
        self._told: dict[str, str] = {}
        self.metrics.namespaces(lambda: watched.synced(NAMESPACES))
        self.metrics.configuration(lambda: not self._problem)
        self._take(config)

    def notes(self) -> Mapping[str, str]:
        """What an operator should know."""
        problem = (
            {"config": f"the last valid configuration stays in use: {self._problem}"} if self._problem else {}
        )
        return {**problem, **self.watched.stale()}

    async def poll(self, seconds: float) -> None:
        """Look at the source and the caches again and again; never returns."""
        while True:
            await asyncio.sleep(seconds)
            await self.refresh()
            self._tell_changes()

    async def refresh(self) -> None:
        """Read the source once: take over what changed and is valid, keep the last good one else."""
        try:
            fresh = await beside(self._source.read)
        except InjectorError as error:
            self._refuse(error, _REASONS.get(type(error), self._source.step))
            return
        except Exception as error:
            # A defect in reading is no reason to stop answering.
            told = f"reading the configuration failed unexpectedly: {type(error).__name__}"
            self._refuse(InjectorError(told), "defect")
            return
        if self._problem:
            self._problem = ""
            tell("info", "config-readable")
        if self._source.server != self._server:
            self._server = self._source.server
            tell("warning", "server-settings", message="these settings changed; restart to apply them")
        if (fresh.digest, fresh.work_limit) != (self.config.digest, self.config.work_limit):
            self._take(fresh)
            self.metrics.reloaded()
            _announce(fresh)

    def _refuse(self, error: InjectorError, reason: str) -> None:
        if error.advice != self._problem:
            self._problem = error.advice
            self.metrics.reloaded(reason)
            tell(
                "error",
                "config-refused",
                reason=reason,
                where=error.where,
                message=error.message,
                hint=error.hint,
            )

    def _take(self, config: Config) -> None:
        self.config = config
        self.metrics.configured(config.digest, config.profile.name, config.revision or "default")
        self.watched.need(config)
        # What stays until the next configuration is not looked at by every collection.
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def _tell_changes(self) -> None:
        """Log once what is waited for or out of date, and once that it is no more."""
        now = {**self.watched.waiting(), **self.watched.stale(), **self.unseen()}
        for what in sorted({*now, *self._told}):
            if now.get(what) != self._told.get(what):
                tell(
                    "warning" if what in now else "info",
                    _TROUBLES.get(what, "cluster"),
                    what=what,
                    message=now.get(what, "up to date"),
                )
        self._told = now


def _announce(config: Config) -> None:
    tell(
        "info",
        "config",
        profile=config.profile.name,
        revision=config.revision or "default",
        digest=config.digest,
    )
    for finding in config.findings:
        tell("warning" if finding.action else "info", "finding", code=finding.code, message=finding.message)


def _name(bound: socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _raise_first(group: BaseExceptionGroup[BaseException]) -> NoReturn:
    """The first failure ended the process; the others only followed."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    raise first
