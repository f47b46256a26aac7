# ---
# jupyter:
#   course:
#     title: "Assignment 3: A tiny GPT"
# ---

# %% [markdown]
# # Assignment 3: a tiny GPT
#
# The lesson built one small GPT and trained it. Here you write what a larger one needs around its attention:
# a loss that skips what need not be learned, the way from ids to scores, the learning rate of a long
# run, the choice of the next token, a cache. Then you fit a law to losses, and judge a claim in your own
# words. Seven tasks, 20 points, 60 to 90 minutes.
#
# **How to work.** Replace each `raise NotImplementedError()` by your code; keep the function's name and
# arguments. Run the test cell under it: where something is wrong, it says what it found. In each coding
# task this visible test cell is worth 1 point. The grader also runs hidden tests, on other numbers. The
# comment under the visible cell says what they check and what each is worth. Press **Validate** before
# you hand in: it runs everything afresh, as the grader will (no such button? Restart the kernel and run
# all cells). Add cells where you like, and leave the given ones in place.
#
# **In every task.** No task needs your answer to another one. Tensors are `float32`, token ids `int64`,
# unless the task says otherwise. A function leaves its arguments as they are. Any way of computing the
# right result is right; PyTorch's own functions are allowed. Define helper functions inside the function
# that uses them. The tests define names of their own (`call`, `check`, `line`, …), which would replace
# yours.
# Use Python, torch and NumPy: the grader has no pandas, SciPy or scikit-learn. If you want NumPy, import
# it yourself.
#
# **Notation.** B texts in a batch, T tokens (词元), D width, H heads (头), V entries in the vocabulary
# (词表); shapes are written (B, T, D). Scores, or logits, are what a model gives before the softmax.

# %% reuse="cells/checks:checks" nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false}

# %% fold="What the checks compare with: no need to read it" nbgrader={"grade": false, "grade_id": "mistakes", "locked": true, "schema_version": 3, "solution": false, "task": false}
SAYS = {}  # task -> {a mistake: what is said of it}
MISTAKES = {}  # what is checked by hand -> {what is said: the result that this mistake gives there}


def told(task, results):
    """The results of mistakes, each under what is said of it."""
    return {SAYS[task][mistake]: result for mistake, result in results.items()}


def listed(task, shape, text):
    """The same from lines "mistake: numbers": tensors of that shape, or lists."""
    lines = [line.split(": ") for line in text.strip().splitlines()]
    results = {mistake: [float(number) for number in numbers.split()] for mistake, numbers in lines}
    if shape is not None:
        results = {mistake: torch.tensor(numbers).view(shape) for mistake, numbers in results.items()}
    return told(task, results)


def explained(hint, function, *arguments):
    """The result of a call; where the library stops it, its message with a hint to it."""
    try:
        return call(function, *arguments)
    except (RuntimeError, IndexError) as error:
        if isinstance(error, NotImplementedError):
            raise
        raise CheckFailed(f"{function.__name__} stops: {error} ({hint})") from error


def check_share(p):
    """Fail unless `shape` may be called with p."""
    if not -1e-6 <= p <= 1 + 1e-6:
        raise CheckFailed(f"shape gets {float(p):.4g}; call it with numbers from 0 to 1 only")


def check_given(tokens, positions, past, layers, heads, d):
    """Fail unless a model with a cache may be called with these."""
    if not all(isinstance(ids, torch.Tensor) and ids.dtype == torch.int64 for ids in (tokens, positions)):
        raise CheckFailed("tokens and positions of a call must be tensors, int64")
    if tokens.dim() != 1 or tokens.shape != positions.shape:
        shapes = f"{tuple(tokens.shape)} and {tuple(positions.shape)}"
        raise CheckFailed(f"tokens and positions of a call have the shapes {shapes}; both must be (T,)")
    if past is not None and len(past) != layers:
        raise CheckFailed(
            f"`past` has {len(past)} pairs; it is None first, then a pair for each layer: {layers}"
        )
    for keys, values in past or []:
        if keys.shape != values.shape or keys.dim() != 3 or (keys.shape[0], keys.shape[2]) != (heads, d):
            shapes = f"{tuple(keys.shape)} and {tuple(values.shape)}"
            raise CheckFailed(
                f"keys and values in `past` have the shapes {shapes}; both must be (H, S, d), here "
                f"({heads}, S, {d}): join old and new along the axis of the tokens"
            )


def check_not_swapped(keys, values):
    """For a layer of which all keys are 1, and not all values."""
    if (values == 1).all() and not (keys == 1).all():
        raise CheckFailed(SAYS["generate"]["swapped"])


SAYS["next_token_loss"] = {
    "inputs": "the targets are the inputs; the target is the token that follows",
    "before": "the targets are the tokens before; the target is the token that follows",
    "positions": "the softmax runs over the positions; it must run over the vocabulary, the last axis",
    "batch": "the softmax runs over the texts of the batch; it must run over the vocabulary, the last axis",
    "view": "axes get mixed: `view` and `reshape` cannot swap positions and vocabulary",
    "softmaxes": "there are two softmaxes; cross_entropy takes the scores and has its own",
    "no softmax": "there is no softmax: the scores are taken for logarithms of probabilities",
    "alone": "the model gets a token at a time; it must get the whole text: it looks at what came before",
    "hidden": "the model reads id 0 in place of what does not count; it must read all inputs",
    "bits": "it is in bits; take the natural logarithm",
    "sign": "the sign is wrong: the loss is minus the logarithm",
    "all": "`counted` has no effect",
    "turned": "`counted` works the wrong way round",
    "cut": "`counted` is cut like the inputs; it says which tokens count as *targets*",
    "B·T": "the sum is divided by B·T; divide it by the number of targets that count",
    "first": "the first token of a text is divided by, too; it is nobody's target",
    "texts": "each text has its own mean; take the mean over the targets of all texts",
    "sum": "it is the sum; take the mean over the targets that count",
    "id 0": "where a token does not count, its target becomes id 0 and counts",
    "e": "it is the perplexity, e to the power of the loss",
    "mean first": "it is the logarithm of the mean probability; take the mean of the logarithms",
    "no log": "the logarithm is missing: the loss is minus ln of the probability",
    "p": "the logarithm is missing, and the minus before it: the loss is minus ln of the probability",
}
SAYS["gpt_scores"] = {
    "post": "it is post-norm, norm(x + ...); normalise what a half reads, not the sum",
    "behind": "the norm stands behind each half; it belongs before it",
    "shared": "both halves read the same norm(x); the second one reads norm(x')",
    "normed": "the residuals start from norm(x); add to x itself",
    "normed_1": "the first residual starts from norm(x); add to x itself",
    "normed_2": "the second residual starts from norm(x'); add to x' itself",
    "lost_1": "the first residual is missing: x + attention(...)",
    "lost_2": "the second residual is missing: x' + feed_forward(...)",
    "old": "the second half is added to x; add it to x', which holds the attention's result",
    "bare_1": "attention reads x; it must read norm(x)",
    "bare_2": "the feed-forward layer reads x'; it must read norm(x')",
    "bare": "nothing is normalised",
    "last": "the norm after the last layer is missing",
    "entry": "x begins with norm(x); only what a half reads is normalised, and what the scores are made of",
    "over T": "the norm runs over the tokens; it must run over the D numbers of each token",
    "joint": "the norm runs over tokens and features together; each token has its own",
    "D - 1": "the standard deviation has D - 1 below, as torch.std has it; take correction=0",
    "variance": "the norm divides by the variance; divide by its square root",
    "RMS": "the norm does not subtract the mean",
    "swapped": "gates and values have changed places; the ReLU belongs on what w_gate makes",
    "product": "the ReLU is taken of the product; take it of the gate, then multiply",
    "both": "the values have a ReLU, too; only the gates have one",
    "linear": "the ReLU of the gates is missing",
    "plus": "gate and value are added; multiply them",
    "ungated": "w_gate is not used; multiply each value by the ReLU of its gate",
    "SiLU": "the gates have a SiLU; take the ReLU",
    "GELU": "the gates have a GELU; take the ReLU",
    "one": "only the first layer is run",
    "from 0": "every layer begins with the rows of the table; it begins with the x of the layer before",
    "same": "every layer has the weights of the first",
    "reversed": "the last layer comes first; go through the list from its beginning",
    "softmax": "there is a softmax; return the scores",
}
SAYS["learning_rate"] = {
    "zeroth": "step 0 has the rate 0; it must have peak / warmup",
    "late": "step `warmup` - 1 must have the peak; divide by warmup",
    "floored": "the warm-up starts at the floor; it starts from 0",
    "cold": "there is no warm-up",
    "jump": "the whole warm-up has the same rate; it must rise",
    "stretched": "there is no plateau: the cooldown is the last `cooldown` steps",
    "soon": "the cooldown begins right after the warm-up; it is the last `cooldown` steps",
    "early": "p is 0 at the first step of the cooldown; here it is a step ahead",
    "short": "p does not reach 1 before the run has ended; divide by cooldown, not by cooldown - 1",
    "whole": "p is the share of the cooldown that is done, not of the run",
    "line": "`shape` has no effect; it falls in a straight line",
    "turned": "it rises in the cooldown: shape(p) is what is left",
    "zero": "it falls to 0; it must end at the floor",
    "added": "the floor is added to the whole fall, the peak included; the shape spans peak - floor",
    "clipped": "it falls towards 0 and is cut off at the floor; the shape spans peak - floor",
    "after_0": "it is 0 after the last step; it must be the floor",
    "after_peak": "it is the peak after the last step; it must be the floor",
    "after_held": "after the last step it keeps its rate; it must be the floor",
}
SAYS["sampling_probabilities"] = {
    "hot": "the temperature has no effect; divide the scores by it",
    "times": "the scores are multiplied by the temperature; divide them by it",
    "after": "the temperature divides the probabilities; divide the scores, before the softmax",
    "one temperature": "every row has the temperature of the first; each has its own",
    "one top-p": "every row has the top_p of the first; each has its own",
    "no top-p": "top_p has no effect",
    "dropped": "the token with which the sum reaches top_p is dropped; keep it",
    "more": "one token too many is kept; stop when the sum has reached top_p",
    "first": "top-p looks at the probabilities before the temperature",
    "partial": "what is kept does not sum to 1; divide by its sum",
    "all rows": "all rows are divided by the sum of all; divide each by its own (keepdim=True)",
    "softmax": "it is renormalised by a softmax; divide by the sum",
    "scores 0": "dropped scores become 0, and exp(0) = 1 is a weight; make them -inf",
    "batch": "the softmax runs over the rows; it must run over the vocabulary",
    "unsorted": "the sum runs in the order of the ids; it must begin with the most probable token",
    "ascending": "the sum begins with the least probable token; it must begin with the most probable",
    "places": "the result stands in sorted order; column i belongs to id i",
    "gathered": "the sorted values are put back by gather(ids); that is scatter, or gather(ids.argsort())",
    "only": "the most probable token alone is kept; add up probabilities until they reach top_p",
    "row 0": "the first row decides how many are kept in all; each row stands for itself",
    "NaN": "scores / 0 is infinite or NaN, and so is the result; treat temperature 0 separately",
    "share": "equal highest scores share the probability; the smallest id gets it all",
    "last": "among equal highest scores the largest id wins; take the smallest",
    "each": "each of the equal highest scores gets 1; the smallest id alone gets it",
    "lowest": "it is the lowest score that gets 1",
    "infinite": "exp(score / temperature) is infinite; take softmax, which subtracts the highest score first",
    "infinite too": "exp(score / temperature) is infinite; torch.softmax subtracts the highest score first",
    "frozen": "a low temperature is taken for 0",
    "equal": "equally probable tokens are all kept; the smaller ids come first, and no more than needed",
    "larger": "of equally probable tokens the larger ids are kept; the smaller ids come first",
    "strict": "rounding decides: a sum of at least top_p - 0.00001 has reached top_p",
    "lax": "the sum has not reached top_p: it is short by more than 0.00001",
}
SAYS["generate"] = {
    "restart": "the new token's position begins again at 0; it stands behind all others",
    "counted": "the positions count the new tokens only, from 0; the first new one stands at len(prompt)",
    "fixed": "every new token has the same position; each stands one further",
    "prompt's": "every new token has the position of the prompt's last one; each stands one further",
    "late": "the positions of new tokens are one too large",
    "early": "the positions of new tokens are one too small; the first stands at len(prompt)",
    "overwritten": "the cache holds the last token only; append the new keys and values to it",
    "prompt": "the cache does not grow: it holds the prompt only",
    "none": "`past` is not handed over, so the new token sees itself only",
    "all": "the whole text goes through the model on top of the cache, which holds it already",
    "twice": "the last token of the prompt goes through the model again, although it is in the cache",
    "first": "the token is chosen from the first row of the scores; take the last",
    "layer": "every layer gets the cache of layer 0; each has its own",
    "last": "every layer gets the cache of the last layer; each has its own",
    "swapped": "keys and values have changed places in the cache",
    "lowest": "it takes the lowest score; take the highest",
    "whole text": "the prompt stands in the result; return the new tokens alone",
    "all scores": "these are the scores of every token, also of the prompt's; return those from which you chose",
    "step late": "each row is a step late: return the scores from which a token was chosen",
    "anew": "every token goes through the model again at each step; give it the new one and the cache",
    "one more": "one token too many: the last one you chose, or a token of the prompt twice",
    "prompt twice": "the prompt goes through the model twice",
}
SAYS["fit_power_law"] = {
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
    "no floor": "the floor is not used",
    "floor after": "the floor is subtracted from the logarithm; subtract it from the loss",
    "only back": "the floor is added at the end, but not subtracted before the logarithm",
    "not back": "the floor is missing in the prediction; add it back",
    "straight": "the prediction goes on in a straight line from the last two models; use the law",
    "largest": "it predicts for the largest model given; predict for `larger`",
}

