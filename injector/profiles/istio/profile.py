"""The istio profile's rules, tied to the stages of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from injector.core import kinds, status
from injector.core.catalogue import Catalogue, Syntax
from injector.core.finding_codes import FindingCode, Level
from injector.core.injection import uninjection
from injector.core.model import Finding, Manifest, Origin
from injector.core.profile import Config, Profile, RawSettings
from injector.core.selectors import WebhookEntry
from injector.core.tree.strategic_merge import merge
from injector.errors import AnnotationError, ConfigError
from injector.profiles.istio import (
    context,
    final_steps,
    layers,
    meshconfig,
    openshift,
    powers,
    prometheus,
    proxyconfig,
    recording,
    requestpath,
    revisions,
    symptoms,
    templatefns,
    traces,
    uservolumes,
)
from injector.profiles.istio.annotations import ANNOTATIONS, LABELS, validate
from injector.profiles.istio.bootstrap import from_values
from injector.profiles.istio.containers import INIT, INJECTED, PROXY
from injector.profiles.istio.settings import EffectiveMesh, IstioSettings, effective_of, settings_of
from injector.profiles.istio.values import dig

if TYPE_CHECKING:
    from injector.core.model import Symptom
    from injector.core.profile import Injection

NETWORK_LABEL = "topology.istio.io/network"
NATIVE = "sidecar.istio.io/nativeSidecar"
CATALOGUE = Catalogue(
    annotations=frozenset(e.key for e in ANNOTATIONS),
    labels=frozenset(e.key for e in LABELS),
    namespace_labels=frozenset({revisions.INJECTION}),
    domains=("istio.io", "istio-injection"),
    affects={e.key: e.powers for e in ANNOTATIONS if e.powers},
)
# Names that the shipped templates and istiod's give by an expression, or under other values only.
MADE = {"initContainers": INJECTED, "containers": INJECTED, "volumes": frozenset({"istiod-ca-cert"})}
# Parsing YAML costs more than other text; this is for all readings of the annotation together.
YAML_UNITS = 4
DEVELOPMENT = ("registry.istio.io/testing", "latest")


@dataclass(frozen=True, slots=True)
class IstioProfile(Profile):
    """A drop-in for istiod's injector. Differences in behaviour: docs/reference/register.md."""

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        return templatefns.FUNCTIONS

    def made(self) -> Mapping[str, frozenset[str]]:
        return MADE

    def catalogue(self) -> Catalogue:
        return CATALOGUE

    def syntax(self, key: str) -> Syntax | None:
        return recording.of(key)

    def canonical_key(self, key: str) -> str:
        return prometheus.canonical_key(key)

    def permitted(self, annotations: Mapping[str, str], withheld: frozenset[str]) -> Mapping[str, str]:
        """The ProxyConfig field by field, every other annotation as a whole."""
        out = dict(Profile.permitted(self, annotations, withheld))
        if layers.PROXY_CONFIG in annotations:
            left = powers.permitted(annotations[layers.PROXY_CONFIG], withheld)
            out |= {} if left is None else {layers.PROXY_CONFIG: left}
        return out

    @property
    def free_variables(self) -> frozenset[str]:
        return powers.FREE_VARIABLES

    def read_at_start(self, run: Injection, annotations: Mapping[str, str]) -> Mapping[str, Any]:
        return powers.read_at_start(run, annotations)

    def control_plane_hosts(self, run: Injection) -> frozenset[str] | None:
        return powers.control_plane_hosts(run)

    def words(self) -> frozenset[str]:
        return recording.WORDS

    def settings(self, raw: RawSettings) -> IstioSettings:
        """The mesh configuration over its defaults, platform and compliance policy.

        Without a mesh document the defaults are those that istiod's chart would write for the same values.
        """
        base = {} if raw.mesh_document else from_values(raw.values, raw.revision)
        try:
            mesh = meshconfig.effective(raw.mesh_config, base=meshconfig.effective(base))
        except ValueError as error:
            raise ConfigError(str(error), where="meshConfig") from error
        wrong = meshconfig.validate(mesh)
        if wrong:
            raise ConfigError("; ".join(wrong), where="meshConfig")
        return IstioSettings(mesh, raw.platform, raw.compliance_policy, raw)

    @property
    def settings_layer(self) -> str:
        return "mesh configuration"

    def without_settings(self, config: Config) -> Config:
        return _with_mesh(self, config, {})

    def single_settings(self, config: Config) -> Iterator[tuple[str, Config]]:
        written = settings_of(config).raw.mesh_config
        for path in _leaf_paths(written, ()):
            yield ".".join(path), _with_mesh(self, config, _without(written, path))

    def entries(self, config_revision: str, values: Manifest) -> tuple[WebhookEntry, ...]:
        return revisions.of_revision(config_revision, everywhere=_everywhere(values))

    def tag_entries(self, tag: str, values: Manifest) -> tuple[WebhookEntry, ...]:
        return revisions.of_tag(tag, everywhere=_everywhere(values))

    def setting_findings(self, config: Config) -> Sequence[Finding]:
        out = []
        if (dig(config.values, "global.hub"), str(dig(config.values, "global.tag"))) == DEVELOPMENT:
            text = (
                "values.global.hub and values.global.tag are development defaults; set them for your release"
            )
            out.append(Finding.of(FindingCode.DEVELOPMENT_IMAGES, text))
        if dig(config.values, "global.proxy.statusPort") != dig(
            settings_of(config).mesh, "defaultConfig.statusPort"
        ):
            text = "statusPort differs between values and meshConfig; probes and metrics use meshConfig (Q27)"
            out.append(Finding.of(FindingCode.STATUS_PORT, text))
        return out

    def overrides_of_path(self, path: str) -> Mapping[str, str]:
        return requestpath.overrides(path)

    def watched(self) -> tuple[str, ...]:
        return ("/apis/networking.istio.io/v1beta1/proxyconfigs",)

    def prepare(self, run: Injection) -> Manifest:
        if settings_of(run.config).platform == "openshift" and run.facts.origin is Origin.WEBHOOK:
            return openshift.without_stamped_ids(run.stripped)
        return run.stripped

    def problems(self, run: Injection) -> Sequence[AnnotationError]:
        run.work.charge(len(run.annotations.get(layers.PROXY_CONFIG, "")) * YAML_UNITS)
        wrong = validate(run.annotations, quirks=run.config.quirks)
        if wrong or run.config.quirks:
            return wrong
        return uservolumes.problems(run.annotations)

    def template_input(self, run: Injection) -> Manifest:
        """Without an earlier injection, but with the user's own versions of what it wrote over.

        With quirks off these are back already, and what else an annotation says is no container of the pod.
        """
        if not run.config.quirks:
            return run.stripped
        seen = _stripped(run)
        spec = dict(seen.get("spec") or {})
        for part, containers in uninjection.overrides(seen, self).items():
            have = {c["name"] for c in spec.get(part) or []}
            missing = [c for c in containers if c["name"] not in have]
            if missing:
                spec[part] = [*(spec.get(part) or []), *missing]
        return {**seen, "spec": spec}

    def context(self, run: Injection) -> Mapping[str, Any]:
        proxy = layers.effective(run)
        mesh = layers.mesh_for(run, proxy)
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
        if run.facts.origin is Origin.FILE and run.namespace in self.ignored_namespaces:
            text = f"the webhook never injects namespace {run.namespace}; kube-inject does (Q1)"
            run.warn(FindingCode.IGNORED_NAMESPACE, text)
        data = context.build(run, mesh, proxy)
        run.effective = EffectiveMesh(mesh, data["ProxyConfig"], data["bootstrap"]["caAddress"])
        return data

    def arrange(self, run: Injection, overlays: list[Manifest]) -> list[Manifest]:
        """A template that speaks of the proxy means it wherever it lives (Q6)."""
        if run.config.quirks or not any(_has(o, "initContainers") for o in overlays):
            return overlays
        return [_rehomed(o) for o in overlays]

    def before_merge(self, run: Injection) -> None:
        """A proxy that the user wrote as an ordinary container becomes the native one."""
        native = run.native
        asked = run.annotations.get(NATIVE)
        if asked in ("true", "false"):
            native = asked == "true"
        if not native or not _has(run.overlay, "initContainers") or not _has(run.pod, "containers"):
            return
        spec = dict(run.pod["spec"])
        users = [c for c in spec["containers"] if c["name"] == PROXY]
        spec["containers"] = [c for c in spec["containers"] if c["name"] != PROXY]
        spec["initContainers"] = [*(spec.get("initContainers") or []), *users]
        run.pod = {**run.pod, "spec": spec}

    def finish(self, run: Injection) -> None:
        if not run.config.quirks:
            uservolumes.check(run)
        effective = effective_of(run)
        mesh, proxy = effective.mesh, effective.proxy
        asked = proxyconfig.merge(mesh["defaultConfig"], layers.annotated(run))
        hold = bool(
            asked.get("holdApplicationUntilProxyStarts")
            or dig(run.config.values, "global.proxy.holdApplicationUntilProxyStarts")
        )
        final_steps.finish(run, mesh, proxy, environment(run), hold=hold)
        _findings(run, mesh)

    def symptoms(self) -> tuple[Symptom, ...]:
        return symptoms.SYMPTOMS

    def remedy(self, control: str, container: str) -> str:
        if container == INIT:
            return (
                "install Istio's CNI plugin on the nodes and set values.pilot.cni.enabled: the plugin "
                "sets up the redirection"
            )
        if control == "seccompProfile":
            return "set values.global.proxy.seccompProfile to {type: RuntimeDefault}"
        return ""

    def restore(self, pod: Manifest, earlier: status.Status) -> tuple[Manifest, tuple[str, ...]]:
        return traces.restore(pod, earlier)


