"""The setting `callers`: what it accepts, and what is said of mistakes."""

from __future__ import annotations

import pytest

from injector.config.loading import Input, Text, load_input
from injector.core.caller_rule import CallerRule
from injector.errors import ConfigError


def test_rules_are_read_in_order_also_with_quirks() -> None:
    text = "callers:\n- {action: allow, usernames: [a]}\n- {action: deny, groups: [b, c]}\n"
    for more in ("", "compatibility: {istioQuirks: true}\n"):
        config = load_input(Input(Text(text + more, "c.yaml")))
        assert config.policy.callers == (CallerRule("allow", ("a",)), CallerRule("deny", (), ("b", "c")))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("{usernames: [a]}", "action is missing; one of skip, deny, allow is expected"),
        ("{action: deny}", 'usernames or groups is missing; usernames: ["*"] is every user'),
        ("{action: deny, usernames: [], groups: []}", "usernames or groups is missing"),
        ("{action: forbid, usernames: [a]}", "one of skip, deny, allow is expected"),
        ("{action: skip, usernames: a}", "callers.0.usernames: a list of names is expected, not a string"),
        ("{action: skip, usernames: ['']}", "a name, such as"),
        ("{action: skip, groups: [1]}", "a string is expected"),
        ("{action: skip, username: [a]}", "did you mean usernames?"),
        ("skip", "a map is expected, not a string"),
    ],
)
def test_a_mistake_is_named_with_its_line(rule: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_input(Input(Text(f"policy: enabled\ncallers:\n- {rule}\n", "c.yaml")))
    texts = [caught.value.where, caught.value.message, caught.value.hint or "", *(caught.value.rows or ())]
    assert words in " ".join(texts)
    assert "c.yaml:3" in " ".join(texts)
