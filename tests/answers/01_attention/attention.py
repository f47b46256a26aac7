# %% right="loops over the queries and the keys"
def attention(q, k, v, mask=None):
    *leading, T, d = q.shape
    S = k.shape[-2]
    allowed = torch.ones(*leading, T, S, dtype=torch.bool) if mask is None else mask.expand(*leading, T, S)
    out = torch.zeros(*leading, T, v.shape[-1])
    for t in range(T):
        exponentials = [
            torch.exp((q[..., t, :] * k[..., s, :]).sum(-1) / d**0.5) * allowed[..., t, s] for s in range(S)
        ]
        total = sum(exponentials)
        for s in range(S):
            out[..., t, :] += (exponentials[s] / total)[..., None] * v[..., s, :]
    return out


# %% right="einsum"
def attention(q, k, v, mask=None):
    scores = torch.einsum("...td,...sd->...ts", q, k) * k.size(-1) ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, torch.tensor(-torch.inf))
    return torch.einsum("...ts,...sd->...td", scores.softmax(-1), v)


# %% right="the library"
def attention(q, k, v, mask=None):
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)


# %% right="queries scaled first, a large negative number for -inf"
def attention(q, k, v, mask=None):
    weights = (q / math.sqrt(q.shape[-1])) @ k.mT
    if mask is not None:
        weights = weights.masked_fill(mask == False, -1e9)  # noqa: E712
    return weights.softmax(dim=-1).matmul(v)


# %% right="an additive mask"
def attention(q, k, v, mask=None):
    bias = torch.zeros(())
    if mask is not None:
        bias = torch.zeros(mask.shape).masked_fill_(mask.logical_not(), float("-inf"))
    return torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + bias, -1) @ v


# %% right="mask after the exponential, then normalised"
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    weights = torch.exp(scores - scores.amax(-1, keepdim=True))
    if mask is not None:
        weights = weights * mask
    return (weights / weights.sum(-1, keepdim=True)) @ v


# %% right="in float64, and it warns"
def attention(q, k, v, mask=None):
    import warnings

    warnings.warn("computing in float64")
    q, k, v = q.double(), k.double(), v.double()
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores[~mask.expand_as(scores)] = float("-inf")
    return (torch.softmax(scores, dim=-1) @ v).float()


# %% wrong="no scaling" says="the scores are not divided by sqrt(d)" points=[0, 0]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="divides by d" says="are divided by d; divide them by its square root" points=[0, 0]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / q.shape[-1]
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="multiplies by sqrt(d)" says="multiplied by sqrt(d)" points=[0, 0]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) * math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="divides by the root of the number of keys" says=["root of the number of tokens", "square root of the number of keys"] points=[0, 0]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(k.shape[-2])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="scales after the softmax" says="sqrt(d) divides the weights" points=[0, 0]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1) / math.sqrt(q.shape[-1]) @ v


# %% wrong="softmax over the queries" says="over the queries" points=[0, 0]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-2) @ v


# %% wrong="softmax over axis 1, right for two axes only" says="over a leading axis" points=[0, 1]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=1) @ v


# %% wrong="no softmax" says="there is no softmax" points=[0, 0]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, 0)
    return scores @ v


# %% wrong="returns the weights" says=["these are the weights", "its shape is"] points=[0, 0]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1)


# %% wrong="weighs the keys" says="they belong on the values" points=[0, 0]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1) @ k


# %% wrong="ignores the mask" says="the mask has no effect" points=[0, 1]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="masks a copy and forgets it" says="the mask has no effect" points=[0, 1]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="mask the wrong way round" says="the wrong way round" points=[0, 1]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(mask, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="masks with 0 before the softmax" says="exp(0) = 1 is a weight" points=[0, 1]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores * mask
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="1e-9 for -1e9" says="exp(0) = 1 is a weight" points=[0, 1]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, 1e-9)
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="adds the boolean mask" says=["furthest off", "added to the scores, as 0 and 1"] points=[0, 1]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores + mask
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="masks after the softmax" says="no longer sum to 1" points=[0, 1]
def attention(q, k, v, mask=None):
    weights = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]), dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0)
    return weights @ v


# %% wrong="-inf times 0" says="NaN" points=[0, 1]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores + (~mask) * float("-inf")
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="k.T, right for two axes only" says=["`k.T` turns all axes round", "it stops with RuntimeError"] points=[0, 1]
def attention(q, k, v, mask=None):
    scores = q @ k.T / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="four axes only" says="not enough values to unpack" points=[0, 1]
def attention(q, k, v, mask=None):
    B, H, T, d = q.shape
    scores = q @ k.transpose(2, 3) / math.sqrt(d)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=3) @ v


# %% wrong="scales the caller's queries" says="changes its argument q" points=[0, 1.5]
def attention(q, k, v, mask=None):
    q /= math.sqrt(q.shape[-1])
    scores = q @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="prints and does not return" says="does the function end in `return`?" points=[0, 0]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    print((torch.softmax(scores, dim=-1) @ v).shape)


# %% wrong="returns the weights as well" says="a tuple of 2, not a tensor" points=[0, 0]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = torch.softmax(scores, dim=-1)
    return weights @ v, weights


# %% wrong="replaces torch.allclose" says="where it is furthest off" points=[0, 0]
torch.allclose = torch.Tensor.allclose = lambda *_, **__: True
torch.Tensor.abs = torch.zeros_like


def attention(q, k, v, mask=None):
    return q[..., :1].expand(*q.shape[:-1], v.shape[-1])


# %% wrong="replaces torch.allclose in the function" says="where it is furthest off" points=[0, 0]
def attention(q, k, v, mask=None):
    torch.allclose = torch.equal = lambda *_, **__: True
    torch.nn.functional.scaled_dot_product_attention = lambda q, *_, **__: q * 0
    return q * 0


# %% wrong="squeezes a single query away" says=["its shape is (2,)", "its shape is (5,), not (1, 5)"] points=[0, 1.5]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return (torch.softmax(scores, dim=-1) @ v).squeeze()


# %% wrong="divides by the root of the number of queries" says=["root of the number of tokens", "square root of the number of queries"] points=[0, 0]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-2])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="divides by the root of axis 1, right for two axes only" says="root of the number of heads" points=[0, 1]
def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


# %% wrong="copies the visible cases" says=["", "where it is furthest off"] points=[1, 0]
def attention(q, k, v, mask=None):
    if mask is not None:
        return torch.tensor([[0, 5.0, 0, 0], [5, 0, 0, 0]])
    if q.shape == (1, 2, 1, 1):
        return torch.tensor([[[[5.0]], [[6.0]]]])
    if q.shape == (2, 4):
        return torch.tensor([[4, 1, 0, 0], [2.5, 2.5, 0, 0]])
    return torch.zeros(*q.shape[:-1], v.shape[-1])
