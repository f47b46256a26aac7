"""A notebook as a student hands it in -> one that nbgrader can grade, or a sentence that says why not.

Only what needs no guess is mended. The student reads what was mended (notes), the instructor what a
person should look at (doubts).
"""

from __future__ import annotations

import ast
import copy
import functools
import json
import re
import warnings
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.converter import convert

from ..sources import free_id
from . import leftovers
from .marks import grade_id, is_test

MOST_CELLS = 500  # an assignment has about 30
MOST_SOURCE = 500_000  # characters of a cell
MOST_SOURCES = 1_000_000  # of all cells
MOST_LINES = 20_000  # of all cells
MOST_NOTES = 40
MOST_ASIDE = 10  # lines of a cell that are told
NO_PACKAGES = (
    "No package is installed on the grader: write your answers with Python, torch and NumPy alone, "
    "which are there."
)
DOWNLOAD = (
    "In JupyterLab choose File, Download; in Colab File, Download, Download .ipynb. Then hand that file in."
)
MAGIC = {  # what other files begin with
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Word or Excel file",
    b"{\\rtf": "a text document (RTF)",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x1f\x8b": "a packed file (gzip)",
    b"Rar!": "a packed file (RAR)",
    b"7z\xbc\xaf": "a packed file (7z)",
}
BYTE_ORDER_MARKS = {  # UTF-32's begins with UTF-16's, so it comes first
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
}


class Unusable(Exception):
    """What a student reads where a file cannot be graded."""


@dataclass(frozen=True)
class Mended:
    """A notebook that nbgrader can grade.

    notebook: valid nbformat 4.5 without outputs, with every marked cell of the source.
    notes: one sentence for each thing mended or put aside, for the student.
    doubts: what a person should look at, for the instructor.
    """

    notebook: NotebookNode
    notes: list[str]
    doubts: list[str]


@dataclass
class _Cell:
    """A cell as handed in; `name` is the grade_id that it has in the end, "" for none."""

    kind: str
    text: str
    cell_id: str = ""
    mark: dict[str, Any] | None = None
    attachments: dict[str, Any] | None = None
    name: str = ""


@dataclass
class _Plan:
    """What the assignment asks for, and what has been said so far."""

    source: dict[str, NotebookNode]
    release: dict[str, NotebookNode]
    cells: list[NotebookNode]  # all of the release's
    tasks: dict[str, str]  # grade_id -> the solution cell it belongs to, "" for helpers
    titles: dict[str, str]  # solution cell -> what people call the task
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def is_test(self, name: str) -> bool:
        return is_test(self.source[name])

    def is_answer(self, name: str) -> bool:
        return bool(self.source[name].metadata.nbgrader.solution)

    def title(self, name: str) -> str:
        return self.titles.get(self.tasks[name], "")

    def words(self, name: str) -> str:
        """What to call a cell: "your answer cell to Task 1: ...", "test cell 2 of Task 1: ..."."""
        if self.is_answer(name):
            return f"your answer cell to {self.title(name)}"
        if self.is_test(name) and self.title(name):
            tests = [key for key in self.source if self.is_test(key) and self.tasks[key] == self.tasks[name]]
            return f"test cell {tests.index(name) + 1} of {self.title(name)}"
        first = next((line for line in self.release[name].source.splitlines() if line.strip()), "")
        return f'the given cell that begins with "{first.strip()[:40]}"'


