"""How to ask the warm process (warm.py) for a copy of itself."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

from . import sandbox


class WarmEnded(Exception):
    """The warm process is gone; a new one has to be started."""


def ask(control: socket.socket, request: dict[str, Any], channel: socket.socket) -> int:
    """Ask for a copy that talks through `channel`; its process number."""
    try:
        socket.send_fds(control, [json.dumps(request).encode()], [channel.fileno()])
        answer = control.recv(1 << 12)
    except ConnectionError:
        answer = b""
    if not answer:
        raise WarmEnded("the warm process has ended")
    told = json.loads(answer)
    if "error" in told:
        raise OSError(told["error"])
    return int(told["pid"])


def start_student(
    control: socket.socket, place: sandbox.Sandbox | sandbox.NoSandbox
) -> tuple[int, socket.socket]:
    """A copy that runs a student's cells in that place: its process number, and a socket to it.

    Raises:
        SandboxError: it cannot get in.
    """
    mine, theirs = socket.socketpair()
    request = {"role": "student", "pid": place.pid, "limits": place.limits.__dict__}
    if isinstance(place, sandbox.NoSandbox):
        request["folder"] = place.folder
    try:
        with theirs:
            ask(control, request, theirs)
    except (OSError, WarmEnded) as error:
        raise sandbox.SandboxError(f"no process can be started: {error}") from error
    mine.settimeout(30)
    with contextlib.suppress(OSError):
        said = mine.recv(16)  # its number, or why there is none; nothing of the student's has run yet
        if said.strip().isdigit():
            mine.settimeout(None)
            return int(said), mine
        raise sandbox.SandboxError((said + mine.recv(1 << 12)).decode(errors="replace") or "it ended at once")
    raise sandbox.SandboxError("it does not start")
