"""Findings of one pod: each once, and past a limit for each code only their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from injector.classes import replace
from injector.core.model import Finding

PER_CODE: Final = 20
"""Findings of one code that are listed; the rest is counted."""


class Findings:
    """The findings of one pod, in the order in which they came."""

    def __init__(self) -> None:
        self._listed: dict[Finding, None] = {}
        self._by_code: Counter[str] = Counter()
        # One that is not listed stands for the others of its code.
        self._unlisted: dict[str, Finding] = {}

    def add(self, finding: Finding) -> None:
        """Take a finding, once."""
        if finding in self._listed:
            return
        self._by_code[finding.code] += 1
        if self._by_code[finding.code] > PER_CODE:
            self._unlisted[finding.code] = finding
        else:
            self._listed[finding] = None

    def extend(self, findings: Iterable[Finding]) -> None:
        """Take several findings."""
        for finding in findings:
            self.add(finding)

    def all(self) -> tuple[Finding, ...]:
        """At most PER_CODE findings of each code, then one that counts the others of its code."""
        return (*self._listed, *(self._rest(code, one) for code, one in self._unlisted.items()))

    def _rest(self, code: str, one: Finding) -> Finding:
        count = self._by_code[code] - PER_CODE
        return one if count == 1 else replace(one, message=f"{count} more with this code are not listed")
