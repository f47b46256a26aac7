"""docs/instructors.md, followed from its first command to its last; and what docs/grading.md says of plain
`nbgrader autograde`.
"""

from __future__ import annotations

import ast
import csv
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import checkout
import classroom
import fresh
import nbformat
import pytest
from grading import assignment_path, nbgrader, scores, write
from guide import INSTRUCTORS, Guide
from nbgrader.api import Gradebook

from course.errors import ROOT

NAME = "01_attention"
# tests/system.sh and tests/test_environment.py do these.
ELSEWHERE = [
    "sudo apt-get install git make python3-venv bubblewrap",
    "make env",
    'bin=$(make -s env) && . "$bin/activate"',
]


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own way
def test_the_page_is_followed(missing, tmp_path: Path) -> None:
    """ann hands in, bob does not; her written answer gets 1.5 points; the report has both."""
    if not fresh.cut_off():
        missing("no bubblewrap")
    once, week, term = (
        Guide(title, INSTRUCTORS)
        for title in ("Once: make ready to grade", "Each week", "At the end of a term")
    )
    root = checkout.copy(tmp_path / "course")
    for line in ELSEWHERE:
        once.take(line)
    assert type_in(root, once.take("bwrap")) == ""
    (root / "class.txt").write_text("ann\nbob\n")
    (root / "handed-in").mkdir()
    written = classroom.honest(in_your_words="The window moves on, so the cost of a token stays the same.")
    nbformat.write(written, root / "handed-in" / "ann.ipynb")

    grade = week.take("python -m course grade 01_attention handed-in")
    type_in(root, grade)
    assert {row["student"]: row["status"] for row in table(root / "marks" / f"{NAME}.csv")} == {
        "ann": "needs a person",
        "bob": "nothing handed in",
    }
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:  # as Formgrader does
        grade_to_give = gradebook.find_grade("in_your_words", "attention", NAME, "ann")
        grade_to_give.manual_score, grade_to_give.needs_manual_grade = 1.5, False
        gradebook.db.commit()
    type_in(root, grade)
    [page] = (root / "feedback" / "ann" / NAME).glob("attention.html")
    assert "1.5" in page.read_text(encoding="utf-8")

    type_in(root, term.take("python -m course report"))
    totals = {row["student"]: row["total (20)"] for row in table(root / "marks" / "report.csv")}
    assert float(totals["ann"]) == classroom.HONEST + 1.5
    assert not totals["bob"]
    assert once.left + week.left + term.left == []


def test_what_students_get(tmp_path: Path) -> None:
    """All but the solutions, what they are made from, the tests and the labs' answers."""
    [line] = Guide("A week", INSTRUCTORS).left
    packed = tmp_path / "students.zip"
    type_in(ROOT, line.replace("students.zip", f"'{packed}'"))
    with zipfile.ZipFile(packed) as archive:
        names = set(archive.namelist())
    committed = subprocess.run(
        ["git", "ls-tree", "-r", "-z", "--name-only", "HEAD"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")[:-1]  # fmt: skip
    secret = ("solutions/", "course/exercises/", "tests/", "docs/claims.md")
    assert {name for name in names if not name.endswith("/")} == {
        name for name in committed if not name.startswith(secret)
    }
    assert {"lessons/01_attention.ipynb", "exercises/01_attention/attention.ipynb", "Makefile"} <= names


def type_in(root: Path, line: str) -> str:
    """What a command of the page prints, in the course's folder and environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        line, shell=True, cwd=root, env=fresh.environment(PATH=path), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_plain_autograde(tmp_path: Path) -> None:
    """In a fresh clone it knows no assignment. And a notebook that lost its marks gets 0, without a word."""
    root = checkout.copy(tmp_path / "course")
    stripped = classroom.honest()
    for cell in stripped.cells:
        cell.metadata.pop("nbgrader", None)
    for student, notebook in {"ann": classroom.honest(), "bob": stripped}.items():
        write(notebook, assignment_path(f"submitted/{student}", NAME, root))
    with pytest.raises(RuntimeError, match="No assignment with ID '01_attention' exists"):
        nbgrader(root, "autograde", NAME)

    release = assignment_path("exercises", NAME, root)
    before = release.read_bytes()
    nbgrader(root, "generate_assignment", NAME, "--force")
    assert release.read_bytes() == before
    nbgrader(root, "autograde", NAME)
    found = scores(NAME, root)
    assert sum(found["ann"].values()) == classroom.HONEST
    assert not found["bob"]


NNPACK = "[W NNPACK.cpp:61] Could not initialize NNPACK! Reason: Unsupported hardware."
LOUD = {
    # What a library does that is not written in Python. `checks` sends it to stdout.
    "descriptor 2": ("import os", f"os.write(2, b'{NNPACK}')", False),
    # A logger keeps the stderr that it found. Then nbgrader_config.py says that stderr does not count.
    "logger": ("import logging\nlogging.basicConfig()", "logging.warning('careful')", True),
}


@pytest.mark.parametrize("begins, says, ignored", LOUD.values(), ids=LOUD)
def test_a_message_on_stderr_costs_nothing(tmp_path: Path, begins: str, says: str, ignored: bool) -> None:
    """Not with plain autograde, though nbgrader takes stderr for a failure; what `checks` redirects, not with
    Validate either, which reads no setting of ours."""
    root = checkout.copy(tmp_path / "course")
    loud = classroom.honest(in_your_words="Because it looks at all keys.")
    for cell in loud.cells:
        if cell.metadata.get("nbgrader", {}).get("solution") and cell.cell_type == "code":
            tree = ast.parse(cell.source)
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    node.body[:0] = ast.parse(says).body
            cell.source = f"{begins}\n{ast.unparse(tree)}"
    write(loud, assignment_path("submitted/ann", NAME, root))
    nbgrader(root, "generate_assignment", NAME, "--force")
    nbgrader(root, "autograde", NAME, *([] if ignored else ["--IgnorePattern.enabled=False"]))
    assert sum(scores(NAME, root)["ann"].values()) == classroom.HONEST
    if not ignored:
        path = assignment_path("exercises", NAME, root)
        write(loud, path)
        assert "Success! Your notebook passes all the tests." in nbgrader(root, "validate", str(path))
