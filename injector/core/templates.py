"""Templates from text to compiled code: parsing, what is refused, and how output becomes marks.

Jinja's own hook for output, `finalize`, sees neither where a value goes nor whether the output
is buffered. So the syntax tree is rewritten before it is compiled. Each template has variants:

mark    expressions that are output leave a mark (`MARK` index `MARK_END`) in the *skeleton*,
        and their values in `Run.values`
text    the same where the output is text that something else uses: macros and set, filter and
        call blocks, and whatever they include; each piece of output is text, and is counted
trace   `mark` that also records which line each piece of the skeleton came from: used only to
        find the line of an error

Outside of text, call and filter blocks become a set block and one expression, so that what they
give is one value. Operations with a cost that Jinja does not let be intercepted (comparison,
concatenation, slices, loops) become filters of `sandbox`.

What the operations do belongs to `sandbox`, what the marks become to `render`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, NoReturn

from jinja2 import Template, TemplateSyntaxError, nodes, pass_context
from jinja2.environment import TemplateModule
from jinja2.meta import TrackingCodeGenerator
from jinja2.runtime import Context, Undefined
from jinja2.visitor import NodeTransformer

from injector.core.sandbox import FILTERS, TESTS, Limits, Sandbox, cut
from injector.errors import TemplateError

MARK: Final = "\ue000"
MARK_END: Final = "\ue001"
_MARKS: Final = tuple(f"{MARK}{index}{MARK_END}" for index in range(512))

_RESERVED: Final = frozenset({"self", "super", "varargs", "kwargs"})
_GO: Final = re.compile(
    r"\{\{-?\s*(?:/\*|[.$]|(?:if|range|with|define|template|block|include|toYaml|toJSON|printf)\s|else\s+if\s)"
    r"|\{\{[^}]{0,200}[\s(]\.[A-Za-z]"
)
_GO_WORD: Final = re.compile(r"\{\{-?\s*(?:end|else)\s*-?\}\}")
# Go's `{{ if .X }}` is Jinja's attribute X of a variable `if`: a free variable of these names gives it away.
_GO_NAMES: Final = frozenset({"if", "else", "end", "with", "define"})
_GO_MESSAGE: Final = "looks like a Go template; this injector takes Jinja"
_GO_HINT: Final = "write {{ Values.x }}, {% if x %} ... {% endif %}; see docs/templates.md"


@dataclass(frozen=True, slots=True)
class Source:
    """One template: `origin` is what messages call its file, `first_line` the line there of its first one."""

    name: str
    text: str
    origin: str
    first_line: int = 1

    def where(self, line: int) -> str:
        return f"{self.origin}:{self.first_line + line - 1}"

    def line(self, line: int) -> str:
        """One line of the text, for a message; empty if there is none."""
        lines = self.text.splitlines()
        return cut(lines[line - 1].strip(), 120) if 0 < line <= len(lines) else ""


class Fresh(Template):
    """A compiled template whose module is made anew for each import.

    Jinja keeps the module of an import: a namespace in it would live on into the next pod.
    """

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        return self.make_module()


@dataclass(slots=True)
class Unit:
    """A compiled variant of one source, and what its syntax tree said about it."""

    source: Source
    template: Template
    references: list[tuple[str, int]] = field(default_factory=list)
    """Keys of the units that it includes or imports, with the line."""
    included: set[str] = field(default_factory=set)
    paths: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Last part of a dotted name -> (line, the whole of it)."""
    wanted: list[tuple[str, str, int]] = field(default_factory=list)
    """Key, name and line of what it imports by name."""
    free: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()


def key_of(variant: str, name: str) -> str:
    """The key of a variant, which is also the name of its compiled template."""
    return f"{variant} {name}"


