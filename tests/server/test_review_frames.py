"""A frame tells the key of a replica as a digest of its review does, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from injector.server.review_keys import ReplicaFrame, frame_of, review_of
from tests.server.beside import a_review, body_of, pod_of
from tests.server.replica_reviews import BODY, UID


def frame() -> ReplicaFrame:
    review = review_of(BODY, "/inject")
    assert review is not None
    made = frame_of(BODY, "/inject", review.key)
    assert made is not None
    return made


FRAME = frame()
PLACES = [at for place in (FRAME.uid, *FRAME.times, *FRAME.tokens) for at in range(place.start, place.stop)]


@given(
    st.from_regex(f"[-0-9A-Za-z]{{{len(UID)}}}", fullmatch=True),
    st.from_regex(r"[a-z0-9]{5}", fullmatch=True),
    st.from_regex(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z", fullmatch=True),
)
def test_a_frame_has_the_key_of_every_replica(uid: str, token: str, time: str) -> None:
    body = BODY.replace(b"abcde", token.encode()).replace(b"2026-11-01T12:00:00Z", time.encode())
    body = body.replace(UID.encode(), uid.encode())
    assert FRAME.review(body, "/inject") == review_of(body, "/inject")
    assert FRAME.review(body, "/inject") is not None
    assert FRAME.review(body, "/other") is None


@settings(max_examples=1000)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from(PLACES), st.integers(0, len(BODY))),
            st.one_of(
                st.binary(min_size=1, max_size=3),
                st.sampled_from(
                    [
                        b"kube-api-access-abcde",
                        b"kube-api-access-",
                        b"2026-11-01T12:00:01Z",
                        UID.encode(),
                        b"Z",
                    ]
                ),
            ),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_condition_d_a_frame_and_a_digest_tell_the_same(changes: list[tuple[int, bytes]]) -> None:
    body = bytearray(BODY)
    for at, new in changes:
        body[at : at + len(new)] = new
    changed = bytes(body[: len(BODY)])
    review = FRAME.review(changed, "/inject")
    assert review is None or review == review_of(changed, "/inject")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # A mount with another name than the volume.
        (b'{"name":"kube-api-access-abcde","projected"', b'{"name":"kube-api-access-abcdf","projected"'),
        (b"2026-11-01T12:00:00Z", b"2026-11-01T12:00:0 Z"),
        (b"kube-api-access-abcde", b"kube-api-access-abcd_"),
        (UID.encode(), b'"' + UID.encode()[1:]),
        (b'"app"', b'"apq"'),
    ],
)
def test_condition_d_a_frame_is_for_replicas_alone(old: bytes, new: bytes) -> None:
    changed = BODY.replace(old, new)
    assert changed != BODY
    assert FRAME.review(changed, "/inject") is None


def test_condition_d_a_name_that_stands_elsewhere_is_in_no_frame() -> None:
    review = a_review(token="aaaaa")
    pod_of(review)["metadata"]["annotations"]["own"] = "kube-api-access-bbbbb"
    body = body_of(review)
    read = review_of(body, "/inject")
    assert read is not None
    assert len(read.left_out) == 2, "the time and the name"
    assert frame_of(body, "/inject", read.key) is None


def test_a_uid_that_stands_elsewhere_is_not_looked_up_by_a_frame() -> None:
    uid = pod_of(a_review())["metadata"]["ownerReferences"][0]["uid"]
    made = frame_of(BODY.replace(UID.encode(), b"x" * len(uid)), "/inject", b"key")
    assert made is not None
    body = BODY.replace(UID.encode(), uid.encode())
    assert made.length == len(body)
    assert made.review(body, "/inject") is None
    assert review_of(body, "/inject") is None
