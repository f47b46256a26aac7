# ---
# jupyter:
#   course:
#     title: "Lab 3.9: is hallucination also imagination?"
#     claim: "3.9"
#     summary: Let a tiny GPT write about people it knows and people it does not, and see whether new stories and false facts can be had apart.
#     minutes: 25
#     carries: [torch, figures, progress, statistics, attention, tiny_gpt, lab]
# ---

# %% [markdown]
# # Lab 3.9 · Is hallucination also imagination?
#
# **The claim** (A4, a panel of six model makers, April 2024). Hallucination (幻觉) is also imagination (想象力): the mechanism that errs is the one that creates.
#
# Why believe it? A new story and a false fact come about in the same way: the model draws a likely next word. Why doubt it? Some setting may bring one without the other.
#
# **It counts as shown if**, in every seed, temperature 1 writes at least 10 points more new stories, and 10 more false facts, than first choices, and
# no setting keeps on average three quarters of the new with at most half the false.
#
# We ask this of three groups of people. If it holds for some only, the grade is *supported only if*. We settled the rule after trial runs: at first
# each repeat of a falsehood counted, but a new story only once. Now both count once. The grade hangs on this; see the end.
#
# ## A world where truth can be looked up
#
# Every sentence of our small world looks like this:
#
# > Bana from Arden met Celi at the market one evening and bought apples .
#
# The town is a **fact**: each person has one. Friend, place, time and thing are **free**: any choice is sensible. Each group has
# fifteen people:
#
# - **told:** 16 sentences each, always with the right town;
# - **disputed:** 16 sentences each, but four name a wrong town, always the same one;
# - **never told:** they appear only as somebody's friend, so their town stands nowhere.

# %% fold="The words"
import random
from functools import partial

SYLLABLES = "Ba Ce Di Fo Gu Ha Je Ki Lo Mu Na Pe Ri So Tu".split()
PEOPLE = [first + last for first in SYLLABLES for last in ("na", "ro", "li")]
TOWNS = "Arden Brill Corvo Delft Eskar Fenby Gorin Hales Ister Jarrow Kelso Lorne".split()
PLACES = "market harbour fair mill station castle bridge square".split()
THINGS = "bread shoes apples books flowers fish candles paper".split()
# One sentence: for each position, the words that may stand there.
PATTERN = [PEOPLE, ["from"], TOWNS, ["met"], PEOPLE, ["at"], ["the"], PLACES, ["one"]]
PATTERN += [["evening", "morning"], ["and"], ["bought"], THINGS, ["."]]
TOWN, FREE = 2, {4: "friend", 7: "place", 9: "time", 12: "thing"}

WORDS = sorted({word for options in PATTERN for word in options})
NUMBER = {word: i for i, word in enumerate(WORDS)}
FITS = torch.zeros(len(PATTERN), len(WORDS), dtype=torch.bool)
for position, options in enumerate(PATTERN):
    FITS[position, [NUMBER[word] for word in options]] = True


# %%
GROUPS = ("told", "disputed", "never told")


