"""Values for annotations and labels: in order, nearly in order, hostile, and very long.

Every key of a profile's catalogue gets some of each kind. Not here: the rest of a pod (pods.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, TypeVar, cast

import yaml

from tests.generators.annotations import ANNOTATIONS, PROXY_CONFIG, PROXY_CONFIG_FIELDS

T = TypeVar("T")

_DEEP: Final = 3000

# What has bitten readers of text before: each stands for a way of going wrong, not for a value.
HOSTILE: Final = (
    *("", " ", "\x00", "\x7f\x1b[31m", "\u202e\u2066\ufeff", "\ud800", "naïve 日本語 🚀", "e\u0301"),
    *("\r\n", "a\nb: c", "{{ 7 * 7 }}", "{% for x in y %}", "{{ ''.__class__.__mro__ }}"),
    *("\x01\x02mark\x03", "${HOME}", "$(POD_NAME)", "'; rm -rf / #", '"', "\\", "../../etc/passwd"),
    *("null", "~", "true", "NaN", ".inf", "1e999", "-0", "0x10", "0o17", "1_000", "٣", "９０", "9" * 400),
    *("1e99999999", "1.0000000000000000000000001", "0.1u", "1Ei", "9" * 40 + "Ei"),
    *("2026-11-24T00:00:00Z", "9223372036854775807h", "1h" * 50, "{}", "[]", "[[]]", "{"),
    *('{"a":1,"a":2}', '{"a":NaN}', '{"a":1e999}', '{"a":"\\ud800"}', '{"a":' + "9" * 5000 + "}"),
    *('{"":""}', '{"containers":[{"name":"app"}]}'),
    *('{"initContainers":["a",1,null,{}],"containers":{},"volumes":"x"}',),
    *('{"containers":["app"],"volumes":["v0"],"digest":{"a":1},"revision":[]}', "&a [*a]"),
    *("a: &x {b: *x}", "a: !!python/object/apply:os.system [id]", "!!binary a", "? {a: b}\n: c"),
    *("<<: {a: b}", "--- a\n--- b", "%YAML 9.9\n---\na", "a: b: c", "- - - -", "\ta: b"),
    *("concurrency: 1\nconcurrency: 2", "*", ",", ",,,,", "1-2", "0.0.0.0/0", "::/0", "fd00::/8%eth0"),
    *("1.2.3.4/", "/", "eth0\x00"),
)

_LONG: Final[Sequence[Callable[[int], str]]] = (
    lambda size: "a" * size,
    lambda size: "9" * size,
    lambda size: "," * size,
    lambda size: "1," * (size // 2),
    lambda size: "10.0.0.0/8," * (size // 11),
    lambda size: " " * size + "x",
    lambda size: "a b" * (size // 3),
    lambda size: "a:" * (size // 2),
    lambda size: "é" * (size // 2),
    lambda size: "1" + "0" * size + "m",
    lambda size: "1h" * (size // 2),
    lambda size: "0." + "3" * size,
    lambda size: json.dumps({f"k{n}": n for n in range(size // 12)}),
    lambda size: "\n".join(f"k{n}: [{n}]" for n in range(size // 12)),
    lambda size: "[" * min(size, _DEEP),
    lambda size: "[" * min(size, _DEEP) + "]" * min(size, _DEEP),
    lambda size: '{"a":' * min(size // 5, _DEEP) + "1" + "}" * min(size // 5, _DEEP),
    lambda size: "a: &a [x]\n" + "b: [" + ",".join(["*a"] * min(size // 3, _DEEP)) + "]",
    lambda _: _bomb(),
    lambda size: '"' + "\\" * size,
    lambda size: "- " * min(size // 2, _DEEP),
    lambda size: "? " * min(size // 2, _DEEP),
    lambda size: "'" * size,
    lambda size: "#" * size,
)
# Depths around those at which readers and recursion give up.
_DEPTHS: Final = (60, 190, 210, 320, 500, 900)


def fields(text: str) -> list[tuple[str, Any]]:
    """Names and values of fields, from YAML with one field in each line."""
    return [pair for row in yaml.safe_load(text) for pair in row.items()]


def by_chance(random: Random, *rows: tuple[str, float, Sequence[Any]]) -> dict[str, Any]:
    """Some fields; each row has the name of one, the chance that it is there, and its values."""
    return {name: random.choice(values) for name, chance, values in rows if random.random() < chance}


def unshared(tree: T) -> T:
    """The tree as one that was read from a text: no two places hold the same object."""
    copied: Any = tree
    if isinstance(tree, dict):
        copied = {key: unshared(value) for key, value in tree.items()}
    elif isinstance(tree, list):
        copied = [unshared(item) for item in tree]
    return cast(T, copied)


def _deep(random: Random) -> str:
    """JSON that is nested, and else in order."""
    depth = random.choice(_DEPTHS)
    middle = random.choice(['"x"', "1", '{"mountPath":"/x"}', '["x"]', "{}"])
    opened, closed = random.choice([('{"a":', "}"), ("[", "]"), ('{"own":[', "]}")])
    inner = opened * depth + middle + closed * depth
    return random.choice(
        [inner, f'{{"own":{inner}}}', f'{{"containers":[{{"name":"istio-proxy","new":{inner}}}]}}']
    )


_SIZES: Final = (200, 2_000, 20_000)
_HUGE: Final = 300_000


def _bomb() -> str:
    """Nine levels of ten aliases each: a thousand million nodes, if somebody expands them."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines)


