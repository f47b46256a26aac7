"""Values, calls and gradients between two processes that do not trust each other.

No pickle: what arrives is read as numbers, texts, containers and tensors, and nothing in it is run.
A function is sent as a number; whoever calls it asks the process that has it.
"""

from __future__ import annotations

import builtins
import contextlib
import fractions
import inspect
import io
import json
import math
import numbers
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

MOST_BYTES = 16_000_000
MOST_TEXT = 100_000
MOST_ERROR = 4_000
MOST_DEPTH = 50
MOST_DIGITS = 10_000
MOST_AXES = 60
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128),
    )
}


class Gone(Exception):
    """The other process has ended, or says things that make no sense."""


class Late(Exception):
    """No answer in the time allowed."""


class Opaque:
    """Stands for a value that cannot be sent, such as a NumPy array; it equals nothing."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind, self.text = kind, text

    def __repr__(self) -> str:
        return self.text


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
        self.seconds = math.inf  # for one answer
        self.last = math.inf  # time.monotonic() after which there are no more answers
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

    # --- Asking ---------------------------------------------------------------------------------

    def request(self, message: dict[str, Any], values: Any = None) -> Any:
        """The other end's answer.

        Raises:
            what `self.failed` makes of Late (no answer in time; `wait` can go on waiting for it) and of
                Gone (the other process has ended).
            Exception: what the function over there raised, of the same name if Python has it built in.
        """
        outermost = self._waiting == 0
        if outermost:
            self.deadline = min(time.monotonic() + self.seconds, self.last)
        self._asked += 1
        try:
            self.send({**message, "asks": self._asked}, values)
            return self.wait(self._asked)
        except (Late, Gone) as error:
            if outermost:
                raise self.failed(error) from None
            raise

    def wait(self, number: int | None = None) -> Any:
        """The answer to that request, or to the latest; meanwhile the other end's questions are served."""
        number = self._asked if number is None else number
        self._waiting += 1
        try:
            while True:
                message, values = self.receive()
                if "asks" in message:
                    self._serve(message, values)
                elif message.get("answers") == number:
                    break  # others are answers to what was given up
        except Late:
            # Further in, the other end waits for an answer that it will never get.
            self.broken = self.broken or self._waiting > 1
            raise
        finally:
            self._waiting -= 1
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
                message, values = self.receive()
                if "asks" in message:
                    self._serve(message, values)

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
        self._graphs.append(([outputs[place] for place in in_graph], leaves))
        return [value, len(self._graphs) - 1, in_graph, changed]

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
        self._raised.append(error)
        with contextlib.suppress(Exception):  # a student's own class may forbid it
            error.__traceback__ = error.__context__ = None  # with them, all that the function had would stay
        name, text = type(error).__name__, printable(error)
        return {"type": name[:100], "text": text[:MOST_ERROR], "mine": len(self._raised) - 1}

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
        self._set_time()
        try:
            self.connection.sendall(struct.pack(">QQ", len(head), size) + head + b"".join(blobs))
        except TimeoutError:
            self.broken = True  # half a message is on its way
            raise Late from None
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
            return message, self.unpack(message["values"], _pieces(frame, head_size, message["blobs"]))
        except Exception as error:
            raise Gone(f"an answer that makes no sense ({type(error).__name__})") from error

    def _fill(self, size: int) -> None:
        """Read until the buffer holds that many bytes; what has come stays there if time runs out."""
        while len(self._buffer) < size:
            self._set_time()
            try:
                chunk = self.connection.recv(1 << 20)
            except TimeoutError:
                raise Late from None
            except OSError as error:
                raise Gone(str(error)) from error
            if not chunk:
                raise Gone("it has ended")
            self._buffer += chunk

    def _set_time(self) -> None:
        if self.deadline == math.inf:
            self.connection.settimeout(None)
            return
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Late
        self.connection.settimeout(left)

    # --- Values ---------------------------------------------------------------------------------

    def pack(self, value: Any) -> tuple[Any, list[bytes]]:
        """The value as JSON, and the bytes of its tensors."""
        blobs: list[bytes] = []
        return self._pack(value, blobs, 0), blobs

    def _pack(self, value: Any, blobs: list[bytes], depth: int) -> Any:
        if depth > MOST_DEPTH:
            raise ValueError(f"a value that is nested more than {MOST_DEPTH} deep")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return str(value)
        if isinstance(value, numbers.Rational):
            _check_digits(value)
        if isinstance(value, int):
            return {"i": hex(value)} if abs(value) >= 2**53 else int(value)
        if isinstance(value, float):
            return float(value)
        for kind, key in _CONTAINERS:
            if isinstance(value, kind):
                return {key: [self._pack(item, blobs, depth + 1) for item in value]}
        if isinstance(value, dict):
            deeper = depth + 1
            return {
                "d": [[self._pack(k, blobs, deeper), self._pack(v, blobs, deeper)] for k, v in value.items()]
            }
        if (
            isinstance(value, torch.Tensor)
            and value.layout == torch.strided
            and _short(value.dtype) in DTYPES
        ):
            return _pack_tensor(value, blobs)
        if isinstance(value, bytes):
            blobs.append(bytes(value))
            return {"b": 0}
        if isinstance(value, complex):
            return {"c": [value.real, value.imag]}
        if isinstance(value, numbers.Rational):
            return {"q": [hex(value.numerator), hex(value.denominator)]}
        if isinstance(value, numbers.Real):
            return float(value)  # NumPy's
        if isinstance(value, Remote) and value._peer is self and "function" in value._where:
            return {"back": value._where["function"]}
        if callable(value):
            self._functions.append(value)
            name = str(getattr(value, "__name__", type(value).__name__))[:100]
            return {"f": [len(self._functions) - 1, name, _parameters(value)]}
        return {"o": [type(value).__name__[:100], _brief(value)]}

    def unpack(self, packed: Any, blobs: Iterator[bytes], depth: int = 0) -> Any:
        if depth > 2 * MOST_DEPTH:
            raise ValueError("too deep")
        if packed is None or isinstance(packed, bool | int | float | str):
            return packed
        if not isinstance(packed, dict) or len(packed) != 1:
            raise ValueError("no value")
        [(key, held)] = packed.items()
        if key in _FROM:
            return _FROM[key](self.unpack(item, blobs, depth + 1) for item in held)
        if key == "d":
            pairs = [(self.unpack(k, blobs, depth + 1), self.unpack(v, blobs, depth + 1)) for k, v in held]
            return dict(pairs)
        if key == "T":
            return _unpack_tensor(held, next(blobs))
        if key == "b":
            return next(blobs)
        if key == "i":
            return _integer(held)
        if key == "c":
            return complex(*map(float, held))
        if key == "q":
            return fractions.Fraction(_integer(held[0]), _integer(held[1]))
        if key == "back":
            return self._functions[held]
        if key == "f":
            number, name, parameters = held
            return Remote(self, {"function": int(number)}, str(name), parameters)
        if key == "o":
            return Opaque(str(held[0]), str(held[1])[:200])
        raise ValueError("no value")


