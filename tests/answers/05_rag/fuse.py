# %% right="document by document"
def fuse(rankings, n, c=60):
    rankings = [[d for d, _ in ranking] for ranking in rankings]
    documents = sorted({d for ranking in rankings for d in ranking})

    def score(d):
        return sum(1 / (c + ranking.index(d) + 1) for ranking in rankings if d in ranking)

    return sorted(documents, key=score, reverse=True)[:n]

# %% right="a Counter"
def fuse(rankings, n, c=60):
    from collections import Counter

    score = Counter()
    for ranking in rankings:
        for place, (d, _) in enumerate(ranking):
            score[d] += 1.0 / (c + place + 1)
    pairs = sorted((-s, d) for d, s in score.items())
    return [d for _, d in pairs][:n]

# %% right="a tensor with a place for each document"
def fuse(rankings, n, c=60):
    rankings = [[d for d, _ in ranking] for ranking in rankings]
    held = {d for ranking in rankings for d in ranking}
    if not held:
        return []
    score = torch.zeros(max(held) + 1, dtype=torch.float64)
    for ranking in rankings:
        score[torch.tensor(ranking, dtype=torch.int64)] += 1 / (c + torch.arange(1, len(ranking) + 1).double())
    order = score.sort(descending=True, stable=True).indices.tolist()
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
    scores = np.zeros(len(documents))
    np.add.at(scores, places, [score for _, score in pairs])
    return list(documents[np.lexsort((documents, -scores))][:n])

# %% right="a sum of Counters, and a heap"
def fuse(rankings, n, c=60):
    import heapq
    from collections import Counter
    from functools import reduce

    def gains(ranking):
        return Counter({d: 1 / (c + rank) for rank, (d, _) in enumerate(ranking, start=1)})

    total = reduce(lambda a, b: a + b, map(gains, rankings), Counter())
    return heapq.nsmallest(n, total, key=lambda d: (-total[d], d))

# %% wrong="ranks from zero" says="these come from ranks that count from 0" points=[0, 1] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, (document, _) in enumerate(ranking):

# %% wrong="sums of ranks" says="these have the smallest sums of ranks" points=[0, 0] of="solution"
# - score[document] = score.get(document, 0) + 1 / (c + rank)
# + score[document] = score.get(document, 0) + rank
# - return sorted(score, key=lambda document: (-score[document], document))[:n]
# + return sorted(score, key=lambda document: (score[document], document))[:n]

# %% wrong="missing documents get a rank" says="a ranking that lacks a document adds nothing" points=[0, 0] of="document by document"
# - return sum(1 / (c + ranking.index(d) + 1) for ranking in rankings if d in ranking)
# + return sum(1 / (c + (*ranking, d).index(d) + 1) for ranking in rankings)

# %% wrong="no c" says="c is not used" points=[0, 0.5] of="solution"
# - score[document] = score.get(document, 0) + 1 / (c + rank)
# + score[document] = score.get(document, 0) + 1 / rank

# %% wrong="always 60" says=["this is the result for 60", "this is the result for 60"] points=[0, 1] of="solution"
# - score[document] = score.get(document, 0) + 1 / (c + rank)
# + score[document] = score.get(document, 0) + 1 / (60 + rank)

# %% wrong="the best rank" says="each document's best rank alone decides" points=[0, 0] of="solution"
# - score[document] = score.get(document, 0) + 1 / (c + rank)
# + score[document] = max(score.get(document, 0), 1 / (c + rank))

# %% wrong="the mean" says="take the sum" points=[0, 0] of="solution"
# - return sorted(score, key=lambda document: (-score[document], document))[:n]
# + held = {document: sum(document in dict(ranking) for ranking in rankings) for document in score}
# + return sorted(score, key=lambda document: (-score[document] / held[document], document))[:n]

# %% wrong="points from the end" says="these come from points" points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# -     score[document] = score.get(document, 0) + 1 / (c + rank)
# + for place, (document, _) in enumerate(ranking):
# +     score[document] = score.get(document, 0) + len(ranking) - place

# %% wrong="votes" says=["only the number of rankings", "only the number of rankings"] points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# -     score[document] = score.get(document, 0) + 1 / (c + rank)
# + for document, _ in ranking:
# +     score[document] = score.get(document, 0) + 1

# %% wrong="no brackets" says=["1 / c + rank is (1/c) + rank", "0 of 0.5 points for three or four rankings"] points=[0, 0] of="solution"
# - score[document] = score.get(document, 0) + 1 / (c + rank)
# + score[document] = score.get(document, 0) + 1 / c + rank

# %% wrong="lowest first" says="these have the lowest scores" points=[0, 0] of="solution"
# - return sorted(score, key=lambda document: (-score[document], document))[:n]
# + return sorted(score, key=lambda document: (score[document], document))[:n]

# %% wrong="only what all rankings hold" says="only documents that are in every ranking are left" points=[0, 0] of="solution"
# - return sorted(score, key=lambda document: (-score[document], document))[:n]
# + score = {document: s for document, s in score.items() if all(document in dict(r) for r in rankings)}
# + return sorted(score, key=lambda document: (-score[document], document))[:n]

