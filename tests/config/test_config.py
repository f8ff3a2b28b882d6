"""Settings, profile folders and upstream's format: what is accepted, what is reported, what results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.config import child, upstream
from injector.config.fields import SettingProblem, declared
from injector.config.folder import find, open_folder, shipped
from injector.config.loading import Input, Overrides, Text, load, load_input
from injector.config.schema import Settings, read_settings
from injector.config.snapshot import build, merged
from injector.config.trials import dry_run
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Verdict
from injector.core.profile import Config, Profile
from injector.errors import ConfigError, TemplateError

POD = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
SIDECAR = "spec:\n  containers:\n    - name: shipper\n      image: {{ Values.image }}\n"


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A small profile folder."""
    folder = tmp_path / "logship"
    folder.mkdir()
    (folder / "profile.yaml").write_text(
        "name: log-shipper\ndefaultTemplates: [sidecar]\nvalues: {image: 'shipper:1', deep: {a: 1, b: 2}}\n"
        "foreignSidecars: [{container: other}]\n"
    )
    (folder / "sidecar.yaml.j2").write_text(SIDECAR)
    return folder


def configured(profile: Path, text: str = "", overrides: Overrides = Overrides()) -> Config:  # noqa: B008 (frozen)
    source = Input(Text(f"profile: {profile}\n{text}", "c.yaml"), str(profile.parent), overrides)
    return load_input(source)


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_settings(text, "c.yaml")
    return caught.value


# --- the file -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where", "said", "hint"),
    [
        ("a: 1\nrevison: x\n", "c.yaml", "revison: unknown key", ""),
        ("revison: x\n", "c.yaml:1", 'revison: unknown key "revison"', "did you mean revision?"),
        (
            "values: {}\nistioQuirks: true\n",
            "c.yaml:2",
            "istioQuirks",
            "did you mean compatibility.istioQuirks?",
        ),
        (
            "compatibility:\n  istioQirks: true\n",
            "c.yaml:2",
            "compatibility.istioQirks",
            "did you mean istioQuirks?",
        ),
        ("zzz: 1\n", "c.yaml:1", "zzz: unknown key", "known keys: aliases, "),
        (
            "policy: enabld\n",
            "c.yaml:1",
            "policy: one of enabled, disabled is expected; did you mean enabled?",
            "",
        ),
        ("policy: true\n", "c.yaml:1", "policy: one of enabled, disabled is expected", ""),
        ("nativeSidecars: yes\n", "c.yaml:1", "nativeSidecars: one of auto, enabled, disabled", ""),
        ("platform: Openshift\n", "c.yaml:1", "did you mean openshift?", ""),
        ("revision: 1\n", "c.yaml:1", "revision: a string is expected, not a number; put it in quotes", ""),
        ("values: []\n", "c.yaml:1", "values: a map is expected, not a list", ""),
        ("defaultTemplates: sidecar\n", "c.yaml:1", "a list of names is expected, not a string", ""),
        ("defaultTemplates:\n- a\n- 1\n", "c.yaml:3", "defaultTemplates.1: a string is expected", ""),
        ("aliases:\n  a: [b]\n  c: d\n", "c.yaml:3", "aliases.c: a list of names is expected", ""),
        ("injectedAnnotations: {a.b/c: 1}\n", "c.yaml:1", "injectedAnnotations.a.b/c: a string", ""),
        ("templates:\n  a: 1\n", "c.yaml:2", "templates.a: a template's text or a map {file: path}", ""),
        ("templates:\n  a: {path: x}\n", "c.yaml:2", "templates.a: a template's text", ""),
        ("profile: ''\n", "c.yaml:1", "profile: a name or path is expected", ""),
        ("server: {bodyLimit: 7Mi}\n", "c.yaml:1", "server.bodyLimit: a whole number from 1024", ""),
        ("server: {bodyLimit: true}\n", "c.yaml:1", "server.bodyLimit: a whole number", ""),
        ("server: {listen: 8443}\n", "c.yaml:1", "server.listen: a string is expected", ""),
        ("server: {listen: '8443'}\n", "c.yaml:1", "server.listen: an address such as", ""),
        ("server: {listen: ':99999'}\n", "c.yaml:1", "server.listen: an address such as", ""),
        ("server: {failureMode: Deny}\n", "c.yaml:1", "did you mean deny?", ""),
        (
            "server: {source: {configMap: {nme: x}}}\n",
            "c.yaml:1",
            "server.source.configMap.nme",
            "did you mean name?",
        ),
        ("- a\n", "c.yaml:1", "a map is expected, not a list", ""),
        ("policy: enabled\npolicy: disabled\n", "c.yaml:2", "policy", ""),
        ("a: [\n", "c.yaml:2", "", ""),
        ("a: 1\n---\nb: 1\n", "c.yaml:2", "", ""),
    ],
)
def test_a_wrong_setting_is_reported_with_its_line_and_what_is_expected(
    text: str, where: str, said: str, hint: str
) -> None:
    error = refused(text)
    assert error.where.startswith(where)
    assert said in error.message
    assert hint in error.hint


