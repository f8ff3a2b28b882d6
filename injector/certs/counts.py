"""What is counted about certificates, as callables that the metrics of the process provide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Counts(Protocol):
    """`expiries` are by kind (leaf, current, next, former, ca) and fingerprint, and so is `due`: when
    that which is replaced before it expires should have been. `what` is leaf, ca or caBundle where
    something was renewed, else what a problem is about (problems.py).
    """

    def certificates(
        self, expiries: Mapping[tuple[str, str], float], due: Mapping[tuple[str, str], float]
    ) -> None: ...
    def certificate_renewed(self, what: str) -> None: ...
    def certificate_failed(self, what: str) -> None: ...
