"""The configuration in the functionConfig of a KRM function.

A SidecarInjection has it under `spec`; a ConfigMap has the text at the key `injector.yaml`, or the name of
a file at the key `config`. Not here: what a configuration means (config).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any, Final

from injector import yamltext
from injector.cli.configuration import KEY
from injector.config.folder import Files
from injector.config.loading import NONE, Input, Text
from injector.errors import ConfigError
from injector.printable import shown

KIND: Final = "SidecarInjection"
FILE_KEY: Final = "config"
_WHERE: Final = "functionConfig"
_OBJECT: Final = ("apiVersion", "kind", "metadata")


def inputs_of(function: Any) -> Input | None:
    """The configuration of a functionConfig, None where it has none. Raises ConfigError."""
    if function is None:
        return None
    if not isinstance(function, dict):
        raise ConfigError("a map is expected", where=_WHERE, hint=f"use a {KIND} or a ConfigMap")
    kind = function.get("kind")
    if kind == KIND:
        _check_keys(function, (*_OBJECT, "spec"), _WHERE)
        return _of_spec(function.get("spec"))
    if kind == "ConfigMap":
        return _of_data(function.get("data"))
    hint = f"use kind: {KIND}, or kind: ConfigMap"
    raise ConfigError(f"the kind {shown(kind)} is not supported", where=f"{_WHERE}.kind", hint=hint)


def _of_spec(spec: Any) -> Input | None:
    if spec is None:
        return None
    where = f"{_WHERE}.spec"
    if not isinstance(spec, dict):
        hint = "it has the keys of a configuration file"
        raise ConfigError("a map is expected", where=where, hint=hint)
    # Paths in it start from the working directory, as those of ./injector.yaml do.
    return Input(Text(yamltext.dump(spec), where))


def _of_data(data: Any) -> Input | None:
    if data is None:
        return None
    where = f"{_WHERE}.data"
    if not isinstance(data, dict):
        raise ConfigError("a map is expected", where=where, hint=f"its keys are {KEY} or {FILE_KEY}")
    for key, value in data.items():
        if not isinstance(value, str):
            raise ConfigError("a text is expected", where=f"{where}.{shown(key)}", hint="put it in quotes")
    if KEY in data:
        if FILE_KEY in data:
            raise ConfigError(f"it cannot be combined with {KEY}", where=f"{where}.{FILE_KEY}")
        return Input(Text(data[KEY], f"{where}.{KEY}"), where, NONE, Files.of(where, data))
    _check_keys(data, (FILE_KEY,), where)
    return Input.from_file(data[FILE_KEY]) if FILE_KEY in data else None


def _check_keys(tree: Mapping[str, Any], known: Collection[str], where: str) -> None:
    for key in tree:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"accepted: {', '.join(known)}"
            raise ConfigError(f"unknown key {shown(key)}", where=where, hint=hint)
