"""The setting `kinds`: which kinds of their own users may add, and what the table has then."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from injector.config.kind_settings import plural_of
from injector.config.loading import Input, Text, load_input
from injector.core import kinds, workload
from injector.core.profile import Config
from injector.errors import ConfigError

FLEET = {"apiVersion": "ships.example/v1", "kind": "Fleet", "templates": ["/spec/ships/*/template"]}
POD = {"spec": {"containers": [{"name": "a", "image": "i"}]}}


def load(*own: Any, **more: Any) -> Config:
    return load_input(Input(Text(yaml.safe_dump({"kinds": list(own), **more}), "c.yaml")))


def problems(*own: Any) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(*own)
    return [part.message for part in error.value.parts] or [error.value.message]


def test_a_kind_of_ones_own_is_read_in_all_versions_of_its_group() -> None:
    table = load(FLEET).kinds
    item = {"apiVersion": "ships.example/v2", "kind": "Fleet", "spec": {"ships": {"a": {"template": POD}}}}
    (located,) = workload.locate_all(item, table=table)
    assert located.spec == "/spec/ships/a/template/spec"
    assert workload.locate_all({**item, "apiVersion": "other.example/v1"}, table=table) == ()
    assert workload.locate_all(item) == ()
    assert workload.locate_all(item, quirks=True, table=table) == ()


def test_without_templates_it_is_where_a_deployment_has_it() -> None:
    row = load({"apiVersion": "ships.example/v1", "kind": "Boat"}).kinds.row("Boat", "ships.example/v1")
    assert row is not None
    assert (row.templates, row.plural, row.aliases) == (("/spec/template",), "boats", ("boat",))


@pytest.mark.parametrize(
    ("kind", "plural"),
    [("Fleet", "fleets"), ("Proxy", "proxies"), ("Canvas", "canvases"), ("MPIJob", "mpijobs")],
)
def test_the_resource_is_derived_from_the_kind(kind: str, plural: str) -> None:
    assert plural_of(kind) == plural


def test_a_kind_that_is_known_to_have_no_pod_template_may_be_given_one() -> None:
    table = load({"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment"}).kinds
    row = table.row("FlinkDeployment", "flink.apache.org/v1beta1")
    assert row is not None
    assert (row.templates, row.without) == (("/spec/template",), "")


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("Fleet", "kinds.0: a map is expected, not a string"),
        ({"kind": "Fleet"}, "kinds.0: apiVersion is missing; apiVersion, kind and templates are expected"),
        ({"apiVersion": "a.b/v1"}, "kinds.0: kind is missing; apiVersion, kind and templates are expected"),
        ({**FLEET, "apiVersion": "v1"}, "kinds.0.apiVersion: GROUP/VERSION is expected"),
        ({**FLEET, "apiVersion": "A.b/v1"}, "kinds.0.apiVersion: GROUP/VERSION is expected"),
        ({**FLEET, "kind": "fleet"}, 'kinds.0.kind: a kind such as "Fleet" is expected'),
        ({**FLEET, "plural": "Fleets"}, 'kinds.0.plural: a resource such as "fleets" is expected'),
        ({**FLEET, "templates": []}, "kinds.0: templates is empty; at least one JSON pointer is expected"),
        ({**FLEET, "templates": 1}, "kinds.0.templates: a list of JSON pointers is expected, not a number"),
        *(
            (
                {**FLEET, "templates": [pointer]},
                "kinds.0.templates.0: a JSON pointer such as /spec/roles/*/template is expected",
            )
            for pointer in ("spec", "spec/a", "/spec/", "/spec//a", "/a*", "/a~2", "/a~")
        ),
        (
            {**FLEET, "apiVersion": "argoproj.io/v1", "kind": "Rollout"},
            "kinds.0: Rollout of argoproj.io is known without it; see injector kinds",
        ),
    ],
)  # fmt: skip
def test_what_is_no_kind_is_an_error_with_its_path(own: Any, message: str) -> None:
    assert problems(own) == [message]


def test_a_kind_that_is_listed_twice_is_an_error_at_the_second() -> None:
    assert problems({"kind": "A"}, FLEET, FLEET)[1] == "kinds.2: Fleet of ships.example is listed twice"


def test_kinds_change_no_answer_of_the_webhook() -> None:
    assert load(FLEET).digest == load().digest
    assert kinds.TABLE.row("Fleet", "ships.example/v1") is None
