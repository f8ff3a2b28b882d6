"""The names of the formats, and of the variable with the file. Help needs no more than this."""

from __future__ import annotations

from typing import Final

FORMATS: Final = ("text", "json", "junit", "sarif", "github")
"""What --report accepts."""
VARIABLE: Final = "INJECTOR_REPORT"
"""In the environment the file of the report."""
