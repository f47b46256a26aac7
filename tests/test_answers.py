"""The graders, proved: wrong answers lose the right points and hear why; right ones get full marks."""

from __future__ import annotations

import functools
import importlib.util
import textwrap

import pytest
from grading import (
    COPIES,
    Answer,
    Mark,
    all_answers,
    assignments,
    drop,
    empty,
    grade,
    grade_id,
    grade_with_course,
    grade_with_nbgrader,
    read_answers,
    run_cell,
    seeded,
    solution,
    substitute,
    tasks,
    weakened,
)
from machine import children_seconds

ANSWERS = all_answers()
WRONG = [answer for answer in ANSWERS if not answer.right]
RIGHT = [answer for answer in ANSWERS if answer.right]
TASKS = [(assignment, task) for assignment in assignments() for task in tasks(solution(assignment)).values()]


@functools.cache
def marks_of(answer: Answer) -> dict[str, Mark]:
    """Of its own task's tests; test_equal_marks.py looks at what it does to other tasks."""
    found = tasks(solution(answer.assignment))
    others = [name for task in found.values() if task.name != answer.task for name in task.tests]
    return grade(drop(substitute(solution(answer.assignment), {answer.task: answer.source}), others))


def lost(marks: dict[str, Mark]) -> dict[str, str]:
    return {name: mark.text for name, mark in marks.items() if mark.points < mark.most}


@pytest.mark.parametrize("answer", WRONG, ids=str)
def test_wrong_answer_loses_its_points_and_is_told_why(answer: Answer) -> None:
    task = tasks(solution(answer.assignment))[answer.task]
    marks = marks_of(answer)
    texts = "\n".join(f"{name}: {marks[name].text}" for name in task.tests)
    assert tuple(marks[name].points for name in task.tests) == answer.points, texts
    assert sum(answer.points) < sum(marks[name].most for name in task.tests)
    for name, says in zip(task.tests, answer.says, strict=True):
        if marks[name].points < marks[name].most:
            assert says and says in marks[name].text, texts


@pytest.mark.parametrize("answer", RIGHT, ids=str)
def test_right_answer_gets_full_marks(answer: Answer) -> None:
    assert lost(marks_of(answer)) == {}


@pytest.mark.parametrize(("assignment", "task"), TASKS, ids=lambda value: getattr(value, "name", value))
def test_there_are_enough_answers(assignment, task) -> None:
    mine = [answer for answer in ANSWERS if (answer.assignment, answer.task) == (assignment, task.name)]
    assert len({answer.source for answer in mine if not answer.right}) >= 6
    assert len({answer.source for answer in mine if answer.right} | {task.source}) >= 4
    assert len({answer.label for answer in mine}) == len(mine)
    copies = [answer for answer in mine if answer.label == COPIES]
    assert copies, "one answer must hold the visible cases and nothing else"
    marks = marks_of(copies[0])
    assert all(marks[name].points == marks[name].most for name in task.visible), "it must pass what it copies"
    assert task.hidden and not any(marks[name].points for name in task.hidden)


@pytest.mark.parametrize("assignment", assignments())
def test_solution_gets_full_marks_every_time(assignment: str) -> None:
    start = children_seconds()  # the notebooks run in children
    for _ in range(5):  # hidden tests draw other numbers each time
        assert lost(grade(solution(assignment))) == {}
    assert children_seconds() - start < 5 * 20


@pytest.mark.parametrize("assignment", assignments())
def test_an_assignment_says_which_packages_there_are(assignment: str) -> None:
    """Colab has more of them than the grader, where the sandbox finds what the course installs."""
    said = solution(assignment).cells[0].source
    assert "Use Python, torch and NumPy: the grader has no pandas, SciPy or scikit-learn." in said
    there = [name for name in ("pandas", "scipy", "sklearn") if importlib.util.find_spec(name)]
    assert not there, "then the sentence is wrong"


@pytest.mark.parametrize("assignment", assignments())
def test_empty_release_gets_nothing(assignment: str) -> None:
    assert [name for name, mark in grade(empty(assignment)).items() if mark.points] == []


@pytest.mark.parametrize(
    ("assignment", "name"), [(assignment, name) for assignment, task in TASKS for name in task.tests]
)
def test_test_cell_stands_alone(assignment: str, name: str) -> None:
    others = {test for task in tasks(solution(assignment)).values() for test in task.tests} - {name}
    marks = grade(drop(solution(assignment), others))
    assert list(marks) == [name]
    assert lost(marks) == {}


@pytest.mark.parametrize(
    ("assignment", "name"), [(assignment, name) for assignment, task in TASKS for name in task.tests]
)
def test_no_check_can_be_left_out(assignment: str, name: str) -> None:
    """Without it, some wrong answer gets more points, or is not told why: so each check catches something."""
    notebook = solution(assignment)
    task = next(task for task in tasks(notebook).values() if name in task.tests)
    which = task.tests.index(name)
    most = next(cell.metadata.nbgrader.points for cell in notebook.cells if grade_id(cell) == name)
    mine = [a for a in WRONG if (a.assignment, a.task) == (assignment, task.name)]
    wrong = [a for a in mine if a.points[which] < most]  # the others get all without that check, too
    alone = drop(notebook, {test for other in tasks(notebook).values() for test in other.tests} - {name})
    source = next(cell.source for cell in alone.cells if grade_id(cell) == name)

    def noticed(answer: Answer, weaker: str) -> bool:
        mark = grade(substitute(alone, {task.name: answer.source, name: weaker}))[name]
        return mark.points != answer.points[which] or (
            mark.points < mark.most and answer.says[which] not in mark.text
        )

    unneeded = []
    for check, weaker in weakened(source):
        # Answers stand in about the order of the checks: the search goes on where it ended.
        found = next((i for i, answer in enumerate(wrong) if noticed(answer, weaker)), None)
        if found is None:
            unneeded.append(check)
        else:
            wrong = wrong[found:] + wrong[:found]
    assert unneeded == []


@pytest.mark.parametrize("assignment", assignments())
def test_nbgrader_gives_the_same_marks(assignment: str, tmp_path) -> None:
    """The solution, the empty release, one right and three wrong answers to every task, for real: with
    nbgrader alone and with `python -m course grade`."""

    def answered(right: bool, number: int):
        sources = {}
        for name in tasks(solution(assignment)):
            mine = [a for a in ANSWERS if (a.assignment, a.task, a.right) == (assignment, name, right)]
            sources[name] = mine[number % len(mine)].source
        return substitute(solution(assignment), sources)

    submissions = {"solution": solution(assignment), "empty": empty(assignment), "right": answered(True, 0)}
    submissions |= {f"wrong{number}": answered(False, number) for number in range(3)}
    source = seeded(solution(assignment), seed=1)  # two wrong answers together may be caught by chance
    start = children_seconds()  # of processors: another program beside the tests slows either, costs neither
    real = grade_with_nbgrader(assignment, source, submissions, tmp_path / "plain")
    half = children_seconds()
    ours = grade_with_course(assignment, source, tmp_path / "plain" / "submitted", tmp_path / "ours")
    end = children_seconds()
    assert ours == real
    assert end - half < half - start, "with six notebooks half of the work, with more still less"
    for student, notebook in submissions.items():
        quick = {name: mark.points for name, mark in grade(seeded(notebook, seed=1)).items()}
        assert {name: points for name, points in real[student].items() if name in quick} == quick, student
        by_hand = set(real[student]) - set(quick)
        assert not any(real[student][name] for name in by_hand), "an unanswered question is worth nothing"


# What the marks above rest on.


def test_cell_runs_as_in_a_kernel() -> None:
    def kinds(source: str) -> list[str]:
        return [output.get("name", output.output_type) for output in run_cell(source, {})]

    assert kinds("x = 1") == []
    assert kinds("print(1)\n2.5") == ["stdout", "execute_result"]
    assert kinds("None") == []
    assert kinds("import sys\nprint(1, file=sys.stderr)") == ["stderr"]
    assert kinds("1 / 0") == ["error"]
    assert kinds("def f(:") == ["error"]


@pytest.mark.parametrize("trouble", ["while True: pass", "import os; os._exit(0)", "exit()"])
def test_answer_that_hangs_or_dies_costs_what_comes_after(trouble: str) -> None:
    assignment, task = TASKS[0]
    marks = grade(substitute(solution(assignment), {task.name: trouble}), seconds=2)
    assert {mark.points for mark in marks.values()} == {0}


def test_warning_costs_nothing_but_an_error_on_its_way_does() -> None:
    assignment, task = TASKS[0]
    loud = "\nimport sys\nprint('on stderr', file=sys.stderr)"
    assert lost(grade(substitute(solution(assignment), {task.name: task.source + loud}))) == {}
    test = task.visible[0]
    cells = {cell.metadata.nbgrader.grade_id: cell.source for cell in solution(assignment).cells
             if "nbgrader" in cell.metadata}  # fmt: skip
    marks = grade(substitute(solution(assignment), {test: cells[test] + loud}))
    assert list(lost(marks)) == [test]


@pytest.mark.parametrize(
    "keys", ['wrong="x"', 'wrong="x" says="y" points=[0]', 'right="x" points=[0, 0]', ""]
)
def test_malformed_answer_is_refused(keys: str, tmp_path) -> None:
    path = tmp_path / "answers.py"
    path.write_text(textwrap.dedent(f"# %% {keys}\npass\n"))
    assignment, task = TASKS[0]
    with pytest.raises(ValueError, match="answers.py"):
        read_answers(path, assignment, task)


RIGHT_ONE = """\
def f(x):
    if x:
        y = 1
        z = 1
    y = 1
    return y"""


def test_edit_stands_for_the_whole_answer(tmp_path) -> None:
    path = tmp_path / "answers.py"
    edit = "# - z = 1\n# + for _ in x:\n# +     z = 1\n# - return y\n# + return x, y"
    path.write_text(f'# %% right="one"\n{RIGHT_ONE}\n\n# %% right="two" of="one"\n{edit}\n')
    assignment, task = TASKS[0]
    one, two = read_answers(path, assignment, task)
    assert one.source == RIGHT_ONE
    changed = RIGHT_ONE.replace("        z = 1", "        for _ in x:\n            z = 1")
    assert two.source == changed.replace("return y", "return x, y")

    last = task.source.splitlines()[-2]
    path.write_text(f'# %% right="three" of="solution"\n# - {last.strip()}\n# + return None\n')
    (three,) = read_answers(path, assignment, task)
    without_marks = [line for line in task.source.splitlines() if "### " not in line]
    assert three.source.splitlines() == [*without_marks[:-1], "    return None"]


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ("# - y = 2\n# + y = 3", "'y = 2' stands there 0 times, not once"),
        ("# - y = 1\n# + y = 3", "'y = 1' stands there 2 times, not once"),
        ("# - z = 1\n# - y = 1\n# + y = 3", "stands there 0 times"),  # two lines, but not in one block
        ("# + y = 3", "has no '# - ' above it"),
        ("", "there is no '# - '"),
        ("# - z = 1\nz = 3", "begins neither with"),
        ("# -z = 1\n# + z = 3", "begins neither with"),
    ],
)
def test_edit_that_does_not_fit_is_refused(edit: str, why: str, tmp_path) -> None:
    path = tmp_path / "answers.py"
    path.write_text(f'# %% right="one"\n{RIGHT_ONE}\n# %% right="two" of="one"\n{edit}\n')
    assignment, task = TASKS[0]
    with pytest.raises(ValueError, match="answers.py, 'two', an edit of 'one': .*" + why):
        read_answers(path, assignment, task)


def test_edit_of_an_unknown_answer_is_refused(tmp_path) -> None:
    path = tmp_path / "answers.py"
    path.write_text('# %% wrong="two" says="" points=[0] of="one"\n# - a\n# + b\n')
    assignment, task = TASKS[0]
    with pytest.raises(ValueError, match="of='one' names no right answer above it; there are solution$"):
        read_answers(path, assignment, task)
