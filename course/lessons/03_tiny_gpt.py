# ---
# jupyter:
#   course:
#     title: A tiny GPT
#     summary: You build a GPT, train it in half a minute while you watch it learn to write, see where it beats counting and where not, and find the two layers that learn from a prompt.
#     claims: ["3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9"]
#     minutes: 100
#     carries: [torch, figures, diagrams, progress, statistics, timing, attention, counting, letters, tiny_gpt, muon, side_by_side, lesson]
# ---

# %% [markdown]
# # Lesson 3 · A tiny GPT (小型 GPT)
#
# A GPT reads a text and says, for each token of its vocabulary, how likely it is to come next. Draw one token, add it to the text, and ask again: so it writes. Here you build one from lesson 1's attention, train it, and find out what it can do that counting cannot.
#
# **Time:** an evening, about 100 minutes. There is a good place to stop after section 3. **You need** lesson 1, and from lesson 2 what a token is.
#
# The text to learn from is made for this lesson: ten thousand letters, each with its answer, written by a program. All names are made up, and those of our tests are in no training letter. A tokenizer learned V = 512 tokens from them; a name is often several tokens: W, ac, es. In training the model reads T = 64 tokens at once, enough for nearly every letter with its answer.

# %% fold="Write the letters, cut them into tokens"
from collections import Counter
from collections.abc import Callable
from functools import partial

from IPython.display import clear_output

writer = Writer(seed=0)
letters = [writer.letter() for _ in range(10_000)]
chooser = Writer(seed=1, taken=writer.names)  # to choose settings of the models that count
choosing = [chooser.letter() for _ in range(200)]
tester = Writer(seed=2, taken=writer.names | chooser.names)
tests = [tester.letter() for _ in range(300)]

tokenizer = letter_tokenizer(letters)
V = tokenizer.get_vocab_size()
PIECES = [tokenizer.id_to_token(i) for i in range(V)]
END = tokenizer.token_to_id("\n\n\n")  # stands behind every answer
training, held_out = letter_text(letters, tokenizer), letter_text(tests, tokenizer)
T = 64  # tokens that the model reads at once: a letter with its answer has about 60


def letters_from(text: LetterText, seed: int) -> Callable[[], Tensor]:
    """Draws 8 texts of T + 1 tokens, each from the beginning of a letter on."""
    generator = torch.Generator().manual_seed(seed)
    starts = text.starts[text.starts < len(text.ids) - T]

    def draw() -> Tensor:
        first = starts[torch.randint(len(starts), (8, 1), generator=generator)]
        return text.ids[first + torch.arange(T + 1)]

    return draw


def new_gpt(seed: int, *sizes: int) -> GPT:
    """Untrained. Never made in a thread: threads share the random numbers that weights start with."""
    torch.manual_seed(seed)
    return GPT(*sizes or (V,)).to(device)


# %%
print(letters[0].text + letters[0].answer)


# %% [markdown]
# The answer goes back to the writer and says something that fits. Nobody tells the model this rule.
#
# Train it now, for half a minute. The curve shows how surprised the model is by each next token (its *loss*, explained in section 1). Below the curve: a letter with new names, and the model's answer at four moments (`/` is a new line).


# %% fold="Write with a model, and watch it learn"
@torch.no_grad()
def write(forecast: Callable[[Tensor], Tensor], text: str, most: int = 60) -> str:
    """Go on with a text. forecast: ids (1, T) -> how likely each next token is, (1, V)."""
    ids = torch.tensor([tokenizer.encode(text).ids])
    before = ids.shape[1]
    while ids[0, -1] != END and ids.shape[1] < before + most:
        drawn = torch.multinomial(forecast(ids), 1)  # (1, 1), by its probability
        ids = torch.cat([ids, drawn], dim=1)
    return "".join(PIECES[i] for i in ids[0, before:].tolist())


def forecast_of(model: GPT) -> Callable[[Tensor], Tensor]:
    return lambda ids: model(ids[:, -T:].to(device))[:, -1].softmax(dim=-1).cpu()


@torch.no_grad()
def given_by_gpt(model: GPT, text: LetterText) -> Tensor:
    """What it gave each token of the letters, (N,); it reads each letter from its beginning."""
    spots = list(zip(text.starts.tolist(), text.sizes.tolist()))
    rows = [text.ids[a : a + n] for a, n in spots]
    tokens = nn.utils.rnn.pad_sequence(rows, batch_first=True).to(device)
    p = model(tokens[:, :-1]).softmax(dim=-1).gather(-1, tokens[:, 1:, None])[..., 0].cpu()
    p = F.pad(p, (1, 0), value=1.0)  # the first token is given
    return torch.cat([row[:n] for row, (_, n) in zip(p, spots)])


class Watch:
    """Keeps the losses, lets the model write at four moments, and draws the curve while it trains."""

    def __init__(self, model: GPT, letter: str, moments: tuple[int, ...]):
        self.model, self.letter, self.moments = model, letter, moments
        self.losses, self.written = [], []
        self.kinds = {0: [], NEW: [], AGAIN: []}
        self.some = letter_text(choosing[:60], tokenizer)
        self.remember(0)
        self.test(0)

    def test(self, step: int) -> None:
        p = given_by_gpt(self.model, self.some)
        for kind, found in self.kinds.items():
            found.append((step, bits_a_character(p, self.some, kind)))

    def remember(self, step: int) -> None:
        state = torch.get_rng_state()
        torch.manual_seed(3)
        answer = write(forecast_of(self.model), self.letter, most=40)
        torch.set_rng_state(state)
        self.written.append((step, answer.strip().replace("\n", " / ")))

    def __call__(self, step: int, loss: float) -> None:
        self.losses.append(loss)
        if step % 65 == 0:
            self.test(step)
        if step in self.moments:
            self.remember(step)
        if step in self.moments or (step % 100 == 0 and "COURSE_BUILD" not in os.environ):
            self.draw()

    def draw(self) -> None:
        clear_output(wait=True)
        figure, axis = plt.subplots(figsize=(8, 2.4))
        axis.plot(self.losses, color=BLUE, linewidth=1)
        axis.set(xlabel="steps", ylabel="loss (nats a token)", ylim=(0, 6.5))
        show(
            figure,
            alt=f"The loss at each of {len(self.losses)} steps of training: it begins at {self.losses[0]:.1f} "
            f"and falls, over the last 50 steps it is {statistics.mean(self.losses[-50:]):.2f}.",
        )
        print(self.letter)
        for step, answer in self.written:
            print(f"after {step} steps: {answer}\n")


