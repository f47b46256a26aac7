# ---
# jupyter:
#   course:
#     title: "Lab 1.2: does attention process a sequence in parallel?"
#     claim: "1.2"
#     summary: Count the steps that must wait for each other in an LSTM and in attention, then see what a second core takes off the first.
#     minutes: 25
#     carries: [torch, figures, progress, statistics, attention, lab, chain]
# ---

# %% [markdown]
# # Lab 1.2 · Does attention process a sequence in parallel?
#
# **The claim.** Attention (注意力) processes a sequence in parallel far better than an LSTM (长短时记忆网络), says an article on
# Chinese models (A1, 2023). The Transformer was invented because LSTMs were too slow, adds a panel (A4, 2023).
#
# **Why believe it?** An LSTM reads one token after the other. **Why doubt it?** Attention compares every token with all
# before it: more work.
#
# **It counts as shown if** (1) the LSTM's longest chain of waiting steps grows with the text, attention's does not; (2) with one long sequence,
# the first of two cores keeps at least 0.2 less of its work for attention than for the LSTM.
#
# What it keeps is a share: its work beside a helper, divided by its work alone. If one large matrix product keeps 0.8 or more, no second core is free, and only (1)
# is graded. Conditions are added if attention's chain grows when it *writes*, or if one core is slower with attention at some length.
# Our first rule asked only for speed on *one* core. There nobody can share the work; amount and kind of work decide.
#
# ## Who waits for whom
#
# An LSTM changes its memory at each token. So its result at token t
# needs the result at token t − 1. Attention looks directly at the tokens. The numbers: in which step a result can be computed.

# %% fold="Draw who waits for whom" tags=["diagram"]
TOKENS = 5
figure, axes = plt.subplots(1, 2, figsize=(8, 2.7))
for axis, name in zip(axes, ("LSTM", "attention")):
    alone = name == "attention"  # no result waits for another
    for t in range(TOKENS):
        sees = range(t + 1) if alone else [t]
        waits_for = [] if alone or t == 0 else [t - 1]
        for start in [(s, 0) for s in sees] + [(s, 1) for s in waits_for]:
            arrow = {"arrowstyle": "-|>", "shrinkA": 11, "shrinkB": 13}
            arrow |= {"color": "black", "lw": 2.2} if start[1] else {"color": GREY, "lw": 0.8}
            axis.annotate("", (t, 1), start, arrowprops=arrow)
        axis.text(t, 0, f"$x_{t + 1}$", ha="center", va="center", fontsize=11)
        axis.plot(t, 1, "o", color=BLUE if alone else ORANGE, markersize=24)
        step = 1 if alone else t + 1
        axis.text(t, 1, step, ha="center", va="center", color="white", fontsize=12)
    axis.set(xlim=(-0.5, TOKENS - 0.5), ylim=(-0.3, 1.45))
    axis.set_title(f"{name}: {'1 step' if alone else f'{TOKENS} steps'}", fontsize=11)
    axis.axis("off")
show(
    figure,
    alt="Two drawings of five tokens and above each its result. In the LSTM a thick arrow leads from each result to the "
    "next, so that the results carry the numbers 1 to 5: the step in which each can be computed. In attention thin "
    "arrows lead from each token to its own result and to all later ones, and no result waits for another: all carry the number 1.",
)

# %% [markdown]
# ## The count, in real code
#
# Here is the LSTM. Look at `h`: it comes out of one turn of the loop and goes into the next.


# %%
def lstm_by_steps(layer: nn.LSTM, x: Tensor) -> Tensor:
    """What a one-layer nn.LSTM computes, token by token: (B, T, D) -> (B, T, D)."""
    h = c = torch.zeros(len(x), x.shape[-1], device=x.device)
    from_tokens = x @ layer.weight_ih_l0.T  # for all tokens at once: nobody waits here
    results = []
    for t in range(x.shape[1]):
        gates = from_tokens[:, t] + h @ layer.weight_hh_l0.T  # h: from the token before
        add, keep, new, tell = gates.chunk(4, dim=-1)
        c = keep.sigmoid() * c + add.sigmoid() * new.tanh()  # the memory
        h = tell.sigmoid() * c.tanh()  # what it shows of the memory
        results.append(h)
    return torch.stack(results, dim=1)


