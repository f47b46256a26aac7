"""A quarter through `course grade` and `course report`: five assignments, two instructors, one gradebook.

Nine students here. With 300: `COURSE_QUARTER=300 python -m pytest tests/test_quarter.py` (2,000 files are
graded, in 20 minutes on two cores). Each student has another role in each assignment; see quarter.py, which
also keeps its own books.
"""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import quarter
from nbgrader.api import Gradebook
from quarter import CORRECTED, REFUSES, WRITTEN, HandIn, Kit, Line, Quarter

from course.__main__ import main
from course.build import assignment_path
from course.grading import changes
from course.grading.book import Book
from course.grading.table import FAILED, GRADED, NOTHING, PERSON

SIZE = int(os.environ.get("COURSE_QUARTER", "9"))
SLIP = "student_000"  # what Student_000 calls one file
Times = tuple[float, float]  # when something began and when it was done
Order = tuple[str, str, str, str, float, str]  # a line that marker.py reads


class Instructor:
    """A person at a Formgrader, see marker.py."""

    def __init__(self, gradebook: Path) -> None:
        command = [sys.executable, str(Path(__file__).with_name("marker.py")), str(gradebook)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.orders: list[Order] = []
        self.marked: list[Times] = []
        self.under_way = 1
        self.wait()

    def begin(self, student: str = "") -> None:
        """Mark one thing, of this student if there is one to mark, and do not wait until it is done."""
        if not self.orders:
            return
        order = next((one for one in self.orders if one[2] == student), self.orders[0])
        self.orders.remove(order)
        assert self.process.stdin
        print(json.dumps(order), file=self.process.stdin, flush=True)
        self.under_way += 1

    def wait(self) -> None:
        assert self.process.stdout and self.process.stderr
        while self.under_way:
            said = self.process.stdout.readline()
            assert said, self.process.stderr.read()[-3000:]
            self.marked += [] if said == "ready\n" else [tuple(json.loads(said))]
            self.under_way -= 1

    def finish(self) -> None:
        while self.orders:
            self.begin()
        self.wait()

    def end(self) -> None:
        _, errors = self.process.communicate()
        assert self.process.returncode == 0, errors[-3000:]


class Term:
    """A course's folder in which a quarter happens, and what each run listed as changed."""

    def __init__(self, root: Path, plan: Quarter) -> None:
        self.root, self.plan, self.ledger = root, plan, plan.ledger
        self.tables: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
        self.listed: dict[tuple[str, str], tuple[list[Line], list[Line]]] = {}  # by the run, by the plan
        self.instructors: list[Instructor] = []
        self.recorded: list[Times] = []
        for kit in plan.kits:
            path = assignment_path("solutions", kit.name, root)
            path.parent.mkdir(parents=True)
            path.write_bytes(assignment_path("solutions", kit.name).read_bytes())

    def happen(self) -> None:
        for number, kit in enumerate(self.plan.kits):
            correction = quarter.spoil(assignment_path("solutions", kit.name, self.root))
            tests = {}
            if number == CORRECTED:
                next(correction)
                tests = quarter.wrong_tests(kit)
            (self.root / "class.txt").write_text("\n".join(self.plan.enrolled(number)), encoding="utf-8")
            first, second = self.plan.rounds[number]
            folder = self.root / f"week {number + 1}"
            self.grade(number, "first", first, folder, tests)
            self.before_the_second(kit, second)
            both = self.one_folder(number)
            self.grade(number, "second", second, folder if both else self.root / f"late {number + 1}", tests)
            self.after_the_second(kit, number)
            if number == CORRECTED:
                next(correction)
                self.correct(kit, number, folder)
        for instructor in self.instructors:
            instructor.end()

    def one_folder(self, number: int) -> bool:
        """Whether what comes late is put to the rest, as a platform's second export has it."""
        return number % 2 == 1

    def grade(
        self, number: int, run: str, files: Sequence[HandIn], folder: Path, tests: dict[str, float]
    ) -> None:
        """Put the files there, run the command on the folder, and note what it must have changed."""
        kit = self.plan.kits[number]
        for one in files:
            slip = SLIP if number == 4 and one.student == self.plan.students[0] else ""
            quarter.hand_in(one, kit, folder, self.one_folder(number), slip)
        there = {one.student: one for one in (*self.before(number, run), *files)}
        before, known = self.ledger.totals(kit), len(self.changes(kit))
        due = f"{self.plan.due(number).isoformat()}+00:00"
        command = ["grade", kit.name, str(folder), "--course", str(self.root), "--due", due]
        with self.competing():
            assert main([*command, "--students", str(self.root / "class.txt")]) == 0
        for instructor in self.instructors:
            instructor.finish()
        for one in there.values():
            self.ledger.record(kit, self.plan.due(number), one, tests)
        self.listed[kit.name, run] = (
            sorted(self.changes(kit)[known:]),
            quarter.differences(before, self.ledger.totals(kit)),
        )
        text = (self.root / "marks" / f"{kit.name}.csv").read_text(encoding="utf-8-sig")
        self.tables[kit.name, run] = {row["student"]: row for row in csv.DictReader(text.splitlines())}

    def before(self, number: int, run: str) -> list[HandIn]:
        """What lay in the folder already."""
        first, second = self.plan.rounds[number]
        if run == "corrected":
            return [*first, *second]
        return first if run == "second" and self.one_folder(number) else []

    @contextmanager
    def competing(self) -> Iterator[None]:
        """Each time a notebook is recorded, both instructors begin to mark, the same student if they can."""
        record = Book.record

        def beside(book: Book, student: str, *rest: Any) -> object:
            for instructor in self.instructors:
                instructor.begin(student)
            begun = time.monotonic()
            try:
                return record(book, student, *rest)
            finally:
                self.recorded.append((begun, time.monotonic()))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Book, "record", beside)
            yield

    def changes(self, kit: Kit) -> list[Line]:
        path = self.root / "marks" / f"{kit.name}-changes.csv"
        if not path.is_file():
            return []
        lines = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
        return [(one["student"], one["task"], float(one["before"]), float(one["now"])) for one in lines]

    def order(self, kit: Kit, student: str, cell: str, points: float) -> Order:
        self.ledger.mark(kit, student, cell, points)
        comment = f"Read, {student}." if cell == WRITTEN else ""
        return kit.name, kit.notebook, student, cell, points, comment

    def waiting(self, kit: Kit) -> list[str]:
        return [name for name, entry in self.ledger.entries[kit.name].items() if WRITTEN in entry.waiting]

    def divide(self, kit: Kit, students: Sequence[str]) -> None:
        """The written answers of these students, half of them for each instructor."""
        while len(self.instructors) < 2:
            self.instructors.append(Instructor(self.root / "gradebook.db"))
        for at, student in enumerate(students):
            order = self.order(kit, student, WRITTEN, self.plan.mark())
            self.instructors[at % 2].orders.append(order)

    def before_the_second(self, kit: Kit, second: Sequence[HandIn]) -> None:
        """Some who will hand in again are marked; the others' answers are left for the second run."""
        again = {one.student for one in second}
        waiting = self.waiting(kit)
        self.divide(kit, [name for name in waiting if name in again][::2])
        for instructor in self.instructors:
            instructor.finish()
        self.divide(kit, [name for name in waiting if name not in again])

    def after_the_second(self, kit: Kit, number: int) -> None:
        """All is marked but for one answer of the last assignment."""
        self.divide(kit, self.waiting(kit)[number == len(self.plan.kits) - 1 :])
        for instructor in self.instructors:
            instructor.finish()

    def correct(self, kit: Kit, number: int, folder: Path) -> None:
        """Graded again with the right tests; meanwhile the instructors change their minds.

        Two students had got points by hand, for what the wrong test had refused.
        """
        entries = self.ledger.entries[kit.name]
        spoilt = [one.student for one in self.plan.rounds[number][1] if one.paper is None]
        for at, student in enumerate([name for name in entries if name not in spoilt][:2]):
            self.instructors[at].orders.append(self.order(kit, student, REFUSES, kit.most[REFUSES]))
            self.instructors[at].finish()
        for other in (kit, self.plan.kits[0]):
            self.divide(other, [name for name, one in self.ledger.entries[other.name].items() if one.given])
        self.grade(number, "corrected", [], folder, {})

    def report(self) -> dict[str, dict[str, str]]:
        assert main(["report", "--course", str(self.root), "--students", str(self.root / "class.txt")]) == 0
        text = (self.root / "marks" / "report.csv").read_text(encoding="utf-8-sig")
        return {row["student"]: row for row in csv.DictReader(text.splitlines())}


