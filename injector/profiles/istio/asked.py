"""Annotations that note which of them are looked for.

What was made of them is the same for every pod that has the same of those: so it is made once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

Made = TypeVar("Made")

# Pods of one cluster have few different ones; the authors of pods write them.
_MOST: Final = 64
_LONGEST: Final = 1000


class Asked(dict[str, str]):
    """Annotations of a pod. Only for looking for keys: what walks through all of them is not noted."""

    def __init__(self, annotations: Mapping[str, str], asked: set[Any] | None = None) -> None:
        super().__init__(annotations)
        self.asked: set[Any] = set() if asked is None else asked

    def replaced(self, key: str, text: str) -> Asked:
        """The same with another text; what is looked for there is noted here as well."""
        return Asked({**self, key: text}, self.asked)

    def get(self, key: str, default: Any = None) -> Any:
        """An annotation, or the default."""
        self.asked.add(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self.asked.add(key)
        return super().__contains__(key)

    def __getitem__(self, key: str) -> str:
        self.asked.add(key)
        return super().__getitem__(key)


class MadeOfAnnotations(Generic[Made]):
    """What was made of annotations, by those that were looked for; some of it, and of short ones only."""

    def __init__(self) -> None:
        self._asked: set[Any] = set()
        self._made: dict[frozenset[tuple[str, str]], Made] = {}

    def find(self, annotations: Mapping[str, str]) -> Made | None:
        """What was made of annotations that are the same where it matters."""
        return self._made.get(self._key(annotations))

    def keep(self, annotations: Asked, made: Made) -> None:
        """Keep what was made of annotations that have noted what was looked for."""
        # An older key has none of the new ones: so it stands for pods without them.
        self._asked |= annotations.asked
        key = self._key(annotations)
        if sum(len(text) for pair in key for text in pair) > _LONGEST:
            return
        if len(self._made) >= _MOST:
            self._made.clear()
        self._made[key] = made

    def _key(self, annotations: Mapping[str, str]) -> frozenset[tuple[str, str]]:
        return frozenset(pair for pair in annotations.items() if pair[0] in self._asked)