# %% tags=["result"]
STEPS = 1200
gpt = new_gpt(0)
watch = Watch(gpt, tests[0].text, moments=(50, 400, STEPS))
train(gpt, letters_from(training, seed=0), STEPS, after=watch)

# %% [markdown]
# First random tokens, soon words, then sentences, then answers that fit.
#
# Could a model that only counts do this? Ours sees the last two tokens, and has read the same letters.

# %% fold="Count, then let both answer two letters"
counts = Counts(training.ids, V, longest=4)
unigram, bigram, kneser_ney = (KneserNey(counts, order) for order in (1, 2, 3))
torch.manual_seed(0)
for letter in (tests[1].text, tests[2].text):
    print(letter)
    for name, forecast in (("counting", kneser_ney.next), ("GPT", forecast_of(gpt))):
        print(f"[{name}] {write(forecast, letter, most=40).strip()}\n")

# %% [markdown]
# Many phrases of the counting model sound right. But it has forgotten who wrote. The GPT has not; section 4 measures how likely its whole answer is to be right.
#
# How does a GPT write?

# %% tags=["diagram"] fold="Drawing: how it writes"
figure, axes = blank(9.4, 2.3)
for i, piece in enumerate(("Dear", "W", "ac", "es", ",")):
    box(axes, 0.5 + 0.68 * i, 1.5, piece, "#9ECAE1" if i < 4 else "#FDD0A2", 0.6, 0.5)
arrow(axes, (3.6, 1.5), (4.1, 1.5))
box(axes, 4.95, 1.5, "GPT:\na stack of blocks", "#C7E9C0", 1.6, 0.8)
arrow(axes, (5.8, 1.5), (6.3, 1.5))
for i, (piece, share) in enumerate(((",", 0.8), (".", 0.15), ("oo", 0.05))):
    y = 1.95 - 0.45 * i
    axes.add_patch(plt.Rectangle((6.75, y - 0.15), 1.0 * share, 0.3, facecolor=BLUE))
    axes.text(6.65, y, repr(piece), ha="right", va="center", fontsize=10)
axes.text(
    7.1,
    0.6,
    "how likely is each of\n512 tokens to be next?",
    ha="center",
    va="center",
    fontsize=9,
)
arrow(axes, (7.8, 1.5), (8.3, 1.5))
box(axes, 8.8, 1.5, "draw\none", "#FDD0A2", 0.8, 0.7)
axes.plot([8.8, 8.8, 3.22, 3.22], [1.15, 0.2, 0.2, 1.0], color="black", linewidth=1.2)
arrow(axes, (3.22, 0.9), (3.22, 1.22))
axes.text(4.9, 0.28, "add it to the text, and ask again", ha="center", fontsize=9)
show(
    figure,
    alt="A loop. The tokens 'Dear', 'W', 'ac', 'es' go into a stack of blocks. It says how likely each of the 512 tokens is to be "
    "next. One is drawn, here a comma, and added to the text; then the model is asked again.",
)

# %%
ids = torch.tensor([tokenizer.encode(tests[0].text).ids], device=device)  # (1, T)
while ids[0, -1] != END and ids.shape[1] < 80:  # a few letters and answers are longer than T
    scores = gpt(ids)[:, -1]  # for the token after the last one, (1, V)
    drawn = torch.multinomial(scores.softmax(dim=-1), 1)  # one token, by its probability
    ids = torch.cat([ids, drawn], dim=1)
print("".join(PIECES[i] for i in ids[0].tolist()))  # the text of each token

# %% [markdown]
# ## 1 · The task, and what counting reaches
#
# *What is the model asked to do? And how good is the simplest thing that does it?*
#
# What is read and what is to be predicted are the same text, one token apart:

# %%
ids = training.ids[training.starts[0] :][:12]
print("read:   ", [PIECES[i] for i in ids[:-1].tolist()])
print("target: ", [PIECES[i] for i in ids[1:].tolist()])

# %% [markdown]
# So each token is an exercise, and the text is its own answer key. (Lesson 1's causal mask keeps each token from looking at its own answer.)
#
# The simplest model counts which token follows which. It is called **bigram** (二元模型):

# %% fold="Count which token comes next"
follows = Counter(zip(training.ids.tolist(), training.ids[1:].tolist()))
for first in (" bad", "Dear"):
    after = {pair[1]: n for pair, n in follows.items() if PIECES[pair[0]] == first}
    total = sum(after.values())
    likely = sorted(after.items(), key=lambda item: -item[1])[:4]
    print(
        f"after {first!r}:",
        {PIECES[i]: round(n / total, 3) for i, n in likely},
    )

# %% [markdown]
# How do you score such a model? Say it gave probability p to the token that really came. Then it pays −log₂ p **bits** (比特). Sure and right, p = 1, costs nothing. p = 1/2 costs one bit, p = 1/1,024 ten. We add up the bits of a text and divide by its characters, so that models with different tokenizers can be compared.
#
# Training uses the natural logarithm, and the mean over tokens: this is the **loss** (损失), cross-entropy, in *nats*. One nat is 1.44 bits.
#
# **Your turn.** Write `bits`: what does a model pay for a text, given the probability that it gave each token?


# %%
def bits(probabilities: list[float], characters: int) -> float:
    """Bits a character of a text of so many characters."""
    ...


your_turn(bits, [0.5, 0.25, 1.0], 6, want=0.5, hint="0.5 costs 1 bit, 0.25 costs 2: 3 bits")

# %% [markdown]
# <details><summary>A solution</summary>
#
# ```python
# return -sum(math.log2(p) for p in probabilities) / characters
# ```
# </details>
#
# What was never seen would have probability 0, and cost infinitely much. So our counting model (**Kneser-Ney**, 1995) takes something off each count, and gives it to what a shorter context expects. How good is counting on letters with new names?

# %% fold="Score the models that count"
FIRST = torch.ones(1)  # the first token of the text is given


def given_by(model: KneserNey) -> Tensor:
    """What it gave each token of the test letters, (N,)."""
    return torch.cat([FIRST, model.score(held_out.ids)])


COUNTED = {
    "unigram: no context": given_by(unigram),
    "bigram: after one token": given_by(bigram),
    "Kneser-Ney: after two tokens": given_by(kneser_ney),
    "Kneser-Ney: after three": given_by(KneserNey(counts, 4)),
}
for name, p in COUNTED.items():
    print(f"{name:30} {bits_a_character(p, held_out):.2f} bits a character")
FLOOR = tester.bits / sum(len(one.kinds) for one in tests)
print(f"{'best possible, by the program':30} {FLOOR:.2f}")

