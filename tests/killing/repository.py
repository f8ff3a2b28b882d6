"""A folder of manifests that is rendered in place: what each file may contain, and what else is in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from injector.cli.main import main
from injector.cli.writing import leftovers
from tests.command import run

PROFILE = """\
name: log-shipper
keys:
  switch: logs.example.com/inject
  status: logs.example.com/status
  templates: logs.example.com/templates
defaultTemplates: [sidecar]
"""
SIDECAR = "spec:\n  containers:\n    - name: shipper\n      image: shipper:1\n"
MANIFEST = """\
# {name}
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  template:
    spec:
      containers:
      - {{name: web, image: "web:1"}}
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: stays}\n"
MODE = 0o640


@dataclass(frozen=True)
class State:
    """What a run left: how many files are new, and how many temporary files there are."""

    new: int
    temporary: int


class BrokenError(Exception):
    """A file that is neither old nor new, is missing, or has no place in the folder."""


class Repository:
    """Files in folders, with their old and new contents."""

    def __init__(self, root: Path, count: int) -> None:
        self.folder = root / "manifests"
        profile = root / "profile"
        profile.mkdir()
        (profile / "profile.yaml").write_text(PROFILE)
        (profile / "sidecar.yaml.j2").write_text(SIDECAR)
        config = root / "injector.yaml"
        config.write_text("profile: ./profile\n")
        self.command = ["render", "--config", str(config), "-R", str(self.folder), "--in-place"]
        names = [f"{number % 10}/{number:04}.yaml" for number in range(count)]
        self.old = {name: MANIFEST.format(name=f"web-{Path(name).stem}").encode() for name in names}
        self.same = {f"{number}/secret.yaml": SECRET.encode() for number in range(10)}
        self.restore()
        # What is new is what the command prints. Called here, it is loaded for all processes that are forked.
        printed = run("render", "--config", config, self.folder / names[0]).out
        self.new = {name: printed.replace(names[0][2:-5], name[2:-5]).encode() for name in names}
        assert "shipper" in printed

    @property
    def folders(self) -> list[Path]:
        """The folders with files."""
        return sorted(path for path in self.folder.iterdir() if path.is_dir())

    def restore(self) -> None:
        """Make all files old."""
        for name, content in {**self.old, **self.same}.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(MODE)

    def state(self) -> State:
        """What is in the folder. Raises BrokenError."""
        files = {
            str(path.relative_to(self.folder)): path for path in self.folder.rglob("*") if path.is_file()
        }
        new = 0
        for name in {**self.old, **self.same}:
            if name not in files:
                raise BrokenError(f"{name} is missing")
            path = files.pop(name)
            content = path.read_bytes()
            if content not in (self.old.get(name), self.new.get(name), self.same.get(name)):
                raise BrokenError(f"{name} is neither old nor new")
            if path.stat().st_mode & 0o7777 != MODE:
                raise BrokenError(f"{name} has other permissions")
            new += content == self.new.get(name)
        other = [name for name, path in files.items() if not leftovers.is_temporary(path.name)]
        if other:
            raise BrokenError(f"{other[0]} has no place here")
        return State(new, len(files))

    def run(self) -> int:
        """Render in place, in this process, without its report."""
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        return main(self.command)

    def restarted(self) -> None:
        """Render in place in a process that nothing kills. Raises BrokenError where it fails."""
        child = os.fork()
        if child == 0:
            os._exit(self.run())
        _, status = os.waitpid(child, 0)
        if status:
            raise BrokenError(f"the next run ended with {os.waitstatus_to_exitcode(status)}")
