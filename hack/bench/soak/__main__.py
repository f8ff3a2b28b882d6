"""``make soak``, or ``python -m hack.bench.soak [--creations N]``: soaks and writes the page."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from hack.bench.soak import page
from hack.bench.soak.run import FULL, soak
from hack.bench.soak.waiting import SoakError
from tests.beds.apiserver.bed import ApiServer
from tests.beds.bed import BedError
from tests.beds.programs.build import BuildError


def say(text: str) -> None:
    """Print progress on stderr, as stdout is for the tables."""
    print(f"soak: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Soak; 1 where something failed. The page is written by a run that is whole and did not fail."""
    parser = argparse.ArgumentParser(prog="python -m hack.bench.soak", description="Soak the webhook.")
    parser.add_argument("--creations", type=int, default=FULL.creations, help="how many pods at least")
    parser.add_argument("--workers", type=int, default=FULL.workers, help="how many are created at a time")
    asked = parser.parse_args()
    if reason := ApiServer.unavailable():
        raise BedError(reason)
    plan = replace(FULL, creations=asked.creations, workers=asked.workers)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, ApiServer.running(audited=False) as bed:
        if bed.plane is None:
            raise BedError("E2E_KUBECONFIG names a cluster that cannot be restarted, nor call a webhook here")
        findings = soak(bed, Path(folder), plan, say)
    print(page.tables(findings))
    if faults := findings.faults():
        say("failed:")
        for fault in faults:
            say(f"  {fault}")
        return 1
    if plan.creations >= FULL.creations:
        page.write(findings)
        say("wrote docs/explanation/soak.md")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BedError, BuildError, SoakError) as error:
        sys.exit(f"soak: {error}")
