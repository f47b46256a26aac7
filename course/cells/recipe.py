# %% [markdown]
# The small GPT with all that made it train fast, and its two optimizers: lab 3.5 and the benchmark.


# %% name="recipe_imports"
import time
from collections.abc import Callable
from typing import NamedTuple

# %% name="gpt_attention"
Past = tuple[Tensor, Tensor]  # keys and values of earlier tokens, (B, H, T, d) each
SCALE = 10.0  # scores lie between -SCALE and SCALE


def norm(x: Tensor) -> Tensor:
    """Each vector with mean 0 and variance 1 (layer-norm, Ba et al. 2016, without weights)."""
    return F.layer_norm(x, x.shape[-1:])


class Attention(nn.Module):
    """Causal self-attention with H heads, (B, T, D) -> (B, T, D), after any `past`."""

    def __init__(self, D: int, H: int) -> None:
        super().__init__()
        self.H = H
        self.qkv = nn.Linear(D, 3 * D, bias=False)
        self.out = nn.Linear(D, D, bias=False)

    def project(self, x: Tensor, start: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, (B, H, T, d) each, for tokens from position `start` on."""
        D = x.shape[-1]
        qk, v = self.qkv(x).split([2 * D, D], dim=-1)
        q, k = rotate(norm(split_heads(qk, 2 * self.H)), start, base=100.0).chunk(2, dim=1)
        return q, k, split_heads(v, self.H)

    def forward(self, x: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        q, k, v = self.project(x, past[0].shape[2] if past else 0)
        mask = None
        if past:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
            mask = causal_mask(q.shape[2], k.shape[2]).to(x.device)
        mixed = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=mask is None, scale=SCALE / q.shape[-1]
        )
        return self.out(merge_heads(mixed)), (k, v)


# %% name="gpt_block"
class FeedForward(nn.Module):
    """Each token by itself, (B, T, D) -> (B, T, D)."""

    def __init__(self, D: int) -> None:
        super().__init__()
        self.up = nn.Linear(D, 4 * D, bias=False)
        self.down = nn.Linear(4 * D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.relu(self.up(x)).square())


class Block(nn.Module):
    """Attention, then feed-forward, each behind a norm and added to what came in."""

    def __init__(self, D: int, H: int, dropout: float = 0.0, norm: Callable[[Tensor], Tensor] = norm) -> None:
        super().__init__()
        self.attention, self.feed_forward = Attention(D, H), FeedForward(D)
        self.dropout, self.norm = nn.Dropout(dropout), norm

    def forward(self, x: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        found, past = self.attention(self.norm(x), past)
        x = x + self.dropout(found)
        return x + self.dropout(self.feed_forward(self.norm(x))), past


# %% name="gpt"
class GPT(nn.Module):
    """Scores for the next token, after Radford et al. (2018), with the changes named above."""

    def __init__(
        self,
        V: int,
        D: int = 64,
        layers: int = 3,
        H: int = 2,
        tables: tuple[int, ...] = (),
        dropout: float = 0.0,
        norm: Callable[[Tensor], Tensor] = norm,
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(V, D)
        self.tables = nn.ModuleList(nn.Embedding(rows, D) for rows in tables)
        self.dropout, self.norm = nn.Dropout(dropout), norm
        self.blocks = nn.ModuleList(Block(D, H, dropout, norm) for _ in range(layers))
        self.head = nn.Linear(D, V, bias=False)
        lasts = [layer for b in self.blocks for layer in (b.attention.out, b.feed_forward.down)]
        for starts_at_zero in (self.head, *self.tables, *lasts):
            nn.init.zeros_(starts_at_zero.weight)

    def forward(self, tokens: Tensor, past: list[Past] | None = None) -> tuple[Tensor, list[Past]]:
        """tokens (B, T) -> scores (B, T, V), and each layer's keys and values."""
        x = self.token(tokens)
        if self.tables:
            x = x + self.look_up(tokens)
        x = self.dropout(self.norm(x))
        kept = []
        for i, block in enumerate(self.blocks):
            x, its = block(x, past[i] if past else None)
            kept.append(its)
        return self.head(self.norm(x)), kept

    def look_up(self, tokens: Tensor) -> Tensor:
        """A vector for the last 2, 3, ... tokens, one table each; n-grams may share a row.

        It sees the given tokens alone, so a model with tables must not be given a `past`.
        """
        found, code = torch.zeros(()), tokens
        for n, table in enumerate(self.tables, 2):
            code = code * self.token.num_embeddings + F.pad(tokens, (n - 1, 0))[:, : 1 - n]
            found = found + table(code * 1_000_003 % 2_147_483_647 % table.num_embeddings)
        return found


# %% name="pieces"
Draw = Callable[[torch.Generator], Tensor]  # draws a batch of tokens (B, T + 1)


def pieces(ids: Tensor, B: int = 8, T: int = 64) -> Draw:
    """Batches of B pieces, T + 1 tokens each, from anywhere in a text."""

    def draw(generator: torch.Generator) -> Tensor:
        starts = torch.randint(len(ids) - T, (B, 1), generator=generator)
        return ids[(starts + torch.arange(T + 1)).to(ids.device)]

    return draw


def loss_of(model: nn.Module, tokens: Tensor, answers: int | None = None) -> Tensor:
    """Mean cross-entropy in nats of the next token, at all places or the last `answers`.

    tokens (B, T + 1): the first T are read, the last T are what came next.
    """
    scores, targets = model(tokens[:, :-1])[0], tokens[:, 1:]
    if answers:
        scores, targets = scores[:, -answers:], targets[:, -answers:]
    return F.cross_entropy(scores.flatten(0, 1), targets.flatten())


# %% name="gpt_optimizers"
class Rates(NamedTuple):
    """Learning rates at their highest, and the settings of the optimizers."""

    matrices: float = 0.02
    vectors: float = 0.05
    head: float = 0.015
    momentum: float = 0.9  # Muon's
    weight_decay: float = 0.0
    muon: bool = True  # if not, AdamW takes the matrices too


MUON = Rates()


def optimizers(model: GPT, rates: Rates) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for the matrices of the blocks, AdamW for the rest (or, without Muon, for all)."""
    matrices = list(model.blocks.parameters())
    vectors = [*model.token.parameters(), *model.tables.parameters()]
    groups = [(vectors, rates.vectors), (list(model.head.parameters()), rates.head)]
    if not rates.muon:
        groups.append((matrices, rates.matrices))
    adam = torch.optim.AdamW(
        [{"params": weights, "highest": rate} for weights, rate in groups],
        betas=(0.9, 0.95),
        weight_decay=0.0,
        fused=True,
    )
    by_muon = matrices if rates.muon else []
    return Muon(by_muon, 0.0, rates.momentum, rates.weight_decay), adam


def set_rates(muon: Muon, adam: torch.optim.AdamW, rates: Rates, done: float) -> None:
    """The learning rates when a share `done` of the training is done."""
    share = warm_up_and_cosine(done)
    muon.lr = rates.matrices * share
    for group in adam.param_groups:
        group["lr"] = group["highest"] * share


# %% name="train_gpt"
def train_gpt(
    model: GPT,
    draw: Draw,
    steps: int,
    seed: int,
    answers: int | None = None,
    rates: Rates = MUON,
    bfloat16: bool = False,
    after: Callable[[int, float], None] = lambda step, loss: None,
) -> float:
    """Train on fresh batches; `after` is told each step and its loss. Processor seconds."""
    muon, adam = optimizers(model, rates)
    generator = torch.Generator().manual_seed(seed)
    took = 0.0
    model.train()
    for step in range(steps):
        start = time.thread_time()
        set_rates(muon, adam, rates, step / steps)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = loss_of(model, draw(generator), answers)
        model.zero_grad()
        loss.backward()
        muon.step()
        adam.step()
        took += time.thread_time() - start
        after(step + 1, loss.item())
    model.eval()
    return took


# %% name="bits"
def bits(probability: Tensor) -> float:
    """Mean bits a character: `probability` is what a model gave each character that came."""
    return -probability.double().log2().mean().item()


# %% name="held_out_bits"
@torch.no_grad()
def given_to(model: GPT, ids: Tensor, T: int = 64) -> Tensor:
    """The probability given to each token of a text but the first, from T/2 to T tokens before."""
    windows = ids[: (len(ids) - 1) // (T // 2) * (T // 2) + 1].unfold(0, T + 1, T // 2)
    given = []
    for some in windows.split(128):
        p = model(some[:, :-1])[0].softmax(dim=-1)
        given.append(p.gather(-1, some[:, 1:, None])[..., 0])
    all_given = torch.cat(given)
    return torch.cat([all_given[0, : T // 2], all_given[:, T // 2 :].flatten()])
