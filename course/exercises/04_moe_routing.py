# ---
# jupyter:
#   course:
#     title: "Assignment 4: Mixture-of-experts routing"
# ---

# %% [markdown]
# # Assignment 4: mixture-of-experts routing
#
# The lesson built one mixture of experts (混合专家, MoE) and trained it. Here you write the parts that models
# do in several ways. You make gates of four kinds. You send tokens to experts that may be full.
# You correct an uneven load by a loss and by a bias, you fill buffers by priority, and you count parameters.
# Then you judge a claim in your own words. Seven tasks, 20 points, 60 to 90 minutes.
#
# **How to work.** Replace each `raise NotImplementedError()` by your code; keep the function's name and
# arguments. Run the test cell under it: where something is wrong, it says what it found. In each coding
# task this visible test cell is worth 1 point. The grader also runs hidden tests, on other numbers. The
# comment under the visible cell says what they check and what each is worth. Press **Validate** before
# you hand in: it runs everything afresh, as the grader will (no such button? Restart the kernel and run
# all cells). Add cells where you like, and leave the given ones in place.
#
# **In every task.** No task needs your answer to another one. Tensors are `float32`, indices `int64`,
# unless the task says otherwise. A function leaves its arguments as they are. Any way of computing the
# right result is right; PyTorch's own functions are allowed. Define helper functions inside the function
# that uses them. The tests define names of their own (`call`, `check`, `expected`, …), which would replace
# yours.
# Use Python, torch and NumPy: the grader has no pandas, SciPy or scikit-learn. If you want NumPy, import
# it yourself.
#
# **Notation.** N tokens (词元), all texts of a batch one after another; D width; E experts (专家), numbered
# from 0; k of them chosen for each token; h the inner width of an expert. Shapes are written (N, E). A
# score is what the router (路由器) gives a token for an expert.

# %% reuse="cells/checks:checks" nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false}

# %% fold="What the checks compare with: no need to read it" nbgrader={"grade": false, "grade_id": "mistakes", "locked": true, "schema_version": 3, "solution": false, "task": false}
SAYS = {}  # task -> {a mistake: what is said of it}
MISTAKES = {}  # what is checked by hand -> {what is said: the result that this mistake gives there}


def told(task, results):
    """The results of mistakes, each under what is said of it."""
    return {SAYS[task][mistake]: result for mistake, result in results.items()}


def listed(task, shape, text):
    """The same from lines "mistake: numbers", as tensors of that shape."""
    lines = [line.split(": ") for line in text.strip().splitlines()]
    results = {mistake: [float(number) for number in numbers.split()] for mistake, numbers in lines}
    return told(task, {mistake: torch.tensor(numbers).view(shape) for mistake, numbers in results.items()})


def explained(hint, function, *arguments):
    """The result of a call; where the library stops it, its message with a hint to it."""
    try:
        return call(function, *arguments)
    except (RuntimeError, IndexError) as error:
        if isinstance(error, NotImplementedError):
            raise
        raise CheckFailed(f"{function.__name__} stops: {error} ({hint})") from error


def check_int64(got, what):
    if "int64" not in str(got.dtype):
        raise CheckFailed(f"{what}: {got.dtype} is no index; make it int64")


def noting(function, sizes):
    """The same function of tokens (n, D); it notes the n of each call in a new list in `sizes`."""
    calls = []
    sizes.append(calls)

    def noted(tokens):
        if tokens.dim() != 2:
            raise CheckFailed(
                f"an expert gets a tensor of shape {tuple(tokens.shape)}; it takes (n, D), also for a "
                "single token: .squeeze() and x[n] take that axis away"
            )
        calls.append(len(tokens))
        return function(tokens)

    return noted


def check_keys(counts, wanted):
    if not isinstance(counts, dict):
        raise CheckFailed(f"count_parameters must return a dictionary; it returns a {type(counts).__name__}")
    lacking = [part for part in wanted if part not in counts]
    if lacking:
        raise CheckFailed(f"count_parameters must return a dictionary; it lacks the keys {lacking}")


SAYS["top_k_gates"] = {
    "larger": "among equal scores the smaller index comes first; torch.topk and sorts that are not stable do "
    "not see to it",
    "flipped": "among equal scores the smaller index comes first; to turn a stable sort round turns them, too",
    "gates": "these are the gates; return chosen first, then gates",
    "lowest": "these are the experts with the lowest scores",
    "ascending": "each row is in the order of the indices; the highest score comes first",
    "reversed": "each row goes from low to high; the highest score comes first",
    "ranks": "these are the ranks of the first k experts; argsort once gives the indices",
    "underflow": "they are chosen by probability, where both are 0; choose by the scores",
    "close": "two scores that differ by a little are taken for equal; compare them as they are",
    "own": 'the gates of each token sum to 1; with kind "before", leave the probabilities as they are',
    "not": "the gates of a token sum to less than 1; with this kind, the k of them share the whole",
    "tokens": "the softmax runs over the tokens; it must run over the experts, the last axis",
    "over tokens": "they are divided by the sum over the tokens; each token has its own",
    "all tokens": "they are divided by the sum over all tokens; each token has its own",
    "first": "they belong to the first k experts; column j belongs to the expert in column j of chosen",
    "scores": "they are the scores; take the softmax, or the sigmoid, of them",
    "equal": "all gates are 1/k; they must follow the router",
    "double": "they come from two softmaxes, one of the other's probabilities; the softmax takes the scores",
    "zeros": "the scores that were not chosen became 0, and exp(0) = 1 counts",
    "softmax": 'they come from a softmax; with kind "sigmoid", each score has its sigmoid',
    "bare": "the sigmoids are not divided by their sum over the chosen experts",
    "over E": "the sigmoids are divided by their sum over all E; the sum runs over the chosen experts",
    "softmax of sigmoids": "they are a softmax of the sigmoids; divide these by their sum",
}
SAYS["mixture"] = {
    "new": "the chosen experts add nothing: index_add returns a new tensor; keep it, y = y.index_add(...)",
    "no gates": "the gates are not used",
    "mean": "the results of the chosen experts are averaged; add them",
    "input": "what goes in is multiplied by the gate; multiply what comes out",
    "experts overwrite": "each expert overwrites the results of those before it; add them",
    "columns overwrite": "each column of chosen overwrites the one before; add them",
    "first": "only the first expert of each token counts",
    "residual": "x itself is added, as by a residual connection; return the mixture alone",
    "renormalised": "the gates are divided by their sum; take them as they are",
    "kept": "the gates that are left are divided by their sum; a dropped choice is lost",
    "turned": "the gates of a token have changed places: column j of gates belongs to column j of chosen",
    "unsorted gates": "the results were sorted by expert, the gates were not: sort both",
    "softmax": "the gates are softmaxed once more; take them as they are",
    "positive": "gates below 0 are left out; take them as they are",
    "absolute": "gates below 0 lose their sign; take them as they are",
    "last": "a choice of -1 goes to the last expert, as experts[-1] in Python; it goes to none",
    "whole": "one dropped choice drops the whole token; its other choices stay",
    "no shared": "the shared experts are missing",
    "each": "what a shared expert returns is added for each choice; add it once",
    "gated": "what a shared expert returns is multiplied by gates; it has none",
    "one by one": "an expert is called once for each of its tokens; stack them",
    "columns": "an expert is called once for each column of chosen; look for its tokens in all columns at once",
    "columns, empty": "an expert is called once for each column of chosen, even with no token",
    "unused": "experts 2 and 4 are called with no token; leave out the experts that nobody chose",
    "all": "every expert computes all tokens; give it only those that chose it",
    "used": "a chosen expert computes all tokens; give it only those that chose it",
    "several": "an expert is called several times; look for its tokens in all columns at once",
}
SAYS["balance_loss"] = {
    "padding": "padding counts; leave out the tokens where `counted` is False, in f and in P",
    "padding in f": "the choices of padding count in f",
    "padding in P": "the probabilities of padding count in P",
    "cut": "what counts is divided by all N tokens; divide by the number of tokens that count",
    "turned": "`counted` works the wrong way round: only padding counts",
    "alike": "every machine weighs the same, as if all held as many experts; machine m weighs E/E_m",
    "E": "every machine weighs E; machine m weighs E/E_m",
    "heavy": "E_m stands on the wrong side: a machine with many experts weighs less, E/E_m",
    "experts": "it is the loss over the experts; add up each machine's experts first",
    "mean": "P_m is the mean over the machine's experts; take their sum",
    "P twice": "it has P twice, from probabilities alone; f must be counted in chosen",
    "f twice": "it has f twice, from counts alone; P comes from the probabilities",
    "by N": "f sums to k, so the result is k times too large: divide by the number of choices",
    "no E": "the factor E is missing; or was it a mean, where a sum is asked?",
    "first": "only each token's first expert is counted; all k choices are",
    "last": "only each token's last expert is counted; all k choices are",
    "argmax": "the most probable experts are counted; count those in chosen",
    "topk": "the k most probable experts are counted; count those in chosen",
    "once": "a token counts once for a machine, even with two experts there; each choice counts",
    "where chosen": "a probability counts only where the token chose the expert; P takes in all of them",
    "P summed": "P is the sum over the tokens; take the mean",
    "counts": "the counts are not divided by the number of choices",
    "nothing": "neither counts nor probabilities are divided by how many there are",
    "softmax": "there is a softmax too many: p holds probabilities already",
    "sign": "the sign is wrong: an uneven load must give more",
    "2": "the counts are divided by twice the tokens although k is 1 here; k is chosen.shape[1]",
}
SAYS["bias_step"] = {
    "no bias": "the bias is not used; choose by s + bias",
    "minus": "the bias is subtracted; choose by s + bias",
    "times": "s is multiplied by the bias; add it",
    "lowest": "these are the experts with the lowest sums",
    "ascending": "each row is in the order of the indices; the highest sum comes first",
    "shares": "they are chosen by s divided by its sum, plus bias; add the bias to s itself",
    "softmax first": "they are chosen by a softmax of s, plus bias; add the bias to s itself",
    "leak": "the bias leaks into the gates: they are made of s + bias; take s alone, as it was given",
    "sums": "the gates are the sums s + bias; take s alone, divided by its sum",
    "leak softmax": "the gates are the softmax of s + bias; take s alone, divided by its sum",
    "leak below": "s is divided by the sum of s + bias, so the bias leaks into the gates; divide by that of s",
    "not": "they are not divided by their sum, for each token",
    "softmax": "they are a softmax of s; divide s by its sum over the chosen experts",
    "over E": "they are divided by the sum over all E; the sum runs over the chosen experts",
    "own": "they are those of the k largest s; take s at the chosen experts",
    "all tokens": "they are divided by the sum over all tokens; each token has its own",
    "always 1": "with k = 1 the gate is s itself: divided by its own sum it would always be 1",
    "sign": "the sign is wrong: an expert with too many choices must become less attractive",
    "gap": "the step is proportional to the gap; take its sign",
    "relative": "the step is proportional to the gap, relative to the mean load; take its sign",
    "share": "the step is proportional to the gap, as a share of all choices; take its sign",
    "N/E": "the mean load is N·k/E, not N/E",
    "2N/E": "the mean load is N·k/E, not 2N/E",
    "shares of choices": "the loads are shares, the mean load is a number of choices; take the same for both",
    "never 0": "an expert with exactly the mean load keeps its bias",
    "never 0, up": "an expert with exactly the mean load keeps its bias; it does not rise",
    "no slack": "small differences move the bias, too: `slack` is a share of the mean load, not a number of choices",
    "slack turned": "only loads near the mean change their bias; it is the others that do",
    "slack above": "`slack` holds for loads above the mean only; it holds below, too",
    "slack below": "`slack` holds for loads below the mean only; it holds above, too",
    "first": "only each token's first expert is counted; all k choices are",
    "without": "the load is that of choices without the bias; count in chosen",
    "gate mass": "the load is a sum of gates; count in chosen",
    "change": "it is the change alone; add it to the bias",
    "centred": "the mean of the biases is subtracted; leave it",
    "no rate": "rate is missing",
    "only down": "only biases of experts with too many choices change; those with too few rise",
    "only up": "only biases of experts with too few choices change; those with too many fall",
    "old": "it is the old bias",
}
SAYS["buffer_places"] = {
    "columns": "gates have no effect: all first choices come before any second one, as in the lesson",
    "tokens": "gates have no effect: it goes token by token",
    "column first": "all first choices come before any second one; it is the gate alone that decides",
    "lowest": "the lowest gates come first; the highest does",
    "best": "a token's highest gate decides for all of its choices; each choice has its own gate",
    "larger": "of equal gates the larger token index comes first; the smaller one does",
    "sorted": "the places stand in the order of the gates; put them back to the choices that they belong to",
    "permuted": "they are put back by order itself; its inverse is needed: places[order] = ..., or order.argsort()",
    "one more": "an expert keeps one too many: the places are 0 to capacity - 1",
    "one less": "an expert keeps one too few: the places are 0 to capacity - 1",
    "floor": "an expert keeps one too few: the capacity is rounded up",
    "three": "an expert keeps 3, the capacity is 4: N·k/E stays a fraction, and the end is rounded up",
    "five": "an expert keeps 5, the capacity is 4: the factor is not used, or it is one place too many",
    "no k": "all N·k choices share the buffers, so k stands in the capacity",
    "no factor": "the factor is not used",
    "capped": "a factor above 1 is taken for 1",
    "used": "E is the number of all experts, also of those that nobody chose",
    "no limit": "nothing is dropped; an expert has `capacity` places",
    "from 1": "places count from 1; they start at 0",
    "zero": "a dropped choice has 0, which is a place; it has -1",
    "capacity": "a dropped choice has the capacity; it has -1",
    "mask": "it is 1 where a choice is kept and 0 where not; return its place, or -1",
    "any expert": "a place counts all choices before; count those of the same expert",
    "separate": "the columns count separately; an expert has one buffer for all columns",
    "whole": "one dropped choice drops the whole token; its other choices stay",
}
SAYS["count_parameters"] = {
    "no grouping": "keys and values have kv_heads heads, not H",
    "square": "it is four matrices (D, D); H heads of size d have H·d features, those of the keys kv_heads·d",
    "D for H·d": "it takes D for H·d; H heads of size d have H·d features",
    "D/H for d": "the size of a head is d, not D/H",
    "no output": "the matrix from H·d back to D is missing",
    "one for both": "keys and values have a matrix each",
    "one layer": "it counts one layer",
    "not in dense": "the first `dense_layers` layers have attention, too",
    "two": "a gated layer has three matrices, two up and one back",
    "h for dense": "the inner width of a dense layer is dense_h, not h",
    "all dense": "only the first `dense_layers` layers are dense",
    "others dense": "only the first `dense_layers` layers are dense; these are the others",
    "one dense": "it counts one dense layer; there are `dense_layers`",
    "missing": "this part is missing",
    "router everywhere": "the first `dense_layers` layers have no router",
    "router of k": "the router scores all E experts, not k",
    "router without D": "a router has D numbers for each expert",
    "router for shared": "the shared experts need no router: every token goes through them",
    "dense_h for h": "the inner width of an expert, shared or not, is h, not dense_h",
    "experts everywhere": "the first `dense_layers` layers have no experts",
    "k held": "it counts k experts; all E are held",
    "one a layer": "it counts one expert a layer; there are more",
    "with shared": "the shared experts have a part of their own",
    "shared everywhere": "the first `dense_layers` layers have no shared experts",
    "total of active": "it counts k experts; the total holds all E",
    "total, one end": "embedding or head is left out; the total holds both",
    "total, no ends": "embedding and head are left out; the total holds them",
    "total, attention": "attention is left out; the total holds it",
    "total, shared": "the shared experts are left out; the total holds them",
    "total twice": "it adds the total itself, too",
    "is total": "it is the total; a token leaves out the experts that it did not choose",
    "no attention": "attention is left out, which every token uses",
    "no ends": "embedding and head are left out; by custom they count in full",
    "one end": "embedding or head is left out; by custom both count in full",
    "row": "it counts one row of the embedding; by custom the embedding counts in full",
    "neither": "attention, embedding and head are left out; they count in full",
    "no shared": "the shared experts are left out, or taken for some of the k; they come on top of these",
    "no dense": "the dense layers are left out; every token uses them",
    "no router": "the router is left out; every token uses all of it",
    "k of router": "the router counts in full: it scores all E experts, to choose k",
    "k/E": "everything is multiplied by k/E; only the experts are",
    "chosen alone": "these are the chosen experts alone; attention, embedding and the rest are used, too",
    "experts alone": "these are the experts alone; attention, embedding and the rest are used, too",
    "none chosen": "the chosen experts are left out",
    "chosen once": "the chosen experts of one layer are counted; each layer but the dense ones has k",
    "chosen everywhere": "the first `dense_layers` layers have no experts: none is chosen there",
}

