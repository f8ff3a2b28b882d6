"""Hooks of Helm, which are left alone unless a flag says otherwise.

Helm 4 sends them to a post-renderer, Helm 3 does not. Helm waits for a hook to complete, and a sidecar
that does not end would prevent it. Not here: other annotations of Helm.
"""

from __future__ import annotations

from typing import Final

from injector.cli.inject import InjectRun
from injector.cli.pipelines.markers import annotations_of
from injector.cli.reporting.places import ManifestSite
from injector.core.model import Manifest
from injector.core.workload import Workload
from injector.yamltext import Document

ANNOTATION: Final = "helm.sh/hook"
REASON: Final = "helm-hook"
_SENTENCE: Final = "Hooks and tests of Helm are left as they are."
_HINT: Final = "--hooks injects them"


def is_hook(manifest: Manifest) -> bool:
    """Whether Helm creates an object at an occasion only, as for a test."""
    return ANNOTATION in annotations_of(manifest)


def report(injection: InjectRun, document: Document, manifest: Manifest, pointer: str) -> None:
    """Report a hook that is not injected, as a workload where it is one."""
    if injection.config.kinds.of(manifest) is None:
        injection.tally.others += 1
        return
    label = Workload(manifest, "", "").label
    injection.report.verdict("passed", label, REASON, _SENTENCE, _HINT, ManifestSite(document, pointer))
    injection.tally.results["passed"] += 1