def test_all_wrong_settings_are_reported_at_once() -> None:
    error = refused("polcy: x\nrevision: 1\nserver:\n  lisen: ':1'\n")
    places = [line.split(": ")[0] for line in error.message.splitlines()[1:]]
    assert places == ["  c.yaml:1", "  c.yaml:2", "  c.yaml:4"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "null\n", "values:\nserver:\npolicy: ~\n"])
def test_an_empty_setting_has_its_default(text: str) -> None:
    assert read_settings(text, "c.yaml") == Settings()


def test_every_key_of_the_design_is_declared_with_a_sentence() -> None:
    sentences = {path: sentence for path, _, _, sentence in declared(Settings)}
    wanted = {
        *("profile", "policy", "values", "meshConfig", "templates", "defaultTemplates", "aliases"),
        *("neverInjectSelector", "alwaysInjectSelector", "skipRuntimeClasses", "callers"),
        *("injectedAnnotations", "annotations", "namespaceDefaults"),
        *("nativeSidecars", "placement", "podResources", "kinds"),
        *("workLimit", "platform", "compliancePolicy", "revision", "compatibility.istioQuirks"),
    }
    assert {path for path in sentences if not path.startswith("server.")} == wanted
    assert all(sentence.endswith(".") for sentence in sentences.values())


# --- profile folders ----------------------------------------------------------------------------


def test_the_shipped_profiles_are_found_by_name_and_others_by_path(profile: Path) -> None:
    assert "istio" in shipped()
    assert find("istio", profile).name == "istio"
    assert find("logship", profile.parent) == profile
    assert find("./logship", profile.parent) == profile


