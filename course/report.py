"""The marks of a whole term: a row for each student, a column for each assignment.

All numbers come from nbgrader's gradebook, so marks given in Formgrader a minute ago are in it. A copy of it
is read: whoever marks meanwhile waits for nobody, and all numbers are of one moment.
"""

from __future__ import annotations

import contextlib
import csv
import math
import re
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from nbgrader.api import (
    Assignment,
    BaseCell,
    Grade,
    Gradebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy.exc import SQLAlchemyError

from .errors import CourseError, relative
from .files import write_whole
from .grading import table
from .grading.book import LOCKED_SECONDS, words
from .grading.grader import late_in_words
from .grading.roll import STRANGE, Roll

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Mark:
    """What the gradebook has of a student for an assignment.

    points: without the penalty for lateness that nbgrader_config.py may ask for, which is 0 else.
    late: 0 where the deadline or the time of handing in is not known.
    waiting: grade_ids of the cells that a person has to mark.
    """

    points: float
    penalty: float = 0.0
    late: timedelta = timedelta(0)
    waiting: tuple[str, ...] = ()

    @property
    def counts(self) -> float:
        return max(0.0, self.points - self.penalty)

    @property
    def days(self) -> int:
        """Days late; one that has begun counts."""
        return math.ceil(self.late / DAY)


@dataclass(frozen=True)
class Term:
    """assignments: {name: most points}; marks: {student: {assignment: mark}}, all students, also without any.

    failed: (student, assignment) where the newest file could not be marked, by marks/NAME.csv.
    ungraded: assignments of the course that the gradebook does not know; listed: the class, if it is known.
    """

    assignments: Mapping[str, float]
    marks: Mapping[str, Mapping[str, Mark]]
    failed: frozenset[tuple[str, str]] = frozenset()
    ungraded: Sequence[str] = ()
    listed: Sequence[str] = field(default=())


def main(root: Path, students: Sequence[str] = ()) -> int:
    """Print the table, and write it into marks/."""
    table.let_terminals_show_all_names()
    term = read(root, students)
    lines = rows(term)
    print(table.aligned([[_shown(cell) for cell in line[:-1]] for line in lines]))
    print(f"\n{summary(term)}")
    path = root / "marks" / "report.csv"
    try:
        write_whole(path, table.csv_text(lines), encoding="utf-8-sig")
    except OSError as error:
        raise CourseError(path, f"the report cannot be written there ({error.strerror})") from error
    print(f"The report, with a remark where one is due: {relative(path)}")
    return 0


def read(root: Path, students: Sequence[str] = ()) -> Term:
    """The term as gradebook.db has it; students: the class, as safe_name gives the names.

    Raises:
        CourseError: there is no gradebook, it cannot be read, or its numbers do not add up.
    """
    path = root / "gradebook.db"
    if not path.is_file():
        raise CourseError(path, "there is no gradebook; grade an assignment first")
    try:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            with (
                contextlib.closing(sqlite3.connect(path, timeout=LOCKED_SECONDS)) as source,
                contextlib.closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
            with Gradebook(f"sqlite:///{copy}") as gradebook:
                assignments, booked, marks = _marks(gradebook, path)
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        raise CourseError(path, f"no report: {words(error)}") from error
    if not assignments:
        raise CourseError(path, "there is no assignment in the gradebook; grade an assignment first")
    failed = {(name, one) for one in assignments for name in _failed(root / "marks" / f"{one}.csv")}
    some = {*marks, *(name for name, _ in failed)}
    roll = Roll(students, [*booked, *some])
    there = sorted(one.name for one in (root / "solutions").glob("*") if one.is_dir())
    return Term(
        assignments,
        {name: marks.get(name, {}) for name in roll.absent(()) if name in some or not roll.strange(name)},
        frozenset(failed),
        [name for name in there if name not in assignments],
        students,
    )


def _marks(
    gradebook: Gradebook, path: Path
) -> tuple[dict[str, float], list[str], dict[str, dict[str, Mark]]]:
    """The assignments, the students, and {student: {assignment: mark}}."""
    session = gradebook.db
    sums: dict[str, float] = {}
    waiting: dict[str, list[str]] = {}
    each = (
        session.query(SubmittedNotebook.assignment_id, BaseCell.name, Grade.score, Grade.needs_manual_grade)
        .select_from(Grade)
        .join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
        .join(BaseCell, Grade.cell_id == BaseCell.id)
    )
    for submission, cell, score, needs in each:
        sums[submission] = sums.get(submission, 0.0) + score
        if needs:
            waiting.setdefault(submission, []).append(cell)
    most: dict[str, float] = {}
    marks: dict[str, dict[str, Mark]] = {}
    for assignment in session.query(Assignment).order_by(Assignment.name):
        most[assignment.name] = assignment.max_score
        scores = {one["id"]: one["score"] for one in gradebook.submission_dicts(assignment.name)}
        for one in session.query(SubmittedAssignment).filter_by(assignment_id=assignment.id):
            points = sums.get(one.id, 0.0)
            if not math.isclose(points, scores.get(one.id, 0.0), abs_tol=1e-6):
                where = f"{assignment.name} of {one.student_id}"
                reason = (
                    f"{where}: its cells have {points:g} points together, nbgrader says {scores[one.id]:g}"
                )
                raise CourseError(path, f"no report: the numbers do not add up. {reason}")
            marks.setdefault(one.student_id, {})[assignment.name] = Mark(
                points,
                one.late_submission_penalty or 0.0,
                timedelta(seconds=one.total_seconds_late) if assignment.duedate else timedelta(0),
                tuple(sorted(waiting.get(one.id, ()))),
            )
    return most, [name for (name,) in session.query(Student.id)], marks


def _failed(path: Path) -> list[str]:
    """Whose newest file could not be marked, by the assignment's table; the gradebook does not know."""
    try:
        lines = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
        names = [line["student"] for line in lines if line["status"] == table.FAILED]
        return [re.sub("^'(?=[-=+@])", "", name) for name in names]  # table.for_spreadsheet put it there
    except (OSError, UnicodeDecodeError, csv.Error, KeyError):  # moved away, or saved by a spreadsheet
        return []


def rows(term: Term) -> list[list[str | float | None]]:
    """The report's lines: the heads, then the students by name."""
    total = f"total ({sum(term.assignments.values()):g})"
    heads = [f"{name} ({most:g})" for name, most in term.assignments.items()]
    lines: list[list[str | float | None]] = [
        ["student", total, *heads, "days late", "to mark by hand", "remarks"]
    ]
    for student, marks in sorted(term.marks.items()):
        points = [marks[name].counts if name in marks else None for name in term.assignments]
        lines.append(
            [
                student,
                sum(one.counts for one in marks.values()) if marks else None,
                *points,
                sum(one.days for one in marks.values()),
                sum(len(one.waiting) for one in marks.values()),
                "; ".join(_remarks(term, student)),
            ]
        )
    return lines


def _remarks(term: Term, student: str) -> list[str]:
    strange = [STRANGE] if Roll(term.listed, ()).strange(student) else []
    return strange + [
        f"{name}: {remark}"
        for name in term.assignments
        for remark in _remarks_on(term.marks[student].get(name), (student, name) in term.failed)
    ]


def _remarks_on(mark: Mark | None, failed: bool) -> list[str]:
    if mark is None:
        return [table.FAILED if failed else table.NOTHING]
    found = ["the newest file failed, these are the marks of an earlier one"] if failed else []
    found += [f"{late_in_words(mark.late)} late"] if mark.late else []
    found += [f"{mark.points - mark.counts:g} points less for lateness"] if mark.penalty else []
    return found + ([f"to be marked by hand: {', '.join(mark.waiting)}"] if mark.waiting else [])


def _shown(cell: str | float | None) -> str:
    return cell if isinstance(cell, str) else "" if cell is None else f"{cell:g}"


def summary(term: Term) -> str:
    """What is still to be done."""
    waiting = [len(mark.waiting) for marks in term.marks.values() for mark in marks.values()]
    told = [f"{len(term.marks)} students", f"{len(term.assignments)} assignments"]
    told += [f"{sum(waiting)} answers to mark by hand"] if any(waiting) else []
    told += [f"{len(term.failed)} files that failed"] if term.failed else []
    lines = [", ".join(told)]
    if term.ungraded:
        lines.append(f"not graded yet: {', '.join(term.ungraded)}")
    return "\n".join(lines)
