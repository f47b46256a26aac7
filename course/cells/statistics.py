# %% [markdown]
# What several runs say together.

# %% name="spread"
import statistics


def spread(values, form=".2f"):
    """The mean and, in brackets, the least and most of several runs, where they differ."""
    mean, least, most = (f"{value:{form}}" for value in (sum(values) / len(values), min(values), max(values)))
    return mean if least == most else f"{mean} ({least} to {most})"
