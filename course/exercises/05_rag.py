# ---
# jupyter:
#   course:
#     title: "Assignment 5: Retrieval-augmented generation"
# ---

# %% [markdown]
# # Assignment 5: retrieval-augmented generation
#
# You write the parts of retrieval-augmented generation (检索增强生成, RAG). You cut texts into chunks, find them by their words and by their vectors, and merge the rankings. You measure how good a ranking is. You decide when it is better to give no answer, and explain why an answer went wrong. Seven tasks,
# 20 points, 60 to 90 minutes.
#
# **How to work.** Replace each `raise NotImplementedError()` with your code; keep the function's name and
# arguments. Run the test cell under it: where something is wrong, it says what it met. Press
# **Validate** before you hand in: it runs everything afresh, as the grader will. The grader also runs
# hidden tests, on other numbers; a comment says what each one checks and what it is worth. Add cells
# where you like, and leave the given ones in place.
#
# **In every task.** No task needs your answer to another one. No model is loaded. A function leaves its
# arguments as they are. Any way of computing the right result is right; PyTorch's own functions are
# allowed. Should you want a helper function, define it inside the function that uses it: the tests,
# hidden ones too, define functions of their own (`call`, `check`, ...) and would replace yours of the
# same name. No test turns on a rounding error.
# Use Python, torch and NumPy: the grader has no pandas, SciPy or scikit-learn.
#
# **The idea.** A language model knows what it has read in training, and cannot say where it has read it.
# So we keep the facts outside, as texts. For each question, the query (查询), we first look for the texts that may hold the answer; this is retrieval (检索). Then the model reads these texts and the question together and
# writes the answer; this is generation (生成). Most of this assignment is about retrieval: if it misses
# the text, the model has nothing to read the answer from.
#
# **Notation.** N documents (文档), numbered from 0; Q queries; D is the width of a vector; shapes are written
# (N, D). A ranking (排名) is a list of the numbers of documents, the best one first. The best one has rank
# 1, the next one rank 2. In task 4, and only there, each number comes with its score.

# %% reuse="cells/checks:checks" nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false}

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": true, "schema_version": 3, "solution": false, "task": false}
import math

import torch
import torch.nn.functional as F

torch.set_num_threads(1)  # tensors as small as these gain nothing from a second thread


# %% [markdown]
# ## Task 1: cut a text into chunks (2 points)
#
# A manual has a thousand pages, and a question needs three lines of it. So a text is cut into chunks
# (分块) before anything is looked for. A cut can fall into the middle of a fact: "returns are free" here,
# "if the box is unopened" there. Therefore neighbours share some words, the overlap (重叠).
#
# - A chunk has `size` words, and each one starts `size - overlap` words after the start of the one before.
#   So the last `overlap` words of a chunk are the first words of the next one.
# - The last chunk ends with the last word of the text. It may be shorter than `size`. Stop as soon as a
#   chunk reaches the last word: one more would lie wholly inside it and tell nothing new.
# - A text of at most `size` words is one chunk. A text without words has none: `[]`.
# - Raise `ValueError` unless `0 <= overlap < size`.
#
# Ten words 0 to 9, `size` 4:
#
# | overlap | chunks |
# | --- | --- |
# | 0 | 0 1 2 3, 4 5 6 7, 8 9 |
# | 1 | 0 1 2 3, 3 4 5 6, 6 7 8 9 (not also: 9) |
# | 2 | 0 1 2 3, 2 3 4 5, 4 5 6 7, 6 7 8 9 (not also: 8 9) |


# %% nbgrader={"grade": false, "grade_id": "chunk", "locked": false, "schema_version": 3, "solution": true, "task": false}
def chunk(words, size, overlap):
    """Chunks of `size` words, each starting `size - overlap` words after the one before.

    words: a list of strings, maybe none; 0 <= overlap < size, else ValueError, whatever the words.
    Returns a list of lists of strings.
    """
    ### BEGIN SOLUTION
    if not 0 <= overlap < size:
        raise ValueError(f"0 <= overlap < size is needed; overlap is {overlap}, size is {size}")
    if not words:
        return []
    # A chunk that starts at `len(words) - overlap` or later holds nothing new; the first always does.
    return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "chunk_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
text = "Returns are free within thirty days if the box is unopened"
words = text.split()  # 11 words


def cut(*spans):
    return [words[start:end] for start, end in spans]


# Size 5, overlap 2: a chunk starts at every third word. With 11 words the third chunk, 6 to 10, is full.
mistakes = {
    "each chunk starts where the one before ends; it starts overlap words earlier": [
        (0, 5),
        (5, 10),
        (10, 11),
    ],
    "words are lost: each chunk starts size + overlap after the one before; it is size - overlap": [
        (0, 5),
        (7, 11),
    ],
    "each chunk starts overlap words after the one before; it is size - overlap": [
        (0, 5),
        (2, 7),
        (4, 9),
        (6, 11),
    ],
    "the last chunk lies wholly inside the one before: stop when a chunk reaches the last word": [
        (0, 5),
        (3, 8),
        (6, 11),
        (9, 11),
    ],
    "a chunk holds size + overlap words; the overlap is a part of size": [(0, 7), (3, 10), (6, 11)],
    "the overlap comes on top of size words; it is a part of size": [(0, 5), (3, 10), (8, 11)],
    "the overlap is taken twice: each chunk starts size - 2·overlap after the one before": [
        (0, 5),
        (1, 6),
        (2, 7),
        (3, 8),
        (4, 9),
        (5, 10),
        (6, 11),
    ],
}
mistakes = {said: cut(*spans) for said, spans in mistakes.items()}
mistakes["a chunk is one string; return lists of words"] = [
    " ".join(part) for part in cut((0, 5), (3, 8), (6, 11))
]
check(call(chunk, words, 5, 2), cut((0, 5), (3, 8), (6, 11)), mistakes, "11 words, size 5, overlap 2")
# With 10 words the last chunk, 6 to 9, has four.
mistakes = {
    "the last words are lost: the last chunk may be shorter than size": cut((0, 5), (3, 8)),
    "the last chunk is moved back until it is full; leave its start and let it be shorter": cut(
        (0, 5), (3, 8), (5, 10)
    ),
    "the last chunk does not overlap the one before": cut((0, 5), (3, 8), (8, 10)),
}
check(call(chunk, words[:10], 5, 2), cut((0, 5), (3, 8), (6, 10)), mistakes, "10 words, size 5, overlap 2")
mistakes = {
    "a chunk begins with the whole one before: with overlap 0, part[-0:] is all of part": cut(
        (0, 4), (0, 8), (0, 11)
    )
}
check(call(chunk, words, 4, 0), cut((0, 4), (4, 8), (8, 11)), mistakes, "11 words, size 4, overlap 0")
mistakes = {"there is none, although the text has words; it has one chunk": []}
check(call(chunk, words[:2], 5, 2), cut((0, 2)), mistakes, "2 words, size 5, overlap 2")
mistakes = {"there is a chunk without words; return []": [[]]}
check(call(chunk, [], 5, 2), [], mistakes, "a text without words")
for size, overlap in [(4, 4), (2, 4)]:
    check_raises(ValueError, chunk, words, size, overlap)
check_unchanged(chunk, words, 5, 2)
print("chunk: right")


# %% nbgrader={"grade": true, "grade_id": "chunk_hidden", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random texts, in which words occur more than once. 0.5 points: texts whose last chunk is
# full or not, also with a large overlap. 0.25 points: texts of at most `size` words, down to none. 0.25 points: where
# to raise, and where not.
### BEGIN HIDDEN TESTS
import random

SAYS = {
    "step is size": "each chunk starts where the one before ends; it starts overlap words earlier",
    "step too long": "words are lost: each chunk starts size + overlap after the one before; it is "
    "size - overlap",
    "step is overlap": "each chunk starts overlap words after the one before; it is size - overlap",
    "inside": "the last chunk lies wholly inside the one before: stop when a chunk reaches the last word",
    "longer": "a chunk holds size + overlap words; the overlap is a part of size",
    "on top": "the overlap comes on top of size words; it is a part of size",
    "twice": "the overlap is taken twice: each chunk starts size - 2·overlap after the one before",
    "lost": "the last words are lost: the last chunk may be shorter than size",
    "moved": "the last chunk is moved back until it is full; leave its start and let it be shorter",
    "apart": "the last chunk does not overlap the one before",
    "early": "it stops at a chunk whose last word is equal to the text's last word; words occur more than "
    "once, so compare positions",
    "string": "a chunk is one string; return lists of words",
    "split": "a word was cut at the space in it; take the words of the list as they are",
    "once": "one chunk that lies inside the one before was left out, and there are more of them",
}


def expected(words, size, overlap, wrong=None):
    """The right chunks, or what comes out with one thing wrong, a key of SAYS."""
    words = " ".join(words).split() if wrong == "split" else words
    n = len(words)
    if not n:
        return []
    step = {
        "step is size": size,
        "step too long": size + overlap,
        "step is overlap": overlap,
        "on top": size,
        "twice": max(1, size - 2 * overlap),
    }.get(wrong, size - overlap)
    spans = []
    for start in range(0, n, step):
        first = max(0, start - overlap) if wrong == "on top" else start
        spans.append((first, min(n, start + size + (overlap if wrong == "longer" else 0))))
        last = spans[-1][1]
        if wrong not in ("inside", "once") and last == n or wrong == "early" and words[last - 1] == words[-1]:
            break
    before, (start, end) = spans[:-1], spans[-1]
    if wrong == "lost" and end - start < size or wrong == "once" and before and end - start <= overlap:
        spans = before
    elif wrong == "moved":
        spans = [*before, (max(0, n - size), n)]
    elif wrong == "apart" and before:
        spans = [*before, (before[-1][1], n)]
    parts = [words[start:end] for start, end in spans]
    return [" ".join(part) for part in parts] if wrong == "string" else parts


def compare(n, size, overlap):
    grey = "grey" if n <= size else "dark grey"  # a word with a space, in long texts
    while True:  # until every mistake that differs at these sizes gives something else
        words = [rng.choice(["red", "green", "blue", grey, "black", "white"]) for _ in range(n)]
        want = expected(words, size, overlap)
        results = {wrong: expected(words, size, overlap, wrong) for wrong in SAYS}
        differ = [result for result in results.values() if result != want]
        early = results["early"]
        if (
            n <= size
            or want != results["split"]
            and early not in [want, *(r for r in differ if r is not early)]
        ):
            break
    mistakes = {"there is none, although the text has words; it has one chunk": []} if n <= size else {}
    mistakes |= {SAYS[wrong]: result for wrong, result in results.items()}
    mistakes["there is a chunk without words; return []"] = [[]]
    got = call(chunk, words, size, overlap)
    check(got, want, mistakes, f"{n} words, size {size}, overlap {overlap}")


