# ---
# jupyter:
#   course:
#     title: "Lab 4.4, going further: how fast can tokens get to their experts?"
#     further: true
#     summary: Send tokens to experts in five ways, with a backward pass of our own, race the fastest against a library, and see what cannot be saved.
#     minutes: 30
#     carries: [torch, figures, diagrams, progress, statistics, experts]
# ---

# %% [markdown]
# # Lab 4.4 · Going further: how fast can tokens get to their experts?
#
# No article claims this: no rule, no grade, only a race.
#
# A mixture of E experts, of which k are chosen, multiplies as much as a dense layer as wide as k experts. But it has to send tokens around, and a processor likes one large matrix product (矩阵乘法), not many small ones. How much longer does that take? Each time below is divided by the dense layer's: 1 would be perfect.
#
# We have two goals. *First*, to be at least as fast as the library `transformers`, at every size that we try. *Second*, with only 32 tokens an expert, to take at most 1.4 times as long. (Trial runs showed that this is hard.)
#
# All runs on one CPU core, for under a minute.
#
# ## One expert after the other
#
# The obvious way: for each expert, look up who chose it.

# %%
def by_loop(x: Tensor, routing: Routing, gate_up: Tensor, down: Tensor) -> Tensor:
    """x (N, D), gate_up (E, 2 h, D), down (E, D, h) -> (N, D)."""
    out = torch.zeros_like(x)
    for expert in range(len(gate_up)):
        token, choice = (routing.chosen == expert).nonzero(as_tuple=True)
        result = swiglu(x[token], gate_up[expert], down[expert])
        out = out.index_add(0, token, result * routing.gates[token, choice, None])
    return out


# %% [markdown]
# It searches `chosen` and copies `out` E times. A worse cost is hidden: `gate_up[expert]` is a slice, and autograd gives it a gradient as large as *all* of `gate_up`, zeros but for one expert. It adds up E of them.
#
# ## All experts at once
#
# Sort the *choices*, k for each token, by expert. Lesson 4's `by_sort` does that, but still calls expert after expert. Can one call do all? Here are six tokens with two choices each.

# %% tags=["diagram"] fold="Draw padding and grouping"
SHADES = ("#333333", "#888888", "#CCCCCC")  # of the experts
chosen_by_hand = [[0, 2], [2, 1], [0, 2], [2, 0], [1, 2], [2, 0]]
flat = [(e, token) for token, row in enumerate(chosen_by_hand) for e in row]
lists = {
    "as they came": [list(flat)],
    "padded: 3 × 6 rows": [],
    "grouped: 12 rows": [sorted(flat)],
}
for e in range(3):
    mine = [choice for choice in flat if choice[0] == e]
    lists["padded: 3 × 6 rows"].append(mine + [None] * (6 - len(mine)))
figure, axes = blank(8.6, 2.5)
for y, (title, groups) in zip((2.1, 1.25, 0.4), lists.items()):
    axes.text(1.75, y, title, ha="right", va="center")
    x = 2.0
    for group in groups:
        for choice in group:
            color = "white" if choice is None else SHADES[choice[0]]
            style = {"facecolor": color, "edgecolor": "black", "linewidth": 0.7}
            axes.add_patch(plt.Rectangle((x, y - 0.17), 0.3, 0.34, **style))
            if choice is not None:
                ink = "black" if choice[0] == 2 else "white"
                middle_of = {"ha": "center", "va": "center", "color": ink}
                axes.text(x + 0.15, y, str(choice[1]), **middle_of)
            x += 0.33
        x += 0.15
for end in (4, 6, 12):  # where the groups end
    x = 2.0 + 0.33 * end - 0.015
    axes.plot([x, x], [0.15, 0.7], color=RED, linewidth=2)
    axes.text(x, -0.02, str(end), ha="center", va="center", color=RED)
for e, x in enumerate((2.0, 4.13, 6.26)):
    axes.text(x, 1.49, f"expert {e}", fontsize=9)
show(
    figure,
    alt="Twelve choices of six tokens. As they came; padded, six rows for each of three experts, six of 18 empty; "
    "grouped, twelve rows sorted by expert, with marks where the three groups end: after 4, 6 and 12 rows.",
)

# %% [markdown]
# Numbers are tokens, shades are experts.
#
# - **Padding** (填充). `torch.bmm` multiplies many matrices at once, if all have equally many rows: as many as the busiest expert needs, here 6. White rows are wasted work. Below, `slot` is a choice's place among all 18. Token 4 is second in expert 1's block: 1 · 6 + 1 = 7.
# - **Grouping.** `F.grouped_mm` takes the sorted rows and where each group ends (here 4, 6 and 12). No row is wasted, and the loop runs inside PyTorch.


# %%
def by_padding(x: Tensor, routing: Routing, gate_up: Tensor, down: Tensor) -> Tensor:
    k, E, flat = routing.chosen.shape[1], len(gate_up), routing.chosen.flatten()
    order, load = flat.argsort(stable=True), flat.bincount(minlength=E)
    C, tokens = int(load.max()), order // k  # C rows for each expert
    first = load.cumsum(0) - load  # each expert's first place among the sorted
    slot = flat[order] * C + torch.arange(len(order)) - first[flat[order]]
    rows = torch.zeros(E * C, dtype=torch.long).index_copy(0, slot, tokens)
    padded = x.index_select(0, rows).view(E, C, -1)  # an empty slot holds token 0
    gate, up = torch.bmm(padded, gate_up.mT).chunk(2, dim=-1)
    results = torch.bmm(F.silu(gate) * up, down.mT).flatten(0, 1).index_select(0, slot)
    weighted = results * routing.gates.flatten()[order, None]
    return torch.zeros_like(x).index_add(0, tokens, weighted)


# %%
def by_groups(x: Tensor, routing: Routing, gate_up: Tensor, down: Tensor) -> Tensor:
    k, flat = routing.chosen.shape[1], routing.chosen.flatten()
    order, load = flat.argsort(stable=True), flat.bincount(minlength=len(gate_up))
    tokens, ends = order // k, load.cumsum(0).int()
    rows = x.index_select(0, tokens)
    gate, up = F.grouped_mm(rows, gate_up.mT, offs=ends).chunk(2, dim=-1)
    results = F.grouped_mm(F.silu(gate) * up, down.mT, offs=ends)
    weighted = results * routing.gates.flatten()[order, None]
    return torch.zeros_like(x).index_add(0, tokens, weighted)


# %% [markdown]
# ## A backward pass of our own
#
# The backward pass takes about two thirds of a training step. Written by hand, it can save traffic to memory in two ways.
#
# - **Work in runs of up to 4,096 rows**: a few experts, or many with few tokens each. What a run computes stays in the processor's cache (缓存). Autograd does each step for *all* rows before the next, so large arrays go out to memory and back.
# - **Overwrite what is no longer needed** (operations whose names end in `_`), and compute nothing twice.
#
# PyTorch calls our `forward`, keeps `ctx`, and later hands it to our `backward` with the arriving gradient, `r`. A result was `w · (W u)`, with gate `w` and `W` from `down`. So `Wᵀ r` serves twice: times `u` it is the gradient of `w`, times `w` that of `u`.


# %% fold="Our own forward and backward: 60 lines for those who want to see how"
def runs(load: Tensor, most: int = 4096) -> list[tuple[slice, slice]]:
    """Neighbouring experts and their rows, up to `most` rows together (or one expert)."""
    found, expert, row, end = [], 0, 0, 0
    for e, n in enumerate(load.tolist()):
        if end > row and end + n - row > most:
            found.append((slice(expert, e), slice(row, end)))
            expert, row = e, end
        end += n
    return [*found, (slice(expert, len(load)), slice(row, end))]


def forward(ctx, x, chosen, gates, gate_up, down):
    order = chosen.flatten().argsort(stable=True)
    load = chosen.flatten().bincount(minlength=len(down))
    tokens, w = order // chosen.shape[1], gates.flatten()[order, None]
    out, kept = torch.zeros_like(x), []
    for experts, part in runs(load):
        ends = load[experts].cumsum(0).int()
        rows = x.index_select(0, tokens[part])
        gate, up = F.grouped_mm(rows, gate_up[experts].mT, offs=ends).chunk(2, dim=-1)
        gate = gate.contiguous()  # side by side in memory: SiLU is then much faster
        s = F.silu(gate)
        u = s * up
        results = F.grouped_mm(u, down[experts].mT, offs=ends)
        out.index_add_(0, tokens[part], results.mul_(w[part]))
        kept.append((experts, part, ends, rows, gate, up, s, u))
    ctx.kept, ctx.shape = kept, gates.shape
    ctx.save_for_backward(order, tokens, w, gate_up, down)
    return out


def backward(ctx, r):
    order, tokens, w, gate_up, down = ctx.saved_tensors
    dx, dw, d_gate_up, d_down = torch.zeros_like(r), torch.empty(len(w)), [], []
    for experts, part, ends, rows, gate, up, s, u in ctx.kept:
        here = r.index_select(0, tokens[part])
        v = F.grouped_mm(here, down[experts], offs=ends)  # the transposed W, times r
        torch.linalg.vecdot(v, u, out=dw[part])
        d_down.append(F.grouped_mm(here.mul_(w[part]).mT, u, offs=ends))
        v.mul_(w[part])  # now the gradient of u = silu(gate) * up
        d = torch.empty(len(v), 2 * v.shape[1])
        d_gate, d_up = d.chunk(2, dim=-1)  # what is written there stands in d
        torch.mul(v, s, out=d_up)
        d_gate.copy_(torch.ops.aten.silu_backward(v.mul_(up), gate))
        d_gate_up.append(F.grouped_mm(d.mT, rows, offs=ends))
        dx.index_add_(0, tokens[part], F.grouped_mm(d, gate_up[experts], offs=ends))
    d_gates = torch.empty_like(dw).index_copy_(0, order, dw).view(ctx.shape)
    return dx, None, d_gates, joined(d_gate_up), joined(d_down)


def joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


# %% fold="Make it a function; the library's two ways; are all the same?"
import time
from functools import partial
from typing import Any

import transformers
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock


class Own(torch.autograd.Function):
    forward = staticmethod(forward)
    backward = staticmethod(backward)


def by_own(x, routing, gate_up, down):
    return Own.apply(x, routing.chosen, routing.gates, gate_up, down)


def of_transformers(how):
    """transformers' Mixtral experts: "eager" is a loop, "grouped_mm" sorts and groups."""

    def dispatch(x, routing, gate_up, down):
        E, D, h = down.shape
        key = (how, E, D, h, routing.chosen.shape[1])
        if key not in LAYERS:
            settings: dict[str, Any] = {
                "hidden_size": D,
                "intermediate_size": h,
                "num_local_experts": E,
                "num_experts_per_tok": key[-1],
                "experts_implementation": how,
            }
            config = MixtralConfig(**settings)
            with torch.device("meta"):
                LAYERS[key] = MixtralSparseMoeBlock(config).experts
        experts = LAYERS[key]
        experts.gate_up_proj, experts.down_proj = gate_up, down
        return experts(x, routing.chosen, routing.gates)

    return dispatch


LAYERS: dict = {}
OURS = {
    "loop": by_loop,
    "sort": by_sort,
    "padding": by_padding,
    "groups": by_groups,
    "own backward": by_own,
}
THEIRS = {f"transformers, {how}": of_transformers(how) for how in ("eager", "grouped_mm")}
D, h, k = 128, 128, 4


