"""The pod as it was before an injection: what of it can have been ours, by what templates write.

Not here: how an injection is taken out (`undo`).
"""

from __future__ import annotations

from dataclasses import replace

from injector.core import status, undo
from injector.core.injection import shape_of
from injector.core.merge import MergeError
from injector.core.model import Config, Facts, Manifest
from injector.core.undoentries import Reach
from injector.core.work import TooExpensive, Work
from injector.errors import InjectorError


def recover(pod: Manifest, facts: Facts, config: Config, work: Work | None = None) -> undo.Uninjected | None:
    """The pod as it was before an earlier injection, as far as that can have been ours; None without one.

    Known is what the profile makes under any configuration, and what the templates name in any
    branch. Where the status lists more, or the undo annotation changes other fields of the spec, the
    templates are rendered to see what they write.
    Raises ValueError where the overrides annotation cannot be read.
    """
    profile = config.profile
    listed = status.read(pod, profile.keys)
    if listed is None:
        return None
    work = work or Work(config.work_limit)
    reach = Reach.known(profile.made(), config.templates.outline(status.LISTS))
    taken_out = undo.uninject(pod, profile, reach)
    if taken_out is None or (reach.covers(listed) and undo.undone_fields(pod, profile) <= reach.fields):
        return taken_out
    return undo.uninject(pod, profile, reach.with_shape(_shape_of(taken_out.pod, facts, config, work)))


def _shape_of(pod: Manifest, facts: Facts, config: Config, work: Work) -> Manifest:
    """What the templates alone add up to for a pod; nothing where they fail."""
    try:
        return shape_of(pod, facts, config, work)
    except (InjectorError, MergeError, TooExpensive):
        return {}


def removed(pod: Manifest, facts: Facts, config: Config) -> undo.Uninjected | None:
    """A pod of a file without the injection that its status describes; None without one.

    The names of a status with our digest count, as whoever runs this owns the file. Raises
    ValueError where the overrides annotation cannot be read.
    """
    listed = status.read(pod, config.profile.keys)
    if listed is None or not listed.digest:
        return recover(pod, facts, config)
    names = {part: frozenset(listed.names(part)) for part in status.LISTS}
    reach = Reach.known(names, config.templates.outline(status.LISTS))
    taken_out = undo.uninject(pod, config.profile, reach)
    if taken_out and not undo.undone_fields(pod, config.profile) <= reach.fields:
        shape = _shape_of(taken_out.pod, facts, config, Work(config.work_limit))
        reach = reach.with_shape(shape)
        taken_out = undo.uninject(pod, config.profile, reach)
    if taken_out and _containers(pod) and not _containers(taken_out.pod):
        # A pod has a container: a status that lists all of them was not written for this one.
        reach = replace(reach, names={**reach.names, "containers": frozenset()})
        taken_out = undo.uninject(pod, config.profile, reach)
    return taken_out


def _containers(pod: Manifest) -> list[Manifest]:
    return (pod.get("spec") or {}).get("containers") or []
