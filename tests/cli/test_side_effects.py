"""`webhook-config` says whether admissions leave a trace besides the answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("text", "flags", "expected"),
    [
        ("", (), "None"),
        ("server: {record: {directory: /var/records}}", (), "NoneOnDryRun"),
        ("server: {record: {directory: /var/records}}", ("--side-effects", "None"), "None"),
        ("", ("--side-effects", "NoneOnDryRun"), "NoneOnDryRun"),
        ("server: {events: warnings}", (), "NoneOnDryRun"),
        ("server: {events: all}", (), "NoneOnDryRun"),
        ("server: {events: off}", (), "None"),
    ],
)
def test_side_effects(run: Run, tmp_path: Path, text: str, flags: tuple[str, ...], expected: str) -> None:
    config = tmp_path / "injector.yaml"
    config.write_text(text)
    done = run("webhook-config", "--config", config, "--service", "mesh/injector", *flags)
    assert done.status == 0, done.err
    entries = yaml.safe_load(done.out)["webhooks"]
    assert {entry["sideEffects"] for entry in entries} == {expected}
