# ---
# jupyter:
#   course:
#     title: "Lab 3.3: does accuracy jump?"
#     claim: "3.3"
#     summary: Watch a small GPT learn a dictionary word by word and copying all at once, and tell a jump of the model from a jump of the measure.
#     minutes: 27
#     carries: [torch, figures, progress, statistics, attention, tiny_gpt, lab]
# ---

# %% [markdown]
# # Lab 3.3 · Does accuracy jump?
#
# **The claim** (A1, an article on Chinese large models, May 2023). Past a threshold of training, accuracy jumps suddenly: *emergence* (涌现).
#
# Why believe it? In published curves a skill lies at zero for long and then shoots up. Why doubt it? Perhaps only the *measure* jumps: an exam that
# gives nothing for half an answer hides what you already know.
#
# **It counts as shown if**, in both tasks, the share of tokens right and the loss reach 90% of their way in less than twice the steps that 10% took (means of three seeds), and no control reaches 25%.
#
# The loss makes this stricter than the claim. If one task jumps, the grade is *supported only if*, and says how that task differs. We set the bounds after trial runs, and built the tasks to differ, so "both" was never likely.
#
# Most of the debate, like A0 (an interview, 2024), is about a threshold in model *size*, which we do not test.
#
# ## A yardstick for a jump
#
# Take a learner that surely does not jump. Each step closes the same part of the gap that is left: after t steps, p = 1 − exp(−t/100) of its tokens are right. If tokens are right independently of each other, p^16 of its answers of K = 16 tokens are right as a whole.
#
# How many *times* as many steps does 90% of the way take as 10%?


# %% fold="Count the steps from 10% to 90%"
def rise(way: list[float], at: list[int]) -> tuple[float, float]:
    """The steps when `way` (0 to 1) passes 0.1 for good and when it then reaches 0.9."""

    def moment(i: int, level: float) -> float:  # between at[i - 1] and at[i]
        part = (level - way[i - 1]) / (way[i] - way[i - 1])
        return at[i - 1] * (at[i] / at[i - 1]) ** part

    low = max((i for i, share in enumerate(way) if share < 0.1), default=-1)
    high = [i for i, share in enumerate(way) if share >= 0.9 and i > low]
    if not high:
        return at[0], math.inf
    return moment(low + 1, 0.1) if low >= 0 else at[0], moment(high[0], 0.9)


def times(way: list[float], at: list[int]) -> float:
    start, end = rise(way, at)
    return end / start


# %%
K, many = 16, list(range(1, 1000))  # many: steps
smooth = [1 - math.exp(-t / 100) for t in many]
smooth_times = {"tokens": times(smooth, many), "answers": times([p**K for p in smooth], many)}
print({measure: round(value, 1) for measure, value in smooth_times.items()})

# %% [markdown]
# One learner: steady by one measure, nearly a jump by the other. So we take both, and the loss, which notices progress while every token is still wrong.
#
# ## Two tasks for one GPT
#
# Both tasks use lesson 3's GPT, with two layers of one head and D = 32.
#
# **A dictionary** is many facts, none of which helps with another. At each of 512 made-up words the model names the translation. As in real text, few words are frequent: word number r comes up in
# proportion to 1/r. The exam asks for all equally.

# %%
WORDS = 512
translation = torch.randperm(WORDS, generator=torch.Generator().manual_seed(0))


def dictionary(g: torch.Generator, rows: int, exam=False):
    """Words (rows, K), and what to name at each."""
    frequency = torch.ones(WORDS) if exam else 1 / torch.arange(1, WORDS + 1)
    words = torch.multinomial(frequency, rows * K, replacement=True, generator=g).view(rows, K)
    return words, translation[words]


words, names = dictionary(torch.Generator().manual_seed(1), 1)
print(*(f"{word}→{name}" for word, name in zip(words[0, :8].tolist(), names[0])), "...")

# %% [markdown]
# **Copying** is one trick: 8 to 16 different letters in random order, again and again. From the second lap on, the next letter can be known: look up what followed last time. Lesson 3's induction heads (归纳头) do that. Only such letters count.

# %%
LETTERS, T = 26, 32


def copying(g: torch.Generator, rows: int, exam=False):
    """Letters (rows, T), and the next of each (-100: does not count)."""
    order = torch.rand(rows, LETTERS, generator=g).argsort(1)
    length = torch.randint(8, 17, (rows, 1), generator=g)
    letters = order.gather(1, torch.arange(T + 1) % length)
    known = torch.arange(1, T + 1) >= length
    return letters[:, :-1], letters[:, 1:].where(known, -100)


letters, _ = copying(torch.Generator().manual_seed(1), 1)
print("".join(chr(97 + letter) for letter in letters[0].tolist()))

