# %% right="recursion"
def decode(ids, merges):
    def spell(i):
        if i < 256:
            return [i]
        first, second = merges[i - 256]
        return spell(first) + spell(second)

    return bytes(byte for i in ids for byte in spell(i)).decode("utf-8", "replace")


# %% right="undoes the merges, the last one first"
def decode(ids, merges):
    ids = list(ids)
    for rank in range(len(merges) - 1, -1, -1):
        opened = []
        for i in ids:
            opened += merges[rank] if i == 256 + rank else [i]
        ids = opened
    return str(bytes(ids), encoding="utf-8", errors="replace")


# %% right="a stack"
def decode(ids, merges):
    stack, found = list(reversed(ids)), bytearray()
    while stack:
        i = stack.pop()
        if i < 256:
            found.append(i)
        else:
            stack += reversed(merges[i - 256])
    return found.decode(errors="replace")


# %% right="a dictionary, and an incremental decoder"
import codecs


def decode(ids, merges):
    vocabulary = {i: bytes([i]) for i in range(256)}
    for rank, (a, b) in enumerate(merges):
        vocabulary[256 + rank] = vocabulary[a] + vocabulary[b]
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return "".join(decoder.decode(vocabulary[i]) for i in ids) + decoder.decode(b"", final=True)


# %% right="a loop until only bytes are left"
def decode(ids, merges):
    while any(i > 255 for i in ids):
        ids = [part for i in ids for part in (merges[i - 256] if i > 255 else (i,))]
    return bytes(ids).decode(errors="replace")


# %% right="NumPy, and a cached recursion"
import functools

import numpy as np


def decode(ids, merges):
    @functools.cache
    def spell(i):
        return np.array([i], np.uint8) if i < 256 else np.concatenate([spell(j) for j in merges[i - 256]])

    return np.concatenate([np.zeros(0, np.uint8), *map(spell, ids)]).tobytes().decode(errors="replace")


# %% wrong="one token at a time" says="each token is decoded alone" points=[0, 0] of="solution"
# - return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
# + return "".join(spelled[i].decode("utf-8", errors="replace") for i in ids)

# %% wrong="a vocabulary of strings" says=["decode([258, 228, 256, 104]", "characters cut in two: decode("] points=[0, 0] of="solution"
# - spelled = [bytes([byte]) for byte in range(256)]
# + spelled = [bytes([byte]).decode("utf-8", errors="replace") for byte in range(256)]
# - return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
# + return "".join(spelled[i] for i in ids)

# %% wrong="a byte is a character" says="each byte is taken for a character" points=[0, 0] of="solution"
# - spelled = [bytes([byte]) for byte in range(256)]
# + spelled = [chr(byte) for byte in range(256)]
# - return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
# + return "".join(spelled[i] for i in ids)

# %% wrong="Latin-1 where it is no UTF-8" says=["the byte 255 is taken for a character", "bytes that are no UTF-8: decode("] points=[0, 0.5] of="solution"
# - return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
# + found = b"".join(spelled[i] for i in ids)
# + try:
# +     return found.decode()
# + except UnicodeDecodeError:
# +     return found.decode("latin-1")

# %% wrong="strict decoding" says=["can't decode byte 0xff", "it stops with UnicodeDecodeError"] points=[0, 0.5] of="solution"
# - return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
# + return b"".join(spelled[i] for i in ids).decode("utf-8")

# %% wrong="drops what is no UTF-8" says=["the byte 255 is dropped", "bytes that are no UTF-8 are dropped"] points=[0, 0.5] of="solution"
# - return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
# + return b"".join(spelled[i] for i in ids).decode("utf-8", errors="ignore")

# %% wrong="a question mark" says=["the byte 255 becomes '?'", "bytes that are no UTF-8 become '?'"] points=[0, 0.5] of="solution"
# - return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
# + return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace").replace("\ufffd", "?")

# %% wrong="a sign for every byte that is no UTF-8" says=["", "every single byte becomes U+FFFD"] points=[1, 0.5] of="solution"
# - return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
# + text = b"".join(spelled[i] for i in ids).decode("utf-8", errors="surrogateescape")
# + return "".join("\ufffd" if "\udc80" <= c <= "\udcff" else c for c in text)

# %% wrong="one sign for several in a row" says=["", "several U+FFFD in a row became one"] points=[1, 0.5] of="solution"
# - return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
# + import re
# + text = b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
# + return re.sub("\ufffd+", "\ufffd", text)

# %% wrong="the end of a cut character" says=["", "a character that the last id cuts off is lost"] points=[1, 0.5] of="a dictionary, and an incremental decoder"
# - return "".join(decoder.decode(vocabulary[i]) for i in ids) + decoder.decode(b"", final=True)
# + return "".join(decoder.decode(vocabulary[i]) for i in ids)

# %% wrong="strips the text" says=["", "spaces or line ends around the text are lost"] points=[1, 0] of="solution"
# - return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
# + return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace").strip()

# %% wrong="one id for each pair" says=["", "it stops with KeyError"] points=[1, 0] of="recursion"
# - def spell(i):
# + ranks = {pair: rank for rank, pair in enumerate(merges)}
# + pairs = {256 + rank: pair for pair, rank in ranks.items()}
# + def spell(i):
# - first, second = merges[i - 256]
# + first, second = pairs[i]

# %% wrong="merges opened once only" says=["bytes must be in range(0, 256)", "it stops with ValueError"] points=[0, 0] of="a loop until only bytes are left"
# - while any(i > 255 for i in ids):
# + if any(i > 255 for i in ids):

# %% wrong="undoes the merges, the first one first" says=["bytes must be in range(0, 256)", "it stops with ValueError"] points=[0, 0] of="undoes the merges, the last one first"
# - for rank in range(len(merges) - 1, -1, -1):
# + for rank in range(len(merges)):

# %% wrong="the halves swapped" says="the two halves of a merge have changed places" points=[0, 0] of="solution"
# - spelled.append(spelled[first] + spelled[second])
# + spelled.append(spelled[second] + spelled[first])

# %% wrong="the first merge is 257" says="the first merge is the id 256; here it is 257" points=[0, 0] of="solution"
# - spelled = [bytes([byte]) for byte in range(256)]
# + spelled = [bytes([byte]) for byte in range(256)] + [b""]

# %% wrong="returns bytes" says=["it is bytes; decode them", "characters cut in two: decode("] points=[0, 0] of="solution"
# - return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
# + return b"".join(spelled[i] for i in ids)

# %% wrong="opens the caller's list" says=["decode changes its argument ids", ""] points=[0, 1]
def decode(ids, merges):
    i = 0
    while i < len(ids):
        if ids[i] > 255:
            ids[i : i + 1] = merges[ids[i] - 256]
        else:
            i += 1
    return bytes(ids).decode("utf-8", errors="replace")


# %% wrong="no ids stop it" says=["empty", ""] points=[0, 1] of="solution"
# - return b"".join(spelled[i] for i in ids).decode("utf-8", errors="replace")
# + from functools import reduce
# + return reduce(lambda a, b: a + b, [spelled[i] for i in ids]).decode("utf-8", errors="replace")

# %% wrong="copies the visible cases" says=["", "characters cut in two: decode("] points=[1, 0]
def decode(ids, merges):
    return {(258, 228, 256, 104): "你!你h", (97, 255, 98): "a\ufffdb"}.get(tuple(ids), "")
