"""The gradebook: real assignment, real nbgrader, real SQLite; only the outputs are made by hand."""

from __future__ import annotations

import copy
import os
import re
import shutil
import sqlite3
import threading
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy import event

from course.build import assignment_path
from course.errors import ROOT, CourseError
from course.files import write_whole
from course.grading import page as pages
from course.grading.book import Book, Marks
from course.grading.marks import grade_id, is_test
from course.grading.page import hidden_lines
from course.sources import HIDDEN_MARKS

NAME = "01_attention"
WRITTEN = "in_your_words"
ODD_IDS = ["ann.lee-1_2@uni.de", "张伟", "Łukasz", "x+y", "a b", "(a)|b", "0"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A folder whose gradebook has the assignment; a new gradebook takes nbgrader seconds."""
    root = tmp_path_factory.mktemp("course")
    shutil.copytree(assignment_path("solutions", NAME).parent, root / "solutions" / NAME)
    book, before = Book(root, NAME), dict(os.environ)
    book.prepare()
    assert dict(os.environ) == before
    return book


@pytest.fixture
def book(prepared: Book, tmp_path: Path) -> Book:
    root = tmp_path / "course (1) [x]"
    shutil.copytree(prepared.root, root)
    book = Book(root, NAME)
    book.release = prepared.release
    return book


def feedback(book: Book, student: str) -> Path:
    """Make the student's page, as the desk does; where it lies."""
    made = book.page(student)
    write_whole(made.path, pages.render(made))
    return made.path


def number(points: float | str) -> NotebookNode:
    return new_output("execute_result", {"text/plain": str(points)}, execution_count=1)


def printed(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=text)


def failed(message: str, *lines: str) -> NotebookNode:
    return new_output("error", ename="AssertionError", evalue=message, traceback=list(lines))


def executed(book: Book, outputs: dict | None = None, sources: dict | None = None) -> NotebookNode:
    """A student's notebook with these outputs; test cells that are not named ran and said nothing."""
    notebook = copy.deepcopy(book.release)
    for cell in notebook.cells:
        cell.source = (sources or {}).get(grade_id(cell), cell.source)
        if is_test(cell):
            cell.metadata["course"] = {"ran": True}
            cell.outputs = (outputs or {}).get(grade_id(cell), [])
    return notebook


def contents(book: Book) -> tuple[list[str], dict[str, str]]:
    """All that the gradebook and autograded/ hold."""
    with sqlite3.connect(book.root / "gradebook.db") as database:
        rows = list(database.iterdump())
    database.close()
    files = sorted(path for path in book.root.rglob("*") if path.is_file() and path.suffix != ".db")
    return rows, {str(path): path.read_text(encoding="utf-8") for path in files}


def by_hand(book: Book, student: str, cell: str, **values: float | str | bool) -> None:
    """What Formgrader does when a person marks a cell, or comments on it."""
    with Gradebook(f"sqlite:///{book.root / 'gradebook.db'}") as gradebook:
        where = cell, book.notebook, NAME, student
        found = gradebook.find_comment(*where) if "manual_comment" in values else gradebook.find_grade(*where)
        for key, value in values.items():
            setattr(found, key, value)
        gradebook.db.commit()


def test_points_are_those_of_nbgraders_rule(book: Book) -> None:
    outputs = {
        "attention_by_hand": [printed("hm\n"), number(0.25)],
        "attention_leading_axes": [failed("no")],
        "attention_hidden": [failed("no")],
        "causal_mask_by_hand": [printed("a warning\n", "stderr"), number(1)],  # stderr: nothing
        "causal_mask_hidden": [number("'a text'")],  # no number: all
        "multi_head_by_hand": [number(0.5), failed("too late")],  # the first that counts
    }
    book.record("ann", executed(book, outputs, {WRITTEN: "I think so."}), None)
    marks = book.marks("ann")
    assert marks is not None
    assert marks.points == {
        "attention": 0.25,
        "causal_mask": 1,
        "multi_head": 2.5,
        "rope": 3,
        "decode_step": 4,
        "attention_cost": 3,
        WRITTEN: 0,
    }
    assert (marks.total, marks.most, marks.waiting, marks.late) == (13.75, 20, [WRITTEN], None)
    assert sum(task.most for task in book.tasks) == marks.most
    assert book.tasks[4].tests == ("decode_step_by_hand", "decode_step_rotated", "decode_step_hidden")
    assert book.marks("bob") is None


def test_an_answer_left_empty_needs_nobody(book: Book) -> None:
    book.record("ann", executed(book), None)
    marks = book.marks("ann")
    assert marks is not None and marks.waiting == [] and marks.points[WRITTEN] == 0


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ([number(1.5)], "attention_by_hand.*greater than maximum"),
        ([number("nan")], "attention_by_hand.*less than 0"),
        ([number(-1)], "attention_by_hand.*less than 0"),
        ([new_output("execute_result", {"text/html": "1"}, execution_count=1)], "attention_by_hand"),
        (None, "attention_by_hand.*no outputs"),
    ],
)
def test_a_score_that_is_none_is_refused(book: Book, outputs: list | None, says: str) -> None:
    notebook = executed(book, {"attention_by_hand": outputs or []})
    if outputs is None:
        next(cell for cell in notebook.cells if grade_id(cell) == "attention_by_hand").metadata.pop("course")
    before = contents(book)
    with pytest.raises(ValueError, match=says):
        book.record("ann", notebook, None)
    assert contents(book) == before


