# ---
# jupyter:
#   course:
#     title: "Lab 4.2b: a mixture or a large dense model? Text"
#     claim: "4.2b"
#     summary: A small GPT with sixteen experts races a GPT that uses all those weights for every byte, on four kinds of text, by steps, by seconds and in longer training.
#     minutes: 23
#     carries: [torch, figures, progress, statistics, side_by_side, attention, sentence_pairs, chinese_grammar, tiny_gpt, experts, four_kinds, lab]
# ---

# %% [markdown]
# # Lab 4.2b · A mixture or a large dense model? Text
#
# **The claim** (A0, an interview of 2024). A mixture of experts (混合专家模型) reaches trillions of parameters at low cost. Its efficiency and its quality match or pass a large dense model.
#
# Why believe it? Text has many parts, so there is work for many experts, while a byte pays for one. Why doubt it? A text does not say what its parts are. (Trillions cannot be tested here: our largest models hold 116,000 weights.)
#
# ## A text of four kinds, four models
#
# The text is a quarter English (Python's manual), a quarter Python code, a quarter lines of numbers, a quarter Chinese. A token is a byte (字节): one for a Latin letter or a digit, three for a Chinese character.

# %%
train_texts, held_out = four_kinds()
for kind, ids in train_texts.items():
    piece = bytes(ids[10_000:10_090].tolist()).decode(errors="ignore")
    print(f"{kind:8} {' / '.join(piece.split(chr(10)))}")

# %% [markdown]
# The models are GPTs as in lesson 3, with two layers of width 32. They differ in their feed-forward layers:
#
# - **small dense**: all bytes through the same narrow layer;
# - **large dense**: all bytes through one wide layer, with all the mixture's weights;
# - **mixture**: 16 experts of the small size, and a learned router that picks one for each byte;
# - **hashed mixture** (哈希): the same experts, but a fixed table, drawn at random, sends each of the 256 bytes to one of them.

# %%
Kind = str
SMALL, LARGE, MIXTURE, HASHED = "small dense", "large dense", "mixture", "hashed mixture"
LAYERS = {
    SMALL: lambda: Dense(32, 38),  # an expert's weights, and the router's
    LARGE: lambda: Dense(32, 518),  # the weights of all experts, and the router's
    MIXTURE: lambda: MoE(32, 32, 16, k=1),
}
held, used = {}, {}  # weights in matrices: in the whole model, and by one byte
for kind, new_layer in LAYERS.items():
    model = kinds_gpt(0, new_layer)
    held[kind] = sum(w.numel() for w in model.parameters() if w.dim() > 1) - 256 * 32
    idle = 2 * 15 * 3 * 32 * 32 if kind == MIXTURE else 0  # two layers, 15 experts
    used[kind] = held[kind] - idle
    print(f"{kind:12} holds {held[kind]:7,} weights, a byte is multiplied by {used[kind]:7,}")

# %% [markdown]
# (Without the vectors of the bytes, which are looked up, not multiplied.)
#
# We compare in three ways:
#
# - at **equal steps**: all read the same text;
# - in **equal seconds** (processor time): the slower model reads less;
# - at **three times the steps**: for the large model may only need longer training.
#
# Memory (内存) needs no comparison: the mixture holds as many weights as the large model.
#
# **It counts as shown if**, in all three, a mixture *matches* the large model (at most 0.02 bits a byte more, mean of three seeds) and is *ahead* of the small one (at least 0.02 fewer).
#
# The small model is an opponent's control. If only one mixture passes, or only in some comparisons, that is the condition of *supported only if*.
#
# (This is our third rule. The first had no small model. We added it because it beats the large one in equal seconds. The second asked for a lead in every seed, also at equal multiplications, and took the hashed mixture for a control. After the run a reader objected: the claim says *match or pass*, and a hashed mixture is one, too. We set the 0.02 when one of the last six runs was known: those of the small model and the hashed mixture at three times the steps.)

# %% fold="The hashed router, and a training run as a job"
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple


class Table(nn.Module):
    """In the router's place: scores that leave no doubt about the expert of a byte."""

    tokens: Tensor  # (B, T), set before the model runs

    def __init__(self, seed: int):
        super().__init__()
        self.expert = torch.randperm(256, generator=torch.Generator().manual_seed(seed)) % 16

    def forward(self, x: Tensor) -> Tensor:
        return 20.0 * F.one_hot(self.expert[self.tokens].flatten(), 16)


def hash_router(model: GPT, seed: int) -> None:
    for block in model.blocks:
        block.layer.router = Table(seed)

    def show_tokens(model: GPT, inputs: tuple[Tensor, ...]) -> None:
        for block in model.blocks:
            block.layer.router.tokens = inputs[0]

    model.register_forward_pre_hook(show_tokens)


class Run(NamedTuple):
    bits: float  # a byte, mean of the four kinds
    seconds: float  # of training, processor time


