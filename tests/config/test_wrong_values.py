"""A value of another type is refused by check, kube-inject, a reload and Helm's schema, with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from injector.config.server_settings import ConfigMapSource, IstioSource
from injector.config.source import Source
from injector.errors import ConfigError
from injector.profiles.istio.value_table import TYPES
from tests.beds import helm
from tests.command import run
from tests.profiles.istio.shipped_values import nested, wrong

SCHEMA = jsonschema.Draft7Validator(json.loads((helm.CHART / "values.schema.json").read_text()))
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: app, image: 'app:1'}]}\n"


def written(folder: Path, path: str, value: Any) -> tuple[str, str]:
    """A file with one value, each key on a line of its own; and what messages begin with."""
    keys = ["values", *path.split(".")]
    lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(keys)]
    file = folder / "injector.yaml"
    file.write_text("\n".join(lines) + f" {json.dumps(value)}\n")
    return str(file), f"{file}:{len(keys)}: {'.'.join(keys)}"


@pytest.mark.parametrize("path", TYPES)
@given(data=st.data())
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_door_refuses_a_wrong_type_with_its_line(
    path: str, tmp_path: Path, data: st.DataObject
) -> None:
    value = data.draw(wrong(path))
    file, beginning = written(tmp_path, path, value)
    (tmp_path / "pod.yaml").write_text(POD)
    checked = run("check", "--config", file)
    assert (checked.status, beginning in checked.out) == (2, True), checked
    injected = run("kube-inject", "--config", file, "-f", tmp_path / "pod.yaml")
    assert (injected.status, injected.out, beginning in injected.err) == (2, "", True), injected
    with pytest.raises(ConfigError) as caught:
        Source(file, ConfigMapSource(), IstioSource(), None, lambda *_: "").read()
    assert beginning in str(caught.value)
    assert not SCHEMA.is_valid({"config": {"values": nested(path, value)}})


@pytest.mark.parametrize("path", TYPES)
def test_helm_refuses_a_wrong_type_and_names_the_value(path: str) -> None:
    value = ["x"] if path != "global.imagePullSecrets" else "x"
    with pytest.raises(helm.HelmError) as error:
        helm.template("helm4", {"config": {"values": nested(path, value)}})
    assert f"'/config/values/{path.replace('.', '/')}" in str(error.value)
