"""A quarter, made up from a seed: who hands in what and when, and what every mark must be in the end.

The bookkeeping here (Ledger) knows neither nbgrader nor the grader. A right answer has all points of its
tests, a wrong one those that tests/answers/ proves; a person's mark stands until a person changes it.
"""

from __future__ import annotations

import json
import math
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
from grading import ANSWERS, Answer, assignments, grade_id, read_answers, substitute, tasks, uses
from nbformat import NotebookNode

from course.build import assignment_path
from course.grading.book import find_tasks

WRITTEN = "in_your_words"
FIRST_DUE = datetime(2026, 10, 5, 12)  # UTC, as the gradebook has it
WEEK, DAY = timedelta(weeks=1), timedelta(days=1)
MOST_WRONG = 3  # wrong answers to a task that occur; the first ones of its file
BROKEN = b'{"cells": ['
# Of a student in an assignment: what comes until the deadline, and what after it.
ROLES = {
    "in time": ("paper", ""),
    "late": ("", "paper"),
    "better": ("paper", "paper"),
    "nothing": ("", ""),
    "mended": ("broken", "paper"),
    "spoilt": ("paper", "broken"),
    "broken": ("broken", ""),
    "silent": ("no words", ""),  # without the written answer
    "twice": ("paper", "paper"),
}
JOINS, LEAVES = 2, 2  # the number of the first assignment with the one, without the other
CORRECTED = 1  # the number of the assignment with two wrong hidden tests
REFUSES, ACCEPTS = "group_right_hidden", "decode_hidden"  # all answers, until they are corrected
TOO_MUCH = "decode"  # the task of the latter


@dataclass(frozen=True)
class Kit:
    """What an assignment's notebooks are made of. most: {test cell: points}; cells: {task: test cells}."""

    name: str
    file: str
    release: NotebookNode
    right: Mapping[str, str]
    wrong: Mapping[str, list[Answer]]
    cells: Mapping[str, tuple[str, ...]]
    most: Mapping[str, float]

    @property
    def notebook(self) -> str:
        return Path(self.file).stem


def read_kit(name: str) -> Kit:
    path = assignment_path("solutions", name)
    solution = nbformat.read(path, as_version=4)
    found, needed = tasks(solution), set().union(*uses(solution).values())
    return Kit(
        name,
        path.name,
        nbformat.read(assignment_path("exercises", name), as_version=4),
        {task.name: task.answer for task in found.values()},
        {  # a wrong answer that others build on costs more than its own points
            task.name: [
                one for one in read_answers(ANSWERS / name / f"{task.name}.py", name, task) if not one.right
            ][:MOST_WRONG]
            for task in found.values()
            if task.name not in needed
        },
        {task.name: task.tests for task in find_tasks(solution)},
        {
            grade_id(cell): float(cell.metadata.nbgrader.points)
            for cell in solution.cells
            if cell.metadata.get("nbgrader", {}).get("grade")
        },
    )


@dataclass(frozen=True)
class Paper:
    """A notebook that is handed in. wrong: {task: the answer}; all others are right; words: "" for none."""

    wrong: Mapping[str, Answer]
    words: str

    def data(self, kit: Kit) -> bytes:
        sources = {**kit.right, **{task: answer.source for task, answer in self.wrong.items()}}
        if self.words:
            sources[WRITTEN] = self.words
        return json.dumps(substitute(kit.release, sources), ensure_ascii=False).encode()

    def points(self, kit: Kit) -> dict[str, float]:
        """By test cell, of the tests as they should be."""
        given = {cell: most for cell, most in kit.most.items() if cell != WRITTEN}
        for task, answer in self.wrong.items():
            given |= dict(zip(kit.cells[task], answer.points, strict=True))
        return given

    def answer(self, task: str, kit: Kit) -> str:
        if task == WRITTEN:
            return self.words
        return self.wrong[task].source if task in self.wrong else kit.right[task]


@dataclass(frozen=True)
class HandIn:
    """paper: None for a file that is no notebook."""

    student: str
    when: datetime
    paper: Paper | None


@dataclass
class Entry:
    """A student's marks for an assignment, by test cell; given: by a person. waiting: for a person."""

    paper: Paper
    late: timedelta
    points: dict[str, float]
    given: dict[str, float] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)

    def of(self, cell: str) -> float:
        return self.given.get(cell, self.points.get(cell, 0.0))

    def by_task(self, kit: Kit) -> dict[str, float]:
        found = {task: sum(map(self.of, cells)) for task, cells in kit.cells.items()}
        return {**found, "total": sum(found.values())}


