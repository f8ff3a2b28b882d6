"""A cluster whose answers are written down, for tests of what is printed of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from injector.errors import ClusterError
from injector.kube.client import Cluster


class CannedCluster(Cluster):
    """A cluster whose answers are written down: no real one takes such names."""

    def __init__(self, answers: Mapping[str, Any], word: str) -> None:
        super().__init__(None)
        self.answers = answers
        self.word = word

    def get(self, path: str) -> dict[str, Any]:
        answer = self.answers.get(
            path, ClusterError(self.word, status=403, reason=self.word, where=path, hint=self.word)
        )
        if isinstance(answer, ClusterError):
            raise answer
        return answer  # type: ignore[no-any-return]

    def list(self, path: str, _params: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return self.get(path)["items"]  # type: ignore[no-any-return]

    def each(self, path: str, _params: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        yield from self.list(path)

    def text(self, _path: str, _params: Mapping[str, str]) -> str:
        return self.word * 3

    def close(self) -> None:
        pass

    def limit(self, _seconds: float | None) -> None:
        pass

    def _ask(self, _verb: str, path: str, _query: Mapping[str, str]) -> dict[str, Any]:
        return self.get(path)