def train_and_test(model: GPT, kind: Kind, seed: int, steps: int) -> Run:
    def balance(step: int, loss: float) -> None:
        for block in model.blocks:
            if kind == MIXTURE:
                move_bias(block.layer, 0.003)

    start = time.thread_time()
    train(model, draw_kinds(train_texts, seed), steps, rate=0.01, after=balance)
    seconds = time.thread_time() - start
    return Run(statistics.mean(bits_by_kind(model, held_out).values()), seconds)


def job(kind: Kind, seed: int, steps: int) -> Callable[[], Run]:
    """A run for later. The first weights are drawn now: they must not depend on threads."""
    model = kinds_gpt(seed, LAYERS[MIXTURE if kind == HASHED else kind])
    if kind == HASHED:
        hash_router(model, seed)
    return partial(train_and_test, model, kind, seed, steps)


# %% [markdown]
# All train as in lesson 3. The learned router has the selection bias, as in lesson 4's part on text (its domains have the balance loss). We tried half and twice the rate with seed 0, but not for the hashed mixture; 0.01 was best for the others.
#
# ## The race
#
# **Predict.** After 1,400 steps the small model needs 2.4 bits a byte. How many do the mixture and the large model need?

# %%
guess_mixture, guess_large = None, None  # for instance 2.2, 2.1

# %% fold="The stored runs: bits a byte"
# Made by job(kind, seed, steps) with seeds 0, 1, 2 and Python 3.11, in 15 minutes on one core. 1,400 steps took
# 6.9 s (small), 11.4 s (mixture, hashed) and 13.5 s (large), means of three seeds. So in the mixture's seconds
# fit 2,310 steps of the small model and 1,185 of the large one; we ran 2,300 and 1,200.
# In its multiplications fit 284 of the large one (1,400 / 4.9), and of the small one 1,392, nearly as many.
STORED = {
    (SMALL, 1400): (2.418, 2.417, 2.393),
    (MIXTURE, 1400): (2.305, 2.217, 2.250),
    (LARGE, 1400): (2.229, 2.239, 2.197),
    (HASHED, 1400): (2.207, 2.177, 2.162),
    (SMALL, 2300): (2.282, 2.276, 2.247),
    (LARGE, 1200): (2.303, 2.342, 2.293),
    (LARGE, 284): (3.042, 3.061, 3.085),
    (MIXTURE, 4200): (1.918, 1.937, 1.914),
    (LARGE, 4200): (1.877, 1.827, 1.843),
    (LARGE, 3600): (1.913, 1.871, 1.871),
    (HASHED, 4200): (1.869, 1.917, 1.894),
    (SMALL, 4200): (2.146, 2.130, 2.139),
}

# %% [markdown]
# All runs take 15 minutes, so we stored them. For three models, seed 0 runs here.

# %%
STEPS = 1400
live = side_by_side([job(kind, 0, STEPS) for kind in (LARGE, MIXTURE)], "seed 0")

# %%
live += side_by_side([job(HASHED, 0, STEPS)], "hashed")
for kind, run in zip((LARGE, MIXTURE, HASHED), live):
    print(f"{kind:14} here {run.bits:.3f}, stored {STORED[kind, STEPS][0]:.3f} bits a byte")
ratio = live[1].seconds / live[0].seconds
print(f"a step of the mixture takes {ratio:.2f} times as long as the large model's")

# %% fold="Which mixture passes in which comparison?"
Bits = tuple[float, ...]
EVERY = (SMALL, LARGE, MIXTURE, HASHED)
RUNS: dict[str, dict[Kind, Bits]] = {  # what each model reached
    "equal steps": {kind: STORED[kind, STEPS] for kind in EVERY},
    "equal seconds": {
        SMALL: STORED[SMALL, 2300],
        LARGE: STORED[LARGE, 1200],
        MIXTURE: STORED[MIXTURE, STEPS],
        HASHED: STORED[HASHED, STEPS],
    },
    "three times the steps": {kind: STORED[kind, 3 * STEPS] for kind in EVERY},
}
passed: dict[Kind, list[str]] = {MIXTURE: [], HASHED: []}
for comparison, runs in RUNS.items():
    print(comparison)
    means = {kind: statistics.mean(runs[kind]) for kind in EVERY}
    for kind in EVERY:
        print(f"    {kind:14} {spread(runs[kind], '.3f'):23}", end="")
        if kind in passed:
            more, fewer = means[kind] - means[LARGE], means[SMALL] - means[kind]
            if more <= 0.02 and fewer >= 0.02:
                passed[kind].append(comparison)
            print(f"  {more:+.3f} beside large, {-fewer:+.3f} beside small: ", end="")
            print("passes" if comparison in passed[kind] else "fails", end="")
        print()
print("outside the rule")
for count in (284, 3600):
    print(f"    large dense, {count:5,} steps {spread(STORED[LARGE, count], '.3f')}")

