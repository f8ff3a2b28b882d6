"""A profile on disk: a folder with `profile.yaml` and `NAME.yaml.j2` files.

Those that ship are package data; any other folder is named by its path. Templates whose name
begins with ``_`` are parts for `include` and cannot be asked for by a pod. Not here: compiling
templates, and what the rules of a profile do.
"""

# `setting` is dataclasses.field with more metadata, which the rule does not know.
# ruff: noqa: RUF009

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from injector.config.schema import parsed, refuse
from injector.config.shapes import (
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
from injector.core.model import ProxyMark
from injector.core.profile import POWERS, Catalogue, Profile, default_keys
from injector.core.render import Source
from injector.errors import ConfigError
from injector.profiles import registry

SUFFIX: Final = ".yaml.j2"
_HERE = Path(__file__).resolve().parent.parent
# In the wheel the templates are inside the package, in a checkout beside it.
_ROOTS: Final = (_HERE / "templates", _HERE.parent / "templates")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """The annotations in which a profile keeps its books."""

    switch: str = setting("", TEXT, "Label and annotation that says true or false on a pod.")
    status: str = setting("", TEXT, "Annotation that records what was injected.")
    overrides: str = setting("", TEXT, "Annotation that keeps the user's own version of containers.")
    templates: str = setting("", TEXT, "Annotation that names the templates of a pod.")
    undo: str = setting("", TEXT, "Annotation that holds what uninject cannot derive.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSidecar:
    """How a proxy that somebody else injected is recognised."""

    container: str = setting("", checked(TEXT, bool, "the name of a container"), "Name of the container.")
    env: tuple[str, ...] = setting((), NAMES, "Environment variables that it carries all of.")
    webhook: str = setting("", TEXT, "End of the names that its injector's webhooks have.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueSettings:
    """The keys that a profile understands, for near misses."""

    annotations: tuple[str, ...] = setting((), NAMES, "Annotations of pods.")
    labels: tuple[str, ...] = setting((), NAMES, "Labels of pods.")
    namespace_labels: tuple[str, ...] = setting((), NAMES, "Labels of namespaces.")
    domains: tuple[str, ...] = setting((), NAMES, "Ends of prefixes that belong to the profile.")
    powers: dict[str, tuple[str, ...]] = setting(
        dict,
        mapped(listed(choice(*POWERS), "words"), "lists of words"),
        f"Annotations that can change something that security hangs on, and what: {', '.join(POWERS)}.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSettings:
    """The whole `profile.yaml`."""

    name: str = setting("", checked(TEXT, bool, "a name"), "Name of the profile; empty: the folder's.")
    rules: str = setting("", choice(*registry.known(), ""), "A rule module of this program.")
    keys: KeySettings = setting(KeySettings, section(KeySettings), "The profile's own annotations.")
    values: dict[str, Any] = setting(dict, TREE, "Defaults of what an operator may set.")
    default_templates: tuple[str, ...] = setting((), NAMES, "Templates of pods that ask for none.")
    ignored_namespaces: tuple[str, ...] = setting((), NAMES, "Namespaces that are never injected.")
    operating_systems: tuple[str, ...] = setting(("linux",), NAMES, "Systems that the containers run on.")
    foreign_sidecars: tuple[ForeignSidecar, ...] = setting(
        (), listed(section(ForeignSidecar), "maps"), "Proxies that somebody else may have injected."
    )
    catalogue: CatalogueSettings = setting(
        CatalogueSettings, section(CatalogueSettings), "Keys for near misses."
    )


@dataclass(frozen=True, slots=True)
class Folder:
    """A profile with its templates by name, parts among them, and the name of its rule module."""

    profile: Profile
    sources: dict[str, Source]
    rules: str = ""


def shipped() -> list[str]:
    """Names of the profiles that come with this program."""
    return sorted({p.parent.name for root in _ROOTS for p in root.glob("*/profile.yaml")})


def find(name: str, base: Path) -> Path:
    """The folder of a profile: one that ships, else a path, relative to `base`. Raises ConfigError."""
    if "/" not in name and name not in (".", ".."):
        for root in _ROOTS:
            if (root / name / "profile.yaml").is_file():
                return root / name
    path = base / Path(name).expanduser()
    if (path / "profile.yaml").is_file():
        return path
    near = get_close_matches(name, shipped(), n=1)
    hint = (
        f"did you mean {near[0]}?"
        if near
        else f"these ship: {', '.join(shipped())}; or give the path of a folder"
    )
    if path.is_dir():
        raise ConfigError(
            "the folder has no profile.yaml",
            where=f"profile {name[:256]}",
            hint="see docs/how-to/write-a-profile.md",
        )
    raise ConfigError("profile not found", where=f"profile {name[:256]}", hint=hint)


@dataclass(frozen=True, slots=True)
class Files:
    """Texts of files and names in folders, each read once.

    So what was read together stays together, whoever swaps the files later: the texts that were
    tried out are the texts that serve.
    """

    texts: dict[str, str] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)

    def text(self, path: Path) -> str:
        """The text of a file. Raises ConfigError."""
        if str(path) not in self.texts:
            self.texts[str(path)] = read_text(path)
        return self.texts[str(path)]

    def templates(self, folder: Path) -> list[str]:
        """The names of the template files in a folder, in order."""
        if str(folder) not in self.names:
            found = sorted(p.name for p in folder.glob(f"*{SUFFIX}") if p.is_file())
            self.names[str(folder)] = found
        return self.names[str(folder)]

    def unchanged(self) -> bool:
        """Whether all that was read so far would be read the same now."""
        now = Files()
        try:
            texts = all(now.text(Path(path)) == text for path, text in self.texts.items())
        except ConfigError:
            return False
        return texts and all(now.templates(Path(path)) == names for path, names in self.names.items())


def open_folder(path: Path, files: Files | None = None) -> Folder:
    """Read a profile folder. Raises ConfigError with file, line and key."""
    files = files or Files()
    file = path / "profile.yaml"
    origin = str(file)
    text = files.text(file)
    reading = Reading()
    found = read(ProfileSettings, parsed(text, origin), "", reading)
    refuse(reading.problems, text, origin)
    sources = {name.removesuffix(SUFFIX): path / name for name in files.templates(path)}
    texts = {name: Source(name, files.text(p), str(p)) for name, p in sources.items()}
    return Folder(_profile(found, path.resolve().name), texts, found.rules)


def _profile(found: ProfileSettings, folder: str) -> Profile:
    keys = {key: getattr(found.keys, key) for key in ("switch", "status", "overrides", "templates", "undo")}
    listed_keys = found.catalogue
    return registry.rules(found.rules)(
        name=found.name or folder,
        keys=default_keys({key: value for key, value in keys.items() if value}),
        values=found.values,
        default_templates=found.default_templates,
        ignored_namespaces=frozenset(found.ignored_namespaces),
        operating_systems=frozenset(found.operating_systems),
        foreign=tuple(ProxyMark(mark.container, mark.env, mark.webhook) for mark in found.foreign_sidecars),
        extra_catalogue=Catalogue(
            frozenset(listed_keys.annotations),
            frozenset(listed_keys.labels),
            frozenset(listed_keys.namespace_labels),
            listed_keys.domains,
            listed_keys.powers,
        ),
    )


def read_text(path: Path) -> str:
    """The text of a file that belongs to the configuration. Raises ConfigError."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ConfigError(reason, where=str(path), hint="check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise ConfigError("the file is not UTF-8", where=str(path), hint="save it as UTF-8") from error
