"""The digest of what the configuration contributes to a pod (ADR 19).

It covers the templates that the pod uses, what these and the profile's rules can read of the
configuration, whichever branches they take, and the pod's annotations of the catalogue. So it
changes neither with other parts of the configuration, nor with the pod's spec, owner or labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from injector import __version__
from injector.core import status

if TYPE_CHECKING:
    from injector.core.contribution import Contribution
    from injector.core.profile import Injection


def digest_of(run: Injection, templates: Sequence[str]) -> str:
    """The digest for a pod that uses these templates, in their order."""
    config, contribution = run.config, run.config.profile.contribution(run)
    catalogue = config.profile.catalogue().annotations
    return status.digest_of(
        __version__,
        [_of_template(run, contribution, name) for name in templates],
        _of_rules(run, contribution),
        contribution.of_pod,
        run.facts.overrides,
        config.injected_annotations,
        {key: value for key, value in run.annotations.items() if key in catalogue},
    )


def _of_template(run: Injection, contribution: Contribution, name: str) -> str:
    """Of a template's text, and of what it can read; cached by names of the configuration."""
    key, templates = (name, run.native), run.config.templates
    if key not in run.config.digests:
        read = contribution.read(templates.reads(name))
        run.config.digests[key] = status.digest_of(list(templates.used(name).items()), read)
    return run.config.digests[key]


def _of_rules(run: Injection, contribution: Contribution) -> str:
    if run.native not in run.config.digests:
        run.config.digests[run.native] = status.digest_of(contribution.read(contribution.rules))
    return run.config.digests[run.native]
