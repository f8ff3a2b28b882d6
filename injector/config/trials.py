"""Trying all templates out on sample pods, in a child process with bounded time and memory.

The engine's own limits stop a template that grows; the limits of the child process are the second
layer. Two processes with different hash seeds render the samples, so that a template whose output
depends on the order of a set is found; a copy of this process is enough for code that ships. Not here: what a
template may do (core).
"""

from __future__ import annotations

import dataclasses
import hashlib
import traceback
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from injector.classes import dataclass, replace
from injector.config import child, forked
from injector.config.folder import Files, shipped
from injector.config.loading import Input, Overrides, Text, load_settings, settings_of
from injector.config.sample_results import result_findings
from injector.config.samples import SAMPLES
from injector.config.schema import read_settings
from injector.core.finding_codes import FindingCode, Level
from injector.core.injection.pipeline import inject
from injector.core.injection.template_fields import field_findings
from injector.core.model import Facts, Finding, Manifest, Origin
from injector.core.outcome import Outcome
from injector.core.policy import Policy
from injector.core.profile import Config
from injector.core.status import compact
from injector.errors import ConfigError, FieldError, InjectorError, RenderError

_SEEDS: Final = ("1", "2")
_WHAT: Final = "rendering sample pods"
_HINT: Final = "check the templates for an unbounded loop"
_CODES: Final = {code.value: code for code in FindingCode}


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of one process: the problems, and a digest of everything that it rendered."""

    problems: tuple[Finding, ...]
    digest: str = ""


def dry_run(
    inputs: Input,
    *,
    yields: bool = False,
    loaded: Config | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> list[Finding]:
    """The problems of a configuration's templates, each once.

    Loads and renders in a child process; with `yields` it leaves the CPU to others. For code that does not
    ship, in a second one with another order of hashes. Where the configuration is `loaded` already, a copy of
    this process may be enough. `meanwhile` is called while they work.
    """
    ships = _ships(inputs)
    if loaded is not None and ships and forked.possible():
        trials = [_copy(loaded, meanwhile)]
    else:
        seeds = _SEEDS[:1] if ships else _SEEDS
        child.prepare()
        with ThreadPoolExecutor(len(seeds)) as all_of_them:
            running = [all_of_them.submit(_child, inputs, seed, yields) for seed in seeds]
            meanwhile()
            trials = [each.result() for each in running]
    problems = list(dict.fromkeys(p for trial in trials for p in trial.problems))
    if not problems and len({trial.digest for trial in trials}) > 1:
        hint = "check for a loop over unordered items, and sort them"
        problems.append(
            Finding.of(
                FindingCode.DETERMINISM, "rendering the same pod twice gives different results", hint=hint
            )
        )
    return problems


def _ships(inputs: Input) -> bool:
    """Whether the profile is one whose code is part of this program. A template knows no order of hashes."""
    try:
        return settings_of(inputs).profile in shipped()
    except ConfigError:
        return False


def _child(inputs: Input, seed: str, yields: bool) -> Trial:
    payload = dataclasses.asdict(inputs)
    return _trial_of(*child.run("injector.config.trials", payload, _WHAT, _HINT, seed=seed, yields=yields))


def _copy(config: Config, meanwhile: Callable[[], None]) -> Trial:
    """The trial in a copy of this process, of a configuration whose templates are compiled."""
    return _trial_of(*forked.run(lambda: dataclasses.asdict(rendered(config)), _WHAT, _HINT, meanwhile))


def _trial_of(raw: Any, ended: Finding | None) -> Trial:
    """What a child answered, or why it did not."""
    if ended:
        return Trial((ended,))
    return Trial(tuple(_finding(**p) for p in raw["problems"]), raw["digest"])


def trial(inputs: Input) -> Trial:
    """Load a configuration, compile all its templates and render every sample with each of them."""
    try:
        config = load_settings(read_settings(inputs.file.text, inputs.file.origin), inputs)
        config.templates.compile_all()
    except ConfigError as error:
        return Trial((_problem(FindingCode.LOAD, error),))
    return rendered(config)


def rendered(config: Config) -> Trial:
    """Render every sample with each template of a configuration."""
    shown_by: dict[Finding, set[int]] = {}
    digest = hashlib.sha256()
    for number, template, pod, facts, tried in _injections(config):
        try:
            outcome = inject(pod, facts, tried)
        except MemoryError:
            raise
        except Exception as error:
            shown_by.setdefault(_crash(error, template), set()).add(number)
            continue
        name = f"{tried.native_sidecars}/{template}"
        digest.update(compact([name, outcome.pod, [o.as_json() for o in outcome.patch]]).encode())
        for problem in _problems(outcome, template, config):
            shown_by.setdefault(problem, set()).add(number)
    problems = tuple(_with_samples(problem, numbers) for problem, numbers in shown_by.items())
    return Trial(problems, digest.hexdigest())


def _problems(outcome: Outcome, template: str, config: Config) -> Iterator[Finding]:
    """What the result for one sample shows, in words that are the same for all samples."""
    if isinstance(outcome.error, FieldError):
        for each in outcome.error.problems:
            yield _problem(FindingCode.FIELD, each)
    elif outcome.error is not None:
        yield _problem(FindingCode.RENDER, outcome.error)
    elif not config.quirks:
        fields = list(field_findings(outcome.pod, config.templates.sources))
        yield from fields
        # A field that is misspelt is missing in the result as well.
        if not any(each.level is Level.ERROR for each in fields):
            yield from result_findings(outcome, template)


def _with_samples(problem: Finding, numbers: Set[int]) -> Finding:
    """The problem with how many of the sample pods show it, and which these are where not all do."""
    names = [_name(pod) for number, pod in enumerate(SAMPLES) if number in numbers]
    which = f": {', '.join(names)}" if len(names) < len(SAMPLES) else ""
    message = f"{problem.message} ({len(names)} of {len(SAMPLES)} sample pods{which})"
    return replace(problem, message=message)


def _name(sample: Manifest) -> str:
    meta = sample.get("metadata") or {}
    return str(meta.get("name") or meta.get("generateName") or "without a name")


def _crash(error: Exception, template: str) -> Finding:
    """A defect of this program, with the place where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    of = f"template {template}" if template else "the default templates"
    message = f"the injector failed with {of}: unexpected {type(error).__name__}"
    hint = "this is a bug, please report it"
    return Finding.of(FindingCode.CRASH, message, f"{Path(last.filename).name}:{last.lineno}", hint)


