# ---
# jupyter:
#   course:
#     title: "Lab 3.1: what comes with predicting the next token?"
#     claim: "3.1"
#     summary: Train a tiny GPT on letters and their answers, watch which abilities come as its loss falls, and which ones just outside its text do not.
#     minutes: 20
#     carries: [torch, figures, progress, statistics, attention, tiny_gpt, letters, lab]
# ---

# %% [markdown]
# # Lab 3.1 · What comes with predicting the next token?
#
# **The claim** (A0, an interview by Tianyi Think Tank, 2024; A4, a panel of six model makers, April 2024). Large models are mostly Transformers trained to predict the next token. A model that predicts it well enough is close to general intelligence (通用人工智能).
#
# Why believe it? To predict an answer, you must understand the question. Why doubt it? Perhaps a model learns only what its *text* asks for: what helps to predict that text.
#
# A tiny model shows nothing about general intelligence. We test a smaller step: do abilities come that nobody trained for separately?
#
# **It counts as shown if**, in every seed, a model trained on letters and their answers gets each of four parts of new answers right over two thirds of the time, and one trained on unrelated answers under one third.
#
# Even if shown, this step gives the claim only the grade *not testable at this size*. If not, *not supported here*. We chose the bounds, the training and the six abilities below after trial runs (90% and more; control at most 17%). Failing would surprise us.
#
# ## The text
#
# We use lesson 3's letters. Their names are made up, and those in the test are new. Below is a letter with its answer, then the **control**: a letter with the answer to a different one.

# %% fold="Write the letters"
import random

writer, stranger = Writer(0), Writer(0)
letters = [writer.letter() for _ in range(10_000)]
unrelated = [stranger.letter(related=False) for _ in range(10_000)]
tokenizer = letter_tokenizer(letters)
V = tokenizer.get_vocab_size()
known_names = writer.names | stranger.names
tester, other_tester = Writer(1, known_names), Writer(1, known_names)
new_letters = [tester.letter() for _ in range(200)]
new_unrelated = [other_tester.letter(related=False) for _ in range(200)]

# %%
print(letters[0].text + letters[0].answer)
print("------- the control: an answer to some other letter\n")
print(unrelated[1].text + unrelated[1].answer)

# %% [markdown]
# To predict the upper answer, you must **greet** the writer by a name never seen before, **answer the news** (ten possible replies) and **the question** (six), and **sign** with the name of the person who got the letter. The loss names none of this, only the next token.
#
# ## Six abilities that the text never asks for
#
# You could answer these letters, too. The training text has none like them:
#
# - **The question comes first**, then the news. Are both answered?
# - **The signature stands on top** of the letter. Is the writer greeted?
# - **Backwards.** Rain was answered with "Do take an umbrella". Now the letter says this. Is it answered with the rain?
# - **Real names**, such as Anna (of 30, only Simon occurs in training, by chance). Is the writer greeted?
# - **The name once.** The news comes without the name. Are greeting and signature right?
# - **Namesakes.** Writer and reader share a name. Are greeting and signature right?
#
# Below, `mark` puts bars around what has to be right.

# %%
ANSWER = "Dear {y},\n{to_news}, {y}. {to_question}\nYours, {x}\n\n\n"
GREETING, NEWS_REPLY, REPLY, SIGNATURE = "{y},", "{to_news}", "{to_question}", "{x}\n\n\n"


def mark(*parts: str) -> str:
    """The answer, with bars around these parts."""
    marked = ANSWER
    for part in parts:
        marked = marked.replace(part, f"|{part}|", 1)
    return marked


