"""A bundle gives the configuration that was packed, whatever its form was, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from injector import __version__, yamltext
from injector.config.bundle import Unpacked, pack, unpack
from injector.config.loading import Input, Overrides, Text, contents_of, load_input
from injector.errors import ConfigError
from tests import upstream
from tests.cli.conftest import PROFILE, SIDECAR

MESH = {"trustDomain": "live.example", "defaultConfig": {"concurrency": 3}}
VALUES = {"global": {"hub": "registry.example.com/x", "tag": "1.30.1"}, "pilot": {"env": {"A": "b"}}}
OWN = "metadata: {annotations: {own.example.com/x: '1'}}\n"
INJECT = {"policy": "disabled", "templates": {"sidecar": "{{ .Go }}", "waypoint": "x", "own": OWN}}


def of(text: str, overrides: Overrides = Overrides(), base: str | None = ".") -> Input:  # noqa: B008 (frozen)
    return Input(Text(text, "c.yaml"), base, overrides)


def text_of(tree: Any, origin: str = "f.yaml") -> Text:
    return Text(json.dumps(tree), origin)


def through(inputs: Input) -> Input:
    return unpack(pack(Unpacked(inputs)), "b.yaml").inputs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A profile folder with a configuration that names files."""
    (tmp_path / "logship").mkdir()
    (tmp_path / "logship" / "profile.yaml").write_text(PROFILE)
    (tmp_path / "logship" / "sidecar.yaml.j2").write_text(SIDECAR + "{% include '_part' %}\n")
    (tmp_path / "logship" / "_part.yaml.j2").write_text("metadata: {}\n")
    (tmp_path / "own.yaml.j2").write_text(OWN)
    (tmp_path / "c.yaml").write_text(
        "profile: ./logship\ntemplates: {own: {file: own.yaml.j2}, text: 'spec: {}'}\n"
        "server: {record: {directory: /var/lib/records, keyFile: /etc/key}}\nvalues: {level: debug}\n"
    )
    return tmp_path


INPUTS = {
    "the defaults": of("", base=None),
    "settings": of(
        yaml.safe_dump(
            {
                "policy": "disabled",
                "values": VALUES,
                "meshConfig": MESH,
                "revision": "canary",
                "aliases": {"a": ["sidecar"]},
                "neverInjectSelector": [{"matchLabels": {"a": "b"}}],
                "injectedAnnotations": {"z": "1", "a": "2"},
            }
        )
    ),
    "upstream's mode": of("compatibility: {istioQuirks: true}\nvalues: {global: {tag: 1.30}}\n"),
    "a mesh document": of("meshConfig: {trustDomain: x}\n", Overrides(mesh=text_of(MESH))),
    "an empty mesh document": of("", Overrides(mesh=Text("", "m"))),
    "values of a control plane": of("values: {global: {tag: a}}", Overrides(values=text_of(VALUES))),
    "injection settings": of(
        "", Overrides(inject=text_of({"policy": "disabled", "templates": {"own": OWN}}))
    ),
    "a bare template": of("", Overrides(inject=Text(OWN, "i"))),
    "an istiod": of(
        "server: {source: {istio: {namespace: mesh}, pollSeconds: 5}}\n",
        Overrides(mesh=text_of(MESH), values=text_of(VALUES), inject=text_of(INJECT), live=True),
    ),
    "flags": of("", Overrides(revision="1-3", control_namespace="mesh")),
    "nulls": of("values: {global: {proxy: null}, none: null}\n"),
}


@pytest.mark.parametrize("inputs", INPUTS.values(), ids=INPUTS)
def test_what_was_packed_is_what_is_loaded(inputs: Input) -> None:
    again = through(inputs)
    assert contents_of(again) == contents_of(inputs)
    before, after = load_input(inputs), load_input(again)
    assert (after.digest, after.policy) == (before.digest, before.policy)


@upstream.needed
def test_every_configuration_of_upstream_survives() -> None:
    texts = {yaml.safe_dump(upstream.driver().configuration(case)) for case in upstream.cases()}
    assert len(texts) > 20
    for text in sorted(texts):
        assert contents_of(through(of(text))) == contents_of(of(text))


def test_files_are_packed_and_their_paths_are_not(folder: Path) -> None:
    inputs = Input.from_file(str(folder / "c.yaml"))
    packed = pack(Unpacked(inputs))
    for name in (str(folder), "logship\n", "own.yaml.j2", "/var/lib", "/etc"):
        assert name not in packed
    before = contents_of(inputs)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    assert contents_of(unpack(packed, "b.yaml").inputs) == before


def test_a_shipped_profile_is_packed_with_its_templates() -> None:
    tree = yaml.safe_load(pack(Unpacked(of(""))))
    assert tree["profile"]["settings"]["name"] == "istio"
    assert "sidecar" in tree["profile"]["templates"]
    # The packed one counts, not the one that ships.
    tree["profile"]["templates"]["sidecar"] = OWN
    changed = unpack(yaml.safe_dump(tree), "b.yaml").inputs
    assert contents_of(changed)["templates"]["sidecar"] == OWN


