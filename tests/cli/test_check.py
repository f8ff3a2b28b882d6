"""`check`: levels that depend on where a configuration is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from injector.cli import check
from tests.cli.conftest import Run

RELEASED = "values: {global: {hub: registry.example.com/istio, tag: 1.30.0}}\n"


@pytest.mark.usefixtures("in_one_process")
@pytest.mark.parametrize(
    ("config", "flags", "expected"),
    [
        ("values: {}\n", [], (["warning"], 0)),
        ("values: {}\n", ["--fail-on=warning"], (["warning"], 1)),
        ("values: {}\n", ["--fail-on=error"], (["warning"], 0)),
        ("values: {}\n", ["--cluster"], (["error"], 1)),
        (RELEASED, ["--cluster"], ([], 0)),
        (RELEASED, ["--fail-on=warning"], ([], 0)),
        # The values of a running istiod replace the file's.
        ("server: {source: {istio: {namespace: istio-system}}}\n", ["--cluster"], ([], 0)),
    ],
)
def test_the_exit_status_follows_the_level_of_development_images(
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    flags: list[str],
    expected: tuple[list[str], int],
) -> None:
    monkeypatch.setattr(check, "_in_cluster", lambda *_: [])
    (tmp_path / "c.yaml").write_text(config)
    done = run("check", "--config", str(tmp_path / "c.yaml"), "-o", "json", *flags)
    results = json.loads(done.out)["results"]
    levels = [one["level"] for one in results if one["code"] == "development-images"]
    assert (levels, done.status) == expected
