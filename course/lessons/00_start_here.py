# ---
# jupyter:
#   course:
#     title: Start here
#     summary: How a claim is put to the test, a check of your machine, and the PyTorch of all lessons.
#     claims: []
#     seconds: 20
# ---

# %% [markdown]
# # Start here
#
# Five Chinese articles from 2023 and 2024 say what large language models (大语言模型) can do, why, and
# where they fail. This course takes what they say as hypotheses (假设). Each lesson builds the mechanism
# from tensors (张量), runs an experiment that could refute the claim, and prints a verdict.
#
# Why check? One of the articles (A2 below) calls AlphaGo the best-known application of BERT. The [AlphaGo
# paper](https://www.nature.com/articles/nature16961) is from January 2016, the [BERT
# paper](https://arxiv.org/abs/1810.04805) from October 2018. That claim falls in a minute. Most take
# longer.
#
# **Afterwards you can**
# - read a verdict, and say what a seed, a spread and a negative control are for;
# - say how fast your machine is, next to the one that timed the lessons;
# - read the notation and the PyTorch that all lessons share;
# - test a small claim from beginning to end.
#
# **You need** Python, and to have seen PyTorch once. A GPU is not needed.
#
# **Time:** seconds to run, about an hour to work through.

# %% [markdown]
# ## The articles
#
# Lessons cite them by these names, and restate their claims in other words.
#
# | | article | published |
# | --- | --- | --- |
# | A0 | 大模型的当前和未来, 天翼智库 (*Large models, now and next*) | 2024 |
# | A1 | 中国的“GPT”,造谣是真的猛, 非凡油条 (*China's "GPT": fierce at rumours*) | 2023-05-31 |
# | A2 | an overview of large AI models, without title or date in our copy | 2023 or later |
# | A3 | 赵东岩:大模型的发展,有天花板, 趣唠科技不打烊 (*There is a ceiling*) | 2024-06-13 |
# | A4 | 九问中国大模型掌门人, AI魔法学院 (*Nine questions to model makers*) | 2024-04-02 |

# %% [markdown]
# ## Four verdicts
#
# | verdict | when it is given |
# | --- | --- |
# | **holds** | the effect is large enough to matter, and the control does not show it |
# | **holds with a condition** | it holds in one setting and fails in another, and the run shows both |
# | **does not hold here** | the experiment could have shown the effect, and did not |
# | **cannot be tested on a CPU** | it needs a larger machine; the lesson says what the literature found |
#
# A verdict speaks about the run above it, and about nothing larger. *Here* is part of the sentence.

# %% [markdown]
# Three things stand behind every verdict.
#
# - A **seed** (随机种子) fixes the random numbers: the starting weights (权重), the order of the data. One
#   seed is one draw. The next one gives a different result.
# - The **spread** (离散程度) over seeds says how far results differ when nothing but luck has changed.
# - A **negative control** (阴性对照) is the same experiment with the cause taken out: shuffled labels
#   (标签), a router that chooses at random. If the effect is still there, something else makes it.
#
# The experiment at the end of this notebook shows what goes wrong without them.

# %% [markdown]
# ## The map
#
# <table>
# <tr><th></th><th>lesson</th><th>you build</th><th>claims it tries</th><th></th></tr>
# <tr><td>0</td><td>Start here</td>
# <td>a fair test of a small claim</td>
# <td>one of our own</td>
# <td>you are here</td></tr>
# <tr><td>1</td><td><a href="01_attention.ipynb">Attention</a></td>
# <td>self-attention (自注意力), many heads (多头), a cache (缓存)</td>
# <td>attention makes relations measurable; it is faster than an LSTM; it can be made cheaper</td>
# <td>ready</td></tr>
# <tr><td>2</td><td><a href="02_tokenization_and_arithmetic.ipynb">Tokenization and arithmetic</a></td>
# <td>a tokenizer (分词器), a small model that learns to add</td>
# <td>next-token prediction does not fit arithmetic; tokenization (分词) makes it harder; a tool helps</td>
# <td>ready</td></tr>
# <tr><td>3</td><td><a href="03_tiny_gpt.ipynb">A tiny GPT</a></td>
# <td>a GPT, its training, its sampling; n-grams that it must beat</td>
# <td>scaling laws (缩放定律), emergence (涌现), diminishing returns; good training beats size</td>
# <td>ready</td></tr>
# <tr><td>4</td><td><a href="04_moe_routing.ipynb">Mixture-of-experts routing</a></td>
# <td>a mixture of experts (混合专家) in that GPT, and a router that stays balanced</td>
# <td>experts share out the work; a mixture matches a large dense model at low cost</td>
# <td>ready</td></tr>
# <tr><td>5</td><td><a href="05_rag.ipynb">Retrieval-augmented generation</a></td>
# <td>a search by words and by meaning (检索), a model that reads what was found, a rule for when to decline</td>
# <td>retrieval reduces hallucination (幻觉); it is easier than fine-tuning (微调); it has limits</td>
# <td>ready</td></tr>
# </table>
#
# The order is the order to take them in. Every notebook also stands alone: what it needs from an earlier
# lesson is inside it.

