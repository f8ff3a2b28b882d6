"""The page that explains: decision, rules, the pod before and after, and who set what.

One self-contained text with style and script, which the Content-Security-Policy allows by their digest;
the page loads nothing. The same data give the same bytes. Not here: the explanations (core.reports),
the input of the form (form.py), how the page is served.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from injector import __version__, yamltext
from injector.core.model import Finding, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.reports.provenance import WORDS, Explanation, ValueOrigin
from injector.core.workload import Workload
from injector.errors import InjectorError
from injector.pages.sidebyside import Stretch, compare
from injector.printable import json_text, visible

_HERE: Final = Path(__file__).resolve().parent
_SHOWN: Final = 400


class ExplainedWorkload(Protocol):
    """A workload and its explanation."""

    @property
    def where(self) -> str:
        """The place of the workload: file and line, or a namespace of a cluster."""

    @property
    def workload(self) -> Workload:
        """The workload as it was read, without an injection by this run."""

    @property
    def explanation(self) -> Explanation:
        """The decision, the patch, and the origin of each value in it."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the form offers, and what the user typed into it.

    `profiles` and `examples` are titles by the value that is sent for them.
    """

    action: str
    profiles: Mapping[str, str]
    examples: Mapping[str, str]
    profile: str = ""
    manifests: str = ""
    labels: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    """A container, or another part of the pod, and the values that were set in it."""

    title: str
    rows: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _View:
    """An answer as the template shows it."""

    id: str
    where: str
    label: str
    word: str
    outcome: Outcome
    parts: list[_Part]
    stretches: tuple[Stretch, ...]
    patch: str

    @property
    def origins(self) -> int:
        return sum(len(part.rows) for part in self.parts)


def page(
    answers: Sequence[ExplainedWorkload],
    config: Config,
    *,
    form: Form | None = None,
    error: InjectorError | None = None,
) -> str:
    """The page for these answers under a configuration; with `form` also the form."""
    views = [_view(f"w{number}", answer) for number, answer in enumerate(answers, 1)]
    style, script = _asset("explain.css"), _asset("explain.js")
    return _template().render(
        title=_title(views, error),
        policy=policy(form is not None),
        style=Markup(style),
        script=Markup(script),
        version=__version__,
        config=config,
        form=form,
        error=error,
        views=views,
    )


@cache
def policy(has_form: bool) -> str:
    """The Content-Security-Policy of the page: its own style and script, and nothing else."""
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src {_digest('explain.css')}",
            f"script-src {_digest('explain.js')}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'self'" if has_form else "form-action 'none'",
            "require-trusted-types-for 'script'",
        ]
    )


def _title(views: Sequence[_View], error: InjectorError | None) -> str:
    if error is not None:
        return "Error - explain - sidecar-injector"
    if len(views) == 1:
        return f"{views[0].word}: {views[0].label} - explain - sidecar-injector"
    count = f"{len(views)} workloads - " if views else ""
    return f"{count}explain - sidecar-injector"


def _view(anchor: str, answer: ExplainedWorkload) -> _View:
    outcome, origins = answer.explanation.outcome, answer.explanation.origins
    stretches: tuple[Stretch, ...] = ()
    if outcome.decision.verdict is Verdict.INJECT:
        located = answer.workload
        after = located.with_template(outcome.pod)
        stretches = compare(yamltext.dump(located.manifest), yamltext.dump(after))
    operations = [operation.as_json() for operation in outcome.patch]
    return _View(
        id=anchor,
        where=answer.where,
        label=answer.workload.label,
        word=WORDS[outcome.decision.verdict],
        outcome=outcome,
        parts=_parts(origins),
        stretches=stretches,
        patch=json_text(operations) if operations else "",
    )


def _parts(origins: Sequence[ValueOrigin]) -> list[_Part]:
    parts: dict[str, _Part] = {}
    for origin in origins:
        title, path = origin.place
        layer = origin.layer + (f": {origin.detail}" if origin.detail else "")
        parts.setdefault(title, _Part(title)).rows.append((path, _value(origin.value), layer))
    return list(parts.values())


def _value(value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def level(finding: Finding) -> str:
    """The level of a finding: an error or a warning requires an action."""
    return finding.level.value


def shown(value: Any) -> Any:
    """A value for the page; characters that are not printable are escaped."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value)


def several(text: str) -> Markup:
    """A text of several lines; its lines are already escaped."""
    return Markup.escape(text)


def typed(text: str) -> Markup:
    """A text as the user typed it, for the field of the form."""
    return Markup.escape(text.encode("utf-8", "replace").decode("utf-8"))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(level=level, typed=typed, several=several)
    return environment.get_template("explain.html.j2")


@cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _digest(name: str) -> str:
    digest = hashlib.sha256(_asset(name).encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
