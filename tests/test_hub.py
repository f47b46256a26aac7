"""JupyterHub with ngshare, as docs/classroom.md says: two students and an instructor in their browsers."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import fresh
import nbformat
import pytest
import yaml
from assignments import fetch, fetch_feedback, open_list, submit
from classroom import FILE, HONEST, NAME, honest
from guide import Guide
from lab import browser as browser
from playwright.sync_api import Browser, Page
from test_cluster import free_port
from test_environment import LINUX, Machine
from test_server import WRONG
from village import CLONE, HOMES, Village, village

from course import sizes
from course.errors import ROOT

# What an administrator has, or types at a keyboard; the course's address.
ELSEWHERE = {"sudo apt-get install bubblewrap npm", "git clone THE-COURSE llm-put-to-the-test"}
ELSEWHERE |= {"sudo useradd --create-home --shell /bin/bash ann && sudo passwd ann"}
PASSWORD = "a password of the village"
SECONDS = 300
IVYS = f"{HOMES}/ivy"
POINTS = {"ann": HONEST, "bob": HONEST - 3}


@dataclass(frozen=True)
class Hub:
    village: Village
    guide: Guide
    address: str
    log: Path


def four_ports() -> int:
    """The first of four in a row that nobody uses."""
    while True:
        first = free_port()
        try:
            for port in range(first + 1, first + 4):
                with socket.socket() as door:
                    door.bind(("127.0.0.1", port))
            return first
        except (OSError, OverflowError):
            continue


@pytest.fixture
def hub(missing) -> Iterator[Hub]:
    made = subprocess.run(
        ["sh", str(ROOT / "course" / "environment.sh"), "hub"],
        env={**fresh.BEFORE, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    if "npm is missing" in made.stderr:
        missing("npm is not installed")
    assert made.returncode == 0, made.stderr
    guide, port = Guide("JupyterHub"), four_ports()
    with village(missing, Path(made.stdout.strip()).parent) as machine:
        for user in ("ivy", "ann", "bob"):
            machine.run("root", f"useradd --create-home --shell /bin/bash {user}")
            machine.run("root", f"echo '{user}:{PASSWORD}' | chpasswd")
            machine.settle(user)
        line = guide.take("sudo sh course/classroom/hub.sh").removeprefix("sudo ")
        with machine.running("root", line, "hub.log", HUB_PORT=str(port)) as log:
            address = f"http://127.0.0.1:{port}"
            wait_for(lambda: f"JupyterHub is now running at {address}" in log.read_text("utf-8"), log)
            yield Hub(machine, guide, address, log)


def wait_for(happened: Callable[[], bool], log: Path) -> None:
    until = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < until, log.read_text("utf-8")[-5000:]
        time.sleep(0.2)


def log_in(browser: Browser, hub: Hub, user: str) -> Page:
    """In a browser of the user's own, until JupyterLab is there."""
    page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    page.set_default_timeout(SECONDS * 1000)
    page.goto(hub.address)
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".jp-Launcher").wait_for()
    return page


class Terminal:
    """The instructor's, in JupyterLab."""

    def __init__(self, page: Page, home: Path) -> None:
        self.page, self.home = page, home
        page.locator(".jp-LauncherCard", has_text="Terminal").click()
        page.locator(".jp-Terminal .xterm-screen").click()
        page.keyboard.type("cd ~/llm-put-to-the-test\n")

    def type(self, line: str) -> str:
        """Type it, and wait until it is done; what it says."""
        said, done = self.home / "said", self.home / "done"
        done.unlink(missing_ok=True)
        self.page.keyboard.type(f"({line}) >~/said 2>&1; echo $? >~/status; mv ~/status ~/done\n")
        wait_for(done.exists, said)
        assert done.read_text().strip() == "0", f"{line}\n{said.read_text('utf-8')[-3000:]}"
        return said.read_text("utf-8")

    def wait_until(self, name: str, says: str) -> None:
        """Until a file at home says so."""
        path = self.home / name
        wait_for(lambda: path.exists() and says in path.read_text("utf-8"), path)


