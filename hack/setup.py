"""Makes `.venv`: the pinned packages and this project, editable.

``python hack/setup.py`` installs what development needs, ``python hack/setup.py demo`` only what the injector
itself needs, unless the other is there. Here: making and filling virtual environments, once per version of
their requirements files. Not here: what is run in them. The standard library is all it needs, and any Python
from 3.11 on will do.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
DEVELOPMENT = REPO / "requirements" / "dev.txt"
# The injector with all its extras, and what an editable installation is built with.
OF_THE_DEMO = (REPO / "requirements" / "serve.txt", REPO / "requirements" / "build.txt")
STAMP = "made-from"
_UNCOMPILED = "uncompiled "
PIP = ["-m", "pip", "--disable-pip-version-check", "--no-input"]


class SetupError(Exception):
    """The environment cannot be made here; the text is for people."""


def environment(
    folder: Path,
    python: str,
    *,
    editable: bool,
    requirements: Sequence[Path] = (DEVELOPMENT,),
    or_made_from: Sequence[Path] = (),
    compiled: bool = True,
) -> Path:
    """Return the Python of a virtual environment with the pinned packages, making it if need be.

    With `editable` it holds this project too, so that the command `injector` is there. An
    environment made from the same files, or from those of `or_made_from`, is used as it is.
    Without `compiled` it is made faster, and each first import takes longer.
    """
    inside = folder / "bin" / "python"
    stamp = folder / STAMP
    wanted = _digest(requirements, editable) if compiled else _UNCOMPILED + _digest(requirements, editable)
    usable = {wanted, _digest(or_made_from, editable)} if or_made_from else {wanted}
    made_from = stamp.read_text() if stamp.is_file() else ""
    if made_from in usable and _runs(inside):
        return inside
    if not _runs(inside) or (compiled and made_from.startswith(_UNCOMPILED)):
        _say(f"making {folder.name} with {_version(python)}")
        _make(folder, python)
    _install(inside, requirements, [] if compiled else ["--no-compile"])
    if editable:
        _say("installing the project itself")
        _pip(inside, ["install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(REPO)])
    stamp.write_text(wanted)
    return inside


def _digest(requirements: Sequence[Path], editable: bool) -> str:
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in requirements))
    if editable:
        digest.update((REPO / "pyproject.toml").read_bytes())
        digest.update(str(REPO).encode())
    return digest.hexdigest()


def _runs(python: Path) -> bool:
    """Whether it is a Python that the project supports."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return python.exists() and subprocess.run([python, "-c", check], check=False).returncode == 0


def _version(python: str) -> str:
    return subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.strip()


def _make(folder: Path, python: str) -> None:
    check = "import ensurepip, venv"
    if subprocess.run([python, "-c", check], capture_output=True, check=False).returncode:
        raise SetupError(
            f"{python} cannot make virtual environments; on Debian and Ubuntu the package python3-venv\n"
            "       is missing: apt-get install python3-venv"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [python, "-m", "venv", "--clear", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SetupError(f"python -m venv failed:\n{done.stdout}{done.stderr}")


def _install(python: Path, requirements: Sequence[Path], flags: Sequence[str]) -> None:
    """Install the pinned packages, with a sign of life while it lasts."""
    total = sum("==" in line for each in requirements for line in each.read_text().splitlines())
    _say(f"installing {total} pinned packages")
    command = [str(python), *PIP, "install", "--progress-bar", "off", "--require-hashes", *flags]
    for each in requirements:
        command += ["-r", str(each)]
    lines: list[str] = []
    seen = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            lines.append(line)
            seen += line.startswith(("Collecting ", "Requirement already"))
            if line.startswith("Collecting ") and seen % 10 == 0:
                _say(f"  {seen} of {total} fetched")
            elif line.startswith("Installing collected"):
                _say("  unpacking")
    if pip.returncode:
        raise SetupError("pip failed; the end of what it said:\n" + "".join(lines[-15:]))


def _pip(python: Path, arguments: list[str]) -> None:
    done = subprocess.run([python, *PIP, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"pip failed:\n{done.stdout}{done.stderr}")


def _say(text: str) -> None:
    print(f"setup: {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> None:
    """Make or refresh `.venv`."""
    if sys.version_info < (3, 11):  # noqa: UP036 - any Python may be tried here
        sys.exit(f"setup: Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    demo = list(arguments) == ["demo"]
    try:
        inside = environment(
            REPO / ".venv",
            sys.executable,
            editable=True,
            requirements=OF_THE_DEMO if demo else (DEVELOPMENT,),
            or_made_from=(DEVELOPMENT,) if demo else (),
            compiled=not demo,
        )
    except SetupError as error:
        sys.exit(f"setup: {error}")
    if not demo:
        # For commands that start fast; without it they compile the templates.
        subprocess.run([inside, "-m", "hack.ahead"], cwd=REPO, check=False)
        # An editable package is not compiled by pip, and where PYTHONDONTWRITEBYTECODE is set never.
        subprocess.run([inside, "-m", "compileall", "-q", REPO / "injector"], check=False)


if __name__ == "__main__":
    main(sys.argv[1:])
