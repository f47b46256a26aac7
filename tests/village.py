"""A machine with accounts of its own: /etc, /home, /srv, /root and /tmp are new, all else is this machine's.

Root may make users in it, and programs run as them. Nothing of it is left on this machine, but for what
useradd and logging in note below /var.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import checkout
import fresh
import psutil
from lab import SETTINGS

NEW = ("etc", "home", "srv", "root", "tmp", "run")
HOMES = "/home"
CLONE = str(Path("/root") / "llm-put-to-the-test")  # where the administrator has the course
SECONDS = 900  # a machine can be busy; where all goes well nobody waits for it

# What a village is made of, tried in it. The second one is what an instructor's `course grade` needs.
NEEDED = {
    "true": "bubblewrap cannot give root folders of its own here (in a container: --privileged)",
    "cd / && runuser -u nobody -- bwrap --ro-bind / / --unshare-all true": "only root can start bubblewrap",
    "touch /tmp/probe && setfacl -m user:nobody:r /tmp/probe && rm /tmp/probe": "no access lists in /tmp",
}


@dataclass(frozen=True)
class Village:
    """Its folders lie in `folder`; commands see them in the usual places."""

    folder: Path
    shown: tuple[Path, ...]  # environments, which the new folders would hide

    def path(self, inside: str | Path) -> Path:
        """Where something in the village lies for this process."""
        return self.folder / str(inside).lstrip("/")

    def line(self, user: str, command: str) -> list[str]:
        """The command as a user types it who has logged in; root is in the clone of the course."""
        line = ["bwrap", "--dev-bind", "/", "/", "--cap-add", "ALL", "--die-with-parent"]
        for name in NEW:
            line += ["--bind", str(self.folder / name), f"/{name}"]
        for path in self.shown:
            line += ["--ro-bind", str(path), str(path)]
        if user == "root":
            return [*line, "--chdir", CLONE, "--", "sh", "-euc", command]
        return [*line, "--chdir", "/", "--", "runuser", "--login", user, "--command", command]

    def popen(self, user: str, command: str, log: Path | None, **variables: str) -> subprocess.Popen:
        out = log.open("w") if log else subprocess.PIPE
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "PYTHON": sys.executable,
            "XDG_CACHE_HOME": str(fresh.USER_CACHE),
            "LANG": "C.UTF-8",
            # As this environment was made: course/environment.sh is to find it again.
            **{name: os.environ.get(name, "") for name in ("TORCH", "TORCH_INDEX")},
            **variables,
        }
        with contextlib.ExitStack() as stack:
            if log:
                stack.enter_context(out)  # type: ignore[arg-type]
            return subprocess.Popen(
                self.line(user, command),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def attempt(self, user: str, command: str) -> tuple[int, str]:
        """Exit status, and what it says."""
        process = self.popen(user, command, None)
        said, _ = process.communicate(timeout=SECONDS)
        return process.returncode, said

    def run(self, user: str, command: str) -> str:
        status, said = self.attempt(user, command)
        assert status == 0, f"{user}: {command}\n{said[-3000:]}"
        return said

    def write(self, user: str, path: str, text: str) -> None:
        """A file in the user's home that the user has written."""
        file, home = self.path(f"/home/{user}/{path}"), self.path(f"/home/{user}").stat()
        made = [file, *(folder for folder in file.parents if not folder.exists())]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        for one in made:  # no more than these: in a home where programs run, files come and go
            os.chown(one, home.st_uid, home.st_gid)

    def showing(self, *paths: Path) -> Village:
        """The same, where these environments can be used, too."""
        hidden = [path for path in paths if path.parts[1] in NEW]
        for path in hidden:
            self.path(path).mkdir(parents=True, exist_ok=True)
        return replace(self, shown=tuple({*self.shown, *hidden}))

    def settle(self, user: str) -> None:
        """JupyterLab asks this user no questions."""
        for plugin, values in SETTINGS.items():
            path = f".jupyter/lab/user-settings/{plugin}.jupyterlab-settings"
            self.write(user, path, json.dumps(values))

    @contextlib.contextmanager
    def running(self, user: str, command: str, log: str, **variables: str) -> Iterator[Path]:
        """A program that serves until the end of the block; the file with what it says."""
        path = self.folder / log
        process = self.popen(user, command, path, **variables)
        try:
            yield path
        finally:
            if process.poll() is None:
                for one in psutil.Process(process.pid).children(recursive=True):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        one.kill()
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop_all(self) -> None:
        """End what still runs here: all that sees the folders of the village in the usual places."""
        for path in Path("/proc").glob("[0-9]*/mountinfo"):
            with contextlib.suppress(OSError):
                if f"{self.folder.name}/home /home " in path.read_text("utf-8"):
                    os.kill(int(path.parent.name), signal.SIGKILL)


def wait_for(happened: Callable[[], bool], log: Path, seconds: float = SECONDS) -> None:
    """Until it has; if it never does, what the log says is the reason."""
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, log.read_text("utf-8")[-5000:] if log.exists() else f"no {log}"
        time.sleep(0.2)


def neither_files_nor_folders(folder: str, names: list[str]) -> list[str]:
    """Sockets and the like, which cannot be copied."""
    modes = {name: os.lstat(Path(folder, name)).st_mode for name in names}
    return [
        name
        for name, mode in modes.items()
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))
    ]


@contextlib.contextmanager
def village(missing: Callable[[str], None]) -> Iterator[Village]:
    if os.geteuid() != 0:
        missing("only root can make accounts")
    for program in ("bwrap", "setfacl", "useradd", "runuser"):
        if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            missing(f"{program} is not installed")
    folder = Path(tempfile.mkdtemp(prefix="village-"))
    folder.chmod(0o755)
    try:
        for name in NEW:
            (folder / name).mkdir(mode=0o755)
        (folder / "tmp").chmod(0o1777)
        shutil.rmtree(folder / "etc")
        shutil.copytree("/etc", folder / "etc", symlinks=True, ignore=neither_files_nor_folders)
        checkout.copy(folder / CLONE.lstrip("/"))
        made = Village(folder, ()).showing(Path(sys.prefix), Path(sys.base_prefix))
        for command, lack in NEEDED.items():
            status, said = made.attempt("root", command)
            if status != 0:
                missing(f"{lack}: {said}")
        yield made
    finally:
        Village(folder, ()).stop_all()
        shutil.rmtree(folder, ignore_errors=True)


def kernels_are_encrypted(machine: Village, user: str) -> None:
    """Each kernel that runs was given keys."""
    kernels = list(machine.path(f"/home/{user}/.local/share/jupyter/runtime").glob("kernel-*.json"))
    assert kernels and all("curve_secretkey" in json.loads(path.read_text()) for path in kernels)
