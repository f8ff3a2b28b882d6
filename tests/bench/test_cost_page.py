"""The page and the picture of the costs, from made-up figures."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from hack.bench.cost import page as cost_page
from hack.bench.cost.page import CLOSED, DIRECT, LOADS, ROUTES, STEADY, WITH_BOTH, WITH_SERVERS, Costs, Run

PARTS = {
    DIRECT: ["application"],
    WITH_SERVERS: ["application", "server's sidecar"],
    WITH_BOTH: ["application", "server's sidecar", "client's sidecar"],
}


@pytest.fixture
def costs() -> Costs:
    """Three rounds, the second of them slow."""
    runs = [
        Run(way, load, 200, 0.5 * slow, 2.0 * slow, dict.fromkeys(PARTS[way], 100.0))
        for slow in (1, 10, 2)
        for load in LOADS
        for way in ROUTES
    ]
    rounds = [{"its sidecar": 30.0}, {"its sidecar": 34.5}, {"its sidecar": 31.25}]
    starts = [{"no sidecar": 0.6, "native sidecar": 3.0}] * 3
    return Costs(runs, rounds, rounds, starts, ["a <small> machine"], 4)


def test_a_line_has_the_median_and_the_range(costs: Costs) -> None:
    text = cost_page.tables(costs)
    line = f"| {DIRECT} | 1.00 (0.50 to 5.00) | 4.00 (2.00 to 20.0) | 200 (200 to 200) | 100 (100 to 100) |"
    assert text.count(line) == 2
    assert "| its sidecar | 31.2 (30.0 to 34.5) | 31.2 (30.0 to 34.5) |" in text
    assert "Medians of 3 rounds" in text


def test_the_cpu_of_a_request_is_that_of_all_parts_on_the_way(costs: Costs) -> None:
    lines = cost_page.tables(costs).splitlines()
    totals = [line.split("|")[-2].strip() for line in lines if line.startswith(f"| {WITH_BOTH} |")]
    assert totals == ["300 (300 to 300)"] * 2
    assert sum(line.startswith(f"| {WITH_BOTH}: ") for line in lines) == 3


def test_every_line_of_a_table_has_as_many_columns_as_its_head(costs: Costs) -> None:
    for table in cost_page.tables(costs).split("\n\n"):
        if table.startswith("|"):
            assert len({line.count("|") for line in table.splitlines()}) == 1


def test_the_picture_is_well_formed_and_names_what_it_shows(costs: Costs) -> None:
    text = cost_page.picture(costs)
    words = [element.text for element in ElementTree.fromstring(text).iter() if element.text]
    assert {f"Latency in ms, {STEADY}", f"Latency in ms, {CLOSED}", "Seconds until a pod is Ready"} <= set(
        words
    )
    assert "prefers-color-scheme: dark" in text


def test_nothing_but_what_is_between_the_markers_changes(costs: Costs, tmp_path: Path) -> None:
    page = tmp_path / "cost.md"
    page.write_text(f"before\n{cost_page.BEGIN}\nold\n{cost_page.END}\nafter\n")
    cost_page.write(costs, tmp_path)
    once = page.read_text()
    assert once.startswith(f"before\n{cost_page.BEGIN}\n")
    assert once.endswith(f"{cost_page.END}\nafter\n")
    assert "old" not in once
    cost_page.write(costs, tmp_path)
    assert page.read_text() == once


def test_a_page_without_the_markers_is_left_alone(costs: Costs, tmp_path: Path) -> None:
    (tmp_path / "cost.md").write_text("by hand\n")
    with pytest.raises(ValueError, match="begin"):
        cost_page.write(costs, tmp_path)
    assert (tmp_path / "cost.md").read_text() == "by hand\n"


def test_the_page_of_the_documentation_has_the_markers() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "explanation" / "cost.md").read_text()
    assert text.count(cost_page.BEGIN) == text.count(cost_page.END) == 1
