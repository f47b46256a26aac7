# ---
# jupyter:
#   course:
#     title: "Lab 1.3: does the feed-forward layer store what a model knows?"
#     claim: "1.3"
#     summary: Layers of equal size learn random facts until nothing more goes in; compare what attention and the feed-forward layer hold.
#     minutes: 20
#     carries: [torch, figures, progress, statistics, lab]
# ---

# %% [markdown]
# # Lab 1.3 · Does the feed-forward layer store what a model knows?
#
# **The claim** (from A1, an article on Chinese large models, May 2023; *Start here* lists the articles). Attention layers
# (注意力层) learn the relations between inputs. The feed-forward layer (前馈层) stores information and retrieves it.
#
# Why believe it? Tokens meet in attention and nowhere else, and the feed-forward layer holds most of a block's weights. Why doubt
# it? Attention is made of weights, too, and nobody tells a weight what to do.
#
# Lab 1.1 is about relations. Here we test storing, in a weak reading: that storing *needs* feed-forward layers. Then of two models with equally many
# weights, the one with a feed-forward layer stores more. (A layer can have a job without being the only one able to do it.)
#
# **It counts as shown if**, on each seed, attention with a feed-forward layer answers 10% more facts than the best of three
# arrangements of attention alone, while the last doubling of training adds under 15% and facts never taught stay under 0.1.
#
# (If one of the last two fails: *not testable*. After first runs we added the arrangement with nine heads and widened the last two limits.)

# %% [markdown]
# ## Facts that nobody can work out
#
# A fact has three parts: a name ("Paris"), a question ("capital of which country?") and an answer ("France"). There are 32 of each. The model
# reads name and question, and says the answer. We draw the answers to all 32 · 32 = 1,024 pairs at random. So nothing can be
# worked out, and a blind guess is right once in 32. **What is answered right has been stored.**
#
# We teach 512 of these facts. The other 512 are the control: they can only be guessed.
#
# The vectors of names and questions are random and never trained. So is the last matrix, which turns a vector into 32 scores. Facts can only
# go into the layers between. We make the layers too small for 512 facts. If all contestants got everything right, there would be nothing to compare.

# %% fold="Draw random facts, for three seeds"
NAMES, QUESTIONS, ANSWERS, TAUGHT = 32, 32, 32, 512
S = len(SEEDS)  # three worlds of facts; all tensors below hold all three, one after the other
D = 12

torch.manual_seed(0)
everything = torch.cartesian_prod(torch.arange(NAMES), NAMES + torch.arange(QUESTIONS))
shuffled = [everything[torch.randperm(len(everything))] for _ in SEEDS]
pairs = torch.stack(shuffled)  # (S, 1024, 2): which name, which question
truth = torch.randint(ANSWERS, (S, len(everything))).to(device)  # (S, 1024)
vectors = torch.randn(S, NAMES + QUESTIONS, D)  # never trained; rows 32 to 63 are questions
to_scores = (torch.randn(S, D, ANSWERS) / math.sqrt(D)).to(device)  # never trained
inputs = torch.stack([vectors[s][pairs[s]] for s in range(S)]).to(device)  # (S, 1024, 2, D)
for pair, right in zip(pairs[0, :3].tolist(), truth[0].tolist()):
    print(f"name {pair[0]}, question {pair[1] - NAMES}: answer {right}")

# %% [markdown]
# ## Five contestants with the same number of weights
#
# Attention of width D has four D×D matrices, for q, k, v and out: 4D² weights. A feed-forward layer takes each token alone, makes D numbers into 4D, sets
# the negative ones to zero, and comes back to D: 8D² weights. Together 12·D², here 1,728 weights.
#
# | contestant | layers | weights |
# | --- | --- | --- |
# | attention + feed-forward | one of each | 4D² + 8D² |
# | three attention layers | one after the other | 3 · 4D² |
# | one wide layer, 9 heads | q, k, v of 3D numbers, nine heads of 4 | 3 · 3D² + 3D² |
# | one wide layer, 3 heads | the same, in three heads of 12 | 3 · 3D² + 3D² |
# | feed-forward alone | one, with 6D numbers inside | 12D² |
#
# Where nothing else is said, attention has three heads of 4. There is no mask and there are no positions. The answer is read
# from the second token. As in any block, a layer normalizes its input, and adds its result to that.
#
# A feed-forward layer alone never sees both tokens. We hand it their average, which needs no weights.


# %% fold="The layers, for three seeds at once"
def matrix(rows: int, columns: int) -> nn.Parameter:
    """One for each seed: (S, rows, columns)."""
    return nn.Parameter(torch.randn(S, rows, columns) / math.sqrt(rows))


