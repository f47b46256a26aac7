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


# %% right="sorted by the scores again"
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, pair in enumerate(sorted(ranking, key=lambda pair: -pair[1]), start=1):
            score[pair[0]] = score.get(pair[0], 0) + 1 / (c + rank)
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="ranks from zero" says="these come from ranks that count from 0" points=[0, 1.5]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking):
            score[document] = score.get(document, 0) + 1 / (c + rank)
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="sums of ranks" says="these have the smallest sums of ranks" points=[0, 0.5]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + rank
    return sorted(score, key=lambda document: (score[document], document))[:n]


# %% wrong="missing documents get a rank" says="a ranking that lacks a document adds nothing" points=[0, 0.5]
def fuse(rankings, n, c=60):
    rankings = [[document for document, _ in ranking] for ranking in rankings]
    documents = {document for ranking in rankings for document in ranking}
    score = dict.fromkeys(documents, 0.0)
    for ranking in rankings:
        for document in documents:
            rank = ranking.index(document) + 1 if document in ranking else len(ranking) + 1
            score[document] += 1 / (c + rank)
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="no c" says="c is not used" points=[0, 1]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / rank
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="always 60" says=["this is the result for 60", "this is the result for 60"] points=[0, 1.5]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / (60 + rank)
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="the best rank" says="each document's best rank alone decides" points=[0, 0.5]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = max(score.get(document, 0), 1 / (c + rank))
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="the mean" says="take the sum" points=[0, 0.5]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score.setdefault(document, []).append(1 / (c + rank))
    return sorted(score, key=lambda document: (-sum(score[document]) / len(score[document]), document))[:n]


# %% wrong="points from the end" says="these come from points" points=[0, 0.5]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for place, (document, _) in enumerate(ranking):
            score[document] = score.get(document, 0) + len(ranking) - place
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="votes" says=["only the number of rankings", "only the number of rankings"] points=[0, 0]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for document, _ in ranking:
            score[document] = score.get(document, 0) + 1
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="no brackets" says=["1 / c + rank is (1/c) + rank", "0 of 0.5 points for three or four rankings"] points=[0, 0]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / c + rank
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="lowest first" says="these have the lowest scores" points=[0, 0]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / (c + rank)
    return sorted(score, key=lambda document: (score[document], document))[:n]


# %% wrong="only what all rankings hold" says="only documents that are in every ranking are left" points=[0, 0.5]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / (c + rank)
    score = {document: s for document, s in score.items() if all(document in dict(r) for r in rankings)}
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="each ranking cut at n" says="only the first n of each ranking count" points=[0, 1]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking[:n], start=1):
            score[document] = score.get(document, 0) + 1 / (c + rank)
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="two rankings" says="only two of the rankings count" points=[0, 0.5]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings[:2]:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / (c + rank)
    return sorted(score, key=lambda document: (-score[document], document))[:n]


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


# %% wrong="more than n" says="it returns more than n documents" points=[0, 1]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / (c + rank)
    return sorted(score, key=lambda document: (-score[document], document))


# %% wrong="ties in the order of arrival" says=["5 and 8 have equal scores", "in the order of the first ranking"] points=[0, 1.5]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / (c + rank)
    return sorted(score, key=lambda document: -score[document])[:n]


# %% wrong="ties to the larger number" says=["5 and 8 have equal scores", "among equal scores the smaller number comes first"] points=[0, 1.5]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / (c + rank)
    return sorted(score, key=lambda document: (score[document], document), reverse=True)[:n]


# %% wrong="filled up to n" says=["where there are three documents", "of four documents"] points=[0, 1.5]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / (c + rank)
    result = sorted(score, key=lambda document: (-score[document], document))[:n]
    return result + [-1] * (n - len(result))


# %% wrong="pairs" says=["it returns pairs; return the numbers", "it holds pairs; return the numbers"] points=[0, 0]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / (c + rank)
    return sorted(score.items(), key=lambda pair: (-pair[1], pair[0]))[:n]


# %% wrong="a pair for a document" says=["a whole pair is taken for the document", "it holds pairs"] points=[0, 0]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        for rank, document in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / (c + rank)
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="adds the scores" says=["these come from the scores, added", "these come from the scores, added"] points=[0, 0]
def fuse(rankings, n, c=60):
    total = {}
    for ranking in rankings:
        for document, score in ranking:
            total[document] = total.get(document, 0) + score
    return sorted(total, key=lambda document: (-total[document], document))[:n]


# %% wrong="the highest score" says=["the highest one of each document", "the highest one of each document"] points=[0, 0]
def fuse(rankings, n, c=60):
    pairs = sorted((pair for ranking in rankings for pair in ranking), key=lambda pair: -pair[1])
    return list(dict.fromkeys(document for document, _ in pairs))[:n]


# %% wrong="adds scaled scores" says=["scaled to 0..1 in each ranking", "scaled to 0..1 in each ranking"] points=[0, 0]
def fuse(rankings, n, c=60):
    total = {}
    for ranking in rankings:
        scores = [score for _, score in ranking]
        for document, score in ranking:
            share = (score - min(scores)) / (max(scores) - min(scores))
            total[document] = total.get(document, 0) + share
    return sorted(total, key=lambda document: (-total[document], document))[:n]


# %% wrong="the score in the place of the rank" says=["as 1/(c + score)", "as 1/(c + score)"] points=[0, 0]
def fuse(rankings, n, c=60):
    total = {}
    for ranking in rankings:
        for document, score in ranking:
            total[document] = total.get(document, 0) + 1 / (c + score)
    return sorted(total, key=lambda document: (-total[document], document))[:n]


# %% wrong="no ranking, no answer" says=["", "0 of 0.5 points for few documents: it stops with ValueError"] points=[1, 1.5]
def fuse(rankings, n, c=60):
    score = [0.0] * (max(max(ranking, default=(0, 0))[0] for ranking in rankings) + 1)
    for ranking in rankings:
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] += 1 / (c + rank)
    order = sorted(range(len(score)), key=lambda document: -score[document])
    return [document for document in order if score[document] > 0][:n]


# %% wrong="an empty ranking ends it" says=["where there are three documents", "with n=9 and an empty ranking"] points=[0, 1.5]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        if not ranking:
            return []
        for rank, (document, _) in enumerate(ranking, start=1):
            score[document] = score.get(document, 0) + 1 / (c + rank)
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="takes the rankings apart" says=["changes its argument rankings", ""] points=[0, 2]
def fuse(rankings, n, c=60):
    score = {}
    for ranking in rankings:
        rank = 0
        while ranking:
            rank += 1
            document, _ = ranking.pop(0)
            score[document] = score.get(document, 0) + 1 / (c + rank)
    return sorted(score, key=lambda document: (-score[document], document))[:n]


# %% wrong="copies the visible cases" says=["", "the ranking"] points=[1, 0]
def fuse(rankings, n, c=60):
    return {4: [6, 8, 7, 3] if c == 2 else [8, 3, 5], 2: [5, 8]}.get(n, [8, 3, 5])
