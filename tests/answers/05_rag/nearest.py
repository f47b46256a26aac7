# %% right="query by query, in lists"
def nearest(queries, documents, k):
    similarities, indices = [], []
    for q in queries.tolist():
        row = []
        for i, d in enumerate(documents.tolist()):
            lengths = math.sqrt(sum(x * x for x in q)) * math.sqrt(sum(x * x for x in d))
            dot = sum(a * b for a, b in zip(q, d))
            row.append((-(dot / lengths) if lengths else 0.0, i))
        row = sorted(row)[:k]
        similarities.append([-value for value, _ in row])
        indices.append([i for _, i in row])
    return torch.tensor(similarities), torch.tensor(indices)

# %% right="cosine_similarity of all pairs"
def nearest(queries, documents, k):
    pairs = F.cosine_similarity(queries.double()[:, None, :], documents.double()[None, :, :], dim=-1, eps=1e-100)
    order = torch.argsort(pairs, dim=-1, descending=True, stable=True)[:, :k]
    return torch.take_along_dim(pairs, order, -1), order

# %% right="NaN becomes 0, in float64"
def nearest(queries, documents, k):
    q, d = queries.double(), documents.double()
    cosine = (q @ d.T) / (q.norm(dim=1)[:, None] * d.norm(dim=1)[None, :])
    values, ids = (-cosine.nan_to_num(nan=0.0)).sort(dim=1, stable=True)
    return -values[:, :k], ids[:, :k]

# %% right="float32, each vector by its largest number first; topk of the values, then one argmax after the other"
def nearest(queries, documents, k):
    k, x = min(k, len(documents)), [queries, documents]
    for largest in (True, False):  # the length of what is left is from 1 to the root of D
        sizes = [v.abs().amax(1) if largest else v.square().sum(1).sqrt() for v in x]
        x = [v / torch.where(size > 0, size, 1)[:, None] for v, size in zip(x, sizes)]
    cosine = torch.einsum("qd,nd->qn", *x)
    left, ids = cosine.clone(), []
    for _ in range(k):
        best = left.eq(left.max(dim=1, keepdim=True).values).int().argmax(dim=1, keepdim=True)
        ids.append(best)
        left = left.scatter(1, best, -torch.inf)
    return cosine.topk(k, dim=1).values, torch.cat(ids, dim=1)

# %% right="NumPy, sorted by two keys"
def nearest(queries, documents, k):
    import numpy as np

    q, d = queries.numpy().astype(float), documents.numpy().astype(float)
    lengths = np.multiply.outer(np.sqrt((q * q).sum(1)), np.sqrt((d * d).sum(1)))
    cosine = np.divide(q @ d.T, lengths, out=np.zeros_like(lengths), where=lengths > 0).round(12)
    order = np.stack([np.lexsort((np.arange(len(d)), -row)) for row in cosine])[:, :k]
    return torch.from_numpy(np.take_along_axis(cosine, order, 1)), torch.from_numpy(order)

# %% right="a heap for each query, in a thread pool"
def nearest(queries, documents, k):
    import heapq
    from concurrent.futures import ThreadPoolExecutor

    def cosine(a, b):
        both = a.norm() * b.norm()
        return round((a @ b / both).item(), 9) if both > 0 else 0.0

    def best(q):
        return heapq.nsmallest(k, ((-cosine(q.double(), d.double()), i) for i, d in enumerate(documents)))

    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(best, queries))
    return torch.tensor([[-s for s, _ in row] for row in rows]), torch.tensor([[i for _, i in row] for row in rows])

# %% wrong="products" says="they are q · d; divide by both lengths" points=[0, 0] of="solution"
# - similarities = q @ d.T
# + similarities = queries @ documents.T

# %% wrong="only the queries normalised" says="the queries are divided by their lengths, the documents are not" points=[0, 0] of="solution"
# - similarities = q @ d.T
# + similarities = q @ documents.double().T

# %% wrong="only the documents normalised" says="the documents are divided by their lengths, the queries are not" points=[0, 0] of="solution"
# - similarities = q @ d.T
# + similarities = queries.double() @ d.T

# %% wrong="normalised over dimension 0" says="the lengths are taken over dimension 0" points=[0, 0] of="solution"
# - similarities = q @ d.T
# + similarities = F.normalize(queries, dim=0) @ F.normalize(documents, dim=0).T

# %% wrong="one length for a matrix" says="a whole matrix is divided by one length" points=[0, 0] of="solution"
# - similarities = q @ d.T
# + similarities = (queries / queries.norm()) @ (documents / documents.norm()).T

