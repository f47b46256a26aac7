# ---
# jupyter:
#   course:
#     title: "Assignment 4: Mixture-of-experts routing"
# ---

# %% [markdown]
# # Assignment 4: mixture-of-experts routing
#
# You write the parts of a mixture of experts (混合专家, MoE). You choose experts, send tokens to them and add the results. You correct an uneven load in two ways, limit it, and count parameters. Seven tasks,
# 20 points, 60 to 90 minutes.
#
# **How to work.** Replace each `raise NotImplementedError()` with your code; keep the function's name and
# arguments. Run the test cell under it: where something is wrong, it says what it met. Press
# **Validate** before you hand in: it runs everything afresh, as the grader will. The grader also runs
# hidden tests, on other numbers; a comment says what each one checks and what it is worth. Add cells
# where you like, and leave the given ones in place.
#
# **In every task.** No task needs your answer to another one. Tensors are `float32`, indices `int64`,
# unless the task says otherwise. A function leaves its arguments as they are. Any way of computing the
# right result is right; PyTorch's own functions are allowed. Should you want a helper function, define it
# inside the function that uses it: the tests, hidden ones too, define functions of their own (`call`,
# `check`, ...) and would replace yours of the same name.
# Use Python, torch and NumPy: the grader has no pandas, SciPy or scikit-learn.
#
# **The idea.** A dense Transformer has one feed-forward layer (前馈层) in each block. A mixture has E of
# them, the experts (专家). A router (路由器), a matrix, gives each token E scores, one for each expert. Only
# the k experts with the highest scores compute anything for this token; their results are added, each
# multiplied by a number, its gate (门控值). So the model holds many parameters and uses few of them for
# each token.
#
# **Notation.** N tokens (词元), all texts of the batch one after another; D width, E experts, numbered
# from 0, k of them chosen for each token; shapes are written (N, E).

# %% reuse="cells/checks:checks" nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false}

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": true, "schema_version": 3, "solution": false, "task": false}
import math

import torch
import torch.nn.functional as F

torch.set_num_threads(1)  # tensors as small as these gain nothing from a second thread


# %% [markdown]
# ## Task 1: the k experts of a token, and their gates (3 points)
#
# From the router's scores, make two tensors (N, k):
#
# - **chosen**: for each token the indices of the k experts with the highest scores, from the highest to
#   the lowest. Among equal scores the smaller index comes first. Go by the scores, not by their
#   probabilities: two different scores, both far below a third one, both have probability 0 in `float32`.
# - **gates**: the gate in column j belongs to the expert in column j of `chosen`. Models differ in how
#   they make gates; `kind` says which way to take:
#
# | kind | gates |
# | --- | --- |
# | `"before"` | softmax over all E scores of the token; the gates are the probabilities of the k chosen experts |
# | `"renormalised"` | the gates of "before", divided by their sum for each token |
# | `"after"` | softmax over the k chosen scores only |
#
# With k = 1 two of the three always give the gate 1, whatever the router says, and a constant has no
# gradient. Switch, which has k = 1, takes `"before"`; Mixtral has k = 2 and takes `"after"`.
#
# `torch.topk` does not promise which of several equal scores it takes.
# `torch.sort(scores, dim=-1, descending=True, stable=True)` keeps equal values in their order.


# %% nbgrader={"grade": false, "grade_id": "top_k_gates", "locked": false, "schema_version": 3, "solution": true, "task": false}
def top_k_gates(scores, k, kind):
    """The k experts of each token, and how much of each one's result is taken.

    scores: (N, E); 1 <= k <= E; kind: "before", "renormalised" or "after".
    Returns chosen, (N, k), int64, and gates, (N, k).
    """
    ### BEGIN SOLUTION
    chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
    if kind == "after":
        return chosen, scores.gather(-1, chosen).softmax(dim=-1)
    gates = scores.softmax(dim=-1).gather(-1, chosen)
    return chosen, gates / gates.sum(dim=-1, keepdim=True) if kind == "renormalised" else gates
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "top_k_gates_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# N = 3, E = 4, k = 2. The scores are ln of these numbers, and each row sums to 10. So the softmax over
# all E makes of them a tenth of each: 1, 4, 2, 3 become 0.1, 0.4, 0.2, 0.3.
scores = torch.tensor([[1.0, 4, 2, 3], [3, 1, 3, 3], [2, 4, 2, 2]]).log()
# Row 0: 4, then 3. Row 1: three share the first place, and the smaller indices win. Row 2: 4, then
# three share the second place.
right = torch.tensor([[1, 3], [0, 2], [1, 0]])
mistakes = {
    "among equal scores the smaller index comes first; torch.topk and a reversed sort do not see to it": [
        [1, 3],
        [3, 2],
        [1, 3],
    ],
    "among equal scores the smaller index comes first; torch.topk does not see to it": [
        [1, 3],
        [2, 3],
        [1, 3],
    ],
    "these are the gates; return chosen first, then gates": [[0.4, 0.3], [0.3, 0.3], [0.4, 0.2]],
    "these are the experts with the lowest scores": [[0, 2], [1, 0], [0, 2]],
    "each row is in the order of the indices; the highest score comes first": [[1, 3], [0, 2], [0, 1]],
    "each row goes from low to high; the highest score comes first": [[3, 1], [2, 0], [0, 1]],
    "these are the ranks of the first k experts; argsort once gives the indices": [[3, 0], [0, 3], [1, 0]],
}
# The gates of kind "before": tenths. The other kinds: 4/7 and 3/7, 1/2 and 1/2, 2/3 and 1/3.
tenths = [[0.4, 0.3], [0.3, 0.3], [0.4, 0.2]]
parts = [[4 / 7, 3 / 7], [1 / 2, 1 / 2], [2 / 3, 1 / 3]]
always = {
    "the softmax runs over the tokens; it must run over the experts, the last axis": [
        [0.4444, 0.375],
        [0.5, 0.4286],
        [0.4444, 0.3333],
    ],
    "they are divided by the sum over the tokens; each token has its own": [
        [0.3636, 0.375],
        [0.2727, 0.375],
        [0.3636, 0.25],
    ],
    "they are divided by the sum over all tokens; each token has its own": [
        [0.2105, 0.1579],
        [0.1579, 0.1579],
        [0.2105, 0.1053],
    ],
    "they belong to the experts 0 and 1; column j belongs to the expert in column j of chosen": [
        [0.1, 0.4],
        [0.3, 0.1],
        [0.2, 0.4],
    ],
    "they are the scores; a gate comes from a softmax": [
        [1.3863, 1.0986],
        [1.0986, 1.0986],
        [1.3863, 0.6931],
    ],
    "all gates are 1/k; they must follow the router": [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]],
    "they come from two softmaxes, one of the other's probabilities; the softmax takes the scores": [
        [0.525, 0.475],
        [0.5, 0.5],
        [0.5498, 0.4502],
    ],
    "the scores that were not chosen became 0, and exp(0) = 1 counts": [
        [0.4444, 0.3333],
        [0.375, 0.375],
        [0.5, 0.25],
    ],
}
sum_to_1 = (
    "the gates of each token sum to 1, so the softmax saw the chosen scores only, or they are renormalised"
)
too_small = "the gates of a token sum to less than 1; with this kind, the k of them share the whole"
wrong_sum = {
    "before": {f"{sum_to_1}; take the softmax over all E and leave it": parts},
    "renormalised": {f"{too_small}: divide them by their sum": tenths},
    "after": {f"{too_small}: take the softmax of the chosen scores": tenths},
}
for kind, want in [("before", tenths), ("renormalised", parts), ("after", parts)]:
    chosen, gates = unpack(call(top_k_gates, scores, 2, kind), "chosen", "gates")
    check(chosen, right, mistakes, f'chosen, with kind="{kind}"')
    check("int64" in str(chosen.dtype), True, {f"{chosen.dtype} is no index; make it int64": False}, "chosen")
    check(gates, torch.tensor(want), wrong_sum[kind] | always, f'gates, with kind="{kind}"')
check_unchanged(top_k_gates, scores, 2, "before")
print("top_k_gates: right")
print('Kinds "renormalised" and "after" give the same numbers. Is this so for all scores? Divide exp by exp.')

# %% nbgrader={"grade": true, "grade_id": "top_k_gates_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random scores, 0.5 points each: kind "before", also with k = E; kinds "renormalised" and
# "after", also with scores around -500; many scores that are equal or almost so (chosen only); scores that
# lie hundreds apart (chosen, and that no gate is NaN).
### BEGIN HIDDEN TESTS
EXPERTS = {
    "larger": "among equal scores the smaller index comes first",
    "lowest": "these are the experts with the lowest scores",
    "ascending": "each row is in the order of the indices; the highest score comes first",
    "reversed": "each row goes from low to high; the highest score comes first",
    "ranks": "these are the ranks of the first k experts; argsort once gives the indices",
    "underflow": "they are chosen by probability, where both are 0; choose by the scores",
    "close": "two scores that differ by a little are taken for equal; compare them as they are",
}
GATES = {
    "own": "the gates of each token sum to 1: the softmax saw the chosen scores only, or they are renormalised",
    "not": "the gates of a token sum to less than 1; with this kind, the k of them share the whole",
    "tokens": "the softmax runs over the tokens; it must run over the experts, the last axis",
    "over tokens": "they are divided by the sum over the tokens; each token has its own",
    "all tokens": "they are divided by the sum over all tokens; each token has its own",
    "first": "they belong to the first k experts; column j belongs to the expert in column j of chosen",
    "scores": "they are the scores; a gate comes from a softmax",
    "equal": "all gates are 1/k; they must follow the router",
    "double": "they come from two softmaxes, one of the other's probabilities; the softmax takes the scores",
    "zeros": "the scores that were not chosen became 0, and exp(0) = 1 counts",
}


