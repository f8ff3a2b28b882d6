"""Attacks by files, on the command line: what a command costs, what it shows, and how it ends.

All files lie in a temporary folder. Each command is a process of its own, measured by child.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hack.attack import child
from hack.attack.rows import Row

MOST_SECONDS = 30.0
_SECRET = "the-private-key"
_POD = """apiVersion: v1
kind: Pod
metadata: {name: web, labels: {slow: 'yes'}}
spec: {containers: [{name: web}]}
"""
_FORGED = "::warning file=a.py::forged\ninjected  Deployment prod/db: on-by-default. \u2028::error::x\u202e"
_BEGINS = ("::", "injected  Deployment prod/db")
_UNSEEN = "\u2028\u2029\u202e"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. `status` is negative where a signal ended it."""

    status: int
    output: bytes
    errors: str

    def __str__(self) -> str:
        return f"ended after {MOST_SECONDS:.0f} s" if self.status < 0 else f"status {self.status}"


@dataclass(frozen=True, slots=True)
class Attack:
    """`prepare` writes files into the folder; `answer` is the result of the attack in words."""

    fault: str
    what: str
    prepare: Callable[[Path], None]
    arguments: tuple[str, ...]
    answer: Callable[[Ended], str]
    stdout: str = "stdout"


def rows(checkout: Path) -> Iterator[Row]:
    """Every attack, one after the other."""
    return (row(checkout, attack) for attack in ATTACKS)


def row(checkout: Path, attack: Attack) -> Row:
    """One command of the checkout's code."""
    with tempfile.TemporaryDirectory(prefix="attack-") as name:
        folder = Path(name) / "work"
        folder.mkdir()
        (folder.parent / "secret.txt").write_text(f"metadata: {{annotations: {{leaked: {_SECRET}}}}}\n")
        for file, text in (("pod.yaml", _POD), ("stdout", ""), ("stderr", "")):
            (folder / file).write_text(text)
        attack.prepare(folder)
        injector = [
            sys.executable,
            "-c",
            "import sys; from injector.cli.main import main; sys.exit(main())",
            *attack.arguments,
        ]
        arguments = [sys.executable, child.__file__, str(MOST_SECONDS), *injector]
        surroundings = {**os.environ, "PYTHONPATH": str(checkout.resolve()), "ATTACK_STDOUT": attack.stdout}
        done = subprocess.run(arguments, cwd=folder, env=surroundings, stdout=subprocess.PIPE, check=True)
        status, seconds, peak = json.loads(done.stdout)
        output = (folder / "stdout").read_bytes() if attack.stdout == "stdout" else b""
        ended = Ended(status, output, (folder / "stderr").read_bytes().decode(errors="replace"))
        return Row(attack.fault, attack.what, peak, seconds, None, f"{ended}; {attack.answer(ended)}")


# ---- what an attack got --------------------------------------------------------------------------------


def _size(ended: Ended) -> str:
    return f"{len(ended.output) / 1e6:.1f} MB of output"


def _secret(ended: Ended) -> str:
    return "the file outside is in the output" if _SECRET.encode() in ended.output else "nothing of the file"


def _proxy(ended: Ended) -> str:
    return "injected" if b"istio-proxy" in ended.output else "passed without a sidecar"


def _report(ended: Ended) -> str:
    return _lines(ended.errors)


def _page(ended: Ended) -> str:
    return _lines(ended.output.decode(errors="replace") + ended.errors)


def _lines(text: str) -> str:
    begun = sum(line.startswith(_BEGINS) for line in text.splitlines())
    unseen = sum(text.count(character) for character in _UNSEEN)
    return f"{begun} forged lines, {unseen} unseen characters"


def _first(ended: Ended) -> str:
    return next((line for line in ended.errors.splitlines() if line.startswith("error")), "no error")[:70]


# ---- files ---------------------------------------------------------------------------------------------


def _nothing(folder: Path) -> None:
    pass


def _aliases(folder: Path) -> None:
    lines = [f'  - {{name: A, value: &a "{"x" * 65536}"}}']
    lines += [f"  - {{name: A{number}, value: *a}}" for number in range(4000)]
    (folder / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: web\n    env:\n"
        + "\n".join(f"  {line}" for line in lines)
        + "\n"
    )


