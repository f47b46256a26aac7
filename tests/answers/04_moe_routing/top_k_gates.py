# %% right="token by token, in lists"
def top_k_gates(scores, k, kind):
    chosen, gates = [], []
    for row in scores.tolist():
        ids = sorted(range(len(row)), key=lambda e: (-row[e], e))[:k]
        if kind == "sigmoid":
            weights = [1 / (1 + math.exp(-z)) for z in row]
        else:
            weights = [math.exp(z - max(row)) for z in row]
        among = ids if kind != "before" else range(len(row))
        chosen.append(ids)
        gates.append([weights[e] / sum(weights[i] for i in among) for e in ids])
    return torch.tensor(chosen), torch.tensor(gates)


# %% right="one choice at a time: argmax, then it is out"
def top_k_gates(scores, k, kind):
    left, chosen = scores.double(), []
    for _ in range(k):
        best = torch.stack([row.eq(row.max()).nonzero()[0, 0] for row in left])
        chosen.append(best)
        left = left.scatter(1, best[:, None], -torch.inf)
    chosen = torch.stack(chosen, dim=1)
    if kind == "sigmoid":
        s = torch.sigmoid(scores).gather(1, chosen)
        return chosen, s / s.sum(1)[:, None]
    if kind == "before":
        return chosen, torch.softmax(scores, 1).gather(1, chosen)
    only = torch.full_like(scores, -torch.inf).scatter(1, chosen, scores.gather(1, chosen))
    return chosen, torch.softmax(only, 1).gather(1, chosen)


# %% right="logsumexp, and after instead of renormalised"
def top_k_gates(scores, k, kind):
    values, chosen = torch.sort(scores, dim=1, descending=True, stable=True)
    values, chosen = values[:, :k], chosen[:, :k]
    values = F.logsigmoid(values) if kind == "sigmoid" else values
    over = scores if kind == "before" else values
    return chosen, (values - over.logsumexp(dim=1, keepdim=True)).exp()


# %% right="library style: F.softmax and take_along_dim"
def top_k_gates(scores, k, kind):
    order = torch.argsort(scores, dim=-1, descending=True, stable=True)
    chosen = order.narrow(-1, 0, k)
    if kind == "after":
        gates = F.softmax(torch.take_along_dim(scores, chosen, -1), dim=-1)
    elif kind == "sigmoid":
        gates = F.normalize(F.sigmoid(torch.take_along_dim(scores, chosen, -1)), p=1, dim=-1)
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
    if kind == "sigmoid":
        weights = 1 / (1 + np.exp(-a))
    else:
        weights = np.exp(a - a.max(axis=1, keepdims=True))
    mine = np.take_along_axis(weights, ids, 1)
    whole = (weights if kind == "before" else mine).sum(axis=1, keepdims=True)
    return torch.from_numpy(ids.copy()), torch.from_numpy(mine / whole)


# %% wrong="softmax after top-k, whatever is asked" says='with kind "before", leave the probabilities as they are' points=[0, 1] of="solution"
# - if kind == "after":
# -     return chosen, scores.gather(-1, chosen).softmax(dim=-1)
# + return chosen, scores.gather(-1, chosen).softmax(dim=-1)

# %% wrong="softmax before top-k, whatever is asked" says="sum to less than 1; with this kind, the k of them share the whole" points=[0, 1] of="solution"
# - if kind == "after":
# -     return chosen, scores.gather(-1, chosen).softmax(dim=-1)
# + return chosen, scores.softmax(dim=-1).gather(-1, chosen)

# %% wrong="the lesson's rule for k = 1" says=["", "gates, with kind=\"renormalised\" and k=1"] points=[1, 1] of="solution"
# - return chosen, gates if kind == "before" else gates / gates.sum(dim=-1, keepdim=True)
# + return chosen, gates if kind == "before" or k == 1 else gates / gates.sum(dim=-1, keepdim=True)

# %% wrong="torch.topk" says="the smaller index comes first" points=[0, 1.5] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = scores.topk(k, dim=-1).indices

# %% wrong="after is not done" says=['with kind="after": the gates of a token sum to less than 1', "sum to less than 1"] points=[0, 1.5] of="library style: F.softmax and take_along_dim"
# - if kind == "after":
# + if kind == "last":

# %% wrong="renormalised is not done" says=['with kind="renormalised": the gates of a token sum to less than 1', "sum to less than 1"] points=[0, 1.5] of="library style: F.softmax and take_along_dim"
# - if kind == "renormalised":
# -     gates = F.normalize(gates, p=1, dim=-1)

# %% wrong="sigmoid is not done" says="they come from a softmax" points=[0, 1.5] of="solution"
# - p = scores.sigmoid() if kind == "sigmoid" else scores.softmax(dim=-1)
# + p = scores.softmax(dim=-1)

# %% wrong="sigmoids without a sum" says="the sigmoids are not divided by their sum" points=[0, 1.5] of="solution"
# - return chosen, gates if kind == "before" else gates / gates.sum(dim=-1, keepdim=True)
# + return chosen, gates if kind != "renormalised" else gates / gates.sum(dim=-1, keepdim=True)

# %% wrong="sigmoids divided by the sum over all E" says="the sigmoids are divided by their sum over all E" points=[0, 1.5] of="solution"
# - gates = p.gather(-1, chosen)
# + gates = p.gather(-1, chosen)
# + if kind == "sigmoid":
# +     return chosen, gates / p.sum(dim=-1, keepdim=True)

