"""Modules that are imported by much, and of which a command uses little or nothing.

`import jinja2.runtime` first runs `jinja2/__init__.py`, which loads the compiler, the lexer and the rest; and
half of the standard library imports `inspect`. A module that was named to `later` is there and empty; its
code runs when a name of it is first asked for. Importing its submodules does not ask for any.
"""

from __future__ import annotations

import importlib.util
import sys
from threading import RLock
from typing import Any


def later(*names: str) -> None:
    """Run the code of these top-level modules when it is needed; nothing for those that are loaded."""
    for name in names:
        _later(name)


def _later(module_name: str) -> None:
    spec = None if module_name in sys.modules else importlib.util.find_spec(module_name)
    if spec is None or spec.loader is None:
        return
    loader, module = spec.loader, importlib.util.module_from_spec(spec)
    lock, begun = RLock(), False

    def whole(name: str) -> Any:
        """Called by Python for a name that the module does not have."""
        nonlocal begun
        with lock:
            if not begun:
                begun = True
                loader.exec_module(module)
                if module.__dict__.get("__getattr__") is whole:
                    del module.__dict__["__getattr__"]
                return getattr(module, name)
        try:
            return module.__dict__[name]
        except KeyError:
            raise AttributeError(f"module {module_name!r} has no attribute {name!r}") from None

    module.__dict__["__getattr__"] = whole
    sys.modules[module_name] = module
