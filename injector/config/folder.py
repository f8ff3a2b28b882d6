"""A profile on disk: a folder with `profile.yaml` and `NAME.yaml.j2` files.

Those that ship are package data; any other folder is named by its path. Templates whose name
begins with ``_`` are parts for `include`; a pod cannot select them. Not here: compiling
templates, and what the rules of a profile do.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from injector.classes import dataclass
from injector.config.fields import (
    NAMES,
    TEXT,
    TREE,
    Reading,
    checked,
    choice,
    listed,
    mapped,
    read,
    section,
    setting,
)
from injector.config.schema import SELECTOR, parsed, refuse
from injector.core import selectors
from injector.core.catalogue import POWERS, Catalogue
from injector.core.model import AnnotationKeys, ProxyMark
from injector.core.names import entry_name
from injector.core.profile import Profile
from injector.core.selectors import WebhookEntry
from injector.errors import ConfigError
from injector.files import read_text, read_text_inside
from injector.profiles import registry
from injector.templating.render import TemplateSource

_HERE = Path(__file__).resolve().parent.parent
SUFFIX: Final = ".yaml.j2"
PROFILE: Final = "profile.yaml"
NO_FOLDER: Final = "the configuration is not a file, so it has no folder"
# In the wheel the templates are inside the package, in a checkout beside it.
_ROOTS: Final = (_HERE / "templates", _HERE.parent / "templates")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """The annotations that a profile reads and writes itself."""

    switch: str = setting("", TEXT, "Label and annotation of a pod that enables or disables injection.")
    status: str = setting("", TEXT, "Annotation that lists what was injected.")
    overrides: str = setting("", TEXT, "Annotation that stores the user's own version of containers.")
    templates: str = setting("", TEXT, "Annotation that selects the templates of a pod.")
    undo: str = setting("", TEXT, "Annotation that stores what uninject cannot derive.")
    bundle: str = setting("", TEXT, "Annotation of a workload that records its bundle.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSidecar:
    """How the proxy of another injector is recognised."""

    container: str = setting("", checked(TEXT, bool, "the name of a container"), "Name of the container.")
    env: tuple[str, ...] = setting((), NAMES, "Environment variables that it must have.")
    webhook: str = setting("", TEXT, "Suffix of the webhook names of its injector.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectorSettings:
    """The pods that the webhook is called for, beside the rules for all profiles."""

    namespace_selector: dict[str, Any] = setting(dict, SELECTOR, "Label selector of namespaces.")
    object_selector: dict[str, Any] = setting(dict, SELECTOR, "Label selector of pods.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueSettings:
    """The keys that a profile understands, for near misses."""

    annotations: tuple[str, ...] = setting((), NAMES, "Annotations of pods.")
    labels: tuple[str, ...] = setting((), NAMES, "Labels of pods.")
    namespace_labels: tuple[str, ...] = setting((), NAMES, "Labels of namespaces.")
    domains: tuple[str, ...] = setting((), NAMES, "Suffixes of key prefixes that belong to the profile.")
    powers: dict[str, tuple[str, ...]] = setting(
        dict,
        mapped(listed(choice(*POWERS), "words"), "lists of words"),
        f"Annotations that affect security, and what they change: {', '.join(POWERS)}.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSettings:
    """The whole `profile.yaml`."""

    name: str = setting(
        "", checked(TEXT, bool, "a name"), "Name of the profile; empty: the name of the folder."
    )
    rules: str = setting("", choice(*registry.known(), ""), "A rule module of this program.")
    keys: KeySettings = setting(KeySettings, section(KeySettings), "Annotations that the profile writes.")
    values: dict[str, Any] = setting(dict, TREE, "Default values; an operator may override them.")
    schema: dict[str, Any] | None = setting(None, TREE, "JSON Schema 2020-12 of the values.")
    default_templates: tuple[str, ...] = setting((), NAMES, "Templates of pods that do not select any.")
    ignored_namespaces: tuple[str, ...] = setting((), NAMES, "Namespaces that are never injected.")
    selectors: SelectorSettings = setting(
        SelectorSettings, section(SelectorSettings), "Selectors of the webhook registration."
    )
    operating_systems: tuple[str, ...] = setting(
        ("linux",), NAMES, "Operating systems that the containers run on."
    )
    foreign_sidecars: tuple[ForeignSidecar, ...] = setting(
        (), listed(section(ForeignSidecar), "maps"), "Proxies that other injectors add."
    )
    catalogue: CatalogueSettings = setting(
        CatalogueSettings, section(CatalogueSettings), "Known keys, to detect misspelt ones."
    )


@dataclass(frozen=True, slots=True)
class Folder:
    """A profile with its templates by name, parts among them, and the name of its rule module.

    `ships`: it came with this program.
    """

    profile: Profile
    sources: dict[str, TemplateSource]
    rules: str = ""
    ships: bool = False


def shipped() -> list[str]:
    """Names of the profiles that come with this program."""
    return sorted({p.parent.name for root in _ROOTS for p in root.glob("*/profile.yaml")})


def _ships() -> str:
    return f"built-in profiles: {', '.join(shipped())}"


def find(name: str, base: Path | None, files: Files | None = None) -> Path:
    """The folder of a profile: one that ships, else a path, relative to `base`.

    Without `base`, the folder of the configuration, paths are refused. Raises ConfigError.
    """
    files = files or Files()
    where = f"profile {name[:256]}"
    path = (base or Path()) / expanded(name)
    if "/" not in name and name not in (".", ".."):
        for root in _ROOTS:
            if os.path.isfile(root / name / "profile.yaml"):
                return root / name
    elif base is None:
        raise ConfigError(f"a path is not allowed here: {NO_FOLDER}", where=where, hint=_ships())
    if base is not None and files.has(path / PROFILE):
        return path
    if files.sealed and "/" in name:
        hint = "use --config with a copy of the configuration whose folder has the profile"
        raise ConfigError(f"{base} does not have this folder", where=where, hint=hint)
    near = difflib.get_close_matches(name, shipped(), n=1)
    if base is not None and os.path.isdir(path):
        hint = "see docs/how-to/write-a-profile.md"
        raise ConfigError("the folder has no profile.yaml", where=where, hint=hint)
    others = "; or use the path of a folder" if base else ""
    hint = f"did you mean {near[0]}?" if near else _ships() + others
    raise ConfigError("profile not found", where=where, hint=hint)


def expanded(name: str) -> Path:
    """A path as it is written, with the home directory for `~`; of an unknown user it stays as it is."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


