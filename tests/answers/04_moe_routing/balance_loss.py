# %% right="a loop over the experts"
def balance_loss(p, chosen):
    N, E = p.shape
    loss = 0
    for e in range(E):
        share = (chosen == e).sum().item() / chosen.numel()
        loss = loss + share * p[:, e].sum() / N
    return E * loss


# %% right="one_hot and einsum"
def balance_loss(p, chosen):
    E = p.shape[-1]
    hits = F.one_hot(chosen, E).float()
    return E * torch.einsum("nke,me->", hits, p) / (hits.sum() * len(p))


# %% right="the mean over all pairs, scaled"
def balance_loss(p, chosen):
    counts = torch.zeros_like(p).scatter_add(1, chosen, torch.ones_like(p[:, : chosen.shape[1]])).sum(0)
    return (counts / counts.mean()) @ p.mean(0)


# %% right="a look-up: the mean probability of every choice"
def balance_loss(p, chosen):
    return p.shape[1] * p.mean(dim=0)[chosen].mean()


# %% right="NumPy counts"
import numpy as np


def balance_loss(p, chosen):
    names, counts = np.unique(chosen.numpy(), return_counts=True)
    return sum(p.shape[1] * (n / chosen.numel()) * p[:, e].mean() for e, n in zip(names, counts))


# %% wrong="probabilities alone, P twice" says="from probabilities alone" points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return E * (p.mean(dim=0) * p.mean(dim=0)).sum()

# %% wrong="counts alone, f twice" says=["from counts alone", "from counts alone"] points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return E * (f * f).sum()

# %% wrong="shares that sum to k" says="f sums to k" points=[0, 0] of="solution"
# - f = chosen.flatten().bincount(minlength=E) / chosen.numel()
# + f = F.one_hot(chosen, E).float().sum(dim=1).mean(dim=0)

# %% wrong="no factor E" says="the factor E is missing" points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return (f * p.mean(dim=0)).sum()

# %% wrong="E times the mean over the experts" says="was it a mean over the experts" points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return E * (f * p.mean(dim=0)).mean()

# %% wrong="first choices only" says="only each token's first expert is counted" points=[0, 0] of="solution"
# - f = chosen.flatten().bincount(minlength=E) / chosen.numel()
# + f = F.one_hot(chosen[:, 0], E).float().mean(dim=0)

# %% wrong="last choices only" says="only each token's last expert is counted" points=[0, 0] of="solution"
# - f = chosen.flatten().bincount(minlength=E) / chosen.numel()
# + f = F.one_hot(chosen[:, -1], E).float().mean(dim=0)

# %% wrong="counts the argmax of p" says=["only each token's first expert is counted", "the most probable experts are counted; count those in chosen"] points=[0, 0] of="solution"
# - f = chosen.flatten().bincount(minlength=E) / chosen.numel()
# + f = F.one_hot(p.argmax(dim=1), E).float().mean(dim=0)

# %% wrong="probabilities only where chosen" says="a probability counts only where the token chose the expert" points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + P = torch.zeros_like(p).scatter(1, chosen, p.gather(1, chosen)).mean(dim=0)
# + return E * (f * P).sum()

# %% wrong="mean among those that chose" says="P is the mean over the tokens that chose the expert" points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + hits = torch.zeros_like(p).scatter(1, chosen, 1.0)
# + return E * (f * (p * hits).sum(dim=0) / hits.sum(dim=0).clamp(min=1)).sum()

# %% wrong="renormalised gates for P" says="P is the mean of the gates" points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + gates = p.gather(1, chosen)
# + gates = gates / gates.sum(dim=1, keepdim=True)
# + P = torch.zeros_like(p).scatter(1, chosen, gates).mean(dim=0)
# + return E * (f * P).sum()

# %% wrong="P summed" says="P is the sum over the tokens" points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return E * (f * p.sum(dim=0)).sum()

