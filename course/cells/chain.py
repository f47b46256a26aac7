# %% [markdown]
# How many operations wait for each other.

# %% name="chain"
def longest_chain(result, counts=lambda name: True):
    """Operations on the longest chain that leads to the tensor `result`, from what autograd has noted.

    counts: whether to count an operation, by its name in autograd (MmBackward0, say).
    """
    longest = {}  # operation -> how many are counted on the longest chain that ends there
    stack = [result.grad_fn]
    while stack:
        operation = stack[-1]
        earlier = [node for node, _ in operation.next_functions if node is not None]
        unknown = [node for node in earlier if node not in longest]
        stack.extend(unknown)
        if not unknown:
            longest[operation] = counts(operation.name()) + max((longest[n] for n in earlier), default=0)
            stack.pop()
    return longest[result.grad_fn]
