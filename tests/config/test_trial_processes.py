"""How many processes render the samples, and what is said where their results differ."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from injector.config import forked, trials
from injector.config.loading import Input, Text, load_input
from injector.config.trials import Trial, dry_run


def findings(text: str, digests: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The codes of a dry run; each process, which is stood in for, gets one of the digests."""
    results = [Trial((), digest) for digest in digests]
    # No template can be made to depend on the order of hashes.
    monkeypatch.setattr(trials, "_child", lambda *_: results.pop())
    out: list[str] = [each.code for each in dry_run(Input(Text(text, "c.yaml")))]
    assert not results
    return out


def test_bytes_that_differ_between_processes_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings("profile: ./own\n", "ab", monkeypatch) == ["determinism"]
    assert findings("profile: ./own\n", "aa", monkeypatch) == []


@pytest.mark.parametrize("text", ["", "profile: istio\ntemplates: {own: 'metadata: {}'}\n"])
def test_code_that_ships_takes_one_process(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(text, "a", monkeypatch) == []


BROKEN = """\
profile: istio
templates:
  own: |
    metadata:
      labels:
        app: {{ ObjectMeta.labels.app }}
  wrong: |
    spec:
      containers:
      - name: istio-proxy
        image: [1]
"""


def test_a_copy_finds_what_a_process_of_its_own_finds() -> None:
    code = """\
import sys
from injector.config import forked, trials
from injector.config.loading import Input, Text, load_input

inputs = Input(Text(sys.argv[1], "c.yaml"))
of_its_own = trials.dry_run(inputs)
trials._child = None
of_a_copy = trials.dry_run(inputs, loaded=load_input(inputs))
print(len(of_a_copy), of_a_copy == of_its_own, *sorted({each.code.value for each in of_a_copy}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, BROKEN], capture_output=True, text=True, check=False, timeout=120
    )
    count, same, *codes = done.stdout.split()
    assert (int(count) > 1, same, codes) == (True, "True", ["field", "render"]), done.stderr


@pytest.mark.parametrize(("text", "possible"), [("", False), ("profile: {own}\n", True)])
def test_others_are_tried_in_processes_of_their_own(
    text: str, possible: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "profile.yaml").write_text("name: own\ndefaultTemplates: [sidecar]\n")
    (tmp_path / "sidecar.yaml.j2").write_text("metadata: {}\n")
    done: list[str] = []

    def child(*_: object) -> Trial:
        done.append("child")
        return Trial((), "a")

    def refused(*_: object) -> Trial:
        raise AssertionError("a copy")

    monkeypatch.setattr(trials, "_child", child)
    monkeypatch.setattr(trials, "_copy", refused)
    monkeypatch.setattr(forked, "possible", lambda: possible)
    inputs = Input(Text(text.format(own=tmp_path), "c.yaml"))
    assert dry_run(inputs, loaded=load_input(inputs), meanwhile=lambda: done.append("meanwhile")) == []
    assert sorted(done) == ["child"] * (2 if possible else 1) + ["meanwhile"]


def test_processes_of_their_own_are_begun_with_what_they_need_loaded() -> None:
    """While modules are loaded meanwhile, to load others in threads could take for ever."""
    code = """\
import sys
import injector.cli.main
from injector.config import trials
from injector.config.loading import Input, Text

used = {"subprocess": "run", "signal": "SIGKILL"}
loaded = lambda: [name in vars(sys.modules[module]) for module, name in used.items()]
trials._child = lambda *_: print(loaded()) or trials.Trial(())
trials.dry_run(Input(Text("", "c.yaml")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[True, True]\n"
