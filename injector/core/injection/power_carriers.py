"""What carries a power: which values of an injected pod give which power to whoever sets them.

Not here: comparing them with a pod whose author has no such power (powers.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from injector.classes import dataclass
from injector.core import names, status
from injector.core.catalogue import POWERS
from injector.core.injection.api_defaults import TOKENS, is_filled_in
from injector.core.model import Manifest
from injector.core.paths import normal_path
from injector.printable import shown

if TYPE_CHECKING:
    from injector.core.profile import Injection

_USER: Final = ("user",)
_CAPABILITIES: Final = ("capabilities",)
_JOINING: Final = ("trust-root", "control-plane")
FILE_POWERS: Final = ("volumes", *_JOINING)
_NONE: Final[tuple[str, ...]] = ()

# What a field of a container carries. Whoever says what runs, or which files and variables it reads,
# says whom it trusts and whom it calls. A field that is not listed counts for every power.
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "image": ("image",),
    "command": ("image", *_JOINING),
    "args": _JOINING,
    "workingDir": _JOINING,
    "env": _JOINING,
    "envFrom": _JOINING,
    "lifecycle": _JOINING,
    "livenessProbe": _JOINING,
    "readinessProbe": _JOINING,
    "startupProbe": _JOINING,
    "securityContext": (*_USER, *_CAPABILITIES),
    # A claim brings devices, and may bring files and variables.
    "resources": (*_CAPABILITIES, *FILE_POWERS),
    "volumeMounts": FILE_POWERS,
    "volumeDevices": FILE_POWERS,
    # The kubelet mounts a file there.
    "terminationMessagePath": FILE_POWERS,
    **dict.fromkeys(
        (
            *("name", "imagePullPolicy", "ports", "resizePolicy", "restartPolicy"),
            *("restartPolicyRules", "stdin", "stdinOnce", "tty", "terminationMessagePolicy"),
        ),
        _NONE,
    ),
}
_RIGHTS: Final[Mapping[str, tuple[str, ...]]] = {
    "runAsUser": _USER,
    "runAsGroup": _USER,
    "runAsNonRoot": _USER,
    "supplementalGroups": _USER,
    "privileged": (*_USER, *_CAPABILITIES),
    "allowPrivilegeEscalation": (*_USER, *_CAPABILITIES),
}
# Fields of the pod's securityContext that a container inherits unless it sets them.
INHERITED_RIGHTS: Final = (
    *("runAsUser", "runAsGroup", "runAsNonRoot", "supplementalGroups"),
    *("seLinuxOptions", "seccompProfile", "appArmorProfile"),
)
# Fields of the pod through which its containers reach injected ones, or host names resolve elsewhere.
POD_POWERS: Final[Mapping[str, tuple[str, ...]]] = {
    "shareProcessNamespace": _JOINING,
    "hostPID": _JOINING,
    "hostAliases": ("control-plane",),
    "dnsConfig": ("control-plane",),
    "dnsPolicy": ("control-plane",),
    # The kubelet writes it into the file of hosts, with the pod's own address.
    "hostnameOverride": ("control-plane",),
}
APPARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
# The volume that the API server mounts into every container, and what it consists of.
_TOKEN_VOLUME: Final = "kube-api-access-"
_TOKEN_SOURCES: Final = frozenset({"serviceAccountToken", "configMap", "downwardAPI"})


def powers_of_field(field: str) -> tuple[str, ...]:
    """The powers that a field of a container carries; every power where the field is not known."""
    return _FIELDS.get(field, POWERS)


def powers_of_right(field: str) -> tuple[str, ...]:
    """The powers that a field of a securityContext carries."""
    return _RIGHTS.get(field, _CAPABILITIES)


@dataclass(frozen=True, slots=True)
class Carrier:
    """One value that carries powers: where it stands, and in whose container (empty: the pod's)."""

    powers: tuple[str, ...]
    value: Any
    container: str = ""
    volume: str = ""
    annotation: str = ""


@dataclass(frozen=True, slots=True)
class TemplateParts:
    """The containers and volumes of the templates, by name, in two pods that are compared."""

    containers: frozenset[str]
    volumes: frozenset[str]
    permitted: Injection

    def carriers(self, run: Injection, pod: Manifest) -> dict[str, Carrier]:
        """Everything that carries a power, by its place in words."""
        spec = pod.get("spec") or {}
        tokens = {v["name"] for v in spec.get("volumes") or [] if _is_token_volume(v)}
        out = dict(self._of_pod(run, pod))
        seen: dict[str, int] = {}
        for part in names.CONTAINER_LISTS:
            for container in spec.get(part) or []:
                name = container["name"]
                if name not in self.containers:
                    continue
                seen[name] = seen.get(name, 0) + 1
                again = f" (no. {seen[name]})" if seen[name] > 1 else ""
                # One without counterpart has every power, also by what it leaves out.
                out[f"the container {name}{again}"] = Carrier(POWERS, True, name)
                context = spec.get("securityContext") or {}
                for field, powers, value in _of_container(run, container, context, tokens):
                    out[f"{field} of the container {name}{again}"] = Carrier(powers, value, name)
        by_name: dict[str, list[Any]] = {}
        for volume in spec.get("volumes") or []:
            if volume["name"] in self.volumes:
                by_name.setdefault(volume["name"], []).append(_without_defaults(volume, ""))
        for name, there in by_name.items():
            out[f"the volume {shown(name)}"] = Carrier(FILE_POWERS, there, volume=name)
        return out

    def _of_pod(self, run: Injection, pod: Manifest) -> Iterator[tuple[str, Carrier]]:
        spec, annotations = pod.get("spec") or {}, status.annotations_of(pod)
        for field, powers in POD_POWERS.items():
            value = self._pod_field(field, spec.get(field))
            if value:
                yield f"spec.{field}", Carrier(powers, value)
        for key, value in annotations.items():
            named = key.removeprefix(APPARMOR) if key.startswith(APPARMOR) else ""
            if named in self.containers and value != "runtime/default":
                yield f"the annotation {key}", Carrier(_CAPABILITIES, value, annotation=key)
        for key, value in run.config.profile.read_at_start(run, annotations).items():
            yield f"the annotation {key}", Carrier(_JOINING, value, annotation=key)

    def _pod_field(self, field: str, value: Any) -> Any:
        """What of a field of the pod counts; nothing where it leads nowhere else."""
        if field == "dnsPolicy":
            return value if value == "None" else None
        if field == "dnsConfig":
            value = value if isinstance(value, dict) else {}
            return {key: value[key] for key in ("nameservers", "searches") if value.get(key)}
        if field != "hostAliases":
            return value
        hosts = self.permitted.config.profile.control_plane_hosts(self.permitted)
        return [alias for alias in value or [] if hosts is None or not hosts.isdisjoint(_hosts(alias))]


def _hosts(alias: Manifest) -> list[str]:
    listed = alias.get("hostnames")
    return [str(name).lower().rstrip(".") for name in listed] if isinstance(listed, list) else []


def _of_container(
    run: Injection, container: Manifest, pod_context: Manifest, tokens: set[str]
) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """Name, powers and value of all in a container that carries powers."""
    for field, value in container.items():
        if value not in (None, "", [], {}) and not is_filled_in(f"/{field}", value):
            yield from _of_field(run, field, value, tokens)
    for field, value in _effective(container.get("securityContext") or {}, pod_context).items():
        yield f"securityContext.{field}", powers_of_right(field), value


def _of_field(
    run: Injection, field: str, value: Any, tokens: set[str]
) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """The same of one field; a securityContext is read together with the pod's."""
    powers = powers_of_field(field)
    if not powers or field == "securityContext":
        return
    if field == "env":
        yield from _variables(run, value)
    elif field == "volumeMounts":
        yield from _mounts(value, tokens)
    elif field in names.PROBES:
        yield from _commands(field, {"": value})
    elif field == "lifecycle":
        yield from _commands(field, value)
    elif field == "resources":
        if value.get("claims"):
            yield "resources.claims", powers, value["claims"]
    else:
        yield field, powers, _without_defaults(value, f"/{field}")


def _variables(run: Injection, env: list[Manifest]) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    by_name: dict[str, list[Any]] = {}
    for entry in env:
        if entry["name"] not in run.config.profile.free_variables:
            by_name.setdefault(entry["name"], []).append(_without_defaults(entry, "/env"))
    for name, entries in by_name.items():
        # Of several of one name the last one holds.
        yield f"variable {shown(name)}", _JOINING, entries[-1]


def _mounts(mounts: list[Manifest], tokens: set[str]) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    by_path: dict[str, list[Any]] = {}
    for mount in mounts:
        if not (mount["mountPath"] == TOKENS and mount["name"] in tokens):
            by_path.setdefault(normal_path(mount["mountPath"]), []).append(_without_defaults(mount, ""))
    for path, there in by_path.items():
        fields = [{k: v for k, v in mount.items() if k != "mountPath"} for mount in there]
        yield f"mount at {shown(path)}", FILE_POWERS, fields


def _commands(field: str, handlers: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """The commands among probes and hooks; other handlers only ask."""
    for name, handler in handlers.items():
        command = handler.get("exec") if isinstance(handler, dict) else None
        if command:
            yield ".".join(filter(None, (field, name, "exec"))), _JOINING, command


def _effective(own: Manifest, of_pod: Manifest) -> Manifest:
    """A container's securityContext, with what it inherits from the pod's.

    What only confines is left out: a runtime's default profile, and the pod's wish for no root. So
    is the level that clusters give each namespace.
    """
    inherited = {field: of_pod[field] for field in INHERITED_RIGHTS if of_pod.get(field) is not None}
    if inherited.get("runAsNonRoot") is True:
        del inherited["runAsNonRoot"]
    if isinstance(inherited.get("seLinuxOptions"), dict):
        inherited["seLinuxOptions"] = {k: v for k, v in inherited["seLinuxOptions"].items() if k != "level"}
    out = inherited | {field: value for field, value in own.items() if value is not None}
    return {
        field: value
        for field, value in out.items()
        if value not in ({}, []) and not (field.endswith("Profile") and value == {"type": "RuntimeDefault"})
    }


def _without_defaults(value: Any, pointer: str) -> Any:
    """A value without nulls, empty texts and what the API server fills in."""
    if isinstance(value, list):
        return [_without_defaults(item, pointer) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_defaults(inner, f"{pointer}/{key}")
        for key, inner in value.items()
        if inner is not None and inner != "" and not is_filled_in(f"{pointer}/{key}", inner)
    }


def _is_token_volume(volume: Manifest) -> bool:
    """Whether it has the shape of the volume that the API server adds for the account's token."""
    projected = volume.get("projected")
    sources = projected.get("sources") if isinstance(projected, dict) else None
    if not volume["name"].startswith(_TOKEN_VOLUME) or not isinstance(sources, list):
        return False
    maps = [source for source in sources if isinstance(source, dict) and set(source) <= _TOKEN_SOURCES]
    roots = [source["configMap"] for source in maps if source.get("configMap")]
    return len(maps) == len(sources) and all(
        isinstance(root, dict) and root.get("name") == "kube-root-ca.crt" for root in roots
    )
