"""The Dockerfile: what it copies is in a fresh clone, and its commands build an image's files here.

No image can be built here, as its base is in no package registry. So its commands run with this machine's
Python, below a folder instead of the root. The same code in an image of this machine's Python runs in
tests/e2e. Not here: what is pinned (test_release_recipe.py), the archive of `make image` (test_image.py).
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.check import NO_INDEX
from hack.image.__main__ import wheel

REPO = Path(__file__).resolve().parents[1]
# It shares one build.
pytestmark = pytest.mark.xdist_group("dockerfile")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, in order."""
    text = re.sub(r"^\s*#.*\n", "", (REPO / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line)]


def stages() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage in order, by its name; that of the last is empty."""
    by_name: dict[str, list[tuple[str, str]]] = {}
    for word, rest in instructions():
        if word == "FROM":
            stage = by_name.setdefault(rest.partition(" AS ")[2], [])
        elif by_name:
            stage.append((word, rest))
    return by_name


def committed() -> list[str]:
    """The files of a clone, and those that would be added."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (REPO / name).is_file()]


def is_sent(name: str, patterns: list[str]) -> bool:
    """Whether a file is sent to the builder: the last pattern that matches it or a folder above decides."""
    places = [name, *(str(parent) for parent in Path(name).parents)][:-1]
    sent = True
    for pattern in patterns:
        wanted = pattern.removeprefix("!")
        either = {wanted, wanted.removeprefix("**/")}
        if any(matches(place, one) for place in places for one in either) or (
            wanted.startswith("**/") and any(fnmatch.fnmatch(place, f"*/{wanted[3:]}") for place in places)
        ):
            sent = pattern.startswith("!")
    return sent


def matches(place: str, pattern: str) -> bool:
    """As the builder matches: a star stays inside of one folder."""
    return place.count("/") == pattern.count("/") and fnmatch.fnmatch(place, pattern)


def ignored() -> list[str]:
    lines = (REPO / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and line[0] != "#"]


def copies(stage: list[tuple[str, str]]) -> Iterator[tuple[list[str], str]]:
    """Sources of the clone and target of each COPY."""
    for word, rest in stage:
        if word == "COPY" and not rest.startswith("--from"):
            *sources, target = rest.split()
            yield sources, target


def test_every_stage_is_made_of_the_base_that_the_builder_chose() -> None:
    steps = instructions()
    ((_, default),) = [step for step in steps[:1] if step[0] == "ARG"]
    assert "@" not in default
    assert {rest.split()[0] for word, rest in steps if word == "FROM"} == {"${PYTHON_IMAGE}"}


def test_the_image_runs_as_a_numeric_user_other_than_root() -> None:
    last = dict(instructions())
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last["USER"])
    assert json.loads(last["ENTRYPOINT"]) == ["/opt/injector/bin/injector"]
    assert json.loads(last["CMD"]) == ["serve"]


def test_what_is_installed_has_a_hash_or_is_the_wheel() -> None:
    installs = [rest for word, rest in instructions() if word == "RUN" and " install " in rest]
    assert ["--require-hashes" in rest or "--no-index" in rest for rest in installs] == [True, True, True]


def test_a_fresh_clone_has_all_that_is_copied_and_sends_nothing_else() -> None:
    sent = [name for name in committed() if is_sent(name, ignored())]
    sources = {source for stage in stages().values() for each, _ in copies(stage) for source in each}
    assert {"injector", "templates", "pyproject.toml"} <= sources
    below = {name: [s for s in sources if name == s or name.startswith(f"{s}/")] for name in sent}
    assert [name for name, over in below.items() if not over] == []
    assert {source for over in below.values() for source in over} == sources


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("injector/cli/main.py", True),
        ("injector/cli/__pycache__/main.cpython-311.pyc", False),
        ("injector/__pycache__/a.pyc", False),
        ("templates/istio/profile.yaml", True),
        ("requirements/serve.txt", True),
        ("requirements/dev.txt", False),
        ("tests/injector/a.py", False),
        (".git/config", False),
        ("docs/README.md", False),
        (".venv/bin/python", False),
    ],
)
def test_what_is_sent_to_the_builder(name: str, sent: bool) -> None:
    assert is_sent(name, ignored()) is sent


