# %% right="layer by layer"
def count_parameters(config):
    c = config
    counts = dict.fromkeys(["attention", "dense", "router", "experts", "shared", "active"], 0)
    expert = 2 * c["D"] * c["h"] + c["h"] * c["D"]
    for layer in range(c["layers"]):
        counts["attention"] += c["D"] * c["H"] * c["d"] + c["H"] * c["d"] * c["D"]
        counts["attention"] += 2 * c["D"] * c["kv_heads"] * c["d"]
        if layer < c["dense_layers"]:
            counts["dense"] += 3 * c["D"] * c["dense_h"]
        else:
            counts["router"] += c["D"] * c["E"]
            counts["experts"] += c["E"] * expert
            counts["shared"] += c["shared"] * expert
            counts["active"] += (c["k"] + c["shared"]) * expert
    counts["embedding"] = counts["head"] = c["V"] * c["D"]
    used = ["embedding", "head", "attention", "dense", "router"]
    counts["active"] += sum(counts[name] for name in used)
    counts["total"] = sum(counts[name] for name in used) + counts["experts"] + counts["shared"]
    return counts


# %% right="from PyTorch layers that hold no memory"
def count_parameters(config):
    from torch import nn

    def linear(rows, columns, count=1):
        return count * nn.Linear(rows, columns, bias=False, device="meta").weight.numel()

    def gated(width, count):
        return linear(c["D"], width, 2 * count) + linear(width, c["D"], count) if count else 0

    c = config
    moe = c["layers"] - c["dense_layers"]
    parts = {
        "embedding": nn.Embedding(c["V"], c["D"], device="meta").weight.numel(),
        "head": linear(c["D"], c["V"]),
        "attention": linear(c["D"], (c["H"] + 2 * c["kv_heads"]) * c["d"], c["layers"])
        + linear(c["H"] * c["d"], c["D"], c["layers"]),
        "dense": gated(c["dense_h"], c["dense_layers"]),
        "router": linear(c["D"], c["E"], moe),
        "experts": gated(c["h"], moe * c["E"]),
        "shared": gated(c["h"], moe * c["shared"]),
    }
    active = sum(parts.values()) - parts["experts"] + gated(c["h"], moe * c["k"])
    return {**parts, "total": sum(parts.values()), "active": active}


# %% right="active by a second count with k for E"
def count_parameters(config):
    def count(E):
        D, moe = config["D"], config["layers"] - config["dense_layers"]
        one = 3 * D * config["h"]
        return {
            "embedding": config["V"] * D,
            "head": D * config["V"],
            "attention": config["layers"] * 2 * D * config["d"] * (config["H"] + config["kv_heads"]),
            "dense": config["dense_layers"] * 3 * D * config["dense_h"],
            "router": moe * D * config["E"],
            "experts": moe * E * one,
            "shared": moe * config["shared"] * one,
        }

    parts = count(config["E"])
    return dict(parts, total=sum(parts.values()), active=sum(count(config["k"]).values()))


# %% right="a name for each size"
def count_parameters(config):
    V, D, layers, H, kv_heads, d = (config[name] for name in ["V", "D", "layers", "H", "kv_heads", "d"])
    dense_layers, dense_h, h, E, n_shared, k = (
        config[name] for name in ["dense_layers", "dense_h", "h", "E", "shared", "k"]
    )
    moe = layers - dense_layers
    parts = {
        "embedding": V * D,
        "head": V * D,
        "attention": layers * (2 * D * H * d + 2 * D * kv_heads * d),
        "dense": dense_layers * 3 * D * dense_h,
        "router": moe * D * E,
        "experts": moe * E * 3 * D * h,
        "shared": moe * n_shared * 3 * D * h,
    }
    total = sum(parts.values())
    active = total - moe * (E - k) * 3 * D * h
    return parts | {"total": total, "active": active}


# %% right="NumPy, numbers of np.int64" of="solution"
# - c = config
# + import numpy as np
# + c = {name: np.int64(number) for name, number in config.items()}

# %% wrong="active without attention, embedding and head" says="attention, embedding and head are left out" points=[0, 1] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = parts["dense"] + parts["router"] + parts["shared"] + moe * k * 3 * D * h

# %% wrong="active is the total" says="it is the total; a token leaves out" points=[0, 1] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total

# %% wrong="active without attention" says="attention is left out, which every token uses" points=[0, 1] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total - moe * (E - k) * 3 * D * h - parts["attention"]

