"""What became of each student's submission: one row each, as CSV and on the terminal."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    total: float | None = field(default=None)


def as_csv(rows: Sequence[Row], tasks: Mapping[str, float]) -> str:
    """tasks: {name: most points}, a column each."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    heads = [f"{name} ({most:g})" for name, most in tasks.items()]
    out.writerow(
        ["student", "status", "reason", f"total ({sum(tasks.values()):g})", *heads, "late", "mended", "file"]
    )
    for row in rows:
        points = [_number((row.points or {}).get(name)) for name in tasks]
        cells = [row.student, row.status, row.reason, _number(row.total), *points]
        out.writerow([_harmless(text) for text in [*cells, row.late, " ".join(row.mended), row.file]])
    return text.getvalue()


def _harmless(text: str) -> str:
    """A spreadsheet takes a text that begins like this for a formula."""
    begins = text.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{text}" if begins and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def as_text(rows: Sequence[Row], tasks: Mapping[str, float], width: int = 100) -> str:
    """The table as a terminal shows it: the reasons stand below, where there is room for them."""
    heads = ["student", "status", f"of {sum(tasks.values()):g}"]
    heads += [f"{name[:NARROW]}" for name in tasks]
    heads += ["late"] if any(row.late for row in rows) else []
    lines = []
    for row in rows:
        points = [_number((row.points or {}).get(name)) for name in tasks]
        line = [row.student, row.status, _number(row.total), *points]
        lines.append(line + ([row.late] if "late" in heads else []))
    widths = [max(_width(line[at]) for line in [heads, *lines]) for at in range(len(heads))]
    if sum(widths) + 2 * len(widths) > width:  # tasks by number, named below
        numbers = [str(at) for at in range(1, len(tasks) + 1)]
        heads[3 : 3 + len(tasks)] = numbers
        widths = [max(_width(line[at]) for line in [heads, *lines]) for at in range(len(heads))]
    shown = [heads, ["-" * size for size in widths], *lines]
    text = "\n".join(
        "  ".join(
            cell + " " * (size - _width(cell)) for cell, size in zip(line, widths, strict=True)
        ).rstrip()
        for line in shown
    )
    if heads[3:4] == ["1"]:
        text += "\n\ntasks: " + ", ".join(f"{at} {name}" for at, name in enumerate(tasks, 1))
    told = [f"{row.student}: {row.status}: {row.reason}" for row in rows if row.reason]
    told += [f"{row.student}: mended: {_first(row.mended)}" for row in rows if row.mended]
    return text + ("\n\n" + "\n".join(told) if told else "")


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
