"""The corridor: the one place where the stages meet.

Both doors call `inject`; what differs between them is in `Facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from injector.core import annotationrules, nearmiss, powers, retain, status, undo
from injector.core import decide as rules
from injector.core.merge import MergeError, merge
from injector.core.model import (
    Config,
    Decision,
    Door,
    Facts,
    Finding,
    Manifest,
    Outcome,
    Policy,
    Reason,
    Verdict,
)
from injector.core.overrides import reapply
from injector.core.patch import diff
from injector.errors import AnnotationError, InjectorError, ManifestError, RenderError


@dataclass(slots=True)
class Injection:
    """One pod on its way through the stages; only `inject` makes one, profiles read and change it.

    `received` is the pod as it came, `original` that without an earlier injection of ours, `base`
    what everything is merged into, `seen` what templates see. `shape` is what the templates alone
    add up to, `pod` the result so far.
    """

    received: Manifest
    facts: Facts
    config: Config
    earlier: status.Status | None
    original: Manifest
    base: Manifest
    seen: Manifest = field(default_factory=dict)
    shape: Manifest = field(default_factory=dict)
    pod: Manifest = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        """The pod's namespace, empty where nobody says."""
        return str(self.facts.namespace or (self.base.get("metadata") or {}).get("namespace") or "")

    @property
    def native(self) -> bool:
        """Whether sidecars are native: as configured, else as the cluster says, else yes."""
        wanted = self.config.native_sidecars
        if wanted in ("enabled", "disabled"):
            return wanted == "enabled"
        return self.facts.native_sidecars is not False

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotations of the pod that everything is merged into."""
        return status.annotations_of(self.base)

    def annotate(
        self, annotations: Mapping[str, str | None], labels: Mapping[str, str] | None = None
    ) -> None:
        """Set annotations and labels of the result; null removes an annotation."""
        meta = {"annotations": dict(annotations), **({"labels": dict(labels)} if labels else {})}
        self.pod = merge(self.pod, {"metadata": meta})

    def warn(self, code: str, message: str, *, action: bool = True) -> None:
        """Tell a person something, once."""
        finding = Finding(code, message, action)
        if finding not in self.findings:
            self.findings.append(finding)


_POD_FIELDS = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})


class _Refused(Exception):
    """Ends an injection early with a reason."""

    def __init__(self, reason: Reason, error: InjectorError) -> None:
        super().__init__(str(error))
        self.reason = reason
        self.error = error


def inject(pod: Manifest, facts: Facts, config: Config, holder: Manifest | None = None) -> Outcome:
    """What this pod template becomes.

    `holder` is the workload around the template, for near misses only. A refusal is an Outcome
    with the verdict DENY and an `error`, never an exception.
    """
    found = nearmiss.near_misses(pod, config.profile, holder)
    decision = rules.decide(pod, facts, policy_for(facts, config))
    if decision.verdict is not Verdict.INJECT:
        error = InjectorError(decision.reason.sentence) if decision.verdict is Verdict.DENY else None
        return Outcome(decision, pod, findings=found, error=error)
    try:
        run = _start(pod, facts, config)
        run.findings.extend(found)
        _build(run)
        after = _settle(run)
        _check_powers(run, after)
    except _Refused as refused:
        denied = Decision(Verdict.DENY, refused.reason, decision.trace)
        return Outcome(denied, pod, findings=found, error=refused.error)
    return Outcome(
        decision, after, diff(pod, after), tuple(run.findings), status.read(after, config.profile.keys)
    )


def assemble(pod: Manifest, facts: Facts, config: Config) -> Injection:
    """The pod with everything merged, whatever the decision would be; for explaining.

    Raises InjectorError where it would be refused.
    """
    try:
        run = _start(pod, facts, config)
        _build(run)
    except _Refused as refused:
        raise refused.error from None
    return run


def policy_for(facts: Facts, config: Config) -> Policy:
    """The policy that applies at this door.

    With quirks on, files are injected as upstream does it: whatever policy and selectors say.
    """
    if not (config.quirks and facts.door is Door.FILE):
        return config.policy
    p = config.policy
    return Policy("enabled", p.switch, p.status, p.ignored_namespaces, entries=p.entries, foreign=p.foreign)


def _start(pod: Manifest, facts: Facts, config: Config) -> Injection:
    """The pod, without an earlier injection of ours unless quirks keep it, and its annotations checked."""
    profile = config.profile
    earlier = status.read(pod, profile.keys)
    base = pod
    try:
        if earlier is not None and not config.quirks:
            taken_out = undo.uninject(pod, profile)
            base = taken_out.pod if taken_out else pod
        undo.overrides(pod, profile)
    except ValueError as error:
        wrong = AnnotationError(
            profile.keys.overrides,
            str(error),
            where=f"annotation {profile.keys.overrides}",
            hint="remove the annotation",
        )
        raise _Refused(Reason.INVALID_ANNOTATION, wrong) from error
    run = Injection(pod, facts, config, earlier, base, base)
    _check_rules(run)
    problems = profile.problems(run)
    if problems:
        raise _Refused(Reason.INVALID_ANNOTATION, _together(problems))
    return run


def _check_rules(run: Injection) -> None:
    """Raise _Refused where the pod's author used annotations that the operator's rules do not allow."""
    config, written = run.config, run.base
    if not config.annotation_rules:
        return
    if run.earlier is not None and config.quirks:
        # Here the base still carries what an earlier injection wrote.
        taken_out = undo.uninject(run.base, config.profile)
        written = taken_out.pod if taken_out else run.base
    keys = annotationrules.refused(
        status.annotations_of(written), run.facts, run.namespace, config.annotation_rules, config.profile
    )
    if keys:
        told = ", ".join(key[:64] for key in keys[:5]) + (f" and {len(keys) - 5} more" if keys[5:] else "")
        error = ManifestError(
            f"not allowed for pods of this namespace: {told}",
            where="/metadata/annotations",
            hint="remove the annotation, or ask whoever runs the injector",
        )
        raise _Refused(Reason.ANNOTATION_NOT_ALLOWED, error)


def _check_powers(run: Injection, after: Manifest) -> None:
    """Raise _Refused where the result shows a power that the operator's rules withhold."""
    withheld = annotationrules.withheld(run.facts, run.namespace, run.config.annotation_rules)
    if not withheld:
        return
    without_rules = replace(run.config, annotation_rules=())
    try:
        found = powers.uses(run, after, withheld, lambda pod: assemble(pod, run.facts, without_rules))
    except InjectorError as error:
        raise _Refused(Reason.ANNOTATION_NOT_ALLOWED, powers.not_judged(withheld, error)) from error
    if found:
        raise _Refused(Reason.ANNOTATION_NOT_ALLOWED, powers.error(found))


