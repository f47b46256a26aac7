# %% [markdown]
# Learning rates.

# %% name="warm_up_and_cosine"
import math


def warm_up_and_cosine(done):
    """Share of the highest rate when a share `done` of the steps is done: up for 2%, then a cosine to 0."""
    return min(1, (done + 0.001) / 0.02) * (1 + math.cos(math.pi * done)) / 2