# %% wrong="each ranking cut at n" says="only the first n of each ranking count" points=[0, 1] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, (document, _) in enumerate(ranking[:n], start=1):

# %% wrong="two rankings" says="only two of the rankings count" points=[0, 0.5] of="solution"
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
# - return sorted(score, key=lambda document: (-score[document], document))[:n]
# + return sorted(score, key=lambda document: (-score[document], document))

# %% wrong="ties in the order of arrival" says=["5 and 8 have equal scores", "in the order of the first ranking"] points=[0, 1.5] of="solution"
# - return sorted(score, key=lambda document: (-score[document], document))[:n]
# + return sorted(score, key=lambda document: -score[document])[:n]

# %% wrong="ties to the larger number" says=["5 and 8 have equal scores", "among equal scores the smaller number comes first"] points=[0, 1.5] of="solution"
# - return sorted(score, key=lambda document: (-score[document], document))[:n]
# + return sorted(score, key=lambda document: (score[document], document), reverse=True)[:n]

# %% wrong="ties to the better rank" says=["", "not the better rank"] points=[1, 1.5] of="solution"
# - score = {}
# + score, best = {}, {}
# - score[document] = score.get(document, 0) + 1 / (c + rank)
# + score[document] = score.get(document, 0) + 1 / (c + rank)
# + best[document] = min(rank, best.get(document, rank))
# - return sorted(score, key=lambda document: (-score[document], document))[:n]
# + return sorted(score, key=lambda document: (-score[document], best[document], document))[:n]

# %% wrong="ties to the one that more rankings hold" says=["", "not the one in more rankings"] points=[1, 1.5] of="solution"
# - return sorted(score, key=lambda document: (-score[document], document))[:n]
# + held = {document: sum(document in dict(ranking) for ranking in rankings) for document in score}
# + return sorted(score, key=lambda document: (-score[document], -held[document], document))[:n]

# %% wrong="document 0 is none" says=["", "document 0 is missing"] points=[1, 1.5] of="solution"
# - return sorted(score, key=lambda document: (-score[document], document))[:n]
# + return sorted(filter(None, score), key=lambda document: (-score[document], document))[:n]

# %% wrong="sorted by the scores again" says=["", "a ranking was sorted anew by its scores"] points=[1, 1.5] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, (document, _) in enumerate(sorted(ranking, key=lambda pair: -pair[1]), start=1):

# %% wrong="sorted by the scores again, then by the numbers" says=["", "sorted anew, by scores and numbers"] points=[1, 1.5] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, (document, _) in enumerate(sorted(ranking, key=lambda pair: (-pair[1], pair[0])), start=1):

# %% wrong="a score of 0 is no score" says=["", "the ranking by a distance and a score"] points=[1, 1.5] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, (document, _) in enumerate((pair for pair in ranking if pair[1]), start=1):

# %% wrong="filled up to n" says=["where there are three documents", "of four documents"] points=[0, 1.5] of="solution"
# - return sorted(score, key=lambda document: (-score[document], document))[:n]
# + result = sorted(score, key=lambda document: (-score[document], document))[:n]
# + return result + [-1] * (n - len(result))

# %% wrong="pairs" says=["it returns pairs; return the numbers", "it holds pairs; return the numbers"] points=[0, 0] of="solution"
# - return sorted(score, key=lambda document: (-score[document], document))[:n]
# + return sorted(score.items(), key=lambda pair: (-pair[1], pair[0]))[:n]

# %% wrong="a pair for a document" says=["a whole pair is taken for the document", "it holds pairs"] points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for rank, document in enumerate(ranking, start=1):

# %% wrong="adds the scores" says=["these come from the scores, added", "these come from the scores, added"] points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# -     score[document] = score.get(document, 0) + 1 / (c + rank)
# + for document, s in ranking:
# +     score[document] = score.get(document, 0) + s

# %% wrong="the highest score" says=["the highest one of each document", "the highest one of each document"] points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# -     score[document] = score.get(document, 0) + 1 / (c + rank)
# + for document, s in ranking:
# +     score[document] = max(score.get(document, s), s)

# %% wrong="adds scaled scores" says=["scaled to 0..1 in each ranking", "scaled to 0..1 in each ranking"] points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# -     score[document] = score.get(document, 0) + 1 / (c + rank)
# + scores = [s for _, s in ranking]
# + for document, s in ranking:
# +     score[document] = score.get(document, 0) + (s - min(scores)) / (max(scores) - min(scores))

# %% wrong="the score in the place of the rank" says=["as 1/(c + score)", "as 1/(c + score)"] points=[0, 0] of="solution"
# - for rank, (document, _) in enumerate(ranking, start=1):
# + for document, rank in ranking:

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

# %% wrong="copies the visible cases" says=["", "the ranking"] points=[1, 0]
def fuse(rankings, n, c=60):
    return {4: [6, 8, 7, 3] if c == 2 else [8, 3, 5], 2: [5, 8]}.get(n, [8, 3, 5])
