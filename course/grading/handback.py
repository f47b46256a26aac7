"""Marks and pages for a learning platform: its own table filled in, and a zip file that it hands out."""

from __future__ import annotations

import os
import re
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import CourseError, relative
from ..files import write_whole
from . import worksheet
from .book import Book
from .table import Row, for_terminal
from .worksheet import CANVAS, MOODLE, Filled, Worksheet

MOST_LISTED = 20  # names in a line
TOLD = {
    "unknown": "not in the worksheet, or not by that name",
    "twice": "the worksheet has two such people, or two students here are one there",
    "waiting": "something is still to be marked by hand",
    "locked": "the worksheet says that the grade cannot be changed",
}


def hand_back(book: Book, sheet: Worksheet, rows: Sequence[Row], tasks: Mapping[str, float]) -> None:
    """Write the table with marks, and the pages where the platform takes them; say who is not in it.

    The marks are the gradebook's, each student's of one moment: what a person gave since the notebook was
    recorded is in them. A penalty for lateness is taken off.

    Raises:
        CourseError: one of the files cannot be written; it is as it was, the other may be new.
    """
    marks = {row.student: book.marks(row.student) for row in rows if row.total is not None}
    now = {student: one for student, one in marks.items() if one}
    rows = [
        replace(row, total=one.counts, points=one.points) if (one := now.get(row.student)) else row
        for row in rows
    ]
    done = worksheet.fill(sheet, rows, tasks, {student for student, one in now.items() if one.waiting})
    name = f"{book.assignment}-{sheet.platform.lower()}"
    path = book.root / "marks" / f"{name}{sheet.path.suffix}"
    packed = book.root / "marks" / f"{name}-pages.zip"
    pages = _pages(book, sheet, rows, done)
    try:
        if pages:
            _pack(packed, pages)
        write_whole(path, done.text, encoding=sheet.encoding)
    except OSError as error:
        raise CourseError(
            path, f"it cannot be written ({error.strerror}); the gradebook has the marks"
        ) from error
    replaced = f", {done.replaced} of them in place of another" if done.replaced else ""
    print(f"For {sheet.platform}: {relative(path)} ({_marks(done.marks)}{replaced})")
    if pages:
        print(f"For {sheet.platform}: {relative(packed)} ({len(pages)} pages)")
    for what, why in TOLD.items():
        if students := getattr(done, what):
            print(f"warning: no mark written for {_list(students)}: {why}", file=sys.stderr)


def _pages(book: Book, sheet: Worksheet, rows: Sequence[Row], done: Filled) -> dict[str, Path]:
    """{name in the zip file: the page} of all that were found and that are not waiting."""
    found = {}
    for row in rows:
        person = done.students.get(row.student)
        page = book.page_path(row.student)
        if person is None or row.student in done.waiting or not page.is_file():
            continue
        if sheet.platform == MOODLE and person.number:
            # Moodle looks at the number between the first two underscores.
            full = re.sub(r"[^\w .'-]|_", " ", person.full_name).strip(" .") or "Participant"
            number = person.number.partition(":")[2]
            found[f"{full}_{number}_assignsubmission_file_/{book.notebook}.html"] = page
        elif sheet.platform == CANVAS and row.number == person.number and row.label:
            found[f"{row.label}{book.notebook}.html"] = page
    return found


def _pack(path: Path, pages: Mapping[str, Path]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, page in pages.items():
            archive.writestr(name, page.read_bytes())
    os.replace(part, path)


def _marks(count: int) -> str:
    return "1 mark" if count == 1 else f"{count} marks"


def _list(students: Sequence[str]) -> str:
    more = len(students) - MOST_LISTED
    return for_terminal(", ".join(students[:MOST_LISTED])) + (f" and {more} more" if more > 0 else "")
