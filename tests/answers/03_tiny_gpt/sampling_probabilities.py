# %% right="row by row, in lists"
def sampling_probabilities(scores, temperature, top_p):
    result = torch.zeros_like(scores)
    for row, t, enough, out in zip(scores, temperature.tolist(), top_p.tolist(), result):
        if t == 0:
            out[row.tolist().index(row.max().item())] = 1
            continue
        p = torch.softmax(row / t, 0)
        total = 0.0
        for i in sorted(range(len(row)), key=lambda i: -p[i].item()):
            if total >= enough - 1e-5:
                break
            out[i] = p[i]
            total += p[i].item()
        out /= out.sum()
    return result

# %% right="scores set to -inf, a second softmax over the scores"
def sampling_probabilities(scores, temperature, top_p):
    cold = (temperature == 0)[:, None]
    best = scores.argmax(1, keepdim=True)
    scaled = scores / torch.where(cold, 1.0, temperature[:, None])
    ordered, ids = scaled.sort(dim=1, descending=True, stable=True)
    total = ordered.softmax(1).cumsum(1)
    drop = F.pad(total[:, :-1] >= top_p[:, None] - 1e-5, (1, 0), value=False)
    drawn = torch.empty_like(scores).scatter(1, ids, ordered.masked_fill(drop, -torch.inf)).softmax(1)
    return torch.where(cold, torch.zeros_like(scores).scatter(1, best, 1.0), drawn)

# %% right="how many are needed, then undone by argsort"
def sampling_probabilities(scores, temperature, top_p):
    p = (scores / temperature.clamp(min=1e-12)[:, None]).softmax(1)
    cold = temperature < 1e-12
    p[cold] = F.one_hot(scores[cold].max(dim=1).indices, scores.size(1)).to(scores)
    ordered, ids = p.sort(dim=1, descending=True, stable=True)
    needed = (ordered.cumsum(1) < top_p[:, None] - 1e-5).sum(1, keepdim=True) + 1
    ordered = ordered * (torch.arange(scores.size(1)) < needed)
    ordered = ordered / ordered.sum(1, keepdim=True)
    return ordered.gather(1, ids.argsort(1))

# %% right="step by step"
def sampling_probabilities(scores, temperature, top_p):
    t, enough = temperature[:, None], top_p[:, None]
    cold = t == 0
    greedy = F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
    p = (scores / t.masked_fill(cold, 1.0)).softmax(dim=-1)
    p = torch.where(cold, greedy, p)
    ordered, ids = p.sort(dim=-1, descending=True, stable=True)
    keep = ordered.cumsum(dim=-1) - ordered < enough - 1e-5
    kept = ordered * keep
    kept = kept / kept.sum(dim=-1, keepdim=True)
    return torch.zeros_like(kept).scatter(-1, ids, kept)

# %% right="in NumPy"
def sampling_probabilities(scores, temperature, top_p):
    import numpy as np

    rows = scores.double().numpy()
    result = np.zeros_like(rows)
    for row, t, enough, out in zip(rows, temperature.numpy(), top_p.double().numpy(), result):
        if t == 0:
            out[row.argmax()] = 1
            continue
        p = np.exp((row - row.max()) / t)
        p /= p.sum()
        order = np.argsort(-np.round(p, 9), kind="stable")
        chosen = order[: np.searchsorted(np.cumsum(p[order]), enough - 1e-5) + 1]
        out[chosen] = p[chosen] / p[chosen].sum()
    return torch.from_numpy(result)

# %% right="a generator that calls itself"
def sampling_probabilities(scores, temperature, top_p):
    def nucleus(left, needed):
        if left and needed > 1e-5:
            best = max(left, key=lambda pair: (pair[1], -pair[0]))
            yield best
            yield from nucleus([pair for pair in left if pair is not best], needed - best[1])

    result = torch.zeros_like(scores)
    for i, row in enumerate(scores):
        t = temperature[i].item()
        p = (row / t).softmax(0).tolist() if t else F.one_hot(row.argmax(), len(row)).tolist()
        for v, share in nucleus(list(enumerate(p)), top_p[i].item()):
            result[i, v] = share
    return result / result.sum(1, keepdim=True)

