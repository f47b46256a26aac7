"""A class of assignment 1 goes through `python -m course grade`: real nbgrader, SQLite, bubblewrap, Dask."""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path

import classroom
import fresh
import nbformat
import psutil
import pytest
from classroom import HONEST, NAME, POINTS, Pupil
from grading import solution
from nbgrader.api import Gradebook

from course import grade
from course.build import ROOT, assignment_path
from course.errors import CourseError
from course.grading import sandbox
from course.grading.execute import make_job
from course.grading.sandbox import Limits
from course.grading.table import FAILED, GRADED, NOTHING, Row

# To grade in other ways: a mixture of the class, without those that take long.
FEW = ("alone", "flat", "wrote", "wrong", "partial", "twice", "deleted", "badjson", "crashes", "allclose")


def limits() -> Limits:
    """Small, so that endless code costs little time here; honest code needs a tenth of it."""
    return Limits(cell_seconds=2, call_seconds=2, notebook_seconds=10, memory=1 << 30, disk=64 << 20)


def hand_in(pupils: list[Pupil], folder: Path) -> None:
    for pupil in pupils:
        for path, data in pupil.files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            data(target) if callable(data) else target.write_bytes(data)


def course_folder(root: Path) -> Path:
    shutil.copytree(ROOT / "solutions", root / "solutions")
    return root


