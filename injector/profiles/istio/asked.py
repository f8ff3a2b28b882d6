"""Annotations that note which of them are looked for.

What was made of them is the same for every pod that has none of those: so it is made once.
"""

from __future__ import annotations

from typing import Any


class Asked(dict[str, str]):
    """Annotations of a pod. Only for looking for keys: what walks through all of them is not noted."""

    def __init__(self, annotations: Any) -> None:
        super().__init__(annotations)
        self.asked: set[Any] = set()

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
