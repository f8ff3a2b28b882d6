"""`injector audit --watch`: a line for each change, until it is interrupted."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.apiserver.auditing import Mesh
from tests.apiserver.webhook_serving import PATIENCE, a_pod, created, until

pytestmark = pytest.mark.xdist_group("audit")


@contextlib.contextmanager
def watching(mesh: Mesh, folder: Path, *arguments: str) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """The command as a process, and the file that its lines come to."""
    out, err = folder / "out", folder / "err"
    command = [sys.executable, "-m", "injector.cli.main", "audit", "--watch", *arguments]
    command += [f"--kubeconfig={mesh.bed.kubeconfig}"]
    with out.open("wb") as to_out, err.open("wb") as to_err:
        # A shell's background jobs ignore interrupts, and the processes that they start do as well.
        restored = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen(command, stdout=to_out, stderr=to_err, preexec_fn=restored)
        try:
            until("it watches", lambda: "watching" in err.read_text())
            yield out, process
        finally:
            process.kill()
            process.wait()


def lines(out: Path, number: int) -> list[str]:
    """That many lines, once they are there."""
    until(f"{number} lines", lambda: len(out.read_text().splitlines()) >= number)
    return out.read_text().splitlines()


def test_changes_of_pods_and_of_their_namespace_are_printed_until_an_interrupt(
    audited: Mesh, tmp_path: Path
) -> None:
    bed = audited.bed
    with bed.namespace() as namespace:
        created(bed, namespace, a_pod("early"))
        with watching(audited, tmp_path, "-n", namespace, "--config", str(audited.before)) as (out, process):
            assert out.read_text() == ""
            bed.kubectl("label", "namespace", namespace, "istio-injection=enabled")
            early = f"{namespace}/early of Pod {namespace}/early"
            assert lines(out, 1) == [f"missing  {early}: on-by-default"]
            bed.kubectl("label", "pod", "early", "-n", namespace, "sidecar.istio.io/inject=false")
            [_, second] = lines(out, 2)
            assert second.startswith(f"current  {early}: ")
            bed.kubectl("label", "pod", "early", "-n", namespace, "sidecar.istio.io/inject-")
            assert lines(out, 3)[2] == f"missing  {early}: on-by-default"
            bed.kubectl("delete", "pod", "early", "-n", namespace, "--now")
            assert lines(out, 4)[3] == f"gone     {early}"
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130


def test_with_json_each_change_is_an_object_on_a_line(audited: Mesh, tmp_path: Path) -> None:
    bed = audited.bed
    with bed.namespace() as namespace:
        created(bed, namespace, a_pod("early"))
        bed.kubectl("label", "namespace", namespace, "istio-injection=enabled")
        arguments = ("-n", namespace, "--config", str(audited.before), "-o", "json")
        with watching(audited, tmp_path, *arguments) as (out, _):
            [line] = lines(out, 1)
            change = json.loads(line)
            assert (change["change"], change["name"], change["state"]) == ("missing", "early", "missing")


def test_what_cannot_begin_is_an_error(audited: Mesh) -> None:
    done = audited.audit("-n", "nope", "--config", audited.before, "--watch")
    assert (done.status, done.out) == (1, "")
    assert "namespace nope does not exist" in done.err
