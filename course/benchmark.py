"""python -m course benchmark --text FILE --nanogpt FOLDER: faster recipes against nanoGPT's.

nanoGPT's README (Karpathy 2022) publishes a recipe for a laptop's CPU: 4 layers, 4 heads, width 128,
context 64, batch 12, 2,000 steps, loss 1.88 on the works of Shakespeare. Here its own train.py runs that
recipe, and the cells of course/cells and of lab 3.10 run theirs: one machine, one text, one core, processor
seconds of training, evaluation left out. Neither the text nor nanoGPT belongs to this project; both are
given as paths.
"""

from __future__ import annotations

import math
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from .errors import CourseError
from .sources import find_cell

SELF = Path(__file__)
CELLS = (
    "cells/training:warm_up_and_cosine",
    *(f"cells/attention:{name}" for name in ("attention", "causal_mask", "rope", "heads")),
    "cells/muon:muon",
    *(f"cells/counting:{name}" for name in ("ngram_tables", "kneser_ney")),
    *(
        f"cells/recipe:{name}"
        for name in (
            "gpt_attention",
            "gpt_block",
            "gpt",
            "pieces",
            "gpt_optimizers",
            "train_gpt",
            "held_out_bits",
        )
    ),
)
# Lab 3.10's, which uses some of the same names: its cells are defined apart.
LAB_CELLS = (
    *CELLS[:6],
    *(
        f"labs/3_10_nanogpt:{name}"
        for name in (
            "parts",
            "part_unit",
            "part_block",
            "part_attend",
            "part_gpt",
            "part_loss",
            "part_rates",
            "part_train",
        )
    ),
)
NANOGPT_FILES = ("train.py", "model.py", "configurator.py", "config/train_shakespeare_char.py")
NANOGPT_OPTIONS = {
    "device": "cpu",
    "compile": False,
    "block_size": 64,
    "batch_size": 12,
    "n_layer": 4,
    "n_head": 4,
    "n_embd": 128,
    "dropout": 0.0,
    "eval_interval": 1_000_000,  # it evaluates once, at the start; the loss is measured here
    "eval_iters": 1,
    "log_interval": 1,
    "always_save_checkpoint": False,
}
STEPS = 2000  # nanoGPT's

# Runs nanoGPT's train.py as it is, but for two things: the clock is the processor's, the fixed seed is moved.
RUN_NANOGPT = """
import runpy, sys, time
import torch
seed, set_seed = int(sys.argv.pop()), torch.manual_seed
torch.manual_seed = lambda fixed: set_seed(fixed + seed)
time.time = time.process_time
torch.set_num_threads(1)
made = runpy.run_path("train.py", run_name="__main__")
import numpy
held_out = numpy.fromfile("data/shakespeare_char/val.bin", dtype=numpy.uint16).astype(numpy.int64)
pieces = torch.from_numpy(held_out)[: (len(held_out) - 1) // 64 * 64 + 1].unfold(0, 65, 64)
model = made["model"].eval()
total = 0.0
with torch.no_grad():
    for part in pieces.split(64):
        total += model(part[:, :-1], part[:, 1:].contiguous())[1].item() * len(part)
print("held out", total / len(pieces))
"""


class Result(NamedTuple):
    seconds: float
    loss: float  # nats a character, on the last tenth of the text


class Recipe(NamedTuple):
    """How one of the models (lab 3.5) is built and trained. `times`: for so many times nanoGPT's seconds."""

    model: dict[str, Any]
    batch: dict[str, int]
    rates: dict[str, Any]
    steps: int = 0
    times: float = 0.0


TABLES = (8192, 8192, 8192)
RECIPES = {
    "plain Transformer": Recipe({"D": 64, "layers": 2, "H": 2}, {"B": 8, "T": 64}, {}, steps=840),
    "with n-gram tables": Recipe(
        {"D": 48, "layers": 1, "H": 2, "tables": TABLES}, {"B": 8, "T": 64}, {}, steps=220
    ),
}


class LabRecipe(NamedTuple):
    """One of lab 3.10's models, with all of its parts. `times`: for so many times nanoGPT's seconds."""

    changes: dict[str, Any]  # to the parts
    batch: dict[str, int]
    times: float


ALL_PARTS = dict.fromkeys(
    ("rotary", "qk_norm", "squared", "own_rates", "muon", "zero", "shift", "bf16"), True
) | {"own": (0.02, 0.01), "momentum": 0.95, "decay": 0.1}
LAB_RECIPES = {
    "lab 3.10's, in a 25th of nanoGPT's time": LabRecipe(
        {"D": 64, "layers": 2, "own": (0.05, 0.015), "momentum": 0.9, "decay": 0.0}, {"B": 8, "T": 64}, 0.04
    ),
    "lab 3.10's, in a quarter of it": LabRecipe({"D": 96, "layers": 3}, {"B": 6, "T": 128}, 0.25),
    "lab 3.10's, in all of it": LabRecipe({"D": 96, "layers": 3}, {"B": 6, "T": 128}, 1),
    "the same without a look at the token before": LabRecipe(
        {"D": 96, "layers": 3, "shift": False}, {"B": 6, "T": 128}, 1
    ),
}
LONG = {
    "lab 3.10's, in ten times as much": LabRecipe(
        {"D": 128, "layers": 4, "dropout": 0.1}, {"B": 4, "T": 256}, 10
    )
}


