"""Near misses: a key or value without effect, and what was probably meant."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.injection.near_misses import find_near_misses
from injector.core.model import Finding
from tests.core.generic import KEYS, PROFILE

SWITCH = KEYS.switch
MODE = "mesh.example/mode"


def findings(meta: dict[str, Any] | None, holder: dict[str, Any] | None = None) -> tuple[Finding, ...]:
    return find_near_misses({"metadata": meta}, PROFILE, None if holder is None else {"metadata": holder})


def codes(meta: dict[str, Any] | None, holder: dict[str, Any] | None = None) -> list[str]:
    return [finding.code for finding in findings(meta, holder)]


@pytest.mark.parametrize("place", ["labels", "annotations"])
@pytest.mark.parametrize(
    ("value", "meant"),
    [
        *(
            (v, "true")
            for v in ("True", "TRUE", "yes", "on", "1", "enabled", "y", "t", "T", " true", "true ", '"true"')
        ),
        *((v, "false") for v in ("False", "no", "off", "0", "disabled", "n", "F", "f")),
    ],
)
def test_a_switch_that_is_neither_true_nor_false_is_reported_with_what_was_meant(
    place: str, value: str, meant: str
) -> None:
    (finding,) = findings({place: {SWITCH: value}})
    assert (finding.code, finding.actionable) == ("switch-value", True)
    assert finding.message.startswith(f'{place[:-1]} {SWITCH} is neither "true" nor "false"')
    assert finding.message.endswith(f'did you mean "{meant}"?')


def test_a_switch_that_is_near_neither_is_reported_with_both() -> None:
    (finding,) = findings({"labels": {SWITCH: "maybe"}})
    assert finding.message.endswith('has no effect; use "true" or "false"')


def test_the_value_itself_is_not_repeated() -> None:
    (finding,) = findings({"labels": {SWITCH: "secret"}})
    assert "secret" not in finding.message


@pytest.mark.parametrize("value", ["true", "false", "", None])
@pytest.mark.parametrize("place", ["labels", "annotations"])
def test_a_switch_that_is_right_or_empty_is_none(place: str, value: str | None) -> None:
    assert findings({place: {SWITCH: value}}) == ()


@pytest.mark.parametrize(
    ("meta", "code", "message"),
    [
        (
            {"labels": {MODE: "x"}},
            "wrong-place",
            f"{MODE} has no effect as a label; set it as an annotation",
        ),
        (
            {"annotations": {"mesh.example/app": "x"}},
            "wrong-place",
            "mesh.example/app has no effect as an annotation; set it as a label",
        ),
        (
            {"labels": {"mesh-injection": "enabled"}},
            "wrong-object",
            "label mesh-injection has no effect on a pod; set it as a label of the namespace",
        ),
        (
            {"annotations": {"mesh-injection": "enabled"}},
            "wrong-object",
            "annotation mesh-injection has no effect on a pod; set it as a label of the namespace",
        ),
        (
            {"annotations": {"mesh.example/moed": "x"}},
            "misspelt-key",
            f"annotation mesh.example/moed is unknown; did you mean {MODE}?",
        ),
        ({"labels": {"mesh.example/Inject": "true"}}, "misspelt-key", f"did you mean {SWITCH}?"),
        ({"labels": {"mesh.example/injct": "true"}}, "misspelt-key", f"did you mean {SWITCH}?"),
        ({"annotations": {"x.mesh.example/mode": "a"}}, "misspelt-key", f"did you mean {MODE}?"),
    ],
)
def test_a_key_in_the_wrong_place_or_with_a_slip_is_reported(
    meta: dict[str, Any], code: str, message: str
) -> None:
    (finding,) = findings(meta)
    assert finding.code == code
    assert message in finding.message


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        {"labels": None, "annotations": None},
        {
            "labels": {"app": "x", "mesh.example/app": "x", SWITCH: "true"},
            "annotations": {MODE: "x", SWITCH: "true"},
        },
        # Foreign prefixes, however similar, and keys of the profile that resemble no other.
        {"annotations": {"mesh.example.com/mode": "x", "mymesh.example/mode": "x", "mode": "x"}},
        {"annotations": {"mesh.example/something-else-altogether": "x"}},
        # What is alike is the prefix.
        {"annotations": {"mesh.example/port": "x", "mesh.example/made-up": "y"}},
        {"annotations": {KEYS.status: "{}", KEYS.templates: "a"}},
    ],
)
def test_correct_and_foreign_keys_are_not_reported(meta: dict[str, Any] | None) -> None:
    assert findings(meta) == ()


@pytest.mark.parametrize(
    ("meta", "holder", "expected"),
    [
        ({}, {"labels": {SWITCH: "true"}}, ["wrong-object"]),
        ({}, {"annotations": {SWITCH: "true"}}, ["wrong-object"]),
        ({}, {"annotations": {MODE: "x", KEYS.templates: "y"}}, ["wrong-object", "wrong-object"]),
        (None, {"annotations": {MODE: "x"}}, ["wrong-object"]),
        # On the pod as well: it works, and the other is decoration.
        ({"labels": {SWITCH: "true"}}, {"labels": {SWITCH: "true"}}, []),
        ({"labels": {SWITCH: "true"}}, {"annotations": {SWITCH: "true"}}, []),
        # The bookkeeping annotations, and foreign keys.
        ({}, {"annotations": {KEYS.status: "{}", KEYS.undo: "[]", KEYS.overrides: "{}"}}, []),
        ({}, {"labels": {"app": "x", "mesh-injection": "enabled"}}, []),
        ({}, {"labels": None}, []),
        ({}, {}, []),
    ],
)
def test_an_opt_in_on_the_workload_itself_is_reported(
    meta: dict[str, Any] | None, holder: dict[str, Any], expected: list[str]
) -> None:
    assert codes(meta, holder) == expected


def test_a_key_on_the_workload_is_reported_with_its_place() -> None:
    (finding,) = findings({}, {"labels": {SWITCH: "true"}})
    assert finding.message == (
        f"label {SWITCH} has no effect on the workload itself; "
        "set it on the pod template's metadata (spec.template.metadata)"
    )


def test_a_pods_own_metadata_is_not_that_of_a_workload() -> None:
    meta = {"labels": {SWITCH: "true"}}
    assert find_near_misses({"metadata": meta}, PROFILE, {"metadata": meta}) == ()
    assert find_near_misses({}, PROFILE) == ()


def test_no_more_than_a_handful_of_unknown_keys_is_looked_at() -> None:
    many = {f"mesh.example/mode{i}": "x" for i in range(1000)}
    assert len(findings({"annotations": many})) == 20
