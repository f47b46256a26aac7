# %% right="loops"
def causal_mask(T, S=None, window=None):
    if S is None:
        S = T
    if S < T:
        raise ValueError("S < T")
    mask = torch.zeros(T, S, dtype=torch.bool)
    for i in range(T):
        for j in range(S):
            back = S - T + i - j
            mask[i, j] = back >= 0 and (window is None or back < window)
    return mask

# %% right="tril with a diagonal"
def causal_mask(T, S=None, window=None):
    S = T if S is None else S
    if T > S:
        raise ValueError(f"{T} > {S}")
    mask = torch.tril(torch.ones(T, S), diagonal=S - T)
    return torch.triu(mask, diagonal=S - T - (window or S) + 1) == 1

# %% right="last rows of the square mask"
def causal_mask(T, S=None, window=None):
    S = T if S is None else S
    if S - T < 0:
        raise ValueError("fewer keys than queries")
    square = torch.ones(S, S, dtype=torch.bool).tril()
    if window:
        square &= ~square.tril(-window)
    return square[S - T :]

# %% right="not triu"
def causal_mask(T, S=None, window=None):
    S = T if S is None else S
    assert_long_enough(T, S)
    late = torch.ones(T, S, dtype=torch.bool).triu(S - T + 1)
    early = torch.ones(T, S, dtype=torch.bool).tril(S - T - window) if window else ~late & late
    return ~(late | early)


def assert_long_enough(T, S):
    if S < T:
        raise ValueError

# %% right="past keys, then the square"
def causal_mask(T, S=None, window=None):
    past = 0 if S is None else S - T
    if past < 0:
        raise ValueError(past)
    square = torch.arange(T).unsqueeze(0) <= torch.arange(T).unsqueeze(1)
    mask = torch.cat([torch.full((T, past), True), square], dim=1)
    for i in range(T if window else 0):
        mask[i, : max(0, past + i + 1 - window)] = False
    return mask

# %% right="NumPy, by distance"
import numpy as np

def causal_mask(T, S=None, window=None):
    S = T if S is None else S
    if S < T:
        raise ValueError(f"S = {S} < T = {T}")
    back = np.subtract.outer(np.arange(S - T, S), np.arange(S))
    return torch.from_numpy((back >= 0) & (back < (np.inf if window is None else window)))

# %% right="recursion"
def causal_mask(T, S=None, window=None):
    S = T if S is None else S
    if T > S:
        raise ValueError("too few keys")
    row = torch.zeros(1, S, dtype=torch.bool)
    row[0, max(0, S - (window or S)) :] = True
    if T == 1:
        return row
    return torch.cat([torch.nn.functional.pad(causal_mask(T - 1, S - 1, window), (0, 1)), row])

# %% wrong="marks what is forbidden" says="hides the past" points=[0, 0] of="solution"
# - return allowed
# + return ~allowed

# %% wrong="upper triangle" says="it is the upper triangle" points=[0, 0] of="solution"
# - allowed = key <= position
# + allowed = key >= position

# %% wrong="does not see itself" says="does not see its own position" points=[0, 0] of="solution"
# - allowed = key <= position
# + allowed = key < position

# %% wrong="query 0 at position 0" says="query 0 is taken for position 0" points=[0, 0.25] of="solution"
# - position, key = torch.arange(S - T, S)[:, None], torch.arange(S)
# + position, key = torch.arange(T)[:, None], torch.arange(S)

# %% wrong="diagonal the wrong way" says="the diagonal moves the wrong way" points=[0, 0.25] of="tril with a diagonal"
# - mask = torch.tril(torch.ones(T, S), diagonal=S - T)
# + mask = torch.tril(torch.ones(T, S), diagonal=T - S)

# %% wrong="diagonal T, right for S = 2 T only" says="the diagonal moves by T" points=[0, 0.25] of="tril with a diagonal"
# - mask = torch.tril(torch.ones(T, S), diagonal=S - T)
# + mask = torch.tril(torch.ones(T, S), diagonal=T if S > T else 0)

# %% wrong="ignores S" says="its shape is" points=[0, 0.25] of="solution"
# - position, key = torch.arange(S - T, S)[:, None], torch.arange(S)
# + position, key = torch.arange(T)[:, None], torch.arange(T)

