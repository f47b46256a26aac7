"""From a student's file to the student's row: read, executed, recorded, and a page written.

Reading, executing and rendering are done in threads, in processes of their own. Only the gradebook is
written here, one student after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from ..files import write_whole
from . import changes, intake, page, pool
from .book import Book, Marks, words
from .clerk import Assignment, Read, Render
from .cluster import OnDask
from .desk import Desk, TooMuch
from .execute import NotMarked, Watch, make_job, with_outputs
from .intake import Submission
from .marks import grade_id, is_answer
from .mend import Mended, Unusable
from .sandbox import Limits
from .table import FAILED, GRADED, PERSON, Row


@dataclass(frozen=True)
class Executed:
    """A notebook with its outputs, and what is to be said of it.

    crowded: time ran out for something while others had the processors.
    """

    notebook: NotebookNode
    mended: Mended
    crowded: bool


Outcome = Executed | Unusable


class Grader:
    """For one run of `course grade`."""

    def __init__(
        self,
        book: Book,
        place: pool.Here | OnDask,
        others: Mapping[str, set[str]],
        limits: Limits,
        safe: bool,
    ) -> None:
        self.book, self._place, self._limits, self._sandboxed = book, place, limits, safe
        self._desk = Desk(pool.get_warm, Assignment(book.source, book.release, others))
        self._pages = ThreadPoolExecutor(max(1, place.jobs // 2))

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pages.shutdown(cancel_futures=True)
        self._desk.__exit__(*exception)

    def execute(self, submission: Submission, watch: Watch) -> Outcome:
        """The notebook, mended and run; or why it cannot be.

        Raises:
            NotMarked: it could not be run to its end. What `watch` raises.
        """
        try:
            told = self._desk.ask(Read(submission))
        except TooMuch as error:
            told = Unusable(
                f"The file cannot be read: {error}. Is it a notebook, and a small one? Clear the outputs, "
                "delete what the assignment does not need, save it, and hand it in again."
            )
        if isinstance(told, Unusable):
            return told
        job = make_job(told.notebook, self.book.source, self._limits, self._sandboxed)
        result = self._place.run(job, watch)
        return Executed(with_outputs(told.notebook, result), told, result.crowded)

    def finish(self, submission: Submission, outcome: Outcome | NotMarked) -> Future[Row] | Row:
        """Into the gradebook with it; the student's row, or the promise of it: a page is still to be made.

        What this changes in marks of before is in the row and in marks/NAME-changes.csv.
        """
        if not isinstance(outcome, Executed):
            return self.failed(submission, str(outcome))
        executed, mended = outcome.notebook, outcome.mended
        if mended.notes:
            executed.cells.insert(0, _note(mended.notes))
        troubles: list[str] = []

        def keep(before: Marks | None, now: Marks) -> None:
            """Before it counts: a run that is killed in between has it in the file all the same."""
            path = changes.path_of(self.book.root, self.book.assignment)
            try:
                changes.keep(path, submission.student, changes.between(before, now))
            except OSError as error:
                troubles.append(f"the change could not be written into marks/: {words(error)}")

        try:
            before, marks = self.book.record(
                submission.student, executed, submission.handed_in, submission.number, keep
            )
        except Exception as error:  # nbgrader's errors are of many kinds; the other students go on
            return self.failed(submission, f"it could not be recorded: {words(error)}")
        row = make_row(submission, marks, mended.doubts, _remarks(executed, self.book.release), mended.notes)
        row = replace(row, changed=changes.in_words(changes.between(before, marks)))
        for trouble in troubles:
            row = with_reason(row, trouble)
        try:
            made = self.book.page(submission.student)
        except Exception as error:
            return with_reason(row, f"its feedback page could not be made: {words(error)}")
        return self._pages.submit(self._write, made, submission, row)

    def failed(self, submission: Submission, why: str) -> Row:
        """The row of a student of whom nothing was graded, and a page that says so."""
        row = Row(submission.student, FAILED, why, file=submission.origin)
        try:
            if self.book.marks(submission.student) is not None:
                return with_reason(row, "the gradebook keeps the marks of an earlier file")
            path = self.book.page_path(submission.student)
            write_whole(path, page.refused(self.book.assignment, submission.student, why))
            _address(path, submission)
        except Exception as error:  # a full disk, a gradebook in use: the row is there
            return with_reason(row, f"and no page says so: {words(error)}")
        return row

    def _write(self, made: page.Page, submission: Submission, row: Row) -> Row:
        """Render the page and write it; a plain one where it cannot be rendered."""
        try:
            try:
                text = self._desk.ask(Render(made))
            except Exception as error:
                why = f"This notebook could not be shown here ({error})."
                text, row = page.plain(made, why), with_reason(row, f"its page shows points only ({error})")
            write_whole(made.path, text)
            _address(made.path, submission)
        except Exception as error:
            return with_reason(row, f"its feedback page could not be written: {words(error)}")
        return row


def with_reason(row: Row, more: str) -> Row:
    """The row with one thing more to say."""
    return replace(row, reason=f"{row.reason}; {more}" if row.reason else more)


def _address(path: Path, submission: Submission) -> None:
    """Lay beside the page what `nbgrader release_feedback` looks for, if this came through an exchange."""
    found = intake.exchange_files(submission)
    for name in intake.EXCHANGE:
        if name in found:
            write_whole(path.with_name(name), found[name])
        else:
            path.with_name(name).unlink(missing_ok=True)  # of an earlier submission


def _remarks(executed: NotebookNode, release: NotebookNode) -> list[str]:
    """What explains few points at a glance: nothing was answered, or a cell of an answer does not run."""
    empty = {grade_id(cell): cell.source for cell in release.cells}
    answers = [cell for cell in executed.cells if is_answer(cell)]
    if all(cell.source == empty.get(grade_id(cell)) for cell in answers):
        return ["no task was answered in code"]
    return [
        f"{grade_id(cell)}: its cell stops with {_stop(output)}"
        for cell in answers
        for output in cell.outputs
        if output.output_type == "error"
    ]


def _stop(output: NotebookNode) -> str:
    told = output.ename == "ModuleNotFoundError"  # no slip of the student's: it was there on Colab
    return f"{output.ename}: {output.evalue}" if told else str(output.ename)


def make_row(
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
    late = late_in_words(marks.late) if marks.late else ""
    if submission.word and marks.late is not None:
        late = f"{late or 'in time'} (the time is the student's word)"
    return Row(submission.student, status, reason, marks.points, late, notes, submission.origin, marks.total)


def late_in_words(time: timedelta) -> str:
    """2 d 1 h, or 0 h 30 min."""
    hours, minutes = divmod(int(time.total_seconds() // 60), 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"


def _note(notes: Sequence[str]) -> NotebookNode:
    """What was mended, for the student, at the top of the feedback."""
    text = "**Before this notebook was graded, it was mended:**\n\n" + "\n".join(
        f"- {note}" for note in notes
    )
    return nbformat.v4.new_markdown_cell(text, id="mended")
