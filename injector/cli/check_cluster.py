"""`injector check --cluster`: what keeps the webhook of a cluster from working.

Here: the order of the checks, and those of connections, certificates and permissions. Not here: findings
that follow from objects alone (core.registration), nor how any of it is read (kube).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from injector.cli import world
from injector.cli.rights import needed
from injector.cli.world import Access
from injector.config.server_settings import Server
from injector.core.finding_codes import LEVELS, FindingCode
from injector.core.model import Finding, Manifest
from injector.core.profile import Config
from injector.core.registration import pod_security
from injector.core.registration.checks import Survey, check_registration, service_of
from injector.core.registration.configuration import own_entries
from injector.core.registration.entries import Registered
from injector.core.selectors import WebhookEntry, satisfying_labels
from injector.errors import ClusterError
from injector.kube.api_errors import Request
from injector.kube.kubeconfig import inside
from injector.kube.survey import SurveyReader, bundle_of
from injector.kube.tls_probe import Dialled, Validity, authorities, dial

_DAY: Final = 86400
_RENEW: Final = "renew it, and check why it was not renewed; serve renews self-made certificates itself"


def findings(config: Config, server: Server, access: Access) -> list[Finding]:
    """All findings of a cluster, each once. Raises ClusterError where it cannot be reached."""
    with world.connected(access) as cluster:
        reading = SurveyReader(cluster)
        survey = reading.survey()
        check = ClusterCheck(reading, survey, config, inside(access.kubeconfig, access.kube_context))
        out = [*check_registration(survey, config, expected(config, survey)), *check.certificates()]
        out += _missing_rights(check, server)
        out += [Finding.of(FindingCode.NOT_LOOKED_AT, message) for message in reading.unread]
    return sorted(dict.fromkeys(out), key=lambda each: LEVELS.index(each.level))


def expected(config: Config, survey: Survey) -> list[tuple[WebhookEntry, ...]]:
    """The entries that the injector's configurations may have: the revision's, or those of a tag."""
    services = [service.namespace for e in survey.ours if (service := service_of(e))]
    out = [own_entries(config, where) for where in dict.fromkeys([*services, None])]
    for name in dict.fromkeys(e.configuration for e in survey.ours):
        _, is_tag, tag = name.rpartition("-tag-")
        if is_tag:
            out.append(config.profile.tag_entries(tag, config.values))
    return [entries for entries in out if entries]


@dataclass(frozen=True, slots=True)
class ClusterCheck:
    """The checks of one cluster; `inside`: they run in a pod of it."""

    reading: SurveyReader
    survey: Survey
    config: Config
    inside: bool

    def certificates(self) -> Iterator[Finding]:
        """Findings about the CA bundle and the served certificate, once for each address of the webhook."""
        for entry in {str(e.client): e for e in self.survey.ours}.values():
            bundle, problems = _bundle(entry)
            yield from problems
            service = service_of(entry)
            if bundle is None and (problems or service):
                continue  # no handshake could be verified
            if service is not None and self.survey.services.get(service, {}) is None:
                continue  # no Service: `conflicts` reports it
            yield from self.served(entry, bundle)

    def served(self, entry: Registered, bundle: str | None) -> Iterator[Finding]:
        """A handshake where one is possible, else a call by the API server."""
        service = service_of(entry)
        if service is None:
            parts = urlsplit(str(entry.client.get("url")))
            host = parts.hostname or ""
            yield from _of_handshake(entry, dial(host, parts.port or 443, host, bundle))
        elif self.inside:
            port = int((entry.client.get("service") or {}).get("port") or 443)
            yield from _of_handshake(entry, dial(service.host, port, service.host, bundle))
        else:
            yield from self.called(entry)

    def called(self, entry: Registered) -> Iterator[Finding]:
        """Let the API server call the webhook: a pod is created as a dry run."""
        chosen = self._chosen(entry)
        service = service_of(entry)
        if chosen is None:
            message = f"whether the API server reaches {service}: no namespace has pods that it is called for"
            yield Finding.of(FindingCode.NOT_LOOKED_AT, message, entry.where)
            return
        probed, namespace, labels = chosen
        pods = f"/api/v1/namespaces/{namespace}/pods"
        if not self.reading.may("create", pods, None):
            message = (
                f"whether the API server reaches {service}: this account may not create pods in {namespace}"
            )
            hint = "use an account that is allowed to; the pod is only sent as a dry run"
            yield Finding.of(FindingCode.NOT_LOOKED_AT, message, entry.where, hint)
            return
        try:
            made = self.reading.dry_run(pod_security.sample(labels), namespace)
        except ClusterError as error:
            # Other refusals come from webhooks that answered, or from admission after them.
            if "failed calling webhook" not in error.message:
                return
            if _is_about(probed, error.message):
                yield _of_failed_call(probed, error.message)
            else:
                message = f"whether the API server reaches {service}: the call to another webhook failed"
                yield Finding.of(FindingCode.NOT_LOOKED_AT, message, probed.where)
            return
        if not probed.closed and not self._injected(made):
            message = f"whether {service} answers: failurePolicy Ignore of the entry hides failures"
            yield Finding.of(FindingCode.NOT_LOOKED_AT, message, probed.where)
        message = f"how long the certificate of {service} is valid: "
        message += "only a pod in the cluster can connect to it"
        yield Finding.of(FindingCode.NOT_LOOKED_AT, message, entry.where, "run this command in a pod")

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


def _bundle(entry: Registered) -> tuple[str | None, list[Finding]]:
    """The bundle of an entry where it can be used, and what is wrong with it."""
    hint = "use injector webhook-config --ca-file, or let serve or cert-manager write caBundle"
    try:
        bundle = bundle_of(entry)
        validities = authorities(bundle) if bundle is not None else []
    except ValueError as error:
        return None, [Finding.of(FindingCode.CA_BUNDLE, f"its caBundle: {error}", entry.where, hint)]
    if bundle is None:
        message = "it has no caBundle, so the API server cannot verify the webhook: every call fails"
        missing = Finding.of(FindingCode.CA_BUNDLE, message, entry.where, hint)
        return None, [missing] if service_of(entry) else []
    return bundle, _ages(validities, entry)


def _ages(validities: Sequence[Validity], entry: Registered) -> list[Finding]:
    """Findings about the age of CAs; the CA that expires last counts, as others are being replaced."""
    now = time.time()
    last = max(validities, key=lambda each: each.end, default=None)
    if last is None:
        return []
    if last.end < now:
        message = f"all CAs in its caBundle have expired, the last one at {_moment(last.end)}"
        return [Finding.of(FindingCode.CA_EXPIRED, message, entry.where, _RENEW)]
    if last.ends_soon(now):
        message = f"the CA in its caBundle expires at {_moment(last.end)} ({_left(last, now)})"
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


def _of_handshake(entry: Registered, dialled: Dialled) -> Iterator[Finding]:
    if dialled.validity is None:
        code, message, hint = _FAILED[dialled.code]
        yield Finding.of(code, f"{message}: {dialled.message}", entry.where, hint)
        return
    now = time.time()
    if dialled.validity.ends_soon(now):
        message = f"the certificate of the webhook expires at {_moment(dialled.validity.end)}"
        message += f" ({_left(dialled.validity, now)})"
        yield Finding.of(FindingCode.CERTIFICATE_EXPIRES, message, entry.where, _RENEW)


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


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _left(validity: Validity, now: float) -> str:
    hours = int((validity.end - now) // 3600)
    return f"in {hours // 24} days" if hours >= 48 else f"in {hours} hours"


# --- permissions -----------------------------------------------------------------------------------------


def _missing_rights(check: ClusterCheck, server: Server) -> Iterator[Finding]:
    """What the account of the injector's pods may not do, one finding for each resource."""
    # Another instance of the injector has an account and a configuration of its own.
    own = server.certificates.service
    account = _account(check.survey, own.namespace if own else None)
    if account is None and not check.inside:
        message = (
            "the permissions of the injector's ServiceAccount: no pod of the injector was found behind "
            "a Service"
        )
        yield Finding.of(FindingCode.NOT_LOOKED_AT, message)
        return
    ours = [e for e in check.survey.ours if own is None or service_of(e) in (None, own)]
    names = tuple(dict.fromkeys(e.configuration for e in ours))
    missing: dict[tuple[str, str, str], list[str]] = {}
    for verb, path in needed(check.config, server, names):
        request = Request("", verb, path)
        if check.reading.may(verb, path, account) is False:
            where = (request.resource(), request.namespace(), request.name())
            missing.setdefault(where, []).append(verb)
    who = f"ServiceAccount {account[0]}/{account[1]}" if account else "this account"
    for (resource, namespace, name), verbs in missing.items():
        place = f" in namespace {namespace}" if namespace else ""
        message = f"{who} may not {', '.join(verbs)} {resource}{f' {name}' if name else ''}{place}"
        role = f"a Role in namespace {namespace}" if namespace else "a ClusterRole"
        hint = f"grant {'these verbs' if len(verbs) > 1 else 'this verb'} on {resource} with {role}"
        yield Finding.of(FindingCode.RBAC, message, hint=hint)


def _account(survey: Survey, namespace: str | None) -> tuple[str, str] | None:
    """Namespace and name of the ServiceAccount of the injector's own pods, in any namespace or in one."""
    for pod in survey.own:
        where = str(pod["metadata"]["namespace"])
        if namespace in (None, where):
            spec = pod.get("spec") or {}
            return where, str(spec.get("serviceAccountName") or "default")
    return None
