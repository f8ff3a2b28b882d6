"""`injector audit`: pods whose sidecar is missing or not as it would be now, by owner; and restarts.

Here: what is read of the cluster, and the exit status. Not here: what a pod's state is
(core.reports.audit), how it is printed (audit_report), restarts (restarts) and Events (audit_events).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import click

from injector.classes import dataclass
from injector.cli import audit_events, audit_report, configuration, restarts, windows, world
from injector.cli.audit_pods import Audited, AuditScope, count, is_of
from injector.cli.cluster_tags import with_cluster_tags
from injector.cli.configuration import Wanted
from injector.cli.restarts import Schedule
from injector.cli.results import PROGRAMS
from injector.cli.world import Access
from injector.core.kinds import KINDS
from injector.core.model import Manifest
from injector.core.profile import Config
from injector.errors import ClusterError, ConfigError
from injector.kube import targets
from injector.kube.client import Cluster
from injector.kube.objects import path_of
from injector.kube.owners import OwnerReader
from injector.kube.rolling import Pace
from injector.printable import visible


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFlags(Access):
    """The flags of `audit`."""

    workloads: tuple[str, ...]
    namespace: str
    all_namespaces: bool
    selector: str
    config_file: str | None
    config_map: str | None
    from_istiod: str | None
    path: str
    accept: tuple[str, ...]
    fail_on: str
    events: bool
    watch: bool
    restart: bool
    yes: bool
    parallel: int
    timeout: int
    window: tuple[str, ...]
    output: str


def _now() -> datetime:
    return datetime.now(UTC)


def run(flags: AuditFlags, now: Callable[[], datetime] = _now) -> int:
    """List the pods, and restart their owners if the flags say so; returns the exit status."""
    _check(flags)
    if flags.watch:
        return _watch(flags)
    schedule = Schedule([windows.parse(text) for text in flags.window], now)
    with world.connected(flags) as cluster:
        namespace = _namespace(cluster, flags)
        scope = _scope(cluster, _config(cluster, flags, namespace), namespace, flags.path)
        audited = Audited.of(_pods(cluster, flags, namespace, scope.config), scope, flags.accept)
        for refusal in scope.owners.unread:
            click.echo(visible(f"warning: {refusal}; a sidecar in a manifest is not seen"), err=True)
        complete = _write_events(cluster, scope, audited) if flags.events else True
        if flags.restart:
            status = _restart(cluster, scope, audited, schedule, flags)
        else:
            audit_report.pods(audited, flags.output)
            status = 1 if audited.groups and flags.fail_on == "finding" else 0
        return status if complete else max(status, 1)


def _write_events(cluster: Cluster, scope: AuditScope, audited: Audited) -> bool:
    """Write an Event on each owner with a finding; returns whether all could be written."""
    recorded = audit_events.write(cluster, scope, audited)
    click.echo(f"Events on {count(recorded.written, 'owner')}", err=True)
    if recorded.left:
        click.echo(f"no Event on {count(recorded.left, 'more owner')}: too many for one run", err=True)
    for text in dict.fromkeys(error.advice for error in recorded.errors):
        click.echo(visible(f"error: {text}"), err=True)
    return not recorded.errors


def _watch(flags: AuditFlags) -> int:
    """Print changes until the command is interrupted. Raises ClusterError where it cannot begin."""
    # Only this needs asyncio and its client.
    import asyncio

    from injector.cli.audit_watch import Standings, Watch
    from injector.kube.async_client import connect_async

    with world.connected(flags) as cluster:
        namespace = _namespace(cluster, flags)
        config = _config(cluster, flags, namespace)
        names, params = _names(cluster, flags, namespace, config), _params(flags)
        path = path_of(KINDS["Pod"], namespace)
        # What may not be listed is an error now; later errors may pass.
        next(cluster.each(path, params), None)
        watch = Watch(
            path,
            params,
            lambda item: names is None or is_of(item, names),
            partial(_scope, cluster, config, namespace, flags.path),
            Standings(flags.accept),
            flags.output,
        )
        asyncio.run(watch.run(partial(connect_async, flags.kubeconfig, flags.kube_context)))
    return 0


def _check(flags: AuditFlags) -> None:
    """Refuse flags that contradict each other. Raises ConfigError."""
    if flags.namespace and flags.all_namespaces:
        raise ConfigError("give either -n NS or -A", hint="see 'injector audit --help'")
    if flags.workloads and flags.all_namespaces:
        raise ConfigError("names of owners require one namespace", where="-A", hint="use -n NS")
    if flags.watch and (flags.restart or flags.events or flags.output not in ("text", "json")):
        hint = "use it with -o text or -o json only"
        raise ConfigError("not possible with --restart, --events or this format", where="--watch", hint=hint)
    if flags.watch and flags.as_user:
        raise ConfigError("not possible with --watch", where="--as", hint="use a kubeconfig of that user")
    for flag, is_set in (("--yes", flags.yes), ("--window", flags.window)):
        if is_set and not flags.restart:
            hint = "an audit without --restart changes nothing"
            raise ConfigError(f"{flag} requires --restart", where=flag, hint=hint)


def _config(cluster: Cluster, flags: AuditFlags, namespace: str) -> Config:
    """The configuration to compare with. Raises ConfigError where a restart would go by a guess."""
    wanted = Wanted(
        config_file=flags.config_file,
        config_map=flags.config_map,
        from_istiod=flags.from_istiod,
        namespace=namespace,
        local=not flags.restart,
    )
    chosen = configuration.located(wanted, cluster)
    if flags.restart and chosen.is_default:
        raise ConfigError(
            "no configuration was found, and the built-in defaults may not be those of the webhook",
            where="--restart",
            hint="use --config FILE or --config-map NS/NAME",
        )
    return with_cluster_tags(cluster, chosen.config())


def _scope(cluster: Cluster, config: Config, namespace: str, path: str) -> AuditScope:
    around = world.from_cluster(cluster, config.profile, namespace)
    overrides = config.profile.overrides_of_path(path) if path else {}
    return AuditScope(config, around, overrides, OwnerReader(cluster, config.kinds))


def _namespace(cluster: Cluster, flags: AuditFlags) -> str:
    """The namespace of the pods, empty for all. Raises ClusterError for one that does not exist."""
    namespace = "" if flags.all_namespaces else flags.namespace or cluster.namespace
    if namespace:
        cluster.check_namespace(namespace)
    return namespace


def _pods(cluster: Cluster, flags: AuditFlags, namespace: str, config: Config) -> Iterator[Manifest]:
    """The pods that the flags select. Raises ClusterError for an owner that does not exist."""
    names = _names(cluster, flags, namespace, config)
    for item in cluster.each(path_of(KINDS["Pod"], namespace), _params(flags)):
        if names is None or is_of(item, names):
            yield item


def _names(
    cluster: Cluster, flags: AuditFlags, namespace: str, config: Config
) -> list[tuple[str, str]] | None:
    """Kind and name of the owners in the flags, None without any. Raises ClusterError for a missing one."""
    if not flags.workloads:
        return None
    names = []
    for target in targets.parsed(flags.workloads, config.kinds):
        for item in targets.fetched(cluster, [target], namespace):
            if isinstance(item, ClusterError):
                raise item
            names.append((target.kind.kind, str(item["metadata"]["name"])))
    return names


def _params(flags: AuditFlags) -> dict[str, str]:
    return {"labelSelector": flags.selector} if flags.selector else {}


def _restart(
    cluster: Cluster, scope: AuditScope, audited: Audited, schedule: Schedule, flags: AuditFlags
) -> int:
    restart = restarts.planned(cluster, audited, schedule)
    programs = flags.output in PROGRAMS
    if not programs:
        audit_report.pods(audited, flags.output)
    if flags.yes:
        pace = Pace(flags.parallel, flags.timeout, closed=schedule.closed)
        restarts.carry_out(cluster, scope, restart, pace)
    if programs:
        audit_report.pods(audited, flags.output, restarts.for_programs(restart))
    else:
        click.echo("\n".join(map(visible, restarts.text(restart))))
    return restarts.status_of(audited, restart)