def make_world(seed: int) -> dict[str, tuple[str, str, str]]:
    """For each person: group, town, and a wrong town (only the disputed use it)."""
    r = random.Random(seed)
    people = r.sample(PEOPLE, len(PEOPLE))
    return {name: (GROUPS[i // 15], *r.sample(TOWNS, 2)) for i, name in enumerate(people)}


def make_sentence(name: str, town: str, r: random.Random) -> list[int]:
    words = [options[0] for options in PATTERN]
    words[0], words[TOWN] = name, town
    for position, what in FREE.items():
        if what == "friend":
            words[position] = r.choice([other for other in PEOPLE if other != name])
        else:  # the first word is the most popular
            popular = [1 / rank for rank in range(1, len(PATTERN[position]) + 1)]
            words[position] = r.choices(PATTERN[position], popular)[0]
    return [NUMBER[word] for word in words]


# %%
def make_text(world: dict, seed: int, nothing_to_know: bool = False) -> Tensor:
    """(sentences, 14) tokens. With nothing to know, each sentence names any town."""
    r, rows = random.Random(seed), []
    for name, (group, town, wrong) in world.items():
        for telling in range(0 if group == "never told" else 16):
            says = wrong if group == "disputed" and telling % 4 == 0 else town
            says = r.choice(TOWNS) if nothing_to_know else says
            rows.append(make_sentence(name, says, r))
    return torch.tensor(rows)


worlds = [make_world(seed) for seed in SEEDS]
texts = [make_text(world, seed) for world, seed in zip(worlds, SEEDS)]
print(f"{len(texts[0])} sentences, {len(WORDS)} different words; two of the sentences:")
for row in texts[0][:2].tolist():
    print(" ".join(WORDS[token] for token in row))

# %% [markdown]
# Lesson 3's GPT learns this text; each word is a token. Each seed has its own world.


# %%
def learn(text: Tensor, seed: int) -> GPT:
    torch.manual_seed(seed)
    model = GPT(len(WORDS)).to(device)
    train(model, lambda: text[torch.randint(len(text), (48,))], steps=180)
    return model


models = [learn(text, seed) for text, seed in zip(progress(texts, "training"), SEEDS)]

# %% [markdown]
# ## The knobs
#
# Beside **temperature** (0 means first choices only) and **top-p** we try two settings made to refute the claim:
#
# - **draw where unsure:** the model draws only where it is unsure by more than 1 or 1.5 bits. A fair coin has 1 bit.
# - **town first:** the town is the first choice; everything else is drawn at temperature 1.


# %%
def bits(scores: Tensor) -> Tensor:
    """How unsure: the entropy of the next word, (B, V) -> (B,)."""
    return torch.special.entr(scores.softmax(-1)).sum(-1) / math.log(2)


def choose(scores, position, dice, temperature=1.0, top_p=1.0, unsure=0.0, town_first=False):
    """(B, V) -> the next word, (B, 1)."""
    p, words = (scores / max(temperature, 1e-3)).softmax(-1).sort(-1, descending=True)
    p = torch.where(p.cumsum(-1) - p < top_p, p, 0.0)
    drawn = words.gather(1, torch.multinomial(p, 1, generator=dice))
    keep_first = (bits(scores) < unsure) | (town_first and position == TOWN)
    return torch.where(keep_first[:, None], words[:, :1], drawn)


# %% [markdown]
# The model finishes "Bana from", eight times for each person. The sentence has
#
# - a **new story** if this person never stood in the text with these four free words;
# - a **false fact** if the town is not the person's.
#
# It can have both. A sentence that breaks the pattern has neither. First choices write the same sentence eight times; a repeat
# does not count, so they reach at most 1 in 8.


# %%
def is_true(rows: Tensor, world: dict) -> Tensor:
    """Is the town the person's?"""
    pairs = rows[:, [0, TOWN]].tolist()
    return torch.tensor([WORDS[town] == world[WORDS[name]][1] for name, town in pairs])


def is_unread(rows: Tensor, text: Tensor) -> Tensor:
    """Is the story, a person with four free words, not in the text?"""
    read = {tuple(story) for story in text[:, [0, *FREE]].tolist()}
    return torch.tensor([tuple(story) not in read for story in rows[:, [0, *FREE]].tolist()])


def judge(rows: Tensor, world: dict, text: Tensor) -> Tensor:
    """(sentences, 3): does it count as a new story, as a false fact; is it broken?"""
    said, first_time = set(), []
    for row in map(tuple, rows.tolist()):
        first_time.append(row not in said)
        said.add(row)
    broken = ~FITS[torch.arange(len(PATTERN)), rows].all(dim=1)
    counts = torch.tensor(first_time) & ~broken
    new, false = counts & is_unread(rows, text), counts & ~is_true(rows, world)
    return torch.stack([new, false, broken], dim=1)


# %% [markdown]
# **Predict.** Take the people who were *never told*, and the setting *town first*. What share of the sentences has a
# false fact? (There are 12 towns.)

# %%
guess_false = None  # for instance 0.3

# %% fold="Let the models write about everybody, with every setting"
TRIES = 8
SETTINGS = {f"temperature {t:g}": {"temperature": t} for t in (0, 0.3, 0.5, 0.7, 1, 1.5)}
SETTINGS |= {f"top-p {p:g}": {"top_p": p} for p in (0.5, 0.7, 0.9)}
SETTINGS |= {f"unsure over {h:g} bits": {"unsure": h} for h in (1, 1.5)}
SETTINGS |= {"town first": {"town_first": True}}


@torch.no_grad()
def write(model, world: dict, tries: int, pick) -> Tensor:
    """Sentences about everybody, each begun with "Bana from"."""
    rows = torch.tensor([[NUMBER[name], NUMBER["from"]] for name in world]).repeat(tries, 1)
    while rows.shape[1] < len(PATTERN):
        scores = model(rows.to(device))[:, -1].cpu()
        rows = torch.cat([rows, pick(scores, rows.shape[1])], dim=1)
    return rows


def by_group(values: Tensor, world: dict) -> dict[str, list[float]]:
    """(sentences, ...) -> the mean over the sentences about each group."""
    groups = [group for group, *_ in world.values()] * TRIES
    chosen = {group: torch.tensor([of == group for of in groups]) for group in GROUPS}
    return {group: values[of].float().mean(dim=0).tolist() for group, of in chosen.items()}


def shares(model, seed: int, settings: dict) -> dict[str, list[float]]:
    """For each group: the shares of new stories, of false facts, of broken sentences."""
    dice = torch.Generator().manual_seed(seed)
    rows = write(model, worlds[seed], TRIES, partial(choose, dice=dice, **settings))
    return by_group(judge(rows, worlds[seed], texts[seed]), worlds[seed])


def every_seed(models, name: str) -> dict[str, list[tuple[float, ...]]]:
    """For each group: new, false and broken, each a number for each seed."""
    runs = [shares(model, seed, SETTINGS[name]) for model, seed in zip(models, SEEDS)]
    return {group: list(zip(*(run[group] for run in runs))) for group in GROUPS}


def show_shares(title: str, by: dict) -> None:
    print(title)
    for group, kinds in by.items():
        new, false, broken = map(spread, kinds)
        print(f"  {group:11} new {new:20} false {false:20} broken {broken}")


measured = {name: every_seed(models, name) for name in progress(SETTINGS, "writing")}
mean = {
    (name, group): [statistics.mean(kind) for kind in kinds]
    for name, by in measured.items()
    for group, kinds in by.items()
}
for name in ("temperature 0", "temperature 1", "unsure over 1.5 bits", "town first"):
    show_shares(name, measured[name])

# %% fold="Draw what the new costs"
FORMS = {
    "temperature": ("temperature", BLUE, "o-"),
    "top-p": ("top-p", GREEN, "s--"),
    "unsure": ("draw where unsure", PURPLE, "^:"),
    "town": ("town first", ORANGE, "D"),
}
figure, axes = plt.subplots(1, 3, figsize=(8, 3.6), sharex=True, sharey=True)
for axis, group in zip(axes, GROUPS):
    new_1, false_1, _ = mean["temperature 1", group]
    corner = plt.Rectangle((0.75 * new_1, -0.06), 1, false_1 / 2 + 0.06, color=GREY, alpha=0.25)
    axis.add_patch(corner)
    for kind, (label, color, form) in FORMS.items():
        points = [mean[name, group][:2] for name in SETTINGS if name.startswith(kind)]
        axis.plot(*zip(*points), form, color=color, markersize=6, label=label)
    for t in (0, 1):
        at, shift = mean[f"temperature {t}", group][:2], (-12, 6)
        axis.annotate(f"{t}", at, xytext=shift, textcoords="offset points", color=BLUE)
    axis.set(title=group, xlim=(0, 1.05), ylim=(-0.06, 1.05))
axes[0].set_ylabel("share with a false fact")
axes[1].set_xlabel("share with a new story")
draw_guess(axes[2], guess_false)
handles = axes[0].get_legend_handles_labels()
figure.legend(*handles, loc="outside lower center", ncols=4, frameon=False)
words = "; ".join(
    f"{group}: "
    + ", ".join(
        f"{name} {mean[name, group][0]:.2f}, {mean[name, group][1]:.2f}" for name in SETTINGS
    )
    for group in GROUPS
)
show(
    figure,
    alt="Share of sentences with a new story, and with a false fact, mean of three seeds. "
    + words
    + ".",
)

# %% [markdown]
# Each point is a setting; blue numbers are temperatures. A point in the grey corner refutes the claim for its group.
#
# ## One single draw
#
# Now the model takes first choices, but draws **one** word. A drawn town can make a false fact; a drawn free word, a new
# story. We count a draw only if it differs from the first choice, and note how unsure the model was just before. The control has
# **nothing to know**: each sentence of its text names a random town.

# %%
blank_texts = [
    make_text(world, seed, nothing_to_know=True) for world, seed in zip(worlds, SEEDS)
]
blank = [learn(text, seed) for text, seed in zip(progress(blank_texts, "training"), SEEDS)]


# %%
def one_draw(model, seed: int, at: int) -> dict[str, list[float]]:
    """For each group: bits before the draw at `at`; share of draws that made new or false."""
    world, unsure, dice = worlds[seed], [], torch.Generator().manual_seed(seed)

    def pick(scores: Tensor, position: int) -> Tensor:
        if position == at:
            unsure.append(bits(scores))
        return choose(scores, position, dice, temperature=float(position == at))

    first = write(model, world, 1, partial(choose, dice=dice, temperature=0))
    drawn = write(model, world, TRIES, pick)
    made = is_unread(drawn, texts[seed]) if at in FREE else ~is_true(drawn, world)
    other = drawn[:, at] != first[:, at].repeat(TRIES)  # so the draw has made it
    fits = FITS[at, drawn[:, at]]
    return by_group(torch.stack([unsure[0], made & other & fits], dim=1), world)


# %% fold="One draw at each place"
draws = {
    at: [one_draw(model, seed, at) for model, seed in zip(models, SEEDS)]
    for at in progress((TOWN, *FREE), "one draw")
}
control = [one_draw(model, seed, TOWN)["told"] for model, seed in zip(blank, SEEDS)]
town_bits = {group: [run[group][0] for run in draws[TOWN]] for group in GROUPS}
town_bits["nothing to know"] = [run[0] for run in control]
for group, unsure in town_bits.items():
    print(f"unsure about the town, {group:15} {spread(unsure, '.1f')} bits")

# %% fold="Draw what one draw makes"
figure, axis = plt.subplots(figsize=(8, 4))
named = {f"town, {group}": (RED, [run[group] for run in draws[TOWN]]) for group in GROUPS}
named["town, nothing to know"] = (GREY, control)
for at, what in FREE.items():
    named[what] = (BLUE, [run["told"] for run in draws[at]])
for what, (color, runs) in named.items():
    x, y = (statistics.mean(values) for values in zip(*runs))
    axis.plot(*zip(*runs), ".", color=color, markersize=6, alpha=0.6)
    axis.plot(x, y, "D" if "town" in what else "o", color=color, markersize=9)
    shift, side = ((-12, 6), "right") if what in FREE.values() else ((12, -15), "left")
    axis.annotate(what, (x, y), xytext=shift, textcoords="offset points", color=color, ha=side)
axis.set(xlabel="how unsure the model is before the draw, in bits", xlim=(-0.4, 6))
axis.set(ylabel="share of draws that make one", ylim=(-0.1, 1))
axis.set_title("One draw makes a false fact (diamonds) or a new story (circles)")
words = "; ".join(
    "{}: {:.1f} bits, {:.2f}".format(what, *(statistics.mean(v) for v in zip(*runs)))
    for what, (_, runs) in named.items()
)
show(
    figure,
    alt="How unsure the model is about a word, and how often one draw there makes a false "
    f"fact (town) or a new story (other words), mean of three seeds. {words}.",
)

# %% [markdown]
# Small dots are single seeds. Now the control again, asked as before, and a model that counts what follows two words:


# %% fold="Ask the controls"
class Counting:
    """Scores for the next word from counts after the last two words, or else after the last."""

    def __init__(self, text: Tensor):
        V = len(WORDS)
        self.two, self.one = torch.zeros(V, V, V), torch.zeros(V, V)
        for a, b, c in text.unfold(1, 3, 1).flatten(0, 1).tolist():
            self.two[a, b, c] += 1
            self.one[b, c] += 1

    def __call__(self, rows: Tensor) -> Tensor:
        a, b = rows[:, -2].cpu(), rows[:, -1].cpu()
        counts, fewer = self.two[a, b], self.one[b]
        return torch.where(counts.sum(-1, keepdim=True) > 0, counts, fewer).log()[:, None]


blank_shares = every_seed(blank, "temperature 1")
show_shares("nothing to know, temperature 1", blank_shares)
counted = every_seed([Counting(text) for text in texts], "temperature 1")
show_shares("counting, temperature 1", counted)

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# **Told.** One town is far ahead, while many free words lie close together. Any mild setting drops the weak candidates.
#
# **Disputed.** Temperature 1 repeats the wrong town nearly as often as the text. So the knob does bring both. But the first choice is mostly right: drawing only
# where the choice is wide removes nearly all errors.
#
# **Never told.** The first choice is as false as any other. Only silence would help. With nothing to know, *all* groups
# look like this.
#
# **One draw.** Facts and free words lie near one rising line: the less sure the model, the more often a draw changes something. Only the world decides
# whether that is a story or a falsehood. In this sense it is one mechanism. And doubt does not tell the two apart: a disputed town is as open as
# evening or morning, and about the never told the model is far too sure.
#
# **Counting** gives the same picture: it needs no GPT.
#
# </details>
#
# **Check yourself.** You want a story set in a village that the model never read of. Which setting makes it inventive, with true facts?
#
# - <details><summary>Temperature 0 for facts, 1 for the story</summary> That is *town first*. Where nothing was read, the first choice is false too.</details>
# - <details><summary>A low top-p</summary> It drops unlikely words. The false ones are among the likeliest.</details>
# - <details><summary>None: the facts must come from elsewhere</summary> Right: from the prompt, for instance (lesson 5).</details>
#
# ## The answer


# %%
def both_rise(group: str) -> bool:
    first, drawn = measured["temperature 0"][group], measured["temperature 1"][group]
    return all(
        more >= less + 0.1
        for kind in (0, 1)  # new, false
        for less, more in zip(first[kind], drawn[kind])
    )


def parted_by(group: str) -> list[str]:
    """The settings with three quarters of the new and at most half of the false."""
    new, false, _ = mean["temperature 1", group]
    at = {name: mean[name, group] for name in SETTINGS}
    return [name for name, (n, f, _) in at.items() if n >= 0.75 * new and f <= false / 2]


for group in GROUPS:
    settings = ", ".join(parted_by(group)) or "no setting"
    print(f"{group}: both rise: {both_rise(group)}; parted by {settings}")
every_repeat = TRIES * mean["temperature 0", "never told"][1]  # all eight are the same
print(f"first choices about the never told, each repeat counted: {every_repeat:.0%} false")

# %%
held = [group for group in GROUPS if both_rise(group) and not parted_by(group)]
if len(held) == len(GROUPS):
    grade = SUPPORTED
elif held == ["never told"]:
    grade = only_if("the model never read the fact")
else:
    grade = only_if(f"the fact is {' or '.join(held)}") if held else NOT_SUPPORTED
(new, good, _), (_, bad, _) = (mean["town first", group] for group in ("told", "never told"))
answer(
    "3.9",
    f"A tiny GPT that draws every word but the fact writes {new:.0%} new stories, with {good:.0%} "
    f"false facts, where it had read the fact. Where it had not, {bad:.0%} are false, and "
    f"{'a' if parted_by('never told') else 'no'} setting parts new from false.",
    grade,
)

# %% [markdown]
# **What could still be wrong.** If every repeat of a falsehood counts, false facts do not rise for the never told, and the grade becomes *not supported here*. That no setting
# helps them was certain beforehand: each must guess a town. Our stories only recombine known words. And 1.5 bits works only because most free words leave a wider choice than a dispute.
#
# **What the literature measured.** Kalai and Vempala (2023, arXiv 2311.14648) prove that a calibrated model must invent facts, about as often as facts stand only once in its text.
# Peeperkorn et al. (2024, arXiv 2405.00492) found temperature only weakly tied to the novelty of stories.
