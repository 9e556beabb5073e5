"""Checks of chapter 02, autograd."""

from typing import Any

import torch

from helpers.checks.machinery import (
    NotAnswered,
    Wrong,
    call,
    close,
    exercise,
    require,
    require_subclass,
    require_tensor,
)


@exercise("02.1")
def slope(answer: Any) -> str:
    def square(x: torch.Tensor) -> torch.Tensor:
        return x**2

    first, second = call(answer, square, 3.0), call(answer, square, 3.0)
    if isinstance(first, tuple):
        raise Wrong("slope(function, at) should be one number, but it returned a tuple.")
    require(
        abs(float(first) - float(second)) < 1e-6,
        "The second call gave another result than the first: gradients accumulate. Make a new "
        "tensor in every call.",
    )
    for at in (0.0, 1.5):
        value = float(call(answer, torch.sin, at))
        expected = torch.cos(torch.tensor(at)).item()
        require(
            abs(value - torch.sin(torch.tensor(at)).item()) > 1e-6,
            f"slope(torch.sin, {at}) gave the function's value, not its slope: read x.grad.",
        )
        require(
            abs(value - expected) < 1e-4,
            f"slope(torch.sin, {at}) gave {value:.4f}; the derivative of sin is cos, so it should "
            f"be {expected:.4f}.",
        )
    return "One leaf, one backward, one attribute."


@exercise("02.2")
def descend(answer: Any) -> str:
    goal = torch.tensor([2.0, -1.0])
    x = torch.zeros(2, requires_grad=True)
    result = require_tensor(
        call(answer, lambda v: ((v - goal) ** 2).sum(), x, 0.1, 50), "descend(...)", (2,)
    )
    require(
        not torch.equal(result.detach(), torch.zeros(2)),
        "x did not move. Was it updated in place, inside torch.no_grad()?",
    )
    require(
        (result.detach() - goal).abs().max() < 10,
        "x ran away. The gradient must be set to zero before each backward, and subtracted.",
    )
    require(
        close(result, goal, 1e-3),
        f"After 50 steps x is {[round(v, 3) for v in result.tolist()]}, not near [2, -1]. Do old "
        "gradients add up? Set x.grad to None before each backward.",
    )
    return "That is gradient descent: an optimizer does the same."


@exercise("02.3")
def soft_sign(answer: Any) -> str:
    require_subclass(answer, torch.autograd.Function, "torch.autograd.Function")
    x = torch.tensor([-2.0, -0.5, 0.3, 4.0], dtype=torch.float64, requires_grad=True)
    y = answer.apply(x)
    if y is ...:
        raise NotAnswered
    require_tensor(y, "Softsign.apply(x)", (4,))
    require(close(y, x / (1 + x.abs())), "forward should return x / (1 + |x|).")
    (gradient,) = torch.autograd.grad(y.sum(), x)
    require(close(gradient, 1 / (1 + x.abs()) ** 2), "backward should use 1 / (1 + |x|)².")
    (gradient,) = torch.autograd.grad(answer.apply(x), x, torch.full_like(x, 3.0))
    require(
        close(gradient, 3 / (1 + x.abs()) ** 2),
        "backward ignores the gradient that comes in: multiply by it (the chain rule).",
    )
    require(torch.autograd.gradcheck(answer.apply, x), "gradcheck does not agree.")
    return "gradcheck agrees with your backward."
