"""A field of a pod has its type by the table of Kubernetes' OpenAPI."""

from __future__ import annotations

import pytest

from injector.core import pod_fields


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"v": {"emptyDir": {"mode": 448}}}, True),
        ({"v": {"emptyDir": {"mode": "0700"}}}, False),
        ({"v": {"emptyDir": {"sizeLimit": "1Gi"}}}, True),
        ({"v": {"emptyDir": {"sizeLimit": "much"}}}, False),
        ({"v": {"configMap": {"items": [{"key": 1}]}}}, False),
        ({"v": {"not-in-kubernetes": 1}}, True),
    ],
)
def test_a_field_of_the_table_has_its_type(value: object, fits: bool) -> None:
    assert pod_fields.are_volumes(value) is fits
