"""What the processes of one submission use: threads, memory, files, and time of their own.

All of it is read from Linux's /proc; elsewhere there is nothing to read, and time is the clock's.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MOST_PROCESSES = 5_000  # no sandbox has so many; whoever is faster than this count has lost anyway
PIPE = 64 << 10  # bytes that a pipe holds


@dataclass(frozen=True)
class Usage:
    """Threads, and bytes of memory: what is not shared with files, and what sockets and pipes may hold."""

    threads: int
    memory: int


@dataclass
class Meter:
    """Reads what some processes and all below them use, and adds up the time that was theirs.

    seconds: without the time in which they waited for a processor, because others had it. Waiting for
    anything else counts: a sleep, an answer that does not come. passed: the same by the clock.
    answers: the number of a process that works for them while they sleep; it may have to wait as well.
    """

    answers: int = field(default_factory=os.getpid)
    seconds: float = 0.0
    passed: float = 0.0
    _at: float = field(default_factory=time.monotonic)
    _ran: dict[int, tuple[int, int]] = field(default_factory=dict)

    def look(self, pids: list[int]) -> Usage:
        """Usage now; the time since the last look is added."""
        now = time.monotonic()
        before, self._at = self._at, now
        threads = list(_threads(pids))
        self.passed += now - before
        main = Path(f"/proc/{self.answers}/task/{self.answers}")  # not the thread that looks
        self.seconds += self._own(now - before, [*(thread for _, thread in threads), main])
        processes = {process for process, _ in threads}
        return Usage(len(threads), sum(map(_memory, processes)) + _buffers(processes))

    def _own(self, passed: float, threads: list[Path]) -> float:
        ran, waited, ready = 0, 0, False
        seen = {}
        for thread in threads:
            now = _times(thread)
            if now is None:
                continue
            number = int(thread.name)
            before = self._ran.get(number, (0, 0))
            seen[number] = now[:2]
            ran += now[0] - before[0]
            waited += now[1] - before[1]
            ready = ready or now[2]
        self._ran = seen
        if not seen:
            return passed
        # Linux tells a wait only when it is over. Whoever could run and did not has been waiting.
        asleep = 0.0 if ready else passed - waited / 1e9
        return min(passed, max(ran / 1e9, asleep, 0.0))


def _threads(pids: list[int]) -> Iterator[tuple[int, Path]]:
    """(process, its thread's folder in /proc) for these processes and all below them."""
    waiting, count = list(pids), 0
    while waiting and count < MOST_PROCESSES:
        one = waiting.pop()
        folder = Path(f"/proc/{one}/task")
        try:
            names = os.listdir(folder)
        except OSError:  # it has ended
            continue
        for name in names:
            count += 1
            yield one, folder / name
            with contextlib.suppress(OSError):
                waiting += map(int, (folder / name / "children").read_text().split())


def _times(thread: Path) -> tuple[int, int, bool] | None:
    """Nanoseconds that a thread ran and that it waited for a processor; whether it runs or waits now."""
    try:
        ran, waited, _ = (thread / "schedstat").read_text().split()
        state = (thread / "stat").read_text().rpartition(")")[2].split()[0]
        return int(ran), int(waited), state == "R"
    except (OSError, ValueError, IndexError):  # it has ended, or this kernel does not tell
        return None


def _memory(process: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        fields = dict(
            line.split(":", 1)
            for line in Path(f"/proc/{process}/status").read_text().splitlines()
            if ":" in line
        )
        return 1024 * sum(int(fields.get(key, "0 kB").split()[0]) for key in ("RssAnon", "RssShmem"))
    return 0


def _buffers(processes: set[int]) -> int:
    """What the kernel may hold for their sockets and pipes; no process is charged for it."""
    found = set()
    for process in processes:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{process}/fd"):
                with contextlib.suppress(OSError):
                    found.add(os.readlink(f"/proc/{process}/fd/{name}"))
    sockets = sum(link.startswith("socket:") for link in found)
    return sockets * _socket_bytes() + PIPE * sum(link.startswith("pipe:") for link in found)


def _socket_bytes() -> int:
    """What one socket of the families that a sandbox allows can hold at most."""
    try:
        return 2 * int(Path("/proc/sys/net/core/wmem_max").read_text())
    except (OSError, ValueError):
        return 2 * 212_992


def files(process: int) -> int:
    """The files in the places where that process can write."""
    count = 0
    for folder in ("tmp", "dev/shm"):
        with contextlib.suppress(OSError):
            told = os.statvfs(os.path.join("/proc", str(process), "root", folder))
            count += told.f_files - told.f_ffree
    return count
