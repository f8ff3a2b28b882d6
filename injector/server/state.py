"""What the webhook needs of the other parts of the process: callables that `injector.serving` passes in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Any, TypeAlias

from injector.classes import dataclass
from injector.core.model import AdmissionRequest, Facts, Manifest, Namespace, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.server import reviews
from injector.server.answers import AnswerPolicy
from injector.server.queue import Size
from injector.telemetry import Metrics

Record: TypeAlias = Callable[[AdmissionRequest, Facts, Outcome, Verdict, Config, int], None]
"""Takes a request, the facts, the outcome, the decision, the configuration, and the size of the body."""
Caller: TypeAlias = Callable[[Mapping[str, Any] | None, str, float | None], Awaitable[tuple[int, str] | None]]
"""Takes the caller's verified certificate, the Authorization header, and the seconds that the caller waits,
None where unknown. Returns HTTP status and reason for a caller that is refused."""
Notify: TypeAlias = Callable[[AdmissionRequest, Outcome, Verdict], None]
"""Takes a request, its outcome, and the decision."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a request: bytes, levels of nesting, the queue, CPU time; and bytes of the caches."""

    body: int = reviews.BODY_LIMIT
    nesting: int = reviews.NESTING_LIMIT
    queue: Size = field(default_factory=Size)
    cpu_seconds: float = 1.0
    replicas: int = 0
    plans: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """What the webhook needs of the other parts. The callables answer at once and never block.

    `native_sidecars` takes the name of the pod's node, empty where it has none. `waiting` names
    what is not ready yet, with a sentence each; `notes` is what an operator should know though
    the process is ready.
    """

    current: Callable[[], Config]
    metrics: Metrics
    namespace_of: Callable[[str], Namespace | None] = lambda _name: None
    native_sidecars: Callable[[str], bool | None] = lambda _node: None
    objects: Callable[[], tuple[Manifest, ...]] = tuple
    waiting: Callable[[], Mapping[str, str]] = dict
    notes: Callable[[], Mapping[str, str]] = dict
    draining: Callable[[], bool] = bool
    limits: Limits = field(default_factory=Limits)
    policy: AnswerPolicy = field(default_factory=AnswerPolicy)
    record: Record | None = None
    notify: Notify | None = None
    caller: Caller | None = None
