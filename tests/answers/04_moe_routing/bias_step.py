# %% right="token by token, in lists"
def bias_step(s, bias, k, rate, slack):
    N, E = s.shape
    chosen, gates, load = [], [], [0] * E
    for row in s.tolist():
        ids = sorted(range(E), key=lambda e: -(row[e] + bias[e].item()))[:k]
        total = sum(row[e] for e in ids) if k > 1 else 1.0
        chosen.append(ids)
        gates.append([row[e] / total for e in ids])
        for e in ids:
            load[e] += 1
    new = bias.tolist()
    for e in range(E):
        if load[e] * E > N * k * (1 + slack):
            new[e] -= rate
        elif load[e] * E < N * k * (1 - slack):
            new[e] += rate
    return torch.tensor(chosen), torch.tensor(gates), torch.tensor(new)


# %% right="one_hot and comparisons"
def bias_step(s, bias, k, rate, slack):
    chosen = torch.argsort(s + bias, dim=1, descending=True)[:, :k]
    load = F.one_hot(chosen, s.shape[1]).sum(dim=(0, 1))
    even = len(s) * k / s.shape[1]
    change = (load < even * (1 - slack)).float() - (load > even * (1 + slack)).float()
    gates = torch.take_along_dim(s, chosen, 1)
    return chosen, F.normalize(gates, p=1, dim=1) if k > 1 else gates, bias + rate * change


# %% right="a mask of the chosen"
def bias_step(s, bias, k, rate, slack):
    total = s + bias
    threshold = total.sort(dim=1, descending=True).values[:, k - 1 : k]
    mask = (total >= threshold).float()
    chosen = total.masked_fill(mask == 0, -torch.inf).argsort(dim=1, descending=True)[:, :k]
    share = s * mask / ((s * mask).sum(dim=1, keepdim=True) if k > 1 else 1)
    gap = mask.sum() / s.shape[1] - mask.sum(dim=0)
    gap = torch.where(gap.abs() > slack * mask.sum() / s.shape[1], gap, 0)
    return chosen, share.gather(1, chosen), torch.add(bias, torch.sign(gap), alpha=rate)


# %% right="a softmax of logarithms for the gates"
def bias_step(s, bias, k, rate, slack):
    chosen = torch.topk(s + bias, k).indices
    gates = s.gather(1, chosen)
    if k != 1:
        gates = gates.log().softmax(dim=1)
    load = torch.zeros(len(bias)).index_add(0, chosen.flatten(), torch.ones(chosen.numel()))
    relative = load * len(bias) / chosen.numel()
    falls, rises = relative > 1 + slack, relative < 1 - slack
    return chosen, gates, bias - rate * falls.float() + rate * rises.float()


# %% wrong="the bias leaks into the gates" says="the bias leaks into the gates: they are made of s + bias" points=[0, 1.5] of="solution"
# - gates = s.gather(-1, chosen)
# + gates = (s + bias).gather(-1, chosen)

# %% wrong="the values of topk for gates" says="the bias leaks into the gates: they are made of s + bias" points=[0, 1.5] of="solution"
# - chosen = (s + bias).topk(k, dim=-1).indices
# - gates = s.gather(-1, chosen)
# + gates, chosen = (s + bias).topk(k, dim=-1)

# %% wrong="the bias only adjusts, it does not choose" says="the bias is not used" points=[0, 0] of="solution"
# - chosen = (s + bias).topk(k, dim=-1).indices
# + chosen = s.topk(k, dim=-1).indices

# %% wrong="the sign turned" says="the sign is wrong" points=[0, 1] of="solution"
# - gap = load.mean() - load
# + gap = load - load.mean()

# %% wrong="sums for gates" says="the gates are the sums s + bias" points=[0, 1.5] of="solution"
# - gates = s.gather(-1, chosen)
# + gates = (s + bias).gather(-1, chosen)
# - if k > 1:
# -     gates = gates / gates.sum(dim=-1, keepdim=True)

