# %% right="a loop over the heads"
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    d, S = D // H, cache["keys"].size(2)
    keys, values, outputs = [], [], []
    for h in range(H):
        q, k, v = (x @ w[h * d : (h + 1) * d].T for w in (w_q, w_k, w_v))  # (B, 1, d)
        if rotate:
            q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
        keys.append(torch.cat([cache["keys"][:, h], k], dim=1))
        values.append(torch.cat([cache["values"][:, h], v], dim=1))
        weights = torch.softmax(q @ keys[-1].transpose(1, 2) / math.sqrt(d), dim=-1)
        outputs.append(weights @ values[-1])
    grown = {"keys": torch.stack(keys, 1), "values": torch.stack(values, 1)}
    return torch.cat(outputs, dim=-1) @ w_o.T, grown

# %% right="einsum, and a list for the pair"
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    d = D // H
    q, k, v = (torch.einsum("bd,hed->bhe", x[:, 0], w.view(H, d, D)).unsqueeze(2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        here = torch.arange(cache["keys"].shape[2], cache["keys"].shape[2] + 1)
        q, k = rotate(q, here), rotate(k, here)
    cache = {"keys": torch.cat((cache["keys"], k), 2), "values": torch.cat((cache["values"], v), 2)}
    weights = torch.einsum("bhte,bhse->bhts", q, cache["keys"]).div(d**0.5).softmax(-1)
    out = torch.einsum("bhts,bhse,fhe->btf", weights, cache["values"], w_o.view(D, H, d))
    return [out, cache]

# %% right="the library, and a copied dictionary"
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    q, k, v = ((x @ w.T).unflatten(-1, (H, -1)).transpose(1, 2) for w in (w_q, w_k, w_v))
    grown = dict(cache)
    if rotate is not None:
        p = torch.tensor([cache["keys"].shape[-2]])
        q, k = rotate(q, p), rotate(k, p)
    grown["keys"] = torch.cat([grown["keys"], k], dim=-2)
    grown["values"] = torch.cat([grown["values"], v], dim=-2)
    heads = torch.nn.functional.scaled_dot_product_attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).flatten(2) @ w_o.T, grown

# %% right="new tensors filled in place, with a mask that allows all"
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S, d = cache["keys"].shape[2], D // H
    q, k, v = ((x @ w.T).reshape(B, H, 1, d) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    keys, values = torch.empty(B, H, S + 1, d), torch.empty(B, H, S + 1, d)
    keys[:, :, :S], values[:, :, :S] = cache["keys"], cache["values"]
    keys[:, :, S], values[:, :, S] = k[:, :, 0], v[:, :, 0]
    heads = attention(q, keys, values, torch.ones(1, S + 1, dtype=torch.bool))
    return heads.reshape(B, 1, D) @ w_o.T, {"values": values, "keys": keys}

# %% right="a dataclass for the cache"
from dataclasses import asdict, dataclass

def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    @dataclass
    class Kept:
        keys: torch.Tensor
        values: torch.Tensor

        def grown(self, k, v):
            return Kept(torch.cat([self.keys, k], -2), torch.cat([self.values, v], -2))

    def turned(t):
        return t if rotate is None else rotate(t, torch.tensor([cache["keys"].shape[2]]))

    q, k, v = ((x @ w.T).unflatten(-1, (H, -1)).movedim(2, 1) for w in (w_q, w_k, w_v))
    kept = Kept(**cache).grown(turned(k), v)
    weights = (turned(q) * kept.keys).sum(-1, keepdim=True).div((x.shape[-1] / H) ** 0.5).softmax(2)
    return (weights * kept.values).sum(2).flatten(1)[:, None] @ w_o.T, asdict(kept)

# %% right="NumPy, with a whole number of its own for the position"
import numpy as np

def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    old = {name: t.numpy() for name, t in cache.items()}
    B, _, S, d = old["keys"].shape
    place = torch.from_numpy(np.array([np.int64(S)]))
    q, k, v = (torch.from_numpy((x.numpy() @ w.numpy().T).reshape(B, H, 1, d)) for w in (w_q, w_k, w_v))
    q, k = (t if rotate is None else rotate(t, place) for t in (q, k))
    keys = np.concatenate([old["keys"], k.numpy()], axis=2)
    values = np.concatenate([old["values"], v.numpy()], axis=2)
    scores = (q.numpy() * keys).sum(-1) / np.sqrt(np.float64(d))
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    heads = np.einsum("bhs,bhse->bhe", weights / weights.sum(-1, keepdims=True), values)
    out = torch.from_numpy(heads.reshape(B, 1, -1) @ w_o.numpy().T.astype(float))
    return out, {"keys": torch.from_numpy(keys), "values": torch.from_numpy(values)}

# %% wrong="attends, then appends" says="does not look at itself" points=[0, 0, 1] of="solution"
# - heads = attention(q, keys, values)  # no mask: the last token sees everything
# + heads = attention(q, cache["keys"], cache["values"])

# %% wrong="looks at itself only" says="looks at itself only" points=[0, 0, 1] of="solution"
# - heads = attention(q, keys, values)  # no mask: the last token sees everything
# + heads = attention(q, k, v)

# %% wrong="a causal mask from the top left" says=["does not look at itself", "sees the first key only", "sees the first key only"] points=[0, 0, 1] of="solution"
# - heads = attention(q, keys, values)  # no mask: the last token sees everything
# + heads = attention(q, keys, values, torch.ones(1, S + 1, dtype=torch.bool).tril())

# %% wrong="x @ w" says=["uses w where it must use w.T", "", "uses w where it must use w.T"] points=[0, 0.5, 0] of="solution"
# - q, k, v = split(x @ w_q.T), split(x @ w_k.T), split(x @ w_v.T)
# + q, k, v = split(x @ w_q), split(x @ w_k), split(x @ w_v)
# - out = heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T
# + out = heads.transpose(1, 2).reshape(B, 1, D) @ w_o

# %% wrong="no last projection" says="the last projection is missing" points=[0, 0, 1] of="solution"
# - out = heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T
# + out = heads.transpose(1, 2).reshape(B, 1, D)

# %% wrong="scales by the root of D" says=["divided by sqrt(D)", "", "divided by sqrt(D)"] points=[0, 0.5, 1] of="solution"
# - heads = attention(q, keys, values)  # no mask: the last token sees everything
# + heads = torch.softmax(q @ keys.transpose(2, 3) / math.sqrt(D), -1) @ values

# %% wrong="returns the old cache" says="it is the old cache" points=[0, 0, 1] of="solution"
# - return out, {"keys": keys, "values": values}
# + return out, cache

# %% wrong="returns the new entry only" says="it holds the new token only" points=[0, 0, 1] of="solution"
# - return out, {"keys": keys, "values": values}
# + return out, {"keys": k, "values": v}

# %% wrong="puts the new token first" says="the newest stands last" points=[0, 0, 1] of="solution"
# - keys = torch.cat([cache["keys"], k], dim=2)
# - values = torch.cat([cache["values"], v], dim=2)
# + keys = torch.cat([k, cache["keys"]], dim=2)
# + values = torch.cat([v, cache["values"]], dim=2)

# %% wrong="puts the new key first, the new value last" says="the new key stands first, the new value last" points=[0, 0, 0] of="solution"
# - keys = torch.cat([cache["keys"], k], dim=2)
# + keys = torch.cat([k, cache["keys"]], dim=2)

# %% wrong="puts the new value first, the new key last" says="the new value stands first, the new key last" points=[0, 0, 0] of="solution"
# - values = torch.cat([cache["values"], v], dim=2)
# + values = torch.cat([v, cache["values"]], dim=2)

# %% wrong="overwrites the newest entry" says=["it holds the new token only", "has overwritten one", "has overwritten one"] points=[0, 0, 0] of="solution"
# - keys = torch.cat([cache["keys"], k], dim=2)
# - values = torch.cat([cache["values"], v], dim=2)
# + keys, values = cache["keys"].clone(), cache["values"].clone()
# + keys[:, :, S - 1 : S], values[:, :, S - 1 : S] = k, v

# %% wrong="joins along the heads" says=["its shape is", "Sizes of tensors must match", "it stops with RuntimeError"] points=[0, 0, 0] of="solution"
# - keys = torch.cat([cache["keys"], k], dim=2)
# - values = torch.cat([cache["values"], v], dim=2)
# - heads = attention(q, keys, values)  # no mask: the last token sees everything
# + keys = torch.cat([cache["keys"], k], dim=1)
# + values = torch.cat([cache["values"], v], dim=1)
# + heads = attention(q.repeat(1, 2, 1, 1), keys, values)[:, -H:]

# %% wrong="joins along the features" says=["its shape is", "Sizes of tensors must match", "it stops with RuntimeError"] points=[0, 0, 0] of="solution"
# - keys = torch.cat([cache["keys"], k], dim=2)
# - values = torch.cat([cache["values"], v], dim=2)
# - heads = attention(q, keys, values)  # no mask: the last token sees everything
# + keys = torch.cat([cache["keys"], k], dim=3)
# + values = torch.cat([cache["values"], v], dim=3)
# + heads = attention(torch.cat([q, q], dim=3), keys, values)[..., : D // H]

# %% wrong="grows the caller's dictionary" says="changes its argument cache" points=[0, 0.5, 1.5] of="the library, and a copied dictionary"
# - grown = dict(cache)
# + grown = cache

# %% wrong="grows the caller's cache where there is rotate" says=["", "", "changes its argument cache"] points=[0.5, 0.5, 2] of="solution"
# - q, k = rotate(q, position), rotate(k, position)
# + q, k = rotate(q, position), rotate(k, position)
# + cache["keys"], cache["values"] = (torch.cat([cache[n], t], 2) for n, t in (("keys", k), ("values", v)))
# + return attention(q, *cache.values()).transpose(1, 2).reshape(B, 1, D) @ w_o.T, cache

# %% wrong="fills the caller's cache where it is empty" says=["", "", "changes its argument cache"] points=[0.5, 0.5, 2.5] of="solution"
# - return out, {"keys": keys, "values": values}
# + if S == 0:
# +     cache["keys"], cache["values"] = keys, values
# + return out, {"keys": keys, "values": values}

# %% wrong="swaps keys and values in what it returns" says=["keys and values have changed places", "furthest off", "keys and values have changed places"] points=[0, 0, 1] of="solution"
# - return out, {"keys": keys, "values": values}
# + return out, {"keys": values, "values": keys}

# %% wrong="ignores rotate" says=["", "the new key is not rotated", "nothing is rotated"] points=[0.5, 0, 2] of="solution"
# - q, k = rotate(q, position), rotate(k, position)
# + pass

# %% wrong="position 0 at every step" says=["", "it is at position S", "taken for position 0"] points=[0.5, 0, 2] of="solution"
# - position = torch.tensor([S])
# + position = torch.arange(x.shape[1])

# %% wrong="position after appending" says="the position is S + 1" points=[0.5, 0, 2] of="solution"
# - position = torch.tensor([S])
# + position = torch.tensor([S + 1])

# %% wrong="rotates the values too" says="the values are rotated" points=[0.5, 0, 2] of="solution"
# - q, k = rotate(q, position), rotate(k, position)
# + q, k, v = rotate(q, position), rotate(k, position), rotate(v, position)

# %% wrong="rotates the query only" says="the new key is not rotated before it enters the cache" points=[0.5, 0, 2] of="solution"
# - q, k = rotate(q, position), rotate(k, position)
# + q = rotate(q, position)

# %% wrong="rotates the key only" says="the query is not rotated" points=[0.5, 0, 2] of="solution"
# - q, k = rotate(q, position), rotate(k, position)
# + k = rotate(k, position)

# %% wrong="rotates all keys at every step" says="the cached keys are rotated again, each by its position" points=[0.5, 0, 2] of="solution"
# - q, k = rotate(q, position), rotate(k, position)
# + q = rotate(q, position)
# - values = torch.cat([cache["values"], v], dim=2)
# + values = torch.cat([cache["values"], v], dim=2)
# + keys = keys if rotate is None else rotate(keys, torch.arange(S + 1))

# %% wrong="turns the cached keys by the new position" says="the cached keys are rotated again, by the new" points=[0.5, 0, 2] of="solution"
# - q, k = rotate(q, position), rotate(k, position)
# + q = rotate(q, position)
# - values = torch.cat([cache["values"], v], dim=2)
# + values = torch.cat([cache["values"], v], dim=2)
# + keys = keys if rotate is None else rotate(keys, position)

# %% wrong="caches the key before it is rotated" says="the new key is not rotated before it enters the cache" points=[0.5, 0, 2] of="solution"
# - return out, {"keys": keys, "values": values}
# + return out, {"keys": torch.cat([cache["keys"], split(x @ w_k.T)], dim=2), "values": values}

# %% wrong="drops the axis of the token" says="its shape is" points=[0, 0, 1] of="solution"
# - out = heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T
# + out = heads.reshape(B, D) @ w_o.T

# %% wrong="returns the output only" says="it must return out, cache" points=[0, 0, 0] of="solution"
# - return out, {"keys": keys, "values": values}
# + return out

# %% wrong="a tuple for a cache" says="not a dictionary" points=[0, 0, 1] of="solution"
# - return out, {"keys": keys, "values": values}
# + return out, (keys, values)

# %% wrong="needs a token in the cache" says=["", "", "it stops with IndexError"] points=[0.5, 0.5, 1] of="solution"
# - S = cache["keys"].shape[2]
# + S, d = cache["keys"].shape[2], cache["keys"][0, 0, 0].numel()

# %% wrong="an int for positions" says=["", "positions must be a tensor of shape (1,); it is 2", "it stops with TypeError"] points=[0.5, 0, 2] of="solution"
# - position = torch.tensor([S])
# + position = S

# %% wrong="a number without an axis for positions" says=["", "positions must be a tensor of shape (1,); it is tensor(2)", "it stops with IndexError"] points=[0.5, 0, 2] of="solution"
# - position = torch.tensor([S])
# + position = torch.tensor(S)

# %% wrong="rotates before the heads stand before the tokens" says=["", "", "bring H before T first"] points=[0.5, 0.5, 2] of="solution"
# - q, k = rotate(q, position), rotate(k, position)
# + q, k = (rotate(t.transpose(1, 2), position).transpose(1, 2) for t in (q, k))

# %% wrong="copies the visible cases" says=["", "", "where it is furthest off"] points=[0.5, 0.5, 0]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    if x.shape == (1, 1, 8):
        new = torch.tensor([15.0, 0, 0, 0]).expand(1, 2, 1, 4)
        values = torch.cat([cache["values"], new], dim=2)
        grown = {"keys": torch.cat([cache["keys"], 0 * new], dim=2), "values": values}
        return torch.tensor([[[22.0, 20, 0, 0, 6, 0, 24, 0]]]), grown
    if H == 1:
        keys = torch.tensor([[[[2.0], [2.0], [3.0]]]]) * math.log(2) / 3
        return torch.tensor([[[22.0]]]), {"keys": keys, "values": torch.tensor([[[[4.0], [8.0], [16.0]]]])}
    grown = {name: torch.cat([t, torch.zeros(2, 3, 1, 4)], dim=2) for name, t in cache.items()}
    return torch.zeros_like(x), grown
