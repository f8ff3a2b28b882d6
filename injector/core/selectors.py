"""Label selectors as Kubernetes evaluates them, and the webhook entries that are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from injector.classes import dataclass
from injector.core import names
from injector.core.model import Manifest, Namespace

OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")

# A value that no selector is expected to name.
_OTHER = "any-other-value"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One expression of a selector: key, operator, values."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels satisfy it; NotIn also holds where the key is missing."""
        present = self.key in labels
        match self.operator:
            case "In":
                return present and labels[self.key] in self.values
            case "NotIn":
                return not present or labels[self.key] not in self.values
            case "Exists":
                return present
            case _:
                return not present

    def __str__(self) -> str:
        if self.operator in ("Exists", "DoesNotExist"):
            return f"{self.key} {self.operator}"
        return f"{self.key} {self.operator} [{', '.join(sorted(self.values))}]"


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector: all its requirements hold. Without any it matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether all requirements hold for these labels."""
        return all(r.matches(labels) for r in self.requirements)

    def __str__(self) -> str:
        return " and ".join(map(str, self.requirements)) or "everything"

    def as_manifest(self) -> Manifest:
        """The selector as Kubernetes writes it, expressions only."""
        out = []
        for r in self.requirements:
            expression: Manifest = {"key": r.key, "operator": r.operator}
            if r.values:
                expression["values"] = sorted(r.values)
            out.append(expression)
        return {"matchExpressions": out} if out else {}


def parse(raw: Any) -> Selector:
    """A selector from matchLabels and matchExpressions.

    Raises ValueError with what is wrong, as the API server would refuse it.
    """
    if not isinstance(raw, Mapping):
        raise ValueError("a map with matchLabels or matchExpressions is expected")
    unknown = set(raw) - {"matchLabels", "matchExpressions"}
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}; known keys: matchLabels, matchExpressions")
    labels, expressions = raw.get("matchLabels") or {}, raw.get("matchExpressions") or []
    if not isinstance(labels, Mapping) or not all(isinstance(v, str) for v in labels.values()):
        raise ValueError("matchLabels must be a map of strings")
    if not isinstance(expressions, list):
        raise ValueError("matchExpressions must be a list")
    from_labels = [Requirement(key, "In", frozenset([value])) for key, value in labels.items()]
    return Selector((*from_labels, *map(_expression, expressions)))


def _expression(raw: Any) -> Requirement:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("key"), str) or not raw["key"]:
        raise ValueError("each element of matchExpressions must be a map with a key and an operator")
    operator, values = raw.get("operator"), raw.get("values") or []
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise ValueError(f"values of {raw['key']!r} must be a list of strings")
    if operator not in OPERATORS:
        raise ValueError(f"operator of {raw['key']!r} must be one of {', '.join(OPERATORS)}")
    if (operator in ("In", "NotIn")) != bool(values):
        raise ValueError(f"{operator} of {raw['key']!r} {'needs' if not values else 'takes no'} values")
    return Requirement(raw["key"], operator, frozenset(values))


@dataclass(frozen=True, slots=True)
class WebhookEntry:
    """One entry of a MutatingWebhookConfiguration, by the two selectors that decide whether it is called."""

    name: str
    namespaces: Selector
    objects: Selector

    def matches(self, namespace: Namespace, labels: Mapping[str, str]) -> bool:
        """Whether the API server would call it; every namespace carries its name as a label."""
        of_namespace = {names.METADATA_NAME_LABEL: namespace.name, **namespace.labels}
        return self.namespaces.matches(of_namespace) and self.objects.matches(labels)


def satisfying_labels(*chosen: Selector) -> dict[str, str] | None:
    """The fewest labels that satisfy all selectors at once; None where no labels do."""
    wanted: dict[str, list[Requirement]] = {}
    for requirement in (r for selector in chosen for r in selector.requirements):
        wanted.setdefault(requirement.key, []).append(requirement)
    chosen_labels: dict[str, str] = {}
    for key, requirements in wanted.items():
        named = sorted({value for r in requirements if r.operator == "In" for value in r.values})
        tried: list[dict[str, str]] = [{}, *({key: value} for value in [*named, _OTHER])]
        fitting = next((labels for labels in tried if all(r.matches(labels) for r in requirements)), None)
        if fitting is None:
            return None
        chosen_labels |= fitting
    return chosen_labels


def selected(
    entries: Iterable[WebhookEntry], namespace: Namespace, labels: Mapping[str, str]
) -> WebhookEntry | None:
    """The first entry that the API server would call for such a pod."""
    return next((e for e in entries if e.matches(namespace, labels)), None)
