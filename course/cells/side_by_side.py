# %% [markdown]
# Jobs that run two at a time.

# %% name="side_by_side"
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def side_by_side(jobs: Sequence[Callable[[], Result]], label: str) -> list[Result]:
    """What each job returns; two run at a time."""
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(job) for job in jobs]
        return [job.result() for job in progress(waiting, label)]
