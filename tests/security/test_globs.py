"""Globs of rules: what they match, and that the work is linear in the text for each part."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.config.loading import load
from injector.core import globs
from injector.core.annotation_rule import AnnotationRule
from injector.core.injection import annotation_rules
from injector.core.injection.annotation_rules import refused
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Reason, Verdict
from injector.core.selectors import Selector
from tests.core.generic import KEYS, PROFILE

ISTIO = load(None)


class Counted(str):
    """A text that counts how much of it was looked at, at most."""

    looked_at = 0

    def find(self, *args: Any) -> int:
        end = args[2] if len(args) > 2 else len(self)
        place = super().find(*args)
        Counted.looked_at += (end if place < 0 else place + len(args[0])) - args[1]
        return place


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_a_glob_matches_what_the_regular_expression_for_it_matches(pattern: str, text: str) -> None:
    [glob] = globs.parsed([pattern])
    expected = re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text, re.DOTALL)
    assert globs.matches(glob, text) is (expected is not None)


@pytest.mark.parametrize("pattern", ["*a*b*c*", "*a*a*a*a*!", "a" + "*a" * 50 + "!", "*" * 100 + "!"])
def test_each_part_goes_over_the_text_once(pattern: str) -> None:
    [glob] = globs.parsed([pattern])
    for length in (500, 1000, 2000):
        Counted.looked_at = 0
        assert not globs.matches(glob, Counted("ab" * (length // 2)))
        assert Counted.looked_at <= length * len(glob)


def test_the_steps_of_a_rule_grow_with_its_parts_and_not_with_the_text() -> None:
    rule = AnnotationRule(Selector(), deny=("*a*a*a*a*!", "*a*b*c*"))

    def steps(length: int) -> int:
        count = 0

        def line(frame: FrameType, _event: str, _arg: object) -> Any:
            nonlocal count
            count += frame.f_code.co_filename in (globs.__file__, annotation_rules.__file__)
            return line

        before = sys.gettrace()
        sys.settrace(line)
        try:
            assert refused(["ab" * length], Facts(), "shop", (rule,), PROFILE) == ()
        finally:
            sys.settrace(before)
        return count

    assert steps(100) == steps(10_000)


def test_no_module_of_rules_and_selectors_has_a_regular_expression() -> None:
    from injector.core import selectors
    from injector.core.registration import match_conditions

    for module in (annotation_rules, globs, match_conditions, selectors):
        assert not hasattr(module, "re"), module.__name__


def test_a_long_key_is_judged_as_a_whole() -> None:
    rule = AnnotationRule(Selector(), deny=("*/end",))
    assert refused(["x" * 1000 + "/end"], Facts(), "shop", (rule,), PROFILE) != ()


@pytest.mark.parametrize(
    ("allow", "deny", "key", "allowed"),
    [
        ((), (), "prometheus_istio_io_scrape_targets", False),
        ((), (), "prometheus_istio_io/scrape-targets", False),
        ((), (), "prometheus.istio.io/scrape_targets", False),
        ((), (), "prometheus-istio-io_scrape.targets", False),
        ((), (), "prometheus_istio_io_secure_port", False),
        ((), (), "prometheus_io_port", False),
        (("*",), ("prometheus.io/*",), "prometheus_io/port", False),
        (("*",), ("prometheus.io/*",), "prometheus-io-path", False),
        (("*",), ("prometheus.io/scrape",), "prometheus/io/scrape", False),
        # The spelling that is written counts as well.
        (("*",), ("prometheus_*",), "prometheus_io_port", False),
        (("prometheus.io/*",), (), "prometheus_io_port", True),
        # What is read in one spelling alone is another key in another.
        ((), (), "sidecar_istio_io_proxyImage", True),
        ((), (), "prometheus_io_ports", True),
    ],
)
def test_rules_judge_the_spelling_that_is_read(
    allow: tuple[str, ...], deny: tuple[str, ...], key: str, allowed: bool
) -> None:
    config = replace(ISTIO, annotation_rules=(AnnotationRule(Selector(), allow, deny),))
    pod = {
        "metadata": {"name": "web", "annotations": {key: "8080"}},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    }
    outcome = inject(pod, Facts(namespace="shop"), config)
    expected = Verdict.INJECT if allowed else Verdict.DENY
    assert outcome.decision.verdict is expected, outcome.error
    assert allowed or outcome.decision.reason is Reason.ANNOTATION_NOT_ALLOWED


def test_keys_of_any_iterable_are_judged_once_each() -> None:
    rule = AnnotationRule(Selector(), deny=("mesh.example/*",))
    keys = iter(["mesh.example/mode", "other.example/x", KEYS.status])
    assert refused(keys, Facts(), "shop", (rule,), PROFILE) == ("mesh.example/mode",)