def _everywhere(values: Manifest) -> bool:
    """Whether namespaces that say nothing are injected as well."""
    return bool(dig(values, "sidecarInjectorWebhook.enableNamespacesByDefault", False))


def _with_mesh(profile: IstioProfile, config: Config, mesh: Mapping[str, Any]) -> Config:
    raw = replace(settings_of(config).raw, mesh_config=mesh, values=config.values)
    return replace(config, settings=profile.settings(raw))


def _leaf_paths(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(tree, dict) and tree:
        for key, inner in tree.items():
            yield from _leaf_paths(inner, (*path, key))
    elif path:
        yield path


def _without(tree: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    head, *rest = path
    if rest:
        return {**tree, head: _without(tree[head], tuple(rest))}
    return {k: v for k, v in tree.items() if k != head}


def _has(pod: Manifest, part: str) -> bool:
    return any(c.get("name") == PROXY for c in (pod.get("spec") or {}).get(part) or [])


def _rehomed(overlay: Manifest) -> Manifest:
    if not _has(overlay, "containers"):
        return overlay
    spec = dict(overlay["spec"])
    ours = [c for c in spec["containers"] if c["name"] == PROXY]
    spec["containers"] = [c for c in spec["containers"] if c["name"] != PROXY]
    spec["initContainers"] = [*(spec.get("initContainers") or []), *ours]
    return {**overlay, "spec": spec}


def _stripped(run: Injection) -> Manifest:
    """What upstream takes out of an injected pod before its templates see it; the pod itself keeps it."""
    if run.earlier is None:
        return run.stripped
    pod = run.stripped
    for part in ("initContainers", "containers"):
        listed = set(run.earlier.names(part))
        if (pod.get("spec") or {}).get(part):
            left = [c for c in pod["spec"][part] if c["name"] not in listed]
            pod = {**pod, "spec": {**pod["spec"], part: left}}
    declaration = prometheus.declared(run.annotations)
    agent = str(dig(settings_of(run.config).mesh, "defaultConfig.statusPort", ""))
    port = prometheus.first_port(run.annotations)
    gone = dict.fromkeys((run.config.profile.keys.status, *(declaration.keys if port == agent else ())))
    return merge(pod, {"metadata": {"annotations": gone}})


def environment(run: Injection) -> dict[str, str]:
    """Variables that win over the template's: the request's path, and cluster and network where set."""
    out = dict(run.facts.overrides)
    values = run.config.values
    labels = (run.stripped.get("metadata") or {}).get("labels") or {}
    # A label of the pod that is there but empty wins as well: no network then.
    network = out.get("ISTIO_META_NETWORK") or dig(values, "global.network", "")
    cluster = {
        "ISTIO_META_CLUSTER_ID": out.get("ISTIO_META_CLUSTER_ID")
        or dig(values, "global.multiCluster.clusterName", ""),
        "ISTIO_META_NETWORK": labels.get(NETWORK_LABEL, network),
    }
    return {**out, **{k: str(v) for k, v in cluster.items() if v}}


def _findings(run: Injection, mesh: Mapping[str, Any]) -> None:
    """Flag rows of the register, and what users ask about."""
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
    if not context.native(run.annotations, run.native) and _has(run.overlay, "containers"):
        kind = context.owner_of(run).kind
        if kind in kinds.KINDS and kinds.KINDS[kind].runs_to_completion:
            run.warn(
                FindingCode.JOB_NEVER_ENDS,
                f"a {kind} with a classic sidecar does not complete by itself; use native sidecars",
            )
