"""JupyterHub with ngshare, as docs/classroom.md says: two students and an instructor in their browsers."""

from __future__ import annotations

import ast
import random
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import fresh
import nbformat
import psutil
import pytest
import yaml
from assignments import fetch, fetch_feedback, open_list, submit
from classroom import FILE, HONEST, NAME, honest
from guide import Guide
from jupyterhub.auth import Authenticator
from jupyterhub.orm import User
from lab import browser as browser
from playwright.sync_api import Browser, Page
from test_cluster import free_port
from test_environment import LINUX, Machine
from test_server import WRONG
from traitlets.config import Config
from village import CLONE, HOMES, SECONDS, Village, kernels_are_encrypted, village, wait_for

from course import sizes
from course.errors import ROOT

# What an administrator has, or types at a keyboard; the course's address.
ELSEWHERE = {"sudo apt-get install bubblewrap npm", "git clone THE-COURSE llm-put-to-the-test"}
ELSEWHERE |= {"sudo useradd --create-home --shell /bin/bash ann && sudo passwd ann"}
PASSWORD = "a password of the village"
IVYS = f"{HOMES}/ivy"
CLASSROOM = ROOT / "course" / "classroom"
POINTS = {"ann": HONEST, "bob": HONEST - 3}


@dataclass(frozen=True)
class Hub:
    village: Village
    guide: Guide
    address: str
    log: Path


def four_ports() -> int:
    """The first of four in a row that nobody uses, below those that the system hands out itself."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("utf-8").split()[0])
    while True:
        first = random.randrange(10_000, max(lowest, 20_000) - 4)
        try:
            for port in range(first, first + 4):
                with socket.socket() as door:
                    door.bind(("", port))
            return first
        except OSError:
            continue


@pytest.fixture
def hub(missing) -> Iterator[Hub]:
    guide = Guide("JupyterHub")
    with village(missing) as machine:
        made = subprocess.run(
            ["sh", str(ROOT / "course" / "environment.sh"), "hub"],
            env={**fresh.BEFORE, "PYTHON": sys.executable},
            capture_output=True,
            text=True,
        )
        if "npm is missing" in made.stderr:
            missing("npm is not installed")
        assert made.returncode == 0, made.stderr
        machine = machine.showing(Path(made.stdout.strip()).parent)
        for user in ("ivy", "ann", "bob"):
            machine.run("root", f"useradd --create-home --shell /bin/bash {user}")
            machine.run("root", f"echo '{user}:{PASSWORD}' | chpasswd")
            machine.settle(user)
        line = guide.take("sudo sh course/classroom/hub.sh").removeprefix("sudo ")
        port = four_ports()
        with machine.running("root", line, "hub.log", HUB_PORT=str(port)) as log:
            address = f"http://127.0.0.1:{port}"
            wait_for(lambda: f"JupyterHub is now running at {address}" in log.read_text("utf-8"), log)
            yield Hub(machine, guide, address, log)


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
    start_a_kernel(pages["ann"].context.new_page(), f"{hub.address}/user/ann/lab/tree/{NAME}/{FILE}")
    kernels_are_encrypted(machine, "ann")

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
    for user, other in (("ann", "bob"), ("bob", "ann")):
        assert {who: ngshare_says(hub, user, f"submissions/{{}}/{NAME}/{who}") for who in (user, other)} == {
            user: 200,
            other: 403,
        }
        assert ngshare_says(hub, user, f"submission/{{}}/{NAME}/{other}") == 403
        for place in (f"/home/{other}", "/home/ivy", "/srv/llm-put-to-the-test/hub", f"{CLONE}/solutions"):
            assert machine.attempt(user, f"test ! -r {place} && test ! -x {place}") == (0, ""), place
    assert set(hub.guide.left) == ELSEWHERE


def start_a_kernel(page: Page, notebook: str) -> None:
    page.goto(notebook)
    page.get_by_text("Python 3 (ipykernel) | Idle", exact=True).wait_for(timeout=SECONDS * 1000)


def ngshare_says(hub: Hub, user: str, asked: str) -> int:
    """The status of an answer to somebody who asks with what the user's own JupyterLab was given."""
    address = f"{hub.address}/services/ngshare"
    [token] = {
        told["JUPYTERHUB_API_TOKEN"]
        for told in map(environment_of, psutil.process_iter())
        if told.get("NGSHARE") == address and told.get("JUPYTERHUB_USER") == user
    }
    request = urllib.request.Request(
        f"{address}/{asked.format('llm-put-to-the-test')}", headers={"Authorization": f"token {token}"}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def environment_of(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:  # it has ended
        return {}


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
        ("root daemon", "daemon has no home of its own (/usr/sbin)."),
    ],
)
def test_it_says_what_is_wrong(missing, people: str, says: str) -> None:
    with village(missing) as machine:
        status, said = machine.attempt("root", f"sh course/classroom/hub.sh {people}")
        assert (status, said.strip()) == (1, says)


def test_without_npm_it_says_so(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.put("python3", LINUX.format("3.12"))
    done = machine.run("hub")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "npm is missing, for the hub's proxy: apt-get install npm"


def test_who_is_no_longer_named_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the hub still knows somebody of that name."""
    for name, value in {"INSTRUCTOR": "ivy", "STUDENTS": "ann bob", "COURSE_BIN": "", "SETTINGS": ""}.items():
        monkeypatch.setenv(name, value)
    config = Config()
    exec((CLASSROOM / "jupyterhub_config.py").read_text("utf-8"), {"get_config": lambda: config})
    authenticator = Authenticator(config=config)
    for name in ("ann", "cal"):
        authenticator.add_user(User(name=name))
    assert [bool(authenticator.check_allowed(name, {})) for name in ("ann", "cal")] == [True, False]


# --- Kubernetes -------------------------------------------------------------------------------


def test_the_image_holds_what_it_is_made_from_and_no_solutions(tmp_path: Path) -> None:
    """What its Dockerfile copies is enough for environment.sh, and for what is copied on from there."""
    dockerfile = (CLASSROOM / "z2jh" / "Dockerfile").read_text("utf-8")
    making = "/srv/llm-put-to-the-test/making"
    for line in re.findall(r"^COPY (.*)$", dockerfile, re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            folder = tmp_path / target.removeprefix(making).strip("/")
            assert source in ("requirements.txt", "requirements-models.txt") or source.startswith("course/")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder)
            else:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, folder)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or "BEGIN SOLUTION" not in path.read_text("utf-8")
    needed = re.findall(r"(?<= )course/\S+\.(?:sh|py|txt)", dockerfile.split("RUN ")[1])
    assert len(needed) == 4 and all((tmp_path / name).is_file() for name in needed)
    machine = Machine(tmp_path)
    machine.put("python3", LINUX.format("3.12"))
    made = subprocess.run(
        ["sh", str(tmp_path / "course" / "environment.sh")],
        env={"HOME": str(machine.home), "PATH": str(machine.programs)},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0 and made.stdout.endswith("/bin\n"), made.stderr


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
