"""`injector admit` gives the answer of `injector serve` for one file and one review."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.command import in_one_process, run
from tests.server.test_serve import SETTINGS, SHIPPER, Files, call, files, served
from tests.server.webhook_factories import a_body, a_pod

__all__ = ["files", "in_one_process"]  # the fixtures

FAILING = (
    SHIPPER
    + "{% if (ObjectMeta.labels | default({})).app | default('') == 'broken' %}"
    + "{{ fail('a value is missing') }}{% endif %}\n"
)
SWITCH = "sidecar-injector/inject"
PODS: dict[str, tuple[dict[str, Any], str]] = {
    "injected": (a_pod(), "injected  Pod shop/web-: on-by-default."),
    "skipped": (a_pod(labels={SWITCH: "false"}), "skipped   Pod shop/web-: opted-out-by-label."),
    "a near miss": (a_pod(labels={SWITCH: "True"}), "injected  Pod shop/web-: on-by-default."),
    "broken": (a_pod(labels={"app": "broken"}), "{word} Pod shop/web-: template-failed."),
}
SERVERS = {
    "as it comes": "",
    "failing open": "  failureMode: allow\n",
    "silent": "  warnings: false\n  auditAnnotations: false\n",
    "failing open in silence": "  failureMode: allow\n  warnings: false\n  auditAnnotations: false\n",
}


@pytest.mark.parametrize("server", SERVERS)
def test_admit_answers_as_the_webhook_with_the_same_file(files: Files, server: str) -> None:
    (files.folder / "shipper" / "shipper.yaml.j2").write_text(FAILING)
    files.config.write_text(SETTINGS + SERVERS[server])
    allows = "failureMode" in SERVERS[server]
    with served(files) as running:
        webhook, _ = running.callers(running.wait_for("listening"))
        for name, (pod, line) in PODS.items():
            body = a_body(pod)
            _, answer = call(webhook, "POST", "/mutate", body)
            done = run("admit", "--config", files.config, "-f", "-", stdin=body.decode())
            assert done.status == 0
            assert json.dumps(json.loads(done.out)) == json.dumps(json.loads(answer)), name
            assert line.format(word="passed   " if allows else "refused  ") in done.err
            if name == "broken":
                assert json.loads(done.out)["response"]["allowed"] is allows
