"""The types of the mesh API: durations, numbers and names as proto JSON has them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.durations import nanoseconds
from injector.profiles.istio.messages import TEXT, UNTYPED, Message
from injector.profiles.istio.protojson import camel_case, duration_text, json_text, number_text


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_duration_survives_its_text(duration: int) -> None:
    assert nanoseconds(duration_text(duration)) == duration


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0.0, "0"),
        (0.1, "0.1"),
        (100.0, "100"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (99.99999999999999, "99.99999999999999"),
        (123456789012345678901234567890.0, "1.2345678901234568e+29"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (-2.5, "-2.5"),
    ],
)
def test_a_number_is_written_as_go_writes_it(number: float, expected: str) -> None:
    assert number_text(number) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_its_text(number: float) -> None:
    assert float(json.loads(number_text(number))) == number


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_the_text_is_json_of_the_same_tree(tree: object) -> None:
    written = json_text(tree)
    assert json.loads(written) == tree
    assert not set(written) & set("<>&\u2028\u2029")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("proxy_admin_port", "proxyAdminPort"),
        ("k8s_sa_jwt_path", "k8sSaJwtPath"),
        ("x_forwarded_host", "xForwardedHost"),
        ("preserve_http1_header_case", "preserveHttp1HeaderCase"),
        ("mesh_mTLS", "meshMTLS"),
        ("enable_64bit_trace_id", "enable64bitTraceId"),
        ("image", "image"),
    ],
)
def test_a_json_name_is_the_proto_name_in_camel_case(name: str, expected: str) -> None:
    assert camel_case(name) == expected


def test_only_an_open_message_keeps_unknown_fields() -> None:
    raw = {"known_field": "a", "other": 1, "gone": None}
    assert Message({"known_field": TEXT}).read(raw, "x") == {"knownField": "a"}
    assert Message({"known_field": TEXT}, open=True).read(raw, "x") == {"knownField": "a", "other": 1}


def test_an_untyped_field_is_kept_as_it_is() -> None:
    assert Message({"some_field": UNTYPED}).read({"some_field": [1, None]}, "x") == {"someField": [1, None]}