# %% [markdown]
# ## How to work through a lesson
#
# Run a cell with **Shift+Enter**, from top to bottom.
#
# - **Predict.** A cell like `guess = None` asks for your guess. Put a number there before you run on. The
#   figure then shows it beside the measurement. Left at `None`, everything still runs.
# - **Run.** A cell that takes longer than two seconds shows a bar.
# - **Explain.** Say in two sentences why it came out that way. A wrong guess with a good explanation is
#   worth more than a right one without.
#
# Folded cells hold code that several notebooks share, such as this one for figures. Open it if you are
# curious.

# %% reuse="cells:figures"

# %% [markdown]
# ## This machine
#
# The first check compares the versions here with those that the course was tried with.

# %%
import platform
import re
from importlib.metadata import PackageNotFoundError, version

TRIED = {"torch": "2.11", "transformers": "5.15", "matplotlib": "3.10"}


def number(text):
    """The first two parts of a version, to compare: "2.11.0+cpu" is (2, 11)."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def compare(name, found, least):
    old = found is None or number(found) < number(least)
    note = f"WARNING: the course was tried with {least} and newer" if old else "ok"
    print(f"{name:<14}{found or 'missing':<16}{note}")


compare("Python", platform.python_version(), "3.10")
for name, least in TRIED.items():
    try:
        compare(name, version(name), least)
    except PackageNotFoundError:
        compare(name, None, least)

# %% [markdown]
# The second one looks at the hardware. Tensors live on a **device**: the CPU, or a GPU where PyTorch finds
# one. `device` holds the choice, and the cells that need speed use it.

# %%
import os

import torch

device = "cuda" if torch.cuda.is_available() else "cpu"
try:
    memory = f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1e9:.0f} GB"
except (AttributeError, ValueError, OSError):  # Windows has no sysconf
    memory = "unknown"
print(f"cores    {os.cpu_count()}, of which PyTorch uses {torch.get_num_threads()}")
print(f"memory   {memory}")
print(
    f"GPU      {torch.cuda.get_device_name() if device == 'cuda' else 'none found, and none needed'}"
)
print(f"used     {device}")

# %% [markdown]
# The third one takes about a second. It times a product of two large matrices, on all cores, and a step of
# attention, forward and backward, on one. What `attention_step` computes is lesson 1's subject.

# %% reuse="cells:timing"

# %%
side = 1024
left, right = torch.randn(2, side, side, device=device)

B, T, D, H = 16, 64, 128, 4  # 16 sequences of 64 tokens, 128 numbers a token, 4 heads
inputs = torch.randn(B, T, D, device=device)
weights = torch.randn(D, 3 * D, device=device) / D**0.5
weights.requires_grad_()


def attention_step():
    q, k, v = (inputs @ weights).view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    shares = (q @ k.transpose(-2, -1) / (D // H) ** 0.5).softmax(dim=-1)
    (shares @ v).square().mean().backward()
    weights.grad = None


product = seconds(lambda: left @ right, repeats=10)
torch.set_num_threads(1)  # from here on the operations are too small to be worth sharing
attention = seconds(attention_step, repeats=30)

# %% [markdown]
# The reference is the two-core machine that timed the lessons. A GFLOP is a billion additions or
# multiplications. The fastest repeat counts, since other programs can only slow a machine down. The lessons
# are full of steps like the second, so that one gives the estimate.

# %%
REFERENCE = {"gflops": 320.0, "attention": 3.5e-3}  # GFLOP/s, seconds

gflops = 2 * side**3 / product[1] / 1e9  # side * side sums, each of side products
step, reference = attention[1], REFERENCE["attention"]
print(f"matrix product   {gflops:8,.0f} GFLOP/s   reference {REFERENCE['gflops']:.0f}")
print(f"attention step   {1e3 * step:8.2f} ms        reference {1e3 * reference:.2f}")
print(f"A lesson's 100 s take you about {100 * step / reference:.0f} s.")

# %% [markdown]
# ## Notation
#
# A model reads **tokens** (词元): pieces of text, each with a number from the **vocabulary** (词表). Each
# token becomes a vector, the **embedding** (嵌入). These letters mean the same in all lessons, and the
# variables have the same names.
#
# | symbol | meaning | |
# | --- | --- | --- |
# | B | sequences in a batch | 批次大小 |
# | T | tokens in a sequence | 序列长度 |
# | D | width: numbers in a token's vector | 宽度 |
# | H | heads of attention, each of size D/H | 注意力头数 |
# | V | entries in the vocabulary | 词表大小 |
# | E | experts: layers side by side, of which a token uses a few | 专家数 |
# | k | experts chosen for a token | 每个词元选用的专家数 |
#
# A shape is written (B, T, D): B sequences, of T tokens, of D numbers.

# %%
B, T, D, H, V = 2, 5, 8, 2, 11

tokens = torch.randint(V, (B, T))  # which entry of the vocabulary each token is
table = torch.randn(V, D)  # one embedding for each entry
x = table[tokens]
heads = x.view(B, T, H, D // H)
logits = x @ table.T  # a score for every entry, at every place

for name, tensor in [
    ("tokens", tokens),
    ("table", table),
    ("x", x),
    ("heads", heads),
    ("logits", logits),
]:
    print(f"{name:<8}{str(tuple(tensor.shape)):<14}{tensor.dtype}")

# %% [markdown]
# `logits` (未归一化的得分) has the shape (B, T, V): what a language model gives back, one score for each
# possible next token.

# %% [markdown]
# ## Thirteen operations
#
# They carry the whole course. The numbers are small enough to check by hand. Before you run a cell, say
# what it will print.
#
# ### 1. Tensors, shapes, types
#
# A tensor has a shape and a type. Weights are `float32`, token numbers are `int64`. A decimal point decides
# which.

# %%
matrix = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
numbers = torch.tensor([4, 0, 4])
print("matrix ", tuple(matrix.shape), matrix.dtype)
print("numbers", tuple(numbers.shape), numbers.dtype)
print("sums   ", matrix.sum().item(), matrix.sum(dim=0).tolist(), matrix.sum(dim=1).tolist())

assert matrix.shape == (2, 3) and numbers.dtype == torch.int64
assert matrix.sum(dim=0).shape == (3,)  # the dimension that is summed over disappears

# %% [markdown]
# ### 2. Indexing and slicing
#
# A number takes a place and drops the dimension. A slice keeps it. A tensor of numbers looks up one row for
# each: that is all an embedding does.

# %%
print("matrix[1]      ", matrix[1].tolist())
print("matrix[:, 1]   ", matrix[:, 1].tolist())
print("matrix[:, 1:2] ", matrix[:, 1:2].tolist())
print("matrix[:, -1]  ", matrix[:, -1].tolist())
print("matrix[matrix > 4]", matrix[matrix > 4].tolist())

places = torch.tensor([1, 1, 0])
assert matrix[places].shape == (3, 3)  # three rows, looked up
assert torch.equal(matrix[places][2], matrix[0])
assert matrix[:, None].shape == (2, 1, 3)  # None puts in a dimension of size 1

# %% [markdown]
# ### 3. View and transpose
#
# `view` reads the same numbers, in the same order, in another shape. `transpose` swaps two dimensions. To
# split a width into heads you need both: (B, T, D) to (B, T, H, D/H) to (B, H, T, D/H).
#
# The trap: `view(B, H, T, D // H)` gives the right shape in one step, and the wrong numbers.

# %%
B, T, D, H = 1, 3, 4, 2
x = torch.arange(12).view(
    B, T, D
)  # token 0 holds 0 to 3, token 1 holds 4 to 7, token 2 holds 8 to 11

good = x.view(B, T, H, D // H).transpose(1, 2)
trap = x.view(B, H, T, D // H)
print("good, head 0:", good[0, 0].tolist(), " the first half of every token")
print("trap, head 0:", trap[0, 0].tolist(), " all of token 0 and half of token 1")

assert good.shape == trap.shape and not torch.equal(good, trap)
back = good.transpose(1, 2).reshape(
    B, T, D
)  # reshape: a view where it can be, a copy where not
assert torch.equal(back, x)

# %% [markdown]
# ### 4. Broadcasting
#
# Shapes are compared from the right (广播). A dimension of size 1, or one that is missing, is repeated
# until it fits.

# %%
column = torch.tensor([[0], [10], [20]])  # (3, 1)
row = torch.tensor([1, 2, 3, 4])  # (4,), read as (1, 4)
total = column + row  # (3, 4)

fig, axes = plt.subplots(1, 3, figsize=(8, 2.85), width_ratios=[1, 4, 4])
titles = ["(3, 1)", "(4,)", "(3, 1) + (4,) gives (3, 4)"]
for ax, values, title in zip(axes, [column, row[None], total], titles, strict=True):
    height, width = values.shape
    ax.imshow(values, cmap="Blues", vmin=0, vmax=48)
    for i in range(height):
        for j in range(width):
            ax.text(j, i, values[i, j].item(), ha="center", va="center")
    ax.set_title(title)
    ax.axis("off")
show(
    fig,
    alt="Three grids. A column holds 0, 10, 20, a row holds 1, 2, 3, 4. Their sum is a grid of three rows "
    "and four columns: the column is repeated to the right, the row downwards; the last cell holds 24.",
)

assert total[2, 3] == 24

# %% [markdown]
# The trap: (T,) against (T, 1) is not T differences. It is T times T of them, and no error tells you. The
# prediction below is perfect, so its squared error should be 0.

# %%
predicted = torch.tensor([1.0, 2.0, 3.0])  # (T,)
target = torch.tensor([[1.0], [2.0], [3.0]])  # (T, 1)

trap = predicted - target
good = predicted - target[:, 0]
print("trap", tuple(trap.shape), "mean squared error", round(trap.square().mean().item(), 3))
print("good", tuple(good.shape), "mean squared error", good.square().mean().item())

assert trap.shape == (3, 3) and good.shape == (3,)

# %% [markdown]
# ### 5. Matrix products
#
# `@` multiplies the last two dimensions, rows by columns. The dimensions before them stay as they are: a
# batch of products, each by itself. Attention scores are one such product: every query (查询) with every
# key (键).

# %%
a = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
b = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
print("a @ b", (a @ b).tolist())
assert (a @ b)[0, 1] == 1 * 0 + 2 * 1

B, H, T, d = 2, 3, 4, 5  # d is the size of a head
q, k = torch.randn(B, H, T, d), torch.randn(B, H, T, d)
scores = q @ k.transpose(-2, -1)  # (B, H, T, d) @ (B, H, d, T)
print("scores", tuple(scores.shape))

assert torch.allclose(scores[1, 2, 0, 3], (q[1, 2, 0] * k[1, 2, 3]).sum(), atol=1e-5)

# %% [markdown]
# ### 6. Einsum
#
# `einsum` names the dimensions, a letter each. A letter that is missing behind the arrow is summed over.
# Here t is the place of the query, s the place of the key, and d disappears: the same scores, with no
# transpose to get wrong.

# %%
named = torch.einsum("bhtd,bhsd->bhts", q, k)
print("einsum and @ differ by at most", (named - scores).abs().max().item())

assert torch.allclose(named, scores, atol=1e-5)
assert torch.equal(torch.einsum("ij->j", matrix), matrix.sum(dim=0))
assert torch.equal(torch.einsum("ij->ji", matrix), matrix.T)

# %% [markdown]
# ### 7. Masks
#
# A language model must not look at later tokens. A mask (掩码) marks them, and `masked_fill` sets their
# scores to minus infinity. `where` chooses between two tensors, and can do the same.

# %%
T = 4
future = torch.ones(T, T, dtype=torch.bool).triu(
    diagonal=1
)  # row: the token that looks; column: at what
scores = torch.zeros(T, T)
masked = scores.masked_fill(future, -torch.inf)
print(masked)
print(masked.softmax(dim=-1))  # each token shares its attention among those up to itself

assert torch.equal(masked, torch.where(future, -torch.inf, scores))
assert torch.equal(masked.softmax(dim=-1)[1], torch.tensor([0.5, 0.5, 0.0, 0.0]))

# %% [markdown]
# ### 8. Softmax
#
# Softmax turns scores $s$ into shares: $p_i = e^{s_i} / \sum_j e^{s_j}$. They are positive and sum to 1
# **along the dimension that you name**. In attention, each row is a query that shares itself out over the
# keys: `dim=-1`.

# %%
scores = torch.tensor([[0.0, 1.0, 2.0], [0.0, 0.0, 0.0]])
over_keys, over_queries = scores.softmax(dim=-1), scores.softmax(dim=0)
print("over the keys, dim=-1\n", over_keys, "\nrows sum to", over_keys.sum(dim=-1))
print("over the queries, dim=0\n", over_queries, "\nrows sum to", over_queries.sum(dim=-1))

assert torch.allclose(over_keys[1], torch.full((3,), 1 / 3))
assert torch.allclose(over_queries[:, 0], torch.tensor([0.5, 0.5]))

# %% [markdown]
# Add the same number to all scores, and nothing changes: it cancels in the fraction. So subtract the
# largest one first. Then the largest power is $e^0 = 1$, and nothing overflows.

# %%
scores = torch.tensor([1000.0, 1001.0, 1002.0])
naive = scores.exp() / scores.exp().sum()
shifted = (scores - scores.max()).exp()
careful = shifted / shifted.sum()
print("naive  ", naive.tolist())
print("careful", [round(share, 4) for share in careful.tolist()])

assert naive.isnan().all()  # infinity divided by infinity
assert torch.allclose(careful, scores.softmax(dim=-1))
assert torch.allclose(careful, torch.tensor([0.0, 1.0, 2.0]).softmax(dim=-1))

# %% [markdown]
# Divide the scores by a **temperature** (温度) first, and you choose how even the shares are.

# %%
scores = torch.tensor([2.0, 1.0, 0.5, 0.0, -1.0])
fig, axes = plt.subplots(1, 3, figsize=(8, 2.6), sharey=True)
for ax, temperature, colour in zip(axes, [0.25, 1.0, 4.0], [BLUE, GREEN, ORANGE], strict=True):
    shares = (scores / temperature).softmax(dim=-1)
    bars = ax.bar([f"{score:g}" for score in scores.tolist()], shares, color=colour)
    ax.bar_label(bars, fmt="%.2f", fontsize=8)
    ax.set(title=f"temperature {temperature:g}", xlabel="score", ylim=(0, 1.08))
axes[0].set_ylabel("share")
show(
    fig,
    alt="Three bar charts of softmax over the scores 2, 1, 0.5, 0 and -1. At temperature 0.25 nearly all of "
    "the share goes to the highest score, at 1 more than half of it, at 4 the shares are close to even.",
)

# %% [markdown]
# ### 9. Cross-entropy
#
# The loss (损失) of a language model is the cross-entropy (交叉熵): minus the log of the share that the
# right token got. `F.cross_entropy` takes the scores themselves, not the shares. A model that gives every
# entry the same share loses $\ln V$: the number to beat.

# %%
import math

import torch.nn.functional as F

V = 4
logits = torch.tensor([[2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 3.0]])  # (tokens, V)
target = torch.tensor([0, 2])  # the right entries

by_hand = -logits.log_softmax(dim=-1)[torch.arange(2), target].mean()
library = F.cross_entropy(logits, target)
print(f"by hand      {by_hand.item():.6f}   F.cross_entropy  {library.item():.6f}")

even = F.cross_entropy(torch.zeros(2, V), target)
print(f"even shares  {even.item():.6f}   ln V             {math.log(V):.6f}")

assert torch.allclose(by_hand, library)
assert math.isclose(even.item(), math.log(V), rel_tol=1e-6)

# %% [markdown]
# The trap: it takes the classes from dimension 1. With (B, T, V) that is T. Flatten the batch first.

# %%
B, T, V = 2, 3, 4
logits, target = torch.randn(B, T, V), torch.randint(V, (B, T))

loss = F.cross_entropy(logits.view(B * T, V), target.view(B * T))
by_hand = -logits.log_softmax(-1).gather(-1, target[..., None]).mean()
try:
    F.cross_entropy(logits, target)
except (RuntimeError, ValueError) as error:
    print("not flattened:", str(error).splitlines()[0])
print("flattened:    ", round(loss.item(), 4))

assert torch.allclose(loss, by_hand, atol=1e-5)

# %% [markdown]
# ### 10. Gradients
#
# The gradient (梯度) says how much the loss changes with each weight. `backward()` computes it for all of
# them. You can check it without calculus: move one weight by a little, and see how the loss moves.

# %%
w = torch.tensor([1.0, -3.0], dtype=torch.float64, requires_grad=True)


def bowl(w):
    return (w**2).sum() + w[0] * w[1]  # its gradient: (2 w0 + w1, 2 w1 + w0)


bowl(w).backward()
assert w.grad is not None  # before backward() it was
print("backward()        ", w.grad.tolist())

step = 1e-6
moves = step * torch.eye(2, dtype=torch.float64)
measured = [((bowl(w + move) - bowl(w - move)) / (2 * step)).item() for move in moves]
print("finite differences", [round(slope, 6) for slope in measured])

assert torch.allclose(w.grad, torch.tensor(measured, dtype=torch.float64), atol=1e-6)
assert w.grad.tolist() == [2 * 1 - 3, 2 * -3 + 1]

# %% [markdown]
# ### 11. A step of an optimizer
#
# An optimizer (优化器) moves each weight against its gradient. The learning rate (学习率) says how far. The
# order is always the same: clear the gradients, compute the loss, `backward()`, `step()`.

# %%
w = torch.tensor([1.0, -3.0], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)

losses = []
for _ in range(5):
    optimizer.zero_grad()
    loss = bowl(w)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print("loss before each step:", [round(loss, 3) for loss in losses])

assert all(later < earlier for earlier, later in zip(losses, losses[1:], strict=False))

# %% [markdown]
# The trap: `backward()` **adds** to what is there. Forget `zero_grad()`, and old gradients stay in the sum.

# %%
w = torch.tensor([1.0, -3.0], requires_grad=True)
bowl(w).backward()
assert w.grad is not None
once = w.grad.clone()
bowl(w).backward()
print("once ", once.tolist())
print("twice", w.grad.tolist())

assert torch.equal(w.grad, 2 * once)

# %% [markdown]
# ### 12. Seeds
#
# The same seed gives the same numbers. It makes a run repeatable. It does not make it typical.

# %%
torch.manual_seed(0)
first = torch.randn(3)
second = torch.randn(3)
torch.manual_seed(0)
again = torch.randn(3)
print("seed 0      ", [round(number, 3) for number in first.tolist()])
print("going on    ", [round(number, 3) for number in second.tolist()])
print("seed 0 again", [round(number, 3) for number in again.tolist()])

assert torch.equal(first, again) and not torch.equal(first, second)

# %% [markdown]
# ### 13. Two switches for measuring
#
# `model.eval()` turns off what is random in training, such as dropout (随机失活). `torch.no_grad()` stops
# the record that `backward()` needs, and saves its memory. Neither does the other's work. To measure, use
# both.

# %%
torch.manual_seed(3)
x = torch.ones(6, requires_grad=True)
dropout = torch.nn.Dropout(0.5)  # in training, each number becomes 0 or is doubled


def measure(label):
    y = dropout(3 * x)
    print(f"{label:<18}{y.tolist()}  recorded: {y.requires_grad}")
    return y


measure("train()")
dropout.eval()
assert measure("eval()").requires_grad
with torch.no_grad():
    assert not measure("eval(), no_grad()").requires_grad

# %% [markdown]
# ## A claim, put to the test
#
# Here is a claim of our own.
#
# > **Claim 1.** Before you train a network, turn the sign of all its starting weights. It then learns
# > better.
#
# And one from the textbooks, to see what a real effect looks like. A ReLU sets negative numbers to 0.
#
# > **Claim 2.** A ReLU between its two layers makes a network learn better.
#
# The task: points in the plane, and a border. Which side is a point on? The network has two layers of
# weights, and 20 points to learn from. We measure its accuracy (准确率) on 220 others.

# %%
LEARN = 20  # points to learn from, of the 240


def draw(seed, curved=True, shuffled=False):
    """All that is random: points x (240, 3), sides y (240,), starting weights (3, 16) and (16, 2)."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(240, 2, generator=generator)
    first = torch.randn(3, 16, generator=generator)
    second = torch.randn(16, 2, generator=generator) / 4
    border = points[:, 0] ** 2 - 0.6 if curved else points[:, 0]
    y = (points[:, 1] > border).long()
    if shuffled:  # the negative control: the sides no longer belong to the points
        y = y[torch.randperm(240, generator=generator)]
    x = torch.cat(
        [points, torch.ones(240, 1)], dim=1
    )  # the column of ones lets a layer add a constant
    return x, y, first, second


