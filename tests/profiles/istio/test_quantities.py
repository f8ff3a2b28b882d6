"""Kubernetes quantities; the expected forms were observed from apimachinery 0.36."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.core.quantities import canonical, parse


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", "0"),
        ("0Ki", "0"),
        ("0e3", "0"),
        ("-0m", "0"),
        ("4000m", "4"),
        ("1024Mi", "1Gi"),
        ("1000Ki", "1000Ki"),
        ("512Ki", "512Ki"),
        ("1048576Ki", "1Gi"),
        ("0.1", "100m"),
        ("1.5", "1500m"),
        (".5", "500m"),
        ("-.5", "-500m"),
        ("1.0", "1"),
        ("1000", "1k"),
        ("1000M", "1G"),
        ("1000P", "1E"),
        ("12E", "12E"),
        ("1E", "1E"),
        ("1500n", "1500n"),
        ("1000n", "1u"),
        ("100000000000000000000n", "100G"),
        ("1e3", "1e3"),
        ("1e4", "10e3"),
        ("1.5e3", "1500"),
        ("1e1", "10"),
        ("100e1", "1e3"),
        ("1e-1", "100e-3"),
        ("1e-7", "100e-9"),
        ("1e20", "100e18"),
        ("1e100", "10e99"),
        ("0.5Ki", "512"),
        ("1.5Ki", "1536"),
        ("1.5Gi", "1536Mi"),
        ("1.0001Ki", "1024102400u"),
        ("-1Gi", "-1Gi"),
        ("0.0000000001", "1n"),
        ("-0.0000000001", "-1n"),
        ("1.0000000001", "1000000001n"),
        ("1e-100", "1e-9"),
        ("0.00000000001Ei", "11529215046068470n"),
        ("8Ei", "9223372036854775807"),
        ("-9Ei", "-9223372036854775807"),
        ("9223372036854775808", "9223372036854775808"),
        # Kept as they are written, because the digits are canonical.
        ("+1", "+1"),
        ("007", "007"),
        ("1.", "1."),
        ("1.250", "1.250"),
        ("0.250", "250m"),
        ("+1000", "1k"),
        ("12E3", "12E3"),
        ("1e03", "1e03"),
        ("+3Ki", "+3Ki"),
        ("+8Ki", "8Ki"),
        ("+1234567890123456789", "1234567890123456789"),
        (2, "2"),
        (1000, "1k"),
        (0.1, "100m"),
        (1.0, "1"),
        (1e16, "10P"),
        (1e-7, "100e-9"),
        (1e21, "1e+21"),
    ],
)
def test_the_canonical_form_is_that_of_kubernetes(value: str | int | float, expected: str) -> None:
    assert canonical(value) == expected


def test_what_has_no_suffix_keeps_its_value_where_kubernetes_loses_it() -> None:
    assert (canonical("1000E"), parse("1000E")) == ("1e21", Decimal(10**21))


@pytest.mark.parametrize(
    "text",
    [
        *("", " 1", "1 ", "1\n", "invalid", "1_0", "1ki", "1K", "12e", "1e3.5", "1.2.3", "1mi", "1i", "1nn"),
        *("0x10", "\u0663", "--1", "+", ".", "m", "Ki", "1e1000", "1" * 65),
    ],
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a quantity|a Kubernetes quantity"):
        parse(text)


@pytest.mark.parametrize("value", [True, float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="quantity"):
        canonical(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("100m", "0.1"), ("1Gi", "1073741824"), ("1e3", "1000"), ("1.5", "1.5"), ("-2k", "-2000")],
)
def test_a_quantity_has_a_value(text: str, expected: str) -> None:
    assert parse(text) == Decimal(expected)


SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "e3", "E-3", "e+2", "e5"]
QUANTITIES = st.builds(
    lambda sign, whole, fraction, suffix: f"{sign}{whole}{fraction}{suffix}",
    st.sampled_from(["", "-", "+"]),
    st.integers(0, 10**15),
    st.sampled_from(["", ".0", ".5", ".250", ".125"]),
    st.sampled_from(SUFFIXES),
)


@given(QUANTITIES)
def test_the_canonical_form_has_the_same_value(text: str) -> None:
    assert parse(canonical(text)) == parse(text)


@given(QUANTITIES)
def test_the_canonical_form_settles(text: str) -> None:
    # Not at once: 12937.5Ki is first written as bytes, and these as 13248k.
    settled = canonical(canonical(text))
    assert canonical(settled) == settled
    assert parse(settled) == parse(canonical(text))


def test_a_fraction_of_a_binary_unit_is_first_written_as_bytes() -> None:
    assert (canonical("12937.5Ki"), canonical("13248000")) == ("13248000", "13248k")
