"""`injector audit --watch`: a line for each pod whose state changes, until it is stopped.

Here: which changes are printed. Not here: how lists are watched (`injector.kube.watching`).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import field

import click

from injector.classes import dataclass, replace
from injector.cli.audit_pods import AuditScope, Pod, count, label
from injector.cli.audit_report import as_json, painted
from injector.cli.report import coloured
from injector.core.model import Manifest
from injector.core.reports import audit
from injector.errors import ClusterError
from injector.kube.async_client import AsyncCluster
from injector.kube.lists import Object
from injector.kube.objects import NAMESPACES
from injector.kube.owners import OwnerReader
from injector.kube.watching import Informer
from injector.printable import visible

# Changes that come together are one look; without any, errors are looked for.
_TOGETHER_SECONDS = 0.2
_ERRORS_SECONDS = 2.0
GONE = "gone"


@dataclass(frozen=True, slots=True)
class PodChange:
    """A pod with a finding, or one that had it: its state, or that it is gone."""

    pod: Pod
    word: str


@dataclass(slots=True)
class Standings:
    """The states of pods, and what changed since the last look. `accepted` states are no finding."""

    accepted: Collection[str] = ()
    _known: dict[tuple[str, str], tuple[Manifest, Pod]] = field(default_factory=dict)

    def look(
        self, items: Iterable[Manifest], scope: AuditScope, *, again: bool = False
    ) -> Iterator[PodChange]:
        """The changes; a pod that did not change is only looked at `again` if asked for."""
        before, self._known = self._known, {}
        for item in items:
            if audit.is_over(item):
                continue
            key = (str(item["metadata"]["namespace"]), str(item["metadata"]["name"]))
            earlier = before.get(key)
            same = earlier is not None and earlier[0] == item and not again
            pod = earlier[1] if earlier is not None and same else scope.at(item)
            self._known[key] = (item, pod)
            changed = earlier is None or earlier[1].standing.state is not pod.standing.state
            if changed and (self._reported(pod) or (earlier is not None and self._reported(earlier[1]))):
                yield PodChange(pod, pod.standing.state.value)
        for key, (_, pod) in before.items():
            if key not in self._known and self._reported(pod):
                yield PodChange(pod, GONE)

    def __len__(self) -> int:
        return len(self._known)

    def _reported(self, pod: Pod) -> bool:
        state = pod.standing.state
        return state in audit.REPORTED and state.value not in self.accepted


@dataclass(slots=True)
class Watch:
    """What is watched. `refresh` reads what states depend on; `chosen` selects pods."""

    path: str
    params: dict[str, str]
    chosen: Callable[[Manifest], bool]
    refresh: Callable[[], AuditScope]
    standings: Standings
    output: str
    _scope: AuditScope | None = None
    _outdated: bool = True
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _reported: set[str] = field(default_factory=set)

    async def run(self, connect: Callable[[], Awaitable[AsyncCluster]]) -> None:
        """Print changes until it is cancelled."""
        self._scope = self.refresh()
        async with await connect() as cluster:
            pods = Informer(cluster, self.path, self.params, keep=_relevant, changed=self._wake.set)
            paths = (NAMESPACES, *self._scope.config.profile.watched())
            around = [Informer(cluster, path, keep=_relevant, changed=self._outdate) for path in paths]
            async with asyncio.TaskGroup() as group:
                for informer in (pods, *around):
                    group.create_task(informer.run())
                await pods.synced.wait()
                self._look(pods)
                click.echo(f"watching {count(len(self.standings), 'pod')}", err=True)
                while True:
                    await self._pause()
                    self._report_errors((pods, *around))
                    self._look(pods)

    def _outdate(self) -> None:
        self._outdated = True
        self._wake.set()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_ERRORS_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return
        await asyncio.sleep(_TOGETHER_SECONDS)
        self._wake.clear()

    def _look(self, pods: Informer) -> None:
        again = self._outdated
        if again:
            try:
                self._scope = self.refresh()
            except ClusterError as error:
                self._warn(error)
                return
            self._outdated = False
        if self._scope is not None:
            # Owners change, too, so they are read again.
            scope = replace(
                self._scope, owners=OwnerReader(self._scope.owners.cluster, self._scope.owners.table)
            )
            for change in self.standings.look(filter(self.chosen, pods.items()), scope, again=again):
                _print(change, self.output)

    def _report_errors(self, informers: Iterable[Informer]) -> None:
        for informer in informers:
            if informer.stale_since is not None and informer.last_error is not None:
                self._warn(informer.last_error)

    def _warn(self, error: ClusterError) -> None:
        """Print an error, each text once."""
        if error.advice not in self._reported:
            self._reported.add(error.advice)
            click.echo(visible(f"warning: {error.advice}; trying again"), err=True)


def _print(change: PodChange, output: str) -> None:
    pod = change.pod
    if output == "json":
        click.echo(json.dumps({"change": change.word, **as_json(pod)}))
        return
    colour = coloured(sys.stdout)
    text = f"{pod.namespace}/{pod.name} of {label(pod.namespace, pod.owner)}"
    reason = "" if change.word == GONE else f": {pod.standing.reason.value}"
    click.echo(f"{painted(change.word, colour)} {visible(text + reason)}", color=True if colour else None)


def _relevant(item: Object) -> Object:
    """What states depend on: a heartbeat, and conditions of a pod, are no change."""
    hidden = ("managedFields", "resourceVersion")
    meta = {key: value for key, value in item["metadata"].items() if key not in hidden}
    phase = (item.get("status") or {}).get("phase")
    return {**{k: v for k, v in item.items() if k != "status"}, "metadata": meta, "status": {"phase": phase}}
