"""The pod as it was before an injection, bounded by what templates can have added.

Not here: how an injection is taken out (`uninjection`).
"""

from __future__ import annotations

from collections.abc import Mapping

from injector.classes import replace
from injector.core import status
from injector.core.injection import uninjection
from injector.core.injection.assembly import overlay_of
from injector.core.injection.undo_entries import Reach
from injector.core.model import Facts, Manifest
from injector.core.profile import Config, Injection
from injector.core.status import Uninjected
from injector.core.tree.created import MergeError
from injector.errors import InjectorError, WorkError
from injector.printable import first_of, shown
from injector.work import TooExpensive, Work


def recover(pod: Manifest, facts: Facts, config: Config, work: Work | None = None) -> Uninjected | None:
    """The pod without an earlier injection, as far as that can have been one; None without a status.

    Known is what the profile makes under any configuration, and what the templates name in any
    branch, each in its list. Where the status lists more, or the undo annotation changes other fields
    of the spec, the templates are rendered to see what they write, and once more where they may write
    an element only because the pod has it. Where no container would be left, only those are taken out
    that a new injection puts back. A volume that it does not put back goes with its mounts. Raises
    ValueError where the overrides annotation cannot be read.
    """
    taken_out, reach = _taken_out(pod, facts, config, config.profile.made(), work)
    if taken_out is None:
        return None
    emptied = bool(_names(pod, "containers")) and not _names(taken_out.pod, "containers")
    gone = _volumes_still_mounted(taken_out, pod)
    if not (emptied or gone):
        return taken_out
    overlay = _overlay_of(taken_out.pod, facts, config, work or Work(config.work_limit))
    if emptied:
        stay = reach.of("containers") - _names(overlay, "containers")
        taken_out = uninjection.uninject(pod, config.profile, reach.without({"containers": stay}))
    if taken_out is None or not gone:
        return taken_out
    lost = gone - _names(overlay, "volumes")
    return replace(taken_out, pod=uninjection.without_mounts(taken_out.pod, lost))


def removed(pod: Manifest, facts: Facts, config: Config) -> Uninjected | None:
    """A pod of a file without the injection that its status describes; None without one.

    The names of a status with a digest count, as the user owns the file; but a pod keeps a container.
    Raises ValueError where the overrides annotation cannot be read, WorkError where rendering the
    templates takes too much.
    """
    listed = status.read(pod, config.profile.keys)
    if listed is None:
        return None
    made = config.profile.made()
    if listed.digest:
        made = {part: frozenset(listed.names(part)) for part in status.LISTS}
    try:
        taken_out, _ = _taken_out(pod, facts, config, made)
    except TooExpensive:
        hint = "reduce the pod, or raise workLimit"
        raise WorkError(
            f"restoring the pod needs more than {config.work_limit} units of work", hint=hint
        ) from None
    if taken_out and _names(pod, "containers") and not _names(taken_out.pod, "containers"):
        # A status that lists every container was not written for this pod.
        names = {part: frozenset(taken_out.earlier.names(part)) for part in status.LISTS}
        taken_out = uninjection.uninject(pod, config.profile, Reach({**names, "containers": frozenset()}))
    return taken_out and _with_note_of_mounts(taken_out, pod)


def _with_note_of_mounts(taken_out: Uninjected, pod: Manifest) -> Uninjected:
    mounting = uninjection.mounts(taken_out.pod, _volumes_still_mounted(taken_out, pod))
    if not mounting:
        return taken_out
    note = f"volumes were removed that these containers still mount: {first_of([*map(shown, mounting)])}"
    return replace(taken_out, notes=(*taken_out.notes, note))


def _volumes_still_mounted(taken_out: Uninjected, pod: Manifest) -> frozenset[str]:
    """Volumes of the pod that were taken out although containers that are left mount them."""
    gone = (_names(pod, "volumes") & {*taken_out.earlier.volumes}) - _names(taken_out.pod, "volumes")
    return gone if uninjection.mounts(taken_out.pod, gone) else frozenset()


def _taken_out(
    pod: Manifest,
    facts: Facts,
    config: Config,
    made: Mapping[str, frozenset[str]],
    work: Work | None = None,
) -> tuple[Uninjected | None, Reach]:
    """The pod without the injection, and what that can have added."""
    profile = config.profile
    listed = status.read(pod, profile.keys)
    if listed is None:
        return None, Reach()
    reach = Reach.known(made, config.templates.outline(status.LISTS))
    if config.quirks:
        # Upstream knows no undo annotation, and none is written.
        return uninjection.derive(pod, listed.only(reach.names), profile), reach
    taken_out = uninjection.uninject(pod, profile, reach)
    if taken_out is None or (
        reach.covers(listed) and uninjection.undone_fields(pod, profile) <= reach.fields
    ):
        return taken_out, reach
    work = work or Work(config.work_limit)
    wider = _rendered(reach, listed, taken_out.pod, facts, config, work)
    doubtful = _doubtful(taken_out.pod, listed, wider, reach, uninjection.overrides(pod, profile))
    if any(doubtful.values()):
        without = _without(taken_out.pod, doubtful)
        always = _rendered(reach, listed, without, facts, config, work)
        wider = wider.without({part: names - always.of(part) for part, names in doubtful.items()})
    return uninjection.uninject(pod, profile, wider), wider


def _rendered(
    reach: Reach, listed: status.Status, pod: Manifest, facts: Facts, config: Config, work: Work
) -> Reach:
    """With what the templates write for a pod, in either form of sidecars where the status lists more."""
    wider = reach.with_overlay(_overlay_of(pod, facts, config, work))
    if wider.covers(listed):
        return wider
    native = Injection(pod, facts, config, work).native
    other_form = replace(config, native_sidecars="disabled" if native else "enabled")
    return wider.with_overlay(_overlay_of(pod, facts, other_form, work))


def _doubtful(
    pod: Manifest,
    listed: status.Status,
    wider: Reach,
    known: Reach,
    stored: Mapping[str, list[Manifest]],
) -> dict[str, frozenset[str]]:
    """Elements that a template may give only because the pod has them, as it writes into each container.

    Where the overrides hold a version of such a container, that one comes back in its place.
    """
    spec = pod.get("spec") or {}
    out = {}
    for part in status.LISTS:
        names = {str(item.get("name")) for item in spec.get(part) or []} & {*listed.names(part)}
        come_back = {container["name"] for container in stored.get(part, ())}
        out[part] = frozenset(names & wider.of(part) - known.of(part) - come_back)
    return out


def _without(pod: Manifest, names: Mapping[str, frozenset[str]]) -> Manifest:
    spec = dict(pod.get("spec") or {})
    for part in status.LISTS:
        if names[part]:
            spec[part] = [item for item in spec[part] if str(item.get("name")) not in names[part]]
    return {**pod, "spec": spec}


def _overlay_of(pod: Manifest, facts: Facts, config: Config, work: Work) -> Manifest:
    """What the templates alone add up to for a pod; nothing where they fail."""
    try:
        return overlay_of(pod, facts, config, work)
    except WorkError:
        # With less work the pod would come out otherwise; it is refused instead.
        raise TooExpensive from None
    except (InjectorError, MergeError):
        return {}


def _names(pod: Manifest, part: str) -> frozenset[str]:
    return frozenset(str(item.get("name")) for item in (pod.get("spec") or {}).get(part) or [])