# %%
ASKED = ["greets the writer", "answers the news", "answers the question", "signs"]
USUAL = "Dear {x},\n{news}, {x}. {question}\nYours, {y}\n\n"
TOP = "Yours, {y}\n\nDear {x},\n{news}, {x}. {question}\n\n"
FORMS = {
    "asked": USUAL + mark(GREETING, NEWS_REPLY, REPLY, SIGNATURE),
    "question first": "Dear {x},\n{question} {news}, {x}.\nYours, {y}\n\n"
    + mark(NEWS_REPLY, REPLY),
    "signature on top": TOP + mark(GREETING),
    "backwards": USUAL.replace("{news}", "{to_news}")
    + mark(NEWS_REPLY).replace("{to_news}", "{news}"),
    "real names": USUAL + mark(GREETING),
    "the name once": USUAL.replace(", {x}.", ".") + mark(GREETING, SIGNATURE),
    "namesakes": USUAL + mark(GREETING, SIGNATURE),
}
NOT_ASKED = list(FORMS)[1:]

# %% fold="Fill the forms, turn them into tokens"
PEOPLE = """Anna Peter Maria Thomas Laura Simon Emma Oscar Clara Felix Nina Victor Helen Martin
Julia Robert Alice Daniel Sarah Bruno Irene Hugo Eva Leon Vera Max Tom Kate Rosa Jonas""".split()
said = dict(reversed(line.split("|")) for line in (NEWS + "\n" + QUESTIONS).splitlines())


def fill(form: str, letter: Letter, names: tuple[str, str] | None = None) -> str:
    x, y, to_news, to_question = letter.facts
    x, y = names or (x, y)
    replies = {"to_news": to_news, "to_question": to_question}
    return form.format(x=x, y=y, news=said[to_news], question=said[to_question], **replies)


class Exam(NamedTuple):
    tokens: Tensor  # (B, T), padded with -1
    parts: Tensor  # (B, T): 1, 3, 5, ... between bars, else an even number
    characters: int


def exam(texts: list[str]) -> Exam:
    """Texts with bars, as tokens; a token belongs where its last character stands."""
    rows, parts, characters = [], [], 0
    for text in texts:
        pieces = text.split("|")
        of_character = [i for i, piece in enumerate(pieces) for _ in piece]
        coded = tokenizer.encode("".join(pieces))
        rows.append(torch.tensor(coded.ids))
        parts.append(torch.tensor([of_character[end - 1] for _, end in coded.offsets]))
        characters += len(of_character)
    pad = nn.utils.rnn.pad_sequence
    rows, parts = pad(rows, True, -1).to(device), pad(parts, True, 0).to(device)
    return Exam(rows, parts, characters)


chance = random.Random(0)
couples = [tuple(chance.sample(PEOPLE, 2)) for _ in new_letters]


def names_in(form: str, letter: Letter, couple: tuple[str, str]) -> tuple[str, str] | None:
    if form == "real names":
        return couple
    return (letter.facts[0], letter.facts[0]) if form == "namesakes" else None


EXAMS = {
    name: exam([fill(form, a, names_in(name, a, b)) for a, b in zip(new_letters, couples)])
    for name, form in FORMS.items()
}

# %% [markdown]
# **How we test.** The model reads the letter with the right answer. A part counts if the model finds each of its tokens likeliest in its place. So no slip spoils the next part.


# %%
@torch.no_grad()
def take(model: GPT, test: Exam) -> Tensor:
    """(B, parts): 1 where every token of a part is the likeliest, given the right ones before."""
    tokens, part = test.tokens.clamp(min=0), test.parts[:, 1:]
    wrong = model(tokens[:, :-1]).argmax(-1) != tokens[:, 1:]
    marked = range(1, int(part.max()) + 1, 2)
    return torch.stack([~(wrong & (part == p)).any(dim=1) for p in marked], dim=1).float()


@torch.no_grad()
def bits(model: GPT, test: Exam) -> float:
    """The loss on new text, in bits a character."""
    scores, targets = model(test.tokens[:, :-1].clamp(min=0)), test.tokens[:, 1:]
    nats = F.cross_entropy(
        scores.flatten(0, 1), targets.flatten(), ignore_index=-1, reduction="sum"
    )
    return nats.item() / math.log(2) / test.characters


