"""What lies in a folder or in a zip file, as a list of files.

Nothing is unpacked and no link is followed. Whatever a disk or a zip file answers, a file that cannot be
taken stays in the list, with a sentence that says why.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import IO

from .mend import Unusable
from .names import is_hidden, is_litter, plain_ending, shown

MOST_BYTES = 20_000_000
MOST_MEMBERS = 5_000  # in what one student packed
MOST_OF_A_CLASS = 100_000  # in a class's zip, so that one student's many files harm nobody else
MOST_FILES = 50_000  # in one student's folder
MOST_ZIPS = 5  # of one student, zips in zips among them
MOST_INNER = 50_000_000  # bytes of one student's zips in zips: to look into them, they are read
MOST_DEPTH = 8
DIRECTORY = 400  # bytes that zipfile may read for each member it may list

LINK = "It is a link to another place, and links are not followed. Hand in the file itself."
SPECIAL = "It is not an ordinary file. Hand in the notebook's file itself."
UNREADABLE = "The grader is not allowed to read it."
BIG = f"It is larger than {MOST_BYTES // 1_000_000} MB. Clear the outputs, save it, and hand it in again."
HIDDEN = "Its name begins with a dot, so it is hidden. Hand in the notebook under an ordinary name."
DEEP = f"It lies more than {MOST_DEPTH} folders deep. Hand in the notebook itself, without the folders."
MANY = f"There are more than {MOST_FILES:,} files. Hand in the notebook itself."
BROKEN = "The zip file is damaged or cut off. Make it anew, or hand in the notebook itself."
CROWDED = f"The zip file holds more than {MOST_MEMBERS:,} files. Hand in the notebook itself."
EMPTY = "The zip file is empty. Hand in the notebook itself."
HEAVY = (
    f"There are more than {MOST_ZIPS} zip files, or the zip files in the zip file are larger than "
    f"{MOST_INNER // 1_000_000} MB. Hand in the notebook itself."
)
LOCKED = "It is encrypted in the zip file. Hand in the notebook without a password."
UNSAFE = "Its name in the zip file points outside of it. Hand in the notebook itself."
NESTED = "It is a zip file in a zip file in a zip file. Hand in the notebook itself."
METHOD = (
    "It is packed in a way that is not opened here (bzip2, LZMA or another one). "
    "Make an ordinary zip file (deflate), or hand in the notebook itself."
)
TWICE = "The zip file holds two files of the same name. Hand in the notebook itself."


@dataclass(frozen=True)
class File:
    """A file on disk or in a zip: where it lies, seen as if every zip were a folder.

    parts: its folders and its name, as they are; origin: the same for people, safe to print.
    path: the file on disk, a notebook or a zip; member: the file in the zip, None for the file itself
    (a zip in the zip comes first, before a zero character).
    when: UTC without a time zone; word: whether the student may have written it.
    size: bytes; crc: the checksum that a zip gives. A zip may lie about both, but reading then fails.
    plain: an ordinary file, whose name says what it is; not a folder, a link, a pipe.
    """

    parts: tuple[str, ...]
    origin: str
    path: Path
    member: str | None = None
    when: datetime | None = None
    word: bool = False
    size: int = 0
    crc: int | None = None
    problem: str = ""
    plain: bool = True

    def named(self, ending: str) -> bool:
        """Whether its name has this ending, in whatever case."""
        return self.parts[-1].lower().endswith(ending)

    @property
    def closed(self) -> bool:
        """A zip file that can be looked into."""
        return self.named(".zip") and not self.problem


# --- on the disk


def walk(folder: Path) -> list[File]:
    """Every file below a folder; zips are not opened here, nor hidden folders.

    Raises:
        OSError: the folder itself cannot be listed. What cannot be read in it is in the list.
    """
    files: list[File] = []
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if is_litter(entry.name) or is_hidden(entry.name):
            continue
        below = list(islice(_below(entry, ()), MOST_FILES + 1))
        files += below if len(below) <= MOST_FILES else [_file(entry, (), MANY)]
    return files


def _below(entry: os.DirEntry, above: tuple[str, ...]) -> Iterator[File]:
    """The file, or the files of the folder."""
    try:
        if is_hidden(entry.name):
            yield _file(entry, above, HIDDEN)
        elif entry.is_symlink():
            yield _file(entry, above, LINK)
        elif entry.is_dir(follow_symlinks=False):
            yield from _folder(entry, above)
        elif not entry.is_file(follow_symlinks=False):
            yield _file(entry, above, SPECIAL)
        else:
            yield _checked(_file(entry, above), entry.stat(follow_symlinks=False))
    except OSError as error:
        yield _file(entry, above, cannot_be_read(error))


def _folder(entry: os.DirEntry, above: tuple[str, ...]) -> Iterator[File]:
    """What a folder holds, or the folder itself where that is not looked at."""
    if len(above) == MOST_DEPTH:
        yield _file(entry, above, DEEP)
        return
    with os.scandir(entry.path) as listing:
        entries = list(islice(listing, MOST_FILES + 1))
    if len(entries) > MOST_FILES:
        yield _file(entry, above, MANY)
        return
    for one in sorted(entries, key=lambda one: one.name):
        if not is_litter(one.name):
            yield from _below(one, (*above, entry.name))


def cannot_be_read(error: OSError) -> str:
    """The sentence for what the disk answered."""
    if isinstance(error, PermissionError):
        return UNREADABLE
    return f"It cannot be read: {error.strerror or type(error).__name__}. Copy it anew, and grade again."


def _file(entry: os.DirEntry, above: tuple[str, ...], problem: str = "") -> File:
    parts = (*above, plain_ending(entry.name))
    origin = shown("/".join((*above, entry.name)))
    return File(parts, origin, Path(entry.path), problem=problem, plain=not problem)


def _checked(file: File, status: os.stat_result) -> File:
    when, problem = None, ""
    with contextlib.suppress(ValueError, OverflowError, OSError):  # a year that no calendar has
        when = datetime.fromtimestamp(status.st_mtime, timezone.utc).replace(tzinfo=None)
    if not os.access(file.path, os.R_OK):
        problem = UNREADABLE
    elif status.st_size > MOST_BYTES and file.named(".ipynb"):
        problem = BIG
    return replace(file, when=when, size=status.st_size, problem=problem)


# --- in a zip


def members(file: File, most: int | None = None) -> list[File]:
    """The files in a zip, in paths inside it; their dates are those that the zip gives.

    Raises:
        Unusable: it cannot be opened, or holds more than most files (MOST_MEMBERS).
    """
    try:
        with _archive(file.path, file.member or "", most) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except Unusable:
        raise
    except OSError as error:
        raise Unusable(cannot_be_read(error)) from error
    except Exception as error:  # zipfile raises many kinds on damaged data
        raise Unusable(BROKEN) from error
    counts: dict[str, int] = {}
    for info in infos:
        counts[info.filename] = counts.get(info.filename, 0) + 1
    found = [_member(file, info, counts[info.filename] > 1) for info in infos]
    found = _seen([one for one in found if not any(map(is_litter, one.parts))])
    return sorted(found, key=lambda one: one.parts)


def _seen(files: Sequence[File]) -> list[File]:
    """The same, with one entry in place of a hidden folder's files."""
    seen: dict[tuple[str, ...] | int, File] = {}
    for number, file in enumerate(files):
        hidden = next((at for at, part in enumerate(file.parts, 1) if is_hidden(part)), None)
        if hidden is None:
            seen[number] = file
        else:
            parts = file.parts[:hidden]
            seen[parts] = replace(file, parts=parts, problem=HIDDEN, plain=False)
    return list(seen.values())


