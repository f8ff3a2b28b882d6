"""Injection by plans: made for the second pod of a shape, proven, and used for those that follow.

A plan is made by the ordinary way, for a pod whose copied texts are marks, and proven with the pod at hand:
the filled plan has to be the very patch that the ordinary way gave. Pods of a shape without a plan take the
ordinary way. Not here: shapes (shape.py), the pieces of a patch (plan.py), answers of the webhook
(server/planned.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from injector.classes import dataclass
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Operation, Verdict
from injector.core.outcome import Outcome
from injector.core.plans import unread
from injector.core.plans.plan import STEM, PatchPlan, mark
from injector.core.plans.rules import copy_rules_of
from injector.core.plans.shape import CopyRules, NoShape, PodShape, shape_of, with_marks
from injector.core.plans.store import PlanStore, ProvenPlan
from injector.core.plans.texts import TOKEN_VOLUME
from injector.core.profile import Config
from injector.core.tree.application import applied
from injector.core.validation.volumes import claims_of
from injector.patterns import pattern
from injector.pointer import get, join
from injector.work import CHARACTERS, Work

# Units of counted work that an item of a tree, or so many characters of text, need at most: 23 are counted
# for an argument. Pods of one shape have different numbers of them.
_UNITS: Final = 40
# Bytes of an operation without its value, and of a text beside its characters.
_OPERATION: Final = 120
_TEXT: Final = 64
# The units of counted work that a plan is kept with are a multiple of this.
_ROUND: Final = 256
# The name of a namespace needs no escape, and no piece of a patch has many of it.
_NAME: Final = pattern("[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?").fullmatch


@dataclass(frozen=True, slots=True)
class InjectionCall:
    """What an injection is asked about.

    `size` is at least that of the pod, in bytes; `holder` is the workload around the pod template.
    """

    pod: Manifest
    facts: Facts
    config: Config
    size: int
    holder: Manifest | None = None


@dataclass(frozen=True, slots=True)
class PlanLookup:
    """What is known about a pod: its plan and its patch as text, or why it takes the ordinary way.

    `reason` is a word for metrics; `shape` is that of a pod with a plan, or for which a plan is to be made,
    under `config`.
    """

    reason: str = ""
    shape: PodShape | None = None
    planned: ProvenPlan | None = None
    patch: str = ""
    config: Config | None = None


class Planner:
    """The plans of one configuration; of another one, when it is asked with that.

    `limit` is in bytes, 0: no plans. `evicted` gets the number of shapes and plans dropped for others.
    """

    def __init__(self, limit: int, evicted: Callable[[int], None] = lambda _count: None) -> None:
        self._plans = PlanStore(limit, evicted)
        self._enabled = limit > 0
        self._config: Config | None = None
        self._objects: tuple[Manifest, ...] = ()
        self._rules: tuple[CopyRules, CopyRules] | None = None

    @property
    def size(self) -> int:
        """Bytes of the plans and their keys."""
        return self._plans.size

    def inject(self, call: InjectionCall) -> Outcome:
        """What `core.injection.pipeline.inject` gives, but for the trace of the decision."""
        lookup = self.look_up(call)
        if lookup.planned is not None:
            operations = tuple(Operation(**each) for each in json.loads(lookup.patch))
            pod = _in_order(applied(call.pod, operations), lookup.planned.orders)
            return replace(lookup.planned.outcome, pod=pod, patch=operations)
        work = Work(call.config.work_limit)
        outcome = inject(call.pod, call.facts, call.config, call.holder, work)
        if lookup.shape is not None:
            proven = self.proven(lookup, call, outcome, work.spent)
            self.keep(lookup, call.facts, outcome, proven)
        return outcome

    def look_up(self, call: InjectionCall, around: tuple[str, ...] = ()) -> PlanLookup:
        """What is known about a pod; `around` is what else the caller's answer depends on."""
        pod, facts, config, holder = call.pod, call.facts, call.config, call.holder
        if not self._enabled:
            return PlanLookup("off")
        rules = self.rules(config, facts.objects)
        if rules is None:
            return PlanLookup("profile")
        try:
            shape = shape_of(pod, facts.owner, rules, (around, _of_facts(facts), _of_holder(holder)))
        except NoShape as error:
            return PlanLookup(error.reason)
        known = self._plans.find(shape.key, facts)
        if known is None:
            # What comes once gets no plan.
            return (
                PlanLookup("new", shape, config=config)
                if self._plans.wants(shape.key)
                else PlanLookup("first")
            )
        if known.planned is None:
            return PlanLookup("no-plan")
        if _exceeds(known.planned, shape, call):
            return PlanLookup("work")
        return _by_plan(known.planned, shape, call)

    def of_shape(self, shape: PodShape, call: InjectionCall) -> PlanLookup | None:
        """The plan of a pod whose shape is known already, None without one; the pod of `call` is not read."""
        known = self._plans.find(shape.key, call.facts)
        if known is None or known.planned is None or _exceeds(known.planned, shape, call):
            return None
        return _by_plan(known.planned, shape, call)

    def rules(self, config: Config, objects: tuple[Manifest, ...]) -> CopyRules | None:
        """How shapes are made, None without plans; those of others are forgotten."""
        if config is not self._config or (objects is not self._objects and objects != self._objects):
            self._use(config, objects)
        # Objects of a cluster may select pods by any label.
        return self._rules and self._rules[bool(objects)]

    def keep(self, lookup: PlanLookup, facts: Facts, outcome: Outcome, proven: ProvenPlan | None) -> None:
        """Keep the plan of a shape that is new, or that there can be none."""
        if lookup.shape is None or lookup.config is not self._config:
            return
        self._plans.keep(lookup.shape.key, facts, proven, bytes_of(outcome))

    def _use(self, config: Config, objects: tuple[Manifest, ...]) -> None:
        """Forget the plans of another configuration, or of other objects of the cluster."""
        self._plans.clear()
        self._config, self._objects, self._rules = config, objects, None
        if all(unread.is_known(name, config) for name in unread.possible_templates({}, config)):
            free, bound = (copy_rules_of(config, labels_are_free=each) for each in (True, False))
            if free is not None and bound is not None:
                self._rules = free, bound

    def proven(
        self,
        lookup: PlanLookup,
        call: InjectionCall,
        outcome: Outcome,
        spent: int,
        rest: Callable[[Outcome], Any] = lambda _outcome: None,
    ) -> ProvenPlan | None:
        """The plan of a shape that is new, made of the outcome of the ordinary way; None: there is none.

        `spent` is its counted work. `rest` makes of an outcome what the caller keeps with the plan: the same
        for every pod of the shape. For any thread, with templates of its own in the configuration of `call`.
        """
        shape, pod = lookup.shape, call.pod
        facts, config, holder = call.facts, call.config, call.holder
        rules = self._rules and self._rules[bool(facts.objects)]
        if shape is None or rules is None or not _is_plain(outcome) or STEM in json.dumps(pod):
            return None
        owner, marked_pod = with_marks(pod, facts.owner, rules, mark)
        marked = inject(marked_pod, replace(facts, owner=owner), config, holder, Work(config.work_limit))
        if not _is_plain(marked) or _rest_of(marked) != _rest_of(outcome):
            return None
        of_marked, of_outcome = rest(marked), rest(outcome)
        if any(_reaches_in(operation.path) for operation in outcome.patch):
            return None
        text = _patch_text(marked)
        if TOKEN_VOLUME in text:
            # A volume that the injection adds could have the name of the pod's own.
            return None
        orders = tuple(_other_orders(applied(pod, outcome.patch), outcome.pod, ""))
        plan = PatchPlan.of(text, len(shape.values))
        if plan is None or of_marked != of_outcome:
            return None
        if _NAME(facts.namespace):
            plan = plan.apart(facts.namespace, len(shape.values))
        if plan.patch((*shape.values, facts.namespace)) != _patch_text(outcome):
            return None
        # Rounded up, so that plans of several namespaces are the same.
        return ProvenPlan(plan, orders, -(-spent // _ROUND) * _ROUND, reduced(outcome), of_outcome)


def _by_plan(planned: ProvenPlan, shape: PodShape, call: InjectionCall) -> PlanLookup:
    patch = planned.plan.patch((*shape.values, call.facts.namespace))
    return PlanLookup("", shape, planned, patch, call.config)


def _exceeds(planned: ProvenPlan, shape: PodShape, call: InjectionCall) -> bool:
    """Whether the counted work of a pod may be over its limit."""
    return planned.spent + (shape.items + call.size // CHARACTERS) * _UNITS > call.config.work_limit


def reduced(outcome: Outcome) -> Outcome:
    """An outcome without pods and values, and with an error that holds nothing of the admission alive."""
    if outcome.error is not None:
        # The frames of a traceback hold everything that was made.
        outcome.error.__traceback__ = outcome.error.__context__ = outcome.error.__cause__ = None
    return replace(
        outcome,
        decision=replace(outcome.decision, trace=()),
        pod={},
        patch=tuple(Operation(each.op, each.path) for each in outcome.patch),
        before=None,
        problems=(),
    )


def bytes_of(outcome: Outcome) -> int:
    """The memory for a reduced outcome; much of it is as long as a caller likes."""
    findings = [text for each in outcome.findings for text in (each.message, each.hint)]
    error = (str(outcome.error), outcome.error.hint) if outcome.error is not None else ()
    paths = [operation.path for operation in outcome.patch]
    texts = (outcome.decision.detail, *findings, *error, *paths)
    return len(paths) * _OPERATION + sum(_TEXT + len(text) for text in texts)


def _is_plain(outcome: Outcome) -> bool:
    """Whether it is an injection into a pod that nobody injected before, with a sound result."""
    return (
        outcome.decision.verdict is Verdict.INJECT
        and bool(outcome.patch)
        and outcome.error is None
        and outcome.before is None
        and not outcome.problems
    )


def _rest_of(outcome: Outcome) -> Any:
    """What of an outcome is the same for all pods of a shape."""
    operations = [(each.op, each.path) for each in outcome.patch]
    decision = replace(outcome.decision, trace=())
    return decision, operations, outcome.findings, outcome.added, outcome.defaults


def _other_orders(one: Any, other: Any, pointer: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The maps of a tree whose keys have another order in an equal tree, each with that order."""
    if type(one) is dict:
        if list(one) != list(other):
            yield pointer, tuple(other)
        for key, value in one.items():
            yield from _other_orders(value, other[key], join(pointer, key))
    elif type(one) is list:
        for index, (value, twin) in enumerate(zip(one, other, strict=True)):
            yield from _other_orders(value, twin, f"{pointer}/{index}")


def _in_order(pod: Manifest, orders: Iterable[tuple[str, tuple[str, ...]]]) -> Manifest:
    for pointer, keys in orders:
        value = get(pod, pointer)
        pod = applied(pod, [Operation("replace", pointer, {key: value[key] for key in keys})])
    return pod


def _reaches_in(path: str) -> bool:
    """Whether an operation changes an element of a list whose length is not part of the shape."""
    return any(f"/{field}/" in path for field in ("env", "args", "command"))


def _patch_text(outcome: Outcome) -> str:
    operations = [operation.as_json() for operation in outcome.patch]
    return json.dumps(operations, separators=(",", ":"))


def _of_facts(facts: Facts) -> tuple[Any, ...]:
    """The facts that differ between pods, as JSON."""
    user = (facts.user.username, facts.user.groups) if facts.user else None
    owner = (facts.owner.api_version, facts.owner.kind) if facts.owner else None
    return facts.namespace, user, owner


def _of_holder(holder: Manifest | None) -> Any:
    """What injection reads of the object around a pod template: kind, claims, keys of its metadata."""
    if holder is None:
        return None
    meta = holder.get("metadata") or {}
    keys = [sorted(map(str, meta.get(part) or ())) for part in ("labels", "annotations")]
    return str(holder.get("apiVersion")), str(holder.get("kind")), sorted(claims_of(holder)), keys
