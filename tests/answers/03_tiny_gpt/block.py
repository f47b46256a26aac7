# %% right="the library's attention"
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    q, k, v = ((F.layer_norm(x, (D,)) @ w.T).view(B, T, H, -1).transpose(1, 2) for w in w_qkv.chunk(3))
    heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    x = x + F.linear(heads.transpose(1, 2).flatten(2), w_out)
    return x + F.linear(F.relu(F.linear(F.layer_norm(x, (D,)), w_up)) ** 2, w_down)

# %% right="one head and one token at a time"
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    d = D // H

    def norm(y):
        return (y - y.mean(-1, keepdim=True)) / y.std(-1, keepdim=True, unbiased=False)

    q, k, v = (norm(x) @ w_qkv.T).split(D, dim=-1)
    heads = torch.zeros(B, T, D)
    for h in range(H):
        at = slice(h * d, h * d + d)
        for t in range(T):
            scores = (q[:, t : t + 1, at] * k[:, : t + 1, at]).sum(-1) / d**0.5
            heads[:, t, at] = (scores.softmax(-1)[..., None] * v[:, : t + 1, at]).sum(1)
    x = x + heads @ w_out.T
    return x + (norm(x) @ w_up.T).clamp(min=0) ** 2 @ w_down.T

# %% right="with modules"
def block(x, w_qkv, w_out, w_up, w_down, H):
    from torch import nn

    D = x.shape[-1]
    attention = nn.MultiheadAttention(D, H, bias=False, batch_first=True)
    with torch.no_grad():
        attention.in_proj_weight.copy_(w_qkv)
        attention.out_proj.weight.copy_(w_out)
        norm = nn.LayerNorm(D)
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        n = norm(x)
        x = x + attention(n, n, n, attn_mask=mask, need_weights=False)[0]
        return x + F.relu(norm(x) @ w_up.T).square() @ w_down.T

