# %% right="indices by expert, added in place"
def mixture(x, chosen, gates, experts):
    y = torch.zeros(x.shape)
    for e in chosen.unique().tolist():
        hit = chosen == e
        tokens = hit.any(dim=1).nonzero().squeeze(1)
        gate = (gates * hit).sum(dim=1)[tokens]
        y[tokens] += gate.unsqueeze(1) * experts[e](x[tokens])
    return y


# %% right="sorted by expert, split, and back"
def mixture(x, chosen, gates, experts):
    k = chosen.shape[1]
    order = chosen.flatten().argsort(stable=True)
    counts = chosen.flatten().bincount(minlength=len(experts)).tolist()
    parts = x[order // k].split(counts)
    results = torch.cat([expert(part) for expert, part in zip(experts, parts) if len(part)])
    back = results[order.argsort()].view(*chosen.shape, -1)
    return torch.einsum("nkd,nk->nd", back, gates)


# %% right="a dense matrix of gates"
def mixture(x, chosen, gates, experts):
    all_gates = torch.zeros(len(x), len(experts)).scatter(1, chosen, gates)
    y = 0 * x
    for e, expert in enumerate(experts):
        tokens = [n for n in range(len(x)) if e in chosen[n]]
        if tokens:
            spread = torch.zeros(len(x), len(tokens))
            spread[tokens, range(len(tokens))] = 1.0
            y = y + spread @ (expert(x[tokens]) * all_gates[tokens, e, None])
    return y


# %% right="one call each, then token by token"
def mixture(x, chosen, gates, experts):
    batches = {}
    for n, row in enumerate(chosen.tolist()):
        for e in row:
            batches.setdefault(e, []).append(n)
    results = {e: experts[e](torch.stack([x[n] for n in tokens])) for e, tokens in batches.items()}
    rows = []
    for n, row in enumerate(chosen.tolist()):
        rows.append(sum(gates[n, j] * results[e][batches[e].index(n)] for j, e in enumerate(row)))
    return torch.stack(rows)


# %% right="a thread pool"
from concurrent.futures import ThreadPoolExecutor


def mixture(x, chosen, gates, experts):
    where = {e: (chosen == e).nonzero(as_tuple=True) for e in chosen.unique().tolist()}
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda e: experts[e](x[where[e][0]]) * gates[where[e]][:, None], where))
    return torch.zeros_like(x).index_add(0, torch.cat([rows for rows, _ in where.values()]), torch.cat(results))


# %% wrong="a call for each token" says="an expert is called once for each of its tokens" points=[0, 2]
def mixture(x, chosen, gates, experts):
    rows = []
    for n in range(len(x)):
        rows.append(sum(g * experts[e](x[n : n + 1])[0] for e, g in zip(chosen[n], gates[n])))
    return torch.stack(rows)


# %% wrong="overwrites instead of adding" says="each expert overwrites the results of those before it" points=[0, 0.5] of="solution"
# - y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + y[tokens] = expert(x[tokens]) * gates[tokens, columns, None]

# %% wrong="no gates" says="the gates are not used" points=[0, 0] of="solution"
# - y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + y = y.index_add(0, tokens, expert(x[tokens]))

# %% wrong="every expert computes everything" says=["every expert computes all tokens", "every expert computes all tokens"] points=[0, 1.5]
def mixture(x, chosen, gates, experts):
    all_gates = torch.zeros(len(x), len(experts)).scatter(1, chosen, gates)
    results = torch.stack([expert(x) for expert in experts], dim=1)
    return torch.einsum("ned,ne->nd", results, all_gates)


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

# %% wrong="experts without tokens are called" says=["expert 2 is called with no token", "are called although nobody chose them"] points=[0, 2.5] of="solution"
# - if len(tokens):
# -     y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])

# %% wrong="gates before the expert" says="what goes in is multiplied by the gate" points=[0, 0] of="solution"
# - y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + y = y.index_add(0, tokens, expert(x[tokens] * gates[tokens, columns, None]))

# %% wrong="mean of the results" says="the results are averaged; add them" points=[0, 0.5] of="solution"
# - return y
# + return y / chosen.shape[1]

# %% wrong="columns overwrite" says="each column of chosen overwrites the one before" points=[0, 0.5]
def mixture(x, chosen, gates, experts):
    y = torch.zeros_like(x)
    for j in range(chosen.shape[1]):
        for e, expert in enumerate(experts):
            tokens = (chosen[:, j] == e).nonzero().squeeze(1)
            if len(tokens):
                y[tokens] = expert(x[tokens]) * gates[tokens, j, None]
    return y


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
# - return torch.einsum("nkd,nk->nd", back, gates)
# + return torch.zeros_like(x).index_add(0, order // k, results * gates.flatten()[:, None])

# %% wrong="gates of the other column" says="the gates of a token have changed places" points=[0, 0.5] of="solution"
# - y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, -1 - columns, None])

# %% wrong="single tokens go in without their axis" says="it takes (n, D)" points=[0, 0]
def mixture(x, chosen, gates, experts):
    rows = []
    for n in range(len(x)):
        rows.append(sum(g * experts[e](x[n]) for e, g in zip(chosen[n], gates[n])))
    return torch.stack(rows)


# %% wrong="gates as numbers" says=["", "backward() does not reach gates"] points=[1, 2.5] of="solution"
# - y = y.index_add(0, tokens, expert(x[tokens]) * gates[tokens, columns, None])
# + numbers = torch.tensor(gates.tolist())[tokens, columns, None]
# + y = y.index_add(0, tokens, expert(x[tokens]) * numbers)

# %% wrong="no_grad" says=["", "backward() reaches nothing"] points=[1, 2.5] of="solution"
# - def mixture(x, chosen, gates, experts):
# + @torch.no_grad()
# + def mixture(x, chosen, gates, experts):

# %% wrong="the gradient of the first column only" says=["", "the gradient of gates"] points=[1, 2.5] of="solution"
# - y = torch.zeros_like(x)
# + y = torch.zeros_like(x)
# + gates = torch.cat([gates[:, :1], gates[:, 1:].detach()], dim=1)

# %% wrong="stacks all experts, also unused ones" says=["expert 2 is called with no token", "are called although nobody chose them"] points=[0, 2.5] of="sorted by expert, split, and back"
# - results = torch.cat([expert(part) for expert, part in zip(experts, parts) if len(part)])
# + results = torch.cat([expert(part) for expert, part in zip(experts, parts)])

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

# %% wrong="copies the visible cases" says=["", "the result"] points=[1, 0]
def mixture(x, chosen, gates, experts):
    for e, n in ((0, 2), (1, 4), (3, 2)):
        experts[e](x[:n])
    return torch.tensor([[5.25, 21], [9045, 1005], [2010, 8040], [75, 27]])[: len(x)]
