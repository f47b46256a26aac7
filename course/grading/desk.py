"""Where what students wrote is read and shown: in processes that may take a few seconds, and no more.

A notebook of some kilobytes can keep a parser busy for minutes (brackets in brackets, a million lines).
So none is parsed, mended or rendered in the process that holds the gradebook: it asks a clerk, a copy of
the warm process (clerk.py), which is killed and replaced where it needs too much.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from . import sandbox
from .clerk import MEMORY, SECONDS, Assignment, Failed, Read, Render
from .warm import Warm

PATIENCE = 120.0  # by the clock: on a busy machine a few seconds take longer


class TooMuch(Exception):
    """The task did not come to an end; the text says why."""


class Desk:
    """Clerks, as many as ask at a time. Threads may share it."""

    def __init__(self, warm: Callable[[], Warm], assignment: Assignment) -> None:
        self._warm, self._assignment = warm, assignment
        self._idle: queue.SimpleQueue[tuple[sandbox.Process, Connection]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._all: list[tuple[sandbox.Process, Connection]] = []

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *exception: object) -> None:
        for clerk in list(self._all):
            self._dismiss(clerk)

    def ask(self, task: Read | Render) -> Any:
        """What comes of the task.

        Raises:
            TooMuch: nothing, within its limits. OSError, WarmEnded: no process can be started.
        """
        try:
            clerk = self._idle.get_nowait()
        except queue.Empty:
            clerk = self._hire()
        _, connection = clerk
        try:
            connection.send(task)
            if not connection.poll(PATIENCE):
                raise TooMuch(f"it takes more than {PATIENCE:g} s")
            told = connection.recv()
        except (EOFError, OSError) as error:
            self._dismiss(clerk)
            raise TooMuch(f"it takes more than {SECONDS} s or {MEMORY >> 20:,} MB of memory") from error
        except BaseException:
            self._dismiss(clerk)
            raise
        if isinstance(told, Failed):  # its memory may still be full
            self._dismiss(clerk)
            raise TooMuch(told.why)
        self._idle.put(clerk)
        return told

    def _hire(self) -> tuple[sandbox.Process, Connection]:
        clerk = self._warm().copy("clerk")
        clerk[1].send(self._assignment)
        with self._lock:
            self._all.append(clerk)
        return clerk

    def _dismiss(self, clerk: tuple[sandbox.Process, Connection]) -> None:
        with self._lock, contextlib.suppress(ValueError):
            self._all.remove(clerk)
        sandbox.end(clerk[0])
        clerk[1].close()
