# %% [markdown]
# How far other questions might move a mean.

# %% name="estimate"
from typing import NamedTuple

import torch


class Estimate(NamedTuple):
    """A mean over questions with its 95% interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} ({self.low:.2f} to {self.high:.2f})"


def estimate(values, draws: int = 2000) -> Estimate:
    """The mean of one value for each question (n,), and the middle 95% of means of n questions drawn from these.

    The bootstrap (自助法, Efron 1979). Of two ways with the same questions, hand over the differences: then hard
    questions, which are hard for both, cancel out. Where all values are alike, the interval has no width; that is
    not certainty: of 75 questions without a right answer, the true share may still be 4%.
    """
    values = torch.as_tensor(values, dtype=torch.double)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(len(values), (draws, len(values)), generator=generator)
    low, high = values[drawn].mean(dim=1).quantile(torch.tensor([0.025, 0.975]).double()).tolist()
    return Estimate(values.mean().item(), low, high)


# %% name="draw_estimates"
def draw_estimates(axes, at, estimates, **looks) -> None:
    """Means as points at `at`, intervals as bars."""
    spans = [[e.mean - e.low for e in estimates], [e.high - e.mean for e in estimates]]
    axes.errorbar(at, [e.mean for e in estimates], spans, **({"fmt": "o", "capsize": 3} | looks))
