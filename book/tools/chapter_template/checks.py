"""Checks of chapter @@N@@, @@LOWER@@."""

from typing import Any

import torch

from helpers.checks.machinery import call, exercise, require


@exercise("@@NN@@.1")
def double(answer: Any) -> str:
    x = torch.tensor([1.0, 3.0])
    result = call(answer, x)
    require(not torch.equal(x, 2 * torch.tensor([1.0, 3.0])), "x itself was changed.")
    require(
        isinstance(result, torch.Tensor) and torch.equal(result, 2 * x),
        f"For {x.tolist()} it returned {result!r}, expected {(2 * x).tolist()}.",
    )
    return "One sentence that adds something."


@exercise("@@NN@@.2")
def mean_of(answer: Any) -> str:
    result = call(answer, torch.tensor([1, 2]))
    require(not (isinstance(result, torch.Tensor) and result == 3), "That is the sum.")
    require(float(result) == 1.5, f"The mean of 1 and 2 is 1.5, got {result!r}.")
    return "One sentence that adds something."


@exercise("@@NN@@.3")
def largest(answer: Any) -> str:
    result = call(answer, torch.tensor([[1, 5], [3, 2]]))
    require(int(result) != 5, "That is the largest value, not its place.")
    require(int(result) == 1, f"The place of 5 in [[1, 5], [3, 2]] is 1, got {result!r}.")
    return "One sentence that adds something."
