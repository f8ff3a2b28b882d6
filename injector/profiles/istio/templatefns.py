"""The functions that upstream gives its templates, for templates of a user's own (istio-injection 2.7).

`env` is missing on purpose: a template that reads the injector's environment gives different
pods in the webhook and in a pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from injector.core.status import compact
from injector.profiles.istio import capture, proxyconfig
from injector.profiles.istio.containers import PROXY
from injector.profiles.istio.values import omit_nil, printed
from injector.yamltext import load_json


def annotation(meta: Mapping[str, Any], name: str, default: Any = None) -> str:
    """An annotation where present, even empty, else the default as text."""
    annotations = meta.get("annotations") or {}
    return str(annotations[name] or "") if name in annotations else printed(default)


def isset(mapping: Mapping[str, Any] | None, key: str) -> bool:
    """Whether a key is there, whatever its value."""
    return key in (mapping or {})


def container_ports(containers: Sequence[Mapping[str, Any]]) -> str:
    """The TCP ports of containers, comma-joined."""
    ports = [p for c in containers for p in c.get("ports") or []]
    return ",".join(str(p["containerPort"]) for p in ports if p.get("protocol") not in ("UDP", "SCTP"))


def application_ports(containers: Sequence[Mapping[str, Any]]) -> str:
    """The same without the proxy."""
    return container_ports([c for c in containers if c.get("name") != PROXY])


def value_or_default(value: Any, default: Any) -> Any:
    """The default only for null and the empty string, so that 0 and false are kept."""
    return default if value is None or value == "" else value


def to_json(value: Any) -> str:
    """Compact JSON, `{}` for null."""
    return compact({} if value is None else value)


def from_json(text: str) -> Any:
    """Parsed JSON."""
    return load_json(text)


def directory(path: str) -> str:
    """Everything up to and including the last slash."""
    return path[: path.rfind("/") + 1]


def contains(needle: str, haystack: str) -> bool:
    """Whether the second text holds the first."""
    return needle in haystack


def omit(mapping: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """A copy without keys."""
    return {k: v for k, v in mapping.items() if k not in keys}


def strdict(*parts: Any) -> dict[str, str]:
    """A map of text from keys and values in turn; an odd last key gets the empty text."""
    padded = [*parts, ""] if len(parts) % 2 else list(parts)
    return {str(k): str(v) for k, v in zip(padded[::2], padded[1::2], strict=True)}


def merge_maps(*maps: Mapping[str, Any]) -> dict[str, Any]:
    """One map; later ones win."""
    out: dict[str, Any] = {}
    for m in maps:
        out |= m
    return out


def to_json_map(*maps: Mapping[str, Any]) -> str:
    """The same as JSON with sorted keys."""
    return compact(dict(sorted(merge_maps(*maps).items())))


def format_duration(text: str) -> str:
    """A duration of the mesh configuration as Go prints it (`90s` is `1m30s`)."""
    seconds = float(str(text).removesuffix("s") or 0)
    if 0 < abs(seconds) < 1:
        return f"{seconds * 1000:g}ms"
    minutes, left = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{left:g}s"


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "annotation": annotation,
    "isset": isset,
    "excludeInboundPort": lambda port, ports: capture.exclude_port(printed(port), str(ports)),
    "includeInboundPorts": container_ports,
    "applicationPorts": application_ports,
    "kubevirtInterfaces": str,
    "excludeInterfaces": str,
    "valueOrDefault": value_or_default,
    "toJSON": to_json,
    "structToJSON": to_json,
    "fromJSON": from_json,
    "protoToJSON": proxyconfig.text,
    "directory": directory,
    "contains": contains,
    "toLower": lambda text: str(text).lower(),
    "appendMultusNetwork": capture.append_network,
    "omit": omit,
    "strdict": strdict,
    "toJsonMap": to_json_map,
    "mergeMaps": merge_maps,
    "omitNil": omit_nil,
    "formatDuration": format_duration,
}
