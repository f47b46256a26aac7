"""One server, as docs/classroom.md says: ann works in the browser, bob types, ivy grades them.

After each step both students try to read whatever is not theirs.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
import pytest
from assignments import fetch, fetch_feedback, open_list, submit
from classroom import FILE, HONEST, NAME, honest
from guide import Guide
from lab import SECOND, Lab
from lab import browser as browser
from lab import page as page
from playwright.sync_api import Browser, Page
from test_cluster import free_port
from test_formgrader import COMMENT, MARK, WRITTEN, Desk
from village import HOMES, Village, kernels_are_encrypted, village, wait_for

CLASS = "/srv/llm-put-to-the-test/class"
EXCHANGE = f"{CLASS}/exchange/llm-put-to-the-test"
COURSE = f"{HOMES}/ivy/llm-put-to-the-test"
# An administrator's, a machine's that others reach, and a computer's at home.
ELSEWHERE = {"sudo apt-get install acl bubblewrap", "ssh -L 9001:127.0.0.1:9001 ann@SERVER"}
ELSEWHERE |= {"git clone THE-COURSE llm-put-to-the-test && cd llm-put-to-the-test"}
WRONG = "def attention_cost(B, T, D, H, number_bytes):\n    return {}"
PORT = "9001"


@pytest.fixture
def server(missing) -> Iterator[Village]:
    with village(missing) as server:
        yield server


@contextmanager
def lab(server: Village, user: str, line: str, folder: str = "~") -> Iterator[Lab]:
    """JupyterLab as the guide starts it; its address as it is printed."""
    line = line.replace(PORT, str(free_port()))
    with server.running(user, f"cd {folder} && {line}", f"{user}.log") as log:
        address = re.compile(r"http://127\.0\.0\.1:\S+token=\w+")
        wait_for(lambda: bool(address.search(log.read_text("utf-8"))), log)
        yield Lab(Path(folder), address.findall(log.read_text("utf-8"))[0], log)


def found_below(server: Village, *places: str) -> Iterator[tuple[Path, os.stat_result]]:
    """All files and folders but links. Programs run there: what goes away meanwhile is left out."""
    for place in places:
        for folder, folders, files in os.walk(server.path(place)):
            for path in (Path(folder, name) for name in [*folders, *files]):
                with suppress(FileNotFoundError):
                    status = path.lstat()
                    if not stat.S_ISLNK(status.st_mode):
                        yield path, status


def read_by(server: Village, reader: str) -> list[str]:
    """What a student can read of the others' files, by their full paths, which the student cannot even know.

    All of homes, the exchange and /tmp counts, but for what is the reader's, also feedback, or released.
    """
    page = server.path(f"{COURSE}/feedback/{reader}/{NAME}/attention.html")
    feedback = page.read_bytes() if page.exists() else None
    uid = server.path(f"/home/{reader}").stat().st_uid
    others = [path for path, status in found_below(server, "/home", CLASS, "/tmp") if status.st_uid != uid]
    own = set()
    for path in others:
        with suppress(FileNotFoundError):
            if path.suffix == ".html" and path.read_bytes() == feedback:
                own.add(path)
    others = [path for path in others if path not in own]
    names = [f"/{path.relative_to(server.folder)}" for path in others]
    allowed = (f"{CLASS}/exchange", EXCHANGE)
    names = [name for name in names if name not in allowed and not name.startswith(f"{EXCHANGE}/outbound")]
    assert any(name.startswith(f"{EXCHANGE}/inbound") for name in names)
    listed = server.path("/tmp/paths")
    listed.write_text("\n".join(names), encoding="utf-8")
    listed.chmod(0o644)
    try_all = 'while IFS= read -r name; do test ! -r "$name" || echo "$name"; done </tmp/paths'
    said = server.run(reader, try_all)
    listed.unlink()
    return said.splitlines()


def test_a_class_on_one_server(server: Village, browser: Browser, page: Page) -> None:
    guide = Guide("One server")

    def private() -> None:
        assert [read_by(server, user) for user in ("ann", "bob")] == [[], []]

    def ivy(begins: str) -> None:
        server.run("ivy", f"cd {COURSE} && {guide.take(begins)}")

    said = server.run("root", guide.take("sudo sh course/classroom/server.sh").removeprefix("sudo "))
    assert f"ivy works in {COURSE}" in said
    private()
    ivy("nbgrader release_assignment")
    server.run("bob", guide.take("nbgrader fetch_assignment"))
    server.write("bob", f"{NAME}/{FILE}", nbformat.writes(honest(attention_cost=WRONG)))
    server.run("bob", guide.take("nbgrader submit"))
    private()

    server.settle("ann")
    with lab(server, "ann", guide.take("jupyter lab")) as anns:
        open_list(page, anns.address)
        fetch(page, NAME)
        answer = "Ten times the queries, each with ten times the keys."
        server.write("ann", f"{NAME}/{FILE}", nbformat.writes(honest(**{WRITTEN: answer})))
        notebook = anns.address.replace("/lab?", f"/lab/tree/{NAME}/{FILE}?") + "&reset"
        assert "Success! Your notebook passes all the tests." in validate(page, notebook)
        kernels_are_encrypted(server, "ann")
        open_list(page, f"{anns.address}&reset")
        submit(page, NAME)
        private()

        ivy("nbgrader collect")
        again = guide.take("python -m course grade")
        server.run("ivy", f"cd {COURSE} && {again}")
        mark_by_hand(server, browser, guide.take("jupyter lab"))
        said = server.run("ivy", f"cd {COURSE} && {again}")
        assert re.search(rf"^ann +graded +{HONEST + MARK:g} ", said, re.MULTILINE), said
        release_but_for_cal(server, guide.take("nbgrader release_feedback"))
        private()

        fetch_feedback(page, NAME)
        server.run("bob", guide.take("nbgrader fetch_feedback"))
        private()
    for user, points in {"ann": HONEST + MARK, "bob": HONEST - 3}.items():
        [mine] = server.path(f"/home/{user}/{NAME}/feedback").glob("*/attention.html")
        text = mine.read_text("utf-8")
        assert f"{points:g} of 20 points" in text and (COMMENT in text) == (user == "ann")
    assert set(guide.left) == ELSEWHERE

    # What is handed in stays where it is, too.
    [folder] = server.path(f"{EXCHANGE}/inbound").glob("ann+*")
    inside = f"/{folder.relative_to(server.folder)}"
    away = f"{CLASS}/exchange/x"
    for attempt in (f"mv '{inside}' {away}", f"touch '{inside}/x'", f"mv {EXCHANGE} {away}"):
        assert server.attempt("bob", attempt)[0] != 0, attempt

    # Somebody joins.
    server.run("root", "sh course/classroom/server.sh ivy cal")
    assert read_by(server, "cal") == []
    assert server.run("cal", f"ls {EXCHANGE}/outbound").split() == [NAME]


def validate(page: Page, address: str) -> str:
    page.goto(address)
    page.get_by_text("Python 3 (ipykernel) | Idle", exact=True).wait_for()
    page.get_by_role("button", name="Validate", exact=True).click()
    dialog = page.locator(".jp-Dialog", has_text="Validation Results")
    dialog.wait_for(timeout=600 * SECOND)
    return dialog.inner_text()


def release_but_for_cal(server: Village, line: str) -> None:
    """Whose notebook came by mail: nbgrader stops there, unless it is told. Abe's account is gone."""
    for name, text in {
        "timestamp.txt": "",
        "submission_secret.txt": "a secret",
        "attention.html": "",
    }.items():
        server.write("ivy", f"llm-put-to-the-test/feedback/abe/{NAME}/{name}", text)
    server.write("ivy", f"llm-put-to-the-test/feedback/cal/{NAME}/attention.html", "")
    status, said = server.attempt("ivy", f"cd {COURSE} && {line}")
    assert status != 0 and re.search("cal/.*timestamp", said), said
    said = server.run("ivy", f"cd {COURSE} && {line} --CourseDirectory.student_id_exclude=cal,dan")
    assert "not readable for abe: have they an account here?" in said


