"""One command, measured: ``python child.py SECONDS COMMAND...`` runs it and prints status, seconds and peak.

A process of its own, because Linux counts the memory of the process that starts a command as the command's
(`ru_maxrss`): this one is small. What the command writes goes to the files `stdout` and
`stderr` of the working folder; ATTACK_STDOUT names another file for the first.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import threading
import time

_MOST_MEMORY = 6 * 1024**3
_MOST_OUTPUT = 1024**3


def main() -> None:
    """Run the command, end it when its time is over, and print a list of JSON."""
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_OUTPUT, _MOST_OUTPUT))
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _become(command)
    # Whichever of the two comes first.
    with contextlib.suppress(PermissionError):
        os.setpgid(pid, pid)
    watch = threading.Timer(seconds, _end, (pid,))
    watch.daemon = True
    watch.start()
    _, status, used = os.wait4(pid, 0)
    watch.cancel()
    taken = time.monotonic() - begun
    print(json.dumps([os.waitstatus_to_exitcode(status), taken, used.ru_maxrss / 1024]))


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _become(command: list[str]) -> None:
    os.setpgid(0, 0)
    read, write = os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    stdout = os.environ.get("ATTACK_STDOUT", "stdout")
    for number, (path, flags) in enumerate(((os.devnull, read), (stdout, write), ("stderr", write))):
        os.dup2(os.open(path, flags, 0o600), number)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
