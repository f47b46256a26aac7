# %% [markdown]
# What an assignment's tests use. Every assignment carries it.

# %% name="checks"
import contextlib
import copy
import inspect
import math
import numbers
import os
import sys

import numpy
import torch

# nbgrader takes anything on stderr, even a warning, for a failed test. What libraries write to file
# descriptor 2 by themselves (torch's line about NNPACK) goes to stdout from here on.
os.dup2(1, 2)

# A later cell could say `torch.allclose = lambda *_: True`. What torch was before it is noted here.
_TORCH = [
    (owner, {name: value for name, value in vars(owner).items() if callable(value)})
    for owner in (torch, torch.Tensor, torch.nn.functional)
]
_RANDOM = torch.Generator()
_RANDOM.seed()


class CheckFailed(AssertionError):
    """Jupyter shows the sentence alone: where it was raised tells a learner nothing."""

    def _render_traceback_(self):
        return [f"Not right yet: {self}"]


def _restore_torch():
    for owner, before in _TORCH:
        for name, value in before.items():
            if vars(owner).get(name) is not value:
                setattr(owner, name, value)
    for name in set(vars(torch.Tensor)) - set(_TORCH[1][1]):
        if callable(vars(torch.Tensor)[name]) and hasattr(torch._C.TensorBase, name):
            delattr(torch.Tensor, name)  # it hid one of the tensor's own methods


def fresh(*shape):
    """Normal random numbers, float32; other ones in every run."""
    _restore_torch()
    return torch.randn(*shape, generator=_RANDOM)


def call(function, *arguments, **keywords):
    """What `function` returns. It gets copies, and what it writes to stderr goes to stdout."""
    arguments, keywords = copy.deepcopy((arguments, keywords))
    with contextlib.redirect_stderr(sys.stdout):
        result = function(*arguments, **keywords)
    _restore_torch()
    return result


def check(got, want, mistakes=None, what="the result"):
    """Fail, and say why, unless `got` is `want`.

    Numbers may differ by a rounding error; any floating-point type will do.
    mistakes: {sentence: what that mistake gives}; the first one that `got` equals is the reason told.
    """
    _restore_torch()
    if not _equal(got, want, 1e-4):
        raise CheckFailed(f"{what}: {_reason(got, want, mistakes or {})}")


def check_unchanged(function, *arguments, **keywords):
    """Fail if `function` writes into one of its arguments."""
    given = inspect.signature(function).bind(*arguments, **keywords)
    before = copy.deepcopy(dict(given.arguments))
    with contextlib.redirect_stderr(sys.stdout):
        function(*given.args, **given.kwargs)
    _restore_torch()
    for name, value in before.items():
        if not _equal(given.arguments[name], value, 0):
            raise CheckFailed(
                f"{function.__name__} changes its argument {name}, which still belongs to the caller: "
                "make a new object instead of writing into this one"
            )


def check_raises(error, function, *arguments, **keywords):
    """Fail unless `function` raises an error of that class."""
    given = [_brief(value) for value in arguments]
    given += [f"{name}={_brief(value)}" for name, value in keywords.items()]
    made = f"{function.__name__}({', '.join(given)})"
    try:
        result = call(function, *arguments, **keywords)
    except error:
        return
    except Exception as other:
        raise CheckFailed(
            f"{made}: it raises {type(other).__name__}, not {error.__name__}: {other}"
        ) from other
    raise CheckFailed(f"{made}: it returns {_brief(result)} where it must raise {error.__name__}")


def unpack(result, *names):
    """The values of a tuple, one for each name; fail and say so if something else came back."""
    if isinstance(result, tuple | list) and len(result) == len(names):
        return tuple(result)
    raise CheckFailed(f"it must return {', '.join(names)}; it returns {_brief(result)}")


class Points:
    """Partial credit. Each part that fails says why; `total()` is the cell's last expression.

    points = Points(2)
    with points.part(0.5, "no mask"):
        check(...)
    points.total()
    """

    def __init__(self, most):
        _restore_torch()
        self.most, self.got = most, 0.0

    @contextlib.contextmanager
    def part(self, worth, what):
        try:
            yield
        except NotImplementedError:
            print(f"0 of {worth:g} points for {what}: not written yet")
        except AssertionError as error:
            print(f"0 of {worth:g} points for {what}: {error}")
        except Exception as error:
            print(f"0 of {worth:g} points for {what}: it stops with {type(error).__name__}: {error}")
        else:
            self.got += worth

    def total(self):
        return round(min(self.got, self.most), 2)


