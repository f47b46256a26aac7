# ---
# jupyter:
#   course:
#     title: "Assignment 2: Tokenization and arithmetic"
# ---

# %% [markdown]
# # Assignment 2: tokenization and arithmetic
#
# You write a tokenizer (分词器): it learns its merges from a text, turns text into numbers and numbers
# back into text. Then three tools for written sums: numbers in groups, the place of each digit, and a
# test of where a model's sums go wrong. Eight tasks, 20 points, 60 to 90 minutes.
#
# **How to work.** Replace each `raise NotImplementedError()` by your code; keep the function's name and
# arguments. Run the test cell under it: where something is wrong, it says what it met. Press
# **Validate** before you hand in: it runs everything afresh, as the grader will. The grader also runs
# hidden tests, on other texts and numbers; a comment says what each one checks and what it is worth.
# Add cells where you like, and leave the given ones in place.
#
# **In every task.** You need strings, lists and dictionaries, and no tensors. A function leaves its
# arguments as they are. Any way of computing the right result is right, and speed does not count. Should
# you want a helper function, define it inside the function that uses it: the tests, hidden ones too,
# define functions of their own (`call`, `check`, ...) and would replace yours of the same name. Functions
# that you have written in other tasks may be called.
# Use Python, torch and NumPy: the grader has no pandas, SciPy or scikit-learn.

# %% reuse="cells/checks:checks" nbgrader={"grade": false, "grade_id": "checks", "locked": true, "schema_version": 3, "solution": false, "task": false}

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": true, "schema_version": 3, "solution": false, "task": false}
from collections import Counter


# %% [markdown]
# ## Task 1: one merge (2 points)
#
# Byte-pair encoding (字节对编码, BPE) cuts a text into tokens (词元). Each token has a number, its id.
# One step, a merge (合并), makes one token of two neighbours.
#
# Go through `ids` from left to right. Where the two ids of `pair` stand next to each other, in that
# order, write `new` once and go on *behind* them. Write every other id as it is.
#
# So no id is used twice: in [7, 7, 7] the pair (7, 7) stands at 0 and at 1, the two overlap, and only
# the first is merged. With `new` = 9 the result is [9, 7].


# %% nbgrader={"grade": false, "grade_id": "merge", "locked": false, "schema_version": 3, "solution": true, "task": false}
def merge(ids, pair, new):
    """Replace a pair of neighbours by one new id, from left to right.

    ids: a list of ints, 0 or more; pair: a tuple of two such ints, which may be equal; new: an int that
    stands neither in ids nor in pair.
    Returns a new list.
    """
    ### BEGIN SOLUTION
    result, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            result.append(new)
            i += 2
        else:
            result.append(ids[i])
            i += 1
    return result
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "merge_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# The pair (1, 2) stands at 1, 4 and 6. At 0 stands (2, 1), which is another pair; the last 1 is alone.
ids = [2, 1, 2, 3, 1, 2, 1, 2, 1]
mistakes = {
    "nothing is replaced; if you compare a list with a tuple, they are never equal": ids,
    "only the first pair is replaced": [2, 9, 3, 1, 2, 1, 2, 1],
    "the last id is lost": [2, 9, 3, 9, 9],
    "(2, 1) is merged, too; the order in the pair counts": [9, 2, 3, 9, 9, 1],
    "the second id of a pair stays; both give way to `new`": [2, 9, 2, 3, 9, 2, 9, 2, 1],
    "it takes steps of two, so a pair at an odd position is missed": [2, 1, 2, 3, 9, 9, 1],
    "the pairs are taken out and nothing stands in their place": [2, 3, 1],
}
got = call(merge, ids, (1, 2), 9)
check(got, [2, 9, 3, 9, 9, 1], mistakes, f"merge({ids}, (1, 2), 9) gives {got!r:.60}")

# Overlapping pairs: the first takes the 7 at 0 and the 7 at 1, so the last 7 has no partner left.
mistakes = {
    "overlapping pairs are both merged; the first one has used up the 7 in the middle": [9, 9],
    "it goes from right to left": [7, 9],
}
got = call(merge, [7, 7, 7], (7, 7), 9)
check(got, [9, 7], mistakes, f"merge([7, 7, 7], (7, 7), 9) gives {got!r:.60}")

# 11 is an id of its own, and so is 23: the digits of an id mean nothing.
mistakes = {"ids are compared as text, where '11, 2' holds '1, 2'; compare the numbers": [199, 993, 99]}
got = call(merge, [11, 2, 1, 23, 1, 2], (1, 2), 99)
check(got, [11, 2, 1, 23, 99], mistakes, f"merge([11, 2, 1, 23, 1, 2], (1, 2), 99) gives {got!r:.60}")

# In an empty list there is nothing to merge.
check(call(merge, [], (1, 2), 9), [], what="merge([], (1, 2), 9)")
check_unchanged(merge, [3, 1, 2], (1, 2), 9)
print("merge: right")


# %% nbgrader={"grade": true, "grade_id": "merge_hidden", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random ids, 0.5 points each: a pair of two different ids; a pair of one id twice, in
# runs of that id.
### BEGIN HIDDEN TESTS
import random


def replaced(ids, at, new):  # new for the pairs that begin at those positions
    return [new if i in at else ids[i] for i in range(len(ids)) if i in at or i - 1 not in at]


def apart(starts):  # those that do not overlap one taken before
    taken = []
    for i in starts:
        if i - 1 not in taken and i + 1 not in taken:
            taken.append(i)
    return taken


def compare(ids, pair, new):
    """False if these ids do not tell the mistakes from each other."""
    starts = [i for i in range(len(ids) - 1) if (ids[i], ids[i + 1]) == pair]
    want = replaced(ids, apart(starts), new)
    mistakes = {
        "nothing is replaced": ids,
        "only the first pair is replaced": replaced(ids, starts[:1], new),
        "the last id is lost": want[:-1],
        "the second id of a pair stays; both give way to `new`": [
            new if i in starts else ids[i] for i in range(len(ids))
        ],
        "it takes steps of two, so a pair at an odd position is missed": replaced(
            ids, [i for i in starts if i % 2 == 0], new
        ),
        "the pairs are taken out and nothing stands in their place": [i for i in want if i != new],
    }
    if 0 in ids:
        mistakes["the id 0 is lost; Python takes 0 for false, so compare with None"] = [i for i in want if i]
    if pair[0] == pair[1]:
        mistakes |= {
            "overlapping pairs are both merged; the first one has used up the id in the middle": replaced(
                ids, starts, new
            ),
            "it goes from right to left": replaced(ids, apart(starts[::-1]), new),
        }
    else:
        either = [i for i in range(len(ids) - 1) if (ids[i], ids[i + 1]) in (pair, pair[::-1])]
        mistakes["the order in the pair counts; it is merged the other way round, too"] = replaced(
            ids, apart(either), new
        )
    if want in mistakes.values() or len({str(wrong) for wrong in mistakes.values()}) < len(mistakes):
        return False
    got = call(merge, ids, pair, new)
    check(got, want, mistakes, f"merge({ids}, {pair}, {new}) gives {got!r:.80}")
    return True


points, rng = Points(1), random.Random()
with points.part(0.5, "two different ids"):
    a, b, new = rng.sample(range(256, 999), 3)
    longer = 1000 + a  # it ends in the digits of a
    while not compare([*rng.choices([a, b, 0], k=10), longer, b, 0], (a, b), new):
        pass
