# %% right="a loop over the heads"
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    d = D // H
    if mask is not None:
        mask = mask.expand(B, H, T, T)
    out = []
    for h in range(H):
        rows = slice(h * d, (h + 1) * d)
        q, k, v = x @ w_q[rows].T, x @ w_k[rows].T, x @ w_v[rows].T
        scores = q @ k.transpose(1, 2) / math.sqrt(d)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, h], float("-inf"))
        out.append(scores.softmax(-1) @ v)
    return torch.cat(out, dim=-1) @ w_o.T


# %% right="einsum"
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = (torch.einsum("btd,hed->bhte", x, w.view(H, D // H, D)) for w in (w_q, w_k, w_v))
    scores = torch.einsum("bhte,bhse->bhts", q, k) / (D // H) ** 0.5
    if mask is not None:
        scores = torch.where(mask, scores, -1e30)
    heads = torch.einsum("bhts,bhse->bthe", scores.softmax(-1), v)
    return torch.einsum("bthe,fhe->btf", heads, w_o.view(D, H, D // H))


# %% right="the library's attention"
import torch.nn.functional as F


def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    q, k, v = (F.linear(x, w).unflatten(-1, (H, -1)).transpose(1, 2) for w in (w_q, w_k, w_v))
    return F.linear(F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2).flatten(2), w_o)


# %% right="chunks, and one matrix for the three projections"
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    projected = torch.cat([w_q, w_k, w_v]) @ x.transpose(1, 2)  # (B, 3 D, T)
    q, k, v = (torch.stack(part.mT.chunk(H, dim=-1), dim=1) for part in projected.chunk(3, dim=1))
    return torch.cat(attention(q, k, v, mask).unbind(1), dim=-1) @ w_o.mT


# %% wrong="x @ w" says="uses w where it must use w.T (all of them)" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D) @ w_o


# %% wrong="the last projection with w" says="uses w where it must use w.T (w_o)" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D) @ w_o


# %% wrong="the first three projections with w" says=["look at w_q and w_k, too", "must use w.T (w_q, w_k and w_v)"] points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D) @ w_o.T


# %% wrong="no last projection" says="the last projection is missing" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D)


# %% wrong="scales by the root of D" says="divided by sqrt(D)" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    scores = q @ k.transpose(-2, -1) / math.sqrt(D)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return (torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(B, T, D) @ w_o.T


# %% wrong="one head" says="there is one head" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    if mask is not None and mask.ndim == 4:
        mask = mask[:, 0]
    return attention(x @ w_q.T, x @ w_k.T, x @ w_v.T, mask) @ w_o.T


# %% wrong="view(B, H, T, d) both ways" says="tokens and features get mixed" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, H, T, D // H) for w in (w_q, w_k, w_v))
    return attention(q, k, v, mask).reshape(B, T, D) @ w_o.T


# %% wrong="does not swap back" says="tokens and features get mixed" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    return attention(q, k, v, mask).reshape(B, T, D) @ w_o.T


# %% wrong="view(B, H, T, d), then swaps back" says="tokens and features get mixed" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, H, T, D // H) for w in (w_q, w_k, w_v))
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D) @ w_o.T


# %% wrong="no swap: attention over the heads" says="attend to each other" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H) for w in (w_q, w_k, w_v))
    return attention(q, k, v).reshape(B, T, D) @ w_o.T


# %% wrong="every H-th feature" says="head h takes every H-th feature" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, D // H, H).permute(0, 3, 1, 2) for w in (w_q, w_k, w_v))
    return attention(q, k, v, mask).permute(0, 2, 3, 1).reshape(B, T, D) @ w_o.T


# %% wrong="joins feature by feature" says="join them head after head" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    return attention(q, k, v, mask).permute(0, 2, 3, 1).reshape(B, T, D) @ w_o.T


# %% wrong="joins the heads in reverse" says="joined in the wrong order" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    return torch.cat(attention(q, k, v, mask).unbind(1)[::-1], dim=-1) @ w_o.T


# %% wrong="averages the heads" says="its shape is" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    return attention(q, k, v, mask).mean(1)


# %% wrong="keys made with w_q" says="the keys are made with w_q" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_q, w_v))
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D) @ w_o.T


# %% wrong="values made with w_k" says="the values are made with w_k" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_k))
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D) @ w_o.T


# %% wrong="does not pass the mask on" says="the mask has no effect" points=[0, 1]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    return attention(q, k, v).transpose(1, 2).reshape(B, T, D) @ w_o.T


# %% wrong="always causal" says="it is causal without being asked" points=[0, 0.5]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    causal = torch.ones(T, T, dtype=torch.bool).tril()
    return attention(q, k, v, causal).transpose(1, 2).reshape(B, T, D) @ w_o.T


# %% wrong="the first sequence's mask for all" says=["", "the mask of the first sequence"] points=[1, 1.5]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    mask = mask[:1] if mask is not None and mask.ndim == 4 else mask
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D) @ w_o.T


# %% wrong="transposes the caller's matrices in place" says=["changes its argument w_o", ""] points=[0, 2]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    w_o.t_()
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D) @ w_o


# %% wrong="the queries with w" says=["(w_q or w_k)", "(w_q)"] points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k.T, w_v.T))
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D) @ w_o.T


# %% wrong="the keys with w" says=["(w_q or w_k)", "(w_k)"] points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w).view(B, T, H, D // H).transpose(1, 2) for w in (w_q.T, w_k, w_v.T))
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D) @ w_o.T


# %% wrong="the values with w" says="uses w where it must use w.T (w_v" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w).view(B, T, H, D // H).transpose(1, 2) for w in (w_q.T, w_k.T, w_v))
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D) @ w_o.T


# %% wrong="view after swapping back" says="view size is not compatible" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    mixed = attention(q, k, v, mask)
    return mixed.transpose(1, 2).view(B, T, D) @ w_o.T


# %% wrong="splits as (d, H), joins as (H, d)" says="the heads are split as (d, H)" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, D // H, H).permute(0, 3, 1, 2) for w in (w_q, w_k, w_v))
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D) @ w_o.T


# %% wrong="copies the visible cases" says=["", "where it is furthest off"] points=[1, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    if x.shape == (1, 3, 4):
        if mask is None:
            return torch.tensor([[[11, 3, 5, 5], [10, 4, 3, 6], [10, 4, 3, 6.0]]])
        return torch.tensor([[[12, 0, 15, 0], [16, 6, 5, 10], [10, 4, 3, 6.0]]])
    return torch.zeros_like(x)
