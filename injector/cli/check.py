"""`injector check`: does a configuration load, do its templates render, and which settings are risky.

Not here: what is printed (`check_report`), and the webhook in a cluster (`check_cluster`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic, sleep
from typing import Final

import click

from injector.classes import dataclass, replace
from injector.cli import check_cluster, check_report, world
from injector.cli.check_cluster import CheckedCluster
from injector.cli.check_report import CheckResult, Section
from injector.cli.configuration import Located, Wanted, located
from injector.cli.reading.sources import read_url
from injector.cli.report import Report
from injector.cli.reported import reported
from injector.cli.results import PROGRAMS, for_programs
from injector.cli.world import Access
from injector.config import cross_checks, value_names
from injector.config.loading import Input, Text, check_schema, folder_of, load_settings
from injector.config.samples import SAMPLES
from injector.config.schema import Settings, read_settings
from injector.config.trials import dry_run
from injector.config.values import Place
from injector.core.finding_codes import LEVELS, FindingCode, Level
from injector.core.injection.annotation_rules import open_to_all
from injector.core.model import Finding
from injector.core.profile import Config
from injector.core.registration.checks import unsafe
from injector.errors import ClusterError, ConfigError, InjectorError, ManifestError

_PAUSE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFlags(Access):
    """The flags of `check`."""

    config_file: str | None
    config_map: str | None
    bundle: str | None
    with_cluster: bool
    output: str
    fail_on: str | None
    complete: bool
    wait: int
    report: str | None
    report_file: str | None


def run(flags: CheckFlags) -> int:
    """Check the configuration, and the webhook in a cluster; returns the exit status."""
    if flags.output in PROGRAMS and flags.report not in (None, "text", "github") and not flags.report_file:
        hint = "name a file with --report-file, or remove one of them"
        raise ConfigError("-o and --report both write to stdout", where=f"-o {flags.output}", hint=hint)
    return reported(flags, [], lambda report: _run(flags, report), lambda text: click.echo(text, nl=False))


def _run(flags: CheckFlags, report: Report) -> int:
    if flags.named and not (flags.with_cluster or flags.config_map):
        raise ConfigError("this option needs --cluster", where=flags.named, hint="add --cluster")
    if flags.wait and not flags.with_cluster:
        raise ConfigError("--wait needs --cluster", hint="add --cluster")
    checked, status, inputs = _configuration(flags)
    if flags.with_cluster and inputs and status != 2:
        checked, failing = _with_cluster(checked, inputs, flags)
    else:
        failing = _fails(checked.findings, flags.fail_on or Level.ERROR)
    report.add_findings(checked.findings)
    if flags.output in PROGRAMS:
        click.echo(for_programs(check_report.as_json(checked), flags.output))
    else:
        for line in check_report.lines(checked, flags.complete):
            report.keep(line)
            if not report.is_silent:
                click.echo(line)
    return status or int(failing)


def _configuration(flags: CheckFlags) -> tuple[CheckResult, int, Input | None]:
    """What the configuration shows by itself, the exit status, and the input where it can be read."""
    try:
        chosen = _located(flags)
    except (ConfigError, ManifestError) as error:
        name = flags.config_file or flags.config_map or flags.bundle or "the configuration"
        return CheckResult(name, _load_findings(error), {Section.CONFIGURATION: name}), 2, None
    except ClusterError as error:
        return CheckResult("the cluster", [_unreadable(error)], {}), 1, None
    chosen.report()
    return *results(chosen.inputs, chosen.source), chosen.inputs


def _located(flags: CheckFlags) -> Located:
    answered = read_url(flags.config_file) if flags.config_file else None
    if answered:
        where, text = answered
        return Located(Input(Text(text, where), None), where, is_named=True)
    wanted = Wanted(
        config_file=flags.config_file,
        config_map=flags.config_map,
        bundle=flags.bundle,
        running=flags.with_cluster,
    )
    if flags.config_file or flags.bundle or not (flags.with_cluster or flags.config_map):
        return located(wanted)
    with world.connected(flags) as cluster:
        return located(wanted, cluster)


def results(inputs: Input, name: str) -> tuple[CheckResult, int]:
    """What a configuration shows without a cluster, and the exit status."""
    looked_at = {Section.CONFIGURATION: name}
    try:
        settings = read_settings(inputs.file.text, inputs.file.origin)
        config, server = load_settings(settings, inputs), settings.server
        check_schema(config, settings, inputs)
        config.templates.compile_all()
        cross_checks.check(server)
    except (ConfigError, ManifestError) as error:
        return CheckResult(name, _load_findings(error), looked_at), 2
    looked_at[Section.CONFIGURATION] = f"{name}, profile {config.profile.name}"
    looked_at[Section.TEMPLATES] = f"{', '.join(config.templates)}; tried on {len(SAMPLES)} sample pods"
    findings = dry_run(inputs)
    status = 1 if any(each.level is Level.ERROR for each in findings) else 0
    # Values of a running control plane replace the file's.
    replaced = {FindingCode.DEVELOPMENT_IMAGES} if server.source.istio.namespace else set()
    findings += [each for each in config.findings if each.code not in replaced]
    # A name that a sample lacks is reported already.
    wrong = {each.where for each in findings if each.level is Level.ERROR}
    findings += [each for each in _names(config, settings, inputs) if each.where not in wrong]
    if server.failure_mode == "allow":
        hint = "remove failureMode, so that the pod is denied"
        where = "server.failureMode"
        findings.append(Finding.of(FindingCode.FAILS_OPEN, cross_checks.FAILS_OPEN, where, hint))
    brief: dict[FindingCode, str] = {}
    if not status:
        looked_at[Section.SECURITY] = "PodSecurity of an injected pod, annotations that any pod may use"
        notes, brief = _security(config)
        findings += notes
    findings.sort(key=lambda each: LEVELS.index(each.level))
    return CheckResult(name, findings, looked_at, brief), status


def _load_findings(error: InjectorError) -> list[Finding]:
    """One finding for each mistake that keeps a configuration from loading."""
    parts = error.parts or (error,)
    return [Finding.of(FindingCode.LOAD, part.message, part.where, part.hint) for part in parts]


def _with_cluster(checked: CheckResult, inputs: Input, flags: CheckFlags) -> tuple[CheckResult, bool]:
    """The same with what a cluster shows, and whether a finding is one that fails."""
    own = [_in_use(each) for each in checked.findings]
    end = monotonic() + flags.wait
    while True:
        cluster = _in_cluster(inputs, flags)
        there = cluster.findings
        failing = _fails(own, flags.fail_on or Level.ERROR) or _fails(there, flags.fail_on or Level.WARNING)
        left = end - monotonic()
        if left <= 0 or not _fails(there, flags.fail_on or Level.WARNING):
            break
        sleep(min(_PAUSE_SECONDS, left))
    # A note about what may happen gives way to the finding that it does.
    codes = {each.code for each in there}
    findings = [each for each in own if each.actionable or each.code not in codes] + there
    findings.sort(key=lambda each: LEVELS.index(each.level))
    seen = {**checked.looked_at, **cluster.looked_at}
    return replace(checked, findings=findings, looked_at=seen), failing


def _in_cluster(inputs: Input, access: Access) -> CheckedCluster:
    """What a cluster shows; one finding where it cannot be read."""
    settings = read_settings(inputs.file.text, inputs.file.origin)
    config = load_settings(settings, inputs)
    try:
        return check_cluster.checked(config, settings.server, access)
    except ClusterError as error:
        return CheckedCluster({}, [_unreadable(error)])


def _unreadable(error: ClusterError) -> Finding:
    return Finding.of(FindingCode.CLUSTER_UNREADABLE, error.message, error.where, error.hint)


def _fails(findings: Sequence[Finding], lowest: str) -> bool:
    """Whether a finding has this level or a more urgent one."""
    return any(LEVELS.index(each.level) <= LEVELS.index(Level(lowest)) for each in findings)


def _in_use(finding: Finding) -> Finding:
    """A finding about a configuration that the webhook of a cluster uses: its pods get these images."""
    is_error = finding.code is FindingCode.DEVELOPMENT_IMAGES
    return replace(finding, level=Level.ERROR) if is_error else finding


def _names(config: Config, settings: Settings, inputs: Input) -> Iterator[Finding]:
    """Values that are set and not read, or read and not declared."""
    place = Place(inputs.file.text, inputs.file.origin)
    yield from value_names.unread(config, settings.values, folder_of(settings, inputs).rules, place)
    # A running istiod declares values of its own.
    if not settings.server.source.istio.namespace:
        yield from value_names.undeclared(config)


def _security(config: Config) -> tuple[list[Finding], dict[FindingCode, str]]:
    """Notes about what injection adds and what pods may change, and a short line for those of one code."""
    notes, brief = [], {}
    refused = list(unsafe(config))
    if refused:
        notes += [Finding.of(FindingCode.POD_SECURITY, text, hint=hint) for _, text, hint in refused]
        levels = " and ".join(level for level, _, _ in refused)
        brief[FindingCode.POD_SECURITY] = f"injected pods do not pass PodSecurity {levels}"
    allowed = open_to_all(config.profile, config.annotation_rules)
    if allowed:
        listed = ", ".join(f"{key} ({', '.join(powers)})" for key, powers in allowed.items())
        message = f"any pod may use annotations that affect security: {listed}"
        hint = "limit them with rules under annotations"
        notes.append(Finding.of(FindingCode.OPEN_ANNOTATIONS, message, hint=hint))
        number = f"{len(allowed)} annotation" + ("" if len(allowed) == 1 else "s")
        brief[FindingCode.OPEN_ANNOTATIONS] = f"{number} that affect security may be used by any pod"
    return notes, brief