def expected_experts(scores, k, wrong=None):
    """The right ones, or what comes out with one thing wrong, a key of EXPERTS."""
    if wrong == "larger":
        return scores.shape[1] - 1 - scores.flip(1).sort(dim=1, descending=True, stable=True).indices[:, :k]
    by = {"lowest": -scores, "underflow": scores.softmax(1), "close": scores.round(decimals=6)}
    by = by.get(wrong, scores)
    ids = by.sort(dim=1, descending=True, stable=True).indices
    if wrong == "ranks":
        ids = ids.argsort(dim=1)
    ids = ids[:, :k]
    return {"ascending": ids.sort(dim=1).values, "reversed": ids.flip(1)}.get(wrong, ids)


def expected_gates(scores, k, kind, wrong=None):
    """The right ones, or what comes out with one thing wrong, a key of GATES."""
    ids = expected_experts(scores, k)
    p = scores.softmax(0 if wrong == "tokens" else 1)
    mine = p.gather(1, ids)
    only = torch.zeros_like(scores).scatter(1, ids, 1)
    return {
        "own": mine / mine.sum(1, keepdim=True),
        "not": mine,
        "over tokens": mine / mine.sum(0),
        "all tokens": mine / mine.sum(),
        "first": p[:, :k] / (1 if kind == "before" else p[:, :k].sum(1, keepdim=True)),
        "scores": scores.gather(1, ids),
        "equal": torch.full_like(mine, 1 / k),
        "double": mine.softmax(1),
        "zeros": (scores * only).softmax(1).gather(1, ids),
    }.get(wrong, mine if kind == "before" else mine / mine.sum(1, keepdim=True))


def not_equal(mistakes, want):
    return {said: wrong for said, wrong in mistakes.items() if not _equal(wrong, want, 4e-3)}


def same_scores(scores, got, want):
    """Whether only the order of equal scores tells `got` from `want`."""
    fits = isinstance(got, torch.Tensor) and got.dtype == want.dtype and got.shape == want.shape
    inside = fits and bool(((got >= 0) & (got < scores.shape[1])).all())
    return inside and torch.equal(scores.gather(1, got), scores.gather(1, want))


def compare(scores, k, kind, gates_too=True):
    chosen, gates = unpack(call(top_k_gates, scores, k, kind), "chosen", "gates")
    want = expected_experts(scores, k)
    mistakes = {said: expected_experts(scores, k, wrong) for wrong, said in EXPERTS.items()}
    if same_scores(scores, chosen, want):
        mistakes = {EXPERTS["larger"]: chosen}
    check(chosen, want, not_equal(mistakes, want), f'chosen, with kind="{kind}" and k={k}')
    if gates_too:
        want = expected_gates(scores, k, kind)
        mistakes = {said: expected_gates(scores, k, kind, wrong) for wrong, said in GATES.items()}
        check(gates, want, not_equal(mistakes, want), f'gates, with kind="{kind}" and k={k}')
    elif isinstance(gates, torch.Tensor) and not gates.isfinite().all():
        raise CheckFailed("a gate is NaN or infinite: exp of a score above 88 is; torch.softmax avoids it")


points = Points(2)
with points.part(0.5, 'kind "before"'):
    for E, k in [(7, 3), (6, 1), (5, 5)]:
        compare(fresh(4, E), k, "before")
with points.part(0.5, 'kinds "renormalised" and "after"'):
    for kind, shift in [("renormalised", 0), ("after", 0), ("renormalised", 500), ("after", 500)]:
        compare(fresh(5, 7) - shift, 3, kind)
with points.part(0.5, "many equal scores"):
    compare(fresh(6, 40).round(), 4, "before", gates_too=False)
    close = torch.zeros(3, 8)
    close[[0, 1, 2], [2, 5, 7]] = 4e-7
    compare(close, 3, "before", gates_too=False)
with points.part(0.5, "scores hundreds apart"):
    while True:  # until probabilities of 0 decide
        scores = 300 * fresh(6, 9)
        if not torch.equal(expected_experts(scores, 4), expected_experts(scores, 4, "underflow")):
            break
    for kind in ("before", "after"):
        compare(scores, 4, kind, gates_too=False)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: to the experts and back (4 points)
#
# Each token goes through its k experts. Its result is the sum of what they return, each multiplied by
# its gate:
#
# $$y_n = \sum_j \text{gates}_{n,j} \cdot \text{expert}_{\text{chosen}_{n,j}}(x_n)$$
#
# `experts` is a list of E functions. Each takes the tokens that chose it, as one tensor (n, D), in any
# order, and returns (n, D): row i of what it returns belongs to row i of what it got. A call is
# expensive. So
#
# - an expert is called once, with all its tokens: not once for each token, nor once for each column of
#   `chosen`;
# - an expert that no token chose is not called at all;
# - an expert never sees a token that did not choose it.
#
# A token's k experts differ. Its gates need not sum to 1; take them as they are. Training uses your
# result: `backward()` must reach the gates (it is through them that the router learns), x, and the
# experts' weights. `(chosen == e).nonzero(as_tuple=True)` gives rows and columns; `y = y.index_add(0, rows, values)` adds `values` to those rows of y.


# %% nbgrader={"grade": false, "grade_id": "mixture", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mixture(x, chosen, gates, experts):
    """Each token through its k experts; their results times the gates, added.

    x: (N, D); chosen: (N, k), indices of experts; gates: (N, k); experts: a list of E functions,
    (n, D) -> (n, D).
    Returns (N, D).
    """
    ### BEGIN SOLUTION
    y = torch.zeros_like(x)
    for e, expert in enumerate(experts):
        tokens, columns = (chosen == e).nonzero(as_tuple=True)
        if len(tokens):
            y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
    return y
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "mixture_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Four experts: expert e squares each number and multiplies it by 10 to the power of e. N = 4, D = 2.
x = torch.tensor([[1.0, 2], [3, 1], [2, 4], [5, 3]])
chosen = torch.tensor([[1, 0], [3, 1], [1, 3], [0, 1]])  # nobody chooses expert 2
gates = torch.tensor([[0.5, 0.25], [1, 0.5], [0.25, 0.5], [1, 0.2]])
# Token 0: 0.5 x 10 x (1, 4) + 0.25 x (1, 4) = (5.25, 21). Token 1: 1000 x (9, 1) + 0.5 x 10 x (9, 1).
# Token 2: 0.25 x 10 x (4, 16) + 0.5 x 1000 x (4, 16). Token 3: (25, 9) + 0.2 x 10 x (25, 9).
right = torch.tensor([[5.25, 21], [9045, 1005], [2010, 8040], [75, 27]])
sizes = [[], [], [], []]  # for each expert: how many tokens each of its calls brought


def make_expert(e):
    def expert(tokens):
        if tokens.dim() != 2:
            raise CheckFailed(
                f"an expert gets a tensor of shape {tuple(tokens.shape)}; it takes (n, D), also for a "
                "single token: .squeeze() takes that axis away"
            )
        sizes[e].append(len(tokens))
        return 10**e * tokens**2

    return expert


mistakes = {
    "it is all 0: index_add returns a new tensor; keep it, y = y.index_add(...)": [[0, 0]] * 4,
    "the gates are not used": [[11, 44], [9090, 1010], [4040, 16160], [275, 99]],
    "the results are averaged; add them": [[2.625, 10.5], [4522.5, 502.5], [1005, 4020], [37.5, 13.5]],
    "what goes in is multiplied by the gate; multiply what comes out": [
        [2.5625, 10.25],
        [9022.5, 1002.5],
        [1002.5, 4010],
        [35, 12.6],
    ],
    "each expert overwrites the results of those before it; add them": [
        [5, 20],
        [9000, 1000],
        [2000, 8000],
        [50, 18],
    ],
    "each column of chosen overwrites the one before; add them": [
        [0.25, 1],
        [45, 5],
        [2000, 8000],
        [50, 18],
    ],
    "only the first expert of each token counts": [[5, 20], [9000, 1000], [10, 40], [25, 9]],
    "x itself is added, as by a residual connection; return the mixture alone": [
        [6.25, 23],
        [9048, 1006],
        [2012, 8044],
        [80, 30],
    ],
    "the gates are divided by their sum; take them as they are": [
        [7, 28],
        [6030, 670],
        [2680, 10720],
        [62.5, 22.5],
    ],
    "the gates of a token have changed places: column j of gates belongs to column j of chosen": [
        [3, 12],
        [4590, 510],
        [1020, 4080],
        [255, 91.8],
    ],
    "the results were sorted by expert, the gates were not: sort both": [
        [10.5, 42],
        [9045, 1005],
        [810, 3240],
        [131.25, 47.25],
    ],
    "the gates are softmaxed once more; take them as they are": [
        [6.0596, 24.2384],
        [5636.1128, 626.2347],
        [2266.219, 9064.876],
        [94.7557, 34.1121],
    ],
}
y = call(mixture, x, chosen, gates, [make_expert(e) for e in range(4)])
check(y, right, mistakes, "the result")
# Experts 0 and 3 have two tokens each, expert 1 has all four.
mistakes = {
    "an expert is called once for each of its tokens; stack them": [[1, 1], [1, 1, 1, 1], [], [1, 1]],
    "an expert is called once for each column of chosen; look for its tokens in all columns at once": [
        [1, 1],
        [2, 2],
        [],
        [1, 1],
    ],
    "an expert is called once for each column of chosen, even with no token": [
        [1, 1],
        [2, 2],
        [0, 0],
        [1, 1],
    ],
    "expert 2 is called with no token; leave out the experts that nobody chose": [[2], [4], [0], [2]],
    "every expert computes all tokens; give it only those that chose it": [[4], [4], [4], [4]],
    "a chosen expert computes all tokens; give it only those that chose it": [[4], [4], [], [4]],
    "the experts compute every token in every column; give each one only its own": [[4, 4]] * 4,
}
check(sizes, [[2], [4], [], [2]], mistakes, "tokens in each call, for each expert")
# Token 0 alone: each of its experts has one token, and must still get (1, D).
one = call(mixture, x[:1], chosen[:1], gates[:1], [make_expert(e) for e in range(4)])
check(one, right[:1], what="the result, with token 0 alone")
check_unchanged(mixture, x, chosen, gates, [make_expert(e) for e in range(4)])
print("mixture: right")


