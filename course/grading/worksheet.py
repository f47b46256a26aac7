"""A learning platform's own table of a class -> the same table with the marks in it, to be imported there.

Moodle's grading worksheet, Canvas's gradebook and Blackboard's grade file are read as they were exported.
Only the cells of marks (and of comments, where there is a column for them) are written anew; every other
byte stays. A mark is never guessed: whom the table does not name, or names twice, is listed. What stands
before the @ of an address says who it is only where all addresses have the same behind it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import CourseError
from .names import safe_name
from .table import Row

MOODLE, CANVAS, BLACKBOARD = "Moodle", "Canvas", "Blackboard"
MOST_BYTES = 50_000_000
POINTS = "Points: "  # a comment of ours begins with it, and may be replaced by a newer one
FIRST = {  # the columns by which a table is known, in English
    MOODLE: ({"identifier", "grade"},),
    CANVAS: ({"student", "id", "section"}, {"lastname", "firstname", "id", "section"}),
    BLACKBOARD: ({"username", "last name"}, {"username", "first name"}),
}
EXPORT = {
    MOODLE: "in Moodle: the assignment, Submissions, Actions, Download grading worksheet",
    CANVAS: "in Canvas: Grades, Export, Export Entire Gradebook",
    BLACKBOARD: "in Blackboard: Gradebook, Download grades, comma or tab",
}
MAIL = {MOODLE: "email address", CANVAS: "sis login id"}  # where an address may stand
COMMENT = {MOODLE: "feedback comments", BLACKBOARD: "feedback to learner"}
# "Total Pts: up to 100" stands in the head of a column that Blackboard calculates.
OF_BLACKBOARD = re.compile(r"(.*)\[Total Pts: ([\d.,]+) \w+[^\]]*\] ?\|\d+", re.DOTALL)
OF_CANVAS = re.compile(r"(.*) \(\d+\)", re.DOTALL)


@dataclass(frozen=True)
class Cell:
    """A cell's text, and where it stands in the file."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Person:
    """A row of the table that is a student's.

    number: as intake.Submission has it; names: all by which the person may be known, as safe_name gives them.
    """

    shown: str
    number: str
    names: frozenset[str]
    mark: Cell
    comment: Cell | None
    locked: bool = False
    full_name: str = ""


@dataclass(frozen=True)
class Worksheet:
    """A table as a platform exported it.

    most: what its column of marks is worth, None where it does not say. comma: it writes 17,5.
    """

    path: Path
    platform: str
    text: str
    encoding: str
    separator: str
    people: Sequence[Person]
    column: str
    most: float | None
    comma: bool


@dataclass
class Filled:
    """The table with marks; the rest is to be told. replaced: marks that stood there and were others.

    students: {student: the person}, of all who were found.
    """

    text: str = ""
    marks: int = 0
    replaced: int = 0
    students: dict[str, Person] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)


# --- reading


def read(path: Path, most: float, column: str = "") -> Worksheet:
    """The table in a file. most: what the assignment is worth; column: which of several is meant.

    Raises:
        CourseError: it is none that is known, or its column is worth something else.
    """
    text, encoding = _decoded(path)
    for separator in ",;\t":
        heads = _heads(path, text, separator)
        if platform := platform_of(heads):
            records = _records(path, text, separator)
            sheet = _sheet(path, platform, records, heads, column)
            found = Worksheet(path, platform, text, encoding, separator, *sheet)
            if found.most is not None and abs(found.most - most) > 1e-6:
                reason = f"its column {found.column!r} is worth {found.most:g}, the assignment {most:g}"
                reason += f". Let it be worth {most:g} in {platform}, and export again"
                raise CourseError(path, reason)
            return found
    known = "it is no worksheet of Moodle, Canvas or Blackboard with English column names"
    raise CourseError(path, f"{known}. Export one: {'; '.join(EXPORT.values())}")


def platform_of(heads: Iterable[str]) -> str:
    """Whose table has such a first row; "" if none that is known."""
    plain = {_plain(head) for head in heads}
    known = (name for name, choices in FIRST.items() if any(choice <= plain for choice in choices))
    return next(known, "")


