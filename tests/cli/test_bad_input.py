"""Bad input, in a folder with good files: named with its place, and not one byte of any file changes.

With every form of output. Nothing is printed, and no file is made.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from injector import files
from injector.cli.reading import source
from tests.cli.conftest import DEPLOYMENT, Run

CONFIG = ("--config", "c.yaml")
RENDER = ("render", *CONFIG, "-R", "m")
FORMS = {
    "manifests": RENDER,
    "diff": (*RENDER, "--diff"),
    "check": (*RENDER, "--check"),
    "json": (*RENDER, "-o", "json"),
    "patch": (*RENDER, "-o", "patch"),
    "folder": (*RENDER, "--output-dir", "out"),
    "kustomize": (*RENDER, "-o", "kustomize", "--output-dir", "out"),
    "in place": (*RENDER, "--in-place"),
    "in processes": (*RENDER, "--jobs", "2"),
    "kube-inject": ("kube-inject", *CONFIG, "-R", "m"),
    "kube-inject to a file": ("kube-inject", *CONFIG, "-R", "m", "-o", "out.yaml"),
    "uninject": ("uninject", *CONFIG, "-R", "m"),
    "uninject in place": ("uninject", *CONFIG, "-R", "m", "--in-place"),
}
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n"
ALIASES = "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" if n else "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for n in range(10)
)
EXCLUDE = "leave it out: --exclude bad.yaml"

# What is in the file, the line with the fault, and what the error says of it.
BAD: dict[str, tuple[bytes, int, str]] = {
    "no YAML": (b"apiVersion: v1\nkind: Pod\nspec: [\n", 4, ""),
    "no YAML behind a good document": (f"{SECRET}---\nkind: Pod\nspec: }}\n".encode(), 6, ""),
    "a key twice": (b"apiVersion: v1\nkind: Pod\nkind: Pod\n", 3, "duplicate key"),
    "a tab": (b"apiVersion: v1\nkind: Pod\nspec:\n\tcontainers: []\n", 4, "a tab, expected spaces"),
    "many aliases": (f"apiVersion: v1\nkind: Pod\n{ALIASES}spec: *a9\n".encode(), 0, "alias"),
    "a NUL byte": (b"apiVersion: v1\nkind: Pod\nx: \0\n", 3, "the file is binary (a NUL byte)"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 3, "the file is binary (a NUL byte)"),
    "Latin-1": ("apiVersion: v1\nkind: Pod\nx: caf\xe9\n".encode("latin-1"), 3, "the text is not UTF-8"),
    "UTF-16": ("apiVersion: v1\nkind: Pod\n".encode("utf-16"), 1, "the text is UTF-16, expected UTF-8"),
    "a template of Helm": (b"apiVersion: v1\nkind: Pod\nspec: {{ .Values.x }}\n", 3, "a Helm template"),
}  # fmt: skip


@pytest.fixture
def m(folder: Path) -> Path:
    """A folder with two good files, around the place of a bad one."""
    (folder / "m").mkdir()
    (folder / "m" / "a.yaml").write_text(DEPLOYMENT)
    (folder / "m" / "z.yaml").write_text(CART)
    return folder / "m"


CART = DEPLOYMENT.replace("name: web\n  namespace", "name: cart\n  namespace")


def everything(folder: Path) -> dict[str, tuple[int, int, int]]:
    """All files and folders below a folder: which files they are, their sizes, and when they changed last."""
    below = [(path, path.lstat()) for path in folder.rglob("*")]
    return {str(path): (status.st_ino, status.st_size, status.st_ctime_ns) for path, status in below}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_file_is_named_and_nothing_is_written(run: Run, m: Path, bad: str, form: str) -> None:
    content, line, message = BAD[bad]
    (m / "bad.yaml").write_bytes(content)
    before = everything(m.parent)
    done = run(*FORMS[form])
    assert (done.status, done.out, everything(m.parent)) == (1, "", before)
    where = f"error: m/bad.yaml:{line}: " if line else "error: m/bad.yaml:"
    errors = [each for each in done.err.splitlines() if each.startswith("error: ")]
    assert errors[0].startswith(where)
    assert message in errors[0]
    assert "\n  hint: " in done.err


@pytest.mark.parametrize("bad", ["a NUL byte", "a picture", "Latin-1", "UTF-16"])
def test_what_is_no_text_in_a_folder_can_be_left_out_as_the_hint_says(run: Run, m: Path, bad: str) -> None:
    (m / "bad.yaml").write_bytes(BAD[bad][0])
    assert f"  hint: {EXCLUDE}, or save it as UTF-8\n" in run(*RENDER).err
    assert run(*RENDER, "--exclude", "bad.yaml").status == 0
    named = run("render", *CONFIG, "m/bad.yaml")
    assert (named.status, "  hint: save it as UTF-8\n" in named.err) == (1, True)


# --- size -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["manifests", "in place"])
def test_a_file_of_50_mb_is_read(run: Run, m: Path, form: str) -> None:
    line = f"    {'0' * 95}\n"
    head = "apiVersion: v1\nkind: ConfigMap\ndata:\n  large: |\n"
    text = head + line * 500_000
    (m / "bad.yaml").write_text(text)
    done = run(*FORMS[form])
    assert done.status == 0
    assert text in (done.out or (m / "bad.yaml").read_text())


@pytest.mark.parametrize("form", ["manifests", "in place", "kube-inject"])
def test_a_larger_file_than_the_limit_is_refused_before_it_is_read(run: Run, m: Path, form: str) -> None:
    with open(m / "bad.yaml", "wb") as file:
        # A file with a hole: it takes no room on the disk.
        file.truncate(source.MOST + 1)
    before = everything(m.parent)
    done = run(*FORMS[form])
    assert (done.status, done.out, everything(m.parent)) == (1, "", before)
    assert f"error: m/bad.yaml: larger than 256 MiB\n  hint: {EXCLUDE}\n" in done.err


# --- files that change ----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["manifests", "in place"])
def test_a_file_that_changes_while_it_is_read_is_an_error(
    run: Run, m: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = files.read_at_most

    def read_and_write(descriptor: int, most: int) -> bytes:
        data = read(descriptor, most)
        if os.fstat(descriptor).st_ino == (m / "z.yaml").stat().st_ino:
            with open(m / "z.yaml", "a") as file:
                file.write("# more\n")
        return data

    # From outside no moment between the parts of one read can be hit.
    monkeypatch.setattr(files, "read_at_most", read_and_write)
    done = run(*FORMS[form])
    assert (done.status, done.out) == (1, "")
    assert "error: m/z.yaml: the file changed while it was read\n  hint: run the command again" in done.err
    assert ((m / "a.yaml").read_text(), (m / "z.yaml").read_text()) == (DEPLOYMENT, f"{CART}# more\n")


# --- FIFOs, sockets, devices ----------------------------------------------------------------------


def special(folder: Path) -> dict[str, str]:
    """Things in a folder that are no files, and what they are."""
    os.mkfifo(folder / "fifo.yaml")
    with socket.socket(socket.AF_UNIX) as bound:
        # A path of a socket is short.
        before = Path.cwd()
        os.chdir(folder)
        bound.bind("socket.yaml")
        os.chdir(before)
    kinds = {"fifo.yaml": "a FIFO", "socket.yaml": "a socket"}
    if os.geteuid() == 0:
        try:
            os.mknod(folder / "device.yaml", 0o20600, os.makedev(1, 5))
            kinds["device.yaml"] = "a device"
        except PermissionError:
            # A container may not make devices.
            pass
    return kinds


@pytest.mark.parametrize("form", ["manifests", "diff", "in place", "kube-inject"])
def test_what_is_no_file_in_a_folder_is_skipped_with_a_note(run: Run, m: Path, form: str) -> None:
    kinds = special(m)
    done = run(*FORMS[form])
    assert done.status == 0
    for name, kind in kinds.items():
        assert f"note: m/{name}: skipped, as it is {kind} [left-out]\n" in done.err
    assert "2 workloads: 2 injected\n" in done.err


def test_what_is_no_file_is_refused_at_once_where_it_is_named(run: Run, m: Path) -> None:
    kinds = {f"m/{name}": kind for name, kind in special(m).items()} | {"/dev/zero": "a device"}
    for name, kind in kinds.items():
        done = run("render", *CONFIG, name)
        assert (done.status, done.out) == (1, "")
        assert f"error: {name}: {kind}, expected a regular file\n  hint: " in done.err


def in_bash(command: str) -> subprocess.CompletedProcess[str]:
    """What a person types in a shell; `injector` is this one."""
    program = f"{sys.executable} -m injector"
    repository = Path(source.__file__).resolve().parents[2]
    return subprocess.run(
        ["bash", "-c", command.replace("injector", program, 1)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(repository)},
    )


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("injector render --config c.yaml <(cat web.yaml)", "/dev/fd/"),
        ("injector render --config c.yaml -f <(cat web.yaml) -R m", "/dev/fd/"),
        ("injector render --config c.yaml -f /dev/stdin < web.yaml", "/dev/stdin"),
        ("cat web.yaml | injector render --config c.yaml /dev/stdin", "/dev/stdin"),
        ("injector render --config c.yaml /dev/fd/3 3< web.yaml", "/dev/fd/3"),
    ],
)
@pytest.mark.usefixtures("m")
def test_what_a_shell_opens_for_the_command_is_read(run: Run, command: str, name: str) -> None:
    done = in_bash(command)
    expected = run("render", *CONFIG, "web.yaml").out
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(expected)
    broken = in_bash(command.replace("web.yaml", "c.yaml"))
    assert f": {name}" in broken.stderr


def test_links_that_lead_in_a_circle_are_skipped_and_named(run: Run, m: Path) -> None:
    (m / "b.yaml").symlink_to("c.yaml")
    (m / "c.yaml").symlink_to("b.yaml")
    (m / "again").symlink_to(".")
    (m / "gone.yaml").symlink_to("gone-too.yaml")
    done = run(*RENDER)
    assert done.status == 0
    assert "2 workloads: 2 injected\n" in done.err
    for name in ("b", "c", "gone"):
        assert f"warning: m/{name}.yaml: skipped, as the link leads to no file [left-out]\n" in done.err
