"""The connection between the API server and the webhook: caBundle, certificate, and whether it answers.

One try that fails proves little: a connection is tried again, and a failure counts only where no entry of
the same address gets an answer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from injector.classes import dataclass
from injector.core.finding_codes import FindingCode
from injector.core.model import Finding, Manifest
from injector.core.profile import Config
from injector.core.registration import pod_security
from injector.core.registration.checks import Survey, service_of
from injector.core.registration.entries import Registered
from injector.core.selectors import satisfying_labels
from injector.errors import ClusterError
from injector.kube.survey import SurveyReader, bundle_of
from injector.kube.tls_probe import Dialled, Validity, authorities, dial

_TRIES: Final = 3
_PAUSE_SECONDS: Final = 0.3
_RENEW: Final = "renew it, and check why it was not renewed; serve renews self-made certificates itself"


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of reaching a webhook once; `answered` is False where that is unknown, too."""

    answered: bool
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Connections:
    """The addresses of the webhook that were tried and answered, the end of their CAs, and findings."""

    findings: tuple[Finding, ...]
    answering: Mapping[str, bool]
    last_ca: float | None


@dataclass(frozen=True, slots=True)
class ConnectionCheck:
    """Reaches the webhook of one cluster; `inside`: from a pod of it."""

    reading: SurveyReader
    survey: Survey
    config: Config
    inside: bool

    def connections(self) -> Connections:
        """What CA bundles and connections show, once for each client configuration of the webhook."""
        answering: dict[str, bool] = {}
        ends: list[float] = []
        out: list[Finding] = []
        probed: list[tuple[str, Probe]] = []
        for entry in {str(e.client): e for e in self.survey.ours}.values():
            bundle, problems, end = _bundle(entry)
            out += problems
            ends += [] if end is None else [end]
            service = service_of(entry)
            if bundle is None and (problems or service):
                continue  # no handshake could be verified
            if service is not None and self.survey.services.get(service, {}) is None:
                continue  # no Service: `checks` reports it
            probed.append((address_of(entry), self.tried(entry, bundle)))
        for address, probe in probed:
            answering[address] = answering.get(address, False) or probe.answered
        for address, probe in probed:
            out += [
                f for f in probe.findings if f.code is not FindingCode.UNREACHABLE or not answering[address]
            ]
        return Connections(tuple(out), answering, min(ends, default=None))

    def tried(self, entry: Registered, bundle: str | None) -> Probe:
        """The first try that is not without an answer, or the last."""
        for _ in range(_TRIES - 1):
            probe = self.served(entry, bundle)
            if all(each.code is not FindingCode.UNREACHABLE for each in probe.findings):
                return probe
            time.sleep(_PAUSE_SECONDS)
        return self.served(entry, bundle)

    def served(self, entry: Registered, bundle: str | None) -> Probe:
        """A handshake where one is possible, else a call by the API server."""
        service = service_of(entry)
        if service is None:
            parts = urlsplit(str(entry.client.get("url")))
            host = parts.hostname or ""
            return _of_handshake(entry, dial(host, parts.port or 443, host, bundle))
        if self.inside:
            return _of_handshake(entry, dial(service.host, _port(entry), service.host, bundle))
        return self.called(entry)

    def called(self, entry: Registered) -> Probe:
        """Let the API server call the webhook: a pod is created as a dry run."""
        chosen = self._chosen(entry)
        service = service_of(entry)
        whether = f"whether the API server reaches {service}"
        if chosen is None:
            return _unknown(f"{whether}: no namespace has pods that it is called for", entry)
        probed, namespace, labels = chosen
        pods = f"/api/v1/namespaces/{namespace}/pods"
        if not self.reading.may("create", pods, None):
            hint = "use an account that is allowed to; the pod is only sent as a dry run"
            return _unknown(f"{whether}: this account may not create pods in {namespace}", entry, hint)
        try:
            made = self.reading.dry_run(pod_security.sample(labels), namespace)
        except ClusterError as error:
            # Other refusals come from webhooks that answered, or from admission after them.
            if "failed calling webhook" not in error.message:
                return Probe(True)
            if _is_about(probed, error.message):
                failed = _of_failed_call(probed, error.message)
                return Probe(failed.code is not FindingCode.UNREACHABLE, (failed,))
            return _unknown(f"{whether}: the call to another webhook failed", probed)
        message = f"how long the certificate of {service} is valid: "
        message += "only a pod in the cluster can connect to it"
        age = Finding.of(FindingCode.NOT_LOOKED_AT, message, entry.where, "run this command in a pod")
        if not probed.closed and not self._injected(made):
            hidden = _unknown(
                f"whether {service} answers: failurePolicy Ignore of the entry hides failures", probed
            )
            return Probe(False, (*hidden.findings, age))
        return Probe(True, (age,))

    def _chosen(self, entry: Registered) -> tuple[Registered, str, dict[str, str]] | None:
        """An entry with the same client, a namespace whose pods come to it, and labels for such a pod.

        An entry that denies pods while the webhook does not answer comes first.
        """
        same = [e for e in self.survey.ours if e.client == entry.client]
        for each in sorted(same, key=lambda e: not e.closed):
            labels = satisfying_labels(each.objects)
            for name, item in self.survey.namespaces.items():
                if labels is not None and each.in_namespace(item):
                    return each, name, labels
        return None

    def _injected(self, pod: Manifest) -> bool:
        annotations = (pod.get("metadata") or {}).get("annotations") or {}
        return self.config.profile.keys.status in annotations