@pytest.mark.parametrize(
    ("name", "where", "hint"),
    [
        ("istoi", "c.yaml:1: profile istoi", "did you mean istio?"),
        ("./x", "c.yaml:1: profile ./x", "built-in profiles: "),
    ],
)
def test_a_profile_that_is_not_there_is_reported_with_its_line(
    tmp_path: Path, name: str, where: str, hint: str
) -> None:
    (tmp_path / "c.yaml").write_text(f"profile: {name}\n")
    with pytest.raises(ConfigError) as caught:
        load(str(tmp_path / "c.yaml"))
    assert caught.value.where.endswith(where)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("nmae: x\n", 'nmae: unknown key "nmae"', "did you mean name?"),
        ("keys: {swich: a/b}\n", "keys.swich: unknown key", "did you mean switch?"),
        ("rules: linkerd\n", "rules: one of ", ""),
        ("foreignSidecars: [{container: a, envs: []}]\n", "foreignSidecars.0.envs", "did you mean env?"),
        ("foreignSidecars: [{container: ''}]\n", "the name of a container is expected", ""),
    ],
)
def test_a_wrong_key_of_a_profile_is_reported_with_its_line(
    profile: Path, text: str, said: str, hint: str
) -> None:
    (profile / "profile.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        open_folder(profile)
    assert caught.value.where == f"{profile / 'profile.yaml'}:1"
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_an_empty_profile_has_the_folders_name_and_keys_of_this_program(profile: Path) -> None:
    (profile / "profile.yaml").write_text("")
    opened = open_folder(profile).profile
    assert type(opened) is Profile
    assert (opened.name, opened.keys.switch, opened.operating_systems) == (
        "logship",
        "sidecar-injector/inject",
        frozenset({"linux"}),
    )


def test_parts_can_be_included_and_not_asked_for(profile: Path) -> None:
    (profile / "_env.yaml.j2").write_text("      env: [{name: A, value: b}]\n")
    (profile / "sidecar.yaml.j2").write_text(SIDECAR + '{% include "_env" %}\n')
    config = configured(profile)
    assert list(config.templates) == ["sidecar"]
    assert inject(POD, Facts(), config).pod["spec"]["containers"][0]["env"] == [{"name": "A", "value": "b"}]


def test_a_folder_without_profile_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no profile\.yaml"):
        find("./", tmp_path)


# --- the snapshot -------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
TREES = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


def without_nulls(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    return {k: without_nulls(v) for k, v in tree.items() if v is not None}


@given(TREES, TREES)
def test_what_is_merged_over_values_is_there_afterwards(base: dict[str, Any], over: dict[str, Any]) -> None:
    out = merged(base, over)
    assert merged(out, over) == out
    assert merged({}, over) == without_nulls(over)
    for key, value in over.items():
        if value is None:
            assert key not in out
        elif not isinstance(value, dict):
            assert out[key] == value
    assert {k: v for k, v in out.items() if k not in over} == {k: v for k, v in base.items() if k not in over}


def test_values_are_merged_over_the_profiles(profile: Path) -> None:
    config = configured(profile, "values: {deep: {a: null, c: [1]}}\n")
    assert config.values == {"image": "shipper:1", "deep": {"b": 2, "c": [1]}}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("", True),
        ("server: {logLevel: debug, listen: ':1'}\n", True),
        ("# a comment\nvalues: {deep: {a: 1}}\n", True),
        ("policy: disabled\n", False),
        ("values: {deep: {a: 2}}\n", False),
        ("meshConfig: {a: 1}\n", False),
        ("templates: {extra: 'a: b'}\n", False),
        ("defaultTemplates: [other]\n", False),
        ("aliases: {a: [sidecar]}\n", False),
        ("neverInjectSelector: [{matchLabels: {a: b}}]\n", False),
        ("alwaysInjectSelector: [{matchLabels: {a: b}}]\n", False),
        ("injectedAnnotations: {a: b}\n", False),
        ("nativeSidecars: disabled\n", False),
        ("platform: openshift\n", False),
        ("compliancePolicy: pqc\n", False),
        ("revision: canary\n", False),
        ("compatibility: {istioQuirks: true}\n", False),
    ],
)
def test_the_digest_covers_everything_that_an_answer_depends_on(profile: Path, text: str, same: bool) -> None:
    assert (configured(profile, text).digest == configured(profile).digest) is same


CATALOGUE = "catalogue: {annotations: [x.io/b, x.io/a], domains: [x.io]}\n"


@pytest.mark.parametrize(
    ("catalogue", "same"),
    [
        (CATALOGUE, True),
        ("catalogue: {annotations: [x.io/a, x.io/b], domains: [x.io]}\n", True),
        ("", False),
        ("catalogue: {annotations: [x.io/a], domains: [x.io]}\n", False),
        (CATALOGUE.replace("}", ", labels: [x.io/c]}"), False),
        (CATALOGUE.replace("}", ", namespaceLabels: [x.io/c]}"), False),
        (CATALOGUE.replace("[x.io]", "[x.io, y.io]"), False),
        (CATALOGUE.replace("}", ", powers: {x.io/a: [image]}}"), False),
    ],
)
def test_the_digest_covers_the_keys_of_the_profile(profile: Path, catalogue: str, same: bool) -> None:
    settings = profile / "profile.yaml"
    own = settings.read_text()
    settings.write_text(own + CATALOGUE)
    before = configured(profile).digest
    settings.write_text(own + catalogue)
    assert (configured(profile).digest == before) is same


def test_the_digest_changes_with_a_template_and_not_with_its_place(profile: Path, tmp_path: Path) -> None:
    before = configured(profile).digest
    moved = tmp_path / "elsewhere"
    profile.rename(moved)
    assert configured(moved).digest == before
    (moved / "sidecar.yaml.j2").write_text(SIDECAR + "\n")
    assert configured(moved).digest != before