class Library:
    """A closed set of templates that include and import each other, compiled when first asked for.

    `names`, if given, are the variables that a template may read; others are a TemplateError.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        functions: Mapping[str, Callable[..., object]],
        limits: Limits,
        names: Collection[str] | None,
    ) -> None:
        self.sources = dict(sources)
        self.names = names
        self.env = Sandbox(functions, limits, lambda key: self.unit(key).template)
        self.env.filters |= {"the mark": _mark, "the trace": _trace}
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

    def source(self, name: str, where: str = "") -> Source:
        """A source by name. TemplateError, which names what there is, if there is none."""
        if name in self.sources:
            return self.sources[name]
        raise TemplateError(
            f"template {cut(name)!r} not found",
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
            inner = frozenset[str]().union(*map(self.free, unit.included))
            self._free[key] = (unit.free | (inner - unit.assigned)) - self.env.globals.keys()
        return self._free[key]

    def _close(self, key: str, path: tuple[str, ...]) -> None:
        unit = self.unit(key)
        for other, line in unit.references:
            name = other.split(" ", 1)[1]
            chain = [*(each.split(" ", 1)[1] for each in (*path, key)), name]
            if name in chain[:-1]:
                raise TemplateError(
                    "templates include each other: " + " -> ".join(chain), where=unit.source.where(line)
                )
            self.source(name, unit.source.where(line))
            if other not in self._closed:
                self._close(other, (*path, key))
        for other, name, line in unit.wanted:
            if name not in self.unit(other).assigned:
                template = other.split(" ", 1)[1]
                raise TemplateError(
                    f"template {template!r} has no macro or variable {name!r}",
                    where=unit.source.where(line),
                    hint=nearest(name, self.unit(other).assigned),
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
            units += [self.unit(other) for other in sorted(unit.included)]
        where = next(
            (u.source.where(u.paths[name][0][0]) for u in units if name in u.paths), units[0].source.origin
        )
        raise TemplateError(
            f"variable {name!r} is not known", where=where, hint=nearest(name, {*known, *self.env.globals})
        )

    def _compile(self, variant: str, source: Source) -> Unit:
        key = key_of(variant, source.name)
        _no_marks(source)
        try:
            tree = self.env.parse(source.text)
            rewrite = Rewrite(source, variant)
            rewrite.visit(tree)
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
            raise TemplateError("a number in the template cannot be read", where=source.where(1)) from exc
        unit = Unit(source, Fresh.from_code(self.env, code, self.env.globals))
        unit.references, unit.included, unit.paths = rewrite.references, rewrite.included, rewrite.paths
        unit.free = frozenset(tracker.undeclared_identifiers)
        unit.wanted = rewrite.wanted
        stored = (node.name for node in tree.find_all(nodes.Name) if node.ctx != "load")
        unit.assigned = frozenset((*stored, *rewrite.defined))
        return unit


def nearest(name: str, known: Collection[str]) -> str:
    """A hint that names the nearest known word, or all of them."""
    close = get_close_matches(name, sorted(known), 1)
    return f"did you mean {close[0]!r}?" if close else "have " + ", ".join(sorted(known))


def _no_marks(source: Source) -> None:
    for number, line in enumerate(source.text.split("\n"), 1):
        if MARK in line or MARK_END in line:
            raise TemplateError(
                "the characters U+E000 and U+E001 are reserved",
                where=source.where(number),
                hint="write them as an escape in a string: {{ '\\ue000' }}",
            )


def _go_line(source: Source) -> int:
    """The first line that looks like a Go template, or 0."""
    starts = [match.start() for match in (_GO.search(source.text), _GO_WORD.search(source.text)) if match]
    return source.text.count("\n", 0, min(starts)) + 1 if starts else 0


def _syntax_error(source: Source, line: int, message: str) -> TemplateError:
    text = source.line(line)
    if _GO.search(text) or _GO_WORD.search(text):
        return TemplateError(_GO_MESSAGE, where=source.where(_go_line(source)), hint=_GO_HINT)
    message = cut(message, 200).rstrip(".")
    return TemplateError(f"{message}: {text}" if text else message, where=source.where(line))


@pass_context
def _mark(context: Context, value: object, line: int, label: str) -> str:
    run = context.environment.run  # type: ignore[attr-defined]
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    index = len(run.values)
    run.values.append(value)
    run.places.append((context.name, line, label))
    run.last = (context.name, line)
    return _MARKS[index] if index < len(_MARKS) else f"{MARK}{index}{MARK_END}"


@pass_context
def _trace(context: Context, text: str, line: int) -> str:
    context.environment.run.last = (context.name, line)  # type: ignore[attr-defined]
    return text


def dotted(node: nodes.Node) -> str:
    """`a.b.c` for such an expression, else an empty text."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        head = dotted(node.node)
        return f"{head}.{node.attr}" if head else ""
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        head = dotted(node.node)
        return f"{head}[{cut(repr(node.arg.value))}]" if head else ""
    if isinstance(node, nodes.Filter) and node.node is not None:
        return dotted(node.node)
    return ""


