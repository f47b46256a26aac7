# %% right="a loop that skips the next one"
def merge(ids, pair, new):
    out = []
    skip = False
    for i in range(len(ids)):
        if skip:
            skip = False
        elif i + 1 < len(ids) and ids[i] == pair[0] and ids[i + 1] == pair[1]:
            out.append(new)
            skip = True
        else:
            out.append(ids[i])
    return out


# %% right="a regular expression over characters"
import re


def merge(ids, pair, new):
    a, b, c = (re.escape(chr(i)) for i in (*pair, new))
    text = re.sub(a + b, lambda match: chr(new), "".join(chr(i) for i in ids), flags=re.DOTALL)
    return [ord(letter) for letter in text]


# %% right="str.replace, an id for a character"
def merge(ids, pair, new):
    text = "".join(map(chr, ids)).replace(chr(pair[0]) + chr(pair[1]), chr(new))
    return list(map(ord, text))


# %% right="recursion"
def merge(ids, pair, new):
    if len(ids) < 2:
        return ids[:]
    if (ids[0], ids[1]) == pair:
        return [new] + merge(ids[2:], pair, new)
    return [ids[0]] + merge(ids[1:], pair, new)


# %% right="a copy, shortened in place"
def merge(ids, pair, new):
    ids = list(ids)
    i = 0
    while i < len(ids) - 1:
        if ids[i] == pair[0] and ids[i + 1] == pair[1]:
            ids[i : i + 2] = [new]
        i += 1
    return ids


# %% right="a generator"
def merge(ids, pair, new):
    def tokens():
        stream = iter(ids)
        held = next(stream, None)
        while held is not None:
            following = next(stream, None)
            if (held, following) == pair:
                yield new
                held = next(stream, None)
            else:
                yield held
                held = following

    return list(tokens())


# %% right="NumPy, a list of np.int64"
import numpy as np


def merge(ids, pair, new):
    a, kept = np.array(ids, dtype=np.int64), []
    for i in np.flatnonzero((a[:-1] == pair[0]) & (a[1:] == pair[1])):
        if not kept or i > kept[-1] + 1:
            kept.append(i)
    a[kept] = new
    return list(np.delete(a, [i + 1 for i in kept]))


# %% wrong="overlapping pairs merged twice" says="overlapping pairs are both merged" points=[0, 0.5]
def merge(ids, pair, new):
    starts = {i for i in range(len(ids) - 1) if (ids[i], ids[i + 1]) == pair}
    return [new if i in starts else ids[i] for i in range(len(ids)) if i in starts or i - 1 not in starts]


# %% wrong="only the first pair" says="only the first pair is replaced" points=[0, 0] of="solution"
# - i += 2
# + return result + ids[i + 2 :]

# %% wrong="from right to left" says="it goes from right to left" points=[0, 0.5] of="recursion"
# - if (ids[0], ids[1]) == pair:
# -     return [new] + merge(ids[2:], pair, new)
# - return [ids[0]] + merge(ids[1:], pair, new)
# + if (ids[-2], ids[-1]) == pair:
# +     return merge(ids[:-2], pair, new) + [new]
# + return merge(ids[:-1], pair, new) + [ids[-1]]

# %% wrong="either order" says=["(2, 1) is merged, too", "the other way round, too"] points=[0, 0.5] of="solution"
# - if tuple(ids[i : i + 2]) == pair:
# + if i + 1 < len(ids) and {ids[i], ids[i + 1]} == set(pair):

# %% wrong="either order, by sorting" says=["(2, 1) is merged, too", "the other way round, too"] points=[0, 0.5] of="solution"
# - if tuple(ids[i : i + 2]) == pair:
# + if sorted(ids[i : i + 2]) == sorted(pair):

# %% wrong="the last id is lost" says="the last id is lost" points=[0, 0] of="solution"
# - while i < len(ids):
# + while i < len(ids) - 1:

# %% wrong="the last pair is not seen" says=["merge([11, 2, 1, 23, 1, 2], (1, 2), 99) gives", ""] points=[0, 1] of="a loop that skips the next one"
# - elif i + 1 < len(ids) and ids[i] == pair[0] and ids[i + 1] == pair[1]:
# + elif i + 2 < len(ids) and ids[i] == pair[0] and ids[i + 1] == pair[1]:

# %% wrong="runs over the end" says=["list index out of range", "it stops with IndexError"] points=[0, 0] of="solution"
# - if tuple(ids[i : i + 2]) == pair:
# + if (ids[i], ids[i + 1]) == pair:

# %% wrong="the second id stays" says="the second id of a pair stays" points=[0, 0] of="solution"
# - i += 2
# + i += 1

# %% wrong="blocks of two" says="it takes steps of two" points=[0, 0] of="solution"
# - result.append(ids[i])
# - i += 1
# + result += ids[i : i + 2]
# + i += 2

# %% wrong="takes the pair out" says="the pairs are taken out" points=[0, 0] of="solution"
# - result.append(new)
# - i += 2
# + i += 2

# %% wrong="compares a list with a tuple" says=["if you compare a list with a tuple", "nothing is replaced"] points=[0, 0] of="solution"
# - if tuple(ids[i : i + 2]) == pair:
# + if ids[i : i + 2] == pair:

# %% wrong="an id 0 taken for none" says=["", "the id 0 is lost; Python takes 0 for false"] points=[1, 0.5] of="a generator"
# - yield held
# + if held:
# +     yield held

# %% wrong="ids as text" says=["ids are compared as text", "0 of 0.5 points for two different ids: merge("] points=[0, 0.5]
def merge(ids, pair, new):
    text = ",".join(str(i) for i in ids)
    text = text.replace(f"{pair[0]},{pair[1]}", str(new))
    return [int(i) for i in text.split(",")] if text else []


# %% wrong="ids as bytes" says=["", "it stops with ValueError: bytes must be in range(0, 256)"] points=[1, 0]
def merge(ids, pair, new):
    return list(bytes(ids).replace(bytes(pair), bytes([new])))


# %% wrong="stops on an empty list" says=["list index out of range", ""] points=[0, 1] of="a loop that skips the next one"
# - skip = False
# - for i in range(len(ids)):
# + skip, last = False, ids[-1]
# + for i in range(len(ids)):

# %% wrong="shortens the caller's list" says=["merge changes its argument ids", ""] points=[0, 1] of="a copy, shortened in place"
# - ids = list(ids)

# %% wrong="returns nothing" says="it is None; does the function end in `return`?" points=[0, 0] of="a copy, shortened in place"
# - return ids

# %% wrong="copies the visible cases" says=["", "two different ids: merge("] points=[1, 0]
def merge(ids, pair, new):
    known = {
        (2, 1, 2, 3, 1, 2, 1, 2, 1): [2, 9, 3, 9, 9, 1],
        (7, 7, 7): [9, 7],
        (11, 2, 1, 23, 1, 2): [11, 2, 1, 23, 99],
    }
    return known.get(tuple(ids), list(ids))
