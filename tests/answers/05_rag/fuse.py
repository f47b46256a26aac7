# %% right="document by document"
def fuse(rankings, n, c=60):
    from fractions import Fraction

    rankings = [[d for d, _ in ranking] for ranking in rankings]
    documents = sorted({d for ranking in rankings for d in ranking})

    def total(d):
        return sum(Fraction(1, c + ranking.index(d) + 1) for ranking in rankings if d in ranking)

    return sorted(documents, key=total, reverse=True)[:n]

# %% right="a Counter, rounded to twelve digits"
def fuse(rankings, n, c=60):
    from collections import Counter

    total = Counter()
    for ranking in rankings:
        for place, (d, _) in enumerate(ranking):
            total[d] += 1.0 / (c + place + 1)
    pairs = sorted((-round(t, 12), d) for d, t in total.items())
    return [d for _, d in pairs][:n]

# %% right="a tensor with a place for each document"
def fuse(rankings, n, c=60):
    rankings = [[d for d, _ in ranking] for ranking in rankings]
    held = {d for ranking in rankings for d in ranking}
    if not held:
        return []
    total = torch.zeros(max(held) + 1, dtype=torch.float64)
    for ranking in rankings:
        ranks = torch.arange(1, len(ranking) + 1)
        total[torch.tensor(ranking, dtype=torch.int64)] += 1 / (c + ranks.double())
    order = total.round(decimals=12).sort(descending=True, stable=True).indices.tolist()
    return [d for d in order if d in held][:n]

# %% right="the largest, again and again, as a tuple"
def fuse(rankings, n, c=60):
    from fractions import Fraction

    left = {}
    for pairs in rankings:
        ranking = [d for d, _ in pairs]
        for d in ranking:
            left[d] = left.get(d, 0) + Fraction(1, c + 1 + ranking.index(d))
    result = ()
    while left and len(result) < n:
        highest = max(left.values())
        best = min(d for d in left if left[d] == highest)
        result += (best,)
        del left[best]
    return result

# %% right="NumPy's numbers"
def fuse(rankings, n, c=60):
    import numpy as np

    pairs = [(d, 1 / (c + rank)) for ranking in rankings for rank, (d, _) in enumerate(ranking, start=1)]
    if not pairs:
        return []
    documents, places = np.unique([d for d, _ in pairs], return_inverse=True)
    totals = np.zeros(len(documents))
    np.add.at(totals, places, [part for _, part in pairs])
    return list(documents[np.lexsort((documents, -totals.round(12)))][:n])

# %% right="a sum of Counters, and a heap"
def fuse(rankings, n, c=60):
    import heapq
    from collections import Counter
    from fractions import Fraction
    from functools import reduce

    def gains(ranking):
        return Counter({d: Fraction(1, c + rank) for rank, (d, _) in enumerate(ranking, start=1)})

    total = reduce(lambda a, b: a + b, map(gains, rankings), Counter())
    return heapq.nsmallest(n, total, key=lambda d: (-total[d], d))

# %% right="math.fsum, which is the same in any order"
def fuse(rankings, n, c=60):
    terms = {}
    for ranking in rankings:
        for rank, (d, _) in enumerate(ranking, start=1):
            terms.setdefault(d, []).append(1 / (c + rank))
    return sorted(terms, key=lambda d: (-math.fsum(terms[d]), d))[:n]

# %% right="whole numbers: all fractions over one denominator"
def fuse(rankings, n, c=60):
    below = math.lcm(*range(c + 1, c + 1 + max(map(len, rankings), default=0)))
    total = {}
    for ranking in rankings:
        for rank, (d, _) in enumerate(ranking, start=1):
            total[d] = total.get(d, 0) + below // (c + rank)
    return [d for _, d in sorted((-t, d) for d, t in total.items())][:n]

# %% wrong="ranks from zero" says="these come from ranks that count from 0" points=[0, 1] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, (document, _) in enumerate(ranking):

# %% wrong="sums of ranks" says="these have the smallest sums of ranks" points=[0, 0] of="solution"
# - total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + total[document] = total.get(document, 0) + rank
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + return sorted(total, key=lambda document: (total[document], document))[:n]

# %% wrong="missing documents get a rank" says="a ranking that lacks a document adds nothing" points=[0, 0] of="document by document"
# - return sum(Fraction(1, c + ranking.index(d) + 1) for ranking in rankings if d in ranking)
# + return sum(Fraction(1, c + (*ranking, d).index(d) + 1) for ranking in rankings)

# %% wrong="no c" says="c is not used" points=[0, 0.5] of="solution"
# - total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + total[document] = total.get(document, 0) + 1 / rank

