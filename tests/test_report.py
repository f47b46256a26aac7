"""The report of a term, and who is who in it: gradebooks made by hand, nbgrader's own, without grading."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
import nbgrader.api
import pytest
from nbgrader.api import Gradebook

from course import report
from course.__main__ import main
from course.errors import CourseError
from course.grading import changes
from course.grading.book import Marks
from course.grading.grader import Executed, Grader
from course.grading.intake import Submission
from course.grading.mend import Mended
from course.grading.roll import Roll
from course.grading.table import for_spreadsheet

DUE = datetime(2026, 10, 5, 12)
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own way
LESS = "2 points less for lateness"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two assignments of 3 + 2 points are graded, a third is not; ann, bob and cal are in the gradebook."""
    monkeypatch.setattr(nbgrader.api, "get_alembic_version", lambda: "0")  # a program that takes seconds
    for name in ("1_one", "2_two", "3_three"):
        (tmp_path / "solutions" / name).mkdir(parents=True)
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as gradebook:
        for name in ("2_two", "1_one"):
            gradebook.add_assignment(name, duedate=DUE if name == "2_two" else None)
            gradebook.add_notebook("book", name)
            gradebook.add_grade_cell("test", "book", name, max_score=3, cell_type="code")
            gradebook.add_grade_cell("words", "book", name, max_score=2, cell_type="markdown")
        for student in ("cal", "ann", "bob"):
            gradebook.add_student(student)
        for name, student, points, words in (
            ("1_one", "ann", 2.5, 1.5),
            ("2_two", "ann", 3, None),
            ("1_one", "bob", 0, 0),
        ):
            gradebook.add_submission(name, student, timestamp="2026-10-06 12:00:01 UTC")
            grade = gradebook.find_grade("test", "book", name, student)
            grade.auto_score, grade.needs_manual_grade = points, False
            grade = gradebook.find_grade("words", "book", name, student)
            grade.manual_score, grade.needs_manual_grade = words, words is None
        gradebook.db.commit()
    return tmp_path


def rows(root: Path, students: str = "") -> dict[str, list[str]]:
    """The CSV's lines, by student; the head under ""."""
    options = ["report", "--course", str(root)]
    if students:
        (root / "class.txt").write_text(students, encoding="utf-8")
        options += ["--students", str(root / "class.txt")]
    assert main(options) == 0
    text = (root / "marks" / "report.csv").read_text(encoding="utf-8-sig")
    head, *lines = csv.reader(text.splitlines())
    assert [line[0] for line in lines] == sorted(line[0] for line in lines)
    return {"": head} | {line[0]: line[1:] for line in lines}


def edit(root: Path, statement: str) -> None:
    with sqlite3.connect(root / "gradebook.db") as database:
        database.execute(statement)
    database.close()


def test_a_row_a_student(root: Path, capsys: pytest.CaptureFixture) -> None:
    """Days late have begun; nothing is no zero; the total is that of what there is."""
    found = rows(root)
    assert found == {
        "": ["student", "total (10)", "1_one (5)", "2_two (5)", "days late", "to mark by hand", "remarks"],
        "ann": ["7", "4", "3", "2", "1", "2_two: 1 d 0 h late; 2_two: to be marked by hand: words"],
        "bob": ["0", "0", "", "0", "0", "2_two: nothing handed in"],
        "cal": ["", "", "", "0", "0", "1_one: nothing handed in; 2_two: nothing handed in"],
    }
    said = capsys.readouterr().out
    assert "3 students, 2 assignments, 1 answers to mark by hand\nnot graded yet: 3_three" in said
    assert "report.csv" in said


def test_the_class(root: Path) -> None:
    """Who is on the list has a row; who left keeps one as long as there are marks."""
    found = rows(root, "Ann\ndoe\n")
    assert list(found) == ["", "ann", "bob", "doe"]
    assert found["bob"][-1] == "not on the list of students; 2_two: nothing handed in"
    assert found["doe"][0] == "" and "not on" not in found["doe"][-1] + found["ann"][-1]


