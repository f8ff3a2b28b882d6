"""The types of scalars and keys.

The values of both tables are what sigs.k8s.io/yaml 1.6 (YAMLToJSON) gives for ``v: <scalar>``
and ``? <key>``.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from injector.yamltext import YamlError, dump, load_text

KUBERNETES: list[tuple[str, Any]] = [
    ("1e3", 1000),
    ("1493e89", 1493e89),
    ("12E+5", 1200000),
    ("1.e3", 1000),
    ("1E-3", 0.001),
    ("+.5", 0.5),
    (".5", 0.5),
    (".5_0", 0.5),
    (".5_", ".5_"),
    ("._5", "._5"),
    (".e3", ".e3"),
    ("1.0", 1),
    ("-0.0", 0),
    ("1_.5", 1.5),
    ("1e_3", 1000),
    ("1.2.3", "1.2.3"),
    ("0o14", 12),
    ("0O17", 15),
    ("0o8", "0o8"),
    ("012", 10),
    ("0777", 511),
    ("0_7", 7),
    ("00", 0),
    ("08", 8),
    ("09", 9),
    ("0x1F", 31),
    ("-0x1F", -31),
    ("0_x1", 1),
    ("0x", "0x"),
    ("0xg", "0xg"),
    ("0x1p4", "0x1p4"),
    ("0b101", 5),
    ("0B1", 1),
    ("0b-1", -1),
    ("-0b-1", "-0b-1"),
    ("1_000", 1000),
    ("-_1", -1),
    ("_1", "_1"),
    ("1,000", "1,000"),
    ("٣", "٣"),
    ("18446744073709551615", 18446744073709551615),
    ("0xffffffffffffffff", 18446744073709551615),
    ("-0xffffffffffffffff", "-0xffffffffffffffff"),
    ("0x1ffffffffffffffff", "0x1ffffffffffffffff"),
    ("07777777777777777777777777777", 7.777777777777777777777777777e27),
    ("1e-400", 0),
    ("1e400", "1e400"),
    (".5e400", ".5e400"),
    ("1" * 400, "1" * 400),
    ("1:20", "1:20"),
    ("190:20:30", "190:20:30"),
    ("2001-01-01", "2001-01-01"),
    ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
    ("=", "="),
    ("<<", "<<"),
    ("~", None),
    ("null", None),
    ("Null", None),
    ("NULL", None),
    ("nUll", "nUll"),
    ("", None),
    *[(word, True) for word in ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")],
    *[(word, False) for word in ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")],
    ("tRue", "tRue"),
    ("oN", "oN"),
    ("!!str 12", "12"),
    ("!!str", ""),
    ('!!int "12"', 12),
    ("!!int 0b11", 3),
    ("!!float 3", 3),
    ("!!float '1e3'", 1000),
    ("!!bool yes", True),
    ("!!null ''", None),
    ("!!binary aGk=", "hi"),
    ("!!timestamp 2001-01-01", "2001-01-01"),
    ("!mine 12", "12"),
    ("! 12", "12"),
]

KEYS = [
    ("1", "1"),
    ("0777", "511"),
    ("0x10", "16"),
    ("true", "true"),
    ("y", "true"),
    ("off", "false"),
    ("1.5", "1.5"),
    ("1.20", "1.2"),
    ("-1.5", "-1.5"),
    ("1e3", "1000"),
    ("1e6", "1e+06"),
    ("123456.0", "123456"),
    ("1234567.0", "1.234567e+06"),
    ("16777217.0", "1.6777216e+07"),
    ("1e20", "1e+20"),
    ("0.0001", "0.0001"),
    ("0.00001", "1e-05"),
    ("3.14159265358979", "3.1415927"),
    ("=", "="),
]

# What the study of other injectors found PyYAML to write or read otherwise than Kubernetes, and
# what is safe already.
TRAPS = [
    "1e3", "1493e89", "12E+5", "1.e3", "+.5", "0o14", "08", "09", "y", "Y", "n", "N", "1:20", "190:20:30",
    "=", "<<", "1.0", "2001-01-01", "yes", "on", "off", "true", "012", "0x1F", "1_000", "null", "~",
    "190:20:30.5", "0b-1", "-_1", "1_", ".5_0", "+0b1", "0X1f", ".inf", "-.Inf", ".NaN",
    "2001-12-14t21:59:43.10-05:00", "-0", "+1", "1e400", "18446744073709551616", "False", "NO",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), KUBERNETES)
def test_a_plain_scalar_has_the_type_that_kubernetes_gives_it(text: str, value: Any) -> None:
    read = load_text(f"v: {text}", "f")["v"]
    assert (value, type(value) is bool, isinstance(value, str)) == (
        read,
        type(read) is bool,
        isinstance(read, str),
    )


@pytest.mark.parametrize(
    ("text", "value"), [("1.0", int), ("1e18", int), ("1e21", float), ("1.2345678901234567e19", float)]
)
def test_a_number_without_fraction_is_an_integer_where_its_digits_say_all(text: str, value: type) -> None:
    read = load_text(text, "f")
    assert (float(text), value) == (read, type(read))


@pytest.mark.parametrize("text", ["18446744073709551616", "-9223372036854775809", "1" * 300])
def test_an_integer_beyond_64_bits_keeps_its_digits(text: str) -> None:
    assert int(text) == load_text(text, "f")


@pytest.mark.parametrize(("text", "key"), KEYS)
def test_a_key_becomes_the_text_that_kubernetes_makes_of_it(text: str, key: str) -> None:
    assert {key: "v"} == load_text(f"? {text}\n: v", "f")


@pytest.mark.parametrize("text", [".inf", "-.INF", "+.Inf", ".nan", ".NaN", "!!float .inf"])
def test_a_number_that_json_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(YamlError, match="not JSON values"):
        load_text(f"v: {text}", "f")


@pytest.mark.parametrize("text", ["!!int 1.5", "!!null x", "!!bool 1", "!!int ''", "!!float yes", "!!int 08"])
def test_a_tag_that_does_not_fit_its_value_is_refused(text: str) -> None:
    with pytest.raises(YamlError, match="does not fit its tag"):
        load_text(f"v: {text}", "f")


@pytest.mark.parametrize("text", ["null", "~", "[a]", "{a: b}", "9223372036854775808", "1e39"])
def test_a_key_that_kubernetes_does_not_take_is_refused(text: str) -> None:
    with pytest.raises(YamlError, match="key"):
        load_text(f"? {text}\n: v", "f")


_CORE_SCHEMA = re.compile(
    r"|~|null|Null|NULL|true|True|TRUE|false|False|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


def _misleads_somebody(text: str) -> bool:
    try:
        kubernetes = load_text(f"v: {text}", "f")["v"]
    except YamlError:
        return True
    loader: Any = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    return kubernetes != text or tag != "tag:yaml.org,2002:str" or bool(_CORE_SCHEMA.fullmatch(text))


@pytest.mark.parametrize("text", [*TRAPS, *(text for text, _ in KUBERNETES if not re.search("[ !]", text))])
def test_a_string_is_quoted_where_one_of_three_dialects_would_retype_it(text: str) -> None:
    if _misleads_somebody(text):
        assert f'- "{text}"\n' == dump([text])
    assert [text] == load_text(dump([text]), "f") == yaml.safe_load(dump([text]))


@pytest.mark.parametrize(
    "text",
    [
        "10m", "100Mi", "1.27.3", "10.0.0.1/8", "08:30", "8080/TCP", "1h", "yesterday", "nullable", "v1",
        "12ab", "a:b", "2024-01-01-rc1", "--log=info", "$(POD_NAME).svc", "https://a.b/c?d#e", "café", "😀",
    ],
)  # fmt: skip
def test_an_unambiguous_string_is_written_plain(text: str) -> None:
    assert f"{text}\n" == dump(text)
