"""Values compared with the JSON Schema that a `profile.yaml` has for them, and that schema itself.

A pattern may need any time and a reference may be endless, so that this runs in a child process with bounded
time and memory. Values are compared once they are merged; a null counts as absent.
Not here: the types of values without a schema (core.value_types), and when this is done (`loading`).
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote

from injector.classes import dataclass
from injector.config import child
from injector.errors import ConfigError
from injector.pointer import join, split
from injector.printable import first_of, shown, type_name

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SHOWN: Final = 20
# What stands in these is data, not a schema.
_DATA: Final = ("const", "default", "enum", "examples")
_REFERENCES: Final = ("$ref", "$dynamicRef")


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """A problem at a JSON pointer, of the schema or of the values."""

    pointer: str
    message: str
    hint: str = ""
    of_schema: bool = False


def in_child(schema: Mapping[str, Any], values: Mapping[str, Any]) -> list[SchemaProblem]:
    """The problems, from a child process. Raises ConfigError where it reaches a limit."""
    what = "comparing the values with the schema of the profile"
    hint = "check the schema for patterns that backtrack, and for alternatives within alternatives"
    payload = {"schema": schema, "values": values}
    answer, ended = child.run("injector.config.value_schema", payload, what, hint)
    if ended:
        raise ConfigError(ended.message, where="schema", hint=ended.hint)
    return [SchemaProblem(**problem) for problem in answer]


def problems(schema: Mapping[str, Any], values: Mapping[str, Any]) -> list[SchemaProblem]:
    """The problems of the schema, or else of the values; the first of many. Its work is not bounded."""
    # Only profiles with a schema pay for the library.
    import jsonschema
    import referencing
    from referencing.exceptions import Unresolvable

    out = list(_unusable(schema))
    validator = jsonschema.Draft202012Validator
    try:
        out = out or [_of_schema(error) for error in _first(validator(validator.META_SCHEMA), schema)]
        if not out:
            # Without a registry the library would fetch what a reference names.
            checking = validator(schema, registry=referencing.Registry())
            out = [_of_value(error) for error in _first(checking, _without_nulls(values))]
    except Unresolvable as error:
        message = f"a reference names nothing in this schema: {shown(error.ref)}"
        return [SchemaProblem("", message, of_schema=True)]
    except RecursionError:
        return [SchemaProblem("", "a $ref leads back to itself", of_schema=True)]
    return out


def _first(validator: Any, instance: Any) -> Iterable[Any]:
    return islice(validator.iter_errors(instance), _SHOWN)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value


# --- the schema -----------------------------------------------------------------------------------


def _unusable(schema: Mapping[str, Any]) -> Iterator[SchemaProblem]:
    """References to elsewhere, other dialects, and patterns that cannot be compiled."""
    for key, inner, at in _keywords(schema, ""):
        if key in _REFERENCES and isinstance(inner, str) and not _is_inside(inner, schema):
            hint = "write the definition under $defs and refer to it with #/$defs/NAME"
            yield SchemaProblem(at, "a reference to a part of this schema is expected", hint, of_schema=True)
        elif key == "$schema" and isinstance(inner, str) and inner.rstrip("#") != DIALECT:
            yield SchemaProblem(at, f"{DIALECT} is expected", "remove it", of_schema=True)
        elif key == "pattern" and isinstance(inner, str):
            yield from _uncompilable(inner, at)
        elif key == "patternProperties" and isinstance(inner, dict):
            for expression in inner:
                yield from _uncompilable(expression, join(at, expression))


def _keywords(tree: Any, pointer: str) -> Iterator[tuple[str, Any, str]]:
    """Every key of a schema with its value and pointer; names of properties are among them."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, inner in pairs:
        at = join(pointer, key)
        yield str(key), inner, at
        if key not in _DATA:
            yield from _keywords(inner, at)