def _decoded(path: Path) -> tuple[str, str]:
    """Its text, byte-order mark and line ends included."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CourseError(path, f"the worksheet cannot be read: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise CourseError(path, f"it is larger than {MOST_BYTES // 1_000_000} MB; is it a worksheet?")
    if data.startswith(b"PK\x03\x04"):
        raise CourseError(path, "it is an Excel file, or a zip. Export it as CSV, and leave Excel out")
    marks = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
    encoding = marks.get(data[:2], "utf-8")
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError as error:
        reason = "it is not in UTF-8, as the platform exports it. Export it anew, and do not save it in Excel"
        raise CourseError(path, reason) from error


def _heads(path: Path, text: str, separator: str) -> list[str]:
    """The names of the columns; none where they are parted in another way."""
    try:
        return [_plain(cell.text) for row in _records(path, text, separator, most=1) for cell in row]
    except CourseError:
        return []


def _records(path: Path, text: str, separator: str, most: int | None = None) -> list[list[Cell]]:
    """Its rows, or the first ones. csv tells the cells, but not where they stand."""
    one = re.compile(rf'"([^"]*(?:""[^"]*)*)"|([^{separator}\r\n]*)')
    records: list[list[Cell]] = []
    row: list[Cell] = []
    place = 1 if text.startswith("\ufeff") else 0
    while (place < len(text) or row) and len(records) != most:
        match = one.match(text, place)
        assert match is not None  # the second way takes nothing as well
        value = match[2] if match[1] is None else match[1].replace('""', '"')
        row.append(Cell(value, match.start(), match.end()))
        place = match.end()
        following = text[place : place + 1]
        if following == separator:
            place += 1
            if place < len(text):
                continue
            row.append(Cell("", place, place))  # the file ends after a separator
            following = ""
        if following not in ("\r", "\n", ""):
            line = text.count("\n", 0, place) + 1
            raise CourseError(path, f"line {line} is no CSV: {following!r} stands behind a closed quote")
        records += [row] if len(row) > 1 or row[0].text else []
        row = []
        place += 2 if text.startswith("\r\n", place) else 1
    return records


def _sheet(
    path: Path, platform: str, records: list[list[Cell]], heads: list[str], column: str
) -> tuple[list[Person], str, float | None, bool]:
    """The people, the column's name, what it is worth, and whether numbers have a comma."""
    rows = [row for row in records[1:] if len(row) == len(heads)]
    for row in records[1:]:
        empty = platform == CANVAS and not any(cell.text.strip() for cell in row[:2])  # how marks are posted
        if len(row) != len(heads) and not empty:
            reason = f"the row of {row[0].text[:40]!r} has {len(row)} cells, the first row {len(heads)}"
            raise CourseError(path, reason)
    at = _column(path, platform, records[0], heads, rows, column)
    worth = _worth(platform, records[0][at].text, heads, rows, at)
    if worth and _number(worth) is None:
        reason = f"its column {records[0][at].text!r} is worth {worth!r} points, which is no number"
        raise CourseError(path, f"{reason}. Let it be graded in points in {platform}, and export again")
    comments = [number for number, head in enumerate(heads) if head == COMMENT.get(platform)]
    named = [{head: cell.text.strip() for head, cell in zip(heads, row, strict=True)} for row in rows]
    mails = [one.get(MAIL.get(platform, ""), "").casefold().partition("@") for one in named]
    local = len({domain for _, sign, domain in mails if sign}) == 1
    people = [
        _person(platform, one, local, row[at], row[comments[0]] if comments else None)
        for one, row in zip(named, rows, strict=True)
        if not _is_nobody(platform, one)
    ]
    comma = bool(worth and "," in worth)
    return people, records[0][at].text, _number(worth), comma


def _column(
    path: Path, platform: str, first: list[Cell], heads: list[str], rows: list[list[Cell]], column: str
) -> int:
    """The number of the column for the marks."""
    if platform == MOODLE:
        return heads.index("grade")
    known = OF_CANVAS if platform == CANVAS else OF_BLACKBOARD
    matches = {number: known.fullmatch(cell.text) for number, cell in enumerate(first)}
    titles = {number: match[1].strip() for number, match in matches.items() if match}
    for row in rows:
        if platform == CANVAS and _is_worth(row):  # what Canvas calculates is "(read only)"
            titles = {n: title for n, title in titles.items() if _number(row[n].text.strip()) is not None}
    wanted = column.strip().casefold()
    meant = [n for n in titles if not column or wanted in (titles[n].casefold(), first[n].text.casefold())]
    if len(meant) != 1:
        there = ", ".join(map(repr, titles.values())) or "none"
        what = f"not one column {column!r} for marks" if column else "not one column for marks"
        raise CourseError(path, f"it has {what}, but {there}. Say which: --column NAME")
    return meant[0]


def _is_worth(row: Sequence[Cell]) -> bool:
    """Canvas's second or third row: what each column is worth."""
    return row[0].text.strip().casefold() == "points possible"


def _worth(
    platform: str, head: str, heads: Sequence[str], rows: Sequence[Sequence[Cell]], at: int
) -> str | None:
    """What the column is worth, as it stands there."""
    if platform == BLACKBOARD:
        match = OF_BLACKBOARD.fullmatch(head)
        return match[2] if match else None
    if platform == CANVAS:
        return next((row[at].text.strip() for row in rows if _is_worth(row)), None)
    if "maximum grade" not in heads:
        return None
    most = heads.index("maximum grade")
    return next((row[most].text.strip() for row in rows if row[most].text.strip()), None)


def _number(text: str | None) -> float | None:
    if not text or not re.fullmatch(r"\d+([.,]\d+)?", text):
        return None
    return float(text.replace(",", "."))


def _is_nobody(platform: str, named: Mapping[str, str]) -> bool:
    """A row of Canvas's that is no student's: what columns are worth, how they are posted, a test."""
    if platform != CANVAS:
        return False
    name = named.get("student", "").casefold()
    return not named["id"] or name in ("points possible", "student, test")


