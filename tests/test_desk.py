"""What students wrote is read and shown in processes that may take a few seconds, and no more.

The process that holds the gradebook has little to do with a notebook, whatever is in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import hostile
import pytest
from classroom import NAME, as_bytes, honest
from test_grade import course_folder

from course.grading import clerk, intake, page, pool
from course.grading.book import Book
from course.grading.clerk import Read, Render
from course.grading.desk import TooMuch
from course.grading.execute import NotMarked
from course.grading.grader import Executed, Grader
from course.grading.mend import Mended, Unusable
from course.grading.sandbox import Limits
from course.grading.table import FAILED, GRADED, PERSON, Row

LIMITS = Limits(cell_seconds=3, call_seconds=3, notebook_seconds=15)
TIMES = 20  # what a notebook of 2 MB may cost the main process, of what an honest one costs


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grader]:
    book = Book(course_folder(tmp_path_factory.mktemp("desk")), NAME)
    book.prepare()
    place = pool.Here(2)
    with place, Grader(book, place, {}, LIMITS, True) as grader:
        yield grader


def handed_in(folder: Path, student: str, ending: str, data: bytes) -> intake.Submission:
    (folder / student).mkdir()
    (folder / student / f"attention.{ending}").write_bytes(data)
    [submission] = intake.collect(folder, NAME, "attention")
    return submission


def graded(grader: Grader, folder: Path, student: str, ending: str, data: bytes) -> tuple[Row, float]:
    """The row, and the processor seconds of this thread."""
    start = time.thread_time()
    submission = handed_in(folder, student, ending, data)
    outcome: Executed | Unusable | NotMarked
    try:
        outcome = grader.execute(submission, lambda: None)
    except NotMarked as error:
        outcome = error
    row = grader.finish(submission, outcome)
    seconds = time.thread_time() - start
    return (row if isinstance(row, Row) else row.result()), seconds


@pytest.fixture(scope="module")
def usual(grader: Grader, tmp_path_factory: pytest.TempPathFactory) -> float:
    """What an honest notebook costs the main process."""
    costs = []
    for number in range(3):
        row, seconds = graded(
            grader, tmp_path_factory.mktemp("honest"), f"ann{number}", "ipynb", as_bytes(honest())
        )
        assert (row.status, row.total) == (GRADED, 18)
        costs.append(seconds)
    return sorted(costs)[1]


@pytest.mark.parametrize("name", hostile.NAMES)
def test_a_hostile_notebook_costs_others_little(
    grader: Grader, usual: float, tmp_path: Path, name: str
) -> None:
    row, seconds = graded(grader, tmp_path, "mallory", *hostile.files(name))
    if name in hostile.REFUSED:
        assert (row.status, row.total) == (FAILED, None) and len(row.reason) > 20
    else:  # the answers are right: what else is there costs nothing
        assert row.status in (GRADED, PERSON) and row.total == 18, row
    assert seconds < TIMES * usual, row.reason
    assert "points only" not in row.reason  # a page of it can be made
    text = grader.book.page_path("mallory").read_text(encoding="utf-8")
    assert len(text) < page.MOST_PAGE and "mallory" in text


class Task:
    """Unpickled by a clerk, it does what a parser would that does not come to an end."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple:
        return eval, (self.code,)


@pytest.mark.parametrize("code", ["sum(iter(int, 1))", "bytearray(1 << 33)", "exit()", "None"])
def test_a_clerk_that_does_not_come_to_an_end_is_replaced(grader: Grader, tmp_path: Path, code: str) -> None:
    with pytest.raises(TooMuch, match="more than 4 s or 1,024 MB|AttributeError"):
        grader._desk.ask(Task(code))  # type: ignore[arg-type]
    submission = handed_in(tmp_path, "ann", "ipynb", as_bytes(honest()))
    assert isinstance(grader._desk.ask(Read(submission)), Mended)


BUSY = """(
    lambda time, start: [0 for _ in iter(lambda: time.process_time() - start < 2.5, False)]
)(__import__("time"), __import__("time").process_time()) and (
    lambda grading: grading["clerk"].Read(grading["intake"].Submission("ann", "", None, problem="seen"))
)({name.split(".")[-1]: module for name, module in __import__("sys").modules.items() if "grading" in name})"""


def test_the_limit_of_a_clerk_counts_each_task_by_itself(grader: Grader) -> None:
    """One clerk is busy for longer than it may be with one task."""
    for _ in range(3):
        assert str(grader._desk.ask(Task(BUSY))) == "seen"  # type: ignore[arg-type]
    assert clerk.SECONDS + 1 < 3 * 2.5


def test_a_page_that_cannot_be_shown_is_a_plain_one(
    grader: Grader, usual: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded is recorded: the row has the points, and says what is missing; so does the page."""
    ask = grader._desk.ask

    def no_page(task: Read | Render) -> object:
        return ask(Task("sum(iter(int, 1))") if isinstance(task, Render) else task)  # type: ignore

    monkeypatch.setattr(grader._desk, "ask", no_page)
    row, _ = graded(grader, tmp_path, "bob", "ipynb", as_bytes(honest()))
    assert (row.status, row.total) == (GRADED, 18)
    assert "its page shows points only" in row.reason and "earlier" not in row.reason
    text = grader.book.page_path("bob").read_text(encoding="utf-8")
    assert "18 of 20 points" in text and "could not be shown" in text
    assert "scaled_dot_product" not in text


def test_a_page_that_cannot_be_written_is_told(grader: Grader, usual: float, tmp_path: Path) -> None:
    path = grader.book.page_path("cal")
    path.mkdir(parents=True)  # where the file should be
    row, _ = graded(grader, tmp_path, "cal", "ipynb", as_bytes(honest()))
    assert (row.status, row.total) == (GRADED, 18)
    assert "its feedback page could not be written" in row.reason
