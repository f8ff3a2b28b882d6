"""A snapshot from a file or a text, with the overrides of the command line or a running istiod.

Not here: what the parts look like (`schema`, `folder`, `upstream`) and how they are put together
(`snapshot`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from injector import yamltext
from injector.classes import dataclass, replace
from injector.config import pod_settings, upstream, value_schema, values
from injector.config.fields import key_of
from injector.config.folder import NO_FOLDER, PROFILE, Files, Folder, expanded, find, open_folder
from injector.config.schema import Settings, read_settings, refuse
from injector.config.snapshot import build, completed, contents
from injector.config.values import Place
from injector.core.model import Finding
from injector.core.profile import Config
from injector.errors import ConfigError
from injector.files import read_text
from injector.pointer import join
from injector.templating.render import TemplateSource

DEFAULTS: Final = "(defaults)"


@dataclass(frozen=True, slots=True)
class Text:
    """A text and the name of its origin in messages."""

    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class Overrides:
    """What replaces parts of the configuration file.

    `mesh` is a mesh configuration, `values` the values as a control plane holds them, `inject`
    its injection settings with templates. `live`: they come from a running istiod, and the
    profile's templates replace those that istiod ships. `revision` and `control_namespace` are flags.
    """

    mesh: Text | None = None
    values: Text | None = None
    inject: Text | None = None
    live: bool = False
    revision: str | None = None
    control_namespace: str | None = None


NONE: Final = Overrides()
_TOP: Final = frozenset(key_of(member) for member in dataclasses.fields(Settings))


@dataclass(frozen=True, slots=True)
class Input:
    """Everything that a snapshot is made of: the file, the folder that its paths start from, the
    overrides, and the files that were read for it so far.

    `base` is None where the configuration is not a local file: then it may not name files.
    """

    file: Text
    base: str | None = "."
    overrides: Overrides = NONE
    files: Files = field(default_factory=Files)

    @classmethod
    def from_file(cls, path: str | None, overrides: Overrides = NONE) -> Input:
        """The input for a configuration file, or for the defaults. Raises ConfigError."""
        if path is None:
            return cls(Text("", DEFAULTS), None, overrides)
        return cls(Text(read_text(Path(path)), path), str(Path(path).parent), overrides)


def load(path: str | None, overrides: Overrides = NONE) -> Config:
    """The snapshot of a configuration file, or of the defaults. Raises ConfigError."""
    return load_input(Input.from_file(path, overrides))


def settings_of(inputs: Input) -> Settings:
    """The settings of a configuration as they are written. Raises ConfigError."""
    return read_settings(inputs.file.text, inputs.file.origin)


def rules_of(inputs: Input) -> str:
    """The rule module of the profile that a configuration names. Raises ConfigError."""
    return folder_of(settings_of(inputs), inputs).rules


def load_input(inputs: Input) -> Config:
    """The snapshot. Raises ConfigError, a TemplateError for templates of an `inject` file among them."""
    settings = read_settings(inputs.file.text, inputs.file.origin)
    config = load_settings(settings, inputs)
    check_schema(config, settings, inputs)
    return config


def check_schema(config: Config, settings: Settings, inputs: Input) -> None:
    """Compare the values with the schema of the profile, in a child process. Raises ConfigError."""
    schema = config.profile.schema
    if schema is None:
        return
    problems = value_schema.in_child(schema, config.values)
    if problems:
        own = Place(inputs.file.text, inputs.file.origin)
        raise values.refusal(problems, settings.values, own, _profile_place(settings, inputs))


def load_settings(settings: Settings, inputs: Input) -> Config:
    """The snapshot, where the settings of the input's file are already read.

    Its values are not compared with a schema of the profile.
    """
    resolved = _resolved(settings, inputs)
    settings, templates = resolved.settings, resolved.templates
    try:
        config = build(
            settings,
            resolved.folder,
            templates=templates,
            complete=resolved.complete,
            mesh_document=inputs.overrides.mesh is not None,
            findings=resolved.findings,
        )
    except ConfigError as error:
        raise _with_origin(error, inputs) from error
    if inputs.overrides.inject is not None:
        for name in resolved.of_inject:
            config.templates.compile(name)
    place = values.Place(inputs.file.text, inputs.file.origin)
    noticed = values.reported(list(pod_settings.problems(settings, config)), place)
    return replace(config, findings=(*config.findings, *noticed))


def contents_of(inputs: Input) -> dict[str, Any]:
    """Everything that an answer depends on, as its digest covers it. Raises ConfigError."""
    resolved = _resolved(settings_of(inputs), inputs)
    return contents(
        resolved.settings,
        resolved.folder,
        completed(resolved.settings, resolved.folder, resolved.complete),
        {**resolved.folder.sources, **resolved.templates},
        inputs.overrides.mesh is not None,
    )


@dataclass(frozen=True, slots=True)
class _Resolved:
    """The settings with all overrides, and what a snapshot is built of beside them."""

    settings: Settings
    folder: Folder
    templates: dict[str, TemplateSource]
    of_inject: frozenset[str]
    complete: dict[str, Any]
    findings: tuple[Finding, ...]


def _resolved(settings: Settings, inputs: Input) -> _Resolved:
    folder = folder_of(settings, inputs)
    settings, findings = _with_checked_values(settings, folder, inputs)
    templates = own_templates(settings, inputs)
    settings, complete, of_complete = _with_flags(settings, folder, inputs.overrides)
    findings += _misspelt_settings(settings, folder, inputs)
    settings, more, of_inject = _with_inject(settings, inputs.overrides)
    all_findings = (*findings, *of_complete, *of_inject)
    return _Resolved(settings, folder, {**templates, **more}, frozenset(more), complete, all_findings)


def _with_checked_values(
    settings: Settings, folder: Folder, inputs: Input
) -> tuple[Settings, tuple[Finding, ...]]:
    """The settings with the values of the file as they are meant, and what was noticed about them."""
    text, origin, quirks = inputs.file.text, inputs.file.origin, settings.compatibility.istio_quirks
    if quirks and folder.rules == "istio":
        refuse(upstream.typed_problems(settings.values, "/values"), text, origin)
    place = Place(text, origin, "/values")
    checked, findings = values.checked(settings.values, folder.profile, place, own=True, quirks=quirks)
    return replace(settings, values=checked), findings


def _misspelt_settings(settings: Settings, folder: Folder, inputs: Input) -> tuple[Finding, ...]:
    mesh = inputs.overrides.mesh
    source, above = (inputs.file, "/meshConfig") if mesh is None else (mesh, "")
    place = Place(source.text, source.origin, above)
    return values.misspelt_settings(settings.mesh_config, folder.profile, place)


def _profile_place(settings: Settings, inputs: Input) -> Place:
    """The text of `profile.yaml`, which was read before."""
    base = None if inputs.base is None else Path(inputs.base)
    folder = find(settings.profile, base, inputs.files)
    return Place(inputs.files.text(folder, PROFILE), str(folder / PROFILE))


def folder_of(settings: Settings, inputs: Input) -> Folder:
    """The profile that the settings name. Raises ConfigError with the place of the setting."""
    try:
        base = None if inputs.base is None else Path(inputs.base)
        return open_folder(find(settings.profile, base, inputs.files), inputs.files)
    except ConfigError as error:
        raise _with_origin(error, inputs) from error


def _with_origin(error: ConfigError, inputs: Input) -> ConfigError:
    """The same error with file and line of the setting, unless it names a file already."""
    place = "profile" if error.where.startswith("profile ") else error.where
    if type(error) is not ConfigError or place.partition(".")[0] not in _TOP:
        return error
    # A profile's message begins with the path of the field, which is more exact than the key.
    path = error.message.partition(":")[0]
    inside = path.startswith(f"{place}.")
    pointer = "/" + (path if inside else place).replace(".", "/")
    source = inputs.file
    if place == "meshConfig" and inputs.overrides.mesh is not None:
        source, pointer = inputs.overrides.mesh, pointer.removeprefix("/meshConfig")
    line = yamltext.locate(yamltext.Document(source.text, source=source.origin), pointer)
    where = f"{source.origin}:{line}" + ("" if inside else f": {error.where}")
    return ConfigError(error.message, where=where, hint=error.hint)


def own_templates(settings: Settings, inputs: Input) -> dict[str, TemplateSource]:
    """The user's templates of the configuration file, those of files read. Raises ConfigError."""
    out = {}
    for name, template in settings.templates.items():
        pointer = join("/templates", name)
        line = upstream.first_line(inputs.file.text, inputs.file.origin, pointer)
        if template.file:
            out[name] = _of_file(name, str(expanded(template.file)), inputs, f"{inputs.file.origin}:{line}")
        else:
            out[name] = TemplateSource(name, template.text, inputs.file.origin, line)
    return out


