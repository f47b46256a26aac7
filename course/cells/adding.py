# %% [markdown]
# Sums as tokens, and a small transformer that learns them.

# %% name="sums"
import torch
import torch.nn.functional as F

# Ids 0 to 9 are digits of the first number, 10 to 19 of the second, 20 to 29 of the sum.
PLUS, EQUALS, SUM_TOKENS = 30, 31, 32


def draw_numbers(generator, count, digits):
    """Random numbers as digits, ones first: (count, digits + 1). The last is 0: room for what is carried."""
    drawn = torch.randint(10, (count, digits), generator=generator)
    return F.pad(drawn, (0, 1))


def add_digits(a, b):
    """The sum's digits, ones first, as many as a and b have: (B, n) each."""
    carry, written = torch.zeros_like(a[:, 0]), []
    for column in (a + b).unbind(1):
        total = column + carry
        written.append(total % 10)
        carry = total // 10
    return torch.stack(written, dim=1)


def write_sums(a, b):
    """Each sum as the model reads it, ones first: tokens (B, 3n + 1), and the answers (B, n).

    The last n tokens, from "=" on, each have the next digit of the sum to predict. So the sum's last digit
    is an answer, and no token.
    """
    answers = add_digits(a, b) + 20
    sign = torch.ones_like(a[:, :1])
    return torch.cat([a, PLUS * sign, b + 10, EQUALS * sign, answers[:, :-1]], dim=1), answers


def place_positions(labels):
    """Positions by place value: labels (n,), one for each place, ones first -> (3n + 1,)."""
    nowhere = labels.new_zeros(1)  # the plus
    return torch.cat([labels, nowhere, labels, labels])  # "=" writes the ones, so it stands at their place


def place_sums(generator, count, digits, labels):
    """A batch of random sums, by place: tokens, positions, answers. labels: digits + 1 of them."""
    tokens, answers = write_sums(*(draw_numbers(generator, count, digits) for _ in range(2)))
    return tokens, place_positions(labels), answers


def draw_labels(generator, places, most=127):
    """That many different numbers from 1 to `most`, in order, at random (Ruoss et al. 2023)."""
    return torch.randperm(most, generator=generator)[:places].sort().values + 1


# %% name="tiny_transformer"
import math

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Causal attention, whose queries and keys have length 1 and are turned by position, and a feed-forward layer.

    Each reads the normalized row and adds its result to it, at first nothing.
    """

    def __init__(self, width, heads, sharpness):
        super().__init__()
        self.heads, self.sharpness = heads, sharpness
        self.q, self.k, self.v, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(width, 2 * width, bias=False), nn.Linear(2 * width, width, bias=False)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)

    def forward(self, x, turn, last):
        """(B, T, D) -> (B, last, D): only the last tokens look, at all before them."""
        T, row = x.shape[1], F.rms_norm(x, x.shape[-1:])
        parts = self.q(row[:, -last:]), self.k(row), self.v(row)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)  # (B, H, T, d)
        q, k = turn(F.normalize(q, dim=-1)), turn(F.normalize(k, dim=-1))
        future = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(1)[-last:]
        scores = (self.sharpness * (q @ k.mT)).masked_fill(future, -math.inf)
        self.weights = scores.softmax(-1)  # (B, H, last, T), to look at
        x = x[:, -last:] + self.out((self.weights @ v).transpose(1, 2).flatten(2))
        return x + self.down(F.relu(self.up(F.rms_norm(x, x.shape[-1:]))))


class TinyTransformer(nn.Module):
    """Next-token scores (B, T, V) for tokens (B, T) at positions (T,) or (B, T); of the `last` tokens alone if given.

    A row starts as the vector of its token and, if `neighbour`, another one for the token before it. Positions
    turn queries and keys (rotary, Su et al. 2021). Speeds: "even" tells all distances below `width / heads`
    apart equally well, "falling" is the usual choice: fast and slow hands.
    """

    def __init__(self, V, width=64, heads=1, layers=1, neighbour=True, speeds="even", sharpness=12.0):
        super().__init__()
        self.token = nn.Embedding(V, width)
        self.before = nn.Embedding(V, width) if neighbour else None
        self.blocks = nn.ModuleList(Block(width, heads, sharpness) for _ in range(layers))
        self.head = nn.Linear(width, V, bias=False)
        nn.init.zeros_(self.head.weight)
        hands = width // heads // 2
        even = math.pi * (torch.arange(hands) + 0.5) / hands
        self.register_buffer("speeds", even if speeds == "even" else 100.0 ** (-torch.arange(hands) / hands))

    def forward(self, tokens, positions, last=None):
        x = self.token(tokens)
        if self.before is not None:
            x = x + F.pad(self.before(tokens[:, :-1]), (0, 0, 1, 0))
        angle = positions[..., None] * self.speeds
        angle = angle if angle.dim() == 2 else angle[:, None]  # (T, d/2), or (B, 1, T, d/2)
        cos, sin = angle.cos(), angle.sin()

        def turn(rows):
            (a, b), c, s = (
                rows.chunk(2, dim=-1),
                cos[..., -rows.shape[-2] :, :],
                sin[..., -rows.shape[-2] :, :],
            )
            return torch.cat([a * c - b * s, a * s + b * c], dim=-1)

        for block in self.blocks:
            x = block(x, turn, last if last and block is self.blocks[-1] else tokens.shape[1])
        return self.head(F.rms_norm(x, x.shape[-1:]))


# %% name="train_tiny"
import torch
import torch.nn.functional as F


def train_tiny(model, draw, steps, rate, seed):
    """Train with AdamW on fresh batches; `draw(generator)` gives (tokens, positions, answers).

    The answers (B, A) are those of the last A tokens; -100 where there is nothing to learn.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    up_and_down = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.05, cycle_momentum=False
    )
    for _ in range(steps):
        tokens, positions, answers = draw(generator)
        scores = model(tokens, positions, answers.shape[1])
        loss = F.cross_entropy(scores.flatten(0, 1), answers.flatten(), ignore_index=-100)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        up_and_down.step()
    return model


@torch.no_grad()
def is_exact(model, batch):
    """(B,) booleans: is the whole answer right?

    Token by token the model would write the same: it writes the right answer if and only if, after each
    right beginning, the likeliest next token is the right one.
    """
    tokens, positions, answers = batch
    return (model(tokens, positions, answers.shape[1]).argmax(-1) == answers).all(1)
