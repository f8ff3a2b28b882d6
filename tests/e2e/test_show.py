"""The demo shows the shop as it is: who calls whom, which version, over which TLS, under which rules."""

from __future__ import annotations

import io
import math
import secrets
from contextlib import redirect_stdout

import pytest
from mesh import show
from mesh.bed import Mesh
from mesh.injector import Injector
from mesh.show import Edge, Frame, Rules

TIME_LIMIT = 400
TOUR_SECONDS = 45
EQUAL, TENTH, STRICT = show.TOUR


@pytest.fixture(scope="module")
def frames(mesh: Mesh, injector: Injector) -> list[Frame]:
    """What the tour through the rules shows, second by second."""
    with show.running_shop(mesh, f"shop-{secrets.token_hex(3)}") as namespace:
        return list(show.frames(mesh, namespace, show.tour(TOUR_SECONDS)))


@pytest.mark.timeout(TIME_LIMIT)
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
        calls = {
            edge.version: count
            for edge, count in last.counts.items()
            if (edge.caller, edge.server) == ("web", "catalog")
        }
        total, share = sum(calls.values()), rules.share / 100
        assert total > 20
        # Within 5 standard deviations: a right split fails once in a million runs.
        assert abs(calls.get("v2", 0) - total * share) <= 5 * math.sqrt(total * share * (1 - share))


def test_without_a_terminal_a_frame_is_printed_when_something_changes(frames: list[Frame]) -> None:
    with redirect_stdout(io.StringIO()) as printed:
        show.print_changes([*frames, *[frames[-1]] * 5])
    text = printed.getvalue()
    assert all(str(rules) in text for rules in show.TOUR)
    assert text.count("caller's certificate") < len(frames)
    assert show.REFUSED in text


def _edges(frames: list[Frame], rules: Rules) -> set[Edge]:
    return {edge for frame in frames if frame.rules == rules for edge in frame.counts}
