"""`render --base`: what a configuration changes beside another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from injector.cli.reporting.markdown import cell, code
from tests.cli.conftest import DEPLOYMENT, Run

CONFIG = "profile: ./logship\n"
BASE = ("--config", "new.yaml", "--base", "c.yaml")
HEAD = ["| change | before | after | workloads |", "| --- | --- | --- | --- |"]
IMAGE = "`/spec/containers/shipper/image`"

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(autouse=True)
def shop(folder: Path) -> None:
    names = ("cart", "edge", "news", "web")
    manifests = (DEPLOYMENT.replace("name: web\n  n", f"name: {name}\n  n") for name in names)
    (folder / "shop.yaml").write_text("---\n".join(manifests))
    labelled = DEPLOYMENT.replace("app: web", "app: batch").replace("name: web\n  n", "name: batch\n  n")
    (folder / "batch.yaml").write_text(labelled)


def compared(run: Run, new: str, *names: str) -> list[str]:
    Path("new.yaml").write_text(CONFIG + new)
    done = run("render", *BASE, *names)
    assert done.status == 0, done.err
    return done.out.splitlines()


def test_the_same_configuration_changes_nothing(run: Run) -> None:
    assert compared(run, "", "shop.yaml") == ["4 workloads: 0 changed, 4 unchanged"]


def test_one_value_of_all_pods_is_one_kind_of_change(run: Run) -> None:
    workloads = "`4: Deployment shop/cart, Deployment shop/edge, Deployment shop/news and 1 more`"
    assert compared(run, "values: {image: 'shipper:2'}\n", "shop.yaml") == [
        "4 workloads: 4 changed, 0 unchanged",
        "",
        *HEAD,
        f"| {IMAGE} | `shipper:1` | `shipper:2` | {workloads} |",
    ]


def test_decisions_come_first_and_have_no_changes_of_the_pod(run: Run) -> None:
    new = "values: {image: 'shipper:2'}\nneverInjectSelector: [{matchLabels: {app: batch}}]\n"
    assert compared(run, new, "shop.yaml", "batch.yaml")[2:5] == [
        *HEAD,
        "| `decision` | `injected: on-by-default` | `skipped: never-selected` | `1: Deployment shop/batch` |",
    ]


def test_values_that_differ_from_pod_to_pod_are_one_kind_of_change(run: Run) -> None:
    Path("logship/sidecar.yaml.j2").write_text(
        "spec:\n  containers:\n    - name: shipper\n      image: {{ Values.image }}\n"
        "      args: [{{ Values.level }}-{{ ObjectMeta.labels.app }}]\n"
    )
    rows = compared(run, "values: {level: debug}\n", "shop.yaml", "batch.yaml")
    assert len(rows) == 5
    assert "| `different values` | `different values` | `5: " in rows[4]


def test_a_container_that_is_new_has_no_value_before(run: Run) -> None:
    new = (
        "templates:\n  more: |\n    spec: {containers: [{name: more, image: 'more:1'}]}\n"
        "defaultTemplates: [sidecar, more]\n"
    )
    row = compared(run, new, "batch.yaml")[4]
    assert row.startswith("| `/spec/containers/more` |  | `{")


def test_no_manifest_is_written_and_stderr_has_the_workloads(run: Run) -> None:
    Path("new.yaml").write_text(f"{CONFIG}values: {{image: 'shipper:2'}}\n")
    done = run("render", *BASE, "batch.yaml")
    assert done.err.splitlines() == ["changed   Deployment shop/batch: on-by-default. 1 change."]


@pytest.mark.parametrize(
    ("argv", "status", "where"),
    [
        ((*BASE, "missing.yaml"), 1, "missing.yaml"),
        (("--config", "c.yaml", "--base", "missing.yaml", "shop.yaml"), 2, "missing.yaml"),
        ((*BASE, "--diff", "shop.yaml"), 2, "--base"),
        (BASE, 2, "--filename"),
    ],
)
def test_a_failure_prints_no_summary(run: Run, argv: tuple[str, ...], status: int, where: str) -> None:
    Path("new.yaml").write_text(CONFIG)
    done = run("render", *argv)
    assert (done.status, done.out) == (status, "")
    assert where in done.err


def test_a_broken_manifest_fails_with_its_line(run: Run) -> None:
    Path("new.yaml").write_text(CONFIG)
    Path("bad.yaml").write_text(DEPLOYMENT.replace("        app: web\n", "        app: 1\n"))
    done = run("render", *BASE, "shop.yaml", "bad.yaml")
    assert (done.status, done.out) == (1, "")
    assert "error: bad.yaml:10: /spec/template/metadata/labels/app" in done.err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("@team [x](y)", "`@team [x](y)`"),
        ("a|b", "`a\\|b`"),
        ("a`b", "``a`b``"),
        ("`a``", "``` `a`` ```"),
    ],
)
def test_code_in_a_table_holds_any_text(text: str, expected: str) -> None:
    assert code(text) == expected


def test_a_cell_has_no_marks_of_its_own() -> None:
    assert cell("a|b <i> [x](y) `c` *d* \\") == (
        "a&#124;b &#60;i&#62; &#91;x&#93;(y) &#96;c&#96; &#42;d&#42; &#92;"
    )