# --- certificates -----------------------------------------------------------------------------------


def _unknown(message: str, entry: Registered, hint: str = "") -> Probe:
    return Probe(False, (Finding.of(FindingCode.NOT_LOOKED_AT, message, entry.where, hint),))


def address_of(entry: Registered) -> str:
    """The host and port that the API server connects to."""
    service = service_of(entry)
    if service is not None:
        return f"{service.host}:{_port(entry)}"
    parts = urlsplit(str(entry.client.get("url")))
    return f"{parts.hostname}:{parts.port or 443}"


def _port(entry: Registered) -> int:
    return int((entry.client.get("service") or {}).get("port") or 443)


def _bundle(entry: Registered) -> tuple[str | None, list[Finding], float | None]:
    """The bundle of an entry where it can be used, what is wrong with it, and the end of its last CA."""
    hint = "use injector webhook-config --ca-file, or let serve or cert-manager write caBundle"
    try:
        bundle = bundle_of(entry)
        validities = authorities(bundle) if bundle is not None else []
    except ValueError as error:
        return None, [Finding.of(FindingCode.CA_BUNDLE, f"its caBundle: {error}", entry.where, hint)], None
    if bundle is None:
        message = "it has no caBundle, so the API server cannot verify the webhook: every call fails"
        missing = Finding.of(FindingCode.CA_BUNDLE, message, entry.where, hint)
        return None, [missing] if service_of(entry) else [], None
    return bundle, _ages(validities, entry), max((each.end for each in validities), default=None)


def _ages(validities: Sequence[Validity], entry: Registered) -> list[Finding]:
    """Findings about the age of CAs; the CA that expires last counts, as others are being replaced."""
    now = time.time()
    last = max(validities, key=lambda each: each.end, default=None)
    if last is None:
        return []
    if last.end < now:
        message = f"all CAs in its caBundle have expired, the last one at {moment(last.end)}"
        return [Finding.of(FindingCode.CA_EXPIRED, message, entry.where, _RENEW)]
    if last.ends_soon(now):
        message = f"the CA in its caBundle expires at {moment(last.end)} ({_left(last, now)})"
        return [Finding.of(FindingCode.CA_EXPIRES, message, entry.where, _RENEW)]
    return []


_FAILED: Final = {
    "untrusted": (
        FindingCode.CERTIFICATE_UNTRUSTED,
        "its caBundle does not match the certificate of the webhook",
        "write the CA that signed it to caBundle (injector webhook-config --ca-file)",
    ),
    "name": (
        FindingCode.CERTIFICATE_NAME,
        "the certificate of the webhook does not include the host name that the API server uses",
        "issue it for SERVICE.NAMESPACE.svc, or for the host of the URL",
    ),
    "validity": (FindingCode.CERTIFICATE_EXPIRED, "the certificate of the webhook is not valid now", _RENEW),
    "unreachable": (
        FindingCode.UNREACHABLE,
        "the webhook does not answer",
        "check that the webhook's pods are ready and that no NetworkPolicy or firewall blocks the call",
    ),
}


def _of_handshake(entry: Registered, dialled: Dialled) -> Probe:
    if dialled.validity is None:
        code, message, hint = _FAILED[dialled.code]
        failed = Finding.of(code, f"{message}: {dialled.message}", entry.where, hint)
        return Probe(code is not FindingCode.UNREACHABLE, (failed,))
    now = time.time()
    if not dialled.validity.ends_soon(now):
        return Probe(True)
    message = f"the certificate of the webhook expires at {moment(dialled.validity.end)}"
    message += f" ({_left(dialled.validity, now)})"
    return Probe(True, (Finding.of(FindingCode.CERTIFICATE_EXPIRES, message, entry.where, _RENEW),))


def _is_about(entry: Registered, message: str) -> bool:
    """Whether a failed call was one of this entry: entries of istiod have the same names as ours."""
    service = service_of(entry)
    address = f"//{service.host}:" if service else "//.svc:"
    return f'"{entry.name}"' in message and (address in message or "//" not in message)


def _of_failed_call(entry: Registered, message: str) -> Finding:
    """The finding for the API server's message that a call failed."""
    untrusted = "x509" in message or "certificate" in message
    kind = "unreachable" if not untrusted else "untrusted"
    if untrusted and "is valid for" in message:
        kind = "name"
    if untrusted and ("expired" in message or "not yet valid" in message):
        kind = "validity"
    code, meaning, hint = _FAILED[kind]
    return Finding.of(code, f"{meaning}; the API server reports: {message}", entry.where, hint)


def moment(seconds: float) -> str:
    """A time in UTC, as certificates have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _left(validity: Validity, now: float) -> str:
    hours = int((validity.end - now) // 3600)
    return f"in {hours // 24} days" if hours >= 48 else f"in {hours} hours"
