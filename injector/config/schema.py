"""The settings of the configuration file, each declared once: key, default, what it accepts, its sentence.

Documentation and error messages are made of these declarations. Here: the settings that decide about
pods, and reading a file. Not here: those of `serve` (`server_settings`), and what a setting does.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from injector import yamltext
from injector.classes import dataclass
from injector.config.fields import (
    FLAG,
    NAMES,
    STRINGS,
    TEXT,
    TREE,
    TREES,
    Reading,
    SettingProblem,
    Shape,
    checked,
    choice,
    combined,
    listed,
    mapped,
    number,
    read,
    schema_of,
    section,
    setting,
)
from injector.config.kind_settings import KIND_LIST, KindSettings
from injector.config.server_settings import Server
from injector.core import selectors
from injector.core.caller_rule import ACTIONS
from injector.core.catalogue import POWERS
from injector.core.position import ENDS, NEIGHBOURS, Position
from injector.errors import ConfigError, ManifestError
from injector.patterns import pattern
from injector.pointer import split
from injector.printable import shown, type_name
from injector.work import DEFAULT_LIMIT

# At the start of a line, where the keys of a configuration are.
_KIND = pattern(r"^kind:[ \t]+(\S+)", re.MULTILINE)
_VERSION = pattern(r"^apiVersion:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TemplateSetting:
    """A template of the user's own: its text, or the file that holds it."""

    text: str = ""
    file: str = ""


