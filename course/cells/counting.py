# %% [markdown]
# Models that count, the opponents of lesson 3's GPT.

# %% name="ngram_tables"
def find(table: Tensor, codes: Tensor) -> Tensor:
    """Where each code stands in a sorted table; -1 if it does not."""
    at = torch.searchsorted(table, codes).clamp(max=len(table) - 1)
    return torch.where(table[at] == codes, at, -1)


def shift(rows: Tensor) -> Tensor:
    """One place to the right, along the text; nothing (-1) comes before the first."""
    return F.pad(rows, (1, 0), value=-1)[..., :-1]


class Counts:
    """How often each n-gram of 1 to `longest` characters stands in a text (T,)."""

    def __init__(self, text: Tensor, V: int, longest: int) -> None:
        self.V, self.longest = V, longest
        self.tables, self.times, self.endings = [], [], []
        rows = [torch.zeros_like(text)]  # the empty n-gram stands everywhere, in row 0
        for n in range(1, longest + 1):
            context = shift(rows[-1]) if n > 1 else rows[0]
            codes = context * V + text
            table, times = codes[codes >= 0].unique(return_counts=True)
            rows.append(find(table, codes))
            self.tables.append(table)
            self.times.append(times)
        # In how many different ways each can be preceded: how many (n+1)-grams end in it.
        for n in range(1, longest):
            end = torch.zeros_like(self.times[n])
            end[rows[n + 1][n:]] = rows[n][n:]
            self.endings.append(end.bincount(minlength=len(self.times[n - 1])))

    def contexts(self, texts: Tensor) -> list[Tensor]:
        """Texts (..., T): the rows of the 0-, 1-, 2-, ... grams that end at each character."""
        rows = [torch.zeros_like(texts)]
        for n, table in enumerate(self.tables, 1):
            context = shift(rows[-1]) if n > 1 else rows[0]
            rows.append(find(table, context * self.V + texts))
        return rows


# %% name="kneser_ney"
class KneserNey:
    """Interpolated Kneser-Ney with three discounts, over n-grams of up to `order` characters."""

    def __init__(self, counts: Counts, order: int) -> None:
        self.counts, self.order, self.levels = counts, order, []
        for n in range(1, order + 1):
            c = counts.times[n - 1] if n == order else counts.endings[n - 1]
            D = self.discounts(c)
            context = counts.tables[n - 1] // counts.V  # which context each n-gram extends
            size = 1 if n == 1 else len(counts.tables[n - 2])
            total = context.bincount(c, minlength=size).double()
            room = context.bincount(D[c.clamp(max=3)], minlength=size)
            room[total == 0] = total[total == 0] = 1  # nothing ever followed it: hand all on
            # A last entry for "never seen" (row -1): count 0, and all of it is handed on.
            self.levels.append((F.pad(c, (0, 1)), D, F.pad(total, (0, 1), value=1.0)))
            self.levels[-1] += (F.pad(room, (0, 1), value=1.0),)

    @staticmethod
    def discounts(c: Tensor) -> Tensor:
        """What is taken off a count of 0, 1, 2, and 3 or more."""
        n = [max(1, int((c == i).sum())) for i in range(5)]
        Y = n[1] / (n[1] + 2 * n[2])
        D = [max(0.1, i - (i + 1) * Y * n[i + 1] / n[i]) for i in (1, 2, 3)]
        return torch.tensor([0.0, *D], dtype=torch.double)

    def mix(self, contexts: list[Tensor], tokens: Tensor) -> Tensor:
        """The probability of each token after its context, given as rows of 0-, 1-, ... grams."""
        V = self.counts.V
        shape = torch.broadcast_shapes(contexts[0].shape, tokens.shape)
        p = torch.full(shape, 1 / V, dtype=torch.double)
        for n, (c, D, total, room) in enumerate(self.levels):
            times = c[find(self.counts.tables[n], contexts[n] * V + tokens)]
            kept = times - D[times.clamp(max=3)]
            p = (kept + room[contexts[n]] * p) / total[contexts[n]]
        return p

    def score(self, text: Tensor) -> Tensor:
        """What it gave each character of a text (T,) but the first: (T - 1,)."""
        return self.mix([rows[:-1] for rows in self.counts.contexts(text)], text[1:])

    def next(self, texts: Tensor) -> Tensor:
        """Texts (B, T) -> the probabilities of the character after each, (B, V)."""
        rows = self.counts.contexts(texts[:, -self.order :])
        return self.mix([row[:, -1:] for row in rows], torch.arange(self.counts.V))


