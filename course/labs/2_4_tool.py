# ---
# jupyter:
#   course:
#     title: "Lab 2.4: does a tool fix arithmetic?"
#     claim: "2.4"
#     summary: Give a tiny model a calculator, compare it with the same model that adds by itself, and find the digit at which it miscopies.
#     minutes: 20
#     carries: [torch, figures, diagrams, progress, statistics, side_by_side, adding, lab]
# ---

# %% [markdown]
# # Lab 2.4 · Does a tool fix arithmetic?
#
# **The claim** (A1, an article on Chinese large models, May 2023). MOSS, a chat model from Fudan University, gained plug-ins (插件), among them a calculator and an equation
# solver. So a tool (工具) fixes arithmetic.
#
# Why believe it? A calculator never slips. Why doubt it? The model still has to copy both
# numbers into the call (调用), and perhaps it could have learned to add. MOSS is too big for us, so we test a tiny model, our clerk.
#
# **It counts as shown if**, on each seed and with both kinds of positions (below), a clerk with a calculator gets at least 90% of its sums exactly right at every length we try, from 1 to 16 digits.
#
# If only one kind passes: *supported only if*; if none: *not supported*. We measure a clerk without a tool
# by the same 90%. (We wrote this rule after trial runs.)
#
# ## A clerk and a calculator
#
# As in lesson 2, numbers are written **ones first**, one token for each digit, with a zero behind as room for a carry (进位): 48 is `8 4 0`.
# Both numbers of a sum have equally many digits (the highest may be 0).
#
# | the clerk reads | with the tool it writes | without, it writes |
# | --- | --- | --- |
# | tom picks 8 4 0 figs and finds 7 1 0 more . how many today ? | `[ 8 4 0 + 7 1 0 ]` | `0 0 5 6 0 .` |
#
# At `]` our program stops the model, reads the call, and lets Python add 48 and 17. Without the tool the clerk has to add by itself. Its two zeros in front say "here comes a sum" and "nothing is carried into the
# ones". One question in four asks for the name instead, so the clerk also decides *whether* to call.

# %% fold="Words and questions"
import random
import re

NAMES, THINGS = "tom ann bob eva".split(), "figs nuts plums pears".split()
OTHERS = "picks and finds more . who how many today ? [ + ]".split()
# 50 tokens for digits: of the first number, the second, a sum; and both numbers copied.
FIRST, SECOND, SUM, COPY_FIRST, COPY_SECOND = 0, 10, 20, 30, 40
WORDS = [*"0123456789"] * 5 + NAMES + THINGS + OTHERS
WORD_ID = {word: i for i, word in enumerate(WORDS) if i >= 50}


def draw_questions(generator, count, n, tool):
    """Questions about numbers of n digits: tokens, answers (-100 behind their end), needs a sum."""

    def same(*words):  # in each question
        return torch.tensor([[WORD_ID[word] for word in words]]).repeat(count, 1)

    def one_of(words):
        ids = torch.tensor([WORD_ID[word] for word in words])
        return ids[torch.randint(len(ids), (count, 1), generator=generator)]

    a, b = (draw_numbers(generator, count, n) for _ in range(2))
    name, needs = one_of(NAMES), torch.rand(count, 1, generator=generator) < 0.75
    asked = torch.where(needs, same("how", "many"), same("who", "picks"))
    question = [name, same("picks"), a, one_of(THINGS), same("and", "finds"), b + SECOND]
    question += [same("more", "."), asked, same("today", "?")]
    if tool:
        long = [same("["), a + COPY_FIRST, same("+"), b + COPY_SECOND, same("]")]
    else:
        # With a word in their place, some seeds never learned the ones.
        zeros = torch.full((count, 2), SUM)
        long = [zeros, add_digits(a, b) + SUM, same(".")]
    long = torch.cat(long, dim=1)
    short = F.pad(torch.cat([name, same(".")], dim=1), (0, long.shape[1] - 2), value=-100)
    answers = torch.where(needs, long, short)
    # The last token of an answer is predicted, never read.
    tokens = torch.cat([*question, answers[:, :-1].clamp(min=0)], dim=1)
    return tokens, answers, needs[:, 0]


def as_text(ids):
    return " ".join(WORDS[i] for i in ids if i >= 0)


for tool in (True, False):
    tokens, answers, _ = draw_questions(torch.Generator().manual_seed(4), 3, 2, tool)
    for read, written in zip(tokens.tolist(), answers.tolist()):
        print(as_text(read[: len(read) - len(written) + 1]), "->", as_text(written))