def mend(
    data: bytes,
    source: NotebookNode,
    release: NotebookNode,
    others: Mapping[str, Container[str]] | None = None,
) -> Mended:
    """The notebook in `data`, mended where nothing has to be guessed.

    source: the instructor's notebook; release: the students'; others: {"02_...": its grade_ids}.

    Raises:
        Unusable: it cannot be graded; the sentence says why and what to do.
    """
    try:
        plan = _plan(source, release)
        raw = _parse(_decode(data, plan), plan)
        cells = _cells(raw, plan)
        _check_assignment(cells, plan, others or {}, release)
        _assign(cells, plan)
        if not _answered(cells, plan):
            raise Unusable(
                f"This is not the notebook of {_called(release)}: none of its answer cells is in it. "
                "Hand in the notebook that you were given, with your answers in its cells."
            )
        older = _version(raw) not in (None, _version(release))
        _restore(cells, plan, older)
        _put_back(cells, plan)
        _look_at_order(cells, plan)
        _put_aside(cells, plan)
        notebook = _build(cells, plan, release)
        nbformat.validate(notebook)
        return Mended(notebook, _short(plan.notes), _short(plan.doubts))
    except Unusable:
        raise
    except Exception as error:  # whatever the bytes are, one file must not stop a class
        raise Unusable(
            f"The notebook is damaged in a way that could not be mended ({type(error).__name__}). "
            "Open it in Jupyter: if it opens, save it and hand it in again; if not, begin with a fresh copy. "
            + DOWNLOAD
        ) from error


def _short(sentences: list[str]) -> list[str]:
    more = len(sentences) - MOST_NOTES
    return [*sentences[:MOST_NOTES], f"And {more:,} more of this kind."] if more > 0 else sentences


# --- bytes -> JSON


def _decode(data: bytes, plan: _Plan) -> str:
    if not data.strip():
        raise Unusable(f"The file is empty. {DOWNLOAD}")
    if data.startswith(b"PK\x03\x04"):
        word = b"word/" in data[:4096]
        what = "a Word file" if word else "a zip file"
        raise Unusable(f"The file is {what} with another ending, not a notebook. {DOWNLOAD}")
    for magic, what in MAGIC.items():
        if data.startswith(magic):
            raise Unusable(f"The file is {what}, not a notebook. {DOWNLOAD}")
    encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unusable(
            f"The file is not {encoding.removesuffix('-sig').upper()} text (byte {error.start + 1}), "
            f"so it is no notebook, or it is damaged. {DOWNLOAD}"
        ) from error
    if "\0" in text:
        raise Unusable(f"The file holds zero bytes: it is damaged, or not UTF-8 text. {DOWNLOAD}")
    if encoding == "utf-8-sig":
        plan.notes.append(
            "The file began with a byte-order mark, which notebooks do not have; it was left out."
        )
    elif encoding != "utf-8":
        plan.notes.append(
            f"The file was stored as {encoding.upper()}; it was read as that. Notebooks are UTF-8."
        )
    return text


def _parse(text: str, plan: _Plan) -> dict[str, Any]:
    """The JSON of a notebook in format 4, at least in outline."""
    _check_conflict(text)
    start = text.lstrip()
    if not start:
        raise Unusable(f"The file is empty. {DOWNLOAD}")
    if start.startswith("<"):
        raise Unusable(f"The file is a web page (HTML), not the notebook itself. {DOWNLOAD}")
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise Unusable(_why_no_json(start, text, error)) from error
    except RecursionError as error:
        raise Unusable(f"The file is nested too deeply to be a notebook. {DOWNLOAD}") from error
    except ValueError as error:  # a number of too many digits
        raise Unusable(f"The file holds a value that no notebook has ({error}). {DOWNLOAD}") from error
    if isinstance(raw, dict) and isinstance(raw.get("worksheets"), list) and "cells" not in raw:
        return _from_format_3(raw, plan)
    if not isinstance(raw, dict) or not isinstance(raw.get("cells"), list):
        raise Unusable(f"The file is JSON, but not a notebook: it has no cells. {DOWNLOAD}")
    version = raw.get("nbformat", 4)
    if isinstance(version, (int, float)) and version >= 5:
        raise Unusable(
            f"The notebook has format {version}, which the grader does not know. "
            "Save it with the Jupyter of this course and hand it in again."
        )
    return raw


def _check_conflict(text: str) -> None:
    match = re.search(r"^(<{7}|>{7})( |$)", text, re.MULTILINE)
    if match:
        line = text.count("\n", 0, match.start()) + 1
        raise Unusable(
            f"Line {line} holds the mark of a merge conflict ({match[1]}): two versions of the notebook are "
            "mixed in one file. Keep one version, see that it opens in Jupyter, and hand it in again."
        )


