"""Rendering: a template and its variables become an overlay, a partial pod template.

Values never pass through YAML text. A template renders to a *skeleton*: YAML with a mark where a
value goes. The skeleton is parsed (`skeletons`) and filled with the values. All pods that take the
same branches of a template share one parsed skeleton, which is cached by its text.

What a template may do belongs to `sandbox`, how it is compiled to `library`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jinja2.exceptions import TemplateError as JinjaError

from injector import yamltext
from injector.errors import InjectorError, ManifestError, RenderError, TemplateError, WorkError
from injector.parts import Parts
from injector.patterns import pattern
from injector.printable import shown
from injector.templating.budget import Exhausted, Place, Refused, RenderBudget, RenderLimits
from injector.templating.library import Library
from injector.templating.paths import Path
from injector.templating.repeated import TemplateData
from injector.templating.sandbox import Unknown
from injector.templating.skeletons import SPLIT, Skeleton
from injector.templating.unit import CompiledAhead, TemplateSource, key_of, none_ahead
from injector.templating.values import kind
from injector.work import TooExpensive, Work

if TYPE_CHECKING:
    from injector.templating.outline import Outline

__all__ = ["RenderLimits", "TemplateSource", "Templates"]

_LINE: Final = pattern(r"\bline ([0-9]+)")
_PARSING: Final = 8
"""What a character of YAML costs more than one of text."""
_TREE_FACTOR: Final = 16
"""Bytes of a parsed skeleton for each character of its text: an estimate for bounding the cache."""


class Templates:
    """A set of templates that render overlays, and that include and import only each other.

    `functions` are global functions beside those of the language; `names`, if given, are the only
    variables that templates may read. A template that `ahead` does not find is compiled when it
    is first used. Not for use by two threads at once.
    """

    def __init__(
        self,
        sources: Mapping[str, TemplateSource],
        functions: Mapping[str, Callable[..., object]] = MappingProxyType({}),
        limits: RenderLimits = RenderLimits(),  # noqa: B008 (frozen)
        names: Collection[str] | None = None,
        ahead: CompiledAhead = none_ahead,
    ) -> None:
        self._made_of = (sources, functions, limits, names, ahead)
        self._library = Library(sources, functions, limits, names, ahead)
        self._limits = limits
        self._skeletons: OrderedDict[str, Skeleton] = OrderedDict()
        self.parts = Parts()
        """Parts of overlays that are met again, for what works on many of these."""
        self._size = 0
        self._outline: Outline | None = None

    def __contains__(self, name: object) -> bool:
        """Whether a pod may ask for a template of that name; parts (`_name`) are for include only."""
        return isinstance(name, str) and not name.startswith("_") and name in self._library.sources

    def __iter__(self) -> Iterator[str]:
        """The names that a pod may ask for."""
        return (name for name in self._library.sources if name in self)

    def isolated_copy(self) -> Templates:
        """The same templates for another thread; nothing that changes is shared."""
        return Templates(*self._made_of)

    def compile(self, name: str) -> None:
        """Compile a template and all that it includes or imports. TemplateError if one does not load."""
        self._library.source(name)
        self._library.check(key_of("mark", name))

    def compile_all(self) -> None:
        """Compile every template."""
        for name in self._library.sources:
            self.compile(name)

    def variables(self, name: str) -> frozenset[str]:
        """The top-level names that a template, or one that it includes, reads from its context."""
        self.compile(name)
        return self._library.free(key_of("mark", name))

    @property
    def sources(self) -> Mapping[str, TemplateSource]:
        """The texts of all templates by name, those that only others include among them."""
        return self._library.sources

    def used(self, name: str) -> Mapping[str, str]:
        """The texts of a template and of all that it includes or imports, by name."""
        sources = (unit.source for unit in self._library.used(key_of("mark", name)))
        return dict(sorted((source.name, source.text) for source in sources))

    def reads(self, name: str) -> frozenset[Path]:
        """The paths that these can read, whichever branches they take."""
        return frozenset().union(*(unit.reads for unit in self._library.used(key_of("mark", name))))

    def outline(self, lists: Collection[str]) -> Outline:
        """What these templates can write: names in `lists` of a pod's spec, and fields of the spec."""
        if self._outline is None:
            self._outline = self._library.outline(lists)
        return self._outline

    def render(
        self, name: str, context: Mapping[str, object], pod: str, work: Work | None = None
    ) -> dict[str, Any]:
        """Render a template for `pod` (its name, for messages) to an overlay, on the account of `work`.

        `context` holds JSON-shaped values. Parts of the overlay are shared between renderings:
        it must not be changed in place. RenderError says where the template failed, WorkError where
        it asked for too much; errors about the manifest itself (ManifestError) that a profile's
        function raises pass through.
        """
        self.compile(name)
        env = self._library.env
        settled = context.settled if isinstance(context, TemplateData) else {}
        run = RenderBudget(self._limits, None if work is None else work.left, settled)
        outer, env.run = env.run, run
        try:
            overlay = self._fill(name, context)
            if work is not None:
                work.charge(run.units)
        except (TemplateError, ManifestError, RenderError, TooExpensive):
            raise
        except Exception as exc:
            raise self._failure(exc, name, pod) from exc
        finally:
            env.run = outer
        if not isinstance(overlay, dict):
            raise RenderError(
                f"renders {kind(overlay)} for pod {shown(pod)}, a map (partial pod template) is expected",
                where=self._library.source(name).where(1),
            )
        return overlay

    def _fill(self, name: str, context: Mapping[str, object]) -> Any:
        run = self._library.env.run
        # Parsing costs so much more than text; a skeleton that is cached counts the same.
        skeleton = run.joined(self._running(key_of("mark", name), context))
        if len(skeleton) > self._limits.skeleton:
            raise Exhausted(f"the template renders more than {self._limits.skeleton} characters of YAML")
        run.charge(len(skeleton) * _PARSING)
        if skeleton in self._skeletons:
            self._skeletons.move_to_end(skeleton)
            parsed = self._skeletons[skeleton]
        else:
            parsed = self._parse(skeleton, name, context)
        tree = parsed.fill(run, self.parts)
        return {} if tree is None else tree

    def _running(self, key: str, context: Mapping[str, object]) -> Iterator[str]:
        """The pieces that a compiled template outputs, one at a time."""
        env, template = self._library.env, self._library.check(key).template
        variables = {**env.globals, **context}
        return template.root_render_func(template.new_context(variables, shared=True))

    def _parse(self, skeleton: str, name: str, context: Mapping[str, object]) -> Skeleton:
        try:
            parsed = Skeleton(skeleton, name)
        except yamltext.YamlError as exc:
            raise self._no_yaml(exc, name, context) from exc
        size = len(skeleton) * _TREE_FACTOR
        if size <= self._limits.skeletons:
            self._skeletons[skeleton] = parsed
            self._size += size
            parsed.keep(self.parts)
        while self._size > self._limits.skeletons:
            text, oldest = self._skeletons.popitem(last=False)
            self._size -= len(text) * _TREE_FACTOR
            oldest.forget(self.parts)
        return parsed

    def _no_yaml(self, error: yamltext.YamlError, name: str, context: Mapping[str, object]) -> Refused:
        """Render once more, as `trace`: which line of the skeleton came from which of the template?"""
        env, key = self._library.env, key_of("trace", name)
        outer, env.run = env.run, RenderBudget(self._limits)
        try:
            pieces = [(piece, env.run.last) for piece in self._running(key, context)]
            labels = [label for _, _, label in env.run.places]
        finally:
            env.run = outer
        message = _LINE.sub(
            lambda match: f"line {self._where(_origin(pieces, int(match[1])))}",
            _unmarked(error.message, labels),
        )
        return Refused(f"renders invalid YAML: {message}", error.hint, _origin(pieces, error.line))

    def _failure(self, exc: Exception, name: str, pod: str) -> RenderError:
        place = (exc.place if isinstance(exc, Refused) else None) or _template_line(exc)
        key, line = place or (key_of("mark", name), 1)
        message, hint = _message_of(exc)
        if isinstance(exc, Unknown) and (path := self._path(key, line, exc.name)):
            message = f"{path!r} is not defined"
        error = WorkError if isinstance(exc, Exhausted) else RenderError
        made = error(f"{message} (pod {shown(pod)})", where=self._where((key, line)), hint=hint)
        made.general = message
        return made

    def _where(self, place: Place) -> str:
        return self._library.unit(place[0]).source.where(place[1])

    def _path(self, key: str, line: int, last: str) -> str:
        """The dotted name that ends in `last`, at a line if there are several."""
        places = self._library.unit(key).mentions.paths.get(last, [])
        here = {path for at, path in places if at == line} or {path for _, path in places}
        return here.pop() if len(here) == 1 else ""


