"""Whether a pod is injected: rules in order, of which the first that applies decides; all are recorded.

========================  ==========================================================================
rule                      decides when
========================  ==========================================================================
static-pod                the pod mirrors one of a node                                -> skip
namespace                 the pod names another namespace than the request             -> deny
host-network              spec.hostNetwork                                             -> skip
ignored-namespace         the namespace is the cluster's own                           -> skip
operating-system          spec.os.name is not one that the profile's containers run on -> skip
webhook-selectors         namespace known, no entry would be called (not in the webhook itself), and the
                          pod's label is not `false`                                   -> skip
label                     `true` or `false`; present with anything else hides the annotation
annotation                `true` or `false`, where the label is absent
never-selectors           one matches the pod's labels                                 -> no
always-selectors          one matches the pod's labels                                 -> yes
policy                    `enabled`: yes unless a rule said no; `disabled`: the reverse; else never
node-selection            it would be injected, but no node of the profile's systems may run it -> skip
runtime-class             it would be injected, but its RuntimeClass is in the setting -> skip
caller                    it would be injected, but a rule about its user matches -> skip or deny
foreign-sidecar           it would be injected, but a proxy is there that no status explains -> skip
========================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from injector.core import names, selectors, status
from injector.core.caller_rule import first_match
from injector.core.injection import node_selection
from injector.core.model import Decision, Facts, Manifest, Origin, ProxyMark, Reason, Step
from injector.core.policy import Policy
from injector.core.profile import Config
from injector.printable import shown

_YES = {
    "label": Reason.OPTED_IN_BY_LABEL,
    "annotation": Reason.OPTED_IN_BY_ANNOTATION,
    "selector": Reason.ALWAYS_SELECTED,
}
_NO = {
    "label": Reason.OPTED_OUT_BY_LABEL,
    "annotation": Reason.OPTED_OUT_BY_ANNOTATION,
    "selector": Reason.NEVER_SELECTED,
}


def decide(template: Manifest, facts: Facts, policy: Policy) -> Decision:
    """Inject, skip or deny one pod template, with the trace of the rules tried."""
    return _Rules(template, facts, policy).run()


def policy_for(facts: Facts, config: Config) -> Policy:
    """The policy that applies at this door.

    With quirks on, files are injected as upstream does it: whatever policy and selectors say.
    """
    if not (config.quirks and facts.origin is Origin.FILE):
        return config.policy
    p = config.policy
    return Policy("enabled", p.switch, p.status, p.ignored_namespaces, entries=p.entries, foreign=p.foreign)


class _Rules:
    """The rules over one pod, and their verdicts so far."""

    def __init__(self, template: Manifest, facts: Facts, policy: Policy) -> None:
        self.meta: Mapping[str, Any] = template.get("metadata") or {}
        self.spec: Mapping[str, Any] = template.get("spec") or {}
        self.labels: Mapping[str, str] = {
            k: "" if v is None else v for k, v in (self.meta.get("labels") or {}).items()
        }
        self.annotations = status.annotations_of(template)
        self.facts = facts
        self.policy = policy
        self.trace: list[Step] = []

    def run(self) -> Decision:
        for rule in (
            self.static_pod,
            self.namespace,
            self.host_network,
            self.ignored,
            self.system,
            self.selected,
        ):
            decision = rule()
            if decision:
                return decision
        reason, wanted = self.requested()
        if self.by_policy(wanted):
            unfit = self.nodes() or self.runtime_class() or self.caller() or self.foreign()
            return unfit or Decision(reason or Reason.ON_BY_DEFAULT, tuple(self.trace))
        if self.policy.mode not in ("enabled", "disabled"):
            reason = Reason.INVALID_POLICY
        return Decision(reason or Reason.OFF_BY_DEFAULT, tuple(self.trace))

    def note(self, rule: str, seen: str, verdict: str) -> None:
        self.trace.append(Step(rule, seen, verdict))

    def end(self, rule: str, seen: str, reason: Reason) -> Decision:
        self.trace.append(Step(rule, seen, reason.verdict.value, decisive=True))
        return Decision(reason, tuple(self.trace))

    def static_pod(self) -> Decision | None:
        if names.MIRROR_ANNOTATION in self.annotations:
            return self.end("static-pod", f"annotation {names.MIRROR_ANNOTATION}", Reason.STATIC_POD)
        self.note("static-pod", f"no annotation {names.MIRROR_ANNOTATION}", "no objection")
        return None

    def namespace(self) -> Decision | None:
        named = self.meta.get("namespace")
        if self.facts.origin is not Origin.WEBHOOK:
            return None
        seen = f"request {_name(self.facts.namespace)}, pod {_name(named)}"
        if named and self.facts.namespace and named != self.facts.namespace:
            return self.end("namespace", seen, Reason.NAMESPACE_MISMATCH)
        self.note("namespace", seen, "no objection")
        return None

    def host_network(self) -> Decision | None:
        seen = f"spec.hostNetwork {_switch(self.spec.get('hostNetwork'))}"
        if self.spec.get("hostNetwork") is True:
            return self.end("host-network", seen, Reason.HOST_NETWORK)
        self.note("host-network", seen, "no objection")
        return None

    def ignored(self) -> Decision | None:
        # A file's template rarely names its namespace, so there the rule rarely applies (register Q1).
        of_template = self.meta.get("namespace") or ""
        name = self.facts.namespace or of_template if self.facts.origin is Origin.WEBHOOK else of_template
        if name in self.policy.ignored_namespaces:
            return self.end("ignored-namespace", f"namespace {name}", Reason.IGNORED_NAMESPACE)
        self.note("ignored-namespace", f"namespace {_name(name)}", "no objection")
        return None

    def system(self) -> Decision | None:
        name = (self.spec.get("os") or {}).get("name")
        if not self.policy.operating_systems:
            return None
        seen = f"spec.os.name {_name(name)}"
        if name and name not in self.policy.operating_systems:
            return self.end("operating-system", seen, Reason.UNSUPPORTED_OS)
        self.note("operating-system", seen, "no objection")
        return None

    def selected(self) -> Decision | None:
        known = self.facts.namespace_object
        if self.facts.origin is Origin.WEBHOOK or not self.policy.entries:
            return None
        if known is None:
            self.note("webhook-selectors", "namespace unknown", "no objection")
            return None
        entry = selectors.selected(self.policy.entries, known, self.labels)
        seen = f"namespace {known.name} {{{', '.join(f'{k}={v}' for k, v in sorted(known.labels.items()))}}}"
        if entry is not None:
            self.note("webhook-selectors", seen, f"entry {entry.name} matches")
        elif self.labels.get(self.policy.switch) == names.NO:
            # The selectors leave such a pod out by this label: the label is why.
            self.note("webhook-selectors", seen, "no entry matches")
        else:
            return self.end("webhook-selectors", seen, Reason.NOT_SELECTED)
        return None

    def requested(self) -> tuple[Reason | None, bool | None]:
        """What the pod itself or a selector requests; (None, None) where neither does."""
        key = self.policy.switch
        source = "label" if key in self.labels else "annotation"
        value = (self.labels if source == "label" else self.annotations).get(key) or ""
        if value in (names.YES, names.NO):
            self.note(source, f"{key}: {value}", "yes" if value == names.YES else "no")
            return (_YES if value == names.YES else _NO)[source], value == names.YES
        self.note(source, f"{key} {'has another value' if value else 'not set'}", "undecided")
        for rule, chosen, reasons in (
            ("never", self.policy.never, _NO),
            ("always", self.policy.always, _YES),
        ):
            selector = next((s for s in chosen if s.requirements and s.matches(self.labels)), None)
            if selector is not None:
                self.note(f"{rule}-selectors", str(selector), "no" if rule == "never" else "yes")
                return reasons["selector"], rule == "always"
            self.note(f"{rule}-selectors", f"{len(chosen)} selectors", "none matches")
        return None, None

    def by_policy(self, wanted: bool | None) -> bool:
        mode = self.policy.mode
        verdict = mode in ("enabled", "disabled") and (mode == "enabled" if wanted is None else wanted)
        # The pod or a selector decides where one of them requests something, else the policy.
        decided = wanted is None or mode not in ("enabled", "disabled")
        if not decided:
            last = self.trace[-1]
            self.trace[-1] = Step(last.rule, last.seen, last.verdict, decisive=True)
        seen = f"policy {mode if mode in ('enabled', 'disabled') else 'is neither enabled nor disabled'}"
        self.trace.append(Step("policy", seen, "inject" if verdict else "skip", decisive=decided))
        return verdict

    def overruled(self, rule: str, seen: str, reason: Reason) -> Decision:
        """Skip or deny a pod that would be injected."""
        self.trace = [Step(s.rule, s.seen, s.verdict) for s in self.trace]
        return self.end(rule, seen, reason)

    def nodes(self) -> Decision | None:
        systems = self.policy.operating_systems
        place = node_selection.excludes(self.spec, systems) if systems else ""
        if place:
            seen = f"{place} excludes {', '.join(sorted(systems))}"
            return self.overruled("node-selection", seen, Reason.UNSUPPORTED_NODES)
        if systems:
            self.note("node-selection", "no operating system excluded", "no objection")
        return None

    def runtime_class(self) -> Decision | None:
        name = self.spec.get("runtimeClassName")
        seen = f"spec.runtimeClassName {_name(name)}"
        if isinstance(name, str) and name in self.policy.skip_runtime_classes:
            return self.overruled("runtime-class", seen, Reason.RUNTIME_CLASS)
        if self.policy.skip_runtime_classes:
            self.note("runtime-class", seen, "no objection")
        return None

    def caller(self) -> Decision | None:
        if not self.policy.callers:
            return None
        if self.facts.user is None:
            self.note("caller", "caller unknown", "no objection")
            return None
        number, action = first_match(self.policy.callers, self.facts.user)
        # The name of a user is not for those who may read about the pod.
        seen = f"rule {number} of callers" if number else "no rule of callers matches"
        if action == "allow":
            self.note("caller", seen, "no objection")
            return None
        reason = Reason.CALLER_SKIPPED if action == "skip" else Reason.CALLER_DENIED
        return self.overruled("caller", seen, reason)

    def foreign(self) -> Decision | None:
        earlier = status.parse(self.annotations.get(self.policy.status))
        explained = {*earlier.init_containers, *earlier.containers} if earlier else set()
        for mark in self.policy.foreign:
            if mark.container not in explained and any(
                carries(c, mark) for part in names.CONTAINER_LISTS for c in self.spec.get(part) or []
            ):
                seen = f"container {mark.container}"
                return self.overruled("foreign-sidecar", seen, Reason.FOREIGN_SIDECAR)
        if self.policy.foreign:
            self.note("foreign-sidecar", "no proxy without a status", "no objection")
        return None


def carries(container: Manifest, mark: ProxyMark) -> bool:
    """Whether a container is a proxy by this mark."""
    if container.get("name") != mark.container:
        return False
    have = {e.get("name") for e in container.get("env") or []}
    return have.issuperset(mark.env)


def _name(value: Any) -> str:
    return shown(value) if value else "not named"


def _switch(value: Any) -> str:
    return "not set" if value is None else str(value).lower()
