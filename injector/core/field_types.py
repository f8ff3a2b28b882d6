"""The types of a pod's fields and whether a value is of one, by the table of Kubernetes' OpenAPI.

Not here: walking a value (pod_fields, field_soundness).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from injector.classes import dataclass
from injector.core.field_forms import FORMS, MAY_BE_MISSING, OF_FIELDS, FieldForm
from injector.core.kubernetes_fields import TYPES
from injector.core.quantities import canonical
from injector.patterns import pattern

INT32: Final = range(-(2**31), 2**31)
_INT64: Final = range(-(2**63), 2**63)
_TIME: Final = pattern(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})"
)
# Most quantities; what else is one takes longer to read.
_PLAIN_QUANTITY: Final = pattern(r"[0-9]{1,15}(?:m|k|[MG]|[KMG]i)?")
WORDS: Final = {
    "string": "a string",
    "boolean": "true or false",
    "int32": "a whole number of 32 bits",
    "int64": "a whole number",
    "quantity": "a quantity such as 100m or 1Gi",
    "port": "a port's number or name",
    "time": "a time such as 2026-01-31T12:00:00Z",
}
Type = str | list[Any] | Mapping[str, Any]
Fields = Mapping[str, Mapping[str, Type]]
_FIELDS: Final[Fields] = {
    name: {field.removesuffix("!"): of for field, of in fields.items()} for name, fields in TYPES.items()
}
_FORMED: Final[Fields] = {name: {**fields, **OF_FIELDS.get(name, {})} for name, fields in _FIELDS.items()}
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    name: tuple(field[:-1] for field in fields if field.endswith("!")) for name, fields in TYPES.items()
}
_FORMED_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    name: tuple(field for field in fields if (name, field) not in MAY_BE_MISSING)
    for name, fields in _REQUIRED.items()
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What is checked beside the types: fields that are required or unknown, texts of a closed set, forms.

    `directives` says that keys that begin with `$` are not fields but directives of a merge.
    """

    required: bool = True
    unknown: bool = True
    closed: bool = True
    forms: bool = False
    directives: bool = False

    @property
    def fields(self) -> Fields:
        """The types of fields by the type that has them."""
        return _FORMED if self.forms else _FIELDS

    def required_of(self, name: str) -> tuple[str, ...]:
        """The fields that a type must have."""
        if not self.required:
            return ()
        return (_FORMED_REQUIRED if self.forms else _REQUIRED)[name]


FIELDS: Final = Rules()
RESULT: Final = Rules(forms=True)
"""A whole pod, of which unknown fields are of interest too."""
AUTHORED: Final = Rules(unknown=False, forms=True)
"""The same without them: a pod may have fields that are newer than the table."""
OVERLAY: Final = Rules(required=False, forms=True, directives=True)
"""A part of a pod, which is merged into one."""
TYPES_ALONE: Final = Rules(required=False, unknown=False, closed=False)


def is_of(value: Any, word: str) -> bool:
    """Whether a value is of the type of a word."""
    return predicate_of(word)(value)


def predicate_of(word: str) -> Callable[[Any], bool]:
    """The function that says whether a value is of the type of a word."""
    return _PREDICATES[word]


def _is_quantity(value: Any) -> bool:
    if isinstance(value, str):
        if _PLAIN_QUANTITY.fullmatch(value):
            return True
    elif not isinstance(value, int | float):
        return False
    try:
        canonical(value)
    except ValueError:
        return False
    return True


def words_of(word: str) -> str:
    """The type of a word, for messages."""
    return FORMS[word].words if word in FORMS else WORDS[word]


def _formed(form: FieldForm, is_base: Callable[[Any], bool]) -> Callable[[Any], bool]:
    holds = form.holds
    return lambda value: is_base(value) and bool(holds(value))


# A fraction of zero is a fraction to the API server, and so are true and false no numbers.
_BASES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "any": lambda _: True,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "int32": lambda value: type(value) is int and value in INT32,
    "int64": lambda value: type(value) is int and value in _INT64,
    "quantity": _is_quantity,
    "port": lambda value: isinstance(value, str) or (type(value) is int and value in INT32),
    "time": lambda value: isinstance(value, str) and _TIME.fullmatch(value) is not None,
}
_PREDICATES: Final[Mapping[str, Callable[[Any], bool]]] = {
    **_BASES,
    **{word: _formed(form, _BASES[form.base]) for word, form in FORMS.items()},
}
