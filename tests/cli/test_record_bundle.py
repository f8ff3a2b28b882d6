"""`render --record-bundle`: the digest of the bundle in the workload's own metadata, and its way out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from injector.core.bundle_record import with_record, without_record
from tests.cli.conftest import DEPLOYMENT, PROFILE, Run

KEY = "sidecar-injector/bundle"


@pytest.fixture
def packed(folder: Path, run: Run) -> str:
    return run("bundle", "--config", "c.yaml", "-o", "b.yaml").err.strip()


def test_the_digest_is_in_the_workload_and_not_in_its_pod_template(packed: str, run: Run) -> None:
    plain = run("render", "web.yaml", "--bundle", packed)
    done = run("render", "web.yaml", "--bundle", packed, "--record-bundle")
    assert (done.status, done.err) == (0, plain.err)
    recorded, before = yaml.safe_load(done.out), yaml.safe_load(plain.out)
    assert recorded["metadata"].pop("annotations") == {KEY: packed.rpartition("@")[2]}
    # Nothing else: the pods are not restarted.
    assert recorded == before
    assert run("render", "web.yaml", "--bundle", packed, "--record-bundle", "--jobs", "2").out == done.out


def test_uninject_gives_the_bytes_back(packed: str, folder: Path, run: Run) -> None:
    text = DEPLOYMENT.replace("  namespace: shop\n", "  namespace: shop\n  annotations: {a: b}  # theirs\n")
    for manifest in (DEPLOYMENT, text):
        (folder / "in.yaml").write_text(manifest)
        (folder / "out.yaml").write_text(run("render", "in.yaml", "--bundle", packed, "--record-bundle").out)
        assert KEY in (folder / "out.yaml").read_text()
        assert run("uninject", "out.yaml", "--config", "c.yaml").out == manifest


def test_another_bundle_replaces_the_record_and_the_same_one_changes_nothing(
    packed: str, folder: Path, run: Run
) -> None:
    first = run("render", "web.yaml", "--bundle", packed, "--record-bundle").out
    (folder / "done.yaml").write_text(first)
    again = run("render", "done.yaml", "--bundle", packed, "--record-bundle")
    assert again.out == first
    assert "warning" not in again.err
    assert run("render", "done.yaml", "--bundle", packed, "--record-bundle", "--check").status == 0

    # It renders the same pods, so that only the record changes.
    (folder / "c.yaml").write_text("profile: ./logship\naliases: {more: [sidecar]}\n")
    other = run("bundle", "--config", "c.yaml", "-o", "new.yaml").err.strip()
    done = run("render", "done.yaml", "--bundle", other, "--record-bundle")
    assert "unchanged" in done.err
    assert done.out == first.replace(packed.rpartition("@")[2], other.rpartition("@")[2])


def test_a_record_goes_when_another_configuration_changes_the_pods(
    packed: str, folder: Path, run: Run
) -> None:
    (folder / "done.yaml").write_text(run("render", "web.yaml", "--bundle", packed, "--record-bundle").out)
    assert KEY in run("render", "done.yaml", "--config", "c.yaml").out
    (folder / "c.yaml").write_text("profile: ./logship\nvalues: {image: 'shipper:2'}\n")
    assert KEY not in run("render", "done.yaml", "--config", "c.yaml").out


def test_what_is_not_injected_and_a_bare_pod_have_no_record(packed: str, folder: Path, run: Run) -> None:
    skipped = DEPLOYMENT.replace(
        "        app: web\n", "        app: web\n        logs.example.com/inject: 'false'\n"
    )
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: p, image: 'p:1'}]}\n"
    (folder / "in.yaml").write_text(skipped + "---\n" + pod)
    done = run("render", "in.yaml", "--bundle", packed, "--record-bundle")
    assert (done.status, KEY in done.out) == (0, False)
    assert "1 injected, 1 skipped" in done.err


def test_each_object_of_a_list_has_its_own_record(packed: str, folder: Path, run: Run) -> None:
    items = [yaml.safe_load(DEPLOYMENT), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}]
    (folder / "list.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}))
    done = run("render", "list.yaml", "--bundle", packed, "--record-bundle")
    deployment, config_map = yaml.safe_load(done.out)["items"]
    assert KEY in deployment["metadata"]["annotations"]
    assert config_map == items[1]


def test_a_profile_names_the_annotation_itself(folder: Path, run: Run) -> None:
    text = PROFILE.replace("keys:\n", "keys:\n  bundle: logs.example.com/bundle\n")
    (folder / "logship" / "profile.yaml").write_text(text)
    reference = run("bundle", "--config", "c.yaml", "-o", "b.yaml").err.strip()
    done = run("render", "web.yaml", "--bundle", reference, "--record-bundle")
    assert list(yaml.safe_load(done.out)["metadata"]["annotations"]) == ["logs.example.com/bundle"]


@pytest.mark.parametrize("flags", [(), ("--bundle", "b.yaml"), ("--config", "c.yaml")])
def test_only_a_digest_that_was_checked_is_recorded(flags: tuple[str, ...], packed: str, run: Run) -> None:
    done = run("render", "web.yaml", *flags, "--record-bundle")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: --record-bundle: this flag requires --bundle with a digest\n")


def test_the_record_leaves_everything_else_alone() -> None:
    bare = {"kind": "Deployment", "metadata": {"name": "web"}}
    other = {"kind": "Deployment", "metadata": {"name": "web", "annotations": {"a": "b"}}}
    for manifest in (bare, other):
        before = repr(manifest)
        recorded = with_record(manifest, KEY, "sha256:1")
        assert with_record(recorded, KEY, "sha256:1") is recorded
        assert without_record(recorded, KEY) == manifest
        assert without_record(manifest, KEY) is manifest
        assert repr(manifest) == before
    pod = {"kind": "Pod", "metadata": {"annotations": {KEY: "theirs"}}}
    assert with_record(pod, KEY, "sha256:1") is without_record(pod, KEY) is pod
