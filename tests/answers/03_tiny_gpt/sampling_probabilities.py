# %% right="row by row, in lists"
def sampling_probabilities(scores, temperature, top_p):
    result = torch.zeros_like(scores)
    for row, out in zip(scores, result):
        if temperature == 0:
            out[row.tolist().index(row.max().item())] = 1
            continue
        p = torch.softmax(row / temperature, 0)
        total = 0.0
        for i in sorted(range(len(row)), key=lambda i: -p[i].item()):
            if total >= top_p:
                break
            out[i] = p[i]
            total += p[i].item()
        out /= out.sum()
    return result

# %% right="scores set to -inf, a second softmax over the scores"
def sampling_probabilities(scores, temperature, top_p):
    if temperature == 0:
        return torch.zeros_like(scores).scatter(1, scores.argmax(1, keepdim=True), 1.0)
    scaled = scores / temperature
    ordered, ids = scaled.sort(dim=1, descending=True, stable=True)
    total = ordered.softmax(1).cumsum(1)
    drop = torch.cat([torch.zeros(len(scores), 1, dtype=torch.bool), total[:, :-1] >= top_p], 1)
    return torch.empty_like(scores).scatter(1, ids, ordered.masked_fill(drop, -torch.inf)).softmax(1)

# %% right="how many are needed, then undone by argsort"
def sampling_probabilities(scores, temperature, top_p):
    if temperature < 1e-12:
        return torch.nn.functional.one_hot(scores.max(dim=1).indices, scores.size(1)).to(scores)
    ordered, ids = (scores / temperature).softmax(1).sort(dim=1, descending=True, stable=True)
    needed = (ordered.cumsum(1) < top_p).sum(1, keepdim=True) + 1
    ordered = ordered * (torch.arange(scores.size(1)) < needed)
    ordered = ordered / ordered.sum(1, keepdim=True)
    return ordered.gather(1, ids.argsort(1))

# %% right="step by step"
def sampling_probabilities(scores, temperature, top_p):
    if temperature == 0:
        return F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
    p = (scores / temperature).softmax(dim=-1)
    ordered, ids = p.sort(dim=-1, descending=True, stable=True)
    keep = ordered.cumsum(dim=-1) - ordered < top_p
    kept = ordered * keep
    kept = kept / kept.sum(dim=-1, keepdim=True)
    return torch.zeros_like(kept).scatter(-1, ids, kept)

# %% right="in NumPy"
def sampling_probabilities(scores, temperature, top_p):
    import numpy as np

    rows = scores.double().numpy()
    if temperature == 0:
        return torch.from_numpy(np.eye(rows.shape[1])[rows.argmax(axis=1)])
    e = np.exp((rows - rows.max(axis=1, keepdims=True)) / temperature)
    p = e / e.sum(axis=1, keepdims=True)
    for row in p:
        order = np.argsort(-row, kind="stable")
        needed = np.searchsorted(np.cumsum(row[order]), top_p) + 1
        row[order[needed:]] = 0
        row /= row.sum()
    return torch.from_numpy(p)

# %% right="a generator that calls itself"
def sampling_probabilities(scores, temperature, top_p):
    def nucleus(left, needed):
        if left and needed > 0:
            best = max(left, key=lambda pair: (pair[1], -pair[0]))
            yield best
            yield from nucleus([pair for pair in left if pair is not best], needed - best[1])

    result = torch.zeros_like(scores)
    for i, row in enumerate(scores):
        p = (row / temperature).softmax(0).tolist() if temperature else (row == row.max()).tolist()
        for v, share in nucleus(list(enumerate(p)), top_p):
            result[i, v] = share
    return result / result.sum(1, keepdim=True)

# %% wrong="drops the token that crosses" says=["the token with which the sum reaches top_p is dropped", "is dropped; keep it"] points=[0, 1.0] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < top_p
# + keep = (ordered.cumsum(dim=-1) <= top_p + 1e-6) | (torch.arange(p.shape[-1]) == 0)

