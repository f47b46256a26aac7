"""A folder of files as they come from students -> one submission for each student.

Nothing is unpacked and no link is followed. A file that cannot be taken becomes a submission with a
problem, so that nobody is lost without a word.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from nbgrader.utils import parse_utc

from ..errors import CourseError
from .mend import Unusable

MOST_BYTES = 20_000_000
MOST_MEMBERS = 5_000
MOST_INNER = 1_000_000_000
MOST_DEPTH = 8
MOST_NAME = 80
LINK = "It is a link to another place, and links are not followed. Hand in the file itself."
SPECIAL = "It is not an ordinary file. Hand in the notebook's file itself."
UNREADABLE = "The grader is not allowed to read it."
BIG = f"It is larger than {MOST_BYTES // 1_000_000} MB. Clear the outputs, save it, and hand it in again."
BROKEN = "The zip file is damaged or cut off. Make it anew, or hand in the notebook itself."
CROWDED = f"The zip file holds more than {MOST_MEMBERS:,} files. Hand in the notebook itself."
EMPTY = "The zip file is empty. Hand in the notebook itself."
HEAVY = f"The zip files in it are larger than {MOST_INNER // 1_000_000:,} MB. Hand in the notebook itself."
LOCKED = "It is encrypted in the zip file. Hand in the notebook without a password."
UNSAFE = "Its name in the zip file points outside of it. Hand in the notebook itself."
NESTED = "It is a zip file in a zip file in a zip file. Hand in the notebook itself."
EXCHANGE = ("timestamp.txt", "submission_secret.txt")
NAMELESS = "The file's name does not say whose it is: name it after the student."
LAYOUTS = """understood are, mixed as you like:
  STUDENT/{assignment}/{notebook}.ipynb     nbgrader's own
  STUDENT/{notebook}.ipynb                  a folder for each student, as Moodle gives it
  STUDENT.ipynb, STUDENT_{notebook}.ipynb   a file for each student, as Canvas gives it
  STUDENT.zip, or one zip with any of these"""


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    student: safe as a folder's name and as nbgrader's student id.
    origin: for people, the path below the folder: "uploads.zip: ann/attention.ipynb".
    path: the file on disk, a notebook or a zip; member: the notebook in the zip, None for a notebook
    (a zip in the zip comes first, before a zero character).
    handed_in: UTC without a time zone, as nbgrader has it.
    problem: why it cannot be taken, a sentence; then it is not read.
    """

    student: str
    origin: str
    path: Path
    member: str | None = None
    handed_in: datetime | None = None
    problem: str = ""


@dataclass(frozen=True)
class _File:
    """A file on disk or in a zip: where it lies, seen as if every zip were a folder."""

    parts: tuple[str, ...]
    origin: str
    path: Path
    member: str | None = None
    when: datetime | None = None
    problem: str = ""


@dataclass(frozen=True)
class _Unit:
    """One thing handed in: a file by itself (flat), a folder, or a zip; files hold their place in it."""

    student: str
    files: tuple[_File, ...]
    flat: bool = False
    packed: bool = False


def collect(folder: Path, assignment: str, notebook: str) -> list[Submission]:
    """The submissions in a folder, one for each student, by name.

    Raises:
        CourseError: no such folder, or nothing in it that was handed in.
    """
    layouts = LAYOUTS.format(assignment=assignment, notebook=notebook)
    if not folder.is_dir():
        wrong = (
            "it is a file; name the folder that it lies in" if folder.exists() else "there is no such folder"
        )
        raise CourseError(folder, f"{wrong}; {layouts}")
    try:
        files = list(_walk(folder, ()))
    except OSError as error:
        raise CourseError(folder, f"it cannot be read: {error.strerror}") from error
    units = _units(files, assignment, notebook)
    found = [taken for unit in units if (taken := _take(unit, assignment, notebook))]
    if not found:
        raise CourseError(folder, f"it holds no notebook for {assignment} and no zip; {layouts}")
    students: dict[str, list[Submission]] = {}
    for submission in found:  # some disks hold no two folders that differ in capitals only
        students.setdefault(submission.student.casefold(), []).append(submission)
    return sorted((_one(several) for several in students.values()), key=lambda one: one.student)


def read(submission: Submission) -> bytes:
    """The bytes of the notebook.

    Raises:
        Unusable: it cannot be taken or read; the sentence says why.
    """
    if submission.problem:
        raise Unusable(submission.problem)
    try:
        data = _read(submission.path, submission.member)
    except Unusable:
        raise
    except OSError as error:
        raise Unusable(f"The file cannot be read ({error.strerror or type(error).__name__}).") from error
    except Exception as error:  # zipfile raises many kinds on damaged data
        raise Unusable(BROKEN) from error
    if len(data) > MOST_BYTES:
        raise Unusable(BIG)
    return data


