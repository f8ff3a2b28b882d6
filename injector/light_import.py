"""Packages of which a command needs some modules, and not what importing the package loads as well.

`import jinja2.runtime` first runs `jinja2/__init__.py`, which loads the compiler, the lexer and the rest. A
package that was named to `light` runs that file when a name of the package itself is first asked for.
"""

from __future__ import annotations

import importlib.util
import sys
from threading import RLock
from typing import Any


def light(package: str) -> None:
    """Let `import PACKAGE.MODULE` load that module alone; nothing if the package is loaded already."""
    spec = None if package in sys.modules else importlib.util.find_spec(package)
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
            raise AttributeError(f"module {package!r} has no attribute {name!r}") from None

    module.__dict__["__getattr__"] = whole
    sys.modules[package] = module
