"""A pod that no webhook entry matches: the nearest entry and what to change, in each form of output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import DEPLOYMENT, Run

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {%s}}\n"
ENTRY = "Entry namespace.sidecar-injector.istio.io requires istio-injection=enabled on namespace shop, which "
HINT = "label the namespace (kubectl label namespace shop istio-injection=enabled"
RELEASED = "profile: istio\nvalues: {global: {hub: example.com/mesh, tag: 1.30.0}}\nnativeSidecars: enabled\n"
TWO = DEPLOYMENT + "---\n" + DEPLOYMENT.replace("name: web\n  namespace", "name: api\n  namespace")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The flags for two Deployments, a released mesh, and a namespace with a slip in its label."""
    monkeypatch.chdir(tmp_path)
    Path("injector-released.yaml").write_text(RELEASED)
    Path("two.yaml").write_text(TWO)
    Path("objects.yaml").write_text(NAMESPACE % 'istio-injection: "true"')
    return ["--config", "injector-released.yaml", "-f", "two.yaml", "--objects", "objects.yaml"]


def labelled(labels: str) -> None:
    Path("objects.yaml").write_text(NAMESPACE % labels)


def test_the_report_says_the_hint_and_what_is_wrong_with_the_namespace_once(
    run: Run, shop: list[str]
) -> None:
    done = run("kube-inject", *shop)
    assert (done.status, done.out) == (0, TWO)
    for name in ("web", "api"):
        assert f'skipped   Deployment shop/{name}: not-selected. {ENTRY}has "true".\n' in done.err
    assert done.err.count(f"hint: {HINT} --overwrite)") == 1
    slip = 'warning: label istio-injection of namespace shop is "true"; did you mean "enabled"?'
    assert done.err.count(f"\n{slip} [namespace-label]\n") == done.err.count("did you mean") == 1


def test_strict_adds_what_to_change_to_its_error(run: Run, shop: list[str]) -> None:
    done = run("kube-inject", "--strict", *shop)
    assert done.status == 1
    error = next(line for line in done.err.splitlines() if line.startswith("error: two.yaml:1"))
    assert f'Deployment shop/web: not-selected. {ENTRY}has "true".' in error
    assert f"{HINT} --overwrite), or remove --strict, or exclude the document" in done.err


def test_explain_shows_it_to_people(run: Run, shop: list[str]) -> None:
    Path("two.yaml").write_text(DEPLOYMENT)
    done = run("explain", *shop)
    assert f'skipped: not-selected. {ENTRY}has "true".\n' in done.out
    assert f"{HINT} --overwrite)\n" in done.out


def test_explain_gives_it_to_programs(run: Run, shop: list[str]) -> None:
    done = run("explain", "-o", "json", *shop)
    web, api = json.loads(done.out)["workloads"]
    assert (web["detail"], web["hint"]) == (f'{ENTRY}has "true".', f"{HINT} --overwrite)")
    assert web["sentence"] == "No webhook entry matches the labels of the namespace and the pod."
    assert (api["detail"], api["hint"]) == (web["detail"], web["hint"])
    labelled("istio-injection: enabled")
    injected = json.loads(run("explain", "-o", "json", *shop).out)["workloads"][0]
    assert (injected["verdict"], injected["detail"], injected["hint"]) == ("inject", None, None)


def test_explain_puts_it_on_its_page(run: Run, shop: list[str]) -> None:
    run("explain", "--html", "out.html", *shop)
    page = Path("out.html").read_text()
    assert ENTRY in page
    assert f"What to do: {HINT} --overwrite)" in page


@pytest.mark.parametrize("command", ["kube-inject", "explain"])
def test_the_pods_own_label_is_the_reason_whatever_the_namespace_says(
    run: Run, shop: list[str], command: str
) -> None:
    Path("two.yaml").write_text(
        DEPLOYMENT.replace("app: web", 'app: web\n        sidecar.istio.io/inject: "false"')
    )
    for labels in ("", "istio-injection: enabled", "istio-injection: disabled", "istio.io/rev: x"):
        labelled(labels)
        done = run(command, *shop)
        assert "opted-out-by-label. A label of the pod disables injection." in done.out + done.err
        assert "hint: label" not in done.out + done.err


def test_an_annotation_is_not_enough_and_the_hint_says_so(run: Run, shop: list[str]) -> None:
    labelled("")
    Path("two.yaml").write_text(
        DEPLOYMENT.replace("labels:", 'annotations: {sidecar.istio.io/inject: "true"}\n      labels:')
    )
    assert run("kube-inject", *shop).err.splitlines()[1].strip() == (
        f"hint: {HINT}), or set label sidecar.istio.io/inject=true on the pod template; "
        "the API server selects by labels, so annotation sidecar.istio.io/inject does not count"
    )


# --- tags ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["kube-inject", "explain"])
def test_a_tag_selects_as_the_revision_does(run: Run, shop: list[str], command: str) -> None:
    labelled("istio.io/rev: prod")
    Path("two.yaml").write_text(DEPLOYMENT)
    without = run(command, *shop)
    assert "if that is a tag, set --tag" in without.out + without.err
    done = run(command, "--tag", "prod", *shop)
    assert done.status == 0
    assert "on-by-default" in done.out + done.err
    assert "namespace-revision" not in done.out + done.err


def test_of_several_tags_each_is_known_and_what_a_pod_lacks_is_that_of_the_nearest(
    run: Run, shop: list[str]
) -> None:
    labelled("istio.io/rev: Prod")
    done = run("kube-inject", "--tag", "prod", "--tag", "next", *shop)
    assert 'requires istio.io/rev=default on namespace shop, which has "Prod"' in done.err
    assert 'is "Prod"; did you mean "prod"?' in done.err


@pytest.mark.parametrize("command", ["kube-inject", "explain"])
def test_a_tag_that_means_nothing_is_a_wrong_usage(run: Run, shop: list[str], command: str) -> None:
    done = run(command, "--tag", "default", *shop)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: --tag: tag default equals the revision")