# %% wrong="always 60" says=["this is the result for 60", "this is the result for 60"] points=[0, 1] of="solution"
# - total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + total[document] = total.get(document, 0) + 1 / (60 + rank)

# %% wrong="the best rank" says="each document's best rank alone decides" points=[0, 0] of="solution"
# - total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + total[document] = max(total.get(document, 0), Fraction(1, c + rank))

# %% wrong="the mean" says="take the sum" points=[0, 0] of="solution"
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + held = {document: sum(document in dict(ranking) for ranking in rankings) for document in total}
# + return sorted(total, key=lambda document: (-total[document] / held[document], document))[:n]

# %% wrong="points from the end" says="these come from points" points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# -     total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + for place, (document, _) in enumerate(ranking):
# +     total[document] = total.get(document, 0) + len(ranking) - place

# %% wrong="votes" says=["only the number of rankings", "only the number of rankings"] points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# -     total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + for document, _ in ranking:
# +     total[document] = total.get(document, 0) + 1

# %% wrong="no brackets" says=["1 / c + rank is (1/c) + rank", "0 of 0.5 points for three or four rankings"] points=[0, 0] of="solution"
# - total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + total[document] = total.get(document, 0) + 1 / c + rank

# %% wrong="lowest first" says="these have the lowest totals" points=[0, 0] of="solution"
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + return sorted(total, key=lambda document: (total[document], document))[:n]

# %% wrong="only what all rankings hold" says="only documents that are in every ranking are left" points=[0, 0] of="solution"
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + total = {document: s for document, s in total.items() if all(document in dict(r) for r in rankings)}
# + return sorted(total, key=lambda document: (-total[document], document))[:n]

# %% wrong="each ranking cut at n" says="only the first n of each ranking count" points=[0, 1] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, (document, _) in enumerate(ranking[:n], start=1):

# %% wrong="two rankings" says="only two of the rankings count" points=[0, 0] of="solution"
# - for ranking in rankings:
# + for ranking in rankings[:2]:

# %% wrong="one after another" says="the rankings stand one after another" points=[0, 0]
def fuse(rankings, n, c=60):
    return list(dict.fromkeys(document for ranking in rankings for document, _ in ranking))[:n]

# %% wrong="in turns" says="the rankings take turns" points=[0, 0]
def fuse(rankings, n, c=60):
    from itertools import zip_longest

    result = []
    for documents in zip_longest(*([d for d, _ in ranking] for ranking in rankings)):
        result += [d for d in dict.fromkeys(documents) if d is not None and d not in result]
    return result[:n]

# %% wrong="more than n" says="it returns more than n documents" points=[0, 1] of="solution"
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + return sorted(total, key=lambda document: (-total[document], document))

# %% wrong="ties in the order of arrival" says=["the smaller number comes first", "in the order in which the rankings name them"] points=[0, 1.5] of="solution"
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + return sorted(total, key=lambda document: -total[document])[:n]

# %% wrong="ties to the larger number" says="among equal totals the smaller number comes first" points=[0, 1.5] of="solution"
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + return sorted(total, key=lambda document: (total[document], document), reverse=True)[:n]

# %% wrong="ties to the better rank" says=["", "not the better rank"] points=[1, 1.5] of="solution"
# - total = {}
# + total, best = {}, {}
# - total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + best[document] = min(rank, best.get(document, rank))
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + return sorted(total, key=lambda document: (-total[document], best[document], document))[:n]

# %% wrong="ties to the one that more rankings hold" says=["", "not the one in more rankings"] points=[1, 1.5] of="solution"
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + held = {document: sum(document in dict(ranking) for ranking in rankings) for document in total}
# + return sorted(total, key=lambda document: (-total[document], -held[document], document))[:n]

# %% wrong="floats, added as they come" says="only the last digits of floats differ" points=[0, 1.5] of="solution"
# - total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + total[document] = total.get(document, 0) + 1 / (c + rank)

# %% wrong="NumPy's floats, not rounded" says="only the last digits of floats differ" points=[0, 1.5] of="NumPy's numbers"
# - return list(documents[np.lexsort((documents, -totals.round(12)))][:n])
# + return list(documents[np.lexsort((documents, -totals))][:n])

# %% wrong="a tensor of float32" says=["", "only the last digits of floats differ"] points=[1, 1.5] of="a tensor with a place for each document"
# - total = torch.zeros(max(held) + 1, dtype=torch.float64)
# + total = torch.zeros(max(held) + 1)
# - total[torch.tensor(ranking, dtype=torch.int64)] += 1 / (c + ranks.double())
# + total[torch.tensor(ranking, dtype=torch.int64)] += 1 / (c + ranks)
# - order = total.round(decimals=12).sort(descending=True, stable=True).indices.tolist()
# + order = total.sort(descending=True, stable=True).indices.tolist()

