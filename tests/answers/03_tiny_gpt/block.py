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


# %% wrong="post-norm" says="it is a post-norm block" points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = x
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = F.layer_norm(x + change, (D,))
    m = y
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return F.layer_norm(y + feed, (D,))


# %% wrong="residuals from the norm" says="the residuals start from norm(x)" points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = n + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return m + feed


# %% wrong="first residual missing" says="the first residual is missing" points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="second residual missing" says="the second residual is missing" points=[0, 0]
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
    return feed


# %% wrong="feed-forward reads x without norm" says="the feed-forward layer reads x'" points=[0, 0]
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
    m = y
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="attention reads x without norm" says="attention reads x" points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = x
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


# %% wrong="one norm for both halves" says="both halves read the same norm(x)" points=[0, 0]
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
    m = n
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="second half added to x" says="the second half is added to x" points=[0, 0]
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
    return x + feed


# %% wrong="first residual from the norm" says="the first residual starts from norm(x)" points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = n + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="second residual from the norm" says="the second residual starts from norm(x')" points=[0, 0]
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
    return m + feed


# %% wrong="norm behind each half" says="the norm stands behind each half" points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = x
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + F.layer_norm(change, (D,))
    m = y
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + F.layer_norm(feed, (D,))


# %% wrong="no norm" says="nothing is normalised" points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = x
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = y
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="normalised over the tokens" says=["the norm runs over the tokens", "the norm runs over the tokens"] points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = (y - y.mean(1, keepdim=True)) / (y.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="one norm too many" says="the result is normalised once more" points=[0, 0]
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
    return F.layer_norm(y + feed, (D,))


# %% wrong="no mask" says="there is no causal mask" points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="mask the wrong way round" says="the wrong way round" points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).tril(-1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="later scores become 0" says="exp(0) = 1 is a weight" points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, 0).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="masks after the softmax" says="no longer sum to 1" points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.softmax(dim=-1).masked_fill(future, 0)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="-100 before scaling" says=["", "the mask lets it through"] points=[1, 1.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = (q @ k.mT).masked_fill(future, -100) / math.sqrt(D // H)
    weights = scores.softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="softmax over the queries" says="the softmax runs over the queries" points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-2)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="not scaled" says="the scores are not divided by sqrt(d)" points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="divided by sqrt(D)" says="the scores are divided by sqrt(D)" points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="divided by d" says=["by sqrt(D) or by d", "the scores are divided by d; divide them by its square root"] points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / (D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="one head" says="there is one head of size D" points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, 1, D).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="head after head" says="w_qkv is split as (H, 3, d)" points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, H, 3, D // H).permute(3, 0, 2, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="joined without bringing T back" says="joined without bringing T before H" points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="w_out missing" says="w_out is missing" points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D)
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="keys first" says="queries and keys have changed places" points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    k, q, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="values before keys" says="keys and values have changed places" points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, v, k = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="ReLU not squared" says="the ReLU is not squared" points=[0, 0]
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
    feed = (m @ w_up.T).relu() @ w_down.T
    return y + feed


# %% wrong="squared without ReLU" says="the ReLU is missing" points=[0, 0]
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
    feed = (m @ w_up.T).square() @ w_down.T
    return y + feed


# %% wrong="GELU" says="it is a GELU" points=[0, 0]
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
    feed = F.gelu(m @ w_up.T) @ w_down.T
    return y + feed


# %% wrong="no ReLU" says="there is no ReLU and no square" points=[0, 0]
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
    feed = m @ w_up.T @ w_down.T
    return y + feed


