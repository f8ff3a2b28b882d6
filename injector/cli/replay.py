"""`injector replay`: what a new configuration would change for recorded admissions, pod by pod.

Here: injecting again, and printing the differences. Not here: the files (injector.records) and how two
pods are compared (core.tree.compare).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from injector.classes import dataclass, replace
from injector.cli.results import PROGRAMS, for_programs
from injector.config.loading import load
from injector.core.injection.pipeline import inject
from injector.core.model import Decision, Manifest, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.tree.compare import changes
from injector.core.user_info import UserInfo
from injector.core.workload import check_pod
from injector.errors import ConfigError, ManifestError
from injector.patterns import pattern
from injector.pointer import join
from injector.printable import shown, visible
from injector.records import operations
from injector.records.entry import Entry
from injector.records.pseudonyms import Pseudonyms, has_pseudonym
from injector.records.reader import Reader
from injector.records.redaction import literal_words, words_of

_SHOWN: Final = 3
# What has a pseudonym of its own in the name of a user.
_NAME_PART: Final = pattern(r"\w+")


@dataclass(frozen=True, slots=True)
class Change:
    """One place where the pods differ; the values only where both are known not to be pseudonyms."""

    pointer: str
    values: tuple[Any, Any] | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """An admission that would have another answer."""

    entry: Entry
    before: tuple[str, str]
    after: tuple[str, str]
    error: str
    changes: tuple[Change, ...]

    @property
    def kind(self) -> str:
        """What changes, in one word: the decision, its reason, or the pod."""
        if self.before[0] != self.after[0]:
            return "decision"
        return "reason" if self.before[1] != self.after[1] and not self.changes else "pod"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayFlags:
    """The flags of `replay`."""

    folder: str
    config_file: str
    base: str | None
    key_file: str | None
    check: bool
    output: str


def run(flags: ReplayFlags) -> int:
    """Replay the records of a folder; returns the exit status. Raises InjectorError."""
    new, old = load(flags.config_file), load(flags.base) if flags.base else None
    reader = Reader(Path(flags.folder))
    replay = Replay(new, old, _key(flags.key_file))
    answers = [changed for each in reader.entries() if (changed := replay.at(each))]
    _warn(replay, reader)
    if flags.output in PROGRAMS:
        click.echo(for_programs(_json(replay, answers, reader.broken), flags.output))
    else:
        click.echo("\n".join([*_text(answers), _summary(replay, answers)]))
    return 1 if flags.check and answers else 0


class Replay:
    """Replays one entry after the other, and counts the results."""

    def __init__(self, new: Config, old: Config | None, key: bytes | None) -> None:
        self.new, self.old, self.key = new, old, key
        self.counts: Counter[str] = Counter()
        self.unlike = 0
        # Admissions recorded under another configuration, whose values are not compared.
        self.other_values = 0
        self.unknown: set[str] = set()
        self._names: dict[frozenset[str], Mapping[str, str]] = {}
        self._pseudonyms: dict[frozenset[str], Pseudonyms] = {}

    def at(self, entry: Entry) -> Changed | None:
        """The change of one entry's answer; None if it stays the same."""
        entry = self._named(entry)
        after = outcome_of(entry, self.new)
        recorded = ("deny" if entry.decision is Verdict.ALLOW else entry.decision.value, entry.reason)
        is_unknown = False
        if self.old is None:
            before = recorded
            different, is_unknown = self._operations(entry, after)
            self.other_values += entry.head.config != self.new.digest
        else:
            was = outcome_of(entry, self.old)
            before, different = _word(was), tuple(_compared(was, after, self.new))
            self.unlike += before != recorded
        now = _word(after)
        if before == now and not different:
            self.counts["unknown" if is_unknown else "same"] += 1
            return None
        error = str(after.error or "") if now[0] == "deny" else ""
        changed = Changed(entry, before, now, error, different if before[0] == now[0] else ())
        self.counts[changed.kind] += 1
        return changed

    def _operations(self, entry: Entry, after: Outcome) -> tuple[tuple[Change, ...], bool]:
        """The operations of the patch that are new or gone, and whether a key may be another one.

        None for a pod that was injected before.
        """
        if entry.operations is None:
            return (), False
        of, books = entry.head.words, _bookkeeping(self.new)
        literal = literal_words(self.new.profile, of)
        now = [(each.op, each.path) for each in after.patch]
        compared = operations.compare(entry.operations, now, self._pseudonyms.get(of), literal)

        def is_kept_out(path: str) -> bool:
            # Earlier versions recorded pseudonyms for the keys of the book-keeping.
            return path in books or any(operations.is_alike(path, book, literal) for book in books)

        differing = [each for each in (*compared.gone, *compared.new) if not is_kept_out(each[1])]
        is_unknown = any(not is_kept_out(path) for _, path in compared.alike)
        # With the recorded configuration the keys are the same.
        is_other = entry.head.config != self.new.digest
        return tuple(Change(f"{op} {path}") for op, path in differing), is_unknown and is_other

    def _named(self, entry: Entry) -> Entry:
        """The entry with the names that the configurations' selectors use, if the key is known."""
        of = entry.head.words
        if of not in self._names:
            literal = literal_words(self.new.profile, of)
            asked = words_of(self.new) | (words_of(self.old) if self.old else frozenset())
            asked -= literal
            if self.key is None:
                self.unknown |= asked
                self._names[of] = {}
            else:
                made = Pseudonyms(self.key, literal)
                if made.fingerprint() != entry.head.key:
                    hint = "use the same file as for 'serve --record-key'"
                    raise ConfigError("the records were written with another key", where="--key", hint=hint)
                self._names[of] = {made.name(word): word for word in asked}
                self._pseudonyms[of] = made
        names = self._names[of]
        return replace(entry, **_restored(entry, names)) if names else entry