def draw_value(random: Random, key: str) -> str:
    """A value for an annotation of that name."""
    roll = random.random()
    if roll < 0.35:
        return _in_order(random, key)
    if roll < 0.65:
        return nearly(random, _in_order(random, key))
    if roll < 0.9:
        return random.choice(HOSTILE)
    if roll < 0.92:
        return _deep(random)
    if roll < 0.95:
        return json.dumps(tree(random), allow_nan=True)
    # Very long ones are read slowly by nature, so there are few of them.
    size = _HUGE if random.random() < 0.04 else random.choice(_SIZES)
    return random.choice(_LONG)(size)


def _in_order(random: Random, key: str) -> str:
    if key == PROXY_CONFIG:
        names = random.sample(sorted(PROXY_CONFIG_FIELDS), random.randint(0, 4))
        return json.dumps({name: random.choice(PROXY_CONFIG_FIELDS[name]) for name in names})
    known = ANNOTATIONS.get(key)
    if known:
        return random.choice([*known[0], *known[1]])
    return random.choice(["true", "false", "1", "80", "app", "a=b,c=d", "10s", "/var/log", "10.0.0.0/8"])


def nearly(random: Random, text: str) -> str:
    """The text with a small accident."""
    at = random.randint(0, len(text))
    accident = random.choice(HOSTILE[:40])
    return random.choice(
        (
            lambda: text + " ",
            lambda: "\n" + text,
            lambda: text.upper(),
            lambda: text[:at],
            lambda: text[:at] + accident + text[at:],
            lambda: text[:at] + text[at + 1 :],
            lambda: text + "," + text,
            lambda: f'"{text}"',
            lambda: text.translate(_WIDE),
            lambda: text.replace(":", ": ").replace(",", ", "),
            lambda: text.replace("1", "-1"),
            lambda: json.dumps(text),
        )
    )()


# Digits that int() takes and nobody else does.
_WIDE: Final = {ord("0") + n: 0xFF10 + n for n in range(10)}


def tree(random: Random, depth: int = 3) -> Any:
    """A small JSON value of any shape, numbers that are none included."""
    if depth and random.random() < 0.4:
        size = random.randint(0, 3)
        if random.random() < 0.5:
            return [tree(random, depth - 1) for _ in range(size)]
        return {_key(random): tree(random, depth - 1) for _ in range(size)}
    return random.choice(SCALARS)


SCALARS: Final[Sequence[Any]] = (
    *(None, True, False, 0, 1, -1, 1.5, 80, 65536, 2**31, 2**53 + 1, 2**63, 10**30, -(2**63) - 1, 1e300),
    *("", "a", "true", "0", "80", "x" * 70, "日本", "\ud800", "\x00", "{{ x }}", "~/1", "-"),
)


def _key(random: Random) -> str:
    return random.choice(
        ["name", "value", "a", "", "~/", "é", "containers", "0", "-", "mountPath", "__class__"]
    )
