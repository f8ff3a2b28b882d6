"""The small readers of annotation values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.profiles.istio.syntax import boolean_token, cidr_list, interface_list, port, port_list

TRUE = ("1", "t", "T", "TRUE", "true", "True")
FALSE = ("0", "f", "F", "FALSE", "false", "False")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((word, True) for word in TRUE),
        *((word, False) for word in FALSE),
        ("yes", None),
        ("", None),
        ("tRUE", None),
    ],
)
def test_a_boolean_token_is_one_of_twelve_words(text: str, expected: bool | None) -> None:
    assert boolean_token(text) is expected


@given(st.integers(0, 65535), st.sampled_from(["", " ", "\t", "\n", "\u00a0", "\u2003"]))
def test_a_port_may_have_blanks_around_it(number: int, blank: str) -> None:
    assert port(f"{blank}{number}{blank}") == number


@pytest.mark.parametrize("text", ["\x1c80", "\x1f80", "80\u200b", "8 0", "65536", "9" * 5000])
def test_what_go_does_not_trim_is_no_port(text: str) -> None:
    assert port(text) is None


@given(st.lists(st.integers(0, 65535)))
def test_a_port_list_is_read_in_its_order(ports: list[int]) -> None:
    assert port_list(" , ".join(map(str, ports))) == ports


@pytest.mark.parametrize(
    ("text", "expected"), [("", []), ("10.0.0.0/8", ["10.0.0.0/8"]), ("10.0.0.0/8,", None)]
)
def test_a_cidr_list_keeps_its_texts(text: str, expected: list[str] | None) -> None:
    assert cidr_list(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("", []), (" a , b ", ["a", "b"]), ("a,", None)])
def test_an_interface_list_is_trimmed(text: str, expected: list[str] | None) -> None:
    assert interface_list(text) == expected
