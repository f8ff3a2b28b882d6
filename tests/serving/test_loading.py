"""What a start loads, in a process of its own: a module is loaded once."""

from __future__ import annotations

import subprocess
import sys


def test_what_is_off_is_not_loaded() -> None:
    code = "import sys, injector.serving.start, injector.serving.webhook; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "injector.server.health" in loaded.split()
    off = {"injector.pages.explain", "injector.records.writer", "kubernetes", "prometheus_client"}
    assert off.isdisjoint(loaded.split())
