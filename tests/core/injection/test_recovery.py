"""What of an earlier injection is taken out, what stays, and what is assumed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from injector.core import status
from injector.core.injection import uninjection
from injector.core.injection.recovery import recover
from injector.core.model import Facts
from injector.core.profile import Profile
from injector.core.status import Status
from tests.core.generic import CONFIG, KEYS, PROFILE, injected

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
