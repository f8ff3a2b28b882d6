"""`injector bundle`: a configuration packed into one file with a digest. Not here: what it holds (config)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from injector.classes import dataclass
from injector.cli import bundle_file, world
from injector.cli.bundle_file import BundleFile, digest_of
from injector.cli.cluster_tags import tags_of
from injector.cli.injection_input import ConfigurationInput
from injector.cli.writing import output
from injector.config.bundle import Unpacked, pack
from injector.config.loading import load_input
from injector.core.facts import native_support
from injector.errors import ClusterError, ConfigError
from injector.printable import visible

if TYPE_CHECKING:
    from injector.kube.client import Cluster

STDOUT_NAME: Final = "bundle.yaml"
"""The name of the file in the message, where the shell opens it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFlags(ConfigurationInput):
    """The flags of `bundle`."""

    from_cluster: bool
    from_istiod: str | None
    output: str | None

    @property
    def asks_cluster(self) -> bool:
        """Whether everything is read from the cluster."""
        return self.from_cluster or bool(self.named)

    @property
    def istiod(self) -> str | None:
        """The istiod whose ConfigMaps are used as well."""
        return self.from_istiod


def run(flags: BundleFlags) -> int:
    """Pack the configuration; returns the exit status. Raises InjectorError."""
    unpacked = _collected(flags)
    text = pack(unpacked)
    data = text.encode("utf-8")
    if len(data) > bundle_file.LIMIT:
        what = f"the bundle would have {len(data)} bytes, and at most {bundle_file.LIMIT} are read"
        raise ConfigError(what, where=unpacked.inputs.file.origin, hint="leave out what is not a setting")
    output.write(text, flags.output, [])
    packed = BundleFile(flags.output or STDOUT_NAME, digest_of(data), unpacked)
    click.echo(visible(packed.reference), err=True)
    return 0


def _collected(flags: BundleFlags) -> Unpacked:
    """What is packed: the configuration, and of a cluster what else decides about pods."""
    if flags.is_local or flags.config_file:
        # As for an injection: wrong flags are reported before a cluster is asked.
        chosen = flags.located()
        if flags.is_local:
            chosen.report()
            return Unpacked(chosen.inputs, flags.tags)
    with world.connected(flags) as cluster:
        chosen = flags.located(cluster)
        chosen.report()
        if not flags.asks_cluster:
            return Unpacked(chosen.inputs, flags.tags)
        tags = tags_of(cluster, load_input(chosen.inputs))
        return Unpacked(chosen.inputs, (*tags, *flags.tags), _native(cluster))


def _native(cluster: Cluster) -> bool | None:
    """Whether the nodes support native sidecars; None where there are none, or they may not be listed."""
    try:
        nodes = cluster.list("/api/v1/nodes")
    except ClusterError:
        return None
    return native_support(nodes) if nodes else None