# %% nbgrader={"grade": true, "grade_id": "mixture_hidden", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random tokens, with experts of random weights. 1 point: the result. 1 point: besides
# the right result, how many tokens each call brings. 0.5 points: most experts have no token. 0.5 points:
# besides the right result, the gradient of gates, x and weights.
### BEGIN HIDDEN TESTS
N, D, E = 11, 4, 5
SAYS = {
    "no gates": "the gates are not used",
    "mean": "the results are averaged; add them",
    "input": "what goes in is multiplied by the gate; multiply what comes out",
    "experts overwrite": "each expert overwrites the results of those before it; add them",
    "columns overwrite": "each column of chosen overwrites the one before; add them",
    "first": "only the first expert of each token counts",
    "residual": "x itself is added, as by a residual connection; return the mixture alone",
    "renormalised": "the gates are divided by their sum; take them as they are",
    "turned": "the gates of a token have changed places: column j of gates belongs to column j of chosen",
    "unsorted gates": "the results were sorted by expert, the gates were not: sort both",
    "softmax": "the gates are softmaxed once more; take them as they are",
    "positive": "gates below 0 are left out; take them as they are",
    "absolute": "gates below 0 lose their sign; take them as they are",
}


def drawn(k, used):
    """Tokens that choose k of `used` experts, each of which is chosen; some gates are below 0."""
    while True:
        order, gates = fresh(N, used).argsort(dim=1)[:, :k], fresh(N, k)
        if len(order.unique()) == used:
            gates[0] = -gates[0].abs()
            return fresh(N, D), fresh(E).argsort()[order], gates + 0.2 * gates.sign()


def make_experts(weights, sizes):
    def make(e):
        def expert(tokens):
            if tokens.dim() != 2:
                raise CheckFailed(
                    f"an expert gets a tensor of shape {tuple(tokens.shape)}; it takes (n, D), also for a "
                    "single token: .squeeze() takes that axis away"
                )
            sizes[e].append(len(tokens))
            return (tokens @ weights[e]).square() + tokens  # no straight line: gates cannot go before it

        return expert

    return [make(e) for e in range(E)]


def expected(x, chosen, gates, weights, wrong=None):
    """The result, or what comes out with one thing wrong, a key of SAYS."""
    k = chosen.shape[1]
    if wrong == "renormalised":
        gates = gates / gates.sum(1, keepdim=True)
    elif wrong == "softmax":
        gates = gates.softmax(1)
    elif wrong == "turned":
        gates = gates.flip(1)
    elif wrong == "positive":
        gates = gates.clamp(min=0)
    elif wrong == "absolute":
        gates = gates.abs()
    elif wrong == "unsorted gates":
        order = chosen.flatten().argsort(stable=True)
        gates = torch.zeros_like(gates.flatten()).scatter(0, order, gates.flatten()).view_as(gates)
    given = x[:, None].expand(-1, k, -1)  # (N, k, D)
    if wrong == "input":
        given, gates = given * gates[..., None], torch.ones_like(gates)
    each = torch.einsum("nkd,nkde->nke", given, weights[chosen]).square() + given
    each = each if wrong == "no gates" else each * gates[..., None]
    last = chosen.argmax(1)
    return {
        "mean": each.mean(1),
        "first": each[:, 0],
        "columns overwrite": each[:, -1],
        "experts overwrite": each[torch.arange(len(x)), last],
        "residual": each.sum(1) + x,
    }.get(wrong, each.sum(1))


def compare(k, used):
    """The right result; returns the number of tokens in each call and how many there should be."""
    while True:  # until every mistake gives another number
        inputs, weights = drawn(k, used), fresh(E, D, D)
        want = expected(*inputs, weights=weights)
        mistakes = {said: expected(*inputs, weights=weights, wrong=wrong) for wrong, said in SAYS.items()}
        if k == 1 or not any(_equal(wrong, want, 4e-3) for wrong in mistakes.values()):
            break
    mistakes = {said: wrong for said, wrong in mistakes.items() if not _equal(wrong, want, 4e-3)}
    sizes = [[] for _ in range(E)]
    check(call(mixture, *inputs, make_experts(weights, sizes)), want, mistakes, "the result")
    return sizes, inputs[1].flatten().bincount(minlength=E).tolist()


points = Points(3)
with points.part(1, "the result"):
    compare(3, E)
with points.part(1, "how many tokens each call brings"):
    sizes, counts = compare(2, E)
    mistakes = {
        "an expert is called once for each of its tokens; stack them": [[1] * count for count in counts],
        "every expert computes all tokens; give it only those that chose it": [[N]] * E,
    }
    if any(len(calls) > 1 for calls in sizes):
        mistakes["an expert is called several times; look for its tokens in all columns at once"] = sizes
    check(sizes, [[count] for count in counts], mistakes, "tokens in each call, for each expert")
with points.part(0.5, "most experts have no token"):
    sizes, counts = compare(1, 2)
    called = [e for e in range(E) if sizes[e] and not counts[e]]
    if called:
        raise CheckFailed(f"experts {called} are called although nobody chose them; leave them out")
with points.part(0.5, "the gradient"):
    x, chosen, gates = drawn(2, E)
    # Small numbers: where large ones cancel, rounding errors could look like a wrong gradient.
    leaves = {"x": x, "gates": gates, "the weights": 0.3 * fresh(E, D, D)}
    mine = {name: value.clone().requires_grad_() for name, value in leaves.items()}
    theirs = {name: value.clone().requires_grad_() for name, value in leaves.items()}
    experts = make_experts(theirs["the weights"], [[] for _ in range(E)])
    y = call(lambda: mixture(theirs["x"], chosen.clone(), theirs["gates"], experts))
    want = expected(mine["x"], chosen, mine["gates"], mine["the weights"])
    if not isinstance(y, torch.Tensor) or not y.requires_grad:
        raise CheckFailed("backward() reaches nothing; no torch.no_grad(), no .detach(), no .tolist()")
    check(y, want, what="the result")
    weighted = 0.3 * fresh(N, D)
    (y * weighted).sum().backward()
    (want * weighted).sum().backward()
    for name, value in theirs.items():
        if value.grad is None:
            raise CheckFailed(
                f"backward() does not reach {name}; no .detach(), .tolist() or .item() on the way"
            )
        check(value.grad, mine[name].grad, what=f"the gradient of {name}")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: the balance loss (负载均衡损失, 2 points)
#
# Left alone, a router may send most tokens to a few experts; these then learn more and get still more
# tokens. Switch ([Fedus et al. 2021](https://arxiv.org/abs/2101.03961)) therefore adds a loss that is
# large when the load (负载) is uneven. For each expert e take
#
# - $f_e$, its share of the choices: how many of the N·k entries of `chosen` are e, divided by N·k. All
#   $f_e$ together sum to 1. (Some libraries divide by N instead; then all of it is k times as large.)
# - $P_e$, its mean probability: the mean over all N tokens, also over those that did not choose it.
#
# $$L = E \sum_e f_e P_e$$
#
# With all $f_e$ and $P_e$ equal to 1/E, L = 1. At collapse (路由坍塌), when all tokens have the same k
# experts and give them all their probability, L = E/k. The shares $f_e$ are counted, so they have no
# gradient; `backward()` reaches the router through $P_e$. That is why both stand in the formula.


# %% nbgrader={"grade": false, "grade_id": "balance_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def balance_loss(p, chosen):
    """E times the sum over the experts of (share of the choices) x (mean probability).

    p: (N, E), the router's probabilities, each row sums to 1; chosen: (N, k), indices of experts.
    Returns a tensor of shape (), from which backward() reaches p.
    """
    ### BEGIN SOLUTION
    E = p.shape[1]
    f = chosen.flatten().bincount(minlength=E) / chosen.numel()
    return E * (f * p.mean(dim=0)).sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "balance_loss_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# N = 5, E = 4, k = 2.
p = torch.tensor([[1.0, 1, 5, 3], [1, 3, 5, 1], [3, 1, 5, 1], [1, 3, 5, 1], [2, 1, 3, 4]]) / 10
chosen = torch.tensor([[2, 3], [2, 1], [2, 0], [2, 1], [3, 2]])
# f = (1, 2, 5, 2) / 10 and P = (8, 9, 23, 10) / 50 = (0.16, 0.18, 0.46, 0.2).
# The sum is 0.016 + 0.036 + 0.23 + 0.04 = 0.322; times 4: 1.288.
uneven = {
    "it is E times the sum of P², from probabilities alone; f must be counted in chosen": 1.2384,
    "it is E times the sum of f², from counts alone; P is the mean probability": 1.36,
    "f sums to k, so the result is k times too large: divide the counts by N·k": 2.576,
    "the factor E is missing; or was it a mean over the experts, where a sum is asked?": 0.322,
    "only each token's first expert is counted; all k choices are": 1.632,
    "only each token's last expert is counted; all k choices are": 0.944,
    "a probability counts only where the token chose the expert; P takes in all N tokens": 1.152,
    "P is the mean over the tokens that chose the expert; it takes in all N tokens": 1.56,
    "P is the mean of the gates; it is the mean of all probabilities": 1.4729,
    "P is the sum over the tokens; take the mean": 6.44,
    "the counts are not divided by N·k": 12.88,
    "neither counts nor probabilities are divided: f by N·k, P by N": 64.4,
    "there is a softmax too many: p holds probabilities already": 1.076,
    "the sign is wrong: an uneven load must give more": -1.288,
    "it is multiplied by E twice": 5.152,
}
check(call(balance_loss, p, chosen), torch.tensor(1.288), uneven, "the loss")
# Collapse: every token chooses experts 1 and 2, each with probability 1/2: L = 4 (1/4 + 1/4) = E/k = 2.
# Then k = 1: every token chooses expert 1, with probability 1: L = E = 4.
both, one = torch.tensor([[0, 0.5, 0.5, 0]] * 5), torch.tensor([[0.0, 1, 0, 0]] * 5)
choices = torch.tensor([[1, 2]] * 5)
mistakes = {"E is the number of columns of p, not the highest index in chosen + 1": 1.5}
check(call(balance_loss, both, choices), torch.tensor(2.0), mistakes, "the loss at collapse, with k = 2")
mistakes = {"the counts are divided by 2N although k is 1 here; k is chosen.shape[1]": 2.0}
check(
    call(balance_loss, one, choices[:, :1]), torch.tensor(4.0), mistakes, "the loss at collapse, with k = 1"
)
check_unchanged(balance_loss, p, chosen)
print("balance_loss: right")