def test_points_that_the_notebook_claims_do_not_count(book: Book) -> None:
    notebook = executed(book, {"attention_by_hand": [number(50)]})
    for cell in notebook.cells:
        if is_test(cell):
            cell.metadata.nbgrader["points"] = 100
    with pytest.raises(ValueError, match="attention_by_hand"):
        book.record("ann", notebook, None)


def test_a_missing_or_doubled_cell_is_refused(book: Book) -> None:
    before = contents(book)
    notebook = executed(book)
    notebook.cells = [cell for cell in notebook.cells if grade_id(cell) != "rope_hidden"]
    with pytest.raises(ValueError, match="rope_hidden"):
        book.record("ann", notebook, None)
    notebook = executed(book)
    twice = next(cell for cell in notebook.cells if grade_id(cell) == "attention_by_hand")
    notebook.cells.append(copy.deepcopy(twice))
    notebook.cells[-1].id = "again"
    with pytest.raises(ValueError, match="attention_by_hand.*2 times"):
        book.record("ann", notebook, None)
    assert contents(book) == before


@pytest.mark.parametrize(
    "student", ["", ".", "..", ".hidden", "a/b", "../x", "a\nb", " a", "a{0}", "[a]", "a*"]
)
def test_an_id_that_is_no_folder_name_is_refused(book: Book, student: str) -> None:
    with pytest.raises(ValueError, match="id"):
        book.record(student, executed(book), None)
    assert book.students() == []


def test_odd_ids(book: Book) -> None:
    for index, student in enumerate(ODD_IDS):
        book.record(student, executed(book, {"causal_mask_by_hand": [number(index / 10)]}), None)
    assert book.students() == sorted(ODD_IDS)
    for index, student in enumerate(ODD_IDS):
        marks = book.marks(student)
        assert marks is not None and marks.points["causal_mask"] == pytest.approx(1 + index / 10)
        assert (book.root / "autograded" / student / NAME / "attention.ipynb").is_file()
        page = feedback(book, student)
        assert page == book.root / "feedback" / student / NAME / "attention.html"
        assert f"Student: {student}" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("cell", "sources", "outputs", "waiting"),
    [
        (WRITTEN, {WRITTEN: "An answer."}, {}, []),
        (WRITTEN, {WRITTEN: "Another answer."}, {}, [WRITTEN]),
        (WRITTEN, {WRITTEN: "An answer.", "rope": "x = 1"}, {}, []),
        ("rope_hidden", {WRITTEN: ""}, {}, []),
        ("rope_hidden", {WRITTEN: "", "rope": "x = 1"}, {}, ["rope"]),
        ("rope_hidden", {WRITTEN: ""}, {"rope_hidden": [number(1)]}, ["rope"]),
    ],
)
def test_marks_by_hand_stay(book: Book, cell: str, sources: dict, outputs: dict, waiting: list[str]) -> None:
    answer = "" if cell != WRITTEN else "An answer."
    book.record("ann", executed(book, {}, {WRITTEN: answer}), None)
    by_hand(book, "ann", cell, manual_score=1.5, extra_credit=0.25, needs_manual_grade=False)
    by_hand(book, "ann", WRITTEN, manual_comment="Well said.")
    if cell != WRITTEN:
        by_hand(book, "ann", WRITTEN, manual_score=0, needs_manual_grade=False)
    book.record("ann", executed(book, outputs, sources), None)
    marks = book.marks("ann")
    assert marks is not None and marks.waiting == waiting
    assert marks.points["rope" if cell == "rope_hidden" else WRITTEN] == 1.75 + (cell == "rope_hidden")
    assert "Well said." in feedback(book, "ann").read_text(encoding="utf-8")
    book.record("ann", executed(book, outputs, sources), None)  # what waits goes on waiting
    again = book.marks("ann")
    assert again == marks


