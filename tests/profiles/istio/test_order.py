"""Which places of the proxy and of what sets up the capture are refused or reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from injector.config.loading import load
from injector.core.finding_codes import FindingCode
from injector.core.injection.pipeline import inject
from injector.core.model import Facts

NATIVE, CLASSIC = "nativeSidecars: enabled\n", "nativeSidecars: disabled\n"
CNI = "values: {pilot: {cni: {enabled: true}}}\n"
HOLD = "meshConfig: {defaultConfig: {holdApplicationUntilProxyStarts: true}}\n"
NONE = "meshConfig: {defaultConfig: {interceptionMode: NONE}}\n"
BEFORE = "istio-init must run before the native sidecar istio-proxy"
WITHOUT = "init containers without a network because of placement: "


def placed(folder: Path, settings: str, part: str) -> tuple[str, list[str]]:
    """The order of one list of a pod, and the findings about it."""
    file = folder / "injector.yaml"
    file.write_text(settings)
    init, apps = ([{"name": n, "image": "x"} for n in names] for names in (("a", "b"), ("web", "tunnel")))
    pod: dict[str, Any] = {"metadata": {"name": "p"}, "spec": {"initContainers": init, "containers": apps}}
    outcome = inject(pod, Facts("shop"), load(str(file)))
    assert outcome.error is None
    messages = [f.message for f in outcome.findings if f.code is FindingCode.PLACEMENT]
    short = {"istio-init": "INIT", "istio-validation": "CHECK", "istio-proxy": "PROXY"}
    return " ".join(short.get(c["name"], c["name"]) for c in outcome.pod["spec"][part]), messages


@pytest.mark.parametrize(
    ("settings", "places", "order", "messages"),
    [
        (NATIVE, "{istio-proxy: first}", "INIT PROXY a b", []),
        (NATIVE, "{istio-proxy: {after: a}}", "INIT a PROXY b", ["a"]),
        (NATIVE, "{istio-proxy: last}", "INIT a b PROXY", ["a, b"]),
        (NATIVE, "{istio-proxy: {after: b}, istio-init: {after: a}}", "a INIT b PROXY", ["b"]),
        (NATIVE, "{istio-proxy: last, istio-init: last}", "a b INIT PROXY", []),
        (NATIVE, "{istio-proxy: last, istio-init: {before: istio-proxy}}", "a b INIT PROXY", []),
        (NATIVE + NONE, "{istio-proxy: last}", "a b PROXY", []),
        # The plugin captures from the start.
        (NATIVE + CNI, "{istio-proxy: last, istio-validation: last}", "a b CHECK PROXY", ["a, b"]),
        (CLASSIC + CNI, "{istio-validation: {after: a}}", "a CHECK b", []),
        # With a classic proxy the init containers before istio-init have a network.
        (CLASSIC, "{istio-init: last}", "a b INIT", []),
        (CLASSIC, "{istio-init: {after: a}}", "a INIT b", ["b"]),
    ],
)
def test_init_containers_whose_traffic_is_captured_before_the_proxy_runs_are_reported(
    tmp_path: Path, settings: str, places: str, order: str, messages: list[str]
) -> None:
    expected = [f"{WITHOUT}{names}; their traffic is captured, and no proxy runs yet" for names in messages]
    result = placed(tmp_path, f"{settings}placement: {places}\n", "initContainers")
    assert result == (order, expected)


@pytest.mark.parametrize(
    ("places", "ignored"),
    [
        ("{istio-init: last}", "istio-init"),
        ("{istio-init: {after: istio-proxy}}", "istio-init"),
        ("{istio-init: last, istio-proxy: {after: a}}", "istio-init, istio-proxy"),
    ],
)
def test_what_sets_up_the_capture_stays_before_a_native_proxy(
    tmp_path: Path, places: str, ignored: str
) -> None:
    order, messages = placed(tmp_path, f"{NATIVE}placement: {places}\n", "initContainers")
    assert (order, messages) == ("INIT PROXY a b", [f"placement of {ignored} is ignored: {BEFORE}"])


@pytest.mark.parametrize(
    ("settings", "places", "order", "reported"),
    [
        (CLASSIC, "{istio-proxy: {before: tunnel}}", "web PROXY tunnel", False),
        (CLASSIC, "{istio-proxy: last}", "web tunnel PROXY", False),
        (CLASSIC + HOLD, "{istio-proxy: first}", "PROXY web tunnel", False),
        (CLASSIC + HOLD, "{istio-proxy: last}", "PROXY web tunnel", True),
        (CLASSIC + HOLD, "{istio-proxy: {before: tunnel}}", "PROXY web tunnel", True),
        # To the application a native sidecar is always first.
        (NATIVE + HOLD, "{istio-proxy: last}", "web tunnel", False),
    ],
)
def test_a_held_application_keeps_the_classic_proxy_first(
    tmp_path: Path, settings: str, places: str, order: str, reported: bool
) -> None:
    found_order, messages = placed(tmp_path, f"{settings}placement: {places}\n", "containers")
    assert found_order == order
    assert any("holdApplicationUntilProxyStarts requires" in text for text in messages) == reported
