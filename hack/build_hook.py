"""Puts the templates that ship into the wheel as Python code; Hatch runs it (pyproject.toml)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """Compiles them with the Jinja of the environment of the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before a wheel is built. An editable installation has its templates from `make setup`."""
        if version == "editable":
            return
        target = Path(self.directory) / "compiled_templates.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "hack.ahead", target], cwd=self.root, check=True)
        build_data["force_include"][str(target)] = "injector/compiled_templates.py"

    def finalize(self, _version: str, _build_data: dict[str, Any], _artifact_path: str) -> None:
        """After it was built."""
        (Path(self.directory) / "compiled_templates.py").unlink(missing_ok=True)
