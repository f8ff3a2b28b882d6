"""Writes the templates that ship as a Python module: `python -m hack.ahead`.

`make setup` runs it for a checkout, the build of the wheel for a wheel (`hack.build_hook`). A module that is
out of date serves nothing: its templates are compiled at each start.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from injector.config import folder, shipped
from injector.templating import ahead

REPO: Final = Path(__file__).resolve().parents[1]
TARGET: Final = REPO.joinpath(*shipped.MODULE.split(".")).with_suffix(".py")


def main(arguments: Sequence[str] = ()) -> None:
    """Write the module to a file, that of the checkout if none is named, unless it is there already."""
    target, text = Path(*arguments) if arguments else TARGET, module_text()
    if not target.is_file() or target.read_text() != text:
        target.write_text(text)


def module_text() -> str:
    """The module of all profiles that ship."""
    profiles = [folder.open_folder(folder.find(name, None)) for name in folder.shipped()]
    return ahead.text([profile.sources for profile in profiles], shipped.maker())


if __name__ == "__main__":
    main(sys.argv[1:])