class Rewrite(NodeTransformer):
    """Rewrites one parsed template into a variant, and refuses what the language here leaves out."""

    def __init__(self, source: Source, variant: str) -> None:
        self.source = source
        self.variant = variant
        self.references: list[tuple[str, int]] = []
        self.included: set[str] = set()
        self.paths: dict[str, list[tuple[int, str]]] = {}
        self.wanted: list[tuple[str, str, int]] = []
        self.defined: set[str] = set()
        self._blocks = 0

    def fail(self, node: nodes.Node, message: str, hint: str = "") -> NoReturn:
        raise TemplateError(message, where=self.source.where(node.lineno), hint=hint)

    # -- output

    def visit_Output(self, node: nodes.Output) -> nodes.Output:
        node.nodes = [self._output(child) for child in node.nodes]
        return node

    def _output(self, child: nodes.Expr) -> nodes.Expr:
        line = nodes.Const(child.lineno)
        if isinstance(child, nodes.TemplateData):
            if self.variant == "text":
                return _filter("the text", child)
            return _filter("the trace", child, line) if self.variant == "trace" else child
        label = nodes.Const(dotted(child))
        value = self.visit(child)
        return (
            _filter("the text", value, label)
            if self.variant == "text"
            else _filter("the mark", value, line, label)
        )

    def _as_text(self, body: list[nodes.Node]) -> list[nodes.Node]:
        outer, self.variant = self.variant, "text"
        template = self.generic_visit(nodes.Template(body))
        self.variant = outer
        return template.body  # type: ignore[attr-defined,no-any-return]

    def visit_Macro(self, node: nodes.Macro) -> nodes.Macro:
        self._own_names([node.name, *(arg.name for arg in node.args)], node)
        self.defined.add(node.name)
        node.defaults = [self.visit(default) for default in node.defaults]
        node.body = self._as_text(node.body)
        return node

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.AssignBlock:
        self.visit(node.target)
        if node.filter is not None:
            node.filter = self.visit(node.filter)
        node.body = self._as_text(node.body)
        return node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node | list[nodes.Node]:
        self._own_names([arg.name for arg in node.args], node)
        node.call = self.visit(node.call)
        node.defaults = [self.visit(default) for default in node.defaults]
        node.body = self._as_text(node.body)
        return node if self.variant == "text" else self._one_value(node, None, [node])

    def visit_FilterBlock(self, node: nodes.FilterBlock) -> nodes.Node | list[nodes.Node]:
        node.filter = self.visit(node.filter)
        node.body = self._as_text(node.body)
        return node if self.variant == "text" else self._one_value(node, node.filter, node.body)

    def _one_value(
        self, node: nodes.Node, filter_: nodes.Filter | None, body: list[nodes.Node]
    ) -> list[nodes.Node]:
        """Put the output of a block in a variable that no template can name, and output that."""
        self._blocks += 1
        name, line = f"__block{self._blocks}", node.lineno
        block = nodes.AssignBlock(nodes.Name(name, "store", lineno=line), filter_, body, lineno=line)
        value = nodes.Name(name, "load", lineno=line)
        mark = _filter("the mark", value, nodes.Const(line), nodes.Const(""))
        return [block, nodes.Output([mark], lineno=line)]

    # -- operations that are charged

    def visit_For(self, node: nodes.For) -> nodes.For:
        if node.recursive:
            self.fail(node, "recursive loops are not supported", "call a macro")
        self.generic_visit(node)
        node.iter = _filter("the loop", node.iter)  # type: ignore[arg-type]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:
        self.generic_visit(node)
        return _filter("the concatenation", nodes.List(node.nodes, lineno=node.lineno))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Expr:
        self.generic_visit(node)
        chain = [part for each in node.ops for part in (nodes.Const(each.op), each.expr)]
        return _filter("the comparison", node.expr, *chain)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:
        if isinstance(node.arg, nodes.Const):
            self._remember(str(node.arg.value), node)
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        bounds = (part or nodes.Const(None) for part in (node.arg.start, node.arg.stop, node.arg.step))
        return _filter("the slice", node.node, *bounds)

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:
        """Without an else, Jinja gives a value that is undefined but passes for an empty text."""
        self.generic_visit(node)
        if node.expr2 is None:
            node.expr2 = _filter("the missing else", nodes.Const(None, lineno=node.lineno))
        return node

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:
        """A tuple that is a value becomes a list: values are shaped as JSON, and no list can be a key."""
        self.generic_visit(node)
        return nodes.List(node.items, lineno=node.lineno) if node.ctx == "load" else node

    # -- names

    def visit_Name(self, node: nodes.Name) -> nodes.Name:
        self._own_names([node.name], node)
        self._remember(node.name, node)
        return node

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:
        self._remember(node.attr, node)
        return self.generic_visit(node)

    def _remember(self, last: str, node: nodes.Node) -> None:
        path = dotted(node) or (f"(...).{last}" if isinstance(node, nodes.Getattr) else "")
        if path:
            self.paths.setdefault(last, []).append((node.lineno, path))

    def _own_names(self, names: list[str], node: nodes.Node) -> None:
        for name in names:
            if name in _RESERVED or name.startswith("__"):
                self.fail(node, f"the name {name!r} is reserved", "choose another name")

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        return self._named(node, "filter", FILTERS)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:
        return self._named(node, "test", TESTS)

    def _named(self, node: nodes.Filter | nodes.Test, what: str, known: Collection[str]) -> nodes.Node:
        if node.name not in known:
            self.fail(node, f"there is no {what} {cut(node.name)!r}", nearest(node.name, known))
        return self.visit_Call(node)

    def visit_Call(self, node: Any) -> nodes.Node:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            self.fail(node, "* and ** before an argument are not supported", "name the arguments")
        return self.generic_visit(node)

    # -- other templates

    def visit_Include(self, node: nodes.Include) -> nodes.Include:
        if not node.with_context:
            self.fail(node, "an include always sees the variables", "leave out 'without context'")
        self._refer(node, self.variant)
        self.included.add(self.references[-1][0])
        return node

    def visit_Import(self, node: nodes.Import) -> nodes.Import:
        self._own_names([node.target], node)
        self.defined.add(node.target)
        self._refer(node, "text")
        return node

    def visit_FromImport(self, node: nodes.FromImport) -> nodes.FromImport:
        pairs = [name if isinstance(name, tuple) else (name, name) for name in node.names]
        self._own_names([alias for _, alias in pairs], node)
        self.defined.update(alias for _, alias in pairs)
        self._refer(node, "text")
        self.wanted += [(self.references[-1][0], name, node.lineno) for name, _ in pairs]
        return node

    def _refer(self, node: nodes.Include | nodes.Import | nodes.FromImport, variant: str) -> None:
        name = node.template
        if not isinstance(name, nodes.Const) or not isinstance(name.value, str):
            self.fail(node, "the name of a template is a text in quotes", 'write {% include "name" %}')
        if getattr(node, "ignore_missing", False):
            self.fail(node, "'ignore missing' is not supported: the set of templates is closed")
        key = key_of(variant, name.value)
        self.references.append((key, node.lineno))
        if not isinstance(node, nodes.Include) and node.with_context:
            self.included.add(key)
        node.template = nodes.Const(key, lineno=node.lineno)

    def visit_Block(self, node: nodes.Block) -> NoReturn:
        self.fail(node, "blocks are not supported", "use {% include %} or a macro")

    def visit_Extends(self, node: nodes.Extends) -> NoReturn:
        self.fail(node, "extends is not supported", "use {% include %} or a macro")

    def visit_ScopedEvalContextModifier(self, node: nodes.ScopedEvalContextModifier) -> NoReturn:
        self.fail(node, "autoescape is not supported: nothing is escaped")


def _filter(name: str, node: nodes.Expr, *args: nodes.Expr) -> nodes.Filter:
    """Apply a filter at the line of the expression it takes."""
    for arg in args:
        arg.set_lineno(node.lineno)
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)
