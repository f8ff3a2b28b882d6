"""`injector admit`: an AdmissionReview in, an AdmissionReview out, as the webhook answers it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import click

from injector.cli import world
from injector.cli.configuration import Wanted, located
from injector.cli.report import Report
from injector.errors import ConfigError, ReviewError
from injector.printable import json_text
from injector.server import answers, reviews


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
    config = located(Wanted(config_file=flags.config_file, local=False)).config()
    around = world.from_objects(flags.objects, "")
    request = reviews.parse(_read(flags.filename), path=flags.path)
    facts = answers.facts_of(
        request,
        config,
        around.namespaces.get,
        native_sidecars=around.native_sidecars,
        objects=around.objects,
    )
    answer = answers.answer(request, config, facts)
    report = Report()
    decision = answer.outcome.decision
    words = {"inject": "injected", "skip": "skipped", "deny": "refused"}
    report.reasoned(words[decision.verdict.value], "request", decision)
    report.findings(answer.outcome.findings)
    click.echo(json_text(answer.review))
    return 0


def _read(filename: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if filename == "-" else Path(filename).read_bytes()
    except OSError as error:
        reason = (error.strerror or "file cannot be read").lower()
        raise ReviewError(f"{filename}: {reason}", hint="check the path and its permissions") from error
