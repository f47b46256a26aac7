"""Names of files as students write them: whose a file is, and how a name can be shown.

A name may be anything that a disk or a zip file can hold: no text at all, control characters, 65,000
letters. So each is cut before a pattern looks at it, and made safe before anyone sees it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timezone

from .table import for_terminal

LONGEST = 255  # a name on a disk; longer ones occur in zip files only, and can be made to cost hours
MOST_NAME = 80
MOST_SHOWN = 200
ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}$")
LITTER = (".DS_Store", ".localized", ".keep", ".gitkeep", "__MACOSX", "Thumbs.db", "desktop.ini")
NO_SUBMISSION = re.compile(
    r"(readme|licen[cs]e|copying)(\.(md|txt|rst|html?))?"
    r"|(class|students|roster|grades|marks)\.(txt|csv|xlsx|ods)",
    re.IGNORECASE,
)
OF_A_CLASS = re.compile(r"submissions([-_ ]*\(?\d{1,3}\)?)?", re.IGNORECASE)
CLASS_OF_MOODLE = re.compile(r".+-\d+", re.DOTALL)  # COURSE-ASSIGNMENT-4711.zip


def shown(name: str, most: int = MOST_SHOWN) -> str:
    """The name as it can be printed and written as UTF-8; what cannot be seen is written out: \\x1b, \\udcf6.

    Of a long one the beginning and the end are kept.
    """
    name = name if len(name) <= most else f"{name[: most - 40]}…{name[-39:]}"
    return name if name.isprintable() else for_terminal(name)  # nearly all are: it saves time


def safe_name(name: str) -> str:
    """The name as a folder and in nbgrader's patterns: letters, digits and .-_@+ only."""
    name = unicodedata.normalize("NFC", name[:LONGEST])
    kept = "".join(
        char if char in ".-_@+" or unicodedata.category(char)[0] in "LM" or char.isdecimal() else " "
        for char in name.strip()
    )
    kept = re.sub(r" +", "_", kept).lstrip(".-")[:MOST_NAME]
    while len(kept.encode()) > 200:  # a folder's name has 255 bytes at most
        kept = kept[:-1]
    return kept.rstrip(".") or "_"


def same(name: str, other: str) -> bool:
    """Whether they are one name to those who overlook capitals."""
    return name.casefold() == other.casefold()


def is_litter(name: str) -> bool:
    """Whether a program left it there."""
    return name in LITTER or name.startswith((".~", "._"))


def is_hidden(name: str) -> bool:
    """Whether its owner does not see it. A notebook's name may begin with a dot and is taken."""
    return name.startswith(".") and not name.lower().endswith(".ipynb")


def plain_ending(name: str) -> str:
    """The name without the second ending that some browsers add to a notebook's."""
    return re.sub(r"(\.ipynb)\.(json|txt)$", r"\1", name, flags=re.IGNORECASE)


def stem(name: str) -> str:
    """The name of a file without its ending, nor that of what was packed: ann.ipynb.zip, ann.tar.gz."""
    return re.sub(r"\.(ipynb|tar|zip)$", "", ENDING.sub("", name[:LONGEST]), flags=re.IGNORECASE)


@dataclass(frozen=True)
class Label:
    """What a learning platform writes before the name that a student gave a file.

    student: the name as the platform writes it. In Blackboard's, the assignment's name stands before it, and
    both may hold underscores: it is the last piece, and `head` has all of it.
    number: "moodle:4711", "canvas:815": who it is by that platform's number, where it writes one.
    text: all that it writes. attempt: when it was handed in, by Blackboard: 2026-01-31-23-59-00.
    """

    student: str
    number: str = ""
    text: str = ""
    attempt: str = ""
    head: str = ""


# The platform's part comes first, so nothing that a student can write comes before it.
MOODLE = re.compile(r"(.+?)_(\d+)_assignsubmission(?:_(?:file(?:_|$))?|$)")
CANVAS = re.compile(r"(.+?)_(?:LATE_)?(\d+)_\d+_(?=.)", re.IGNORECASE)
CANVAS_ANONYMOUS = re.compile(r"(anon_(?:LATE_)?(\w{5}))_\d+_(?=.)")
BLACKBOARD = re.compile(r"((?:.+?_)([^_]+))_attempt_(\d{4}(?:-\d\d){5})(?:_|$)")


def label(stem: str) -> Label | None:
    """How Moodle, Canvas or Blackboard labels what it exports; None for other names."""
    stem = stem[:LONGEST]
    found = []
    if match := MOODLE.match(stem):
        found.append(Label(match[1], f"moodle:{match[2]}", match[0]))
    if match := CANVAS_ANONYMOUS.match(stem):
        found.append(Label(f"anon_{match[2]}", f"canvas:{match[2]}", match[0]))
    if match := CANVAS.match(stem):
        found.append(Label(match[1], f"canvas:{match[2]}", match[0]))
    if match := BLACKBOARD.match(stem):
        found.append(Label(match[2], "", match[0], match[3], match[1]))
    # A student's own name for the file may look like another platform's label, but comes behind the real one.
    return min(found, key=lambda one: len(one.text), default=None)


def exported(stem: str) -> str:
    """Whose it is by a platform's way to name what it exports; "" for other names."""
    found = label(stem)
    return found.student if found else ""


def of_moodle(folder: str) -> str:
    """Whose folder it is by Moodle's way to name them; "" for other names."""
    match = re.match(r"(.+?)_\d+_assignsubmission(_|$)", folder[:LONGEST])
    return match[1] if match else ""


def ends_of(head: str) -> list[str]:
    """Who it can be whose name stands at the end: of HW_ann_lee first ann_lee, then lee."""
    pieces = head.split("_")
    return ["_".join(pieces[start:]) for start in range(1, len(pieces))]


def when(attempt: str) -> datetime | None:
    """The time of an attempt, by this machine's clock as a deadline is, in UTC; None where it is no time."""
    try:
        local = datetime.strptime(attempt, "%Y-%m-%d-%H-%M-%S")
        return local.astimezone(timezone.utc).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None


def owner(stem: str, assignment: str, notebook: str) -> str:
    """Whose it is by the file's name; "" where that names only the assignment."""
    stem = stem[:LONGEST]
    if student := exported(stem):
        return student
    stem = re.sub(r"( ?\(\d+\)|-Copy\d*)+$", "", stem.strip())
    for name in (assignment, notebook):
        if same(stem, name):
            return ""
        quoted = re.escape(name)
        match = re.fullmatch(rf"(.+?)[-_ .]+{quoted}|{quoted}[-_ .]+(.+)", stem, re.IGNORECASE)
        if match:
            return match[1] or match[2]
    return stem