def test_a_class_on_a_hub(hub: Hub, browser: Browser) -> None:
    machine, take = hub.village, hub.guide.take
    machine.run("root", f"cp -R {CLONE} {IVYS}/ && chown -R ivy: {IVYS}/llm-put-to-the-test")
    names = "student_id,first_name,last_name,email\nann,,,\nbob,,,\n"
    machine.write("ivy", "llm-put-to-the-test/class.csv", names)
    ivy = Terminal(log_in(browser, hub, "ivy"), machine.path(IVYS))
    for begins in ("cd ", "ngshare-course-management create", "ngshare-course-management add"):
        said = ivy.type(take(begins) if begins != "cd " else f"cd ~ && {take(begins)}")
    assert "ann was successfully added" in said and "bob was successfully added" in said
    ivy.type(take("nbgrader release_assignment"))

    pages = {user: log_in(browser, hub, user) for user in ("ann", "bob")}
    for user, page in pages.items():
        open_list(page, page.url)
        fetch(page, NAME)
        work = honest() if user == "ann" else honest(attention_cost=WRONG)
        machine.write(user, f"{NAME}/{FILE}", nbformat.writes(work))
        submit(page, NAME)

    ivy.type(take("nbgrader collect"))
    here = take("python -m course grade")
    for line in (here, cluster(ivy, take)):
        said = ivy.type(line)
        for user, points in POINTS.items():
            assert re.search(rf"^{user} +graded +{points:g} ", said, re.MULTILINE), said
    ivy.type(take("nbgrader release_feedback"))
    for user, page in pages.items():
        fetch_feedback(page, NAME)
        [mine] = machine.path(f"/home/{user}/{NAME}/feedback").glob("*/attention.html")
        assert f"{POINTS[user]:g} of 20 points" in mine.read_text("utf-8")
    assert set(hub.guide.left) == ELSEWHERE


def cluster(ivy: Terminal, take: Callable[[str], str]) -> str:
    """A scheduler and a worker run; the line that grades with them."""
    ivy.type(take("python -m course cluster key"))
    port = free_port()
    address = f"tls://127.0.0.1:{port}"
    for name, options, says in (
        ("scheduler", f"--port {port}", "Scheduler at"),
        ("worker", "", "Registered to"),
    ):
        line = take(f"python -m course cluster {name}").replace("tls://ADDRESS:8786", address)
        ivy.type(f"nohup {line} {options} >~/{name}.log 2>&1 &")
        ivy.wait_until(f"{name}.log", says)
    return take("python -m course grade").replace("tls://ADDRESS:8786", address)


@pytest.mark.parametrize(
    "people, says",
    [
        ("ivy", "Who? sh course/classroom/hub.sh INSTRUCTOR STUDENT..."),
        ("root cal", "cal has no account here: useradd --create-home cal, then passwd cal"),
    ],
)
def test_it_says_what_is_wrong(missing, people: str, says: str) -> None:
    with village(missing) as machine:
        status, said = machine.tries("root", f"sh course/classroom/hub.sh {people}")
        assert (status, said.strip()) == (1, says)


def test_without_npm_it_says_so(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.put("python3", LINUX.format("3.12"))
    done = machine.run("hub")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "npm is missing, for the hub's proxy: apt-get install npm"


# --- Kubernetes -------------------------------------------------------------------------------

CLASSROOM = ROOT / "course" / "classroom"


def values(name: str) -> dict:
    return yaml.safe_load((CLASSROOM / "z2jh" / name).read_text("utf-8"))


def test_the_values_give_room_for_a_notebook() -> None:
    most = max(limits["MB of memory"] for limits in sizes.MOST.values())
    memory = values("values.yaml")["singleuser"]["memory"]
    limit, guarantee = (float(memory[name].removesuffix("G")) * 1000 for name in ("limit", "guarantee"))
    assert most + 1000 <= limit <= 2 * most and guarantee < limit


def test_the_values_say_what_the_hub_here_says() -> None:
    """The same service under the same name, and the same leave to use it."""
    here = (CLASSROOM / "jupyterhub_config.py").read_text("utf-8")
    hub = values("values.yaml")["hub"]
    [(name, service)] = hub["services"].items()
    assert f'"name": "{name}"' in here and f'"{name}", "--admins"' in here
    allowed = f"access:services!service={name}"
    assert f'"{allowed}"' in here and allowed in hub["loadRoles"]["user"]["scopes"]
    ast.parse(hub["extraConfig"][name])
    assert allowed in hub["extraConfig"][name]
    assert values("ngshare.yaml")["ngshare"]["admins"] == hub["config"]["Authenticator"]["admin_users"]