def _of_file(name: str, file: str, inputs: Input, where: str) -> TemplateSource:
    if inputs.base is None:
        hint = "replace the map with the text of the template"
        raise ConfigError(f"a file is not allowed here: {NO_FOLDER}", where=f"{where}: templates", hint=hint)
    folder = Path(inputs.base)
    try:
        return TemplateSource(name, inputs.files.text(folder, file), str(folder / file))
    except ConfigError as error:
        raise ConfigError(error.message, where=f"{where}: {error.where}", hint=error.hint) from error


def _with_flags(
    settings: Settings, folder: Folder, over: Overrides
) -> tuple[Settings, dict[str, Any], tuple[Finding, ...]]:
    """The settings with mesh configuration, revision and namespace of the flags; and complete values."""
    changes: dict[str, Any] = {}
    complete: dict[str, Any] = {}
    findings: tuple[Finding, ...] = ()
    if over.mesh is not None:
        changes["mesh_config"] = upstream.tree_of(over.mesh.text, over.mesh.origin, "a mesh configuration")
    if over.values is not None:
        complete = upstream.tree_of(over.values.text, over.values.origin, "values")
        text, origin, quirks = over.values.text, over.values.origin, settings.compatibility.istio_quirks
        if quirks and folder.rules == "istio":
            refuse(upstream.typed_problems(complete), text, origin)
        place = Place(text, origin)
        complete, findings = values.checked(complete, folder.profile, place, own=False, quirks=quirks)
    if over.revision is not None:
        changes["revision"] = "" if over.revision == "default" else over.revision
    settings = replace(settings, **changes)
    if folder.rules == "istio":
        complete = _placed_in_values(complete, settings, over)
    return settings, complete, findings