def _person(platform: str, named: Mapping[str, str], local: bool, mark: Cell, comment: Cell | None) -> Person:
    """local: what stands before the @ of an address says who it is, as all have the same behind it."""
    name, sign, _ = named.get(MAIL.get(platform, ""), "").partition("@")
    account = name if sign and local else ""
    if platform == MOODLE:
        match = re.search(r"\d+$", named["identifier"])
        number, full = match[0] if match else "", named.get("full name", "")
        names = [full, named.get("id number", ""), named.get("username", ""), named.get(MAIL[MOODLE], "")]
        names += [account]
        names += [f"{full or 'Participant'}_{number}"] if number else []
        shown = " ".join(filter(None, (full, named["identifier"])))
        locked = named.get("grade can be changed", "").casefold() == "no"
        return Person(shown, f"moodle:{number}" if number else "", _names(names), mark, comment, locked, full)
    if platform == CANVAS:
        sorted_name = named.get("student") or f"{named.get('lastname')}, {named.get('firstname')}"
        last, _, first = sorted_name.partition(",")
        squashed = re.sub(r"\W", "", sorted_name.lower())  # as Canvas names files
        names = [sorted_name, f"{first.strip()} {last}", squashed, f"{squashed}_{named['id']}"]
        names += [named.get(MAIL[CANVAS], ""), account, named.get("sis user id", ""), named["id"]]
        return Person(f"{sorted_name} ({named['id']})", f"canvas:{named['id']}", _names(names), mark, comment)
    first, last = named.get("first name", ""), named.get("last name", "")
    names = [named["username"], named.get("student id", ""), f"{first} {last}"]
    return Person(f"{first} {last} ({named['username']})", "", _names(names), mark, comment)


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(safe_name(name).casefold() for name in names if name.strip())


def _plain(head: str) -> str:
    return unicodedata.normalize("NFKC", head).strip().casefold()


# --- filling in


def fill(
    sheet: Worksheet,
    rows: Sequence[Row],
    tasks: Mapping[str, float],
    waiting: Collection[str] = (),
) -> Filled:
    """The table with the marks that are final. waiting: students of whom something is still to be marked.

    Who has no mark, keeps the cell as it is. So does one who is not found for certain.
    """
    done = Filled()
    known = {row.student: _found(sheet, row) for row in rows}
    taken: dict[int, list[str]] = {}
    for student, people in known.items():
        for person in people if len(people) == 1 else ():
            taken.setdefault(person.mark.start, []).append(student)
    changes: list[tuple[Cell, str]] = []
    for row in rows:
        people = known[row.student]
        if len(people) != 1 or len(taken[people[0].mark.start]) > 1:
            if people:
                done.twice.append(row.student)
            elif row.total is not None or row.file:
                done.unknown.append(row.student)
            continue
        person = people[0]
        done.students[row.student] = person
        if row.total is None:
            continue
        if row.student in waiting:
            done.waiting.append(row.student)
        elif person.locked:
            done.locked.append(row.student)
        else:
            changes += _changes(sheet, person, row, tasks, done)
    done.text = _changed(sheet.text, changes)
    return done


def _found(sheet: Worksheet, row: Row) -> list[Person]:
    """Who it may be: by the number, if this platform gave one; else by a name."""
    if row.number.startswith(f"{sheet.platform.lower()}:"):
        return [person for person in sheet.people if person.number == row.number]
    return [person for person in sheet.people if row.student.casefold() in person.names]


def _changes(
    sheet: Worksheet, person: Person, row: Row, tasks: Mapping[str, float], done: Filled
) -> list[tuple[Cell, str]]:
    assert row.total is not None
    mark = f"{row.total:g}"
    before = _number(person.mark.text.strip())
    done.marks += 1
    done.replaced += before is not None and before != float(mark)
    changes = [(person.mark, mark.replace(".", ",") if sheet.comma else mark)]
    comment = person.comment
    if comment is not None and (not comment.text.strip() or comment.text.startswith(POINTS)):
        points = row.points or {}
        less = sum(points.values()) - row.total
        told = ", ".join(f"{name} {points.get(name, 0):g} of {most:g}" for name, most in tasks.items())
        told += f", less {less:g} for lateness" if less > 1e-6 else ""
        changes.append((comment, f"{POINTS}{told}."))
    return [(cell, _written(sheet, cell, text)) for cell, text in changes]


def _written(sheet: Worksheet, cell: Cell, text: str) -> str:
    """In quotes, if the cell had them or needs them."""
    had = sheet.text[cell.start : cell.end].startswith('"')
    return f'"{text}"' if had or sheet.separator in text else text


def _changed(text: str, changes: Iterable[tuple[Cell, str]]) -> str:
    pieces, place = [], 0
    for cell, new in sorted(changes, key=lambda change: change[0].start):
        pieces += [text[place : cell.start], new]
        place = cell.end
    return "".join([*pieces, text[place:]])