MISTAKES["chosen of Task 1"] = listed(
    "top_k_gates",
    (3, 2),
    """
flipped: 1 3 3 2 1 4
larger: 1 3 2 3 1 4
lowest: 2 0 1 4 2 3
ascending: 1 3 0 2 0 1
reversed: 3 1 2 0 0 1
ranks: 3 0 0 3 1 0
gates: 0.4 0.3 0.3 0.3 0.4 0.2
""",
)
MISTAKES["gates, before"] = listed(
    "top_k_gates",
    (3, 2),
    """
own: 0.57143 0.42857 0.5 0.5 0.66667 0.33333
tokens: 0.47059 0.42857 0.5 0.66667 0.47059 0.33333
over tokens: 0.36364 0.375 0.27273 0.375 0.36364 0.25
first: 0.1 0.4 0.3 0.05 0.2 0.4
scores: 1.3863 1.0986 1.0986 1.0986 1.3863 0.69315
equal: 0.5 0.5 0.5 0.5 0.5 0.5
double: 0.52498 0.47502 0.5 0.5 0.54983 0.45017
zeros: 0.4 0.3 0.33333 0.33333 0.44444 0.22222
""",
)
MISTAKES["gates, renormalised"] = listed(
    "top_k_gates",
    (3, 2),
    """
not: 0.4 0.3 0.3 0.3 0.4 0.2
tokens: 0.52336 0.47664 0.42857 0.57143 0.58537 0.41463
over tokens: 0.36364 0.375 0.27273 0.375 0.36364 0.25
all tokens: 0.21053 0.15789 0.15789 0.15789 0.21053 0.10526
first: 0.2 0.8 0.85714 0.14286 0.33333 0.66667
scores: 1.3863 1.0986 1.0986 1.0986 1.3863 0.69315
equal: 0.5 0.5 0.5 0.5 0.5 0.5
double: 0.52498 0.47502 0.5 0.5 0.54983 0.45017
""",
)
# The two kinds agree, and so do mistakes in them, but for this one.
MISTAKES["gates, after"] = MISTAKES["gates, renormalised"] | listed(
    "top_k_gates", (3, 2), "zeros: 0.4 0.3 0.33333 0.33333 0.44444 0.22222"
)
MISTAKES["gates, sigmoid"] = listed(
    "top_k_gates",
    (3, 2),
    """
softmax: 0.57143 0.42857 0.5 0.5 0.66667 0.33333
bare: 0.8 0.75 0.75 0.75 0.8 0.66667
over E: 0.26816 0.2514 0.25714 0.25714 0.25532 0.21277
softmax of sigmoids: 0.5125 0.4875 0.5 0.5 0.53328 0.46672
over tokens: 0.34043 0.34615 0.31915 0.34615 0.34043 0.30769
all tokens: 0.17712 0.16605 0.16605 0.16605 0.17712 0.1476
first: 0.38462 0.61538 0.69231 0.30769 0.45455 0.54545
equal: 0.5 0.5 0.5 0.5 0.5 0.5
""",
)
MISTAKES["mixture"] = listed(
    "mixture",
    (4, 3),
    """
new: 3 6 0 9 3 6 6 12 3 15 9 3
no gates: 14 50 0 9009 1003 4006 4046 16172 1013 290 108 14
mean: 5.625 16.5 0 4509 503 2006 1011 4032 254.25 52.5 22.5 4.5
input: 5.5625 16.25 0 9009 1003 4006 1008.5 4022 253.62 50 21.6 4.4
experts overwrite: 8 26 0 9009 1003 4006 2006 8012 503 65 27 5
columns overwrite: 3.25 7 0 9009 1003 4006 2006 8012 503 65 27 5
first: 8 26 0 9009 1003 4006 16 52 5.5 40 18 4
residual: 9.25 29 0 9012 1004 4008 2018 8056 506.5 95 39 7
gated: 7.5 25.5 0 9013.5 1004.5 4009 2014.5 8049 504.75 93 37.8 6.6
renormalised: 10 34 0 6009 669.67 2672.7 2686 10732 673 77.5 31.5 5.5
kept: 10 34 0 9009 1003 4006 2686 10732 673 77.5 31.5 5.5
turned: 6 18 0 4509 503 2006 1026 4092 258 270 100.8 13.2
unsorted gates: 8.25 27 0 9009 1003 4006 816 3252 205.5 165 63 9
softmax: 9.0596 30.238 0 5611.1 625.46 2495.8 2272.2 9076.9 569.55 109.76 43.112 6.7902
last: 8.25 27 0 54009 6003 24006 2016 8052 505.5 90 36 6
whole: 8.25 27 0 9 3 6 2016 8052 505.5 90 36 6
no shared: 5.25 21 0 9000 1000 4000 2010 8040 502.5 75 27 3
each: 11.25 33 0 9018 1006 4012 2022 8064 508.5 105 45 9
""",
)
MISTAKES["calls"] = told(
    "mixture",
    {
        "one by one": [[1, 1], [1, 1, 1], [], [1, 1], [], [4]],
        "columns": [[1, 1], [2, 1], [], [1, 1], [], [4]],
        "columns, empty": [[1, 1], [2, 1], [0, 0], [1, 1], [0, 0], [4]],
        "unused": [[2], [3], [0], [2], [0], [4]],
        "all": [[4]] * 6,
        "used": [[4], [4], [], [4], [], [4]],
    },
)
MISTAKES["balance_loss"] = listed(
    "balance_loss",
    (),
    """
padding: 0.964
padding in f: 0.955
padding in P: 0.9125
cut: 0.554
turned: 0.6
alike: 1.1156
E: 2.2313
heavy: 0.99375
experts: 0.9375
mean: 0.34948
P twice: 1.0906
f twice: 1.2031
by N: 1.7313
no E: 0.14427
first: 0.8875
last: 0.84375
argmax: 1.225
topk: 1.1844
once: 0.875
where chosen: 0.3875
P summed: 3.4625
counts: 6.925
nothing: 27.7
softmax: 0.97571
sign: -0.86563
""",
)
MISTAKES["chosen of Task 4"] = listed(
    "bias_step",
    (6, 2),
    """
no bias: 2 0 0 3 0 3 1 3 2 3 0 3
minus: 0 2 0 3 0 3 3 1 0 3 0 3
times: 2 1 2 1 2 1 1 2 2 1 2 1
lowest: 3 1 1 3 1 3 0 2 0 3 1 3
ascending: 0 2 0 2 0 2 1 3 1 2 0 2
shares: 2 1 2 3 2 1 1 2 2 1 2 3
softmax first: 2 1 2 1 2 1 2 1 2 1 2 1
""",
)
MISTAKES["gates of Task 4"] = listed(
    "bias_step",
    (6, 2),
    """
leak: 0.69697 0.30303 0.52 0.48 0.57895 0.42105 0.55758 0.44242 0.59055 0.40945 0.55556 0.44444
sums: 1.15 0.5 0.65 0.6 0.55 0.4 0.92 0.73 0.75 0.52 0.75 0.6
leak softmax: 0.65701 0.34299 0.5125 0.4875 0.53743 0.46257 0.54736 0.45264 0.55725 0.44275 0.53743 0.46257
leak below: 0.54545 0.42424 0.32 0.64 0.31579 0.63158 0.48485 0.48485 0.3937 0.31496 0.37037 0.59259
not: 0.9 0.7 0.4 0.8 0.3 0.6 0.8 0.8 0.5 0.4 0.5 0.8
softmax: 0.54983 0.45017 0.40131 0.59869 0.42556 0.57444 0.5 0.5 0.52498 0.47502 0.42556 0.57444
over E: 0.42857 0.33333 0.21053 0.42105 0.2 0.4 0.4 0.4 0.26316 0.21053 0.25 0.4
own: 0.5625 0.4375 0.57143 0.42857 0.6 0.4 0.5 0.5 0.5 0.5 0.57143 0.42857
all tokens: 0.12 0.093333 0.053333 0.10667 0.04 0.08 0.10667 0.10667 0.066667 0.053333 0.066667 0.10667
""",
)
MISTAKES["new_bias"] = listed(
    "bias_step",
    (4,),
    """
old: -0.2 0.12 0.25 -0.07
sign: -0.2 0.12 0.35 -0.17
gap: -0.2 0.12 0.05 0.13
relative: -0.2 0.12 0.18333 -0.0033333
share: -0.2 0.12 0.23333 -0.053333
N/E: -0.3 0.12 0.15 -0.07
no slack: -0.3 0.22 0.15 0.03
slack turned: -0.3 0.22 0.25 -0.07
slack above: -0.2 0.22 0.15 0.03
slack below: -0.3 0.12 0.15 0.03
first: -0.1 0.12 0.15 0.03
without: -0.2 0.22 0.25 -0.17
gate mass: -0.3 0.12 0.25 0.03
change: 0 0 -0.1 0.1
centred: -0.225 0.095 0.125 0.005
no rate: -0.2 0.12 -0.75 0.93
only down: -0.2 0.12 0.15 -0.07
only up: -0.2 0.12 0.25 0.03
shares of choices: -0.1 0.22 0.35 0.03
""",
)
MISTAKES["buffer_places"] = listed(
    "buffer_places",
    (7, 2),
    """
three: 0 -1 0 -1 0 2 1 -1 2 1 2 -1 1 -1
five: 0 -1 0 4 0 2 1 3 2 1 2 3 1 4
columns: 0 3 0 -1 0 2 1 2 2 3 1 -1 1 -1
tokens: 0 0 0 1 2 1 3 1 -1 2 3 -1 2 -1
column first: 0 -1 0 -1 0 2 1 3 2 2 1 3 1 -1
lowest: 2 0 -1 1 -1 0 -1 0 2 2 3 3 1 1
best: 0 0 0 2 1 1 3 1 -1 3 -1 -1 2 2
larger: 0 -1 0 -1 0 2 1 -1 3 2 1 2 1 3
sorted: 0 0 0 1 1 2 1 2 3 3 -1 -1 -1 2
permuted: 0 1 0 1 -1 3 3 -1 -1 2 2 1 0 2
no k: 0 -1 0 -1 0 -1 1 -1 -1 1 -1 -1 1 -1
no limit: 0 5 0 4 0 2 1 3 2 1 2 3 1 4
from 1: 1 -1 1 -1 1 3 2 4 3 2 3 4 2 -1
zero: 0 0 0 0 0 2 1 3 2 1 2 3 1 0
capacity: 0 4 0 4 0 2 1 3 2 1 2 3 1 4
mask: 1 0 1 0 1 1 1 1 1 1 1 1 1 0
any expert: 0 -1 2 -1 1 -1 3 -1 -1 -1 -1 -1 -1 -1
separate: 0 2 0 1 0 0 1 1 2 0 1 0 1 2
whole: -1 -1 -1 -1 0 2 1 3 2 1 2 3 -1 -1
""",
)
MISTAKES["equal gates"] = told(
    "buffer_places",
    {
        "larger": torch.tensor([[-1]] * 35 + [[4], [3], [2], [1], [0]]),
        "one more": torch.tensor([[0], [1], [2], [3], [4], [5]] + [[-1]] * 34),
    },
)
MISTAKES["parameters"] = {
    "attention": told(
        "count_parameters",
        {
            "no grouping": 1536,
            "square": 512,
            "D for H·d": 640,
            "D/H for d": 384,
            "one layer": 144,
            "not in dense": 720,
            "no output": 768,
            "one for both": 960,
        },
    ),
    "dense": told(
        "count_parameters",
        {
            "two": 264,
            "h for dense": 252,
            "all dense": 1056,
            "others dense": 660,
            "one dense": 132,
            "missing": 0,
        },
    ),
    "router": told(
        "count_parameters",
        {
            "router everywhere": 384,
            "one layer": 48,
            "router of k": 100,
            "router without D": 60,
            "router for shared": 280,
            "missing": 0,
        },
    ),
    "experts": told(
        "count_parameters",
        {
            "two": 3360,
            "dense_h for h": 7920,
            "experts everywhere": 8064,
            "k held": 2100,
            "one layer": 1008,
            "with shared": 5880,
            "one a layer": 420,
        },
    ),
    "shared": told(
        "count_parameters",
        {
            "two": 560,
            "one a layer": 420,
            "one layer": 168,
            "shared everywhere": 1344,
            "dense_h for h": 1320,
            "missing": 0,
        },
    ),
    "total": told(
        "count_parameters",
        {
            "total of active": 4832,
            "total, one end": 7720,
            "total, no ends": 7668,
            "total, attention": 6620,
            "total, shared": 6932,
            "total twice": 15544,
        },
    ),
    "active": told(
        "count_parameters",
        {
            "is total": 7772,
            "no attention": 3680,
            "no ends": 4728,
            "one end": 4780,
            "row": 4784,
            "neither": 3576,
            "no shared": 3992,
            "no dense": 4436,
            "no router": 4592,
            "k of router": 4692,
            "k/E": 3238,
            "chosen alone": 2100,
            "experts alone": 2940,
            "none chosen": 2732,
            "chosen once": 3152,
            "chosen everywhere": 6092,
        },
    ),
}


