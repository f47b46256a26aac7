"""How busy this machine is. Where a limit in seconds decides a test, it follows that."""

from __future__ import annotations

import time

SPIN = 0.5  # seconds; long against the slices that programs get in turn


def crowd() -> float:
    """How many times longer a calculation takes now than it would with a processor core of its own."""
    start, own = time.monotonic(), time.thread_time()
    while (passed := time.monotonic() - start) < SPIN:
        pass
    return max(1.0, passed / (time.thread_time() - own))