def _template_line(exc: BaseException) -> Place | None:
    """The innermost line of a template that an exception went through."""
    place, trace = None, exc.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            place = (template.name, template.get_corresponding_lineno(trace.tb_lineno))
        trace = trace.tb_next
    return place


def _message_of(exc: Exception) -> tuple[str, str]:
    """What to say of an exception, and a hint. Text of Python's own may quote a value: left out."""
    if isinstance(exc, Refused | InjectorError):
        return exc.message, exc.hint
    if isinstance(exc, RecursionError):
        return "the template is nested too deeply", "check for a macro that calls itself"
    if isinstance(exc, TypeError | ZeroDivisionError | JinjaError):
        return shown(str(exc), 200), ""
    return f"the template fails ({type(exc).__name__})", ""


def _unmarked(message: str, labels: list[str]) -> str:
    return SPLIT.sub(lambda match: "{{ " + (labels[int(match[1])] or "...") + " }}", message)


def _origin(pieces: list[tuple[str, Place]], line: int) -> Place:
    """The place in a template that a line of a skeleton came from."""
    at, place = 1, pieces[0][1]
    for piece, (template, start) in pieces:
        breaks = piece.count("\n")
        place = (template, start + min(line - at, breaks))
        # The line begins in this piece, unless it begins right behind its last character.
        if at + breaks > line or (at + breaks == line and not piece.endswith("\n")):
            break
        at += breaks
    return place
