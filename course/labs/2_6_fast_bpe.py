# ---
# jupyter:
#   course:
#     title: "Lab 2.6, going further: can byte-pair encoding in Python be as fast as in Rust?"
#     further: true
#     summary: Make byte-pair encoding over a thousand times faster in three steps, race it against a library written in Rust, and see where the time of both goes.
#     minutes: 25
#     carries: [figures, progress, statistics, real_tokenizers]
# ---

# %% [markdown]
# # Lab 2.6 · Going further: can byte-pair encoding in Python be as fast as in Rust?
#
# No article claims this: no rule, no grade, only a result to doubt.
#
# In lesson 2 you learned merges (合并) the slow way: count all pairs, merge the most frequent, begin again. Hugging Face's library `tokenizers`
# does this in Rust, whose compiled loops are many times as fast as Python's. It learns 4,096 merges from a megabyte of text in
# under a second. At the end, our plain Python takes about as long.
#
# Do not believe that yet. Is the result the same? Are the conditions the same? And *where does the time go*?

# %% fold="A text to learn from: Python's manual, then the sources of its library"
import gc
import heapq
import json
import random
import re
import time
from collections import Counter, defaultdict
from itertools import count, islice
from pydoc_data.topics import topics

from tokenizers import models, trainers

documents = [topics[topic] for topic in sorted(topics)]
for path in sorted(Path(os.__file__).parent.glob("*.py")):
    documents.append(path.read_text(encoding="utf-8"))


def first(documents, size):
    """The documents from the first on, until that many characters."""
    taken = []
    for document in documents:
        taken.append(document[:size])
        size -= len(taken[-1])
        if size == 0:
            break
    return taken


# %% [markdown]
# ## By definition
#
# Three rules. A text is cut into words first (by `WORD`: letters, digits or signs, with the space
# before them), and no merge reaches across a cut. A token is a number: a byte, or 256 and more for a merge. Among equally frequent pairs, the one with smaller numbers wins.
#
# Our learners yield pair after pair, and we read the clock after each.

