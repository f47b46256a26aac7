# %% right="with tensors"
def recall_and_ndcg(ranking, relevance, k):
    judged = torch.tensor(sorted(relevance.values(), reverse=True)).double()
    if (judged > 0).sum() == 0:
        raise ValueError
    found = torch.tensor([relevance.get(d, 0) for d in ranking[:k]]).double()

    def dcg(grades):
        return ((2**grades - 1) / torch.log2(torch.arange(len(grades)) + 2.0)).sum()

    return (found > 0).sum() / (judged > 0).sum(), dcg(found) / dcg(judged[:k])

# %% right="place by place, with natural logarithms"
def recall_and_ndcg(ranking, relevance, k):
    judged = sorted(relevance.values())[::-1]
    hits = dcg = ideal = 0
    for place in range(k):
        weight = 1 / math.log(place + 2)
        if place < len(ranking) and relevance.get(ranking[place], 0) > 0:
            hits += 1
            dcg += (2 ** relevance[ranking[place]] - 1) * weight
        if place < len(judged):
            ideal += (2 ** judged[place] - 1) * weight
    total = len([grade for grade in judged if grade])
    if total == 0:
        raise ValueError("nothing is relevant")
    return hits / total, dcg / ideal

# %% right="the ideal ranking is measured as a ranking"
def recall_and_ndcg(ranking, relevance, k):
    gain = {d: 2**grade - 1 for d, grade in relevance.items() if grade}
    if not gain:
        raise ValueError("no relevant document")

    def dcg(documents):
        return sum(gain.get(d, 0) / math.log2(r + 2) for r, d in enumerate(documents[:k]))

    best = sorted(gain, key=gain.get, reverse=True)
    return [len(set(ranking[:k]) & set(gain)) / len(gain), dcg(ranking) / dcg(best)]

# %% right="filled up with zeros, float32"
def recall_and_ndcg(ranking, relevance, k):
    grades = [relevance.get(d, 0) for d in ranking[:k]]
    best = sorted(relevance.values(), reverse=True)[:k]
    rows = torch.tensor([row + [0] * (k - len(row)) for row in (grades, best)], dtype=torch.float32)
    gains = rows.exp2() - 1
    dcg = gains @ (1 / torch.log2(torch.arange(2, k + 2).float()))
    relevant = sum(grade > 0 for grade in relevance.values())
    if relevant == 0:
        raise ValueError("no relevant document")
    return sum(grade > 0 for grade in grades) / relevant, (dcg[0] / dcg[1]).item()

# %% right="NumPy's numbers"
def recall_and_ndcg(ranking, relevance, k):
    import numpy as np

    judged = np.sort(np.array(list(relevance.values()), dtype=np.int64))[::-1]
    if not (judged > 0).any():
        raise ValueError("nothing is relevant")
    top = np.array([relevance.get(d, 0) for d in ranking[:k]], dtype=np.int64)

    def dcg(grades):
        return np.sum((2.0**grades - 1) / np.log2(np.arange(2, 2 + len(grades))))

    return np.count_nonzero(top) / np.count_nonzero(judged), dcg(top) / dcg(judged[:k])

# %% right="a dataclass for a judgement"
def recall_and_ndcg(ranking, relevance, k):
    from dataclasses import dataclass
    from functools import reduce

    @dataclass
    class Judged:
        document: int
        grade: int

        def gain(self, rank):
            return (2**self.grade - 1) / math.log2(rank + 1)

    def dcg(judged):
        return reduce(lambda total, pair: total + pair[1].gain(pair[0]), zip(range(1, k + 1), judged), 0.0)

    good = [Judged(d, grade) for d, grade in relevance.items() if grade]
    if not good:
        raise ValueError("no relevant document")
    seen = [Judged(d, relevance.get(d, 0)) for d in ranking]
    hits = sum(1 for judged in seen[:k] if judged.grade)
    return hits / len(good), dcg(seen) / dcg(sorted(good, key=lambda judged: -judged.grade))

# %% wrong="the ideal from what was found" says="made of the first k documents of this ranking" points=[0, 1.5] of="solution"
# - ideal = sorted(relevance.values(), reverse=True)
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + ideal = sorted([relevance.get(document, 0) for document in ranking[:k]], reverse=True)
# + return recall, dcg([relevance.get(document, 0) for document in ranking]) / (dcg(ideal) or 1)

# %% wrong="the ideal is not cut" says=["the ideal ranking is not cut", "the ideal ranking is not cut"] points=[0, 2] of="solution"
# - return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))
# + return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + return recall, dcg([relevance.get(document, 0) for document in ranking[:k]]) / dcg(ideal)

# %% wrong="recall divided by k" says=["it divides by k: that is the precision", "recall, few are relevant: it divides by k: that is the precision"] points=[0, 2] of="solution"
# - recall = len(relevant.intersection(ranking[:k])) / len(relevant)
# + recall = len(relevant.intersection(ranking[:k])) / k

