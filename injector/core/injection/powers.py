"""Whether a pod's author used a power that the operator's rules withhold.

The result is compared, so that it does not matter how a value got there: the pod is built once more
without anything of its author's that can carry a withheld power, and what carries such a power in the
injected containers has to be the same in both. Not here: which powers are withheld
(`annotation_rules`), and which annotations carry which (`Profile.permitted`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from injector.classes import dataclass
from injector.core import names, status
from injector.core.catalogue import POWERS
from injector.core.injection import uninjection
from injector.core.injection.power_carriers import (
    APPARMOR,
    FILE_POWERS,
    INHERITED_RIGHTS,
    POD_POWERS,
    Carrier,
    TemplateParts,
    powers_of_field,
    powers_of_right,
)
from injector.core.model import Manifest
from injector.core.paths import normal_path
from injector.core.tree.schema import same
from injector.errors import InjectorError, ManifestError
from injector.printable import shown

if TYPE_CHECKING:
    from injector.core.profile import Injection

Build = Callable[[Manifest], "Injection"]
"""What the templates make of a pod, without rules about annotations."""

# Uses that a message lists.
_LISTED: Final = 5


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
    pods = TemplateParts(
        injected | (_container_names(permitted.overlay) - users),
        _volume_names(run.overlay) | _volume_names(permitted.overlay),
        permitted,
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
    """The error that names the uses of withheld powers."""
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
    """The error for a pod that cannot be built without the powers that it may not use."""
    listed = ", ".join(power for power in POWERS if power in withheld)
    return ManifestError(
        f"pods in this namespace may not change {listed}; without these changes: {reason.message}",
        where="/spec",
        hint="remove the change, or contact the injector's operator",
    )


def _injected(run: Injection, build: Build) -> frozenset[str]:
    """The names of the containers that the templates give whether or not the pod has one of that name.

    Templates may also name the application's containers; these are the author's.
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
        annotations = {k: v for k, v in annotations.items() if not k.startswith(APPARMOR)}
    stored = {
        part: [_stripped(run, c, withheld) for c in containers]
        for part, containers in uninjection.overrides(run.stripped, profile).items()
    }
    if any(stored.values()):
        annotations[profile.keys.overrides] = status.compact(stored)
    spec = {
        field: value
        for field, value in (pod.get("spec") or {}).items()
        if withheld.isdisjoint(POD_POWERS.get(field, ()))
    }
    for part in names.CONTAINER_LISTS:
        if spec.get(part):
            spec[part] = [_stripped(run, c, withheld) if c["name"] in injected else c for c in spec[part]]
    if spec.get("volumes") and not withheld.isdisjoint(FILE_POWERS):
        ours = _volume_names(run.overlay)
        spec["volumes"] = [v for v in spec["volumes"] if v["name"] not in ours]
    if spec.get("securityContext"):
        spec["securityContext"] = _without_rights(spec["securityContext"], withheld, INHERITED_RIGHTS)
    return {**pod, "metadata": {**(pod.get("metadata") or {}), "annotations": annotations}, "spec": spec}


def _without_bookkeeping(run: Injection, pod: Manifest) -> Manifest:
    meta = dict(pod.get("metadata") or {})
    annotations = meta.get("annotations") or {}
    meta["annotations"] = {
        k: v
        for k, v in annotations.items()
        # Defaults of the namespace are applied again.
        if k not in run.config.profile.bookkeeping_annotations and k not in run.defaults
    }
    return {**pod, "metadata": meta}


def _stripped(run: Injection, container: Manifest, withheld: frozenset[str]) -> Manifest:
    """A container without the fields that carry a withheld power."""
    out: Manifest = {}
    for field, value in container.items():
        powers = powers_of_field(field)
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
        if (looked_at is not None and field not in looked_at) or withheld.isdisjoint(powers_of_right(field))
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
                    out[place] = Carrier(FILE_POWERS, mount, container=name)
    return out


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


def _volume_names(pod: Manifest) -> frozenset[str]:
    return frozenset(v["name"] for v in (pod.get("spec") or {}).get("volumes") or [])


def _container_names(pod: Manifest) -> frozenset[str]:
    spec = pod.get("spec") or {}
    return frozenset(c["name"] for part in names.CONTAINER_LISTS for c in spec.get(part) or [])


def _stored_names(run: Injection) -> frozenset[str]:
    stored = uninjection.overrides(run.stripped, run.config.profile)
    return frozenset(c["name"] for containers in stored.values() for c in containers)