# %% name="look_back"
def last_matches(texts: Tensor, longest: int = 8) -> tuple[Tensor, Tensor]:
    """Where each text has said before what it just said.

    texts: (B, T). Returns (B, T) how many tokens up to each place stood earlier in the same text, at most `longest`, and
    (B, T, T) at which places the longest such match ended.
    """
    T = texts.shape[1]
    ends = torch.ones(T, T, dtype=torch.bool).tril(-1)
    same = (texts[:, :, None] == texts[:, None, :]) & ends  # matches of one token
    lengths, now = same.int(), same
    for _ in range(longest - 1):
        now = same & F.pad(now, (1, 0, 1, 0))[:, :-1, :-1]  # and the tokens before match, too
        lengths = lengths + now
    best = lengths.amax(dim=-1)
    return best, (lengths == best[..., None]) & (best > 0)[..., None]


class LookBack:
    """Kneser-Ney that may also copy: what followed the longest match earlier in the same text gets a share.

    The share depends on the match's length; each is the best of a grid on texts (B, T), padded with -1 at the end.
    """

    def __init__(self, model: KneserNey, texts: Tensor, longest: int = 8) -> None:
        self.model, self.longest = model, longest
        best, said = self.what_followed(texts)
        counted = torch.stack([F.pad(self.counted(text), (1, 0), value=1.0) for text in texts])
        self.shares = torch.zeros(longest + 1, dtype=torch.double)
        grid = torch.linspace(0, 0.99, 34, dtype=torch.double)
        for n in range(1, longest + 1):
            here = (best[:, :-1] == n) & (texts[:, 1:] >= 0)
            if here.any():
                copied, kept = said[:, 1:][here], counted[:, 1:][here]
                gains = ((1 - grid) * kept[:, None] + grid * copied[:, None]).log().mean(dim=0)
                self.shares[n] = grid[gains.argmax()]

    def counted(self, text: Tensor) -> Tensor:
        return self.model.score(text.clamp(min=0))

    def what_followed(self, texts: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) the length of the match before each next token; the probability that copying gave each token."""
        best, ends = last_matches(texts, self.longest)
        after = (ends[:, :-1, :-1] & (texts[:, None, 1:] == texts[:, 1:, None])).double().sum(dim=-1)
        said = F.pad(after / ends[:, :-1, :-1].sum(dim=-1).clamp(min=1), (1, 0))
        return best, said

    def score(self, text: Tensor) -> Tensor:
        """What it gave each token of a text (T,) but the first: (T - 1,)."""
        best, said = self.what_followed(text[None])
        share = self.shares[best[0, :-1]]
        return (1 - share) * self.counted(text) + share * said[0, 1:]

    def next(self, texts: Tensor) -> Tensor:
        """Texts (B, T) -> the probabilities of the token after each, (B, V)."""
        best, ends = last_matches(texts, self.longest)
        ends = ends[:, -1, :-1].double()
        copies = torch.zeros(len(texts), self.model.counts.V, dtype=torch.double)
        copies.scatter_add_(1, texts[:, 1:].clamp(min=0), ends)
        copies /= ends.sum(dim=-1, keepdim=True).clamp(min=1)
        share = self.shares[best[:, -1]][:, None]
        return (1 - share) * self.model.next(texts) + share * copies
