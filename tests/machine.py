"""How busy this machine is, and what a test itself had of it. Limits in seconds follow one or the other."""

from __future__ import annotations

import resource
import time

SPIN = 0.5  # seconds; long against the slices that programs get in turn


def crowd() -> float:
    """How many times longer a calculation takes now than it would with a processor core of its own."""
    start, own = time.monotonic(), time.thread_time()
    while (passed := time.monotonic() - start) < SPIN:
        pass
    return max(1.0, passed / (time.thread_time() - own))


def children_seconds() -> float:
    """Of all processor cores, what this process's ended children had so far, whoever used them besides."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
