"""What stands in the way of the webhook in a cluster: entries that never match, overlap, or deadlock.

Here: from what was read of a cluster to findings, each with what to do. Not here: reading it, and
what only a connection shows (certificates, reachability).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final

from injector.classes import dataclass
from injector.core import names, workload
from injector.core.finding_codes import FindingCode, Level
from injector.core.model import Finding, Manifest, ServiceRef
from injector.core.profile import Config
from injector.core.registration import match_conditions, pod_security
from injector.core.registration.entries import Registered, labels_of
from injector.core.selectors import Requirement, Selector, WebhookEntry, satisfying_labels
from injector.core.validation.pod_security import ENFORCE, LEVELS, Violation
from injector.printable import first_of, shown

_SHOWN: Final = 3
# Where a node's network plugins have their programs and settings.
_PLUGIN_PATHS: Final = ("/cni/", "/cni")


@dataclass(frozen=True, slots=True)
class Survey:
    """What was read of a cluster.

    `own` are the injector's own pods, or the templates of the workloads that would make them, each
    with its namespace in its metadata.
    """

    entries: tuple[Registered, ...]
    namespaces: Mapping[str, Manifest]
    own: tuple[Manifest, ...] = ()
    daemon_sets: tuple[Manifest, ...] = ()
    services: Mapping[ServiceRef, Manifest | None] = field(default_factory=dict)
    slices: Mapping[ServiceRef, tuple[Manifest, ...]] = field(default_factory=dict)

    @property
    def ours(self) -> list[Registered]:
        """The entries of this program."""
        return [entry for entry in self.entries if entry.ours]


def check_registration(
    survey: Survey, config: Config, expected: Sequence[Sequence[WebhookEntry]]
) -> Iterator[Finding]:
    """All findings. `expected` are the entries that there may be: the configuration's own, or a tag's."""
    if not survey.ours:
        message = "no MutatingWebhookConfiguration of this injector exists, so it is never called"
        hint = "apply the output of injector webhook-config"
        yield Finding.of(FindingCode.WEBHOOK_ABSENT, message, hint=hint)
        return
    yield from _differing(survey, config, expected)
    yield from _unmatched(survey)
    yield from _overlapping(survey, config)
    yield from _own_pods(survey, config)
    yield from _system_pods(survey, config)
    yield from _network_plugins(survey, config)
    yield from _services(survey)
    yield from _refused(survey, config)


# --- the entries themselves -----------------------------------------------------------------------


def _differing(
    survey: Survey, config: Config, expected: Sequence[Sequence[WebhookEntry]]
) -> Iterator[Finding]:
    """Selectors and match conditions in the cluster that differ from those of the configuration."""
    hint = "apply the output of injector webhook-config with this configuration"
    have = {_identity(entry.name, entry.namespaces, entry.objects) for entry in survey.ours}
    if not any({_identity(e.name, e.namespaces, e.objects) for e in one} <= have for one in expected):
        revision = config.revision or "default"
        message = (
            f"no webhook configuration of this injector has the selectors of revision {revision} or of a tag"
        )
        yield Finding.of(FindingCode.SELECTORS_DIFFER, message, hint=hint)
    ours = {c.name: c.expression for c in match_conditions.conditions(config.policy, config.profile)}
    for entry in survey.ours:
        if match_conditions.OPTED_IN in entry.conditions and not config.policy.opt_in:
            message = f"it is called only for pods with {config.policy.switch}, and others are to be injected"
            yield Finding.of(FindingCode.REGISTRATION_NARROW, message, entry.where, hint)
        other = [n for n, text in entry.conditions.items() if n in ours and text != ours[n]]
        if other:
            message = f"matchConditions {_few(other)} do not match this version and configuration"
            yield Finding.of(FindingCode.CONDITIONS_DIFFER, message, entry.where, hint)


def _identity(name: str, *chosen: Selector) -> tuple[object, ...]:
    """What makes two entries the same.

    The order of requirements does not matter, nor which namespaces are excluded by their names.
    """
    return (name, *(frozenset(r for r in selector.requirements if not _takes_out(r)) for selector in chosen))


def _takes_out(requirement: Requirement) -> bool:
    return requirement.key == names.METADATA_NAME_LABEL and requirement.operator == "NotIn"


def _unmatched(survey: Survey) -> Iterator[Finding]:
    for entry in survey.ours:
        for word, selector in (("namespaceSelector", entry.namespaces), ("objectSelector", entry.objects)):
            if satisfying_labels(selector) is None:
                message = f"its {word} is contradictory and never matches: {selector}"
                yield Finding.of(FindingCode.NEVER_MATCHES, message, entry.where, "correct the selector")
    for name in dict.fromkeys(entry.configuration for entry in survey.ours):
        # Entries that a namespace's labels alone switch on; others wait for pods that ask.
        own = [e for e in survey.ours if e.configuration == name and e.objects.matches({})]
        if own and not any(e.in_namespace(n) for e in own for n in survey.namespaces.values()):
            wanted = " or ".join(f"{{{e.namespaces}}}" for e in own)
            message = f"no namespace matches; required labels: {wanted}"
            hint = "label a namespace; until then only pods with a label of their own are injected"
            yield Finding.of(FindingCode.NO_NAMESPACE, message, f"MutatingWebhookConfiguration {name}", hint)


def _overlapping(survey: Survey, config: Config) -> Iterator[Finding]:
    """Pairs of configurations that both are called for pods of a namespace."""
    overlaps: dict[tuple[str, str, bool], dict[str, bool]] = {}
    for ours in survey.ours:
        for other in survey.entries:
            if other.configuration == ours.configuration or not (other.ours or _rival(other, config)):
                continue
            if other.ours and other.configuration < ours.configuration:
                continue  # listed with the roles exchanged
            bare = ours.objects.matches({}) and other.objects.matches({})
            for name in _shared(ours, other, survey):
                spaces = overlaps.setdefault((ours.configuration, other.configuration, other.ours), {})
                spaces[name] = spaces.get(name, False) or bare
    for (mine, theirs, is_ours), spaces in overlaps.items():
        whose = "of this injector too" if is_ours else "of another injector"
        # First where every pod is sent to both, then where one has to ask by a label.
        where = _few(sorted(spaces, key=lambda name: (not spaces[name], name)))
        message = f"the same pods are sent to {shown(theirs)}, a configuration {whose}: in {where}"
        hint = "relabel these namespaces so that only one of the two matches, or delete one configuration"
        yield Finding.of(FindingCode.OVERLAP, message, f"MutatingWebhookConfiguration {mine}", hint)


def _rival(entry: Registered, config: Config) -> bool:
    """Whether an entry is one of an injector that the profile knows, its own mesh's among them."""
    known = (mark.webhook for mark in config.profile.foreign)
    return any(end and (entry.name == end or entry.name.endswith(("." + end, "-" + end))) for end in known)