points, rng = Points(1), random.Random()
with points.part(0.5, "long texts"):
    for rest in [0, rng.randint(1, 3)]:  # so many words are missing in the last chunk
        size, overlap = rng.randint(10, 11), rng.randint(3, 4)
        compare(size + 4 * (size - overlap) - rest, size, overlap)
    compare(17, 7, rng.randint(5, 6))
    words, same = ["left", "right"] * 6, [["left", "right"] * 2] * 5
    mistakes = {
        "equal chunks are left out; the same words, further on in the text, are another chunk": same[:1]
    }
    check(call(chunk, words, 4, 2), same, mistakes, "a text that repeats itself, size 4, overlap 2")
with points.part(0.25, "short texts"):
    for n in [0, 1, rng.randint(2, 4), 7]:
        compare(n, 7, rng.randint(4, 6))
with points.part(0.25, "where to raise"):
    check(call(chunk, ["one", "two"], 3, 1), [["one", "two"]], {}, "two words, size 3, overlap 1")
    for words in [["one", "two", "three"] * 4, ["one", "two"], []]:
        for size, overlap in [(4, -1), (3, rng.randint(4, 6)), (5, 5)]:
            check_raises(ValueError, chunk, words, size, overlap)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: BM25, find documents by their words (3 points)
#
# How well does a document (a list of words) fit a query (a list of words)? BM25 is the classic answer: it
# is from the 1990s, needs no training, and is still what newer methods must beat. Three ideas:
#
# - A word that few documents hold tells more than one that all of them hold. Its weight is the inverse
#   document frequency (逆文档频率, idf).
# - A word that occurs often in a document counts more; but the tenth time adds less than the second. The
#   term frequency (词频) saturates (饱和).
# - In a long document a word may occur by chance. So the length is taken into account (长度归一化).
#
# For a query of words t and a document d:
#
# $$\text{score}(d) = \sum_{t} \text{idf}(t) \cdot \frac{f \cdot (k_1 + 1)}{f + k_1 \cdot (1 - b + b \cdot L / \bar L)}
# \qquad \text{idf}(t) = \ln\left(1 + \frac{N - n + 0.5}{n + 0.5}\right)$$
#
# | | |
# | --- | --- |
# | f | how many times t occurs in d |
# | L, $\bar L$ | number of words in d; its mean over all N documents. A word that occurs twice counts twice |
# | n | number of documents that hold t, once or more |
# | k₁ | how late f saturates. With k₁ near 0, it hardly matters how often a word occurs |
# | b | how much the length matters, from 0 (not at all) to 1 |
#
# The sum runs over all words of the query; a word that stands there twice counts twice. A word that no
# document holds adds 0 to every score. Compare whole words: "teapot" does not hold the word "tea".
#
# By hand, with k₁ = 1 and b = 0.5; the mean length is 16/4 = 4, so the part in brackets is 0.5 + L/8:
#
# | | document | L | 0.5 + L/8 | f of "tea" | f·2/(f + 0.5 + L/8) |
# | --- | --- | --- | --- | --- | --- |
# | 0 | green tea | 2 | 0.75 | 1 | 8/7 |
# | 1 | tea and tea leaves | 4 | 1 | 2 | 4/3 |
# | 2 | a teapot of coffee with milk | 6 | 1.25 | 0 | 0 |
# | 3 | coffee or green tea | 4 | 1 | 1 | 1 |
#
# Three of the four documents hold "tea": idf = ln(1 + 1.5/3.5) = 0.357. Two hold "green": idf = ln(1 +
# 2.5/2.5) = 0.693. The query "green tea" gives document 0 the score (0.357 + 0.693) · 8/7 = 1.2, and
# document 1 the score 0.357 · 4/3 = 0.476.
#
# Some programs leave out the factor k₁ + 1, as the search library Lucene does, and the Python package `bm25s` with `method="lucene"`: all scores are smaller by this factor, and the order is the same. Here it belongs to the formula.


# %% nbgrader={"grade": false, "grade_id": "bm25", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bm25(query, documents, k1=1.5, b=0.75):
    """The BM25 score of each document, for one query.

    query: a list of words, maybe none; documents: a list of N lists of words, none of them empty; k1 > 0; 0 <= b <= 1.
    Returns a tensor (N,), of any floating-point type.
    """
    ### BEGIN SOLUTION
    lengths = torch.tensor([len(document) for document in documents]).double()
    slow = k1 * (1 - b + b * lengths / lengths.mean())
    scores = torch.zeros_like(lengths)
    for word in query:
        f = torch.tensor([document.count(word) for document in documents])
        n = (f > 0).sum()
        idf = torch.log(1 + (len(documents) - n + 0.5) / (n + 0.5))
        scores += idf * f * (k1 + 1) / (f + slow)
    return scores
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "bm25_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# The four documents of the table, k1 = 1, b = 0.5.
documents = [
    ["green", "tea"],
    ["tea", "and", "tea", "leaves"],
    ["a", "teapot", "of", "coffee", "with", "milk"],
    ["coffee", "or", "green", "tea"],
]
right = torch.tensor([1.1998, 0.4756, 0.0, 1.0498])
mistakes = {
    "n counts how often a word occurs; it is the number of documents that hold it": [
        0.9126,
        0.1405,
        0,
        0.7985,
    ],
    "the lengths play no part; divide L by the mean length": [1.0498, 0.4756, 0, 1.0498],
    "the mean length is divided by L; divide L by the mean": [0.8399, 0.4756, 0, 1.0498],
    "L is divided by the sum of all lengths; divide it by their mean": [1.3438, 0.5435, 0, 1.2921],
    "the mean length counts distinct words; a word that occurs twice counts twice": [
        1.1885,
        0.4703,
        0,
        1.0326,
    ],
    "a word in most documents has a negative idf: there is 1 + ... inside the logarithm": [
        -0.9683,
        -1.1297,
        0,
        -0.8473,
    ],
    "the 1 stands outside the logarithm; it belongs inside": [1.3174, 0.2036, 0, 1.1527],
    "the logarithm has base 10; math.log and torch.log have base e": [0.5211, 0.2065, 0, 0.4559],
    "the logarithm has base 2; math.log and torch.log have base e": [1.7309, 0.6861, 0, 1.5146],
    "idf has no logarithm": [3.9184, 1.9048, 0, 3.4286],
    "idf is ln(N/n); here it is ln(1 + (N - n + 0.5)/(n + 0.5))": [1.1209, 0.3836, 0, 0.9808],
    "there is no idf: all words count alike": [2.2857, 1.3333, 0, 2],
    "f is 1 or 0; count how often the word occurs": [1.1998, 0.3567, 0, 1.0498],
    "f does not saturate: idf is multiplied by f itself": [1.0498, 0.7133, 0, 1.0498],
    "f does not saturate: idf is multiplied by f/L": [0.5249, 0.1783, 0, 0.2625],
    "all scores are k1 + 1 times too small; here this factor belongs to the formula": [
        0.5999,
        0.2378,
        0,
        0.5249,
    ],
    "k1 and b have changed places": [1.2598, 0.428, 0, 1.0498],
    "k1 = 1.5 and b = 0.75 are used, whatever is given": [1.3546, 0.5095, 0, 1.0498],
    '"teapot" is taken for "tea"; count whole words, in the list': [0.9126, 0.1405, 0.0937, 0.7985],
}
check(call(bm25, ["green", "tea"], documents, 1, 0.5), right, mistakes, 'the scores for "green tea"')
# Two documents hold "coffee", idf 0.693; one holds "milk", idf ln(5/1.5) = 1.204; none holds "juice".
# Document 2: (2 x 0.693 + 1.204) x 2/2.25 = 2.303. Document 3: 2 x 0.693 x 1 = 1.386.
query = ["coffee", "coffee", "milk", "juice"]
right = torch.tensor([0.0, 0.0, 2.3025, 1.3863])
mistakes = {"a word that stands twice in the query counts once; it counts twice": [0, 0, 1.6863, 0.6931]}
check(call(bm25, query, documents, 1, 0.5), right, mistakes, f'the scores for "{" ".join(query)}"')
check_unchanged(bm25, query, documents, 1, 0.5)
print("bm25: right")


# %% nbgrader={"grade": true, "grade_id": "bm25_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random documents, two of them equal, 0.5 points each: k1 and b left at their defaults; other k1 and b,
# also b = 0 and 1; words that stand more than once in the query; words that no document holds, and no words.
### BEGIN HIDDEN TESTS
import random
import re

SAYS = {
    "occurrences": "n counts how often a word occurs; it is the number of documents that hold it",
    "no length": "the lengths play no part; divide L by the mean length",
    "upside down": "the mean length is divided by L; divide L by the mean",
    "total": "L is divided by the sum of all lengths; divide it by their mean",
    "distinct": "the mean length counts distinct words; a word that occurs twice counts twice",
    "no one": "a word in most documents has a negative idf: there is 1 + ... inside the logarithm",
    "one outside": "the 1 stands outside the logarithm; it belongs inside",
    "log10": "the logarithm has base 10; math.log and torch.log have base e",
    "log2": "the logarithm has base 2; math.log and torch.log have base e",
    "no log": "idf has no logarithm",
    "plain": "idf is ln(N/n); here it is ln(1 + (N - n + 0.5)/(n + 0.5))",
    "no idf": "there is no idf: all words count alike",
    "presence": "f is 1 or 0; count how often the word occurs",
    "raw": "f does not saturate: idf is multiplied by f itself",
    "share": "f does not saturate: idf is multiplied by f/L",
    "lucene": "all scores are k1 + 1 times too small; here this factor belongs to the formula",
    "swapped": "k1 and b have changed places",
    "defaults": "k1 = 1.5 and b = 0.75 are used, whatever is given",
    "1.2": "k1 is 1.2 where nothing is given; its default is 1.5",
    "once": "a word that stands twice in the query counts once; it counts twice",
    "substring": "a word is found inside a longer one; count whole words, in the list",
    "edges": 'a word is found inside a longer one, as "tea" in "tea-time"; count whole words, in the list',
    "spaces": "of two equal words in a row one is missed; count in the list, not in a string",
    "rounded": "the mean length is rounded down; it may be a fraction",
    "index": "of two equal documents only the first has its score; go by the place, not by the words",
}