# %% wrong="active without embedding and head" says="embedding and head are left out; by custom they count in full" points=[0, 1] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total - moe * (E - k) * 3 * D * h - 2 * V * D

# %% wrong="active without the embedding" says="embedding or head is left out; by custom both" points=[0, 1] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total - moe * (E - k) * 3 * D * h - V * D

# %% wrong="one row of the embedding" says="it counts one row of the embedding" points=[0, 1] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total - moe * (E - k) * 3 * D * h - V * D + D

# %% wrong="everything times k/E" says="everything is multiplied by k/E" points=[0, 1] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total * k // E

# %% wrong="the chosen experts alone" says=["these are the chosen experts alone", "these are the chosen experts alone"] points=[0, 1] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = moe * k * 3 * D * h

# %% wrong="the chosen and the shared experts alone" says="these are the experts alone" points=[0, 1] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = moe * k * 3 * D * h + parts["shared"]

# %% wrong="active without the chosen experts" says="the chosen experts are left out" points=[0, 1] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total - parts["experts"]

# %% wrong="shared experts among the k" says="the shared experts are left out, or taken for some of the k" points=[0, 1.5] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total - moe * (E - k + n_shared) * 3 * D * h

# %% wrong="active without the shared experts" says="the shared experts are left out" points=[0, 1.5] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total - moe * (E - k) * 3 * D * h - parts["shared"]

# %% wrong="active without the dense layers" says="the dense layers are left out" points=[0, 1.5] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total - moe * (E - k) * 3 * D * h - parts["dense"]

# %% wrong="active without the router" says="the router is left out; every token uses all of it" points=[0, 1] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total - moe * (E - k) * 3 * D * h - parts["router"]

# %% wrong="the router times k/E" says="the router counts in full" points=[0, 1] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total - moe * (E - k) * 3 * D * h - parts["router"] + moe * D * k

# %% wrong="chosen experts of one layer" says="the chosen experts of one layer are counted" points=[0, 1] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total - parts["experts"] + k * 3 * D * h

# %% wrong="chosen experts in dense layers, too" says=["none is chosen there", "none is chosen there"] points=[0, 1.5] of="a name for each size"
# - active = total - moe * (E - k) * 3 * D * h
# + active = total - parts["experts"] + layers * k * 3 * D * h

# %% wrong="no grouped queries" says="keys and values have kv_heads heads, not H" points=[0, 0] of="a name for each size"
# - "attention": layers * (2 * D * H * d + 2 * D * kv_heads * d),
# + "attention": layers * 4 * D * H * d,

# %% wrong="four matrices of D by D" says="it is four matrices (D, D)" points=[0, 0] of="a name for each size"
# - "attention": layers * (2 * D * H * d + 2 * D * kv_heads * d),
# + "attention": layers * 4 * D * D,

# %% wrong="D for H d" says="it takes D for H·d" points=[0, 0] of="a name for each size"
# - "attention": layers * (2 * D * H * d + 2 * D * kv_heads * d),
# + "attention": layers * (2 * D * D + 2 * D * kv_heads * d),

# %% wrong="no output matrix" says="the matrix from H·d back to D is missing" points=[0, 0] of="a name for each size"
# - "attention": layers * (2 * D * H * d + 2 * D * kv_heads * d),
# + "attention": layers * (D * H * d + 2 * D * kv_heads * d),

# %% wrong="one matrix for keys and values" says="keys and values have a matrix each" points=[0, 0] of="a name for each size"
# - "attention": layers * (2 * D * H * d + 2 * D * kv_heads * d),
# + "attention": layers * (2 * D * H * d + D * kv_heads * d),

# %% wrong="attention of one layer" says="it counts one layer" points=[0, 0] of="a name for each size"
# - "attention": layers * (2 * D * H * d + 2 * D * kv_heads * d),
# + "attention": 2 * D * d * (H + kv_heads),

# %% wrong="no attention in dense layers" says="the first `dense_layers` layers have attention, too" points=[0, 1] of="a name for each size"
# - "attention": layers * (2 * D * H * d + 2 * D * kv_heads * d),
# + "attention": moe * 2 * D * d * (H + kv_heads),

# %% wrong="two matrices in a dense layer" says=["a gated layer has three matrices", "a gated layer has three matrices"] points=[0, 1] of="a name for each size"
# - "dense": dense_layers * 3 * D * dense_h,
# + "dense": dense_layers * 2 * D * dense_h,

# %% wrong="h for dense_h in a dense layer" says="the inner width of a dense layer is dense_h, not h" points=[0, 1] of="a name for each size"
# - "dense": dense_layers * 3 * D * dense_h,
# + "dense": dense_layers * 3 * D * h,