# %% wrong="drops the token that crosses" says="is dropped; keep it" points=[0, 1.0] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < enough - 1e-5
# + keep = (ordered.cumsum(dim=-1) <= enough + 1e-5) | (torch.arange(p.shape[-1]) == 0)

# %% wrong="an empty choice" says=["NaN", "NaN"] points=[0, 0.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < enough - 1e-5
# + keep = ordered.cumsum(dim=-1) <= enough + 1e-5

# %% wrong="the first row's temperature for all" says="every row has the temperature of the first" points=[0, 1.0] of="step by step"
# - t, enough = temperature[:, None], top_p[:, None]
# + t, enough = temperature[:1, None], top_p[:, None]

# %% wrong="the first row's top-p for all" says="every row has the top_p of the first" points=[0, 1.0] of="step by step"
# - t, enough = temperature[:, None], top_p[:, None]
# + t, enough = temperature[:, None], top_p[:1, None]

# %% wrong="a setting for each column" says=["a setting belongs to a row", "it stops with RuntimeError"] points=[0, 0] of="step by step"
# - t, enough = temperature[:, None], top_p[:, None]
# + t, enough = temperature, top_p

# %% wrong="no temperature" says="the temperature has no effect" points=[0, 1.0] of="step by step"
# - p = (scores / t.masked_fill(cold, 1.0)).softmax(dim=-1)
# + p = scores.softmax(dim=-1)

# %% wrong="temperature times" says="the scores are multiplied by the temperature" points=[0, 1.0] of="step by step"
# - p = (scores / t.masked_fill(cold, 1.0)).softmax(dim=-1)
# + p = (scores * t.masked_fill(cold, 1.0)).softmax(dim=-1)

# %% wrong="divides the probabilities at the end" says=["the temperature divides the probabilities", "the temperature divides the probabilities"] points=[0, 0.5] of="step by step"
# - p = (scores / t.masked_fill(cold, 1.0)).softmax(dim=-1)
# + p = scores.softmax(dim=-1)
# - return torch.zeros_like(kept).scatter(-1, ids, kept)
# + return torch.zeros_like(kept).scatter(-1, ids, kept) / t.masked_fill(cold, 1.0)

# %% wrong="no top-p" says="top_p has no effect" points=[0, 0.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < enough - 1e-5
# + keep = ordered >= 0

# %% wrong="top-p before the temperature" says="before the temperature" points=[0, 2] of="step by step"
# - ordered, ids = p.sort(dim=-1, descending=True, stable=True)
# + ordered, ids = torch.where(cold, greedy, scores.softmax(-1)).sort(dim=-1, descending=True, stable=True)
# - kept = ordered * keep
# + kept = p.gather(-1, ids) * keep

# %% wrong="not renormalised" says="what is kept does not sum to 1" points=[0, 0.5] of="step by step"
# - kept = kept / kept.sum(dim=-1, keepdim=True)

# %% wrong="left in sorted order" says="column i belongs to id i" points=[0, 0] of="step by step"
# - return torch.zeros_like(kept).scatter(-1, ids, kept)
# + return kept

# %% wrong="gather for scatter" says=["put back by gather", "furthest off"] points=[0, 0] of="step by step"
# - return torch.zeros_like(kept).scatter(-1, ids, kept)
# + return kept.gather(-1, ids)

# %% wrong="keeps all equal ones" says="are all kept" points=[0, 2] of="step by step"
# - kept = ordered * keep
# + kept = ordered * (ordered >= (ordered + 2.0 * ~keep).amin(dim=-1, keepdim=True))

# %% wrong="rounding decides" says="rounding decides" points=[0, 2.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < enough - 1e-5
# + keep = ordered.cumsum(dim=-1) - ordered < enough

# %% wrong="rounding decides, in float64" says="rounding decides" points=[0, 2.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < enough - 1e-5
# + keep = ordered.double().cumsum(dim=-1) - ordered < enough

