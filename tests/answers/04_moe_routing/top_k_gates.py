# %% right="token by token, in lists"
def top_k_gates(scores, k, kind):
    chosen, gates = [], []
    for row in scores.tolist():
        ids = sorted(range(len(row)), key=lambda e: (-row[e], e))[:k]
        among = ids if kind != "before" else range(len(row))
        total = sum(math.exp(row[e] - max(row)) for e in among)
        chosen.append(ids)
        gates.append([math.exp(row[e] - max(row)) / total for e in ids])
    return torch.tensor(chosen), torch.tensor(gates)


# %% right="one choice at a time: argmax, then it is out"
def top_k_gates(scores, k, kind):
    left, chosen = scores.double(), []
    for _ in range(k):
        best = torch.stack([row.eq(row.max()).nonzero()[0, 0] for row in left])
        chosen.append(best)
        left = left.scatter(1, best[:, None], -torch.inf)
    chosen = torch.stack(chosen, dim=1)
    if kind == "before":
        return chosen, torch.softmax(scores, 1).gather(1, chosen)
    only = torch.full_like(scores, -torch.inf).scatter(1, chosen, scores.gather(1, chosen))
    return chosen, torch.softmax(only, 1).gather(1, chosen)


# %% right="logsumexp, and after instead of renormalised"
def top_k_gates(scores, k, kind):
    values, chosen = torch.sort(scores, dim=1, descending=True, stable=True)
    values, chosen = values[:, :k], chosen[:, :k]
    over = scores if kind == "before" else values
    return chosen, (values - over.logsumexp(dim=1, keepdim=True)).exp()


# %% right="library style: F.softmax and take_along_dim"
def top_k_gates(scores, k, kind):
    order = torch.argsort(scores, dim=-1, descending=True, stable=True)
    chosen = order.narrow(-1, 0, k)
    if kind == "after":
        gates = F.softmax(torch.take_along_dim(scores, chosen, -1), dim=-1)
    else:
        gates = torch.take_along_dim(F.softmax(scores, dim=-1), chosen, -1)
    if kind == "renormalised":
        gates = F.normalize(gates, p=1, dim=-1)
    return chosen, gates


# %% right="NumPy and back"
import numpy as np


def top_k_gates(scores, k, kind):
    a = scores.numpy().astype(np.float64)
    ids = np.argsort(-a, axis=1, kind="stable")[:, :k]
    mine, top = np.take_along_axis(a, ids, 1), a.max(axis=1, keepdims=True)
    whole = np.exp((a if kind == "before" else mine) - top).sum(axis=1, keepdims=True)
    return torch.from_numpy(ids.copy()), torch.from_numpy(np.exp(mine - top) / whole)


# %% wrong="softmax after top-k, whatever is asked" says=["the gates of each token sum to 1, so the softmax saw the chosen scores only", "sum to 1: the softmax saw the chosen scores only"] points=[0, 1.5] of="solution"
# - if kind == "after":
# -     return chosen, scores.gather(-1, chosen).softmax(dim=-1)
# + return chosen, scores.gather(-1, chosen).softmax(dim=-1)

# %% wrong="softmax before top-k, whatever is asked" says="sum to less than 1; with this kind, the k of them share the whole" points=[0, 1.5] of="solution"
# - if kind == "after":
# -     return chosen, scores.gather(-1, chosen).softmax(dim=-1)
# + return chosen, scores.softmax(dim=-1).gather(-1, chosen)

# %% wrong="torch.topk" says=["smaller index comes first; torch.topk does not see to it", "the smaller index comes first"] points=[0, 1.5] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = scores.topk(k, dim=-1).indices

# %% wrong="after is not done" says=['with kind="after": the gates of a token sum to less than 1', "sum to less than 1"] points=[0, 1.5] of="solution"
# - if kind == "after":
# -     return chosen, scores.gather(-1, chosen).softmax(dim=-1)

# %% wrong="renormalised is not done" says=['with kind="renormalised": the gates of a token sum to less than 1', "sum to less than 1"] points=[0, 1.5] of="solution"
# - return chosen, gates / gates.sum(dim=-1, keepdim=True) if kind == "renormalised" else gates
# + return chosen, gates

# %% wrong="after: a softmax of the probabilities" says="two softmaxes" points=[0, 1.5] of="solution"
# - return chosen, scores.gather(-1, chosen).softmax(dim=-1)
# + return chosen, scores.softmax(dim=-1).gather(-1, chosen).softmax(dim=-1)

# %% wrong="after: scores of the others become 0" says="became 0, and exp(0) = 1 counts" points=[0, 1.5] of="solution"
# - return chosen, scores.gather(-1, chosen).softmax(dim=-1)
# + mask = torch.zeros_like(scores).scatter(-1, chosen, 1)
# + return chosen, (scores * mask).softmax(dim=-1).gather(-1, chosen)

# %% wrong="softmax over the tokens" says="the softmax runs over the tokens" points=[0, 1] of="solution"
# - gates = scores.softmax(dim=-1).gather(-1, chosen)
# + gates = scores.softmax(dim=0).gather(-1, chosen)

# %% wrong="renormalised over the tokens" says="divided by the sum over the tokens" points=[0, 1.5] of="solution"
# - return chosen, gates / gates.sum(dim=-1, keepdim=True) if kind == "renormalised" else gates
# + return chosen, gates / gates.sum(dim=0) if kind == "renormalised" else gates

