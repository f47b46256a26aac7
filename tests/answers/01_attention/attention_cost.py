# %% right="counted by the matrix products"
def attention_cost(B, T, D, H, number_bytes):
    d = D // H

    def product(rows, inner, columns):
        return 2 * rows * inner * columns

    full = B * H * (product(T, d, T) + product(T, T, d))
    step = B * H * (product(1, d, T) + product(1, T, d))
    return {
        "full": full,
        "step": step,
        "scores": B * H * T**2 * number_bytes,
        "cache": B * T * 2 * D * number_bytes,
    }

# %% right="closed forms"
def attention_cost(B, T, D, H, number_bytes):
    return {
        "full": 4 * B * T**2 * D,
        "step": 4 * B * T * D,
        "scores": B * H * T**2 * number_bytes,
        "cache": 2 * B * T * D * number_bytes,
    }

# %% right="measured on tensors"
def attention_cost(B, T, D, H, number_bytes):
    q = k = torch.empty(B, H, T, D // H, device="meta")
    scores = q @ k.mT
    full = 2 * 2 * scores.numel() * q.shape[-1]
    cache = (k.numel() + k.numel()) * number_bytes
    return {"cache": cache, "full": full, "step": full // T, "scores": scores.numel() * number_bytes}

# %% right="loops over the heads and sequences"
def attention_cost(B, T, D, H, number_bytes):
    cost = dict.fromkeys(("full", "step", "scores", "cache"), 0)
    for _ in range(B):
        for _ in range(H):
            cost["full"] += 4 * T * T * (D // H)
            cost["step"] += 4 * T * (D // H)
            cost["scores"] += T * T * number_bytes
            cost["cache"] += 2 * T * (D // H) * number_bytes
    return cost

# %% right="NumPy's whole numbers"
import numpy as np

def attention_cost(B, T, D, H, number_bytes):
    b, t, w, h, n = np.array([B, T, D, H, number_bytes], dtype=np.int64)
    costs = 4 * b * t * t * w, 4 * b * t * w, b * h * t * t * n, 2 * b * t * w * n
    return dict(zip(("full", "step", "scores", "cache"), costs))

# %% right="a dataclass of products"
from dataclasses import asdict, dataclass

def attention_cost(B, T, D, H, number_bytes):
    @dataclass(frozen=True)
    class Cost:
        full: int
        step: int
        scores: int
        cache: int

    factors = (4, B, T, T, D), (4, B, T, D), (B, H, T, T, number_bytes), (2, B, T, D, number_bytes)
    return asdict(Cost(*map(math.prod, factors)))

# %% wrong="floating-point numbers" says=["no whole number in Python; divide with //", ""] points=[0, 2] of="solution"
# - d = D // H
# + d = D / H

# %% wrong="floats, made whole at the end" says=["", "the last digits are wrong"] points=[1, 1.5] of="closed forms"
# - "full": 4 * B * T**2 * D,
# + "full": int(4.0 * B * T**2 * D),

# %% wrong="numbers of 32 bits" says=["", "it is "] points=[1, 0] of="NumPy's whole numbers"
# - b, t, w, h, n = np.array([B, T, D, H, number_bytes], dtype=np.int64)
# + b, t, w, h, n = np.array([B, T, D, H, number_bytes], dtype=np.int32)
# - return dict(zip(("full", "step", "scores", "cache"), costs))
# + return dict(zip(("full", "step", "scores", "cache"), map(int, costs)))

# %% wrong="a multiply-add counts as 1" says="half is missing" points=[0, 1] of="closed forms"
# - "full": 4 * B * T**2 * D,
# - "step": 4 * B * T * D,
# + "full": 2 * B * T**2 * D,
# + "step": 2 * B * T * D,

# %% wrong="the scores without the values" says="half is missing" points=[0, 1] of="counted by the matrix products"
# - full = B * H * (product(T, d, T) + product(T, T, d))
# - step = B * H * (product(1, d, T) + product(1, T, d))
# + full = B * H * product(T, d, T)
# + step = B * H * product(1, d, T)

# %% wrong="one product, one operation" says="three quarters are missing" points=[0, 1] of="closed forms"
# - "full": 4 * B * T**2 * D,
# - "step": 4 * B * T * D,
# + "full": B * T**2 * D,
# + "step": B * T * D,

# %% wrong="D for every head" says="D for every head" points=[0, 0.5] of="closed forms"
# - "full": 4 * B * T**2 * D,
# - "step": 4 * B * T * D,
# + "full": 4 * B * H * T**2 * D,
# + "step": 4 * B * H * T * D,
# - "cache": 2 * B * T * D * number_bytes,
# + "cache": 2 * B * H * T * D * number_bytes,

# %% wrong="a cache of width D for every head" says="the heads share the width D" points=[0, 1.5] of="closed forms"
# - "cache": 2 * B * T * D * number_bytes,
# + "cache": 2 * B * H * T * D * number_bytes,

# %% wrong="one head of size D/H" says="it counts one head, not H" points=[0, 0.5] of="closed forms"
# - "full": 4 * B * T**2 * D,
# - "step": 4 * B * T * D,
# + "full": 4 * B * T**2 * D // H,
# + "step": 4 * B * T * D // H,
# - "cache": 2 * B * T * D * number_bytes,
# + "cache": 2 * B * T * D // H * number_bytes,

# %% wrong="linear in T" says="it counts T scores a head; T queries meet T keys, so T x T" points=[0, 1.5] of="closed forms"
# - "full": 4 * B * T**2 * D,
# + "full": 4 * B * T * D,

# %% wrong="a constant step" says="the query meets one key, not T" points=[0, 1.5] of="closed forms"
# - "step": 4 * B * T * D,
# + "step": 4 * B * D,

# %% wrong="a step recomputes everything" says="one token only is new" points=[0, 1.5] of="closed forms"
# - "step": 4 * B * T * D,
# + "step": 4 * B * T**2 * D,

# %% wrong="a step meets T + 1 keys" says="its own is among the T" points=[0, 1.5] of="closed forms"
# - "step": 4 * B * T * D,
# + "step": 4 * B * (T + 1) * D,

# %% wrong="one score matrix for all heads" says="each head has its own scores" points=[0, 1.5] of="closed forms"
# - "scores": B * H * T**2 * number_bytes,
# + "scores": B * T**2 * number_bytes,

# %% wrong="T scores in a head" says="T x T in a head" points=[0, 1.5] of="closed forms"
# - "scores": B * H * T**2 * number_bytes,
# + "scores": B * H * T * number_bytes,

# %% wrong="scores of width d" says="a score is one number" points=[0, 1.5] of="closed forms"
# - "scores": B * H * T**2 * number_bytes,
# + "scores": B * D * T**2 * number_bytes,

# %% wrong="keys without values" says=["the keys without the values", "it holds keys and values"] points=[0, 1.5] of="closed forms"
# - "cache": 2 * B * T * D * number_bytes,
# + "cache": B * T * D * number_bytes,

# %% wrong="a cache of T x T" says="it counts T x T; the cache holds T keys" points=[0, 1.5] of="closed forms"
# - "cache": 2 * B * T * D * number_bytes,
# + "cache": 2 * B * T**2 * D * number_bytes,

# %% wrong="numbers for bytes" says="it counts numbers, not bytes" points=[0, 1] of="closed forms"
# - "scores": B * H * T**2 * number_bytes,
# - "cache": 2 * B * T * D * number_bytes,
# + "scores": B * H * T**2,
# + "cache": 2 * B * T * D,

# %% wrong="bits for bytes" says="it counts bits, not bytes" points=[0, 1] of="closed forms"
# - "scores": B * H * T**2 * number_bytes,
# - "cache": 2 * B * T * D * number_bytes,
# + "scores": B * H * T**2 * number_bytes * 8,
# + "cache": 2 * B * T * D * number_bytes * 8,

# %% wrong="always 2 bytes" says="2 bytes for every number" points=[0, 1] of="closed forms"
# - "scores": B * H * T**2 * number_bytes,
# - "cache": 2 * B * T * D * number_bytes,
# + "scores": B * H * T**2 * 2,
# + "cache": 2 * B * T * D * 2,

# %% wrong="forgets the batch" says="the batch is not counted" points=[0, 0]
def attention_cost(B, T, D, H, n):
    return {"full": 4 * T * T * D, "step": 4 * T * D, "scores": H * T * T * n, "cache": 2 * T * D * n}

# %% wrong="halves for the causal mask" says="a mask saves nothing" points=[0, 1.5] of="closed forms"
# - "full": 4 * B * T**2 * D,
# + "full": 4 * B * T**2 * D // 2,

# %% wrong="adds the projections" says="the projections are counted; leave them out" points=[0, 1] of="closed forms"
# - "full": 4 * B * T**2 * D,
# - "step": 4 * B * T * D,
# + "full": 4 * B * T**2 * D + 8 * B * T * D**2,
# + "step": 4 * B * T * D + 8 * B * D**2,

# %% wrong="a sum for a whole layer" says="projections and feed-forward are counted; leave them out" points=[0, 1] of="closed forms"
# - "full": 4 * B * T**2 * D,
# - "step": 4 * B * T * D,
# + "full": B * T * (8 * D**2 + 4 * T * D + 16 * D**2),
# + "step": B * (8 * D**2 + 4 * T * D + 16 * D**2),

# %% wrong="a tuple" says=["it is a tuple of 4, not a dictionary with the keys", "must return a dictionary with the key"] points=[0, 0]
def attention_cost(B, T, D, H, n):
    return 4 * B * T * T * D, 4 * B * T * D, B * H * T * T * n, 2 * B * T * D * n

# %% wrong="no return" says=["does the function end in `return`?", "must return a dictionary with the key"] points=[0, 0] of="closed forms"
# - return {
# + cost = {

# %% wrong="no step" says=["with the keys ['full', 'scores', 'cache'], not", "with the key 'step'"] points=[0, 1.5] of="closed forms"
# - "step": 4 * B * T * D,

# %% wrong="copies the visible cases" says=["", "it is 7200, not"] points=[1, 0]
def attention_cost(B, T, D, H, n):
    return {"full": 7200, "step": 2400, "scores": 3600, "cache": 9600}
