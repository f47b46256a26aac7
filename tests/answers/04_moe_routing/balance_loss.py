# %% right="a loop over the machines"
def balance_loss(p, chosen, machine, counted):
    tokens = [n for n in range(len(p)) if counted[n]]
    where = machine[chosen[tokens]]
    loss = 0
    for m in range(int(machine.max()) + 1):
        mine = machine == m
        share = (where == m).sum().item() / where.numel()
        loss = loss + len(machine) / mine.sum().item() * share * p[tokens][:, mine].sum() / len(tokens)
    return loss


# %% right="one_hot and einsum"
def balance_loss(p, chosen, machine, counted):
    c, of = counted.float(), F.one_hot(machine).float()
    hits = F.one_hot(chosen, p.shape[1]).float().sum(dim=1)
    f = torch.einsum("n,ne,em->m", c, hits, of) / (c.sum() * chosen.shape[1])
    P = torch.einsum("n,ne,em->m", c, p, of) / c.sum()
    return (f * P / of.mean(dim=0)).sum()


# %% right="the price of a machine, looked up for each expert"
def balance_loss(p, chosen, machine, counted):
    choices = machine[chosen[counted]].flatten()
    held = machine.bincount()
    f = torch.zeros(len(held)).index_add(0, choices, torch.ones(len(choices))) / len(choices)
    price = len(machine) * f / held
    return (p[counted] * price[machine]).sum(dim=1).mean()


# %% right="a look-up: the mean probability of every choice's machine"
def balance_loss(p, chosen, machine, counted):
    P = torch.zeros(int(machine.max()) + 1).scatter_add(0, machine, p[counted].mean(dim=0))
    weight = len(machine) / machine.bincount()
    return (weight * P)[machine[chosen[counted]]].mean()


# %% right="NumPy counts"
import numpy as np


def balance_loss(p, chosen, machine, counted):
    of, kept = machine.numpy(), counted.numpy()
    names, counts = np.unique(of[chosen.numpy()[kept]], return_counts=True)
    loss = 0
    for m, count in zip(names, counts):
        mine = torch.from_numpy(of == m)
        P = p[counted][:, mine].sum(dim=1).mean()
        loss = loss + len(of) / (of == m).sum() * (count / counts.sum()) * P
    return loss


# %% wrong="padding counts" says="padding counts; leave out the tokens" points=[0, 0] of="solution"
# - p, chosen = p[counted], chosen[counted]

# %% wrong="padding counts in f" says="the choices of padding count in f" points=[0, 0] of="solution"
# - p, chosen = p[counted], chosen[counted]
# + p = p[counted]

# %% wrong="padding counts in P" says="the probabilities of padding count in P" points=[0, 0] of="solution"
# - p, chosen = p[counted], chosen[counted]
# + chosen = chosen[counted]

# %% wrong="divided by all N" says="divide by the number of tokens that count" points=[0, 0] of="solution"
# - p, chosen = p[counted], chosen[counted]
# + N = len(p)
# + p, chosen = p[counted], chosen[counted]
# - f = machine[chosen].flatten().bincount(minlength=len(held)) / chosen.numel()
# - P = torch.zeros(len(held)).index_add(0, machine, p.mean(dim=0))
# + f = machine[chosen].flatten().bincount(minlength=len(held)) / (N * chosen.shape[1])
# + P = torch.zeros(len(held)).index_add(0, machine, p.sum(dim=0) / N)

# %% wrong="only padding counts" says="`counted` works the wrong way round" points=[0, 0] of="solution"
# - p, chosen = p[counted], chosen[counted]
# + p, chosen = p[~counted], chosen[~counted]

# %% wrong="machines alike" says="every machine weighs the same" points=[0, 0] of="solution"
# - return len(machine) * (f * P / held).sum()
# + return len(held) * (f * P).sum()

# %% wrong="E for every machine" says="every machine weighs E; machine m weighs E/E_m" points=[0, 0] of="solution"
# - return len(machine) * (f * P / held).sum()
# + return len(machine) * (f * P).sum()

