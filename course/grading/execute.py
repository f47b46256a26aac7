"""A mended notebook in, the same notebook with the outputs of its cells out."""

from __future__ import annotations

import ast
import copy
import time
from collections.abc import Callable

import nbformat
from nbformat import NotebookNode

from ..sources import HIDDEN_MARKS
from .checker import Job, Result, Step
from .copies import WarmEnded
from .marks import grade_id, is_answer, is_test
from .sandbox import Limits, SandboxError, end
from .warm import Warm

PATIENCE = 60.0  # seconds that the tests may take besides the student's code
Watch = Callable[[], None]


class NotMarked(Exception):
    """The submission could not be executed; the text is for the instructor.

    Args:
        again: the next time it may go well: the machine had no room for it, say.
    """

    def __init__(self, why: str, again: bool = False) -> None:
        super().__init__(why, again)
        self.why, self.again = why, again

    def __str__(self) -> str:
        return self.why


class PutOff(Exception):
    """It takes longer than others, who should not wait for it."""


def as_released(source: str) -> str:
    """A test cell as students have it."""
    lines, hidden = [], False
    for line in source.splitlines():
        hidden = hidden or HIDDEN_MARKS[0] in line
        if not hidden:
            lines.append(line)
        hidden = hidden and HIDDEN_MARKS[1] not in line
    return "\n".join(lines)


def defined(source: str) -> list[str]:
    """The names that a cell gives to functions, classes and values at its top level."""
    names = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def make_job(notebook: NotebookNode, source: NotebookNode, limits: Limits, sandboxed: bool) -> Job:
    """What is to be run: locked cells as the instructor wrote them, all others as they were handed in.

    notebook: as mend.py leaves it. source: the instructor's version.
    """
    original, asked, names, given = {}, {}, [], []
    for cell in source.cells:
        if cell.cell_type != "code":
            continue
        name = grade_id(cell)
        if name:
            original[name] = cell
        if is_answer(cell):
            names += defined(cell.source)
        elif is_test(cell):
            asked[name] = tuple(names)
        else:
            given.append(cell.source)
    steps = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        name = grade_id(cell)
        if is_test(cell):
            test = original[name]
            most = float(test.metadata["nbgrader"]["points"])
            steps.append(Step(as_released(test.source), test.source, asked[name], most))
        elif name in original and not is_answer(cell):
            steps.append(Step(original[name].source))
        else:
            steps.append(Step(cell.source))
    return Job(steps, given, limits, sandboxed)


def execute(warm: Warm, job: Job, watch: Watch = lambda: None) -> Result:
    """Run a job in a process of its own; an end is put to it where it takes too long.

    watch: called again and again; what it raises ends the job.

    Raises:
        NotMarked: it could not be run to its end.
    """
    try:
        process, connection = warm.copy("checker")
    except (OSError, WarmEnded) as error:
        raise NotMarked(f"no process could be started ({error})", again=True) from error
    last = time.monotonic() + job.limits.wall_seconds + PATIENCE
    try:
        connection.send(job)
        while not connection.poll(0.2):
            watch()
            if time.monotonic() > last:
                raise NotMarked("the tests did not come to an end with what this notebook's functions return")
        result = connection.recv()
    except (EOFError, OSError) as error:
        raise NotMarked("the tests' process ended before they did") from error
    finally:
        end(process)
        connection.close()
    if isinstance(result, SandboxError):
        raise NotMarked(f"its sandbox could not be started: {result}", again=True) from result
    return result


def with_outputs(notebook: NotebookNode, result: Result) -> NotebookNode:
    """The notebook with the outputs of its code cells, each of which is marked as run."""
    notebook = copy.deepcopy(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, outputs in zip(code, result.outputs, strict=True):
        cell.outputs = [nbformat.from_dict(output) for output in outputs]
        cell.execution_count = None
        cell.metadata["course"] = {"ran": True}
    return notebook
