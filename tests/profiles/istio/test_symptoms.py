"""Which lines of agent, Envoy and init containers name which cause, and which look like it and do not.

The lines are written here after the formats that the programs use; the cluster tests hold the same
patterns against what the programs really say.
"""

from __future__ import annotations

import re

import pytest

from injector.core.diagnosis import causes
from injector.core.diagnosis.containers import Log
from injector.core.diagnosis.diagnoses import PodObservation, diagnose
from injector.core.model import Decision, Reason
from injector.profiles.istio.symptoms import SYMPTOMS
from tests.profiles.istio.living import PROFILE, a_pod

TIME = "2026-08-27T12:45:20.123456Z"
WARM = (
    f"{TIME}\twarn\tsds\tfailed to warm certificate: failed to generate workload certificate: "
    "create certificate: "
)
STREAM = (
    f"{TIME}\twarning\tenvoy config external/envoy/source/grpc_stream.h:226\t"
    "DeltaAggregatedResources gRPC config stream to xds-grpc closed since 31s ago: "
)
DIAL = 'connection error: desc = "transport: Error while dialing: dial tcp'
TLS = (
    'connection error: desc = "transport: authentication handshake failed: '
    "tls: failed to verify certificate: "
)
UNKNOWN_ROOT = "x509: certificate signed by unknown authority"
NOT_READY = f"{TIME}\twarn\tEnvoy proxy is NOT ready: config "
CONNECTED = (
    f"{TIME}\tinfo\txdsproxy\tconnected to delta upstream XDS server: istiod.istio-system.svc:15012\tid=1"
)


def verdict(*lines: str, container: str = "istio-proxy") -> str:
    """The word of the first cause for a pod whose container logged these lines."""
    seen = PodObservation(a_pod(container), logs=(Log(container, lines),))
    decision = Decision(Reason.ON_BY_DEFAULT)
    return diagnose(seen, decision, PROFILE, ()).causes[0].type.id


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (WARM + "rpc error: code = Unauthenticated desc = request authenticate failure", "token-audience"),
        (
            f"{TIME}\twarn\txdsproxy\tupstream terminated with unexpected error rpc error: "
            "code = Unauthenticated desc = authentication failure\tid=2",
            "token-audience",
        ),
        (f"{TIME}\twarn\ttoken\tfailed to fetch token from file: open x: no such file", "token-missing"),
        (WARM + f'rpc error: code = Unavailable desc = "{TLS}{UNKNOWN_ROOT}"', "trust-root"),
        (STREAM + f"14, {TLS}x509: certificate signed by unknown authority\tthread=14", "trust-root"),
        (WARM + f"{TLS}x509: certificate is valid for a.b, not c.d", "control-plane-name"),
        (WARM + f"{TLS}x509: certificate has expired or is not yet valid: current", "control-plane-name"),
        (
            "Error: failed to start xds proxy: failed to find root CA cert for XDS: "
            "root CA file for XDS does not exist var/run/secrets/istio/root-cert.pem",
            "trust-root-missing",
        ),
        (f"{TIME}\tfatal\tinvalid config - istiod:15012 missing a root certificate x", "trust-root-missing"),
        (STREAM + f"14, {DIAL} 10.96.0.1:15012: connect: connection refused", "control-plane-unreachable"),
        (STREAM + f"14, {DIAL}: lookup istiod on 10.96.0.10:53: no such host", "control-plane-unreachable"),
        (WARM + f"rpc error: {DIAL} 1.2.3.4:15012: i/o timeout", "control-plane-unreachable"),
        (
            f"{TIME}\terror\txdsproxy\tfailed to connect to upstream istiod:15012: context deadline exceeded",
            "control-plane-unreachable",
        ),
        (STREAM + "7, authorization failed: no identities ([spiffe://a/ns/b/sa/c]) matched d/e", "identity"),
        (
            NOT_READY + "received from XDS server, but was rejected: cds updates: 1",
            "configuration-rejected",
        ),
        (
            'Error: failed to listen on unix socket "./etc/istio/proxy/XDS": no such file',
            "socket-not-writable",
        ),
        (
            '{"level":"warn","time":"x","msg":"failed to warm certificate: code = Unauthenticated"}',
            "token-audience",
        ),
    ],
)
def test_a_line_of_the_agent_or_of_envoy_names_its_cause(line: str, word: str) -> None:
    assert verdict(f"{TIME}\tinfo\tFLAG: --concurrency=0", line) == word