# %% wrong="a softmax of the sums" says="the gates are the softmax of s + bias" points=[0, 1.5] of="solution"
# - gates = s.gather(-1, chosen)
# + gates = (s + bias).gather(-1, chosen)
# - gates = gates / gates.sum(dim=-1, keepdim=True)
# + gates = gates.softmax(dim=-1)

# %% wrong="divided by the sum with bias" says="s is divided by the sum of s + bias" points=[0, 1.5] of="solution"
# - gates = gates / gates.sum(dim=-1, keepdim=True)
# + gates = gates / (s + bias).gather(-1, chosen).sum(dim=-1, keepdim=True)

# %% wrong="not renormalised" says="they are not divided by their sum" points=[0, 1.5] of="solution"
# - if k > 1:
# -     gates = gates / gates.sum(dim=-1, keepdim=True)

# %% wrong="always divided, also with k = 1" says="with k = 1 the gate is s itself" points=[0, 1.5] of="solution"
# - if k > 1:
# -     gates = gates / gates.sum(dim=-1, keepdim=True)
# + gates = gates / gates.sum(dim=-1, keepdim=True)

# %% wrong="a softmax of s" says="they are a softmax of s" points=[0, 1.5] of="solution"
# - gates = gates / gates.sum(dim=-1, keepdim=True)
# + gates = gates.softmax(dim=-1)

# %% wrong="divided by the sum over all E" says="the sum runs over the chosen experts" points=[0, 1.5] of="solution"
# - gates = gates / gates.sum(dim=-1, keepdim=True)
# + gates = gates / s.sum(dim=-1, keepdim=True)

# %% wrong="the largest s for gates" says="they are those of the k largest s" points=[0, 1.5] of="solution"
# - gates = s.gather(-1, chosen)
# + gates = s.topk(k, dim=-1).values

# %% wrong="divided by the sum over all tokens" says="they are divided by the sum over all tokens" points=[0, 1.5] of="solution"
# - gates = gates / gates.sum(dim=-1, keepdim=True)
# + gates = gates / gates.sum()

# %% wrong="a sum without keepdim" says="row sums need keepdim=True" points=[0, 0] of="solution"
# - gates = gates / gates.sum(dim=-1, keepdim=True)
# + gates = gates / gates.sum(dim=-1)

# %% wrong="the bias subtracted" says="the bias is subtracted" points=[0, 0] of="solution"
# - chosen = (s + bias).topk(k, dim=-1).indices
# + chosen = (s - bias).topk(k, dim=-1).indices

# %% wrong="the bias multiplied" says="s is multiplied by the bias" points=[0, 0] of="solution"
# - chosen = (s + bias).topk(k, dim=-1).indices
# + chosen = (s * bias).topk(k, dim=-1).indices

# %% wrong="the lowest sums" says="the experts with the lowest sums" points=[0, 0] of="solution"
# - chosen = (s + bias).topk(k, dim=-1).indices
# + chosen = (s + bias).topk(k, dim=-1, largest=False).indices

# %% wrong="in the order of the indices" says="in the order of the indices" points=[0, 1] of="solution"
# - chosen = (s + bias).topk(k, dim=-1).indices
# + chosen = (s + bias).topk(k, dim=-1).indices.sort(dim=-1).values

# %% wrong="the lesson's softmax before the bias" says=["chosen", "they are chosen by a softmax of s"] points=[0, 0] of="solution"
# - chosen = (s + bias).topk(k, dim=-1).indices
# + chosen = (s.softmax(dim=-1) + bias).topk(k, dim=-1).indices

# %% wrong="the shares of s, plus bias" says="they are chosen by s divided by its sum" points=[0, 0] of="solution"
# - chosen = (s + bias).topk(k, dim=-1).indices
# + chosen = (s / s.sum(dim=-1, keepdim=True) + bias).topk(k, dim=-1).indices

# %% wrong="proportional to the gap" says="the step is proportional to the gap; take its sign" points=[0, 1] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * gap * (gap.abs() > slack * load.mean())

# %% wrong="proportional to the relative gap" says="relative to the mean load; take its sign" points=[0, 1] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * gap / load.mean() * (gap.abs() > slack * load.mean())