def test_what_failed(root: Path) -> None:
    """The gradebook does not know; the assignment's table does, if it is as the grader wrote it."""
    (root / "marks").mkdir()
    table = root / "marks" / "2_two.csv"
    failed = "".join(f'"{name}","failed"\n' for name in ("ann", "eve", for_spreadsheet("+fay")))
    table.write_text(f'"student","status"\n{failed}"bob","graded"\n', "utf-8-sig")
    found = rows(root)
    assert (
        "2_two: the newest file failed, these are the marks of an earlier one; 2_two: 1 d" in found["ann"][-1]
    )
    assert found["eve"] == ["", "", "", "0", "0", "1_one: nothing handed in; 2_two: failed"]
    assert [name for name in found if "fay" in name] == ["'+fay"], "as a spreadsheet is told it, once"
    table.write_text("student;status\nann;failed\n", "utf-8-sig")
    assert "failed" not in rows(root)["ann"][-1]


def test_an_extension_and_a_penalty(root: Path) -> None:
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        submission = gradebook.find_submission("2_two", "ann")
        submission.notebooks[0].late_submission_penalty = 2
        gradebook.db.commit()
        assert rows(root)["ann"][:4] == ["5", "4", "1", "2"] and LESS in rows(root)["ann"][-1]
        submission.notebooks[0].late_submission_penalty = 9
        submission.extension = timedelta(days=2)
        gradebook.db.commit()
    assert rows(root)["ann"][:4] == ["4", "4", "0", "0"]


def test_the_gradebook_stays_as_it_is_and_is_not_waited_for(root: Path) -> None:
    """Somebody has begun to write and does not end."""
    path = root / "gradebook.db"
    before = path.read_bytes()
    with sqlite3.connect(path) as writer:
        writer.execute("UPDATE grade SET auto_score = 1")
        assert rows(root)["ann"][0] == "7"
        writer.rollback()
    writer.close()
    assert path.read_bytes() == before


def test_numbers_that_do_not_add_up(root: Path) -> None:
    """A mark without a cell: nbgrader leaves it out of one of its sums."""
    edit(root, "DELETE FROM grade_cells WHERE id IN (SELECT id FROM base_cell WHERE name = 'words')")
    with pytest.raises(CourseError, match="add up"):
        report.read(root)


@pytest.mark.parametrize("data", [None, b"", b"no database, but long enough to be one" * 100])
def test_no_gradebook(root: Path, data: bytes | None) -> None:
    (root / "gradebook.db").unlink()
    if data is not None:
        (root / "gradebook.db").write_bytes(data)
    with pytest.raises(CourseError, match="gradebook.db: .*(grade an assignment first|damaged)"):
        report.read(root)


@pytest.mark.parametrize(
    ("listed", "booked", "here", "wanted"),
    [
        (["Ann"], [], ["ann", "bo"], ["Ann", "bo"]),
        ([], ["Ann"], ["ANN"], ["Ann"]),
        (["ann"], ["Ann"], ["ann"], ["Ann"]),  # marks are there under that name
        ([], ["Ann", "ann"], ["ann"], ["ann"]),
        ([], ["lee_7", "lee_8"], ["lee canvas:7"], ["lee_7"]),
        ([], ["lee_7"], ["lee canvas:9"], ["lee"]),
        (["lee_7"], [], ["lee canvas:7", "lee_7"], ["lee", "lee_7"]),  # two files: a person decides
    ],
)
def test_a_student_keeps_one_name(
    listed: list[str], booked: list[str], here: list[str], wanted: list[str]
) -> None:
    files = []
    for one in here:
        student, _, number = one.partition(" ")
        files.append(Submission(student, "", Path(), number=number))
    roll = Roll(listed, booked)
    assert [one.student for one in roll.named(files)] == wanted
    assert not {*wanted} & {*roll.absent(wanted)}


LEE = {"canvas:7": "lee"}


