"""The settings of the control plane; tests/e2e tests the objects made from them."""

from __future__ import annotations

import json

from tests.beds.mesh import manifests
from tests.beds.mesh.manifests import Settings


def test_what_upstreams_envoy_lacks_and_istiods_own_injector_are_off_in_every_setting() -> None:
    spec = manifests.operator(Settings(environment={"PILOT_TRACE_SAMPLING": "2"}))

    environment = spec["values"]["pilot"]["env"]
    assert environment.pop("PILOT_TRACE_SAMPLING") == "2"
    assert environment == {**manifests.UPSTREAM_ENVOY, **manifests.OWN_INJECTOR}
    assert spec["values"]["telemetry"] == {"enabled": False}


def test_settings_stand_where_the_control_plane_looks_for_them() -> None:
    spec = manifests.operator(
        Settings(cni=True, hold_application=True, seccomp_profile="RuntimeDefault", tls_counters=True)
    )

    proxy = spec["values"]["global"]["proxy"]
    assert spec["components"] == {"cni": {"enabled": True}}
    assert proxy["holdApplicationUntilProxyStarts"] is True
    assert proxy["seccompProfile"] == {"type": "RuntimeDefault"}
    matcher = spec["meshConfig"]["defaultConfig"]["proxyStatsMatcher"]
    assert matcher == {"inclusionRegexps": list(manifests.TLS_COUNTERS)}
    assert json.loads(spec["meshConfig"]["accessLogFormat"]) == manifests.ACCESS_LOG


def test_free_values_are_merged_over_the_named_ones_without_replacing_their_neighbours() -> None:
    spec = manifests.operator(
        Settings(
            tls_counters=True,
            values={"global": {"proxy": {"readinessPeriodSeconds": 15}}},
            mesh_config={"defaultConfig": {"drainDuration": "1s"}},
        )
    )

    proxy = spec["values"]["global"]["proxy"]
    assert (proxy["readinessPeriodSeconds"], proxy["holdApplicationUntilProxyStarts"]) == (15, False)
    assert sorted(spec["meshConfig"]["defaultConfig"]) == ["drainDuration", "proxyStatsMatcher"]
