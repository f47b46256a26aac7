# ---
# jupyter:
#   course:
#     title: A tiny GPT
#     summary: >-
#       You build a GPT that reads Python's manual letter by letter, see real words come as its loss falls, and measure what each part of its recipe buys, though plain counting of letters still predicts this text better.
#     claims: ["3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9"]
#     seconds: 240
# ---

# %% [markdown]
# # Lesson 3 · A tiny GPT (小型 GPT)
#
# Afterwards you can write a GPT, watch it train, and say what it must beat and what each part of its recipe buys. You can predict the loss of a larger model before you train it and say why the
# prediction misses, tell a jump in a model from a jump in a measure, and check what is said about the cost of training.
#
# **Time:** about four minutes to run on two CPU cores, four hours to work through.
# **You need:** lesson 1. Of lesson 2 only what a token is; its optimizer, Muon, is explained again in section 4.

# %% [markdown]
# ## The claims
#
# | | claim | stands in |
# | --- | --- | --- |
# | 3.1 | Large models are mostly Transformers trained to predict the next token; what predicts it well enough is close to general intelligence. | A0, A4 |
# | 3.2 | Quality improves linearly while parameters, data and compute grow exponentially (scaling laws). | A3 |
# | 3.3 | Past a threshold of training, accuracy jumps suddenly (emergence). | A1, A0 |
# | 3.4 | Returns diminish: ten times the parameters buy less than before (Switch Transformer, 1.6 trillion). | A1 |
# | 3.5 | Better training beats more parameters; small models can approach or pass large ones. | A3, A0, A4 |
# | 3.6 | A model of over 10 billion parameters takes about 1,000 GPUs for a month. | A1 |
# | 3.7 | GPT-1 to GPT-3 grew from about 0.11 to 175 billion parameters, over a thousandfold. | A1 |
# | 3.8 | In-context learning: a model can learn from its prompt without gradient descent. | A4 |
# | 3.9 | Hallucination is also imagination: the mechanism that errs creates. | A4 |
#
# A0 is an interview by Tianyi Think Tank (2024), A1 an article on Chinese large models (May 2023), A3 an interview with Zhao Dongyan (June 2024), A4 a panel of six model makers (April 2024).

# %% [markdown]
# What the verdicts at the end hang on; each experiment's own rule stands before it.
#
# | | it is shown if | and without a condition only if |
# | --- | --- | --- |
# | 3.1 | as the loss falls, an ability appears that was not asked for | so does one that the text does not ask for |
# | 3.2 | along weights, data and compute, the loss falls in the lower half and in the upper | it falls evenly: a straight line over the logarithm fits all three and predicts the sixth model |
# | 3.3 | whole answers jump after half of the way of single tokens is done | single tokens jump as well, and p^K does not give the whole |
# | 3.4 | ten times the weights buy less in the upper half of the sizes | so do ten times the data and the compute |
# | 3.5 | a small model with the better recipe passes one with over twice the weights | with that recipe the larger one is no better than the small one |
# | 3.6 | one reported model of 10 to 20 billion parameters lies within a factor of three | all do, and 20 tokens a parameter (Chinchilla) take about as much |
# | 3.7 | counts from the published shapes agree with the figures announced | (a count has no condition) |
# | 3.8 | two layers learn from the prompt, no weight moves, and the control learns nothing | so does one layer, and so does the model trained on the manual |
# | 3.9 | new text and errors come together, and from one single draw | no setting has the one without the other |

# %% [markdown]
# ## Setting up
#
# The folded cells hold what all lessons share. You need not read them.

# %% reuse="cells/figures:figures"

# %% reuse="cells/progress:progress"

# %% reuse="cells/timing:timing"

# %% reuse="cells/side_by_side:side_by_side"

# %% reuse="cells/statistics:spread"

# %% reuse="cells/verdicts:verdicts"

# %%
import math
import os
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from pydoc_data.topics import topics
from statistics import mean
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# %%
torch.set_num_threads(
    1
)  # one core a run: times then depend less on what else your machine does
SEEDS = (0, 1, 2)
print(f"PyTorch {torch.__version__}; training runs use a CPU core each, two at a time")

# %% [markdown]
# ## 1 · The text, and what must be beaten
#
# A language model gives each next token a probability. The text is Python's own manual, which every Python carries; a token is one character.
# The last tenth is *held out* (留出): no model learns from it, all are scored on it.


# %%
text = "\n".join(topics[topic] for topic in sorted(topics))
chars = sorted(set(text))
stoi = {character: i for i, character in enumerate(chars)}
V = len(chars)


def encode(text: str) -> Tensor:
    """The ids of a text's characters, (T,)."""
    return torch.tensor([stoi[character] for character in text])


def decode(ids: Tensor) -> str:
    return "".join(chars[i] for i in ids.tolist())


cut = int(0.9 * len(text))
train_text, held_out_text = text[:cut], text[cut:]
train, held_out = encode(train_text), encode(held_out_text)
print(f"{len(topics)} topics, {len(text):,} characters, V = {V} different ones")
print(f"{len(train):,} to learn from, {len(held_out):,} held out")
print(held_out_text[1000:1300])

# %% [markdown]
# **The score.** Say the model gave the probability p to the character that then came. It pays −log p: nothing if it was sure and right, much if it was sure and wrong. The mean over all characters is
# the loss (cross-entropy, 交叉熵).
#
# With the natural logarithm the unit is the *nat* (奈特), as in training; with log₂ it is the *bit* (比特), 1 nat = 1.443 bits. Bits have a meaning one can hold: a model that pays 2 bits a
# character is as unsure, on average, as if it chose evenly among 2² = 4 characters, and could compress the text to a quarter of its bytes of 8 bits (Shannon 1951 measured people so).
#
# Each held-out character but the first is scored, given those before it in the held-out text.


# %% name="bits"
def bits(probability: Tensor) -> float:
    """Mean bits a character: `probability` is what a model gave each character that came."""
    return -probability.double().log2().mean().item()


# %% [markdown]
# **Does the held-out text hold anything new?** A manual repeats itself. If a passage was seen, a model can recite it, and its score says nothing about new text. So we mark the characters of
# the held-out text that lie in a stretch of 32 or more that stands, letter for letter, in the text to learn from. The others are *fresh*, and get a score of their own.


# %%
def copied(text: str, source: str, length: int = 32) -> list[bool]:
    """For each character of `text`: does it lie in `length` characters that stand in `source`?"""
    known = {source[i : i + length] for i in range(len(source) - length + 1)}
    marks = [False] * len(text)
    for i in range(len(text) - length + 1):
        if text[i : i + length] in known:
            marks[i : i + length] = [True] * length
    return marks


fresh = ~torch.tensor(copied(held_out_text, train_text))
print(f"fresh: {fresh.float().mean():.0%} of the held-out characters")

# %% [markdown]
# **The simplest models.** Uniform (均匀): each of the V characters alike, log₂ V bits. Unigram: as often as the character occurs. Bigram: as often as it follows the one before.
# In general an *n-gram* is n characters in a row (n 元语法), and an n-gram model looks at the n − 1 characters before.
#
# By hand, on `banana`. After `a` came `n`, twice. So n has the probability 2/2 after `a`, and everything else has 0. The first time something else comes, the model
# pays −log 0 = ∞. The oldest remedy is to add a little, say 0.01, to each count.
#
# To count n-grams of every length in a few lines, we number them. The n-gram that ends here is the (n−1)-gram that ended one character earlier, and one character more: so
# (row of the shorter one) · V + character is a code of its own. All codes of one length, sorted, are a table.


# %% name="ngram_tables"
def find(table: Tensor, codes: Tensor) -> Tensor:
    """Where each code stands in a sorted table; -1 if it does not."""
    at = torch.searchsorted(table, codes).clamp(max=len(table) - 1)
    return torch.where(table[at] == codes, at, -1)


def shift(rows: Tensor) -> Tensor:
    """One place to the right, along the text; nothing (-1) comes before the first."""
    return F.pad(rows, (1, 0), value=-1)[..., :-1]


class Counts:
    """How often each n-gram of 1 to `longest` characters stands in a text (T,)."""

    def __init__(self, text: Tensor, V: int, longest: int) -> None:
        self.V, self.longest = V, longest
        self.tables, self.times, self.endings = [], [], []
        rows = [torch.zeros_like(text)]  # the empty n-gram stands everywhere, in row 0
        for n in range(1, longest + 1):
            context = shift(rows[-1]) if n > 1 else rows[0]
            codes = context * V + text
            table, times = codes[codes >= 0].unique(return_counts=True)
            rows.append(find(table, codes))
            self.tables.append(table)
            self.times.append(times)
        # In how many different ways each can be preceded: how many (n+1)-grams end in it.
        for n in range(1, longest):
            end = torch.zeros_like(self.times[n])
            end[rows[n + 1][n:]] = rows[n][n:]
            self.endings.append(end.bincount(minlength=len(self.times[n - 1])))

    def contexts(self, texts: Tensor) -> list[Tensor]:
        """Texts (..., T): the rows of the 0-, 1-, 2-, ... grams that end at each character."""
        rows = [torch.zeros_like(texts)]
        for n, table in enumerate(self.tables, 1):
            context = shift(rows[-1]) if n > 1 else rows[0]
            rows.append(find(table, context * self.V + texts))
        return rows


# %%
counts = Counts(train, V, longest=12)
for n in (1, 2, 3, 6, 12):
    times = counts.times[n - 1]
    once = (times == 1).float().mean()
    print(f"{n:2}-grams: {len(times):7,} different ones, {once:.0%} of them seen only once")

# %% [markdown]
# Most long n-grams were seen once. What should a model say that has seen a context once, or never?
#
# **Kneser-Ney** (Kneser and Ney 1995, in the form of Chen and Goodman 1999) answers with three ideas:
#
# 1. **Take a discount.** From each count c take D off, a different D for counts of 1, 2 and 3 or more. What is taken is the room for what was not seen.
# 2. **Give the room to the shorter context**, in proportion to what *it* predicts, which gives its room to one shorter still, and at the end to the uniform model:
#    p(character | context) = (c − D(c)) / total + room / total · p(character | one character less of context). Here total is how often the context was seen, and room the sum of what was taken there.
# 3. **In the shorter contexts, count neighbours, not times.** The shorter model is asked where the longer one does not know. "After how many different characters has this been seen?" is then
#    the better question. (`rancisco` may be frequent, but only ever follows `F`.)
#
# The discounts follow from how many n-grams occur once, twice, three and four times (n₁ to n₄): with Y = n₁ / (n₁ + 2 n₂), D(c) = c − (c + 1) Y n₍c₊₁₎ / n₍c₎. All that was taken is
# given on, so the probabilities sum to 1 whatever the discounts are. (Where the formula takes nothing, we take 0.1: what was never seen must keep a chance.)


# %% name="kneser_ney"
class KneserNey:
    """Interpolated Kneser-Ney with three discounts, over n-grams of up to `order` characters."""

    def __init__(self, counts: Counts, order: int) -> None:
        self.counts, self.order, self.levels = counts, order, []
        for n in range(1, order + 1):
            c = counts.times[n - 1] if n == order else counts.endings[n - 1]
            D = self.discounts(c)
            context = counts.tables[n - 1] // counts.V  # which context each n-gram extends
            size = 1 if n == 1 else len(counts.tables[n - 2])
            total = context.bincount(c, minlength=size).double()
            room = context.bincount(D[c.clamp(max=3)], minlength=size)
            room[total == 0] = total[total == 0] = 1  # nothing ever followed it: hand all on
            # A last entry for "never seen" (row -1): count 0, and all of it is handed on.
            self.levels.append((F.pad(c, (0, 1)), D, F.pad(total, (0, 1), value=1.0)))
            self.levels[-1] += (F.pad(room, (0, 1), value=1.0),)

    @staticmethod
    def discounts(c: Tensor) -> Tensor:
        """What is taken off a count of 0, 1, 2, and 3 or more."""
        n = [max(1, int((c == i).sum())) for i in range(5)]
        Y = n[1] / (n[1] + 2 * n[2])
        D = [max(0.1, i - (i + 1) * Y * n[i + 1] / n[i]) for i in (1, 2, 3)]
        return torch.tensor([0.0, *D], dtype=torch.double)

    def mix(self, contexts: Sequence[Tensor], tokens: Tensor) -> Tensor:
        """The probability of each token after its context, given as rows of 0-, 1-, ... grams."""
        V = self.counts.V
        shape = torch.broadcast_shapes(contexts[0].shape, tokens.shape)
        p = torch.full(shape, 1 / V, dtype=torch.double)
        for n, (c, D, total, room) in enumerate(self.levels):
            times = c[find(self.counts.tables[n], contexts[n] * V + tokens)]
            kept = times - D[times.clamp(max=3)]
            p = (kept + room[contexts[n]] * p) / total[contexts[n]]
        return p

    def score(self, text: Tensor) -> Tensor:
        """What it gave each character of a text (T,) but the first: (T - 1,)."""
        return self.mix([rows[:-1] for rows in self.counts.contexts(text)], text[1:])

    def next(self, texts: Tensor) -> Tensor:
        """Texts (B, T) -> the probabilities of the character after each, (B, V)."""
        rows = self.counts.contexts(texts[:, -self.order :])
        return self.mix([row[:, -1:] for row in rows], torch.arange(self.counts.V))


# %% [markdown]
# **Do they sum to 1?** After contexts that were seen often, once, and never, all V probabilities are added. Then the model scores its own words: what `next` says must be what `score` says.

# %%
smoothed = KneserNey(counts, 6)
for context in ("the ", "ass __in", "zqj%zqj%"):
    p = smoothed.next(encode(context)[None])[0]
    best = p.topk(3)
    print(
        f"after {context!r:12} sum {p.sum():.12f}; likeliest "
        + ", ".join(f"{chars[i]!r} {q:.2f}" for q, i in zip(best.values, best.indices))
    )
some = held_out[:200]
one_by_one = [smoothed.next(some[None, :t])[0, some[t]].item() for t in range(1, len(some))]
torch.testing.assert_close(smoothed.score(some), torch.tensor(one_by_one).double())
for size in (1, 2, 3, 4, 5, 6, 8, 12):
    sums = KneserNey(counts, size).next(held_out[None, :3000].view(-1, 15)).sum(dim=1)
    torch.testing.assert_close(sums, torch.ones_like(sums))
print("sums to 1 for eight orders, after 200 contexts from the held-out text")

# %% [markdown]
# **How long should a context be?** Each order, with a little added and with Kneser-Ney, on the held-out text; and on the beginning of the text that the counts came
# from, as many characters (another text, so compare the shapes, not the heights).
#
# **Rule:** counting *memorises* where one character more of context makes the training text cheaper and the held-out text dearer. What must be beaten is the lowest figure on the
# held-out text.
#
# **Predict.** With a little added, which order does best on the held-out text?

# %%
guess_order = None  # for instance 3


