"""The two programs: the real istioctl as a child process, ours in this one through its command line.

Both get the settings as people give them: istioctl the files that a control plane of these settings
runs on, ours its own settings or the same files. Not here: comparing what they answer.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from injector.cli.main import main as run_injector
from tests.beds.mesh.manifests import merged
from tests.differential.settings import MESH_FILES, Settings, Tree

_SECONDS: Final = 60.0


class DoorError(Exception):
    """One of the programs cannot be used at all; the text is for people."""


@dataclass(frozen=True)
class Answer:
    """What a program made of the documents: they as injected, or None where it refused them."""

    documents: list[Any] | None
    message: str


@dataclass(frozen=True)
class Files:
    """The files of a control plane with some settings, in a folder that is the caller's."""

    folder: Path
    settings: Settings

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def write(self, name: str, tree: Any) -> str:
        # JSON is YAML, and leaves nothing to a writer's taste.
        (self.folder / name).write_text(json.dumps(tree))
        return self.path(name)


def control_plane(istioctl: Path, settings: Settings, folder: Path) -> Files:
    """Let istioctl write the configuration of a control plane with these settings."""
    files = Files(folder, settings)
    values = settings.values
    if settings.revision != "default":
        values = {**values, "revision": settings.revision}
    operator = {
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "spec": {"values": values, "meshConfig": settings.mesh},
    }
    # The empty profile and istiod alone: what else there is plays no part in injection.
    flags = ["--force", "--set", "profile=empty", "--set", "components.pilot.enabled=true"]
    command = [str(istioctl), "manifest", "generate", *flags, "-f", files.write("operator.yaml", operator)]
    done = subprocess.run(
        command, env=_environment(), capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    maps = _config_maps(done.stdout)
    suffix = "" if settings.revision == "default" else f"-{settings.revision}"
    try:
        injector, mesh = maps[f"istio-sidecar-injector{suffix}"], maps[f"istio{suffix}"]
    except KeyError as missing:
        raise DoorError(f"manifest generate gave no ConfigMap {missing}: {done.stderr[-300:]}") from None
    chart = json.loads(injector["values"])
    # The installer sets this one by its own component, which is not wanted here.
    cni = settings.values.get("pilot", {}).get("cni", {})
    files.write("values.yaml", merged(chart, {"pilot": {"cni": cni}}))
    (folder / "inject.yaml").write_text(injector["config"])
    (folder / "mesh.yaml").write_text(mesh["mesh"])
    return files


def both(istioctl: Path, files: Files, documents: Sequence[Tree]) -> tuple[Answer, Answer]:
    """What istioctl makes of the documents, and what ours does; the two work at the same time."""
    manifests = files.folder / "in.yaml"
    manifests.write_text("---\n".join(f"{json.dumps(document)}\n" for document in documents))
    command = [str(istioctl), "kube-inject", "-f", str(manifests), "-o", files.path("upstream.yaml")]
    for flag, name in (("injectConfigFile", "inject"), ("meshConfigFile", "mesh"), ("valuesFile", "values")):
        command += [f"--{flag}", files.path(f"{name}.yaml")]
    # Without a revision it would ask a cluster.
    command += ["--revision", files.settings.revision]
    environ = _environment() | {"ENABLE_NATIVE_SIDECARS": str(files.settings.native).lower()}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as upstream:
        try:
            ours = _ours(files)
            _, message = upstream.communicate(timeout=_SECONDS)
        except BaseException:
            upstream.kill()
            raise
    theirs = _documents(files.folder / "upstream.yaml") if upstream.returncode == 0 else None
    return Answer(theirs, message), ours


def _ours(files: Files) -> Answer:
    settings = files.settings
    config: Tree = {
        "nativeSidecars": "enabled" if settings.native else "disabled",
        "compatibility": {"istioQuirks": settings.quirks},
    }
    arguments = ["kube-inject", "-f", files.path("in.yaml"), "-o", files.path("ours.yaml")]
    if settings.read_by_ours == MESH_FILES:
        arguments += ["--valuesFile", files.path("values.yaml"), "--meshConfigFile", files.path("mesh.yaml")]
    else:
        config |= {"values": settings.values, "meshConfig": settings.mesh}
    config = merged(config, settings.over)
    arguments += ["--revision", settings.revision, "--config", files.write("injector.yaml", config)]
    stderr = io.StringIO()
    with contextlib.redirect_stderr(stderr):
        status = run_injector(arguments)
    documents = _documents(files.folder / "ours.yaml") if status == 0 else None
    return Answer(documents, stderr.getvalue())


def _environment() -> dict[str, str]:
    # A kubeconfig that is not there: neither program may look at a cluster that happens to be set up.
    return {**os.environ, "KUBECONFIG": os.devnull, "HOME": os.devnull}


def _config_maps(text: str) -> dict[str, dict[str, str]]:
    maps = [tree for tree in yaml.load_all(text, yaml.CSafeLoader) if tree and tree["kind"] == "ConfigMap"]
    return {tree["metadata"]["name"]: tree["data"] for tree in maps}


def _documents(path: Path) -> list[Any]:
    return [tree for tree in yaml.load_all(path.read_text(), yaml.CSafeLoader) if tree is not None]
