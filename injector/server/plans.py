"""Plans for the pods of one shape: made for the second pod of a shape, proven, and used for the others.

A plan is made by the ordinary way, for a pod whose copied texts are marks, and proven with the pod at hand:
the filled plan has to be the very patch that the ordinary way gave. Not here: shapes and plans themselves
(core.plans), and replicas (replicas.py).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from injector.core.injection import unread
from injector.core.model import AdmissionRequest, Facts, Verdict
from injector.core.plans.plan import STEM, Plan, mark
from injector.core.plans.reading import reading_of
from injector.core.plans.shape import NoShape, Reading, Shape, shape_of, with_marks
from injector.core.profile import Config
from injector.server import answers
from injector.server.answers import Answer, AnswerPolicy
from injector.server.generations import Generations
from injector.server.replicas import reduced
from injector.work import Work

# The texts that are left out are part of the counted work: a plan is far from the limit.
_SHARE: Final = 4
# Bytes of a plan beside its pieces.
_REST: Final = 3000
_RESPONSE: Final = '"response":{"uid":'


@dataclass(frozen=True, slots=True)
class _Proven:
    """A plan with the rest of the answer and what log, metrics and records read; None: it cannot be made."""

    facts: Facts
    plan: Plan | None = None
    answer: Answer | None = None
    before_uid: str = ""
    after_uid: str = ""
    after_patch: str = ""

    def body(self, uid: str, values: tuple[str, ...]) -> bytes:
        assert self.plan is not None
        patch = base64.b64encode(self.plan.patch(values).encode("ascii")).decode("ascii")
        return f"{self.before_uid}{json.dumps(uid)}{self.after_uid}{patch}{self.after_patch}".encode("ascii")


@dataclass(frozen=True, slots=True)
class Planned:
    """What the plans say about a pod: the answer, or why it takes the ordinary way."""

    reason: str = ""
    shape: Shape | None = None
    made: tuple[Answer, bytes] | None = None


class Plans:
    """The plans of one configuration."""

    def __init__(
        self, limit: int, policy: AnswerPolicy, evicted: Callable[[int], None] = lambda _count: None
    ) -> None:
        self._plans: Generations[_Proven] = Generations(limit, evicted)
        self._enabled = limit > 0
        self._policy = policy
        self._config: Config | None = None
        self._readings: tuple[Reading, Reading] | None = None

    @property
    def size(self) -> int:
        """Bytes of the plans and their keys."""
        return self._plans.size

    def find(self, asked: AdmissionRequest, config: Config, facts: Facts) -> Planned:
        """The answer to a request, where its shape has a plan."""
        if not self._enabled:
            return Planned("off")
        if config is not self._config:
            self._use(config)
        if self._readings is None or not asked.creates_pod:
            return Planned("profile" if self._readings is None else "request")
        try:
            shape = shape_of(asked.pod, self._readings[bool(facts.objects)], _around(asked, facts))
        except NoShape as error:
            return Planned(error.reason)
        except Exception:
            # The ordinary way answers, and the metric shows it.
            return Planned("defect")
        known = self._plans.get(shape.key)
        if known is not None and known.facts != facts:
            self._plans.drop(shape.key)
            known = None
        if known is None:
            # What comes once gets no plan.
            return Planned("new", shape) if self._plans.met(shape.key) else Planned("first")
        if known.answer is None:
            return Planned("no-plan")
        return Planned("", shape, (known.answer, known.body(asked.uid, shape.values)))

    def _use(self, config: Config) -> None:
        """Forget the plans of another configuration."""
        self._plans.clear()
        self._config, self._readings = config, None
        if all(unread.is_known(name, config) for name in unread.possible_templates({}, config)):
            readings = [reading_of(config, labels_are_free=free) for free in (True, False)]
            if readings[0] is not None and readings[1] is not None:
                self._readings = readings[0], readings[1]

    def learn(
        self,
        planned: Planned,
        asked: AdmissionRequest,
        config: Config,
        made: tuple[Answer, bytes],
        spent: int,
    ) -> None:
        """Make a plan of the answer that the ordinary way gave; `spent` is its counted work."""
        if planned.shape is None or planned.made is not None or config is not self._config:
            return
        try:
            proven = self._proven(planned.shape, asked, config, made, spent) or _Proven(made[0].facts)
        except Exception:
            proven = _Proven(made[0].facts)
        size = _REST + (proven.plan.size if proven.plan else 0)
        self._plans.put(planned.shape.key, proven, size)

    def _proven(
        self, shape: Shape, asked: AdmissionRequest, config: Config, made: tuple[Answer, bytes], spent: int
    ) -> _Proven | None:
        answer, out = made
        if not _is_plain(answer) or spent * _SHARE > config.work_limit or STEM in json.dumps(asked.pod):
            return None
        assert self._readings is not None
        reading = self._readings[bool(answer.facts.objects)]
        pod = {**asked.pod, **with_marks(asked.pod, reading, mark)}
        work = Work(config.work_limit)
        marked = answers.answer(replace(asked, pod=pod), config, answer.facts, self._policy, work=work)
        if not _is_plain(marked) or _rest_of(marked) != _rest_of(answer):
            return None
        patch = _patch_of(marked)
        plan = Plan.of(patch, len(shape.values))
        if plan is None or plan.patch(shape.values) != _patch_of(answer):
            return None
        text = out.decode("ascii")
        before, uid, after = text.partition(_RESPONSE + json.dumps(asked.uid))
        encoded = base64.b64encode(_patch_of(answer).encode("ascii")).decode("ascii")
        between, found_patch, end = after.partition(encoded)
        if not uid or not found_patch:
            return None
        kept_answer = replace(answer, review={}, outcome=reduced(answer.outcome, whole=False))
        return _Proven(answer.facts, plan, kept_answer, before + _RESPONSE, between, end)


def _around(asked: AdmissionRequest, facts: Facts) -> tuple[Any, ...]:
    """What an answer depends on beside the pod, as far as the request says it."""
    user = (facts.user.username, facts.user.groups) if facts.user else None
    return asked.version, asked.path, asked.namespace, user


def _is_plain(answer: Answer) -> bool:
    """Whether an answer is an injection without anything that a person should know."""
    outcome = answer.outcome
    return (
        answer.decision is Verdict.INJECT
        and answer.repeatable
        and outcome.error is None
        and outcome.before is None
        and not any(finding.actionable for finding in outcome.findings)
    )


def _patch_of(answer: Answer) -> str:
    return base64.b64decode(answer.review["response"]["patch"]).decode("ascii")


def _rest_of(answer: Answer) -> Any:
    """An answer without its patch, and where the patch changes what."""
    response = {key: value for key, value in answer.review["response"].items() if key != "patch"}
    operations = [(each.op, each.path) for each in answer.outcome.patch]
    return answer.review["kind"], answer.review["apiVersion"], response, operations
