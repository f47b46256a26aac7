# ---
# jupyter:
#   course:
#     title: "Assignment 1: Attention"
# ---

# %% [markdown]
# # Assignment 1: attention
#
# You write attention (注意力) from tensors, then what a language model adds to it: the causal mask,
# several heads, positions, a cache, and the cost. Seven tasks, 20 points, 60 to 90 minutes.
#
# **How to work.** Replace each `raise NotImplementedError()` by your code; keep the function's name and
# arguments. Run the test cell under it: where something is wrong, it says what it met. Press
# **Validate** before you hand in: it runs everything afresh, as the grader will. The grader also runs
# hidden tests, on other numbers; a comment says what each one checks and what it is worth. Add cells
# where you like, and leave the given ones in place.
#
# **In every task.** Tensors are `float32` unless the task says otherwise. A function leaves its arguments
# as they are. Any way of computing the right result is right. Should you want a helper function, define
# it inside the function that uses it: the tests, hidden ones too, define functions of their own (`call`,
# `check`, ...) and would replace yours of the same name.
#
# **Notation.** B sequences in a batch, T tokens (词元), D width, H heads (头) of size d = D/H; shapes
# are written (B, T, D).

# %% reuse="cells/checks:checks" nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false}

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": true, "schema_version": 3, "solution": false, "task": false}
import math

import torch

torch.set_num_threads(1)  # tensors as small as these gain nothing from a second thread


# %% [markdown]
# ## Task 1: scaled dot-product attention (3 points)
#
# Each query (查询) is compared with every key (键). The comparison decides how much of each value (值)
# goes into the result:
#
# $$\text{attention}(q, k, v) = \text{softmax}\!\left(\frac{q\,k^\top}{\sqrt{d}}\right) v$$
#
# The softmax runs over the keys: the weights of one query sum to 1.
#
# A mask (掩码) is boolean: `True` where a query may look. A score that it forbids becomes −∞ *before*
# the softmax, so that its weight is 0 and the other weights still sum to 1. Every query may look at one
# key at least.
#
# T queries, S keys and as many values. The dots in the shapes stand for any leading axes: none, (B,) or
# (B, H).
#
# Unlike the lesson's `attention`, return the result only.


# %% nbgrader={"grade": false, "grade_id": "attention", "locked": false, "schema_version": 3, "solution": true, "task": false}
def attention(q, k, v, mask=None):
    """Scaled dot-product attention.

    q: (..., T, d); k and v: (..., S, d).
    mask: None, or boolean, of a shape that broadcasts to (..., T, S); True where a query may look.
    Returns (..., T, d).
    """
    ### BEGIN SOLUTION
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "attention_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Work it by hand. Two queries, two keys. d = 4, so the scores are divided by 2.
# Query 0: scores (4 ln 2, 0), divided (2 ln 2, 0), weights (4/5, 1/5).
# Query 1: scores (0, 0), weights (1/2, 1/2).
ln2, half = math.log(2), [2.5, 2.5, 0, 0]
q = torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 1.0]])
k = torch.tensor([[4 * ln2, 0, 0, 0], [0, 1.0, 0, 0]])
v = torch.tensor([[5.0, 0, 0, 0], [0, 5.0, 0, 0]])
mistakes = {
    "the scores are not divided by sqrt(d)": [[80 / 17, 5 / 17, 0, 0], half],
    "the scores are divided by d; divide them by its square root": [[10 / 3, 5 / 3, 0, 0], half],
    "the scores are multiplied by sqrt(d); divide them by it": [[1280 / 257, 5 / 257, 0, 0], half],
    "the scores are divided by the root of the number of tokens, not of d": [[4.3829, 0.6171, 0, 0], half],
    "sqrt(d) divides the weights; it must divide the scores": [[40 / 17, 5 / 34, 0, 0], [1.25, 1.25, 0, 0]],
    "the softmax runs over the queries; it must run over the keys (dim=-1)": [[4, 2.5, 0, 0], [1, 2.5, 0, 0]],
    "there is no softmax": [[10 * ln2, 0, 0, 0], [0, 0, 0, 0]],
    "these are the weights; they still have to weigh the values": [[0.8, 0.2], [0.5, 0.5]],
    "the weights weigh the keys; they belong on the values": [[3.2 * ln2, 0.2, 0, 0], [2 * ln2, 0.5, 0, 0]],
}
check(call(attention, q, k, v), torch.tensor([[4, 1, 0, 0], half]), mistakes, "attention(q, k, v)")

# Now query 0 may look at key 1 only, and query 1 at key 0 only.
mask = torch.tensor([[False, True], [True, False]])
mistakes = {
    "the mask has no effect": [[4, 1, 0, 0], half],
    "the mask works the wrong way round; True is where a query may look": [[5, 0, 0, 0], [0, 5, 0, 0]],
    "forbidden scores become about 0, and exp(0) = 1 is a weight; make them -inf": [half, half],
    "the weights of a query no longer sum to 1; mask the scores, before the softmax": [
        [0, 1, 0, 0],
        [2.5, 0, 0, 0],
    ],
}
want = torch.tensor([[0, 5.0, 0, 0], [5.0, 0, 0, 0]])
check(call(attention, q, k, v, mask), want, mistakes, "attention(q, k, v, mask)")
check_unchanged(attention, q, k, v)

# Leading axes (B, H): one sequence, two heads, one query, two keys, d = 1.
# Head 0: scores (ln 3, 0), weights (3/4, 1/4), values (4, 8): 3 + 2 = 5.
# Head 1: scores (0, ln 4), weights (1/5, 4/5), values (10, 5): 2 + 4 = 6.
q, k = torch.ones(1, 2, 1, 1), torch.tensor([[[[math.log(3)], [0]], [[0], [math.log(4)]]]])
v = torch.tensor([[[[4.0], [8.0]], [[10.0], [5.0]]]])
try:
    result = call(attention, q, k, v)
except RuntimeError as error:
    hint = "`k.T` turns all axes round, `k.transpose(-2, -1)` the last two"
    raise CheckFailed(f"with leading axes (B, H) it stops: {error} ({hint})") from error
mistakes = {
    "the softmax runs over a leading axis; it must run over the keys (dim=-1)": [[[[4.6]], [[6.5]]]],
    "the scores are divided by the root of the number of heads, not of d": [[[[5.26]], [[6.3642]]]],
}
check(result, torch.tensor([[[[5.0]], [[6.0]]]]), mistakes, "attention(q, k, v), leading axes (B, H)")
print("attention: right, with a mask, without, and with leading axes")


