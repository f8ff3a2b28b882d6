"""Rendering and merging of one pod, with the account of its work.

Not here: what is decided, what an earlier injection left, and what is refused about the result
(`pipeline`).
"""

from __future__ import annotations

from typing import Final

from injector.core import status
from injector.core.injection import (
    contributed,
    namespace_defaults,
    placement,
    pod_resources,
    template_fields,
)
from injector.core.injection.overrides import reapply
from injector.core.injection.own_volumes import keep_volumes
from injector.core.injection.patched import without_patched
from injector.core.model import Facts, Manifest, Origin, Reason
from injector.core.profile import Config, Injection
from injector.core.tree.created import Copies, MergeError
from injector.core.tree.strategic_merge import merge
from injector.errors import AnnotationError, InjectorError, RenderError, WorkError
from injector.printable import shown
from injector.work import Work

# How often the stages walk the pod, an overlay and the result, all in all.
WALKS: Final = 8
_WALKS_OF_OVERLAY: Final = 8
WALKS_OF_RESULT: Final = 12
_POD_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})


class Refusal(Exception):
    """Ends an injection early with a reason."""

    def __init__(self, reason: Reason, error: InjectorError) -> None:
        super().__init__(str(error))
        self.reason = reason
        self.error = error


def build(run: Injection, size: int) -> None:
    """Render, merge, apply the user's own versions of containers, and let the profile finish.

    `size` is that of the pod as it came, in units of work.
    """
    profile = run.config.profile
    try:
        rendered = overlays(run)
        for name, overlay in zip(chosen_templates(run), rendered, strict=True):
            run.work.charge(size)
            run.work.measure(overlay, _WALKS_OF_OVERLAY, run.config.templates.parts)
            template_fields.check(run, name, overlay)
            copies = Copies(run.config.templates.parts)
            run.overlay = merge(run.overlay, overlay, run.schema, copies)
            profile.before_merge(run)
            run.pod = merge(run.pod, overlay, run.schema, copies)
        keep_volumes(run)
        reapply(run)
        profile.finish(run)
        pod_resources.add_share(run)
        placement.arrange(run)
        namespace_defaults.take_out(run)
        _stamp(run)
    except WorkError as error:
        raise Refusal(Reason.TOO_EXPENSIVE, error) from error
    except RenderError as error:
        raise Refusal(Reason.TEMPLATE_FAILED, error) from error
    except MergeError as error:
        raise Refusal(Reason.MERGE_FAILED, InjectorError(str(error))) from error
    except AnnotationError as error:
        raise Refusal(Reason.INVALID_ANNOTATION, error) from error


def overlay_of(pod: Manifest, facts: Facts, config: Config, work: Work) -> Manifest:
    """The sum of the rendered templates for a pod. Raises RenderError, MergeError, TooExpensive."""
    run = Injection(pod, facts, config, work)
    for overlay in overlays(run):
        work.measure(overlay, _WALKS_OF_OVERLAY)
        run.overlay = merge(run.overlay, overlay, run.schema)
    return run.overlay


def overlays(run: Injection) -> list[Manifest]:
    """The rendered templates that the pod requests, in their order."""
    profile, templates = run.config.profile, run.config.templates
    run.stripped = run.pod = namespace_defaults.applied(run, profile.prepare(run))
    run.template_input = profile.template_input(run)
    run.data = profile.context(run)
    rendered = [templates.render(name, run.data, _label(run), run.work) for name in chosen_templates(run)]
    return profile.arrange(run, [_whole(overlay) for overlay in rendered])


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
    """The templates that the pod requests, else the default ones; aliases are replaced once."""
    config = run.config
    asked = run.annotations.get(config.profile.keys.templates)
    by_file = config.quirks and run.facts.origin is Origin.FILE
    if asked is None:
        wanted = list(config.profile.default_templates if by_file else config.default_templates)
    else:
        wanted = [part.strip() for part in asked.split(",")]
    aliases = {} if by_file else config.aliases
    out = [name for part in wanted for name in aliases.get(part, (part,))]
    for name in out:
        if name not in config.templates:
            have = ", ".join(sorted({*config.templates, *aliases}))
            hint = f"available templates: {have}"
            if asked is None:
                raise RenderError(f"template {shown(name)} is not found", where="defaultTemplates", hint=hint)
            key = config.profile.keys.templates
            message = "a requested template is not found"
            raise AnnotationError(key, message, where=f"annotation {key}", hint=hint)
    return out


def _stamp(run: Injection) -> None:
    """The status, and the operator's own annotations last."""
    config, profile = run.config, run.config.profile
    revision = config.revision or "default"
    digest = "" if config.quirks else contributed.digest_of(run, chosen_templates(run))
    added = run.overlay if config.quirks else without_patched(run)
    written = {
        **profile.annotations(run),
        profile.keys.status: status.of(added, revision, digest).text(),
    }
    if not (config.quirks and run.facts.origin is Origin.FILE):
        written |= config.injected_annotations
    run.annotate(written)