# %% [markdown]
# Its four gates have two D×D matrices each: 8D² weights. Its opponent is a Transformer block with as many: 4D² in attention, 4D² in the feed-forward layer (前馈层)
# behind it. *Plain* attention is lesson 1's, which writes all T×T weights down. *Fused* attention is PyTorch's own: it never does.


# %%
def block(x: Tensor, weights: list[Tensor], H: int, fused: bool) -> Tensor:
    """A Transformer block, (B, T, D) -> (B, T, D)."""
    to_qkv, out, up, down = weights
    D, T = x.shape[-1], x.shape[1]
    qkv = (F.layer_norm(x, (D,)) @ to_qkv).chunk(3, dim=-1)
    q, k, v = (split_heads(part, H) for part in qkv)
    if fused:
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    else:
        mixed = attention(q, k, v, causal_mask(T).to(x.device))[0]
    x = x + merge_heads(mixed) @ out
    return x + (F.layer_norm(x, (D,)) @ up).relu() @ down


D, H = 128, 4
torch.manual_seed(0)
lstm = nn.LSTM(D, D, bias=False, batch_first=True).to(device)
shapes = ((D, 3 * D), (D, D), (D, 2 * D), (2 * D, D))
weights = [(torch.randn(*shape, device=device) / 16).requires_grad_() for shape in shapes]
print(f"LSTM  {sum(w.numel() for w in lstm.parameters()):,} weights")
print(f"block {sum(w.numel() for w in weights):,} weights")


# %% [markdown]
# PyTorch notes what every tensor was made from. We walk back: a
# step's chain is the longest that it was made from, plus 1 if it is a matrix product (most of the work). We count plain attention, forward only.


# %% fold="Count the matrix products on the longest chain"
def products(result: Tensor) -> int:
    """Matrix products on the longest chain of operations that leads to `result`."""
    return longest_chain(
        result, lambda name: "mm" in name.lower()
    )  # MmBackward, BmmBackward, ...


# %% [markdown]
# A control: the same attention *writes*. Now the whole block is done anew for each token, so this chain should grow.


# %%
def write(first: Tensor, count: int) -> Tensor:
    """Each result becomes the next token: (1, 1, D) -> (1, count, D)."""
    x = first
    for _ in range(count):
        x = torch.cat([x, block(x, weights, H, fused=False)[:, -1:]], dim=1)
    return x[:, 1:]


chains: dict[str, list[int]] = {"LSTM reads": [], "attention reads": [], "attention writes": []}
LENGTHS = (8, 32, 128)
for T in progress(LENGTHS, "counting"):
    x = torch.randn(1, T, D, device=device)
    by_steps = lstm_by_steps(lstm, x)
    assert torch.allclose(by_steps, lstm(x)[0], atol=1e-4)  # the same as PyTorch's LSTM
    chains["LSTM reads"].append(products(by_steps))
    chains["attention reads"].append(products(block(x, weights, H, fused=False)))
    chains["attention writes"].append(products(write(x[:, :1], T)))
print("products that wait for each other, at", LENGTHS, "tokens")
for name, counted in chains.items():
    print(f"{name:17} {counted}")

# %% [markdown]
# Six for attention's one step, at any length: queries, keys and values (one product), scores, mixing, output, and two in the feed-forward layer. SmolLM2's 30 blocks
# make 180, for any text.
#
# When attention writes, it waits, too. A cache of keys and values saves work, but the chain stays.
#
# **Check yourself.** An LSTM reads 64 sequences of 32 tokens, as one batch. How many steps must wait for each other?
#
# - <details><summary>2,048</summary> No sequence waits for another.</details>
# - <details><summary>64</summary> Sequences go side by side.</details>
# - <details><summary>32</summary> Right: in each step, 64 sequences move on by one token. A batch is an LSTM's way to work in parallel.</details>