def test_the_wheel_is_made_of_what_is_copied() -> None:
    # Else a build in a clone would miss a file that is there when it is built by hand.
    sources = {source for each, _ in copies(stages()["wheel"]) for source in each}
    project = (REPO / "pyproject.toml").read_text()
    for named in re.findall(r"^(?:readme|packages|license-files|templates) ?= ?(.+)$", project, re.MULTILINE):
        for name in re.findall(r'"([\w./]+)"', named):
            assert name.partition("/")[0] in sources, name


# --- the build -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A package index answers."""
    folder = tmp_path_factory.mktemp("index")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries=1", "--timeout=15", "--quiet"]
    command += ["--require-hashes", f"--requirement={REPO / 'requirements/build.txt'}", f"--dest={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "Retrying (" in done.stdout + done.stderr:
        pytest.skip(NO_INDEX)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def root(index: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that stands for the root of the image, after the commands of all stages."""
    del index
    root = tmp_path_factory.mktemp("root")
    for name, stage in stages().items():
        shutil.rmtree(root / "build", ignore_errors=True)
        for word, rest in stage:
            if word == "RUN":
                shell(rest, root)
            elif word == "COPY" and not rest.startswith("--from"):
                *sources, target = rest.split()
                copy(sources, target, root)
            elif word == "COPY":
                fetch(rest, root)
        if name == "wheel":
            (root / "build/dist").rename(root / "dist")
    return root


def below(text: str, root: Path) -> str:
    return re.sub(r"(?<![\w.])/(build|opt)\b", rf"{root}/\1", text)


def shell(text: str, root: Path) -> None:
    """Run a command of the Dockerfile; `python` is this one."""
    kept_out = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
    environment = {key: value for key, value in os.environ.items() if key not in kept_out}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    (root / "build").mkdir(exist_ok=True)
    command = ["sh", "-ec", below(text, root)]
    done = subprocess.run(
        command, cwd=root / "build", env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def copy(sources: list[str], target: str, root: Path) -> None:
    """Copy what a clone would send."""
    sent = [name for name in committed() if is_sent(name, ignored())]
    for source in sources:
        for name in sent:
            if name == source or name.startswith(f"{source}/"):
                inside = name[len(source) :].lstrip("/") or Path(source).name
                place = Path(below(target, root)) / inside
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPO / name, place)


def fetch(rest: str, root: Path) -> None:
    """Take from an earlier stage: the wheel is put aside there, the environment stays where it is."""
    _, source, target = rest.split()
    assert source == target
    if source == "/build/dist":
        shutil.copytree(root / "dist", root / "build/dist")
    assert Path(below(target, root)).is_dir()


def test_the_commands_build_the_wheel_of_this_checkout(root: Path, tmp_path: Path) -> None:
    (built,) = (root / "dist").glob("*.whl")
    assert built.read_bytes() == wheel(tmp_path).read_bytes()


def test_the_entry_point_runs_and_has_its_templates(root: Path) -> None:
    (entry,) = json.loads(dict(instructions())["ENTRYPOINT"])
    command = [below(entry, root), "kube-inject", "-f", "examples/shop/web.yaml"]
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "istio-proxy" in done.stdout


def test_the_environment_has_its_bytecode_without_times_and_no_pip(root: Path) -> None:
    (packages,) = (root / "opt/injector/lib").glob("python3.*/site-packages")
    assert not (packages / "pip").exists()
    (compiled,) = (packages / "injector/cli/__pycache__").glob("main.*.pyc")
    # PEP 552: a hash of the source that is not compared.
    assert compiled.read_bytes()[4:8] == b"\1\0\0\0"
