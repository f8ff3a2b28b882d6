"""`injector version` without a cluster, and `--color` (with a release: tests/apiserver)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from injector import __version__
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize("flags", [(), ("--client",)])
def test_without_a_cluster_the_version_is_that_of_the_program(run: Run, flags: tuple[str, ...]) -> None:
    done = run("version", *flags)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"client version: {__version__}")
    assert "server" not in done.out


@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_programs_get_the_version_as_an_object(run: Run, output: str, read: object) -> None:
    assert callable(read)
    versions = read(run("version", "--client", "-o", output).out)
    assert versions["clientVersion"]["version"] == __version__
    assert set(versions) == {"clientVersion"}


def test_a_cluster_that_does_not_answer_is_an_error_after_the_version_of_the_program(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(
        "current-context: x\ncontexts: [{name: x, context: {cluster: x}}]\n"
        "clusters: [{name: x, cluster: {server: 'https://127.0.0.1:1'}}]\n"
    )
    done = run("version", "--kubeconfig", tmp_path / "config")
    assert done.status == 1
    assert done.out.startswith("client version: ")
    assert done.err.startswith("error: the API server https://127.0.0.1:1 cannot be reached")


@pytest.mark.parametrize(
    ("arguments", "painted"),
    [
        (("--color", "always", "explain"), True),
        (("explain", "--color", "always"), True),
        (("--color=always", "explain", "--color=never"), False),
        (("explain", "--color=never"), False),
        (("explain", "--color=auto"), False),
        (("explain",), False),
    ],
)
@pytest.mark.usefixtures("folder")
def test_colour_is_chosen_before_or_after_the_command(
    run: Run, arguments: tuple[str, ...], painted: bool
) -> None:
    done = run(*arguments, "--config", "c.yaml", "-f", "web.yaml")
    assert done.status == 0, done.err
    assert ("\x1b[" in done.out) is painted
    # Headings are bold in the terminal's own colour, which fits light and dark ones.
    assert "\x1b[37m" not in done.out
