"""Trying all templates out on sample pods, in a child process with bounded time and memory.

The engine's own limits stop a template that grows; the limits of the child process are the second
layer. Two processes with different hash seeds render the samples, so that a template whose output
depends on the order of a set is found. Not here: what a template may do (core).
"""

from __future__ import annotations

import dataclasses
import hashlib
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from injector.config import child
from injector.config.folder import Files
from injector.config.loading import Input, Overrides, Text, load_settings
from injector.config.sample_results import result_findings
from injector.config.samples import SAMPLES
from injector.config.schema import read_settings
from injector.core.finding_codes import FindingCode, Level
from injector.core.injection.pipeline import inject
from injector.core.injection.template_fields import field_findings
from injector.core.model import Facts, Finding, Manifest, Origin
from injector.core.policy import Policy
from injector.core.profile import Config
from injector.core.status import compact
from injector.errors import ConfigError, FieldError, InjectorError

_SEEDS: Final = ("1", "2")
_CODES: Final = {code.value: code for code in FindingCode}


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of one process: the problems, and a digest of everything that it rendered."""

    problems: tuple[Finding, ...]
    digest: str = ""


def dry_run(inputs: Input) -> list[Finding]:
    """The problems of a configuration's templates, each once. Loads and renders in child processes."""
    with ThreadPoolExecutor(len(_SEEDS)) as both:
        trials = list(both.map(lambda seed: _child(inputs, seed), _SEEDS))
    problems = list(dict.fromkeys(p for trial in trials for p in trial.problems))
    if not problems and len({trial.digest for trial in trials}) > 1:
        hint = "check for a loop over unordered items, and sort them"
        problems.append(
            Finding.of(
                FindingCode.DETERMINISM, "rendering the same pod twice gives different results", hint=hint
            )
        )
    return problems


def _child(inputs: Input, seed: str) -> Trial:
    what, hint = "rendering sample pods", "check the templates for an unbounded loop"
    raw, ended = child.run("injector.config.trials", dataclasses.asdict(inputs), what, hint, seed=seed)
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
    problems: list[Finding] = []
    digest = hashlib.sha256()
    for native, template, pod, facts, tried in _injections(config):
        name = f"{native}/{template}"
        try:
            outcome = inject(pod, facts, tried)
        except MemoryError:
            raise
        except Exception as error:
            problems.append(_crash(error, name, pod))
            continue
        digest.update(compact([name, outcome.pod, [o.as_json() for o in outcome.patch]]).encode())
        if isinstance(outcome.error, FieldError):
            problems += [_problem(FindingCode.FIELD, each) for each in outcome.error.problems]
        elif outcome.error is not None:
            problems.append(_problem(FindingCode.RENDER, outcome.error))
        elif not config.quirks:
            problems += field_findings(outcome.pod, config.templates.sources)
            problems += result_findings(outcome, template)
    return Trial(tuple(dict.fromkeys(problems)), digest.hexdigest())


def _crash(error: Exception, name: str, pod: Manifest) -> Finding:
    """A defect of this program, with the place where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    sample = (pod.get("metadata") or {}).get("name") or "without a name"
    message = f"unexpected {type(error).__name__} for the sample pod {sample}, templates {name}"
    return Finding.of(FindingCode.CRASH, message, f"{Path(last.filename).name}:{last.lineno}")


def _injections(config: Config) -> Iterator[tuple[str, str, Manifest, Facts, Config]]:
    """Each sample with the default templates and with each single one, from both origins."""
    keys = config.profile.keys
    # The templates are tried whatever the policy and the annotation rules say.
    policy = Policy("enabled", keys.switch, keys.status)
    always = dataclasses.replace(config, policy=policy, annotation_rules=())
    own = [name for name in config.templates if name not in config.default_templates]
    for native in ("enabled", "disabled"):
        for template in ("", *own):
            for sample in SAMPLES:
                pod = _with_template(sample, keys.templates, template)
                for origin in Origin:
                    facts = Facts(namespace="sample", origin=origin)
                    tried = dataclasses.replace(always, native_sidecars=native)
                    yield native, template, pod, facts, tried


def _with_template(sample: Manifest, key: str, template: str) -> Manifest:
    if not template:
        return sample
    meta = sample.get("metadata") or {}
    return {**sample, "metadata": {**meta, "annotations": {**(meta.get("annotations") or {}), key: template}}}


def _finding(code: str, level: str, **texts: str) -> Finding:
    """A finding from its JSON."""
    return Finding(_CODES[code], Level(level), **texts)


def _problem(code: FindingCode, error: InjectorError) -> Finding:
    return Finding.of(code, error.message, error.where, error.hint)


def _input(raw: dict[str, Any]) -> Input:
    over = raw["overrides"]
    texts = {key: Text(**over[key]) if over[key] else None for key in ("mesh", "values", "inject")}
    return Input(Text(**raw["file"]), raw["base"], Overrides(**{**over, **texts}), Files(**raw["files"]))


def main() -> None:
    """The child: an `Input` as JSON on stdin, a `Trial` as JSON on stdout."""
    child.serve(lambda raw: dataclasses.asdict(trial(_input(raw))))


if __name__ == "__main__":
    main()
