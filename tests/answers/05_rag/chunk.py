# %% right="a loop that stops at the last word"
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    chunks, start = [], 0
    while words:
        chunks.append(words[start : start + size])
        if start + size >= len(words):
            break
        start += size - overlap
    return chunks

# %% right="the number of chunks, rounded up"
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    step = size - overlap
    count = 1 + math.ceil(max(0, len(words) - size) / step)
    return [words[i * step : i * step + size] for i in range(count)] if words else []

# %% right="recursion, and tuples"
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    if len(words) <= size:
        return [tuple(words)] if words else []
    return [tuple(words[:size]), *chunk(words[size - overlap :], size, overlap)]

# %% right="all windows, then those inside the one before are left out"
def chunk(words, size, overlap):
    if size <= overlap or overlap < 0:
        raise ValueError("0 <= overlap < size")
    starts = range(0, len(words), size - overlap)
    ends = [min(start + size, len(words)) for start in starts]
    return [words[a:b] for i, (a, b) in enumerate(zip(starts, ends)) if not i or b > ends[i - 1]]

# %% right="a generator over a queue"
def chunk(words, size, overlap):
    from collections import deque
    from itertools import islice

    def parts():
        source = iter(words)
        window, more = deque(islice(source, size), maxlen=size), True
        while window and more:
            yield list(window)
            more = list(islice(source, size - overlap))
            window = deque([*list(window)[size - overlap :], *more])

    if overlap not in range(size):
        raise ValueError("overlap")
    return list(parts())

# %% right="starts from NumPy"
def chunk(words, size, overlap):
    import numpy as np

    if overlap < 0 or size <= overlap:
        raise ValueError("0 <= overlap < size")
    n = len(words)
    starts = np.arange(0, max(n - overlap, min(n, 1)), size - overlap)
    return [[words[i] for i in np.arange(start, min(start + size, n))] for start in starts]

# %% wrong="the step is size" says="each chunk starts where the one before ends" points=[0, 0.5] of="solution"
# - return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]
# + return [words[i : i + size] for i in range(0, len(words), size)]

# %% wrong="the step is size + overlap" says="words are lost: each chunk starts size + overlap" points=[0, 0.5] of="solution"
# - return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]
# + return [words[i : i + size] for i in range(0, len(words), size + overlap)]

# %% wrong="the step is overlap" says="each chunk starts overlap words after the one before" points=[0, 0.5] of="a loop that stops at the last word"
# - start += size - overlap
# + start += overlap

# %% wrong="a last chunk inside the one before" says="the last chunk lies wholly inside the one before" points=[0, 0.25] of="solution"
# - return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]
# + return [words[i : i + size] for i in range(0, len(words), size - overlap)]

# %% wrong="full windows only" says="the last words are lost: the last chunk may be shorter" points=[0, 0.5] of="recursion, and tuples"
# - return [tuple(words[:size]), *chunk(words[size - overlap :], size, overlap)]
# + return [words[i : i + size] for i in range(0, len(words) - size + 1, size - overlap)]

# %% wrong="full windows only, none for a short text" says=["the last words are lost: the last chunk may be shorter", "there is no chunk, although the text has words"] points=[0, 0] of="solution"
# - return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]
# + return [words[i : i + size] for i in range(0, len(words) - size + 1, size - overlap)]

# %% wrong="the last chunk is moved back" says="the last chunk is moved back until it is full" points=[0, 0.5] of="solution"
# - return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]
# + starts = range(0, max(1, len(words) - overlap), size - overlap)
# + return [words[max(0, min(i, len(words) - size)) :][:size] for i in starts]

# %% wrong="what is left over stands alone" says="the last chunk does not overlap the one before" points=[0, 0.5] of="recursion, and tuples"
# - return [tuple(words[:size]), *chunk(words[size - overlap :], size, overlap)]
# + starts = range(0, len(words) - size + 1, size - overlap)
# + chunks, end = [words[i : i + size] for i in starts], starts[-1] + size
# + return chunks + [words[end:]] if end < len(words) else chunks