@dataclass(frozen=True, slots=True)
class Files:
    """Texts by folder and name, and the names of templates by folder; each is read once.

    The texts that were tried out are therefore the texts in use, even if the files are replaced later.
    `sealed`: all texts are here, and only those of profiles that ship are read from the disk.
    """

    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    sealed: bool = False

    @classmethod
    def of(cls, folder: str, texts: dict[str, str]) -> Files:
        """The texts of one folder that is not on this disk, sealed."""
        templates = sorted(name for name in texts if name.endswith(SUFFIX) and "/" not in name)
        return cls({folder: texts}, {folder: templates}, sealed=True)

    def has(self, path: Path) -> bool:
        """Whether there is a file at a path."""
        if self.sealed:
            at = Path(os.path.normpath(path))
            return at.name in self.texts.get(str(at.parent), {})
        return os.path.isfile(path)

    def text(self, folder: Path, name: str) -> str:
        """The text of a file that has to lie in a folder. Raises ConfigError."""
        if self.sealed and folder.parent not in _ROOTS:
            return self._sealed(folder, name)
        texts = self.texts.setdefault(str(folder), {})
        if name not in texts:
            ships = folder.parent in _ROOTS
            texts[name] = read_text(folder / name) if ships else read_text_inside(folder, name)
        return texts[name]

    def _sealed(self, folder: Path, name: str) -> str:
        path = Path(os.path.normpath(folder / name))
        for known, texts in self.texts.items():
            if path.is_relative_to(known) and str(path.relative_to(known)) in texts:
                return texts[str(path.relative_to(known))]
        hint = f"it has these files: {', '.join(sorted(self.by_path()))}"
        raise ConfigError("the file does not exist", where=str(path), hint=hint)

    def templates(self, folder: Path) -> list[str]:
        """The names of the template files in a folder, in order."""
        folder = Path(os.path.normpath(folder)) if self.sealed else folder
        if str(folder) not in self.names:
            names = [name for name in _names_in(folder) if name.endswith(SUFFIX)]
            self.names[str(folder)] = sorted(name for name in names if os.path.isfile(folder / name))
        return self.names[str(folder)]

    def by_path(self) -> dict[str, str]:
        """All texts, by the path that messages show."""
        return {str(Path(f) / name): text for f, texts in self.texts.items() for name, text in texts.items()}

    def unchanged(self) -> bool:
        """Whether all that was read so far would be read the same now."""
        now = Files()
        try:
            for folder, texts in self.texts.items():
                if any(now.text(Path(folder), name) != text for name, text in texts.items()):
                    return False
        except ConfigError:
            return False
        return all(now.templates(Path(folder)) == names for folder, names in self.names.items())


