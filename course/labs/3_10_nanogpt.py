# ---
# jupyter:
#   course:
#     title: "Lab 3.10, going further: what makes a tiny GPT learn fast?"
#     further: true
#     summary: Start from nanoGPT's recipe for a laptop, add one part after the other, and see what each buys in two seconds of training.
#     minutes: 25
#     carries: [torch, figures, progress, statistics, attention, counting, training, muon]
# ---

# %% [markdown]
# # Lab 3.10 · What makes a tiny GPT learn fast?
#
# Lesson 3's GPT learned a text in half a minute on one core. The best-known recipe for that is nanoGPT's (Karpathy 2022): train a
# small GPT on the works of Shakespeare, on a laptop, in a few minutes.
#
# Since then people have found faster ones, part by part. Most parts are a line or two. Here you add them to a plain GPT, one after the
# other, and see what each one buys. At the end you race a recipe of your own.
#
# This lab tests no claim.
#
# ## The rules of the race
#
# Every model gets the same **two seconds** of processor time on the same text, Python's manual, character by character. Two seeds. The winner has the lowest loss
# on the last tenth of the text, which nobody trained on.
#
# Equal *time* is a stricter judge than equal steps. A part that makes each step better but slower must gain more than it costs.
#
# ## The parts
#
# A recipe is a list of sizes, switches and learning rates. We turn the switches on from top to bottom.


# %% name="parts"
from typing import NamedTuple


class Parts(NamedTuple):
    """What a model is made of, and how it is trained."""

    D: int = 128  # width
    layers: int = 4
    own_rates: bool = False  # token vectors start large; they and the last layer learn fast
    rotary: bool = False  # lesson 3's: positions by rotation, not by a learned vector for each
    qk_norm: bool = False  # lesson 3's: queries and keys brought to the same length
    zero: bool = False  # lesson 3's: last matrices start at zero, so all tokens alike
    squared: bool = False  # squared ReLU in the feed-forward layer, in place of GELU
    muon: bool = False  # Muon for the matrices, in place of AdamW
    shift: bool = False  # half of what a layer reads comes from the token before
    bf16: bool = False  # compute with numbers of 16 bits, keep the weights in 32
    rate: float = 0.003  # AdamW's highest learning rate
    own: tuple[float, float] = (0.05, 0.015)  # own rates: of token vectors, of the last layer

    # These stay as they are. The longer race at the end changes some.
    falling: bool = True  # the rate falls to zero along a cosine
    momentum: float = 0.9  # Muon's, and its weight decay
    decay: float = 0.0
    dropout: float = 0.0


# %% [markdown]
# Lesson 3's GPT already had rotation, queries and keys of one length, and the zero start. Here we take them out to see what they buy. A few words on the others.
#
# - **Own starts and rates.** A plain GPT starts all weights small and gives them one learning rate. With this switch all start larger, token vectors above all, which are also brought to one length. These and the last layer learn faster than the rest.
# - **Squared ReLU.** Found by a search over many small changes to the transformer. (So et al. 2021)
# - **Muon** evens out a matrix's step. Without it, a few directions dominate the step and the others hardly learn. (Jordan et al. 2024)
# - **A look at the token before.** A layer usually must *attend* to find out which token came just before. Here we hand it over at no cost. (RWKV's token shift, Peng et al. 2023)
# - **16 bits** (bfloat16). Half the memory, and on some processors more speed.


# %% name="part_unit"
def unit(x: Tensor) -> Tensor:
    """Each vector with mean 0 and variance 1."""
    return F.layer_norm(x, x.shape[-1:])


def look_back(x: Tensor) -> Tensor:
    """The first half of each vector is replaced by that of the token before."""
    half = x.shape[-1] // 2
    before = F.pad(x[:, :-1, :half], (0, 0, 1, 0))
    return torch.cat([before, x[..., half:]], dim=-1)


# %% name="part_block"
class Block(nn.Module):
    def __init__(self, parts: Parts):
        super().__init__()
        self.parts, D = parts, parts.D
        self.qkv, self.out = nn.Linear(D, 3 * D, bias=False), nn.Linear(D, D, bias=False)
        self.up, self.down = nn.Linear(D, 4 * D, bias=False), nn.Linear(4 * D, D, bias=False)
        self.drop = nn.Dropout(parts.dropout)

    def read(self, x: Tensor) -> Tensor:
        return look_back(unit(x)) if self.parts.shift else unit(x)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop(attend(self, self.read(x)))
        inside = self.up(self.read(x))
        squared = F.relu(inside).square() if self.parts.squared else F.gelu(inside)
        return x + self.drop(self.down(squared))


