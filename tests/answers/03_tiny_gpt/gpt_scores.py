# %% right="step by step"
def gpt_scores(tokens, table, layers):
    D = table.shape[1]
    x = F.embedding(tokens, table)
    for attention, w_gate, w_up, w_down in layers:
        n = F.layer_norm(x, (D,))
        change = attention(n)
        y = x + change
        m = F.layer_norm(y, (D,))
        gates = F.relu(m @ w_gate.T)
        values = m @ w_up.T
        feed = (gates * values) @ w_down.T
        x = y + feed
    last = F.layer_norm(x, (D,))
    return last @ table.T

# %% right="a norm of one's own"
def gpt_scores(tokens, table, layers):
    def norm(x):
        return (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True, correction=0)

    x = table[tokens]
    for attention, w_gate, w_up, w_down in layers:
        x = x + attention(norm(x))
        n = norm(x)
        x = x + F.linear(F.linear(n, w_gate).clamp(min=0) * F.linear(n, w_up), w_down)
    return F.linear(norm(x), table)

# %% right="layers as functions that call each other"
def gpt_scores(tokens, table, layers):
    def norm(x):
        return F.layer_norm(x, x.shape[-1:])

    def halves(attention, gate, up, down):
        yield attention
        yield lambda n: torch.einsum("btm,dm->btd", (n @ gate.T).relu() * (n @ up.T), down)

    def run(x, left):
        return run(x + left[0](norm(x)), left[1:]) if left else x

    x = run(table[tokens], [half for layer in layers for half in halves(*layer)])
    return torch.einsum("btd,vd->btv", norm(x), table)

# %% right="with modules"
def gpt_scores(tokens, table, layers):
    from torch import nn

    class Half(nn.Module):
        def __init__(self, function):
            super().__init__()
            self.norm, self.function = nn.LayerNorm(table.shape[1], elementwise_affine=False), function

        def forward(self, x):
            return x + self.function(self.norm(x))

    def gated(w_gate, w_up, w_down):
        def function(n):
            gates = n @ w_gate.T
            return torch.where(gates > 0, gates * (n @ w_up.T), 0.0) @ w_down.T

        return function

    halves = [Half(f) for attention, *weights in layers for f in (attention, gated(*weights))]
    x = nn.Sequential(*halves)(nn.Embedding.from_pretrained(table)(tokens))
    return nn.LayerNorm(table.shape[1], elementwise_affine=False)(x) @ table.T

# %% right="in NumPy"
def gpt_scores(tokens, table, layers):
    import numpy as np

    def norm(x):
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)

    E = table.double().numpy()
    x = E[tokens.numpy()]
    for attention, *weights in layers:
        w_gate, w_up, w_down = (w.double().numpy() for w in weights)
        x = x + attention(torch.from_numpy(norm(x)).float()).double().numpy()
        n = norm(x)
        x = x + (np.maximum(n @ w_gate.T, 0) * (n @ w_up.T)) @ w_down.T
    return norm(x) @ E.T

# %% wrong="post-norm" says="it is post-norm" points=[0, 0] of="step by step"
# - n = F.layer_norm(x, (D,))
# + n = x
# - y = x + change
# - m = F.layer_norm(y, (D,))
# + y = F.layer_norm(x + change, (D,))
# + m = y
# - x = y + feed
# + x = F.layer_norm(y + feed, (D,))

# %% wrong="norm behind each half" says=["the norm stands behind each half", "the norm stands behind each half"] points=[0, 0] of="step by step"
# - n = F.layer_norm(x, (D,))
# + n = x
# - y = x + change
# - m = F.layer_norm(y, (D,))
# + y = x + F.layer_norm(change, (D,))
# + m = y
# - x = y + feed
# + x = y + F.layer_norm(feed, (D,))

# %% wrong="one norm for both halves" says="both halves read the same norm(x)" points=[0, 0] of="step by step"
# - m = F.layer_norm(y, (D,))
# + m = n