# %% wrong="times E_m" says="E_m stands on the wrong side" points=[0, 0] of="solution"
# - return len(machine) * (f * P / held).sum()
# + return (held * f * P).sum()

# %% wrong="the lesson's, over the experts" says="it is the loss over the experts" points=[0, 0] of="solution"
# - held = machine.bincount()  # E_m
# - f = machine[chosen].flatten().bincount(minlength=len(held)) / chosen.numel()
# - P = torch.zeros(len(held)).index_add(0, machine, p.mean(dim=0))
# - return len(machine) * (f * P / held).sum()
# + f = chosen.flatten().bincount(minlength=len(machine)) / chosen.numel()
# + return len(machine) * (f * p.mean(dim=0)).sum()

# %% wrong="the mean over a machine's experts" says="P_m is the mean over the machine's experts" points=[0, 0] of="solution"
# - return len(machine) * (f * P / held).sum()
# + P = P / held
# + return len(machine) * (f * P / held).sum()

# %% wrong="probabilities alone, P twice" says="it has P twice" points=[0, 0] of="solution"
# - return len(machine) * (f * P / held).sum()
# + return len(machine) * (P * P / held).sum()

# %% wrong="counts alone, f twice" says="it has f twice" points=[0, 0] of="solution"
# - return len(machine) * (f * P / held).sum()
# + return len(machine) * (f * f / held).sum()

# %% wrong="shares that sum to k" says="f sums to k" points=[0, 0] of="solution"
# - f = machine[chosen].flatten().bincount(minlength=len(held)) / chosen.numel()
# + f = machine[chosen].flatten().bincount(minlength=len(held)) / len(p)

# %% wrong="no factor E" says="the factor E is missing" points=[0, 0] of="solution"
# - return len(machine) * (f * P / held).sum()
# + return (f * P / held).sum()

# %% wrong="first choices only" says="only each token's first expert is counted" points=[0, 0] of="solution"
# - f = machine[chosen].flatten().bincount(minlength=len(held)) / chosen.numel()
# + f = machine[chosen[:, 0]].bincount(minlength=len(held)) / len(p)

# %% wrong="last choices only" says="only each token's last expert is counted" points=[0, 0] of="solution"
# - f = machine[chosen].flatten().bincount(minlength=len(held)) / chosen.numel()
# + f = machine[chosen[:, -1]].bincount(minlength=len(held)) / len(p)

# %% wrong="counts the argmax of p" says="the most probable experts are counted; count those in chosen" points=[0, 0] of="solution"
# - f = machine[chosen].flatten().bincount(minlength=len(held)) / chosen.numel()
# + f = machine[p.argmax(dim=1)].bincount(minlength=len(held)) / len(p)

# %% wrong="counts the k most probable" says="the k most probable experts are counted" points=[0, 0] of="solution"
# - f = machine[chosen].flatten().bincount(minlength=len(held)) / chosen.numel()
# + f = machine[p.topk(chosen.shape[1]).indices].flatten().bincount(minlength=len(held)) / chosen.numel()

# %% wrong="a token counts once for a machine" says="a token counts once for a machine" points=[0, 0] of="solution"
# - f = machine[chosen].flatten().bincount(minlength=len(held)) / chosen.numel()
# + hit = F.one_hot(machine[chosen], len(held)).amax(dim=1).sum(dim=0)
# + f = hit / hit.sum()

# %% wrong="probabilities only where chosen" says="a probability counts only where the token chose the expert" points=[0, 0] of="solution"
# - P = torch.zeros(len(held)).index_add(0, machine, p.mean(dim=0))
# + p = torch.zeros_like(p).scatter(1, chosen, p.gather(1, chosen))
# + P = torch.zeros(len(held)).index_add(0, machine, p.mean(dim=0))

# %% wrong="P summed" says="P is the sum over the tokens" points=[0, 0] of="solution"
# - P = torch.zeros(len(held)).index_add(0, machine, p.mean(dim=0))
# + P = torch.zeros(len(held)).index_add(0, machine, p.sum(dim=0))