# %% [markdown]
# An exam has 4,000 tokens, in answers of 16. Each measure becomes a share of its way, from ignorant (0) to perfect (1).


# %%
@torch.no_grad()
def look(model: GPT, exam: tuple[Tensor, Tensor], V: int) -> dict[str, float]:
    tokens, targets = exam
    scores, targets = model(tokens)[:, -K:], targets[:, -K:]
    right = scores.argmax(-1) == targets
    loss = F.cross_entropy(scores.flatten(0, 1), targets.flatten()).item()
    return {
        "tokens": (right.float().mean().item() - 1 / V) / (1 - 1 / V),  # 0: guessing
        "loss": 1 - loss / math.log(V),  # 0: all V tokens equally likely
        "answers": right.all(-1).float().mean().item(),
    }


# %% [markdown]
# We look whenever the steps have grown by 8%. After 20 steps of warm-up, the learning rate (学习率) stays constant.


# %%
def learn(draw, rows, V, seed, layers=2, most=800, grow=1.08, also=None):
    """The steps at which we looked, and what we saw."""
    torch.manual_seed(seed)
    model = GPT(V, D=32, layers=layers, H=1).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.0)
    g = torch.Generator().manual_seed(seed)
    exam = [x.to(device) for x in draw(torch.Generator().manual_seed(99), 250, exam=True)]
    at, seen = [], []
    for step in progress(range(1, most + 1), f"{draw.__name__}, seed {seed}"):
        optimizer.param_groups[0]["lr"] = 0.002 * min(1, step / 20)
        tokens, targets = (x.to(device) for x in draw(g, rows))
        optimizer.zero_grad()
        F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten()).backward()
        optimizer.step()
        if step >= (grow * at[-1] if at else 10) or step == most:
            at.append(step)
            seen.append(look(model, exam, V))
            if min(seen[-1].values()) >= 0.95:
                most = step
            if also:
                seen[-1] |= also(model, exam)
        if step >= most:
            break
    return at, {measure: [now[measure] for now in seen] for measure in seen[0]}


