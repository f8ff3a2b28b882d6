"""How a golden case is written: its header, its manifest, and what it expects of the result.

Not here: running a case through webhook and command line, and the laws (tests/test_cases.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
DOORS = {"both": ("file", "webhook"), "file": ("file",), "webhook": ("webhook",)}
EXPECTED = ("verdict", "reason", "template", "absent", "findings", "error")
# A released control plane of a cluster with native sidecars, so that no case has to say so.
BASE = {"nativeSidecars": "enabled", "values": {"global": {"hub": "example.com/mesh", "tag": "1.30.0"}}}
_HEADER = re.compile(r"# (\w+):(?: (.*))?")
_KEYS = frozenset({"rule", "config", "door", "namespace", "objects", "path", "request", "inject"})
_MERGE_KEYS = {"ports": "containerPort", "volumeMounts": "mountPath"}
_COUNT = re.compile(r"(?m)^(?:\d+|no) workloads?\b.*\n\Z")
_DIGEST = re.compile(r"(digest\W+)[0-9a-f]{16}")


def load(text: str) -> Any:
    """A tree from YAML, by libyaml where it is there: a few hundred files are read."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


class NotThere(LookupError):
    """A pointer leads nowhere."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case: the header's fields, the manifest, and what webhook and command line are expected to give."""

    name: str
    rule: str
    doors: tuple[str, ...]
    text: str
    manifest: dict[str, Any]
    config: dict[str, Any]
    objects: list[dict[str, Any]]
    path: str
    request: dict[str, Any]
    inject: dict[str, Any]
    expected: Mapping[str, Mapping[str, Any]]

    @property
    def quirks(self) -> bool:
        """Whether upstream's defects are reproduced, for which the laws do not hold."""
        return bool((self.config.get("compatibility") or {}).get("istioQuirks"))

    @property
    def namespace(self) -> str:
        """The namespace that the pod is created in."""
        return str(self.manifest["metadata"].get("namespace") or "default")