# %% wrong="temperature after the softmax" says="the temperature has no effect" points=[0, 1.0] of="step by step"
# - p = (scores / temperature).softmax(dim=-1)
# + p = scores.softmax(dim=-1) / temperature
# - keep = ordered.cumsum(dim=-1) - ordered < top_p
# + keep = (ordered * temperature).cumsum(dim=-1) - ordered * temperature < top_p

# %% wrong="not renormalised" says=["what is kept does not sum to 1", "does not sum to 1; divide"] points=[0, 0.5] of="step by step"
# - kept = kept / kept.sum(dim=-1, keepdim=True)

# %% wrong="the sum of the scores" says=["with top_p 1 every token is kept", "the most probable token alone is kept"] points=[0, 0] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < top_p
# + keep = scores.gather(-1, ids).cumsum(dim=-1) - scores.gather(-1, ids) < top_p

# %% wrong="left in sorted order" says="column i belongs to id i" points=[0, 0] of="step by step"
# - return torch.zeros_like(kept).scatter(-1, ids, kept)
# + return kept

# %% wrong="keeps all equal ones" says="are all kept" points=[0, 1.5] of="step by step"
# - kept = ordered * keep
# + kept = ordered * (ordered >= (ordered + 2.0 * ~keep).amin(dim=-1, keepdim=True))

# %% wrong="temperature times" says=["the scores are multiplied by the temperature", "the scores are multiplied"] points=[0, 1.0] of="step by step"
# - p = (scores / temperature).softmax(dim=-1)
# + p = (scores * temperature).softmax(dim=-1)

# %% wrong="no temperature" says="the temperature has no effect" points=[0, 1.0] of="step by step"
# - p = (scores / temperature).softmax(dim=-1)
# + p = scores.softmax(dim=-1)

# %% wrong="divides the probabilities at the end" says="the temperature divides the probabilities" points=[0, 1.0] of="step by step"
# - p = (scores / temperature).softmax(dim=-1)
# + p = scores.softmax(dim=-1)
# - return torch.zeros_like(kept).scatter(-1, ids, kept)
# + return torch.zeros_like(kept).scatter(-1, ids, kept) / temperature

# %% wrong="no top-p" says=["every token is kept: top_p has no effect", "top_p has no effect"] points=[0, 0.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < top_p
# + keep = ordered >= 0

# %% wrong="top-p before the temperature" says="before the temperature" points=[0, 1.5] of="step by step"
# - p = (scores / temperature).softmax(dim=-1)
# + p = scores.softmax(dim=-1)
# - kept = ordered * keep
# + kept = (scores / temperature).softmax(dim=-1).gather(-1, ids) * keep

# %% wrong="more than top_p" says=["1/4 + 1/4 is at least 0.5", ""] points=[0, 2] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < top_p
# + keep = ordered.cumsum(dim=-1) - ordered <= top_p

# %% wrong="sum over the ids" says="the sum runs in the order of the ids" points=[0, 0.5] of="step by step"
# - ordered, ids = p.sort(dim=-1, descending=True, stable=True)
# + ordered, ids = p, torch.arange(p.shape[-1]).expand(p.shape)

# %% wrong="the least probable first" says=["the sum begins with the least probable", "begins with the least probable"] points=[0, 0.5] of="step by step"
# - ordered, ids = p.sort(dim=-1, descending=True, stable=True)
# + ordered, ids = p.sort(dim=-1, stable=True)

# %% wrong="own probability at least top_p" says=["with top_p 1 every token is kept", "the most probable token alone is kept"] points=[0, 0] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < top_p
# + keep = (ordered >= top_p) | (torch.arange(p.shape[-1]) == 0)

# %% wrong="softmax of what is kept" says="there are two softmaxes" points=[0, 0.5] of="step by step"
# - kept = kept / kept.sum(dim=-1, keepdim=True)
# + kept = kept.masked_fill(~keep, float("-inf")).softmax(-1)