def _why_no_json(start: str, text: str, error: json.JSONDecodeError) -> str:
    if re.search(r"^(import \w|from \w|def \w|class \w|# ?%%|#!)", start, re.MULTILINE) and start[0] != "{":
        return f"The file is a Python script, not a notebook. {DOWNLOAD}"
    if start[0] != "{":
        return (
            f"The file is not a notebook: a notebook begins with {{, this file with {start[0]!r}. {DOWNLOAD}"
        )
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        where = f"at its end (line {error.lineno})"
        return f"The file is cut off {where}: part of the notebook is missing. {DOWNLOAD}"
    return (
        f"The file cannot be read as a notebook: line {error.lineno}, column {error.colno} is not what "
        f"stands in one ({error.msg}). Was it edited outside of Jupyter? {DOWNLOAD}"
    )


def _from_format_3(raw: dict[str, Any], plan: _Plan) -> dict[str, Any]:
    """An old notebook in today's format; its outputs are not needed and may be broken."""
    sheets = [sheet for sheet in raw["worksheets"] if isinstance(sheet, dict)]
    cells = [cell for sheet in sheets for cell in sheet.get("cells", []) if isinstance(cell, dict)]
    for cell in cells:
        cell["outputs"] = []
        for key in ("input", "source"):
            if isinstance(cell.get(key), list):
                cell[key] = "".join(cell[key])
        if cell.get("cell_type") == "code":
            cell.setdefault("input", "")
        if not isinstance(cell.get("metadata"), dict):
            cell["metadata"] = {}
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {},
        "worksheets": [{"cells": cells, "metadata": {}}],
    }
    new = convert(nbformat.from_dict(old), 4)
    new.metadata = raw.get("metadata")
    plan.notes.append("The notebook was stored in an old format (3); it was converted to today's.")
    return new


# --- JSON -> cells


def _cells(raw: dict[str, Any], plan: _Plan) -> list[_Cell]:
    if len(raw["cells"]) > MOST_CELLS:
        raise Unusable(
            f"The notebook has {len(raw['cells']):,} cells; more than {MOST_CELLS:,} are not graded. "
            "Delete those that you do not need and hand it in again."
        )
    cells = [_cell(cell, number, plan) for number, cell in enumerate(raw["cells"], 1)]
    for what, count, most in (
        ("characters", sum(len(cell.text) for cell in cells), MOST_SOURCES),
        ("lines", sum(cell.text.count("\n") + 1 for cell in cells), MOST_LINES),
    ):
        if count > most:
            raise Unusable(
                f"The cells of the notebook hold {count:,} {what}; more than {most:,} are not graded. "
                "Delete what the assignment does not need and hand the notebook in again."
            )
    return cells


def _cell(raw: Any, number: int, plan: _Plan) -> _Cell:
    if not isinstance(raw, dict):
        raise Unusable(f"Cell {number} of the notebook is not a cell; the file is damaged. {DOWNLOAD}")
    text = raw.get("source", "")
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        text = "".join(text)
    if not isinstance(text, str):
        raise Unusable(f"Cell {number} of the notebook has no text; the file is damaged. {DOWNLOAD}")
    if len(text) > MOST_SOURCE:
        raise Unusable(
            f"Cell {number} holds {len(text):,} characters; more than {MOST_SOURCE:,} are not graded. "
            "Data does not belong into a cell: make it smaller and hand the notebook in again."
        )
    kind = raw.get("cell_type", "code" if "outputs" in raw else None)
    if kind not in ("code", "markdown", "raw"):
        plan.notes.append(f"Cell {number} was neither code nor text; it was taken as text.")
        kind = "markdown"
    metadata = raw.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    mark = metadata.get("nbgrader")
    cell_id = raw.get("id") or metadata.get("id")  # Colab keeps it in the metadata
    attachments = raw.get("attachments")
    return _Cell(
        kind=kind,
        text=text.encode("utf-8", "replace").decode("utf-8"),  # half a character cannot be written again
        cell_id=cell_id if isinstance(cell_id, str) else "",
        mark=dict(mark) if isinstance(mark, dict) else None,
        attachments=attachments if _sound(attachments) else None,
    )