with points.part(0.5, "one id twice"):
    a, b, new = rng.sample(range(256, 999), 3)
    while not compare(rng.choices([a, b], [4, 1], k=12) + [b, a], (a, a), new):
        pass
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2: learn the merges (4 points)
#
# Now learn from a text which pairs to merge. Begin with its bytes (字节) in UTF-8, as
# `text.encode("utf-8")` gives them: byte b is the token with the id b, so the ids 0 to 255 are taken.
# An English letter is one byte, a Chinese character most often three. Nothing else cuts the text: a
# merge may run across a space.
#
# Real tokenizers cut the text into words first. Yours cuts no words, and it stops when no pair occurs
# twice. The lesson's short cut, replacing strings, would miss a pair right behind itself; use `merge`.
#
# Then repeat, at most `merges` times:
#
# 1. **Count** the pairs of neighbours, every position for itself: position i counts for the pair
#    (ids[i], ids[i+1]). Overlapping pairs all count: in "aaa", with the ids [97, 97, 97], the pair
#    (97, 97) counts twice.
# 2. **Choose** the pair with the highest count. Among equally frequent pairs take the smallest, as
#    Python compares tuples: (97, 300) < (98, 5) < (98, 6).
# 3. **Stop** if there is no pair, or if that count is below 2: a merge that is used once saves nothing.
# 4. **Merge** it everywhere, as in task 1. The first merge makes the id 256, the second 257, and so on.
#    The next round counts afresh; new ids take part like any others.
#
# Counting and merging treat overlaps differently: all of them are counted, and no id is merged twice.


# %% nbgrader={"grade": false, "grade_id": "train", "locked": false, "schema_version": 3, "solution": true, "task": false}
def train(text, merges):
    """Learn byte-pair merges from a text.

    text: a string, perhaps empty; merges: how many merges to learn at most, an int, 0 or more.
    Returns the list of the merged pairs, tuples of two ids, in the order in which they were learned.
    """
    ### BEGIN SOLUTION
    ids, learned = list(text.encode("utf-8")), []
    while len(learned) < merges:
        counts = Counter(zip(ids, ids[1:], strict=False))
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        if counts[pair] < 2:
            break
        ids = merge(ids, pair, 256 + len(learned))
        learned.append(pair)
    return learned
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "train_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# a, b, c have the ids 97, 98, 99. "abcabcab": (97, 98) stands there three times, more than any other.
# Merged: 256 99 256 99 256. Now (99, 256) and (256, 99) count two each; (99, 256) is smaller.
# Merged: 256 257 257. Every pair counts one: stop.
ab = (97, 98)
mistakes = {
    "a tie goes to the wrong pair; (99, 256) < (256, 99), as tuples": [ab, (256, 99)],
    "it goes on with pairs that count one": [ab, (99, 256), (256, 257), (258, 257)],
    "the counts are those of the beginning; count afresh after each merge": [ab, (98, 99), (99, 97)],
    "the first new id must be 256; it is 257": [ab, (99, 257)],
    "the first new id must be 256; it is 255": [ab, (99, 255)],
    "each pair stands beside its id or count; return the pairs alone": [(ab, 256), ((99, 256), 257)],
    "the pairs are characters; use the ids of their bytes": [("a", "b"), ("c", "ab")],
    "the merge is learned, but only its first place in the text is merged": [ab, ab],
    "the merge is learned, but the text stays as it was; `merge` returns a new list, keep that": [ab] * 5,
}
got = call(train, "abcabcab", 5)
check(got, [ab, (99, 256)], mistakes, f"train('abcabcab', 5) gives {got!r:.60}")
got = call(train, "abcabcab", 1)
check(got, [ab], {"`merges` is not used": [ab, (99, 256)]}, f"train('abcabcab', 1) gives {got!r:.60}")

# "aaa": (97, 97) stands at 0 and at 1, so it counts two and is learned. Merged: 256 97.
mistakes = {"(97, 97) counts two, at 0 and at 1; count overlapping pairs, too": []}
got = call(train, "aaa", 5)
check(got, [(97, 97)], mistakes, f"train('aaa', 5) gives {got!r:.60}")

# 你 has the bytes 228 189 160. "你你": (189, 160) and (228, 189) count two each, (160, 228) one.
# Merged: 228 256 228 256, where (228, 256) counts two.
mistakes = {
    "it merges characters; begin with the UTF-8 bytes": [],
    "a tie goes to the wrong pair; (189, 160) < (228, 189), as tuples": [(228, 189), (256, 160)],
}
got = call(train, "你你", 5)
check(got, [(189, 160), (228, 256)], mistakes, f"train('你你', 5) gives {got!r:.60}")

# In an empty text there is no pair.
check(call(train, "", 5), [], what="train('', 5)")
print("train: right")


# %% nbgrader={"grade": true, "grade_id": "train_hidden", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random texts. 1 point: words in ASCII, without ties.
# 0.5 points each: ties; overlapping pairs; Chinese; the end, where no pair counts two any more.
### BEGIN HIDDEN TESTS
import random
from collections import Counter

SAYS = {
    "met first": "among equally frequent pairs it takes the one that stands first in the text",
    "met last": "among equally frequent pairs it takes the one that stands last in the text",
    "larger": "among equally frequent pairs it takes the largest; take the smallest",
    "spelled": "equally frequent pairs are compared by their bytes; compare the ids, as tuples",
    "first id": "equally frequent pairs are compared by their first ids alone; compare the ids, as tuples",
    "second id": "equally frequent pairs are compared by their second ids; compare the ids, as tuples",
    "digits": "equally frequent pairs are compared as text, where '100' < '97'; compare the ids, as tuples",
    "larger id": "equally frequent pairs are compared by their larger ids; compare the ids, as tuples",
    "sum": "equally frequent pairs are compared by the sums of their ids; compare the ids, as tuples",
    "apart": "overlapping pairs are counted once; count every position for itself",
    "twice": "overlapping pairs are both merged; an id is merged once, from left to right",
    "from right": "overlapping pairs are merged from right to left",
    "stale": "the counts are those of the beginning; count afresh after each merge",
    "one": "the merge is learned, but only its first place in the text is merged",
    "257": "the first new id must be 256; it is 257",
    "words": "pairs with a space are left out; a merge may run across a space",
    "lines": "pairs with a line end are left out; a merge may run across a line end",
    "goes on": "it goes on with pairs that count one",
    "three": "it stops at pairs that count two; they are learned, too",
    "characters": "it merges characters; begin with the UTF-8 bytes",
    "sorted": "the pairs are sorted; return them in the order in which they were learned",
    "short": "one merge too few",
    "rare": "it takes the rarest pair; take the most frequent",
    "all": "it learns more pairs than `merges` says",
}


KEYS = {  # what decides in place of the two ids; then the place in the text
    "first id": lambda pair: pair[0],
    "second id": lambda pair: pair[::-1],
    "digits": str,
    "larger id": max,
    "sum": sum,
}


def reference(text, merges, wrong=None):
    """The merges, or what is learned with one thing wrong, a key of SAYS."""
    ids = [ord(letter) for letter in text] if wrong == "characters" else list(text.encode())
    spelled, learned, counts = {i: bytes([i]) for i in range(256)}, [], {}
    first = 257 if wrong == "257" else 256
    for new in range(first, first + {"short": merges - 1, "all": 99}.get(wrong, merges)):
        pairs = list(zip(ids, ids[1:], strict=False))
        if wrong == "words":
            pairs = [pair for pair in pairs if 32 not in pair]
        if wrong == "lines":
            pairs = [pair for pair in pairs if 10 not in pair]
        if wrong == "apart":
            pairs = [pairs[i] for i in range(len(pairs)) if not overlaps(pairs, i)]
        if wrong != "stale" or not counts:
            counts = Counter(pairs)
        else:
            counts.pop(learned[-1])
        tie = {pair: pair for pair in counts}
        if wrong == "met first":
            tie = {pair: (i,) for i, pair in reversed(list(enumerate(pairs)))}
        if wrong == "met last":
            tie = {pair: (-i,) for i, pair in enumerate(pairs)}
        if wrong == "larger":
            tie = {pair: (-pair[0], -pair[1]) for pair in counts}
        if wrong == "spelled":
            tie = {pair: (spelled[pair[0]], spelled[pair[1]]) for pair in counts}
        if wrong in KEYS:
            tie = {pair: (KEYS[wrong](pair), i) for i, pair in reversed(list(enumerate(pairs)))}
        sign = 1 if wrong == "rare" else -1
        enough = {"goes on": 1, "three": 3}.get(wrong, 2)
        best = min(
            (pair for pair in counts if counts[pair] >= enough),
            key=lambda pair: (sign * counts[pair], tie[pair]),
            default=None,
        )
        if best is None:
            break
        learned.append(best)
        ids = merged(ids, best, new, wrong)
        spelled[new] = spelled.get(best[0], b"") + spelled.get(best[1], b"")
    return sorted(learned) if wrong == "sorted" else learned