def test_the_answer_before_is_not_known(book: Book) -> None:
    notebook = executed(book, {}, {WRITTEN: "An answer."})
    book.record("ann", notebook, None)
    by_hand(book, "ann", WRITTEN, manual_score=1.5, needs_manual_grade=False)
    shutil.rmtree(book.root / "autograded")
    book.record("ann", notebook, None)
    marks = book.marks("ann")
    assert marks is not None and marks.waiting == [WRITTEN] and marks.points[WRITTEN] == 1.5


def test_a_mark_given_while_a_notebook_is_recorded(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes before or after: it stays, and it is no mark that waits to be looked at."""
    notebook = executed(book, {}, {WRITTEN: "An answer."})
    book.record("ann", notebook, None)

    begun = threading.Event()

    def mark() -> None:
        begun.set()
        with sqlite3.connect(book.root / "gradebook.db", timeout=60) as database:
            which = f"cell_id IN (SELECT id FROM base_cell WHERE name = '{WRITTEN}')"
            database.execute(f"UPDATE grade SET manual_score = 1.5, needs_manual_grade = 0 WHERE {which}")
        database.close()

    person, settled = threading.Thread(target=mark), Book._settled

    def meanwhile(*arguments: Any) -> dict:
        found = settled(*arguments)
        person.start()
        assert begun.wait(60)
        person.join(0.5)  # it has to wait; if it had not, it would be done by now
        return found

    monkeypatch.setattr(Book, "_settled", meanwhile)
    before, now = book.record("ann", notebook, None)
    person.join()
    assert before is not None and before.points[WRITTEN] == now.points[WRITTEN] == 0
    marks = book.marks("ann")
    assert marks is not None and marks.waiting == [] and marks.points[WRITTEN] == 1.5


def test_marks_are_shown_before_they_are_in_the_gradebook(book: Book) -> None:
    """So whoever keeps what changed has done it when the machine stops in between."""
    seen = []

    def look(before: Marks | None, now: Marks) -> None:
        with sqlite3.connect(book.root / "gradebook.db") as database:
            [(count,)] = database.execute("SELECT COUNT(*) FROM submitted_assignment")
        database.close()
        seen.append((before, now, count))

    before, now = book.record("ann", executed(book), None, "", look)
    assert before is None and seen == [(None, now, 0)]


def test_canvas_s_number_stays(book: Book) -> None:
    """And nobody's marks go to another person of that name; Moodle numbers people anew in each assignment."""
    book.record("ann", executed(book), None)
    assert book.numbers() == {}
    book.record("ann", executed(book), None, "canvas:7")
    book.record("bob", executed(book), None, "moodle:7")
    for number in ("canvas:7", "moodle:8", ""):
        book.record("ann", executed(book), None, number)
    assert book.numbers() == {"canvas:7": "ann"}
    before = contents(book)
    with pytest.raises(ValueError, match="another person of this name.*canvas:7"):
        book.record("ann", executed(book), None, "canvas:8")
    assert contents(book) == before
    with Gradebook(f"sqlite:///{book.root / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_student("bob", lms_user_id="0019")  # an instructor's own
    book.record("bob", executed(book), None, "canvas:9")
    assert book.numbers() == {"canvas:7": "ann"}


def test_a_record_that_fails_leaves_nothing(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    book.record("ann", executed(book, {"rope_hidden": [number(1)]}), None)
    before = contents(book)

    def broken(*_: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patch:  # all scores are saved by then
        patch.setattr(AssignLatePenalties, "preprocess", broken)
        for student in ("ann", "bob"):
            with pytest.raises(RuntimeError, match="the disk is full"):
                book.record(student, executed(book), datetime(2026, 1, 1))
            assert contents(book) == before
    event.listen(book._engine, "commit", broken)  # the folder is in place by then
    for student in ("ann", "bob"):
        with pytest.raises(RuntimeError, match="the disk is full"):
            book.record(student, executed(book), None)
        assert contents(book) == before


def test_files_that_cannot_be_written_are_replaced(book: Book) -> None:
    for points in (0.5, 1):
        book.record("ann", executed(book, {"rope_by_hand": [number(points)]}), None)
        graded = book.root / "autograded" / "ann" / NAME / "attention.ipynb"
        assert graded.stat().st_mode & 0o777 == 0o444  # as nbgrader leaves them
        feedback(book, "ann").chmod(0o444)
        marks = book.marks("ann")
        assert marks is not None and marks.points["rope"] == 2 + points
    assert sorted(path.name for path in book.root.iterdir()) == [
        "autograded",
        "feedback",
        "gradebook.db",
        "solutions",
    ]


def test_late(book: Book) -> None:
    due = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=8)))
    book = Book(book.root, NAME, due)
    book.prepare()
    times = {
        datetime(2026, 3, 1, 4): timedelta(0),
        datetime(2026, 3, 1, 3): timedelta(0),
        datetime(2026, 3, 1, 5, 30): timedelta(hours=1.5),
        due + timedelta(days=1): timedelta(days=1),
        None: None,
    }
    for handed_in, late in times.items():
        book.record("ann", executed(book), handed_in)
        marks = book.marks("ann")
        assert marks is not None and marks.late == late
    Book(book.root, NAME).prepare()  # no deadline given: the one of before
    book.record("ann", executed(book), due)
    marks = book.marks("ann")
    assert marks is not None and marks.late == timedelta(0)


def test_penalties_are_those_of_the_configuration(book: Book) -> None:
    config = "c = get_config()\nc.LateSubmissionPlugin.penalty_method = 'zero'\n"
    (book.root / "nbgrader_config.py").write_text(config, encoding="utf-8")
    book = Book(book.root, NAME, datetime(2026, 3, 1))
    book.prepare()
    book.record("ann", executed(book), datetime(2026, 3, 2))
    marks = book.marks("ann")
    assert marks is not None and (marks.total, marks.penalty, marks.counts) == (18, 18, 0)
    page = feedback(book, "ann").read_text(encoding="utf-8")
    assert f"{NAME}: 0 of 20 points" in page and "18 points less" in page


def test_preparing_twice_changes_nothing(book: Book) -> None:
    for _ in range(2):
        before = contents(book)
        book.prepare()
        assert contents(book) == before
        book.record("ann", executed(book), None)
    assert book.release == nbformat.read(assignment_path("exercises", NAME), as_version=4)


def change(book: Book, which: str, **marks: object) -> Book:
    """The assignment with one cell changed; without it if nothing is given."""
    path = assignment_path("solutions", NAME, book.root)
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if grade_id(cell) == which)
    cell.metadata.nbgrader.update(marks)
    if not marks:
        notebook.cells.remove(cell)
    nbformat.write(notebook, path)
    return Book(book.root, NAME)


