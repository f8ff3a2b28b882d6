"""What agent, Envoy and the init containers log or end with when a pod cannot join the mesh.

Here: patterns over their messages, as data, for the table of causes. Not here: how lines are read
and matched (core.diagnosis.containers).

A pattern begins with the shape of a message of theirs. On the same stream are the access log and
the configuration that the agent prints, whose texts come from clients and pod authors.
"""

from __future__ import annotations

from typing import Final

from injector.core.cause_types import CauseType, Symptom
from injector.profiles.istio.containers import INIT, VALIDATION

# A message that complains: tab-separated, as JSON, or the last word of a command that gives up.
_COMPLAINT: Final = (
    r"(?:\d{4}-[^\t]{5,40}\t(?:warn|warning|error|critical|fatal)\t"
    r'|\{"level":"(?:warn|warning|error|critical|fatal)",'
    r"|Error: )[^\r]*?"
)
_ANY_LEVEL: Final = r'(?:\d{4}-[^\t]{5,40}\t[a-z]+\t|\{"level":"[a-z]+",)[^\r]*?'
# What is said where the agent asks for its certificate, or for the proxy's configuration.
_CERTIFICATE: Final = (
    r"(?:failed to sign|failed to warm|create certificate|failed to get (?:root )?certificate)"
)
_XDS: Final = (
    r"(?:failed to connect to upstream|upstream terminated|xds-grpc|AggregatedResources|discovery failed)"
)
_TALKING: Final = rf"(?:{_CERTIFICATE}|{_XDS})"
_CONNECTED: Final = _ANY_LEVEL + r"connected to (?:delta )?upstream XDS server"
_CERTIFIED: Final = _ANY_LEVEL + r"generated new workload certificate"
# The init containers print what xtables say line by line, without a level; clients do not reach them.
_XTABLES: Final = r"[^\r]*?"


def _complaint(*patterns: str) -> tuple[str, ...]:
    return tuple(_COMPLAINT + pattern for pattern in patterns)