@pytest.fixture(scope="module")
def term(tmp_path_factory: pytest.TempPathFactory) -> Term:
    term = Term(tmp_path_factory.mktemp("term"), Quarter(SIZE))
    term.happen()
    return term


def test_the_report_is_what_the_books_say(term: Term) -> None:
    """Every mark, every sum, every day late, and what is still to be marked, of every student."""
    heads = {kit.name: f"{kit.name} ({sum(kit.most.values()):g})" for kit in term.plan.kits}
    heads["total"] = f"total ({sum(sum(kit.most.values()) for kit in term.plan.kits):g})"
    found = {
        student: {
            name: float(cell) if (cell := row[heads.get(name, name)]) else None
            for name in (*heads, "days late", "to mark by hand")
        }
        for student, row in term.report().items()
    }
    wanted = term.plan.expected()
    assert {name: pytest.approx(row) for name, row in wanted.items()} == found
    assert any(row["days late"] for row in wanted.values())
    assert sum(row["to mark by hand"] or 0 for row in wanted.values()) >= 1


def test_the_gradebook_adds_up(term: Term) -> None:
    """By nbgrader's own sums and by SQL; nobody is in it twice, and nobody who never handed in anything."""
    wanted = {name: row["total"] for name, row in term.plan.expected().items() if row["total"] is not None}
    with Gradebook(f"sqlite:///{term.root / 'gradebook.db'}") as gradebook:
        assert {one.id: one.score for one in gradebook.students} == pytest.approx(wanted)
    with sqlite3.connect(term.root / "gradebook.db") as database:
        marks = "COALESCE(manual_score, auto_score, 0) + COALESCE(extra_credit, 0)"
        [(points,)] = database.execute(f"SELECT SUM({marks}) FROM grade")
        [(count,)] = database.execute("SELECT COUNT(*) FROM submitted_assignment")
    database.close()
    assert points == pytest.approx(sum(wanted.values()))
    assert count == sum(len(entries) for entries in term.ledger.entries.values())


