"""Fields that templates inject and that Kubernetes does not have or accept.

Each rendered template is looked at by itself, so that it is known which one is wrong. Not here: what the
pod itself brings, and what holds between two fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from injector.core.field_soundness import is_sound
from injector.core.field_types import AUTHORED, OVERLAY, RESULT, Rules
from injector.core.finding_codes import FindingCode, Level
from injector.core.model import Finding, Manifest
from injector.core.pod_fields import FieldProblem, problems
from injector.core.profile import Injection
from injector.errors import FieldError, RenderError
from injector.pointer import split
from injector.printable import shown
from injector.templating.render import TemplateSource

_HINT: Final = "correct the template, or the value, label or annotation that it writes there"
# To look for the line of a key takes time, and a key may come from the pod.
_LOCATED: Final = 20
_PARTS: Final = (("metadata", "ObjectMeta"), ("spec", "PodSpec"))
# By these an element is found again in the list that it is merged into.
_KEYS: Final[Mapping[str, type]] = {"name": str, "mountPath": str, "devicePath": str, "containerPort": int}


def check(run: Injection, name: str, overlay: Manifest) -> None:
    """Raise FieldError for what a template rendered and the API server refuses; note fields that it drops.

    What the pod has at the same place is its author's, and a field that the template's text does not have
    comes from an annotation, where it is checked. With quirks on everything is only noted.
    """
    known = run.config.templates.parts
    if all(is_sound(overlay.get(part), of, OVERLAY, known) for part, of in _PARTS):
        return
    own = {_identity(place, each) for place, _, each in _problems_of(run.original, AUTHORED)}
    sources = run.config.templates.sources
    parts = {key: source for key, source in sources.items() if key == name or key.startswith("_")}
    errors: list[RenderError] = []
    lines: dict[str, list[str]] = {}
    for place, key, each in _problems_of(overlay, OVERLAY):
        if _identity(place, each) in own:
            continue
        if key not in lines and len(lines) < _LOCATED:
            lines[key] = _lines_of(key, parts)
        written = lines.get(key, [])
        message, where = f"{place}: {each.message}", written[0] if len(written) == 1 else sources[name].origin
        if not each.unknown and not run.config.quirks:
            errors.append(RenderError(message, where=where, hint=each.hint))
        elif written or not each.unknown:
            finding = Finding.of(FindingCode.FIELD, message, where, each.hint or _HINT, level=Level.WARNING)
            run.findings.add(finding)
    if errors:
        raise FieldError.of(errors, _HINT)


def field_findings(pod: Manifest, sources: Mapping[str, TemplateSource]) -> Iterator[Finding]:
    """A finding for each field of an injected pod that Kubernetes does not have or accept.

    For a pod that is valid, so that what is wrong with the result comes from the templates.
    """
    for place, key, each in _problems_of(pod, RESULT):
        level = Level.ERROR if each.refused else Level.WARNING
        written = _lines_of(key, sources)
        where = written[0] if len(written) == 1 else ""
        yield Finding.of(FindingCode.FIELD, f"{place}: {each.message}", where, each.hint, level=level)


def _problems_of(pod: Manifest, rules: Rules) -> Iterator[tuple[str, str, FieldProblem]]:
    """The problems of a pod, each with its place and the key that is written there."""
    for part, of in _PARTS:
        for problem in problems(pod.get(part), of, rules=rules):
            yield *_place(pod[part], part, problem.pointer), problem


def _identity(place: str, problem: FieldProblem) -> tuple[str, str]:
    """The same in the pod and in an overlay, whose container may be in the other list."""
    return place.replace("spec.initContainers[", "spec.containers[", 1), problem.message


def _place(tree: Any, part: str, pointer: str) -> tuple[str, str]:
    """The place of a field, with the names of list items in place of their numbers; and its key."""
    place, key = part, part
    for step in split(pointer):
        if isinstance(tree, list):
            tree = tree[int(step)]
            place += f"[{shown(_name(tree, step))}]"
        else:
            tree = tree.get(step) if isinstance(tree, dict) else None
            place, key = f"{place}.{shown(step)}", step
    return place, key


def _name(item: Any, index: str) -> object:
    if not isinstance(item, dict):
        return index
    return next((item[key] for key, of in _KEYS.items() if isinstance(item.get(key), of)), index)


def _lines_of(key: str, sources: Mapping[str, TemplateSource]) -> list[str]:
    """Where templates write a key."""
    pattern = re.compile(rf"(?:^|[\s{{,\"'-]){re.escape(key)}[\"']?\s*:")
    return [
        source.where(number)
        for source in sources.values()
        for number, line in enumerate(source.text.splitlines(), start=1)
        if pattern.search(line)
    ]
