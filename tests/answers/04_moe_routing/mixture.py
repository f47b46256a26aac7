# %% right="indices by expert, added in place"
def mixture(x, chosen, gates, experts, shared):
    y = torch.zeros(x.shape)
    for e in chosen.unique().tolist():
        if e < 0:
            continue
        hit = chosen == e
        tokens = hit.any(dim=1).nonzero().squeeze(1)
        gate = (gates * hit).sum(dim=1)[tokens]
        y[tokens] += gate.unsqueeze(1) * experts[e](x[tokens])
    return y + sum(expert(x) for expert in shared)


# %% right="sorted by expert, split, and back"
def mixture(x, chosen, gates, experts, shared):
    k = chosen.shape[1]
    order = chosen.flatten().argsort(stable=True)
    counts = (chosen + 1).flatten().bincount(minlength=len(experts) + 1).tolist()
    lost, *parts = x[order // k].split(counts)
    results = [expert(part) for expert, part in zip(experts, parts) if len(part)]
    results = torch.cat([torch.zeros_like(lost), *results])
    back = results[order.argsort()].view(*chosen.shape, -1)
    return torch.einsum("nkd,nk->nd", back, gates) + sum(expert(x) for expert in shared)


# %% right="a dense matrix of gates, with a column for what is dropped"
def mixture(x, chosen, gates, experts, shared):
    where = torch.where(chosen < 0, len(experts), chosen)
    all_gates = torch.zeros(len(x), len(experts) + 1).scatter_add(1, where, gates)
    y = 0 * x
    for e, expert in enumerate(experts):
        tokens = [n for n in range(len(x)) if e in chosen[n]]
        if tokens:
            spread = torch.zeros(len(x), len(tokens))
            spread[tokens, range(len(tokens))] = 1.0
            y = y + spread @ (expert(x[tokens]) * all_gates[tokens, e, None])
    for expert in shared:
        y = y + expert(x)
    return y


# %% right="one call each, then token by token"
def mixture(x, chosen, gates, experts, shared):
    batches = {}
    for n, row in enumerate(chosen.tolist()):
        for e in row:
            batches.setdefault(e, []).append(n)
    batches.pop(-1, None)
    results = {e: experts[e](torch.stack([x[n] for n in tokens])) for e, tokens in batches.items()}
    common = [expert(x) for expert in shared]
    rows = []
    for n, row in enumerate(chosen.tolist()):
        kept = [(j, e) for j, e in enumerate(row) if e != -1]
        routed = sum(gates[n, j] * results[e][batches[e].index(n)] for j, e in kept)
        rows.append(torch.zeros(x.shape[1]) + routed + sum(result[n] for result in common))
    return torch.stack(rows)


# %% right="a thread pool"
from concurrent.futures import ThreadPoolExecutor


def mixture(x, chosen, gates, experts, shared):
    where = {e: (chosen == e).nonzero(as_tuple=True) for e in chosen.unique().tolist() if e >= 0}
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda e: experts[e](x[where[e][0]]) * gates[where[e]][:, None], where))
        common = list(pool.map(lambda expert: expert(x), shared))
    y = torch.zeros_like(x).index_add(0, torch.cat([rows for rows, _ in where.values()]), torch.cat(results))
    return y + sum(common)


# %% wrong="a call for each token" says="an expert is called once for each of its tokens" points=[0, 2]
def mixture(x, chosen, gates, experts, shared):
    rows = []
    for n in range(len(x)):
        y = torch.zeros(x.shape[1])
        for e, g in zip(chosen[n], gates[n]):
            if e >= 0:
                y = y + g * experts[e](x[n : n + 1])[0]
        rows.append(y)
    return torch.stack(rows) + sum(expert(x) for expert in shared)


# %% wrong="overwrites instead of adding" says="each expert overwrites the results of those before it" points=[0, 0.5] of="solution"
# - y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + y[tokens] = expert(x[tokens]) * gates[tokens, columns, None]

# %% wrong="no gates" says="the gates are not used" points=[0, 0] of="solution"
# - y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + y = y.index_add(0, tokens, expert(x[tokens]))

# %% wrong="every expert computes everything" says=["every expert computes all tokens", "every expert computes all tokens"] points=[0, 1.5]
def mixture(x, chosen, gates, experts, shared):
    where = torch.where(chosen < 0, len(experts), chosen)
    all_gates = torch.zeros(len(x), len(experts) + 1).scatter_add(1, where, gates)[:, :-1]
    results = torch.stack([expert(x) for expert in experts], dim=1)
    return torch.einsum("ned,ne->nd", results, all_gates) + sum(expert(x) for expert in shared)


# %% wrong="the chosen experts compute everything" says=["a chosen expert computes all tokens", "every expert computes all tokens"] points=[0, 2] of="solution"
# - tokens, columns = (chosen == e).nonzero(as_tuple=True)
# - if len(tokens):
# -     y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + gate = (gates * (chosen == e)).sum(dim=1, keepdim=True)
# + if gate.any():
# +     y = y + gate * expert(x)

