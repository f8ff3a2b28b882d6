"""Modules that are imported by much, and of which a command uses little or nothing.

`import jinja2.runtime` first runs `jinja2/__init__.py`, which loads the compiler, the lexer and the rest; and
half of the standard library imports `inspect`. A module that was named to `later` is there and empty; its
code runs when a name of it is first asked for. Importing its submodules does not ask for any.
A name that is imported from a module asks for it: while `stand_ins` is in force, some names do not.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from types import ModuleType
from typing import Any, Final


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


CALLED: Final = object()
"""Stands in for a function or a class until it is called."""


@contextmanager
def stand_ins(modules: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Let imports inside find these names of modules that are not loaded, without loading them.

    A name stands for its value, for good where it was imported by name: `CALLED`, or what does the same.
    All other names load the module; afterwards it is imported as ever.
    """
    stubs = {name: _stub(name, names) for name, names in modules.items() if name not in sys.modules}
    for name, stub in stubs.items():
        sys.modules[name] = stub
        package, _, last = name.rpartition(".")
        if package in sys.modules:
            setattr(sys.modules[package], last, stub)
    try:
        yield
    finally:
        for name, stub in stubs.items():
            _drop(name, stub)


def _stub(module_name: str, names: Mapping[str, Any]) -> ModuleType:
    stub = ModuleType(module_name)

    def whole(name: str) -> Any:
        # Others are asked by Python itself, whatever is imported.
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        _drop(module_name, stub)
        module = importlib.import_module(module_name)
        # Another thread may import all names meanwhile.
        public = [each for each in vars(module) if not each.startswith("_")] if name == "__all__" else None
        return getattr(module, name, public) if public else getattr(module, name)

    def is_instance(stand_in: type, holder: object) -> bool:
        # There are objects of the class only once its module is loaded.
        module = sys.modules.get(module_name, stub)
        real = None if module is stub else getattr(module, stand_in.__name__)
        return isinstance(real, type) and isinstance(holder, real)

    of_class: type = type("StandIn", (type,), {"__instancecheck__": is_instance})

    # A class, so that it can also be asked about and be the parameter of a generic one.
    def made(name: str) -> Any:
        return of_class(name, (), {"__new__": lambda _cls, *args, **named: whole(name)(*args, **named)})

    values = {name: made(name) if value is CALLED else value for name, value in names.items()}
    stub.__dict__.update(values, __getattr__=whole)
    return stub


def _drop(name: str, stub: ModuleType) -> None:
    if sys.modules.get(name) is stub:
        del sys.modules[name]
        package, _, last = name.rpartition(".")
        # Without one, or where it was loaded meanwhile, it does not have it.
        if vars(sys.modules.get(package, sys)).get(last) is stub:
            delattr(sys.modules[package], last)