# %% fold="Where the two heads look"
def heads(model: GPT, exam: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Attention's weight on the letter before (first head), on the next one's copies (second)."""
    tokens, targets = exam
    first, second = (block.weights[:, 0, -K:] for block in model.blocks)  # (B, K, T)
    before = torch.arange(T - K - 1, T - 1)
    copies = tokens[:, None] == targets[:, -K:, None]
    return {
        "before": first[:, range(K), before].mean().item(),
        "copies": (second * copies).sum(-1).mean().item(),
    }


# %% [markdown]
# **Predict.** For *single tokens*, how many times as many steps does 90% of the way take as 10%: in the dictionary, and in copying?

# %%
guess_dictionary = None  # for instance 4
guess_copying = None  # for instance 4

# %%
TASKS = {"dictionary": (dictionary, 16, WORDS), "copying": (copying, 32, LETTERS)}
runs = {"dictionary": [learn(*TASKS["dictionary"], seed) for seed in SEEDS]}

# %%
runs["copying"] = [learn(*TASKS["copying"], seed, also=heads) for seed in SEEDS]

# %% [markdown]
# **Two controls** for copying, 800 steps each: letters without laps, and a single layer, where no pair of heads can form.


# %%
def no_laps(g: torch.Generator, rows: int, exam=False):
    """Letters at random, each by itself; but the exam has laps."""
    letters, targets = copying(g, rows)
    if exam:
        return letters, targets
    anything = torch.randint(LETTERS, (rows, T + 1), generator=g)
    return anything[:, :-1], anything[:, 1:].where(targets != -100, -100)


CONTROLS = {"no laps": (no_laps, 2), "one layer": (copying, 1)}
controls = {
    name: [learn(draw, 32, LETTERS, seed, layers=layers, grow=1.3) for seed in SEEDS]
    for name, (draw, layers) in CONTROLS.items()
}
reached = {name: [max(seen["tokens"]) for _, seen in three] for name, three in controls.items()}
print({name: spread(best) for name, best in reached.items()})

# %% fold="Draw the three measures"
COLORS = {"tokens": BLUE, "loss": GREEN, "answers": ORANGE}
LABELS = {"tokens": "tokens right", "loss": "loss gone", "answers": "answers of 16 right"}
TITLES = {"dictionary": "Dictionary: many facts", "copying": "Copying: one trick"}
figure, axes = plt.subplots(2, 1, figsize=(8, 6.2), sharex=True, sharey=True)
for axis, (task, three) in zip(axes, runs.items()):
    for seed, (at, seen) in enumerate(three):
        ink = {"linewidth": 1, "alpha": 0.45} if seed else {"linewidth": 2.2}
        for measure, color in COLORS.items():
            line = "--" if measure == "loss" else "-"
            axis.plot(at, seen[measure], line, color=color, **ink)
    at, seen = three[0]
    chance = 1 / TASKS[task][2]
    p = [chance + (1 - chance) * share for share in seen["tokens"]]
    axis.plot(at, [share**K for share in p], "k.", markersize=5)
    axis.set(xscale="log", xlim=(10, 1400), ylim=(-0.07, 1.07), ylabel="share of the way")
    axis.set_title(TITLES[task])
    for y, (measure, color) in zip((0.9, 0.76, 0.62), COLORS.items()):
        axis.text(440, y, LABELS[measure], color=color, fontsize=10)
    axis.text(440, 0.48, "dots: p^16 (thick seed)", fontsize=10)
for (name, three), y in zip(controls.items(), (0.04, 0.2)):
    for at, seen in three:
        axes[1].plot(at, seen["tokens"], ":", color=GREY, linewidth=1.7)
    axes[1].text(440, y, f"control: {name}", color="#555555", va="center", fontsize=10)
axes[1].set_xlabel("training steps, on a log axis")
axes[1].set_xticks([10, 20, 50, 100, 200, 400, 800], "10 20 50 100 200 400 800".split())
axes[1].minorticks_off()
starts = {
    task: [rise(seen["tokens"], at)[0] for at, seen in three] for task, three in runs.items()
}
show(
    figure,
    alt="Dictionary: tokens right climb from the first looks on, the loss after them, whole answers lie at 0 and shoot up at the end, "
    f"on the dots of p to the power 16. Copying: all three lie low and then shoot up together, tokens from step {spread(starts['copying'], '.0f')} on. "
    f"In 800 steps the control with one layer reaches {statistics.mean(reached['one layer']):.2f} of the way for tokens, "
    f"the one without laps {statistics.mean(reached['no laps']):.2f}.",
)

# %%
# "From step 10" is our first look: 10% came earlier still, so the true ratio is larger.
ratios = {
    task: {measure: [times(seen[measure], at) for at, seen in three] for measure in COLORS}
    for task, three in runs.items()
}
for task, by in ratios.items():
    for measure, values in by.items():
        moments = zip(*(rise(seen[measure], at) for at, seen in runs[task]))
        start, end = (statistics.mean(moment) for moment in moments)
        print(f"{task:10} {LABELS[measure]:20} from step {start:3.0f} to {end:3.0f}:", end=" ")
        print(f"{spread(values, '.1f')} times the steps")

# %% fold="Draw how many times the steps"
figure, axis = plt.subplots(figsize=(8, 3.7))
row, ticks = 0, []
guesses = {"dictionary tokens": guess_dictionary, "copying tokens": guess_copying}
everything: dict[str, dict] = {"smooth learner": smooth_times, **ratios}
for task, by in everything.items():
    for measure, values in by.items():
        values = values if isinstance(values, list) else [values]
        axis.plot(
            values, [row] * len(values), "o", color=COLORS[measure], markersize=8, alpha=0.7
        )
        guess = guesses.get(f"{task} {measure}")
        if guess is not None:
            draw_guess(axis, row, at=guess)
        ticks.append((row, f"{task}: {LABELS[measure]}"))
        row += 1
    row += 0.6
axis.axvline(2, color=RED, linestyle="--")
axis.text(
    2.1,
    row - 2.6,
    "left of this line: a jump\n(before the steps double)",
    color=RED,
    va="center",
)
axis.set_yticks(*zip(*ticks))
for label, measure in zip(axis.get_yticklabels(), ["tokens", "answers", *COLORS, *COLORS]):
    label.set_color(COLORS[measure])
axis.set(xscale="log", ylim=(row - 0.9, -1.1), xlim=(1, 40))
axis.set_xticks([1, 2, 5, 10, 20, 40], "1 2 5 10 20 40".split())
axis.minorticks_off()
axis.set_xlabel("times the steps, from 10% to 90% of the way, on a log axis (dots: seeds)")
words = "; ".join(
    f"{task}, {LABELS[measure]}: {spread(values, '.1f')}"
    for task, by in ratios.items()
    for measure, values in by.items()
)
show(
    figure,
    alt=f"Times the steps from 10% to 90% of the way, mean and range of three seeds. {words}.",
)

# %% [markdown]
# A caution: when training also counted letters that nobody can know, copying's tokens took 1.6 to 2.2 times the steps in trials, its loss 1.7 to 2.1: near our line.
#
# Why does copying jump? The first head has to look at the letter *before*; the second, at where the *next* letter stood in earlier laps.

# %% fold="Draw where the heads look"
figure, axis = plt.subplots(figsize=(8, 3.2))
LOOKS = {
    "tokens": (BLUE, "tokens right", 1.0),
    "copies": (PURPLE, "second head: at the\nnext letter's copies", 0.78),
    "before": (RED, "first head: at the\nletter before", 0.48),
}
for at, seen in runs["copying"]:
    for name, (color, _, _) in LOOKS.items():
        axis.plot(at, seen[name], color=color, linewidth=1.7)
right_end = max(at[-1] for at, _ in runs["copying"])
for color, label, y in LOOKS.values():
    axis.text(right_end * 1.05, y, label, color=color, va="center", fontsize=10)
axis.set(xscale="log", xlim=(40, right_end * 2), ylim=(-0.05, 1.08))
axis.set_xticks([50, 100, 200], "50 100 200".split())
axis.minorticks_off()
axis.set(xlabel="training steps, on a log axis", ylabel="share, or weight")
axis.set_title("Copying: both heads form at about the same time (three seeds)")
last = {name: [seen[name][-1] for _, seen in runs["copying"]] for name in LOOKS}
show(
    figure,
    alt="Weight of attention in copying, three seeds: both heads stay flat for long, then rise at about the moment when the tokens right do, the second a little before the first. "
    f"At the end the first gives {spread(last['before'])} to the letter before, the second {spread(last['copies'])} to the next letter's copies.",
)

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# **The dictionary: a jump of the measure.** Each word has its own moment, frequent words early, rare ones late. Many small jumps at different moments add up to a slope. Whole answers see only its last stretch: 10% need p = 0.87, 90% need
# 0.993. The dots, p^16, lie on them. (They are steeper than the smooth learner's: the last rare words come nearly together.)
#
# **Copying: a jump of the model.** The second head is of use only if the first notes, at each letter, which one came before. That note is worth nothing until the second head reads it. So for long, little gets better. Then each head makes the other
# more useful. They serve *all* letters, so all three measures rise together. (That the heads need each other we infer: with one layer, nothing jumps.)
#
# **Not from nothing.** Before the jump, the model has begun to guess among the letters of this row.
#
# </details>
#
# **Check yourself.** Test answers have 30 words each. In training, the share right leaps from 2% to 80%. How do you find out whether the model leapt?
#
# - <details><summary>Look at single words and at the loss.</summary> Right. If they climb steadily, the exam made the leap.</details>
# - <details><summary>Ask for longer answers.</summary> Then it comes later and is steeper, whether or not the model leapt.</details>
# - <details><summary>Train more seeds.</summary> They show how surely it leaps, by the same measure.</details>
#
# ## The answer

# %%
mean = {
    task: {measure: statistics.mean(values) for measure, values in by.items()}
    for task, by in ratios.items()
}
jumps = {task: by["tokens"] < 2 and by["loss"] < 2 for task, by in mean.items()}
best = max(max(shares) for shares in reached.values())
print("jumps:", jumps, f"  best control: {best:.2f}")
DIFFERS = {
    "copying": "the skill is one mechanism, as in copying",
    "dictionary": "the skill is many facts, as in a dictionary",
}
if best >= 0.25 or not any(jumps.values()):
    grade = NOT_SUPPORTED
elif all(jumps.values()):
    grade = SUPPORTED
else:
    grade = only_if(DIFFERS["copying" if jumps["copying"] else "dictionary"])
answer(
    "3.3",
    f"From 10% to 90% of single tokens right, a tiny GPT needs {mean['dictionary']['tokens']:.0f} times the training "
    f"steps in a dictionary (whole answers: {mean['dictionary']['answers']:.1f}), but {mean['copying']['tokens']:.1f} times in copying, whose "
    f"loss jumps, too. Model size was not tested.",
    grade,
)

# %% [markdown]
# **What could still be wrong.** "One mechanism" rests on one skill, and the tasks differ in more. In trials with equally frequent words, the dictionary's tokens still took 14 times the steps; with 26 words and copying's number of tokens a step, its loss
# took 6 times. Waiting helps to make a jump: copying's 53 steps, begun at step 20, would be about 3.7 times.
#
# **What the literature measured.** Wei et al. (2022, arXiv 2206.07682) collected skills that only large models have. Schaeffer et al. (2023, arXiv 2304.15004) found over 92% of those in the tests of BIG-Bench under
# two all-or-nothing measures. Olsson et al. (2022, arXiv 2209.11895) saw induction heads form abruptly in all their models of two or more layers. Du et al. (2024, arXiv 2403.15796) found skills that wait for a threshold of the training loss, with smooth measures, too.
