# %% [markdown]
# Drawing a mechanism: boxes, arrows, grids of numbers, and lines from tokens to the tokens they look at.

# %% name="diagrams"
import matplotlib.pyplot as plt


def blank(width, height):
    """A figure of that many inches, and axes of the same units without a frame."""
    figure, axes = plt.subplots(figsize=(width, height))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def box(axes, x, y, text, color="#DDDDDD", width=1.0, height=0.42, fontsize=10):
    """A box with a text, its middle at (x, y)."""
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(plt.Rectangle(corner, width, height, facecolor=color, edgecolor="black", linewidth=0.8))
    axes.text(x, y, text, ha="center", va="center", fontsize=fontsize)


def arrow(axes, start, end, color="black", width=1.2):
    style = {"arrowstyle": "-|>", "color": color, "linewidth": width, "shrinkA": 2, "shrinkB": 2}
    axes.annotate("", end, start, arrowprops=style)


def number_grid(axes, x, y, values, colors="Blues", size=0.42, form="{:.0f}", largest=None):
    """A grid of coloured cells with their numbers, its top left corner at (x, y). form="": colours alone."""
    shades = plt.get_cmap(colors)
    largest = largest or max(1e-9, max(abs(value) for row in values for value in row))
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            share = 0.05 + 0.75 * abs(value) / largest
            corner = (x + j * size, y - (i + 1) * size)
            axes.add_patch(
                plt.Rectangle(corner, size, size, facecolor=shades(share), edgecolor="white", linewidth=1.5)
            )
            if form:
                middle = (corner[0] + size / 2, corner[1] + size / 2)
                color = "white" if share > 0.55 else "black"
                axes.text(*middle, form.format(value), ha="center", va="center", fontsize=9, color=color)


def looks(axes, words, weights, title="", color="#0072B2", least=0.1):
    """Tokens that look, on the left, and what they look at, on the right: the thicker a line, the more weight.

    weights: (T, T), a row for each token that looks. Lines to the first token are grey: heads rest there.
    Weights below `least` are not drawn.
    """
    T = len(words)
    for i, word in enumerate(words):
        axes.text(-0.04, T - 1 - i, word, ha="right", va="center", fontsize=10)
        axes.text(1.04, T - 1 - i, word, ha="left", va="center", fontsize=10)
        for j in range(T):
            weight = float(weights[i][j])
            if weight > least:
                ends, line = ([0, 1], [T - 1 - i, T - 1 - j]), {"linewidth": 4 * weight}
                axes.plot(*ends, color=color if j else "#BBBBBB", alpha=0.2 + 0.75 * weight, **line)
    axes.set(xlim=(-0.8, 1.8), ylim=(-0.8, T - 0.2))
    axes.set_title(title, fontsize=10)
    axes.axis("off")
