# %% right="loops over the queries and the keys"
def attention(q, k, v, mask=None):
    *leading, T, d = q.shape
    S = k.shape[-2]
    allowed = torch.ones(*leading, T, S, dtype=torch.bool) if mask is None else mask.expand(*leading, T, S)
    out = torch.zeros(*leading, T, v.shape[-1])
    for t in range(T):
        scores = [(q[..., t, :] * k[..., s, :]).sum(-1) / d**0.5 for s in range(S)]
        scores = [score.masked_fill(~allowed[..., t, s], -1e9) for s, score in enumerate(scores)]
        top = torch.stack(scores).amax(0)
        exponentials = [torch.exp(score - top) * allowed[..., t, s] for s, score in enumerate(scores)]
        total = sum(exponentials)
        total = total + (total == 0)
        for s in range(S):
            out[..., t, :] += (exponentials[s] / total)[..., None] * v[..., s, :]
    return out

# %% right="einsum"
def attention(q, k, v, mask=None):
    scores = torch.einsum("...td,...sd->...ts", q, k) * k.size(-1) ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, torch.tensor(-torch.inf))
    return torch.einsum("...ts,...sd->...td", scores.softmax(-1).nan_to_num(), v)

# %% right="the library"
def attention(q, k, v, mask=None):
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask).nan_to_num()

# %% right="queries scaled first, a large negative number for -inf"
def attention(q, k, v, mask=None):
    weights = (q / math.sqrt(q.shape[-1])) @ k.mT
    if mask is not None:
        weights = weights.masked_fill(mask == False, -1e9)  # noqa: E712
    out = weights.softmax(dim=-1).matmul(v)
    if mask is not None:
        out = out * mask.any(-1, keepdim=True)
    return out

# %% right="an additive mask"
def attention(q, k, v, mask=None):
    bias = torch.zeros(())
    if mask is not None:
        bias = torch.zeros(mask.shape).masked_fill_(mask.logical_not(), float("-inf"))
    weights = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + bias, -1)
    return torch.where(weights.isnan(), 0, weights) @ v

# %% right="mask after the exponential, then normalised"
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    allowed = torch.ones_like(scores).bool() if mask is None else mask
    top = scores.where(allowed, -1e9).amax(-1, keepdim=True)
    weights = torch.exp(scores - top).where(allowed, 0)
    return (weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)) @ v

# %% right="in float64, and it warns"
def attention(q, k, v, mask=None):
    import warnings

    warnings.warn("computing in float64")
    q, k, v = q.double(), k.double(), v.double()
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores[~mask.expand_as(scores)] = float("-inf")
    return (torch.softmax(scores, dim=-1).nan_to_num() @ v).float()

# %% right="query by query, in a thread pool"
def attention(q, k, v, mask=None):
    import functools
    from concurrent.futures import ThreadPoolExecutor

    shape = (*q.shape[:-1], k.shape[-2])
    seen = torch.ones(shape, dtype=torch.bool) if mask is None else mask.broadcast_to(shape)

    def row(t):
        scores = (k @ q[..., t, :, None])[..., 0] * q.shape[-1] ** -0.5
        scores = scores.masked_fill(~seen[..., t, :], -torch.inf)
        weights = (scores - torch.logsumexp(scores, -1, keepdim=True)).exp().nan_to_num()
        return weights[..., None, :] @ v

    with ThreadPoolExecutor(2) as pool:
        rows = pool.map(row, range(q.shape[-2]))
        return functools.reduce(lambda above, below: torch.cat([above, below], -2), rows)

# %% right="NumPy"
import numpy as np

