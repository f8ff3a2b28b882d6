"""`injector check --cluster`: what in a cluster keeps the webhook from doing its work.

Here: asking in turn, and what connections, certificates and rights show. Not here: findings that
follow from objects alone (core.conflicts), nor how any of it is read (kube).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from injector.cli.rights import needed
from injector.config.schema import Server
from injector.core.finding_codes import LEVELS, FindingCode
from injector.core.model import Finding, Manifest
from injector.core.profile import Config
from injector.core.registration import pod_security
from injector.core.registration.checks import Survey, conflicts, service_of
from injector.core.registration.configuration import own_entries
from injector.core.registration.entries import Registered
from injector.core.selectors import WebhookEntry, witness
from injector.errors import ClusterError
from injector.kube import client
from injector.kube.api_errors import Request
from injector.kube.kubeconfig import inside
from injector.kube.survey import SurveyReader, bundle_of
from injector.kube.tls_probe import Dialled, Validity, authorities, dial

_DAY: Final = 86400
_RENEW: Final = "renew it, and check why it was not renewed; serve renews self-made certificates itself"


def found(config: Config, server: Server, kubeconfig: str | None, context: str | None) -> list[Finding]:
    """All findings of a cluster, each once. Raises ClusterError where it cannot be asked."""
    with client.connect(kubeconfig, context) as cluster:
        reading = SurveyReader(cluster)
        survey = reading.survey()
        look = Look(reading, survey, config, inside(kubeconfig, context))
        told = [*conflicts(survey, config, expected(config, survey)), *look.certificates()]
        told += _missing_rights(look, server)
        told += [Finding.of(FindingCode.NOT_LOOKED_AT, message) for message in reading.unread]
    return sorted(dict.fromkeys(told), key=lambda each: LEVELS.index(each.level))


def expected(config: Config, survey: Survey) -> list[tuple[WebhookEntry, ...]]:
    """The entries that our configurations may have: the revision's own, or those of a tag in their names."""
    services = [service.namespace for e in survey.ours if (service := service_of(e))]
    out = [own_entries(config, where) for where in dict.fromkeys([*services, None])]
    for name in dict.fromkeys(e.configuration for e in survey.ours):
        _, is_tag, tag = name.rpartition("-tag-")
        if is_tag:
            out.append(config.profile.tag_entries(tag, config.values))
    return [entries for entries in out if entries]


@dataclass(frozen=True, slots=True)
class Look:
    """A cluster that is looked at; `inside`: from a pod of it."""

    reading: SurveyReader
    survey: Survey
    config: Config
    inside: bool

    def certificates(self) -> Iterator[Finding]:
        """Bundles, and what is served, once for each place where the webhook listens."""
        for entry in {str(e.client): e for e in self.survey.ours}.values():
            bundle, told = _bundle(entry)
            yield from told
            service = service_of(entry)
            if bundle is None and (told or service):
                continue  # nothing could be trusted
            if service is not None and self.survey.services.get(service, {}) is None:
                continue  # no Service: told already
            yield from self.served(entry, bundle)

    def served(self, entry: Registered, bundle: str | None) -> Iterator[Finding]:
        """A handshake where one is possible, else a call by the API server."""
        service = service_of(entry)
        if service is None:
            parts = urlsplit(str(entry.client.get("url")))
            host = parts.hostname or ""
            yield from _shaken(entry, dial(host, parts.port or 443, host, bundle))
        elif self.inside:
            port = int((entry.client.get("service") or {}).get("port") or 443)
            yield from _shaken(entry, dial(service.host, port, service.host, bundle))
        else:
            yield from self.called(entry)

    def called(self, entry: Registered) -> Iterator[Finding]:
        """Let the API server call the webhook: a pod is sent as a dry run, so that nothing is made."""
        chosen = self._chosen(entry)
        service = service_of(entry)
        if chosen is None:
            told = f"whether the API server reaches {service}: no namespace has pods that it is called for"
            yield Finding.of(FindingCode.NOT_LOOKED_AT, told, entry.where)
            return
        probed, namespace, labels = chosen
        pods = f"/api/v1/namespaces/{namespace}/pods"
        if not self.reading.may("create", pods, None):
            told = (
                f"whether the API server reaches {service}: this account may not create pods in {namespace}"
            )
            hint = "use an account that is allowed to; the pod is only sent as a dry run"
            yield Finding.of(FindingCode.NOT_LOOKED_AT, told, entry.where, hint)
            return
        try:
            made = self.reading.dry_run(pod_security.sample(labels), namespace)
        except ClusterError as error:
            # Other refusals come from webhooks that answered, or from admission after them.
            if "failed calling webhook" not in error.message:
                return
            if _is_about(probed, error.message):
                yield _uncalled(probed, error.message)
            else:
                told = f"whether the API server reaches {service}: the call to another webhook failed"
                yield Finding.of(FindingCode.NOT_LOOKED_AT, told, probed.where)
            return
        if not probed.closed and not self._injected(made):
            told = f"whether {service} answers: failurePolicy Ignore of the entry hides failures"
            yield Finding.of(FindingCode.NOT_LOOKED_AT, told, probed.where)
        told = f"how long the certificate of {service} is valid: only a pod in the cluster can connect to it"
        yield Finding.of(FindingCode.NOT_LOOKED_AT, told, entry.where, "run this command in a pod")

    def _chosen(self, entry: Registered) -> tuple[Registered, str, dict[str, str]] | None:
        """An entry with the same client, a namespace whose pods come to it, and labels for such a pod.

        One that refuses pods when nobody answers comes first.
        """
        same = [e for e in self.survey.ours if e.client == entry.client]
        for each in sorted(same, key=lambda e: not e.closed):
            labels = witness(each.objects)
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
        found = authorities(bundle) if bundle is not None else []
    except ValueError as error:
        return None, [Finding.of(FindingCode.CA_BUNDLE, f"its caBundle: {error}", entry.where, hint)]
    if bundle is None:
        told = "it has no caBundle, so the API server cannot verify the webhook: every call fails"
        return None, [Finding.of(FindingCode.CA_BUNDLE, told, entry.where, hint)] if service_of(entry) else []
    return bundle, _ages(found, entry)


