"""What is made of the figures of make bench: ratios, what was reached, tables and picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hack.bench import measured
from hack.bench.performance import counters, page
from hack.bench.performance.figures import (
    BEFORE,
    DISTINCT,
    EXPLAIN,
    FLOOR,
    INJECTOR,
    ISTIOD,
    MB,
    REPLICAS,
    SERVE,
    SHAPES,
    Command,
    Figures,
    Memory,
    Run,
    missed,
    rows,
)

# CPU microseconds that reach all there is to reach.
CPU = {
    (INJECTOR, DISTINCT): 250.0,
    (INJECTOR, REPLICAS): 75.0,
    (FLOOR, DISTINCT): 60.0,
    (FLOOR, REPLICAS): 60.0,
    (ISTIOD, DISTINCT): 4200.0,
    (ISTIOD, REPLICAS): 4200.0,
}
CACHE = {
    ("replicas", "hit"): 0.0,
    ("replicas", "miss"): 100.0,
    ("plans", "hit"): 90.0,
    ("plans", "miss"): 10.0,
}


def a_run(server: str, load: str, number: int, **changed: Any) -> Run:
    fields: dict[str, Any] = {
        "connections": 1,
        "requests": 100,
        "cpu": CPU.get((server, load), 1000.0),
        "p50": 0.3,
        "p99": 0.7,
        "rate": 900.0,
        "size": 9000,
        "cache": CACHE if server == INJECTOR else {},
    }
    return Run(server=server, load=load, round=number, **{**fields, **changed})


def figures(changed: Mapping[tuple[str, str], float] | None = None, **others: Any) -> Figures:
    """Three rounds with one and with many connections, the second of which was on a slow machine."""
    cpu = {**CPU, (INJECTOR, SHAPES): 300.0, (BEFORE, SHAPES): 1000.0, **(changed or {})}
    runs = [
        a_run(server, load, number, cpu=each * (5 if number == 1 else 1), connections=connections)
        for number in range(3)
        for (server, load), each in cpu.items()
        for connections in ((1,) if load == SHAPES else (1, 16))
    ]
    fields: dict[str, Any] = {
        "memory": [Memory(INJECTOR, 100 * MB, 10_000), Memory(ISTIOD, 150 * MB, 3_000)],
        "commands": [
            Command(1, [(0.1, 0.1, 40.0)] * 3, [(0.1, 0.2, 90.0)] * 3),
            Command(1_000, [(1.0, 1.0, 40.0)], [(4.0, 2.0, 90.0)]),
        ],
        "starts": {EXPLAIN: [0.3, 0.7, 0.4], SERVE: [0.9, 0.8, 0.9]},
        "namespaces": (5_000, 9 * MB),
        "conditions": ["a <small> machine"],
    }
    return Figures(runs, **{**fields, **others})


def test_a_ratio_is_one_of_the_same_round() -> None:
    # A slow round makes both five times slower, and no difference to how many times more one of them takes.
    assert figures().ratio(ISTIOD, INJECTOR, DISTINCT, 1) == (16.8, 16.8, 16.8)
    lacking = Figures([a_run(ISTIOD, DISTINCT, 0), a_run(INJECTOR, DISTINCT, 1)], [])
    assert lacking.ratio(ISTIOD, INJECTOR, DISTINCT, 1) is None


def test_a_good_run_misses_nothing() -> None:
    assert missed(figures()) == []
    assert len(rows(figures())) == 17


@pytest.mark.parametrize(
    ("changed", "others", "names"),
    [
        ({(ISTIOD, DISTINCT): 3700.0}, {}, ["CPU: istiod / this injector, distinct pods"] * 2),
        ({(ISTIOD, REPLICAS): 3700.0}, {}, ["CPU: istiod / this injector, replicas"] * 2),
        ({(FLOOR, DISTINCT): 49.0}, {}, ["CPU: this injector / do-nothing server, distinct"] * 2),
        ({(FLOOR, REPLICAS): 37.0}, {}, ["CPU: this injector / do-nothing server, replicas"] * 2),
        ({(INJECTOR, SHAPES): 340.0}, {}, ["CPU: this injector / before, first pods"]),
        ({}, {"memory": [Memory(INJECTOR, 121 * MB, 10_000)]}, ["memory of serve in MB, 10 000 distinct"]),
        ({}, {"namespaces": (5_000, 11 * MB)}, ["5 000 cached namespaces"]),
        (
            {},
            {"commands": [Command(1, [(0.1, 0.3, 40.0)], [(0.2, 0.2, 90.0)])]},
            ["time of kube-inject: injector / istioctl, one manifest"],
        ),
        (
            {},
            {"commands": [Command(10_000, [(2.0, 1.0, 40.0)], [(4.0, 2.0, 90.0)])]},
            ["CPU of kube-inject: injector / istioctl, 10 000 Deployments"],
        ),
        (
            {},
            {"starts": {EXPLAIN: [0.5, 0.7, 0.61], SERVE: [1.1, 0.9, 1.2]}},
            ["seconds of explain deploy/NAME", "seconds until serve is ready"],
        ),
    ],
)
def test_what_is_missed_is_named(
    changed: Mapping[tuple[str, str], float], others: Mapping[str, Any], names: list[str]
) -> None:
    lines = missed(figures(changed, **others))
    assert len(lines) == len(names)
    assert all(line.startswith(name) for line, name in zip(lines, names, strict=True))


@pytest.mark.parametrize(("load", "p99"), [(DISTINCT, 1.6), (REPLICAS, 0.9)])
def test_a_late_answer_is_judged_by_the_median_of_the_rounds(load: str, p99: float) -> None:
    late = [a_run(INJECTOR, load, number, p99=p99) for number in range(2)]
    assert missed(Figures([*late, a_run(INJECTOR, load, 2)], [])) == [f"p99 in ms, {load}, 1 connection"]
    assert missed(Figures([*late[1:], a_run(INJECTOR, load, 1), a_run(INJECTOR, load, 2)], [])) == []


def test_without_istiod_nothing_is_said_of_it() -> None:
    alone = Figures([run for run in figures().runs if run.server != ISTIOD], [])
    assert [row.name for row in rows(alone) if "istiod" in row.name] == []
    assert "istiod" not in page.tables(alone)


def test_a_line_has_the_median_and_the_range() -> None:
    text = page.tables(figures())
    assert (
        f"| {INJECTOR}: {DISTINCT}, 1 | 250 (250 to 1 250) | 0.30 (0.30 to 0.30) | 0.70 (0.70 to 0.70) |"
        in text
    )
    assert (
        "| memory of serve in MB, 10 000 distinct pods seen | 100 (100 to 100) | at most 120 | reached |"
        in text
    )
    assert "- a <small> machine" in text


def test_every_line_of_a_table_has_as_many_columns_as_its_head() -> None:
    text = page.tables(figures())
    parts = [part for part in text.split("\n\n") if part.startswith("|")]
    assert len(parts) == 5
    for part in parts:
        assert len({line.count("|") for line in part.splitlines()}) == 1


def test_the_counters_of_the_caches_are_read_by_cache_and_result() -> None:
    name = counters.METRIC
    before = counters.counts(f'{name}{{cache="replicas",result="hit"}} 5.0\nother 1\n')
    after = counters.counts(
        f'{name}{{cache="replicas",result="hit"}} 8.0\n{name}{{cache="replicas",result="miss"}} 1.0\n'
    )
    counted = counters.between(before, after)
    assert counted == {("replicas", "hit"): 3, ("replicas", "miss"): 1}
    assert counters.share_of_hits(counted, counters.REPLICAS) == 0.75
    assert counters.share_of_hits(counted, counters.PLANS) is None


def test_a_version_without_counters_says_so() -> None:
    assert f"| {DISTINCT} | 0.0 | 90.0 |" in page.tables(figures())
    assert "no counters" in page.tables(Figures([a_run(INJECTOR, DISTINCT, 0, cache={})], []))


def test_the_picture_is_well_formed_and_names_what_it_shows() -> None:
    words = [element.text for element in ElementTree.fromstring(page.drawn(figures())).iter() if element.text]
    assert {f"{ISTIOD}, {DISTINCT}", "Memory in MB", "kube-inject of one manifest, seconds"} <= set(words)


def test_nothing_but_what_is_between_the_markers_changes(tmp_path: Path) -> None:
    begin, end = measured.markers(page.MAKER)
    (tmp_path / page.PAGE).write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    page.write(figures(), tmp_path)
    text = (tmp_path / page.PAGE).read_text()
    assert text.startswith(f"before\n{begin}\n")
    assert text.endswith(f"{end}\nafter\n")
    assert "old" not in text
    assert (tmp_path / page.PICTURE).read_text().startswith("<svg")


def test_the_page_of_the_documentation_has_the_markers() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "explanation" / page.PAGE).read_text()
    begin, end = measured.markers(page.MAKER)
    assert text.count(begin) == text.count(end) == 1
