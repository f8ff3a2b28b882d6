"""Rows of the register that differences come from when our quirks are off.

As the golden cases do it: each row names the documents and the places that it may touch. Not
here: differences of both modes, those have names of their own (comparison.py).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.differential.comparison import Difference
from tests.differential.settings import Tree


@dataclass(frozen=True)
class Row:
    """A row of docs/reference/register.md: a pattern for the document's JSON, and one for the pointer.

    `upstream` is one for the JSON of upstream's value at that place.
    """

    number: str
    documents: str
    places: str
    upstream: str = ""

    def accounts_for(self, difference: Difference) -> bool:
        """Whether the row explains a difference of a document that it is about."""
        value = json.dumps(difference.upstream, default=str)
        return bool(re.fullmatch(self.places, difference.pointer) and re.search(self.upstream, value))


# The user's own version of an injected container, in the document or in its overrides annotation.
_OWN: Final = r'name\\*": ?\\*"istio-(proxy|init|validation)'
_INJECTED: Final = r'"(sidecar\.istio\.io/status|proxy\.istio\.io/overrides)"'
_GATEWAY: Final = r'"inject\.istio\.io/templates": "[^"]*gateway'
_NATIVE: Final = r'"restartPolicy": "Always"'
_ROWS: Final = (
    Row("Q2", r'"kind": "CronJob"', r"(/items/\d+)?/spec/jobTemplate/.*"),
    # A pod that says that it was injected before is taken apart first.
    Row("Q4", _INJECTED, r".*/((initContainers|containers|volumes)(/.*)?|proxy\.istio\.io~1overrides.*)"),
    Row("Q7", r"", r".*/annotations/(sidecar\.istio\.io~1status//(digest|undo)|sidecar-injector~1undo)"),
    Row("Q11", r'"port": "unknown"', r".*/(\w+Probe|postStart|preStop)/httpGet(/.*)?"),
    Row("Q11", r'"port": "unknown"', r".*/value//~1app-(health|lifecycle)~1[^/]*"),
    Row("Q29", r"", r".*/env/\d+/value//~1app-(health|lifecycle).*/(path|scheme|timeoutSeconds|service)"),
    Row("Q29", r"", r".*/env/\d+/value//\d+/protocol"),
    Row("Q18", _OWN, r".*/env/\d+/valueFrom"),
    Row("Q46", _OWN, r".*/(\w+Probe|postStart|preStop)/(exec|grpc|httpGet|sleep|tcpSocket)(/.*)?"),
    Row("Q47", _OWN, r".*/env(/\d+(/.*)?)?"),
    Row("Q29", _OWN, r".*/imagePullPolicy"),
    Row(
        "Q29",
        _OWN,
        r".*/readinessProbe/((failure|success)Threshold|(period|timeout)Seconds|httpGet/(path|scheme))",
    ),
    Row(
        "Q43",
        r'canonical-name": ?"([-_.]|[^"]*[-_.]"|[^"]{64})',
        r".*/labels/service\.istio\.io~1canonical-name",
    ),
    Row("Q45", _NATIVE, r".*/initContainers/\d+/(startupProbe|lifecycle/postStart)(/.*)?"),
    Row(
        "Q45",
        _NATIVE,
        r".*/env/\d+/value//~1app-(health~1[^/]*~1startupz|lifecycle~1[^/]*~1poststartz)(/.*)?",
    ),
    # Nothing else is registered with the agent.
    Row(
        "Q45",
        _NATIVE,
        r".*/env/\d+",
        r'^{"name": "ISTIO_KUBE_APP_PROBERS"',
    ),
    Row(
        "Q53",
        r'"inject\.istio\.io/templates": "[^"]*grpc-',
        r".*/annotations/(proxy\.istio\.io~1overrides.*|sidecar\.istio\.io~1status//containers.*)",
    ),
    Row(
        "Q52",
        r'"kind": "Job", "name": "[^"]+-[0-9]{8,10}"',
        r".*/(env/\d+/value|labels/service\.istio\.io~1canonical-name)",
    ),
    # Such a pod is skipped here, so that every place differs.
    Row("Q54", r'kubernetes\.io/os": ?"windows"', r".*"),
    Row("Q32", _GATEWAY, r".*/volumes/\d+/emptyDir"),
)
_REFUSED_BY_OURS: Final = (
    ("Q21", r"annotation sidecar\.istio\.io/nativeSidecar"),
    ("Q38", r"annotation sidecar\.istio\.io/userVolume"),
    ("Q39", r"annotation readiness\.status\.sidecar\.istio\.io/.*2147483647"),
    ("Q40", r"annotation proxy\.istio\.io/overrides"),
    ("Q41", r"the injected pod would (not be valid|have no container)"),
    ("Q50", r"(refused-result|missing-volume): "),
    ("Q42", r"without the injection that they describe"),
    ("Q51", r"template-failed: .*(is expected|is missing)"),
    ("Q24", r"invalid-annotation"),
)


def unassigned(document: Tree, differences: Sequence[Difference], named: Counter[str]) -> list[Difference]:
    """The differences that no row accounts for; the others are counted in `named`."""
    text = json.dumps(document)
    rows = [row for row in _ROWS if re.search(row.documents, text)]
    left = []
    for difference in differences:
        number = next((row.number for row in rows if row.accounts_for(difference)), None)
        if number:
            named[number] += 1
        else:
            left.append(difference)
    return left


def row_of_refusal(who: str, message: str) -> str | None:
    """The row of a document that ours alone refuses."""
    rows = (number for number, words in _REFUSED_BY_OURS if who == "ours" and re.search(words, message))
    return next(rows, None)