def _sound(attachments: Any) -> bool:
    """Attachments as the format has them: {file name: {type: text}}."""
    return isinstance(attachments, dict) and all(
        isinstance(bundle, dict) and all(isinstance(content, str) for content in bundle.values())
        for bundle in attachments.values()
    )


def _wanted(cell: _Cell) -> str:
    """The grade_id that a cell claims."""
    name = (cell.mark or {}).get("grade_id")
    return name if isinstance(name, str) else ""


# --- what the assignment asks for


def _plan(source: NotebookNode, release: NotebookNode) -> _Plan:
    marked = {cell.metadata.nbgrader.grade_id: cell for cell in source.cells if "nbgrader" in cell.metadata}
    released = {
        cell.metadata.nbgrader.grade_id: cell for cell in release.cells if "nbgrader" in cell.metadata
    }
    tasks, titles, task = {}, {}, ""
    for name, cell in marked.items():
        if cell.metadata.nbgrader.solution:
            task = name
            titles[name] = _title(release.cells, name)
        tasks[name] = task if cell.metadata.nbgrader.solution or cell.metadata.nbgrader.grade else ""
    return _Plan(marked, released, list(release.cells), tasks, titles)


def _title(cells: list[NotebookNode], name: str) -> str:
    """ "Task 3: several heads", from the heading above the answer cell; else the function's name."""
    index = next(i for i, cell in enumerate(cells) if grade_id(cell) == name)
    for cell in reversed(cells[:index]):
        if cell.metadata.get("nbgrader", {}).get("solution"):
            break
        headings = re.findall(r"^#{1,4} +(.+?) *$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and headings:
            return re.sub(r"\s*\([^()]*\bpoints?\b[^()]*\)$", "", headings[-1])
    return " and ".join(sorted(_functions(cells[index].source))) or name


@functools.lru_cache(maxsize=2 * MOST_CELLS)
def _functions(text: str) -> set[str]:
    """The functions and classes that a cell defines, also where it has a slip of syntax or a magic."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(re.findall(r"^(?:async +)?(?:def|class) +(\w+)", text, re.MULTILINE))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in body if isinstance(node, kinds)}


@functools.lru_cache(maxsize=2 * MOST_CELLS)
def _plain(text: str) -> str:
    """A text without what no one sees: blanks at the ends of lines, empty lines at the end."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def _called(notebook: NotebookNode) -> str:
    title = notebook.metadata.get("course", {}).get("title", "")
    return f'"{title}"' if title else "this assignment"


def _version(notebook: Mapping[str, Any]) -> str | None:
    """The hash that our build writes into a notebook, if it is still there."""
    metadata = notebook.get("metadata")
    course = metadata.get("course") if isinstance(metadata, dict) else None
    version = course.get("sha256") if isinstance(course, dict) else None
    return version if isinstance(version, str) else None


def _check_assignment(
    cells: list[_Cell], plan: _Plan, others: Mapping[str, Container[str]], release: NotebookNode
) -> None:
    """Refuse the notebook of another assignment, which may share some names with this one."""
    names = {_wanted(cell) or cell.cell_id for cell in cells} - {""}
    shared = {other: sum(name in theirs for name in names) for other, theirs in others.items()}
    other = max(shared, key=lambda key: shared[key], default="")
    if other and shared[other] > len(names & set(plan.source)):
        number, _, file = other.partition("_")
        raise Unusable(
            f"This is the notebook of assignment {number.lstrip('0') or number} ({file}.ipynb), "
            f"not of {_called(release)}. Hand in the notebook of the assignment that was asked for."
        )


# --- which cell is which


def _assign(cells: list[_Cell], plan: _Plan) -> None:
    """Give each of the source's names to at most one cell: by its mark, else by what it plainly is."""
    for name in plan.source:
        _by_mark(cells, name, plan)
    found = {
        name: how for name in plan.source if not _has(cells, name) and (how := _recognise(cells, name, plan))
    }
    if len(found) > 3:
        plan.notes.append(
            f"{len(found)} cells of your notebook had lost the marks by which the grader knows them. "
            "They were recognised and marked again; your answers were not changed."
        )
    else:
        for name, how in found.items():
            words = _capital(plan.words(name))
            plan.notes.append(
                f"{words} had lost the mark by which the grader knows it; it was recognised by {how}."
            )
    for cell in cells:
        mark = cell.mark or {}
        known = _wanted(cell) in plan.source
        if not cell.name and not known and any(mark.get(key) for key in ("grade", "solution", "locked")):
            plan.notes.append(
                "A cell was marked as if it were graded, but is not part of this assignment; "
                f"it was taken as an ordinary cell: {_begins(cell)}."
            )


def _has(cells: Iterable[_Cell], name: str) -> bool:
    return any(cell.name == name for cell in cells)


def _begins(cell: _Cell) -> str:
    first = next((line.strip() for line in cell.text.splitlines() if line.strip()), "")
    return f'it begins with "{first[:40]}"' if first else "it is empty"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _by_mark(cells: list[_Cell], name: str, plan: _Plan) -> None:
    """One of the cells that carry the name keeps it; the others stay where they are, as plain cells."""
    carriers = [cell for cell in cells if _wanted(cell) == name]
    if not carriers:
        return
    kind = plan.source[name].cell_type
    keeper = next((cell for cell in carriers if cell.kind == kind), carriers[0])
    if len(carriers) > 1:
        times = "twice" if len(carriers) == 2 else f"{len(carriers)} times"
        which = "The first one"
        if kind == "markdown" and plan.is_answer(name):
            keeper, which = _written(carriers, keeper, name, plan)
        elif keeper is not carriers[0]:
            which = "The one that is code"
        rest = "the other was kept as an ordinary cell"
        if len(carriers) > 2:
            rest = "the others were kept as ordinary cells"
        plan.notes.append(
            f"{_capital(plan.words(name))} stood in your notebook {times}. {which} counts; {rest}."
        )
    keeper.name = name


def _written(carriers: list[_Cell], first: _Cell, name: str, plan: _Plan) -> tuple[_Cell, str]:
    """Of several written answers the one that was written; of several such the first, with a doubt."""
    empty = _plain(plan.release[name].source)
    texts = [cell for cell in carriers if _plain(cell.text) not in ("", empty)]
    if len({_plain(cell.text) for cell in texts}) > 1:
        plan.doubts.append(
            f"{plan.title(name)}: there are {len(texts)} different written answers; the first one counts. "
            "Read the others, which stand below it as ordinary cells."
        )
    if not texts:
        return first, "The first one"
    return texts[0], "The first one" if texts[0] is carriers[0] else "The one with your answer"


def _recognise(cells: list[_Cell], name: str, plan: _Plan) -> str:
    """Mark the one cell that plainly is the named one; how it was recognised, "" where none was."""
    kind = plan.source[name].cell_type
    free = [cell for cell in cells if not cell.name and _wanted(cell) not in plan.source]
    free = [cell for cell in free if cell.kind == kind]
    for cell in free:
        if cell.cell_id in (name, plan.source[name].get("id")):
            cell.name = name
            return "its place in the file"
    if not plan.is_answer(name):
        text = _plain(plan.release[name].source)
        same = [cell for cell in free if _plain(cell.text) == text]
        if same:
            same[0].name = name
            return "its text"
    elif kind == "code":
        wanted = _functions(plan.release[name].source)
        same = [cell for cell in free if wanted and wanted <= _functions(cell.text)]
        if len(same) == 1:
            same[0].name = name
            return "the function that it defines"
    else:
        place = _below_question(cells, name, plan)
        if place is not None and any(cells[place] is cell for cell in free):
            cells[place].name = name
            return "the question above it"
    return ""


def _below_question(cells: list[_Cell], name: str, plan: _Plan) -> int | None:
    """The index of the cell directly below the question that the written answer belongs to."""
    index = next(i for i, cell in enumerate(plan.cells) if grade_id(cell) == name)
    if not index or plan.cells[index - 1].cell_type != "markdown":
        return None
    question = _plain(plan.cells[index - 1].source)
    places = [place for place, cell in enumerate(cells[:-1], 1) if _plain(cell.text) == question]
    return places[0] if len(places) == 1 else None


def _answered(cells: list[_Cell], plan: _Plan) -> bool:
    """Whether an answer cell of this assignment is there; assignments share the written one's name."""
    answers = [name for name in plan.source if plan.is_answer(name)]
    code = [name for name in answers if plan.source[name].cell_type == "code"]
    return any(_has(cells, name) for name in code or answers)


# --- as the assignment has it


def _restore(cells: list[_Cell], plan: _Plan, older: bool) -> None:
    """Kind, text and points of the marked cells are the assignment's again."""
    changed = []
    for cell in cells:
        if not cell.name:
            continue
        words = _capital(plan.words(cell.name))
        released = plan.release[cell.name]
        marks = plan.source[cell.name].metadata.nbgrader
        if cell.kind != released.cell_type:
            what = {"code": "a code cell", "markdown": "a text cell", "raw": "a raw cell"}
            plan.notes.append(
                f"{words} had become {what[cell.kind]}; it was made {what[released.cell_type]} again."
            )
            cell.kind = released.cell_type
        given = (cell.mark or {}).get("points", marks.get("points"))
        if marks.grade and given != marks.points and not older:
            plan.notes.append(
                f"The points of {plan.words(cell.name)} had been changed; the assignment's points count."
            )
        if marks.locked:
            if _plain(cell.text) != _plain(released.source):
                changed.append(words)
            cell.text, cell.attachments = released.source, released.get("attachments")
    if changed and older:
        plan.notes.append(
            "Your notebook was made from another version of the assignment than the one that is graded; "
            "the tests of the graded version were used."
        )
        plan.doubts.append("The notebook was made from another version of the assignment.")
        return
    plan.notes += [f"{words} had been changed; the original was used." for words in changed]


def _put_back(cells: list[_Cell], plan: _Plan) -> None:
    """The marked cells that are missing come from the release."""
    missing = [name for name in plan.source if not _has(cells, name)]
    for name in missing:
        released = plan.release[name]
        text = released.source
        if plan.is_answer(name):
            text = _missing_answer(cells, name, plan)
        new = _Cell(released.cell_type, text, name=name, attachments=released.get("attachments"))
        cells.insert(_place(cells, name, plan), new)
    tests = {plan.title(name): None for name in missing if plan.is_test(name)}
    plan.notes += [f"Tests of {title} were missing; they have been put back." for title in tests]
    for name in missing:
        if not plan.is_test(name) and not plan.is_answer(name):
            plan.notes.append(f"{_capital(plan.words(name))} was missing; it has been put back.")


def _missing_answer(cells: list[_Cell], name: str, plan: _Plan) -> str:
    """The text of an answer cell put back: empty, or a comment if the function stands elsewhere."""
    text = plan.release[name].source
    wanted = _functions(text) if plan.source[name].cell_type == "code" else set()
    title, words = plan.title(name), _capital(plan.words(name))
    if wanted and any(cell.kind == "code" and wanted <= _functions(cell.text) for cell in cells):
        # the empty one would define the function anew, over the student's
        plan.notes.append(
            f"{words} was missing; {' and '.join(sorted(wanted))}, defined in another cell, "
            "counts as your answer."
        )
        plan.doubts.append(f"{title}: the answer stands in another cell, perhaps merged with it.")
        return f"# The answer cell to {title} was missing here; the function is defined in another cell."
    plan.notes.append(f"{words} was missing; the empty one stands there now.")
    return text


def _place(cells: list[_Cell], name: str, plan: _Plan) -> int:
    """Below the nearest cell that stands above the named one in the release."""
    index = next(i for i, cell in enumerate(plan.cells) if grade_id(cell) == name)
    for above in reversed(plan.cells[:index]):
        marked, text = grade_id(above), _plain(above.source)
        for place, cell in enumerate(cells, 1):
            if cell.name == marked if marked else not cell.name and _plain(cell.text) == text:
                return place
    return 0


def _look_at_order(cells: list[_Cell], plan: _Plan) -> None:
    """Doubts about where things stand: tests above their answer, a written answer in a cell of its own."""
    places = {cell.name: place for place, cell in enumerate(cells) if cell.name}
    for name, place in places.items():
        task = plan.tasks[name]
        if plan.is_test(name) and task in places and place < places[task]:
            plan.doubts.append(f"{_capital(plan.words(name))} stands above the answer, where it cannot pass.")
    given = {_plain(cell.source) for cell in plan.cells}
    for name, place in places.items():
        written = plan.is_answer(name) and cells[place].kind == "markdown"
        if not written or _plain(cells[place].text) not in ("", _plain(plan.release[name].source)):
            continue
        beside = [cell for cell in cells[max(0, place - 1) : place + 2] if not cell.name]
        beside = [cell for cell in beside if not leftovers.is_stamp(cell.text)]
        if any(cell.kind != "code" and _plain(cell.text) not in (given | {""}) for cell in beside):
            plan.doubts.append(
                f"{plan.title(name)}: the answer cell is empty, but a text stands beside it; "
                "it may be the answer."
            )


def _put_aside(cells: list[_Cell], plan: _Plan) -> None:
    """Lines in the student's own cells that do nothing on the grader, and would stop their cell."""
    own = [cell for cell in cells if cell.kind == "code" and (not cell.name or plan.is_answer(cell.name))]
    names = leftovers.names_of_hosts(cell.text for cell in own)
    for cell in own:
        aside = leftovers.put_aside(cell.text, names)
        cell.text = aside.text
        if not aside.lines:
            continue
        told = "; ".join(f"`{line.replace('`', '')}`" for line in aside.lines[:MOST_ASIDE])
        more = len(aside.lines) - MOST_ASIDE
        told += f"; and {more:,} more" if more > 0 else ""
        where = plan.words(cell.name) if cell.name else "a cell of your own"
        note = f"Put aside in {where}, because it does nothing on the grader: {told}."
        note += f" {NO_PACKAGES}" if aside.installs else ""
        plan.notes.append(note)


def _build(cells: list[_Cell], plan: _Plan, release: NotebookNode) -> NotebookNode:
    """The notebook, with unique ids and no metadata but the assignment's."""
    names = {cell.name for cell in cells if cell.name}
    used = {plan.source[name].get("id") or name for name in names}
    made = []
    for number, cell in enumerate(cells, 1):
        if cell.name:
            source = plan.source[cell.name]
            metadata = copy.deepcopy(plan.release[cell.name].metadata)
            metadata["nbgrader"] = copy.deepcopy(source.metadata.nbgrader)
            cell_id = source.get("id") or cell.name
        else:
            metadata, cell_id = NotebookNode(), cell.cell_id
            if cell_id in used or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell_id):
                cell_id = free_id(f"cell-{number}", used)
            used.add(cell_id)
        made.append(_node(cell, metadata, cell_id))
    notebook = nbformat.v4.new_notebook(cells=made, metadata=copy.deepcopy(release.metadata))
    notebook.nbformat_minor = 5
    return notebook


def _node(cell: _Cell, metadata: NotebookNode, cell_id: str) -> NotebookNode:
    new = {
        "code": nbformat.v4.new_code_cell,
        "markdown": nbformat.v4.new_markdown_cell,
        "raw": nbformat.v4.new_raw_cell,
    }[cell.kind]
    node = new(cell.text, metadata=metadata, id=cell_id)
    if cell.attachments and cell.kind != "code":
        node["attachments"] = copy.deepcopy(cell.attachments)
    return node