def test_each_run_lists_what_it_changed(term: Term) -> None:
    for (name, run), (listed, wanted) in term.listed.items():
        assert [line[:2] for line in listed] == [line[:2] for line in wanted], (name, run)
        for (student, task, *mine), (_, _, *other) in zip(listed, wanted, strict=True):
            if task == changes.TOTAL:  # an instructor may have changed it before or after
                mine, other = [mine[1] - mine[0]], [other[1] - other[0]]
            assert mine == pytest.approx(other), (name, run, student, task)
        told = {student for student, row in term.tables[name, run].items() if row["changed"]}
        assert told == {student for student, *_ in wanted}, (name, run)
    assert not any(wanted for (_, run), (_, wanted) in term.listed.items() if run == "first")
    changed = term.listed[term.plan.kits[CORRECTED].name, "corrected"][1]
    assert any(now > before for *_, before, now in changed)
    assert any(now < before for *_, before, now in changed)


def test_marks_by_hand_outlive_the_correction(term: Term) -> None:
    """They count, and where the right test gives other points than the wrong one, a person is asked."""
    kit = term.plan.kits[CORRECTED]
    table = term.tables[kit.name, "corrected"]
    by_hand = {name: one for name, one in term.ledger.entries[kit.name].items() if REFUSES in one.given}
    assert len(by_hand) == 2
    for name, entry in by_hand.items():
        points = entry.by_task(kit)["group_right"]
        assert float(table[name]["group_right (2)"]) == points
        assert ("group_right" in table[name]["reason"]) == (REFUSES in entry.waiting)


def test_both_instructors_marked_while_notebooks_were_recorded(term: Term) -> None:
    for instructor in term.instructors:
        assert any(
            begun < end and start < done for begun, done in instructor.marked for start, end in term.recorded
        )
    with Gradebook(f"sqlite:///{term.root / 'gradebook.db'}") as gradebook:
        for kit in term.plan.kits:
            for name, entry in term.ledger.entries[kit.name].items():
                if WRITTEN in entry.given:
                    comment = gradebook.find_comment(WRITTEN, kit.notebook, kit.name, name)
                    assert comment.manual_comment == f"Read, {name}."


def test_who_joins_and_who_leaves(term: Term) -> None:
    plan, report = term.plan, term.report()
    for number, kit in enumerate(plan.kits):
        table = term.tables[kit.name, "second"]
        assert (plan.joiner in table) == (number >= quarter.JOINS)
        assert (plan.leaver in table) == (number < quarter.LEAVES)
    joined, left = report[plan.joiner]["remarks"], report[plan.leaver]["remarks"]
    assert f"{plan.kits[0].name}: {NOTHING}" in joined and "not on the list" not in joined
    assert left.startswith("not on the list of students; ") and f"{plan.kits[4].name}: {NOTHING}" in left


@pytest.mark.parametrize("run", ["first", "second"])
def test_statuses(term: Term, run: str) -> None:
    """What a role must come to in each table."""
    second = run == "second"
    for number, kit in enumerate(term.plan.kits):
        table = term.tables[kit.name, run]
        for student in term.plan.enrolled(number):
            role, row = term.plan.role(student, number), table[student]
            broken = {"mended": not second, "spoilt": second, "broken": True}.get(role, False)
            nothing = role == "nothing" or (role == "late" and not second)
            wanted = (FAILED,) if broken else (NOTHING,) if nothing else (GRADED, PERSON)
            assert row["status"] in wanted, (kit.name, student, role, row)
            assert (row["late"] != "") == (
                role in ("late", "better", "mended", "twice") and second and not broken
            )