def digests(folder: Path) -> dict[str, str]:
    """Every file that was handed in, by its hash; a large one by its size."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            big = path.stat().st_size > 100_000_000
            found[str(path)] = "big" if big else hashlib.sha256(path.read_bytes()).hexdigest()
    return found


class Class:
    """The class, graded once, with eight jobs, by the command."""

    def __init__(self, root: Path) -> None:
        self.root = course_folder(root)
        self.folder = root / "handed in"
        self.pupils = classroom.pupils(root / "gradebook.db", root / "solutions" / NAME / classroom.FILE)
        hand_in(self.pupils, self.folder)
        names = root / "class.txt"
        names.write_text("\n".join(pupil.name for pupil in self.pupils), encoding="utf-8")
        before = digests(self.folder)
        command = [sys.executable, "-m", "course", "grade", NAME, str(self.folder), "--course", str(root)]
        command += ["--jobs", "8", "--students", str(names), "--memory", "1024"]
        most = limits()
        command += ["--cell-seconds", str(most.cell_seconds)]
        command += ["--notebook-seconds", str(most.notebook_seconds)]
        self.done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
        assert self.done.returncode == 0, self.done.stderr[-3000:]
        self.untouched = digests(self.folder) == before
        text = (root / "marks" / f"{NAME}.csv").read_text(encoding="utf-8-sig")
        self.rows = {row["student"]: row for row in csv.DictReader(text.splitlines())}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Class:
    return Class(tmp_path_factory.mktemp("class"))


# The fixture makes them again, with the files of its own folder.
NAMES = [pupil.name for pupil in classroom.pupils(Path("gradebook.db"), Path("attention.ipynb"))]


def test_the_class_is_large_enough() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 60


@pytest.mark.parametrize("name", NAMES)
def test_row(graded: Class, name: str) -> None:
    pupil = next(pupil for pupil in graded.pupils if pupil.name == name)
    row = graded.rows[name]
    assert row["status"] == pupil.status, row
    assert pupil.reason in row["reason"]
    assert bool(pupil.mended) == bool(row["mended"])
    assert pupil.mended in row["mended"]
    points = {task: row[f"{task} ({_most(task):g})"] for task in POINTS}
    if pupil.total is None:  # a failure is never a zero
        assert row["total (20)"] == "" and set(points.values()) == {""}
        assert len(row["reason"]) > 20 or pupil.status == NOTHING
    else:
        lost = pupil.lost or {}
        assert {task: float(got) for task, got in points.items()} == {
            task: most - lost.get(task, 0) for task, most in POINTS.items()
        }
        assert float(row["total (20)"]) == pupil.total


def _most(task: str) -> float:
    return 2.0 if task == "in_your_words" else POINTS[task]


def test_nobody_else_is_in_the_table(graded: Class) -> None:
    assert set(graded.rows) == set(NAMES)


def test_what_was_handed_in_is_left_as_it_was(graded: Class) -> None:
    assert graded.untouched


def test_the_terminal_shows_the_table(graded: Class) -> None:
    assert re.search(r"alone +graded +18 ", graded.done.stdout)
    assert f"{len(NAMES)} students: " in graded.done.stdout
    assert "xxxxx" not in graded.done.stdout  # of those who print without end
    assert "Traceback" not in graded.done.stderr


def test_the_gradebook_is_nbgraders(graded: Class) -> None:
    """Formgrader and `nbgrader export` read the same points from it."""
    with Gradebook(f"sqlite:///{graded.root / 'gradebook.db'}") as gradebook:
        scores = {one.student.id: one.score for one in gradebook.find_assignment(NAME).submissions}
    marked = {pupil.name: pupil.total for pupil in graded.pupils if pupil.total is not None}
    assert {name: scores[name] for name in marked} == marked
    failed = {pupil.name for pupil in graded.pupils if pupil.status in (FAILED, NOTHING)}
    assert not failed & set(scores)


def test_feedback(graded: Class) -> None:
    """A page for each marked student, which opens offline and shows messages but no hidden test."""
    hidden = "def expected(q, k, v, mask=None, scale=None)"
    assert hidden in assignment_path("solutions", NAME).read_text(encoding="utf-8")
    for pupil in graded.pupils:
        page = graded.root / "feedback" / pupil.name / NAME / "attention.html"
        assert page.is_file() == (pupil.status != NOTHING), pupil.name
        if pupil.status == NOTHING:
            continue
        text = page.read_text(encoding="utf-8")
        if pupil.status == FAILED:
            assert graded.rows[pupil.name]["reason"] in unescape(text)
        assert hidden not in text and "HIDDEN TESTS" not in text.replace("'HIDDEN' in x", ""), pupil.name
        assert not re.search(r"""(?:src|href)=["']?https?:[^"'>]+\.(?:js|css|woff)""", text), pupil.name
        assert "<script>LEAK" not in text
    wrong = (graded.root / "feedback" / "wrong" / NAME / "attention.html").read_text(encoding="utf-8")
    assert "0 of 0.5 points" in wrong
    twice = (graded.root / "feedback" / "twice" / NAME / "attention.html").read_text(encoding="utf-8")
    assert "stood in your notebook twice" in twice


def test_nothing_leaked(graded: Class) -> None:
    """What the student's own code printed, in the notebook that was executed."""
    for name in ("reads", "calls", "leaks"):
        text = (graded.root / "autograded" / name / NAME / classroom.FILE).read_text(encoding="utf-8")
        outputs = text.replace("print('LEAK'", "")
        assert "LEAK" not in outputs or name == "leaks"
        assert "scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)" not in _outputs(text)


def _outputs(text: str) -> str:
    notebook = nbformat.reads(text, as_version=4)
    return "".join(str(cell.get("outputs", "")) for cell in notebook.cells)


def test_no_process_is_left(graded: Class) -> None:
    """No sandbox and no warm process has outlived the one that started it."""
    orphans = [process for process in psutil.process_iter() if _parent(process) == 1]
    assert not [line for line in map(_line, orphans) if "bwrap" in line or "course.grading" in line]


def _parent(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.Error:
        return 0


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has ended
        return ""


# --- The same in other ways -------------------------------------------------------------------


@pytest.fixture
def few(graded: Class, tmp_path: Path) -> tuple[Path, Path, list[dict[str, str]]]:
    """Some of the class in a course of their own: its folder, theirs, and the rows they have in the class."""
    root = course_folder(tmp_path / "course")
    pupils = [pupil for pupil in graded.pupils if pupil.name in FEW]
    hand_in(pupils, root / "handed in")
    return root, root / "handed in", [graded.rows[pupil.name] for pupil in pupils]


def same(rows: list[Row], wanted: list[dict[str, str]]) -> None:
    """Status, reason, points and what was mended are those of the class."""
    got = {row.student: row for row in rows}
    assert set(got) == {row["student"] for row in wanted}
    for row in wanted:
        mine = got[row["student"]]
        total = "" if mine.total is None else f"{mine.total:g}"
        assert (mine.status, mine.reason, total, " ".join(mine.mended)) == (
            row["status"], row["reason"], row["total (20)"], row["mended"],
        )  # fmt: skip
        for task, points in (mine.points or {}).items():
            assert f"{points:g}" == row[f"{task} ({_most(task):g})"]


def test_one_after_the_other_and_again(few) -> None:
    """Sequentially; then again, after a person has marked: nothing changes but what the person did."""
    root, folder, wanted = few
    options = grade.Options(NAME, folder, root, jobs=1, limits=limits())
    same(grade.grade(options)[0], wanted)

    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        mark = gradebook.find_grade("in_your_words", "attention", NAME, "wrote")
        mark.manual_score, mark.needs_manual_grade = 1.5, False
        by_hand = gradebook.find_grade("attention_cost_hidden", "attention", NAME, "wrong")
        by_hand.manual_score = 0.5
        gradebook.db.commit()
    rows = {row.student: row for row in grade.grade(options)[0]}
    assert rows["wrote"].status == GRADED
    assert rows["wrote"].total == HONEST + 1.5
    assert (rows["wrong"].points or {})["attention_cost"] == 0.5
    others = [row for row in rows.values() if row.student not in ("wrote", "wrong")]
    same(others, [row for row in wanted if row["student"] not in ("wrote", "wrong")])

    # A broken file instead of a good one: the row fails, the marks of the good one stay.
    target = folder / "wrote" / NAME / classroom.FILE
    target.write_bytes(b"")
    again = {row.student: row for row in grade.grade(options)[0]}
    assert again["wrote"].status == FAILED and again["wrote"].total is None
    assert "earlier" in again["wrote"].reason
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        assert gradebook.find_submission(NAME, "wrote").score == HONEST + 1.5

    # A folder with the late ones only: the others keep what they have.
    for path in folder.iterdir():
        if path.name != "wrong":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    late = {row.student: row for row in grade.grade(options)[0]}
    assert set(late) == {row["student"] for row in wanted} - {"badjson"}
    assert (late["alone"].total, late["wrote"].total) == (HONEST, HONEST + 1.5)
    assert (
        late["alone"].status == GRADED
        and "earlier" in late["alone"].reason
        and "earlier" not in late["wrong"].reason
    )


# --- Without a sandbox ------------------------------------------------------------------------


def test_without_bubblewrap_it_says_so(few, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    root, folder, wanted = few
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    with pytest.raises(
        CourseError, match=r"(?s)bubblewrap is not installed.*--no-sandbox.*can read your files"
    ):
        grade.grade(grade.Options(NAME, folder, root, limits=limits()))
    assert not (root / "gradebook.db").exists()
    rows, _ = grade.grade(grade.Options(NAME, folder, root, jobs=2, sandboxed=False, limits=limits()))
    same(rows, wanted)
    assert "runs as you" in capfd.readouterr().err


# --- Small things -----------------------------------------------------------------------------


def test_deadline(tmp_path: Path) -> None:
    """Without a zone it is by this machine's clock. The gradebook keeps it, and each run says it."""
    from datetime import datetime

    root = course_folder(tmp_path)
    pupil = Pupil("tardy", classroom.exchange("tardy", classroom.honest(), **{
        "timestamp.txt": b"2026-11-03 13:00:00.000000 UTC"}))  # fmt: skip
    hand_in([pupil], root / "handed in")
    due = datetime(2026, 11, 1, 12, 0)
    [row], _ = grade.grade(grade.Options(NAME, root / "handed in", root, due=due, limits=limits()))
    assert (row.late, row.total) == ("2 d 1 h", HONEST)

    def said(*command: str) -> str:
        environment = fresh.environment(TZ="CST-8")
        command = (sys.executable, *command)
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        ).stdout

    again = ("-m", "course", "grade", NAME, str(root / "handed in"), "--course", str(root))
    told = said(*again, "--due", "2026-11-03T19:30+07:00")
    assert "0 h 30 min" in told and "Late is what came after 2026-11-03 20:30 (UTC+0800)" in told
    assert "Late is what came after 2026-11-03 20:30 (UTC+0800)" in said(*again)
    code = "from course.__main__ import _time; print(_time('2026-11-03T20:30'))"
    assert said("-c", code) == "2026-11-03 12:30:00\n"


def test_wrong_names_are_told(tmp_path: Path) -> None:
    root, empty = course_folder(tmp_path), tmp_path / "empty"
    empty.mkdir()
    for name, folder, words in (
        ("07_no_such", empty, "07_no_such.*01_attention"),
        (NAME, root / "solutions", "own notebooks"),
        (NAME, root / "solutions" / NAME / classroom.FILE, "is a file"),
        (NAME, tmp_path / "nowhere", "nowhere"),
        (NAME, empty, "ipynb"),
    ):
        with pytest.raises(CourseError, match=words):
            grade.grade(grade.Options(name, folder, root, sandboxed=False))


def test_what_runs_is_the_students_but_for_locked_cells() -> None:
    source = solution(NAME)
    source.cells.insert(3, nbformat.v4.new_code_cell("given = 1"))
    notebook = classroom.with_cell("mine = 2")
    classroom.cell(notebook, "imports").source = "import nothing"
    job = make_job(notebook, source, limits(), sandboxed=True)
    run = [step.source for step in job.steps]
    assert "mine = 2" in run and "given = 1" not in run
    assert "import nothing" not in run and classroom.cell(source, "imports").source in run
    assert "given = 1" in job.given
    assert not any("HIDDEN" in text for text in run)


def test_stopped_half_way(tmp_path: Path) -> None:
    """Ctrl-C: it ends soon, with a sentence, and leaves no process behind."""
    root = course_folder(tmp_path)
    sleeper = classroom.with_cell("import time\ntime.sleep(1e9)")
    hand_in([Pupil("asleep", classroom.exchange("asleep", sleeper))], root / "handed in")
    command = [sys.executable, "-m", "course", "grade", NAME, str(root / "handed in"), "--course", str(root)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts the tests in the background lets them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    running = psutil.Process(process.pid)
    wait_for(lambda: any("bwrap" in _line(child) for child in running.children(recursive=True)))
    children = running.children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "stopped" in errors and "Traceback" not in errors
    wait_for(lambda: not [child for child in children if child.is_running() and _line(child)])


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_read_students(tmp_path: Path) -> None:
    path = tmp_path / "class.csv"
    path.write_text('id,first_name\n"ann",Ann\n\nbob,Bob\nAnn Lee\n', encoding="utf-8")
    # As intake.py names the student of "Ann Lee.ipynb".
    assert grade.read_students(path) == ["ann", "bob", "Ann_Lee"]
    path.write_text("\n")
    with pytest.raises(CourseError, match="no student"):
        grade.read_students(path)


def test_a_platform_s_table_is_no_class_list(tmp_path: Path) -> None:
    """Its first column would give a class of numbers, all of whom handed in nothing."""
    path = tmp_path / "grades.csv"
    path.write_text("\ufeffIdentifier,Full name,Grade\nParticipant 4711,Ann Lee,\n", encoding="utf-8")
    with pytest.raises(CourseError, match="grades.csv: it is Moodle's table.*--worksheet"):
        grade.read_students(path)
    path.write_text("Username,Last Name,First Name\nalee,Lee,Ann\n", encoding="utf-8")
    assert grade.read_students(path) == ["alee"]
