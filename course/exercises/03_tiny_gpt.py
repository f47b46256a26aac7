# ---
# jupyter:
#   course:
#     title: "Assignment 3: A tiny GPT"
# ---

# %% [markdown]
# # Assignment 3: a tiny GPT
#
# You write the parts around attention that make a language model (语言模型): its loss, its block, its
# number of parameters, its learning rate, the choice of the next token, generation with a cache. Then
# you fit a law to losses. Eight tasks, 20 points, 60 to 90 minutes.
#
# **How to work.** Replace each `raise NotImplementedError()` by your code; keep the function's name and
# arguments. Run the test cell under it: where something is wrong, it says what it met. Press
# **Validate** before you hand in: it runs everything afresh, as the grader will. The grader also runs
# hidden tests, on other numbers; a comment says what each one checks and what it is worth. Add cells
# where you like, and leave the given ones in place.
#
# **In every task.** No task needs your answer to another one. Tensors are `float32`, token ids `int64`,
# unless the task says otherwise. A function leaves its arguments as they are. Any way of computing the
# right result is right; PyTorch's own functions are allowed. Should you want a helper function, define it
# inside the function that uses it: the tests, hidden ones too, define functions of their own (`call`,
# `check`, ...) and would replace yours of the same name.
# Use Python, torch and NumPy: the grader has no pandas, SciPy or scikit-learn.
#
# **Notation.** B texts in a batch, T tokens (词元), D width, H heads (头), V entries in the vocabulary
# (词表); shapes are written (B, T, D). Scores, or logits, are what a model gives before the softmax.

# %% reuse="cells/checks:checks" nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false}

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": true, "schema_version": 3, "solution": false, "task": false}
import math

import torch
import torch.nn.functional as F

torch.set_num_threads(1)  # tensors as small as these gain nothing from a second thread


# %% [markdown]
# ## Task 1: the loss of a language model (2 points)
#
# A language model is trained to predict each next token. Cut inputs and targets from the same text of
# T + 1 tokens: the inputs are its first T tokens, the targets its last T. So the target at position t
# is the token that follows input t.
#
# The model gives V scores at each of the T positions. The softmax over these V scores gives each token
# of the vocabulary its probability. The loss at a position is −ln of the probability of the target. The
# result is the mean over all B·T positions, in nats (奈特), that is, with natural logarithms. Scores may be
# large and a probability tiny: exp(200) is infinite in `float32`, and −ln of e⁻⁶⁰ is 60.
#
# `model` is any function from ids (B, T) to scores (B, T, V). Training uses your result: return a tensor
# of shape (), so that `backward()` reaches the model's weights.


# %% nbgrader={"grade": false, "grade_id": "next_token_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def next_token_loss(model, texts):
    """Mean cross-entropy of the next token, in nats.

    model: a function, ids (B, T) -> scores (B, T, V).
    texts: ids, (B, T + 1); not every id of the vocabulary need occur.
    Returns a tensor of shape (), from which backward() reaches the weights.
    """
    ### BEGIN SOLUTION
    inputs, targets = texts[:, :-1], texts[:, 1:]
    scores = model(inputs)
    return F.cross_entropy(scores.flatten(0, 1), targets.flatten())
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "next_token_loss_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# V = 3. The model looks at the last token only, and its scores are ln of these numbers:
# after 0: (1, 1, 2), so the probabilities are (1/4, 1/4, 1/2);
# after 1: (2, 1, 1), so (1/2, 1/4, 1/4); after 2: (2, 4, 2), so (1/4, 1/2, 1/4).
table = torch.tensor([[1.0, 1, 2], [2, 1, 1], [2, 4, 2]]).log()
# Two texts of T + 1 = 4 tokens, so T = 3 predictions in each.
# 0 1 0 2: P(1 after 0) = 1/4, P(0 after 1) = 1/2, P(2 after 0) = 1/2.
# 2 1 1 0: P(1 after 2) = 1/2, P(1 after 1) = 1/4, P(0 after 1) = 1/2.
# -ln(1/2) is ln 2, and -ln(1/4) is 2 ln 2. The sum is 8 ln 2, the mean of 6 positions 4/3 ln 2.
texts = torch.tensor([[0, 1, 0, 2], [2, 1, 1, 0]])
mistakes = {
    "the targets are the inputs; the target is the token that follows": 1.3863,
    "the targets are the tokens before; the target is the token that follows": 1.2708,
    "the first token is the target of the last; cut T inputs and T targets instead": 0.9531,
    "the targets are two tokens ahead": 1.0397,
    "the softmax runs over the positions; it must run over the vocabulary, the last axis": 1.0006,
    "the softmax runs over the texts of the batch; it must run over the vocabulary, the last axis": 0.6716,
    "cross_entropy takes axis 1 for the vocabulary; the scores are (B, T, V)": 1.0486,
    "it is the sum over the positions; take the mean over all B·T": 5.5452,
    "it is the sum over the positions of a text; take the mean over all B·T": 2.7726,
    "there are two softmaxes; cross_entropy takes the scores and has its own": 1.0224,
    "it is in bits; take the natural logarithm": 4 / 3,
    "the sign is wrong: the loss is minus the logarithm": -0.9242,
    "there is no softmax: the scores are taken for logarithms of probabilities": -0.5776,
    "only the last position counts; every position has a target": 0.6931,
    "it is the perplexity, e to the power of the loss": 2.5198,
    "the logarithm is missing: the loss is minus ln of the probability": -0.4167,
    "the logarithm is missing, and the minus before it: the loss is minus ln of the probability": 0.4167,
    "it is the logarithm of the mean probability; take the mean of the logarithms": 0.8755,
}
got = call(next_token_loss, lambda ids: table[ids], texts)
check(got, torch.tensor(4 / 3 * math.log(2)), mistakes, "the loss")
check_unchanged(next_token_loss, lambda ids: table[ids], texts)
print("next_token_loss: right")

# %% nbgrader={"grade": true, "grade_id": "next_token_loss_hidden", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random texts, in which one id does not occur, with a model that looks at all tokens so
# far, 0.5 points each: the loss, also of one text of two tokens and with large scores; besides the right
# loss, its gradient.
### BEGIN HIDDEN TESTS
B, T, V = 3, 5, 7


def make_model():
    weight = weights.clone().requires_grad_()
    return weight, lambda ids: weight[ids].cumsum(dim=1)


def expected(model, texts):
    log_probabilities = model(texts[:, :-1]).log_softmax(-1)
    return -log_probabilities.gather(-1, texts[:, 1:, None]).mean()


def mistakes(model):
    scores = model(texts[:, :-1])
    inputs, targets = texts[:, :-1], texts[:, 1:]

    def picked(logs, ids=targets):
        return -logs.gather(-1, ids[..., None]).squeeze(-1)

    def nats(scores, ids=targets):
        return picked(scores.log_softmax(-1), ids)

    right = nats(scores)
    axes = {"the positions": 1, "the texts of the batch": 0}
    return {
        "the targets are the inputs; the target is the token that follows": nats(scores, inputs).mean(),
        "the targets are the tokens before; the target is the token that follows": nats(
            model(texts[:, 1:]), texts[:, :-1]
        ).mean(),
        "the first token is the target of the last; cut T inputs and T targets instead": nats(
            model(texts), texts.roll(-1, 1)
        ).mean(),
        "the targets are two tokens ahead": nats(model(texts[:, :-2]), texts[:, 2:]).mean(),
        **{
            f"the softmax runs over {name}; it must run over the vocabulary, the last axis": picked(
                scores.log_softmax(axis)
            ).mean()
            for name, axis in axes.items()
        },
        "it is the sum over the positions; take the mean over all B·T": right.sum(),
        "it is the sum over the positions of a text; take the mean over all B·T": right.sum(1).mean(),
        "there are two softmaxes; cross_entropy takes the scores and has its own": nats(
            scores.softmax(-1)
        ).mean(),
        "it is in bits; take the natural logarithm": right.mean() / math.log(2),
        "the sign is wrong: the loss is minus the logarithm": -right.mean(),
        "only the last position counts; every position has a target": right[:, -1].mean(),
        "axes get mixed: `view` cannot swap positions and vocabulary": nats(
            scores.reshape(B, V, T).mT
        ).mean(),
        "it is the perplexity, e to the power of the loss": right.mean().exp(),
        "it is the logarithm of the mean probability; take the mean of the logarithms": -(-right)
        .exp()
        .mean()
        .log(),
        "there is no softmax: the scores are taken for logarithms of probabilities": picked(scores).mean(),
    }


while True:  # until every mistake gives another number
    weights, texts = fresh(V, V), fresh(B, T + 1, V - 1).argmax(-1)  # the last id does not occur
    _, model = make_model()
    met = [expected(model, texts), *mistakes(model).values()]
    if not any(_equal(a, b, 4e-3) for i, a in enumerate(met) for b in met[:i]):
        break
scores = model(texts[:, :-1])
behind = (scores.amax(-1) - scores.gather(-1, texts[:, 1:, None]).squeeze(-1)).max().item()


def large(ids):
    """Scores around 200; the least probable target is 60 behind the highest."""
    return 200 + 60 / behind * model(ids)


points = Points(1)
with points.part(0.5, "the loss"):
    check(call(next_token_loss, model, texts), expected(model, texts).item(), mistakes(model), "the loss")
    one = texts[:1, :2]
    what = "the loss of one text of two tokens"
    check(call(next_token_loss, model, one), expected(model, one).item(), what=what)
    trouble = {"exp(200) is infinite; take log_softmax or cross_entropy": math.nan}
    p = large(texts[:, :-1]).softmax(-1).gather(-1, texts[:, 1:, None])
    for tiny in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12):
        said = f"{tiny:g} is added to a probability; take log_softmax or cross_entropy"
        trouble[said] = -(p + tiny).log().mean().item()
    got = call(next_token_loss, large, texts)
    check(got, expected(large, texts).item(), trouble, "the loss, where scores are around 200")
with points.part(0.5, "the gradient"):
    weight, model = make_model()
    loss = call(next_token_loss, model, texts)
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        raise CheckFailed(
            "backward() cannot reach the weights; no .item(), no torch.no_grad(), no new tensor"
        )
    other, model = make_model()
    right = expected(model, texts)
    check(loss, right, what="the loss")
    loss.backward()
    right.backward()
    check(weight.grad, other.grad, what="the gradient")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: a block (3 points)
#
# A block (模块) has two halves: attention, in which tokens exchange information, and a feed-forward
# layer (前馈层), which treats each token alone. In a pre-norm block (前置归一化) each half reads a
# normalised copy of x, and its result is *added* to x itself. This sum is the residual connection
# (残差连接). So x is never normalised on its own way through the block:
#
# $$x' = x + \text{attention}(\text{norm}(x)) \qquad x'' = x' + \text{feed\_forward}(\text{norm}(x'))$$
#
# - **norm** is layer normalisation (层归一化) without weights: subtract the mean of a token's D
#   numbers and divide by their standard deviation, the one with D below, not D − 1.
#   `F.layer_norm(x, (D,))` does it.
# - **attention** is causal and has H heads of size d = D/H. The scores are divided by √d. `w_qkv`
#   stacks three matrices (D, D): for the queries, then the keys, then the values. Head h takes the
#   features h·d to (h + 1)·d − 1 of each. Join the heads in this order; then comes `w_out`. Add nothing
#   else. The lesson's model also has rotary positions and norms of queries and keys: leave them out.
# - **feed_forward** goes from D to M features by `w_up`, replaces each number by the square of its ReLU,
#   max(0, ·)², and goes back to D features by `w_down`.
#
# Matrices are stored as `nn.Linear` stores them, (out, in), so a projection is `x @ w.T`. There are no
# biases.


