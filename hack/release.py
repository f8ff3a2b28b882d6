"""Check that a tag is the version in all places: `python hack/release.py v1.2.3`.

Here: the places where the version stands. Not here: making a release, that is .github/workflows/release.yml.
The standard library is all it needs.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]


def versions() -> Mapping[str, str]:
    """The version by the place where it is written."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    chart = (REPO / "charts" / "injector" / "Chart.yaml").read_text()
    in_chart = dict(re.findall(r'^(version|appVersion): "?([^"\s]+)"?$', chart, re.MULTILINE))
    return {
        "pyproject.toml version": project["version"],
        "Chart.yaml version": in_chart["version"],
        "Chart.yaml appVersion": in_chart["appVersion"],
    }


def dated(version: str, changelog: str) -> bool:
    """Whether the changelog has a section for a version with a date."""
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    return re.search(heading, changelog, re.MULTILINE) is not None


def main(tag: str) -> int:
    """1 where a version is another one than the tag's, or the changelog has no dated section on it."""
    wanted = tag.removeprefix("v")
    wrong = [
        f"{place} is {version}, the tag is {tag}"
        for place, version in versions().items()
        if version != wanted
    ]
    if not dated(wanted, (REPO / "CHANGELOG.md").read_text()):
        wrong.append(f"CHANGELOG.md has no section '## [{wanted}] - YYYY-MM-DD'")
    for line in wrong:
        print(f"release: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else "usage: release.py TAG")
