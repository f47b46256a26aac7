# %% right="word by word, document by document, in lists"
def bm25(query, documents, k1=1.5, b=0.75):
    N, mean = len(documents), sum(len(document) for document in documents) / len(documents)
    scores = []
    for document in documents:
        score = 0.0
        for word in query:
            f = document.count(word)
            n = sum(word in other for other in documents)
            idf = math.log(1 + (N - n + 0.5) / (n + 0.5))
            score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(document) / mean))
        scores.append(score)
    return torch.tensor(scores)

# %% right="counters, made once"
def bm25(query, documents, k1=1.5, b=0.75):
    from collections import Counter

    tables = [Counter(document) for document in documents]
    held = Counter(word for table in tables for word in table)
    mean = sum(map(len, documents)) / len(documents)

    def idf(word):
        return math.log((len(documents) + 1) / (held[word] + 0.5))

    return torch.tensor(
        [
            sum(
                idf(word) * table[word] * (k1 + 1) / (table[word] + k1 * (1 - b + b * table.total() / mean))
                for word in query
            )
            for table in tables
        ],
        dtype=torch.float64,
    )

# %% right="a matrix of counts, float32"
def bm25(query, documents, k1=1.5, b=0.75):
    f = torch.tensor([[float(d.count(t)) for t in query] for d in documents])
    lengths = torch.tensor([float(len(d)) for d in documents])
    n = (f > 0).sum(dim=0)
    idf = torch.log1p((len(documents) - n + 0.5) / (n + 0.5))
    return (f * (k1 + 1) / (f + k1 * (1 - b + b * lengths / lengths.mean())[:, None])) @ idf

# %% right="an inverted index of the words that occur"
def bm25(query, documents, k1=1.5, b=0.75):
    places = {}
    for i, document in enumerate(documents):
        for word in document:
            places.setdefault(word, {})[i] = places.get(word, {}).get(i, 0) + 1
    mean = sum(len(document) for document in documents) / len(documents)
    scores = torch.zeros(len(documents))
    for word in query:
        held = places.get(word, {})
        idf = math.log(1 + (len(documents) - len(held) + 0.5) / (len(held) + 0.5))
        for i, f in held.items():
            scores[i] += idf * f / (f / (k1 + 1) + k1 / (k1 + 1) * (1 + b * (len(documents[i]) / mean - 1)))
    return scores

# %% right="each word of the query once, times its number"
def bm25(query, documents, k1=1.5, b=0.75):
    mean = torch.tensor([len(d) for d in documents], dtype=torch.float).mean().item()
    total = torch.zeros(len(documents))
    for word in set(query):
        holds = [word in d for d in documents]
        if any(holds):
            idf = math.log(1 + (len(holds) - sum(holds) + 0.5) / (sum(holds) + 0.5))
            part = [d.count(word) / (d.count(word) + k1 * (1 - b + b * len(d) / mean)) for d in documents]
            total += query.count(word) * idf * (k1 + 1) * torch.tensor(part)
    return total

# %% right="the unique words of the query, in NumPy"
def bm25(query, documents, k1=1.5, b=0.75):
    import numpy as np

    N, lengths = len(documents), np.array([len(document) for document in documents])
    slow = k1 * (1 - b + b * lengths / lengths.mean())
    scores = np.zeros(N)
    for word, times in zip(*np.unique(np.array(query, dtype=str), return_counts=True)):
        f = np.array([np.sum(np.array(document) == word) for document in documents])
        n = np.count_nonzero(f)
        scores += times * np.log1p((N - n + 0.5) / (n + 0.5)) * f * (k1 + 1) / (f + slow)
    return torch.from_numpy(scores)

