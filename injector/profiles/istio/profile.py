"""The istio profile's rules, tied to the stages of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from injector.classes import dataclass, replace
from injector.core import status
from injector.core.catalogue import Catalogue, Syntax
from injector.core.injection import uninjection
from injector.core.model import Finding, Manifest, Origin
from injector.core.pod_fields import FieldProblem
from injector.core.position import OrderProblem
from injector.core.profile import Config, Profile
from injector.core.raw_settings import RawSettings
from injector.core.selectors import WebhookEntry
from injector.core.tree.strategic_merge import merge
from injector.errors import AnnotationError, ConfigError
from injector.profiles.istio import (
    application,
    context,
    contribution,
    copied,
    final_steps,
    findings,
    images,
    layers,
    meshconfig,
    openshift,
    order,
    otel,
    powers,
    prometheus,
    recording,
    requestpath,
    revisions,
    symptoms,
    templatefns,
    traces,
    uservolumes,
    value_table,
)
from injector.profiles.istio.annotations import ANNOTATIONS, LABELS, ON_POD_ONLY, validate
from injector.profiles.istio.bootstrap import from_values
from injector.profiles.istio.containers import (
    INIT,
    MADE,
    PROXY,
    has_proxy,
    uses_account_token,
    with_native_proxy,
)
from injector.profiles.istio.misspelt import misspelt
from injector.profiles.istio.settings import EffectiveMesh, IstioSettings, effective_of, settings_of
from injector.profiles.istio.values import dig, leaf_paths, without

if TYPE_CHECKING:
    from injector.core.cause_types import Symptom
    from injector.core.contribution import Contribution
    from injector.core.copied import Copied
    from injector.core.profile import Injection
    from injector.core.value_types import Types

NETWORK_LABEL = "topology.istio.io/network"
CATALOGUE = Catalogue(
    annotations=frozenset(e.key for e in ANNOTATIONS),
    labels=frozenset(e.key for e in LABELS),
    namespace_labels=frozenset({revisions.INJECTION}),
    revision_label=revisions.REVISION,
    domains=("istio.io", "istio-injection"),
    affects={e.key: e.powers for e in ANNOTATIONS if e.powers},
    on_pod_only=ON_POD_ONLY,
)
# Parsing YAML costs more than other text; this is for all readings of the annotation together.
YAML_UNITS = 5


@dataclass(frozen=True, slots=True)
class IstioProfile(Profile):
    """A drop-in for istiod's injector. Differences in behaviour: docs/reference/register.md."""

    @property
    def value_types(self) -> Types:
        """The table of values."""
        return value_table.TYPES_BY_SECTION

    def printed(self, value: bool | float) -> str:
        """As a Go template prints what it reads from YAML."""
        return images.tag_text(value)

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """Functions that upstream's templates use."""
        return templatefns.FUNCTIONS

    def made(self) -> Mapping[str, frozenset[str]]:
        """Containers and volumes of the shipped templates and of istiod's."""
        return MADE

    def catalogue(self) -> Catalogue:
        """Annotations and labels of Istio that injection reads or writes."""
        return CATALOGUE

    def syntax(self, key: str) -> Syntax | None:
        """The values that the catalogue accepts for a key, with every spelling of a metrics annotation."""
        return recording.of(key)

    def canonical_key(self, key: str) -> str:
        """The documented spelling of a metrics annotation."""
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
        """Variables of the proxy that carry neither trust root nor control plane."""
        return powers.FREE_VARIABLES

    def read_at_start(self, run: Injection, annotations: Mapping[str, str]) -> Mapping[str, Any]:
        """The ProxyConfig and the discovery address, which the agent applies once more."""
        return powers.read_at_start(run, annotations)

    def control_plane_hosts(self, run: Injection) -> frozenset[str] | None:
        """The hosts of discovery and of the CA."""
        return powers.control_plane_hosts(run)

    def words(self) -> frozenset[str]:
        """Names of ProxyConfig fields, log levels and variables."""
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

    def misspelt_settings(self, mesh_config: Mapping[str, Any]) -> Iterator[FieldProblem]:
        """Keys of the mesh configuration."""
        for key in misspelt(meshconfig.MESH_CONFIG, mesh_config):
            hint = f"did you mean {key.meant}?"
            yield FieldProblem(key.pointer, "unknown field; it has no effect", hint, refused=False)

    @property
    def settings_layer(self) -> str:
        """The document that holds these settings."""
        return "mesh configuration"

    def without_settings(self, config: Config) -> Config:
        """The mesh configuration that follows from the values alone."""
        return _with_mesh(self, config, {})

    def single_settings(self, config: Config) -> Iterator[tuple[str, Config]]:
        """Each leaf of the written mesh configuration."""
        written = settings_of(config).raw.mesh_config
        for path in leaf_paths(written):
            yield ".".join(path), _with_mesh(self, config, without(written, path))

    def entries(self, config_revision: str, values: Manifest) -> tuple[WebhookEntry, ...]:
        """The entries of istiod's chart for the revision."""
        return revisions.of_revision(config_revision, everywhere=_everywhere(values))

    def tag_entries(self, tag: str, values: Manifest) -> tuple[WebhookEntry, ...]:
        """The entries of istiod's chart for a revision tag."""
        return revisions.of_tag(tag, everywhere=_everywhere(values))

    def setting_findings(self, config: Config) -> Sequence[Finding]:
        """Development images, and a status port that values and mesh configuration do not share."""
        return findings.of_settings(config)

    def overrides_of_path(self, path: str) -> Mapping[str, str]:
        """Variables that upstream's `/inject/key/value` path sets."""
        return requestpath.overrides(path)

    def watched(self) -> tuple[str, ...]:
        """ProxyConfig objects."""
        return ("/apis/networking.istio.io/v1beta1/proxyconfigs",)

    def prepare(self, run: Injection) -> Manifest:
        """Without the ids that OpenShift writes on a pod before the webhook is called."""
        if settings_of(run.config).platform == "openshift" and run.facts.origin is Origin.WEBHOOK:
            return openshift.without_stamped_ids(run.stripped)
        return run.stripped

    def problems(self, run: Injection) -> Sequence[AnnotationError]:
        """Values that the catalogue does not accept, and user volumes that are wrong by themselves."""
        run.work.charge(len(run.annotations.get(layers.PROXY_CONFIG, "")) * YAML_UNITS)
        wrong = validate(run.annotations, quirks=run.config.quirks)
        if wrong:
            return wrong
        findings.warn_of_contents(run)
        return [] if run.config.quirks else uservolumes.problems(run.annotations)

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
        """Upstream's names for templates, and what is computed from mesh and proxy configuration."""
        proxy = layers.effective(run)
        mesh = layers.mesh_for(run, proxy)
        findings.warn_of_facts(run)
        data = context.build(run, mesh, proxy)
        run.effective = EffectiveMesh(mesh, data["ProxyConfig"], data["bootstrap"]["caAddress"])
        return data

    def copied(self, config: Config) -> Copied | None:
        """Nothing where an attribute of a trace is made of the image."""
        return None if config.quirks or otel.wanted(settings_of(config).mesh) else copied.COPIED

    def contribution(self, run: Injection) -> Contribution:
        """Values, mesh configuration and the pod's ProxyConfig."""
        return contribution.of(run)

    def arrange(self, run: Injection, overlays: list[Manifest]) -> list[Manifest]:
        """Overlays that all have the proxy in the list where one of them puts it (Q6)."""
        if run.config.quirks or not any(has_proxy(o, "initContainers") for o in overlays):
            return overlays
        return [with_native_proxy(o) for o in overlays]

    def before_merge(self, run: Injection) -> None:
        """A proxy that the user wrote as an ordinary container becomes the native one."""
        native = run.native
        asked = run.annotations.get(findings.NATIVE)
        if asked in ("true", "false"):
            native = asked == "true"
        if not native or not has_proxy(run.overlay, "initContainers") or not has_proxy(run.pod, "containers"):
            return
        spec = dict(run.pod["spec"])
        users = [c for c in spec["containers"] if c["name"] == PROXY]
        spec["containers"] = [c for c in spec["containers"] if c["name"] != PROXY]
        spec["initContainers"] = [*(spec.get("initContainers") or []), *users]
        run.pod = {**run.pod, "spec": spec}

    def finish(self, run: Injection) -> None:
        """The steps after the last merge, with the effective ProxyConfig of this pod."""
        if not run.config.quirks:
            uservolumes.check(run)
        effective = effective_of(run)
        mesh, proxy = effective.mesh, effective.proxy
        hold = order.holds(run)
        final_steps.finish(run, mesh, proxy, environment(run), hold=hold)
        findings.warn_of_result(run, mesh)
        application.warn(run, hold=hold)

    def order_problems(
        self, run: Injection, part: str, containers: Sequence[str], injected: frozenset[str]
    ) -> Iterator[OrderProblem]:
        """Where the proxy would start too late for what depends on it."""
        return order.problems(run, part, containers, injected)

    def symptoms(self) -> tuple[Symptom, ...]:
        """Messages of proxy, agent and istio-init, the likelier cause first."""
        return symptoms.SYMPTOMS

    def remedy(self, control: str, container: str) -> str:
        """The CNI plugin for istio-init, a value for a seccomp profile."""
        if container == INIT:
            return (
                "install Istio's CNI plugin on the nodes and set values.pilot.cni.enabled: the plugin "
                "sets up the redirection"
            )
        if control == "seccompProfile":
            return "set values.global.proxy.seccompProfile to {type: RuntimeDefault}"
        return ""

    def needs_account_token(self, container: Manifest) -> bool:
        """An agent that trusts the cluster's CA, or that identifies itself by the default token."""
        return uses_account_token(container)

    def restore(self, pod: Manifest, earlier: status.Status) -> tuple[Manifest, tuple[str, ...]]:
        """What probes, metrics annotations and labels of an injected pod show."""
        return traces.restore(pod, earlier)


def _everywhere(values: Manifest) -> bool:
    """Whether namespaces without an injection label are injected as well."""
    return bool(dig(values, "sidecarInjectorWebhook.enableNamespacesByDefault", False))


def _with_mesh(profile: IstioProfile, config: Config, mesh: Mapping[str, Any]) -> Config:
    raw = replace(settings_of(config).raw, mesh_config=mesh, values=config.values)
    return replace(config, settings=profile.settings(raw))


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
