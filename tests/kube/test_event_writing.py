"""Events are counted up instead of repeated, few, and only on owners that are there; in memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from injector.errors import ClusterError
from injector.kube import events as module
from injector.kube.events import EventOwner, Events, Notice

OWNER = EventOwner("shop", "apps/v1", "ReplicaSet", "web-5d9f", "uid-1")
PATH = "/apis/apps/v1/namespaces/shop/replicasets/web-5d9f"
NOTICE = Notice(OWNER, "Warning", "InjectionDenied", "invalid-annotation: not so")


class Cluster:
    """An API server in memory: owners by path with their uid, and the Events that were made."""

    def __init__(self, owners: dict[str, str]) -> None:
        self.owners = owners
        self.events: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.error: ClusterError | None = None

    async def get(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if path not in self.owners:
            raise ClusterError("there is none", status=404)
        return {"metadata": {"uid": self.owners[path]}}

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.error:
            raise self.error
        name = f"{body['metadata']['generateName']}{len(self.events)}"
        self.events[f"{path}/{name}"] = body
        return {"metadata": {"name": name}}

    async def patch(self, path: str, change: dict[str, Any]) -> dict[str, Any]:
        if path not in self.events:
            raise ClusterError("there is none", status=404)
        self.events[path] |= change
        return self.events[path]

    def messages(self) -> Counter[str]:
        """How often each message was logged."""
        out: Counter[str] = Counter()
        for event in self.events.values():
            out[event["message"]] += event["count"]
        return out


Talk = Callable[[Events, Callable[[], Awaitable[None]]], Awaitable[None]]


def talk(cluster: Cluster, do: Talk, clock: Callable[[], float] = lambda: 0.0) -> Counter[str]:
    """Let `do` offer notices and wait until all are written; what became of them."""
    results: Counter[str] = Counter()

    async def main() -> None:
        events = Events(cluster, lambda result: results.update([result]), clock)  # type: ignore[arg-type]
        running = asyncio.create_task(events.run())

        async def settle() -> None:
            async with asyncio.timeout(60):
                while events._waiting or not running or sum(results.values()) < offered[0]:
                    await asyncio.sleep(0)

        offered = [0]
        offer = events.offer

        def counting(notice: Notice) -> None:
            offered[0] += 1
            offer(notice)

        events.offer = counting  # type: ignore[method-assign]
        await do(events, settle)
        await settle()
        running.cancel()

    asyncio.run(main())
    return results


def test_a_repeated_event_is_counted() -> None:
    cluster = Cluster({PATH: "uid-1"})

    async def do(events: Events, settle: Callable[[], Awaitable[None]]) -> None:
        events.offer(NOTICE)
        events.offer(NOTICE)
        await settle()
        for _ in range(3):
            events.offer(NOTICE)

    results = talk(cluster, do)
    [event] = cluster.events.values()
    assert event["count"] == 5
    assert event["involvedObject"]["uid"] == "uid-1"
    assert results == {"written": 2, "repeated": 3}
    assert cluster.asked == [PATH]


def test_an_event_that_has_expired_is_made_anew() -> None:
    cluster = Cluster({PATH: "uid-1"})

    async def do(events: Events, settle: Callable[[], Awaitable[None]]) -> None:
        events.offer(NOTICE)
        await settle()
        cluster.events.clear()
        events.offer(NOTICE)

    assert talk(cluster, do)["written"] == 2
    assert cluster.messages() == {NOTICE.message: 1}


@pytest.mark.parametrize(
    "owner",
    [
        OWNER._replace(uid="another"),
        OWNER._replace(uid=""),
        OWNER._replace(name="gone"),
        OWNER._replace(kind="Secret", api_version="v1"),
        OWNER._replace(namespace="shop/replicasets/x?"),
        OWNER._replace(name="../../../../api/v1/namespaces/kube-system/secrets/x"),
    ],
)
def test_no_event_is_written_on_an_owner_that_is_not_there(owner: EventOwner) -> None:
    cluster = Cluster({PATH: "uid-1"})

    async def do(events: Events, _settle: Callable[[], Awaitable[None]]) -> None:
        events.offer(NOTICE._replace(owner=owner))

    assert talk(cluster, do) == {"owner": 1}
    assert cluster.events == {}
    assert all(".." not in path for path in cluster.asked)


def test_one_owner_does_not_take_all_of_the_rate() -> None:
    cluster = Cluster({PATH: "uid-1", PATH.replace("web", "api"): "uid-2"})
    other = NOTICE._replace(owner=OWNER._replace(name="api-5d9f", uid="uid-2"))

    async def do(events: Events, _settle: Callable[[], Awaitable[None]]) -> None:
        for number in range(module.PER_OWNER + 3):
            events.offer(NOTICE._replace(message=f"misspelt-key: label x/{number}"))
        events.offer(other)

    assert talk(cluster, do) == {"written": module.PER_OWNER + 1, "rate": 3}
    assert cluster.messages()[other.message] == 1


def elsewhere(number: int) -> Notice:
    """A notice of a namespace that invents owners."""
    return NOTICE._replace(
        owner=EventOwner("evil", "apps/v1", "ReplicaSet", f"web-{number}", f"uid-{number}")
    )


def test_a_namespace_that_invents_owners_does_not_silence_another() -> None:
    cluster = Cluster({PATH: "uid-1"})

    async def do(events: Events, _settle: Callable[[], Awaitable[None]]) -> None:
        for number in range(300):
            events.offer(elsewhere(number))
        events.offer(NOTICE)

    now = iter(range(10_000))
    results = talk(cluster, do, lambda: float(next(now)))
    assert results == {"written": 1, "owner": module.WAITING - 1, "queue": 300 - module.WAITING + 1}
    assert len(cluster.asked) == module.WAITING
    # Its turn came second, not after all that had come before.
    assert cluster.asked.index(PATH) == 1


def test_what_waits_is_shared_between_namespaces() -> None:
    events = Events(Cluster({}))  # type: ignore[arg-type]
    for number in range(module.WAITING):
        events.offer(elsewhere(number))
    for number in range(module.WAITING):
        events.offer(NOTICE._replace(message=str(number)))
    assert {name: len(own) for name, own in events._waiting.items()} == {
        "evil": module.WAITING // 2,
        "shop": module.WAITING // 2,
    }


def test_more_than_what_waits_is_dropped_at_once() -> None:
    cluster = Cluster({PATH: "uid-1"})

    async def main() -> Counter[str]:
        results: Counter[str] = Counter()
        events = Events(cluster, lambda result: results.update([result]))  # type: ignore[arg-type]
        for number in range(module.WAITING + 5):
            events.offer(NOTICE._replace(message=str(number)))
        # What waits already is only counted.
        events.offer(NOTICE._replace(message="0"))
        return results

    assert asyncio.run(main()) == {"queue": 5}


def test_past_the_burst_events_wait_for_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    now = [0.0]
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds:
            slept.append(seconds)
            now[0] += seconds
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(module, "PER_OWNER", 1000)
    cluster = Cluster({PATH: "uid-1"})

    async def do(events: Events, _settle: Callable[[], Awaitable[None]]) -> None:
        for number in range(module.BURST + 3):
            events.offer(NOTICE._replace(message=str(number)))

    assert talk(cluster, do, lambda: now[0])["written"] == module.BURST + 3
    assert slept == [1 / module.PER_SECOND] * 3


def errors_while_broken_and_after(cluster: Cluster) -> list[str]:
    """The last error while an Event fails, and once the next one is written."""
    seen: list[str] = []

    async def do(events: Events, settle: Callable[[], Awaitable[None]]) -> None:
        events.offer(NOTICE)
        await settle()
        seen.append(events.last_error)
        cluster.error = None
        events.offer(NOTICE)
        await settle()
        seen.append(events.last_error)

    assert talk(cluster, do) == {"failed": 1, "written": 1}
    return seen


def test_a_refused_write_is_reported_until_one_succeeds() -> None:
    cluster = Cluster({PATH: "uid-1"})
    cluster.error = ClusterError("not allowed to create events", status=403, hint="grant it")
    assert errors_while_broken_and_after(cluster) == ["not allowed to create events (hint: grant it)", ""]


def test_the_warning_about_a_failure_ends() -> None:
    cluster = Cluster({PATH: "uid-1"})
    cluster.error = ClusterError("the API server does not answer")
    now = [0.0]
    seen: list[str] = []

    async def do(events: Events, settle: Callable[[], Awaitable[None]]) -> None:
        events.offer(NOTICE)
        await settle()
        for now[0] in (module.COUNTED_SECONDS - 1, module.COUNTED_SECONDS):
            seen.append(events.last_error)

    assert talk(cluster, do, lambda: now[0]) == {"failed": 1}
    assert seen == ["the API server does not answer", ""]


def test_a_defect_in_writing_is_reported_and_the_next_event_is_written() -> None:
    cluster = Cluster({PATH: "uid-1"})
    cluster.error = KeyError("secret")  # type: ignore[assignment]
    assert errors_while_broken_and_after(cluster) == ["writing Events failed unexpectedly: KeyError", ""]
