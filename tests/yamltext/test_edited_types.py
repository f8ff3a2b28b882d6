"""Scalars that readers of YAML take for different things keep their type when a document is edited.

The table is of strings that a dumper for YAML 1.1 writes without quotes and Kubernetes reads as
something else, or the other way round. The real kubectl has the last word.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest

from injector import yamltext
from injector.errors import ManifestError
from injector.yamltext import Document
from tests.beds.programs import build
from tests.yamltext.edited import edited, injecting
from tests.yamltext.test_edited_styles import document_of, draw_text

# For each, what Kubernetes reads where it has no quotes.
TRAPS: dict[str, Any] = {
    "1e3": 1000, "1493e89": 1.493e92, "12E+5": 1200000, "1.e3": 1000, "+.5": 0.5, "0o14": 12, "08": 8,
    "09": 9, "y": True, "Y": True, "n": False, "N": False, "1:20": "1:20", "190:20:30": "190:20:30",
    "2001-01-01": "2001-01-01", "2001-12-14t21:59:43.10-05:00": "2001-12-14t21:59:43.10-05:00", "=": "=",
    "1.0": 1, "yes": True, "on": True, "off": False, "true": True, "012": 10, "0444": 292, "0x1F": 31,
    "1_000": 1000, "null": None, "~": None, "0b11": 3, "-1": -1, ".5": 0.5, "5.": 5, "1.10": 1.1,
}  # fmt: skip
TREE = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "traps"}}
BLOCK = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: traps\n"
FLOW = "{apiVersion: v1, kind: ConfigMap, metadata: {name: traps}}\n"
TEXTS = {"block": BLOCK, "flow": FLOW, "JSON": json.dumps(TREE), "JSON in lines": json.dumps(TREE, indent=2)}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_scalar_of_the_author_keeps_its_text_and_its_value(trap: str) -> None:
    lines = [f"plain: {trap}", f"single: '{trap}'", f'double: "{trap}" # {trap}', f"list: [{trap}, '{trap}']"]
    text = "\n".join([*lines, "map:", f"- {trap} # first", "- a: b", ""])
    document = Document(text)
    before = yamltext.load(document)
    assert before["plain"] == TRAPS[trap]
    assert type(before["plain"]) is type(TRAPS[trap])
    assert before["single"] == before["double"] == trap
    new = yamltext.edited(document, before, {**before, "map": [*before["map"], {"c": "d"}], "new": trap})
    assert isinstance(new, str)
    assert new.startswith(text)
    assert yamltext.load(Document(new))["new"] == trap


@pytest.mark.parametrize("style", TEXTS)
@pytest.mark.parametrize(
    "trap", [*TRAPS, "<<", "", " ", "a: b", "a #b", "- a", "*a", "&a", "{a", "x,y", "é", "😀"]
)
def test_a_string_that_is_put_in_is_read_as_that_string(style: str, trap: str) -> None:
    document = Document(TEXTS[style], is_json=style.startswith("JSON"))
    after = {**TREE, "data": {"key": trap, trap or "empty": "value"}, "list": [trap, [trap], {"a": trap}]}
    new = yamltext.edited(document, yamltext.load(document), after)
    assert isinstance(new, str)
    assert yamltext.load(Document(new)) == after


@pytest.fixture(scope="module")
def kubectl() -> Path:
    """The real program; its first build takes minutes."""
    if reason := build.unavailable(["kubectl"]):
        pytest.skip(f"kubectl: {reason}")
    return build.programs(["kubectl"])["kubectl"]


def read_by(kubectl: Path, place: Path) -> list[Any]:
    """What kubectl makes of a file or a folder, without a cluster."""
    command = [
        str(kubectl),
        "annotate",
        "--local",
        "-f",
        str(place),
        "-o",
        "json",
        "--kubeconfig=/dev/null",
        "no-such-key-",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    values = []
    text, place_ = done.stdout, 0
    while place_ < len(text.rstrip()):
        value, place_ = json.JSONDecoder().raw_decode(text, place_)
        place_ += len(text[place_:]) - len(text[place_:].lstrip())
        values.append(value)
    return values


@pytest.mark.parametrize("style", TEXTS)
def test_kubectl_reads_strings_that_are_put_in_as_strings(kubectl: Path, tmp_path: Path, style: str) -> None:
    document = Document(TEXTS[style], is_json=style.startswith("JSON"))
    data = {
        f"key-{number}": trap for number, trap in enumerate([*TRAPS, "<<", "", "a: b", "x,y", "{a", "😀"])
    }
    new = yamltext.edited(document, yamltext.load(document), {**TREE, "data": data})
    assert isinstance(new, str)
    path = tmp_path / "new.yaml"
    path.write_text(new)
    (read,) = read_by(kubectl, path)
    assert read["data"] == data


def test_kubectl_reads_the_edited_text_as_it_reads_what_the_dumper_writes(
    kubectl: Path, tmp_path: Path
) -> None:
    folders = tmp_path / "edited", tmp_path / "dumped"
    for folder in folders:
        folder.mkdir()
    number = 0
    for seed in range(1000, 1080):
        _, text = draw_text(Random(seed))
        try:
            result = edited(document_of(text), injecting)
        except ManifestError:
            continue
        if text.lstrip("\ufeff").startswith("%"):
            continue  # kubectl cuts at the dashes behind a directive, and refuses what is before
        if result and not result.change.rewritten and result.change.after["kind"] != "List":
            number += 1
            raw = result.document.separator + result.change.text
            (folders[0] / f"{number}.yaml").write_text(raw, newline="")
            (folders[1] / f"{number}.yaml").write_text(yamltext.dump(result.change.after))
    assert number >= 30
    first, second = (read_by(kubectl, folder) for folder in folders)
    assert len(first) >= number
    assert first == second
