# %% [markdown]
# The GPT that lesson 3 builds and trains, which its labs carry.

# %% name="block"
class Block(nn.Module):
    """Attention, then a feed-forward layer. Each reads a normalised copy of x and adds to x."""

    def __init__(self, D: int, H: int):
        super().__init__()
        self.H = H
        self.norm_1, self.norm_2 = nn.RMSNorm(D), nn.RMSNorm(D)
        self.norm_q, self.norm_k = nn.RMSNorm(D // H), nn.RMSNorm(D // H)
        self.qkv = nn.Linear(D, 3 * D, bias=False)
        self.out = nn.Linear(D, D, bias=False)
        self.up = nn.Linear(D, 4 * D, bias=False)
        self.down = nn.Linear(4 * D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, D) -> (B, T, D)
        q, k, v = (split_heads(y, self.H) for y in self.qkv(self.norm_1(x)).chunk(3, dim=-1))
        q, k = (rotate(y, base=100.0) for y in (self.norm_q(q), self.norm_k(k)))
        mixed, self.weights = attention(q, k, v, causal_mask(x.shape[1]).to(x.device))
        x = x + self.out(merge_heads(mixed))
        return x + self.down(F.gelu(self.up(self.norm_2(x))))


# %% name="gpt"
class GPT(nn.Module):
    """Scores for the next token, (B, T) -> (B, T, V), after Radford et al. 2018."""

    def __init__(self, V: int, D: int = 64, layers: int = 2, H: int = 4):
        super().__init__()
        self.token = nn.Embedding(V, D)
        self.blocks = nn.ModuleList(Block(D, H) for _ in range(layers))
        self.norm = nn.RMSNorm(D)
        self.head = nn.Linear(D, V, bias=False)
        nn.init.normal_(self.token.weight, std=0.1)
        for last in (self.head, *(m for b in self.blocks for m in (b.out, b.down))):
            nn.init.zeros_(last.weight)  # so a new model says: all tokens alike

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens)  # (B, T, D)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


# %% name="train"
def train(model, draw, steps: int, rate: float = 0.01, after=lambda step, loss: None):
    """draw() gives tokens (B, T + 1); after each step, after(step, loss in nats) is called."""
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.0)
    for step in range(steps):
        done = step / steps
        share = min(1, (step + 1) / (0.02 * steps), (1 - done) / 0.3)
        optimizer.param_groups[0]["lr"] = rate * share
        tokens = draw().to(device)
        scores, targets = model(tokens[:, :-1]), tokens[:, 1:]
        loss = F.cross_entropy(scores.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        after(step + 1, loss.item())