def _injections(config: Config) -> Iterator[tuple[int, str, Manifest, Facts, Config]]:
    """Each sample with the default templates and with each single one, from both origins.

    The first is the number of the sample.
    """
    keys = config.profile.keys
    # The templates are tried whatever the policy and the annotation rules say.
    policy = Policy("enabled", keys.switch, keys.status)
    always = replace(config, policy=policy, annotation_rules=())
    own = [name for name in config.templates if name not in config.default_templates]
    for native in ("enabled", "disabled"):
        for template in ("", *own):
            for number, sample in enumerate(SAMPLES):
                pod = _with_template(sample, keys.templates, template)
                for origin in Origin:
                    facts = Facts(namespace="sample", origin=origin)
                    tried = replace(always, native_sidecars=native)
                    yield number, template, pod, facts, tried


def _with_template(sample: Manifest, key: str, template: str) -> Manifest:
    if not template:
        return sample
    meta = sample.get("metadata") or {}
    return {**sample, "metadata": {**meta, "annotations": {**(meta.get("annotations") or {}), key: template}}}


def _finding(code: str, level: str, **texts: str) -> Finding:
    """A finding from its JSON."""
    return Finding(_CODES[code], Level(level), **texts)


def _problem(code: FindingCode, error: InjectorError) -> Finding:
    message = error.general if isinstance(error, RenderError) else ""
    return Finding.of(code, message or error.message, error.where, error.hint)


def _input(raw: dict[str, Any]) -> Input:
    over = raw["overrides"]
    texts = {key: Text(**over[key]) if over[key] else None for key in ("mesh", "values", "inject")}
    return Input(Text(**raw["file"]), raw["base"], Overrides(**{**over, **texts}), Files(**raw["files"]))


def main() -> None:
    """The child: an `Input` as JSON on stdin, a `Trial` as JSON on stdout."""
    child.serve(lambda raw: dataclasses.asdict(trial(_input(raw))))
