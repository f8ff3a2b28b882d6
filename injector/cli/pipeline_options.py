"""The flags of `render` for pipelines. Not here: what they do."""

from __future__ import annotations

from typing import Final

import click

from injector.cli import options
from injector.cli.options import Command, Option

_ALL: Final[tuple[Option, ...]] = (
    click.option(
        "-k",
        "--kustomize",
        type=options.FILES,
        metavar="DIR",
        help="Render what kustomize builds from a folder. Arguments after -- are passed to kustomize.",
    ),
    click.option(
        "--helm",
        type=options.FILES,
        metavar="CHART",
        help="Render what helm template prints for a chart. Arguments after -- are passed to helm.",
    ),
    click.option(
        "--post-renderer",
        is_flag=True,
        help="Be a post-renderer of Helm: manifests from stdin to stdout, hooks left alone.",
    ),
    click.option(
        "--krm",
        is_flag=True,
        help="Be a KRM function: a ResourceList from stdin to stdout.",
    ),
    click.option(
        "--hooks", is_flag=True, help="Also inject hooks and tests of Helm, with --helm and --post-renderer."
    ),
)


def pipelines(command: Command) -> Command:
    """Where the manifests come from in a pipeline."""
    for option in reversed(_ALL):
        command = option(command)
    return command
