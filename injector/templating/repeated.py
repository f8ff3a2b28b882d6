"""Includes whose output is repeated for pods with the same settings.

An include that reads only what is settled, and finds the same objects as in an earlier rendering, gives the
same pieces and values at the same cost. So these are kept. Not here: what a rendering may cost (`budget`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from jinja2.runtime import Context
from jinja2.utils import missing

from injector.templating.budget import Place, RenderBudget
from injector.templating.running import Module, Template

# Outputs of one include that are kept: one for each place in a skeleton, and for each kind of settings.
_MOST: Final = 64
_LONGEST: Final = 16_000
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

# The variables of the template around, whether they are shared, and its own.
_Around = tuple[dict[str, Any], bool, Mapping[str, Any]]


class TemplateData(dict[str, Any]):
    """Variables for templates, of which those in `settled` are the same objects for many pods.

    Nothing changes one of these in place.
    """

    def __init__(self, variables: Mapping[str, Any], settled: Mapping[str, Any] = _NOTHING) -> None:
        super().__init__(variables)
        self.settled = settled


class _Output:
    """What an include gave: its text, the values for its marks, and what it used."""

    __slots__ = ("last", "places", "settled", "steps", "text", "used_output", "values", "work")

    def __init__(self, settled: Mapping[str, Any], run: RenderBudget) -> None:
        # Held, so that its identity is given to no other.
        self.settled = settled
        self.steps, self.work, self.used_output = run.steps, run.work, run.output
        self.values: list[object] = []
        self.places: list[tuple[str, int, str]] = []
        self.last: Place = run.last
        self.text = ""


class Include:
    """A template as those that include or import it see it; `names` gives all that it reads."""

    def __init__(self, template: Template, names: Callable[[], Collection[str]]) -> None:
        self._template = template
        self._names = names
        self._read: tuple[str, ...] | None = None
        self._known: dict[tuple[int, int], _Output] = {}

    @property
    def name(self) -> str:
        """The key of the template."""
        return self._template.name

    def make_module(self, *variables: Any) -> Module:
        """What an import gives."""
        return self._template.make_module(*variables)

    def _get_default_module(self, _context: Context | None = None) -> Module:
        return self._template.make_module()

    def new_context(
        self, vars: dict[str, Any], shared: bool = False, locals: Mapping[str, Any] | None = None
    ) -> _Around:
        """The variables of one run; they are put together where it is no repetition."""
        return vars, shared, locals or _NOTHING

    def root_render_func(self, around: _Around) -> Iterator[str]:
        """The pieces of the output."""
        run: RenderBudget = self._template.environment.run
        settled = run.settled
        if not self._reads_only(settled, around):
            return self._run(around)
        known = self._known.get((id(settled), len(run.values)))
        if known is None:
            return self._noted(run, settled, around)
        return _repeated(run, known) if run.has_room(known.steps, known.work) else self._run(around)

    def _run(self, around: _Around) -> Iterator[str]:
        return self._template.root_render_func(self._template.new_context(*around))

    def _reads_only(self, settled: Mapping[str, Any], around: _Around) -> bool:
        if not settled:
            return False
        if self._read is None:
            self._read = tuple(self._names())
        variables, _, own = around
        for name in self._read:
            value = own.get(name, missing)
            if name not in settled or settled[name] is not (
                variables.get(name, missing) if value is missing else value
            ):
                return False
        return True

    def _noted(self, run: RenderBudget, settled: Mapping[str, Any], around: _Around) -> Iterator[str]:
        """The same, and what it gave is kept."""
        start, made, pieces = len(run.values), _Output(settled, run), []
        for piece in self._run(around):
            pieces.append(piece)
            yield piece
        made.text = "".join(pieces)
        # What it outputs is counted by whoever takes the pieces.
        made.used_output = run.output - made.used_output - len(made.text)
        made.steps, made.work = run.steps - made.steps, run.work - made.work
        made.values, made.places, made.last = run.values[start:], run.places[start:], run.last
        if len(made.text) <= _LONGEST and not made.used_output:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[id(settled), start] = made


def _repeated(run: RenderBudget, known: _Output) -> Iterator[str]:
    run.steps += known.steps
    run.work += known.work
    run.values += known.values
    run.places += known.places
    run.last = known.last
    yield known.text