def expected(query, documents, k1=1.5, b=0.75, wrong=None):
    """The right scores, or what comes out with one thing wrong, a key of SAYS."""
    if wrong == "defaults":
        k1, b = 1.5, 0.75
    elif wrong == "1.2":
        k1 = 1.2
    elif wrong == "swapped":
        k1, b = b, k1
    query = list(dict.fromkeys(query)) if wrong == "once" else query
    N = len(documents)
    lengths = [len(document) for document in documents]
    mean = {
        "distinct": sum(len(set(document)) for document in documents) / N,
        "total": sum(lengths),
        "rounded": sum(lengths) // N,
    }.get(wrong, sum(lengths) / N)
    scores = [0.0] * N
    for word in query:
        counts = [document.count(word) for document in documents]
        texts = [f" {' '.join(document)} " for document in documents]
        if wrong in ("substring", "edges", "spaces"):
            find = {"substring": re.escape(word), "edges": rf"\b{word}\b", "spaces": f" {word} "}[wrong]
            counts = [len(re.findall(find, text)) for text in texts]
        n = sum(counts) if wrong == "occurrences" else sum(count > 0 for count in counts)
        odds = (N - n + 0.5) / (n + 0.5)
        idf = {
            "no one": lambda odds=odds: math.log(odds),
            "one outside": lambda odds=odds: 1 + math.log(odds),
            "log10": lambda odds=odds: math.log10(1 + odds),
            "log2": lambda odds=odds: math.log2(1 + odds),
            "no log": lambda odds=odds: 1 + odds,
            "plain": lambda n=n: math.log(N / max(n, 1)),
            "no idf": lambda: 1.0,
        }.get(wrong, lambda odds=odds: math.log(1 + odds))()
        for i, (f, length) in enumerate(zip(counts, lengths, strict=True)):
            ratio = {"no length": 1, "upside down": mean / length}.get(wrong, length / mean)
            f = min(f, 1) if wrong == "presence" else f
            slow = k1 * (1 - b + b * ratio)
            weight = {"raw": f, "share": f / length}.get(wrong, f * (k1 + 1) / (f + slow))
            if wrong != "index" or documents.index(documents[i]) == i:
                scores[i] += idf * weight / (k1 + 1 if wrong == "lucene" else 1)
    return torch.tensor(scores)


def compare(kind, *k1_and_b):
    while True:  # until mistakes can be told apart, as far as this kind of query and k1, b show them
        vocabulary = [f"w{i}" for i in range(1, 13)]
        often = [rng.choice(vocabulary) for _ in range(3)] + vocabulary + ["w1-w2"]
        documents = [[rng.choice(often) for _ in range(rng.randint(4, 14))] + ["all"] for _ in range(6)]
        documents.append(list(documents[0]))
        query = ["w1", rng.choice(vocabulary[1:9]), "all"]
        if not all(any(word in document for document in documents) for word in query):
            continue
        if kind == "repeated":
            query = [query[0], query[1], query[0], query[2], query[0], query[1]]
        elif kind == "absent":
            query = ["zebra", query[0], "lion", query[1]]
        want = expected(query, documents, *k1_and_b)
        wrong = {key: expected(query, documents, *k1_and_b, wrong=key) for key in SAYS}
        hidden = set() if kind == "repeated" else {"once"}
        hidden |= {"1.2"} if k1_and_b else {"defaults"}
        results = [want, *(result for key, result in wrong.items() if key not in hidden)]
        if not any(_equal(one, other, 4e-3) for i, one in enumerate(results) for other in results[:i]):
            break
    mistakes = {SAYS[key]: result for key, result in wrong.items() if key not in hidden}
    got = call(bm25, query, documents, *k1_and_b)
    given = " k1={:.3g}, b={:.3g}".format(*k1_and_b) if k1_and_b else " k1 and b left out"
    check(got, want, mistakes, f'the scores for "{" ".join(query)}",{given}')
    return query, documents


points, rng = Points(2), random.Random()
with points.part(0.5, "k1 and b left at their defaults"):
    compare("plain")
with points.part(0.5, "other k1 and b"):
    k1 = rng.uniform(2, 3)
    query, documents = compare("plain", k1, rng.uniform(0.3, 0.5))
    for b in (0, 1):
        check(
            call(bm25, query, documents, k1, b),
            expected(query, documents, k1, b),
            {},
            f"the scores with b = {b}",
        )
with points.part(0.5, "words more than once in the query"):
    compare("repeated")
with points.part(0.5, "words that no document holds"):
    compare("absent")
    for query in (["zebra", "lion"], []):
        want = torch.zeros(2)
        check(
            call(bm25, query, [["tea", "time"], ["tea"]]), want, {}, f"the scores for {query}, in no document"
        )
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: the nearest vectors (3 points)
#
# "Can I send the shoes back?" and "returns are free within thirty days" share no word, so BM25 gives 0. An
# encoder (编码器) is a model that makes a vector of each text, so that the vectors of texts with similar meanings point in similar directions. Find for each query the k documents whose vectors point most nearly in its direction. The
# measure is cosine similarity (余弦相似度), the cosine of the angle between the vectors:
#
# $$\cos(q, d) = \frac{q \cdot d}{|q| \, |d|} \qquad |q| = \sqrt{\textstyle\sum_i q_i^2}$$
#
# It goes from −1 (opposite) through 0 (at right angles) to 1 (the same direction), and the length of a
# vector does not matter. For q = (4, 3), of length 5:
#
# | | d | length | q · d | cosine |
# | --- | --- | --- | --- | --- |
# | 0 | (0.3, 0.4) | 0.5 | 2.4 | 2.4/(5 · 0.5) = 0.96 |
# | 1 | (−10, 0) | 10 | −40 | −40/(5 · 10) = −0.8 |
# | 2 | (40, 30) | 50 | 250 | 250/(5 · 50) = 1 |
# | 3 | (5, 12) | 13 | 56 | 56/(5 · 13) = 0.862 |
#
# The nearest is document 2, then 0, then 3. By the product q · d alone it would be 2, 3, 0; by distance
# 0, 3, 1.
#
# - Return two tensors (Q, k): the similarities, from high to low, and the indices of these documents.
# - Among equal similarities the smaller index comes first. `torch.topk` does not promise this;
#   `torch.sort(values, dim=-1, descending=True, stable=True)` keeps equal values in their order.
# - A vector of zeros has no direction. Its similarity with every vector is 0, by definition here.
# - If there are fewer than k documents, return all N of them: the shapes are (Q, N).


# %% nbgrader={"grade": false, "grade_id": "nearest", "locked": false, "schema_version": 3, "solution": true, "task": false}
def nearest(queries, documents, k):
    """The k documents that are most similar to each query, by cosine similarity.

    queries: (Q, D); documents: (N, D); k >= 1.
    Returns similarities, (Q, k), from high to low, and indices, (Q, k), int64; (Q, N) if k > N.
    """
    ### BEGIN SOLUTION
    # F.normalize divides by the length, but never by less than 1e-12: zeros stay zeros.
    similarities = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "nearest_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Q = 2, N = 4, D = 2: the documents of the table, and a second query, (0, -2).
queries = torch.tensor([[4.0, 3], [0, -2]])
documents = torch.tensor([[0.3, 0.4], [-10, 0], [40, 30], [5, 12]])
names = ("similarities", "indices")
# Query 1 has the similarities -0.8, 0, -0.6, -12/13.
right = torch.tensor([[1, 0.96, 56 / 65], [0, -0.6, -0.8]])
mistakes = {
    "they are q · d; divide by both lengths": [[250, 56, 2.4], [0, -0.8, -24]],
    "the queries are divided by their lengths, the documents are not": [[50, 11.2, 0.48], [0, -0.4, -12]],
    "the documents are divided by their lengths, the queries are not": [[5, 4.8, 4.3077], [0, -1.2, -1.6]],
    "the lengths are taken over dimension 0, of columns; each row is a vector": [
        [1.7355, 0.4294, 0.0175],
        [0, -0.0069, -0.206],
    ],
    "a whole matrix is divided by one length; each row has its own": [
        [0.8822, 0.1976, 0.0085],
        [0, -0.0028, -0.0847],
    ],
    "the vectors are divided by the sums of |numbers|; the length is the root of the sum of squares": [
        [0.5102, 0.4898, 0.4706],
        [0, -0.4286, -0.5714],
    ],
    "they are products divided by the squares of the lengths": [[0.384, 0.0133, 0.004], [0, -0.006, -0.0355]],
    "the sign is lost: opposite directions have -1": [[1, 0.96, 0.8615], [0.9231, 0.8, 0.6]],
    "these are the documents with the lowest similarities": [[-0.8, 0.8615, 0.96], [-0.9231, -0.8, -0.6]],
    "these are the documents at the smallest distances; go by the angle": [
        [0.96, 0.8615, -0.8],
        [-0.8, 0, -0.9231],
    ],
    "these are distances; a similarity is a cosine": [[4.5222, 9.0554, 14.3178], [2.4187, 10.198, 14.8661]],
    "these are 1 minus the cosine; return the cosine": [[0, 0.04, 0.1385], [1, 1.6, 1.8]],
    "these are the indices; return the similarities first": [[2, 0, 3], [1, 2, 0]],
}
similarities, indices = unpack(call(nearest, queries, documents, 3), *names)
check(similarities, right, mistakes, "the similarities")
right = torch.tensor([[2, 0, 3], [1, 2, 0]])
mistakes = {
    "they are counted from 1; documents are numbered from 0": [[3, 1, 4], [2, 3, 1]],
    "these are the ranks of the first k documents; argsort once gives the indices": [[1, 3, 0], [2, 0, 1]],
}
check(indices, right, mistakes, "the indices")
# Equal similarities. The query (1, 0) has 1, 0, 1, 1, -1, 0 with these six documents.
query = torch.tensor([[1.0, 0]])
six = torch.tensor([[2.0, 0], [0, 1], [1, 0], [4, 0], [-1, 0], [0, 8]])
mistakes = {
    "among equal similarities the smaller index comes first; torch.topk does not see to it": [
        [0, 2, 3, 5, 1]
    ],
    "among equal similarities the smaller index comes first; a reversed sort has the larger first": [
        [3, 2, 0, 5, 1]
    ],
}
_, indices = unpack(call(nearest, query, six, 5), *names)
check(indices, torch.tensor([[0, 2, 3, 1, 5]]), mistakes, "the indices, with equal similarities")
# Zeros: query 0 and document 0. Query 1 has the similarities 0, 0.8, -1.
zeros, three = torch.tensor([[0.0, 0], [0, 5]]), torch.tensor([[0.0, 0], [3, 4], [0, -1]])
similarities, _ = unpack(call(nearest, zeros, three, 3), *names)
if isinstance(similarities, torch.Tensor) and similarities.isnan().any():
    raise CheckFailed("a vector of zeros gives NaN, from 0/0; its similarity with every vector is 0")
right = torch.tensor([[0.0, 0, 0], [0.8, 0, -1]])
check(similarities, right, what="the similarities, with vectors of zeros")
_, indices = unpack(call(nearest, queries, documents, 9), *names)
check(indices, torch.tensor([[2, 0, 3, 1], [1, 2, 0, 3]]), what="the indices, with N = 4 and k = 9")
check_unchanged(nearest, queries, documents, 3)
print("nearest: right")


