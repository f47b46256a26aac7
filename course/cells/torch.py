# %% [markdown]
# What every experiment imports, and what it runs on.

# %% name="torch"
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# One core: two threads that wait for a busy one are slower, and times depend less on other programs.
torch.set_num_threads(1)
device = "cuda" if torch.cuda.is_available() else "cpu"
SEEDS = (0, 1, 2)
print("This notebook runs on", torch.cuda.get_device_name() if device == "cuda" else "one CPU core.")