# %% [markdown]
# A 4 of the first number, of the second and of the sum are three tokens, as in lesson 2. Copied digits are others again, so the clerk knows which number it is copying.
#
# ## Two ways to say where a token stands
#
# **By place** value. All ones stand at one position, all tens at another. These positions are random numbers in rising order, new in each step (Ruoss et al. 2023, arXiv 2305.16843). So
# training on four digits uses all positions up to 127. The word behind a number takes the next place and shows where the number ends. A written token stands at the place
# of the digit that comes *next*, so the clerk looks at its own position. Other words stand at 0.
#
# **Counted in the text.** 0, 1, 2, 3, and so on, as in most models.


# %%
def by_place(generator, n, tool):
    labels = draw_labels(generator, n + 2)  # n digits, the zero, the word behind
    words = labels.new_zeros
    question = [words(2), labels, words(2), labels, words(5)]
    written = [labels, labels] if tool else [words(1), labels]
    return torch.cat(question + written)


def counted(generator, n, tool):
    return torch.arange(len(by_place(generator, n, tool)))


# %% fold="Draw the positions of one call"
generator = torch.Generator().manual_seed(4)
tokens, answers, _ = draw_questions(generator, 1, 2, True)
words = as_text([*tokens[0].tolist(), answers[0, -1]]).split()
stands = by_place(torch.Generator().manual_seed(5), 2, True).tolist() + [0]
COLORS = dict(zip(sorted(set(stands)), ("#EEEEEE", "#9ecae1", "#fdd0a2", "#a1d99b", "#dadaeb")))
figure, axis = blank(9, 2.5)
read = len(words) - answers.shape[1]
rows = (words[:read], stands[:read]), (words[read:], stands[read:])
for y, shift, title, (row, places) in zip(
    (2.05, 0.75), (0.0, 3.05), ("read:", "written:"), rows
):
    axis.text(0.02 + shift * 0.77, y, title, va="center", fontsize=10)
    for i, (word, place) in enumerate(zip(row, places)):
        x = 0.85 + 0.49 * i + shift
        last = title == "written:" and i == len(row) - 1
        box(axis, x, y, word, "white" if last else COLORS[place], width=0.48, fontsize=9)
        axis.text(x, y - 0.36, "" if last else place, ha="center", va="center", fontsize=9)
show(
    figure,
    alt="The tokens of a question and of its call, each with its position below: "
    + ", ".join(f"{word} {place}" for word, place in zip(words[:-1], stands))
    + ". Equal positions have equal colours.",
)

# %% [markdown]
# Three contestants, each the model of lesson 2 with one layer and one head, train on numbers of 1 to 4 digits. (Lesson 2 showed that counted positions without a tool fail.)
# Adding takes longer to learn than copying, so the clerk without a tool gets 2,000 steps, the others 600.
#
# **Predict.** With the tool and counted positions, what share of sums is right at 6 digits? And *without* the tool, positions by place, at 16?

# %%
guess_counted_six = None  # for instance 0.5
guess_alone_sixteen = None  # for instance 0.5

# %%
TOOL, ALONE, COUNTED = "tool, by place", "no tool, by place", "tool, counted"
CONTESTANTS = {  # tool? positions, steps
    TOOL: (True, by_place, 600),
    ALONE: (False, by_place, 2000),
    COUNTED: (True, counted, 600),
}


def new_clerk(seed):
    """Untrained. Never made in a thread: threads share the random numbers that weights start with."""
    torch.manual_seed(seed)
    return TinyTransformer(len(WORDS))


def train_clerk(contestant, seed, model):
    tool, positions, steps = CONTESTANTS[contestant]

    def draw(generator):
        n = int(torch.randint(1, 5, (1,), generator=generator))
        tokens, answers, _ = draw_questions(generator, 32, n, tool)
        return tokens, positions(generator, n, tool), answers

    return train_tiny(model, draw, steps, 0.02, seed)


# %% fold="Train three clerks of each kind with the tool"
from functools import partial

clerks = {}


def train_all(*names):
    runs = [(name, seed) for name in names for seed in SEEDS]
    jobs = [partial(train_clerk, *run, new_clerk(run[1])) for run in runs]
    clerks.update(zip(runs, side_by_side(jobs, "training")))


train_all(TOOL, COUNTED)
print("weights:", sum(p.numel() for p in clerks[TOOL, 0].parameters()))

# %%
train_all(ALONE)

# %% [markdown]
# ## Let it write
#
# The clerk writes token by token. The calculator then reads the call.


