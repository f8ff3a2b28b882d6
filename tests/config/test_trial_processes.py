"""How many processes render the samples, and what is said where their results differ."""

from __future__ import annotations

import pytest

from injector.config import trials
from injector.config.loading import Input, Text
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