# %%
WORD = re.compile(r" ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def most_frequent(counts):
    return min(counts, key=lambda pair: (-counts[pair], pair))


def merge(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


# %%
def by_definition(texts):
    words = [list(word.encode()) for text in texts for word in WORD.findall(text)]
    for new in count(256):
        counts = Counter(pair for ids in words for pair in zip(ids, ids[1:]))
        best = most_frequent(counts)
        yield best
        words = [merge(ids, best, new) for ids in words]


# %% [markdown]
# Let us time one round (processor time, so other programs do not count).

# %% fold="Time one round, on 1.1 million characters"
texts = first(documents, 1_100_000)
words = [word for text in texts for word in WORD.findall(text)]
characters, distinct = sum(map(len, texts)), len(set(words))
print(f"{characters:,} characters, {len(words):,} words, {distinct:,} of them distinct\n")

gc.collect()
gc.freeze()  # so that Python looks for garbage only among what is made from here on
ids_of_words = [list(word.encode()) for word in words]
start = time.process_time()
counts = Counter(pair for ids in ids_of_words for pair in zip(ids, ids[1:]))
counted = time.process_time()
best = most_frequent(counts)
chosen = time.process_time()
merged = [merge(ids, best, 256) for ids in ids_of_words]
done = time.process_time()
print(f"count the pairs {counted - start:.3f} s, choose {chosen - counted:.4f} s,", end=" ")
print(f"merge {done - chosen:.3f} s")
changed = sum(before != after for before, after in zip(ids_of_words, merged))
print(f"words that the merge changed: {changed:,} of {len(words):,}")
del ids_of_words, merged

# %% [markdown]
# Each round walks through the whole text twice. Nearly all of that is waste: words come again and again, and a merge changes
# few of them.

# %% fold="A stop watch: three runs of each learner; are the merges the same?"
REPEATS = 3
learned, curves = [], {}  # the longest list of merges so far; name: seconds by merge, each run


def clock(learner, texts, merges):
    """The merges, and the processor seconds until each was known."""
    gc.collect()
    gc.freeze()  # so that Python looks for garbage only among what the learner makes
    start, pairs, known = time.process_time(), [], []
    for pair in islice(learner(texts), merges):
        pairs.append(pair)
        known.append(time.process_time() - start)
    return pairs, known


def pace(name, merges):
    """Seconds a merge, after the first, up to so many: one for each run."""
    return [(known[merges - 1] - known[0]) / (merges - 1) for known in curves[name]]


def race(name, learner, merges):
    """Run it, compare its merges with those before, and its pace with the learner's before it."""
    global learned
    curves[name] = []
    for _ in progress(range(REPEATS), name):
        pairs, known = clock(learner, texts, merges)
        curves[name].append(known)
        shared = min(len(pairs), len(learned))
        assert pairs[:shared] == learned[:shared], f"{name}: other merges"
        learned = max(learned, pairs, key=len)
    mean_pace = sum(pace(name, merges)) / REPEATS
    print(f"{name}: {merges:,} merges in {spread([known[-1] for known in curves[name]])} s")
    if len(curves) == 1:
        print(f"a merge takes {mean_pace:.2f} s, so 4,096 would take", end=" ")
        print(f"up to {mean_pace * 4096 / 60:.0f} minutes")
        return
    before = list(curves)[-2]
    both = min(merges, len(curves[before][0]))
    ratios = [a / b for a, b in zip(pace(before, both), pace(name, both))]
    print(f"the first {both:,} merges are the same as with “{before}”,")
    print(f"and each comes {spread(ratios, '.0f')} times as fast")


# %%
race("by definition", by_definition, merges=5)

# %% [markdown]
# ## Idea 1: each distinct word once
#
# Keep one copy of each word, and note how often it occurs. If a word occurs 500 times, a pair in it counts 500 times.


# %%
def count_words(texts):
    """The distinct words, as tokens, and how often each occurs."""
    often = Counter()
    for text in texts:
        often.update(WORD.findall(text))
    return [list(word.encode()) for word in often], list(often.values())


def distinct_words(texts):
    words, times = count_words(texts)
    for new in count(256):
        counts = defaultdict(int)
        for ids, n in zip(words, times):
            for pair in zip(ids, ids[1:]):
                counts[pair] += n
        best = most_frequent(counts)
        yield best
        words = [merge(ids, best, new) for ids in words]


race("distinct words", distinct_words, merges=48)

# %% [markdown]
# ## Idea 2: touch only what changes
#
# Count the pairs once, and note for each pair which words hold it. A merge then visits only these. Say it joins `h e`. In `t h e r`,
# the pairs `t h` and `e r` end, and `t he` and `he r` begin. All other counts stay as they are.


# %%
def count_pairs(words, times):
    counts, holders = defaultdict(int), defaultdict(set)
    for w, ids in enumerate(words):
        for pair in zip(ids, ids[1:]):
            counts[pair] += times[w]
            holders[pair].add(w)  # this word holds the pair
    return counts, holders


# %%
def merge_where_it_is(pair, new, words, times, counts, holders):
    """Merge the pair in the words that hold it, mend the counts, return the pairs that began."""
    (left, right), began = pair, set()
    for w in holders.pop(pair):
        ids, i = words[w], 0
        while i < len(ids) - 1:
            if ids[i] == left and ids[i + 1] == right:
                ids[i : i + 2] = [new]
                around = []  # (the pair that ends, the pair that begins)
                if i > 0:
                    around.append(((ids[i - 1], left), (ids[i - 1], new)))
                if i + 1 < len(ids):
                    around.append(((right, ids[i + 1]), (new, ids[i + 1])))
                for ends, begins in around:
                    counts[ends] -= times[w]
                    counts[begins] += times[w]
                    holders[begins].add(w)
                    began.add(begins)
            i += 1
    del counts[pair]
    return began


# %%
def touch_what_changes(texts):
    words, times = count_words(texts)
    counts, holders = count_pairs(words, times)
    for new in count(256):
        best = most_frequent(counts)
        yield best
        merge_where_it_is(best, new, words, times, counts, holders)


race("touch what changes", touch_what_changes, merges=1024)

# %% [markdown]
# ## Idea 3: do not search for the best pair
#
# Now most of the time goes to `most_frequent`, which looks at every pair there is. A heap (堆) keeps the best pair on top. But a merge
# makes other pairs rarer, so their entries become too high. We check an entry only when it comes to the top. If it is out
# of date, we put it back with its true count. That is safe, since old counts only fall: every pair that begins contains the new token.


# %%
def with_a_heap(texts):
    words, times = count_words(texts)
    counts, holders = count_pairs(words, times)
    heap = [(-n, pair) for pair, n in counts.items()]
    heapq.heapify(heap)
    new = 256
    while heap and heap[0][0] < 0:  # until no pair is left
        n, best = heapq.heappop(heap)
        if -n != counts[best]:  # out of date
            heapq.heappush(heap, (-counts[best], best))
            continue
        yield best
        for pair in merge_where_it_is(best, new, words, times, counts, holders):
            heapq.heappush(heap, (-counts[pair], pair))
        new += 1


race("a heap", with_a_heap, merges=4096)

# %% fold="Draw it"
COLORS = dict(zip(curves, (RED, PURPLE, GREEN, BLUE)))
figure, axis = plt.subplots(figsize=(8, 4))
words_of_figure = []
for name, runs in curves.items():
    merges = len(runs[0])
    for known in runs:
        axis.plot(range(1, merges + 1), known, color=COLORS[name], linewidth=1.5)
    last = sum(known[-1] for known in runs) / REPEATS
    axis.text(merges * 1.15, last, name, color=COLORS[name], va="center")
    words_of_figure.append(f"{name} {last:.2f} s for {merges:,}")
axis.set(xscale="log", yscale="log", xlim=(0.9, 20000), xlabel="merges known")
axis.set(ylabel="seconds of processor time", title="The same merges, learned in four ways")
axis.set_xticks([1, 10, 100, 1000, 4096], ["1", "10", "100", "1,000", "4,096"])
axis.set_yticks([0.1, 0.3, 1, 3], ["0.1", "0.3", "1", "3"])
axis.minorticks_off()
show(
    figure,
    alt=f"Seconds until so many merges are known, three runs each: {'; '.join(words_of_figure)}. "
    "In the end each curve lies below the one before it; the heap's stays nearly flat.",
)

# %% [markdown]
# The three faster learners start at about 0.1 s: one walk through the text, to cut it and count its words.
#
# The slow learner speeds up as its words get shorter. We estimate 12 minutes for all 4,096, so
# the heap is over two thousand times as fast.
#
# ## The Rust library
#
# It works under our conditions: the same pattern and documents (all in one string, it is slower), one thread. It
# writes bytes as visible letters. We hand it these 256 letters first, so that its token numbers are ours.


# %%
def train_with_library(texts, merges):
    tokenizer = Tokenizer(models.BPE())
    cut = pre_tokenizers.Split(Regex(WORD.pattern), behavior="isolated")
    to_letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, to_letters])
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges, special_tokens=byte_letters(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


model = json.loads(train_with_library(texts, 4096).to_str())["model"]
its_merges = [tuple(model["vocab"][token] for token in pair) for pair in model["merges"]]
print(f"the same {len(learned):,} merges in the same order: {its_merges == learned}")

# %% [markdown]
# **Predict.** The result is the same. Now the time. First the text is cut into words, and words and pairs are counted. Then come the 4,096 merges. What
# share of the library's time has passed before its first merge?

# %%
guess_share = None  # for instance 0.3

# %% fold="Time both, in turn, three times (each the best of three runs): for 0 to 4,096 merges; and on other texts"
MERGES = (0, 512, 1024, 4096)
SIZES = {"Python's text": (275_000, 1_100_000, 4_400_000)}
SIZES["random words"] = (275_000, 550_000)


def library_seconds(texts, merges):
    start = time.process_time()
    train_with_library(texts, merges)
    return time.process_time() - start


def random_documents(seed, size):
    """Words of two to eight random letters: hardly one comes again."""
    draw, found = random.Random(seed), []
    while sum(map(len, found)) < size:
        lengths = draw.choices(range(2, 9), k=2000)
        found.append(
            " ".join("".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=n)) for n in lengths)
        )
    return first(found, size)


