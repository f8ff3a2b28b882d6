"""Templates from text to compiled code: a closed set of sources, and the errors of loading.

Parsing, references between templates, the variables that they may read, and the errors of a template
that has a mistake or is none of Jinja's. How the syntax tree is rewritten before it is compiled belongs
to `rewriting`, what a template may do to `sandbox`, what its output becomes to `render`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, NoReturn

from jinja2 import Template, TemplateSyntaxError
from jinja2.environment import TemplateModule
from jinja2.meta import TrackingCodeGenerator
from jinja2.runtime import Context

from injector.classes import dataclass
from injector.errors import TemplateError
from injector.printable import shown
from injector.templating.budget import RenderLimits
from injector.templating.filters import FILTERS
from injector.templating.functions import FUNCTIONS
from injector.templating.operations import MARK, MARK_END, OPERATIONS
from injector.templating.outline import Outline, flattened
from injector.templating.predicates import TESTS
from injector.templating.reads import Path, paths_in
from injector.templating.rewriting import Mentions, key_of, nearest, rewrite
from injector.templating.sandbox import Sandbox

_GO: Final = re.compile(
    r"\{\{-?\s*(?:/\*|[.$]|(?:if|range|with|define|template|block|include|toYaml|toJSON|printf)\s|else\s+if\s)"
    r"|\{\{[^}]{0,200}[\s(]\.[A-Za-z]"
)
_GO_WORD: Final = re.compile(r"\{\{-?\s*(?:end|else)\s*-?\}\}")
# Go's `{{ if .X }}` is Jinja's attribute X of a variable `if`: a free variable of these names gives it away.
_GO_NAMES: Final = frozenset({"if", "else", "end", "with", "define"})
_GO_MESSAGE: Final = "looks like a Go template; this injector uses Jinja"
_GO_HINT: Final = "write {{ Values.x }}, {% if x %} ... {% endif %}; see docs/how-to/write-a-profile.md"


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """One template: `origin` is what messages call its file, `first_line` the line there of its first one."""

    name: str
    text: str
    origin: str
    first_line: int = 1

    def where(self, line: int) -> str:
        """Place of one line, with the template's name where the origin does not contain it."""
        place = f"{self.origin}:{self.first_line + line - 1}"
        return place if self.name in self.origin.rpartition("/")[2] else f"{place} (template {self.name})"

    def line(self, line: int) -> str:
        """One line of the text, for a message; empty if there is none."""
        lines = self.text.splitlines()
        return shown(lines[line - 1].strip(), 120) if 0 < line <= len(lines) else ""


class UncachedTemplate(Template):
    """A compiled template whose module is made anew for each import.

    Jinja keeps the module of an import: a namespace in it would live on into the next pod.
    """

    def _get_default_module(self, _ctx: Context | None = None) -> TemplateModule:
        return self.make_module()


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
    ) -> None:
        self.sources = dict(sources)
        self.names = names
        self.env = Sandbox(
            limits,
            lambda key: self.unit(key).template,
            filters={**FILTERS, **OPERATIONS},
            tests=TESTS,
            builtins=FUNCTIONS,
            functions=functions,
        )
        self._units: dict[str, Unit] = {}
        self._closed: set[str] = set()
        self._checked: set[str] = set()
        self._free: dict[str, frozenset[str]] = {}

    def unit(self, key: str) -> Unit:
        """The compiled unit of a key. TemplateError if its source is missing or does not compile."""
        unit = self._units.get(key)
        if unit is None:
            variant, name = key.split(" ", 1)
            unit = self._units[key] = self._compile(variant, self.source(name))
        return unit

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
        outline = Outline()
        for name in self.sources:
            if not name.startswith("_"):
                self.check(key_of("mark", name))
                outline.add(self._flattened(name), lists)
        return outline

    def _flattened(self, name: str) -> str:
        return flattened(self.env, self.source(name).text, self._flattened)

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
        if _GO_NAMES & free - set(self.names or ()) and (line := _go_line(source)):
            raise TemplateError(_GO_MESSAGE, where=source.where(line), hint=_GO_HINT)
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

    def _compile(self, variant: str, source: TemplateSource) -> Unit:
        key = key_of(variant, source.name)
        _no_marks(source)
        try:
            tree = self.env.parse(source.text)
            reads = paths_in(tree)
            mentions = rewrite(tree, variant, source.where)
            tree.set_environment(self.env)
            tracker = TrackingCodeGenerator(self.env)
            tracker.optimizer = None  # nothing of the template is evaluated here
            tracker.visit(tree)
            code = self.env.compile(tree, key, f"<{source.origin}>")
        except TemplateSyntaxError as exc:
            raise _syntax_error(source, exc.lineno, exc.message or "is not a template") from exc
        except (RecursionError, MemoryError, SyntaxError) as exc:
            raise TemplateError(
                "the template is nested too deeply",
                where=source.where(1),
                hint="split it, or use {% include %}",
            ) from exc
        except ValueError as exc:  # an integer of more digits than Python reads
            raise TemplateError("invalid number in the template", where=source.where(1)) from exc
        template = UncachedTemplate.from_code(self.env, code, self.env.globals)
        return Unit(source, template, mentions, frozenset(tracker.undeclared_identifiers), reads)


def _no_marks(source: TemplateSource) -> None:
    for number, line in enumerate(source.text.split("\n"), 1):
        if MARK in line or MARK_END in line:
            raise TemplateError(
                "the characters U+E000 and U+E001 are reserved",
                where=source.where(number),
                hint="write them as an escape in a string: {{ '\\ue000' }}",
            )


def _go_line(source: TemplateSource) -> int:
    """The first line that looks like a Go template, or 0."""
    starts = [match.start() for match in (_GO.search(source.text), _GO_WORD.search(source.text)) if match]
    return source.text.count("\n", 0, min(starts)) + 1 if starts else 0


def _syntax_error(source: TemplateSource, line: int, message: str) -> TemplateError:
    text = source.line(line)
    if _GO.search(text) or _GO_WORD.search(text):
        return TemplateError(_GO_MESSAGE, where=source.where(_go_line(source)), hint=_GO_HINT)
    message = shown(message, 200).rstrip(".")
    return TemplateError(f"{message}: {text}" if text else message, where=source.where(line))