def _placed_in_values(complete: dict[str, Any], settings: Settings, over: Overrides) -> dict[str, Any]:
    """The values with revision and namespace, where the installer of a control plane writes them."""
    out = dict(complete)
    if settings.revision:
        out.setdefault("revision", settings.revision)
    if over.control_namespace is not None:
        out["global"] = {**(out.get("global") or {}), "istioNamespace": over.control_namespace}
    return out


def _with_inject(
    settings: Settings, over: Overrides
) -> tuple[Settings, dict[str, TemplateSource], tuple[Finding, ...]]:
    """The settings with those of istiod's format, its templates, and what cannot be used."""
    if over.inject is None:
        return settings, {}, ()
    text, origin = over.inject.text, over.inject.origin
    findings: tuple[Finding, ...] = ()
    if over.live:
        inject_config = upstream.full_config(text, origin)
        templates, findings = upstream.usable(inject_config, text, origin)
    else:
        inject_config = upstream.inject_config(text, origin)
        templates = upstream.sources(inject_config, text, origin)
    names = ("policy", "default_templates", "aliases", "never_inject_selector", "always_inject_selector",
             "injected_annotations")  # fmt: skip
    changes = {name: getattr(inject_config, name) for name in names if getattr(inject_config, name)}
    return replace(settings, **changes), templates, findings
