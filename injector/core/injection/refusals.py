"""What is refused about a pod that is to be injected: annotations that rules forbid, and invalid results.

Each check raises `assembly.Refusal`. Not here: powers (`powers`), which need the pod built a second
time, and annotations that the profile does not accept.
"""

from __future__ import annotations

from collections.abc import Sequence

from injector.core import pod_fields, status
from injector.core.injection import annotation_rules, annotation_size, uninjection
from injector.core.injection.assembly import WALKS, Refusal, build
from injector.core.model import Manifest, Reason
from injector.core.profile import Injection
from injector.core.tree.strategic_merge import merge
from injector.core.workload import check_names
from injector.errors import AnnotationError, ManifestError
from injector.printable import first_of, shown


def check_rules(run: Injection) -> None:
    """Refuse annotations that the operator's rules do not allow."""
    _refuse_keys(_refused_keys(run, run.stripped))


def check_result(run: Injection, after: Manifest) -> None:
    """Refuse what only the result shows: annotations of an earlier injection, types, names and size."""
    if run.earlier is not None:
        _refuse_keys(_forged_keys(run, after))
    if run.config.quirks:
        return
    if _has_containers(run.received) and not _has_containers(after):
        raise _without_containers(run)
    if too_large := annotation_size.excess(after):
        raise Refusal(Reason.INVALID_ANNOTATION, too_large)
    _check_types(run, after)
    check_distinct(run, after)


def _without_containers(run: Injection) -> Refusal:
    keys = run.config.profile.keys
    if keys.status in status.annotations_of(run.received):
        return _invalid_annotation(keys.status, "it lists every container of the pod")
    error = ManifestError(
        "the injected pod would have no container: its only one becomes a native sidecar",
        where="/spec/containers",
        hint=f"add the application's container; for a gateway, select its template with {keys.templates}",
    )
    return Refusal(Reason.INVALID_POD, error)


def check_distinct(run: Injection, result: Manifest) -> None:
    """Refuse a result with two elements of one name, unless the pod came with them."""
    if run.config.quirks:
        return
    try:
        check_names(result)
    except ManifestError as error:
        if _is_distinct(run.received):
            raise _clash(run, error) from error


def _check_types(run: Injection, after: Manifest) -> None:
    """Refuse an undo that gives a field another type than Kubernetes accepts.

    Judged on the result: of a pod that had such a field, what is injected may have the type, and then
    the undo holds the author's own value.
    """
    if run.earlier is None or pod_fields.is_spec(after.get("spec")):
        return
    if pod_fields.is_spec(run.received.get("spec")):
        message = "the templates give a field of the pod a type that Kubernetes does not accept"
        raise _invalid_annotation(run.config.profile.keys.undo, message)


def _invalid_annotation(key: str, message: str) -> Refusal:
    error = AnnotationError(key, message, where=f"annotation {key}", hint="remove the annotation")
    return Refusal(Reason.INVALID_ANNOTATION, error)


def _refuse_keys(keys: Sequence[str]) -> None:
    if keys:
        error = ManifestError(
            f"not allowed for pods in this namespace: {first_of([shown(key) for key in keys])}",
            where="/metadata/annotations",
            hint="remove the annotation, or contact the injector's operator",
        )
        raise Refusal(Reason.ANNOTATION_NOT_ALLOWED, error)


def _refused_keys(run: Injection, pod: Manifest) -> tuple[str, ...]:
    """Those of a pod's annotations that the operator's rules do not allow."""
    config = run.config
    if not config.annotation_rules:
        return ()
    keys = status.annotations_of(pod)
    return annotation_rules.refused(keys, run.facts, run.namespace, config.annotation_rules, config.profile)


def _forged_keys(run: Injection, after: Manifest) -> list[str]:
    """Refused annotations of an injected pod, without those that an injection writes with the same value."""
    refused = _refused_keys(run, run.received)
    without = run.stripped
    if refused and run.config.quirks:
        # Nothing was taken out: what would have been written is seen on the pod without these annotations.
        without, after = _injected_without(run, refused)
    own, written = status.annotations_of(without), status.annotations_of(after)
    received = status.annotations_of(run.received)
    return [key for key in refused if key in own or written.get(key) != received[key]]


def _injected_without(run: Injection, keys: Sequence[str]) -> tuple[Manifest, Manifest]:
    """The pod as if it had never been injected and had none of these annotations, and that pod injected."""
    earlier = run.earlier or status.Status()
    derived = uninjection.derive(run.received, earlier, run.config.profile).pod
    pod = merge(derived, {"metadata": {"annotations": dict.fromkeys(keys)}})
    fresh = Injection(pod, run.facts, run.config, run.work)
    try:
        build(fresh, run.work.measure(pod, WALKS))
    except Refusal:
        return pod, pod
    return pod, fresh.pod


def _has_containers(pod: Manifest) -> bool:
    return bool((pod.get("spec") or {}).get("containers"))


def _is_distinct(pod: Manifest) -> bool:
    try:
        check_names(pod)
    except ManifestError:
        return False
    return True


def _clash(run: Injection, error: ManifestError) -> Refusal:
    """What is said of a result with two elements of one name: the pod's own, or what an annotation adds."""
    message = f"the injected pod would not be valid: {error.message}"
    if _is_distinct(run.overlay):
        hint = "rename the pod's own container or volume, or change the mount path"
        return Refusal(Reason.INVALID_POD, ManifestError(message, where=error.where, hint=hint))
    hint = "do not add with annotations what a template already adds"
    return Refusal(Reason.INVALID_ANNOTATION, ManifestError(message, where=error.where, hint=hint))