def test_templates_that_only_istiod_can_render_are_left_out() -> None:
    tree = yaml.safe_load(pack(Unpacked(INPUTS["an istiod"])))
    assert tree["controlPlane"]["injection"]["templates"] == {"own": OWN}
    assert tree["configuration"]["server"] == {"source": {"istio": {"namespace": "mesh"}}}


TREES = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("aby.-1 ", max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


def shuffled(value: Any, data: st.DataObject) -> Any:
    """The same tree, with the keys of each map in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], data) for key in data.draw(st.permutations(list(value)))}
    if isinstance(value, list):
        return [shuffled(each, data) for each in value]
    return value


@settings(max_examples=25)
@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=4), TREES, max_size=4), st.data())
def test_the_order_of_keys_changes_no_byte_and_values_stay(
    values: dict[str, Any], data: st.DataObject
) -> None:
    tree = {"values": values, "policy": "enabled", "injectedAnnotations": {"a": "1", "b": "2"}}
    texts = [yamltext.dump(each) for each in (tree, shuffled(tree, data))]
    one, other = (pack(Unpacked(of(text))) for text in texts)
    assert one == other
    assert contents_of(unpack(one, "b.yaml").inputs)["values"] == contents_of(of(texts[0]))["values"]


def test_tags_and_what_is_known_of_the_nodes_are_packed() -> None:
    packed = pack(Unpacked(of(""), ("prod", "blue", "prod"), False))
    unpacked = unpack(packed, "b.yaml")
    assert (unpacked.tags, unpacked.native_sidecars) == (("blue", "prod"), False)
    assert "tags" not in pack(Unpacked(of("")))


KEY = "-----BEGIN EC PRIVATE KEY-----\nMHc=\n-----END EC PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("inputs", "place"),
    [
        (of(json.dumps({"values": {"tls": [{"key": KEY}]}})), "configuration.values.tls.0.key"),
        (of("", Overrides(mesh=text_of({"ca": KEY}))), "controlPlane.meshConfig.ca"),
        (of(json.dumps({"templates": {"own": f"# {KEY}"}})), "configuration.templates.own"),
        (
            of(
                json.dumps(
                    {"values": {"more": {"apiVersion": "v1", "kind": "Secret", "data": {"a": "Yg=="}}}}
                )
            ),
            "configuration.values.more",
        ),
    ],
)
def test_a_secret_is_not_packed_and_its_content_is_not_repeated(inputs: Input, place: str) -> None:
    with pytest.raises(ConfigError, match="holds a") as refused:
        pack(Unpacked(inputs))
    assert f"{place} holds" in str(refused.value)
    assert "MHc" not in refused.value.advice
    assert "Yg==" not in refused.value.advice


def test_names_of_secrets_are_packed() -> None:
    assert "- regcred" in pack(Unpacked(of("values: {global: {imagePullSecrets: [regcred]}}")))


def test_a_configuration_that_does_not_load_is_not_packed() -> None:
    with pytest.raises(ConfigError, match="unknown key"):
        pack(Unpacked(of("polcy: enabled\n")))


HEAD = f"bundle: 1\ninjector: {__version__}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is no bundle"),
        ("[]", "this is no bundle"),
        ("profile: istio\n", "this is no bundle"),
        ("bundle: 1\n", "packed by version None of the injector"),
        (
            "bundle: 1\ninjector: 0.0.1\n",
            "packed by version 0.0.1 of the injector, and this is " + __version__,
        ),
        (HEAD.replace("bundle: 1", "bundle: 2"), "bundle: a whole number"),
        (HEAD + "extra: 1\n", "extra: unknown key"),
        (HEAD + "configuration: {polcy: enabled}\n", "unknown key"),
        (HEAD + "configuration: &a {}\nprofile: {settings: *a}\n", "an"),
        (HEAD + "configuration: [\n", "not valid YAML"),
    ],
)
def test_a_text_that_is_no_bundle_of_this_version_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_input(unpack(text, "b.yaml").inputs)
    assert message in str(refused.value)
    assert str(refused.value).startswith("b.yaml")


def test_a_path_in_a_bundle_has_no_effect() -> None:
    text = HEAD + "configuration: {profile: /etc}\nprofile: {settings: {name: x}}\n"
    assert contents_of(unpack(text, "b.yaml").inputs)["profile"]["name"] == "x"


def test_lines_of_a_packed_configuration_are_those_of_the_bundle() -> None:
    packed = pack(Unpacked(of("templates: {own: 'spec: {}', next: 'spec: {}'}\nvalues: {a: 1}\n")))
    broken = packed.replace("    own: 'spec: {}'", "    own: [1]")
    assert broken != packed
    line = next(n for n, text in enumerate(broken.splitlines(), 1) if "own: [1]" in text)
    with pytest.raises(ConfigError) as refused:
        load_input(unpack(broken, "b.yaml").inputs)
    assert refused.value.where == f"b.yaml:{line}"


def test_a_template_of_a_bundle_reads_no_file_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("secret: of this machine\n")
    text = HEAD + f"configuration: {{templates: {{own: {{file: {tmp_path}/secret.yaml}}}}}}\n"
    text += "profile: {settings: {name: x}, templates: {sidecar: 'spec: {}'}}\n"
    with pytest.raises(ConfigError) as refused:
        load_input(unpack(text, "b.yaml").inputs)
    assert "of this machine" not in str(refused.value)