MISTAKES["the loss"] = listed(
    "next_token_loss",
    (),
    """
inputs: 1.5596
before: 1.1552
softmaxes: 1.211
alone: 1.7329
bits: 1.25
sign: -0.8664
all: 1.2708
turned: 2.0794
cut: 1.3863
B·T: 0.5776
first: 0.6931
texts: 0.8087
sum: 3.4657
id 0: 1.0397
positions: 0.7359
batch: 0.3599
view: 1.2046
no softmax: -1.213
hidden: 1.9062
e: 2.3784
mean first: 0.8267
no log: -0.4375
p: 0.4375
""",
)
MISTAKES["gpt_scores"] = listed(
    "gpt_scores",
    (1, 2, 4),
    """
post: 6.139 -9.8187 5.6434 -6.8638 7.8988 -9.4069 3.3895 1.493
behind: 3.9858 -0.5768 -1.2348 14.097 -6.9185 6.3773 1.6639 -7.2665
shared: 5.5883 -6.5973 -1.5523 1.2418 -2.5554 -1.3532 6.3961 -14.552
normed: 5.413 -9.4852 5.9692 -8.7006 7.378 -6.1983 0.0599 9.6777
normed_1: 3.3503 -8.0606 6.3224 -12.393 1.7044 -6.517 7.0789 -14.037
normed_2: 0.9075 -3.9939 -0.3674 -9.1504 2 2.5 -5 16
lost_1: 0 0 0 0 0 0 0 0
lost_2: 1.2572 -4.0411 -0.898 -7.9026 0 0 0 0
old: -5.5 2.5 2.5 -14 -2.6383 7.456 -6.3089 13.306
bare_1: 2.1979 -7.0588 6.3027 -13.797 0.9727 -5.8685 6.1588 -14.889
bare_2: 6.5993 -9.0097 6.5525 -2.4338 0.9214 2.364 0.1212 11.25
bare: 770 579 554 1499 4484 6327 3068 13013
last: -26 -49 9.9998 -131 24 80 60 57
entry: 3.3503 -8.0607 6.3225 -12.393 1.7653 -6.6457 6.4996 -14.205
over T: 2 -17 -2 -11 -2 17 2 11
joint: -1.7621 -14.414 -5.2699 -18.697 3.5747 8.6814 6.3894 7.6042
D - 1: -2.4916 -1.2077 5.0772 -13.831 -3.0948 3.8915 2.8047 0.0736
variance: 1.7302 0.1027 -1.9102 7.2494 -2.2105 3.3332 -0.6545 1.824
RMS: 8.9922 0.8354 10.355 3.7425 5.4117 12.708 11.714 10.714
swapped: -0.2041 -1.5309 7.1443 -5.7155 0.6755 -4.4959 1.2963 -11.685
product: -0.1727 -1.9117 7.4001 -6.8081 -1.0595 -3.4536 6.7013 -15.289
both: -0.2041 -1.5309 7.1443 -5.7155 -1.0595 -3.4536 6.7013 -15.289
linear: -1.9742 -2.5187 5.3992 -15.957 1.0742 -3.8044 -1.0486 -7.8773
plus: -0.1869 -0.2685 5.9587 -1.6071 0.2115 -2.4975 7.6235 -7.1462
ungated: -0.2041 -1.5309 7.1443 -5.7155 0 -4.5644 7.303 -14.606
SiLU: -1.1935 -3.309 3.7229 -15.363 -2.2902 -2.0732 3.9331 -15.795
GELU: -1.7896 -2.7138 4.2914 -15.842 -3.6378 -0.0315 5.4674 -14.652
one: -3 2.5 5 -4 -2 -2.5 5 -16
from 0: 2 2.5 -5 16 -4.7404 8.1828 -2.2573 7.2235
same: -3.8076 4.5098 3.1971 -0.7993 -2.2102 6.9966 -7.1185 13.548
reversed: -3 2.5 5 -4 -2.5149 -1.1886 6.6194 -13.863
softmax: 0.0009 0.0006 0.9985 0 0.0003 0.0758 0.9237 0.0001
""",
)
MISTAKES["a straight line"] = listed(
    "learning_rate",
    None,
    """
zeroth: 0 3 6 9 9 9 9 7 5 3 1 1
late: 2.25 4.5 6.75 9 9 9 9 7 5 3 1 1
floored: 3.6667 6.3333 9 9 9 9 9 7 5 3 1 1
cold: 9 9 9 9 9 9 9 7 5 3 1 1
jump: 3 3 3 9 9 9 9 7 5 3 1 1
stretched: 3 6 9 9 7.8571 6.7143 5.5714 4.4286 3.2857 2.1429 1 1
soon: 3 6 9 9 7 5 3 1 1 1 1 1
early: 3 6 9 9 9 9 7 5 3 1 1 1
short: 3 6 9 9 9 9 9 6.3333 3.6667 1 1 1
whole: 3 6 9 9 9 9 4.2 3.4 2.6 1.8 1 1
turned: 3 6 9 9 9 9 1 3 5 7 1 1
zero: 3 6 9 9 9 9 9 6.75 4.5 2.25 0 0
added: 3 6 9 9 9 9 10 7.75 5.5 3.25 1 1
clipped: 3 6 9 9 9 9 9 6.75 4.5 2.25 1 1
after_0: 3 6 9 9 9 9 9 7 5 3 0 0
after_peak: 3 6 9 9 9 9 9 7 5 3 9 9
after_held: 3 6 9 9 9 9 9 7 5 3 3 3
""",
)
MISTAKES["a cosine"] = listed(
    "learning_rate",
    None,
    """
stretched: 9 8.4641 7 5 3 1.5359 1 1
soon: 9 7 3 1 1 1 1 1
early: 9 9 9 7 3 1 1 1
short: 9 9 9 9 5 1 1 1
whole: 9 9 9 5 3 1.5359 1 1
line: 9 9 9 9 6.3333 3.6667 1 1
turned: 9 9 9 1 3 7 1 1
zero: 9 9 9 9 6.75 2.25 0 0
added: 9 9 9 10 7.75 3.25 1 1
clipped: 9 9 9 9 6.75 2.25 1 1
after_0: 9 9 9 9 7 3 0 0
after_peak: 9 9 9 9 7 3 9 9
after_held: 9 9 9 9 7 3 3 3
""",
)
MISTAKES["sampling_probabilities"] = listed(
    "sampling_probabilities",
    (3, 4),
    """
hot: 0 0.64 0 0.36 0.4483 0 0.5517 0 0 1 0 0
times: 0 0.7596 0 0.2404 0.4483 0 0.5517 0 0 1 0 0
after: 0 0.32 0 0.18 0.4483 0 0.5517 0 0 1 0 0
one temperature: 0.2222 0.4444 0 0.3333 0.3301 0 0.3662 0.3037 0 0.3799 0.2403 0.3799
one top-p: 0.2222 0.4444 0 0.3333 0.26 0.2 0.32 0.22 0 1 0 0
no top-p: 0.2 0.4 0.1 0.3 0.26 0.2 0.32 0.22 0 1 0 0
dropped: 0 0.5714 0 0.4286 0 0 1 0 0 1 0 0
more: 0.2 0.4 0.1 0.3 0.325 0 0.4 0.275 0 1 0 0
first: 0 0.5714 0 0.4286 0.4483 0 0.5517 0 0 1 0 0
partial: 0.2 0.4 0 0.3 0.26 0 0.32 0 0 1 0 0
all rows: 0.0806 0.1613 0 0.121 0.1048 0 0.129 0 0 0.4032 0 0
softmax: 0.3006 0.3672 0 0.3322 0.485 0 0.515 0 0 1 0 0
scores 0: 0.2 0.4 0.1 0.3 0.4194 0.0323 0.5161 0.0323 0 1 0 0
batch: 0.1927 0.4128 0.085 0.3096 0 0 1 0 0 1 0 0
unsorted: 0.2 0.4 0.1 0.3 0.3333 0.2564 0.4103 0 0 1 0 0
ascending: 0.2 0.4 0.1 0.3 0.3824 0.2941 0 0.3235 0 1 0 0
places: 0.4444 0.3333 0.2222 0 0.5517 0.4483 0 0 1 0 0 0
gathered: 0.3333 0 0.4444 0.2222 0 0.5517 0 0.4483 0 1 0 0
only: 0 1 0 0 0 0 1 0 0 1 0 0
row 0: 0.2222 0.4444 0 0.3333 0.325 0 0.4 0.275 0 1 0 0
NaN: 0.2222 0.4444 0 0.3333 0.4483 0 0.5517 0 nan nan nan nan
share: 0.2222 0.4444 0 0.3333 0.4483 0 0.5517 0 0 0.5 0 0.5
last: 0.2222 0.4444 0 0.3333 0.4483 0 0.5517 0 0 0 0 1
each: 0.2222 0.4444 0 0.3333 0.4483 0 0.5517 0 0 1 0 1
lowest: 0.2222 0.4444 0 0.3333 0.4483 0 0.5517 0 1 0 0 0
""",
)
MISTAKES["sampling_probabilities, edges"] = listed(
    "sampling_probabilities",
    (3, 5),
    """
equal: 0.75 0 0.25 0 0 0.3333 0 0.3333 0.3333 0 0.25 0.25 0 0.25 0.25
larger: 0.75 0 0.25 0 0 0 0 0.5 0.5 0 0 0 0 0.5 0.5
strict: 0.75 0 0.25 0 0 0.3333 0 0.3333 0.3333 0 0.5 0.5 0 0 0
infinite: nan nan nan nan nan 0.5 0 0.5 0 0 0.5 0.5 0 0 0
infinite too: nan 0 nan 0 0 0.5 0 0.5 0 0 0.5 0.5 0 0 0
frozen: 1 0 0 0 0 0.5 0 0.5 0 0 0.5 0.5 0 0 0
hot: 0.4277 0.1539 0.4184 0 0 0.5 0 0.5 0 0 0.5 0.5 0 0 0
""",
)
MISTAKES["the tokens"] = listed(
    "generate",
    (-1,),
    """
restart: 7 1 3
counted: 7 1 4
fixed: 7 9 3
prompt's: 7 2 2
late: 7 6 4
early: 7 2 4
overwritten: 7 9 6
prompt: 7 9 0
none: 7 3 2
all: 7 5 8
twice: 1 8 2
first: 5 7 6
layer: 7 3 6
last: 7 7 5
lowest: 0 0 0
whole text: 7 6 1 4 7 9 2
""",
)
MISTAKES["the scores"] = told(
    "generate", {"all scores": torch.eye(10)[[5, 3, 7, 7, 9, 2]], "step late": torch.eye(10)[[9, 2, 8]]}
)
MISTAKES["how many tokens"] = told("generate", {"anew": 15, "one more": 7, "prompt twice": 10})
MISTAKES["losses that fall"] = listed(
    "fit_power_law",
    None,
    """
sign: 8 -0.5 0.0312
apart: 18.379 0.7 0.0078
ln a: 2.0794 0.5 0.0312
no logs: 6.968 0.0017 -106.43
ln loss: 1.7752 0.0005 0
ln N: 9.1562 0.9806 -1.7187
mixed: 8 1.1513 0.0312
base: 2.4672 0.5 0.222
ends: 4096 2 0
extremes: 4 0.3333 0.0992
turned: 64 1 0.001
origin: 1 0.1786 0.138
straight: 8 0.5 3.25
largest: 8 0.5 0.125
""",
)
MISTAKES["losses that rise"] = listed(
    "fit_power_law",
    None,
    """
sign: 0.125 0.5 32
""",
)
MISTAKES["a floor of 2"] = listed(
    "fit_power_law",
    None,
    """
no floor: 10.182 0.1843 1.3192
floor after: 1.3779 0.1843 2.1785
only back: 10.182 0.1843 3.3192
not back: 8 0.5 0.0312
""",
)