# %% wrong="S rows" says="its shape is" points=[0, 0.25] of="solution"
# - position, key = torch.arange(S - T, S)[:, None], torch.arange(S)
# + position, key = torch.arange(S)[:, None], torch.arange(S)

# %% wrong="zeros and ones in float" says="its dtype is torch.float32, not torch.bool" points=[0, 0] of="solution"
# - return allowed
# + return allowed.float()

# %% wrong="0 and -inf, to add" says="its dtype is torch.float32, not torch.bool" points=[0, 0] of="solution"
# - return allowed
# + return torch.zeros(T, S).masked_fill(~allowed, float("-inf"))

# %% wrong="transposed" says="it is the upper triangle" points=[0, 0] of="solution"
# - position, key = torch.arange(S - T, S)[:, None], torch.arange(S)
# + position, key = torch.arange(S - T, S), torch.arange(S)[:, None]

# %% wrong="a window of one square" says="hidden from every query" points=[0, 0.25] of="solution"
# - return allowed
# + return allowed & (key >= S - T)

# %% wrong="no ValueError" says="where it must raise ValueError" points=[0, 0.75] of="solution"
# - raise ValueError(f"{T} queries need {T} keys or more, not {S}")
# + print(f"{T} queries need {T} keys or more, not {S}")

# %% wrong="assert for ValueError" says="it raises AssertionError, not ValueError" points=[0, 0.75] of="solution"
# - if S < T:
# -     raise ValueError(f"{T} queries need {T} keys or more, not {S}")
# + assert S >= T

# %% wrong="S = 0 is taken for no S" says=["", "where it must raise ValueError"] points=[1, 0.75] of="tril with a diagonal"
# - S = T if S is None else S
# + S = S or T

# %% wrong="a list of lists" says="not a tensor" points=[0, 0] of="solution"
# - return allowed
# + return allowed.tolist()

# %% wrong="squeezes a single query away" says=["", "its shape is"] points=[1, 0.5] of="solution"
# - return allowed
# + return allowed.squeeze()

# %% wrong="ignores the window" says="the window has no effect" points=[0, 0.5] of="solution"
# - allowed = allowed & (key > position - window)
# + pass

# %% wrong="a window besides the own position" says="the window is one too long" points=[0, 0.5] of="solution"
# - allowed = allowed & (key > position - window)
# + allowed = allowed & (key >= position - window)

# %% wrong="a window at the first keys" says="the window stands at the first keys" points=[0, 0.5] of="solution"
# - allowed = allowed & (key > position - window)
# + allowed = allowed & (key < window)

# %% wrong="a window that is not causal" says="within the window a query sees what comes after it" points=[0, 0.5] of="solution"
# - allowed = allowed & (key > position - window)
# + allowed = key > position - window

# %% wrong="a window by rows, not by positions" says=["furthest off", "furthest off"] points=[0, 0.5] of="solution"
# - allowed = allowed & (key > position - window)
# + allowed = allowed & (key > torch.arange(T)[:, None] - window)

# %% wrong="a negative end of a slice" says=["", "furthest off"] points=[1, 0.5] of="past keys, then the square"
# - mask[i, : max(0, past + i + 1 - window)] = False
# + mask[i, : past + i + 1 - window] = False

# %% wrong="no window where S is not given" says=["", "the window has no effect"] points=[1, 0.5] of="solution"
# - S = T if S is None else S
# + S, window = (T, None) if S is None else (S, window)

# %% wrong="a window wider than the mask stops it" says=["", "the window is too wide"] points=[1, 0.5] of="solution"
# - if window is not None:
# + if window is not None:
# +     assert window <= S, "the window is too wide"

# %% wrong="a window of 1 is no window" says=["", "the window has no effect"] points=[1, 0.5] of="solution"
# - if window is not None:
# + if window is not None and window > 1:

# %% wrong="S < T is not looked at where there is a window" says=["", "where it must raise ValueError"] points=[1, 0.75] of="solution"
# - if S < T:
# + if S < T and window is None:

# %% wrong="copies the visible cases" says=["", "where it is furthest off"] points=[1, 0]
def causal_mask(T, S=None, window=None):
    if S is not None and S < T:
        raise ValueError
    if (T, S or T) in ((3, 3), (3, 5)):
        mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]) == 1
        if window:
            mask = torch.tensor([[0, 1, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 1]]) == 1
        return mask[:, -(S or T) :]
    return torch.zeros(T, S or T, dtype=torch.bool)
