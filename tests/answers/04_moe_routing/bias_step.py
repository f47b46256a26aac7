# %% right="token by token, in lists"
def bias_step(p, bias, k, rate):
    N, E = p.shape
    chosen, gates, load = [], [], [0] * E
    for row in p.tolist():
        ids = sorted(range(E), key=lambda e: -(row[e] + bias[e].item()))[:k]
        total = sum(row[e] for e in ids)
        chosen.append(ids)
        gates.append([row[e] / total for e in ids])
        for e in ids:
            load[e] += 1
    new = bias.tolist()
    for e in range(E):
        if load[e] * E > N * k:
            new[e] -= rate
        elif load[e] * E < N * k:
            new[e] += rate
    return torch.tensor(chosen), torch.tensor(gates), torch.tensor(new)


# %% right="one_hot and comparisons"
def bias_step(p, bias, k, rate):
    chosen = torch.argsort(p + bias, dim=1, descending=True)[:, :k]
    load = F.one_hot(chosen, p.shape[1]).sum(dim=(0, 1))
    even = len(p) * k / p.shape[1]
    change = (load < even).float() - (load > even).float()
    gates = F.normalize(torch.take_along_dim(p, chosen, 1), p=1, dim=1)
    return chosen, gates, bias + rate * change


# %% right="a mask of the chosen"
def bias_step(p, bias, k, rate):
    total = p + bias
    threshold = total.sort(dim=1, descending=True).values[:, k - 1 : k]
    mask = (total >= threshold).float()
    chosen = total.masked_fill(mask == 0, -torch.inf).argsort(dim=1, descending=True)[:, :k]
    share = p * mask / (p * mask).sum(dim=1, keepdim=True)
    gap = mask.sum() / p.shape[1] - mask.sum(dim=0)
    return chosen, share.gather(1, chosen), torch.add(bias, torch.sign(gap), alpha=rate)


# %% right="a softmax of logarithms for the gates"
def bias_step(p, bias, k, rate):
    chosen = torch.topk(p + bias, k).indices
    gates = p.log().gather(1, chosen).softmax(dim=1)
    load = torch.zeros(len(bias)).index_add(0, chosen.flatten(), torch.ones(chosen.numel()))
    return chosen, gates, bias - rate * torch.sign(load - chosen.numel() / len(bias))


# %% wrong="the bias leaks into the gates" says="the bias leaks into the gates: they are made of p + bias" points=[0, 1.5] of="solution"
# - gates = p.gather(-1, chosen)
# + gates = (p + bias).gather(-1, chosen)

# %% wrong="the bias only adjusts, it does not choose" says="the bias is not used" points=[0, 0] of="solution"
# - chosen = (p + bias).topk(k, dim=-1).indices
# + chosen = p.topk(k, dim=-1).indices

# %% wrong="the sign turned" says="the sign is wrong" points=[0, 1] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias + rate * (load - load.mean()).sign()

# %% wrong="the values of topk for gates" says="the bias leaks into the gates: they are made of p + bias" points=[0, 1.5] of="solution"
# - chosen = (p + bias).topk(k, dim=-1).indices
# - gates = p.gather(-1, chosen)
# + gates, chosen = (p + bias).topk(k, dim=-1)

# %% wrong="sums for gates" says="the gates are the sums p + bias" points=[0, 1.5] of="solution"
# - gates = p.gather(-1, chosen)
# + gates = (p + bias).gather(-1, chosen)
# - return chosen, gates / gates.sum(dim=-1, keepdim=True), new_bias
# + return chosen, gates, new_bias

# %% wrong="a softmax of the sums" says="the gates are the softmax of p + bias" points=[0, 1.5] of="solution"
# - gates = p.gather(-1, chosen)
# + gates = (p + bias).gather(-1, chosen).softmax(dim=-1)

# %% wrong="divided by the sum with bias" says="p is divided by the sum of p + bias" points=[0, 1.5] of="solution"
# - return chosen, gates / gates.sum(dim=-1, keepdim=True), new_bias
# + return chosen, gates / (p + bias).gather(-1, chosen).sum(dim=-1, keepdim=True), new_bias

# %% wrong="not renormalised" says="they are not divided by their sum" points=[0, 1.5] of="solution"
# - return chosen, gates / gates.sum(dim=-1, keepdim=True), new_bias
# + return chosen, gates, new_bias