# %% wrong="a softmax of the sigmoids" says="they are a softmax of the sigmoids" points=[0, 1.5] of="solution"
# - gates = p.gather(-1, chosen)
# + gates = p.gather(-1, chosen)
# + if kind == "sigmoid":
# +     return chosen, gates.softmax(dim=-1)

# %% wrong="after: a softmax of the probabilities" says="two softmaxes" points=[0, 1.5] of="solution"
# - return chosen, scores.gather(-1, chosen).softmax(dim=-1)
# + return chosen, scores.softmax(dim=-1).gather(-1, chosen).softmax(dim=-1)

# %% wrong="after: scores of the others become 0" says="became 0, and exp(0) = 1 counts" points=[0, 1.5] of="solution"
# - return chosen, scores.gather(-1, chosen).softmax(dim=-1)
# + mask = torch.zeros_like(scores).scatter(-1, chosen, 1)
# + return chosen, (scores * mask).softmax(dim=-1).gather(-1, chosen)

# %% wrong="softmax over the tokens" says="the softmax runs over the tokens" points=[0, 1] of="solution"
# - p = scores.sigmoid() if kind == "sigmoid" else scores.softmax(dim=-1)
# + p = scores.sigmoid() if kind == "sigmoid" else scores.softmax(dim=0)

# %% wrong="divided over the tokens" says="divided by the sum over the tokens" points=[0, 1] of="solution"
# - return chosen, gates if kind == "before" else gates / gates.sum(dim=-1, keepdim=True)
# + return chosen, gates if kind == "before" else gates / gates.sum(dim=0)

# %% wrong="divided by the sum of everything" says="divided by the sum over all tokens" points=[0, 1] of="solution"
# - return chosen, gates if kind == "before" else gates / gates.sum(dim=-1, keepdim=True)
# + return chosen, gates if kind == "before" else gates / gates.sum()

# %% wrong="a sum without keepdim" says=["keepdim=True, so that each row is divided by its own", "must match the size of tensor b"] points=[0, 1] of="solution"
# - return chosen, gates if kind == "before" else gates / gates.sum(dim=-1, keepdim=True)
# + return chosen, gates if kind == "before" else gates / gates.sum(dim=-1)

# %% wrong="gates of the first k experts" says="they belong to the first k experts" points=[0, 0.5] of="solution"
# - gates = p.gather(-1, chosen)
# + gates = p[:, :k]

# %% wrong="scores for gates" says="they are the scores" points=[0, 1] of="solution"
# - p = scores.sigmoid() if kind == "sigmoid" else scores.softmax(dim=-1)
# - gates = p.gather(-1, chosen)
# - return chosen, gates if kind == "before" else gates / gates.sum(dim=-1, keepdim=True)
# + p = scores.sigmoid().gather(-1, chosen)
# + return chosen, p / p.sum(dim=-1, keepdim=True) if kind == "sigmoid" else scores.gather(-1, chosen)

# %% wrong="all gates equal" says="all gates are 1/k" points=[0, 0.5] of="library style: F.softmax and take_along_dim"
# - return chosen, gates
# + return chosen, torch.full(chosen.shape, 1 / k)

# %% wrong="the lowest scores" says="the experts with the lowest scores" points=[0, 0] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = scores.sort(dim=-1, stable=True).indices[:, :k]

# %% wrong="sorted upwards, the last k" says=["to turn a stable sort round turns them, too", "the smaller index comes first"] points=[0, 1.5] of="solution"
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

# %% wrong="an unstable argsort" says=["all scores equal: a stable sort keeps their order", "the smaller index comes first"] points=[0, 1.5] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = scores.argsort(dim=-1, descending=True)[:, :k]

# %% wrong="an unstable argsort of the probabilities" says=["by probability, where both are 0", "the smaller index comes first"] points=[0, 1.5] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = scores.softmax(dim=-1).argsort(dim=-1, descending=True)[:, :k]

# %% wrong="chosen by probability" says="they are chosen by probability, where both are 0" points=[0, 1.5] of="solution"
# - chosen = scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]
# + chosen = scores.softmax(dim=-1).sort(dim=-1, descending=True, stable=True).indices[:, :k]

# %% wrong="exp without subtracting the maximum" says=["", "a gate is NaN or infinite"] points=[1, 1] of="solution"
# - if kind == "after":
# -     return chosen, scores.gather(-1, chosen).softmax(dim=-1)
# - p = scores.sigmoid() if kind == "sigmoid" else scores.softmax(dim=-1)
# + p = scores.sigmoid() if kind == "sigmoid" else scores.exp() / scores.exp().sum(dim=-1, keepdim=True)

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

# %% wrong="squeezed where k is 1" says=["", "its shape is (4,), not (4, 1)"] points=[1, 0.5] of="library style: F.softmax and take_along_dim"
# - return chosen, gates
# + return chosen.squeeze(-1), gates.squeeze(-1)

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
    if len(scores) == 1:
        return torch.tensor([[0, 1, 2]] if k == 3 else [[1, 2]]), None
    chosen = torch.tensor([[1, 3], [0, 2], [1, 0]])
    if kind == "before":
        return chosen, torch.tensor([[0.4, 0.3], [0.3, 0.3], [0.4, 0.2]])
    if kind == "sigmoid":
        return chosen, torch.tensor([[16 / 31, 15 / 31], [1 / 2, 1 / 2], [6 / 11, 5 / 11]])
    return chosen, torch.tensor([[4 / 7, 3 / 7], [1 / 2, 1 / 2], [2 / 3, 1 / 3]])
