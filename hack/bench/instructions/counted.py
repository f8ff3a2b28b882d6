"""What is counted, in a process that callgrind runs: ``python -m hack.bench.instructions.counted LIBRARY``.

Each part is done three times before its instructions count, so that what is made once or after some use is
made; and it is counted twice. Not here: callgrind (callgrind.py) and its figures (run.py).
"""

from __future__ import annotations

import ctypes
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from hack.bench import kinds
from hack.bench.admission import CACHED, InProcess
from injector.collection import settle
from injector.config import loading
from injector.server import admitting
from injector.telemetry import log_to

TIMES: Final = 10
PARSING: Final = "json.loads"

Part = Callable[[Sequence[bytes]], None]


def main(library: str) -> None:
    """Do each part between two requests to callgrind."""
    callgrind = ctypes.CDLL(library)
    log_to("info")
    # Time is no measure here: callgrind makes all of it many times as long.
    admitting.LOOP_SECONDS = math.inf
    webhook = InProcess(loading.load(None), replace(CACHED, cpu_seconds=math.inf))
    answered = _answered_by(webhook)
    parts: dict[str, tuple[Part, Callable[[int], bytes]]] = {PARSING: (_parse, kinds.distinct)}
    parts |= {name: (answered, body) for name, body in kinds.BODIES.items()}
    for name, (part, body) in parts.items():
        *before, first, second = ([body(turn * TIMES + each) for each in range(TIMES)] for turn in range(5))
        for bodies in before:
            part(bodies)
        settle()
        for bodies in (first, second):
            callgrind.start()
            part(bodies)
            callgrind.stop()
            callgrind.dump(name.encode())
    webhook.close()


def _parse(bodies: Sequence[bytes]) -> None:
    for body in bodies:
        json.loads(body)


def _answered_by(webhook: InProcess) -> Part:
    def part(bodies: Sequence[bytes]) -> None:
        for status, answer in webhook.answers(bodies):
            if status != 200 or b'"patch":' not in answer:
                raise SystemExit(f"counted: {status} {answer[:300]!r}")

    return part


if __name__ == "__main__":
    main(sys.argv[1])
