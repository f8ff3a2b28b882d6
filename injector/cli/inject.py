"""`injector kube-inject`: manifests in, manifests with sidecars out.

Flags are those of `istioctl kube-inject`; what is not supported is refused, never ignored.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import click

from injector.cli import manifests
from injector.core import workload
from injector.core.model import Manifest, Reason, Verdict
from injector.core.profile import Outcome
from injector.errors import ConfigError, InjectorError, ManifestError

if TYPE_CHECKING:
    from injector.cli.report import Report
    from injector.cli.world import World
    from injector.config.load import Overrides
    from injector.core.profile import Config
    from injector.yamltext import Document

_NO_XDS: Final = "rendering is local; --from-cluster reads the configuration from the cluster"
# Flags of istioctl that have no meaning here, and what to use instead.
REFUSED: Final = {
    "--operatorFileName": (
        "use --valuesFile for its spec.values and --meshConfigFile for its spec.meshConfig"
    ),
    "--webhookConfig": "rendering is local; --from-cluster reads the configuration that the webhook uses",
    "--xds-address": _NO_XDS,
    "--xds-label": _NO_XDS,
    "--xds-port": _NO_XDS,
    "--cert-dir": _NO_XDS,
    "--authority": _NO_XDS,
    "--timeout": "the command does not wait; remove the flag",
}
REFUSED_SWITCHES: Final = {"--insecure": _NO_XDS, "--plaintext": _NO_XDS}


@dataclass(slots=True)
class Run:
    """One run over a stream: what is injected into, and what went wrong so far."""

    config: Config
    world: World
    report: Report
    strict: bool = False
    errors: list[InjectorError] = field(default_factory=list)

    def document(self, document: Document) -> manifests.Part:
        """One document; what goes wrong is kept, so that all of it is told at once."""
        try:
            return self._told_passing(manifests.changed(document, self.object))
        except ManifestError as error:
            self.errors.append(error)
            return manifests.Part(document)

    def object(self, document: Document, manifest: Manifest, pointer: str) -> Manifest:
        """One object: injected, or as it is."""
        from injector.core.injection.pipeline import inject

        try:
            found = workload.locate(manifest, quirks=self.config.quirks)
        except ManifestError as error:
            self.errors.append(manifests.placed(error, document, pointer))
            return manifest
        if found is None:
            self.unsupported(manifest)
            return manifest
        outcome = inject(found.template, self.world.facts(found), self.config, manifest)
        return self.settle(document, found, pointer, outcome)

    def settle(
        self, document: Document, found: workload.Workload, pointer: str, outcome: Outcome
    ) -> Manifest:
        """Report an outcome; the object that comes of it."""
        what = found.label
        new = self.verdict(document, found, pointer, outcome, what)
        self.report.findings(outcome.findings, what)
        return new

    def verdict(
        self, document: Document, found: workload.Workload, pointer: str, outcome: Outcome, what: str
    ) -> Manifest:
        """What becomes of the object, told in one line."""
        decision = outcome.decision
        if decision.verdict is Verdict.DENY:
            self.report.reasoned("refused", what, decision.reason)
            self.errors.append(refusal(document, found, pointer, outcome))
        elif decision.verdict is Verdict.SKIP:
            self.report.reasoned("skipped", what, decision.reason)
            self.skipped(manifests.place(document, pointer), what, decision.reason)
        elif not outcome.patch:
            self.report.verdict(
                "unchanged", what, decision.reason.value, "The injection is already up to date."
            )
        else:
            self.report.reasoned("injected", what, decision.reason)
            return found.with_template(outcome.pod)
        return found.manifest

    def skipped(self, where: str, what: str, reason: Reason) -> None:
        """With --strict a skip is an error."""
        if self.strict:
            hint = "remove --strict, or exclude the document"
            self.errors.append(
                ManifestError(f"{what}: {reason.value}. {reason.sentence}", where=where, hint=hint)
            )

    def unsupported(self, manifest: Manifest) -> None:
        """Tell of a kind that has pods but no template that we know; others are nobody's business."""
        pods = workload.get(manifest, "/spec/template/spec")
        if isinstance(pods, dict) and isinstance(pods.get("containers"), list):
            meta = manifest.get("metadata")
            name = meta.get("name") if isinstance(meta, dict) else None
            self.report.reasoned(
                "passed", f"{str(manifest.get('kind'))[:64]} {str(name or '?')[:64]}", Reason.UNSUPPORTED_KIND
            )

    def _told_passing(self, part: manifests.Part) -> manifests.Part:
        """Documents of other kinds pass whatever is in them; one that holds containers is told."""
        from injector import yamltext

        if part.text is not None or "containers" not in part.document.text:
            return part
        kind = yamltext.kind_of(part.document)
        if kind is None or kind[1] in workload.KINDS or kind[1] in workload.LIST_KINDS:
            return part
        try:
            tree = yamltext.load(part.document)
        except ManifestError:
            return part
        if isinstance(tree, dict):
            self.unsupported(tree)
        return part