# %% [markdown]
# On average nobody can pay less than the last line: the program drew news, question and names by chance. Three tokens of context are no better than two. (The bigram keeps a little for what it never saw, too.)
#
# **Check yourself.** An answer is signed with a name that stood some forty tokens back. Why not count what follows forty tokens?
#
# - <details><summary>The table would be too large</summary> Only what was seen needs a row.</details>
# - <details><summary>Those forty tokens were never seen before</summary> Right: with the name in them they are new. Counting knows *which* tokens came, not that two places hold the same one.</details>
# - <details><summary>Forty tokens do not matter for the next one</summary> Here they do: without them nobody can know the name.</details>

# %% [markdown]
# ## 2 · The model
#
# *What stands between tokens and scores?*
#
# Each block of a GPT has two halves: **attention**, in which tokens fetch something from earlier tokens, and a **feed-forward layer**, which works on each token alone.

# %% tags=["diagram"] fold="Drawing: a block, with shapes"
HALVES = (
    (0.9, ("norm", "q, k, v\n64 to 3·64", "4 heads\nlook", "out\n64 to 64"), "#9ECAE1"),
    (5.3, ("norm", "up\n64 to 256", "GELU", "down\n256 to 64"), "#FDD0A2"),
)
figure, axes = blank(9.6, 3.4)
axes.plot([0.2, 9.4], [0.8, 0.8], color="black", linewidth=2, zorder=0)
axes.text(0.2, 0.5, "x: a row of D = 64 numbers for each token", fontsize=10, va="top")
for left, parts, color in HALVES:
    arrow(axes, (left, 0.75), (left, 2.08))
    for i, part in enumerate(parts):
        middle = left + 0.2 + 1.05 * i
        box(axes, middle, 2.4, part, color if i else "#EEEEEE", 0.97, 0.7, 9)
    arrow(axes, (middle + 0.2, 2.05), (middle + 0.2, 0.95))
    axes.text(middle + 0.1, 1.5, "add", ha="right", fontsize=10)
    box(axes, middle + 0.2, 0.8, "+", "white", 0.3, 0.3)
axes.text(2.6, 3.0, "attention: tokens exchange", ha="center", color=BLUE, fontsize=11)
axes.text(7.0, 3.0, "feed-forward: each token alone", ha="center", color="#B25D00", fontsize=11)
axes.text(9.4, 0.5, "x, richer", ha="right", fontsize=10, va="top")
show(
    figure,
    alt="A line, x, runs through the block from left to right. Attention reads a normalised copy of it (norm, queries "
    "keys and values, four heads look, out) and adds its result to the line; then the feed-forward layer does the same (norm, "
    "up from 64 to 256, GELU, down from 256 to 64).",
)

# %% [markdown]
# Think of x as a notebook on its way along the line. Each half *reads* a tidy copy (norm: the row, brought to one length) and *adds* its note. This is the **residual connection** (残差连接).
#
# In PyTorch, `nn.Module` keeps a model's weights together, `nn.Linear(D, 3 * D)` is a matrix that makes 3 D numbers of D, and `nn.RMSNorm` is the norm. Lesson 1's attention now runs for B texts and H heads at once (`rotate` was `turn` there): `split_heads` cuts each row into H parts, `merge_heads` joins them again.

# %% reuse="cells/tiny_gpt:block" open=true

# %% [markdown]
# Queries and keys get norms of their own, so that scores do not grow too large. `base=100.0` suits short texts: lesson 1's hands turn faster. `F.gelu` lets positive numbers through and holds negative ones back. Without this bend, up and down would be one matrix.
#
# Around the blocks stand a table with a row for each token (`nn.Embedding`), and the output **head** (输出层; not one of attention's), a matrix that makes 512 scores of each final row. `out`, `down` and `head` start at zero: at first each block adds nothing, and all tokens are equally likely. While the head is zero, no gradient passes back through it: so the head moves first, then the rest.

# %% reuse="cells/tiny_gpt:gpt" open=true

# %% [markdown]
# Follow a letter and the first word of its answer through the trained model. What comes after this "Dear"?

# %% fold="Through the model, with the shapes"
ids = torch.tensor([tokenizer.encode(tests[0].text + "Dear").ids], device=device)
print(tests[0].text + "Dear\n")
with torch.no_grad():
    x = gpt.token(ids)
    print("rows of the table", tuple(x.shape))
    for i, block in enumerate(gpt.blocks, 1):
        x = block(x)
        print(f"after block {i}", tuple(x.shape))
    scores = gpt.head(gpt.norm(x))
print("scores", tuple(scores.shape))
p = scores[0, -1].softmax(dim=-1)
print("likeliest:", {PIECES[i]: round(p[i].item(), 3) for i in p.topk(3).indices.tolist()})

# %% [markdown]
# Every token has its scores. In training all count, in writing only the last.
#
# How many weights are there, in 2 blocks, with D = 64 and V = 512?

# %%
D = 64
block_weights = 3 * D * D + D * D + 4 * D * D + 4 * D * D  # qkv, out, up, down
print(f"table {V * D:,}, head {V * D:,}, each block {block_weights:,}")
print(f"by hand {2 * V * D + 2 * block_weights:,}", end="; ")
print(f"counted, with the norms' factors, {sum(p.numel() for p in gpt.parameters()):,}")

# %% [markdown]
# A block has 12 D² weights. **Before training** a model gives each of V tokens the same chance, 1/V, and pays ln V nats. ln 512 = 6.24: there your curve began.
#
# **Check yourself.** You double D. How many weights has a block then?
#
# - <details><summary>Twice as many</summary> A matrix from D to D has D rows *and* D columns.</details>
# - <details><summary>Four times as many</summary> Right: 12 D², but for the few of the norms.</details>
# - <details><summary>As many: D is the length of a row, not of a matrix</summary> Each matrix must fit the rows.</details>

# %% [markdown]
# ## 3 · Training
#
# *How do 164,224 numbers find their values?*
#
# Take a batch (8 texts of 65 tokens: 64 to read, and each one's next), compute the loss, ask PyTorch for the gradient (which way does each weight make the loss grow?), and move every weight a little the other way:

# %% reuse="cells/tiny_gpt:train" open=true

# %% [markdown]
# `flatten` lines up the tokens of all texts. **AdamW**, the usual optimizer, divides each weight's step by the recent size of its gradients (`betas` say how recent; `weight_decay` is off), so all weights move at about the same pace. `share` plans the learning rate (学习率): up during the first 2% of the steps (warm-up, 预热), down to 0 over the last 30%, so that the weights settle.
#
# While your model trained, we tested it on new letters. When did it learn what?

