"""Ctrl-C ends a command once, however often it is typed."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

PATIENCE = b"stopping; what is under way is being put in order\n"
SOON = 0.05  # seconds


@contextlib.contextmanager
def one_interrupt() -> Iterator[None]:
    """The first Ctrl-C raises KeyboardInterrupt; whoever types more of them is only asked for patience.

    Without this the second one would break off the putting in order, with half of it done. After an
    interrupt it stays like that until the process has ended.

    Python drops an exception that is raised while it tidies up an object (in `__del__`, or a weak
    reference's callback). If that happens to the first Ctrl-C, it comes again a moment later.
    """
    before, drop = signal.getsignal(signal.SIGINT), sys.unraisablehook
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield  # a shell that starts us in the background has it ignored
        return
    interrupted = False

    def interrupt(number: int, frame: Any) -> None:
        nonlocal interrupted
        if interrupted:
            with contextlib.suppress(OSError):
                os.write(2, PATIENCE)
            return
        interrupted = True
        raise KeyboardInterrupt

    def again() -> None:
        nonlocal interrupted
        if signal.getsignal(signal.SIGINT) is interrupt:  # else all is done already
            interrupted = False
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def dropped(what: sys.UnraisableHookArgs) -> None:
        if what.exc_type is KeyboardInterrupt:
            threading.Timer(SOON, again).start()
        else:
            drop(what)

    signal.signal(signal.SIGINT, interrupt)
    sys.unraisablehook = dropped
    yield
    sys.unraisablehook = drop
    signal.signal(signal.SIGINT, before)
