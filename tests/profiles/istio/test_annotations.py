"""Annotation values: accepted and refused as upstream's kube-inject does, and stricter without quirks."""

from __future__ import annotations

import pytest

from injector.profiles.istio.annotations import ANNOTATIONS, LABELS, validate

TRAFFIC = "traffic.sidecar.istio.io/"
SIDECAR = "sidecar.istio.io/"
READINESS = "readiness.status.sidecar.istio.io/"
PORT = "status.sidecar.istio.io/port"
PROXY_CONFIG = "proxy.istio.io/config"
MERGE = "prometheus.istio.io/merge-metrics"
INTERFACES = (
    f"{TRAFFIC}excludeInterfaces",
    f"{TRAFFIC}kubevirtInterfaces",
    "istio.io/reroute-virtual-interfaces",
)
RESOURCES = tuple(f"{SIDECAR}proxy{name}" for name in ("CPU", "Memory", "CPULimit", "MemoryLimit"))
PROBES = tuple(f"{READINESS}{name}" for name in ("initialDelaySeconds", "periodSeconds", "failureThreshold"))

ACCEPTED: list[tuple[str, tuple[str, ...]]] = [
    (f"{SIDECAR}interceptionMode", ("REDIRECT", "TPROXY", "NONE")),
    (PORT, ("0", "65535", " 5 ", "5\n", "\t5", "007")),
    *((key, ("0", "2147483647", "007")) for key in PROBES),
    (
        f"{TRAFFIC}includeOutboundIPRanges",
        ("*", "", "10.0.0.0/8", "10.0.0.0/8,fd00::/8", "10.0.0.1/8", "::ffff:1.2.3.4/100", "::/0"),
    ),
    (f"{TRAFFIC}excludeOutboundIPRanges", ("", "10.0.0.0/8")),
    (f"{TRAFFIC}includeInboundPorts", ("*", "", " ", "80", "80,90", " 80 , 90 ", "0")),
    (f"{TRAFFIC}excludeInboundPorts", ("", "80", " ", "0")),
    (f"{TRAFFIC}excludeOutboundPorts", ("", "80")),
    *((key, ("", "eth0", "eth0,net1", " eth0 , net1 ", "a" * 15, "a_b.c-d", "eth0\n")) for key in INTERFACES),
    (MERGE, ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")),
    *(
        (key, ("100m", "128Mi", "2", "1Gi", "-1", "1e3", "0", "1E", ".5", "5.", "+5", "1k"))
        for key in RESOURCES
    ),
    (
        PROXY_CONFIG,
        ("", "{}", "# nothing", "concurrency: 3", '{"concurrency": 3}', "unknown: 1", "status_port: 15021"),
    ),
]

REFUSED: list[tuple[str, tuple[str, ...]]] = [
    (f"{SIDECAR}interceptionMode", ("redirect", "", " NONE")),
    (PORT, ("65536", "-1", "+5", "", "a", "0x10", "1_0", "\uff15")),
    *((key, ("4294967296", "-1", " 5", "+5", "", "a", "1_0", "\u0663", "5.0")) for key in PROBES),
    (
        f"{TRAFFIC}includeOutboundIPRanges",
        (
            *(
                "10.0.0.1",
                "10.0.0.0/8, 10.0.0.0/8",
                ",",
                "10.0.0.0/8,",
                "*,10.0.0.0/8",
                "10.0.0.0/33",
                "10.0.0.0/",
            ),
            *("010.0.0.0/8", "10.0.0.0/08", "10.0.0.0/255.0.0.0", "fe80::1%eth0/64", "10.0.0.0/+8", " *"),
            *("1.2.3/8", "10.0.0.0/-1", "10.0.0.0/8/8"),
        ),
    ),
    (f"{TRAFFIC}excludeOutboundIPRanges", ("*", "a")),
    (f"{TRAFFIC}includeInboundPorts", (" * ", "80,", ",", "80,,90", "65536", "-1", "a", "*,80")),
    (f"{TRAFFIC}excludeInboundPorts", ("*", "80,")),
    (f"{TRAFFIC}excludeOutboundPorts", ("*", "80,")),
    *((key, ("0eth", "a" * 16, "a b", "a,", ",", "\u00e9", "eth0,,a", " ")) for key in INTERFACES),
    (MERGE, ("tRue", "", "yes", " true")),
    *(
        (key, ("", "invalid", "1\n", "1\r", "1\t", "1\0", "1\x7f", "1\x85", "1 ", " 1", "1ki"))
        for key in RESOURCES
    ),
    (
        PROXY_CONFIG,
        (
            "concurrency: x",
            "[]",
            "a",
            "a: {",
            "statusPort: 0",
            "drainDuration: 1.5s",
            "proxyMetadata: {a: 1}",
        ),
    ),
]

STRICT_ACCEPTED: list[tuple[str, tuple[str, ...]]] = [
    (f"{SIDECAR}nativeSidecar", ("true", "false")),
    (f"{TRAFFIC}includeOutboundPorts", ("", "80", "80, 90")),
    (f"{SIDECAR}logLevel", ("", "trace", "warning", "off")),
    (f"{SIDECAR}componentLogLevel", ("", "misc:error", "misc:error,upstream:debug")),
    (f"{SIDECAR}agentLogLevel", ("", "default:info", "info", "ads:debug,default:info", "all:none")),
    (f"{SIDECAR}userVolume", ("{}", '{"a": {"emptyDir": {}}}')),
    (f"{SIDECAR}userVolumeMount", ('{"a": {"mountPath": "/a"}}',)),
    ("apm.datadoghq.com/env", ("{}", '{"A": "b", "C": 1}')),
    (f"{SIDECAR}proxyImage", ("a/b:c", "noslash")),
    (f"{SIDECAR}proxyImageType", ("", "distroless", "default")),
    (f"{SIDECAR}bootstrapOverride", ("my-map", "my.map")),
]

STRICT_REFUSED: list[tuple[str, tuple[str, ...]]] = [
    (f"{SIDECAR}nativeSidecar", ("maybe", "", "True", "1")),
    (f"{TRAFFIC}includeOutboundPorts", ("*", 'a"b', "80,", "65536")),
    (f"{SIDECAR}logLevel", ("loud", "info ", 'info"')),
    (f"{SIDECAR}componentLogLevel", ("error", "misc:loud", "misc:error,", ":error", "a b:error")),
    (f"{SIDECAR}agentLogLevel", ("loud", "default:loud", "default:info,", ":info")),
    (f"{SIDECAR}userVolume", ("", "[]", '[{"name": "a"}]', "{", '{"a": "b"}', "[" * 100_000)),
    (f"{SIDECAR}userVolumeMount", ("[]", '{"a": 1}')),
    ("apm.datadoghq.com/env", ("[]", "A=b")),
    (f"{SIDECAR}proxyImage", ("a/b c", "a/b\n")),
    (f"{SIDECAR}proxyImageType", ("a b", 'x"')),
    (f"{SIDECAR}bootstrapOverride", ("", "My", "a/b", "a..b", "a" * 254)),
]


def flat(table: list[tuple[str, tuple[str, ...]]]) -> list[tuple[str, str]]:
    return [(key, value) for key, values in table for value in values]


def shown(value: object) -> str:
    return ascii(value)[:30]


@pytest.mark.parametrize("quirks", [True, False])
@pytest.mark.parametrize(("key", "value"), flat(ACCEPTED), ids=shown)
def test_what_upstream_accepts_is_accepted(key: str, value: str, quirks: bool) -> None:
    assert validate({key: value}, quirks=quirks) == []


@pytest.mark.parametrize("quirks", [True, False])
@pytest.mark.parametrize(("key", "value"), flat(REFUSED), ids=shown)
def test_what_upstream_refuses_is_refused(key: str, value: str, quirks: bool) -> None:
    (error,) = validate({key: value}, quirks=quirks)
    assert error.key == key
    assert key in error.where
    assert "expected" in error.message
    assert error.hint


@pytest.mark.parametrize(("key", "value"), flat(STRICT_ACCEPTED), ids=shown)
def test_the_stricter_rules_accept_what_works(key: str, value: str) -> None:
    assert validate({key: value}, quirks=False) == []


@pytest.mark.parametrize(("key", "value"), flat(STRICT_REFUSED), ids=shown)
def test_the_stricter_rules_hold_without_quirks_only(key: str, value: str) -> None:
    assert validate({key: value}, quirks=True) == []
    (error,) = validate({key: value}, quirks=False)
    assert error.key == key


@pytest.mark.parametrize(
    ("key", "with_quirks", "without"),
    [
        (f"{TRAFFIC}includeOutboundIPRanges", "includeIPRanges", "includeIPRanges"),
        (f"{TRAFFIC}excludeOutboundIPRanges", "excludeIPRanges", "excludeIPRanges"),
        (f"{TRAFFIC}includeInboundPorts", "includeInboundPorts", "includeInboundPorts"),
        (f"{TRAFFIC}excludeInboundPorts", "excludeInboundPorts", "excludeInboundPorts"),
        (f"{TRAFFIC}excludeOutboundPorts", "excludeOutboundPorts", "excludeOutboundPorts"),
        # Q25
        (PORT, "excludeInboundPorts", "statusPort"),
    ],
)
def test_a_message_names_the_parameter_as_upstream_does(key: str, with_quirks: str, without: str) -> None:
    messages = [validate({key: "wrong"}, quirks=quirks)[0].message for quirks in (True, False)]
    assert [
        f"{name} invalid: " in message for name, message in zip((with_quirks, without), messages, strict=True)
    ] == [
        True,
        True,
    ]


def test_all_violations_come_at_once() -> None:
    annotations = {
        PORT: "x",
        f"{TRAFFIC}includeInboundPorts": "y",
        PROXY_CONFIG: "statusPort: 0\nproxyAdminPort: 0",
    }
    errors = validate(annotations, quirks=True)
    assert sorted(error.key for error in errors) == sorted(
        [PORT, f"{TRAFFIC}includeInboundPorts", *[PROXY_CONFIG] * 2]
    )


def test_annotations_without_rule_may_say_anything() -> None:
    free = {
        entry.key: "\0'\"{{ }}"
        for entry in ANNOTATIONS
        if not (entry.check or entry.strict) and entry.key != PROXY_CONFIG
    }
    assert validate(free | {"example.com/other": "x"}, quirks=False) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (PROXY_CONFIG, "proxyMetadata: {X: [SECRET]}"),
        (PROXY_CONFIG, "SECRET"),
        (PROXY_CONFIG, "{SECRET: 1, SECRET: 2}"),
        (PROXY_CONFIG, "SECRET: ["),
        (PROXY_CONFIG, "discoveryAddress: SECRET"),
        (PROXY_CONFIG, "interceptionMode: SECRET"),
        (PROXY_CONFIG, "tracing: {customTags: {x: [SECRET]}}"),
        (f"{SIDECAR}userVolume", '["SECRET"]'),
        (f"{SIDECAR}userVolumeMount", '{"SECRET": 1}'),
        ("apm.datadoghq.com/env", '["SECRET"]'),
    ],
)
def test_free_text_is_never_repeated(key: str, value: str) -> None:
    for error in validate({key: value}, quirks=False):
        assert "SECRET" not in str(error) + error.hint
    assert validate({key: value}, quirks=False)


def test_no_value_is_repeated_and_the_message_is_one_line() -> None:
    (error,) = validate({f"{TRAFFIC}excludeInboundPorts": "hunter2\nhunter3"}, quirks=False)
    assert "hunter" not in f"{error} {error.hint}"
    assert "\n" not in error.message


def test_a_wrong_line_of_the_proxy_configuration_is_counted() -> None:
    (error,) = validate({PROXY_CONFIG: "concurrency: 1\nstatusPort: [\n"}, quirks=False)
    assert "(line 3 of the value)" in error.message


def test_the_catalogue_has_each_key_once_with_a_sentence() -> None:
    for entries in (ANNOTATIONS, LABELS):
        assert len({entry.key for entry in entries}) == len(entries)
        for entry in entries:
            assert entry.effect.endswith(".")
            assert all((entry.type, entry.who, entry.default, entry.accepts))


def test_an_entry_that_can_be_refused_says_what_is_accepted() -> None:
    for entry in ANNOTATIONS:
        if entry.check or entry.strict:
            assert entry.accepts != "any text"