def outcome_of(entry: Entry, config: Config) -> Outcome:
    """The result of injecting into a recorded pod with a configuration."""
    try:
        check_pod(entry.pod)
        if entry.pod.get("spec") is None:
            raise ManifestError("a map is expected; it is missing", where="/spec")
    except ManifestError as error:
        return Outcome(Decision(Reason.INVALID_POD), entry.pod, error=error)
    return inject(entry.pod, entry.facts, config)


def _restored(entry: Entry, names: Mapping[str, str]) -> dict[str, Any]:
    def back(value: Any) -> Any:
        if isinstance(value, str):
            return names.get(value, value)
        if isinstance(value, list):
            return [back(item) for item in value]
        return {back(k): back(v) for k, v in value.items()} if isinstance(value, dict) else value

    def by_parts(text: str) -> str:
        return _NAME_PART.sub(lambda match: names.get(match[0], match[0]), text)

    facts, known, user = entry.facts, entry.facts.namespace_object, entry.facts.user
    if user is not None:
        user = UserInfo(by_parts(user.username), tuple(map(by_parts, user.groups)))
    if known is not None:
        known = replace(
            known,
            name=back(known.name),
            labels=back(dict(known.labels)),
            annotations=back(dict(known.annotations)),
        )
    return {
        "pod": back(entry.pod),
        "facts": replace(facts, namespace=back(facts.namespace), namespace_object=known, user=user),
    }


def _word(outcome: Outcome) -> tuple[str, str]:
    return outcome.decision.verdict.value, outcome.decision.reason.value


def _compared(was: Outcome, after: Outcome, config: Config) -> Iterator[Change]:
    books = _bookkeeping(config)
    for change in changes(was.pod, after.pod):
        if change.pointer in books:
            continue
        values = (change.before, change.after)
        yield Change(change.pointer, None if has_pseudonym(json.dumps(values)) else values)


