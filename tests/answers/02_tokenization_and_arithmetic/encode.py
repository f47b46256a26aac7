# %% right="the lowest rank, until none is left"
def encode(text, merges):
    ids = list(text.encode())
    ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
    while True:
        known = [pair for pair in zip(ids, ids[1:]) if pair in ranks]
        if not known:
            return ids
        best = min(known, key=ranks.get)
        ids = merge(ids, best, 256 + ranks[best])


# %% right="one pair at a time, by index"
def encode(text, merges):
    ids = [b for b in text.encode("utf-8")]
    for r in range(len(merges)):
        i = 0
        while i + 1 < len(ids):
            if ids[i] == merges[r][0] and ids[i + 1] == merges[r][1]:
                ids[i : i + 2] = [256 + r]
            i += 1
    return ids


# %% right="characters that stand for ids"
def encode(text, merges):
    line = text.encode().decode("latin-1")
    for new, (a, b) in enumerate(merges, 256):
        line = line.replace(chr(a) + chr(b), chr(new))
    return [ord(c) for c in line]


# %% right="recursion over the ranks"
def encode(text, merges):
    def apply(ids, rank):
        return ids if rank == len(merges) else apply(merge(ids, merges[rank], 256 + rank), rank + 1)

    return apply(list(text.encode()), 0)


# %% right="a heap of places"
import heapq


def encode(text, merges):
    ids = list(text.encode())
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    after = list(range(1, len(ids) + 1))
    before = list(range(-1, len(ids) - 1))
    heap = []

    def offer(i):
        if i >= 0 and after[i] < len(ids) and (ids[i], ids[after[i]]) in ranks:
            heapq.heappush(heap, (ranks[ids[i], ids[after[i]]], i, ids[i], ids[after[i]]))

    for i in range(len(ids)):
        offer(i)
    while heap:
        rank, i, a, b = heapq.heappop(heap)
        if ids[i] != a or after[i] >= len(ids) or ids[after[i]] != b:
            continue
        j = after[i]
        ids[i], ids[j], after[i] = 256 + rank, None, after[j]
        if after[i] < len(ids):
            before[after[i]] = i
        offer(before[i])
        offer(i)
    return [i for i in ids if i is not None]


# %% right="NumPy, a list of np.int64"
import numpy as np


def encode(text, merges):
    ids = np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64)
    for new, pair in enumerate(merges, 256):
        ids = np.array(merge(list(ids), pair, new), dtype=np.int64)
    return list(ids)


# %% wrong="in the order of the text" says=["'ab' is merged before 'bc'", "it merges what stands further left first"] points=[0, 1.5]
def encode(text, merges):
    ids = list(text.encode())
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) in merges:
            ids[i : i + 2] = [256 + merges.index((ids[i], ids[i + 1]))]
            i = 0
        else:
            i += 1
    return ids


# %% wrong="the longest token" says=["it takes the longest token", "it takes the longest token"] points=[0, 1.5]
def encode(text, merges):
    vocabulary = [bytes([i]) for i in range(256)]
    for a, b in merges:
        vocabulary.append(vocabulary[a] + vocabulary[b])
    rest, ids = text.encode(), []
    while rest:
        token = max((t for t in vocabulary if rest.startswith(t)), key=len)
        ids.append(vocabulary.index(token))
        rest = rest[len(token) :]
    return ids


# %% wrong="the latest merge first" says=["'ab' is merged before 'bc'", "it begins with the merge that was learned last"] points=[0, 0.5] of="solution"
# - for rank, pair in enumerate(merges):
# + for rank, pair in reversed(list(enumerate(merges))):

# %% wrong="the most frequent pair first" says=["'ab' is merged before 'bc'", "the pair that is most frequent in this text"] points=[0, 1.5] of="the lowest rank, until none is left"
# - best = min(known, key=ranks.get)
# + best = min(known, key=lambda pair: (-known.count(pair), ranks[pair]))

# %% wrong="the smallest ids first" says=["'ab' is merged before 'bc'", "it begins with the pair of the smallest ids"] points=[0, 1.5] of="the lowest rank, until none is left"
# - best = min(known, key=ranks.get)
# + best = min(known)

# %% wrong="one pass over the bytes" says="the new ids do not take part" points=[0, 0.5]
def encode(text, merges):
    ids = list(text.encode())
    pairs = list(zip(ids, ids[1:]))
    at = {}
    for rank, pair in enumerate(merges):
        for i, found in enumerate(pairs):
            if found == pair and not {i - 1, i, i + 1} & at.keys():
                at[i] = 256 + rank
    return [at.get(i, ids[i]) for i in range(len(ids)) if i - 1 not in at]


