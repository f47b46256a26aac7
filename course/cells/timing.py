# %% [markdown]
# A stop watch.

# %% name="timing"
import statistics
import time

import torch


def seconds(function, repeats=5):
    """Seconds that one call of `function` takes: (median, least, most) of several calls after a first.

    On a CPU with one thread this is processor time, so that other programs do not count. On a GPU it
    is the wall clock, once the GPU has finished.
    """
    on_gpu = torch.cuda.is_available()
    clock = time.perf_counter if on_gpu or torch.get_num_threads() > 1 else time.process_time
    times = []
    for _ in range(repeats + 1):
        start = clock()
        function()
        if on_gpu:
            torch.cuda.synchronize()
        times.append(clock() - start)
    return statistics.median(times[1:]), min(times[1:]), max(times[1:])