# %% wrong="softmax over the rows" says="the softmax runs over the rows" points=[0, 0] of="step by step"
# - p = (scores / temperature).softmax(dim=-1)
# + p = (scores / temperature).softmax(dim=0)

# %% wrong="the first row decides" says="the first row decides how many" points=[0, 1.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < top_p
# + keep = (ordered.cumsum(dim=-1) - ordered < top_p)[:1]

# %% wrong="an empty choice" says="is dropped; keep it" points=[0, 0.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < top_p
# + keep = ordered.cumsum(dim=-1) <= top_p + 1e-6

# %% wrong="division by zero" says=["scores / 0 is infinite or NaN", "NaN"] points=[0, 1.5] of="step by step"
# - if temperature == 0:
# -     return F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()

# %% wrong="1e-9 for 0" says=["share the probability", "temperature 0"] points=[0, 1.5] of="step by step"
# - return F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# + temperature = 1e-9

# %% wrong="the last of the highest" says=["the largest id wins", "temperature 0"] points=[0, 1.5] of="step by step"
# - return F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# + return F.one_hot(scores.shape[-1] - 1 - scores.flip(-1).argmax(dim=-1), scores.shape[-1]).float()

# %% wrong="every highest score gets 1" says=["each of the equal highest scores gets 1", "temperature 0"] points=[0, 1.5] of="step by step"
# - return F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# + return (scores == scores.amax(dim=-1, keepdim=True)).float()

# %% wrong="the lowest score" says=["it is the lowest score", "temperature 0"] points=[0, 1.5] of="step by step"
# - return F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# + return F.one_hot(scores.argmin(dim=-1), scores.shape[-1]).float()

# %% wrong="argmax over all rows" says=["each row has its own highest score", "temperature 0"] points=[0, 1.5] of="step by step"
# - return F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# + return F.one_hot(scores.argmax(), scores.numel()).float().view(scores.shape)

# %% wrong="the larger ids first" says="the larger ids are kept" points=[0, 1.5] of="step by step"
# - ordered, ids = p.sort(dim=-1, descending=True, stable=True)
# + ordered, ids = [y.flip(-1) for y in p.sort(dim=-1, stable=True)]

# %% wrong="divides the caller's scores" says="changes its argument scores" points=[0, 2] of="step by step"
# - p = (scores / temperature).softmax(dim=-1)
# + p = scores.div_(temperature).softmax(dim=-1)

# %% wrong="cut off at a tiny top_p" says=["no token is left; the first one is always kept, with", "top_p 1e-06"] points=[0, 1.5] of="step by step"
# - kept = ordered * keep
# - kept = kept / kept.sum(dim=-1, keepdim=True)
# + kept = ordered * keep * (top_p > 0.02)
# + kept = kept / kept.sum(dim=-1, keepdim=True).clamp(min=1e-9)

# %% wrong="one token too many" says=["one token too many", "one token too many is kept"] points=[0, 0.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < top_p
# + keep = torch.cat([torch.ones_like(ordered[:, :1]).bool(), (ordered.cumsum(dim=-1) - ordered < top_p)[:, :-1]], -1)

# %% wrong="temperature 0 divides floats" says=["treat it separately", "it stops with ZeroDivisionError"] points=[0, 1.5] of="step by step"
# - if temperature == 0:
# -     return F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# - p = (scores / temperature).softmax(dim=-1)
# + p = (scores * (1 / temperature)).softmax(dim=-1)

# %% wrong="drops the token that reaches top_p, at top_p 1 too" says=["the token with which the sum reaches top_p is dropped", "is dropped; keep it"] points=[0, 0.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < top_p
# + keep = (ordered.cumsum(dim=-1) < top_p - 1e-6) | (torch.arange(p.shape[-1]) == 0)

# %% wrong="gather for scatter" says=["put back by gather", "furthest off"] points=[0, 0] of="step by step"
# - return torch.zeros_like(kept).scatter(-1, ids, kept)
# + return kept.gather(-1, ids)

