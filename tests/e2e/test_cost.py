"""What a sidecar costs is measured whole: each way and load, each form of sidecar, and more work with one."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import pytest

from hack.bench.cost import page as cost_page
from hack.bench.cost import run as cost
from hack.bench.cost.page import DIRECT, WITH_BOTH, WITH_SERVERS, Costs
from tests.beds.mesh.bed import Mesh
from tests.beds.mesh.injector import Injector

ROUNDS, SECONDS = 1, 1


@pytest.fixture(scope="module")
def costs(mesh: Mesh, injector: Injector) -> Costs:
    """One short round of `make mesh-cost`."""
    del injector  # it injects the pods that are measured
    return cost.measure(mesh, ROUNDS, SECONDS)


def test_each_path_is_measured_with_each_load(costs: Costs) -> None:
    assert sorted((run.route, run.load) for run in costs.runs) == sorted(
        (way, load) for way in cost_page.ROUTES for load in cost_page.LOADS
    )
    assert all(0 < run.p50 <= run.p99 and run.rate > 0 for run in costs.runs)


@pytest.mark.parametrize("load", cost_page.LOADS)
def test_each_sidecar_on_the_way_of_a_request_adds_cpu_time(costs: Costs, load: str) -> None:
    spent = {run.route: sum(run.cpu.values()) for run in costs.runs if run.load == load}
    assert spent[DIRECT] < spent[WITH_SERVERS] < spent[WITH_BOTH]


def test_a_container_without_calls_is_measured_too(costs: Costs) -> None:
    (idle,), (memory,) = costs.idle, costs.memory
    assert idle.keys() == memory.keys()
    assert memory["its sidecar"] > memory["application, no sidecar"] > 0


def test_each_form_of_sidecar_is_started(costs: Costs) -> None:
    (starts,) = costs.starts
    assert starts.keys() == cost.FORMS.keys()
    assert all(seconds > 0 for seconds in starts.values())


def test_the_page_has_all_of_it(costs: Costs, tmp_path: Path) -> None:
    page = tmp_path / cost_page.PAGE
    page.write_text(f"{cost_page.BEGIN}\n{cost_page.END}\n")
    cost_page.write(costs, tmp_path)
    picture = unescape((tmp_path / cost_page.PICTURE).read_text())
    for name in (*cost_page.ROUTES, *cost.FORMS):
        assert name in page.read_text()
        assert name in picture
