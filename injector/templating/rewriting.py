"""How a parsed template becomes one that leaves marks: the rewriting of its syntax tree.

Jinja's own hook for output, `finalize`, sees neither where a value goes nor whether the output
is buffered. So the syntax tree is rewritten before it is compiled. Each template has variants:

mark    expressions that are output leave a mark in the *skeleton*, and their values in `Run.values`
text    the same where the output is text that something else uses: macros and set, filter and
        call blocks, and whatever they include; each piece of output is text, and is counted
trace   `mark` that also records which line each piece of the skeleton came from: used only to
        find the line of an error

Outside of text, call and filter blocks become a set block and one expression, so that what they
give is one value. Operations with a cost that Jinja does not let be intercepted (comparison,
concatenation, slices, loops) become those of `operations`.

What the operations do belongs there, what the marks become to `render`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, NoReturn

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from injector.errors import TemplateError
from injector.printable import shown
from injector.templating.filters import FILTERS
from injector.templating.predicates import TESTS
from injector.templating.unit import Mentions, key_of, nearest

_RESERVED: Final = frozenset({"self", "super", "varargs", "kwargs"})


def rewrite(tree: nodes.Template, variant: str, where: Callable[[int], str]) -> Mentions:
    """Rewrite a parsed template, in place, into a variant; `where` gives the place of a line.

    TemplateError for what the language here leaves out.
    """
    rewriting = _Rewriting(variant, where)
    rewriting.visit(tree)
    stored = (node.name for node in tree.find_all(nodes.Name) if node.ctx != "load")
    rewriting.mentions.assigned.update(stored)
    return rewriting.mentions


def _dotted(node: nodes.Node) -> str:
    """`a.b.c` for such an expression, else an empty text."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        head = _dotted(node.node)
        return f"{head}.{node.attr}" if head else ""
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        head = _dotted(node.node)
        return f"{head}[{shown(repr(node.arg.value))}]" if head else ""
    if isinstance(node, nodes.Filter) and node.node is not None:
        return _dotted(node.node)
    return ""


class _Rewriting(NodeTransformer):
    """Rewrites one parsed template into a variant, and refuses what the language here leaves out."""

    def __init__(self, variant: str, where: Callable[[int], str]) -> None:
        self.variant = variant
        self.mentions = Mentions()
        self._where = where
        self._blocks = 0

    def _fail(self, node: nodes.Node, message: str, hint: str = "") -> NoReturn:
        raise TemplateError(message, where=self._where(node.lineno), hint=hint)

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
        label = nodes.Const(_dotted(child))
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
        self.mentions.assigned.add(node.name)
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
            self._fail(node, "recursive loops are not supported", "call a macro")
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
        path = _dotted(node) or (f"(...).{last}" if isinstance(node, nodes.Getattr) else "")
        if path:
            self.mentions.paths.setdefault(last, []).append((node.lineno, path))

    def _own_names(self, names: list[str], node: nodes.Node) -> None:
        for name in names:
            if name in _RESERVED or name.startswith("__"):
                self._fail(node, f"the name {name!r} is reserved", "choose another name")

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        return self._named(node, "filter", FILTERS)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:
        return self._named(node, "test", TESTS)

    def _named(self, node: nodes.Filter | nodes.Test, what: str, known: Collection[str]) -> nodes.Node:
        if node.name not in known:
            self._fail(node, f"unknown {what} {shown(node.name)!r}", nearest(node.name, known))
        return self.visit_Call(node)

    def visit_Call(self, node: Any) -> nodes.Node:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            self._fail(node, "* and ** before an argument are not supported", "name the arguments")
        return self.generic_visit(node)

    # -- other templates

    def visit_Include(self, node: nodes.Include) -> nodes.Include:
        if not node.with_context:
            self._fail(node, "an include always sees the variables", "remove 'without context'")
        self._refer(node, self.variant)
        self.mentions.included.add(self.mentions.references[-1][0])
        return node

    def visit_Import(self, node: nodes.Import) -> nodes.Import:
        self._own_names([node.target], node)
        self.mentions.assigned.add(node.target)
        self._refer(node, "text")
        return node

    def visit_FromImport(self, node: nodes.FromImport) -> nodes.FromImport:
        pairs = [name if isinstance(name, tuple) else (name, name) for name in node.names]
        self._own_names([alias for _, alias in pairs], node)
        self.mentions.assigned.update(alias for _, alias in pairs)
        self._refer(node, "text")
        self.mentions.wanted += [(self.mentions.references[-1][0], name, node.lineno) for name, _ in pairs]
        return node

    def _refer(self, node: nodes.Include | nodes.Import | nodes.FromImport, variant: str) -> None:
        name = node.template
        if not isinstance(name, nodes.Const) or not isinstance(name.value, str):
            self._fail(node, "the name of a template must be a text in quotes", 'write {% include "name" %}')
        if getattr(node, "ignore_missing", False):
            self._fail(node, "'ignore missing' is not supported: the set of templates is closed")
        key = key_of(variant, name.value)
        self.mentions.references.append((key, node.lineno))
        if not isinstance(node, nodes.Include) and node.with_context:
            self.mentions.included.add(key)
        node.template = nodes.Const(key, lineno=node.lineno)

    def visit_Block(self, node: nodes.Block) -> NoReturn:
        self._fail(node, "blocks are not supported", "use {% include %} or a macro")

    def visit_Extends(self, node: nodes.Extends) -> NoReturn:
        self._fail(node, "extends is not supported", "use {% include %} or a macro")

    def visit_ScopedEvalContextModifier(self, node: nodes.ScopedEvalContextModifier) -> NoReturn:
        self._fail(node, "autoescape is not supported: nothing is escaped")


def _filter(name: str, node: nodes.Expr, *args: nodes.Expr) -> nodes.Filter:
    """Apply a filter at the line of the expression it takes."""
    for arg in args:
        arg.set_lineno(node.lineno)
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)
