"""Ctrl-C ends a command once, however often it is typed."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

PATIENCE = b"stopping; what is under way is being put in order\n"


@contextlib.contextmanager
def one_interrupt() -> Iterator[None]:
    """The first Ctrl-C raises KeyboardInterrupt; whoever types more of them is only asked for patience.

    Without this the second one would break off the putting in order, with half of it done. After an
    interrupt it stays like that until the process has ended.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield  # a shell that starts us in the background has it ignored
        return

    def more(number: int, frame: Any) -> None:
        with contextlib.suppress(OSError):
            os.write(2, PATIENCE)

    def first(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, more)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, first)
    yield
    signal.signal(signal.SIGINT, before)
