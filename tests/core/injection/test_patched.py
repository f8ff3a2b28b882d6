"""Templates that add to the containers of the pod's own: these stay its own in every record."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given

from injector.core.injection.recovery import recover
from injector.core.model import Facts
from injector.core.profile import Config
from injector.core.tree.schema import same
from tests.core.generic import KEYS, a_config, injected, outcome
from tests.generators.strategies import pods

SHIPPER = """
spec:
  containers:
  - name: shipper
    image: "shipper:1"
    volumeMounts: [{name: logs, mountPath: /logs}]
  {% for container in Spec.containers or [] if container.name != "shipper" %}
  - name: {{ container.name }}
    env: [{name: LOG_DIR, value: {{ Values.folder }}}]
    volumeMounts: [{name: logs, mountPath: {{ Values.folder }}}]
    livenessProbe: {httpGet: {path: /live, port: 9}}
  {% if Values.tty %}
    tty: true
  {% endif %}
  {% endfor %}
  volumes: [{name: logs, emptyDir: {}}]
"""
APP: dict[str, Any] = {"name": "app", "image": "app:1"}


def config(folder: str = "/var/log", tty: bool = False) -> Config:
    return a_config(f"{folder} {tty}", text=SHIPPER, folder=folder, tty=tty)


def a_pod(**fields: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{**APP, **fields}]}}


def app_of(pod: dict[str, Any]) -> dict[str, Any]:
    (app,) = (c for c in pod["spec"]["containers"] if c["name"] == "app")
    return dict(app)


def back(pod: dict[str, Any], by: Config) -> dict[str, Any]:
    recovered = recover(pod, Facts(), by)
    assert recovered is not None
    assert recovered.notes == ()
    return recovered.pod


def test_the_status_does_not_list_them_and_no_annotation_repeats_them() -> None:
    annotations = injected(a_pod(command=["run"]), config())["metadata"]["annotations"]
    assert json.loads(annotations[KEYS.status])["containers"] == ["shipper"]
    assert KEYS.overrides not in annotations
    assert "run" not in annotations[KEYS.undo]


def test_an_own_version_of_an_injected_container_is_still_listed_and_stored() -> None:
    pod = a_pod()
    pod["spec"]["containers"].append({"name": "shipper", "image": "mine:1"})
    annotations = injected(pod, config())["metadata"]["annotations"]
    assert json.loads(annotations[KEYS.status])["containers"] == ["shipper"]
    stored = json.loads(annotations[KEYS.overrides])
    assert [c["name"] for c in stored["containers"]] == ["shipper"]


@given(pods())
def test_the_laws_hold_for_them(pod: dict[str, Any]) -> None:
    original = copy.deepcopy(pod)
    once = injected(pod, config())
    assert same(back(once, config()), original)
    assert outcome(once, config()).patch == ()


FIELDS: list[dict[str, Any]] = [
    {},
    {"env": [{"name": "LOG_DIR", "value": "/mine"}]},
    {"env": []},
    {"env": [{"name": "A", "value": ""}, {"name": "LOG_DIR", "value": ""}]},
    {"volumeMounts": None},
    {"volumeMounts": [{"name": "mine", "mountPath": "/var/log", "readOnly": True}]},
    {"livenessProbe": {"exec": {"command": ["live"]}}},
    {"livenessProbe": {"httpGet": {"path": "/mine", "port": 1}, "periodSeconds": 0}},
    {"tty": False},
]


@pytest.mark.parametrize("fields", FIELDS)
def test_what_the_pod_sets_itself_wins_and_comes_back(fields: dict[str, Any]) -> None:
    pod = a_pod(**fields)
    once = injected(pod, config())
    assert same(back(once, config()), pod)
    again = outcome(once, config())
    assert again.patch == ()
    for entry in fields.get("env") or []:
        if entry["value"]:
            assert entry in app_of(once)["env"]


@pytest.mark.parametrize("tty", [False, True], ids=["same configuration", "another one"])
def test_what_others_add_to_them_between_two_injections_stays(tty: bool) -> None:
    once = injected(a_pod(), config())
    app = app_of(once)
    app["env"] = [*app["env"], {"name": "OTHER", "value": "1"}]
    app["ports"] = [{"containerPort": 80, "protocol": "TCP"}]
    app["imagePullPolicy"] = "Always"
    app["livenessProbe"] = {**app["livenessProbe"], "periodSeconds": 10}
    containers = [app if c["name"] == "app" else c for c in once["spec"]["containers"]]
    touched = {**once, "spec": {**once["spec"], "containers": containers}}
    twice = app_of(injected(touched, config("/var/log", tty)))
    assert {e["name"] for e in twice["env"]} == {"LOG_DIR", "OTHER"}
    assert (twice["ports"], twice["imagePullPolicy"]) == (app["ports"], "Always")
    assert twice.get("tty", False) is tty
    assert app_of(back(touched, config())) == {
        **APP,
        "env": [{"name": "OTHER", "value": "1"}],
        "ports": app["ports"],
        "imagePullPolicy": "Always",
    }


def test_another_configuration_leaves_nothing_of_the_earlier_one_in_them() -> None:
    once = injected(a_pod(), config("/old", tty=True))
    assert same(app_of(injected(once, config("/new"))), app_of(injected(a_pod(), config("/new"))))


def test_a_record_of_an_older_version_that_lists_and_repeats_them_is_read() -> None:
    once = injected(a_pod(), config())
    status = json.loads(once["metadata"]["annotations"][KEYS.status])
    status["containers"].append("app")
    annotations = {
        **once["metadata"]["annotations"],
        KEYS.status: json.dumps(status),
        KEYS.overrides: json.dumps({"containers": [{**APP, "resources": {}}]}),
        KEYS.undo: '[["/spec/containers/app/resources"]]',
    }
    old = {**once, "metadata": {**once["metadata"], "annotations": annotations}}
    assert same(back(old, config()), a_pod())
    assert same(injected(old, config()), once)