# %%
@torch.no_grad()
def write(contestant, seed, n, count=100):
    """Questions, what a clerk writes token by token, and what is right."""
    tool, positions, _ = CONTESTANTS[contestant]
    generator = torch.Generator().manual_seed(1000 + seed)
    tokens, answers, _ = draw_questions(generator, count, n, tool)
    places = positions(generator, n, tool)
    question = text = tokens[:, : tokens.shape[1] - answers.shape[1] + 1]
    for _ in range(answers.shape[1]):
        scores = clerks[contestant, seed](text, places[: text.shape[1]], 1)
        text = torch.cat([text, scores.argmax(-1)], dim=1)
    written = text[:, question.shape[1] :]
    return [[as_text(row) for row in part.tolist()] for part in (question, written, answers)]


def calculator(call):
    """'[ 8 4 0 + 7 1 0 ]' -> 65; None if it is no call."""
    found = re.match(r"\[([\d ]+)\+([\d ]+)\]", call)
    return found and sum(int(number.replace(" ", "")[::-1]) for number in found.groups())


# %%
for question, written, _ in zip(*write(TOOL, 0, 4, count=3)):
    print(question, "->", written, "->", calculator(written))

# %% [markdown]
# Two controls that must fail: a **broken calculator**, which returns a random number with as many digits as the right sum, and **another question's call**.

# %% fold="Try both controls with numbers of four digits"
by_tool, by_broken, by_other, decided = [], [], [], []
noise = random.Random(0)
for seed in SEEDS:
    _, written, right = write(TOOL, seed, 4)
    calls = [(w, calculator(r)) for w, r in zip(written, right) if r[0] == "["]
    others = [call for call, _ in calls[1:] + calls[:1]]
    by_tool.append(statistics.mean(calculator(call) == total for call, total in calls))
    by_broken.append(
        statistics.mean(
            calculator(call) is not None and noise.randrange(10 ** len(str(total))) == total
            for call, total in calls
        )
    )
    by_other.append(
        statistics.mean(calculator(o) == total for o, (_, total) in zip(others, calls))
    )
    decided.append(
        statistics.mean((w[0] == "[") == (r[0] == "[") for w, r in zip(written, right))
    )
print(f"sums exact, four digits: {spread(by_tool)}")
print(f"broken calculator {spread(by_broken)}, another question's call {spread(by_other)}")
print(f"a call exactly where a sum is needed: {spread(decided)}")

# %% [markdown]
# ## How long can the numbers be?
#
# To save time, we now put the right answer in and ask at each step whether the right token is the likeliest. If it always is, the clerk would write the whole answer right by itself.

# %%
DIGITS = (1, 2, 3, 4, 5, 6, 8, 12, 16)


@torch.no_grad()
def right_steps(contestant, seed, n):
    """For some 150 questions that need a sum: is each written token right? (questions, steps)"""
    tool, positions, _ = CONTESTANTS[contestant]
    generator = torch.Generator().manual_seed(2000 + n)
    parts = []
    for _ in range(3):  # three draws of positions
        tokens, answers, needs = draw_questions(generator, 67, n, tool)
        places = positions(generator, n, tool)
        scores = clerks[contestant, seed](tokens, places, answers.shape[1])
        parts.append((scores.argmax(-1) == answers)[needs])
    return torch.cat(parts).float()


# %%
steps = {
    name: {n: [right_steps(name, seed, n) for seed in SEEDS] for n in DIGITS}
    for name in CONTESTANTS
}
exact = {
    name: {n: [r.all(1).float().mean().item() for r in by_seed] for n, by_seed in each.items()}
    for name, each in steps.items()
}
for name in CONTESTANTS:
    print(f"{name:18}", *(f"{n}: {spread(exact[name][n])}" for n in (4, 5, 6, 16)), sep="  ")

# %% fold="Draw it"
STYLES = {TOOL: (BLUE, "o-"), ALONE: (ORANGE, "s--"), COUNTED: (PURPLE, "^-")}
figure, axis = plt.subplots(figsize=(8, 3.8))
for name, by_length in exact.items():
    color, style = STYLES[name]
    means = [sum(v) / len(v) for v in by_length.values()]
    axis.plot(DIGITS, means, style, color=color, label=name, markersize=7, linewidth=2)
    for n, values in by_length.items():
        axis.plot([n] * len(values), values, ".", color=color, markersize=5)
