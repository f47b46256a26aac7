"""Sources in course/, notebooks in lessons/, solutions/ and exercises/.

jupytext reads, nbclient runs, nbgrader releases; this module only carries things from one to the
next, and puts nothing in place before the whole of it has been made.
"""

from __future__ import annotations

import base64
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from . import readme
from .errors import ROOT, CourseError, relative
from .files import write_whole
from .run import FAILURES, execute, faults, headline
from .sources import HIDDEN_MARKS, SOLUTION_MARKS, cell_label, expand

MOST_BYTES = 1_500_000
LESSONS = ROOT / "course" / "lessons"
EXERCISES = ROOT / "course" / "exercises"


def names() -> list[str]:
    """Every NN_name that has a source, in order."""
    return sorted({path.stem for folder in (LESSONS, EXERCISES) for path in folder.glob("[0-9][0-9]_*.py")})


def lesson_path(name: str) -> Path:
    return ROOT / "lessons" / f"{name}.ipynb"


def assignment_path(folder: str, name: str, root: Path | None = None) -> Path:
    """exercises/01_attention/attention.ipynb and the like."""
    return (root or ROOT) / folder / name / f"{name.partition('_')[2]}.ipynb"


def write(notebook: NotebookNode, path: Path) -> None:
    """Write whole or not at all."""
    nbformat.validate(notebook)
    write_whole(path, as_text(notebook))


def as_text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook) + "\n"


def build_lesson(name: str) -> str:
    """Run a lesson and put it in place, with its headline figure; the line to print."""
    source = LESSONS / f"{name}.py"
    notebook = expand(source)
    built_from = [_origin(source, notebook, index) for index in range(len(notebook.cells))]
    try:
        report = execute(notebook)
    except FAILURES as error:
        raise CourseError(source, f"it does not run:\n{error}") from error
    if found := faults(notebook):
        index, reason = found[0]
        raise CourseError(source, reason, built_from[index])
    size = len(as_text(notebook).encode())
    if size > MOST_BYTES:
        raise CourseError(source, f"built it has {size:,} bytes, more than {MOST_BYTES:,}: smaller figures")
    write(notebook, lesson_path(name))
    figure = headline(notebook)
    if figure:
        lesson_path(name).with_suffix(".png").write_bytes(base64.b64decode(figure["data"]["image/png"]))
    return (
        f"lessons/{name}.ipynb: {report.seconds:.0f} s, slowest cell {report.slowest_cell:.0f} s, "
        f"{report.memory / 1e9:.1f} GB, {size / 1e3:.0f} kB"
    )


def _origin(source: Path, notebook: NotebookNode, index: int) -> str:
    first = next((line for line in notebook.cells[index].source.splitlines() if line.strip()), "")
    return f"built cell {index + 1} ({first[:60]!r})"


def build_assignment(name: str) -> str:
    """Write solutions/ and exercises/ for one assignment; the line to print."""
    source = EXERCISES / f"{name}.py"
    solution = expand(source)
    release = make_release(name, solution)
    write(solution, assignment_path("solutions", name))
    write(release, assignment_path("exercises", name))
    points = sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in solution.cells)
    return f"exercises/{name}: {points:g} points"


def make_release(name: str, solution: NotebookNode) -> NotebookNode:
    """The learner's version, made by `nbgrader generate_assignment` in a folder of its own.

    nbgrader deletes an existing release before it knows whether it can make the new one; here it
    has nothing to delete.
    """
    source = EXERCISES / f"{name}.py"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(solution, assignment_path("solutions", name, root))
        command = [sys.executable, "-m", "nbgrader", "generate_assignment", name, "--no-db"]
        command += [
            f"--CourseDirectory.root={root}",
            "--CourseDirectory.source_directory=solutions",
            "--CourseDirectory.release_directory=exercises",
        ]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        built = assignment_path("exercises", name, root)
        if done.returncode or not built.is_file():
            raise CourseError(source, f"nbgrader makes no release of it:\n{done.stdout}{done.stderr}")
        release = nbformat.read(built, as_version=4)
    for index, cell in enumerate(release.cells):
        for mark in (*SOLUTION_MARKS, *HIDDEN_MARKS):
            if mark in cell.source:
                label = cell_label(source, index, cell)
                raise CourseError(source, f"the release still holds {mark!r}", label)
    return release


def check(which: Iterable[str]) -> list[str]:
    """What is committed but was not built from what is written; nothing is run."""
    stale = []
    for name in which:
        if (LESSONS / f"{name}.py").is_file():
            stale += _compare(lesson_path(name), expand(LESSONS / f"{name}.py"), outputs=False)
        if (EXERCISES / f"{name}.py").is_file():
            solution = expand(EXERCISES / f"{name}.py")
            stale += _compare(assignment_path("solutions", name), solution)
            stale += _compare(assignment_path("exercises", name), make_release(name, solution))
    return stale


def _compare(path: Path, wanted: NotebookNode, outputs: bool = True) -> list[str]:
    """One line for the first difference between a committed notebook and the one wanted."""
    if not path.is_file():
        return [f"{relative(path)}: not built yet"]
    try:
        found = nbformat.read(path, as_version=4)
    except Exception as error:  # whatever is wrong with the file, the answer is to build it
        return [f"{relative(path)}: not a notebook ({type(error).__name__})"]
    if not outputs:
        for cell in found.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
    if as_text(found) == as_text(wanted):
        return []
    for index, (have, want) in enumerate(zip(found.cells, wanted.cells, strict=False), 1):
        if have != want:
            return [f"{relative(path)}, cell {index} (id {have.get('id')}): differs from its source"]
    return [f"{relative(path)}: differs from its source (number of cells, or the notebook's metadata)"]


def build(which: list[str], assignments_only: bool = False) -> None:
    """Build the named lessons and assignments, then the README's table.

    Raises:
        CourseError: with the file, the cell and the reason; what stood before still stands.
    """
    for name in _known(which):
        if (EXERCISES / f"{name}.py").is_file():
            print(build_assignment(name), flush=True)
        if (LESSONS / f"{name}.py").is_file() and not assignments_only:
            print(build_lesson(name), flush=True)
    readme.update(names())


def _known(which: list[str]) -> list[str]:
    for name in which:
        if name not in names():
            raise CourseError(LESSONS / f"{name}.py", f"no such source; there are {', '.join(names())}")
    return which or names()


def main(which: list[str], checking: bool, assignments_only: bool) -> int:
    if not checking:
        build(which, assignments_only)
        return 0
    stale = check(_known(which))
    if readme.text(names()) != readme.README.read_text(encoding="utf-8"):
        stale.append("README.md: its table of lessons is not the one that the lessons give")
    for line in stale:
        print(line)
    if stale:
        print("Run: python -m course build " + " ".join(which))
    return 1 if stale else 0
