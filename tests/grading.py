"""Mark an answer to one task of an assignment, by nbgrader's own rule, in a fraction of a second.

An assignment NN_name is proved by tests/answers/NN_name/: one py:percent file for each task, named
after the grade_id of its solution cell, one cell for each answer:

    # %% wrong="four axes only" says="not enough values to unpack" points=[0, 1]
    # %% right="einsum"

points: what each test cell of the task must give, in order. says: a part of the message that each
test cell which costs points must print; a list where they differ, one entry for each test cell.

An answer that differs in a line or two from a right one is written as that edit. `of` names the right
one: "solution", or the label of a right answer in the same file. Lines with `-` must stand there, one
below the other, in one place; those with `+` take that place, indented like them.

    # %% wrong="softmax over the queries" says="over the queries" points=[0, 0] of="solution"
    # - return torch.softmax(scores, dim=-1) @ v
    # + return torch.softmax(scores, dim=-2) @ v

The cells run in a forked process, which has torch already; nbgrader then grades their outputs.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import gc
import io
import multiprocessing
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import fresh
import jupytext
import nbformat
import torch
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearSolutions
from nbgrader.utils import determine_grade

from course.build import EXERCISES, assignment_path, write
from course.errors import ROOT
from course.grading.checker import evaluate
from course.grading.marks import grade_id, is_test
from course.sources import HIDDEN_MARKS, SOLUTION_MARKS, expand

ANSWERS = Path(__file__).parent / "answers"
COPIES = "copies the visible cases"
SECONDS = 20.0


@dataclass(frozen=True)
class Task:
    """A solution cell in code and the test cells below it, by grade_id."""

    name: str
    visible: tuple[str, ...]
    hidden: tuple[str, ...]
    source: str

    @property
    def tests(self) -> tuple[str, ...]:
        return self.visible + self.hidden

    @property
    def answer(self) -> str:
        """The solution as a learner would write it, without the marks around it."""
        return "\n".join(line for line in self.source.splitlines() if line.strip() not in SOLUTION_MARKS)


@dataclass(frozen=True)
class Answer:
    """An answer to a task; a wrong one with the points and the message that each test cell must give."""

    assignment: str
    task: str
    label: str
    source: str
    right: bool
    points: tuple[float, ...] = ()
    says: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.assignment}-{self.task}-{self.label}"


@dataclass(frozen=True)
class Mark:
    """What a test cell gave: points, the most it can give, and all that it printed or raised."""

    points: float
    most: float
    text: str


def assignments() -> list[str]:
    return sorted(folder.name for folder in ANSWERS.iterdir() if (EXERCISES / f"{folder.name}.py").is_file())


@functools.cache
def _solution(assignment: str) -> NotebookNode:
    return expand(EXERCISES / f"{assignment}.py")


def solution(assignment: str) -> NotebookNode:
    """The instructor's version: solutions and hidden tests."""
    return copy.deepcopy(_solution(assignment))


def empty(assignment: str) -> NotebookNode:
    """What nbgrader grades when a learner hands in the release as it came."""
    return ClearSolutions().preprocess(solution(assignment), {})[0]


def tasks(notebook: NotebookNode) -> dict[str, Task]:
    """Every task that is answered in code."""
    found: dict[str, Task] = {}
    name = ""
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            name = grade_id(cell)
            if cell.cell_type == "code":
                found[name] = Task(name, (), (), cell.source)
        elif is_test(cell):
            task = found[name]
            if HIDDEN_MARKS[0] in cell.source:
                found[name] = Task(name, task.visible, (*task.hidden, grade_id(cell)), task.source)
            else:
                found[name] = Task(name, (*task.visible, grade_id(cell)), task.hidden, task.source)
    return found


def uses(notebook: NotebookNode) -> dict[str, set[str]]:
    """For each task, the tasks whose functions its solution calls, directly or through others."""
    found = tasks(notebook)
    defines, mentions = {}, {}
    for name, task in found.items():
        tree = ast.parse(task.source)
        defines[name] = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        mentions[name] = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    needs = {
        name: {other for other in found if other != name and defines[other] & mentions[name]}
        for name in found
    }
    for _ in found:
        needs = {
            name: set.union(direct, *(needs[other] for other in direct)) for name, direct in needs.items()
        }
    return needs


def read_answers(path: Path, assignment: str, task: Task) -> list[Answer]:
    """The answers in one file; an edit is made, so that each has its whole text.

    Raises:
        ValueError: a cell that is neither right nor wrong, or lacks what a wrong one must name; an edit
            that does not fit the answer it is of.
    """
    found = []
    bases = {"solution": task.answer}
    for cell in jupytext.read(path, fmt="py:percent").cells:
        keys = {key: value for key, value in cell.metadata.items() if key != "lines_to_next_cell"}
        if cell.cell_type != "code":
            continue
        source = cell.source
        if "of" in keys:
            label, base = keys.get("wrong", keys.get("right")), keys.pop("of")
            if base not in bases:
                there = ", ".join(bases)
                raise ValueError(
                    f"{path}, {label!r}: of={base!r} names no right answer above it; there are {there}"
                )
            try:
                source = edited(bases[base], source)
            except ValueError as error:
                raise ValueError(f"{path}, {label!r}, an edit of {base!r}: {error}") from error
        if set(keys) == {"right"}:
            found.append(Answer(assignment, task.name, keys["right"], source, right=True))
            bases[keys["right"]] = source
        elif set(keys) == {"wrong", "says", "points"}:
            count = len(task.tests)
            says = keys["says"] if isinstance(keys["says"], list) else [keys["says"]] * count
            if not len(keys["points"]) == len(says) == count:
                raise ValueError(f"{path}, {keys['wrong']!r}: the task has {count} test cells, {task.tests}")
            points = tuple(float(number) for number in keys["points"])
            found.append(Answer(assignment, task.name, keys["wrong"], source, False, points, tuple(says)))
        else:
            raise ValueError(f"{path}: a cell with the keys {sorted(keys)}; right, or wrong, says and points")
    return found


def edited(base: str, edit: str) -> str:
    """The text with `# - old` lines replaced by the `# + new` lines below them, as often as there are such.

    Raises:
        ValueError: a line of another kind, nothing to replace, or old lines that do not stand there once.
    """
    changes: list[tuple[list[str], list[str]]] = []
    for line in edit.splitlines():
        sign, text = line[:3], line[4:]
        if sign not in ("# -", "# +") or line[3:4].strip():
            raise ValueError(f"{line!r} begins neither with '# - ' nor with '# + '")
        if sign == "# -" and (not changes or changes[-1][1]):
            changes.append(([], []))
        if not changes:
            raise ValueError(f"{line!r} has no '# - ' above it: which line does it replace?")
        old, new = changes[-1]
        (new if sign == "# +" else old).append(text)
    if not changes:
        raise ValueError("there is no '# - '")
    lines = base.splitlines()
    for old, new in changes:
        places = []
        for start in range(len(lines) - len(old) + 1):
            there = lines[start : start + len(old)]
            indent = there[0][: len(there[0]) - len(there[0].lstrip())]
            if there == [(indent + line).rstrip() for line in old]:
                places.append((start, indent))
        if len(places) != 1:
            raise ValueError(f"{chr(10).join(old)!r} stands there {len(places)} times, not once")
        start, indent = places[0]
        lines[start : start + len(old)] = [(indent + line).rstrip() for line in new]
    return "\n".join(lines)


def all_answers() -> list[Answer]:
    return [
        answer
        for assignment in assignments()
        for task in tasks(_solution(assignment)).values()
        for answer in read_answers(ANSWERS / assignment / f"{task.name}.py", assignment, task)
    ]


def weakened(source: str) -> Iterator[tuple[str, str]]:
    """The test cell with one of its checks left out: (the check, the cell without it), for each.

    A check is a bare call, in the cell itself or in its `with` and `for` blocks.
    """

    def calls(body: list[ast.stmt]) -> Iterator[tuple[list[ast.stmt], int]]:
        for index, node in enumerate(body):
            if isinstance(node, ast.With | ast.For):
                yield from calls(node.body)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                name = getattr(node.value.func, "id", "print")
                yield from [(body, index)] if name != "print" else []

    for number in range(len(list(calls(ast.parse(source).body)))):
        tree = ast.parse(source)
        body, index = list(calls(tree.body))[number]
        left_out = ast.unparse(body[index])
        body[index] = ast.Pass()
        yield left_out, ast.unparse(tree)


def substitute(notebook: NotebookNode, sources: Mapping[str, str]) -> NotebookNode:
    """The notebook with other text in the cells of those grade_ids."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        cell.source = sources.get(grade_id(cell), cell.source)
    return notebook


def drop(notebook: NotebookNode, names: Iterable[str]) -> NotebookNode:
    """The notebook without the cells of those grade_ids."""
    notebook, names = copy.deepcopy(notebook), set(names)
    notebook.cells = [cell for cell in notebook.cells if grade_id(cell) not in names]
    return notebook


def seeded(notebook: NotebookNode, seed: int) -> NotebookNode:
    """The notebook with tests that draw the same numbers each time, so that messages can be compared."""
    sources = {}
    for cell in notebook.cells:
        if is_test(cell):
            source = cell.source.replace("random.Random()", f"random.Random({seed})")
            sources[grade_id(cell)] = f"import random\n\nrandom.seed({seed})\n{source}"
        elif grade_id(cell) == "checks":
            assert "_RANDOM.seed()" in cell.source
            sources["checks"] = cell.source.replace("_RANDOM.seed()", f"_RANDOM.manual_seed({seed})")
    return substitute(notebook, sources)


def grade(notebook: NotebookNode, seconds: float = SECONDS) -> dict[str, Mark]:
    """Run the notebook, and nbgrader's rule on the outputs of its test cells.

    A cell that has not ended after that time, and all cells after it, count as errors.
    """
    notebook = copy.deepcopy(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = _run_forked([cell.source for cell in code], seconds)
    marks = {}
    for index, cell in enumerate(code):
        cell.outputs = (
            outputs[index] if index < len(outputs) else [_error("Timeout", "stopped or killed", [])]
        )
        if is_test(cell):
            points, most = determine_grade(cell)
            marks[grade_id(cell)] = Mark(points, most, "\n".join(_text(output) for output in cell.outputs))
    return marks


def _run_forked(sources: list[str], seconds: float) -> list[list[NotebookNode]]:
    """The outputs of each cell, as far as it got in that time."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_run_cells, args=(sources, sender), daemon=True)
    process.start()
    sender.close()
    deadline = time.monotonic() + seconds
    outputs: list[list[NotebookNode]] = []
    with contextlib.suppress(EOFError, OSError):
        while len(outputs) < len(sources) and receiver.poll(max(0.0, deadline - time.monotonic())):
            outputs.append([nbformat.from_dict(output) for output in receiver.recv()])
    process.kill()
    process.join()
    return outputs


