# %% [markdown]
# A progress bar.

# %% name="progress"
import sys

from tqdm import tqdm


def progress(steps, label):
    """A progress bar over `steps`; it vanishes when the work is done."""
    return tqdm(steps, desc=label, file=sys.stdout, leave=False, mininterval=0.2, ncols=80)
