"""Child processes with bounded time and memory, for what a configuration makes this program compute.

Not here: what they compute (`trials`, `value_schema`), and those that are copies of this process (`forked`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import injector
from injector import collection
from injector.core.finding_codes import FindingCode
from injector.core.model import Finding
from injector.printable import shown

MEMORY_BYTES: Final = 1 << 30
CPU_SECONDS: Final = 20
# Only for a process that waits without working: on a busy machine 20 s of processor time can take minutes.
WALL_SECONDS: Final = 600
# The exit status of a child that got no more memory.
OUT_OF_MEMORY: Final = 3
_NICE: Final = 10
_MAIN: Final = "import gc; gc.disable(); from {module} import main; main()"


def prepare() -> None:
    """Load what `run` uses, for threads that call it while another one imports modules.

    Two threads that load modules which were left for later may wait for each other for ever.
    """
    _ = subprocess.run, signal.SIGKILL


def run(
    module: str, payload: object, what: str, hint: str, *, seed: str = "0", yields: bool = True
) -> tuple[Any, Finding | None]:
    """The answer of a module to a payload, or why there is none.

    `what` is what it does, and `hint` what to check where it reaches a limit. With `yields` it leaves the
    CPU to others: the process that waits for it may be answering the API server meanwhile.
    """
    # The child imports the package from the same folder as this process.
    package = str(Path(injector.__file__).resolve().parent.parent)
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        done = subprocess.run(
            [sys.executable, "-c", _MAIN.format(module=module), str(_NICE if yields else 0)],
            input=json.dumps(payload),
            capture_output=True,
            text=True,
            timeout=WALL_SECONDS,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(paths)},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, too_slow(what)
    if done.returncode != 0:
        return None, ended(done.returncode, done.stderr, what, hint)
    return json.loads(done.stdout), None


def too_slow(what: str) -> Finding:
    """What is said of a child that waits for too long."""
    message = f"{what} takes more than {WALL_SECONDS} s"
    hint = "check whether this process gets enough CPU time (limits.cpu, other load)"
    return Finding.of(FindingCode.LIMIT, message, hint=hint)


def ended(status: int, stderr: str, what: str, hint: str) -> Finding:
    """Why a child ended early: a limit, or a crash."""
    if status in (-signal.SIGXCPU, -signal.SIGKILL, OUT_OF_MEMORY):
        message = f"{what} exceeds {CPU_SECONDS} s of CPU time or {MEMORY_BYTES >> 20} MiB"
        return Finding.of(FindingCode.LIMIT, message, hint=hint)
    last = (stderr.strip().splitlines() or ["no message"])[-1]
    text = f"{what}: the process ended with status {status}: {shown(last)}"
    return Finding.of(FindingCode.CRASH, text)


def serve(answer: Callable[[Any], object]) -> None:
    """The child: a payload as JSON on stdin, the answer as JSON on stdout."""
    payload = json.load(sys.stdin)
    bound(int(sys.argv[1]))
    collection.leave_out()
    try:
        json.dump(answer(payload), sys.stdout)
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)


def bound(nice: int) -> None:
    """Bound time and memory of this process, which is a child."""
    # Only on Unix, and only the child needs it.
    import resource

    os.nice(nice)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
