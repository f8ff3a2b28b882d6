"""The quick answer whether a value is sound is that of the search for its problems."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from injector.core import pod_fields
from injector.core.field_soundness import is_sound
from injector.core.field_types import AUTHORED, FIELDS, OVERLAY, RESULT, TYPES_ALONE, Rules, Type
from injector.core.kubernetes_fields import TYPES

SCALARS = {
    "string": ("a", "app", "A b", ""),
    "boolean": (True, False),
    "int32": (0, 80, -1, 70000),
    "int64": (0, 1337, -1),
    "quantity": ("100m", "1Gi", 2, "-1", "x"),
    "port": (80, "http", 0, "80"),
    "time": ("2026-01-31T12:00:00Z", "today"),
    "any": ({"a": 1}, "x"),
}
WRONG: tuple[Any, ...] = (None, None, 1, "x", True, [], {}, 1.5, ["x"], {"x": 1})


def drawn(random: Random, of: Type, depth: int) -> Any:
    """A value that is mostly of a type, with few of its fields."""
    if random.random() < 0.03:
        return random.choice(WRONG)
    if isinstance(of, list):
        return [drawn(random, of[0], depth - 1) for _ in range(random.choice([0, 1, 2]))] if depth else []
    if not isinstance(of, str):
        if "enum" in of:
            return random.choice([*of["enum"], "Other"] if random.random() < 0.1 else of["enum"])
        return {random.choice(["a", "cpu", "A b"]): drawn(random, of["*"], depth - 1)} if depth else {}
    if of not in TYPES:
        return SCALARS[of][0] if random.random() < 0.8 else random.choice(SCALARS[of])
    if not depth:
        return {}
    fields = {name.removesuffix("!"): inner for name, inner in TYPES[of].items()}
    chosen = [name for name in fields if f"{name}!" in TYPES[of] and random.random() < 0.95]
    chosen += random.sample(sorted(fields), min(len(fields), random.choice([0, 1, 3])))
    value = {name: drawn(random, fields[name], depth - 1) for name in chosen}
    if random.random() < 0.05:
        value[random.choice(["imag", "fromTheFuture", "$patch"])] = random.choice(WRONG)
    return value


@pytest.mark.parametrize("rules", [FIELDS, RESULT, AUTHORED, OVERLAY, TYPES_ALONE], ids=str)
def test_a_value_is_sound_where_the_search_finds_no_problem(rules: Rules) -> None:
    random, answers = Random(11), []
    for of in ("PodSpec", "ObjectMeta", "Container", "Volume") * 500:
        value = drawn(random, of, 6)
        answers.append(is_sound(value, of, rules))
        assert answers[-1] == (not list(pod_fields.problems(value, of, rules=rules))), value
    assert min(answers.count(True), answers.count(False)) > 100
