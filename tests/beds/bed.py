"""What all beds with an API server share: where they can run, how they are run, kubectl and namespaces.

Here: what each bed offers, and what of it is the same everywhere. Not here: how a bed is made (apiserver/,
node/), and the fixtures of the tests (plugin.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.beds.programs import build

KUBECTL_SECONDS = 240.0
NOT_OURS = "this cluster is not ours (E2E_KUBECONFIG)"
# The exit status by which timeout(1) says that it ended a program.
TIMED_OUT = 124


class BedError(Exception):
    """The bed does not start, or an operation is not possible on it; the text is for people."""


class NotOurs(BedError):
    """The test needs a cluster that the bed made, and this one existed before."""


@dataclass(frozen=True)
class Bed(ABC):
    """A running cluster. `folder` is a place for files of tests, `kubectl_path` the program.

    `label` is what a skip calls the bed.
    """

    label: ClassVar[str]

    kubeconfig: Path
    kubectl_path: Path
    folder: Path

    @staticmethod
    @abstractmethod
    def unavailable() -> str | None:
        """Say in one line why there can be no such bed here; None where there can."""

    @classmethod
    @abstractmethod
    def running(cls) -> AbstractContextManager[Self]:
        """Run one while the body runs, or hand out the cluster of E2E_KUBECONFIG."""

    def kubectl(self, *arguments: str, manifest: object = None, timeout: float = KUBECTL_SECONDS) -> str:
        """Run kubectl and return its stdout; `manifest` goes to its stdin as JSON, a text as it is."""
        text = manifest if manifest is None or isinstance(manifest, str) else json.dumps(manifest)
        return run_command(
            self.kubectl_command(*arguments), f"kubectl {' '.join(arguments[:3])}", text, timeout
        )

    def kubectl_command(self, *arguments: str) -> list[str]:
        """Return the command line of kubectl for this cluster."""
        cache = f"--cache-dir={self.folder / 'kubectl-cache'}"
        return [str(self.kubectl_path), f"--kubeconfig={self.kubeconfig}", cache, *arguments]

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        """Return an object as the API server has it."""
        where = ["-n", namespace] if namespace else []
        item: dict[str, Any] = json.loads(self.kubectl("get", kind, name, *where, "-o", "json"))
        return item

    @contextlib.contextmanager
    def namespace(self, labels: Mapping[str, str] | None = None) -> Iterator[str]:
        """Make a namespace with a name of its own, and delete it after the body."""
        name = self.make_namespace(labels)
        try:
            yield name
        finally:
            self.delete_namespace(name)

    def make_namespace(self, labels: Mapping[str, str] | None = None, name: str | None = None) -> str:
        """Make a namespace in which pods can be made, by default with a new name; return the name."""
        name = name or f"test-{secrets.token_hex(4)}"
        metadata = {"name": name, "labels": dict(labels or {})}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        self.kubectl("create", "-f", "-", manifest=namespace)
        # Admission refuses pods in a namespace whose account is not there yet.
        self.kubectl("wait", "-n", name, "--for=create", "serviceaccount/default", "--timeout=90s")
        return name

    def delete_namespace(self, name: str, *, wait: bool = False) -> None:
        """Delete a namespace with all that is in it; with `wait`, return when it is gone."""
        self.kubectl("delete", "namespace", name, f"--wait={str(wait).lower()}", "--ignore-not-found")


def foreign_kubeconfig() -> Path | None:
    """Return the file of E2E_KUBECONFIG; None where it is not set."""
    name = os.environ.get("E2E_KUBECONFIG")
    return Path(name).resolve() if name else None


def foreign_unavailable(kubeconfig: Path) -> str | None:
    """Say in one line why the cluster of a kubeconfig cannot be used; None where it can."""
    return None if kubeconfig.is_file() else "E2E_KUBECONFIG names a file that does not exist"


def installed_kubectl() -> Path:
    """Return the machine's own kubectl, which fits somebody else's cluster best; else ours."""
    program = shutil.which("kubectl")
    return Path(program) if program else build.programs(["kubectl"])["kubectl"]


def run_command(command: list[str], what: str, text: str | None, timeout: float) -> str:
    """Run a command and return its stdout; one under timeout(1) has a moment to end by itself."""
    late = f"{what}: not done after {timeout:g} s"
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, timeout=timeout + 5
        )
    except subprocess.TimeoutExpired:
        raise BedError(late) from None
    if done.returncode == TIMED_OUT and "timeout" in command:
        raise BedError(late)
    if done.returncode:
        raise BedError(f"{what}: exit status {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout
