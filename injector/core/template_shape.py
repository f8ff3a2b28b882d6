"""What the stages take for granted about a pod template: the types of some fields, and distinct names.

Not here: the types of all fields (field_types), and where a template is (workload).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from injector.errors import ManifestError
from injector.pointer import join
from injector.printable import type_name

Manifest = dict[str, Any]

# What the stages take for granted, as a table: field -> expectation. A list's element schema is in [...].
_PROBE: Final[Manifest] = {"httpGet": {"httpHeaders": [{}]}, "tcpSocket": {}, "grpc": {}, "exec": {}}
_CONTAINER: Final[Manifest] = {
    "name": "string!",
    "image": "string",
    "args": ["string"],
    "command": ["string"],
    "env": [{"name": "string!", "value": "string", "valueFrom": {}}],
    "ports": [{"containerPort": "integer!", "name": "string", "protocol": "string"}],
    "volumeMounts": [{"name": "string!", "mountPath": "string!"}],
    "volumeDevices": [{"devicePath": "string!"}],
    "resources": {"limits": {}, "requests": {}},
    "securityContext": {"capabilities": {}},
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "startupProbe": _PROBE,
    "lifecycle": {"preStop": _PROBE, "postStart": _PROBE},
}
_SHAPE: Final[Manifest] = {
    "metadata": {"name": "string", "namespace": "string", "labels": "strings", "annotations": "strings",
                 "ownerReferences": [{}], "finalizers": ["string"]},
    "spec": {
        "containers": [_CONTAINER],
        "initContainers": [_CONTAINER],
        "ephemeralContainers": [_CONTAINER],
        "volumes": [{"name": "string!"}],
        "imagePullSecrets": [{"name": "string"}],
        "hostAliases": [{}],
        "topologySpreadConstraints": [{}],
        "securityContext": {},
        "hostNetwork": "boolean",
        "os": {"name": "string"},
    },
}  # fmt: skip
_STRINGS: Final = ("string", "string!")
_TYPES: Final[Mapping[str, type]] = {"string": str, "integer": int, "boolean": bool}


def check_template(template: Any) -> None:
    """Raise ManifestError at the first place of a pod template that has another type."""
    if not _fits_template(template):
        _check(template, _SHAPE, "")


def check_metadata(metadata: Any, where: str) -> None:
    """The same for the metadata by itself; `where` is the pointer to it."""
    if not _fits_metadata(metadata):
        _check(metadata, _SHAPE["metadata"], where)


def check_spec(spec: Any, where: str) -> None:
    """The same for the spec by itself."""
    if not _fits_spec(spec):
        _check(spec, _SHAPE["spec"], where)


def check_names(spec: Manifest, where: str) -> None:
    """Raise ManifestError for two elements of one name or path: a merge would keep one of them."""
    containers = [c for part in ("initContainers", "containers") for c in spec.get(part) or ()]
    if not (
        _are_distinct(containers, "name")
        and _are_distinct(spec.get("volumes") or (), "name")
        and all(_are_distinct(c.get("volumeMounts") or (), "mountPath") for c in containers)
    ):
        _check_names(spec, where)


def _are_distinct(items: Sequence[Manifest], key: str) -> bool:
    return len({item[key] for item in items}) == len(items)


def _check_names(spec: Manifest, where: str) -> None:
    containers = [
        (f"{where}/{part}/{i}", container)
        for part in ("initContainers", "containers")
        for i, container in enumerate(spec.get(part) or ())
    ]
    _check_distinct(containers, "name")
    _check_distinct([(f"{where}/volumes/{i}", v) for i, v in enumerate(spec.get("volumes") or ())], "name")
    for at, container in containers:
        mounts = enumerate(container.get("volumeMounts") or ())
        _check_distinct([(f"{at}/volumeMounts/{i}", mount) for i, mount in mounts], "mountPath")


def _check_distinct(items: Sequence[tuple[str, Manifest]], key: str) -> None:
    first: dict[str, str] = {}
    for at, item in items:
        if first.setdefault(item[key], at) != at:
            raise ManifestError(
                f"{key} is also used by {first[item[key]]}; it must be unique",
                where=at,
                hint=f"give one of them another {key}, or remove it",
            )


def _check(value: Any, shape: Any, where: str) -> None:
    if value is None:
        return
    if isinstance(shape, dict):
        _expect(isinstance(value, dict), "a map", value, where)
        _check_map(value, shape, where)
    elif isinstance(shape, list):
        _expect(isinstance(value, list), "a list", value, where)
        for i, item in enumerate(value):
            _expect(item is not None, "an element", item, f"{where}/{i}")
            _check(item, shape[0], f"{where}/{i}")
    elif shape == "strings":
        _expect(isinstance(value, dict), "a map of strings", value, where)
        for key, item in value.items():
            _expect(isinstance(item, str) or item is None, "a string (put it in quotes)", item,
                    join(where, key))  # fmt: skip
    else:
        word = shape.rstrip("!")
        fits = isinstance(value, _TYPES[word]) and (word == "boolean" or not isinstance(value, bool))
        _expect(fits, f"{'an' if word[0] == 'i' else 'a'} {word}", value, where)


def _check_map(value: Manifest, shape: Manifest, where: str) -> None:
    for key, inner in shape.items():
        item = value.get(key)
        if item is None:
            if isinstance(inner, str) and inner.endswith("!"):
                raise ManifestError(f"{key} is missing", where=where, hint=f"give it a {key}")
        elif not (isinstance(item, str) and inner in _STRINGS):
            _check(item, inner, f"{where}/{key}")


def _expect(fits: bool, what: str, value: Any, where: str) -> None:
    if not fits:
        raise ManifestError(f"{what} is expected, not {type_name(value)}", where=where)


# Most templates have the types: that takes a quick look, made into functions once.
def _made(shape: Any) -> Callable[[Any], bool]:
    if isinstance(shape, dict):
        return _map_of(shape) if shape else lambda value: value is None or type(value) is dict
    if isinstance(shape, list):
        return _list_of(_made(shape[0]))
    if shape == "strings":
        return _is_map_of_strings
    kind = _TYPES[shape.rstrip("!")]
    return lambda value: value is None or type(value) is kind


def _map_of(shape: Manifest) -> Callable[[Any], bool]:
    texts = frozenset(key for key, inner in shape.items() if inner in _STRINGS)
    needed = [key for key, inner in shape.items() if isinstance(inner, str) and inner.endswith("!")]
    of = {key: _made(inner) for key, inner in shape.items()}.get

    def fits(value: Any) -> bool:
        if type(value) is not dict:
            return value is None
        for key, item in value.items():
            if type(item) is str and key in texts:
                continue
            fits_inner = of(key)
            if fits_inner is not None and not fits_inner(item):
                return False
        for key in needed:  # noqa: SIM110 (a generator takes twice as long)
            if value.get(key) is None:
                return False
        return True

    return fits


def _list_of(fits_item: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        if type(value) is not list:
            return value is None
        for item in value:  # noqa: SIM110 (a generator takes twice as long)
            if item is None or not fits_item(item):
                return False
        return True

    return fits


def _is_map_of_strings(value: Any) -> bool:
    if type(value) is not dict:
        return value is None
    for item in value.values():  # noqa: SIM110 (a generator takes twice as long)
        if type(item) is not str and item is not None:
            return False
    return True


_fits_template: Final = _made(_SHAPE)
_fits_metadata: Final = _made(_SHAPE["metadata"])
_fits_spec: Final = _made(_SHAPE["spec"])