def mark_by_hand(server: Village, browser: Browser, line: str) -> None:
    """In Formgrader, in a browser of the instructor's own."""
    with lab(server, "ivy", line, COURSE) as ivys:
        context = browser.new_context()
        page = context.new_page()
        Desk(server.path(COURSE), ivys, {}).open_submission(page, "ann")
        answer = page.locator(".nbgrader_cell", has_text="Ten times the queries")
        for box, text, kind in ((".score", str(MARK), "grade"), (".comment", COMMENT, "comment")):
            with page.expect_response(re.compile(f"/api/{kind}/")) as saved:
                answer.locator(box).fill(text)
                answer.locator(box).blur()
            assert saved.value.ok
        context.close()


# --- What students can lay into the exchange --------------------------------------------------


def lay(server: Village, user: str, name: str, *commands: str) -> None:
    """A folder of that name among what is handed in, and in it what the commands make."""
    folder = f"'{EXCHANGE}/inbound/{name}'"
    server.run(user, " && ".join([f"mkdir {folder}", f"cd {folder}", *commands]))


def of_day(day: int, student: str) -> str:
    return f"{student}+{NAME}+2026-01-{day:02} 10:00:00.000000 UTC+x"


def test_nobody_hands_in_for_others_or_what_is_others(server: Village) -> None:
    guide = Guide("One server")
    set_up = guide.take("sudo sh course/classroom/server.sh").removeprefix("sudo ")
    collect = f"cd {COURSE} && {guide.take('nbgrader collect')}"
    server.run("root", f"{set_up} cal")
    submitted = server.path(f"{COURSE}/submitted")

    lay(server, "ann", of_day(1, "ann"), f"echo anns >{FILE}", "mkdir data", "echo 1 >data/one")
    server.run("ivy", collect)
    links = {
        "anns.ipynb": f"{COURSE}/submitted/ann/{NAME}/{FILE}",
        "solved.ipynb": f"{COURSE}/solutions/{NAME}/{FILE}",
        "all": f"{COURSE}/solutions",
    }
    assert all(server.path(path).exists() for path in links.values())
    lay(
        server,
        "bob",
        of_day(1, "bob"),
        f"echo bobs >{FILE}",
        "echo never >timestamp.txt",
        "mkfifo pipe",
        *(f"ln -s {path} {name}" for name, path in links.items()),
    )
    lay(server, "bob", of_day(2, "ann"), f"echo forged >{FILE}")
    lay(server, "bob", f"bob+{NAME}+no time+x", f"echo timeless >{FILE}")
    server.run("bob", f"ln -s {COURSE}/submitted/ann/{NAME} '{EXCHANGE}/inbound/{of_day(3, 'bob')}'")
    lay(server, "cal", of_day(1, "cal"), f"echo cals >{FILE}", "chmod 0 .")
    for _ in range(2):  # the second one finds what the first has left
        said = server.run("ivy", collect)
        for name in (of_day(2, "ann"), f"bob+{NAME}+no time+x", of_day(3, "bob")):
            assert f"Left out '{EXCHANGE}/inbound/{name}'" in said, said
        assert f"Not collected, the others are: '{EXCHANGE}/inbound/{of_day(1, 'cal')}'" in said
        files = {path.relative_to(submitted).as_posix() for path in submitted.rglob("*") if path.is_file()}
        anns, bobs = (
            {f"{user}/{NAME}/{name}" for name in (FILE, "timestamp.txt")} for user in ("ann", "bob")
        )
        assert files == anns | bobs | {f"ann/{NAME}/data/one"}
        texts = {user: (submitted / user / NAME / FILE).read_text() for user in ("ann", "bob")}
        assert texts == {"ann": "anns\n", "bob": "bobs\n"}

    # Nor does root follow a link when somebody joins.
    server.run("ivy", f"mv {EXCHANGE} {CLASS}/exchange/away")
    server.run("bob", f"ln -s /etc {EXCHANGE}")
    status, said = server.attempt("root", set_up)
    assert status == 1 and said.startswith(f"{EXCHANGE} is a link") and server.path("/etc").stat().st_uid == 0


@pytest.mark.parametrize(
    "arguments, says",
    [
        ("ivy", "Who? sh course/classroom/server.sh INSTRUCTOR STUDENT..."),
        ("ivy ivy", "ivy cannot be instructor and student."),
        ("ivy daemon", "daemon has no home of its own (/usr/sbin)."),
    ],
)
def test_it_says_what_is_wrong(server: Village, arguments: str, says: str) -> None:
    """And has done nothing yet."""
    status, said = server.attempt("root", f"sh course/classroom/server.sh {arguments}")
    assert (status, said.strip()) == (1, says)
    assert server.attempt("root", "id ivy")[0] != 0
