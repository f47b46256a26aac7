"""The gradebook: notebooks that have been executed elsewhere go in, marks and feedback come out.

nbgrader does the grading (its classes, in this process, without a kernel), so that gradebook.db,
autograded/ and Formgrader are as after `nbgrader autograde`. What is added: a record is kept whole
or not at all, and marks given by hand stay.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Assignment, Gradebook, MissingEntry, Student, SubmittedAssignment
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.converters.base import BaseConverter, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute, GetGrades
from nbgrader.utils import determine_grade, is_grade, is_locked, is_solution, is_task, parse_utc
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError, SAWarning, SQLAlchemyError
from sqlalchemy.orm import scoped_session, sessionmaker
from sqlalchemy.pool import NullPool
from traitlets.config import Config, PyFileConfigLoader

from ..errors import CourseError
from . import page
from .marks import grade_id, is_test

STUDENT = re.compile(r"[^.\x00-\x1f/\\*?\[\]{}][^\x00-\x1f/\\*?\[\]{}]*")  # nbgrader's patterns are left out
STAYS = "canvas:"  # a number that is a person's in all assignments; Moodle's are each assignment's own
LOCKED_AGAIN = 1.0  # and how long the next time, so that a class does not wait a minute for each
LOCKED_SECONDS = 60.0  # how long to wait for someone else (Formgrader) who writes into the gradebook


@dataclass(frozen=True)
class Task:
    """What a table shows as one column.

    name: grade_id of the solution cell, or of the written answer.
    tests: grade_ids of the cells whose points count for it.
    """

    name: str
    tests: tuple[str, ...]
    most: float


@dataclass(frozen=True)
class Marks:
    """What the gradebook holds for a student.

    points: by Task.name; a mark given by hand counts before nbgrader's, 0 where there is none yet.
    waiting: names of the tasks that a person still has to mark.
    total, most: of the assignment; a penalty for lateness is not taken off.
    late: None without a deadline or a time of handing in, else 0 or more.
    penalty: for lateness, if nbgrader_config.py asks for one.
    """

    points: dict[str, float]
    waiting: list[str]
    total: float
    most: float
    late: timedelta | None
    penalty: float = 0.0

    @property
    def counts(self) -> float:
        """What the student gets, as the page says it."""
        return max(0.0, self.total - self.penalty)


def words(error: Exception) -> str:
    """What went wrong, for people: SQLite's errors come with a page of SQL."""
    text = str(getattr(error, "orig", None) or error)
    for sign, sentence in (
        ("locked", "the gradebook is in use by another program. Close Formgrader, and grade again"),
        ("disk is full", "no space is left on the disk. Make room, and grade again"),
        ("No space left", "no space is left on the disk. Make room, and grade again"),
        ("readonly", "the gradebook must not be written. Look at the rights of gradebook.db"),
        (
            "unable to open",
            "the gradebook cannot be opened. Look at the rights of gradebook.db and its folder",
        ),
        ("not a database", "gradebook.db is damaged. Put a copy of it back, or move it away"),
        ("malformed", "gradebook.db is damaged. Put a copy of it back, or move it away"),
    ):
        if sign in text:
            return sentence
    return text.strip().splitlines()[0][:500] if text.strip() else type(error).__name__


def find_tasks(source: NotebookNode) -> list[Task]:
    """Solution cells with the test cells below them, and written answers, in the notebook's order."""
    found: dict[str, list[NotebookNode]] = {}
    name = ""
    for cell in source.cells:
        if is_solution(cell) and not is_grade(cell):
            name = grade_id(cell)
        if is_test(cell):
            found.setdefault(name or grade_id(cell), []).append(cell)
        elif is_grade(cell) or is_task(cell):
            found[grade_id(cell)] = [cell]
    return [
        Task(
            name,
            tuple(grade_id(cell) for cell in cells),
            sum(float(cell.metadata.nbgrader["points"]) for cell in cells),
        )
        for name, cells in found.items()
    ]


