"""What of an earlier injection is taken out, what stays, and what is assumed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from injector.core import status
from injector.core.injection import uninjection
from injector.core.injection.pipeline import inject
from injector.core.injection.recovery import recover, removed
from injector.core.model import Facts, Reason
from injector.core.outcome import Outcome
from injector.core.profile import Config, Profile
from injector.core.status import Status
from injector.templating.render import RenderLimits, Templates, TemplateSource
from tests.core.generic import CONFIG, KEYS, PROFILE, SIDECAR, injected, outcome

APP = {"name": "app", "image": "app:1"}


def a_pod(*listed: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [APP, *listed], **spec}}


class Restoring(Profile):
    """A profile that reads a label back from a trace of its own, and says so."""

    __slots__ = ()

    def restore(self, pod: dict[str, Any], _earlier: Status) -> tuple[dict[str, Any], tuple[str, ...]]:
        labels = {k: v for k, v in pod["metadata"]["labels"].items() if k != "mesh"}
        return {**pod, "metadata": {**pod["metadata"], "labels": labels}}, ("assumed: mesh",)


def test_a_profile_restores_from_its_own_traces_first() -> None:
    profile = Restoring("r", KEYS)
    once = injected(a_pod())
    assert "/metadata/labels/mesh" in (uninjection.record(once, a_pod(), PROFILE) or "")
    assert "/metadata/labels/mesh" not in (uninjection.record(once, a_pod(), profile) or "")
    del once["metadata"]["annotations"][KEYS.undo]
    without_digest = replace(status.read(once, KEYS) or Status(), digest="")
    once["metadata"]["annotations"][KEYS.status] = without_digest.text()
    recovered = recover(once, Facts(), replace(CONFIG, profile=profile))
    assert recovered is not None
    assert recovered.notes == ("assumed: mesh",)
    assert recovered.pod["metadata"]["labels"] == {"app": "shop"}


# ---- what of a status is taken out -----------------------------------------------------------------------

LOGGER = """
spec:
  containers:
  - name: logger
    image: logger:1
    volumeMounts: [{name: logs, mountPath: /logs}]
  volumes:
  - name: logs
    emptyDir: {}
"""
NATIVE = """
spec:
  {{ "initContainers" if NativeSidecars else "containers" }}:
  - name: sidecar
    image: sidecar:1
"""


def configured(**texts: str) -> Config:
    sources = {name: TemplateSource(name, text, f"{name}.yaml.j2") for name, text in texts.items()}
    return replace(CONFIG, templates=Templates(sources, {}, RenderLimits()))


TWO = configured(sidecar=SIDECAR, logger=LOGGER)


def carrying(pod: dict[str, Any], **listed: list[str]) -> dict[str, Any]:
    return {**pod, "metadata": {**pod["metadata"], "annotations": {KEYS.status: json.dumps(listed)}}}


def codes(done: Outcome) -> list[str]:
    return [finding.code.value for finding in done.findings]


def test_a_name_counts_only_in_the_list_where_a_template_makes_it() -> None:
    own = {"name": "logger", "image": "mine:1"}
    pod = carrying(a_pod(initContainers=[own]), initContainers=["logger"], volumes=["logger"])
    done = outcome(pod, TWO)
    assert own in done.pod["spec"]["initContainers"]
    assert codes(done) == ["status-name"]


def test_a_container_of_the_author_is_not_replaced_by_an_injected_one_of_the_other_list() -> None:
    pod = carrying(a_pod(initContainers=[{"name": "proxy", "image": "mine:1"}]), initContainers=["proxy"])
    assert inject(pod, Facts(), CONFIG).decision.reason is Reason.INVALID_POD


def test_a_sidecar_moves_between_the_lists_where_it_is_native_or_not() -> None:
    config = configured(sidecar=NATIVE)
    native, classic = (replace(config, native_sidecars=form) for form in ("enabled", "disabled"))
    for before, after in ((native, classic), (classic, native)):
        assert injected(injected(a_pod(), before), after) == injected(a_pod(), after)


def test_what_a_template_makes_that_the_pod_does_not_use_is_removed_and_named() -> None:
    pod = carrying(
        a_pod({"name": "logger", "image": "logger:1"}, volumes=[{"name": "logs"}]),
        containers=["logger"],
        volumes=["logs"],
    )
    done = outcome(pod, TWO)
    assert [c["name"] for c in done.pod["spec"]["containers"]] == ["proxy", "app"]
    assert codes(done) == ["taken-out", "taken-out"]
    assert ["logger" in done.findings[0].message, "logs" in done.findings[1].message] == [True, True]


def test_a_volume_that_is_not_put_back_leaves_no_mount_and_one_that_is_keeps_it() -> None:
    mounts = [{"name": "logs", "mountPath": "/logs"}, {"name": "ours", "mountPath": "/x"}]
    pod = a_pod(volumes=[{"name": "logs"}, {"name": "ours"}])
    pod["spec"]["containers"] = [{**APP, "volumeMounts": mounts}]
    done = outcome(carrying(pod, volumes=["logs", "ours"]), TWO)
    (app,) = (c for c in done.pod["spec"]["containers"] if c["name"] == "app")
    assert app["volumeMounts"] == mounts[1:]
    assert done.findings[-1].message.endswith("removed: logs; so were their mounts in app")
    assert outcome(done.pod, TWO).patch == ()
    undone = removed(carrying(pod, volumes=["logs", "ours"]), Facts(), TWO)
    assert undone is not None
    assert undone.notes == ("volumes were removed that these containers still mount: app",)


def test_a_status_of_every_container_leaves_those_that_are_not_put_back() -> None:
    pod = {"metadata": {}, "spec": {"containers": [{"name": "logger", "image": "mine:1"}]}}
    done = outcome(carrying(pod, containers=["logger"]), TWO)
    assert [c["name"] for c in done.pod["spec"]["containers"]] == ["proxy", "logger"]
    assert "lists every container of the pod; they were not removed: logger" in done.findings[0].message
    assert outcome(done.pod, TWO).patch == ()


@pytest.mark.parametrize(("digest", "left"), [("0123456789abcdef", []), ("", ["theirs"])])
def test_uninject_in_files_takes_out_what_a_status_with_a_digest_lists(digest: str, left: list[str]) -> None:
    # The template that made it is in another configuration.
    pod = carrying(a_pod(volumes=[{"name": "theirs"}]), volumes=["theirs"])
    listed = replace(status.read(pod, KEYS) or Status(), digest=digest)
    pod["metadata"]["annotations"][KEYS.status] = listed.text()
    undone = removed(pod, Facts(), CONFIG)
    assert undone is not None
    assert [volume["name"] for volume in undone.pod["spec"].get("volumes", ())] == left
