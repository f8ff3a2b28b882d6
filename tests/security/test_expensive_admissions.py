"""Expensive pods of one namespace: what the others get meanwhile, and where the work ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from injector.config.loading import Input, Text, load_input
from injector.core.model import Namespace
from injector.core.profile import Config
from injector.server import admitting, queue, reviews
from injector.server.answers import AnswerPolicy
from injector.server.app import Webhook
from injector.server.health import create_app
from injector.server.queue import WORKERS
from injector.server.state import Limits, State
from injector.server.worker import Worker
from injector.telemetry import Metrics
from tests.asgi import exchange, scope_of
from tests.server.serving_in_thread import PATIENCE, serving
from tests.server.webhook_factories import Shipper, a_body, a_config, a_pod

LARGE = "x" * admitting.LOOP_BYTES


@dataclass
class Gate:
    """Holds the admissions of a namespace until it is opened, and notes who came in which thread."""

    namespace: str = "greedy"
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    opened: threading.Event = field(default_factory=threading.Event)
    threads: list[tuple[str, bool]] = field(default_factory=list)

    def config(self, before: Callable[[Any], None] = lambda _run: None) -> Config:
        gate = self

        class Gated(Shipper):
            def annotations(self, run: Any) -> Mapping[str, str]:
                gate.threads.append((run.facts.namespace, threading.current_thread().name == "admission"))
                before(run)
                if run.facts.namespace == gate.namespace:
                    gate.entered.release()
                    gate.opened.wait(PATIENCE)
                return {}

        return a_config(Gated)


@dataclass
class Stage:
    """A webhook, and the order in which it answers."""

    config: Config
    limits: Limits = field(default_factory=Limits)
    changed: dict[str, Any] = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        state = State(
            current=lambda: self.config, metrics=self.metrics, namespace_of=Namespace, limits=self.limits
        )
        self.state = replace(state, **self.changed)
        self.app = Webhook(self.state, create_app(self.state, inner=False))

    async def ask(self, path: str, body: bytes = b"", name: str = "", connection: Any = None) -> Any:
        """Status and text of an answer, which is noted by its name."""
        state = {"transport": connection} if connection else {}
        scope = scope_of("POST" if body else "GET", path, state=state, root_path="", http_version="1.1",
                         scheme="http")  # fmt: skip
        sent = await exchange(self.app, scope, [body])
        self.answered.append(name or path)
        return sent[0]["status"], sent[1]["body"]

    async def post(
        self, namespace: str, name: str = "", *, large: bool = False, connection: Any = None
    ) -> Any:
        """The response to a review of a pod, or its HTTP status where it is another than 200."""
        pod = a_pod(annotations={"note": LARGE}) if large else a_pod()
        body = a_body(pod, namespace=namespace)
        status, text = await self.ask("/mutate", body, name or namespace, connection)
        return json.loads(text)["response"] if status == 200 else status

    def count(self, metric: str) -> float:
        """The sum of a metric's samples."""
        lines = self.metrics.text().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(metric))


async def entered(gate: Gate) -> None:
    """Return when an admission is held."""
    assert await asyncio.to_thread(gate.entered.acquire, timeout=PATIENCE)


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(4 * PATIENCE):
            return await main()

    return asyncio.run(bounded())


def test_health_and_other_namespaces_are_answered_while_a_large_pod_is_in_work() -> None:
    gate = Gate()
    stage = Stage(gate.config())

    async def main() -> None:
        greedy = asyncio.create_task(stage.post("greedy", large=True))
        await entered(gate)
        for number in range(20):
            assert (await stage.post("shop", f"shop {number}"))["allowed"]
        assert await stage.ask("/healthz") == (200, b"ok")
        assert (await stage.post("bank", "bank, large", large=True))["allowed"]
        gate.opened.set()
        assert (await greedy)["patch"]

    run(main)
    assert stage.answered == [
        *(f"shop {number}" for number in range(20)),
        "/healthz",
        "bank, large",
        "greedy",
    ]


def test_a_small_pod_that_costs_much_is_moved_to_a_thread_with_the_whole_limit() -> None:
    gate = Gate()
    spent: list[int] = []

    def costs(run: Any) -> None:
        run.work.charge(admitting.LOOP_UNITS + 1)
        spent.append(run.work.limit)

    stage = Stage(gate.config(lambda run: costs(run) if run.facts.namespace == "greedy" else None))

    async def main() -> None:
        greedy = asyncio.create_task(stage.post("greedy"))
        await entered(gate)
        assert (await stage.post("shop"))["allowed"]
        gate.opened.set()
        assert (await greedy)["patch"]

    run(main)
    assert stage.answered == ["shop", "greedy"]
    assert gate.threads == [("greedy", False), ("greedy", True), ("shop", False)]
    assert spent == [stage.config.work_limit]
    assert stage.count('injector_admission_threaded_total{cause="work"}') == 1


