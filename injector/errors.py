"""Every exception that this package raises on purpose.

A message says what is wrong; `where` says in which place (``file:line``, a JSON pointer, an
annotation); `hint` says what to do. Doors (the command line, the webhook) print them; nothing
else catches them, and nothing matches them by text.

::

    InjectorError
    ├── ConfigError            a setting, a values or mesh file, a profile: exit status 2
    │   └── TemplateError      a template that does not load: does not compile, asks for too much
    ├── ManifestError          input that is no YAML, has a duplicate key, a wrong type: exit status 1
    │   └── AnnotationError    an annotation whose value is not one of the accepted ones
    ├── RenderError            a template that fails for this pod
    │   └── WorkError          a template that needs more work than one pod may cost
    ├── ReviewError            an AdmissionReview that is none; `status` is the HTTP status
    └── ClusterError           the API server refused, is not there, or the client is not installed
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class InjectorError(Exception):
    """Base of all errors of this package.

    `rows` are the parts of one that stands for several; `message` has them on lines of their own. `parts`
    are the same as errors.
    """

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        hint: str = "",
        rows: Sequence[str] = (),
        parts: Sequence[InjectorError] = (),
    ) -> None:
        super().__init__(message)
        self.head = message
        self.rows = tuple(rows)
        self.parts = tuple(parts)
        self.message = "\n  ".join((message, *rows))
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Classes have arguments of their own, so that another process gets the fields.
        return _rebuilt, (type(self), self.args, vars(self))

    @property
    def place(self) -> str:
        """`where`, as far as people are shown it."""
        return self.where

    @property
    def lines(self) -> tuple[str, ...]:
        """What `str` gives, without the line breaks between the rows."""
        first = f"{self.place}: {self.head}" if self.place else self.head
        return first, *self.rows

    @property
    def advice(self) -> str:
        """The whole of it on one line: where, what, and what to do."""
        return f"{self} (hint: {self.hint})" if self.hint else str(self)


def _rebuilt(cls: type[InjectorError], args: tuple[Any, ...], fields: dict[str, Any]) -> InjectorError:
    error = cls.__new__(cls, *args)
    error.args = args
    vars(error).update(fields)
    return error


class ConfigError(InjectorError):
    """The configuration cannot be used."""


class TemplateError(ConfigError):
    """A template does not load."""


class ManifestError(InjectorError):
    """An input document cannot be read, or is not shaped as Kubernetes wants it."""


class AnnotationError(ManifestError):
    """An annotation has a value that is not accepted.

    `key` names it. The value itself is not repeated: it may be anything, a secret among it.
    Where it stands for several, `problems` are all of them.
    """

    problems: tuple[AnnotationError, ...] = ()

    def __init__(self, key: str, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message, where=where, hint=hint)
        self.key = key

    @classmethod
    def of(cls, problems: Sequence[AnnotationError]) -> AnnotationError:
        """One error for several annotations."""
        text = "; ".join(str(problem) for problem in problems)
        error = cls(problems[0].key, f"{len(problems)} annotations are not accepted: {text}")
        error.problems = tuple(problems)
        return error


class RenderError(InjectorError):
    """A template fails for one pod. `general` is the message without the pod, empty where it names none."""

    general: str = ""


class FieldError(RenderError):
    """A template gives fields values that the API server refuses; `problems` are all of them."""

    problems: tuple[RenderError, ...] = ()

    @classmethod
    def of(cls, problems: Sequence[RenderError], hint: str) -> FieldError:
        """An error with the place of the first one; `hint` is for one that has none."""
        first, more = problems[0], len(problems) - 1
        text = f"{first.message} (and {more} more)" if more else first.message
        error = cls(text, where=first.where, hint=first.hint or hint)
        error.problems = tuple(problems)
        return error


class WorkError(RenderError):
    """A template needs more work for one pod than a pod may cost."""


class ReviewError(InjectorError):
    """A request is no AdmissionReview that can be answered; `status` is the HTTP status to give."""

    def __init__(self, message: str, *, status: int = 400, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class ClusterError(InjectorError):
    """The cluster cannot be asked, or refuses.

    `status` is the HTTP status, 0 where no answer came; `reason` is the API server's word for it
    (``NotFound``, ``Forbidden``), or this program's (``Unreachable``, ``NotInstalled``, ``Configuration``).
    """

    def __init__(
        self, message: str, *, status: int = 0, reason: str = "", where: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.status = status
        self.reason = reason

    @property
    def place(self) -> str:
        """Nothing for a URL: the message names the object, and the URL is for logs."""
        return "" if "://" in self.where else self.where
