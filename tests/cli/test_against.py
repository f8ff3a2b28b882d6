"""`render --check --against BUNDLE`: drift is named by its key (with a cluster: tests/apiserver)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def packed(folder: Path, run: Run) -> str:
    return run("bundle", "--config", "c.yaml", "-o", "b.yaml").err.strip()


def test_a_configuration_that_is_the_same_does_not_fail(packed: str, run: Run) -> None:
    done = run("render", "--check", "--config", "c.yaml", "--against", packed)
    assert (done.status, done.out, done.err) == (0, "", "c.yaml and bundle b.yaml are the same\n")


def test_each_key_that_differs_is_named_with_both_values(packed: str, folder: Path, run: Run) -> None:
    (folder / "c.yaml").write_text("profile: ./logship\nvalues: {image: 'shipper:2', token: s3cr3t}\n")
    done = run("render", "--check", "--config", "c.yaml", "--against", packed)
    assert (done.status, done.out) == (1, "")
    first, second, last = done.err.splitlines()
    assert first.startswith('error: c.yaml: values.image is "shipper:2", and "shipper:1" in bundle b.yaml ')
    assert second.startswith(
        "error: c.yaml: values.token is a value that is not shown, and nothing in bundle b.yaml "
    )
    assert first.endswith(" [drift]")
    assert last == "2 keys of c.yaml and bundle b.yaml differ"


def test_drift_is_in_the_reports_for_machines(packed: str, folder: Path, run: Run) -> None:
    (folder / "c.yaml").write_text("profile: ./logship\npolicy: disabled\n")
    done = run("render", "--check", "--config", "c.yaml", "--against", packed, "--report", "json")
    assert done.status == 1
    assert "drift" in json.dumps(json.loads(done.err))


def test_manifests_are_checked_as_well(packed: str, folder: Path, run: Run) -> None:
    same = ("render", "--check", "--config", "c.yaml", "--against", packed)
    done = run(*same, "web.yaml")
    assert done.status == 1
    assert "would change" in done.err
    run("kube-inject", "--config", "c.yaml", "-f", "web.yaml", "-o", "done.yaml")
    assert run(*same, "done.yaml").status == 0


def test_a_bundle_is_compared_with_a_bundle(packed: str, folder: Path, run: Run) -> None:
    (folder / "logship" / "sidecar.yaml.j2").write_text("spec: {hostNetwork: true}\n")
    other = run("bundle", "--config", "c.yaml", "-o", "new.yaml").err.strip()
    done = run("render", "--check", "--bundle", other, "--against", packed)
    assert done.status == 1
    assert "templates.sidecar is line 1 " in done.err


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (("--against", "b.yaml"), "--against: this flag requires --check"),
        (("--check",), "filename not specified"),
        (("--check", "--against", "b.yaml@sha256:1"), "--against: b.yaml@sha256:1 has no complete digest"),
        (("--check", "--against", "b.yaml@sha256:" + "a" * 64), "b.yaml: the digest is sha256:"),
    ],
)
def test_what_cannot_be_compared_is_a_usage_error(
    flags: tuple[str, ...], error: str, packed: str, run: Run
) -> None:
    done = run("render", "--config", "c.yaml", *flags)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"error: {error}")
