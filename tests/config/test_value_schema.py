"""A profile's schema for its values: what is refused, with which line, and that its evaluation is bounded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from injector.config import value_schema
from injector.config.loading import Input, load_input
from injector.config.server_settings import ConfigMapSource, IstioSource
from injector.config.source import Source
from injector.core.profile import Config
from injector.errors import ConfigError
from tests.command import run

PROFILE = """\
name: shipper
defaultTemplates: [sidecar]
values: {image: "shipper:1", port: 9000, mode: fast, paths: [], extra: {}, note: null}
"""
SCHEMA = """\
schema:
  type: object
  required: [image]
  additionalProperties: false
  properties:
    image: {type: string, pattern: "^[a-z]+:[0-9]+$"}
    port: {$ref: "#/$defs/port"}
    mode: {enum: [fast, safe]}
    paths:
      type: array
      uniqueItems: true
      items: {type: string, minLength: 2}
    extra: {type: object, properties: {level: {type: integer}}}
    note: {type: string}
  $defs:
    port: {type: integer, minimum: 1024, maximum: 65535, description: a port above 1023}
"""
TEMPLATE = "spec: {containers: [{name: shipper, image: {{ Values.image }}}]}\n"


def inputs(folder: Path, settings: str = "", schema: str = SCHEMA, profile: str = PROFILE) -> Input:
    (folder / "profile.yaml").write_text(profile + schema)
    (folder / "sidecar.yaml.j2").write_text(TEMPLATE)
    (folder / "injector.yaml").write_text(f"profile: ./\n{settings}")
    return Input.from_file(str(folder / "injector.yaml"))


def refused(made: Input) -> list[str]:
    """The rows of the error, each with the last part of its file's path; the hint after them."""
    with pytest.raises(ConfigError) as caught:
        load_input(made)
    error = caught.value
    rows = error.rows or (f"{error.where}: {error.message}" + (f" ({error.hint})" if error.hint else ""),)
    return [row.rpartition("/")[2] if row.count("/") else row for row in rows]


def test_values_that_fit_are_taken(tmp_path: Path) -> None:
    config: Config = load_input(inputs(tmp_path, "values: {port: '8080', paths: [/a], extra: {level: 1}}\n"))
    assert config.values["port"] == 8080


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("{port: 80}", "values.port: a number of at least 1024 is expected (a port above 1023)"),
        ("{port: 2000.5}", "values.port: a whole number is expected (a port above 1023)"),
        ("{mode: slow}", "values.mode: one of fast, safe is expected"),
        ("{image: Shipper}", "values.image: a text that matches ^[a-z]+:[0-9]+$ is expected"),
        ("{image: null}", "values: image is missing"),
        ("{extra: {level: high}}", "values.extra.level: a whole number is expected, not a string"),
        ("{colour: red}", "values: unknown key colour"),
        ("{paths: [a]}", "values.paths.0: at least 2 characters are expected"),
    ],
)
def test_values_that_do_not_fit_are_refused_with_their_line(
    tmp_path: Path, values: str, expected: str
) -> None:
    assert refused(inputs(tmp_path, f"policy: enabled\nvalues: {values}\n")) == [
        f"injector.yaml:3: {expected}"
    ]


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    settings = "values:\n  port: 80\n  mode: slow\n"
    assert refused(inputs(tmp_path, settings)) == [
        "injector.yaml:3: values.port: a number of at least 1024 is expected (a port above 1023)",
        "injector.yaml:4: values.mode: one of fast, safe is expected",
    ]


