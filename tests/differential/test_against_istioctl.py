"""Random pods through the real `istioctl kube-inject` and through ours: no difference without a name.

Skipped where istioctl cannot be built. SEED makes the same cases again; a failure prints the
command that shows one case alone.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from injector.profiles.istio import catalogue
from tests.beds.programs import build
from tests.differential.__main__ import main, unavailable
from tests.differential.cases import Case, draw_case
from tests.differential.comparison import differences, name_of_refusal
from tests.differential.rounds import Tally, run
from tests.differential.settings import MESH_FILES, OWN_SETTINGS, Settings
from tests.generators.annotations import ANNOTATIONS, LABELS, PROXY_CONFIG

SEED = int(os.environ.get("DIFFERENTIAL_SEED", "20260827"))


@pytest.fixture(scope="session")
def istioctl() -> Path:
    """The real program; its first build takes minutes."""
    if reason := unavailable():
        pytest.skip(f"differential check: {reason}")
    return build.programs(["istioctl"])["istioctl"]


def deployment(**annotations: str) -> dict[str, Any]:
    template = {
        "metadata": {"annotations": annotations},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    }
    spec = {"selector": {}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


@pytest.mark.parametrize(
    ("rounds", "flags"),
    [
        pytest.param(24, [], id="as upstream"),
        pytest.param(6, ["--twice"], id="injected twice"),
        pytest.param(8, ["--quirks-off"], id="quirks off, up to rows of the register"),
    ],
)
@pytest.mark.usefixtures("istioctl")
def test_no_difference_but_the_named_ones(
    capsys: pytest.CaptureFixture[str], rounds: int, flags: list[str]
) -> None:
    first = SEED + 1000 * len(flags) + rounds
    status = main(["--seed", str(first), "--rounds", str(rounds), *flags])
    output = capsys.readouterr().out
    print(output)
    assert status == 0, output
    (done, injected) = map(int, re.findall(r"(\d+) (?:rounds|injected),", output.splitlines()[-1]))
    assert done == rounds
    assert injected >= done, "there was nothing to compare in some of the rounds"


def test_one_setting_of_ours_changed_is_seen(istioctl: Path) -> None:
    over = {"values": {"global": {"proxy": {"logLevel": "info"}}}}
    case = Case(0, Settings(over=over), (deployment(),), (0,))
    [failure] = run(istioctl, case, Tally())
    [difference] = failure.differences
    assert difference.pointer.startswith("/spec/template/spec/initContainers/1/args/")
    assert (difference.upstream, difference.ours) == ("--proxyLogLevel=warning", "--proxyLogLevel=info")


def test_a_refusal_by_one_alone_is_seen(istioctl: Path) -> None:
    over = {"compatibility": {"istioQuirks": False}}
    document = deployment(**{"sidecar.istio.io/nativeSidecar": "maybe"})
    [failure] = run(istioctl, Case(0, Settings(over=over), (document,), (0,)), Tally())
    assert str(failure.differences[0]) == '/: istioctl "1 documents", ours (refused)'
    assert "nativeSidecar" in failure.message


def test_a_pod_that_no_api_server_takes_has_a_name(istioctl: Path) -> None:
    document = deployment()
    document["spec"]["template"]["spec"]["initContainers"] = [{"name": "web", "image": "web:1"}]
    tally = Tally()
    assert run(istioctl, Case(0, Settings(), (document,), (0,)), tally) == []
    assert tally.named["two containers of one name, as no API server takes"] == 1


@pytest.mark.parametrize("read_by_ours", [OWN_SETTINGS, MESH_FILES])
def test_documents_are_compared_one_by_one_where_one_of_them_is_refused(
    istioctl: Path, read_by_ours: str
) -> None:
    wrong = deployment(**{"sidecar.istio.io/interceptionMode": "OFF"})
    documents = (deployment(), wrong, deployment(), deployment())
    tally = Tally()
    assert run(istioctl, Case(0, Settings(read_by_ours=read_by_ours), documents, (0, 1, 2, 3)), tally) == []
    assert (tally.documents, tally.injected, tally.refused) == (4, 3, 1)


def test_a_seed_gives_the_same_documents_alone_and_among_others() -> None:
    among = draw_case(7, range(5))
    alone = draw_case(7, [3])
    assert (alone.settings, alone.documents[0]) == (among.settings, among.documents[3])


def test_every_annotation_and_label_of_the_catalogue_is_drawn() -> None:
    assert {entry.key for entry in catalogue.ANNOTATIONS} - ANNOTATIONS.keys() == {PROXY_CONFIG}
    assert {entry.key for entry in catalogue.LABELS} <= LABELS.keys()


def test_only_known_places_have_a_name() -> None:
    named: Counter[str] = Counter()
    upstream = {
        "resources": {},
        "timeout": 0,
        "limits": {"cpu": "1"},
        "env": [{"name": "GOMAXPROCS"}, {"name": "A", "value": '{"b": 1}'}],
    }
    ours = {"limits": {"cpu": "1000m"}, "env": [{"name": "A", "value": '{"b":2}'}]}
    assert list(map(str, differences(upstream, ours, named))) == [
        "/env/0/value//b: istioctl 1, ours 2",
        "/timeout: istioctl 0, ours (nothing)",
    ]
    assert sum(named.values()) == 3
    assert name_of_refusal("istioctl", "panic: nil pointer") is None
