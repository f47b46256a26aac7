# %% right="layer by layer"
def count_parameters(V, D, layers, H, M, tied, bias):
    attention = feed_forward = 0
    norms = D + (D if bias else 0)
    for _ in range(layers):
        attention += 4 * D * D
        feed_forward += D * M + M * D
        norms += 2 * D
        if bias:
            attention += 4 * D
            feed_forward += M + D
            norms += 2 * D
    embedding, head = V * D, V * D * (not tied)
    return dict(embedding=embedding, attention=attention, feed_forward=feed_forward, norms=norms, head=head,
                total=embedding + attention + feed_forward + norms + head)

# %% right="heads of their own size"
def count_parameters(V, D, layers, H, M, tied, bias):
    d, b = D // H, int(bias)
    one_head = 3 * d * (D + b)
    result = {
        "total": 0,
        "embedding": D * V,
        "attention": layers * (H * one_head + D * (H * d + b)),
        "feed_forward": layers * ((D + b) * M + (M + b) * D),
        "norms": D * (1 + b) * (1 + 2 * layers),
        "head": 0 if tied else D * V,
    }
    result["total"] = sum(result.values())
    return result

# %% right="from PyTorch layers"
def count_parameters(V, D, layers, H, M, tied, bias):
    from torch import nn

    def size(*modules):
        return sum(p.numel() for module in modules for p in module.parameters())

    parts = {
        "embedding": size(nn.Embedding(V, D)),
        "attention": layers * size(nn.Linear(D, 3 * D, bias), nn.Linear(D, D, bias)),
        "feed_forward": layers * size(nn.Linear(D, M, bias), nn.Linear(M, D, bias)),
        "norms": (2 * layers + 1) * size(nn.LayerNorm(D, bias=bias)),
        "head": 0 if tied else size(nn.Linear(D, V, False)),
    }
    parts["total"] = sum(parts.values())
    return parts

# %% right="in NumPy"
def count_parameters(V, D, layers, H, M, tied, bias):
    import numpy as np

    matrices = {"embedding": [(V, D)], "attention": [(D, D)] * 4 * layers, "feed_forward": [(M, D), (D, M)] * layers}
    counts = {name: np.sum([np.prod(shape) for shape in shapes]) for name, shapes in matrices.items()}
    if bias:
        for name in ("attention", "feed_forward"):
            counts[name] = counts[name] + np.sum([outputs for outputs, _ in matrices[name]])
    counts["norms"] = np.int64(D) * (2 * layers + 1) * (2 if bias else 1)
    counts["head"] = np.int64(0) if tied else counts["embedding"]
    return counts | {"total": np.sum(list(counts.values()))}

# %% right="with a dataclass"
def count_parameters(V, D, layers, H, M, tied, bias):
    from dataclasses import asdict, dataclass

    @dataclass
    class Counts:
        embedding: int = V * D
        attention: int = layers * 4 * D * (D + bias)
        feed_forward: int = layers * ((D + bias) * M + (M + bias) * D)
        norms: int = sum(D + bias * D for _ in range(2 * layers + 1))
        head: int = 0 if tied else V * D

    return {**asdict(Counts()), "total": sum(asdict(Counts()).values())}

# %% wrong="heads multiply" says="heads do not multiply" points=[0, 0] of="solution"
# - "attention": layers * 4 * (D * D + bias * D),
# + "attention": layers * H * 4 * (D * D + bias * D),

# %% wrong="head counted although tied" says="with tied=True the head has no matrix" points=[0, 0.5] of="solution"
# - "head": 0 if tied else V * D,
# + "head": V * D,

# %% wrong="output projection missing" says="there are four matrices" points=[0, 0] of="solution"
# - "attention": layers * 4 * (D * D + bias * D),
# + "attention": layers * 3 * (D * D + bias * D),

# %% wrong="feed-forward once" says="two matrices" points=[0, 0] of="solution"
# - "feed_forward": layers * (2 * D * M + bias * (M + D)),
# + "feed_forward": layers * (D * M + bias * M),

# %% wrong="no biases" says=["the biases are missing", "biases are missing"] points=[0, 0.5] of="solution"
# - "attention": layers * 4 * (D * D + bias * D),
# - "feed_forward": layers * (2 * D * M + bias * (M + D)),
# - "norms": (2 * layers + 1) * (1 + bias) * D,
# + "attention": layers * 4 * D * D,
# + "feed_forward": layers * 2 * D * M,
# + "norms": (2 * layers + 1) * D,

# %% wrong="biases always" says="biases are counted, though bias=False" points=[0, 0.5] of="solution"
# - "attention": layers * 4 * (D * D + bias * D),
# - "feed_forward": layers * (2 * D * M + bias * (M + D)),
# - "norms": (2 * layers + 1) * (1 + bias) * D,
# + "attention": layers * 4 * (D * D + D),
# + "feed_forward": layers * (2 * D * M + M + D),
# + "norms": (2 * layers + 1) * 2 * D,

