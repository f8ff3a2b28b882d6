"""Every row of the table of causes: which pod shows it, and which of several is the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from injector.core.cause_types import CauseType, Symptom
from injector.core.diagnosis import causes
from injector.core.diagnosis.containers import Log
from injector.core.diagnosis.diagnoses import Diagnosis, PodObservation, PodState, diagnose
from injector.core.model import Decision, Manifest, Reason, Step
from injector.core.profile import Profile
from tests.core.generic import PROFILE

INJECT = Decision(Reason.ON_BY_DEFAULT)
UNSELECTED = Decision(Reason.NOT_SELECTED, (Step("webhook-selectors", "x", "skip", decisive=True),))
ENTRY = "pods.generic.sidecar-injector"
STATUS = (
    '{"initContainers":["setup"],"containers":["proxy"],"volumes":["ours"],"revision":"red","digest":"1"}'
)
LONELY = Symptom(CauseType("lonely", "no peer", "a line", "find one"), ("ERR .*no peer",), over="OK")
EXIT = Symptom(CauseType("seven", "ends with 7", "code", "do"), container="setup", exit_code=7)


@dataclass(frozen=True, slots=True)
class Talking(Profile):
    """The generic profile with symptoms of its own."""

    def symptoms(self) -> tuple[Symptom, ...]:
        return LONELY, EXIT


TALKING = Talking("generic", PROFILE.keys)


def container_status(name: str, state: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    running = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    return {"name": name, "ready": state is None, "started": True, "state": state or running, **more}


def ended(code: int, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason}}


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": "free text that nobody repeats"}}


def a_pod(
    app: dict[str, Any] | None = None,
    proxy: dict[str, Any] | None = None,
    setup: dict[str, Any] | None = None,
    *,
    status: str | None = STATUS,
    **status_fields: Any,
) -> Manifest:
    """A pod of one application container, with setup and proxy injected; all are ready by default."""
    states = [app or container_status("web"), proxy or container_status("proxy")]
    init = setup or container_status("setup", ended(0, "Completed"))
    well = all(s["ready"] for s in states)
    annotations = {PROFILE.keys.status: status} if status else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "web-7d9",
            "uid": "u1",
            "annotations": annotations,
            "labels": {"app": "web"},
            "creationTimestamp": "2026-01-01T10:00:00Z",
        },
        "spec": {
            "nodeName": "n1",
            "initContainers": [{"name": "setup", "image": "setup:1"}],
            "containers": [{"name": "web", "image": "web:1"}, {"name": "proxy", "image": "proxy:3"}],
            "volumes": [{"name": "ours"}],
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if well else "False"}],
            "initContainerStatuses": [init],
            "containerStatuses": states,
            **status_fields,
        },
    }


def event(reason: str, message: str, of: str = "u1", **more: Any) -> Manifest:
    involved = {"kind": "Pod" if of == "u1" else "ReplicaSet", "name": "web-7d9", "uid": of}
    return {"reason": reason, "message": message, "involvedObject": involved, **more}


def look(
    pod: Manifest | None,
    *,
    decision: Decision | None = INJECT,
    events: Iterable[Manifest] = (),
    profile: Profile = PROFILE,
    **seen: Any,
) -> Diagnosis:
    return diagnose(PodObservation(pod, events=tuple(events), **seen), decision, profile, {ENTRY})


def words(diagnosis: Diagnosis) -> list[str]:
    return [cause.type.id for cause in diagnosis.causes]


def shown(diagnosis: Diagnosis) -> str:
    return "\n".join(f"{e.where}: {e.seen}" for cause in diagnosis.causes for e in cause.evidence)


# --- a pod that is well ---------------------------------------------------------------------------


def test_a_healthy_pod_is_shown_with_its_injector_and_a_ready_sidecar() -> None:
    diagnosis = look(a_pod())
    assert (diagnosis.state, diagnosis.causes, diagnosis.subject) == (PodState.HEALTHY, (), "Pod web-7d9")
    assert diagnosis.injection is not None
    assert (diagnosis.injection.revision, diagnosis.injection.by_us) == ("red", True)
    assert [(s.name, s.image, s.ready) for s in diagnosis.injection.sidecars] == [("proxy", "proxy:3", True)]


def test_an_injection_without_digest_is_attributed_to_another_injector() -> None:
    diagnosis = look(a_pod(status='{"containers":["proxy"]}'))
    assert diagnosis.injection is not None
    assert (diagnosis.injection.revision, diagnosis.injection.by_us) == ("default", False)


def test_a_pod_at_its_end_is_completed() -> None:
    assert look(a_pod(phase="Succeeded", conditions=[])).state is PodState.COMPLETED


# --- the cluster cannot run it, a container does not run -------------------------------------------


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull"])
def test_a_missing_image_is_the_verdict_for_every_container(reason: str) -> None:
    for pod in (
        a_pod(proxy=container_status("proxy", waiting(reason))),
        a_pod(app=container_status("web", waiting(reason))),
    ):
        diagnosis = look(pod)
        assert words(diagnosis)[0] == "image-missing"
        assert f": {reason}, image " in shown(diagnosis)
        assert "free text" not in shown(diagnosis)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (waiting("InvalidImageName"), "image-name-invalid"),
        (waiting("CreateContainerConfigError"), "container-config"),
        (waiting("RunContainerError"), "start-failed"),
        (ended(128, "StartError"), "start-failed"),
        (ended(137, "OOMKilled"), "out-of-memory"),
        (waiting("CrashLoopBackOff"), "crashing"),
        (ended(1), "crashing"),
        (waiting("ContainerCreating"), "starting"),
    ],
)
def test_the_cause_follows_from_the_state_of_an_application_container(
    state: dict[str, Any], word: str
) -> None:
    diagnosis = look(a_pod(app=container_status("web", state)))
    assert (diagnosis.state, words(diagnosis)) == (PodState.NOT_READY, [word])
    assert shown(diagnosis).startswith("/status/containerStatuses/0/")


def test_a_container_that_runs_and_is_not_ready_is_reported_with_its_place() -> None:
    app = {**container_status("web"), "ready": False}
    diagnosis = look(a_pod(app=app))
    assert words(diagnosis) == ["not-ready"]
    assert (
        shown(diagnosis) == "/status/containerStatuses/0/ready: web: the container is running; ready is false"
    )


def test_the_exit_code_of_the_run_before_is_evidence_beside_the_wait() -> None:
    app = container_status("web", waiting("CrashLoopBackOff"), lastState=ended(3))
    diagnosis = look(a_pod(app=app))
    assert words(diagnosis) == ["crashing"]
    assert "/lastState/terminated/exitCode: web: exit code 3" in shown(diagnosis)


def test_an_init_container_that_runs_on_or_fails_is_reported() -> None:
    first = {"ready": False, "state": {"running": {}}}
    held = [container_status(n, waiting("PodInitializing")) for n in ("web", "proxy")]
    pod = a_pod(held[0], held[1], {"name": "users", **first})
    pod["spec"]["initContainers"].append({"name": "users", "image": "x"})
    assert words(look(pod)) == ["init-waiting"]
    pod["status"]["initContainerStatuses"] = [container_status("users", ended(2))]
    assert words(look(pod)) == ["init-failing"]


def test_a_native_sidecar_that_has_not_started_is_not_ready_and_the_rest_waits() -> None:
    pod = a_pod(container_status("web", waiting("PodInitializing")))
    pod["spec"]["initContainers"].append({"name": "late", "restartPolicy": "Always"})
    late = {**container_status("late"), "started": False, "ready": False}
    pod["status"]["initContainerStatuses"].append(late)
    diagnosis = look(pod)
    assert words(diagnosis) == ["not-ready"]
    assert "/status/initContainerStatuses/1/started" in shown(diagnosis)


@pytest.mark.parametrize(
    ("status_fields", "word"),
    [
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
            "Unschedulable",
        ),
        ({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "free text"}]}, "?"),
    ],
)
def test_a_pod_that_no_node_takes(status_fields: dict[str, Any], word: str) -> None:
    diagnosis = look(a_pod(phase="Pending", initContainerStatuses=[], containerStatuses=[], **status_fields))
    assert words(diagnosis) == ["unscheduled"]
    assert shown(diagnosis) == f"/status/conditions/0/reason: {word}"


def test_a_pod_that_no_scheduler_saw() -> None:
    pod = a_pod(phase="Pending", conditions=[], containerStatuses=[], initContainerStatuses=[])
    del pod["spec"]["nodeName"]
    assert words(look(pod)) == ["unscheduled"]


def test_an_evicted_pod_names_the_word_of_the_node() -> None:
    diagnosis = look(a_pod(phase="Failed", reason="Evicted", conditions=[]))
    assert (diagnosis.state, words(diagnosis)[0]) == (PodState.FAILED, "ended-by-node")


@pytest.mark.parametrize(
    ("reason", "message", "word", "seen"),
    [
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "ours" : configmap "root" not found',
            "mount-missing",
            "volume ours (injected): configmap root does not exist",
        ),
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "data" : secret "s" not found',
            "mount-missing",
            "volume data: secret s does not exist",
        ),
        ("FailedMount", 'MountVolume.SetUp failed for volume "data" : odd', "mount-failed", "volume data"),
        ("FailedAttachVolume", "odd", "mount-failed", "a volume"),
        ("FailedCreatePodSandBox", "plugin: odd", "sandbox-failed", "no sandbox"),
    ],
)
def test_events_explain_containers_that_wait(reason: str, message: str, word: str, seen: str) -> None:
    pod = a_pod(*(container_status(n, waiting("ContainerCreating")) for n in ("web", "proxy")))
    diagnosis = look(pod, events=[event(reason, message)])
    assert words(diagnosis) == [word]
    assert shown(diagnosis).splitlines()[0] == f"event {reason} of Pod web-7d9: {seen}"
    # Of a pod whose containers run it is history.
    assert "mount" not in str(
        words(look(a_pod(app=container_status("web", ended(1))), events=[event(reason, message)]))
    )


def test_a_removed_part_of_the_injection_is_the_first_cause() -> None:
    pod = a_pod(proxy={**container_status("proxy"), "ready": False})
    pod["spec"]["volumes"] = []
    diagnosis = look(pod)
    assert words(diagnosis) == ["piece-missing", "not-ready"]
    well = a_pod()
    well["spec"]["initContainers"] = []
    assert (look(well).state, words(look(well))) == (PodState.ALTERED, ["piece-missing"])
    assert "ours is listed in the status annotation, but does not exist in the pod" in shown(diagnosis)


# --- what the injected containers say ---------------------------------------------------------------

BAD_PROXY = {**container_status("proxy"), "ready": False}


def test_a_line_of_the_sidecar_is_the_verdict_with_its_place_and_is_cut() -> None:
    lines = ("fine", "ERR no peer " + "x" * 300, "fine")
    diagnosis = look(a_pod(proxy=BAD_PROXY), profile=TALKING, logs=(Log("proxy", lines),))
    assert words(diagnosis) == ["lonely", "not-ready"]
    (evidence,) = diagnosis.causes[0].evidence
    assert evidence.where == "log of proxy, line 2 of the last 3"
    assert evidence.seen == "ERR no peer " + "x" * 148 + "..."
    assert diagnosis.causes[0].ours


def test_a_long_line_is_shown_where_the_match_ends() -> None:
    line = "ERR " + "x" * 300 + " no peer at all"
    diagnosis = look(a_pod(proxy=BAD_PROXY), profile=TALKING, logs=(Log("proxy", (line,)),))
    (evidence,) = diagnosis.causes[0].evidence
    assert evidence.seen.startswith("...x")
    assert evidence.seen.endswith("x no peer at all")
    assert len(evidence.seen) == 163


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        (("ERR no peer", "OK"), "unknown"),
        (("OK", "ERR no peer"), "lonely"),
        (("GET /?q=ERR no peer",), "unknown"),
        ((), "unknown"),
    ],
)
def test_a_match_counts_at_the_begin_of_a_line_and_until_it_is_over(
    lines: tuple[str, ...], verdict: str
) -> None:
    diagnosis = look(a_pod(proxy=BAD_PROXY), profile=TALKING, logs=(Log("proxy", lines),))
    assert words(diagnosis) == [verdict, "not-ready"]


def test_a_symptom_of_a_container_that_is_ready_is_history() -> None:
    pod = a_pod(app=container_status("web", ended(1)))
    assert words(look(pod, profile=TALKING, logs=(Log("proxy", ("ERR no peer",)),))) == ["crashing"]


def test_an_exit_code_is_a_symptom_of_its_container_only() -> None:
    held = [container_status(n, waiting("PodInitializing")) for n in ("web", "proxy")]
    diagnosis = look(a_pod(held[0], held[1], container_status("setup", ended(7))), profile=TALKING)
    assert words(diagnosis) == ["seven", "init-failing"]
    assert "seven" not in words(look(a_pod(proxy=container_status("proxy", ended(7))), profile=TALKING))


def test_a_cause_without_a_row_is_unknown_with_what_was_looked_at() -> None:
    diagnosis = look(a_pod(proxy=container_status("proxy", ended(1))), logs=(Log("proxy", ("?", "?")),))
    assert words(diagnosis) == ["unknown", "crashing"]
    assert diagnosis.looked_at == ("status of the pod", "0 events", "2 lines of the logs of proxy")
    pod = a_pod(app={**container_status("web"), "ready": True}, conditions=[])
    assert words(look(pod)) == ["unknown"]


# --- no pod is made ----------------------------------------------------------------------------------

SET = {
    "kind": "ReplicaSet",
    "metadata": {"name": "web-7d9", "uid": "r1"},
    "spec": {"replicas": 2},
    "status": {"replicas": 0},
}
CALL = (
    f'Internal error occurred: failed calling webhook "{ENTRY}": failed to call webhook: Post "https://x": '
)


@pytest.mark.parametrize(
    ("message", "word", "seen"),
    [
        (
            'violates PodSecurity "restricted:latest": capabilities (containers "setup", "web")',
            "pod-security",
            "level restricted:latest; injected containers named: setup",
        ),
        (
            CALL + "connect: connection refused",
            "webhook-unreachable",
            "an injector's): the connection is refused",
        ),
        (CALL + "context deadline exceeded", "webhook-unreachable", "the call times out"),
        (CALL + "x509: unknown", "webhook-unreachable", "its certificate does not match caBundle"),
        (CALL + "odd", "webhook-unreachable", "the reason is unknown"),
        (CALL.replace(ENTRY, "a.b.c") + "EOF", "webhook-unreachable", "webhook a.b.c (not the injector's)"),
        (
            f'admission webhook "{ENTRY}" denied the request: bad key',
            "webhook-denied",
            "(an injector's): bad key",
        ),
        ('admission webhook "a.b.c" denied the request: my text', "webhook-denied", "(not the injector's)"),
        ("exceeded quota: q", "creation-refused", "rejected for another reason"),
    ],
)
@pytest.mark.parametrize("by", ["event", "condition"])
def test_a_refused_pod_is_explained_from_its_owner(message: str, word: str, seen: str, by: str) -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "message": message}
    conditions = {"conditions": [failure]} if by == "condition" else {}
    owner = {**SET, "status": {"replicas": 1, **conditions}}
    events = [event("FailedCreate", message, "r1")] if by == "event" else []
    # One of two pods is there, and says which containers are injected.
    diagnosis = look(a_pod(), owners=(owner,), events=events)
    assert (diagnosis.subject, diagnosis.state) == ("ReplicaSet web-7d9", PodState.MISSING)
    assert words(diagnosis) == [word]
    assert seen in shown(diagnosis)
    assert "my text" not in shown(diagnosis)


def test_an_old_refusal_of_an_owner_that_has_all_its_pods_is_history() -> None:
    owner = {**SET, "status": {"replicas": 2}}
    assert (
        look(a_pod(), owners=(owner,), events=[event("FailedCreate", CALL, "r1")]).state is PodState.HEALTHY
    )


@pytest.mark.parametrize(
    ("owner", "word"),
    [
        ({"kind": "Deployment", "spec": {"replicas": 0}}, "no-pod-wanted"),
        ({"kind": "CronJob", "spec": {}}, "no-pod-wanted"),
        ({"kind": "Job", "spec": {"suspend": True}}, "no-pod-wanted"),
        ({"kind": "DaemonSet", "spec": {}}, "no-pod-wanted"),
        ({"kind": "Job", "spec": {}}, "no-pod-yet"),
        ({"kind": "Deployment", "spec": {}}, "no-pod-yet"),
        ({"kind": "DaemonSet", "status": {"desiredNumberScheduled": 1}}, "no-pod-yet"),
    ],
)
def test_an_owner_without_pods(owner: dict[str, Any], word: str) -> None:
    assert words(look(None, decision=None, owners=({"metadata": {"name": "w"}, **owner},))) == [word]


# --- the webhook was not called --------------------------------------------------------------------


def namespace(labels: dict[str, str], written: str = "2026-01-01T09:00:00Z") -> Manifest:
    fields: Manifest = {"f:metadata": {"f:labels": {f"f:{key}": {} for key in labels}}}
    managed = [{"manager": "kubectl", "time": written, "fieldsV1": fields}]
    return {"metadata": {"name": "shop", "labels": labels, "managedFields": managed}}


def configuration(
    made: str = "2026-01-01T08:00:00Z", name: str = ENTRY, resources: str = "pods", **more: Any
) -> Manifest:
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": [resources]}
    webhook = {
        "name": name,
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"mesh": "on"}},
        "failurePolicy": "Fail",
        **more,
    }
    return {"metadata": {"name": "injector", "creationTimestamp": made}, "webhooks": [webhook]}


ON = namespace({"mesh": "on"})


@pytest.mark.parametrize(
    ("space", "webhooks", "word", "seen"),
    [
        (ON, (), "webhook-absent", "none belongs to this injector"),
        (ON, (configuration(name="other.of.them"),), "webhook-absent", "none belongs to this injector"),
        (
            namespace({}),
            (configuration(),),
            "webhook-selectors",
            "requires mesh=on on namespace shop, which does not have it",
        ),
        (namespace({"mesh": "no"}), (configuration(),), "webhook-selectors", 'shop, which has "no"'),
        (
            ON,
            (configuration(objectSelector={"matchLabels": {"app": "api"}}),),
            "webhook-selectors",
            'requires app=api on the pod, which has "web"',
        ),
        (ON, (configuration(objectSelector={"odd": 1}),), "webhook-selectors", "is not supported here"),
        (
            ON,
            (configuration(resources="services"),),
            "webhook-selectors",
            "do not include the creation of pods",
        ),
        (ON, (configuration("2026-01-01T11:00:00Z"),), "webhook-younger", "created at 2026-01-01T11:00:00Z"),
        (
            namespace({"mesh": "on"}, "2026-01-01T12:00:00Z"),
            (configuration(),),
            "label-younger",
            "label mesh set at 2026-01-01T12:00:00Z",
        ),
        (ON, (configuration(failurePolicy="Ignore"),), "webhook-ignored", "failurePolicy Ignore"),
        (ON, (configuration(),), "webhook-not-called", "it matches, and failurePolicy is Fail"),
        (ON, (configuration(matchConditions=[{}]),), "webhook-not-called", "its matchConditions"),
        (None, (configuration(),), "webhook-not-called", "it could not be read"),
        (ON, None, "webhook-not-called", "they could not be read"),
    ],
)
def test_why_a_pod_without_sidecar_was_passed_over(
    space: Manifest | None, webhooks: tuple[Manifest, ...] | None, word: str, seen: str
) -> None:
    diagnosis = look(a_pod(status=None), namespace=space, webhooks=webhooks)
    assert (diagnosis.state, words(diagnosis)) == (PodState.NOT_INJECTED, [word])
    assert seen in shown(diagnosis)


def test_a_pod_that_is_left_out_is_shown_with_the_rule_that_decided() -> None:
    decision = Decision(Reason.OPTED_OUT_BY_LABEL, (Step("label", "x: false", "no", decisive=True),))
    diagnosis = look(a_pod(status=None), decision=decision, namespace=ON, webhooks=(configuration(),))
    assert (words(diagnosis), shown(diagnosis)) == (["left-out"], "rule label: opted-out-by-label")


def test_not_selected_is_explained_by_the_registered_entries_where_they_can_be_read() -> None:
    pod = a_pod(status=None)
    diagnosis = look(pod, decision=UNSELECTED, namespace=namespace({}), webhooks=(configuration(),))
    assert words(diagnosis) == ["webhook-selectors"]
    assert words(look(pod, decision=UNSELECTED, namespace=namespace({}))) == ["webhook-selectors"]


def test_why_it_was_not_injected_comes_after_why_it_is_not_ready() -> None:
    pod = a_pod(app=container_status("web", waiting("ErrImagePull")), status=None)
    assert words(look(pod, namespace=ON, webhooks=())) == ["image-missing", "webhook-absent"]


# --- the table -----------------------------------------------------------------------------------------


def test_every_row_has_its_own_id_and_a_hint() -> None:
    rows = (*causes.BEFORE, *causes.AFTER)
    assert len({row.id for row in rows}) == len(rows)
    assert all(row.title and row.shown_by and row.action for row in rows)
    assert list(causes.order((LONELY,))).index("lonely") == len(causes.BEFORE)


def test_the_same_row_from_two_places_is_one_cause_with_both() -> None:
    diagnosis = look(a_pod(container_status("web", ended(1)), container_status("proxy", ended(2))))
    assert words(diagnosis) == ["unknown", "crashing"]
    assert [e.seen for e in diagnosis.causes[1].evidence] == ["web: exit code 1", "proxy: exit code 2"]


def test_refused_reads_are_part_of_the_diagnosis() -> None:
    observation = replace(PodObservation(a_pod()), unread=("not allowed to list nodes",))
    diagnosis = diagnose(observation, INJECT, PROFILE, ())
    assert diagnosis.unread == ("not allowed to list nodes",)
