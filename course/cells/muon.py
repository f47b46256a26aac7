# %% [markdown]
# Muon, an optimizer for matrices.

# %% name="muon"
def orthogonalize(G: Tensor, steps: int = 3) -> Tensor:
    """Matrices (N, m, n) with their singular values brought near 1 (Newton-Schulz)."""
    X = G.mT if (tall := G.shape[1] > G.shape[2]) else G
    X = X / X.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        A = X @ X.mT
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * A @ A) @ X
    return X.mT if tall else X


class Muon:
    """Momentum, made orthogonal (Jordan et al. 2024). As torch.optim.Muon."""

    def __init__(
        self,
        matrices: list[nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        by_shape: dict[torch.Size, list[nn.Parameter]] = {}
        for matrix in matrices:
            by_shape.setdefault(matrix.shape, []).append(matrix)
        self.stacks, self.lr = list(by_shape.values()), lr
        self.momentum, self.weight_decay = momentum, weight_decay
        self.averages = [s[0].new_zeros(len(s), *s[0].shape) for s in self.stacks]

    @torch.no_grad()
    def step(self) -> None:
        for stack, average in zip(self.stacks, self.averages):
            gradient = torch.stack([matrix.grad for matrix in stack])
            average.lerp_(gradient, 1 - self.momentum)
            change = orthogonalize(gradient.lerp(average, self.momentum))
            size = self.lr * max(1, stack[0].shape[0] / stack[0].shape[1]) ** 0.5
            for matrix, its in zip(stack, change):
                matrix.mul_(1 - self.lr * self.weight_decay).sub_(size * its)