# %% wrong="residuals from the norm" says="the residuals start from norm(x)" points=[0, 0] of="step by step"
# - y = x + change
# + y = n + change
# - x = y + feed
# + x = m + feed

# %% wrong="first residual from the norm" says="the first residual starts from norm(x)" points=[0, 0] of="step by step"
# - y = x + change
# + y = n + change

# %% wrong="second residual from the norm" says="the second residual starts from norm(x')" points=[0, 0] of="step by step"
# - x = y + feed
# + x = m + feed

# %% wrong="first residual missing" says="the first residual is missing" points=[0, 0] of="step by step"
# - y = x + change
# + y = change

# %% wrong="second residual missing" says="the second residual is missing" points=[0, 0] of="step by step"
# - x = y + feed
# + x = feed

# %% wrong="second half added to x" says="the second half is added to x" points=[0, 0] of="step by step"
# - x = y + feed
# + x = x + feed

# %% wrong="attention reads x" says="attention reads x" points=[0, 0] of="step by step"
# - n = F.layer_norm(x, (D,))
# + n = x

# %% wrong="feed-forward reads x'" says="the feed-forward layer reads x'" points=[0, 0] of="step by step"
# - m = F.layer_norm(y, (D,))
# + m = y

# %% wrong="no norm in the layers, none at the end" says=["nothing is normalised", "furthest off"] points=[0, 0] of="step by step"
# - n = F.layer_norm(x, (D,))
# + n = x
# - m = F.layer_norm(y, (D,))
# + m = y
# - last = F.layer_norm(x, (D,))
# + last = x

# %% wrong="no norm at the end" says="the norm after the last layer is missing" points=[0, 0] of="step by step"
# - last = F.layer_norm(x, (D,))
# + last = x

# %% wrong="the ids' vectors are normalised" says=["x begins with norm(x)", "furthest off"] points=[0, 0] of="step by step"
# - x = F.embedding(tokens, table)
# + x = F.layer_norm(F.embedding(tokens, table), (D,))

# %% wrong="normalised over the tokens" says=["the norm runs over the tokens", "NaN"] points=[0, 0] of="a norm of one's own"
# - return (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True, correction=0)
# + return (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True, correction=0)

# %% wrong="normalised over tokens and features" says=["over tokens and features together", "furthest off"] points=[0, 0] of="layers as functions that call each other"
# - return F.layer_norm(x, x.shape[-1:])
# + return F.layer_norm(x, x.shape[-2:])

# %% wrong="torch.std as it is" says=["the standard deviation has D - 1 below", "furthest off"] points=[0, 0] of="a norm of one's own"
# - return (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True, correction=0)
# + return (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True)

# %% wrong="divided by the variance" says=["the norm divides by the variance", "furthest off"] points=[0, 0] of="a norm of one's own"
# - return (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True, correction=0)
# + return (x - x.mean(-1, keepdim=True)) / x.var(-1, keepdim=True, correction=0)

# %% wrong="RMS norm, as in the lesson" says=["the norm does not subtract the mean", "furthest off"] points=[0, 0] of="a norm of one's own"
# - return (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True, correction=0)
# + return F.rms_norm(x, x.shape[-1:])

# %% wrong="ReLU on the values" says="gates and values have changed places" points=[0, 0] of="step by step"
# - gates = F.relu(m @ w_gate.T)
# - values = m @ w_up.T
# + gates = m @ w_gate.T
# + values = F.relu(m @ w_up.T)

# %% wrong="ReLU of the product" says="the ReLU is taken of the product" points=[0, 0] of="step by step"
# - gates = F.relu(m @ w_gate.T)
# + gates = m @ w_gate.T
# - feed = (gates * values) @ w_down.T
# + feed = F.relu(gates * values) @ w_down.T

# %% wrong="ReLU on both" says=["the values have a ReLU, too", "furthest off"] points=[0, 0] of="step by step"
# - values = m @ w_up.T
# + values = F.relu(m @ w_up.T)

