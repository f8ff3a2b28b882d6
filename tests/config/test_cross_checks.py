"""Settings of `serve` that do not fit together are refused, with what to do."""

from __future__ import annotations

import pytest

from injector.config.cross_checks import check
from injector.config.schema import read_settings
from injector.errors import ConfigError

CERTIFICATE = "clientCaFile: ca.pem, clientNames: [kube-apiserver]"
TOKEN = "audience: us, subjects: [them]"


def checked(settings: str, **server: str) -> None:
    more = "".join(f", {key}: {value}" for key, value in server.items())
    check(read_settings(f"server: {{callerAuth: {{{settings}}}{more}}}", "c.yaml").server)


@pytest.mark.parametrize("mode", ["audit", "enforce"])
@pytest.mark.parametrize(
    ("settings", "where", "hint"),
    [
        ("", "server.callerAuth", "clientCaFile"),
        ("clientNames: [kube-apiserver]", "server.callerAuth", "clientCaFile"),
        (
            "clientCaFile: ca.pem",
            "server.callerAuth.clientNames",
            "set the names of the API server's certificate",
        ),
        ("audience: us", "server.callerAuth.subjects", "set the subjects of tokens"),
        (f"{TOKEN}, jwksFile: keys.json", "server.callerAuth.issuer", "set issuer"),
        (f"{CERTIFICATE}, audience: us", "server.callerAuth.subjects", "set the subjects of tokens"),
    ],
)
def test_what_would_check_nothing_is_refused(mode: str, settings: str, where: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(f"mode: {mode}{', ' if settings else ''}{settings}")
    assert caught.value.where == where
    assert hint in caught.value.hint
    checked(f"mode: off{', ' if settings else ''}{settings}")


def test_the_clusters_keys_need_a_cluster() -> None:
    checked(f"mode: enforce, {TOKEN}")
    with pytest.raises(ConfigError, match="requires a cluster"):
        checked(f"mode: enforce, {TOKEN}", namespaces="off")
    checked(f"mode: enforce, {TOKEN}, jwksFile: keys.json, issuer: them", namespaces="off")
    checked(f"mode: enforce, {CERTIFICATE}", namespaces="off")


def test_events_need_a_cluster() -> None:
    checked("", events="warnings")
    checked("", events="off", namespaces="off")
    with pytest.raises(ConfigError, match="Events require a cluster"):
        checked("", events="all", namespaces="off")