# %% nbgrader={"grade": false, "grade_id": "imports", "locked": true, "schema_version": 3, "solution": false, "task": false}
import math

import torch
import torch.nn.functional as F

torch.set_num_threads(1)  # tensors as small as these gain nothing from a second thread


# %% [markdown]
# ## Task 1: a loss for some of the tokens (3 points)
#
# As in the lesson, a model learns to predict each next token. Cut inputs and targets from the same text of
# T + 1 tokens: the inputs are its first T tokens, the targets its last T. The loss at a target is −ln of
# the probability that the model gave it, where the softmax over the V scores gives the probabilities.
#
# But not every target should count. Texts in a batch differ in length, and the short ones are filled up
# (填充) with some id of the vocabulary. And a chat model learns its answers, not the questions of its
# users. So `counted`, of the shape of `texts`, is `True` where a token counts as a target. The first token
# of a text is nobody's target, whatever `counted` says of it. The model reads all inputs, counted or not.
#
# The result is the mean over all targets that count, of all texts together: each weighs the same, also
# when one text has more of them. It is in nats (奈特), that is, with natural logarithms.
#
# Scores are finite, but may be ±200. In `float32`, e²⁰⁰ is infinite and e⁻²⁰⁰ is 0. Still, where the
# target's probability is as small as e⁻²⁰⁰, the loss is 200: not infinite, and not cut off at some smallest
# probability.
#
# `model` is any function from ids (B, T) to scores (B, T, V). Training uses your result. Return a tensor
# of shape () that is still tied to the model's weights, so that `backward()` works.


# %% nbgrader={"grade": false, "grade_id": "next_token_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def next_token_loss(model, texts, counted):
    """Mean cross-entropy of the next token where it counts, in nats.

    model: a function, ids (B, T) -> scores (B, T, V).
    texts: (B, T + 1), ids of the vocabulary, also where a text is filled up; not every id need occur.
    counted: boolean, (B, T + 1); at least one target counts, but perhaps none of some text.
    Returns a tensor of shape (), still tied to the model's weights.
    """
    ### BEGIN SOLUTION
    scores, targets = model(texts[:, :-1]), texts[:, 1:]
    count = counted[:, 1:]
    return F.cross_entropy(scores[count], targets[count])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "next_token_loss_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# V = 4. The model adds up the tokens so far. That sum modulo 4 is the row of `weights` it takes.
# The scores are ln of these numbers, so the probabilities are the numbers, divided by 8.
weights = torch.tensor([[4.0, 2, 1, 1], [1, 4, 2, 1], [2, 1, 1, 4], [1, 1, 4, 2]]).log().requires_grad_()
# Text 0: only its last token counts as a target. 0 + 3 + 0 = 3, and row 3 gives 2 the probability 4/8.
# Text 1: after 1, row 1 gives 1: 4/8. After 1 + 1, row 2 gives 0: 2/8. After 1 + 1 + 0, row 2 gives 3: 4/8.
texts = torch.tensor([[0, 3, 0, 2], [1, 1, 0, 3]])
counted = torch.tensor([[True, False, False, True], [False, True, True, True]])
given = (lambda ids: weights[ids.cumsum(dim=1) % 4]), texts, counted
# -ln of 4/8 is ln 2, of 2/8 it is 2 ln 2. The mean of (1, 1, 2, 1) ln 2 is 5/4 ln 2.
hint = "cross_entropy takes axis 1 for the vocabulary; the scores are (B, T, V)"
loss = explained(hint, next_token_loss, *given)
check(loss, torch.tensor(5 / 4 * math.log(2)), MISTAKES["the loss"], "the loss")

# The gradient: where it counts, probabilities minus 1 at the target; divided by 4, as 4 targets count.
# For instance row 1: ((1, 4, 2, 1)/8 - (0, 1, 0, 0))/4 = (1, -4, 2, 1)/32. Row 0 is not needed.
if not getattr(loss, "requires_grad", False):
    raise CheckFailed("backward() cannot reach the weights; no .item(), no torch.no_grad(), no new tensor")
loss.backward()
want = torch.tensor([[0.0, 0, 0, 0], [1, -4, 2, 1], [-4, 2, 2, 0], [1, 1, -4, 2]]) / 32
check(weights.grad, want, what="the gradient")
check_unchanged(next_token_loss, *given)
print("next_token_loss: right on this example")

# %% nbgrader={"grade": true, "grade_id": "next_token_loss_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random texts, in which one id does not occur, with a model that looks at all tokens so far.
# 1 point: the loss, also where no token of one text counts, and where only one target counts.
# 0.5 points: large scores, and one text of two tokens. 0.5 points: the gradient (and the loss must be right).
### BEGIN HIDDEN TESTS
B, T, V = 3, 5, 7


