"""A bundle: everything that a rendering depends on beside the manifests, as one text.

The same configuration gives the same text, in whatever order its keys and files were. Its paths are gone:
files are in it. Not here: files, digests, and clusters (the command line).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from injector import __version__, yamltext
from injector.classes import dataclass
from injector.config import upstream
from injector.config.fields import (
    FLAG,
    NAMES,
    STRINGS,
    TEXT,
    TREE,
    Reading,
    key_of,
    number,
    read,
    section,
    setting,
)
from injector.config.folder import PROFILE, SUFFIX, Files, find
from injector.config.loading import Input, Overrides, Text, folder_of, load_input, own_templates, settings_of
from injector.config.schema import parsed, refuse
from injector.config.upstream import InjectConfig
from injector.errors import ConfigError, ManifestError
from injector.patterns import pattern
from injector.pointer import join, split
from injector.printable import shown

FORMAT: Final = 1
# The folder of the profile in what a bundle unpacks to.
_FOLDER: Final = "profile"
_PRIVATE_KEY = pattern(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_PACK_AGAIN: Final = "pack it again with 'injector bundle'"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedProfile:
    """A profile folder."""

    settings: dict[str, Any] = setting(dict, TREE, "The content of profile.yaml, with its name.")
    templates: dict[str, str] = setting(dict, STRINGS, "Templates by name.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedControlPlane:
    """What replaces parts of the configuration: the documents of a control plane, and flags."""

    mesh_config: dict[str, Any] | None = setting(None, TREE, "The whole mesh configuration.")
    values: dict[str, Any] | None = setting(None, TREE, "All values of a control plane.")
    injection: dict[str, Any] | None = setting(None, TREE, "Its injection settings.")
    live: bool = setting(False, FLAG, "Whether they are those of an istiod, with templates of its own.")
    revision: str | None = setting(None, TEXT, "The revision.")
    namespace: str | None = setting(None, TEXT, "The namespace of the control plane.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The whole text."""

    bundle: int = setting(0, number(FORMAT, FORMAT), "Version of this format.")
    injector: str = setting("", TEXT, "Version of the injector that packed it.")
    configuration: dict[str, Any] = setting(dict, TREE, "The configuration file, without its files.")
    profile: PackedProfile = setting(PackedProfile, section(PackedProfile), "The profile.")
    control_plane: PackedControlPlane = setting(
        PackedControlPlane, section(PackedControlPlane), "What replaces parts of the configuration."
    )
    tags: tuple[str, ...] = setting((), NAMES, "Revision tags that point to this configuration.")
    native_sidecars: bool | None = setting(None, FLAG, "Whether the cluster supports native sidecars.")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a bundle holds."""

    inputs: Input
    tags: tuple[str, ...] = ()
    native_sidecars: bool | None = None


def pack(unpacked: Unpacked) -> str:
    """The text of a bundle. Raises ConfigError for what does not load, or holds a Secret."""
    inputs = unpacked.inputs
    load_input(inputs)
    tree: dict[str, Any] = {
        "bundle": FORMAT,
        "injector": __version__,
        "configuration": _configuration(inputs),
        "profile": _profile(inputs),
        "controlPlane": _control_plane(inputs.overrides),
        "tags": sorted(set(unpacked.tags)),
        "nativeSidecars": unpacked.native_sidecars,
    }
    tree = {key: value for key, value in tree.items() if value not in (None, {}, [])}
    for pointer, what in _secrets(tree, ""):
        at = ".".join(split(pointer))
        raise ConfigError(f"{at} holds {what}, and a bundle holds none", where=inputs.file.origin,
                          hint="name a Secret instead of its content")  # fmt: skip
    try:
        return yamltext.dump(tree, sort_keys=True)
    except ManifestError as error:
        raise ConfigError(error.message, where=inputs.file.origin, hint=error.hint) from error


def unpack(text: str, origin: str) -> Unpacked:
    """What a bundle holds. Raises ConfigError for another text, and for one of another injector version."""
    try:
        tree = yamltext.load_untrusted(text, origin)
    except ManifestError as error:
        raise ConfigError(error.message, where=error.where, hint=_PACK_AGAIN) from error
    if not isinstance(tree, dict) or "bundle" not in tree:
        raise ConfigError("this is no bundle", where=origin, hint="make one with 'injector bundle'")
    version = tree.get("injector")
    if version != __version__:
        raise ConfigError(
            f"packed by version {shown(version)} of the injector, and this is {__version__}",
            where=origin,
            hint=f"use that version, or {_PACK_AGAIN}",
        )
    reading = Reading()
    bundle = read(Bundle, tree, "", reading)
    refuse(reading.problems, text, origin)
    inputs = _input(bundle, yamltext.Document(text, source=origin))
    return Unpacked(inputs, bundle.tags, bundle.native_sidecars)


def _configuration(inputs: Input) -> dict[str, Any]:
    """The configuration file with the texts of its templates, and nothing that only `serve` reads.

    That its istiod is read is a fact about the decisions, so that its namespace stays.
    """
    tree = dict(parsed(inputs.file.text, inputs.file.origin) or {})
    settings = settings_of(inputs)
    tree.pop("profile", None)
    tree.pop("server", None)
    if settings.templates:
        tree["templates"] = {name: source.text for name, source in own_templates(settings, inputs).items()}
    if settings.server.source.istio.namespace:
        tree["server"] = {"source": {"istio": {"namespace": settings.server.source.istio.namespace}}}
    return tree


def _profile(inputs: Input) -> dict[str, Any]:
    """The profile folder, also where it is one that ships: another version may ship another one."""
    settings = settings_of(inputs)
    folder = folder_of(settings, inputs)
    path = find(settings.profile, None if inputs.base is None else Path(inputs.base), inputs.files)
    tree = parsed(inputs.files.text(path, PROFILE), str(path / PROFILE)) or {}
    return {
        "settings": {**tree, "name": folder.profile.name},
        "templates": {name: source.text for name, source in folder.sources.items()},
    }


def _control_plane(overrides: Overrides) -> dict[str, Any]:
    """The overrides as trees; of an istiod's templates those that count."""
    out: dict[str, Any] = {}
    if overrides.mesh is not None:
        out["meshConfig"] = _tree(overrides.mesh)
    if overrides.values is not None:
        out["values"] = _tree(overrides.values)
    if overrides.inject is not None:
        out["injection"] = _injection(overrides.inject, overrides.live)
        out["live"] = overrides.live
    named = {"revision": overrides.revision, "namespace": overrides.control_namespace}
    return {**out, **{key: value for key, value in named.items() if value is not None}}


