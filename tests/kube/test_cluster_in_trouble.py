"""While the API server misbehaves, `serve` uses the last state that it read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from injector.config.loading import Input, load_input
from injector.core.model import Namespace
from injector.core.profile import Config
from injector.kube.async_client import connect_async
from injector.kube.objects import NAMESPACES
from injector.kube.watching import Informer
from injector.serving.cluster_facts import ClusterFacts
from tests.fake_apiserver import TROUBLES, FakeApiServer, fake_apiserver


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real pauses are half a minute."""
    monkeypatch.setattr("injector.kube.watching.FIRST_DELAY_SECONDS", 0.02)
    monkeypatch.setattr("injector.kube.watching.LONGEST_DELAY_SECONDS", 0.1)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed soon: real deadlines are minutes.

    Only where a late answer, as of a busy machine, is asked for again and changes nothing.
    """
    monkeypatch.setattr("injector.kube.async_client.READ_SECONDS", 1.0)
    monkeypatch.setattr("injector.kube.async_client.WATCH_SILENCE_SECONDS", 1.0)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeApiServer]:
    with fake_apiserver(tmp_path) as (made, _):
        made.label("shop", tier="gold")
        yield made


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Nothing but namespaces is asked of the cluster."""
    folder = tmp_path_factory.mktemp("config")
    (folder / "profile.yaml").write_text("name: shipper\ndefaultTemplates: [shipper]\n")
    (folder / "shipper.yaml.j2").write_text("spec: {containers: [{name: shipper, image: x}]}\n")
    (folder / "injector.yaml").write_text("profile: .\nnativeSidecars: enabled\n")
    return load_input(Input.from_file(str(folder / "injector.yaml")))


@asynccontextmanager
async def watching(folder: Path, config: Config) -> AsyncIterator[ClusterFacts]:
    async with await connect_async(str(folder / "kubeconfig"), None) as cluster, asyncio.TaskGroup() as group:
        watched = ClusterFacts(cluster)
        watched.need(config)
        watched.start(group)
        yield watched
        watched.stop()


async def until(fits: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not fits():
            await asyncio.sleep(0.01)


def run(folder: Path, config: Config, body: Callable[[ClusterFacts], Awaitable[None]]) -> None:
    async def main() -> None:
        async with watching(folder, config) as watched:
            await body(watched)

    asyncio.run(main())


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("trouble", TROUBLES)
def test_known_objects_stay_in_use_with_a_warning_and_are_renewed(
    fake: FakeApiServer, config: Config, tmp_path: Path, trouble: str
) -> None:
    async def body(watched: ClusterFacts) -> None:
        await until(lambda: watched.synced(NAMESPACES))
        fake.trouble(trouble)
        await until(lambda: bool(watched.warnings()))
        assert watched.namespace_of("shop") == Namespace("shop", {"tier": "gold"}, {})
        assert watched.not_ready() == {}

        fake.label("shop", tier="lead")
        fake.label("new")
        fake.trouble("")
        await until(lambda: watched.namespace_of("shop") == Namespace("shop", {"tier": "lead"}, {}))
        await until(lambda: watched.namespace_of("new") is not None and not watched.warnings())

    run(tmp_path, config, body)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_failed_first_list_gives_a_reason_and_is_retried(
    fake: FakeApiServer, config: Config, tmp_path: Path, trouble: str
) -> None:
    fake.trouble(trouble)

    async def body(watched: ClusterFacts) -> None:
        await until(lambda: watched.not_ready()[NAMESPACES] != "not read yet")
        assert watched.namespace_of("shop") is None
        fake.trouble("")
        await until(lambda: watched.namespace_of("shop") is not None)
        assert watched.not_ready() == {}

    run(tmp_path, config, body)


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        '{"type": "MODIFIED"}',
        '{"type": "MODIFIED", "object": {"metadata": {"resourceVersion": "7"}}}',
        '{"type": "MODIFIED", "object": {"metadata": {"name": "shop"}}}',
        '{"type": "ERROR", "object": {"code": "many"}}',
        '{"type": "ERROR", "object": []}',
    ],
)
def test_an_event_that_is_none_ends_the_watch_and_not_the_process(
    fake: FakeApiServer, config: Config, tmp_path: Path, line: str
) -> None:
    async def body(watched: ClusterFacts) -> None:
        await until(lambda: len(fake.since) == 1)
        before = fake.lists
        fake.tell(line)
        await until(lambda: fake.lists > before)
        fake.label("new")
        await until(lambda: watched.namespace_of("new") is not None)

    run(tmp_path, config, body)


def test_an_event_as_large_as_an_object_may_be_is_read(
    fake: FakeApiServer, config: Config, tmp_path: Path
) -> None:
    async def body(watched: ClusterFacts) -> None:
        await until(lambda: watched.synced(NAMESPACES))
        fake.label("large", text="x" * (1 << 20))
        fake.label("after")
        await until(lambda: watched.namespace_of("after") is not None)
        assert watched.namespace_of("large") is not None
        assert fake.lists == 1

    run(tmp_path, config, body)


@pytest.mark.usefixtures("fake")
def test_a_defect_while_watching_is_reported_and_retried(tmp_path: Path) -> None:
    defects = [KeyError("secret")]

    def keep(item: dict[str, Any]) -> dict[str, Any]:
        if defects:
            raise defects[0]
        return item

    async def main() -> None:
        async with await connect_async(str(tmp_path / "kubeconfig"), None) as cluster:
            mirror = Informer(cluster, NAMESPACES, keep=keep)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(mirror.run())
                await until(lambda: mirror.last_error is not None)
                assert str(mirror.last_error) == f"{NAMESPACES}: watching failed unexpectedly: KeyError"
                defects.clear()
                await until(lambda: mirror.get("shop") is not None)
                assert mirror.last_error is None
                running.cancel()

    asyncio.run(main())


def test_a_watch_goes_on_from_the_bookmark_and_lists_nothing_anew(
    fake: FakeApiServer, tmp_path: Path
) -> None:
    async def main() -> None:
        async with await connect_async(str(tmp_path / "kubeconfig"), None) as cluster:
            mirror = Informer(cluster, NAMESPACES)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(mirror.run())
                await until(lambda: len(fake.since) == 1)
                before, generation = mirror.items(), mirror.generation
                version = fake.bookmark()
                fake.end_watches()
                await until(lambda: len(fake.since) == 2)
                assert (fake.since[1], fake.lists) == (version, 1)
                assert (mirror.items(), mirror.generation) == (before, generation)
                fake.label("new")
                await until(lambda: mirror.get("new") is not None)
                running.cancel()

    asyncio.run(main())