# %% right="a dataclass, with a cache and a thread pool"
def bm25(query, documents, k1=1.5, b=0.75):
    from concurrent.futures import ThreadPoolExecutor
    from dataclasses import dataclass
    from functools import cached_property, lru_cache

    @dataclass(frozen=True)
    class Collection:
        texts: tuple

        @cached_property
        def mean(self):
            return sum(map(len, self.texts)) / len(self.texts)

        def score(self, text):
            slow = k1 * (1 - b + b * len(text) / self.mean)
            return sum(idf(t) * text.count(t) * (k1 + 1) / (text.count(t) + slow) for t in query)

    @lru_cache(maxsize=None)
    def idf(word):
        n = sum(word in text for text in documents)
        return math.log(1 + (len(documents) - n + 0.5) / (n + 0.5))

    with ThreadPoolExecutor(2) as pool:
        return torch.tensor(list(pool.map(Collection(tuple(documents)).score, documents)), dtype=torch.float)

# %% wrong="document frequency by occurrences" says="n counts how often a word occurs" points=[0, 0] of="word by word, document by document, in lists"
# - n = sum(word in other for other in documents)
# + n = sum(other.count(word) for other in documents)

# %% wrong="lengths play no part" says="the lengths play no part" points=[0, 0] of="word by word, document by document, in lists"
# - N, mean = len(documents), sum(len(document) for document in documents) / len(documents)
# + N = len(documents)
# - score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(document) / mean))
# + score += idf * f * (k1 + 1) / (f + k1)

# %% wrong="no 1 in the logarithm" says="a word in most documents has a negative idf" points=[0, 0] of="word by word, document by document, in lists"
# - idf = math.log(1 + (N - n + 0.5) / (n + 0.5))
# + idf = math.log((N - n + 0.5) / (n + 0.5))

# %% wrong="the 1 outside" says="the 1 stands outside the logarithm" points=[0, 0] of="word by word, document by document, in lists"
# - idf = math.log(1 + (N - n + 0.5) / (n + 0.5))
# + idf = 1 + math.log((N - n + 0.5) / (n + 0.5))

# %% wrong="log10" says="the logarithm has base 10" points=[0, 0] of="word by word, document by document, in lists"
# - idf = math.log(1 + (N - n + 0.5) / (n + 0.5))
# + idf = math.log10(1 + (N - n + 0.5) / (n + 0.5))

# %% wrong="log2" says="the logarithm has base 2" points=[0, 0] of="word by word, document by document, in lists"
# - idf = math.log(1 + (N - n + 0.5) / (n + 0.5))
# + idf = math.log2(1 + (N - n + 0.5) / (n + 0.5))

# %% wrong="no logarithm" says="idf has no logarithm" points=[0, 0] of="word by word, document by document, in lists"
# - idf = math.log(1 + (N - n + 0.5) / (n + 0.5))
# + idf = 1 + (N - n + 0.5) / (n + 0.5)

# %% wrong="ln(N/n), 0 where no document holds the word" says="idf is ln(N/n)" points=[0, 0] of="word by word, document by document, in lists"
# - idf = math.log(1 + (N - n + 0.5) / (n + 0.5))
# + idf = math.log(N / n) if n else 0

# %% wrong="idf is never below 0" says="a word in most documents adds nothing" points=[0, 0] of="word by word, document by document, in lists"
# - idf = math.log(1 + (N - n + 0.5) / (n + 0.5))
# + idf = max(0.0, math.log((N - n + 0.5) / (n + 0.5)))

# %% wrong="lengths in letters" says="L counts letters; it must count words" points=[0, 0] of="word by word, document by document, in lists"
# - N, mean = len(documents), sum(len(document) for document in documents) / len(documents)
# + N, mean = len(documents), sum(len(" ".join(document)) for document in documents) / len(documents)
# - score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(document) / mean))
# + score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(" ".join(document)) / mean))

# %% wrong="no idf" says="there is no idf" points=[0, 0] of="word by word, document by document, in lists"
# - N, mean = len(documents), sum(len(document) for document in documents) / len(documents)
# + mean = sum(len(document) for document in documents) / len(documents)
# - n = sum(word in other for other in documents)
# - idf = math.log(1 + (N - n + 0.5) / (n + 0.5))
# + idf = 1