def test_a_selector_that_cannot_be_read_is_left_out_and_reported(profile: Path) -> None:
    text = "alwaysInjectSelector:\n- matchLabels: {a: b}\n- matchExpressions: [{key: a, operator: Is}]\n"
    config = configured(profile, text)
    assert [str(s) for s in config.policy.always] == ["a In [b]"]
    (finding,) = config.findings
    assert finding.code == "selector"
    assert finding.message.startswith("alwaysInjectSelector[1] is ignored: operator of 'a' must be one of In")


def test_quirks_know_neither_foreign_sidecars_nor_operating_systems(profile: Path) -> None:
    ours, quirks = configured(profile), configured(profile, "compatibility: {istioQuirks: true}\n")
    assert [m.container for m in ours.policy.foreign] == ["other"]
    assert ours.policy.operating_systems == {"linux"}
    assert (quirks.policy.foreign, quirks.policy.operating_systems) == ((), frozenset())


def test_a_users_template_replaces_a_shipped_one_and_may_stand_in_a_file(profile: Path) -> None:
    (profile.parent / "mine.yaml.j2").write_text("spec: {containers: [{name: mine, image: i}]}\n")
    config = configured(profile, "templates:\n  sidecar: {file: mine.yaml.j2}\n  other: 'metadata: {}'\n")
    assert sorted(config.templates) == ["other", "sidecar"]
    assert "mine" in [c["name"] for c in inject(POD, Facts(), config).pod["spec"]["containers"]]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("templates:\n  sidecar: |\n    spec:\n    {% if %}\n", "c.yaml:5"),
        ("templates:\n  sidecar: |-   # why\n    {% if %}\n", "c.yaml:4"),
        ('templates:\n  sidecar: "{% if %}"\n', "c.yaml:3"),
    ],
)
def test_an_error_in_a_template_of_the_file_has_the_files_line(profile: Path, text: str, where: str) -> None:
    config = configured(profile, text)
    with pytest.raises(TemplateError) as caught:
        config.templates.compile_all()
    assert caught.value.where == f"{where} (template sidecar)"


def test_a_template_file_that_is_not_there_is_reported(profile: Path) -> None:
    with pytest.raises(ConfigError, match="no such file") as caught:
        configured(profile, "templates: {a: {file: nope.j2}}\n")
    assert caught.value.where.endswith("nope.j2")


@pytest.mark.parametrize(("flag", "revision"), [(None, "file"), ("canary", "canary"), ("default", "")])
def test_the_revision_of_the_flag_wins_and_default_means_none(
    profile: Path, flag: str | None, revision: str
) -> None:
    assert configured(profile, "revision: file\n", Overrides(revision=flag)).revision == revision


@pytest.mark.parametrize(("policy", "verdict"), [("enabled", Verdict.INJECT), ("disabled", Verdict.SKIP)])
def test_policy_and_selectors_of_an_inject_config_count(profile: Path, policy: str, verdict: Verdict) -> None:
    text = f"policy: {policy}\ntemplates: {{sidecar: '{{}}'}}\naliases: {{all: [sidecar]}}\n"
    text += "unknown: 1\ntemplate: x\n"
    config = configured(profile, "policy: enabled\n", Overrides(inject=Text(text, "inject")))
    assert config.aliases == {"all": ("sidecar",)}
    assert inject(POD, Facts(), config).decision.verdict is verdict


# --- a live control plane's own settings ---------------------------------------------------------

GO = "spec:\n  containers:\n  {{- range .Spec.Containers }}\n  - name: {{ .Name }}\n  {{- end }}\n"


def live(templates: dict[str, str], **more: Any) -> Overrides:
    import json

    return Overrides(
        inject=Text(json.dumps({"policy": "enabled", "templates": templates, **more}), "CM"), live=True
    )


def test_shipped_templates_of_a_live_istiod_are_replaced_by_the_profiles(profile: Path) -> None:
    names = [
        "sidecar",
        "gateway",
        "grpc-agent",
        "grpc-simple",
        "waypoint",
        "kube-gateway",
        "agentgateway",
        "agentgateway-x",
    ]
    config = configured(profile, "", live(dict.fromkeys(names, GO), defaultTemplates=["sidecar"]))
    assert list(config.templates) == ["sidecar"]
    assert config.findings == ()
    assert inject(POD, Facts(), config).decision.verdict is Verdict.INJECT


