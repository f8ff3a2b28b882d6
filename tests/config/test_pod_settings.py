"""`placement`, `skipRuntimeClasses` and `namespaceDefaults`: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from injector.config.loading import load
from injector.core.finding_codes import FindingCode
from injector.core.position import Position
from injector.core.profile import Config
from injector.errors import ConfigError

PROFILE = """\
name: logs
catalogue: {annotations: [logs.example.com/level, sidecar-injector/inject], domains: [logs.example.com]}
defaultTemplates: [sidecar]
"""
TEMPLATE = "spec:\n  containers:\n  - {name: shipper, image: x}\n"


def loaded(folder: Path, text: str) -> Config:
    file = folder / "injector.yaml"
    file.write_text("policy: enabled\n" + text)
    return load(str(file))


def noticed(config: Config) -> list[tuple[str, str, str]]:
    """Position in the file, message and hint of each finding about a setting."""
    chosen = [f for f in config.findings if f.code is FindingCode.VALUE]
    return [(f.where.rpartition("/")[2], f.message, f.hint) for f in chosen]


def test_places_are_read(tmp_path: Path) -> None:
    text = "placement: {istio-proxy: {after: tunnel}, istio-init: first, enable-core-dump: last}"
    config = loaded(tmp_path, text)
    assert config.placement == {
        "istio-proxy": Position("after", "tunnel"),
        "istio-init": Position("first"),
        "enable-core-dump": Position("last"),
    }
    assert noticed(config) == []


FORMS = "first, last, {before: NAME} or {after: NAME} is expected"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("first", "placement: a map of containers and their places is expected, not a string"),
        ("[first]", "placement: a map of containers and their places is expected, not a list"),
        ("{p: middle}", f"placement.p: {FORMS}"),
        ("{p: First}", f"placement.p: {FORMS}"),
        ("{p: 1}", f"placement.p: {FORMS}"),
        ("{p: {}}", f"placement.p: {FORMS}"),
        ("{p: {behind: a}}", f"placement.p: {FORMS}"),
        ("{p: {after: ''}}", f"placement.p: {FORMS}"),
        ("{p: {after: 1}}", f"placement.p: {FORMS}"),
        ("{p: {after: [a]}}", f"placement.p: {FORMS}"),
        ("{p: {after: a, before: b}}", f"placement.p: {FORMS}"),
        ("{a/b: {after: a/b}}", "placement.a/b: a container cannot be placed next to itself"),
    ],
)
def test_another_form_of_a_place_is_an_error_with_its_line(tmp_path: Path, value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"placement: {value}")
    assert message in caught.value.message
    assert caught.value.where.endswith("injector.yaml:2")


def test_every_wrong_place_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2 settings are invalid"):
        loaded(tmp_path, "placement: {a: middle, b: {behind: c}, c: first}")


def test_a_container_that_is_nearly_an_injected_one_is_a_warning(tmp_path: Path) -> None:
    config = loaded(tmp_path, "placement: {istio-prox: first, other: last}")
    message = "placement.istio-prox: it has no effect: no template has this container"
    assert noticed(config) == [("injector.yaml:2", message, "did you mean istio-proxy?")]


def test_runtime_classes_are_read(tmp_path: Path) -> None:
    config = loaded(tmp_path, "skipRuntimeClasses: [gvisor, kata]")
    assert config.policy.skip_runtime_classes == {"gvisor", "kata"}


@pytest.mark.parametrize("value", ["gvisor", "{gvisor: true}", "[1]", "['']", "[true]"])
def test_another_form_of_runtime_classes_is_an_error_with_its_line(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="skipRuntimeClasses") as caught:
        loaded(tmp_path, f"skipRuntimeClasses: {value}")
    assert "injector.yaml:2" in str(caught.value)


def test_defaults_of_namespaces_are_read(tmp_path: Path) -> None:
    keys = ("sidecar.istio.io/proxyCPU", "proxy.istio.io/config", "prometheus.io/port")
    assert loaded(tmp_path, f"namespaceDefaults: [{', '.join(keys)}]").namespace_defaults == keys


NO_DEFAULT = "cannot be a default of a namespace"
UNKNOWN = "is not an annotation of the profile istio"


@pytest.mark.parametrize(
    ("key", "message", "hint"),
    [
        *(
            (key, f"{NO_DEFAULT}: it is valid for a single pod only", "remove it")
            for key in (
                "sidecar.istio.io/inject",
                "sidecar.istio.io/status",
                "proxy.istio.io/overrides",
                "inject.istio.io/templates",
                "sidecar-injector/undo",
            )
        ),
        *(
            (
                key,
                "cannot be a default of a namespace: other programs read it from the pod",
                "set it on the pods",
            )
            for key in (
                "istio.io/rev",
                "sidecar.istio.io/statsInclusionPrefixes",
                "sidecar.istio.io/discoveryAddress",
                "kubectl.kubernetes.io/default-container",
                "k8s.v1.cni.cncf.io/networks",
            )
        ),
        (
            "sidecar.istio.io/proxyCpu",
            "is not an annotation of the profile istio",
            "did you mean sidecar.istio.io/proxyCPU?",
        ),
        (
            "example.com/note",
            "is not an annotation of the profile istio",
            "see the annotations of the profile",
        ),
    ],
)
def test_a_key_that_cannot_be_a_default_is_an_error_with_its_line(
    tmp_path: Path, key: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"namespaceDefaults:\n- sidecar.istio.io/proxyCPU\n- {key}\n")
    assert message in caught.value.message
    assert (caught.value.where.rpartition("/")[2], caught.value.hint) == ("injector.yaml:4", hint)


def test_the_keys_are_those_of_the_profile(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "profile.yaml").write_text(PROFILE)
    (tmp_path / "logs" / "sidecar.yaml.j2").write_text(TEMPLATE)
    text = "profile: ./logs\nplacement: {shiper: last}\nnamespaceDefaults: [%s]\n"
    config = loaded(tmp_path, text % "logs.example.com/level")
    assert config.namespace_defaults == ("logs.example.com/level",)
    assert [hint for _, _, hint in noticed(config)] == ["did you mean shipper?"]
    for key in ("sidecar.istio.io/proxyCPU", config.profile.keys.switch):
        with pytest.raises(ConfigError, match=key):
            loaded(tmp_path, text % key)


SETTINGS = (
    "placement: {istio-proxy: last}",
    "skipRuntimeClasses: [gvisor]",
    "namespaceDefaults: [sidecar.istio.io/proxyCPU]",
)


@pytest.mark.parametrize("setting", SETTINGS)
def test_with_quirks_a_setting_has_no_effect_and_is_reported(tmp_path: Path, setting: str) -> None:
    config = loaded(tmp_path, f"{setting}\ncompatibility: {{istioQuirks: true}}\n")
    effect = (config.placement, config.policy.skip_runtime_classes, config.namespace_defaults)
    assert not any(effect)
    ((where, message, _),) = noticed(config)
    assert where == "injector.yaml:2"
    assert message == f"{setting.partition(':')[0]}: it has no effect with compatibility.istioQuirks"


def test_each_setting_is_a_part_of_the_digest(tmp_path: Path) -> None:
    texts = ["", *SETTINGS, "placement: {istio-proxy: first}"]
    assert len({loaded(tmp_path, text).digest for text in texts}) == len(texts)