# %% tags=["result"] fold="Draw the race"
COLOR = {SMALL: ORANGE, LARGE: GREY, MIXTURE: BLUE, HASHED: GREEN}
figure, (left, right) = plt.subplots(1, 2, figsize=(9.4, 4), width_ratios=(5, 3))
for axis, at, runs in zip((left, left, right), (0, 1, 0), RUNS.values()):
    least = statistics.mean(runs[LARGE])
    axis.fill_between([at - 0.5, at + 0.5], least, least + 0.02, color=GREY, alpha=0.25, lw=0)
    for kind, shift in zip(EVERY, (-0.3, -0.1, 0.1, 0.3)):
        place, mean = at + shift, statistics.mean(runs[kind])
        axis.plot([place] * 3, runs[kind], "o", color=COLOR[kind], markersize=5)
        axis.plot([place - 0.08, place + 0.08], [mean] * 2, color=COLOR[kind], linewidth=2)
for kind, color in COLOR.items():
    left.plot([], [], "o", color=color, label=kind)
figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=10)
left.set(xlim=(-0.5, 1.5), ylabel="bits a byte (lower is better)")
left.set_xticks(range(2), ["equal steps (1,400)", "equal seconds"])
left.axvline(0.5, color=GREY, linewidth=0.8)
right.set(xlim=(-0.5, 0.5), ylabel="bits a byte")
right.set_xticks([0], ["three times the steps (4,200)"])
for axis in (left, right):
    axis.grid(axis="x", visible=False)
figure.suptitle(
    "Dots: seeds. Bars: means. A mean in or below the band matches large dense",
    fontsize=11,
)
draw_guess(left, guess_mixture, at=0.1)
draw_guess(left, guess_large, at=-0.1)
words = "; ".join(
    f"{comparison}: "
    + ", ".join(f"{kind} {spread(each, '.3f')}" for kind, each in runs.items())
    for comparison, runs in RUNS.items()
)
show(figure, alt=f"Bits a byte, mean and range of three seeds. {words}.")

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# **The learned router.** At equal steps it comes four fifths of the way from the small to the large model: no match. In equal seconds it passes the large one, but is hardly ahead of the small one. Few of the saved multiplications become saved time: its step takes 1.6 times the small model's and 0.8 to 0.9 times the large one's.
#
# **The hashed mixture** passes the large model at equal steps and in equal seconds. A table divides the bytes from the first step; no expert waits until a router has found a division.
#
# **Three times the steps.** Now the large model is ahead of both mixtures. It has multiplied five times as much. In equal seconds it gets 3,600 steps instead of 4,200, and needs 1.88 bits: there the hashed mixture (1.89) matches it. We ran this later, and it does not count.
#
# **And with equal multiplications?** Then the large model gets 284 steps, and needs 3.06 bits. But even the small one, for which equal multiplications are equal steps, needs only 2.41. This shows how bad short training is, not how good mixtures are.
#
# </details>
#
# **Check yourself.** The hashed router looks at nothing but the byte, and beats the learned one. What follows?
#
# - <details><summary>Experts are no use on text.</summary> They are: the hashed mixture is far ahead of the small model.</details>
# - <details><summary>The gain over the small model does not show that a router understands text.</summary> Right. More weights are enough, if each expert gets a fixed part. Lab 4.1 asks what learned routers divide.</details>
# - <details><summary>Learned routers are never worth it.</summary> On lesson 4's domains a hash was the worst of all.</details>
#
# ## The answer

# %% fold="Write the grade and the answer"
best = max(passed, key=lambda kind: len(passed[kind]))
table = "a fixed table, not our learned router, picks the experts"
router = table if best == HASHED else "a learned router picks the experts"
if all(len(each) == len(RUNS) for each in passed.values()):
    grade = SUPPORTED
elif len(passed[best]) == len(RUNS):
    grade = only_if(router)
elif passed[best] == ["equal steps", "equal seconds"]:
    grade = only_if(f"{router} and training is short (here {STEPS:,} steps)")
elif passed[best]:
    grade = only_if(f"{router} and we compare at {' or '.join(passed[best])}")
else:
    grade = NOT_SUPPORTED
steps, secs, longer = (
    {kind: statistics.mean(bits) for kind, bits in runs.items()} for runs in RUNS.values()
)
then = "behind" if "three times the steps" not in passed[HASHED] else "not behind"
answer(
    "4.2b",
    f"A mixture routing by a fixed table needs {steps[HASHED]:.2f} bits a byte; a large dense model {steps[LARGE]:.2f} "
    f"({secs[LARGE]:.2f} in equal seconds), a small one {steps[SMALL]:.2f} ({secs[SMALL]:.2f}). After longer training it is "
    f"{then} ({longer[HASHED]:.2f}, {longer[LARGE]:.2f}). A learned router needs {steps[MIXTURE]:.2f}.",
    grade,
)

# %% [markdown]
# **What could still be wrong.** Sixteen narrow experts on one core are the worst case for seconds; wider ones save more (lab 4.2a). A better trained router (by a balance loss, say) might catch up.
#
# **What the literature measured.** Switch Transformer reached T5's quality up to seven times faster with the same machines (Fedus et al. 2021, arXiv 2101.03961). Mixtral, which uses 13 of 47 billion weights, equals Llama 2 with 70 billion or passes it on most tests (Jiang et al. 2024, 2401.04088). A fixed hash of the token did as well as the learned routers of its day (Roller et al. 2021, 2106.04426).
