"""CPU profiles of a running webhook, and of threads that work or wait."""

from __future__ import annotations

import asyncio
import http.client
import re
import threading
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from injector.config import cross_checks
from injector.config.server_settings import Server
from injector.errors import ConfigError, ReviewError
from injector.server.profile import MOST_SECONDS, PATH, Profiler, sample, seconds_of, text_of
from tests.asgi import Reply
from tests.server.test_debug_page import an_app, call, the_scope
from tests.server.test_serve import PATIENCE, SETTINGS, Files, files, served  # noqa: F401 (a fixture)
from tests.server.test_serve import call as call_over_tls
from tests.server.webhook_factories import a_body, a_pod

LINE = re.compile(r"[^ ]+ [0-9]+")
INJECT = "injector.core.injection.pipeline:inject"
VARIABLES = [{"name": f"A{n}", "value": "x"} for n in range(40)]
# An admission of it takes longer than some samples.
CONTAINERS = [{"name": f"c{n}", "image": "a", "env": VARIABLES} for n in range(40)]
LARGE = a_body({**a_pod(), "spec": {"containers": CONTAINERS}})


def get(app: object, query: str = "", host: str = "127.0.0.1:8081") -> Reply:
    scope = the_scope("GET", {"host": host}, query.encode()) | {"path": PATH, "raw_path": PATH.encode()}
    return asyncio.run(call(app, scope, b""))


def test_a_profile_of_a_running_webhook_names_the_functions_that_inject(files: Files) -> None:  # noqa: F811
    files.config.write_text(f'{SETTINGS}  debugListen: "127.0.0.1:0"\n  debugProfile: true\n')
    with served(files) as running:
        at = running.wait_for("listening")
        webhook, _ = running.callers(at)
        host = at["page"].removeprefix("http://").partition("/")[0]
        debug = http.client.HTTPConnection(host, timeout=PATIENCE)
        running.open.append(debug)
        over, profiles = threading.Event(), list[str]()
        # Under load one second may hold few samples, so there are more profiles until the name is there.
        deadline = time.monotonic() + PATIENCE

        def ask() -> None:
            try:
                while not any(INJECT in text for text in profiles) and time.monotonic() < deadline:
                    response, body = call_over_tls(debug, "GET", f"{PATH}?seconds=1")
                    profiles.append(f"{response.status}\n{body.decode()}")
            finally:
                over.set()

        asking = threading.Thread(target=ask)
        asking.start()
        while not over.is_set():
            # Admissions are answered meanwhile.
            assert call_over_tls(webhook, "POST", "/mutate", LARGE)[0].status == 200
        asking.join()
        assert call_over_tls(webhook, "GET", PATH)[0].status == 404
    last = profiles[-1].splitlines()
    assert last[0] == "200"
    assert all(LINE.fullmatch(line) for line in last[1:])
    stack = next(line for line in last if INJECT in line)
    assert stack.startswith(("MainThread;", "admission;"))


def test_a_thread_that_works_is_in_the_profile_and_one_that_waits_is_not() -> None:
    end, deadline = threading.Event(), time.monotonic() + PATIENCE

    def busy_loop() -> None:
        while not end.is_set():
            pass

    def patient() -> None:
        end.wait()

    threads = [
        threading.Thread(target=busy_loop, name="busy; one"),
        threading.Thread(target=patient, name="idle"),
    ]
    for thread in threads:
        thread.start()
    text = "idle;"
    try:
        # A thread works until it waits, which takes long under load.
        while ("idle;" in text or "busy_loop" not in text) and time.monotonic() < deadline:
            rounds = iter([False] * 50)
            text = text_of(sample(partial(next, rounds, True)))
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert any(line.startswith("busy__one;") and "busy_loop" in line for line in text.splitlines())
    assert "idle;" not in text


def test_stacks_are_lines_for_flame_graph_programs() -> None:
    stacks = Counter({("main", "a:f", "a:g"): 2_500_000, ("main", "a:f"): 1_000, ("main", "a:h"): 999})
    assert text_of(stacks) == "main;a:f 1\nmain;a:f;a:g 2500\n"


@pytest.mark.parametrize("text", ["0", "61", "-1", "1.5", "x", "1 ", "٣", "1" * 5000])
def test_other_seconds_are_refused_with_the_form(text: str) -> None:
    with pytest.raises(ReviewError) as caught:
        seconds_of(text)
    assert (caught.value.status, str(MOST_SECONDS) in caught.value.message) == (400, True)
    assert PATH in (caught.value.hint or "")


def test_seconds_have_a_default_and_a_bound() -> None:
    assert [seconds_of(text) for text in ("", "1", "60")] == [10, 1, 60]


def test_one_profile_is_made_at_a_time_and_the_next_afterwards() -> None:
    ended: list[bool] = []
    profiler = Profiler(lambda: bool(ended))

    async def three() -> tuple[str, int, str]:
        first = asyncio.ensure_future(profiler.profile(MOST_SECONDS))
        await asyncio.sleep(0)
        with pytest.raises(ReviewError) as caught:
            await profiler.profile(1)
        ended.append(True)
        return await first, caught.value.status, await profiler.profile(MOST_SECONDS)

    _, status, _ = asyncio.run(three())
    assert status == 409


def test_a_profile_is_there_only_where_the_setting_is_on_and_only_for_this_machine() -> None:
    ends: dict[str, Any] = {"draining": lambda: True}
    assert get(an_app(**ends)).status == 404
    app = an_app(profiling=True, **ends)
    assert (get(app).status, get(app, "seconds=2").status, get(app, "seconds=99").status) == (200, 200, 400)
    assert get(app, host="evil.example:8081").status == 421
    assert get(app).headers["content-type"] == "text/plain; charset=utf-8"


def test_a_profile_without_the_listener_is_a_mistake() -> None:
    with pytest.raises(ConfigError) as caught:
        cross_checks.check(replace(Server(), debug_profile=True))
    assert caught.value.where == "server.debugProfile"
    cross_checks.check(replace(Server(), debug_profile=True, debug_listen="127.0.0.1:8081"))
