# ---
# jupyter:
#   course:
#     title: Start here
#     summary: A check of your machine, then a lesson, a lab and an assignment in small, and the PyTorch to come back to.
#     claims: []
#     minutes: 30
#     carries: [torch, figures, progress, statistics, timing, lab, lesson]
# ---

# %% [markdown]
# # Start here
#
# People say a great deal about large language models (大语言模型). Article A2 of the five behind this course
# calls AlphaGo, which plays Go, the best-known application of BERT, a language model. The [AlphaGo
# paper](https://www.nature.com/articles/nature16961) is from January 2016, the [BERT
# paper](https://arxiv.org/abs/1810.04805) from October 2018. So that claim falls in a minute. Most take
# longer. This course takes each as a hypothesis (假设), builds what it is about, and tests it on your own
# computer.
#
# **In half an hour** you will have checked your machine and done one small lesson, one small lab and one
# small assignment. Then you know how all the others work. You need Python, and to have seen PyTorch once.
# You do not need a GPU.
#
# Run one cell after the other with **Shift+Enter**. Cells that you need not read are folded, but they run
# like the others. Below each figure, *In words* folds open and says what it shows.

# %% fold="Draw the way from an article to an answer" tags=["diagram"]
from matplotlib.patches import FancyBboxPatch


def box(x, y, head, below, color="white"):
    """A box around (x, y): one word in bold and what it means."""
    style = {"boxstyle": "round,pad=0.03", "facecolor": color, "linewidth": 1.5}
    ax.add_patch(FancyBboxPatch((x - 0.85, y - 0.42), 1.7, 0.84, **style))
    ax.text(x, y + 0.22, head, ha="center", va="center", fontsize=12, weight="bold")
    ax.text(x, y - 0.13, below, ha="center", va="center", fontsize=10)


def arrow(start, end):
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "linewidth": 1.5})


fig, ax = plt.subplots(figsize=(8, 3))
box(0, 1, "Article", "says many\nthings")
box(2.2, 1, "Claim", "one of them, in\na sentence")
box(4.4, 1, "Lab", "test the claim", "#DCEBF5")
box(6.6, 1, "Answer", "a sentence and\none of five grades")
box(2.2, -0.6, "Lesson", "build it step\nby step", "#DCEBF5")
box(4.4, -0.6, "Assignment", "write it without\nhelp", "#DCEBF5")
for x in (0, 2.2, 4.4):
    arrow((x + 0.9, 1), (x + 1.3, 1))
arrow((2.2, 0.53), (2.2, -0.13))
arrow((3.0, -0.13), (3.8, 0.53))
arrow((3.1, -0.6), (3.5, -0.6))
ax.set(xlim=(-0.95, 7.55), ylim=(-1.1, 1.5))
ax.axis("off")
show(
    fig,
    alt="Six boxes joined by arrows. An article makes a claim, and a lab tests it; the answer is a sentence "
    "and one of five grades. The claim also leads down to a lesson, where you build it step by step. From "
    "the lesson one arrow leads up to the lab and one on to the assignment, where you write it without help.",
)

# %% [markdown]
# ## Your machine
#
# The next two cells compare your versions with ours, look for a GPU, and time a small piece of work. If a
# version is not *ok*, [Installing](../docs/install.md) says what to do.

# %% fold="Define check_machine()"
import platform
import re
from importlib.metadata import PackageNotFoundError, version

TRIED = {"python": "3.10", "torch": "2.11", "transformers": "5.15", "matplotlib": "3.10"}
REFERENCE = 3.5e-3  # seconds for an attention step, on the machine that timed the lessons


def found_version(name: str) -> str:
    """The version that is installed, or an empty text."""
    try:
        return platform.python_version() if name == "python" else version(name)
    except PackageNotFoundError:
        return ""


def first_two(number: str) -> tuple[int, ...]:
    """To compare versions: "2.11.0+cpu" is (2, 11)."""
    return tuple(int(part) for part in re.findall(r"\d+", number)[:2])


