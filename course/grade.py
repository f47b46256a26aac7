"""A folder of submissions -> nbgrader's gradebook, feedback, and a table with a row for each student.

Nothing that one student hands in stops the others: each file is looked at before anything runs
(grading/intake.py, grading/mend.py), executed in a sandbox of its own (grading/execute.py), and only then
given to nbgrader (grading/book.py), here and one after the other.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from tqdm import tqdm

from .errors import ROOT, CourseError, relative
from .files import write_whole
from .grading import intake, pool, sandbox, table
from .grading.book import Book, Marks
from .grading.checker import Result
from .grading.execute import NotMarked, make_job, with_outputs
from .grading.intake import Submission
from .grading.marks import grade_id, is_answer
from .grading.mend import Mended, Unusable, mend
from .grading.sandbox import Limits
from .grading.table import FAILED, GRADED, NOTHING, PERSON, Row

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
    sandboxed: bool = True
    due: datetime | None = None
    students: Sequence[str] = ()
    limits: Limits = Limits()


def main(options: Options) -> int:
    """Grade, write the table and print it."""
    rows, tasks = grade(options)
    path = options.root / "marks" / f"{options.assignment}.csv"
    write_whole(path, table.as_csv(rows, tasks), encoding="utf-8-sig")  # so that Excel reads names right
    print(table.as_text(rows, tasks, shutil.get_terminal_size().columns))
    print(f"\n{table.summary(rows)}\nThe table: {relative(path)}")
    if due := Book(options.root, options.assignment).deadline():
        print(f"Late is what came after {due.astimezone():%Y-%m-%d %H:%M (UTC%z)}")
    return 0


def grade(options: Options) -> tuple[list[Row], dict[str, float]]:
    """The rows, by student, and {task: most points}; gradebook and feedback are written on the way.

    Raises:
        CourseError: no such assignment or folder; no sandbox, and none was waived; no Dask scheduler.
    """
    _check(options)
    book = Book(options.root, options.assignment, options.due)
    submissions = intake.collect(options.folder, options.assignment, book.notebook)
    with _pool(options) as place:
        book.prepare()
        grader = _Grader(book, options)
        rows: dict[str, Row] = {}
        bar = tqdm(total=len(submissions), unit="student", file=sys.stderr, disable=None)
        with bar:
            for submission, outcome in pool.each(place, grader.jobs(submissions, rows, bar)):
                rows[submission.student] = grader.finish(submission, outcome)
                bar.update()
    for student in {*options.students, *book.students()} - set(rows):
        rows[student] = _absent(student, book.marks(student))
    tasks = {task.name: task.most for task in book.tasks}
    return [rows[student] for student in sorted(rows)], tasks


def _check(options: Options) -> None:
    """Slips that would end in a strange error, or in strange students."""
    solutions = options.root / "solutions"
    there = sorted(path.name for path in solutions.glob("*") if path.is_dir())
    if options.assignment not in there:
        reason = f"there is no assignment {options.assignment!r}; there are {', '.join(there) or 'none'}"
        raise CourseError(solutions, reason)
    if options.folder.resolve() in (solutions.resolve(), (options.root / "exercises").resolve()):
        raise CourseError(options.folder, "it holds the course's own notebooks, not what students handed in")


def _pool(options: Options) -> pool.Here | pool.OnDask:
    if not options.sandboxed:
        print(f"warning: {UNPROTECTED}", file=sys.stderr)
    elif options.dask is None and (why := sandbox.missing()):
        reason = f"{why}.\nWith --no-sandbox it grades without one; but {UNPROTECTED}"
        raise CourseError(options.folder, f"not graded: there is no sandbox on this machine: {reason}")
    if options.dask is None:
        return pool.Here(options.jobs)
    try:
        return pool.OnDask(options.dask, options.sandboxed)
    except pool.NotReady as error:
        raise CourseError(options.folder, f"not graded: {error}") from error


class _Grader:
    """From a submission to its job, and from the job's result to the student's row."""

    def __init__(self, book: Book, options: Options) -> None:
        self.book, self.options = book, options
        self.others = _other_assignments(options)
        self.mended: dict[str, Mended] = {}

    def jobs(self, submissions: Sequence[Submission], rows: dict[str, Row], bar: tqdm) -> Iterator:
        """(submission, job) for each that can be run; a row at once for each that cannot."""
        for submission in submissions:
            try:
                data = intake.read(submission)
                mended = mend(data, self.book.source, self.book.release, self.others)
            except Unusable as error:
                rows[submission.student] = self._failed(submission, str(error))
                bar.update()
                continue
            self.mended[submission.student] = mended
            limits, sandboxed = self.options.limits, self.options.sandboxed
            yield submission, make_job(mended.notebook, self.book.source, limits, sandboxed)

    def finish(self, submission: Submission, outcome: Result | NotMarked) -> Row:
        """Give what came out to nbgrader; the student's row."""
        mended = self.mended.pop(submission.student)
        if isinstance(outcome, NotMarked):
            return self._failed(submission, str(outcome))
        executed = with_outputs(mended.notebook, outcome)
        if mended.notes:
            executed.cells.insert(0, _note(mended.notes))
        try:
            self.book.record(submission.student, executed, submission.handed_in)
            _address(self.book.feedback(submission.student), submission)
            marks = self.book.marks(submission.student)
        except Exception as error:  # nbgrader's errors are of many kinds; the other students go on
            return self._failed(submission, f"nbgrader could not take it: {error}")
        assert marks is not None  # it was recorded
        doubts = [*mended.doubts, *outcome.remarks]
        return _row(submission, marks, doubts, _remarks(executed, self.book.release), mended.notes)

    def _failed(self, submission: Submission, why: str) -> Row:
        if self.book.marks(submission.student) is None:
            _address(self.book.refuse(submission.student, why), submission)
        else:
            why += " (The gradebook keeps the marks of an earlier file.)"
        return Row(submission.student, FAILED, why, file=submission.origin)