def check_outputs(cell: NotebookNode) -> None:
    """That nbgrader can tell what the test cell is worth.

    Raises:
        ValueError: it did not run (nbgrader would give full marks), or its number is out of range.
    """
    name = grade_id(cell)
    if not cell.outputs and cell.metadata.get("course", {}).get("ran") is not True:
        raise ValueError(f"test cell {name!r} has no outputs and no mark that it ran")
    try:
        determine_grade(cell)
    except (KeyError, ValueError) as error:
        raise ValueError(f"test cell {name!r}: {error}") from error
    for output in cell.outputs:
        if output.output_type == "execute_result" and _below_zero(output.data.get("text/plain", "")):
            raise ValueError(f"test cell {name!r}: {output.data['text/plain']!r} points, less than 0")


def _below_zero(text: str) -> bool:
    """Whether it is a negative number, or none at all (nan): both mean full marks to nbgrader."""
    try:
        return not float(text) >= 0
    except ValueError:
        return False


class Book:
    """The gradebook of one assignment in a folder that holds solutions/NAME/x.ipynb.

    gradebook.db, autograded/ and feedback/ are written there. If the folder holds an
    nbgrader_config.py, it applies (course id, penalties). Not for several threads at once.

    Args:
        due: the deadline; without a time zone it is UTC, as everywhere in nbgrader.
    """

    def __init__(self, root: Path, assignment: str, due: datetime | None = None) -> None:
        self.root = root.resolve()
        self.assignment = assignment
        self.due = due
        folder = self.root / "solutions" / assignment
        found = sorted(folder.glob("*.ipynb"))
        if len(found) != 1:
            raise CourseError(folder, f"it must hold one notebook; there are {len(found)}")
        self.notebook: str = found[0].stem
        self._path = found[0]
        self.source: NotebookNode = nbformat.read(found[0], as_version=4)
        self.tasks = find_tasks(self.source)
        self._config = _read_config(self.root)
        self._db = self.root / "gradebook.db"
        self._patience = LOCKED_SECONDS
        self._engine = create_engine(
            f"sqlite:///{self._db}", poolclass=NullPool, connect_args={"timeout": LOCKED_SECONDS}
        )

    @functools.cached_property
    def release(self) -> NotebookNode:
        """The students' version, as nbgrader makes it."""
        return self._make_release(save=False)

    def prepare(self) -> None:
        """Put the assignment into the gradebook as solutions/ has it; safe to repeat.

        Raises:
            CourseError: cells came or went after notebooks had been graded, nbgrader fails, or the
                gradebook cannot be used.
        """
        try:
            with self._transaction() as gradebook:
                self._check_unchanged(gradebook)
                self.release = self._make_release(save=True)
                if self.due is not None:
                    gradebook.update_or_create_assignment(self.assignment, duedate=self.due)
        except (SQLAlchemyError, OSError, subprocess.CalledProcessError) as error:
            raise CourseError(self._db, f"nothing was graded: {words(error)}") from error

    def record(
        self,
        student: str,
        executed: NotebookNode,
        handed_in: datetime | None,
        number: str = "",
        seen: Callable[[Marks | None, Marks], None] | None = None,
    ) -> tuple[Marks | None, Marks]:
        """Grade an executed notebook: all of it is in the gradebook and in autograded/, or nothing.

        What people gave (marks, extra credit, comments) stays. A mark given by hand needs a person
        again if the answer is another one, or if the tests now give other points.

        Args:
            handed_in: without a time zone it is UTC.
            number: by which a learning platform knows the student, as Submission has it; see numbers.
            seen: gets what is returned, before it is in the gradebook for good.

        Returns:
            The marks just before, None where there were none, and just after: what a person marks
            meanwhile in Formgrader is in both or in neither.

        Raises:
            ValueError: a test cell is missing or did not run, or its score is out of range; or the gradebook
                has another person of this name.
            RuntimeError: nbgrader fails; with its message.
        """
        self._check_executed(student, executed)
        bare = copy.deepcopy(executed)
        for cell in bare.cells:
            if cell.cell_type == "code":
                cell.outputs = []
        # nbgrader takes its paths for patterns: it works in a folder with a plain name. From one in root
        # the result can be renamed into its place.
        with (
            tempfile.TemporaryDirectory() as folder,
            tempfile.TemporaryDirectory(prefix=".record-", dir=self.root) as near,
        ):
            course = self._course(Path(folder))
            target = self._folder("autograded", student)
            submitted = Path(course.format_path(course.submitted_directory, student, self.assignment))
            submitted.mkdir(parents=True)
            nbformat.write(bare, submitted / f"{self.notebook}.ipynb")
            if handed_in is not None:
                text = f"{parse_utc(handed_in):%Y-%m-%d %H:%M:%S.%f} UTC"
                (submitted / "timestamp.txt").write_text(text, encoding="utf-8")
            with _replacing(target, Path(near)) as put, self._transaction(alone=True) as gradebook:
                before = self._marks(gradebook, student)
                self._check_number(gradebook, student, number)
                settled = self._settled(gradebook, student)
                if handed_in is None:
                    self._forget_time(gradebook, student)
                grader = Autograde(coursedir=course, config=self._config)
                grader.autograde_preprocessors = [
                    functools.partial(_put_outputs, executed) if each is Execute else each
                    for each in grader.autograde_preprocessors
                ]
                _run(grader)
                graded = Path(course.format_path(course.autograded_directory, student, self.assignment))
                self._settle(gradebook, student, settled, self._answers(executed))
                self._keep_number(gradebook, student, number)
                now = self._marks(gradebook, student)
                assert now is not None  # it was recorded
                if seen:
                    seen(before, now)
                put(graded)
        return before, now

    def marks(self, student: str) -> Marks | None:
        """The marks of a student; None if the gradebook has none for this assignment."""
        with self._reading() as gradebook:
            return gradebook and self._marks(gradebook, student)

    def _marks(self, gradebook: Gradebook, student: str) -> Marks | None:
        submission = _submission(gradebook, self.assignment, student)
        if submission is None:
            return None
        grades = {grade.name: grade for book in submission.notebooks for grade in book.grades}
        late = None
        if submission.assignment.duedate is not None and submission.timestamp is not None:
            late = timedelta(seconds=submission.total_seconds_late)
        return Marks(
            points={
                task.name: sum(grades[name].score for name in task.tests if name in grades)
                for task in self.tasks
            },
            waiting=[
                task.name
                for task in self.tasks
                if any(name in grades and grades[name].needs_manual_grade for name in task.tests)
            ],
            total=submission.score,
            most=submission.max_score,
            late=late,
            penalty=submission.late_submission_penalty or 0.0,
        )

    def page(self, student: str) -> page.Page:
        """What goes into the page that a student may see; page.py makes it.

        Raises:
            RuntimeError: nothing is recorded for the student.
        """
        graded = self._folder("autograded", student) / f"{self.notebook}.ipynb"
        if not graded.is_file():
            raise RuntimeError(f"no notebook of {student!r} is graded: there is no {graded}")
        notebook = nbformat.read(graded, as_version=4)
        names: dict[str, Any] = {
            "student": student,
            "assignment": self.assignment,
            "notebook": self.notebook,
            "db_url": f"sqlite:///{self._db}",
        }
        with self._transaction() as gradebook:
            submission = _submission(gradebook, self.assignment, student)
            if submission is None:
                raise RuntimeError(f"{student!r} is not in the gradebook for {self.assignment}")
            names["waiting"] = {
                grade.name
                for book in submission.notebooks
                for grade in book.grades
                if grade.needs_manual_grade
            }
            notebook, _ = GetGrades(log=_Silent("nbgrader")).preprocess(notebook, {"nbgrader": names})
        return page.Page(self.page_path(student), notebook, names, self.release, self._hidden)

    def page_path(self, student: str) -> Path:
        """Where the student's page lies."""
        return self._folder("feedback", student) / f"{self.notebook}.html"

    def was_refused(self, student: str) -> bool:
        """Whether the student has a page that only says why nothing could be marked."""
        return self.page_path(student).is_file() and not self._folder("autograded", student).exists()

    def deadline(self) -> datetime | None:
        """The deadline that the gradebook has, in UTC; it stays there from an earlier run."""
        with self._reading() as gradebook:
            try:
                found = gradebook.find_assignment(self.assignment).duedate if gradebook else None
            except MissingEntry:
                return None
        return found and found.replace(tzinfo=timezone.utc)

    def students(self) -> list[str]:
        """All students in the gradebook, sorted."""
        with self._reading() as gradebook:
            return sorted(row.id for row in gradebook.db.query(Student.id)) if gradebook else []

    def numbers(self) -> dict[str, str]:
        """{number: student} of those whom a learning platform knows by one that stays: "canvas:815"."""
        with self._reading() as gradebook:
            rows = gradebook.db.query(Student.lms_user_id, Student.id) if gradebook else []
            return {number: student for number, student in rows if (number or "").startswith(STAYS)}

    @functools.cached_property
    def _hidden(self) -> frozenset[str]:
        return page.hidden_lines(self.source)

    # The gradebook

    @contextlib.contextmanager
    def _transaction(self, alone: bool = False) -> Iterator[Gradebook]:
        """One transaction; every gradebook that nbgrader opens meanwhile is part of it.

        alone: nobody else writes from its beginning on, so that what is read first still holds at its end.
        nbgrader opens the database about ten times for a notebook and commits after each cell.
        """
        url = f"sqlite:///{self._db}"
        if not self._db.is_file():
            programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
            with mock.patch.dict(os.environ, PATH=programs):  # it calls alembic
                Gradebook(url, self._course_id).close()

        def join(gradebook: Gradebook, db_url: str = url, course_id: str = "default_course", *_: Any) -> None:
            gradebook.engine, gradebook.course_id, gradebook.authenticator = connection, course_id, None
            gradebook.db = scoped_session(sessionmaker(autoflush=True, bind=connection))
            gradebook.check_course(course_id=course_id)

        def leave(gradebook: Gradebook) -> None:
            gradebook.db.remove()

        with (
            self._connected(alone) as connection,
            mock.patch.multiple(Gradebook, __init__=join, close=leave),
            mock.patch("nbgrader.api.app_log", _Silent("nbgrader")),  # errors are told by whoever meets them
            Gradebook(url, self._course_id) as gradebook,
        ):
            yield gradebook

    @contextlib.contextmanager
    def _connected(self, alone: bool) -> Iterator[Connection]:
        """A connection in a transaction; after one that waited in vain for others, others wait less."""
        try:
            with self._engine.begin() as connection:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(1000 * self._patience)}")
                if alone:  # else SQLite begins when something is written
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
            self._patience = LOCKED_SECONDS
        except OperationalError as error:
            if "locked" in str(error.orig):
                self._patience = LOCKED_AGAIN
            raise

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Gradebook | None]:
        """The gradebook, to look at; None if there is none."""
        if not self._db.is_file():
            yield None
            return
        with self._transaction() as gradebook:
            yield gradebook

    @property
    def _course_id(self) -> str:
        return CourseDirectory(config=self._config).course_id

    def _course(self, root: Path) -> CourseDirectory:
        """nbgrader's folders in another root, with this gradebook and these solutions."""
        return CourseDirectory(
            config=self._config,
            root=str(root),
            db_url=f"sqlite:///{self._db}",
            source_directory=str(self.root / "solutions"),
            release_directory="release",
            assignment_id=self.assignment,
        )

    def _folder(self, step: str, student: str) -> Path:
        """autograded/STUDENT/NAME and the like."""
        course = CourseDirectory(config=self._config, root=str(self.root))
        name = {"autograded": course.autograded_directory, "feedback": course.feedback_directory}[step]
        return Path(course.format_path(name, student, self.assignment))

    # The assignment

    def _make_release(self, save: bool) -> NotebookNode:
        with tempfile.TemporaryDirectory() as folder:
            course = self._course(Path(folder))
            # nbgrader takes the path for a pattern: the assignment has to lie below a plain one.
            course.source_directory = "source"
            shutil.copytree(self._path.parent, Path(folder) / "source" / self.assignment)
            maker = GenerateAssignment(coursedir=course, config=self._config)
            maker.no_database = not save
            try:
                _run(maker)
            except RuntimeError as error:
                raise CourseError(self._path, str(error)) from error
            made = Path(folder) / "release" / self.assignment / self._path.name
            return nbformat.read(made, as_version=4)

    def _check_unchanged(self, gradebook: Gradebook) -> None:
        """That nbgrader can take the assignment: with notebooks graded, no cell may come or go."""
        found = gradebook.db.query(Assignment).filter(Assignment.name == self.assignment).one_or_none()
        if found is None or not found.submissions:
            return
        books = {book.name: book for book in found.notebooks}
        changes = [f"the notebook {name!r} is new or gone" for name in sorted({*books} ^ {self.notebook})]
        if not changes:
            book, cells = books[self.notebook], self.source.cells
            kinds = {
                "with points": (book.grade_cells, is_grade),
                "for answers": (book.solution_cells, is_solution),
                "for tasks": (book.task_cells, is_task),
                "locked": ([cell for cell in book.source_cells if cell.locked], is_locked),
            }
            for kind, (saved, has_kind) in kinds.items():
                old, new = {cell.name for cell in saved}, {grade_id(cell) for cell in cells if has_kind(cell)}
                changes += [f"{name!r} is a new cell {kind}" for name in sorted(new - old)]
                changes += [f"{name!r} is no longer a cell {kind}" for name in sorted(old - new)]
        if changes:
            reason = (
                f"its cells have changed since notebooks were graded: {'; '.join(changes)}. "
                "Grade into another folder, or move gradebook.db away, and all notebooks again"
            )
            raise CourseError(self._path, reason)

    # A record

    def _check_executed(self, student: str, executed: NotebookNode) -> None:
        if not STUDENT.fullmatch(student) or student != student.strip():
            raise ValueError(f"{student!r} cannot be a student's id: it would not do as a folder's name")
        names = [grade_id(cell) for cell in executed.cells if grade_id(cell)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"the executed notebook has the cell {name!r} {names.count(name)} times")
        cells = {grade_id(cell): cell for cell in executed.cells}
        for wanted in self.source.cells:
            if not is_grade(wanted):
                continue
            cell = cells.get(grade_id(wanted))
            if cell is None or cell.cell_type != wanted.cell_type:
                raise ValueError(f"the executed notebook has no cell {grade_id(wanted)!r}")
            if is_test(wanted):
                cell = copy.deepcopy(cell)
                cell.metadata["nbgrader"] = wanted.metadata.nbgrader
                check_outputs(cell)

    def _answers(self, notebook: NotebookNode) -> dict[str, str]:
        """For each cell with points, the text that the student wrote for it."""
        texts = {grade_id(cell): cell.source for cell in notebook.cells}
        return {name: texts.get(task.name, "") for task in self.tasks for name in task.tests}

    def _settled(self, gradebook: Gradebook, student: str) -> dict[str, tuple[str, float | None]]:
        """The cells that a person has marked and need nobody any more: the answer, nbgrader's points."""
        submission = _submission(gradebook, self.assignment, student)
        before = self._folder("autograded", student) / f"{self.notebook}.ipynb"
        if submission is None:
            return {}
        try:
            answers = self._answers(nbformat.read(before, as_version=4))
        except Exception:  # no file, or whatever is wrong with it: what the answer was is not known
            return {}
        return {
            grade.name: (answers[grade.name], grade.auto_score)
            for book in submission.notebooks
            for grade in book.grades
            if grade.manual_score is not None and not grade.needs_manual_grade and grade.name in answers
        }

    def _check_number(self, gradebook: Gradebook, student: str, number: str) -> None:
        """That the marks that are there are the same person's."""
        known = gradebook.db.query(Student.lms_user_id).filter(Student.id == student).scalar() or ""
        if number.startswith(STAYS) and known.startswith(STAYS) and known != number:
            raise ValueError(f"the gradebook has another person of this name: {known}, and this is {number}")

    def _keep_number(self, gradebook: Gradebook, student: str, number: str) -> None:
        found = gradebook.find_student(student)
        if number.startswith(STAYS) and not found.lms_user_id:  # else it is an instructor's own
            found.lms_user_id = number
            gradebook.db.commit()

    def _settle(
        self,
        gradebook: Gradebook,
        student: str,
        settled: dict[str, tuple[str, float | None]],
        answers: dict[str, str],
    ) -> None:
        """nbgrader flags every mark given by hand; take the flag off where nothing has changed."""
        gradebook.db.expire_all()
        for name, before in settled.items():
            grade = gradebook.find_grade(name, self.notebook, self.assignment, student)
            if before == (answers[name], grade.auto_score):
                grade.needs_manual_grade = False
        gradebook.db.commit()

    def _forget_time(self, gradebook: Gradebook, student: str) -> None:
        """nbgrader would keep the time at which the notebook before this one was handed in."""
        submission = _submission(gradebook, self.assignment, student)
        if submission is not None:
            submission.timestamp = None
            gradebook.db.commit()


