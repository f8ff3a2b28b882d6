"""Whether a pod's author used a power that the operator's rules withhold.

Judged on the result, so that it does not matter how a value got there: the pod is built once more
as if its author had left out all that can carry a withheld power, and what carries such a power in
the injected containers has to be the same in both. Not here: which powers are withheld
(`annotation_rules`), and which annotations carry which (`Profile.permitted`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from injector.core import names, status
from injector.core.catalogue import POWERS
from injector.core.injection import uninjection
from injector.core.injection.api_defaults import TOKENS, is_filled_in
from injector.core.model import Manifest
from injector.core.paths import normal_path
from injector.core.tree.schema import same
from injector.errors import InjectorError, ManifestError
from injector.printable import shown

if TYPE_CHECKING:
    from injector.core.profile import Injection

Build = Callable[[Manifest], "Injection"]
"""What the templates make of a pod, without rules about annotations."""

_USER: Final = ("user",)
_CAPABILITIES: Final = ("capabilities",)
_JOINING: Final = ("trust-root", "control-plane")
_FILES: Final = ("volumes", *_JOINING)
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
    "resources": (*_CAPABILITIES, *_FILES),
    "volumeMounts": _FILES,
    "volumeDevices": _FILES,
    # The kubelet mounts a file there.
    "terminationMessagePath": _FILES,
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
# Of the pod's securityContext, what a container inherits that does not say it itself.
_INHERITED: Final = ("runAsUser", "runAsGroup", "runAsNonRoot", "supplementalGroups",
                     "seLinuxOptions", "seccompProfile", "appArmorProfile")  # fmt: skip
# Fields of the pod through which its other containers reach into ours, or names lead elsewhere.
_POD: Final[Mapping[str, tuple[str, ...]]] = {
    "shareProcessNamespace": _JOINING,
    "hostPID": _JOINING,
    "hostAliases": ("control-plane",),
    "dnsConfig": ("control-plane",),
    "dnsPolicy": ("control-plane",),
    # The kubelet writes it into the file of hosts, with the pod's own address.
    "hostnameOverride": ("control-plane",),
}
# So many uses are listed in a message.
_LISTED: Final = 5
_APPARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
# The volume that the API server mounts into every container, and what it consists of.
_TOKEN_VOLUME: Final = "kube-api-access-"
_TOKEN_SOURCES: Final = frozenset({"serviceAccountToken", "configMap", "downwardAPI"})


@dataclass(frozen=True, slots=True)
class Carrier:
    """One value that carries powers: where it stands, and in whose container (empty: the pod's)."""

    powers: tuple[str, ...]
    value: Any
    container: str = ""
    volume: str = ""
    annotation: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """A withheld power that was used: by which place of the result, and what in the pod may have done it."""

    power: str
    place: str
    sources: tuple[str, ...]


def uses(run: Injection, after: Manifest, withheld: frozenset[str], build: Build) -> list[Use]:
    """Where the result of an injection differs in what carries a withheld power, in its order."""
    injected = _injected(run, build)
    permitted = build(_permitted(run, injected, withheld))
    users = _container_names(run.stripped) - injected
    pods = _Judged(
        injected | (_container_names(permitted.overlay) - users), _volumes(run, permitted), permitted
    )
    have, want = pods.carriers(run, after), pods.carriers(permitted, permitted.pod)
    have |= _reaching_in(run, after, pods.containers, _volume_names(permitted.overlay))
    listed: list[Use] = []
    for place in [*have, *(place for place in want if place not in have)]:
        one, other = have.get(place), want.get(place)
        if one is not None and other is not None and same(one.value, other.value):
            continue
        carrier = one or other
        power = next((p for p in POWERS if carrier and p in carrier.powers and p in withheld), "")
        if carrier and power:
            # The rest is only counted.
            sources = tuple(_sources(run, carrier, power)) if len(listed) < _LISTED else ()
            listed.append(Use(power, place, sources))
    return listed


def error(listed: Sequence[Use]) -> ManifestError:
    """What to tell the pod's author."""
    places = "; ".join(
        f"{use.place} (power {use.power}{', by ' + ', '.join(use.sources[:3]) if use.sources else ''})"
        for use in listed[:_LISTED]
    )
    more = f"; and {len(listed) - _LISTED} more" if listed[_LISTED:] else ""
    return ManifestError(
        f"not allowed for pods in this namespace: {places}{more}",
        where="/spec",
        hint="remove the change, or contact the injector's operator",
    )


def not_judged(withheld: frozenset[str], reason: InjectorError) -> ManifestError:
    """What to tell where the pod cannot be built without the powers that it may not use."""
    listed = ", ".join(power for power in POWERS if power in withheld)
    return ManifestError(
        f"pods in this namespace may not change {listed}; without these changes: {reason.message}",
        where="/spec",
        hint="remove the change, or contact the injector's operator",
    )


def _injected(run: Injection, build: Build) -> frozenset[str]:
    """The names of the containers that the templates give whether or not the pod has one of that name.

    Templates may speak of the application's containers too; these are the author's.
    """
    rendered = _container_names(run.overlay)
    if rendered.isdisjoint(_container_names(run.stripped) | _stored_names(run)):
        return rendered
    spec = dict(run.stripped.get("spec") or {})
    for part in names.CONTAINER_LISTS:
        if spec.get(part):
            spec[part] = [c for c in spec[part] if c["name"] not in rendered]
    without = _without_bookkeeping(run, {**run.stripped, "spec": spec})
    return _container_names(build(without).overlay)


def _permitted(run: Injection, injected: frozenset[str], withheld: frozenset[str]) -> Manifest:
    """The pod as its author might have written it without the withheld powers."""
    profile = run.config.profile
    pod = _without_bookkeeping(run, run.stripped)
    annotations = dict(profile.permitted(status.annotations_of(pod), withheld))
    if "capabilities" in withheld:
        annotations = {k: v for k, v in annotations.items() if not k.startswith(_APPARMOR)}
    stored = {
        part: [_stripped(run, c, withheld) for c in containers]
        for part, containers in uninjection.overrides(run.stripped, profile).items()
    }
    if any(stored.values()):
        annotations[profile.keys.overrides] = status.compact(stored)
    spec = {
        field: v for field, v in (pod.get("spec") or {}).items() if withheld.isdisjoint(_POD.get(field, ()))
    }
    for part in names.CONTAINER_LISTS:
        if spec.get(part):
            spec[part] = [_stripped(run, c, withheld) if c["name"] in injected else c for c in spec[part]]
    if spec.get("volumes") and not withheld.isdisjoint(_FILES):
        ours = _volume_names(run.overlay)
        spec["volumes"] = [v for v in spec["volumes"] if v["name"] not in ours]
    if spec.get("securityContext"):
        spec["securityContext"] = _without_rights(spec["securityContext"], withheld, _INHERITED)
    return {**pod, "metadata": {**(pod.get("metadata") or {}), "annotations": annotations}, "spec": spec}


def _without_bookkeeping(run: Injection, pod: Manifest) -> Manifest:
    meta = dict(pod.get("metadata") or {})
    annotations = meta.get("annotations") or {}
    meta["annotations"] = {
        k: v for k, v in annotations.items() if k not in run.config.profile.bookkeeping_annotations
    }
    return {**pod, "metadata": meta}


def _stripped(run: Injection, container: Manifest, withheld: frozenset[str]) -> Manifest:
    """A container without the fields that carry a withheld power."""
    out: Manifest = {}
    for field, value in container.items():
        powers = _FIELDS.get(field, POWERS)
        if withheld.isdisjoint(powers):
            out[field] = value
        elif field == "env":
            free = run.config.profile.free_variables
            out[field] = [entry for entry in value or [] if entry["name"] in free]
        elif field == "securityContext":
            out[field] = _without_rights(value or {}, withheld)
        elif field == "resources":
            out[field] = {name: amounts for name, amounts in (value or {}).items() if name != "claims"}
    return out


def _without_rights(
    context: Manifest, withheld: frozenset[str], looked_at: tuple[str, ...] | None = None
) -> Manifest:
    return {
        field: value
        for field, value in context.items()
        if (looked_at is not None and field not in looked_at)
        or withheld.isdisjoint(_RIGHTS.get(field, _CAPABILITIES))
    }


@dataclass(frozen=True, slots=True)
class _Judged:
    """What is looked at in two pods: the containers and volumes of the templates, by name."""

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
            out[f"the volume {shown(name)}"] = Carrier(_FILES, there, volume=name)
        return out

    def _of_pod(self, run: Injection, pod: Manifest) -> Iterator[tuple[str, Carrier]]:
        spec, annotations = pod.get("spec") or {}, status.annotations_of(pod)
        for field, powers in _POD.items():
            value = self._pod_field(field, spec.get(field))
            if value:
                yield f"spec.{field}", Carrier(powers, value)
        for key, value in annotations.items():
            named = key.removeprefix(_APPARMOR) if key.startswith(_APPARMOR) else ""
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
        powers = _FIELDS.get(field, POWERS)
        if not powers or value in (None, "", [], {}) or is_filled_in(f"/{field}", value):
            continue
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
        elif field != "securityContext":
            yield field, powers, _without_defaults(value, f"/{field}")
    for field, value in _effective(container.get("securityContext") or {}, pod_context).items():
        yield f"securityContext.{field}", _RIGHTS.get(field, _CAPABILITIES), value


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
        yield f"mount at {shown(path)}", _FILES, fields


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
    inherited = {field: of_pod[field] for field in _INHERITED if of_pod.get(field) is not None}
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


def _reaching_in(
    run: Injection, after: Manifest, injected: frozenset[str], volumes: frozenset[str]
) -> dict[str, Carrier]:
    """Volumes of the templates that the author's own containers mount, and so may write to."""
    template_mounts = {
        (c["name"], m["name"], normal_path(m["mountPath"]))
        for part in names.CONTAINER_LISTS
        for c in (run.overlay.get("spec") or {}).get(part) or []
        for m in c.get("volumeMounts") or []
    }
    out = {}
    for part in names.CONTAINER_LISTS:
        for container in (after.get("spec") or {}).get(part) or []:
            name = container["name"]
            for mount in container.get("volumeMounts") or [] if name not in injected else []:
                volume = mount["name"]
                if (
                    volume in volumes
                    and (name, volume, normal_path(mount["mountPath"])) not in template_mounts
                ):
                    place = f"mount of the volume {volume} in the container {shown(name)}"
                    out[place] = Carrier(_FILES, mount, container=name)
    return out


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


def _sources(run: Injection, carrier: Carrier, power: str) -> Iterator[str]:
    """What in the pod can have changed such a value, for a message."""
    profile = run.config.profile
    annotations = status.annotations_of(run.stripped)
    left = profile.permitted(annotations, frozenset({power}))
    if carrier.annotation:
        yield f"annotation {carrier.annotation}"
        return
    if carrier.volume in _volume_names(run.stripped):
        yield "the pod's own volume of that name"
    if carrier.container and carrier.container in _container_names(run.stripped):
        yield "the pod's own container of that name"
    if carrier.container in _stored_names(run):
        yield f"annotation {profile.keys.overrides}"
    if carrier.volume or carrier.container:
        for key, value in sorted(annotations.items()):
            if key not in profile.bookkeeping_annotations and left.get(key) != value:
                yield f"annotation {shown(key)}"


def _volumes(run: Injection, permitted: Injection) -> frozenset[str]:
    return _volume_names(run.overlay) | _volume_names(permitted.overlay)


def _volume_names(pod: Manifest) -> frozenset[str]:
    return frozenset(v["name"] for v in (pod.get("spec") or {}).get("volumes") or [])


def _container_names(pod: Manifest) -> frozenset[str]:
    spec = pod.get("spec") or {}
    return frozenset(c["name"] for part in names.CONTAINER_LISTS for c in spec.get(part) or [])


def _stored_names(run: Injection) -> frozenset[str]:
    stored = uninjection.overrides(run.stripped, run.config.profile)
    return frozenset(c["name"] for containers in stored.values() for c in containers)