def all_shares(model: GPT) -> dict[str, float]:
    """The share of new letters that is right, for each of the ten abilities."""
    shares = dict(zip(ASKED, take(model, EXAMS["asked"]).mean(dim=0).tolist()))
    return shares | {
        name: take(model, EXAMS[name]).amin(dim=1).mean().item() for name in NOT_ASKED
    }


# %% [markdown]
# ## Train both
#
# The model is lesson 3's GPT with two layers, trained on 16 letters a batch for 500 steps. We made the text, so we know how many bits
# even a perfect predictor needs: the **floor** (下限). We count the loss on new text from there.
#
# **Predict.** After training, both replies are right for nearly all usual letters. Now the question comes first (the answer keeps its order). In what share are *both* right?

# %%
guess_question_first = None  # for instance 0.6

# %% fold="Train, and note loss and shares on the way"
MOMENTS = (25, 50, 75, 100, 150, 200, 250, 300, 400, 500)
FEW = 60  # letters that are tested on the way; at the end all 200


def learn(texts: list[str], seed: int, steps: int = 500, own_test: Exam | None = None):
    """The model, and (step, bits a character, shares of the four parts) at each moment."""
    coded = [one.ids for one in tokenizer.encode_batch(texts)]
    sizes = torch.tensor([len(one) for one in coded])
    ids, starts = torch.tensor(sum(coded, [])), (sizes.cumsum(0) - sizes)[:-3]
    torch.manual_seed(seed)
    model, generator = GPT(V, layers=2).to(device), torch.Generator().manual_seed(seed)
    moments, bar = [], progress(range(steps), "train")

    def draw() -> Tensor:  # 16 windows of 65 tokens, each from the beginning of a letter
        picks = starts[torch.randint(len(starts), (16, 1), generator=generator)]
        return ids[picks + torch.arange(65)]

    def note(step: int, loss: float) -> None:
        bar.update()
        if own_test and step in MOMENTS:
            shares = take(model, some).mean(dim=0).tolist()
            moments.append((step, bits(model, own_test), shares))

    some = Exam(EXAMS["asked"][0][:FEW], EXAMS["asked"][1][:FEW], 0)
    train(model, draw, steps, rate=0.015, after=note)
    bar.close()
    return model, moments


def whole(some: list[Letter]) -> list[str]:
    return [letter.text + letter.answer for letter in some]


# %%
own_test = exam(whole(new_letters[:FEW]))
model, moments = learn(whole(letters), seed=0, own_test=own_test)

# %%
control_test = exam(whole(new_unrelated[:FEW]))
control, control_moments = learn(whole(unrelated), seed=0, own_test=control_test)

# %% fold="Draw loss and abilities"
BENDS = dict(zip(ASKED, (ORANGE, RED, PURPLE, "black")))


def above_floor(rows: list, by: Writer, test: Exam) -> list[float]:
    """How many bits a character a model loses to a perfect predictor, at each moment."""
    floor = by.bits / len(new_letters) * len(test.tokens) / test.characters
    return [loss - floor for _, loss, _ in rows]


PANELS = {
    "Trained on answers to the letter": (moments, above_floor(moments, tester, own_test)),
    "Control: on unrelated answers": (
        control_moments,
        above_floor(control_moments, other_tester, control_test),
    ),
}
figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), sharex=True, sharey=True)
for axis, (title, (rows, losses)) in zip(panels, PANELS.items()):
    for i, (ability, color) in enumerate(BENDS.items()):
        shares = [shares[i] for _, _, shares in rows]
        axis.plot(losses, shares, "o-", color=color, markersize=4, label=ability)
    axis.set_title(title)
    axis.set(xscale="log", ylim=(-0.05, 1.05))
    axis.set_xticks([1, 0.3, 0.1, 0.03], ["1", "0.3", "0.1", "0.03"])
    axis.minorticks_off()