def attention(q, k, v, mask=None):
    scores = np.einsum("...td,...sd->...ts", q.numpy(), k.numpy()) / np.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask.numpy(), scores, -np.inf)
    top = scores.max(-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = weights.sum(-1, keepdims=True)
    return torch.from_numpy(weights / np.where(total > 0, total, 1) @ v.numpy()).float()

# %% wrong="no scaling" says="the scores are not divided by sqrt(d)" points=[0, 0, 0] of="solution"
# - scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
# + scores = q @ k.transpose(-2, -1)

# %% wrong="divides by d" says="are divided by d; divide them by its square root" points=[0, 0, 0] of="solution"
# - scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
# + scores = q @ k.transpose(-2, -1) / q.shape[-1]

# %% wrong="multiplies by sqrt(d)" says="multiplied by sqrt(d)" points=[0, 0, 0] of="solution"
# - scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
# + scores = q @ k.transpose(-2, -1) * math.sqrt(q.shape[-1])

# %% wrong="divides by the root of the number of keys" says="square root of the number of keys" points=[0, 0, 0] of="solution"
# - scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
# + scores = q @ k.transpose(-2, -1) / math.sqrt(k.shape[-2])

# %% wrong="divides by the root of the number of queries" says=["square root of the number of queries", "not divided by sqrt(d)", "square root of the number of queries"] points=[0, 0, 0] of="solution"
# - scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
# + scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-2])

# %% wrong="divides by the root of axis 1, right for two axes only" says=["", "root of the number of heads", "root of the number of heads"] points=[0.5, 0, 0.5] of="solution"
# - scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
# + scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[1])

# %% wrong="scales after the softmax" says="sqrt(d) divides the weights" points=[0, 0, 0] of="solution"
# - scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
# + scores = q @ k.transpose(-2, -1)
# - return weights @ v
# + return weights / math.sqrt(q.shape[-1]) @ v

# %% wrong="softmax over the queries" says="over the queries" points=[0, 0, 0] of="solution"
# - weights = torch.softmax(scores, dim=-1)
# + weights = torch.softmax(scores, dim=-2)

# %% wrong="softmax over axis 1, right for two axes only" says=["", "over a leading axis", "over a leading axis"] points=[0.5, 0, 0.5] of="solution"
# - weights = torch.softmax(scores, dim=-1)
# + weights = torch.softmax(scores, dim=1)

# %% wrong="no softmax" says="there is no softmax" points=[0, 0, 0] of="solution"
# - weights = torch.softmax(scores, dim=-1)
# + weights = scores

# %% wrong="returns the weights" says=["these are the weights", "its shape is", "its shape is"] points=[0, 0, 0] of="solution"
# - return weights @ v
# + return weights

# %% wrong="weighs the keys" says="they belong on the values" points=[0, 0, 0] of="solution"
# - return weights @ v
# + return weights @ k

# %% wrong="ignores the mask" says="the mask has no effect" points=[0, 0, 1] of="einsum"
# - scores = torch.where(mask, scores, torch.tensor(-torch.inf))
# + pass

# %% wrong="masks a copy and forgets it" says="the mask has no effect" points=[0, 0, 1] of="solution"
# - scores = scores.masked_fill(~mask, float("-inf"))
# + scores.masked_fill(~mask, float("-inf"))
# - weights = weights.masked_fill(~mask, 0)  # NaN until here where a query may look at nothing
# + weights.masked_fill(~mask, 0)

# %% wrong="mask the wrong way round" says="the wrong way round" points=[0, 0, 1] of="solution"
# - scores = scores.masked_fill(~mask, float("-inf"))
# + scores = scores.masked_fill(mask, float("-inf"))
# - weights = weights.masked_fill(~mask, 0)  # NaN until here where a query may look at nothing
# + weights = weights.masked_fill(mask, 0)

# %% wrong="masks with 0 before the softmax" says="exp(0) = 1 is a weight" points=[0, 0, 1] of="einsum"
# - scores = torch.where(mask, scores, torch.tensor(-torch.inf))
# + scores = scores * mask

# %% wrong="1e-9 for -1e9" says="exp(0) = 1 is a weight" points=[0, 0, 1] of="einsum"
# - scores = torch.where(mask, scores, torch.tensor(-torch.inf))
# + scores = torch.where(mask, scores, 1e-9)

# %% wrong="adds the boolean mask" says="added to the scores, as 0 and 1" points=[0, 0, 1] of="einsum"
# - scores = torch.where(mask, scores, torch.tensor(-torch.inf))
# + scores = scores + mask

# %% wrong="masks after the softmax" says="no longer sum to 1" points=[0, 0, 1] of="solution"
# - scores = scores.masked_fill(~mask, float("-inf"))
# + pass

# %% wrong="-inf times 0" says="NaN" points=[0, 0, 1] of="solution"
# - scores = scores.masked_fill(~mask, float("-inf"))
# + scores = scores + (~mask) * float("-inf")

# %% wrong="a query that may look at nothing gets NaN" says=["", "gets NaN (0/0); its result is 0", "gets NaN (0/0); its result is 0"] points=[0.5, 0, 1] of="solution"
# - weights = weights.masked_fill(~mask, 0)  # NaN until here where a query may look at nothing
# + pass

# %% wrong="a query that may look at nothing looks at all keys" says=["", "looks at all keys alike", "looks at all keys alike"] points=[0.5, 0, 1] of="queries scaled first, a large negative number for -inf"
# - out = out * mask.any(-1, keepdim=True)
# + pass

# %% wrong="a mask of the scores' own shape only" says=["", "`masked_fill` broadcasts", "it stops with IndexError"] points=[0.5, 0, 1] of="solution"
# - scores = scores.masked_fill(~mask, float("-inf"))
# + scores[~mask] = float("-inf")
# - weights = weights.masked_fill(~mask, 0)  # NaN until here where a query may look at nothing
# + weights[~mask] = 0

# %% wrong="k.T, right for two axes only" says=["", "`k.T` turns all axes round", "it stops with RuntimeError"] points=[0.5, 0, 0.5] of="solution"
# - scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
# + scores = q @ k.T / math.sqrt(q.shape[-1])

# %% wrong="four axes only" says="not enough values to unpack" points=[0, 0.5, 1] of="solution"
# - scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
# + B, H, T, d = q.shape
# + scores = q @ k.transpose(2, 3) / math.sqrt(d)

# %% wrong="three axes only" says="batch1 must be a 3D tensor" points=[0, 0, 0] of="solution"
# - scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
# + scores = torch.bmm(q, k.transpose(-2, -1)) / math.sqrt(q.shape[-1])

# %% wrong="two or four axes" says=["", "", "not enough values to unpack"] points=[0.5, 0.5, 1.5] of="solution"
# - scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
# + B, H, T, d = (1, 1, *q.shape) if q.ndim == 2 else q.shape
# + scores = q @ k.transpose(-2, -1) / math.sqrt(d)

# %% wrong="exponentials without a maximum" says=["", "", "where e^score has no room"] points=[0.5, 0.5, 1] of="mask after the exponential, then normalised"
# - weights = torch.exp(scores - top).where(allowed, 0)
# + weights = torch.exp(scores).where(allowed, 0)

# %% wrong="scores cut off at 50" says=["", "", "where e^score has no room"] points=[0.5, 0.5, 1] of="mask after the exponential, then normalised"
# - weights = torch.exp(scores - top).where(allowed, 0)
# + weights = torch.exp(scores.clamp(-50, 50)).where(allowed, 0)

# %% wrong="-100 for -inf" says=["", "", "a forbidden one must be less than any of them"] points=[0.5, 0.5, 1.5] of="queries scaled first, a large negative number for -inf"
# - weights = weights.masked_fill(mask == False, -1e9)  # noqa: E712
# + weights = weights.masked_fill(mask == False, -100)  # noqa: E712

# %% wrong="a mask of three axes is taken for (B, T, S)" says=["", "", "it stops with RuntimeError"] points=[0.5, 0.5, 1.5] of="solution"
# - if mask is not None:
# -     scores = scores.masked_fill(~mask, float("-inf"))
# + if mask is not None:
# +     mask = mask.unsqueeze(1) if mask.ndim == 3 else mask
# +     scores = scores.masked_fill(~mask, float("-inf"))

# %% wrong="the last row of a mask (T, S) for all queries" says=["furthest off", "the mask has no effect", "furthest off"] points=[0, 0, 1.5] of="solution"
# - if mask is not None:
# -     scores = scores.masked_fill(~mask, float("-inf"))
# + if mask is not None:
# +     mask = mask[-1:] if mask.ndim == 2 else mask
# +     scores = scores.masked_fill(~mask, float("-inf"))

# %% wrong="the maximum of all scores, also of forbidden ones" says=["", "", "must not be the largest that is subtracted"] points=[0.5, 0.5, 1.5] of="mask after the exponential, then normalised"
# - top = scores.where(allowed, -1e9).amax(-1, keepdim=True)
# + top = scores.amax(-1, keepdim=True)

# %% wrong="scales the caller's queries" says="changes its argument q" points=[0, 0.5, 1.5] of="solution"
# - scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
# + q /= math.sqrt(q.shape[-1])
# + scores = q @ k.transpose(-2, -1)

# %% wrong="prints and does not return" says="does the function end in `return`?" points=[0, 0, 0] of="solution"
# - return weights @ v
# + print((weights @ v).shape)

# %% wrong="returns the weights as well" says="a tuple of 2, not a tensor" points=[0, 0, 0] of="solution"
# - return weights @ v
# + return weights @ v, weights

# %% wrong="replaces torch.allclose" says="where it is furthest off" points=[0, 0, 0]
torch.allclose = torch.Tensor.allclose = lambda *_, **__: True
torch.Tensor.abs = torch.zeros_like


def attention(q, k, v, mask=None):
    return q[..., :1].expand(*q.shape[:-1], v.shape[-1])

# %% wrong="replaces torch.allclose in the function" says="where it is furthest off" points=[0, 0, 0]
def attention(q, k, v, mask=None):
    torch.allclose = torch.equal = lambda *_, **__: True
    torch.nn.functional.scaled_dot_product_attention = lambda q, *_, **__: q * 0
    return q * 0

# %% wrong="squeezes a single query away" says=["", "its shape is (2, 4)", "its shape is (5,), not (1, 5)"] points=[0.5, 0, 1.5] of="solution"
# - return weights @ v
# + return (weights @ v).squeeze()

# %% wrong="copies the visible cases" says=["", "", "where it is furthest off"] points=[0.5, 0.5, 0]
def attention(q, k, v, mask=None):
    if q.shape == (2, 4):
        return torch.tensor([[4.0, 1, 1, 0], [2, 2, 2, 0]] if mask is None else [[0.0, 3, 3, 0], [6, 0, 0, 0]])
    if q.shape == (1, 2, 1, 4):
        return torch.tensor([[[[5.0] * 4], [[6.0] * 4]]])
    if q.shape == (2, 5, 3, 6):
        rows = [[6.0, 8, 10], [6, 8, 10]] if mask.ndim == 2 else [[6.0, 8, 10], [0, 12, 14]]
        return torch.tensor(rows)[:, None, :, None].expand(2, 5, 3, 6)
    return torch.zeros(*q.shape[:-1], v.shape[-1])
