"""Whether a webhook answers: one connection that fails is tried again."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from injector.cli import check_connection
from injector.cli.check_connection import ConnectionCheck, Connections
from injector.config.loading import load
from injector.core.registration.checks import Survey
from injector.core.registration.entries import registered
from injector.kube.survey import SurveyReader
from tests.server.test_serve import Files, files

__all__ = ["files"]  # the fixture

PATIENCE = 60
RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}


@contextlib.contextmanager
def listening(files: Files, dropped: int) -> Iterator[int]:
    """A TLS server that drops its first connections without an answer; gives its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.folder / "tls.crt", files.folder / "tls.key")
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        left = dropped
        while not ended.is_set():
            connection, _ = listener.accept()
            with connection:
                if left or ended.is_set():
                    left -= 1
                    continue
                with (
                    contextlib.suppress(OSError),
                    context.wrap_socket(connection, server_side=True) as shaken,
                ):
                    shaken.recv(1)

    with socket.create_server(("localhost", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield port
        finally:
            ended.set()
            socket.create_connection(("localhost", port), PATIENCE).close()
            thread.join(PATIENCE)


def connections(files: Files, port: int, entries: int) -> Connections:
    """What entries of one address with different paths show."""
    bundle = base64.b64encode(files.ca.read_bytes()).decode()
    webhooks: list[dict[str, Any]] = [
        {
            "name": f"{number}.sidecar-injector.istio.io",
            "rules": [RULE],
            "clientConfig": {"url": f"https://localhost:{port}/mutate/{number}", "caBundle": bundle},
        }
        for number in range(entries)
    ]
    meta = {"name": "ours", "labels": {"app.kubernetes.io/name": "sidecar-injector"}}
    survey = Survey(tuple(registered([{"metadata": meta, "webhooks": webhooks}])), {})
    # No API server is asked about a webhook at a URL.
    reading = cast(SurveyReader, None)
    return ConnectionCheck(reading, survey, load(None), inside=False).connections()


@pytest.mark.parametrize(
    ("dropped", "entries", "answers", "failed"),
    [
        (0, 1, True, 0),
        (2, 1, True, 0),
        (3, 1, False, 1),
        # All tries of the first entry fail, and the second gets an answer from the same address.
        (3, 2, True, 0),
        (6, 2, False, 2),
    ],
)
def test_a_webhook_is_unreachable_if_all_tries_of_its_address_fail(
    files: Files, monkeypatch: pytest.MonkeyPatch, dropped: int, entries: int, answers: bool, failed: int
) -> None:
    monkeypatch.setattr(check_connection, "_PAUSE_SECONDS", 0)
    with listening(files, dropped) as port:
        result = connections(files, port, entries)
    assert [each.code.value for each in result.findings if each.level == "error"] == ["unreachable"] * failed
    assert list(result.answering.values()) == [answers]
    assert result.last_ca is not None