# %% wrong="all layers dense" says=["only the first `dense_layers` layers are dense", "only the first `dense_layers` layers are dense"] points=[0, 0] of="a name for each size"
# - "dense": dense_layers * 3 * D * dense_h,
# + "dense": layers * 3 * D * dense_h,

# %% wrong="the other layers dense" says="these are the others" points=[0, 0] of="a name for each size"
# - "dense": dense_layers * 3 * D * dense_h,
# + "dense": moe * 3 * D * dense_h,

# %% wrong="no dense layers" says="this part is missing" points=[0, 1] of="a name for each size"
# - "dense": dense_layers * 3 * D * dense_h,
# + "dense": 0,

# %% wrong="a router of k" says="the router scores all E experts, not k" points=[0, 0] of="a name for each size"
# - "router": moe * D * E,
# + "router": moe * D * k,

# %% wrong="routers in dense layers" says=["the first `dense_layers` layers have no router", "the first `dense_layers` layers have no router"] points=[0, 1] of="a name for each size"
# - "router": moe * D * E,
# + "router": layers * D * E,

# %% wrong="E numbers for a router" says="a router has D numbers for each expert" points=[0, 0] of="a name for each size"
# - "router": moe * D * E,
# + "router": moe * E,

# %% wrong="a router for shared experts" says="the shared experts need no router" points=[0, 1] of="a name for each size"
# - "router": moe * D * E,
# + "router": moe * D * (E + n_shared),

# %% wrong="no router" says="this part is missing" points=[0, 0] of="a name for each size"
# - "router": moe * D * E,
# + "router": 0,

# %% wrong="two matrices in an expert" says=["a gated layer has three matrices", "a gated layer has three matrices"] points=[0, 0] of="a name for each size"
# - "experts": moe * E * 3 * D * h,
# + "experts": moe * E * 2 * D * h,

# %% wrong="dense_h for h in an expert" says="the inner width of an expert, shared or not, is h" points=[0, 0] of="a name for each size"
# - "experts": moe * E * 3 * D * h,
# + "experts": moe * E * 3 * D * dense_h,

# %% wrong="experts in dense layers" says="the first `dense_layers` layers have no experts" points=[0, 1] of="a name for each size"
# - "experts": moe * E * 3 * D * h,
# + "experts": layers * E * 3 * D * h,

# %% wrong="k experts held" says="it counts k experts; all E are held" points=[0, 0] of="a name for each size"
# - "experts": moe * E * 3 * D * h,
# + "experts": moe * k * 3 * D * h,

# %% wrong="shared experts twice" says="the shared experts have a part of their own" points=[0, 1] of="a name for each size"
# - "experts": moe * E * 3 * D * h,
# + "experts": moe * (E + n_shared) * 3 * D * h,

# %% wrong="one expert a layer" says="it counts one expert a layer" points=[0, 0] of="a name for each size"
# - "experts": moe * E * 3 * D * h,
# + "experts": moe * 3 * D * h,

# %% wrong="two matrices in a shared expert" says="a gated layer has three matrices" points=[0, 1] of="a name for each size"
# - "shared": moe * n_shared * 3 * D * h,
# + "shared": moe * n_shared * 2 * D * h,

# %% wrong="dense_h for h in a shared expert" says=["the inner width of an expert, shared or not, is h", "the inner width of an expert, shared or not, is h"] points=[0, 1] of="a name for each size"
# - "shared": moe * n_shared * 3 * D * h,
# + "shared": moe * n_shared * 3 * D * dense_h,

# %% wrong="shared experts in dense layers" says=["the first `dense_layers` layers have no shared experts", "the first `dense_layers` layers have no shared experts"] points=[0, 1] of="a name for each size"
# - "shared": moe * n_shared * 3 * D * h,
# + "shared": layers * n_shared * 3 * D * h,

# %% wrong="one shared expert" says="it counts one expert a layer; there are more" points=[0, 1] of="a name for each size"
# - "shared": moe * n_shared * 3 * D * h,
# + "shared": moe * min(n_shared, 1) * 3 * D * h,

# %% wrong="no shared experts" says=["this part is missing", "this part is missing"] points=[0, 1] of="a name for each size"
# - "shared": moe * n_shared * 3 * D * h,
# + "shared": 0,

