"""`injector admit`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector admit --config injector.yaml -f review.json
  injector admit --config injector.yaml --objects namespaces.yaml -f review.json
  injector admit --path /inject/cluster/east/net/n1 -f - < review.json"""


@click.command("admit", epilog=EXAMPLES)
@options.config()
@click.option("-f", "--filename", metavar="FILE|-", help="The AdmissionReview, as JSON.")
@options.objects("Namespaces and other objects of the cluster.")
@options.path("request")
def command(**flags: Any) -> int:
    """Answer one AdmissionReview on stdout. A denial is an answer too, with exit status 0."""
    from injector.cli import admit

    return admit.run(admit.AdmitFlags(**flags))
