# ---
# jupyter:
#   course:
#     title: Mixture-of-experts routing
#     summary: You watch a router send each byte of a text to an expert, build the layer, keep its experts busy, and find out when many experts beat one large layer.
#     claims: ["4.1", "4.2a", "4.2b", "4.3"]
#     minutes: 95
#     carries: [torch, figures, diagrams, progress, statistics, timing, side_by_side, attention, tiny_gpt, sentence_pairs, chinese_grammar, experts, domains, four_kinds, lesson]
# ---

# %% [markdown]
# # Lesson 4 · Mixture-of-experts routing (混合专家模型与路由)
#
# In lesson 3's GPT, every token passes through the same feed-forward layer. In a **mixture of experts** (混合专家, MoE) there are many such layers, the *experts* (专家). A small *router* (路由器) looks at each token and picks one or a few of them. So a model can hold much and compute little. Most of the largest open models are mixtures.
#
# **Time:** an evening, about 95 minutes. There is a good place to stop after section 3. **You need** lesson 3.

# %% tags=["diagram"] fold="Drawing: router, experts, sum"
figure, axes = blank(9.4, 3.7)
box(axes, 0.8, 1.9, "a token x", "#9ECAE1", 1.2, 0.6)
box(axes, 2.7, 3.1, "router: picks 0 and 2,\nand says how much", "#FDD0A2", 2.0, 0.7)
arrow(axes, (0.8, 2.25), (1.65, 3.05))
chosen, heights = (0, 2), [3.1 - 0.75 * i for i in range(4)]
for i, y in enumerate(heights):
    box(axes, 5.2, y, f"expert {i}", "#C7E9C0" if i in chosen else "white", 1.4, 0.5)
for i, gate in zip(chosen, ("0.67", "0.33")):
    axes.plot([1.45, 3.95, 4.0], [1.9, 1.9, 1.9], color="black", linewidth=1.2)
    arrow(axes, (4.0, 1.9), (4.5, heights[i]))
    box(axes, 6.75, heights[i], f"× {gate}", "#FDD0A2", 0.8, 0.4)
    arrow(axes, (5.9, heights[i]), (6.35, heights[i]))
    arrow(axes, (7.15, heights[i]), (7.75, 1.95))
box(axes, 8.0, 1.9, "+", "white", 0.45, 0.45, 13)
arrow(axes, (8.25, 1.9), (8.6, 1.9))
axes.text(8.65, 1.9, "result", va="center", fontsize=10)
axes.text(
    5.2, 0.3, "white: not chosen, computes nothing for this token", ha="center", fontsize=9
)
axes.plot([2.7, 2.7, 6.75], [3.45, 3.55, 3.55], color="#B25D00", linewidth=1.2)
arrow(axes, (6.75, 3.6), (6.75, 3.28), color="#B25D00")
axes.plot([6.25, 6.25, 6.35], [3.55, 1.6, 1.6], color="#B25D00", linewidth=1.2, zorder=0)
axes.text(6.75, 2.6, "gates", ha="center", fontsize=9, color="#B25D00")
show(
    figure,
    alt="A token goes to the router, which gives each of four experts a score. The two with the highest scores, 0 and 2, get "
    "the token; their results are multiplied by their gates, 0.67 and 0.33, and added. The other two compute nothing.",
)

# %% [markdown]
# First, see one at work. A small GPT reads English, Python code, lines of numbers, and Chinese. Its tokens are bytes; a Chinese character has three. In each of its two blocks, the feed-forward layer is a mixture of eight experts, and each byte goes to one of them. (You build `MoE` in section 1. After each step, `keep_busy` makes idle experts a little easier to choose: section 3.) Training takes about 12 seconds.

# %% fold="The text, and a bias that keeps the experts busy (section 3)"
from collections.abc import Callable
from functools import partial

texts, held_out = four_kinds()
KINDS = list(texts)


def keep_busy(model: GPT) -> Callable[[int, float], None]:
    """After each step of training, move the selection bias of each layer."""

    def after(step: int, loss: float) -> None:
        for block in model.blocks:
            move_bias(block.layer, rate=0.003)

    return after


# %%
gpt = kinds_gpt(seed=0, new_layer=lambda: MoE(D=32, h=32, E=8))
train(gpt, draw_kinds(texts, seed=0), steps=1000, rate=0.008, after=keep_busy(gpt))

# %% tags=["result"] fold="Figure: which expert each byte takes"
EXPERT_COLORS = ["#56B4E9", ORANGE, GREEN, "#F0E442", BLUE, RED, PURPLE, "#BBBBBB"]


@torch.no_grad()
def experts_of(model: GPT, ids: Tensor, block: int = 1) -> list[int]:
    model(ids[None].to(device))
    return model.blocks[block].layer.last.chosen[:, 0].tolist()


def draw_experts(model: GPT, size: int = 64) -> None:
    """A row of coloured bytes for each kind."""
    figure, axes = blank(9.6, 3.1)
    axes.set(xlim=(-9, size), ylim=(-1.1, 4.1))
    words = []
    for row, (kind, ids) in enumerate(held_out.items()):
        ids = ids[2000 : 2000 + size]
        if kind == "Chinese":  # begin with a whole character
            ids = held_out[kind][
                [i for i in range(2000, 2003) if held_out[kind][i] // 64 != 2][0] :
            ][:size]
        experts, y = experts_of(model, ids), 3.2 - row
        axes.text(-0.6, y + 0.4, kind, ha="right", va="center", fontsize=10)
        for i, (byte, expert) in enumerate(zip(ids.tolist(), experts)):
            axes.add_patch(
                plt.Rectangle((i, y), 1, 0.8, color=EXPERT_COLORS[expert], linewidth=0)
            )
            sign = {10: "↵", 32: "␣"}.get(byte, chr(byte) if byte < 128 else "")
            ink = "white" if EXPERT_COLORS[expert] in (BLUE, RED, GREEN) else "black"
            axes.text(
                i + 0.5,
                y + 0.4,
                sign,
                ha="center",
                va="center",
                fontsize=8,
                family="monospace",
                color=ink,
            )
        for i in range(size) if kind == "Chinese" else ():
            if ids[i] // 64 != 2:  # a character begins
                axes.plot([i, i], [y, y + 0.8], color="white", linewidth=2)
        often = statistics.multimode(experts)[0]
        for expert, color in enumerate(EXPERT_COLORS if row == 0 else ()):
            axes.add_patch(plt.Rectangle((7 * expert, -0.8), 2, 0.5, color=color, linewidth=0))
            axes.text(7 * expert + 2.5, -0.55, str(expert), va="center", fontsize=9)
        if row == 0:
            axes.text(-0.6, -0.55, "expert", ha="right", va="center", fontsize=10)
        words.append(
            f"{kind}: the largest share goes to expert {often} ({experts.count(often)} of {size})"
        )
    show(
        figure,
        alt=f"A row of {size} bytes for each kind of text, coloured by expert. {'; '.join(words)}.",
    )


draw_experts(gpt)

# %% [markdown]
# Each colour is an expert of the second block. (In the Chinese row, a white line stands where a character begins.) Nobody told the router which text is which. Still, most spaces that indent Python share a colour, and most bytes that end a Chinese character share another. English uses most of them.
#
# Is this a division of labour? Section 5 tests it. First, build one.

# %% [markdown]
# ## 1 · One feed-forward layer becomes many
#
# *What exactly does the router decide?*
#
# Four tokens, three experts. Simple experts show who did what: expert 0 multiplies by 1, expert 1 by 10, expert 2 by 100. The router gives each token three scores; a softmax turns them into probabilities. The k = 2 likeliest experts are **chosen**. Their probabilities, divided by their sum, are the **gates** (门控值): how much of each result is taken.

# %%
x = torch.tensor([1.0, 2.0, 3.0, 4.0])  # a token each, one number wide
scores = torch.tensor(
    [[6.0, 3, 1], [1, 2, 7], [4, 20, 1], [5, 3, 2]]
).log()  # softmax: 6/10, 3/10, 1/10
for token, p in enumerate(scores.softmax(dim=-1)):
    likeliest, chosen = p.topk(2)
    gates = likeliest / likeliest.sum()
    result = sum(g * 10**e * x[token] for g, e in zip(gates, chosen.tolist()))
    rounded = [round(value, 3) for value in p.tolist()]
    print(
        f"token {token}: p {rounded}, chosen {chosen.tolist()}, gates {[round(g, 3) for g in gates.tolist()]}, result {result:.1f}"
    )

# %% [markdown]
# Check token 0, which is 1: two thirds of 1 · 1, and one third of 10 · 1, make 4.
#
# **Your turn.** Write `gates_of`: from a token's probabilities, the gates of its k likeliest experts, the largest first.


# %%
def gates_of(probabilities: list[float], k: int) -> list[float]:
    """The k largest probabilities, scaled to sum to 1."""
    ...


your_turn(gates_of, [0.2, 0.5, 0.3], 2, want=[0.625, 0.375], hint="0.5 and 0.3, divided by 0.8")

# %% [markdown]
# <details><summary>A solution</summary>
#
# ```python
# largest = sorted(probabilities, reverse=True)[:k]
# return [p / sum(largest) for p in largest]
# ```
# </details>
#
# The same for N tokens and E experts at once. (`bias` is for section 3; here it is 0.)

# %% reuse="cells/experts:route" open=true

# %% [markdown]
# With one expert (k = 1), the gate is its probability as it is. Scaled to sum to 1 it would always be 1, and no gradient would tell the router whether its choice was good.
#
# Real **experts** are feed-forward layers. Today's also have an inner gate, unrelated to the router's: `up` is multiplied, number by number, by a bent `gate` (SwiGLU; `silu` is a bend, as GELU is).

# %% reuse="cells/experts:swiglu" open=true

# %% [markdown]
# And the layer: E sets of weights, a router, and `by_sort`, which brings tokens to their experts (section 2; the setup already holds it).

# %% reuse="cells/experts:moe" open=true

# %% fold="The same as transformers' Mixtral layer?"
from typing import Any

from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

torch.manual_seed(0)
ours = MoE(D=32, h=48, E=8, k=2)
nn.init.normal_(ours.down, std=0.1)  # zeros would hide what depends on what
settings: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "experts_implementation": "eager",
}
theirs = MixtralSparseMoeBlock(MixtralConfig(**settings))
pairs = (
    (theirs.gate.weight, ours.router.weight),
    (theirs.experts.gate_up_proj, ours.gate_up),
    (theirs.experts.down_proj, ours.down),
)
for copy, own in pairs:
    copy.data.copy_(own.data)
tokens = torch.randn(4, 16, 32)
their_result = theirs(tokens)
their_result = their_result[0] if isinstance(their_result, tuple) else their_result
print(
    f"largest difference to transformers' Mixtral layer: {(ours(tokens) - their_result).abs().max():.0e}"
)
one_expert = ours.gate_up[0].numel() + ours.down[0].numel()
print(f"it holds 8 experts of {one_expert:,} weights; a token uses 2")

# %% [markdown]
# With the same weights, ours computes what the layer of Mixtral 8x7B computes (Jiang et al. 2024). It holds four times the weights that a token uses.
#
# **Check yourself.** You double the number of experts and keep k. What grows?
#
# - <details><summary>Memory and computing, both twofold</summary> Each token still runs through k experts.</details>
# - <details><summary>Neither: an expert that is not chosen costs nothing</summary> It costs no computing for this token. But it must be held: the next token may want it.</details>
# - <details><summary>Memory twofold; computing hardly (the router's scores)</summary> Right. This is what the idea is about.</details>

# %% [markdown]
# ## 2 · Getting tokens to experts
#
# *Each token wants other weights. How do you compute that fast?*
#
# The obvious way is a loop: for each expert, search all tokens for those that chose it, and run it on them. Sorting replaces these searches; experts still run. Our four tokens made eight choices. Sorted by expert (colours), the tokens of an expert stand together, and each expert gets one piece:

# %% tags=["diagram"] fold="Drawing: eight choices, sorted by expert"
by_hand = route(scores, k=2)
choices = by_hand.chosen.flatten().tolist()
order = by_hand.chosen.flatten().argsort(stable=True).tolist()
colors = ["#9ECAE1", "#FDD0A2", "#C7E9C0"]
figure, axes = blank(9.4, 3.0)
for place, expert in enumerate(choices):
    box(axes, 2.0 + 0.85 * place, 2.6, f"token {place // 2}", colors[expert], 0.78, 0.42, 9)
for place, choice in enumerate(order):
    start, end = (2.0 + 0.85 * choice, 2.37), (2.0 + 0.85 * place, 1.68)
    arrow(axes, start, end, color="#666666", width=1)
    box(axes, end[0], 1.45, f"token {choice // 2}", colors[choices[choice]], 0.78, 0.42, 9)
first = 0
for expert in range(3):
    load = choices.count(expert)
    middle = 2.0 + 0.85 * (first + (load - 1) / 2)
    box(
        axes,
        middle,
        0.55,
        f"expert {expert}: {load}",
        colors[expert],
        0.85 * load - 0.07,
        0.5,
        9,
    )
    for place in range(first, first + load):
        arrow(axes, (2.0 + 0.85 * place, 1.22), (2.0 + 0.85 * place, 0.82), width=1)
    first += load
for y, name in ((2.6, "as they chose"), (1.45, "sorted"), (0.55, "one piece each")):
    axes.text(1.45, y, name, ha="right", va="center", fontsize=10)
show(
    figure,
    alt=f"Eight choices, two of each of four tokens, go to experts {choices}. Sorted by expert, the tokens stand as "
    f"{[choice // 2 for choice in order]}, and the experts get {[choices.count(e) for e in range(3)]} of them.",
)

# %% reuse="cells/experts:dispatch" open=true

# %% [markdown]
# `x[order // k]` is the drawing's middle row; `split(load)` cuts it into the bottom row's pieces. For our tokens `order` is [0, 5, 6, 1, 3, 4, 7, 2]: choice 5 is the second choice of token 5 // 2 = 2. In the end `index_add` adds row i of the results to row `order[i] // k` of the output.
#
# What does the detour cost? We compare with a dense layer that makes as many multiplications.


# %% fold="Figure: what it costs"
def by_loop(x: Tensor, routing: Routing, gate_up: Tensor, down: Tensor) -> Tensor:
    """Expert by expert, look for the tokens that chose it."""
    out = torch.zeros_like(x)
    for expert in range(len(gate_up)):
        token, choice = (routing.chosen == expert).nonzero(as_tuple=True)
        result = swiglu(x[token], gate_up[expert], down[expert])
        out = out.index_add(0, token, result * routing.gates[token, choice, None])
    return out


torch.manual_seed(0)
wide, dense_layer = MoE(D=128, h=128, E=16, k=2), Dense(D=128, h=256)
nn.init.normal_(wide.down, std=0.1)
A_LAYER = (8, 32, 128)  # tokens for each expert
costs: dict[str, list[float]] = {"loop": [], "sorted": []}
for each in A_LAYER:
    tokens = torch.randn(8 * each, 128)
    routing = route(wide.router(tokens).detach(), 2)
    assert torch.allclose(
        by_loop(tokens, routing, wide.gate_up, wide.down),
        by_sort(tokens, routing, wide.gate_up, wide.down),
        atol=1e-4,
    )

    def run(way: Callable[..., Tensor]) -> None:
        way().square().sum().backward()

    base = seconds(partial(run, partial(dense_layer, tokens)), 15)[0]
    for name, way in (("loop", by_loop), ("sorted", by_sort)):
        took = seconds(
            partial(run, partial(way, tokens, routing, wide.gate_up, wide.down)), 15
        )[0]
        costs[name].append(took / base)
figure, axis = plt.subplots(figsize=(7, 2.8))
for shift, (name, color) in zip((-0.18, 0.18), (("loop", GREY), ("sorted", ORANGE))):
    bars = axis.bar([i + shift for i in range(3)], costs[name], 0.34, color=color, label=name)
    axis.bar_label(bars, fmt="{:.1f}", fontsize=9)
axis.axhline(1, color=BLUE, linewidth=2)
axis.text(2.45, 1.3, "dense, as many\nmultiplications", color=BLUE, fontsize=9)
axis.set_xticks(range(3), [f"{each}" for each in A_LAYER])
axis.set(xlabel="tokens for each of 16 experts", ylabel="time, dense = 1", xlim=(-0.5, 3.2))
axis.legend(fontsize=9)
show(
    figure,
    alt="Time of a layer of 16 experts, forward and backward, as a multiple of a dense layer with as many multiplications, at "
    f"{A_LAYER} tokens for each expert: "
    + "; ".join(
        f"{name} " + ", ".join(f"{c:.1f}" for c in found) for name, found in costs.items()
    )
    + ".",
)

# %% [markdown]
# With few tokens per expert, each token costs more. This is one reason to train mixtures with large batches. ([Lab 4.4](labs/4_4_dispatch.ipynb) makes it as fast as it gets.)
#
# **Check yourself.** In one batch, nobody chooses the last expert, number 2. What does `by_sort` do?
#
# - <details><summary>It stops with an error: there is nothing to multiply</summary> A piece of 0 rows is allowed; its product has 0 rows.</details>
# - <details><summary>It works, because `minlength` counts expert 2 with 0 tokens</summary> Right. Without it, `load` would have two entries for three experts, and `strict=True` would raise an error.</details>
# - <details><summary>It sends some tokens there anyway</summary> Only the router decides. Section 3 is about routers that forget experts.</details>

# %% [markdown]
# ## 3 · Balance
#
# *What keeps the router from always choosing the same expert?*
#
# Nothing, so far. An expert that is chosen learns, so it gets better, so it is chosen more: the rich get richer. An expert that is never chosen never learns.
#
# To watch this we need a task whose parts we know. An input is 8 random numbers x and the name of one of K *domains* (领域). Each domain has a secret 8 × 8 matrix W, and the right answer is the place of the largest number in x W. The model is tiny: domain and x become a token of 32 numbers, one layer changes it, a last matrix gives 8 scores.
#
# Sixteen domains, sixteen experts. We make it hard: at the start all tokens look nearly alike, since we add the same large vector to each. (Half a minute. Two panels show remedies, explained below the figure.)


# %% fold="Train with and without balance, in three situations"
def kept_within(chosen: Tensor, E: int, factor: float) -> Tensor:
    """Which choices (N, k) find room: at most factor N k / E for each expert, first choices first."""
    N, k = chosen.shape
    line = F.one_hot(chosen.T.flatten(), E)  # (k N, E), in the order in which they queue
    place = (line.cumsum(dim=0) * line).sum(dim=1)  # 1 for the first at its expert
    return (place <= math.ceil(factor * N * k / E)).view(k, N).T


class Limited(MoE):
    """Whoever finds no room is dropped: the expert adds nothing."""

    def forward(self, x: Tensor) -> Tensor:
        self.last = route(self.router(x), self.k)
        kept = kept_within(self.last.chosen, len(self.bias), factor=1.25)
        return by_sort(
            x, self.last._replace(gates=self.last.gates * kept), self.gate_up, self.down
        )


def balance_job(method: str, seed: int, alike: float = 0.0, zipf: float = 0.0):
    """A net that is made now and trained later; the job gives its accuracy and the loads, (steps, E)."""
    torch.manual_seed(seed)
    net = DomainNet(16, (Limited if method == "limit" else MoE)(32, 16, 16))
    with torch.no_grad():
        net.inputs.bias += alike
    rules, loads = draw_rules(16, seed, zipf), []

    def after(step: int) -> None:
        loads.append(load_of(net.layer.last.chosen, 16))
        if method == "bias":
            move_bias(net.layer, rate=0.01)

    def job() -> tuple[float, Tensor]:
        balance = 0.01 if method == "loss" else 0.0
        train_domains(
            net, rules, seed, steps=300, N=256, rate=0.03, balance=balance, after=after
        )
        return accuracy(net, rules), torch.stack(loads)

    return job


METHODS = {
    "nothing": "nothing",
    "loss": "balance loss",
    "bias": "selection bias",
    "limit": "limit",
}
SITUATIONS = {
    "look alike at first": {"alike": 2.0},
    "easy to tell apart": {},
    "easy, but uneven": {"zipf": 1.0},
}
asked = [(s, m, seed) for s in SITUATIONS for m in METHODS for seed in SEEDS]
jobs = [balance_job(m, seed, **SITUATIONS[s]) for s, m, seed in asked]
balanced = dict(zip(asked, side_by_side(jobs, "balance")))

# %% fold="Figure: the load of each expert over training"
figure, panels = plt.subplots(1, 3, figsize=(9.2, 3.2), sharey=True)
idle = {}
for axis, method in zip(panels, list(METHODS)[:3]):
    loads = balanced["look alike at first", method, 0][1]
    by_last = loads[-50:].mean(dim=0).argsort(descending=True)
    picture = axis.imshow(
        loads.view(50, 6, 16).mean(dim=1)[:, by_last].T * 16,
        aspect="auto", extent=(0, 300, 16.5, 0.5), cmap="viridis", vmin=0, vmax=4, interpolation="nearest",
    )  # fmt: skip
    axis.set(title=METHODS[method], xlabel="training step")
    axis.grid(False)
    idle[method] = int((loads[-50:].mean(dim=0) < 0.1 / 16).sum())
panels[0].set_ylabel("experts, busiest at the end first")
figure.colorbar(picture, ax=panels, label="load (1 = a sixteenth)", extend="max")
show(
    figure,
    alt="Three heat maps of how much each of 16 experts gets over training. In the end, experts with less than a tenth of their "
    f"fair share: with nothing {idle['nothing']}, with the balance loss {idle['loss']}, with the selection bias {idle['bias']}.",
)

# %% [markdown]
# On the left, one expert takes a quarter of the choices or more (the brightest colour), and the dark rows get nothing to learn from. There are three remedies.
#
# **1. A loss that pulls (辅助损失, auxiliary loss).** Let f be an expert's share of the choices, and P its mean probability. Add to the training loss, with a small weight such as 0.01:
#
# balance = E · (f₀P₀ + f₁P₁ + … )
#
# It is 1 if all is even, and E if everything goes to one expert (Fedus et al. 2021). By hand, with two experts: three of four tokens choose expert 0, so f = (0.75, 0.25); the mean probabilities are P = (0.6, 0.4). Then 2 · (0.75 · 0.6 + 0.25 · 0.4) = 1.1.
#
# Why the product? f comes from counting and has no gradient. P has one: for Pᵢ it is E · fᵢ. So the busiest expert's probability is pushed down hardest.
#
# **Your turn.** Write it.


# %%
def balance_of(load: list[float], mean_p: list[float]) -> float:
    """E times the sum of load times mean probability."""
    ...


your_turn(balance_of, [0.75, 0.25], [0.6, 0.4], want=1.1, hint="2 * (0.75 * 0.6 + 0.25 * 0.4)")

# %% [markdown]
# <details><summary>A solution</summary>
#
# ```python
# return len(load) * sum(f * p for f, p in zip(load, mean_p))
# ```
# </details>
#
# **2. A bias that only selects (选择偏置).** Each expert has a number that is added where experts are chosen, and nowhere else. After each step it goes up a little for experts below the mean load, and down for those above (Wang et al. 2024; DeepSeek-V3). By hand: p = 0.5, 0.3, 0.2, and the biases 0, 0, +0.4. Now the third is chosen, since 0.2 + 0.4 is the most. At k = 1, its gate stays 0.2.
#
# **3. A limit (容量, capacity).** Each expert takes at most C = ⌈factor · N k / E⌉ choices of a batch; with factor 1, an even load just fits. A choice too late is *dropped*. At k = 1, only the residual connection then carries this token on.

# %% tags=["diagram"] fold="Drawing: a limit of two"
figure, axes = blank(9.4, 2.6)
for expert, y in ((0, 2.0), (1, 0.8)):
    axes.add_patch(plt.Rectangle((3.6, y - 0.55), 1.3, 1.1, fill=False, linewidth=1.5))
    axes.text(5.05, y, f"expert {expert}: two places", va="center", fontsize=10)
for y, token, expert, place in ((2.3, 0, 0, 2.27), (1.7, 1, 0, 1.73), (1.1, 2, 1, 1.07)):
    box(axes, 1.2, y, f"token {token}", colors[expert], 1.0, 0.42)
    arrow(axes, (1.75, y), (3.7, place))
    box(axes, 4.25, place, f"token {token}", colors[expert], 1.0, 0.42)
box(axes, 4.25, 0.53, "free", "white", 1.0, 0.42)
box(axes, 1.2, 0.5, "token 3", colors[0], 1.0, 0.42)
arrow(axes, (1.75, 0.45), (3.4, 0.08), color=RED)
axes.text(
    3.45,
    0.05,
    "dropped: its expert, 0, is full; it goes on unchanged",
    color=RED,
    va="center",
    fontsize=10,
)
show(
    figure,
    alt="Four tokens, two experts with two places each. Tokens 0, 1 and 3 choose expert 0, token 2 chooses expert 1. Tokens 0 and 1 "
    "fill expert 0, so token 3 is dropped and goes on unchanged; expert 1 keeps a free place.",
)

# %% [markdown]
# Try it: how many choices are dropped, and how much room stays empty?


# %% fold="Sliders: load, limit, dropped"
def draw_load(tokens: int, experts: int, k: int, unevenness: float, factor: float) -> None:
    """Loads of a router that likes expert i in proportion to 1 / (i + 1) to the power of unevenness."""
    generator = torch.Generator().manual_seed(0)
    k = min(k, experts)
    likes = -unevenness * torch.arange(1.0, experts + 1).log()
    noise = -torch.rand(tokens, experts, generator=generator).log().neg().log()
    chosen = (likes + noise).topk(k, dim=-1).indices
    kept = kept_within(chosen, experts, factor)
    C = math.ceil(factor * tokens * k / experts)
    load = chosen.flatten().bincount(minlength=experts)
    figure, axis = plt.subplots(figsize=(8, 2.6))
    axis.bar(range(experts), load.clamp(max=C), color=BLUE, label="computed")
    axis.bar(range(experts), (load - C).clamp(min=0), bottom=C, color=RED, label="dropped")
    axis.axhline(C, color="black", linestyle="--", linewidth=1)
    axis.set(
        xlabel="expert",
        ylabel="choices",
        title=f"limit {C}: {1 - kept.float().mean():.0%} dropped, {1 - kept.sum().item() / (C * experts):.0%} of the room empty",
    )
    axis.legend(fontsize=9)
    show(
        figure,
        alt=f"Choices of {tokens} tokens for {experts} experts, {k} each, and a limit of {C}: {1 - kept.float().mean():.0%} are dropped.",
    )


play(
    draw_load,
    tokens=(16, 512, 256),
    experts=(2, 32, 8),
    k=(1, 4, 1),
    unevenness=(0.0, 2.0, 0.7),
    factor=(0.5, 3.0, 1.25),
)

# %% [markdown]
# Which remedy helps? We also trained without the large vector, so that domains are *easy to tell apart*, and on *uneven* ones: domain i comes in proportion to 1/(i + 1), as words do in a language. Each token has one expert (k = 1), the loss has the weight 0.01, the limit's factor is 1.25; guessing gives 0.12. (In brackets: least and most of three seeds, unless all round alike.)

# %% fold="Table: which remedy helps"
print(f"{'share right':25}" + "".join(f"{name:>22}" for name in METHODS.values()))
for situation in SITUATIONS:
    found = [[balanced[situation, m, seed][0] for seed in SEEDS] for m in METHODS]
    print(f"{situation:25}" + "".join(f"{spread(shares):>22}" for shares in found))

# %% [markdown]
# *If tokens look alike at first*, the balance loss helps, and leaves fewer experts idle (dark rows). The bias makes the load more even still, yet wins nothing. We think this is why: at k = 1 the result is multiplied by p. A token that the bias sends to an expert with p = 0.02 gets 2% of its result.
#
# *If domains are easy to tell apart*, nothing is to be gained. *If they are uneven as well*, an even load is the wrong aim: the frequent domain must be cut up and rare ones must share. Here the loss costs nothing; the bias seems to do harm.
#
# *The limit alone* drops tokens, in training and in the test, and teaches the router nothing. In practice it comes with one of the others, so that machines need not wait. (This is one small task with one expert a token. DeepSeek-V3 takes eight, and balances by a bias.)
#
# **Check yourself.** A maker reports: "the load of our experts is perfectly even". What do you know?
#
# - <details><summary>That no expert is idle, and machines hardly wait</summary> Right, and no more than that.</details>
# - <details><summary>That the experts have specialised</summary> Token i to expert i mod 16 is even, too, and knows nothing.</details>
# - <details><summary>That the text has equally frequent topics</summary> A bias pushes the load towards even, whatever the text is like.</details>
#
# *A good place to stop for tonight. Tomorrow, run all cells above again: it takes a minute.*

# %% [markdown]
# ## 4 · Does it pay?
#
# *Same computing, more weights: what is it worth?*
#
# Back to domains that are easy to tell apart: each token carries its domain's name. Three layers learn K = 2 to 64 of them, with three seeds. (Do not compare with section 3: experts here are wider, and see more examples.)
#
# - a **mixture**: 16 experts of width 32, one chosen, with the balance loss;
# - **dense, equal active**: about as many weights as a token uses in the mixture. One expert and the router have 3 · 32 · 32 + 16 · 32 = 3,584, a fourteenth of the total. So the width is 38;
# - **dense, equal total**: as many weights as the mixture holds. Each token uses them all.
#
# And at K = 16, is it the *right* expert that helps, or just more weights? Three other routers: **told** the domain's number; **frozen**, left at its random start; **hashed** (哈希): the digits of the first input pick the expert, whatever the domain.
#
# **Predict.** How much more does the mixture get right than the dense layer of equal active size, at 2 domains and at 16? (Training takes about 20 seconds.)

# %%
guess_gain_2, guess_gain_16 = None, None  # for instance 0.05, 0.05

# %% fold="Train them all"
KS = (2, 4, 8, 16, 32, 64)
SIZES = {"dense, equal active": BLUE, "mixture": ORANGE, "dense, equal total": GREY}


def layer_of(kind: str) -> nn.Module:
    held = {
        "dense, equal active": 1,
        "dense, equal total": 16,
    }  # times an expert's width, and the router
    return MoE(32, 32, 16) if kind == "mixture" else Dense(32, 32 * held[kind] + 6)


class GivenExpert(nn.Module):
    """In place of a router: scores that leave no doubt."""

    def forward(self, tokens: Tensor) -> Tensor:
        return 1000.0 * F.one_hot(self.expert, 16).float()


class OtherRouter(DomainNet):
    """A net whose expert is told (the domain) or hashed (the first input)."""

    def __init__(self, router: str):
        super().__init__(16, MoE(32, 32, 16))
        self.which = router
        if router == "frozen":
            self.layer.router.weight.requires_grad_(False)
        else:
            self.layer.router = GivenExpert()

    def forward(self, domain: Tensor, x: Tensor) -> Tensor:
        if self.which != "frozen":
            hashed = (x[:, 0] * 10_000).long() % 16
            self.layer.router.expert = domain % 16 if self.which == "told" else hashed
        return super().forward(domain, x)


def domain_job(kind: str, K: int, seed: int) -> Callable[[], tuple[float, float]]:
    """Made now, trained later: its accuracy, and how much of a domain goes to one expert, on average."""
    torch.manual_seed(seed)
    net = DomainNet(K, layer_of(kind)) if kind in SIZES else OtherRouter(kind)
    rules = draw_rules(K, seed)

    def job() -> tuple[float, float]:
        train_domains(net, rules, seed, balance=0.01 if kind == "mixture" else 0.0)
        right = accuracy(net, rules)
        if not isinstance(net.layer, MoE):
            return right, 0.0
        domain, _, _ = rules.draw(
            8192, torch.Generator().manual_seed(1_000_003)
        )  # as in accuracy
        chosen = F.one_hot(net.layer.last.chosen[:, 0], 16).double()
        shares = [chosen[domain == i].mean(dim=0).max().item() for i in range(K)]
        return right, statistics.mean(shares)

    return job


asked_4 = [(kind, K, seed) for kind in SIZES for K in KS for seed in SEEDS]
asked_4 = [
    (kind, K, seed)
    for kind, K, seed in asked_4
    if kind != "dense, equal total" or K in (2, 16, 64)
]
asked_4 += [(router, 16, seed) for router in ("told", "frozen", "hashed") for seed in SEEDS]
runs_4 = side_by_side([domain_job(*each) for each in asked_4], "2 to 64 domains")
got = {each: right for each, (right, _) in zip(asked_4, runs_4)}
together = {each: share for each, (_, share) in zip(asked_4, runs_4)}

# %% tags=["headline"] fold="Figure: many experts against one layer"
figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.8), width_ratios=(3, 2))
words = []
for kind, color in SIZES.items():
    runs = {K: [got[kind, K, seed] for seed in SEEDS] for K in KS if (kind, K, 0) in got}
    dashed = "--" if len(runs) < len(KS) else "-"
    middle = [statistics.mean(run) for run in runs.values()]
    left.plot(list(runs), middle, dashed, color=color, label=kind)
    for K, run in runs.items():
        left.plot([K] * 3, run, ".", color=color, markersize=5)
    words.append(
        f"{kind} " + ", ".join(f"{statistics.mean(run):.2f} at {K}" for K, run in runs.items())
    )
for guess, K in ((guess_gain_2, 2), (guess_gain_16, 16)):
    if guess is not None:
        draw_guess(
            left,
            statistics.mean(got["dense, equal active", K, seed] for seed in SEEDS) + guess,
            at=K,
        )
left.set(xscale="log", xlabel="domains K", ylabel="share right (dots: seeds)")
left.set_xticks(KS, [str(K) for K in KS])
left.minorticks_off()
left.legend(fontsize=9)
routers = {"told": "told", "mixture": "learned", "frozen": "frozen", "hashed": "hashed"}
for place, (kind, name) in enumerate(routers.items()):
    run = [got[kind, 16, seed] for seed in SEEDS]
    right.bar(place, statistics.mean(run), color=ORANGE, alpha=0.6)
    right.plot([place] * 3, run, ".", color="black", markersize=5)
    right.text(place, 0.03, f"{statistics.mean(run):.2f}", ha="center", fontsize=10)
    words.append(f"router {name} {statistics.mean(run):.2f}")
small = statistics.mean(got["dense, equal active", 16, seed] for seed in SEEDS)
right.axhline(small, color=BLUE)
right.text(3.45, small + 0.02, "dense,\nequal active", color=BLUE, ha="right", fontsize=9)
right.set_xticks(range(4), list(routers.values()))
right.set(ylim=(0, 1.08), xlabel="the mixture's router, 16 domains")
right.grid(axis="x", visible=False)
show(
    figure,
    alt=f"Left: share right over the number of domains. Right: other routers. {'; '.join(words)}.",
)
gain = {
    K: statistics.mean(got["mixture", K, s] - got["dense, equal active", K, s] for s in SEEDS)
    for K in KS
}
print(
    f"mixture minus dense of equal active size: {gain[2]:+.2f} at 2 domains, {gain[16]:+.2f} at 16"
)
share = statistics.mean(together["mixture", 16, seed] for seed in SEEDS)
print(f"at 16 domains, {share:.0%} of a domain's examples go to one expert, on average")

# %% [markdown]
# **Explain** it to yourself first. Where do the two lines of equal active size part, and why there? Why is the hashed router even worse than the small dense layer, with so many more weights?
#
# <details><summary>Our explanation</summary>
#
# At 2 domains there is room for both in the small dense layer. From 4 on, domains compete for its 38 inner numbers, and what one learns disturbs the others. In the mixture each domain has an expert that it shares with few. So at 16 domains it keeps up with the large dense layer, and multiplies a fourteenth as much. At 64, four domains must share an expert, and that takes longer to learn: in [Lab 4.2a](labs/4_2a_domains.ipynb), with ten times the training, it catches up there, too.
#
# The hashed router spreads every domain over all experts. Each expert must learn all sixteen domains, from a sixteenth of the examples. More weights help only if the router brings together what belongs together. The frozen router at least sends similar tokens to the same expert. That beats the hash, but only ties with the small dense layer.
# </details>
#
# Multiplications saved are not seconds saved: in Lab 4.2a, a step of the large layer takes 1.2 to 1.8 times as long as the mixture's, not 14 times. On text, in [Lab 4.2b](labs/4_2b_text.ipynb), our mixture with a learned router needs 2.26 bits a byte, a large dense model 2.22. After three times the steps it is further behind (1.92 against 1.85).
#
# **Check yourself.** On which task would you expect a mixture to gain most?
#
# - <details><summary>Many things to store, each needed now and then, and the token tells which</summary> Right: this is the condition of this section.</details>
# - <details><summary>One rule that is hard to compute</summary> There is nothing to divide. A wider or deeper layer helps.</details>
# - <details><summary>Two domains</summary> Two parts fit into one small layer, as here at K = 2.</details>

# %% [markdown]
# ## 5 · What do experts hold?
#
# *Does each kind of text have experts of its own?*
#
# Back to the GPT of the beginning. (It has the selection bias.) Each kind sends some share of its bytes to an expert; the kind with the largest share owns it. Now take away all experts of one kind, in both blocks. Bytes that went there must move to the next best expert. What does it cost this kind, and what the others? (Averaged over the kinds.)
#
# A kind uses its own experts more, so more of its bytes must move. So we also divide the cost by the share that must move.
#
# The control is a GPT trained in the same way, but with its router **frozen** at its random start.
#
# **Predict.** A kind's experts are gone. A byte of its own and a byte of another kind must both move. How many times as much does the kind's own byte cost? (1: no difference. Training takes 20 seconds.)

# %%
guess_ratio = None  # for instance 3.0


# %% fold="Train the control and a second pair, remove experts"
def frozen(seed: int) -> GPT:
    model = kinds_gpt(seed, lambda: MoE(32, 32, 8))
    for block in model.blocks:
        block.layer.router.requires_grad_(False)
    return model


others = {"learned": [kinds_gpt(1, lambda: MoE(32, 32, 8))], "frozen": [frozen(0), frozen(1)]}
jobs = []
for name, seeds in (("learned", (1,)), ("frozen", (0, 1))):
    for model, seed in zip(others[name], seeds):
        jobs.append(
            partial(train, model, draw_kinds(texts, seed), 1000, 0.008, keep_busy(model))
        )
_ = side_by_side(jobs, "training")
pairs_of = {"learned": [gpt, *others["learned"]], "frozen": others["frozen"]}


def usage(model: GPT) -> Tensor:
    """Share of each kind's bytes that each expert gets, (layers, E, kinds)."""
    found = []
    for kind in KINDS:
        bits_by_kind(model, {kind: held_out[kind]})
        found.append(
            torch.stack([load_of(block.layer.last.chosen, 8) for block in model.blocks])
        )
    return torch.stack(found, dim=-1)


def removed(model: GPT) -> tuple[float, float, float, float]:
    """Bits a byte that it costs its own kind and the others, and the same per byte that must move."""
    used, before = usage(model), bits_by_kind(model, held_out)
    owner = used.argmax(dim=-1)  # (layers, E)
    own, rest, own_each, rest_each = [], [], [], []
    for i, kind in enumerate(KINDS):
        saved = [block.layer.bias.clone() for block in model.blocks]
        for block, owners in zip(model.blocks, owner):
            block.layer.bias[owners == i] -= 10  # never the best any more
        after = bits_by_kind(model, held_out)
        for block, bias in zip(model.blocks, saved):
            block.layer.bias.copy_(bias)
        for j, other in enumerate(KINDS):
            cost = after[other] - before[other]
            moved = sum(u[owners == i, j].sum().item() for u, owners in zip(used, owner)) / 2
            (own if i == j else rest).append(cost)
            (own_each if i == j else rest_each).append((cost, moved))
    matched = [
        sum(c for c, _ in pairs) / sum(m for _, m in pairs) for pairs in (own_each, rest_each)
    ]
    return statistics.mean(own), statistics.mean(rest), matched[0], matched[1]


removal = {name: [removed(model) for model in models] for name, models in pairs_of.items()}

# %% fold="Figure: whom does it cost?"
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
words = []
for axis, first, title in (
    (axes[0], 0, "bits a byte"),
    (axes[1], 2, "bits for each byte that must move"),
):
    for place, (name, runs) in enumerate(removal.items()):
        for shift, column, color, label in (
            (-0.2, first, ORANGE, "the kind itself"),
            (0.2, first + 1, GREY, "the other kinds"),
        ):
            values = [run[column] for run in runs]
            mean = statistics.mean(values)
            axis.bar(
                place + shift, mean, 0.36, color=color, label=label if place == 0 else None
            )
            axis.plot([place + shift] * len(values), values, "ko", markersize=4)
            axis.text(
                place + shift,
                0.02,
                f"{mean:.2f}",
                ha="center",
                fontsize=9,
                color="white" if color == GREY else "black",
            )
            words.append(f"{name} router, {title}, {label}: {spread(values)}")
    axis.set_xticks(range(2), ["learned router", "frozen router (control)"])
    axis.set(title=title)
    axis.grid(axis="x", visible=False)
axes[0].set_ylabel("cost of removing a kind's experts")
axes[0].legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, 0.98))
axes[0].set_ylim(0, 0.62)
draw_guess(
    axes[1],
    guess_ratio and guess_ratio * statistics.mean(run[3] for run in removal["learned"]),
    at=-0.2,
)
show(figure, alt=f"Cost of removing the experts of a kind. {'; '.join(words)}.")
bits_of = {
    name: [statistics.mean(bits_by_kind(m, held_out).values()) for m in models]
    for name, models in pairs_of.items()
}
for name, runs in removal.items():
    print(
        f"{name} router: own kind / others, per byte that must move: {spread([r[2] / r[3] for r in runs])}"
    )
for name, values in bits_of.items():
    print(f"{name} router, bits a byte with all experts: {spread(values)}")

