# ---
# jupyter:
#   course:
#     title: "Assignment 1: Attention"
# ---

# %% [markdown]
# # Assignment 1: attention
#
# The lesson worked through one example of attention (注意力): one text, small numbers. Here you write
# the general functions, as a language model needs them: many texts and heads at once, every kind of mask,
# positions, a cache, and the cost. Seven tasks, 20 points, 60 to 90 minutes.
#
# **How to work.** Replace each `raise NotImplementedError()` by your code; keep the function's name and
# arguments. Run the test cells under it: where something is wrong, they say what they met. Press
# **Validate** before you hand in: it runs everything afresh, as the grader will. The grader also runs
# hidden tests, on other numbers; a comment says what each one checks and what it is worth. Add cells
# where you like, and leave the given ones in place.
#
# **In every task.** Tensors are `float32` unless the task says otherwise. A function leaves its arguments
# as they are. Any way of computing the right result is right. Should you want a helper function, define
# it inside the function that uses it: the tests, hidden ones too, define functions of their own (`call`,
# `check`, ...) and would replace yours of the same name.
# Use Python, torch and NumPy: the grader has no pandas, SciPy or scikit-learn.
#
# **Notation.** B sequences in a batch, T tokens (词元), D width, H heads (头) of size d = D/H; shapes
# are written (B, T, D).

# %% reuse="cells/checks:checks" nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false}

# %% fold="What the checks compare with: no need to read it" nbgrader={"grade": false, "grade_id": "mistakes", "locked": true, "schema_version": 3, "solution": false, "task": false}
MISTAKES = {}  # what is checked -> {the mistake, in words: the result it gives there}


def explained(hint, function, *arguments):
    """The result of a call; where the library stops it, its message with a hint to it."""
    try:
        return call(function, *arguments)
    except (RuntimeError, IndexError) as error:
        if isinstance(error, NotImplementedError):
            raise
        raise CheckFailed(f"{function.__name__} stops: {error} ({hint})") from error


_half = [2.0, 2, 2, 0]
MISTAKES["attention(q, k, v)"] = {
    "the scores are not divided by sqrt(d)": [[16 / 3, 1 / 3, 1 / 3, 0], _half],
    "the scores are divided by d; divide them by its square root": [[3, 1.5, 1.5, 0], _half],
    "the scores are multiplied by sqrt(d); divide them by it": [[256 / 43, 1 / 43, 1 / 43, 0], _half],
    "the scores are divided by the square root of the number of keys; d is the size of a query": [
        [4.2748, 0.8626, 0.8626, 0],
        _half,
    ],
    "the scores are divided by the square root of the number of queries; d is the size of a query": [
        [4.6815, 0.6592, 0.6592, 0],
        _half,
    ],
    "sqrt(d) divides the weights; it must divide the scores": [[8 / 3, 1 / 6, 1 / 6, 0], [1, 1, 1, 0]],
    "the softmax runs over the queries; it must run over the keys (dim=-1)": [[4.8, 3, 3, 0], [1.2, 3, 3, 0]],
    "there is no softmax": [[12 * math.log(2), 0, 0, 0], [0, 0, 0, 0]],
    "these are the weights; they still have to weigh the values": [[2 / 3, 1 / 6, 1 / 6], [1 / 3] * 3],
    "the weights weigh the keys; they belong on the values": [
        [8 / 3 * math.log(2), 1 / 6, 1 / 6, 0],
        [4 / 3 * math.log(2), 1 / 3, 1 / 3, 0],
    ],
}
MISTAKES["attention(q, k, v, mask)"] = {
    "the mask has no effect": [[4, 1, 1, 0], _half],
    "the mask works the wrong way round; True is where a query may look": [[6, 0, 0, 0], [0, 3, 3, 0]],
    "forbidden scores become about 0, and exp(0) = 1 is a weight; make them -inf": [_half, _half],
    "the mask is added to the scores, as 0 and 1; forbidden scores must become -inf": [
        [2.5433, 1.7283, 1.7283, 0],
        [3.4567, 1.2717, 1.2717, 0],
    ],
    "the weights of a query no longer sum to 1; mask the scores, before the softmax": [
        [0, 1, 1, 0],
        [2, 0, 0, 0],
    ],
}
MISTAKES["attention, leading axes (B, H)"] = {
    sentence: torch.tensor(numbers)[:, None, None].expand(1, 2, 1, 4)
    for sentence, numbers in {
        "the scores are not divided by sqrt(d)": [6, 60 / 11],
        "the scores are divided by d; divide them by its square root": [4.4853, 6.3397],
        "the scores are multiplied by sqrt(d); divide them by it": [22 / 3, 420 / 83],
        "the scores are divided by the square root of the number of keys; d is the size of a query": [
            5.1607,
            5.9,
        ],
        "the scores are divided by the square root of the number of heads; d is the size of a query": [
            5.4277,
            5.7431,
        ],
        "sqrt(d) divides the weights; it must divide the scores": [3, 30 / 11],
        "the softmax runs over the queries; it must run over the keys (dim=-1)": [12.0, 20],
        "the softmax runs over a leading axis; it must run over the keys (dim=-1)": [22 / 3, 125 / 12],
        "there is no softmax": [8 * math.log(2), 5 * math.log(3)],
        "the weights weigh the keys; they belong on the values": [math.log(2) / 4, 0.3 * math.log(3)],
    }.items()
}
MISTAKES["attention, leading axes (B, H), a mask (T, S)"] = {
    sentence: torch.tensor(rows)[:, None].expand(2, 5, 3, 6)
    for sentence, rows in {
        "the mask has no effect, or forbidden scores become about 0, and exp(0) = 1 is a weight; make them "
        "-inf": [10.0, 10, 10],
        "the mask works the wrong way round; True is where a query may look": [14.0, 16, 0],
        "the mask is added to the scores, as 0 and 1; forbidden scores must become -inf": [
            8.1525,
            8.8737,
            10,
        ],
        "the weights of a query no longer sum to 1; mask the scores, before the softmax": [3.0, 6, 10],
    }.items()
}
MISTAKES["attention, queries that may look at nothing"] = {
    sentence: torch.tensor([[6, 8, 10], [first, 12, 14]])[:, None, :, None].expand(2, 5, 3, 6)
    for sentence, first in {
        "a query that may look at nothing gets NaN (0/0); its result is 0": math.nan,
        "a query that may look at nothing looks at all keys alike; its result is 0": 10.0,
    }.items()
}


