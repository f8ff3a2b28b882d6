"""The tables of what the rules read: compared with what is read while the golden cases are injected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import yaml

from injector.cli.world import from_objects
from injector.config.loading import Input, Overrides, Text, load_input
from injector.core.injection import contributed
from injector.core.injection.pipeline import inject
from injector.core.profile import Config
from injector.profiles.istio import contribution, layers
from tests.test_cases import LAWFUL, Stage, case_of, core_runs, set_up

# The root's namespace selects ProxyConfig objects, and the ProxyConfig counts as a whole.
COUNTED_OTHERWISE = ("rootNamespace", "defaultConfig", "extensionProviders", "inboundTrafficPolicy")


class Recorded(dict[str, Any]):
    """A map that records the paths that are read of it."""

    def __init__(self, tree: dict[str, Any], seen: set[str], path: str = "") -> None:
        super().__init__(tree)
        self.seen, self.path = seen, path

    def get(self, key: str, default: Any = None) -> Any:
        return self._read(key, super().get(key, default))

    def __getitem__(self, key: str) -> Any:
        return self._read(key, super().__getitem__(key))

    def __iter__(self) -> Iterator[str]:
        self.seen.add(self.path)
        return super().__iter__()

    def items(self) -> Any:
        self.seen.add(self.path)
        return super().items()

    def _read(self, key: str, value: Any) -> Any:
        path = f"{self.path}.{key}" if self.path else key
        if isinstance(value, dict):
            return Recorded(value, self.seen, path)
        self.seen.add(path)
        return value


@cache
def built(raw: str, inject_settings: str) -> Config:
    settings = Text(inject_settings, "inject.yaml") if inject_settings else None
    return load_input(Input(Text(raw, "config"), ".", Overrides(inject=settings)))


def covers(path: str, keys: set[str]) -> bool:
    """Whether a path is one of the keys or below one, or the empty section of one."""
    return any(path == key or path.startswith(f"{key}.") or key.startswith(f"{path}.") for key in keys)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What is read of values and mesh configuration, and what of the values templates may read."""
    values: set[str] = set()
    mesh: set[str] = set()
    by_templates: set[str] = set()
    for_pod = layers.mesh_for
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "mesh_for", lambda *args: Recorded(dict(for_pod(*args)), mesh))
        # The digest itself reads all that the tables name.
        patch.setattr(contributed, "digest_of", lambda *_: "")
        folder = tmp_path_factory.mktemp("cases")
        for name in LAWFUL:
            case = case_of(name)
            set_up(case, folder)
            around = from_objects([str(folder / "objects.yaml")], "")
            config = built(yaml.safe_dump(case.config), yaml.safe_dump(case.inject) if case.inject else "")
            for template in config.templates:
                paths = config.templates.reads(template)
                by_templates |= {".".join(path[1:]) for path in paths if path[0] == "Values"}
            recording = replace(config, values=Recorded(config.values, values))
            for pod, facts, _ in core_runs(case, Stage(config, around)):
                inject(pod, facts, recording)
    return {"values": values, "mesh": mesh, "templates": by_templates}


def test_every_value_that_is_read_is_in_the_table_or_in_a_template(seen: dict[str, set[str]]) -> None:
    keys = {*contribution.VALUES, *seen["templates"]}
    assert [path for path in sorted(seen["values"]) if not covers(path, keys)] == []


def test_every_key_of_the_mesh_configuration_that_is_read_is_in_the_table(seen: dict[str, set[str]]) -> None:
    keys = {*contribution.MESH_CONFIG, *COUNTED_OTHERWISE}
    assert [path for path in sorted(seen["mesh"]) if not covers(path, keys)] == []


def test_every_key_of_the_tables_is_read(seen: dict[str, set[str]]) -> None:
    unread = [key for key in contribution.VALUES if not any(covers(key, {path}) for path in seen["values"])]
    # It is read only where the mesh configuration has no trust domain, and every one has a default.
    assert unread == ["global.trustDomain"]
    assert set(contribution.MESH_CONFIG) <= seen["mesh"]
