"""What the chart renders to, with real helm 3 and 4 and without a cluster."""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack import chart
from injector import yamltext
from injector.cli.main import main
from injector.cli.rights import needed
from injector.config.loading import Input, Text, load_input
from injector.config.schema import Settings, read_settings
from injector.core.model import ServiceRef
from injector.core.profile import Config
from injector.kube.api_errors import Request
from injector.server.run import FINISH_SECONDS
from tests.beds import helm
from tests.beds.helm import NAMESPACE, Object, of_kind
from tests.chart.chart_values import CASES, OPERATORS, Case

REPO = Path(__file__).resolve().parents[2]

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
OF_SHIPPED = {name: case for name, case in CASES.items() if "files" not in case.values}
every_helm = pytest.mark.parametrize("version", helm.VERSIONS)


def rendered(case: Case) -> list[Object]:
    return helm.objects(_texts(next(name for name, each in CASES.items() if each is case)))


@functools.cache
def _texts(name: str) -> str:
    return helm.template("helm4", CASES[name].values, *CASES[name].flags)


def only(items: list[Object], kind: str) -> Object:
    (item,) = of_kind(items, kind)
    return item


def pods(items: list[Object]) -> list[Object]:
    """The specs of all pods, that of `helm test` among them."""
    deployments = [item["spec"]["template"]["spec"] for item in items if item["kind"] == "Deployment"]
    return deployments + [item["spec"] for item in items if item["kind"] == "Pod"]


def configuration(items: list[Object], folder: Path) -> tuple[Config, Settings]:
    """What the mounted configuration means to the program."""
    named = pods(items)[0]["volumes"][0]["configMap"]["name"]
    (data,) = [i["data"] for i in of_kind(items, "ConfigMap") if i["metadata"]["name"] == named]
    for name, text in data.items():
        (folder / name).write_text(text)
    text = data["injector.yaml"]
    return load_input(Input(Text(text, "injector.yaml"), str(folder))), read_settings(text, "injector.yaml")


# --- the chart as such --------------------------------------------------------------------------------


def test_what_is_made_of_the_code_is_up_to_date() -> None:
    assert chart.stale() == []


def test_the_chart_has_the_version_of_the_program() -> None:
    chart = yaml.safe_load((helm.CHART / "Chart.yaml").read_text())
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    assert (chart["version"], chart["appVersion"]) == (project["version"], project["version"])


@every_helm
@every_case
def test_lint_finds_nothing(version: str, case: Case) -> None:
    output = helm.run(version, "lint", "--strict", "--quiet", str(helm.CHART), values=case.values)
    assert output.strip() == ""


@every_case
def test_two_renders_are_the_same_bytes_and_both_helms_agree(case: Case) -> None:
    first = {version: helm.template(version, case.values, *case.flags) for version in helm.VERSIONS}
    second = {version: helm.template(version, case.values, *case.flags) for version in helm.VERSIONS}
    assert first == second
    by_helm3, by_helm4 = (sorted(map(repr, helm.objects(first[version]))) for version in helm.VERSIONS)
    assert by_helm3 == by_helm4


def test_no_template_depends_on_time_chance_or_the_cluster() -> None:
    word = re.compile(
        r"\b(lookup|now|date|rand\w*|shuffle|uuidv4|gen[A-Z]\w*|derivePassword|htpasswd|bcrypt)\b"
    )
    templates = [p for p in (helm.CHART / "templates").rglob("*") if p.is_file()]
    calls = [code for p in templates for code in re.findall(r"\{\{(?!-? ?/\*).*?\}\}", p.read_text(), re.S)]
    assert calls
    assert [code for code in calls if word.search(re.sub(r'"[^"]*"', "", code))] == []


@every_case
def test_names_are_unique_and_everything_namespaced_has_its_namespace(case: Case) -> None:
    items = rendered(case)
    keys = [(i["kind"], i["metadata"].get("namespace"), i["metadata"]["name"]) for i in items]
    assert len(set(keys)) == len(keys)
    cluster = {"ClusterRole", "ClusterRoleBinding", "MutatingWebhookConfiguration"}
    extra = {"injector-more", "text"}
    assert all((k in cluster) == (ns is None) for k, ns, name in keys if name not in extra)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("schemas")


@pytest.fixture(scope="session")
def all_rendered(programs: None) -> list[Object]:
    del programs  # renders with them
    return [item for case in CASES.values() for item in rendered(case)]


