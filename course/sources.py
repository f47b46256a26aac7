"""Text sources in, notebooks out: what is checked and filled in before anything runs.

A source is a jupytext py:percent file. Its header names the notebook, the topics of course/cells/ that it
carries and the packages it needs that Colab lacks: both make the setup cell, which stands before the first
code cell. Its cells may have

    fold="Train both models"  plumbing: folded under this title
    lang="zh"                 the rendering, in Chinese, of the prose cell just above
    tags=["headline"]         the figure that README.md shows; "diagram", "result": what sizes.py counts
    nbgrader={...}            nbgrader's own marks
    name="muon"               other notebooks can carry this cell
    reuse="cells/checks:checks", reuse="cells/recipe:gpt_block"
                              the cell of that name stands here, folded

A line `<!-- answers -->` in the prose of a lesson becomes the answers that the labs to its claims gave.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Container
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode
from packaging.requirements import InvalidRequirement, Requirement

from . import claims
from .errors import ROOT, CourseError

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
HEADER_KEYS = {"title", "summary", "claim", "claims", "further", "minutes", "carries", "needs", "seconds"}
CELL_KEYS = {"name", "reuse", "open", "fold", "lang", "tags", "nbgrader"}
NBGRADER_KEYS = {"grade", "grade_id", "locked", "points", "schema_version", "solution", "task"}
SOLUTION_MARKS = ("### BEGIN SOLUTION", "### END SOLUTION")
FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}
HIDDEN_MARKS = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")
INSTALLS = "installs"  # the tag of the cell that installs what is missing
SETUP_TITLE = "Setup: run it, no need to read it"
ANSWERS = "<!-- answers -->"
ANSWERS_TAG = "answers"  # of the cell in which they stand


def cell_label(path: Path, index: int, cell: NotebookNode) -> str:
    """Which cell, in words a person can search for: number, line in the source, name."""
    marks = _marked_lines(path.read_text(encoding="utf-8"))
    where = f"cell {index + 1}"
    if index < len(marks):
        where += f", line {marks[index]}"
    name = cell.metadata.get("name") or _grade_id(cell)
    return where + (f", named {name!r}" if name else "")


@functools.lru_cache(maxsize=16)
def _marked_lines(text: str) -> list[int]:
    """Where cells begin. Every cell of a source asks, and some have thousands of lines."""
    return [number for number, line in enumerate(text.splitlines(), 1) if line.startswith("# %%")]


def _grade_id(cell: NotebookNode) -> str | None:
    """nbgrader's name for the cell, also where its metadata has not been checked yet."""
    marks = cell.metadata.get("nbgrader")
    return marks.get("grade_id") if isinstance(marks, dict) else None


def read_source(path: Path) -> NotebookNode:
    """Read a py:percent source, checking that each cell means what it says.

    Raises:
        CourseError: no such file, no header, an unknown key, or marks that do not belong together.
    """
    if not path.is_file():
        raise CourseError(path, "there is no such source")
    try:
        notebook = jupytext.read(path, fmt="py:percent")
    except Exception as error:  # jupytext raises many kinds; what matters is which file
        raise CourseError(path, f"jupytext cannot read it: {error}") from error
    names: dict[str, str] = {}
    grade_ids: dict[str, str] = {}
    for index, cell in enumerate(notebook.cells):
        cell.metadata.pop("lines_to_next_cell", None)  # jupytext's note on blank lines
        label = cell_label(path, index, cell)
        if unknown := set(cell.metadata) - CELL_KEYS:
            raise CourseError(
                path, f"unknown cell key {sorted(unknown)[0]!r}; known are {sorted(CELL_KEYS)}", label
            )
        _check_marks(path, cell, label)
        _check_language(path, notebook.cells, index, label)
        _check_fold(path, cell, label)
        if "open" in cell.metadata and (cell.metadata["open"] is not True or "reuse" not in cell.metadata):
            raise CourseError(path, "open=true belongs beside reuse: what is carried is not folded", label)
        _check_unique(path, names, cell.metadata.get("name"), label, "name")
        _check_unique(path, grade_ids, _grade_id(cell), label, "grade_id")
    return notebook


def _check_unique(path: Path, seen: dict[str, str], value: str | None, label: str, key: str) -> None:
    if value is None:
        return
    if value in seen:
        raise CourseError(path, f"{key} {value!r} is taken already by {seen[value]}", label)
    seen[value] = label


def _check_fold(path: Path, cell: NotebookNode, label: str) -> None:
    """A title for code that stands here; a cell that is carried has its own."""
    if "fold" not in cell.metadata:
        return
    title = cell.metadata["fold"]
    if not isinstance(title, str) or not title.strip():
        raise CourseError(path, f"fold={title!r} must be a title that says what the cell does", label)
    if cell.cell_type != "code" or "reuse" in cell.metadata:
        raise CourseError(path, "fold belongs to a code cell that is not carried from elsewhere", label)