# %% fold="Figure: what it learns when"
figure, axis = plt.subplots(figsize=(8, 3.6))
for kind, name, color in (
    (0, "ordinary words", BLUE),
    (NEW, "a name, the first time", GREY),
    (AGAIN, "the same name again", RED),
):
    axis.plot(*zip(*watch.kinds[kind]), color=color, linewidth=2)
    step, value = watch.kinds[kind][-1]
    value += {0: -0.12, AGAIN: 0.16}.get(kind, 0)
    axis.text(step + 12, value, name, color=color, va="center", fontsize=9)
axis.set(
    xlabel="steps",
    ylabel="bits a character, new letters",
    xlim=(0, 1.28 * len(watch.losses)),
    ylim=(-0.3, 4.5),
)
axis.set_xticks(range(0, len(watch.losses) + 1, 200))
first, last = ({kind: watch.kinds[kind][i][1] for kind in (0, NEW, AGAIN)} for i in (1, -1))
show(
    figure,
    alt="Bits a character over the steps of training, on letters with new names. Ordinary words: "
    f"{first[0]:.2f} after 65 steps, {last[0]:.2f} at the end. A name the first time: {first[NEW]:.2f} and {last[NEW]:.2f}. The same name "
    f"again: {first[AGAIN]:.2f} and {last[AGAIN]:.2f}: it falls late.",
)

# %% [markdown]
# Words and sentences come first. A new name can only be guessed from how names are built. The *same* name again could be known, but the model must first learn how to copy. That takes hundreds of steps. Section 5 shows one way to copy; it needs two layers.
#
# **Check yourself.** The loss on the training letters falls, and the loss on new letters begins to rise. What is happening?
#
# - <details><summary>The learning rate is too high</summary> Then both would suffer.</details>
# - <details><summary>It learns the training letters by heart</summary> Right: overfitting (过拟合). Ours has little chance to: it reads each letter about once.</details>
# - <details><summary>The new letters are more difficult</summary> They come from the same program.</details>
#
# *A good place to stop for tonight. Tomorrow, run all cells above again: it takes a minute.*

# %% [markdown]
# ## 4 · Where a GPT beats counting
#
# *What exactly is it better at? And is it better everywhere?*
#
# On 300 test letters we compare your GPT, one from another seed, and models that count. One counting model may also *look back*: if the last few tokens stood earlier in this letter, it expects what followed them then.
#
# The control is a GPT trained just as long, but each of its letters is followed by the answer to *another* letter, with other names.
#
# **Predict.** Kneser-Ney pays about 2.7 bits a character for a name that was said before, your GPT almost nothing. And the control? (Training takes half a minute.)

# %%
guess_again = None  # bits a character, for instance 2.0

# %% fold="Train a second GPT, and the control"
mixed_writer = Writer(seed=3, taken=tester.names)
mixed = letter_text([mixed_writer.letter(related=False) for _ in range(10_000)], tokenizer)
another, control = new_gpt(1), new_gpt(0)
jobs = [
    partial(train, another, letters_from(training, seed=1), STEPS),
    partial(train, control, letters_from(mixed, seed=0), STEPS),
]
_ = side_by_side(jobs, "training")

# %% fold="Score them all"
chosen = letter_text(choosing, tokenizer)
pieces = [chosen.ids[a : a + n] for a, n in zip(chosen.starts, chosen.sizes)]
pad = partial(nn.utils.rnn.pad_sequence, batch_first=True, padding_value=-1)
looking_back = LookBack(kneser_ney, pad(pieces))
spots = list(zip(held_out.starts.tolist(), held_out.sizes.tolist()))
looked = [torch.cat([FIRST, looking_back.score(held_out.ids[a : a + n])]) for a, n in spots]
GIVEN = {
    "bigram": given_by(bigram),
    "Kneser-Ney": given_by(kneser_ney),
    "Kneser-Ney that looks back": torch.cat(looked),
    "GPT": given_by_gpt(gpt, held_out),
    "GPT, another seed": given_by_gpt(another, held_out),
    "GPT, unrelated answers": given_by_gpt(control, held_out),
}


def chance_of_answer(p: Tensor) -> float:
    """How likely a model is to write the whole right answer, mean over the test letters."""
    logs = p.double().log()
    long = [len(tokenizer.encode(one.text).ids) for one in tests]
    chances = [logs[a + n : a + size].sum().exp() for (a, size), n in zip(spots, long)]
    return torch.stack(chances).mean().item()


# %% fold="Figure: bits by kind of text"
figure, axes = plt.subplots(1, 3, figsize=(9.4, 3.2), sharey=True)
COLORS = (GREY, GREY, ORANGE, BLUE, BLUE, RED)
for axis, kind, title in zip(
    axes, (0, NEW, AGAIN), ("ordinary words", "a name, the first time", "the same name again")
):
    values = [bits_a_character(p, held_out, kind) for p in GIVEN.values()]
    axis.barh(range(len(values)), values, color=COLORS)
    for row, value in enumerate(values):
        axis.text(value + 0.05, row, f"{value:.2f}", va="center", fontsize=9)
    axis.set(title=title, xlim=(0, 4.6), xlabel="bits a character")
    axis.title.set_fontsize(10)
axes[0].set_yticks(range(len(GIVEN)), list(GIVEN))
axes[0].invert_yaxis()
if guess_again is not None:
    axes[2].axvline(guess_again, color="black", linestyle=":")
    axes[2].text(guess_again, 5.4, " your guess", fontsize=9)
words = "; ".join(
    f"{name} "
    + ", ".join(f"{bits_a_character(p, held_out, kind):.2f}" for kind in (0, NEW, AGAIN))
    for name, p in GIVEN.items()
)
show(
    figure,
    alt=f"Bars of bits a character for three kinds of text: ordinary words, a name the first time, the same name again. {words}.",
)

# %% fold="All text, and whole answers"
for name, p in GIVEN.items():
    print(
        f"{name:28} all text {bits_a_character(p, held_out):.2f} bits; whole answer right {chance_of_answer(p):.2f}"
    )

# %% [markdown]
# (*Whole answer right*: how likely the model is to write exactly the one right answer. Your curve counted nats a *token*; these are bits a *character*: so 0.7 there and 0.3 here.)
#
# A new name is hard for all. The GPT wins at ordinary words (0.05 against 0.25), and by far where a name comes again. Looking back helps counting there (1.03). Yet neither this counting nor the control gets a whole answer right.
#
# The control pays 1.26 for a repeated name, not 2.7. Half of the repeats stand inside one letter or one answer, and those it can copy.
#
# In bits the GPT is close to the best possible (0.29 against 0.27). Yet its whole answer is right with probability 0.66, the other seed's with 0.75: over a whole answer, differences too small to see in the bits multiply.
#
# **Is it better everywhere?** No. Our letters were made so that memory pays. Here are two other texts:

# %% fold="Figure: three texts"
# From lab 3.11: bits a character on text that was held out, three seeds.
OTHERS = {"Python's manual": (1.94, 1.76, 2.07), "source code": (2.11, 1.65, 2.29)}
figure, axis = plt.subplots(figsize=(8, 2.8))
rows = {
    "letters and answers": [
        bits_a_character(GIVEN[name], held_out)
        for name in ("Kneser-Ney", "Kneser-Ney that looks back", "GPT")
    ]
}
rows |= OTHERS
for i, (name, color) in enumerate(
    (("Kneser-Ney", GREY), ("Kneser-Ney that looks back", ORANGE), ("GPT", BLUE))
):
    places = [row + 0.27 * (i - 1) for row in range(len(rows))]
    bars = axis.bar(places, [each[i] for each in rows.values()], 0.25, color=color, label=name)
    axis.bar_label(bars, fmt="{:.2f}", fontsize=9)
axis.set_xticks(range(len(rows)), list(rows))
axis.set(ylabel="bits a character", ylim=(0, 2.6))
axis.legend(loc="upper left")
show(
    figure,
    alt="Bits a character of counting, counting that looks back, and a GPT: "
    + "; ".join(
        f"{name} " + ", ".join(f"{value:.2f}" for value in each) for name, each in rows.items()
    )
    + ".",
)

# %% [markdown]
# Plain counting is ahead of the GPT on both, and counting that looks back wins clearly. Our guess: source code repeats itself word for word. (But these GPTs had only 1,600 steps; [lab 3.11](labs/3_11_counting.ipynb) runs them.)
#
# **Check yourself.** What does the control show?
#
# - <details><summary>That training needs more steps</summary> It had as many.</details>
# - <details><summary>That the skill comes from the text, and not from the model alone</summary> Right: all else is the same.</details>
# - <details><summary>That a GPT cannot copy names</summary> It copies inside a letter. Copying from the letter into the answer never paid.</details>

# %% [markdown]
# ## 5 · Learning from the prompt
#
# *How can it copy a name that it never saw?*
#
# Our letters cannot answer this. They all have one form: a name comes again in the same places, about equally far back. Perhaps your GPT has only learned how far to look. So let us train small models on something barer: a few tokens in random order, over and over.