def _names_in(folder: Path) -> list[str]:
    """The names in a folder; none where it cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def open_folder(path: Path, files: Files | None = None) -> Folder:
    """Read a profile folder. Raises ConfigError with file, line and key."""
    files = files or Files()
    settings = _settings(files.text(path, PROFILE), str(path / PROFILE))
    sources = {}
    for file in files.templates(path):
        name = file.removesuffix(SUFFIX)
        sources[name] = TemplateSource(name, files.text(path, file), str(path / file))
    made = _profile(settings, Path(os.path.realpath(path)).name)
    return Folder(made, sources, settings.rules, ships=path.parent in _ROOTS)


@lru_cache(maxsize=1)
def _settings(text: str, origin: str) -> ProfileSettings:
    """The settings of a `profile.yaml`, which a command asks for several times."""
    reading = Reading()
    settings = read(ProfileSettings, parsed(text, origin), "", reading)
    if settings.rules and settings.selectors != SelectorSettings():
        reading.add("/selectors", f"the rules {settings.rules} have selectors of their own", "remove it")
    refuse(reading.problems, text, origin)
    return settings


def _entry(settings: SelectorSettings, name: str) -> WebhookEntry | None:
    if settings == SelectorSettings():
        return None
    namespaces, objects = map(selectors.parse, (settings.namespace_selector, settings.object_selector))
    return WebhookEntry(entry_name(name), namespaces, objects)


def _profile(settings: ProfileSettings, folder: str) -> Profile:
    names = ("switch", "status", "overrides", "templates", "undo", "bundle")
    keys = {name: getattr(settings.keys, name) for name in names}
    listed_keys = settings.catalogue
    name = settings.name or folder
    return registry.rules(settings.rules)(
        name=name,
        keys=AnnotationKeys(**{key: value for key, value in keys.items() if value}),
        values=settings.values,
        default_templates=settings.default_templates,
        ignored_namespaces=frozenset(settings.ignored_namespaces),
        operating_systems=frozenset(settings.operating_systems),
        foreign=tuple(ProxyMark(s.container, s.env, s.webhook) for s in settings.foreign_sidecars),
        extra_catalogue=Catalogue(
            frozenset(listed_keys.annotations),
            frozenset(listed_keys.labels),
            frozenset(listed_keys.namespace_labels),
            listed_keys.domains,
            listed_keys.powers,
        ),
        entry=_entry(settings.selectors, name),
        schema=settings.schema,
    )