def refusal(document: Document, found: workload.Workload, pointer: str, outcome: Outcome) -> ManifestError:
    """A denial as an error that says where in the file it comes from."""
    error = outcome.error or InjectorError(outcome.decision.reason.sentence)
    at = found.spec
    key = getattr(error, "key", "")
    if key:
        at = f"{found.metadata}/annotations/{key.replace('~', '~0').replace('/', '~1')}"
    message = f"{found.label}: {outcome.decision.reason.value}: {error}"
    return ManifestError(message, where=manifests.place(document, pointer + at), hint=error.hint)


# --- flags --------------------------------------------------------------------------------------


def _refuse(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value:
        flag = param.opts[0]
        advice = {**REFUSED, **REFUSED_SWITCHES}[flag]
        raise ConfigError("this flag of istioctl is not supported", where=flag, hint=advice)


def refused_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Accept flags only to say what to use instead."""
    for flag in REFUSED:
        command = click.option(flag, hidden=True, expose_value=False, callback=_refuse)(command)
    for flag in REFUSED_SWITCHES:
        command = click.option(flag, is_flag=True, hidden=True, expose_value=False, callback=_refuse)(command)
    return command


EXAMPLES: Final = """\b
Examples:
  injector kube-inject -f shop.yaml | kubectl apply -f -
  injector kube-inject --config injector.yaml -f manifests/ -o injected.yaml
  injector kube-inject -f shop.yaml --objects namespaces.yaml --strict
  injector kube-inject -f shop.yaml --from-cluster --context prod
  helm template shop | injector kube-inject -f -"""


@click.command("kube-inject", epilog=EXAMPLES)
@click.option(
    "--config", "config_file", metavar="FILE", help="Configuration file; the same as for the webhook."
)
@click.option(
    "-f",
    "--filename",
    "filenames",
    multiple=True,
    metavar="FILE|DIR|-",
    help="Manifests; may be repeated. Links that leave a folder are skipped.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write to a file instead of stdout; the file is replaced atomically.",
)
@click.option("-n", "--namespace", default="", metavar="NS", help="Namespace of objects without a namespace.")
@click.option(
    "-i", "--istioNamespace", "control_namespace", metavar="NS", help="Namespace of the control plane."
)
@click.option("-r", "--revision", metavar="REV", help="Revision of the control plane.")
@click.option(
    "--meshConfigFile",
    "mesh_file",
    metavar="FILE",
    help="Mesh configuration; replaces meshConfig of the configuration file.",
)
@click.option("--valuesFile", "values_file", metavar="FILE", help="Values file of a control plane.")
@click.option(
    "--injectConfigFile", "inject_file", metavar="FILE", help="Injection settings with Jinja templates."
)
@click.option(
    "--meshConfigMapName", "mesh_map", metavar="NAME", help="Read the mesh configuration of the cluster."
)
@click.option(
    "--injectConfigMapName", "inject_map", metavar="NAME", help="Read injection settings of the cluster."
)
@click.option("--from-cluster", is_flag=True, help="Read configuration and Namespaces from the cluster.")
@click.option("--kubeconfig", metavar="FILE", help="Same as for kubectl; implies --from-cluster.")
@click.option(
    "--context", "kube_context", metavar="NAME", help="Same as for kubectl; implies --from-cluster."
)
@click.option(
    "--objects",
    multiple=True,
    metavar="FILE",
    help="Namespaces and other objects of the cluster, from files.",
)
@click.option("--strict", is_flag=True, help="Treat a skipped workload as an error.")
@refused_flags
def command(**flags: Any) -> int:
    """Inject sidecars into manifests: manifests on stdout, a report on stderr.

    Documents that are not injected pass through byte for byte. Nothing is printed or written when
    one document fails. No cluster is needed.
    """
    if not flags["filenames"]:
        raise ConfigError(
            "filename not specified (see --filename or -f)", hint="give -f FILE, or -f - for stdin"
        )
    return _inject(flags)


def _inject(flags: dict[str, Any]) -> int:
    from injector.cli.main import failed
    from injector.cli.report import Report
    from injector.config.load import load

    # A short run makes little garbage and many objects that stay: looking for it costs a tenth of the time.
    gc.set_threshold(100_000)
    overrides, world = _around(flags)
    config = load(flags["config_file"], overrides)
    documents = manifests.read_all(flags["filenames"])
    run = Run(config, world, Report(), flags["strict"])
    parts = [run.document(document) for document in documents]
    run.report.findings(config.findings)
    if run.errors:
        status = failed(run.errors)
        click.echo("nothing was written", err=True)
        return status
    manifests.write(manifests.joined(parts), flags["output"], [d.source for d in documents])
    return 0


def _around(flags: dict[str, Any]) -> tuple[Overrides, World]:
    """What the flags say about configuration and cluster."""
    from injector.cli import world
    from injector.config.load import Overrides, load_profile, rules_of

    overrides = Overrides(
        mesh=_read(flags["mesh_file"]),
        values=_read(flags["values_file"]),
        inject=_read(flags["inject_file"]),
        revision=flags["revision"],
        control_namespace=flags["control_namespace"],
    )
    given = world.from_objects(flags["objects"], flags["namespace"])
    whole = flags["from_cluster"] or flags["kubeconfig"] or flags["kube_context"]
    mesh, inject = flags["mesh_map"], flags["inject_map"]
    if mesh or inject or whole or overrides.mesh or overrides.control_namespace:
        _for_a_mesh(flags, rules_of(flags["config_file"]))
    if not (whole or mesh or inject):
        return overrides, given
    with world.connected(flags["kubeconfig"], flags["kube_context"]) as cluster:
        if whole and not (mesh or inject) and rules_of(flags["config_file"]) == "istio":
            mesh, inject = world.MESH_MAP, world.INJECT_MAP
        maps = world.Maps.named(flags["control_namespace"] or "istio-system", flags["revision"], mesh, inject)
        overrides = world.control_plane(cluster, maps, replace(overrides, control_namespace=None))
        if whole:
            seen = world.from_cluster(
                cluster, load_profile(flags["config_file"]), flags["namespace"] or "default"
            )
            given = world.together(seen, given) if flags["objects"] else seen
    return overrides, given


def _for_a_mesh(flags: dict[str, Any], rules: str) -> None:
    """Refuse the flags that mean nothing to a profile without mesh rules."""
    names = {
        "mesh_file": "--meshConfigFile",
        "mesh_map": "--meshConfigMapName",
        "inject_map": "--injectConfigMapName",
        "control_namespace": "--istioNamespace",
    }
    for key, flag in names.items():
        if flags[key] and rules != "istio":
            hint = "remove the flag, or choose a profile with a mesh"
            raise ConfigError("the profile does not support this flag", where=flag, hint=hint)


def _read(path: str | None) -> Any:
    from pathlib import Path

    from injector.config.load import Text
    from injector.files import read_text

    return None if path is None else Text(read_text(Path(path)), path)