def define(keys: Sequence[str], names: dict[str, Any]) -> dict[str, Any]:
    """`names`, and what these named cells define among them."""
    for key in keys:
        exec(compile(find_cell(key, SELF, "benchmark").source, key, "exec"), names)
    return names


def lesson_cells() -> dict[str, Any]:
    """What the named cells of lab 3.5 define: the model and the training are written nowhere else."""
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    names: dict[str, Any] = {"__name__": "lesson", "math": math, "time": time}
    names |= {"torch": torch, "F": F, "nn": nn, "Tensor": Tensor}
    names |= {"Any": Any, "Callable": Callable, "NamedTuple": NamedTuple, "Sequence": Sequence}
    return define(CELLS, names)


def lab_cells() -> dict[str, Any]:
    """What lab 3.10's named cells define."""
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    names: dict[str, Any] = {"__name__": "lab", "math": math, "device": "cpu"}
    return define(LAB_CELLS, names | {"torch": torch, "F": F, "nn": nn, "Tensor": Tensor})


def read_text(path: Path) -> str:
    """The text.

    Raises:
        CourseError: there is none, or too little for a tenth of it to be a test.
    """
    if not path.is_file():
        raise CourseError(
            path, "there is no such file; --text names the text to learn, for instance tinyshakespeare"
        )
    text = path.read_text(encoding="utf-8")
    if len(text) < 10_000:
        raise CourseError(path, f"{len(text):,} characters; at least 10,000 are needed")
    return text


def check_nanogpt(folder: Path) -> None:
    for name in NANOGPT_FILES:
        if not (folder / name).is_file():
            raise CourseError(
                folder, f"it has no {name}; --nanogpt names a checkout of github.com/karpathy/nanoGPT"
            )


