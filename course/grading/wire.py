"""Calls and gradients between two processes that do not trust each other; packing.py has the values.

A function is sent as a number; whoever calls it asks the process that has it.
"""

from __future__ import annotations

import builtins
import collections
import contextlib
import inspect
import io
import json
import math
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from . import packing

MOST_BYTES = 16_000_000
MOST_TEXT = 100_000
MOST_ERROR = 4_000


class Gone(Exception):
    """The other process has ended, or says things that make no sense."""


class Late(Exception):
    """No answer in the time allowed."""


class Remote:
    """A function of the other process."""

    def __init__(self, peer: Peer, where: dict[str, Any], name: str, parameters: list[list[Any]]) -> None:
        self._peer, self._where = peer, where
        self.__name__ = name
        with contextlib.suppress(ValueError, TypeError):  # a signature is a help, not a need
            self.__signature__ = _signature(parameters)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._peer.call(self._where, arguments, keywords)

    def __deepcopy__(self, memo: dict[int, Any]) -> Remote:
        return self


class _Bridge(torch.autograd.Function):
    """Forward: a value that the other process computed. Backward: its gradients, asked of that process."""

    @staticmethod
    def forward(ctx: Any, peer: Peer, graph: int, index: int, value: torch.Tensor, *leaves: Any) -> Any:
        ctx.peer, ctx.graph, ctx.index = peer, graph, index
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        found = ctx.peer.request(
            {"do": "backward", "graph": ctx.graph, "index": ctx.index}, values=gradients[0].detach()
        )
        # The last of the leaves is the anchor, which only makes the value require a gradient.
        return (None, None, None, None, *found, None)