def make_model():
    weight = weights.clone().requires_grad_()
    return weight, lambda ids: weight[ids].cumsum(dim=1)


def nats(scores, ids):
    return -scores.log_softmax(-1).gather(-1, ids[..., None]).squeeze(-1)


def expected(model, texts, counted):
    return nats(model(texts[:, :-1]), texts[:, 1:])[counted[:, 1:]].mean()


def mistakes(model, texts, counted):
    scores, inputs, targets = model(texts[:, :-1]), texts[:, :-1], texts[:, 1:]
    count, right = counted[:, 1:], nats(scores, targets)
    alone = torch.cat([model(ids) for ids in inputs.split(1, dim=1)], 1)
    means = [row[some].mean() for row, some in zip(right, count, strict=True) if some.any()]
    return told(
        "next_token_loss",
        {
            "inputs": nats(scores, inputs)[count].mean(),
            "before": nats(model(texts[:, 1:]), inputs)[counted[:, :-1]].mean(),
            "softmaxes": nats(scores.softmax(-1), targets)[count].mean(),
            "alone": nats(alone, targets)[count].mean(),
            "bits": right[count].mean() / math.log(2),
            "sign": -right[count].mean(),
            "all": right.mean(),
            "turned": right[~count].mean(),
            "cut": right[counted[:, :-1]].mean(),
            "B·T": (right * count).mean(),
            "first": right[count].sum() / counted.sum(),
            "texts": torch.stack(means).mean(),
            "sum": right[count].sum(),
            "id 0": nats(scores, targets * count).mean(),
        },
    )


def apart(*given):
    """Whether every mistake gives another number."""
    met = [expected(*given), *mistakes(*given).values()]
    return not any(_equal(a, b, 4e-3) for i, a in enumerate(met) for b in met[:i])


while True:  # until mistakes can be told apart, and `large` makes some target improbable enough
    weights, texts = fresh(V, V), fresh(B, T + 1, V - 1).argmax(-1)  # the last id does not occur
    counted = fresh(B, T + 1) > 0
    counted[0, 0] = True
    nothing = counted.clone()
    nothing[0, 1:] = False  # of text 0, where the other two have something
    _, model = make_model()
    scores, highest = model(texts[:, :-1]), model(texts).abs().max().item()
    behind = (scores.amax(-1) - scores.gather(-1, texts[:, 1:, None]).squeeze(-1))[counted[:, 1:]].max()
    fit = counted[:, 1:].any(1).all() and not counted[:, 1:].all() and behind > highest
    if fit and apart(model, texts, counted) and apart(model, texts, nothing):
        break


def large(ids):
    """Scores from -200 to 200; the least probable target that counts is more than 200 behind the highest."""
    return 200 / highest * model(ids)


points = Points(2)
with points.part(1, "the loss"):
    given = model, texts, counted
    check(call(next_token_loss, *given), expected(*given).item(), mistakes(*given), "the loss")
    single = torch.zeros(B, T + 1).bool()
    single[1, T] = True
    for some, what in ((nothing, "where none of a text counts"), (single, "where a single target counts")):
        check(call(next_token_loss, model, texts, some), expected(model, texts, some).item(), what=what)
with points.part(0.5, "large scores, one text of two tokens"):
    one = model, texts[:1, :2], torch.tensor([[False, True]])
    check(call(next_token_loss, *one), expected(*one).item(), what="the loss of one text of two tokens")
    instead = "take log_softmax or cross_entropy"
    trouble = {
        f"in float32 exp(200) is infinite; {instead}": math.nan,
        f"in float32 a tiny probability is 0, and ln 0 is infinite; {instead}": math.inf,
    }
    p = large(texts[:, :-1]).softmax(-1).gather(-1, texts[:, 1:, None]).squeeze(-1)[counted[:, 1:]]
    for tiny in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-20, 1e-30):
        for said, lifted in (
            (f"{tiny:g} is added to a probability, or cuts it off", p + tiny),
            (f"a probability is cut off at {tiny:g}", p.clamp(min=tiny)),
        ):
            trouble[f"{said}; {instead}"] = -lifted.log().mean().item()
    got = call(next_token_loss, large, texts, counted)
    check(got, expected(large, texts, counted).item(), trouble, "the loss, where scores are from -200 to 200")
with points.part(0.5, "the gradient"):
    weight, model = make_model()
    loss = call(next_token_loss, model, texts, nothing)
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        raise CheckFailed(
            "backward() cannot reach the weights; no .item(), no torch.no_grad(), no new tensor"
        )
    other, model = make_model()
    right = expected(model, texts, nothing)
    check(loss, right, what="the loss")
    loss.backward()
    right.backward()
    check(weight.grad, other.grad, what="the gradient")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: from ids to scores (3 points)
#
# Here is a whole model, with any number of layers. The attention of each layer is given, as a function
# from (B, T, D) to (B, T, D), which has heads, mask and positions inside. You write what stands around it.
#
# Begin with x, the rows of `table` that belong to the ids: (B, T, D). Each layer (层) has two halves. Each
# half reads a normalised copy of x, and its result is *added* to x itself. That sum is the residual
# connection (残差连接), and a norm before each half makes the layer pre-norm (前置归一化):
#
# $$x' = x + \text{attention}(\text{norm}(x)) \qquad x'' = x' + \text{feed\_forward}(\text{norm}(x'))$$
#
# The next layer begins with x''. After the last layer comes one more norm. Then the scores: as many as
# there are rows in `table`, each the dot product of the token's vector with that row. So the table serves
# twice; such a model is called tied (权重共享).
#
# Besides the shared table, two parts differ from the lesson's model:
#
# - **norm** is layer normalisation (层归一化) without weights: subtract the mean of a token's D numbers
#   and divide by their standard deviation, the one with D in the denominator, not D − 1.
#   `F.layer_norm(x, (D,))` does it.
# - **feed_forward** (前馈层) is gated (门控), as in most models of today (with a smoother bend than ReLU's).
#   From the same D numbers, `w_gate` makes M gates and `w_up` makes M values. Each value is multiplied by
#   the ReLU of its gate, max(0, gate), so that a gate can shut. `w_down` brings the M products back to D
#   numbers.
#
# Matrices are stored as `nn.Linear` stores them, (out, in), so a projection is `x @ w.T`.


# %% nbgrader={"grade": false, "grade_id": "gpt_scores", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gpt_scores(tokens, table, layers):
    """The scores for each next token.

    tokens: ids, (B, T); table: (V, D).
    layers: a list, perhaps empty, with (attention, w_gate, w_up, w_down) for each layer. attention: a
    function, (B, T, D) -> (B, T, D); w_gate and w_up: (M, D); w_down: (D, M). Each layer has its own M.
    A token's D numbers differ enough for an epsilon of 1e-5 in the norm to make no difference.
    Returns (B, T, V).
    """
    ### BEGIN SOLUTION
    D = table.shape[1]
    x = table[tokens]
    for attention, w_gate, w_up, w_down in layers:
        x = x + attention(F.layer_norm(x, (D,)))
        n = F.layer_norm(x, (D,))
        x = x + ((n @ w_gate.T).relu() * (n @ w_up.T)) @ w_down.T
    return F.layer_norm(x, (D,)) @ table.T
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gpt_scores_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# V = 4, D = 5. The text is 3, 1, so x is (1, 9, 1, 1, 1) and (4, 4, 4, -1, 4): four equal numbers and one
# odd one. After the norm the odd one is 2 or -2, the other four are -1/2 or 1/2.
table = torch.tensor([[0.0, 2, 0, 4, 0], [4, 4, 4, -1, 4], [0, 0, 4, 4, 2], [1, 9, 1, 1, 1]])


# Layer 0. Its attention takes feature 1 of norm(x), 2 and 1/2, adds it up along the text, 2 and 5/2, and
# returns -4 times that in feature 1 and 2 times that in feature 3; your code adds it to x.
# So x' is (1, 1, 1, 5, 1) and (4, -6, 4, 4, 4).
def look_back(n):
    return n[..., 1:2].cumsum(dim=1) * torch.tensor([0.0, -4, 0, 2, 0])


# norm(x') is (-1/2, -1/2, -1/2, 2, -1/2) and (1/2, -2, 1/2, 1/2, 1/2).
# Token 0 has the gates (1, -1, 2) and the values (2, -1/2, -1), so the products (2, 0, -2);
# token 1 has the gates (-1, 1, 1/2) and the values (1/2, -2, 1), so (0, -2, 1/2).
# w_down makes (0, 0, 20, -4, 0) and (0, 6, 0, 0, 0): x'' is (1, 1, 21, 1, 1) and (4, 0, 4, 4, 4).
w_gate = torch.tensor([[-2.0, 0, 0, 0, 0], [2, 0, 0, 0, 0], [0, 0, 0, 1, 0]])
w_up = torch.tensor([[0.0, 0, 0, 1, 0], [0, 1, 0, 0, 0], [2, 0, 0, 0, 0]])
w_down = torch.tensor([[0.0, 0, 0], [0, -3, 0], [10, 0, 0], [2, 1, 4], [0, 0, 0]])
# Layer 1 has M = 1, and its attention gives 0. Gates 4 and 1, values -1 and 1, products -4 and 1.
# So x is (1, -15, 1, 1, 1) and (4, 4, 9, 4, 4) in the end; normalised, each times the rows of the table:
layers = [(look_back, w_gate, w_up, w_down)]
layers += [(torch.zeros_like, torch.tensor([[0.0, 0, 2, 0, 0]]), torch.tensor([[2.0, 0, 0, 0, 0]]),
            torch.tensor([[0.0], [4], [5], [0], [0]]))]  # fmt: skip
want = torch.tensor([[[-2, -2.5, 5, -16], [-3, 2.5, 5, -4]]])
hint = "matrices are stored as (out, in): a projection is x @ w.T"
got = explained(hint, gpt_scores, torch.tensor([[3, 1]]), table, layers)
check(got, want, MISTAKES["gpt_scores"], "the scores")
check_unchanged(gpt_scores, torch.tensor([[3, 1]]), table, layers)
print("gpt_scores: right on this example")


