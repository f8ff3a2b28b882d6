"""`webhook-config`: the object that registers the webhook, from the profile's own selectors."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector.config.loading import load
from injector.core.injection.near_misses import find_near_misses
from injector.core.registration.entries import registered
from injector.core.registration.match_conditions import dropped
from injector.core.selectors import parse
from tests.cli.conftest import Run

URL = "https://127.0.0.1:8443/mutate"
SUFFIX = "sidecar-injector.istio.io"
SWITCH, MISSPELT = "sidecar.istio.io/inject", "sidecar.istio.io/proxyCPUU"

# The key of this certificate was discarded; only its format matters.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBfDCCASOgAwIBAgIUB0l5tw3AM5bL2N1W4mVQvJ0gYq0wCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
"""


def printed(run: Run, *arguments: str | Path) -> list[dict[str, Any]]:
    done = run("webhook-config", *arguments)
    assert done.status == 0
    assert done.err in ("", "configuration: built-in defaults\n")
    return list(yaml.safe_load_all(done.out))


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """A CA's certificate in a file that holds other things as well."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test CA")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "ca.pem").write_bytes(b"# ours\n" + secret + pem)
    (tmp_path / "only.pem").write_bytes(pem)
    return tmp_path


def test_an_entry_is_complete_and_its_defaults_close(run: Run) -> None:
    (configuration,) = printed(run, "--url", URL)
    assert configuration["metadata"]["name"] == "sidecar-injector-istio"
    # A control plane writes its own caBundle into what carries this label.
    assert "istio.io/rev" not in configuration["metadata"]["labels"]
    for entry in configuration["webhooks"]:
        assert [c["name"] for c in entry.pop("matchConditions")] == ["not-unsuited", "not-opted-out"]
        del entry["name"], entry["namespaceSelector"], entry["objectSelector"]
        assert entry == {
            "clientConfig": {"url": URL},
            "rules": [
                {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
            ],
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "timeoutSeconds": 10,
            "reinvocationPolicy": "IfNeeded",
            "admissionReviewVersions": ["v1"],
        }


def test_match_conditions_can_be_left_out(run: Run) -> None:
    (configuration,) = printed(run, "--url", URL, "--no-match-conditions")
    assert not any("matchConditions" in entry for entry in configuration["webhooks"])


# istio-injection 1.4: which entries exist, and for which name they stand.
@pytest.mark.parametrize(
    ("config", "revision", "entries"),
    [
        ("", "default", ["rev.namespace.", "rev.object.", "namespace.", "object."]),
        ("revision: canary\n", "canary", ["rev.namespace.", "rev.object."]),
        (
            "values: {sidecarInjectorWebhook: {enableNamespacesByDefault: true}}\n",
            "default",
            ["rev.namespace.", "rev.object.", "namespace.", "object.", "auto."],
        ),
    ],
)
def test_the_entries_are_those_of_the_revision(
    tmp_path: Path, run: Run, config: str, revision: str, entries: list[str]
) -> None:
    (tmp_path / "c.yaml").write_text(config)
    (configuration,) = printed(run, "--config", tmp_path / "c.yaml", "--url", URL)
    assert [e["name"] for e in configuration["webhooks"]] == [entry + SUFFIX for entry in entries]
    first = configuration["webhooks"][0]["namespaceSelector"]["matchExpressions"]
    assert {"key": "istio.io/rev", "operator": "In", "values": [revision]} in first


def test_pods_of_an_excluded_namespace_never_come(run: Run) -> None:
    flags = ("--exclude-namespace", "kube-system", "--exclude-namespace", "mesh")
    with_, without = (printed(run, "--url", URL, "--tag", "prod", *more) for more in (flags, ()))
    for item, as_before in zip(with_, without, strict=True):
        for entry, before in zip(item["webhooks"], as_before["webhooks"], strict=True):
            selector, other = parse(entry["namespaceSelector"]), parse(before["namespaceSelector"])
            for labels in ({"istio-injection": "enabled"}, {"istio.io/rev": "prod"}, {}):
                for name in ("kube-system", "mesh", "shop"):
                    named = {**labels, "kubernetes.io/metadata.name": name}
                    assert selector.matches(named) == (name == "shop" and other.matches(named))


def test_a_namespace_to_exclude_is_a_name(run: Run) -> None:
    done = run("webhook-config", "--url", URL, "--exclude-namespace", "Kube_System")
    assert done.status == 2
    assert "--exclude-namespace" in done.err


def test_each_tag_has_an_object_of_its_own(tmp_path: Path, run: Run) -> None:
    (tmp_path / "c.yaml").write_text("revision: canary\n")
    flags = ("--config", tmp_path / "c.yaml", "--url", URL, "--tag", "prod", "--tag", "default")
    own, prod, default = printed(run, *flags)
    names = [configuration["metadata"]["name"] for configuration in (own, prod, default)]
    # Without the revision, so that a tag can be moved to another one.
    stem = "sidecar-injector-istio"
    assert names == [f"{stem}-canary", f"{stem}-tag-prod", f"{stem}-tag-default"]
    assert len(own["webhooks"]) == len(prod["webhooks"]) == 2
    # The tag `default` stands in for the unnamed install (istio-injection 1.5).
    assert len(default["webhooks"]) == 4
    assert "prod" in str(prod["webhooks"][0]["namespaceSelector"])


def test_the_selectors_are_those_that_the_command_line_decides_by(run: Run) -> None:
    (configuration,) = printed(run, "--url", URL)
    ours = load(None).policy.entries
    for entry, printed_entry in zip(ours, configuration["webhooks"], strict=True):
        assert parse(printed_entry["namespaceSelector"]) == entry.namespaces
        assert parse(printed_entry["objectSelector"]) == entry.objects


# The selectors are istiod's; the conditions would let all of these through (docs/adr/0012).
@pytest.mark.parametrize(
    ("namespace", "pod", "called"),
    [
        ({"istio-injection": "enabled"}, {"labels": {SWITCH: "True"}}, True),
        ({"istio-injection": "enabled"}, {"annotations": {SWITCH: "false", MISSPELT: "1"}}, True),
        (
            {"istio-injection": "enabled"},
            {"labels": {SWITCH: "false"}, "annotations": {MISSPELT: "1"}},
            False,
        ),
        ({}, {"labels": {SWITCH: "True"}}, False),
    ],
)
def test_near_misses_come_but_for_two_that_the_selectors_keep_back(
    run: Run, namespace: dict[str, str], pod: dict[str, Any], called: bool
) -> None:
    config = load(None)
    assert find_near_misses({"metadata": pod}, config.profile)
    assert not dropped({"metadata": pod}, "shop", config.policy, config.profile)
    entries = registered(printed(run, "--url", URL))
    space = {"metadata": {"name": "shop", "labels": namespace}}
    assert any(entry.called(space, {"metadata": pod}) for entry in entries) is called


def test_a_profile_without_selectors_gets_all_namespaces_but_its_ignored_ones(folder: Path, run: Run) -> None:
    (folder / "logship" / "profile.yaml").write_text(
        "name: shipper\nkeys: {switch: logs.example.com/ship}\nignoredNamespaces: [quiet]\n"
    )
    (configuration,) = printed(run, "--config", "c.yaml", "--service", "mesh/logs")
    (entry,) = configuration["webhooks"]
    assert entry["name"].count(".") >= 2
    namespaces, objects = parse(entry["namespaceSelector"]), parse(entry["objectSelector"])
    called = {
        name: namespaces.matches({"kubernetes.io/metadata.name": name})
        for name in ("shop", "quiet", "mesh", "kube-system", "kube-node-lease")
    }
    # The webhook cannot answer for its own first pod, nor for the pods that the cluster needs to start.
    assert [name for name, is_called in called.items() if is_called] == ["shop"]
    switched = {v: objects.matches({"logs.example.com/ship": v}) for v in ("true", "false", "")}
    assert switched == {"true": True, "false": False, "": True}


@pytest.mark.parametrize(
    ("flags", "client"),
    [
        (["--url", "https://hooks.example.com"], {"url": "https://hooks.example.com/mutate"}),
        (["--url", "https://[::1]:8443/inject/net/n1"], {"url": "https://[::1]:8443/inject/net/n1"}),
        (
            ["--service", "mesh/injector"],
            {"service": {"namespace": "mesh", "name": "injector", "port": 443, "path": "/mutate"}},
        ),
        (
            ["--service", "mesh/injector:8443/inject/net/n1"],
            {"service": {"namespace": "mesh", "name": "injector", "port": 8443, "path": "/inject/net/n1"}},
        ),
    ],
)
def test_the_client_config_has_the_url_or_service(run: Run, flags: list[str], client: dict[str, Any]) -> None:
    (configuration,) = printed(run, *flags)
    assert all(entry["clientConfig"] == client for entry in configuration["webhooks"])


def test_the_bundle_holds_certificates_and_nothing_else_of_the_file(ca: Path, run: Run) -> None:
    (configuration,) = printed(run, "--url", URL, "--ca-file", ca / "ca.pem")
    bundle = base64.b64decode(configuration["webhooks"][0]["clientConfig"]["caBundle"])
    assert bundle == (ca / "only.pem").read_bytes()


def test_flags_set_what_they_name(run: Run) -> None:
    flags = ("--failure-policy", "Ignore", "--timeout", "3", "--reinvocation-policy", "Never", "--name", "x")
    done = run("webhook-config", "--url", URL, *flags)
    # Failing open is reported on stderr and not in the object.
    assert (done.status, "warning: while the webhook" in done.err) == (0, True)
    configuration = yaml.safe_load(done.out)
    assert configuration["metadata"]["name"] == "x"
    entry = configuration["webhooks"][0]
    keys = ("failurePolicy", "timeoutSeconds", "reinvocationPolicy")
    assert [entry[key] for key in keys] == ["Ignore", 3, "Never"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "--url"),
        (["--url", URL, "--service", "a/b"], "--service"),
        (["--url", "http://127.0.0.1/mutate"], "https://"),
        (["--url", "https:///mutate"], "https://"),
        (["--url", "https://me@host/mutate"], "without user"),
        (["--url", "https://host/mutate?a=b"], "without user"),
        (["--url", "https://host/mutate?"], "without user"),
        (["--url", "https://host/mutate#x"], "without user"),
        (["--url", "https://host:99999/"], "https://"),
        (["--service", "injector"], "NS/NAME"),
        (["--service", "mesh/injector:0"], "NS/NAME"),
        (["--service", "mesh/injector:70000"], "NS/NAME"),
        (["--service", "Mesh/injector"], "NS/NAME"),
        (["--url", URL, "--name", "No_Name"], "--name"),
        (["--url", URL, "--name", "a" * 254], "--name"),
        (["--url", URL, "--timeout", "31"], "1<=x<=30"),
        (["--url", URL, "--failure-policy", "fail"], "'Fail'"),
        (["--url", URL, "--tag", "A_B"], "--tag"),
        (["--url", URL, "--tag", "default"], "equals the revision"),
        (["--url", URL, "--config", "c.yaml", "--tag", "prod"], "does not support revision tags"),
        (["--url", URL, "--ca-file", "gone.pem"], "gone.pem"),
        (["--url", URL, "--ca-file", "web.yaml"], "web.yaml"),
        (["--url", URL, "--ca-file", "broken.pem"], "broken.pem"),
    ],
)
def test_what_the_api_server_would_refuse_is_refused_with_a_sentence(
    folder: Path, run: Run, flags: list[str], words: str
) -> None:
    (folder / "broken.pem").write_text(CERTIFICATE)
    done = run("webhook-config", *flags)
    assert (done.status, done.out) == (2, "")
    assert words in done.err


def test_an_invalid_profile_name_is_reported(folder: Path, run: Run) -> None:
    (folder / "logship" / "profile.yaml").write_text("name: Log Shipper\n")
    done = run("webhook-config", "--config", "c.yaml", "--url", URL)
    assert done.status == 2
    assert "Log Shipper" in done.err
    named = run("webhook-config", "--config", "c.yaml", "--url", URL, "--name", "shipper")
    assert named.status == 2
    assert "profile name" in named.err


def test_the_object_of_a_tag_can_be_printed_alone(run: Run) -> None:
    both = printed(run, "--url", URL, "--tag", "moved")
    assert printed(run, "--url", URL, "--tag", "moved", "--tags-only") == both[1:]
    assert len(both) == 2


def test_tags_only_without_a_tag_is_refused(run: Run) -> None:
    done = run("webhook-config", "--url", URL, "--tags-only")
    assert (done.status, done.out) == (2, "")
    assert "add --tag" in done.err


@pytest.mark.parametrize(
    ("policy", "mode", "hint"),
    [
        ("Fail", "deny", ""),
        ("Ignore", "allow", ""),
        ("Ignore", "deny", "set server.failureMode to allow, or failurePolicy to Fail"),
        ("Fail", "allow", "remove server.failureMode, or set failurePolicy to Ignore"),
    ],
)
def test_a_failure_policy_that_contradicts_the_failure_mode_is_a_warning(
    run: Run, tmp_path: Path, policy: str, mode: str, hint: str
) -> None:
    (tmp_path / "c.yaml").write_text(f"server: {{failureMode: {mode}}}\n")
    flags = ("--service", "mesh/injector", "--failure-policy", policy)
    done = run("webhook-config", "--config", tmp_path / "c.yaml", *flags)
    assert done.status == 0
    assert ("server.failureMode" in done.err, f"(hint: {hint})" in done.err) == (bool(hint), bool(hint))
