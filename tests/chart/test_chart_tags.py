"""The chart's revision tags: who makes their objects, and who may change them."""

from __future__ import annotations

from tests.beds import helm
from tests.beds.helm import of_kind
from tests.chart.test_chart_rendered import granted


def test_a_release_that_does_not_make_its_tags_may_keep_their_objects_up_to_date() -> None:
    values = {"config": {"revision": "1-3"}, "webhook": {"tags": ["prod"], "createTags": False}}
    items = helm.objects(helm.template("helm4", values))
    (own,) = of_kind(items, "MutatingWebhookConfiguration")
    assert own["metadata"]["name"] == "sidecar-injector-istio-1-3"
    patched = {name for verb, _, _, name, _ in granted(items) if verb == "patch"}
    assert patched == {"sidecar-injector-istio-1-3", "sidecar-injector-istio-tag-prod"}