# %% wrong="counts for shares" says="the counts are not divided by the number of choices" points=[0, 0] of="solution"
# - f = machine[chosen].flatten().bincount(minlength=len(held)) / chosen.numel()
# + f = machine[chosen].flatten().bincount(minlength=len(held))

# %% wrong="nothing divided" says="neither counts nor probabilities are divided" points=[0, 0] of="solution"
# - f = machine[chosen].flatten().bincount(minlength=len(held)) / chosen.numel()
# - P = torch.zeros(len(held)).index_add(0, machine, p.mean(dim=0))
# + f = machine[chosen].flatten().bincount(minlength=len(held))
# + P = torch.zeros(len(held)).index_add(0, machine, p.sum(dim=0))

# %% wrong="a softmax of p" says="there is a softmax too many" points=[0, 0] of="solution"
# - p, chosen = p[counted], chosen[counted]
# + p, chosen = p[counted].softmax(dim=-1), chosen[counted]

# %% wrong="minus" says="the sign is wrong" points=[0, 0] of="solution"
# - return len(machine) * (f * P / held).sum()
# + return -len(machine) * (f * P / held).sum()

# %% wrong="2 for k" says=["divided by twice the tokens although k is 1 here", "the loss"] points=[0, 0] of="solution"
# - f = machine[chosen].flatten().bincount(minlength=len(held)) / chosen.numel()
# + f = machine[chosen].flatten().bincount(minlength=len(held)) / (2 * len(p))

# %% wrong="bincount without minlength" says="bincount stops at the highest number that occurs" points=[0, 0.5] of="solution"
# - f = machine[chosen].flatten().bincount(minlength=len(held)) / chosen.numel()
# + f = machine[chosen].flatten().bincount() / chosen.numel()

# %% wrong="E_m counted in the choices" says=["bincount stops at the highest number that occurs", "the loss: it is"] points=[0, 0] of="solution"
# - held = machine.bincount()  # E_m
# + held = machine[chosen].flatten().bincount()

# %% wrong="one number for each machine" says=["its shape is (3,), not ()", "its shape is (3,), not ()"] points=[0, 0] of="solution"
# - return len(machine) * (f * P / held).sum()
# + return len(machine) * f * P / held

# %% wrong="item" says=["not a tensor", "backward() cannot reach p"] points=[0, 0] of="solution"
# - return len(machine) * (f * P / held).sum()
# + return (len(machine) * (f * P / held).sum()).item()

# %% wrong="P detached" says=["", "backward() cannot reach p"] points=[1, 0.5] of="solution"
# - p, chosen = p[counted], chosen[counted]
# + p, chosen = p.detach()[counted], chosen[counted]

# %% wrong="the gradient of the chosen only" says=["", "the gradient, (E/E_m) f_m"] points=[1, 0.5] of="solution"
# - P = torch.zeros(len(held)).index_add(0, machine, p.mean(dim=0))
# + hits = torch.zeros_like(p).scatter(1, chosen, 1.0).bool()
# + P = torch.zeros(len(held)).index_add(0, machine, torch.where(hits, p, p.detach()).mean(dim=0))

# %% wrong="empties the padding in place" says=["changes its argument p", "in-place operation"] points=[0, 0.5] of="solution"
# - p, chosen = p[counted], chosen[counted]
# + p[~counted] = 0
# + p, chosen = p[counted], chosen[counted]

# %% wrong="empties chosen, and is right about what was in it" says=["changes its argument chosen", ""] points=[0, 1] of="solution"
# - p, chosen = p[counted], chosen[counted]
# + given, chosen = chosen, chosen[counted].clone()
# + given[:] = 0
# + p = p[counted]

# %% wrong="a loss of shape (1,)" says="its shape is (1,), not ()" points=[0, 0] of="solution"
# - return len(machine) * (f * P / held).sum()
# + return len(machine) * (f * P / held).sum(dim=0, keepdim=True)

# %% wrong="copies the visible cases" says=["", "the loss"] points=[1, 0]
def balance_loss(p, chosen, machine, counted):
    return torch.tensor(0.865625 if chosen.shape[1] == 2 else 3.0)