# %% wrong="a call for each column" says=["an expert is called once for each column of chosen; look", "an expert is called several times"] points=[0, 2] of="solution"
# - tokens, columns = (chosen == e).nonzero(as_tuple=True)
# - if len(tokens):
# -     y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + for column, gate in zip(chosen.T, gates.T):
# +     tokens = (column == e).nonzero().squeeze(1)
# +     if len(tokens):
# +         y = y.index_add(0, tokens, expert(x[tokens]) * gate[tokens, None])

# %% wrong="a call for each column, also with no token" says=["once for each column of chosen, even with no token", "an expert is called several times"] points=[0, 1.5] of="solution"
# - tokens, columns = (chosen == e).nonzero(as_tuple=True)
# - if len(tokens):
# -     y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + for column, gate in zip(chosen.T, gates.T):
# +     tokens = (column == e).nonzero().squeeze(1)
# +     y = y.index_add(0, tokens, expert(x[tokens]) * gate[tokens, None])

# %% wrong="experts without tokens are called" says=["experts 2 and 4 are called with no token", "are called although nobody chose them"] points=[0, 2.5] of="solution"
# - if len(tokens):
# -     y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])

# %% wrong="gates before the expert" says="what goes in is multiplied by the gate" points=[0, 0] of="solution"
# - y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + y = y.index_add(0, tokens, expert(x[tokens] * gates[tokens, columns, None]))

# %% wrong="mean of the results" says="the results of the chosen experts are averaged" points=[0, 0.5] of="solution"
# - for expert in shared:
# + y = y / chosen.shape[1]
# + for expert in shared:

# %% wrong="columns overwrite" says="each column of chosen overwrites the one before" points=[0, 0.5]
def mixture(x, chosen, gates, experts, shared):
    y = torch.zeros_like(x)
    for j in range(chosen.shape[1]):
        for e, expert in enumerate(experts):
            tokens = (chosen[:, j] == e).nonzero().squeeze(1)
            if len(tokens):
                y[tokens] = expert(x[tokens]) * gates[tokens, j, None]
    return y + sum(expert(x) for expert in shared)


# %% wrong="the first expert only" says="only the first expert of each token counts" points=[0, 0.5] of="solution"
# - tokens, columns = (chosen == e).nonzero(as_tuple=True)
# + tokens, columns = (chosen[:, :1] == e).nonzero(as_tuple=True)

# %% wrong="a residual connection" says="x itself is added" points=[0, 0] of="solution"
# - y = torch.zeros_like(x)
# + y = x.clone()

# %% wrong="gates renormalised" says="the gates are divided by their sum" points=[0, 0] of="solution"
# - y = torch.zeros_like(x)
# + y = torch.zeros_like(x)
# + gates = gates / gates.sum(dim=-1, keepdim=True)

# %% wrong="a softmax of the gates" says="the gates are softmaxed once more" points=[0, 0] of="solution"
# - y = torch.zeros_like(x)
# + y = torch.zeros_like(x)
# + gates = gates.softmax(dim=-1)

# %% wrong="sorted by expert, the gates not" says="the results were sorted by expert, the gates were not" points=[0, 0] of="sorted by expert, split, and back"
# - back = results[order.argsort()].view(*chosen.shape, -1)
# - return torch.einsum("nkd,nk->nd", back, gates) + sum(expert(x) for expert in shared)
# + y = torch.zeros_like(x).index_add(0, order // k, results * gates.flatten()[:, None])
# + return y + sum(expert(x) for expert in shared)

# %% wrong="gates of the other column" says="the gates of a token have changed places" points=[0, 0.5] of="solution"
# - y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, -1 - columns, None])

# %% wrong="single tokens go in without their axis" says="it takes (n, D)" points=[0, 0]
def mixture(x, chosen, gates, experts, shared):
    rows = []
    for n in range(len(x)):
        rows.append(sum(g * experts[e](x[n]) for e, g in zip(chosen[n], gates[n]) if e >= 0))
        rows[-1] = rows[-1] + sum(expert(x[n]) for expert in shared)
    return torch.stack(rows)


# %% wrong="gates as numbers" says=["", "backward() does not reach gates"] points=[1, 2.5] of="solution"
# - y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + numbers = torch.tensor(gates.tolist())[tokens, columns, None]
# + y = y.index_add(0, tokens, expert(x[tokens]) * numbers)

# %% wrong="no_grad" says=["", "backward() reaches nothing"] points=[1, 2.5] of="solution"
# - def mixture(x, chosen, gates, experts, shared):
# + @torch.no_grad()
# + def mixture(x, chosen, gates, experts, shared):