# %% name="part_attend"
def attend(block: Block, x: Tensor) -> Tensor:
    """Causal self-attention with heads of 32 numbers, (B, T, D) -> (B, T, D)."""
    heads = x.shape[-1] // 32
    q_k, v = block.qkv(x).split([64 * heads, 32 * heads], dim=-1)
    q_k, v = split_heads(q_k, 2 * heads), split_heads(v, heads)
    if block.parts.qk_norm:
        q_k = unit(q_k)
    if block.parts.rotary:
        q_k = rotate(q_k, base=100.0).to(v.dtype)
    q, k = q_k.chunk(2, dim=1)
    if block.parts.qk_norm:
        q = q * 10 / math.sqrt(32)  # attention divides by √32 again: scores from -10 to 10
    mixed, _ = attention(q, k, v, causal_mask(x.shape[1]))
    return block.out(merge_heads(mixed))


# %% name="part_gpt"
class GPT(nn.Module):
    """Scores for the next token, (B, T) -> (B, T, V); at most T tokens."""

    def __init__(self, V: int, T: int, parts: Parts):
        super().__init__()
        self.parts = parts
        self.token, self.place = nn.Embedding(V, parts.D), nn.Embedding(T, parts.D)
        self.blocks = nn.ModuleList(Block(parts) for _ in range(parts.layers))
        self.head = nn.Linear(parts.D, V, bias=False)
        if not parts.own_rates:  # start as small as GPT-2
            for weights in self.parameters():
                nn.init.normal_(weights, std=0.02)
        if parts.zero:
            lasts = [matrix for block in self.blocks for matrix in (block.out, block.down)]
            for last in (self.head, *lasts):
                nn.init.zeros_(last.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens)
        if not self.parts.rotary:
            x = x + self.place.weight[: tokens.shape[1]]
        x = unit(x) if self.parts.own_rates else x
        for block in self.blocks:
            x = block(x)
        return self.head(unit(x)).float()


# %% name="part_loss"
def loss_of(model: nn.Module, pieces: Tensor) -> Tensor:
    """Nats a character, as in training; the figure has bits (1 nat is 1.44). pieces (B, T + 1)."""
    return F.cross_entropy(model(pieces[:, :-1]).flatten(0, 1), pieces[:, 1:].flatten())


# %% fold="The text"
from pydoc_data.topics import topics

text = "\n".join(topics[name] for name in sorted(topics))
number = {character: i for i, character in enumerate(sorted(set(text)))}
ids = torch.tensor([number[character] for character in text])
cut = int(0.9 * len(ids))
V, T, B = len(number), 64, 6
held_out = ids[cut : cut + 6_001].unfold(0, T + 1, T)  # (pieces, T + 1)


def draw(generator: torch.Generator) -> Tensor:
    """B pieces from anywhere in the text, (B, T + 1)."""
    starts = torch.randint(cut - T - 1, (B, 1), generator=generator)
    return ids[starts + torch.arange(T + 1)]


# %% fold="Counting, to compare with"
import time

before = time.thread_time()
kneser_ney = KneserNey(Counts(ids[:cut], V, 7), 7)
counted_in = time.thread_time() - before
nats = -kneser_ney.score(ids[cut : cut + held_out[:, 1:].numel() + 1]).log().mean().item()
counting = nats / math.log(2)


# %% name="part_rates" fold="The optimizers, and their rates"
def optimizers(model: GPT, parts: Parts) -> list:
    """AdamW, and Muon if it is among the parts. Each group of weights knows its highest rate."""
    high = parts.own if parts.own_rates else (parts.rate, parts.rate)
    matrices = list(model.blocks.parameters())
    groups = [{"params": [model.token.weight, model.place.weight], "high": high[0]}]
    groups.append({"params": [model.head.weight], "high": high[1]})
    if not parts.muon:
        groups.append({"params": matrices, "high": parts.rate})
    chosen: list = [torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.0, fused=True)]
    if parts.muon:
        chosen.append(Muon(matrices, 0.0, parts.momentum, parts.decay))
    return chosen


