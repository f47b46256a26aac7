# %% right="loops"
def causal_mask(T, S=None):
    if S is None:
        S = T
    if S < T:
        raise ValueError("S < T")
    mask = torch.zeros(T, S, dtype=torch.bool)
    for i in range(T):
        for j in range(S):
            mask[i, j] = j <= S - T + i
    return mask


# %% right="tril with a diagonal"
def causal_mask(T, S=None):
    S = S or T
    if T > S:
        raise ValueError(f"{T} > {S}")
    return torch.tril(torch.ones(T, S), diagonal=S - T) == 1


# %% right="last rows of the square mask"
def causal_mask(T, S=None):
    S = T if S is None else S
    if S - T < 0:
        raise ValueError("fewer keys than queries")
    return torch.ones(S, S, dtype=torch.bool).tril()[S - T :]


# %% right="not triu"
def causal_mask(T, S=None):
    S = T if S is None else S
    assert_long_enough(T, S)
    return ~torch.ones(T, S, dtype=torch.bool).triu(S - T + 1)


def assert_long_enough(T, S):
    if S < T:
        raise ValueError


# %% right="past keys, then the square"
def causal_mask(T, S=None):
    past = 0 if S is None else S - T
    if past < 0:
        raise ValueError(past)
    square = torch.arange(T).unsqueeze(0) <= torch.arange(T).unsqueeze(1)
    return torch.cat([torch.full((T, past), True), square], dim=1)


# %% wrong="marks what is forbidden" says="hides the past" points=[0, 0]
def causal_mask(T, S=None):
    S = T if S is None else S
    if S < T:
        raise ValueError
    return torch.ones(T, S, dtype=torch.bool).triu(S - T + 1)


# %% wrong="upper triangle" says="it is the upper triangle" points=[0, 0]
def causal_mask(T, S=None):
    S = T if S is None else S
    if S < T:
        raise ValueError
    return torch.ones(T, S, dtype=torch.bool).triu(S - T)


# %% wrong="does not see itself" says="does not see its own position" points=[0, 0]
def causal_mask(T, S=None):
    S = T if S is None else S
    if S < T:
        raise ValueError
    return torch.arange(S) < torch.arange(S - T, S)[:, None]


# %% wrong="query 0 at position 0" says="query 0 is taken for position 0" points=[0, 0.5]
def causal_mask(T, S=None):
    S = T if S is None else S
    if S < T:
        raise ValueError
    return torch.ones(T, S, dtype=torch.bool).tril()


# %% wrong="diagonal the wrong way" says="the diagonal moves the wrong way" points=[0, 0.5]
def causal_mask(T, S=None):
    S = T if S is None else S
    if S < T:
        raise ValueError
    return torch.ones(T, S, dtype=torch.bool).tril(T - S)


# %% wrong="ignores S" says="its shape is" points=[0, 0.5]
def causal_mask(T, S=None):
    if S is not None and S < T:
        raise ValueError
    return torch.ones(T, T, dtype=torch.bool).tril()


# %% wrong="S rows" says="its shape is" points=[0, 0.5]
def causal_mask(T, S=None):
    S = T if S is None else S
    if S < T:
        raise ValueError
    return torch.ones(S, S, dtype=torch.bool).tril()


# %% wrong="zeros and ones in float" says="its dtype is torch.float32, not torch.bool" points=[0, 0]
def causal_mask(T, S=None):
    S = T if S is None else S
    if S < T:
        raise ValueError
    return torch.ones(T, S).tril(S - T)


# %% wrong="0 and -inf, to add" says="its dtype is torch.float32, not torch.bool" points=[0, 0]
def causal_mask(T, S=None):
    S = T if S is None else S
    if S < T:
        raise ValueError
    return torch.full((T, S), float("-inf")).triu(S - T + 1)


# %% wrong="transposed" says="it is the upper triangle" points=[0, 0]
def causal_mask(T, S=None):
    S = T if S is None else S
    if S < T:
        raise ValueError
    return torch.arange(S)[:, None] <= torch.arange(S - T, S)


# %% wrong="a window of one square" says="hidden from every query" points=[0, 0.5]
def causal_mask(T, S=None):
    S = T if S is None else S
    if S < T:
        raise ValueError
    square = torch.ones(T, T, dtype=torch.bool).tril()
    return torch.cat([torch.zeros(T, S - T, dtype=torch.bool), square], dim=1)


# %% wrong="no ValueError" says=["causal_mask(3, 2): it returns a tensor", ""] points=[0, 1]
def causal_mask(T, S=None):
    S = T if S is None else S
    return torch.ones(T, S, dtype=torch.bool).tril(S - T)


# %% wrong="assert for ValueError" says=["causal_mask(3, 2): it raises AssertionError, not ValueError", ""] points=[0, 1]
def causal_mask(T, S=None):
    S = T if S is None else S
    assert S >= T
    return torch.ones(T, S, dtype=torch.bool).tril(S - T)


# %% wrong="a list of lists" says="not a tensor" points=[0, 0]
def causal_mask(T, S=None):
    S = T if S is None else S
    if S < T:
        raise ValueError
    return [[j <= S - T + i for j in range(S)] for i in range(T)]


# %% wrong="squeezes a single query away" says=["", "its shape is"] points=[1, 0]
def causal_mask(T, S=None):
    S = T if S is None else S
    if S < T:
        raise ValueError
    return torch.ones(T, S, dtype=torch.bool).tril(S - T).squeeze()


# %% wrong="copies the visible cases" says=["", "where it is furthest off"] points=[1, 0]
def causal_mask(T, S=None):
    if (T, S) == (3, None):
        return torch.tensor([[True, False, False], [True, True, False], [True, True, True]])
    if (T, S) == (2, 4):
        return torch.tensor([[True, True, True, False], [True, True, True, True]])
    if (T, S) == (3, 2):
        raise ValueError
    return torch.zeros(T, S or T, dtype=torch.bool)
