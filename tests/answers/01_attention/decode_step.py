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


# %% wrong="attends, then appends" says="does not look at itself" points=[0, 0, 1]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    heads = attention(q, cache["keys"], cache["values"])
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="looks at itself only" says="looks at itself only" points=[0, 0, 1]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    heads = attention(q, k, v)
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="a causal mask from the top left" says=["does not look at itself", "sees the first key only", "sees the first key only"] points=[0, 0, 1]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    mask = torch.ones(1, S + 1, dtype=torch.bool).tril()
    heads = attention(q, grown["keys"], grown["values"], mask)
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="x @ w" says=["", "", "uses w where it must use w.T"] points=[0.5, 0.5, 0]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o, grown


# %% wrong="no last projection" says="the last projection is missing" points=[0, 0, 1]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D), grown


# %% wrong="scales by the root of D" says=["", "", "divided by sqrt(D)"] points=[0.5, 0.5, 1]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    weights = torch.softmax(q @ grown["keys"].transpose(2, 3) / math.sqrt(D), -1)
    return (weights @ grown["values"]).transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="returns the old cache" says="it is the old cache" points=[0, 0, 1]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    keys, values = torch.cat([cache["keys"], k], 2), torch.cat([cache["values"], v], 2)
    return attention(q, keys, values).transpose(1, 2).reshape(B, 1, D) @ w_o.T, cache


# %% wrong="returns the new entry only" says="it holds the new token only" points=[0, 0, 1]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    keys, values = torch.cat([cache["keys"], k], 2), torch.cat([cache["values"], v], 2)
    out = attention(q, keys, values).transpose(1, 2).reshape(B, 1, D) @ w_o.T
    return out, {"keys": k, "values": v}


# %% wrong="puts the new token first" says="the newest stands last" points=[0, 0, 1]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    grown = {"keys": torch.cat([k, cache["keys"]], 2), "values": torch.cat([v, cache["values"]], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="overwrites the newest entry" says=["it holds the new token only", "has overwritten one", "has overwritten one"] points=[0, 0, 0]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    keys, values = cache["keys"].clone(), cache["values"].clone()
    keys[:, :, S - 1 : S], values[:, :, S - 1 : S] = k, v
    out = attention(q, keys, values).transpose(1, 2).reshape(B, 1, D) @ w_o.T
    return out, {"keys": keys, "values": values}


# %% wrong="joins along the heads" says=["its shape is", "Sizes of tensors must match", "it stops with RuntimeError"] points=[0, 0, 0]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    keys, values = torch.cat([cache["keys"], k], 1), torch.cat([cache["values"], v], 1)
    out = attention(q, keys, values)[:, -H:].transpose(1, 2).reshape(B, 1, D) @ w_o.T
    return out, {"keys": keys, "values": values}


# %% wrong="joins along the features" says=["its shape is", "Sizes of tensors must match", "it stops with RuntimeError"] points=[0, 0, 0]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    keys, values = torch.cat([cache["keys"], k], -1), torch.cat([cache["values"], v], -1)
    return attention(torch.cat([q, q], -1), keys, values), {"keys": keys, "values": values}


# %% wrong="grows the caller's dictionary" says="changes its argument cache" points=[0, 0.5, 2.5]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    cache["keys"] = torch.cat([cache["keys"], k], 2)
    cache["values"] = torch.cat([cache["values"], v], 2)
    heads = attention(q, cache["keys"], cache["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, cache


# %% wrong="swaps keys and values in what it returns" says=["keys and values have changed places", "furthest off", "keys and values have changed places"] points=[0, 0, 1]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    keys, values = torch.cat([cache["keys"], k], 2), torch.cat([cache["values"], v], 2)
    out = attention(q, keys, values).transpose(1, 2).reshape(B, 1, D) @ w_o.T
    return out, {"keys": values, "values": keys}


# %% wrong="ignores rotate" says=["", "the new key is not rotated", "nothing is rotated"] points=[0.5, 0, 2]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="position 0 at every step" says=["", "it is at position S", "taken for position 0"] points=[0.5, 0, 2]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, T, D = x.shape
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.arange(T)), rotate(k, torch.arange(T))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="position after appending" says="the position is S + 1" points=[0.5, 0, 2]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2] + 1
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="rotates the values too" says="the values are rotated" points=[0.5, 0, 2]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k, v = (rotate(t, torch.tensor([S])) for t in (q, k, v))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="rotates the query only" says="the new key is not rotated before it enters the cache" points=[0.5, 0, 2]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q = rotate(q, torch.tensor([S]))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="rotates the key only" says="the query is not rotated" points=[0.5, 0, 2]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        k = rotate(k, torch.tensor([S]))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="rotates all keys at every step" says="the cached keys are rotated again, each by its position" points=[0.5, 0, 2]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    keys, values = torch.cat([cache["keys"], k], 2), torch.cat([cache["values"], v], 2)
    if rotate is not None:
        q, keys = rotate(q, torch.tensor([S])), rotate(keys, torch.arange(S + 1))
    heads = attention(q, keys, values)
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, {"keys": keys, "values": values}