# %%
x, y, first, second = draw(seed=0)
fig, ax = plt.subplots(figsize=(6, 3.6))
for label, colour, marker in [(0, BLUE, "o"), (1, ORANGE, "^")]:
    points = x[y == label]
    ax.scatter(
        points[:, 0], points[:, 1], s=14, color=colour, marker=marker, label=f"side {label}"
    )
ax.scatter(
    x[:LEARN, 0],
    x[:LEARN, 1],
    s=70,
    facecolors="none",
    edgecolors="black",
    label="to learn from",
)
across = torch.linspace(-2.1, 2.1, 50)
ax.plot(across, across**2 - 0.6, color=GREY, label="the border")
ax.set(xlabel="first coordinate", ylabel="second coordinate", title="What seed 0 draws")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
show(
    fig,
    alt="A cloud of 240 points in the plane. Those above a parabola are orange triangles, those below it "
    "blue circles. Twenty of the points, those to learn from, have a ring around them.",
)

# %% [markdown]
# To try many seeds at once, one more dimension goes in front: S networks, each with its own points. `@`
# keeps them apart, as in operation 5. The losses are added up, so each network gets only its own gradient.

# %%
STEPS = 40


def forward(x, first, second, relu):
    hidden = x @ first  # (S, points, 16)
    return (
        F.relu(hidden) if relu else hidden
    ) @ second  # (S, points, 2): a score for each side


