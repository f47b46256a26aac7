"""The benchmark's own workings, with a stand-in for nanoGPT, which does not belong to the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from course import benchmark
from course.__main__ import main
from course.errors import CourseError

TEXT = "the cat sat on the mat. " * 600

# What the benchmark uses of nanoGPT: options as --name=value, lines with times, a `model` that gives a loss.
TRAIN = """
import sys, time
import torch
torch.manual_seed(1337)
options = dict(word[2:].split("=") for word in sys.argv[2:])
assert sys.argv[1] == "config/train_shakespeare_char.py" and options["device"] == "cpu"
start = time.time()
for step in range(int(options["max_iters"]) + 1):
    sum(range(100_000))
    print(f"iter {step}: loss 4.0000, time {(time.time() - start) * 1000:.2f}ms, mfu -100.00%")
    start = time.time()

class Model(torch.nn.Module):
    def forward(self, tokens, targets):
        scores = torch.zeros(*tokens.shape, 11)
        return scores, torch.nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten())

model = Model()
print("drew", torch.rand(1).item())
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "nanoGPT"
    for name in benchmark.NANOGPT_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(TRAIN if name == "train.py" else "")
    return folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def ids() -> list[int]:
    chars = sorted(set(TEXT))
    return [chars.index(character) for character in TEXT]


def test_nanogpt_is_timed_by_the_processor_and_scored_on_the_whole_held_out_text(checkout: Path) -> None:
    result = benchmark.nanogpt(checkout, ids(), 11, seed=0, steps=40)
    assert result.loss == pytest.approx(2.3979, abs=1e-3)  # ln 11: its scores are all alike
    assert 0.01 < result.seconds < 10
    assert benchmark.nanogpt(checkout, ids(), 11, seed=0, steps=400).seconds > 3 * result.seconds


def test_nanogpt_that_stops_says_why(checkout: Path) -> None:
    (checkout / "train.py").write_text("raise RuntimeError('no such option')")
    with pytest.raises(CourseError, match="no such option"):
        benchmark.nanogpt(checkout, ids(), 11, seed=0, steps=2)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("no text", "--text names the text"),
        ("short text", "at least 10,000"),
        ("no checkout", "has no model.py"),
    ],
)
def test_bad_paths_are_named(
    what: str, message: str, checkout: Path, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if what == "no text":
        text.unlink()
    elif what == "short text":
        text.write_text("too short")
    else:
        (checkout / "model.py").unlink()
    assert main(["benchmark", "--text", str(text), "--nanogpt", str(checkout)]) == 1
    assert message in capsys.readouterr().err


def test_the_lesson_s_cells_learn_and_their_budget_is_kept() -> None:
    import torch

    torch.set_num_threads(1)  # two threads that wait for a busy core take many times as long
    cells, tokens = benchmark.lesson_cells(), torch.tensor(ids())
    small = {"D": 16, "layers": 1, "H": 1}
    recipe = benchmark.Recipe(small, {"B": 4, "T": 16}, {}, steps=60)
    result, model = benchmark.train(cells, recipe, tokens, 11, 0, 0)
    assert result.loss < 1.5  # a sentence said over and over; ln 11 is 2.4
    counted, given = benchmark.count_ngrams(cells, tokens, 11)
    assert counted.loss < 0.1
    assert counted.loss < benchmark.half_and_half(cells, model, given, tokens, 16) < result.loss
    timed = benchmark.Recipe(small, {"B": 4, "T": 16}, {}, times=2)
    assert 0.5 < benchmark.train(cells, timed, tokens, 11, 0, budget=0.5)[0].seconds < 2


def test_every_recipe_builds() -> None:
    import torch

    cells, lab = benchmark.lesson_cells(), benchmark.lab_cells()
    for recipe in benchmark.RECIPES.values():
        assert (recipe.steps > 0) != (recipe.times > 0)
        scores, _ = cells["GPT"](65, **recipe.model)(torch.zeros(1, 4, dtype=torch.long))
        assert scores.shape == (1, 4, 65)
        cells["Rates"](**recipe.rates)
    for recipe in (benchmark.LAB_RECIPES | benchmark.LONG).values():
        model = lab["GPT"](65, 64, lab["Parts"](**benchmark.ALL_PARTS | recipe.changes))
        assert model(torch.zeros(1, 4, dtype=torch.long)).shape == (1, 4, 65)


def test_the_lab_s_cells_learn_in_the_time_they_are_given() -> None:
    import torch

    torch.set_num_threads(1)
    lab, tokens = benchmark.lab_cells(), torch.tensor(ids())
    draw = benchmark.lesson_cells()["pieces"](tokens, B=4, T=16)
    recipe = benchmark.LabRecipe({"D": 32, "layers": 1}, {"B": 4, "T": 16}, 2)
    result, _ = benchmark.train_lab(lab, draw, recipe, tokens, 11, 0, budget=1)
    assert result.seconds == 2
    assert result.loss < 1.5  # ln 11 is 2.4


def test_report_compares_seed_by_seed() -> None:
    nanogpt = [benchmark.Result(80, 1.9), benchmark.Result(100, 1.88)]
    ours = [benchmark.Result(8, 1.87), benchmark.Result(20, 1.86)]
    table = benchmark.report({"nanoGPT": nanogpt, "plain Transformer": ours})
    assert (
        "| plain Transformer | 14.0 (8.0 to 20.0) | 1.865 (1.860 to 1.870) | 7.5 (5.0 to 10.0) times" in table
    )
