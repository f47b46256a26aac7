"""A folder of files as they come from students -> one submission for each student.

What lies there is found.py's work, what a name says is names.py's. Here it is decided whose a file is and
which one counts. A file that cannot be taken becomes a submission with a problem, so that nobody is lost
without a word.

Whose is a zip file? Only a name that the student cannot have written decides: in a zip, the names are the
student's, and could be another student's.
- It lies in a student's folder or in a zip, its name is as Moodle, Canvas or Blackboard write it, or on the
  list of students: it is that student's.
- Its name is submissions.zip, or it lies in the folder alone and names nobody (the assignment, the
  notebook): a class's. So is one alone whose owners are all on the list of students, or follow a platform's
  pattern while the zip's name does as well (COURSE-ASSIGNMENT-4711.zip, gradebook_COURSE_NAME_TIME.zip).
  Then its members stand for themselves.
- All others are a student's, named as the zip is; one that names nobody waits for a person.

Two people of one name are two students where a platform numbers them: their number is added to the name. Of
Blackboard's attempts the last one counts.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from nbgrader.utils import parse_utc

from ..errors import CourseError
from . import found
from .found import File, content, members, opened, walk
from .mend import Unusable
from .names import (
    CLASS_OF_MOODLE,
    NO_SUBMISSION,
    OF_A_CLASS,
    Label,
    ends_of,
    exported,
    label,
    of_moodle,
    owner,
    safe_name,
    same,
    shown,
    stem,
    when,
)

MOST_CHOICES = 5  # copies that are compared: of one student's notebooks, of one student's submissions
MOST_COMPARED = 60_000_000  # bytes of them
EXCHANGE = ("timestamp.txt", "submission_secret.txt")
MOST_OF_EXCHANGE = 1_000  # bytes
MOST_OF_TEXT = 1_000_000  # bytes of the text that Blackboard adds to an attempt
HIDDEN_BY_MOODLE = "Participant"
NAMELESS = (
    "The name does not say whose it is: {}. "
    "Name each file or folder after its student, and a zip file with a whole class submissions.zip."
)
OF_CLASS = " If this is the zip file of a whole class, name it submissions.zip."
LAYOUTS = """understood are, mixed as you like:
  STUDENT/{assignment}/{notebook}.ipynb     nbgrader's own
  STUDENT/{notebook}.ipynb                  a folder for each student, as Moodle gives it
  STUDENT.ipynb, STUDENT_{notebook}.ipynb   a file for each student
  STUDENT_4711_815_{notebook}.ipynb         the same as Canvas gives it
  NAME_STUDENT_attempt_TIME_{notebook}.ipynb  and as Blackboard does
  STUDENT.zip, or submissions.zip with any of these"""


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    student: safe as a folder's name and as nbgrader's student id.
    origin: for people, the path below the folder, safe to print: "submissions.zip: ann/attention.ipynb".
    path: the file on disk, a notebook or a zip; member: the notebook in the zip, None for a notebook
    (a zip in the zip comes first, before a zero character).
    handed_in: UTC without a time zone, as nbgrader has it.
    problem: why it cannot be taken, a sentence; then it is not read.
    word: handed_in is only the student's word: the student could have written it.
    number, label: what a learning platform wrote before the file's own name, see names.py; "" for none.
    """

    student: str
    origin: str
    path: Path
    member: str | None = None
    handed_in: datetime | None = None
    problem: str = ""
    word: bool = False
    number: str = ""
    label: str = ""


@dataclass(frozen=True)
class _Wanted:
    """What is looked for. others: the course's other assignments; students: as safe_name gives them.

    users: whom Blackboard names in its text files.
    """

    assignment: str
    notebook: str
    others: frozenset[str]
    students: frozenset[str]
    users: frozenset[str] = frozenset()

    def owner(self, stem: str) -> str:
        found = label(stem)
        for one in ends_of(found.head) if found else ():
            if safe_name(one).casefold() in self.students | self.users:
                return one
        return owner(stem, self.assignment, self.notebook)

    def lists(self, name: str) -> bool:
        return safe_name(name).casefold() in self.students

    def is_other(self, file: File) -> bool:
        """Whether it lies in the folder of another assignment, or is that folder."""
        return file.parts[0].casefold() in self.others and (len(file.parts) > 1 or not file.plain)

    def is_right(self, file: File) -> bool:
        return same(file.parts[-1], f"{self.notebook}.ipynb")