def accuracy(x, y, first, second, relu=True):
    """Train S networks; the percentage of right sides of each, on points it has not seen: (S,)."""
    first, second = first.clone().requires_grad_(), second.clone().requires_grad_()
    optimizer = torch.optim.AdamW([first, second], lr=0.05)
    for _ in range(STEPS):
        optimizer.zero_grad()
        scores = forward(x[:, :LEARN], first, second, relu)
        loss = (
            F.cross_entropy(scores.flatten(0, 1), y[:, :LEARN].flatten(), reduction="sum")
            / LEARN
        )
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        answers = forward(x[:, LEARN:], first, second, relu).argmax(dim=-1)
    return 100 * (answers == y[:, LEARN:]).float().mean(dim=-1)


def gains(**kind):
    """Per seed, in points of accuracy: what turning the signs gains, and what the ReLU gains."""
    seeds = [draw(seed, **kind) for seed in range(900)]
    x, y, first, second = (torch.stack(tensors) for tensors in zip(*seeds, strict=True))
    plain = accuracy(x, y, first, second)
    return accuracy(x, y, -first, -second) - plain, plain - accuracy(
        x, y, first, second, relu=False
    )


# %% [markdown]
# ### The rule
#
# It is fixed before anyone looks. A gain of one point is the least that would matter. Take the mean over
# the seeds, and two standard errors (标准误) to each side of it. The standard error is the spread over the
# seeds, divided by the square root of their number. In about 95 of 100 such experiments, the interval
# contains the true mean.
#
# - The whole interval lies above one point, the control's does not reach it: the claim holds.
# - The whole interval lies below one point: it does not hold here.
# - Otherwise nothing is settled.

