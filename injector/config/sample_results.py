"""Problems of injected sample pods, which the templates and values cause: the samples have none.

Not here: fields by themselves (core.injection.template_fields), which are reported with their line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from injector.core.finding_codes import FindingCode
from injector.core.model import Finding
from injector.core.outcome import Outcome
from injector.core.validation.problem import PodRule

# A template that is not a default one may add to a container and use volumes of the pods that select it.
_OF_PODS: Final = frozenset({PodRule.IMAGE, PodRule.MOUNT_VOLUME, PodRule.CONTAINERS})


def result_findings(outcome: Outcome, template: str) -> Iterator[Finding]:
    """An error for each problem of a result; `template` is the one that the sample selects, or empty."""
    for problem in outcome.problems:
        if problem.rule is PodRule.FIELD or (template and problem.rule in _OF_PODS):
            continue
        of = f"of template {template} " if template else ""
        message = f"the result {of}for a sample pod is wrong: {problem.finding.message}"
        hint = "correct the template or the value that sets it"
        yield Finding.of(FindingCode.RESULT, message, hint=hint)