# %% nbgrader={"grade": false, "grade_id": "imports", "locked": true, "schema_version": 3, "solution": false, "task": false}
import math

import torch
import torch.nn.functional as F

torch.set_num_threads(1)  # tensors as small as these gain nothing from a second thread


# %% [markdown]
# ## Task 1: the k experts of a token, and gates of four kinds (3 points)
#
# From the router's scores, make two tensors (N, k):
#
# - **chosen**: for each token the indices of the k experts with the highest scores, from the highest to
#   the lowest. Among equal scores the smaller index comes first. Go by the scores, not by their
#   probabilities: two different scores, both far below a third one, both have probability 0 in `float32`.
# - **gates** (门控值): the gate in column j belongs to the expert in column j of `chosen`. Models differ in
#   how they make gates; `kind` says which way to take:
#
# | kind | gates |
# | --- | --- |
# | `"before"` | softmax over all E scores of the token; the gates are the probabilities of the k chosen experts |
# | `"renormalised"` | the gates of "before", divided by their sum for each token |
# | `"after"` | softmax over the k chosen scores only |
# | `"sigmoid"` | the sigmoid of each chosen score, σ(z) = 1/(1 + e^−z), divided by their sum for each token |
#
# Switch takes `"before"`, Mixtral `"after"`, DeepSeek-V3 `"sigmoid"`; `"renormalised"` and `"after"` agree but for
# rounding. With k = 1, all but `"before"` always
# give the gate 1, whatever the router says, and a constant has no gradient. That is why the lesson's `route`
# goes from one kind to another when k is 1. Here `kind` alone decides, for any k.
#
# A sort is *stable* if it keeps equal values in their order. `torch.topk` and a plain `argsort` are not: on
# short rows this may not show. `torch.sort(scores, dim=-1, descending=True, stable=True)` is.


# %% nbgrader={"grade": false, "grade_id": "top_k_gates", "locked": false, "schema_version": 3, "solution": true, "task": false}
def top_k_gates(scores, k, kind):
    """The k experts of each token, and how much of each one's result is taken.

    scores: (N, E), finite, perhaps ±500; with kind "sigmoid" from -10 to 10.
    k: from 1 to E; kind: "before", "renormalised", "after" or "sigmoid".
    Returns chosen, (N, k), int64, and gates, (N, k).
    """
    ### BEGIN SOLUTION
    chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
    if kind == "after":
        return chosen, scores.gather(-1, chosen).softmax(dim=-1)
    p = scores.sigmoid() if kind == "sigmoid" else scores.softmax(dim=-1)
    gates = p.gather(-1, chosen)
    return chosen, gates if kind == "before" else gates / gates.sum(dim=-1, keepdim=True)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "top_k_gates_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# N = 3, E = 5, k = 2. The scores are ln of these numbers. Each row sums to 10, so the softmax over all E
# makes a tenth of each number. The sigmoid of ln a is a/(1 + a): 3/4 of 3, 4/5 of 4, 2/3 of 2.
scores = torch.tensor([[1, 4, 0.5, 3, 1.5], [3, 0.5, 3, 3, 0.5], [2, 4, 1, 1, 2]]).log()
# Row 0: 4, then 3. Row 1: three share the first place. Row 2: 4, then two share the second place.
right = torch.tensor([[1, 3], [0, 2], [1, 0]])
parts = [[4 / 7, 3 / 7], [1 / 2, 1 / 2], [2 / 3, 1 / 3]]
kinds = {"before": [[0.4, 0.3], [0.3, 0.3], [0.4, 0.2]], "renormalised": parts, "after": parts}
kinds["sigmoid"] = [[16 / 31, 15 / 31], [1 / 2, 1 / 2], [6 / 11, 5 / 11]]
hint = "a sum over the experts needs keepdim=True, so that each row is divided by its own"
for kind, want in kinds.items():
    chosen, gates = unpack(explained(hint, top_k_gates, scores, 2, kind), "chosen", "gates")
    check(chosen, right, MISTAKES["chosen of Task 1"], f'chosen, with kind="{kind}"')
    check(gates, torch.tensor(want), MISTAKES[f"gates, {kind}"], f'gates, with kind="{kind}"')
