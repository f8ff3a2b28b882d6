"""The flags that `kube-inject` and `render` share: those of `InjectionInput` but for the manifests."""

from __future__ import annotations

from typing import Final

import click

from injector.cli import options
from injector.cli.options import Command, Option

_ALL: Final[tuple[Option, ...]] = (
    options.namespace("Namespace of objects without a namespace."),
    click.option(
        "-i", "--istioNamespace", "control_namespace", metavar="NS", help="Namespace of the control plane."
    ),
    click.option("-r", "--revision", metavar="REV", help="Revision of the control plane."),
    click.option(
        "--meshConfigFile",
        "mesh_file",
        metavar="FILE",
        help="Mesh configuration; replaces meshConfig of the configuration file.",
    ),
    click.option("--valuesFile", "values_file", metavar="FILE", help="Values file of a control plane."),
    click.option(
        "--injectConfigFile", "inject_file", metavar="FILE", help="Injection settings with Jinja templates."
    ),
    click.option(
        "--meshConfigMapName", "mesh_map", metavar="NAME", help="Read the mesh configuration of the cluster."
    ),
    click.option(
        "--injectConfigMapName", "inject_map", metavar="NAME", help="Read injection settings of the cluster."
    ),
    click.option("--from-cluster", is_flag=True, help="Read configuration and Namespaces from the cluster."),
    options.cluster("Same as for kubectl; implies --from-cluster."),
    options.objects(),
    options.tags(),
    click.option(
        "--strict",
        is_flag=True,
        help="Treat skipped workloads, pod templates of unknown kinds, and pods with problems, as errors.",
    ),
    options.fail_on("warning", "note", default="findings do not fail"),
    options.report(),
)


def injection(command: Command) -> Command:
    """Configuration, the objects around the manifests, and what is an error."""
    for option in reversed(_ALL):
        command = option(command)
    return command
