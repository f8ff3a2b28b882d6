"""`injector admit`: an AdmissionReview in, an AdmissionReview out, as the webhook answers it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from injector.classes import dataclass
from injector.cli import world
from injector.cli.configuration import Wanted, located
from injector.cli.report import Report
from injector.config.loading import settings_of
from injector.core.model import AdmissionRequest, Verdict
from injector.errors import ConfigError, ReviewError
from injector.files import advice_on, reason_of
from injector.pointer import get
from injector.printable import json_text, shown
from injector.server import answers, reviews
from injector.server.answers import Answer, AnswerPolicy

_WORDS: Final = {
    Verdict.INJECT: "injected",
    Verdict.UNCHANGED: "unchanged",
    Verdict.SKIP: "skipped",
    Verdict.DENY: "refused",
    Verdict.ALLOW: "passed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmitFlags:
    """The flags of `admit`."""

    config_file: str | None
    filename: str | None
    objects: tuple[str, ...]
    path: str


def run(flags: AdmitFlags) -> int:
    """Print the answer to the review; a denial is an answer too. Raises InjectorError."""
    if not flags.filename:
        raise ConfigError(
            "filename not specified (see --filename or -f)", hint="give -f REVIEW.json, or -f -"
        )
    chosen = located(Wanted(config_file=flags.config_file, local=False))
    config, server = chosen.config(), settings_of(chosen.inputs).server
    around = world.from_objects(flags.objects, "")
    request = reviews.parse(
        _read(flags.filename),
        path=flags.path,
        body_limit=server.body_limit,
        nesting_limit=server.nesting_limit,
    )
    facts = answers.facts_of(
        request,
        config,
        around.namespaces.get,
        native_sidecars=around.native_sidecars,
        objects=around.objects,
    )
    policy = AnswerPolicy(
        server.failure_mode, server.warnings, server.audit_annotations, server.skip_warnings
    )
    answer = answers.answer(request, config, facts, policy)
    _report(request, answer)
    click.echo(json_text(answer.review))
    return 0


def _report(request: AdmissionRequest, answer: Answer) -> None:
    """One line about the pod, and the findings, on stderr."""
    report, outcome = Report(), answer.outcome
    reason = outcome.decision.reason
    sentence = outcome.decision.sentence
    if answer.decision is Verdict.ALLOW:
        # The answer does not say what failed.
        sentence = answers.message_of(outcome).removeprefix(f"{reason.value}: ")
    elif answer.decision is Verdict.UNCHANGED:
        sentence = "The injection is already up to date."
    report.verdict(_WORDS[answer.decision], _named(request), reason.value, sentence)
    report.findings(outcome.findings)


def _named(request: AdmissionRequest) -> str:
    """The kind, namespace and name of the object; pods of controllers have the beginning of a name."""
    meta = get(request.pod, "/metadata")
    names = meta if isinstance(meta, dict) else {}
    name = shown(request.name or names.get("name") or names.get("generateName") or "?")
    kind = shown(request.pod.get("kind") or "object")
    return f"{kind} {shown(request.namespace)}/{name}" if request.namespace else f"{kind} {name}"


def _read(filename: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if filename == "-" else Path(filename).read_bytes()
    except OSError as error:
        raise ReviewError(f"{filename}: {reason_of(error)}", hint=advice_on(error)) from error