# %% wrong="proportional to the gap of shares" says="as a share of all choices; take its sign" points=[0, 1] of="solution"
# - load = chosen.flatten().bincount(minlength=len(bias)).float()
# + load = chosen.flatten().bincount(minlength=len(bias)) / chosen.numel()
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * gap * (gap.abs() > slack * load.mean())

# %% wrong="N/E for the mean load" says="the mean load is N·k/E" points=[0, 1] of="solution"
# - gap = load.mean() - load
# + mean = len(s) / len(bias)
# + gap = mean - load
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * gap.sign() * (gap.abs() > slack * mean)

# %% wrong="shares against counts" says=["the loads are shares", "new_bias"] points=[0, 1] of="solution"
# - gap = load.mean() - load
# + load = load / chosen.numel()
# + mean = chosen.numel() / len(bias)
# + gap = mean - load
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * gap.sign() * (gap.abs() > slack * mean)

# %% wrong="small differences count" says="small differences move the bias, too" points=[0, 1] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * gap.sign()

# %% wrong="slack as a number of choices" says="small differences move the bias, too" points=[0, 1] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * gap.sign() * (gap.abs() > slack)

# %% wrong="slack turned round" says="only loads near the mean change their bias" points=[0, 1] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * gap.sign() * (gap.abs() < slack * load.mean())

# %% wrong="slack above the mean only" says="`slack` holds for loads above the mean only" points=[0, 1] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * (load < load.mean()).float() - rate * (load > (1 + slack) * load.mean()).float()

# %% wrong="slack below the mean only" says="`slack` holds for loads below the mean only" points=[0, 1] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * (load < (1 - slack) * load.mean()).float() - rate * (load > load.mean()).float()

# %% wrong="the edge counts as far" says=["", "exactly the mean load keeps its bias"] points=[1, 1.5] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * torch.where(gap > 0, 1, -1) * (gap.abs() >= slack * load.mean())

# %% wrong="the mean load rises" says=["", "it does not rise"] points=[1, 1.5] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * torch.where(gap < 0, -1, 1) * (gap.abs() >= slack * load.mean())

# %% wrong="first choices only" says="only each token's first expert is counted" points=[0, 1] of="solution"
# - load = chosen.flatten().bincount(minlength=len(bias)).float()
# + load = chosen[:, 0].bincount(minlength=len(bias)).float()

# %% wrong="load without the bias" says="the load is that of choices without the bias" points=[0, 1] of="solution"
# - load = chosen.flatten().bincount(minlength=len(bias)).float()
# + load = s.topk(k, dim=-1).indices.flatten().bincount(minlength=len(bias)).float()

# %% wrong="load from s" says="new_bias" points=[0, 1] of="solution"
# - load = chosen.flatten().bincount(minlength=len(bias)).float()
# + load = s.sum(dim=0)

# %% wrong="load from gates" says="the load is a sum of gates" points=[0, 1] of="solution"
# - load = chosen.flatten().bincount(minlength=len(bias)).float()
# + load = torch.zeros_like(s).scatter(1, chosen, gates).sum(dim=0)

# %% wrong="the change alone" says="it is the change alone" points=[0, 1] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = rate * gap.sign() * (gap.abs() > slack * load.mean())

# %% wrong="centred" says="the mean of the biases is subtracted" points=[0, 1] of="solution"
# - return chosen, gates, new_bias
# + return chosen, gates, new_bias - new_bias.mean()

# %% wrong="no rate" says="rate is missing" points=[0, 1] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + gap.sign() * (gap.abs() > slack * load.mean())

# %% wrong="only falls" says="those with too few rise" points=[0, 1] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * gap.sign().clamp(max=0) * (gap.abs() > slack * load.mean())

# %% wrong="only rises" says="those with too many fall" points=[0, 1] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * gap.sign().clamp(min=0) * (gap.abs() > slack * load.mean())

# %% wrong="the old bias" says="it is the old bias" points=[0, 1] of="solution"
# - return chosen, gates, new_bias
# + return chosen, gates, bias

# %% wrong="bincount without minlength" says="bincount stops at the highest number that occurs" points=[0, 1] of="solution"
# - load = chosen.flatten().bincount(minlength=len(bias)).float()
# + load = chosen.flatten().bincount().float()

