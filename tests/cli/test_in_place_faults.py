"""`--in-place` where files cannot be replaced: all stay as they are, and no temporary file is left.

Full disks, read-only file systems, other users and other programs are real. What cannot be had here is
skipped with the reason.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from injector.cli.writing import replacing
from tests.cli.conftest import DEPLOYMENT, PROFILE, SIDECAR, Run

REPO = Path(__file__).resolve().parents[2]
IN_PLACE = ("render", "--config", "c.yaml", "-R", "m", "--in-place")
NOBODY = 65534
# Loads everything, so that nothing has to be read later with the rights of another user.
AS_NOBODY = f"""\
import json, os, sys
from tests.command import run
run("render", "--config", "c.yaml", "warm.yaml", "--in-place")
run("render", "--config", "c.yaml", "absent.yaml", "--in-place")
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
done = run(*{IN_PLACE!r})
print(json.dumps([done.status, done.out, done.err]))
"""


NO_CHANGE = "; no file was changed\n"
THREE = dict.fromkeys(("a.yaml", "b.yaml", "c.yaml"), DEPLOYMENT.encode())


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def m(folder: Path) -> Path:
    (folder / "m").mkdir()
    for name in ("a", "b", "c"):
        (folder / "m" / f"{name}.yaml").write_text(DEPLOYMENT)
    return folder / "m"


# --- other programs -------------------------------------------------------------------------------

# From outside, a moment between two steps of a run can be hit by chance only: a step is wrapped.


def test_a_file_that_changed_since_it_was_read_stops_the_run(
    run: Run, m: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_all = replacing.replace_all

    def late(*arguments: object) -> None:
        (m / "c.yaml").write_text(f"{DEPLOYMENT}# edited\n")
        replace_all(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(replacing, "replace_all", late)
    done = run(*IN_PLACE)
    assert (done.status, done.out) == (1, "")
    assert f"error: m/c.yaml: the file changed after it was read{NO_CHANGE}  hint: run" in done.err
    text = DEPLOYMENT.encode()
    assert contents(m) == {"a.yaml": text, "b.yaml": text, "c.yaml": text + b"# edited\n"}


def test_a_file_that_is_replaced_while_the_new_texts_are_written_stops_the_run(
    run: Run, m: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def late(descriptor: int) -> None:
        (m / "other").write_text(DEPLOYMENT)
        os.rename(m / "other", m / "c.yaml")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", late)
    done = run(*IN_PLACE)
    assert (done.status, contents(m)) == (
        1,
        THREE,
    )
    assert f"error: m/c.yaml: the file changed after it was read{NO_CHANGE}" in done.err


def test_a_file_that_changes_between_the_renames_is_not_lost_and_the_rest_is_counted(
    run: Run, m: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def late(source: str, target: str, **folders: int) -> None:
        (m / "c.yaml").write_text("# edited\n")
        rename(source, target, **folders)

    monkeypatch.setattr(os, "rename", late)
    done = run(*IN_PLACE)
    assert done.status == 1
    assert (
        "error: m/c.yaml: the file changed after it was read; 2 of 3 files were changed before\n" in done.err
    )
    after = contents(m)
    assert sorted(after) == ["a.yaml", "b.yaml", "c.yaml"]
    assert (after["c.yaml"], b"shipper" in after["a.yaml"], b"shipper" in after["b.yaml"]) == (
        b"# edited\n",
        True,
        True,
    )


def test_a_file_that_is_gone_stops_the_run(run: Run, m: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_all = replacing.replace_all

    def late(*arguments: object) -> None:
        (m / "c.yaml").unlink()
        replace_all(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(replacing, "replace_all", late)
    done = run(*IN_PLACE)
    assert (done.status, contents(m)) == (1, dict.fromkeys(("a.yaml", "b.yaml"), DEPLOYMENT.encode()))
    assert f"error: m/c.yaml: cannot be replaced: no such file or directory{NO_CHANGE}" in done.err


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A process that takes SIGINT, which those of pytest-xdist ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_before_the_renames_leaves_all_files_and_no_temporary_file(
    run: Run, m: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def interrupted(descriptor: int) -> None:
        fsync(descriptor)
        # To this thread: those of pytest-xdist do not hold signals back.
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "fsync", interrupted)
    assert (run(*IN_PLACE).status, contents(m)) == (130, THREE)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_between_the_renames_takes_effect_when_all_files_are_changed(
    run: Run, m: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def interrupted(source: str, target: str, **folders: int) -> None:
        rename(source, target, **folders)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "rename", interrupted)
    assert run(*IN_PLACE).status == 130
    assert [b"shipper" in content for content in contents(m).values()] == [True, True, True]


# --- disks and file systems -----------------------------------------------------------------------


def in_own_mounts(script: str) -> subprocess.CompletedProcess[str]:
    """A shell script that may mount, as nothing but itself sees its mounts."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is missing")
    alone = [unshare, "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    tried = subprocess.run(
        [*alone, "mount", "-t", "tmpfs", "tmpfs", "m"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"no mounts of its own: {tried.stderr.strip()}")
    command = f"{sys.executable} -m injector {' '.join(IN_PLACE)}"
    environ = {**os.environ, "PYTHONPATH": str(REPO), "INJECTOR": command}
    return subprocess.run(
        [*alone, "sh", "-c", script], capture_output=True, text=True, check=False, env=environ
    )


def test_a_full_disk_leaves_all_files_and_no_temporary_file(m: Path) -> None:
    # Files of four pages: the disk has room for three of them, and for one of the new ones with five.
    page = os.sysconf("SC_PAGE_SIZE")
    comment = "#" * (4 * page - len(DEPLOYMENT) - 1)
    for path in m.iterdir():
        path.write_text(f"{DEPLOYMENT}{comment}\n")
    done = in_own_mounts(
        f"cp -r m before && mount -t tmpfs -o size={18 * page} tmpfs m && cp before/* m/ &&"
        "{ $INJECTOR; echo status $?; ls -A m; diff -r before m && echo the same; }"
    )
    assert done.stdout.splitlines() == ["status 1", "a.yaml", "b.yaml", "c.yaml", "the same"]
    assert f"error: m/b.yaml: cannot be replaced: no space left on device{NO_CHANGE}" in done.stderr
    assert "  hint: free space on the disk, or raise the limit\n" in done.stderr


def test_a_read_only_file_system_is_refused(m: Path) -> None:
    done = in_own_mounts(
        "mount --bind m m && mount -o remount,ro,bind m && { $INJECTOR; echo status $?; ls -A m; }"
    )
    assert done.stdout.splitlines() == ["status 1", "a.yaml", "b.yaml", "c.yaml"]
    assert f"error: m/a.yaml: the file is read-only{NO_CHANGE}  hint: make it writable" in done.stderr
    assert contents(m) == THREE


def test_no_room_for_temporary_files_is_refused_with_their_folder(m: Path) -> None:
    for path in m.iterdir():
        path.write_text(f"{DEPLOYMENT}{'#' * 70_000}\n")
    before = contents(m)
    done = in_own_mounts(
        "mkdir small && mount -t tmpfs -o size=64k tmpfs small && { TMPDIR=small $INJECTOR; echo status $?; }"
    )
    assert (done.stdout, contents(m)) == ("status 1\n", before)
    assert "no space left on device\n  hint: make room there, or set TMPDIR" in done.stderr


# --- other users ----------------------------------------------------------------------------------


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that every user may read, with a folder `m`; the working directory."""
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "logship").mkdir()
        (root / "logship" / "profile.yaml").write_text(PROFILE)
        (root / "logship" / "sidecar.yaml.j2").write_text(SIDECAR)
        (root / "c.yaml").write_text("profile: ./logship\n")
        (root / "warm.yaml").write_text(DEPLOYMENT)
        (root / "m").mkdir()
        for file in ("a.yaml", "b.yaml"):
            (root / "m" / file).write_text(DEPLOYMENT)
            os.chown(root / "m" / file, NOBODY, NOBODY)
        os.chown(root / "m", NOBODY, NOBODY)
        monkeypatch.chdir(root)
        yield root / "m"


def as_nobody() -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )
    assert done.returncode == 0, done.stderr
    status, out, err = json.loads(done.stdout)
    return status, out, err


def test_a_user_changes_the_files_that_are_theirs(shared: Path) -> None:
    status, _, err = as_nobody()
    assert (status, err.splitlines()[-1]) == (0, "2 files changed, 0 unchanged")
    assert {(path.name, path.stat().st_uid) for path in shared.iterdir()} == {
        ("a.yaml", NOBODY),
        ("b.yaml", NOBODY),
    }


@pytest.mark.parametrize(
    ("setup", "message"),
    [
        ("chmod 444 m/b.yaml", "m/b.yaml: the file is read-only"),
        ("chmod 555 m", "m/a.yaml: cannot be replaced: permission denied"),
        ("chown 0:0 m/b.yaml; chmod 666 m/b.yaml", "m/b.yaml: its owner (0:0) cannot be preserved"),
        (
            "chown 0:0 m m/b.yaml; chmod 1777 m; chmod 666 m/b.yaml",
            "m/b.yaml: the file belongs to another user, and its folder is sticky",
        ),
    ],
)
def test_what_a_user_may_not_replace_is_refused(shared: Path, setup: str, message: str) -> None:
    subprocess.run(setup, shell=True, check=True)
    status, out, err = as_nobody()
    assert (status, out) == (1, "")
    assert f"error: {message}{NO_CHANGE}  hint: " in err
    assert contents(shared) == dict.fromkeys(("a.yaml", "b.yaml"), DEPLOYMENT.encode())