def set_rates(adam: torch.optim.AdamW, muon: Muon | None = None, share: float = 1.0) -> None:
    for group in adam.param_groups:
        group["lr"] = group["high"] * share
    if muon:
        muon.lr = 0.02 * share


# %% name="part_train" fold="The training loop"
import copy
import time


def train(model: GPT, draw, seconds: float, seed: int, after=lambda done: None) -> int:
    """Train for so many processor seconds; the number of steps. after(share of the time).

    The learning rate follows the share of the time that has passed. With 16 bits there are two
    copies. `works` computes, in 16 bits. `model` keeps the exact weights in 32 bits, since a small
    step would be lost in rounding.
    """
    parts, generator = model.parts, torch.Generator().manual_seed(seed)
    works = copy.deepcopy(model).bfloat16() if parts.bf16 else model
    both = list(zip(model.parameters(), works.parameters()))
    chosen, start, steps = optimizers(model, parts), time.thread_time(), 0
    while (done := (time.thread_time() - start) / seconds) < 1:
        works.zero_grad()
        loss_of(works, draw(generator)).backward()
        if parts.bf16:
            for weights, copied in both:
                weights.grad = None if copied.grad is None else copied.grad.float()
        set_rates(*chosen, share=warm_up_and_cosine(done) if parts.falling else 1.0)
        with torch.autocast("cpu", torch.bfloat16, enabled=parts.bf16):
            for optimizer in chosen:
                optimizer.step()
        if parts.bf16:
            for weights, copied in both:
                copied.data.copy_(weights.data)
        steps += 1
        after(done)
    return steps


# %% [markdown]
# **Predict.** Which part lowers the loss most? Give its name from the list below. (Names are the labels in the figure.)

# %%
guess_part = None  # for instance "squared ReLU"

# %%
SECONDS, TWO_SEEDS = 2.0, (0, 1)
ADDED = {
    "wide and deep, plain": {},
    "narrower, so more steps": {"D": 64, "layers": 3},
    "own starts and rates": {"own_rates": True},
    "lesson 3's three parts": {"rotary": True, "qk_norm": True, "zero": True},
    "squared ReLU": {"squared": True},
    "Muon for matrices": {"muon": True},
    "a look at the token before": {"shift": True},
    "16 bits": {"bf16": True},
}
ladder, parts = {}, Parts()
for name, change in ADDED.items():
    ladder[name] = parts = parts._replace(**change)
ladder["all, but wide and deep"] = parts._replace(D=128, layers=4)


# %% fold="Train and test one row of the ladder"
def race(name: str) -> tuple[list[float], float]:
    """Bits a character of each seed, and the mean number of steps."""
    bits, steps = [], []
    for seed in TWO_SEEDS:
        torch.manual_seed(seed)
        model = GPT(V, T, ladder[name])
        steps.append(train(model, draw, SECONDS, seed))
        with torch.no_grad():
            bits.append(loss_of(model, held_out).item() / math.log(2))
    return bits, statistics.mean(steps)


# %% fold="The race, first half"
names = list(ladder)
raced = {name: race(name) for name in progress(names[:4], "first half")}

# %% fold="The race, second half"
raced |= {name: race(name) for name in progress(names[4:], "second half")}

# %% fold="Draw it"
figure, axis = plt.subplots(figsize=(9, 4.4))
means = [statistics.mean(bits) for bits, _ in raced.values()]
right = max(max(bits) for bits, _ in raced.values()) + 0.15
for row, (name, (bits, steps)) in enumerate(raced.items()):
    color = PURPLE if name.startswith("all, ") else BLUE
    axis.barh(row, means[row], 0.62, color=color, alpha=0.3)
    axis.plot(bits, [row] * len(bits), "o", color=color, markersize=5)
    axis.text(right, row, f"{means[row]:.2f}", va="center", fontsize=11)
    axis.text(0.08, row, f"{steps:.0f} steps", va="center", fontsize=9, color="black")
axis.text(right, -0.75, "mean", fontsize=9, va="center")
axis.axvline(counting, color=RED, linestyle="--", linewidth=2)
axis.text(
    counting + 0.05, len(raced) - 0.3, f"counting: {counting:.2f}", color=RED, va="center"
)
plus = ["+ " if name in names[1:8] else "" for name in names]
axis.set_yticks(range(len(names)), [a + name for a, name in zip(plus, names)])
if guess_part in names[1:8]:
    axis.get_yticklabels()[names.index(guess_part)].set_fontweight("bold")
