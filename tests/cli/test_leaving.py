"""How the program ends: at once, but with all that is registered, printed and under way."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEGIN = "import atexit, os, sys, threading, time\nfrom injector.cli.main import leave\n"
CODE = {
    "what is registered and printed": (
        "atexit.register(lambda: print('registered'))\nprint('printed')\nleave(3)",
        (3, "printed\nregistered\n"),
    ),
    "the objects that are left stay": (
        "class Left:\n    def __del__(self): os.write(1, b'taken apart')\nleft = Left()\nleave(0)",
        (0, ""),
    ),
    "a thread that is under way": (
        "threading.Thread(target=lambda: (time.sleep(0.1), print('done'))).start()\nleave(0)",
        (0, "done\n"),
    ),
    "a process that is measured": (
        "sys.setprofile(lambda *_: None)\ntry:\n    leave(4)\nexcept SystemExit as end:\n    print(end.code)",
        (0, "4\n"),
    ),
    "output that is closed": ("os.write(1, b'x')\nsys.stdout.close()\nleave(2)", (2, "x")),
    "no output at all": ("sys.stdout = None\nleave(1)", (1, "")),
}


@pytest.mark.parametrize(("code", "expected"), CODE.values(), ids=CODE)
def test_leaving(code: str, expected: tuple[int, str]) -> None:
    done = subprocess.run([sys.executable, "-c", BEGIN + code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == expected
    assert done.stderr == ""
