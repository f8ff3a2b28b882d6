"""How this program was installed, for messages about a missing optional dependency.

Not here: which of them there are (pyproject.toml), and the commands that need them.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

DISTRIBUTION: Final = "sidecar-injector"
EXTRAS: Final = {
    "kubernetes": "cluster",
    **dict.fromkeys(
        (
            "cryptography",
            "fastapi",
            "httptools",
            "jwt",
            "prometheus_client",
            "starlette",
            "uvicorn",
            "uvloop",
        ),
        "serve",
    ),
}
"""The optional modules, and the extra of this program that brings each."""


def missing(module: str) -> tuple[str, str] | None:
    """Message and hint for a module of an extra that is not installed; None for other modules."""
    extra = EXTRAS.get(module.partition(".")[0])
    if extra is None:
        return None
    use = "commands that read a cluster need" if extra == "cluster" else "injector serve needs"
    return f"{use} packages that are not installed (extra {extra!r})", _hint(extra)


def require(extra: str) -> None:
    """Raise ModuleNotFoundError for the first module of an extra that is not installed."""
    for module, its in EXTRAS.items():
        if its == extra and find_spec(module) is None:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def _hint(extra: str) -> str:
    """The command that adds an extra. It never names a package of an index, which may be another program."""
    source = _source()
    prefix = PurePath(sys.prefix).parts
    if source is None:
        return f"install this program again with its extra {extra!r}, from where you have it"
    if "pipx" in prefix:
        return f"run: pipx install --force '{source}[{extra}]'"
    if "uv" in prefix and "tools" in prefix:
        return f"run: uv tool install --force '{source}[{extra}]'"
    editable = "-e " if _direct_url().get("dir_info", {}).get("editable") else ""
    return f"run: {sys.executable} -m pip install {editable}'{source}[{extra}]'"


def _source() -> str | None:
    """The wheel or checkout that it was installed from; None where that is not known."""
    parts = urlsplit(str(_direct_url().get("url", "")))
    # Other URLs may have credentials, and take another form.
    return unquote(parts.path) if parts.scheme == "file" and parts.path else None


def _direct_url() -> dict[str, Any]:
    """What the installer wrote down of the source (PEP 610); empty for a package of an index."""
    # Only errors need it.
    from importlib import metadata

    try:
        recorded = json.loads(metadata.distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return {}
    return recorded if isinstance(recorded, dict) else {}