# %% wrong="turns the cached keys by the new position" says="the cached keys are rotated again, by the new" points=[0.5, 0, 2]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    keys, values = torch.cat([cache["keys"], k], 2), torch.cat([cache["values"], v], 2)
    if rotate is not None:
        q, keys = rotate(q, torch.tensor([S])), rotate(keys, torch.tensor([S]))
    heads = attention(q, keys, values)
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, {"keys": keys, "values": values}


# %% wrong="caches the key before it is rotated" says="the new key is not rotated before it enters the cache" points=[0.5, 0, 2]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    heads = attention(q, torch.cat([cache["keys"], k], 2), grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="drops the axis of the token" says="its shape is" points=[0, 0, 1]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.reshape(B, D) @ w_o.T, grown


# %% wrong="returns the output only" says="it must return out, cache" points=[0, 0, 0]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    keys, values = torch.cat([cache["keys"], k], 2), torch.cat([cache["values"], v], 2)
    return attention(q, keys, values).transpose(1, 2).reshape(B, 1, D) @ w_o.T


# %% wrong="a tuple for a cache" says="not a dictionary" points=[0, 0, 1]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    keys, values = torch.cat([cache["keys"], k], 2), torch.cat([cache["values"], v], 2)
    return attention(q, keys, values).transpose(1, 2).reshape(B, 1, D) @ w_o.T, (keys, values)


# %% wrong="needs a token in the cache" says=["", "", "it stops with IndexError"] points=[0.5, 0.5, 1.5]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S, d = cache["keys"].shape[2], cache["keys"][0, 0, 0].numel()
    q, k, v = ((x @ w.T).view(B, 1, H, d).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="puts the new key first, the new value last" says="the new key stands first, the new value last" points=[0, 0, 0]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    grown = {"keys": torch.cat([k, cache["keys"]], 2), "values": torch.cat([cache["values"], v], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="puts the new value first, the new key last" says="the new value stands first, the new key last" points=[0, 0, 0]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor([S])), rotate(k, torch.tensor([S]))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([v, cache["values"]], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="an int for positions" says=["", "positions must be a tensor of shape (1,); it is 2", "it stops with TypeError"] points=[0.5, 0, 2]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, S), rotate(k, S)
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="a number without an axis for positions" says=["", "positions must be a tensor of shape (1,); it is tensor(2)", "it stops with IndexError"] points=[0.5, 0, 2]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    B, _, D = x.shape
    S = cache["keys"].shape[2]
    q, k, v = ((x @ w.T).view(B, 1, H, D // H).transpose(1, 2) for w in (w_q, w_k, w_v))
    if rotate is not None:
        q, k = rotate(q, torch.tensor(S)), rotate(k, torch.tensor(S))
    grown = {"keys": torch.cat([cache["keys"], k], 2), "values": torch.cat([cache["values"], v], 2)}
    heads = attention(q, grown["keys"], grown["values"])
    return heads.transpose(1, 2).reshape(B, 1, D) @ w_o.T, grown


# %% wrong="copies the visible cases" says=["", "", "where it is furthest off"] points=[0.5, 0.5, 0]
def decode_step(x, cache, w_q, w_k, w_v, w_o, H, rotate=None):
    if H == 1 and rotate is None:
        keys = torch.cat([cache["keys"], torch.zeros(1, 1, 1, 4)], dim=2)
        values = torch.tensor([[[[0, 15.0, 0, 0], [15, 0, 0, 0]]]])
        return torch.tensor([[[10, 20.0, 0, 0]]]), {"keys": keys, "values": values}
    if H == 1:
        keys = torch.tensor([[[[2.0], [2.0], [3.0]]]]) * math.log(2) / 3
        return torch.tensor([[[22.0]]]), {"keys": keys, "values": torch.tensor([[[[4.0], [8.0], [16.0]]]])}
    grown = {name: torch.cat([t, torch.zeros(2, 3, 1, 4)], dim=2) for name, t in cache.items()}
    return torch.zeros_like(x), grown