def overlaps(pairs, i):  # in a run of one id, every second position
    run = 0
    while i - run > 0 and pairs[i - run - 1] == pairs[i]:
        run += 1
    return run % 2 == 1


def merged(ids, pair, new, wrong):
    starts = [i for i in range(len(ids) - 1) if (ids[i], ids[i + 1]) == pair]
    at = set()
    for i in reversed(starts) if wrong == "from right" else starts:
        if wrong == "twice" or not {i - 1, i + 1} & at:
            at.add(i)
    if wrong == "one":
        at = set(starts[:1])
    return [new if i in at else ids[i] for i in range(len(ids)) if i in at or i - 1 not in at]


FATAL = {"stale", "one", "257", "sorted", "short", "rare", "all"}  # wrong with any text


def compare(merges, write, caught, spared=()):
    """With a text that tells the mistakes `caught` apart; it catches the fatal ones, too, and no others."""
    fatal = FATAL - {*caught, *spared}
    while True:
        text = write()
        want = reference(text, merges)
        if all((reference(text, merges, wrong) != want) == (wrong in {*caught, *fatal}) for wrong in SAYS):
            mistakes = {SAYS[wrong]: reference(text, merges, wrong) for wrong in [*caught, *sorted(fatal)]}
            if len({str(mistakes[SAYS[wrong]]) for wrong in caught}) == len(caught):
                break
    got = call(train, text, merges)
    check(got, want, mistakes, f"train({text!r}, {merges}) gives {got!r:.80}")


def letters(alphabet, count):
    return "".join(rng.choices(alphabet, range(1, len(alphabet) + 1), k=count))


def words():  # the most frequent one ends its line
    known = [letters("aeinst", rng.randint(1, 4)) for _ in range(6)]
    known[-1] += "\n"
    return " ".join(rng.choices(known, range(1, 7), k=30))


def ties():  # three words, equally often, two of them with the same first letter
    some = rng.sample("abcdefghijkl", 8)
    known = ["".join(some[i] for i in word) for word in ((0, 1, 2), (0, 3, 4), (5, 6, 7))] * 4
    rng.shuffle(known)
    return "".join(known)


def chinese():  # characters that share their first two bytes
    return "".join(rng.choices([chr(0x4F40 + i) for i in rng.sample(range(64), 8)], range(1, 9), k=30))


points, rng = Points(3), random.Random()
with points.part(1, "words without ties"):
    compare(4, words, ["words", "lines", *FATAL])
with points.part(0.5, "ties"):
    compare(5, ties, ["met first", "met last", "larger", "spelled", *KEYS], {"sorted"})
with points.part(0.5, "overlapping pairs"):
    compare(3, lambda: letters("bca", 26), ["apart", "twice", "from right"])
with points.part(0.5, "Chinese"):
    compare(4, chinese, ["characters"])
with points.part(0.5, "the end"):
    compare(99, lambda: letters("abcdef", 16), ["goes on", "three"], {"short", "all"})
    got = call(train, "abab", 0)
    check(got, [], what=f"train('abab', 0) gives {got!r:.60}: with at most 0 merges, nothing is learned")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3: from text to ids (3 points)
#
# A tokenizer meets texts that it was not trained on. `encode` begins with the text's UTF-8 bytes. Then
# it applies the merges in the order in which they were learned: the first one wherever its pair stands,
# then the second, and so on. A merge's number in that order is its rank; the merge of rank r makes the
# id 256 + r.
#
# The rank alone decides. An early merge comes before a later one, also where the later one's pair
# stands further left in the text, or would make a longer token.
#
# The merges need not come from your `train`. Each one names bytes and ids of earlier merges only, and no
# pair stands there twice. Here, too, no words are cut: a merge may run across a space or a line end.


# %% nbgrader={"grade": false, "grade_id": "encode", "locked": false, "schema_version": 3, "solution": true, "task": false}
def encode(text, merges):
    """Cut a text into tokens.

    text: a string, perhaps empty; merges: a list of pairs, in the order learned, perhaps empty.
    Returns the list of ids.
    """
    ### BEGIN SOLUTION
    ids = list(text.encode("utf-8"))
    for rank, pair in enumerate(merges):
        ids = merge(ids, pair, 256 + rank)
    return ids
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "encode_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# "bc" is merged first, then "ab", then "a" and "bc". The ids are 256, 257, 258.
# "abcabab" is 97 98 99 97 98 97 98.
# Rank 0, (98, 99): 97 256 97 98 97 98. Rank 1, (97, 98): 97 256 257 257. Rank 2: 258 257 257.
merges = [(98, 99), (97, 98), (97, 256)]
mistakes = {
    "'ab' is merged before 'bc', which was learned earlier": [257, 99, 257, 257],
    "the new ids do not take part: 97 and 256 must become 258": [97, 256, 257, 257],
    "a merge is applied to the first place only": [258, 257, 97, 98],
    "the first merge makes the id 256; here it makes 257": [97, 257, 258, 258],
    "it trains on this text; apply the merges that are given": [256, 99, 256, 256],
    "it is the bytes, without any merge": list(b"abcabab"),
    "it is what the tokens spell; return their ids": ["abc", "ab", "ab"],
}
got = call(encode, "abcabab", merges)
check(got, [258, 257, 257], mistakes, f"encode('abcabab', {merges}) gives {got!r:.60}")
check_unchanged(encode, "abcabab", merges)

# Now "cd" is 256, "ab" is 257 and "abc" is 258. Rank 0 takes the c, so that no "abc" is left.
merges = [(99, 100), (97, 98), (257, 99)]
mistakes = {"it takes the longest token, 'abc'; 'cd' was learned earlier and takes the c": [258, 100]}
got = call(encode, "abcd", merges)
check(got, [257, 256], mistakes, f"encode('abcd', {merges}) gives {got!r:.60}")

# 你 has the bytes 228 189 160.
got = call(encode, "你", [(189, 160)])
mistakes = {"it begins with characters; begin with the UTF-8 bytes": [ord("你")]}
check(got, [228, 256], mistakes, f"encode('你', [(189, 160)]) gives {got!r:.60}")

# An empty text has no tokens.
check(call(encode, "", merges), [], what=f"encode('', {merges})")
print("encode: right")


# %% nbgrader={"grade": true, "grade_id": "encode_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random texts and merges, 0.5 points each: merges that want the same letters; merges of
# merged ids, across spaces and line ends; Chinese; nothing to merge.
### BEGIN HIDDEN TESTS
import random
import re
from collections import Counter

SAYS = {
    "leftmost": "it merges what stands further left first; the merge that was learned first comes first",
    "longest": "it takes the longest token; the merge that was learned first comes first",
    "latest": "it begins with the merge that was learned last",
    "frequent": "it begins with the pair that is most frequent in this text; the rank decides",
    "smallest": "it begins with the pair of the smallest ids; the rank decides",
    "stops": "it stops at the first merge that finds nothing; later ones may find something",
    "used": "a merge that finds nothing has an id, too: the merge of rank r makes 256 + r",
    "one pass": "the new ids do not take part in later merges",
    "first": "a merge is applied to the first place only",
    "257": "the first merge makes the id 256; here it makes 257",
    "characters": "it begins with characters; begin with the UTF-8 bytes",
    "trained": "it trains on this text; apply the merges that are given",
    "words": "it cuts the text at spaces; a merge may run across a space",
    "lines": "it cuts the text at line ends; a merge may run across a line end",
    "strip": "it begins without the spaces and line ends around the text; they are bytes like any others",
}
CUTS = {"words": r" ?\S+|\s", "lines": r"[^\n]*\n|[^\n]+"}


def merged(ids, pair, new):
    result = []
    for i in ids:
        if result and not result[-1][1] and (result[-1][0], i) == pair:
            result[-1] = (new, True)  # it cannot be merged again with this pair
        else:
            result.append((i, False))
    return [i for i, _ in result]