def _check_language(path: Path, cells: list[NotebookNode], index: int, label: str) -> None:
    """A cell in another language renders the English prose directly above it."""
    language = cells[index].metadata.get("lang")
    if language is None:
        return
    above = index - 1
    while above >= 0 and "lang" in cells[above].metadata:
        above -= 1
    if cells[index].cell_type != "markdown" or above < 0 or cells[above].cell_type != "markdown":
        raise CourseError(path, f"lang={language!r} belongs under the prose cell that it renders", label)


def _check_marks(path: Path, cell: NotebookNode, label: str) -> None:
    """nbgrader's metadata is complete, and its marks in the text are in pairs where they belong."""
    marks = cell.metadata.get("nbgrader")
    for begin, end in (SOLUTION_MARKS, HIDDEN_MARKS):
        if cell.source.count(begin) != cell.source.count(end):
            raise CourseError(path, f"{begin!r} and {end!r} are not in pairs", label)
        if begin in cell.source and marks is None:
            raise CourseError(path, f"{begin!r} in a cell without nbgrader={{...}} would be released", label)
    if marks is None:
        return
    if not isinstance(marks, dict):
        raise CourseError(path, "nbgrader=... must be a dictionary", label)
    missing = {"grade", "grade_id", "locked", "schema_version", "solution", "task"} - set(marks)
    if marks.get("grade") or marks.get("task"):
        missing |= {"points"} - set(marks)
    if missing or set(marks) - NBGRADER_KEYS:
        odd = sorted(missing | (set(marks) - NBGRADER_KEYS))
        raise CourseError(path, f"nbgrader's keys are missing or unknown: {', '.join(odd)}", label)
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", str(marks["grade_id"])):
        raise CourseError(path, f"grade_id {marks['grade_id']!r}: letters, digits, - and _ only", label)
    if marks["solution"] and not marks["grade"] and SOLUTION_MARKS[0] not in cell.source:
        raise CourseError(path, "a solution cell without a marked solution would be released whole", label)
    if HIDDEN_MARKS[0] in cell.source and not (marks["grade"] and marks["locked"]):
        raise CourseError(path, "hidden tests belong in a locked, graded cell", label)


def find_cell(key: str, path: Path, label: str) -> NotebookNode:
    """The cell that `reuse="FILE:NAME"` stands for, FILE being a path in course/ without .py."""
    file, _, name = key.partition(":")
    source = ROOT / "course" / f"{file}.py"
    if not name or not source.is_file():
        raise CourseError(path, f"reuse={key!r}: write FILE:NAME with a FILE.py in course/", label)
    cell = _named_cells(source, source.read_text(encoding="utf-8")).get(name)
    if cell is None:
        raise CourseError(path, f"reuse={key!r}: {source.name} has no cell of that name", label)
    if "reuse" in cell.metadata or cell.cell_type != "code":
        raise CourseError(path, f"reuse={key!r}: name the code cell that holds the text", label)
    return cell


@functools.cache
def _named_cells(source: Path, text: str) -> dict[str, NotebookNode]:
    """{name: cell} of a source with that text; it is parsed once, though many cells of it are carried."""
    return {cell.metadata["name"]: cell for cell in read_source(source).cells if "name" in cell.metadata}


def expand(path: Path, language: str = "en") -> NotebookNode:
    """The notebook a source stands for: cells carried in, one language, ids, always the same bytes."""
    source = read_source(path)
    header = source.metadata.get("course")
    if not isinstance(header, dict) or "title" not in header:
        raise CourseError(path, "the header needs jupyter: course: title: (see course/lessons/)")
    if unknown := set(header) - HEADER_KEYS:
        raise CourseError(
            path, f"header: unknown key {sorted(unknown)[0]!r}; known are {sorted(HEADER_KEYS)}"
        )
    if not isinstance(header.get("claims", []), list):
        raise CourseError(path, f'header: claims: {header["claims"]!r} must be a list like ["1.1", "1.2"]')
    if header.get("further", True) is not True:
        raise CourseError(path, f"header: further: {header['further']!r} must be true, or not there")
    cells: list[NotebookNode] = []
    used: set[str] = set()
    setup = _setup(path, header, used)
    for index, cell in enumerate(source.cells):
        if not _in_language(source.cells, index, language):
            continue
        if setup and cell.cell_type == "code":
            cells.append(setup)
            setup = None
        metadata: dict = {}
        text = cell.source
        if cell.cell_type == "markdown" and ANSWERS in text:
            text = text.replace(ANSWERS, claims.answers_in_prose(header.get("claims", [])))
            metadata["tags"] = [ANSWERS_TAG]
        if marks := cell.metadata.get("nbgrader"):
            metadata["nbgrader"] = dict(marks)
        if tags := cell.metadata.get("tags"):
            metadata["tags"] = list(tags)
        if key := cell.metadata.get("reuse"):
            text = find_cell(key, path, cell_label(path, index, cell)).source
            if not cell.metadata.get("open"):
                text = _origin_title(*reversed(key.split(":"))) + text
                metadata |= FOLDED
        if title := cell.metadata.get("fold"):
            text = _title(title) + text
            metadata |= FOLDED
        new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        grade_id = metadata.get("nbgrader", {}).get("grade_id")
        cells.append(new(text, metadata=metadata, id=_cell_id(grade_id, text, used)))
    notebook = nbformat.v4.new_notebook(
        cells=cells,
        metadata={
            "kernelspec": KERNELSPEC,
            "language_info": {"name": "python"},
            "course": {**header, "language": language, "source": f"course/{path.parent.name}/{path.name}"},
        },
    )
    notebook.nbformat_minor = 5
    notebook.metadata["course"]["sha256"] = digest(notebook)
    return notebook