# %% wrong="precision" says=["that is the precision", "recall of few places, few are relevant: it divides by the number of places looked at"] points=[0, 1.5] of="solution"
# - recall = len(relevant.intersection(ranking[:k])) / len(relevant)
# + recall = len(relevant.intersection(ranking[:k])) / len(ranking[:k])

# %% wrong="recall of at most k" says=["it divides by min(k, relevant documents)", "recall, many are relevant: it divides by min(k, relevant documents)"] points=[0, 2] of="solution"
# - recall = len(relevant.intersection(ranking[:k])) / len(relevant)
# + recall = len(relevant.intersection(ranking[:k])) / min(k, len(relevant))

# %% wrong="the ideal from the whole ranking" says="made of the documents of this ranking" points=[0, 1.5] of="solution"
# - ideal = sorted(relevance.values(), reverse=True)
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + ideal = sorted([relevance.get(document, 0) for document in ranking], reverse=True)
# + return recall, dcg([relevance.get(document, 0) for document in ranking]) / (dcg(ideal) or 1)

# %% wrong="the ideal cut where the ranking ends" says=["cut where this ranking ends", "cut where this ranking ends"] points=[0, 2] of="solution"
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal[: len(ranking)])

# %% wrong="log of the rank" says=["division by zero", "division by zero"] points=[0, 0] of="solution"
# - return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))
# + return sum((2**grade - 1) / math.log2(rank) for rank, grade in enumerate(grades[:k], start=1))

# %% wrong="ranks from zero" says=["division by zero", "division by zero"] points=[0, 0] of="solution"
# - return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))
# + return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k]))

# %% wrong="the first undiscounted" says="rank r is divided by log2(r)" points=[0, 1.5] of="solution"
# - return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))
# + return sum((2**grade - 1) / max(1, math.log2(rank)) for rank, grade in enumerate(grades[:k], start=1))

# %% wrong="linear gain" says="the gain is the grade itself" points=[0, 1.5] of="solution"
# - return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))
# + return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))

# %% wrong="a gain for grade 0" says="the gain is 2^grade; it is" points=[0, 1] of="solution"
# - return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))
# + return sum(2**grade / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))

# %% wrong="binary gain" says="each relevant document gives 1" points=[0, 1.5] of="solution"
# - return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))
# + return sum((grade > 0) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))

# %% wrong="grades of 8 bits" says=["", "2^10 is 0 in 8 bits"] points=[1, 2.5] of="filled up with zeros, float32"
# - rows = torch.tensor([row + [0] * (k - len(row)) for row in (grades, best)], dtype=torch.float32)
# - gains = rows.exp2() - 1
# + rows = torch.tensor([row + [0] * (k - len(row)) for row in (grades, best)], dtype=torch.uint8)
# + gains = (2**rows - 1).float()

# %% wrong="DCG" says="this is DCG" points=[0, 1.5] of="solution"
# - ideal = sorted(relevance.values(), reverse=True)
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + return recall, dcg([relevance.get(document, 0) for document in ranking])

# %% wrong="DCG of the ideal" says="this is the DCG of the ideal ranking" points=[0, 1] of="solution"
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + return recall, dcg(ideal)

# %% wrong="no discount" says="nothing is discounted" points=[0, 1.5] of="solution"
# - return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))
# + return sum((2**grade - 1) for rank, grade in enumerate(grades[:k], start=1))

# %% wrong="divided by the rank" says="each gain is divided by r" points=[0, 1.5] of="solution"
# - return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))
# + return sum((2**grade - 1) / rank for rank, grade in enumerate(grades[:k], start=1))

# %% wrong="the ideal unsorted" says="in the order of the dictionary" points=[0, 1.5] of="solution"
# - ideal = sorted(relevance.values(), reverse=True)
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + ideal = list(relevance.values())
# + return recall, dcg([relevance.get(document, 0) for document in ranking]) / (dcg(ideal) or 1)

# %% wrong="the ideal from low to high" says="begins with the lowest grades" points=[0, 1.5] of="solution"
# - ideal = sorted(relevance.values(), reverse=True)
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + ideal = sorted(relevance.values())
# + return recall, dcg([relevance.get(document, 0) for document in ranking]) / (dcg(ideal) or 1)

# %% wrong="the highest grade everywhere" says="has the highest grade at each place" points=[0, 1.5] of="solution"
# - ideal = sorted(relevance.values(), reverse=True)
# + ideal = [max(relevance.values())] * k

# %% wrong="DCG of the whole ranking" says=["the whole ranking counts in DCG", "the whole ranking counts in DCG"] points=[0, 2] of="solution"
# - return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))
# + return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal[:k])

# %% wrong="no k in nDCG" says=["and so does the whole ideal", "and so does the whole ideal"] points=[0, 1.5] of="solution"
# - return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))
# + return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))

# %% wrong="recall of the whole ranking" says=["the whole ranking is searched", "the whole ranking is searched"] points=[0, 2.5] of="solution"
# - recall = len(relevant.intersection(ranking[:k])) / len(relevant)
# + recall = len(relevant.intersection(ranking)) / len(relevant)

