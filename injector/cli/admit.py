"""`injector admit`: an AdmissionReview in, an AdmissionReview out, as the webhook answers it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from injector.errors import ConfigError, ReviewError
from injector.printable import json_text

EXAMPLES: Final = """\b
Examples:
  injector admit --config injector.yaml -f review.json
  injector admit --config injector.yaml --objects namespaces.yaml -f review.json
  injector admit --path /inject/cluster/east/net/n1 -f - < review.json"""


@click.command("admit", epilog=EXAMPLES)
@click.option(
    "--config", "config_file", metavar="FILE", help="Configuration file; the same as for the webhook."
)
@click.option("-f", "--filename", metavar="FILE|-", help="The AdmissionReview, as JSON.")
@click.option("--objects", multiple=True, metavar="FILE", help="Namespaces and other objects of the cluster.")
@click.option("--path", default="", metavar="/PATH", help="Path of the request, with its overrides.")
def command(config_file: str | None, filename: str | None, objects: tuple[str, ...], path: str) -> int:
    """Answer one AdmissionReview on stdout. A denial is an answer too, with exit status 0."""
    from injector.cli import world
    from injector.cli.report import Report
    from injector.config.load import load
    from injector.server import review

    if not filename:
        raise ConfigError(
            "filename not specified (see --filename or -f)", hint="give -f REVIEW.json, or -f -"
        )
    config = load(config_file)
    around = world.from_objects(objects, "")
    asked = review.parse(_read(filename))
    answer = review.answer(
        asked,
        config,
        around.namespaces.get,
        native_sidecars=around.native_sidecars,
        objects=around.objects,
        path=path,
    )
    report = Report()
    decision = answer.outcome.decision
    words = {"inject": "injected", "skip": "skipped", "deny": "refused"}
    report.reasoned(words[decision.verdict.value], "request", decision.reason)
    report.findings(answer.outcome.findings)
    click.echo(json_text(answer.review))
    return 0


def _read(filename: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if filename == "-" else Path(filename).read_bytes()
    except OSError as error:
        reason = (error.strerror or "file cannot be read").lower()
        raise ReviewError(f"{filename}: {reason}", hint="check the path and its permissions") from error