# %% wrong="no biases in the feed-forward layer" says=["the biases are missing: M numbers", "biases are missing"] points=[0, 0.5] of="solution"
# - "feed_forward": layers * (2 * D * M + bias * (M + D)),
# + "feed_forward": layers * 2 * D * M,

# %% wrong="biases of the inputs" says=["M going up, not D", "M going up"] points=[0, 0.5] of="solution"
# - "feed_forward": layers * (2 * D * M + bias * (M + D)),
# + "feed_forward": layers * (2 * D * M + bias * 2 * D),

# %% wrong="two biases of M" says=["D coming down, not M", "D coming down"] points=[0, 0.5] of="solution"
# - "feed_forward": layers * (2 * D * M + bias * (M + D)),
# + "feed_forward": layers * (2 * D * M + bias * 2 * M),

# %% wrong="the norms have biases always" says=["biases only if bias=True", "biases are counted, though bias=False"] points=[0, 0.5] of="solution"
# - "norms": (2 * layers + 1) * (1 + bias) * D,
# + "norms": (2 * layers + 1) * 2 * D,

# %% wrong="the norms have no biases" says=["a norm has D biases", "biases are missing"] points=[0, 0.5] of="solution"
# - "norms": (2 * layers + 1) * (1 + bias) * D,
# + "norms": (2 * layers + 1) * D,

# %% wrong="no last norm" says="the norm after the last layer is missing" points=[0, 0] of="solution"
# - "norms": (2 * layers + 1) * (1 + bias) * D,
# + "norms": 2 * layers * (1 + bias) * D,

# %% wrong="one norm a layer" says="two norms a layer and one after" points=[0, 0] of="solution"
# - "norms": (2 * layers + 1) * (1 + bias) * D,
# + "norms": (layers + 1) * (1 + bias) * D,

# %% wrong="one layer" says="it counts one layer" points=[0, 0] of="solution"
# - "attention": layers * 4 * (D * D + bias * D),
# - "feed_forward": layers * (2 * D * M + bias * (M + D)),
# + "attention": 4 * (D * D + bias * D),
# + "feed_forward": 2 * D * M + bias * (M + D),

# %% wrong="matrices of a head only" says="not (D, D/H)" points=[0, 0] of="solution"
# - "attention": layers * 4 * (D * D + bias * D),
# + "attention": layers * 4 * (D * (D // H) + bias * D),

# %% wrong="4D for M" says="takes 4D for M" points=[0, 0] of="solution"
# - "feed_forward": layers * (2 * D * M + bias * (M + D)),
# + "feed_forward": layers * (8 * D * D + bias * 5 * D),

# %% wrong="a bias in the head" says="the head has no bias" points=[0, 0.5] of="solution"
# - "head": 0 if tied else V * D,
# + "head": 0 if tied else V * D + V,

# %% wrong="the head never counts" says="with tied=False the head has a matrix of its own" points=[0, 0.5] of="solution"
# - "head": 0 if tied else V * D,
# + "head": 0,

# %% wrong="tied, and the total counts it" says="the head is counted" points=[0, 0.5] of="solution"
# - return counts | {"total": sum(counts.values())}
# + return counts | {"total": sum(counts.values()) + tied * V * D}

# %% wrong="tied leaves the embedding out of the total" says=["it counts once", "embedding or head is left out"] points=[0, 0.5] of="solution"
# - return counts | {"total": sum(counts.values())}
# + return counts | {"total": sum(counts.values()) - tied * V * D}

# %% wrong="one number a norm" says=["a norm has D weights, not one", "norms, with"] points=[0, 0] of="solution"
# - "norms": (2 * layers + 1) * (1 + bias) * D,
# + "norms": (2 * layers + 1) * (1 + bias),

# %% wrong="one bias for four matrices" says="each of the four matrices has a bias" points=[0, 0.5] of="solution"
# - "attention": layers * 4 * (D * D + bias * D),
# + "attention": layers * (4 * D * D + bias * D),

# %% wrong="one number" says=["it is 588, not a dictionary", "must return a dictionary with the key"] points=[0, 0]
def count_parameters(V, D, layers, H, M, tied, bias):
    total = layers * 4 * (D * D + bias * D) + layers * (2 * D * M + bias * (M + D))
    total += (2 * layers + 1) * (1 + bias) * D + V * D
    return total if tied else total + V * D

# %% wrong="no total" says=["the keys ['embedding', 'attention', 'feed_forward', 'norms', 'head']", "with the key 'total'"] points=[0, 0] of="solution"
# - counts = {
# + return {
# - return counts | {"total": sum(counts.values())}

# %% wrong="copies the visible cases" says=["", "with tied="] points=[1, 0]
def count_parameters(V, D, layers, H, M, tied, bias):
    names = ["embedding", "attention", "feed_forward", "norms", "head", "total"]
    return dict(zip(names, [40, 240, 336, 56, 0, 672] if tied else [40, 192, 288, 28, 40, 588]))
