"""A Python module of templates that are compiled ahead: its text, and what it gives when it is imported.

A module serves a template only where it was made by the same code and of the same text. Not here: where
modules come from and which belong to this program (`config.shipped`), and the code itself (`compilation`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, Final

from injector.sha256 import hexdigest
from injector.templating.unit import Compiled, CompiledAhead, Mentions, TemplateSource, key_of

_MAKER: Final = "MAKER"
_TEMPLATES: Final = "TEMPLATES"
_HEAD: Final = '"""Templates as Python. Made by hack/ahead.py: changes are lost."""\n\n'


def found_in(module: ModuleType, maker: str) -> CompiledAhead:
    """What finds the templates of a module; none where another `maker` has made it."""
    made: Mapping[tuple[str, str], Any] = (
        getattr(module, _TEMPLATES) if getattr(module, _MAKER) == maker else {}
    )

    def find(variant: str, source: TemplateSource) -> Compiled | None:
        entry = made.get((key_of(variant, source.name), hexdigest(source.text.encode())))
        if entry is None:
            return None
        function, said = entry
        references, included, wanted, paths, assigned, free, reads = said()
        mentions = Mentions(
            list(references),
            set(included),
            list(wanted),
            {name: list(places) for name, places in paths},
            set(assigned),
        )
        return Compiled(function.__code__, mentions, frozenset(free), frozenset(reads))

    return find


def text(sets: Iterable[Mapping[str, TemplateSource]], maker: str) -> str:
    """The module of sets of templates, with the variants in which they are used."""
    parts, table = [_HEAD + f"{_MAKER} = {maker!r}\n"], []
    for number, (key, source, body, said) in enumerate(unit for each in sets for unit in _units(each)):
        parts.append(body.replace("def template(", f"def template_{number}(", 1))
        parts.append(f"def said_{number}():\n return {said!r}\n")
        table.append(f" {(key, hexdigest(source.text.encode()))!r}: (template_{number}, said_{number}),\n")
    return "\n\n".join([*parts, f"{_TEMPLATES} = {{\n{''.join(table)}}}\n"])


def _units(sources: Mapping[str, TemplateSource]) -> Iterator[tuple[str, TemplateSource, str, object]]:
    """Key, source, text and mentions of each variant that a pod can lead to."""
    # Needed where a module is made, not where it is used.
    from injector.templating.compilation import text_of

    left = [key_of("mark", name) for name in sorted(sources, reverse=True)]
    seen: set[str] = set()
    while left:
        key = left.pop()
        variant, name = key.split(" ", 1)
        if key in seen or name not in sources:
            continue
        seen.add(key)
        unit = text_of(variant, sources[name])
        left += [other for other, _ in unit.mentions.references]
        yield key, sources[name], unit.python, _said(unit.mentions, unit.free, unit.reads)


def _said(mentions: Mentions, free: Collection[str], reads: Collection[tuple[str, ...]]) -> object:
    return (
        tuple(mentions.references),
        tuple(sorted(mentions.included)),
        tuple(mentions.wanted),
        tuple((name, tuple(places)) for name, places in mentions.paths.items()),
        tuple(sorted(mentions.assigned)),
        tuple(sorted(free)),
        tuple(sorted(reads)),
    )