SUPPORTED = [v for v in helm.schema_versions() if int(v.split(".")[1]) >= 29]


def test_the_schemas_reach_from_the_oldest_to_this_bed() -> None:
    assert SUPPORTED[0] == "1.29.0"
    assert int(SUPPORTED[-1].split(".")[1]) >= 37


@pytest.mark.parametrize("version", SUPPORTED)
def test_every_version_of_kubernetes_knows_the_objects(
    version: str, all_rendered: list[Object], scratch: Path
) -> None:
    assert helm.kubeconform(all_rendered, version, scratch) == []


def test_the_schema_check_reports_an_unknown_field(scratch: Path) -> None:
    (item,) = of_kind(rendered(CASES["defaults"]), "Deployment")
    item["spec"]["template"]["spec"]["enableService"] = False
    (message,) = helm.kubeconform([item], SUPPORTED[-1], scratch)
    assert "enableService" in message


# --- the webhook --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", OF_SHIPPED.values(), ids=OF_SHIPPED)
def test_the_webhook_is_what_the_command_prints(
    case: Case, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    items = rendered(case)
    service = only(items, "Service")
    namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
    (tmp_path / "injector.yaml").write_text(
        next(i["data"]["injector.yaml"] for i in of_kind(items, "ConfigMap") if i["metadata"]["name"] == name)
    )
    settings = case.values.get("webhook", {})
    outside = settings.get("excludedNamespaces", ["kube-system", "kube-node-lease"])
    outside = [*outside, *([namespace] if settings.get("excludeOwnNamespace", True) else [])]
    place = f"{namespace}/{name}:{service['spec']['ports'][0]['port']}{settings.get('path', '')}"
    flags = [f"--exclude-namespace={each}" for each in outside]
    config = f"--config={tmp_path / 'injector.yaml'}"
    assert main(["webhook-config", config, f"--service={place}", *flags, *case.webhook_flags]) == 0
    wanted = list(yaml.safe_load_all(capfd.readouterr().out))
    configurations = of_kind(items, "MutatingWebhookConfiguration")
    for item in configurations:
        for entry in item["webhooks"]:
            entry["clientConfig"].pop("caBundle", None)
    for mine, printed in zip(configurations, wanted, strict=True):
        assert mine["webhooks"] == printed["webhooks"]
        assert mine["metadata"]["name"] == printed["metadata"]["name"]
        assert mine["metadata"]["labels"].items() >= printed["metadata"]["labels"].items()


def test_ca_bundle_is_absent_where_another_program_writes_it() -> None:
    for name in ("defaults", "cert-manager", "cert-manager, published by us"):
        for item in of_kind(rendered(CASES[name]), "MutatingWebhookConfiguration"):
            assert all("caBundle" not in entry["clientConfig"] for entry in item["webhooks"])


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("defaults", None),
        ("cert-manager", "mesh/injector"),
        ("cert-manager with an issuer", "mesh/injector"),
        ("cert-manager, published by us", None),
    ],
)
def test_cert_manager_writes_ca_bundle_unless_the_injector_does(name: str, wanted: str | None) -> None:
    item = only(rendered(CASES[name]), "MutatingWebhookConfiguration")
    assert (item["metadata"].get("annotations") or {}).get("cert-manager.io/inject-ca-from") == wanted


def test_entries_of_a_custom_profile_are_used_and_system_namespaces_excluded() -> None:
    (entry,) = only(rendered(CASES["a profile of its own"]), "MutatingWebhookConfiguration")["webhooks"]
    outside = ["kube-node-lease", "kube-system", NAMESPACE]
    assert entry["namespaceSelector"] == {
        "matchLabels": {"logs": "on"},
        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": outside}],
    }
    assert "matchConditions" not in entry


