"""Input that `render` cannot take: file, line and what was expected, and nothing is printed or written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import DEPLOYMENT, Run
from tests.cli.test_render import RENDER, SERVICE

pytestmark = pytest.mark.usefixtures("folder")

SPEC = "apiVersion: apps/v1\nkind: Deployment\nspec:\n"
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)
# The document, the line in it, and what the message says.
BAD = {
    "a template of Helm": (
        SPEC + "  replicas: {{ .Values.replicas }}\n",
        4,
        "this is a Helm template, not a manifest\n  hint: render it first: helm template CHART",
    ),
    "a block of Helm": (
        SPEC + "  {{- if .Values.on }}\n  replicas: 1\n  {{- end }}\n",
        4,
        "this is a Helm template, not a manifest",
    ),
    "braces of another template": (
        SPEC + "  replicas: {{ replicas }}\n",
        4,
        "a map or list as a key, expected text",
    ),
    "duplicate keys": (
        SPEC + "  replicas: 1\n  replicas: 2\n",
        5,
        "duplicate key /spec/replicas, already on line",
    ),
    "a tab": (SPEC + "\treplicas: 1\n", 4, "not valid YAML"),
    "an alias bomb": (SPEC + "  replicas: 1\n" + BOMB, 10, "aliases that add more than 400000 values"),
    "no YAML": (SPEC + "  replicas: [1\n", 5, "not valid YAML"),
    "a list for a map": (SPEC.replace("spec:", "spec: []"), 3, "a map is expected, not a list"),
    "not UTF-8": (SPEC.replace("Deployment", "Deploym\udcffnt"), 2, "the text is not UTF-8"),
    "binary": (SPEC + "a: \0\n", 4, "the file is binary"),
}


@pytest.mark.parametrize("flags", [[], ["--diff"], ["--output-dir", "out"], ["--jobs", "2"]], ids=" ".join)
@pytest.mark.parametrize("name", BAD)
def test_it_has_file_and_line_and_nothing_is_written(run: Run, name: str, flags: list[str]) -> None:
    text, line, message = BAD[name]
    before = f"{DEPLOYMENT}---\n{SERVICE}---\n"
    Path("bad.yaml").write_bytes((before + text).encode("utf-8", "surrogateescape"))
    done = run(*RENDER, "web.yaml", "bad.yaml", *flags)
    assert (done.status, done.out) == (1, "")
    place = f"error: bad.yaml:{before.count(chr(10)) + line}: "
    assert place in done.err
    assert message in done.err.split(place, 1)[1]
    assert sorted(os.listdir()) == ["bad.yaml", "c.yaml", "logship", "web.yaml"]


def test_a_file_of_50_mb_passes_and_the_error_at_its_end_has_its_line(run: Run) -> None:
    data = "  " + "x" * 97 + "\n"
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: |\n" + f"  {data}" * 500_000
    whole = f"{text}---\n{DEPLOYMENT}"
    Path("large.yaml").write_text(whole)
    done = run(*RENDER, "large.yaml")
    assert done.status == 0
    assert done.out.startswith(text)
    assert "shipper:1" in done.out[len(text) :]
    Path("large.yaml").write_text(whole.replace("web:1", "["))
    done = run(*RENDER, "large.yaml")
    assert (done.status, done.out) == (1, "")
    assert f"error: large.yaml:{whole.count(chr(10)) + 1}: not valid YAML" in done.err