def test_an_assignment_that_changed_after_grading(book: Book) -> None:
    book.record("ann", executed(book), None)
    book = change(book, "rope_by_hand", points=2)
    book.prepare()
    book.record("ann", executed(book), None)
    marks = book.marks("ann")
    assert marks is not None and marks.most == 21 and marks.points["rope"] == 4
    before = contents(book)[0]
    book = change(change(book, "rope_by_hand"), "rope_hidden", grade_id="rope_other")
    with pytest.raises(CourseError) as error:
        book.prepare()
    assert "attention.ipynb" in str(error.value) and "another folder" in str(error.value)
    assert all(name in str(error.value) for name in ("rope_by_hand", "rope_hidden", "rope_other"))
    assert contents(book)[0] == before


def test_an_assignment_may_change_before_anything_is_graded(book: Book) -> None:
    book = change(book, "rope_by_hand")
    book.prepare()
    book.record("ann", executed(book), None)
    marks = book.marks("ann")
    assert marks is not None and marks.most == 19


def test_what_nbgrader_cannot_release(book: Book) -> None:
    with pytest.raises(CourseError, match="(?s)attention.ipynb.*nbgrader fails"):
        change(book, "rope_by_hand", schema_version="no number").prepare()


def test_one_notebook_is_the_assignment(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="one notebook"):
        Book(tmp_path, NAME)