def test_a_long_admission_of_the_loop_is_moved_at_its_next_charge(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.0]
    monkeypatch.setattr(time, "thread_time", lambda: seconds[0])

    def slow(_run: Any) -> None:
        seconds[0] += 0.0 if threading.current_thread().name == "admission" else 2 * admitting.LOOP_SECONDS

    gate = Gate(namespace="nobody's")
    stage = Stage(gate.config(slow))
    assert run(lambda: stage.post("greedy"))["patch"]
    assert gate.threads == [("greedy", False), ("greedy", True)]


def test_a_namespace_has_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # However slow this machine is, no request waits too long.
    monkeypatch.setattr(queue, "MOST_SECONDS", PATIENCE)
    gate = Gate()
    stage = Stage(gate.config())

    async def main() -> None:
        first = [asyncio.create_task(stage.post("greedy", large=True)) for _ in range(3)]
        await entered(gate)
        assert (await stage.post("shop", large=True))["allowed"]
        assert gate.threads == [("greedy", True), ("shop", True)]
        gate.opened.set()
        for each in first:
            assert (await each)["allowed"]

    run(main)
    assert stage.answered == ["shop", *["greedy"] * 3]


def test_waiting_too_long_for_a_thread_is_answered_while_it_is_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate()
    stage = Stage(gate.config())

    async def main() -> None:
        greedy = asyncio.create_task(stage.post("greedy", large=True))
        await entered(gate)
        monkeypatch.setattr(queue, "MOST_SECONDS", 0.0)
        assert await stage.post("greedy", "late", large=True) == 429
        gate.opened.set()
        assert (await greedy)["allowed"]

    run(main)
    assert stage.answered == ["late", "greedy"]
    assert stage.count('injector_request_shed_total{cause="age"}') == 1


def spin(run: Any) -> None:
    """Work without end that takes every exception for its own, and charges nothing."""
    while run.facts.namespace == "greedy":
        with contextlib.suppress(Exception):
            sum(range(1000))


def spin_and_charge(run: Any) -> None:
    """Work without end that says that it costs nothing."""
    while run.facts.namespace == "greedy":
        run.work.charge(0)


@pytest.mark.parametrize("work", [spin, spin_and_charge])
@pytest.mark.parametrize("failure_mode", ["deny", "allow"])
def test_past_the_cpu_limit_a_pod_is_denied_and_the_process_goes_on(
    work: Callable[[Any], None], failure_mode: str
) -> None:
    gate = Gate(namespace="nobody's")
    limits = Limits(cpu_seconds=0.1)
    stage = Stage(gate.config(work), limits, {"policy": AnswerPolicy(failure_mode)})

    async def main() -> list[Any]:
        answers = [await stage.post("greedy", large=True) for _ in range(2 * WORKERS)]
        return [*answers, await stage.post("shop", large=True), await stage.post("shop")]

    *denied, large, small = run(main)
    for answer in denied:
        assert not answer["allowed"]
        assert answer["status"]["message"].startswith("too-expensive: ")
        assert "more than 0.1 seconds of CPU time" in answer["status"]["message"]
        assert LARGE[:50] not in json.dumps(answer)
    assert large["patch"]
    assert small["patch"]
    assert stage.count("injector_admission_stopped_total") == len(denied)


def test_a_shorter_timeout_of_the_request_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    # Else the caller would have to wait for the default limit.
    monkeypatch.setattr("injector.server.app.budget_of", lambda _query: 0.2)
    monkeypatch.setattr(time, "perf_counter", lambda: 1000.0)
    stage = Stage(Gate(namespace="nobody's").config(spin), Limits(cpu_seconds=3600.0))
    answer = run(lambda: stage.post("greedy", large=True))
    assert "more than 0.2 seconds of CPU time" in answer["status"]["message"]


def test_a_body_whose_reading_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # No body within the bounds takes so long to be read.
    def endless(*_args: Any, **_kwargs: Any) -> Any:
        while True:
            pass

    monkeypatch.setattr(reviews, "parse", endless)
    stage = Stage(a_config(), Limits(cpu_seconds=0.1))
    assert run(lambda: stage.post("greedy", large=True)) == 413