# %% wrong="a softmax of p" says="they are the softmax of p" points=[0, 1.5] of="solution"
# - gates = p.gather(-1, chosen)
# + gates = p.gather(-1, chosen).softmax(dim=-1)
# - return chosen, gates / gates.sum(dim=-1, keepdim=True), new_bias
# + return chosen, gates, new_bias

# %% wrong="the largest p for gates" says="they are those of the k largest p" points=[0, 1.5] of="solution"
# - gates = p.gather(-1, chosen)
# + gates = p.topk(k, dim=-1).values

# %% wrong="divided by the sum over all tokens" says="they are divided by the sum over all tokens" points=[0, 1.5] of="solution"
# - return chosen, gates / gates.sum(dim=-1, keepdim=True), new_bias
# + return chosen, gates / gates.sum(), new_bias

# %% wrong="the bias subtracted" says="the bias is subtracted" points=[0, 0] of="solution"
# - chosen = (p + bias).topk(k, dim=-1).indices
# + chosen = (p - bias).topk(k, dim=-1).indices

# %% wrong="the bias multiplied" says="p is multiplied by the bias" points=[0, 0] of="solution"
# - chosen = (p + bias).topk(k, dim=-1).indices
# + chosen = (p * bias).topk(k, dim=-1).indices

# %% wrong="the lowest sums" says="the experts with the lowest sums" points=[0, 0] of="solution"
# - chosen = (p + bias).topk(k, dim=-1).indices
# + chosen = (p + bias).topk(k, dim=-1, largest=False).indices

# %% wrong="in the order of the indices" says="in the order of the indices" points=[0, 1] of="solution"
# - chosen = (p + bias).topk(k, dim=-1).indices
# + chosen = (p + bias).topk(k, dim=-1).indices.sort(dim=-1).values

# %% wrong="proportional to the gap" says="the step is proportional to the gap; take its sign" points=[0, 1] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias + rate * (load.mean() - load)

# %% wrong="proportional to the relative gap" says="relative to the mean load; take its sign" points=[0, 1] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias + rate * (1 - load / load.mean())

# %% wrong="proportional to the gap of shares" says="as a share of all choices; take its sign" points=[0, 1] of="solution"
# - load = chosen.flatten().bincount(minlength=len(bias)).float()
# - new_bias = bias + rate * (load.mean() - load).sign()
# + load = chosen.flatten().bincount(minlength=len(bias)) / chosen.numel()
# + new_bias = bias + rate * (1 / len(bias) - load)

# %% wrong="N/E for the mean load" says="the mean load is N·k/E" points=[0, 1] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias + rate * (len(p) / len(bias) - load).sign()

# %% wrong="shares against counts" says=["the mean load is N·k/E; a load is a number of choices", "new_bias"] points=[0, 1] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias + rate * (k / len(bias) - load).sign()

# %% wrong="the mean load falls" says=["expert 2 has exactly the mean load; its bias stays", "exactly the mean load keeps its bias"] points=[0, 1] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias + torch.where(load < load.mean(), rate, -rate)

# %% wrong="the mean load rises" says=["expert 2 has exactly the mean load, so its bias stays", "it does not rise"] points=[0, 1] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias + torch.where(load > load.mean(), -rate, rate)

# %% wrong="first choices only" says="only each token's first expert is counted" points=[0, 1] of="solution"
# - load = chosen.flatten().bincount(minlength=len(bias)).float()
# + load = chosen[:, 0].bincount(minlength=len(bias)).float()

# %% wrong="load without the bias" says="the load is that of choices without the bias" points=[0, 1] of="solution"
# - load = chosen.flatten().bincount(minlength=len(bias)).float()
# + load = p.topk(k, dim=-1).indices.flatten().bincount(minlength=len(bias)).float()

# %% wrong="load from probabilities" says="the load is a sum of probabilities" points=[0, 1] of="solution"
# - load = chosen.flatten().bincount(minlength=len(bias)).float()
# + load = p.sum(dim=0)

# %% wrong="load from gates" says="the load is a sum of gates" points=[0, 1] of="solution"
# - load = chosen.flatten().bincount(minlength=len(bias)).float()
# + load = torch.zeros_like(p).scatter(1, chosen, gates / gates.sum(dim=-1, keepdim=True)).sum(dim=0)

# %% wrong="the change alone" says="it is the change alone" points=[0, 1] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = rate * (load.mean() - load).sign()

