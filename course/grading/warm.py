"""A process that has loaded torch, IPython and this package, and forks a copy of itself when asked.

Importing torch takes more than a second, forking a few milliseconds. The process never sees a submission
or a test: its copies get theirs through a socket of their own, after the fork.

Linux and macOS only: elsewhere a process cannot be forked.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import select
import shutil
import signal
import site
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from ..errors import ROOT
from . import checker, sandbox
from .copies import ask
from .sandbox import Limits

CHECKER_MEMORY = 2 << 30  # bytes


class Warm:
    """The warm process, for those who need copies of it. Threads may share it."""

    def __init__(self) -> None:
        self._mine, theirs = socket.socketpair()
        self._lock = threading.Lock()
        environment = {
            "PATH": _path(),
            # Nobody can put modules there, as they could in a folder of /tmp.
            "HOME": "/nonexistent",
            "USER": "student",
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "MPLBACKEND": "agg",
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        }
        if site.ENABLE_USER_SITE:
            environment["PYTHONUSERBASE"] = site.getuserbase()
        else:
            environment["PYTHONNOUSERSITE"] = "1"
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "course.grading.warm", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=ROOT,  # where `-m` looks; a variable could be read by whoever is forked
                env=environment,
            )

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *exception: object) -> None:
        self._mine.close()  # it ends when nobody can ask any more
        self._process.wait()

    def lives(self) -> bool:
        return self._process.poll() is None

    def copy(self, role: str) -> tuple[sandbox.Process, Connection]:
        """A copy that runs checker.main ("checker") or clerk.main ("clerk"), and a connection to it.

        Raises:
            OSError: there is no room for it. WarmEnded: there is nothing to copy.
        """
        mine, theirs = socket.socketpair()
        try:
            with theirs, self._lock:
                pid = ask(self._mine, {"role": role}, theirs)
        except BaseException:
            mine.close()
            raise
        return sandbox.Process(pid), Connection(mine.detach())


def _path() -> str:
    """Where programs are; first bubblewrap's folder, so that it is the one that was tried before."""
    found = [os.path.dirname(shutil.which("bwrap") or "")]
    return os.pathsep.join(
        folder for folder in dict.fromkeys([*found, *os.defpath.split(os.pathsep)]) if folder
    )


# --- In the warm process ------------------------------------------------------------------------


def main(control: socket.socket) -> None:
    """Serve until nobody can ask any more."""
    import torch
    import torch.fx.experimental.symbolic_shapes  # the first backward() would load it, for half a second

    from . import clerk, student  # whoever only asks for copies needs neither nbconvert nor IPython

    os.chdir("/")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the one who asks
    torch.set_num_threads(1)  # a copy of a process with more threads would lack them
    torch.ones(2, 2).softmax(-1) @ torch.ones(2, 2)
    shell = student.make_shell()
    clerk.page.prepare()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries its children
    controls = [control]
    while controls:
        for asking in select.select(controls, [], [])[0]:
            request, received = _receive(asking)
            if request is None:
                controls.remove(asking)
                asking.close()
                continue
            with received, contextlib.suppress(ConnectionError):  # nobody waits for it any more
                kept, new = socket.socketpair()
                try:
                    pid = os.fork()
                except OSError as error:  # no memory, or too many processes: later there may be room
                    kept.close()
                    new.close()
                    asking.send(json.dumps({"error": str(error)}).encode())
                    continue
                if pid == 0:
                    _become(request, received, new, shell)
                new.close()
                if request["role"] == "checker":
                    controls.append(kept)
                else:
                    kept.close()
                asking.send(json.dumps({"pid": pid}).encode())


def _receive(control: socket.socket) -> tuple[dict[str, Any] | None, socket.socket]:
    try:
        text, descriptors, _, _ = socket.recv_fds(control, 1 << 14, 1)
    except OSError:
        text, descriptors = b"", []
    if not text:
        return None, control
    return json.loads(text), socket.socket(fileno=descriptors[0])


def _become(
    request: dict[str, Any],
    channel: socket.socket,
    control: socket.socket,
    shell: Any,
) -> None:
    """What a copy does; it never returns."""
    from . import clerk

    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if request["role"] == "checker":
            _close_all_but([channel.fileno(), control.fileno()])
            _reseed()
            # What a student's functions return ends up here, so this process must not eat all memory either.
            sandbox.limit_memory(CHECKER_MEMORY)
            checker.main(Connection(channel.detach()), control)
        elif request["role"] == "clerk":
            _close_all_but([channel.fileno()])
            clerk.main(Connection(channel.detach()))
        else:
            _close_all_but([channel.fileno()])
            _be_student(request, channel, shell)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(0)


def _be_student(request: dict[str, Any], channel: socket.socket, shell: Any) -> None:
    from . import student

    limits = Limits(**request["limits"])
    sandbox.first_to_go()
    try:
        if request["pid"] is None:
            os.setsid()
            os.chdir(request["folder"])
            channel.send(b"%-16d" % os.getpid())
        else:
            sandbox.enter(request["pid"])
            pid = os.fork()
            if pid:
                # Outside: say the number that is valid outside, and wait.
                channel.send(b"%-16d" % pid)
                channel.close()
                os.waitpid(pid, 0)
                return
            os.setsid()
            sandbox.give_up_rights()
    except OSError as error:
        with contextlib.suppress(OSError):  # nobody waits for it any more
            channel.send(f"it cannot be entered: {error}".encode())
        return
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(quiet, descriptor)
    _close_all_but([channel.fileno()])
    sandbox.limit(limits)
    _reseed()
    # Where the checker has been killed, nobody else puts an end to a loop.
    signal.alarm(int(limits.wall_seconds) + 120)
    home = os.path.join(os.getcwd(), "home")
    os.environ.update(HOME=home, MPLCONFIGDIR=os.path.join(home, "matplotlib"))
    sys.argv[:] = [""]
    sys.path[:] = ["", *(path for path in sys.path if path not in ("", str(ROOT)))]
    student.Student(shell, channel).serve()


def _reseed() -> None:
    """A copy inherits the state of the generators; no two may draw the same numbers."""
    import numpy
    import torch

    random.seed()
    numpy.random.seed()
    torch.seed()


def _close_all_but(kept: list[int]) -> None:
    kept = sorted({0, 1, 2, *kept})
    for low, high in zip(kept, [*kept[1:], 1 << 16], strict=True):
        os.closerange(low + 1, high)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
