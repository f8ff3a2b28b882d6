"""Caller authentication that checks nothing is refused by `check` and by `serve`, before anything listens."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from injector.certs.issue import CertificateSpec, make_authority, sign_leaf
from injector.config.caller_settings import CallerAuth
from injector.config.server_settings import Server, SourceSettings
from injector.server.tls import ReloadableTLS
from injector.serving.caller_auth import Callers
from injector.telemetry import Metrics
from tests.callers.credentials import Authority, Signer
from tests.cli.conftest import Run

SETTINGS = """\
profile: ./logship
server: {callerAuth: {mode: enforce, clientCaFile: ca.pem}}
"""


@pytest.mark.parametrize("command", ["check", "serve"])
def test_settings_that_would_accept_every_caller_are_refused(run: Run, folder: Path, command: str) -> None:
    (folder / "c.yaml").write_text(SETTINGS)
    done = run(command, "--config", "c.yaml")
    assert done.status == 2
    assert "server.callerAuth.clientNames: any certificate of the CA would be accepted" in done.out + done.err


@pytest.mark.usefixtures("in_one_process")
@pytest.mark.parametrize(
    ("text", "message"), [(None, "no such file"), ("nothing", "no valid CA certificate")]
)
def test_a_file_of_cas_that_cannot_be_read_ends_the_start(
    run: Run, folder: Path, text: str | None, message: str
) -> None:
    (folder / "c.yaml").write_text(SETTINGS.replace("ca.pem", "ca.pem, clientNames: [kube-apiserver]"))
    if text is not None:
        (folder / "ca.pem").write_text(text)
    made = start_files(folder)
    done = run("serve", "--config", "c.yaml", "--namespaces", "off", *made)
    assert done.status == 2
    assert message in done.err
    assert "ca.pem" in done.err


def test_a_changed_ca_file_is_applied_and_a_broken_one_reported(tmp_path: Path) -> None:
    file, swap = tmp_path / "ca.pem", ReloadableTLS(asks=True)
    first, second = Authority.make(), Authority.make("second")
    file.write_text(first.pem)
    auth = CallerAuth(mode="enforce", client_ca_file=str(file), client_names=("kube-apiserver",))
    callers = Callers(Server(caller_auth=auth, source=SourceSettings(poll_seconds=1)), None, Metrics(), swap)

    async def until(fits: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not fits():
                await asyncio.sleep(0.02)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            callers.start(group)
            file.write_text("-----BEGIN CERT")
            await until(lambda: str(file) in callers.warnings().get("callerAuth", ""))
            assert callers.warnings()["callerAuth"].endswith("(hint: PEM is expected)")
            assert swap.trusted == first.pem
            take, callers._tls = callers._tls, None  # type: ignore[assignment]
            await until(lambda: "failed unexpectedly: AttributeError" in callers.warnings()["callerAuth"])
            callers._tls = take
            file.write_text(second.pem)
            await until(lambda: not callers.warnings())
            assert swap.trusted == second.pem
            callers.stop()

    asyncio.run(main())


def test_without_keys_no_caller_can_be_verified_and_the_replica_is_not_ready(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    auth = CallerAuth(audience="us", subjects=("them",), issuer="they", jwks_file=str(keys))

    async def waited(mode: str) -> Mapping[str, str]:
        server = Server(caller_auth=replace(auth, mode=mode))
        callers = Callers(server, None, Metrics(), ReloadableTLS())
        async with asyncio.TaskGroup() as group:
            callers.start(group)
            async with asyncio.timeout(60):
                while callers.warnings() == {"callerAuth": "not read yet"}:
                    await asyncio.sleep(0)
            callers.stop()
        return callers.not_ready()

    for text in (None, "", "[]", '{"keys": []}'):
        if text is not None:
            keys.write_text(text)
        assert "no keys to verify tokens" in asyncio.run(waited("enforce"))["callerAuth"]
    assert asyncio.run(waited("audit")) == {}
    keys.write_text(json.dumps({"keys": [Signer.make().published()]}))
    assert asyncio.run(waited("enforce")) == {}


def start_files(folder: Path) -> list[str]:
    """What `serve` needs besides: a certificate, and free ports."""
    wanted = CertificateSpec(("localhost",), ca_seconds=604800.0, leaf_seconds=604800.0)
    leaf = sign_leaf(make_authority(wanted, time.time()), wanted, time.time())
    (folder / "tls.pem").write_text(f"{leaf.key}\n{leaf.chain}")
    return ["--tls-bundle", "tls.pem", "--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"]
