"""Sources in course/, notebooks in lessons/, solutions/ and exercises/.

jupytext reads, nbclient runs, nbgrader releases; this module only carries things from one to the
next, and puts nothing in place before the whole of it has been made.
"""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from . import claims, pages, sizes
from .errors import ROOT, CourseError, relative
from .files import read_notebook, write_whole
from .run import FAILURES, answers, execute, faults, headline
from .sources import ANSWERS, ANSWERS_TAG, HIDDEN_MARKS, SOLUTION_MARKS, cell_label, expand

MOST_BYTES = 1_500_000
LESSONS = ROOT / "course" / "lessons"
LABS = ROOT / "course" / "labs"
EXERCISES = ROOT / "course" / "exercises"


def names() -> list[str]:
    """Every NN_name that has a source, in order."""
    return sorted({path.stem for folder in (LESSONS, EXERCISES) for path in folder.glob("[0-9][0-9]_*.py")})


def labs() -> list[str]:
    """Every N_M_name that has a source, in order."""
    return sorted(path.stem for path in LABS.glob("[0-9]_[0-9]*_*.py"))


def kind_of(name: str) -> str:
    """Whether it is a "lesson" or a "lab": by its folder, since both may name several claims."""
    return "lab" if name in labs() else "lesson"


def lesson_path(name: str) -> Path:
    return ROOT / "lessons" / f"{name}.ipynb"


def lab_path(name: str) -> Path:
    return ROOT / "lessons" / "labs" / f"{name}.ipynb"


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
    notebook, said = _run("lesson", name, LESSONS / f"{name}.py")
    _write_lesson(notebook, lesson_path(name))
    return said


def _write_lesson(notebook: NotebookNode, path: Path) -> None:
    write(notebook, path)
    if figure := headline(notebook):
        path.with_suffix(".png").write_bytes(base64.b64decode(figure["data"]["image/png"]))


def build_lab(name: str) -> str:
    """Run a lab and put it in place; the line to print."""
    source = LABS / f"{name}.py"
    notebook, said = _run("lab", name, source)
    _check_answer(source, notebook)
    write(notebook, lab_path(name))
    return said


def _check_answer(source: Path, lab: NotebookNode) -> None:
    if reason := wrong_answer(lab):
        raise CourseError(source, reason)


def wrong_answer(lab: NotebookNode) -> str | None:
    """Why a lab has not answered each of its claims, once, with one of the five grades; None if it has.

    A lab that goes further has no claim, and answers none.
    """
    asked, found = _asked(lab), answers(lab)
    if [row["claim"] for row in found] != asked:
        named = asked[0] if len(asked) == 1 else asked or None
        return f"it answers the claims {[row['claim'] for row in found]}; its header says claim: {named!r}"
    for row in found:
        if not claims.is_grade(row["grade"]):
            return f"grade {row['grade']!r} is none of: {', '.join(claims.GRADES)}, {claims.CONDITION}..."
        length = sizes.words(row["sentence"])
        if not 0 < length <= sizes.ANSWER_WORDS:
            return f"its answer has {length} words; a sentence of at most {sizes.ANSWER_WORDS} says it all"
    return None


def _asked(lab: NotebookNode) -> list:
    """The claims that a lab's header names: `claim`, or `claims` where one experiment answers several."""
    course = lab.metadata["course"]
    return [course["claim"]] if "claim" in course else course.get("claims", [])


def _run(kind: str, name: str, source: Path) -> tuple[NotebookNode, str]:
    """The executed notebook, and what it cost beside its limits.

    Raises:
        CourseError: it does not run, shows what a reader must not meet, or is larger than sizes.py allows.
    """
    notebook = expand(source)
    built_from = [_origin(source, notebook, index) for index in range(len(notebook.cells))]
    if kind == "lab":
        _check_claim(name, source, notebook)
    found = sizes.content(kind, notebook)
    if large := sizes.too_large(found):
        raise CourseError(source, f"not the size of a {kind}: {'; '.join(large)}\n{sizes.line(name, found)}")
    try:
        report = execute(notebook)
    except FAILURES as error:
        raise CourseError(source, f"it does not run:\n{error}") from error
    if wrong := faults(notebook):
        index, reason = wrong[0]
        raise CourseError(source, reason, built_from[index])
    size = len(as_text(notebook).encode())
    if size > MOST_BYTES:
        raise CourseError(source, f"built it has {size:,} bytes, more than {MOST_BYTES:,}: smaller figures")
    found += sizes.costs(kind, report, size)
    if large := sizes.too_large(found):
        raise CourseError(source, f"too much for a {kind}: {'; '.join(large)}\n{sizes.line(name, found)}")
    return notebook, sizes.line(name, found)