@pytest.mark.parametrize(
    "line",
    [
        # What a client sent, in an access log; and what the pod's author wrote, in a configuration shown.
        f'[2026-08-27T12:45:20.123Z] "GET /failed to warm?{UNKNOWN_ROOT}" 503',
        f"  note: {WARM}code = Unauthenticated",
        f"{TIME}\tinfo\tEffective config: failed to warm: connection refused",
        # The application's own refusal is not the control plane's.
        f"{TIME}\terror\tsomething\tdial tcp 127.0.0.1:8080: connect: connection refused",
        NOT_READY + "not received from XDS server (is Istiod running?)",
    ],
)
def test_lines_that_are_no_complaint_of_theirs_name_nothing(line: str) -> None:
    assert verdict(line) == "unknown"


def test_a_symptom_that_ended_before_the_last_lines_is_not_a_cause() -> None:
    refused = STREAM + f"14, {DIAL} 10.96.0.1:15012: connect: connection refused"
    assert verdict(refused, CONNECTED) == "unknown"
    assert verdict(CONNECTED, refused) == "control-plane-unreachable"
    signed = f"{TIME}\tinfo\tcache\tgenerated new workload certificate\tresourceName=default"
    assert verdict(WARM + "code = Unauthenticated", signed) == "unknown"


def test_without_lines_of_envoy_the_agents_lines_give_the_cause() -> None:
    begin = f'{TIME}\tinfo\txdsproxy\tInitializing with upstream address "a.b:15012" and cluster "x"'
    refused = STREAM + f"14, {DIAL} 10.96.0.1:15012: connect: connection refused"
    assert verdict(begin) == "control-plane-not-connected"
    assert verdict(begin, refused) == "control-plane-unreachable"
    assert verdict(begin, CONNECTED) == "unknown"


def test_a_wrong_root_certificate_comes_before_a_failed_connection() -> None:
    refused = STREAM + f"14, {DIAL} 10.96.0.1:15012: connect: connection refused"
    root = STREAM + f"14, {TLS}x509: certificate signed by unknown authority"
    assert verdict(root, refused) == "trust-root"


@pytest.mark.parametrize(
    ("container", "line", "word"),
    [
        (
            "istio-validation",
            "iptables validation failed; workload is not ready for Istio.",
            "redirection-missing",
        ),
        (
            "istio-init",
            "iptables binary iptables has no loaded kernel support and cannot be used: "
            "Permission denied (you must be root)",
            "redirection-forbidden",
        ),
        ("istio-init", "Table does not exist (do you need to insmod?)", "redirection-unsupported"),
        # Said by another container these words mean something else.
        ("istio-proxy", "Permission denied", "unknown"),
    ],
)
def test_the_logs_of_init_containers_give_the_cause_of_a_failed_redirect(
    container: str, line: str, word: str
) -> None:
    assert verdict(line, container=container) == word


def test_exit_code_126_of_the_validation_is_enough() -> None:
    seen = PodObservation(a_pod("istio-validation", code=126))
    (first, *_) = diagnose(seen, Decision(Reason.ON_BY_DEFAULT), PROFILE, ()).causes
    assert first.type.id == "redirection-missing"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("Request to probe app failed: connection refused, original URL path = /", "application-probe"),
        ("Prober does not exists url /app-health/web/readyz", "probe-unknown"),
    ],
)
def test_the_log_of_a_ready_sidecar_gives_the_cause_of_a_failed_application_probe(
    line: str, word: str
) -> None:
    seen = PodObservation(a_pod("web"), logs=(Log("istio-proxy", (f"{TIME}\terror\t{line}",)),))
    (first, *_) = diagnose(seen, Decision(Reason.ON_BY_DEFAULT), PROFILE, ()).causes
    assert first.type.id == word


def test_the_rows_have_words_of_their_own_and_patterns_that_compile() -> None:
    rows = [*causes.BEFORE, *(s.cause_type for s in SYMPTOMS), *causes.AFTER]
    assert len({row.id for row in rows}) == len(rows)
    assert all(re.compile(p) for s in SYMPTOMS for p in (*s.lines, s.over))
    assert all(not s.cause_type.follows for s in SYMPTOMS)


def test_a_long_line_costs_no_time() -> None:
    assert verdict(f"{TIME}\twarn\t" + "xds-grpc certificate " * 5000) == "unknown"