# %% wrong="lengths by sums" says="divided by the sums of |numbers|" points=[0, 0] of="solution"
# - similarities = q @ d.T
# + q, d = (F.normalize(x.double(), p=1, dim=1) for x in (queries, documents))
# + similarities = q @ d.T

# %% wrong="squares of the lengths" says="products divided by the squares of the lengths" points=[0, 0] of="solution"
# - similarities = q @ d.T
# + lengths = [x.norm(dim=1, keepdim=True).clamp(min=1e-9) for x in (queries, documents)]
# + similarities = (q / lengths[0]) @ (d / lengths[1]).T

# %% wrong="no sign" says="the sign is lost" points=[0, 0] of="solution"
# - similarities = q @ d.T
# + similarities = (q @ d.T).abs()

# %% wrong="the lowest" says="these are the documents with the lowest similarities" points=[0, 0] of="solution"
# - similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
# + similarities, indices = similarities.sort(dim=1, stable=True)

# %% wrong="by distance, with cosines" says="the documents at the smallest distances" points=[0, 0] of="solution"
# - similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
# + indices = torch.cdist(queries, documents).sort(dim=1, stable=True).indices
# + similarities = similarities.gather(1, indices)

# %% wrong="distances" says="these are distances" points=[0, 0] of="solution"
# - similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
# + similarities, indices = torch.cdist(queries, documents).sort(dim=1, stable=True)

# %% wrong="1 minus the cosine" says="these are 1 minus the cosine" points=[0, 0] of="solution"
# - return similarities[:, :k], indices[:, :k]
# + return 1 - similarities[:, :k], indices[:, :k]

# %% wrong="indices first" says="these are the indices; return the similarities first" points=[0, 0] of="solution"
# - return similarities[:, :k], indices[:, :k]
# + return indices[:, :k], similarities[:, :k]

# %% wrong="the indices alone" says="it must return similarities, indices" points=[0, 0] of="solution"
# - return similarities[:, :k], indices[:, :k]
# + return indices[:, :k]

# %% wrong="torch.topk" says="the smaller index comes first" points=[0, 1] of="solution"
# - similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
# + similarities, indices = similarities.topk(min(k, len(documents)), dim=1)

# %% wrong="sorted upwards, then turned" says="the smaller index comes first" points=[0, 1] of="solution"
# - similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
# + similarities, indices = (part.flip(1) for part in similarities.sort(dim=1, stable=True))

# %% wrong="an unstable sort" says=["", "the smaller index comes first"] points=[1, 1.5] of="solution"
# - similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
# + similarities, indices = similarities.sort(dim=1, descending=True)

# %% wrong="F.normalize in float32" says=["very short and very long vectors are taken for zeros", "a very short vector is taken for zeros"] points=[0, 1.5] of="solution"
# - q, d = (F.normalize(x.double(), dim=1, eps=1e-100) for x in (queries, documents))
# + q, d = (F.normalize(x, dim=1) for x in (queries, documents))

# %% wrong="F.normalize in float64, with the eps that it has" says="a very short vector is taken for zeros" points=[0, 1.5] of="solution"
# - q, d = (F.normalize(x.double(), dim=1, eps=1e-100) for x in (queries, documents))
# + q, d = (F.normalize(x.double(), dim=1) for x in (queries, documents))

# %% wrong="lengths in float32, zeros apart" says=["very short and very long vectors are taken for zeros", "a very short vector is taken for zeros"] points=[0, 1.5] of="solution"
# - q, d = (F.normalize(x.double(), dim=1, eps=1e-100) for x in (queries, documents))
# + lengths = [x.norm(dim=1, keepdim=True) for x in (queries, documents)]
# + q, d = (x / torch.where(n > 0, n, 1) for x, n in zip((queries, documents), lengths))

# %% wrong="zeros give NaN" says="a similarity is NaN: 0/0" points=[0, 1.5] of="solution"
# - similarities = q @ d.T
# + q, d = queries.double(), documents.double()
# + similarities = (q @ d.T) / (q.norm(dim=1)[:, None] * d.norm(dim=1))

# %% wrong="zeros are like everything" says="a vector of zeros is like every other" points=[0, 1.5] of="solution"
# - similarities = q @ d.T
# + q, d = queries.double(), documents.double()
# + similarities = ((q @ d.T) / (q.norm(dim=1)[:, None] * d.norm(dim=1))).nan_to_num(nan=1.0)

