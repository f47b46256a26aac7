# %% [markdown]
# Attention in the general form: any leading dimensions, any mask. Labs and later lessons carry it; lesson 1 works
# one example of it in full, and its assignment has the learner write it.

# %% name="attention"
def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1).

    Args:
        q: queries, (..., T, d).
        k: keys, (..., S, d).
        v: values, (..., S, e).
        mask: booleans that broadcast to (..., T, S); True where a query may look.

    Returns:
        What each query got, (..., T, e), and the weights, (..., T, S), each row summing to 1.
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)  # exp(-inf) = 0: no weight at all
    weights = scores.softmax(dim=-1)
    return weights @ v, weights


# %% name="causal_mask"
def causal_mask(T: int, S: int | None = None) -> Tensor:
    """(T, S) booleans: each of the last T of S positions sees itself and what came before."""
    S = T if S is None else S
    return torch.ones(T, S, dtype=torch.bool).tril(diagonal=S - T)


# %% name="rope"
def rotate(x: Tensor, start: int = 0, base: float = 10_000.0) -> Tensor:
    """Rotary positions (Su et al. 2021), in the order of Llama: number i is paired with i + d/2.

    Args:
        x: queries or keys, (..., T, d), d even.
        start: the position of the first of the T vectors.
    """
    T, d = x.shape[-2:]
    theta = base ** (-torch.arange(0, d, 2, device=x.device) / d)  # (d/2,)
    angle = torch.arange(start, start + T, device=x.device)[:, None] * theta  # (T, d/2)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], dim=-1)


# %% name="heads"
def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, T, D) -> (B, H, T, D/H): each head takes its own slice of the D numbers."""
    B, T, D = x.shape
    return x.view(B, T, heads, D // heads).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, H, T, D/H) -> (B, T, D): the heads' answers side by side."""
    B, H, T, d = x.shape
    return x.transpose(1, 2).reshape(B, T, H * d)
