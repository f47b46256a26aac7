# %% right="a loop with a count for each expert"
def buffer_places(chosen, E, factor):
    N, k = chosen.shape
    capacity = math.ceil(factor * N * k / E)
    taken, places = [0] * E, torch.full((N, k), -1)
    for j in range(k):
        for n in range(N):
            e = chosen[n, j]
            if taken[e] < capacity:
                places[n, j] = taken[e]
                taken[e] += 1
    return places


# %% right="a sort, and each expert's start"
def buffer_places(chosen, E, factor):
    N, k = chosen.shape
    queue = chosen.t().reshape(-1)
    order = queue.argsort(stable=True)
    counts = queue.bincount(minlength=E)
    starts = counts.cumsum(0) - counts
    places = torch.empty_like(queue)
    places[order] = torch.arange(N * k) - starts[queue[order]]
    places[places >= math.ceil(factor * N * k / E)] = -1
    return places.reshape(k, N).t()


# %% right="column by column, with an offset"
def buffer_places(chosen, E, factor):
    N, k = chosen.shape
    capacity = -int(-factor * N * k // E)
    before, columns = torch.zeros(E, dtype=torch.long), []
    for j in range(k):
        hits = F.one_hot(chosen[:, j], E)
        place = (hits.cumsum(0) - 1 + before).gather(1, chosen[:, j : j + 1]).squeeze(1)
        before = before + hits.sum(0)
        columns.append(torch.where(place < capacity, place, -1))
    return torch.stack(columns, dim=1)


# %% right="counts those before, all pairs"
def buffer_places(chosen, E, factor):
    N, k = chosen.shape
    queue = chosen.permute(1, 0).flatten()
    earlier = (queue[:, None] == queue[None, :]).tril(-1).sum(dim=1)
    capacity = math.ceil(factor * N * k / E)
    return torch.where(earlier < capacity, earlier, torch.tensor(-1)).unflatten(0, (k, N)).mT


# %% wrong="token by token" says="it goes token by token" points=[0, 0.5] of="solution"
# - ordered = F.one_hot(chosen.T.flatten(), E)  # (k N, E): all first choices, then all second ones
# + ordered = F.one_hot(chosen.flatten(), E)
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + return places.masked_fill(places >= capacity, -1).view(N, k)

# %% wrong="rounded down" says=["the capacity is rounded up, 3.33 to 4", "the capacity is rounded up"] points=[0, 0.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = int(factor * N * k / E)

# %% wrong="one more: > for >=" says=["an expert keeps one too many: with capacity 2", "an expert keeps one too many"] points=[0, 0] of="solution"
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + return places.masked_fill(places > capacity, -1).view(k, N).T

# %% wrong="the last tokens stay" says="the last tokens are kept" points=[0, 0] of="solution"
# - ordered = F.one_hot(chosen.T.flatten(), E)  # (k N, E): all first choices, then all second ones
# + ordered = F.one_hot(chosen.T.flip(1).flatten(), E)
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + return places.masked_fill(places >= capacity, -1).view(k, N).flip(1).T

# %% wrong="rounded down, plus one" says=["an expert keeps one too many: with capacity 2", "an expert keeps one too many"] points=[0, 1.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = int(factor * N * k / E) + 1

# %% wrong="rounded to the nearest" says="rounded up" points=[0, 0.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = round(factor * N * k / E)

# %% wrong="one less" says=["an expert keeps one too few: with capacity 2", "an expert keeps one too few"] points=[0, 0] of="solution"
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + return places.masked_fill(places >= capacity - 1, -1).view(k, N).T

# %% wrong="no k in the capacity" says=["k stands in the capacity", "k stands in the capacity"] points=[0, 0.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = math.ceil(factor * N / E)

# %% wrong="no factor" says=["the factor is not used", "the factor is not used"] points=[0, 0] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = math.ceil(N * k / E)

# %% wrong="nothing dropped" says=["nothing is dropped", "nothing is dropped"] points=[0, 0] of="solution"
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + return places.view(k, N).T

# %% wrong="from 1" says=["places count from 1; they start at 0", "places count from 1"] points=[0, 0] of="solution"
# - places = (ordered.cumsum(dim=0) * ordered).sum(dim=1) - 1
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + places = (ordered.cumsum(dim=0) * ordered).sum(dim=1)
# + return places.masked_fill(places > capacity, -1).view(k, N).T

# %% wrong="from 1, and 0 for dropped" says=["places count from 1, and a dropped choice has 0", "the places"] points=[0, 0] of="solution"
# - places = (ordered.cumsum(dim=0) * ordered).sum(dim=1) - 1
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + places = (ordered.cumsum(dim=0) * ordered).sum(dim=1)
# + return places.masked_fill(places > capacity, 0).view(k, N).T

# %% wrong="0 for dropped" says="a dropped choice has 0, which is a place" points=[0, 0] of="solution"
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + return places.masked_fill(places >= capacity, 0).view(k, N).T

# %% wrong="clamped to the capacity" says="a dropped choice has the capacity" points=[0, 0] of="solution"
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + return places.clamp(max=capacity).view(k, N).T

# %% wrong="a mask as numbers" says="it is 1 where a choice is kept" points=[0, 0] of="solution"
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + return (places < capacity).long().view(k, N).T

# %% wrong="a mask" says=["its dtype is torch.bool, not torch.int64", "its dtype is torch.bool, not torch.int64"] points=[0, 0] of="solution"
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + return (places < capacity).view(k, N).T

# %% wrong="places among all choices" says=["a place counts all earlier choices", "the places"] points=[0, 0] of="solution"
# - ordered = F.one_hot(chosen.T.flatten(), E)  # (k N, E): all first choices, then all second ones
# - places = (ordered.cumsum(dim=0) * ordered).sum(dim=1) - 1
# + places = torch.arange(N * k)

# %% wrong="second choices first" says="second choices come before first ones" points=[0, 0.5] of="solution"
# - ordered = F.one_hot(chosen.T.flatten(), E)  # (k N, E): all first choices, then all second ones
# + ordered = F.one_hot(chosen.flip(1).T.flatten(), E)
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + return places.masked_fill(places >= capacity, -1).view(k, N).flip(0).T

# %% wrong="a buffer for each column" says="the columns count separately" points=[0, 0.5] of="column by column, with an offset"
# - before = before + hits.sum(0)

# %% wrong="the whole token is dropped" says="one dropped choice drops the whole token" points=[0, 0.5] of="solution"
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + return places.view(k, N).T.masked_fill((places.view(k, N) >= capacity).any(0)[:, None], -1)

# %% wrong="view for transpose" says="the places are right, but at the wrong tokens" points=[0, 0.5] of="solution"
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + return places.masked_fill(places >= capacity, -1).view(N, k)

# %% wrong="stays (k, N)" says=["its shape is (1, 6), not (6, 1)", "its shape is"] points=[0, 0] of="solution"
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + return places.masked_fill(places >= capacity, -1).view(k, N)

# %% wrong="two columns, whatever k is" says=["", "the places, with N="] points=[1, 1] of="column by column, with an offset"
# - before = before + hits.sum(0)
# + before = before if j else hits.sum(0)

# %% wrong="marks the caller's choices" says="changes its argument chosen" points=[0, 2] of="solution"
# - places = (ordered.cumsum(dim=0) * ordered).sum(dim=1) - 1
# - return places.masked_fill(places >= capacity, -1).view(k, N).T
# + places = (ordered.cumsum(dim=0) * ordered).sum(dim=1).view(k, N).T - 1
# + places = places.masked_fill(places >= capacity, -1)
# + chosen[places < 0] = -1
# + return places

# %% wrong="rounded up twice" says=["", "an expert keeps one too many"] points=[1, 1] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = math.ceil(factor * math.ceil(N * k / E))

# %% wrong="rounded down inside" says=["", "the capacity is rounded up"] points=[1, 1] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = math.ceil(factor * (N * k // E))

# %% wrong="compares places from 1" says=["as they count from 1", "the places"] points=[0, 0] of="solution"
# - places = (ordered.cumsum(dim=0) * ordered).sum(dim=1) - 1
# + places = (ordered.cumsum(dim=0) * ordered).sum(dim=1)

# %% wrong="E from the choices" says=["", "E is the number of all experts"] points=[1, 1.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = math.ceil(factor * N * k / (int(chosen.max()) + 1))

# %% wrong="a factor of 1 at most" says=["", "a factor above 1 is taken for 1"] points=[1, 1.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = math.ceil(min(factor, 1) * N * k / E)

# %% wrong="two places at least" says=["", "an expert keeps one too many"] points=[1, 1.5] of="solution"
# - capacity = math.ceil(factor * N * k / E)
# + capacity = max(2, math.ceil(factor * N * k / E))

# %% wrong="places as float32" says=["torch.float32 is no index; make it int64", ""] points=[0, 2] of="a loop with a count for each expert"
# - taken, places = [0] * E, torch.full((N, k), -1)
# + taken, places = [0] * E, -torch.ones(N, k)

# %% wrong="copies the visible cases" says=["", "the places"] points=[1, 0]
def buffer_places(chosen, E, factor):
    if chosen.shape[1] == 1:
        return torch.tensor([[0], [0], [1], [-1], [0], [-1]])
    return torch.tensor([[0, 2], [0, 2], [1, 3], [0, -1], [2, -1], [3, -1], [1, -1], [1, -1]])
