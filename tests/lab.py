"""A JupyterLab that runs, and a browser to open it in."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fresh
import psutil
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from course.errors import ROOT

SCREENSHOTS = ROOT / "build" / "screenshots"
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
FLAGS += " --disable-component-update --disable-sync"
SETTINGS = {
    # All cells in the page, also those out of sight, so that the test can count what is shown.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    # No question whether to fetch news, which has nothing to do with the course.
    "@jupyterlab/apputils-extension/notification": {"checkForUpdates": False, "fetchNews": "false"},
}
SECOND = 1000  # playwright counts milliseconds
PATIENCE = 180 * SECOND  # on a busy machine all of it is slow


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab, and the copy of the course that it serves."""

    folder: Path
    address: str  # as it prints it: of the first lesson, with the token
    log: Path

    def url(self, path: str) -> str:
        """The address of another notebook, in a workspace where nothing else is open."""
        return re.sub(r"/lab/tree/[^?]*", f"/lab/tree/{path}", self.address) + "&reset"


@contextlib.contextmanager
def serving(folder: Path, home: Path, notebook: str) -> Iterator[Lab]:
    """`make lab`'s own script in a folder, for someone whose home is new; it opens the notebook."""
    for plugin, values in SETTINGS.items():
        file = home / "settings" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    log = home / "lab.log"
    environment = fresh.environment(
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        HOME=str(home),
        JUPYTERLAB_SETTINGS_DIR=str(home / "settings"),
    )
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        environment.pop(name, None)
    wrapper = fresh.cut_off(network=True)
    with log.open("w") as out:
        server = subprocess.Popen(
            [*wrapper, "sh", str(ROOT / "course" / "lab.sh"), notebook],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Lab(folder, printed_address(log, server), log)
    finally:
        # JupyterLab ends its kernels when it is asked to stop; bubblewrap around it would just kill it.
        for process in psutil.Process(server.pid).children() if wrapper else [server]:
            process.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def printed_address(log: Path, server: subprocess.Popen, seconds: float = 180) -> str:
    """What a learner is told to open."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:\S+token=\w+", log.read_text(encoding="utf-8")):
            return found[0]
        time.sleep(0.2)
    pytest.fail(f"sh course/lab.sh prints no address:\n{log.read_text(encoding='utf-8')}", pytrace=False)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None and os.environ.get("CI"):
        pytest.fail("no Chromium: sh tests/system.sh installs it", pytrace=False)
    if path is None:
        pytest.skip("no Chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A window of its own; what it showed last is kept as build/screenshots/TEST.png."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "_", request.node.name.removeprefix("test_")).strip("_")
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
    context.close()
