"""A folder of submissions -> nbgrader's gradebook, feedback, and a table with a row for each student.

Nothing that one student hands in stops the others: each file is read and mended in a process that may
take a few seconds (grading/desk.py), executed in a sandbox of its own (grading/execute.py), and only then
given to nbgrader (grading/book.py), here and one after the other (grading/grader.py).
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import nbformat
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from .errors import ROOT, CourseError, relative
from .files import write_whole
from .grading import cluster, handback, intake, pool, sandbox, table, worksheet
from .grading.book import Book, Marks, words
from .grading.execute import NotMarked
from .grading.grader import Executed, Grader, make_row, with_reason
from .grading.intake import Submission
from .grading.marks import grade_id
from .grading.mend import Unusable
from .grading.roll import STRANGE, Roll
from .grading.sandbox import Limits
from .grading.table import FAILED, NOTHING, Row

UNPROTECTED = """without a sandbox, what students hand in runs as you. It can read your files (the
hidden tests, the gradebook, other submissions), change them, use the network, and go on after it was
marked. Only time and memory are limited. Use this for notebooks of people whom you trust, or on a
machine that holds nothing else."""


@dataclass(frozen=True)
class Options:
    """How to grade; see `python -m course grade --help`."""

    assignment: str
    folder: Path
    root: Path = ROOT
    jobs: int = 1
    dask: str | None = None
    key: Path | None = None  # the cluster's
    keyless: bool = False  # a cluster without one, and its risk, are accepted
    sandboxed: bool = True
    due: datetime | None = None
    students: Sequence[str] = ()
    worksheet: Path | None = None  # a learning platform's table, to be filled in
    column: str = ""  # of it, for the marks
    limits: Limits = Limits()


def main(options: Options) -> int:
    """Grade, print the table and write it."""
    table.let_terminals_show_all_names()
    sheet = _worksheet(options)  # what is wrong with it is told before anything takes minutes
    rows, tasks = grade(options)
    print(table.as_text(rows, tasks, shutil.get_terminal_size().columns))
    print(f"\n{table.summary(rows)}")
    path = options.root / "marks" / f"{options.assignment}.csv"
    try:
        write_whole(path, table.as_csv(rows, tasks), encoding="utf-8-sig")  # so that Excel reads names right
    except OSError as error:
        reason = f"the table cannot be written there ({error.strerror}); it stands above"
        raise CourseError(path, f"{reason}, and the gradebook has the marks") from error
    print(f"The table: {relative(path)}")
    book = Book(options.root, options.assignment)
    if sheet:
        handback.hand_back(book, sheet, rows, tasks)
    if due := book.deadline():
        print(f"Late is what came after {due.astimezone():%Y-%m-%d %H:%M (UTC%z)}")
    return 0


def _worksheet(options: Options) -> worksheet.Worksheet | None:
    if options.worksheet is None:
        return None
    _check(options)
    most = sum(task.most for task in Book(options.root, options.assignment).tasks)
    return worksheet.read(options.worksheet, most, options.column)


def grade(options: Options) -> tuple[list[Row], dict[str, float]]:
    """The rows, by student, and {task: most points}; gradebook and feedback are written on the way.

    Raises:
        CourseError: no such assignment or folder; no sandbox, and none was waived; no Dask cluster, or
            an open one; a gradebook that cannot be used.
    """
    _check(options)
    book = Book(options.root, options.assignment, options.due)
    others = _other_assignments(options)
    folder = options.folder.resolve()
    with _pool(options) as place:
        pool.get_warm()  # it loads torch while the folder is looked at and the gradebook is prepared
        submissions = intake.collect(folder, options.assignment, book.notebook, others, options.students)
        book.prepare()
        roll = _roll(options, book)
        with Grader(book, place, others, options.limits, options.sandboxed) as grader:
            rows = _grade_all(grader, place, roll.named(submissions))
    try:
        for student in roll.absent(rows):
            marks = book.marks(student)
            if marks or not roll.strange(student):  # who left has no row where nothing was handed in
                rows[student] = _absent(book, student, marks)
    except SQLAlchemyError as error:
        print(
            f"warning: students of whom this folder has nothing are missing: {words(error)}", file=sys.stderr
        )
    tasks = {task.name: task.most for task in book.tasks}
    told = [with_reason(row, STRANGE) if roll.strange(row.student) else row for row in rows.values()]
    return sorted(told, key=lambda row: row.student), tasks


def _grade_all(
    grader: Grader, place: pool.Here | cluster.OnDask, submissions: Sequence[Submission]
) -> dict[str, Row]:
    """{student: row}."""
    rows: dict[str, Row] = {}
    pages: dict[str, Future[Row]] = {}  # they are made beside the rest
    with tqdm(total=len(submissions), unit="student", file=sys.stderr, disable=None) as bar:
        for submission, outcome in pool.each(place, submissions, grader.execute, _doubtful):
            made = grader.finish(submission, outcome)
            if isinstance(made, Row):
                rows[submission.student] = made
            else:
                pages[submission.student] = made
            bar.update()
    rows |= {student: page.result() for student, page in pages.items()}
    for one in submissions:
        rows[one.student] = replace(rows[one.student], number=one.number, label=one.label)
    return rows


def _roll(options: Options, book: Book) -> Roll:
    try:
        return Roll(options.students, book.students(), book.numbers())
    except SQLAlchemyError as error:
        raise CourseError(options.root / "gradebook.db", f"nothing was graded: {words(error)}") from error


def _doubtful(outcome: Executed | Unusable | NotMarked) -> bool:
    """Whether it may go better on a quiet machine."""
    return (isinstance(outcome, Executed) and outcome.crowded) or (
        isinstance(outcome, NotMarked) and outcome.again
    )


def _check(options: Options) -> None:
    """Slips that would end in a strange error, or in strange students."""
    solutions = options.root / "solutions"
    there = sorted(path.name for path in solutions.glob("*") if path.is_dir())
    if options.assignment not in there:
        reason = f"there is no assignment {options.assignment!r}; there are {', '.join(there) or 'none'}"
        raise CourseError(solutions, reason)
    if options.folder.resolve() in (solutions.resolve(), (options.root / "exercises").resolve()):
        raise CourseError(options.folder, "it holds the course's own notebooks, not what students handed in")


def _pool(options: Options) -> pool.Here | cluster.OnDask:
    if not options.sandboxed:
        print(f"warning: {UNPROTECTED}", file=sys.stderr)
    elif options.dask is None and (why := sandbox.missing()):
        reason = f"{why}.\nWith --no-sandbox it grades without one; but {UNPROTECTED}"
        raise CourseError(options.folder, f"not graded: there is no sandbox on this machine: {reason}")
    if options.dask is None:
        return pool.Here(options.jobs)
    try:
        return cluster.OnDask(options.dask, options.key, options.sandboxed, options.keyless)
    except cluster.NotReady as error:
        raise CourseError(options.folder, f"not graded: {error}") from error


def _absent(book: Book, student: str, marks: Marks | None) -> Row:
    """The row of a student of whom this folder has nothing; what was marked before still counts."""
    if marks is None and book.was_refused(student):
        page = relative(book.page_path(student))
        return Row(student, FAILED, f"not in this folder; why an earlier file failed, {page} says")
    if marks is None:
        return Row(student, NOTHING)
    remark = "not in this folder; these are the marks of an earlier one"
    return make_row(Submission(student, "", Path()), marks, [], [remark], [])


def _other_assignments(options: Options) -> dict[str, set[str]]:
    """{name: the grade_ids of its cells} of the other assignments, to name the one that was meant."""
    found = {}
    for path in (options.root / "solutions").glob("*/*.ipynb"):
        if path.parent.name != options.assignment:
            notebook = nbformat.read(path, as_version=4)
            found[path.parent.name] = {grade_id(cell) for cell in notebook.cells} - {""}
    return found


def read_students(path: Path) -> list[str]:
    """The class: a student's name in each line, or in the first column of a .csv file.

    Raises:
        CourseError: no such file, no name in it, or a learning platform's table.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise CourseError(path, f"the list of students cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CourseError(path, "the list of students is not in UTF-8; save it as UTF-8") from error
    if path.suffix.lower() == ".csv":
        try:
            written = [row for row in csv.reader(lines, strict=True) if row]
            lines = [row[0] for row in written]
        except csv.Error as error:  # a quote that is not closed, or a field of over 131,072 characters
            raise CourseError(path, f"the list of students is no CSV: {error}; is a quote open?") from error
        heads = written[0] if written else [""]
        platform = worksheet.platform_of(heads)
        if platform and heads[0].casefold() != "username":  # else its first column has who is who
            reason = f"it is {platform}'s table, not a list of names: give it as --worksheet (docs/lms.md)"
            raise CourseError(path, reason)
    names = [line.strip() for line in lines]
    titles = ("id", "student", "student_id", "username")
    names = [intake.safe_name(name) for name in names if name and name.lower() not in titles]
    if not names:
        raise CourseError(path, "no student in it; write one name in each line")
    return names
