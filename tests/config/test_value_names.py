"""`check` names the values that are set and not read, and those that are read and not declared."""

from __future__ import annotations

from pathlib import Path

import pytest

from injector.config.loading import Input, load_settings
from injector.config.schema import read_settings
from injector.config.value_names import undeclared, unread
from injector.config.values import Place
from tests.command import run

PROFILE = """\
name: shipper
defaultTemplates: [sidecar]
values: {image: "shipper:1", limits: {cpu: 1, memory: 1}, labels: {a: b}, free: {}, note: null, unused: 1}
"""
TEMPLATE = """\
{% set limits = Values.limits %}
spec:
  containers:
  - name: shipper
    image: {{ Values["image"] }}
    args:
    - --cpu={{ limits.cpu }}
{% for key, value in Values.labels.items() %}
    - {{ key }}={{ value }}
{% endfor %}
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: app, image: 'app:1'}]}\n"


def values_found(folder: Path, values: str, template: str = TEMPLATE, settings: str = "") -> list[str]:
    """The findings about names of values for a profile of one template: place, message and hint."""
    inputs = written(folder, values, template, settings)
    made = read_settings(inputs.file.text, inputs.file.origin)
    config = load_settings(made, inputs)
    config.templates.compile_all()
    place = Place(inputs.file.text, inputs.file.origin)
    noticed = [*config.findings, *unread(config, made.values, "", place), *undeclared(config)]
    return [f"{Path(f.where).name}: {f.message} ({f.hint})" for f in noticed]


def written(folder: Path, values: str, template: str = TEMPLATE, settings: str = "") -> Input:
    (folder / "profile.yaml").write_text(PROFILE)
    (folder / "sidecar.yaml.j2").write_text(template)
    (folder / "injector.yaml").write_text(f"profile: ./\n{settings}values: {values}\n")
    return Input.from_file(str(folder / "injector.yaml"))


def lines(out: str, folder: Path) -> list[str]:
    shown = [line for line in out.splitlines() if line.endswith("[value]")]
    return [line.replace(f"{folder}/", "").strip() for line in shown]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ("{unused: 2}", "unused"),
        ("{colour: red}", "colour"),
        ("{tracing: {sampling: 1, address: x}}", "tracing"),
        ("{image: 'a:2', free: {b: 1}}", "free"),
    ],
)
def test_a_value_that_no_template_reads_is_named_with_its_line(
    tmp_path: Path, values: str, path: str
) -> None:
    assert values_found(tmp_path, values) == [
        f"injector.yaml:2: values.{path}: no template reads this value (remove it, or correct its name)"
    ]


@pytest.mark.parametrize(
    "values", ["{image: 'a:2'}", "{limits: {cpu: 2}}", "{labels: {c: d}}", "{colour: null}", "{}"]
)
def test_values_that_may_be_read_are_not_named(tmp_path: Path, values: str) -> None:
    assert values_found(tmp_path, values) == []


def test_a_value_that_is_nearly_known_is_named_once(tmp_path: Path) -> None:
    [line] = values_found(tmp_path, "{imagee: 'a:2'}")
    assert "did you mean image?" in line


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("Values.prot | default(1)", "prot"),
        ("Values['prot'] is defined", "prot"),
        ("Values.limits.gpu | default(0)", "limits.gpu"),
        ("(Values.limits | default({})).gpu | default(0)", ""),
        ("Values[Values.note | default('image')]", ""),
        ("Values.free.anything | default(1)", ""),
        ("Values.note.anything | default(1)", ""),
        ("Values.labels.keys() | join", ""),
        ("Values | length", ""),
    ],
)
def test_a_value_that_is_read_and_not_declared_is_named_with_its_line(
    tmp_path: Path, expression: str, name: str
) -> None:
    noticed = values_found(tmp_path, "{}", f"{TEMPLATE}    - {{{{ ({expression}) | string }}}}\n")
    assert noticed == [
        f"sidecar.yaml.j2:11: values.{name} is read here, and not declared (declare it under values in"
        " profile.yaml, with null if it has no default, or correct its name)"
    ] * bool(name)


def test_a_template_of_the_operator_declares_its_values_in_the_same_file(tmp_path: Path) -> None:
    template = "templates: {more: 'metadata: {labels: {a: {{ Values.own.label }}}}'}\n"
    assert values_found(tmp_path, "{own: {label: x}}", settings=template) == []


def test_a_template_that_assigns_the_variable_reads_all(tmp_path: Path) -> None:
    template = (
        "{% set Values = {'image': 'a:1'} %}\nspec: {containers: [{name: a, image: {{ Values.image }}}]}\n"
    )
    assert values_found(tmp_path, "{unused: 2}", template) == []


def test_values_of_the_mesh_that_have_no_effect_are_named(tmp_path: Path) -> None:
    (tmp_path / "injector.yaml").write_text(
        "values:\n  gateways: {seccompProfile: {type: RuntimeDefault}}\n"
        "  global: {defaultNodeSelector: {}, tag: '1.30', tracer: {zipkin: {address: 'z:1'}}}\n"
    )
    assert lines(run("check", "--config", tmp_path / "injector.yaml").out, tmp_path) == [
        "warning: injector.yaml:2: values.gateways.seccompProfile: accepted and not used, as upstream"
        " (hint: remove it) [value]",
        "warning: injector.yaml:3: values.global.defaultNodeSelector: no template reads this value"
        " (hint: remove it, or correct its name) [value]",
    ]


def test_check_names_both(tmp_path: Path) -> None:
    written(tmp_path, "{unused: 2}", TEMPLATE + "    - --port={{ Values.port | default(1) }}\n")
    done = run("check", "--config", tmp_path / "injector.yaml")
    assert done.status == 0
    assert [line.partition(" (")[0] for line in lines(done.out, tmp_path)] == [
        "warning: injector.yaml:2: values.unused: no template reads this value",
        "warning: sidecar.yaml.j2:11: values.port is read here, and not declared",
    ]


def test_other_commands_do_not_name_them(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD)
    (tmp_path / "injector.yaml").write_text("values: {global: {defaultNodeSelector: {}}}\n")
    done = run("kube-inject", "--config", tmp_path / "injector.yaml", "-f", tmp_path / "pod.yaml")
    assert (done.status, "defaultNodeSelector" in done.err) == (0, False)
