"""The values of a profile, checked against their types, as they are meant.

Not here: the types (core.value_types, and the profile), and what is merged over what (`snapshot`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from injector import yamltext
from injector.classes import dataclass
from injector.config.fields import SettingProblem, several, with_path
from injector.config.schema import refuse
from injector.core.finding_codes import FindingCode
from injector.core.model import Finding
from injector.core.pod_fields import FieldProblem
from injector.core.profile import Profile
from injector.core.value_types import check
from injector.errors import ConfigError
from injector.pointer import split

if TYPE_CHECKING:
    from injector.config.value_schema import SchemaProblem


@dataclass(frozen=True, slots=True)
class Place:
    """Where values are written: a text, what messages call it, and the pointer of the values in it."""

    text: str
    origin: str
    above: str = ""


def checked(
    values: dict[str, Any], profile: Profile, place: Place, *, own: bool, quirks: bool
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """The values as they are meant, and what was noticed. Raises ConfigError for values of another type.

    Where a text is expected, a number is refused in our own file; in the values of a control plane it is
    taken as the control plane prints it. With quirks all is only noticed, and the values stay as written.
    """
    result = check(values, profile.value_types, printed=None if own else profile.printed)
    if not quirks:
        _refuse(result.problems, place)
    return values if quirks else result.values, _findings(result.problems, place)


def refusal(
    problems: Sequence[SchemaProblem], written: Mapping[str, Any], own: Place, profile: Place
) -> ConfigError:
    """The error for problems with the schema of a profile, each with its line.

    The line is that of the value in our own file, where it is written there, else of `profile.yaml`.
    """
    documents = {place: yamltext.Document(place.text, source=place.origin) for place in (own, profile)}
    rows = []
    for problem in problems:
        in_own = not problem.of_schema and _is_written(written, problem.pointer)
        pointer = ("/schema" if problem.of_schema else "/values") + problem.pointer
        place = own if in_own else profile
        line = yamltext.locate(documents[place], pointer)
        rows.append(
            (f"{place.origin}:{line}", with_path(SettingProblem(pointer, problem.message)), problem.hint)
        )
    if len(rows) == 1:
        [(where, message, hint)] = rows
        return ConfigError(message, where=where, hint=hint)
    return several(f"{len(rows)} problems with the schema of the profile:", profile.origin, rows)


def _is_written(tree: Any, pointer: str) -> bool:
    """Whether something is at the pointer; an empty map at the root is nothing."""
    for part in split(pointer):
        if isinstance(tree, list):
            tree = dict(enumerate(tree)).get(int(part))
        elif isinstance(tree, Mapping):
            tree = tree.get(part)
        else:
            return False
    return tree not in (None, {})


def misspelt_settings(mesh_config: Mapping[str, Any], profile: Profile, place: Place) -> tuple[Finding, ...]:
    """What was noticed about the keys of the mesh configuration."""
    return _findings(list(profile.misspelt_settings(mesh_config)), place)


def reported(problems: Sequence[FieldProblem], place: Place) -> tuple[Finding, ...]:
    """Findings of what was noticed. Raises ConfigError for what is refused."""
    _refuse(problems, place)
    return _findings(problems, place)


def _refuse(problems: Sequence[FieldProblem], place: Place) -> None:
    refused = [SettingProblem(place.above + p.pointer, p.message, p.hint) for p in problems if p.refused]
    refuse(refused, place.text, place.origin)


def _findings(problems: Sequence[FieldProblem], place: Place) -> tuple[Finding, ...]:
    document = yamltext.Document(place.text, source=place.origin)
    pointers = [place.above + problem.pointer for problem in problems]
    return tuple(
        Finding.of(
            FindingCode.VALUE,
            f"{'.'.join(split(pointer))}: {problem.message}",
            f"{place.origin}:{yamltext.locate(document, pointer)}",
            problem.hint,
        )
        for pointer, problem in zip(pointers, problems, strict=True)
    )