def _rows(*rows):
    """1 where a query may look."""
    return [[number == "1" for number in row] for row in rows]


MISTAKES["causal_mask(3)"] = {
    "it shows the future and hides the past; True is where a query may look": _rows("011", "001", "000"),
    "it is the upper triangle: a query sees what comes after it": _rows("111", "011", "001"),
    "a query does not see its own position": _rows("000", "100", "110"),
}
MISTAKES["causal_mask(3, 5)"] = {
    "query 0 is taken for position 0; it is at position S - T": _rows("10000", "11000", "11100"),
    "the diagonal moves the wrong way; query 0 is at position S - T": _rows("00000", "00000", "10000"),
    "the diagonal moves by T; query 0 is at position S - T": _rows("11110", "11111", "11111"),
    "the first S - T keys are hidden from every query": _rows("00100", "00110", "00111"),
    "a query does not see its own position": _rows("11000", "11100", "11110"),
}
MISTAKES["causal_mask(3, 5, window=2)"] = {
    "the window has no effect": _rows("11100", "11110", "11111"),
    "the window is one too long; a query's own position is one of the `window`": _rows(
        "11100", "01110", "00111"
    ),
    "the window stands at the first keys; it ends at the query's own position": _rows(
        "11000", "11000", "11000"
    ),
    "within the window a query sees what comes after it": _rows("01111", "00111", "00011"),
}


def _tokens(*rows):
    """The rows of four tokens; the last one stands for those that are left."""
    return torch.tensor([[*rows, *[rows[-1]] * (4 - len(rows))]]).float()