# %% wrong="the gradient of the first column only" says=["", "the gradient of gates"] points=[1, 2.5] of="solution"
# - y = torch.zeros_like(x)
# + y = torch.zeros_like(x)
# + gates = torch.cat([gates[:, :1], gates[:, 1:].detach()], dim=1)

# %% wrong="stacks all experts, also unused ones" says=["experts 2 and 4 are called with no token", "are called although nobody chose them"] points=[0, 2.5] of="sorted by expert, split, and back"
# - results = [expert(part) for expert, part in zip(experts, parts) if len(part)]
# + results = [expert(part) for expert, part in zip(experts, parts)]

# %% wrong="two columns, whatever k is" says=["", "the result"] points=[1, 1.5] of="solution"
# - tokens, columns = (chosen == e).nonzero(as_tuple=True)
# + tokens, columns = (chosen[:, [0, 1]] == e).nonzero(as_tuple=True)

# %% wrong="multiplies the caller's x" says=["changes its argument x", "in-place operation"] points=[0, 2.5] of="solution"
# - return y
# + return x.copy_(y)

# %% wrong="squeezes the result" says="the result, with token 0 alone" points=[0, 3] of="solution"
# - return y
# + return y.squeeze()

# %% wrong="index_add returns a new tensor" says=["index_add returns a new tensor", "the result"] points=[0, 0] of="solution"
# - y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])

# %% wrong="gates above 0 only" says=["", "gates below 0 are left out"] points=[1, 0] of="solution"
# - tokens, columns = (chosen == e).nonzero(as_tuple=True)
# + tokens, columns = ((chosen == e) & (gates > 0)).nonzero(as_tuple=True)

# %% wrong="gates without their sign" says=["", "gates below 0 lose their sign"] points=[1, 0] of="solution"
# - y = torch.zeros_like(x)
# + y, gates = torch.zeros_like(x), gates.abs()

# %% wrong="a residual connection without a gradient" says="x itself is added" points=[0, 0] of="solution"
# - y = torch.zeros_like(x)
# + y = x.detach().clone()

# %% wrong="empties chosen, and is right about what is left" says="the result" points=[0, 0] of="solution"
# - y = torch.zeros_like(x)
# + y, chosen[:] = torch.zeros_like(x), 0

# %% wrong="no shared experts" says="the shared experts are missing" points=[0, 0] of="solution"
# - for expert in shared:
# -     y = y + expert(x)

# %% wrong="shared experts for each choice" says="is added for each choice" points=[0, 0.5] of="solution"
# - y = y + expert(x)
# + y = y + chosen.shape[1] * expert(x)

# %% wrong="shared experts with gates" says="it has none" points=[0, 0] of="solution"
# - y = y + expert(x)
# + y = y + gates.sum(dim=-1, keepdim=True) * expert(x)

# %% wrong="-1 is the last expert" says="a choice of -1 goes to the last expert" points=[0, 0]
def mixture(x, chosen, gates, experts, shared):
    y = torch.zeros_like(x)
    for e in chosen.unique().tolist():
        tokens, columns = (chosen == e).nonzero(as_tuple=True)
        y = y.index_add(0, tokens, experts[e](x[tokens]) * gates[tokens, columns, None])
    for expert in shared:
        y = y + expert(x)
    return y


# %% wrong="the lesson's sort, with -1 in it" says="And -1 is no expert" points=[0, 0] of="sorted by expert, split, and back"
# - counts = (chosen + 1).flatten().bincount(minlength=len(experts) + 1).tolist()
# - lost, *parts = x[order // k].split(counts)
# + counts = chosen.flatten().bincount(minlength=len(experts)).tolist()
# + lost, parts = x[:0], x[order // k].split(counts)

# %% wrong="one dropped choice drops the token" says="one dropped choice drops the whole token" points=[0, 0.5] of="solution"
# - y = torch.zeros_like(x)
# + y = torch.zeros_like(x)
# + chosen = chosen.masked_fill((chosen < 0).any(dim=1, keepdim=True), -1)

# %% wrong="the gates that are left, renormalised" says="the gates that are left are divided by their sum" points=[0, 0] of="solution"
# - y = torch.zeros_like(x)
# + y = torch.zeros_like(x)
# + gates = gates / (gates * (chosen >= 0)).sum(dim=1, keepdim=True)

# %% wrong="a gate for a row without its axis" says="[:, None] makes it (n, 1)" points=[0, 0] of="solution"
# - y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns])

# %% wrong="the shared experts alone where there are none" says=["", "the result"] points=[1, 2] of="solution"
# - return y
# + return y if shared else x

# %% wrong="copies the visible cases" says=["", "the result"] points=[1, 0]
def mixture(x, chosen, gates, experts, shared):
    for e, n in ((0, 2), (1, 3), (3, 2)):
        experts[e](x[:n])
    shared[0](x)
    return torch.tensor([[8.25, 27, 0], [9009, 1003, 4006], [2016, 8052, 505.5], [90, 36, 6]])[: len(x)]
