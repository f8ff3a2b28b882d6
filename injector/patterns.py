"""Regular expressions that are compiled when they are first used.

A command loads some hundred of them and uses a few; compiling one takes up to 5 ms.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, AnyStr, Final, cast

_METHODS: Final = ("search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn")


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What `re.compile` gives, later. Not for functions of `re`, which look at the type."""
    return cast("re.Pattern[AnyStr]", _Later(text, flags))


@contextmanager
def patterns_later() -> Iterator[None]:
    """Modules that are imported inside compile their expressions later too, if they keep to the methods."""
    stand_in = ModuleType(re.__name__)
    stand_in.__dict__.update(vars(re), compile=pattern)
    sys.modules[re.__name__] = stand_in
    try:
        yield
    finally:
        sys.modules[re.__name__] = re


class _Later:
    def __init__(self, text: Any, flags: int) -> None:
        # The text is that of `re.Pattern` as well: larger expressions are made of it.
        self.pattern, self._flags = text, flags

    def __getattr__(self, name: str) -> Any:
        """Called for what is not there yet; from then on the methods are attributes."""
        if name.startswith("__"):
            raise AttributeError(name)
        compiled = re.compile(self.pattern, self._flags)
        self.__dict__.update({method: getattr(compiled, method) for method in _METHODS})
        return getattr(compiled, name)
