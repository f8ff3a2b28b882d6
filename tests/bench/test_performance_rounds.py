"""The rounds of make bench, with servers that only count."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hack.bench.performance import counters, processes, reviews, rounds
from hack.bench.performance.figures import BEFORE, DISTINCT, INJECTOR, ISTIOD, REPLICAS, SHAPES, Memory, Run
from hack.bench.performance.processes import BenchError
from hack.bench.performance.servers import Load


@dataclass
class Counting:
    """A server that counts what it is sent, and whose replica cache has so many hits for each load."""

    name: str
    hits: int = 0
    sizes: tuple[int, int] = (9000, 9100)
    health_port: int = 1
    process: int = 0
    loads: list[list[bytes]] = field(default_factory=list)

    def loaded(self, bodies: Path, connections: int, seconds: float, most: int) -> Load:
        sent = bodies.read_bytes().splitlines()[:most]
        self.loads.append(sent)
        milliseconds = {"p50": 0.3, "p99": 0.7}
        report = {"answered": len(sent), "rate": 1.0, "acceptedMilliseconds": milliseconds}
        return Load({**report, "acceptedBytes": list(self.sizes)}, cpu=len(sent) * 0.0001)

    def metrics(self) -> str:
        number = self.hits * len(self.loads)
        return f'{counters.METRIC}{{cache="replicas",result="hit"}} {number}\n'


def measured(servers: list[Any], folder: Path, count: int = 2) -> list[Run]:
    loads = rounds.Loads(folder, brief=True)
    return list(rounds.rounds(servers, loads, count, lambda _text: None))


def test_each_server_gets_each_load_in_each_round(tmp_path: Path) -> None:
    ours, istiod, before = Counting(INJECTOR), Counting(ISTIOD), Counting(BEFORE)
    runs = measured([ours, istiod, before], tmp_path)
    made = {(run.server, run.load, run.connections, run.round) for run in runs}
    shared = {(load, number) for load in (DISTINCT, REPLICAS) for number in (1, 16)}
    wanted = {(name, *each) for name in (INJECTOR, ISTIOD) for each in shared}
    wanted |= {(name, SHAPES, 1) for name in (INJECTOR, BEFORE)}
    assert made == {(*each, number) for each in wanted for number in range(2)}
    assert len(runs) == len(made)
    assert [run.cpu for run in runs] == pytest.approx([100] * len(runs))
    # They take turns in being the first, and what they get is the same.
    assert [run.server for run in runs if run.load == REPLICAS and run.connections == 1] == [
        INJECTOR, ISTIOD, ISTIOD, INJECTOR,
    ]  # fmt: skip
    assert ours.loads[:4] == istiod.loads[:4]
    assert len(before.loads) == 2


def test_no_distinct_pod_is_sent_twice(tmp_path: Path) -> None:
    ours = Counting(INJECTOR)
    runs = measured([ours], tmp_path)
    loads = [sent for run, sent in zip(runs, ours.loads, strict=True) if run.load == DISTINCT]
    sent_pods = [body for sent in loads for body in sent]
    assert len(sent_pods) == len(set(sent_pods)) == sum(run.requests for run in runs if run.load == DISTINCT)


def test_distinct_pods_that_share_an_answer_end_the_run(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="share an answer"):
        measured([Counting(INJECTOR, hits=1)], tmp_path)


def test_answers_that_are_much_smaller_than_others_end_the_run(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="refusals"):
        measured([Counting(ISTIOD, sizes=(200, 10_000))], tmp_path)


def test_this_injector_sees_as_many_distinct_pods_as_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is no process whose memory could be read.
    monkeypatch.setattr(processes, "memory", lambda _process: 100)
    servers: list[Any] = [Counting(INJECTOR), Counting(ISTIOD)]
    loads = rounds.Loads(tmp_path, brief=True)
    runs = list(rounds.rounds(servers, loads, 1, lambda _text: None))
    sizes = list(rounds.memory(servers, runs, loads, 1_000))
    assert sizes == [Memory(INJECTOR, 100, 1_000), Memory(ISTIOD, 100, 600)]


def test_no_round_sends_a_shape_of_another_one(tmp_path: Path) -> None:
    loads = rounds.Loads(tmp_path, brief=False)
    first, *others = (shapes_of_a_round(loads) for _ in range(3))
    assert len(set(first)) == len(first) == rounds.MOST[SHAPES]
    assert all(set(first).isdisjoint(other) for other in others)


def shapes_of_a_round(loads: rounds.Loads) -> list[str]:
    for load in (DISTINCT, DISTINCT, REPLICAS, REPLICAS):
        loads.file(load)
    bodies = loads.file(SHAPES).read_bytes().splitlines()
    pods = [json.loads(body)["request"]["object"] for body in bodies]
    return [
        repr(
            (
                len(pod["spec"]["containers"]),
                [*pod["spec"]["containers"][0]],
                [*pod["metadata"]["annotations"]],
            )
        )
        for pod in pods
    ]


def test_more_shapes_than_there_are_are_refused(tmp_path: Path) -> None:
    loads = rounds.Loads(tmp_path, brief=True)
    for _ in range(reviews.SHAPES // rounds.MOST[SHAPES]):
        loads.file(SHAPES)
    with pytest.raises(BenchError, match="shapes"):
        loads.file(SHAPES)