check_int64(chosen, "chosen")
# Both e⁻³⁰⁰ and e⁻²⁰⁰ are 0 in float32; the scores still differ. Of 40 equal scores the first three win.
far, equal = torch.tensor([[-300.0, 0, -200]]), torch.zeros(1, 40)
mistakes = told("top_k_gates", {"underflow": [[1, 0]]})
chosen = call(top_k_gates, far, 2, "before")[0]
check(chosen, torch.tensor([[1, 2]]), mistakes, "chosen, scores far apart")
chosen = call(top_k_gates, equal, 3, "before")[0]
check(chosen, torch.tensor([[0, 1, 2]]), what="chosen, all scores equal: a stable sort keeps their order")
check_unchanged(top_k_gates, scores, 2, "before")
print("top_k_gates: right on this example")

# %% nbgrader={"grade": true, "grade_id": "top_k_gates_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random scores, 0.5 points each: kind "before", also with k = 1 and k = E; kinds
# "renormalised" and "after", also with k = 1 and with scores around -500; kind "sigmoid"; equal scores,
# scores almost equal, and scores that lie hundreds apart (chosen, and that no gate is NaN).
### BEGIN HIDDEN TESTS
EXPERTS = ["larger", "lowest", "ascending", "reversed", "ranks", "underflow", "close"]
GATES = {
    "before": ["own", "tokens", "over tokens", "first", "scores", "equal", "double", "zeros"],
    "renormalised": ["not", "tokens", "over tokens", "all tokens", "first", "scores", "equal", "double"],
    "sigmoid": [
        "softmax",
        "bare",
        "over E",
        "softmax of sigmoids",
        "over tokens",
        "all tokens",
        "first",
        "equal",
    ],
}
GATES["after"] = [*GATES["renormalised"], "zeros"]