def nanogpt(folder: Path, ids: Sequence[int], V: int, seed: int, steps: int = STEPS) -> Result:
    """Run nanoGPT's own train.py in a copy of its checkout.

    Raises:
        CourseError: it stopped with an error; its last lines are in the message.
    """
    import numpy as np

    cut = int(0.9 * len(ids))
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / "nanogpt"
        for name in NANOGPT_FILES:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, copy / name)
        data = copy / "data" / "shakespeare_char"
        data.mkdir(parents=True)
        for name, part in (("train.bin", ids[:cut]), ("val.bin", ids[cut:])):
            np.array(part, dtype=np.uint16).tofile(data / name)
        (data / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": V}))
        chosen = NANOGPT_OPTIONS | {"max_iters": steps, "lr_decay_iters": steps}
        options = [f"--{name}={value}" for name, value in chosen.items()]
        done = subprocess.run(
            [sys.executable, "-c", RUN_NANOGPT, "config/train_shakespeare_char.py", *options, str(seed)],
            cwd=copy,
            env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
        )
    steps_took = [float(ms) for ms in re.findall(r"time (\d+\.\d+)ms", done.stdout)]
    held_out = re.search(r"held out (\d+\.\d+)", done.stdout)
    if done.returncode or not steps_took or held_out is None:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise CourseError(folder, f"its train.py stopped:\n{last}")
    return Result(sum(steps_took[1:]) / 1000, float(held_out[1]))  # the first step holds an evaluation


def train(
    cells: dict[str, Any], recipe: Recipe, ids: Any, V: int, seed: int, budget: float
) -> tuple[Result, Any]:
    """Train one of the models; the result and the model. `budget`: nanoGPT's processor seconds."""
    import torch

    cut = int(0.9 * len(ids))
    learn, held_out = ids[:cut], ids[cut:]
    draw = cells["pieces"](learn, **recipe.batch)
    rates = cells["Rates"](**recipe.rates)

    def run(steps: int) -> tuple[Any, float]:
        torch.manual_seed(seed)
        model = cells["GPT"](V, **recipe.model)
        bar = tqdm(total=steps, leave=False, desc=f"seed {seed}", mininterval=1)
        took = cells["train_gpt"](model, draw, steps, seed, rates=rates, after=lambda *_: bar.update())
        bar.close()
        return model, took

    steps = recipe.steps or int(recipe.times * budget / (run(60)[1] / 60))
    model, took = run(steps)
    return Result(took, score(cells["loss_of"], model, held_out, recipe.batch["T"])), model


def score(loss_of: Callable[[Any, Any], Any], model: Any, held_out: Any, T: int) -> float:
    """Nats a character on pieces that follow each other: the first of a piece has nothing before it."""
    import torch

    pieces = held_out[: (len(held_out) - 1) // T * T + 1].unfold(0, T + 1, T)
    with torch.no_grad():
        return sum(loss_of(model, part).item() * len(part) for part in pieces.split(64)) / len(pieces)


def train_lab(
    lab: dict[str, Any], draw: Any, recipe: LabRecipe, ids: Any, V: int, seed: int, budget: float
) -> tuple[Result, Any]:
    """Train one of lab 3.10's models for its share of `budget`, nanoGPT's processor seconds."""
    import torch

    torch.manual_seed(seed)
    T, seconds = recipe.batch["T"], recipe.times * budget
    model = lab["GPT"](V, T, lab["Parts"](**ALL_PARTS | recipe.changes))
    with tqdm(total=100, leave=False, desc=f"seed {seed}", mininterval=1) as bar:
        lab["train"](model, draw, seconds, seed, after=lambda done: bar.update(int(done * 100) - bar.n))
    return Result(seconds, score(lab["loss_of"], model.eval(), ids[int(0.9 * len(ids)) :], T)), model


def count_ngrams(cells: dict[str, Any], ids: Any, V: int, order: int = 7) -> tuple[Result, Any]:
    """Kneser-Ney: the result, and the probability it gave each held-out character but the first."""
    cut = int(0.9 * len(ids))
    start = time.process_time()
    model = cells["KneserNey"](cells["Counts"](ids[:cut], V, order), order)
    took = time.process_time() - start
    given = model.score(ids[cut:])
    return Result(took, -given.log().mean().item()), given


def half_and_half(cells: dict[str, Any], model: Any, given: Any, ids: Any, T: int) -> float:
    """The loss of half the probability from each, of a model and of the counts.

    As in lab 3.5, the model's windows overlap by half: all but the first characters have T/2 before them.
    """
    held_out = ids[int(0.9 * len(ids)) :]
    p = cells["given_to"](model, held_out, T).double()
    return -((p + given[: len(p)]) / 2).log().mean().item()


def report(results: dict[str, list[Result]]) -> str:
    """A Markdown table: seconds, loss, and how many times faster than nanoGPT in the same run."""
    lines = [
        "| recipe | processor seconds | loss, nats a character | nanoGPT's time is |",
        "| --- | --- | --- | --- |",
    ]
    spread = define(("cells/statistics:spread",), {})["spread"]
    base = [result.seconds for result in results["nanoGPT"]]
    for name, runs in results.items():
        seconds = [run.seconds for run in runs]
        ratios = [theirs / ours for theirs, ours in zip(base, seconds, strict=True)]
        lines.append(
            f"| {name} | {spread(seconds, '.1f')} | {spread([run.loss for run in runs], '.3f')} "
            f"| {spread(ratios, '.2g' if min(ratios) < 1 else '.1f')} times as long |"
        )
    return "\n".join(lines)


def main(text: Path, folder: Path, seeds: int, long: bool) -> int:
    """Run everything, seed by seed, and print the table after each."""
    check_nanogpt(folder)
    characters = read_text(text)
    import torch

    torch.set_num_threads(1)
    cells, lab = lesson_cells(), lab_cells()
    chars = sorted(set(characters))
    number = {character: i for i, character in enumerate(chars)}
    ids = torch.tensor([number[character] for character in characters])
    results: dict[str, list[Result]] = {"nanoGPT": []}
    for seed in range(seeds):
        theirs = nanogpt(folder, ids.tolist(), len(chars), seed)
        results["nanoGPT"].append(theirs)
        counted, given = count_ngrams(cells, ids, len(chars))
        results.setdefault("Kneser-Ney, order 7", []).append(counted)
        for name, recipe in RECIPES.items():
            ours, _ = train(cells, recipe, ids, len(chars), seed, theirs.seconds)
            results.setdefault(name, []).append(ours)
        for name, lab_recipe in (LAB_RECIPES | (LONG if long else {})).items():
            draw = cells["pieces"](ids[: int(0.9 * len(ids))], **lab_recipe.batch)
            ours, model = train_lab(lab, draw, lab_recipe, ids, len(chars), seed, theirs.seconds)
            results.setdefault(name, []).append(ours)
            if lab_recipe.times >= 1:
                loss = half_and_half(
                    cells, lambda tokens, model=model: (model(tokens),), given, ids, lab_recipe.batch["T"]
                )
                both = Result(ours.seconds + counted.seconds, loss)
                results.setdefault(f"{name}, half and half with Kneser-Ney", []).append(both)
        print(f"after {seed + 1} of {seeds} seeds, {len(characters):,} characters, one core:")
        print(f"{report(results)}\n", flush=True)
    return 0
