"""`injector version`: this program, and the releases of it that a cluster has."""

from __future__ import annotations

import contextlib
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

import injector
from injector.classes import dataclass, replace
from injector.cli import failures, world
from injector.cli.results import PROGRAMS, for_programs
from injector.cli.world import Access
from injector.errors import ClusterError
from injector.kube.kubeconfig import find_kubeconfig
from injector.kube.releases import Release, ReleaseReader
from injector.printable import visible

# The version of the program is printed after it.
_TIMEOUT: Final = "5s"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFlags(Access):
    """The flags of `version`."""

    client: bool
    output: str


def run(flags: VersionFlags) -> int:
    """Print the versions; returns the exit status. Raises ConfigError."""
    releases: list[Release] = []
    error: ClusterError | None = None
    if not flags.client:
        try:
            releases = _releases(flags)
        except ClusterError as refused:
            error = refused
    versions: dict[str, Any] = {"clientVersion": _client()}
    if not flags.client and error is None:
        versions["serverVersions"] = [_server(release) for release in releases]
    if flags.output in PROGRAMS:
        click.echo(for_programs(versions, flags.output))
    else:
        click.echo("\n".join(map(visible, _text(versions))))
    return failures.print_errors([error]) if error else 0


def _releases(flags: VersionFlags) -> list[Release]:
    """The releases of the cluster; none without one. Raises ClusterError."""
    if not flags.named:
        try:
            find_kubeconfig(None, None)
        except ClusterError:
            return []
    with world.connected(replace(flags, request_timeout=flags.request_timeout or _TIMEOUT)) as cluster:
        reader = ReleaseReader(cluster)
        releases = {(each.namespace, each.name): each for each in reader.releases()}
    for reason in reader.unread:
        click.echo(visible(f"a release is not listed: {reason}"), err=True)
    return list(releases.values())


def _client() -> dict[str, Any]:
    return {"version": injector.__version__, "commit": _commit(), "python": platform.python_version()}


def _commit() -> str | None:
    """The commit of the checkout that this program runs from; None elsewhere."""
    root = Path(injector.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return None


def _server(release: Release) -> dict[str, Any]:
    return {
        "release": release.name,
        "namespace": release.namespace,
        "version": release.version or None,
        "image": release.image,
    }


def _text(versions: dict[str, Any]) -> Iterator[str]:
    client = versions["clientVersion"]
    commit = f" (commit {client['commit']})" if client["commit"] else ""
    yield f"client version: {client['version']}{commit}"
    for each in versions.get("serverVersions", ()):
        where = f"release {each['release']} in namespace {each['namespace']}"
        yield f"server version: {each['version'] or 'unknown'} ({where}, image {each['image']})"