# %% nbgrader={"grade": true, "grade_id": "balance_loss_hidden", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random probabilities, 0.5 points each: the loss; besides the right loss, its gradient.
### BEGIN HIDDEN TESTS
SAYS = {
    "P twice": "it is E times the sum of P², from probabilities alone; f must be counted in chosen",
    "f twice": "it is E times the sum of f², from counts alone; P is the mean probability",
    "by N": "f sums to k, so the result is k times too large: divide the counts by N·k",
    "no E": "the factor E is missing; or was it a mean over the experts, where a sum is asked?",
    "first": "only each token's first expert is counted; all k choices are",
    "last": "only each token's last expert is counted; all k choices are",
    "argmax": "the most probable experts are counted; count those in chosen",
    "topk": "the k most probable experts are counted; count those in chosen",
    "where chosen": "a probability counts only where the token chose the expert; P takes in all N tokens",
    "among": "P is the mean over the tokens that chose the expert; it takes in all N tokens",
    "gates": "P is the mean of the gates; it is the mean of all probabilities",
    "P summed": "P is the sum over the tokens; take the mean",
    "counts": "the counts are not divided by N·k",
    "nothing": "neither counts nor probabilities are divided: f by N·k, P by N",
    "softmax": "there is a softmax too many: p holds probabilities already",
    "sign": "the sign is wrong: an uneven load must give more",
    "E twice": "it is multiplied by E twice",
}


def expected(p, chosen, wrong=None):
    """The loss, or what it is with one thing wrong, a key of SAYS."""
    (N, E), k = p.shape, chosen.shape[1]
    if wrong == "softmax":
        p = p.softmax(1)
    hits = torch.zeros_like(p).scatter(1, chosen, 1.0)  # (N, E): 1 where chosen
    mine = p * hits
    f, P = hits.sum(0) / (N * k), p.mean(0)
    f = {
        "P twice": P,
        "by N": k * f,
        "first": F.one_hot(chosen[:, 0], E).float().mean(0),
        "last": F.one_hot(chosen[:, -1], E).float().mean(0),
        "argmax": F.one_hot(p.argmax(1), E).float().mean(0),
        "topk": F.one_hot(p.topk(k).indices, E).float().mean((0, 1)),
        "counts": hits.sum(0),
        "nothing": hits.sum(0),
    }.get(wrong, f)
    P = {
        "f twice": f,
        "where chosen": mine.mean(0),
        "among": mine.sum(0) / hits.sum(0).clamp(min=1),
        "gates": (mine / mine.sum(1, keepdim=True)).mean(0),
        "P summed": p.sum(0),
        "nothing": p.sum(0),
    }.get(wrong, P)
    return {"no E": 1, "sign": -E, "E twice": E * E}.get(wrong, E) * (f * P).sum()


while True:  # until every mistake gives another number
    p = (1.5 * fresh(9, 6)).softmax(1)
    chosen = (p + 0.2 * fresh(9, 6)).topk(3).indices
    mistakes = {said: expected(p, chosen, wrong) for wrong, said in SAYS.items()}
    met = [expected(p, chosen), *mistakes.values()]
    distinct = not any(_equal(a, b, 4e-3) for i, a in enumerate(met) for b in met[:i])
    if distinct and len(chosen.unique()) == 6:
        break
points = Points(1)
with points.part(0.5, "the loss"):
    check(call(balance_loss, p, chosen), expected(p, chosen), mistakes, "the loss")
with points.part(0.5, "the gradient"):
    leaf = p.clone().requires_grad_()
    loss = call(lambda: balance_loss(leaf, chosen.clone()))
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        raise CheckFailed("backward() cannot reach p; no .item(), no torch.no_grad(), no .detach() of P")
    check(loss, expected(p, chosen), mistakes, "the loss")
    loss.backward()
    other = p.clone().requires_grad_()
    expected(other, chosen).backward()
    check(leaf.grad, other.grad, what="the gradient, E f / N for each token")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4: a bias that only chooses (3 points)
#
# A balance loss also pulls at the router's weights. There is a way without a loss ([Wang et al.
# 2024](https://arxiv.org/abs/2408.15664)), which DeepSeek-V3 uses: each expert has a bias (偏置), a
# number that is added to its probability when experts are *chosen*, and nowhere else. After each batch
# the bias of an expert with too many tokens falls by `rate`, and that of one with too few rises by
# `rate`. Write one such step:
#
# 1. **chosen**: for each token the k experts with the highest p + bias, from the highest to the lowest.
#    (No two sums of a row are equal here.)
# 2. **gates**: from p alone, without the bias: the probabilities of the chosen experts, divided by
#    their sum for each token.
# 3. **new_bias** = bias + rate · sign(mean load − load). The load of an expert is the number of entries
#    of `chosen` that are this expert; the mean load is N·k/E. sign is 1, 0 or −1: an expert with
#    exactly the mean load keeps its bias.
#
# (DeepSeek-V3 takes the sigmoid of the scores for p, not the softmax. The step is the same.)


# %% nbgrader={"grade": false, "grade_id": "bias_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bias_step(p, bias, k, rate):
    """Choose experts by p + bias, take gates from p, and adjust the bias to the load.

    p: (N, E), the router's probabilities; bias: (E,); 1 <= k <= E; rate: a float above 0.
    Returns chosen, (N, k), int64; gates, (N, k); new_bias, (E,).
    """
    ### BEGIN SOLUTION
    chosen = (p + bias).topk(k, dim=-1).indices
    gates = p.gather(-1, chosen)
    load = chosen.flatten().bincount(minlength=len(bias)).float()
    new_bias = bias + rate * (load.mean() - load).sign()
    return chosen, gates / gates.sum(dim=-1, keepdim=True), new_bias
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "bias_step_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# N = 4, E = 4, k = 2, so the mean load is 4 x 2 / 4 = 2.
p = torch.tensor([[5.0, 15, 60, 20], [15, 10, 40, 35], [60, 5, 15, 20], [10, 30, 5, 55]]) / 100
bias = torch.tensor([-0.1, 0.2, 0.05, -0.2])
# p + bias, in hundredths: (-5, 35, 65, 0), (5, 30, 45, 15), (50, 25, 20, 0), (0, 50, 10, 35).
experts = torch.tensor([[2, 1], [2, 1], [0, 1], [1, 3]])
# Gates from p: 60 and 15 of 75; 40 and 10 of 50; 60 and 5 of 65; 30 and 55 of 85.
shares = torch.tensor([[4 / 5, 1 / 5], [4 / 5, 1 / 5], [12 / 13, 1 / 13], [6 / 17, 11 / 17]])
# The loads are 1, 4, 2, 1: up, down, no change, up, each by the rate 0.1.
moved = torch.tensor([0.0, 0.1, 0.05, -0.1])
mistakes = {
    "the bias is not used; choose by p + bias": [[2, 3], [2, 3], [0, 3], [3, 1]],
    "the bias is subtracted; choose by p + bias": [[2, 3], [3, 2], [0, 3], [3, 0]],
    "p is multiplied by the bias; add it": [[1, 2], [1, 2], [1, 2], [1, 2]],
    "these are the experts with the lowest sums": [[0, 3], [0, 3], [3, 2], [0, 2]],
    "each row is in the order of the indices; the highest sum comes first": [[1, 2], [1, 2], [0, 1], [1, 3]],
}
of_gates = {
    "the bias leaks into the gates: they are made of p + bias; take p alone, as it was given": [
        [0.65, 0.35],
        [0.6, 0.4],
        [0.6667, 0.3333],
        [0.5882, 0.4118],
    ],
    "the gates are the sums p + bias; take p alone, divided by its sum": [
        [0.65, 0.35],
        [0.45, 0.3],
        [0.5, 0.25],
        [0.5, 0.35],
    ],
    "the gates are the softmax of p + bias; take p alone, divided by its sum": [
        [0.5744, 0.4256],
        [0.5374, 0.4626],
        [0.5622, 0.4378],
        [0.5374, 0.4626],
    ],
    "p is divided by the sum of p + bias, so the bias leaks into the gates; divide by the sum of p": [
        [0.6, 0.15],
        [0.5333, 0.1333],
        [0.8, 0.0667],
        [0.3529, 0.6471],
    ],
    "they are not divided by their sum, for each token": [[0.6, 0.15], [0.4, 0.1], [0.6, 0.05], [0.3, 0.55]],
    "they are the softmax of p; p holds probabilities already: divide them by their sum": [
        [0.6106, 0.3894],
        [0.5744, 0.4256],
        [0.6341, 0.3659],
        [0.4378, 0.5622],
    ],
    "they are those of the k largest p; take p at the chosen experts": [
        [0.75, 0.25],
        [0.5333, 0.4667],
        [0.75, 0.25],
        [0.6471, 0.3529],
    ],
    "they are divided by the sum over all tokens; each token has its own": [
        [0.2182, 0.0545],
        [0.1455, 0.0364],
        [0.2182, 0.0182],
        [0.1091, 0.2],
    ],
}
of_bias = {
    "the sign is wrong: an expert with too many tokens must become less attractive": [-0.2, 0.3, 0.05, -0.3],
    "the step is proportional to the gap; take its sign": [0.0, 0.0, 0.05, -0.1],
    "the step is proportional to the gap, relative to the mean load; take its sign": [
        -0.05,
        0.1,
        0.05,
        -0.15,
    ],
    "the step is proportional to the gap, as a share of all choices; take its sign": [
        -0.0875,
        0.175,
        0.05,
        -0.1875,
    ],
    "the mean load is N·k/E, not N/E": [-0.1, 0.1, -0.05, -0.2],
    "the mean load is N·k/E; a load is a number of choices": [-0.2, 0.1, -0.05, -0.3],
    "expert 2 has exactly the mean load; its bias stays": [0.0, 0.1, -0.05, -0.1],
    "expert 2 has exactly the mean load, so its bias stays": [0.0, 0.1, 0.15, -0.1],
    "only each token's first expert is counted; all k choices are": [-0.1, 0.2, -0.05, -0.1],
    "the load is that of choices without the bias; count in chosen": [0.0, 0.3, 0.05, -0.3],
    "the load is a sum of probabilities; count in chosen": [0.0, 0.3, -0.05, -0.3],
    "the load is a sum of gates; count in chosen": [0.0, 0.3, -0.05, -0.1],
    "it is the change alone; add it to the bias": [0.1, -0.1, 0.0, 0.1],
    "the mean of the biases is subtracted; leave it": [-0.0125, 0.0875, 0.0375, -0.1125],
    "rate is missing": [0.9, -0.8, 0.05, 0.8],
    "only biases of experts with too many tokens change; those with too few rise": [-0.1, 0.1, 0.05, -0.2],
    "only biases of experts with too few tokens change; those with too many fall": [0.0, 0.2, 0.05, -0.1],
    "it is the old bias": [-0.1, 0.2, 0.05, -0.2],
}
chosen, gates, new_bias = unpack(call(bias_step, p, bias, 2, 0.1), "chosen", "gates", "new_bias")
check(chosen, experts, mistakes, "chosen")
check("int64" in str(chosen.dtype), True, {f"{chosen.dtype} is no index; make it int64": False}, "chosen")
check(gates, shares, of_gates, "gates")
check(new_bias, moved, of_bias, "new_bias")
# Tokens 1 to 3 alone: the mean load is 3 x 2 / 4 = 1.5. The loads are 1, 3, 1, 1: only expert 1 has too many.
few = call(bias_step, p[1:], bias, 2, 0.1)[2]
mistakes = {"the mean load is 3 x 2 / 4 = 1.5; leave it unrounded": [-0.1, 0.1, 0.05, -0.2]}
check(few, torch.tensor([0.0, 0.1, 0.15, -0.1]), mistakes, "new_bias, with tokens 1 to 3")
check_unchanged(bias_step, p, bias, 2, 0.1)
print("bias_step: right")


