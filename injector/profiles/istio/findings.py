"""What an operator or the author of a pod should know: rows of the register, and frequent questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from injector.core import kinds, pod_fields, status
from injector.core.finding_codes import FindingCode, Level
from injector.core.kubernetes_fields import KUBERNETES
from injector.core.model import Finding, Origin
from injector.printable import shown
from injector.profiles.istio import context, layers, proxyconfig, uservolumes
from injector.profiles.istio.containers import has_proxy
from injector.profiles.istio.misspelt import misspelt
from injector.profiles.istio.settings import settings_of
from injector.profiles.istio.values import dig
from injector.yamltext import load_untrusted

if TYPE_CHECKING:
    from injector.core.profile import Config, Injection

NATIVE = "sidecar.istio.io/nativeSidecar"
DEVELOPMENT = ("registry.istio.io/testing", "latest")


def of_settings(config: Config) -> list[Finding]:
    """Findings about a configuration, whatever the pod is."""
    out = []
    if (dig(config.values, "global.hub"), str(dig(config.values, "global.tag"))) == DEVELOPMENT:
        text = "values.global.hub and values.global.tag are development defaults; set them for your release"
        out.append(Finding.of(FindingCode.DEVELOPMENT_IMAGES, text))
    if dig(config.values, "global.proxy.statusPort") != dig(
        settings_of(config).mesh, "defaultConfig.statusPort"
    ):
        text = "statusPort differs between values and meshConfig; probes and metrics use meshConfig (Q27)"
        out.append(Finding.of(FindingCode.STATUS_PORT, text))
    return out


def warn_of_facts(run: Injection) -> None:
    """Warn of what is assumed about the cluster, and of a namespace that the webhook ignores."""
    if (
        run.config.native_sidecars == "auto"
        and run.facts.native_sidecars is None
        and NATIVE not in run.annotations
    ):
        text = (
            "the cluster version is unknown: native sidecars are assumed to be supported "
            "(nativeSidecars: auto)"
        )
        run.warn(FindingCode.NATIVE_ASSUMED, text)
    if run.facts.origin is Origin.FILE and run.namespace in run.config.profile.ignored_namespaces:
        text = f"the webhook never injects namespace {run.namespace}; kube-inject does (Q1)"
        run.warn(FindingCode.IGNORED_NAMESPACE, text)


def warn_of_contents(run: Injection) -> None:
    """Warn of keys inside annotations that are unknown and have no effect."""
    if layers.PROXY_CONFIG in run.annotations:
        tree = load_untrusted(run.annotations[layers.PROXY_CONFIG], layers.PROXY_CONFIG)
        for key in misspelt(proxyconfig.PROXY_CONFIG, tree):
            _warn_of_key(run, layers.PROXY_CONFIG, key.pointer, f"did you mean {key.meant}?")
    overrides = run.config.profile.keys.overrides
    for annotation, of in (
        (uservolumes.VOLUMES, "Volume"),
        (uservolumes.MOUNTS, "VolumeMount"),
        (overrides, ["Container"]),
    ):
        text = run.annotations.get(annotation)
        tree = status.as_object(text) if text else None
        for problem in pod_fields.problems(tree, {"*": of}) if tree is not None else ():
            if problem.unknown and problem.hint:
                _warn_of_key(run, annotation, problem.pointer, problem.hint)
            elif problem.unknown:
                # The key may be any text of the author.
                parent = shown(problem.pointer.rpartition("/")[0])
                text = f"annotation {annotation}: a field at {parent} is not in Kubernetes {KUBERNETES}"
                text += "; the API server of that version drops it"
                run.warn(FindingCode.FIELD, text, level=Level.WARNING)


def _warn_of_key(run: Injection, annotation: str, pointer: str, hint: str) -> None:
    text = f"annotation {annotation}: a key at {shown(pointer)} is unknown; {hint}"
    run.warn(FindingCode.MISSPELT_KEY, text)


def warn_of_result(run: Injection, mesh: Mapping[str, Any]) -> None:
    """Warn of settings of the pod and of its request that have no effect, or another than expected."""
    ports = [run.annotations.get("status.sidecar.istio.io/port"), dig(mesh, "defaultConfig.statusPort")]
    if ports[0] is not None and ports[0].strip() != str(ports[1]):
        run.warn(
            FindingCode.STATUS_PORT,
            "the pod sets the agent's port, but merged metrics use the port of the mesh (Q27)",
            level=Level.NOTE,
        )
    policy = (run.stripped.get("spec") or {}).get("dnsPolicy")
    if policy and policy != "ClusterFirst":
        text = "spec.dnsPolicy is not ClusterFirst: the proxy may not find its control plane"
        run.warn(FindingCode.DNS_POLICY, text)
    if run.facts.origin is Origin.WEBHOOK and run.config.quirks:
        asked = layers.annotated(run)
        if asked != proxyconfig.without_zero(asked):
            run.warn(
                FindingCode.ZERO_VALUES,
                f"{layers.PROXY_CONFIG} sets a field to its zero value, which has no effect (Q28)",
            )
    bad = [name for name in run.facts.overrides if not name.replace("_", "a").isalnum() or name[0].isdigit()]
    if bad:
        run.warn(
            FindingCode.PATH_VARIABLE,
            "the request's path sets a variable with an invalid name (Q35)",
        )
    if not context.native(run.annotations, run.native) and has_proxy(run.overlay, "containers"):
        owner = context.owner_of(run)
        kind, row = owner.kind, kinds.of({"kind": owner.kind, "apiVersion": owner.api_version})
        if row and row.runs_to_completion:
            run.warn(
                FindingCode.JOB_NEVER_ENDS,
                f"a {kind} with a classic sidecar does not complete by itself; use native sidecars",
            )
