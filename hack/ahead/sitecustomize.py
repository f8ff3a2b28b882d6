"""What every Python process of ``hack/conditions.py ahead`` begins with.

Python sleeps until a moment of the monotonic clock, which libfaketime 0.9.10 refuses (EINVAL) where that
clock is left as it is. Waiting in ``select`` it leaves alone.
"""

from __future__ import annotations

import select
import time


def _sleep(seconds: float, /) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep
