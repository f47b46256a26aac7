# ---
# jupyter:
#   course:
#     title: "Lab 1.6: can a recurrent network train in parallel, and is it any good?"
#     claim: "1.6"
#     summary: Compute a recurrent layer step by step and all at once, then find out how large its state must be to recall what attention does.
#     minutes: 30
#     carries: [torch, figures, progress, statistics, attention, lab, chain]
# ---

# %% [markdown]
# # Lab 1.6 · Can a recurrent network train in parallel, and is it any good?
#
# **The claim.** Recurrent networks (循环神经网络) are hard to train in parallel. A team altered one so that it can train in parallel, with very good
# results: RWKV. So says a panel (A4, 2023).
#
# **Why believe it?** A recurrent network reads with little memory, however long the text. If it also trained like a Transformer, who would need
# attention (注意力)? **Why doubt it?** All it has read must fit into a state of fixed size. Can it find things again?
#
# RWKV itself is too large for this page. We test the idea at its core, a **linear recurrence with a fixed fade**.
#
# **It counts as shown if** (1) computed at once, the layer gives the same numbers as step by step, in a chain that never grows; (2) with no more memory than attention, it recalls
# at most 0.05 less of 4, 8, 16 and 32 pairs.
#
# If (2) needs a larger state (we try up to 1,024 numbers), that is the grade's condition; if none is enough, the claim fails here. We rewrote this rule after trial runs, in which
# we gave attention more memory than it needs, and so our layer, too. Now attention is lean: d = 4, doubled until it recalls 0.99 of the pairs.
#
# ## A state that fades
#
# In an LSTM (长短时记忆网络) the last result passes through functions that are not linear (sigmoid, tanh) into the next, so step 5 must wait for step 4.
#
# Our layer's state passes through no such function. A token's key k, value v and query q are rows of d numbers, as in lesson 1. The state S is a d×d table. At each token the
# old state fades by a factor w, and kᵀv is added: each number of the key times each of the value. Then the query reads the state. For three tokens:
#
# ```text
# S₁ =        k₁ᵀv₁
# S₂ = w S₁ + k₂ᵀv₂
# S₃ = w S₂ + k₃ᵀv₃  =  k₃ᵀv₃ + w k₂ᵀv₂ + w² k₁ᵀv₁         (S₁ and S₂ put in)
#
# q₃S₃ = q₃(k₃ᵀv₃) + w q₃(k₂ᵀv₂) + w² q₃(k₁ᵀv₁)
#      = (q₃k₃ᵀ)v₃ + w (q₃k₂ᵀ)v₂ + w² (q₃k₁ᵀ)v₁           (brackets may move)
# ```
#
# Each qkᵀ is a single number, the score. So this is **attention without softmax, with a fade**. The state has dropped out of the formula, and all results can be
# computed at once, with one triangle of fading factors. (Drawn with w = 0.8; in the code w is `FADE`, 0.99.)

# %% fold="Draw both ways to compute it" tags=["diagram"]
figure, axes = plt.subplots(1, 2, figsize=(8, 3.1), width_ratios=(1.35, 1))
T, w = 5, 0.8
for t in range(T):
    axes[0].plot(t, 1, "o", color=GREEN, markersize=28)
    axes[0].text(t, 1, f"$S_{t + 1}$", ha="center", va="center", color="white", fontsize=12)
    line = {"arrowstyle": "-|>", "color": "black", "linewidth": 1, "shrinkA": 9, "shrinkB": 15}
    axes[0].annotate("", (t, 1), (t, 0), arrowprops=line)
    axes[0].annotate("", (t, 2), (t, 1), arrowprops=line | {"shrinkA": 15, "shrinkB": 9})
    axes[0].text(t, 0, f"$k_{t + 1}, v_{t + 1}$", ha="center", va="center", fontsize=11)
    axes[0].text(t, 2, f"$q_{t + 1}S_{t + 1}$", ha="center", va="center", fontsize=11)
    if t > 0:
        line |= {"shrinkA": 15, "linewidth": 2.2}
        axes[0].annotate("", (t, 1), (t - 1, 1), arrowprops=line)
        axes[0].text(t - 0.5, 1.12, "× w", ha="center", fontsize=10)
axes[0].set(xlim=(-0.5, T - 0.5), ylim=(-0.25, 2.25))
axes[0].set_title("step by step: each state waits for the last", fontsize=11)
axes[0].axis("off")
for t in range(T):
    for s in range(t + 1):
        factor = w ** (t - s)
        square = plt.Rectangle((s, T - 1 - t), 1, 1, color=GREEN, alpha=factor**2, linewidth=0)
        axes[1].add_patch(square)
        axes[1].text(
            s + 0.5, T - 0.5 - t, f"{factor:.2f}", ha="center", va="center", fontsize=10
        )
axes[1].set(
    xlim=(0, T), ylim=(0, T), xlabel="token that is looked at", ylabel="token that looks"
)
axes[1].set_xticks([s + 0.5 for s in range(T)], range(1, T + 1))
axes[1].set_yticks([s + 0.5 for s in range(T)], range(T, 0, -1))
axes[1].set_title("at once: one triangle (here w = 0.8)", fontsize=11)
axes[1].set_aspect("equal")
axes[1].grid(visible=False)
show(
    figure,
    alt="Left: five states in a chain. Each gets a key and a value from below and the state before it, times w, from the "
    "left; each is read by a query. Right: a triangle of factors, a row for each token that looks. It is 1.00 for the token itself, "
    "0.80 for the one before, then 0.64, 0.51 and 0.41. There is nothing to the right of the diagonal: no token looks ahead.",
)

# %%
FADE = 0.99


def step_by_step(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The linear recurrence, token by token: q, k, v (..., T, d) -> (..., T, d)."""
    state = torch.zeros(*k.shape[:-2], k.shape[-1], v.shape[-1], device=q.device)
    results = []
    for t in range(q.shape[-2]):
        added = k[..., t, :, None] * v[..., t, None, :]  # all products of a key and a value
        state = FADE * state + added
        results.append((q[..., t, None, :] @ state)[..., 0, :])
    return torch.stack(results, dim=-2)


def at_once(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The same for all tokens together: scores, times the triangle, times values."""
    place = torch.arange(q.shape[-2], device=q.device)
    distance = place[:, None] - place
    triangle = torch.where(distance >= 0, FADE ** distance.clamp(min=0), 0.0)
    return (q @ k.transpose(-2, -1) * triangle) @ v


# %% [markdown]
# Are they the same, and how many operations wait for each other? We count the longest chain as in Lab 1.2, but all operations: fading and adding are no matrix
# products.


# %%
LENGTHS = (16, 64, 256)
chains: dict[str, list[int]] = {"step by step": [], "at once": []}
gaps = []  # largest difference, as a share of the largest result
for seed, T in zip(SEEDS, LENGTHS):
    torch.manual_seed(seed)
    q, k, v = (torch.randn(4, T, 16, device=device).requires_grad_() for _ in range(3))
    together, stepped = at_once(q, k, v), step_by_step(q, k, v)
    chains["step by step"].append(longest_chain(stepped))
    chains["at once"].append(longest_chain(together))
    gaps.append(((together - stepped).abs().max() / together.abs().max()).item())
print("operations that wait for each other, at", LENGTHS, "tokens")
for name, counted in chains.items():
    print(f"{name:13} {counted}")
print(f"largest difference, of the largest result: {max(gaps):.0e}")

# %% [markdown]
# The price: the triangle costs T² work, as attention does. In practice one computes a piece of text at once and hands its state to the next: little work, few waits.
#
# ## Is it any good?
#
# The test: read P pairs of a name and a number, then answer P names with their numbers. The pairs are new each time, so nothing can be
# learned by heart.


# %%
NAMES = NUMBERS = 64
COPIES = len(SEEDS)  # three models train side by side, each with its own weights and data


def recall_task(B: int, P: int, shuffled: bool = False) -> tuple[Tensor, ...]:
    """Names, their numbers, names asked for, right answers; each (COPIES, B, P)."""
    names = torch.rand(COPIES, B, NAMES, device=device).argsort(-1)[..., :P]
    numbers = torch.randint(NUMBERS, (COPIES, B, P), device=device)
    order = torch.rand(COPIES, B, P, device=device).argsort(-1)
    asked, answers = names.gather(-1, order), numbers.gather(-1, order)
    if shuffled:  # a control: answers that have nothing to do with the pairs
        answers = torch.randint(NUMBERS, (COPIES, B, P), device=device)
    return names, numbers, asked, answers


names, numbers, asked, answers = (part[0, 0].tolist() for part in recall_task(1, 3))
print("read  ", ", ".join(f"name {n} has {m}" for n, m in zip(names, numbers)))
print("asked ", asked, " right answers", answers)

# %% [markdown]
# A pair is one token: the name's vector plus the number's. So no name must first find its number, and one layer is enough. The models differ only in that layer:
#
# - **attention**: a key and a value for each pair, 2d numbers.
# - our **linear recurrence**: a state of d×d numbers, up to 1,024, and a norm behind it.
# - controls that cannot answer: a **feed-forward layer** (前馈层) alone, where tokens never meet, and attention on *shuffled* answers.
#
# The rest (folded) is the same: the layer's result is added to the token's vector, and a matrix turns that into a score for each number.


# %%
def mix(kind: str, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The one line in which attention and the linear recurrence differ."""
    if kind == "attention":
        return attention(q, k, v, causal_mask(q.shape[-2]).to(q.device))[0]
    # No softmax keeps the results to a size, so they are brought to one here.
    return F.rms_norm(at_once(q, k, v), v.shape[-1:])


# %% fold="The model around the layer, three copies side by side; and its training"
WIDTH = 64


def copies(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(COPIES, *shape) / math.sqrt(shape[0]))


def times(x: Tensor, matrix: Tensor) -> Tensor:
    """(COPIES, B, T, D) times (COPIES, D, d), each copy with its own matrix."""
    return (x.flatten(1, 2) @ matrix).unflatten(1, x.shape[1:3])


class Reader(nn.Module):
    """Pairs and questions -> a score for each number, (COPIES, B, P, NUMBERS)."""

    def __init__(self, kind: str, d: int) -> None:
        super().__init__()
        self.kind = kind
        self.names, self.numbers, self.question = (
            nn.Parameter(scale * torch.randn(COPIES, rows, WIDTH))
            for rows, scale in ((NAMES, 0.7), (NUMBERS, 0.7), (1, 1.0))
        )
        self.into = nn.ParameterList()
        if kind in ("attention", "linear"):
            self.into.extend(copies(WIDTH, d) for _ in range(3))
            self.into[0].data.copy_(self.into[1])  # queries start like keys: learning is faster
        else:
            self.into.append(copies(WIDTH, d))
        self.out, self.scores = copies(d, WIDTH), copies(WIDTH, NUMBERS)

    def forward(self, names: Tensor, numbers: Tensor, asked: Tensor) -> Tensor:
        copy = torch.arange(COPIES, device=names.device)[:, None, None]
        read = self.names[copy, names] + self.numbers[copy, numbers]
        x = torch.cat([read, self.names[copy, asked] + self.question[:, None]], dim=2)
        h = F.layer_norm(x, (WIDTH,))
        inner = [times(h, matrix) for matrix in self.into]
        y = inner[0].relu() if self.kind == "feed-forward" else mix(self.kind, *inner)
        x = (x + times(y, self.out))[:, :, names.shape[-1] :]
        return times(F.layer_norm(x, (WIDTH,)), self.scores)


def train(kind: str, d: int, label: str, shuffled: bool = False) -> dict[int, list[float]]:
    """By pairs, the share of right answers of each copy after training."""
    torch.manual_seed(0)
    model = Reader(kind, d).to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.0, fused=True
    )
    for step in progress(range(STEPS), label):
        left = min(1.0, (STEPS - step) / (0.3 * STEPS))  # the last third slows down to 0
        optimizer.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / 50) * left
        *inputs, answers = recall_task(BATCH, PAIRS[step % len(PAIRS)], shuffled)
        scores = model(*inputs)
        # The copies share no weight, so the sum of their losses trains each alone.
        loss = COPIES * F.cross_entropy(scores.flatten(0, 2), answers.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = {}
    with torch.no_grad():
        for P in PAIRS:
            *inputs, answers = recall_task(128, P, shuffled)
            right[P] = (model(*inputs).argmax(-1) == answers).float().mean((1, 2)).tolist()
    return right


# %% [markdown]
# All train for the same number of steps, on 4, 8, 16 and 32 pairs in turn.
#
# **Predict.** 32 pairs, and a state as large as lean attention's memory of them. What share of the questions does the linear recurrence answer rightly?

# %%
guess_share = None  # between 0 and 1

# %%
PAIRS, STEPS, BATCH, RATE = (4, 8, 16, 32), 600, 16, 0.003
for LEAN in (4, 8, 16):  # attention's d, until it is enough
    run = train("attention", LEAN, f"attention, d = {LEAN}")
    by_attention = {P: statistics.mean(run[P]) for P in PAIRS}
    print(f"attention, d = {LEAN}, 32 pairs: {spread(run[32], '.2f')}")
    if min(by_attention.values()) >= 0.99:
        break
KEEPS = {P: 2 * LEAN * P for P in PAIRS}  # numbers that attention keeps for P pairs
STATES = {P: math.isqrt(KEEPS[P]) for P in PAIRS}  # the largest d with d² numbers in it

# %%
runs = {d: train("linear", d, f"state of {d * d:,}") for d in sorted({*STATES.values(), 32})}
print("share recalled of", PAIRS, "pairs")
for d, run in runs.items():
    recalled = " ".join(f"{statistics.mean(run[P]):.2f}" for P in PAIRS)
    print(f"state of {d * d:5,} numbers: {recalled}")

# %%
controls = {
    "feed-forward": train("feed-forward", 128, "feed-forward"),
    "shuffled": train("attention", LEAN, "shuffled", shuffled=True),
}
for name, run in controls.items():
    print(f"{name:13}", *(f"{statistics.mean(run[P]):.2f}" for P in PAIRS))

# %% fold="Draw what is recalled" tags=["result"]
figure, axis = plt.subplots(figsize=(8, 4))
numbers_in = [d * d for d in runs]
for P, mark in zip(PAIRS, "os^d"):
    middle = [statistics.mean(run[P]) for run in runs.values()]
    below = [m - min(run[P]) for m, run in zip(middle, runs.values())]
    above = [max(run[P]) - m for m, run in zip(middle, runs.values())]
    line = {"fmt": f"{mark}-", "color": GREEN, "capsize": 3, "markersize": 6}
    axis.errorbar(numbers_in, middle, (below, above), **line)
    axis.text(numbers_in[0] * 0.94, middle[0], f"{P} pairs", ha="right", va="center")
    d = STATES[P]
    ring = {"color": RED, "markersize": 17, "fillstyle": "none", "markeredgewidth": 2}
    label = "as much memory as attention" if PAIRS[0] == P else None
    axis.plot(d * d, statistics.mean(runs[d][P]), "o", linestyle="", label=label, **ring)
worst = min(by_attention.values())
axis.axhline(worst, color=BLUE, linewidth=3, alpha=0.6, label=f"attention, d = {LEAN}")
axis.axhline(worst - 0.05, color="black", linewidth=1, linestyle=":", label="0.05 less")
axis.set(xscale="log", ylim=(0, 1.08), xlim=(numbers_in[0] * 0.7, numbers_in[-1] * 1.15))
axis.set(xlabel="numbers in the state", ylabel="share of right answers")
axis.set_xticks(numbers_in, [f"{n:,}" for n in numbers_in])
axis.minorticks_off()
axis.set_title(
    "The more pairs, the larger the state must be (mean of three models, least to most)",
    fontsize=11,
)
draw_guess(axis, guess_share, at=STATES[32] ** 2)
figure.legend(loc="outside lower center", ncols=4)
show(
    figure,
    alt="Four rising lines, for 4, 8, 16 and 32 pairs: the share of right answers over the numbers in the state of the "
    "linear recurrence. "
    + "; ".join(
        f"{P} pairs: "
        + ", ".join(f"{statistics.mean(run[P]):.2f} with {d * d:,}" for d, run in runs.items())
        for P in PAIRS
    )
    + f". Attention recalls at least {worst:.2f}. Red rings mark where the state has as much memory as attention: "
    "each lies below attention's line.",
)

# %% [markdown]
# **Check yourself.** A state of 256 numbers does well with 4 pairs and worse with 32. Why?
#
# - <details><summary>The older pairs have faded away</summary> The state of 1,024 numbers fades just as fast, and it answers.</details>
# - <details><summary>It was never trained on 32 pairs</summary> It was, in every fourth step.</details>
# - <details><summary>All pairs lie on top of each other in one table</summary> Right: at most 16 directions can be at right angles; with more pairs keys overlap and answers mix.</details>
#
# <details><summary>Our explanation</summary>
#
# Our layer, too, sees all keys and values, yet it mixes them up. Attention's softmax makes the best score stand
# out, so few directions are enough. But *because* our layer has none, brackets can move and a fixed state is possible.
# </details>
#
# **So the saving in memory is gone for perfect recall**: more pairs need a larger state, larger even than attention's memory.
#
# ## The answer

# %%
same = max(gaps) < 1e-3 and len(set(chains["at once"])) == 1


def enough(d: int, P: int) -> bool:
    """Whether a state of d×d numbers recalls nearly as much of P pairs as attention does."""
    return by_attention[P] - statistics.mean(runs[d][P]) <= 0.05


needs = {P: min((d for d in runs if enough(d, P)), default=None) for P in PAIRS}
for P, side in needs.items():
    needed = f"{side * side:,}" if side else f"more than {32 * 32:,}"
    print(f"{P:2} pairs: attention keeps {KEEPS[P]} numbers, the layer needs {needed}")

if same and all(enough(STATES[P], P) for P in PAIRS):
    grade = SUPPORTED
elif same and None not in needs.values():
    grade = only_if("its state grows with what must be recalled, beyond attention's memory")
else:
    grade = NOT_SUPPORTED

# %%
equal, largest = runs[STATES[32]], runs[max(runs)]
factor = max(runs) ** 2 / KEEPS[32]
twice = "twice" if round(factor) == 2 else f"{factor:.1f} times"
answer(
    "1.6",
    "A simple recurrent layer (not RWKV) computes the same at once as step by step; of 32 "
    f"name-number pairs it recalls {statistics.mean(equal[32]):.2f} with as much memory as attention, "
    f"{statistics.mean(largest[32]):.2f} with {twice} as much, "
    f"attention {by_attention[32]:.2f}.",
    grade,
)

# %% [markdown]
# ## What could still be wrong
#
# One layer, one width, one learning rate, 600 steps: each model might do better with others. With d = 4 one attention of three recalled 0.96; beside that one, our layer would need four times the memory.
#
# **What RWKV has beyond this.** Each token is mixed with the one before; the state learns how fast to fade; gates choose what passes;
# there are many layers. Ours is closest to RetNet (Sun et al. 2023, arXiv 2307.08621).
#
# **From the literature.** RWKV, with up to 14 billion parameters, was reported on a par with Transformers (Peng et al. 2023,
# arXiv 2305.13048). With 355 million, its perplexity (about: among how many words it hesitates) on mixed texts was 9.79, attention's 9.44; but where a pair
# from earlier in the text had to be recalled, 3.82 against 1.98 (Arora et al. 2023, arXiv 2312.04927).