def _config(folder: Path, templates: dict[str, object], default: list[str]) -> None:
    config = {"profile": "istio", "policy": "enabled", "templates": templates, "defaultTemplates": default}
    (folder / "config.yaml").write_text(json.dumps(config))


def _template_file(file: Callable[[Path], str]) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        _config(folder, {"leak": {"file": file(folder)}}, ["sidecar", "leak"])

    return prepare


def _linked(folder: Path) -> str:
    (folder / "link.txt").symlink_to("../secret.txt")
    return "link.txt"


def _call(call: str) -> Callable[[Path], None]:
    text = (
        "{% if ObjectMeta.labels.slow is defined %}{% set ns = namespace(a={'k': 'x'}) %}"
        "{% for i in range(26) %}{% set ns.a = {'k': ns.a, 'l': ns.a} %}{% endfor %}"
        f"{{% set ignored = {call} %}}{{% endif %}}\nmetadata: {{labels: {{done: 'yes'}}}}\n"
    )
    return lambda folder: _config(folder, {"slow": text}, ["slow"])


def _named(field: str) -> Callable[[Path], None]:
    """A pod with the forged text in one place."""

    def prepare(folder: Path) -> None:
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"web\n{_FORGED}" if field == "name" else "web"},
            "spec": {"containers": [{"name": f"web\n{_FORGED}" if field == "container" else "web",
                                     "livenessProbe": {"httpGet": {"port": "x"}}}]},
        }  # fmt: skip
        (folder / "pod.yaml").write_text(json.dumps(pod))

    return prepare


def _hostile_file(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / (f"a\n{_FORGED}.yaml").replace("/", "-")).write_text("kind: Pod\nkind: Pod\n")


def _document(head: str) -> Callable[[Path], None]:
    text = f"{head}\napiVersion: v1\nmetadata: {{name: a}}\nspec: {{containers: [{{name: a}}]}}\n"

    def prepare(folder: Path) -> None:
        (folder / "pod.yaml").write_text(text)

    return prepare


def _folder(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "pod.yaml").write_text(_POD)
    (folder / "in" / "x.yaml").symlink_to("../../secret.txt")


_INJECT = ("kube-inject", "-f", "pod.yaml")
_CONFIGURED = ("kube-inject", "--config", "config.yaml", "-f", "pod.yaml")
_STRICT = ("kube-inject", "--strict", "-f", "pod.yaml")

ATTACKS = (
    Attack("2", "4,000 aliases of a text of 64 KiB", _aliases, _INJECT, _size),
    Attack("5", "a template file by ..", _template_file(lambda _: "../secret.txt"), _CONFIGURED, _secret),
    Attack(
        "5",
        "a template file, absolute",
        _template_file(lambda folder: str(folder.parent / "secret.txt")),
        _CONFIGURED,
        _secret,
    ),
    Attack("5", "a template file by a link", _template_file(_linked), _CONFIGURED, _secret),
    Attack("12", "omitNil of a map doubled 26 times", _call("omitNil(ns.a)"), _CONFIGURED, _first),
    Attack("12", "toJSON of a map doubled 26 times", _call("toJSON(ns.a)"), _CONFIGURED, _first),
    Attack("12", "strdict of a map doubled 26 times", _call("strdict('k', ns.a)"), _CONFIGURED, _first),
    Attack("14", "a name with line breaks, kube-inject", _named("name"), _INJECT, _report),
    Attack("14", "a name with line breaks, explain", _named("name"), ("explain", "-f", "pod.yaml"), _page),
    Attack("14", "a container with line breaks", _named("container"), _INJECT, _report),
    Attack(
        "14", "a file name with line breaks, an error", _hostile_file, ("kube-inject", "-f", "in"), _report
    ),
    Attack("16", "kind by a merge key", _document("<<: {kind: Pod}"), _STRICT, _proxy),
    Attack("16", "kind with a tag as its key", _document("!!binary a2luZA==: Pod"), _STRICT, _proxy),
    Attack("16", "kind with a tag as its value", _document("kind: !!binary UG9k"), _STRICT, _proxy),
    Attack("17", "a link that leaves the folder", _folder, ("kube-inject", "-f", "in"), _secret),
    Attack("21", "kube-inject > /dev/full", _nothing, _INJECT, _first, "/dev/full"),
)
