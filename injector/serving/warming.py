"""Admissions of sample pods before a configuration is used: so the first caller waits no longer than others.

They go from a review to its answer, by the pure way only: nothing is counted, logged or recorded.
"""

from __future__ import annotations

import json
from typing import Final

from injector.classes import replace
from injector.config.current import ConfigSource
from injector.config.samples import SAMPLES
from injector.config.server_settings import Server
from injector.core.model import Manifest, Namespace
from injector.core.policy import Policy
from injector.core.profile import Config
from injector.server import answers, reviews
from injector.work import Work

_NAMESPACE: Final = Namespace("sample", {}, {})


def warm(config: Config) -> None:
    """Admit each sample pod, whatever the policy is."""
    keys = config.profile.keys
    always = replace(config, policy=Policy("enabled", keys.switch, keys.status))
    for sample in SAMPLES:
        asked = reviews.parse(_review(sample), path="/inject")
        facts = answers.facts_of(asked, always, lambda _name: _NAMESPACE, native_sidecars=True)
        json.dumps(answers.answer(asked, always, facts, work=Work(config.work_limit)).review)


def _review(sample: Manifest) -> bytes:
    request = {
        "uid": "sample",
        "namespace": _NAMESPACE.name,
        "operation": "CREATE",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "object": {"apiVersion": "v1", "kind": "Pod", **sample},
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return json.dumps(review).encode()


class WarmSource:
    """A source whose new configurations are warm when they are read; `config` is warm already."""

    def __init__(self, source: ConfigSource, config: Config) -> None:
        self._source = source
        self._warm = _version(config)

    @property
    def server(self) -> Server | None:
        """As of the source."""
        return self._source.server

    @property
    def step(self) -> str:
        """As of the source."""
        return self._source.step

    def read(self) -> Config:
        """The snapshot as the source is now. Blocks. Raises InjectorError."""
        config = self._source.read()
        if _version(config) != self._warm:
            warm(config)
            self._warm = _version(config)
        return config


def _version(config: Config) -> tuple[str, int]:
    return config.digest, config.work_limit
