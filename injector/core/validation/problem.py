"""A problem of a pod template, its rule, and what follows from it."""

from __future__ import annotations

from enum import StrEnum

from injector.classes import dataclass
from injector.core.model import Finding

Path = tuple[str, ...]
"""A place in a pod template; elements of lists by their key, so that two versions of a pod share it."""


class Consequence(StrEnum):
    """What happens to a pod that has the problem."""

    REFUSED = "refused"
    """The API server refuses it."""
    REFUSED_UNLESS_ADDED = "refused-unless-added"
    """The API server refuses it unless another webhook adds what is missing."""
    CANNOT_START = "cannot-start"
    """The API server accepts it, and the kubelet does not start a container of it."""


class PodRule(StrEnum):
    """The rules, each with the word by which tests count it."""

    FIELD = "field"
    CONTAINERS = "containers"
    NAME = "name"
    UNIQUE_NAME = "unique-name"
    IMAGE = "image"
    REQUEST_ABOVE_LIMIT = "request-above-limit"
    RESOURCE = "resource"
    POD_REQUESTS = "pod-requests"
    POD_LIMITS = "pod-limits"
    MOUNT_VOLUME = "mount-volume"
    MOUNT_PATH = "mount-path"
    VOLUME = "volume"
    PORT_NUMBER = "port-number"
    PORT_NAME = "port-name"
    HOST_PORT = "host-port"
    CHOICE = "choice"
    HANDLER = "handler"
    INIT_CONTAINER = "init-container"
    VARIABLE = "variable"
    PRIVILEGE = "privilege"
    USER_ID = "user-id"
    ROOT = "root"
    SYSCTL = "sysctl"
    PROFILE = "profile"
    LABEL = "label"
    ANNOTATION = "annotation"


@dataclass(frozen=True, slots=True)
class PodProblem:
    """What is wrong at a place of a pod template. `message` names the container and the field."""

    rule: PodRule
    path: Path
    message: str
    consequence: Consequence = Consequence.REFUSED

    @property
    def identity(self) -> tuple[PodRule, Path]:
        """The same in a pod and in the result of its injection, which may move a container."""
        containers = self.path[:1] == ("initContainers",)
        return self.rule, ("containers", *self.path[1:]) if containers else self.path


@dataclass(frozen=True, slots=True)
class ResultProblem:
    """A problem of an injected pod as a finding.

    `is_caused`: the injection made it. `is_refused`: a command that writes the pod refuses it.
    """

    rule: PodRule
    finding: Finding
    path: Path
    is_caused: bool
    is_refused: bool