def test_work_for_a_caller_that_has_hung_up_is_ended() -> None:
    class Connection:
        closing = False

        def is_closing(self) -> bool:
            return self.closing

    begun = threading.Semaphore(0)

    def begins(run: Any) -> None:
        begun.release()
        spin(run)

    connection = Connection()
    stage = Stage(Gate(namespace="nobody's").config(begins), Limits(cpu_seconds=3600.0))

    async def main() -> Any:
        greedy = asyncio.create_task(stage.post("greedy", large=True, connection=connection))
        assert await asyncio.to_thread(begun.acquire, timeout=PATIENCE)
        connection.closing = True
        return [await greedy, await stage.post("shop", large=True)]

    status, other = run(main)
    assert status == 429
    assert other["patch"]
    assert stage.count('injector_request_shed_total{cause="gone"}') == 1


def test_loop_and_thread_give_the_same_answer_and_call_back_in_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[str, threading.Thread]] = []

    def recorder(what: str) -> Callable[..., None]:
        return lambda *_args: calls.append((what, threading.current_thread()))

    asked = {
        "notify": recorder("notify"),
        "record": recorder("record"),
        "objects": lambda: recorder("objects")() or (),
    }
    stage = Stage(a_config(), changed=asked)
    in_loop = run(lambda: stage.post("shop"))
    monkeypatch.setattr("injector.server.app.LOOP_BYTES", 0)
    in_thread = run(lambda: stage.post("shop"))
    assert in_loop == in_thread
    assert [what for what, _ in calls] == ["objects", "notify", "record"] * 2
    assert {thread for _, thread in calls} == {threading.main_thread()}
    assert stage.count("injector_admission_threaded_total") == 1


def test_a_thread_takes_over_a_new_configuration() -> None:
    stage = Stage(a_config())
    first = run(lambda: stage.post("shop", large=True))
    stage.config = a_config(values={"image": "example.com/shipper:2", "stream": "default"})
    assert run(lambda: stage.post("shop", large=True))["patch"] != first["patch"]


def test_unknown_facts_of_a_namespace_are_an_internal_failure_from_a_thread_too() -> None:
    def fails(name: str) -> Namespace | None:
        raise KeyError(name)

    stage = Stage(a_config(), changed={"namespace_of": fails})
    answer = run(lambda: stage.post("shop", large=True))
    assert answer["status"]["message"].startswith("internal-error: ")


def test_after_a_signal_an_admission_in_a_thread_is_answered_before_the_end() -> None:
    gate = Gate()
    stage = Stage(gate.config())
    with serving(stage.app) as server:
        connection = server.connect()
        body = a_body(a_pod(annotations={"note": LARGE}), namespace="greedy")
        connection.request("POST", "/mutate", body, {"Content-Type": "application/json"})
        assert gate.entered.acquire(timeout=PATIENCE)
        server.signal()
        gate.opened.set()
        answer = connection.getresponse()
        assert answer.status == 200
        assert json.loads(answer.read())["response"]["patch"]
        assert server.ended()


def test_threads_without_work_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "IDLE_SECONDS", 0.0)
    stage = Stage(a_config())
    made: list[Worker] = []

    def noted() -> Worker:
        made.append(kind())
        return made[-1]

    kind = Worker
    monkeypatch.setattr(queue, "Worker", noted)  # to see the thread

    async def main() -> None:
        await stage.post("shop", large=True)
        while made[0].alive:
            await asyncio.sleep(0.01)

    run(main)
    assert run(lambda: stage.post("shop", large=True))["patch"]


def test_without_a_free_thread_the_caller_gets_429(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Worker:
        raise RuntimeError("can't start new thread")

    stage = Stage(a_config())
    with monkeypatch.context() as full:
        full.setattr(queue, "Worker", none)  # a machine at its limit of threads
        assert run(lambda: stage.post("shop", large=True)) == 429
        assert run(lambda: stage.post("shop"))["patch"]
    assert run(lambda: stage.post("shop", large=True))["patch"]


def test_the_limit_of_work_is_a_setting_that_changes_no_digest() -> None:
    few, many = (
        load_input(Input(Text(f"workLimit: {limit}", "injector.yaml"))) for limit in (30_000, 2_000_000)
    )
    assert (few.work_limit, many.work_limit) == (30_000, 2_000_000)
    assert few.digest == many.digest