panels[0].invert_xaxis()  # training goes to the right
panels[0].set_ylabel("share of new letters right")
panels[1].legend(loc="center left", bbox_to_anchor=(0.02, 0.65), fontsize=10, frameon=False)
figure.supxlabel(
    "loss above the floor, bits a character (training goes to the right)", fontsize=10
)
words = ". ".join(
    f"{title}: the loss falls from {losses[0]:.2f} to {losses[-1]:.2f} bits a character above the floor; "
    + ", ".join(f"{ability} {share:.2f}" for ability, share in zip(ASKED, rows[-1][2]))
    + " at the end"
    for title, (rows, losses) in PANELS.items()
)
show(figure, alt=f"Share of each ability against the loss on new text, one seed. {words}.")

# %% [markdown]
# Each dot is a moment. Replies come first, names last. The control's loss also falls nearly to its floor. But its replies are lucky guesses, one in ten or six, and its names stay at 0.
#
# ## Three seeds, and a text that asks for more
#
# Is the model just too small for the other six? We also trained on a **mixed** text: a quarter each of usual letters, question first, signature on top, and
# backwards. This took 1,000 steps. These runs and the other seeds are stored.

# %% fold="The stored runs"
# Made by all_shares(learn(texts, seed)[0]), with steps=1000 for "mixed": three minutes on one core. The mixed text:
# dice = random.Random(0); [fill(FORMS[dice.choice(list(FORMS)[:4])], l).replace("|", "") for l in letters]
# In each row the four abilities of ASKED, then the six of NOT_ASKED; a row for each seed.
STORED = {
    "own answers": [
        [0.97, 1.0, 0.995, 0.885, 0.025, 0.0, 0.025, 0.355, 0.255, 0.88],
        [0.98, 1.0, 1.0, 0.93, 0.11, 0.0, 0.0, 0.395, 0.46, 0.935],
    ],
    "unrelated": [
        [0.0, 0.12, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.09, 0.185, 0.0, 0.005, 0.0, 0.0, 0.0, 0.0, 0.0],
    ],
    "mixed": [
        [0.965, 1.0, 1.0, 0.93, 1.0, 0.875, 1.0, 0.425, 0.4, 0.94],
        [0.945, 1.0, 1.0, 0.895, 1.0, 0.8, 1.0, 0.38, 0.195, 0.9],
        [0.985, 1.0, 1.0, 0.9, 1.0, 0.805, 1.0, 0.35, 0.375, 0.915],
    ],
}

# %%
live = {"own answers": all_shares(model), "unrelated": all_shares(control), "mixed": None}
results = {}
for arm, first in live.items():
    runs = ([list(first.values())] if first else []) + STORED[arm]
    results[arm] = dict(zip(ASKED + NOT_ASKED, zip(*runs)))
print(f"{'share right, three seeds':20}", *(f"{arm:22}" for arm in results))
for ability in ASKED + NOT_ASKED:
    print(f"{ability:24}", *(f"{spread(results[arm][ability]):22}" for arm in results))

# %% fold="Draw all ten abilities"
INK = {"own answers": BLUE, "unrelated": GREY, "mixed": GREEN}
NAMES = {"own answers": "answers to the letter", "unrelated": "control: unrelated answers"}
NAMES["mixed"] = "mixed text: asks for three more"
figure, axis = plt.subplots(figsize=(9, 6.4))
rows = {ability: i + (i > 3) * 0.6 for i, ability in enumerate(ASKED + NOT_ASKED)}
for place, (arm, by_ability) in enumerate(results.items()):
    for ability, shares in by_ability.items():
        at = rows[ability] + (place - 1) * 0.27
        label = NAMES[arm] if ability == ASKED[0] else None
        axis.barh(at, statistics.mean(shares), 0.25, color=INK[arm], alpha=0.6, label=label)
        axis.plot(shares, [at] * len(shares), "o", color=INK[arm], markersize=4)
