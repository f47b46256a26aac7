"""`python -m course grade` where the disk, the gradebook, the sandbox or an impatient person make trouble.

None of it ends in a traceback: there is a sentence, and what was graded before stays.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import classroom
import fresh
import psutil
import pytest
from classroom import HONEST, NAME, Pupil, honest
from test_grade import course_folder, hand_in, limits, wait_for

from course import grade
from course.build import ROOT
from course.errors import CourseError
from course.grading import book as books
from course.grading.table import FAILED, GRADED
from course.interrupt import PATIENCE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A course with two honest submissions."""
    root = course_folder(tmp_path / "course")
    hand_in([Pupil(name, classroom.exchange(name, honest())) for name in ("ann", "bob")], root / "handed in")
    return root


def command(root: Path) -> list[str]:
    return [sys.executable, "-m", "course", "grade", NAME, str(root / "handed in"), "--course", str(root)]


def run(line: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        line, cwd=ROOT, env=fresh.environment(**environment), capture_output=True, text=True, timeout=600
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr[-3000:]
    return done


def options(root: Path) -> grade.Options:
    return grade.Options(NAME, root / "handed in", root, jobs=1, limits=limits())


def test_a_table_that_cannot_be_written(root: Path) -> None:
    """As where marks/ is read-only (for root, nothing is): it is shown, and the gradebook has the marks."""
    (root / "marks" / f"{NAME}.csv").mkdir(parents=True)
    done = run(command(root))
    assert done.returncode == 1
    assert "ann      graded  18" in done.stdout and "2 students: 2 graded" in done.stdout
    assert f"{NAME}.csv: the table cannot be written there (Is a directory); it stands above" in done.stderr
    again, _ = grade.grade(options(root))
    assert [row.total for row in again] == [HONEST, HONEST]


def test_a_damaged_gradebook(root: Path) -> None:
    path = root / "gradebook.db"
    path.write_bytes(b"no database" * 1_000)
    done = run(command(root))
    assert done.returncode == 1 and "gradebook.db: nothing was graded: gradebook.db is damaged" in done.stderr
    assert path.read_bytes() == b"no database" * 1_000
    assert not (root / "autograded").exists()


@contextlib.contextmanager
def in_use(path: Path) -> Iterator[None]:
    """Another program writes into the gradebook."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_a_gradebook_in_use(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the start: a sentence. While it grades: it costs those whose turn it is."""
    monkeypatch.setattr(books, "LOCKED_SECONDS", 1.0)
    monkeypatch.setattr(books, "LOCKED_AGAIN", 0.1)
    grade.grade(options(root))
    hand_in([Pupil(n, classroom.exchange(n, honest())) for n in ("cal", "dan", "eve")], root / "handed in")
    with in_use(root / "gradebook.db"), pytest.raises(CourseError, match="in use by another program"):
        grade.grade(options(root))

    record = books.Book.record

    def meanwhile(self: books.Book, student: str, *rest: Any) -> Any:
        with in_use(root / "gradebook.db") if student in ("cal", "dan") else contextlib.nullcontext():
            return record(self, student, *rest)

    monkeypatch.setattr(books.Book, "record", meanwhile)
    rows = {row.student: row for row in grade.grade(options(root))[0]}
    assert {rows[name].status for name in ("ann", "bob", "eve")} == {GRADED}
    for name in ("cal", "dan"):
        assert rows[name].status == FAILED and rows[name].total is None
        assert "in use by another program. Close Formgrader" in rows[name].reason


def test_a_full_disk(root: Path, tmp_path: Path) -> None:
    """What fits is graded; who comes later fails with a sentence, and is graded when there is room."""
    names = [f"s{number:02}" for number in range(30)]
    hand_in([Pupil(name, classroom.exchange(name, honest())) for name in names], root / "handed in")
    small = tmp_path / "small"
    small.mkdir()
    inside = ["bwrap", "--dev-bind", "/", "/", "--size", "4000000", "--tmpfs", str(small)]
    inside += ["--ro-bind", str(root / "solutions"), str(small / "solutions")]
    line = [sys.executable, "-m", "course", "grade", NAME, str(root / "handed in"), "--course", str(small)]
    done = run([*inside, *line])
    rows = [text.split() for text in done.stdout.splitlines() if text.startswith(("s", "ann", "bob"))]
    graded = [row[0] for row in rows if row[1] == "graded"]
    failed = [row[0] for row in rows if row[1] == "failed"]
    assert len(graded) >= 3 and len(failed) >= 3
    assert "no space is left on the disk" in done.stdout


def shaky(folder: Path, fails: str) -> dict[str, str]:
    """An environment whose bubblewrap fails where that is true of $n, the number of its start."""
    real = shutil.which("bwrap")
    (folder / "bin").mkdir()
    bwrap, seen = folder / "bin" / "bwrap", folder / "starts"
    bwrap.write_text(
        f'#!/bin/sh\necho x >> "{seen}"\nn=$(wc -l < "{seen}")\n'
        f'[ $(({fails})) = 1 ] && {{ echo "no room" >&2; exit 1; }}\nexec {real} "$@"\n'
    )
    bwrap.chmod(0o755)
    return {"PATH": f"{bwrap.parent}{os.pathsep}{os.environ['PATH']}"}


def test_a_sandbox_that_does_not_start_at_once(root: Path, tmp_path: Path) -> None:
    """As on a machine that is short of memory or processes for a moment."""
    done = run(command(root), **shaky(tmp_path, "n % 3 == 1"))
    assert "2 students: 2 graded" in done.stdout, done.stderr
    assert len((tmp_path / "starts").read_text().splitlines()) >= 5


def test_a_sandbox_that_starts_no_more_costs_no_points(root: Path, tmp_path: Path) -> None:
    """It was there when grading began: rows that failed, and no zero."""
    done = run(command(root), **shaky(tmp_path, "n > 1"))
    assert "2 students: 2 failed" in done.stdout
    assert "ann: failed: its sandbox could not be started: no room" in done.stdout


def test_names_that_are_no_text(root: Path) -> None:
    """In a student's folder, and as one; on a machine without a language, too."""
    folder = os.fsencode(root / "handed in")
    for name in (
        b"ann/01_attention/L\xf6sung.pdf",
        b"L\xf6we/attention.ipynb",
        "张伟/attention.ipynb".encode(),
        b"\xff.ipynb",
        b"a\rb\x1b[2J.zip",
    ):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(classroom.as_bytes(honest()))
    for language in ("C", "C.UTF-8"):
        done = run(command(root), LC_ALL=language, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
        assert done.returncode == 0 and "ann " in done.stdout
        assert "\x1b" not in done.stdout and "\r" not in done.stdout
        table = (root / "marks" / f"{NAME}.csv").read_text(encoding="utf-8-sig")
        assert table.count("\n") == len(table.splitlines()) and "\x1b" not in table


def as_in_a_terminal() -> None:
    """Whoever starts the tests in the background has Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


DROPPED = """
import signal, time
from course.interrupt import one_interrupt

class Goes:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

with one_interrupt():
    try:
        Goes()
        time.sleep(60)
    except KeyboardInterrupt:
        signal.raise_signal(signal.SIGINT)
        print("stopped")
"""


def test_an_interrupt_that_python_drops_comes_again() -> None:
    """As it does with what is raised while it tidies up an object. The one after it is only answered."""
    done = subprocess.run(
        [sys.executable, "-c", DROPPED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        preexec_fn=as_in_a_terminal,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", PATIENCE.decode())


def test_impatience(root: Path) -> None:
    """Ctrl-C again and again: one sentence in the end, no process left, and ann's marks are there."""
    sleeper = classroom.with_cell("import time\ntime.sleep(1e9)")
    hand_in([Pupil("zoe", classroom.exchange("zoe", sleeper))], root / "handed in")
    process = subprocess.Popen(
        command(root),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=as_in_a_terminal,
    )
    wait_for(lambda: (root / "feedback" / "ann" / NAME / classroom.FILE).with_suffix(".html").is_file())
    children = psutil.Process(process.pid).children(recursive=True)
    end = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < end:
        process.send_signal(signal.SIGINT)
        time.sleep(0.03)
    assert process.stderr is not None
    errors = process.stderr.read()
    assert process.returncode == 130, errors
    assert "what was done before stays" in errors and "Traceback" not in errors
    wait_for(lambda: not [child for child in children if child.is_running() and child.status() != "zombie"])
    (root / "handed in" / "zoe" / NAME / classroom.FILE).write_bytes(classroom.as_bytes(honest()))
    assert [row.total for row in grade.grade(options(root))[0]] == [HONEST] * 3