def _template(raw: Any, _at: str, _reading: Reading) -> TemplateSetting:
    if isinstance(raw, str):
        return TemplateSetting(text=raw)
    if isinstance(raw, dict) and list(raw) == ["file"] and isinstance(raw["file"], str) and raw["file"]:
        return TemplateSetting(file=raw["file"])
    raise ValueError(f"a template's text or a map {{file: path}} is expected, not {type_name(raw)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compatibility:
    "Compatibility with other injectors."

    istio_quirks: bool = setting(False, FLAG, "Reproduce istiod's injector exactly, including its bugs.")


def _selector(raw: Any, _at: str, _reading: Reading) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ValueError
    selectors.parse(raw)
    return raw


SELECTOR: Shape[dict[str, Any]] = Shape("a label selector", _selector)
GLOBS: Shape[tuple[str, ...]] = listed(
    checked(TEXT, bool, 'an annotation\'s key, such as "example.com/name" or "example.com/*"'), "keys"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationRuleSettings:
    """One rule about annotations of pods."""

    namespace_selector: dict[str, Any] = setting(
        dict, SELECTOR, "Label selector of the namespaces that the rule applies to; empty: all."
    )
    allow: tuple[str, ...] = setting(
        ("*",), GLOBS, "Annotations of the profile that pods may use; * matches any text."
    )
    deny: tuple[str, ...] = setting(
        (), GLOBS, "Annotations that pods may not use, including those of other programs."
    )
    withhold: tuple[str, ...] = setting(
        (),
        listed(choice(*POWERS), "powers"),
        "What pods may not change in the injected containers, by any means: " + ", ".join(POWERS) + ".",
    )


PATTERNS: Shape[tuple[str, ...]] = listed(
    checked(TEXT, bool, 'a name, such as "alice" or "system:serviceaccount:ci:*"'), "names"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerRuleSettings:
    """One rule about the users who create pods."""

    action: str = setting(
        "",
        choice(*ACTIONS),
        "skip: their pods are not injected; deny: pods of theirs that would be injected are denied; "
        "allow: no later rule applies.",
    )
    usernames: tuple[str, ...] = setting((), PATTERNS, "Names of users; * matches any text.")
    groups: tuple[str, ...] = setting((), PATTERNS, "Groups; one that the user is in; * matches any text.")


def _caller_rule(raw: Any, at: str, reading: Reading) -> CallerRuleSettings:
    rule = read(CallerRuleSettings, raw, at, reading)
    if isinstance(raw, dict) and not raw.get("action"):
        raise ValueError(f"action is missing; one of {', '.join(ACTIONS)} is expected")
    if isinstance(raw, dict) and not raw.get("usernames") and not raw.get("groups"):
        raise ValueError('usernames or groups is missing; usernames: ["*"] is every user')
    return rule


CALLER_RULE: Shape[CallerRuleSettings] = Shape(
    "a map with action, usernames and groups",
    _caller_rule,
    schema={
        **schema_of(CallerRuleSettings),
        "required": ["action"],
        "anyOf": [{"required": ["usernames"]}, {"required": ["groups"]}],
    },
)

_PLACES = "first, last, {before: NAME} or {after: NAME}"


def _place(raw: Any, at: str, _reading: Reading) -> Position:
    if raw in ENDS:
        return Position(raw)
    if not isinstance(raw, dict):
        raise ValueError
    where, other = next(iter(raw.items()), ("", ""))
    if len(raw) != 1 or where not in NEIGHBOURS or not isinstance(other, str) or not other:
        raise ValueError(f"{_PLACES} is expected")
    if other == split(at)[-1]:
        raise ValueError("a container cannot be placed next to itself")
    return Position(where, other)


_NEIGHBOUR = {
    "type": "object",
    "properties": {where: {"type": "string", "minLength": 1} for where in NEIGHBOURS},
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}
PLACE: Shape[Position] = Shape(
    _PLACES,
    _place,
    schema={"anyOf": [{"enum": list(ENDS)}, _NEIGHBOUR]},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration file."""

    profile: str = setting(
        "istio", checked(TEXT, bool, "a name or path"), "A built-in profile, or the path of a folder."
    )
    policy: str = setting(
        "enabled",
        choice("enabled", "disabled"),
        "Whether to inject pods without a label or annotation for it.",
    )
    values: dict[str, Any] = setting(
        dict, TREE, "Merged deeply into the profile's values; null deletes a value."
    )
    mesh_config: dict[str, Any] = setting(
        dict,
        TREE,
        "Mesh configuration, merged into its defaults; a key that ends in + appends to the default list.",
    )
    templates: dict[str, TemplateSetting] = setting(
        dict,
        mapped(Shape("a template", _template), "templates"),
        "Additional templates: name: text, or name: {file: path} in the folder of this file; a "
        "template of the profile with the same name is replaced.",
    )
    default_templates: tuple[str, ...] = setting(
        (), NAMES, "Templates of pods that do not select any; empty: those of the profile."
    )
    aliases: dict[str, tuple[str, ...]] = setting(
        dict, mapped(NAMES, "lists of names"), "Aliases of several templates."
    )
    never_inject_selector: tuple[Any, ...] = setting(
        (), TREES, "Label selectors; a matching pod is not injected unless it requests injection."
    )
    always_inject_selector: tuple[Any, ...] = setting(
        (), TREES, "Label selectors; a matching pod is injected unless it disables injection."
    )
    skip_runtime_classes: tuple[str, ...] = setting(
        (),
        listed(checked(TEXT, bool, "the name of a RuntimeClass"), "names of RuntimeClasses"),
        "RuntimeClasses whose pods are not injected, even if they request injection. No effect with "
        "`istioQuirks`.",
    )
    callers: tuple[CallerRuleSettings, ...] = setting(
        (),
        listed(CALLER_RULE, "maps with action, usernames and groups"),
        "What to do with pods that would be injected, by the user who creates them, usually a "
        "controller: skip, deny or allow. The first rule that matches usernames or groups applies. "
        "Only the webhook and `admit` know the user.",
    )
    injected_annotations: dict[str, str] = setting(
        dict, STRINGS, "Annotations of each injected pod, written last."
    )
    annotations: tuple[AnnotationRuleSettings, ...] = setting(
        (),
        listed(section(AnnotationRuleSettings), "maps with namespaceSelector, allow, deny and withhold"),
        "Which annotations and powers pods may use. The first rule whose namespaceSelector matches "
        "applies: `allow` (default `*`) without `deny`, and no power of `withhold`. Other pods are "
        "denied. No rule: all.",
    )
    namespace_defaults: tuple[str, ...] = setting(
        (),
        listed(checked(TEXT, bool, "an annotation's key"), "annotations"),
        "Annotations of the profile that are defaults for the pods of a namespace if they are on the "
        "Namespace. The pod's own annotation takes precedence. No effect with `istioQuirks`.",
    )
    native_sidecars: str = setting(
        "auto",
        choice("auto", "enabled", "disabled"),
        "Whether to use native sidecars (init containers that keep running); auto: if the cluster "
        "supports them.",
    )
    pod_resources: str = setting(
        "",
        choice("", "add"),
        "add: raise the requests and limits in `spec.resources` of a pod, where it has them, by those of the "
        "injected containers; empty: leave them. No effect with istioQuirks.",
    )
    placement: dict[str, Position] = setting(
        dict,
        mapped(PLACE, "containers and their places"),
        "Where injected containers are placed among the pod's own of the same list, by name: first, "
        "last, {before: NAME} or {after: NAME}. Other containers keep their default place. No effect "
        "with `istioQuirks`.",
    )
    work_limit: int = setting(
        DEFAULT_LIMIT,
        number(20_000, 1_000_000_000, "units"),
        "Maximum counted work of one injection; a pod that needs more is denied. 20 containers with "
        "200 variables each need 260000 units, a small pod 6000.",
    )
    platform: str = setting("", choice("", "openshift"), "The platform of the cluster.")
    compliance_policy: str = setting(
        "",
        choice("", "fips-140-2", "fips-140-3", "pqc"),
        "The compliance policy of the control plane.",
    )
    kinds: tuple[KindSettings, ...] = setting(
        (),
        KIND_LIST,
        "Workload kinds that `injector kinds` does not list: where their pod templates are. For the "
        "command line only; the webhook needs none. No effect with `istioQuirks`.",
    )
    revision: str = setting("", TEXT, "Revision of the control plane; empty: default.")
    compatibility: Compatibility = setting(
        Compatibility, section(Compatibility), "Compatibility with other injectors."
    )
    server: Server = setting(Server, section(Server), "Settings of `serve`.")


# The action of a Go template as a plain value, which is no YAML.
_GO: Final = pattern(r"^[^#\n]*:\s*\{\{", re.MULTILINE)


@lru_cache(maxsize=1)
def read_settings(text: str, origin: str) -> Settings:
    """Read and check a configuration file. Raises one ConfigError for all problems.

    A command asks for the settings of one file several times.
    """
    _refuse_manifest(text, origin)
    tree = parsed(text, origin)
    reading = Reading()
    settings = read(Settings, tree, "", reading)
    refuse(reading.problems, text, origin)
    return settings


def _refuse_manifest(text: str, origin: str) -> None:
    """Raise ConfigError for objects of Kubernetes: their keys would all be unknown ones."""
    match = _KIND.search(text) if "kind:" in text else None
    if match and _VERSION.search(text):
        line = text.count("\n", 0, match.start()) + 1
        kind = shown(match[1].strip("\"'"))
        raise ConfigError(
            f"a manifest of kind {kind}, expected a configuration",
            where=f"{origin}:{line}",
            hint="give manifests with -f, and the configuration with --config",
        )


def parsed(text: str, origin: str) -> Any:
    """The tree of a YAML text that belongs to the configuration; ConfigError where it is not valid."""
    try:
        return yamltext.load_text(text, origin)
    except ManifestError as error:
        hint = error.hint
        if _GO.search(text):
            hint = "this looks like a template of Helm: render it first"
        elif not hint:
            hint = "a configuration is one YAML document with a map of settings"
        raise ConfigError(error.message, where=error.where, hint=hint) from error


def refuse(problems: list[SettingProblem], text: str, origin: str) -> None:
    """Raise one ConfigError with file and line of every problem, if there is one."""
    if not problems:
        return
    document = yamltext.Document(text, source=origin)
    lines = {problem.pointer: yamltext.locate(document, problem.pointer) for problem in problems}
    raise combined(problems, lines, origin)
