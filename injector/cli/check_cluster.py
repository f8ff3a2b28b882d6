"""`injector check --cluster`: what keeps the webhook of a cluster from working.

Here: the order of the checks, what was looked at, and permissions. Not here: findings that follow from
objects alone (core.registration), connections (`check_connection`), nor how any of it is read (kube).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from injector.classes import dataclass
from injector.cli import world
from injector.cli.check_connection import ConnectionCheck, Connections, moment
from injector.cli.check_report import Section
from injector.cli.rights import needed
from injector.cli.world import Access
from injector.config.server_settings import Server
from injector.core.finding_codes import LEVELS, FindingCode
from injector.core.model import Finding
from injector.core.profile import Config
from injector.core.registration.checks import Survey, check_registration, ready_endpoints, service_of
from injector.core.registration.configuration import TAG_SEPARATOR, own_entries
from injector.core.registration.failure_modes import contradictions
from injector.core.selectors import WebhookEntry
from injector.kube.api_errors import Request
from injector.kube.kubeconfig import inside
from injector.kube.survey import SurveyReader
from injector.printable import first_of, shown


@dataclass(frozen=True, slots=True)
class CheckedCluster:
    """What was looked at, by section, and the findings, each once and the most urgent first."""

    looked_at: Mapping[Section, str]
    findings: list[Finding]


def checked(config: Config, server: Server, access: Access) -> CheckedCluster:
    """All findings of a cluster. Raises ClusterError where it cannot be reached."""
    with world.connected(access) as cluster:
        reading = SurveyReader(cluster)
        survey = reading.survey()
        check = ClusterCheck(reading, survey, config, server, inside(access.kubeconfig, access.kube_context))
        connections = ConnectionCheck(reading, survey, config, check.inside).connections()
        out = [*check_registration(survey, config, expected(config, survey)), *connections.findings]
        out += [*contradictions(survey.ours, server.failure_mode), *check.missing_rights()]
        looked_at = check.looked_at(connections)
        out += [Finding.of(FindingCode.NOT_LOOKED_AT, message) for message in reading.unread]
    findings = sorted(dict.fromkeys(out), key=lambda each: LEVELS.index(each.level))
    return CheckedCluster(looked_at, findings)


def expected(config: Config, survey: Survey) -> list[tuple[WebhookEntry, ...]]:
    """The entries that the injector's configurations may have: the revision's, or those of a tag."""
    services = [service.namespace for e in survey.ours if (service := service_of(e))]
    out = [own_entries(config, where) for where in dict.fromkeys([*services, None])]
    for name in dict.fromkeys(e.configuration for e in survey.ours):
        _, is_tag, tag = name.rpartition(TAG_SEPARATOR)
        if is_tag:
            out.append(config.profile.tag_entries(tag, config.values))
    return [entries for entries in out if entries]


@dataclass(frozen=True, slots=True)
class ClusterCheck:
    """The checks of permissions, and what was looked at; `inside`: in a pod of the cluster."""

    reading: SurveyReader
    survey: Survey
    config: Config
    server: Server
    inside: bool

    def looked_at(self, connections: Connections) -> dict[Section, str]:
        """What was looked at, in words, by section."""
        survey, ours = self.survey, self.survey.ours
        version = self.reading.version()
        out = {Section.CLUSTER: f"API server {version}".rstrip()}
        if ours:
            listed = first_of([shown(name) for name in dict.fromkeys(e.configuration for e in ours)])
            parts = [f"{_count(len(ours), 'entry', 'entries')} of MutatingWebhookConfiguration {listed}"]
            for ref, slices in survey.slices.items():
                parts.append(f"Service {ref} with {_count(ready_endpoints(slices), 'ready endpoint')}")
            out[Section.WEBHOOK] = ", ".join(parts)
            states = [
                f"{at} {'answers' if yes else 'gave no answer'}" for at, yes in connections.answering.items()
            ]
            if connections.last_ca is not None:
                states.append(f"caBundle is valid until {moment(connections.last_ca)}")
            out[Section.CONNECTION] = ", ".join(states) or "not tried"
        spaces = [n for n, item in survey.namespaces.items() if any(e.in_namespace(item) for e in ours)]
        listed = first_of(spaces) or "none"
        out[Section.NAMESPACES] = f"{len(survey.namespaces)}, of which the webhook is called for: {listed}"
        account = self.account()
        if account or self.inside:
            out[Section.PERMISSIONS] = _named(account)
        return out

    def account(self) -> tuple[str, str] | None:
        """Namespace and name of the ServiceAccount of the injector's own pods."""
        # Another instance of the injector has an account and a configuration of its own.
        own = self.server.certificates.service
        for pod in self.survey.own:
            where = str(pod["metadata"]["namespace"])
            if own is None or own.namespace == where:
                spec = pod.get("spec") or {}
                return where, str(spec.get("serviceAccountName") or "default")
        return None

    def missing_rights(self) -> Iterator[Finding]:
        """What the account of the injector's pods may not do, one finding for each resource."""
        account = self.account()
        if account is None and not self.inside:
            message = (
                "the permissions of the injector's ServiceAccount: no pod of the injector was found behind "
                "a Service"
            )
            yield Finding.of(FindingCode.NOT_LOOKED_AT, message)
            return
        own = self.server.certificates.service
        ours = [e for e in self.survey.ours if own is None or service_of(e) in (None, own)]
        names = tuple(dict.fromkeys(e.configuration for e in ours))
        missing: dict[tuple[str, str, str], list[str]] = {}
        for verb, path in needed(self.config, self.server, names):
            request = Request("", verb, path)
            if self.reading.may(verb, path, account) is False:
                where = (request.resource(), request.namespace(), request.name())
                missing.setdefault(where, []).append(verb)
        for (resource, namespace, name), verbs in missing.items():
            place = f" in namespace {namespace}" if namespace else ""
            message = (
                f"{_named(account)} may not {', '.join(verbs)} {resource}{f' {name}' if name else ''}{place}"
            )
            role = f"a Role in namespace {namespace}" if namespace else "a ClusterRole"
            hint = f"grant {'these verbs' if len(verbs) > 1 else 'this verb'} on {resource} with {role}"
            yield Finding.of(FindingCode.RBAC, message, hint=hint)


def _named(account: tuple[str, str] | None) -> str:
    return f"ServiceAccount {account[0]}/{account[1]}" if account else "this account"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