def _ages(found: Sequence[Validity], entry: Registered) -> list[Finding]:
    """What is to be said about the age of CAs; while an old one is replaced the last one counts."""
    now = time.time()
    last = max(found, key=lambda each: each.end, default=None)
    if last is None:
        return []
    if last.end < now:
        told = f"all CAs in its caBundle have expired, the last one at {_moment(last.end)}"
        return [Finding.of(FindingCode.CA_EXPIRED, told, entry.where, _RENEW)]
    if last.ends_soon(now):
        told = f"the CA in its caBundle expires at {_moment(last.end)} ({_left(last, now)})"
        return [Finding.of(FindingCode.CA_EXPIRES, told, entry.where, _RENEW)]
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


def _shaken(entry: Registered, found: Dialled) -> Iterator[Finding]:
    if found.validity is None:
        code, told, hint = _FAILED[found.code]
        yield Finding.of(code, f"{told}: {found.message}", entry.where, hint)
        return
    now = time.time()
    if found.validity.ends_soon(now):
        told = f"the certificate of the webhook expires at {_moment(found.validity.end)}"
        told += f" ({_left(found.validity, now)})"
        yield Finding.of(FindingCode.CERTIFICATE_EXPIRES, told, entry.where, _RENEW)


def _is_about(entry: Registered, message: str) -> bool:
    """Whether a failed call was one of this entry: entries of istiod have the same names as ours."""
    service = service_of(entry)
    address = f"//{service.host}:" if service else "//.svc:"
    return f'"{entry.name}"' in message and (address in message or "//" not in message)


def _uncalled(entry: Registered, message: str) -> Finding:
    """What the API server said when it could not call the webhook."""
    untrusted = "x509" in message or "certificate" in message
    kind = "unreachable" if not untrusted else "untrusted"
    if untrusted and "is valid for" in message:
        kind = "name"
    if untrusted and ("expired" in message or "not yet valid" in message):
        kind = "validity"
    code, told, hint = _FAILED[kind]
    return Finding.of(code, f"{told}; the API server reports: {message}", entry.where, hint)


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _left(found: Validity, now: float) -> str:
    hours = int((found.end - now) // 3600)
    return f"in {hours // 24} days" if hours >= 48 else f"in {hours} hours"


# --- rights -----------------------------------------------------------------------------------------


def _missing_rights(look: Look, server: Server) -> Iterator[Finding]:
    """What the account of the injector's pods may not do, one finding for each resource."""
    # Another injector of ours beside this one has an account and a configuration of its own.
    own = server.certificates.service
    account = _account(look.survey, own.namespace if own else None)
    if account is None and not look.inside:
        told = (
            "the permissions of the injector's ServiceAccount: no pod of the injector was found behind "
            "a Service"
        )
        yield Finding.of(FindingCode.NOT_LOOKED_AT, told)
        return
    ours = [e for e in look.survey.ours if own is None or service_of(e) in (None, own)]
    names = tuple(dict.fromkeys(e.configuration for e in ours))
    missing: dict[tuple[str, str, str], list[str]] = {}
    for verb, path in needed(look.config, server, names):
        request = Request("", verb, path)
        if look.reading.may(verb, path, account) is False:
            where = (request.resource(), request.namespace(), request.name())
            missing.setdefault(where, []).append(verb)
    who = f"ServiceAccount {account[0]}/{account[1]}" if account else "this account"
    for (resource, namespace, name), verbs in missing.items():
        place = f" in namespace {namespace}" if namespace else ""
        told = f"{who} may not {', '.join(verbs)} {resource}{f' {name}' if name else ''}{place}"
        role = f"a Role in namespace {namespace}" if namespace else "a ClusterRole"
        hint = f"grant {'these verbs' if len(verbs) > 1 else 'this verb'} on {resource} with {role}"
        yield Finding.of(FindingCode.RBAC, told, hint=hint)


def _account(survey: Survey, namespace: str | None) -> tuple[str, str] | None:
    """Namespace and name of the ServiceAccount of the injector's own pods, in any namespace or in one."""
    for pod in survey.own:
        where = str(pod["metadata"]["namespace"])
        if namespace in (None, where):
            spec = pod.get("spec") or {}
            return where, str(spec.get("serviceAccountName") or "default")
    return None
