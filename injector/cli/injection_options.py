"""The flags of `InjectionInput` but for the manifests, and those of `ConfigurationInput` alone."""

from __future__ import annotations

from typing import Final

import click

from injector.cli import options
from injector.cli.options import Command, Option

_CONFIGURATION: Final[tuple[Option, ...]] = (
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
    options.tags(),
)
_CLUSTER: Final[tuple[Option, ...]] = (
    click.option("--from-cluster", is_flag=True, help="Read configuration and Namespaces from the cluster."),
    options.cluster("Same as for kubectl; implies --from-cluster."),
)
_ALL: Final[tuple[Option, ...]] = (
    options.namespace("Namespace of objects without a namespace."),
    *_CONFIGURATION,
    *_CLUSTER,
    options.bundle(),
    options.objects(),
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


def configuration(command: Command) -> Command:
    """Where the configuration comes from, beside --config and --config-map."""
    for option in reversed(_CONFIGURATION):
        command = option(command)
    return command


def from_cluster(command: Command) -> Command:
    """Which cluster is read, where one is."""
    for option in reversed(_CLUSTER):
        command = option(command)
    return command