# %% wrong="dropped scores become 0" says=["dropped scores become 0", "furthest off"] points=[0, 0.5] of="step by step"
# - kept = ordered * keep
# - kept = kept / kept.sum(dim=-1, keepdim=True)
# - return torch.zeros_like(kept).scatter(-1, ids, kept)
# + keep = torch.zeros_like(keep).scatter(-1, ids, keep)
# + return (scores / temperature).masked_fill(~keep, 0).softmax(dim=-1)

# %% wrong="one sum for all rows" says=["divided by the sum of all; divide each", "furthest off"] points=[0, 0] of="step by step"
# - kept = kept / kept.sum(dim=-1, keepdim=True)
# + kept = kept / kept.sum()

# %% wrong="exp by hand" says=["", "exp(400) is infinite"] points=[1, 1.5] of="step by step"
# - p = (scores / temperature).softmax(dim=-1)
# + powers = (scores / temperature).exp()
# + p = powers / powers.sum(dim=-1, keepdim=True)

# %% wrong="temperature at least 1" says=["", "temperature 0.4, top_p 1"] points=[1, 1.5] of="step by step"
# - p = (scores / temperature).softmax(dim=-1)
# + p = (scores / max(temperature, 1.0)).softmax(dim=-1)

# %% wrong="a low temperature is taken for 0" says=["", "temperature 0.005, top_p 1"] points=[1, 1.5] of="step by step"
# - if temperature == 0:
# + if temperature < 0.01:

# %% wrong="no more than 50 tokens" says=["", "temperature 0.005, top_p 1, 100 scores"] points=[1, 1.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < top_p
# + keep = (ordered.cumsum(dim=-1) - ordered < top_p) & (torch.arange(p.shape[-1]) < 50)

# %% wrong="whole numbers at temperature 0" says=["the dtype is torch.int64", ""] points=[0, 2] of="step by step"
# - return F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# + return F.one_hot(scores.argmax(dim=-1), scores.shape[-1])

# %% wrong="writes the result into the scores at temperature 0" says=["", "changes its argument scores"] points=[1, 1.5] of="step by step"
# - return F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# + best = scores.argmax(dim=-1, keepdim=True)
# + return scores.zero_().scatter_(-1, best, 1.0)

# %% wrong="the highest score so far is 0" says=["", "temperature 0"] points=[1, 1.5] of="step by step"
# - return F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# + return F.one_hot(scores.clamp(min=0).argmax(dim=-1), scores.shape[-1]).float()

# %% wrong="sorted without stable=True" says=["", "equally probable tokens"] points=[1, 1.5] of="step by step"
# - ordered, ids = p.sort(dim=-1, descending=True, stable=True)
# + ordered, ids = p.sort(dim=-1, descending=True)

# %% wrong="behind the first, the larger ids first" says=["", "of equally probable tokens the larger ids are kept"] points=[1, 1.5] of="step by step"
# - ordered, ids = p.sort(dim=-1, descending=True, stable=True)
# + best = p.amax(dim=-1, keepdim=True)
# + ids = torch.where(p == best, 2.0 - torch.arange(p.shape[-1]) / 1000, p + torch.arange(p.shape[-1]) / 1e6).argsort(dim=-1, descending=True)
# + ordered = p.gather(-1, ids)

# %% wrong="copies the visible cases" says=["", "temperature"] points=[1, 0]
def sampling_probabilities(scores, temperature, top_p):
    if temperature == 0:
        return torch.tensor([[0, 1.0, 0, 0], [1, 0, 0, 0]])
    row = {1.0: [0.2, 0.4, 0.1, 0.3], 0.6: [0, 0.64, 0, 0.36], 0.75: [2 / 9, 4 / 9, 0, 3 / 9]}
    row |= {0.01: [0, 1.0, 0, 0], 0.5: [0.5, 0.5, 0, 0]}
    rows = [row.get(top_p, [0.25] * 4), [0, 0.6, 0.4, 0]]
    return torch.tensor(rows[: len(scores)])
