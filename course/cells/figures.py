# %% [markdown]
# Figures: colours that all can tell apart, a text below each figure, the reader's guess in it.

# %% name="figures"
import html
import io
from logging import getLogger

# The first time on a machine, matplotlib warns in red that it is building its list of fonts.
getLogger("matplotlib.font_manager").setLevel("ERROR")

import matplotlib.pyplot as plt
import PIL.Image
from IPython.display import Image, display

# Okabe and Ito's colours: people with any colour vision can tell them apart.
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#777777"
plt.rcParams.update(
    {
        "figure.figsize": (8, 3.6),
        "figure.dpi": 90,  # nine inches are as wide as the page
        "figure.facecolor": "white",  # so that a dark theme leaves the labels readable
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.25,
        "axes.prop_cycle": plt.cycler(color=[BLUE, ORANGE, GREEN, RED, PURPLE, GREY]),
        "figure.constrained_layout.use": True,
    }
)


def show(figure, alt):
    """Show a matplotlib figure and, folded below it, what it shows in words.

    The words are for those who cannot see the figure and for those who want help reading it.
    """
    whole, small = io.BytesIO(), io.BytesIO()
    figure.savefig(whole, format="png", bbox_inches="tight")
    plt.close(figure)
    PIL.Image.open(whole).convert("RGB").quantize(128).save(small, "png")  # a third of the bytes
    display(Image(small.getvalue()), metadata={"image/png": {"alt": alt}})
    in_words = f"<details><summary>In words</summary><p>{html.escape(alt)}</p></details>"
    display({"text/html": in_words, "text/plain": f"In words: {alt}"}, raw=True)


def draw_guess(axes, guess, at=None):
    """The reader's guess: a star at x = `at`, or a line across; nothing where there is no guess."""
    if guess is None:
        return
    if at is None:
        axes.axhline(guess, color="black", linestyle=":", linewidth=1.5)
        at = axes.get_xlim()[0]
    else:
        axes.plot(at, guess, "*", color="black", markersize=14)
    axes.annotate(" your guess", (at, guess), xytext=(6, 4), textcoords="offset points")