class Peer:
    """One end of a socket. Both ends may ask; while one waits for its answer, it serves the other.

    handlers: {"cell": function of (message, values) -> (message, values)}, for what only one end can do.
    """

    def __init__(self, connection: socket.socket, handlers: dict[str, Callable] | None = None) -> None:
        self.connection = connection
        self.clock: Callable[[], float] = time.monotonic  # what `seconds`, `last` and `deadline` count
        self.seconds = math.inf  # for one answer
        self.last = math.inf  # after which there are no more answers
        self.deadline = math.inf
        self.failed: Callable[[Exception], Exception] = lambda error: error
        self.handlers = {"call": self._serve_call, "backward": self._serve_backward, **(handlers or {})}
        self.printed: Callable[[str], object] = lambda text: sys.stdout.write(text)  # as it is at that time
        self._functions: list[Callable] = []
        self._graphs: list[tuple[list[torch.Tensor], list[torch.Tensor]]] = []
        self._raised: list[BaseException] = []
        self._buffer = bytearray()
        self._asked = self._waiting = 0
        self.broken = False  # it cannot be talked to any more
        # Threads of a student's function may all ask. One of them reads, and hands the others what is theirs.
        self._process = os.getpid()
        self._sending = threading.RLock()
        self._turn = threading.Condition()
        self._reading = self._resting = False  # resting: `serve` waits for questions
        self._asking: set[int] = set()  # numbers of the answers that threads wait for
        self._answers: dict[int, tuple[dict[str, Any], Any]] = {}
        self._questions: collections.deque[tuple[dict[str, Any], Any]] = collections.deque()

    # --- Asking ---------------------------------------------------------------------------------

    def request(self, message: dict[str, Any], values: Any = None) -> Any:
        """The other end's answer.

        Raises:
            what `self.failed` makes of Late (no answer in time; `wait` can go on waiting for it) and of
                Gone (the other process has ended).
            Exception: what the function over there raised, of the same name if Python has it built in.
        """
        if os.getpid() != self._process:
            raise RuntimeError("on the grader, what you were given cannot be called from another process")
        outermost = self._waiting == 0
        if outermost:
            self.deadline = min(self.clock() + self.seconds, self.last)
        with self._sending:
            self._asked += 1
            number = self._asked
            self._asking.add(number)
        try:
            self.send({**message, "asks": number}, values)
            return self.wait(number)
        except (Late, Gone) as error:
            if outermost:
                raise self.failed(error) from None
            raise

    def wait(self, number: int | None = None) -> Any:
        """The answer to that request, or to the latest; meanwhile the other end's questions are served."""
        number = self._asked if number is None else number
        self._waiting += 1
        try:
            while "asks" in (found := self._next(number))[0]:
                self._serve(*found)
            message, values = found
        except Late:
            # Further in, the other end waits for an answer that it will never get.
            self.broken = self.broken or self._waiting > 1
            raise
        finally:
            self._waiting -= 1
            self._asking.discard(number)
        if isinstance(text := message.get("printed"), str) and text:
            self.printed(text[:MOST_TEXT])
        if "error" in message:
            raise self._error(message["error"])
        return values

    def call(self, where: dict[str, Any], arguments: tuple, keywords: dict[str, Any]) -> Any:
        """Call the other process's function, with gradients, and write back what it wrote into."""
        answer = self.request({"do": "call", **where}, [list(arguments), keywords])
        value, graph, in_graph, changed = _four(answer)
        if changed is not None:
            with torch.no_grad():
                _overwrite([list(arguments), keywords], changed)
        if graph is None:
            return value
        leaves = [t for t in _tensors([list(arguments), keywords]) if t.requires_grad]
        anchor = torch.zeros((), requires_grad=True)
        places = {place: index for index, place in enumerate(in_graph)}

        def bridged(place: int, t: torch.Tensor) -> torch.Tensor:
            if place not in places or not t.requires_grad:
                return t
            return _Bridge.apply(self, graph, places[place], t.detach(), *leaves, anchor)

        return _replace(value, bridged)

    def forget(self) -> None:
        """Let go of what the calls so far have left here: functions, graphs of gradients, errors."""
        for kept in (self._functions, self._graphs, self._raised):
            kept.clear()

    # --- Serving --------------------------------------------------------------------------------

    def serve(self) -> None:
        """Answer requests until the other end closes."""
        with contextlib.suppress(Gone):
            while True:
                self._resting = True
                try:
                    question = self._next(None)
                finally:
                    self._resting = False
                self._serve(*question)

    def _next(self, number: int | None) -> tuple[dict[str, Any], Any]:
        """The next message for this thread: a question, or the answer of that number."""
        while True:
            with self._turn:
                while (
                    self._reading and number not in self._answers and not (number is None and self._questions)
                ):
                    self._turn.wait()
                if number in self._answers:
                    return self._answers.pop(number)
                if number is None and self._questions:
                    return self._questions.popleft()
                self._reading = True
            found = None
            try:
                found = self.receive()
            finally:
                with self._turn:
                    self._reading = False
                    mine = found is not None and self._is_mine(found, number)
                    self._turn.notify_all()
            if mine:
                return found

    def _is_mine(self, found: tuple[dict[str, Any], Any], number: int | None) -> bool:
        """Whether the message is for the thread that waits for that number; if not, its own finds it."""
        message, _ = found
        if "asks" in message:
            if self._resting and number is not None:
                self._questions.append(found)  # a new one, for the main thread
                return False
            return True
        answered = message.get("answers")
        if answered == number and number is not None:
            return True
        if type(answered) is int and answered in self._asking:  # others were given up
            self._answers[answered] = found
        return False

    def _serve(self, message: dict[str, Any], values: Any) -> None:
        handler = self.handlers.get(str(message.get("do")))
        if handler is None:
            raise Gone("a question that makes no sense")
        answer: dict[str, Any] = {}
        try:
            answer, values = handler(message, values)
        except (Gone, Late):
            raise
        except BaseException as error:
            answer, values = {"error": self._describe(error)}, None
        answer["answers"] = message["asks"]
        try:
            self.send(answer, values)
        except (Gone, Late):
            raise
        except Exception as error:  # too large, too deep, or of a class that does not let itself be read
            told = {"error": self._describe(error), "printed": answer.get("printed", "")}
            self.send({**told, "answers": message["asks"]}, None)

    def _serve_call(self, message: dict[str, Any], values: Any) -> tuple[dict[str, Any], Any]:
        function = self._functions[message["function"]]
        (arguments, keywords) = values
        return {}, self.answer(function, arguments, keywords, writes=False)

    def answer(self, function: Callable, arguments: list, keywords: dict, writes: bool = True) -> list[Any]:
        """[value, number of its graph, which of its tensors are in it, the arguments if changed]."""
        leaves = [t for t in _tensors([arguments, keywords]) if t.requires_grad]
        before = self.pack([arguments, keywords]) if writes else None
        value = function(*arguments, **keywords)
        changed = [arguments, keywords] if writes and self.pack([arguments, keywords]) != before else None
        outputs = list(_tensors(value))
        in_graph = [place for place, t in enumerate(outputs) if t.requires_grad]
        if not in_graph:
            return [value, None, [], changed]
        graph = self._keep(self._graphs, ([outputs[place] for place in in_graph], leaves))
        return [value, graph, in_graph, changed]

    def _serve_backward(self, message: dict[str, Any], gradient: Any) -> tuple[dict[str, Any], Any]:
        outputs, leaves = self._graphs[message["graph"]]
        for leaf in leaves:
            leaf.grad = None
        torch.autograd.backward(outputs[message["index"]], gradient, retain_graph=True)
        return {}, [leaf.grad for leaf in leaves]

    # --- Errors ---------------------------------------------------------------------------------

    def _describe(self, error: BaseException) -> dict[str, Any]:
        if isinstance(yours := getattr(error, "_theirs", None), int):
            return {"yours": yours}  # it came from the other end, which knows it better
        number = self._keep(self._raised, error)
        with contextlib.suppress(Exception):  # a student's own class may forbid it
            error.__traceback__ = error.__context__ = None  # with them, all that the function had would stay
        name, text = type(error).__name__, printable(error)
        return {"type": name[:100], "text": text[:MOST_ERROR], "mine": number}

    def _error(self, told: Any) -> BaseException:
        if not isinstance(told, dict):
            return Gone("an answer that makes no sense")
        if isinstance(index := told.get("yours"), int) and 0 <= index < len(self._raised):
            return self._raised[index]
        name, text = str(told.get("type"))[:100], str(told.get("text"))[:MOST_ERROR]
        known = getattr(builtins, name, None)
        if not (isinstance(known, type) and issubclass(known, Exception)):
            known = type(name, (Exception,), {})
        try:
            error = known(text)
        except TypeError:  # UnicodeDecodeError and others want more than a text
            error = type(name, (Exception,), {})(text)
        if isinstance(error, KeyError):  # str() of a KeyError puts quotes round what has them already
            error = type(name, (KeyError,), {"__str__": lambda self: text})()
        error._theirs = told.get("mine")
        return error

    # --- Messages -------------------------------------------------------------------------------

    def send(self, message: dict[str, Any], values: Any = None) -> None:
        packed, blobs = self.pack(values)
        head = json.dumps({**message, "values": packed, "blobs": [len(blob) for blob in blobs]}).encode()
        size = len(head) + sum(map(len, blobs))
        if size > MOST_BYTES:
            raise ValueError(f"a value of {size:,} bytes; at most {MOST_BYTES:,} can be compared")
        frame = memoryview(struct.pack(">QQ", len(head), size) + head + b"".join(blobs))
        sent = 0
        with self._sending:
            while sent < len(frame):
                try:
                    self._set_time()
                    sent += self.connection.send(frame[sent:])
                except TimeoutError:
                    continue
                except Late:
                    self.broken = self.broken or sent > 0  # half a message is on its way
                    raise
                except OSError as error:
                    raise Gone(str(error)) from error

    def receive(self) -> tuple[dict[str, Any], Any]:
        self._fill(16)
        head_size, size = struct.unpack(">QQ", self._buffer[:16])
        if not head_size <= size <= MOST_BYTES:
            raise Gone("an answer that is too long")
        self._fill(16 + size)
        frame = bytes(self._buffer[16 : 16 + size])
        del self._buffer[: 16 + size]
        try:
            message = json.loads(frame[:head_size])
            return message, packing.unpack(
                message["values"], _pieces(frame, head_size, message["blobs"]), self._unpack_function
            )
        except Exception as error:
            raise Gone(f"an answer that makes no sense ({type(error).__name__})") from error

    def _fill(self, size: int) -> None:
        """Read until the buffer holds that many bytes; what has come stays there if time runs out."""
        while len(self._buffer) < size:
            self._set_time()
            try:
                chunk = self.connection.recv(1 << 20)
            except TimeoutError:
                continue  # by the clock there may be time left
            except OSError as error:
                raise Gone(str(error)) from error
            if not chunk:
                raise Gone("it has ended")
            self._buffer += chunk

    def _set_time(self) -> None:
        if self.deadline == math.inf:
            self.connection.settimeout(None)
            return
        left = self.deadline - self.clock()
        if left <= 0:
            raise Late
        self.connection.settimeout(max(left, 0.01))

    # --- Values ---------------------------------------------------------------------------------

    def pack(self, value: Any) -> tuple[Any, list[bytes]]:
        """The value as JSON, and the bytes of its tensors; functions are kept here, and sent as numbers."""
        return packing.pack(value, self._pack_function)

    def _pack_function(self, function: Any) -> dict[str, Any]:
        if isinstance(function, Remote) and function._peer is self and "function" in function._where:
            return {"back": function._where["function"]}
        name = str(getattr(function, "__name__", type(function).__name__))[:100]
        return {"f": [self._keep(self._functions, function), name, _parameters(function)]}

    def _unpack_function(self, kind: str, held: Any) -> Any:
        if kind == "back":
            return self._functions[held]
        number, name, parameters = held
        return Remote(self, {"function": int(number)}, str(name), parameters)

    def _keep(self, kept: list, item: Any) -> int:
        """Its number in that list; several threads may ask at once."""
        with self._sending:
            kept.append(item)
            return len(kept) - 1


