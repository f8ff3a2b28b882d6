"""Build the documentation as a site in build/site: `make site`. A broken link fails the build.

The site's source is a copy of the pages, and of the files that they link to, laid out as in the repository.
So a relative link leads to the same file on the site and in a checkout. Here: which files, in which order,
and what a link is. Not here: the look of the site (mkdocs.yml).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from hack.setup import REPO, SetupError, environment

BUILD = REPO / "build"
REQUIREMENTS = (REPO / "requirements" / "site.txt",)
# The tabs of the site, with a page or a folder of pages for each.
TABS = {
    "Start": ["README.md", "docs/README.md"],
    "How to": ["docs/how-to"],
    "Explanation": ["docs/explanation"],
    "Reference": ["docs/reference"],
    "Decisions": ["docs/adr"],
    "Project": ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"],
}

FENCE = re.compile(r"^ *(```+|~~~+).*?^ *\1`*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+).+?\1", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def links(markdown: str) -> list[str]:
    """The targets of the links in a page that lead to files or headings of the repository."""
    targets = LINK.findall(CODE.sub("", FENCE.sub("", markdown)))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(markdown: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    seen: dict[str, int] = {}
    result = set()
    for heading in HEADING.findall(FENCE.sub("", markdown)):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        result.add(f"{slug}-{count}" if count else slug)
    return result


def pages(places: list[str]) -> list[str]:
    """The pages at these places, with the folders' pages in the order of their names."""
    return [
        str(page.relative_to(REPO))
        for place in places
        for page in (sorted((REPO / place).rglob("*.md")) if (REPO / place).is_dir() else [REPO / place])
    ]


def linked_files(page: Path) -> set[Path]:
    """The files of the repository that a page links to."""
    targets = {page.parent / link.partition("#")[0] for link in links(page.read_text())}
    return {target.resolve() for target in targets if target.is_file()}


def copy_source(folder: Path, tabs: dict[str, list[str]]) -> None:
    """Lay out the pages and the files that they link to as they are in the repository."""
    shutil.rmtree(folder, ignore_errors=True)
    files = {REPO / page for group in tabs.values() for page in group}
    files |= {file for page in files for file in linked_files(page)}
    files |= {REPO / "docs" / "site.css", *(REPO / "docs").rglob("*.svg")}
    for file in files:
        copy = folder / file.relative_to(REPO)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def main() -> int:
    """Build the site; 1 where a link is broken."""
    tabs = {title: pages(places) for title, places in TABS.items()}
    copy_source(BUILD / "site-source", tabs)
    config = {
        "INHERIT": "../mkdocs.yml",
        "docs_dir": "site-source",
        "site_dir": "site",
        "nav": [{title: group} for title, group in tabs.items()],
    }
    (BUILD / "mkdocs.yml").write_text(json.dumps(config, indent=2))
    try:
        python = environment(BUILD / "site-python", sys.executable, requirements=REQUIREMENTS, editable=False)
    except SetupError as error:
        print(f"site: {error}", file=sys.stderr)
        return 1
    command: list[str | Path] = [python, "-m", "mkdocs", "build", "--strict"]
    command += ["--config-file", BUILD / "mkdocs.yml"]
    # Not --quiet: with it mkdocs counts no warnings, and --strict lets broken links through.
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    status = subprocess.run(command, env=environ, check=False).returncode
    if not status:
        print(f"site: {BUILD / 'site' / 'index.html'}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