# %%
LEAST = 1.0  # point of accuracy


def interval(gain):
    error = 2 * gain.std().item() / len(gain) ** 0.5
    return gain.mean().item() - error, gain.mean().item() + error


def verdict(gain, control):
    (low, high), (_, control_high) = interval(gain), interval(control)
    if high < LEAST:
        return "does not hold here"
    if low > LEAST and control_high < LEAST:
        return "holds"
    return "not settled"


# %% [markdown]
# ### Predict
#
# 30 laboratories test claim 1. Each uses a single seed, its own. A laboratory announces a success if it
# gains at least one point of accuracy. How many of the 30 will announce one? Put your number in place of
# `None`.

# %%
guess = None

# %% [markdown]
# ### Run
#
# 900 seeds are enough for 30 laboratories with 30 seeds each. We then look at what they would have reported
# after 1, 3, 10 and all 30 of them.

# %%
signs, relu = gains()
signs_control, relu_control = gains(shuffled=True)
print(f"{len(signs)} seeds; with seed 0, turning the signs gains {signs[0].item():+.1f} points")

# %%
NS = [1, 3, 10, 30]


def reports(gain, n):
    """What each of 30 laboratories reports after n seeds: its mean gain (30,)."""
    return gain.view(30, 30)[:, :n].mean(dim=1)