# %% right="masked with -1e9 before scaling"
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    q, k, v = (F.layer_norm(x, (D,)) @ w_qkv.T).view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    scores = (q @ k.mT).masked_fill(torch.ones(T, T).tril() == 0, -1e9) / math.sqrt(D // H)
    x = x + (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    return x + (F.layer_norm(x, (D,)) @ w_up.T).relu().square() @ w_down.T

# %% right="step by step"
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed

# %% right="in NumPy"
def block(x, w_qkv, w_out, w_up, w_down, H):
    import numpy as np

    x, w_qkv, w_out, w_up, w_down = (t.double().numpy() for t in (x, w_qkv, w_out, w_up, w_down))
    B, T, D = x.shape

    def norm(y):
        return (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-5)

    q, k, v = (norm(x) @ w_qkv.T).reshape(B, T, 3, H, D // H).transpose(2, 0, 3, 1, 4)
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(D // H)
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    x = x + (weights @ v).swapaxes(1, 2).reshape(B, T, D) @ w_out.T
    return torch.from_numpy(x + np.maximum(norm(x) @ w_up.T, 0) ** 2 @ w_down.T)

# %% right="prefix by prefix, a thread for each head"
def block(x, w_qkv, w_out, w_up, w_down, H):
    from concurrent.futures import ThreadPoolExecutor

    B, T, D = x.shape
    n = F.layer_norm(x, (D,))

    def head(h):
        rows = [w_qkv[i * D + h * (D // H) : i * D + (h + 1) * (D // H)] for i in range(3)]
        q, k, v = (n @ w.T for w in rows)
        out = [((q[:, t] / (D // H) ** 0.5)[:, None] @ k[:, : t + 1].mT).softmax(-1) @ v[:, : t + 1] for t in range(T)]
        return torch.cat(out, dim=1)

    with ThreadPoolExecutor(2) as pool:
        joined = torch.cat(list(pool.map(head, range(H))), dim=-1)
    y = x + joined @ w_out.T
    return y + (F.layer_norm(y, (D,)) @ w_up.T).clamp_min(0).pow(2) @ w_down.T

# %% wrong="post-norm" says="it is a post-norm block" points=[0, 0] of="step by step"
# - n = F.layer_norm(x, (D,))
# + n = x
# - y = x + change
# - m = F.layer_norm(y, (D,))
# + y = F.layer_norm(x + change, (D,))
# + m = y
# - return y + feed
# + return F.layer_norm(y + feed, (D,))

# %% wrong="residuals from the norm" says="the residuals start from norm(x)" points=[0, 0] of="step by step"
# - y = x + change
# + y = n + change
# - return y + feed
# + return m + feed

# %% wrong="first residual missing" says="the first residual is missing" points=[0, 0] of="step by step"
# - y = x + change
# + y = change

# %% wrong="second residual missing" says="the second residual is missing" points=[0, 0] of="step by step"
# - return y + feed
# + return feed

# %% wrong="feed-forward reads x without norm" says="the feed-forward layer reads x'" points=[0, 0] of="step by step"
# - m = F.layer_norm(y, (D,))
# + m = y

# %% wrong="attention reads x without norm" says="attention reads x" points=[0, 0] of="step by step"
# - n = F.layer_norm(x, (D,))
# + n = x

# %% wrong="one norm for both halves" says="both halves read the same norm(x)" points=[0, 0] of="step by step"
# - m = F.layer_norm(y, (D,))
# + m = n

# %% wrong="second half added to x" says="the second half is added to x" points=[0, 0] of="step by step"
# - return y + feed
# + return x + feed

# %% wrong="first residual from the norm" says="the first residual starts from norm(x)" points=[0, 0] of="step by step"
# - y = x + change
# + y = n + change

# %% wrong="second residual from the norm" says="the second residual starts from norm(x')" points=[0, 0] of="step by step"
# - return y + feed
# + return m + feed

# %% wrong="norm behind each half" says="the norm stands behind each half" points=[0, 0] of="step by step"
# - n = F.layer_norm(x, (D,))
# + n = x
# - y = x + change
# - m = F.layer_norm(y, (D,))
# + y = x + F.layer_norm(change, (D,))
# + m = y
# - return y + feed
# + return y + F.layer_norm(feed, (D,))

# %% wrong="no norm" says="nothing is normalised" points=[0, 0] of="step by step"
# - n = F.layer_norm(x, (D,))
# + n = x
# - m = F.layer_norm(y, (D,))
# + m = y

# %% wrong="normalised over the tokens" says="the norm runs over the tokens" points=[0, 0] of="step by step"
# - n = F.layer_norm(x, (D,))
# + n = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
# - m = F.layer_norm(y, (D,))
# + m = (y - y.mean(1, keepdim=True)) / (y.var(1, keepdim=True, correction=0) + 1e-5).sqrt()

# %% wrong="one norm too many" says="the result is normalised once more" points=[0, 0] of="step by step"
# - return y + feed
# + return F.layer_norm(y + feed, (D,))

# %% wrong="no mask" says="there is no causal mask" points=[0, 0.5] of="step by step"
# - future = torch.ones(T, T, dtype=torch.bool).triu(1)
# + future = torch.zeros(T, T, dtype=torch.bool)

# %% wrong="mask the wrong way round" says="the wrong way round" points=[0, 0.5] of="step by step"
# - future = torch.ones(T, T, dtype=torch.bool).triu(1)
# + future = torch.ones(T, T, dtype=torch.bool).tril(-1)

# %% wrong="later scores become 0" says="exp(0) = 1 is a weight" points=[0, 0.5] of="step by step"
# - weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
# + weights = scores.masked_fill(future, 0).softmax(dim=-1)

# %% wrong="masks after the softmax" says="no longer sum to 1" points=[0, 0.5] of="step by step"
# - weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
# + weights = scores.softmax(dim=-1).masked_fill(future, 0)

# %% wrong="-100 before scaling" says=["", "the mask lets it through"] points=[1, 1.5] of="step by step"
# - scores = q @ k.mT / math.sqrt(D // H)
# - weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
# + scores = (q @ k.mT).masked_fill(future, -100) / math.sqrt(D // H)
# + weights = scores.softmax(dim=-1)

# %% wrong="softmax over the queries" says="the softmax runs over the queries" points=[0, 0.5] of="step by step"
# - weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
# + weights = scores.masked_fill(future, float("-inf")).softmax(dim=-2)

# %% wrong="not scaled" says="the scores are not divided by sqrt(d)" points=[0, 0.5] of="step by step"
# - scores = q @ k.mT / math.sqrt(D // H)
# + scores = q @ k.mT

# %% wrong="divided by sqrt(D)" says="the scores are divided by sqrt(D)" points=[0, 0.5] of="step by step"
# - scores = q @ k.mT / math.sqrt(D // H)
# + scores = q @ k.mT / math.sqrt(D)

# %% wrong="divided by d" says=["by sqrt(D) or by d", "the scores are divided by d; divide them by its square root"] points=[0, 0.5] of="step by step"
# - scores = q @ k.mT / math.sqrt(D // H)
# + scores = q @ k.mT / (D // H)

# %% wrong="one head" says="there is one head of size D" points=[0, 0.5] of="step by step"
# - q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
# + q, k, v = qkv.view(B, T, 3, 1, D).permute(2, 0, 3, 1, 4)
# - scores = q @ k.mT / math.sqrt(D // H)
# + scores = q @ k.mT / math.sqrt(D)

# %% wrong="head after head" says="w_qkv is split as (H, 3, d)" points=[0, 0] of="step by step"
# - q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
# + q, k, v = qkv.view(B, T, H, 3, D // H).permute(3, 0, 2, 1, 4)

# %% wrong="joined without bringing T back" says="joined without bringing T before H" points=[0, 0.5] of="step by step"
# - change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
# + change = (weights @ v).reshape(B, T, D) @ w_out.T

# %% wrong="w_out missing" says="w_out is missing" points=[0, 0] of="step by step"
# - change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
# + change = (weights @ v).transpose(1, 2).reshape(B, T, D)

# %% wrong="keys first" says="queries and keys have changed places" points=[0, 0.5] of="step by step"
# - q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
# + k, q, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)

# %% wrong="values before keys" says="keys and values have changed places" points=[0, 0] of="step by step"
# - q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
# + q, v, k = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)

# %% wrong="ReLU not squared" says="the ReLU is not squared" points=[0, 0] of="step by step"
# - feed = (m @ w_up.T).relu().square() @ w_down.T
# + feed = (m @ w_up.T).relu() @ w_down.T

# %% wrong="squared without ReLU" says="the ReLU is missing" points=[0, 0] of="step by step"
# - feed = (m @ w_up.T).relu().square() @ w_down.T
# + feed = (m @ w_up.T).square() @ w_down.T

# %% wrong="GELU" says="it is a GELU" points=[0, 0] of="step by step"
# - feed = (m @ w_up.T).relu().square() @ w_down.T
# + feed = F.gelu(m @ w_up.T) @ w_down.T

# %% wrong="no ReLU" says="there is no ReLU and no square" points=[0, 0] of="step by step"
# - feed = (m @ w_up.T).relu().square() @ w_down.T
# + feed = m @ w_up.T @ w_down.T

# %% wrong="adds to the caller's x" says="changes its argument x" points=[0, 2] of="step by step"
# - y = x + change
# + y = x.add_(change)

# %% wrong="w for w.T" says=["uses w where it must use w.T (w_out)", "w where it must use w.T (w_out)"] points=[0, 0] of="step by step"
# - change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
# + change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out

# %% wrong="both residuals missing" says=["both residuals are missing", "block: "] points=[0, 0] of="step by step"
# - y = x + change
# + y = change
# - return y + feed
# + return feed

# %% wrong="torch.std as it is" says=["the standard deviation has D - 1 below", "block: "] points=[0, 0] of="one head and one token at a time"
# - return (y - y.mean(-1, keepdim=True)) / y.std(-1, keepdim=True, unbiased=False)
# + return (y - y.mean(-1, keepdim=True)) / y.std(-1, keepdim=True)

# %% wrong="divided by the variance" says=["the norm divides by the variance", "block: "] points=[0, 0] of="one head and one token at a time"
# - return (y - y.mean(-1, keepdim=True)) / y.std(-1, keepdim=True, unbiased=False)
# + return (y - y.mean(-1, keepdim=True)) / y.var(-1, keepdim=True, unbiased=False)

# %% wrong="RMS norm" says=["the norm does not subtract the mean", "block: "] points=[0, 0] of="one head and one token at a time"
# - return (y - y.mean(-1, keepdim=True)) / y.std(-1, keepdim=True, unbiased=False)
# + return F.rms_norm(y, (D,))

# %% wrong="norm over tokens and features" says=["over tokens and features together", "block: "] points=[0, 0.5] of="one head and one token at a time"
# - return (y - y.mean(-1, keepdim=True)) / y.std(-1, keepdim=True, unbiased=False)
# + return F.layer_norm(y, (T, D))

# %% wrong="every H-th feature" says=["head h takes every H-th feature", "block: "] points=[0, 0] of="step by step"
# - q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
# + q, k, v = qkv.view(B, T, 3, D // H, H).permute(2, 0, 4, 1, 3)

# %% wrong="view for transpose" says=["view(B, H, T, d) mixes the tokens; take view(B, T, H, d), then", "block: "] points=[0, 0.5] of="step by step"
# - q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
# + q, k, v = (part.reshape(B, H, T, D // H) for part in qkv.chunk(3, dim=-1))

# %% wrong="view for transpose, twice" says=["bring H before T, and at the end back", "block: "] points=[0, 0.5] of="step by step"
# - q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
# + q, k, v = (part.reshape(B, H, T, D // H) for part in qkv.chunk(3, dim=-1))
# - change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
# + change = (weights @ v).reshape(B, T, D) @ w_out.T

# %% wrong="exp by hand" says=["", "scores whose exp is infinite: 240 of its 240 numbers are NaN"] points=[1, 1.5] of="step by step"
# - weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
# + weights = scores.exp().masked_fill(future, 0)
# + weights = weights / weights.sum(dim=-1, keepdim=True)

# %% wrong="a mask for 16 tokens" says=["", "it stops with RuntimeError"] points=[1, 1.5] of="step by step"
# - future = torch.ones(T, T, dtype=torch.bool).triu(1)
# + future = torch.ones(16, 16, dtype=torch.bool).triu(1)[:T, :T]

# %% wrong="copies the visible cases" says=["", "where it is furthest off"] points=[1, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    return torch.tensor([[[10.0, 9, 11, 15], [20, 7, 11, 7]]]) if x.shape == (1, 2, 4) else 0 * x