def _needs(path: Path, header: dict) -> list[str]:
    """The packages that the notebook installs where they are missing, each with its version."""
    needs = header.get("needs", [])
    for entry in needs if isinstance(needs, list) else [needs]:
        try:
            pinned = [clause.operator for clause in Requirement(entry).specifier] == ["=="]
        except (InvalidRequirement, TypeError):
            pinned = False
        if not pinned or not isinstance(needs, list):
            raise CourseError(path, f'header: needs: {needs!r} must be a list like ["gguf==0.19.0"]')
    return needs


def _setup(path: Path, header: dict, used: set[str]) -> NotebookNode | None:
    """The one cell that holds all a notebook carries. What is missing is installed before any import."""
    needs, metadata = _needs(path, header), dict(FOLDED)
    parts = []
    if needs:
        lines = ["install_missing(", *(f"    {json.dumps(entry)}," for entry in needs), ")"]
        parts.append("\n".join([*_topic("install", path), "", "", *lines]))
        metadata["tags"] = [INSTALLS]
    carries = header.get("carries", [])
    if not isinstance(carries, list):
        raise CourseError(path, f"header: carries: {carries!r} must be a list like [torch, figures]")
    for topic in carries:
        parts += _topic(topic, path)
    if not parts:
        return None
    # Alone, an installing cell says what it does; lessons that are not rewritten have no other setup.
    text = (_title(SETUP_TITLE) if carries else _origin_title("install", "cells")) + "\n\n\n".join(parts)
    return nbformat.v4.new_code_cell(text, metadata=metadata, id=_cell_id(None, text, used))


def _topic(topic: str, path: Path) -> list[str]:
    """The cells of course/cells/TOPIC.py, in order."""
    source = ROOT / "course" / "cells" / f"{topic}.py"
    if not source.is_file():
        known = ", ".join(sorted(each.stem for each in source.parent.glob("*.py")))
        raise CourseError(path, f"header: carries: {topic!r} is none of the topics in course/cells/: {known}")
    return [cell.source for cell in _named_cells(source, source.read_text(encoding="utf-8")).values()]


def _title(title: str) -> str:
    """The first line of a folded cell: what JupyterLab and Colab show of it."""
    return f"# @title {title}\n"


def _in_language(cells: list[NotebookNode], index: int, language: str) -> bool:
    """A rendering is for its language; what it renders gives way to it; all else is for everyone."""
    if "lang" in cells[index].metadata:
        return cells[index].metadata["lang"] == language
    below = index + 1
    while below < len(cells) and "lang" in cells[below].metadata:
        if cells[below].metadata["lang"] == language:
            return False
        below += 1
    return True


def _origin_title(name: str, file: str) -> str:
    origin = "shared by all notebooks" if file.startswith("cells") else f"from {Path(file).name}"
    return _title(f"{name.replace('_', ' ')} ({origin})")


def _cell_id(grade_id: str | None, text: str, used: set[str]) -> str:
    """The grade_id, or a hash of the text; a number behind it where the text stands twice."""
    cell_id = free_id(grade_id or hashlib.sha256(text.encode()).hexdigest()[:12], used)
    used.add(cell_id)
    return cell_id


def free_id(base: str, used: Container[str]) -> str:
    """The id, or the first of base-2, base-3, ... that is not used."""
    cell_id, count = base, 1
    while cell_id in used:
        count += 1
        cell_id = f"{base}-{count}"
    return cell_id


def digest(notebook: NotebookNode) -> str:
    """A hash of everything but outputs: equal exactly when the notebook was built from this source."""
    course = {key: value for key, value in notebook.metadata.get("course", {}).items() if key != "sha256"}
    content = [[cell.cell_type, cell.source, cell.get("id"), dict(cell.metadata)] for cell in notebook.cells]
    text = json.dumps([course, content], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