announced = [(reports(signs, n) >= LEAST).sum().item() for n in NS]
print("seeds a laboratory   announce claim 1   spread of their reports")
for n, count in zip(NS, announced, strict=True):
    print(f"{n:12d}{count:18d} of 30{reports(signs, n).std().item():19.1f} points")

# %% tags=["headline"]
fig, (ax, bar) = plt.subplots(1, 2, figsize=(9, 3.8), width_ratios=[3, 2])
series = [
    ("claim 2: a ReLU", relu, BLUE, "o"),
    ("claim 2 with shuffled labels (control)", relu_control, GREY, "s"),
    ("claim 1: signs turned", signs, ORANGE, "^"),
]
for offset, (label, gain, colour, marker) in zip([-0.25, 0, 0.25], series, strict=True):
    for column, n in enumerate(NS):
        across = column + offset + torch.linspace(-0.09, 0.09, 30)
        dots = ax.scatter(
            across, reports(gain, n), s=12, color=colour, marker=marker, alpha=0.7
        )
    dots.set_label(label)
ax.axhline(0, color="black", linewidth=0.8)
ax.axhline(LEAST, color="black", linewidth=0.8, linestyle=":", label="announced from here up")
ax.set(xticks=range(4), xticklabels=NS, ylim=(-12, 39), title="What 30 laboratories report")
ax.set(xlabel="seeds a laboratory", ylabel="gain (points of accuracy)")
ax.legend(fontsize=8, markerscale=1.5, ncols=2, loc="upper center")