def _submission(gradebook: Gradebook, assignment: str, student: str) -> SubmittedAssignment | None:
    try:
        return gradebook.find_submission(assignment, student)
    except MissingEntry:
        return None


def _put_outputs(
    executed: NotebookNode, notebook: NotebookNode, resources: dict
) -> tuple[NotebookNode, dict]:
    """A preprocessor in the place of Execute: the outputs are there already."""
    names = [[grade_id(cell) for cell in each.cells] for each in (notebook, executed)]
    if names[0] != names[1]:
        raise ValueError("the executed notebook has other cells than the one that nbgrader made of it")
    for cell, done in zip(notebook.cells, executed.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs = copy.deepcopy(done.outputs)
            cell.execution_count = done.execution_count
    return notebook, resources


def _read_config(root: Path) -> Config:
    if not (root / "nbgrader_config.py").is_file():
        return Config()
    return PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()


@contextlib.contextmanager
def _replacing(target: Path, near: Path) -> Iterator[Callable[[Path], None]]:
    """Gives a function that puts a copy of a folder in target's place; after an error the old one is back.

    near: an empty folder on target's file system.
    """
    undo = contextlib.ExitStack()

    def put(new: Path) -> None:
        shutil.copytree(new, near / "new")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            os.rename(target, near / "before")
            undo.callback(os.rename, near / "before", target)
        os.rename(near / "new", target)
        undo.callback(shutil.rmtree, target)

    with undo:
        yield put
        undo.pop_all()


class _Silent(logging.Logger):
    """A log that nobody reads."""

    def handle(self, record: logging.LogRecord) -> None:
        pass


class _Errors(logging.Handler):
    """Keeps what nbgrader says when it fails."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().strip()
        self.texts.append(text.splitlines()[-1] if text.startswith("Traceback") else text)


def _run(converter: BaseConverter) -> None:
    """Run it in silence.

    Raises:
        RuntimeError: with what nbgrader wrote to its log.
    """
    log, errors = logging.Logger("nbgrader"), _Errors()
    log.addHandler(errors)
    converter.log = log
    converter.force = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # nbgrader's own way of adding a submission
            converter.start()
    except NbGraderException as error:
        raise RuntimeError("\n".join(["nbgrader fails:", *(errors.texts or [str(error)])])) from error
