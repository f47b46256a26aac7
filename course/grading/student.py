"""The process that runs a student's cells and answers for the student's functions.

It holds nothing worth stealing: neither hidden tests nor other submissions nor the gradebook. What it
says is not believed; checker.py compares it with what is right.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import tempfile
import threading
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from .packing import Opaque
from .wire import MOST_ERROR, MOST_TEXT, Capped, Peer, printable

PACKAGES = "The grader lacks this package: write the answer with Python, torch and NumPy alone."
MOST_OUTPUTS = 50
MOST_LINES = 100  # of a traceback
MOST_VALUE = 1_000_000  # bytes of a value that tests ask for by its name
MOST_PICTURE = 2_000_000
MOST_PICTURES = 8_000_000  # characters of all of a cell's; the answer has to fit into one message


class _Publisher(DisplayPublisher):
    """Keeps what `display` shows, for the cell's outputs."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.clear()

    def clear(self) -> None:
        self.shown: list[dict[str, Any]] = []
        self.room = MOST_PICTURES

    def publish(self, data: Any, metadata: Any = None, *arguments: Any, **keywords: Any) -> None:
        if len(self.shown) < MOST_OUTPUTS:
            kept = _plain(data)
            self.room -= len(kept.get("image/png", ""))
            if self.room < 0:
                kept.pop("image/png", None)
            self.shown.append({"output_type": "display_data", "data": kept})


class _Hook(DisplayHook):
    """Keeps the value of a cell's last expression."""

    shown: dict[str, Any] | None = None

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        self.shown = {"output_type": "execute_result", "data": _plain(format_dict)}

    def finish_displayhook(self) -> None:
        pass


class _Shell(InteractiveShell):
    """IPython as in a notebook: magics, `display`, `await`; no history, no files of its own."""

    displayhook_class = _Hook
    display_pub_class: Any = _Publisher
    error: dict[str, Any] | None = None

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        name, text = getattr(etype, "__name__", str(etype)), printable(evalue)
        lines = [str(line)[:MOST_ERROR] for line in list(stb)[-MOST_LINES:]]
        if isinstance(evalue, ModuleNotFoundError):
            text, lines = f"{text}. {PACKAGES}", [*lines, PACKAGES]
        self.error = {"output_type": "error", "ename": name, "evalue": text[:MOST_ERROR], "traceback": lines}

    def system(self, cmd: str) -> None:
        """What `!cmd` does: IPython's own way needs a terminal."""
        done = subprocess.run(
            self.var_expand(cmd, depth=1),
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.user_ns["_exit_code"] = done.returncode
        print(done.stdout, end="")

    def enable_gui(self, gui: Any = None) -> None:
        pass


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    """Text and pictures only: a page with a student's own HTML in it could act for its reader."""
    kept = {"text/plain": str(data.get("text/plain", ""))[:MOST_TEXT]}
    picture = data.get("image/png")
    if isinstance(picture, str) and len(picture) <= MOST_PICTURE:
        kept["image/png"] = picture
    return kept


def make_shell() -> InteractiveShell:
    """A shell, once in a process; the processes forked from it share it."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    with tempfile.TemporaryDirectory() as folder:
        return _Shell.instance(config=config, ipython_dir=folder)


class Student:
    """The handlers of the student's end."""

    def __init__(self, shell: InteractiveShell, connection: socket.socket) -> None:
        self.shell = shell
        self.busy = 0
        handlers = {"cell": self.cell, "call": self.call, "describe": self.describe, "threads": self.threads}
        self.peer = Peer(connection, handlers)
        signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, number: int, frame: Any) -> None:
        if self.busy:
            raise KeyboardInterrupt

    def serve(self) -> None:
        self.peer.serve()

    @contextlib.contextmanager
    def _printing(self, kept: Capped) -> Any:
        self.busy += 1
        try:
            with contextlib.redirect_stdout(kept), contextlib.redirect_stderr(kept):
                yield
        finally:
            self.busy -= 1

    def cell(self, message: dict[str, Any], values: Any) -> tuple[dict[str, Any], Any]:
        """Run a cell; its outputs in nbformat's form."""
        shell: Any = self.shell
        printed, shell.error = Capped(), None
        shell.display_pub.clear()
        shell.displayhook.shown = None
        with self._printing(printed):
            try:
                shell.run_cell(message["source"], store_history=False)
            except (SystemExit, KeyboardInterrupt) as error:
                name, text = type(error).__name__, printable(error)[:MOST_TEXT]
                shell.error = {"output_type": "error", "ename": name, "evalue": text, "traceback": []}
        text = printed.getvalue()
        outputs = [{"output_type": "stream", "name": "stdout", "text": text}] if text else []
        outputs += shell.display_pub.shown
        outputs += [one for one in (shell.displayhook.shown, shell.error) if one]
        return {}, outputs

    def call(self, message: dict[str, Any], values: Any) -> tuple[dict[str, Any], Any]:
        """Call a function by its name in the notebook."""
        arguments, keywords = values
        printed = Capped()
        answer: dict[str, Any] = {}
        value = None
        with self._printing(printed):
            try:
                if "name" not in message:
                    function = self.peer._functions[message["function"]]
                else:
                    function = self.shell.user_ns[message["name"]]
                value = self.peer.answer(function, arguments, keywords)
            except BaseException as error:
                answer["error"] = self.peer._describe(error)
        return {**answer, "printed": printed.getvalue()}, value

    def describe(self, message: dict[str, Any], values: Any) -> tuple[dict[str, Any], Any]:
        """{name: the function, as its parameters, or the value} for the names that the notebook defines."""
        self.peer.forget()  # a test begins
        return {}, {name: self._sendable(name) for name in values if name in self.shell.user_ns}

    def threads(self, message: dict[str, Any], values: Any) -> tuple[dict[str, Any], Any]:
        """How many of Python's threads there are."""
        return {}, threading.active_count()

    def _sendable(self, name: str) -> Any:
        """That value; what cannot be sent must not keep the others from being sent."""
        value = self.shell.user_ns[name]
        try:
            packed, blobs = self.peer.pack(value)
            small = sum(map(len, blobs)) + len(json.dumps(packed)) <= MOST_VALUE
        except Exception:
            small = False
        return value if small else Opaque(type(value).__name__, "(a value that cannot be compared)")
