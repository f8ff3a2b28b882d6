"""Pod templates in the schemas of CustomResourceDefinitions, of each shape that generators write."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.kinds.definition import Definition, read
from injector.errors import ManifestError

Tree = dict[str, Any]

OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
TEXT = {"type": "string"}
NAMES = {"kind": "A", "plural": "as"}
CONTAINERS: Tree = {
    "type": "array",
    "items": {"type": "object", "properties": {"name": TEXT, "image": TEXT, "command": {"type": "array"}}},
}
POD_SPEC: Tree = {"type": "object", "properties": {"containers": CONTAINERS, "initContainers": CONTAINERS}}
META: Tree = {"type": "object", "properties": {"annotations": {"type": "object"}}}
POD: Tree = {"type": "object", "properties": {"metadata": META, "spec": POD_SPEC}}


def an_object(**properties: Any) -> Tree:
    return {"type": "object", "properties": properties}


def a_list(of: Tree) -> Tree:
    return {"type": "array", "items": of}


def a_map(of: Tree) -> Tree:
    return {"type": "object", "additionalProperties": of}


def a_definition(spec: Tree, **more: Any) -> Tree:
    schema = an_object(apiVersion=TEXT, kind=TEXT, metadata={"type": "object"}, spec=spec, **more)
    versions = [
        {"name": "v1alpha1", "served": True, "storage": False, "schema": {"openAPIV3Schema": an_object()}},
        {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}},
    ]
    names = {"kind": "Fleet", "plural": "fleets"}
    spec = {"group": "ships.example", "names": names, "scope": "Namespaced", "versions": versions}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}


@pytest.mark.parametrize(
    ("spec", "pointers"),
    [
        (an_object(template=POD), ["/spec/template"]),
        (an_object(job=an_object(spec=an_object(template=POD))), ["/spec/job/spec/template"]),
        (an_object(ships=a_list(an_object(template=POD))), ["/spec/ships/*/template"]),
        (an_object(ships=a_map(an_object(template=POD))), ["/spec/ships/*/template"]),
        (an_object(pods=a_list(POD)), ["/spec/pods/*"]),
        (an_object(head=POD, **{"a/b": POD}), ["/spec/head", "/spec/a~1b"]),
        (an_object(template={**POD, "properties": {"metadata": OPEN, "spec": POD_SPEC}}), ["/spec/template"]),
        (an_object(template={**OPEN, "properties": {"spec": POD_SPEC}}), ["/spec/template"]),
        (an_object(replicas={"type": "integer"}), []),
        # Containers for a pod of another template, and steps of a task, are none.
        (POD_SPEC, []),
        (an_object(containers=a_list(an_object(name=TEXT))), []),
        (an_object(steps=CONTAINERS), []),
    ],
)
def test_pod_templates_are_found_at_their_pointers(spec: Tree, pointers: list[str]) -> None:
    assert read(a_definition(spec)) == Definition("ships.example/v1", "Fleet", "fleets", tuple(pointers))


def test_a_pod_template_in_the_status_is_of_no_use() -> None:
    assert read(a_definition(an_object(), status=an_object(template=POD))).templates == ()


def test_metadata_whose_fields_are_dropped_is_noted() -> None:
    template = {**POD, "properties": {"metadata": {"type": "object"}, "spec": POD_SPEC}}
    definition = read(a_definition(an_object(template=template)))
    assert (definition.templates, definition.pruned) == (("/spec/template",), ("/spec/template",))


def test_a_pod_spec_without_metadata_is_no_template() -> None:
    definition = read(a_definition(an_object(template=an_object(spec=POD_SPEC))))
    assert (definition.templates, definition.bare) == ((), ("/spec/template",))


@pytest.mark.parametrize(
    ("spec", "pointers"),
    [
        (an_object(template=OPEN), ["/spec/template"]),
        (an_object(driver=an_object(podTemplate=OPEN)), ["/spec/driver/podTemplate"]),
        (an_object(template=an_object(metadata=META, spec=OPEN)), ["/spec/template"]),
        (an_object(podOverrides=OPEN), ["/spec/podOverrides"]),
        (an_object(config=OPEN), []),
        (an_object(template=TEXT), []),
    ],
)
def test_what_a_schema_does_not_show_is_noted_by_its_name(spec: Tree, pointers: list[str]) -> None:
    definition = read(a_definition(spec))
    assert (definition.templates, list(definition.unseen)) == ((), pointers)


def test_one_schema_of_all_versions_is_read() -> None:
    spec = {
        "group": "ships.example",
        "names": {"kind": "Fleet", "plural": "fleets"},
        "version": "v1beta1",
        "validation": {"openAPIV3Schema": an_object(spec=an_object(template=POD))},
    }
    definition = read({"apiVersion": "apiextensions.k8s.io/v1beta1", "spec": spec})
    assert (definition.api_version, definition.templates) == ("ships.example/v1beta1", ("/spec/template",))


@pytest.mark.parametrize(
    ("definition", "where"),
    [
        ({}, "/spec"),
        ({"spec": []}, "/spec"),
        ({"spec": {"names": []}}, "/spec/names"),
        ({"spec": {"names": NAMES}}, "/spec"),
        ({"spec": {"group": "g", "names": NAMES}}, "/spec/versions"),
        (
            {
                "spec": {
                    "group": "g.example",
                    "names": {"kind": "A", "plural": "as"},
                    "versions": [{"name": "v1"}],
                }
            },
            "/spec/versions",
        ),
    ],
)
def test_what_has_not_the_form_of_a_definition_is_an_error_with_its_place(
    definition: Tree, where: str
) -> None:
    with pytest.raises(ManifestError) as error:
        read(definition)
    assert error.value.where == where


def test_a_schema_that_refers_to_itself_without_end_is_read_to_a_depth() -> None:
    """JSON can hold no circle; a YAML alias could."""
    spec: Tree = an_object(template=POD)
    spec["properties"]["inner"] = spec
    definition = read(a_definition(spec))
    assert definition.templates[0] == "/spec/template"
    assert len(definition.templates) < 100