# %% fold="Laps: tokens in random order, over and over"
def laps(
    generator: torch.Generator, count: int, least: int, most: int, jump: bool = False
) -> Tensor:
    """(count, 33): `least` to `most` of 24 tokens in random order, again and again."""
    length = torch.randint(least, most + 1, (count, 1), generator=generator)
    order = torch.rand(count, 24, generator=generator).argsort(dim=-1)
    place = torch.arange(33).expand(count, -1)
    if jump:  # after a lap and a half, it goes on from some other place
        far = 1 + (torch.rand(count, 1, generator=generator) * (length - 1)).long()
        place = place + far * (place >= length * 3 // 2)
    return order.gather(1, place % length)


print("a lap of 5:   ", *laps(torch.Generator().manual_seed(0), 1, 5, 5)[0, :16].tolist())
jumping = laps(torch.Generator().manual_seed(3), 1, 5, 5, True)[0, :16].tolist()
print("with a jump:  ", *jumping[:7], "|", *jumping[7:])

# %% [markdown]
# In the first lap nobody can know what comes. From the second on you can: find where the same token stood before, and look *one further*. (At the jump, `|`, the order goes on from some other token.) The order is new in every text: it must be learned from the prompt, while reading.
#
# To find "the token that comes after a 7", some token must say "before me stood a 7". So two layers share the work:

# %% tags=["diagram"] fold="Drawing: an induction head"
figure, axes = blank(9.4, 3.3)
row = ["7", "2", "9", "4", "7", "?"]
for i, token in enumerate(row):
    color = (
        "#FDD0A2"
        if token == "7"
        else "#C7E9C0"
        if i == 1
        else "white"
        if token == "?"
        else "#EEEEEE"
    )
    box(axes, 1.2 + 1.25 * i, 0.5, token, color, 0.7, 0.5, 12)
    if i < 5:
        note = f"I am {token}" + (f",\nafter {row[i - 1]}" if i else "")
        box(axes, 1.2 + 1.25 * i, 1.75, note, color, 1.05, 0.6, 9)
        arrow(axes, (1.2 + 1.25 * i, 0.78), (1.2 + 1.25 * i, 1.42))
    if 0 < i < 5:
        arrow(axes, (1.2 + 1.25 * (i - 1), 0.78), (1.0 + 1.25 * i, 1.42), color=BLUE)
axes.text(
    8.5,
    1.2,
    "layer 1: each token\nnotes who stood\nbefore it",
    fontsize=9,
    va="center",
    ha="center",
    color=BLUE,
)
style = {
    "arrowstyle": "-|>",
    "color": RED,
    "linewidth": 1.8,
    "connectionstyle": "arc3,rad=0.35",
}
axes.annotate("", (2.5, 2.1), (6.2, 2.1), arrowprops=style)
axes.text(8.05, 0.5, "so: 2", va="center", fontsize=11, color=RED)
axes.text(
    4.35,
    3.0,
    'layer 2: "who stands after a 7?"  It fetches the 2.',
    ha="center",
    color=RED,
    fontsize=10,
)
show(
    figure,
    alt="The tokens 7 2 9 4 7 and a question mark. In layer 1 each token notes who stood before it: 'I am 2, after 7'. In layer 2 "
    "the last 7 asks who stands after a 7, looks at the 2, and fetches it.",
)

# %% [markdown]
# The head in layer 2 is called an **induction head** (归纳头; Olsson et al. 2022).
#
# We train models of one layer and of two on laps of 4 to 12 tokens without jumps, three seeds each. We test them with new laps of ten tokens: how often is the likeliest token right, once the first lap is over?
#
# The control is a jump, which no model met in training. A model that looks a fixed way back fails after it. A model that looks for the same token does not.
#
# **Predict.** Without a jump, how often will the models with *one* layer be right? And after a jump? (Guessing among ten gives 0.1. Training takes a quarter of a minute.)

# %%
guess_one_layer, guess_after_jump = None, None  # shares, for instance 0.3, 0.3


# %% fold="Train three models of one layer, three of two"
def lap_job(model: GPT, seed: int, steps: int = 400) -> Callable[[], None]:
    """Train on laps: Muon takes the matrices of the blocks, AdamW alone needs many more steps here."""
    generator = torch.Generator().manual_seed(seed)
    matrices = [p for p in model.blocks.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if all(p is not matrix for matrix in matrices)]

    def job() -> None:
        muon, adam = (
            Muon(matrices, 0.02, momentum=0.9),
            torch.optim.AdamW(others, weight_decay=0.0),
        )
        for step in range(steps):
            share = min(1, (step + 1) / (0.02 * steps), (1 - step / steps) / 0.3)
            muon.lr, adam.param_groups[0]["lr"] = 0.02 * share, 0.03 * share
            texts = laps(generator, 32, 4, 12).to(device)
            scores = model(texts[:, :-1]).flatten(0, 1)
            model.zero_grad()
            F.cross_entropy(scores, texts[:, 1:].flatten()).backward()
            muon.step()
            adam.step()

    return job


lap_models = {n: [new_gpt(seed, 24, 32, n, 2) for seed in SEEDS] for n in (2, 1)}
jobs = [lap_job(model, seed) for n in lap_models for seed, model in enumerate(lap_models[n])]
_ = side_by_side(jobs, "training")


@torch.no_grad()
def share_right(model: GPT, texts: Tensor) -> float:
    """Of the nine tokens that follow the jump, or stand at the same places."""
    guessed = model(texts[:, :-1].to(device)).argmax(dim=-1).cpu()
    return (guessed == texts[:, 1:])[:, 15:24].float().mean().item()


right = {}
for jump, name in ((False, "laps, as in training"), (True, "after a jump")):
    texts = laps(torch.Generator().manual_seed(10_000), 500, 10, 10, jump)
    for n, models_ in lap_models.items():
        right[name, n] = [share_right(model, texts) for model in models_]

# %% tags=["headline"] fold="Figure: one layer and two"
figure, axis = plt.subplots(figsize=(8, 3.4))
for column, ((name, n), shares) in enumerate(right.items()):
    color, place = (BLUE if n == 2 else RED), column + 0.5 * (column > 1)
    axis.bar(place, statistics.mean(shares), 0.8, color=color, alpha=0.45)
    axis.plot([place - 0.1, place, place + 0.1], shares, "o", color=color)
    axis.text(place, 0.02, "two layers" if n == 2 else "one layer", ha="center")
    axis.text(place + 0.3, statistics.mean(shares) + 0.02, f"{statistics.mean(shares):.2f}")
axis.set_xticks([0.5, 3], ["laps, as in training", "after a jump (control)"])
axis.set(ylabel="share right (dot: a seed)", ylim=(0, 1.08))
axis.grid(axis="x")
axis.axhline(0.1, color="black", linewidth=1, linestyle="--")
axis.text(1.75, 0.12, "guessing", ha="center", fontsize=9)
draw_guess(axis, guess_one_layer, at=1)
draw_guess(axis, guess_after_jump, at=3.5)
show(
    figure,
    alt="Share of tokens predicted right, in laps of ten tokens. "
    + "; ".join(
        f"{name}, {'two layers' if n == 2 else 'one layer'} {spread(shares)}"
        for (name, n), shares in right.items()
    )
    + ".",
)

# %% [markdown]
# (After the jump two layers reach 0.94, not 1: in each text, one of the tokens tested stood just before the jump, so a wrong token followed it there.)
#
# **Explain** it to yourself first. How do two layers know the order of these tokens, if no weight has changed since training?
#
# <details><summary>Our explanation</summary>
#
# The weights hold a way of reading: note who stood before you, find your own earlier copy, take what came next. The order itself is in attention's keys and values, computed anew for each text. In this sense the model learns from its prompt, and forgets it when the text ends.
#
# How one layer comes to about 0.6 we do not know. Whatever it does fails after a jump.
# </details>
#
# The laps show one way to copy. How your letters' GPT chooses between two names we have not tested.
#
# **Check yourself.** Why can one layer not do what the drawing shows?
#
# - <details><summary>It sees too few tokens</summary> It sees all earlier ones, too.</details>
# - <details><summary>When it looks, no token has noted yet who stood before it</summary> Right: that note is a first layer's work, and only a second can read it.</details>
# - <details><summary>It was trained on fewer laps</summary> It was trained on as many.</details>

# %% [markdown]
# ## 6 · Sampling
#
# *The model gives probabilities. Which token should be taken?*
#
# Always the likeliest (greedy, 贪心)? Then it writes the same each time.
#
# **Temperature** (温度) τ divides the scores before the softmax, so each probability is taken to the power of 1/τ: below 1 the likely become likelier, above 1 all come closer together.
#
# **Top-p** keeps only the likeliest tokens that together reach the share p, and draws among these. Where both are used, temperature comes first.
#
# By hand. Three tokens have the probabilities 0.6, 0.3, 0.1. With τ = 1/2 each is squared: 0.36, 0.09, 0.01, and divided by their sum, 0.46: it becomes 0.78, 0.20, 0.02. With top-p = 0.8, the first two are kept (0.6 is not enough, 0.9 is): 0.67 and 0.33.
#
# **Your turn.** Write `heat`: the new probabilities at temperature τ, from the old ones.


# %%
def heat(probabilities: list[float], temperature: float) -> list[float]:
    """The probabilities, each to the power of 1/temperature, summing to 1 again."""
    ...


your_turn(
    heat,
    [0.6, 0.3, 0.1],
    0.5,
    want=[0.7826, 0.1957, 0.0217],
    hint="square each, then divide by the sum",
)

# %% [markdown]
# <details><summary>A solution</summary>
#
# ```python
# powers = [p ** (1 / temperature) for p in probabilities]
# return [power / sum(powers) for power in powers]
# ```
# </details>
#
# Now play. After "Dear" comes the beginning of a name. What do temperature and top-p do to it?


# %% fold="Sliders: temperature and top-p"
def shaped(scores: Tensor, temperature: float, top_p: float) -> Tensor:
    """Scores (..., V) -> probabilities; the rest of top-p gets 0."""
    p, order = (scores / temperature).softmax(dim=-1).sort(dim=-1, descending=True)
    p = p * (p.cumsum(dim=-1) - p < top_p)  # what stands before it has not reached top_p yet
    return torch.zeros_like(p).scatter(-1, order, p / p.sum(dim=-1, keepdim=True))


def draw_sampling(start: str, temperature: float, top_p: float) -> None:
    ids = torch.tensor([tokenizer.encode(start).ids], device=device)
    with torch.no_grad():
        scores = gpt(ids)[0, -1].cpu()
    plain, p = scores.softmax(dim=-1), shaped(scores, temperature, top_p)
    order = plain.argsort(descending=True)[:40]
    figure, axis = plt.subplots(figsize=(9, 2.6))
    axis.bar(range(40), p[order], color=BLUE)
    axis.step(range(40), plain[order], color="black", where="mid", linewidth=1)
    axis.set_xticks(
        range(40), [PIECES[i].replace("\n", "↵") for i in order], rotation=90, fontsize=8
    )
    axis.set(
        ylabel="probability",
        title=f"after {start!r}: temperature {temperature:g}, top-p {top_p:g} (line: temperature 1, nothing cut)",
    )
    show(
        figure,
        alt=f"The 40 likeliest tokens after {start!r} as bars, with temperature {temperature:g} and top-p {top_p:g}; {int((p > 0).sum())} tokens can be drawn.",
    )

    def forecast(ids: Tensor) -> Tensor:
        return shaped(gpt(ids[:, -T:].to(device))[:, -1].cpu(), temperature, top_p)

    print(start + write(forecast, start, most=80))


play(draw_sampling, start="Dear", temperature=(0.1, 2.0, 0.6), top_p=(0.05, 1.0, 0.9))

# %% [markdown]
# Did you see the fault? In our run the letter is to Steahai, and the answer is from Staihea.
#
# What does a higher temperature gain, and what does it lose? We let the model write 60 letters with answers at each. It gains different names (we count the first of each letter). The price is faults: letters that the program would never have written, or whose answer does not fit.


# %% fold="Write letters at seven temperatures"
def written_letters(temperature: float, count: int = 60) -> list[str]:
    generator = torch.Generator().manual_seed(0)
    ids = torch.full((count, 1), PIECES.index("Dear"))
    with torch.no_grad():
        while ids.shape[1] < 75 and not (ids == END).any(dim=1).all():
            p = shaped(gpt(ids[:, -T - 10 :].to(device))[:, -1].cpu(), temperature, 1.0)
            ids = torch.cat([ids, torch.multinomial(p, 1, generator=generator)], dim=1)
    return [
        "".join(PIECES[i] for i in row).partition("\n\n\n")[0] + "\n\n\n"
        for row in ids.tolist()
    ]


def is_faultless(text: str) -> bool:
    """Has it the form of our letters, and the right answer?"""
    letter, gap, answer = text.partition("\n\n")
    lines = letter.split("\n")
    if (
        len(lines) != 3
        or not answer
        or not lines[0].startswith("Dear ")
        or not lines[2].startswith("Yours, ")
    ):
        return False
    x, y = lines[0][5:].rstrip(","), lines[2][7:]
    for news, reply in (line.split("|") for line in NEWS.splitlines()):
        for question, last in (line.split("|") for line in QUESTIONS.splitlines()):
            if lines[1] == f"{news}, {x}. {question}":
                return answer == f"Dear {y},\n{reply}, {y}. {last}\nYours, {x}\n\n\n"
    return False


HEATS = (0.01, 0.1, 0.4, 0.7, 1.0, 1.2, 1.4)
batches = {heat_: written_letters(heat_) for heat_ in progress(HEATS, "writing")}
faulty = [1 - statistics.mean(map(is_faultless, batch)) for batch in batches.values()]
names = [len({text.partition("\n")[0] for text in batch}) / 60 for batch in batches.values()]

# %% fold="Figure: gained and lost"
figure, axis = plt.subplots(figsize=(8, 3))
for values, color, name, up in (
    (names, GREEN, "different names", 0.03),
    (faulty, RED, "letters with a fault", -0.05),
):
    axis.plot(HEATS, values, "o-", color=color, linewidth=2)
    axis.text(1.43, values[-1] + up, name, color=color, va="center", fontsize=9)
axis.set(
    xlabel="temperature", ylabel="share of 60 letters", xlim=(-0.03, 1.75), ylim=(-0.05, 1.1)
)
axis.set_xticks(HEATS, ["0.01", *(f"{heat_:g}" for heat_ in HEATS[1:])])
show(
    figure,
    alt="Over the temperature: share of different names and of letters with a fault. "
    + "; ".join(f"{t:g}: {a:.2f} and {b:.2f}" for t, a, b in zip(HEATS, names, faulty))
    + ".",
)

# %% [markdown]
# At 0.01, the 60 letters begin with only nine names. From 0.4 on, all 60 differ: more heat then adds only faults, because small risks add up along some sixty tokens. (That 0.01 has a few more faults than 0.1 may be chance.) ([Lab 3.9](labs/3_9_imagination.ipynb) asks whether invention can be had without error.)
#
# **Check yourself.** You set top-p to 0.05. Which temperature is this like?
#
# - <details><summary>A low one: nearly greedy</summary> Right: where the likeliest token has over 5%, it is the only one left.</details>
# - <details><summary>A high one: only 5% is left to chance</summary> The top 5% is what is kept.</details>
# - <details><summary>None: top-p only forbids, it does not change probabilities</summary> What is left is divided by its sum. A single token left has probability 1.</details>

# %% [markdown]
# ## 7 · What writing and training cost
#
# *Why do chat programs answer so fast? And who can train a large one?*
#
# Without a cache, each new token sends the whole text through the model again. But no token looks ahead, so the keys and values of earlier tokens stay the same. Keep them (lesson 1's **cache**, 键值缓存), and only the new token goes through.


# %% fold="Write with a cache"
@torch.no_grad()
def next_scores(model: GPT, token: Tensor, cache: list) -> Tensor:
    """One token (1, 1) through the model; keys and values of the earlier ones are in the cache, and its own go there."""
    x = model.token(token)
    for i, block in enumerate(model.blocks):
        q, k, v = (split_heads(y, block.H) for y in block.qkv(block.norm_1(x)).chunk(3, dim=-1))
        place = cache[i][0].shape[2] if len(cache) > i else 0
        q, k = (
            rotate(norm(y), start=place, base=100.0)
            for norm, y in ((block.norm_q, q), (block.norm_k, k))
        )
        if place:
            k, v = (torch.cat([old, new], dim=2) for old, new in zip(cache[i], (k, v)))
            cache[i] = (k, v)
        else:
            cache.append((k, v))
        x = x + block.out(merge_heads(attention(q, k, v)[0]))
        x = x + block.down(F.gelu(block.up(block.norm_2(x))))
    return model.head(model.norm(x))


@torch.no_grad()
def greedy(count: int, cached: bool) -> list[int]:
    cache, ids = [], torch.tensor([[PIECES.index("Dear")]], device=device)
    for _ in range(count):
        scores = next_scores(gpt, ids[:, -1:], cache) if cached else gpt(ids)
        ids = torch.cat([ids, scores[:, -1:].argmax(-1)], dim=1)
    return ids[0].tolist()


# %% fold="With and without a cache: the same text? how fast?"
print("the same text:", greedy(60, cached=True) == greedy(60, cached=False))
for count in (60, 250):
    faster = (
        seconds(partial(greedy, count, False), 1)[0]
        / seconds(partial(greedy, count, True), 1)[0]
    )
    print(f"{count} tokens: with a cache {faster:.1f} times as fast")

# %% [markdown]
# The longer the text, the more it saves. The price is memory. (Your GPT was trained on 64 tokens; of the 250, only the speed counts.)
#
# **What did training cost?** Each weight takes part in a multiplication and an addition for each token, which makes 2 operations; the gradient takes 4 more. So training N weights on n tokens takes about **6 N n operations**.

# %%
operations = 6 * sum(p.numel() for p in gpt.parameters()) * STEPS * 8 * T  # 8 texts a step
print(f"your GPT: {operations:.1e} operations")

# %% [markdown]
# And a large one? One article says: training more than 10 billion parameters takes about a thousand GPUs for a month. An A100 does at most 312 · 10¹² operations a second; training reaches perhaps 40% of that. Say the model reads 10¹² tokens:

# %%
weights, tokens, gpus, share = 10e9, 1e12, 1000, 0.4
days = 6 * weights * tokens / (gpus * 312e12 * share) / 86_400
print(
    f"{days:.0f} days on {gpus:,} GPUs: {6 * weights * tokens / operations:.0e} times what yours took"
)

# %% [markdown]
# Six days. A month allows about 5 · 10¹² tokens. The claim does not say how many tokens, and that decides the time ([Lab 3.6](labs/3_6_training_cost.ipynb)).
#
# **Check yourself.** A model of GPT-3's size (D = 12,288) is in a chat, with a cache. What does token 4,000 cost, compared with token 2,000?
#
# - <details><summary>Twice as much</summary> Only attention looks at earlier tokens. The matrices, most of the work, see one.</details>
# - <details><summary>A little more</summary> Right: the matrices cost the same for each token, and attention has twice as many keys to look at.</details>
# - <details><summary>Exactly as much</summary> The new query meets every key.</details>

# %% [markdown]
# ## To keep: a model of your own
#
# Put a text of yours beside this notebook, name it below, and train a GPT on it: a diary, poems, code, in any language; a hundred pages are good. Without one, the cell saves the model that answers letters.

# %%
MY_TEXT, MINUTES = None, 1  # for instance "my_notes.txt"

# %% fold="Read it, train, save"
from pathlib import Path


def train_on(text: str, minutes: float) -> tuple[GPT, Tokenizer]:
    """A GPT of this lesson's size and a vocabulary of 1,000 tokens, both learned from the text."""
    tokens = Tokenizer(models.BPE())
    words = Regex(r" ?\p{L}+|\s+|[^\p{L}\s]")
    tokens.pre_tokenizer = pre_tokenizers.Split(words, "isolated")
    trainer = trainers.BpeTrainer(vocab_size=1000, show_progress=False)
    tokens.train_from_iterator([text], trainer)
    ids = torch.tensor(tokens.encode(text).ids)
    if len(ids) < 10 * T:
        raise ValueError(f"{MY_TEXT} has only {len(ids)} tokens; {10 * T} are the least")
    model, generator = new_gpt(0, tokens.get_vocab_size()), torch.Generator().manual_seed(0)
    steps = int(minutes * 1500)
    bar = progress(range(steps), "training")

    def draw() -> Tensor:
        bar.update()
        return ids[
            torch.randint(len(ids) - T, (8, 1), generator=generator) + torch.arange(T + 1)
        ]

    train(model, draw, steps)
    bar.close()
    return model, tokens


mine = (gpt, tokenizer)
if MY_TEXT:
    mine = train_on(Path(MY_TEXT).read_text(encoding="utf-8"), MINUTES)
torch.save({"weights": mine[0].state_dict(), "tokenizer": mine[1].to_str()}, "my_gpt.pt")
print("saved to my_gpt.pt")

# %% [markdown]
# Write your model a letter (`/` begins a new line). Does it get your names right? Try real ones, too:


# %% fold="Load it, talk to it"
def load(path: str) -> tuple[GPT, Tokenizer]:
    saved = torch.load(path, weights_only=True, map_location=device)
    model = GPT(*saved["weights"]["token.weight"].shape).to(device)
    model.load_state_dict(saved["weights"])
    return model, Tokenizer.from_str(saved["tokenizer"])


@torch.no_grad()
def talk(beginning: str, temperature: float) -> None:
    model, tokens = load("my_gpt.pt")
    ids = torch.tensor([tokens.encode(beginning.replace("/", "\n")).ids], device=device)
    for _ in range(80):
        p = shaped(model(ids[:, -T:])[:, -1], temperature, 0.95)
        ids = torch.cat([ids, torch.multinomial(p, 1)], dim=1)
    print("".join(tokens.id_to_token(i) for i in ids[0].tolist()).partition("\n\n\n")[0])


# %%
own = "Dear Raprit,/My tooth hurts, Raprit. Do you still play the flute?/Yours, Seatraind//"
play(talk, beginning=own, temperature=(0.1, 1.5, 0.3))

# %% [markdown]
# ## What you take with you
#
# 1. A GPT predicts the next token, at every place at once. The text is the answer key.
# 2. A block reads a normalised copy of x and adds to x: attention brings tokens together, the feed-forward layer works on each.
# 3. Counting that looks back beats a briefly trained GPT on a manual and on source code. Where an answer must take new names from far back, the GPT wins.
# 4. Two layers can learn from the prompt: note who stood before you, look for yourself, take what came next.
# 5. A higher temperature brings variety and mistakes. Training costs 6 operations for each weight and token.
#
# ## What the articles claim about it
#
# Each claim has a lab of half an hour ([lesson 0](00_start_here.ipynb) names the articles). Predict before you open what we found:
#
# <!-- answers -->
#
# ## Where this stops
#
# Your GPT continues texts. To follow instructions, models are trained further.
#
# **To read on.** Karpathy's nanoGPT ([github.com/karpathy/nanoGPT](https://github.com/karpathy/nanoGPT)) · Olsson et al. 2022, induction heads ([2209.11895](https://arxiv.org/abs/2209.11895)) · Holtzman et al. 2020, top-p ([1904.09751](https://arxiv.org/abs/1904.09751))
#
# **Now you.** `exercises/03_tiny_gpt/tiny_gpt.ipynb`: loss, block, learning rate, sampling and cache, for any sizes.