axis.set(ylim=(len(raced) + 0.1, -1), xlim=(0, right + 0.35))
axis.grid(axis="y", visible=False)
axis.set_xlabel("bits a character on held-out text: shorter is better (dots: seeds)")
axis.set_title(f"{SECONDS:.0f} seconds of training each; every blue bar adds to the one above")
words = "; ".join(
    f"{name} {spread(bits)} in {steps:.0f} steps" for name, (bits, steps) in raced.items()
)
show(
    figure,
    alt=f"Bits a character after {SECONDS:.0f} s of training, each row with one part more: {words}. "
    f"Counting, for comparison: {counting:.2f}.",
)
drops = {name: a - b for name, a, b in zip(names[1:8], means, means[1:])}
best = max(drops, key=drops.get)
print(f"bought most: {best}" + (f"; you guessed: {guess_part}" if guess_part else ""))
print(f"counting needed {counted_in:.1f} seconds")

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# **Time is short, so steps count.** The wide model needs about three times as long for a step. In two seconds it hardly begins, with the plain recipe and with the full one (pink bar). With more time, size begins to pay (lab 3.5).
#
# **Most of the rest is about getting to the point sooner.** Token vectors that start large and learn fast tell the characters apart from the first step on; small, slow ones stay alike for long. (The switch also changes how the matrices start. We did not take that apart.) And a character's neighbours say most about what comes next. Rotation helps a head to find them. A look at the token before hands the nearest one to every layer.
#
# **Some steps are hardly larger than the noise.** Squared ReLU and Muon buy 0.07 and 0.05 bits; two seeds are too few to be sure. Muon's steps teach more, but fewer fit in.
#
# **16 bits** depend on the processor. This one took half as many steps again; others take fewer.
#
# **Counting is far ahead.** It read the whole text in 0.2 seconds. In two, the GPT sees a small part of it. It needs minutes to come close (below).
#
# </details>
#
# **Check yourself.** In a trial run, lesson 3's three parts came *before* the own starts and rates. There the loss rose from 4.4 to 4.7 bits. Here they lower it. How can both be?
#
# - <details><summary>One of the measurements must be wrong</summary> Both can be right.</details>
# - <details><summary>A part can need another one</summary> Right. A model that starts at zero, for instance, must first get away from there. At slow rates, that takes long.</details>
# - <details><summary>The parts only help wide models</summary> In both runs the model was narrow.</details>
#
# ## Your own recipe
#
# Can you beat the best bar? Change a size, a switch or a rate, and run this cell.

# %%
mine = None  # for instance parts._replace(layers=2, own=(0.1, 0.03))
if mine is not None:
    ladder["mine"] = mine
    print("bits a character and steps:", race("mine"))

# %% [markdown]
# ## Against nanoGPT itself
#
# The repository has a longer race: nanoGPT's own program against such recipes, on its own text, the works of Shakespeare, one core (`docs/benchmark.md` says how to run it). Loss is in nats a character here; 1 nat is 1.44 bits.
#
# | recipe | share of nanoGPT's time | loss |
# | --- | --- | --- |
# | nanoGPT | all (106 s) | 1.91 |
# | all parts of this lab, two layers, width 64 | a 25th | 1.83 |
# | all parts, three layers, width 96, 128 characters at a time | a quarter | 1.59 |
# | the same | all | 1.50 |
# | without a look at the token before | all | 1.55 |
# | four layers, width 128 (one seed) | ten times | 1.42 |
# | counting (Kneser-Ney, seven characters) | a 170th | 1.52 |
#
# Three seeds, at most 0.03 apart. nanoGPT on a GPU: 1.47.
#
# **What could still be wrong.** Two seconds are very little, and rates were chosen by a few trials, not for each row anew. In another order, each part buys something else; we chose this order after a first run, in which noise hid half of the steps. On other texts, other parts may help. And what is cheap on this processor may be dear on a GPU.
#
# **To read on.** Jordan et al., *modded-nanogpt* (github.com/KellerJordan/modded-nanogpt): the same race on eight GPUs, where the time to a given loss fell from 45 minutes to under 3.
