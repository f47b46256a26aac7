"""What became of each student's submission: one row each, as CSV and on the terminal."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

GRADED, PERSON, FAILED, NOTHING = "graded", "needs a person", "failed", "nothing handed in"
NARROW = 14  # columns of the terminal that a task's name gets


@dataclass(frozen=True)
class Row:
    """A student. Points are None where nothing was marked: a failure is never a zero."""

    student: str
    status: str
    reason: str = ""
    points: Mapping[str, float] | None = None
    late: str = ""
    mended: Sequence[str] = ()
    file: str = ""
    total: float | None = None


def as_csv(rows: Sequence[Row], tasks: Mapping[str, float]) -> str:
    """tasks: {name: most points}, a column each."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    heads = [f"{name} ({most:g})" for name, most in tasks.items()]
    out.writerow(
        ["student", "status", "reason", f"total ({sum(tasks.values()):g})", *heads, "late", "mended", "file"]
    )
    for row in rows:
        texts = [row.student, row.status, row.reason, row.late, " ".join(row.mended), row.file]
        student, status, reason, *rest = map(_harmless, texts)
        out.writerow([student, status, reason, *_numbers(row, tasks), *rest])
    return text.getvalue()


def _harmless(text: str) -> str:
    """A spreadsheet takes a text that begins like this for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _numbers(row: Row, tasks: Iterable[str]) -> list[str]:
    """The total, then the points of each task."""
    values = [row.total, *((row.points or {}).get(name) for name in tasks)]
    return ["" if value is None else f"{value:g}" for value in values]


def as_text(rows: Sequence[Row], tasks: Mapping[str, float], width: int = 100) -> str:
    """The table as a terminal shows it: the reasons stand below, where there is room for them."""
    late = ["late"] if any(row.late for row in rows) else []
    lines = [[row.student, row.status, *_numbers(row, tasks), *([row.late] if late else [])] for row in rows]

    def headed(names: Iterable[str]) -> list[list[str]]:
        return [["student", "status", f"of {sum(tasks.values()):g}", *names, *late], *lines]

    text = _aligned(headed(name[:NARROW] for name in tasks))
    if _width(text.splitlines()[1]) > width:  # tasks by number, named below
        text = _aligned(headed(str(at) for at in range(1, len(tasks) + 1)))
        text += "\n\ntasks: " + ", ".join(f"{at} {name}" for at, name in enumerate(tasks, 1))
    told = [f"{row.student}: {row.status}: {row.reason}" for row in rows if row.reason]
    told += [f"{row.student}: mended: {_first(row.mended)}" for row in rows if row.mended]
    return text + ("\n\n" + "\n".join(told) if told else "")


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns under their heads, the first line, and a rule between."""
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    head, *body = lines
    return "\n".join(
        "  ".join(
            cell + " " * (size - _width(cell)) for cell, size in zip(line, widths, strict=True)
        ).rstrip()
        for line in (head, ["-" * size for size in widths], *body)
    )


def _first(notes: Sequence[str]) -> str:
    return notes[0] + (f" ({len(notes) - 1} more in the CSV)" if len(notes) > 1 else "")


def _width(text: str) -> int:
    """Columns on a terminal: a Chinese character takes two."""
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def summary(rows: Sequence[Row]) -> str:
    """How many of each status."""
    counts = {
        status: sum(row.status == status for row in rows) for status in (GRADED, PERSON, FAILED, NOTHING)
    }
    return f"{len(rows)} students: " + ", ".join(
        f"{count} {status}" for status, count in counts.items() if count
    )