axis.plot([2 / 3] * 2, [-0.5, 3.5], "--", color=RED, linewidth=1.5)
axis.plot([1 / 3] * 2, [-0.5, 3.5], "--", color=RED, linewidth=1.5)
for row, text in (
    (-0.62, "the usual text asks for it"),
    (4.0, "the usual text does not ask for it"),
):
    axis.text(0.01, row, text, fontsize=10, fontweight="bold", va="center")
axis.set_yticks(list(rows.values()), list(rows))
axis.set(
    xlim=(0, 1.03),
    ylim=(10.1, -0.9),
    xlabel="share of new letters right (dots: three seeds; red dashes: the two bounds of the rule)",
)
axis.grid(axis="y", visible=False)
axis.legend(
    loc="upper center", bbox_to_anchor=(0.42, 1.12), ncols=3, fontsize=10, frameon=False
)
if guess_question_first is not None:
    draw_guess(axis, rows["question first"], at=guess_question_first)
words = "; ".join(
    f"{ability}: "
    + ", ".join(f"{NAMES[arm]} {spread(results[arm][ability])}" for arm in results)
    for ability in rows
)
show(
    figure,
    alt=f"Share of new letters right by ability, mean and range of three seeds. {words}.",
)

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# **What the text asks for comes.** A new name costs many bits unless you look back. So looking back lowers the loss.
#
# **What it does not ask for mostly stays away**, though the loss is near its floor. The model seems to have learned *where* things stand: moving them confuses it. "Backwards" is a different fact to it. Only namesakes come: copying works there as usual.
#
# **Size is not the reason.** From mixed text, a model of the same size learns the three new ones that it asks for. After 1,000 steps on the usual letters (one seed), question first reached 0.4, but the other two stayed at 0.
#
# </details>
#
# **Check yourself.** The control's loss also falls close to its floor. Why do the abilities not come?
#
# - <details><summary>It was trained too briefly.</summary> It had as many steps, and its loss can hardly fall further.</details>
# - <details><summary>Nothing in its answers becomes easier to predict by reading the letter.</summary> Right: so no gradient rewards it.</details>
# - <details><summary>It never saw names twice.</summary> It did: within the letter, and within the answer.</details>
#
# ## The answer

# %%
MORE, LESS = 2 / 3, 1 / 3
come = all(share > MORE for ability in ASKED for share in results["own answers"][ability])
stay_away = all(share < LESS for ability in ASKED for share in results["unrelated"][ability])
print("asked for, and came, in every seed:", come)
print("control, stayed away, in every seed:", stay_away)
grade = NOT_TESTABLE if come and stay_away else NOT_SUPPORTED


shares = results["own answers"]
least = min(share for ability in ASKED for share in shares[ability])
most = max(share for ability in ASKED for share in results["unrelated"][ability])
outside = sum(min(shares[ability]) > MORE for ability in NOT_ASKED)
number = "none one two three four five six".split()[outside]
answer(
    "3.1",
    f"Intelligence was not tested. A tiny GPT answers new letters as its text does (each part at least "
    f"{least:.0%} right; trained on unrelated answers, at most {most:.0%}). "
    f"Of six kinds its text lacks, it gets {number} mostly right.",
    grade,
)

# %% [markdown]
# **What could still be wrong.** Real text asks for far more than ours. Other abilities than our six might come, and large models
# may generalise better. So the claim's second half stays open.
#
# **What the literature measured.** GPT-3 does new tasks after a few examples (Brown et al. 2020, arXiv 2005.14165). But GPT-4 deciphers a simple code in 51% of cases if the solution is likely text, in 13% if not (McCoy et al. 2023, arXiv 2309.13638), and it names
# a celebrity's parent in 79% of cases, but the parent's child in 33% (Berglund et al. 2023, arXiv 2309.12288).
