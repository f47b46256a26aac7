# %% [markdown]
# A mixture of experts in place of a feed-forward layer: the router's decision, the layer, its balance.

# %% name="swiglu"
def swiglu(x: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
    """One feed-forward layer (Shazeer 2020): x (N, D), gate_up (2 h, D), down (D, h) -> (N, D)."""
    gate, up = F.linear(x, gate_up).chunk(2, dim=-1)
    return F.linear(F.silu(gate) * up, down)


class Dense(nn.Module):
    """Every token through the same weights, (..., D) -> (..., D)."""

    def __init__(self, D: int, h: int):
        super().__init__()
        self.gate_up = nn.Parameter(torch.randn(2 * h, D) * D**-0.5)
        self.down = nn.Parameter(torch.zeros(D, h))  # adds nothing at first

    def forward(self, x: Tensor) -> Tensor:
        return swiglu(x.flatten(0, -2), self.gate_up, self.down).view_as(x)


# %% name="route"
from typing import NamedTuple


class Routing(NamedTuple):
    """What the router decided about N tokens: E experts, k of them chosen."""

    p: Tensor  # (N, E), the router's probabilities
    chosen: Tensor  # (N, k), the experts
    gates: Tensor  # (N, k), how much of each expert's result is taken


def route(scores: Tensor, k: int, bias: Tensor | float = 0.0) -> Routing:
    """The k likeliest experts of each token, scores (N, E). If k > 1, the gates sum to 1 (Jiang et al. 2024).

    bias (E,) is added where experts are chosen, and nowhere else (Wang et al. 2024).
    """
    p = scores.softmax(dim=-1)
    chosen = (p + bias).topk(k, dim=-1).indices
    gates = p.gather(-1, chosen)
    return Routing(p, chosen, gates / gates.sum(-1, keepdim=True) if k > 1 else gates)


# %% name="dispatch"
def by_sort(x: Tensor, routing: Routing, gate_up: Tensor, down: Tensor) -> Tensor:
    """Each token through its chosen experts, results weighted by the gates and added, (N, D) -> (N, D).

    gate_up (E, 2 h, D), down (E, D, h). The choices are sorted by expert, so that each expert works once.
    """
    k, flat = routing.chosen.shape[1], routing.chosen.flatten()
    order = flat.argsort(stable=True)  # choice i belongs to token i // k
    load = flat.bincount(minlength=len(gate_up)).tolist()
    pieces = x[order // k].split(load)
    results = torch.cat([swiglu(*each) for each in zip(pieces, gate_up, down, strict=True)])
    weighted = results * routing.gates.flatten()[order, None]
    return torch.zeros_like(x).index_add(0, order // k, weighted)


# %% name="moe"
class MoE(nn.Module):
    """E feed-forward layers, k of which see each token, (..., D) -> (..., D)."""

    def __init__(self, D: int, h: int, E: int, k: int = 1):
        super().__init__()
        self.k, self.router = k, nn.Linear(D, E, bias=False)
        self.gate_up = nn.Parameter(torch.randn(E, 2 * h, D) * D**-0.5)
        self.down = nn.Parameter(torch.zeros(E, D, h))
        self.register_buffer("bias", torch.zeros(E))  # selects only

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(0, -2)
        self.last = route(self.router(tokens), self.k, self.bias)  # kept to be looked at
        return by_sort(tokens, self.last, self.gate_up, self.down).view_as(x)


# %% name="balance"
def load_of(chosen: Tensor, E: int) -> Tensor:
    """Each expert's share of the choices, (E,)."""
    return chosen.flatten().bincount(minlength=E) / chosen.numel()


def balance_loss(routing: Routing) -> Tensor:
    """E times the sum, over experts, of load times mean probability (Fedus et al. 2021): 1 if even."""
    E = routing.p.shape[-1]
    return E * (load_of(routing.chosen, E) * routing.p.mean(dim=0)).sum()


@torch.no_grad()
def move_bias(layer: MoE, rate: float) -> None:
    """After a step: up by `rate` for experts below the mean load, down for those above (Wang et al. 2024)."""
    load = load_of(layer.last.chosen, len(layer.bias))
    layer.bias += rate * (load.mean() - load).sign()
