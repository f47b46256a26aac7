"""The process in which what students wrote is read, mended and shown; desk.py says why.

A copy of the warm process, which may take a few seconds for a task, and no more.
"""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection

from nbformat import NotebookNode

from . import intake, page, sandbox
from .mend import Mended, Unusable, mend

SECONDS = 4  # of a processor, for one task; an honest notebook takes a tenth of one
MEMORY = 1 << 30  # bytes


@dataclass(frozen=True)
class Read:
    """Read and mend what a student handed in: Mended, or Unusable."""

    submission: intake.Submission


@dataclass(frozen=True)
class Render:
    """Make a page: its text."""

    page: page.Page


@dataclass(frozen=True)
class Assignment:
    """What every task needs to know; see mend.py."""

    source: NotebookNode
    release: NotebookNode
    others: Mapping[str, set[str]]


@dataclass(frozen=True)
class Failed:
    """A task that ended in an error."""

    why: str


def main(connection: Connection) -> None:
    """Do what is asked, until nobody can ask any more."""
    sandbox.limit_memory(MEMORY)
    assignment: Assignment = connection.recv()
    with contextlib.suppress(EOFError):
        while True:
            most = int(time.process_time()) + 1 + SECONDS  # from now on, which is also the time for the task
            resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
            task: Read | Render = connection.recv()
            connection.send(do(task, assignment))


def do(task: Read | Render, assignment: Assignment) -> Mended | Unusable | str | Failed:
    """One task, in this process."""
    try:
        if isinstance(task, Render):
            return page.render(task.page)
        data = intake.read(task.submission)
        return mend(data, assignment.source, assignment.release, assignment.others)
    except Unusable as error:
        return error
    except MemoryError:
        return Failed(f"it takes more than {MEMORY >> 20:,} MB of memory")
    except Exception as error:
        return Failed(f"{type(error).__name__}: {str(error)[:200]}")