def _member(file: File, info: zipfile.ZipInfo, twice: bool) -> File:
    name = _readable(info)
    raw = re.split(r"[/\\]", name)
    parts = [part for part in raw if part not in ("", ".", "..")] or ["unnamed"]
    problem = TWICE if twice else _unsafe(info, raw)
    if len(parts) > MOST_DEPTH + 1:
        parts, problem = parts[: MOST_DEPTH + 1], problem or DEEP
    return File(
        (*parts[:-1], plain_ending(parts[-1])),
        f"{file.origin}: {shown(name)}",
        file.path,
        f"{file.member}\0{info.filename}" if file.member else info.filename,
        _date(info),
        size=info.file_size,
        crc=info.CRC,
        problem=problem,
        plain=problem not in (LINK, SPECIAL, DEEP),
    )


def unwrapped(files: Sequence[File]) -> list[File]:
    """The same without folders that wrap them all."""
    if not files:
        return []
    common = os.path.commonprefix([one.parts[:-1] for one in files])
    return [replace(one, parts=one.parts[len(common) :]) for one in files]


def opened(files: Iterable[File]) -> list[File]:
    """One student's files, with what the zips among them hold in their place.

    What the student packed has the date of the zip file, which nobody could set in it. The limits count
    for all files together: a zip above them stays closed, with its problem.
    """
    found: list[File] = []
    waiting = list(files)[::-1]
    zips, inner, held = MOST_ZIPS, MOST_INNER, MOST_MEMBERS
    while waiting:
        file = waiting.pop()
        if not file.closed:
            found.append(file)
            continue
        zips -= 1
        inner -= file.size if file.member is not None else 0
        if zips < 0 or inner < 0 or held < 0:
            found.append(replace(file, problem=CROWDED if held < 0 else HEAVY))
            continue
        inside = _inside(file)
        held -= len(inside)
        if held < 0:
            found.append(replace(file, problem=CROWDED))
        else:
            waiting += inside[::-1]
    return found


