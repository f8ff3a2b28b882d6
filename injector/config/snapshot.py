"""From checked settings and a profile folder to the one snapshot that `inject` works with.

Not here: reading files and texts (`loading`, `folder`, `upstream`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from injector import __version__
from injector.classes import replace
from injector.config import shipped
from injector.config.fields import key_of
from injector.config.folder import Folder
from injector.config.kind_settings import table_of
from injector.config.schema import Settings
from injector.core import status
from injector.core.annotation_rule import AnnotationRule
from injector.core.caller_rule import CallerRule
from injector.core.catalogue import Catalogue
from injector.core.finding_codes import FindingCode
from injector.core.model import Finding
from injector.core.policy import Policy
from injector.core.profile import Config
from injector.core.raw_settings import RawSettings
from injector.core.selectors import Selector, parse
from injector.templating.render import Templates, TemplateSource

# Maps that a user writes as a whole: merging would bring back what was left out on purpose.
_WHOLE = ("global.proxy.resources",)


def build(
    settings: Settings,
    folder: Folder,
    *,
    templates: Mapping[str, TemplateSource] | None = None,
    complete: Mapping[str, Any] | None = None,
    mesh_document: bool = False,
    findings: Sequence[Finding] = (),
) -> Config:
    """The snapshot. `templates` are the user's own, by name; one of a shipped name replaces it.

    `complete` are values as a control plane holds them, everything merged; the settings' values
    come on top. `mesh_document`: the mesh configuration is a control plane's whole document, not
    what an operator adds to the defaults. Raises ConfigError where the profile refuses a setting.
    """
    profile = folder.profile
    values = completed(settings, folder, complete or {})
    sources = {**folder.sources, **(templates or {})}
    out = list(findings)
    config = Config(
        profile=profile,
        policy=_policy(settings, folder, values, out),
        templates=Templates(sources, profile.functions, ahead=shipped.compiled),
        values=values,
        settings=profile.settings(_for_profile(settings, values, mesh_document)),
        default_templates=settings.default_templates or profile.default_templates,
        aliases=settings.aliases,
        injected_annotations=settings.injected_annotations,
        annotation_rules=_annotation_rules(settings),
        namespace_defaults=() if settings.compatibility.istio_quirks else settings.namespace_defaults,
        native_sidecars=settings.native_sidecars,
        pod_resources=settings.pod_resources,
        placement={} if settings.compatibility.istio_quirks else settings.placement,
        revision=settings.revision,
        quirks=settings.compatibility.istio_quirks,
        work_limit=settings.work_limit,
        kinds=table_of(settings.kinds),
        shipped=frozenset(folder.sources.keys() - (templates or {}).keys() if folder.ships else ()),
        digest=status.digest_of(contents(settings, folder, values, sources, mesh_document)),
    )
    out += profile.setting_findings(config)
    return replace(config, findings=tuple(out))


def _for_profile(settings: Settings, values: dict[str, Any], mesh_document: bool) -> RawSettings:
    """What only the profile reads, as it is written in the file."""
    return RawSettings(
        mesh_config=settings.mesh_config,
        platform=settings.platform,
        compliance_policy=settings.compliance_policy,
        values=values,
        revision=settings.revision,
        mesh_document=mesh_document,
    )


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Maps merge deeply, everything else replaces, null deletes."""
    out = dict(base)
    for key, value in over.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, Mapping):
            below = out.get(key)
            out[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            out[key] = value
    return out


def completed(settings: Settings, folder: Folder, complete: Mapping[str, Any]) -> dict[str, Any]:
    """All values: those of the profile, of a control plane, and of the settings."""
    return merged(_completed(folder.profile.values, complete), settings.values)


def _completed(defaults: Mapping[str, Any], complete: Mapping[str, Any]) -> dict[str, Any]:
    out = merged(defaults, complete)
    for path in _WHOLE:
        *parents, last = path.split(".")
        at: Any = complete
        into: Any = out
        for part in parents:
            at = at.get(part) if isinstance(at, Mapping) else None
            into = into.get(part) if isinstance(into, Mapping) else None
        if isinstance(at, Mapping) and isinstance(at.get(last), Mapping):
            into[last] = merged({}, at[last])
    return out


def _policy(settings: Settings, folder: Folder, values: dict[str, Any], findings: list[Finding]) -> Policy:
    profile = folder.profile
    # istiod has none of these rules, so that the quirks leave them out.
    own_rules = not settings.compatibility.istio_quirks
    return Policy(
        mode=settings.policy,
        switch=profile.keys.switch,
        status=profile.keys.status,
        ignored_namespaces=profile.ignored_namespaces,
        never=_selectors(settings.never_inject_selector, "neverInjectSelector", findings),
        always=_selectors(settings.always_inject_selector, "alwaysInjectSelector", findings),
        entries=profile.entries(settings.revision, values),
        foreign=profile.foreign if own_rules else (),
        operating_systems=profile.operating_systems if own_rules else frozenset(),
        skip_runtime_classes=frozenset(settings.skip_runtime_classes if own_rules else ()),
        callers=tuple(CallerRule(rule.action, rule.usernames, rule.groups) for rule in settings.callers),
        external=bool(settings.server.source.istio.namespace),
    )


def _annotation_rules(settings: Settings) -> tuple[AnnotationRule, ...]:
    return tuple(
        AnnotationRule(parse(rule.namespace_selector), rule.allow, rule.deny, rule.withhold)
        for rule in settings.annotations
    )


def _selectors(raw: Sequence[Any], key: str, findings: list[Finding]) -> tuple[Selector, ...]:
    """The selectors that can be read; as istiod does it, one that cannot be read is left out."""
    selectors = []
    for number, item in enumerate(raw):
        try:
            selectors.append(parse(item))
        except ValueError as error:
            findings.append(Finding.of(FindingCode.SELECTOR, f"{key}[{number}] is ignored: {error}"))
    return tuple(selectors)


def contents(
    settings: Settings,
    folder: Folder,
    values: Mapping[str, Any],
    sources: Mapping[str, TemplateSource],
    mesh_document: bool,
) -> dict[str, Any]:
    """Everything that an answer depends on, by the paths that people write."""
    fields = _as_written(settings)
    # The limit of work changes no sidecar: it only refuses pods. Kinds only say where pods are.
    for key in ("server", "templates", "profile", "values", "workLimit", "kinds"):
        del fields[key]
    profile = folder.profile
    own = {
        "name": profile.name,
        "rules": folder.rules,
        "keys": _as_written(profile.keys),
        "ignoredNamespaces": sorted(profile.ignored_namespaces),
        "operatingSystems": sorted(profile.operating_systems),
        "defaultTemplates": list(profile.default_templates),
        "foreignSidecars": [{"container": mark.container, "env": list(mark.env)} for mark in profile.foreign],
        "catalogue": _catalogue(profile.extra_catalogue),
        "schema": profile.schema,
    }
    if profile.entry:
        own["namespaceSelector"] = profile.entry.namespaces.as_manifest()
        own["objectSelector"] = profile.entry.objects.as_manifest()
    return {
        **fields,
        "injector": __version__,
        "meshDocument": mesh_document,
        "profile": own,
        "templates": {name: source.text for name, source in sources.items()},
        "values": values,
    }


def _as_written(value: Any) -> Any:
    """Settings as the tree that a configuration file would hold."""
    if dataclasses.is_dataclass(value):
        return {
            key_of(member): _as_written(getattr(value, member.name)) for member in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {key: _as_written(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_written(member) for member in value]
    return value


def _catalogue(catalogue: Catalogue) -> dict[str, Any]:
    """The keys that a profile folder adds to what its rules know, sorted."""
    return {
        "annotations": sorted(catalogue.annotations),
        "labels": sorted(catalogue.labels),
        "namespaceLabels": sorted(catalogue.namespace_labels),
        "domains": sorted(catalogue.domains),
        "powers": _as_written(catalogue.affects),
    }
