"""`injector serve` as a process while its API server answers 500, hangs, or hangs up."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest

from injector.config.current import Current
from injector.core.profile import Config
from injector.telemetry import Metrics
from tests.fake_apiserver import FakeApiServer, fake_apiserver
from tests.server.test_serve import PATIENCE, Files, Served, call, served
from tests.server.test_serve import files as files
from tests.server.webhook_factories import a_body, a_config, a_pod

NAMESPACES = "/api/v1/namespaces"
# A list that is under way when the stop comes has to be given up, not waited for.
# By itself it ends after READ_SECONDS of injector/kube/client.py, a minute.
SOON = 45


@dataclass(frozen=True)
class WithCluster(Files):
    """The same files, and a cluster instead of none."""

    def arguments(self) -> list[str]:
        arguments = super().arguments()
        at = arguments.index("--namespaces")
        return [*arguments[:at], *arguments[at + 2 :], "--kubeconfig", str(self.folder / "kubeconfig")]


@dataclass(frozen=True)
class FromConfigMap(WithCluster):
    """The configuration in a ConfigMap instead of a file."""

    def arguments(self) -> list[str]:
        arguments = super().arguments()
        at = arguments.index("--config")
        return [*arguments[:at], *arguments[at + 2 :], "--config-map", "mesh/injector"]


@dataclass
class Running:
    """A process with a cluster, asked on its two listeners."""

    fake: FakeApiServer
    process: Served
    webhook: http.client.HTTPConnection
    health: http.client.HTTPConnection

    def readiness(self) -> tuple[int, dict[str, Any]]:
        answer, body = call(self.health, "GET", "/readyz")
        return answer.status, json.loads(body)

    def until(self, fits: Callable[[int, dict[str, Any]], object]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while not fits(*(answer := self.readiness())):
            assert time.monotonic() < deadline, answer
            time.sleep(0.05)
        return answer[1]

    def injects(self) -> bool:
        answer, body = call(self.webhook, "POST", "/mutate", a_body(a_pod()))
        return answer.status == 200 and "patch" in json.loads(body)["response"]


@pytest.fixture
def running(files: Files) -> Iterator[Running]:
    """A process whose API server answers 500 from the first request on."""
    settings = files.config.read_text().replace("server:", "nativeSidecars: enabled\nserver:")
    files.config.write_text(settings)
    with fake_apiserver(files.folder) as (fake, _), served(WithCluster(files.folder)) as process:
        fake.label("shop", tier="gold")
        fake.trouble("500")
        yield Running(fake, process, *process.callers(process.wait_for("listening")))


def test_before_the_first_list_it_is_not_ready_and_answers_from_the_review_alone(running: Running) -> None:
    readiness = running.until(lambda _status, detail: detail["waiting"].get(NAMESPACES) != "not read yet")
    assert readiness["ready"] is False
    assert "the API server answered 500 InternalError" in readiness["waiting"][NAMESPACES]
    assert readiness["waiting"][NAMESPACES].endswith("(hint: try again)")
    assert running.injects()
    waits = running.process.wait_for("cluster", what=NAMESPACES)
    assert (waits["level"], waits["message"]) == ("warning", readiness["waiting"][NAMESPACES])

    running.fake.trouble("")
    assert running.until(lambda status, _detail: status == 200)["notes"] == {}
    assert running.process.wait_for("cluster", what=NAMESPACES)["message"] == "up to date"


@pytest.mark.parametrize("trouble", ["500", "nothing", "hung up"])
def test_an_unavailable_api_server_stops_neither_answers_nor_shutdown(running: Running, trouble: str) -> None:
    running.fake.trouble("")
    running.until(lambda status, _detail: status == 200)
    running.fake.trouble(trouble)
    if trouble != "nothing":
        # Silence is noticed after minutes only, as a quiet cluster is silent too.
        noted = running.until(lambda _status, detail: detail["notes"])
        assert noted["ready"] is True
        assert noted["notes"][NAMESPACES].startswith("may be out of date: ")
        assert "(hint: " in noted["notes"][NAMESPACES]
    assert running.injects()
    assert running.readiness()[0] == 200
    running.process.process.send_signal(signal.SIGTERM)
    assert running.process.process.wait(SOON) == 0


def test_a_configmap_that_is_being_read_does_not_keep_the_process(files: Files) -> None:
    with fake_apiserver(files.folder) as (fake, _):
        # A ConfigMap has no folder, so that its profile is one that ships.
        fake.settings = "revision: one\nserver: {source: {pollSeconds: 1}}\n"
        with served(FromConfigMap(files.folder)) as process:
            process.wait_for("listening")
            fake.trouble("nothing")
            deadline = time.monotonic() + PATIENCE
            while not any("/configmaps/" in path for path in fake.hanging):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.process.send_signal(signal.SIGTERM)
            assert process.process.wait(SOON) == 0


def test_a_defect_in_reading_keeps_the_last_good_configuration() -> None:
    class Failing:
        server = None
        step = "settings"

        def read(self) -> NoReturn:
            raise KeyError("secret")

    async def main() -> None:
        config = a_config()
        taken: list[Config] = []
        current = Current(
            Failing(), config, Metrics(), seconds=1, in_thread=asyncio.to_thread, taken=taken.append
        )
        await current.refresh()
        assert current.config is config
        assert taken == [config]
        warning = "the last valid configuration stays in use: "
        warning += "reading the configuration failed unexpectedly: KeyError"
        assert current.warnings() == {"config": warning}

    asyncio.run(main())