# %% wrong="adds to the caller's x" says="changes its argument x" points=[0, 2]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    y = x.add_(change)
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="w for w.T" says=["uses w where it must use w.T (w_out)", "w where it must use w.T (w_out)"] points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    n = F.layer_norm(x, (D,))
    qkv = n @ w_qkv.T
    q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = q @ k.mT / math.sqrt(D // H)
    weights = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    change = (weights @ v).transpose(1, 2).reshape(B, T, D) @ w_out
    y = x + change
    m = F.layer_norm(y, (D,))
    feed = (m @ w_up.T).relu().square() @ w_down.T
    return y + feed


# %% wrong="both residuals missing" says=["both residuals are missing", "block: "] points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    d = D // H

    def norm(y):
        return F.layer_norm(y, (D,))

    q, k, v = (part.reshape(B, T, H, d).transpose(1, 2) for part in (norm(x) @ w_qkv.T).chunk(3, -1))
    scores = (q @ k.mT / math.sqrt(d)).masked_fill(torch.ones(T, T).triu(1) == 1, -math.inf)
    x = (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    return (norm(x) @ w_up.T).relu() ** 2 @ w_down.T


# %% wrong="torch.std as it is" says=["the standard deviation has D - 1 below", "block: "] points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    d = D // H

    def norm(y):
        return (y - y.mean(-1, keepdim=True)) / y.std(-1, keepdim=True)

    q, k, v = (part.reshape(B, T, H, d).transpose(1, 2) for part in (norm(x) @ w_qkv.T).chunk(3, -1))
    scores = (q @ k.mT / math.sqrt(d)).masked_fill(torch.ones(T, T).triu(1) == 1, -math.inf)
    x = x + (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    return x + (norm(x) @ w_up.T).relu() ** 2 @ w_down.T


# %% wrong="divided by the variance" says=["the norm divides by the variance", "block: "] points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    d = D // H

    def norm(y):
        return (y - y.mean(-1, keepdim=True)) / y.var(-1, keepdim=True, unbiased=False)

    q, k, v = (part.reshape(B, T, H, d).transpose(1, 2) for part in (norm(x) @ w_qkv.T).chunk(3, -1))
    scores = (q @ k.mT / math.sqrt(d)).masked_fill(torch.ones(T, T).triu(1) == 1, -math.inf)
    x = x + (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    return x + (norm(x) @ w_up.T).relu() ** 2 @ w_down.T


# %% wrong="RMS norm" says=["the norm does not subtract the mean", "block: "] points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    d = D // H

    def norm(y):
        return F.rms_norm(y, (D,))

    q, k, v = (part.reshape(B, T, H, d).transpose(1, 2) for part in (norm(x) @ w_qkv.T).chunk(3, -1))
    scores = (q @ k.mT / math.sqrt(d)).masked_fill(torch.ones(T, T).triu(1) == 1, -math.inf)
    x = x + (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    return x + (norm(x) @ w_up.T).relu() ** 2 @ w_down.T


# %% wrong="norm over tokens and features" says=["over tokens and features together", "block: "] points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    d = D // H

    def norm(y):
        return F.layer_norm(y, (T, D))

    q, k, v = (part.reshape(B, T, H, d).transpose(1, 2) for part in (norm(x) @ w_qkv.T).chunk(3, -1))
    scores = (q @ k.mT / math.sqrt(d)).masked_fill(torch.ones(T, T).triu(1) == 1, -math.inf)
    x = x + (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    return x + (norm(x) @ w_up.T).relu() ** 2 @ w_down.T


# %% wrong="every H-th feature" says=["head h takes every H-th feature", "block: "] points=[0, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    d = D // H

    def norm(y):
        return F.layer_norm(y, (D,))

    q, k, v = (part.reshape(B, T, d, H).permute(0, 3, 1, 2) for part in (norm(x) @ w_qkv.T).chunk(3, -1))
    scores = (q @ k.mT / math.sqrt(d)).masked_fill(torch.ones(T, T).triu(1) == 1, -math.inf)
    x = x + (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    return x + (norm(x) @ w_up.T).relu() ** 2 @ w_down.T


# %% wrong="view for transpose" says=["view(B, H, T, d) mixes the tokens; take view(B, T, H, d), then", "block: "] points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    d = D // H

    def norm(y):
        return F.layer_norm(y, (D,))

    q, k, v = (part.reshape(B, H, T, d) for part in (norm(x) @ w_qkv.T).chunk(3, -1))
    scores = (q @ k.mT / math.sqrt(d)).masked_fill(torch.ones(T, T).triu(1) == 1, -math.inf)
    x = x + (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, D) @ w_out.T
    return x + (norm(x) @ w_up.T).relu() ** 2 @ w_down.T


# %% wrong="view for transpose, twice" says=["bring H before T, and at the end back", "block: "] points=[0, 0.5]
def block(x, w_qkv, w_out, w_up, w_down, H):
    B, T, D = x.shape
    d = D // H

    def norm(y):
        return F.layer_norm(y, (D,))

    q, k, v = (part.reshape(B, H, T, d) for part in (norm(x) @ w_qkv.T).chunk(3, -1))
    scores = (q @ k.mT / math.sqrt(d)).masked_fill(torch.ones(T, T).triu(1) == 1, -math.inf)
    x = x + (scores.softmax(-1) @ v).reshape(B, T, D) @ w_out.T
    return x + (norm(x) @ w_up.T).relu() ** 2 @ w_down.T


# %% wrong="copies the visible cases" says=["", "where it is furthest off"] points=[1, 0]
def block(x, w_qkv, w_out, w_up, w_down, H):
    return torch.tensor([[[10.0, 9, 11, 15], [20, 7, 11, 7]]]) if x.shape == (1, 2, 4) else 0 * x