axis.axvspan(0.5, 4.5, color=GREY, alpha=0.12)
axis.text(2.5, 0.08, "trained", ha="center", color=GREY)
axis.axhline(0.9, color="black", linestyle=":", linewidth=1)
axis.text(16.2, 0.87, "0.9", va="top", ha="right", fontsize=9)
axis.set(xlabel="digits of each number", ylabel="share of sums exact", ylim=(-0.03, 1.06))
axis.set(title="Three clerks (dots: single seeds)", xticks=DIGITS)
axis.legend(loc="center right")
draw_guess(axis, guess_counted_six, at=6)
draw_guess(axis, guess_alone_sixteen, at=16)
in_words = "; ".join(
    f"{name}: " + ", ".join(f"{n} digits {sum(v) / len(v):.2f}" for n, v in each.items())
    for name, each in exact.items()
)
show(figure, alt=f"Share of sums exact by the length of the numbers, three seeds. {in_words}.")

# %% [markdown]
# ## Where does copying break?
#
# With counted positions, one digit more than trained is enough: no call is right. Which step goes wrong? For each token of the call: is it right, if all before it are?

# %% fold="Draw the share of right steps in the call"
figure, axes = plt.subplots(3, 1, figsize=(8, 4.6))
broken_at, in_words = {}, []
for axis, n in zip(axes, (4, 5, 6)):
    shares = torch.stack([r.mean(0) for r in steps[COUNTED][n]])  # (seeds, steps)
    means = shares.mean(0).tolist()
    signs = [
        "[",
        *[str(i + 1) for i in range(n + 1)],
        "+",
        *[str(i + 1) for i in range(n + 1)],
        "]",
    ]
    colors = [PURPLE if sign.isdigit() else GREY for sign in signs]
    axis.bar(range(len(means)), means, color=colors)
    for i, column in enumerate(shares.T.tolist()):
        axis.plot([i] * len(column), column, "k.", markersize=4)
    axis.set_xticks(range(len(means)), signs)
    axis.set(ylim=(0, 1.05), ylabel=f"{n} digits")
    axis.grid(axis="x", visible=False)
    in_words.append(f"{n} digits: " + ", ".join(f"{s} {m:.2f}" for s, m in zip(signs, means)))
axes[0].set_title(
    "Share of steps right: tool, counted (1: the ones, last number: the zero behind)"
)
show(figure, alt="Share of right steps, mean of three seeds. " + "; ".join(in_words) + ".")

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# By place, the digit to copy stands at the clerk's own position, whatever the length.
#
# Counted, the clerk has learned distances. `[` looks back past both numbers. With five digits each, that is two tokens farther than ever before.
# So copying breaks at the *first* digit, not at the fifth, and most digits are little better than guesses.
#
# The clerk without a tool adds most sums of sixteen digits, but less reliably: one seed falls below 0.9. Here the positions mattered more than the tool.
#
# </details>
#
# **Check yourself.** A chat model with a calculator gets a sum of two long numbers wrong. What do you look at first?
#
# - <details><summary>The calculator.</summary> It adds exactly what it is given.</details>
# - <details><summary>The call that it wrote.</summary> Right: compare its digits with the question's. And see whether it called at all.</details>
# - <details><summary>Whether the model can add.</summary> With the tool it does not have to.</details>
#
# ## The answer


# %%
def mean(name, n):
    return sum(exact[name][n]) / len(SEEDS)


passes = {name: all(min(exact[name][n]) >= 0.9 for n in DIGITS) for name in CONTESTANTS}
print("at least 0.9 at every length, on each seed:", passes)
if passes[TOOL] and passes[COUNTED]:
    grade = SUPPORTED
elif passes[TOOL] or passes[COUNTED]:
    grade = only_if("the model can copy the numbers into the call")
else:
    grade = NOT_SUPPORTED
answer(
    "2.4",
    f"Trained on 1 to 4 digits, a tiny model with a calculator got {mean(COUNTED, 6):.0%} of 6-digit "
    f"sums right: it miscopied the numbers. Told each digit's place (ones, tens, …), it got "
    f"{mean(TOOL, 16):.0%} of 16-digit sums right; without the calculator, {mean(ALONE, 16):.0%}.",
    grade,
)

# %% [markdown]
# **What could still be wrong.** With more training, the clerk without a tool might catch up: in trial runs, two of four seeds fell below 0.9 after 1,500 steps, one of seven after 2,000. We tested sums only. Our digits tell
# which number they belong to; real text does not. Large models train on many lengths, so they can copy long numbers with counted positions, too.
#
# **What the literature measured.** Toolformer (Schick et al. 2023, arXiv 2302.04761) learned by itself when to call a calculator: on the word problems of ASDiv it got 40.4% right, the model it started from 7.5%. Only models of about
# 775 million weights or more profited.