# %% nbgrader={"grade": true, "grade_id": "gpt_scores_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random numbers, with an attention that looks at all tokens so far. 0.5 points: one layer.
# 1 point: four layers, each with its own M. 0.5 points: a single token, and a model without layers.
### BEGIN HIDDEN TESTS
def normed(x):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()


def reference(tokens, table, layers, wrong=None):
    """The scores, or what comes out with one thing wrong, a key of SAYS["gpt_scores"]."""

    def feed_forward(n, w_gate, w_up, w_down):
        gates, values = n @ w_gate.T, n @ w_up.T
        gates, values = (values, gates) if wrong == "swapped" else (gates, values)
        products = {"product": (gates * values).relu(), "ungated": values.relu()}
        return products.get(wrong, gates.relu() * values) @ w_down.T

    chosen = {"one": layers[:1], "same": layers[:1] * len(layers), "reversed": layers[::-1]}
    x = table[tokens]
    for attention, *weights in chosen.get(wrong, layers):
        if wrong == "post":
            x = normed(x + attention(x))
            x = normed(x + feed_forward(x, *weights))
            continue
        if wrong == "behind":
            x = x + normed(attention(x))
            x = x + normed(feed_forward(x, *weights))
            continue
        n = x if wrong == "bare_1" else normed(x)
        y = {"normed": n, "normed_1": n, "lost_1": 0.0}.get(wrong, x) + attention(n)
        m = {"bare_2": y, "shared": n}.get(wrong, normed(y))
        x = {"normed": m, "normed_2": m, "lost_2": 0.0, "old": x}.get(wrong, y) + feed_forward(m, *weights)
    return (x if wrong == "last" else normed(x)) @ table.T


CAUGHT = ["post", "behind", "shared", "normed", "normed_1", "normed_2", "lost_1", "lost_2", "old", "bare_1"]
CAUGHT += ["bare_2", "last", "swapped", "product", "ungated", "one", "same", "reversed"]


def compare(B, T, count):
    """count: of layers."""
    D, V = 12, 17

    def attend(w):
        def attention(n):
            if n.shape != (B, T, D):
                raise CheckFailed(f"attention gets a tensor of shape {tuple(n.shape)}, not (B, T, D)")
            return n.cumsum(dim=1) @ w

        return attention

    layers = [
        (attend(2 * fresh(D, D)), fresh(M, D), fresh(M, D), fresh(D, M)) for M in (20, 9, 14, 7)[:count]
    ]
    given = fresh(B, T, V).argmax(-1), 8 * fresh(V, D) + 1, layers
    want = reference(*given) / 30  # so that a score near 0 may have the rounding error of the others
    mistakes = told("gpt_scores", {wrong: reference(*given, wrong) / 30 for wrong in CAUGHT})
    mistakes = {said: rows for said, rows in mistakes.items() if not _equal(rows, want, 1e-3)}
    got = call(gpt_scores, *given)
    got = got / 30 if hasattr(got, "shape") else got
    check(got, want, mistakes, f"the scores, divided by 30, {count} layers, {B} texts of {T} tokens")


points = Points(2)
with points.part(0.5, "one layer"):
    compare(2, 6, 1)
with points.part(1, "several layers"):
    compare(3, 5, 4)
with points.part(0.5, "a single token; no layers"):
    compare(1, 1, 2)
    compare(2, 3, 0)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: the learning rate (2 points)
#
# A training run has `steps` steps, numbered 0 to `steps` − 1. Its learning rate (学习率) has three parts.
# The lesson's schedule is one case of it, with a straight line down to 0.
#
# - **Warm-up** (预热), the first `warmup` steps: it rises by equal amounts up to `peak`. Step 0 has
#   peak / warmup, step 1 twice that, and step `warmup` − 1 has `peak`.
# - **Plateau**: it stays at `peak`.
# - **Cooldown** (退火), the last `cooldown` steps: it falls from `peak` towards `floor`. Let p be the share of
#   the cooldown that is done *before* the step: 0, 1/cooldown, 2/cooldown, and so on. The rate is
#   floor + (peak − floor) · shape(p).
# - **Afterwards**, for every step ≥ `steps`, it is `floor`.
#
# `shape` is a function from p to the share of (peak − floor) that is left. So shape(0) = 1 and shape(1) = 0.
# It may be a straight line, 1 − p; a cosine, (1 + cos(πp))/2; or 1 − √p, which falls fast at first
# ([Hägele et al. 2024](https://arxiv.org/abs/2405.18392) got lower losses with it than with the line).
# Call it with numbers from 0 to 1 only. `warmup` or `cooldown` may be 0; then that part is missing.


# %% nbgrader={"grade": false, "grade_id": "learning_rate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def learning_rate(step, steps, peak, warmup, cooldown, floor, shape):
    """The learning rate of one step: warm-up, plateau, cooldown.

    step: an int, 0 or more, perhaps more than steps; steps: an int, perhaps 100,000;
    warmup, cooldown: ints, 0 or more, together at most steps;
    peak, floor: floats, 0 <= floor < peak; shape: a function, a float from 0 to 1 -> a float.
    Returns a float.
    """
    ### BEGIN SOLUTION
    if step >= steps:
        return floor
    if step < warmup:
        return peak * (step + 1) / warmup
    done = step - (steps - cooldown)
    if done <= 0:
        return peak
    return floor + (peak - floor) * shape(done / cooldown)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "learning_rate_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Ten steps, peak 9, floor 1: warm-up in 3 steps to 9, plateau, and a straight line in 4 steps. There p is
# 0, 1/4, 2/4, 3/4: of the 8 between peak and floor, 8, 6, 4, 2 are left; add the floor: 9, 7, 5, 3.
# Steps 10 and 11 come after the end.
def line(p):
    check_share(p)
    return 1 - p


want = [3.0, 6.0, 9.0, 9.0, 9.0, 9.0, 9.0, 7.0, 5.0, 3.0, 1.0, 1.0]
got = [call(learning_rate, step, 10, 9.0, 3, 4, 1.0, line) for step in range(12)]
check(got, want, MISTAKES["a straight line"], "steps 0 to 11 of learning_rate(step, 10, 9, 3, 4, 1, line)")


# Six steps without warm-up, the last 3 of them a cosine. There p is 0, 1/3, 2/3: of the 8 between peak and
# floor, 8, 6, 2 are left; add the floor: 9, 7, 3.
def cosine(p):
    check_share(p)
    return (1 + math.cos(math.pi * p)) / 2


got = [call(learning_rate, step, 6, 9.0, 0, 3, 1.0, cosine) for step in range(8)]
want = [9.0, 9.0, 9.0, 9.0, 7.0, 3.0, 1.0, 1.0]
check(got, want, MISTAKES["a cosine"], "steps 0 to 7 of learning_rate(step, 6, 9, 0, 3, 1, cosine)")
print("learning_rate: right on these examples")


# %% nbgrader={"grade": true, "grade_id": "learning_rate_hidden", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random numbers and shapes, 0.5 points each: all steps of a run, and after it; the edges: no
# warm-up, no cooldown, no plateau, a tiny peak with the floor 0, a run of 100,000 steps.
### BEGIN HIDDEN TESTS
import random


def reference(step, steps, peak, warmup, cooldown, floor, shape, wrong=None):
    """The rate, or what it is with one thing wrong, a key of SAYS["learning_rate"]."""
    if step >= steps:
        if wrong == "after_held" and cooldown:
            return reference(steps - 1, steps, peak, warmup, cooldown, floor, shape)
        return {"after_0": 0.0, "after_peak": peak, "zero": 0.0}.get(wrong, floor)
    if step < warmup and wrong != "cold":
        share = {"zeroth": step / warmup, "late": (step + 1) / (warmup + 1), "jump": 1 / warmup}
        share = share.get(wrong, (step + 1) / warmup)
        return floor + (peak - floor) * share if wrong == "floored" else peak * share
    done = step - (steps - cooldown)
    if wrong == "soon":
        done = min(cooldown, max(0, step - warmup))
    if wrong == "stretched":
        done, cooldown = max(0, step - warmup), steps - warmup
    if done < 0 or cooldown == 0:
        return peak
    p = {
        "early": (done + 1) / cooldown,
        "short": done / max(1, cooldown - 1),
        "whole": step / steps,
    }.get(wrong, done / cooldown)
    left = {"line": 1 - p, "turned": 1 - shape(p)}.get(wrong, shape(p))
    if wrong in ("zero", "clipped"):
        return max(peak * left, floor if wrong == "clipped" else 0.0)
    return floor + (peak if wrong == "added" else peak - floor) * left


def compare(which, steps, warmup, cooldown, tiny=False):
    """Those steps; tiny: a peak of a few 0.0001 and the floor 0, in units of 0.0001, so that rounding shows."""
    peak, unit = (rng.uniform(3, 9) * 1e-4, 1e-4) if tiny else (rng.uniform(3, 9), 1)
    power = rng.choice([0.4, 0.5, 1.7, 2.3, 3.1])

    def shape(p):
        check_share(p)
        return max(0.0, 1 - p) ** power

    setting = (steps, peak, warmup, cooldown, 0.0 if tiny else peak * rng.uniform(0.1, 0.4), shape)
    want = [reference(step, *setting) / unit for step in which]
    mistakes = {
        said: [reference(step, *setting, wrong) / unit for step in which]
        for wrong, said in SAYS["learning_rate"].items()
    }
    mistakes = {said: rates for said, rates in mistakes.items() if not _equal(rates, want, 1e-3)}
    got = [call(learning_rate, step, *setting) for step in which]
    got = [rate / unit for rate in got] if tiny else got
    asked = f"learning_rate(step, {steps}, {peak:.3g}, {warmup}, {cooldown}, {setting[4]:.3g}, shape)"
    check(got, want, mistakes, f"steps {which} of {asked}" + (", times 10,000" if tiny else ""))


points, rng = Points(1), random.Random()
with points.part(0.5, "all steps of a run"):
    steps = rng.randint(12, 14)
    compare(range(steps + 2), steps, rng.randint(3, 4), rng.randint(5, 6))
