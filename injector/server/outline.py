"""An outline, and a review that has it. Not here: how outlines are found and learned (outlines.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from injector.classes import dataclass
from injector.core.model import AdmissionRequest
from injector.core.plans.shape import PodShape

# Bytes of an outline and of a text beside its characters.
_REST: Final = 900
_TEXT: Final = 64


@dataclass(frozen=True, slots=True)
class ReviewOutline:
    """What all reviews of an outline have: the shape of the pod, and the request without the pod.

    `uid` and `named` are places of texts among those that the mask takes: of the request's uid, and of fields
    of the pod's metadata that are logged. `retained` are the texts of annotations that stay.
    """

    shape: bytes
    items: int
    asked: AdmissionRequest
    node: str
    uid: int
    named: tuple[tuple[str, int], ...]
    retained: tuple[str, ...]

    @property
    def size(self) -> int:
        """Its memory in bytes."""
        asked = self.asked
        user = (asked.user.username, *asked.user.groups) if asked.user else ()
        request = (asked.uid, asked.namespace, asked.name, asked.operation, asked.sub_resource, asked.path)
        return _REST + sum(_TEXT + len(text) for text in (*request, *user)) + sum(map(len, self.retained))

    def review(self, taken: Sequence[str], values: Sequence[str], budget: float | None) -> OutlinedReview:
        """The review with these texts: as its mask takes them, and those that the shape leaves out."""
        asked = self.asked
        names = asked.pod["metadata"] | {key: taken[place] for key, place in self.named}
        return OutlinedReview(
            AdmissionRequest(
                taken[self.uid],
                {"metadata": names},
                asked.namespace,
                asked.name,
                asked.operation,
                asked.sub_resource,
                asked.dry_run,
                asked.version,
                asked.path,
                budget,
                asked.user,
            ),
            self.node,
            PodShape(self.shape, tuple(values), self.items),
        )


@dataclass(frozen=True, slots=True)
class OutlinedReview:
    """A review with a known outline. The pod of `asked` has only the names that are logged."""

    asked: AdmissionRequest
    node: str
    shape: PodShape