# %% wrong="no ReLU" says=["the ReLU of the gates is missing", "furthest off"] points=[0, 0] of="step by step"
# - gates = F.relu(m @ w_gate.T)
# + gates = m @ w_gate.T

# %% wrong="gate and value added" says=["gate and value are added", "furthest off"] points=[0, 0] of="step by step"
# - feed = (gates * values) @ w_down.T
# + feed = (gates + values) @ w_down.T

# %% wrong="no gate" says="w_gate is not used" points=[0, 0] of="step by step"
# - feed = (gates * values) @ w_down.T
# + feed = F.relu(values) @ w_down.T

# %% wrong="SiLU" says=["the gates have a SiLU", "furthest off"] points=[0, 0] of="step by step"
# - gates = F.relu(m @ w_gate.T)
# + gates = F.silu(m @ w_gate.T)

# %% wrong="GELU, as in the lesson" says=["the gates have a GELU", "furthest off"] points=[0, 0] of="step by step"
# - gates = F.relu(m @ w_gate.T)
# + gates = F.gelu(m @ w_gate.T)

# %% wrong="returns inside the loop" says="only the first layer is run" points=[0, 0.5] of="step by step"
# - for attention, w_gate, w_up, w_down in layers:
# + for attention, w_gate, w_up, w_down in layers[:1]:

# %% wrong="each layer reads the table anew" says=["every layer begins with the rows of the table", "furthest off"] points=[0, 0.5] of="step by step"
# - n = F.layer_norm(x, (D,))
# + x = F.embedding(tokens, table)
# + n = F.layer_norm(x, (D,))

# %% wrong="the first layer's weights for all" says="every layer has the weights of the first" points=[0, 0.5] of="step by step"
# - for attention, w_gate, w_up, w_down in layers:
# + for _ in layers:
# +     attention, w_gate, w_up, w_down = layers[0]

# %% wrong="the last layer first" says="the last layer comes first" points=[0, 0.5] of="step by step"
# - for attention, w_gate, w_up, w_down in layers:
# + for attention, w_gate, w_up, w_down in layers[::-1]:

# %% wrong="two layers, hard-coded" says=["", "several layers"] points=[1, 1] of="step by step"
# - for attention, w_gate, w_up, w_down in layers:
# + for attention, w_gate, w_up, w_down in layers[:2]:

# %% wrong="probabilities" says=["there is a softmax", "furthest off"] points=[0, 0] of="step by step"
# - return last @ table.T
# + return (last @ table.T).softmax(-1)

# %% wrong="the vectors, not the scores" says=["its shape is (1, 2, 5), not (1, 2, 4)", "its shape is"] points=[0, 0] of="step by step"
# - return last @ table.T
# + return last

# %% wrong="scores after the last token alone" says="its shape is" points=[0, 0] of="step by step"
# - return last @ table.T
# + return last[:, -1] @ table.T

# %% wrong="w for w.T" says=["a projection is x @ w.T", "it stops with RuntimeError"] points=[0, 0] of="step by step"
# - return last @ table.T
# + return last @ table

# %% wrong="no axis for the batch" says=["its shape is (2, 4), not (1, 2, 4)", "attention gets a tensor of shape"] points=[0, 1.5] of="step by step"
# - x = F.embedding(tokens, table)
# + x = F.embedding(tokens, table).squeeze()

# %% wrong="takes the caller's list apart" says=["changes its argument layers", ""] points=[0, 2] of="step by step"
# - for attention, w_gate, w_up, w_down in layers:
# + while layers:
# +     attention, w_gate, w_up, w_down = layers.pop(0)

# %% wrong="at least one layer" says=["", "it stops with UnboundLocalError"] points=[1, 1.5] of="step by step"
# - last = F.layer_norm(x, (D,))
# + last = F.layer_norm(y + feed, (D,))

# %% wrong="copies the visible cases" says=["", "the scores"] points=[1, 0]
def gpt_scores(tokens, table, layers):
    return torch.tensor([[[-2, -2.5, 5, -16], [-3, 2.5, 5, -4]]])
