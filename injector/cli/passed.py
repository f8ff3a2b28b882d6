"""Objects with a pod template that is not injected: of an unknown kind, or with a parameter in its place."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final

from injector import yamltext
from injector.classes import dataclass
from injector.cli.reporting.places import ManifestSite, SiteOf
from injector.core import kinds, shapes, workload
from injector.core.documents import place
from injector.core.kinds import KindTable
from injector.core.model import Manifest
from injector.errors import ManifestError
from injector.patterns import pattern
from injector.pointer import get
from injector.printable import shown
from injector.yamltext import Document

_CONTAINERS = pattern(r"containers[\"']?\s*:")
_HINT: Final = "the webhook can still inject its pods when they are created"


@dataclass(frozen=True, slots=True)
class Passed:
    """Such an object: its name, why it is passed, what to do, and its metadata where that is valid."""

    label: str
    sentence: str
    hint: str
    where: str
    template: Manifest = field(default_factory=dict)
    holder: Manifest = field(default_factory=dict)
    site_of: SiteOf | None = None
    # The pods are injected by another way, so that nothing is lost.
    is_complete: bool = False


def tree_with_containers(document: Document, kind: tuple[str, str] | None) -> Manifest | None:
    """The tree of an object that has containers, None for any other document."""
    if kind is None or not _CONTAINERS.search(document.text):
        return None
    if kinds.makes_no_pods(kinds.TABLE.row(kind[1], kind[0])):
        return None
    try:
        tree = yamltext.load(document)
    except ManifestError:
        return None
    return tree if isinstance(tree, dict) else None


def not_injectable(
    document: Document, manifest: Manifest, pointer: str, table: KindTable = kinds.TABLE
) -> Passed | None:
    """An object that makes pods from no pod template of its own, or of an unknown kind; None for others."""
    row = table.row(manifest.get("kind"), manifest.get("apiVersion"))
    if kinds.makes_no_pods(row):
        return None
    if row and (reference := get(manifest, row.reference) if row.reference else None) is not None:
        return _of_another(document, manifest, pointer, row.reference, reference)
    if row and row.without:
        return Passed(label_of(manifest), row.without, _HINT, place(document, pointer))
    return _unknown_template(document, manifest, pointer)


def _of_another(document: Document, manifest: Manifest, pointer: str, at: str, reference: Any) -> Passed:
    """An object that names the one whose pods it manages."""
    names = reference if isinstance(reference, dict) else {}
    other = f"{shown(names['kind'])} {shown(names.get('name') or '?')}" if names.get("kind") else ""
    where = place(document, pointer + at)
    sentence = f"Its pod template is that of {other or 'another object'} ({at})."
    hint = f"inject into {other}" if other else _HINT
    return Passed(label_of(manifest), sentence, hint, where, is_complete=True)


def _unknown_template(document: Document, manifest: Manifest, pointer: str) -> Passed | None:
    """An object with a pod template of an unknown kind, by its shape; None for one without."""
    templates = shapes.pod_templates(manifest)
    if not templates:
        return None
    first, more = templates[0], len(templates) - 1
    where = place(document, pointer + first)
    which = f"The pod template at {where} ({shown(first or '/')})"
    which += f" and {more} more" if more else ""
    template, holder = _with_metadata(get(manifest, first)), _with_metadata(manifest)

    def site_of(at: str) -> ManifestSite:
        inside = at and get(template, at) is not None
        return ManifestSite(document, pointer + (first + at if inside else at))

    return Passed(
        label_of(manifest),
        f"{which} {'are' if more else 'is'} not injected.",
        _hint(manifest),
        where,
        template,
        holder,
        site_of,
    )


def is_parameter(manifest: Manifest, at: str, pointer: str) -> bool:
    """Whether an object of an OpenShift Template has a parameter where something else is expected."""
    value = get(manifest, at)
    return "/objects/" in pointer and isinstance(value, str) and "${" in value


def with_parameter(document: Document, manifest: Manifest, pointer: str, error: ManifestError) -> Passed:
    """An object of a Template whose pod template is known only when the parameters are."""
    where = place(document, pointer + error.where)
    sentence = f"A parameter of the Template is at {where}: {error.message}."
    return Passed(label_of(manifest), sentence, "run oc process first, and inject its output", where)


def _hint(manifest: Manifest) -> str:
    """What to do; a kind of Kubernetes has an apiVersion of another group."""
    kind = manifest.get("kind")
    if kinds.TABLE.row(kind, manifest.get("apiVersion")):
        return f"with istioQuirks, only kinds that istioctl knows are injected into; {_HINT}"
    row = kinds.TABLE.upstream(kind)
    return f"a {row.kind} of Kubernetes has apiVersion: {row.api_version}" if row else _HINT


def label_of(manifest: Manifest) -> str:
    """The name of an object for messages, as far as it can be read."""
    meta = manifest.get("metadata")
    names = meta if isinstance(meta, dict) else {}
    name = shown(names.get("name") or names.get("generateName") or "?")
    namespace = f"{shown(names['namespace'])}/" if names.get("namespace") else ""
    return f"{shown(manifest.get('kind'))} {namespace}{name}"


def _with_metadata(value: Any) -> Manifest:
    """The metadata of an object or template, where Kubernetes would accept its form."""
    meta = {"metadata": value.get("metadata")} if isinstance(value, dict) else {}
    try:
        workload.check_pod(meta)
    except ManifestError:
        return {}
    return meta