def longest(ids, merges):
    spelled = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelled.append(spelled[a] + spelled[b])
    result, rest = [], bytes(ids)
    while rest:
        token = max((token for token in spelled if rest.startswith(token)), key=len)
        result.append(spelled.index(token))
        rest = rest[len(token) :]
    return result


def reference(text, merges, wrong=None):
    """The ids, or what comes out with one thing wrong, a key of SAYS."""
    if wrong in CUTS:
        return [i for piece in re.findall(CUTS[wrong], text) for i in reference(piece, merges)]
    text = text.strip() if wrong == "strip" else text
    ids = [ord(letter) for letter in text] if wrong == "characters" else list(text.encode())
    if wrong == "longest":
        return longest(ids, merges)
    if wrong == "trained":
        for new in range(256, 256 + len(merges)):
            counts = Counter(zip(ids, ids[1:], strict=False))
            best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
            ids = ids if counts[best] < 2 else merged(ids, best, new)
        return ids
    if wrong in ("leftmost", "frequent", "smallest"):
        while True:
            pairs = [pair for pair in zip(ids, ids[1:], strict=False) if pair in merges]
            if not pairs:
                return ids
            if wrong == "leftmost":
                at = next(i for i in range(len(ids)) if (ids[i], ids[i + 1]) in merges)
                ids = [*ids[:at], 256 + merges.index((ids[at], ids[at + 1])), *ids[at + 2 :]]
            else:
                counts = Counter(pairs if wrong == "frequent" else {*pairs})
                best = min(counts, key=lambda p: (-counts[p], merges.index(p) if wrong == "frequent" else p))
                ids = merged(ids, best, 256 + merges.index(best))
    ranks, unused = list(enumerate(merges)), 0
    for rank, pair in reversed(ranks) if wrong == "latest" else ranks:
        if pair not in zip(ids, ids[1:], strict=False):
            if wrong == "stops":
                break
            unused += wrong == "used"
        if wrong == "one pass" and max(pair) > 255:
            continue
        if wrong == "first":
            at = next((i for i in range(len(ids) - 1) if (ids[i], ids[i + 1]) == pair), None)
            ids = ids if at is None else [*ids[:at], 256 + rank, *ids[at + 2 :]]
        else:
            ids = merged(ids, pair, (257 if wrong == "257" else 256) + rank - unused)
    return ids


def compare(write, caught, spared=()):
    """A text and merges that the mistakes `caught` change, each in its own way, and `spared` do not."""
    while True:
        text, merges = write()
        want = reference(text, merges)
        mistakes = {SAYS[wrong]: reference(text, merges, wrong) for wrong in caught}
        different = {str(result) for result in (want, *mistakes.values())}
        if len(different) > len(caught) and all(reference(text, merges, wrong) == want for wrong in spared):
            break
    got = call(encode, text, merges)
    check(got, want, mistakes, f"encode({text!r}, {merges}) gives {got!r:.80}")


def letters(alphabet, count):
    return "".join(rng.choices(alphabet, k=count))


def competing():
    alphabet = rng.sample(b"abcdefgh", 2)
    merges = rng.sample([(a, b) for a in alphabet for b in alphabet], 3)
    while len(merges) < 7:
        known = range(256, 256 + len(merges))
        first, second = rng.choice([(known, alphabet), (alphabet, known), (known, known)])
        pair = (rng.choice(first), rng.choice(second))
        if pair not in merges:
            merges.append(pair)
    return letters(bytes(alphabet).decode(), 20), merges


def nested():
    a, c = rng.sample(range(97, 123), 2)
    b, d = b" \n"
    word = bytes([a, b, c, d, a, b, c]).decode()
    pieces = [word[: rng.randint(2, 7)] for _ in range(4)] + [letters("0123456789", 2)]
    rng.shuffle(pieces)
    return "".join(pieces) + word[: rng.choice([2, 4])], [(a, b), (256, c), (257, d), (258, 257)]


def chinese():
    first, second, third = rng.sample(range(0x80, 0xC0), 3)
    text = "".join(bytes([0xE5, first, rng.choice([second, third])]).decode() for _ in range(6))
    return text + "，" + letters("abc", 3), [(0xE5, first), (256, second), (256, third), (257, 258)]


points, rng = Points(2), random.Random()
order = ["leftmost", "longest", "latest", "frequent", "smallest", "stops", "used"]
with points.part(0.5, "merges that want the same letters"):
    compare(competing, [*order, "one pass", "first", "257", "trained"])
with points.part(0.5, "merges of merged ids"):
    compare(
        nested,
        ["one pass", "first", "257", "trained", "words", "lines", "strip"],
        ["leftmost", "longest", "frequent", "characters", "stops", "used"],
    )
with points.part(0.5, "Chinese"):
    compare(
        chinese,
        ["characters", "one pass", "first", "257", "trained"],
        ["leftmost", "longest", "frequent", "stops", "used"],
    )
with points.part(0.5, "nothing to merge"):
    for text, merges in [
        (letters("abc", 1), competing()[1]),
        ("".join(rng.sample("uvwxyz", 5)), competing()[1]),
        ("déf", []),
    ]:
        got = call(encode, text, merges)
        check(got, list(text.encode()), what=f"encode({text!r}, {merges}) gives {got!r:.80}")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4: from ids back to text (2 points)
#
# An id below 256 is a byte. The id 256 + r stands for what the two ids of `merges[r]` stand for, one
# after the other; they may be merged ids themselves. So every list of ids stands for bytes. Here, too,
# the merges need not come from your `train`, and here a pair may stand twice, under two ids.
#
# A token may end in the middle of a character. Therefore join *all* bytes first and decode them once,
# at the end. A model may also write bytes that are no UTF-8. They become the replacement character
# U+FFFD (�), as `bytes.decode("utf-8", errors="replace")` does it.


# %% nbgrader={"grade": false, "grade_id": "decode", "locked": false, "schema_version": 3, "solution": true, "task": false}
def decode(ids, merges):
    """The text that a list of ids stands for.

    ids: a list of ints, perhaps empty; merges: a list of pairs, in the order learned, perhaps empty.
    Returns a string.
    """
    ### BEGIN SOLUTION
    spelled = [bytes([byte]) for byte in range(256)]
    for first, second in merges:
        spelled.append(spelled[first] + spelled[second])
    return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "decode_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# 你 has the bytes 228 189 160, and "!" is 33. 256 is 189 160; 257 is 228 256, so 你; 258 is "你!".
# 228 alone is a third of a character; with the 256 behind it, it is 你.
merges, ids = [(189, 160), (228, 256), (257, 33)], [258, 228, 256, 104]
mistakes = {
    "each token is decoded alone, and 228 is no character; join all bytes first": "你!\ufffd\ufffd\ufffdh",
    "each byte is taken for a character; decode the bytes as UTF-8": "ä½\xa0!ä½\xa0h",
    "the two halves of a merge have changed places": "!\ufffd\ufffd\ufffd䠽h",
    "the first merge is the id 256; here it is 257": "\ufffd\ufffdh",
    "it is bytes; decode them": "你!你h".encode(),
}
got = call(decode, ids, merges)
check(got, "你!你h", mistakes, f"decode({ids}, {merges}) gives {got!r:.60}")
check_unchanged(decode, ids, merges)

# No character has the byte 255.
mistakes = {
    "the byte 255 is dropped; it becomes U+FFFD": "ab",
    "the byte 255 becomes '?'; it becomes U+FFFD": "a?b",
    "the byte 255 is taken for a character": "aÿb",
}
got = call(decode, [97, 255, 98], merges)
check(got, "a\ufffdb", mistakes, f"decode([97, 255, 98], {merges}) gives {got!r:.60}")

# No tokens, no text.
check(call(decode, [], merges), "", what=f"decode([], {merges})")
print("decode: right")


# %% nbgrader={"grade": true, "grade_id": "decode_hidden", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random texts and merges, 0.5 points each: tokens that cut characters in two; bytes
# that are no UTF-8.
### BEGIN HIDDEN TESTS
import codecs
import random
import re