_turned = "a projection uses w where it must use w.T"
_mixed = "tokens and features get mixed: split D into (H, d), then bring H before T"
MISTAKES["multi_head(x, ..., H=2)"] = {
    "the last projection is missing: x @ w_o.T": _tokens([24, 12, 0, 21, 21, 0], [15, 15, 0, 12, 24, 0]),
    f"{_turned} (all of them)": _tokens([40.8, 12, 0, 0, 40.8, 0], [36, 15, 0, 0, 36, 0]),
    f"{_turned} (w_q or w_k)": _tokens([45, 12, 0, 21, 21, 0], [36, 15, 0, 21, 21, 0]),
    f"{_turned} (w_v; look at w_q and w_k, too)": _tokens([40.8, 12, 0, 0, 0, 0], [36, 15, 0, 0, 0, 0]),
    f"{_turned} (w_o)": _tokens([24, 12, 0, 21, 45, 0], [15, 15, 0, 12, 39, 0]),
    "the keys are made with w_q": _tokens(
        [43.3534, 12.5489, 0, 21, 21, 0], [38.5863, 15, 0, 13.241, 23.5863, 0]
    ),
    "the values are made with w_k": _tokens([0.4802, 0, 0, 0, 0, 0.9004], [0.3001, 0, 0, 0, 0, 1.0291]),
    "the scores are divided by sqrt(D), not sqrt(d)": _tokens(
        [42.1443, 12.9519, 0, 21, 21, 0], [38.2523, 15, 0, 14.2431, 23.2523, 0]
    ),
    "there is one head, not H": _tokens(
        [39.277, 12.9519, 0, 29.602, 18.1327, 0], [33.4259, 16.6088, 0, 14.2431, 23.2523, 0]
    ),
    _mixed: _tokens([76.8, 28.8, 0, 36, 36, 0], [81.6, 36, 0, 28.8, 45.6, 0], [0] * 6),
    f"{_mixed}, and back": _tokens(
        [39, 12, 0, 15, 15, 0], [30, 15, 0, 15, 15, 0], [45, 21, 0, 12, 24, 0], [36, 24, 0, 12, 24, 0]
    ),
    f"{_mixed} (in the split)": _tokens(
        [40.8, 28.8, 0, 0, 0, 0], [36, 36, 0, 0, 0, 0], [36, 36, 0, 0, 0, 0], [28.8, 45.6, 0, 0, 0, 0]
    ),
    "one token's heads attend to each other; bring H before T": _tokens(
        [68, 0, 0, 72, 0, 0], [76, 72, 0, 0, 76, 0], [0] * 6
    ),
    "the heads are joined in the wrong order": _tokens([33, 21, 0, 24, 12, 0], [27, 24, 0, 15, 15, 0]),
    "head h takes every H-th feature; it must take d in a row": _tokens(
        [40.8, 15, 0, 21, 16.8, 0], [36, 120 / 7, 0, 12, 21, 0]
    ),
    "the heads are split as (d, H); split D into (H, d)": _tokens(
        [45, 0, 16.8, 15, 21, 0], [27, 0, 21, 120 / 7, 12, 0]
    ),
    "the heads are joined feature by feature; join them head after head": _tokens(
        [24, 21, 12, 21, 0, 0], [15, 12, 15, 24, 0, 0]
    ),
    "it is causal without being asked": _tokens(
        [60, 0, 0, 84, 0, 0], [86, 30, 0, 28, 56, 0], [53.6, 20, 0, 16.8, 33.6, 0], [39, 15, 0, 12, 24, 0]
    ),
}
MISTAKES["multi_head, a mask for each text"] = {
    "the mask has no effect": _tokens([45, 12, 0, 21, 21, 0], [39, 15, 0, 12, 24, 0]).expand(2, 4, 6),
    "the mask of the first sequence serves for all": _tokens(
        [82, 20, 0, 42, 42, 0], [86, 30, 0, 28, 56, 0]
    ).expand(2, 4, 6),
}
MISTAKES["multi_head, fewer key-value heads"] = {
    "the query heads take turns at the key-value heads; heads 0 and 1 share the first": [
        [[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]]
    ],
}
MISTAKES["rope at position 0"] = {
    "position 0 turns as position 1 should": [[-1.9841, -0.1625, 2.4624, 4.4692]],
    "sine and cosine have changed places": [[-3, -4, 1, 2]],
    "sines and cosines are added to x; x must be rotated": [[1, 2, 4, 5]],
    "the pairs are read as neighbours and written as halves": [[1, 3, 2, 4]],
}
MISTAKES["rope at position pi"] = {
    "nothing turns; is `positions` used?": [[1, 2, 3, 4]],
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
_r = math.sqrt(2)
MISTAKES["rope, leading axes (B, H)"] = {
    sentence: torch.tensor(rows).expand(2, 4, 3, 6)
    for sentence, rows in {
        "position i meets theta_i alone; every position needs every theta": [[-1, 2, -_r, -3, 4, _r]] * 3,
        "positions are counted on from the first one; each vector has its own": [
            [-1, -4, 0, -3, 2, 2],
            [1.9841, -4.4692, -0.4948, -2.4624, -0.1625, 1.9378],
            [3.144, -3.8442, -0.9589, 0.3391, -2.2853, 1.7552],
        ],
    }.items()
}


def _kept(keys, values=(4, 8, 16)):
    keys, values = (torch.tensor(numbers).float().view(1, 1, -1, 1) for numbers in (keys, values))
    return {"keys": keys * math.log(2) / 3, "values": values}


def _cache(keys, values):
    """Two heads of size 4. The cached token is 0, the new one 1."""
    k, v = torch.zeros(1, 2, 2, 4), torch.zeros(1, 2, 2, 4)
    k[0, :, 0, 0] = torch.tensor([2, 4]) * math.log(2)
    v[0, 0, 0, 1] = v[0, 1, 0, 2] = v[0, :, 1, 0] = 15
    return {"keys": k[:, :, keys], "values": v[:, :, values]}


_right = _cache([0, 1], [0, 1])
MISTAKES["the new cache"] = {
    "it is the old cache, without the new token": _cache([0], [0]),
    "it holds the new token only; the cached ones stand before it": _cache([1], [1]),
    "the new token stands first; the newest stands last": _cache([1, 0], [1, 0]),
    "the new key stands first, the new value last": _cache([1, 0], [0, 1]),
    "the new value stands first, the new key last": _cache([0, 1], [1, 0]),
    "keys and values have changed places": {"keys": _right["values"], "values": _right["keys"]},
}
MISTAKES["the output"] = {
    "the new token does not look at itself: append first, then attend": [[[15, 30, 0, 0, 0, 0, 30, 0]]],
    "the new token looks at itself only, not at the cache": [[[30, 0, 0, 0, 30, 0, 0, 0]]],
    "the last projection is missing: x @ w_o.T": [[[5, 10, 0, 0, 3, 0, 12, 0]]],
    "a projection uses w where it must use w.T": [[[10, 20, 0, 0, 6, 0, 29, 0]]],
    "the scores are divided by sqrt(D); a head has size d = D/H": [
        [[22.3034, 18.6039, 0, 0, 8.1852, 0, 21.8148, 0]]
    ],
}
MISTAKES["the new cache with rotate"] = {
    "the new key is not rotated before it enters the cache; it is at position S": _kept((2, 2, 1)),
    "the position is S + 1; positions count from 0": _kept((2, 2, 4)),
    "the cached keys are rotated again, each by its position": _kept((2, 4, 3)),
    "the cached keys are rotated again, by the new token's position": _kept((6, 6, 3)),
    "the values are rotated; rotate the query and the key": _kept((2, 2, 3), (4, 8, 48)),
    "it is the old cache, without the new token": _kept((2, 2), (4, 8)),
    "it holds the new token only; the cached ones stand before it": _kept((3,), (16,)),
    "the new token stands first; the newest stands last": _kept((3, 2, 2), (16, 4, 8)),
    "the new key stands first, the new value last": _kept((3, 2, 2)),
    "the new value stands first, the new key last": _kept((2, 2, 3), (16, 4, 8)),
    "the new token has overwritten one in the cache; append it": _kept((2, 3), (4, 16)),
}
MISTAKES["the output with rotate"] = {
    "the query is not rotated; it is at position S": [[[19.7299]]],
    "the new token does not look at itself: append first, then attend": [[[12]]],
    "the new token looks at itself only, not at the cache": [[[32]]],
    "the new token sees the first key only; it is the last and sees all": [[[8]]],
    "the last projection is missing: x @ w_o.T": [[[11]]],
}
_missing = "a multiply-add counts as 2, there are two products, and a mask saves nothing"
_quarter = "three quarters are missing: a multiply-add counts as 2, and there are two products"
_layer = "projections and feed-forward are counted; leave them out"
MISTAKES["full"] = {
    f"half is missing: {_missing}": 3600,
    _quarter: 1800,
    "it counts D for every head; a head has size D/H": 36000,
    "it counts one head, not H": 1440,
    "it counts T scores a head; T queries meet T keys, so T x T": 2400,
    "the batch is not counted": 720,
    "the projections are counted; leave them out": 103200,
    _layer: 295200,
}
MISTAKES["step"] = {
    f"half is missing: {_missing}": 1200,
    _quarter: 600,
    "it counts D for every head; a head has size D/H": 12000,
    "it counts one head, not H": 480,
    "the query meets one key, not T": 800,
    "it counts T queries; one token only is new": 7200,
    "the query meets T + 1 keys; its own is among the T": 3200,
    "the batch is not counted": 240,
    "the projections are counted; leave them out": 34400,
    _layer: 98400,
}
MISTAKES["scores"] = {
    "it counts numbers, not bytes": 450,
    "it takes 2 bytes for every number; use number_bytes": 900,
    "each head has its own scores": 720,
    "it counts bits, not bytes": 28800,
    "every query has a score for every key: T x T in a head": 1200,
    "a score is one number, whatever the width": 14400,
    "the batch is not counted": 360,
}
MISTAKES["cache"] = {
    "it counts the keys without the values": 4800,
    "it counts numbers, not bytes": 1200,
    "it takes 2 bytes for every number; use number_bytes": 2400,
    "it counts T x T; the cache holds T keys": 28800,
    "it counts D for every head; the heads share the width D": 48000,
    "it counts one head, not H": 1920,
    "it counts bits, not bytes": 76800,
    "the batch is not counted": 960,
}


def check_names(got, names, what):
    """Fail unless `got` is a dictionary with these keys."""
    found = {name: 0 for name in names if name in got} if isinstance(got, dict) else got
    check(found, dict.fromkeys(names, 0), what=what)


def check_whole(number, what):
    """Fail unless it is a whole number, also in type."""
    if not isinstance(number, numbers.Integral):  # NumPy has whole numbers, too
        raise CheckFailed(
            f"{what}: {number!r} is no whole number in Python; divide with // and not with /. "
            "A float has no room for all digits of a large number"
        )


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
# T queries, S keys and as many values. The dots in the shapes stand for any leading axes: none, (B,) or
# (B, H). `masked_fill` and `@` broadcast (广播) by themselves.
#
# A mask (掩码) is boolean: `True` where a query may look. A score that it forbids becomes −∞ *before*
# the softmax, so that its weight is 0 and the other weights still sum to 1.
#
# Some queries may look at nothing. Texts in a batch (批) differ in length, so the short ones are filled
# up, often on the left, and nobody looks at the filling (填充). A filling token on the left has only filling
# before it. It may not look ahead, nor at filling: it sees nothing, and is computed all the same. All its
# scores are −∞, and the softmax of that is 0/0, NaN. A single NaN spreads through all that is computed from
# it. So the result of a query that may look at nothing is 0.
#
# Scores may be of any size, also 200 or −200. But $e^{200}$ is more than `float32` can hold, and $e^{-200}$ is rounded to 0.
# `torch.softmax` takes care of that: it first subtracts the largest score.


# %% nbgrader={"grade": false, "grade_id": "attention", "locked": false, "schema_version": 3, "solution": true, "task": false}
def attention(q, k, v, mask=None):
    """Scaled dot-product attention.

    q: (..., T, d); k and v: (..., S, d).
    mask: None, or boolean, of a shape that broadcasts to (..., T, S); True where a query may look.
    Returns (..., T, d); zeros for a query that may look at nothing.
    """
    ### BEGIN SOLUTION
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = torch.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0)  # NaN until here where a query may look at nothing
    return weights @ v
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "attention_by_hand", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
# Work it by hand. Two queries, three keys. d = 4, so the scores are divided by 2.
# Query 0: scores (4 ln 2, 0, 0), divided (2 ln 2, 0, 0), weights (4, 1, 1)/6.
# Query 1: scores (0, 0, 0), weights (1, 1, 1)/3.
q = torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 1]])
k = torch.tensor([[4 * math.log(2), 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])
v = torch.tensor([[6.0, 0, 0, 0], [0, 6, 0, 0], [0, 0, 6, 0]])
want = torch.tensor([[4.0, 1, 1, 0], [2, 2, 2, 0]])
check(call(attention, q, k, v), want, MISTAKES["attention(q, k, v)"], "attention(q, k, v)")

# Now query 0 may look at the keys 1 and 2 only, and query 1 at key 0 only.
mask = torch.tensor([[False, True, True], [True, False, False]])
want = torch.tensor([[0.0, 3, 3, 0], [6, 0, 0, 0]])
mistakes = MISTAKES["attention(q, k, v, mask)"]
check(call(attention, q, k, v, mask), want, mistakes, "attention(q, k, v, mask)")
check_unchanged(attention, q, k, v, mask)
print("attention: right on one example, with a mask and without")


# %% nbgrader={"grade": true, "grade_id": "attention_leading_axes", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
# Leading axes (B, H): one text, two heads, one query, three keys, d = 4. The query has 1 everywhere.
# Key 0 of head 0 has (ln 2)/2 everywhere: 4 (ln 2)/2, divided by 2, is ln 2. Key 2 of head 1: ln 3.
# Head 0: scores (ln 2, 0, 0), weights (2, 1, 1)/4, values (8, 4, 0): 4 + 1 + 0 = 5.
# Head 1: scores (0, 0, ln 3), weights (1, 1, 3)/5, values (5, 10, 5): 1 + 2 + 3 = 6.
q = torch.ones(1, 2, 1, 4)
k = torch.tensor([[math.log(2), 0, 0], [0, 0, math.log(3)]])[None, :, :, None].repeat(1, 1, 1, 4) / 2
v = torch.tensor([[8.0, 4, 0], [5, 10, 5]])[None, :, :, None].repeat(1, 1, 1, 4)
want = torch.tensor([[[[5.0] * 4], [[6.0] * 4]]])
hint = "`k.T` turns all axes round, `k.transpose(-2, -1)` the last two"
check(explained(hint, attention, q, k, v), want, MISTAKES["attention, leading axes (B, H)"], "leading axes")

# Two texts, 5 heads; the queries are the last three of four positions. All scores are 0, so a query
# gets the mean of the values that it may look at. One mask (T, S) serves for all texts and heads:
# the means of 8, 4; of 8, 4, 12; of 8, 4, 12, 16.
q, k, yes, no = torch.zeros(2, 5, 3, 6), torch.ones(2, 5, 4, 6), True, False
v = torch.tensor([8.0, 4, 12, 16])[:, None].repeat(2, 5, 1, 6)
mask = torch.tensor([[yes, yes, no, no], [yes, yes, yes, no], [yes, yes, yes, yes]])
hint = "`scores[~mask]` needs a mask of the scores' own shape; `masked_fill` broadcasts"
want = torch.tensor([6.0, 8, 10])[:, None].expand(2, 5, 3, 6)
mistakes = MISTAKES["attention, leading axes (B, H), a mask (T, S)"]
check(explained(hint, attention, q, k, v, mask), want, mistakes, "leading axes, a mask (T, S)")

# Text 1 is shorter: its first two positions are filling. A mask for each text, (B, 1, T, S).
# The first query of text 1 may look at nothing. The others: 12; the mean of 12, 16.
shorter = torch.tensor([[no, no, no, no], [no, no, yes, no], [no, no, yes, yes]])
want = torch.tensor([[6.0, 8, 10], [0, 12, 14]])[:, None, :, None].expand(2, 5, 3, 6)
mistakes = MISTAKES["attention, queries that may look at nothing"]
got = explained(hint, attention, q, k, v, torch.stack([mask, shorter])[:, None])
check(got, want, mistakes, "a mask (B, 1, T, S)")
print("attention: right on these examples with leading axes")


# %% nbgrader={"grade": true, "grade_id": "attention_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random numbers, 0.5 points each:
# one query, no leading axes; leading axes (B, H), and (B,) with large scores;
# leading axes and masks (T, S) and (H, T, S), also with large scores; a mask (B, 1, 1, S), as for filling on the right.
# With the masks, some query may look at nothing.
### BEGIN HIDDEN TESTS
def expected(q, k, v, mask=None, scale=None):
    result = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    return result.nan_to_num()  # where a query may look at nothing


def mistakes(q, k, v, mask=None):
    (T, d), S, inputs = q.shape[-2:], k.shape[-2], (q, k, v, mask)
    root = "the scores are divided by the square root of the number of"
    scores = q @ k.mT / math.sqrt(d)
    allowed = torch.ones_like(scores).bool() if mask is None else mask.expand_as(scores)

    def over(dim, forbidden=float("-inf")):
        return torch.softmax(scores.masked_fill(~allowed, forbidden), dim)

    wrong = {
        "the scores are not divided by sqrt(d)": expected(*inputs, scale=1),
        "the scores are divided by d; divide them by its square root": expected(*inputs, scale=1 / d),
        "the scores are multiplied by sqrt(d); divide them by it": expected(*inputs, scale=math.sqrt(d)),
        f"{root} keys; d is the size of a query": expected(*inputs, scale=S**-0.5),
        f"{root} queries; d is the size of a query": expected(*inputs, scale=T**-0.5),
        f"{root} heads; d is the size of a query": expected(*inputs, scale=q.shape[1] ** -0.5),
        "sqrt(d) divides the weights; it must divide the scores": expected(*inputs, scale=1) / math.sqrt(d),
        "the softmax runs over the queries; it must run over the keys (dim=-1)": over(-2).nan_to_num() @ v,
        "the softmax runs over a leading axis; it must run over the keys (dim=-1)": (
            over(min(1, q.ndim - 1)).nan_to_num() @ v
        ),
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
            "a query that may look at nothing gets NaN (0/0); its result is 0": over(-1) @ v,
            "a query that may look at nothing looks at all keys alike; its result is 0": over(-1, -1e9) @ v,
        }
    return wrong


def compare(*inputs, what="attention"):
    check(call(attention, *inputs), expected(*inputs), mistakes(*inputs), what)


def large(*shape):
    """Whole numbers from 6 to 11. With d = 16 scores go from 144 to 484, and have no rounding error."""
    return (2 * fresh(*shape)).abs().round().clamp(max=5) + 6


LARGE = "attention with scores of several hundred, where e^score has no room: subtract the largest first"
MASKED = (
    "attention with scores below -100 where a query may look: a forbidden one must be less than any of them, "
    "and must not be the largest that is subtracted"
)


points = Points(2)
with points.part(0.5, "one query, no leading axes"):
    compare(fresh(1, 5), fresh(7, 5), fresh(7, 5))
with points.part(0.5, "leading axes (B, H)"):
    compare(fresh(2, 3, 4, 5), fresh(2, 3, 6, 5), fresh(2, 3, 6, 5))
    signs = torch.tensor([1.0, -1, 1, 1, -1, 1])[:, None]
    compare(large(2, 4, 16), large(2, 6, 16) * signs, fresh(2, 6, 16), what=LARGE)
with points.part(0.5, "leading axes and masks (T, S), (H, T, S)"):
    allowed = fresh(4, 6) > 0
    allowed[:, 2], allowed[:, 3] = True, False
    allowed[1] = False
    compare(fresh(2, 3, 4, 5), fresh(2, 3, 6, 5), fresh(2, 3, 6, 5), allowed)
    check_unchanged(attention, fresh(2, 3, 4, 5), fresh(2, 3, 6, 5), fresh(2, 3, 6, 5), allowed)
    keys = large(2, 3, 6, 16)
    keys[..., 3, :] = 0  # the score of a key that is always forbidden is 0, the largest
    allowed = allowed.repeat(3, 1, 1)  # one for each head, (H, T, S)
    compare(-large(2, 3, 4, 16), keys, fresh(2, 3, 6, 16), allowed, what=MASKED)
with points.part(0.5, "a mask (B, 1, 1, S)"):
    allowed = torch.arange(6) < torch.tensor([5, 0])[:, None, None, None]
    compare(fresh(2, 3, 4, 5), fresh(2, 3, 6, 5), fresh(2, 3, 6, 5), allowed)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: the causal mask (2 points)
#
# A model that predicts the next token must not see it. The causal mask (因果掩码) lets every position
# look at itself and at what stands before it.
#
# In the lesson there were as many queries as keys. Often the T queries are only the *last* T of S ≥ T
# positions: a model goes on with a text, and the keys of the earlier positions are kept from before. The
# last query then sees all S keys, the one before it all but one. Query i is at position S − T + i and
# sees the keys 0 to S − T + i.
#
# With a window (窗口), a query sees `window` positions at most: its own and those just before it.


# %% nbgrader={"grade": false, "grade_id": "causal_mask", "locked": false, "schema_version": 3, "solution": true, "task": false}
def causal_mask(T, S=None, window=None):
    """Which keys each of the last T of S positions may look at.

    S: the number of keys; None means S = T.
    window: the most positions that a query sees, its own among them, 1 or more; None means no limit.
    Returns a boolean tensor (T, S), True where a query may look.
    Raises ValueError if S < T: there would be a query without a key.
    """
    ### BEGIN SOLUTION
    S = T if S is None else S
    if S < T:
        raise ValueError(f"{T} queries need {T} keys or more, not {S}")
    position, key = torch.arange(S - T, S)[:, None], torch.arange(S)
    allowed = key <= position
    if window is not None:
        allowed = allowed & (key > position - window)
    return allowed
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "causal_mask_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Three positions: the first sees itself, the last sees all.
yes, no = True, False
want = torch.tensor([[yes, no, no], [yes, yes, no], [yes, yes, yes]])
check(call(causal_mask, 3), want, MISTAKES["causal_mask(3)"], "causal_mask(3)")

# The last three of five positions: the last query sees all five keys.
want = torch.tensor([[yes, yes, yes, no, no], [yes, yes, yes, yes, no], [yes, yes, yes, yes, yes]])
check(call(causal_mask, 3, 5), want, MISTAKES["causal_mask(3, 5)"], "causal_mask(3, 5)")

# The same three, with a window of two positions.
want = torch.tensor([[no, yes, yes, no, no], [no, no, yes, yes, no], [no, no, no, yes, yes]])
mistakes = MISTAKES["causal_mask(3, 5, window=2)"]
check(call(causal_mask, 3, 5, window=2), want, mistakes, "causal_mask(3, 5, window=2)")
check_raises(ValueError, causal_mask, 3, 2)
print("causal_mask: right on these examples")

# %% nbgrader={"grade": true, "grade_id": "causal_mask_hidden", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random sizes. 0.25 points: as many keys as queries. 0.25 points: more keys than
# queries (also T = 1), and fewer. 0.5 points: a window, also of 1, also wider than the mask, with any S.
### BEGIN HIDDEN TESTS
import random


def compare(T, S=None, window=None):
    n = S or T
    lower = torch.ones(T, n).tril(n - T).bool()
    size = window or n
    want = lower & torch.ones(T, n).triu(n - T - size + 1).bool()
    mistakes = {
        "the window has no effect": lower,
        "the window is one too long; a query's own position is one of the `window`": (
            lower & torch.ones(T, n).triu(n - T - size).bool()
        ),
        "the window stands at the first keys; it ends at the query's own position": (
            lower & (torch.arange(n) < size)
        ),
        "within the window a query sees what comes after it": torch.ones(T, n).triu(n - T - size + 1).bool(),
        "it shows the future and hides the past; True is where a query may look": ~lower,
        "it is the upper triangle: a query sees what comes after it": torch.ones(T, n).triu(n - T).bool(),
        "a query does not see its own position": torch.ones(T, n).tril(n - T - 1).bool(),
        "query 0 is taken for position 0; it is at position S - T": torch.ones(T, n).tril().bool(),
        "the diagonal moves the wrong way; query 0 is at position S - T": torch.ones(T, n).tril(T - n).bool(),
        "the diagonal moves by T; query 0 is at position S - T": torch.ones(T, n).tril(T).bool(),
        "the first S - T keys are hidden from every query": lower & (torch.arange(n) >= n - T),
    }
    given = (T, S, window) if window else (T, S) if S else (T,)
    check(call(causal_mask, *given), want, mistakes, f"causal_mask({', '.join(map(str, given))})")


points = Points(1)
with points.part(0.25, "as many keys as queries"):
    compare(random.randint(4, 9))
    compare(1)
with points.part(0.25, "more keys than queries"):
    T = random.randint(4, 9)
    compare(T, T + random.randint(2, 3))
    compare(1, random.randint(4, 9))
    for fewer in [(0,), (T - 1, 2)]:
        check_raises(ValueError, causal_mask, T, *fewer)
with points.part(0.5, "a window"):
    T = random.randint(5, 9)
    compare(T, T + random.randint(2, 5), random.randint(2, 3))
    compare(T, None, random.randint(2, 3))
    compare(T, T + 1, T + 3)
    compare(T, T + 1, 1)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: several heads (3 points)
#
# Multi-head attention (多头注意力) runs H attentions side by side, each on d = D/H of the D features.
#
# 1. Project: matrices make queries, keys and values, for all heads at once. A matrix is stored as
#    `nn.Linear` stores it, (out, in), so a projection is `x @ w.T`. (The lesson's stood the other way.)
# 2. Split: head h takes the features h·d to (h + 1)·d − 1, of every token. `reshape` to (B, T, H, d), then
#    swap the axes T and H; in Python d is `D // H`.
# 3. Attend, each head for itself. Its scores are divided by √d, d being the size of a *head*.
# 4. Join: the features of head 0, then those of head 1, and so on: width D again. Undo the split.
# 5. Project with `w_o`, as in step 1.
#
# Many models have fewer heads for keys and values than for queries: G of them, to keep less in memory
# (grouped-query attention, 分组查询注意力; SmolLM2-135M has H = 9 and G = 3). Then `w_k` and `w_v` have G·d
# rows in place of D. Neighbouring query heads share: the first H/G use key-value head 0, the next H/G
# head 1: query head h uses key-value head h // (H // G). With G = H every head has its own. The number of
# rows tells you G.
#
# Use your `attention` for step 3. If it does not pass its tests yet,
# `torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)` computes the same.


# %% nbgrader={"grade": false, "grade_id": "multi_head", "locked": false, "schema_version": 3, "solution": true, "task": false}
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    """Multi-head self-attention.

    x: (B, T, D); w_q and w_o: (D, D); w_k and w_v: (G d, D) with d = D/H; all stored (out, in).
    H divides D, G divides H; key-value head g serves the query heads g H/G to (g + 1) H/G - 1.
    mask: None, or boolean, of a shape that broadcasts to (B, H, T, T); True where a query may look.
    Returns (B, T, D).
    """
    ### BEGIN SOLUTION
    B, T, D = x.shape
    d = D // H

    def split(y):
        return y.view(B, T, -1, d).transpose(1, 2)  # (B, H or G, T, d)

    q, k, v = split(x @ w_q.T), split(x @ w_k.T), split(x @ w_v.T)
    shared = H // k.shape[1]  # so many query heads share keys and values
    k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
    heads = attention(q, k, v, mask)
    return heads.transpose(1, 2).reshape(B, T, D) @ w_o.T
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "multi_head_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# D = 6, two heads of size d = 3: features 0, 1, 2 are head 0, features 3, 4, 5 are head 1.
# Four tokens. Token t has a 1 at feature t, so x @ w.T gives it the column t of w.
# A query has its only 1 at feature 0 (token 0) or at feature 5 (the others); the keys are c times that;
# with c = sqrt(3) ln 2 a score c becomes ln 2 once it is divided by sqrt(d).
# Head 0, values (60,0,0), (0,60,0), 0, 0. Token 0: weights (2,1,1,1)/5, so (24,12,0). Others: (15,15,0).
# Head 1, values (84,0,0), (0,84,0), 0, 0. Token 0: (21,21,0). Others: weights (1,2,2,2)/7, (12,24,0).
# Joined: (24,12,0,21,21,0), then (15,15,0,12,24,0) three times. w_o adds feature 4 to feature 0.
x, w_q, w_v, w_o = torch.eye(6)[None, :4], torch.zeros(6, 6), torch.zeros(6, 6), torch.eye(6)
w_q[0, 0], w_q[5, 1:], w_o[0, 4] = 1, 1, 1
w_v[0, 0], w_v[1, 1], w_v[3, 0], w_v[4, 1] = 60, 60, 84, 84
weights = w_q, math.sqrt(3) * math.log(2) * w_q, w_v, w_o
want = torch.tensor([[45.0, 12, 0, 21, 21, 0], *[[39, 15, 0, 12, 24, 0]] * 3])[None]
mistakes = MISTAKES["multi_head(x, ..., H=2)"]
check(call(multi_head, x, *weights, H=2), want, mistakes, "multi_head(x, ..., H=2)")

# The same text twice, with a mask (B, 1, 1, T) that hides tokens 2 and 3 of the first one. There
# head 0 weighs tokens 0 and 1 by (2,1)/3 for token 0, else (1,1)/2; head 1 by (1,1)/2, else (1,2)/3.
x, mask = x.repeat(2, 1, 1), torch.tensor([[True, True, False, False], [True] * 4])[:, None, None]
want = torch.cat([torch.tensor([[82.0, 20, 0, 42, 42, 0], *[[86, 30, 0, 28, 56, 0]] * 3])[None], want])
mistakes = MISTAKES["multi_head, a mask for each text"]
hint = "a mask of any shape that broadcasts to (B, H, T, T): pass it on as it is"
check(explained(hint, multi_head, x, *weights, 2, mask), want, mistakes, "a mask (B, 1, 1, T)")
check_unchanged(multi_head, x, *weights, 2, mask)

# Fewer key-value heads: D = 12, four query heads of size 3, two key-value heads. One token: it gives
# itself the weight 1, and its values are (1,2,3) and (4,5,6). Heads 0 and 1 share the first.
x, w = torch.eye(12)[None, :1], torch.zeros(6, 12)
w[:, 0] = torch.tensor([1.0, 2, 3, 4, 5, 6])
hint = "w_k and w_v have G d rows: they give G heads, not H"
got = explained(hint, multi_head, x, torch.eye(12), w, w, torch.eye(12), 4)
want = torch.tensor([[[1.0, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]]])
check(got, want, MISTAKES["multi_head, fewer key-value heads"], "fewer key-value heads")
print("multi_head: right on these examples")


# %% nbgrader={"grade": true, "grade_id": "multi_head_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random numbers, 0.5 points each: two sequences, no mask; the causal mask (T, T);
# a mask for each sequence, (B, 1, 1, T), and for each head, (B, H, T, T) and (H, T, T); fewer key-value heads, with a mask.
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
    first = mask if mask is None or mask.ndim < 3 else mask[..., :1, :, :]  # the first head's
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
        "there is one head of size D, not H heads": expected(x, w_q, w_k, w_v, w_o, 1, first),
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
        "the mask of the first head serves for all heads": expected(x, w_q, w_k, w_v, w_o, H, first),
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


def each_its_own(w, repeat):  # (G d, D) -> (D, D), for H = 6 heads of size 4, G = 2
    return repeat(w.view(2, 4, 24)).reshape(24, 24)


def some(*shape):  # a mask; each query sees itself, so there is always something to look at
    return (fresh(*shape) > 0) | torch.eye(shape[-1]).bool()


points = Points(2)
with points.part(0.5, "two sequences, no mask"):
    compare()
with points.part(0.5, "the causal mask"):
    compare(torch.ones(5, 5).tril().bool())
with points.part(0.5, "masks (B, 1, 1, T), (B, H, T, T), (H, T, T)"):
    compare(torch.arange(5) < torch.tensor([3, 5])[:, None, None, None])
    compare(some(2, 3, 5, 5))
    compare(some(3, 5, 5))
with points.part(0.5, "fewer key-value heads"):
    x, w_q, w_k, w_v, w_o = fresh(2, 5, 24), *(fresh(n, 24) / 3 for n in (24, 8, 8, 24))
    mask = some(5, 5)
    want, turns, unmasked = (
        expected(x, w_q, each_its_own(w_k, repeat), each_its_own(w_v, repeat), w_o, 6, seen)
        for repeat, seen in (
            (lambda w: w.repeat_interleave(3, 0), mask),
            (lambda w: w.repeat(3, 1, 1), mask),
            (lambda w: w.repeat_interleave(3, 0), None),
        )
    )
    wrong = {
        "the query heads take turns at the key-value heads; neighbours must share one": turns,
        "the mask has no effect where heads share keys and values": unmasked,
    }
    got = call(multi_head, x, w_q, w_k, w_v, w_o, 6, mask)
    check(got, want, wrong, "multi_head, six query heads, two key-value heads")
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
x, pi = torch.tensor([[1.0, 2, 3, 4]]), math.pi
# Position 0: nothing turns.
check(call(rope, x, torch.tensor([0.0]), base=4.0), x, MISTAKES["rope at position 0"], "position 0")
# Position pi: the first pair turns by pi, to (-1, -3); the second by pi/2, to (-4, 2).
want = torch.tensor([[-1.0, -4, -3, 2]])
check(call(rope, x, torch.tensor([pi]), base=4.0), want, MISTAKES["rope at position pi"], "position pi")

# Leading axes (B, H) = (2, 4), three positions in any order, d = 6, base = 8: theta = (1, 1/2, 1/4).
# With r = sqrt(2), the pairs of each x are (1, 3), (2, 4), (r, r).
# Position pi turns them by pi, pi/2, pi/4, to (-1, -3), (-4, 2), (0, 2).
# Position 2 pi turns them by 2 pi, pi, pi/2, to (1, 3), (-2, -4), (-r, r).
r = math.sqrt(2)
x = torch.tensor([1, 2, r, 3, 4, r]).repeat(2, 4, 3, 1)
want = torch.tensor([[-1, -4, 0, -3, 2, 2], [1, 2, r, 3, 4, r], [1, -2, -r, 3, -4, r]]).expand(2, 4, 3, 6)
hint = "the halves are those of the last axis: x[..., :half], not x[:, :half]"
got = explained(hint, rope, x, torch.tensor([pi, 0, 2 * pi]), 8.0)
check(got, want, MISTAKES["rope, leading axes (B, H)"], "leading axes, positions pi, 0, 2 pi")
check_unchanged(rope, x, torch.tensor([2, 0, 1]))
print("rope: right on these examples")


# %% nbgrader={"grade": true, "grade_id": "rope_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random numbers, 0.5 points each:
# positions 0 to T - 1; leading axes (B, H) and other positions; another base; fractional positions, some of
# them equal.
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
        "nothing turns; is `positions` used?": x,
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
        "positions are counted on from the first one; each vector has its own": expected(
            x, p[0] + torch.arange(len(p)), base
        ),
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
with points.part(0.5, "fractional positions"):
    compare(fresh(5, 8), torch.tensor([2.5, 0.25, 60.75, 2.5, 0.25]))
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
# them. Without `rotate` the result is the last row of `multi_head` over the whole text with the causal mask.
#
# `rotate`, if given, turns the new query and the new key by the position of the new token, *before* the
# key enters the cache. Values are not rotated; cached keys are rotated already. `rotate` is a function of
# (t, positions), like your `rope`. Its positions are a tensor: make them with `torch.tensor([S])` or the
# like.
#
# Several texts may continue from one cache. So the caller's cache stays as it was, and you return a new
# one. An empty cache has keys and values of shape (B, H, 0, d); `torch.cat` works with an empty tensor.
#
# Here every head has its own keys and values (G = H). As in task 3, use your `attention` or the library's.


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
# D = 8, two heads of size d = 4, one token in the cache. The new query is x itself, the new key 0, the
# new value 15 x. Scores of the cached and the new token, divided by 2, and their weights:
# head 0: (2 ln 2, 0), (ln 2, 0), (2/3, 1/3); head 1: (4 ln 2, 0), (2 ln 2, 0), (4/5, 1/5).
# Values, head 0: (0,15,0,0) and (15,0,0,0), so (5,10,0,0). Head 1: (0,0,15,0) and (15,0,0,0): (3,0,12,0).
# w_o doubles the result and adds feature 6 to feature 0: 2 * 5 + 12 = 22.
x, keys, values = torch.zeros(1, 1, 8), torch.zeros(1, 2, 1, 4), torch.zeros(1, 2, 1, 4)
x[0, 0, 0] = x[0, 0, 4] = 1
keys[0, :, 0, 0] = torch.tensor([2, 4]) * math.log(2)
values[0, 0, 0, 1] = values[0, 1, 0, 2] = 15
weights = torch.eye(8), torch.zeros(8, 8), 15 * torch.eye(8), 2 * torch.eye(8)
weights[3][0, 6] = 1
cache = {"keys": keys, "values": values}
out, grown = unpack(call(decode_step, x, cache, *weights, H=2), "out", "cache")
want = {
    "keys": torch.cat([keys, torch.zeros(1, 2, 1, 4)], 2),
    "values": torch.cat([values, 15 * torch.eye(4)[0].expand(1, 2, 1, 4)], 2),
}
check(grown, want, MISTAKES["the new cache"], "the new cache")
want = torch.tensor([[[22.0, 20, 0, 0, 6, 0, 24, 0]]])
check(out, want, MISTAKES["the output"], "the output")
check_unchanged(decode_step, x, cache, *weights, 2)
print("decode_step: right on this example, without rotate")


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
u = math.log(2) / 3
weights = [torch.tensor([[number]]) for number in (1.0, u, 16.0, 2.0)]
cache = {"keys": torch.full((1, 1, 2, 1), 2 * u), "values": torch.tensor([[[[4.0], [8]]]])}
got = call(decode_step, torch.ones(1, 1, 1), cache, *weights, H=1, rotate=stretch)
out, grown = unpack(got, "out", "cache")
want = {"keys": torch.tensor([[[[2 * u], [2 * u], [3 * u]]]]), "values": torch.tensor([[[[4.0], [8], [16]]]])}
check(grown, want, MISTAKES["the new cache with rotate"], "the new cache with rotate")
check(out, torch.tensor([[[22.0]]]), MISTAKES["the output with rotate"], "the output with rotate")
print("decode_step: right on this example, with rotate")

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
    if t.ndim == 4 and t.shape[1] == 1 != t.shape[2]:
        raise CheckFailed(
            f"rotate gets t of shape {tuple(t.shape)}, (B, 1, H, d), and would take the heads for tokens; "
            "bring H before T first"
        )
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
    for S in (4, 0):
        check_unchanged(decode_step, *compare(S, ["cache"]))
with points.part(1, "rotate"):
    check_unchanged(decode_step, *compare(4, ["out", "cache"], turn))
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: the cost (3 points)
#
# Count what one attention layer costs, for B sequences of T tokens, width D, H heads of size d = D/H.
#
# **Operations.** One multiply-add counts as 2 (the lesson counted it as one). Count the scores $q k^\top$ and the weighted sum of the
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
# B = 10, T = 3, D = 20, H = 5, so d = 4; 8 bytes a number. One sequence first:
# One head has 3 x 3 scores, each of 4 multiply-adds: 36.
# Its weighted values are 3 x 4 numbers, each of 3 multiply-adds: 36.
# 5 heads: 360 multiply-adds, 720 operations. A step has one query, not three: 240.
# 5 heads of 3 x 3 scores: 45 numbers, 360 bytes. 3 keys and 3 values of width 20: 120 numbers, 960 bytes.
# All of it ten times, for 10 sequences. The numbers are whole, also in Python: 7200, not 7200.0.
cost, right = (
    call(attention_cost, 10, 3, 20, 5, 8),
    {"full": 7200, "step": 2400, "scores": 3600, "cache": 9600},
)
check_names(cost, right, "what attention_cost returns")
for name, want in right.items():
    check(cost[name], want, MISTAKES[name], name)
    check_whole(cost[name], name)
print("attention_cost: right on this example")

# %% nbgrader={"grade": true, "grade_id": "attention_cost_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests, 0.5 points each: full, step, scores, cache; on random small sizes, and with a million tokens.
### BEGIN HIDDEN TESTS
import random


def expected(B, T, D, H, n):
    return {
        "full": 4 * B * T * T * D,
        "step": 4 * B * T * D,
        "scores": B * H * T * T * n,
        "cache": 2 * B * T * D * n,
    }


def cost(name, sizes):
    """One of the costs that `attention_cost` counts."""
    found = call(attention_cost, *sizes)
    if not isinstance(found, dict) or name not in found:
        raise CheckFailed(f"attention_cost must return a dictionary with the key {name!r}")
    return found[name]


B, T, H, d = (random.choice(pair) for pair in ((3, 5), (11, 13), (17, 19), (23, 29)))
D, n = H * d, 16  # odd primes, and 16: no two mistakes give the same number
small, large = (B, T, D, H, n), (31, 10**6 + 3, 33 * 127, 33, 3)  # an odd number of 18 digits is no float
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
    | {
        "the query meets one key, not T": 1 / T,
        "it counts T queries; one token only is new": T,
        "the query meets T + 1 keys; its own is among the T": 1 + 1 / T,
    },
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
for name, want in expected(*small).items():
    with points.part(0.5, name):
        wrong = {sentence: round(want * factor) for sentence, factor in factors[name].items()}
        check(cost(name, small), want, wrong, name)
        exact = expected(*large)[name]
        lost = {
            "the last digits are wrong: a float holds 16 of them; use whole numbers all the way": float(exact)
        }
        check(cost(name, large), exact, lost, f"{name}, with T = {large[1]}")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7: in your own words (2 points, graded by hand)
#
# A model is to read and write texts ten times as long, prompt included. "The cache makes the cost of a token
# constant, so long texts cost what short ones do", says a colleague.
#
# Answer in five to eight sentences. By which factor does each of these grow, per layer, and why?
#
# - the work for the whole prompt;
# - the work for one more token, with the cache;
# - the memory of the cache.
#
# Then say where your colleague is wrong. "Work" is the work of scores and weighted sum, as counted in
# task 6. Half a point each, factor with reason: the prompt, the token, the cache; and the mistake. Write in
# the language you like.

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
