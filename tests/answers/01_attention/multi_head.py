# %% right="a loop over the heads"
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    d = D // H
    shared = D // len(w_k)
    if mask is not None:
        mask = mask.expand(B, H, T, T)
    out = []
    for h in range(H):
        rows, g = slice(h * d, (h + 1) * d), h // shared
        q, k, v = x @ w_q[rows].T, x @ w_k[g * d : (g + 1) * d].T, x @ w_v[g * d : (g + 1) * d].T
        scores = q @ k.transpose(1, 2) / math.sqrt(d)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, h], float("-inf"))
        out.append(scores.softmax(-1) @ v)
    return torch.cat(out, dim=-1) @ w_o.T

# %% right="einsum"
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    d, G = D // H, w_k.shape[0] * H // D
    q = torch.einsum("btd,gsed->bgste", x, w_q.view(G, H // G, d, D))
    k, v = (torch.einsum("btd,ged->bgte", x, w.view(G, d, D)) for w in (w_k, w_v))
    scores = torch.einsum("bgite,bgse->bgits", q, k).flatten(1, 2) / d**0.5
    if mask is not None:
        scores = torch.where(mask, scores, -1e30)
    weights = scores.softmax(-1).unflatten(1, (G, H // G))
    heads = torch.einsum("bgits,bgse->btgie", weights, v)
    return heads.reshape(B, T, D) @ w_o.T

# %% right="the library's attention"
import torch.nn.functional as F


def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    d = x.shape[-1] // H
    q, k, v = (F.linear(x, w).unflatten(-1, (-1, d)).transpose(1, 2) for w in (w_q, w_k, w_v))
    heads = F.scaled_dot_product_attention(q, k, v, mask, enable_gqa=True)
    return F.linear(heads.transpose(1, 2).flatten(2), w_o)

# %% right="chunks, and one matrix for the three projections"
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    G = w_k.shape[0] * H // w_q.shape[0]
    projected = torch.cat([w_q, w_k, w_v]) @ x.transpose(1, 2)
    parts = projected.split([len(w_q), len(w_k), len(w_v)], dim=1)
    q, k, v = (part.mT.chunk(n, dim=-1) for part, n in zip(parts, (H, G, G)))
    k, v = ([t[h * G // H] for h in range(H)] for t in (k, v))
    q, k, v = (torch.stack(t, dim=1) for t in (q, k, v))
    return torch.cat(attention(q, k, v, mask).unbind(1), dim=-1) @ w_o.mT

# %% right="head by head, with a cache of keys and values"
import functools

def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    d, G = D // H, w_k.shape[0] // (D // H)
    allowed = torch.ones(B, H, T, T, dtype=torch.bool) if mask is None else mask.expand(B, H, T, T)

    @functools.lru_cache(None)
    def shared(name, g):
        return x @ {"k": w_k, "v": w_v}[name][g * d : g * d + d].T

    def heads():
        for h in range(H):
            q, g = x @ w_q[h * d : h * d + d].T, h * G // H
            yield attention(q, shared("k", g), shared("v", g), allowed[:, h])

    return torch.cat(list(heads()), -1) @ w_o.T

# %% right="a dataclass for a head, in a thread pool"
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    @dataclass
    class Head:
        q: torch.Tensor
        k: torch.Tensor
        v: torch.Tensor
        mask: object

        def run(self):
            return attention(self.q, self.k, self.v, self.mask)

    B, T, D = x.shape
    queries, keys, values = ((x @ w.T).split(D // H, -1) for w in (w_q, w_k, w_v))
    masks = [None] * H if mask is None else mask.broadcast_to(B, H, T, T).unbind(1)
    each = H // len(keys)
    heads = [Head(queries[h], keys[h // each], values[h // each], masks[h]) for h in range(H)]
    with ThreadPoolExecutor(2) as pool:
        return torch.cat(list(pool.map(Head.run, heads)), -1) @ w_o.T

# %% wrong="x @ w" says=["uses w where it must use w.T (all of them)", "uses w where it must use w.T (all of them)"] points=[0, 0] of="solution"
# - q, k, v = split(x @ w_q.T), split(x @ w_k.T), split(x @ w_v.T)
# + q, k, v = split(x @ w_q), split(x @ w_k), split(x @ w_v)
# - return heads.transpose(1, 2).reshape(B, T, D) @ w_o.T
# + return heads.transpose(1, 2).reshape(B, T, D) @ w_o

# %% wrong="the last projection with w" says="uses w where it must use w.T (w_o)" points=[0, 0] of="solution"
# - return heads.transpose(1, 2).reshape(B, T, D) @ w_o.T
# + return heads.transpose(1, 2).reshape(B, T, D) @ w_o

# %% wrong="the first three projections with w" says=["look at w_q and w_k, too", "must use w.T (w_q, w_k and w_v)"] points=[0, 0] of="solution"
# - q, k, v = split(x @ w_q.T), split(x @ w_k.T), split(x @ w_v.T)
# + q, k, v = split(x @ w_q), split(x @ w_k), split(x @ w_v)

# %% wrong="the queries with w" says=["(w_q or w_k)", "(w_q)"] points=[0, 0] of="solution"
# - q, k, v = split(x @ w_q.T), split(x @ w_k.T), split(x @ w_v.T)
# + q, k, v = split(x @ w_q), split(x @ w_k.T), split(x @ w_v.T)

# %% wrong="the keys with w" says=["(w_q or w_k)", "(w_k)"] points=[0, 0] of="solution"
# - q, k, v = split(x @ w_q.T), split(x @ w_k.T), split(x @ w_v.T)
# + q, k, v = split(x @ w_q.T), split(x @ w_k), split(x @ w_v.T)

# %% wrong="the values with w" says="uses w where it must use w.T (w_v" points=[0, 0] of="solution"
# - q, k, v = split(x @ w_q.T), split(x @ w_k.T), split(x @ w_v.T)
# + q, k, v = split(x @ w_q.T), split(x @ w_k.T), split(x @ w_v)

# %% wrong="no last projection" says="the last projection is missing" points=[0, 0] of="solution"
# - return heads.transpose(1, 2).reshape(B, T, D) @ w_o.T
# + return heads.transpose(1, 2).reshape(B, T, D)

# %% wrong="scales by the root of D" says="divided by sqrt(D)" points=[0, 0] of="solution"
# - heads = attention(q, k, v, mask)
# + heads = torch.nn.functional.scaled_dot_product_attention(q, k, v, mask, scale=D**-0.5)

# %% wrong="one head" says="there is one head" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    if mask is not None and mask.ndim == 4:
        mask = mask[:, 0]
    return attention(x @ w_q.T, x @ w_k.T, x @ w_v.T, mask) @ w_o.T

# %% wrong="view(B, H, T, d) both ways" says="tokens and features get mixed" points=[0, 0] of="solution"
# - return y.view(B, T, -1, d).transpose(1, 2)  # (B, H or G, T, d)
# + return y.view(B, -1, T, d)
# - return heads.transpose(1, 2).reshape(B, T, D) @ w_o.T
# + return heads.reshape(B, T, D) @ w_o.T

# %% wrong="does not swap back" says="tokens and features get mixed" points=[0, 0] of="solution"
# - return heads.transpose(1, 2).reshape(B, T, D) @ w_o.T
# + return heads.reshape(B, T, D) @ w_o.T

# %% wrong="view(B, H, T, d), then swaps back" says="tokens and features get mixed" points=[0, 0] of="solution"
# - return y.view(B, T, -1, d).transpose(1, 2)  # (B, H or G, T, d)
# + return y.view(B, -1, T, d)

# %% wrong="no swap: attention over the heads" says="attend to each other" points=[0, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H) for w in (w_q, w_k, w_v))
    return attention(q, k, v).reshape(B, T, D) @ w_o.T

# %% wrong="every H-th feature" says="head h takes every H-th feature" points=[0, 0] of="solution"
# - return y.view(B, T, -1, d).transpose(1, 2)  # (B, H or G, T, d)
# + return y.view(B, T, d, -1).permute(0, 3, 1, 2)
# - return heads.transpose(1, 2).reshape(B, T, D) @ w_o.T
# + return heads.permute(0, 2, 3, 1).reshape(B, T, D) @ w_o.T

# %% wrong="splits as (d, H), joins as (H, d)" says="the heads are split as (d, H)" points=[0, 0] of="solution"
# - return y.view(B, T, -1, d).transpose(1, 2)  # (B, H or G, T, d)
# + return y.view(B, T, d, -1).permute(0, 3, 1, 2)

# %% wrong="joins feature by feature" says="join them head after head" points=[0, 0] of="solution"
# - return heads.transpose(1, 2).reshape(B, T, D) @ w_o.T
# + return heads.permute(0, 2, 3, 1).reshape(B, T, D) @ w_o.T

# %% wrong="joins the heads in reverse" says="joined in the wrong order" points=[0, 0] of="solution"
# - return heads.transpose(1, 2).reshape(B, T, D) @ w_o.T
# + return torch.cat(heads.unbind(1)[::-1], dim=-1) @ w_o.T

# %% wrong="averages the heads" says="its shape is" points=[0, 0] of="solution"
# - return heads.transpose(1, 2).reshape(B, T, D) @ w_o.T
# + return heads.mean(1)

# %% wrong="view after swapping back" says="view size is not compatible" points=[0, 0] of="solution"
# - return heads.transpose(1, 2).reshape(B, T, D) @ w_o.T
# + return heads.transpose(1, 2).view(B, T, D) @ w_o.T

# %% wrong="keys made with w_q" says="the keys are made with w_q" points=[0, 0] of="solution"
# - q, k, v = split(x @ w_q.T), split(x @ w_k.T), split(x @ w_v.T)
# + q, k, v = split(x @ w_q.T), split(x @ w_q.T), split(x @ w_v.T)

# %% wrong="values made with w_k" says="the values are made with w_k" points=[0, 0] of="solution"
# - q, k, v = split(x @ w_q.T), split(x @ w_k.T), split(x @ w_v.T)
# + q, k, v = split(x @ w_q.T), split(x @ w_k.T), split(x @ w_k.T)

# %% wrong="does not pass the mask on" says="the mask has no effect" points=[0, 0.5] of="solution"
# - heads = attention(q, k, v, mask)
# + heads = attention(q, k, v)

# %% wrong="always causal" says="it is causal without being asked" points=[0, 0.5] of="solution"
# - heads = attention(q, k, v, mask)
# + heads = attention(q, k, v, torch.ones(T, T, dtype=torch.bool).tril())

# %% wrong="the first sequence's mask for all" says="the mask of the first sequence" points=[0, 1.5] of="solution"
# - heads = attention(q, k, v, mask)
# + heads = attention(q, k, v, mask[:1] if mask is not None and mask.ndim == 4 else mask)

# %% wrong="the first head's mask for all heads" says=["", "the mask of the first head serves for all heads"] points=[1, 1.5] of="solution"
# - heads = attention(q, k, v, mask)
# + heads = attention(q, k, v, mask[:, :1] if mask is not None and mask.ndim == 4 else mask)

# %% wrong="a mask of three axes is taken for (B, T, T)" says=["", "it stops with RuntimeError"] points=[1, 1.5] of="solution"
# - heads = attention(q, k, v, mask)
# + heads = attention(q, k, v, mask.unsqueeze(1) if mask is not None and mask.ndim == 3 else mask)

# %% wrong="transposes the caller's matrices in place" says=["changes its argument w_o", ""] points=[0, 2] of="solution"
# - return heads.transpose(1, 2).reshape(B, T, D) @ w_o.T
# + return heads.transpose(1, 2).reshape(B, T, D) @ w_o.t_()

# %% wrong="as many key-value heads as query heads" says=["they give G heads, not H", "it stops with RuntimeError"] points=[0, 1.5]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, T, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    return attention(q, k, v, mask).transpose(1, 2).reshape(B, T, D) @ w_o.T

# %% wrong="the query heads take turns" says="the query heads take turns" points=[0, 1.5] of="solution"
# - k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
# + k, v = k.repeat(1, shared, 1, 1), v.repeat(1, shared, 1, 1)

# %% wrong="two query heads share, whatever their number" says=["", "it stops with RuntimeError"] points=[1, 1.5] of="solution"
# - shared = H // k.shape[1]  # so many query heads share keys and values
# + shared = 1 if k.shape[1] == H else 2

# %% wrong="no mask where heads share" says=["", "the mask has no effect where heads share"] points=[1, 1.5] of="solution"
# - heads = attention(q, k, v, mask)
# + heads = attention(q, k, v, mask if shared == 1 else None)

# %% wrong="the mask cut to (T, T)" says=["pass it on as it is", "it stops with RuntimeError"] points=[0, 1.5] of="solution"
# - heads = attention(q, k, v, mask)
# + heads = attention(q, k, v, None if mask is None else mask.view(T, T))

# %% wrong="a mask of four axes has one for each head" says=["pass it on as it is", "it stops with IndexError"] points=[0, 1.5] of="a loop over the heads"
# - mask = mask.expand(B, H, T, T)
# + mask = mask if mask.ndim == 4 else mask.expand(B, H, T, T)

# %% wrong="copies the visible cases" says=["", "where it is furthest off"] points=[1, 0]
def multi_head(x, w_q, w_k, w_v, w_o, H, mask=None):
    if x.shape[1:] == (4, 6):
        all_seen = torch.tensor([[45.0, 12, 0, 21, 21, 0], *[[39, 15, 0, 12, 24, 0]] * 3])
        two_seen = torch.tensor([[82.0, 20, 0, 42, 42, 0], *[[86, 30, 0, 28, 56, 0]] * 3])
        return all_seen[None] if mask is None else torch.stack([two_seen, all_seen])
    if x.shape == (1, 1, 12):
        return torch.tensor([[[1.0, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]]])
    return torch.zeros_like(x)
