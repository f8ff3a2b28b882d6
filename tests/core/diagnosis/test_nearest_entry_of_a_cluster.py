"""A pod that no registered entry matches: the nearest one, and what to change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from injector.core.catalogue import Catalogue
from injector.core.diagnosis import causes
from tests.core.diagnosis.test_diagnoses import ON, TALKING, a_pod, configuration, look, namespace, shown


def test_the_nearest_entry_comes_first_with_the_smallest_change() -> None:
    far = {"matchLabels": {"mesh": "on", "zone": "a"}}
    webhooks = (configuration(namespaceSelector=far), configuration())
    diagnosis = look(a_pod(status=None), namespace=namespace({"mesh": "no"}), webhooks=webhooks)
    (cause,) = diagnosis.causes
    assert [e.seen for e in cause.evidence] == [
        'requires mesh=on on namespace shop, which has "no"',
        'requires mesh=on on namespace shop, which has "no", and requires zone=a on namespace shop, which '
        "does not have it",
    ]
    assert cause.action == (
        "label the namespace (kubectl label namespace shop mesh=on --overwrite); then recreate the pod"
    )


def test_a_pod_of_a_workload_is_labelled_in_its_template() -> None:
    pod = a_pod(status=None)
    pod["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet"}]
    webhooks = (configuration(objectSelector={"matchLabels": {"app": "api"}}),)
    (cause,) = look(pod, namespace=ON, webhooks=webhooks).causes
    assert cause.action == "set label app=api on the pod template; then recreate the pod"


def test_where_labels_do_not_help_the_row_says_what_to_do() -> None:
    selector = {"matchLabels": {"kubernetes.io/metadata.name": "bank"}}
    (cause,) = look(
        a_pod(status=None), namespace=ON, webhooks=(configuration(namespaceSelector=selector),)
    ).causes
    assert [e.seen for e in cause.evidence] == ["is for namespace bank"]
    assert cause.action == causes.WEBHOOK_SELECTORS.action


@pytest.mark.parametrize(
    ("revision", "unserved"), [("red", False), ("green", False), ("blue", True), (None, False)]
)
def test_a_revision_that_no_webhook_of_the_cluster_is_for_is_reported(
    revision: str | None, unserved: bool
) -> None:
    key = "mesh.example/rev"
    profile = replace(TALKING, extra_catalogue=Catalogue(revision_label=key))
    webhooks = (
        configuration(namespaceSelector={"matchLabels": {key: "red"}}),
        # Another injector's.
        configuration(name="other.of.them", namespaceSelector={"matchLabels": {key: "green"}}),
        configuration(name="odd.of.them", namespaceSelector={"odd": 1}),
    )
    labels = {} if revision is None else {key: revision}
    pod = a_pod(status=None, namespace="shop")
    diagnosis = look(pod, profile=profile, namespace=namespace({"mesh": "on", **labels}), webhooks=webhooks)
    text = "Namespace shop: no webhook of the cluster is for mesh.example/rev=blue"
    assert (text in shown(diagnosis)) is unserved