# %% nbgrader={"grade": true, "grade_id": "attention_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random numbers, 0.5 points each:
# one query, no leading axes; leading axes (B, H);
# a mask (T, S); a mask (B, 1, 1, S), as for padding: short texts in a batch are filled up to one
# length, and the mask hides the filling.
### BEGIN HIDDEN TESTS
def expected(q, k, v, mask=None, scale=None):
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)


def mistakes(q, k, v, mask=None):
    (T, d), S, inputs = q.shape[-2:], k.shape[-2], (q, k, v, mask)
    root = "the scores are divided by the square root of the number of"
    scores = q @ k.mT / math.sqrt(d)
    allowed = torch.ones_like(scores).bool() if mask is None else mask.expand_as(scores)

    def over(dim):
        return torch.softmax(scores.masked_fill(~allowed, float("-inf")), dim).nan_to_num() @ v

    wrong = {
        "the scores are not divided by sqrt(d)": expected(*inputs, scale=1),
        "the scores are divided by d; divide them by its square root": expected(*inputs, scale=1 / d),
        "the scores are multiplied by sqrt(d); divide them by it": expected(*inputs, scale=math.sqrt(d)),
        f"{root} keys; d is the size of a query": expected(*inputs, scale=S**-0.5),
        f"{root} queries; d is the size of a query": expected(*inputs, scale=T**-0.5),
        f"{root} heads; d is the size of a query": expected(*inputs, scale=q.shape[1] ** -0.5),
        "sqrt(d) divides the weights; it must divide the scores": expected(*inputs, scale=1) / math.sqrt(d),
        "the softmax runs over the queries; it must run over the keys (dim=-1)": over(-2),
        "the softmax runs over a leading axis; it must run over the keys (dim=-1)": over(min(1, q.ndim - 1)),
        "there is no softmax": scores.masked_fill(~allowed, 0) @ v,
        "the weights weigh the keys; they belong on the values": expected(q, k, k, mask),
    }
    if mask is not None:
        wrong |= {
            "the mask has no effect": expected(q, k, v),
            "the mask works the wrong way round; True is where a query may look": expected(q, k, v, ~allowed),
            "forbidden scores become about 0, and exp(0) = 1 is a weight; make them -inf": (
                torch.softmax(scores * allowed, -1) @ v
            ),
            "the mask is added to the scores, as 0 and 1; forbidden scores must become -inf": (
                torch.softmax(scores + allowed.float(), -1) @ v
            ),
            "the weights of a query no longer sum to 1; mask the scores, before the softmax": (
                torch.softmax(scores, -1) * allowed @ v
            ),
        }
    return wrong


def compare(*inputs):
    check(call(attention, *inputs), expected(*inputs), mistakes(*inputs), "attention")


points = Points(2)
with points.part(0.5, "one query, no leading axes"):
    compare(fresh(1, 5), fresh(7, 5), fresh(7, 5))
with points.part(0.5, "leading axes (B, H)"):
    compare(fresh(2, 3, 4, 5), fresh(2, 3, 6, 5), fresh(2, 3, 6, 5))
with points.part(0.5, "a mask (T, S)"):
    allowed = fresh(4, 6) > 0
    allowed[:, 2] = True  # at least one key for every query
    allowed[:, 3] = False
    compare(fresh(4, 5), fresh(6, 5), fresh(6, 5), allowed)
    check_unchanged(attention, fresh(4, 5), fresh(6, 5), fresh(6, 5), allowed)
with points.part(0.5, "a mask (B, 1, 1, S)"):
    allowed = torch.arange(6) < torch.tensor([5, 3])[:, None, None, None]
    compare(fresh(2, 3, 4, 5), fresh(2, 3, 6, 5), fresh(2, 3, 6, 5), allowed)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: the causal mask (2 points)
#
# A model that predicts the next token must not see it. The causal mask (因果掩码) lets every position
# look at itself and at what stands before it.
#
# Sometimes the T queries are the *last* T of S ≥ T positions; the keys of the earlier ones are kept
# from before. The last query then sees all S keys, the one before it all but one: query i is at
# position S − T + i and sees the keys 0 to S − T + i.


# %% nbgrader={"grade": false, "grade_id": "causal_mask", "locked": false, "schema_version": 3, "solution": true, "task": false}
def causal_mask(T, S=None):
    """Which keys each of the last T of S positions may look at.

    S: the number of keys; None means S = T.
    Returns a boolean tensor (T, S), True where a query may look.
    Raises ValueError if S < T: there would be a query without a key.
    """
    ### BEGIN SOLUTION
    S = T if S is None else S
    if S < T:
        raise ValueError(f"{T} queries need {T} keys or more, not {S}")
    position = torch.arange(S - T, S)
    return torch.arange(S) <= position[:, None]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "causal_mask_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Three positions: the first sees itself, the last sees all.
yes, no = True, False
want = torch.tensor([[yes, no, no], [yes, yes, no], [yes, yes, yes]])
mistakes = {
    "it shows the future and hides the past; True is where a query may look": ~want,
    "it is the upper triangle: a query sees what comes after it": want.T,
    "a query does not see its own position": [[no, no, no], [yes, no, no], [yes, yes, no]],
}
check(call(causal_mask, 3), want, mistakes, "causal_mask(3)")

# The last two of four positions: the last query sees all four keys.
want = torch.tensor([[yes, yes, yes, no], [yes, yes, yes, yes]])
mistakes = {
    "query 0 is taken for position 0; it is at position S - T": [[yes, no, no, no], [yes, yes, no, no]],
    "the diagonal moves the wrong way; query 0 is at position S - T": [[no, no, no, no], [no, no, no, no]],
    "the first S - T keys are hidden from every query": [[no, no, yes, no], [no, no, yes, yes]],
    "a query does not see its own position": [[yes, yes, no, no], [yes, yes, yes, no]],
}
check(call(causal_mask, 2, 4), want, mistakes, "causal_mask(2, 4)")
check_raises(ValueError, causal_mask, 3, 2)
print("causal_mask: right")

# %% nbgrader={"grade": true, "grade_id": "causal_mask_hidden", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random sizes, 0.5 points each:
# as many keys as queries; more keys than queries (also T = 1).
### BEGIN HIDDEN TESTS
import random


def compare(T, *S):
    n = S[0] if S else T
    lower = torch.ones(T, n).tril(n - T).bool()
    mistakes = {
        "it shows the future and hides the past; True is where a query may look": ~lower,
        "it is the upper triangle: a query sees what comes after it": torch.ones(T, n).triu(n - T).bool(),
        "a query does not see its own position": torch.ones(T, n).tril(n - T - 1).bool(),
        "query 0 is taken for position 0; it is at position S - T": torch.ones(T, n).tril().bool(),
        "the diagonal moves the wrong way; query 0 is at position S - T": torch.ones(T, n).tril(T - n).bool(),
        "the first S - T keys are hidden from every query": lower & (torch.arange(n) >= n - T),
    }
    check(call(causal_mask, T, *S), lower, mistakes, f"causal_mask({', '.join(map(str, (T, *S)))})")


