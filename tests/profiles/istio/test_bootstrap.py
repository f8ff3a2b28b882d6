"""What makes a workload join the mesh: the control plane, who is trusted, and how it gets its certificate.

Tables from istio-injection 3.1.4, 3.1.9, 4.1 and 4.2.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from injector.core.model import AnnotationKeys
from injector.core.raw_settings import RawSettings
from injector.profiles.istio import meshconfig, proxyconfig
from injector.profiles.istio.bootstrap import bootstrap_of, control_plane, from_values, token, trust_root
from injector.profiles.istio.profile import IstioProfile

Values = dict[str, Any]
VALUES: Values = {
    "global": {
        "istioNamespace": "istio-system",
        "pilotCertProvider": "istiod",
        "sds": {"token": {"aud": "istio-ca"}},
    }
}


def joined(values: Values, **mesh: Any) -> Any:
    """The bootstrap of a pod that says nothing itself, in a mesh of these values."""
    effective = meshconfig.effective(mesh, base=from_values(values, ""))
    proxy = effective["defaultConfig"]
    return bootstrap_of(values, effective, proxy, proxyconfig.text(proxy))


def with_global(**more: Any) -> Values:
    return {**VALUES, "global": {**VALUES["global"], **more}}


@pytest.mark.parametrize(
    ("values", "revision", "address"),
    [
        ({}, "", "istiod.istio-system.svc:15012"),
        ({}, "default", "istiod.istio-system.svc:15012"),
        ({"revision": "default"}, "", "istiod.istio-system.svc:15012"),
        ({"revision": "canary"}, "", "istiod-canary.istio-system.svc:15012"),
        ({}, "1-30", "istiod-1-30.istio-system.svc:15012"),
        ({"revision": "old"}, "new", "istiod-new.istio-system.svc:15012"),
        ({"global": {"istioNamespace": "mesh"}}, "", "istiod.mesh.svc:15012"),
        ({"revision": "canary", "global": {"istioNamespace": "mesh"}}, "", "istiod-canary.mesh.svc:15012"),
    ],
)
def test_the_control_plane_is_addressed_by_revision_and_namespace(
    values: Values, revision: str, address: str
) -> None:
    assert control_plane(values, revision) == address
    assert from_values(values, revision)["defaultConfig"]["discoveryAddress"] == address


@pytest.mark.parametrize(
    ("values", "mesh", "discovery", "ca"),
    [
        (VALUES, {}, "istiod.istio-system.svc:15012", "istiod.istio-system.svc:15012"),
        (
            {**VALUES, "revision": "r1"},
            {},
            "istiod-r1.istio-system.svc:15012",
            "istiod-r1.istio-system.svc:15012",
        ),
        (with_global(istioNamespace="mesh"), {}, "istiod.mesh.svc:15012", "istiod.mesh.svc:15012"),
        (
            with_global(caAddress="ca.example.org:443"),
            {},
            "istiod.istio-system.svc:15012",
            "ca.example.org:443",
        ),
        (
            # The control plane is in another cluster: discovery moves, the CA only where it is set.
            VALUES,
            {"defaultConfig": {"discoveryAddress": "istiod.east.example.org:15012"}},
            "istiod.east.example.org:15012",
            "istiod.istio-system.svc:15012",
        ),
    ],
)
def test_discovery_and_ca_follow_revision_cluster_and_values(
    values: Values, mesh: Values, discovery: str, ca: str
) -> None:
    bootstrap = joined(values, **mesh)
    assert (bootstrap.discovery_address, bootstrap.ca_address) == (discovery, ca)


def test_the_default_address_does_not_show_in_the_proxys_configuration() -> None:
    assert joined(VALUES).proxy_config == "{}"
    assert joined({**VALUES, "revision": "r1"}).proxy_config == (
        '{"discoveryAddress":"istiod-r1.istio-system.svc:15012"}'
    )


@pytest.mark.parametrize(
    ("values", "source"),
    [
        ({}, {"configMap": {"name": "istio-ca-root-cert"}}),
        ({"global": {"trustBundleName": "roots"}}, {"configMap": {"name": "roots"}}),
        (
            {"pilot": {"env": {"ENABLE_CLUSTER_TRUST_BUNDLE_API": True}}},
            {"clusterTrustBundle": {"name": "istio.io:istiod-ca:root-cert", "path": "root-cert.pem"}},
        ),
        (
            {
                "pilot": {"env": {"ENABLE_CLUSTER_TRUST_BUNDLE_API": True}},
                "global": {"trustBundleName": "roots"},
            },
            {"clusterTrustBundle": {"name": "istio.io:istiod-ca:roots", "path": "root-cert.pem"}},
        ),
        # Only the boolean counts.
        (
            {"pilot": {"env": {"ENABLE_CLUSTER_TRUST_BUNDLE_API": "true"}}},
            {"configMap": {"name": "istio-ca-root-cert"}},
        ),
        (
            {"pilot": {"env": {"ENABLE_CLUSTER_TRUST_BUNDLE_API": False}}},
            {"configMap": {"name": "istio-ca-root-cert"}},
        ),
    ],
)
def test_the_root_is_a_configmap_or_a_cluster_trust_bundle(values: Values, source: Values) -> None:
    expected = source if "configMap" in source else {"projected": {"sources": [source]}}
    assert trust_root(values) == {"name": "istiod-ca-cert", **expected}


@pytest.mark.parametrize(
    ("values", "audience"), [({}, "istio-ca"), ({"global": {"sds": {"token": {"aud": "my-ca"}}}}, "my-ca")]
)
def test_the_token_is_for_the_ca_alone_and_lives_twelve_hours(values: Values, audience: str) -> None:
    source = {"path": "istio-token", "expirationSeconds": 43200, "audience": audience}
    assert token(values) == {"sources": [{"serviceAccountToken": source}]}


@pytest.mark.parametrize(
    ("values", "field", "expected"),
    [
        (VALUES, "provider", "istiod"),
        (with_global(pilotCertProvider="kubernetes"), "provider", "kubernetes"),
        (VALUES, "gke", False),
        (with_global(caName="GkeWorkloadCertificate"), "gke", True),
        (with_global(caName="another"), "gke", False),
        (VALUES, "crl", "istio-ca-crl"),
        (VALUES, "cluster", "Kubernetes"),
        (with_global(multiCluster={"clusterName": "east"}), "cluster", "east"),
        (VALUES, "network", ""),
        (with_global(network="net1"), "network", "net1"),
        (VALUES, "mesh_id", "cluster.local"),
        (with_global(meshID="mesh1"), "mesh_id", "mesh1"),
    ],
)
def test_provider_and_place_follow_the_values(values: Values, field: str, expected: object) -> None:
    assert getattr(joined(values), field) == expected


@pytest.mark.parametrize(
    ("mesh", "values", "domain"),
    [
        ({}, VALUES, "cluster.local"),
        ({"trustDomain": "example.org"}, VALUES, "example.org"),
        ({"trustDomain": "example.org"}, with_global(trustDomain="other.org"), "example.org"),
        ({"trustDomain": ""}, with_global(trustDomain="other.org"), "other.org"),
    ],
)
def test_the_trust_domain_is_the_meshs_and_else_that_of_the_values(
    mesh: Values, values: Values, domain: str
) -> None:
    bootstrap = joined(values, **mesh)
    assert (bootstrap.trust_domain, bootstrap.mesh_id) == (domain, domain)


@pytest.mark.parametrize(
    ("values", "tracing"),
    [
        ({"global": {"proxy": {"tracer": "none"}}}, None),
        ({"global": {"proxy": {"tracer": "datadog"}}}, {"datadog": {"address": "$(HOST_IP):8126"}}),
        (
            {"global": {"proxy": {"tracer": "zipkin"}, "istioNamespace": "mesh"}},
            {"zipkin": {"address": "zipkin.mesh:9411"}},
        ),
        (
            {"global": {"proxy": {"tracer": "zipkin"}, "tracer": {"zipkin": {"address": "z:1"}}}},
            {"zipkin": {"address": "z:1"}},
        ),
        (
            {
                "global": {
                    "proxy": {"tracer": "lightstep"},
                    "tracer": {"lightstep": {"address": "l:1", "accessToken": "t"}},
                }
            },
            {"lightstep": {"address": "l:1", "accessToken": "t"}},
        ),
        (
            {"global": {"proxy": {"tracer": "stackdriver"}}},
            {
                "stackdriver": {
                    "debug": False,
                    "maxNumberOfAnnotations": 200,
                    "maxNumberOfAttributes": 200,
                    "maxNumberOfMessageEvents": 200,
                }
            },
        ),
    ],
)
def test_the_tracer_of_the_values_is_written_as_the_chart_writes_it(
    values: Values, tracing: Values | None
) -> None:
    assert from_values(values, "")["defaultConfig"].get("tracing") == tracing


def test_the_chart_writes_mesh_id_variant_and_root_namespace() -> None:
    written = from_values({"global": {"meshID": "m", "variant": "debug", "istioNamespace": "mesh"}}, "")
    assert written["rootNamespace"] == "mesh"
    assert written["defaultConfig"]["meshId"] == "m"
    assert written["defaultConfig"]["image"] == {"imageType": "debug"}


def test_a_given_mesh_document_is_not_completed_from_the_values() -> None:
    """A live control plane has written its own addresses; the built-in default counts where it wrote none."""
    profile = IstioProfile(name="istio", keys=AnnotationKeys())
    raw = RawSettings(values={"revision": "r1"}, revision="r1", mesh_document=True)
    read = profile.settings(raw).mesh["defaultConfig"]["discoveryAddress"]
    assert read == "istiod.istio-system.svc:15012"
    made = profile.settings(replace(raw, mesh_document=False)).mesh["defaultConfig"]["discoveryAddress"]
    assert made == "istiod-r1.istio-system.svc:15012"


def test_what_templates_see_of_the_bootstrap_is_the_whole_of_it() -> None:
    bootstrap = joined(VALUES)
    values = [getattr(bootstrap, field.name) for field in fields(bootstrap)]
    assert list(bootstrap.as_data().values()) == values
