"""`--in-place`: all files are changed, or none; what was not changed is not touched."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from injector.cli.writing import leftovers
from tests.cli.conftest import DEPLOYMENT, Run

RENDER = ("render", "--config", "c.yaml", "-R", "m")
IN_PLACE = (*RENDER, "--in-place")
SECRET = "apiVersion: v1\nkind: Secret\n"
BROKEN = DEPLOYMENT.replace("kind: ", "kind: {{ ")


@pytest.fixture
def m(folder: Path) -> Path:
    """A folder with two workloads, one of them below, and an object that is not injected."""
    (folder / "m" / "below").mkdir(parents=True)
    (folder / "m" / "web.yaml").write_text(DEPLOYMENT)
    (folder / "m" / "below" / "cart.yaml").write_text(f"# the cart\n{SECRET}---\n{DEPLOYMENT}")
    (folder / "m" / "secret.yaml").write_text(SECRET)
    return folder / "m"


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def touched(folder: Path) -> dict[str, tuple[int, int]]:
    """When files below a folder were changed last, their status as well, and which files they are."""
    paths = {path.name: path.stat() for path in folder.rglob("*.yaml")}
    return {name: (status.st_ino, status.st_ctime_ns) for name, status in paths.items()}


def rendered(run: Run, *names: str) -> list[str]:
    return [run("render", "--config", "c.yaml", name).out for name in names]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_files_get_what_render_prints_for_each_of_them(run: Run, m: Path, jobs: str) -> None:
    web, cart = rendered(run, "m/web.yaml", "m/below/cart.yaml")
    assert "shipper" in web
    done = run(*IN_PLACE, "--jobs", jobs)
    assert (done.status, done.out) == (0, "")
    assert done.err.endswith("2 workloads: 2 injected; 2 other documents\n2 files changed, 1 unchanged\n")
    assert contents(m) == {
        "below/cart.yaml": cart.encode(), "secret.yaml": SECRET.encode(), "web.yaml": web.encode(),
    }  # fmt: skip


def test_a_file_without_a_change_is_not_touched(run: Run, m: Path) -> None:
    before = touched(m)
    assert run(*IN_PLACE).status == 0
    again = touched(m)
    assert [name for name in before if again[name] == before[name]] == ["secret.yaml"]
    done = run(*IN_PLACE)
    assert done.err.endswith("no files changed, 3 unchanged\n")
    assert touched(m) == again


def test_uninject_restores_the_bytes_of_the_files(run: Run, m: Path) -> None:
    before = contents(m)
    run(*IN_PLACE)
    assert contents(m) != before
    done = run("uninject", "--config", "c.yaml", "-R", "m", "--in-place")
    assert (done.status, done.out) == (0, "")
    assert done.err.endswith("2 files changed, 1 unchanged\n")
    assert contents(m) == before


def test_bytes_around_the_change_are_those_that_were_read(run: Run, m: Path) -> None:
    text = f"\ufeff# caf\u00e9\r\n{SECRET}---\r\n{DEPLOYMENT}"
    (m / "web.yaml").write_bytes(text.encode())
    expected = rendered(run, "m/web.yaml")[0].encode()
    run(*IN_PLACE)
    assert (m / "web.yaml").read_bytes() == expected
    assert expected.startswith("\ufeff# caf\u00e9\r\napiVersion: v1\n".encode())


def test_permissions_and_the_owner_stay(run: Run, m: Path) -> None:
    file = m / "web.yaml"
    file.chmod(0o2751)
    if os.geteuid() == 0:
        os.chown(file, 12345, 54321)
        file.chmod(0o2751)
    before = file.stat()
    assert run(*IN_PLACE).status == 0
    after = file.stat()
    assert after.st_ino != before.st_ino
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert stat.S_IMODE(after.st_mode) == 0o2751


def test_extended_attributes_stay(run: Run, m: Path) -> None:
    try:
        os.setxattr(m / "web.yaml", "user.reviewed", b"by ann")
    except (AttributeError, OSError) as error:
        pytest.skip(f"no extended attributes here: {error}")
    assert run(*IN_PLACE).status == 0
    assert os.getxattr(m / "web.yaml", "user.reviewed") == b"by ann"


def test_files_with_the_longest_names_are_changed(run: Run, m: Path) -> None:
    names = [f"{'é' * 124}{end}.yaml" for end in "12"]
    for name in names:
        (m / name).write_text(DEPLOYMENT)
    done = run(*IN_PLACE)
    assert (done.status, done.err.splitlines()[-1]) == (0, "4 files changed, 1 unchanged")
    assert all("shipper" in (m / name).read_text() for name in names)


# --- one fault, no change -------------------------------------------------------------------------


def test_one_faulty_document_changes_no_file(run: Run, m: Path) -> None:
    (m / "z.yaml").write_text(f"{DEPLOYMENT}---\n{BROKEN}")
    before = contents(m)
    done = run(*IN_PLACE)
    assert (done.status, done.out, contents(m)) == (1, "", before)
    assert "error: m/z.yaml:" in done.err
    assert "nothing was written\n" in done.err


def test_a_finding_that_fails_changes_no_file(run: Run, m: Path) -> None:
    (m / "z.yaml").write_text("hello\n")
    before = contents(m)
    done = run(*IN_PLACE, "-f", "m/z.yaml", "--fail-on", "warning")
    assert (done.status, contents(m)) == (1, before)


@pytest.mark.parametrize(
    "flags", [("--diff",), ("--check",), ("-o", "json"), ("-o", "yaml"), ("--output-dir", "out")]
)
def test_no_other_output_is_combined_with_it(run: Run, m: Path, flags: tuple[str, ...]) -> None:
    before = contents(m)
    done = run(*IN_PLACE, *flags)
    assert (done.status, done.out, contents(m), Path("out").exists()) == (2, "", before, False)
    assert f"error: --in-place: it cannot be combined with {flags[0]}\n  hint: remove one" in done.err


def test_uninject_to_a_file_is_not_combined_with_it(run: Run, m: Path) -> None:
    done = run("uninject", "--config", "c.yaml", "m/web.yaml", "--in-place", "-o", "x.yaml")
    assert (done.status, Path("x.yaml").exists()) == (2, False)
    assert done.err == "error: --in-place: it cannot be combined with -o\n  hint: remove one of them\n"


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0"])
def test_only_files_are_changed_in_place(run: Run, m: Path, name: str) -> None:
    before = contents(m)
    done = run(*IN_PLACE, "-f", name, stdin=DEPLOYMENT)
    assert (done.status, done.out, contents(m)) == (2, "", before)
    assert f"error: -f {name}: only files can be changed in place\n" in done.err


# --- links ----------------------------------------------------------------------------------------


def test_the_file_that_a_link_leads_to_is_replaced_and_the_link_stays(run: Run, m: Path) -> None:
    (m / "a.yaml").symlink_to("web.yaml")
    (m.parent / "link.yaml").symlink_to("m/web.yaml")
    (expected,) = rendered(run, "m/web.yaml")
    done = run(*IN_PLACE, "-f", "link.yaml", "-f", "m/web.yaml")
    assert done.err.endswith("2 files changed, 1 unchanged\n")
    assert "3 workloads" not in done.err
    assert (m / "web.yaml").read_text() == expected
    assert ((m / "a.yaml").is_symlink(), (m.parent / "link.yaml").is_symlink()) == (True, True)


def test_a_file_out_of_the_folder_is_not_changed_by_a_link_in_it(run: Run, m: Path) -> None:
    outside = m.parent / "outside.yaml"
    outside.write_text(DEPLOYMENT)
    (m / "out.yaml").symlink_to("../outside.yaml")
    done = run(*IN_PLACE)
    assert (done.status, outside.read_text()) == (0, DEPLOYMENT)
    assert "warning: m/out.yaml: skipped, as the link leaves m [left-out]\n" in done.err


def test_a_file_with_two_names_is_refused(run: Run, m: Path) -> None:
    os.link(m / "web.yaml", m.parent / "same.yaml")
    before = contents(m)
    done = run(*IN_PLACE)
    assert (done.status, done.out, contents(m)) == (1, "", before)
    assert "error: m/web.yaml: the file has 2 names (hard links), and only one would be changed" in done.err
    assert "; no file was changed\n  hint: make it a file of its own: " in done.err


def test_a_file_with_two_names_that_is_not_changed_is_none_of_its_business(run: Run, m: Path) -> None:
    os.link(m / "secret.yaml", m.parent / "same.yaml")
    assert run(*IN_PLACE).status == 0


# --- temporary files of other runs ----------------------------------------------------------------

DEAD = 2**22 - 1  # no number of a process reaches the largest that Linux allows
OWN = leftovers.mark()


def of_dead_process(name: str = "web.yaml") -> str:
    return leftovers.name_for(name, OWN.rpartition("-")[0].rpartition("-")[0] + f"-{DEAD}-1")


def test_what_a_killed_run_left_is_removed_in_all_folders_that_are_read(run: Run, m: Path) -> None:
    run(*IN_PLACE)
    strays = [
        m / of_dead_process(),
        m / "below" / of_dead_process("cart.yaml"),
        m / of_dead_process("gone.yaml"),
    ]
    for path in strays:
        path.write_text("half")
    assert run(*IN_PLACE).status == 0
    assert [path for path in strays if path.exists()] == []


def test_a_run_with_a_fault_removes_nothing(run: Run, m: Path) -> None:
    (m / of_dead_process()).write_text("half")
    (m / "z.yaml").write_text(BROKEN)
    before = contents(m)
    assert (run(*IN_PLACE).status, contents(m)) == (1, before)


def test_what_may_not_be_a_killed_runs_own_stays(run: Run, m: Path) -> None:
    run(*IN_PLACE)
    pid, start = OWN.split("-")[2:]
    scope = OWN.split("-")[1]
    other = "00000000" if scope != "00000000" else "11111111"
    stay = {
        m / leftovers.name_for("web.yaml", OWN): "its process runs",
        m / f".web.yaml.injector-{other}-{DEAD}-1.tmp": "another computer, boot or container",
        m / f".web.yaml.injector-{scope}-{DEAD}.tmp": "another pattern",
        m / f"web.yaml.injector-{scope}-{DEAD}-1.tmp": "not hidden",
        m / ".web.yaml.tmp": "of another program",
    }
    for path in stay:
        path.write_text("of another")
    link, folder_ = m / of_dead_process("link"), m / of_dead_process("folder")
    link.symlink_to("web.yaml")
    folder_.mkdir()
    two_names = m / of_dead_process("two")
    os.link(m / "secret.yaml", two_names)
    assert run(*IN_PLACE).status == 0
    assert [why for path, why in stay.items() if not path.exists()] == []
    assert (link.is_symlink(), folder_.is_dir(), two_names.exists()) == (True, True, True)
    # The same number, but of a process that started at another time.
    assert int(start) > 0
    reused = m / leftovers.name_for("web.yaml", f"injector-{scope}-{pid}-{int(start) - 1}")
    reused.write_text("half")
    run(*IN_PLACE)
    assert not reused.exists()


def test_a_process_that_has_ended_and_waits_for_its_parent_does_not_run(run: Run, m: Path) -> None:
    run(*IN_PLACE)
    with subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        scope = OWN.split("-")[1]
        stray = m / leftovers.name_for("web.yaml", f"injector-{scope}-{ended.pid}-1")
        stray.write_text("half")
        assert run(*IN_PLACE).status == 0
        assert not stray.exists()


def test_without_proc_a_process_of_the_number_may_be_the_one(
    run: Run, m: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on macOS, which these tests may not run on.
    monkeypatch.setattr(leftovers, "_PROC", m / "absent")
    mark = leftovers.mark()
    assert mark.endswith(f"-{os.getpid()}-0")
    scope = mark.split("-")[1]
    dead = m / leftovers.name_for("web.yaml", f"injector-{scope}-{DEAD}-0")
    runs = m / leftovers.name_for("web.yaml", f"injector-{scope}-{os.getppid()}-0")
    for path in (dead, runs):
        path.write_text("half")
    assert run(*IN_PLACE).status == 0
    assert (dead.exists(), runs.exists()) == (False, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")
def test_a_temporary_file_of_another_user_stays_unless_it_is_for_a_file_of_theirs(run: Run, m: Path) -> None:
    run(*IN_PLACE)
    theirs, foreign = m / of_dead_process("web.yaml"), m / of_dead_process("secret.yaml")
    for path in (theirs, foreign):
        path.write_text("half")
        os.chown(path, 12345, -1)
    os.chown(m / "web.yaml", 12345, -1)
    assert run(*IN_PLACE).status == 0
    assert (theirs.exists(), foreign.exists()) == (False, True)
