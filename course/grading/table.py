"""What became of each student's submission: one row each, as CSV and on the terminal."""

from __future__ import annotations

import contextlib
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

GRADED, PERSON, FAILED, NOTHING = "graded", "needs a person", "failed", "nothing handed in"
NARROW = 14  # columns of the terminal that a task's name gets
MOST_SHOWN = 2_000  # characters of one text on a terminal
MANY = 6  # students who wait for the same are not told one by one
MOST_CELL = 15_000  # characters of a cell in the CSV; Excel takes 32,767, and some may come to be two
JOINERS = "\u200c\u200d"  # in Persian names, and in emoji: nobody sees them, but they belong there
# A spreadsheet takes for a formula what begins with one of these signs. It also begins anew after each of
# these separators, if it is told to split there (in half of Europe at `;`), whatever quotes stand around.
FORMULA = re.compile("(^|[;,|])([\\s\"'" + JOINERS + "]*)([-=+@＝＋－＠﹦﹢﹣﹫])")


@dataclass(frozen=True)
class Row:
    """A student. Points are None where nothing was marked: a failure is never a zero.

    number, label: the learning platform's, as a Submission has them; no table shows them.
    changed: what this run changed in marks that were there before.
    """

    student: str
    status: str
    reason: str = ""
    points: Mapping[str, float] | None = None
    late: str = ""
    mended: Sequence[str] = ()
    file: str = ""
    total: float | None = None
    number: str = ""
    label: str = ""
    changed: str = ""


def let_terminals_show_all_names() -> None:
    """A terminal of another language may not have their letters; they are written out then."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a stream that some other program put there
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def as_csv(rows: Sequence[Row], tasks: Mapping[str, float]) -> str:
    """tasks: {name: most points}, a column each. Every text is quoted; points are not, None is nothing."""
    heads = [f"{name} ({most:g})" for name, most in tasks.items()]
    total = f"total ({sum(tasks.values()):g})"
    lines: list[list[str | float | None]] = [
        ["student", "status", "reason", total, *heads, "late", "changed", "mended", "file"]
    ]
    for row in rows:
        points = _points(row, tasks)
        rest = [row.late, row.changed, " ".join(row.mended), row.file]
        lines.append([row.student, row.status, row.reason, *points, *rest])
    return csv_text(lines)


def csv_text(lines: Iterable[Sequence[str | float | None]]) -> str:
    """Lines of a CSV; see as_csv."""
    return "".join(",".join(map(_csv_cell, line)) + "\n" for line in lines)


def _csv_cell(value: str | float | None) -> str:
    if isinstance(value, str):
        return '"' + for_spreadsheet(value).replace('"', '""') + '"' if value else ""
    return _number(value)


def for_spreadsheet(text: str) -> str:
    """As for_terminal, and no spreadsheet takes it, or a part between separators, for a formula.

    Such a part gets an apostrophe before its sign, as one types it oneself: `-1; =2` becomes `'-1; '=2`.
    """
    return FORMULA.sub(r"\1\2'\3", for_terminal(text, MOST_CELL))


def for_terminal(text: str, most: int = MOST_SHOWN) -> str:
    """The text on one line, whatever is in it, cut after `most` characters.

    Characters that command a terminal or are not seen are written out: a new line as \\n, an escape as
    \\x1b, one that turns the direction of writing as \\u202e, half a character as \\udc80.
    """
    line = "".join(char if _is_shown(char) else _written_out(char) for char in text[: most + 1])
    return line if len(line) <= most else f"{line[:most]}… (cut: it has {len(text):,} characters)"


def _is_shown(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind not in ("Cc", "Cf", "Cs", "Zl", "Zp") or char in JOINERS


def _written_out(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _points(row: Row, tasks: Iterable[str]) -> list[float | None]:
    """The total, then the points of each task."""
    return [row.total, *((row.points or {}).get(name) for name in tasks)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def as_text(rows: Sequence[Row], tasks: Mapping[str, float], width: int = 100) -> str:
    """The table as a terminal shows it: the reasons stand below, where there is room for them."""
    late = ["late"] if any(row.late for row in rows) else []
    lines = [
        [row.student, row.status, *map(_number, _points(row, tasks)), *([row.late] if late else [])]
        for row in rows
    ]

    def headed(names: Iterable[str]) -> list[list[str]]:
        return [["student", "status", f"of {sum(tasks.values()):g}", *names, *late], *lines]

    text = aligned(headed(name[:NARROW] for name in tasks))
    if _width(text.splitlines()[1]) > width:  # tasks by number, named below
        text = aligned(headed(str(at) for at in range(1, len(tasks) + 1)))
        text += "\n\n" + for_terminal(
            "tasks: " + ", ".join(f"{at} {name}" for at, name in enumerate(tasks, 1))
        )
    told = _reasons([row for row in rows if row.reason])
    told += [f"{row.student}: mended: {_first(row.mended)}" for row in rows if row.mended]
    told += [f"{row.student}: changed: {row.changed}" for row in rows if row.changed]
    return text + ("\n\n" + "\n".join(map(for_terminal, told)) if told else "")


def _reasons(rows: Sequence[Row]) -> list[str]:
    """Why each of them has its status; last, in one line, what many wait for.

    Of 300 nearly each has a written answer to be marked; a doubt about one would be lost among them.
    """
    waiting = Counter(row.reason for row in rows if row.status == PERSON)
    common = {reason: many for reason, many in waiting.items() if many >= MANY}
    told = [
        f"{row.student}: {row.status}: {row.reason}"
        for row in rows
        if row.status != PERSON or row.reason not in common
    ]
    return told + [f"{many} students: {PERSON}: {reason}" for reason, many in common.items()]


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns under their heads, the first line, and a rule between."""
    lines = [[for_terminal(cell) for cell in line] for line in lines]
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
    changed = sum(bool(row.changed) for row in rows)
    return f"{len(rows)} students: " + ", ".join(
        [f"{count} {status}" for status, count in counts.items() if count]
        + ([f"{changed} with other marks than before"] if changed else [])
    )
