"""Names of files as students write them: whose a file is, and how a name can be shown.

A name may be anything that a disk or a zip file can hold: no text at all, control characters, 65,000
letters. So each is cut before a pattern looks at it, and made safe before anyone sees it.
"""

from __future__ import annotations

import re
import unicodedata

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


def exported(stem: str) -> str:
    """Whose it is by Moodle's or Canvas's way to name what it exports; "" for other names.

    The platform writes the student's name first, so nothing that a student can write comes before it.
    """
    stem = stem[:LONGEST]
    moodle = re.match(r"(.+?)_\d+_assignsubmission_", stem)
    canvas = re.match(r"(.+?)_(?:LATE_)?\d+_\d+_.", stem, re.IGNORECASE)
    match = moodle or canvas
    return match[1] if match else ""


def of_moodle(folder: str) -> str:
    """Whose folder it is by Moodle's way to name them; "" for other names."""
    match = re.match(r"(.+?)_\d+_assignsubmission(_|$)", folder[:LONGEST])
    return match[1] if match else ""


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
