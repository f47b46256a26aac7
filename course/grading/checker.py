"""The process that runs the tests of one submission.

It never runs a line of a student's code. In the tests, each of the student's functions is a stand-in that
asks the student's process for the result, so whatever that process does to itself (replaces
`torch.allclose`, reads its memory, forges outputs), the comparison is made here, with the test cells that
the instructor wrote.
"""

from __future__ import annotations

import ast
import base64
import binascii
import contextlib
import json
import math
import numbers
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from . import copies, sandbox
from .wire import MOST_ERROR, MOST_TEXT, Capped, Gone, Late, Peer, Remote

GRACE = 2.0  # seconds that an interrupted cell gets to end
MOST_LINES = 200  # of a traceback
MOST_PRINTED = 1_000  # lines; nbgrader keeps no more
MOST_OUTPUTS = 60  # of a cell
MOST_CELL = 4_000_000  # characters of a cell's outputs
MOST_NOTEBOOK = 8_000_000
CROWDED = 0.25  # of the time by the clock: so much waiting for a processor makes an end of time doubtful
MOST_FAILURES = 2  # of one function; then it is not called any more, so that there is time for the others


@dataclass(frozen=True)
class Step:
    """A code cell of a submission.

    source: what the student's process runs. test: the instructor's test cell, where it is one.
    names: what the test asks the student's process for, if it is there.
    """

    source: str
    test: str | None = None
    names: tuple[str, ...] = ()
    most: float = 0.0


@dataclass(frozen=True)
class Job:
    """A submission: its cells, and what the test cells need (the cells that everybody has been given)."""

    steps: Sequence[Step]
    given: Sequence[str]
    limits: sandbox.Limits = field(default_factory=sandbox.Limits)
    sandboxed: bool = True


@dataclass(frozen=True)
class Result:
    """The outputs of each step, in nbformat's form.

    crowded: time ran out for something, while others had the processors for much of it.
    """

    outputs: list[list[dict[str, Any]]]
    crowded: bool = False


class ProcessEnded(Exception):
    """A student's code ended its process, or had to be ended."""


