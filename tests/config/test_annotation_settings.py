"""`annotations` of the configuration file and `powers` of a profile: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from injector.config.loading import load
from injector.core.injection.annotation_rules import open_to_all
from injector.errors import ConfigError


def a_config(folder: Path, annotations: str) -> str:
    file = folder / "injector.yaml"
    file.write_text(f"profile: istio\nannotations: {annotations}\n")
    return str(file)


def test_rules_are_read_in_their_order(tmp_path: Path) -> None:
    text = "[{namespaceSelector: {matchLabels: {team: a}}}, {allow: ['x/*'], deny: [x/y]}]"
    first, second = load(a_config(tmp_path, text)).annotation_rules
    assert (str(first.namespaces), first.allow, first.deny) == ("team In [a]", ("*",), ())
    assert (str(second.namespaces), second.allow, second.deny) == ("everything", ("x/*",), ("x/y",))


def test_a_rule_names_the_powers_that_it_withholds(tmp_path: Path) -> None:
    [rule] = load(a_config(tmp_path, "[{withhold: [image, trust-root]}]")).annotation_rules
    assert (rule.allow, rule.deny, rule.withhold) == (("*",), (), ("image", "trust-root"))


TEXTS = ("[]", "[{deny: [x/y]}]", "[{deny: [x/z]}]", "[{withhold: [image]}]", "[{withhold: [user]}]")


def test_rules_are_a_part_of_the_digest(tmp_path: Path) -> None:
    digests = {load(a_config(tmp_path, text)).digest for text in TEXTS}
    assert len(digests) == len(TEXTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{deny: [x/y]}", "a list of maps with namespaceSelector, allow, deny and withhold is expected"),
        ("[{dany: [x/y]}]", "did you mean deny?"),
        ("[{deny: ['']}]", "an annotation's key"),
        ("[{withhold: [picture]}]", "image, user, capabilities, volumes, trust-root, control-plane"),
        ("[{withhold: image}]", "a list of powers is expected"),
        ("[{deny: x/y}]", "a list of keys is expected"),
        ("[{namespaceSelector: team}]", "a label selector is expected"),
        # Elsewhere a selector that cannot be read is left out; here that would open what is to be closed.
        ("[{namespaceSelector: {labels: {team: a}}}]", "unknown key 'labels'"),
        ("[{namespaceSelector: {matchExpressions: [{key: team, operator: Is}]}}]", "operator of 'team'"),
    ],
)
def test_what_cannot_be_a_rule_is_an_error_that_names_the_place(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(a_config(tmp_path, text))
    assert message in f"{caught.value} {caught.value.hint}"
    assert "injector.yaml:2" in str(caught.value)


def test_a_custom_profile_declares_what_its_annotations_can_change(tmp_path: Path) -> None:
    profile, config = tmp_path / "profile.yaml", tmp_path / "injector.yaml"
    profile.write_text("catalogue: {annotations: [x/image], powers: {x/image: [image]}}\n")
    config.write_text("profile: .\n")
    loaded = load(str(config))
    assert open_to_all(loaded.profile, loaded.annotation_rules) == {"x/image": ("image",)}
    profile.write_text("catalogue: {powers: {x/image: [picture]}}\n")
    with pytest.raises(ConfigError, match=r"image, user, capabilities, volumes, trust-root, control-plane"):
        load(str(config))
