"""The templates that were compiled when this program was built: Python modules inside the package.

They are part of the installed package, as all its code: none is ever loaded from another folder. Where they
are missing, or were made by another version of the compiler, templates are compiled when they are used.
Not here: what such a module holds (`templating.ahead`), and who writes it (`hack.ahead`).
"""

from __future__ import annotations

import importlib
import sys
from binascii import crc32
from functools import cache
from typing import Final

from injector.templating import ahead
from injector.templating.unit import Compiled, CompiledAhead, TemplateSource, none_ahead

MODULE: Final = "injector.compiled_templates"
# What the code of a template depends on, beside its text.
SOURCES: Final = {
    "jinja2": ("compiler", "idtracking", "lexer", "nodes", "parser", "runtime", "utils"),
    "injector.templating": (
        "ahead",
        "compilation",
        "filters",
        "operations",
        "predicates",
        "reads",
        "rewriting",
        "unit",
    ),
}


def compiled(variant: str, source: TemplateSource) -> Compiled | None:
    """What a template became when this program was built, None where it has to be compiled."""
    return _finder()(variant, source)


@cache
def _finder() -> CompiledAhead:
    try:
        module = importlib.import_module(MODULE)
    except ModuleNotFoundError:
        return none_ahead
    return ahead.found_in(module, maker())


def maker() -> str:
    """The checksums of the code that compiles templates, Jinja's and ours; another one makes other code.

    They tell one version from another, as time and size do for modules that Python compiles.
    """
    sums = []
    for package, names in SOURCES.items():
        for folder in sys.modules[package].__path__:
            for name in names:
                with open(f"{folder}/{name}.py", "rb") as file:
                    code = file.read()
                sums.append(f"{len(code)}:{crc32(code):08x}")
    return " ".join(sums)