# %% wrong="tf-idf: f does not saturate" says="idf is multiplied by f itself" points=[0, 0] of="word by word, document by document, in lists"
# - N, mean = len(documents), sum(len(document) for document in documents) / len(documents)
# + N = len(documents)
# - score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(document) / mean))
# + score += idf * f

# %% wrong="f/L does not saturate" says="idf is multiplied by f/L" points=[0, 0] of="word by word, document by document, in lists"
# - N, mean = len(documents), sum(len(document) for document in documents) / len(documents)
# + N = len(documents)
# - score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(document) / mean))
# + score += idf * f / len(document)

# %% wrong="f is 1 or 0" says="f is 1 or 0; count how often" points=[0, 0] of="word by word, document by document, in lists"
# - f = document.count(word)
# + f = int(word in document)

# %% wrong="without k1 + 1" says="all scores are k1 + 1 times too small" points=[0, 0] of="word by word, document by document, in lists"
# - score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(document) / mean))
# + score += idf * f / (f + k1 * (1 - b + b * len(document) / mean))

# %% wrong="mean over distinct words" says="the mean length counts distinct words" points=[0, 0] of="word by word, document by document, in lists"
# - N, mean = len(documents), sum(len(document) for document in documents) / len(documents)
# + N, mean = len(documents), sum(len(set(document)) for document in documents) / len(documents)

# %% wrong="sum of the lengths for the mean" says="L is divided by the sum of all lengths" points=[0, 0] of="word by word, document by document, in lists"
# - N, mean = len(documents), sum(len(document) for document in documents) / len(documents)
# + N, mean = len(documents), sum(len(document) for document in documents)

# %% wrong="mean by length" says="the mean length is divided by L" points=[0, 0] of="word by word, document by document, in lists"
# - score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(document) / mean))
# + score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * mean / len(document)))

# %% wrong="k1 and b change places" says="k1 and b have changed places" points=[0, 0] of="word by word, document by document, in lists"
# - score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(document) / mean))
# + score += idf * f * (b + 1) / (f + b * (1 - k1 + k1 * len(document) / mean))

# %% wrong="words inside words" says=["as \"tea\" in \"teapot\"", "a word is found inside a longer one"] points=[0, 0] of="word by word, document by document, in lists"
# - f = document.count(word)
# - n = sum(word in other for other in documents)
# + f = " ".join(document).count(word)
# + n = sum(word in " ".join(other) for other in documents)

# %% wrong="a regular expression for words" says=["", "as \"tea\" in \"tea-time\""] points=[1, 0] of="word by word, document by document, in lists"
# - score = 0.0
# + import re
# +
# + score, holds = 0.0, lambda text: len(re.findall(rf"\b{word}\b", " ".join(text)))
# - f = document.count(word)
# - n = sum(word in other for other in documents)
# + f = holds(document)
# + n = sum(holds(other) > 0 for other in documents)

# %% wrong="a word between spaces" says=["", "of two equal words in a row one is missed"] points=[1, 0] of="word by word, document by document, in lists"
# - f = document.count(word)
# + f = f" {' '.join(document)} ".count(f" {word} ")

# %% wrong="the mean length rounded down" says=["", "the mean length is rounded down"] points=[1, 0] of="word by word, document by document, in lists"
# - N, mean = len(documents), sum(len(document) for document in documents) / len(documents)
# + N, mean = len(documents), sum(len(document) for document in documents) // len(documents)

# %% wrong="equal documents are taken for one" says=["", "only the first has its score"] points=[1, 0] of="word by word, document by document, in lists"
# - scores = []
# + scores = [0.0] * N
# - scores.append(score)
# + scores[documents.index(document)] = score