def names() -> list[str]:
    """All cases, GROUP/NAME, in order."""
    paths = (path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.yaml"))
    return sorted(path for path in paths if not path.endswith(".expect"))


def read(name: str) -> Case:
    """A case from its files. Raises ValueError or KeyError where they are not written as README.md says."""
    text = (FOLDER / f"{name}.yaml").read_text()
    header = _header(text)
    if not re.match(r"(?:[1-9A]|laws)\S* .*\w \w", header.get("rule", "")):
        raise ValueError(f"{name}.yaml: the header needs a rule: the section, and a sentence of it")
    manifest = load(text)
    expected = load((FOLDER / f"{name}.expect.yaml").read_text())
    doors = DOORS[header.get("door", "both")]
    objects = list(header.get("objects") or [])
    if header.get("namespace") is not None:
        meta = {"name": manifest["metadata"].get("namespace") or "default", **header["namespace"]}
        objects.append({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    return Case(
        name=name,
        rule=header["rule"],
        doors=doors,
        text=text,
        manifest=manifest,
        config=over(BASE, header.get("config") or {}),
        objects=objects,
        path=header.get("path") or "",
        request=header.get("request") or {},
        inject=header.get("inject") or {},
        expected={door: _for_door(name, expected, door) for door in doors},
    )


def _header(text: str) -> dict[str, Any]:
    """The first comment lines: `# key: value`, and lines that go on, indented by three."""
    fields: dict[str, list[str]] = {}
    key = ""
    for line in text.splitlines():
        match = _HEADER.fullmatch(line)
        if match:
            key = match[1]
            fields[key] = [match[2] or ""]
        elif line.startswith("#   ") and key:
            fields[key].append(line[1:])
        else:
            break
    if fields.keys() - _KEYS:
        raise ValueError(f"unknown keys in the header: {sorted(fields.keys() - _KEYS)}")
    return {
        key: " ".join(part.strip() for part in lines) if key == "rule" else load("\n".join(lines))
        for key, lines in fields.items()
    }


def over(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with changes: maps merge, everything else replaces."""
    out = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = over(out[key], value) if both else value
    return out


def _for_door(name: str, expected: Mapping[str, Any], door: str) -> dict[str, Any]:
    """What is expected at one door: what both have in common, and its own part over it."""
    own = expected.get(door) or {}
    wrong = (expected.keys() - {*EXPECTED, "file", "webhook"}) | (own.keys() - {*EXPECTED})
    if wrong:
        raise ValueError(f"{name}.expect.yaml: unknown keys {sorted(wrong)}")
    common = {key: value for key, value in expected.items() if key in EXPECTED}
    more = dict(pairs(own.get("template") or {}))
    absent = [*paths(common.get("absent") or []), *paths(own.get("absent") or [])]
    template = {p: v for p, v in pairs(common.get("template") or {}) if p not in absent or p in more}
    return {**common, **own, "template": {**template, **more}, "absent": absent}


def pairs(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Pointer and value of each expectation; a map whose keys are pointers holds those below its own."""
    for pointer, value in tree.items():
        if isinstance(value, dict) and value and all(str(key).startswith("/") for key in value):
            yield from pairs(value, prefix + pointer)
        else:
            yield prefix + pointer, value


def paths(tree: Any, prefix: str = "") -> list[str]:
    """The pointers of a list, in which a map gives those below its keys."""
    out = []
    for item in tree:
        if isinstance(item, dict):
            out += [p for key, below in item.items() for p in paths(below, prefix + key)]
        else:
            out.append(prefix + item)
    return out


def look(tree: Any, pointer: str) -> Any:
    """What stands at a pointer. Raises NotThere.

    Elements of lists go by their merge key, else by number; in a list of arguments ``--flag``
    gives what follows the flag; ``*`` gives all keys of a list or map; in a text that is JSON the
    way goes on.
    """
    parts = [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]]
    for i, part in enumerate(parts):
        tree = _step(tree, part, parts[i - 1] if i else "")
    return tree


def _step(tree: Any, part: str, parent: str) -> Any:
    if isinstance(tree, str):
        try:
            tree = json.loads(tree)
        except ValueError:
            raise NotThere(part) from None
    if isinstance(tree, dict):
        if part == "*":
            return list(tree)
        if part not in tree:
            raise NotThere(part)
        return tree[part]
    if not isinstance(tree, list):
        raise NotThere(part)
    if part.startswith("-"):
        return _argument(tree, part)
    key = _MERGE_KEYS.get(parent, "name")
    children = {
        str(item[key]) if isinstance(item, dict) and key in item else str(n): item
        for n, item in enumerate(tree)
    }
    if part == "*":
        return list(children)
    if part not in children:
        raise NotThere(part)
    return children[part]


def _argument(arguments: list[str], flag: str) -> Any:
    """The value of a flag: behind its sign of equality, else the next argument, else true."""
    for place, argument in enumerate(arguments):
        if argument.startswith(flag + "="):
            return argument.removeprefix(flag + "=")
        if argument == flag:
            following = arguments[place + 1 : place + 2]
            return following[0] if following and not following[0].startswith("--") else True
    raise NotThere(flag)


def settled(text: str) -> str:
    """A text for a golden file, without the last line that counts.

    Digests, which change with every template, are blanked out.
    """
    return _DIGEST.sub(r"\1<digest>", _COUNT.sub("", text))


def printed(value: Any, indent: str = "") -> str:
    """JSON in lines that a person can compare: what fits into one line stands in one."""
    short = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(short) <= 110 or not isinstance(value, dict | list) or not value:
        return short
    deeper = indent + "  "
    if isinstance(value, list):
        return "[\n" + ",\n".join(deeper + printed(item, deeper) for item in value) + f"\n{indent}]"
    lines = [f"{deeper}{json.dumps(key)}: {printed(inner, deeper)}" for key, inner in value.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
