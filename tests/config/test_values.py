"""Values are checked where they are read: our own file, and the values of a control plane."""

from __future__ import annotations

from pathlib import Path

import pytest

from injector.config.loading import DEFAULTS, Input, Overrides, Text, load_input
from injector.core.profile import Config
from injector.errors import ConfigError

QUIRKS = "compatibility: {istioQuirks: true}\n"


def own(text: str) -> Config:
    return load_input(Input(Text(text, "injector.yaml")))


def of_a_control_plane(text: str, settings: str = "") -> Config:
    return load_input(Input(Text(settings, DEFAULTS), overrides=Overrides(values=Text(text, "values.yaml"))))


def noticed(config: Config) -> list[tuple[str, str, str]]:
    return [(f.where, f.message, f.hint) for f in config.findings if f.code == "value"]


def test_texts_of_helms_set_string_are_read_as_they_are_meant() -> None:
    config = own("values: {global: {proxy: {privileged: 'false', statusPort: '15030'}, logAsJson: 'true'}}")
    values = config.values["global"]
    assert values["proxy"]["privileged"] is False
    assert values["proxy"]["statusPort"] == 15030
    assert values["logAsJson"] is True
    assert noticed(config) == []


def test_all_values_of_another_type_are_refused_at_once_with_their_lines() -> None:
    text = """\
values:
  global:
    tag: 1.30
    imagePullSecrets: [{name: regcred}]
    proxy:
      resources: {limits: {cpu: lots}}
      lifecycle:
        preStop: [sleep]
  pilot: true
"""
    with pytest.raises(ConfigError) as caught:
        own(text)
    assert list(caught.value.rows) == [
        "injector.yaml:3: values.global.tag: an image tag is expected, not a number"
        " (put it in quotes, so that it is read as it is written)",
        "injector.yaml:4: values.global.imagePullSecrets: a list of names is expected"
        " (each item is the name as a text)",
        "injector.yaml:6: values.global.proxy.resources.limits.cpu: a quantity such as 100m or 1Gi is"
        " expected, not a string",
        "injector.yaml:8: values.global.proxy.lifecycle.preStop: a map is expected, not a list",
        "injector.yaml:9: values.pilot: a map is expected, not a boolean",
    ]


def test_a_number_in_a_control_planes_values_is_read_as_it_prints_it() -> None:
    config = of_a_control_plane(
        "global: {hub: r.example.com/i, tag: 1.30, proxy: {excludeInboundPorts: 8080}}"
    )
    assert config.values["global"]["tag"] == "1.3"
    assert config.values["global"]["proxy"]["excludeInboundPorts"] == "8080"
    assert noticed(config) == [
        ("values.yaml:1", "global.tag: a number is read as text", "put it in quotes"),
        ("values.yaml:1", "global.proxy.excludeInboundPorts: a number is read as text", "put it in quotes"),
    ]


def test_a_key_near_to_a_known_one_is_noticed_and_others_are_not() -> None:
    text = "values:\n  global:\n    hubb: r.example.com/i\n    unrelated: 1\n    proxy: {logLevell: debug}\n"
    assert noticed(own(text)) == [
        (
            "injector.yaml:3",
            "values.global.hubb: unknown value; it has no effect",
            "did you mean global.hub?",
        ),
        (
            "injector.yaml:5",
            "values.global.proxy.logLevell: unknown value; it has no effect",
            "did you mean global.proxy.logLevel?",
        ),
    ]


def test_null_removes_a_value_at_every_depth() -> None:
    config = own(
        "values: {global: {proxy: {resources: {limits: {cpu: null}}, seccompProfile: null}, logging: null}}"
    )
    assert "logging" not in config.values["global"]
    assert config.values["global"]["proxy"]["resources"]["limits"] == {"memory": "1024Mi"}


def test_with_quirks_values_stay_as_they_are_written() -> None:
    config = own(f"{QUIRKS}values: {{global: {{imagePullSecrets: regcred, proxy: {{privileged: 'false'}}}}}}")
    assert config.values["global"]["proxy"]["privileged"] == "false"
    assert config.values["global"]["imagePullSecrets"] == "regcred"
    [(where, message, _)] = noticed(config)
    assert (where, message) == (
        "injector.yaml:2",
        "values.global.imagePullSecrets: a list of names is expected",
    )


def test_a_profile_without_a_table_has_the_types_of_its_defaults(tmp_path: Path) -> None:
    folder = tmp_path / "shipper"
    folder.mkdir()
    defaults = "{image: 'shipper:1', port: 9000, debug: false, paths: [/a], labels: {}, note: null}"
    (folder / "profile.yaml").write_text(f"name: shipper\ndefaultTemplates: [sidecar]\nvalues: {defaults}\n")
    (folder / "sidecar.yaml.j2").write_text(
        "spec: {containers: [{name: shipper, image: {{ Values.image }}}]}\n"
    )

    def load(values: str) -> Config:
        return load_input(
            Input(Text(f"profile: {folder}\nvalues: {values}\n", "injector.yaml"), str(tmp_path))
        )

    assert load("{port: '9001', debug: 'true', note: [1]}").values["port"] == 9001
    for values, expected in {
        "{port: many}": "values.port: a number is expected",
        "{debug: 'yes'}": "values.debug: true or false is expected",
        "{paths: /a}": "values.paths: a list is expected",
        "{labels: a}": "values.labels: a map is expected",
        "{image: 1.2}": "values.image: a text is expected, not a number",
    }.items():
        with pytest.raises(ConfigError) as caught:
            load(values)
        assert expected in str(caught.value)
    assert noticed(load("{imag: 'x'}")) == [
        ("injector.yaml:2", "values.imag: unknown value; it has no effect", "did you mean image?")
    ]


def test_keys_of_the_mesh_configuration_that_are_nearly_known_are_noticed() -> None:
    text = """\
meshConfig:
  defaultConfg: {}
  defaultConfig:
    concurency: 3
    tracing: {zipkn: {}}
    proxyMetadata: {concurency: "anything"}
  extensionProviders:
  - {name: a, opentelemtry: {}}
  unrelated: 1
"""
    assert [(where, message.partition(":")[0], hint) for where, message, hint in noticed(own(text))] == [
        ("injector.yaml:2", "meshConfig.defaultConfg", "did you mean defaultConfig?"),
        ("injector.yaml:4", "meshConfig.defaultConfig.concurency", "did you mean concurrency?"),
        ("injector.yaml:5", "meshConfig.defaultConfig.tracing.zipkn", "did you mean zipkin?"),
        ("injector.yaml:8", "meshConfig.extensionProviders.0.opentelemtry", "did you mean opentelemetry?"),
    ]


def test_a_document_of_its_own_is_named_for_its_keys() -> None:
    mesh = Overrides(mesh=Text("enableTracing: true\ntrustDomian: a\n", "mesh.yaml"))
    config = load_input(Input(Text("", DEFAULTS), overrides=mesh))
    assert noticed(config) == [
        ("mesh.yaml:2", "trustDomian: unknown field; it has no effect", "did you mean trustDomain?")
    ]