# %% [markdown]
# ## What does a second core bring?
#
# Steps that wait cannot run side by side. Let a second core help, forward and backward: what share of its work does the *first* one still have? 0.5 is
# fair sharing (a little less: the helper does more than half); above 1, sharing costs more than it brings. The least of
# several rounds counts.
#
# The 1,024 tokens stay; only the cut into sequences changes. 64 short ones are a control, not graded. One large matrix product, in which nothing waits, shows what help is possible.
#
# **Predict.** One sequence of 1,024 tokens. What share of its work on the LSTM does the first core still have?

# %%
guess_share = None  # for instance 0.7

# %% fold="A small program that works with one core and with two"
import inspect
import json
import os
import subprocess
import sys

MAIN = """
D, H, seeds, cuts = json.loads(sys.argv[1])
for seed, (B, T) in itertools.product(seeds, cuts):
    torch.manual_seed(seed)
    lstm = nn.LSTM(D, D, bias=False, batch_first=True)
    shapes = ((D, 3 * D), (D, D), (D, 2 * D), (2 * D, D))
    weights = [(torch.randn(*shape) / 16).requires_grad_() for shape in shapes]
    x, square = torch.randn(B, T, D), torch.randn(512, 512)
    contestants = {
        "one product": lambda: square @ square,
        "LSTM": lambda: lstm(x)[0].square().mean().backward(),
        "plain": lambda: block(x, weights, H, False).square().mean().backward(),
        "fused": lambda: block(x, weights, H, True).square().mean().backward(),
    }
    times = {(name, cores): [] for name in contestants for cores in (1, 2)}
    for turn in range(16 if B > 8 else 6):  # short sequences are quick
        for name, cores in times:
            torch.set_num_threads(cores)
            start = time.thread_time()  # the first core's work; time that it waits does not count
            contestants[name]()
            times[name, cores].append(time.thread_time() - start)
    least = {key: min(runs[1:]) for key, runs in times.items()}
    left = {name: least[name, 2] / least[name, 1] for name in contestants}
    print(json.dumps(left), flush=True)
"""
IMPORTS = """
import itertools, json, math, statistics, sys, time
import torch
import torch.nn.functional as F
from torch import Tensor, nn
"""
functions = (attention, causal_mask, split_heads, merge_heads, block)
PROGRAM = "\n\n".join([IMPORTS, *map(inspect.getsource, functions), MAIN])
# Threads that wait must sleep, not spin. PyTorch reads this when it starts, so it runs anew.
SETTINGS = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
can_use = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
two_cores = (can_use or 1) > 1


def shares_left(seeds, cuts: list[tuple[int, int]]):
    """For each seed and each cut (B, T): the share of the first core's work, by contestant."""
    command = [sys.executable, "-c", PROGRAM, json.dumps([D, H, seeds, cuts])]
    pipe, none = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(
        command, env=SETTINGS, stdout=pipe, stderr=none, text=True
    ) as running:
        for _ in progress(range(len(seeds) * len(cuts)), "two cores"):
            yield json.loads(running.stdout.readline())


# %% fold="Measure each way to cut, for three seeds"
CUTS = [(64, 16), (8, 128), (1, 1024)]  # sequences, tokens in each
measured = list(shares_left(SEEDS, CUTS)) if two_cores else []  # seed by seed, cut by cut
left: dict[str, list[list[float]]] = {}  # by contestant and cut, one number a seed
for name in measured[0] if two_cores else ():
    left[name] = [[m[name] for m in measured[cut :: len(CUTS)]] for cut in range(len(CUTS))]