def leaking(book: Book) -> dict[str, list[NotebookNode]]:
    """Outputs of hidden tests that hold their source: a traceback as Jupyter makes it, In[-1] printed."""
    outputs = {}
    for cell in book.source.cells:
        if HIDDEN_MARKS[0] in cell.source:
            coloured = [f"\x1b[1;32m {line[:7]}\x1b[0m{line[7:]}" for line in cell.source.splitlines()]
            outputs[grade_id(cell)] = [
                printed(f"part 1: 0 of 0.5, too large by <2>\n{cell.source}\n"),
                failed("it is wrong", "Traceback", "\n".join(coloured), "AssertionError: it is wrong"),
            ]
    return outputs


def test_feedback_holds_no_hidden_test(book: Book) -> None:
    secret = hidden_lines(book.source)
    assert len(secret) > 100
    book.record("ann", executed(book, leaking(book)), None)
    page = feedback(book, "ann").read_text(encoding="utf-8")
    text = re.sub(r"<[^>]+>", "", page)
    for before, after in {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&"}.items():
        text = text.replace(before, after)
    shown = "\n".join(cell.source for cell in book.release.cells)  # a line of both kinds is no secret
    assert [line for line in secret if line in text and line not in shown] == []
    assert text.count("part 1: 0 of 0.5, too large by <2>") == len(leaking(book)) == 6
    assert text.count("AssertionError: it is wrong") == 6
    assert "Hidden tests on random numbers, 0.5 points each:" in text  # what the release says of them


def test_feedback_says_what_is_wrong_without_a_traceback(book: Book) -> None:
    book.record("ann", executed(book, {"rope_hidden": [failed("the angles are negative")]}), None)
    assert "AssertionError: the angles are negative" in feedback(book, "ann").read_text(encoding="utf-8")


def attributes(page: str) -> list[tuple[str, str, str]]:
    """(tag, name, value) of all that stands in a tag."""
    found: list[tuple[str, str, str]] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend((tag, name, value or "") for name, value in attrs)

    Parser().feed(page)
    return found


def test_feedback_loads_nothing(book: Book) -> None:
    answer = (
        "![x](https://example.com/x.png) <img src='http://example.com/y.png'> <script src='//e.com'></script>"
        "<iframe src='https://example.com'></iframe></div></div><style>@import 'https://e.com'</style> *so*"
    )
    html = new_output(
        "display_data", {"text/html": "<img src='https://example.com/z.png'>", "text/plain": "z"}
    )
    outputs = {"rope_by_hand": [html, number(1)]}
    book.record("ann", executed(book, outputs, {WRITTEN: answer}), None)
    by_hand(book, "ann", WRITTEN, manual_comment="<img src='http://example.com/c.png'> I see.")
    page = feedback(book, "ann").read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|iframe|object|embed|video|audio|base)\b", page)
    loads = [(tag, name) for tag, name, value in attributes(page) if tag != "a" and "//" in value]
    assert loads == []
    assert not re.search(r"@import|url\(", page.partition("</style>")[0])
    assert "default-src 'none'" in page
    assert "<em>so</em>" in page and "I see." in page
    assert page.count("<div") == page.count("</div>")  # the answer does not break out of its cell
    assert len(page) < 150_000


def test_feedback_of_nobody(book: Book) -> None:
    with pytest.raises(RuntimeError, match="'bob'"):
        feedback(book, "bob")


def test_nothing_is_written_outside(book: Book) -> None:
    exercises = {path: path.stat().st_mtime_ns for path in (ROOT / "exercises").rglob("*")}
    book.prepare()
    book.record("ann", executed(book), None)
    assert exercises == {path: path.stat().st_mtime_ns for path in (ROOT / "exercises").rglob("*")}
    assert not (book.root / "exercises").exists() and not (book.root / "submitted").exists()
