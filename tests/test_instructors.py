"""What docs/instructors.md says of nbgrader itself: an exchange whose users cannot read each other's files,
and what plain `nbgrader autograde` needs and does. The commands are followed, and left out.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import checkout
import classroom
import fresh
import pytest
from grading import assignment_path, nbgrader, scores, write

from course.errors import ROOT

NAME = "01_attention"
FILE = "attention.ipynb"
COURSE = "llm-put-to-the-test"
STUDENTS = {"ann": 60_001, "bob": 60_002}  # numbers that nobody has
INSTRUCTOR = "root"  # who makes the folders of this test


@dataclass(frozen=True)
class Server:
    """A folder with homes and an exchange. Commands run as one of the users."""

    folder: Path

    def home(self, user: str) -> Path:
        return self.folder / "home" / user

    @property
    def exchange(self) -> Path:
        return self.folder / "exchange"

    def run(
        self, user: str, *command: str, cwd: Path | None = None, reads_all: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """reads_all: also what is closed to a student, as this Python's packages may be."""
        users = str(self.folder / "etc" / "passwd")
        line = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", users, "/etc/passwd", "--cap-add", "ALL", "--"]
        if user in STUDENTS:
            number, rights = STUDENTS[user], "+dac_read_search" if reads_all else "-all"
            line += ["setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups"]
            line += [f"--inh-caps={rights}", f"--ambient-caps={rights}", "--"]
        environment = fresh.environment(
            HOME=str(self.home(user)),
            USER=user,
            LOGNAME=user,
            NBGRADER_EXCHANGE=str(self.exchange),
            JUPYTER_CONFIG_PATH=str(self.folder / "etc"),
            PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        )
        return subprocess.run(
            [*line, *command], cwd=cwd or self.home(user), env=environment, capture_output=True, text=True
        )

    def nbgrader(self, user: str, *arguments: str, cwd: Path | None = None) -> None:
        done = self.run(user, sys.executable, "-m", "nbgrader", *arguments, cwd=cwd, reads_all=True)
        assert done.returncode == 0, done.stderr[-2000:]

    def can(self, user: str, *command: str) -> bool:
        return self.run(user, *command).returncode == 0


@pytest.fixture
def server(missing) -> Iterator[Server]:
    """As docs/instructors.md says: private homes, a sticky exchange, settings for everybody."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as several users")
    if not shutil.which("bwrap") or not shutil.which("setpriv"):
        missing("bubblewrap or setpriv is not installed")
    folder = Path(tempfile.mkdtemp(prefix="server-"))  # pytest's own folders are closed to other users
    folder.chmod(0o755)
    server = Server(folder)
    for user, number in {INSTRUCTOR: 0, **STUDENTS}.items():
        server.home(user).mkdir(parents=True, mode=0o700)
        os.chown(server.home(user), number, number)
    server.exchange.mkdir()
    server.exchange.chmod(0o1777)
    (folder / "etc").mkdir()
    people = "".join(
        f"{user}:x:{number}:{number}::{server.home(user)}:/bin/sh\n" for user, number in STUDENTS.items()
    )
    (folder / "etc" / "passwd").write_text(Path("/etc/passwd").read_text() + people)
    (folder / "etc" / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.Exchange.root = {str(server.exchange)!r}\n"
        f"c.CourseDirectory.course_id = {COURSE!r}\n"
    )
    yield server
    shutil.rmtree(folder)


def course_of(server: Server) -> Path:
    """The instructor's folder."""
    course = server.home(INSTRUCTOR) / "course"
    for name in ("exercises", "solutions"):
        shutil.copytree(ROOT / name / NAME, course / name / NAME)
    shutil.copy(ROOT / "nbgrader_config.py", course)
    shutil.copytree(ROOT / "course", course / "course")  # which the settings ask for what Formgrader shows
    return course


def test_an_assignment_goes_round_and_stays_private(server: Server) -> None:
    course = course_of(server)
    server.nbgrader(INSTRUCTOR, "release_assignment", NAME, cwd=course)
    for user in ("ann", "bob"):
        server.nbgrader(user, "fetch_assignment", NAME)
        server.nbgrader(user, "submit", NAME)
    server.nbgrader(INSTRUCTOR, "collect", NAME, cwd=course)
    for user in ("ann", "bob"):
        assert (course / "submitted" / user / NAME / FILE).is_file()
    (course / "submitted" / "bob" / NAME / FILE).write_text("not a notebook")  # he, too, learns why
    grade = ("course", "grade", NAME, "submitted", "--course", str(course))
    done = subprocess.run([sys.executable, "-m", *grade], cwd=course, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    by_mail = course / "feedback" / "cal" / NAME / "attention.html"
    by_mail.parent.mkdir(parents=True)
    by_mail.touch()
    release = ("release_feedback", NAME, "--CourseDirectory.student_id_exclude=cal,dan")
    server.nbgrader(INSTRUCTOR, *release, cwd=course)
    with pytest.raises(AssertionError, match="cal.*timestamp"):
        server.nbgrader(INSTRUCTOR, "release_feedback", NAME, cwd=course)
    for user, says in {"ann": "Score", "bob": "not graded"}.items():
        server.nbgrader(user, "fetch_feedback", NAME)
        [page] = server.home(user).glob(f"{NAME}/feedback/*/{Path(FILE).stem}.html")
        assert says in page.read_text(encoding="utf-8")

    mine = str(server.home("ann") / NAME / FILE)
    inbound = server.exchange / COURSE / "inbound"
    [handed_in] = inbound.glob("ann+*")
    secret = next(server.home("ann").rglob("submission_secret.txt"))
    assert server.can("ann", "cat", mine)
    for path in (mine, str(secret), str(course / "gradebook.db"), str(course / "solutions" / NAME / FILE)):
        assert not server.can("bob", "cat", path)
    assert not server.can("bob", "ls", str(inbound))
    # Who knows the name could read it. Twelve characters of it are random.
    assert server.can("bob", "cat", str(handed_in / FILE)) and len(handed_in.name.rsplit("+")[-1]) == 12
    assert not server.can("bob", "mv", str(server.exchange / COURSE), str(server.exchange / "gone"))


def test_what_goes_wrong_otherwise(server: Server) -> None:
    """Homes that are open to others, and an exchange with mode 777."""
    course = course_of(server)
    server.exchange.chmod(0o777)
    server.nbgrader(INSTRUCTOR, "release_assignment", NAME, cwd=course)
    server.nbgrader("ann", "fetch_assignment", NAME)
    server.nbgrader("ann", "submit", NAME)
    server.home("ann").chmod(0o755)
    secret = next(server.home("ann").rglob("submission_secret.txt"))
    assert server.can("bob", "cat", str(server.home("ann") / NAME / FILE))
    assert server.can("bob", "cat", str(secret)), "with it, anybody can fetch ann's feedback"
    assert server.can("bob", "mv", str(server.exchange / COURSE), str(server.exchange / "gone"))


# --- Plain `nbgrader autograde` -------------------------------------------------------------------


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
