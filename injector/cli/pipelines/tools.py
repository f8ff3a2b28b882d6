"""Runs the user's own helm and kustomize, and reads what they render.

By a list of arguments, without a shell. Not here: what is done with the manifests.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from injector.cli.reading.source import MOST
from injector.errors import ConfigError, ManifestError

_BLOCK: Final = 1 << 20


def kustomize(folder: str, arguments: Sequence[str]) -> tuple[str, bytes]:
    """A folder as kustomize builds it: a name for messages, and the manifests. Raises InjectorError."""
    name = f"kustomize {folder}"
    if program := shutil.which("kustomize"):
        return name, _output(name, [program, "build", *arguments, "--", folder])
    if program := shutil.which("kubectl"):
        return name, _output(name, [program, "kustomize", *arguments, "--", folder])
    hint = "install kustomize (https://kubectl.docs.kubernetes.io/installation/) or kubectl"
    raise ConfigError("neither kustomize nor kubectl is on PATH", where=f"-k {folder}", hint=hint)


def helm(chart: str, arguments: Sequence[str]) -> tuple[str, bytes]:
    """A chart as `helm template` renders it, as for `kustomize`. Raises InjectorError."""
    program = shutil.which("helm")
    if program is None:
        hint = "install helm (https://helm.sh/docs/intro/install/)"
        raise ConfigError("helm is not on PATH", where=f"--helm {chart}", hint=hint)
    name = f"helm {chart}"
    return name, _output(name, [program, "template", *arguments, "--", chart])


def _output(name: str, command: Sequence[str]) -> bytes:
    """What a program prints; its stderr passes through. Raises InjectorError."""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    except OSError as error:
        reason = (error.strerror or "cannot be run").lower()
        raise ConfigError(reason, where=command[0], hint="check the program") from error
    with process:
        assert process.stdout is not None
        out = bytearray()
        while block := process.stdout.read(_BLOCK):
            out += block
            if len(out) > MOST:
                process.kill()
                raise ManifestError(
                    f"the output is larger than {MOST >> 20} MiB",
                    where=name,
                    hint="render it in parts",
                )
    if process.returncode:
        ended = f"signal {-process.returncode}" if process.returncode < 0 else f"status {process.returncode}"
        raise ManifestError(
            f"{Path(command[0]).name} failed with {ended}",
            where=name,
            hint="see its message above",
        )
    return bytes(out)