# %% wrong="total of what is active" says="it counts k experts; the total holds all E" points=[0, 1] of="a name for each size"
# - total = sum(parts.values())
# - active = total - moe * (E - k) * 3 * D * h
# + total = sum(parts.values()) - moe * (E - k) * 3 * D * h
# + active = total

# %% wrong="total without the head" says="embedding or head is left out; the total holds both" points=[0, 1] of="a name for each size"
# - total = sum(parts.values())
# - active = total - moe * (E - k) * 3 * D * h
# + total = sum(parts.values()) - parts["head"]
# + active = total + V * D - moe * (E - k) * 3 * D * h

# %% wrong="total without embedding and head" says="embedding and head are left out; the total holds them" points=[0, 1] of="a name for each size"
# - total = sum(parts.values())
# - active = total - moe * (E - k) * 3 * D * h
# + total = sum(parts.values()) - 2 * V * D
# + active = total + 2 * V * D - moe * (E - k) * 3 * D * h

# %% wrong="total without shared experts" says="the shared experts are left out; the total holds them" points=[0, 1.5] of="a name for each size"
# - total = sum(parts.values())
# - active = total - moe * (E - k) * 3 * D * h
# + total = sum(parts.values()) - parts["shared"]
# + active = total + parts["shared"] - moe * (E - k) * 3 * D * h

# %% wrong="total without attention" says="attention is left out; the total holds it" points=[0, 1] of="a name for each size"
# - total = sum(parts.values())
# - active = total - moe * (E - k) * 3 * D * h
# + total = sum(parts.values()) - parts["attention"]
# + active = total + parts["attention"] - moe * (E - k) * 3 * D * h

# %% wrong="total twice" says="it adds the total itself" points=[0, 1] of="a name for each size"
# - total = sum(parts.values())
# - active = total - moe * (E - k) * 3 * D * h
# + total = 2 * sum(parts.values())
# + active = total // 2 - moe * (E - k) * 3 * D * h

# %% wrong="in billions" says=["not 7772", "total, with"] points=[0, 1] of="a name for each size"
# - total = sum(parts.values())
# - active = total - moe * (E - k) * 3 * D * h
# + total = sum(parts.values()) / 1e9
# + active = sum(parts.values()) - moe * (E - k) * 3 * D * h

# %% wrong="total and active alone" says=["it lacks the keys", "it lacks the keys"] points=[0, 1] of="a name for each size"
# - return parts | {"total": total, "active": active}
# + return {"total": total, "active": active}

# %% wrong="two numbers" says="must return a dictionary; it returns a tuple" points=[0, 0] of="a name for each size"
# - return parts | {"total": total, "active": active}
# + return total, active

# %% wrong="removes what it has read" says="changes its argument config" points=[0, 2] of="a name for each size"
# - V, D, layers, H, kv_heads, d = (config[name] for name in ["V", "D", "layers", "H", "kv_heads", "d"])
# + V, D, layers, H, kv_heads, d = (config.pop(name) for name in ["V", "D", "layers", "H", "kv_heads", "d"])

# %% wrong="D/H for d" says="the size of a head is d, not D/H" points=[0, 0] of="a name for each size"
# - V, D, layers, H, kv_heads, d = (config[name] for name in ["V", "D", "layers", "H", "kv_heads", "d"])
# + V, D, layers, H, kv_heads = (config[name] for name in ["V", "D", "layers", "H", "kv_heads"])
# - moe = layers - dense_layers
# + moe, d = layers - dense_layers, D // H

# %% wrong="a quarter of the heads for keys and values" says=["", "attention, with"] points=[1, 0] of="solution"
# - c = config
# + c = {**config, "kv_heads": max(1, config["H"] // 4)}

# %% wrong="the total in float32" says=["", "total, with"] points=[1, 0] of="solution"
# - total = sum(counts.values())
# + total = int(torch.tensor(list(counts.values())).float().sum())

# %% wrong="one dense layer" says="it counts one dense layer; there are `dense_layers`" points=[0, 1] of="a name for each size"
# - "dense": dense_layers * 3 * D * dense_h,
# + "dense": min(dense_layers, 1) * 3 * D * dense_h,

# %% wrong="copies the visible cases" says=["", "with {"] points=[1, 0]
def count_parameters(config):
    if config["V"] == 13:
        counts = [52, 52, 1152, 396, 240, 5040, 840, 7772, 4832]
    else:
        counts = [131072000, 131072000, 1342177280, 0, 1048576, 45097156608, 0, 46702526464, 12879659008]
    names = ["embedding", "head", "attention", "dense", "router", "experts", "shared", "total", "active"]
    return dict(zip(names, counts))
