"""The demo shows the shop as it is: who calls whom, which version, over which TLS, under which rules."""

from __future__ import annotations

import io
import math
import secrets
from collections import Counter
from contextlib import redirect_stdout

import pytest

from tests.beds.mesh import show
from tests.beds.mesh.bed import Mesh
from tests.beds.mesh.injector import Injector
from tests.beds.mesh.show import Edge, Frame, Rules

EQUAL, TENTH, STRICT = show.TOUR
STEP_SECONDS = 300
CALLS = 50


@pytest.fixture(scope="module")
def frames(mesh: Mesh, injector: Injector) -> list[Frame]:
    """What is shown on a tour through the rules; each step lasts until enough calls were seen."""
    del injector  # it injects the shop
    seen: list[Frame] = []
    steps = list(show.TOUR)
    with show.running_shop(mesh, f"shop-{secrets.token_hex(3)}") as namespace:
        for frame in show.frames(mesh, namespace, lambda _: steps[0] if steps else None):
            seen.append(frame)
            assert frame.seconds < STEP_SECONDS, f"too few calls:\n{show.table(frame)}"
            if _says_enough(frame):
                steps.pop(0)
    return seen


def test_injected_callers_are_seen_with_mutual_tls_and_their_names(frames: list[Frame]) -> None:
    seen = _edges(frames, EQUAL)
    calls = {(edge.caller, edge.server, edge.version) for edge in seen if edge.security == "TLSv1.3"}
    assert calls == {
        ("web", "catalog", "v1"),
        ("web", "catalog", "v2"),
        ("web", "cart", "v3"),
        ("cart", "store", ""),
        ("payments", "store", ""),
    }
    assert all(edge.identity.endswith(f"/sa/{edge.caller}") for edge in seen if edge.security != show.PLAIN)


def test_the_bridge_has_no_sidecar_and_is_answered_in_plain_text(frames: list[Frame]) -> None:
    plain = {edge for edge in _edges(frames, EQUAL) if edge.security == show.PLAIN}
    assert {(edge.caller, edge.server, edge.outcome) for edge in plain} == {
        ("legacy-bridge", "catalog", "200")
    }
    assert not any(edge.identity for edge in plain)


def test_under_strict_its_plain_text_is_refused_and_all_else_goes_on(frames: list[Frame]) -> None:
    last = frames[-1]
    assert last.rules == STRICT
    plain = {edge for edge in last.counts if edge.security == show.PLAIN}
    assert {(edge.caller, edge.outcome) for edge in plain} == {("legacy-bridge", show.REFUSED)}
    assert not any(show.REFUSED in edge.outcome for edge in _edges(frames, EQUAL) | _edges(frames, TENTH))
    assert ("web", "catalog") in {(edge.caller, edge.server) for edge in last.counts}


def test_the_shares_of_the_catalog_follow_the_rule(frames: list[Frame]) -> None:
    for rules in (EQUAL, TENTH):
        last = [frame for frame in frames if frame.rules == rules][-1]
        calls = _catalog(last)
        total, share = sum(calls.values()), rules.share / 100
        # Within 5 standard deviations: a right split fails once in a million runs.
        assert abs(calls.get("v2", 0) - total * share) <= 5 * math.sqrt(total * share * (1 - share))


def test_without_a_terminal_each_step_is_printed_once(frames: list[Frame]) -> None:
    with redirect_stdout(io.StringIO()) as printed:
        show.print_steps(frames)
    text = printed.getvalue()
    assert [text.count(str(rules)) for rules in show.TOUR] == [1, 1, 1]
    assert text.count("caller's certificate") == len(show.TOUR)
    assert text.index(show.REFUSED) > text.index(str(STRICT))


def _says_enough(frame: Frame) -> bool:
    """Whether the step may end: calls to count, of everybody, and none any more by the rules before."""
    callers = {edge.caller for edge in frame.counts}
    let_in = any(edge.security == show.PLAIN and edge.outcome != show.REFUSED for edge in frame.counts)
    return (
        sum(_catalog(frame).values()) >= CALLS
        and callers >= {"cart", "payments", "legacy-bridge"}
        and let_in == (frame.rules.mode == "PERMISSIVE")
    )


def _catalog(frame: Frame) -> Counter[str]:
    """Return how often the web asked each version of the catalog."""
    asked = Counter[str]()
    for edge, count in frame.counts.items():
        if (edge.caller, edge.server) == ("web", "catalog"):
            asked[edge.version] += count
    return asked


def _edges(frames: list[Frame], rules: Rules) -> set[Edge]:
    return {edge for frame in frames if frame.rules == rules for edge in frame.counts}