# %% nbgrader={"grade": true, "grade_id": "nearest_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random vectors. 1 point: the result. 0.5 points: many equal similarities. 0.25 points:
# vectors of zeros, and very short ones. 0.25 points: a single query; fewer than k documents; k = 1; the indices' type.
### BEGIN HIDDEN TESTS
SAYS = {
    "dot": "they are q · d; divide by both lengths",
    "queries": "the queries are divided by their lengths, the documents are not",
    "documents": "the documents are divided by their lengths, the queries are not",
    "columns": "the lengths are taken over dimension 0, of columns; each row is a vector",
    "whole": "a whole matrix is divided by one length; each row has its own",
    "sums": "the vectors are divided by the sums of |numbers|; the length is the root of the sum of squares",
    "squares": "they are products divided by the squares of the lengths",
    "no sign": "the sign is lost: opposite directions have -1",
    "lowest": "these are the documents with the lowest similarities",
    "near": "these are the documents at the smallest distances; go by the angle",
    "distance": "these are distances; a similarity is a cosine",
    "minus": "these are 1 minus the cosine; return the cosine",
    "indices": "these are the indices; return the similarities first",
}
SHORT = {
    "added": "something is added to the lengths, which counts where vectors are short; treat zeros apart",
}
INDICES = {
    "from 1": "they are counted from 1; documents are numbered from 0",
    "ranks": "these are the ranks of the first k documents; argsort once gives the indices",
}


def expected(queries, documents, k, wrong=None):
    """The right similarities and indices, or what comes out with one thing wrong, a key of SAYS or INDICES."""
    q, d = (x / x.norm(dim=1, keepdim=True).clamp(min=1e-12) for x in (queries, documents))
    cosine, distance = q @ d.T, (queries[:, None] - documents).norm(dim=2)
    values = {
        "dot": queries @ documents.T,
        "queries": q @ documents.T,
        "documents": queries @ d.T,
        "columns": (queries / queries.norm(dim=0)) @ (documents / documents.norm(dim=0)).T,
        "whole": (queries / queries.norm()) @ (documents / documents.norm()).T,
        "sums": F.normalize(queries, p=1, dim=1) @ F.normalize(documents, p=1, dim=1).T,
        "squares": (queries @ documents.T) / queries.norm(dim=1)[:, None] ** 2 / documents.norm(dim=1) ** 2,
        "added": (queries @ documents.T) / (queries.norm(dim=1)[:, None] * documents.norm(dim=1) + 1e-8),
        "no sign": cosine.abs(),
        "lowest": -cosine,
        "near": -distance,
        "distance": -distance,
    }.get(wrong, cosine)
    values, indices = values.sort(dim=1, descending=True, stable=True)
    if wrong == "ranks":
        indices = indices.argsort(dim=1)
    values, indices = values[:, :k], indices[:, :k]
    changed = {
        "minus": lambda: 1 - values,
        "near": lambda: cosine.gather(1, indices),
        "indices": lambda: indices,
    }
    if wrong in ("lowest", "distance"):
        values = -values
    return changed.get(wrong, lambda: values)(), indices + (wrong == "from 1")


def vectors(n, width):
    """Vectors of very different lengths."""
    return fresh(n, width) * (1.5 * fresh(n, 1)).exp()


def compare(queries, documents, k, what):
    """Returns the indices, for a check of their own."""
    similarities, _ = expected(queries, documents, k)
    wrong = {said: expected(queries, documents, k, key)[0] for key, said in (SAYS | SHORT).items()}
    mistakes = {said: values for said, values in wrong.items() if not _equal(values, similarities, 4e-3)}
    got, indices = unpack(call(nearest, queries, documents, k), "similarities", "indices")
    if isinstance(got, torch.Tensor) and got.isnan().any():
        raise CheckFailed("a vector of zeros gives NaN, from 0/0; its similarity with every vector is 0")
    check(got, similarities, mistakes, f"the similarities, with {what}")
    return indices


def compare_both(Q, N, k):
    while True:  # until no two similarities are close, and every mistake gives something else
        queries, documents = vectors(Q, 5), vectors(N, 5)
        every = expected(queries, documents, N)[0]
        values, right = expected(queries, documents, k)
        wrong = [expected(queries, documents, k, key)[0] for key in SAYS]
        mistakes = {said: expected(queries, documents, k, key)[1] for key, said in INDICES.items()}
        clear = (every[:, :-1] - every[:, 1:]).min() > 1e-3
        same = [_equal(other, values, 4e-3) for other in wrong]
        if clear and not any([*same, *(torch.equal(other, right) for other in mistakes.values())]):
            break
    what = f"Q = {Q}, N = {N}, k = {k}"
    indices = compare(queries, documents, k, what)
    check(indices, right, mistakes, f"the indices, with {what}")
    return indices


def in_quarters(n):
    """Vectors of four equal numbers, with signs, and zeros: all their cosines are exact quarters."""
    places = fresh(n, 12).argsort(dim=1)[:, :4]
    signs = torch.where(fresh(n, 4) < 0, -1.0, 1.0) * torch.tensor([1.0, 2, 4])[fresh(n, 3).argmax(1), None]
    return torch.zeros(n, 12).scatter(1, places, signs)


points = Points(2)
with points.part(1, "the result"):
    compare_both(3, 9, 4)
with points.part(0.5, "many equal similarities"):
    queries, documents = in_quarters(6), in_quarters(40)
    values, right = expected(queries, documents, 15)
    indices = compare(queries, documents, 15, "many equal ones")
    mistakes = {said: expected(queries, documents, 15, key)[1] for key, said in INDICES.items()}
    fits = (
        isinstance(indices, torch.Tensor) and indices.shape == right.shape and not indices.is_floating_point()
    )
    if fits and indices.min() >= 0 and indices.max() < 40:
        cosine = F.cosine_similarity(queries[:, None], documents, dim=2)
        if _equal(cosine.gather(1, indices), values, 1e-3):
            mistakes = {"among equal similarities the smaller index comes first": indices}
    check(indices, right, mistakes, "the indices, with many equal similarities")
with points.part(0.25, "vectors of zeros, and very short ones"):
    while True:  # until no two similarities are close, but those of query 1: all of them are 0
        queries, documents = vectors(3, 5), vectors(6, 5)
        queries[1], documents[2] = 0, 0
        queries[2], documents[4] = 1e-5 * queries[2], 1e-5 * documents[4]
        every, right = expected(queries, documents, 6)
        if (every[::2, :-1] - every[::2, 1:]).min() > 1e-3:
            break
    indices = compare(queries, documents, 6, "vectors of zeros, and very short ones")
    check(indices, right, {}, "the indices, with vectors of zeros (their similarities are 0, and equal)")
with points.part(0.25, "a single query, fewer than k documents, k = 1"):
    compare_both(3, 5, 1)
    indices = compare_both(1, 4, 6)
    kind = str(indices.dtype).removeprefix("torch.")
    check(kind, "int64", {}, "the type of the indices (a float or a short one is no index)")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4: several rankings into one (3 points)
#
# BM25 looks for the words of the question, the vectors of task 3 look for its meaning. Each of them gives a ranking: a
# list of pairs (document, score), the best first. You want one ranking. The scores cannot be added: a BM25 score may be 12, a
# cosine is at most 1. Reciprocal rank fusion (倒数排名融合, RRF; [Cormack et al. 2009](https://doi.org/10.1145/1571941.1572114))
# uses the ranks only. For each document d, add over all rankings that hold d
#
# $$\text{score}(d) = \sum_{\text{rankings that hold } d} \frac{1}{c + \text{rank of } d}$$
#
# - The rank is the place in the list, whatever the score: equal scores have different ranks, and a ranking may as well hold
#   distances, the smallest first. Ranks count from 1. c is a constant, given as an argument.
# - A ranking need not hold every document. Where it lacks d, it adds nothing to the score of d.
# - No ranking holds a document twice. Neither does the result.
# - Return the numbers of the n documents with the highest score(d), the highest first; where there are fewer than n, all of
#   them. Where score(d) is equal, the smaller number comes first. Return numbers alone, no pairs.
#
# *By hand*, with c = 1: the rankings are [(7, 12.3), (3, 4.5)] and [(3, 0.8), (5, 0.3), (7, -0.1)]. Document 7 has the ranks 1 and 3: 1/2 + 1/4 = 0.75.
# Document 3 has the ranks 2 and 1: 1/3 + 1/2 = 0.83. Document 5 has rank 2 in the second: 1/3. The result is [3, 7, 5].
# Added scores would put 7 first, 12.3 − 0.1 against 4.5 + 0.8: BM25 would decide alone.
#
# The usual c is 60. Then rank 1 gives 1/61 and rank 10 gives 1/70, hardly less. A document that is among the first 60 of two rankings beats one that is first in one of them and missing in the other.


# %% nbgrader={"grade": false, "grade_id": "fuse", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fuse(rankings, n, c=60):
    """One ranking made of several, by reciprocal rank fusion.

    rankings: a list of lists of pairs (document number, score), each list from best to worst; n: how many to return.
    Returns a list of at most n document numbers, from best to worst.
    """
    ### BEGIN SOLUTION
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / (c + rank)
    return sorted(score, key=lambda document: (-score[document], document))[:n]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "fuse_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Three rankings, c = 2: rank 1 gives 1/3, rank 2 gives 1/4, then 1/5, 1/6, 1/7.
rankings = [
    [(8, 8.5), (6, 7.5), (7, 4.8)],
    [(1, 0.65), (7, 0.53), (2, 0.26), (3, 0.1), (8, -0.1)],
    [(6, 5.2), (4, 4.6), (3, -1.2)],
]
# 6: 1/4 + 1/3 = 0.583   8: 1/3 + 1/7 = 0.476   7: 1/5 + 1/4 = 0.45   3: 1/6 + 1/5 = 0.367
# 1: 1/3 = 0.333         4: 1/4 = 0.25          2: 1/5 = 0.2
mistakes = {
    "ranks count from 1; these come from ranks that count from 0": [6, 8, 7, 1],
    "c is not used; a rank gives 1/(c + rank)": [6, 8, 1, 7],
    "c is an argument, 2 here; this is the result for 60": [6, 7, 8, 3],
    "a ranking that lacks a document adds nothing; here it counts as the rank after the last": [6, 1, 8, 7],
    "these have the smallest sums of ranks; a rank gives 1/(c + rank), and the highest sum wins": [
        1,
        4,
        2,
        6,
    ],
    "these come from points (last place 1, the one above 2, ...); a rank gives 1/(c + rank)": [1, 6, 7, 8],
    "each document's best rank alone decides; add over the rankings that hold it": [1, 6, 8, 4],
    "the mean over the rankings that hold the document decides; take the sum": [1, 6, 4, 8],
    "only the number of rankings that hold a document counts; a rank gives 1/(c + rank)": [3, 6, 7, 8],
    "1 / c + rank is (1/c) + rank; write 1 / (c + rank)": [3, 8, 7, 6],
    "these have the lowest scores": [2, 4, 1, 3],
    "only documents that are in every ranking are left; keep all": [],
    "only the first n of each ranking count; all do": [6, 7, 3, 1],
    "only two of the rankings count; there may be any number": [8, 7, 1, 6],
    "the rankings stand one after another; sort by score": [8, 6, 7, 1],
    "the rankings take turns; sort by score": [8, 1, 6, 7],
    "it returns more than n documents": [6, 8, 7, 3, 1, 4, 2],
    "these come from the scores, added; only the ranks count": [6, 8, 7, 4],
    "these come from the scores, the highest one of each document; only the ranks count": [8, 6, 7, 4],
    "these come from the scores, scaled to 0..1 in each ranking; only the ranks count": [6, 1, 8, 4],
    "these come from the scores, as 1/(c + score); only the ranks count: 1/(c + rank)": [3, 8, 7, 2],
    "it returns pairs; return the numbers of the documents alone": [
        (6, 7 / 12),
        (8, 10 / 21),
        (7, 9 / 20),
        (3, 11 / 30),
    ],
    "a whole pair is taken for the document; the document is the first of the two": [
        (1, 0.65),
        (6, 5.2),
        (8, 8.5),
        (4, 4.6),
    ],
}
check(call(fuse, rankings, 4, 2), [6, 8, 7, 3], mistakes, "the fused ranking")
# 5 and 8 both have 1/61 + 1/63, document 3 has 2/62: a very little less.
mistakes = {"5 and 8 have equal scores; the smaller number comes first": [8, 5]}
one, other = [(8, 9.1), (3, 7.7), (5, 2.6)], [(5, 0.9), (3, 0.2), (8, -0.3)]
check(call(fuse, [one, other], 2), [5, 8], mistakes, "the ranking where two scores are equal")
check(call(fuse, [one, []], 4), [8, 3, 5], what="the ranking where there are three documents, and n is 4")
check_unchanged(fuse, rankings, 4, 2)
print("fuse: right")