# %% nbgrader={"grade": true, "grade_id": "bias_step_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random probabilities, with k = 3, 0.5 points each: chosen, also with k = 1; gates, also of
# experts with very small p; new_bias; new_bias where nobody chooses the last expert.
### BEGIN HIDDEN TESTS
EXPERTS = {
    "no bias": "the bias is not used; choose by p + bias",
    "minus": "the bias is subtracted; choose by p + bias",
    "times": "p is multiplied by the bias; add it",
    "lowest": "these are the experts with the lowest sums",
    "ascending": "each row is in the order of the indices; the highest sum comes first",
}
GATES = {
    "leak": "the bias leaks into the gates: they are made of p + bias; take p alone, as it was given",
    "sums": "the gates are the sums p + bias; take p alone, divided by its sum",
    "leak softmax": "the gates are the softmax of p + bias; take p alone, divided by its sum",
    "leak below": "p is divided by the sum of p + bias, so the bias leaks into the gates; divide by the sum of p",
    "not": "they are not divided by their sum, for each token",
    "softmax": "they are the softmax of p; p holds probabilities already: divide them by their sum",
    "own": "they are those of the k largest p; take p at the chosen experts",
    "all tokens": "they are divided by the sum over all tokens; each token has its own",
}
BIAS = {
    "sign": "the sign is wrong: an expert with too many tokens must become less attractive",
    "gap": "the step is proportional to the gap; take its sign",
    "relative": "the step is proportional to the gap, relative to the mean load; take its sign",
    "share": "the step is proportional to the gap, as a share of all choices; take its sign",
    "N/E": "the mean load is N·k/E, not N/E",
    "2N/E": "the mean load is N·k/E, not 2N/E",
    "never 0": "an expert with exactly the mean load keeps its bias",
    "never 0, up": "an expert with exactly the mean load keeps its bias; it does not rise",
    "first": "only each token's first expert is counted; all k choices are",
    "without": "the load is that of choices without the bias; count in chosen",
    "mass": "the load is a sum of probabilities; count in chosen",
    "gate mass": "the load is a sum of gates; count in chosen",
    "change": "it is the change alone; add it to the bias",
    "centred": "the mean of the biases is subtracted; leave it",
    "no rate": "rate is missing",
    "only down": "only biases of experts with too many tokens change; those with too few rise",
    "only up": "only biases of experts with too few tokens change; those with too many fall",
    "old": "it is the old bias",
}


def expected_step(p, bias, k, rate, wrong=None):
    """chosen, gates, new_bias, or what they are with one thing wrong, a key of the above."""
    total = p + bias
    by = {"no bias": p, "minus": p - bias, "times": p * bias, "lowest": -total}.get(wrong, total)
    ids = by.topk(k).indices
    ids = ids.sort(dim=1).values if wrong == "ascending" else ids
    mine, sums, own = p.gather(1, ids), total.gather(1, ids), p.topk(k).values
    gates = mine / mine.sum(1, keepdim=True)
    gates = {
        "leak": sums / sums.sum(1, keepdim=True),
        "sums": sums,
        "leak softmax": sums.softmax(1),
        "leak below": mine / sums.sum(1, keepdim=True),
        "not": mine,
        "softmax": mine.softmax(1),
        "own": own / own.sum(1, keepdim=True),
        "all tokens": mine / mine.sum(),
    }.get(wrong, gates)
    counted = {"first": ids[:, :1], "without": p.topk(k).indices}.get(wrong, ids)
    load = torch.zeros_like(p).scatter(1, counted, 1.0).sum(0)
    load = {"mass": p.sum(0), "gate mass": torch.zeros_like(p).scatter(1, ids, gates).sum(0)}.get(wrong, load)
    share = len(p) / len(bias)
    gap = {"N/E": share, "2N/E": 2 * share}.get(wrong, load.mean()) - load
    turn = {
        "sign": -gap.sign(),
        "gap": gap,
        "relative": gap / load.mean(),
        "share": gap / load.sum(),
        "never 0": (gap > 0) * 2.0 - 1,
        "never 0, up": (gap >= 0) * 2.0 - 1,
        "only down": gap.sign().clamp(max=0),
        "only up": gap.sign().clamp(min=0),
        "old": 0 * gap,
    }.get(wrong, gap.sign())
    new = (0 if wrong == "change" else bias) + (1 if wrong == "no rate" else rate) * turn
    return ids, gates, new - new.mean() if wrong == "centred" else new


CHOICES = (None, "no bias", "minus", "times", "lowest")


