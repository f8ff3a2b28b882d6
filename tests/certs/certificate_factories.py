"""Certificates for tests of the plan: no keys, only what the plan looks at."""

from __future__ import annotations

import itertools

from injector.certs.pair import BACKDATE_SECONDS, Certificate, Pair
from injector.certs.plan import Leaf

_numbers = itertools.count(1)

DAY = 86400.0


def a_ca(made: float = 0.0, life: float = 365 * DAY, name: str = "") -> Pair:
    """A CA made at a moment."""
    fingerprint = name or f"ca{next(_numbers)}"
    return Pair(Certificate(fingerprint, made - BACKDATE_SECONDS, made + life))


def a_leaf(ca: Pair, made: float = 0.0, life: float = 7 * DAY) -> Leaf:
    """A leaf of a CA, made at a moment."""
    end = min(made + life, ca.certificate.not_after)
    certificate = Certificate(f"leaf{next(_numbers)}", made - BACKDATE_SECONDS, end)
    return Leaf(certificate, ca.certificate)