# %% fold="Draw what the second core left to the first" tags=["result"]
COLORS = {"one product": GREY, "LSTM": ORANGE, "plain": GREEN, "fused": BLUE}
if two_cores:
    figure, axis = plt.subplots(figsize=(8, 3.6))
    for place, (name, color) in enumerate(COLORS.items()):
        at = [cut + 0.21 * (place - 1.5) for cut in range(len(CUTS))]
        label = f"attention, {name}" if name in ("plain", "fused") else name
        tall = [statistics.median(runs) for runs in left[name]]
        below = [m - min(runs) for m, runs in zip(tall, left[name])]
        above = [max(runs) - m for m, runs in zip(tall, left[name])]
        axis.bar(at, tall, 0.19, color=color, label=label, yerr=(below, above), capsize=3)
        for x, number, more in zip(at, tall, above):
            axis.text(x, number + more + 0.04, f"{number:.2f}", ha="center", fontsize=10)
    axis.axhline(1, color="black", linewidth=1)
    cuts = [f"{B} × {T:,} tokens\n(LSTM: {T:,} steps wait)" for B, T in CUTS]
    axis.set_xticks(range(len(CUTS)), cuts)
    top = max(max(runs) for those in left.values() for runs in those)
    axis.set(ylabel="share of its work\nthat the first core still has", ylim=(0, top + 0.2))
    axis.grid(axis="x", visible=False)
    draw_guess(axis, guess_share, at=len(CUTS) - 1 - 0.105)
    axis.set_title(
        "With the help of a second core (middle of three seeds, least to most)", fontsize=11
    )
    figure.legend(loc="outside lower center", ncols=4)
    show(
        figure,
        alt="Bars: the share of its work that the first core still has when a second one helps, in the middle of three seeds. "
        + "; ".join(
            f"{B} of {T:,} tokens: "
            + ", ".join(f"{n} {statistics.median(left[n][i]):.2f}" for n in COLORS)
            for i, (B, T) in enumerate(CUTS)
        )
        + ".",
    )
else:
    print("There is only one core here, so a second could not be tried.")

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# A single sequence is a single chain for the LSTM: each step is too small to share, and sharing 1,024 times costs work. Attention shares well.
# 64 sequences are 64 chains side by side; now the LSTM shares as well as plain attention, and better than fused.
# </details>
#
# ## And how fast on one core?
#
# Our second question: PyTorch's LSTM against both blocks, in turn, forward and backward.
#
# **Predict.** One sequence of 2,048 tokens, one core. How many times as fast as the LSTM is fused attention?

# %%
guess_speed = None  # for instance 5

# %% fold="Time one training step, and the contestants in turn"
import time

CONTESTANTS = {
    "LSTM": lambda x: lstm(x)[0],
    "plain": lambda x: block(x, weights, H, fused=False),
    "fused": lambda x: block(x, weights, H, fused=True),
}