def _check_digits(value: Any) -> None:
    if max(abs(value.numerator), value.denominator).bit_length() > 4 * (MOST_DIGITS - 3):
        raise ValueError(f"a number with more than {MOST_DIGITS:,} digits")


def _integer(text: str) -> int:
    if len(text) > MOST_DIGITS:  # fractions of millions of digits would take hours to reduce
        raise ValueError("too many digits")
    return int(text, 16)


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


_CONTAINERS: list[tuple[Any, str]] = [(list, "l"), (tuple, "t"), (frozenset, "z"), (set, "s")]
_FROM: dict[str, Any] = {"l": list, "t": tuple, "z": frozenset, "s": set}


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _pack_tensor(t: torch.Tensor, blobs: list[bytes]) -> dict[str, Any]:
    """With strides, so that what fails on a transposed tensor at home fails here, too."""
    held = t.detach().cpu().resolve_conj().resolve_neg()
    dense = sum((n - 1) * s for n, s in zip(held.shape, held.stride(), strict=True)) + 1
    if held.numel() == 0 or dense != held.numel():  # gaps or repeats: not worth sending
        held = held.contiguous()
        dense = held.numel()
    flat = held.as_strided((dense,), (1,)) if held.numel() else held.flatten()
    blobs.append(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    return {"T": [_short(t.dtype), list(held.shape), list(held.stride()), bool(t.requires_grad)]}


def _unpack_tensor(held: list[Any], blob: bytes) -> torch.Tensor:
    name, shape, stride, with_gradient = held
    dtype = DTYPES[name]
    if not all(type(n) is int and 0 <= n <= 1 << 40 for n in (*shape, *stride)) or len(shape) != len(stride):
        raise ValueError("shape")
    if math.prod(shape) * torch.empty((), dtype=dtype).element_size() != len(blob):
        raise ValueError("size")
    if len(shape) > MOST_AXES or (
        blob and sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) >= math.prod(shape)
    ):
        raise ValueError("it does not lie within its bytes")
    if blob:
        flat = torch.frombuffer(bytearray(blob), dtype=torch.uint8)
        # A byte that is neither 0 nor 1 would be a bool that is neither True nor False.
        t = (flat != 0 if dtype == torch.bool else flat.view(dtype)).as_strided(shape, stride)
    else:
        t = torch.empty(shape, dtype=dtype)
    t = t.detach()  # no view of the bytes above: messages about views would puzzle a student
    return t.requires_grad_() if with_gradient is True and (t.is_floating_point() or t.is_complex()) else t


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


def _brief(value: Any) -> str:
    try:
        return repr(value)[:200]
    except Exception:  # a student's own class
        return f"a {type(value).__name__}"


class Capped(io.StringIO):
    """A text stream that keeps the first `most` characters and counts the others."""

    def __init__(self, most: int = MOST_TEXT) -> None:
        super().__init__()
        self.most, self.kept, self.lost = most, 0, 0

    def write(self, text: str) -> int:
        room = self.most - self.kept
        super().write(text[:room])
        self.kept += min(len(text), room)
        self.lost += max(0, len(text) - room)
        return len(text)

    def getvalue(self) -> str:
        text = super().getvalue()
        return text + (f"\n... and {self.lost:,} characters more, left out\n" if self.lost else "")
