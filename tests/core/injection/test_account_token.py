"""`automountServiceAccountToken: false` beside injected containers that need the default token."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from injector.core.finding_codes import FindingCode
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Finding, Manifest
from injector.core.profile import Profile
from injector.templating.render import RenderLimits, Templates, TemplateSource
from tests.core.generic import CONFIG, KEYS

FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
PLAIN = "name: proxy, image: x"


def findings(container: str, profile: Profile = CONFIG.profile, **spec: Any) -> list[Finding]:
    """What is reported of a pod with such an injected container."""
    text = f"spec:\n  containers:\n  - {{{container}}}\n"
    templates = Templates({"sidecar": TemplateSource("sidecar", text, "sidecar.yaml.j2")}, {}, RenderLimits())
    app = {"name": "app", "image": "x", "args": [f"{FOLDER}/token"]}
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [app], **spec}}
    outcome = inject(pod, Facts(), replace(CONFIG, templates=templates, profile=profile))
    assert outcome.error is None
    return [f for f in outcome.findings if f.code is FindingCode.ACCOUNT_TOKEN]


OFF: dict[str, Any] = {"automountServiceAccountToken": False}


@pytest.mark.parametrize(
    "container",
    [
        f"{PLAIN}, args: [--token, {FOLDER}/token]",
        f"{PLAIN}, env: [{{name: CA, value: .{FOLDER}/ca.crt}}]",
        f"{PLAIN}, volumeMounts: [{{name: other, mountPath: /tokens}}], command: [run, {FOLDER}]",
    ],
)
def test_an_injected_container_that_names_the_folder_is_reported_with_the_field(container: str) -> None:
    (finding,) = findings(container, **OFF)
    assert finding.where == "/spec/automountServiceAccountToken"
    assert "container proxy" in finding.message


@pytest.mark.parametrize(
    ("container", "spec"),
    [
        (PLAIN, OFF),
        (f"{PLAIN}, args: [{FOLDER}/token]", {}),
        (f"{PLAIN}, args: [{FOLDER}/token]", {"automountServiceAccountToken": True}),
        (f"{PLAIN}, args: [/var/run/secrets/tokens/istio-token]", OFF),
        (f"{PLAIN}, args: [{FOLDER}/token], volumeMounts: [{{name: t, mountPath: {FOLDER}/}}]", OFF),
    ],
)
def test_a_container_that_needs_no_default_token_is_not_reported(container: str, spec: Manifest) -> None:
    assert findings(container, **spec) == []


@dataclass(frozen=True, slots=True)
class _Joining(Profile):
    def needs_account_token(self, container: Manifest) -> bool:
        return bool(container["image"] == "joins")


def test_a_profile_can_say_that_its_container_needs_the_token() -> None:
    joining = _Joining("joining", KEYS, default_templates=("sidecar",))
    assert findings("name: proxy, image: joins", joining, **OFF)
    assert not findings("name: proxy, image: x", joining, **OFF)
