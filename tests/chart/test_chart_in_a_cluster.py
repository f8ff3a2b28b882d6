"""The chart on a real API server: PodSecurity, the rights of its account, install, upgrade and uninstall."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from injector.certs.stored import Stored, written
from injector.cli.rights import needed
from injector.config.loading import Input, Text, load_input
from injector.config.schema import read_settings
from injector.core.model import Manifest
from injector.core.registration.entries import CONFIGURATIONS
from injector.kube.client import connect
from injector.kube.survey import REVIEWS, SurveyReader
from tests.beds import helm
from tests.beds.apiserver.bed import ApiServer
from tests.beds.bed import BedError
from tests.beds.helm import Object, of_kind
from tests.chart.chart_values import CASES, Case

ACCOUNT_AND_RIGHTS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}

Right = tuple[str, str, str, str]


def kubectl(bed: ApiServer, *arguments: str, manifest: object = None) -> subprocess.CompletedProcess[str]:
    """Run kubectl, for what it says beside its output."""
    command = bed.kubectl_command(*arguments)
    text = None if manifest is None else json.dumps(manifest)
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def listed(items: list[Object]) -> Object:
    return {"apiVersion": "v1", "kind": "List", "items": items}


def rendered(case: Case, namespace: str) -> list[Object]:
    return helm.objects(helm.template("helm4", case.values, *case.flags, namespace=namespace))


@pytest.fixture(scope="module", autouse=True)
def others(bed: ApiServer) -> None:
    """Namespaces that some of the cases name."""
    for name in ("istio-system", "elsewhere", "gitops"):
        bed.kubectl("create", "-f", "-", manifest=_namespace(name))


def _namespace(name: str, labels: dict[str, str] | None = None) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}}


# --- PodSecurity ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def restricted(bed: ApiServer) -> str:
    """A namespace with the account that one of the cases takes as given."""
    made = bed.make_namespace(RESTRICTED)
    bed.kubectl("create", "serviceaccount", "given", "-n", made)
    return made


def moved(item: Object, namespace: str) -> Object:
    """The object in that namespace, if it is in one."""
    if "namespace" not in item["metadata"]:
        return item
    return {**item, "metadata": {**item["metadata"], "namespace": namespace}}


def as_pod(deployment: Object) -> Object:
    template = deployment["spec"]["template"]
    metadata = {**template["metadata"], "name": "as-a-pod", "namespace": deployment["metadata"]["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


IN_RESTRICTED = {name: case for name, case in CASES.items() if not case.values.get("hostNetwork")}


@pytest.mark.parametrize("case", IN_RESTRICTED.values(), ids=IN_RESTRICTED)
def test_a_namespace_that_enforces_restricted_takes_all_of_it(
    case: Case, bed: ApiServer, restricted: str
) -> None:
    items = [moved(item, restricted) for item in rendered(case, restricted)]
    items = [item for item in items if item["kind"] not in helm.OPERATORS]
    accounts = [item for item in items if item["kind"] == "ServiceAccount"]
    if accounts:
        bed.kubectl("apply", "-f", "-", manifest=listed(accounts))
    (deployment,) = of_kind(items, "Deployment")
    wanted = [*items, as_pod(deployment)]
    answer = kubectl(bed, "apply", "--dry-run=server", "-f", "-", manifest=listed(wanted))
    # A pod that violates it is refused; for the pods of a Deployment there is a warning.
    assert (answer.returncode, answer.stderr) == (0, "")
    assert len(answer.stdout.splitlines()) == len(wanted)


def test_that_namespace_refuses_a_pod_that_may_gain_privileges(bed: ApiServer, restricted: str) -> None:
    (deployment,) = of_kind(rendered(CASES["defaults"], restricted), "Deployment")
    pod = as_pod(deployment)
    # The account of the release is there only once another test has made it.
    pod["spec"]["serviceAccountName"] = "default"
    del pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"]
    with pytest.raises(BedError, match="violates PodSecurity"):
        bed.kubectl("create", "--dry-run=server", "-f", "-", manifest=pod)


def test_pods_in_the_network_of_a_node_are_refused_by_baseline_and_taken_by_privileged(
    bed: ApiServer,
) -> None:
    said = {}
    for level in ("baseline", "privileged"):
        place = bed.make_namespace({"pod-security.kubernetes.io/enforce": level})
        (deployment,) = of_kind(rendered(CASES["in the network of the nodes"], place), "Deployment")
        pod = as_pod(deployment)
        pod["spec"]["serviceAccountName"] = "default"
        said[level] = kubectl(bed, "create", "--dry-run=server", "-f", "-", manifest=pod).stderr
    assert "host namespaces (hostNetwork=true)" in said["baseline"]
    assert said["privileged"] == ""


# --- rights ---------------------------------------------------------------------------------------------


def expanded(rules: list[Object]) -> set[Right]:
    """Verb, group, resource and name of each right in some rules."""
    return {
        (verb, group, resource, name)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or [""]
    }


def allowed(bed: ApiServer, account: str, home: str, namespace: str) -> set[Right]:
    """What the authorizer lists for an account, asked with its own token."""
    token = bed.kubectl("create", "token", account, "-n", home).strip()
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    with connect(str(bed.kubeconfig_with_token(token)), None) as cluster:
        status = cluster.create(f"{REVIEWS}/selfsubjectrulesreviews", review)["status"]
    assert not status["incomplete"]
    return expanded(status["resourceRules"])


def wanted_rights(items: list[Object], namespace: str) -> set[Right]:
    roles = of_kind(items, "ClusterRole") + [
        role for role in of_kind(items, "Role") if role["metadata"]["namespace"] == namespace
    ]
    return expanded([rule for role in roles for rule in role["rules"]])


def configured(items: list[Object]) -> Iterator[tuple[str, str]]:
    """The verbs and paths that the program needs with the rendered configuration."""
    text = next(
        item["data"]["injector.yaml"]
        for item in of_kind(items, "ConfigMap")
        if "injector.yaml" in item["data"]
    )
    names = tuple(item["metadata"]["name"] for item in of_kind(items, "MutatingWebhookConfiguration"))
    config = load_input(Input(Text(text, "injector.yaml")))
    yield from needed(config, read_settings(text, "injector.yaml").server, names)


WITH_RIGHTS = {
    name: case
    for name, case in CASES.items()
    if not name.startswith("a profile of its own") and "create" not in case.values.get("serviceAccount", {})
}


@pytest.mark.parametrize("case", WITH_RIGHTS.values(), ids=WITH_RIGHTS)
def test_the_account_may_do_all_that_it_needs_and_nothing_else(
    case: Case, bed: ApiServer, namespace: str
) -> None:
    items = rendered(case, namespace)
    rights = [i for i in items if i["kind"] in ACCOUNT_AND_RIGHTS and not helm.is_hook(i)]
    bed.kubectl("apply", "-f", "-", manifest=listed(rights))
    (account,) = of_kind(items, "ServiceAccount")
    name, home = account["metadata"]["name"], account["metadata"]["namespace"]
    try:
        with connect(str(bed.kubeconfig), None) as cluster:
            reading = SurveyReader(cluster)
            refused = [w for w in configured(items) if reading.may(*w, (home, name)) is not True]
        assert refused == []
        for place in (home, "istio-system", "kube-system"):
            anybody = allowed(bed, "default", home, place)
            assert allowed(bed, name, home, place) - anybody == wanted_rights(items, place)
    finally:
        bed.kubectl("delete", "--wait=false", "-f", "-", manifest=listed(rights))


FORBIDDEN = [
    (verb, path)
    for verb in ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
    for path in (
        "/api/v1/namespaces/kube-system/secrets",
        "/api/v1/namespaces/HOME/secrets/other",
        "/api/v1/namespaces/HOME/serviceaccounts/default/token",
        "/api/v1/namespaces/HOME/pods/some/exec",
        "/api/v1/namespaces/shop/pods",
        "/api/v1/namespaces/shop/configmaps",
        "/api/v1/nodes/one",
        "/apis/apps/v1/namespaces/shop/deployments",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/HOME/rolebindings",
        "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        f"{CONFIGURATIONS}/of-somebody-else",
    )
]
# Lists and watches are not limited by a name, and creating has none yet.
GRANTED_ANYWAY = {
    ("list", "/api/v1/nodes/one"),
    ("watch", "/api/v1/nodes/one"),
    ("list", f"{CONFIGURATIONS}/of-somebody-else"),
    ("watch", f"{CONFIGURATIONS}/of-somebody-else"),
    ("create", "/api/v1/namespaces/HOME/secrets/other"),
}


def test_the_service_account_lacks_the_rights_an_attacker_would_use(bed: ApiServer, namespace: str) -> None:
    items = rendered(CASES["defaults"], namespace)
    rights = [i for i in items if i["kind"] in ACCOUNT_AND_RIGHTS and not helm.is_hook(i)]
    bed.kubectl("apply", "-f", "-", manifest=listed(rights))
    try:
        with connect(str(bed.kubeconfig), None) as cluster:
            reading = SurveyReader(cluster)
            allowed = {
                (verb, path)
                for verb, path in FORBIDDEN
                if reading.may(verb, path.replace("HOME", namespace), (namespace, helm.RELEASE))
            }
        assert allowed == GRANTED_ANYWAY
    finally:
        bed.kubectl("delete", "--wait=false", "-f", "-", manifest=listed(rights))


# --- install, upgrade, uninstall -------------------------------------------------------------------------


class Release:
    """A release of the chart in a namespace, by one helm."""

    def __init__(self, bed: ApiServer, version: str, namespace: str) -> None:
        self.bed, self.version, self.namespace = bed, version, namespace
        self.place = (f"--namespace={namespace}", f"--kubeconfig={bed.kubeconfig}")

    def put(self, **values: Any) -> str:
        chart = (helm.RELEASE, str(helm.CHART))
        return helm.run(self.version, "upgrade", "--install", *chart, *self.place, values=values)

    def remove(self) -> str:
        done = helm.completed(self.version, "uninstall", helm.RELEASE, "--debug", *self.place)
        return done.stdout + done.stderr

    def get(self, kind: str, name: str) -> Manifest:
        item: Manifest = json.loads(self.bed.kubectl("get", kind, name, "-n", self.namespace, "-o", "json"))
        return item


@pytest.fixture(params=helm.VERSIONS)
def release(bed: ApiServer, namespace: str, request: pytest.FixtureRequest) -> Iterator[Release]:
    made = Release(bed, request.param, namespace)
    notes = made.put()
    assert f"helm test {helm.RELEASE} -n {namespace}" in notes
    yield made
    if helm.RELEASE in helm.run(made.version, "list", "--short", *made.place):
        made.remove()


WEBHOOK = "sidecar-injector-istio"
LEFT = "mutatingwebhookconfigurations,clusterroles,clusterrolebindings"
LEFT_IN_NAMESPACE = (
    "secrets,configmaps,services,serviceaccounts,deployments,roles,rolebindings,poddisruptionbudgets"
)


def test_an_upgrade_leaves_what_the_webhook_wrote(release: Release, bed: ApiServer) -> None:
    bundle = base64.b64encode(b"a CA").decode()
    paths = [f"/webhooks/{n}/clientConfig/caBundle" for n in range(4)]
    patch = json.dumps([{"op": "add", "path": path, "value": bundle} for path in paths])
    bed.kubectl("patch", "mutatingwebhookconfiguration", WEBHOOK, "--type=json", "-p", patch)
    secret = release.get("secret", "injector-ca")
    mine = written(Stored(), secret, release.namespace, "injector-ca")
    mine["data"] = {"current.crt": bundle}
    bed.kubectl("replace", "-f", "-", manifest=mine)

    release.put(replicas=3, podAnnotations={"new": "yes"})

    assert release.get("deployment", "injector")["spec"]["replicas"] == 3
    webhooks = release.get("mutatingwebhookconfiguration", WEBHOOK)["webhooks"]
    assert [entry["clientConfig"]["caBundle"] for entry in webhooks] == [bundle] * 4
    assert release.get("secret", "injector-ca")["data"] == {"current.crt": bundle}


def test_an_upgrade_takes_a_ca_that_was_made_anew(release: Release, bed: ApiServer) -> None:
    bed.kubectl("delete", "secret", "injector-ca", "-n", release.namespace)
    made = written(Stored(), None, release.namespace, "injector-ca")
    made["data"] = {"current.crt": "eA=="}
    bed.kubectl("create", "-f", "-", manifest=made)
    release.put(replicas=1)
    assert release.get("secret", "injector-ca")["data"] == {"current.crt": "eA=="}


@pytest.fixture
def refused(release: Release, bed: ApiServer) -> Iterator[Object]:
    """A pod that the API server refuses, as the webhook is asked about it and never answers here."""
    del release  # its webhook refuses the pod
    injected = bed.make_namespace({"istio-injection": "enabled"})
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one", "namespace": injected},
        "spec": {"containers": [{"name": "main", "image": "example.invalid/main"}]},
    }
    assert "failed calling webhook" in kubectl(bed, "create", "-f", "-", manifest=pod).stderr
    yield pod
    bed.kubectl("delete", "namespace", injected, "--wait=false")


def test_an_uninstall_leaves_nothing(release: Release, bed: ApiServer, refused: Object) -> None:
    output = release.remove()
    bed.kubectl("create", "-f", "-", manifest=refused)
    by_release = f"--selector=app.kubernetes.io/instance={helm.RELEASE}"
    assert bed.kubectl("get", LEFT, by_release, "-o", "name") == ""
    place = ("-n", release.namespace, "-o", "name")
    assert bed.kubectl("get", LEFT_IN_NAMESPACE, by_release, *place) == ""
    if release.version == "helm4":
        # Helm 3 takes what calls the webhook away last, and has no other order.
        kinds = re.findall("starting delete resource.* kind=([A-Za-z]+)", output)
        assert kinds[0] == "MutatingWebhookConfiguration"
        assert "Deployment" in kinds


def test_the_webhook_can_be_taken_away_before_the_rest(
    release: Release, bed: ApiServer, refused: Object
) -> None:
    release.put(webhook={"enabled": False})
    bed.kubectl("create", "-f", "-", manifest=refused)
    assert release.get("deployment", "injector")