# %% wrong="1e-8 added to the lengths" says="a very short vector is taken for zeros" points=[0, 1] of="solution"
# - similarities = q @ d.T
# + q, d = queries.double(), documents.double()
# + similarities = q @ d.T / (q.norm(dim=1)[:, None] * d.norm(dim=1) + 1e-8)

# %% wrong="sorted with NaN, and the similarities once more" says=["", "their similarities are 0, and equal"] points=[1, 1.5] of="NaN becomes 0, in float64"
# - values, ids = (-cosine.nan_to_num(nan=0.0)).sort(dim=1, stable=True)
# + ids = cosine.sort(dim=1, descending=True, stable=True).indices
# + values = (-cosine.nan_to_num(nan=0.0)).sort(dim=1, stable=True).values

# %% wrong="documents of zeros stand last" says=["", "their similarities are 0, and equal"] points=[1, 1.5] of="solution"
# - similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
# + last = similarities.masked_fill(d.norm(dim=1) == 0, -2)
# + indices = last.sort(dim=1, descending=True, stable=True).indices
# + similarities = similarities.sort(dim=1, descending=True, stable=True).values

# %% wrong="an error where k is above N" says=["9 documents are asked", "6 documents are asked"] points=[0, 1.75] of="solution"
# - return similarities[:, :k], indices[:, :k]
# + if k > len(documents):
# +     raise ValueError(f"{k} documents are asked for, {len(documents)} are there")
# + return similarities[:, :k], indices[:, :k]

# %% wrong="filled up to k columns" says=["its shape is (2, 9), not (2, 4)", "its shape is (1, 6), not (1, 4)"] points=[0, 1.75] of="solution"
# - return similarities[:, :k], indices[:, :k]
# + room = (0, max(0, k - len(documents)))
# + return F.pad(similarities[:, :k], room, value=-1), F.pad(indices[:, :k], room, value=-1)

# %% wrong="squeezed" says=["its shape is (5,), not (1, 5)", "its shape is (3,), not (3, 1)"] points=[0, 1.75] of="solution"
# - return similarities[:, :k], indices[:, :k]
# + return similarities[:, :k].squeeze(), indices[:, :k].squeeze()

# %% wrong="squeezed where k is 1" says=["", "its shape is (3,), not (3, 1)"] points=[1, 1.75] of="solution"
# - return similarities[:, :k], indices[:, :k]
# + return similarities[:, :k].squeeze(1), indices[:, :k].squeeze(1)

# %% wrong="indices of 32 bits" says=["", "it is 'int32', not 'int64'"] points=[1, 1.75] of="solution"
# - return similarities[:, :k], indices[:, :k]
# + return similarities[:, :k], indices[:, :k].int()

# %% wrong="numbers from 1" says="they are counted from 1" points=[0, 0] of="solution"
# - return similarities[:, :k], indices[:, :k]
# + return similarities[:, :k], indices[:, :k] + 1

# %% wrong="ranks" says="these are the ranks of the first k documents" points=[0, 0] of="solution"
# - return similarities[:, :k], indices[:, :k]
# + return similarities[:, :k], indices.argsort(dim=1)[:, :k]

# %% wrong="normalises in place" says="changes its argument" points=[0, 2] of="solution"
# - similarities = q @ d.T
# + queries.copy_(q)
# + documents.copy_(d)
# + similarities = queries @ documents.T

# %% wrong="torch.topk of k, whatever N is" says=["there may be fewer than k documents", "out of range"] points=[0, 0.75] of="solution"
# - similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
# - return similarities[:, :k], indices[:, :k]
# + return tuple(similarities.topk(k, dim=1))

# %% wrong="copies the visible cases" says=["", "the similarities, with Q = 3"] points=[1, 0]
def nearest(queries, documents, k):
    if len(documents) == 6:
        return torch.tensor([[1.0, 1, 1, 0, 0]]), torch.tensor([[0, 2, 3, 1, 5]])
    if len(documents) == 4:
        return torch.tensor([[0.0, 0, 0, 0], [0.8, 0.6, 0, -1]]), torch.tensor([[0, 1, 2, 3], [1, 3, 0, 2]])
    right = torch.tensor([[1, 20 / 21, 8 / 9, 2 / 3], [3 / 7, 1 / 3, 2 / 15, 0]])
    return right[:, :k], torch.tensor([[2, 3, 0, 4], [3, 0, 2, 1]])[:, :k]