def add_a_little(counts: Counts, n: int, contexts: list[Tensor], tokens: Tensor) -> Tensor:
    """What n-grams with 0.01 added to each count give tokens after their contexts."""
    c = counts.times[n - 1]
    size = 1 if n == 1 else len(counts.times[n - 2])
    total = (counts.tables[n - 1] // counts.V).bincount(c.double(), minlength=size)
    times = F.pad(c, (0, 1))[find(counts.tables[n - 1], contexts[n - 1] * counts.V + tokens)]
    return (times + 0.01) / (F.pad(total, (0, 1))[contexts[n - 1]] + 0.01 * counts.V)


ORDERS = range(1, 13)
by_order: dict[tuple[str, str], list[float]] = defaultdict(list)
for name, piece in (("held out", held_out), ("seen", train[: len(held_out)])):
    contexts, came = [rows[:-1] for rows in counts.contexts(piece)], piece[1:]
    for n in progress(ORDERS, name):
        by_order["a little added", name].append(bits(add_a_little(counts, n, contexts, came)))
        given = KneserNey(counts, n).mix(contexts, came)
        by_order["Kneser-Ney", name].append(bits(given))
        if name == "held out":
            by_order["Kneser-Ney", "fresh"].append(bits(given[fresh[1:]]))


# %%
def memorises(model: str) -> list[int]:
    """The orders at which the seen text got cheaper and the held-out text dearer."""
    seen, unseen = by_order[model, "seen"], by_order[model, "held out"]
    return [
        n for n in ORDERS[1:] if seen[n - 1] < seen[n - 2] and unseen[n - 1] > unseen[n - 2]
    ]


uniform = bits(torch.full((len(held_out) - 1,), 1 / V))
unigram, bigram = by_order["a little added", "held out"][:2]
best_order = min(ORDERS, key=lambda n: by_order["Kneser-Ney", "held out"][n - 1])
ngram = KneserNey(counts, best_order)
given_ngram = ngram.score(held_out)
ngram_bits, ngram_fresh = bits(given_ngram), bits(given_ngram[fresh[1:]])

# %%
figure, axis = plt.subplots()
styles = {
    ("a little added", "seen"): (RED, "s--"),
    ("a little added", "held out"): (RED, "s-"),
    ("Kneser-Ney", "seen"): (BLUE, "o--"),
    ("Kneser-Ney", "held out"): (BLUE, "o-"),
    ("Kneser-Ney", "fresh"): (GREEN, "^-"),
}
for (model, piece), (color, style) in styles.items():
    axis.plot(ORDERS, by_order[model, piece], style, color=color, label=f"{model}, {piece}")
axis.axhline(uniform, color="black", linewidth=1)
axis.annotate("uniform", (ORDERS[-1], uniform), ha="right", va="bottom")
axis.set(xlabel="order: characters in an n-gram", ylabel="bits a character", ylim=(0, 9))
axis.set_title("Longer contexts: text that was seen gets cheaper, held-out text need not")
if guess_order is not None:
    axis.axvline(guess_order, color="black", linestyle=":", linewidth=1.5)
axis.legend(ncols=2, fontsize=8)
show(
    figure,
    alt="Bits a character by order, "
    + "; ".join(
        f"{model} on text {piece}: {', '.join(f'{b:.2f}' for b in by_order[model, piece])}"
        for model, piece in styles
    ),
)
print(f"uniform {uniform:.2f}, unigram {unigram:.2f}, bigram {bigram:.2f} bits a character")
little = by_order["a little added", "held out"]
for model in ("a little added", "Kneser-Ney"):
    print(f"{model}: memorises at orders {memorises(model) or 'none of these'}")
print(f"a little added: best order {1 + little.index(min(little))}, {min(little):.3f} bits")
for n in ORDERS:
    all_held_out, only_fresh = (by_order["Kneser-Ney", k][n - 1] for k in ("held out", "fresh"))
    print(f"Kneser-Ney, order {n:2}: {all_held_out:.3f} bits, fresh {only_fresh:.3f}")
print(
    f"to be beaten: {ngram_bits:.3f} bits a character ({ngram_bits * math.log(2):.3f} nats), "
    f"on fresh ones {ngram_fresh:.3f}"
)

# %% [markdown]
# **Explain.** The two red curves part; the two blue ones also part. Why does only one of the solid ones rise? And the manual has hundreds of thousands of characters: why is that little for
# an order of 10?
#
# <details><summary>Our explanation</summary>
#
# A long context was mostly seen once, so its counts say "this one character, always". On the text that was counted that is right, elsewhere it is wrong. With a little added the model has nothing else to go by:
# it recites or it is lost. Kneser-Ney discounts the single sighting and asks the shorter context. More context then does not harm, and soon hardly helps.
#
# There are V¹⁰ possible contexts of ten characters, and a text of this size shows almost none of them. No text will ever show them all: a model that goes further has to see that contexts are
# *alike* (`the function returns`, `the method returns`), which no table of counts does. That is what the embeddings of a neural model are for (Bengio et al. 2003).
# </details>

# %% [markdown]
# What do they write? A text is continued by drawing a character from the probabilities, appending it, and drawing again.


# %%
def write_by_ngrams(model: KneserNey, texts: Tensor, length: int, seed: int) -> Tensor:
    """Texts (B, T), continued by `length` drawn characters: (B, T + length)."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(length):
        drawn = torch.multinomial(model.next(texts), 1, generator=generator)
        texts = torch.cat([texts, drawn], dim=1)
    return texts


for order in (1, 2, 4, best_order):
    written = write_by_ngrams(KneserNey(counts, order), encode("The ")[None], 160, seed=0)
    print(f"order {order}:", " ".join(decode(written[0]).split()))

# %% [markdown]
# ## 2 · The model
#
# A GPT reads T tokens and says, at each of them, what it expects next. Its parts are lesson 1's: heads, rotary positions, attention. You fold them out below if you want to read them again.

# %% reuse="cells/attention:attention"

# %% reuse="cells/attention:causal_mask"

# %% reuse="cells/attention:rope"

# %% reuse="cells/attention:heads"

# %% [markdown]
# **Attention.** Three things are new.
#
# - *Queries and keys of one length* (Henry et al. 2020). `norm` gives each vector of d numbers mean 0 and variance 1, hence length √d. A score then says how well two vectors match and not how long
#   they are; times 10/d it lies between −10 and 10.
# - *Faster angles*: base 100 in place of 10,000, since our texts are 64 tokens long and not thousands.
# - *The past* (`past`): keys and values of tokens that were read before. Section 10 needs it. Leave it out for now.
#
# `F.scaled_dot_product_attention` is PyTorch's fused form of lesson 1's `attention`. Below you see that it gives the same.

# %% name="gpt_attention"
Past = tuple[Tensor, Tensor]  # keys and values of earlier tokens, (B, H, T, d) each
SCALE = 10.0  # scores lie between -SCALE and SCALE


def norm(x: Tensor) -> Tensor:
    """Each vector with mean 0 and variance 1 (layer-norm, Ba et al. 2016, without weights)."""
    return F.layer_norm(x, x.shape[-1:])


class Attention(nn.Module):
    """Causal self-attention with H heads, (B, T, D) -> (B, T, D), after any `past`."""

    def __init__(self, D: int, H: int) -> None:
        super().__init__()
        self.H = H
        self.qkv = nn.Linear(D, 3 * D, bias=False)
        self.out = nn.Linear(D, D, bias=False)

    def project(self, x: Tensor, start: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, (B, H, T, d) each, for tokens from position `start` on."""
        D = x.shape[-1]
        qk, v = self.qkv(x).split([2 * D, D], dim=-1)
        q, k = rotate(norm(split_heads(qk, 2 * self.H)), start, base=100.0).chunk(2, dim=1)
        return q, k, split_heads(v, self.H)

    def forward(self, x: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        q, k, v = self.project(x, past[0].shape[2] if past else 0)
        mask = None
        if past:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
            mask = causal_mask(q.shape[2], k.shape[2]).to(x.device)
        mixed = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=mask is None, scale=SCALE / q.shape[-1]
        )
        return self.out(merge_heads(mixed)), (k, v)


# %% [markdown]
# **A block** adds to each token what attention found, then what the feed-forward layer (前馈层) makes of it. The norm stands *before* each half (pre-norm, Xiong et al. 2020) and outside the sum:
# the path from the first layer to the last is nothing but additions. The feed-forward layer has four times the width inside. Its squared ReLU (So et al. 2021) keeps what is positive and squares it.


# %% name="gpt_block"
class FeedForward(nn.Module):
    """Each token by itself, (B, T, D) -> (B, T, D)."""

    def __init__(self, D: int) -> None:
        super().__init__()
        self.up = nn.Linear(D, 4 * D, bias=False)
        self.down = nn.Linear(4 * D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.relu(self.up(x)).square())


class Block(nn.Module):
    """Attention, then feed-forward, each behind a norm and added to what came in."""

    def __init__(
        self, D: int, H: int, dropout: float = 0.0, norm: Callable[[Tensor], Tensor] = norm
    ) -> None:
        super().__init__()
        self.attention, self.feed_forward = Attention(D, H), FeedForward(D)
        self.dropout, self.norm = nn.Dropout(dropout), norm

    def forward(self, x: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        found, past = self.attention(self.norm(x), past)
        x = x + self.dropout(found)
        return x + self.dropout(self.feed_forward(self.norm(x))), past


# %% [markdown]
# **The model**: a vector for each token, the blocks, and an output layer, called the head (输出层; not one of attention's), that turns the last vector into V scores. The head and the last matrix of each half start at zero: before training every block adds nothing,
# and every token has the same score.
#
# `tables` is for section 5. Leave it empty, and the model is a plain Transformer.


# %% name="gpt"
class GPT(nn.Module):
    """Scores for the next token, after Radford et al. (2018), with the changes named above."""

    def __init__(
        self,
        V: int,
        D: int = 64,
        layers: int = 3,
        H: int = 2,
        tables: tuple[int, ...] = (),
        dropout: float = 0.0,
        norm: Callable[[Tensor], Tensor] = norm,
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(V, D)
        self.tables = nn.ModuleList(nn.Embedding(rows, D) for rows in tables)
        self.dropout, self.norm = nn.Dropout(dropout), norm
        self.blocks = nn.ModuleList(Block(D, H, dropout, norm) for _ in range(layers))
        self.head = nn.Linear(D, V, bias=False)
        lasts = [layer for b in self.blocks for layer in (b.attention.out, b.feed_forward.down)]
        for starts_at_zero in (self.head, *self.tables, *lasts):
            nn.init.zeros_(starts_at_zero.weight)

    def forward(
        self, tokens: Tensor, past: list[Past] | None = None
    ) -> tuple[Tensor, list[Past]]:
        """tokens (B, T) -> scores (B, T, V), and each layer's keys and values."""
        x = self.token(tokens)
        if self.tables:
            x = x + self.look_up(tokens)
        x = self.dropout(self.norm(x))
        kept = []
        for i, block in enumerate(self.blocks):
            x, its = block(x, past[i] if past else None)
            kept.append(its)
        return self.head(self.norm(x)), kept

    def look_up(self, tokens: Tensor) -> Tensor:
        """A vector for the last 2, 3, ... tokens, one table each; n-grams may share a row.

        It sees the given tokens alone, so a model with tables must not be given a `past`.
        """
        found, code = torch.zeros(()), tokens
        for n, table in enumerate(self.tables, 2):
            code = code * self.token.num_embeddings + F.pad(tokens, (n - 1, 0))[:, : 1 - n]
            found = found + table(code * 1_000_003 % 2_147_483_647 % table.num_embeddings)
        return found


# %% [markdown]
# ## 3 · Before training
#
# Checks that need no training: the attention is lesson 1's; no score depends on a later token; the parameters are as many as a formula says; the first loss is what it should be.

# %%
torch.manual_seed(0)
layer, x = Attention(D=64, H=2), torch.randn(3, 10, 64)
q, k, v = layer.project(x)
by_lesson_1 = attention(q * SCALE / math.sqrt(q.shape[-1]), k, v, causal_mask(10))[0]
torch.testing.assert_close(layer(x)[0], layer.out(merge_heads(by_lesson_1)))
print("the attention layer gives what lesson 1's attention gives")

tiny = GPT(V)
for weights in (tiny.head.weight, *(block.attention.out.weight for block in tiny.blocks)):
    nn.init.normal_(weights)  # zeros would hide what depends on what
tokens = train[:32][None]
changed = tokens.clone()
changed[0, 20] = (changed[0, 20] + 1) % V
with torch.no_grad():
    differs = (tiny(tokens)[0] != tiny(changed)[0]).any(dim=-1)[0]
print(
    "another token at place 20 changes the scores at places",
    differs.nonzero().flatten().tolist(),
)

# %% [markdown]
# **How many parameters?** Each layer has 4 D² in attention (queries, keys, values, output) and 8 D² in the feed-forward layer (D to 4 D and back). The tokens have V · D, the head has V · D.
# Rotary positions and norms have none here. Together 12 · layers · D² + 2 V D.
#
# **What loss at the start?** A model that knows nothing should give each of the V tokens the same probability, and pay ln V. If the first loss is far above, the model is sure of something
# wrong before it has seen anything: a useful check in any training.
#
# **Rule:** the first loss is as it should be if it lies within 1% of ln V. For comparison, two other starts of the head: PyTorch's usual one, and weights of variance 1.
#
# **Predict.** The loss of a model that starts with random weights of variance 1?

# %%
guess_first_loss = None  # in nats; ln V is printed below


# %% name="pieces"
Draw = Callable[[torch.Generator], Tensor]  # draws a batch of tokens (B, T + 1)


def pieces(ids: Tensor, B: int = 8, T: int = 64) -> Draw:
    """Batches of B pieces, T + 1 tokens each, from anywhere in a text."""

    def draw(generator: torch.Generator) -> Tensor:
        starts = torch.randint(len(ids) - T, (B, 1), generator=generator)
        return ids[(starts + torch.arange(T + 1)).to(ids.device)]

    return draw


def loss_of(model: nn.Module, tokens: Tensor, answers: int | None = None) -> Tensor:
    """Mean cross-entropy in nats of the next token, at all places or the last `answers`.

    tokens (B, T + 1): the first T are read, the last T are what came next.
    """
    scores, targets = model(tokens[:, :-1])[0], tokens[:, 1:]
    if answers:
        scores, targets = scores[:, -answers:], targets[:, -answers:]
    return F.cross_entropy(scores.flatten(0, 1), targets.flatten())


# %%
example = pieces(train, B=2, T=24)(torch.Generator().manual_seed(0))
print("read     ", repr(decode(example[0, :-1])))
print("what came", repr(decode(example[0, 1:])))

gpt = GPT(V)
by_formula = 12 * len(gpt.blocks) * 64**2 + 2 * V * 64
by_count = sum(p.numel() for p in gpt.parameters())
assert by_formula == by_count
print(f"parameters: {by_formula:,} by formula, {by_count:,} in the model")

batch = pieces(train, B=64)(torch.Generator().manual_seed(1))
first_losses = {"zeros": loss_of(gpt, batch).item()}
gpt.head.reset_parameters()
first_losses["as PyTorch draws them"] = loss_of(gpt, batch).item()
nn.init.normal_(gpt.head.weight)
first_losses["variance 1"] = loss_of(gpt, batch).item()
for name, loss in first_losses.items():
    print(f"head starts with {name:22} first loss {loss:.3f}; ln V = {math.log(V):.3f}")
if guess_first_loss is not None:
    print("your guess:", guess_first_loss)

# %% [markdown]
# ## 4 · Training (claim 3.1)
#
# The loop: cut pieces from the text, compute the loss, its gradient, and take a step. Two optimizers (优化器) divide the weights between them.
#
# - **Muon** (Jordan et al. 2024; lesson 2) for the matrices of the blocks. It takes the averaged gradient, a matrix, and brings all its singular values near 1: a step of the same size in all directions.
# - **AdamW** (Loshchilov and Hutter 2019; here without decay) for the vectors of tokens and for the head: each number gets a step of its own size.
#
# The learning rate (学习率) rises during the first 2% of the steps and then falls along half a cosine to 0.

# %% reuse="cells/muon:muon"


# %% reuse="cells/training:warm_up_and_cosine"


# %% name="gpt_optimizers"
class Rates(NamedTuple):
    """Learning rates at their highest, and the settings of the optimizers."""

    matrices: float = 0.02
    vectors: float = 0.05
    head: float = 0.015
    momentum: float = 0.9  # Muon's
    weight_decay: float = 0.0
    muon: bool = True  # if not, AdamW takes the matrices too


MUON = Rates()


def optimizers(model: GPT, rates: Rates) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for the matrices of the blocks, AdamW for the rest (or, without Muon, for all)."""
    matrices = list(model.blocks.parameters())
    vectors = [*model.token.parameters(), *model.tables.parameters()]
    groups = [(vectors, rates.vectors), (list(model.head.parameters()), rates.head)]
    if not rates.muon:
        groups.append((matrices, rates.matrices))
    adam = torch.optim.AdamW(
        [{"params": weights, "highest": rate} for weights, rate in groups],
        betas=(0.9, 0.95),
        weight_decay=0.0,
        fused=True,
    )
    by_muon = matrices if rates.muon else []
    return Muon(by_muon, 0.0, rates.momentum, rates.weight_decay), adam


def set_rates(muon: Muon, adam: torch.optim.AdamW, rates: Rates, done: float) -> None:
    """The learning rates when a share `done` of the training is done."""
    share = warm_up_and_cosine(done)
    muon.lr = rates.matrices * share
    for group in adam.param_groups:
        group["lr"] = group["highest"] * share


# %% name="train_gpt"
def train_gpt(
    model: GPT,
    draw: Draw,
    steps: int,
    seed: int,
    answers: int | None = None,
    rates: Rates = MUON,
    bfloat16: bool = False,
    after: Callable[[int, float], None] = lambda step, loss: None,
) -> float:
    """Train on fresh batches; `after` is told each step and its loss. Processor seconds."""
    muon, adam = optimizers(model, rates)
    generator = torch.Generator().manual_seed(seed)
    took = 0.0
    model.train()
    for step in range(steps):
        start = time.thread_time()
        set_rates(muon, adam, rates, step / steps)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = loss_of(model, draw(generator), answers)
        model.zero_grad()
        loss.backward()
        muon.step()
        adam.step()
        took += time.thread_time() - start
        after(step + 1, loss.item())
    model.eval()
    return took


# %% [markdown]
# **The score** on the held-out text, as for the n-grams. The model sees 64 tokens at most, so windows of 64 move on by 32, and the last 32 of each are scored (of the first, all): each character but the first few has
# at least 32 before it.


# %% name="held_out_bits"
@torch.no_grad()
def given_to(model: GPT, ids: Tensor, T: int = 64) -> Tensor:
    """The probability given to each token of a text but the first, from T/2 to T tokens before."""
    windows = ids[: (len(ids) - 1) // (T // 2) * (T // 2) + 1].unfold(0, T + 1, T // 2)
    given = []
    for some in windows.split(128):
        p = model(some[:, :-1])[0].softmax(dim=-1)
        given.append(p.gather(-1, some[:, 1:, None])[..., 0])
    all_given = torch.cat(given)
    return torch.cat([all_given[0, : T // 2], all_given[:, T // 2 :].flatten()])


# %% [markdown]
# To see what it learns, let it write at four moments: before training, after a twentieth, a quarter, and all of the steps. A character is drawn with the probability that the model gives it. (Keys and values of
# what was read are kept between characters; section 10 says how.)


# %% name="write"
@torch.no_grad()
def write(
    model: GPT, prompts: Tensor, length: int, pick: Callable[[Tensor], Tensor], T: int = 64
) -> Tensor:
    """Prompts (B, S) -> what each row writes, (B, length); `pick`: scores (B, V) -> (B, 1)."""
    texts = prompts
    for step in range(length):
        if step % (T // 2) == 0:  # 64 tokens are full: start again from the last 32
            scores, past = model(texts[:, -T // 2 :])
        else:
            scores, past = model(texts[:, -1:], past)
        texts = torch.cat([texts, pick(scores[:, -1])], dim=1)
    return texts[:, prompts.shape[1] :]


def drawing(seed: int) -> Callable[[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return lambda scores: torch.multinomial(scores.softmax(dim=-1), 1, generator=generator)


# %% [markdown]
# ### Does it learn more than it was asked?
#
# Claim 3.1: predict the next token well enough, and you are close to general intelligence. That cannot be tested here. What can: does predicting characters bring abilities that nobody asked for, and which?
#
# - **Words.** The share of written words (four letters or more) that are real. Nobody told it what a word is. *Real* is what stands in the training text or in the sources of the standard library.
# - **Sums.** After `2 + 3 = `, which of the ten digits is likeliest? All sums below 10. Always saying 9 would be right most often.
#
# **Rule:** claim 3.1's direction is *shown* if in every seed the share of real words rises from the start to a quarter of the steps and from there to the end, as the loss falls, while a model trained as long on the same
# text with its characters shuffled (the control) stays below 0.05. It holds *without a condition* only if the sums come too: twice as many right as by always saying 9.
#
# **Predict.** What share of the words is real at the end? And of the sums right?

# %%
guess_words = None  # for instance 0.5
guess_sums = None


# %% name="real_words"
def words_of(text: str) -> list[str]:
    return re.findall("[a-z]+", text.lower())


def long_words(text: str) -> list[str]:
    """Four letters or more; the first and the last word may be cut, and are left out."""
    return [word for word in words_of(text)[1:-1] if len(word) >= 4]


learned = set(words_of(train_text))
library = "".join(
    path.read_text(encoding="utf-8") for path in sorted(Path(os.__file__).parent.glob("*.py"))
)
real = learned | set(words_of(library))

# %%
letters = random.Random(0)
scrambled = ["".join(letters.sample(word, len(word))) for word in long_words(held_out_text)]
print(f"{len(learned):,} words in the training text, {len(real):,} real ones")
print(
    f"a word with its letters shuffled passes for real in {mean(w in real for w in scrambled):.1%}"
)
print(
    f"real words in the held-out text: {mean(w in real for w in long_words(held_out_text)):.1%}"
)

SUMS = [(a, b) for a in range(10) for b in range(10) if a + b < 10]
DIGITS = encode("0123456789")
always_9 = mean(a + b == 9 for a, b in SUMS)


@torch.no_grad()
def sums_right(model: GPT) -> float:
    asked = torch.stack([encode(f"{a} + {b} = ") for a, b in SUMS])
    answers = model(asked)[0][:, -1, DIGITS].argmax(dim=-1)
    return mean(int(answer) == a + b for answer, (a, b) in zip(answers, SUMS))


# %%
def new_gpt(seed: int, V: int = V, D: int = 64, **extra: Any) -> GPT:
    """Not in a thread: the random numbers of the weights are torch's own."""
    torch.manual_seed(seed)
    return GPT(V, D, **extra)


STEPS = 800
MOMENTS = (0, STEPS // 20, STEPS // 4, STEPS)


class Moment(NamedTuple):
    bits: float
    words: float  # the share that is real
    sums: float  # the share right
    sample: str


def look(model: GPT, seed: int) -> Moment:
    """How good is the model now?"""
    prompts = held_out[: 24 * 32].view(24, 32)
    texts = [decode(row) for row in write(model, prompts, 128, drawing(seed))]
    written = [word for text in texts for word in long_words(text)]
    share = mean(word in real for word in written) if written else 0.0
    return Moment(bits(given_to(model, held_out)), share, sums_right(model), texts[0])


# %%
class Watched(NamedTuple):
    model: GPT
    losses: list[float]  # at each step, in nats
    moments: list[Moment]
    seconds: float


def train_watched(
    model: GPT, ids: Tensor, seed: int, show_step: Callable[[float], None] = lambda loss: None
) -> Watched:
    losses: list[float] = []
    moments = [look(model, seed)]

    def after(step: int, loss: float) -> None:
        losses.append(loss)
        show_step(loss)
        if step in MOMENTS:
            model.eval()
            moments.append(look(model, seed))
            model.train()

    return Watched(
        model, losses, moments, train_gpt(model, pieces(ids), STEPS, seed, after=after)
    )


# %%
shuffled = train[torch.randperm(len(train), generator=torch.Generator().manual_seed(0))]
bar = progress(range(STEPS), "training")


def advance(loss: float) -> None:
    bar.set_postfix_str(f"loss {loss:.2f} nats", refresh=False)
    bar.update()


gpt, control_gpt = new_gpt(0), new_gpt(0)
with ThreadPoolExecutor(1) as beside:  # the control trains on the other core
    control = beside.submit(train_watched, control_gpt, shuffled, 0)
    run = train_watched(gpt, train, 0, advance)
bar.close()
main_control = control.result()
for step, moment in zip(MOMENTS, run.moments):
    print(f"after {step} steps, {moment.bits:.2f} bits a character: {moment.sample!r}")


# %% [markdown]
# Those were the words of one model. Two more seeds, side by side.

# %%
others = side_by_side(
    [partial(train_watched, new_gpt(seed), train, seed) for seed in SEEDS[1:]], "training"
)
main_runs = [run, *others]


# %%
def at_moments(run: Watched, what: str) -> list[float]:
    return [getattr(moment, what) for moment in run.moments]


def draw_losses(axis: plt.Axes) -> None:
    """One run and the control: the batches as a line, the held-out text as dots."""
    for each, color, on in (
        (main_runs[0], BLUE, "text"),
        (main_control, GREY, "shuffled text"),
    ):
        smooth = [mean(each.losses[max(0, i - 20) : i + 1]) / math.log(2) for i in range(STEPS)]
        axis.plot(smooth, color=color, linewidth=1.5, label=f"trained on {on}, batches")
        axis.plot(MOMENTS, at_moments(each, "bits"), "o", color=color, label="held out")
    for name, level in (("uniform", uniform), ("bigram", bigram), ("Kneser-Ney", ngram_bits)):
        axis.axhline(level, color="black", linestyle=":", linewidth=1)
        below = "top" if name == "Kneser-Ney" else "bottom"
        axis.annotate(name, (STEPS, level), ha="right", va=below, fontsize=8)
    axis.set(xlabel="steps", ylabel="bits a character", ylim=(0, 7.5))
    axis.set_title("Loss while it trains", fontsize=10)
    axis.legend(fontsize=7, loc="lower center", ncols=2)


def draw_skill(axis: plt.Axes, what: str, color: str, marker: str, label: str) -> None:
    """A skill at four moments of each seed, over the loss; the control in grey."""
    for each in main_runs:
        bits_then, share = at_moments(each, "bits"), at_moments(each, what)
        axis.plot(bits_then, share, marker + "-", color=color, alpha=0.6)
    axis.plot([], [], marker + "-", color=color, label=label)
    control = at_moments(main_control, what)
    axis.plot(at_moments(main_control, "bits"), control, marker, color=GREY)


# %% tags=["headline"]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
draw_losses(left)
draw_skill(right, "words", BLUE, "o", "real words")
draw_skill(right, "sums", ORANGE, "s", "sums right")
right.axhline(always_9, color=ORANGE, linestyle=":", linewidth=1)
right.annotate("always 9", (6, always_9), fontsize=8, va="bottom")
right.invert_xaxis()
right.set(xlabel="bits a character, held out (better to the right)")
right.set_ylabel("share (of words, of sums)")
right.set_title("What comes with it (grey: the control)", fontsize=10)
draw_guess(right, guess_words, at=main_runs[0].moments[-1].bits)
draw_guess(right, guess_sums, at=main_runs[0].moments[-1].bits)
right.legend(fontsize=8)
show(
    figure,
    alt="At four moments, mean of three seeds: "
    + "; ".join(
        f"{mean(at.bits for at in now):.2f} bits, real words {mean(at.words for at in now):.2f}, "
        f"sums {mean(at.sums for at in now):.2f}"
        for now in zip(*(each.moments for each in main_runs))
    )
    + f". Control at the end: {main_control.moments[-1].bits:.2f} bits, "
    f"words {main_control.moments[-1].words:.2f}.",
)

# %%
print("steps  bits a character      real words            sums right")
for i, step in enumerate(MOMENTS):
    shares = [
        spread([at_moments(each, what)[i] for each in main_runs]) for what in Moment._fields[:3]
    ]
    print(f"{step:5}  {shares[0]}   {shares[1]}   {shares[2]}")
end = main_control.moments[-1]
print(f"control {end.bits:.2f} bits, words {end.words:.2f}, sums {end.sums:.2f}")
asked = len(re.findall(r"\d \+ \d =", train_text))
print(f"sums written like ours in the training text: {asked}")
print(
    f"always 9: {always_9:.2f}; training took {spread([each.seconds for each in main_runs], '.0f')} s"
)
words_rise = all(
    each.moments[0].words < each.moments[2].words < each.moments[3].words
    and all(a > b for a, b in pairwise(at_moments(each, "bits")))
    and end.words < 0.05
    for each in main_runs
)
sums_come = all(each.moments[-1].sums >= 2 * always_9 for each in main_runs)
print(f"words rise as the loss falls: {words_rise}; sums come with it: {sums_come}")

# %% [markdown]
# **Explain.** Why words, and not sums?
#
# <details><summary>Our explanation</summary>
#
# Guessing the next letter of a word pays on nearly every character, so what helps there is learned first. How often does the manual ask for a sum? The count is printed above. A model learns what lowers the loss, and nobody
# pays it for sums.
#
# Large models are asked everything that people write about. Whether predicting it *well enough* makes them generally intelligent, no small model can tell.
# </details>

# %% [markdown]
# ### Has it beaten counting?
#
# Beside the GPT stand the n-grams of section 1. And a mixture: half the probability from each.

# %%
is_fresh = fresh[1:]
compared: dict[str, list[tuple[float, float]]] = {"n-grams": [], "GPT": [], "half and half": []}
for each in main_runs:
    given = given_to(each.model, held_out)
    counted = given_ngram[: len(given)]
    for name, p in zip(compared, (counted, given, (counted + given) / 2)):
        compared[name].append((bits(p), bits(p[is_fresh[: len(p)]])))
for name, scores in compared.items():
    all_bits, fresh_bits = ([score[i] for score in scores] for i in (0, 1))
    print(
        f"{name:14} {spread(all_bits, '.3f')} bits a character; fresh {spread(fresh_bits, '.3f')}"
    )

# %% [markdown]
# **Explain.** Has it? Look at the last column as well. What does each know that the other does not?
#
# <details><summary>Our explanation</summary>
#
# Not on all of the held-out text. The n-grams know every passage by heart after one reading, and a manual repeats its phrases. The GPT has read less than the whole text once, and holds it in fewer numbers; but it can treat
# alike what is alike. On fresh text, where the mixture is better than either, each knew something that the other did not.
#
# On a text of this size, counting is hard to beat after seconds of training. On a large one most long contexts are new, and there is nothing to count. Section 5 gives the GPT tables of n-grams of its own.
# </details>

# %% [markdown]
# **With a GPU** the next cell trains a larger model by the same functions. Without one it prints a line.


# %%
def train_large(device: str, D: int, steps: int, B: int, T: int) -> float:
    """Train a GPT of six layers, with dropout since it reads the text many times; its bits."""
    model = new_gpt(0, D=D, layers=6, H=max(1, D // 64), dropout=0.2).to(device)
    rates = Rates(vectors=0.01, head=0.005, weight_decay=0.1)
    bar = progress(range(steps), "a larger model")
    train_gpt(
        model,
        pieces(train.to(device), B, T),
        steps,
        0,
        rates=rates,
        after=lambda *_: bar.update(),
    )
    bar.close()
    return bits(given_to(model, held_out.to(device), T).cpu())


if torch.cuda.is_available():
    print(
        f"width 384, six layers: {train_large('cuda', 384, 2000, 64, 256):.3f} bits a character"
    )
else:
    print("no GPU here")

# %% [markdown]
# ## 5 · What each ingredient buys (claim 3.5)
#
# Claim 3.5: better training beats more parameters; a small model can pass a large one. Here are the ingredients of this recipe, taken away or added one at a time. The base model is half as wide as before, with a quarter of the block weights. All train
# for the same number of steps, unless it says otherwise.
#
# - **AdamW for all**: no Muon. (Its rate was chosen by trial, the best of three.)
# - **Without norms** in the blocks and before the head (queries and keys keep theirs).
# - **Twice the width, a quarter of the steps**: a step costs about four times as much, so both take the same number of operations.
# - **n-gram tables**: a vector each for the last two, three and four characters, looked up and added to that of the token (Huang et al. 2025 do so with large models). Many parameters, few operations.
# - **16-bit numbers** (bfloat16) in the matrix products, for 60 steps; beside it 60 steps in 32 bits. What it saves depends on the processor.
# - **1½ times the width**, as many steps: 2¼ times the block weights. Once with the whole recipe, once with AdamW for all.
#
# **Rule:** an ingredient *helps* if in every seed the loss is higher without it (for the tables: lower with them). Claim 3.5 is *shown* if the small model with the whole recipe has a lower loss, in every seed, than the wider
# model with AdamW. It holds *without a condition* only if the large model with the whole recipe is no better than the small one.
#
# **Predict.** Which change costs most? And does the small model pass the large one?

# %%
guess_costliest = None  # one of the names below


# %%
class Plan(NamedTuple):
    """How one model of the table is built and trained."""

    D: int = 32
    steps: int = 250
    rates: Rates = MUON
    tables: tuple[int, ...] = ()
    norms: bool = True
    bfloat16: bool = False


ADAMW = Rates(matrices=0.004, muon=False)
PLANS = {
    "the whole recipe": Plan(),
    "AdamW for all": Plan(rates=ADAMW),
    "without norms": Plan(norms=False),
    "twice the width, ¼ of the steps": Plan(D=64, steps=62),
    "with n-gram tables": Plan(tables=(8192, 8192, 8192)),
    "60 steps, 32 bits": Plan(steps=60),
    "60 steps, 16 bits": Plan(steps=60, bfloat16=True),
    "1½ times the width": Plan(D=48),
    "1½ times the width, AdamW": Plan(D=48, rates=ADAMW),
}


class Made(NamedTuple):
    bits: float
    fresh: float
    seconds: float
    parameters: int


def build(plan: Plan, seed: int) -> GPT:
    norms = norm if plan.norms else nn.Identity()
    return new_gpt(seed, D=plan.D, H=plan.D // 16, tables=plan.tables, norm=norms)


def make(plan: Plan, model: GPT, seed: int) -> Made:
    """Train by the plan and score on the held-out text."""
    took = train_gpt(
        model, pieces(train), plan.steps, seed, rates=plan.rates, bfloat16=plan.bfloat16
    )
    given = given_to(model, held_out)
    parameters = sum(p.numel() for p in model.parameters())
    return Made(bits(given), bits(given[fresh[1 : len(given) + 1]]), took, parameters)


# %%
names = [name for name in PLANS for _ in SEEDS]
found = side_by_side(
    [partial(make, plan, build(plan, seed), seed) for plan in PLANS.values() for seed in SEEDS],
    "ingredients",
)
made: dict[str, list[Made]] = defaultdict(list)
for name, one in zip(names, found):
    made[name].append(one)

# %%
recipe_made = made["the whole recipe"]


def change(name: str, against: str = "the whole recipe") -> list[float]:
    """How many bits more than another plan, seed by seed."""
    return [one.bits - other.bits for one, other in zip(made[name], made[against])]


changes = {name: change(name) for name in PLANS if not name.startswith("60")}
changes["60 steps, 16 bits"] = change("60 steps, 16 bits", "60 steps, 32 bits")
print(f"{'':32} parameters  seconds  ms a step  bits a character       fresh")
for name, runs_made in made.items():
    took = mean(one.seconds for one in runs_made)
    print(
        f"{name:32} {runs_made[0].parameters:10,} {took:8.1f} {took / PLANS[name].steps * 1e3:10.1f}"
        f"  {spread([one.bits for one in runs_made], '.3f')}  {mean(one.fresh for one in runs_made):.3f}"
    )

# %%
figure, axis = plt.subplots(figsize=(9, 3.8))
rows = [name for name in changes if name != "the whole recipe"]
for at, name in enumerate(rows):
    axis.barh(at, mean(changes[name]), color=RED if mean(changes[name]) > 0 else GREEN)
    axis.plot(changes[name], [at] * len(SEEDS), "k.", markersize=5)
axis.set_yticks(
    range(len(rows)), [f"{name}*" if name.startswith("60") else name for name in rows]
)
axis.invert_yaxis()
axis.axvline(0, color="black", linewidth=1)
axis.set(
    xlabel="bits a character more than the whole recipe (dots: seeds; *than 60 steps in 32 bits)"
)
axis.set_title("What each change costs (red) or buys (green)")
show(
    figure,
    alt="Bits a character more than the whole recipe: "
    + "; ".join(f"{name} {spread(values, '.3f')}" for name, values in changes.items()),
)
costliest = max(rows, key=lambda name: mean(changes[name]))
small_passes = all(
    one.bits < other.bits for one, other in zip(recipe_made, made["1½ times the width, AdamW"])
)
large_no_better = all(
    one.bits >= w.bits for one, w in zip(made["1½ times the width"], recipe_made)
)
print(
    f"costs most: {costliest}" + (f"; your guess: {guess_costliest}" if guess_costliest else "")
)
print(f"the small model with the whole recipe passes the large one with AdamW: {small_passes}")
print(
    f"the large model with the whole recipe is no better than the small one: {large_no_better}"
)

# %% [markdown]
# **Explain.** "Twice the width, ¼ of the steps" took as many operations as the whole recipe. Why is its loss so much higher?
#
# <details><summary>Our explanation</summary>
#
# So early in training, steps are what is missing, and a narrow model takes more of them for the same work. Section 6's right panel shows both sides: with little compute the small sizes are best, with more the larger ones.
#
# By operations the two are equal; look at the seconds. Small matrices keep a processor less busy, so by the clock the wide one is cheaper than it looks here.
# </details>

# %% [markdown]
# **Explain.** What do the tables do that hold most of the parameters and cost hardly a multiplication? What did norms and 16-bit numbers bring?
#
# <details><summary>Our explanation</summary>
#
# The tables give the first layer what attention would have to learn: which characters came just before. It is section 1's counting, trained along with the rest. Looking up and updating rows is not free: compare the milliseconds.
#
# Norms did not help here, where the bars say so: a few layers and steps are too little for what norms prevent. (Queries and keys keep theirs.) 16-bit numbers cost no loss in 60 steps; what they save depends on the processor, and
# on one without fast 16-bit products for small matrices they cost time.
# </details>

# %% [markdown]
# **Against a published recipe.** nanoGPT (Karpathy 2022) gives a recipe for a laptop's CPU: 4 layers, width 128, 2,000 steps with AdamW, on the works of Shakespeare. The repository's benchmark runs it and this lesson's
# recipe on the same machine, text and core: `python -m course benchmark --help`. `docs/benchmark.md` has the figures.

# %% [markdown]
# ## 6 · Scaling (claims 3.2 and 3.4)
#
# Larger models, more text, more computing: the loss falls. Kaplan et al. (2020) found that it falls by rule. A **scaling law** (缩放定律) is such a rule, found in small models and
# extended to large ones. Three rules to compare, N the number of weights:
#
# | | loss | each tenfold of N |
# | --- | --- | --- |
# | straight line | u - v ln N | takes off the same *amount* |
# | power law (幂律) | A N^(-b) | takes off the same *share* |
# | power law with a floor | E + A N^(-b) | takes off the same share of what is *above E* |
#
# The first is claim 3.2: quality grows in even steps while N is multiplied. Its loss would fall below zero at some N. The second is Kaplan's. The third is Hoffmann's (2022): E is what no weights can take away, because
# text cannot be predicted perfectly, or because there was too little training.

# %% [markdown]
# Six sizes of the GPT, wider and deeper together. N counts the weights in the blocks, as Kaplan does: twelve matrices of D x D a block. The sixth is kept back.
#
# Each size is trained with three budgets of steps, each three times the one before, with three seeds. A step reads 512 characters; the largest budget reads less than the training text once. So a larger budget is at the same
# time more *data*. The **compute** (计算量) of a run is about 6 N operations for each token read: two for each weight on the way forward, four on the way back. *Best runs* are those that no run with as little compute beats.

# %%
SIZES: tuple[tuple[int, int], ...] = (
    (16, 1),
    (24, 1),
    (32, 2),
    (48, 2),
    (64, 3),
    (96, 4),
)  # (width, layers)
BUDGETS = (36, 108, 324)  # steps
CONTEXT, TEXTS = 64, 8  # a batch: 8 texts of 64 characters
WEIGHTS = torch.tensor([12.0 * D * D * layers for D, layers in SIZES], dtype=torch.double)


def sized(V: int, D: int, layers: int, seed: int) -> GPT:
    """A GPT with heads of 16 numbers (24 at width 24)."""
    return new_gpt(seed, V, D, layers=layers, H=max(1, D // 16))


for (D, layers), N in zip(SIZES, WEIGHTS.tolist()):
    model = sized(V, D, layers, 0)
    counted = sum(p.numel() for p in model.blocks.parameters())
    assert counted == N
    around = sum(p.numel() for p in model.parameters()) - counted
    print(f"width {D:2}, layers {layers}: N = {counted:7,}, embedding and head {around:6,}")


# %%
@torch.no_grad()
def loss_on(model: nn.Module, ids: Tensor) -> float:
    """Nats a character, over every third piece of a text."""
    parts = ids.unfold(0, CONTEXT + 1, 3 * CONTEXT).split(64)
    return sum(loss_of(model, part).item() * len(part) for part in parts) / sum(map(len, parts))


def scaling_job(size: int, steps: int, seed: int, learn: Tensor, test: Tensor) -> Callable:
    model = sized(V, *SIZES[size], seed)

    def job() -> tuple[float, float]:
        spent = train_gpt(model, pieces(learn, TEXTS, CONTEXT), steps, seed)
        return loss_on(model, test), spent

    return job


# %% [markdown]
# **Rule** for 3.2. It is *shown* if multiplying keeps paying: along each of the three axes (weights, data, compute) the loss falls in the lower half and in the upper. It holds *without a condition* only if it pays evenly: on each
# axis a straight line over the logarithm explains at least 0.95 of what varies (of data there are three points, so that says little), and drawn from five sizes it has the sixth within its 95% interval.
#
# **Rule** for 3.4. It is *shown* if in every seed the upper half of the five sizes gains less for each tenfold of N than the lower half. It holds *without a condition* only if so do the later tokens, at every size, and the later compute.
#
# **Control:** the same characters in a random order. There is nothing to learn but how frequent each is, so weights should buy nothing.
#
# **Predict.** The sixth has three times the weights of the fifth. How many nats less will its loss be?

# %%
guess_sixth_gain = None  # for instance 0.1

# %%
mixed_held_out = held_out[
    torch.randperm(len(held_out), generator=torch.Generator().manual_seed(0))
]
keys = [
    (size, steps, seed)
    for steps in BUDGETS[::-1]
    for size in range(4, -1, -1)
    for seed in SEEDS
]
control_keys = [(size, BUDGETS[1], seed) for size in (4, 0) for seed in SEEDS]
jobs = [scaling_job(*key, train, held_out) for key in keys]
jobs += [scaling_job(*key, shuffled, mixed_held_out) for key in control_keys]
results = side_by_side(jobs, "five sizes")
took = sum(spent for _, spent in results)
table = {key: loss for key, (loss, _) in zip(keys, results)}
shuffled_loss = {key: loss for key, (loss, _) in zip(control_keys, results[len(keys) :])}
# (budgets, sizes, seeds)
losses = torch.tensor(
    [[[table[size, steps, seed] for seed in SEEDS] for size in range(5)] for steps in BUDGETS],
    dtype=torch.double,
)
print(f"{len(results)} models, {took:.0f} processor seconds")

# %% [markdown]
# The fits. A straight line and a power law are least squares, the second on logarithms of both. With a floor there is no formula for b: try many, and for each the best E and A follow by least squares.
#
# The interval is a **bootstrap** (自助法): add the misses of the fit, drawn at random, to the fitted losses, fit again, predict again, 500 times; 95% of the predictions lie in the interval. A miss is noise
# between seeds *and* what the curve gets wrong.


# %%
EXPONENTS = torch.linspace(0.02, 2, 199, dtype=torch.double)


def line(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Height at 0 and slope of the least-squares lines through y (n, R) over x (n,)."""
    solution = torch.linalg.lstsq(torch.stack([torch.ones_like(x), x], dim=1), y).solution
    return solution[0], solution[1]


def straight(N: Tensor, y: Tensor) -> tuple[Callable, Tensor]:
    u, v = line(N.log(), y)
    return lambda at: u + v * at.log()[:, None], v


def power(N: Tensor, y: Tensor) -> tuple[Callable, Tensor]:
    log_A, slope = line(N.log(), y.log())
    return lambda at: (log_A + slope * at.log()[:, None]).exp(), -slope


def with_floor(N: Tensor, y: Tensor) -> tuple[Callable, Tensor]:
    unit = N[0]  # so that the numbers stay near 1
    x = (N / unit) ** -EXPONENTS[:, None]  # (exponents, n)
    X = torch.stack([torch.ones_like(x), x], dim=-1)
    solution = torch.linalg.pinv(X) @ y  # (exponents, 2, R)
    best = (X @ solution - y).square().sum(1).argmin(0)
    (E, A), b = solution[best, :, torch.arange(y.shape[1])].T, EXPONENTS[best]
    return lambda at: E + A * (at[:, None] / unit) ** -b, torch.stack([b, E])


FORMS = {
    "straight line": (straight, 2),
    "power law": (power, 2),
    "with a floor": (with_floor, 3),
}

# %%
Interval = tuple[float, float]


def between(values: Tensor) -> Interval:
    low, high = values.quantile(torch.tensor([0.025, 0.975], dtype=torch.double)).tolist()
    return low, high


def fit_and_predict(form: str, N: Tensor, y: Tensor, at: Tensor) -> dict:
    """y (n,) fitted over N (n,): curve, misses, what it says of a new run at `at`, all with intervals."""
    fit, free = FORMS[form]
    curve, parameters = fit(N, y[:, None])
    misses = y - curve(N)[:, 0]
    generator = torch.Generator().manual_seed(0)
    n = len(y)
    # A fit with p free numbers comes closer to n points than the truth does.
    wider = misses * (n / (n - free)) ** 0.5
    noise = wider[torch.randint(n, (n, 500), generator=generator)]
    again, each = fit(N, curve(N) + noise)
    new = again(at)[0] + wider[torch.randint(n, (500,), generator=generator)]
    each = each if each.ndim == 2 else each[None]
    return {
        "curve": lambda x: curve(x)[:, 0],
        "parameters": parameters.flatten().tolist(),
        "parameter intervals": [between(row) for row in each],
        "prediction": curve(at)[0, 0].item(),
        "interval": between(new),
        "miss": misses.square().mean().sqrt().item(),
        "explained": 1 - (misses.var() / y.var()).item(),
    }


# %%
five, sixth = WEIGHTS[:5], WEIGHTS[5:]
fits = {
    form: fit_and_predict(form, five.repeat_interleave(len(SEEDS)), losses[-1].flatten(), sixth)
    for form in FORMS
}
print(f"From five sizes, {BUDGETS[-1]} steps each. The sixth will have a loss of")
for form, fit in fits.items():
    low, high = fit["interval"]
    print(
        f"  {form:14} {fit['prediction']:.4f} ({low:.4f} to {high:.4f}); misses the five by "
        f"{fit['miss']:.3f}, explains {fit['explained']:.3f}"
    )
b_low, b_high = fits["power law"]["parameter intervals"][0]
print(f"power law: b = {fits['power law']['parameters'][0]:.3f} ({b_low:.3f} to {b_high:.3f})")
for name, value, (low, high) in zip(
    ("b", "E"), fits["with a floor"]["parameters"], fits["with a floor"]["parameter intervals"]
):
    print(f"with a floor: {name} = {value:.3f} ({low:.3f} to {high:.3f})")

# %% [markdown]
# Now, and not before, the sixth is trained.

# %%
sixth_runs = side_by_side([scaling_job(5, BUDGETS[-1], SEEDS[0], train, held_out)], "the sixth")
sixth_loss = sixth_runs[0][0]
held = {
    form: fit["interval"][0] <= sixth_loss <= fit["interval"][1] for form, fit in fits.items()
}
print(f"the sixth: {sixth_loss:.4f}, {sixth_runs[0][1]:.0f} s")
for form, fit in fits.items():
    off = sixth_loss - fit["prediction"]
    print(f"  {form:14} off by {off:+.4f}; within its interval: {held[form]}")

# %%
# Compute: 6 N operations a token. The frontier: runs that no run with as little compute beats.
means = losses.mean(-1)  # (budgets, sizes)
tokens_read = torch.tensor(BUDGETS, dtype=torch.double) * CONTEXT * TEXTS
compute = 6 * tokens_read[:, None] * WEIGHTS[:5]
points = sorted(zip(compute.flatten().tolist(), means.flatten().tolist()))
frontier = [
    p for i, p in enumerate(points) if p[1] < min((q[1] for q in points[:i]), default=9)
]
frontier_C, frontier_L = torch.tensor(frontier, dtype=torch.double).T
compute_fit = fit_and_predict("power law", frontier_C, frontier_L, frontier_C[-1:])

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
left.plot(five, means[-1], "o", color=BLUE, label=f"{BUDGETS[-1]} steps, mean")
left.plot(five, losses[-1], ".", color=BLUE, alpha=0.5, markersize=4)
grid = torch.logspace(3.4, 5.8, 60, dtype=torch.double)
for (form, fit), style, offset in zip(fits.items(), (":", "--", "-"), (0.94, 1, 1.06)):
    left.plot(grid, fit["curve"](grid), style, color="black", linewidth=1, label=form)
    left.plot([sixth.item() * offset] * 2, fit["interval"], color="black", linestyle=style)
left.plot(sixth, [sixth_loss], "D", color=RED, label="the sixth, trained last")
if guess_sixth_gain is not None:
    draw_guess(left, means[-1, -1].item() - guess_sixth_gain, at=sixth.item())
left.set(xscale="log", xlabel="weights in the blocks, N", ylabel="loss (nats a character)")
left.set_title("More weights")
left.legend(fontsize=8, loc="lower left")
for size in range(5):
    shade = plt.cm.viridis(size / 5)
    right.plot(
        compute[:, size], means[:, size], "o-", color=shade, label=f"N = {five[size]:,.0f}"
    )
wide = torch.logspace(
    math.log10(frontier_C[0]), math.log10(frontier_C[-1]), 60, dtype=torch.double
)
right.plot(wide, compute_fit["curve"](wide), "k--", label="power law, best runs")
right.set(xscale="log", xlabel="compute, 6 N x tokens (operations)", title="More compute")
right.legend(fontsize=8)
show(
    figure,
    alt="Left: loss over weights on a logarithmic axis; it falls from "
    f"{means[-1, 0]:.2f} to {means[-1, 4]:.2f}, and the sixth size has {sixth_loss:.3f}; predicted: "
    + ", ".join(f"{form} {fit['prediction']:.3f}" for form, fit in fits.items())
    + ". Right: the same runs over compute, each size a curve, with a dashed power law through the best runs.",
)


# %% [markdown]
# What does a tenfold buy? Along each axis, once in its lower half and once in its upper half:


# %%
def a_tenfold(x: Tensor, y: Tensor) -> tuple[float, float]:
    """What ten times as much takes off the loss: in the lower and in the upper half."""
    half = len(x) // 2
    gain = [
        ((y[a] - y[b]) / (x[b] / x[a]).log10()).item()
        for a, b in ((0, half), (half, len(x) - 1))
    ]
    return gain[0], gain[1]


def explained_by_line(x: Tensor, y: Tensor) -> float:
    return fit_and_predict("straight line", x, y, x[:1])["explained"]


by_weights = [a_tenfold(five, losses[-1, :, i]) for i in range(len(SEEDS))]
by_data = [a_tenfold(tokens_read, means[:, size]) for size in range(5)]
by_compute = a_tenfold(frontier_C, frontier_L)
log_gains = [a_tenfold(five, losses[-1, :, i].log()) for i in range(len(SEEDS))]
for name, pairs in (
    ("weights (three seeds)", by_weights),
    ("data (five sizes)", by_data),
    ("compute (best runs)", [by_compute]),  # one row of runs, so no spread
):
    print(
        f"{name:22} ten times takes off {spread([p[0] for p in pairs])} nats in the lower half, "
        f"{spread([p[1] for p in pairs])} in the upper"
    )
for N, (lower, upper) in zip(five.tolist(), by_data):
    print(f"  data, N = {N:7,.0f}: {lower:.2f} and {upper:.2f}; less: {upper < lower}")
as_shares = [[1 - math.exp(-pair[half]) for pair in log_gains] for half in (0, 1)]
print(f"as a share of the loss {spread(as_shares[0])} and {spread(as_shares[1])} (weights)")
last_gain = ((means[-1, 4] - sixth_loss) / (sixth / five[4]).log10()).item()
print(f"from the fifth size to the sixth, one seed: {last_gain:.2f} nats for ten times")
control_gain = [
    shuffled_loss[0, BUDGETS[1], s] - shuffled_loss[4, BUDGETS[1], s] for s in SEEDS
]
text_gain = (losses[1, 0] - losses[1, 4]).tolist()
print(
    f"from the least to the fifth size, {BUDGETS[1]} steps: {spread(text_gain)} nats; characters in a random "
    f"order: {spread(control_gain, '.3f')}"
)

# %%
line_explains = {
    "weights": explained_by_line(five, means[-1]),
    "data": min(explained_by_line(tokens_read, means[:, size]) for size in range(5)),
    "compute": explained_by_line(frontier_C, frontier_L),
}
print("explained by a straight line over the logarithm:", end=" ")
print(", ".join(f"{name} {value:.3f}" for name, value in line_explains.items()))

# %% [markdown]
# **Explain.** Three curves fit the five sizes about equally well to the eye, and part ways at the sixth. Did any keep its promise? Which would you trust at a thousand times the weights? And whose fault is the bend: the weights', or the budget's?
#
# <details><summary>Our explanation</summary>
#
# The line ends below zero somewhere, so it cannot be the law. Over the sizes that it was fitted to, it is hardly worse than the others; look at what each form missed at the sixth, and on which side.
#
# Why can a 95% interval miss? It holds the noise and the misses *inside* the range, as if the form were right beyond it. Nothing inside the range can tell that it is not. And E is hardly known from so short a
# range: look at its interval.
#
# What bends the curve? This run cannot separate three things. The budget: all sizes read equally many characters, and the larger ones have not finished (right panel). The learning rates: one set for all sizes. The text:
# half a million characters hold a limited amount to learn. Hoffmann et al. (2022) therefore let weights and data grow together, and fitted the schedule to each run.
#
# More data: the small sizes gain less from the later characters; the largest may not. They are short of data, not of weights.
#
# Above all, a law fitted to small models is a bet on large ones. Kaplan's exponents, from up to 1.5 billion weights, said that data should grow more slowly than weights; Hoffmann's said equally fast, and Chinchilla,
# 70 billion weights trained that way, passed Gopher with 280 billion.
# </details>

# %% [markdown]
# ## 7 · Emergence (claim 3.3)
#
# **Emergence** (涌现) is the name for an ability that is absent in small or little-trained models and there, suddenly, in larger ones (Wei et al. 2022). Schaeffer et al. (2023) asked whether the jump is in the model or in the *measure*. An answer of K
# tokens counts as right only if all K are. If each is right with probability p, independently, the whole is right with p^K. Let p climb steadily, and p^K still lies at zero for long and then shoots up.
#
# To see which it is, measure both in the same run.

# %%
figure, axis = plt.subplots(figsize=(8, 3))
steady = torch.linspace(0, 1, 101)
for K, color in ((1, GREY), (2, GREEN), (4, ORANGE), (8, BLUE), (16, PURPLE)):
    axis.plot(steady, steady**K, color=color, label=f"K = {K}")
axis.set(xlabel="p, share of tokens right", ylabel="p^K, share of answers right")
axis.set_title("The same progress, measured in whole answers")
axis.legend()
show(
    figure,
    alt="p to the power K over p: a diagonal for K = 1, ever later and steeper for K = 2 to 16.",
)

# %% [markdown]
# The task: a dictionary of made-up words, which the model has to learn by heart. A text is K words, a mark, and their K translations:
#
# `17 4 203 9 ... > 88 150 31 2 ...`
#
# As in a language, some words are frequent and most are rare: the word of rank r comes up in proportion to 1/r (Zipf's law, 齐夫定律). The frequent ones are learned first, the rare ones late.
#
# The control: each text gets the translations of another text. The model can learn how frequent they are, and no more.

# %%
WORDS, LONG, STEPS_7 = 256, 16, 330
MARK = WORDS  # the token between words and translations
frequency = 1 / (1 + torch.arange(WORDS).float())
dictionary = torch.randperm(WORDS, generator=torch.Generator().manual_seed(0))


def translations(generator: torch.Generator, count: int, shuffled: bool = False) -> Tensor:
    """(count, 2 LONG + 1): words, the mark, translations."""
    words = torch.multinomial(frequency, count * LONG, True, generator=generator)
    words = words.view(count, LONG)
    answers = dictionary[words]
    if shuffled:
        answers = answers.roll(1, dims=0)
    return torch.cat([words, torch.full((count, 1), MARK), answers], dim=1)


moments = sorted({round(STEPS_7 * 2 ** (-i / 3)) for i in range(18)})  # even on a log axis
lengths = (1, 2, 4, 8, LONG)
tests = translations(torch.Generator().manual_seed(12345), 300)

# %% [markdown]
# Measured at each moment: the **loss**; p, the share of tokens right (the likeliest token is the right one); and for each K the share of answers of K tokens in a row that are all right.


# %%
def in_a_row(right: Tensor, K: int) -> float:
    """Share of runs of K tokens that are all right; right: (B, T) booleans."""
    return right.unfold(1, K, 1).all(-1).double().mean().item()


def translate_job(seed: int, shuffled: bool) -> Callable:
    model = sized(WORDS + 1, 32, 1, seed)
    seen: list[dict] = []

    @torch.no_grad()
    def watch(step: int, _: float) -> None:
        if step in moments:
            scores = model(tests[:, :-1])[0][:, -LONG:]
            right = scores.argmax(-1) == tests[:, -LONG:]
            loss = F.cross_entropy(scores.flatten(0, 1), tests[:, -LONG:].flatten()).item()
            seen.append({"loss": loss} | {K: in_a_row(right, K) for K in lengths})

    def job() -> list[dict]:
        def draw(generator: torch.Generator) -> Tensor:
            return translations(generator, 48, shuffled)

        train_gpt(model, draw, STEPS_7, seed, answers=LONG, after=watch)
        return seen

    return job


# %% [markdown]
# How sudden is a rise? Take the steps at which a measure has gone a tenth and nine tenths of the way from where guessing gets it (the control's last value) to its own last value. **Rise** is the second divided by the first. At 1 both are the same step, a jump; at 10 the
# second is ten times the first. It says *times as many steps*, since claims of emergence are drawn over a logarithmic axis.
#
# **Rule.** A jump is *shown* if in every seed the whole answer (K = 16) is right in fewer than 1 of 100 cases when half of p's way is done, and ends above a half. It holds *without a condition* only if the jump is in the model and not only in the
# measure: on average over the seeds p itself rises as fast, within a factor of 1.5 of the rise of the whole answer, and p^K misses the measured share by more than 0.1 somewhere.
#
# **Predict.** When half of the tokens are right, p = 0.5, what share of answers of 16 tokens will be right? And p, when half of those answers are right?

# %%
guess_p_at_half = None  # for instance 0.8


# %%
def crossing(values: Sequence[float], level: float, steps: Sequence[int]) -> float:
    """The step, between moments on a log axis, at which `values` first reaches `level`."""
    at = next(i for i, value in enumerate(values) if value >= level)
    if at == 0:
        return steps[0]
    part = (level - values[at - 1]) / (values[at] - values[at - 1])
    return steps[at - 1] * (steps[at] / steps[at - 1]) ** part


def rise(values: Sequence[float], low: float, steps: Sequence[int]) -> tuple[float, float]:
    """Steps to a tenth of the way up from `low`, and how many times as many to nine tenths."""
    way = values[-1] - low
    early, late = (crossing(values, low + share * way, steps) for share in (0.1, 0.9))
    return early, late / early


# %%
jobs = [translate_job(seed, shuffled) for shuffled in (False, True) for seed in SEEDS]
results = side_by_side(jobs, "translating")
runs_7, control_7 = results[: len(SEEDS)], results[len(SEEDS) :]


def along(run: list[dict], key: object) -> list[Any]:
    """One measure at all moments."""
    return [row[key] for row in run]


guessing = {K: mean(along(run, K)[-1] for run in control_7) for K in lengths}
rises = {K: [rise(along(run, K), guessing[K], moments) for run in runs_7] for K in lengths}

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
colors = dict(zip(lengths, (GREY, GREEN, ORANGE, BLUE, PURPLE)))
for K in lengths:
    for run in runs_7:
        left.plot(moments, along(run, K), color=colors[K], linewidth=1.2)
        if K > 1:
            left.plot(
                moments, [p**K for p in along(run, 1)], ".", color=colors[K], markersize=4
            )
    left.plot([], [], color=colors[K], label="tokens, p" if K == 1 else f"answers of {K}")
left.plot([], [], "k.", markersize=4, label="p^K, predicted")
for run in control_7:
    left.plot(moments, along(run, 1), ":", color=RED, linewidth=1)
left.plot([], [], ":", color=RED, label="p, control")
left.set(xscale="log", xlabel="steps of training", ylabel="share right", title="Shares right")
left.legend(fontsize=8)
for run in runs_7:
    right.plot(moments, along(run, "loss"), color=BLUE)
for run in control_7:
    right.plot(moments, along(run, "loss"), ":", color=RED)
right.plot([], [], color=BLUE, label="translations")
right.plot([], [], ":", color=RED, label="shuffled (control)")
right.set(xscale="log", xlabel="steps of training", ylabel="loss (nats a token)", title="Loss")
right.legend(fontsize=8)
if guess_p_at_half is not None:
    left.axhline(guess_p_at_half, color="black", linestyle=":")
    left.annotate("your guess for p", (moments[0], guess_p_at_half))
show(
    figure,
    alt="Left: share of tokens right stays near the control's, then climbs; answers of 2, 4, 8 and 16 tokens climb later "
    f"and more steeply, on the dots of p to the power K. At the end p is {mean(along(run, 1)[-1] for run in runs_7):.2f}, "
    f"answers of 16 {mean(along(run, LONG)[-1] for run in runs_7):.2f}. Right: the loss falls smoothly; the control's stays high.",
)

# %%
for K in lengths:
    early, times = zip(*rises[K])
    print(
        f"K = {K:2}: a tenth of its way at step {spread(early, '.0f')}, nine tenths after "
        f"{spread(times, '.1f')} times as many"
    )
p_at_half, at_half_way, misses_7 = [], [], []
for run in runs_7:
    p, whole = along(run, 1), along(run, LONG)
    half_way = crossing(p, (guessing[1] + p[-1]) / 2, moments)
    at_half_way.append(
        max((w for w, step in zip(whole, moments) if step <= half_way), default=0)
    )
    there = crossing(whole, 0.5 * whole[-1], moments)
    i = next(i for i, step in enumerate(moments) if step >= there)
    part = math.log(there / moments[i - 1]) / math.log(moments[i] / moments[i - 1])
    p_at_half.append(p[i - 1] + part * (p[i] - p[i - 1]))
    misses_7.append(max(abs(w - q**LONG) for q, w in zip(p, whole)))
print(f"answers of {LONG} right when p has gone half its way: {spread(at_half_way, '.3f')}")
print(
    f"p when half of those answers are right: {spread(p_at_half)}; independence says {0.5 ** (1 / LONG):.2f}"
)
print(f"largest difference between answers of {LONG} and p^{LONG}: {spread(misses_7, '.3f')}")
ends = [along(run, LONG)[-1] for run in runs_7]
print(
    f"at the end: p {spread([along(r, 1)[-1] for r in runs_7])}, answers of {LONG} {spread(ends)}; ",
    end="",
)
print(f"control p {spread([along(r, 1)[-1] for r in control_7])}")

# %% [markdown]
# **Explain.** After a first small rise p stands still for a while: the model gives the most frequent translation, as the control does to the end. What may it be learning then? And why do the dots lie on the curves?
#
# <details><summary>Our explanation</summary>
#
# Two things must be learned: *where* to look (each place of the answer must attend to the word 16 places back) and *what* the word means. Without the first, the second cannot be practised: the loss stands still, then falls. That
# rise is in the model, and single tokens show it: compare the two rises printed above.
#
# The dots are p^K, which takes the tokens of an answer to be independent. Here they are: words are drawn one by one, and to know one does not help with the next. So the measure moves the rise of the long answers to later
# steps and makes it steeper. It does not make it out of nothing.
# </details>

# %% [markdown]
# In a real text tokens are *not* independent: some words are easy from end to end, others hard. Take a small text model and held-out text, and count K letters in a row, all in one word, that are all right. p is the share of right letters
# in the same places.

# %%
TEXT_STEPS = 240
text_moments = sorted({round(TEXT_STEPS * 2 ** (-i / 2)) for i in range(14)})
text_pieces = held_out.unfold(0, CONTEXT + 1, 3 * CONTEXT)
is_letter = torch.tensor([character.isalpha() for character in chars])
letter_places = is_letter[text_pieces[:, 1:]]


def letters_in_a_row(right: Tensor, K: int) -> tuple[float, float]:
    """Of runs of K letters: the share all right, and the share of single letters right."""
    runs = right.unfold(1, K, 1)[letter_places.unfold(1, K, 1).all(-1)]  # (runs, K)
    return runs.all(-1).double().mean().item(), runs.double().mean().item()


def text_job(seed: int) -> Callable:
    model = sized(V, 48, 2, seed)
    seen: list[dict] = []

    @torch.no_grad()
    def watch(step: int, _: float) -> None:
        if step in text_moments:
            right = model(text_pieces[:, :-1])[0].argmax(-1) == text_pieces[:, 1:]
            seen.append({K: letters_in_a_row(right, K) for K in lengths[:3]})

    def job() -> list[dict]:
        train_gpt(model, pieces(train, TEXTS, CONTEXT), TEXT_STEPS, seed, after=watch)
        return seen

    return job


text_runs = side_by_side([text_job(seed) for seed in SEEDS], "the manual")
text_end = {K: [along(run, K)[-1][0] for run in text_runs] for K in lengths[:3]}
text_power = {K: [along(run, K)[-1][1] ** K for run in text_runs] for K in lengths[:3]}

# %%
figure, axis = plt.subplots(figsize=(8, 3.4))
for K in lengths[:3]:
    for run in text_runs:
        axis.plot(text_moments, [all_right for all_right, _ in along(run, K)], color=colors[K])
        if K > 1:
            powers = [p**K for _, p in along(run, K)]
            axis.plot(text_moments, powers, ":", color=colors[K], linewidth=1.2)
    axis.plot([], [], color=colors[K], label="letters, p" if K == 1 else f"{K} in a row")
axis.plot([], [], "k:", label="p^K")
axis.set(xscale="log", xlabel="steps of training", ylabel="share right")
axis.set_title("Letters of the held-out manual")
axis.legend(fontsize=8)
show(
    figure,
    alt=f"Held-out letters right over steps. At the end {spread(text_end[1])} of single letters; of 4 in a row "
    f"{spread(text_end[4], '.3f')}, where independence would give {spread(text_power[4], '.3f')}.",
)
for K in lengths[1:3]:
    print(
        f"{K} in a row: {spread(text_end[K], '.3f')} right, p^{K} = {spread(text_power[K], '.3f')}"
    )

# %% [markdown]
# Compare the curves with their dotted lines. Where more long runs are right than p^K says, right letters come together: whoever has the beginning of a word has most of the rest. So p^K is a prediction for *independent* tokens, and can miss by a
# large factor where they are not.
#
# Two more warnings. First, not every jump is in the measure: section 8 looks at such a jump, token by token. Second, both papers speak of *sizes* of models. This section looks at the training of one, as the article does ("past a threshold of
# training").

# %% [markdown]
# ## 8 · Learning from the prompt (claim 3.8)
#
# **In-context learning** (上下文学习): what stands in the prompt changes what a model answers, as if it had learned it. No gradient is computed and no weight moves. Lesson 1 found the heads that do the simplest kind of it in SmolLM2:
# *induction heads* (归纳头), which look for the last place where the present token stood, and attend to what came after. Here you grow such a head, and see what it needs.
#
# A text is a random sequence of tokens, no two alike, said over and over. How long the sequence is, 4 to 12 tokens, is drawn for each text anew: else a head could count back by a fixed number of places. In the first lap nothing can be predicted. From
# the second on, everything can, by a model that reads the prompt. The sequences never come back in another text, so there is nothing to remember.

# %%
V_SEQUENCE, LONGEST_LAP, T_LAPS, STEPS_8 = 24, 12, 32, 400


def laps(
    generator: torch.Generator, count: int, lengths: tuple[int, int], same: bool = True
) -> Tensor:
    """(count, T_LAPS + 1): a random sequence again and again, or (control) a fresh one each lap."""
    length = torch.randint(lengths[0], lengths[1] + 1, (count, 1), generator=generator)
    place = torch.arange(T_LAPS + 1)
    lap = (torch.zeros_like(place) if same else place) // length  # (count, T_LAPS + 1)
    most = int(lap.max()) + 1
    order = torch.rand(count, most, V_SEQUENCE, generator=generator).argsort(-1)
    return order[torch.arange(count)[:, None], lap, place % length]


for same in (True, False):
    print(laps(torch.Generator().manual_seed(0), 1, (5, 5), same)[0, :16].tolist())

# %% [markdown]
# One layer against two, and as a control two layers trained on texts in which every lap is a fresh sequence.
#
# Why might one layer not be enough? To find the token *after* the last occurrence, a key must know what stood before it. The first layer can write that into it (a *previous-token head*), and the second can then match it with the present
# token. Olsson et al. (2022) found that models of one layer form no induction heads and models of two do.
#
# **Rule.** Learning from the prompt is *shown* if in every seed, two layers have less than half of the loss from the second lap on ("late") that they have in the first ("early"; with it the first token of the second, since nobody can know yet that a lap is over), the control does not, and no weight changes while they read. It holds *without a condition* only if so
# does one layer, and section 4's model, trained on the manual alone, saves half a nat a letter, on average, on a made-up word that comes back.
#
# **Predict.** Early, nothing can be known but which tokens have been used up. What share of the early loss remains late, with two layers? With one?

# %%
guess_two_layers = None  # for instance 0.5
guess_one_layer = None

# %%
TEST_LAP = 8
lap_test = laps(torch.Generator().manual_seed(12345), 300, (TEST_LAP, TEST_LAP))
moments_8 = sorted({round(STEPS_8 * 2 ** (-i / 3)) for i in range(18)})


@torch.no_grad()
def read(model: nn.Module, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Loss at each place, and whether the likeliest token is right: (B, T) each."""
    scores = model(tokens[:, :-1])[0]
    losses = F.cross_entropy(scores.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return losses.view(len(tokens), -1), scores.argmax(-1) == tokens[:, 1:]


def lap_job(layers: int, same: bool, seed: int) -> Callable:
    model = sized(V_SEQUENCE, 32, layers, seed)
    seen: list[float] = []

    def watch(step: int, _: float) -> None:
        if step in moments_8:
            right = read(model, lap_test)[1]
            seen.append(right[:, TEST_LAP:].double().mean().item())

    def job() -> tuple[GPT, list[float]]:
        def draw(generator: torch.Generator) -> Tensor:
            return laps(generator, 32, (4, LONGEST_LAP), same)

        train_gpt(model, draw, STEPS_8, seed, after=watch)
        return model, seen

    return job


# %%
KINDS = {
    "two layers": (2, True),
    "one layer": (1, True),
    "two layers, no repeat (control)": (2, False),
}
jobs = [lap_job(*kind, seed) for kind in KINDS.values() for seed in SEEDS]
results = side_by_side(jobs, "laps")
grown = {kind: results[i * len(SEEDS) :][: len(SEEDS)] for i, kind in enumerate(KINDS)}


def state(model: nn.Module) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


weights_before = {kind: [state(model) for model, _ in runs] for kind, runs in grown.items()}
by_place = {
    kind: [read(model, lap_test)[0].mean(0) for model, _ in runs]
    for kind, runs in grown.items()
}
for kind, runs in grown.items():
    for old, (model, _) in zip(weights_before[kind], runs):
        assert torch.equal(old, state(model))  # it read 300 prompts, and no weight has moved
early = {
    kind: [run[:TEST_LAP].mean().item() for run in runs] for kind, runs in by_place.items()
}
late = {kind: [run[TEST_LAP:].mean().item() for run in runs] for kind, runs in by_place.items()}

# %% [markdown]
# The model computes its attention in one fused call, which does not return the weights. So they are computed once more, from the queries and keys that each layer's input gives.


# %% name="attention_maps"
@torch.no_grad()
def attention_maps(model: GPT, tokens: Tensor) -> Tensor:
    """The weights of all heads, (layers, B, H, T, T)."""
    inputs: list[tuple] = []
    hooks = [
        block.attention.register_forward_pre_hook(lambda _, given: inputs.append(given))
        for block in model.blocks
    ]
    model(tokens)
    for hook in hooks:
        hook.remove()
    maps = []
    for block, (x, *_) in zip(model.blocks, inputs):
        q, k, v = block.attention.project(x)
        q = q * SCALE / math.sqrt(q.shape[-1])  # lesson 1's attention divides by the other √d
        maps.append(attention(q, k, v, causal_mask(x.shape[1]))[1])
    return torch.stack(maps)


# %%
def head_scores(model: GPT, tokens: Tensor, lap: int) -> dict[str, Tensor]:
    """As in lesson 1, (layers, H): mean weight on the token before, and on what followed last time."""
    maps = attention_maps(model, tokens)
    previous = maps.diagonal(-1, -2, -1)  # weight of t on t - 1
    followed = maps.diagonal(1 - lap, -2, -1)[..., 1:]  # of t on t - lap + 1, from t = lap
    return {
        "previous token": previous.mean(dim=(1, 3)),
        "induction": followed.mean(dim=(1, 3)),
    }


heads = {
    kind: [head_scores(model, lap_test[:100, :-1], TEST_LAP) for model, _ in runs]
    for kind, runs in grown.items()
}

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
STYLES_8 = ((BLUE, "-"), (ORANGE, "--"), (GREY, "-."))
for (kind, runs), (color, style) in zip(by_place.items(), STYLES_8):
    for run in runs:
        left.plot(range(1, T_LAPS + 1), run, style, color=color, linewidth=1.2)
    left.plot([], [], style, color=color, label=kind)
for lap in range(TEST_LAP, T_LAPS, TEST_LAP):
    left.axvline(lap + 0.5, color="black", linestyle=":", linewidth=1)
left.axhline(math.log(V_SEQUENCE), color=GREEN, linestyle="--", linewidth=1, label="ln V")
left.set(xlabel="tokens read", ylabel="loss on the next (nats)", ylim=(0, None))
left.set_title(f"Laps of {TEST_LAP} tokens")
left.legend(fontsize=8, loc="center right", bbox_to_anchor=(1, 0.35))
for (kind, runs), (color, style) in zip(grown.items(), STYLES_8):
    for _, seen in runs:
        right.plot(moments_8, seen, style, color=color, linewidth=1.2)
right.set(xscale="log", xlabel="steps of training", ylabel="late tokens right")
right.set_title("When it is learned")
show(
    figure,
    alt=f"Left: loss by tokens read. With two layers it falls at the start of the second lap, from {spread(early['two layers'])} to "
    f"{spread(late['two layers'])}; with one layer to {spread(late['one layer'])}; the control stays near ln V. Right: share of late tokens "
    "right over steps; two layers rise steeply after a delay, one layer stays low.",
)
for kind in KINDS:
    ratio = [a / b for a, b in zip(late[kind], early[kind])]
    gap = [a - b for a, b in zip(late[kind], early[kind])]
    best = [scores["induction"].max().item() for scores in heads[kind]]
    print(
        f"{kind:31} early {spread(early[kind])}, late {spread(late[kind])}, late minus early {spread(gap)}, "
        f"late / early {spread(ratio)}; best induction score {spread(best)}"
    )
if guess_two_layers is not None or guess_one_layer is not None:
    print("your guesses, late / early:", guess_two_layers, guess_one_layer)

# %%
scores = heads["two layers"][0]
places = {kind: divmod(int(table.argmax()), table.shape[1]) for kind, table in scores.items()}
maps = attention_maps(grown["two layers"][0][0], lap_test[:1, :-1])
figure, axes = plt.subplots(1, 2, figsize=(10, 4.6))
for axis, (kind, (layer_at, head_at)) in zip(axes, places.items()):
    image = axis.imshow(maps[layer_at, 0, head_at], vmin=0, vmax=1, cmap="viridis")
    axis.set_title(f"{kind}: layer {layer_at + 1}, head {head_at + 1}")
    axis.set(xlabel="token looked at", ylabel="token that looks")
    axis.grid(False)
figure.colorbar(image, ax=axes, label="weight")
best_score = {kind: scores[kind].max().item() for kind in places}
show(
    figure,
    alt=f"Attention of two heads on a sequence of {TEST_LAP} tokens said again and again. The best previous-token head (score {best_score['previous token']:.2f}) "
    f"has its weight one place left of the diagonal; the best induction head (score {best_score['induction']:.2f}) has it on stripes "
    f"{TEST_LAP - 1} places back, from the second lap on.",
)
for seed, table in zip(SEEDS, heads["two layers"]):
    for kind, values in table.items():
        at = divmod(int(values.argmax()), values.shape[1])
        print(f"seed {seed}: best {kind} head in layer {at[0] + 1}, score {values.max():.2f}")

# %% [markdown]
# Is it a method, or a memory? Sequences longer than any in training, and texts in which no lap repeats:

# %%
longer = laps(torch.Generator().manual_seed(777), 300, (16, 16))
no_repeat = laps(torch.Generator().manual_seed(778), 300, (TEST_LAP, TEST_LAP), same=False)
two = [model for model, _ in grown["two layers"]]
late_longer = [read(model, longer)[1][:, 16:].double().mean().item() for model in two]
late_same = [read(model, lap_test)[1][:, TEST_LAP:].double().mean().item() for model in two]
late_none = [read(model, no_repeat)[1][:, TEST_LAP:].double().mean().item() for model in two]
late_one = [seen[-1] for _, seen in grown["one layer"]]
print(
    f"late tokens right, two layers: laps of {TEST_LAP} {spread(late_same)}, of 16 {spread(late_longer)}, ",
    end="",
)
print(f"no lap repeats {spread(late_none)}; one layer, laps of {TEST_LAP} {spread(late_one)}")
# Up from what one layer reaches: the part that takes two.
rise_8 = [rise(seen, mean(late_one), moments_8) for _, seen in grown["two layers"]]
print(
    f"two layers: late tokens right rise from one layer's share from step {spread([a for a, _ in rise_8], '.0f')} within "
    f"{spread([b for _, b in rise_8], '.1f')} times as many; section 7's single tokens within "
    f"{spread([b for _, b in rises[1]], '.1f')} times"
)

# %% [markdown]
# **Explain.** One layer, too, does better late, though it has no induction head. What may it do? And why is the loss of two layers *above* ln V in the first lap?
#
# <details><summary>Our explanation</summary>
#
# One layer can see which tokens occur in the prompt, and how far back each of them stands. It can bet on those, above all at the distances that laps often have. It cannot tell which of them is next, since its keys do not know what stood
# before them.
#
# In the first lap the model with two layers does not know that it is in the first lap. In training the sequence had often begun again by now, and it bets on that. A bet that is lost costs more than not to bet.
#
# The rise on the right is in the model: single tokens are measured, no power of K is taken. At first both curves creep up together. Then two layers leave one behind within few steps: each of the two heads is of use only once the
# other is there. So a model can jump, and a measure can sharpen a jump (section 7): look at both in each case.
#
# A method or a memory? The laps of 16 are longer than any in training, and most of their late tokens are right: a method, though not a perfect one. Where no lap repeats, it does no better than chance.
# </details>

# %% [markdown]
# ### And the model of section 4?
#
# It was trained on the manual, which repeats itself as texts do. Give it a made-up word, some words of the held-out manual, and the first two letters of the word again. Does it go on? Loss on the other letters; in the control another made-up word stood there the
# first time.

# %%
LETTERS = torch.tensor([stoi[letter] for letter in "abcdefghijklmnopqrstuvwxyz"])
SPACE = torch.tensor([stoi[" "]])


def made_up(count: int, same: bool, seed: int) -> Tensor:
    """(count, 42): a word of eight letters, 24 characters of the manual, a word of eight letters."""
    generator = torch.Generator().manual_seed(seed)
    words = LETTERS[torch.randint(26, (2, count, 8), generator=generator)]
    starts = torch.randint(len(held_out) - 24, (count, 1), generator=generator)
    space = SPACE.expand(count, 1)
    filler = held_out[starts + torch.arange(24)]
    return torch.cat([words[0 if same else 1], space, filler, space, words[0]], dim=1)


old = state(gpt)
of_word = {
    same: [read(gpt, made_up(300, same, seed))[0][:, -6:].mean(0) for seed in SEEDS]
    for same in (True, False)
}
assert torch.equal(old, state(gpt))
word_loss = {same: [run.mean().item() for run in runs] for same, runs in of_word.items()}
word_gain = [b - a for a, b in zip(word_loss[True], word_loss[False])]
text_places = read(gpt, held_out[: len(held_out) // 65 * 65].view(-1, 65))[0].mean(0)
text_early, text_late = text_places[8:16].mean().item(), text_places[-32:].mean().item()
text_heads = attention_maps(gpt, made_up(100, True, 0)[:, :-1])
stands = torch.arange(34, 41)  # from the first letter of the second word to its seventh
induction_gpt = text_heads[..., stands, stands - 33].mean(dim=(1, 3)).max().item()
print(
    f"a made-up word for the second time: {spread(word_loss[True])} nats a letter; for the first (control): ",
    end="",
)
print(
    f"{spread(word_loss[False])}; gain {spread(word_gain)}; best induction score {induction_gpt:.2f}"
)
print(
    f"the held-out manual: characters 9 to 16 of a text {text_early:.2f} nats, the last 32 of 64 {text_late:.2f}"
)

# %% [markdown]
# **Explain.** What did the manual teach it about repeated words? And why may a letter cost more than ln V, printed in section 3?
#
# <details><summary>Our explanation</summary>
#
# Compare the gain with zero and the induction score with those above. If both are small, its training was too short for an induction head, or the manual repeats too little for one to pay. The same holds for a loss that hardly
# falls along a text. So the ability is not in the architecture: the training text must ask for it.
#
# Over ln V means: worse than even chances for all characters. Probably the model is sure of the manual's words, and a made-up word has none of their letters in their order.
# </details>


# %% [markdown]
# ## 9 · Temperature and top-p
#
# Claim 3.9 says that a model which can make things up can also create, by one and the same mechanism. Where does ours make things up? Where the next token is *drawn*. (A large model can be wrong at its first choice too: then the likeliest token is the false one. That is not tested here.) Two knobs control the draw:
#
# - **Temperature** (温度) τ: the scores are divided by τ before the softmax. Below 1 the likely becomes likelier; at 0 only the first choice is left (greedy, 贪心); above 1 all choices draw level.
# - **Top-p** (核采样; Holtzman et al. 2020): only the likeliest tokens that together reach the probability p can be drawn. The one that crosses p is among them.
#
# By hand, with probabilities 0.5, 0.3, 0.15, 0.05: top-p 0.7 keeps 0.5 and 0.3, since 0.5 alone does not reach 0.7. They are then drawn 5 : 3.


# %% name="draw_token"
def draw_token(
    scores: Tensor, temperature: Tensor, top_p: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Scores (B, V), temperature and top_p (B,) -> one token for each row and its rank, (B, 1)."""
    p = (scores / temperature[:, None].clamp(min=1e-3)).softmax(dim=-1)
    p, ids = p.sort(dim=-1, descending=True)
    likelier = p.cumsum(dim=-1) - p  # what stands before it
    p = torch.where(likelier < top_p[:, None], p, 0.0)
    rank = torch.multinomial(p, 1, generator=generator)  # in proportion; p need not sum to 1
    return ids.gather(1, rank), rank


# %%
four = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(10_000, 4)
for tau, kept in ((1.0, 1.0), (0.5, 1.0), (1.0, 0.7), (0.0, 1.0)):
    settings = torch.full((10_000,), tau), torch.full((10_000,), kept)
    ranks = draw_token(four, *settings, torch.Generator().manual_seed(0))[1]
    shares = ranks[:, 0].bincount(minlength=4) / 10_000
    print(f"τ = {tau}, top-p {kept}:", [round(share, 2) for share in shares.tolist()])

# %% [markdown]
# **What is an error, and what is new?** They must not be the same by definition. An invented word is new too; counting it on both sides would make the claim true by arithmetic. So:
#
# - **False:** the share of words of four letters or more that are not real, as in section 4. The list of real words holds more than the model ever saw, so a real word can be new to the model.
# - **New:** neighbouring words, *both real*, that nowhere follow each other in the training text; each such pair is counted once, out of all pairs. (A text that says the same new thing for ever
#   has said one.)
#
# Yardstick and controls: the manual itself, going on from the same prompts (a person's text); its words shuffled; the n-gram model of section 1.


# %%
learned_pairs = set(pairwise(words_of(train_text)))


def new_and_false(texts: Sequence[str]) -> tuple[float, float]:
    """The share of new pairs and of false words. The first and last word may be cut: left out."""
    new, pairs, written = set(), 0, []
    for text in texts:
        written += long_words(text)
        for pair in pairwise(words_of(text)[1:-1]):
            pairs += 1
            if pair not in learned_pairs and real.issuperset(pair):
                new.add(pair)
    return len(new) / pairs, mean(word not in real for word in written)


# %% [markdown]
# **Rule.** Claim 3.9 is *shown* if, in every seed,
#
# - text drawn as the model says (τ = 1) has over 0.1 more new pairs and over 0.1 more false words than text that always takes the first choice (τ = 0), and
# - one single draw that is not the first choice, with first choices before and after it, makes both likelier (the next experiment).
#
# It holds *without a condition* only if the two come as one: no setting tried has at least three quarters of the new pairs of τ = 1 with at most half of its false words.
# What would refute it: a first-choice text as new as a drawn one, or a draw that brings one of the two without the other.
#
# **Predict.** At which temperature is the share of new pairs highest?

# %%
guess_temperature = None  # for instance 1.0

# %%
ROWS, LENGTH = 24, 128
TEMPERATURES = (0.0, 0.3, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5)
SETTINGS = [(tau, 1.0) for tau in TEMPERATURES] + [(1.0, p) for p in (0.5, 0.7, 0.9)]


def starts_for(seed: int, count: int, length: int) -> tuple[Tensor, Tensor]:
    """Pieces of the held-out text: 32 characters (B, 32), and the `length` that follow them."""
    generator = torch.Generator().manual_seed(seed)
    at = torch.randint(len(held_out) - 32 - length, (count, 1), generator=generator)
    return held_out[at + torch.arange(32)], held_out[at + 32 + torch.arange(length)]


def pick_by(tau: Tensor, p: Tensor, generator: torch.Generator, scores: Tensor) -> Tensor:
    return draw_token(scores, tau, p, generator)[0]


tested: dict[object, list[tuple[float, float]]] = defaultdict(list)
texts: dict[tuple[float, float], list[str]] = defaultdict(list)
for seed in progress(SEEDS, "writing"):
    prompts, human = starts_for(seed, ROWS, LENGTH)
    tau, p = torch.tensor(SETTINGS).repeat_interleave(ROWS, dim=0).unbind(dim=1)
    generator = torch.Generator().manual_seed(seed)
    pick = partial(pick_by, tau, p, generator)
    written = write(gpt, prompts.repeat(len(SETTINGS), 1), LENGTH, pick)
    for setting, rows in zip(SETTINGS, written.split(ROWS)):
        texts[setting] += (new_texts := [decode(row) for row in rows])
        tested[setting].append(new_and_false(new_texts))
    tested["the manual"].append(new_and_false([decode(row) for row in human]))
    words = [word for row in human for word in words_of(decode(row))[1:-1]]
    random.Random(seed).shuffle(words)
    tested["its words shuffled"].append(new_and_false([" ".join(["the", *words, "the"])]))
    rows = write_by_ngrams(ngram, prompts, LENGTH, seed)[:, 32:]
    tested[f"n-grams, order {best_order}"].append(new_and_false([decode(row) for row in rows]))

# %%
by_name = {
    name: [mean(values) for values in zip(*runs)] for name, runs in tested.items()
}  # (new, false), mean over the seeds
along_tau = [by_name[tau, 1.0] for tau in TEMPERATURES]
along_p = [by_name[setting] for setting in SETTINGS if setting[1] < 1] + [by_name[1.0, 1.0]]
for name, runs in tested.items():
    label = name if isinstance(name, str) else f"τ = {name[0]:g}, top-p {name[1]:g}"
    new, false = zip(*runs)
    print(f"{label:22} new {spread(new)}, false {spread(false)}")

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.9))
for column, color, label in ((0, BLUE, "new pairs"), (1, RED, "false words")):
    for seed in range(len(SEEDS)):
        runs = [tested[tau, 1.0][seed][column] for tau in TEMPERATURES]
        axes[0].plot(TEMPERATURES, runs, ".", color=color, alpha=0.5)
    axes[0].plot(TEMPERATURES, [v[column] for v in along_tau], color=color, label=label)
    axes[0].axhline(by_name["the manual"][column], color=color, linestyle=":")
axes[0].set(xlabel="temperature τ", ylabel="share", ylim=(0, None))
axes[0].set_title("Along the temperature (dotted: the manual)", fontsize=10)
if guess_temperature is not None:
    axes[0].axvline(guess_temperature, color="black", linestyle=":", linewidth=1.5)
axes[0].legend(fontsize=8)
axes[1].plot(*zip(*[(false, new) for new, false in along_tau]), "o-", color=BLUE, label="τ")
axes[1].plot(*zip(*[(false, new) for new, false in along_p]), "s--", color=GREEN, label="top-p")
for name, (new, false) in by_name.items():
    if isinstance(name, str):
        axes[1].plot(false, new, "*", color=ORANGE, markersize=12)
        label, color, offset = name, "black", (-5, 9) if false < 0.2 else (7, -12)
    elif name[1] == 1:
        label, color, offset = f"τ {name[0]:g}", BLUE, (4, -10)
    else:
        label, color, offset = f"p {name[1]:g}", GREEN, (8, -7) if name[1] < 0.9 else (-8, 7)
    axes[1].annotate(
        label,
        (false, new),
        fontsize=8,
        color=color,
        xytext=offset,
        textcoords="offset points",
    )
axes[1].set(xlabel="share of words that are false", ylabel="share of pairs that are new")
axes[1].set(xlim=(0, None), ylim=(0, None))
axes[1].set_title("What newness costs (better: further left)", fontsize=10)
axes[1].legend(fontsize=8, loc="lower right")
show(
    figure,
    alt="Share of new pairs and of false words. "
    + "; ".join(
        f"{name if isinstance(name, str) else f'temperature {name[0]:g}, top-p {name[1]:g}'}: "
        f"new {new:.2f}, false {false:.2f}"
        for name, (new, false) in by_name.items()
    ),
)

# %%
for setting in ((0.0, 1.0), (0.5, 1.0), (1.0, 1.0), (1.5, 1.0)):
    print(f"τ = {setting[0]:g}: {texts[setting][0]!r}")

# %%
for tau in (0.5, 0.7, 1.0):
    unseen = [
        word for text in texts[tau, 1.0] for word in long_words(text) if word not in learned
    ]
    print(
        f"τ = {tau:g}: {len(unseen)} words that it had never seen, of them real "
        f"{mean(word in real for word in unseen):.1%}: "
        + ", ".join(sorted({word for word in unseen if word in real})[:6])
    )
greedy, plain = tested[0.0, 1.0], tested[1.0, 1.0]
both_rise = all(
    many > few + 0.1
    for seed in range(len(SEEDS))
    for few, many in zip(greedy[seed], plain[seed])
)
new_plain, false_plain = by_name[1.0, 1.0]
sweet = [
    setting
    for setting in SETTINGS
    if by_name[setting][0] >= 0.75 * new_plain and by_name[setting][1] <= 0.5 * false_plain
]
print(f"from τ = 0 to τ = 1 both rise by over 0.1 in every seed: {both_rise}")
print(
    "as new (three quarters) with half the false words:",
    ", ".join(f"τ = {tau:g}, top-p {p:g}" for tau, p in sweet) or "no setting",
)

# %% [markdown]
# **Is it one mechanism?** That two curves rise along one knob does not yet say so: two causes could hang on it. So take first choices only, and change a *single* draw: the ninth character
# is drawn from the model's other choices, in proportion to their probabilities. Then first choices again. Whatever differs was made by that one draw.
#
# We ask for each text whether it now holds a new pair, and whether it holds a false word; and how likely the draw was.
#
# **Predict.** Of the texts with one draw of a probability under 0.1, what share holds a false word?

# %%
guess_one_draw = None  # a share, for instance 0.3


# %%
@torch.no_grad()
def one_draw(model: nn.Module, prompts: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """First choices with, and without, one other draw: texts (B, 64) twice, and its p (B,)."""
    generator = torch.Generator().manual_seed(seed)
    changed = plain = prompts
    while plain.shape[1] < 64:
        here = plain.shape[1]
        both = torch.cat([plain, changed])
        if here == prompts.shape[1]:
            scores, past = model(both)
        else:
            scores, past = model(both[:, -1:], past)
        first, second = scores[:, -1].argmax(dim=-1, keepdim=True).chunk(2)
        if here == prompts.shape[1] + 8:
            p = scores[len(plain) :, -1].softmax(dim=-1)
            second = torch.multinomial(p.scatter(1, second, 0.0), 1, generator=generator)
            chance = p.gather(1, second)[:, 0]
        plain, changed = torch.cat([plain, first], dim=1), torch.cat([changed, second], dim=1)
    return plain, changed, chance


# %%
def holds_new_or_false(text: str, start: int = 40) -> tuple[bool, bool]:
    """Is there a new pair, a false word, among the words that reach past `start`, but the last?"""
    spans = [m for m in re.finditer("[a-z]+", text.lower()) if m.end() < len(text)]
    pairs = [(a[0], b[0]) for a, b in pairwise(spans) if b.end() > start and a.start() > 0]
    words = [m[0] for m in spans if m.end() > start and m.start() > 0 and len(m[0]) >= 4]
    new = any(pair not in learned_pairs and real.issuperset(pair) for pair in pairs)
    return new, any(word not in real for word in words)


GROUPS = ("p ≥ 0.1", "p < 0.1", "any p")  # how likely the one draw was
Found = list[tuple[float, float]]  # for each seed: share with a new pair, with a false word
before: dict[str, Found] = defaultdict(list)
after: dict[str, Found] = defaultdict(list)
sizes: Counter[str] = Counter()
for seed in progress(SEEDS, "one draw"):
    plain, changed, chance = one_draw(gpt, starts_for(seed + 100, 320, 0)[0], seed)
    is_group = {GROUPS[0]: chance >= 0.1, GROUPS[1]: chance < 0.1, GROUPS[2]: chance >= 0}
    for name, chosen in is_group.items():
        sizes[name] += int(chosen.sum())
        for rows, shares in ((plain[chosen], before), (changed[chosen], after)):
            found = [holds_new_or_false(decode(row)) for row in rows]
            shares[name].append(tuple(mean(values) for values in zip(*found)))


def share_of(shares: dict[str, Found], name: str, column: int) -> float:
    return mean(run[column] for run in shares[name])


# %%
figure, axis = plt.subplots(figsize=(8, 3.4))
for column, color, label in ((0, BLUE, "a new pair"), (1, RED, "a false word")):
    at = [i + (column - 0.5) * 0.36 for i in range(3)]
    heights = [share_of(after, name, column) for name in GROUPS]
    axis.bar(at, heights, width=0.34, color=color, label=f"texts that hold {label}")
    for x, name in zip(at, GROUPS):
        axis.plot([x] * len(SEEDS), [run[column] for run in after[name]], "k.", markersize=4)
        without = share_of(before, name, column)
        axis.plot([x - 0.17, x + 0.17], [without] * 2, color="black", linewidth=2)
axis.set_xticks(range(3), [f"one draw, {name}\n({sizes[name]} texts)" for name in GROUPS])
axis.set(ylabel="share of texts", ylim=(0, 0.5))
axis.set_title("What one draw makes (black line: the same texts without it)", fontsize=10)
draw_guess(axis, guess_one_draw, at=1.18)
axis.legend(fontsize=8)
show(
    figure,
    alt="Share of texts with a new pair and with a false word, before and after one draw. "
    + "; ".join(
        f"{name}: new {share_of(before, name, 0):.2f} to {share_of(after, name, 0):.2f}, "
        f"false {share_of(before, name, 1):.2f} to {share_of(after, name, 1):.2f}"
        for name in GROUPS
    ),
)
for name in GROUPS:
    for column, label in ((0, "a new pair "), (1, "a false word")):
        without, with_it = ([run[column] for run in found[name]] for found in (before, after))
        print(f"{name:8} {label:12} {spread(without)} without, {spread(with_it)} with it")
    gained = [share_of(after, name, i) - share_of(before, name, i) for i in (0, 1)]
    print(
        f"{'':8} texts with a false word gained, for each with a new pair: {gained[1] / gained[0]:.1f}"
    )
one_draw_makes_both = all(
    more > less
    for without, with_it in zip(before["any p"], after["any p"])
    for less, more in zip(without, with_it)
)
print(f"one draw makes both likelier, in every seed: {one_draw_makes_both}")

# %% [markdown]
# **Explain.** One knob moves both. Then why is there a setting that keeps most of the new and drops most of the false? And what does the star of the shuffled words, at the top of the right panel, say about "new"?
#
# <details><summary>Our explanation</summary>
#
# Errors and new text come from the same act: a draw that was not the first choice. But not from the same draws. Where several continuations are good, the second-best character begins another real word: new, and
# right. Where only one is good, any other character ruins the word. The probability tells the two apart, though not perfectly: a likely draw brings something
# new with hardly an error, an unlikely one brings both (the third line of each group). Lowering τ or cutting with top-p removes the unlikely draws. That is why both are used, and why the best setting lies between the extremes (Holtzman et al. 2020 found the same for a large model).
#
# At high temperature even the new pairs grow rarer: a pair counts only if both words are real.
#
# The shuffled words are the newest text of all and say nothing. New is not good. What is worth keeping has to be judged by somebody or something else: a reader, a test, a search. The mechanism proposes; it
# does not know which proposal was the creation and which was the error.
# </details>

# %% [markdown]
# ## 10 · A key-value cache
#
# The model predicts one token and reads it back as input. Without a cache (键值缓存) it computes all tokens again for each new one. With it, it keeps every layer's keys and
# values, and computes one token (lesson 1 built this for two layers of attention; here it is the whole model).
#
# First: is it the same? Scores are compared in float32, token by token; then the texts that each way writes by first choices.


# %% name="generate"
@torch.no_grad()
def generate(
    model: nn.Module, prompt: Tensor, length: int, cached: bool
) -> tuple[Tensor, Tensor]:
    """First choices after a prompt (B, T): the text (B, T + length), the scores (B, length, V)."""
    text, new, past, kept = prompt, prompt, None, []
    for _ in range(length):
        scores, past = model(new, past if cached else None)
        kept.append(scores[:, -1])
        token = scores[:, -1].argmax(dim=-1, keepdim=True)
        text = torch.cat([text, token], dim=1)
        new = token if cached else text  # all that the model has not seen, or everything again
    return text, torch.stack(kept, dim=1)


# %%
prompt = held_out[None, :16]
again, slow_scores = generate(gpt, prompt, 112, cached=False)
quick, fast_scores = generate(gpt, prompt, 112, cached=True)
torch.testing.assert_close(fast_scores, slow_scores, rtol=1e-4, atol=1e-4)
assert torch.equal(again, quick)
largest = (fast_scores - slow_scores).abs().max().item()
print(f"the same {quick.shape[1]} tokens; largest difference of a score {largest:.1e}")

# %% [markdown]
# **What does it save?** Count multiplications. Let D be the width and L the number of layers. A token passes through 12 D² weights in each layer (4 D² in attention, 8 D² in the feed-forward layer) and meets
# D · V weights at the end. Its query meets as many keys as there are tokens before it, and itself, and mixes as many values: 2 D for each, in each layer.
#
# To write the tokens 1 to n one by one,
#
# - with the cache, token t costs L (12 D² + 2 D t) + D V;
# - without it, tokens 1 to t are all computed again: the sum of that over 1 to t.
#
# **Rule:** the saving *grows with the text* if the measured ratio is higher at the longest text than at the shortest, by more than the repeats differ. How large it is, is another matter: one token keeps a processor less
# busy than many at once.
#
# **Predict.** For a text of 256 tokens, how many times faster is it with the cache?

# %%
guess_cache = None  # for instance 10


# %%
def multiplications(n: int, D: int, L: int, V: int, cached: bool) -> int:
    """To write n tokens one by one."""
    cost = [L * (12 * D * D + 2 * D * t) + D * V for t in range(1, n + 1)]
    return sum(cost) if cached else sum(sum(cost[:t]) for t in range(1, n + 1))


D, L = gpt.token.weight.shape[1], len(gpt.blocks)
WRITTEN = (32, 64, 128, 256)
first_token = held_out[None, :1]
clocked: dict[tuple[int, bool], tuple[float, float, float]] = {}
for n in progress(WRITTEN, "timing"):
    for cached in (True, False):
        clocked[n, cached] = seconds(lambda: generate(gpt, first_token, n, cached), 3)
measured = {n: clocked[n, False][0] / clocked[n, True][0] for n in WRITTEN}
worst = {n: clocked[n, False][1] / clocked[n, True][2] for n in WRITTEN}
best = {n: clocked[n, False][2] / clocked[n, True][1] for n in WRITTEN}
computed = {
    n: multiplications(n, D, L, V, False) / multiplications(n, D, L, V, True) for n in WRITTEN
}

# %%
figure, axis = plt.subplots(figsize=(8, 3.2))
axis.plot(WRITTEN, computed.values(), "s--", color=GREY, label="multiplications, computed")
axis.plot(WRITTEN, measured.values(), "o-", color=BLUE, label="time, measured")
axis.fill_between(WRITTEN, list(worst.values()), list(best.values()), color=BLUE, alpha=0.15)
axis.set(xlabel="tokens written", ylabel="without / with the cache", xscale="log", yscale="log")
axis.set_xticks(WRITTEN, [str(n) for n in WRITTEN])
axis.set_yticks((1, 2, 5, 10, 20, 50, 100), ["1", "2", "5", "10", "20", "50", "100"])
axis.minorticks_off()
axis.set_title("What a key-value cache saves")
draw_guess(axis, guess_cache, at=256)
axis.legend()
show(
    figure,
    alt="Time without over time with the cache: "
    + ", ".join(f"{n} tokens {ratio:.1f}" for n, ratio in measured.items())
    + "; multiplications: "
    + ", ".join(f"{n} tokens {ratio:.0f}" for n, ratio in computed.items()),
)
for n in WRITTEN:
    print(
        f"{n:4} tokens: {measured[n]:5.1f} times faster ({worst[n]:.1f} to {best[n]:.1f}), "
        f"{computed[n]:4.0f} times fewer multiplications"
    )
growing = worst[WRITTEN[-1]] > best[WRITTEN[0]]
print(f"the saving grows with the text: {growing}")

# %% [markdown]
# **Explain.** So many times fewer multiplications, and so little time saved. Where did the rest go? And why is the ratio of multiplications near half the number of tokens?
#
# <details><summary>Our explanation</summary>
#
# A step with one token has to start as many small operations as a step with many, and starting them is most of its cost in a model this small. In a large model the multiplications are the cost.
#
# Without the cache, token t pays for t tokens; on average over n tokens that is (n + 1) / 2 times as much. The attention part shifts it a little, since early tokens, which are recomputed most often, have few keys to meet.
# </details>

# %% [markdown]
# **What does it cost?** Memory: 2 (a key and a value) × L layers × D numbers × bytes of a number, for each token of each text. The formula, and what the cache really holds:


# %%
def cache_bytes(tokens: int, L: int, D: int, bytes_each: int = 4) -> int:
    return 2 * L * D * bytes_each * tokens


with torch.no_grad():
    past = gpt(held_out[None, :256])[1]
holds = sum(part.numel() * part.element_size() for layer in past for part in layer)
assert holds == cache_bytes(256, L, D)
print(f"our model, 256 tokens: {holds / 2**20:.1f} MiB, {cache_bytes(1, L, D):,} bytes a token")
for name, layers, width, window in (("GPT-2", 48, 1600, 1024), ("GPT-3", 96, 12288, 2048)):
    a_token = cache_bytes(1, layers, width, bytes_each=2)
    print(
        f"{name} (16 bits a number): {a_token / 2**20:.2f} MiB a token, "
        f"{a_token * window / 2**30:.2f} GiB for one text of {window:,} tokens"
    )

# %% [markdown]
# ### Beyond the trained length
#
# Nothing in the model forbids token 65: the positions are rotary, a score depends on the distance of query and key. But distances over 63 never occurred in training. Does the model
# use the longer context, ignore it, or break?
#
# **Rule:** it *breaks* if, on the last 64 characters of texts of 256, it needs over 5% more bits than the same model that sees only the last 64. It *uses* them if it needs over 1% fewer.
#
# **Predict.** Which of the three?

# %%
guess_beyond = None  # "uses", "ignores" or "breaks"

# %%
FAR = 256
stride = (len(held_out) - FAR - 1) // 160
starts = torch.arange(160)[:, None] * stride
far_texts = held_out[starts + torch.arange(FAR + 1)]


def bits_by_place(model: GPT, tokens: Tensor) -> Tensor:
    """Mean loss at each place of texts (B, T + 1), in bits: (T,)."""
    return read(model, tokens)[0].mean(dim=0) / math.log(2)


by_whole = bits_by_place(gpt, far_texts)
# The same characters by a model that never sees more than 64: in windows that move on by 16.
window_ends = range(64, FAR + 1, 16)
moving = [
    bits_by_place(gpt, far_texts[:, e - 64 : e + 1])[-16:].mean().item() for e in window_ends
]
by_sixteen = by_whole.view(-1, 16).mean(dim=1).tolist()
same = by_sixteen[3:]
ratio_beyond = mean(same[-4:]) / mean(moving[-4:])
beyond = "breaks" if ratio_beyond > 1.05 else "uses" if ratio_beyond < 0.99 else "ignores"

# %%
figure, axis = plt.subplots(figsize=(8, 3.2))
axis.plot(range(16, FAR + 1, 16), by_sixteen, "o-", color=RED, label="the whole text so far")
axis.plot(window_ends, moving, "s-", color=BLUE, label="the last 64 at most")
axis.axvline(64, color=GREY, linestyle=":")
axis.annotate("trained up to here ", (64, max(by_sixteen)), ha="right", va="top")
axis.set(xlabel="place in the text (16 characters each)", ylabel="bits a character")
axis.set_title("Beyond the trained length")
axis.legend()
show(
    figure,
    alt="Bits a character by place: whole text "
    + ", ".join(f"{b:.2f}" for b in by_sixteen)
    + "; the last 64 at most, from place 64 on: "
    + ", ".join(f"{b:.2f}" for b in moving),
)
print(
    f"last 64 of {FAR} characters: {mean(same[-4:]):.3f} bits with all of them as context, "
    f"{mean(moving[-4:]):.3f} with the last 64 at most"
)
verb = {"uses": "uses the longer text", "ignores": "ignores it", "breaks": "breaks"}
print(f"so beyond 64 the model {verb[beyond]}")
if guess_beyond is not None:
    print(f"your guess: it {verb[guess_beyond]}")

# %% [markdown]
# **Explain.** The scores depend on distances, the model is causal, no weight knows the length. What is different at token 65?
#
# <details><summary>Our explanation</summary>
#
# Two things. Distances over 63 turn the slow pairs of a query and a key to angles between them that never occurred, so nothing was learned about the scores there. And a softmax over more keys than ever spreads: weights that were tuned to
# stand out among 64 must now stand out among 256. A model can be trained further on longer texts, with angles slowed down so that old ones return (Chen et al. 2023), or be told to look at the last 64 only, as `write` does. That the
# formula allows any length does not mean that the model has learned it: lesson 2 met the same with digits.
# </details>

# %% [markdown]
# ## 11 · What training costs
#
# One weight meets one token: a multiplication and an addition, 2 operations (FLOP, 浮点运算). That is the forward pass. The backward pass needs two gradients: the error is passed down through the weight (2), and the
# weight's own gradient is summed (2). Six in all. With N weights and D tokens (D as in the literature; not the width here):
#
# **training takes about 6 N D operations** (Kaplan et al. 2020).
#
# N leaves out the table of the embedding, which is looked up, not multiplied. On top comes attention, where tokens meet tokens and no weight: each query with T keys and T values, 4 · T · width operations a layer
# forward, and twice that backward, if the masked half is computed too.
#
# **Rule:** the formula *counts right* if PyTorch's own counter finds exactly 2 and 4 operations for each weight and token, and exactly that much more for attention.

# %%
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def count_flops(model: nn.Module, tokens: Tensor, backend: SDPBackend) -> tuple[int, int]:
    """Operations of the forward and of the backward pass on tokens (B, T)."""
    forward, backward = FlopCounterMode(display=False), FlopCounterMode(display=False)
    with sdpa_kernel(backend):
        with forward:
            scores = model(tokens)[0]
            loss = F.cross_entropy(scores[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
        with backward:
            loss.backward()
    model.zero_grad(set_to_none=True)
    return forward.get_total_flops(), backward.get_total_flops()


batch = train[: 16 * 64].view(16, 64)
width, layers = gpt.token.weight.shape[1], len(gpt.blocks)
multiplied = sum(p.numel() for p in gpt.parameters()) - gpt.token.weight.numel()
attends = 4 * batch.shape[1] * width * layers * batch.numel()
fused = count_flops(gpt, batch, SDPBackend.FLASH_ATTENTION)
spelled_out = count_flops(gpt, batch, SDPBackend.MATH)
for name, (forward, backward) in (("fused", fused), ("spelled out", spelled_out)):
    print(
        f"attention {name:11}: forward {forward / multiplied / batch.numel():.3f} a weight and "
        f"token, backward {backward / multiplied / batch.numel():.3f}"
    )
ND = multiplied * batch.numel()
assert spelled_out == (2 * ND + attends, 4 * ND + 2 * attends)
print(f"exactly 2 and 4, and {3 * attends / (6 * ND):.0%} more for attention at T = 64")

# %% [markdown]
# (The counter has no formula for the fused attention of a CPU, so that line shows the weights alone.)
#
# In a model of width W with layers of 12 W² weights, attention adds 12 T W to 72 W² for each layer: T / (6 W). GPT-3's text is 2,048 tokens long and its width 12,288.

# %%
print(f"GPT-3: attention adds {2048 / (6 * 12288):.1%}")

# %% [markdown]
# ### A thousand GPUs for a month
#
# Claim 3.6, in the words of A1 (translated): to get one run of a model with over 10 billion parameters through, one needs *at least* the level of a "thousand cards a month", that is 1,000 GPUs that train for one
# month. It says "even without the most advanced A100", and puts the price at 50 million yuan a month, 1,000 cards of 50,000 yuan.
#
# **Change this cell.** Everything below follows from it.


# %%
class Training(NamedTuple):
    """What a run needs, by 6 N D."""

    parameters: float = 10e9
    tokens: float = 1e12
    peak: float = 312e12  # operations a second: A100, 16 bits (V100: 125e12, H100: 989e12)
    utilisation: float = 0.4  # the share of the peak that training reaches: 0.3 to 0.5

    def gpu_hours(self) -> float:
        return 6 * self.parameters * self.tokens / (self.peak * self.utilisation) / 3600


THOUSAND_MONTHS = 1000 * 30 * 24  # GPU hours: the article's figure
TOKENS_A_PARAMETER = 20  # Hoffmann et al. 2022 (Chinchilla): best use of a fixed compute
V100, A100, H100 = 125e12, 312e12, 989e12

# %% [markdown]
# Two questions, and what was reported:
#
# 1. With 1,000 A100s for a month, how many tokens could a model of 10 billion parameters read?
# 2. What do 20 tokens a parameter need, what the trillions of later years?
#
# **Rule.** "About" is a factor of three, either way. Claim 3.6 is *shown* if some reported model of 10 to 20 billion parameters took about 1,000 GPU-months; it holds *without a condition* only if
# all of them did, and Chinchilla's 20 tokens a parameter give about as much for 10 billion.
#
# **Predict.** What share of the thousand GPU-months did LLaMA-13B take (1 trillion tokens, A100)?

# %%
guess_llama = None  # for instance 1.0


# %%
class Reported(NamedTuple):
    name: str
    parameters: float
    tokens: float
    hours: float  # GPU hours
    peak: float
    source: str


REPORTED = [
    Reported("LLaMA-7B", 6.7e9, 1.0e12, 82_432, A100, "Touvron et al. 2023a, table 15"),
    Reported("LLaMA-13B", 13.0e9, 1.0e12, 135_168, A100, "the same"),
    Reported("LLaMA-33B", 32.5e9, 1.4e12, 530_432, A100, "the same"),
    Reported("LLaMA-65B", 65.2e9, 1.4e12, 1_022_362, A100, "the same"),
    Reported("Llama 2 7B", 6.7e9, 2.0e12, 184_320, A100, "its model card, 2023"),
    Reported("Llama 2 13B", 13.0e9, 2.0e12, 368_640, A100, "the same"),
    Reported("Llama 2 70B", 69.0e9, 2.0e12, 1_720_320, A100, "the same"),
    Reported("BLOOM", 176.0e9, 0.366e12, 1_082_990, A100, "Luccioni et al. 2023"),
    Reported("Llama 3 8B", 8.0e9, 15.0e12, 1_300_000, H100, "its model card, 2024"),
    Reported("Llama 3 70B", 70.6e9, 15.0e12, 6_400_000, H100, "the same"),
]
months = {run.name: run.hours / THOUSAND_MONTHS for run in REPORTED}
for run in REPORTED:
    used = 6 * run.parameters * run.tokens / (run.hours * 3600 * run.peak)
    print(
        f"{run.name:11} {run.tokens / 1e12:5.2f} trillion tokens "
        f"({run.tokens / run.parameters:5.0f} a parameter), {run.hours:9,} GPU hours = "
        f"{months[run.name]:5.2f} thousand GPU-months; utilisation {used:.2f}; {run.source}"
    )

# %% [markdown]
# The last but one column is a check: 6 N D over what the cards could have done in the hours reported. On A100s it is where such runs are known to lie; on the three times faster H100s it is lower. (The hours are what
# the authors count as the model's training; failed runs and trials are not in them.)

# %%
ten = Training()
for peak, name in ((A100, "A100"), (V100, "V100")):
    for share in (0.3, 0.4, 0.5):
        run = ten._replace(peak=peak, utilisation=share)
        tokens = THOUSAND_MONTHS / run.gpu_hours() * run.tokens
        print(
            f"1,000 {name}, one month, utilisation {share}: {tokens / 1e12:.1f} trillion tokens "
            f"for 10 billion parameters, {tokens / 10e9:.0f} a parameter"
        )
chinchilla = ten._replace(tokens=TOKENS_A_PARAMETER * ten.parameters).gpu_hours()
chinchilla_months = chinchilla / THOUSAND_MONTHS
print(f"20 tokens a parameter, A100: {chinchilla_months:.3f} thousand GPU-months")
print(f"GPT-3 (300 billion tokens): {6 * 175e9 * 300e9:.2e} operations; announced 3.14e23")
largest_chinchilla = (THOUSAND_MONTHS / chinchilla) ** 0.5 * ten.parameters
print(f"1,000 A100-months at 20 tokens a parameter: {largest_chinchilla / 1e9:.0f} billion")

# %%
figure, axis = plt.subplots(figsize=(8, 4.2))
sizes = [1e9 * 10 ** (i / 10) for i in range(5, 25)]
for tokens, style, label in (
    (lambda n: TOKENS_A_PARAMETER * n, "-", "20 tokens a parameter"),
    (lambda n: 1e12, "--", "1 trillion tokens"),
    (lambda n: 15e12, ":", "15 trillion tokens"),
):
    hours = [ten._replace(parameters=n, tokens=tokens(n)).gpu_hours() for n in sizes]
    axis.plot(
        [n / 1e9 for n in sizes],
        [h / THOUSAND_MONTHS for h in hours],
        style,
        color=GREY,
        label=label,
    )
for peak, color, marker, label in ((A100, BLUE, "o", "A100"), (H100, GREEN, "s", "H100")):
    runs = [run for run in REPORTED if run.peak == peak]
    at = [run.parameters / 1e9 for run in runs]
    axis.plot(
        at, [months[run.name] for run in runs], marker, color=color, label=f"reported, {label}"
    )
    for x, run in zip(at, runs):
        axis.annotate(
            run.name,
            (x, months[run.name]),
            fontsize=8,
            va="bottom" if run.name == "BLOOM" else "top",
            xytext=(5, -2),
            textcoords="offset points",
        )
axis.axhspan(1 / 3, 3, color=ORANGE, alpha=0.12)
axis.plot([10, 250], [1, 1], color=RED, linewidth=2.5, label="A1: from 10 billion on, at least")
axis.set(xscale="log", yscale="log", xlim=(3, 500), xlabel="parameters (billions)")
axis.set(ylabel="thousand GPU-months", title="What training took (band: a factor of three)")
axis.set_xticks((3, 10, 30, 100, 300), ["3", "10", "30", "100", "300"])
axis.set_yticks((0.01, 0.1, 1, 10, 100), ["0.01", "0.1", "1", "10", "100"])
axis.minorticks_off()
draw_guess(axis, guess_llama, at=13)
axis.legend(fontsize=8, loc="lower right")
show(
    figure,
    alt="Thousands of GPU-months against parameters, reported: "
    + ", ".join(f"{name} {value:.2f}" for name, value in months.items())
    + f". At 20 tokens a parameter 10 billion parameters need {chinchilla_months:.3f}.",
)

# %%
ten_to_twenty = [run for run in REPORTED if 10e9 <= run.parameters <= 20e9]
about = {run.name: 1 / 3 <= months[run.name] <= 3 for run in ten_to_twenty}
print("10 to 20 billion parameters, about 1,000 GPU-months:", about)
a_month = 50_000 * 1000 / 48  # yuan, if a card is written off over four years
print(
    f"1,000 cards at 50,000 yuan: {50_000 * 1000 / 1e6:.0f} million yuan to buy; a month of their "
    f"use, over four years, {a_month / 1e6:.1f} million"
)

# %% [markdown]
# **Explain.** Is the article's figure right, too high or too low? What is missing in "a model of over 10 billion parameters"?
#
# <details><summary>Our explanation</summary>
#
# The tokens. Cost is parameters times tokens, and the claim names one of the two. As a least figure ("at least") it is too high: see LLaMA-13B, and far more so 20 tokens a parameter. As a figure for the models that were
# to come it is about right: small models read ever more text, since a small model is cheap to *use*, and Llama 2 with its 2 trillion tokens lies in the band. With 15 trillion, 6 N D puts 10 billion parameters near the upper edge of the band (the row in section 12). On V100
# cards, which the article's "even without the A100" suggests, it is right for fewer tokens.
#
# It is not the price of a month. Cards are bought once and run for years; the article books the purchase as one month's cost. On the other side it leaves out electricity, people, machines around
# the cards, and the runs that failed: LLaMA's authors used 2,048 cards for about five months in all.
# </details>

# %% [markdown]
# ### From GPT-1 to GPT-3
#
# Claim 3.7: from 0.11 to 175 billion parameters, over a thousandfold. The shapes are published; count.
#
# A block has 12 W² weights, as ours, and 13 W biases and scales of its norms (3 W + W for attention's two matrices, 4 W + W for the feed-forward layer, 4 W for two norms). In front stand V · W for the tokens and
# T · W for the learned positions. The head is the embedding's table once more (tied, 共享). GPT-2 and GPT-3 have a last norm, 2 W.
#
# **Rule:** the claim holds if each count lies within 5% of the figure announced and the last is over a thousand times the first.


# %%
class Shape(NamedTuple):
    layers: int
    width: int
    V: int
    T: int
    last_norm: bool
    announced: float
    source: str

    def parameters(self) -> int:
        W = self.width
        blocks = self.layers * (12 * W * W + 13 * W)
        return blocks + (self.V + self.T + 2 * self.last_norm) * W


GPTS = {
    "GPT-1": Shape(12, 768, 40_478, 512, False, 0.117e9, "Radford et al. 2018, 2019"),
    "GPT-2": Shape(48, 1600, 50_257, 1024, True, 1.542e9, "Radford et al. 2019, table 2"),
    "GPT-3": Shape(96, 12_288, 50_257, 2048, True, 175e9, "Brown et al. 2020, table 2.1"),
}
for name, shape in GPTS.items():
    print(
        f"{name}: {shape.parameters() / 1e9:8.4f} billion by formula, {shape.announced / 1e9:g} "
        f"announced, ratio {shape.parameters() / shape.announced:.3f} ({shape.source})"
    )
growth = GPTS["GPT-3"].parameters() / GPTS["GPT-1"].parameters()
off = max(abs(shape.parameters() / shape.announced - 1) for shape in GPTS.values())
print(
    f"GPT-3 has {growth:,.0f} times as many as GPT-1; the counts are off by at most {off:.1%}"
)

# %% [markdown]
# So the claim stands, with two remarks. GPT-1's 117 million make 0.12 billion when rounded, not 0.11. And the article adds that GPT-4 reached trillions: OpenAI has announced no figure (OpenAI 2023 declines to).

# %% [markdown]
# ## 12 · Verdicts
#
# Each verdict is computed from what ran above, by the rules that stood before the experiments. Where one holds with a condition, the condition is the last column of the table at the top: what it says did not come true.

# %%
# 3.1: do abilities come that nobody asked for; and one that the text does not ask for?
verdict_1 = judge(words_rise, sums_come)

# 3.2: does every tenfold pay, along all axes; and evenly?
falls = all(pair[0] > 0 and pair[1] > 0 for pair in (*by_weights, *by_data, by_compute))
evenly = min(line_explains.values()) >= 0.95 and held["straight line"]
verdict_2 = judge(falls, evenly)

# 3.4: a tenfold of weights buys less in the upper half; of data and compute as well?
diminishes = all(upper < lower for lower, upper in by_weights)
verdict_4 = judge(diminishes, all(upper < lower for lower, upper in (*by_data, by_compute)))

# 3.3: whole answers jump; is the jump in the model too, token by token and off p^K?
jumps = max(at_half_way) < 0.01 and min(ends) > 0.5
in_the_model = (
    mean(times for _, times in rises[1]) < 1.5 * mean(times for _, times in rises[LONG])
    and min(misses_7) > 0.1
)
verdict_3 = judge(jumps, in_the_model)

# 3.5: does the better recipe pass the larger model; and is the larger one with it no better?
verdict_5 = judge(small_passes, large_no_better)

# %%
# 3.6 and 3.7: about the article's figures, for every model; and the shapes that were published
verdict_6 = judge(any(about.values()), all(about.values()) and 1 / 3 <= chinchilla_months <= 3)
verdict_7 = judge(off < 0.05 and growth > 1000, True)

# 3.8: two layers learn from the prompt with fixed weights, the control does not; does one layer?
learns = {kind: all(b < a / 2 for a, b in zip(early[kind], late[kind])) for kind in KINDS}
verdict_8 = judge(
    learns["two layers"] and not learns["two layers, no repeat (control)"],
    learns["one layer"] and mean(word_gain) > 0.5,
)

# 3.9: does one draw make both; and is there no setting with the one and not the other?
shown_9 = both_rise and one_draw_makes_both
verdict_9 = judge(shown_9, not sweet)
best_setting = min(sweet, key=lambda setting: by_name[setting][1]) if sweet else (1.0, 1.0)
new_0, false_0 = ([run[i] for run in tested[0.0, 1.0]] for i in (0, 1))
new_1, false_1 = ([run[i] for run in tested[1.0, 1.0]] for i in (0, 1))
new_best, false_best = ([run[i] for run in tested[best_setting]] for i in (0, 1))

# %%
row_1 = (
    "3.1",
    "Predicting the next token well enough comes close to general intelligence",
    "as the loss falls, "
    + ", ".join(
        f"{mean(at.bits for at in now):.2f}" for now in zip(*(r.moments for r in main_runs))
    )
    + " bits a character, the share of real words rises, "
    + ", ".join(
        f"{mean(at.words for at in now):.2f}" for now in zip(*(r.moments for r in main_runs))
    )
    + f"; sums below 10 right at the end {mean(r.moments[-1].sums for r in main_runs):.2f} (always saying 9: "
    f"{always_9:.2f}). "
    f"{'Both abilities' if sums_come else 'Only the ability that the text asks for'} came. Intelligence was not tested",
    f"trained on shuffled characters: words {main_control.moments[-1].words:.2f}",
    verdict_1,
)

row_5 = (
    "3.5",
    "Better training beats more parameters; small models can pass large ones",
    f"equal steps, bits a character: with the whole recipe {spread([one.bits for one in recipe_made])}; over "
    f"twice the block weights with AdamW {spread([o.bits for o in made['1½ times the width, AdamW']])}; over twice the "
    f"block weights with the whole recipe {spread([o.bits for o in made['1½ times the width']])}",
    f"the small model with AdamW {spread([o.bits for o in made['AdamW for all']])}",
    verdict_5,
)

# %%
row_2 = (
    "3.2",
    "Quality improves linearly while parameters, data and compute grow exponentially",
    f"{five[0]:,.0f} to {five[4]:,.0f} weights: a straight line over the logarithm explains "
    + ", ".join(f"{value:.2f} ({name})" for name, value in line_explains.items())
    + f". The sixth size, predicted {fits['straight line']['prediction']:.3f} by the line, "
    f"{fits['power law']['prediction']:.3f} by a power law, {fits['with a floor']['prediction']:.3f} with a "
    f"floor, has {sixth_loss:.3f}",
    f"characters in a random order: {spread(control_gain, '.3f')} nats gained, in order "
    f"{spread(text_gain)}",
    verdict_2,
)

row_4 = (
    "3.4",
    "Returns diminish: ten times the parameters buy less than before",
    f"ten times the weights: {spread([p[0] for p in by_weights])} nats in the lower half of the sizes, "
    f"{spread([p[1] for p in by_weights])} in the upper, {last_gain:.2f} at the sixth; ten times the data "
    f"{spread([p[0] for p in by_data])} and {spread([p[1] for p in by_data])}, less at "
    f"{sum(u < w for w, u in by_data)} of 5 sizes; compute "
    f"{by_compute[0]:.2f} and {by_compute[1]:.2f}. At equal steps; Switch Transformer was not tested",
    f"as a share of the loss {spread(as_shares[0])} and {spread(as_shares[1])}",
    verdict_4,
)

# %%
row_3 = (
    "3.3",
    "Past a threshold of training, accuracy jumps suddenly",
    f"answers of {LONG} tokens: {spread(at_half_way, '.3f')} right when half of the way of single tokens is done, "
    f"{spread(ends)} at the end; from a tenth to nine tenths of its way in {spread([t for _, t in rises[LONG]], '.1f')} "
    f"times the steps, single tokens in {spread([t for _, t in rises[1]], '.1f')} times. p^{LONG} gives the whole within "
    f"{max(misses_7):.2f}. Threshold in steps; in size not tested",
    f"shuffled translations: {spread([along(r, 1)[-1] for r in control_7])} of tokens",
    verdict_3,
)

row_8 = (
    "3.8",
    "A model can learn from its prompt without gradient descent",
    f"random sequences: loss {spread(early['two layers'])} in the first lap, {spread(late['two layers'])} from the second on "
    f"with two layers, {spread(early['one layer'])} and {spread(late['one layer'])} with one; no weight moved. Section 4's model: a "
    f"made-up word costs {spread(word_gain)} nats a letter less when it comes back",
    f"trained where no lap repeats: {spread(early['two layers, no repeat (control)'])} and "
    f"{spread(late['two layers, no repeat (control)'])}",
    verdict_8,
)

# %%
row_6 = (
    "3.6",
    "Over 10 billion parameters take about 1,000 GPUs for a month",
    "reported, in thousands of GPU-months: "
    + ", ".join(
        f"{run.name} {months[run.name]:.2f} ({run.tokens / 1e12:g} trillion tokens)"
        for run in ten_to_twenty
    )
    + f". By 6ND on A100s at 40%: 20 tokens a parameter {chinchilla_months:.2f}, a trillion tokens "
    f"{ten.gpu_hours() / THOUSAND_MONTHS:.2f}, 15 trillion "
    f"{ten._replace(tokens=15e12).gpu_hours() / THOUSAND_MONTHS:.1f}. It depends on the tokens, which "
    "the claim does not name. No such model was trained here",
    "6ND against PyTorch's counter on our model: equal; against reported hours: utilisation "
    + spread([6 * r.parameters * r.tokens / (r.hours * 3600 * r.peak) for r in REPORTED]),
    verdict_6,
)

row_7 = (
    "3.7",
    "GPT-1 to GPT-3: from about 0.11 to 175 billion parameters, over a thousandfold",
    "; ".join(f"{name} {shape.parameters() / 1e9:.3g} billion" for name, shape in GPTS.items())
    + f" from their published shapes; {growth:,.0f} times",
    f"the figures announced: off by at most {off:.1%}",
    verdict_7,
)

# %%
row_9 = (
    "3.9",
    "Hallucination is also imagination: the mechanism that errs creates",
    f"from first choices to plain draws, new pairs of words {mean(new_0):.2f} to {spread(new_1)}, false "
    f"words {mean(false_0):.2f} to {spread(false_1)}. One single draw: texts with something new "
    f"{share_of(before, 'any p', 0):.2f} to {share_of(after, 'any p', 0):.2f}, with something "
    f"false {share_of(before, 'any p', 1):.2f} to {share_of(after, 'any p', 1):.2f}. But with "
    f"τ = {best_setting[0]:g} and top-p {best_setting[1]:g}: new {spread(new_best)}, false "
    f"{spread(false_best)}",
    f"the manual itself: new {by_name['the manual'][0]:.2f}, false {by_name['the manual'][1]:.2f}; its "
    f"words shuffled: {by_name['its words shuffled'][0]:.2f}, "
    f"{by_name['its words shuffled'][1]:.2f}; n-grams: {by_name[f'n-grams, order {best_order}'][0]:.2f}, "
    f"{by_name[f'n-grams, order {best_order}'][1]:.2f}",
    verdict_9,
)

# %%
show_verdicts([row_1, row_2, row_3, row_4, row_5, row_6, row_7, row_8, row_9])

# %% [markdown]
# ## 13 · Where it stops
#
# - **One small text.** Half a million characters of one manual, part of what is held out copied from the rest (section 1). What scales here is a model of characters over two decades of weights. Kaplan et al. (2020) had
#   seven decades of compute.
# - **Rules after trial runs.** Rules and settings were fixed before the runs that you saw, but after trial runs, some of them with these seeds.
# - **Emergence in size** was not tested, only in training. Wei et al. (2022) and Schaeffer et al. (2023) compare models of different sizes.
# - **One layer against two** on random sequences is the simplest case of learning from a prompt. What large models do with examples in their prompt is in part this (Olsson et al. 2022), and in part more.
# - **Hallucination** (3.9) here means a string that is no word. False *statements* were not tested, and they come from first choices too.
# - **Intelligence** (3.1), Switch Transformer (3.4) and models of 10 billion parameters (3.6) do not fit on your machine. Where the lesson cannot measure, it counts or cites, and says so.
#
# **Since the articles.** Much was gained by training on tasks with checkable answers and by letting models think longer before they answer
# (DeepSeek-AI 2025, arXiv 2501.12948). Muon went from speed contests on small models to large ones (Liu et al. 2025, 2502.16982, trained a mixture of experts of 16 billion parameters with it, 3 billion of them active). Check who measured what: few figures of
# different authors can be compared.

# %% [markdown]
# ### References
#
# Ba et al. 2016, arXiv 1607.06450 · Bengio et al. 2003, JMLR 3 · Brown et al. 2020, 2005.14165 · Chen and Goodman 1999, Computer Speech and Language 13 · Chen et al. 2023, 2306.15595 · DeepSeek-AI 2025, 2501.12948 · Henry et al. 2020, 2010.04245 ·
# Hoffmann et al. 2022, 2203.15556 · Holtzman et al. 2020, 1904.09751 · Huang et al. 2025, 2501.16975 · Jordan et al. 2024, kellerjordan.github.io/posts/muon · Kaplan et al. 2020, 2001.08361 · Karpathy 2022,
# github.com/karpathy/nanoGPT · Kneser and Ney 1995, ICASSP · Liu et al. 2025, 2502.16982 · Loshchilov and Hutter 2019, 1711.05101 · Luccioni et al. 2023, JMLR 24 · Olsson et al. 2022, 2209.11895 · OpenAI 2023,
# 2303.08774 · Radford et al. 2018 and 2019, openai.com · Schaeffer et al. 2023, 2304.15004 · Fedus et al. 2021 (Switch), 2101.03961 · Shannon 1951, Bell System Technical Journal 30 · So et al. 2021, 2109.08668 · Touvron et al. 2023, 2302.13971 and 2307.09288 ·
# Su et al. 2021, 2104.09864 · Vaswani et al. 2017, 1706.03762 · Wei et al. 2022, 2206.07682 · Xiong et al. 2020, 2002.04745

# %% [markdown]
# **Now you.** `exercises/03_tiny_gpt/tiny_gpt.ipynb`: targets and loss, a block, a count, a schedule, sampling, a cache, a power law, 20 points.