labels = bar.bar([str(n) for n in NS], announced, color=ORANGE)
bar.bar_label(labels)
bar.set(
    xlabel="seeds a laboratory",
    ylabel="laboratories",
    title="Who announces claim 1?",
    ylim=(0, 31),
)
if guess is not None:
    bar.plot(0, guess, "*", color="black", markersize=13, label=f"your guess: {guess}")
    bar.legend()
show(
    fig,
    alt="Left: what 30 laboratories report after 1, 3, 10 and 30 seeds. The dots for turned signs and for "
    "the control scatter around zero and draw together as seeds are added; those for the ReLU draw together "
    f"well above zero. Right: {announced[0]} of 30 laboratories announce claim 1 after one seed, "
    f"{announced[1]} after three, {announced[2]} after ten, {announced[3]} after thirty.",
)

# %% [markdown]
# ### The verdict
#
# The rule decides, with all 900 seeds. A third line repeats claim 2 where the border is straight.

# %%
straight, straight_control = gains(curved=False)[1], gains(curved=False, shuffled=True)[1]


def line(claim, gain, control):
    (low, high), (control_low, control_high) = interval(gain), interval(control)
    ranges = f"{low:+6.1f} to {high:+5.1f}   {control_low:+6.1f} to {control_high:+5.1f}"
    print(f"{claim:<30}{ranges}   {verdict(gain, control)}")


print(f"{'gain in points of accuracy':<30}    measured          control   verdict")
line("1 signs turned", signs, signs_control)
line("2 a ReLU, curved border", relu, relu_control)
line("2 a ReLU, straight border", straight, straight_control)
if {verdict(relu, relu_control), verdict(straight, straight_control)} == {
    "holds",
    "does not hold here",
}:
    print("Claim 2 as a whole: holds with a condition. The border decides.")

