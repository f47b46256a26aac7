"""Values as JSON and bytes, for two processes that do not trust each other.

No pickle: what arrives is read as numbers, texts, containers, tensors and arrays, and nothing in it is
run. What a value is stays what it is (a NumPy number is no Python number, and a message says so), so that a
test says here what it says in a student's own notebook. Functions are left to the caller.
"""

from __future__ import annotations

import collections
import fractions
import math
import numbers
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy
import torch

MOST_DEPTH = 50
MOST_DIGITS = 10_000
MOST_AXES = 60
MOST_TEXTS = 4_000_000  # characters of an array of texts
MOST_ALIKE = 50  # keys of the same hash: Python would compare each with each
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128),
    )
}
ARRAYS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
ARRAYS += ("float16", "float32", "float64", "complex64", "complex128")
_CONTAINERS: list[tuple[Any, str]] = [(list, "l"), (tuple, "t"), (frozenset, "z"), (set, "s")]


class Opaque:
    """Stands for a value that cannot be sent, such as a generator; it equals nothing."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind, self.text = kind, text

    def __repr__(self) -> str:
        return self.text


def pack(value: Any, function: Callable[[Any], Any]) -> tuple[Any, list[bytes]]:
    """The value as JSON, and the bytes of its tensors and arrays.

    function: {"back": ...} or {"f": ...} for something that can be called.

    Raises:
        ValueError: it is too deep, or holds a number of too many digits.
    """
    blobs: list[bytes] = []
    return _pack(value, blobs, function, 0), blobs


def _pack(value: Any, blobs: list[bytes], function: Callable[[Any], Any], depth: int) -> Any:
    if depth > MOST_DEPTH:
        raise ValueError(f"a value that is nested more than {MOST_DEPTH} deep")

    def deeper(item: Any) -> Any:
        return _pack(item, blobs, function, depth + 1)

    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, numpy.generic | numpy.ndarray):
        return _pack_array(value, blobs, deeper)
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
            return {key: [deeper(item) for item in value]}
    if isinstance(value, dict):
        return {"d": [[deeper(key), deeper(held)] for key, held in value.items()]}
    if isinstance(value, torch.Tensor) and value.layout == torch.strided and _short(value.dtype) in DTYPES:
        return _pack_tensor(value, blobs)
    if isinstance(value, bytes):
        blobs.append(bytes(value))
        return {"b": 0}
    if isinstance(value, complex):
        return {"c": [value.real, value.imag]}
    if isinstance(value, numbers.Rational):
        return {"q": [hex(int(value.numerator)), hex(int(value.denominator))]}
    if isinstance(value, numbers.Real):
        return float(value)
    if callable(value):
        return function(value)
    return {"o": [type(value).__name__[:100], brief(value)]}


def unpack(packed: Any, blobs: Iterator[bytes], function: Callable[[str, Any], Any], depth: int = 0) -> Any:
    """The value; the other way round.

    function: what {"back": ...} or {"f": ...} stands for.

    Raises:
        Exception: of many kinds; it is no value, or one that would cost too much.
    """
    if depth > 2 * MOST_DEPTH:
        raise ValueError("too deep")

    def deeper(item: Any) -> Any:
        return unpack(item, blobs, function, depth + 1)

    if packed is None or isinstance(packed, bool | int | float | str):
        return packed
    if not isinstance(packed, dict) or len(packed) != 1:
        raise ValueError("no value")
    [(key, held)] = packed.items()
    if key in ("l", "t"):
        return (list if key == "l" else tuple)(deeper(item) for item in held)
    if key in ("s", "z"):
        return (set if key == "s" else frozenset)(_distinct(deeper(item) for item in held))
    if key == "d":
        pairs = [(deeper(one), deeper(other)) for one, other in held]
        _distinct(one for one, _ in pairs)
        return dict(pairs)
    if key == "T":
        return _unpack_tensor(held, next(blobs))
    if key in ("n", "N"):
        return _unpack_array(held, key == "n", next(blobs))
    if key == "O":
        return _unpack_objects(held, deeper)
    if key == "b":
        return next(blobs)
    if key == "i":
        return _integer(held)
    if key == "c":
        return complex(*map(float, held))
    if key == "q":
        return fractions.Fraction(_integer(held[0]), _integer(held[1]))
    if key in ("back", "f"):
        return function(key, held)
    if key == "o":
        return Opaque(str(held[0]), str(held[1])[:200])
    raise ValueError("no value")


def _distinct(keys: Iterable[Any]) -> list[Any]:
    """The keys, if a table of them can be made in a time that grows as their number does.

    Python's numbers have hashes that anybody can work out: k * (2**61 - 1) has the hash 0 for every k.
    """
    keys = list(keys)
    alike = collections.Counter(map(hash, keys))
    if max(alike.values(), default=0) > MOST_ALIKE:
        raise ValueError(f"more than {MOST_ALIKE} keys with one hash")
    return keys


def _check_digits(value: Any) -> None:
    if max(abs(value.numerator), value.denominator).bit_length() > 4 * (MOST_DIGITS - 3):
        raise ValueError(f"a number with more than {MOST_DIGITS:,} digits")


def _integer(text: str) -> int:
    if len(text) > MOST_DIGITS:  # fractions of millions of digits would take hours to reduce
        raise ValueError("too many digits")
    return int(text, 16)


# --- Tensors ------------------------------------------------------------------------------------


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
    if not _are_sizes((*shape, *stride)) or len(shape) != len(stride):
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


# --- NumPy --------------------------------------------------------------------------------------


def _pack_array(value: Any, blobs: list[bytes], deeper: Callable[[Any], Any]) -> dict[str, Any]:
    """{"n": a number, "N": an array of numbers, "O": an array of texts or objects}."""
    array = numpy.asarray(value)
    if isinstance(value, numpy.str_):
        return {"O": ["U", None, [str(value)]]}
    if array.dtype.name in ARRAYS:
        blobs.append(array.astype(array.dtype.newbyteorder("=")).tobytes())
        return {"n" if isinstance(value, numpy.generic) else "N": [array.dtype.name, list(array.shape)]}
    if array.dtype.kind in "OU" and isinstance(value, numpy.ndarray):
        return {"O": [array.dtype.kind, list(array.shape), [deeper(item) for item in array.ravel().tolist()]]}
    return {"o": [type(value).__name__[:100], brief(value)]}


def _unpack_array(held: list[Any], single: bool, blob: bytes) -> Any:
    name, shape = held
    if name not in ARRAYS or not _is_shape(shape) or (single and shape):
        raise ValueError("no array")
    dtype = numpy.dtype(name)
    if math.prod(shape) * dtype.itemsize != len(blob):
        raise ValueError("size")
    if name == "bool":  # a byte that is neither 0 nor 1 would be a bool that is neither True nor False
        array = numpy.frombuffer(bytearray(blob), dtype="uint8").reshape(shape) != 0
        return numpy.bool_(array) if single else array
    array = numpy.frombuffer(bytearray(blob), dtype=dtype).reshape(shape)
    return array[()] if single else array


def _unpack_objects(held: list[Any], deeper: Callable[[Any], Any]) -> Any:
    kind, shape, packed = held
    items = [deeper(item) for item in packed]
    if kind == "U" and not all(isinstance(item, str) for item in items):
        raise ValueError("no texts")
    if shape is None:
        [text] = items
        return numpy.str_(text)
    if kind not in ("O", "U") or not _is_shape(shape) or math.prod(shape) != len(items):
        raise ValueError("no array")
    array = numpy.empty(len(items), dtype=object)
    for place, item in enumerate(items):
        array[place] = item
    longest = max(map(len, items), default=1) if kind == "U" else 0
    if longest * len(items) > MOST_TEXTS:  # each text takes as much room as the longest
        raise ValueError("size")
    return (array.astype(f"U{max(longest, 1)}") if kind == "U" else array).reshape(shape)


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and len(shape) <= MOST_AXES and _are_sizes(shape)


def _are_sizes(numbers: Iterable[Any]) -> bool:
    return all(type(n) is int and 0 <= n <= 1 << 40 for n in numbers)


def brief(value: Any) -> str:
    try:
        return repr(value)[:200]
    except Exception:  # a student's own class
        return f"a {type(value).__name__}"