def exchange_files(submission: Submission) -> dict[str, str]:
    """{name: text} of what nbgrader's exchange lays beside a notebook; a name that is not there is left out.

    With them `nbgrader release_feedback` sends a page back to whoever handed the notebook in.
    """
    texts = {}
    for name in EXCHANGE if submission.member is None else ():
        with contextlib.suppress(OSError, UnicodeDecodeError, Unusable):
            texts[name] = _read(submission.path.with_name(name), None).decode()
    return texts


def _read(path: Path, member: str | None) -> bytes:
    """At most MOST_BYTES + 1 bytes of a file, or of a member of a zip."""
    if member is None:
        flags = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
        with open(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unusable(SPECIAL)
            return file.read(MOST_BYTES + 1)
    outer, _, inner = member.rpartition("\0")
    with _archive(path, outer) as archive, archive.open(inner) as file:
        return file.read(MOST_BYTES + 1)


@contextlib.contextmanager
def _archive(path: Path, inner: str = "") -> Iterator[zipfile.ZipFile]:
    """A zip, or the zip in it.

    Raises:
        Unusable: it has too many members. And whatever zipfile raises.
    """
    if inner:
        with _archive(path) as outer, outer.open(inner) as packed:
            data = packed.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise Unusable(BIG)
        file: io.BufferedIOBase = io.BytesIO(data)
    else:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    with file:
        # ZipFile reads the whole list of members before it can say how many there are.
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
        if end and end[5] > MOST_MEMBERS * 400:
            raise Unusable(CROWDED)
        with zipfile.ZipFile(file) as archive:
            if len(archive.infolist()) > MOST_MEMBERS:
                raise Unusable(CROWDED)
            yield archive


# --- what lies there


def _ignored(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _name(name: str) -> str:
    """The name without the second ending that some browsers add to a notebook's."""
    return re.sub(r"(\.ipynb)\.(json|txt)$", r"\1", name, flags=re.IGNORECASE)


def _is(name: str, ending: str) -> bool:
    return name.lower().endswith(ending)


def _walk(folder: Path, above: tuple[str, ...]) -> Iterator[_File]:
    """Every file below a folder; zips are not opened here."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if _ignored(entry.name):
            continue
        parts = (*above, entry.name)
        origin = "/".join(parts).encode("utf-8", "replace").decode()  # a name may be no text at all
        file = _File((*above, _name(entry.name)), origin, Path(entry.path))
        if entry.is_symlink():
            yield replace(file, problem=LINK)
        elif entry.is_dir(follow_symlinks=False):
            if len(parts) > MOST_DEPTH:
                continue
            try:
                yield from list(_walk(Path(entry.path), parts))
            except OSError:
                yield replace(file, problem=UNREADABLE)
        elif not entry.is_file(follow_symlinks=False):
            yield replace(file, problem=SPECIAL)
        else:
            yield _checked(file, entry.stat(follow_symlinks=False))


def _checked(file: _File, status: os.stat_result) -> _File:
    when, problem = None, ""
    with contextlib.suppress(ValueError, OverflowError, OSError):  # a year that no calendar has
        when = datetime.fromtimestamp(status.st_mtime, timezone.utc).replace(tzinfo=None)
    if not os.access(file.path, os.R_OK):
        problem = UNREADABLE
    elif status.st_size > MOST_BYTES and _is(file.parts[-1], ".ipynb"):
        problem = BIG
    return replace(file, when=when, problem=problem)


def _members(file: _File) -> list[_File]:
    """The files in a zip, in paths inside it, without a folder that wraps them all.

    Raises:
        Unusable: the zip cannot be opened.
    """
    inner = file.member or ""
    try:
        with _archive(file.path, inner) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except Unusable:
        raise
    except Exception as error:  # zipfile raises many kinds on damaged data
        raise Unusable(BROKEN) from error
    if sum(info.file_size for info in infos if _is(info.filename, ".zip")) > MOST_INNER:
        raise Unusable(HEAVY)
    members = []
    counts: dict[str, int] = {}
    for info in infos:
        counts[info.filename] = counts.get(info.filename, 0) + 1
        name = _readable(info)
        raw = re.split(r"[/\\]", name)
        parts = tuple(part for part in raw if part not in ("", ".", "..")) or ("unnamed",)
        if any(map(_ignored, parts)):
            continue
        parts = (*parts[:-1], _name(parts[-1]))
        problem = _unsafe(info, raw)
        if counts[info.filename] > 1:
            problem = "The zip file holds two files of the same name. Hand in the notebook itself."
        member = f"{inner}\0{info.filename}" if inner else info.filename
        origin = f"{file.origin}: {name}"
        members.append(_File(parts, origin, file.path, member, _date(info), problem))
    while members and all(len(one.parts) > 1 and one.parts[0] == members[0].parts[0] for one in members):
        members = [replace(one, parts=one.parts[1:]) for one in members]
    return members


def _readable(info: zipfile.ZipInfo) -> str:
    """The member's name. macOS writes UTF-8 and does not say so; zipfile then reads code page 437."""
    if not info.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            return info.filename.encode("cp437").decode("utf-8")
    return info.filename


def _unsafe(info: zipfile.ZipInfo, parts: list[str]) -> str:
    """Why a member is not taken; "" where nothing is wrong with it."""
    name = info.orig_filename
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return LINK
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return SPECIAL
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in parts or re.match("[A-Za-z]:", name):
        return UNSAFE
    if info.flag_bits & 1:
        return LOCKED
    return BIG if info.file_size > MOST_BYTES and _is(name, ".ipynb") else ""


def _date(info: zipfile.ZipInfo) -> datetime | None:
    """A zip has no time zone; what it says is taken for this machine's time."""
    try:
        return datetime(*info.date_time).astimezone(timezone.utc).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None


# --- who handed it in


def _units(files: list[_File], assignment: str, notebook: str, level: int = 0) -> list[_Unit]:
    """The files below a folder, or in a class's zip, by the thing that was handed in."""
    units: list[_Unit] = []
    folders: dict[str, list[_File]] = {}  # Moodle may give two for one student, with the same number
    for file in files:
        name = file.parts[0]
        stem, _, ending = name.rpartition(".")
        if len(file.parts) > 1:
            inside = replace(file, parts=file.parts[1:])
            folder = re.sub(r"(_\d+_assignsubmission)_.*", r"\1", name)
            folders.setdefault(folder, []).extend(_opened(inside, level))
        elif _is(name, ".zip") and not file.problem:
            units += _from_zip(file, assignment, notebook, level)
        elif file.problem or _is(name, ".ipynb") or _exported(stem):
            whole = ending.lower() not in ("ipynb", "zip") and not _exported(stem)
            student = _student(name if whole else stem, assignment, notebook)
            problem = file.problem or ("" if student else NAMELESS)
            units.append(_Unit(student or notebook, (replace(file, problem=problem),), flat=True))
    for name, inside_it in folders.items():
        units.append(_Unit(re.sub(r"_\d+_assignsubmission$", "", name), tuple(inside_it)))
    return units


def _opened(file: _File, level: int) -> list[_File]:
    """The file itself; a zip in a student's folder is seen as what it holds, in its place."""
    if not _is(file.parts[-1], ".zip") or file.problem:
        return [file]
    if level > 1:
        return [replace(file, problem=NESTED)]
    try:
        members = [replace(one, parts=(*file.parts[:-1], *one.parts)) for one in _members(file)]
        return _all_opened(members, level + 1) or [replace(file, problem=EMPTY)]
    except Unusable as error:
        return [replace(file, problem=str(error))]


def _all_opened(files: list[_File], level: int) -> list[_File]:
    """The files of one zip, with what the zips in it hold.

    Raises:
        Unusable: more than MOST_MEMBERS in all.
    """
    opened: list[_File] = []
    for file in files:
        opened += _opened(file, level)
        if len(opened) > MOST_MEMBERS:
            raise Unusable(CROWDED)
    return opened


def _from_zip(file: _File, assignment: str, notebook: str, level: int) -> list[_Unit]:
    """One student's zip, or a whole class in one: then its members stand for themselves."""
    stem = file.parts[0][: -len(".zip")]
    whose = _student(stem, assignment, notebook)
    student = whose or stem
    if level > 1:
        return [_Unit(student, (replace(file, problem=NESTED),), flat=True)]
    try:
        members = _members(file)
        handed = [one for one in members if _is(one.parts[-1], ".ipynb") or _is(one.parts[-1], ".zip")]
        own = {one.parts[0] for one in members} & {assignment, f"{notebook}.ipynb"}
        if not whose or (len(handed) > 1 and not own):
            return _units(members, assignment, notebook, level + 1)
        inside = _all_opened(members, level + 1)
    except Unusable as error:
        return [_Unit(student, (replace(file, problem=str(error)),), flat=True)]
    if not inside:
        return [_Unit(student, (replace(file, problem=EMPTY),), flat=True)]
    return [_Unit(student, tuple(inside), packed=True)]


def _exported(stem: str) -> str:
    """Whose it is by Moodle's or Canvas's way to name what it exports; "" for other names."""
    moodle = re.match(r"(.+?)_\d+_assignsubmission_", stem)
    canvas = re.match(r"(.+?)_(?:LATE_)?\d+_\d+_.", stem)
    match = moodle or canvas
    return match[1] if match else ""


def _student(stem: str, assignment: str, notebook: str) -> str:
    """Whose it is by the file's name; "" where that names only the assignment."""
    if student := _exported(stem):
        return student
    stem = re.sub(r"( ?\(\d+\)|-Copy\d*)+$", "", stem.strip())
    for name in (assignment, notebook):
        if stem.casefold() == name.casefold():
            return ""
        quoted = re.escape(name)
        match = re.fullmatch(rf"(.+?)[-_ .]+{quoted}|{quoted}[-_ .]+(.+)", stem, re.IGNORECASE)
        if match:
            return match[1] or match[2]
    return stem


def safe_name(name: str) -> str:
    """The name as a folder and in nbgrader's patterns: letters, digits and .-_@+ only."""
    name = unicodedata.normalize("NFC", name)
    kept = "".join(
        char if char in ".-_@+" or unicodedata.category(char)[0] in "LM" or char.isdecimal() else " "
        for char in name.strip()
    )
    kept = re.sub(r" +", "_", kept).lstrip(".-")[:MOST_NAME]
    while len(kept.encode()) > 200:  # a folder's name has 255 bytes at most
        kept = kept[:-1]
    return kept.rstrip(".") or "_"


# --- which file of it


def _take(unit: _Unit, assignment: str, notebook: str) -> Submission | None:
    """The notebook of a unit, or what is wrong with it; None where nothing was handed in."""
    files = list(unit.files)
    if unit.flat:
        one = files[0]
        missing = "" if _is(one.parts[-1], ".ipynb") else _no_notebook(files)
        return _submission(unit, one, one.when, one.problem or missing)
    own = [replace(one, parts=one.parts[1:]) for one in files if one.parts[0] == assignment and one.parts[1:]]
    scope = own or [one for one in files if one.parts == (assignment,)] or _loose(files)
    stamps = [one for one in scope if one.parts == ("timestamp.txt",)]
    scope = [one for one in scope if one not in stamps]
    if not scope and unit.packed:
        return _submission(unit, files[0], None, f"The zip file holds nothing for {assignment}.")
    if not scope:
        return None
    books = [one for one in scope if _is(one.parts[-1], ".ipynb")]
    direct = [one for one in books if len(one.parts) == 1]
    named = [one for one in direct if one.parts[-1] == f"{notebook}.ipynb"]
    choice = named or direct or books
    when = _stamp(stamps[0]) if stamps else None
    faulty = [one for one in scope if one.problem and (one in choice or one.problem != BIG)]
    if faulty:
        return _submission(unit, faulty[0], when, faulty[0].problem)
    if not choice:
        return _submission(unit, scope[0], when, _no_notebook(scope))
    if not _same([_submission(unit, one, None) for one in choice]):
        problem = (
            f"There are several notebooks: {_list(choice)}. Hand in one, with the name {notebook}.ipynb."
        )
        return _submission(unit, choice[0], when, problem)
    return _submission(unit, choice[0], when if own else when or choice[0].when)


def _loose(files: list[_File]) -> list[_File]:
    """What lies in a student's folder itself; if no notebook does, what lies deeper.

    Folders named as other assignments are (02_tokenization) are left aside.
    """
    direct = [one for one in files if len(one.parts) == 1]
    if any(_is(one.parts[0], ".ipynb") or one.problem for one in direct):
        return direct
    return [one for one in files if len(one.parts) == 1 or not re.match(r"\d+_", one.parts[0])]


def _submission(unit: _Unit, file: _File, when: datetime | None, problem: str = "") -> Submission:
    return Submission(safe_name(unit.student), file.origin, file.path, file.member, when, problem)


def _no_notebook(files: list[_File]) -> str:
    return f"There is no notebook (.ipynb), only {_list(files)}. Hand in the notebook."


def _list(files: list[_File]) -> str:
    names = ["/".join(one.parts) for one in files]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _stamp(file: _File) -> datetime | None:
    """What nbgrader wrote into timestamp.txt; None where that is no time."""
    try:
        return parse_utc(_read(file.path, file.member)[:100].decode().strip())
    except Exception:  # a date parser's, zipfile's and the disk's errors all mean: no time is known
        return None


def _one(several: list[Submission]) -> Submission:
    """The submission of a student; if there are different ones, none is chosen."""
    first = several[0]
    if _same(several):
        return first
    origins = " and ".join(one.origin for one in several)
    problem = f"There is more than one submission for this student: {origins}. Only one can be graded: "
    return replace(first, problem=problem + "say which one counts.")


def _same(several: list[Submission]) -> bool:
    """Whether all hold the same bytes; what cannot be read is not the same as anything else."""
    if len(several) == 1:
        return True
    try:
        data = read(several[0])
        return all(read(one) == data for one in several[1:])
    except Unusable:
        return False
