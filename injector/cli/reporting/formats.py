"""The formats of a report by name. Each is loaded when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from injector.cli.reporting.finished import Finished

_MODULES: Final = {"json": "json_report", "junit": "junit", "sarif": "sarif", "github": "github"}


def written(form: str, finished: Finished) -> str:
    """The report of a run in a format."""
    text: str = import_module(f"injector.cli.reporting.{_MODULES[form]}").written(finished)
    return text