def _is_inside(reference: str, schema: Mapping[str, Any]) -> bool:
    """Whether a reference is one to this document; names of anchors are left to the library."""
    if not reference.startswith("#/"):
        return reference.startswith("#")
    at: Any = schema
    for part in split(unquote(reference[1:])):
        if isinstance(at, list) and part.isdecimal() and int(part) < len(at):
            at = at[int(part)]
        elif isinstance(at, dict) and part in at:
            at = at[part]
        else:
            return False
    return True


def _uncompilable(expression: str, pointer: str) -> Iterator[SchemaProblem]:
    try:
        re.compile(expression)
    except (re.error, OverflowError) as error:
        yield SchemaProblem(pointer, f"the regular expression is not valid: {error}", of_schema=True)


def _of_schema(error: Any) -> SchemaProblem:
    error = _deepest(error)
    return SchemaProblem(_pointer(error), f"the schema is not valid: {_expected(error)}", of_schema=True)


# --- the values -----------------------------------------------------------------------------------


def _of_value(error: Any) -> SchemaProblem:
    meant = error.schema.get("description") if isinstance(error.schema, Mapping) else ""
    return SchemaProblem(_pointer(error), _expected(error), shown(meant) if isinstance(meant, str) else "")


def _pointer(error: Any) -> str:
    pointer = ""
    for part in error.absolute_path:
        pointer = join(pointer, part)
    return pointer


def _deepest(error: Any) -> Any:
    """The cause of an error of several alternatives that is the farthest inside."""
    while error.context:
        error = max(error.context, key=lambda each: len(each.absolute_path))
    return error


_BOUNDS: Final = {
    "minimum": "a number of at least {} is expected",
    "maximum": "a number of at most {} is expected",
    "exclusiveMinimum": "a number above {} is expected",
    "exclusiveMaximum": "a number below {} is expected",
    "multipleOf": "a multiple of {} is expected",
    "minLength": "at least {} characters are expected",
    "maxLength": "at most {} characters are expected",
    "minItems": "at least {} items are expected",
    "maxItems": "at most {} items are expected",
    "minProperties": "at least {} keys are expected",
    "maxProperties": "at most {} keys are expected",
    "const": "{} is expected",
    "pattern": "a text that matches {} is expected",
    "format": "the format {} is expected",
}
_TYPES: Final = {
    "string": "a text",
    "object": "a map",
    "array": "a list",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


def _expected(error: Any) -> str:
    """What a keyword of the schema expects. The value is not repeated."""
    keyword, wanted, value = error.validator, error.validator_value, error.instance
    if keyword in _BOUNDS:
        return _BOUNDS[keyword].format(shown(str(wanted)))
    if keyword == "type":
        types = [wanted] if isinstance(wanted, str) else wanted
        but = "" if isinstance(value, float) and "integer" in types else f", not {type_name(value)}"
        return f"{' or '.join(_TYPES[t] for t in types)} is expected{but}"
    if keyword == "enum":
        return f"one of {first_of([str(word) for word in wanted], 10)} is expected"
    if keyword == "required":
        return f"{first_of([key for key in wanted if key not in value], 3)} is missing"
    if keyword in ("additionalProperties", "unevaluatedProperties") and isinstance(value, Mapping):
        return _unknown(value, error.schema.get("properties") or {})
    if keyword is None or wanted is False:
        return "no value is allowed here"
    if error.context and keyword in ("anyOf", "oneOf"):
        return f"no alternative of the schema fits; the nearest: {_expected(_deepest(error))}"
    return f"it does not fit {keyword} of the schema"


def _unknown(value: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    unknown = [key for key in value if key not in known]
    near = difflib.get_close_matches(shown(unknown[0]), known, n=1) if unknown else []
    return f"unknown key {first_of(unknown, 3)}" + (f"; did you mean {near[0]}?" if near else "")


def main() -> None:
    """The child: a schema and values on stdin, the problems on stdout."""
    child.serve(lambda raw: [dataclasses.asdict(p) for p in problems(raw["schema"], raw["values"])])
