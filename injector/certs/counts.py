"""What is counted about certificates. The metrics of the process implement it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Counts(Protocol):
    """Metrics of certificates; the certificates are named by kind and fingerprint.

    Kinds are leaf, current, next, former and ca.
    """

    def certificates(
        self, expiries: Mapping[tuple[str, str], float], due: Mapping[tuple[str, str], float]
    ) -> None:
        """When each certificate expires, and when those that are replaced earlier are due."""

    def certificate_renewed(self, what: str) -> None:
        """A renewal of `what`: leaf, ca or caBundle."""

    def certificate_failed(self, what: str) -> None:
        """A problem with `what`, as in problems.py."""