@dataclass(frozen=True)
class _Unit:
    """One thing handed in; files hold their place in it.

    flat: files by themselves; packed: a zip. Neither: a folder.
    platform: its name was written by a learning platform, so nbgrader's exchange has no part in it.
    label: what that wrote.
    """

    student: str
    files: tuple[File, ...]
    flat: bool = False
    packed: bool = False
    platform: bool = False
    problem: str = ""
    label: Label | None = None


@dataclass(frozen=True)
class _Taken:
    """A submission; the notebook's file, None where none is taken; empty: there is no notebook in it.

    attempt: which of the student's it is, by Blackboard.
    """

    submission: Submission
    file: File | None = None
    empty: bool = False
    attempt: str = ""


def collect(
    folder: Path,
    assignment: str,
    notebook: str,
    others: Collection[str] = (),
    students: Collection[str] = (),
) -> list[Submission]:
    """The submissions in a folder, one for each student, by name.

    others: names of the course's other assignments, whose folders are left aside. students: the class, as
    safe_name gives the names; empty where it is not known. A line on stderr names the files that are
    nobody's (README.md, class.txt).

    Raises:
        CourseError: no such folder, or nothing in it that was handed in.
    """
    layouts = LAYOUTS.format(assignment=assignment, notebook=notebook)
    try:
        if not folder.is_dir():
            wrong = "it is a file; name the folder that it lies in"
            raise CourseError(folder, f"{wrong if folder.exists() else 'there is no such folder'}; {layouts}")
        files = walk(folder)
    except OSError as error:
        raise CourseError(folder, f"it cannot be read: {error.strerror}") from error
    wanted = _Wanted(
        assignment,
        notebook,
        frozenset(name.casefold() for name in others),
        frozenset(name.casefold() for name in students),
    )
    aside = [one for one in files if _no_submission(one, wanted)]
    if aside:
        print(f"warning: taken for no student's: {_list(aside)}", file=sys.stderr)
    units = _units([one for one in files if not _no_submission(one, wanted)], wanted)
    taken = [one for unit in units if (one := _take(unit, wanted))]
    if not taken:
        raise CourseError(folder, f"it holds no notebook for {assignment} and no zip; {layouts}")
    by_student: dict[str, list[_Taken]] = {}
    for one in _apart(taken):  # some disks hold no two folders that differ in capitals only
        by_student.setdefault(one.submission.student.casefold(), []).append(one)
    return sorted((_one(several) for several in by_student.values()), key=lambda one: one.student)


def read(submission: Submission) -> bytes:
    """The bytes of the notebook.

    Raises:
        Unusable: it cannot be taken or read; the sentence says why.
    """
    if submission.problem:
        raise Unusable(submission.problem)
    return content(submission.path, submission.member)


def exchange_files(submission: Submission) -> dict[str, str]:
    """{name: text} of what nbgrader's exchange lays beside a notebook; a name that is not there is left out.

    With them `nbgrader release_feedback` sends a page back to whoever handed the notebook in.
    """
    texts = {}
    for name in EXCHANGE if submission.member is None else ():
        with contextlib.suppress(UnicodeDecodeError, Unusable):
            text = content(submission.path.with_name(name), None).decode()
            if len(text) <= MOST_OF_EXCHANGE:  # a student may have written it
                texts[name] = text
    return texts


# --- who handed it in


def _apart(taken: Sequence[_Taken]) -> list[_Taken]:
    """People of one name get their number added to it, if a platform gave each another one.

    Moodle calls all of them Participant where it hides who they are.
    """
    numbers: dict[str, set[str]] = {}
    for one in taken:
        if one.submission.number:
            numbers.setdefault(one.submission.student.casefold(), set()).add(one.submission.number)

    def named(one: _Taken) -> _Taken:
        student, (platform, _, number) = one.submission.student, one.submission.number.partition(":")
        several = numbers.get(student.casefold(), set())
        platforms = {known.partition(":")[0] for known in several}
        if not number or not (student == HIDDEN_BY_MOODLE or (len(several) > 1 and platforms == {platform})):
            return one
        return replace(one, submission=replace(one.submission, student=f"{student}_{number}"))

    return [named(one) for one in taken]


