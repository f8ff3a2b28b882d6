"""`injector bundle`, and --bundle of other commands: pinned by a digest, without a cluster."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from injector.cli import bundle_file
from tests.cli.conftest import Run

REFERENCE = re.compile(r"(\S+)@sha256:[0-9a-f]{64}")
WRONG = "a" * 64


@pytest.fixture
def packed(folder: Path, run: Run) -> str:
    """The reference of `b.yaml`, as `bundle` prints it."""
    done = run("bundle", "--config", "c.yaml", "-o", "b.yaml")
    assert (done.status, done.out) == (0, "")
    return done.err.strip()


def test_the_printed_reference_is_the_sha256_of_the_file(packed: str) -> None:
    digest = hashlib.sha256(Path("b.yaml").read_bytes()).hexdigest()
    assert packed == f"b.yaml@sha256:{digest}"


def test_on_stdout_are_the_bytes_of_the_file_and_only_they(packed: str, run: Run) -> None:
    done = run("bundle", "--config", "c.yaml")
    assert done.out.encode() == Path("b.yaml").read_bytes()
    assert done.err == packed.replace("b.yaml", "bundle.yaml") + "\n"


@pytest.mark.parametrize(
    "command",
    [
        ("render", "web.yaml"),
        ("render", "web.yaml", "--diff"),
        ("kube-inject", "-f", "web.yaml"),
        ("explain", "-f", "web.yaml", "-o", "json"),
    ],
)
def test_a_command_gives_the_same_with_the_bundle_as_with_what_was_packed(
    command: tuple[str, ...], packed: str, run: Run
) -> None:
    by_file, by_bundle = run(*command, "--config", "c.yaml"), run(*command, "--bundle", packed)
    assert by_bundle == by_file
    assert by_file.status == 0
    assert "shipper:1" in by_file.out


def test_only_the_bundle_counts(packed: str, folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run("render", "web.yaml", "--bundle", packed)
    (folder / "injector.yaml").write_text("policy: disabled\n")
    monkeypatch.setenv("INJECTOR_CONFIG", "injector.yaml")
    monkeypatch.setenv("KUBECONFIG", "none.yaml")
    (folder / "logship" / "profile.yaml").unlink()
    assert run("render", "web.yaml", "--bundle", packed) == before


# In a process of its own: the hook of a process cannot be removed.
WATCHED = """\
import sys
seen = []
sys.addaudithook(lambda event, args: seen.append((event, args[0] if args else None)))
from injector.cli.main import main
status = main(sys.argv[1:])
network = [event for event, _ in seen if event.startswith("socket.")]
files = [path for event, path in seen if event == "open" and isinstance(path, str)]
print(status, network, [path for path in files if "/" not in path or ".kube" in path], file=sys.stderr)
"""


def test_no_connection_is_opened_and_no_other_file_is_read(packed: str) -> None:
    argv = [sys.executable, "-c", WATCHED, "render", "web.yaml", "--bundle", packed]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert "shipper:1" in done.stdout
    assert done.stderr.splitlines()[-1] == "0 [] ['b.yaml', 'web.yaml']"


def test_without_a_digest_the_bundle_is_used_and_its_digest_is_printed(packed: str, run: Run) -> None:
    done = run("render", "web.yaml", "--bundle", "b.yaml")
    assert done.status == 0
    assert done.err.startswith(f"b.yaml has no digest that is checked; use {packed}\n")


def test_another_digest_is_refused_with_both_before_the_file_is_parsed(packed: str, run: Run) -> None:
    right = packed.rpartition("@")[2]
    Path("b.yaml").write_text(Path("b.yaml").read_text() + "{ no YAML\n")
    now = "sha256:" + hashlib.sha256(Path("b.yaml").read_bytes()).hexdigest()
    done = run("render", "web.yaml", "--bundle", packed)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"error: b.yaml: the digest is {now}, and {right} is expected\n")
    assert "not valid YAML" in run("render", "web.yaml", "--bundle", "b.yaml").err


@pytest.mark.parametrize(
    "suffix",
    [
        "@",
        "@sha256:",
        f"@sha256:{WRONG[1:]}",
        f"@sha256:{WRONG.upper()}",
        f"@sha512:{WRONG}",
        f"@sha256:{WRONG}\n",
    ],
)
def test_half_a_digest_is_a_usage_error(suffix: str, packed: str, run: Run) -> None:
    if suffix != "@":
        # A file of this name does not take its place.
        Path(f"b.yaml{suffix}").write_bytes(Path("b.yaml").read_bytes())
    done = run("render", "web.yaml", "--bundle", f"b.yaml{suffix}")
    assert (done.status, done.out) == (2, "")
    assert "has no complete digest" in done.err


def test_an_at_sign_in_the_name_of_a_file_or_folder_is_part_of_it(packed: str, run: Run) -> None:
    Path("v@1").mkdir()
    for name in ("v@1/b.yaml", "b@2.yaml"):
        Path(name).write_bytes(Path("b.yaml").read_bytes())
        done = run("render", "web.yaml", "--bundle", packed.replace("b.yaml", name, 1))
        assert done.status == 0, done.err
        assert run("render", "web.yaml", "--bundle", name).err.startswith(f"{name} has no digest")


def test_a_bundle_that_is_too_large_is_not_parsed(
    packed: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(Path("b.yaml").read_bytes())
    monkeypatch.setattr(bundle_file, "LIMIT", size)
    assert run("render", "web.yaml", "--bundle", packed).status == 0
    monkeypatch.setattr(bundle_file, "LIMIT", size - 1)
    done = run("render", "web.yaml", "--bundle", packed)
    assert (done.status, done.out) == (2, "")
    assert f"a bundle has at most {size - 1} bytes" in done.err


def test_a_bundle_that_could_not_be_read_is_not_written(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_file, "LIMIT", 100)
    done = run("bundle", "--config", "c.yaml", "-o", "b.yaml")
    assert (done.status, done.out) == (2, "")
    assert "and at most 100 are read" in done.err
    assert not (folder / "b.yaml").exists()


def test_a_bundle_is_read_once(packed: str, run: Run) -> None:
    # From a pipe nothing can be read twice.
    text = Path("b.yaml").read_bytes()
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(text)
    try:
        done = run("render", "web.yaml", "--bundle", f"/dev/fd/{reading}@{packed.rpartition('@')[2]}")
    finally:
        os.close(reading)
    assert done.status == 0, done.err


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--config", "c.yaml"), "--config"),
        (("--config-map", "a/b"), "--config-map"),
        (("-r", "canary"), "--revision"),
        (("-i", "mesh"), "--istioNamespace"),
        (("--meshConfigFile", "m.yaml"), "--meshConfigFile"),
        (("--valuesFile", "v.yaml"), "--valuesFile"),
        (("--injectConfigFile", "i.yaml"), "--injectConfigFile"),
        (("--meshConfigMapName", "istio"), "--meshConfigMapName"),
        (("--injectConfigMapName", "istio"), "--injectConfigMapName"),
        (("--from-cluster",), "--from-cluster"),
        (("--context", "prod"), "--context"),
    ],
)
def test_a_flag_that_names_another_configuration_is_a_usage_error(
    flags: tuple[str, ...], named: str, packed: str, run: Run
) -> None:
    for command in (("render",), ("kube-inject",)):
        done = run(*command, "-f", "web.yaml", "--bundle", packed, *flags)
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith(f"error: {named}: it cannot be combined with --bundle\n")


def test_objects_and_namespace_are_facts_and_go_with_a_bundle(packed: str, folder: Path, run: Run) -> None:
    (folder / "ns.yaml").write_text("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n")
    done = run("render", "web.yaml", "--bundle", packed, "--objects", "ns.yaml", "-n", "shop")
    assert done.status == 0, done.err


def test_a_bundle_that_cannot_be_read_or_written_is_named(folder: Path, run: Run) -> None:
    done = run("render", "web.yaml", "--bundle", "none.yaml")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: none.yaml: no such file or directory\n")
    done = run("bundle", "--config", "c.yaml", "-o", "none/b.yaml")
    assert (done.status, done.out) == (1, "")
    assert not REFERENCE.search(done.err)


def test_flags_of_a_control_plane_are_packed(folder: Path, run: Run) -> None:
    (folder / "m.yaml").write_text("trustDomain: packed.example\n")
    (folder / "istio.yaml").write_text("values: {global: {hub: r.example.com/x, tag: 1.30.1}}\n")
    flags = ("--config", "istio.yaml", "--meshConfigFile", "m.yaml", "-i", "mesh", "-r", "1-30")
    reference = run("bundle", *flags, "-o", "b.yaml").err.strip()
    by_file, by_bundle = run("render", "web.yaml", *flags), run("render", "web.yaml", "--bundle", reference)
    assert "packed.example" in by_file.out
    # The keys of maps are in alphabetical order in a bundle.
    assert sorted(by_bundle.out.splitlines()) == sorted(by_file.out.splitlines())
    done = run("bundle", "--config", "c.yaml", "--meshConfigFile", "m.yaml")
    assert (done.status, done.out) == (2, "")
    assert "--meshConfigFile: the profile does not support this flag" in done.err


@pytest.mark.usefixtures("in_one_process")
def test_a_bundle_is_checked_like_a_configuration(packed: str, run: Run) -> None:
    done = run("check", "--bundle", packed, "-o", "json")
    by_file = run("check", "--config", "c.yaml", "-o", "json")
    assert (done.status, by_file.status) == (0, 0)
    assert done.out.replace(f"bundle {packed}", "c.yaml") == by_file.out


def test_what_a_bundle_knows_of_the_nodes_counts_unless_the_objects_know_better(
    folder: Path, run: Run
) -> None:
    (folder / "istio.yaml").write_text("values: {global: {hub: r.example.com/x, tag: 1.30.1}}\n")
    run("bundle", "--config", "istio.yaml", "-o", "b.yaml")
    (folder / "b.yaml").write_text((folder / "b.yaml").read_text() + "nativeSidecars: false\n")
    node = {"nodeInfo": {"kubeletVersion": "v1.37.1"}}
    text = f"{{apiVersion: v1, kind: Node, metadata: {{name: n}}, status: {json.dumps(node)}}}\n"
    (folder / "nodes.yaml").write_text(text)
    by_bundle = run("render", "web.yaml", "--bundle", "b.yaml")
    assert "native-assumed" not in by_bundle.err
    assert "restartPolicy: Always" not in by_bundle.out
    with_nodes = run("render", "web.yaml", "--bundle", "b.yaml", "--objects", "nodes.yaml")
    assert "restartPolicy: Always" in with_nodes.out
