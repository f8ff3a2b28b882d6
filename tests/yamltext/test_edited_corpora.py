"""The laws of editing in place, for manifests that were not written for them.

Those of this repository, upstream's golden cases, those in the Go modules of the test beds, and what
Helm renders of the charts there. The share of documents that are written again is printed.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from injector.errors import ManifestError
from injector.yamltext import Document
from tests import upstream
from tests.beds.programs import build
from tests.yamltext.edited import check, check_way_back, edited, injecting, was_injected, workloads

REPO = Path(__file__).resolve().parents[2]
OWN = [REPO / "examples", REPO / "tests" / "cases", REPO / "tests" / "fixtures"]
MODULES = ["istio", "kubernetes", "helm4"]
LEAST = {"istio": 150, "kubernetes": 100, "helm4": 1}
MOST_WRITTEN_AGAIN = 0.05


def check_all(texts: Iterator[tuple[str, str]]) -> Counter[str]:
    """The laws for each workload of these texts, and how many there were of each kind of result."""
    count: Counter[str] = Counter()
    for text, source in texts:
        for document in workloads(text, source):
            count[_result(document)] += 1
    written_again = sum(number for result, number in count.items() if result.startswith("written again"))
    changed = written_again + count["bytes returned"] + count["data returned"]
    print(f"\n{changed} documents changed, {written_again} written again: {dict(count)}")
    assert written_again <= MOST_WRITTEN_AGAIN * changed
    return count


def _result(document: Document) -> str:
    try:
        result = edited(document, injecting)
    except ManifestError:
        return "refused"
    if result is None:
        return "unchanged"
    if result.change.rewritten:
        return f"written again: {result.change.rewritten}"
    check(result)
    if was_injected(document):
        return "injected before"
    back = check_way_back(result)
    assert back is not None
    return "bytes returned" if back.change.text == document.text else "data returned"


def _read(folder: Path) -> Iterator[tuple[str, str]]:
    """The texts of a folder's YAML files with their names."""
    for path in sorted(folder.rglob("*.yaml")):
        if path.is_file():
            try:
                yield path.read_bytes().decode(), str(path)
            except UnicodeDecodeError:
                continue


def _module(name: str) -> Path:
    try:
        return build.module_folder(name)
    except build.BuildError as error:
        pytest.skip(f"corpora: {error}")


def test_the_manifests_of_this_repository() -> None:
    count = check_all(each for folder in OWN for each in _read(folder))
    assert count["bytes returned"] >= 150


@upstream.needed
def test_the_golden_cases_of_upstream() -> None:
    count = check_all(_read(Path(upstream.FOLDER)))
    assert count["bytes returned"] >= 50


@pytest.mark.parametrize("name", MODULES)
def test_the_manifests_in_the_modules_of_the_beds(name: str) -> None:
    count = check_all(_read(_module(name)))
    assert count["bytes returned"] >= LEAST[name]


@pytest.mark.parametrize("name", MODULES)
def test_what_helm_renders_of_the_charts_in_the_modules_of_the_beds(name: str) -> None:
    if reason := build.unavailable(["helm3"]):
        pytest.skip(f"corpora: {reason}")
    helm = build.programs(["helm3"])["helm3"]
    folders = sorted(path.parent for path in _module(name).rglob("Chart.yaml"))
    check_all(each for folder in folders for each in _rendered(helm, folder))


def _rendered(helm: Path, chart: Path) -> Iterator[tuple[str, str]]:
    """What Helm renders of a chart with its own values; nothing where it refuses."""
    done = subprocess.run([helm, "template", "web", chart], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        yield done.stdout, str(chart)
