"""The result of an injection, as all doors use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from injector.classes import dataclass
from injector.core.model import Decision, Finding, Manifest, Operation
from injector.core.status import Status, Uninjected
from injector.core.validation.problem import ResultProblem
from injector.errors import InjectorError


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of `inject`: the decision, the pod template, and the patch to it.

    `findings` are for people; `error` explains a denial. `added` is what the status annotation records,
    None without an injection; `before` the pod without an earlier one; `problems` are of the result.
    `defaults` are the annotations of the Namespace that counted for the pod.
    """

    decision: Decision
    pod: Manifest
    patch: tuple[Operation, ...] = ()
    findings: tuple[Finding, ...] = ()
    added: Status | None = None
    error: InjectorError | None = None
    before: Uninjected | None = None
    problems: tuple[ResultProblem, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
