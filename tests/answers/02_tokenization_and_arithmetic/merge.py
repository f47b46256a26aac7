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


# %% wrong="overlapping pairs merged twice" says="overlapping pairs are both merged" points=[0, 0.5]
def merge(ids, pair, new):
    starts = {i for i in range(len(ids) - 1) if (ids[i], ids[i + 1]) == pair}
    return [new if i in starts else ids[i] for i in range(len(ids)) if i in starts or i - 1 not in starts]


# %% wrong="only the first pair" says="only the first pair is replaced" points=[0, 0]
def merge(ids, pair, new):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return ids[:i] + [new] + ids[i + 2 :]
    return list(ids)


# %% wrong="from right to left" says="it goes from right to left" points=[0, 0.5]
def merge(ids, pair, new):
    out, i = [], len(ids) - 1
    while i >= 0:
        if i > 0 and (ids[i - 1], ids[i]) == pair:
            out.insert(0, new)
            i -= 2
        else:
            out.insert(0, ids[i])
            i -= 1
    return out


# %% wrong="either order" says=["(2, 1) is merged, too", "the other way round, too"] points=[0, 0.5]
def merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and {ids[i], ids[i + 1]} == set(pair):
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% wrong="either order, by sorting" says=["(2, 1) is merged, too", "the other way round, too"] points=[0, 0.5]
def merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if sorted(ids[i : i + 2]) == sorted(pair):
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% wrong="the last id is lost" says="the last id is lost" points=[0, 0]
def merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% wrong="runs over the end" says=["list index out of range", "it stops with IndexError"] points=[0, 0]
def merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if (ids[i], ids[i + 1]) == pair:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% wrong="the second id stays" says="the second id of a pair stays" points=[0, 0]
def merge(ids, pair, new):
    out = list(ids)
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            out[i] = new
    return out


# %% wrong="blocks of two" says="it takes steps of two" points=[0, 0]
def merge(ids, pair, new):
    out = []
    for i in range(0, len(ids), 2):
        block = ids[i : i + 2]
        out += [new] if tuple(block) == pair else block
    return out


# %% wrong="takes the pair out" says="the pairs are taken out" points=[0, 0]
def merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% wrong="compares a list with a tuple" says=["if you compare a list with a tuple", "nothing is replaced"] points=[0, 0]
def merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if ids[i : i + 2] == pair:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% wrong="ids as text" says=["ids are compared as text", "0 of 0.5 points for two different ids: merge("] points=[0, 0.5]
def merge(ids, pair, new):
    text = ",".join(str(i) for i in ids)
    text = text.replace(f"{pair[0]},{pair[1]}", str(new))
    return [int(i) for i in text.split(",")] if text else []


# %% wrong="ids as bytes" says=["", "it stops with ValueError: bytes must be in range(0, 256)"] points=[1, 0]
def merge(ids, pair, new):
    return list(bytes(ids).replace(bytes(pair), bytes([new])))


# %% wrong="stops on an empty list" says=["list index out of range", ""] points=[0, 1]
def merge(ids, pair, new):
    out, held = [], ids[0]
    for i in ids[1:]:
        if held is not None and (held, i) == pair:
            out.append(new)
            held = None
        else:
            out += [] if held is None else [held]
            held = i
    return out if held is None else out + [held]


# %% wrong="shortens the caller's list" says=["merge changes its argument ids", ""] points=[0, 1]
def merge(ids, pair, new):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            ids[i] = new
            del ids[i + 1]
        i += 1
    return ids


# %% wrong="returns nothing" says="it is None; does the function end in `return`?" points=[0, 0]
def merge(ids, pair, new):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            ids[i : i + 2] = [new]
        i += 1


# %% wrong="copies the visible cases" says=["", "two different ids: merge("] points=[1, 0]
def merge(ids, pair, new):
    known = {
        (2, 1, 2, 3, 1, 2, 1, 2, 1): [2, 9, 3, 9, 9, 1],
        (7, 7, 7): [9, 7],
        (11, 2, 1, 23, 1, 2): [11, 2, 1, 23, 99],
    }
    return known.get(tuple(ids), list(ids))