def _together(problems: Any) -> InjectorError:
    if len(problems) == 1:
        only: InjectorError = problems[0]
        return only
    text = "; ".join(str(p) for p in problems)
    return AnnotationError(problems[0].key, f"{len(problems)} annotations are not accepted: {text}")


def _build(run: Injection) -> None:
    """Render, merge, give the user's own containers the last word, and let the profile finish."""
    profile, config = run.config.profile, run.config
    run.base = run.pod = profile.prepare(run)
    try:
        run.seen = profile.seen(run)
        run.data = profile.context(run)
        overlays = [
            _whole(config.templates.render(name, run.data, _label(run))) for name in chosen_templates(run)
        ]
        for overlay in profile.arrange(run, overlays):
            run.shape = merge(run.shape, overlay)
            profile.before_merge(run)
            run.pod = merge(run.pod, overlay)
        reapply(run)
        profile.finish(run)
        _stamp(run)
    except RenderError as error:
        raise _Refused(Reason.TEMPLATE_FAILED, error) from error
    except MergeError as error:
        raise _Refused(Reason.MERGE_FAILED, InjectorError(str(error))) from error
    except AnnotationError as error:
        raise _Refused(Reason.INVALID_ANNOTATION, error) from error


def _whole(overlay: Manifest) -> Manifest:
    """An overlay as a pod template; fields of a pod's spec or metadata may stand at the top for short."""
    short = [key for key in overlay if key not in _POD_FIELDS]
    if not short:
        return overlay
    out = {key: value for key, value in overlay.items() if key in _POD_FIELDS}
    for key in short:
        half = "metadata" if key in ("labels", "annotations") else "spec"
        out[half] = {**(out.get(half) or {}), key: overlay[key]}
    return out


def _label(run: Injection) -> str:
    meta = run.received.get("metadata") or {}
    name = str(
        meta.get("name")
        or meta.get("generateName")
        or (run.facts.owner.name if run.facts.owner else "")
        or "?"
    )
    return f"{run.namespace}/{name}" if run.namespace else name


def chosen_templates(run: Injection) -> list[str]:
    """The templates that the pod asks for, else the default ones; aliases are replaced once."""
    config = run.config
    asked = run.annotations.get(config.profile.keys.templates)
    by_file = config.quirks and run.facts.door is Door.FILE
    if asked is None:
        wanted = list(config.profile.default_templates if by_file else config.default_templates)
    else:
        wanted = [part.strip() for part in asked.split(",")]
    aliases = {} if by_file else config.aliases
    out = [name for part in wanted for name in aliases.get(part, (part,))]
    for name in out:
        if name not in config.templates:
            have = ", ".join(sorted({*config.templates, *aliases}))
            raise RenderError(
                "a requested template is not found" if asked is not None else f"{name[:64]} is not found",
                where=f"annotation {config.profile.keys.templates}"
                if asked is not None
                else "defaultTemplates",
                hint=f"these exist: {have}",
            )
    return out


def _stamp(run: Injection) -> None:
    """The status, and the operator's own annotations last."""
    config, profile = run.config, run.config.profile
    revision = config.revision or "default"
    digest = "" if config.quirks else _digest(run)
    written = {**profile.annotations(run), profile.keys.status: status.of(run.shape, revision, digest).text()}
    if not (config.quirks and run.facts.door is Door.FILE):
        written |= config.injected_annotations
    run.annotate(written)


def _digest(run: Injection) -> str:
    """Of the configuration in force, the pod's own settings for this profile among it."""
    ours = run.config.profile.catalogue().annotations
    return status.digest_of(run.config.digest, {k: v for k, v in run.annotations.items() if k in ours})


def _settle(run: Injection) -> Manifest:
    """What an earlier injection left: other people's fields stay, and the way back is written down."""
    if run.config.quirks:
        return run.pod
    keys = run.config.profile.keys
    after = run.pod
    if run.earlier is not None:
        now = status.read(after, keys)
        kept, extras = retain.retain(after, run.received, run.original, run.earlier)
        if now and run.earlier.digest == now.digest:
            after = kept
        elif extras:
            where = ", ".join(extras[:5]) + (f" and {len(extras) - 5} more" if len(extras) > 5 else "")
            run.warn(
                "rebuilt", f"injected under another configuration and rebuilt; dropped: {where}", action=False
            )
    try:
        text = undo.record(after, run.original, run.config.profile)
    except OverflowError as error:
        run.warn(
            "undo-too-large",
            f"what uninject needs would take {error}; the annotation {keys.undo} was left out",
        )
        return after
    if text is not None:
        after = merge(after, {"metadata": {"annotations": {keys.undo: text}}})
    return after