# %% nbgrader={"grade": true, "grade_id": "fuse_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random rankings and scores, 0.5 points each: three or four rankings, c from 2 to 5; longer ones, c left
# at 60; many equal scores; fewer than n documents, empty rankings, no ranking at all, scores that do not fall.
### BEGIN HIDDEN TESTS
import random

SCORES = {
    "sum": "these come from the scores, added; only the ranks count",
    "max": "these come from the scores, the highest one of each document; only the ranks count",
    "scaled": "these come from the scores, scaled to 0..1 in each ranking; only the ranks count",
    "inverse": "these come from the scores, as 1/(c + score); only the ranks count: 1/(c + rank)",
}
SAYS = {
    "zero": "ranks count from 1; these come from ranks that count from 0",
    "no c": "c is not used; a rank gives 1/(c + rank)",
    "60": "c is an argument; this is the result for 60",
    "missing": "a ranking that lacks a document adds nothing; here it counts as the rank after the last",
    "ranks": "these have the smallest sums of ranks; a rank gives 1/(c + rank), and the highest sum wins",
    "points": "these come from points (last place 1, the one above 2, ...); a rank gives 1/(c + rank)",
    "best": "each document's best rank alone decides; add over the rankings that hold it",
    "mean": "the mean over the rankings that hold the document decides; take the sum",
    "votes": "only the number of rankings that hold a document counts; a rank gives 1/(c + rank)",
    "lowest": "these have the lowest scores",
    "all": "only documents that are in every ranking are left; keep all",
    "cut": "only the first n of each ranking count; all do",
    "two": "only two of the rankings count; there may be any number",
    "chain": "the rankings stand one after another; sort by score",
    "turns": "the rankings take turns; sort by score",
    "too many": "it returns more than n documents",
    **SCORES,
}
TIES = {
    "larger": "among equal scores the smaller number comes first",
    "arrival": "documents with equal scores are in the order of the first ranking; the smaller number comes first",
}
SECOND = {
    "best first": "the smaller number comes first among equal scores, not the better rank (not equal? ranks count from 1)",
    "votes first": "the smaller number comes first among equal scores, not the one in more rankings (not equal? c is an "
    "argument)",
}


def expected(rankings, n, c=60, wrong=None, add=math.fsum):
    """The right ranking, or what it is with one thing wrong, a key of the above."""
    rankings = {"cut": [r[:n] for r in rankings], "two": rankings[:2]}.get(wrong, rankings)
    tables = [dict(pairs) for pairs in rankings]
    if wrong == "scaled":
        spans = [(min(t.values()), max(t.values())) for t in tables]
        tables = [
            {d: (s - low) / (high - low) for d, s in t.items()}
            for t, (low, high) in zip(tables, spans, strict=True)
        ]
    if wrong == "inverse":
        tables = [{d: 1 / (c + s) for d, s in t.items()} for t in tables]
    rankings = [list(t) for t in tables]
    met = list(dict.fromkeys(d for r in rankings for d in r))
    if wrong == "chain":
        return met[:n]
    if wrong == "turns":
        return list(
            dict.fromkeys(r[i] for i in range(max(map(len, rankings))) for r in rankings if i < len(r))
        )[:n]
    if wrong == "all":
        met = [d for d in met if all(d in r for r in rankings)]
    if wrong == "no zero":
        met = [d for d in met if d]

    def score(d):
        terms = [t[d] for t in tables if d in t] if wrong in SCORES else []
        for r in rankings if wrong not in SCORES else []:
            if d in r or wrong == "missing":
                rank = r.index(d) + 1 if d in r else len(r) + 1
                other = {"zero": c + rank - 1, "no c": rank, "60": 60 + rank}.get(wrong, c + rank)
                plain = {
                    "ranks": -rank,
                    "points": len(r) - rank + 1,
                    "votes": 1,
                }
                terms.append(plain.get(wrong, 1 / other))
        total = add(terms)  # math.fsum: the same in any order
        return {"best": max(terms), "max": max(terms), "mean": total / len(terms)}.get(wrong, total)

    scores = {d: -score(d) if wrong != "lowest" else score(d) for d in met}
    ties = {
        "larger": lambda d: -d,
        "arrival": met.index,
        "best first": lambda d: min(r.index(d) for r in rankings if d in r),
        "votes first": lambda d: -sum(d in r for r in rankings),
    }
    tie = ties.get(wrong, lambda d: d)
    return sorted(met, key=lambda d: (scores[d], tie(d), d))[: None if wrong == "too many" else n]


def scored(rankings):
    """Pairs (document, score), falling scores; each ranking has a unit of its own."""
    units = rng.sample([(0, 20), (-0.3, 0.9), (-1.5, 8), (0, 40)], len(rankings))
    scores = [
        sorted((rng.uniform(*unit) for _ in r), reverse=True) for r, unit in zip(rankings, units, strict=True)
    ]
    return [list(zip(*both, strict=True)) for both in zip(rankings, scores, strict=True)]


def draw(count, documents, lengths, n, c, same=()):
    """Rankings without equal scores, for which each mistake gives another result, but those in `same` the right one."""
    while True:
        rankings = [rng.sample(range(1, documents + 1), rng.randint(*lengths)) for _ in range(count)]
        held = {d for r in rankings for d in r}
        score = sorted(sum(1 / (c + r.index(d) + 1) for r in rankings if d in r) for d in held)
        given, met = (scored(rankings), n, c), []
        for wrong in [None, *SAYS]:
            result = expected(*given, wrong)
            if result != expected(*given, wrong, add=sum):
                break  # a rounding error decides
            if (result != met[0]) if wrong in same else (result in met):
                break
            met += [] if wrong in same else [result]
        else:
            if min(b - a for a, b in zip(score, score[1:], strict=False)) > 1e-7:
                return given


def compare(arguments, says, what):
    want = expected(*arguments)
    mistakes = {said: expected(*arguments, wrong=wrong) for wrong, said in says.items()}
    mistakes = {said: wrong for said, wrong in mistakes.items() if wrong != want}
    got = call(fuse, *arguments)
    if isinstance(got, list | tuple) and any(isinstance(one, list | tuple) for one in got):
        raise CheckFailed(f"{what}: it holds pairs; return the numbers of the documents alone")
    check(got, want, mistakes, what)


points, rng = Points(2), random.Random()
with points.part(0.5, "three or four rankings"):
    count, c = rng.choice([3, 4]), rng.randint(2, 5)
    compare(draw(count, 16, (8, 12), 8, c), SAYS, f"the ranking from {count}, with c={c}")
with points.part(0.5, "longer rankings, c left at 60"):
    rankings, n, _ = draw(3, 50, (25, 40), 12, 60, same=("60", "zero"))
    compare((rankings, n), SAYS, "the ranking, with c left at 60")
with points.part(0.5, "equal scores"):
    # `middle` has rank c + 2 in both rankings, `high` and `low` have rank 1 in one: 2/(2c + 2) = 1/(c + 1).
    c, documents = rng.randint(2, 5), rng.sample(range(10, 40), 24)
    low, middle, high = sorted(documents[:3])
    one, other = [high, *documents[3 : 3 + c], middle], [low, *documents[13 : 13 + c], middle]
    compare(
        (scored([one, other]), 2 * c + 3, c),
        TIES | SECOND | SCORES,
        f"the ranking, where 2/{2 * c + 2} = 1/{c + 1}",
    )
with points.part(0.5, "few documents, and scores that do not fall"):
    second, first, both, last = 0, *sorted(rng.sample(range(1, 20), 3))
    # `second` is in two rankings, too: so scores give another order, however they are scaled.
    one, other = [(first, 14.2), (second, 11.5), (both, 7.1), (last, 3.4)], [(both, 0.8), (second, 0.3)]
    what = "the ranking of four documents, with n=9 and an empty ranking"
    compare(([one, [], other], 9), {"no zero": "document 0 is missing; documents are numbered from 0"}, what)
    check(call(fuse, [], 3), [], what="the ranking made of no rankings")
    # By distance, and by a score that is 0 for two: `both` 1/61 + 1/62, `first` 1/62 + 1/63, `last` 1/63 + 1/61.
    one, other = [(both, 0.1), (first, 0.1), (last, 0.7)], [(last, 5.0), (both, 0), (first, 0)]
    mistakes = {
        "a ranking was sorted anew by its scores; the rank is the place in the list": [last, both, first],
        "a ranking was sorted anew, by scores and numbers; the rank is the place in the list": [
            last,
            first,
            both,
        ],
    }
    check(call(fuse, [one, other], 3), [both, last, first], mistakes, "the ranking by a distance and a score")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5: recall and nDCG (4 points)