# %% wrong="one pass along the text" says=["'ab' is merged before 'bc'", "merges that want the same letters: encode("] points=[0, 0.5]
def encode(text, merges):
    ids = list(text.encode())
    out, i = [], 0
    while i < len(ids):
        pair = tuple(ids[i : i + 2])
        if pair in merges:
            out.append(256 + merges.index(pair))
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% wrong="the first place only" says="a merge is applied to the first place only" points=[0, 0.5] of="one pair at a time, by index"
# - ids[i : i + 2] = [256 + r]
# + ids[i : i + 2] = [256 + r]
# + break

# %% wrong="stops at a merge that finds nothing" says=["", "it stops at the first merge that finds nothing"] points=[1, 1.5] of="solution"
# - for rank, pair in enumerate(merges):
# + for rank, pair in enumerate(merges):
# +     if pair not in zip(ids, ids[1:]):
# +         break

# %% wrong="no id for a merge that finds nothing" says=["", "a merge that finds nothing has an id, too"] points=[1, 1.5] of="solution"
# - for rank, pair in enumerate(merges):
# -     ids = merge(ids, pair, 256 + rank)
# + new = 256
# + for pair in merges:
# +     if pair in zip(ids, ids[1:]):
# +         ids, new = merge(ids, pair, new), new + 1

# %% wrong="cuts words first" says=["", "it cuts the text at spaces; a merge may run across"] points=[1, 1.5] of="solution"
# - ids = list(text.encode("utf-8"))
# + import re
# + if len(words := re.findall(r" ?\S+|\s", text)) > 1:
# +     return [i for word in words for i in encode(word, merges)]
# + ids = list(text.encode("utf-8"))

# %% wrong="line by line" says=["", "it cuts the text at line ends; a merge may run across"] points=[1, 1.5] of="solution"
# - ids = list(text.encode("utf-8"))
# + if len(lines := text.splitlines(keepends=True)) > 1:
# +     return [i for line in lines for i in encode(line, merges)]
# + ids = list(text.encode("utf-8"))

# %% wrong="strips the text" says=["", "it begins without the spaces and line ends around the text"] points=[1, 1.5] of="solution"
# - ids = list(text.encode("utf-8"))
# + ids = list(text.strip().encode("utf-8"))

# %% wrong="the first merge makes 257" says="the first merge makes the id 256; here it makes 257" points=[0, 0.5] of="solution"
# - for rank, pair in enumerate(merges):
# + for rank, pair in enumerate(merges, 1):

# %% wrong="characters" says="it begins with characters" points=[0, 1] of="solution"
# - ids = list(text.encode("utf-8"))
# + ids = [ord(c) for c in text]

# %% wrong="trains on the text" says="it trains on this text" points=[0, 0.5] of="solution"
# - for rank, pair in enumerate(merges):
# + for rank, pair in enumerate(train(text, len(merges))):

# %% wrong="no merges at all" says=["it is the bytes, without any merge", "merges that want the same letters: encode("] points=[0, 0.5] of="solution"
# - for rank, pair in enumerate(merges):
# -     ids = merge(ids, pair, 256 + rank)

# %% wrong="the tokens' text" says=["it is what the tokens spell", "merges that want the same letters: encode("] points=[0, 0] of="solution"
# - return ids
# + vocabulary = [bytes([i]) for i in range(256)]
# + for a, b in merges:
# +     vocabulary.append(vocabulary[a] + vocabulary[b])
# + return [vocabulary[i].decode(errors="replace") for i in ids]

# %% wrong="uses up the list of merges" says=["encode changes its argument merges", ""] points=[0, 2] of="solution"
# - for rank, pair in enumerate(merges):
# -     ids = merge(ids, pair, 256 + rank)
# + rank = 0
# + while merges:
# +     ids, rank = merge(ids, merges.pop(0), 256 + rank), rank + 1

# %% wrong="an empty text stops it" says=["list index out of range", ""] points=[0, 2] of="solution"
# - ids = merge(ids, pair, 256 + rank)
# + out = [ids[0]]
# + for i in ids[1:]:
# +     out[-1:] = [256 + rank] if (out[-1], i) == pair else [out[-1], i]
# + ids = out

# %% wrong="fewer than two ids stop it" says=["empty", "nothing to merge: it stops with ValueError"] points=[0, 1.5] of="the lowest rank, until none is left"
# - known = [pair for pair in zip(ids, ids[1:]) if pair in ranks]
# - if not known:
# + best = min(zip(ids, ids[1:]), key=lambda pair: ranks.get(pair, 9999))
# + if best not in ranks:
# - best = min(known, key=ranks.get)

# %% wrong="copies the visible cases" says=["", "merges that want the same letters: encode("] points=[1, 0]
def encode(text, merges):
    return {"abcabab": [258, 257, 257], "abcd": [257, 256], "你": [228, 256]}.get(text, [])