# %% wrong="renormalised by the sum of everything" says="divided by the sum over all tokens" points=[0, 1.5] of="solution"
# - return chosen, gates / gates.sum(dim=-1, keepdim=True) if kind == "renormalised" else gates
# + return chosen, gates / gates.sum() if kind == "renormalised" else gates

# %% wrong="gates of the first k experts" says=["they belong to the experts 0 and 1", "they belong to the first k experts"] points=[0, 1] of="solution"
# - gates = scores.softmax(dim=-1).gather(-1, chosen)
# + gates = scores.softmax(dim=-1)[:, :k]

# %% wrong="scores for gates" says=["they are the scores; a gate comes from a softmax", "they are the scores"] points=[0, 1] of="solution"
# - gates = scores.softmax(dim=-1).gather(-1, chosen)
# + gates = scores.gather(-1, chosen)

# %% wrong="all gates equal" says="all gates are 1/k" points=[0, 1] of="library style: F.softmax and take_along_dim"
# - return chosen, gates
# + return chosen, torch.full(chosen.shape, 1 / k)

# %% wrong="the lowest scores" says="the experts with the lowest scores" points=[0, 0] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = scores.sort(dim=-1, stable=True).indices[:, :k]

# %% wrong="sorted upwards, the last k" says=["smaller index comes first; torch.topk and a reversed sort", "the smaller index comes first"] points=[0, 1.5] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = scores.sort(dim=-1, stable=True).indices.flip(-1)[:, :k]

# %% wrong="in the order of the indices" says="in the order of the indices" points=[0, 0] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k].sort(dim=-1).values

# %% wrong="from low to high" says="each row goes from low to high" points=[0, 0] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k].flip(-1)

# %% wrong="ranks" says="these are the ranks of the first k experts" points=[0, 0] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = (-scores).argsort(dim=-1, stable=True).argsort(dim=-1)[:, :k]

# %% wrong="an unstable argsort" says=["", "the smaller index comes first"] points=[1, 1.5] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = scores.argsort(dim=-1, descending=True)[:, :k]

# %% wrong="chosen by probability" says=["", "they are chosen by probability, where both are 0"] points=[1, 1.5] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = scores.softmax(dim=-1).sort(dim=-1, descending=True, stable=True).indices[:, :k]

# %% wrong="exp without subtracting the maximum" says=["", "a gate is NaN or infinite"] points=[1, 1]
def top_k_gates(scores, k, kind):
    chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
    e = scores.exp()
    gates = e.gather(-1, chosen)
    return chosen, gates / (e if kind == "before" else gates).sum(dim=-1, keepdim=True)


# %% wrong="gates first" says=["these are the gates; return chosen first", "chosen, with kind="] points=[0, 0] of="library style: F.softmax and take_along_dim"
# - return chosen, gates
# + return gates, chosen

# %% wrong="gates alone" says="it must return chosen, gates" points=[0, 0] of="library style: F.softmax and take_along_dim"
# - return chosen, gates
# + return gates

# %% wrong="marks the chosen scores in place" says="changes its argument scores" points=[0, 2] of="library style: F.softmax and take_along_dim"
# - return chosen, gates
# + scores.scatter_(-1, chosen, -torch.inf)
# + return chosen, gates

# %% wrong="squeezed where k is 1" says=["", "its shape is (4,), not (4, 1)"] points=[1, 1.5] of="library style: F.softmax and take_along_dim"
# - return chosen, gates
# + return chosen.squeeze(), gates.squeeze()

# %% wrong="after: exp without subtracting the maximum" says=["", "numbers are NaN"] points=[1, 1] of="solution"
# - return chosen, scores.gather(-1, chosen).softmax(dim=-1)
# + e = scores.gather(-1, chosen).exp()
# + return chosen, e / e.sum(dim=-1, keepdim=True)

# %% wrong="after: scores of the others become -100" says=["", 'gates, with kind="after"'] points=[1, 1.5] of="solution"
# - return chosen, scores.gather(-1, chosen).softmax(dim=-1)
# + only = torch.full_like(scores, -100).scatter(1, chosen, scores.gather(1, chosen))
# + return chosen, only.softmax(dim=-1).gather(-1, chosen)

# %% wrong="ties by rounding" says=["", "two scores that differ by a little are taken for equal"] points=[1, 1.5] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = scores.round(decimals=6).sort(dim=-1, descending=True, stable=True).indices[:, :k]

# %% wrong="looks at the next score, also with k = E" says=["", "index 5 is out of bounds"] points=[1, 1.5] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + values, ids = scores.sort(dim=-1, descending=True, stable=True)
# + chosen = ids[:, :k] if (values[:, k - 1] == values[:, k]).any() else scores.topk(k).indices

# %% wrong="chosen as float32" says=["torch.float32 is no index; make it int64", ""] points=[0, 2] of="library style: F.softmax and take_along_dim"
# - return chosen, gates
# + return chosen.float(), gates

# %% wrong="copies the visible cases" says=["", "chosen, with kind="] points=[1, 0]
def top_k_gates(scores, k, kind):
    chosen = torch.tensor([[1, 3], [0, 2], [1, 0]])
    if kind == "before":
        return chosen, torch.tensor([[0.4, 0.3], [0.3, 0.3], [0.4, 0.2]])
    return chosen, torch.tensor([[4 / 7, 3 / 7], [1 / 2, 1 / 2], [2 / 3, 1 / 3]])