# %% wrong="chunks of size + overlap words" says="a chunk holds size + overlap words" points=[0, 0.5] of="a loop that stops at the last word"
# - chunks.append(words[start : start + size])
# - if start + size >= len(words):
# + chunks.append(words[start : start + size + overlap])
# + if start + size + overlap >= len(words):

# %% wrong="the overlap on top of size" says="the overlap comes on top of size words" points=[0, 0.5] of="solution"
# - return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]
# + return [words[max(0, i - overlap) : i + size] for i in range(0, len(words), size)]

# %% wrong="the overlap is taken twice" says="the overlap is taken twice" points=[0, 0.5] of="a loop that stops at the last word"
# - start += size - overlap
# + start += max(1, size - 2 * overlap)

# %% wrong="strings" says=["a chunk is one string; return lists of words", "a chunk is one string; return lists of words"] points=[0, 0] of="solution"
# - return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]
# + return [" ".join(words[i : i + size]) for i in range(0, max(1, len(words) - overlap), size - overlap)]

# %% wrong="a tail of the chunk before, with part[-0:]" says=["with overlap 0, part[-0:] is all of part", ""] points=[0, 1] of="a loop that stops at the last word"
# - chunks.append(words[start : start + size])
# + more = words[start + overlap if start else 0 : start + size]
# + chunks.append(chunks[-1][-overlap:] + more if chunks else more)

# %% wrong="none for a text no longer than the overlap" says="there is no chunk, although the text has words" points=[0, 0.75] of="solution"
# - return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]
# + return [words[i : i + size] for i in range(0, len(words) - overlap, size - overlap)]

# %% wrong="a chunk without words" says="there is a chunk without words" points=[0, 0.75] of="solution"
# - if not words:
# -     return []

# %% wrong="stops at a word like the last one" says=["", "it stops at a chunk whose last word is equal to the text's last word"] points=[1, 0.5] of="a loop that stops at the last word"
# - if start + size >= len(words):
# + if chunks[-1][-1] == words[-1]:

# %% wrong="one chunk that lies inside is left out" says=["", "one chunk that lies inside the one before was left out, and there are more"] points=[1, 0.5] of="recursion, and tuples"
# - return [tuple(words[:size]), *chunk(words[size - overlap :], size, overlap)]
# + chunks = [words[i : i + size] for i in range(0, len(words), size - overlap)]
# + return chunks[:-1] if len(chunks[-1]) <= overlap else chunks

# %% wrong="equal chunks are left out" says=["", "equal chunks are left out"] points=[1, 0.5] of="solution"
# - return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]
# + parts = [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]
# + return [part for i, part in enumerate(parts) if part not in parts[:i]]

# %% wrong="joined, and split at spaces" says=["", "a word was cut at the space in it"] points=[1, 0.5] of="solution"
# - return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]
# + words = " ".join(words).split()
# + return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]

# %% wrong="raises nothing" says="where it must raise ValueError" points=[0, 0.75] of="solution"
# - if not 0 <= overlap < size:
# -     raise ValueError(f"0 <= overlap < size is needed; overlap is {overlap}, size is {size}")
# + overlap = min(overlap, size - 1)

# %% wrong="always raises" says=["0 <= overlap < size is needed", "it stops with ValueError"] points=[0, 0] of="solution"
# - if not 0 <= overlap < size:
# + if overlap < math.inf:

# %% wrong="a negative overlap passes" says="where it must raise ValueError" points=[0, 0.75] of="solution"
# - if not 0 <= overlap < size:
# + if overlap >= size:

# %% wrong="a text without words is not looked at" says="where it must raise ValueError" points=[0, 0.75] of="solution"
# - if not 0 <= overlap < size:
# + if words and not 0 <= overlap < size:

# %% wrong="a short text is returned before sizes are looked at" says="where it must raise ValueError" points=[0, 0.75] of="solution"
# - if not 0 <= overlap < size:
# + if 0 < len(words) <= size:
# +     return [words]
# + if not 0 <= overlap < size:

# %% wrong="an assertion" says="it raises AssertionError, not ValueError" points=[0, 0.75] of="solution"
# - if not 0 <= overlap < size:
# -     raise ValueError(f"0 <= overlap < size is needed; overlap is {overlap}, size is {size}")
# + assert 0 <= overlap < size

# %% wrong="a rest of one new word is left out" says=["", "a chunk that brings a single new word is a chunk, too"] points=[1, 0.5] of="a loop that stops at the last word"
# - return chunks
# + return chunks[:-1] if chunks and start and len(chunks[-1]) == overlap + 1 else chunks

# %% wrong="less than half a chunk is left out" says=["", "a chunk that brings a single new word is a chunk, too"] points=[1, 0.5] of="a loop that stops at the last word"
# - return chunks
# + return [part for part in chunks if part is chunks[0] or len(part) > size // 2]

# %% wrong="a short rest is joined to the chunk before" says="the last words were joined to the chunk before" points=[0, 0.5] of="a loop that stops at the last word"
# - return chunks
# + if len(chunks) > 1 and len(chunks[-1]) < size:
# +     chunks[-2:] = [chunks[-2] + chunks[-1][overlap:]]
# + return chunks

# %% wrong="an overlap of size passes" says="where it must raise ValueError" points=[0, 0.75] of="solution"
# - if not 0 <= overlap < size:
# + if not 0 <= overlap <= size:

# %% wrong="only an overlap of size raises" says="where it must raise ValueError" points=[0, 0.75] of="solution"
# - if not 0 <= overlap < size:
# + if overlap < 0 or overlap == size:

# %% wrong="a size of 0 passes" says=["", "where it must raise ValueError"] points=[1, 0.75] of="solution"
# - if not 0 <= overlap < size:
# + if overlap < 0 or size and overlap >= size:

# %% wrong="takes the words out of the list" says="changes its argument words" points=[0, 1] of="a loop that stops at the last word"
# - chunks.append(words[start : start + size])
# - if start + size >= len(words):
# -     break
# - start += size - overlap
# + chunks.append(words[:size])
# + del words[: size - overlap if len(words) > size else len(words)]

# %% wrong="a loop, and no error" says=["0 words, size 4, overlap 4: chunk(a list of 0, 4, 4): it returns", "0 words, size 4, overlap -1: chunk(a list of 0, 4, -1): it returns"] points=[0, 0.75] of="a loop that stops at the last word"
# - if not 0 <= overlap < size:
# -     raise ValueError("0 <= overlap < size")
# - chunks, start = [], 0
# + chunks, start = [], 0

# %% wrong="the lesson's loop, and no error" says=["0 words, size 4, overlap 4: chunk(a list of 0, 4, 4): it returns", "0 words, size 4, overlap -1: chunk(a list of 0, 4, -1): it returns"] points=[0, 0.75] of="a loop that stops at the last word"
# - if not 0 <= overlap < size:
# -     raise ValueError("0 <= overlap < size")
# - chunks, start = [], 0
# - while words:
# -     chunks.append(words[start : start + size])
# -     if start + size >= len(words):
# -         break
# -     start += size - overlap
# - return chunks
# + found = [0]
# + while found[-1] + size < len(words):
# +     found.append(found[-1] + size - overlap)
# + return [words[start : start + size] for start in found] if words else []

# %% wrong="the step is overlap, down to a last chunk inside" says="and a chunk that reaches the last word must be the last" points=[0, 0] of="solution"
# - return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]
# + return [words[i : i + size] for i in range(0, len(words), overlap or size)]

# %% wrong="copies the visible cases" says=["", "words, size"] points=[1, 0]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError
    if len(words) < 3 or words[0] != "Returns":
        return [words[:]] if words[:1] == ["Returns"] else []
    return [words[:5], words[3:8], words[6:]] if overlap else [words[:4], words[4:8], words[8:]]