def _address(page: Path, submission: Submission) -> None:
    """Lay beside the page what `nbgrader release_feedback` looks for, if this came through an exchange."""
    found = intake.exchange_files(submission)
    for name in intake.EXCHANGE:
        if name in found:
            write_whole(page.with_name(name), found[name])
        else:
            page.with_name(name).unlink(missing_ok=True)  # of an earlier submission


def _remarks(executed: NotebookNode, release: NotebookNode) -> list[str]:
    """What explains few points at a glance: nothing was answered, or a cell of an answer does not run."""
    empty = {grade_id(cell): cell.source for cell in release.cells}
    answers = [cell for cell in executed.cells if is_answer(cell)]
    if all(cell.source == empty.get(grade_id(cell)) for cell in answers):
        return ["no task was answered in code"]
    return [
        f"{grade_id(cell)}: its cell stops with {output.ename}"
        for cell in answers
        for output in cell.outputs
        if output.output_type == "error"
    ]


def _row(
    submission: Submission,
    marks: Marks,
    doubts: Sequence[str],
    remarks: Sequence[str],
    notes: Sequence[str],
) -> Row:
    """doubts: what a person has to look at; remarks: what need not."""
    waiting = [f"to be marked by hand: {', '.join(marks.waiting)}"] if marks.waiting else []
    status = PERSON if waiting or doubts else GRADED
    reason = "; ".join([*waiting, *doubts, *remarks])
    late = _late(marks.late) if marks.late else ""
    return Row(submission.student, status, reason, marks.points, late, notes, submission.origin, marks.total)


def _absent(student: str, marks: Marks | None) -> Row:
    """The row of a student of whom this folder has nothing; what was marked before still counts."""
    if marks is None:
        return Row(student, NOTHING)
    remark = "not in this folder; these are the marks of an earlier one"
    return _row(Submission(student, "", Path()), marks, [], [remark], [])


def _late(time: timedelta) -> str:
    hours, minutes = divmod(int(time.total_seconds() // 60), 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"


def _note(notes: Sequence[str]) -> NotebookNode:
    """What was mended, for the student, at the top of the feedback."""
    text = "**Before this notebook was graded, it was mended:**\n\n" + "\n".join(
        f"- {note}" for note in notes
    )
    return nbformat.v4.new_markdown_cell(text, id="mended")


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
        CourseError: no such file, or no name in it.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise CourseError(path, f"the list of students cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CourseError(path, "the list of students is not in UTF-8; save it as UTF-8") from error
    if path.suffix.lower() == ".csv":
        lines = [row[0] for row in csv.reader(lines) if row]
    names = [line.strip() for line in lines]
    heads = ("id", "student", "student_id")
    names = [intake.safe_name(name) for name in names if name and name.lower() not in heads]
    if not names:
        raise CourseError(path, "no student in it; write one name in each line")
    return names