def _shared(one: Registered, other: Registered, survey: Survey) -> list[str]:
    """The namespaces in which a pod may come to both."""
    if satisfying_labels(one.objects, other.objects) is None:
        return []
    return [
        name
        for name, item in survey.namespaces.items()
        if one.in_namespace(item) and other.in_namespace(item)
    ]


# --- pods that the webhook, or the cluster under it, needs ----------------------------------------


def _own_pods(survey: Survey, config: Config) -> Iterator[Finding]:
    label = _switched_off(config)
    for pod in survey.own:
        where, entry = _place(pod), next(_asked(survey, config, pod), None)
        if entry is None:
            continue
        if entry.closed:
            message = f"the injector's own pods ({where}) cannot start without the injector"
            hint = f"give them the label {label}, or remove the injection label from their namespace"
            yield Finding.of(FindingCode.DEADLOCK, message, entry.where, hint)
        else:
            message = f"the injector's own pods ({where}) are sent to the injector"
            hint = f"give them the label {label}"
            yield Finding.of(FindingCode.OWN_NAMESPACE, message, entry.where, hint)


def _system_pods(survey: Survey, config: Config) -> Iterator[Finding]:
    ignored = config.policy.ignored_namespaces
    for name in sorted((ignored | names.CLUSTER_NAMESPACES) & set(survey.namespaces)):
        entry = _required(survey, config, {"metadata": {"namespace": name}})
        if entry:
            why = "though they are never injected" if name in ignored else "and the cluster needs them"
            message = f"pods in {name} cannot start without the injector, {why}"
            hint = f"remove the injection label from namespace {name}, or exclude the namespace by name"
            yield Finding.of(FindingCode.DEADLOCK, message, entry.where, hint)


def _network_plugins(survey: Survey, config: Config) -> Iterator[Finding]:
    for pod in map(template_of, filter(_is_plugin, survey.daemon_sets)):
        entry = _required(survey, config, pod)
        if entry:
            message = (
                f"the network plugin ({_place(pod)}) cannot start without the injector, whose pods "
                "need the plugin"
            )
            hint = f"give its pods the label {_switched_off(config)}"
            yield Finding.of(FindingCode.DEADLOCK, message, entry.where, hint)


def _switched_off(config: Config) -> str:
    return f'{config.policy.switch}: "false"'


def _required(survey: Survey, config: Config, pod: Manifest) -> Registered | None:
    """The first entry without which the API server rejects a pod."""
    return next((entry for entry in _asked(survey, config, pod) if entry.closed), None)


def _asked(survey: Survey, config: Config, pod: Manifest) -> Iterator[Registered]:
    """The injector's entries that the API server calls for a pod."""
    name = str((pod.get("metadata") or {}).get("namespace") or "")
    namespace = survey.namespaces.get(name)
    if namespace is None:
        return
    known = {c.name: c.expression for c in match_conditions.conditions(config.policy, config.profile)}
    dropped = match_conditions.dropped(pod, name, config.policy, config.profile)
    for entry in survey.ours:
        guarded = dropped and known.items() <= entry.conditions.items()
        if entry.called(namespace, pod) and not guarded:
            yield entry