def _users(files: Sequence[File]) -> frozenset[str]:
    """Whom Blackboard names in the text file that it adds to each attempt: "Name: Ann Lee (alee)"."""
    found = set()
    for file in files:
        own = label(stem(file.parts[0])) if len(file.parts) == 1 and file.named(".txt") else None
        if not own or not own.attempt or own.text.endswith("_") or file.problem or file.size > MOST_OF_TEXT:
            continue
        with contextlib.suppress(Unusable):
            first = (
                content(file.path, file.member)[:MOST_OF_EXCHANGE].decode("utf-8", "replace").split("\n")[0]
            )
            if match := re.fullmatch(r"[^:]*:.*\(([^()]+)\)\s*", first):
                found.add(safe_name(match[1]).casefold())
    return frozenset(found)


def _no_submission(file: File, wanted: _Wanted) -> bool:
    """A file of the class's folder that is plainly not a student's, or the folder of another assignment."""
    name = file.parts[0]
    if wanted.lists(stem(name)) or wanted.lists(name):
        return False
    alone = len(file.parts) == 1
    no_answer = alone and file.plain and NO_SUBMISSION.fullmatch(name)
    return bool(no_answer) or (alone and file.problem == found.HIDDEN) or wanted.is_other(file)


def _units(files: Sequence[File], wanted: _Wanted, in_zip: bool = False) -> list[_Unit]:
    """The files below a folder, or in a class's zip, by the thing that was handed in."""
    wanted = replace(wanted, users=wanted.users | _users(files))
    units: list[_Unit] = []
    folders: dict[str, list[File]] = {}
    loose: dict[tuple[str, str], list[File]] = {}  # by student, what is no notebook
    nameless: list[File] = []
    alone = len({one.parts[0] for one in files}) == 1
    for file in files:
        student = _owner(file, wanted)
        own = label(stem(file.parts[0]) if len(file.parts) == 1 else file.parts[0])
        if own and own.attempt and len(file.parts) == 1 and (time := when(own.attempt)):
            file = replace(file, when=time, word=False)
        if file.closed and len(file.parts) == 1 and not in_zip and (several := _class(file, wanted, alone)):
            units += _units(several, wanted, in_zip=True)
        elif not student:
            nameless.append(file)
        elif len(file.parts) > 1:
            folders.setdefault(_folder(file), []).append(replace(file, parts=file.parts[1:]))
        elif file.closed:
            units.append(_packed(student, file, own))
        elif file.problem or file.named(".ipynb"):
            units.append(_Unit(student, (file,), flat=True, label=own))
        else:
            number = own.number if own else ""
            loose.setdefault((safe_name(student).casefold(), number), []).append(file)
    for name, inside in folders.items():
        student = of_moodle(name)
        units.append(_Unit(student or name, tuple(inside), platform=bool(student), label=label(name)))
    for several in loose.values():
        own = label(stem(several[0].parts[0]))
        units.append(_Unit(_owner(several[0], wanted), tuple(several), flat=True, label=own))
    if nameless:
        problem = NAMELESS.format(_list(nameless))
        units.append(_Unit(wanted.notebook, tuple(nameless), flat=True, problem=problem))
    return units


def _owner(file: File, wanted: _Wanted) -> str:
    """Whose a file of the class is; "" where its name, or its folder's, says only what it is."""
    name = file.parts[0]
    if len(file.parts) > 1:
        return of_moodle(name) or (name if wanted.owner(name) else "")
    ends = file.plain or file.named(".ipynb") or file.named(".zip")
    return wanted.owner(stem(name) if ends else name)  # j.smith may be a link to a folder


def _folder(file: File) -> str:
    """The name of a student's folder; Moodle may give two for one student, with the same number."""
    head, mark, _ = file.parts[0].partition("_assignsubmission_")
    return head + mark.rstrip("_")


def _packed(student: str, file: File, own: Label | None) -> _Unit:
    """A student's zip. One in a zip, or named by a platform, is certainly no class's."""
    platform = file.member is not None or own is not None
    return _Unit(student, (file,), packed=True, platform=platform, label=own)