def _like(got, want):
    """NumPy's numbers and arrays as what is wanted: a tensor, a list, or one of Python's numbers."""
    if not isinstance(got, numpy.generic | numpy.ndarray) or got.dtype == object:
        return got
    if isinstance(want, torch.Tensor):
        return torch.tensor(got.tolist(), dtype=torch.bool if got.dtype == bool else torch.float64)
    if isinstance(want, list | tuple):
        return got.tolist()
    return got.item() if got.size == 1 else got


def _brief(value):
    if isinstance(value, numpy.generic):
        value = value.item()
    if isinstance(value, torch.Tensor):
        number = f", {value.item():.6g}" if value.numel() == 1 and value.is_floating_point() else ""
        return f"a tensor of shape {tuple(value.shape)}, {value.dtype}{number}"
    if isinstance(value, dict):
        return f"a dictionary with the keys {list(value)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{value:.6g}" if isinstance(value, float) else f"{value!r:.80}"


def _equal(got, want, tolerance):
    got = _like(got, want)
    if isinstance(want, torch.Tensor):
        if not isinstance(got, torch.Tensor) or got.shape != want.shape:
            return False
        same_kind = (got.dtype == torch.bool) == (want.dtype == torch.bool)
        return same_kind and torch.allclose(got.double(), want.double(), tolerance, tolerance / 10, True)
    if isinstance(want, int | float):
        number = got.item() if isinstance(got, torch.Tensor) and got.numel() == 1 else got
        if not isinstance(number, numbers.Real):
            return False
        if isinstance(want, float) and not math.isfinite(want):  # inf - inf is no number
            return number == want or (number != number and want != want)
        margin = tolerance * (0.1 + abs(want)) if isinstance(want, float) else 0
        return bool(abs(number - want) <= margin)
    if isinstance(want, dict):
        same_keys = isinstance(got, dict) and got.keys() == want.keys()
        return same_keys and all(_equal(got[key], want[key], tolerance) for key in want)
    if isinstance(want, list | tuple):
        same_length = isinstance(got, list | tuple) and len(got) == len(want)
        return same_length and all(_equal(*pair, tolerance) for pair in zip(got, want, strict=True))
    return type(got) is type(want) and got == want


def _reason(got, want, mistakes):
    got = _like(got, want)
    if got is None and want is not None:
        return "it is None; does the function end in `return`?"
    for sentence, wrong in mistakes.items():
        if isinstance(want, torch.Tensor):
            wrong = torch.as_tensor(wrong)
        if _equal(got, wrong, 1e-3):
            return sentence
    if isinstance(want, dict) and isinstance(got, dict) and got.keys() == want.keys():
        key = next(key for key in want if not _equal(got[key], want[key], 1e-4))
        return f"under {key!r}: {_reason(got[key], want[key], {})}"
    if isinstance(want, list | tuple) and isinstance(got, list | tuple) and len(got) == len(want):
        at = next(i for i in range(len(want)) if not _equal(got[i], want[i], 1e-4))
        return f"at {at}, {_reason(got[at], want[at], {})}"
    if not isinstance(want, torch.Tensor):
        return f"it is {_brief(got)}, not {_brief(want)}"
    if not isinstance(got, torch.Tensor):
        return f"it is {_brief(got)}, not a tensor"
    if got.shape != want.shape:
        return f"its shape is {tuple(got.shape)}, not {tuple(want.shape)}"
    if (got.dtype == torch.bool) != (want.dtype == torch.bool):
        return f"its dtype is {got.dtype}, not {want.dtype}"
    if lost := int(got.isnan().sum()):
        return f"{lost} of its {got.numel()} numbers are NaN (0/0, or the softmax of a row of -inf)"
    gap = (got.double() - want.double()).abs().nan_to_num()
    at = (gap == gap.max()).nonzero()[0].tolist()
    found, wanted = got[tuple(at)].item(), want[tuple(at)].item()
    where = f"at {at}, where it is furthest off, " if at else ""  # a single number has no place
    return f"{where}it is {found:.5g}, not {wanted:.5g}"