TOKEN_MISSING: Final = Symptom(
    CauseType(
        "token-missing",
        "the sidecar has no token to request its certificate",
        "agent: failed to fetch token from file",
        "check that the pod has the projected volume istio-token and that the sidecar mounts it",
    ),
    _complaint(r"failed to fetch token from file"),
    over=_CERTIFIED,
)
TOKEN_AUDIENCE: Final = Symptom(
    CauseType(
        "token-audience",
        "the control plane rejects the sidecar's token: wrong audience, or issuer of another cluster",
        "agent: Unauthenticated for a certificate request or the configuration stream",
        "compare values.global.sds.token.aud (volume istio-token) with the audience of the control "
        "plane, and the API server's issuer with the one that the control plane trusts",
    ),
    _complaint(
        rf"{_TALKING}[^\r]*?(?:Unauthenticated|request authenticate failure|authentication failure)",
    ),
    over=_CERTIFIED,
)
ROOT_MISSING: Final = Symptom(
    CauseType(
        "trust-root-missing",
        "the sidecar has no trust root for the control plane",
        "agent: root-cert.pem does not exist",
        "check that ConfigMap istio-ca-root-cert (or values.global.trustBundleName) is in the "
        "namespace and volume istiod-ca-cert mounts it",
    ),
    _complaint(
        r"root CA file for (?:XDS|CA) does not exist",
        r"missing a root certificate",
        r"root-cert\.pem[^\r]*?no such file",
    ),
)
ROOT_WRONG: Final = Symptom(
    CauseType(
        "trust-root",
        "the sidecar does not trust the control plane: another root signed its certificate",
        "agent or Envoy: x509 unknown authority for a certificate request or the configuration stream",
        "compare root-cert.pem in ConfigMap istio-ca-root-cert of the pod's namespace with the CA of "
        "the control plane; pods use an old root until they restart",
    ),
    _complaint(
        rf"{_TALKING}[^\r]*?x509: certificate signed by unknown authority",
        r"x509: certificate signed by unknown authority[^\r]*?(?:discovery|istiod|:15012)",
        rf"{_XDS}[^\r]*?CERTIFICATE_VERIFY_FAILED",
    ),
    over=_CONNECTED,
)
NAME_WRONG: Final = Symptom(
    CauseType(
        "control-plane-name",
        "the control plane's certificate has expired, or does not include the address that the sidecar uses",
        "agent: x509 certificate is valid for other names, or has expired",
        "set meshConfig.defaultConfig.discoveryAddress and values.global.caAddress to a name in the "
        "certificate; if it has expired, check the control plane and the clocks",
    ),
    _complaint(
        rf"{_TALKING}[^\r]*?x509: (?:certificate is (?:not )?valid for|cannot validate certificate|"
        r"certificate has expired)",
    ),
    over=_CONNECTED,
)
UNREACHABLE: Final = Symptom(
    CauseType(
        "control-plane-unreachable",
        "the sidecar cannot reach the control plane",
        "agent or Envoy: connection refused, no such host, timeout ... for the discovery or CA address",
        "check that istiod is ready and that the pod resolves its address. Then check "
        "meshConfig.defaultConfig.discoveryAddress, values.global.caAddress and NetworkPolicies. The "
        "sidecar must run as user and group 1337, otherwise its own calls are redirected",
    ),
    _complaint(
        rf"{_TALKING}[^\r]*?(?:connection refused|no such host|i/o timeout|no route to host|"
        r"network is unreachable|deadline exceeded|DeadlineExceeded|server misbehaving|"
        r"produced zero addresses|connection reset|no healthy upstream|connection timeout)",
    ),
    over=_CONNECTED,
)
NOT_CONNECTED: Final = Symptom(
    CauseType(
        "control-plane-not-connected",
        "the sidecar has not connected to the control plane; the reason is not logged yet",
        "agent: Initializing with upstream address, and no line that it connected",
        "retry in a minute: Envoy logs the reason after 30 seconds of failures; meanwhile check that "
        "istiod is ready and the address is correct",
    ),
    (_ANY_LEVEL + r"Initializing with upstream address",),
    over=rf"(?:{_CONNECTED}|{_COMPLAINT}{_TALKING})",
)
IDENTITY: Final = Symptom(
    CauseType(
        "identity",
        "the control plane rejects the sidecar: its identity does not match its certificate",
        "agent or Envoy: authorization failed, no identities matched",
        "check that POD_NAMESPACE and SERVICE_ACCOUNT of the sidecar are those of the pod",
    ),
    _complaint(r"authorization failed", r"no identities"),
)
REJECTED: Final = Symptom(
    CauseType(
        "configuration-rejected",
        "Envoy rejects the configuration from the control plane",
        "agent: config received from XDS server, but was rejected; Envoy: rejected",
        "the previous log line of Envoy names the resource; check EnvoyFilter and Telemetry, and that "
        "the proxy image matches the control plane's release",
    ),
    _complaint(
        r"config received from XDS server, but was rejected",
        r"gRPC config for [A-Za-z0-9./_-]+ rejected",
    ),
)
NOT_WRITABLE: Final = Symptom(
    CauseType(
        "socket-not-writable",
        "the agent cannot create its sockets",
        "agent: failed to listen on unix socket, or SDS grpc server failed to start or to set up UDS",
        "check that the volumes istio-envoy and workload-socket exist, are mounted, and are writable "
        "for the sidecar's user",
    ),
    _complaint(
        r"failed to listen on unix socket",
        r"SDS grpc server[^\r]*?failed to (?:start|set up UDS)",
        r"failed to start xds proxy: failed to (?:remove|update)",
        r"/etc/istio/proxy[^\r]*?(?:read-only file system|permission denied|no such file)",
    ),
)
REDIRECTION: Final = Symptom(
    CauseType(
        "redirection-missing",
        "the pod's traffic is not redirected to the sidecar",
        "istio-validation ends with exit code 126",
        "check that the CNI plugin is ready on the pod's node and recreate pods that started before "
        "it, or set values.pilot.cni.enabled to false",
    ),
    (_XTABLES + r"iptables validation failed",),
    container=VALIDATION,
    exit_code=126,
)
NO_CAPABILITY: Final = Symptom(
    CauseType(
        "redirection-forbidden",
        "istio-init is not allowed to set up the redirection: it lacks NET_ADMIN and NET_RAW",
        "istio-init: permission denied or operation not permitted",
        "allow both capabilities in the namespace and the runtime, or use the CNI plugin "
        "(values.pilot.cni.enabled)",
    ),
    (_XTABLES + r"(?:[Pp]ermission denied|[Oo]peration not permitted|you must be root)",),
    container=INIT,
)
NO_KERNEL: Final = Symptom(
    CauseType(
        "redirection-unsupported",
        "the node's kernel lacks modules that the redirection needs",
        "istio-init: no loaded kernel support, table does not exist",
        "load the modules that iptables needs on the node (nf_nat, xt_owner, xt_REDIRECT)",
    ),
    (
        _XTABLES
        + r"(?:no loaded kernel support|[Tt]able does not exist|need to insmod|load target|load match)",
    ),
    container=INIT,
)
PROBE_UNKNOWN: Final = Symptom(
    CauseType(
        "probe-unknown",
        "the sidecar received an unknown probe",
        "agent: Prober does not exists",
        "probes were changed after injection, or ISTIO_KUBE_APP_PROBERS was removed; inject the "
        "original manifest",
    ),
    _complaint(r"Prober does not exist"),
    while_ready=True,
)
PROBE_FAILED: Final = Symptom(
    CauseType(
        "application-probe",
        "the application does not answer its probe, which the sidecar forwards",
        "agent: Request to probe app failed",
        "check the application's log, and the port and path of its probe",
    ),
    _complaint(r"Request to probe app failed"),
    while_ready=True,
)

# A missing capability looks like a missing kernel feature as well, and a trust root that fails like an
# address that does; the narrower one goes first.
SYMPTOMS: Final = (
    TOKEN_MISSING, ROOT_MISSING, TOKEN_AUDIENCE, ROOT_WRONG, NAME_WRONG, IDENTITY, REJECTED, NOT_WRITABLE,
    REDIRECTION, NO_CAPABILITY, NO_KERNEL, UNREACHABLE, NOT_CONNECTED, PROBE_UNKNOWN, PROBE_FAILED,
)  # fmt: skip