@pytest.mark.parametrize(
    ("listed", "booked", "known", "here", "wanted"),
    [
        ([], ["lee"], LEE, ["lee canvas:7"], ["lee"]),
        ([], ["lee"], LEE, ["lee canvas:8"], ["lee_8"]),  # only the other one hands in
        ([], ["lee"], LEE, ["lee_7 canvas:7", "lee_8 canvas:8"], ["lee", "lee_8"]),  # both do
        (["Lee"], ["Lee"], {"canvas:7": "Lee"}, ["lee canvas:8"], ["lee_8"]),
        (["lee", "lee_8"], ["lee"], LEE, ["lee canvas:8"], ["lee_8"]),
        ([], ["lee", "lee_8"], LEE | {"canvas:8": "lee_8"}, ["lee canvas:8"], ["lee_8"]),
        ([], ["lee"], LEE, ["park canvas:7"], ["lee"]),  # who has another name now
        ([], ["lee"], {}, ["lee canvas:8"], ["lee"]),  # which of them the gradebook has, is not known
        ([], ["lee"], LEE, ["lee moodle:8", "lee"], ["lee", "lee"]),
    ],
)
def test_a_number_says_who_it_is(
    listed: list[str], booked: list[str], known: dict[str, str], here: list[str], wanted: list[str]
) -> None:
    files = []
    for one in here:
        student, _, number = one.partition(" ")
        files.append(Submission(student, "", Path(), number=number))
    assert [one.student for one in Roll(listed, booked, known).named(files)] == wanted


def test_who_is_strange() -> None:
    assert not Roll([], ["ann"]).strange("bo")
    roll = Roll(["Ann"], ["Bo"])
    assert roll.absent(["Cy"]) == ["Ann", "Bo"]
    assert [roll.strange(name) for name in ("ann", "Bo", "Cy")] == [False, True, True]


def marks(**points: float) -> Marks:
    return Marks(points, [], sum(points.values()), 10, None)


def test_what_changed(tmp_path: Path) -> None:
    found = changes.between(marks(rope=2, mask=1.5, cost=0.1 + 0.2), marks(rope=3, mask=1, cost=0.3))
    assert found == {"rope": (2, 3), "mask": (1.5, 1), "total": pytest.approx((3.8, 4.3))}
    assert changes.in_words(found) == "total 3.8, now 4.3 (rope 2, now 3; mask 1.5, now 1)"
    moved = changes.between(marks(rope=2, mask=1), marks(rope=1, mask=2))
    assert changes.in_words(moved) == "the same total (rope 2, now 1; mask 1, now 2)"
    for same in (changes.between(None, marks(rope=1)), changes.between(marks(rope=1), marks(rope=1))):
        assert same == {} and changes.in_words(same) == ""

    path = changes.path_of(tmp_path, "1_one")
    changes.keep(path, "ann", {})
    assert not path.exists()
    changes.keep(path, "ann", found)
    changes.keep(path, "=bob", moved)
    head, *lines = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
    assert head == ["when", "student", "task", "before", "now"]
    assert [line[1:] for line in lines] == [
        ["ann", "rope", "2", "3"],
        ["ann", "mask", "1.5", "1"],
        ["ann", "total", "3.8", "4.3"],
        ["'=bob", "rope", "2", "1"],
        ["'=bob", "mask", "1", "2"],
    ]


class Stopped:
    """A Book whose machine stops when the marks are made, just before they are in the gradebook."""

    assignment = "1_one"

    def __init__(self, root: Path) -> None:
        self.root = root

    def record(self, student: str, executed: object, when: object, number: str, seen: Callable) -> None:
        seen(marks(rope=2), marks(rope=3))
        raise KeyboardInterrupt


def test_a_change_is_in_its_file_before_it_is_in_the_gradebook(tmp_path: Path) -> None:
    """It may stand there twice, but is never missing."""
    grader = object.__new__(Grader)
    grader.book = Stopped(tmp_path)  # type: ignore[assignment]
    done = nbformat.v4.new_notebook()
    with pytest.raises(KeyboardInterrupt):
        grader.finish(Submission("ann", "", Path()), Executed(done, Mended(done, [], []), False))
    lines = csv.reader(changes.path_of(tmp_path, "1_one").read_text("utf-8-sig").splitlines())
    assert [line[1:] for line in lines][1:] == [["ann", "rope", "2", "3"], ["ann", "total", "2", "3"]]
