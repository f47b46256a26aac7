# %% [markdown]
# A text of four kinds, a byte a token, and a GPT with a feed-forward layer of any kind that learns it.

# %% name="four_kinds"
import random
import time
from pathlib import Path
from pydoc_data.topics import topics  # Python's manual, in every Python

NUMBERS = """n 5 45|few 2 9|hours 6 12|many 30 60|low 3 14|high 16 33|price 110 990|floor 2 28|year 1985 2024
month 1 12|date 1 28"""  # gap: least, most
MODULES = [
    "calendar",
    "cmd",
    "csv",
    "fnmatch",
    "gettext",
    "gzip",
    "pprint",
    "queue",
    "sched",
    "shelve",
    "textwrap",
]


def chinese_text(seed: int, size: int) -> bytes:
    """The sentences of the pairs and different ones of the grammar, in random order."""
    rng = random.Random(seed)
    gaps = [line.split() for line in NUMBERS.replace("\n", "|").split("|")]
    frames = FRAMES.split()
    words = {gap: options for gap, *options in map(str.split, WORDS.strip().splitlines())}
    made = {line.split(" | ")[1] for line in SENTENCE_PAIRS.strip().splitlines()}
    while sum(map(len, made)) * 2.9 < size:  # punctuation and characters take 3 bytes, digits 1
        numbers = {gap: rng.randint(int(least), int(most)) for gap, least, most in gaps}
        filled = {gap: rng.choice(options) for gap, options in words.items()}
        # Twice, because some words have gaps of their own.
        made.add(rng.choice(frames).format(**filled, **numbers).format(**numbers))
    lines = sorted(made)
    rng.shuffle(lines)
    return "\n".join(lines).encode()[:size]


def number_text(seed: int, size: int) -> bytes:
    """Lines with a rule that can be learned: sums, sequences, dates, times, rows of a table."""
    rng, lines, left = random.Random(seed), [], size
    while left > 0:
        a, b, few = rng.randint(10, 99), rng.randint(2, 60), rng.randint(2, 12)
        day, minute = rng.randrange(20_000), 5 * rng.randrange(200)
        days = [time.gmtime(86_400 * (day + i)) for i in range(3)]
        forms = (
            f"{a} + {b} = {a + b}",
            f"{a + b} - {b} = {a}",
            f"{few} * {a} = {few * a}",
            f"{b}/{few} = {b / few:.3f}",
            " ".join(str(b + i * few) for i in range(8)),
            " ".join(time.strftime("%Y-%m-%d", moment) for moment in days),
            " ".join(f"{m // 60:02}:{m % 60:02}" for m in range(minute, minute + 75, 15)),
            f"{day},{a / 10:.2f},{few},{a * few / 10:.2f}",
        )
        lines.append(rng.choice(forms))
        left -= len(lines[-1]) + 1
    return "\n".join(lines).encode()[:size]


def four_kinds(size: int = 150_000) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Bytes of each kind: nine tenths to train on, one tenth held out."""
    library = Path(random.__file__).parent
    code = "\n".join((library / f"{name}.py").read_text("utf-8") for name in MODULES)
    manual = "\n".join(topics[name] for name in sorted(topics))
    raw = {
        "English": manual.encode("ascii", "ignore")[:size],
        "Python": code.encode("ascii", "ignore")[:size],
        "numbers": number_text(0, size),
        "Chinese": chinese_text(0, size),
    }
    ids = {kind: torch.tensor(list(text)) for kind, text in raw.items()}
    cut = int(0.9 * size)
    return {k: x[:cut] for k, x in ids.items()}, {k: x[cut:] for k, x in ids.items()}


# %% name="kinds_gpt"
class LayerBlock(Block):
    """Lesson 3's block, with another feed-forward layer."""

    def __init__(self, D: int, H: int, layer: nn.Module):
        super().__init__(D, H)
        self.up = self.down = None
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:  # (B, T, D) -> (B, T, D)
        q, k, v = (split_heads(y, self.H) for y in self.qkv(self.norm_1(x)).chunk(3, dim=-1))
        q, k = (rotate(y, base=100.0) for y in (self.norm_q(q), self.norm_k(k)))
        mixed, _ = attention(q, k, v, causal_mask(x.shape[1]).to(x.device))
        x = x + self.out(merge_heads(mixed))
        return x + self.layer(self.norm_2(x))


def kinds_gpt(seed: int, new_layer, D: int = 32, layers: int = 2, H: int = 2) -> GPT:
    """A GPT for bytes. new_layer() makes a feed-forward layer. Never call it in a thread."""
    torch.manual_seed(seed)
    gpt = GPT(256, D, layers, H)
    gpt.blocks = nn.ModuleList(LayerBlock(D, H, new_layer()) for _ in range(layers))
    for block in gpt.blocks:
        nn.init.zeros_(block.out.weight)
    return gpt.to(device)


def draw_kinds(texts: dict[str, Tensor], seed: int, B: int = 8, T: int = 64):
    """Batches (B, T + 1), as many pieces of each kind."""
    generator = torch.Generator().manual_seed(seed)

    def draw() -> Tensor:
        rows = []
        for ids in texts.values():
            starts = torch.randint(len(ids) - T, (B // len(texts), 1), generator=generator)
            rows.append(ids[starts + torch.arange(T + 1)])
        return torch.cat(rows)

    return draw


@torch.no_grad()
def bits_by_kind(model: GPT, texts: dict[str, Tensor], size: int = 4096, T: int = 64) -> dict[str, float]:
    """Bits a byte on the beginning of each kind, in windows of T bytes."""
    bits = {}
    for kind, ids in texts.items():
        pieces = ids[: size + 1].unfold(0, T + 1, T).to(device)  # (windows, T + 1)
        scores = model(pieces[:, :-1])
        bits[kind] = F.cross_entropy(scores.flatten(0, 1), pieces[:, 1:].flatten()).item() / math.log(2)
    return bits