# %% [markdown]
# On the left it looks like a division of labour: without its experts, a kind loses three to four times as much as the others. On the right, most of that is gone for the learned router: a byte that must move costs about as much, whatever its kind. With the frozen router, much remains. Its matrix never learned, but it still divides the bytes, and the experts adapt to what they get. The frozen router's experts are the sharper specialists (1.56 against 1.09), yet its model predicts slightly worse (2.43 against 2.41 bits).
#
# (Two seeds each.) In section 4 the router did learn: most of a domain went to one expert, and the frozen router did worse (0.85 against 0.93).
#
# **Check yourself.** Someone shows you that most of the code in a text goes to expert 5, and says "expert 5 knows Python". What do you ask first?
#
# - <details><summary>Whether expert 5 is the largest one</summary> All have the same size.</details>
# - <details><summary>What a frozen router does, and what the code has in common besides being code</summary> Right: spaces, brackets and short lines may be enough.</details>
# - <details><summary>Nothing: that is what experts are for</summary> Then a random router would know Python, too.</details>

# %% [markdown]
# ## 6 · Total and active parameters
#
# *DeepSeek-V3 "has" 671 billion parameters. What does the number tell you?*
#
# A mixture has two sizes. The **total** (总参数) must lie in memory: 2 bytes a weight in 16 bits. The **active** ones (激活参数) are those that a token meets: about 2 operations each, to multiply and to add. By hand, for Mixtral 8x7B: 32 layers, D = 4,096, 8 experts of width 14,336, k = 2. An expert has 3 · 4,096 · 14,336 = 176 million weights. (Four heads of queries share one head of keys and values, so these are 1,024 wide, not 4,096.)

# %%
expert = 3 * 4096 * 14_336
attention_weights = (
    2 * 4096 * 4096 + 2 * 4096 * 1024
)  # queries and output; 8 heads of keys and values
rest = (
    32 * (attention_weights + 4096 * 8) + 2 * 32_000 * 4096
)  # with routers, token table and head
print(f"total  {(rest + 32 * 8 * expert) / 1e9:.1f} billion (published: 46.7)")
print(f"active {(rest + 32 * 2 * expert) / 1e9:.1f} billion (published: 12.9)")

# %% [markdown]
# So "8x7B" is not 56: attention is there once. Here are published models:

# %% fold="Figure: memory to hold, operations to run"
# Billions of parameters, total and active, as published (Lab 4.3 counts them and names the sources).
# Switch-C's active size was counted from its shape.
MODELS = {
    "OLMoE": (6.9, 1.3), "Mixtral 8x7B": (46.7, 12.9), "Qwen3-235B": (235, 22), "Hunyuan-Large": (389, 52),
    "DeepSeek-V3": (671, 37), "Switch-C": (1571, 0.74), "Llama 3 8B": (8, 8), "GPT-3": (175, 175), "Llama 3.1 405B": (405, 405),
}  # fmt: skip
figure, axis = plt.subplots(figsize=(8, 4))
axis.plot([1, 2e4], [1, 2e4], color=GREY, linewidth=1)
axis.text(20, 26, "dense: all weights active", color=GREY, rotation=33, fontsize=9)
for name, (total, active) in MODELS.items():
    dense_model = total == active
    axis.plot(
        2 * total,
        2 * active,
        "o" if dense_model else "s",
        color=BLUE if dense_model else ORANGE,
    )
    place, side = ((-7, 4), "right") if name == "Hunyuan-Large" else ((7, -10), "left")
    spot = (2 * total, 2 * active)
    axis.annotate(name, spot, xytext=place, textcoords="offset points", fontsize=9, ha=side)
axis.axvline(80, color=PURPLE, linestyle="--", linewidth=1)
axis.text(84, 1.2, "one 80 GB card", color=PURPLE, fontsize=9)
axis.set(xscale="log", yscale="log", xlim=(6, 9e3), ylim=(0.8, 1.5e3))
axis.set(xlabel="memory for the weights (GB, 16 bits)", ylabel="billion operations a token")
show(
    figure,
    alt="Operations a token against memory: "
    + "; ".join(
        f"{name} {2 * total:,.0f} GB and {2 * active:,.1f} billion"
        for name, (total, active) in MODELS.items()
    )
    + ". Dense models lie on the diagonal, mixtures below it.",
)

# %% [markdown]
# The mixtures lie below the line: Mixtral by a factor of nearly four, Switch-C by two thousand. DeepSeek-V3's 671 billion weights take 1,342 GB, but a token meets only 37 billion of them. The total tells you what must be stored, not what is computed, nor how good the answers are. ([Lab 4.3](labs/4_3_sizes.ipynb) counts them all. The Hunyuan of the lab's claim is older than Hunyuan-Large.)
#
# **Check yourself.** You have one card with 80 GB and want the fastest answers. Which number decides whether a model runs at all?
#
# - <details><summary>The active parameters: only they are used</summary> The next token may choose any expert, so all must be there.</details>
# - <details><summary>The number of experts</summary> It says nothing without their size.</details>
# - <details><summary>The total</summary> Right: memory asks for the total. For the speed, look at the active size first.</details>

# %% [markdown]
# ## What you take with you
#
# 1. A router gives each token a score for each expert; the k best run, weighted by their gates. The rest cost memory, not computing.
# 2. Sort the choices by expert, and each expert gets one piece. With few tokens per expert, each token costs more.
# 3. Where tokens look alike, the rich get richer. A loss or a bias makes the load more even, a limit cuts it off. An even load need not be a sensible one.
# 4. A mixture pays where there is much to store, and where the router can tell which part is needed.
# 5. Two sizes: the total must be held, the active part is computed.
#
# ## What the articles claim about it
#
# Each claim has a lab of half an hour ([lesson 0](00_start_here.ipynb) names the articles). Predict before you open what we found:
#
# <!-- answers -->
#
# ## Where this stops
#
# In large models experts lie on many machines, and each token travels to its experts and back. That traffic is the hard part, and not here.
#
# **To read on.** Fedus et al. 2021, Switch Transformer ([2101.03961](https://arxiv.org/abs/2101.03961)) · Jiang et al. 2024, Mixtral ([2401.04088](https://arxiv.org/abs/2401.04088)) · DeepSeek-AI 2024, DeepSeek-V3 ([2412.19437](https://arxiv.org/abs/2412.19437))
#
# **Now you.** `exercises/04_moe_routing/moe_routing.ipynb`: gates, dispatch, balance, limits and sizes, for any shape.