def template_of(item: Manifest) -> Manifest:
    """The pods that a workload makes: its template, in its namespace and by its name."""
    template = workload.template_of(item)
    meta = item.get("metadata") or {}
    own = {"namespace": meta.get("namespace"), "generateName": f"{meta.get('name')}-"}
    return {**template, "metadata": {**(template.get("metadata") or {}), **own}}


def _is_plugin(daemon_set: Manifest) -> bool:
    volumes = (template_of(daemon_set).get("spec") or {}).get("volumes") or []
    paths = [str((volume.get("hostPath") or {}).get("path") or "") for volume in volumes]
    return any(_PLUGIN_PATHS[0] in path or path.endswith(_PLUGIN_PATHS[1]) for path in paths)


def _place(pod: Manifest) -> str:
    meta = pod.get("metadata") or {}
    name = str(meta.get("name") or str(meta.get("generateName") or "").rstrip("-"))
    return f"{meta.get('namespace')}/{name}" if name else str(meta.get("namespace"))


# --- the Service ----------------------------------------------------------------------------------


def _services(survey: Survey) -> Iterator[Finding]:
    for ref, service in survey.services.items():
        ports = {
            int((e.client.get("service") or {}).get("port") or 443): e
            for e in survey.ours
            if service_of(e) == ref
        }
        entry = next(iter(ports.values()))
        if service is None:
            message = f"Service {ref} of the webhook does not exist"
            hint = "create it, or correct --service of injector webhook-config"
            yield Finding.of(FindingCode.SERVICE_MISSING, message, entry.where, hint)
            continue
        has = {int(p.get("port") or 0) for p in (service.get("spec") or {}).get("ports") or []}
        for port in sorted(set(ports) - has):
            message = f"Service {ref} has no port {port}; it has {_few(map(str, sorted(has)))}"
            hint = "correct --service NS/NAME:PORT of injector webhook-config"
            yield Finding.of(FindingCode.SERVICE_PORT, message, ports[port].where, hint)
        if (service.get("spec") or {}).get("type") == "ExternalName":
            continue  # it stands for something outside
        slices = survey.slices.get(ref)
        if slices is not None and not ready_endpoints(slices):
            message = f"Service {ref} has no ready pod: every call fails"
            hint = f"run kubectl get pods -n {ref.namespace} and check why they are not ready"
            yield Finding.of(FindingCode.NO_ENDPOINTS, message, entry.where, hint)


def service_of(entry: Registered) -> ServiceRef | None:
    """The Service that an entry names."""
    service = entry.client.get("service")
    return ServiceRef(str(service.get("namespace")), str(service.get("name"))) if service else None


def ready_endpoints(slices: Iterable[Manifest]) -> int:
    """How many endpoints of EndpointSlices are ready."""
    ends = (end for each in slices for end in each.get("endpoints") or [])
    return sum((end.get("conditions") or {}).get("ready") is not False for end in ends)


# --- PodSecurity ----------------------------------------------------------------------------------


def unsafe(config: Config) -> Iterator[tuple[str, str, str]]:
    """For each level of PodSecurity that injected pods do not pass: the level, what is wrong, what to do."""
    violations = pod_security.of_injection(config) or ()
    for level in LEVELS:
        own = [v for v in violations if v.level == level]
        if own:
            message = f"injected pods do not pass PodSecurity {level}: {_grouped(own)}"
            yield level, message, _remedies(config, own)


def _refused(survey: Survey, config: Config) -> Iterator[Finding]:
    """Namespaces that are to be injected and refuse what comes out."""
    remedies: dict[str, str] = {}
    spaces: dict[str, list[str]] = {}
    for level, _, hint in unsafe(config):
        remedies[level] = hint
        enforcing = LEVELS[LEVELS.index(level) :]
        for name, item in survey.namespaces.items():
            if labels_of(item).get(ENFORCE) in enforcing and any(
                e.in_namespace(item) and e.objects.matches({}) for e in survey.ours
            ):
                spaces.setdefault(level, []).append(name)
    for level, refusing in spaces.items():
        verb = "enforces" if len(refusing) == 1 else "enforce"
        message = f"{_few(sorted(refusing))} {verb} PodSecurity, and injected pods do not pass {level}"
        yield Finding.of(FindingCode.POD_SECURITY, message, hint=remedies[level], level=Level.ERROR)


def _grouped(violations: Iterable[Violation]) -> str:
    by_message: dict[str, list[str]] = {}
    for violation in violations:
        by_message.setdefault(violation.message, []).append(violation.container or "the pod")
    return "; ".join(f"{' and '.join(who)}: {message}" for message, who in by_message.items())


def _remedies(config: Config, violations: Iterable[Violation]) -> str:
    remedies = (config.profile.remedy(v.control, v.container) for v in violations)
    return "; ".join(dict.fromkeys(filter(None, remedies)))


def _few(items: Iterable[str]) -> str:
    return first_of(list(items), _SHOWN) or "nothing"