def _inside(file: File) -> list[File]:
    """What a student's zip holds, in its place; or the zip, with its problem."""
    if "\0" in (file.member or ""):
        return [replace(file, problem=NESTED)]
    try:
        inside = unwrapped(members(file))
    except Unusable as error:
        return [replace(file, problem=str(error))]
    above, word = file.parts[:-1], file.word or file.when is None
    dated = [replace(one, parts=above + one.parts, when=file.when or one.when, word=word) for one in inside]
    return dated or [replace(file, problem=EMPTY)]


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
    # zipfile expands these two kinds in steps. Of the others it expands all that it has read at once, and
    # 4 kB of bzip2 can be 4 GB.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return METHOD
    large = max(info.file_size, info.compress_size) > MOST_BYTES
    return BIG if large and name.lower().endswith((".ipynb", ".zip")) else ""


def _date(info: zipfile.ZipInfo) -> datetime | None:
    """A zip has no time zone; what it says is taken for this machine's time."""
    try:
        return datetime(*info.date_time).astimezone(timezone.utc).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None


# --- bytes


def content(path: Path, member: str | None) -> bytes:
    """The bytes of a file, or of a member of a zip.

    Raises:
        Unusable: it cannot be read, or has more than MOST_BYTES; the sentence says which.
    """
    try:
        data = _on_disk(path) if member is None else _packed(path, member)
    except Unusable:
        raise
    except OSError as error:
        raise Unusable(f"The file cannot be read ({error.strerror or type(error).__name__}).") from error
    except Exception as error:  # zipfile raises many kinds on damaged data
        raise Unusable(BROKEN) from error
    if len(data) > MOST_BYTES:
        raise Unusable(BIG)
    return data


def _on_disk(path: Path) -> bytes:
    with _file_itself(path) as file:
        return file.read(MOST_BYTES + 1)


@contextlib.contextmanager
def _file_itself(path: Path) -> Iterator[io.BufferedReader]:
    """An ordinary file; since it was listed it may have become a link, or a pipe that never ends."""
    flags = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Unusable(SPECIAL)
        yield file


def _packed(path: Path, member: str) -> bytes:
    outer, _, inner = member.rpartition("\0")
    with _archive(path, outer, MOST_OF_A_CLASS) as archive:
        return _extracted(archive, inner)


def _extracted(archive: zipfile.ZipFile, name: str) -> bytes:
    """At most MOST_BYTES + 1 bytes; nothing that expands without bound is begun."""
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unusable(METHOD)
    if max(info.file_size, info.compress_size) > MOST_BYTES:
        raise Unusable(BIG)
    with archive.open(info) as file:
        return file.read(MOST_BYTES + 1)


@contextlib.contextmanager
def _archive(path: Path, inner: str = "", most: int | None = None) -> Iterator[zipfile.ZipFile]:
    """A zip, or the zip in it, with at most this many members (MOST_MEMBERS; in the zip in it always).

    Raises:
        Unusable: it has too many members. And whatever zipfile raises.
    """
    if inner:
        with _archive(path, most=MOST_OF_A_CLASS) as outer:
            source: contextlib.AbstractContextManager[IO[bytes]] = io.BytesIO(_extracted(outer, inner))
    else:
        source = _file_itself(path)
    most = MOST_MEMBERS if inner or most is None else most
    with source as file:
        # ZipFile reads the whole list of members before it can say how many there are.
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
        if end and end[5] > most * DIRECTORY:
            raise Unusable(CROWDED)
        with zipfile.ZipFile(file) as archive:
            if len(archive.infolist()) > most:
                raise Unusable(CROWDED)
            yield archive
