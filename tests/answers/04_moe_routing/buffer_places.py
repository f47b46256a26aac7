# %% right="a loop with a count for each expert"
def buffer_places(chosen, gates, E, factor):
    N, k = chosen.shape
    capacity = math.ceil(factor * N * k / E)
    taken, places = [0] * E, torch.full((N, k), -1)
    for n, j in sorted(((n, j) for n in range(N) for j in range(k)), key=lambda at: (-gates[at], at)):
        e = chosen[n, j]
        if taken[e] < capacity:
            places[n, j] = taken[e]
            taken[e] += 1
    return places


# %% right="expert by expert, and ranks"
def buffer_places(chosen, gates, E, factor):
    N, k = chosen.shape
    places = torch.full((N, k), -1)
    for e in range(E):
        tokens, columns = (chosen == e).nonzero(as_tuple=True)
        ranks = (-gates[tokens, columns]).argsort(stable=True).argsort()
        places[tokens, columns] = ranks
    return places.where(places < math.ceil(factor * N * k / E), -1)


# %% right="counts those before, all pairs"
def buffer_places(chosen, gates, E, factor):
    N, k = chosen.shape
    e, g = chosen.flatten(), gates.flatten()
    higher = (g[None, :] > g[:, None]) | ((g[None, :] == g[:, None]).tril(-1))
    before = ((e[:, None] == e[None, :]) & higher).sum(dim=1)
    capacity = -int(-factor * N * k // E)
    return torch.where(before < capacity, before, torch.tensor(-1)).unflatten(0, (N, k))


# %% right="NumPy: sorted by expert and by gate"
import numpy as np


def buffer_places(chosen, gates, E, factor):
    e, g = chosen.flatten().numpy(), gates.flatten().numpy()
    order = np.lexsort((np.arange(len(e)), -g, e))
    counts = np.bincount(e, minlength=E)
    starts = np.cumsum(counts) - counts
    places = np.empty_like(e)
    places[order] = np.arange(len(e)) - starts[e[order]]
    places[places >= math.ceil(factor * len(e) / E)] = -1
    return torch.from_numpy(places).view(chosen.shape)


# %% wrong="the lesson's order: gates have no effect" says=["gates have no effect: all first choices come before", "gates have no effect"] points=[0, 0] of="solution"
# - order = gates.flatten().sort(descending=True, stable=True).indices
# + order = torch.arange(N * k).view(N, k).T.flatten()

# %% wrong="token by token" says="gates have no effect: it goes token by token" points=[0, 0] of="solution"
# - order = gates.flatten().sort(descending=True, stable=True).indices
# + order = torch.arange(N * k)

# %% wrong="by gate within a column" says="it is the gate alone that decides" points=[0, 0.5] of="solution"
# - order = gates.flatten().sort(descending=True, stable=True).indices
# + order = (gates - gates.max() * torch.arange(k) * 9 - torch.arange(k) * 99).flatten().sort(descending=True, stable=True).indices

# %% wrong="the lowest gates first" says="the lowest gates come first" points=[0, 0] of="solution"
# - order = gates.flatten().sort(descending=True, stable=True).indices
# + order = gates.flatten().sort(stable=True).indices

# %% wrong="a token's best gate for all" says="a token's highest gate decides for all of its choices" points=[0, 0.5] of="solution"
# - order = gates.flatten().sort(descending=True, stable=True).indices
# + order = gates.amax(dim=1, keepdim=True).expand(N, k).flatten().sort(descending=True, stable=True).indices

# %% wrong="larger tokens first where gates are equal" says="the larger token index comes first" points=[0, 0] of="solution"
# - order = gates.flatten().sort(descending=True, stable=True).indices
# + order = gates.flatten().sort(stable=True).indices.flip(0)

# %% wrong="an unstable sort" says=["sort with stable=True", "the places"] points=[0, 1] of="solution"
# - order = gates.flatten().sort(descending=True, stable=True).indices
# + order = gates.flatten().argsort(descending=True)

# %% wrong="not put back" says="the places stand in the order of the gates" points=[0, 0] of="solution"
# - return places[order.argsort()].view(N, k)
# + return places.view(N, k)

# %% wrong="put back by order itself" says="put back by order itself" points=[0, 0] of="solution"
# - return places[order.argsort()].view(N, k)
# + return places[order].view(N, k)

# %% wrong="rounded down" says=["an expert keeps 3, the capacity is 4", "the capacity is rounded up"] points=[0, 0.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = int(factor * N * k / E)

# %% wrong="one more: > for >=" says=["an expert keeps 5, the capacity is 4", "an expert keeps one too many"] points=[0, 0] of="solution"
# - places = places.masked_fill(places >= capacity, -1)
# + places = places.masked_fill(places > capacity, -1)

# %% wrong="rounded down, plus one" says="an expert keeps one too many" points=[0, 0.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = int(factor * N * k / E) + 1

# %% wrong="rounded to the nearest" says=["", "one too few"] points=[1, 0.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = round(factor * N * k / E)

# %% wrong="one less" says=["an expert keeps 3, the capacity is 4", "an expert keeps one too few"] points=[0, 0] of="solution"
# - places = places.masked_fill(places >= capacity, -1)
# + places = places.masked_fill(places >= capacity - 1, -1)

# %% wrong="no k in the capacity" says="k stands in the capacity" points=[0, 0.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = math.ceil(factor * N / E)

# %% wrong="no factor" says=["the factor is not used", "the factor is not used"] points=[0, 0] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = math.ceil(N * k / E)

# %% wrong="nothing dropped" says="nothing is dropped" points=[0, 0] of="solution"
# - places = places.masked_fill(places >= capacity, -1)

# %% wrong="from 1" says="places count from 1; they start at 0" points=[0, 0] of="solution"
# - places = (queue.cumsum(dim=0) * queue).sum(dim=1) - 1
# - places = places.masked_fill(places >= capacity, -1)
# + places = (queue.cumsum(dim=0) * queue).sum(dim=1)
# + places = places.masked_fill(places > capacity, -1)

# %% wrong="0 for dropped" says="a dropped choice has 0, which is a place" points=[0, 0] of="solution"
# - places = places.masked_fill(places >= capacity, -1)
# + places = places.masked_fill(places >= capacity, 0)

# %% wrong="clamped to the capacity" says="a dropped choice has the capacity" points=[0, 0] of="solution"
# - places = places.masked_fill(places >= capacity, -1)
# + places = places.clamp(max=capacity)

# %% wrong="a mask as numbers" says="it is 1 where a choice is kept" points=[0, 0] of="solution"
# - places = places.masked_fill(places >= capacity, -1)
# + places = (places < capacity).long()

# %% wrong="a mask" says=["its dtype is torch.bool, not torch.int64", "its dtype is torch.bool, not torch.int64"] points=[0, 0] of="solution"
# - places = places.masked_fill(places >= capacity, -1)
# + places = places < capacity

# %% wrong="places among all choices" says=["a place counts all choices before", "the places"] points=[0, 0] of="solution"
# - places = (queue.cumsum(dim=0) * queue).sum(dim=1) - 1
# + places = torch.arange(N * k)

# %% wrong="the whole token is dropped" says="one dropped choice drops the whole token" points=[0, 0.5] of="solution"
# - return places[order.argsort()].view(N, k)
# + places = places[order.argsort()].view(N, k)
# + return places.masked_fill((places < 0).any(dim=1, keepdim=True), -1)

# %% wrong="stays flat" says=["its shape is (14,), not (7, 2)", "its shape is"] points=[0, 0] of="solution"
# - return places[order.argsort()].view(N, k)
# + return places[order.argsort()]

# %% wrong="marks the caller's choices" says="changes its argument chosen" points=[0, 2] of="solution"
# - return places[order.argsort()].view(N, k)
# + places = places[order.argsort()].view(N, k)
# + chosen[places < 0] = -1
# + return places

# %% wrong="rounded up inside" says=["", "an expert keeps one too many"] points=[1, 1] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = math.ceil(factor * math.ceil(N * k / E))

# %% wrong="rounded down inside" says=["N·k/E stays a fraction", "an expert keeps one too few"] points=[0, 1] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = math.ceil(factor * (N * k // E))

# %% wrong="E from the choices" says=["", "E is the number of all experts"] points=[1, 1.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = math.ceil(factor * N * k / (int(chosen.max()) + 1))

# %% wrong="a factor of 1 at most" says=["", "a factor above 1 is taken for 1"] points=[1, 1.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = math.ceil(min(factor, 1) * N * k / E)

# %% wrong="two places at least" says=["", "an expert keeps one too many"] points=[1, 1.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = max(2, math.ceil(factor * N * k / E))

# %% wrong="gates above 0 come first, by size" says=["", "the places"] points=[1, 0] of="solution"
# - order = gates.flatten().sort(descending=True, stable=True).indices
# + order = gates.abs().flatten().sort(descending=True, stable=True).indices

# %% wrong="places as float32" says=["torch.float32 is no index; make it int64", ""] points=[0, 2] of="solution"
# - return places[order.argsort()].view(N, k)
# + return places[order.argsort()].view(N, k).float()

# %% wrong="a buffer for each column" says="the columns count separately" points=[0, 0.5] of="a loop with a count for each expert"
# - if taken[e] < capacity:
# -     places[n, j] = taken[e]
# -     taken[e] += 1
# + before = sum(1 for m, i in done if i == j and chosen[m, i] == e)
# + done.append((n, j))
# + if before < capacity:
# +     places[n, j] = before
# - taken, places = [0] * E, torch.full((N, k), -1)
# + done, places = [], torch.full((N, k), -1)

# %% wrong="copies the visible cases" says=["", "the places"] points=[1, 0]
def buffer_places(chosen, gates, E, factor):
    if E == 1:
        return torch.tensor([[0], [1], [2], [3], [4]] + [[-1]] * 35)
    return torch.tensor([[0, -1], [0, -1], [0, 2], [1, 3], [2, 1], [2, 3], [1, -1]])
