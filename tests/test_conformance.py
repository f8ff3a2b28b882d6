"""Upstream's golden cases through the command line, and what the two modes of parity differ in."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from injector.core import workload
from injector.core.injection.pipeline import inject
from injector.core.model import Verdict
from tests import command, upstream

# Where a pod may differ between quirks on and off: row of the register, input, place.
# The rows are those of docs/reference/register.md.
ASSIGNED = [
    ("Q2", r"cronjob", r"/spec/jobTemplate/(metadata|spec/template/metadata)(/.*)?"),
    ("Q5", r"merge-probers", r"/spec.*/initContainers/\d+/(args|env|lifecycle|readinessProbe)(/.*)?"),
    ("Q6", r"sidecar-spire", r".*(status/containers|/containers|volumeMounts/\d+/readOnly)"),
    ("Q7", r"", r".*/annotations/(sidecar\.istio\.io/status/(digest|undo)|sidecar-injector/undo)"),
    # Texts for the agent are derived as if the API server had filled in its defaults, of which a
    # gRPC probe's timeout is the one that upstream's row names.
    ("Q29", r"", r".*/env/\d+/value//app-(health|lifecycle)/.*(path|scheme|timeoutSeconds|service)"),
    ("Q29", r"", r".*/env/\d+/value/\d+/protocol"),
    ("Q29", r"gateway|proxy-override", r".*/(initContainers|containers)/\d+/imagePullPolicy"),
    ("Q53", r"grpc-", r".*/annotations/(proxy\.istio\.io/overrides|sidecar\.istio\.io/status/containers).*"),
    ("Q32", r"gateway", r"/spec.*/volumes/\d+/emptyDir"),
]


@upstream.needed
def test_golden_cases_pass_through_the_command_as_a_process() -> None:
    driver = [sys.executable, str(Path(upstream.FOLDER) / "conformance.py"), "--only", "cronjob"]
    injector = str(Path(sys.executable).with_name("injector"))
    done = subprocess.run([*driver, "--injector", injector], capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert re.fullmatch(r"[1-9]\d* passed, 0 failed", last)


def called(_injector: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Stands for the driver's start of a process."""
    ran = command.run(*arguments)
    return subprocess.CompletedProcess(arguments, ran.status, ran.out, ran.err)


@upstream.needed
@pytest.mark.parametrize(("mode", "case"), upstream.runs())
def test_a_golden_case_passes_through_the_command_line(
    mode: str, case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = upstream.driver()
    monkeypatch.setattr(driver, "call", called)
    assert getattr(driver, mode)(case, "", Path(upstream.FOLDER) / "cases", tmp_path) == []


@upstream.needed
def test_every_difference_between_the_modes_has_a_row_of_the_register() -> None:
    rows = [(case, d, row_of(case, d)) for case in upstream.cases() for d in differences(case)]
    used = Counter(row for _, _, row in rows if row)
    print("differences between the modes:", ", ".join(f"{row} {n}" for row, n in sorted(used.items())))
    assert [f"{case['name']}: {d}" for case, d, row in rows if row is None] == []
    assert {row for row, _, _ in ASSIGNED} == set(used), "a row of the assignment is idle"


def row_of(case: dict[str, Any], difference: str) -> str | None:
    place = difference.partition(": ")[0]
    matching = (
        row for row, name, where in ASSIGNED if re.search(name, case["in"]) and re.fullmatch(where, place)
    )
    return next(matching, None)


def differences(case: dict[str, Any]) -> list[str]:
    on, off = (upstream.configuration(case, quirks=quirks) for quirks in (True, False))
    compare = upstream.driver()
    out: list[str] = []
    for document in upstream.documents(case):
        doors = [list(upstream.through_both_doors(case, document, quirks=quirks)) for quirks in (True, False)]
        for (first, facts), (second, same_facts) in zip(*doors, strict=True):
            with_quirks, without = inject(first, facts, on), inject(second, same_facts, off)
            if with_quirks.decision.verdict != without.decision.verdict:
                out.append(f"/verdict: {without.decision} where quirks give {with_quirks.decision}")
            elif with_quirks.decision.verdict is Verdict.INJECT:
                sides = [
                    whole(document, with_quirks.pod, quirks=True),
                    whole(document, without.pod, quirks=False),
                ]
                out += compare.differences(*(compare.normal(json.loads(json.dumps(s))) for s in sides[::-1]))
    return out


def whole(document: dict[str, Any], template: dict[str, Any], *, quirks: bool) -> dict[str, Any]:
    """The object with the template in it, so that metadata shows up where it was written."""
    if template.get("kind") == "Pod":
        return template
    held = workload.locate(document, quirks=quirks)
    assert held is not None
    return held.with_template(template)