ours, theirs, in_c, once, ratios = [], [], [], [], defaultdict(list)
one_copy_each = sorted(set(words))
for repeat in progress(range(REPEATS), "ours and the library's"):
    ours_now, theirs_now = [], []
    for _ in range(3):  # the least of three: whatever disturbs a run makes it longer
        _, known = clock(with_a_heap, texts, 4097)  # the last is known when 4,096 are merged
        ours_now.append([known[n] for n in MERGES])
        theirs_now.append([library_seconds(texts, n) for n in MERGES])
    ours.append([min(seconds) for seconds in zip(*ours_now)])
    theirs.append([min(seconds) for seconds in zip(*theirs_now)])
    once.append(library_seconds(one_copy_each, 0))
    start, often = time.process_time(), Counter()
    for text in texts:
        often.update(WORD.findall(text))
    in_c.append(time.process_time() - start)
    for name, sizes in SIZES.items():
        for size in sizes:
            if (name, size) == ("Python's text", 1_100_000):  # has been timed above
                ratios[name, size].append(ours[-1][-1] / theirs[-1][-1])
                continue
            some = first(documents, size)
            if name == "random words":
                some = random_documents(repeat, size)
            _, known = clock(with_a_heap, some, 4097)
            ratios[name, size].append(known[-1] / library_seconds(some, 4096))

# %% fold="Print the times"
parts = {
    "before the first merge": lambda run: run[0],
    "4,096 merges": lambda run: run[-1] - run[0],
    "together": lambda run: run[-1],
}
print(f"{'':24}{'ours, s':22}{'library, s':22}ours / library")
for name, part in parts.items():
    a, b = [part(run) for run in ours], [part(run) for run in theirs]
    print(f"{name:24}{spread(a):22}{spread(b):22}{sum(a) / sum(b):.1f}")