# %% nbgrader={"grade": false, "grade_id": "block", "locked": false, "schema_version": 3, "solution": true, "task": false}
def block(x, w_qkv, w_out, w_up, w_down, H):
    """A pre-norm block with causal attention.

    x: (B, T, D); w_qkv: (3D, D); w_out: (D, D); w_up: (M, D); w_down: (D, M); H divides D.
    Returns (B, T, D).
    """
    ### BEGIN SOLUTION
    B, T, D = x.shape
    qkv = F.layer_norm(x, (D,)) @ w_qkv.T  # (B, T, 3D)
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)  # (B, H, T, d) each
    scores = q @ k.mT / math.sqrt(D // H)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    x = x + (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    return x + (F.layer_norm(x, (D,)) @ w_up.T).relu().square() @ w_down.T
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "block_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Two tokens, D = 4, two heads of size d = 2. Numbers m + s and m - s, two of each, become 1 and -1.
# norm of (1, 3, 1, 3) is (-1, 1, -1, 1); norm of (6, 6, 2, 2) is (1, 1, -1, -1).
x = torch.tensor([[[1.0, 3, 1, 3], [6, 6, 2, 2]]])
# Head 0 has queries of 0: token 1 weighs both tokens 1/2. Head 1: its query is c, the keys are -1 and 1,
# so its scores differ by 2c; with c = ln 3 / sqrt(2), divided by sqrt(d), by ln 3: weights 1/4 and 3/4.
w_qkv, c = torch.zeros(12, 4), math.log(3) / math.sqrt(2)
w_qkv[2] = torch.tensor([0, c, 0, 0])  # query of head 1
w_qkv[6] = torch.tensor([1.0, 0, 0, 0])  # key of head 1
w_qkv[8] = torch.tensor([2.0, 4, 0, 0])  # value of head 0: 2 for token 0, 6 for token 1
w_qkv[10] = torch.tensor([-2.0, 6, 0, 0])  # value of head 1: 8 for token 0, 4 for token 1
# Token 0 sees itself only: heads 2 and 8. Token 1: 2/2 + 6/2 = 4 and 8/4 + 3/4 of 4 = 5.
# w_out takes head 0 from feature 1 and adds it to feature 2; head 1 is added to every feature.
w_out = torch.tensor([[0.0, 0, 1, 0], [-1, 0, 1, 0], [1, 0, 1, 0], [0, 0, 1, 0]])
# x' is (1, 3 - 2, 1 + 2, 3) + 8 = (9, 9, 11, 11) and (6, 6 - 4, 2 + 4, 2) + 5 = (11, 7, 11, 7).
# Normalised: (-1, -1, 1, 1) and (1, -1, 1, -1). w_up makes of it (1, 2) and (3, -2);
# the square of the ReLU is (1, 4) and (9, 0), and w_down adds these to features 0 and 3.
w_up = torch.tensor([[1.0, 0, 2, 0], [0, 0, 0, 2]])
w_down = torch.tensor([[1.0, 0], [0, 0], [0, 0], [0, 1]])
mistakes = {
    "it is a post-norm block, norm(x + ...); normalise what a half reads, not the sum": [
        [1.6493, -0.9967, -0.1345, -0.5181],
        [1.6757, -0.9056, -0.1909, -0.5793],
    ],
    "the norm stands behind each half; it belongs before it": [
        [1.9412, 0.5866, 1.4151, 4.0571],
        [7.7243, 3.934, 2.7624, 1.5792],
    ],
    "both halves read the same norm(x); the second one reads norm(x')": [[9, 9, 11, 15], [11, 7, 11, 7]],
    "the residuals start from norm(x); add to x itself": [[0, -1, 1, 5], [10.2472, -1.3416, 1.3416, -0.4472]],
    "the first residual starts from norm(x); add to x itself": [[8, 7, 9, 13], [15.8, 2, 8, 4]],
    "the second residual starts from norm(x'); add to x' itself": [[0, -1, 1, 5], [10, -1, 1, -1]],
    "the first residual is missing: x + attention(...)": [[16, 6, 10, 8], [13, 1, 9, 5]],
    "the second residual is missing: x' + feed_forward(...)": [[1, 0, 0, 4], [9, 0, 0, 0]],
    "the second half is added to x; add it to x', which holds the attention's result": [
        [2, 3, 1, 7],
        [15, 6, 2, 2],
    ],
    "attention reads x; it must read norm(x)": [[24.3529, 5, 31, 19.0471], [38.6454, 5, 51, 26]],
    "the feed-forward layer reads x'; it must read norm(x')": [[970, 9, 11, 495], [1100, 7, 11, 203]],
    "nothing is normalised": [[6258, 5, 31, 1463], [17454, 5, 51, 2730]],
    "both residuals are missing: add each half's result to what came in": [[8, 0, 0, 0], [8, 0, 0, 0]],
    "the standard deviation has D - 1 below, as torch.std has it; take correction=0": [
        [8.1386, 8.1962, 9.6603, 13.8347],
        [16.4503, 7.0563, 9.9845, 6.5204],
    ],
    "the norm divides by the variance; divide by its square root": [
        [10, 9, 11, 15],
        [12.3837, 7.8906, 8.8906, 6.3906],
    ],
    "the norm does not subtract the mean": [
        [22.0931, 3.8944, 14.4164, 14.358],
        [27.516, 4.821, 15.1318, 10.1929],
    ],
    "the norm runs over tokens and features together; each token has its own": [
        [3.1381, 7.2762, 1, 5.1381],
        [27.6383, 8.3017, 11.785, 8.3186],
    ],
    "the norm runs over the tokens; it must run over the D features of each token": [
        [-3, 5, -9, -1],
        [17, 8, 4, 8],
    ],
    "the result is normalised once more; the block returns x''": [
        [-0.5488, -0.9879, -0.1098, 1.6465],
        [1.6481, -0.8005, -0.0471, -0.8005],
    ],
    "there is no causal mask": [[11, 4, 10, 8.8], [20, 7, 11, 7]],
    "the mask works the wrong way round: a token sees itself and what stands before it": [
        [11, 4, 10, 8.8],
        [20, 4, 12, 6],
    ],
    "later scores become 0, and exp(0) = 1 is a weight; make them -inf": [
        [11.4641, 4.4641, 10.4641, 9.2641],
        [20, 7, 11, 7],
    ],
    "the weights of a query no longer sum to 1; mask the scores, before the softmax": [
        [3, 4, 4, 13],
        [20, 7, 11, 7],
    ],
    "the softmax runs over the queries; it must run over the keys (dim=-1)": [
        [5, 6, 6, 15],
        [23.931, 7, 17, 10],
    ],
    "the scores are not divided by sqrt(d)": [[10, 9, 11, 15], [19.6982, 6.6982, 10.6982, 6.6982]],
    "the scores are divided by sqrt(D) or by d; divide them by sqrt(d), d = D/H": [
        [10, 9, 11, 15],
        [20.26, 7.26, 11.26, 7.26],
    ],
    "there is one head of size D, not H heads": [[10, 9, 11, 15], [20.9841, 6.52, 12, 7.26]],
    "w_qkv is split as (H, 3, d); it holds all queries, then all keys, then all values": [
        [9, 11, 9, 15],
        [10.2232, 10.2232, 6.2232, 6.2232],
    ],
    "head h takes every H-th feature; it must take d in a row": [[2, 1, 3, 7], [15.8461, 1, 7, 2]],
    "view(B, H, T, d) mixes the tokens; take view(B, T, H, d), then bring H before T": [
        [8, 7, 9, 13],
        [19.9944, 6.5359, 10.9282, 6.732],
    ],
    "view(B, H, T, d) mixes the tokens; take view(B, T, H, d), bring H before T, and at the end back": [
        [6.1961, 5.1961, 7.1961, 11.1961],
        [20.732, 4.7321, 12.732, 6.732],
    ],
    "the heads are joined without bringing T before H": [[6, 5, 7, 11], [20.8, 3, 15, 7]],
    "w_out is missing": [[11.3333, 3, 9, 3], [13.3664, 6, 7, 2]],
    "a projection uses w where it must use w.T (w_out)": [[19.3725, 3, 11, 3], [18.7368, 6, 11, 2]],
    "queries and keys have changed places; w_qkv holds queries, keys, values": [
        [10, 9, 11, 15],
        [21, 8, 12, 8],
    ],
    "keys and values have changed places; w_qkv holds queries, keys, values": [
        [0, 2, 0, 6],
        [5.2, 5.2, 1.2, 1.2],
    ],
    "the ReLU is not squared": [[10, 9, 11, 13], [14, 7, 11, 7]],
    "the ReLU is missing; square what it lets through": [[10, 9, 11, 15], [20, 7, 11, 11]],
    "it is a GELU; take the square of the ReLU": [[9.8413, 9, 11, 12.9545], [13.9959, 7, 11, 6.9545]],
    "there is no ReLU and no square": [[10, 9, 11, 13], [14, 7, 11, 5]],
}
mistakes = {sentence: [rows] for sentence, rows in mistakes.items()}
want = torch.tensor([[[10.0, 9, 11, 15], [20, 7, 11, 7]]])
check(call(block, x, w_qkv, w_out, w_up, w_down, 2), want, mistakes, "block")
check_unchanged(block, x, w_qkv, w_out, w_up, w_down, 2)
print("block: right")


# %% nbgrader={"grade": true, "grade_id": "block_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random numbers. 0.5 points: a single token, which sees only itself, so that its
# attention gives its own value. 1 point: several texts and tokens. 0.5 points: large scores, where no
# token may let a later one through and exp would be infinite, and a text of 20 tokens.
### BEGIN HIDDEN TESTS
def normed(x, axis=-1):
    centred = x - x.mean(axis, keepdim=True)
    return centred / (centred.square().mean(axis, keepdim=True) + 1e-5).sqrt()


def attended(n, w_qkv, w_out, H, wrong=None):
    (B, T, D), parts = n.shape, [0, 1, 2]
    if wrong in ("kqv", "qvk", "vqk", "vkq", "kvq"):
        parts = [wrong.index(name) for name in "qkv"]
    thirds = (n @ w_qkv.T).chunk(3, -1)
    if wrong == "interleaved":  # (H, 3, d) where it is (3, H, d)
        thirds = (n @ w_qkv.T).view(B, T, H, 3, -1).unbind(3)
    heads = 1 if wrong == "one head" else H
    q, k, v = (thirds[part].reshape(B, T, heads, -1).transpose(1, 2) for part in parts)
    if wrong == "every Hth":
        q, k, v = (third.view(B, T, -1, H).movedim(-1, 1) for third in thirds)
    scale = {"D": D**-0.5, "unscaled": 1.0, "d": H / D}.get(wrong, q.shape[-1] ** -0.5)
    scores = q @ k.mT * scale
    later = torch.ones(T, T).triu(1).bool()
    if wrong == "zeroed":
        weights = scores.softmax(-1).masked_fill(later, 0)
    elif wrong == "queries":
        weights = scores.masked_fill(later, -torch.inf).softmax(-2)
    else:
        later = {"no mask": later & False, "turned": later.mT, "zero": later & False}.get(wrong, later)
        scores = scores.masked_fill(torch.ones(T, T).triu(1).bool(), 0) if wrong == "zero" else scores
        weights = scores.masked_fill(later, -torch.inf).softmax(-1)
    mixed = weights @ v
    joined = mixed.reshape(B, T, D) if wrong == "mixed" else mixed.transpose(1, 2).reshape(B, T, D)
    return {"no out": joined, "w_out": joined @ w_out}.get(wrong, joined @ w_out.T)


def reference(x, w_qkv, w_out, w_up, w_down, H, wrong=None):
    """The block, or what it gives with one thing wrong, a key of SAYS."""

    def attention(n):
        return attended(n, w_qkv, w_out, H, wrong)

    def feed_forward(n):
        up = n @ w_up.T
        act = {"no square": up.relu(), "gelu": F.gelu(up), "square": up.square(), "linear": up}
        return act.get(wrong, up.relu().square()) @ w_down.T

    n = x if wrong in ("bare attention", "no norm") else normed(x, 1 if wrong == "over T" else -1)
    if wrong == "post":
        y = normed(x + attention(x))
        return normed(y + feed_forward(y))
    if wrong == "norm of the result":
        y = x + normed(attention(x))
        return y + normed(feed_forward(y))
    if wrong == "parallel":
        return x + attention(n) + feed_forward(n)
    if wrong == "shared":
        y = x + attention(n)
        return y + feed_forward(n)
    y = {"no first": attention(n), "normed": n + attention(n), "normed first": n + attention(n)}.get(
        wrong, x + attention(n)
    )
    m = y if wrong in ("bare feed-forward", "no norm") else normed(y, 1 if wrong == "over T" else -1)
    half = feed_forward(m)
    result = {"no second": half, "normed": m + half, "normed second": m + half, "old x": x + half}.get(
        wrong, y + half
    )
    return normed(result) if wrong == "last norm" else result


SAYS = {
    "post": "it is a post-norm block, norm(x + ...); normalise what a half reads, not the sum",
    "norm of the result": "the norm stands behind each half; it belongs before it",
    "parallel": "both halves read the same norm(x); the second one reads norm(x')",
    "shared": "both halves read the same norm(x); the second one reads norm(x')",
    "normed": "the residuals start from norm(x); add to x itself",
    "normed first": "the first residual starts from norm(x); add to x itself",
    "normed second": "the second residual starts from norm(x'); add to x' itself",
    "no first": "the first residual is missing: x + attention(...)",
    "no second": "the second residual is missing: x' + feed_forward(...)",
    "old x": "the second half is added to x; add it to x', which holds the attention's result",
    "bare attention": "attention reads x; it must read norm(x)",
    "bare feed-forward": "the feed-forward layer reads x'; it must read norm(x')",
    "no norm": "nothing is normalised",
    "over T": "the norm runs over the tokens; it must run over the D features of each token",
    "last norm": "the result is normalised once more; the block returns x''",
    "no mask": "there is no causal mask",
    "turned": "the mask works the wrong way round: a token sees itself and what stands before it",
    "zero": "later scores become 0, and exp(0) = 1 is a weight; make them -inf",
    "zeroed": "the weights of a query no longer sum to 1; mask the scores, before the softmax",
    "queries": "the softmax runs over the queries; it must run over the keys (dim=-1)",
    "D": "the scores are divided by sqrt(D); a head has size d = D/H",
    "d": "the scores are divided by d; divide them by its square root",
    "unscaled": "the scores are not divided by sqrt(d)",
    "one head": "there is one head of size D, not H heads",
    "every Hth": "head h takes every H-th feature; it must take d in a row",
    "interleaved": "w_qkv is split as (H, 3, d); it holds all queries, then all keys, then all values",
    "mixed": "the heads are joined without bringing T before H",
    "no out": "w_out is missing",
    "w_out": "a projection uses w where it must use w.T (w_out)",
    "kqv": "queries and keys have changed places; w_qkv holds queries, keys, values",
    "qvk": "keys and values have changed places; w_qkv holds queries, keys, values",
    "no square": "the ReLU is not squared",
    "square": "the ReLU is missing; square what it lets through",
    "gelu": "it is a GELU; take the square of the ReLU",
    "linear": "there is no ReLU and no square",
}


def lead(x, w_qkv, H):
    """By how much the highest score of a query is above its others, where it is least."""
    (B, T, D), later = x.shape, torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
    q, k = (normed(x) @ w_qkv[: 2 * D].T).view(B, T, 2, H, -1).permute(2, 0, 3, 1, 4)
    best = (q @ k.mT / math.sqrt(D // H)).masked_fill(later, -torch.inf)[:, :, 1:].topk(2).values
    return (best[..., 0] - best[..., 1]).min()


def compare(B, T, size=1):
    """size: of queries and keys; where it is large, one token has all the weight, so rounding is nothing."""
    D, H, M = 12, 3, 20
    while True:
        inputs = (8 * fresh(B, T, D) + 1, fresh(3 * D, D) / 3, fresh(D, D) / 3, fresh(M, D) / 3)
        inputs += (fresh(D, M) / 3, H)
        inputs[1][: 2 * D] *= size
        if size == 1 or lead(inputs[0], inputs[1], H) > 30:
            break
    got = call(block, *inputs)
    mistakes = {sentence: reference(*inputs, wrong) for wrong, sentence in SAYS.items()}
    what = "block" if size == 1 else f"block, {T} tokens, scores whose exp is infinite"
    check(got, reference(*inputs), mistakes, what)


points = Points(2)
with points.part(0.5, "a single token"):
    compare(2, 1)
with points.part(1, "several texts and tokens"):
    compare(2, 5)
with points.part(0.5, "large scores"):
    x, D = fresh(9, 6, 8), 8
    weights = (40 * fresh(3 * D, D), fresh(D, D), fresh(9, D) / 3, fresh(D, 9) / 3, 2)
    changed = torch.cat([x[:, :-1], -x[:, -1:]], 1)
    first, second = call(block, x, *weights), call(block, changed, *weights)
    if not _equal(first[:, :-1], second[:, :-1], 1e-4):
        raise CheckFailed(
            "where only the last token changes, a result before it changes, too: the mask lets it through; "
            "make forbidden scores -inf, and the last thing before the softmax"
        )
    compare(1, 6)
    compare(1, 20, 40)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: the number of parameters (2 points)
#
# How many numbers does training adjust? Count them by formula, in these parts:
#
# - `embedding`: a vector of width D for each of the V tokens.
# - `attention`, all layers together: in each layer four matrices, for queries, keys, values and the
#   output. Each is (D, D), all heads together.
# - `feed_forward`, all layers together: in each layer a matrix from D to M and one from M to D.
# - `norms`: two in each layer and one after the last layer. Each has D weights, unlike those of task 2.
# - `head`, which makes V scores from a vector of width D: a matrix without a bias (偏置). If `tied`, it
#   is the embedding's matrix, used a second time; then `head` is 0, because a parameter counts once.
# - `total`: the sum of these parts.
#
# With `bias`, each matrix of attention and feed-forward also has a bias, one number for each feature
# that it *puts out*, and each norm has D biases beside its weights. Positions are rotary and have no
# parameters.


# %% nbgrader={"grade": false, "grade_id": "count_parameters", "locked": false, "schema_version": 3, "solution": true, "task": false}
def count_parameters(V, D, layers, H, M, tied, bias):
    """Parameters of a GPT, by part.

    V: vocabulary; D: width; layers: number of blocks; H: heads, a divisor of D; M: width inside the
    feed-forward layer; tied, bias: True or False.
    Returns {"embedding", "attention", "feed_forward", "norms", "head", "total"}, each a whole number.
    """
    ### BEGIN SOLUTION
    counts = {
        "embedding": V * D,
        "attention": layers * 4 * (D * D + bias * D),
        "feed_forward": layers * (2 * D * M + bias * (M + D)),
        "norms": (2 * layers + 1) * (1 + bias) * D,
        "head": 0 if tied else V * D,
    }
    return counts | {"total": sum(counts.values())}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "count_parameters_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# V = 10, D = 4, 3 layers, 2 heads, M = 12. First without biases and with a head of its own:
# 10 x 4 = 40; 3 layers of 4 matrices of 4 x 4: 192; 3 of 4 x 12 + 12 x 4: 288; 7 norms of 4: 28; 40.
# Then tied and with biases: 40; 3 layers of 4 x (16 + 4): 240; 3 of 48 + 12 + 48 + 4: 336;
# 7 norms of 4 + 4: 56; the head is the embedding: 0.
first = {"embedding": 40, "attention": 192, "feed_forward": 288, "norms": 28, "head": 40, "total": 588}
second = {"embedding": 40, "attention": 240, "feed_forward": 336, "norms": 56, "head": 0, "total": 672}
several = "heads do not multiply: all heads together have matrices (D, D)"
mistakes = {
    (False, "attention"): {
        384: several,
        96: "the heads share the width D: all together they have matrices (D, D), not (D, D/H)",
        144: "there are four matrices: queries, keys, values, and the output",
        64: "it counts one layer",
        240: "biases are counted, though bias=False",
    },
    (False, "feed_forward"): {
        144: "the feed-forward layer has two matrices, from D to M and back",
        384: "it takes 4D for M; use M",
        576: several,
        96: "it counts one layer",
        336: "biases are counted, though bias=False",
    },
    (False, "norms"): {
        24: "the norm after the last layer is missing",
        16: "there are two norms a layer and one after the last; it counts one a layer and the last",
        12: "it counts one norm a layer; there are two, and one after the last",
        56: "a norm has D weights, and biases only if bias=True",
        7: "a norm has D weights, not one",
    },
    (False, "head"): {0: "with tied=False the head has a matrix of its own", 50: "the head has no bias"},
    (False, "total"): {
        548: "one of the two, embedding and head, is left out; with tied=False both count",
        1176: "it adds the total itself, too",
    },
    (True, "attention"): {
        192: "the biases are missing: D numbers for each of the four matrices",
        480: several,
        204: "each of the four matrices has a bias, not one of them",
    },
    (True, "feed_forward"): {
        288: "the biases are missing: M numbers going up, D numbers coming down",
        312: "a bias has one number for each that its matrix puts out: M going up, not D",
        360: "a bias has one number for each that its matrix puts out: D coming down, not M",
        324: "the bias of the matrix down is missing, D numbers",
        300: "the bias of the matrix up is missing, M numbers",
    },
    (True, "norms"): {28: "with bias=True a norm has D biases beside its D weights"},
    (True, "head"): {40: "with tied=True the head has no matrix of its own: count 0", 10: "it has no bias"},
    (True, "total"): {
        712: "the head is counted; with tied=True it is the embedding",
        632: "the embedding is left out; the head shares it, but it counts once",
    },
}
for tied, right in [(False, first), (True, second)]:
    counts = call(count_parameters, 10, 4, 3, 2, 12, tied, tied)
    names = {name: 0 for name in right if name in counts} if isinstance(counts, dict) else counts
    check(names, dict.fromkeys(right, 0), what="what count_parameters returns")
    for name, want in right.items():
        wrong = {sentence: number for number, sentence in mistakes.get((tied, name), {}).items()}
        check(counts[name], want, wrong, f"{name}, with tied={tied} and bias={tied}")
print("count_parameters: right")

# %% nbgrader={"grade": true, "grade_id": "count_parameters_hidden", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random sizes, against PyTorch layers whose parameters are counted, 0.5 points each:
# tied, without biases; with a head of its own, with biases.
### BEGIN HIDDEN TESTS
import random

from torch import nn


def size_of(*modules):
    return sum(p.numel() for p in nn.ModuleList(modules).parameters())  # a shared one counts once


def compare(tied, bias):
    H, d = rng.choice([3, 5]), rng.choice([7, 11])
    V, D, layers, M = rng.choice([53, 59]), H * d, rng.choice([4, 6]), rng.choice([97, 101])
    embedding, head = nn.Embedding(V, D), nn.Linear(D, V, bias=False)
    if tied:
        head.weight = embedding.weight
    attention = [nn.Linear(D, D, bias) for _ in range(4 * layers)]
    up, down = ([nn.Linear(*size, bias) for _ in range(layers)] for size in ((D, M), (M, D)))
    norms = [nn.LayerNorm(D, bias=bias) for _ in range(2 * layers + 1)]
    right = {
        "embedding": size_of(embedding),
        "attention": size_of(*attention),
        "feed_forward": size_of(*up, *down),
        "norms": size_of(*norms),
        "head": size_of(embedding, head) - size_of(embedding),
        "total": size_of(embedding, head, *attention, *up, *down, *norms),
    }
    other = 0 if bias else 1
    flipped = "biases are missing" if bias else "biases are counted, though bias=False"
    mistakes = {
        "attention": {
            "heads do not multiply: all heads together have matrices (D, D)": H * right["attention"],
            "all heads together have matrices (D, D), not (D, D/H)": layers * 4 * (D * d + bias * D),
            "there are four matrices: queries, keys, values, and the output": 3 * right["attention"] // 4,
            "it counts one layer": right["attention"] // layers,
            flipped: layers * 4 * (D * D + other * D),
            "each of the four matrices has a bias": layers * (4 * D * D + D),
        },
        "feed_forward": {
            "there are two matrices, from D to M and back": layers * (D * M + bias * M),
            "it takes 4D for M; use M": layers * (8 * D * D + bias * 5 * D),
            "heads do not multiply": H * right["feed_forward"],
            "it counts one layer": right["feed_forward"] // layers,
            flipped: layers * (2 * D * M + other * (M + D)),
            "a bias has one number for each that its matrix puts out: M going up": layers * 2 * D * (M + 1),
            "a bias has one number for each that its matrix puts out: D coming down": layers
            * 2
            * M
            * (D + 1),
        },
        "norms": {
            "the norm after the last layer is missing": 2 * layers * D * (1 + bias),
            "there are two norms a layer and one after the last": (layers + 1) * D * (1 + bias),
            "it counts one norm a layer": layers * D * (1 + bias),
            flipped: (2 * layers + 1) * D * (1 + other),
        },
        "head": {
            "with tied=True the head has no matrix of its own": V * D,
            "with tied=False the head has a matrix of its own": 0,
            "the head has no bias": V * D + V,
        },
        "total": {
            "the head is counted; with tied=True it is the embedding": right["total"] + V * D,
            "embedding or head is left out": right["total"] - V * D,
        },
    }
    counts = call(count_parameters, V, D, layers, H, M, tied, bias)
    for name, want in right.items():
        if not isinstance(counts, dict) or name not in counts:
            raise CheckFailed(f"count_parameters must return a dictionary with the key {name!r}")
        wrong = {said: number for said, number in mistakes.get(name, {}).items() if number != want}
        check(counts[name], want, wrong, f"{name}, with tied={tied} and bias={bias}")


points, rng = Points(1), random.Random()
with points.part(0.5, "tied, without biases"):
    compare(True, False)
with points.part(0.5, "a head of its own, with biases"):
    compare(False, True)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4: the learning rate (2 points)
#
# A training run has `steps` steps, numbered 0 to `steps` − 1. The learning rate (学习率) rises during
# the first `warmup` steps, then falls along half a cosine:
#
# - **Warm-up** (预热). It rises in equal steps from 0, but the rate 0 itself is not used. Step 0 has
#   peak / (warmup + 1), step 1 twice that, and so on. So step `warmup` is the first that has `peak`.
# - **Cosine** (余弦). From step `warmup` to the last step, `steps` − 1, let p rise evenly from 0 to 1.
#   The rate is floor + (peak − floor) · (1 + cos(π p)) / 2: `peak` at step `warmup`, `floor` at the last.
# - **Afterwards**, for every step ≥ `steps`, it stays at `floor`.
#
# `warmup` may be 0; then step 0 has `peak`. At least two steps come after the warm-up: that of `peak` and
# the last one.


# %% nbgrader={"grade": false, "grade_id": "learning_rate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def learning_rate(step, steps, peak, warmup, floor):
    """The learning rate of one step: warm-up, then a cosine down to the floor.

    step: an int, 0 or more, perhaps more than steps; steps: an int, perhaps 100,000;
    0 <= warmup <= steps - 2; peak and floor: floats, 0 <= floor < peak, 0.0003 and 0.0 for instance.
    Returns a float.
    """
    ### BEGIN SOLUTION
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "learning_rate_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Eight steps, peak 8, floor 2, warm-up 3. Steps 0 to 3: 8/4, 16/4, 24/4, 32/4.
# Then p = 1/4, 2/4, 3/4, 1 at steps 4 to 7, with cosines r, 0, -r, -1, where r = sqrt(1/2):
# 2 + 6 (1 + r)/2, 2 + 6/2, 2 + 6 (1 - r)/2, 2. Steps 8 and 9 are after the end: 2.
r = math.sqrt(1 / 2)
want = [2.0, 4.0, 6.0, 8.0, 5 + 3 * r, 5.0, 5 - 3 * r, 2.0, 2.0, 2.0]
rise, fall, end = want[:3], want[3:8], want[8:]
mistakes = {
    "step 0 has the rate 0; it must have peak / (warmup + 1)": [0.0, 2.6667, 5.3333, *fall, *end],
    "the warm-up is a step late: step 0 must have peak / (warmup + 1), not 0": [0.0, 2.0, 4.0, *fall, *end],
    "the peak is reached a step early; in the warm-up, divide by warmup + 1": [
        2.6667,
        5.3333,
        8.0,
        *fall,
        *end,
    ],
    "the warm-up starts at the floor; it starts from 0": [3.5, 5.0, 6.5, *fall, *end],
    "there is no warm-up": [8.0, 8.0, 8.0, *fall, *end],
    "the whole warm-up has the same rate; it must rise": [2.0, 2.0, 2.0, *fall, *end],
    "the cosine counts from step 0; p is 0 at step `warmup`": [
        *rise,
        5.6676,
        4.3324,
        3.1295,
        2.2971,
        2.0,
        *end,
    ],
    "the last step has not reached the floor: p must be 1 at step steps - 1": [
        *rise,
        8.0,
        7.4271,
        5.9271,
        4.0729,
        2.5729,
        *end,
    ],
    "the cosine begins a step late: p is 0 at step `warmup`": [*rise, 8.0, 8.0, 6.5, 3.5, 2.0, *end],
    "it falls in a straight line; let it fall along a cosine": [*rise, 8.0, 6.5, 5.0, 3.5, 2.0, *end],
    "it is cos(pi p / 2), a quarter of a wave; take (1 + cos(pi p)) / 2": [
        *rise,
        8.0,
        7.5433,
        6.2426,
        4.2961,
        2.0,
        *end,
    ],
    "it falls to 0; it must end at the floor": [*rise, 8.0, 6.8284, 4.0, 1.1716, 0.0, 0.0, 0.0],
    "floor is added to the whole curve, the peak included; the cosine spans peak - floor": [
        *rise,
        10.0,
        8.8284,
        6.0,
        3.1716,
        2.0,
        *end,
    ],
    "it falls towards 0 and is cut off at the floor; the cosine spans peak - floor": [
        *rise,
        8.0,
        6.8284,
        4.0,
        2.0,
        2.0,
        *end,
    ],
    "it rises again after the last step; it must stay at the floor": [*rise, *fall, 2.8787, 5.0],
    "step `steps` is after the last one, steps - 1; it must have the floor": [*rise, *fall, 2.8787, 2.0],
    "it is 0 after the last step; it must stay at the floor": [*rise, *fall, 0.0, 0.0],
    "1 + cos(pi p) goes from 2 to 0; divide it by 2": [*rise, 14.0, 8 + 6 * r, 8.0, 8 - 6 * r, 2.0, *end],
    "it rises towards the last step; cos(0) = 1 belongs to the peak": [
        *rise,
        2.0,
        2.8787,
        5.0,
        7.1213,
        8.0,
        *end,
    ],
    "it rises after the warm-up; cos(0) = 1 belongs to the peak": [
        *rise,
        2.0,
        2.8787,
        5.0,
        7.1213,
        8.0,
        8.0,
        8.0,
    ],
    "warm-up and cosine multiply each other; first one, then the other": [
        2.0,
        3.8019,
        4.8705,
        5.6676,
        4.3324,
        3.1295,
        2.2971,
        2.0,
        *end,
    ],
}
got = [call(learning_rate, step, 8, 8.0, 3, 2.0) for step in range(10)]
check(got, want, mistakes, "steps 0 to 9 of learning_rate(step, 8, peak=8, warmup=3, floor=2)")

# No warm-up: five steps, p = 0, 1/4, 2/4, 3/4, 1.
want = [8.0, 5 + 3 * r, 5.0, 5 - 3 * r, 2.0]
mistakes = {
    "with warmup=0 there is no step of warm-up; step 0 has the peak": [8.0, 8.0, 6.5, 3.5, 2.0],
}
got = [call(learning_rate, step, 5, 8.0, 0, 2.0) for step in range(5)]
check(got, want, mistakes, "steps 0 to 4 of learning_rate(step, 5, peak=8, warmup=0, floor=2)")
print("learning_rate: right")


# %% nbgrader={"grade": true, "grade_id": "learning_rate_hidden", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random numbers, 0.5 points each: all steps of a run;
# the edges: no warm-up, two steps after the warm-up, steps after the end, a tiny peak with the floor 0, a
# run of 100,000 steps.
### BEGIN HIDDEN TESTS
import random

SAYS = {
    "from zero": "step 0 has the rate 0; it must have peak / (warmup + 1)",
    "early": "the peak is reached a step early; in the warm-up, divide by warmup + 1",
    "from floor": "the warm-up starts at the floor; it starts from 0",
    "no warm-up": "there is no warm-up",
    "jump": "the whole warm-up has the same rate; it must rise",
    "whole": "the cosine counts from step 0; p is 0 at step `warmup`",
    "short": "the last step has not reached the floor: p must be 1 at step steps - 1",
    "late": "the cosine begins a step late: p is 0 at step `warmup`",
    "linear": "it falls in a straight line; let it fall along a cosine",
    "quarter": "it is cos(pi p / 2), a quarter of a wave; take (1 + cos(pi p)) / 2",
    "zero": "it falls to 0; it must end at the floor",
    "added": "floor is added to the whole curve, the peak included; the cosine spans peak - floor",
    "clipped": "it falls towards 0 and is cut off at the floor; the cosine spans peak - floor",
    "up": "it rises again after the last step; it must stay at the floor",
    "zero after": "it is 0 after the last step; it must stay at the floor",
    "turned": "it rises after the warm-up; cos(0) = 1 belongs to the peak",
    "both": "warm-up and cosine multiply each other; first one, then the other",
}


def reference(step, steps, peak, warmup, floor, wrong=None):
    """The rate, or what it is with one thing wrong, a key of SAYS."""
    if step < warmup and wrong != "no warm-up":
        share = {"from zero": step / warmup, "early": (step + 1) / warmup, "jump": 1 / (warmup + 1)}
        share = share.get(wrong, (step + 1) / (warmup + 1))
        if wrong == "both":
            share *= (1 + math.cos(math.pi * step / (steps - 1))) / 2
        return floor + (peak - floor) * share if wrong == "from floor" else peak * share
    p = (step - warmup) / (steps - 1 - warmup)
    p = {
        "whole": step / (steps - 1),
        "short": (step - warmup) / (steps - warmup),
        "late": max(0.0, (step - warmup - 1) / (steps - 2 - warmup)) if steps - 2 > warmup else p,
        "both": step / (steps - 1),
    }.get(wrong, p)
    p = p if wrong == "up" else min(max(p, 0.0), 1.0)
    if wrong == "zero after" and step >= steps:
        return 0.0
    wave = (1 + math.cos(math.pi * p)) / 2
    wave = {"linear": 1 - p, "quarter": math.cos(math.pi * p / 2), "turned": 1 - wave}.get(wrong, wave)
    if wrong in ("zero", "clipped"):
        return max(peak * wave, floor if wrong == "clipped" else 0.0)
    return floor + (peak if wrong == "added" else peak - floor) * wave


def compare(which, steps, warmup, tiny=False):
    """Those steps; tiny: a peak of a few 0.0001 and the floor 0, in units of 0.0001, so that rounding shows."""
    peak, unit = (rng.uniform(3, 9) * 1e-4, 1e-4) if tiny else (rng.uniform(3, 9), 1)
    setting = (steps, peak, warmup, 0.0 if tiny else peak * rng.uniform(0.1, 0.4))
    want = [reference(step, *setting) / unit for step in which]
    mistakes = {
        said: [reference(step, *setting, wrong) / unit for step in which] for wrong, said in SAYS.items()
    }
    mistakes = {said: rates for said, rates in mistakes.items() if not _equal(rates, want, 1e-3)}
    got = [call(learning_rate, step, *setting) for step in which]
    got = [rate / unit for rate in got] if tiny else got
    asked = f"learning_rate(step, {steps}, {peak:.3g}, {warmup}, {setting[-1]:.3g})"
    said = f"steps {which} of {asked}" if isinstance(which, list) else f"all steps of {asked}"
    check(got, want, mistakes, said + (", times 10,000" if tiny else ""))


points, rng = Points(1), random.Random()
with points.part(0.5, "all steps of a run"):
    steps = rng.randint(17, 25)
    compare(range(steps), steps, rng.randint(4, 8))
with points.part(0.5, "the edges"):
    steps, warmup = rng.randint(9, 14), rng.randint(3, 6)
    compare(range(steps), steps, 0)
    compare(range(warmup + 2), warmup + 2, warmup)
    compare(range(steps + 4), steps, 3, tiny=True)
    compare([0, 10_000, 60_000, 300_000], 100_000, 20_000)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5: temperature and top-p (3 points)
#
# Turn V scores into the probabilities with which the next token is drawn, in each of the B rows
# separately.
#
# 1. **Temperature** (温度). The probabilities are the softmax of scores / temperature. With temperature
#    0, the token with the highest score gets probability 1; if several share it, the smallest id wins.
#    Then the other steps change nothing.
# 2. **Top-p** (核采样, nucleus sampling). Go through the tokens from the most to the least probable, by
#    the probabilities of step 1; among equally probable ones the smaller id comes first. Keep tokens
#    until their probabilities sum to *at least* `top_p`. The token with which the sum reaches `top_p` is
#    kept, so one is always kept. All others get 0.
# 3. **Renormalise** (重新归一化). Divide by the sum of what was kept, so that the row sums to 1. Every
#    token stays at its place: column i of the result belongs to id i.
#
# `torch.sort(p, dim=-1, descending=True, stable=True)` returns the sorted values and the places where
# they stood. With `stable=True`, equal values keep their order.


# %% nbgrader={"grade": false, "grade_id": "sampling_probabilities", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sampling_probabilities(scores, temperature, top_p):
    """The probabilities of the next token.

    scores: (B, V); temperature: a float, 0 or more, perhaps 0.005; top_p: a float, 0 < top_p <= 1.
    Returns (B, V), float32 at every temperature; each row sums to 1.
    """
    ### BEGIN SOLUTION
    if temperature == 0:
        return F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
    ordered, ids = (scores / temperature).softmax(dim=-1).sort(dim=-1, descending=True, stable=True)
    kept = ordered * (ordered.cumsum(dim=-1) - ordered < top_p)  # the sum before it is still too small
    return torch.zeros_like(kept).scatter(-1, ids, kept / kept.sum(dim=-1, keepdim=True))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "sampling_probabilities_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# V = 4. The scores are ln of (4, 16, 1, 9): divided by the temperature 2, ln of (2, 4, 1, 3).
scores = torch.tensor([[4.0, 16, 1, 9]]).log()
mistakes = {
    "the temperature has no effect; divide the scores by it": [[4 / 30, 16 / 30, 1 / 30, 9 / 30]],
    "the scores are multiplied by the temperature; divide them by it": [[0.0452, 0.7232, 0.0028, 0.2288]],
    "the temperature divides the probabilities; divide the scores, before the softmax": [
        [4 / 60, 16 / 60, 1 / 60, 9 / 60]
    ],
    "there are two softmaxes; divide by the sum to renormalise": [[0.2363, 0.2887, 0.2138, 0.2612]],
    "the softmax runs over the rows; it must run over the vocabulary": [[1, 0, 0, 0]],
    "the result stands in sorted order; column i belongs to id i": [[0.4, 0.3, 0.2, 0.1]],
    "the sorted values are put back by gather(ids); that is scatter, or gather(ids.argsort())": [
        [0.3, 0.1, 0.4, 0.2]
    ],
    "the token with which the sum reaches top_p is dropped; keep it": [[2 / 9, 4 / 9, 0, 3 / 9]],
    "with top_p 1 every token is kept; is it the probabilities that you sum up?": [[0, 1, 0, 0]],
}
want = torch.tensor([[0.2, 0.4, 0.1, 0.3]])
check(call(sampling_probabilities, scores, 2.0, 1.0), want, mistakes, "temperature 2, top_p 1")

# Temperature 1: (4, 16, 1, 9)/30. From the top: id 1 has 16/30, which is less than 0.6; with id 3 it is
# 25/30, which is enough. Ids 1 and 3 are kept: 16/25 and 9/25.
mistakes = {
    "the token with which the sum reaches top_p is dropped; keep it": [[0, 1, 0, 0]],
    "one token too many is kept; stop when the sum is at least top_p": [[4 / 29, 16 / 29, 0, 9 / 29]],
    "what is kept does not sum to 1; divide by its sum": [[0, 16 / 30, 0, 9 / 30]],
    "the sum runs in the order of the ids; it must begin with the most probable token": [[0.2, 0.8, 0, 0]],
    "dropped scores become 0, and exp(0) = 1 is a weight; make them -inf": [
        [1 / 27, 16 / 27, 1 / 27, 9 / 27]
    ],
    "every token is kept: top_p has no effect, or the sum begins with the least probable": [
        [4 / 30, 16 / 30, 1 / 30, 9 / 30]
    ],
}
want = torch.tensor([[0, 0.64, 0, 0.36]])
check(call(sampling_probabilities, scores, 1.0, 0.6), want, mistakes, "temperature 1, top_p 0.6")

# Two rows; temperature 2 comes first. Row 0: 0.4, then 0.4 + 0.3 = 0.7, which is less than 0.75, then 0.9:
# ids 1, 3, 0. Row 1 has (1, 9, 6, 2)/18: 9/18, then 15/18, which is enough: ids 1 and 2.
two = torch.tensor([[4.0, 16, 1, 9], [1, 81, 36, 4]]).log()
mistakes = {
    "top-p looks at the probabilities before the temperature": [[0, 4 / 7, 0, 3 / 7], [0, 0.6, 0.4, 0]],
    "the first row decides how many are kept in all; each row stands for itself": [
        [2 / 9, 4 / 9, 0, 3 / 9],
        [0, 9 / 17, 6 / 17, 2 / 17],
    ],
    "all rows are divided by the sum of all; divide each by its own (keepdim=True)": [
        [2 / 10 / (26 / 15), 4 / 10 / (26 / 15), 0, 3 / 10 / (26 / 15)],
        [0, 9 / 18 / (26 / 15), 6 / 18 / (26 / 15), 0],
    ],
}
want = torch.tensor([[2 / 9, 4 / 9, 0, 3 / 9], [0, 0.6, 0.4, 0]])
check(call(sampling_probabilities, two, 2.0, 0.75), want, mistakes, "temperature 2, top_p 0.75, two rows")

# A tiny top_p keeps one token. Temperature 0 takes the highest score; here ids 1 and 3 share it.
nothing = "no token is left; the first one is always kept"
got = call(sampling_probabilities, scores, 1.0, 0.01)
mistakes = {nothing: torch.full((1, 4), math.nan), nothing + ", with top_p 0.01": torch.zeros(1, 4)}
check(got, torch.tensor([[0, 1.0, 0, 0]]), mistakes, "temperature 1, top_p 0.01")
try:
    got = call(sampling_probabilities, torch.tensor([[0.0, 2, 1, 2], [5, 3, 4, 1]]), 0.0, 0.9)
except ZeroDivisionError as error:
    raise CheckFailed(f"temperature 0: {error}; treat it separately: the highest score gets 1") from error
mistakes = {
    "scores / 0 is infinite or NaN, and so is the result; treat temperature 0 separately": torch.full(
        (2, 4), math.nan
    ),
    "equal highest scores share the probability; the smallest id gets it all": [
        [0, 0.5, 0, 0.5],
        [1, 0, 0, 0],
    ],
    "among equal highest scores the largest id wins; take the smallest": [[0, 0, 0, 1], [1, 0, 0, 0]],
    "each of the equal highest scores gets 1; the smallest id alone gets it": [[0, 1, 0, 1], [1, 0, 0, 0]],
    "it is the lowest score that gets 1": [[1, 0, 0, 0], [0, 0, 0, 1]],
    "one token for all rows; each row has its own highest score": [[0, 0, 0, 0], [1, 0, 0, 0]],
}
check(got, torch.tensor([[0, 1.0, 0, 0], [1, 0, 0, 0]]), mistakes, "temperature 0, two rows")
if isinstance(got, torch.Tensor) and not got.is_floating_point():
    raise CheckFailed(f"temperature 0: the dtype is {got.dtype}; probabilities are float32, here too")

# Four equal scores, 1/4 each: with top_p 0.5, two are enough, and the smaller ids come first.
mistakes = {
    "equal probabilities are all kept; two are enough, and the smaller ids come first": [[0.25] * 4],
    "of equal probabilities the larger ids are kept; the smaller ids come first": [[0, 0, 0.5, 0.5]],
    "1/4 + 1/4 is at least 0.5, so that a third token is too many": [[1 / 3, 1 / 3, 1 / 3, 0]],
}
got = call(sampling_probabilities, torch.zeros(1, 4), 1.0, 0.5)
check(got, torch.tensor([[0.5, 0.5, 0, 0]]), mistakes, "four equal scores, top_p 0.5")
check_unchanged(sampling_probabilities, scores, 2.0, 0.75)
print("sampling_probabilities: right")

# %% nbgrader={"grade": true, "grade_id": "sampling_probabilities_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random scores, 0.5 points each: temperatures below and above 1, with top_p 1, also where
# exp(score / temperature) is infinite; temperature and top-p; temperature 0 and a tiny top_p; equally
# probable tokens, as the first ones, behind another one, and among 50.
### BEGIN HIDDEN TESTS
import random

SAYS = {
    "no temperature": "the temperature has no effect; divide the scores by it",
    "times": "the scores are multiplied by the temperature; divide them by it",
    "after": "the temperature divides the probabilities; divide the scores, before the softmax",
    "again": "there are two softmaxes",
    "batch": "the softmax runs over the rows; it must run over the vocabulary",
    "no top-p": "top_p has no effect",
    "dropped": "the token with which the sum reaches top_p is dropped; keep it",
    "one more": "one token too many is kept; stop when the sum is at least top_p",
    "first": "top-p looks at the probabilities before the temperature",
    "not renormalised": "what is kept does not sum to 1; divide by its sum",
    "renormalised by softmax": "it is renormalised by a softmax; divide by the sum",
    "unsorted": "the sum runs in the order of the ids; it must begin with the most probable token",
    "ascending": "the sum begins with the least probable token; it must begin with the most probable",
    "places": "the result stands in sorted order; column i belongs to id i",
    "only": "the most probable token alone is kept; add up probabilities until they reach top_p",
    "one row": "the first row decides how many are kept in all; each row stands for itself",
    "all": "equally probable tokens are all kept; the smaller ids come first, and no more than needed",
    "larger": "of equally probable tokens the larger ids are kept; the smaller ids come first",
}


def reference(scores, temperature, top_p, wrong=None):
    """The probabilities, or what comes out with one thing wrong, a key of SAYS."""
    if temperature == 0:
        return torch.eye(scores.shape[1])[[row.index(max(row)) for row in scores.tolist()]]
    t = {"no temperature": 1.0, "after": 1.0, "times": 1 / temperature}.get(wrong, temperature)
    p = (scores / t).softmax(0 if wrong == "batch" else 1)
    p = p.softmax(1) if wrong == "again" else p
    rows, many = [], []
    for i in range(len(p)):
        by = scores[i].softmax(0) if wrong == "first" else p[i]
        sign = 1 if wrong in ("ascending", "larger") else -1
        order = sorted(range(len(by)), key=lambda v: (sign * by[v].item(), v))
        if wrong == "larger":
            order = order[::-1]
        if wrong == "unsorted":
            order = list(range(len(by)))
        kept, total = [], 0.0
        for v in order:
            if total >= top_p and wrong != "no top-p":
                break
            kept.append(v)
            total += by[v].item()
        if wrong == "dropped":
            kept = kept[:-1] or kept
        if wrong == "one more":
            kept = order[: len(kept) + 1]
        if wrong == "only":
            kept = order[:1]
        if wrong == "one row":
            many.append(len(kept))
            kept = order[: many[0]]
        if wrong == "all":
            kept = [v for v in order if by[v] >= by[kept[-1]] - 1e-6]
        row = torch.zeros_like(by)
        row[kept] = p[i][kept]
        if wrong == "renormalised by softmax":
            row[kept] = p[i][kept].softmax(0)
        elif wrong != "not renormalised":
            row = row / row.sum() / (temperature if wrong == "after" else 1)
        rows.append(row[order] if wrong == "places" else row)
    return torch.stack(rows)


def compare(scores, temperature, top_p, caught):
    """False if these scores do not tell those mistakes from the right result and each other."""
    want = reference(scores, temperature, top_p)
    mistakes = {SAYS[wrong]: reference(scores, temperature, top_p, wrong) for wrong in caught}
    results = [want, *mistakes.values()]
    near = [reference(scores, temperature, top_p + shift) for shift in (-1e-3, 1e-3)]
    if any(_equal(a, b, 1e-2) for i, a in enumerate(results) for b in results[:i]):
        return False
    if top_p < 1 and "all" not in caught and not all(_equal(other, want, 1e-4) for other in near):
        return False  # rounding would decide
    got = call(sampling_probabilities, scores, temperature, top_p)
    check(got, want, mistakes, f"temperature {temperature:g}, top_p {top_p:g}")
    return True


points, rng = Points(2), random.Random()
with points.part(0.5, "temperature"):
    caught = ["no temperature", "times", "after", "again", "batch"]
    for temperature in (0.4, 2.5):
        while not compare(fresh(3, 9), temperature, 1.0, caught):
            pass
    scores = 2 + 0.01 * fresh(3, 100)
    got = call(sampling_probabilities, scores, 0.005, 1.0)
    mistakes = {"exp(400) is infinite; take softmax, which subtracts the highest first": scores * math.nan}
    check(got, reference(scores, 0.005, 1.0), mistakes, "temperature 0.005, top_p 1, 100 scores around 2")
with points.part(0.5, "temperature and top-p"):
    caught = [wrong for wrong in SAYS if wrong not in ("all", "larger", "no temperature", "again")]
    while not compare(3 + 2 * fresh(3, 9), rng.uniform(1.3, 1.8), rng.uniform(0.55, 0.85), caught):
        pass
with points.part(0.5, "temperature 0, tiny top_p"):
    scores = fresh(3, 9) - 9  # all of them negative
    scores[0, [7, 2, 5]] = -3.0
    scores[1, [8, 6]] = -3.0
    for temperature, top_p in [(0.0, 1.0), (0.0, 0.3), (0, 1e-6)]:
        got = call(sampling_probabilities, scores, temperature, top_p)
        check(got, reference(scores, 0, 1.0), what=f"temperature {temperature}, top_p {top_p}")
    check_unchanged(sampling_probabilities, scores, 0.0, 0.3)
    scores = fresh(20, 9)
    got = call(sampling_probabilities, scores, 1.0, 1e-6)
    check(got, reference(scores, 0, 1.0), what="temperature 1, top_p 1e-06")
with points.part(0.5, "equally probable tokens"):
    caught = ["all", "larger", "dropped", "one more", "no top-p", "not renormalised"]
    for V, many, first in ((9, 5, 0), (9, 6, 1), (50, 12, 0)):  # `first` ids come before those that are equal
        scores = torch.full((2, V), -1.0)
        for row in scores:
            ids = rng.sample(range(V), many)
            row[ids], row[ids[:first]] = 3.0, 4.0
        assert compare(scores, 1.0, 0.5, caught), "these scores do not tell mistakes apart"
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: writing with a cache (3 points)
#
# A model writes one token at a time, each time the one with the highest score: greedy decoding
# (贪心解码). Keys and values of earlier tokens do not change, so they are kept in a key-value cache
# (键值缓存), and each token goes through the model once. The model itself keeps nothing. You keep the
# cache. The model is a function:
#
#     scores, new = model(tokens, positions, past)
#
# - `tokens`, (T,), are the ids to compute now; `positions`, (T,), say where they stand in the whole
#   text, counted from 0. Both are `int64`.
# - `past` holds the keys and values of all S tokens before these: a list with a pair (keys, values) for
#   each layer, each (H, S, d). In the first call it is `None`.
# - `scores`, (T, V): row i scores the token after `tokens[i]`.
# - `new` is a list with a pair (keys, values) for each layer, of *these T tokens alone*, each (H, T, d).
#   The keys are rotated already, each by its position.
#
# Write `count` tokens after the prompt (提示). Return them, and the scores from which each was chosen.
# Both must be as if the model read the whole text anew for each token. But no token goes through the
# model twice, and the last one you choose not at all. The prompt may go through in one call or in
# several.


# %% nbgrader={"grade": false, "grade_id": "generate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def generate(model, prompt, count):
    """Write `count` tokens, greedily, with a key-value cache.

    model: a function, described above; prompt: ids, (T,), one or more; count: an int, 1 or more.
    Returns tokens (count,), int64, and scores (count, V).
    """
    ### BEGIN SOLUTION
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        if past is not None:
            new = [
                (torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new, strict=True)
            ]
        past = new
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens, positions = chosen[-1][None], positions[-1:] + 1
    return torch.stack(chosen), torch.stack(rows)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "generate_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# A toy with two layers. In layer 0 a token's key is its position and its value the token; in layer 1 its
# key is 1 and its value three times the token. The toy adds key times value over all tokens up to here,
# in both layers, which gives the sum of (position + 3) times token. It adds 1; the last digit is the next
# token.
computed = []  # how many tokens each call computes


def toy(tokens, positions, past):
    if not all(isinstance(ids, torch.Tensor) and ids.dtype == torch.int64 for ids in (tokens, positions)):
        raise CheckFailed("tokens and positions of a call must be tensors, int64")
    if tokens.dim() != 1 or tokens.shape != positions.shape:
        shapes = f"{tuple(tokens.shape)} and {tuple(positions.shape)}"
        raise CheckFailed(f"tokens and positions of a call have the shapes {shapes}; both must be (T,)")
    if past is not None and len(past) != 2:
        raise CheckFailed(f"`past` has {len(past)} pairs; it is None first, then a pair for each layer: 2")
    computed.append(len(tokens))
    p, t = positions.view(1, -1, 1).float(), tokens.view(1, -1, 1).float()
    new = [(p, t), (torch.ones_like(t), 3 * t)]
    before = 0 if past is None else sum((keys * values).sum() for keys, values in past)
    total = before + sum((keys * values).cumsum(1) for keys, values in new)[0, :, 0]
    return F.one_hot((total.long() + 1) % 10, 10).float(), new


prompt = torch.tensor([7, 3, 1])
# The prompt: 3 x 7 + 4 x 3 + 5 x 1 = 38, and 1: 39, so the next token is 9, at position 3.
# 6 x 9 more: 92, and 1: 93, so 3, at position 4. 7 x 3 more: 113, and 1: 114, so 4.
want = torch.tensor([9, 3, 4])
got, scores = unpack(call(generate, toy, prompt, 3), "tokens", "scores")
mistakes = {
    "the new token's position begins again at 0; it stands behind all others": [9, 6, 4],
    "the positions count the new tokens only, from 0; the first new one stands at len(prompt)": [9, 6, 0],
    "every new token has the same position; each stands one further": [9, 3, 1],
    "every new token has the position of the prompt's last one; each stands one further": [9, 4, 4],
    "the positions of new tokens are one too large": [9, 2, 8],
    "the positions of new tokens are one too small; the first stands at len(prompt)": [9, 4, 8],
    "the cache holds the last token only; append the new keys and values to it": [9, 3, 6],
    "the cache does not grow: it holds the prompt only": [9, 3, 0],
    "`past` is not handed over, so the new token sees itself only": [9, 5, 6],
    "the whole text goes through the model on top of the cache, which holds it already": [9, 1, 0],
    "the last token of the prompt goes through the model again, although it is in the cache": [5, 0, 0],
    "the token is chosen from the first row of the scores; take the last": [2, 1, 8],
    "every layer gets the cache of layer 0; each has its own": [9, 5, 0],
    "every layer gets the cache of the last layer; each has its own": [9, 1, 8],
    "it takes the lowest score; take the highest": [0, 0, 0],
    "the prompt stands in the result; return the new tokens alone": [7, 3, 1, 9, 3, 4],
}
check(got, want, mistakes, "the tokens")
if isinstance(got, torch.Tensor) and got.dtype != torch.int64:
    raise CheckFailed(f"the tokens: their dtype is {got.dtype}; ids are int64")
mistakes = {
    "these are the scores of every token, also of the prompt's; return those from which you chose": F.one_hot(
        torch.tensor([2, 4, 9, 3, 4]), 10
    ).float(),
    "each row is a step late: return the scores from which a token was chosen": F.one_hot(
        torch.tensor([3, 4, 6]), 10
    ).float(),
}
check(scores, F.one_hot(want, 10).float(), mistakes, "the scores")
# 3 tokens of the prompt and 2 of the 3 new ones go through the model: 5 in all.
mistakes = {
    "every token goes through the model again at each step; give it the new one and the cache": 12,
    "one token too many: the last one you chose, or a token of the prompt twice": 6,
    "the prompt goes through the model twice": 8,
}
check(sum(computed), 5, mistakes, "how many tokens went through the model")
check_unchanged(generate, toy, prompt, 3)
print("generate: right")


# %% nbgrader={"grade": true, "grade_id": "generate_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests with a Transformer (rotary positions, two heads, three layers) of random weights.
# 0.5 points: one new token. 1 point: several tokens, id 0 among them, after a longer prompt and after one of
# a single token. 0.5 points: besides the right result, how many tokens go through the model, with a prompt
# of 33 tokens.
### BEGIN HIDDEN TESTS
H, d, V, LAYERS = 2, 4, 13, 3
D = H * d
SAYS = {
    "restart": "the new token's position begins again at 0; it stands behind all others",
    "late": "the positions of new tokens are one too large",
    "early": "the positions of new tokens are one too small; the first stands at len(prompt)",
    "overwritten": "the cache holds the last token only; append the new keys and values to it",
    "prompt": "the cache does not grow: it holds the prompt only",
    "none": "`past` is not handed over, so the new token sees itself only",
    "first": "the token is chosen from the first row of the scores; take the last",
    "twice": "the last token of the prompt goes through the model again, although it is in the cache",
    "all": "the whole text goes through the model on top of the cache, which holds it already",
    "layer": "every layer gets the cache of layer 0; each has its own",
    "last layer": "every layer gets the cache of the last layer; each has its own",
    "swapped": "keys and values have changed places in the cache",
    "lowest": "it takes the lowest score; take the highest",
}


def make_model():
    """It computes in float64: three layers can make a rounding error of float32 large enough to count."""

    def draw(*shape):
        return fresh(*shape).double()

    size = 0.6
    table, head = draw(V, D), draw(V, D)
    qkv, out = [size * draw(3 * D, D) for _ in range(LAYERS)], [size * draw(D, D) for _ in range(LAYERS)]

    def turn(t, p):
        angle = p.double()[:, None] * 0.4 ** torch.arange(d // 2).double()
        a, b = t.chunk(2, -1)
        return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)

    def model(tokens, positions, past):
        given = (tokens, positions)
        right = all(isinstance(ids, torch.Tensor) and ids.dtype == torch.int64 for ids in given)
        if not right or tokens.dim() != 1 or tokens.shape != positions.shape:
            raise CheckFailed("tokens and positions of a call must be tensors, int64, both of shape (T,)")
        computed.append(len(tokens))
        x, new = table[tokens], []
        for layer in range(LAYERS):
            q, k, v = (F.layer_norm(x, (D,)) @ qkv[layer].T).view(-1, 3, H, d).permute(1, 2, 0, 3)
            q, k, v = turn(q, positions), turn(k, positions).float(), v.float()
            new.append((k, v))
            if past is not None:
                k, v = torch.cat([past[layer][0], k], 1), torch.cat([past[layer][1], v], 1)
            T, S = q.shape[1], k.shape[1]
            seen = torch.ones(T, S).tril(S - T).bool()
            weights = (q @ k.double().mT / math.sqrt(d)).masked_fill(~seen, -torch.inf).softmax(-1)
            x = x + (weights @ v.double()).transpose(0, 1).flatten(1) @ out[layer].T
        return (F.layer_norm(x, (D,)) @ head.T).float(), new

    computed = []
    return model, computed


def expected(model, prompt, count):
    text, rows = prompt, []
    for _ in range(count):
        rows.append(model(text, torch.arange(len(text)), None)[0][-1])
        text = torch.cat([text, rows[-1].argmax()[None]])
    return {"tokens": text[len(prompt) :], "scores": torch.stack(rows)}


def mistaken(model, prompt, count, wrong):
    """What comes out with one thing wrong, a key of SAYS."""
    text, tokens, positions, past = prompt, prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for step in range(count):
        scores, new = model(tokens, positions, past)
        if wrong == "twice" and step == 0:
            past, tokens, positions = new, prompt[-1:], positions[-1:] + 1
            scores, new = model(tokens, positions, past)
        if past is not None and wrong != "overwritten":
            new = [
                tuple(torch.cat(both, 1) for both in zip(*pair, strict=True))
                for pair in zip(past, new, strict=True)
            ]
        past = new if step == 0 or wrong != "prompt" else past
        if step == 0 and wrong == "swapped":
            past = [pair[::-1] for pair in past]
        past = {
            "none": None,
            "layer": [past and past[0]] * LAYERS,
            "last layer": [past and past[-1]] * LAYERS,
        }.get(wrong, past)
        row = scores[0] if wrong == "first" else scores[-1]
        rows.append(row)
        chosen.append(row.argmin() if wrong == "lowest" else row.argmax())
        text = torch.cat([text, chosen[-1][None]])
        tokens = text if wrong == "all" else text[-1:]
        at = len(text) - 1 + {"late": 1, "early": -1}.get(wrong, 0)
        positions = (
            torch.arange(len(text)) if wrong == "all" else torch.tensor([0 if wrong == "restart" else at])
        )
    return {"tokens": torch.stack(chosen), "scores": torch.stack(rows)}


def compare(T, count):
    """How many tokens went through the model."""
    while True:  # where all tokens are the same, so are all values, and much that is wrong does not show;
        # id 0 is no sign to stop
        model, computed = make_model()
        prompt = fresh(T, V).argmax(-1)
        want = expected(model, prompt, count)
        if count == 1 or len(want["tokens"].unique()) > 2 and 0 in want["tokens"][:-1]:
            break
    mistakes = {said: mistaken(model, prompt, count, wrong) for wrong, said in SAYS.items()}
    computed.clear()
    tokens, scores = unpack(call(generate, model, prompt, count), "tokens", "scores")
    check({"tokens": tokens, "scores": scores}, want, mistakes, "tokens and scores")
    return sum(computed)


points = Points(2)
with points.part(0.5, "one new token"):
    compare(6, 1)
with points.part(1, "several tokens"):
    compare(5, 6)
    compare(1, 5)
with points.part(0.5, "how many tokens go through the model"):
    mistakes = {
        "every token goes through the model again at each step": sum(range(33, 38)),
        "one token too many: the last one you chose, or a token of the prompt twice": 38,
        "the prompt goes through the model twice": 70,
    }
    check(compare(33, 5), 33 + 5 - 1, mistakes, "how many tokens went through the model")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7: a power law (3 points)
#
# Losses of models with N parameters often follow a power law (幂律). They fall towards a floor that no
# size removes, because text cannot be predicted entirely:
#
# $$\text{loss}(N) \approx \text{floor} + a \cdot N^{-b}$$
#
# The floor is given. Subtract it and take logarithms, and the law becomes a straight line:
# ln(loss − floor) = ln a − b · ln N. Fit this line by least squares (最小二乘法). With x = ln N,
# y = ln(loss − floor) and their means x̄ and ȳ, the slope is
#
# $$\text{slope} = \frac{\sum_i (x_i - \bar x)(y_i - \bar y)}{\sum_i (x_i - \bar x)^2},$$
#
# and the line goes through (x̄, ȳ). Return a dictionary:
#
# - `a` and `b`; b is positive where the loss falls, negative where it rises.
# - `prediction`: the loss that the law gives for `larger` parameters, floor included.
# - `range`: how much the prediction depends on single models. Leave out one model at a time, fit the
#   others anew and predict the loss for `larger`. Give the least and the greatest of these predictions,
#   as a tuple.


# %% nbgrader={"grade": false, "grade_id": "fit_power_law", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fit_power_law(N, losses, larger, floor=0.0):
    """Fit loss = floor + a * N**(-b) and predict.

    N: a list of three or more different positive numbers, in any order, perhaps in millions and below 1;
    losses: a list of as many floats, all above floor, losses[i] with N[i] parameters; larger: a positive
    number; floor: a float, 0 or more.
    Returns {"a": float, "b": float, "prediction": float, "range": (float, float)}.
    """
    ### BEGIN SOLUTION
    points = [(math.log(n), math.log(loss - floor)) for n, loss in zip(N, losses, strict=True)]

    def line(points):
        mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
        up = sum((x - mean_x) * (y - mean_y) for x, y in points)
        slope = up / sum((x - mean_x) ** 2 for x, _ in points)
        return slope, mean_y - slope * mean_x

    def predict(points):
        slope, intercept = line(points)
        return floor + math.exp(intercept + slope * math.log(larger))

    slope, intercept = line(points)
    without = [predict(points[:i] + points[i + 1 :]) for i in range(len(points))]
    return {
        "a": math.exp(intercept),
        "b": -slope,
        "prediction": predict(points),
        "range": (min(without), max(without)),
    }
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "fit_power_law_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Sizes 16, 1, 4096, 256 (in millions). Take logarithms to base 2; natural ones are ln 2 times these:
# x = 4, 0, 12, 8 and y = 0, 4, -2, -2. The means are 6 and 0.
# Products: (-2)(0) + (-6)(4) + (6)(-2) + (2)(-2) = -40; squares: 4 + 36 + 36 + 4 = 80; slope -1/2.
# The line through (6, 0) with that slope is y = 3 - x/2: a = 8, b = 1/2. Size 65536: x = 16, y = -5.
N, losses = [16, 1, 4096, 256], [1, 16, 1 / 4, 1 / 4]
# Without each model in turn, the line is at -5, -10/3, -25/3, -30/7 where x = 16.
right = {"a": 8.0, "b": 0.5, "prediction": 1 / 32, "range": (2 ** (-25 / 3), 2 ** (-10 / 3))}
mistakes = {
    "a": [
        (6.0032, "the line is fitted without logarithms; take ln N and ln(loss - floor)"),
        (1.7258, "only the loss is a logarithm; take ln N, too"),
        (11.575, "only N is a logarithm; take ln(loss - floor), too"),
        (2.0794, "a is the logarithm of a; return a itself"),
        (3.0, "a is the logarithm of a, to base 2; return a itself"),
        (2.4672, "logarithms and powers have different bases; exp undoes ln, 10**x undoes log10"),
        (4.0, "the line goes through the first and the last model; every model counts"),
        (16.0, "the line goes through the smallest and the largest model; every model counts"),
        (12.1257, "ln N is fitted by the loss; fit the loss by ln N"),
        (1.0, "the line goes through the origin; it goes through the means"),
    ],
    "b": [
        (-0.5, "b has the wrong sign; the exponent is -b, and b is positive where the loss falls"),
        (1.1513, "two kinds of logarithm are mixed; take the same for N and for the loss"),
        (0.2171, "the loss has another logarithm than N; take the same for both"),
    ],
    "prediction": [
        (0.25, "the prediction goes on in a straight line from the last two models; use the law"),
        (0.125, "it predicts for the largest model given; predict for `larger`"),
    ],
    "range": [
        ((0.25, 16.0), "it is the range of the losses; it must be of the predictions"),
        ((0.03125, 0.0513), "it leaves out the first or the last model only; leave out each in turn"),
        ((2 ** (-10 / 3), 2 ** (-25 / 3)), "the least comes first"),
    ],
}


def compare(got, right, mistakes, what):
    names = {name: 0 for name in right if name in got} if isinstance(got, dict) else got
    check(names, dict.fromkeys(right, 0), what="what fit_power_law returns")
    for name, want in right.items():
        value = tuple(got[name]) if isinstance(got[name], list) else got[name]
        check(value, want, {said: number for number, said in mistakes.get(name, [])}, f"{name} {what}")


compare(call(fit_power_law, N, losses, 65536), right, mistakes, "without a floor")

# The same, two higher, with a floor of 2: a and b stay, the predictions are two higher.
above = [loss + 2 for loss in losses]
right |= {"prediction": 2 + 1 / 32, "range": (2 + 2 ** (-25 / 3), 2 + 2 ** (-10 / 3))}
mistakes = {
    "a": [
        (10.8223, "the floor is not subtracted before the logarithm"),
        (1.4646, "the floor is subtracted from the logarithm; subtract it from the loss"),
    ],
    "prediction": [(1 / 32, "the floor is missing in the prediction; add it back")],
    "range": [((2 ** (-25 / 3), 2 ** (-10 / 3)), "the floor is missing in the range; add it back")],
}
compare(call(fit_power_law, N, above, 65536, 2.0), right, mistakes, "with a floor of 2")
check_unchanged(fit_power_law, N, above, 65536, 2.0)
print("fit_power_law: right")


# %% nbgrader={"grade": true, "grade_id": "fit_power_law_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random laws, 0.5 points each: a and b, where the losses follow the law exactly and rise;
# a and b, where they fall and do not quite follow it; the prediction with a floor, N in millions, some below
# 1; the range, also with three models.
### BEGIN HIDDEN TESTS
import random

SAYS = {
    "sign": "b has the wrong sign; it is minus the slope: positive where the loss falls, negative where it rises",
    "apart": "N and losses are sorted each for itself; losses[i] belongs to N[i]",
    "ln a": "a is the logarithm of a; return a itself",
    "no logs": "the line is fitted without logarithms; take ln N and ln(loss - floor)",
    "ln loss": "only the loss is a logarithm; take ln N, too",
    "ln N": "only N is a logarithm; take ln(loss - floor), too",
    "mixed": "two kinds of logarithm are mixed; take the same for N and for the loss",
    "base": "logarithms and powers have different bases; exp undoes ln, 10**x undoes log10",
    "ends": "the line goes through the first and the last model; every model counts",
    "extremes": "the line goes through the smallest and the largest model; every model counts",
    "turned": "ln N is fitted by the loss; fit the loss by ln N",
    "origin": "the line goes through the origin; it goes through the means",
    "no floor": "the floor is not subtracted before the logarithm",
    "floor after": "the floor is subtracted from the logarithm; subtract it from the loss",
    "only back": "the floor is added at the end, but not subtracted before the logarithm",
    "not back": "the floor is missing in the prediction; add it back",
    "straight": "the prediction goes on in a straight line from the last two models; use the law",
    "range of the losses": "it is the range of the losses; it must be of the predictions",
    "without one end": "it leaves out the first or the last model only; leave out each in turn",
    "turned range": "the least comes first",
}


def fit(N, losses, larger, floor=0.0, wrong=None):
    """The right result, or what comes out with one thing wrong, a key of SAYS."""

    def line(points):
        if wrong in ("ends", "extremes"):
            ordered = sorted(points) if wrong == "extremes" else points
            (x0, y0), (x1, y1) = ordered[0], ordered[-1]
            slope = (y1 - y0) / (x1 - x0)
            return slope, y0 - slope * x0
        if wrong == "origin":
            return sum(x * y for x, y in points) / sum(x * x for x, _ in points), 0.0
        x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
        xy = sum((one - x) * (other - y) for one, other in points)
        xx, yy = (sum((point[i] - (x, y)[i]) ** 2 for point in points) for i in (0, 1))
        slope = yy / xy if wrong == "turned" else xy / xx
        return slope, y - slope * x

    less = 0.0 if wrong in ("no floor", "floor after", "only back") else floor
    fx = {"no logs": float, "ln loss": float, "mixed": math.log10, "base": math.log10}.get(wrong, math.log)
    fy = {"no logs": float, "ln N": float, "base": math.log10}.get(wrong, math.log)
    if wrong == "apart":
        N, losses = sorted(N), sorted(losses, reverse=True)
    points = [
        (fx(n), fy(loss - less) - (floor if wrong == "floor after" else 0))
        for n, loss in zip(N, losses, strict=True)
    ]

    def predict(points):
        slope, intercept = line(points)
        y = intercept + slope * fx(larger)
        y = y if wrong in ("no logs", "ln N") else math.exp(y)
        back = 0.0 if wrong in ("not back", "no floor") else floor
        return back + y

    slope, intercept = line(points)
    b = slope if wrong == "sign" else -slope
    a = intercept if wrong in ("ln a", "no logs", "ln N") else math.exp(intercept)
    predictions = [predict(points[:i] + points[i + 1 :]) for i in range(len(points))]
    if wrong == "without one end":
        predictions = [predictions[0], predictions[-1]]
    span = (min(predictions), max(predictions))
    if wrong == "range of the losses":
        span = (min(losses), max(losses))
    prediction = predict(points)
    if wrong == "straight":
        (n0, l0), (n1, l1) = sorted(zip(N, losses, strict=True))[-2:]
        prediction = l1 + (larger - n1) * (l1 - l0) / (n1 - n0)
    return {
        "a": a,
        "b": b,
        "prediction": prediction,
        "range": span[::-1] if wrong == "turned range" else span,
    }


def draw(noise, floor, rises=False, unit=1, count=None):
    b, count = rng.uniform(0.2, 0.4) * (-1 if rises else 1), count or rng.choice([5, 7])
    a = rng.uniform(4, 8) * 1000**b
    N = [round(10 ** rng.uniform(i, i + 0.5)) for i in range(3, 3 + count)]
    off = [noise * rng.uniform(1, 1.5) * (-1) ** i for i in range(count)]  # above and below in turn
    models = [(n, floor + a * n**-b * math.exp(e)) for n, e in zip(N, off, strict=True)]
    rng.shuffle(models)
    given = ([n / unit for n, _ in models], [loss for _, loss in models], 10 * max(N) / unit)
    return given + ((floor,) if floor else ())


def compare(names, noise, floor, caught, **kind):
    """With numbers that tell these mistakes from the right result and from each other."""

    def asked(result):
        return {name: result[name] for name in names}

    while True:
        given = draw(noise, floor, **kind)
        want = asked(fit(*given))
        mistakes = {SAYS[wrong]: asked(fit(*given, wrong=wrong)) for wrong in caught}
        met = [want, *mistakes.values()]
        if not any(_equal(one, other, 5e-3) for i, one in enumerate(met) for other in met[:i]):
            break
    got = call(fit_power_law, *given)
    if not isinstance(got, dict) or not all(name in got for name in names):
        raise CheckFailed(f"fit_power_law must return a dictionary with the keys {names}")
    if isinstance(got.get("range"), list):
        got = got | {"range": tuple(got["range"])}
    check(asked(got), want, mistakes, " and ".join(names))


points, rng = Points(2), random.Random()
logs, lines = ["no logs", "ln loss", "ln N", "base", "origin"], ["ends", "extremes", "turned", "apart"]
floors = ["no floor", "floor after", "only back", "not back"]
with points.part(0.5, "a and b, exactly, with losses that rise"):
    compare(["a", "b"], 0.0, 0.0, ["sign", "ln a", "mixed", "apart", *logs], rises=True)
with points.part(0.5, "a and b, not quite"):
    compare(["a", "b"], 0.2, 0.0, ["sign", "ln a", "mixed", *logs, *lines])
with points.part(0.5, "the prediction with a floor, N in millions"):
    compare(["prediction"], 0.2, rng.uniform(1, 2), ["straight", *logs, *lines, *floors], unit=1e6)
with points.part(0.5, "the range"):
    ranges = ["range of the losses", "without one end", "turned range"]
    compare(["range"], 0.2, rng.uniform(1, 2), [*ranges, *logs, *lines, *floors])
    compare(["range"], 0.2, 0.0, ["range of the losses", "turned range"], count=3)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 8: in your own words (2 points, graded by hand)
#
# A model learns to write answers of 8 tokens. An answer is exact only if all 8 are right. Here is a
# training run, measured on 100 questions (the numbers are made up). The accuracy per token is the share
# of right tokens when the right tokens before them are given.
#
# | step | 500 | 1,000 | 2,000 | 4,000 | 8,000 | 16,000 | 32,000 |
# | --- | --- | --- | --- | --- | --- | --- | --- |
# | accuracy per token | 0.30 | 0.45 | 0.60 | 0.74 | 0.85 | 0.93 | 0.97 |
# | exact answers | 0.00 | 0.00 | 0.02 | 0.08 | 0.29 | 0.55 | 0.79 |
#
# "Up to step 2,000 the model has learned nothing", says a colleague. "Then the ability suddenly emerges
# (涌现)." Claims of this kind are found in [Wei et al. 2022](https://arxiv.org/abs/2206.07682), doubts in
# [Schaeffer et al. 2023](https://arxiv.org/abs/2304.15004). Answer in five to eight sentences:
#
# - Which share of exact answers do you expect from the accuracy per token, if the errors of the 8 tokens
#   are independent? Compute it for two of the steps and compare.
# - So what does the jump in the second row show, and what does it not show? What is wrong about "learned
#   nothing"?
# - What would you measure and plot to decide whether something sudden happens? Name the axes, and say
#   how many runs and questions you would take.
# - Which result would convince you that the colleague is right after all?
#
# Half a point each.

# %% [markdown] nbgrader={"grade": true, "grade_id": "in_your_words", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# **Model answer.** With independent errors an answer is exact with probability p⁸. That is 0.6⁸ = 0.02
# at step 2,000 and 0.85⁸ = 0.27 at step 8,000, about what was measured. So the second row shows what
# the eighth power makes of a smooth rise: it stays near 0 for long and then climbs. It does not show that
# anything sudden happens inside the model; it is a property of the measure. Up to step 2,000 the accuracy
# per token has doubled, from 0.30 to 0.60, so the model has learned much; exact answers on 100
# questions cannot show it, because a share below 0.01 reads as 0. To decide, I plot measures that rise
# with each token, the accuracy per token and the loss on the answer's tokens, against the step on
# a logarithmic axis, at closely spaced steps, for several seeds, on thousands of questions. Beside them
# I plot the exact answers for lengths 1, 2, 4 and 8, with p to the power of the length: if the jump comes
# from the measure, it must fade as the answers get shorter. The colleague would be right if accuracy
# per token or loss itself stayed flat and then changed within a few steps, in all seeds, or if exact
# answers rose far from the power of the accuracy.
#
# **Rubric.** Half a point for each of:
#
# 1. p⁸, computed for two steps, with the remark that it agrees roughly (0.00, 0.00, 0.02, 0.09, 0.27, 0.56,
#    0.78).
# 2. The jump comes from the measure, all or nothing over 8 tokens, on top of a smooth rise; and the
#    accuracy per token rises from the first measurement on, so something was learned.
# 3. A measure that counts each token (accuracy per token, or loss of the answer), against steps (or
#    their logarithm), with more than one seed and more questions. The length of the answer as a second axis
#    is as good as the seeds.
# 4. A result that would speak for the colleague: a sudden change in the smooth measure itself, at the
#    same place in several runs, or exact answers that p⁸ does not explain.
#
# Nothing for "emergence is a myth" or "the model suddenly understood" without a look at the first row.
# That errors need not be independent is right; no extra points. So is the remark that exact answers may
# be what a user cares about, so that the jump is real for the user.
