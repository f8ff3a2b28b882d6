"""istiod's own settings: the `config` and `values` of its injector's ConfigMap, and files of that format.

Its keys are read, unknown ones ignored, as istiod does. Its templates are written in another
language: the profile replaces those that istiod ships; a finding names a user's own. Not here: reading
them from a cluster, and merging (`loading`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from injector import yamltext
from injector.classes import dataclass
from injector.config.fields import (
    NAMES,
    STRINGS,
    TEXT,
    TREES,
    Reading,
    SettingProblem,
    key_of,
    mapped,
    read,
    setting,
)
from injector.config.schema import parsed, refuse
from injector.core.finding_codes import FindingCode
from injector.core.model import Finding
from injector.errors import ConfigError
from injector.patterns import pattern
from injector.printable import shown, type_name
from injector.templating.render import TemplateSource

# Those that istiod's chart ships. The last ones are for gateways that istiod deploys itself.
SHIPPED: Final = frozenset({"sidecar", "gateway", "grpc-agent", "grpc-simple"})
_NOT_FOR_PODS = pattern(r"waypoint|kube-gateway|agentgateway.*")

# The values that istiod reads by type; all others go to templates as they are.
_TYPED: Final[dict[str, tuple[str, tuple[type, ...]]]] = {
    "global.hub": ("a string", (str,)),
    "global.tag": ("a string or a number", (str, int, float)),
    "global.variant": ("a string", (str,)),
    "global.network": ("a string", (str,)),
    "global.proxy.image": ("a string", (str,)),
    "global.proxy.holdApplicationUntilProxyStarts": ("true or false", (bool,)),
    "global.proxy_init.image": ("a string", (str,)),
    "global.multiCluster.clusterName": ("a string", (str,)),
    "sidecarInjectorWebhook.rewriteAppHTTPProbe": ("true or false", (bool,)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectConfig:
    """The keys of istiod's `config` that count; the stray `template` and others do not."""

    policy: str = setting("", TEXT, "enabled or disabled.")
    default_templates: tuple[str, ...] = setting((), NAMES, "Templates of pods that do not select any.")
    templates: dict[str, str] = setting(dict, mapped(TEXT, "template texts"), "Template texts by name.")
    aliases: dict[str, tuple[str, ...]] = setting(
        dict, mapped(NAMES, "lists of names"), "Aliases of several templates."
    )
    never_inject_selector: tuple[Any, ...] = setting((), TREES, "Label selectors.")
    always_inject_selector: tuple[Any, ...] = setting((), TREES, "Label selectors.")
    injected_annotations: dict[str, str] = setting(dict, STRINGS, "Annotations that are written last.")


def inject_config(text: str, origin: str) -> InjectConfig:
    """Read a text as istiod's `config`, or else as the bare text of the template `sidecar`.

    Raises ConfigError for an invalid `config`, which has `templates` at its top.
    """
    try:
        tree = parsed(text, origin)
    except ConfigError:
        if re.search(r"^[\"']?templates[\"']?[ \t]*:", text, re.MULTILINE):
            raise
        tree = None
    if isinstance(tree, dict) and tree.get("kind") == "ConfigMap" and isinstance(tree.get("data"), dict):
        raise ConfigError(
            "this is a whole ConfigMap; the text under its key config is expected",
            where=origin,
            hint="use kubectl get configmap NAME -o jsonpath='{.data.config}', or --from-cluster",
        )
    if not isinstance(tree, dict) or not tree.get("templates"):
        return InjectConfig(templates={"sidecar": text})
    return full_config(text, origin)


def full_config(text: str, origin: str) -> InjectConfig:
    """Read a text as istiod's `config`. Raises ConfigError."""
    tree = parsed(text, origin)
    if tree is not None and not isinstance(tree, dict):
        raise ConfigError(f"a map is expected, not {type_name(tree)}", where=f"{origin}:1")
    names = {key_of(member) for member in fields(InjectConfig)}
    reading = Reading()
    config = read(InjectConfig, {k: v for k, v in (tree or {}).items() if k in names}, "", reading)
    refuse(reading.problems, text, origin)
    return config


def sources(config: InjectConfig, text: str, origin: str) -> dict[str, TemplateSource]:
    """The templates of a file of this format, with the lines on which they begin."""
    if config.templates == {"sidecar": text}:
        return {"sidecar": TemplateSource("sidecar", text, origin)}
    return {
        name: TemplateSource(name, body, origin, first_line(text, origin, f"/templates/{name}"))
        for name, body in config.templates.items()
    }


def is_own(name: str) -> bool:
    """Whether a template of an istiod is a user's: it ships the others, or they are not for pods."""
    return not (name in SHIPPED or _NOT_FOR_PODS.fullmatch(name))


def usable(
    config: InjectConfig, text: str, origin: str
) -> tuple[dict[str, TemplateSource], tuple[Finding, ...]]:
    """The templates of a running istiod that can be rendered here, and a finding for each other one."""
    templates: dict[str, TemplateSource] = {}
    findings = []
    for name, source in sources(config, text, origin).items():
        if not is_own(name):
            continue
        # A text without actions is the same in both languages.
        if "{{" not in source.text and "{%" not in source.text and "{#" not in source.text:
            templates[name] = source
            continue
        problem = "is a Go template and not supported; rewrite it in Jinja"
        message = f"template {shown(name)!r} of {origin} {problem}"
        findings.append(Finding.of(FindingCode.GO_TEMPLATE, message))
    return templates, tuple(findings)


def first_line(text: str, origin: str, pointer: str) -> int:
    """The line on which the text of a value begins: behind its key, or below it for a block."""
    line = yamltext.locate(yamltext.Document(text, source=origin), pointer)
    lines = text.splitlines()
    is_block = 0 < line <= len(lines) and re.search(r":[ \t]+[|>][-+0-9]*[ \t]*(#.*)?$", lines[line - 1])
    return line + 1 if is_block else line


def tree_of(text: str, origin: str, what: str) -> dict[str, Any]:
    """The map in a text; an empty text is an empty map. Raises ConfigError."""
    tree = parsed(text, origin)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{what} must be a map, not {type_name(tree)}", where=f"{origin}:1")
    return tree


def typed_problems(values: Mapping[str, Any], prefix: str = "") -> list[SettingProblem]:
    """Values of another type than istiod expects; `prefix` is the pointer of the values."""
    problems = []
    for path, (expected, types) in _TYPED.items():
        pointer = prefix
        value: Any = values
        for part in path.split("."):
            if value is None:
                break
            if not isinstance(value, Mapping):
                problems.append(SettingProblem(pointer, f"a map is expected, not {type_name(value)}"))
                value = None
                break
            pointer, value = f"{pointer}/{part}", value.get(part)
        if value is not None and type(value) not in types:
            problems.append(SettingProblem(pointer, f"{expected} is expected, not {type_name(value)}"))
    return list(dict.fromkeys(problems))
