"""What is soaked: replicas behind one address, their Service, registration and configuration.

Here: putting it up and taking it down. Not here: what happens to it (disturbances.py).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hack.bench.soak.creating import CONFIGURATION, Outages, Tally
from hack.bench.soak.replicas import Endpoints, Replica
from hack.bench.soak.waiting import SoakError, until
from tests.beds.apiserver.balancer import balanced
from tests.beds.apiserver.bed import ApiServer

REPLICAS = 2
SECRET = "webhook-ca"


class Mounted:
    """A configuration file as a kubelet mounts it: a link that is swapped."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "injector.yaml"
        self._folder = folder
        self._versions = itertools.count()
        folder.mkdir()

    def write(self, text: str) -> None:
        """Replace the text at once, as the ConfigMap behind it was."""
        version = f"..{next(self._versions)}"
        (self._folder / version).mkdir()
        (self._folder / version / "injector.yaml").write_text(text)
        (self._folder / "..new").symlink_to(version)
        os.replace(self._folder / "..new", self._folder / "..data")
        if not self.file.is_symlink():
            self.file.symlink_to("..data/injector.yaml")


@dataclass
class Stand:
    """All that runs, and its results so far."""

    bed: ApiServer
    home: str
    labelled: str
    server: Mapping[str, Any]
    mounted: Mounted
    endpoints: Endpoints
    starter: Executor
    outages: Outages = field(default_factory=Outages)
    tally: Tally = field(default_factory=Tally)
    replicas: list[Replica] = field(default_factory=list)
    everyone: list[Replica] = field(default_factory=list)
    configuration: int = 0
    failed_calls: int = 0
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def settings(self) -> dict[str, Any]:
        """The configuration that counts now, as a tree."""
        certificates = {"source": "own", "service": f"{self.home}/webhook", **self.server["certificates"]}
        return {
            "profile": "istio",
            "values": {"global": {"hub": "registry.example.com/istio", "tag": "1.30.0"}},
            "injectedAnnotations": {CONFIGURATION: str(self.configuration)},
            "server": {"source": {"pollSeconds": 1}, **self.server, "certificates": certificates},
        }

    def configure(self) -> None:
        """Mount what counts now."""
        self.mounted.write(json.dumps(self.settings(), indent=2))

    def new_replica(self) -> Replica:
        """A replica that was started; it gets connections once it is among the endpoints."""
        made = Replica(f"replica-{next(self._numbers)}", self.mounted.file, self.bed.kubeconfig, self.starter)
        self.everyone.append(made)
        made.start()
        return made

    def count_failed_calls(self) -> None:
        """Add what the API server itself counted since its start: refusals and failures of webhooks."""
        for line in self.bed.kubectl("get", "--raw", "/metrics").splitlines():
            if line.startswith("apiserver_admission_webhook_rejection_count{"):
                self.failed_calls += int(float(line.rpartition(" ")[2]))

    def logged(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """Lines of all replicas that ever ran."""
        return [line for replica in self.everyone for line in replica.logged(event, **fields)]


@contextlib.contextmanager
def standing(bed: ApiServer, folder: Path, server: Mapping[str, Any], lag: float) -> Iterator[Stand]:
    """Put it up, and hand it out once the API server calls it."""
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(bed.namespace())
        labelled = stack.enter_context(bed.namespace({"istio-injection": "enabled"}))
        bed.kubectl("create", "-f", "-", manifest=_service(home))
        starter = stack.enter_context(ThreadPoolExecutor(1))
        endpoints = Endpoints(lag)
        stand = Stand(bed, home, labelled, server, Mounted(folder / "mounted"), endpoints, starter)
        stack.callback(_kill, stand)
        stand.configure()
        stack.enter_context(endpoints.watching())
        port = stack.enter_context(balanced(endpoints.addresses))
        _register(stand, port, stack)
        # Both at once, as in a new cluster: they have to agree on one CA.
        with ThreadPoolExecutor(REPLICAS) as starting:
            stand.replicas += starting.map(lambda _: stand.new_replica(), range(REPLICAS))
            list(starting.map(endpoints.add, stand.replicas))
        until("the API server calls the webhook", lambda: _calls(stand))
        yield stand


def _kill(stand: Stand) -> None:
    for replica in stand.everyone:
        replica.kill()


def _service(namespace: str) -> dict[str, Any]:
    """An external name, so that an API server without nodes finds it on loopback."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "webhook", "namespace": namespace},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }


def _register(stand: Stand, port: int, stack: contextlib.ExitStack) -> None:
    name = f"soak-{stand.home}"
    command = [sys.executable, "-m", "injector.cli.main", "webhook-config", f"--name={name}"]
    command += [f"--config={stand.mounted.file}", f"--service={stand.home}/webhook:{port}"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise SoakError(f"injector webhook-config: {made.stderr}")
    path = stand.mounted.file.parent.parent / "registration.yaml"
    path.write_text(made.stdout)
    stand.bed.kubectl("create", "-f", str(path))
    stack.callback(stand.bed.kubectl, "delete", "mutatingwebhookconfiguration", name)


def _calls(stand: Stand) -> bool:
    """Whether a dry run comes back with a sidecar: a new registration counts after a moment."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe"},
        "spec": {"containers": [{"name": "app", "image": "example.invalid/app:1"}]},
    }
    arguments = ("create", "-n", stand.labelled, "--dry-run=server", "-o", "json", "-f", "-")
    answer = json.loads(stand.bed.kubectl(*arguments, manifest=pod))
    return CONFIGURATION in (answer["metadata"].get("annotations") or {})
