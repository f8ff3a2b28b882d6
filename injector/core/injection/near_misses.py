"""Near misses: a key in the wrong place, a value in the wrong case, a misspelt name.

None of these has an effect, and their author expects one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from injector.core import names
from injector.core.finding_codes import FindingCode
from injector.core.model import Decision, Finding, Manifest, Reason
from injector.core.profile import Profile
from injector.near import close_matches
from injector.pointer import join
from injector.printable import shown

AUTO = "auto"
"""The image of a container that a template replaces."""
_MEANT: Final = dict.fromkeys(("true", "yes", "on", "1", "enabled", "y", "t"), "true") | dict.fromkeys(
    ("false", "no", "off", "0", "disabled", "n", "f"), "false"
)
# What people write around a value by mistake: blanks, and quotes inside of quotes.
AROUND: Final = " \t\r\n\"'"
_NEAR = 0.84
_NEAR_NAME = 0.7
# Finding the nearest key is slow, and a pod's author can write a hundred thousand.
_LOOKED_AT = 20
# No key that a profile knows is nearly as long, and the search takes memory for each character.
LONGEST = 128


def find_near_misses(
    template: Manifest, profile: Profile, holder: Manifest | None = None
) -> tuple[Finding, ...]:
    """What the author of a pod template (and of the workload that holds it) probably meant."""
    meta = template.get("metadata") or {}
    on_holder = _on_holder(meta, (holder or {}).get("metadata") or {}, profile)
    return (*_switch_value(meta, profile), *_misplaced(meta, profile), *on_holder)


def auto_images(pod: Manifest, skipped: Reason | None = None) -> Iterator[Finding]:
    """Containers with the image `auto`, which only a template replaces: of a skipped pod, or of a result."""
    spec = pod.get("spec") or {}
    for part in names.CONTAINER_LISTS:
        for container in spec.get(part) or []:
            if container.get("image") != AUTO:
                continue
            why = f"the pod is skipped ({skipped})" if skipped else "no template of the pod has it"
            text = f"container {shown(container['name'])} keeps the image auto: {why}"
            yield Finding.of(FindingCode.AUTO_IMAGE, text)


def opt_ins(decision: Decision, profile: Profile) -> Iterator[Finding]:
    """The label or annotation that requests injection, of a pod that cannot run with the sidecar."""
    if decision.reason not in (Reason.UNSUPPORTED_NODES, Reason.RUNTIME_CLASS, Reason.CALLER_SKIPPED):
        return
    for step in decision.trace:
        if step.rule in ("label", "annotation") and step.verdict == "yes":
            text = f"{step.rule} {profile.keys.switch} has no effect: {decision.reason.sentence}"
            yield Finding.of(FindingCode.OPT_IN_IGNORED, text)


def meant(value: str) -> str | None:
    """The value of a switch that a word stands for, None for any other word."""
    return _MEANT.get(value.strip(AROUND).lower())


def nearest(key: str, known: Iterable[str]) -> str | None:
    """The key that was probably meant: near as a whole, and by its name alone too, as prefixes are long."""
    name = key.rpartition("/")[2]
    for near in close_matches(key, sorted(known), n=3, cutoff=_NEAR):
        if difflib.SequenceMatcher(None, name, near.rpartition("/")[2]).ratio() >= _NEAR_NAME:
            return near
    return None


def _maps(meta: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for word in ("label", "annotation"):
        yield word, meta.get(word + "s") or {}


def _switch_value(meta: Mapping[str, Any], profile: Profile) -> Iterator[Finding]:
    key = profile.keys.switch
    for word, entries in _maps(meta):
        value = str(entries.get(key) or "")
        if not value or value in ("true", "false"):
            continue
        guess = meant(value)
        hint = f'did you mean "{guess}"?' if guess else 'use "true" or "false"'
        message = f'{word} {key} is neither "true" nor "false" and has no effect; {hint}'
        yield Finding.of(FindingCode.SWITCH_VALUE, message).at(_pointer(word, key))


def _misplaced(meta: Mapping[str, Any], profile: Profile) -> Iterator[Finding]:
    known, switch = profile.catalogue(), profile.keys.switch
    looked_at = 0
    places = {"label": known.labels, "annotation": known.annotations}
    for word, entries in _maps(meta):
        other = "annotation" if word == "label" else "label"
        for key in entries:
            if key in places[word] or key == switch:
                continue
            if key in known.namespace_labels:
                yield Finding.of(
                    FindingCode.WRONG_OBJECT,
                    f"{word} {key} has no effect on a pod; set it as a label of the namespace",
                ).at(_pointer(word, key))
            elif key in places[other]:
                yield Finding.of(
                    FindingCode.WRONG_PLACE,
                    f"{key} has no effect as {_article(word)}; set it as {_article(other)}",
                ).at(_pointer(word, key))
            elif len(key) <= LONGEST and known.owns(key) and looked_at < _LOOKED_AT:
                looked_at += 1
                near = nearest(key, known.labels | known.annotations | {switch})
                if near:
                    yield Finding.of(
                        FindingCode.MISSPELT_KEY, f"{word} {key} is unknown; did you mean {near}?"
                    ).at(_pointer(word, key))


def _on_holder(meta: Mapping[str, Any], holder: Mapping[str, Any], profile: Profile) -> Iterator[Finding]:
    """Keys for pods in the workload's own metadata, where they have no effect."""
    if holder is meta:
        return
    known, also = profile.catalogue(), {profile.keys.switch, profile.keys.templates}
    for word, entries in _maps(holder):
        for key in entries:
            is_read = key in also or (key in known.annotations and known.owns(key))
            if not is_read or key in profile.bookkeeping_annotations:
                continue
            if not any(key in of_pod for _, of_pod in _maps(meta)):
                text = f"{word} {key} has no effect on the workload itself; set it on"
                yield Finding.of(
                    FindingCode.WRONG_OBJECT, f"{text} the pod template's metadata (spec.template.metadata)"
                ).at(_pointer(word, key))


def _pointer(word: str, key: str) -> str:
    return join(f"/metadata/{word}s", key)


def _article(word: str) -> str:
    return f"{'an' if word[0] == 'a' else 'a'} {word}"
