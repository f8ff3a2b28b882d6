"""What others have set on injected objects, which an uninjection drops. Not here: the uninjection itself."""

from __future__ import annotations

from injector.classes import replace
from injector.core.injection import reinjection
from injector.core.injection.api_defaults import is_filled_in
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest
from injector.core.outcome import Outcome
from injector.core.policy import Policy
from injector.core.profile import Config
from injector.core.status import LISTS, Status, Uninjected
from injector.core.tree.compare import changes, value_at
from injector.pointer import join


def dropped(pod: Manifest, undone: Uninjected, facts: Facts, config: Config) -> tuple[str, ...]:
    """The pointers of fields inside injected objects that the injection did not set so.

    Values that differ are known only where the pod was injected with this configuration. Without the same
    configuration, only fields are listed that it would not set.
    """
    earlier = undone.earlier
    fresh = _injected_again(undone.pod, earlier, facts, config)
    if fresh is None or fresh.added is None:
        return ()
    expected, extras = reinjection.keep_foreign_fields(fresh.pod, pod, undone.pod, earlier)
    pointers = [p for p in extras if not is_filled_in(p, value_at(pod, p))]
    if fresh.added.digest == earlier.digest:
        pointers += [change.pointer for change in changes(pod, expected)]
    injected = tuple(join(join("/spec", part), name) + "/" for part in LISTS for name in earlier.names(part))
    return tuple(dict.fromkeys(p for p in pointers if p.startswith(injected)))


def _injected_again(original: Manifest, earlier: Status, facts: Facts, config: Config) -> Outcome | None:
    """The injection into the pod as it was, in the form of sidecars of the earlier one; None for none."""
    keys = config.profile.keys
    # Whether it would be injected does not matter: it was.
    always = replace(config, policy=Policy("enabled", keys.switch, keys.status), annotation_rules=())
    for native in ("enabled", "disabled"):
        outcome = inject(original, facts, replace(always, native_sidecars=native))
        added = outcome.added
        if added and all({*added.names(part)} == {*earlier.names(part)} for part in LISTS):
            return outcome
    return None
