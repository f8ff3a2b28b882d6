"""Check the first lines of commit messages: `hack/commit_subjects.py FILE`, or `--range BASE..HEAD`.

A file is what git hands to a commit-msg hook. Here: what a program can see of the rules in CONTRIBUTING.md.
Not here: whether a commit is one change. The standard library is all it needs.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
LONGEST = 72
# Git writes these itself, and `git rebase --autosquash` removes the last three.
GENERATED = ("Merge ", 'Revert "', "fixup! ", "squash! ", "amend! ")
# From this line on, `git commit --verbose` shows the diff.
SCISSORS = re.compile(r"^# -+ >8 -+\n.*", re.MULTILINE | re.DOTALL)


def problems(message: str) -> list[str]:
    """What is wrong with the subject of a commit message."""
    subject, _, rest = message.strip("\n").partition("\n")
    if subject.startswith(GENERATED):
        return []
    wrong = {
        f"the subject has {len(subject)} characters; at most {LONGEST} are allowed": len(subject) > LONGEST,
        "the subject is empty": not subject.strip(),
        "the subject ends with a period": subject.endswith("."),
        "the subject has a semicolon; make a commit of each change": ";" in subject,
        "the line after the subject is not empty": bool(rest.partition("\n")[0].strip()),
    }
    return [problem for problem, applies in wrong.items() if applies]


def without_comments(text: str) -> str:
    """A message as git stores it, from the file that an editor saved."""
    lines = SCISSORS.sub("", text).splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def of_range(commits: str) -> dict[str, str]:
    """The messages of the commits in a range such as `main..HEAD`, merges left out, by short hash."""
    command = ["git", "log", "--no-merges", "-z", "--format=%h %B", "--end-of-options", commits, "--"]
    log = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stdout
    return {
        name: message for name, _, message in (entry.partition(" ") for entry in log.split("\0") if entry)
    }


def main() -> int:
    """1 where a subject breaks a rule."""
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", type=Path)
    source.add_argument("--range")
    options = parser.parse_args()
    if options.range:
        messages = of_range(options.range)
    else:
        messages = {"commit message": without_comments(options.file.read_text())}
    wrong = [f"{name}: {problem}" for name, message in messages.items() for problem in problems(message)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