#
# How good is a ranking? Somebody has judged some of the documents: `relevance` holds a grade for each judged one, 0 (of no
# use) or more. A document that is not in `relevance` has grade 0. A document is *relevant* if its grade is above 0.
# Look at the first k places of the ranking; it may be shorter.
#
# - **recall at k** (召回率): how many relevant documents are in the first k places, divided by the number of
#   all relevant documents.
# - **nDCG at k** (normalised discounted cumulative gain, 归一化折损累计增益; [Järvelin and Kekäläinen
#   2002](https://doi.org/10.1145/582415.582418)): it also asks for the best documents first. The gain of a document is
#   2^grade − 1. At rank r, counted from 1, the gain is divided by log2(r + 1):
#
# $$\text{DCG} = \sum_{r=1}^{k} \frac{2^{\text{grade at rank } r} - 1}{\log_2(r + 1)} \qquad \text{nDCG} = \frac{\text{DCG}}{\text{DCG of the ideal ranking}}$$
#
# The ideal ranking (理想排名) takes *all* judged documents, found or not, from the highest grade to the lowest, and its first
# k places count. It does not depend on your ranking. So nDCG is 1 at most, and only a ranking with the best
# documents in the best order gets it. (Some take the grade itself for the gain; then the numbers differ. A report must say which.)
#
# *By hand*, with k = 2: `relevance` is {5: 1, 2: 2, 4: 1}, so document 2 has grade 2; the ranking is [5, 9, 2]. The first two places hold one relevant
# document of three: the recall is 1/3. DCG = 1/log2(2) + 0/log2(3) = 1. The ideal ranking has the grades 2, 1:
# 3/log2(2) + 1/log2(3) = 3 + 0.631 = 3.631. nDCG = 1/3.631 = 0.275.
#
# Without a relevant document in `relevance` neither number has a meaning: raise `ValueError`. Where there is one, and the first k
# places hold none, both numbers are 0.


# %% nbgrader={"grade": false, "grade_id": "recall_and_ndcg", "locked": false, "schema_version": 3, "solution": true, "task": false}
def recall_and_ndcg(ranking, relevance, k):
    """Recall and nDCG of the first k places.

    ranking: a list of document numbers, best first, none twice; relevance: a dictionary, document number -> grade,
    a whole number from 0; k >= 1.
    Returns two numbers, recall and nDCG. Raises ValueError if no document of `relevance` is relevant.
    """
    ### BEGIN SOLUTION
    relevant = {document for document, grade in relevance.items() if grade > 0}
    if not relevant:
        raise ValueError("no document is relevant")

    def dcg(grades):
        return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))

    recall = len(relevant.intersection(ranking[:k])) / len(relevant)
    ideal = sorted(relevance.values(), reverse=True)
    return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "recall_and_ndcg_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# k = 3: the first three places hold the grades 1, 0, 3. Document 7 is not judged: grade 0.
ranking = [4, 9, 1, 7, 3]
relevance = {9: 0, 2: 2, 4: 1, 1: 3, 8: 0, 3: 1, 6: 1}
# Relevant are 2, 4, 1, 3, 6; the first three places hold 4 and 1: the recall is 2/5.
of_recall = {
    "this is 2/3, the share of the first k places that are relevant (precision, 精确率); divide by the number of relevant documents": 2
    / 3,
    "it divides by all judged documents; only those with a grade above 0 are relevant": 2 / 7,
    "documents of grade 0 count as relevant; only those with a grade above 0 are": 3 / 7,
    "the whole ranking is searched; only its first k places count": 3 / 5,
    "it adds grades; count documents": 4 / 8,
    "it says whether any relevant document was found; count them": 1.0,
    "this is nDCG; return recall first, then nDCG": 0.4791,
}
# DCG = 1/log2(2) + 0/log2(3) + 7/log2(4) = 1 + 0 + 3.5 = 4.5.
# Ideal, grades 3, 2, 1: 7/log2(2) + 3/log2(3) + 1/log2(4) = 7 + 1.893 + 0.5 = 9.393. nDCG = 0.4791.
of_ndcg = {
    "the ideal ranking is made of the first k documents of this ranking; make it of all judged ones": 0.5897,
    "the ideal ranking is made of the documents of this ranking; make it of all judged ones": 0.5534,
    "the ideal ranking is not cut; its first k places count": 0.4407,
    "the ideal ranking takes the grades in the order of the dictionary; sort them": 1.8807,
    "the ideal ranking begins with the lowest grades; sort them from high to low": 9.0,
    "the ideal ranking has the highest grade at each place; each document stands there once": 0.3017,
    "rank r is divided by log2(r), or by 1 where this is less; divide by log2(r + 1)": 0.5095,
    "the gain is the grade itself; here it is 2^grade - 1": 0.525,
    "the gain is 2^grade; it is 2^grade - 1, so that grade 0 gives nothing": 0.5754,
    "each relevant document gives 1; the gain is 2^grade - 1": 0.7039,
    "this is DCG; divide by the DCG of the ideal ranking": 4.5,
    "this is the DCG of the ideal ranking; divide the DCG by it": 9.3928,
    "nothing is discounted; divide each gain by log2(r + 1)": 0.7273,
    "each gain is divided by r; divide by log2(r + 1)": 0.3774,
    "the whole ranking counts in DCG; only its first k places do": 0.5203,
    "the whole ranking counts, and so does the whole ideal; only the first k places do": 0.4786,
}
recall, ndcg = unpack(call(recall_and_ndcg, ranking, relevance, 3), "recall", "ndcg")
check(recall, 2 / 5, of_recall, "recall at 3")
check(ndcg, 0.47909, of_ndcg, "nDCG at 3")
# A ranking of two documents, k = 3: DCG = 1 + 3/log2(3) = 2.893. The ideal ranking still has three places.
recall, ndcg = unpack(call(recall_and_ndcg, [6, 2], relevance, 3), "recall", "ndcg")
mistakes = {
    "the ideal ranking is cut where this ranking ends; its first k places count": 0.3253,
    "the ideal ranking is made of the documents of this ranking; make it of all judged ones": 0.7967,
}
check(ndcg, 0.30799, mistakes, "nDCG at 3 of a ranking of two")
check_raises(ValueError, recall_and_ndcg, [6, 2], {}, 3)
check_unchanged(recall_and_ndcg, ranking, relevance, 3)
print("recall_and_ndcg: right")


# %% nbgrader={"grade": true, "grade_id": "recall_and_ndcg_hidden", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random grades, 0.5 points each. Recall: of a long ranking; of one with fewer than k documents.
# nDCG: with more relevant documents than k; with fewer; of a ranking with fewer than k documents. Nothing relevant: 0 where
# none is found, ValueError where all grades are 0.
### BEGIN HIDDEN TESTS
import random

RECALL = {
    "k": "it divides by k, or by the smaller of k and that number; divide by the number of relevant documents",
    "precision": "it is the share of the places that are relevant; divide by the number of relevant documents",
    "judged": "it divides by all judged documents; only those with a grade above 0 are relevant",
    "grade 0": "documents of grade 0 count as relevant; only those with a grade above 0 are",
    "whole": "the whole ranking is searched; only its first k places count",
    "grades": "it adds grades; count documents",
    "any": "it says whether any relevant document was found; count them",
    "swapped": "this is nDCG; return recall first, then nDCG",
}
NDCG = {
    "first k": "the ideal ranking is made of the first k documents of this ranking; make it of all judged ones",
    "found": "the ideal ranking is made of the documents of this ranking; make it of all judged ones",
    "uncut": "the ideal ranking is not cut; its first k places count",
    "length": "the ideal ranking is cut where this ranking ends; its first k places count",
    "unsorted": "the ideal ranking takes the grades in the order of the dictionary; sort them",
    "lowest": "the ideal ranking begins with the lowest grades; sort them from high to low",
    "highest": "the ideal ranking has the highest grade at each place; each document stands there once",
    "log r": "rank r is divided by log2(r), or by 1 where this is less; divide by log2(r + 1)",
    "linear": "the gain is the grade itself; here it is 2^grade - 1",
    "power": "the gain is 2^grade; it is 2^grade - 1, so that grade 0 gives nothing",
    "binary": "each relevant document gives 1; the gain is 2^grade - 1",
    "DCG": "this is DCG; divide by the DCG of the ideal ranking",
    "ideal": "this is the DCG of the ideal ranking; divide the DCG by it",
    "no discount": "nothing is discounted; divide each gain by log2(r + 1)",
    "1/r": "each gain is divided by r; divide by log2(r + 1)",
    "whole": "the whole ranking counts in DCG; only its first k places do",
    "both whole": "the whole ranking counts, and so does the whole ideal; only the first k places do",
}


def expected_recall(ranking, relevance, k, wrong=None):
    """The right one, or what it is with one thing wrong, a key of RECALL."""
    top = ranking if wrong == "whole" else ranking[:k]
    relevant = [d for d, grade in relevance.items() if grade > 0 or wrong == "grade 0"]
    hits = sum(d in relevant for d in top)
    below = {"k": k, "precision": len(top), "judged": len(relevance)}
    return {
        "grades": sum(relevance.get(d, 0) for d in top) / sum(relevance.values()),
        "any": float(hits > 0),
        "swapped": expected_ndcg(ranking, relevance, k),
    }.get(wrong, hits / below.get(wrong, len(relevant)))


def expected_ndcg(ranking, relevance, k, wrong=None):
    """The right one, or what it is with one thing wrong, a key of NDCG."""

    def dcg(grades):
        total = 0.0
        for r, grade in enumerate(grades, start=1):
            gain = {"linear": grade, "power": 2**grade, "binary": int(grade > 0)}.get(wrong, 2**grade - 1)
            less = {"log r": max(1, math.log2(r)), "no discount": 1, "1/r": r}.get(wrong, math.log2(r + 1))
            total += gain / less
        return total

    grades, judged = [relevance.get(d, 0) for d in ranking], list(relevance.values())
    ideal = {"first k": grades[:k], "found": grades}.get(wrong, judged)
    if wrong != "unsorted":
        ideal = sorted(ideal, reverse=wrong != "lowest")
    if wrong == "highest":
        ideal = [max(judged)] * k
    if wrong not in ("uncut", "both whole"):
        ideal = ideal[: min(k, len(ranking)) if wrong == "length" else k]
    top = grades if wrong in ("whole", "both whole") else grades[:k]
    if wrong in ("DCG", "ideal"):
        return dcg(top if wrong == "DCG" else ideal)
    return dcg(top) / dcg(ideal) if dcg(ideal) else 0.0


def compare(which, says, what, fits, same=()):
    """On a draw for which each mistake gives another number, but those in `same` the right one."""
    expected = (expected_recall, expected_ndcg)[which]
    while True:
        documents = rng.sample(range(1, 91), 40)
        relevance = {d: rng.choice([0, 0, 1, 1, 2, 3]) for d in documents[: rng.randint(12, 24)]}
        ranking = sorted(documents, key=lambda d: rng.gauss(-relevance.get(d, 0), 3))[: rng.randint(4, 30)]
        k, count = rng.randint(4, 12), sum(grade > 0 for grade in relevance.values())
        unjudged = any(d not in relevance for d in ranking[:k])
        if count % 5 == 0 or not unjudged or not fits(len(ranking), count, k):
            continue
        given = (ranking, relevance, k)
        want = expected(*given)
        met = {wrong: expected(*given, wrong) for wrong in says}
        apart = [want, *(met[wrong] for wrong in says if wrong not in same)]
        if any(_equal(one, other, 4e-3) for i, one in enumerate(apart) for other in apart[:i]):
            continue
        if all(met[wrong] == want for wrong in same):
            break
    mistakes = {said: met[wrong] for wrong, said in says.items() if wrong not in same}
    got = unpack(call(recall_and_ndcg, *given), "recall", "ndcg")[which]
    check(got, want, mistakes, f"{what}, at {k}")