def step_of_attention() -> float:
    """Seconds that a step of attention takes, forward and backward; lesson 1 explains it."""
    B, T, D, H = 16, 64, 128, 4
    inputs = torch.randn(B, T, D, device=device)
    weights = (torch.randn(D, 3 * D, device=device) / D**0.5).requires_grad_()

    def step():
        q, k, v = (inputs @ weights).view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
        shares = (q @ k.transpose(-2, -1) / (D // H) ** 0.5).softmax(dim=-1)
        (shares @ v).square().mean().backward()
        weights.grad = None

    return seconds(step, repeats=100)[1]  # the fastest: other programs only slow a machine down


def check_machine() -> None:
    for name, tried in TRIED.items():
        found = found_version(name)
        if found and first_two(found) >= first_two(tried):
            print(f"{name:<14}ok")
        else:
            print(
                f"{name:<14}{found or 'missing'}: the course was tried with {tried} and newer"
            )
    print(f"{'GPU':<14}{'found' if device == 'cuda' else 'none found, and none needed'}")
    here = 90 * step_of_attention() / REFERENCE
    verdict = "That is fine." if here < 360 else "All will work, but plan for it."
    print(f"Code that ran 90 seconds on our machine runs about {here:.0f} on yours. {verdict}")


# %% tags=["result"]
check_machine()

# %% [markdown]
# ## A lesson, in small: from scores to shares
#
# A lesson begins with a question. A language model reads *The cat sat on the* and gives every word that
# could come next a **score**. How do scores become **shares**, which are positive and sum to 1?
#
# Nearly every model uses **softmax**. Raise e ≈ 2.72 to the power of each score, then divide by the
# sum. By hand, with three words:
#
# | | mat | sofa | moon | sum |
# | --- | --- | --- | --- | --- |
# | score s | 2 | 1 | 0 | |
# | power e<sup>s</sup> | 7.39 | 2.72 | 1 | 11.11 |
# | share | 0.67 | 0.24 | 0.09 | 1 |
#
# The same in code:

# %%
words, colors = ["mat", "sofa", "moon"], [BLUE, GREEN, PURPLE]
scores = torch.tensor([2.0, 1.0, 0.0])


def softmax(scores: Tensor) -> Tensor:
    """One share for each score; together they are 1."""
    powers = scores.exp()
    return powers / powers.sum()


for word, share in zip(words, softmax(scores).tolist(), strict=True):
    print(f"{word:<6}{share:.2f}")
assert torch.allclose(softmax(scores), scores.softmax(dim=-1))  # PyTorch has it, too

# %% [markdown]
# Now a knob to turn. Divide the scores by a number before softmax, the **temperature** (温度). At
# temperature 0.5, the scores 2, 1, 0 become 4, 2, 0.
#
# **Predict.** *mat* had a share of 0.67. What does it get at temperature 0.5? Put your guess in place of
# `None`, and run on: the figure shows it as a star. If you leave `None`, everything still runs.

# %%
guess_share = None  # for instance 0.5

# %%
temperatures = torch.linspace(0.1, 5, 99)
shares = torch.stack([softmax(scores / t) for t in temperatures])  # a row for each temperature
at_half = softmax(scores / 0.5)
print("shares at temperature 0.5:", [round(share, 3) for share in at_half.tolist()])

# %% fold="Draw the shares at all temperatures"
fig, ax = plt.subplots(figsize=(8, 3.4))
for place, align in enumerate(["bottom", "center", "top"]):
    ax.plot(temperatures, shares[:, place], color=colors[place], linewidth=2)
    label = {"color": colors[place], "va": align, "fontsize": 11}
    ax.text(5.05, shares[-1, place], words[place], **label)
ax.plot(0.5, at_half[0], "o", color=BLUE, markersize=8)
ax.text(0.42, at_half[0] - 0.02, f"{at_half[0]:.2f}", ha="right", va="top", color=BLUE)
draw_guess(ax, guess_share, at=0.5)
ax.set(xlabel="temperature", ylabel="share", ylim=(-0.03, 1.05), xlim=(0, 5.4))
ax.set_title("A low temperature gives the best word nearly everything")
at_five = ", ".join(
    f"{word} {share:.2f}" for word, share in zip(words, shares[-1], strict=True)
)
show(
    fig,
    alt="Three lines over temperatures from 0.1 to 5. At 0.1, mat has a share of nearly 1, sofa and "
    f"moon nearly 0. A dot marks mat at temperature 0.5, with {at_half[0]:.2f}. Further right the "
    f"three lines approach each other; at temperature 5 the shares are {at_five}.",
)

# %% [markdown]
# Say in a sentence why it came out that way. Then open ours.
#
# <details><summary>Our explanation</summary>
#
# The powers become 54.6, 7.39 and 1, so *mat* gets 54.6 / (54.6 + 7.39 + 1) = 0.87. A low temperature
# widens the gaps between the scores. A high one shrinks them, and the shares become more even. You meet
# this knob again when a GPT chooses its next word (lesson 3).
# </details>

# %% [markdown]
# **Check yourself.** You add 100 to all three scores. What happens to the shares?
#
# - <details><summary>They stay as they are.</summary> Right: every power becomes e<sup>100</sup> times larger, and so does their sum. The factor cancels; only gaps between scores count. But PyTorch's 32-bit numbers overflow above about e<sup>88</sup>, and our function would give nan. So one first subtracts the largest score from all: the shares are the same, and no power is above 1.</details>
# - <details><summary><i>mat</i> gets nearly everything.</summary> That is what <i>multiplying</i> all scores by 100 does: it makes the gaps larger. Adding leaves the gaps alone.</details>
# - <details><summary>They become more even.</summary> That is what <i>dividing</i> by a large number does, a high temperature: it makes the gaps smaller.</details>
#
# **Your turn.** Write a function that gives the largest share at a temperature. Replace the `...`. The last
# line says whether it is right.


# %%
def best_share(scores: Tensor, temperature: float) -> Tensor:
    """The largest share at this temperature."""
    ...


your_turn(best_share, scores, 0.5, want=torch.tensor(0.8668))

# %% [markdown]
# <details><summary>A hint</summary>
#
# Three steps: divide, softmax, and `.max()`.
# </details>
#
# <details><summary>A solution</summary>
#
# ```python
# def best_share(scores: Tensor, temperature: float) -> Tensor:
#     return softmax(scores / temperature).max()
# ```
# </details>
#
# **Optional:** two sliders to play with. (A web page shows one picture instead.)


# %% fold="Optional: two sliders, the temperature and the score of mat"
def draw_shares(temperature: float, mat: float) -> None:
    shares = (torch.tensor([mat, 1.0, 0.0]) / temperature).softmax(dim=-1)
    fig, ax = plt.subplots(figsize=(5, 2.8))
    ax.bar_label(ax.bar(words, shares, color=colors, zorder=2), fmt="%.2f")
    ax.set(ylabel="share", ylim=(0, 1.1), title=f"temperature {temperature:.2f}")
    numbers = ", ".join(f"{word} {s:.2f}" for word, s in zip(words, shares, strict=True))
    show(fig, alt=f"Three bars, the shares at temperature {temperature:.2f}: {numbers}.")


play(draw_shares, temperature=(0.25, 10.25, 1.0), mat=(-3.0, 5.0, 2.0))  # least, most, start

# %% [markdown]
# <details><summary>Optional: can you make <i>moon</i> nearly as likely as <i>mat</i>, with the temperature alone?</summary>
#
# Yes, with a high one. At 10 the gap of 2 becomes 0.2, and their shares are 0.37 and 0.30.
# </details>
#
# That was a lesson: a question, a case by hand, the code, a guess, a figure, and something to write. The
# real ones have five to seven such sections and take an evening.
#
# ## A lab, in small: luck or effect?
#
# A lab takes one claim. This one we made up:
#
# > Before you train a network, flip the sign of all its starting weights (权重). It then learns better.
#
# You might believe it because somebody tried it and it worked, as you are about to see. You might doubt it:
# why should minus be better than plus?
#
# The task: does a dot lie above the curve or below? A network with two layers learns it from 20 dots. Its
# **accuracy** (准确率) is the percentage that it gets right of 220 other dots. All random numbers of a try,
# dots and weights, come from one number, its **seed** (随机种子): the same seed gives the same try again.

# %% fold="Draw random tasks, and train many networks at once"
LEARN, STEPS = 20, 40  # dots to learn from, training steps


def draw_tasks(seeds):
    """For each seed: 240 dots, their sides, starting weights of two layers, and others."""
    tasks = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        dots = torch.randn(240, 2, generator=generator)
        sides = (dots[:, 1] > dots[:, 0] ** 2 - 0.6).long()
        x = torch.cat([dots, torch.ones(240, 1)], dim=1)  # ones: a layer can add a constant
        weights = []
        for _ in range(2):
            weights.append(torch.randn(3, 16, generator=generator))
            weights.append(torch.randn(16, 2, generator=generator) / 4)
        tasks.append((x, sides, *weights))
    x, sides, *weights = (torch.stack(each).to(device) for each in zip(*tasks, strict=True))
    return x, sides, weights[:2], weights[2:]


def scores_of(x, weights):
    first, second = weights
    return F.relu(x @ first) @ second  # (seeds, dots, 2): a score for each side


def train(x, sides, weights):
    """Train one network for each seed; the accuracy of each, in percent, on unseen dots."""
    weights = [layer.clone().requires_grad_() for layer in weights]
    optimizer = torch.optim.AdamW(weights, lr=0.05)
    for _ in progress(range(STEPS), f"training {len(x)} networks"):
        optimizer.zero_grad()
        scores = scores_of(x[:, :LEARN], weights).flatten(0, 1)
        # A sum over the networks: each gets only its own gradient.
        loss = F.cross_entropy(scores, sides[:, :LEARN].flatten(), reduction="sum")
        (loss / LEARN).backward()
        optimizer.step()
    with torch.no_grad():
        said = scores_of(x[:, LEARN:], weights).argmax(dim=-1)
    return 100 * (said == sides[:, LEARN:]).float().mean(dim=-1).cpu()


x, sides = (tensor[0].cpu() for tensor in draw_tasks([60])[:2])
fig, ax = plt.subplots(figsize=(7, 3.4))
for side, name, fill, marker in [(1, "above", "black", "^"), (0, "below", "white", "o")]:
    seen, unseen = x[:LEARN][sides[:LEARN] == side], x[LEARN:][sides[LEARN:] == side]
    style = {"marker": marker, "facecolor": fill, "edgecolor": "black"}
    ax.scatter(*unseen[:, :2].T, s=14, alpha=0.5, label=name, **style)
    ax.scatter(*seen[:, :2].T, s=90, label=f"{name}, to learn from", **style)
across = torch.linspace(-2, 2, 50)
ax.plot(across, across**2 - 0.6, color="black", linewidth=1, label="the curve")
ax.set(xlabel="first coordinate", ylabel="second coordinate")
ax.set_title("The task, as seed 60 draws it")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
show(
    fig,
    alt="A cloud of 240 dots and a curve that is open at the top. Dots above the curve are black "
    "triangles, dots below it white circles. Twenty of them, those to learn from, are large.",
)

# %% [markdown]
# One try, with seed 60. Both networks start with the same weights, but for the minus signs. These do not
# cancel: between the layers, ReLU sets negative numbers to 0.

# %%
x, sides, weights, _ = draw_tasks(seeds=[60])  # dots, sides, starting weights of both layers
plain = train(x, sides, weights)  # the accuracy on the 220 other dots
flipped = train(x, sides, [-layer for layer in weights])
print(f"accuracy  plain {plain.item():.1f}%   signs flipped {flipped.item():.1f}%")
print(f"gain      {(flipped - plain).item():+.1f} percentage points")

# %% [markdown]
# It worked! Before you announce it, write down what would convince you, as every lab does:
#
# **It counts as shown if**, on average over 900 tries, flipped signs gain at least 1 percentage point, and
# at least 1 more than the control gains.
#
# A **negative control** (阴性对照) is the same experiment without the cause. Here it is a third network: its
# starting weights are drawn anew, and no sign is flipped.
#
# **Predict.** The 900 tries are shared out among 30 teams. Each looks at its first try alone, and
# announces a success if that gains at least 1 percentage point. How many of the 30 will announce one?

# %%
guess_announce = None  # for instance 3

# %%
TEAMS, TRIES = 30, 30  # so many teams; so many tries in each of them
x, sides, weights, new_weights = draw_tasks(seeds=range(TEAMS * TRIES))
plain = train(x, sides, weights)
# The claim, one number for each seed; then the control, without a flipped sign.
gain = train(x, sides, [-layer for layer in weights]) - plain
control = train(x, sides, new_weights) - plain


def reports(gain: Tensor, tries: int) -> Tensor:
    """What each team reports: its mean gain over its first tries."""
    return gain.view(TEAMS, TRIES)[:, :tries].mean(dim=1)


# %% fold="Draw what the teams report" tags=["headline"]
looked_at = [1, 10, TRIES]
fig, (left, right) = plt.subplots(1, 2, figsize=(8.8, 3.8))
for place, tries in enumerate(looked_at):
    reported = reports(gain, tries)
    across = place + torch.linspace(-0.25, 0.25, TEAMS)
    success = reported >= 1
    style = {"s": 26, "edgecolor": ORANGE, "zorder": 3}
    left.scatter(across[success], reported[success], facecolor=ORANGE, **style)
    left.scatter(across[~success], reported[~success], facecolor="white", **style)
ours = 60 // TRIES  # the team whose first try has seed 60
ours_at = (-0.25 + 0.5 * ours / (TEAMS - 1), gain[60].item())
left.plot(*ours_at, "o", color="black", fillstyle="none", markersize=13)
left.annotate("the try above", ours_at, (10, 0), textcoords="offset points", va="center")
left.axhline(1, color="black", linestyle="--", linewidth=1)
left.text(2.45, 1.15, "announced", ha="right", va="bottom")
left.set(xlim=(-0.5, 2.5), ylabel="gain (percentage points)")
left.set_title("Signs flipped: a dot is a team's report")
left.grid(visible=False, axis="x")

announced = {}
for name, values, color, shift in [
    ("signs flipped", gain, ORANGE, -0.2),
    ("control: new weights", control, GREY, 0.2),
]:
    counts = [(reports(values, tries) >= 1).sum().item() for tries in looked_at]
    bars = right.bar(
        torch.arange(3) + shift, counts, width=0.38, color=color, zorder=2, label=name
    )
    right.bar_label(bars, fontsize=11)
    announced[name] = counts
right.set(ylabel="teams, of 30", ylim=(0, 31), title="How many teams announce a success")
right.legend(loc="upper right")
for ax in (left, right):
    ax.set(xticks=range(3), xticklabels=looked_at, xlabel="tries that each team looks at")
draw_guess(right, guess_announce, at=-0.2)
flips, news = announced.values()
show(
    fig,
    alt="Left: what 30 teams report with flipped signs after 1, 10 and 30 tries, a dot a team. The dots "
    "lie around 0 and draw together as tries are added; the highest, after one try, has a ring. Right: "
    f"after one try {flips[0]} of 30 announce a success with flipped signs, {news[0]} with the control; "
    f"after 10 tries {flips[1]} and {news[1]}, after 30 {flips[2]} and {news[2]}.",
)
print(f"After one try, {flips[0]} of 30 announce a success with flipped signs,")
print(f"and {news[0]} of 30 with the control.")

# %% [markdown]
# Why do so many announce a success, and why with the control, too? Say it in a sentence. Then open ours.
#
# <details><summary>Our explanation</summary>
#
# It is luck. The control has no sign flipped and does as well. The dots differ by nothing but their seeds.
# How far apart they lie is their **spread** (离散程度); over more tries, luck averages out and they draw
# together.
#
# You could have known without an experiment. The starting weights are drawn symmetrically about zero: −0.7
# is as likely as 0.7. So flipped weights are as likely a draw as plain ones, and the expected gain is
# exactly 0, for any task and any network. Why 900 tries, then? They check the code, and they show the
# spread, which the proof does not give.
# </details>
#
# And the one try that worked? It is the ringed circle. We looked at thirty and showed you the best.
#
# Now the rule decides. And what would the teams see if flipping did help? The last lines add 1 or 2
# percentage points to every gain.

# %%
shown = gain.mean() >= 1 and gain.mean() - control.mean() >= 1

print(f"accuracy of the plain networks {plain.mean():.1f}%")
print("gain in percentage points over 900 tries: mean (least to most)")
print("  signs flipped  ", spread(gain.tolist(), "+.1f"))  # spread() writes mean and range
print("  control        ", spread(control.tolist(), "+.1f"))
print("Grade:", SUPPORTED if shown else NOT_SUPPORTED)

print(f"\nteams, of {TEAMS}, that announce a success after {TRIES} tries")
for added in (0, 1, 2):
    announce = (reports(gain + added, TRIES) >= 1).sum().item()
    print(f"  with {added} added  {announce}")

# %% [markdown]
# With 2 added, every team announces a success; with 0, none: 30 tries tell them apart. But an effect exactly
# at the threshold, 1, is announced about half the time, however many tries you make (even 900), since its
# mean falls below 1 as often as above. So set the threshold below the effect that you hope to find.
#
# Every lab ends with one of five grades: **supported**; **supported only if** a condition holds; **not
# supported here**, when the rule fails or the control gains as much; **true by definition**, when nothing
# could refute it; **not testable at this size**, when it needs a larger machine.
#
# **What could still be wrong?** The proof needs symmetric weights. Some layers start at 1: there flipping
# could help or harm. We did not try.
#
# **Check yourself.** A friend trains two models, one seed each. The new one is 2 percentage points better.
# What do you ask first?
#
# - <details><summary>How far apart are two seeds of the same model?</summary> Right: if luck alone makes 3 percentage points, 2 may be luck.</details>
# - <details><summary>How many parameters do they have?</summary> A later question: first find out whether there is anything to explain.</details>
# - <details><summary>Does it stay 2 on a larger test set?</summary> That makes each measurement more exact. It does not remove the luck of the seed.</details>
#
# ## An assignment, in small
#
# Each lesson has an assignment: functions to write, checks that you can see, and further checks that only
# the grader has. Try it: `my_softmax` gives each *row* of a table its shares. It has two mistakes. Run the
# cell, mend the one that the check names, and run it again, until it says *passed*.
#
# Two things help. `keepdim=True` keeps the dimension that is summed over, with size 1, so that the sums fit
# the table again. `scores.max(dim=-1, keepdim=True)` gives the largest of each row *and* its place: take
# `.values`.


# %% fold="The check for my_softmax"
def check_softmax(softmax):
    """Print what is wrong with the function, one mistake at a time."""
    table = torch.tensor([[1.0, 2.0, 3.0], [1.0, 0.0, 5.0]])
    far_apart = torch.tensor([[0.0, 100.0], [1000.0, 1100.0]])
    shares, large = softmax(table), softmax(far_apart)
    if not isinstance(shares, Tensor) or shares.shape != table.shape:
        print("Not right yet: the result must be a tensor of the same shape as `scores`.")
    elif torch.allclose(shares.sum(dim=0), torch.ones(3)):
        print("Not right yet: each column sums to 1, so you divide by sums over dimension 0.")
        print("Each row has to sum to 1: sum over its entries, the last dimension.")
    elif not torch.allclose(shares.sum(dim=-1), torch.ones(2)):
        print("Not right yet: the rows do not sum to 1.")
    elif not large[1].isfinite().all():
        print("Not right yet: large scores give nan: e to such a power is too large.")
        print(
            "Adding a number to all scores of a row changes nothing. Which number helps here?"
        )
    elif not large[0].isfinite().all():
        print("Not right yet: what you subtract is too much for a row far below it.")
        print("Its powers are all 0, and 0 / 0 gives nan. Each row needs its own number.")
    elif not torch.allclose(shares, table.softmax(dim=-1)):
        print("Not right yet: the rows sum to 1, but the shares are not those of softmax.")
    elif not torch.allclose(large, far_apart.softmax(dim=-1)):
        print("Not right yet: large scores give wrong shares.")
    else:
        print("passed")


# %%
def my_softmax(scores: Tensor) -> Tensor:
    """Shares, (rows, entries): each row sums to 1."""
    powers = scores.exp()
    return powers / powers.sum(dim=0, keepdim=True)


check_softmax(my_softmax)

# %% [markdown]
# <details><summary>A solution</summary>
#
# ```python
# def my_softmax(scores: Tensor) -> Tensor:
#     largest = scores.max(dim=-1, keepdim=True).values
#     powers = (scores - largest).exp()
#     return powers / powers.sum(dim=-1, keepdim=True)
# ```
# </details>
#
# <details><summary>When you hand in your first assignment</summary>
#
# - **Alone, in JupyterLab:** open the notebook in `exercises/`. Press **Validate** above it: it runs
#   everything afresh and shows what fails. Then compare with `solutions/`.
# - **In a class, on one server:** choose *Nbgrader*, *Assignment List* in the menu. **Fetch**, work,
#   **Validate**, **Submit**. The last one collected counts. **Fetch Feedback** brings your points.
# - **On Colab:** run all cells; there is no Validate button. Choose *File*, *Download*, *Download .ipynb*,
#   and send the file, under the name it has, where your instructor says.
#
# Three habits save you points:
#
# - Write only where a cell says so. Do not copy, split or delete given cells: each has a hidden label.
# - Before you hand in, choose *Restart Kernel and Run All Cells*. This shows whether anything depends on a
#   cell you have deleted.
# - Do not fit your answer to the numbers in a check. The grader uses others.
# </details>

# %% [markdown]
# ## The map
#
# | | lesson | you build | its labs ask |
# | --- | --- | --- | --- |
# | 1 | [Attention](01_attention.ipynb) | self-attention (自注意力), heads (多头), a mask | What does it learn, is it parallel, can it be cheaper? |
# | 2 | [Tokenization and arithmetic](02_tokenization_and_arithmetic.ipynb) | a tokenizer (分词器), a small model that adds | Does predicting the next token suit arithmetic? |
# | 3 | [A tiny GPT](03_tiny_gpt.ipynb) | a GPT, trained and sampled | Are there scaling laws (缩放定律) and emergence (涌现)? |
# | 4 | [Mixture-of-experts routing](04_moe_routing.ipynb) | a mixture of experts (混合专家), balanced | Do experts share out the work, at low cost? |
# | 5 | [Retrieval-augmented generation](05_rag.ipynb) | a search (检索), a model that reads what it found | Does retrieval reduce hallucination (幻觉)? |
#
# The labs of lesson 1: [1.1 relations](labs/1_1_relations.ipynb), [1.2 parallel](labs/1_2_parallel.ipynb),
# [1.3 storage](labs/1_3_storage.ipynb), [1.4 cheaper](labs/1_4_cheaper.ipynb), [1.5
# window](labs/1_5_window.ipynb), [1.6 recurrence](labs/1_6_recurrence.ipynb). Those of lesson 2: [2.1 next
# token](labs/2_1_next_token.ipynb), [2.2 number tokens](labs/2_2_number_tokens.ipynb), [2.3
# alignment](labs/2_3_alignment.ipynb), [2.4 tool](labs/2_4_tool.ipynb), [2.5 two
# languages](labs/2_5_two_languages.ipynb), [2.6 byte-pair encoding, fast](labs/2_6_fast_bpe.ipynb). Those of
# lesson 3: [3.1 next token](labs/3_1_next_token.ipynb), [3.2 scaling](labs/3_2_scaling.ipynb), [3.3
# emergence](labs/3_3_emergence.ipynb), [3.5 recipe or size](labs/3_5_recipe_or_size.ipynb), [3.6 what training
# costs](labs/3_6_training_cost.ipynb), [3.8 prompt](labs/3_8_prompt.ipynb), [3.9
# imagination](labs/3_9_imagination.ipynb), [3.10 against nanoGPT](labs/3_10_nanogpt.ipynb), [3.11
# counting](labs/3_11_counting.ipynb). Those of lesson 4: [4.1 experts](labs/4_1_experts.ipynb), [4.2
# domains](labs/4_2a_domains.ipynb), [4.2 text](labs/4_2b_text.ipynb), [4.3 sizes](labs/4_3_sizes.ipynb), [4.4
# dispatch](labs/4_4_dispatch.ipynb). Those of lesson 5: [5.1 knowledge](labs/5_1a_knowledge.ipynb), [5.1
# hallucination](labs/5_1b_hallucination.ipynb), [5.2 upkeep](labs/5_2_upkeep.ipynb), [5.3 two
# failures](labs/5_3_two_failures.ipynb), [5.4 not knowing](labs/5_4_not_knowing.ipynb), [5.5
# guard](labs/5_5_guard.ipynb), [5.6 rumours](labs/5_6_rumours.ipynb), [5.7
# retrieval in training](labs/5_7_retro.ipynb), [5.8 sources](labs/5_8_sources.ipynb), [5.9
# Chinese](labs/5_9_chinese.ipynb), [5.10 injection](labs/5_10_injection.ipynb), [5.11 fusion](labs/5_11_fusion.ipynb).
#
# Take the lessons in this order; choose labs by interest. Each notebook stands alone.
#
# <details><summary>The five Chinese articles that the claims come from</summary>
#
# | | article | published |
# | --- | --- | --- |
# | A0 | 大模型的当前和未来, 天翼智库 (*Large models, now and next*) | 2024 |
# | A1 | 中国的“GPT”,造谣是真的猛, 非凡油条 (*China's "GPT": fierce at rumours*) | 2023-05-31 |
# | A2 | an overview of large AI models, without title or date in our copy | 2023 or later |
# | A3 | 赵东岩:大模型的发展,有天花板, 趣唠科技不打烊 (*There is a ceiling*) | 2024-06-13 |
# | A4 | 九问中国大模型掌门人, AI魔法学院 (*Nine questions to model makers*) | 2024-04-02 |
# </details>
#
# **You are done.** Open [lesson 1](01_attention.ipynb) when you have an evening.

# %% [markdown]
# ## A page to come back to: the PyTorch of this course
#
# Do not read this now. Come back when a line of a lesson puzzles you.
#
# [Notation](#Notation) · [Shapes and indexing](#Shapes-and-indexing) ·
# [View and transpose](#View-and-transpose) · [Broadcasting](#Broadcasting) ·
# [Matrix product and einsum](#Matrix-product-and-einsum) · [Masks and softmax](#Masks-and-softmax) ·
# [Cross-entropy](#Cross-entropy) · [Gradients and a step](#Gradients-and-a-step) · [Seeds](#Seeds) ·
# [Modules](#Modules)
#
# ### Notation
#
# A model reads **tokens** (词元), pieces of text. Each is a number from the **vocabulary** (词表), and
# becomes a vector, its **embedding** (嵌入). These letters mean the same in all lessons. A shape is written
# (B, T, D).
#
# | letter | meaning | |
# | --- | --- | --- |
# | B | sequences in a batch | 批次大小 |
# | T | tokens in a sequence | 序列长度 |
# | D | width: numbers in a token's vector | 宽度 |
# | H | heads of attention, each of size d = D/H | 注意力头数 |
# | V | entries in the vocabulary | 词表大小 |
# | E | experts: layers side by side, of which a token uses a few | 专家数 |
# | k | experts chosen for a token | 每个词元选用的专家数 |

# %% [markdown]
# ### Shapes and indexing
#
# A number takes one place and drops the dimension, a slice keeps it. A tensor of numbers looks up a row for
# each: that is all an embedding does.

# %%
B, T, D, V = 2, 5, 8, 11
tokens = torch.randint(V, (B, T))  # which entry of the vocabulary each token is
table = torch.randn(V, D)  # an embedding for each entry
h = table[tokens]

for line, result, what in [
    ("h", h, "(B, T, D)"),
    ("h[0]", h[0], "the first sequence"),
    ("h[:, -1]", h[:, -1], "the last token of each sequence"),
    ("h[:, 1:3]", h[:, 1:3], "two tokens of each"),
    ("h[:, None]", h[:, None], "None puts in a dimension of size 1"),
    ("h.sum(dim=-1)", h.sum(dim=-1), "what is summed over disappears"),
    ("h.sum(-1, keepdim=True)", h.sum(-1, keepdim=True), "keepdim keeps it, with size 1"),
    ("h.max(dim=-1).values", h.max(dim=-1).values, "max gives .values and .indices"),
    ("h @ table.T", h @ table.T, "a score for each entry, at each place"),
]:
    print(f"{line:<25}{str(tuple(result.shape)):<14}{what}")

# %% [markdown]
# ### View and transpose
#
# `view` reads the same numbers, in the same order, in another shape. `transpose` swaps two dimensions. To
# split the width into heads you need both.
#
# **The trap:** a single `view` gives the right shape and the wrong numbers.

# %%
B, T, D, H = 1, 3, 4, 2
counted = torch.arange(12).view(B, T, D)  # token 0 holds 0 to 3, token 1 holds 4 to 7
good = counted.view(B, T, H, D // H).transpose(1, 2)  # (B, H, T, D/H)
trap = counted.view(B, H, T, D // H)
print("good, head 0:", good[0, 0].tolist(), " the first half of every token")
print("trap, head 0:", trap[0, 0].tolist(), " all of token 0 and half of token 1")
back = good.transpose(1, 2).reshape(B, T, D)  # reshape copies where view cannot
assert torch.equal(back, counted)

# %% [markdown]
# ### Broadcasting
#
# In broadcasting (广播), shapes are compared from the right. A dimension that has size 1, or is missing, is
# repeated until it fits.
#
# **The trap:** (T,) minus (T, 1) is not T differences but T times T, and no error tells you.

# %% fold="Draw a broadcast sum" tags=["diagram"]
column, row = torch.tensor([[0], [10], [20]]), torch.tensor([[1, 2, 3, 4]])
sheet, panels = plt.subplots(1, 3, figsize=(8, 2.5), width_ratios=[1, 4, 4])
grids = {"(3, 1)": column, "plus (4,)": row, "gives (3, 4)": column + row}
for panel, (title, grid) in zip(panels, grids.items(), strict=True):
    panel.imshow(grid, cmap="Blues", vmin=0, vmax=48)
    for i, j in torch.cartesian_prod(*map(torch.arange, grid.shape)).tolist():
        panel.text(j, i, grid[i, j].item(), ha="center", va="center", fontsize=11)
    panel.set_title(title)
    panel.axis("off")
show(
    sheet,
    alt="Three grids. A column holds 0, 10, 20, a row holds 1, 2, 3, 4. Their sum is a grid of three rows "
    "and four columns: the column is repeated to the right, the row downwards. The last cell holds 24.",
)

# %%
predicted = torch.tensor([1.0, 2.0, 3.0])  # (T,)
target = torch.tensor([[1.0], [2.0], [3.0]])  # (T, 1); the error should be 0
for which, difference in [("trap", predicted - target), ("good", predicted - target[:, 0])]:
    error = difference.square().mean().item()  # .item(): the only entry, as a Python number
    print(which, tuple(difference.shape), "mean squared error", round(error, 3))

# %% [markdown]
# ### Matrix product and einsum
#
# `@` multiplies the last two dimensions, rows by columns; dimensions before them are a batch. `einsum` names
# the dimensions instead. A letter that is missing behind the arrow is summed over.

# %%
a, b = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 0.0], [1.0, 1.0]])
print("a @ b", (a @ b).tolist(), " top left: 1*1 + 2*1")

B, H, T, d = 2, 3, 4, 5
queries, keys = torch.randn(B, H, T, d), torch.randn(B, H, T, d)
product = queries @ keys.transpose(-2, -1)  # (B, H, T, d) @ (B, H, d, T)
named = torch.einsum("bhtd,bhsd->bhts", queries, keys)  # t: place of a query, s: of a key
same = torch.allclose(product, named, atol=1e-5)
print("product", tuple(product.shape), "same as einsum:", same)

# %% [markdown]
# ### Masks and softmax
#
# A mask (掩码) says where not to look. Those scores become minus infinity, so their shares become 0.
# `dim=-1`: each row sums to 1.

# %%
later = torch.ones(4, 4, dtype=torch.bool).triu(diagonal=1)  # row: who looks; column: at whom
masked = torch.zeros(4, 4).masked_fill(later, -torch.inf)
print(masked.softmax(dim=-1))

# %% [markdown]
# ### Cross-entropy
#
# Cross-entropy (交叉熵), the loss (损失) of a language model, is minus the log of the share that the right
# token got. `F.cross_entropy` takes scores, not shares. Equal shares for all V entries give ln V.
#
# **The trap:** it takes classes from dimension 1, so flatten (B, T, V) first.

# %%
B, T, V = 2, 3, 4
logits, right_tokens = torch.randn(B, T, V), torch.randint(V, (B, T))  # logits: scores
by_torch = F.cross_entropy(logits.view(B * T, V), right_tokens.view(B * T))
# gather takes, from each row of V entries, the one that the index names; [..., None] adds a
# last dimension, since gather wants an index with as many dimensions as the tensor.
log_shares = logits.log_softmax(dim=-1).gather(-1, right_tokens[..., None])
even = F.cross_entropy(torch.zeros(1, V), torch.tensor([2]))
print("the same by hand:", torch.allclose(by_torch, -log_shares.mean(), atol=1e-5))
print(f"equal shares: {even.item():.4f}   ln V: {math.log(V):.4f}")

# %% [markdown]
# ### Gradients and a step
#
# The gradient (梯度) says how much the loss changes with each weight. An optimizer (优化器) moves each weight
# against it; the learning rate (学习率) says how far.
#
# **The trap:** `backward()` *adds* to what is there, so clear it first.


# %%
def bowl(w: Tensor) -> Tensor:
    return (w**2).sum() + w[0] * w[1]  # its gradient: (2 w0 + w1, 2 w1 + w0)


w = torch.tensor([1.0, -3.0], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
for _ in range(4):
    optimizer.zero_grad()  # without this line, old gradients stay in the sum
    loss = bowl(w)
    loss.backward()
    print(f"loss {loss.item():.3f}   gradient {[round(g, 2) for g in w.grad.tolist()]}")
    optimizer.step()

# %% [markdown]
# ### Seeds
#
# The same seed gives the same numbers. That makes a run repeatable. It does not make it typical.

# %%
torch.manual_seed(0)
once, going_on = torch.randn(3), torch.randn(3)
torch.manual_seed(0)
again = torch.randn(3)
print("again the same:", torch.equal(once, again), "  going on:", torch.equal(once, going_on))

# %% [markdown]
# ### Modules
#
# A module holds weights and says what to do with them. `eval()` turns off what is random in training, such
# as dropout (随机失活). `no_grad()` stops the record that `backward()` needs.
#
# **The trap:** neither does the other's work. To measure, use both.


# %%
class Small(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, 2)  # width * 2 weights and 2 biases
        self.dropout = nn.Dropout(0.5)  # in training, a number becomes 0 or is doubled

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.dropout(x))


model, ones = Small(width=8), torch.ones(1, 8)
print("weights:", sum(weight.numel() for weight in model.parameters()))
print("train():            twice the same?", torch.equal(model(ones), model(ones)))
model.eval()
with torch.no_grad():
    print("eval() and no_grad: twice the same?", torch.equal(model(ones), model(ones)))