class Batch:
    """Random tokens, choices and weights; `uneven`: one expert in four is liked more."""

    def __init__(self, E, N, seed, uneven=False):
        generator = torch.Generator().manual_seed(seed)
        self.x, self.pull = torch.randn(2, N, D, generator=generator)
        liked = (torch.arange(E) % 4 == 0).float() * uneven
        routing = route(torch.randn(N, E, generator=generator) + liked, k)
        self.x.requires_grad_()
        self.routing = routing._replace(gates=routing.gates.requires_grad_())
        self.gate_up = nn.Parameter(torch.randn(E, 2 * h, D, generator=generator) * D**-0.5)
        self.down = nn.Parameter(torch.randn(E, D, h, generator=generator) * h**-0.5)
        self.dense = Dense(D, k * h)
        nn.init.normal_(self.dense.down, std=0.1)

    def run(self, way):
        """Forward and backward: the result, the gradients of tokens, gates and weights."""
        inputs = (self.x, self.routing.gates, self.gate_up, self.down)
        out = way(self.x, self.routing, self.gate_up, self.down)
        return out, *torch.autograd.grad(out, inputs, self.pull)

    def run_dense(self):
        inputs = (self.x, self.dense.gate_up, self.dense.down)
        return torch.autograd.grad(self.dense(self.x), inputs, self.pull)

    def products(self):
        """The six grouped products of forward and backward, on sorted rows, and nothing else."""
        G, W, flat = self.gate_up.detach(), self.down.detach(), self.routing.chosen.flatten()
        ends = flat.bincount(minlength=len(G)).cumsum(0).int()
        rows = self.x.detach().index_select(0, flat.argsort() // k)
        both, u = torch.randn(len(rows), 2 * h), torch.randn(len(rows), h)
        pairs = [(rows, G.mT), (u, W.mT), (rows, W), (rows.mT, u), (both, G), (both.mT, rows)]
        return lambda: [F.grouped_mm(*pair, offs=ends) for pair in pairs]


usual, one_unused = Batch(8, 200, seed=0), Batch(9, 200, seed=0)
one_unused.routing, alike = usual.routing, Batch(8, 200, seed=0)
alike.routing = alike.routing._replace(chosen=torch.tensor([6, 1, 0, 3]).expand(200, 4))
worst = 0.0
for batch in (usual, one_unused, alike):
    wanted = batch.run(by_loop)
    for way in (OURS | THEIRS).values():
        for got, want in zip(batch.run(way), wanted):
            worst = max(worst, ((got - want).abs().max() / want.abs().max()).item())
assert worst < 1e-5
print(
    f"Results and gradients of all seven ways: at most {worst:.0e} of the largest value apart,"
)
print("also if nobody chooses an expert, or all choose the same.")
print(f"PyTorch {torch.__version__}, transformers {transformers.__version__}")

# %% [markdown]
# ## The first race
#
# Four experts are chosen, D = h = 128, and we time forward and backward together. All ways take turns, so that a slow moment of your machine hits all.
#
# **Predict.** Of 512 tokens, each of 64 experts gets 32 on average. How many times the dense layer's time does the loop take? And the fastest way?

# %%
guess_loop = None  # for instance 3
guess_fastest = None

# %% fold="Race: all take turns; ratios to the dense layer, round by round"
SETTINGS = {  # experts, tokens, uneven choices
    "64 experts,\n32 each": (64, 512, False),
    "64 experts,\n128 each": (64, 2048, False),
    "64 experts,\n512 each": (64, 8192, False),
    "64, uneven,\n128 on average": (64, 2048, True),
    "16 experts,\n512 each": (16, 2048, False),
    "all 4 of 4,\n2,048 each": (4, 2048, False),
}


def race(setting, ways, seeds, rounds, floor=False):
    """{way: its time over the dense layer's, one for each round}; fresh tokens for each seed."""
    (E, N, uneven), ratios = setting, {}
    for seed in seeds:
        batch = Batch(E, N, seed, uneven)
        jobs = {"dense": batch.run_dense}
        jobs |= {name: partial(batch.run, way) for name, way in ways.items()}
        jobs |= {"products alone": batch.products()} if floor else {}
        for turn in range(rounds + 1):
            took = {}
            for name, job in jobs.items():
                start = time.process_time()
                job()
                took[name] = time.process_time() - start
            if turn:  # the first round warms up
                for name in took:
                    ratios.setdefault(name, []).append(took[name] / took["dense"])
    return ratios


def middle(ratios):
    return statistics.median(ratios)


def median_of(ratios):
    return f"{middle(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


print("The busiest expert's tokens, over the mean:")
for name, (E, N, uneven) in SETTINGS.items():
    load = load_of(Batch(E, N, 0, uneven).routing.chosen, E)
    print(f"{name.replace(chr(10), ' '):27}{load.max() * E:.2f}")


# %%
chosen_on = {}  # setting: ratios of our ways, on the tokens of seed 0
for name, setting in progress(SETTINGS.items(), "first race"):
    chosen_on[name] = race(setting, OURS, seeds=[0], rounds=5)

# %% fold="Draw our ways, by tokens an expert"
figure, axis = plt.subplots(figsize=(8.4, 4))
shown = {32: "64 experts,\n32 each", 128: "64 experts,\n128 each", 512: "64 experts,\n512 each"}
LOOK = dict(zip(OURS, ((RED, "s"), (ORANGE, "o"), (PURPLE, "D"), (BLUE, "^"), (GREEN, "v"))))
ends_of = {}
for name, (color, marker) in LOOK.items():
    heights = [middle(chosen_on[label][name]) for label in shown.values()]
    axis.plot(list(shown), heights, color=color, marker=marker, label=name)
axis.axhline(1, color=GREY, linewidth=1)
axis.text(560, 1.0, "dense", color="#555555", va="bottom")
axis.plot([28, 37], [1.4, 1.4], "--", color="black", linewidth=1)
axis.text(28, 1.37, "goal", va="top", fontsize=9)
axis.set(
    xscale="log",
    yscale="log",
    xlim=(26, 800),
    xlabel="tokens an expert (64 experts), log scale",
)
axis.set_xticks([32, 128, 512], ["32", "128", "512"])
axis.set_yticks([1, 1.5, 2, 3, 5, 10], ["1", "1.5", "2", "3", "5", "10"])
axis.minorticks_off()
axis.set_ylabel("time, dense layer = 1, log scale")
for guess in (guess_loop, guess_fastest):
    draw_guess(axis, guess, at=32)
axis.legend(frameon=False)
show(
    figure,
    alt="Forward and backward, time over the dense layer's, median of five rounds. "
    + "; ".join(
        f"{name}: "
        + ", ".join(f"{middle(chosen_on[at][name]):.2f} at {n}" for n, at in shown.items())
        for name in OURS
    )
    + " tokens an expert.",
)

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# - The **loop** writes 64 gradients of the size of all weights. (Lesson 4's took about 4: it had 16 experts.)
# - **Sort** pays for a dozen small steps of Python and autograd an expert.
# - **Padding** pays for the busiest expert: a third above the mean at 32 tokens, a ninth at 512. There, in one profile, the steps *between* its products took twice as long as those of groups (why, we do not know).
# - **Groups** and our **own backward** pay least. But at 512 tokens, sort overtakes groups, perhaps because one expert's arrays fit into the cache.
#
# </details>
#
# ## The race against the library
#
# The best of five is partly lucky. So our fastest way at each size runs *again*, on other tokens (three seeds), beside *groups* and *own backward*. The library's *eager* is a loop; its *grouped_mm* sorts and groups. The bare matrix products run, too, on sorted rows, as a yardstick only: smaller runs can be faster. (Below 1 is possible: the dense layer has SiLU, too.)

# %%
ours, raced = {}, {}
for name, setting in progress(SETTINGS.items(), "second race"):
    ours[name] = min(OURS, key=lambda way: middle(chosen_on[name][way]))
    again = {way: OURS[way] for way in (ours[name], "groups", "own backward")}
    raced[name] = race(setting, again | THEIRS, seeds=[1, 2, 3], rounds=2, floor=True)
    raced[name]["our fastest"] = raced[name][ours[name]]

# %% fold="Draw the second race"
figure, axis = plt.subplots(figsize=(9, 4.2))
MARKS = {
    "transformers, eager": (GREY, "s", -0.3),
    "transformers, grouped_mm": (GREY, "D", -0.15),
    "groups": (BLUE, "^", 0.0),
    "our fastest": (GREEN, "v", 0.15),
    "products alone": ("black", "o", 0.3),
}
for name, (color, marker, shift) in MARKS.items():
    places = [i + shift for i in range(len(SETTINGS))]
    ratios = [raced[setting][name] for setting in SETTINGS]
    axis.vlines(places, [min(r) for r in ratios], [max(r) for r in ratios], color=color)
    heights = [middle(r) for r in ratios]
    axis.plot(places, heights, marker, color=color, markersize=8, label=name)
axis.axhline(1, color=GREY, linewidth=1)
axis.plot([-0.45, 0.45], [1.4, 1.4], "--", color="black", linewidth=1)
axis.text(0.47, 1.4, "goal", va="center", fontsize=9)
axis.set(yscale="log", ylabel="time, dense layer = 1, log scale")
axis.set_xticks(range(len(SETTINGS)), list(SETTINGS), fontsize=9)
axis.set_yticks([1, 1.5, 2, 3, 5, 10], ["1", "1.5", "2", "3", "5", "10"])
axis.minorticks_off()
axis.grid(axis="x", visible=False)
axis.legend(frameon=False)
axis.set_title("Medians of six rounds, lines from least to most", fontsize=10)
show(
    figure,
    alt="Time over the dense layer's, median of six rounds. "
    + "; ".join(
        setting.replace("\n", " ")
        + ": "
        + ", ".join(f"{n} {middle(raced[setting][n]):.2f}" for n in MARKS)
        for setting in SETTINGS
    )
    + ".",
)

# %% fold="Print the medians; are the goals reached?"
print(
    f"{'':27}{'our fastest':14}{'over dense':22}{'groups / own backward':24}transformers' best / ours"
)
lead = {}
for name, took in raced.items():
    fastest = min(THEIRS, key=lambda way: middle(took[way]))
    lead[name] = [theirs / own for theirs, own in zip(took[fastest], took["our fastest"])]
    saved = [groups / own for groups, own in zip(took["groups"], took["own backward"])]
    print(f"{name.replace(chr(10), ' '):27}{ours[name]:14}", end="")
    print(f"{median_of(took['our fastest']):22}{median_of(saved):24}", end="")
    print(median_of(lead[name]))
slower = [name.replace("\n", " ") for name in lead if middle(lead[name]) < 1]
few = next(iter(SETTINGS))
at_32, floor = middle(raced[few]["our fastest"]), middle(raced[few]["products alone"])
print("First goal, at least as fast as the library:", end=" ")
print(
    "missed at " + "; ".join(slower) if slower else f"reached at all {len(lead)} sizes", end=" "
)
always = [name for name in lead if min(lead[name]) > 1]
print(f"(ahead in each of six rounds at {len(always)} of {len(lead)} sizes).")
print(f"Second goal, at most 1.4 at 32 tokens an expert: {at_32:.2f},", end=" ")
print("reached" if at_32 <= 1.4 else f"missed by {at_32 / 1.4 - 1:.0%}")
print(f"The products alone take {floor:.2f}: all the rest costs {at_32 - floor:.2f}.")

# %% [markdown]
# What does our own backward add? With 64 experts and 512 tokens each, where arrays are largest, it saves about a fifth; elsewhere a twentieth at most. Where experts get few tokens, our lead is that of *groups*.
#
# What is hard about 32 tokens? The products alone take longer than the dense layer: small ones do not reach the processor's full speed. And 64 experts have 16 times the dense layer's weights: all are fetched and their gradients written, for no more multiplications.
#
# **Check yourself.** The last column sends every token to all four experts. Why does it still take longer than dense?
#
# - <details><summary>It does more multiplications.</summary> No: four experts of width 128 are a dense layer of width 512, cut in four.</details>
# - <details><summary>Each token's row is gathered four times, and four results are added.</summary> Right. The dense layer adds inside its matrix product.</details>
# - <details><summary>Sorting takes long.</summary> That takes a few hundredths of the time.</details>
#
# **What could still be wrong.** Ratios depend on the processor: with faster products, everything else would weigh more. The dense layer has autograd's backward pass, not one by hand. On a GPU, and for wider experts, we measured nothing.
#
# **What others do.** MegaBlocks groups on GPUs, and trained up to 1.4 times as fast as a library that pads (Gale et al. 2022, arXiv 2211.15841).
