"""Common mistakes of a configuration: one sentence with the place, what is expected, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.command import in_one_process

__all__ = ["in_one_process"]  # the fixture

# What is written, and of each result the end of its place, a part of its message, and its hint.
MISTAKES: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "bad YAML": (
        "profile: istio\nvalues: {global: {hub: x\npolicy: enabled\n",
        [
            (
                ":3",
                "not valid YAML",
                "check indentation (spaces, no tabs), quotes and brackets in the lines above",
            )
        ],
    ),
    "a manifest": (
        "apiVersion: v1\nkind: Pod\nspec: {containers: []}\n",
        [
            (
                ":2",
                "a manifest of kind Pod, expected a configuration",
                "give manifests with -f, and the configuration with --config",
            )
        ],
    ),
    "several documents": (
        "profile: istio\n---\nprofile: istio\n",
        [(":2", "a second document", "a configuration is one YAML document with a map of settings")],
    ),
    "a template of Helm": (
        "values: {}\npolicy: {{ .Values.policy }}\n",
        [(":2", "expected text", "this looks like a template of Helm: render it first")],
    ),
    "a list": ("- a\n", [(":1", "a map is expected, not a list", "")]),
    "a key twice": (
        "profile: istio\nprofile: istio\n",
        [(":2", "duplicate key /profile", "remove one of them: only one of the values would be used")],
    ),
    "slips in keys, all at once": (
        "profil: istio\nrevison: x\nserver: {failuremode: allow}\n",
        [
            (":1", "unknown key", "did you mean profile?"),
            (":2", "unknown key", "did you mean revision?"),
            (":3", "unknown key", "did you mean failureMode?"),
        ],
    ),
    "slips under values": (
        "values: {global: {hubb: x}}\n",
        [(":1", "values.global.hubb: unknown value", "did you mean global.hub?")],
    ),
    "slips under meshConfig": (
        "meshConfig:\n  defaultConfig: {concurency: 3}\n",
        [(":2", "meshConfig.defaultConfig.concurency: unknown field", "did you mean concurrency?")],
    ),
    "a word of YAML 1.1": (
        "nativeSidecars: yes\n",
        [(":1", "one of auto, enabled, disabled is expected; did you mean enabled?", "")],
    ),
    "wrong types of values": (
        "values: {global: {proxy: {statusPort: abc, resources: big}}}\n",
        [
            (":1", "values.global.proxy.statusPort: a whole number from 0 to 65535 is expected", ""),
            (":1", "values.global.proxy.resources: a map with requests and limits is expected", ""),
        ],
    ),
    "a tag that YAML takes for a number": (
        "values: {global: {hub: h, tag: 1.30}}\n",
        [
            (
                ":1",
                "values.global.tag: an image tag is expected, not a number",
                "put it in quotes, so that it is read as it is written",
            )
        ],
    ),
    "a profile that is not there": (
        "profile: ./nowhere\n",
        [
            (
                ":1: profile ./nowhere",
                "profile not found",
                "built-in profiles: istio; or use the path of a folder",
            )
        ],
    ),
    "a template that is not there": (
        "templates: {extra: {file: missing.yaml.j2}}\n",
        [("/missing.yaml.j2", "no such file or directory", "check the path")],
    ),
    "an undefined name in a template": (
        "templates:\n  sidecar: |\n    spec:\n      hostname: {{ Values.nope }}\n",
        [
            (
                ":4 (template sidecar)",
                "'Values.nope' is not defined (6 of 6 sample pods)",
                "set a value, or use | default(...)",
            )
        ],
    ),
}


@pytest.mark.usefixtures("in_one_process")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_common_mistake_is_one_sentence_with_its_place_and_what_to_do(
    run: Run, tmp_path: Path, mistake: str
) -> None:
    text, expected = MISTAKES[mistake]
    file = tmp_path / "injector.yaml"
    file.write_text(text)
    done = run("check", "--config", file, "-o", "json")
    urgent = [one for one in json.loads(done.out)["results"] if one["level"] != "note"]
    results = [one for one in urgent if one["code"] not in ("development-images", "value") or one["where"]]
    assert len(results) == len(expected), results
    for result, (place, message, hint) in zip(results, expected, strict=True):
        assert str(tmp_path) in result["where"]
        assert result["where"].endswith(place)
        assert message in result["message"]
        assert result["hint"] == hint
        assert "\n" not in result["message"]


@pytest.mark.parametrize(
    ("kind", "message", "hint"),
    [
        ("missing", "no such file or directory", "check the path"),
        ("folder", "is a directory", "give a file of this folder"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_what_to_do(
    run: Run, tmp_path: Path, kind: str, message: str, hint: str
) -> None:
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    done = run("check", "--config", path, "-o", "json")
    [result] = json.loads(done.out)["results"]
    assert done.status == 2
    assert (result["where"], result["message"], result["hint"]) == (str(path), message, hint)