# %% wrong="centred" says="the mean of the biases is subtracted" points=[0, 1] of="solution"
# - return chosen, gates / gates.sum(dim=-1, keepdim=True), new_bias
# + return chosen, gates / gates.sum(dim=-1, keepdim=True), new_bias - new_bias.mean()

# %% wrong="no rate" says="rate is missing" points=[0, 1] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias + (load.mean() - load).sign()

# %% wrong="only falls" says="those with too few rise" points=[0, 1] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias - rate * (load > load.mean())

# %% wrong="only rises" says="those with too many fall" points=[0, 1] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias + rate * (load < load.mean())

# %% wrong="the old bias" says="it is the old bias" points=[0, 1] of="solution"
# - load = chosen.flatten().bincount(minlength=len(bias)).float()
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias

# %% wrong="bincount without minlength" says=["", "must match the size of tensor"] points=[1, 1.5] of="solution"
# - load = chosen.flatten().bincount(minlength=len(bias)).float()
# + load = chosen.flatten().bincount().float()

# %% wrong="load of used experts only" says=["", "an expert that nobody chooses: new_bias"] points=[1, 1.5] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias + rate * (load[load > 0].mean() - load).sign()

# %% wrong="unused experts keep their bias" says=["", "an expert that nobody chooses: new_bias"] points=[1, 1.5] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias + rate * (load.mean() - load).sign() * (load > 0)

# %% wrong="adds to the caller's bias" says="changes its argument bias" points=[0, 2] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias.add_(rate * (load.mean() - load).sign())

# %% wrong="two results" says=["it must return chosen, gates, new_bias", "it must return chosen, gates, new_bias"] points=[0, 0] of="solution"
# - return chosen, gates / gates.sum(dim=-1, keepdim=True), new_bias
# + return gates / gates.sum(dim=-1, keepdim=True), new_bias

# %% wrong="the mean load as a whole number" says="leave it unrounded" points=[0, 2] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias + rate * (chosen.numel() // len(bias) - load).sign()

# %% wrong="two experts, whatever k is" says=["", "chosen: its shape is (12, 2), not (12, 3)"] points=[1, 0] of="solution"
# - chosen = (p + bias).topk(k, dim=-1).indices
# + chosen = (p + bias).topk(2, dim=-1).indices

# %% wrong="the mean load of two experts a token" says=["", "the mean load is N·k/E, not 2N/E"] points=[1, 1] of="solution"
# - new_bias = bias + rate * (load.mean() - load).sign()
# + new_bias = bias + rate * (2 * len(p) / len(bias) - load).sign()

# %% wrong="sums below 0 become 0" says=["", "0 of 0.5 points for chosen"] points=[1, 0] of="solution"
# - chosen = (p + bias).topk(k, dim=-1).indices
# + chosen = (p + bias).relu().topk(k, dim=-1).indices

# %% wrong="squeezed where k is 1" says=["", "chosen, with k = 1: its shape is (4,), not (4, 1)"] points=[1, 1.5] of="solution"
# - return chosen, gates / gates.sum(dim=-1, keepdim=True), new_bias
# + return chosen.squeeze(), gates / gates.sum(dim=-1, keepdim=True), new_bias

# %% wrong="a little added to the sum" says=["", "nothing may be added to their sum"] points=[1, 1.5] of="solution"
# - return chosen, gates / gates.sum(dim=-1, keepdim=True), new_bias
# + return chosen, gates / (gates.sum(dim=-1, keepdim=True) + 1e-9), new_bias

# %% wrong="chosen as float32" says=["torch.float32 is no index; make it int64", ""] points=[0, 2] of="solution"
# - return chosen, gates / gates.sum(dim=-1, keepdim=True), new_bias
# + return chosen.float(), gates / gates.sum(dim=-1, keepdim=True), new_bias

# %% wrong="copies the visible cases" says=["", "chosen"] points=[1, 0]
def bias_step(p, bias, k, rate):
    chosen = torch.tensor([[2, 1], [2, 1], [0, 1], [1, 3]])
    gates = torch.tensor([[0.8, 0.2], [0.8, 0.2], [12 / 13, 1 / 13], [6 / 17, 11 / 17]])
    new_bias = torch.tensor([0.0, 0.1, 0.05, -0.1]) if len(p) == 4 else torch.tensor([0.0, 0.1, 0.15, -0.1])
    return chosen, gates, new_bias