with points.part(0.5, "the edges"):
    compare([0, 1, 5, 7, 9, 11], 10, 0, rng.randint(4, 5))
    compare([0, 2, 6, 9, 10, 12], 10, rng.randint(4, 5), 0)
    compare([0, 3, 4, 5, 9, 12], 12, 4, 8)
    compare([0, 2, 4, 5, 8, 9], 9, 3, 5, tiny=True)
    compare([0, 19_999, 20_000, 60_000, 99_999, 300_000], 100_000, 20_000, 50_000)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4: temperature and top-p (4 points)
#
# A server writes for many people at once, each with settings of their own. Turn the scores of B rows into
# the probabilities with which each row's next token is drawn. Row b has the temperature `temperature[b]`
# and the top-p `top_p[b]`.
#
# 1. **Temperature** (温度). The probabilities are the softmax of scores / temperature. Where a row's
#    temperature is 0, the token with the highest score gets probability 1; if several share it, the smallest
#    id wins. Then the other steps change nothing.
# 2. **Top-p** (核采样, nucleus sampling). Go through the row's tokens from the most to the least probable, by
#    the probabilities of step 1; among equally probable ones the smaller id comes first. Keep tokens
#    until their sum has reached `top_p`. The token that reaches it is kept, too; so at least one is kept.
#    All others get 0.
# 3. **Renormalise** (重新归一化). Divide by the sum of what was kept, so that the row sums to 1. Every
#    token stays at its place: column i of the result belongs to id i.
#
# **Rounding.** To keep two of three equally likely tokens, somebody writes 0.66667, a little more than 2/3.
# So a sum has reached `top_p` if it is at least `top_p` − 0.00001. (With `top_p` = 1, too, a tail that
# sums to 0.00001 or less therefore falls away.)
#
# `torch.sort(p, dim=-1, descending=True, stable=True)` returns the sorted values and the places where
# they stood. With `stable=True`, equal values keep their order.


# %% nbgrader={"grade": false, "grade_id": "sampling_probabilities", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sampling_probabilities(scores, temperature, top_p):
    """The probabilities of the next token, in each row by its own settings.

    scores: (B, V), finite, perhaps negative; temperature: (B,), 0 or more, perhaps 0.005;
    where it is not 0, score / temperature is between -500 and 500; top_p: (B,), 0.001 <= top_p <= 1.
    Returns (B, V), float32; each row sums to 1.
    """
    ### BEGIN SOLUTION
    cold = (temperature == 0)[:, None]
    p = (scores / temperature[:, None].masked_fill(cold, 1.0)).softmax(dim=-1)
    p = torch.where(cold, F.one_hot(scores.argmax(dim=-1), scores.shape[-1]), p)
    ordered, ids = p.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered
    kept = ordered * (before < top_p[:, None] - 1e-5)  # the sum before it has not reached top_p
    return torch.zeros_like(kept).scatter(-1, ids, kept / kept.sum(dim=-1, keepdim=True))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "sampling_probabilities_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# V = 4, three rows. Row 0: the scores are ln of (4, 16, 1, 9); divided by the temperature 2, ln of
# (2, 4, 1, 3), so (0.2, 0.4, 0.1, 0.3). From the top 0.4, 0.7, 0.9: with id 0 the sum reaches 0.82.
# Row 1: temperature 1, (13, 10, 16, 11)/50. From the top 16/50, 29/50: with id 0 the sum reaches 0.55.
# Row 2: temperature 0, so the highest score gets it all; ids 1 and 3 share it, and 1 is smaller.
scores = torch.tensor([[4.0, 16, 1, 9], [13, 10, 16, 11], [1, 5, 2, 5]]).log()
scores[2] -= 7  # scores may be negative
settings = torch.tensor([2.0, 1, 0]), torch.tensor([0.82, 0.55, 0.7])
hint = "a setting belongs to a row: temperature[:, None] is (B, 1)"
got = explained(hint, sampling_probabilities, scores, *settings)
want = torch.tensor([[2 / 9, 4 / 9, 0, 3 / 9], [13 / 29, 0, 16 / 29, 0], [0, 1, 0, 0]])
check(got, want, MISTAKES["sampling_probabilities"], "temperatures 2, 1, 0")
check_unchanged(sampling_probabilities, scores, *settings)

# V = 5. Row 0: temperature 0.02, where exp(score / 0.02) is infinite. Id 0 is ln 3 above id 2 then: 3/4 and
# 1/4. Row 1: three equal tokens, 1/3 each; two have reached 0.66667, up to rounding. Row 2: four equal ones.
scores = [[2 + 0.02 * math.log(3), 1, 2, 0, -1], [2, -90, 2, 2, -90], [-5, -5, -99, -5, -5]]
settings = torch.tensor([0.02, 1, 1]), torch.tensor([0.8, 0.66667, 0.4])
got = call(sampling_probabilities, torch.tensor(scores), *settings)
want = torch.tensor([[0.75, 0, 0.25, 0, 0], [0.5, 0, 0.5, 0, 0], [0.5, 0.5, 0, 0, 0]])
check(got, want, MISTAKES["sampling_probabilities, edges"], "temperature 0.02; equal tokens")
print("sampling_probabilities: right on these examples")

# %% nbgrader={"grade": true, "grade_id": "sampling_probabilities_hidden", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random scores and settings. 0.5 points each: temperatures below and above 1, with top_p 1,
# also where exp(score / temperature) is infinite; temperature 0 and a tiny top_p; equally probable tokens: at
# the top, after a likelier one, and in a vocabulary of 50; sums that reach top_p up to rounding. 1 point:
# temperature and top-p.
### BEGIN HIDDEN TESTS
import random


def probabilities(row, temperature):
    if temperature == 0:
        return torch.eye(len(row))[row.tolist().index(row.max().item())]
    return ((row - row.max()) / temperature).softmax(0)


def chosen(by, top_p, wrong=None):
    """The ids that are kept."""
    sign = 1 if wrong in ("ascending", "larger") else -1
    order = sorted(range(len(by)), key=lambda v: (sign * round(by[v].item(), 6), v))
    order = {"larger": order[::-1], "unsorted": list(range(len(by)))}.get(wrong, order)
    kept, total, short = [], 0.0, {"strict": -1e-7, "lax": 1e-3}.get(wrong, 1e-5)
    while not kept or (len(kept) < len(by) and (total < top_p - short or wrong == "no top-p")):
        kept.append(order[len(kept)])
        total += by[kept[-1]].item()
    if wrong == "equal":
        return [v for v in order if by[v] >= by[kept[-1]] - 1e-6]
    return {"dropped": kept[:-1] or kept, "more": order[: len(kept) + 1], "only": order[:1]}.get(wrong, kept)


def reference(scores, temperature, top_p, wrong=None):
    """The probabilities, or what comes out with one thing wrong, a key of SAYS["sampling_probabilities"]."""
    temperature, top_p = temperature.tolist(), top_p.tolist()
    temperature = temperature[:1] * len(scores) if wrong == "one temperature" else temperature
    top_p = top_p[:1] * len(scores) if wrong == "one top-p" else top_p
    rows = []
    for row, t, enough in zip(scores, temperature, top_p, strict=True):
        p = probabilities(row, t and {"hot": 1.0, "after": 1.0, "times": 1 / (t or 1)}.get(wrong, t))
        kept = chosen(probabilities(row, 1.0) if wrong == "first" and t else p, enough, wrong)
        result = torch.zeros_like(p)
        result[kept] = p[kept] if wrong == "partial" else p[kept] / p[kept].sum()
        result = result / t if wrong == "after" and t else result
        rows.append(result.sort(descending=True).values if wrong == "places" else result)
    return torch.stack(rows)


def compare(scores, temperature, top_p, caught, near=0.0):
    """False if these numbers do not tell those mistakes from the right result and each other.

    near: by how much top_p may change without changing the result, so that rounding does not decide.
    """
    given = scores, torch.tensor(temperature), torch.tensor(top_p)
    want = reference(*given)
    mistakes = told("sampling_probabilities", {wrong: reference(*given, wrong) for wrong in caught})
    results = [want, *mistakes.values()]
    if any(_equal(a, b, 1e-2) for i, a in enumerate(results) for b in results[:i]):
        return False
    if any(not _equal(reference(*given[:2], given[2] + shift), want, 1e-4) for shift in (-near, near)):
        return False
    settings = [", ".join(f"{number:.5g}" for number in numbers) for numbers in (temperature, top_p)]
    got = call(sampling_probabilities, *given)
    check(got, want, mistakes, f"temperature {settings[0]}, top_p {settings[1]}")
    return True


points, rng = Points(3), random.Random()
with points.part(0.5, "temperature"):
    caught = ["hot", "times", "after", "one temperature"]
    while not compare(fresh(3, 9), [0.5, 2.5, 1.6], [1.0, 1.0, 1.0], caught, near=1e-3):
        pass
    given = 2 + 0.003 * fresh(3, 100), torch.tensor([0.005, 0.007, 0.006]), torch.ones(3)
    got = call(sampling_probabilities, *given)
    mistakes = {"exp(400) is infinite; take softmax, which subtracts the highest first": given[0] * math.nan}
    check(got, reference(*given), mistakes, "temperatures around 0.006, top_p 1, 100 scores around 2")
with points.part(1, "temperature and top-p"):
    caught = ["times", "one temperature", "one top-p", "no top-p", "dropped", "more", "first", "partial"]
    caught += ["unsorted", "ascending", "places", "only"]
    while True:
        temperature = [rng.uniform(1.3, 1.8), rng.uniform(0.6, 0.8), rng.uniform(1.9, 2.4)]
        top_p = [rng.uniform(0.55, 0.85) for _ in range(3)]
        scores = 3 + 2 * fresh(3, 9)
        kept = reference(scores, torch.tensor(temperature), torch.tensor(top_p)) > 0
        if kept.sum(1).min() > 1 and compare(scores, temperature, top_p, caught, near=2e-3):
            break
