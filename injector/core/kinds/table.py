"""The table of kinds as it is looked into: by kind and API group. Not here: its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from injector.core.kinds.row import Kind

_LIST: Final = "List"
# OpenShift's, which it served as a core kind before it had a group.
TEMPLATE: Final = ("Template", frozenset({"template.openshift.io", ""}))


def group_of(api_version: object) -> str:
    """The API group of an apiVersion, empty for the core group."""
    group, slash, _ = str(api_version or "").partition("/")
    return group if slash else ""


class KindTable:
    """Rows of kinds. Of rows with one name the first is meant where no API group is named."""

    def __init__(self, rows: Iterable[Kind]) -> None:
        self.rows: Final = tuple(rows)
        named: dict[str, list[Kind]] = {}
        for row in self.rows:
            named.setdefault(row.kind, []).append(row)
        self._named: Final = {kind: tuple(each) for kind, each in named.items()}

    def with_more(self, rows: Iterable[Kind]) -> KindTable:
        """The table with more rows. They replace those of their kind and group."""
        more = tuple(rows)
        if not more:
            return self
        new = {(row.kind, group) for row in more for group in row.groups}
        return KindTable(
            [row for row in self.rows if new.isdisjoint((row.kind, group) for group in row.groups)] + [*more]
        )

    def knows(self, kind: str) -> bool:
        """Whether there is a row with this name."""
        return kind in self._named

    def row(self, kind: object, api_version: object) -> Kind | None:
        """The row of a kind of an API group, None where there is none."""
        rows = self._named.get(kind) if isinstance(kind, str) else None
        if not rows:
            return None
        group = group_of(api_version)
        return next((row for row in rows if group in row.groups), None)

    def of(self, manifest: Mapping[str, Any]) -> Kind | None:
        """The row of an object: of its kind and group, else of the upstream kind with its name."""
        kind = manifest.get("kind")
        rows = self._named.get(kind) if isinstance(kind, str) else None
        if not rows:
            return None
        return self.row(kind, manifest.get("apiVersion")) or self.upstream(kind)

    def upstream(self, kind: object) -> Kind | None:
        """The row of a kind that upstream injects into, whatever its group is."""
        rows = self._named.get(kind) if isinstance(kind, str) else None
        return next((row for row in rows or () if row.upstream), None)

    def owner(self, kind: str, api_version: str) -> Kind | None:
        """The row of the workload that pods are attributed to, by its kind and API version."""
        rows = self._named.get(kind) or ()
        named = next((row for row in rows if row.owner_version and row.owner_version == api_version), None)
        row = named or self.row(kind, api_version)
        # Of Kubernetes' own kinds the API server serves one version.
        return None if row is None or (row.upstream and row.api_version != api_version) else row

    def called(self, word: str) -> Kind | None:
        """The kind that kubectl calls so: ``sts``, ``deployments``, ``asts`` or ``jobs.batch``."""
        short, _, group = word.lower().partition(".")
        rows = [row for row in self.rows if row.plural and short in row.names(group=bool(group))]
        return next((row for row in rows if not group or row.serves(group)), None)

    def without_template(self, name: str) -> Kind | None:
        """The kind with this lower-case name, of those that say why they have no pod template."""
        named = (row for row in self.rows if not row.templates and row.without)
        return next((row for row in named if name in (row.kind.lower(), f"{row.kind.lower()}s")), None)

    def may_hold_pods(self, api_version: str, kind: str) -> bool:
        """Whether objects of a kind, or in a list or Template of it, are workloads or are named as such.

        The group of an upstream kind is not looked at: with quirks it does not count.
        """
        if kind in (_LIST, TEMPLATE[0]):
            return True
        single = kind.removesuffix(_LIST)
        rows = self._named.get(kind) or self._named.get(single)
        if not rows:
            return False
        group = group_of(api_version)
        return any(row.upstream or (group in row.groups and not makes_no_pods(row)) for row in rows)


def makes_no_pods(row: Kind | None) -> bool:
    """Whether a row is about a kind that has containers and makes no pods."""
    return row is not None and not row.templates and not row.without
