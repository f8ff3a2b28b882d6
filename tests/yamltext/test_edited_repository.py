"""A repository of manifests in a dozen styles: the diff of injection has only lines that are put in.

Lines that go are of values that the rules of injection replace: ports and paths of probes, and the
annotations of metrics. In flow maps and JSON, a line that gets more members counts as changed.
"""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.beds.programs import build
from tests.differential.doors import Files, control_plane
from tests.differential.settings import Settings
from tests.generators.style_files import FOLDER, JSON, STYLES
from tests.generators.style_files import workloads as objects
from tests.yamltext.edited import edited, injecting, removing, workloads

FILES = sorted(path for path in FOLDER.rglob("*") if path.suffix in (".yaml", ".json"))
# The keys of which injection replaces the value, by the name of the file.
REPLACED = {
    "ready": {"path": 1, "port": 1},
    "alive": {"tcpSocket": 1, "port": 1},
    "scraped": {"prometheus.io/port": 1, "prometheus.io/path": 1},
}

CONTROL_PLANE = [("injectConfigFile", "inject"), ("meshConfigFile", "mesh"), ("valuesFile", "values")]


def text_of(path: Path) -> str:
    return path.read_bytes().decode()


def injected(text: str, source: str) -> str:
    """A file with its workloads injected."""
    for document in workloads(text, source):
        if result := edited(document, injecting):
            assert not result.change.rewritten, result.change.rewritten
            return document.separator + result.change.text
    return text


def changes(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that go and those that come."""
    rows = [row for row in difflib.ndiff(before.splitlines(), after.splitlines()) if row[0] in "+-"]
    return [row[2:] for row in rows if row[0] == "-"], [row[2:] for row in rows if row[0] == "+"]


def test_the_repository_has_two_hundred_manifests_in_a_dozen_styles() -> None:
    assert len(FILES) == len(objects()) * (len(STYLES) + 1) == 204
    assert {path.parent.name for path in FILES} == {*STYLES, JSON}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_only_lines_are_put_in_and_uninject_returns_the_bytes(path: Path) -> None:
    text = text_of(path)
    new = injected(text, str(path))
    gone, come = changes(text, new)
    expected = REPLACED.get(path.stem, {})
    rest = [line for line in gone if not any(is_of(line, key) for key in expected)]
    if path.parent.name == "flow":
        rest = [line for line in rest if not re.search(r"[\[{]", line)]
    if path.parent.name == JSON:
        rest = [line for line in rest if f"{line}," not in come]
    assert rest == []
    if path.stem in ("web", "excluded"):
        assert new == text
        return
    for key, number in expected.items():
        assert path.parent.name in ("flow", JSON) or sum(is_of(line, key) for line in gone) == number, key
    (document,) = workloads(new, str(path))
    back = edited(document, removing)
    assert back is not None
    if not expected:
        assert document.separator + back.change.text == text


def is_of(line: str, key: str) -> bool:
    """Whether a line has a key and its value."""
    return bool(re.search(rf"(^|[ \"']){re.escape(key)}[\"']?:", line))


def test_so_many_lines_change() -> None:
    gone = come = 0
    for path in FILES:
        lost, new = changes(text_of(path), injected(text_of(path), str(path)))
        gone, come = gone + len(lost), come + len(new)
    print(f"\n{len(FILES)} files: {gone} lines go, {come} lines come")
    assert gone <= 0.01 * come


def test_istioctl_changes_many_more_lines_of_the_same_files(tmp_path: Path) -> None:
    if reason := build.unavailable(["istioctl"]):
        pytest.skip(f"istioctl: {reason}")
    istioctl = build.programs(["istioctl"])["istioctl"]
    files = control_plane(istioctl, Settings(), tmp_path)
    gone = ours = 0
    for before, after in rendered_by(istioctl, files):
        gone += len(changes(before, after)[0])
        ours += len(changes(before, injected(before, "f"))[0])
    print(f"\nlines that go: {gone} with istioctl, {ours} with this injector")
    assert ours * 20 < gone


def rendered_by(istioctl: Path, files: Files) -> Iterator[tuple[str, str]]:
    """The files of some styles before and after `istioctl kube-inject`."""
    flags = [f"--{flag}={files.path(f'{name}.yaml')}" for flag, name in CONTROL_PLANE]
    for path in FILES:
        if path.parent.name not in ("as-kubectl-writes", "commented", "lists-indented"):
            continue
        output = files.path("out.yaml")
        command = [str(istioctl), "kube-inject", "-f", str(path), "-o", output, *flags]
        done = subprocess.run(
            [*command, "--revision", "default"], env={"KUBECONFIG": "/dev/null", "HOME": "/"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-300:]
        yield text_of(path), text_of(Path(output))