def none_found(ranking, relevance):
    """A relevant document that is not in the ranking: no reason to raise."""
    what = f"with the ranking {ranking} and the grades {relevance}"
    try:
        got = call(recall_and_ndcg, ranking, relevance, 2)
    except (ValueError, ZeroDivisionError, IndexError) as error:
        raise CheckFailed(
            f"{what} it stops with {error!r}; nothing relevant is found, so both numbers are 0"
        ) from error
    check(unpack(got, "recall", "ndcg"), (0.0, 0.0), {}, f"recall and nDCG {what}")


points, rng = Points(3), random.Random()
with points.part(0.5, "recall of a long ranking"):
    as_k = {wrong: said for wrong, said in RECALL.items() if wrong != "precision"}  # there are k places
    compare(0, as_k, "recall", lambda length, count, k: length > k + 4 and count > k)
with points.part(0.5, "recall of a ranking with fewer than k documents"):
    compare(
        0, RECALL, "recall of a short ranking", lambda length, count, k: length < k < count, same=("whole",)
    )
with points.part(0.5, "nDCG with more relevant documents than k"):
    compare(1, NDCG, "nDCG", lambda length, count, k: length > k + 4 and count > k + 2, same=("length",))
with points.part(0.5, "nDCG with fewer relevant documents than k"):
    same = ("length", "uncut")
    few = {wrong: said for wrong, said in NDCG.items() if wrong != "both whole"}  # as "whole"
    compare(1, few, "nDCG", lambda length, count, k: length > k + 4 and count < k - 1, same=same)
    few = [8, 3, 5, 0, 1, 2, 4], {3: 2, 8: 1}, 7
    check(
        unpack(call(recall_and_ndcg, *few), "recall", "ndcg")[1],
        0.79671,
        {},
        "nDCG at 7, with the grades {3: 2, 8: 1}",
    )
with points.part(0.5, "nDCG of a ranking with fewer than k documents"):
    short = {w: said for w, said in NDCG.items() if w not in ("found", "both whole")}  # as "first k", "uncut"
    compare(1, short, "nDCG of a short ranking", lambda n, count, k: n < k - 1 < count - 2, same=("whole",))
with points.part(0.5, "no relevant document"):
    got = unpack(call(recall_and_ndcg, [0], {0: 1}, 1), "recall", "ndcg")
    check(got, (1.0, 1.0), {}, "recall and nDCG of the ranking [0] with the grades {0: 1}")
    for ranking in ([7], []):
        none_found(ranking, {1: 2, 7: 0})
        check_raises(ValueError, recall_and_ndcg, ranking, {7: 0, 5: 0}, 2)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: when to say nothing (3 points)
#
# A bot has a score for each question, for instance the cosine similarity of the best document. It answers where **score ≥ threshold**
# (阈值), and says "I do not know" elsewhere (弃答, abstention). Two numbers describe what comes out:
#
# - **coverage** (覆盖率): the share of the questions that it answers;
# - **risk** (风险): the share of wrong answers *among the questions that it answers*. If it answers none, none is wrong, and the
#   risk is 0.
#
# The argument `risk` is the highest risk that you can bear, say 0.25; you want as much coverage as it allows. So try each of the scores as the threshold, and choose the **smallest score** that gives a risk of **at most** `risk`. If no score will do, the threshold is `math.inf`: the bot
# answers nothing. Two things are easy to miss:
#
# - The risk does not simply rise while the threshold falls. A right answer further down lowers it again: look at every score.
# - Questions with equal scores are all answered, or none of them is.
#
# *By hand*, with `risk` = 0.3 and the scores 0.9 (wrong), 0.8 (right), 0.6 (right), 0.6 (right), 0.4 (wrong): from 0.9 up, 1 of 1 is
# wrong; from 0.8 up, 1 of 2; from 0.6 up, 1 of 4, which is a risk of 0.25; from 0.4 up, 2 of 5, which is 0.4. The threshold is 0.6.
#
# **Whose questions?** A threshold that was chosen on some questions suits just these. What it promises must be measured on others. So
# there are two sets: the calibration set (校准集) chooses, the test set (测试集) only measures. Return the threshold that the
# calibration questions give, and the coverage and the risk of this threshold on the test questions.


# %% nbgrader={"grade": false, "grade_id": "threshold_for_risk", "locked": false, "schema_version": 3, "solution": true, "task": false}
def threshold_for_risk(calibration, test, risk):
    """Choose a threshold on one set of questions, and measure it on another one.

    calibration, test: a tuple (scores, right) each; scores: (n,), a higher one means surer; right: (n,), bool, whether
    the bot's answer to the question is right. n >= 1, and differs from set to set. risk: a float from 0 to 1.
    Returns three numbers: threshold (math.inf if no score will do), coverage on test, risk on test.
    """

    ### BEGIN SOLUTION
    def measure(questions, threshold):
        scores, right = questions
        answered = scores >= threshold
        wrong = (answered & ~right).sum().item()
        return answered.sum().item() / len(scores), wrong / max(1, answered.sum().item())

    candidates = calibration[0].tolist()
    allowed = [score for score in candidates if measure(calibration, score)[1] <= risk]
    threshold = min(allowed, default=math.inf)
    return threshold, *measure(test, threshold)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "threshold_for_risk_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Ten calibration questions, risk 0.25. From the highest score down:
#   score          0.95  0.9   0.85  0.75  0.65 0.65  0.6   0.55  0.3   0.1
#   right or wrong  r     r     w     r     r    w     r     w     w     r
#   wrong, of       0/1   0/2   1/3   1/4      2/6     2/7   3/8   4/9   4/10
scores = torch.tensor([0.55, 0.1, 0.95, 0.75, 0.65, 0.9, 0.85, 0.65, 0.6, 0.3])
right = torch.tensor([0, 1, 1, 1, 1, 1, 0, 0, 1, 0]).bool()
# Seven test questions; three have a score of 0.75 or more, and one of these answers is wrong.
test = torch.tensor([0.4, 0.75, 0.9, 0.2, 0.72, 0.8, 0.5]), torch.tensor([0, 1, 1, 1, 1, 0, 0]).bool()
mistakes = {
    "it stops too early. From 0.85 up 1 of 3 is wrong, but from 0.75 up only 1 of 4, and 0.25 is allowed": 0.9,
    "0.95 is the largest score that will do; the smallest gives the most coverage": 0.95,
    "it depends on the test questions; choose on the calibration questions alone": 0.72,
    "0.7 is halfway to the next score; the threshold is one of the calibration scores": 0.7,
    "from 0.65 up 2 of 6 are wrong. Both questions with 0.65 are answered at this threshold": 0.65,
    "the wrong answers are divided by all questions; divide by those that are answered": 0.6,
    "a quarter of the questions is left out, which says nothing about the wrong answers": 0.55,
    "this is the lowest score of a right answer; look at the share of wrong ones among the answered": 0.1,
    "the risk was taken over the questions that are *not* answered": 0.3,
}
of_coverage = {
    "of the test questions 0.9, 0.8 and 0.75 reach the threshold 0.75; wrong answers are answers, too": 2 / 7,
    "this is the coverage on the calibration questions; measure on the test questions": 4 / 10,
    "this is the number of answered questions; divide by that of all test questions": 3.0,
    "this is the risk on the test questions; return threshold, coverage, risk": 1 / 3,
}
of_risk = {
    "this is the risk on the calibration questions; measure on the test questions": 1 / 4,
    "the wrong answers are divided by all test questions; divide by those that are answered": 1 / 7,
    "this is the share of right answers; the risk is that of wrong ones": 2 / 3,
    "score 0.75 reaches the threshold 0.75: it is answered, too": 1 / 2,
}


def check_threshold(got, want, mistakes, what):
    """`check`, but for math.inf, from which nothing can be subtracted."""
    if math.inf not in (got, want):
        check(got, want, mistakes, what)
    elif got != want:
        hint = "; was the share of right answers compared with the risk?" if got == math.inf else ""
        raise CheckFailed(f"{what}: it is {_brief(got)}, not {_brief(want)}{hint}")


names = "threshold", "coverage", "risk"
threshold, coverage, risk = unpack(call(threshold_for_risk, (scores, right), test, 0.25), *names)
check_threshold(threshold, 0.75, mistakes, "the threshold")
check(coverage, 3 / 7, of_coverage, "the coverage on the test questions")
check(risk, 1 / 3, of_risk, "the risk on the test questions")
# With questions whose answers are all wrong no score will do, and the bot answers nothing.
nothing = call(threshold_for_risk, (scores[:1], right[:1]), test, 0.25)
threshold, coverage, risk = unpack(nothing, *names)
check_threshold(threshold, math.inf, {}, "the threshold where no score will do")
check([coverage, risk], [0, 0], {}, "coverage and risk where the bot answers nothing")
check_unchanged(threshold_for_risk, (scores, right), test, 0.25)
print("threshold_for_risk: right")
print(
    "On the calibration questions 1 of 4 was wrong, on the test questions 1 of 3. Why is a chosen threshold too hopeful?"
)


# %% nbgrader={"grade": true, "grade_id": "threshold_for_risk_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random scores, 0.5 points each: the threshold; the threshold with many equal scores and a risk
# that is exactly reached; coverage and risk on test questions; little to answer: no score will do, or the highest
# alone, or no test question reaches the threshold.
### BEGIN HIDDEN TESTS
import random

SAYS = {
    "first": "it stops too early: further down the risk is small enough again; look at every score",
    "largest": "it is the largest score that will do; the smallest gives the most coverage",
    "test": "it is chosen on the test questions; choose on the calibration questions",
    "pooled": "it is chosen on both sets together; choose on the calibration questions alone",
    "above": "the questions with exactly this score were left out of its risk; they are answered, too",
    "over all": "the wrong answers are divided by all questions; divide by those that are answered",
    "quantile": "a share `risk` of the questions is left out, which says nothing about the wrong answers",
    "lowest right": "it is the lowest score of a right answer; look at the share of wrong ones among the answered",
    "beyond wrong": "it keeps out every wrong answer; a share of them is allowed",
    "kept out": "the risk was taken over the questions that are *not* answered",
}


def share(right):
    """Of wrong ones."""
    return right.count(False) / len(right) if right else 0.0