# %% wrong="all judged documents below" says="it divides by all judged documents" points=[0, 2] of="solution"
# - recall = len(relevant.intersection(ranking[:k])) / len(relevant)
# + recall = len(relevant.intersection(ranking[:k])) / len(relevance)

# %% wrong="judged is relevant" says=["documents of grade 0 count as relevant", "documents of grade 0 count as relevant"] points=[0, 1.5] of="solution"
# - relevant = {document for document, grade in relevance.items() if grade > 0}
# + relevant = set(relevance)

# %% wrong="recall of grades" says="it adds grades; count documents" points=[0, 2] of="solution"
# - recall = len(relevant.intersection(ranking[:k])) / len(relevant)
# + recall = sum(relevance.get(document, 0) for document in ranking[:k]) / sum(relevance.values())

# %% wrong="any hit" says="whether any relevant document was found" points=[0, 2] of="solution"
# - recall = len(relevant.intersection(ranking[:k])) / len(relevant)
# + recall = float(bool(relevant.intersection(ranking[:k])))

# %% wrong="nDCG first" says=["this is nDCG; return recall first", "this is nDCG; return recall first"] points=[0, 0.5] of="solution"
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + return dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal), recall

# %% wrong="unknown documents stop it" says=["a document without a grade has grade 0", "KeyError"] points=[0, 0.5] of="solution"
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + return recall, dcg([relevance[document] for document in ranking]) / dcg(ideal)

# %% wrong="zero where nothing is relevant" says=["it returns a tuple of 2 where it must raise ValueError", "must raise ValueError"] points=[0, 2.5] of="solution"
# - raise ValueError("no document is relevant")
# + return 0.0, 0.0

# %% wrong="an error only for an empty dictionary" says="must raise ValueError" points=[0, 2.5] of="solution"
# - relevant = {document for document, grade in relevance.items() if grade > 0}
# + relevant = {document for document, grade in relevance.items() if grade > 0}
# + if relevant == set() != set(relevance):
# +     return 0.0, 0.0

# %% wrong="divides by zero where nothing is relevant" says=["it raises ZeroDivisionError, not ValueError", "it raises ZeroDivisionError, not ValueError"] points=[0, 2.5] of="solution"
# - if not relevant:
# -     raise ValueError("no document is relevant")

# %% wrong="stops at a short ranking" says=["list index out of range", "list index out of range"] points=[0, 1.5] of="solution"
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + return recall, dcg([relevance.get(ranking[i], 0) for i in range(k)]) / dcg(ideal)

# %% wrong="stops at few judged documents" says=["there may be fewer than k", "it stops with IndexError: list index out of range"] points=[0, 2.5] of="solution"
# - ideal = sorted(relevance.values(), reverse=True)
# + ideal = sorted(relevance.values(), reverse=True)
# + ideal = [ideal[place] for place in range(k)]

# %% wrong="an error where nothing relevant is found" says="nothing relevant is found" points=[0, 2.5] of="solution"
# - if not relevant:
# + if not relevant.intersection(ranking):

# %% wrong="an empty ranking stops it" says="nothing relevant is found" points=[0, 2.5] of="solution"
# - if not relevant:
# + best = ranking[0]
# + if not relevant:

# %% wrong="NaN for an empty ranking" says=["recall and nDCG of an empty ranking", "with the ranking [] and the grades"] points=[0, 2.5] of="solution"
# - ideal = sorted(relevance.values(), reverse=True)
# + ideal = sorted(relevance.values(), reverse=True)
# + if not ranking:
# +     return math.nan, math.nan

# %% wrong="0 for an empty ranking, whatever is relevant" says=["", "must raise ValueError"] points=[1, 2.5] of="solution"
# - if not relevant:
# + if not ranking:
# +     return 0.0, 0.0
# + if not relevant:

# %% wrong="always raises" says=["no document is relevant", "it stops with ValueError"] points=[0, 0] of="solution"
# - if not relevant:
# + if relevance is not None:

# %% wrong="nothing but zeros" says=["it is 0, not 0.5", "recall and nDCG of the ranking [0]"] points=[0, 0] of="solution"
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + return 0.0, 0.0

# %% wrong="document 0 is none" says=["", "it stops with ValueError"] points=[1, 2.5] of="solution"
# - relevant = {document for document, grade in relevance.items() if grade > 0}
# + relevant = {document for document, grade in relevance.items() if document and grade > 0}

# %% wrong="cuts the argument" says=["changes its argument ranking", ""] points=[0, 3] of="solution"
# - if not relevant:
# + del ranking[k:]
# + if not relevant:

# %% wrong="one number" says=["it must return recall, ndcg", "it must return recall, ndcg"] points=[0, 0] of="solution"
# - return recall, dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)
# + return dcg([relevance.get(document, 0) for document in ranking]) / dcg(ideal)

# %% wrong="copies the visible cases" says=["", "at"] points=[1, 0]
def recall_and_ndcg(ranking, relevance, k):
    if not any(relevance.values()):
        raise ValueError
    if not ranking:
        return 0, 0
    return (0.4, 0.25449) if len(relevance) > 3 < len(ranking) else (0.5, 0.55138)
