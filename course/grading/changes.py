"""Marks that grading again has changed: whose, of which tasks, and by how much.

They stand in the run's table, and in a file that only ever grows. A line is written before the gradebook has
the new mark: a run that was stopped half way, or one that somebody started without looking, cannot change a
mark unseen, though the file may then say it twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from . import table
from .book import Marks

TOTAL = "total"
HEADS = ("when", "student", "task", "before", "now")
Changes = Mapping[str, tuple[float, float]]  # {task, or TOTAL: (points before, points now)}


def between(before: Marks | None, now: Marks) -> Changes:
    """What differs; nothing where there were no marks before."""
    if before is None:
        return {}
    pairs = {name: (before.points.get(name, 0.0), points) for name, points in now.points.items()}
    pairs[TOTAL] = (before.total, now.total)
    return {name: pair for name, pair in pairs.items() if not math.isclose(*pair, abs_tol=1e-9)}


def in_words(changes: Changes) -> str:
    """The total first: "total 15, now 16 (rope 2, now 3)"."""
    told = {name: f"{name} {before:g}, now {now:g}" for name, (before, now) in changes.items()}
    total = told.pop(TOTAL, "" if not told else "the same total")
    return f"{total} ({'; '.join(told.values())})" if told else total


def path_of(root: Path, assignment: str) -> Path:
    return root / "marks" / f"{assignment}-changes.csv"


def keep(path: Path, student: str, changes: Changes) -> None:
    """Add them to the file, a line each.

    Raises:
        OSError: it cannot be written.
    """
    if not changes:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    when = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %z}"
    lines = table.csv_text([when, student, name, *pair] for name, pair in changes.items())
    with path.open("a", encoding="utf-8") as file:
        head = "" if file.tell() else "\ufeff" + table.csv_text([HEADS])  # Excel reads names right with it
        file.write(head + lines)
