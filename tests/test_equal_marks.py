"""The executor, which runs tests and students' code apart, gives the marks that the simple way gives.

The simple way (grading.py) runs both in one process; test_answers.py proves its marks. Here the executor
marks every answer, in submissions that answer many tasks at once: each must get its points and its
message, and a task that uses nothing wrong must get full marks, so no answer costs points elsewhere.
Every second submission is marked in both ways, and all that the two say must be the same.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import pytest
from grading import (
    Answer,
    Mark,
    _text,
    all_answers,
    assignments,
    grade,
    grade_id,
    is_test,
    seeded,
    solution,
    substitute,
    tasks,
    uses,
)
from nbformat import NotebookNode
from nbgrader.utils import determine_grade

from course.grading.execute import execute, make_job, with_outputs
from course.grading.sandbox import Limits
from course.grading.warm import Warm

BOTH_WAYS = 2  # every second submission: all of them would take a third more time


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with Warm() as process:
        yield process


@functools.cache
def submissions(assignment: str) -> list[tuple[Answer, ...]]:
    """Every answer once; where an answer uses another task's function, that task has its solution."""
    needs = uses(solution(assignment))
    left: dict[str, list[Answer]] = {name: [] for name in needs}
    for answer in all_answers():
        if answer.assignment == assignment:
            left[answer.task].append(answer)
    found = []
    while any(left.values()):
        taken: dict[str, Answer] = {}
        for name, answers in left.items():
            if answers and not needs[name] & taken.keys():
                taken[name] = answers.pop()
        found.append(tuple(taken.values()))
    return found


ALL = [(assignment, number) for assignment in assignments() for number in range(len(submissions(assignment)))]


def handed_in(assignment: str, answers: tuple[Answer, ...]) -> NotebookNode:
    """The notebook with these answers, and solutions to all other tasks."""
    return substitute(solution(assignment), {answer.task: answer.source for answer in answers})


def executed(warm: Warm, notebook: NotebookNode) -> dict[str, Mark]:
    """The marks that the executor's outputs are worth; without a sandbox, which changes no marks."""
    result = execute(warm, make_job(notebook, notebook, Limits(), sandboxed=False))
    marks = {}
    for cell in with_outputs(notebook, result).cells:
        if is_test(cell):
            points, most = determine_grade(cell)
            marks[grade_id(cell)] = Mark(points, most, "\n".join(_text(output) for output in cell.outputs))
    return marks


def comparable(marks: dict[str, Mark]) -> dict[str, Mark]:
    """Without what may differ: Python's warnings, for which IPython names the cell and shows the line
    (and repeats them in later cells), and the class of a dictionary, which is not sent between processes."""

    def plain(text: str) -> str:
        text = re.sub(r"^\S+:\d+: \w*Warning: .*\n(  .*\n)?\n?", "", text, flags=re.MULTILINE)
        return re.sub(r"Counter\((\{[^{}]*\})\)", r"\1", text)

    return {name: Mark(mark.points, mark.most, plain(mark.text)) for name, mark in marks.items()}


@pytest.mark.parametrize(("assignment", "number"), ALL)
def test_executor_gives_the_same_marks(assignment: str, number: int, warm: Warm) -> None:
    answers = submissions(assignment)[number]
    notebook = seeded(handed_in(assignment, answers), seed=number)
    marks = executed(warm, notebook)
    if number % BOTH_WAYS == 1:
        assert comparable(marks) == comparable(grade(notebook))
    found = tasks(solution(assignment))
    assert set(marks) == {name for task in found.values() for name in task.tests}
    for answer in answers:
        mine = [marks[name] for name in found[answer.task].tests]
        points = tuple(mark.most for mark in mine) if answer.right else answer.points
        assert tuple(mark.points for mark in mine) == points, (answer.label, mine)
        for mark, says in zip(mine, answer.says, strict=False):  # a right answer has nothing to say
            assert mark.points == mark.most or says in mark.text, (answer.label, mark)
    wrong, answered = {a.task for a in answers if not a.right}, {a.task for a in answers}
    for name, needs in uses(solution(assignment)).items():
        if name not in answered and not needs & wrong:
            assert not [marks[test] for test in found[name].tests if marks[test].points < marks[test].most]


def test_every_answer_is_handed_in_once() -> None:
    handed = [answer for assignment, number in ALL for answer in submissions(assignment)[number]]
    assert len(handed) == len(set(handed)) == len(all_answers())
    for assignment, number in ALL:
        answered = {answer.task for answer in submissions(assignment)[number]}
        needs = uses(solution(assignment))
        assert not any(needs[name] & answered for name in answered)