# %% wrong="b = 0 is no b" says=["", "the scores with b = 0"] points=[1, 1.5] of="word by word, document by document, in lists"
# - scores = []
# + scores, b = [], b or 0.75

# %% wrong="an empty query stops it" says=["", "it stops with IndexError"] points=[1, 1.5] of="word by word, document by document, in lists"
# - scores = []
# + scores, word = [], query[0]

# %% wrong="k1 and b are fixed" says="k1 = 1.5 and b = 0.75 are used, whatever is given" points=[0, 1.5] of="word by word, document by document, in lists"
# - score = 0.0
# + score, k1, b = 0.0, 1.5, 0.75

# %% wrong="other defaults" says=["", "k1 is 1.2 where nothing is given"] points=[1, 0.5] of="word by word, document by document, in lists"
# - def bm25(query, documents, k1=1.5, b=0.75):
# + def bm25(query, documents, k1=1.2, b=0.75):

# %% wrong="a set of query words" says="a word that stands twice in the query counts once" points=[0, 1.5] of="word by word, document by document, in lists"
# - for word in query:
# + for word in set(query):

# %% wrong="a word that no document holds stops it" says=["juice", "it stops with KeyError"] points=[0, 1.5] of="an inverted index of the words that occur"
# - held = places.get(word, {})
# + held = places[word]

# %% wrong="documents become counters, in the caller's list" says="changes its argument documents" points=[0, 2] of="counters, made once"
# - mean = sum(map(len, documents)) / len(documents)
# + mean = sum(map(len, documents)) / len(documents)
# + documents[:] = tables

# %% wrong="a list" says="it is a list of" points=[0, 0] of="word by word, document by document, in lists"
# - return torch.tensor(scores)
# + return scores

# %% wrong="one total" says="its shape is (), not" points=[0, 0] of="word by word, document by document, in lists"
# - return torch.tensor(scores)
# + return torch.tensor(scores).sum()

# %% wrong="sorted scores" says="at " points=[0, 0] of="word by word, document by document, in lists"
# - return torch.tensor(scores)
# + return torch.tensor(sorted(scores, reverse=True))

# %% wrong="the lesson's formula" says="this is the lesson's short formula; here it must have the length" points=[0, 0] of="word by word, document by document, in lists"
# - N, mean = len(documents), sum(len(document) for document in documents) / len(documents)
# + N = len(documents)
# - score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(document) / mean))
# + score += idf * f / (f + 1.5)

# %% wrong="the lesson's number of documents" says="N is 4, as in the lesson" points=[0, 0] of="word by word, document by document, in lists"
# - idf = math.log(1 + (N - n + 0.5) / (n + 0.5))
# + idf = math.log(1 + (4 - n + 0.5) / (n + 0.5))

# %% wrong="the lesson's lines" says="with the lesson's N = 4" points=[0, 0] of="word by word, document by document, in lists"
# - N, mean = len(documents), sum(len(document) for document in documents) / len(documents)
# - scores = []
# + scores = []
# - idf = math.log(1 + (N - n + 0.5) / (n + 0.5))
# - score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(document) / mean))
# + idf = math.log(1 + (4 - n + 0.5) / (n + 0.5))
# + score += idf * f / (f + 1.5)

# %% wrong="no brackets below the fraction" says=["stands below the fraction, in brackets", "it stops with ZeroDivisionError"] points=[0, 0] of="word by word, document by document, in lists"
# - score += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(document) / mean))
# + score += idf * f * (k1 + 1) / f + k1 * (1 - b + b * len(document) / mean)

# %% wrong="copies the visible cases" says=["", "the scores for"] points=[1, 0]
def bm25(query, documents, k1=1.5, b=0.75):
    if query == ["green", "tea"]:
        return torch.tensor([1.69734, 0.80849, 0, 0, 1.54304])
    return torch.tensor([0, 0, 2.68905, 1.61625, 0])