class Attention(nn.Module):
    def __init__(self, inner: int = D, heads: int = 3):
        super().__init__()
        self.heads, self.qkv, self.out = heads, matrix(D, 3 * inner), matrix(inner, D)

    def forward(self, x: Tensor) -> Tensor:  # (S, B, 2, D)
        qkv = x.flatten(1, 2) @ self.qkv
        q, k, v = qkv.view(*x.shape[:3], 3, self.heads, -1).unbind(3)  # each (S, B, 2, H, d)
        # With two tokens the softmax has two entries: the second is a sigmoid of the
        # difference of the two scores. Both tokens may look at both.
        difference = (q * (k[:, :, 1:] - k[:, :, :1])).sum(-1, keepdim=True)
        second = torch.sigmoid(difference / math.sqrt(q.shape[-1]))
        mixed = torch.lerp(v[:, :, :1], v[:, :, 1:], second)
        return x + (mixed.flatten(3).flatten(1, 2) @ self.out).view(x.shape)


class FeedForward(nn.Module):
    def __init__(self, inner: int = 4 * D):
        super().__init__()
        self.up, self.down = matrix(D, inner), matrix(inner, D)

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, -1:]  # it comes last here, and only the second token's answer is read
        return x + ((x.flatten(1, 2) @ self.up).relu() @ self.down).view(x.shape)