with points.part(0.5, "temperature 0, tiny top_p"):
    scores = fresh(4, 9) - 9  # all of them negative
    scores[0, [7, 2, 5]] = -3.0
    scores[1, [8, 6]] = -3.0
    given = scores, torch.tensor([0.0, 0, 1.5, 0]), torch.tensor([1.0, 0.3, 1, 0.001])
    got = call(sampling_probabilities, *given)
    check(got, reference(*given), what="temperatures 0, 0, 1.5, 0, top_p 1, 0.3, 1, 0.001")
    check_unchanged(sampling_probabilities, *given)
    given = fresh(20, 9), torch.ones(20), torch.full((20,), 0.001)
    got = call(sampling_probabilities, *given)
    check(got, reference(*given), what="temperature 1, top_p 0.001")
with points.part(0.5, "equally probable tokens"):
    caught = ["equal", "larger", "dropped", "more", "no top-p", "partial"]
    for V, many, first in ((9, 5, 0), (9, 6, 1), (50, 12, 0)):  # `first` ids come before those that are equal
        scores = torch.full((2, V), -1.0)
        for row in scores:
            ids = rng.sample(range(V), many)
            row[ids], row[ids[:first]] = 3.0, 4.0
        assert compare(scores, [1.0, 1.0], [0.5, 0.6], caught, near=1e-3), (
            "these scores do not tell mistakes apart"
        )
with points.part(0.5, "sums that reach top_p up to rounding"):
    for V, many in ((6, 4), (11, 7), (20, 13)):  # V equal tokens among others; `many` of them reach top_p
        scores = torch.full((4, V + 9), -99.0)
        for row in scores:
            row[rng.sample(range(V + 9), V)] = 3.0
        top_p = [many / V + 4e-6, many / V - 4e-6, many / V - 1e-4, many / V + 1e-4]
        assert compare(scores, [1.0, 0.3, 1.0, 3.0], top_p, ["strict", "lax", "larger", "dropped"])
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5: writing with a cache (3 points)
#
# A model writes one token at a time, each time the one with the highest score: greedy decoding
# (贪心解码). Keys and values of earlier tokens do not change, so they are kept in a key-value cache
# (键值缓存), and each token goes through the model once. The model itself keeps nothing. You keep the
# cache. The model is a function:
#
#     scores, new = model(tokens, positions, past)
#
# - `tokens`, (T,), are the ids to compute now; `positions`, (T,), say where they stand in the whole
#   text, counted from 0. Both are `int64`. T is the number of tokens in this call: for instance the whole
#   prompt at first, 1 later.
# - `past` holds the keys and values of all S tokens before these: a list with a pair (keys, values) for
#   each layer, each (H, S, d); d is the width of a head. In the first call it is `None`.
# - `scores`, (T, V): row i scores the token after `tokens[i]`.
# - `new` is a list with a pair (keys, values) for each layer, of *these T tokens alone*, each (H, T, d).
#   The keys are rotated already, each by its position.
#
# Write `count` tokens after the prompt (提示). Return them, and the scores from which each was chosen. The
# highest score is never tied. Both must be the same as without a cache, where the whole text is read again
# for each token. With yours, each token goes through once, and the last one you choose not at all. The
# prompt may go through in one call or in several. After a prompt of four tokens, for instance, at the
# positions 0 to 3, the first token that you choose goes through alone, at position 4, and the cache holds
# four tokens then.


