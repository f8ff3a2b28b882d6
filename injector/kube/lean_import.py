"""Importing the Kubernetes client without what is not used of it: most of its time, and half of its memory.

`import kubernetes` also loads the packages for watches, streams, leader election and the dynamic client,
and its kubeconfig reader the models of the API, and an OAuth library for tokens of an obsolete kind.
Inside `lean_import` those are loaded when they are first used.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence, Set
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

LATER: Final = frozenset(
    {
        "kubernetes.aio.dynamic",
        "kubernetes.aio.leaderelection",
        "kubernetes.aio.stream",
        "kubernetes.aio.watch",
        "kubernetes.dynamic",
        "kubernetes.informer",
        "kubernetes.leaderelection",
        "kubernetes.stream",
        "kubernetes.watch",
        "oauthlib.oauth2",
    }
)
"""Modules that are loaded when an attribute of them is first read."""

ASYNC_LATER: Final = LATER | {"kubernetes.client", "kubernetes.config", "kubernetes.utils"}
"""The same for the client for asyncio, whose package imports the other one too."""

BY_NAME: Final = {"requests_oauthlib": "OAuth2Session", "kubernetes.client.api_client": "ApiClient"}
"""Modules of which a class is imported by name, which would load them, and the class."""


@contextlib.contextmanager
def lean_import(modules: Set[str] = LATER) -> Iterator[None]:
    """Imports of the client inside load no more than a request needs, as far as it is not loaded already.

    `modules` are loaded when an attribute of them is first read.
    """
    finder = _LaterFinder(modules)
    sys.meta_path.insert(0, finder)
    whole = "kubernetes.client" in modules or "kubernetes" in sys.modules
    loaded = whole or not BY_NAME.keys().isdisjoint(sys.modules)
    by_name = {} if loaded else BY_NAME
    for module, name in by_name.items():
        sys.modules[module] = stand_in = ModuleType(module)
        stand_in.__dict__[name] = _made_later(module, name)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for module in by_name:
            del sys.modules[module]
        # It keeps what was imported from it by name.
        if by_name and (package := sys.modules.get("kubernetes.client")):
            package.__dict__.pop("ApiClient", None)


def _made_later(module: str, name: str) -> Callable[..., Any]:
    """What makes objects of a class, whose module is loaded by then."""

    def make(*arguments: Any, **named: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*arguments, **named)

    return make


class _LaterFinder:
    """Finds these modules as the other finders do, and makes their loading lazy."""

    def __init__(self, modules: Set[str]) -> None:
        self._modules = modules

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The specification of such a module, None for others."""
        if name not in self._modules:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = importlib.util.LazyLoader(spec.loader)
                return spec
        return None