share = spread([run[0] / run[-1] for run in theirs])
print(f"\nthe library's share before its first merge: {share}", end="")
print(f"; you guessed {guess_share}" if guess_share is not None else "")
print(f"in ours, before the first merge: findall and Counter take {spread(in_c)} s")
print(f"the library before its first merge, given each word only once: {spread(once)} s")

# %% fold="Draw it"
figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), width_ratios=(1, 1))
for name, color, runs in (("ours", BLUE, ours), ("library", ORANGE, theirs)):
    for run in runs:
        axes[0].plot(MERGES, run, "o", color=color, markersize=4)
    means = [sum(values) / REPEATS for values in zip(*runs)]
    axes[0].plot(MERGES, means, "-", color=color)
    higher = means[-1] * REPEATS >= max(sum(run[-1] for run in each) for each in (ours, theirs))
    axes[0].text(4250, means[-1], name, color=color, va="bottom" if higher else "top")
axes[0].set_xticks(MERGES, ["0", "", "1,024", "4,096"])
axes[0].set(xlim=(-250, 5400), ylim=(0, None), xlabel="merges (at 0: all that comes before)")
axes[0].set_ylabel("seconds of processor time")
axes[0].set_title("Time by merges, 1.1 million characters")
if guess_share is not None:
    draw_guess(axes[0], guess_share * sum(run[-1] for run in theirs) / REPEATS, at=0)
for (name, sizes), color, marker in zip(SIZES.items(), ("black", GREY), ("o", "s")):
    means = [sum(ratios[name, size]) / REPEATS for size in sizes]
    for size, mean in zip(sizes, means):
        axes[1].plot([size] * REPEATS, ratios[name, size], marker, color=color, markersize=4)
    axes[1].plot(sizes, means, "-", color=color)
    axes[1].text(sizes[1] * 1.1, means[1] + 0.12, name, color=color, va="bottom")
axes[1].axhline(1, color="black", linestyle="--", linewidth=1)
axes[1].text(260_000, 0.93, "equally fast", va="top", fontsize=9)
axes[1].set_xscale("log")
axes[1].set_xticks([275_000, 550_000, 1_100_000, 4_400_000], ["0.28", "0.55", "1.1", "4.4"])
axes[1].minorticks_off()
axes[1].set(ylim=(0, None), xlabel="millions of characters")
axes[1].set(ylabel="our time / library's time", title="4,096 merges, by text")
by_text = "; ".join(f"{name}, {size:,}: {spread(r)}" for (name, size), r in ratios.items())
show(
    figure,
    alt=f"Left: seconds for 0 and 4,096 merges: ours {spread([run[0] for run in ours])} and "
    f"{spread([run[-1] for run in ours])}, library {spread([run[0] for run in theirs])} and "
    f"{spread([run[-1] for run in theirs])}. Right: our time divided by the library's: {by_text}.",
)

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# **At merging, Rust is four to six times as fast.** Its source shows the
# same three ideas, even the heap's entries that are out of date. But the ideas leave little to merge.
#
# **Before the first merge, ours takes half as long, and that is not Python's merit.** Most of this time goes to `findall` and
# `Counter`, whose loops are written in C. So C runs against Rust here, and Rust does more: the library keeps, for every
# character, where it stood in the original text, and makes several small objects for each word. In
# our profile, handling memory took four tenths of its time, the pattern under a tenth. Given each word only once, it needs a fifth.
#
# **Together it is a tie**: what ours gains at first, it loses while merging.
#
# </details>
#
# **What we found.** On a megabyte of ordinary text, both take about as long. But Python is not as fast as Rust: the
# library merges four to six times as fast. Ours keeps up because most of the work is cutting and counting words. Ours leaves that to C, and
# the library does more than we need. Where words hardly repeat (right, random words), much is left to merge, and the library is about three times as fast. It also wins
# on small texts; at four megabytes ours is a little ahead.
#
# **Check yourself.** In Chinese, all that stands between two punctuation marks is one word for our pattern. Which is ahead there, on 50,000 characters?
#
# - <details><summary>Ours: there are fewer words.</summary> But longer ones, and fewer come again.</details>
# - <details><summary>The library, more clearly than in English.</summary> Right. On Chinese articles, for 1,024 merges, ours took 3.6 times as long; on as much of Python's text, 1.7 times.</details>
# - <details><summary>The same one: the ideas are the same.</summary> They are, but the first saves less where words do not repeat.</details>
#
# **What could still be wrong.** We used one machine, and two versions of the library (0.22 and 0.23, no difference). The library merges too quickly to time it well; hence "four to six".
# With several threads, the library gains, ours does not.
#
# **What others say.** In the library's own test, 100 MB of Chinese took 2.6 times as long as of English (pull request 165).