SAYS = {
    "alone": "each token is decoded alone; join all bytes first",
    "latin": "each byte is taken for a character; decode the bytes as UTF-8",
    "swapped": "the two halves of a merge have changed places",
    "257": "the first merge is the id 256; here it is 257",
    "ignore": "bytes that are no UTF-8 are dropped; they become U+FFFD",
    "question": "bytes that are no UTF-8 become '?'; they become U+FFFD",
    "bytewise": "every single byte becomes U+FFFD; errors='replace' writes one for what begins a character",
    "run": "several U+FFFD in a row became one; leave them all",
    "end": "a character that the last id cuts off is lost; it becomes U+FFFD",
    "strip": "spaces or line ends around the text are lost; they belong to it",
}


def reference(ids, merges, wrong=None):
    """The text, or what comes out with one thing wrong, a key of SAYS."""
    spelled = [bytes([i]) for i in range(256)]
    if wrong == "257":
        spelled.append(b"")
    for a, b in merges:
        spelled.append(spelled[b] + spelled[a] if wrong == "swapped" else spelled[a] + spelled[b])
    pieces = [spelled[i] for i in ids]
    if wrong == "latin":
        return b"".join(pieces).decode("latin-1")
    if wrong == "alone":
        return "".join(piece.decode(errors="replace") for piece in pieces)
    if wrong == "bytewise":
        escaped = b"".join(pieces).decode(errors="surrogateescape")
        return "".join("\ufffd" if "\udc80" <= letter <= "\udcff" else letter for letter in escaped)
    if wrong == "end":
        return codecs.getincrementaldecoder("utf-8")(errors="replace").decode(b"".join(pieces))
    text = b"".join(pieces).decode(errors="ignore" if wrong == "ignore" else "replace")
    if wrong == "run":
        return re.sub("\ufffd+", "\ufffd", text)
    return {"question": text.replace("\ufffd", "?"), "strip": text.strip()}.get(wrong, text)


def compare(write, caught):
    while True:
        ids, merges = write()
        want = reference(ids, merges)
        mistakes = {SAYS[wrong]: reference(ids, merges, wrong) for wrong in caught}
        if len({want, *mistakes.values()}) > len(caught):
            break
    got = call(decode, ids, merges)
    check(got, want, mistakes, f"decode({ids}, {merges}) gives {got!r:.80}")


def cut():  # each pair is a random one of those that stand in the text, so tokens cut characters
    text = "".join(
        chr(rng.choice([rng.randrange(97, 123), rng.randrange(0x4E00, 0x9FA5), 0x1F600])) for _ in range(12)
    )
    ids, merges = list(f"\n{text}😀😀 ".encode()), []
    while len(merges) < 12:
        at = rng.randrange(len(ids) - 1)
        merges.append((ids[at], ids[at + 1]))
        ids = [*ids[:at], 255 + len(merges), *ids[at + 2 :]]
    nested = any(i > 255 and max(merges[i - 256]) > 255 for i in ids)  # a merge of a merge is left
    return (ids, merges) if nested and len(set(merges)) < 12 else cut()  # and a pair stood there twice


def damaged():
    ids, merges = cut()
    for _ in range(3):
        # not before the line end in front, for then strip() has nothing to take away there
        ids.insert(rng.randrange(1, len(ids) + 1), rng.choice([255, 254, 0xE4, 0x80]))
    return [*ids, 0xE4, 0xBD], merges  # two thirds of a character


points, rng = Points(1), random.Random()
with points.part(0.5, "characters cut in two"):
    compare(cut, ["alone", "latin", "swapped", "257", "strip"])
with points.part(0.5, "bytes that are no UTF-8"):
    compare(damaged, list(SAYS))
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5: digits in groups (2 points)
#
# Many tokenizers cut long numbers into groups of up to three digits. Cut from the left, 1234567 becomes
# 123 456 7; cut from the right, 1 234 567, and then the groups of every number end at the same places
# (数位): at the units (个位), at the thousands, at the millions, and so on.
#
# Cut `digits` into groups of `size` digits from the right. The groups stand in the order of the number;
# only the first one may be shorter.


# %% nbgrader={"grade": false, "grade_id": "group_right", "locked": false, "schema_version": 3, "solution": true, "task": false}
def group_right(digits, size):
    """Cut a number into groups, counted from its right end.

    digits: a string of digits, perhaps with zeros in front, perhaps empty; size: an int, 1 or more.
    Returns a list of strings, none of them empty; joined they are `digits` again.
    """
    ### BEGIN SOLUTION
    first = len(digits) % size
    groups = [digits[:first]] if first else []
    return groups + [digits[i : i + size] for i in range(first, len(digits), size)]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "group_right_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# From the right: 567, then 234, and 1 is left over.
mistakes = {
    "it cuts from the left": ["123", "456", "7"],
    "the groups stand in the order in which they were cut; the number's order is wanted": ["567", "234", "1"],
    "the digits stand backwards in their groups": ["1", "432", "765"],
    "the digits are reversed and never turned back": ["765", "432", "1"],
    "the short group is lost": ["234", "567"],
    "the short group is filled up": ["001", "234", "567"],
    "the last group is empty; -0 is 0, so a slice that ends there ends at the front": ["1", "234", ""],
}
got = call(group_right, "1234567", 3)
check(got, ["1", "234", "567"], mistakes, f"group_right('1234567', 3) gives {got!r:.60}")

# 123456 has two whole groups and nothing left over.
mistakes = {"there is an empty group; leave it out": ["", "123", "456"]}
got = call(group_right, "123456", 3)
check(got, ["123", "456"], mistakes, f"group_right('123456', 3) gives {got!r:.60}")

# Another size, and zeros in front: the digits are text, not a number.
mistakes = {
    "the zeros in front are lost; do not turn the digits into a number": ["7"],
    "`size` is not used": ["007"],
}
got = call(group_right, "007", 2)
check(got, ["0", "07"], mistakes, f"group_right('007', 2) gives {got!r:.60}")

# No digits, no groups.
mistakes = {"there is an empty group; leave it out": [""]}
check(call(group_right, "", 3), [], mistakes, "group_right('', 3)")
print("group_right: right")


# %% nbgrader={"grade": true, "grade_id": "group_right_hidden", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random digits, 0.5 points each: a short group is left over; whole groups alone, and
# zeros in front.
### BEGIN HIDDEN TESTS
import random


def compare(digits, size):
    want = [digits[max(0, end - size) : end] for end in range(len(digits), 0, -size)][::-1]
    plain = str(int(digits))
    mistakes = {
        "the zeros in front are lost; do not turn the digits into a number": [
            plain[max(0, end - size) : end] for end in range(len(plain), 0, -size)
        ][::-1],
        "it cuts from the left": [digits[i : i + size] for i in range(0, len(digits), size)],
        "the groups stand in the order in which they were cut; the number's order is wanted": want[::-1],
        "the digits stand backwards in their groups": [group[::-1] for group in want],
        "the digits are reversed and never turned back": [group[::-1] for group in want[::-1]],
        "there is an empty group; leave it out": ["", *want],
        "the short group is lost": [group for group in want if len(group) == size],
        "the short group is filled up": [want[0].rjust(size, "0"), *want[1:]],
        "groups of 1 are single digits": [digits] if size == 1 else want,
    }
    mistakes = {sentence: wrong for sentence, wrong in mistakes.items() if wrong != want}
    got = call(group_right, digits, size)
    check(got, want, mistakes, f"group_right({digits!r}, {size}) gives {got!r:.80}")