def _class(file: File, wanted: _Wanted, alone: bool) -> list[File]:
    """The files of a whole class in a zip; none where it is a student's, or cannot be opened.

    See the head of this file for what tells one from the other.
    """
    name = stem(file.parts[0])
    student = wanted.owner(name)
    by_name = bool(OF_A_CLASS.fullmatch(name))
    provable = not student or wanted.students or CLASS_OF_MOODLE.fullmatch(name)
    if exported(name) or wanted.lists(student) or not (by_name or (alone and provable)):
        return []
    try:
        inside = members(file, found.MOST_OF_A_CLASS)
    except Unusable:
        return []
    inside = [one for one in _without_wrapper(inside, name, wanted) if not _no_submission(one, wanted)]
    if by_name or not student:
        return inside
    owners = {_owner(one, wanted) for one in inside}
    listed = all(map(wanted.lists, owners))
    exports = all(of_moodle(one.parts[0]) or exported(stem(one.parts[0])) for one in inside)
    export = CLASS_OF_MOODLE.fullmatch(name) and exports
    return inside if len(owners) > 1 and (listed or export) else []


def _without_wrapper(files: list[File], name: str, wanted: _Wanted) -> list[File]:
    """A class's files without a folder around them all, unless that may be the only student's."""
    while files and all(len(one.parts) > 1 and one.parts[0] == files[0].parts[0] for one in files):
        wrapper = files[0].parts[0]
        inner = [replace(one, parts=one.parts[1:]) for one in files]
        of_nobody = same(wrapper, name) or OF_A_CLASS.fullmatch(wrapper) or not wanted.owner(wrapper)
        listed = all(wanted.lists(_owner(one, wanted)) for one in inner)
        if of_moodle(wrapper) or wanted.lists(wrapper) or not (of_nobody or listed):
            break
        files = inner
    return files


# --- which file of it


def _take(unit: _Unit, wanted: _Wanted) -> _Taken | None:
    """The notebook of a unit, or what is wrong with it; None where nothing was handed in."""
    if unit.flat:
        one = unit.files[0]
        if unit.problem or one.problem:
            return _refused(unit, one, unit.problem or one.problem)
        return _taken(unit, one) if one.named(".ipynb") else _without(unit, unit.files)
    files = _opened(unit, wanted)
    own = _own(files, wanted)
    scope = own or [one for one in files if not wanted.is_other(one)]
    if not scope:
        return _astray(unit, files, wanted)
    choice = _choice(scope, wanted)
    if faulty := _faulty(scope, choice):
        return _refused(unit, faulty, faulty.problem + _hint(unit, faulty.problem))
    if not choice:
        return _without(unit, scope)
    if not _equal(choice):
        problem = f"There are several notebooks: {_list(choice)}. "
        problem += f"Hand in one, with the name {wanted.notebook}.ipynb."
        return _refused(unit, choice[0], problem + _hint(unit))
    when, word = _time(unit, own, choice[0], wanted)
    return _taken(unit, replace(choice[0], when=when, word=word))


def _opened(unit: _Unit, wanted: _Wanted) -> list[File]:
    """The files with what zips hold. Those of other assignments stay closed: they are not looked at."""
    others = [one for one in unit.files if wanted.is_other(one)]
    return [*opened(one for one in unit.files if not wanted.is_other(one)), *others]


def _own(files: Sequence[File], wanted: _Wanted) -> list[File]:
    """What lies in the assignment's folder, whatever its capitals; or that folder, where it is a problem."""
    own = [one for one in files if same(one.parts[0], wanted.assignment)]
    own = [one for one in own if len(one.parts) > 1 or not one.plain]
    own = [replace(one, parts=one.parts[1:] or one.parts) for one in own]
    return own if any(one.problem != found.HIDDEN for one in own) else []


def _choice(scope: Sequence[File], wanted: _Wanted) -> list[File]:
    """The notebooks that may be meant: the one of the right name at the top, else all that could be."""
    books = [one for one in scope if one.named(".ipynb")]
    top = [one for one in books if len(one.parts) == 1]
    right = [one for one in books if wanted.is_right(one)]
    return [one for one in top if wanted.is_right(one)] or [*top, *right] or books


def _faulty(scope: Sequence[File], choice: Sequence[File]) -> File | None:
    """A file with a problem that leaves open which notebook is meant.

    Beside a good notebook, a zip, a folder or a link may hide another one.
    """
    chosen = set(map(id, choice))
    for one in scope:
        if not one.problem or one.problem == found.HIDDEN:
            continue
        hides = (one.named(".zip") or not one.plain) and one.problem not in (found.BIG, found.DEEP)
        if not choice or id(one) in chosen or hides:
            return one
    return None


