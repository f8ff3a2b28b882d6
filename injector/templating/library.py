"""A closed set of templates that refer to each other, and the errors of loading them.

References between templates, and the variables that they may read. How a text becomes code belongs to
`compilation`, what a template may do to `sandbox`, what its output becomes to `render`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Final, NoReturn

from injector.classes import dataclass
from injector.errors import TemplateError
from injector.printable import shown
from injector.templating.budget import RenderLimits
from injector.templating.filters import FILTERS
from injector.templating.functions import FUNCTIONS
from injector.templating.operations import OPERATIONS
from injector.templating.paths import Path
from injector.templating.predicates import TESTS
from injector.templating.repeated import Include
from injector.templating.running import Template
from injector.templating.sandbox import Sandbox
from injector.templating.unit import CompiledAhead, Mentions, TemplateSource, key_of, nearest

if TYPE_CHECKING:
    from injector.templating.outline import Outline

# Go's `{{ if .X }}` is Jinja's attribute X of a variable `if`: a free variable of these names gives it away.
_GO_NAMES: Final = frozenset({"if", "else", "end", "with", "define"})
# The keys of the variant that overlays are rendered with.
_MARK: Final = key_of("mark", "")


@dataclass(frozen=True, slots=True)
class Unit:
    """A compiled variant of one source, and what its syntax tree said about it."""

    source: TemplateSource
    template: Template
    mentions: Mentions
    free: frozenset[str]
    """Names that it reads and does not assign."""
    reads: frozenset[Path]
    """What it can read of its variables."""


class Library:
    """A closed set of templates that include and import each other, compiled when first asked for.

    `names`, if given, are the variables that a template may read; others are a TemplateError.
    """

    def __init__(
        self,
        sources: Mapping[str, TemplateSource],
        functions: Mapping[str, Callable[..., object]],
        limits: RenderLimits,
        names: Collection[str] | None,
        ahead: CompiledAhead,
    ) -> None:
        self.sources = dict(sources)
        self.names = names
        self._ahead = ahead
        self.env = Sandbox(
            limits,
            self._template_of,
            filters={**FILTERS, **OPERATIONS},
            tests=TESTS,
            builtins=FUNCTIONS,
            functions=functions,
        )
        self._units: dict[str, Unit] = {}
        self._includes: dict[str, Include] = {}
        self._closed: set[str] = set()
        self._checked: set[str] = set()
        self._free: dict[str, frozenset[str]] = {}

    def unit(self, key: str) -> Unit:
        """The compiled unit of a key. TemplateError if its source is missing or does not compile."""
        unit = self._units.get(key)
        if unit is None:
            variant, name = key.split(" ", 1)
            unit = self._units[key] = self._made(variant, self.source(name))
        return unit

    def _template_of(self, key: str) -> Template | Include:
        """The template of an include or import."""
        include = self._includes.get(key)
        if include is None:
            template = self.unit(key).template
            if not key.startswith(_MARK):
                return template
            include = self._includes[key] = Include(template, lambda: self.free(key))
        return include

    def source(self, name: str, where: str = "") -> TemplateSource:
        """A source by name. TemplateError, which names what there is, if there is none."""
        if name in self.sources:
            return self.sources[name]
        raise TemplateError(
            f"template {shown(name)!r} not found",
            where=where,
            hint="have " + (", ".join(sorted(self.sources)) or "none"),
        )

    def check(self, key: str) -> Unit:
        """Compile a unit with all that it refers to. TemplateError also for cycles and unknown variables."""
        if key not in self._checked:
            self._close(key, ())
            self._known_names(key)
            self._checked.add(key)
        return self.unit(key)

    def free(self, key: str) -> frozenset[str]:
        """Variables that a unit and what it includes read and do not assign."""
        if key not in self._free:
            unit = self.unit(key)
            inner = frozenset[str]().union(*map(self.free, unit.mentions.included))
            self._free[key] = (unit.free | (inner - unit.mentions.assigned)) - self.env.globals.keys()
        return self._free[key]

    def used(self, key: str) -> Iterator[Unit]:
        """A unit and those that it refers to, as often as it does."""
        yield self.check(key)
        for other, _ in self.unit(key).mentions.references:
            yield from self.used(other)

    def outline(self, lists: Collection[str]) -> Outline:
        """What the templates that a pod may ask for can write. TemplateError where one does not load."""
        # What the templates of nearly all pods can write is never asked for.
        from injector.templating.branches import flattened
        from injector.templating.compilation import compiling
        from injector.templating.outline import Outline

        def taken(name: str) -> str:
            return flattened(compiling(), self.source(name).text, taken)

        outline = Outline()
        for name in self.sources:
            if not name.startswith("_"):
                self.check(key_of("mark", name))
                outline.add(taken(name), lists)
        return outline

    def _close(self, key: str, path: tuple[str, ...]) -> None:
        unit = self.unit(key)
        for other, line in unit.mentions.references:
            name = other.split(" ", 1)[1]
            chain = [*(each.split(" ", 1)[1] for each in (*path, key)), name]
            if name in chain[:-1]:
                raise TemplateError(
                    "templates include each other: " + " -> ".join(chain), where=unit.source.where(line)
                )
            self.source(name, unit.source.where(line))
            if other not in self._closed:
                self._close(other, (*path, key))
        for other, name, line in unit.mentions.wanted:
            if name not in self.unit(other).mentions.assigned:
                template = other.split(" ", 1)[1]
                raise TemplateError(
                    f"template {template!r} has no macro or variable {name!r}",
                    where=unit.source.where(line),
                    hint=nearest(name, self.unit(other).mentions.assigned),
                )
        self._closed.add(key)

    def _known_names(self, key: str) -> None:
        source = self.unit(key).source
        free = self.free(key)
        if _GO_NAMES & free - set(self.names or ()):
            _no_go(source)
        if self.names is not None and (unknown := sorted(free - set(self.names))):
            self._unknown(key, unknown[0], self.names)

    def _unknown(self, key: str, name: str, known: Collection[str]) -> NoReturn:
        units = [self.unit(key)]
        for unit in units:
            units += [self.unit(other) for other in sorted(unit.mentions.included)]
        where = next(
            (u.source.where(u.mentions.paths[name][0][0]) for u in units if name in u.mentions.paths),
            units[0].source.origin,
        )
        raise TemplateError(
            f"unknown variable {name!r}", where=where, hint=nearest(name, {*known, *self.env.globals})
        )

    def _made(self, variant: str, source: TemplateSource) -> Unit:
        made = self._ahead(variant, source)
        if made is None:
            # Loaded only for templates that are not compiled ahead.
            from injector.templating.compilation import compiled

            made = compiled(variant, source)
        return Unit(source, Template(self.env, made.code), made.mentions, made.free, made.reads)


def _no_go(source: TemplateSource) -> None:
    from injector.templating.compilation import GO_HINT, GO_MESSAGE, go_line

    if line := go_line(source):
        raise TemplateError(GO_MESSAGE, where=source.where(line), hint=GO_HINT)
