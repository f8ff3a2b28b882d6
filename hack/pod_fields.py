"""`python -m hack.pod_fields`: write the table of a pod's fields from a real API server's OpenAPI.

The table is injector/core/kubernetes_fields.py. Run this when the version of Kubernetes in
tests/beds/programs changes; a test compares the two.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.beds.apiserver.bed import ApiServer

TABLE: Final = Path(__file__).resolve().parent.parent / "injector/core/kubernetes_fields.py"
ROOT: Final = "io.k8s.api.core.v1.PodTemplateSpec"
# Types that are written as a scalar.
_SCALARS: Final = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "port",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
}


_WRAPPER: Final = textwrap.TextWrapper(
    108,
    initial_indent=" " * 4,
    subsequent_indent=" " * 8,
    break_long_words=False,
    break_on_hyphens=False,
)
_MODULE: Final = '''\
"""The fields of a PodTemplateSpec by the OpenAPI of Kubernetes {version}; written by hack/pod_fields.py.

A field's type is a word (string, boolean, int32, int64, quantity, port, time, any), the name of another type,
a list with the type of its items, a map from `*` to the type of its values, or a map from `enum` to the texts
that are allowed. A field whose name ends in `!` is required.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

KUBERNETES: Final = "{version}"
TYPES: Final[Mapping[str, Mapping[str, Any]]] = {{
{types}
}}  # fmt: skip
'''


def table(openapi: dict[str, Any]) -> dict[str, Any]:
    """The types of the document that an API server has at /openapi/v3/api/v1, by their short names."""
    schemas = openapi["components"]["schemas"]
    types: dict[str, Any] = {}
    names = [ROOT]
    while names:
        name = names.pop()
        if _short(name) not in types:
            schema = schemas[name]
            required = set(schema.get("required", ()))
            types[_short(name)] = {
                field + "!" * (field in required): _type(inner)
                for field, inner in sorted(schema["properties"].items())
            }
            names += sorted(
                reached for inner in schema["properties"].values() for reached in _references(inner)
            )
    return dict(sorted(types.items()))


def _type(schema: dict[str, Any]) -> Any:
    reference = _reference(schema)
    if reference:
        return _SCALARS.get(reference) or _short(reference)
    if "enum" in schema:
        return {"enum": schema["enum"]}
    if schema["type"] == "array":
        return [_type(schema["items"])]
    if schema["type"] == "object":
        return {"*": _type(schema["additionalProperties"])}
    return schema["format"] if schema["type"] == "integer" else schema["type"]


def _reference(schema: dict[str, Any]) -> str:
    """The name of the type that a schema refers to; it stands in `allOf` where there is a default as well."""
    options = [schema, *schema.get("allOf", ())]
    return next((str(each["$ref"]).rpartition("/")[2] for each in options if "$ref" in each), "")


def _references(schema: dict[str, Any]) -> Iterator[str]:
    inner = schema.get("items") or schema.get("additionalProperties") or schema
    name = _reference(inner)
    if name and name not in _SCALARS:
        yield name


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def text(version: str, types: dict[str, Any]) -> str:
    """The module that holds the table; a type begins on a line of its own, so that changes can be read."""
    entries = (f"{json.dumps(name)}: {json.dumps(fields)}," for name, fields in types.items())
    lines = (line for entry in entries for line in _WRAPPER.wrap(entry))
    return _MODULE.format(version=version, types="\n".join(lines))


def read() -> str:
    """The module's text by the API server of the test bed."""
    with ApiServer.running(audited=False) as bed:
        return of(bed)


def of(bed: ApiServer) -> str:
    """The module's text by a running API server."""
    openapi = json.loads(bed.kubectl("get", "--raw", "/openapi/v3/api/v1"))
    version = json.loads(bed.kubectl("version", "-o", "json"))["serverVersion"]
    return text(f"{version['major']}.{version['minor']}", table(openapi))


if __name__ == "__main__":
    TABLE.write_text(read())
    print(f"wrote {TABLE.name}")
