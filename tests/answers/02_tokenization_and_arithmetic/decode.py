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


# %% wrong="one token at a time" says="each token is decoded alone" points=[0, 0]
def decode(ids, merges):
    vocabulary = [bytes([i]) for i in range(256)]
    for a, b in merges:
        vocabulary.append(vocabulary[a] + vocabulary[b])
    return "".join(vocabulary[i].decode("utf-8", errors="replace") for i in ids)


# %% wrong="a vocabulary of strings" says=["decode([258, 228, 256, 104]", "characters cut in two: decode("] points=[0, 0]
def decode(ids, merges):
    vocabulary = [bytes([i]).decode("utf-8", errors="replace") for i in range(256)]
    for a, b in merges:
        vocabulary.append(vocabulary[a] + vocabulary[b])
    return "".join(vocabulary[i] for i in ids)


# %% wrong="a byte is a character" says="each byte is taken for a character" points=[0, 0]
def decode(ids, merges):
    vocabulary = [chr(i) for i in range(256)]
    for a, b in merges:
        vocabulary.append(vocabulary[a] + vocabulary[b])
    return "".join(vocabulary[i] for i in ids)


# %% wrong="Latin-1 where it is no UTF-8" says=["the byte 255 is taken for a character", "bytes that are no UTF-8: decode("] points=[0, 0.5]
def decode(ids, merges):
    vocabulary = [bytes([i]) for i in range(256)]
    for a, b in merges:
        vocabulary.append(vocabulary[a] + vocabulary[b])
    found = b"".join(vocabulary[i] for i in ids)
    try:
        return found.decode()
    except UnicodeDecodeError:
        return found.decode("latin-1")


# %% wrong="strict decoding" says=["can't decode byte 0xff", "it stops with UnicodeDecodeError"] points=[0, 0.5]
def decode(ids, merges):
    vocabulary = [bytes([i]) for i in range(256)]
    for a, b in merges:
        vocabulary.append(vocabulary[a] + vocabulary[b])
    return b"".join(vocabulary[i] for i in ids).decode("utf-8")


# %% wrong="drops what is no UTF-8" says=["the byte 255 is dropped", "bytes that are no UTF-8 are dropped"] points=[0, 0.5]
def decode(ids, merges):
    vocabulary = [bytes([i]) for i in range(256)]
    for a, b in merges:
        vocabulary.append(vocabulary[a] + vocabulary[b])
    return b"".join(vocabulary[i] for i in ids).decode("utf-8", errors="ignore")


# %% wrong="a question mark" says=["the byte 255 becomes '?'", "bytes that are no UTF-8 become '?'"] points=[0, 0.5]
def decode(ids, merges):
    vocabulary = [bytes([i]) for i in range(256)]
    for a, b in merges:
        vocabulary.append(vocabulary[a] + vocabulary[b])
    return b"".join(vocabulary[i] for i in ids).decode("utf-8", errors="replace").replace("\ufffd", "?")


# %% wrong="merges opened once only" says=["bytes must be in range(0, 256)", "it stops with ValueError"] points=[0, 0]
def decode(ids, merges):
    opened = []
    for i in ids:
        opened += merges[i - 256] if i > 255 else [i]
    return bytes(opened).decode("utf-8", errors="replace")


# %% wrong="undoes the merges, the first one first" says=["bytes must be in range(0, 256)", "it stops with ValueError"] points=[0, 0]
def decode(ids, merges):
    for rank, pair in enumerate(merges):
        ids = [part for i in ids for part in (pair if i == 256 + rank else (i,))]
    return bytes(ids).decode("utf-8", errors="replace")


# %% wrong="the halves swapped" says="the two halves of a merge have changed places" points=[0, 0]
def decode(ids, merges):
    vocabulary = [bytes([i]) for i in range(256)]
    for a, b in merges:
        vocabulary.append(vocabulary[b] + vocabulary[a])
    return b"".join(vocabulary[i] for i in ids).decode("utf-8", errors="replace")


# %% wrong="the first merge is 257" says="the first merge is the id 256; here it is 257" points=[0, 0]
def decode(ids, merges):
    vocabulary = {i: bytes([i]) for i in range(256)} | {256: b""}
    for new, (a, b) in enumerate(merges, 257):
        vocabulary[new] = vocabulary[a] + vocabulary[b]
    return b"".join(vocabulary[i] for i in ids).decode("utf-8", errors="replace")


# %% wrong="returns bytes" says=["it is bytes; decode them", "characters cut in two: decode("] points=[0, 0]
def decode(ids, merges):
    vocabulary = [bytes([i]) for i in range(256)]
    for a, b in merges:
        vocabulary.append(vocabulary[a] + vocabulary[b])
    return b"".join(vocabulary[i] for i in ids)


# %% wrong="opens the caller's list" says=["decode changes its argument ids", ""] points=[0, 1]
def decode(ids, merges):
    i = 0
    while i < len(ids):
        if ids[i] > 255:
            ids[i : i + 1] = merges[ids[i] - 256]
        else:
            i += 1
    return bytes(ids).decode("utf-8", errors="replace")


# %% wrong="no ids stop it" says=["empty", ""] points=[0, 1]
from functools import reduce


def decode(ids, merges):
    vocabulary = [bytes([i]) for i in range(256)]
    for a, b in merges:
        vocabulary.append(vocabulary[a] + vocabulary[b])
    return reduce(lambda a, b: a + b, [vocabulary[i] for i in ids]).decode("utf-8", errors="replace")


# %% wrong="copies the visible cases" says=["", "characters cut in two: decode("] points=[1, 0]
def decode(ids, merges):
    return {(258, 228, 256, 104): "你!你h", (97, 255, 98): "a\ufffdb"}.get(tuple(ids), "")