class Ledger:
    """{assignment: {student: entry}}, and whose newest file failed."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Entry]] = {}
        self.failed: set[tuple[str, str]] = set()

    def record(self, kit: Kit, due: datetime, one: HandIn, tests: Mapping[str, float]) -> None:
        """A file was graded. tests: the points that wrong tests give to everybody."""
        if one.paper is None:
            self.failed.add((one.student, kit.name))
            return
        self.failed.discard((one.student, kit.name))
        entries = self.entries.setdefault(kit.name, {})
        before = entries.get(one.student)
        late = max(timedelta(0), one.when - due)
        now = entries[one.student] = Entry(one.paper, late, {**one.paper.points(kit), **tests})
        if before:
            now.given = before.given
            now.waiting = {cell for cell in before.waiting if cell in before.given}
            for task, cells in kit.cells.items():
                other = before.paper.answer(task, kit) != one.paper.answer(task, kit)
                changed = {cell for cell in cells if before.points.get(cell) != now.points.get(cell)}
                now.waiting |= (set(cells) if other else changed) & {*now.given}
        if one.paper.words and WRITTEN not in now.given:
            now.waiting.add(WRITTEN)

    def mark(self, kit: Kit, student: str, cell: str, points: float) -> None:
        entry = self.entries[kit.name][student]
        entry.given[cell] = points
        entry.waiting.discard(cell)

    def totals(self, kit: Kit) -> dict[str, dict[str, float]]:
        return {student: one.by_task(kit) for student, one in self.entries.get(kit.name, {}).items()}


Line = tuple[str, str, float, float]  # student, task, before, now


def differences(
    before: Mapping[str, Mapping[str, float]], now: Mapping[str, Mapping[str, float]]
) -> list[Line]:
    """What a list of changed marks must hold; a first mark is no change."""
    return sorted(
        (student, task, points, now[student][task])
        for student, tasks_of in before.items()
        for task, points in tasks_of.items()
        if not math.isclose(points, now[student][task], abs_tol=1e-9)
    )


class Quarter:
    """The class and its plan. rounds: the files that come in, by assignment, before and after it is due."""

    def __init__(self, size: int, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.kits = [read_kit(name) for name in assignments()]
        self.students = [f"Student_{number:03d}" for number in range(size)]
        self.joiner, self.leaver = self.students[-1], self.students[-2]
        self.ledger = Ledger()
        self.rounds = [(self._round(number, 0), self._round(number, 1)) for number in range(len(self.kits))]

    def due(self, number: int) -> datetime:
        return FIRST_DUE + number * WEEK

    def enrolled(self, number: int) -> list[str]:
        gone = {self.joiner} if number < JOINS else set()
        gone |= {self.leaver} if number >= LEAVES else set()
        return [student for student in self.students if student not in gone]

    def role(self, student: str, number: int) -> str:
        return list(ROLES)[(self.students.index(student) + 2 * number) % len(ROLES)]

    def _round(self, number: int, second: int) -> list[HandIn]:
        return [
            HandIn(student, self._when(number, second), self._paper(number, student, what))
            for student in self.enrolled(number)
            if (what := ROLES[self.role(student, number)][second])
        ]

    def _when(self, number: int, second: int) -> datetime:
        minutes = timedelta(minutes=self.random.randrange(1, 4000))  # up to 2.8 days
        return self.due(number) + (minutes if second else -minutes)

    def _paper(self, number: int, student: str, what: str) -> Paper | None:
        if what == "broken":
            return None
        kit = self.kits[number]
        wrong = {
            task: self.random.choice(answers)
            for task, answers in kit.wrong.items()
            if answers and self.random.random() < 0.3
        }
        if number == CORRECTED and self.role(student, number) == "silent":
            wrong = {TOO_MUCH: kit.wrong[TOO_MUCH][0]}  # whom the right test costs points
        words = f"Because it looks at {self.random.randrange(10**6)} keys, says {student}."
        return Paper(wrong, "" if what == "no words" else words)

    def mark(self) -> float:
        """Half a point for each of four things, as the rubrics say."""
        return self.random.randrange(5) / 2

    def expected(self) -> dict[str, dict[str, float | None]]:
        """The report's numbers: a row for each student who handed in something, or is still there."""
        last = set(self.enrolled(len(self.kits) - 1))
        rows: dict[str, dict[str, float | None]] = {}
        for student in self.students:
            found = {
                kit.name: entry
                for kit in self.kits
                if (entry := self.ledger.entries.get(kit.name, {}).get(student))
            }
            if not found and student not in last and not any(one == student for one, _ in self.ledger.failed):
                continue
            by_kit = {
                kit.name: found[kit.name].by_task(kit)["total"] if kit.name in found else None
                for kit in self.kits
            }
            rows[student] = {
                **by_kit,
                "total": sum(filter(None, by_kit.values())) if found else None,
                "days late": sum(math.ceil(one.late / DAY) for one in found.values()),
                "to mark by hand": sum(len(one.waiting) for one in found.values()),
            }
        return rows


def hand_in(one: HandIn, kit: Kit, folder: Path, platform: bool, student: str = "") -> None:
    """Write the file: in nbgrader's layout with its time, or as Moodle exports it, with the disk's."""
    name = student or one.student
    place = folder / (f"{name}_4711_assignsubmission_file_" if platform else f"{name}/{kit.name}")
    place.mkdir(parents=True, exist_ok=True)
    path = place / kit.file
    path.write_bytes(one.paper.data(kit) if one.paper else BROKEN)
    if platform:
        seconds = (one.when - datetime(1970, 1, 1)).total_seconds()
        os.utime(path, (seconds, seconds))
    else:
        (place / "timestamp.txt").write_text(f"{one.when:%Y-%m-%d %H:%M:%S.%f} UTC", encoding="utf-8")


def wrong_tests(kit: Kit) -> dict[str, float]:
    """The points that everybody gets from the two wrong tests of the assignment that is corrected later."""
    return {REFUSES: 0.0, ACCEPTS: kit.most[ACCEPTS]}


def spoil(path: Path) -> Iterator[None]:
    """A generator: first the solutions with those wrong tests, then as they were."""
    good = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(good, as_version=4)
    for cell in notebook.cells:
        if (name := grade_id(cell)) in (REFUSES, ACCEPTS):
            before, _, rest = cell.source.partition("### BEGIN HIDDEN TESTS\n")
            _, _, after = rest.partition("### END HIDDEN TESTS")
            line = "assert False, 'no answer is right'" if name == REFUSES else "pass"
            cell.source = f"{before}### BEGIN HIDDEN TESTS\n{line}\n### END HIDDEN TESTS{after}"
    nbformat.write(notebook, path)
    yield
    path.write_text(good, encoding="utf-8")
    yield