def _astray(unit: _Unit, files: Sequence[File], wanted: _Wanted) -> _Taken | None:
    """All that a student has lies in the folders of other assignments, and is theirs; or is it?"""
    for one in files:
        if wanted.is_right(one):
            folder = shown(one.parts[0])
            return _refused(
                unit, one, f"{_list([one])} lies in {folder}. Hand it in for {wanted.assignment}."
            )
    if unit.packed:
        problem = f"The zip file holds nothing for {wanted.assignment}, only {_list(files)}."
        return _refused(unit, files[0], problem)
    return None


def _time(unit: _Unit, own: Sequence[File], file: File, wanted: _Wanted) -> tuple[datetime | None, bool]:
    """When it was handed in, and whether that is only the student's word.

    nbgrader's exchange lays its timestamp on the disk, in STUDENT/ASSIGNMENT/; anywhere else a student
    can write one. It also copies the files' own dates, which are the student's.
    """
    if unit.packed or unit.platform or not own:
        return file.when, file.word
    stamps = [one for one in own if one.parts == ("timestamp.txt",) and not one.problem]
    collected = [one for one in stamps if one.member is None and one.path.parent.name == wanted.assignment]
    for stamp, word in [*((one, False) for one in collected), *((one, True) for one in stamps)]:
        if stamp.size <= MOST_OF_EXCHANGE and (time := _stamp(stamp)):
            return time, word
    return file.when, True


def _stamp(file: File) -> datetime | None:
    """What nbgrader wrote into timestamp.txt; None where that is no time."""
    try:
        return parse_utc(content(file.path, file.member)[:100].decode().strip())
    except Exception:  # a date parser's, zipfile's and the disk's errors all mean: no time is known
        return None


def _taken(unit: _Unit, file: File) -> _Taken:
    own = unit.label or Label("")
    submission = Submission(
        safe_name(unit.student),
        file.origin,
        file.path,
        file.member,
        file.when,
        word=file.word,
        number=own.number,
        label=own.text,
    )
    return _Taken(submission, file, attempt=own.attempt)


def _refused(unit: _Unit, file: File, problem: str) -> _Taken:
    taken = _taken(unit, file)
    return replace(taken, submission=replace(taken.submission, problem=problem), file=None)


def _without(unit: _Unit, files: Sequence[File]) -> _Taken:
    problem = f"There is no notebook (.ipynb), only {_list(files)}. Hand in the notebook."
    return replace(_refused(unit, files[0], problem), empty=True)


def _hint(unit: _Unit, problem: str = found.HEAVY) -> str:
    """For whoever grades, where the problem may be that a zip is taken for one student's."""
    hint = unit.packed and not unit.platform and problem in (found.HEAVY, found.CROWDED)
    return OF_CLASS if hint else ""


def _list(files: Sequence[File]) -> str:
    """The first names; from more than one zip, with the zips."""
    names = {"/".join(one.parts): one.origin for one in files[:3]}
    shorter = len(names) == len(files[:3])
    told = [shown(name, 80) for name in names] if shorter else [one.origin for one in files[:3]]
    return ", ".join(told) + (f" and {len(files) - 3} more" if len(files) > 3 else "")


def _one(several: list[_Taken]) -> Submission:
    """The submission of a student; if there are different ones, none is chosen."""
    several = [one for one in several if not one.empty] or several[:1]
    if all(one.attempt for one in several):
        last = max(one.attempt for one in several)
        several = [one for one in several if one.attempt == last]
    first = several[0].submission
    books = [one.file for one in several if one.file]
    if len(several) == 1 or (len(books) == len(several) and _equal(books)):
        return first
    origins = " and ".join(one.submission.origin for one in several[:MOST_CHOICES])
    more = len(several) - MOST_CHOICES
    origins += f" and {more} more" if more > 0 else ""
    problem = f"There is more than one submission for this student: {origins}. Only one can be graded: "
    return replace(first, problem=problem + "say which one counts.")


def _equal(files: Sequence[File]) -> bool:
    """Whether all hold the same bytes; what cannot be read is not the same as anything else.

    A few are compared at most, and only where sizes and checksums do not tell them apart.
    """
    if len(files) == 1:
        return True
    sums = {one.crc for one in files} - {None}
    if len(files) > MOST_CHOICES or len({one.size for one in files}) > 1 or len(sums) > 1:
        return False
    if sum(one.size for one in files) > MOST_COMPARED:
        return False
    try:
        data = content(files[0].path, files[0].member)
        return all(content(one.path, one.member) == data for one in files[1:])
    except Unusable:
        return False
