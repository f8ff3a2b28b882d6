"""The values of a profile, checked against their types, as they are meant.

Not here: the types (core.value_types, and the profile), and what is merged over what (`snapshot`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from injector import yamltext
from injector.config.fields import SettingProblem
from injector.config.schema import refuse
from injector.core.finding_codes import FindingCode
from injector.core.model import Finding
from injector.core.profile import Profile
from injector.core.value_types import ValueProblem, check
from injector.pointer import split


def own(
    values: dict[str, Any], profile: Profile, text: str, origin: str, *, quirks: bool
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """The values of our own file, below its key `values`, and what was noticed.

    A value of another type is refused: ConfigError. With quirks it is only noticed, and the values stay
    as they are written.
    """
    checked = check(values, profile.value_types, printed=None)
    if quirks:
        return values, _findings(checked.problems, text, origin, "/values")
    _refuse(checked.problems, text, origin, "/values")
    return checked.values, _findings(checked.problems, text, origin, "/values")


def complete(
    values: dict[str, Any], profile: Profile, text: str, origin: str, *, quirks: bool
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """The values of a control plane, a file or a ConfigMap of their own; as `own` does it.

    Where a text is expected a number is taken as the control plane prints it, and noticed.
    """
    checked = check(values, profile.value_types, printed=profile.printed)
    if quirks:
        return values, _findings(checked.problems, text, origin, "")
    _refuse(checked.problems, text, origin, "")
    return checked.values, _findings(checked.problems, text, origin, "")


def misspelt_settings(
    mesh_config: Mapping[str, Any], profile: Profile, text: str, origin: str, above: str
) -> tuple[Finding, ...]:
    """What was noticed about the keys of the mesh configuration; `above` is its pointer in the text."""
    return _findings(list(profile.misspelt_settings(mesh_config)), text, origin, above)


def _refuse(problems: Sequence[ValueProblem], text: str, origin: str, above: str) -> None:
    refused = [SettingProblem(above + p.pointer, p.message, p.hint) for p in problems if p.refused]
    refuse(refused, text, origin)


def _findings(problems: Sequence[ValueProblem], text: str, origin: str, above: str) -> tuple[Finding, ...]:
    document = yamltext.Document(text, source=origin)
    return tuple(
        Finding.of(
            FindingCode.VALUE,
            f"{'.'.join(split(above + problem.pointer))}: {problem.message}",
            f"{origin}:{yamltext.locate(document, above + problem.pointer)}",
            problem.hint,
        )
        for problem in problems
    )