# %% wrong="counts for shares" says="the counts are not divided by N·k" points=[0, 0] of="solution"
# - f = chosen.flatten().bincount(minlength=E) / chosen.numel()
# + f = chosen.flatten().bincount(minlength=E)

# %% wrong="nothing divided" says="neither counts nor probabilities are divided" points=[0, 0] of="solution"
# - f = chosen.flatten().bincount(minlength=E) / chosen.numel()
# - return E * (f * p.mean(dim=0)).sum()
# + f = chosen.flatten().bincount(minlength=E)
# + return E * (f * p.sum(dim=0)).sum()

# %% wrong="a softmax of p" says="there is a softmax too many" points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return E * (f * p.softmax(dim=-1).mean(dim=0)).sum()

# %% wrong="minus" says="the sign is wrong" points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return -E * (f * p.mean(dim=0)).sum()

# %% wrong="E squared" says="it is multiplied by E twice" points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return E**2 * (f * p.mean(dim=0)).sum()

# %% wrong="2 for k" says=["the counts are divided by 2N although k is 1 here", "the loss"] points=[0, 0] of="solution"
# - f = chosen.flatten().bincount(minlength=E) / chosen.numel()
# + f = chosen.flatten().bincount(minlength=E) / (2 * len(p))

# %% wrong="bincount without minlength" says=["size of tensor a (3)", ""] points=[0, 1] of="solution"
# - f = chosen.flatten().bincount(minlength=E) / chosen.numel()
# + f = chosen.flatten().bincount() / chosen.numel()

# %% wrong="P over the experts" says=["must match the size of tensor", "must match the size of tensor"] points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return E * (f * p.mean(dim=1)).sum()

# %% wrong="one number for each expert" says=["its shape is (4,), not ()", "its shape is (6,), not ()"] points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return E * f * p.mean(dim=0)

# %% wrong="item" says=["not a tensor", "backward() cannot reach p"] points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return (E * (f * p.mean(dim=0)).sum()).item()

# %% wrong="P detached" says=["", "backward() cannot reach p"] points=[1, 0.5] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return E * (f * p.detach().mean(dim=0)).sum()

# %% wrong="the gradient of the chosen only" says=["", "the gradient, E f / N for each token"] points=[1, 0.5] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + hits = torch.zeros_like(p).scatter(1, chosen, 1.0).bool()
# + return E * (f * torch.where(hits, p, p.detach()).mean(dim=0)).sum()

# %% wrong="averages p in place" says=["changes its argument p", "in-place operation"] points=[0, 0.5] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return E * (f * p.div_(len(p)).sum(dim=0)).sum()

# %% wrong="E from the choices" says=["not the highest index in chosen", "the loss"] points=[0, 1] of="solution"
# - E = p.shape[1]
# + E = int(chosen.max()) + 1
# - return E * (f * p.mean(dim=0)).sum()
# + return E * (f * p.mean(dim=0)[:E]).sum()

# %% wrong="counts the k most probable" says=["", "the k most probable experts are counted"] points=[1, 0] of="solution"
# - f = chosen.flatten().bincount(minlength=E) / chosen.numel()
# + f = p.topk(chosen.shape[1]).indices.flatten().bincount(minlength=E) / chosen.numel()

# %% wrong="a loss of shape (1,)" says="its shape is (1,), not ()" points=[0, 0] of="solution"
# - return E * (f * p.mean(dim=0)).sum()
# + return E * (f * p.mean(dim=0)).sum(dim=0, keepdim=True)

# %% wrong="empties chosen, and is right about what is left" says="the loss" points=[0, 0] of="solution"
# - E = p.shape[1]
# + E, chosen[:] = p.shape[1], 0

# %% wrong="copies the visible cases" says=["", "the loss"] points=[1, 0]
def balance_loss(p, chosen):
    k = chosen.shape[1]
    return torch.tensor(1.288 if p[0, 0] == 0.1 else 4 / k)
