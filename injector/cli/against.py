"""`render --check --against`: whether another configuration is the one in use, and which keys differ.

Not here: the comparison of two configurations (config), and the manifests.
"""

from __future__ import annotations

from typing import Final

from injector.classes import dataclass
from injector.cli import bundle_file, configuration, world
from injector.cli.cluster_tags import tags_of
from injector.cli.configuration import Located, Wanted
from injector.cli.injection_input import InjectionInput
from injector.cli.report import Report
from injector.cli.tally import number
from injector.config.drift import drifts
from injector.config.loading import contents_of, load_input
from injector.core.finding_codes import FindingCode
from injector.core.model import Finding

CLUSTER: Final = "cluster"
"""What --against names where it names no bundle."""


@dataclass(frozen=True, slots=True)
class _Side:
    """A configuration of the comparison, and what it is called."""

    located: Located
    name: str
    tags: tuple[str, ...]

    def contents(self) -> dict[str, object]:
        """What is compared. The version of a release is that of its Deployment."""
        contents = contents_of(self.located.inputs)
        if self.located.version:
            contents["injector"] = self.located.version
        return {**contents, "tags": sorted(set(self.tags))}


def drifted(flags: InjectionInput, other: str, report: Report) -> bool:
    """Report the keys by which the configurations differ; whether there is one. Raises InjectorError."""
    chosen = _in_use(flags)
    own = _Side(chosen, chosen.source, (*chosen.tags, *flags.tags))
    against = _of_cluster(flags) if other == CLUSTER else _of_bundle(other)
    differing = drifts(own.contents(), against.contents())
    hint = "change the one that is wrong, or pack the bundle again"
    report.findings(
        Finding.of(
            FindingCode.DRIFT,
            f"{each.path} is {each.before}, and {each.after} in {against.name}",
            own.name,
            hint,
        )
        for each in differing
    )
    if differing:
        report.line(f"{number(len(differing), 'key')} of {own.name} and {against.name} differ")
    else:
        report.line(f"{own.name} and {against.name} are the same")
    return bool(differing)


def _in_use(flags: InjectionInput) -> Located:
    """The configuration that the manifests are rendered with."""
    if flags.packed or flags.is_local:
        return flags.located()
    with world.connected(flags) as cluster:
        return flags.located(cluster)


def _of_bundle(reference: str) -> _Side:
    bundle = bundle_file.read(reference, "--against")
    located = Located(bundle.unpacked.inputs, f"bundle {bundle.path}", is_named=True)
    return _Side(located, located.source, bundle.unpacked.tags)


def _of_cluster(flags: InjectionInput) -> _Side:
    """The configuration of the release that runs, with the tags that point to it."""
    wanted = Wanted(namespace=flags.namespace, revision=flags.revision, local=False)
    with world.connected(flags) as cluster:
        located = configuration.of_release(wanted, cluster)
        tags = tags_of(cluster, load_input(located.inputs))
    return _Side(located, located.source, tuple(tags))