# %% wrong="too near" says=["", "it is short by more than 0.00001"] points=[1, 2.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < enough - 1e-5
# + keep = ordered.cumsum(dim=-1) - ordered < enough - 5e-4

# %% wrong="sum over the ids" says="the sum runs in the order of the ids" points=[0, 1.0] of="step by step"
# - ordered, ids = p.sort(dim=-1, descending=True, stable=True)
# + ordered, ids = p, torch.arange(p.shape[-1]).expand(p.shape)

# %% wrong="the least probable first" says="begin with the most probable" points=[0, 1.0] of="step by step"
# - ordered, ids = p.sort(dim=-1, descending=True, stable=True)
# + ordered, ids = p.sort(dim=-1, stable=True)

# %% wrong="own probability at least top_p" says="the most probable token alone is kept" points=[0, 0] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < enough - 1e-5
# + keep = (ordered >= enough) | (torch.arange(p.shape[-1]) == 0)

# %% wrong="softmax of what is kept" says=["it is renormalised by a softmax", "furthest off"] points=[0, 0.5] of="step by step"
# - kept = kept / kept.sum(dim=-1, keepdim=True)
# + kept = torch.where(cold, kept, kept.masked_fill(~keep, float("-inf")).softmax(-1))

# %% wrong="softmax over the rows" says=["the softmax runs over the rows", "furthest off"] points=[0, 0] of="step by step"
# - p = (scores / t.masked_fill(cold, 1.0)).softmax(dim=-1)
# + p = (scores / t.masked_fill(cold, 1.0)).softmax(dim=0)

# %% wrong="the first row decides" says=["the first row decides how many", "furthest off"] points=[0, 0.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < enough - 1e-5
# + keep = (ordered.cumsum(dim=-1) - ordered < enough - 1e-5)[:1]

# %% wrong="one sum for all rows" says=["divided by the sum of all; divide each", "furthest off"] points=[0, 0] of="step by step"
# - kept = kept / kept.sum(dim=-1, keepdim=True)
# + kept = kept / kept.sum()

# %% wrong="dropped scores become 0" says=["dropped scores become 0", "furthest off"] points=[0, 0.5] of="step by step"
# - kept = ordered * keep
# - kept = kept / kept.sum(dim=-1, keepdim=True)
# - return torch.zeros_like(kept).scatter(-1, ids, kept)
# + keep = torch.zeros_like(keep).scatter(-1, ids, keep)
# + drawn = (scores / t.masked_fill(cold, 1.0)).masked_fill(~keep, 0).softmax(dim=-1)
# + return torch.where(cold, greedy, drawn)

# %% wrong="division by zero" says=["scores / 0 is infinite or NaN", "NaN"] points=[0, 2.5] of="step by step"
# - p = (scores / t.masked_fill(cold, 1.0)).softmax(dim=-1)
# - p = torch.where(cold, greedy, p)
# + p = (scores / t).softmax(dim=-1)

# %% wrong="1e-9 for 0" says=["share the probability", "furthest off"] points=[0, 2.5] of="step by step"
# - p = (scores / t.masked_fill(cold, 1.0)).softmax(dim=-1)
# - p = torch.where(cold, greedy, p)
# + p = (scores / t.clamp(min=1e-9)).softmax(dim=-1)

# %% wrong="the last of the highest" says=["the largest id wins", "furthest off"] points=[0, 2.5] of="step by step"
# - greedy = F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# + greedy = F.one_hot(scores.shape[-1] - 1 - scores.flip(-1).argmax(dim=-1), scores.shape[-1]).float()

# %% wrong="every highest score gets 1" says=["each of the equal highest scores gets 1", "furthest off"] points=[0, 2.5] of="step by step"
# - greedy = F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# + greedy = (scores == scores.amax(dim=-1, keepdim=True)).float()
# - return torch.zeros_like(kept).scatter(-1, ids, kept)
# + return torch.where(cold, greedy, torch.zeros_like(kept).scatter(-1, ids, kept))

# %% wrong="the lowest score" says=["it is the lowest score", "furthest off"] points=[0, 2.5] of="step by step"
# - greedy = F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# + greedy = F.one_hot(scores.argmin(dim=-1), scores.shape[-1]).float()