points = Points(1)
with points.part(0.5, "as many keys as queries"):
    compare(random.randint(4, 9))
    compare(1)
with points.part(0.5, "more keys than queries"):
    T = random.randint(4, 9)
    compare(T, T + random.randint(2, 5))
    compare(1, random.randint(4, 9))
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: several heads (3 points)
#
# Multi-head attention (多头注意力) runs H attentions side by side, each on d = D/H of the D features.
#
# 1. Project: three matrices make queries, keys and values of width D. A matrix is stored as `nn.Linear`
#    stores it, (out, in), so a projection is `x @ w.T`. The lesson's one layer `qkv` is these three
#    matrices, stacked.
# 2. Split: head h takes the features h·d to (h + 1)·d − 1, of every token.
# 3. Attend, each head for itself. Its scores are divided by √d, d being the size of a *head*.
# 4. Join: the features of head 0, then those of head 1, and so on: width D again.
# 5. Project with `w_o`, as in step 1.
#
# Use your `attention` for step 3. If it does not pass its tests yet,
# `torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)` computes the same.


# %% nbgrader={"grade": false, "grade_id": "multi_head", "locked": false, "schema_version": 3, "solution": true, "task": false}
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    """Multi-head self-attention.

    x: (B, T, D); w_q, w_k, w_v, w_o: (D, D), stored (out, in); H divides D.
    mask: None, or boolean, of a shape that broadcasts to (B, H, T, T); True where a query may look.
    Returns (B, T, D).
    """
    ### BEGIN SOLUTION
    B, T, D = x.shape

    def split(y):
        return y.view(B, T, H, D // H).transpose(1, 2)  # (B, H, T, d)

    heads = attention(split(x @ w_q.T), split(x @ w_k.T), split(x @ w_v.T), mask)
    return heads.transpose(1, 2).reshape(B, T, D) @ w_o.T
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "multi_head_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# D = 4, two heads of size d = 2: features 0 and 1 are head 0, features 2 and 3 are head 1.
# Token t has a 1 at feature t, so x @ w.T gives it the column t of w (column 3 is not used):
# queries (1,0 | 0,0), (0,0 | 0,1), (0,0 | 0,1); the keys are c times that; with c = sqrt(2) ln 2
# a score c becomes ln 2 once it is divided by sqrt(d).
# Head 0, values (12,0), (0,12), (0,0). Token 0: weights (2,1,1)/4, so (6,3). Others: 1/3 each, (4,4).
# Head 1, values (15,0), (0,15), (0,0). Token 0: 1/3 each, so (5,5). Others: (1,2,2)/5, (3,6).
# Joined: (6,3,5,5), (4,4,3,6), (4,4,3,6). w_o adds feature 3 to feature 0.
x, c = torch.eye(4)[None, :3], math.sqrt(2) * math.log(2)
w_q = torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0]])
w_v = torch.tensor([[12.0, 0, 0, 0], [0, 12, 0, 0], [15, 0, 0, 0], [0, 15, 0, 0]])
w_o = torch.tensor([[1.0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
weights = w_q, c * w_q, w_v, w_o
turned = "a projection uses w where it must use w.T"
mixed = "tokens and features get mixed: split D into (H, d), then bring H before T"
mistakes = {  # the rows of the tokens; the last one again where there are only two
    "the last projection is missing: x @ w_o.T": [[6, 3, 5, 5], [4, 4, 3, 6]],
    turned + " (all of them)": [[9.75, 3, 0, 9.75], [9, 4, 0, 9]],
    turned + " (w_q or w_k)": [[11, 3, 5, 5], [9, 4, 5, 5]],
    turned + " (w_v; look at w_q and w_k, too)": [[9.75, 3, 0, 0], [9, 4, 0, 0]],
    turned + " (w_o)": [[6, 3, 5, 11], [4, 4, 3, 10]],
    "the keys are made with w_q": [[11.0419, 2.9791, 5, 5], [10.0167, 4, 2.9666, 6.0167]],
    "the values are made with w_k": [[1.1436, 0, 0, 0.6535], [1.111, 0, 0, 0.7842]],
    "the scores are divided by sqrt(D), not sqrt(d)": [[10.393, 3.3035, 5, 5], [9.7415, 4, 3.517, 5.7415]],
    "there is one head, not H": [[9.5224, 3.3035, 6.7413, 4.1294], [8.5551, 4.5932, 3.517, 5.7415]],
    mixed: [[13.75, 3, 9, 4], [15, 4, 0, 6], [6, 5, 0, 6]],
    mixed + ", and back": [[10, 3, 4, 4], [9, 4, 5, 5], [9, 6, 3, 6]],
    mixed + " (in the split)": [[15.75, 3, 0, 6], [14, 4, 0, 5], [15, 4, 0, 6]],
    "one token's heads attend to each other; bring H before T": [
        [13, 0, 13.5, 0],
        [14, 13.5, 0, 14],
        [0] * 4,
    ],
    "the heads are joined in the wrong order": [[8, 5, 6, 3], [7, 6, 4, 4]],
    "head h takes every H-th feature; it must take d in a row": [[11, 4, 7.5, 5], [10, 4.8, 5, 6]],
    "the heads are split as (d, H); split D into (H, d)": [[11, 7.5, 4, 5], [10, 5, 4.8, 6]],
    "the heads are joined feature by feature; join them head after head": [[11, 5, 3, 5], [10, 3, 4, 6]],
    "it is causal without being asked": [[12, 0, 15, 0], [16, 6, 5, 10], [10, 4, 3, 6]],
}
mistakes = {sentence: [[*rows, rows[-1]][:3]] for sentence, rows in mistakes.items()}
want = torch.tensor([[[11, 3, 5, 5], [10, 4, 3, 6], [10, 4, 3, 6.0]]])
check(call(multi_head, x, *weights, H=2), want, mistakes, "multi_head(x, ..., H=2)")

# With the causal mask, token 0 sees itself only: (12,0 | 15,0). Token 1 sees 0 and 1:
# head 0 weighs them 1/2, 1/2, so (6,6); head 1 weighs them 1/3, 2/3, so (5,10).
causal = torch.tensor([[True, False, False], [True, True, False], [True, True, True]])
mistakes = {"the mask has no effect": want}
want = torch.tensor([[[12, 0, 15, 0], [16, 6, 5, 10], [10, 4, 3, 6.0]]])
check(call(multi_head, x, *weights, 2, causal), want, mistakes, "multi_head(x, ..., H=2, mask=causal)")
check_unchanged(multi_head, x, *weights, 2, causal)
print("multi_head: right, with a mask and without")


# %% nbgrader={"grade": true, "grade_id": "multi_head_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random numbers. 1 point: B > 1, no mask. 0.5 points: the causal mask (T, T).
# 0.5 points: a mask (B, 1, 1, T), another one for each sequence of the batch.
### BEGIN HIDDEN TESTS
def halves(y, H):  # (B, T, D) -> (B, H, T, d)
    return y.unflatten(-1, (H, -1)).transpose(1, 2)


def joined(heads):  # (B, H, T, d) -> (B, T, D)
    return heads.transpose(1, 2).flatten(2)


def expected(x, w_q, w_k, w_v, w_o, H, mask=None, split=halves, join=joined, scale=None):
    q, k, v = (split(x @ w.T, H) for w in (w_q, w_k, w_v))
    heads = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    return join(heads) @ w_o.T


def mistakes(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    given, one = (x, w_q, w_k, w_v, w_o, H, mask), torch.eye(D)
    mixed = "tokens and features get mixed: split D into (H, d), then bring H before T"
    turned = "a projection uses w where it must use w.T"
    return {
        "the mask has no effect": expected(*given[:-1]),
        "the last projection is missing: x @ w_o.T": expected(x, w_q, w_k, w_v, one, H, mask),
        turned + " (all of them)": expected(x, w_q.T, w_k.T, w_v.T, w_o.T, H, mask),
        turned + " (w_q, w_k and w_v)": expected(x, w_q.T, w_k.T, w_v.T, w_o, H, mask),
        turned + " (w_q)": expected(x, w_q.T, w_k, w_v, w_o, H, mask),
        turned + " (w_k)": expected(x, w_q, w_k.T, w_v, w_o, H, mask),
        turned + " (w_v)": expected(x, w_q, w_k, w_v.T, w_o, H, mask),
        turned + " (w_o)": expected(x, w_q, w_k, w_v, w_o.T, H, mask),
        "the scores are divided by sqrt(D); a head has size d = D/H": expected(*given, scale=D**-0.5),
        "there is one head of size D, not H heads": expected(x, w_q, w_k, w_v, w_o, 1, mask),
        "the keys are made with w_q": expected(x, w_q, w_q, w_v, w_o, H, mask),
        "the values are made with w_k": expected(x, w_q, w_k, w_k, w_o, H, mask),
        mixed: expected(*given, split=lambda y, H: y.view(B, H, T, -1), join=lambda y: y.reshape(B, T, D)),
        mixed + ", and back": expected(*given, join=lambda y: y.reshape(B, T, D)),
        mixed + " (in the split)": expected(*given, split=lambda y, H: y.view(B, H, T, -1)),
        "the heads of one token attend to each other; bring H before T": expected(
            x, w_q, w_k, w_v, w_o, H, split=lambda y, H: y.view(B, T, H, -1), join=lambda y: y.flatten(2)
        ),
        "the heads are joined in the wrong order": expected(*given, join=lambda y: joined(y.flip(1))),
        "it is causal without being asked": expected(
            x, w_q, w_k, w_v, w_o, H, torch.ones(T, T).tril().bool()
        ),
        "the mask of the first sequence serves for all": expected(
            x, w_q, w_k, w_v, w_o, H, mask[:1] if mask is not None and mask.ndim == 4 else mask
        ),
        "head h takes every H-th feature; it must take d in a row": expected(
            *given,
            split=lambda y, H: y.unflatten(-1, (-1, H)).movedim(-1, 1),
            join=lambda heads: heads.movedim(1, -1).flatten(2),
        ),
        "the heads are split as (d, H); split D into (H, d)": expected(
            *given, split=lambda y, H: y.unflatten(-1, (-1, H)).movedim(-1, 1)
        ),
        "the heads are joined feature by feature; join them head after head": expected(
            *given, join=lambda heads: heads.movedim(1, -1).flatten(2)
        ),
    }


def compare(mask=None):
    inputs = (fresh(2, 5, 12), *(fresh(12, 12) / 2 for _ in range(4)), 3, mask)
    check(call(multi_head, *inputs), expected(*inputs), mistakes(*inputs), "multi_head")


points = Points(2)
with points.part(1, "two sequences, no mask"):
    compare()
with points.part(0.5, "the causal mask"):
    compare(torch.ones(5, 5).tril().bool())
with points.part(0.5, "a mask (B, 1, 1, T)"):
    compare(torch.arange(5) < torch.tensor([3, 5])[:, None, None, None])
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4: rotary positions (3 points)
#
# Attention alone does not know the order of the tokens. Rotary positions (旋转位置编码, RoPE) rotate
# queries and keys by angles that grow with the position p, so that a score depends on the *distance* of
# its two tokens ([Su et al. 2021](https://arxiv.org/abs/2104.09864)).
#
# Take the d numbers of a vector x as d/2 pairs. Llama pairs the two *halves*: $x_j$ with $x_{j+d/2}$,
# for j from 0 to d/2 − 1. Pair j turns by the angle $p\,\theta_j$, with $\theta_j =
# \text{base}^{-2j/d}$:
#
# $$x'_j = x_j \cos(p\,\theta_j) - x_{j+d/2} \sin(p\,\theta_j)$$
#
# $$x'_{j+d/2} = x_{j+d/2} \cos(p\,\theta_j) + x_j \sin(p\,\theta_j)$$
#
# `positions` has T numbers, whole or fractional, in any order. So compute the angles: a table indexed by
# position will not do.


# %% nbgrader={"grade": false, "grade_id": "rope", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rope(x, positions, base=10000.0):
    """Rotate each vector by its position; pairs are halves: (x_j, x_{j + d/2}).

    x: (..., T, d), d even.
    positions: (T,), the position p of each of the T vectors, whole or fractional; angles are in radians.
    Returns (..., T, d).
    """
    ### BEGIN SOLUTION
    half = x.shape[-1] // 2
    theta = base ** (-torch.arange(half) / half)  # 2j/d = j/half
    angle = positions[:, None] * theta  # (T, d/2)
    first, second = x[..., :half], x[..., half:]
    return torch.cat(
        [
            first * angle.cos() - second * angle.sin(),
            second * angle.cos() + first * angle.sin(),
        ],
        dim=-1,
    )
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "rope_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# d = 4 and base = 4: theta = (1, 1/2). The pairs of (1, 2, 3, 4) are (1, 3) and (2, 4).
x = torch.tensor([[1.0, 2, 3, 4]])
# Position 0: nothing turns.
mistakes = {
    "position 0 turns as position 1 should": [[-1.9841, -0.1625, 2.4624, 4.4692]],
    "sine and cosine have changed places": [[-3, -4, 1, 2]],
    "sines and cosines are added to x; x must be rotated": [[1, 2, 4, 5]],
    "the pairs are read as neighbours and written as halves": [[1, 3, 2, 4]],
}
check(call(rope, x, torch.tensor([0.0]), base=4.0), x, mistakes, "rope(x, [0], base=4)")
# Position pi: the first pair turns by pi, to (-1, -3); the second by pi/2, to (-4, 2).
mistakes = {
    "nothing turns; is `positions` used?": x,
    "neighbours are paired, (x_0, x_1); pair the halves, (x_0, x_{d/2})": [[-1, -2, -4, 3]],
    "the angles stand in pairs, the numbers in halves": [[-1, -2, 1, 2]],
    "it turns the wrong way: look at the signs of the sines": [[-1, 4, -3, -2]],
    "both sines have a plus; in the first half it is a minus": [[-1, 4, -3, 2]],
    "the second half uses the first half after its rotation": [[-1, -4, -3, -4]],
    "every pair turns by p; pair j turns by p times theta_j": [[-1, -2, -3, -4]],
    "the exponent of theta is -2j/d; here it is -j/d": [[-1, -4.3942, -3, -0.8314]],
    "the exponent of theta is -2j/d; here it is -4j/d": [[-1, -1.4142, -3, 4.2426]],
    "the exponent of theta is -2j/d; here it is 2j/d": [[-1, 2, -3, 4]],
    "base is not used": [[-1, 1.8734, -3, 4.0608]],
    "the angles are taken for degrees; they are radians": [[0.8341, 1.8896, 3.0503, 4.0533]],
}
want = torch.tensor([[-1.0, -4, -3, 2]])
check(call(rope, x, torch.tensor([math.pi]), base=4.0), want, mistakes, "rope(x, [pi], base=4)")
check_unchanged(rope, x, torch.tensor([2]))

# Three positions at once, d = 6, base = 8: theta = (1, 1/2, 1/4). With r = sqrt(2), the pairs of x
# are (1, 3), (2, 4), (r, r). Position pi turns them by pi, pi/2, pi/4, to (-1, -3), (-4, 2), (0, 2);
# position 2 pi by 2 pi, pi, pi/2, to (1, 3), (-2, -4), (-r, r).
r, pi = math.sqrt(2), math.pi
x = torch.tensor([[1, 2, r, 3, 4, r]] * 3)
mistakes = {
    "position i meets theta_i alone; every position needs every theta": [[1, -4, -r, 3, 2, r]] * 3,
}
want = torch.tensor([[1, 2, r, 3, 4, r], [-1, -4, 0, -3, 2, 2], [1, -2, -r, 3, -4, r]])
p = torch.tensor([0, pi, 2 * pi])
check(call(rope, x, p, base=8.0), want, mistakes, "rope(x, [0, pi, 2 pi], base=8)")
print("rope: right")


# %% nbgrader={"grade": true, "grade_id": "rope_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random numbers, 0.5 points each:
# positions 0 to T - 1; leading axes (B, H) and other positions; another base;
# the score of a query and a key depends on their distance alone, whatever the pairs.
### BEGIN HIDDEN TESTS
def turned(x, angle, neighbours=False, minus=1):
    a, b = (x[..., 0::2], x[..., 1::2]) if neighbours else x.chunk(2, -1)
    pair = a * angle.cos() - minus * b * angle.sin(), b * angle.cos() + a * angle.sin()
    return torch.stack(pair, -1).flatten(-2) if neighbours else torch.cat(pair, -1)


def expected(x, p, base=10000.0, exponent=-2.0):
    j = torch.arange(x.shape[-1] // 2)
    return turned(x, p[:, None] * base ** (exponent * j / x.shape[-1]))


def mistakes(x, p, base=10000.0):
    d, j = x.shape[-1], torch.arange(x.shape[-1] // 2)
    theta = base ** (-2 * j / d)
    angle = p[:, None] * theta
    twice = angle.repeat_interleave(2, -1)
    a, b = x.chunk(2, -1)
    first = a * angle.cos() - b * angle.sin()
    return {
        "base is not used": expected(x, p),
        "neighbours are paired, (x_0, x_1); pair the halves, (x_0, x_{d/2})": turned(
            x, angle, neighbours=True
        ),
        "the pairs are read as neighbours and written as halves": turned(
            torch.cat([x[..., 0::2], x[..., 1::2]], -1), angle
        ),
        "the angles stand in pairs, the numbers in halves": (
            x * twice.cos() + torch.cat([-x[..., d // 2 :], x[..., : d // 2]], -1) * twice.sin()
        ),
        "it turns the wrong way: look at the signs of the sines": turned(x, -angle),
        "both sines have a plus; in the first half it is a minus": turned(x, angle, minus=-1),
        "the second half uses the first half after its rotation": torch.cat(
            [first, b * angle.cos() + first * angle.sin()], -1
        ),
        "sine and cosine have changed places": turned(x, math.pi / 2 - angle),
        "sines and cosines are added to x; x must be rotated": x + torch.cat([angle.sin(), angle.cos()], -1),
        "the angles are taken for degrees; they are radians": turned(x, torch.deg2rad(angle)),
        "every pair turns by p; pair j turns by p times theta_j": turned(x, p[:, None] + 0 * theta),
        "the angle does not depend on p": turned(x, theta),
        "the exponent of theta is -2j/d; here it is -j/d": expected(x, p, base, -1),
        "the exponent of theta is -2j/d; here it is -4j/d": expected(x, p, base, -4),
        "the exponent of theta is -2j/d; here it is 2j/d": expected(x, p, base, 2),
        "position 0 turns as position 1 should": expected(x, p + 1, base),
        "`positions` is not used: the rows are taken for 0, 1, ...": expected(x, torch.arange(len(p)), base),
    }


def compare(*inputs):
    check(call(rope, *inputs), expected(*inputs), mistakes(*inputs), "rope")


points = Points(2)
with points.part(0.5, "positions 0 to T - 1"):
    compare(fresh(5, 8), torch.arange(5))
with points.part(0.5, "leading axes, other positions"):
    compare(fresh(2, 3, 4, 6), torch.tensor([7, 2, 30, 31]))
with points.part(0.5, "another base"):
    compare(fresh(3, 8), torch.tensor([3, 4, 6]), 500.0)
with points.part(0.5, "scores by distance"):
    q, k = fresh(1, 16), fresh(1, 16)
    first, later = (
        [
            float(
                (call(rope, q, torch.tensor([p + m]), 100.0) * call(rope, k, torch.tensor([p]), 100.0)).sum()
            )
            for m in (0, 1, 5, 20, 60, 90)
        ]
        for p in (2, 13)
    )
    if max(first) - min(first) < 0.05:
        raise CheckFailed("the score does not depend on the distance; does anything turn?")
    if max(abs(one - other) for one, other in zip(first, later, strict=True)) > 0.02:
        raise CheckFailed("two tokens at the same distance, further on in the text, have another score")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5: one step with a cache (4 points)
#
# A model that writes text adds one token at a time. The keys and values of the tokens before do not
# change, so they are kept: the key-value cache (键值缓存). A step then computes the query, key and
# value of the new token only.
#
# The new token stands at position S, after S cached ones. It looks at all S + 1 positions, itself among
# them. The result is the last row of `multi_head` over the whole text with the causal mask.
#
# `rotate`, if given, turns the new query and the new key by the position of the new token, *before* the
# key enters the cache. Values are not rotated, cached keys not a second time. Here `rotate` is a
# function of (t, positions), like your `rope`; it is not the lesson's `rotate`. Its positions are a
# tensor: make them with `torch.tensor([S])` or the like.
#
# Several texts may continue from one cache. So the caller's cache stays as it was, and you return a new
# one. An empty cache has keys and values of shape (B, H, 0, d); `torch.cat` works with an empty tensor.
#
# As in task 3, use your `attention` or the library's.


# %% nbgrader={"grade": false, "grade_id": "decode_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    """Multi-head attention of one new token over the cached ones and itself.

    x: (B, 1, D), the new token. w_q, w_k, w_v, w_o: (D, D), stored (out, in), as in multi_head.
    cache: {"keys": (B, H, S, d), "values": (B, H, S, d)}, S >= 0; the newest token is last.
    rotate: None, or a function rotate(t, positions) of t (B, H, 1, d) and positions (1,).
    Returns out, (B, 1, D), and a new dictionary like cache, of S + 1 tokens.
    """
    ### BEGIN SOLUTION
    B, _, D = x.shape
    S = cache["keys"].shape[2]

    def split(y):
        return y.view(B, 1, H, D // H).transpose(1, 2)  # (B, H, 1, d)

    q, k, v = split(x @ w_q.T), split(x @ w_k.T), split(x @ w_v.T)
    if rotate is not None:
        position = torch.tensor([S])
        q, k = rotate(q, position), rotate(k, position)
    keys = torch.cat([cache["keys"], k], dim=2)
    values = torch.cat([cache["values"], v], dim=2)
    heads = attention(q, keys, values)  # no mask: the last token sees everything
    out = heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T
    return out, {"keys": keys, "values": values}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "decode_step_by_hand", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
# One head, d = 4, one token in the cache. New query: x itself; new key: 0; new value: 15 x.
# Scores (2 ln 2, 0), divided by 2 (ln 2, 0), weights (2/3, 1/3). w_o doubles the result.
x, one = torch.tensor([[[1.0, 0, 0, 0]]]), torch.eye(4)
weights = one, 0 * one, 15 * one, 2 * one
cache = {
    "keys": torch.tensor([[[[2 * math.log(2), 0, 0, 0]]]]),
    "values": torch.tensor([[[[0, 15.0, 0, 0]]]]),
}
out, grown = unpack(call(decode_step, x, cache, *weights, H=1), "out", "cache")
want = {
    "keys": torch.tensor([[[[2 * math.log(2), 0, 0, 0], [0, 0, 0, 0]]]]),
    "values": torch.tensor([[[[0, 15.0, 0, 0], [15.0, 0, 0, 0]]]]),
}
only_new = {"keys": want["keys"][:, :, 1:], "values": want["values"][:, :, 1:]}
backwards = {"keys": want["keys"].flip(2), "values": want["values"].flip(2)}
mistakes = {
    "it is the old cache, without the new token": cache,
    "it holds the new token only; the cached ones stand before it": only_new,
    "the new token stands first; the newest stands last": backwards,
    "the new key stands first, the new value last": backwards | {"values": want["values"]},
    "the new value stands first, the new key last": backwards | {"keys": want["keys"]},
    "keys and values have changed places": {"keys": want["values"], "values": want["keys"]},
}
check(grown, want, mistakes, "the new cache")
mistakes = {
    "the new token does not look at itself: append first, then attend": [[[0, 30, 0, 0]]],
    "the new token looks at itself only, not at the cache": [[[30, 0, 0, 0]]],
    "the last projection is missing: x @ w_o.T": [[[5, 10, 0, 0]]],
}
check(out, torch.tensor([[[10, 20.0, 0, 0]]]), mistakes, "the output")
check_unchanged(decode_step, x, cache, *weights, 1)
print("decode_step: right without rotate")


# %% nbgrader={"grade": true, "grade_id": "decode_step_rotated", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
# A stand-in for rope that shows which positions it got: it multiplies by 1 + p.
def stretch(t, positions):
    if not isinstance(positions, torch.Tensor) or positions.shape not in ((1,), t.shape[-2:-1]):
        raise CheckFailed(f"rotate: positions must be a tensor of shape (1,); it is {positions!r:.50}")
    return t * (1 + positions)[:, None]


# One head, d = 1. Two tokens are cached, so the new one is at position 2: query and key are multiplied
# by 3. With u = (ln 2)/3, the cached keys are 2u, 2u; the new one is u, so 3u. The query 1 becomes 3.
# Scores (6u, 6u, 9u) = (2 ln 2, 2 ln 2, 3 ln 2), weights (4, 4, 8)/16.
# Values 4, 8, 16: 1 + 2 + 8 = 11, and w_o doubles it.
def kept(keys, values=(4, 8, 16)):
    keys, values = (torch.tensor(numbers).float().view(1, 1, -1, 1) for numbers in (keys, values))
    return {"keys": keys * math.log(2) / 3, "values": values}


x, cache = torch.ones(1, 1, 1), kept((2, 2), (4, 8))
weights = [torch.tensor([[number]]) for number in (1.0, math.log(2) / 3, 16.0, 2.0)]
out, grown = unpack(call(decode_step, x, cache, *weights, H=1, rotate=stretch), "out", "cache")
mistakes = {
    "the new key is not rotated before it enters the cache; it is at position S": kept((2, 2, 1)),
    "the position is S + 1; positions count from 0": kept((2, 2, 4)),
    "the cached keys are rotated again, each by its position": kept((2, 4, 3)),
    "the cached keys are rotated again, by the new token's position": kept((6, 6, 3)),
    "the values are rotated; rotate the query and the key": kept((2, 2, 3), (4, 8, 48)),
    "it is the old cache, without the new token": cache,
    "it holds the new token only; the cached ones stand before it": kept((3,), (16,)),
    "the new token stands first; the newest stands last": kept((3, 2, 2), (16, 4, 8)),
    "the new key stands first, the new value last": kept((3, 2, 2)),
    "the new value stands first, the new key last": kept((2, 2, 3), (16, 4, 8)),
    "the new token has overwritten one in the cache; append it": kept((2, 3), (4, 16)),
}
check(grown, kept((2, 2, 3)), mistakes, "the new cache with rotate")
mistakes = {
    "the query is not rotated; it is at position S": [[[19.7299]]],
    "the new token does not look at itself: append first, then attend": [[[12]]],
    "the new token looks at itself only, not at the cache": [[[32]]],
    "the new token sees the first key only; it is the last and sees all": [[[8]]],
    "the last projection is missing: x @ w_o.T": [[[11]]],
}
check(out, torch.tensor([[[22.0]]]), mistakes, "the output with rotate")
print("decode_step: right with rotate")

# %% nbgrader={"grade": true, "grade_id": "decode_step_hidden", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random numbers. 1 point: the output, from an empty cache and a filled one.
# 0.5 points: the new cache. 0.5 points: the caller's cache stays as it was.
# 1 point: output and cache with `rotate`.
### BEGIN HIDDEN TESTS
SAYS = {
    "blind": "the new token does not look at itself: append first, then attend",
    "alone": "the new token looks at itself only, not at the cache",
    "first": "the new token sees the first key only; it is the last and sees all",
    "w": "a projection uses w where it must use w.T",
    "w_o": "the last projection is missing: x @ w_o.T",
    "D": "the scores are divided by sqrt(D); a head has size d = D/H",
    "unrotated": "nothing is rotated, or the new token is taken for position 0; it is at position S",
    "late": "the position is S + 1; positions count from 0",
    "key": "the new key is not rotated before it enters the cache",
    "query": "the query is not rotated",
    "values": "the values are rotated; rotate the query and the key",
    "again": "the cached keys are rotated again, each by its position",
    "all": "the cached keys are rotated again, by the new token's position",
    "front": "the new token stands first; the newest stands last",
    "front k": "the new key stands first, the new value last",
    "front v": "the new value stands first, the new key last",
    "old": "it is the old cache, without the new token",
    "new": "it holds the new token only; the cached ones stand before it",
    "over": "the new token has overwritten one in the cache; append it",
    "swapped": "keys and values have changed places",
    "raw": "the new key is not rotated before it enters the cache; in the scores it is",
}


def reference(x, cache, w_q, w_k, w_v, w_o, H, rotate=None, wrong=None):
    """decode_step, or what it gives with one thing wrong, a key of SAYS."""
    if wrong == "w":
        w_q, w_k, w_v, w_o = w_q.T, w_k.T, w_v.T, w_o.T
    q, k, v = ((x @ w.T).unflatten(-1, (H, -1)).transpose(1, 2) for w in (w_q, w_k, w_v))
    keys, values = cache["keys"], cache["values"]
    S = keys.shape[2]
    if rotate is not None:
        raw, p = k, torch.tensor([S + 1 if wrong == "late" else S])
        q = q if wrong in ("unrotated", "query") else rotate(q, p)
        k = k if wrong in ("unrotated", "key") else rotate(k, p)
        v = rotate(v, p) if wrong == "values" else v
        keys = {"again": rotate(keys, torch.arange(S)), "all": rotate(keys, p)}.get(wrong, keys)
    old = slice(S - 1) if wrong == "over" else slice(0) if wrong == "new" else slice(S)
    keys = torch.cat([keys[:, :, old], k][:: -1 if wrong in ("front", "front k") else 1], 2)
    values = torch.cat([values[:, :, old], v][:: -1 if wrong in ("front", "front v") else 1], 2)
    seen = {"blind": slice(S), "alone": slice(S, None), "first": slice(1)}.get(wrong, slice(None))
    heads = torch.nn.functional.scaled_dot_product_attention(
        q, keys[:, :, seen], values[:, :, seen], scale=x.shape[-1] ** -0.5 if wrong == "D" else None
    )
    joined = heads.transpose(1, 2).flatten(2)
    if wrong == "raw" and rotate is not None:
        keys = torch.cat([keys[:, :, :S], raw], 2)
    grown = {"keys": values, "values": keys} if wrong == "swapped" else {"keys": keys, "values": values}
    return {"out": joined if wrong == "w_o" else joined @ w_o.T, "cache": cache if wrong == "old" else grown}


def turn(t, p):  # rotary positions
    angle = p[:, None] * 0.3 ** torch.arange(t.shape[-1] // 2)
    a, b = t.chunk(2, -1)
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


def compare(S, names, rotate=None):
    kept = {"keys": fresh(2, 3, S, 4), "values": fresh(2, 3, S, 4)}
    inputs = (fresh(2, 1, 12), kept, *(fresh(12, 12) / 2 for _ in range(4)), 3, rotate)
    got = dict(zip(("out", "cache"), unpack(call(decode_step, *inputs), "out", "cache"), strict=True))

    def asked(result):
        return {name: result[name] for name in names}

    mistakes = {sentence: asked(reference(*inputs, wrong=key)) for key, sentence in SAYS.items()}
    check(asked(got), asked(reference(*inputs)), mistakes, " and ".join(names))
    return inputs


points = Points(3)
with points.part(1, "the output"):
    compare(4, ["out"])
    compare(0, ["out"])
with points.part(0.5, "the new cache"):
    compare(4, ["cache"])
    compare(0, ["cache"])
with points.part(0.5, "the caller's cache"):
    check_unchanged(decode_step, *compare(4, ["cache"]))
with points.part(1, "rotate"):
    compare(4, ["out", "cache"], turn)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: the cost (3 points)
#
# Count what one attention layer costs, for B sequences of T tokens, width D, H heads of size d = D/H.
#
# **Operations.** One multiply-add counts as 2. Count the scores $q k^\top$ and the weighted sum of the
# values, for all heads. Leave out the projections, the softmax and what a causal mask could save.
#
# - `full`: all T tokens of each sequence at once, each query against T keys.
# - `step`: one new token for each sequence, with a cache; its query meets T keys, its own among them.
#
# **Memory**, in bytes; every number takes `number_bytes`.
#
# - `scores`: the scores of all heads for all T tokens at once.
# - `cache`: the key-value cache of T tokens for each sequence.


# %% nbgrader={"grade": false, "grade_id": "attention_cost", "locked": false, "schema_version": 3, "solution": true, "task": false}
def attention_cost(B, T, D, H, number_bytes):
    """Operations and bytes of one attention layer; H divides D.

    Returns {"full": operations, "step": operations, "scores": bytes, "cache": bytes}, whole numbers.
    """
    ### BEGIN SOLUTION
    d = D // H
    # One query, in all heads: T dot products of length d, then the sum of T values of length d.
    multiply_adds = 2 * H * T * d
    return {
        "full": 2 * B * T * multiply_adds,
        "step": 2 * B * multiply_adds,
        "scores": B * H * T * T * number_bytes,
        "cache": 2 * B * T * D * number_bytes,
    }
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "attention_cost_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# B = 10, T = 3, D = 10, H = 5, so d = 2; 2 bytes a number. One sequence first:
# One head has 3 x 3 scores, each of 2 multiply-adds: 18.
# Its weighted values are 3 x 2 numbers, each of 3 multiply-adds: 18.
# 5 heads: 180 multiply-adds, 360 operations. A step has one query, not three: 120.
# 5 heads of 3 x 3 scores: 45 numbers, 90 bytes. 3 keys and 3 values of width 10: 60 numbers, 120 bytes.
# All of it ten times, for 10 sequences.
cost = call(attention_cost, 10, 3, 10, 5, 2)
half = "half is missing: a multiply-add counts as 2, there are two products, and a mask saves nothing"
quarter = "three quarters are missing: a multiply-add counts as 2, and there are two products"
layer = "projections and feed-forward are counted; leave them out"
mistakes = {
    "full": {
        1800: half,
        900: quarter,
        18000: "it counts D for every head; a head has size D/H",
        720: "it counts one head, not H",
        1200: "it counts T scores a head; T queries meet T keys, so T x T",
        360: "the batch is not counted",
        27600: "the projections are counted; leave them out",
        75600: layer,
    },
    "step": {
        600: half,
        300: quarter,
        6000: "it counts D for every head; a head has size D/H",
        240: "it counts one head, not H",
        400: "the query meets one key, not T",
        3600: "it counts T queries; one token only is new",
        120: "the batch is not counted",
        9200: "the projections are counted; leave them out",
        25200: layer,
    },
    "scores": {
        450: "it counts numbers, not bytes",
        180: "each head has its own scores",
        7200: "it counts bits, not bytes",
        300: "every query has a score for every key: T x T in a head",
        1800: "a score is one number, whatever the width",
        90: "the batch is not counted",
    },
    "cache": {
        600: "it counts numbers, not bytes, or the keys without the values",
        3600: "it counts T x T; the cache holds T keys",
        6000: "it counts D for every head; the heads share the width D",
        240: "it counts one head, not H",
        9600: "it counts bits, not bytes",
        120: "the batch is not counted",
    },
}
right = {"full": 3600, "step": 1200, "scores": 900, "cache": 1200}
names = {name: 0 for name in right if name in cost} if isinstance(cost, dict) else cost
check(names, dict.fromkeys(right, 0), what="what attention_cost returns")
for name, want in right.items():
    wrong = {sentence: number for number, sentence in mistakes[name].items()}
    check(cost[name], want, wrong, name)
print("attention_cost: right")

# %% nbgrader={"grade": true, "grade_id": "attention_cost_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random sizes, 0.5 points each: full, step, scores, cache.
### BEGIN HIDDEN TESTS
import random

B, T, H, d = (random.choice(pair) for pair in ((3, 5), (11, 13), (17, 19), (23, 29)))
D, n = H * d, 8  # odd primes, and 8: no two mistakes give the same number
right = {
    "full": 4 * B * T * T * D,
    "step": 4 * B * T * D,
    "scores": B * H * T * T * n,
    "cache": 2 * B * T * D * n,
}
half = "half is missing: a multiply-add counts as 2, there are two products, and a mask saves nothing"
quarter = "three quarters are missing: a multiply-add counts as 2, and there are two products"
operations = {
    half: 1 / 2,
    quarter: 1 / 4,
    "the projections are counted; leave them out": 1 + 2 * D / T,
    "projections and feed-forward are counted; leave them out": 1 + 6 * D / T,
    "it counts D for every head; a head has size D/H": H,
    "it counts one head, not H": 1 / H,
    "the batch is not counted": 1 / B,
}
factors = {
    "full": operations | {"it counts T scores a head; T queries meet T keys, so T x T": 1 / T},
    "step": operations
    | {"the query meets one key, not T": 1 / T, "it counts T queries; one token only is new": T},
    "scores": {
        "it counts numbers, not bytes": 1 / n,
        "it takes 2 bytes for every number; use number_bytes": 2 / n,
        "it counts bits, not bytes": 8,
        "each head has its own scores": 1 / H,
        "every query has a score for every key: T x T in a head": 1 / T,
        "a score is one number, whatever the width": d,
        "the batch is not counted": 1 / B,
    },
    "cache": {
        "it holds keys and values, two vectors a token": 1 / 2,
        "it counts numbers, not bytes": 1 / n,
        "it takes 2 bytes for every number; use number_bytes": 2 / n,
        "it counts bits, not bytes": 8,
        "it counts D for every head; the heads share the width D": H,
        "it counts one head, not H": 1 / H,
        "it counts T x T; the cache holds T keys": T,
        "the batch is not counted": 1 / B,
    },
}
points = Points(2)
for name, want in right.items():
    with points.part(0.5, name):
        wrong = {sentence: round(want * factor) for sentence, factor in factors[name].items()}
        cost = call(attention_cost, B, T, D, H, n)
        if not isinstance(cost, dict) or name not in cost:
            raise CheckFailed(f"attention_cost must return a dictionary with the key {name!r}")
        check(cost[name], want, wrong, name)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7: in your own words (2 points, graded by hand)
#
# A model is to get a context window ten times as long. "The cache makes the cost of a token constant,
# so long texts cost what short ones do", says a colleague.
#
# Answer in five to eight sentences. By which factor does each of these grow, per layer, and why?
#
# - the work for the whole prompt;
# - the work for one more token, with the cache;
# - the memory of the cache.
#
# Then say where your colleague is wrong. "Work" is the work of scores and weighted sum, as counted in
# task 6. Half a point each: the prompt, the token, the cache, the mistake.

# %% [markdown] nbgrader={"grade": true, "grade_id": "in_your_words", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# **Model answer.** Attention over the whole prompt is 100 times the work: ten times as many queries,
# each against ten times as many keys (4·B·T²·D operations). One more token costs ten times as much,
# because its query still meets every cached key and value (4·B·T·D); the cache saves computing them
# again, not looking at them. The cache itself takes ten times the memory, two vectors of width D for
# every token, and every step reads all of it. So the cost of a token grows linearly with the text; it
# is not constant. (The projections and the feed-forward layer do cost the same for every token.)
#
# **Rubric.** Half a point for each of: the prompt's work grows by 100, with the reason; a step's by
# 10, with the reason; the cache grows by 10; the colleague's mistake is named: the cache avoids
# recomputing keys and values, but a query still attends to all of them. Full marks
# without formulas if the reasons are there. Nothing for "it gets slower" alone. A learner who adds that
# feed-forward and projections are constant per token, or that fewer key-value heads shrink the cache,
# is right; no extra points.
