"""The setting `kinds`: workload kinds of the user's own. Not here: the kinds that are known anyway (core)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from injector.classes import dataclass
from injector.config.fields import TEXT, Reading, Shape, checked, listed, read, schema_of, setting
from injector.core import kinds
from injector.core.kinds import Kind, KindTable
from injector.patterns import pattern
from injector.pointer import join
from injector.printable import shown

_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_VERSION = pattern(rf"{_LABEL}(\.{_LABEL})*/v[a-z0-9]{{1,62}}")
_KIND = pattern(r"[A-Z][A-Za-z0-9]{0,62}")
_PLURAL = pattern(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
# A * stands alone between slashes, and a ~ is part of ~0 or ~1.
_POINTER = pattern(r"(/(\*|([^/*~]|~[01])+))*")

POINTERS: Final[Shape[tuple[str, ...]]] = listed(
    checked(
        TEXT, lambda text: bool(_POINTER.fullmatch(text)), "a JSON pointer such as /spec/roles/*/template"
    ),
    "JSON pointers",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSettings:
    """One kind of objects that have pod templates."""

    api_version: str = setting(
        "",
        checked(TEXT, lambda text: bool(_VERSION.fullmatch(text)), "GROUP/VERSION"),
        "Group and version of the kind; manifests of all versions of the group are read.",
    )
    kind: str = setting(
        "", checked(TEXT, lambda text: bool(_KIND.fullmatch(text)), 'a kind such as "Fleet"'), "The kind."
    )
    plural: str = setting(
        "",
        checked(TEXT, lambda text: bool(_PLURAL.fullmatch(text)), 'a resource such as "fleets"'),
        "Its resource, for `explain` and `audit`; empty: derived from the kind.",
    )
    templates: tuple[str, ...] = setting(
        ("/spec/template",),
        POINTERS,
        "JSON pointers of the pod templates; * is each element of a list or map. Of several, the first "
        "must be there.",
    )


def _kind(raw: Any, at: str, reading: Reading) -> KindSettings:
    own = read(KindSettings, raw, at, reading)
    if isinstance(raw, dict):
        for key in ("apiVersion", "kind"):
            if raw.get(key) is None:
                raise ValueError(f"{key} is missing; apiVersion, kind and templates are expected")
        if raw.get("templates") == []:
            raise ValueError("templates is empty; at least one JSON pointer is expected")
    return own


_KIND_SHAPE: Final[Shape[KindSettings]] = Shape(
    "a map with apiVersion, kind and templates",
    _kind,
    schema={**schema_of(KindSettings), "required": ["apiVersion", "kind"]},
)
_LIST: Final = listed(_KIND_SHAPE, "maps with apiVersion, kind and templates")


def _distinct(raw: Any, at: str, reading: Reading) -> tuple[KindSettings, ...]:
    """The kinds; each is one that is not known otherwise, and named once."""
    out = _LIST.take(raw, at, reading)
    taken: set[tuple[object, str]] = set()
    # Of the raw list: one that cannot be read is missing in the other.
    for number, each in enumerate(raw):
        kind, version = (each.get("kind"), each.get("apiVersion")) if isinstance(each, dict) else (None, None)
        if not isinstance(kind, str) or not isinstance(version, str):
            continue
        group, known = kinds.group_of(version), kinds.TABLE.row(kind, version)
        if known and known.templates:
            reading.add(join(at, number), f"{kind} of {group} is known without it; see injector kinds")
        elif (kind, group) in taken:
            reading.add(join(at, number), f"{shown(kind)} of {shown(group)} is listed twice")
        taken.add((kind, group))
    return out


KIND_LIST: Final[Shape[tuple[KindSettings, ...]]] = Shape(_LIST.expected, _distinct, schema=_LIST.schema)


def table_of(settings: Sequence[KindSettings]) -> KindTable:
    """The table of kinds with those of a configuration."""
    return kinds.TABLE.with_more(map(_row, settings))


def _row(own: KindSettings) -> Kind:
    group = frozenset({kinds.group_of(own.api_version)})
    plural = own.plural or plural_of(own.kind)
    names = (own.kind.lower(),)
    return Kind(own.kind, own.api_version, group, plural, names, own.templates, upstream=False)


def plural_of(kind: str) -> str:
    """The resource that a kind most probably has."""
    word = kind.lower()
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith("s") else f"{word}s"