def build_prose(name: str) -> str:
    """Take over prose that has changed; outputs stay, since the code is the one that gave them.

    Raises:
        CourseError: the code has changed, or the notebook is not built yet: it has to run.
    """
    kind = kind_of(name)
    source = (LABS if kind == "lab" else LESSONS) / f"{name}.py"
    path = lab_path(name) if kind == "lab" else lesson_path(name)
    new = expand(source)
    if kind == "lab":
        _check_claim(name, source, new)
    if not path.is_file():
        raise CourseError(source, f"it is not built yet: python -m course build {name}")
    ran = [cell for cell in read_notebook(path).cells if cell.cell_type == "code"]
    code = [cell for cell in new.cells if cell.cell_type == "code"]
    if [cell.source for cell in ran] != [cell.source for cell in code]:
        raise CourseError(source, f"its code has changed: python -m course build {name}")
    for before, after in zip(ran, code, strict=True):
        after.outputs, after.execution_count = before.outputs, before.execution_count
    found = sizes.content(kind, new)
    if large := sizes.too_large(found):
        raise CourseError(source, f"not the size of a {kind}: {'; '.join(large)}")
    if kind == "lab":
        _check_answer(source, new)  # the header may name another claim now
        write(new, path)
    else:
        _write_lesson(new, path)  # another cell may have the headline now
    return sizes.line(name, found)


def _check_claim(name: str, source: Path, lab: NotebookNode) -> None:
    """Claims that are written and have no other lab; or none, in a lab that goes further."""
    course, asked = lab.metadata["course"], _asked(lab)
    kinds = [f"{key}: {course[key]!r}" for key in ("claim", "claims", "further") if key in course]
    if len(kinds) > 1:
        said = " and ".join(kinds).replace("True", "true")
        raise CourseError(source, f"header: {said}; a lab has one of these")
    if "further" in course:
        return
    for claim in asked or [None]:
        if claim not in claims.written_claims():
            raise CourseError(
                source,
                f"header: claim: {claim!r} does not stand in course/claims.yaml (a lab without a claim says "
                "further: true)",
            )
        if (other := claims.lab_of(claim)) not in (None, name):
            raise CourseError(source, f"{other} answers claim {claim}, too: one lab a claim")


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
        if (LABS / f"{name}.py").is_file():
            stale += _compare(lab_path(name), expand(LABS / f"{name}.py"), outputs=False)
        if (LESSONS / f"{name}.py").is_file():
            stale += _compare(lesson_path(name), expand(LESSONS / f"{name}.py"), outputs=False)
        if (EXERCISES / f"{name}.py").is_file():
            solution = expand(EXERCISES / f"{name}.py")
            stale += _compare(assignment_path("solutions", name), solution)
            stale += _compare(assignment_path("exercises", name), make_release(name, solution))
    return stale


def _without_source() -> list[str]:
    """Built notebooks whose source is gone or has another name now."""
    places = [(LESSONS, claims.lesson_notebooks()), (LABS, claims.lab_notebooks())]
    return [
        f"{relative(path)}: it has no source; delete it"
        for folder, built in places
        for path in built
        if not (folder / f"{path.stem}.py").is_file()
    ]


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


def build(which: list[str], assignments_only: bool = False, prose_only: bool = False) -> None:
    """Build the named notebooks, or all; then the pages, and the lessons that repeat a lab's answer.

    Raises:
        CourseError: with the file, the cell and the reason; what stood before still stands.
    """
    for name in _known(which):  # labs come first: lessons repeat their answers
        if (EXERCISES / f"{name}.py").is_file() and not prose_only:
            print(build_assignment(name), flush=True)
        if assignments_only:
            continue
        if (LABS / f"{name}.py").is_file():
            print((build_prose if prose_only else build_lab)(name), flush=True)
        if (LESSONS / f"{name}.py").is_file():
            print((build_prose if prose_only else build_lesson)(name), flush=True)
    if not assignments_only:
        pages.update()
        _repeat_answers(which or labs())


def _repeat_answers(some_labs: list[str]) -> None:
    """Put the labs' answers into the lessons that repeat them, where nothing else has changed in those."""
    numbers = {name.partition("_")[0] for name in some_labs if name in labs()}
    for name in names():
        source, path = LESSONS / f"{name}.py", lesson_path(name)
        if str(int(name[:2])) not in numbers or not source.is_file() or not path.is_file():
            continue
        if ANSWERS not in source.read_text(encoding="utf-8"):
            continue
        new, old = expand(source).cells, read_notebook(path).cells
        changed = [cell for cell, before in zip_longest(new, old) if _text(cell) != _text(before)]
        if changed and all(cell and ANSWERS_TAG in cell.metadata.get("tags", []) for cell in changed):
            print(build_prose(name), flush=True)
        elif changed:
            print(f"{name} has other changes, too: python -m course build {name} takes over the new answers")


def _text(cell: NotebookNode | None) -> str | None:
    return cell.source if cell else None


def _known(which: list[str]) -> list[str]:
    known = labs() + names()
    for name in which:
        if name not in known:
            folder = LABS if re.match(r"\d_\d", name) else LESSONS
            raise CourseError(folder / f"{name}.py", f"no such source; there are {', '.join(known)}")
    return [name for name in known if name in which] if which else known


def main(which: list[str], checking: bool, assignments_only: bool, prose_only: bool = False) -> int:
    if not checking:
        build(which, assignments_only, prose_only)
        return 0
    found = check(_known(which)) + pages.stale() + ([] if which else _without_source())
    for line in found:
        print(line)
    if found:
        print("Run: python -m course build " + " ".join(which))
    return 1 if found else 0
