"""Draws inputs with a seed of their own, so that no learner's generator moves."""

import torch
from torch import Tensor


class Draw:
    """Draws tensors on the CPU: the same ones for the same seed, on every machine.

    Args:
        seed: Of this generator.
    """

    def __init__(self, seed: int = 0):
        self._generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Returns numbers of the standard normal distribution, of the shape."""
        found = torch.randn(shape, generator=self._generator, dtype=torch.float64)
        return found.to(dtype)

    def uniform(
        self, *shape: int, low: float = 0.0, high: float = 1.0, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Returns numbers that are spread evenly over low <= x < high, of the shape."""
        found = torch.rand(shape, generator=self._generator, dtype=torch.float64)
        return (low + (high - low) * found).to(dtype)

    def integers(
        self, low: int, high: int, *shape: int, dtype: torch.dtype = torch.int64
    ) -> Tensor:
        """Returns integers low <= x < high, of the shape."""
        return torch.randint(low, high, shape, generator=self._generator).to(dtype)

    def bools(self, *shape: int, share: float = 0.5) -> Tensor:
        """Returns booleans of the shape, a share of which is True on average."""
        return torch.rand(shape, generator=self._generator) < share

    def order(self, n: int) -> Tensor:
        """Returns the numbers 0 to n - 1 in a random order."""
        return torch.randperm(n, generator=self._generator)