def expected_experts(scores, k, wrong=None):
    """The right ones, or what comes out with one thing wrong, one of EXPERTS."""
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
    """The right ones, or what comes out with one thing wrong, one of GATES."""
    ids = expected_experts(scores, k)
    p = scores.softmax(0 if wrong == "tokens" else 1)
    if kind == "sigmoid" and wrong != "softmax":
        p = scores.sigmoid()
    mine = p.gather(1, ids)
    only = torch.zeros_like(scores).scatter(1, ids, 1)
    return {
        "own": mine / mine.sum(1, keepdim=True),
        "not": mine,
        "bare": mine,
        "over E": mine / p.sum(1, keepdim=True),
        "over tokens": mine / mine.sum(0),
        "all tokens": mine / mine.sum(),
        "first": p[:, :k] / (1 if kind == "before" else p[:, :k].sum(1, keepdim=True)),
        "scores": scores.gather(1, ids),
        "equal": torch.full_like(mine, 1 / k),
        "double": mine.softmax(1),
        "softmax of sigmoids": mine.softmax(1),
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
    mistakes = told("top_k_gates", {wrong: expected_experts(scores, k, wrong) for wrong in EXPERTS})
    if same_scores(scores, chosen, want):
        mistakes = told("top_k_gates", {"larger": chosen})
    check(chosen, want, not_equal(mistakes, want), f'chosen, with kind="{kind}" and k={k}')
    if gates_too:
        want = expected_gates(scores, k, kind)
        mistakes = {wrong: expected_gates(scores, k, kind, wrong) for wrong in GATES[kind]}
        mistakes = not_equal(told("top_k_gates", mistakes), want)
        check(gates, want, mistakes, f'gates, with kind="{kind}" and k={k}')
    elif isinstance(gates, torch.Tensor) and not gates.isfinite().all():
        raise CheckFailed("a gate is NaN or infinite: exp of a score above 88 is; torch.softmax avoids it")


points = Points(2)
with points.part(0.5, 'kind "before"'):
    for E, k in [(7, 3), (6, 1), (5, 5)]:
        compare(fresh(4, E), k, "before")
with points.part(0.5, 'kinds "renormalised" and "after"'):
    for kind, k, shift in [
        ("renormalised", 3, 0),
        ("after", 3, 0),
        ("renormalised", 1, 500),
        ("after", 4, 500),
    ]:
        compare(fresh(5, 7) - shift, k, kind)
with points.part(0.5, 'kind "sigmoid"'):
    for k in (3, 1):
        compare(2 * fresh(4, 6).clamp(-5, 5), k, "sigmoid")
with points.part(0.5, "scores that are equal, almost equal, or hundreds apart"):
    compare(fresh(6, 40).round(), 4, "before", gates_too=False)
    close = torch.zeros(3, 8)
    close[[0, 1, 2], [2, 5, 7]] = 4e-7
    compare(close, 3, "before", gates_too=False)
    while True:  # until probabilities of 0 decide
        scores = 300 * fresh(6, 9)
        if not torch.equal(expected_experts(scores, 4), expected_experts(scores, 4, "underflow")):
            break
    for kind in ("before", "after"):
        compare(scores, 4, kind, gates_too=False)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: to the experts and back, when some find no room (4 points)
#
# Each token goes through the experts in its row of `chosen`. Their results are added, each multiplied by
# its gate. Two things are new:
#
# - A choice may have been *dropped* (丢弃), because the expert had no room. It then stands in `chosen` as −1:
#   no expert computes for it, and its gate counts for nothing. The token's other choices stay as they
#   are. A token may lose all its choices.
# - Some experts are *shared* (共享专家): every token goes through each of them. They have no gate; what they
#   return is added as it is.
#
# $$y_n = \sum_{j:\ \text{chosen}_{n,j} \ne -1} \text{gates}_{n,j} \cdot \text{expert}_{\text{chosen}_{n,j}}(x_n) + \sum_i \text{shared}_i(x_n)$$
#
# `experts` is a list of E functions, `shared` another list of functions, which may be empty. What is inside
# them you cannot see: each may have its own inner width h. Each takes tokens as one tensor (n, D), in any
# order, and returns (n, D): row i of what it returns belongs to row i of what it got. A call is
# expensive. So
#
# - an expert is called once, with all its tokens: not once for each token, nor once for each column of
#   `chosen`;
# - an expert that no token chose is not called at all;
# - an expert never sees a token that did not choose it. (A shared one sees them all.)
#
# A token's k experts differ. Its gates need not sum to 1, and may be below 0; take them as they are.
# Training uses your result: `backward()` must reach the gates (it is through them that the router learns),
# x, and the experts' weights. `(chosen == e).nonzero(as_tuple=True)` gives rows and columns;
# `y = y.index_add(0, rows, values)` adds `values` to those rows of y.


# %% nbgrader={"grade": false, "grade_id": "mixture", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mixture(x, chosen, gates, experts, shared):
    """Each token through its chosen experts, results times the gates, and through all shared ones.

    x: (N, D); chosen: (N, k), indices of experts, or -1; gates: (N, k).
    experts: a list of E functions, (n, D) -> (n, D); shared: a list of such functions, perhaps empty.
    Returns (N, D).
    """
    ### BEGIN SOLUTION
    y = torch.zeros_like(x)
    for e, expert in enumerate(experts):
        tokens, columns = (chosen == e).nonzero(as_tuple=True)
        if len(tokens):
            y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
    for expert in shared:
        y = y + expert(x)
    return y
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "mixture_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# N = 4, D = 3, E = 5, k = 2. Expert e squares each number and multiplies it by 10 to the power of e. The
# shared one multiplies by 3.
x = torch.tensor([[1.0, 2, 0], [3, 1, 2], [2, 4, 1], [5, 3, 1]])
chosen = torch.tensor([[1, 0], [3, -1], [1, 3], [0, 1]])  # nobody chooses experts 2 and 4
gates = torch.tensor([[0.5, 0.25], [1, 0.5], [0.25, 0.5], [1, 0.2]])
# Token 0: 0.5 x 10 x (1, 4, 0) + 0.25 x (1, 4, 0) + 3 x (1, 2, 0) = (8.25, 27, 0).
# Token 1 has one choice left: 1 x 1000 x (9, 1, 4) + 3 x (3, 1, 2) = (9009, 1003, 4006).
right = torch.tensor([[8.25, 27, 0], [9009, 1003, 4006], [2016, 8052, 505.5], [90, 36, 6]])
sizes = []  # for each expert, and last the shared one: how many tokens each of its calls brought
experts = [noting(lambda tokens, e=e: 10**e * tokens**2, sizes) for e in range(5)]
shared = [noting(lambda tokens: 3 * tokens, sizes)]
hint = "gates[tokens, columns] is (n,), results are (n, D): [:, None] makes it (n, 1). And -1 is no expert"
y = explained(hint, mixture, x, chosen, gates, experts, shared)
check(y, right, MISTAKES["mixture"], "the result")
check(sizes, [[2], [3], [], [2], [], [4]], MISTAKES["calls"], "tokens in each call, for each expert")
# Token 0 alone: each of its experts has one token, and must still get (1, D).
one = explained(hint, mixture, x[:1], chosen[:1], gates[:1], experts, shared)
check(one, right[:1], what="the result, with token 0 alone")
check_unchanged(mixture, x, chosen, gates, experts, shared)
print("mixture: right on this example")


# %% nbgrader={"grade": true, "grade_id": "mixture_hidden", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random tokens, with experts of random weights and different inner widths. 1 point: the
# result, with one shared expert, and with none. 1 point: besides the right result, how many tokens each
# call brings. 0.5 points: most experts have no token, some tokens no expert. 0.5 points: besides the right
# result, the gradient of gates, x and weights.
### BEGIN HIDDEN TESTS
N, D, E = 11, 4, 5
CAUGHT = ["no gates", "mean", "input", "experts overwrite", "columns overwrite", "first", "residual", "gated"]
CAUGHT += [
    "renormalised",
    "kept",
    "turned",
    "unsorted gates",
    "softmax",
    "positive",
    "absolute",
    "last",
    "whole",
]
CAUGHT += ["no shared", "each"]


def drawn(k, used):
    """Tokens that choose k of `used` experts, each of which is chosen; some gates are below 0."""
    while True:
        order, gates = fresh(N, used).argsort(dim=1)[:, :k], fresh(N, k)
        order = order.masked_fill(fresh(N, k) > 1, -1)
        order[0, -1] = -1
        lost, left = order < 0, order.unique()
        if len(left) == used + 1 and (k == 1 or not lost.all(1).any()) and (~lost).all(1).sum() > 3:
            kept = (~lost).all(1).nonzero()[0]
            gates[kept] = -gates[kept].abs()
            names = torch.cat([fresh(E).argsort(), torch.tensor([-1])])
            if k > 1 and not (names[order] == names[:-1].max()).any():
                continue  # the last of those that are used has tokens; of all experts it need not be the last
            return fresh(N, D), names[order], gates + 0.2 * gates.sign()


def make_weights(count):
    """For each expert two matrices, of different inner widths."""
    return [(0.6 * fresh(D, 2 + e), 0.6 * fresh(2 + e, D)) for e in range(count)]


def run(tokens, pair):
    up, down = pair
    return (tokens @ up).square() @ down + tokens  # no straight line: gates cannot go before it


def expected(x, chosen, gates, weights, common, wrong=None):
    """The result, or what comes out with one thing wrong, one of CAUGHT."""
    k, there = chosen.shape[1], chosen >= 0
    if wrong == "last":
        chosen, there = chosen % len(weights), chosen > -2
    elif wrong == "whole":
        there = there & there.all(1, keepdim=True)
    gates = {
        "renormalised": gates / gates.sum(1, keepdim=True),
        "kept": gates / (gates * there).sum(1, keepdim=True),
        "softmax": gates.softmax(1),
        "turned": gates.flip(1),
        "positive": gates.clamp(min=0),
        "absolute": gates.abs(),
    }.get(wrong, gates)
    if wrong == "unsorted gates":
        order = chosen.flatten().argsort(stable=True)
        gates = torch.zeros_like(gates.flatten()).scatter(0, order, gates.flatten()).view_as(gates)
    given = x[:, None].expand(-1, k, -1)  # (N, k, D)
    if wrong == "input":
        given, gates = given * gates[..., None], torch.ones_like(gates)
    results = torch.stack([run(given, pair) for pair in weights])  # (E, N, k, D)
    picked = chosen.clamp(min=0)[None, :, :, None].expand(1, -1, -1, x.shape[1])
    each = results.gather(0, picked)[0] * there[..., None]
    each = each if wrong == "no gates" else each * gates[..., None]
    extra = sum((run(x, pair) for pair in common), torch.zeros_like(x))
    rows, column = torch.arange(len(x)), (there * torch.arange(1, k + 1)).argmax(1)
    return {
        "mean": each.mean(1) + extra,
        "first": each[:, 0] + extra,
        "columns overwrite": each[rows, column] + extra,
        "experts overwrite": each[rows, chosen.argmax(1)] + extra,
        "residual": each.sum(1) + extra + x,
        "no shared": each.sum(1),
        "each": each.sum(1) + k * extra,
        "gated": each.sum(1) + gates.sum(1, keepdim=True) * extra,
    }.get(wrong, each.sum(1) + extra)


def compare(k, used, count):
    """The right result; returns the number of tokens in each call and how many there should be."""
    while True:  # until every mistake gives another number
        given = *drawn(k, used), make_weights(E), make_weights(count)
        want = expected(*given)
        mistakes = {wrong: expected(*given, wrong=wrong) for wrong in CAUGHT}
        if k == 1 or not count or not any(_equal(wrong, want, 4e-3) for wrong in mistakes.values()):
            break
    *inputs, weights, common = given
    mistakes = told("mixture", mistakes)
    mistakes = {said: wrong for said, wrong in mistakes.items() if not _equal(wrong, want, 4e-3)}
    sizes = []
    experts, shared = ([noting(lambda x, p=p: run(x, p), sizes) for p in ps] for ps in (weights, common))
    hint = (
        "gates[tokens, columns] is (n,), results are (n, D): [:, None] makes it (n, 1). And -1 is no expert"
    )
    check(explained(hint, mixture, *inputs, experts, shared), want, mistakes, "the result")
    return sizes, (inputs[1] + 1).flatten().bincount(minlength=E + 1)[1:].tolist() + [N] * count


points = Points(3)
with points.part(1, "the result"):
    compare(3, E, 1)
    compare(2, E - 1, 0)
with points.part(1, "how many tokens each call brings"):
    sizes, counts = compare(2, E, 1)
    mistakes = {"one by one": [[1] * count for count in counts[:E]] + [[N]], "all": [[N]] * (E + 1)}
    if any(len(calls) > 1 for calls in sizes):
        mistakes["several"] = sizes
    mistakes = told("mixture", mistakes)
    check(sizes, [[count] for count in counts], mistakes, "tokens in each call, for each expert")
with points.part(0.5, "most experts have no token"):
    sizes, counts = compare(1, 2, 2)
    called = [e for e in range(E) if sizes[e] and not counts[e]]
    if called:
        raise CheckFailed(f"experts {called} are called although nobody chose them; leave them out")
with points.part(0.5, "the gradient"):
    x, chosen, gates = drawn(2, E)
    gates[chosen < 0] = 0.5
    leaves = [x, gates, *(weight for pair in make_weights(E + 1) for weight in pair)]
    names = ["x", "gates", *["the weights"] * (len(leaves) - 2)]
    mine, theirs = ([value.clone().requires_grad_() for value in leaves] for _ in range(2))

    def pairs(values):
        return list(zip(values[2::2], values[3::2], strict=True))

    experts = [noting(lambda tokens, p=p: run(tokens, p), []) for p in pairs(theirs)]
    y = call(lambda: mixture(theirs[0], chosen.clone(), theirs[1], experts[:E], experts[E:]))
    want = expected(mine[0], chosen, mine[1], pairs(mine)[:E], pairs(mine)[E:])
    if not isinstance(y, torch.Tensor) or not y.requires_grad:
        raise CheckFailed("backward() reaches nothing; no torch.no_grad(), no .detach(), no .tolist()")
    check(y, want, what="the result")
    weighted = 0.3 * fresh(N, D)
    (y * weighted).sum().backward()
    (want * weighted).sum().backward()
    for name, value, right in zip(names, theirs, mine, strict=True):
        if value.grad is None:
            raise CheckFailed(
                f"backward() does not reach {name}; no .detach(), .tolist() or .item() on the way"
            )
        check(value.grad, right.grad, what=f"the gradient of {name}")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: a balance loss over machines (负载均衡损失, 2 points)
#
# A large model keeps its experts on several machines. No machine should wait for another one, so the load
# of a *machine* must fit the number of its experts; within a machine it need not be even. (DeepSeek-V2 has such a loss, too.) The
# lesson's loss is the case in which each expert has a machine of its own.
#
# Machine m holds E_m of the E experts. The numbers E_m may differ. And a batch may hold padding (填充), which
# should not count at all. For each machine take
#
# - $f_m$, its share of the choices: each token that counts makes k choices; $f_m$ is the share of them that
#   fell on experts of machine m. All $f_m$ together sum to 1.
# - $P_m$, its mean probability: add up the probabilities of its experts, and take the mean over all tokens
#   that count, also over those that chose no expert there.
#
# $$L = \sum_m \frac{E}{E_m} f_m P_m$$
#
# With all experts used evenly, $f_m$ and $P_m$ are $E_m/E$, and L = 1. At collapse (路由坍塌), when all choices
# and all probability go to machine m, L = E/E_m. The shares $f_m$ are counted, so they have no gradient;
# `backward()` reaches the router through $P_m$.
#
# `bincount` counts up to the highest number that occurs. The last machine may have no choice at all:
# `bincount(minlength=...)` then counts it with 0.


# %% nbgrader={"grade": false, "grade_id": "balance_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def balance_loss(p, chosen, machine, counted):
    """The sum over the machines of E/E_m x (share of the choices) x (mean probability).

    p: (N, E), the router's probabilities, each row sums to 1, padding's too; chosen: (N, k), indices of experts, which need
    not be the k most probable ones.
    machine: (E,), int64, the machine of each expert; machines are numbered 0 to machine.max(), each has an expert.
    counted: (N,), boolean, False for padding; at least one token counts.
    Returns a tensor of shape (), from which backward() reaches p.
    """
    ### BEGIN SOLUTION
    p, chosen = p[counted], chosen[counted]
    held = machine.bincount()  # E_m
    f = machine[chosen].flatten().bincount(minlength=len(held)) / chosen.numel()
    P = torch.zeros(len(held)).index_add(0, machine, p.mean(dim=0))
    return len(machine) * (f * P / held).sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "balance_loss_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# N = 5, E = 6, k = 2, three machines. Token 2 is padding. Machine 0 has experts 1, 2 and 4; machine 1 has
# 0 and 3; machine 2 has expert 5 alone, and no token that counts has chosen it.
machine, counted = torch.tensor([1, 0, 0, 1, 0, 2]), torch.tensor([True, True, False, True, True])
p = [[1, 3, 1, 2, 1, 2], [1, 3, 1, 3, 1, 1], [1, 1, 4, 1, 2, 1], [1, 1, 1, 2, 1, 4], [1, 1, 1, 2, 1, 4]]
p = torch.tensor(p) / 10
chosen = torch.tensor([[4, 1], [3, 4], [0, 5], [3, 2], [1, 0]])
# Of 8 choices, 5 fall on machine 0, 3 on machine 1, none on machine 2: f = (5/8, 3/8, 0).
# P: the four tokens give machine 0 the tenths 5, 5, 3, 3, so P is 16/40; machine 1 has 3, 4, 3, 3: 13/40.
# L = 6/3 x 5/8 x 16/40 + 6/2 x 3/8 x 13/40 + 0 = 0.865625.
given = p, chosen, machine, counted
hint = "a count for each machine: bincount stops at the highest number that occurs, minlength goes on"
check(explained(hint, balance_loss, *given), torch.tensor(0.865625), MISTAKES["balance_loss"], "the loss")
# Collapse, with k = 1: every token chooses expert 3, with probability 1. Machine 1 holds 2 of 6: L = 3.
one = F.one_hot(torch.tensor([3] * 5), 6).float(), torch.tensor([[3]] * 5), machine, counted
mistakes = told("balance_loss", {"2": 1.5})
check(explained(hint, balance_loss, *one), torch.tensor(3.0), mistakes, "the loss at collapse, with k = 1")
check_unchanged(balance_loss, *given)
print("balance_loss: right on this example")


# %% nbgrader={"grade": true, "grade_id": "balance_loss_hidden", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random probabilities, 0.5 points each: the loss, also where nobody chose the last machine;
# besides the right loss, its gradient.
### BEGIN HIDDEN TESTS
CAUGHT = [
    "padding",
    "padding in f",
    "padding in P",
    "cut",
    "turned",
    "alike",
    "E",
    "heavy",
    "experts",
    "mean",
]
CAUGHT += ["P twice", "f twice", "by N", "no E", "first", "last", "argmax", "topk", "once", "where chosen"]
CAUGHT += ["P summed", "counts", "nothing", "softmax", "sign"]


def expected(p, chosen, machine, counted, wrong=None):
    """The loss, or what it is with one thing wrong, one of CAUGHT."""
    (N, E), k = p.shape, chosen.shape[1]
    if wrong == "softmax":
        p = p.softmax(1)
    hits = torch.zeros_like(p).scatter(1, chosen, 1.0)  # (N, E): 1 where chosen
    kept = {"padding": counted | True, "turned": ~counted}.get(wrong, counted).float()
    of = F.one_hot(machine).float()  # (E, machines)
    if wrong == "experts":
        of = torch.eye(E)
    held, n = of.sum(0), N if wrong == "cut" else kept.sum()
    tops = torch.zeros_like(p).scatter(1, p.topk(k).indices, 1.0)
    ones = {"first": chosen[:, :1], "last": chosen[:, -1:], "argmax": p.argmax(1, keepdim=True)}
    if wrong in ones:
        f = kept @ torch.zeros_like(p).scatter(1, ones[wrong], 1.0) @ of / n
    elif wrong == "padding in f":
        f = hits.sum(0) @ of / (N * k)
    elif wrong == "once":
        f = kept @ ((hits @ of) > 0).float()
        f = f / f.sum()
    else:
        f = kept @ (tops if wrong == "topk" else hits) @ of / (n * k)
    P = kept @ (p * hits if wrong == "where chosen" else p) @ of / n
    f, P = {
        "padding in P": (f, p.mean(0) @ of),
        "mean": (f, P / held),
        "P twice": (P, P),
        "f twice": (f, f),
        "by N": (k * f, P),
        "P summed": (f, P * n),
        "counts": (f * n * k, P),
        "nothing": (f * n * k, P * n),
    }.get(wrong, (f, P))
    weight = {
        "alike": len(held) + 0 * held,
        "E": E + 0 * held,
        "heavy": held,
        "no E": 1 / held,
        "sign": -E / held,
    }
    return (weight.get(wrong, E / held) * f * P).sum()


def draw(last_used):
    """With other results for all mistakes, and the last machine chosen or not."""
    while True:
        p, N, E = (1.5 * fresh(11, 7)).softmax(1), 11, 7
        machine = torch.tensor([0, 0, 0, 0, 1, 1, 2])[fresh(E).argsort()]
        liked = p + 0.2 * fresh(N, E) - 9.0 * (machine == 2) * (not last_used)
        given = p, liked.topk(3).indices, machine, fresh(N) > -0.7
        used = machine[given[1][given[3]]].unique()
        if not 2 < (~given[3]).sum() < 6 or len(used) != 2 + last_used:
            continue
        mistakes = {wrong: expected(*given, wrong) for wrong in CAUGHT}
        met = sorted([expected(*given).item(), *(loss.item() for loss in mistakes.values())])
        if all(b - a > 2e-3 * (0.1 + abs(b)) for a, b in zip(met[:-1], met[1:], strict=True)):
            return given, expected(*given), told("balance_loss", mistakes)


points = Points(1)
hint = "a count for each machine: bincount stops at the highest number that occurs, minlength goes on"
with points.part(0.5, "the loss"):
    for last_used in (True, False):
        given, want, mistakes = draw(last_used)
        check(explained(hint, balance_loss, *given), want, mistakes, "the loss")
with points.part(0.5, "the gradient"):
    (p, *rest), want, mistakes = draw(True)
    leaf, other = p.clone().requires_grad_(), p.clone().requires_grad_()
    loss = call(lambda: balance_loss(leaf, *(tensor.clone() for tensor in rest)))
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        raise CheckFailed("backward() cannot reach p; no .item(), no torch.no_grad(), no .detach() of P")
    check(loss, want, mistakes, "the loss")
    loss.backward()
    expected(other, *rest).backward()
    check(leaf.grad, other.grad, what="the gradient, (E/E_m) f_m / (tokens that count) for each expert of m")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4: a bias that only chooses, and stays where the load is near enough (3 points)
#
# There is a way to balance without a loss ([Wang et al. 2024](https://arxiv.org/abs/2408.15664)), which
# DeepSeek-V3 uses: each expert has a bias (偏置), a number that is added where experts are *chosen*, and
# nowhere else. After each batch the bias of an expert with too many choices falls by `rate`, and that of
# one with too few rises by `rate`.
#
# As in DeepSeek-V3, a token's scores have gone through a sigmoid, not a softmax. So s lies between 0 and 1,
# and a token's E scores need not sum to 1. And here small differences are left alone: an expert whose
# load is near enough to the mean keeps its bias. Write one such step:
#
# 1. **chosen**: for each token the k experts with the highest s + bias, from the highest to the lowest.
#    (No two sums of a row are equal here.)
# 2. **gates**: from s alone, without the bias: s of the chosen experts, divided by their sum for each token.
#    With k = 1 that would always be 1, so there the gate is s itself, as in the lesson's `route`.
# 3. **new_bias**: the load of an expert is the number of entries of `chosen` that are this expert; the mean
#    load is N·k/E, which need not be a whole number. Where the load is more than slack · mean load above the
#    mean, the bias falls by `rate`. Where it is more than slack · mean load below the mean, it rises by `rate`.
#    Elsewhere it stays. With slack = 0, only an expert with exactly the mean load keeps its bias.
#
# (With another slack than 0, no load of the tests lies just at the edge.)


# %% nbgrader={"grade": false, "grade_id": "bias_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bias_step(s, bias, k, rate, slack):
    """Choose experts by s + bias, take gates from s, and adjust the bias to the load.

    s: (N, E), each above 0 and below 1; bias: (E,); k: from 1 to E; rate: a float above 0.
    slack: a float, 0 or more: the allowed distance of a load from the mean load, as a share of the mean load.
    Returns chosen, (N, k), int64; gates, (N, k); new_bias, (E,).
    """
    ### BEGIN SOLUTION
    chosen = (s + bias).topk(k, dim=-1).indices
    gates = s.gather(-1, chosen)
    if k > 1:
        gates = gates / gates.sum(dim=-1, keepdim=True)
    load = chosen.flatten().bincount(minlength=len(bias)).float()
    gap = load.mean() - load
    new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
    return chosen, gates, new_bias
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "bias_step_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# N = 6, E = 4, k = 2, slack = 1/2. The mean load is 6 x 2 / 4 = 3; loads from 1.5 to 4.5 stay.
s = [[70, 30, 90, 20], [80, 10, 40, 60], [60, 20, 30, 40]]
s += [[10, 80, 30, 80], [50, 40, 50, 50], [80, 10, 50, 60]]
s, bias = torch.tensor(s) / 100, torch.tensor([-0.2, 0.12, 0.25, -0.07])
# s + bias of token 0, in hundredths: 50, 42, 115, 13. So experts 2 and 0, with gates 90 and 70 of 160.
experts = torch.tensor([[2, 0], [2, 0], [2, 0], [1, 3], [2, 1], [2, 0]])
shares = torch.tensor([[9, 7], [4, 8], [3, 6], [8, 8], [5, 4], [5, 8]])
shares = shares / torch.tensor([[16], [12], [9], [16], [9], [13]])
# The loads are 4, 2, 5, 1. Those of experts 0 and 1 are near enough; 2 falls and 3 rises by the rate 0.1.
moved = torch.tensor([-0.2, 0.12, 0.15, 0.03])
names = ("chosen", "gates", "new_bias")
hint = "bincount stops at the highest number that occurs, see minlength; row sums need keepdim=True"
chosen, gates, new_bias = unpack(explained(hint, bias_step, s, bias, 2, 0.1, 0.5), *names)
check(chosen, experts, MISTAKES["chosen of Task 4"], "chosen")
check_int64(chosen, "chosen")
check(gates, shares, MISTAKES["gates of Task 4"], "gates")
check(new_bias, moved, MISTAKES["new_bias"], "new_bias")
# With k = 1, the gate is s itself. The loads are 0, 1, 5, 0, their mean is 1.5, unrounded; the slack is 0.
alone = torch.tensor([[0.9], [0.4], [0.3], [0.8], [0.5], [0.5]])
moved_alone = torch.tensor([-0.1, 0.22, 0.15, 0.03])
chosen, gates, new_bias = unpack(explained(hint, bias_step, s, bias, 1, 0.1, 0.0), *names)
check(gates, alone, told("bias_step", {"always 1": [[1.0]] * 6}), "gates, with k = 1")
check(new_bias, moved_alone, what="new_bias, with k = 1 and slack = 0 (the mean load is 1.5)")
check_unchanged(bias_step, s, bias, 2, 0.1, 0.5)
print("bias_step: right on this example")


# %% nbgrader={"grade": true, "grade_id": "bias_step_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random numbers, with k = 3, 0.5 points each: chosen, also with k = 1; gates, also with k = 1
# and of experts with very small s; new_bias, with slack and without; new_bias where nobody chooses the last
# expert.
### BEGIN HIDDEN TESTS
EXPERTS = ["no bias", "minus", "times", "lowest", "ascending", "shares", "softmax first"]
GATES = ["leak", "sums", "leak softmax", "leak below", "not", "softmax", "over E", "own", "all tokens"]
BIAS = ["old", "sign", "gap", "relative", "share", "N/E", "2N/E", "no slack", "slack turned"]
BIAS += ["slack above", "slack below", "first", "without", "gate mass", "change", "centred", "no rate"]
BIAS += ["only down", "only up"]
NO_SLACK = ["sign", "never 0", "never 0, up", "only down", "only up", "old", "first"]


def expected_step(s, bias, k, rate, slack, wrong=None):
    """chosen, gates, new_bias, or what they are with one thing wrong, one of the above."""
    total, part = s + bias, s / s.sum(1, keepdim=True)
    by = {"no bias": s, "minus": s - bias, "times": s * bias, "lowest": -total, "shares": part + bias}
    by["softmax first"] = s.softmax(1) + bias
    ids = by.get(wrong, total).topk(k).indices
    ids = ids.sort(dim=1).values if wrong == "ascending" else ids
    mine, sums, own = s.gather(1, ids), total.gather(1, ids), s.topk(k).values
    gates = mine / mine.sum(1, keepdim=True) if k > 1 else mine
    gates = {
        "leak": sums / sums.sum(1, keepdim=True),
        "sums": sums,
        "leak softmax": sums.softmax(1),
        "leak below": mine / sums.sum(1, keepdim=True),
        "not": mine,
        "softmax": mine.softmax(1),
        "over E": mine / s.sum(1, keepdim=True),
        "own": own / own.sum(1, keepdim=True),
        "all tokens": mine / mine.sum(),
    }.get(wrong, gates)
    counted = {"first": ids[:, :1], "without": s.topk(k).indices}.get(wrong, ids)
    load = torch.zeros_like(s).scatter(1, counted, 1.0).sum(0)
    load = torch.zeros_like(s).scatter(1, ids, gates).sum(0) if wrong == "gate mass" else load
    mean = {"N/E": len(s) / len(bias), "2N/E": 2 * len(s) / len(bias)}.get(wrong, load.mean())
    gap = mean - load
    far = gap.abs() > slack * mean
    turn = {
        "sign": -gap.sign() * far,
        "gap": gap * far,
        "relative": gap / mean * far,
        "share": gap / load.sum() * far,
        "never 0": (gap > 0) * 2.0 - 1,
        "never 0, up": (gap >= 0) * 2.0 - 1,
        "no slack": gap.sign(),
        "slack turned": gap.sign() * ~far,
        "slack above": gap.sign() * (far | (gap > 0)),
        "slack below": gap.sign() * (far | (gap < 0)),
        "only down": gap.sign().clamp(max=0) * far,
        "only up": gap.sign().clamp(min=0) * far,
        "old": 0 * gap,
    }.get(wrong, gap.sign() * far)
    new = (0 if wrong == "change" else bias) + (1 if wrong == "no rate" else rate) * turn
    return ids, gates, new - new.mean() if wrong == "centred" else new


CHOICES = (None, "no bias", "minus", "times", "lowest", "shares", "softmax first")


def draw(part, caught, slack=0.35, last_used=True):
    """With all experts chosen but perhaps the last, loads on all sides, and other results for the mistakes."""
    N, E, k = 12, 6, 3
    while True:
        # The biases are about -1.5, so that no sum is above 0.
        s, bias, rate = fresh(N, E).sigmoid(), 0.15 * fresh(E) - 1.5, 0.03 + 0.03 * fresh(1).abs().item()
        bias[-1] += 0.15 if last_used else -2
        given = (s, bias, k, rate, slack)
        load = expected_step(*given)[0].flatten().bincount(minlength=E)
        if (load[:-1] == 0).any() or (load[-1] > 0) != last_used:
            continue
        edges = (load < 6 - 6 * slack).any() and (load > 6 + 6 * slack).any() and (load == 6).any()
        # Where the last has no load, the mean of the others is 7.2, and a load of 4 or 9 shows who took that.
        near = {4, 5} & set(load.tolist()) and {7, 8} & set(load.tolist())
        if slack and not near or not edges or not last_used and not ((load == 4) | (load == 9)).any():
            continue
        met = [expected_step(*given, wrong=wrong)[part] for wrong in [None, *caught]]
        if any(_equal(one, other, 4e-3) for i, one in enumerate(met) for other in met[:i]):
            continue
        # Nor must experts chosen in a wrong way, or two of them, have the right loads by chance.
        right, *others = (expected_step(*given, wrong=wrong)[2] for wrong in CHOICES)
        others.append(expected_step(s, bias, 2, rate, slack)[2])
        if not any(_equal(right, other, 4e-3) for other in others):
            return given


def compare(part, caught, what, slack=0.35, last_used=True):
    given = draw(part, caught, slack, last_used)
    want = expected_step(*given)[part]
    mistakes = told("bias_step", {wrong: expected_step(*given, wrong=wrong)[part] for wrong in caught})
    check(unpack(explained(hint, bias_step, *given), *names)[part], want, mistakes, what)


points, names = Points(2), ("chosen", "gates", "new_bias")
hint = "bincount stops at the highest number that occurs, see minlength; row sums need keepdim=True"
with points.part(0.5, "chosen"):
    compare(0, EXPERTS, "chosen")
    s = (2 * torch.eye(4) + 0.1 * fresh(4, 4)).flip(1).sigmoid()  # each expert has a token
    chosen = unpack(call(bias_step, s, torch.zeros(4), 1, 0.1, 0.2), *names)[0]
    check(chosen, torch.tensor([[3], [2], [1], [0]]), what="chosen, with k = 1")
with points.part(0.5, "gates"):
    compare(1, GATES, "gates")
    s = fresh(5, 3).sigmoid()
    gates = unpack(call(bias_step, s, torch.tensor([0.0, 2, 0]), 1, 0.1, 0.2), *names)[1]
    check(gates, s[:, 1:2], told("bias_step", {"always 1": torch.ones(5, 1)}), "gates, with k = 1")
    gates = unpack(call(bias_step, 1e-6 * s, torch.tensor([3.0, 2, 1]), 3, 0.1, 0.2), *names)[1]
    want = s / s.sum(1, keepdim=True)
    check(gates, want, what="gates, where each s is below 1e-6 (nothing may be added to their sum)")
with points.part(0.5, "new_bias"):
    compare(2, BIAS, "new_bias")
    compare(2, NO_SLACK, "new_bias, with slack = 0", slack=0.0)
with points.part(0.5, "an expert that nobody chooses"):
    compare(2, BIAS, "new_bias", last_used=False)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5: places in a buffer, by priority (3 points)
#
# Fast programs give each expert a buffer (缓冲区) of fixed size. It has room for a number of tokens called its
# capacity (容量):
#
# $$\text{capacity} = \left\lceil \text{factor} \cdot \frac{N k}{E} \right\rceil$$
#
# ⌈ ⌉ rounds up to a whole number; only the end of the calculation is rounded, N·k/E stays a fraction. When a
# buffer is full, further choices of this expert are dropped, and such a token goes without it. In the
# lesson, whoever stood further to the front of the batch found a place. Here the choices with
# the highest gates are served first, as in V-MoE ([Riquelme et al. 2021](https://arxiv.org/abs/2106.05974)):
#
# - Of all choices of an expert, in whatever column they stand, the one with the highest gate gets place 0,
#   the next one place 1, and so on.
# - Of equal gates, that of the smaller token index comes first. (A token chooses an expert only once.)
# - Choices left over when all `capacity` places are taken are dropped: their place is −1. The token's other
#   choices are not touched by this.
#
# Return the places in the order of `chosen`: the place in row n, column j belongs to the choice there.
#
# The tests use factors with which no rounding error changes the capacity.


# %% nbgrader={"grade": false, "grade_id": "buffer_places", "locked": false, "schema_version": 3, "solution": true, "task": false}
def buffer_places(chosen, gates, E, factor):
    """The place of each choice in its expert's buffer, by gate; -1 where it is dropped.

    chosen: (N, k), indices of experts, those of a token differ; gates: (N, k), any numbers,
    in any order, some equal.
    E: number of experts, also of those that nobody chose; factor: a float above 0.
    Returns (N, k), int64: from 0 to capacity - 1, or -1.
    """
    ### BEGIN SOLUTION
    N, k = chosen.shape
    capacity = math.ceil(factor * N * k / E)
    order = gates.flatten().sort(descending=True, stable=True).indices
    queue = F.one_hot(chosen.flatten()[order], E)  # (N k, E)
    places = (queue.cumsum(dim=0) * queue).sum(dim=1) - 1
    places = places.masked_fill(places >= capacity, -1)
    return places[order.argsort()].view(N, k)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "buffer_places_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# N = 7, k = 2, E = 3, factor 3/4: 3/4 x 14/3 = 3.5, so the capacity is 4.
chosen = torch.tensor([[2, 1], [0, 1], [1, 2], [1, 0], [1, 0], [0, 1], [2, 0]])
gates = torch.tensor([[9, 1], [8, 2], [9, 1], [7, 3], [5, 5], [5, 5], [7, 3]]) / 10
# Expert 1 is chosen with the gates 1, 2, 9, 7, 5, 5 (tenths) by tokens 0 to 5: tokens 2, 3, 4, 5 stay, in
# this order. Expert 0: 8, 3, 5, 5, 3 by tokens 1, 3, 4, 5, 6. Tokens 3 and 6 have the same gate, and 3 stays.
right = torch.tensor([[0, -1], [0, -1], [0, 2], [1, 3], [2, 1], [2, 3], [1, -1]])
places = call(buffer_places, chosen, gates, 3, 0.75)
check(places, right, MISTAKES["buffer_places"], "the places")
check_int64(places, "the places")
# One expert, 40 tokens with equal gates, 40/8 places: they go to the first five tokens.
many = torch.zeros(40, 1, dtype=torch.int64), torch.ones(40, 1), 1, 1 / 8
right = torch.tensor([[0], [1], [2], [3], [4]] + [[-1]] * 35)
what = "the places, all gates equal: sort with stable=True"
check(call(buffer_places, *many), right, MISTAKES["equal gates"], what)
check_unchanged(buffer_places, chosen, gates, 3, 0.75)
print("buffer_places: right on this example")


# %% nbgrader={"grade": true, "grade_id": "buffer_places_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random choices. 0.5 points: k = 1, also with a capacity of 1, and with an expert that
# nobody chose. 1 point: k = 2 and k = 3, gates of any size, many of them equal. 0.5 points: factor·N·k/E is
# a whole number.
### BEGIN HIDDEN TESTS


def expected_places(chosen, gates, E, factor, wrong=None):
    """The right ones, or what comes out with one thing wrong, a key of SAYS["buffer_places"]."""
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
    key = {
        "columns": lambda n, j: (j, n),
        "tokens": lambda n, j: (n, j),
        "column first": lambda n, j: (j, -gates[n, j].item(), n),
        "lowest": lambda n, j: (gates[n, j].item(), n),
        "best": lambda n, j: (-gates[n].max().item(), n),
        "larger": lambda n, j: (-gates[n, j].item(), -n),
    }.get(wrong, lambda n, j: (-gates[n, j].item(), n, j))
    order = sorted(((n, j) for n in range(N) for j in range(k)), key=lambda choice: key(*choice))
    taken, found = {}, {}
    for n, j in order:
        buffer = (0 if wrong == "any expert" else chosen[n, j].item(), j if wrong == "separate" else 0)
        place = taken[buffer] = taken.get(buffer, -1) + 1
        kept = place < capacity
        otherwise = {"zero": 0, "capacity": capacity}.get(wrong, -1)
        found[n, j] = place + (wrong == "from 1") if kept else otherwise
        if wrong == "mask":
            found[n, j] = int(kept)
    if wrong == "whole":
        found = {(n, j): -1 if -1 in [found[n, i] for i in range(k)] else found[n, j] for n, j in found}
    by_choice = torch.tensor([[found[n, j] for j in range(k)] for n in range(N)])
    in_order = torch.tensor([found[choice] for choice in order])
    index = torch.tensor([n * k + j for n, j in order])
    return {"sorted": in_order, "permuted": in_order[index]}.get(wrong, by_choice).reshape(N, k)


def compare(N, E, k, factor, caught, used=None):
    """With choices, of the first `used` experts, for which these mistakes give something else."""
    used = used or E
    while True:
        # Early experts are chosen more often.
        chosen = (fresh(N, used) - 0.4 * torch.arange(used)).topk(k).indices
        gates = (2 * fresh(N, k)).round() / 4 - 0.5  # some are below 0, many equal
        given = chosen, gates, E, factor
        want = expected_places(*given)
        mistakes = {wrong: expected_places(*given, wrong) for wrong in caught}
        met = [want, *mistakes.values()]
        distinct = not any(_equal(one, other, 0) for i, one in enumerate(met) for other in met[:i])
        if distinct and chosen.max() == used - 1:
            break
    what = f"the places, with N={N}, E={E}, k={k} and factor={factor}"
    check(call(buffer_places, *given), want, told("buffer_places", mistakes), what)


points = Points(2)
always = [
    "lowest",
    "larger",
    "sorted",
    "one more",
    "no limit",
    "from 1",
    "zero",
    "capacity",
    "mask",
    "permuted",
]
several = ["columns", "tokens", "column first", "best", "separate", "whole"]
with points.part(0.5, "k = 1"):
    compare(15, 5, 1, 1.5, ["floor", "capped", "used", "tokens", *always], used=3)  # 9/2, so 5
    compare(8, 4, 1, 0.375, ["one more", "no limit", "tokens"])  # 3/4, so 1
with points.part(1, "k = 2 and k = 3"):
    for N, k in [(13, 2), (12, 3)]:  # 0.7 of 26/5 is 3.64 (of 6: 4.2); of 36/5 it is 5.04 (of 7: 4.9)
        compare(N, 5, k, 0.7, [*always, *several, "floor", "no k", "no factor"])
    compare(40, 3, 2, 0.75, ["tokens", "larger", "one more"])  # a sort of 80 gates shows whether it is stable
with points.part(0.5, "a whole number"):
    compare(8, 4, 2, 0.5, [*always, *several, "one less", "no factor"])
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: total and active parameters (3 points)
#
# How many parameters does a mixture hold (total), and how many does one token use (active)? All
# matrices are without biases. Parts, each for all layers together:
#
# - `embedding` (V, D) and `head` (D, V), each a matrix of its own; V entries in the vocabulary.
# - `attention`, in every layer, with grouped queries (分组查询注意力): H heads of size d for the queries, but
#   only `kv_heads` heads of size d for the keys, and as many for the values; then a matrix from H·d
#   back to D. H·d need not be D.
# - `dense`: the first `dense_layers` layers, perhaps none or several, have one feed-forward layer of inner
#   width `dense_h` instead of experts, and no router. It is gated: *three* matrices, two from D to
#   `dense_h` and one back.
# - `router`: in each of the other layers, a matrix from D to E.
# - `experts`: in each of the other layers, E experts of inner width h, gated too.
# - `shared`: in each of the other layers, `shared` further experts of the same size. Every token goes
#   through them.
# - `total`: the sum of all these. Norms are left out: they are less than a thousandth.
# - `active`: what a token uses: everything but the experts that it did not choose. It chooses k of the
#   E; the shared ones come on top. Count the embedding and the head in full, as is usual, although a token
#   looks up one row of the embedding.


# %% nbgrader={"grade": false, "grade_id": "count_parameters", "locked": false, "schema_version": 3, "solution": true, "task": false}
def count_parameters(config):
    """Parameters of a mixture of experts, by part, and those that a token uses.

    config: a dictionary with the keys "V", "D", "layers", "dense_layers", "H", "kv_heads", "d", "dense_h",
    "h", "E", "shared", "k", each a whole number.
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
        "dense": c["dense_layers"] * 3 * c["D"] * c["dense_h"],
        "router": mixtures * c["D"] * c["E"],
        "experts": mixtures * c["E"] * one_expert,
        "shared": mixtures * c["shared"] * one_expert,
    }
    total = sum(counts.values())
    return counts | {"total": total, "active": total - mixtures * (c["E"] - c["k"]) * one_expert}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "count_parameters_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
small = {"V": 13, "D": 4, "layers": 8, "dense_layers": 3, "H": 2, "kv_heads": 1, "d": 6}
small |= {"dense_h": 11, "h": 7, "E": 12, "shared": 2, "k": 5}
# Embedding and head: 52 each. Attention: queries 4 x 12, keys and values 4 x 6 each, output 12 x 4: 144 in
# each of 8 layers. Dense: 3 x 4 x 11 = 132, in 3 layers. Router: 4 x 12 in each of the 5 others. An expert has
# 3 x 4 x 7 = 84: 5 layers of 12 are 5,040; 5 layers of 2 shared ones 840. All together 7,772.
# A token leaves out 12 - 5 experts in 5 layers: 7,772 - 5 x 7 x 84 = 4,832.
right = {"embedding": 52, "head": 52, "attention": 1152, "dense": 396, "router": 240, "experts": 5040}
right |= {"shared": 840, "total": 7772, "active": 4832}
# Mixtral 8x7B, from its published sizes. Total 46.7 and active 12.9 billion, as announced.
mixtral = {"V": 32000, "D": 4096, "layers": 32, "dense_layers": 0, "H": 32, "kv_heads": 8, "d": 128}
mixtral |= {"dense_h": 14336, "h": 14336, "E": 8, "shared": 0, "k": 2}
announced = {"dense": 0, "shared": 0, "total": 46702526464, "active": 12879659008}
for what, config, want in [("the small model", small, right), ("Mixtral 8x7B", mixtral, announced)]:
    counts = call(count_parameters, config)
    check_keys(counts, right)
    for part, number in want.items():
        check(counts[part], number, MISTAKES["parameters"].get(part), f"{part} of {what}")
check_unchanged(count_parameters, small)
print("count_parameters: right on this example")


# %% nbgrader={"grade": true, "grade_id": "count_parameters_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random sizes, 0.5 points each. Every layer a mixture, without shared experts: the parts
# and the total; active. With several dense layers and shared experts: the parts and the total; active.
### BEGIN HIDDEN TESTS
import random

PARTS = ["embedding", "head", "attention", "dense", "router", "experts", "shared"]


def draw(plain):
    c = {"V": 2 * rng.randint(10**7, 10**8) + 1, "D": rng.choice([13, 17]), "layers": rng.choice([8, 9])}
    c["H"], c["kv_heads"] = rng.choice([(8, 4), (6, 2), (6, 3)])
    c |= {"d": rng.choice([3, 5]), "dense_h": rng.choice([43, 47]), "h": rng.choice([7, 11])}
    c |= {"E": rng.choice([12, 16]), "k": rng.choice([3, 5])}
    c |= {"dense_layers": 0, "shared": 0} if plain else {"dense_layers": 3, "shared": rng.choice([2, 4])}
    right, mistakes = expected(c)
    c["V"] += right["total"] % 4 == 0  # then no number of 32 bits is the total
    met = [number for number in mistakes["attention"].values() if number != right["attention"]]
    return c if len(set(met)) == len(met) else draw(plain)


def expected(c):
    """Matrix by matrix, as (rows, columns): the parts, the total, active; and the mistakes in each."""
    expert = [(c["D"], c["h"])] * 2 + [(c["h"], c["D"])]
    dense = [(c["D"], c["dense_h"])] * 2 + [(c["dense_h"], c["D"])]
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
    old = c["D"] // c["H"]
    mistakes = {
        "attention": {
            "no grouping": 4 * c["D"] * queries * c["layers"],
            "square": 4 * c["D"] ** 2 * c["layers"],
            "D for H·d": (2 * c["D"] ** 2 + 2 * c["D"] * keys) * c["layers"],
            "D/H for d": 2 * c["D"] * old * (c["H"] + c["kv_heads"]) * c["layers"],
            "one layer": size(attention),
            "not in dense": size(attention * moe),
            "no output": size(attention[:3] * c["layers"]),
            "one for both": size((attention[:2] + attention[3:]) * c["layers"]),
        },
        "dense": {
            "two": size(dense[:2] * c["dense_layers"]),
            "h for dense": size(expert * c["dense_layers"]),
            "all dense": size(dense * c["layers"]),
            "others dense": size(dense * moe),
            "one dense": size(dense),
            "missing": 0,
        },
        "router": {
            "router everywhere": c["D"] * c["E"] * c["layers"],
            "one layer": c["D"] * c["E"],
            "router of k": c["D"] * c["k"] * moe,
            "router without D": c["E"] * moe,
            "router for shared": c["D"] * (c["E"] + c["shared"]) * moe,
            "missing": 0,
        },
        "experts": {
            "two": 2 * right["experts"] // 3,
            "dense_h for h": size(dense * c["E"] * moe),
            "experts everywhere": size(expert * c["E"] * c["layers"]),
            "k held": size(expert * c["k"] * moe),
            "one layer": size(expert * c["E"]),
            "with shared": size(expert * (c["E"] + c["shared"]) * moe),
            "one a layer": one * moe,
        },
        "shared": {
            "two": 2 * right["shared"] // 3,
            "one a layer": one * moe,
            "one layer": one * c["shared"],
            "shared everywhere": one * c["shared"] * c["layers"],
            "dense_h for h": size(dense * c["shared"] * moe),
            "missing": 0,
        },
        "total": {
            "total of active": active,
            "total, one end": total - ends // 2,
            "total, no ends": total - ends,
            "total, attention": total - right["attention"],
            "total, shared": total - right["shared"],
            "total twice": 2 * total,
        },
        "active": {
            "is total": total,
            "no attention": active - right["attention"],
            "no ends": active - ends,
            "one end": active - ends // 2,
            "row": active - ends // 2 + c["D"],
            "neither": active - ends - right["attention"],
            "no shared": active - right["shared"],
            "no dense": active - right["dense"],
            "no router": active - right["router"],
            "k of router": active - right["router"] + c["D"] * c["k"] * moe,
            "k/E": total * c["k"] // c["E"],
            "chosen alone": one * c["k"] * moe,
            "experts alone": one * (c["k"] + c["shared"]) * moe,
            "none chosen": total - right["experts"],
            "chosen once": total - right["experts"] + one * c["k"],
            "chosen everywhere": active + one * c["k"] * c["dense_layers"],
        },
    }
    return right, mistakes


def compare(parts, plain):
    config = draw(plain)
    right, mistakes = expected(config)
    counts = call(count_parameters, config)
    check_keys(counts, parts)
    for part in parts:
        met = {wrong: number for wrong, number in mistakes.get(part, {}).items() if number != right[part]}
        check(counts[part], right[part], told("count_parameters", met), f"{part}, with {config}")


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
# Two models (the numbers are made up). Each was trained on texts of its own.
#
# | model | parameters | active for a token | training text, tokens | questions right, of the same 1,000 |
# | --- | --- | --- | --- | --- |
# | A, dense | 70 billion (700 亿) | 70 billion | 2 trillion (2 万亿) | 612 |
# | B, a mixture | 10 trillion (10 万亿) | 50 billion | 30 trillion | 640 |
#
# "B has more than 140 times the parameters of A", says a colleague. "So it costs more than 140 times as much
# to run, and it is better *because* it is larger. Its load is even in every layer, so its experts have
# specialised. In layer 9, most Chinese text goes to expert 3: the router has *learned* to give Chinese an expert." Answer in
# eight to twelve short sentences:
#
# - How much memory do the weights of A and of B take at 2 bytes each, and how many operations does each need
#   for a token, at about two for each active parameter? Which of the two does "140 times" fit, and which not?
# - Why does the table not show that B is better because it is larger? Name two things, in the table or
#   above it, that could explain 640 against 612. Which comparison would you ask for, and what must be equal in it?
# - What does an even load show, and what does it not show? Name a router whose load is even and that knows
#   nothing about the text.
# - Expert 3 is taken away, and Chinese text loses more than English text. Name the control from section 5 of
#   the lesson that should be run beside it. By what must the loss be divided, since more Chinese than English
#   text has to move? Which results, with the learned router and with the control, would speak for the
#   colleague, and which against?
#
# Half a point for each of the four.

# %% [markdown] nbgrader={"grade": true, "grade_id": "in_your_words", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# **Model answer.** The weights of A take 140 gigabytes, those of B 20 terabytes: about 140 times as much. A
# token needs about 140 billion operations in A and 100 billion in B, which is fewer. So "140 times" fits the
# memory, and not the computing. That B is better because it is larger does not follow: it has also seen
# fifteen times as much text, other text at that, and on 1,000 questions 640 against 612 is hardly more than
# chance (the standard error of either is about 15). I would train a dense model with 50 billion parameters,
# or one with A's shape, on B's text, for as many tokens, and compare them on the same, far more questions, a
# few seeds each: text and operations a token must be equal. An even load shows that no expert is idle and no
# machine waits. It does not show that experts differ in what they know: a router that sends token i to expert
# i mod E has a perfectly even load. Beside the removal I would run a model whose router was frozen at its
# random start and never learned. And Chinese text may lose more only because more of it went to expert 3, so
# I divide by the share of tokens that had to move (or remove experts with equal use). If Chinese then loses
# clearly more for each token moved, and in the frozen model it does not, this speaks for the colleague. If
# both lose alike, or the frozen model shows the same, it speaks against.
#
# **Rubric.** Half a point for each of:
#
# 1. 140 gigabytes and 20 terabytes, about 140 and 100 billion operations; memory fits "140 times", computing
#    does not. Small slips in arithmetic cost nothing if the conclusion is right.
# 2. Two of: 15 times as much text, other text (perhaps with the questions in it), chance (28 of 1,000, with
#    standard errors near 15 for each). And a comparison in which training text and operations a token (active
#    parameters) are equal, or money; a dense model of equal total size on the same text is as good.
# 3. Shows: no expert idle, no machine waits. Does not show: what an expert knows. A router: token i to expert
#    i mod E, one drawn at random, or a hashed one.
# 4. The frozen (never learned) router as control; divided by the share of tokens that had to move, or equal
#    use. A result for and one against: more loss for each moved token than other text has, in the learned
#    router and not in the frozen one, and the opposite.
#
# Nothing for "the two cannot be compared" without saying why. That attention over long texts adds operations
# that no count of parameters shows is right; no extra points.
