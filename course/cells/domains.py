# %% [markdown]
# A task whose parts are known: K domains with a rule each, a small network with a layer of any kind, its training.

# %% name="domain_rules"
from typing import NamedTuple


class Rules(NamedTuple):
    """K domains, each with a rule of its own: the class is argmax(x W)."""

    matrices: Tensor  # (K, 8, 8), a W for each domain
    shares: Tensor  # (K,), how often each domain comes

    def draw(self, N: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """N fresh examples: their domains (N,), inputs (N, 8), right classes (N,)."""
        domain = torch.multinomial(self.shares, N, replacement=True, generator=generator)
        x = torch.randn(N, 8, generator=generator)
        return domain, x, (x[:, None] @ self.matrices[domain])[:, 0].argmax(dim=-1)


def draw_rules(K: int, seed: int, zipf: float = 0.0) -> Rules:
    """K random matrices. zipf = 0: domains alike; 1: domain i comes as often as 1 / (i + 1)."""
    generator = torch.Generator().manual_seed(seed)
    return Rules(torch.randn(K, 8, 8, generator=generator), torch.arange(1.0, K + 1) ** -zipf)


# %% name="domain_net"
class DomainNet(nn.Module):
    """A token made of the domain and the inputs, one feed-forward layer, 8 scores."""

    def __init__(self, K: int, layer: nn.Module, D: int = 32):
        super().__init__()
        self.name, self.inputs = nn.Embedding(K, D), nn.Linear(8, D)
        self.layer, self.head = layer, nn.Linear(D, 8)

    def forward(self, domain: Tensor, x: Tensor) -> Tensor:
        token = self.name(domain) + self.inputs(x)
        token = token + self.layer(F.rms_norm(token, token.shape[-1:]))
        return self.head(F.rms_norm(token, token.shape[-1:]))


# %% name="train_domains"
def train_domains(net, rules, seed, steps=250, N=512, rate=0.02, balance=0.0, after=lambda step: None):
    """AdamW on N fresh examples a step, the rate falls to 0. balance: the weight of the balance loss."""
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    adam = torch.optim.AdamW(weights, weight_decay=0.0)
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate * (1 - step / steps)
        domain, x, right = rules.draw(N, generator)
        loss = F.cross_entropy(net(domain, x), right)
        if balance:
            loss = loss + balance * balance_loss(net.layer.last)
        adam.zero_grad()
        loss.backward()
        adam.step()
        after(step + 1)


@torch.no_grad()
def accuracy(net: nn.Module, rules: Rules) -> float:
    """On 8,192 examples that are the same for every net with these rules."""
    domain, x, right = rules.draw(8192, torch.Generator().manual_seed(1_000_003))
    return (net(domain, x).argmax(dim=-1) == right).float().mean().item()