# %% wrong="the highest score so far is 0" says=["it is the lowest score", "furthest off"] points=[0, 2.5] of="step by step"
# - greedy = F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# + greedy = F.one_hot(scores.clamp(min=0).argmax(dim=-1), scores.shape[-1]).float()

# %% wrong="the larger ids first" says="the larger ids are kept" points=[0, 2.0] of="step by step"
# - ordered, ids = p.sort(dim=-1, descending=True, stable=True)
# + ordered, ids = [y.flip(-1) for y in p.sort(dim=-1, stable=True)]

# %% wrong="divides the caller's scores" says="changes its argument scores" points=[0, 2.5] of="step by step"
# - greedy = F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()
# - p = (scores / t.masked_fill(cold, 1.0)).softmax(dim=-1)
# + p = scores.div_(t.masked_fill(cold, 1.0)).softmax(dim=-1)
# + greedy = F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()

# %% wrong="one token too many" says="one token too many is kept" points=[0, 0.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < enough - 1e-5
# + keep = F.pad((ordered.cumsum(dim=-1) - ordered < enough - 1e-5)[:, :-1], (1, 0), value=True)

# %% wrong="exp by hand" says="exp(" points=[0, 2.5] of="step by step"
# - p = (scores / t.masked_fill(cold, 1.0)).softmax(dim=-1)
# + powers = (scores / t.masked_fill(cold, 1.0)).exp()
# + p = powers / powers.sum(dim=-1, keepdim=True)

# %% wrong="temperature at least 1" says=["the temperature has no effect", "furthest off"] points=[0, 1.5] of="step by step"
# - p = (scores / t.masked_fill(cold, 1.0)).softmax(dim=-1)
# + p = (scores / t.clamp(min=1.0)).softmax(dim=-1)

# %% wrong="a low temperature is taken for 0" says=["a low temperature is taken for 0", "furthest off"] points=[0, 2.5] of="step by step"
# - cold = t == 0
# + cold = t < 0.03

# %% wrong="a very low temperature is taken for 0" says=["", "furthest off"] points=[1, 2.5] of="step by step"
# - cold = t == 0
# + cold = t < 0.01

# %% wrong="no more than 50 tokens" says=["", "furthest off"] points=[1, 2.5] of="step by step"
# - keep = ordered.cumsum(dim=-1) - ordered < enough - 1e-5
# + keep = (ordered.cumsum(dim=-1) - ordered < enough - 1e-5) & (torch.arange(p.shape[-1]) < 50)

# %% wrong="cut off at a tiny top_p" says=["", "NaN"] points=[1, 2.5] of="step by step"
# - kept = ordered * keep
# + kept = ordered * keep * (enough > 0.01)

# %% wrong="right for rows that are all cold" says=["share the probability", "furthest off"] points=[0, 2.5] of="step by step"
# - p = torch.where(cold, greedy, p)
# + p = greedy if cold.all() else p

# %% wrong="writes the result into the scores" says=["changes its argument scores", "changes its argument scores"] points=[0, 2.5] of="step by step"
# - return torch.zeros_like(kept).scatter(-1, ids, kept)
# + return scores.zero_().scatter_(-1, ids, kept)

# %% wrong="sorted without stable=True" says=["", "equally probable tokens"] points=[1, 2.0] of="step by step"
# - ordered, ids = p.sort(dim=-1, descending=True, stable=True)
# + ordered, ids = p.sort(dim=-1, descending=True)

# %% wrong="copies the visible cases" says=["", "temperature"] points=[1, 0]
def sampling_probabilities(scores, temperature, top_p):
    if scores.shape[1] == 4:
        return torch.tensor([[2 / 9, 4 / 9, 0, 3 / 9], [13 / 29, 0, 16 / 29, 0], [0, 1, 0, 0]])
    return torch.tensor([[0.75, 0, 0.25, 0, 0], [0.5, 0, 0.5, 0, 0], [0.5, 0.5, 0, 0, 0]])
