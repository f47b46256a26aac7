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
    pairs = F.cosine_similarity(queries[:, None, :], documents[None, :, :], dim=-1)
    order = torch.argsort(pairs, dim=-1, descending=True, stable=True)[:, :k]
    return torch.take_along_dim(pairs, order, -1), order


# %% right="NaN becomes 0, in float64"
def nearest(queries, documents, k):
    q, d = queries.double(), documents.double()
    cosine = (q @ d.T) / (q.norm(dim=1)[:, None] * d.norm(dim=1)[None, :])
    values, ids = (-cosine.nan_to_num(nan=0.0)).sort(dim=1, stable=True)
    return -values[:, :k], ids[:, :k]


# %% right="topk of the values, then one argmax after the other"
def nearest(queries, documents, k):
    k = min(k, len(documents))
    lengths = [x.square().sum(dim=-1, keepdim=True).sqrt() for x in (queries, documents)]
    q, d = (x / torch.where(n > 0, n, 1) for x, n in zip((queries, documents), lengths))
    cosine = torch.einsum("qd,nd->qn", q, d)
    left, ids = cosine.clone(), []
    for _ in range(k):
        best = left.eq(left.max(dim=1, keepdim=True).values).int().argmax(dim=1, keepdim=True)
        ids.append(best)
        left = left.scatter(1, best, -torch.inf)
    return cosine.topk(k, dim=1).values, torch.cat(ids, dim=1)


# %% wrong="products" says="they are q · d; divide by both lengths" points=[0, 0]
def nearest(queries, documents, k):
    similarities = queries @ documents.T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="only the queries normalised" says="the queries are divided by their lengths, the documents are not" points=[0, 0]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, dim=1) @ documents.T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="only the documents normalised" says="the documents are divided by their lengths, the queries are not" points=[0, 0]
def nearest(queries, documents, k):
    similarities = queries @ F.normalize(documents, dim=1).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="normalised over dimension 0" says="the lengths are taken over dimension 0" points=[0, 0]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, dim=0) @ F.normalize(documents, dim=0).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="one length for a matrix" says="a whole matrix is divided by one length" points=[0, 0]
def nearest(queries, documents, k):
    similarities = (queries / queries.norm()) @ (documents / documents.norm()).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="lengths by sums" says="divided by the sums of |numbers|" points=[0, 0]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, p=1, dim=1) @ F.normalize(documents, p=1, dim=1).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="squares of the lengths" says="products divided by the squares of the lengths" points=[0, 0]
def nearest(queries, documents, k):
    similarities = (F.normalize(queries, dim=1) / queries.norm(dim=1, keepdim=True).clamp(min=1e-9)) @ (
        F.normalize(documents, dim=1) / documents.norm(dim=1, keepdim=True).clamp(min=1e-9)
    ).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="no sign" says="the sign is lost" points=[0, 0]
def nearest(queries, documents, k):
    similarities = (F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T).abs()
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="the lowest" says="these are the documents with the lowest similarities" points=[0, 0]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    similarities, indices = similarities.sort(dim=1, stable=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="by distance, with cosines" says="the documents at the smallest distances" points=[0, 0]
def nearest(queries, documents, k):
    cosine = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    indices = torch.cdist(queries, documents).sort(dim=1, stable=True).indices[:, :k]
    return cosine.gather(1, indices), indices


# %% wrong="distances" says="these are distances" points=[0, 0]
def nearest(queries, documents, k):
    distances, indices = torch.cdist(queries, documents).sort(dim=1, stable=True)
    return distances[:, :k], indices[:, :k]


# %% wrong="1 minus the cosine" says="these are 1 minus the cosine" points=[0, 0]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return 1 - similarities[:, :k], indices[:, :k]


# %% wrong="indices first" says="these are the indices; return the similarities first" points=[0, 0]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return indices[:, :k], similarities[:, :k]


# %% wrong="the indices alone" says="it must return similarities, indices" points=[0, 0]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return indices[:, :k]


# %% wrong="torch.topk" says="the smaller index comes first" points=[0, 1.5]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    return similarities.topk(min(k, len(documents)), dim=1)


# %% wrong="sorted upwards, then turned" says="the smaller index comes first" points=[0, 1.5]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    similarities, indices = similarities.sort(dim=1, stable=True)
    return similarities.flip(1)[:, :k], indices.flip(1)[:, :k]


# %% wrong="an unstable sort" says=["", "the smaller index comes first"] points=[1, 1.5]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    similarities, indices = similarities.sort(dim=1, descending=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="zeros give NaN" says="a vector of zeros gives NaN" points=[0, 1.75]
def nearest(queries, documents, k):
    similarities = (queries @ documents.T) / (queries.norm(dim=1)[:, None] * documents.norm(dim=1))
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="zeros are like everything" says=["the similarities, with vectors of zeros", "the similarities, with vectors of zeros"] points=[0, 1.75]
def nearest(queries, documents, k):
    similarities = (
        (queries @ documents.T) / (queries.norm(dim=1)[:, None] * documents.norm(dim=1))
    ).nan_to_num(nan=1.0)
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="an error where k is above N" says=["9 documents are asked", "6 documents are asked"] points=[0, 1.75]
def nearest(queries, documents, k):
    if k > len(documents):
        raise ValueError(f"{k} documents are asked for, {len(documents)} are there")
    similarities = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="filled up to k columns" says=["its shape is (2, 9), not (2, 4)", "its shape is (1, 6), not (1, 4)"] points=[0, 1.75]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    room = (0, max(0, k - len(documents)))
    return F.pad(similarities[:, :k], room, value=-1), F.pad(indices[:, :k], room, value=-1)


# %% wrong="squeezed" says=["its shape is (5,), not (1, 5)", "its shape is (4,), not (1, 4)"] points=[0, 1.75]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k].squeeze(), indices[:, :k].squeeze()


# %% wrong="numbers from 1" says="they are counted from 1" points=[0, 0.25]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k] + 1


# %% wrong="ranks" says="these are the ranks of the first k documents" points=[0, 0.25]
def nearest(queries, documents, k):
    similarities = F.normalize(queries, dim=1) @ F.normalize(documents, dim=1).T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices.argsort(dim=1)[:, :k]


# %% wrong="normalises in place" says="changes its argument" points=[0, 2]
def nearest(queries, documents, k):
    queries /= queries.norm(dim=1, keepdim=True).clamp(min=1e-12)
    documents /= documents.norm(dim=1, keepdim=True).clamp(min=1e-12)
    similarities = queries @ documents.T
    similarities, indices = similarities.sort(dim=1, descending=True, stable=True)
    return similarities[:, :k], indices[:, :k]


# %% wrong="copies the visible cases" says=["", "the similarities, with Q = 3"] points=[1, 0]
def nearest(queries, documents, k):
    if len(documents) == 6:
        return torch.tensor([[1.0, 1, 1, 0, 0]]), torch.tensor([[0, 2, 3, 1, 5]])
    if len(documents) == 3:
        return torch.tensor([[0.0, 0, 0], [0.8, 0, -1]]), torch.tensor([[0, 1, 2], [1, 0, 2]])
    similarities = torch.tensor([[1, 0.96, 56 / 65, -0.8], [0, -0.6, -0.8, -12 / 13]])
    return similarities[:, :k], torch.tensor([[2, 0, 3, 1], [1, 2, 0, 3]])[:, :k]
