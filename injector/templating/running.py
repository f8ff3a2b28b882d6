"""Compiled templates as Jinja's generated code expects them of each other, without the rest of Jinja.

A template is code bound to one environment. Not here: what it may do (`sandbox`), and where the code comes
from (`library`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any

from jinja2.runtime import Context, new_context
from jinja2.utils import missing


class Variables(Context):
    """The variables of a template, without what Jinja makes of them for features that are not used here."""

    def __init__(
        self, environment: Any, parent: dict[str, Any], name: str | None, *_blocks: Any, **_globals: Any
    ) -> None:
        # Instead of Jinja's own: each include makes one.
        self.parent = parent
        self.vars = {}
        self.environment = environment
        self.exported_vars = set()
        self.name = name
        self.globals_keys = set()
        self.blocks = {}
        # All that is read of it is whether output is escaped.
        self.eval_ctx = environment

    def get_all(self) -> dict[str, Any]:
        """All of them; not to be changed."""
        return {**self.parent, **self.vars} if self.vars else self.parent


class Template:
    """What a template that includes or imports another asks of it."""

    def __init__(self, environment: Any, code: CodeType) -> None:
        # A traceback leads to the template by the namespace of its functions.
        space: dict[str, Any] = {"__builtins__": __builtins__, "__jinja_template__": self}
        names = FunctionType(code, space)(environment)
        self.environment = environment
        self.name: str = names["name"]
        self.blocks: dict[str, Any] = names["blocks"]
        self.root_render_func: Callable[[Context], Iterator[str]] = names["root"]
        self._lines: str = names["debug_info"]
        self._first = code.co_firstlineno

    def new_context(
        self,
        vars: dict[str, Any] | None = None,
        shared: bool = False,
        locals: Mapping[str, Any] | None = None,
    ) -> Context:
        """The variables of one run."""
        env = self.environment
        if not shared:
            return new_context(env, self.name, self.blocks, vars, shared, env.globals, locals)
        # Of an include: the variables of the template around, which hold the global functions, and its own.
        own = {key: value for key, value in (locals or {}).items() if value is not missing}
        return Variables(env, {**(vars or {}), **own} if own else vars or {}, self.name)

    def make_module(
        self,
        vars: dict[str, Any] | None = None,
        shared: bool = False,
        locals: Mapping[str, Any] | None = None,
    ) -> Module:
        """What an import gives."""
        return Module(self, self.new_context(vars, shared, locals))

    def _get_default_module(self, _context: Context | None = None) -> Module:
        """What an import without context gives.

        Made anew for each: a namespace in it would live on into the next pod.
        """
        return self.make_module()

    def get_corresponding_lineno(self, line: int) -> int:
        """The line of the template that a line of the code was made of."""
        inside = line - self._first
        pairs = [tuple(map(int, pair.split("="))) for pair in self._lines.split("&") if pair]
        return next((of for of, begin in reversed(pairs) if begin <= inside), 1)


class Module:
    """An imported template: the names that it defines."""

    def __init__(self, template: Template, context: Context) -> None:
        for _ in template.root_render_func(context):
            pass
        self.__dict__.update(context.get_exported())
        self.__name__ = template.name