# %% wrong="rounded to three digits" says="totals that differ were rounded" points=[0, 1] of="a Counter, rounded to twelve digits"
# - pairs = sorted((-round(t, 12), d) for d, t in total.items())
# + pairs = sorted((-round(t, 3), d) for d, t in total.items())

# %% wrong="ties to the one with the higher scores" says=["", "not the one with the higher scores"] points=[1, 1.5] of="solution"
# - total = {}
# + total, added = {}, {}
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, (document, s) in enumerate(ranking, start=1):
# +     added[document] = added.get(document, 0) + s
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + return sorted(total, key=lambda document: (-total[document], -added[document], document))[:n]

# %% wrong="document 0 is none" says=["", "document 0 is missing"] points=[1, 1.5] of="solution"
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + return sorted(filter(None, total), key=lambda document: (-total[document], document))[:n]

# %% wrong="sorted by the scores again" says="a ranking was sorted anew by its scores" points=[0, 1.5] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, (document, _) in enumerate(sorted(ranking, key=lambda pair: -pair[1]), start=1):

# %% wrong="sorted by the scores again, then by the numbers" says=["a ranking was sorted anew by its scores", "sorted anew, by scores and numbers"] points=[0, 1.5] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, (document, _) in enumerate(sorted(ranking, key=lambda pair: (-pair[1], pair[0])), start=1):

# %% wrong="a score of 0 is no score" says=["", "a document with score 0 is left out"] points=[1, 1.5] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, (document, _) in enumerate((pair for pair in ranking if pair[1]), start=1):

# %% wrong="filled up to n" says=["where there are three documents", "of four documents"] points=[0, 1.5] of="solution"
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + result = sorted(total, key=lambda document: (-total[document], document))[:n]
# + return result + [-1] * (n - len(result))

# %% wrong="pairs" says="it holds pairs; return the numbers" points=[0, 0] of="solution"
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + return sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))[:n]

# %% wrong="a pair for a document" says="it holds pairs" points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, document in enumerate(ranking, start=1):

# %% wrong="adds the scores" says=["these come from the scores, added", "these come from the scores, added"] points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# -     total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + for document, s in ranking:
# +     total[document] = total.get(document, 0) + s

# %% wrong="the highest score" says=["the highest one of each document", "the highest one of each document"] points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# -     total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + for document, s in ranking:
# +     total[document] = max(total.get(document, s), s)

# %% wrong="adds scaled scores" says=["scaled to 0..1 in each ranking", "scaled to 0..1 in each ranking"] points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# -     total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + scores = [s for _, s in ranking]
# + for document, s in ranking:
# +     total[document] = total.get(document, 0) + (s - min(scores)) / (max(scores) - min(scores))

# %% wrong="the score in the place of the rank" says=["as 1/(c + score)", "as 1/(c + score)"] points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# -     total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + for document, s in ranking:
# +     total[document] = total.get(document, 0) + 1 / (c + s)

# %% wrong="no ranking, no answer" says=["", "it stops with ValueError"] points=[1, 1.5] of="a tensor with a place for each document"
# - if not held:
# -     return []

# %% wrong="an empty ranking ends it" says=["where there are three documents", "with n=9 and an empty ranking"] points=[0, 1.5] of="solution"
# - for ranking in rankings:
# + for ranking in rankings:
# +     if not ranking:
# +         return []

# %% wrong="takes the rankings apart" says=["changes its argument rankings", ""] points=[0, 2] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + rank = 0
# + while ranking:
# +     rank += 1
# +     document, _ = ranking.pop(0)

# %% wrong="ties in the reversed order of arrival" says=["in the reversed order of their first places", "in the reversed order of their first places"] points=[0, 1.5] of="solution"
# - return sorted(total, key=lambda document: (-total[document], document))[:n]
# + return sorted(total, key=total.get)[::-1][:n]

# %% wrong="the last ranking alone counts for a document" says=["only the last ranking that holds a document", "only the last ranking that holds a document"] points=[0, 0] of="solution"
# - total[document] = total.get(document, 0) + Fraction(1, c + rank)
# + total[document] = Fraction(1, c + rank)

# %% wrong="a total for each pair" says=["it holds pairs; return the numbers of the documents alone, and add up under the number", "it holds pairs"] points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, document in enumerate(ranking, start=1):

# %% wrong="copies the visible cases" says=["", "the ranking"] points=[1, 0]
def fuse(rankings, n, c=60):
    return {4: [6, 1, 3, 4] if c == 2 else [8, 3, 5], 2: [5, 8], 3: [4, 6, 9]}.get(n, [8, 3, 5])