class Average(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(2, keepdim=True)


# %%
CONTESTANTS = {
    "attention + feed-forward": lambda: [Attention(), FeedForward()],
    "three attention layers": lambda: [Attention(), Attention(), Attention()],
    "one wide layer, 9 heads": lambda: [Attention(3 * D, heads=9)],
    "one wide layer, 3 heads": lambda: [Attention(3 * D)],
    "feed-forward alone": lambda: [Average(), FeedForward(6 * D)],
}
ATTENTION_ALONE = [name for name in CONTESTANTS if "feed-forward" not in name]
layers = [nn.ModuleList(make()) for make in CONTESTANTS.values()]
print("weights:", *(sum(p.numel() for p in each.parameters()) // S for each in layers))


# %% fold="Train with AdamW: all 512 facts in every step, one learning rate for all"
def scores(layers: nn.ModuleList, x: Tensor) -> Tensor:
    """What the second token says: (S, B, 2, D) -> (S, B, ANSWERS)."""
    for layer in layers:
        x = layer(F.layer_norm(x, (D,)))
    return F.layer_norm(x[:, :, -1], (D,)) @ to_scores


def train(name: str, steps: int, top_rate: float = 0.03) -> tuple[list[float], list[float]]:
    """Shares answered right on each seed, of facts taught and never taught."""
    torch.manual_seed(1)
    layers = nn.ModuleList(CONTESTANTS[name]()).to(device)
    optimizer = torch.optim.AdamW(
        layers.parameters(), betas=(0.9, 0.98), weight_decay=0.0, fused=True
    )
    for step in progress(range(steps), f"{name}, {steps} steps"):
        rate = top_rate * min(1, (step + 1) / 25, 1.5 * (1 - step / steps))
        optimizer.param_groups[0]["lr"] = rate
        said = scores(layers, inputs[:, :TAUGHT])
        # The mean over all three, times three: each seed learns as if it were alone.
        loss = S * F.cross_entropy(said.flatten(0, 1), truth[:, :TAUGHT].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (scores(layers, inputs).argmax(-1) == truth).float()
    return right[:, :TAUGHT].mean(1).tolist(), right[:, TAUGHT:].mean(1).tolist()


# %% [markdown]
# ## Until little more goes in
#
# A layer that learns slowly is not a layer that holds little. So we train for 100, 200, 400 and 800 steps and check whether the last doubling
# still adds much. Each point is a training of its own.
#
# **Predict.** After 800 steps attention with a feed-forward layer answers about 0.7 of the facts. What share do three attention layers answer?

# %%
guess_attention_alone = None  # for instance 0.5; blind guessing gives 0.03

# %%
STEPS = (100, 200, 400, 800)
# In two cells, so that neither takes long.
results = {
    name: [train(name, steps) for steps in STEPS]
    for name in ("attention + feed-forward", "three attention layers")
}

# %%
results |= {
    name: [train(name, steps) for steps in STEPS] for name in CONTESTANTS if name not in results
}
taught = {name: [run[0] for run in runs] for name, runs in results.items()}  # [length][seed]
never = {name: runs[-1][1] for name, runs in results.items()}
mean = {name: [sum(run) / S for run in runs] for name, runs in taught.items()}

print(f"share of facts right after {STEPS[-1]} steps, mean of three seeds (lowest to highest)")
for name in CONTESTANTS:
    print(f"{name:25} taught {spread(taught[name][-1])}  never taught {spread(never[name])}")
if guess_attention_alone is not None:
    print(f"three attention layers: you guessed {guess_attention_alone}", end="")
    print(f", it was {mean['three attention layers'][-1]:.2f}")

# %% fold="Draw it"
COLORS = dict(zip(CONTESTANTS, (BLUE, ORANGE, PURPLE, GREY, GREEN)))
figure, axis = plt.subplots(figsize=(8, 4.4))
for place, (name, lengths) in enumerate(taught.items()):
    beside = 1.035 ** (place - 2)  # side by side, so that no dot hides another
    at, color = [steps * beside for steps in STEPS], COLORS[name]
    axis.plot(at, mean[name], "-", color=color, linewidth=2)
    for x, by_seed in zip(at, lengths):
        axis.plot([x] * S, by_seed, "o", color=color, markersize=4)
    axis.plot([at[-1]] * S, never[name], "x", color=color, markersize=5)
height = 0.0
for name in sorted(mean, key=lambda name: mean[name][-1]):  # names, kept apart
    height = max(mean[name][-1], height + 0.045)
    axis.text(910, height, name, color=COLORS[name], va="center", fontsize=10)
axis.axhline(1 / ANSWERS, color="black", linestyle="--", linewidth=1)
axis.text(90, 0.05, "blind guess", fontsize=9)
axis.text(910, 0.08, "× facts never taught", fontsize=9, va="center")
axis.set_xscale("log")
axis.set_xticks(STEPS, STEPS)
axis.minorticks_off()
axis.set(xlim=(85, 1900), ylim=(0, 0.85), xlabel="steps of a whole training")
axis.set(
    ylabel="share of 512 facts right", title="The same 1,728 weights, arranged in five ways"
)
draw_guess(axis, guess_attention_alone, at=STEPS[-1])
words = "; ".join(
    f"{name}: " + ", ".join(f"{share:.2f} after {n}" for n, share in zip(STEPS, mean[name]))
    for name in mean
)
show(
    figure,
    alt=f"Share of facts answered right by steps of training, mean of three seeds. {words}. Facts "
    f"never taught stay near the dashed line of blind guessing, {1 / ANSWERS:.2f}.",
)

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# Feed-forward layers do store: one alone answers 0.66. But three attention layers hold as many facts as attention with a feed-forward layer, about 380 of 512. A fact is one of 32, so five bits. That makes about one
# bit a weight.
#
# The arrangement counts. One wide attention layer with three big heads holds little more than half of what it holds with nine small ones, with no weight more. With 36 heads of one number it holds even 0.76 (a run of our own). Why more heads help
# here we have not tested.
#
# </details>
#
# **Check yourself.** Three attention layers store as much. What follows?
#
# - <details><summary>In large models, facts lie in attention.</summary> The run shows what layers <em>can</em> hold, not where a large model keeps its facts.</details>
# - <details><summary>Attention can store, so storing does not tell the two kinds of layer apart.</summary> Right: both do it, and with equal weights neither is clearly ahead.</details>
# - <details><summary>Attention has found the pattern in the facts.</summary> They are random. There is no pattern, and facts never taught stay at chance.</details>
#
# ## The answer

# %%
with_ffn = taught["attention + feed-forward"][-1]
best = max(ATTENTION_ALONE, key=lambda name: mean[name][-1])
stores_more = all(a >= 1.1 * b for a, b in zip(with_ffn, taught[best][-1]))
growth = {name: shares[-1] / shares[-2] for name, shares in mean.items()}
at_chance = max(share for shares in never.values() for share in shares) < 0.1
print("the last doubling multiplies by", *(f"{factor:.2f}" for factor in growth.values()))

if max(growth.values()) >= 1.15 or not at_chance:
    grade = NOT_TESTABLE
else:
    grade = SUPPORTED if stores_more else NOT_SUPPORTED
fewer_or_as_many = "fewer" if stores_more else "as many"
answer(
    "1.3",
    f"Feed-forward layers do store facts, but attention of the same size stores {fewer_or_as_many}: of "
    f"{TAUGHT} random ones, attention alone, at its best, answers {mean[best][-1]:.2f}, attention with a "
    f"feed-forward layer {sum(with_ffn) / S:.2f}, a feed-forward layer alone "
    f"{mean['feed-forward alone'][-1]:.2f}.",
    grade,
)

# %% [markdown]
# **What could still be wrong.** Three more doublings bring the first two to 0.79 and 0.78, so the tie is no matter of time. Attention alone had three tries, the mix one.
# Real facts share patterns, and their names are spread over several tokens that somebody has to bring together first. And what a layer *can* hold says nothing about where a large model, which learns everything at once, puts its facts.
#
# **What the literature measured.** In large models, feed-forward layers answer to patterns in the text like a memory to its keys (Geva et al. 2020, arXiv 2012.14913), and facts can be edited there (Meng et al. 2022, arXiv
# 2202.05262). Nichani et al. (2024, arXiv 2412.06538) prove that either can hold them: a model may trade attention's value matrices for the feed-forward layer.