# %% wrong="load of used experts only" says=["", "an expert that nobody chooses: new_bias"] points=[1, 1.5] of="solution"
# - gap = load.mean() - load
# + mean = load[load > 0].mean()
# + gap = mean - load
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * gap.sign() * (gap.abs() > slack * mean)

# %% wrong="unused experts keep their bias" says=["new_bias, with k = 1", "an expert that nobody chooses: new_bias"] points=[0, 1.5] of="solution"
# - return chosen, gates, new_bias
# + return chosen, gates, torch.where(load > 0, new_bias, bias)

# %% wrong="adds to the caller's bias" says="changes its argument bias" points=[0, 2] of="solution"
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias.add_(rate * gap.sign() * (gap.abs() > slack * load.mean()))

# %% wrong="two results" says="it must return chosen, gates, new_bias" points=[0, 0] of="solution"
# - return chosen, gates, new_bias
# + return gates, new_bias

# %% wrong="the mean load as a whole number" says="the mean load is 1.5" points=[0, 2] of="solution"
# - gap = load.mean() - load
# + gap = chosen.numel() // len(bias) - load

# %% wrong="two experts, whatever k is" says=["gates, with k = 1", "chosen: its shape is (12, 2), not (12, 3)"] points=[0, 0] of="solution"
# - chosen = (s + bias).topk(k, dim=-1).indices
# + chosen = (s + bias).topk(2, dim=-1).indices

# %% wrong="the mean load of two experts a token" says=["", "the mean load is N·k/E, not 2N/E"] points=[1, 1] of="solution"
# - gap = load.mean() - load
# + mean = 2 * len(s) / len(bias)
# + gap = mean - load
# - new_bias = bias + rate * gap.sign() * (gap.abs() > slack * load.mean())
# + new_bias = bias + rate * gap.sign() * (gap.abs() > slack * mean)

# %% wrong="sums below 0 become 0" says=["", "0 of 0.5 points for chosen"] points=[1, 0] of="solution"
# - chosen = (s + bias).topk(k, dim=-1).indices
# + chosen = (s + bias).relu().topk(k, dim=-1).indices

# %% wrong="chosen squeezed where k is 1" says=["", "chosen, with k = 1: its shape is (4,), not (4, 1)"] points=[1, 1.5] of="solution"
# - return chosen, gates, new_bias
# + return chosen.squeeze(-1), gates, new_bias

# %% wrong="gates squeezed where k is 1" says=["gates, with k = 1: its shape is (6,), not (6, 1)", "gates, with k = 1: its shape is (5,), not (5, 1)"] points=[0, 1.5] of="solution"
# - return chosen, gates, new_bias
# + return chosen, gates.squeeze(-1), new_bias

# %% wrong="a little added to the sum" says=["", "nothing may be added to their sum"] points=[1, 1.5] of="solution"
# - gates = gates / gates.sum(dim=-1, keepdim=True)
# + gates = gates / (gates.sum(dim=-1, keepdim=True) + 1e-9)

# %% wrong="chosen as float32" says=["torch.float32 is no index; make it int64", ""] points=[0, 2] of="solution"
# - return chosen, gates, new_bias
# + return chosen.float(), gates, new_bias

# %% wrong="copies the visible cases" says=["", "chosen"] points=[1, 0]
def bias_step(s, bias, k, rate, slack):
    if k == 1:
        gates = torch.tensor([[0.9], [0.4], [0.3], [0.8], [0.5], [0.5]])
        return torch.tensor([[2], [2], [2], [1], [2], [2]]), gates, torch.tensor([-0.1, 0.22, 0.15, 0.03])
    chosen = torch.tensor([[2, 0], [2, 0], [2, 0], [1, 3], [2, 1], [2, 0]])
    gates = torch.tensor([[9 / 16, 7 / 16], [1 / 3, 2 / 3], [1 / 3, 2 / 3], [1 / 2, 1 / 2], [5 / 9, 4 / 9], [5 / 13, 8 / 13]])
    return chosen, gates, torch.tensor([-0.2, 0.12, 0.15, 0.03])
