"""Which pods need not be sent to the webhook at all: the CEL matchConditions of its configuration.

A condition drops a pod that `decide` is certain to skip, by what the profile alone declares
(docs/adr/0012). The one exception is a policy by which only pods with the switch are injected: then all
others are dropped, and a running webhook refuses a wider policy (docs/adr/0020). Every condition drops
only pods whose keys of the profile are all `false`: a pod that requests injection, or nearly does, is
always sent, so that its author gets a warning. Not here: the selectors of the entries (the profile's), and
the decision itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from injector.classes import dataclass, replace
from injector.core import names
from injector.core.catalogue import Catalogue
from injector.core.injection.decisions import decide
from injector.core.model import Facts, Manifest, Origin, Reason
from injector.core.policy import Policy
from injector.core.profile import Profile
from injector.errors import ConfigError

# More keys than this are not searched: evaluation is budgeted, and running out of it is an error.
_SEARCHED: Final = 100

# What would be repeated in each is long, so that reasons share a condition.
_NAMES: Final = {
    "not-unsuited": (
        Reason.STATIC_POD,
        Reason.HOST_NETWORK,
        Reason.IGNORED_NAMESPACE,
        Reason.UNSUPPORTED_OS,
    ),
    "not-opted-out": (Reason.OPTED_OUT_BY_LABEL, Reason.OPTED_OUT_BY_ANNOTATION),
}

OPTED_IN: Final = "opted-in"
"""The only condition of a policy by which pods have to opt in; it drops what the others drop, and more."""

_LABELS, _ANNOTATIONS = "object.metadata.labels", "object.metadata.annotations"


@dataclass(frozen=True, slots=True)
class MatchCondition:
    """One condition; the API server calls the webhook where all of them are true."""

    name: str
    expression: str

    def as_manifest(self) -> Manifest:
        """The condition as Kubernetes writes it."""
        return {"name": self.name, "expression": self.expression}


def conditions(policy: Policy, profile: Profile) -> tuple[MatchCondition, ...]:
    """The conditions. Their names are stable: operators remove single ones from a configuration.

    Every access is guarded: with failurePolicy Fail an error of evaluation refuses the pod.
    """
    words = _Words.of(policy, profile.catalogue()).cel()
    if policy.opt_in:
        return (MatchCondition(OPTED_IN, words),)
    skipped = dict(_skipped(policy))
    grouped = ((name, [skipped[r] for r in reasons if r in skipped]) for name, reasons in _NAMES.items())
    return tuple(
        MatchCondition(name, f"!({' || '.join(f'({each})' for each in parts)}) || {words}")
        for name, parts in grouped
    )


def dropped(pod: Manifest, namespace: str, policy: Policy, profile: Profile) -> bool:
    """Whether the conditions keep such a pod from the webhook; the same as the API server finds."""
    if _Words.of(policy, profile.catalogue()).mentions(pod):
        return False
    fixed = replace(policy, mode="enabled", never=(), always=(), foreign=())
    decision = decide(pod, Facts(namespace=namespace, origin=Origin.WEBHOOK), fixed)
    return policy.opt_in or decision.reason in {reason for reason, _ in _skipped(policy)}


def check_reload(started: Policy, fresh: Policy) -> None:
    """Raise ConfigError where a policy injects pods that the registration for the first one keeps back.

    The process cannot see the registration. It is the one for the configuration of its start, as both come
    from the same render or from the same hand.
    """
    if not started.opt_in or (fresh.opt_in and fresh.switch == started.switch):
        return
    changed = "keys.switch" if fresh.opt_in else "policy"
    if not fresh.opt_in and fresh.mode == "disabled":
        changed = "alwaysInjectSelector"
    message = f"the webhook is registered only for pods with {started.switch}, and this would inject others"
    hint = "apply the output of injector webhook-config with this configuration, then restart the webhook"
    raise ConfigError(message, where=changed, hint=hint)


def _skipped(policy: Policy) -> Iterator[tuple[Reason, str]]:
    """The reasons that hold whatever the configuration says, and how CEL says them."""
    yield Reason.STATIC_POD, _has(_ANNOTATIONS, names.MIRROR_ANNOTATION)
    yield Reason.HOST_NETWORK, "has(object.spec.hostNetwork) && object.spec.hostNetwork"
    if policy.ignored_namespaces:
        yield Reason.IGNORED_NAMESPACE, f"request.namespace in {_list(policy.ignored_namespaces)}"
    if policy.operating_systems:
        system = "object.spec.os.name"
        guard = f"has(object.spec.os) && has({system}) && {system} != ''"
        yield Reason.UNSUPPORTED_OS, f"{guard} && !({system} in {_list(policy.operating_systems)})"
    label, annotation = (_has(where, policy.switch) for where in (_LABELS, _ANNOTATIONS))
    yield Reason.OPTED_OUT_BY_LABEL, f"{label} && {_says_no(_LABELS, policy.switch)}"
    no = _says_no(_ANNOTATIONS, policy.switch)
    yield Reason.OPTED_OUT_BY_ANNOTATION, f"!({label}) && {annotation} && {no}"


@dataclass(frozen=True, slots=True)
class _Words:
    """Which keys of a pod belong to the profile, or may be misspelt keys of it.

    A superset of what near_misses.py reports: here a domain may stand anywhere in a key, there it has
    to end the prefix. `known` are labels that are right where they are; the annotations are too
    many to be listed in an expression.
    """

    switch: str
    domains: tuple[str, ...]
    known: frozenset[str]
    misplaced_labels: frozenset[str]
    misplaced_annotations: frozenset[str]

    @classmethod
    def of(cls, policy: Policy, known: Catalogue) -> _Words:
        def outside(keys: Collection[str]) -> frozenset[str]:
            return frozenset(k for k in keys if k != policy.switch and not _holds_one(k, known.domains))

        return cls(
            policy.switch,
            known.domains,
            frozenset(k for k in known.labels - {policy.switch} if _holds_one(k, known.domains)),
            outside((known.annotations | known.namespace_labels) - known.labels),
            outside((known.labels | known.namespace_labels) - known.annotations),
        )

    def mentions(self, pod: Manifest) -> bool:
        """Whether a pod has a key of the profile with another value than `false`."""
        meta = pod.get("metadata") or {}
        labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
        return self._any(labels, self.misplaced_labels, self.known) or self._any(
            annotations, self.misplaced_annotations, frozenset()
        )

    def _any(self, pairs: Mapping[str, Any], misplaced: Collection[str], known: Collection[str]) -> bool:
        return len(pairs) > _SEARCHED or any(
            value != names.NO
            if key == self.switch
            else key in misplaced or (_holds_one(key, self.domains) and key not in known)
            for key, value in pairs.items()
        )

    def cel(self) -> str:
        """The same as an expression."""
        labels = self._cel(_LABELS, self.misplaced_labels, self.known)
        return f"{labels} || {self._cel(_ANNOTATIONS, self.misplaced_annotations, frozenset())}"

    def _cel(self, where: str, misplaced: Collection[str], known: Collection[str]) -> str:
        ours = " || ".join(f"k.contains({_text(d)})" for d in self.domains)
        if ours and known:
            ours = f"({ours}) && !(k in {_list(known)})"
        terms = [f"k in {_list(misplaced)}"] if misplaced else []
        other = " || ".join([*terms, *([f"({ours})"] if ours else [])]) or "false"
        each = f"k == {_text(self.switch)} ? {where}[k] != {_text(names.NO)} : ({other})"
        return f"(has({where}) && (size({where}) > {_SEARCHED} || {where}.exists(k, {each})))"


def _holds_one(key: str, domains: Collection[str]) -> bool:
    return any(domain in key for domain in domains)


def _has(where: str, key: str) -> str:
    return f"has({where}) && {_text(key)} in {where}"


def _says_no(where: str, key: str) -> str:
    return f"{where}[{_text(key)}] == {_text(names.NO)}"


def _list(values: Collection[str]) -> str:
    return f"[{', '.join(_text(v) for v in sorted(values))}]"


def _text(value: str) -> str:
    """A string literal; single quotes, so that YAML and shells leave it readable."""
    return "'" + json.dumps(value)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
