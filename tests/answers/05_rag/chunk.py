# %% right="a loop that stops at the last word"
def chunk(words, size, overlap):
    if overlap < 0 or overlap >= size:
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


# %% wrong="the step is size" says="each chunk starts where the one before ends" points=[0, 0.5]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    return [words[i : i + size] for i in range(0, len(words), size)]


# %% wrong="the step is size + overlap" says="words are lost: each chunk starts size + overlap" points=[0, 0.5]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    return [words[i : i + size] for i in range(0, len(words), size + overlap)]


# %% wrong="the step is overlap" says="each chunk starts overlap words after the one before" points=[0, 0.5]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    chunks, start = [], 0
    while words:
        chunks.append(words[start : start + size])
        if start + size >= len(words):
            break
        start += overlap
    return chunks


# %% wrong="a last chunk inside the one before" says="the last chunk lies wholly inside the one before" points=[0, 0.25]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    return [words[i : i + size] for i in range(0, len(words), size - overlap)]


# %% wrong="full windows only" says="the last words are lost: the last chunk may be shorter" points=[0, 0.5]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    if len(words) <= size:
        return [words] if words else []
    return [words[i : i + size] for i in range(0, len(words) - size + 1, size - overlap)]


# %% wrong="full windows only, none for a short text" says=["the last words are lost: the last chunk may be shorter", "there is none, although the text has words"] points=[0, 0.25]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    return [words[i : i + size] for i in range(0, len(words) - size + 1, size - overlap)]


# %% wrong="the last chunk is moved back" says="the last chunk is moved back until it is full" points=[0, 0.5]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    starts = range(0, max(1, len(words) - overlap), size - overlap)
    return [words[max(0, min(i, len(words) - size)) :][:size] for i in starts] if words else []


# %% wrong="what is left over stands alone" says="the last chunk does not overlap the one before" points=[0, 0.5]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    if len(words) <= size:
        return [words] if words else []
    starts = range(0, len(words) - size + 1, size - overlap)
    chunks, end = [words[i : i + size] for i in starts], starts[-1] + size
    return chunks + [words[end:]] if end < len(words) else chunks


# %% wrong="chunks of size + overlap words" says="a chunk holds size + overlap words" points=[0, 0.5]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    chunks, start = [], 0
    while words:
        chunks.append(words[start : start + size + overlap])
        if start + size + overlap >= len(words):
            break
        start += size - overlap
    return chunks


# %% wrong="the overlap on top of size" says="the overlap comes on top of size words" points=[0, 0.5]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    return [words[max(0, i - overlap) : i + size] for i in range(0, len(words), size)]


# %% wrong="the overlap is taken twice" says="the overlap is taken twice" points=[0, 0.5]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    chunks, start = [], 0
    while words:
        chunks.append(words[start : start + size])
        if start + size >= len(words):
            break
        start += size - 2 * overlap
    return chunks


# %% wrong="strings" says="a chunk is one string; return lists of words" points=[0, 0.25]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    starts = range(0, max(1, len(words) - overlap), size - overlap)
    return [" ".join(words[i : i + size]) for i in starts] if words else []


# %% wrong="a tail of the chunk before, with part[-0:]" says=["with overlap 0, part[-0:] is all of part", ""] points=[0, 1]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    chunks, end = ([words[:size]] if words else []), size
    while end < len(words):
        more = words[end : end + size - overlap]
        chunks.append(chunks[-1][-overlap:] + more)
        end += size - overlap
    return chunks


# %% wrong="none for a text no longer than the overlap" says="there is none, although the text has words" points=[0, 0.75]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    return [words[i : i + size] for i in range(0, len(words) - overlap, size - overlap)]


# %% wrong="a chunk without words" says="there is a chunk without words" points=[0, 0.75]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]


# %% wrong="stops at a word like the last one" says=["", "it stops at a chunk whose last word is equal to the text's last word"] points=[1, 0.5]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    chunks, start = [], 0
    while words:
        chunks.append(words[start : start + size])
        if chunks[-1][-1] == words[-1]:
            break
        start += size - overlap
    return chunks


# %% wrong="raises nothing" says="where it must raise ValueError" points=[0, 0.75]
def chunk(words, size, overlap):
    if not words:
        return []
    step = max(1, size - overlap)
    return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), step)]


# %% wrong="a negative overlap passes" says=["", "where it must raise ValueError"] points=[1, 0.75]
def chunk(words, size, overlap):
    if overlap >= size:
        raise ValueError("overlap < size")
    if not words:
        return []
    return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]


# %% wrong="an assertion" says="it raises AssertionError, not ValueError" points=[0, 0.75]
def chunk(words, size, overlap):
    assert 0 <= overlap < size
    if not words:
        return []
    return [words[i : i + size] for i in range(0, max(1, len(words) - overlap), size - overlap)]


# %% wrong="takes the words out of the list" says="changes its argument words" points=[0, 1]
def chunk(words, size, overlap):
    if not 0 <= overlap < size:
        raise ValueError("0 <= overlap < size")
    chunks = []
    while words:
        chunks.append(words[:size])
        del words[: size - overlap if len(words) > size else len(words)]
    return chunks


# %% wrong="copies the visible cases" says=["", "words, size"] points=[1, 0]
def chunk(words, size, overlap):
    if (size, overlap) == (4, 4) or (size, overlap) == (2, 4):
        raise ValueError
    if not words or words[0] != "Returns":
        return []
    if len(words) == 2:
        return [words[:]]
    if (size, overlap) == (5, 2):
        return [words[:5], words[3:8], words[6:]]
    return [words[:4], words[4:8], words[8:]]