points, rng = Points(1), random.Random()
with points.part(0.5, "a short group"):
    for size in (2, 3, 4, 5):
        left = rng.randrange(1, size)
        whole = size * rng.randint(1, (9 - left) // size)
        compare("".join(rng.sample("123456789", left + whole)), size)
    compare("".join(rng.sample("123456789", 3)), rng.choice([4, 9]))
with points.part(0.5, "whole groups, zeros in front"):
    for size in (rng.choice([2, 4]), 1):
        compare("".join(rng.sample("123456789", 8)), size)
    compare("00" + "".join(rng.sample("123456789", 6)), rng.choice([3, 5]))
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6: the place of each digit (3 points)
#
# Digits that are added stand at the same place: units with units, tens with tens. `place_values` tells
# a model which place that is, for each character of a written sum such as `98+147=245`:
#
# - A digit gets its place in its own number, counted from that number's *last* digit: units 1, tens 2,
#   hundreds 3, and so on. A number is a run of digits, 0 to 9; any other character ends it.
# - Every other character gets 0.
#
# A model that was trained on short sums has never met place 20. So in training the places can be given
# other labels, larger and with gaps, drawn at random for each sum; digits of the same place share a
# label. With `labels`, a list, a digit at place 1 gets `labels[0]`, at place 2 `labels[1]`, and so on.
# There may be more labels than needed. A number with more digits than there are labels is an error.


# %% nbgrader={"grade": false, "grade_id": "place_values", "locked": false, "schema_version": 3, "solution": true, "task": false}
def place_values(text, labels=None):
    """The place of each digit in its number: units 1, tens 2, ...; 0 for all other characters.

    text: a string, perhaps empty, the numbers in ordinary order.
    labels: None, or a list of different ints above 0, in any order, perhaps empty: labels[0] for units,
        labels[1] for tens, ...
    Returns a list of ints, one for each character.
    Raises ValueError if a number has more digits than there are labels.
    """
    ### BEGIN SOLUTION
    places, place = [], 0
    for character in reversed(text):
        place = place + 1 if character.isdigit() else 0
        places.append(place)
    places.reverse()
    if labels is None:
        return places
    if max(places, default=0) > len(labels):
        raise ValueError(f"{max(places)} digits, and {len(labels)} labels")
    return [labels[place - 1] if place else 0 for place in places]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "place_values_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# "98+147=245": 9 is at the tens, so 2, and 8 at the units. 147 is hundreds, tens and units.
mistakes = {
    "places are counted from the number's first digit; count from its last": [1, 2, 0, 1, 2, 3, 0, 1, 2, 3],
    "places are counted from the end of the text; begin anew in each number": [10, 9, 0, 7, 6, 5, 0, 3, 2, 1],
    "the count runs on across '+' and '='; begin anew in each number": [8, 7, 0, 6, 5, 4, 0, 3, 2, 1],
    "the list begins with the end of the text": [1, 2, 3, 0, 1, 2, 3, 0, 1, 2],
    "the units are 0; they are 1": [1, 0, 0, 2, 1, 0, 0, 2, 1, 0],
    "it gives what a 1 is worth there; give the place: 1, 2, 3": [10, 1, 0, 100, 10, 1, 0, 100, 10, 1],
    "it gives what the digit is worth; give its place: 1, 2, 3": [90, 8, 0, 100, 40, 7, 0, 200, 40, 5],
    "'+' and '=' are left out; they get 0": [2, 1, 3, 2, 1, 3, 2, 1],
    "the last number is missing: it ends with the text": [2, 1, 0, 3, 2, 1, 0],
    "the last number has no places: it ends with the text": [2, 1, 0, 3, 2, 1, 0, 0, 0, 0],
}
got = call(place_values, "98+147=245")
check(got, [2, 1, 0, 3, 2, 1, 0, 3, 2, 1], mistakes, f"place_values('98+147=245') gives {got!r:.60}")

# With labels: units 4, tens 7, hundreds 9; nobody needs the 20.
mistakes = {
    "`labels` is not used": [2, 1, 0, 3, 2, 1, 0, 3, 2, 1],
    "labels[0] is for the units, labels[1] for the tens": [9, 7, 0, 20, 9, 7, 0, 20, 9, 7],
    "other characters get a label, the last one; they get 0": [7, 4, 20, 9, 7, 4, 20, 9, 7, 4],
    "other characters get the label of the units; they get 0": [7, 4, 4, 9, 7, 4, 4, 9, 7, 4],
    "labels[0] goes to a number's first digit; it is for its last": [4, 7, 0, 4, 7, 9, 0, 4, 7, 9],
    "the last label goes to the units; labels[0] is for them": [9, 20, 0, 7, 9, 20, 0, 7, 9, 20],
    "the labels are added to the places; they replace them": [9, 5, 0, 12, 9, 5, 0, 12, 9, 5],
}
got = call(place_values, "98+147=245", [4, 7, 9, 20])
what = f"place_values('98+147=245', [4, 7, 9, 20]) gives {got!r:.60}"
check(got, [7, 4, 0, 9, 7, 4, 0, 9, 7, 4], mistakes, what)
check_unchanged(place_values, "98+147=245", [4, 7, 9, 20])

# Two labels are too few for 147.
check_raises(ValueError, place_values, "98+147=245", [4, 7])
print("place_values: right")


# %% nbgrader={"grade": true, "grade_id": "place_values_hidden", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random sums, 0.5 points each: sums of two numbers; other characters, at any place;
# labels; just enough labels and too few.
### BEGIN HIDDEN TESTS
import random
import re


def each(text, value, number="[0-9]+"):  # value(position, start, end) for digits, 0 elsewhere
    result = [0] * len(text)
    for match in re.finditer(number, text):
        for i in range(match.start(), match.end()):
            result[i] = value(i, match.start(), match.end())
    return result


def one_by_one(places, labels):
    for number, label in enumerate(labels, 1):
        places = [label if place == number else place for place in places]
    return places


def from_last(i, start, end):
    return end - i


def compare(text, labels=None):
    right = each(text, from_last)
    digits_after = [sum(letter.isdigit() for letter in text[i:]) for i in range(len(text))]
    mistakes = {
        "places are counted from the number's first digit; count from its last": each(
            text, lambda i, start, end: i - start + 1
        ),
        "places are counted from the end of the text; begin anew in each number": each(
            text, lambda i, start, end: len(text) - i
        ),
        "the count runs on across other characters; begin anew in each number": each(
            text, lambda i, start, end: digits_after[i]
        ),
        "the list begins with the end of the text": right[::-1],
        "the units are 0; they are 1": each(text, lambda i, start, end: end - i - 1),
        "it gives what a 1 is worth there; give the place: 1, 2, 3": each(
            text, lambda i, start, end: 10 ** (end - i - 1)
        ),
        "it gives what the digit is worth; give its place: 1, 2, 3": each(
            text, lambda i, start, end: int(text[i]) * 10 ** (end - i - 1)
        ),
        "other characters are left out; they get 0": [place for place in right if place],
        "the last number has no places: it ends with the text": each(
            text, lambda i, start, end: 0 if end == len(text) else end - i
        ),
        "a 0 ends a number; it is a digit like the others": each(text, from_last, "[1-9]+"),
        "zeros in front of a number get no place; they are digits, too": each(text, from_last, "[1-9][0-9]*"),
        "there is a number for each byte; one for each character": each(
            text.encode().decode("latin-1"), from_last
        ),
        "a line end is left out; it gets 0, like any other character": each(
            text.replace("\n", ""), from_last
        ),
    }
    want = right
    if labels is not None:
        want = [labels[place - 1] if place else 0 for place in right]
        mistakes = {
            "`labels` is not used": right,
            "labels[0] is for the units, labels[1] for the tens": [
                labels[place % len(labels)] if place else 0 for place in right
            ],
            "other characters get a label, the last one; they get 0": [labels[place - 1] for place in right],
            "other characters get the label of the units; they get 0": [
                labels[max(place - 1, 0)] for place in right
            ],
            "labels[0] goes to a number's first digit; it is for its last": each(
                text, lambda i, start, end: labels[i - start]
            ),
            "the last label goes to the units; labels[0] is for them": [
                labels[-place] if place else 0 for place in right
            ],
            "the labels are added to the places; they replace them": [
                labels[place - 1] + place if place else 0 for place in right
            ],
            "a label is taken for a place and replaced again; choose all labels at once": one_by_one(
                right, labels
            ),
        }
    mistakes = {sentence: wrong for sentence, wrong in mistakes.items() if wrong != want}
    got = call(place_values, text, labels)
    check(got, want, mistakes, f"place_values({text!r}, {labels}) gives {got!r:.80}")


def number(count):  # of several digits, one behind the first is 0; of more than two, none at the end
    digits = rng.choices("23456789", k=count)
    if count > 1:
        digits[rng.randrange(1, max(2, count - 1))] = "0"
    return "".join(digits)


def written(*digits):
    a, b = (number(count) for count in digits)
    return f"{a}+{b}={int(a) + int(b)}"


points, rng = Points(2), random.Random()
with points.part(0.5, "sums of two numbers"):
    for text in (written(rng.randint(5, 8), rng.randint(2, 4)), written(12, 30)):
        compare(text)
with points.part(0.5, "other characters"):
    for text in (
        f"{number(3)} + {number(2)} = ",
        f"({number(2)},0{number(4)}-{number(1)}.)×x{number(4)}\n{number(2)}",
        "",
    ):
        compare(text)
with points.part(0.5, "labels"):
    compare(written(6, 3), sorted(rng.sample(range(11, 99), 14)))
    compare(number(3) + "+", [2, 3, 4, 1])
with points.part(0.5, "just enough labels, and too few"):
    compare(f"{number(4)}-{number(6)}", sorted(rng.sample(range(11, 99), 6)))
    for text in (f"{number(4)}-{number(6)}", f"{number(6)}-{number(4)}"):
        check_raises(ValueError, place_values, text, sorted(rng.sample(range(11, 99), 5)))
    check_raises(ValueError, place_values, number(1), [])
    check(call(place_values, "+=", []), [0, 0], what="place_values('+=', []), which needs no label")
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7: exact answers by carries (2 points)
#
# Where do a model's sums go wrong? A carry (进位) is the 1 that a place hands on to the next higher
# one, when the two digits and the carry that comes in make 10 or more. In 95 + 7 two places carry: the
# units (5 + 7 = 12), then the tens (9 + 0 + 1 = 10). A number that has no digit at a place has a 0
# there. A carry out of the highest place counts like any other.
#
# Group the sums by how many places carry, and find, for each such number, the share of its sums that are
# answered exactly.
#
# An answer is the string that the model wrote. It is exact if it is a + b as Python writes it, whole:
# spaces and line ends around it do not count (`strip()` takes them off), anything else does. So " 12"
# is exact for 12, and "012", "12.", "112" and "" are not. An answer may hold anything; it need not be a
# number.


# %% nbgrader={"grade": false, "grade_id": "exact_by_carries", "locked": false, "schema_version": 3, "solution": true, "task": false}
def exact_by_carries(problems, answers):
    """The share of exact answers, by the number of places that carry.

    problems: a list of pairs (a, b) of ints, 0 or more; answers: a list of as many strings.
    Returns {number of carries: share}, shares from 0 to 1, for the numbers of carries that occur.
    """
    ### BEGIN SOLUTION
    seen, exact = Counter(), Counter()
    for (a, b), answer in zip(problems, answers, strict=True):
        carries, carry, rest_a, rest_b = 0, 0, a, b
        while rest_a or rest_b:
            carry = (rest_a % 10 + rest_b % 10 + carry) // 10
            carries += carry
            rest_a, rest_b = rest_a // 10, rest_b // 10
        seen[carries] += 1
        exact[carries] += answer.strip() == str(a + b)
    return {carries: exact[carries] / seen[carries] for carries in seen}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "exact_by_carries_by_hand", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# One sum at a time, answered right: a, b, how many places carry, and what a wrong number would mean.
for a, b, carries, wrong in [
    (21, 34, 0, {}),
    (282, 371, 1, {0: "every place counts, also after one without a carry: here the tens, 8 + 7"}),
    (157, 245, 2, {1: "a place adds the carry that comes in: the tens are 5 + 4 + 1 = 10"}),
    (65, 75, 2, {1: "the carry out of the highest place counts: 6 + 7 + 1 = 14"}),
    (606, 707, 2, {1: "it takes the longest run of carries; count them all: the units and the hundreds"}),
    (95, 7, 2, {1: "7 has a 0 at the tens, which carry, too: 9 + 0 + 1 = 10"}),
    (3, 999, 3, {1: "3 has a 0 at the tens and at the hundreds; these places carry, too"}),
]:
    mistakes = {sentence: {number: 1.0} for number, sentence in wrong.items()}
    mistakes["it is percent; a share goes from 0 to 1"] = {carries: 100.0}
    mistakes["it is the share of the wrong answers"] = {carries: 0.0}
    got = call(exact_by_carries, [(a, b)], [str(a + b)])
    what = f"exact_by_carries([({a}, {b})], ['{a + b}']) gives {got!r:.60}"
    check(got, {carries: 1.0}, mistakes, what)

# Five sums. No carry: 1 + 2 and 3 + 4, both exact. One carry: 5 + 6, where 011 is not exact, and 7 + 8.
# Two carries: 95 + 7, where 112 is not exact.
problems, answers = [(1, 2), (5, 6), (3, 4), (95, 7), (7, 8)], ["3", "011", " 7 ", "112", "15"]
mistakes = {
    "the share is of all sums; divide by the number of sums with that many carries": {0: 0.4, 1: 0.2, 2: 0.0},
    "it counts the exact answers; divide by the number of sums with that many carries": {0: 2, 1: 1, 2: 0},
    "'011' passes for 11; compare the strings, whole": {0: 1.0, 1: 1.0, 2: 0.0},
    "' 7 ' is exact for 7; spaces at either end do not count": {0: 0.5, 1: 0.5, 2: 0.0},
    "the sums with two carries are missing: their share is 0": {0: 1.0, 1: 0.5},
}
got = call(exact_by_carries, problems, answers)
want = {0: 1.0, 1: 0.5, 2: 0.0}
check(got, want, mistakes, f"exact_by_carries({problems}, {answers}) gives {got!r:.60}")
check_unchanged(exact_by_carries, problems, answers)

# An answer need not be a number.
check(call(exact_by_carries, [(2, 2)], ["four"]), {0: 0.0}, what="exact_by_carries([(2, 2)], ['four'])")
print("exact_by_carries: right")


# %% nbgrader={"grade": true, "grade_id": "exact_by_carries_hidden", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
# Hidden tests on random sums, 0.5 points each: the number of carries, in numbers of different length;
# the share of exact answers.
### BEGIN HIDDEN TESTS
import random
from itertools import groupby

SAYS = {
    "alone": "a place must add the carry that comes in",
    "top": "the carry out of the highest place counts, too",
    "shorter": "it stops where the shorter number ends; the carry may go on",
    "first": "it stops where the first number ends; the second may be longer, and the carry may go on",
    "second": "it stops where the second number ends; the first may be longer, and the carry may go on",
    "units": "it counts the carry of the units only; every place counts",
    "run": "it stops at the first place without a carry; every place counts",
    "longest": "it takes the longest run of carries; count them all",
    "left": "the numbers are aligned at their first digits; align their last digits",
    "zeros": "it stops at a place where both digits are 0; higher places may carry",
    "ten": "it looks at ten places only; numbers may be longer",
    "float": "large numbers lose digits; divide by //, not by /, which gives a float",
    "all": "the share is of all sums; divide by the number of sums with that many carries",
    "count": "it counts the exact answers; divide by the number of sums with that many carries",
    "int": "an answer with a zero in front passes; compare the strings, whole",
    "part": "an answer passes that only holds the sum; compare the strings, whole",
    "spaces": "spaces at either end of an answer do not count",
    "missing": "where no answer is exact, the share is 0; here it is missing",
    "percent": "it is percent; a share goes from 0 to 1",
    "off": "it is the share of the wrong answers",
}


def count_by_float(a, b):
    carries = carry = 0
    while a or b:
        carry = (a % 10 + b % 10 + carry) // 10
        carries += carry
        a, b = int(a / 10), int(b / 10)
    return carries


def count_carries(a, b, wrong=None):
    if wrong == "float":
        return count_by_float(a, b)
    one, two = str(a), str(b)
    width = max(len(one), len(two))
    seen = {"shorter": min(len(one), len(two)), "first": len(one), "second": len(two), "ten": 10}.get(
        wrong, width
    )
    if wrong == "left":
        one, two = one.ljust(width, "0"), two.ljust(width, "0")
    carries = [0]
    for x, y in list(zip(one.zfill(width)[::-1], two.zfill(width)[::-1], strict=True))[:seen]:
        carries.append(int(x) + int(y) + (0 if wrong == "alone" else carries[-1]) > 9)
        if wrong == "zeros" and x == y == "0" and not carries[-2]:
            break
    in_a_row = [len(list(group)) for carry, group in groupby(carries[1:]) if carry]
    if wrong == "run":
        return in_a_row[0] if carries[1] else 0
    if wrong == "longest":
        return max(in_a_row, default=0)
    return sum(carries[1:2] if wrong == "units" else carries[1:-1] if wrong == "top" else carries)


def passes(a, b, answer, wrong):
    right = str(a + b)
    if wrong == "part":
        return right in answer
    answer = answer if wrong == "spaces" else answer.strip()
    return answer == right or (wrong == "int" and answer == "0" + right)


def reference(problems, answers, wrong=None):
    """The shares, or what comes out with one thing wrong, a key of SAYS."""
    marks = {}
    for (a, b), answer in zip(problems, answers, strict=True):
        marks.setdefault(count_carries(a, b, wrong), []).append(passes(a, b, answer, wrong))
    shares = {}
    for carries, found in marks.items():
        of = {"all": len(problems), "count": 1, "percent": len(found) / 100}.get(wrong, len(found))
        shares[carries] = (len(found) - sum(found) if wrong == "off" else sum(found)) / of
    return {carries: share for carries, share in shares.items() if share or wrong != "missing"}


def compare(write, caught):
    while True:
        problems, answers = write()
        want = reference(problems, answers)
        mistakes = {SAYS[wrong]: reference(problems, answers, wrong) for wrong in caught}
        different = {str(sorted(result.items())) for result in (want, *mistakes.values())}
        spared = "missing" in caught or reference(problems, answers, "missing") == want
        if len(different) > len(caught) and spared:
            break
    got = call(exact_by_carries, problems, answers)
    check(got, want, mistakes, f"exact_by_carries({problems}, {answers}) gives {got!r:.80}")


def long():  # each pair both ways; two of three answers are exact
    pairs = [(rng.randrange(10**6, 10**7), rng.randrange(10**4, 10**5)) for _ in range(3)]
    pairs += [(rng.randrange(500, 1000), rng.randrange(500, 1000)), (99_999, rng.randint(1, 9))]
    pairs += [(7_000_000 + rng.randint(1, 4), 8_000_000 + rng.randint(1, 4))]
    pairs += [(rng.randrange(10**29, 10**30), rng.randrange(10**29, 10**30))]
    exact = [str(a + b) for a, b in pairs]
    return pairs + [pair[::-1] for pair in pairs] + pairs, exact + [str(a + b + 1) for a, b in pairs] + exact


def two_digits(units):  # the tens never carry
    return [
        (10 * rng.randint(1, 4) + x, 10 * rng.randint(1, 3) + y)
        for x, y in (rng.choice(units) for _ in range(rng.randint(6, 9)))
    ]


SMALL = [(x, y) for x in range(10) for y in range(10) if x + y < 10]
LARGE = [(x, y) for x in range(10) for y in range(10) if x + y > 9]


def mixed():
    problems = two_digits(SMALL) + two_digits(LARGE)
    rng.shuffle(problems)
    forms = (["{n}", " {n} ", "0{n}", "{n}0", "{other}", "= {n}?"] * 3)[: len(problems)]
    rng.shuffle(forms)
    sums = [a + b for a, b in problems]
    return problems, [form.format(n=n, other=n + 10) for form, n in zip(forms, sums, strict=True)]


# An answer to a sum n, whether it is exact, and what it means if that is not so.
FORMS = [
    ("\n{n} \n", 1.0, "line ends around an answer do not count, either; strip() takes them off"),
    ("{tens} {units}", 0.0, "a space inside an answer counts"),
    ("{tens},{units}", 0.0, "a comma inside an answer counts"),
    ("{n}.", 0.0, "a full stop counts"),
    ("+{n}", 0.0, "a sign in front counts; compare the strings"),
    ("{n} {other}", 0.0, "the first word alone passes; compare the whole answer"),
    ("{other} {n}", 0.0, "the last word alone passes; compare the whole answer"),
    ("{n}\n{other}", 0.0, "the first line alone passes; compare the whole answer"),
    ("={n}", 0.0, "what stands behind '=' passes; compare the whole answer"),
    ("", 0.0, "an empty answer is not exact"),
]


def one_sided():  # no exact answer to the sums that carry
    exact, off = two_digits(SMALL), two_digits(LARGE)
    return exact + off, [str(a + b) for a, b in exact] + [str(a + b - 10) for a, b in off]


points, rng = Points(1), random.Random()
with points.part(0.5, "the number of carries"):
    wrong = ["alone", "top", "shorter", "first", "second", "units", "run", "longest", "left"]
    compare(long, [*wrong, "zeros", "ten", "float"])
    what = "exact_by_carries([(0, 0), (3, 4)], ['1', '7'])"
    check(call(exact_by_carries, [(0, 0), (3, 4)], ["1", "7"]), {0: 0.5}, what=what)
with points.part(0.5, "the share of exact answers"):
    compare(mixed, ["all", "count", "percent", "off", "int", "part", "spaces"])
    compare(one_sided, ["missing"])
    for form, exact, said in FORMS:
        ((a, b), *_), other = two_digits(SMALL), rng.randint(100, 999)
        tens, units = divmod(a + b, 10)
        answer = form.format(n=a + b, tens=tens, units=units, other=other)
        got = call(exact_by_carries, [(a, b)], [answer])
        what = f"exact_by_carries([({a}, {b})], [{answer!r}]) gives {got!r:.60}"
        check(got, {0: exact}, {said: {0: 1 - exact}}, what)
points.total()
### END HIDDEN TESTS

# %% [markdown]
# ## Task 8: in your own words (2 points, graded by hand)
#
# Small models that write from left to right learn addition sooner when the answer is written with its
# units first: 95+7=201 for 102
# ([Lee et al. 2023](https://arxiv.org/abs/2307.03381)). Explain it, and say how your explanation could
# be refuted. Answer in five to eight sentences:
#
# - On which digits of a and b does a digit of a + b depend?
# - In either order: what must the model find out before it writes the first digit, and what is written
#   already when it comes to each later one?
# - If that is the reason, for which sums should the order make no difference, or almost none?
# - How would you test it? Say what you train, what you keep the same, and which result would speak
#   against the explanation.
#
# Half a point each.

# %% [markdown] nbgrader={"grade": true, "grade_id": "in_your_words", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# **Model answer.** A digit of a + b depends on the two digits at its own place and on the carry that
# comes in, and that carry can depend on every lower place (999 + 1). In ordinary order the model writes
# the highest digit first. For it, it must work out the whole chain of carries at once, without having
# written anything down. With the units first, the first digit needs two digits only. Each later one
# needs the two digits at its place and one carry, and that carry can be read off one place, the one
# before: from its two digits and the answer's digit there, which is written already. If that is the
# reason, the order should make next to no difference where nothing is carried: in sums whose digits at
# each place make 9 at most. So I train the same model, with the same number of examples and steps and
# several seeds, in both orders, once on ordinary sums and once on sums without carries, all padded to
# the same length. If the units-first order leads as clearly without carries as with them, the
# explanation is wrong or not the main one.
#
# **Rubric.** Half a point for each of:
#
# 1. A digit depends on its own place and, through the carry, on all lower places.
# 2. Both orders: in ordinary order the first digit needs all carries at once; with the units first each
#    digit needs its place and one carry, which can be read off what is written already.
# 3. Something that should not change, and it follows from 1 and 2: sums without carries, or digits added
#    place by place modulo 10. (Sums in which a carry never runs on past one place are half an answer: full
#    marks if the learner expects a smaller gap rather than none.)
# 4. A comparison that could come out either way: both orders, with and without carries, the rest the
#    same, and the result that would refute it. Accuracy digit by digit, or by the length of the chain of
#    carries, is as good.
#
# Nothing for "people add from the right, too" alone. No formula is needed.
