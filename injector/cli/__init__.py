"""Commands for people and pipelines.

Here: files, what is printed and the exit status; the flags are in `commands`. Not here: anything that
decides what a pod becomes. A module is loaded when its command runs.
"""

import gc
from collections.abc import Mapping
from typing import Any, Final

from injector.light_import import CALLED, later, stand_ins
from injector.patterns import patterns_later

# Commands are short: they make little garbage, and many objects that stay.
gc.set_threshold(100_000)


def _cleandoc(text: str) -> str:
    """As `inspect.cleandoc`; the help of most options is one line."""
    if "\n" in text or "\t" in text:
        import inspect

        return inspect.cleandoc(text)
    return text.lstrip()


# Loaded by Click for a type of options each, and to translate messages, for which no texts exist.
_OF_CLICK: Final[Mapping[str, Mapping[str, Any]]] = {
    "datetime": {"datetime": CALLED},
    "gettext": {"gettext": str, "ngettext": lambda one, many, count: one if count == 1 else many},
    "inspect": {"cleandoc": _cleandoc},
    "uuid": {"UUID": CALLED},
}
with stand_ins(_OF_CLICK), patterns_later():
    import click

# Imported by Click, Jinja, the standard library and modules of ours for what commands seldom do.
later("base64", "decimal", "difflib", "inspect", "ipaddress", "ntpath", "signal", "struct", "subprocess")
later("tempfile", "yaml", f"{__name__}.passed")
with stand_ins({"urllib.parse": {"quote_from_bytes": CALLED}}), patterns_later():
    import dataclasses
    import json
    import pathlib

__all__ = ["click", "dataclasses", "json", "pathlib"]