def _four(answer: Any) -> tuple[Any, int | None, list[int], Any]:
    """What `answer` gave, if it is that."""
    if not (isinstance(answer, list) and len(answer) == 4):
        raise Gone("an answer that makes no sense")
    value, graph, in_graph, changed = answer
    known = graph is None or type(graph) is int
    if not (known and isinstance(in_graph, list) and all(type(place) is int for place in in_graph)):
        raise Gone("an answer that makes no sense")
    return value, graph, in_graph, changed


def _pieces(frame: bytes, start: int, sizes: list[int]) -> Iterator[bytes]:
    for size in sizes:
        if type(size) is not int or not 0 <= size <= len(frame) - start:
            raise ValueError("sizes")
        yield frame[start : start + size]
        start += size
    raise ValueError("fewer pieces than tensors")


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in a value, in the order in which `_replace` meets them."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def _replace(value: Any, change: Callable[[int, torch.Tensor], Any]) -> Any:
    """The value with each tensor t, the n-th, replaced by change(n, t)."""
    count = iter(range(1 << 30))

    def walk(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return change(next(count), value)
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(walk(item) for item in value)
        return value

    return walk(value)


def _overwrite(old: Any, new: Any) -> None:
    """Write into `old`, in place, what has become of it."""
    if isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
        if old.shape == new.shape and old.dtype == new.dtype:
            old.copy_(new.detach())
        else:
            old.data = new.detach().to(old.dtype)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            _overwrite_item(old, index, before, after)
    elif isinstance(old, list) and isinstance(new, list):
        old[:] = new
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in [key for key in old if key not in new]:
            del old[key]
        for key, after in new.items():
            _overwrite_item(old, key, old.get(key), after)
    elif isinstance(old, tuple) and isinstance(new, tuple):
        for before, after in zip(old, new, strict=False):
            _overwrite(before, after)
    elif isinstance(old, set) and isinstance(new, set):
        old.clear()
        old.update(new)


def _overwrite_item(owner: Any, key: Any, before: Any, after: Any) -> None:
    if isinstance(before, torch.Tensor | list | dict | tuple | set) and type(before) is type(after):
        _overwrite(before, after)
    elif not callable(before):
        owner[key] = after


def _parameters(function: Callable) -> list[list[Any]]:
    """[[name, kind, has a default], ...]; empty where Python does not know."""
    try:
        found = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return []
    return [[p.name, int(p.kind), p.default is not p.empty] for p in found]


def _signature(parameters: list[list[Any]]) -> inspect.Signature:
    return inspect.Signature(
        [
            inspect.Parameter(
                str(name),
                list(inspect._ParameterKind)[kind],
                default=None if has_default else inspect.Parameter.empty,
            )
            for name, kind, has_default in parameters
        ]
    )


def printable(value: Any) -> str:
    """Its text, also where a student's own class has none."""
    try:
        return str(value)
    except Exception:
        return "(it cannot be printed)"


class Capped(io.StringIO):
    """A text stream that keeps the first `most` characters and counts the others."""

    def __init__(self, most: int = MOST_TEXT) -> None:
        super().__init__()
        self.most, self.kept, self.lost = most, 0, 0

    def write(self, text: str) -> int:
        room = self.most - self.kept
        if room > 0:  # a StringIO remembers writing nothing, too
            super().write(text[:room])
        self.kept += min(len(text), room)
        self.lost += max(0, len(text) - room)
        return len(text)

    def getvalue(self) -> str:
        text = super().getvalue()
        return text + (f"\n... and {self.lost:,} characters more, left out\n" if self.lost else "")
