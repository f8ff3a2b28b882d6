"""The page that explains: decision, rules, the pod before and after, and who set what.

One self-contained text with style and script, which the Content-Security-Policy allows by their digest;
the page loads nothing. The same data give the same bytes. Not here: the explanations (core.reports),
the input of the form (form.py), how the page is served.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from injector import __version__
from injector.classes import dataclass
from injector.core.model import Finding
from injector.core.profile import Config
from injector.errors import InjectorError
from injector.pages.views import ExplainedWorkload, View, make_views
from injector.patterns import pattern
from injector.printable import visible

_HERE: Final = Path(__file__).resolve().parent
_CODE = pattern(r"`([^`]+)`")
# Something with the separators behind it; not too short, as each place to break takes bytes.
_WITHOUT_BREAK: Final = 24
_PIECE = pattern(r".{8,}?[/.,:;=&?@_-]+|.+")


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


def page(
    answers: Sequence[ExplainedWorkload],
    config: Config,
    *,
    form: Form | None = None,
    error: InjectorError | None = None,
    digest: str = "",
) -> str:
    """The page for these answers under a configuration; with `form` also the form.

    `digest` is that of the input (`digest_of`).
    """
    views = make_views(answers)
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
        digest=digest,
        views=views,
        words=_counted(view.word for view in views),
        reasons=_counted(view.outcome.decision.reason.value for view in views),
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


def digest_of(texts: Iterable[str]) -> str:
    """The SHA-256 of input texts, one after another; for one file what `sha256sum` prints."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _title(views: Sequence[View], error: InjectorError | None) -> str:
    if error is not None:
        return "Error - explain - sidecar-injector"
    if len(views) == 1:
        return f"{views[0].word}: {views[0].label} - explain - sidecar-injector"
    count = f"{len(views)} workloads - " if views else ""
    return f"{count}explain - sidecar-injector"


def _counted(words: Iterable[str]) -> list[tuple[str, int]]:
    """Each word and how often it comes, the most frequent first."""
    return sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))


def level(finding: Finding) -> str:
    """The level of a finding: an error or a warning requires an action."""
    return finding.level.value


def shown(value: Any) -> Any:
    """A value for the page; characters that are not printable are escaped."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value)


def several(text: str) -> Markup:
    """A text of several lines between tags; its lines are already escaped."""
    return _between_tags(text)


def lines(texts: Sequence[str]) -> Markup:
    """Lines of code between tags, each as it is."""
    return _between_tags("\n".join(map(visible, texts)))


def prose(text: object) -> Markup:
    """A sentence between tags; what is in backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(_between_tags(visible(str(text))))))


def breakable(text: str) -> Markup:
    """Code between tags that may be broken behind its separators."""
    text = visible(text)
    pieces = _PIECE.findall(text) if len(text) > _WITHOUT_BREAK else [text]
    return Markup("<wbr>".join(map(_between_tags, pieces)))


def _between_tags(text: str) -> Markup:
    """A text that is not in an attribute, so that quotes stay, which take many bytes otherwise."""
    return Markup(html.escape(text, quote=False))


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
    environment.filters.update(
        breakable=breakable, level=level, lines=lines, prose=prose, several=several, typed=typed
    )
    return environment.get_template("explain.html.j2")


@cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _digest(name: str) -> str:
    digest = hashlib.sha256(_asset(name).encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
