"""Names of values that do not meet: set and not read, read and not declared.

The types of values do not show this. Not here: which values a template reads (templating.reads), nor names
that are nearly known ones (core.value_types).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from injector import yamltext
from injector.config.values import Place
from injector.core.finding_codes import FindingCode
from injector.core.model import Finding
from injector.core.profile import Config
from injector.pointer import join, split
from injector.printable import shown
from injector.profiles import registry
from injector.templating.reads import reads

_VARIABLE: Final = "Values"
Path = tuple[str, ...]


def unread(config: Config, written: Mapping[str, Any], rules: str, place: Place) -> Iterator[Finding]:
    """The values of the operator's file that neither templates nor rules read; of a map, the outermost."""
    by_rules = registry.values_read(rules)
    read = {path for path, _ in _reads(config)}
    read |= {tuple(dotted.split(".")) for dotted, why_not in by_rules.items() if not why_not}
    document = yamltext.Document(place.text, source=place.origin)
    noticed = {f.message.partition(":")[0] for f in config.findings if f.code is FindingCode.VALUE}
    for pointer in _outside(written, frozenset(read), (), ""):
        path = ".".join(split(pointer))
        if f"values.{path}" in noticed:
            continue
        reason = by_rules.get(path, "")
        message = f"values.{shown(path)}: {reason or 'no template reads this value'}"
        where = f"{place.origin}:{yamltext.locate(document, f'/values{pointer}')}"
        yield Finding.of(
            FindingCode.VALUE, message, where, "remove it" if reason else "remove it, or correct its name"
        )


def undeclared(config: Config) -> Iterator[Finding]:
    """The values that templates read and that are neither in `profile.yaml` nor in the operator's file."""
    seen: set[Path] = set()
    for path, where in _reads(config):
        trees = (config.profile.values, config.values)
        if path in seen or any(_declared(tree, path) for tree in trees):
            continue
        seen.add(path)
        message = f"values.{shown('.'.join(path))} is read here, and not declared"
        hint = "declare it under values in profile.yaml, with null if it has no default, or correct its name"
        yield Finding.of(FindingCode.VALUE, message, where, hint)


def _reads(config: Config) -> Iterator[tuple[Path, str]]:
    for source in config.templates.sources.values():
        for read in reads(source.text, _VARIABLE):
            yield read.path, source.where(read.line)


def _outside(tree: Mapping[str, Any], read: frozenset[Path], path: Path, pointer: str) -> Iterator[str]:
    """Pointers of what is set and not below a path that is read; null sets nothing."""
    for key, value in tree.items():
        here, at = (*path, key), join(pointer, key)
        if value is None or any(here[: len(each)] == each for each in read):
            continue
        if not any(each[: len(here)] == here for each in read):
            yield at
        elif isinstance(value, Mapping):
            yield from _outside(value, read, here, at)


def _declared(tree: Any, path: Path) -> bool:
    """Whether a path is in a tree; below a null, an empty map or a list anything may be."""
    for depth, part in enumerate(path):
        if not isinstance(tree, Mapping) or (depth and not tree):
            return True
        if part not in tree:
            return False
        tree = tree[part]
    return True
