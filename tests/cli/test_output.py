"""Output that is written as a whole or not at all."""

from __future__ import annotations

import errno
import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.cli import manifests
from injector.cli.reading.sources import Sources
from injector.cli.writing import output
from injector.cli.writing.output import Spool
from injector.core.model import Manifest
from injector.errors import ManifestError
from injector.yamltext import Document
from tests.cli.conftest import DEPLOYMENT, Run


def content(spool: Spool) -> str:
    out = io.BytesIO()
    spool.copy_to(out)
    return out.getvalue().decode()


TEXTS = st.lists(st.tuples(st.sampled_from(["write", "write_if", "yes", "no"]), st.text(max_size=5)))


@given(TEXTS, st.integers(1, 8))
def test_a_spool_gives_what_was_written_and_what_was_settled_in_order(
    calls: list[tuple[str, str]], in_memory: int
) -> None:
    expected: list[tuple[str, bool]] = []
    undecided: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output, "_IN_MEMORY", in_memory)
        patch.setattr(output, "_COPIED", 3)
        with Spool() as spool:
            for word, text in calls:
                if word in ("yes", "no"):
                    spool.settle(word == "yes")
                    for index in undecided:
                        expected[index] = (expected[index][0], word == "yes")
                    undecided = []
                    continue
                getattr(spool, word)(text)
                if word == "write_if":
                    undecided.append(len(expected))
                expected.append((text, word == "write"))
            assert content(spool) == "".join(text for text, written in expected if written)


def test_documents_are_read_one_after_the_other(tmp_path: Path) -> None:
    events: list[str] = []

    def change(document: Document, manifest: Manifest, _pointer: str) -> Manifest:
        events.append(f"changed {Path(document.source).name}")
        return manifest

    class Noted(Sources):
        def each(self, names: Any) -> Any:
            for item in super().each(names):
                assert isinstance(item, Document)
                events.append(f"read {Path(item.source).name}")
                yield item

    paths = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    for path in paths:
        path.write_text(DEPLOYMENT)
    stream = manifests.transformed([str(path) for path in paths], change, sources=Noted())
    assert events == []
    assert len(list(stream.parts)) == 2
    assert events == ["read a.yaml", "changed a.yaml", "read b.yaml", "changed b.yaml"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", ["kube-inject", "render", "uninject"])
def test_nothing_is_printed_when_the_last_of_many_fails_and_all_errors_are_named(
    run: Run, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small, so that the file behind the memory is used.
    monkeypatch.setattr(output, "_IN_MEMORY", 100)
    Path("bad.yaml").write_text(DEPLOYMENT + "---\n" + DEPLOYMENT.replace("web:1", "[\n"))
    Path("text.yaml").write_bytes(b"a: \xff\n")
    names = ["-f", "web.yaml", "-f", "none.yaml", "-f", "text.yaml", "-f", "bad.yaml"]
    done = run(command, "--config", "c.yaml", *names)
    assert (done.status, done.out) == (1, "")
    for what in ("error: none.yaml: ", "error: text.yaml:1: the text is not UTF-8", "error: bad.yaml:"):
        assert what in done.err
    assert "nothing was written\n" in done.err


@pytest.mark.usefixtures("folder")
def test_a_full_disk_below_the_spool_is_an_error_with_its_folder(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A disk that is full is not at hand in every run.
    class Full(io.BytesIO):
        def write(self, _data: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    monkeypatch.setattr(output, "_IN_MEMORY", 1)
    done = run("render", "--config", "c.yaml", "web.yaml")
    assert (done.status, done.out) == (1, "")
    assert f"error: {tempfile.gettempdir()}: no space left on device\n  hint: make room there" in done.err


def test_a_stream_that_fails_leaves_its_target_alone(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(ManifestError):
        output.write("text", str(target), [])
    assert list(tmp_path.iterdir()) == [target]