def draw(last_used):
    """With one expert of mean load, all but perhaps the last used, and other results for the mistakes."""
    while True:
        N, E, k = 12, 6, 3
        # The biases are about -1, so that no sum is above 0.
        p, bias, rate = fresh(N, E).softmax(1), 0.1 * fresh(E) - 1, 0.03 + 0.03 * fresh(1).abs().item()
        bias[-1] += 0.15 if last_used else -2
        given = (p, bias, k, rate)
        load = expected_step(*given)[0].flatten().bincount(minlength=E)
        if (
            bool((load[:-1] > 0).all())
            and bool(load[-1] > 0) == last_used
            and bool((load == N * k // E).any())
        ):
            parts = [(0, EXPERTS), (1, GATES), (2, BIAS)] if last_used else [(2, BIAS)]
            for part, says in parts:
                met = [expected_step(*given, wrong=wrong)[part] for wrong in [None, *says]]
                others = met if last_used else met[:1]
                if any(_equal(one, other, 4e-3) for i, one in enumerate(met) for other in others[:i]):
                    break
            else:
                # Nor must experts chosen in a wrong way, or two of them, have the right loads by chance.
                right, *others = (expected_step(*given, wrong)[2] for wrong in CHOICES)
                others.append(expected_step(p, bias, 2, rate)[2])
                if not any(_equal(right, other, 4e-3) for other in others):
                    return given


def compare(part, says, what, last_used=True):
    given = draw(last_used)
    want = expected_step(*given)[part]
    mistakes = {said: expected_step(*given, wrong=wrong)[part] for wrong, said in says.items()}
    mistakes = {said: wrong for said, wrong in mistakes.items() if not _equal(wrong, want, 4e-3)}
    got = unpack(call(bias_step, *given), "chosen", "gates", "new_bias")[part]
    check(got, want, mistakes, what)


points = Points(2)
with points.part(0.5, "chosen"):
    compare(0, EXPERTS, "chosen")
    p = (2 * torch.eye(4) + 0.1 * fresh(4, 4)).flip(1).softmax(1)  # each expert has a token
    chosen = unpack(call(bias_step, p, torch.zeros(4), 1, 0.1), "chosen", "gates", "new_bias")[0]
    check(chosen, torch.tensor([[3], [2], [1], [0]]), what="chosen, with k = 1")
with points.part(0.5, "gates"):
    compare(1, GATES, "gates")
    p = 1e-6 * fresh(5, 3).sigmoid()
    gates = unpack(call(bias_step, p, torch.tensor([3.0, 2, 1]), 3, 0.1), "chosen", "gates", "new_bias")[1]
    want = p / p.sum(1, keepdim=True)
    check(gates, want, what="gates, where each p is below 1e-6 (nothing may be added to their sum)")
with points.part(0.5, "new_bias"):
    compare(2, BIAS, "new_bias")
with points.part(0.5, "an expert that nobody chooses"):
    compare(2, BIAS, "new_bias", last_used=False)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5: a limit on the load (3 points)
#
# Fast programs give each expert a buffer (缓冲区) of fixed size. It has room for a number of tokens called its
# capacity (容量):
#
# $$\text{capacity} = \left\lceil \text{factor} \cdot \frac{N k}{E} \right\rceil$$
#
# ⌈ ⌉ rounds up to a whole number; only the end of the calculation is rounded, N·k/E stays a fraction. When a buffer is full, further choices of this expert are
# dropped (丢弃), and such a token goes without it. So it matters who comes first. Here, as in GShard
# ([Lepikhin et al. 2020](https://arxiv.org/abs/2006.16668)), the order is:
#
# - first the *first* choices (column 0) of all tokens, token 0 to token N − 1;
# - then the *second* choices (column 1) of all tokens, token 0 to token N − 1, and so on.
#
# In this order, the choices of an expert take places 0, 1, 2, ... of its buffer. Choices that come when
# all `capacity` places are taken are dropped: their place is −1. The token's other choices are not
# touched by this. An expert has one buffer, which all columns share.
#
# The tests use factors with which no rounding error changes the capacity.


# %% nbgrader={"grade": false, "grade_id": "buffer_places", "locked": false, "schema_version": 3, "solution": true, "task": false}
def buffer_places(chosen, E, factor):
    """The place of each choice in its expert's buffer; -1 where it is dropped.

    chosen: (N, k), indices of experts, those of a token differ; E: number of experts; factor: a float
    above 0.
    Returns (N, k), int64: from 0 to capacity - 1, or -1.
    """
    ### BEGIN SOLUTION
    N, k = chosen.shape
    capacity = math.ceil(factor * N * k / E)
    ordered = F.one_hot(chosen.T.flatten(), E)  # (k N, E): all first choices, then all second ones
    places = (ordered.cumsum(dim=0) * ordered).sum(dim=1) - 1
    return places.masked_fill(places >= capacity, -1).view(k, N).T
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "buffer_places_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# k = 1: six tokens, E = 3, factor 1: the capacity is 6/3 = 2. Four tokens choose expert 1; two stay.
once = torch.tensor([[1], [0], [1], [1], [2], [1]])
places_once = torch.tensor([[0], [0], [1], [-1], [0], [-1]])
mistakes_once = {
    "the places are compared as they count from 1; subtract 1 first": [[1], [1], [-1], [-1], [1], [-1]],
    "the last tokens are kept; those of lower position come first": [[-1], [0], [-1], [1], [0], [0]],
    "an expert keeps one too many: with capacity 2, its places are 0 and 1": [[0], [0], [1], [2], [0], [-1]],
    "an expert keeps one too few: with capacity 2, its places are 0 and 1": [[0], [0], [-1], [-1], [0], [-1]],
    "nothing is dropped; an expert has `capacity` places": [[0], [0], [1], [2], [0], [3]],
    "places count from 1; they start at 0": [[1], [1], [2], [-1], [1], [-1]],
    "places count from 1, and a dropped choice has 0; they start at 0, and it has -1": [
        [1],
        [1],
        [2],
        [0],
        [1],
        [0],
    ],
    "a dropped choice has 0, which is a place; it has -1": [[0], [0], [1], [0], [0], [0]],
    "a dropped choice has the capacity; it has -1": [[0], [0], [1], [2], [0], [2]],
    "it is 1 where a choice is kept and 0 where not; return its place, or -1": [[1], [1], [1], [0], [1], [0]],
    "a place counts all earlier choices; count those of the same expert": [[0], [1], [-1], [-1], [-1], [-1]],
}
# k = 2: eight tokens, E = 3, factor 5/8: 5/8 x 16/3 = 3.33, so the capacity is 4.
twice = torch.tensor([[1, 2], [2, 0], [1, 0], [0, 1], [1, 0], [1, 0], [2, 0], [0, 1]])
# First choices: expert 1 has tokens 0, 2, 4, 5 and is full; expert 2 has 1 and 6; expert 0 has 3 and 7.
# Second choices: expert 2 takes token 0 at place 2; expert 0 takes tokens 1 and 2 at places 2 and 3 and
# is full; the others are dropped.
places_twice = torch.tensor([[0, 2], [0, 2], [1, 3], [0, -1], [2, -1], [3, -1], [1, -1], [1, -1]])
mistakes_twice = {
    "an expert keeps 3: the capacity is rounded up, 3.33 to 4": [
        [0, 2],
        [0, 2],
        [1, -1],
        [0, -1],
        [2, -1],
        [-1, -1],
        [1, -1],
        [1, -1],
    ],
    "an expert keeps 2: all N·k choices share the buffers, so k stands in the capacity": [
        [0, -1],
        [0, -1],
        [1, -1],
        [0, -1],
        [-1, -1],
        [-1, -1],
        [1, -1],
        [1, -1],
    ],
    "an expert keeps 6: the factor is not used": [
        [0, 2],
        [0, 2],
        [1, 3],
        [0, 4],
        [2, 4],
        [3, 5],
        [1, -1],
        [1, 5],
    ],
    "it goes token by token, all choices of one at once; all first choices come before any second one": [
        [0, 0],
        [1, 0],
        [1, 1],
        [2, 2],
        [3, 3],
        [-1, -1],
        [2, -1],
        [-1, -1],
    ],
    "second choices come before first ones": [
        [2, 0],
        [1, 0],
        [3, 1],
        [-1, 0],
        [-1, 2],
        [-1, 3],
        [2, -1],
        [-1, 1],
    ],
    "the columns count separately; an expert has one buffer for all columns": [
        [0, 0],
        [0, 0],
        [1, 1],
        [0, 0],
        [2, 2],
        [3, 3],
        [1, -1],
        [1, 1],
    ],
    "one dropped choice drops the whole token; its other choices stay": [
        [0, 2],
        [0, 2],
        [1, 3],
        [-1, -1],
        [-1, -1],
        [-1, -1],
        [-1, -1],
        [-1, -1],
    ],
    "the places are right, but at the wrong tokens: turn (k, N) into (N, k) by .T, not by view": [
        [0, 0],
        [1, 0],
        [2, 3],
        [1, 1],
        [2, 2],
        [3, -1],
        [-1, -1],
        [-1, -1],
    ],
}
places = call(buffer_places, once, 3, 1.0)
check(places, places_once, mistakes_once, "the places, with k = 1")
check("int64" in str(places.dtype), True, {f"{places.dtype} is no index; make it int64": False}, "the places")
places = call(buffer_places, twice, 3, 5 / 8)
check(places, places_twice, mistakes_twice, "the places, with k = 2")
check_unchanged(buffer_places, twice, 3, 5 / 8)
print("buffer_places: right")


# %% nbgrader={"grade": true, "grade_id": "buffer_places_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random choices. 0.5 points: k = 1, also with a capacity of 1, and with an expert that
# nobody chose. 1 point: k = 2 and k = 3. 0.5 points: factor·N·k/E is a whole number.
### BEGIN HIDDEN TESTS
SAYS = {
    "later": "the last tokens are kept; those of lower position come first",
    "one more": "an expert keeps one too many: the places are 0 to capacity - 1",
    "one less": "an expert keeps one too few: the places are 0 to capacity - 1",
    "floor": "an expert keeps one too few: the capacity is rounded up",
    "no k": "all N·k choices share the buffers, so k stands in the capacity",
    "no factor": "the factor is not used",
    "capped": "a factor above 1 is taken for 1",
    "used": "E is the number of all experts, also of those that nobody chose",
    "no limit": "nothing is dropped; an expert has `capacity` places",
    "from 1": "places count from 1; they start at 0",
    "zero": "a dropped choice has 0, which is a place; it has -1",
    "capacity": "a dropped choice has the capacity; it has -1",
    "mask": "it is 1 where a choice is kept and 0 where not; return its place, or -1",
    "by token": "it goes token by token, all choices of one at once; "
    "all first choices come before any second one",
    "second first": "second choices come before first ones",
    "separate": "the columns count separately; an expert has one buffer for all columns",
    "whole": "one dropped choice drops the whole token; its other choices stay",
    "mixed": "the places are right, but at the wrong tokens: turn (k, N) into (N, k) by .T, not by view",
}


def expected_places(chosen, E, factor, wrong=None):
    """The right ones, or what comes out with one thing wrong, a key of SAYS."""
    N, k = chosen.shape
    share = factor * N * k / E
    capacity = {
        "floor": math.floor(share),
        "no k": math.ceil(factor * N / E),
        "no factor": math.ceil(N * k / E),
        "capped": math.ceil(min(factor, 1) * N * k / E),
        "used": math.ceil(factor * N * k / (int(chosen.max()) + 1)),
        "no limit": N * k,
        "one more": math.ceil(share) + 1,
        "one less": math.ceil(share) - 1,
    }.get(wrong, math.ceil(share))
    order = [(n, j) for j in range(k) for n in range(N)]
    if wrong == "by token":
        order = [(n, j) for n in range(N) for j in range(k)]
    elif wrong == "later":
        order = [(n, j) for j in range(k) for n in reversed(range(N))]
    elif wrong == "second first":
        order = [(n, j) for j in reversed(range(k)) for n in range(N)]
    taken, found = {}, {}
    for n, j in order:
        buffer = (chosen[n, j].item(), j if wrong == "separate" else 0)
        place = taken[buffer] = taken.get(buffer, -1) + 1
        kept = place < capacity
        otherwise = {"zero": 0, "capacity": capacity}.get(wrong, -1)
        found[n, j] = place + (wrong == "from 1") if kept else otherwise
        if wrong == "mask":
            found[n, j] = int(kept)
    if wrong == "whole":
        found = {(n, j): -1 if -1 in [found[n, i] for i in range(k)] else found[n, j] for n, j in found}
    result = torch.tensor([[found[n, j] for j in range(k)] for n in range(N)])
    return result.T.reshape(N, k) if wrong == "mixed" else result


def compare(N, E, k, factor, caught, used=None):
    """With choices, of the first `used` experts, for which these mistakes give something else."""
    used = used or E
    while True:
        # Early experts are chosen more often.
        chosen = (fresh(N, used) - 0.4 * torch.arange(used)).topk(k).indices
        want = expected_places(chosen, E, factor)
        mistakes = {SAYS[wrong]: expected_places(chosen, E, factor, wrong) for wrong in caught}
        met = [want, *mistakes.values()]
        distinct = not any(_equal(one, other, 0) for i, one in enumerate(met) for other in met[:i])
        if distinct and chosen.max() == used - 1:
            break
    got = call(buffer_places, chosen, E, factor)
    check(got, want, mistakes, f"the places, with N={N}, E={E}, k={k} and factor={factor}")


points = Points(2)
always = ["later", "one more", "no limit", "from 1", "zero", "capacity", "mask"]
several = ["floor", "no k", "no factor", "by token", "second first", "separate", "whole", "mixed"]
with points.part(0.5, "k = 1"):
    compare(15, 5, 1, 1.5, ["floor", "capped", "used", *always], used=3)  # 9/2, so 5
    compare(8, 4, 1, 0.375, ["one more", "no limit"])  # 3/4, so 1
with points.part(1, "k = 2 and k = 3"):
    for k in (2, 3):
        compare(13, 5, k, 0.7, [*always, *several])
with points.part(0.5, "a whole number"):
    others = ["one less", "no factor", "by token", "second first", "separate", "whole"]
    compare(12, 4, 2, 0.5, [*always, *others])
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: total and active parameters (3 points)
#
# How many parameters does a mixture hold (total), and how many does one token use (active)? All
# matrices are without biases. Parts, each for all layers together:
#
# - `embedding` (V, D) and `head` (D, V), each a matrix of its own.
# - `attention`, in every layer, with grouped queries (分组查询注意力): H heads of size d for the queries, but
#   only `kv_heads` heads of size d for the keys, and as many for the values; then a matrix from H·d
#   back to D. H·d need not be D.
# - `dense`: the first `dense_layers` layers have one feed-forward layer of inner width M instead of
#   experts, and no router. It is gated: *three* matrices, two from D to M and one back.
# - `router`: in each of the other layers, a matrix from D to E.
# - `experts`: in each of the other layers, E experts of inner width h, gated too.
# - `shared`: in each of the other layers, `shared` further experts of the same size. Every token goes
#   through them.
# - `total`: the sum of all these. Norms are left out: they are less than a thousandth.
# - `active`: what a token uses: everything but the experts that it did not choose. It chooses k of the
#   E; the shared ones come on top. Count the embedding and the head in full, as is usual, although a token looks up one row of the embedding.


# %% nbgrader={"grade": false, "grade_id": "count_parameters", "locked": false, "schema_version": 3, "solution": true, "task": false}
def count_parameters(config):
    """Parameters of a mixture of experts, by part, and those that a token uses.

    config: a dictionary with the keys "V", "D", "layers", "dense_layers", "H", "kv_heads", "d", "M", "h",
    "E", "shared", "k", each a whole number.
    Returns {"embedding", "head", "attention", "dense", "router", "experts", "shared", "total", "active"},
    each a whole number.
    """
    ### BEGIN SOLUTION
    c = config
    mixtures = c["layers"] - c["dense_layers"]
    one_expert = 3 * c["D"] * c["h"]
    counts = {
        "embedding": c["V"] * c["D"],
        "head": c["V"] * c["D"],
        "attention": c["layers"] * 2 * c["D"] * c["d"] * (c["H"] + c["kv_heads"]),
        "dense": c["dense_layers"] * 3 * c["D"] * c["M"],
        "router": mixtures * c["D"] * c["E"],
        "experts": mixtures * c["E"] * one_expert,
        "shared": mixtures * c["shared"] * one_expert,
    }
    total = sum(counts.values())
    return counts | {"total": total, "active": total - mixtures * (c["E"] - c["k"]) * one_expert}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "count_parameters_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
small = {"V": 10, "D": 6, "layers": 3, "dense_layers": 1, "H": 4, "kv_heads": 1, "d": 2}
small |= {"M": 5, "h": 2, "E": 6, "shared": 2, "k": 3}
# Embedding and head: 60 each. Attention: queries 6 x 8, keys and values 6 x 2 each, output 8 x 6: 120 in
# each of 3 layers. Dense: 3 x 6 x 5 = 90, in one layer. Router: 6 x 6 in each of the 2 others. An expert has
# 3 x 6 x 2 = 36: 2 layers of 6 are 432; 2 layers of 2 shared ones 144. All together 1,218.
# A token leaves out 6 - 3 experts in 2 layers: 1,218 - 2 x 3 x 36 = 1,002.
right = {"embedding": 60, "head": 60, "attention": 360, "dense": 90, "router": 72, "experts": 432}
right |= {"shared": 144, "total": 1218, "active": 1002}
# Mixtral 8x7B, from its published sizes. Total 46.7 and active 12.9 billion, as announced.
mixtral = {"V": 32000, "D": 4096, "layers": 32, "dense_layers": 0, "H": 32, "kv_heads": 8, "d": 128}
mixtral |= {"M": 14336, "h": 14336, "E": 8, "shared": 0, "k": 2}
announced = {"embedding": 131072000, "head": 131072000, "attention": 1342177280, "dense": 0}
announced |= {"router": 1048576, "experts": 45097156608, "shared": 0}
announced |= {"total": 46702526464, "active": 12879659008}
gated = "a gated layer has three matrices, two up and one back"
mistakes = {
    "attention": {
        576: "keys and values have kv_heads heads, not H",
        432: "it is four matrices (D, D); H heads of size d have H·d features, those of the keys kv_heads·d",
        288: "it takes D for H·d; H heads of size d have H·d features",
        216: "the matrix from H·d back to D is missing",
        180: "the size of a head is d, not D/H",
        324: "keys and values have a matrix each",
        120: "it counts one layer",
        240: "the first `dense_layers` layers have attention, too",
    },
    "dense": {
        60: gated,
        36: "the inner width of a dense layer is M, not h",
        270: "only the first `dense_layers` layers are dense",
        180: "only the first `dense_layers` layers are dense; these are the others",
        0: "the dense layers are missing",
    },
    "router": {
        36: "it counts one layer, or k experts; each layer but the dense ones has a router for all E",
        108: "the first `dense_layers` layers have no router",
        12: "a router has D numbers for each expert",
        96: "the shared experts need no router: every token goes through them",
        0: "the router is missing",
    },
    "experts": {
        288: gated,
        1080: "the inner width of an expert is h, not M",
        648: "the first `dense_layers` layers have no experts",
        216: "it counts k experts, or one layer; all E are held, in each layer but the dense ones",
        576: "the shared experts have a part of their own",
        72: "it counts one expert a layer; all E are held",
    },
    "shared": {
        96: gated,
        360: "the inner width of a shared expert is h, not M",
        216: "the first `dense_layers` layers have no shared experts",
        72: "it counts one layer, or one shared expert; there are `shared` in each layer but the dense ones",
        0: "the shared experts are missing",
    },
    "total": {
        1002: "it counts k experts; the total holds all E",
        1158: "embedding or head is left out; the total holds both",
        1098: "embedding and head are left out; the total holds them",
        858: "attention is left out; the total holds it",
        1074: "the shared experts are left out; the total holds them",
        2436: "it adds the total itself, too",
    },
    "active": {
        1218: "it is the total; a token leaves out the experts that it did not choose",
        642: "attention is left out, which every token uses",
        882: "embedding and head are left out; by custom they count in full",
        942: "embedding or head is left out; by custom both count in full",
        948: "it counts one row of the embedding; by custom the embedding counts in full",
        522: "attention, embedding and head are left out; they count in full",
        858: "the shared experts are left out, or taken for some of the k; they come on top of these",
        912: "the dense layers are left out; every token uses them",
        930: "the router is left out; every token uses all of it",
        966: "the router counts in full: it scores all E experts, to choose k",
        609: "everything is multiplied by k/E; only the experts are",
        216: "these are the chosen experts alone; attention, embedding and the rest are used, too",
        360: "these are the experts alone; attention, embedding and the rest are used, too",
        786: "the chosen experts are left out",
        894: "the chosen experts of one layer are counted; each layer but the dense ones has k",
        1110: "the first `dense_layers` layers have no experts",
    },
}
for what, config, want, wrong in [
    ("the small model", small, right, mistakes),
    ("Mixtral 8x7B", mixtral, announced, {}),
]:
    counts = call(count_parameters, config)
    names = {name: 0 for name in want if name in counts} if isinstance(counts, dict) else counts
    lacking = [name for name in want if name not in names] if isinstance(names, dict) else []
    if lacking:
        raise CheckFailed(f"count_parameters must return a dictionary; it lacks the keys {lacking}")
    check(names, dict.fromkeys(want, 0), what="what count_parameters returns")
    for name, number in want.items():
        met = {sentence: other for other, sentence in wrong.get(name, {}).items()}
        check(counts[name], number, met, f"{name} of {what}")
check_unchanged(count_parameters, small)
print("count_parameters: right")


# %% nbgrader={"grade": true, "grade_id": "count_parameters_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random sizes, 0.5 points each. Every layer a mixture, without shared experts: the parts
# and the total; active. With dense layers and shared experts: the parts and the total; active.
### BEGIN HIDDEN TESTS
import random

PARTS = ["embedding", "head", "attention", "dense", "router", "experts", "shared"]


def draw(plain):
    c = {"V": 2 * rng.randint(10**7, 10**8) + 1, "D": rng.choice([13, 17]), "layers": rng.choice([5, 7])}
    c["H"], c["kv_heads"] = rng.choice([(8, 4), (6, 2), (6, 3)])
    c |= {"d": rng.choice([3, 5]), "M": rng.choice([43, 47]), "h": rng.choice([7, 11])}
    c |= {"E": rng.choice([12, 16]), "k": rng.choice([3, 5])}
    c |= {"dense_layers": 0, "shared": 0} if plain else {"dense_layers": 2, "shared": rng.choice([2, 4])}
    c["V"] += expected(c)[0]["total"] % 4 == 0  # then no number of 32 bits is the total
    return c


def expected(c):
    """Matrix by matrix, as (rows, columns): the parts, the total, active; and the mistakes in each."""
    expert = [(c["D"], c["h"])] * 2 + [(c["h"], c["D"])]
    dense = [(c["D"], c["M"])] * 2 + [(c["M"], c["D"])]
    queries, keys = c["H"] * c["d"], c["kv_heads"] * c["d"]
    attention = [(c["D"], queries), (c["D"], keys), (c["D"], keys), (queries, c["D"])]
    moe = c["layers"] - c["dense_layers"]

    def size(matrices):
        return sum(rows * columns for rows, columns in matrices)

    right = {
        "embedding": c["V"] * c["D"],
        "head": c["D"] * c["V"],
        "attention": size(attention * c["layers"]),
        "dense": size(dense * c["dense_layers"]),
        "router": size([(c["D"], c["E"])] * moe),
        "experts": size(expert * c["E"] * moe),
        "shared": size(expert * c["shared"] * moe),
    }
    total = right["total"] = sum(right.values())
    one, ends = size(expert), 2 * c["V"] * c["D"]
    active = right["active"] = total - (c["E"] - c["k"]) * moe * one
    k_of_E = c["k"] / c["E"]
    mistakes = {
        "attention": {
            "keys and values have kv_heads heads, not H": 4 * c["D"] * queries * c["layers"],
            "it is four matrices (D, D); H heads of size d have H·d features": 4 * c["D"] ** 2 * c["layers"],
            "it counts one layer": size(attention),
            "the first `dense_layers` layers have attention, too": size(attention * moe),
            "the matrix from H·d back to D is missing": size(attention[:3] * c["layers"]),
            "keys and values have a matrix each": size((attention[:2] + attention[3:]) * c["layers"]),
        },
        "dense": {
            "a gated layer has three matrices, two up and one back": size(dense[:2] * c["dense_layers"]),
            "the inner width of a dense layer is M, not h": size(expert * c["dense_layers"]),
            "only the first `dense_layers` layers are dense": size(dense * c["layers"]),
        },
        "router": {
            "the first `dense_layers` layers have no router": c["D"] * c["E"] * c["layers"],
            "it counts one layer": c["D"] * c["E"],
            "the router scores all E experts, not k": c["D"] * c["k"] * moe,
        },
        "experts": {
            "a gated layer has three matrices, two up and one back": 2 * right["experts"] // 3,
            "the inner width of an expert is h, not M": size(dense * c["E"] * moe),
            "the first `dense_layers` layers have no experts": size(expert * c["E"] * c["layers"]),
            "it counts k experts; all E are held": size(expert * c["k"] * moe),
            "it counts one layer": size(expert * c["E"]),
        },
        "shared": {
            "there are `shared` in each layer but the dense ones, not one": one * moe,
            "the first `dense_layers` layers have no shared experts": one * c["shared"] * c["layers"],
            "the shared experts are missing": 0,
            "the inner width of a shared expert is h, not M": size(dense * c["shared"] * moe),
        },
        "total": {
            "it counts k experts; the total holds all E": active,
            "embedding or head is left out; the total holds both": total - ends // 2,
            "embedding and head are left out; the total holds them": total - ends,
            "the shared experts are left out; the total holds them": total - right["shared"],
        },
        "active": {
            "it is the total; a token leaves out the experts that it did not choose": total,
            "attention is left out, which every token uses": active - right["attention"],
            "embedding and head are left out; by custom they count in full": active - ends,
            "embedding or head is left out; by custom both count in full": active - ends // 2,
            "it counts one row of the embedding; by custom the embedding counts in full": active
            - ends // 2
            + c["D"],
            "attention, embedding and head are left out; they count in full": active
            - ends
            - right["attention"],
            "the shared experts are left out, or taken for some of the k; they come on top of these": active
            - right["shared"],
            "the dense layers are left out; every token uses them": active - right["dense"],
            "the router is left out; every token uses all of it": active - right["router"],
            "the router counts in full: it scores all E experts, to choose k": active
            - right["router"]
            + c["D"] * c["k"] * moe,
            "everything is multiplied by k/E; only the experts are": int(total * k_of_E),
            "these are the chosen experts alone; attention, embedding and the rest are used, too": one
            * c["k"]
            * moe,
            "the first `dense_layers` layers have no experts": active + one * c["k"] * c["dense_layers"],
        },
    }
    return right, mistakes


def compare(names, plain):
    config = draw(plain)
    right, mistakes = expected(config)
    counts = call(count_parameters, config)
    for name in names:
        if not isinstance(counts, dict) or name not in counts:
            raise CheckFailed(f"count_parameters must return a dictionary with the key {name!r}")
        met = {said: wrong for said, wrong in mistakes.get(name, {}).items() if wrong != right[name]}
        check(counts[name], right[name], met, f"{name}, with {config}")


points, rng = Points(2), random.Random()
with points.part(0.5, "the parts and the total of a plain mixture"):
    compare([*PARTS, "total"], True)
with points.part(0.5, "active, of a plain mixture"):
    compare(["active"], True)
with points.part(0.5, "the parts and the total, with dense layers and shared experts"):
    compare([*PARTS, "total"], False)
with points.part(0.5, "active, with dense layers and shared experts"):
    compare(["active"], False)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7: in your own words (2 points, graded by hand)
#
# "Our new model has 10 trillion parameters (10 万亿), more than 140 times the 70 billion of the largest
# dense model that we used so far. So it must be much better, and it costs more than 140 times as much
# to run." Nothing else is known; the new model may be a mixture. Answer in six to ten short sentences:
#
# - Which further numbers do you ask for before you compare the two sizes, and what for? Name two at
#   least.
# - Suppose that the new model uses 50 billion parameters for each token. How much memory do the weights
#   of both models take at 2 bytes each, and how many operations does each need for a token, at about
#   two for each active parameter? What does this say about "140 times as much to run"?
# - Some experts may hardly be used. How would you find out while the model runs, and what would you
#   see?
# - Which measurement would convince you that the new model is better than the dense one? Say what must
#   be equal in the comparison.
#
# Half a point each.

# %% [markdown] nbgrader={"grade": true, "grade_id": "in_your_words", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# **Model answer.** Total parameters count what the model holds. I ask for the active parameters of a
# token, which set the operations; for E, k and the shared experts, to check that number; and for the
# amount of text that it was trained on, since size alone says little about quality. At 2 bytes the new
# model takes 20 terabytes for its weights, the dense one 140 gigabytes: about 140 times the memory,
# spread over many devices. A token takes about 2 × 50 billion = 100 billion operations, against 140 billion
# for the dense model: fewer, not 140 times as many. So the price depends on what is scarce: memory and
# traffic between devices for the one, operations for the other. To see whether experts are used, I
# count on varied text, layer by layer, which share of the choices falls on each expert, against 1/E; a
# dead expert has a share of almost 0, and if many are dead, the model could be smaller without loss. I
# would believe in "better" if, on the same tests, which neither model was trained on, the new one beats
# a dense model that was trained on the same text with equal operations (equal active parameters), by
# more than repeated runs differ; and I would also ask how it does against a dense model of equal
# memory.
#
# **Rubric.** Half a point for each of:
#
# 1. Active parameters (per token), and at least one more of: k and E or shared experts, amount of
#    training text, number format, dense or mixture in every layer; with what it is needed for.
# 2. 20 terabytes against 140 gigabytes, and about 100 against 140 billion operations (a token); so
#    memory grows about 140 times, and operations do not. Small slips in arithmetic cost nothing if the
#    conclusion is right.
# 3. Counting which experts are chosen, on real and varied input, layer by layer; dead or overloaded
#    experts show as shares far from 1/E. Leaving experts out and measuring the loss is as good.
# 4. The same test or held-out loss for both, with something equal that is named (training text,
#    operations, active parameters, or money), and an eye on the spread. "More parameters" or one
#    impressive answer is no measurement.
#
# Nothing for "10 trillion cannot be compared" without saying why. That the attention and the length of
# the text add operations that no count of parameters shows is right; no extra points.
