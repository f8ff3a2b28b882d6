"""What is read by the text of an outline is what the digest of the outline tells."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from injector.server.outline import OutlinedReview
from injector.server.outline_text import beginning
from injector.server.outlines import Outlines, _pieces
from injector.server.review_texts import objects_beside_fields
from tests.server.beside import Beside, body_of, unhurried
from tests.server.outlining import Bodies, learn, noted, outlined, outlining
from tests.server.plan_places import at, review_with, rich

PATH = "/inject"
BODY = body_of(review_with(rich()))
OTHERS = [
    b"",
    b'"',
    b"\\",
    b'\\"',
    b"\xc3\xa9",
    b"kube-api-access-zzzzz",
    b'"a":"b",',
    b"{",
    b"}",
    b" ",
    b"x",
]


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


def outlines_of(both: Beside) -> Outlines:
    return both.cached._admissions._plans.outlines


def known() -> Outlines:
    with unhurried():
        both = outlining()
        both.ask(BODY)
    return outlines_of(both)


KNOWN = known()


def both_ways(body: bytes) -> tuple[OutlinedReview | None, object]:
    rules = KNOWN._rules
    assert rules is not None
    text, fields = KNOWN._without_fields(body.decode())
    begins = beginning(text, PATH, objects_beside_fields(body))
    by_digest = KNOWN._by_digest(_pieces(text, fields), begins, PATH, 10.0, rules)
    return KNOWN._texts.find(text, begins, 10.0, rules), by_digest


def test_a_known_text_is_read() -> None:
    by_text, by_digest = both_ways(BODY)
    assert isinstance(by_text, OutlinedReview)
    assert by_text == by_digest


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(BODY)), st.integers(0, 3), st.sampled_from(OTHERS) | st.binary(max_size=2)
        ),
        max_size=3,
    ),
    st.randoms(use_true_random=False),
)
def test_another_text_is_read_as_its_digest_tells(
    changes: list[tuple[int, int, bytes]], random: Random
) -> None:
    body = bytearray(BODY)
    for at_byte, length, new in changes:
        body[at_byte : at_byte + length] = new
    # Half of the changes are in a text, where they matter least.
    quotes = [place for place, byte in enumerate(body) if byte == ord('"')]
    place = random.choice(quotes)
    body[place + 1 : place + 1 + random.randrange(2)] = random.choice(OTHERS)
    try:
        by_text, by_digest = both_ways(bytes(body))
    except ValueError:
        return
    assert by_text is None or by_text == by_digest


def test_the_path_is_part_of_a_text() -> None:
    rules = KNOWN._rules
    assert rules is not None
    text, _ = KNOWN._without_fields(BODY.decode())
    here, there = (beginning(text, path, objects_beside_fields(BODY)) for path in (PATH, f"{PATH}/net1"))
    assert KNOWN._texts.find(text, here, 10.0, rules) is not None
    assert KNOWN._texts.find(text, there, 10.0, rules) is None


def test_more_texts_that_begin_alike_than_are_kept_are_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: Bodies = noted(monkeypatch)
    bodies = [
        body_of(review_with(at("metadata", "annotations", f"own-{number}")(rich(), "x")))
        for number in range(7)
    ]
    both = outlining()
    for body in bodies:
        learn(both, body)
    for body in bodies * 10:
        assert outlined(parsed, both, body)
    texts = outlines_of(both)._texts
    assert max(len(alike) for alike, _ in texts._texts._young.values()) == 4
    assert 0 < texts.size < 8 * 7 * len(BODY)
