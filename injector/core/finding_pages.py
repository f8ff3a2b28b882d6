"""Where the documentation says more about a finding, by the word of its code (finding_codes)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_CLUSTER: Final = "how-to/check-the-webhook-in-a-cluster.md"
_CERTIFICATES: Final = "how-to/webhook-certificates.md"
_DOWN: Final = "how-to/when-the-injector-is-down.md"
_INSTALL: Final = "how-to/install.md"
_PROFILE: Final = "how-to/write-a-profile.md"

PAGES: Final[Mapping[str, str]] = {
    "load": "reference/configuration.md",
    "value": "reference/values.md",
    "selector": "reference/configuration.md",
    "go-template": "how-to/move-from-istiod.md",
    "development-images": _INSTALL,
    "open-annotations": "how-to/limit-annotations.md",
    "pod-security": "explanation/limitations.md",
    "fails-open": _DOWN,
    "failure-modes": _DOWN,
    "render": _PROFILE,
    "field": _PROFILE,
    "result": _PROFILE,
    "determinism": _PROFILE,
    "webhook-absent": _INSTALL,
    "selectors-differ": _INSTALL,
    "conditions-differ": _CLUSTER,
    "registration-narrow": _CLUSTER,
    "overlap": _INSTALL,
    "deadlock": "explanation/availability.md",
    "no-endpoints": _DOWN,
    "unreachable": _DOWN,
    "ca-bundle": _CERTIFICATES,
    "ca-expired": _CERTIFICATES,
    "ca-expires": _CERTIFICATES,
    "certificate-untrusted": _CERTIFICATES,
    "certificate-name": _CERTIFICATES,
    "certificate-expired": _CERTIFICATES,
    "certificate-expires": _CERTIFICATES,
    "rbac": _CLUSTER,
    "not-looked-at": _CLUSTER,
}
"""Paths below `docs/`."""