# %% nbgrader={"grade": false, "grade_id": "generate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def generate(model, prompt, count):
    """Write `count` tokens, greedily, with a key-value cache.

    model: a function, described above, with any number of layers; prompt: ids, (T,), one or more;
    count: an int, 1 or more.
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
# A toy with three layers, two heads, d = 6. A token's key is its position in layer 0, and 1 in the other two;
# its value is the token. The toy adds up key times value over all layers and all tokens so far: the sum of
# (position + 2) times token. To this sum it adds 1. The last digit of the result is the next token.
computed = []  # how many tokens each call computes


def toy(tokens, positions, past):
    check_given(tokens, positions, past, layers=3, heads=2, d=6)
    if past:
        check_not_swapped(*past[1])
    computed.append(len(tokens))
    ones = torch.ones(2, len(tokens), 6)
    keys, values = (numbers.view(1, -1, 1) * ones for numbers in (positions, tokens))
    new = [(keys, values), (ones, values), (ones, values)]
    before = sum((keys * values).mean((0, 2)).sum() for keys, values in past or [])
    total = before + sum((keys * values).mean((0, 2)).cumsum(0) for keys, values in new)
    return F.one_hot((total.round().long() + 1) % 10, 10).float(), new


# The prompt: 2 x 7 + 3 x 6 + 4 x 1 + 5 x 4 = 56, and 1: 57, so the next token is 7, at position 4.
# 6 x 7 more: 98, and 1: 99, so 9, at position 5. 7 x 9 more: 161, and 1: 162, so 2.
prompt, want = torch.tensor([7, 6, 1, 4]), torch.tensor([7, 9, 2])
hint = "the new keys stand behind the old ones along the axis of the tokens: torch.cat([old, new], dim=1)"
tokens, scores = unpack(explained(hint, generate, toy, prompt, 3), "tokens", "scores")
check(tokens, want, MISTAKES["the tokens"], "the tokens")
if isinstance(tokens, torch.Tensor) and tokens.dtype != torch.int64:
    raise CheckFailed(f"the tokens: their dtype is {tokens.dtype}; ids are int64")
check(scores, F.one_hot(want, 10).float(), MISTAKES["the scores"], "the scores")
# 4 tokens of the prompt and 2 of the 3 new ones go through the model: 6 in all.
check(sum(computed), 6, MISTAKES["how many tokens"], "how many tokens went through the model")
check_unchanged(generate, toy, prompt, 3)
print("generate: right on this example")


# %% nbgrader={"grade": true, "grade_id": "generate_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests with a Transformer (rotary positions, two heads, two to four layers) of random weights.
# 0.5 points: one new token. 1 point: several tokens, id 0 among those chosen, after a longer prompt and after
# one of a single token. 0.5 points: how many tokens go through the model, with a prompt of 33 tokens (and the
# result must be right).
### BEGIN HIDDEN TESTS
H, d, V = 2, 4, 13
D = H * d


def make_model(layers):
    """It computes in float64: the layers can make a rounding error of float32 large enough to count."""

    def draw(*shape):
        return fresh(*shape).double()

    size = 0.6
    table, head = draw(V, D), draw(V, D)
    qkv, out = [size * draw(3 * D, D) for _ in range(layers)], [size * draw(D, D) for _ in range(layers)]

    def turn(t, p):
        angle = p.double()[:, None] * 0.4 ** torch.arange(d // 2).double()
        a, b = t.chunk(2, -1)
        return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)

    def model(tokens, positions, past):
        check_given(tokens, positions, past, layers, H, d)
        computed.append(len(tokens))
        x, new = table[tokens], []
        for layer in range(layers):
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
    """What comes out with one thing wrong, a key of SAYS["generate"]."""
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
            "layer": [past and past[0]] * len(new),
            "last": [past and past[-1]] * len(new),
        }.get(wrong, past)
        row = scores[0] if wrong == "first" else scores[-1]
        rows.append(row)
        chosen.append(row.argmin() if wrong == "lowest" else row.argmax())
        text = torch.cat([text, chosen[-1][None]])
        tokens = text if wrong == "all" else text[-1:]
        at = len(text) - 1 + {"late": 1, "twice": 1, "early": -1}.get(wrong, 0)
        positions = (
            torch.arange(len(text)) if wrong == "all" else torch.tensor([0 if wrong == "restart" else at])
        )
    return {"tokens": torch.stack(chosen), "scores": torch.stack(rows)}


CAUGHT = ["restart", "late", "early", "overwritten", "prompt", "none", "first", "twice", "all", "layer"]
CAUGHT += ["last", "swapped", "lowest"]


def compare(T, count, layers):
    """How many tokens went through the model."""
    while True:  # where all tokens are the same, so are all values, and much that is wrong does not show;
        # id 0 is no sign to stop
        model, computed = make_model(layers)
        prompt = fresh(T, V).argmax(-1)
        want = expected(model, prompt, count)
        if count == 1 or len(want["tokens"].unique()) > 2 and 0 in want["tokens"][:-1]:
            break
    mistakes = told("generate", {wrong: mistaken(model, prompt, count, wrong) for wrong in CAUGHT})
    mistakes = {said: wrong for said, wrong in mistakes.items() if not _equal(wrong, want, 1e-3)}
    computed.clear()
    tokens, scores = unpack(call(generate, model, prompt, count), "tokens", "scores")
    check({"tokens": tokens, "scores": scores}, want, mistakes, "tokens and scores")
    return sum(computed)


points = Points(2)
with points.part(0.5, "one new token"):
    compare(6, 1, 2)
with points.part(1, "several tokens"):
    compare(5, 6, 4)
    compare(1, 5, 2)
with points.part(0.5, "how many tokens go through the model"):
    mistakes = told("generate", {"anew": sum(range(33, 38)), "one more": 38, "prompt twice": 70})
    check(compare(33, 5, 3), 33 + 5 - 1, mistakes, "how many tokens went through the model")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: a power law (3 points)
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
# and the line goes through (x̄, ȳ). Return three numbers: `a`; `b`, which is positive where the loss
# falls and negative where it rises; and `prediction`, the loss that the law gives for `larger`
# parameters, floor included.


# %% nbgrader={"grade": false, "grade_id": "fit_power_law", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fit_power_law(N, losses, larger, floor=0.0):
    """Fit loss = floor + a * N ** -b, and predict.

    N: a list of two or more different sizes, positive numbers in any order, perhaps in millions and below 1;
    losses: a list, losses[i] that of N[i], all above floor; larger: the size to predict for, in the same unit
    as N; floor: a float.
    Returns a, b, prediction: three floats.
    """
    ### BEGIN SOLUTION
    x = [math.log(n) for n in N]
    y = [math.log(loss - floor) for loss in losses]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    up = sum((one - mean_x) * (other - mean_y) for one, other in zip(x, y, strict=True))
    slope = up / sum((one - mean_x) ** 2 for one in x)
    a, b = math.exp(mean_y - slope * mean_x), -slope
    return a, b, floor + a * larger**-b
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "fit_power_law_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Sizes 16, 1, 4096, 256 (in millions). Take logarithms to base 2; natural ones are ln 2 times these:
# x = 4, 0, 12, 8 and y = 4, 2, -2, -4. The means are 6 and 0.
# Products: (-2)(4) + (-6)(2) + (6)(-2) + (2)(-4) = -40; squares: 4 + 36 + 36 + 4 = 80; slope -1/2.
# The line through (6, 0) with that slope is y = 3 - x/2: a = 8, b = 1/2. Size 65536: x = 16, y = -5.
N, losses = [16, 1, 4096, 256], [16, 4, 1 / 4, 1 / 16]
names = ("a", "b", "prediction")
got = unpack(call(fit_power_law, N, losses, 65536), *names)
check(got, (8.0, 0.5, 1 / 32), MISTAKES["losses that fall"], "a, b, prediction, losses that fall")

# Now the reciprocals, 1/loss: y = -4, -2, 2, 4, so slope 1/2 and a = 1/8. The loss rises: b = -1/2.
got = unpack(call(fit_power_law, N, [1 / loss for loss in losses], 65536), *names)
check(got, (1 / 8, -0.5, 32.0), MISTAKES["losses that rise"], "a, b, prediction, losses that rise")

# The first losses, two higher, with a floor of 2: a and b stay, the prediction is two higher.
given = N, [loss + 2 for loss in losses], 65536, 2.0
got = unpack(call(fit_power_law, *given), *names)
check(got, (8.0, 0.5, 2 + 1 / 32), MISTAKES["a floor of 2"], "a, b, prediction, a floor of 2")
check_unchanged(fit_power_law, *given)
print("fit_power_law: right on these examples")


# %% nbgrader={"grade": true, "grade_id": "fit_power_law_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random laws. 1 point: losses that do not quite follow the law, with a floor. 0.5 points each:
# losses that rise, exactly along the law; two or three models, N in millions, some below 1.
### BEGIN HIDDEN TESTS
import random


def fit(N, losses, larger, floor=0.0, wrong=None):
    """The right result, or what comes out with one thing wrong, a key of SAYS["fit_power_law"]."""
    less = 0.0 if wrong in ("no floor", "floor after", "only back") else floor
    fx = {"no logs": float, "ln loss": float, "mixed": math.log10, "base": math.log10}.get(wrong, math.log)
    fy = {"no logs": float, "ln N": float, "base": math.log10}.get(wrong, math.log)
    if wrong == "apart":
        N, losses = sorted(N), sorted(losses, reverse=True)
    pairs = [
        (fx(n), fy(loss - less) - (floor if wrong == "floor after" else 0))
        for n, loss in zip(N, losses, strict=True)
    ]
    x, y = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    if wrong in ("ends", "extremes"):
        ordered = sorted(pairs) if wrong == "extremes" else pairs
        (x, y), (x1, y1) = ordered[0], ordered[-1]
        slope = (y1 - y) / (x1 - x)
    elif wrong == "origin":
        slope, x, y = sum(p * q for p, q in pairs) / sum(p * p for p, _ in pairs), 0.0, 0.0
    else:
        xy = sum((p - x) * (q - y) for p, q in pairs)
        xx, yy = sum((p - x) ** 2 for p, _ in pairs), sum((q - y) ** 2 for _, q in pairs)
        slope = yy / xy if wrong == "turned" else xy / xx
    intercept, at = y - slope * x, max(N) if wrong == "largest" else larger
    prediction = intercept + slope * fx(at)
    prediction = prediction if wrong in ("no logs", "ln N") else math.exp(prediction)
    prediction += 0.0 if wrong in ("not back", "no floor") else floor
    if wrong == "straight":
        (n0, l0), (n1, l1) = sorted(zip(N, losses, strict=True))[-2:]
        prediction = l1 + (larger - n1) * (l1 - l0) / (n1 - n0)
    a = intercept if wrong in ("ln a", "no logs", "ln N") else math.exp(intercept)
    return a, slope if wrong == "sign" else -slope, prediction


def draw(noise, floor, rises, unit, count):
    b = rng.uniform(0.2, 0.4) * (-1 if rises else 1)
    a = rng.uniform(4, 8) * 1000**b
    N = [round(10 ** rng.uniform(i, i + 0.5)) for i in range(3, 3 + count)]
    off = [noise * rng.uniform(1, 1.5) * (-1) ** i for i in range(count)]  # above and below in turn
    models = [(n, floor + a * n**-b * math.exp(e)) for n, e in zip(N, off, strict=True)]
    rng.shuffle(models)
    given = ([n / unit for n, _ in models], [loss for _, loss in models], 10 * max(N) / unit)
    return given + ((floor,) if floor else ())


def compare(noise, floor, caught, rises=False, unit=1, count=6):
    """With numbers that tell these mistakes from the right result and from each other."""
    while True:
        given = draw(noise, floor, rises, unit, count)
        want = fit(*given)
        mistakes = told("fit_power_law", {wrong: fit(*given, wrong=wrong) for wrong in caught})
        met = [want, *mistakes.values()]
        if not any(_equal(one, other, 5e-3) for i, one in enumerate(met) for other in met[:i]):
            break
    got = unpack(call(fit_power_law, *given), "a", "b", "prediction")
    check(got, want, mistakes, f"a, b, prediction, of {count} models")


points, rng = Points(2), random.Random()
logs, lines = (
    ["no logs", "ln loss", "ln N", "mixed", "base", "origin"],
    ["ends", "extremes", "turned", "apart"],
)
floors = ["no floor", "floor after", "only back", "not back"]
with points.part(1, "losses that do not quite follow the law, with a floor"):
    compare(0.3, rng.uniform(1, 2), ["sign", "ln a", "straight", "largest", *logs, *lines, *floors])
with points.part(0.5, "losses that rise"):
    compare(0.0, 0.0, ["sign", "ln a", "largest", "apart", *logs], rises=True)
with points.part(0.5, "two or three models, N in millions"):
    compare(0.0, rng.uniform(1, 2), ["sign", "ln a", "largest", *logs, *floors], unit=1e6, count=2)
    compare(0.05, 0.0, ["sign", "ln a", "largest", *logs, *lines[:2]], unit=1e6, count=3)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7: in your own words (2 points, graded by hand)
#
# A model learns to write answers of 8 tokens. An answer is exact only if all 8 are right. Here is a
# training run, measured on 100 questions (the numbers are made up). The model's accuracy per token is the
# share of tokens it gets right when it is shown the correct tokens before each.
#
# | step | 500 | 1,000 | 2,000 | 4,000 | 8,000 | 16,000 | 32,000 |
# | --- | --- | --- | --- | --- | --- | --- | --- |
# | accuracy per token | 0.30 | 0.45 | 0.60 | 0.74 | 0.85 | 0.93 | 0.97 |
# | exact answers | 0.00 | 0.00 | 0.02 | 0.08 | 0.29 | 0.55 | 0.79 |
#
# "Up to step 1,000 the model has learned nothing", says a colleague. "Then the ability suddenly emerges
# (涌现)." Claims of this kind are found in [Wei et al. 2022](https://arxiv.org/abs/2206.07682), there over
# the size of the model; doubts in [Schaeffer et al. 2023](https://arxiv.org/abs/2304.15004). Answer in eight
# to twelve sentences:
#
# - Which share of exact answers do you expect from the accuracy per token, if the errors of the 8 tokens
#   are independent? Compute it for two of the steps and compare.
# - So what does the late rise in the second row show, and what does it not show? What is wrong about
#   "learned nothing"?
# - What would you measure and plot to decide whether something sudden happens? Name the axes, and say
#   how many runs and questions you would take. (How many hits do you expect among 100 questions at step
#   1,000?)
# - Which result would convince you that the colleague is right after all?
#
# Half a point each.

# %% [markdown] nbgrader={"grade": true, "grade_id": "in_your_words", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# **Model answer.** With independent errors an answer is exact with probability p⁸. That is 0.45⁸ = 0.0017
# at step 1,000, where 0.00 was measured, and 0.85⁸ = 0.27 at step 8,000, where it was 0.29: about the same.
# So the second row shows what the eighth power makes of a smooth rise: it stays near 0 for long and then
# climbs. The late rise does not show that anything sudden happens inside the model; the measure makes it.
# Nor has the model learned nothing up to step 1,000: its accuracy per token has risen from 0.30 to 0.45.
# Exact answers on 100 questions cannot show that: at step 1,000 I expect 0.17 hits among 100, so most runs
# read 0. To decide, I plot measures that count each token, the accuracy per token and the loss on the
# answer's tokens, against the step on a logarithmic axis, at closely spaced steps, for five seeds. I take
# 10,000 questions, for then I expect 17 exact answers at step 1,000. Beside them I plot the exact answers
# for lengths 1, 2, 4 and 8, with p to the power of the length: if the late rise comes from the measure, it
# must come sooner and be less steep as the answers get shorter. The colleague would be right if accuracy
# per token or loss itself stayed flat and then changed within a few steps, in all seeds, or if exact
# answers rose far from the power of the accuracy.
#
# **Rubric.** Half a point for each of:
#
# 1. p⁸, computed for two steps, with the remark that it agrees roughly (0.00, 0.00, 0.02, 0.09, 0.27, 0.56,
#    0.78).
# 2. The late rise comes from the measure, all or nothing over 8 tokens, on top of a smooth rise; and the
#    accuracy per token rises from the first measurement on, so something was learned by step 1,000.
# 3. A measure that counts each token (accuracy per token, or loss of the answer), against steps (or
#    their logarithm), with more than one seed and far more questions (of 100, only 0.17 hits are expected at
#    step 1,000). The length of the answer as a second axis is as good as the seeds.
# 4. A result that would speak for the colleague: a sudden change in the smooth measure itself, at the
#    same place in several runs, or exact answers that p⁸ does not explain.
#
# Nothing for "emergence is a myth" or "the model suddenly understood" without a look at the first row.
# That errors need not be independent is right; no extra points. So is the remark that exact answers may
# be what a user cares about, so that the late rise is real for the user.
