"""As on a machine that has never seen the course: an empty home, an empty cache, no network if so wanted.

What lies in a person's own cache must not let a notebook pass, and no test may leave anything there.
conftest.py calls `leave_home` before anything else is imported.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import pytest

# Other names for folders in one's home: with these set, HOME alone says little.
ELSEWHERE = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")
ELSEWHERE += ("HF_HOME", "HF_HUB_CACHE", "TORCH_HOME", "MPLCONFIGDIR", "IPYTHONDIR")
ELSEWHERE += ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR")
# xdist's workers inherit the first process's empty home; this variable tells them the user's own.
USERS = {"HOME": str(Path.home()), **{name: os.environ[name] for name in ELSEWHERE if name in os.environ}}
USERS = json.loads(os.environ.setdefault("COURSE_TESTS_USER", json.dumps(USERS)))
BEFORE = {**os.environ, **USERS}  # to install packages as the user does: pip's settings, pip's cache
USER_HOME = Path(USERS["HOME"])
USER_CACHE = Path(USERS.get("XDG_CACHE_HOME") or USER_HOME / ".cache")
# Environments and wheels for the tests. CI begins with an empty folder (.ci/run).
TEST_CACHE = Path(os.environ.get("COURSE_TEST_CACHE") or USER_CACHE / "llm-put-to-the-test" / "tests")


def leave_home() -> None:
    """From here on this process, and all that it starts, has an empty home, which goes with it."""
    home = tempfile.mkdtemp(prefix="home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    for name in ELSEWHERE:
        os.environ.pop(name, None)
    os.environ["HOME"] = home
    settings = USER_HOME / ".gitconfig"  # where git may have been told to trust this checkout
    if settings.is_file():
        os.environ.setdefault("GIT_CONFIG_GLOBAL", str(settings))


def cut_off(*shown: Path, network: bool = False) -> list[str]:
    """What to put before a command so that it finds an empty folder, read-only, for the user's cache.

    shown: what it may see in there after all (this Python's environment it always may). Without
    `network` it reaches nobody but its own loopback.
    """
    from course.grading import sandbox  # only now: it imports what looks for its settings at home

    if why := sandbox.missing():
        if os.environ.get("CI"):
            pytest.fail(f"{why}\n(sh tests/system.sh installs bubblewrap)", pytrace=False)
        warnings.warn(f"{why}: notebooks run with network and the user's cache", stacklevel=2)
        return []
    command = ["bwrap", "--dev-bind", "/", "/", "--die-with-parent"]
    if not network:
        command.append("--unshare-net")
    cache = USER_CACHE.resolve()  # on some machines a link to a larger disk
    if cache.is_dir():
        command += ["--tmpfs", str(cache)]
        for path in (Path(sys.prefix).resolve(), *(path.resolve() for path in shown)):
            if path.is_relative_to(cache):
                command += ["--ro-bind", str(path), str(path)]
        command += ["--remount-ro", str(cache)]
    return [*command, "--"]


def environment(**more: str) -> dict[str, str]:
    """The variables for a program that runs a notebook: those that are set here, and more.

    Where ipykernel sees pytest's, it leaves descriptors 1 and 2 alone, as it does for nobody else.
    """
    return {**{name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}, **more}


def models() -> dict[str, tuple[int, int]]:
    """The unpacked models in the user's cache: each file's size and when it was written."""
    folders = (USER_CACHE / "llm-put-to-the-test").glob("smollm2-*")
    whole = [folder for folder in folders if "-part-" not in folder.name]  # not while one is being saved
    files = [path for folder in whole for path in (folder, *folder.rglob("*"))]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}
