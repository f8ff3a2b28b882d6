"""Fields that templates inject, checked against those of Kubernetes.

Sample pods are valid, so that what is wrong with a result comes from the templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from injector.core import pod_fields
from injector.core.finding_codes import FindingCode
from injector.core.model import Finding, Manifest
from injector.pointer import split
from injector.templating.render import TemplateSource


def field_findings(pod: Manifest, sources: Mapping[str, TemplateSource]) -> Iterator[Finding]:
    """A finding for each field of an injected pod that the API server would refuse."""
    for part, of in (("metadata", "ObjectMeta"), ("spec", "PodSpec")):
        for problem in pod_fields.problems(pod.get(part), of):
            if problem.refused:
                place, key = _place(pod[part], part, problem.pointer)
                where = _line(key, sources)
                yield Finding.of(FindingCode.FIELD, f"{place}: {problem.message}", where, problem.hint)


def _place(tree: Any, part: str, pointer: str) -> tuple[str, str]:
    """The place of a field, with the names of list items in place of their numbers; and its key."""
    place, key = part, part
    for step in split(pointer):
        if isinstance(tree, list):
            tree = tree[int(step)]
            name = tree.get("name") if isinstance(tree, dict) else None
            place += f"[{name if isinstance(name, str) else step}]"
        else:
            tree = tree[step]
            place, key = f"{place}.{step}", step
    return place, key


def _line(key: str, sources: Mapping[str, TemplateSource]) -> str:
    """Where the templates write a key, if that is one place only."""
    pattern = re.compile(rf"(?:^|[\s{{,\"'-]){re.escape(key)}[\"']?\s*:")
    places = [
        source.where(number)
        for source in sources.values()
        for number, line in enumerate(source.text.splitlines(), start=1)
        if pattern.search(line)
    ]
    return places[0] if len(places) == 1 else ""
