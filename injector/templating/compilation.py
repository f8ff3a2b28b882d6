"""From the text of a template to the text of a Python function, and what its syntax tree says.

The only module that loads Jinja's compiler, together with those that it imports. How the syntax tree is
rewritten belongs to `rewriting`. What this gives depends on the text and the variant alone, so that it can
be made ahead (`ahead`).
"""

from __future__ import annotations

from functools import cache
from textwrap import indent
from typing import Any, Final

from jinja2 import TemplateSyntaxError
from jinja2.meta import TrackingCodeGenerator
from jinja2.sandbox import ImmutableSandboxedEnvironment

from injector.classes import dataclass
from injector.errors import TemplateError
from injector.patterns import pattern
from injector.printable import shown
from injector.templating.filters import FILTERS
from injector.templating.operations import MARK, MARK_END, OPERATIONS
from injector.templating.paths import Path
from injector.templating.predicates import TESTS
from injector.templating.reads import paths_in
from injector.templating.rewriting import rewrite
from injector.templating.unit import Compiled, Mentions, TemplateSource, key_of

_GO: Final = pattern(
    r"\{\{-?\s*(?:/\*|[.$]|(?:if|range|with|define|template|block|include|toYaml|toJSON|printf)\s|else\s+if\s)"
    r"|\{\{[^}]{0,200}[\s(]\.[A-Za-z]"
)
_GO_WORD: Final = pattern(r"\{\{-?\s*(?:end|else)\s*-?\}\}")
GO_MESSAGE: Final = "looks like a Go template; this injector uses Jinja"
GO_HINT: Final = "write {{ Values.x }}, {% if x %} ... {% endif %}; see docs/how-to/write-a-profile.md"
FUNCTION: Final = "template"


class Compiling(ImmutableSandboxedEnvironment):
    """Jinja's environment for parsing and compiling; what runs the code is `sandbox.Sandbox`."""

    # Intercepted operators are not folded at compile time either.
    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)

    def __init__(self) -> None:
        # Nothing is folded when a template is compiled (`optimized`): a filter on constants is
        # charged as every other one.
        super().__init__(
            optimized=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, cache_size=0
        )
        self.filters = {**FILTERS, **OPERATIONS}
        self.tests = dict(TESTS)
        self.globals = {}


@cache
def compiling() -> Compiling:
    """The environment, made once."""
    return Compiling()


@dataclass(frozen=True, slots=True)
class PythonText:
    """The text of a Python function `template(environment)`, and what the syntax tree said."""

    python: str
    mentions: Mentions
    free: frozenset[str]
    reads: frozenset[Path]


def text_of(variant: str, source: TemplateSource) -> PythonText:
    """The text of a variant. TemplateError if the source does not compile."""
    _no_marks(source)
    env = compiling()
    try:
        tree = env.parse(source.text)
        reads = paths_in(tree)
        mentions = rewrite(tree, variant, source.where)
        tree.set_environment(env)
        tracker = TrackingCodeGenerator(env)
        tracker.optimizer = None  # nothing of the template is evaluated here
        tracker.visit(tree)
        python = env.compile(tree, key_of(variant, source.name), raw=True)
    except TemplateSyntaxError as exc:
        raise _syntax_error(source, exc.lineno, exc.message or "is not a template") from exc
    except (RecursionError, MemoryError) as exc:
        raise _too_deep(source) from exc
    except ValueError as exc:  # an integer of more digits than Python reads
        raise TemplateError("invalid number in the template", where=source.where(1)) from exc
    body = f"def {FUNCTION}(environment):\n{indent(python, ' ')}\n return locals()\n"
    return PythonText(body, mentions, frozenset(tracker.undeclared_identifiers), reads)


def compiled(variant: str, source: TemplateSource) -> Compiled:
    """A variant, compiled now. TemplateError if the source does not compile."""
    text = text_of(variant, source)
    space: dict[str, Any] = {}
    try:
        exec(compile(text.python, f"<{source.origin}>", "exec"), space)
    except (RecursionError, MemoryError, SyntaxError) as exc:
        raise _too_deep(source) from exc
    return Compiled(space[FUNCTION].__code__, text.mentions, text.free, text.reads)


def go_line(source: TemplateSource) -> int:
    """The first line that looks like a Go template, or 0."""
    starts = [match.start() for match in (_GO.search(source.text), _GO_WORD.search(source.text)) if match]
    return source.text.count("\n", 0, min(starts)) + 1 if starts else 0


def _no_marks(source: TemplateSource) -> None:
    for number, line in enumerate(source.text.split("\n"), 1):
        if MARK in line or MARK_END in line:
            raise TemplateError(
                "the characters U+E000 and U+E001 are reserved",
                where=source.where(number),
                hint="write them as an escape in a string: {{ '\\ue000' }}",
            )


def _too_deep(source: TemplateSource) -> TemplateError:
    return TemplateError(
        "the template is nested too deeply", where=source.where(1), hint="split it, or use {% include %}"
    )


def _syntax_error(source: TemplateSource, line: int, message: str) -> TemplateError:
    text = source.line(line)
    if _GO.search(text) or _GO_WORD.search(text):
        return TemplateError(GO_MESSAGE, where=source.where(go_line(source)), hint=GO_HINT)
    message = shown(message, 200).rstrip(".")
    return TemplateError(f"{message}: {text}" if text else message, where=source.where(line))