def _bookkeeping(config: Config) -> set[str]:
    """The pointers of the book-keeping, which holds the configuration's digest and always differs."""
    return {join("/metadata/annotations", key) for key in config.profile.bookkeeping_annotations}


def _key(file: str | None) -> bytes | None:
    if file is None:
        return None
    try:
        return Path(file).read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"{file}: {(error.strerror or 'cannot be read').lower()}", where="--key") from error


# --- output ------------------------------------------------------------------------------------


def _warn(replay: Replay, reader: Reader) -> None:
    for file in reader.skipped:
        why = "is a link that leaves the folder, or not a regular file"
        click.echo(f"warning: {visible(str(file))}: skipped, because it {why}", err=True)
    if reader.broken:
        click.echo(f"warning: skipped {reader.broken} invalid lines of the records", err=True)
    if replay.unknown:
        shown = ", ".join(sorted(replay.unknown)[:_SHOWN])
        text = "selectors use names that the recorded configuration did not use, so no pod matches them"
        click.echo(f"warning: {text}: {visible(shown)}; use --key FILE to match them", err=True)
    if replay.other_values:
        text = f"{_count(replay.other_values, 'admission')} had another configuration"
        click.echo(f"note: {text}; values are compared only with --base", err=True)
    if replay.unlike:
        text = f"{replay.unlike} admissions differ from the record when replayed with --base"
        click.echo(f"warning: {text}; check that --base is the recorded configuration", err=True)


def _json(replay: Replay, changed: Sequence[Changed], broken: int) -> dict[str, Any]:
    return {
        "counts": dict(sorted(replay.counts.items())),
        "broken": broken,
        "unlike": replay.unlike,
        "changed": [_changed_json(each) for each in changed],
    }


def _changed_json(each: Changed) -> dict[str, Any]:
    def words(pair: tuple[str, str]) -> Manifest:
        return {"decision": pair[0], "reason": pair[1]}

    def change(of: Change) -> Manifest:
        return {"pointer": of.pointer} | (
            {"before": of.values[0], "after": of.values[1]} if of.values else {}
        )

    return {
        "uid": each.entry.uid,
        "time": each.entry.time,
        "namespace": each.entry.facts.namespace,
        "change": each.kind,
        "before": words(each.before),
        "after": words(each.after),
        "error": each.error or None,
        "changes": [change(of) for of in each.changes],
    }


def _text(changed: Sequence[Changed]) -> Iterator[str]:
    """The changed admissions; those with the same change are one group."""
    alike: dict[str, list[Changed]] = {}
    for each in changed:
        answer = {k: v for k, v in _changed_json(each).items() if k not in ("uid", "time", "namespace")}
        alike.setdefault(json.dumps(answer, sort_keys=True), []).append(each)
    for group in sorted(alike.values(), key=len, reverse=True):
        first = group[0]
        more = f" and {len(group) - _SHOWN} more" if len(group) > _SHOWN else ""
        uids = ", ".join(each.entry.uid for each in group[:_SHOWN])
        yield f"{_count(len(group), 'pod')}: {visible(uids)}{more}"
        if first.before != first.after:
            yield visible(f"  {' '.join(first.before)} -> {' '.join(first.after)}")
        if first.error:
            yield f"  {visible(first.error)}"
        for change in first.changes:
            values = f": {_shown(change.values[0])} -> {_shown(change.values[1])}" if change.values else ""
            yield f"  {visible(change.pointer + values)}"
        yield ""


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return shown(text)


def _summary(replay: Replay, changed: Sequence[Changed]) -> str:
    counts = replay.counts
    words = {"decision": "another decision", "reason": "another reason", "pod": "another pod"}
    text = ", ".join(f"{counts[kind]} {word}" for kind, word in words.items() if counts[kind])
    unknown = f", {counts['unknown']} unknown without --base or --key" if counts["unknown"] else ""
    changes = f"{len(changed)} changed" + (f": {text}" if text else "")
    return f"{_count(counts.total(), 'admission')} replayed, {changes}{unknown}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