def training_step(name: str, x: Tensor) -> float:
    """Seconds of one pass forward and back."""
    # On a CPU processor time counts, so that other programs do not.
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    CONTESTANTS[name](x).square().mean().backward()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def in_turn(B: int, T: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each contestant, one number a round, after a first that does not count."""
    x = torch.randn(B, T, D, device=device)
    times: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for turn in range(rounds + 1):
        for name in CONTESTANTS:
            took = training_step(name, x)
            if turn > 0:
                times[name].append(took)
    return times


# %%
BATCHES, MOST_TOKENS, ROUNDS = (1, 8, 64), 8192, 5  # with more tokens it takes too long
sizes = [(B, T) for B in BATCHES for T in (32, 128, 512, 2048) if B * T <= MOST_TOKENS]
# How many times as fast as the LSTM: by contestant and size, one number a round
speed: dict[str, dict[tuple[int, int], list[float]]] = {"plain": {}, "fused": {}}
for size in progress(sizes, "speed"):
    times = in_turn(*size, rounds=ROUNDS)
    for name in speed:
        speed[name][size] = [a / b for a, b in zip(times["LSTM"], times[name])]
middle = {
    name: {size: statistics.median(rounds) for size, rounds in those.items()}
    for name, those in speed.items()
}

# %% fold="Draw the speeds"
figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), sharey=True)
for axis, B in zip(axes, BATCHES):
    lengths = [T for batch, T in sizes if batch == B]
    for name in speed:
        runs = [speed[name][B, T] for T in lengths]
        line = {"color": COLORS[name], "label": f"attention, {name}"}
        axis.plot(lengths, [middle[name][B, T] for T in lengths], "o-", **line)
        least_to_most = [min(r) for r in runs], [max(r) for r in runs]
        axis.fill_between(lengths, *least_to_most, color=COLORS[name], alpha=0.15)
    axis.axhline(1, color=ORANGE, linewidth=2, label="LSTM")
    axis.set(xscale="log", yscale="log", xlim=(26, 2600), xlabel="tokens in a sequence")
    axis.set_xticks((32, 128, 512, 2048), ["32", "128", "512", "2048"])
    axis.set_yticks((0.1, 0.2, 0.5, 1, 2, 4), ["0.1", "0.2", "0.5", "1", "2", "4"])
    axis.set_title(f"{B} sequence{'s' if B > 1 else ''}", fontsize=11)
    axis.minorticks_off()
axes[0].set(ylabel="times as fast as the LSTM", ylim=(0.04, max(5, 2 * (guess_speed or 0))))
if guess_speed is not None:
    axes[0].plot(2048, guess_speed, "k*", markersize=14, label="your guess")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
figure.suptitle(
    f"A training step on one core, at most {MOST_TOKENS:,} tokens (middle of five rounds; band: all five)",
    fontsize=11,
)
show(
    figure,
    alt="Three panels, for 1, 8 and 64 sequences in a batch, over the length of a sequence: how "
    "many times as fast as the LSTM attention trains, plain and fused. "
    + "; ".join(
        f"{B} of {T:,} tokens: {middle['plain'][B, T]:.2f} and {middle['fused'][B, T]:.2f}"
        for B, T in sizes
    )
    + ".",
)

# %% [markdown]
# The longer one sequence, the slower attention: it makes about T² comparisons; an LSTM works as much at every token.
# Fused attention skips blocks that the mask forbids, and moves fewer numbers through memory. With 64 short sequences the
# LSTM wins: 64 rows at a time keep a core busy, and the block has norms and a softmax on top.
#
# **Sharing well is not yet being faster.** We did not time two cores. But 0.3 of the LSTM's speed, with half the work left, makes about 0.3 / 0.5 = 0.6:
# on two cores attention would probably still lose to an LSTM at 2,048 tokens.
#
# ## The answer

# %%
reads, waits, writes = (
    chains[name] for name in ("attention reads", "LSTM reads", "attention writes")
)
stays_short = len(set(reads)) == 1 and waits[-1] > waits[0]  # the rule's (1)

share = {name: [statistics.median(runs) for runs in those] for name, those in left.items()}
could_help = two_cores and max(share["one product"]) < 0.8
lstm_left = share["LSTM"][-1] if could_help else 0.0  # with one sequence
attention_left = max(share[kind][-1] for kind in speed) if could_help else 0.0

conditions = ["one long text is there at once"] if writes[-1] > writes[0] else []
if min(max(middle[kind][size] for kind in speed) for size in sizes) < 1:
    conditions.append("several cores share it")
grade = only_if(" and ".join(conditions)) if conditions else SUPPORTED
if not could_help:  # only (1) could be tested
    grade = only_if("“in parallel” means that few steps wait, however long the text")
if not stays_short or (could_help and lstm_left - attention_left < 0.2):  # the rule's (2)
    grade = NOT_SUPPORTED

# %%
start = "Attention's chain of waiting steps stays as long for any text, unlike an LSTM's"
if could_help:
    off_lstm = f"{1 - lstm_left:.0%}" if lstm_left < 1 else "nothing"
    start = (
        f"On one long text a second core takes {1 - attention_left:.0%} of the first one's work "
        f"off attention and {off_lstm} off an LSTM"
    )
fast = max(middle[kind][1, 2048] for kind in speed)
slow = "but" if fast < 1 else "and"
answer(
    "1.2",
    f"{start}; {slow} on one core, at 2,048 tokens, attention trains {fast:.2f} times as fast "
    "as the LSTM.",
    grade,
)

# %% [markdown]
# ## What could still be wrong
#
# Two cores are not a GPU, and a share of work leaves out the time that cores wait for each other. We counted matrix products; the softmax adds a sum over
# T tokens, about log₂ T rounds however many cores help. All numbers belong to width 128 and to PyTorch's programs.
#
# **From the literature, not measured here.** On a GPU the SRU, a recurrent layer whose matrix products need not wait,
# ran 5 to 9 times as fast as NVIDIA's own LSTM (Lei et al. 2017, arXiv 1709.02755). And the motive? The Transformer's paper says of
# recurrent networks: "This inherently sequential nature precludes parallelization within training examples" (Vaswani et al. 2017,
# section 1, arXiv 1706.03762).