def _run_cells(sources: list[str], sender: Connection) -> None:
    gc.disable()  # a collection would copy the parent's memory, page by page
    torch.set_num_threads(1)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for source in sources:
        sender.send(run_cell(source, namespace))


def run_cell(source: str, namespace: dict[str, Any]) -> list[NotebookNode]:
    """Execute a cell as a kernel does: streams, the value of the last expression, the error."""
    streams = {"stdout": io.StringIO(), "stderr": io.StringIO()}
    last: list[NotebookNode] = []
    with contextlib.redirect_stdout(streams["stdout"]), contextlib.redirect_stderr(streams["stderr"]):
        try:
            result = evaluate(source, namespace)
            if result is not None:
                data = {"text/plain": repr(result)}
                last = [nbformat.v4.new_output("execute_result", data, execution_count=1)]
        except Exception as error:
            last = [_error(type(error).__name__, str(error), traceback.format_exception(error))]
    written = [
        nbformat.v4.new_output("stream", name=name, text=stream.getvalue())
        for name, stream in streams.items()
        if stream.getvalue()
    ]
    return written + last


def _error(name: str, value: str, lines: list[str]) -> NotebookNode:
    return nbformat.v4.new_output("error", ename=name, evalue=value, traceback=lines)


def _text(output: NotebookNode) -> str:
    return output.get("text", "") or output.get("evalue", "")


def grade_with_nbgrader(
    assignment: str, source: NotebookNode, submissions: Mapping[str, NotebookNode], root: Path
) -> dict[str, dict[str, float]]:
    """Release, submit and autograde for real, in an empty folder: student -> test cell -> points.

    source: the instructor's version, with the tests that are run.
    """
    write(source, assignment_path("solutions", assignment, root))
    nbgrader(root, "generate_assignment", assignment)
    for student, notebook in submissions.items():
        release = nbformat.read(assignment_path("exercises", assignment, root), as_version=4)
        handed_in = substitute(release, {name: task.source for name, task in tasks(notebook).items()})
        write(handed_in, assignment_path(f"submitted/{student}", assignment, root))
    nbgrader(root, "autograde", assignment)
    return scores(assignment, root)


def grade_with_course(
    assignment: str, source: NotebookNode, submitted: Path, root: Path
) -> dict[str, dict[str, float]]:
    """The same with `python -m course grade`, in another empty folder."""
    write(source, assignment_path("solutions", assignment, root))
    command = [sys.executable, "-m", "course", "grade", assignment, str(submitted), "--course", str(root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"course grade fails:\n{done.stdout}{done.stderr}")
    return scores(assignment, root)


def scores(assignment: str, root: Path) -> dict[str, dict[str, float]]:
    """What the gradebook in that folder says: student -> test cell -> points."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        return {
            submission.student.id: {
                grade.name: grade.auto_score
                for book in submission.notebooks
                for grade in book.grades
                if grade.auto_score is not None
            }
            for submission in gradebook.find_assignment(assignment).submissions
        }


def nbgrader(root: Path, *command: str) -> str:
    """Run nbgrader's own command in a folder; what it prints.

    Raises:
        RuntimeError: it fails; with what it says.
    """
    arguments = [sys.executable, "-m", "nbgrader", *command, f"--CourseDirectory.root={root}"]
    arguments += [
        "--CourseDirectory.source_directory=solutions",
        "--CourseDirectory.release_directory=exercises",
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader calls alembic
    environment = fresh.environment(PATH=path, PYTHONWARNINGS="ignore")
    done = subprocess.run(arguments, cwd=root, env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"nbgrader {command[0]} fails:\n{done.stdout}{done.stderr}")
    return done.stdout