class Session:
    """The student's process; another one, with the same cells run again, where it has ended."""

    def __init__(self, start: Callable[[], tuple[Peer, Any]], limits: sandbox.Limits) -> None:
        self._start, self._limits = start, limits
        self._alive: tuple[Peer, Any] | None = None
        self._starts = 0
        self._done: list[str] = []
        self._failures: dict[str, list[Exception]] = {}
        self._room = MOST_NOTEBOOK
        self._spent = self._passed = 0.0  # seconds of the processes before this one: their own, by the clock
        self._end = time.monotonic() + limits.wall_seconds
        self._timeouts = 0
        self.failures = 0

    def clock(self) -> float:
        """Seconds that the student's processes had so far; no end of them where it took too long."""
        if time.monotonic() >= self._end:
            return math.inf
        return self._spent + (self._alive[1].own.seconds if self._alive else 0.0)

    def crowded(self) -> bool:
        """Whether time ran out for something that had to wait for a processor again and again."""
        passed = self._passed + (self._alive[1].own.passed if self._alive else 0.0)
        own = self._spent + (self._alive[1].own.seconds if self._alive else 0.0)
        return self._timeouts > 0 and passed - own > CROWDED * passed

    def cell(self, source: str) -> list[dict[str, Any]]:
        """The outputs of a cell; an error output if it took too long or took the process with it."""
        failures = self.failures
        try:
            told = self._peer(self._limits.cell_seconds).request({"do": "cell", "source": source})
        except sandbox.SandboxError:
            raise
        except Exception as error:
            return [error_output(type(error).__name__, str(error))]
        outputs = _clean(told, min(MOST_CELL, self._room))
        self._room -= len(json.dumps(outputs))
        if any(out.get("ename") == "MemoryError" for out in outputs):
            self._full()
        if self.failures == failures:
            self._done.append(source)
        return outputs

    def forgive(self) -> None:
        """A function that was not called any more may have been written anew."""
        self._failures.clear()

    def call(self, name: str, arguments: tuple, keywords: dict[str, Any]) -> Any:
        failed = self._failures.setdefault(name, [])
        if len(failed) >= MOST_FAILURES:
            raise type(failed[-1])(f"{failed[-1]} (it is not called any more)")
        failures = self.failures
        try:
            return self._peer(self._limits.call_seconds).call({"name": name}, arguments, keywords)
        except (TimeoutError, ProcessEnded) as error:
            if self.failures > failures:
                failed.append(error)
            raise
        except MemoryError as error:
            self._full()
            failed.append(error)
            raise

    def describe(self, names: Sequence[str]) -> dict[str, Any]:
        """What the student's notebook has under these names: a stand-in for a function, or a value."""
        found = self._peer(self._limits.call_seconds).request({"do": "describe"}, list(names))
        if not isinstance(found, dict):
            raise ProcessEnded("its process gives answers that make no sense")
        return {
            name: StandIn(self, name, value) if isinstance(value, Remote) else value
            for name, value in found.items()
            if name in names
        }

    def forget(self) -> None:
        """A test is over, and with it the memory that its calls take here."""
        if self._alive:
            self._alive[0].forget()

    def close(self) -> None:
        if self._alive is None:
            return
        peer, place = self._alive
        self._alive = None
        self._spent += place.own.seconds
        self._passed += place.own.passed
        place.kill()
        sandbox.end(place.student)
        place.__exit__(None, None, None)
        peer.connection.close()

    def _full(self) -> None:
        """Its memory was full, and may still be: the cells below get another process."""
        self.failures += 1
        self.close()

    def _peer(self, seconds: float) -> Peer:
        """The way to a living process in which all cells so far have run."""
        while self._alive is None or self._late():
            if self._late():
                raise TimeoutError(self._no_time_left())
            self._alive = self._start_again()
            peer = self._alive[0]
            peer.clock, peer.last = self.clock, self._limits.notebook_seconds
            peer.failed, peer.seconds = self._failed, self._limits.cell_seconds
            for source in list(self._done):
                try:
                    peer.request({"do": "cell", "source": source})
                except Exception:  # it ran before, but does not any more: go on without it
                    self._done.remove(source)
                if self._alive is None:
                    break
        self._alive[0].seconds = seconds
        return self._alive[0]

    def _start_again(self) -> tuple[Peer, Any]:
        if self._starts > self._limits.restarts:
            raise ProcessEnded("it ended its process again and again; it is not started any more")
        self._starts += 1
        try:
            return self._start()
        except sandbox.SandboxError as error:
            if self._starts == 1:
                raise
            raise ProcessEnded(f"its process has ended, and another one does not start: {error}") from error

    def _late(self) -> bool:
        return self.clock() >= self._limits.notebook_seconds

    def _no_time_left(self) -> str:
        return f"the time for the whole notebook, {self._limits.notebook_seconds:g} s, is used up"

    def _failed(self, error: Exception) -> Exception:
        """Interrupt what takes too long, end what cannot be interrupted; the error that a test meets."""
        self.failures += 1
        self._timeouts += isinstance(error, Late)
        if self._alive is None:
            return ProcessEnded("its process has ended")
        peer, place = self._alive
        seconds = peer.seconds
        if isinstance(error, Late) and not peer.broken:
            place.student.signal(signal.SIGINT)
            if not self._has_stopped(peer):
                self.close()
            if why := place.why:  # memory filled up, say, while it was waited for
                self.close()
                return ProcessEnded(f"its process has ended: {why}")
        else:
            why = place.why
            self.close()
            if not isinstance(error, Late):
                said = why or "exit(), os._exit() or a crash; or it was killed, for using too much memory"
                return ProcessEnded(f"its process has ended: {said}")
        if self._late():
            return TimeoutError(self._no_time_left())
        return TimeoutError(f"it was stopped after {seconds:g} s; is there a loop without an end?")

    def _has_stopped(self, peer: Peer) -> bool:
        """Whether an interrupted process answers again, with nothing left of what was interrupted.

        A thread that goes on could take what is meant for the cells below.
        """
        peer.deadline = self.clock() + GRACE
        try:
            peer.wait()
        except (Late, Gone):
            return False
        except Exception:
            pass  # the interrupt has reached it
        seconds = peer.seconds
        peer.failed, peer.seconds = (lambda error: error), GRACE
        try:
            return peer.request({"do": "threads"}) == 1
        except Exception:
            return False
        finally:
            peer.failed, peer.seconds = self._failed, seconds


class StandIn:
    """A student's function, in the tests."""

    def __init__(self, session: Session, name: str, told: Remote) -> None:
        self._session, self.__name__ = session, name
        if hasattr(told, "__signature__"):
            self.__signature__ = told.__signature__

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._session.call(self.__name__, arguments, keywords)

    def __deepcopy__(self, memo: dict[int, Any]) -> StandIn:
        return self


def run(job: Job, session: Session) -> Result:
    """Run every cell of a submission, in order, the tests here and the others over there."""
    namespace: dict[str, Any] = {"__name__": "tests"}
    for source in job.given:
        exec(compile(source, "<given cell>", "exec"), namespace)
    outputs = []
    for step in job.steps:
        if step.test is None:
            session.forgive()
            outputs.append(session.cell(step.source))
            continue
        failures = session.failures
        outputs.append(run_test(step, session, dict(namespace)))
        # At home, what a visible test defines is there in the cells below it.
        if session.failures == failures and _has_code(step.source):
            session.cell(step.source)
    return Result(outputs, session.crowded())