# %% [markdown]
# ### Explain
#
# Why do laboratories announce claim 1 at all? Why must it fail in the long run? Why does the ReLU need a
# curved border? Write two sentences on each. Then open ours.
#
# *Your explanation: double-click here.*

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# Claim 1: the starting weights come from a distribution that is symmetric around zero. Weights with the
# sign turned are as likely as those without, so over many seeds neither can win. With a single seed one of
# the two is ahead by luck. The mean of n seeds varies less, by about $1/\sqrt{n}$; the table above shows
# it.
#
# Claim 2: without the ReLU, two layers are one: `x @ first @ second` is `x @ (first @ second)`, and its
# border is a straight line. The ReLU lets the border bend. Where the true border is straight there is
# nothing to gain by it; the table says what the extra freedom costs.
#
# The control: with shuffled labels there is nothing to learn. A gain there would have meant a mistake in
# the experiment.
# </details>

# %% [markdown]
# That is the form of every lesson: a claim, a rule, a guess, seeds, a control, a verdict. Lessons train
# larger models, so they have fewer seeds, three or more. Then only effects well beyond the spread can be
# told from luck.

# %% [markdown]
# ## Lessons and assignments
#
# Each lesson has an assignment: functions to fill in, checks that you can see, and further checks that only
# the grader has. A check that fails says what it met. Try one. `my_softmax` below has two mistakes; the
# check names them one at a time.

# %%
scores = torch.tensor([[1.0, 2.0, 3.0], [1.0, 0.0, 5.0]])  # (queries, keys)


def my_softmax(scores):
    """Shares of attention, (queries, keys): every row sums to 1."""
    powers = scores.exp()
    return powers / powers.sum(dim=0, keepdim=True)


print(my_softmax(scores))


# %%
def check_softmax(softmax):
    shares = softmax(scores)
    assert shares.shape == (2, 3), f"the shape should stay (2, 3), and is {tuple(shares.shape)}"
    assert not torch.allclose(shares.sum(dim=0), torch.ones(3)), (
        "each column sums to 1: you normalised over dim 0, the queries.\n"
        "A query shares its attention among the keys, and those are the last dimension."
    )
    assert torch.allclose(shares.sum(dim=-1), torch.ones(2)), "the rows do not sum to 1"
    large = softmax(torch.tensor([[1000.0, 1001.0]]))
    assert large.isfinite().all(), (
        "scores of 1000 give nan: exp overflows.\nSubtract the largest score of each row first (operation 8)."
    )
    assert torch.allclose(large, torch.tensor([[0.0, 1.0]]).softmax(dim=-1)), (
        "large scores go wrong"
    )


try:
    check_softmax(my_softmax)
    print("passed")
except AssertionError as error:
    print("failed:", error)

# %% [markdown]
# Repair `my_softmax`, run both cells again, and go on until it says *passed*. In an assignment the message
# stands at the end of an error report.
#
# <details><summary>A solution</summary>
#
# ```python
# def my_softmax(scores):
#     powers = (scores - scores.max(dim=-1, keepdim=True).values).exp()
#     return powers / powers.sum(dim=-1, keepdim=True)
# ```
# </details>

# %% [markdown]
# **Alone, in JupyterLab.** Lessons are in `lessons/`, assignments in `exercises/`, under the lesson's name.
# Fill in, press **Validate** above the notebook: it runs everything afresh and shows which checks fail.
# Then compare with `solutions/`.
#
# **In a class, on one server.** Open *Nbgrader*, *Assignment List* in the menu. **Fetch** the assignment,
# work, **Validate**, **Submit**. You can submit again; the last one collected counts. **Fetch Feedback**
# brings back your marks with the grader's messages.
#
# **On Colab.** Open one notebook and run it; nothing else is needed. If it needs a package that Colab
# lacks, its first cell installs it. There is no Validate button: run all cells instead. To hand in, choose
# *File*, *Download*, *Download .ipynb*, and send the file, under the name it has, where your instructor
# says.

# %% [markdown]
# Three habits save marks.
#
# - Write only where a cell says so. Do not copy, split or delete cells: the grader finds them by hidden
#   marks.
# - Before you hand in, choose *Restart Kernel and Run All Cells*. What only worked because of a cell you
#   have since deleted shows up now.
# - Do not fit your answer to the numbers in a check. The grader's inputs are others.

# %% [markdown]
# ## Where next
#
# - [Lesson 1, attention](01_attention.ipynb): build it from the operations above, then time it against an
#   LSTM.
# - Not sure of an operation? Change its numbers, say what will come out, and run it again.
# - Not convinced by the experiment? Set `STEPS` or `LEARN` to 5 and run it again. Predict first: which
#   interval grows, and which verdict changes?