def _tree(text: Text) -> dict[str, Any]:
    return upstream.tree_of(text.text, text.origin, "a document of a control plane")


def _injection(text: Text, live: bool) -> dict[str, Any]:
    """The settings that count. Also a bare template becomes settings with a template."""
    config = (upstream.full_config if live else upstream.inject_config)(text.text, text.origin)
    templates = {name: body for name, body in config.templates.items() if not live or upstream.is_own(name)}
    out = {key_of(member): getattr(config, member.name) for member in fields(InjectConfig)}
    out["templates"] = templates
    return {key: list(value) if isinstance(value, tuple) else value for key, value in out.items() if value}


def _secrets(tree: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Where something stands that belongs into a Secret, and what it is."""
    if isinstance(tree, dict):
        if tree.get("kind") == "Secret" and tree.get("apiVersion") == "v1":
            yield pointer, "a Secret"
        for key, value in tree.items():
            yield from _secrets(value, join(pointer, key))
    elif isinstance(tree, (list, tuple)):
        for number_, value in enumerate(tree):
            yield from _secrets(value, join(pointer, number_))
    elif isinstance(tree, str) and _PRIVATE_KEY.search(tree):
        yield pointer, "a private key"


def _input(bundle: Bundle, document: yamltext.Document) -> Input:
    """The input as if configuration and profile were in one folder."""
    plane, origin = bundle.control_plane, document.source
    folder = f"{origin}/{_FOLDER}"
    templates = {f"{name}{SUFFIX}": text for name, text in bundle.profile.templates.items()}
    files = Files(
        {folder: {PROFILE: yamltext.dump(bundle.profile.settings), **templates}},
        {folder: sorted(templates)},
        sealed=True,
    )

    def text(pointer: str, tree: dict[str, Any]) -> Text:
        # Its lines get the numbers that they have in the bundle.
        return Text("\n" * yamltext.locate(document, pointer) + yamltext.dump(tree), origin)

    def part(name: str, tree: dict[str, Any] | None) -> Text | None:
        return None if tree is None else text(f"/controlPlane/{name}", tree)

    configuration = {**bundle.configuration, "profile": f"./{_FOLDER}"}
    overrides = Overrides(
        mesh=part("meshConfig", plane.mesh_config),
        values=part("values", plane.values),
        inject=part("injection", plane.injection),
        live=plane.live,
        revision=plane.revision,
        control_namespace=plane.namespace,
    )
    return Input(text("/configuration", configuration), origin, overrides, files)