def run_test(step: Step, session: Session, namespace: dict[str, Any]) -> list[dict[str, Any]]:
    """The outputs of a test cell: what it prints, then the points or the error."""
    printed = Capped()
    ending: list[dict[str, Any]] = []
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            namespace.update(session.describe(step.names))
            points = evaluate(step.test or "", namespace)
            ending = [] if points is None else [_points(points, step.most)]
        except Exception as error:
            lines = getattr(error, "_render_traceback_", lambda: None)()
            ending = [error_output(type(error).__name__, str(error), lines)]
        finally:
            session.forget()
    text = _lines(_text(printed.getvalue(), MOST_TEXT + 100))
    return ([{"output_type": "stream", "name": "stdout", "text": text}] if text else []) + ending


def evaluate(source: str, namespace: dict[str, Any]) -> Any:
    """Execute a cell as a kernel does; the value of its last expression, None where there is none."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "<cell>", "exec"), namespace)
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace)


def _points(value: Any, most: float) -> dict[str, Any]:
    """The value of a test cell: points, never more than the cell has to give."""
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        number = float(value)
        value = 0.0 if math.isnan(number) else min(max(number, 0.0), most)
    data = {"text/plain": repr(value)[:MOST_TEXT]}
    return {"output_type": "execute_result", "execution_count": None, "metadata": {}, "data": data}


def error_output(name: str, text: str, lines: list[str] | None = None) -> dict[str, Any]:
    name, text = _text(name, 100), _text(text, MOST_ERROR)
    lines = [_lines(_text(line)) for line in lines or [f"{name}: {text}"]]
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": lines}


def _has_code(source: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in source.splitlines())


def _clean(told: Any, room: int) -> list[dict[str, Any]]:
    """The outputs that a student's process tells, as far as they are text and pictures, and fit."""
    outputs: list[dict[str, Any]] = []
    for one in told if isinstance(told, list) else []:
        cleaned = _clean_one(one) if isinstance(one, dict) else None
        if cleaned is None:
            continue
        room -= len(json.dumps(cleaned))
        if room < 0 or len(outputs) >= MOST_OUTPUTS:
            return [*outputs, {"output_type": "stream", "name": "stdout", "text": "... (more is left out)\n"}]
        outputs.append(cleaned)
    return outputs


def _clean_one(one: dict[str, Any]) -> dict[str, Any] | None:
    kind, data = one.get("output_type"), one.get("data")
    if kind == "stream":
        text = _lines(_text(one.get("text"), MOST_TEXT + 100))
        return {"output_type": "stream", "name": "stdout", "text": text}
    if kind == "error":
        lines = one.get("traceback")
        lines = [_text(line) for line in lines[-MOST_LINES:]] if isinstance(lines, list) else []
        return error_output(_text(one.get("ename")), _text(one.get("evalue")), lines)
    if kind in ("display_data", "execute_result") and isinstance(data, dict):
        kept = {"text/plain": _lines(_text(data.get("text/plain")))}
        if _is_picture(data.get("image/png")):
            kept["image/png"] = data["image/png"]
        return {"output_type": "display_data", "metadata": {}, "data": kept}
    return None


def _text(value: Any, most: int = MOST_TEXT) -> str:
    """Text that can be written to a file: half of a character pair cannot."""
    return value[:most].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _lines(text: str) -> str:
    """Its first lines; a million of them would keep whoever writes or shows them busy for minutes."""
    lines = text.splitlines(keepends=True)
    if len(lines) <= MOST_PRINTED:
        return text
    return "".join(lines[:MOST_PRINTED]) + f"... ({len(lines) - MOST_PRINTED:,} lines more are left out)\n"


def _is_picture(value: Any) -> bool:
    try:
        return isinstance(value, str) and base64.b64decode(value, validate=True).startswith(b"\x89PNG")
    except (binascii.Error, ValueError):
        return False


def main(connection: Connection, control: socket.socket) -> None:
    """Take a job, run it, give back its result; in a copy of the warm process."""
    job: Job = connection.recv()

    def start() -> tuple[Peer, Any]:
        place = (sandbox.Sandbox if job.sandboxed else sandbox.NoSandbox)(job.limits)
        place.__enter__()
        try:
            pid, channel = copies.start_student(control, place)
        except sandbox.SandboxError:
            place.kill()
            place.__exit__(None, None, None)
            raise
        place.watch(sandbox.Process(pid))
        return Peer(channel), place

    session = Session(lambda: sandbox.surely(start), job.limits)
    try:
        connection.send(run(job, session))
    except sandbox.SandboxError as error:
        connection.send(error)
    finally:
        session.close()