def test_a_default_that_does_not_fit_has_the_line_of_the_profile(tmp_path: Path) -> None:
    profile = PROFILE.replace("port: 9000", "port: 90")
    [row] = refused(inputs(tmp_path, profile=profile))
    assert row.startswith("profile.yaml:3: values.port: a number of at least 1024")


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ("schema: {type: text}\n", "profile.yaml:4: schema.type: the schema is not valid"),
        (
            "schema:\n  properties:\n    a: {minimum: low}\n",
            "profile.yaml:6: schema.properties.a.minimum",
        ),
        (
            "schema:\n  $ref: http://schemas.invalid/a.json\n",
            "profile.yaml:5: schema.$ref: a reference to a part of this schema is expected",
        ),
        (
            "schema:\n  properties:\n    port: {$ref: other.yaml}\n",
            "profile.yaml:6: schema.properties.port.$ref: a reference to a part of this schema is expected",
        ),
        (
            "schema:\n  properties: {a: {$ref: '#/$defs/a'}}\n",
            "profile.yaml:5: schema.properties.a.$ref:",
        ),
        (
            "schema: {properties: {port: {$ref: '#port'}}}\n",
            "profile.yaml:4: schema: a reference names",
        ),
        (
            "schema: {$schema: 'http://json-schema.org/draft-07/schema#'}\n",
            "profile.yaml:4: schema.$schema: https://json-schema.org/draft/2020-12/schema is expected",
        ),
        (
            "schema: {properties: {a: {pattern: '('}}}\n",
            "profile.yaml:4: schema.properties.a.pattern: ",
        ),
        (
            "schema: {patternProperties: {'(': {}}}\n",
            "profile.yaml:4: schema.patternProperties.(: ",
        ),
        ("schema: {$ref: '#'}\n", "profile.yaml:4: schema: a $ref leads back to itself"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, schema: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_input(inputs(tmp_path, schema=schema))
    assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(expected)


def test_what_looks_like_a_reference_in_data_is_none(tmp_path: Path) -> None:
    schema = "schema: {properties: {extra: {default: {$ref: elsewhere}}, mode: {const: fast}}}\n"
    load_input(inputs(tmp_path, schema=schema))


def test_every_command_refuses_it_and_writes_nothing(tmp_path: Path) -> None:
    inputs(tmp_path, "values: {port: 80}\n")
    (tmp_path / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: app, image: app}]}\n"
    )
    config = ("--config", tmp_path / "injector.yaml")
    for command in (
        ("kube-inject", *config, "-f", tmp_path / "pod.yaml"),
        ("explain", *config, "-f", tmp_path / "pod.yaml"),
        ("webhook-config", *config, "--url", "https://hooks.example.com"),
        ("check", *config),
    ):
        done = run(*command)
        assert done.status == 2
        assert "injector.yaml:2: values.port: a number of at least 1024 is expected" in done.err + done.out
        assert done.out == "" or command[0] == "check"


def test_a_reload_refuses_it_as_a_setting(tmp_path: Path) -> None:
    inputs(tmp_path)
    source = Source(
        str(tmp_path / "injector.yaml"),
        ConfigMapSource(),
        IstioSource(),
        None,
        lambda *_: "",
    )
    assert source.read().values["port"] == 9000
    inputs(tmp_path, "values: {port: 80}\n")
    with pytest.raises(ConfigError, match=r"values.port: a number of at least 1024"):
        source.read()
    assert source.step == "settings"
    inputs(tmp_path, schema=SCHEMA.replace("1024", "9001"))
    with pytest.raises(ConfigError, match=r"values.port: a number of at least 9001"):
        source.read()


BACKTRACKING = "schema: {properties: {image: {pattern: '^(a|a)*$'}}}\n"


def test_a_pattern_that_backtracks_reaches_the_limit_of_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A second is enough to reach it; the limit itself is tested with the templates.
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "first"))
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "sitecustomize.py").write_text(
        "import resource\nlimit = resource.setrlimit\n"
        "resource.setrlimit = lambda what, how: limit(what, (1, 2) if what == resource.RLIMIT_CPU else how)\n"
    )
    made = inputs(tmp_path, f"values: {{image: {'a' * 60}b}}\n", BACKTRACKING)
    with pytest.raises(ConfigError, match="comparing the values with the schema of the profile exceeds"):
        load_input(made)


def test_the_library_is_loaded_in_the_child_only(tmp_path: Path) -> None:
    inputs(tmp_path)
    code = (
        "import sys\nfrom injector.config.loading import load\n"
        f"load({str(tmp_path / 'injector.yaml')!r})\nprint('jsonschema' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert value_schema.problems({"type": "object"}, {}) == []