@every_helm
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"config": {"profile": "/own"}, "webhook": {"name": "own"}}, "webhook.entries is needed"),
        ({"config": {"profile": "./"}}, "webhook.name is needed"),
        ({"certificates": {"source": "secret"}}, "certificates.existingSecret is needed"),
        ({"webhook": {"tags": ["default"]}}, "equals the revision"),
        ({"image": {"tag": "1.2.3"}}, "image.registry is needed"),
    ],
)
def test_what_cannot_be_rendered_says_what_to_do(version: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(helm.HelmError, match=re.escape(message)):
        helm.template(version, values)


# --- the pods -----------------------------------------------------------------------------------------


@every_case
def test_the_program_takes_the_configuration(case: Case, tmp_path: Path) -> None:
    config, _ = configuration(rendered(case), tmp_path)
    config.templates.compile_all()


def test_the_certificate_is_made_for_the_service(tmp_path: Path) -> None:
    items = rendered(CASES["another namespace and name"])
    _, settings = configuration(items, tmp_path)
    service = only(items, "Service")["metadata"]
    assert settings.server.certificates.service == ServiceRef(service["namespace"], service["name"])
    assert settings.server.certificate_source == "own"
    assert settings.server.publishes_ca_bundle


@pytest.mark.parametrize("name", ["cert-manager", "a Secret"])
def test_a_certificate_of_others_is_read_where_it_is_mounted(name: str, tmp_path: Path) -> None:
    items = rendered(CASES[name])
    _, settings = configuration(items, tmp_path)
    spec = pods(items)[0]
    (volume,) = [v for v in spec["volumes"] if "secret" in v]
    (mount,) = [m for m in spec["containers"][0]["volumeMounts"] if m["name"] == volume["name"]]
    assert (settings.server.certificate_source, settings.server.certificates.folder) == (
        "secret",
        mount["mountPath"],
    )
    if name == "cert-manager":
        secrets = [c["spec"]["secretName"] for c in items if c["kind"] == "Certificate"]
        assert volume["secret"]["secretName"] in secrets


@every_case
def test_every_mount_is_a_folder(case: Case) -> None:
    # A file that is mounted by itself is never swapped by the kubelet.
    for spec in pods(rendered(case)):
        names = {volume["name"] for volume in spec["volumes"]}
        for mount in spec["containers"][0]["volumeMounts"]:
            assert "subPath" not in mount
            assert mount["name"] in names


@pytest.mark.parametrize("timeout", [1, 30])
@pytest.mark.parametrize("drain", [0, 10, 300])
def test_a_pod_ends_later_than_its_last_request(drain: int, timeout: int) -> None:
    values = {"config": {"server": {"drainSeconds": drain}}, "webhook": {"timeoutSeconds": timeout}}
    (spec, _) = pods(helm.objects(helm.template("helm4", values)))
    # As docs/explanation/availability.md says.
    assert spec["terminationGracePeriodSeconds"] > drain + max(15, FINISH_SECONDS)


def test_ports_follow_the_configuration() -> None:
    values = {"config": {"server": {"listen": "[::]:9443", "healthListen": ":9080"}}}
    items = helm.objects(helm.template("helm4", values))
    ports = {p["name"]: p["containerPort"] for p in pods(items)[0]["containers"][0]["ports"]}
    assert ports == {"https": 9443, "health": 9080}
    targets = {p["name"]: p["targetPort"] for p in only(items, "Service")["spec"]["ports"]}
    assert targets == {"https": "https", "health": "health"}


def test_pods_restart_for_server_settings_alone() -> None:
    def template(config: Object) -> Object:
        items = helm.objects(helm.template("helm4", {"config": config}))
        pod_template: Object = only(items, "Deployment")["spec"]["template"]
        return pod_template

    plain = template({})
    assert template({"values": {"global": {"tag": "2"}}}) == plain
    assert template({"server": {"logLevel": "debug"}}) != plain


def test_selectors_find_the_pods() -> None:
    items = rendered(CASES["everything"])
    labels = only(items, "Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        only(items, "Deployment")["spec"]["selector"]["matchLabels"],
        only(items, "Service")["spec"]["selector"],
        only(items, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only(items, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(c["labelSelector"]["matchLabels"] for c in pods(items)[0]["topologySpreadConstraints"]),
    ]
    assert all(selector and selector.items() <= labels.items() for selector in selectors)
    (test,) = [i for i in items if i["kind"] == "Pod"]
    assert not selectors[0].items() <= test["metadata"]["labels"].items()
    service = only(items, "Service")["metadata"]["labels"]
    wanted = only(items, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service.items()


def test_monitoring_waits_for_its_operator() -> None:
    case = CASES["everything"]
    kinds = {item["kind"] for item in helm.objects(helm.template("helm4", case.values))}
    assert not kinds & {"ServiceMonitor", "PrometheusRule"}
    kinds = {item["kind"] for item in helm.objects(helm.template("helm4", case.values, *OPERATORS))}
    assert kinds >= {"ServiceMonitor", "PrometheusRule"}


def test_existing_accounts_and_budgets_are_not_created() -> None:
    for name, account in (
        ("defaults", "injector"),
        ("rights and account by others", "given"),
        ("the account that every namespace has", "default"),
    ):
        items = rendered(CASES[name])
        assert pods(items)[0]["serviceAccountName"] == account
        made = [i["metadata"]["name"] for i in of_kind(items, "ServiceAccount")]
        assert made == (["injector"] if name == "defaults" else [])
    assert of_kind(rendered(CASES["rights and account by others"]), "PodDisruptionBudget") == []


def test_service_and_network_policy_for_metrics_follow_the_values() -> None:
    items = rendered(CASES["the account that every namespace has"])
    assert only(items, "Service")["spec"]["type"] == "LoadBalancer"
    ingress = only(items, "NetworkPolicy")["spec"]["ingress"]
    assert ingress[1]["from"] == [{"namespaceSelector": {}}]


def test_custom_labels_replace_the_charts_except_in_selectors() -> None:
    labels = {"app.kubernetes.io/part-of": "platform", "app.kubernetes.io/name": "x"}
    pod_labels = {"app.kubernetes.io/component": "x", "team": "mesh"}
    text = helm.template("helm4", {"commonLabels": {**labels, "team": "all"}, "podLabels": pod_labels})
    # PyYAML takes the last of two equal keys; this reader refuses them.
    items = [yamltext.load(document) for document in yamltext.split(text, source="the chart")]
    deployment = next(item for item in items if item and item["kind"] == "Deployment")
    of_pods = deployment["spec"]["template"]["metadata"]["labels"]
    assert (of_pods["app.kubernetes.io/part-of"], of_pods["team"]) == ("platform", "mesh")
    assert deployment["spec"]["selector"]["matchLabels"].items() <= of_pods.items()
    assert deployment["metadata"]["labels"]["team"] == "all"


def test_common_labels_and_annotations_are_everywhere() -> None:
    for item in rendered(CASES["everything"]):
        if item["metadata"]["name"] not in ("injector-more", "text"):
            assert item["metadata"]["labels"]["team"] == "mesh"
            assert item["metadata"]["annotations"]["owner"] == "mesh"


# --- rights -------------------------------------------------------------------------------------------


def granted(items: list[Object]) -> set[tuple[str, str, str, str, str]]:
    """Verb, group, resource, name and namespace of all that the account may do."""
    out = set()
    for kind in ("Role", "ClusterRole"):
        for role in of_kind(items, kind):
            space = role["metadata"].get("namespace", "")
            for rule in role["rules"]:
                for name in rule.get("resourceNames", [""]):
                    out |= {
                        (verb, group, resource, name, space)
                        for verb in rule["verbs"]
                        for group in rule["apiGroups"]
                        for resource in rule["resources"]
                    }
    return out


@every_case
def test_rights_are_exactly_what_the_program_needs(case: Case, tmp_path: Path) -> None:
    items = rendered(case)
    config, settings = configuration(items, tmp_path)
    names = tuple(i["metadata"]["name"] for i in of_kind(items, "MutatingWebhookConfiguration"))
    wanted = set()
    for verb, path in needed(config, settings.server, names):
        asked = Request("", verb, path).attributes()
        place = (asked.get("name", ""), asked.get("namespace", ""))
        wanted.add((verb, asked.get("group", ""), asked["resource"], *place))
    assert granted(items) == (wanted if case.values.get("rbac", {}).get("create", True) else set())
    account = pods(items)[0]["serviceAccountName"]
    for binding in of_kind(items, "RoleBinding") + of_kind(items, "ClusterRoleBinding"):
        (subject,) = binding["subjects"]
        assert subject["name"] == account
        assert subject["namespace"] == only(items, "Deployment")["metadata"]["namespace"]


def test_manual_registration_keeps_the_right_to_patch_the_configuration() -> None:
    values = {"webhook": {"enabled": False, "tags": ["moved"]}}
    items = helm.objects(helm.template("helm4", values))
    assert of_kind(items, "MutatingWebhookConfiguration") == []
    patched = {name for verb, _, _, name, _ in granted(items) if verb == "patch"}
    assert "sidecar-injector-istio-tag-moved" in patched