def test_other_go_templates_of_a_live_istiod_are_reported_and_plain_ones_used(profile: Path) -> None:
    plain = "spec: {containers: [{name: plain, image: i}]}"
    config = configured(profile, "", live({"custom": GO, "plain": plain}))
    assert sorted(config.templates) == ["plain", "sidecar"]
    (finding,) = config.findings
    assert finding.code == "go-template"
    assert "'custom'" in finding.message


def test_values_of_a_control_plane_are_whole_where_a_user_writes_whole_maps() -> None:
    folder = open_folder(find("istio", Path()))
    complete = {"global": {"tag": "1.30", "proxy": {"resources": {"requests": {"cpu": "5m"}}}}}
    values = build(Settings(), folder, complete=complete).values
    assert values["global"]["proxy"]["resources"] == {"requests": {"cpu": "5m"}}
    assert values["global"]["proxy"]["image"] == "proxyv2"
    assert values["global"]["tag"] == "1.30"


@pytest.mark.parametrize(
    ("values", "pointer", "said"),
    [
        ({"global": {"hub": 1}}, "/global/hub", "a string is expected, not a number"),
        ({"global": {"tag": True}}, "/global/tag", "a string or a number is expected, not a boolean"),
        ({"global": {"proxy": "x"}}, "/global/proxy", "a map is expected, not a string"),
        ({"global": []}, "/global", "a map is expected, not a list"),
        ({"global": {"proxy": {"image": {}}}}, "/global/proxy/image", "a string is expected, not a map"),
        ({"global": {"proxy_init": {"image": 1}}}, "/global/proxy_init/image", "a string is expected"),
        (
            {"global": {"proxy": {"holdApplicationUntilProxyStarts": "true"}}},
            "/global/proxy/holdApplicationUntilProxyStarts",
            "true or false is expected, not a string",
        ),
        (
            {"global": {"multiCluster": {"clusterName": 1}}},
            "/global/multiCluster/clusterName",
            "a string is expected",
        ),
        ({"global": {"network": []}}, "/global/network", "a string is expected, not a list"),
        ({"global": {"variant": 1}}, "/global/variant", "a string is expected"),
        (
            {"sidecarInjectorWebhook": {"rewriteAppHTTPProbe": 1}},
            "/sidecarInjectorWebhook/rewriteAppHTTPProbe",
            "true or false is expected",
        ),
    ],
)
def test_values_that_istiod_reads_by_type_are_checked(
    values: dict[str, Any], pointer: str, said: str
) -> None:
    (problem,) = upstream.typed_problems(values)
    assert problem.pointer == pointer
    assert problem.message.startswith(said)


def test_values_of_the_right_type_and_unknown_ones_are_accepted() -> None:
    values = {"global": {"hub": "h", "tag": 1.1, "proxy": None, "other": 1}, "more": [], "pilot": {"env": {}}}
    assert upstream.typed_problems(values) == []


# --- the dry run --------------------------------------------------------------------------------


def test_a_dry_run_reports_a_template_that_fails_for_some_pods_once(profile: Path) -> None:
    (profile / "extra.yaml.j2").write_text("metadata:\n  labels:\n    app: {{ ObjectMeta.labels.app }}\n")
    problems = dry_run(Input(Text(f"profile: {profile}\n", "c.yaml")))
    assert {p.code for p in problems} == {"render"}
    assert {p.where for p in problems} == {f"{profile / 'extra.yaml.j2'}:3"}


def test_a_dry_run_stops_a_process_that_takes_too_much(
    profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "WALL_SECONDS", 0)
    (problem,) = dry_run(Input(Text(f"profile: {profile}\n", "c.yaml")))
    assert problem.code == "limit"
    assert "CPU time" in problem.hint


def test_a_dry_run_ends_what_works_by_its_processor_time_and_not_by_the_clock() -> None:
    # A process that gets a thirtieth of a processor, as on a busy machine, may use all of its time.
    assert child.WALL_SECONDS >= 30 * child.CPU_SECONDS


def test_problems_of_one_place_are_reported_once() -> None:
    assert upstream.typed_problems({"global": 1}) == [
        SettingProblem("/global", "a map is expected, not a number")
    ]