def expected(calibration, test, risk, wrong=None):
    """The right threshold, or what it is with one thing wrong: a key of SAYS, "split" or "strict"."""
    scores, right = (part.tolist() for part in {"test": test}.get(wrong, calibration))
    if wrong == "pooled":
        scores, right = scores + test[0].tolist(), right + test[1].tolist()
    pairs = sorted(zip(scores, right, strict=True), key=lambda pair: -pair[0])
    if wrong == "quantile":
        return sorted(scores)[int(risk * len(scores))]
    if wrong == "lowest right":
        return min(score for score, good in pairs if good)
    if wrong == "beyond wrong":
        return min(
            (s for s, _ in pairs if all(good for other, good in pairs if other >= s)), default=math.inf
        )
    if wrong == "split":
        met = [s for i, (s, _) in enumerate(pairs, 1) if share([good for _, good in pairs[:i]]) <= risk]
        return min(met, default=math.inf)
    met, stopped = [], False
    for t in sorted(set(scores), reverse=True):
        answered = [good for score, good in pairs if score >= t]
        above, kept_out = answered[: sum(score > t for score in scores)], [good for s, good in pairs if s < t]
        value = {
            "over all": answered.count(False) / len(scores),
            "above": share(above),
            "kept out": share(kept_out) if kept_out else 1.0,
        }.get(wrong, share(answered))
        stopped = stopped or (wrong == "first" and value > risk)
        if not stopped and (value < risk if wrong == "strict" else value <= risk):
            met.append(t)
    return max(met) if wrong == "largest" and met else min(met, default=math.inf)


def questions(count, step=None):
    """Scores, and answers that are right more often where the score is high; with `step`, many equal scores."""
    scores = fresh(count)
    scores = (scores / step).round() * step if step else scores
    return scores, scores + 1.5 * fresh(count) > -0.6


def apart(*numbers):
    """Whether no two of them are equal, not even nearly; math.inf may be there once."""
    numbers = sorted(numbers)
    return all(b - a > 4e-3 * (0.1 + abs(a)) for a, b in zip(numbers, numbers[1:], strict=False))


def measured(test, threshold):
    answered = test[0] >= threshold
    return answered.double().mean().item(), share(test[1][answered].tolist())


def check_threshold(given, want, mistakes, what):
    """The threshold, and what was returned; nothing can be subtracted from math.inf."""
    got = unpack(call(threshold_for_risk, *given), "threshold", "coverage", "risk")
    if math.inf not in (got[0], want):
        check(got[0], want, mistakes, what)
    elif got[0] != want:
        stops = {said for said, wrong in mistakes.items() if wrong == got[0] == math.inf}
        raise CheckFailed(f"{what}: {', '.join(stops) or f'it is {_brief(got[0])}, not {_brief(want)}'}")
    return got


def check_measures(given, want, what):
    """The threshold, then coverage and risk."""
    got, test = check_threshold(given, want, {}, f"the threshold, {what}"), given[1]
    answered = test[0] >= want
    of_coverage = {
        "a score equal to the threshold is answered, too": (test[0] > want).double().mean().item(),
        "this is the coverage on the calibration questions": measured(given[0], want)[0],
        "only right answers are counted; wrong answers are answers, too": (answered & test[1])
        .double()
        .mean()
        .item(),
        "this is the number of answered questions, not their share": float(answered.sum()),
        "this is the risk; return threshold, coverage, risk": measured(test, want)[1],
    }
    of_risk = {
        "a score equal to the threshold is answered, too": share(test[1][test[0] > want].tolist()),
        "this is the risk on the calibration questions": measured(given[0], want)[1],
        "the wrong answers are divided by all test questions": (answered & ~test[1]).double().mean().item(),
        "this is the share of right answers": 1 - share(test[1][answered].tolist()),
    }
    rights = measured(test, want)
    for right, one, mistakes, name in [
        (rights[0], got[1], of_coverage, "coverage"),
        (rights[1], got[2], of_risk, "risk"),
    ]:
        mistakes = {said: wrong for said, wrong in mistakes.items() if not _equal(wrong, right, 4e-3)}
        check(one, right, mistakes, f"the {name} on the test questions, {what}")


def draw():
    """Different scores; no mistake gives another one's threshold, no share of wrong ones is near the risk."""
    while True:
        given = (questions(30), questions(25), 0.15 + 0.2 * rng.random())
        shares = [share(given[0][1][given[0][0] >= t].tolist()) for t in given[0][0].tolist()]
        if min(abs(given[2] - one) for one in shares) > 2e-3 and apart(*sorted(given[0][0].tolist())):
            (scores, right), _, _ = given
            want = expected(*given)
            if not right[scores.argmax()] or want not in scores[right].tolist():
                continue  # such cases stand in "equal scores"
            if apart(want, *(expected(*given, wrong) for wrong in SAYS)):
                return given


def draw_equal():
    """Many equal scores; at the right threshold the risk is exactly 1/4."""
    while True:
        given = (questions(36, 0.125), questions(20), 0.25)
        scores, right = given[0]
        answered = scores >= scores[:, None]
        shares = (answered & ~right).sum(1) / answered.sum(1)
        want = min(scores[shares <= 0.25].tolist(), default=math.inf)
        if not bool((shares[scores == want] == 0.25).any()) or want not in scores[right].tolist():
            continue
        if bool((shares[scores == scores.max()] > 0.25).any()):
            continue
        if want not in [expected(*given, wrong) for wrong in [*SAYS, "split", "strict"]]:
            return given


def draw_easy():
    """Calibration questions that one threshold parts; test questions that are not so easy, one of them just on it."""
    while True:
        scores, test = fresh(30), questions(24)
        want = scores[scores > 0].min()
        test[0][3], test[1][3] = want, False
        answered, above, right = test[0] >= want, test[0] > want, test[1]
        coverages = [part.double().mean().item() for part in (answered, above, answered & right, scores > 0)]
        risks = [share(right[answered].tolist()), share(right[above].tolist())]
        risks += [0.0, 1 - risks[0], (answered & ~right).double().mean().item()]
        if 0.3 < coverages[0] < 0.7 and apart(*coverages, risks[0]) and apart(*risks):
            return ((scores, scores > 0), test, 0.01), want.item()


points, rng = Points(2), random.Random()
with points.part(0.5, "the threshold"):
    given = draw()
    mistakes = {said: expected(*given, wrong=wrong) for wrong, said in SAYS.items()}
    check_threshold(given, expected(*given), mistakes, f"the threshold, with a risk of {given[2]:.3f}")
with points.part(0.5, "equal scores"):
    given = draw_equal()
    what = "the threshold, with equal scores (answer all or none) and a risk of exactly 0.25 (allowed)"
    check_threshold(given, expected(*given), {}, what)
    # From the highest score down: wrong, five right, wrong (2 of 7, 0.286), two more wrong.
    scores, order = fresh(9).sort(descending=True).values, fresh(9).argsort()
    given = (scores[order], ((order > 0) & (order < 6))), questions(8), 0.3
    mistakes = {
        "only scores of right answers were tried; the smallest that will do may be that of a wrong one": scores[
            5
        ],
        "it stops at a wrong answer; further down the risk is small enough again": math.inf,
    }
    mistakes = {said: float(wrong) for said, wrong in mistakes.items()}
    check_threshold(
        given,
        scores[6].item(),
        mistakes,
        "the threshold, where the surest answer is wrong, with a risk of 0.3",
    )
with points.part(0.5, "coverage and risk"):
    given, want = draw_easy()
    check_measures(given, want, "all answers above it right on the calibration questions")
with points.part(0.5, "little to answer"):
    scores = fresh(12)
    unsure = (scores, scores < scores.median() - 0.1)  # the right ones have the lowest scores
    check_measures((unsure, questions(9), 0.2), math.inf, "no score will do")
    surest = (scores, scores == scores.max()), (scores + 0.01, scores < 99), 0.0
    check_measures(surest, scores.max().item(), "a risk of 0, and only the highest score will do")
    check_measures(
        ((scores, scores < 99), (scores - 9, scores > 0), 0.2), scores.min().item(), "low test scores"
    )
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7: in your own words (2 points, graded by hand)
#
# A shop has a bot that answers from cards, short texts with a few facts each. A customer asks: "How much is the small teapot (小茶壶), and what does
# delivery cost?" The log shows the best card:
#
# > card 17, score 0.83: *Small teapot, 0.4 litres: 19.90 yuan. Delivery in the city: 6.00 yuan. Free from 200 yuan.*
#
# The bot answers: "**The small teapot costs 9.90 yuan, delivery in the city 6.00 yuan. [card 17]**" Its threshold on the score
# is 0.60. It was chosen with care, on calibration questions, for a risk of 5 %. Answer in eight to twelve short sentences:
#
# - The bot may fail in two ways: the right card was not retrieved (检索), or it was retrieved and the answer was not correctly extracted from it (抽取). Which of the two is it here, and what in the log shows it? What would the log look like in the other case?
# - Why did the threshold not stop this answer? What happens if the shop raises it to 0.85?
# - Describe a check, made after the model has written and before the customer reads, that would have stopped this answer. What does the
#   bot do when the check fails?
# - Give one wrong answer to this question that would pass your check. How would you find out how often such answers occur?
#
# Half a point each.

# %% [markdown] nbgrader={"grade": true, "grade_id": "in_your_words", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# **Model answer.** The answer was not extracted: the card with the right price was found and is first, and still the answer holds
# another number. Had retrieval failed, no card in the log would hold the price of the small teapot; the bot would then answer from
# some other card, or from memory. The threshold looks at the score of the card, and this score says how well the card fits the
# question. It fits well. It is computed before the model writes a word, so it cannot know about a digit that gets lost in writing. With 0.85
# the bot would have said nothing here, by luck, and also nothing to all questions with scores between 0.60 and 0.85, most of
# which it may answer well: coverage falls, and with a score of 0.86 the same mistake would pass. And the 5 % were a promise about a share of
# answers, not about any single one. A check that helps compares: take all numbers in the answer, and look whether each of them
# stands in the cited card, after writing them in one way (9.9, 9.90, ¥9.90). 9.90 must not be found inside 19.90: compare whole numbers.
# If one is missing, the bot does not send the sentence; it shows the card itself, or says that it does not know and
# passes the question on. "The small teapot costs 6.00 yuan" would pass: the number is on the card, and belongs to something else. So would
# "Delivery is free." To know how often this happens, I write questions with known answers, which were not used to choose
# anything, run the bot and compare answer by answer, counted separately: card not retrieved, retrieved but answered wrongly,
# and stopped by the check.
#
# **Rubric.** Half a point for each of:
#
# 1. Not extracted, because the card that holds the right price was retrieved (it is first in the log); and in the other case no
#    retrieved card would hold it.
# 2. The score measures how well card and question fit (or: is known before the answer is written), not whether the answer agrees with the card.
#    And 0.85 costs coverage: it also silences good answers, and does not stop this kind of mistake above it. One without the other: a quarter.
# 3. Numbers (or all facts) of the answer are compared with the cited source; and what happens then: not sent, the card shown, "I do not
#    know", or a person asked. "Ask the model whether it is sure" alone is no such check: nothing. Asking a second model whether the card supports the
#    answer is as good.
# 4. A wrong answer that passes the check *as described in 3*, such as a number of the card that belongs to something else, a missing
#    condition or an old card; and a count, on questions with known answers that were not used to choose anything, or by a person
#    who reads a random sample of the answers that passed the check.
#
# That 9.90 is a part of the text 19.90, so a search for characters would find it, is worth seeing: it makes up for a gap elsewhere.
