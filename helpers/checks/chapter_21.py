"""Checks of chapter 21, Memory and mixed precision."""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from helpers.checks.machinery import Wrong, call, exercise, require


@exercise("21.1")
def gap(answer: Any) -> str:
    cases = (
        (1.0, torch.bfloat16, 2.0**-7),
        (1.0, torch.float16, 2.0**-10),
        (1000.0, torch.float16, 0.5),
        (3.0, torch.bfloat16, 2.0**-6),
        (0.1, torch.float32, 2.0**-27),
    )
    for x, dtype, expected in cases:
        value = call(answer, x, dtype)
        require(
            isinstance(value, float), f"A Python float is asked for, not {type(value).__name__}."
        )
        require(
            value != torch.finfo(dtype).eps or value == expected,
            f"gap({x}, {dtype}) is eps, {value}: that is the gap at 1. It grows with the number.",
        )
        require(value > 0, f"gap({x}, {dtype}) gave {value}: the next larger number is above.")
        require(
            math.isclose(value, expected, rel_tol=1e-6),
            f"gap({x}, {dtype}) gave {value:.3g}, expected {expected:.3g}.",
        )
    return "That is the finest step a weight of this size can make."


@exercise("21.2")
def accumulate(answer: Any) -> str:
    torch.manual_seed(0)
    model = nn.Linear(5, 3)
    x, y = torch.randn(10, 5), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
    expected = F.cross_entropy(model(x), y)
    target = torch.autograd.grad(expected, model.weight)[0]
    for size in (5, 4):
        model.weight.grad = torch.ones_like(model.weight)
        value = call(answer, model, F.cross_entropy, x, y, size)
        gradient = model.weight.grad
        require(gradient is not None, "The weight has no gradient: call backward().")
        parts = math.ceil(10 / size)
        require(
            not torch.allclose(gradient, target + 1, atol=1e-5),
            "The old gradient is still in it: clear the gradients first.",
        )
        if size == 5:
            require(
                not torch.allclose(gradient, parts * target, atol=1e-5),
                f"The gradient is {parts} times too large: weigh each part by its share.",
            )
        elif not torch.allclose(gradient, target, atol=1e-5):
            raise Wrong(
                "Parts of 4, 4 and 2 samples: the last weighs as much as the others. The weight of "
                "a part is its share of the samples."
            )
        require(
            torch.allclose(gradient, target, atol=1e-5),
            "The gradient is not that of the whole batch.",
        )
        require(
            isinstance(value, float), f"A Python float is asked for, not {type(value).__name__}."
        )
        require(
            abs(value - expected.item()) < 1e-5,
            f"The loss is {value:.4f}, expected {expected.item():.4f}, that of the whole batch.",
        )
    return "As large a batch as you like."


@exercise("21.3")
def scaled_step(answer: Any) -> str:
    w, idle = nn.Parameter(torch.tensor([1.0, 2.0])), nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([w, idle], lr=0.1)
    w.grad = torch.full((2,), 5.0)
    try:
        scale = call(answer, optimizer, (w**2).sum(), 1024.0)
    except (TypeError, AttributeError) as error:
        raise Wrong(
            f"A parameter without gradient raised {type(error).__name__}: skip those whose grad is "
            "None."
        ) from error
    require(
        not torch.allclose(w.detach(), torch.tensor([1.0, 2.0]) * (1 - 0.2 * 1024)),
        "The step was 1024 times too large: divide the gradients by the scale.",
    )
    require(
        not torch.allclose(w.detach(), torch.tensor([0.8, 1.6]) - 5 * 0.1 / 1024, atol=1e-6),
        "An old gradient went into the step: clear the gradients first.",
    )
    require(
        torch.allclose(w.detach(), torch.tensor([0.8, 1.6]), atol=1e-5),
        f"The weights are {w.tolist()} after a step, expected [0.8, 1.6].",
    )
    require(scale == 1024.0, f"After a good step it returned {scale}, expected 1024.0.")
    before = w.detach().clone()
    scale = answer(optimizer, (w * torch.tensor([float("inf"), 1.0])).sum(), 64.0)
    require(
        torch.equal(w.detach(), before),
        "A gradient was infinite and the step was made: skip it.",
    )
    require(scale == 32.0, f"After a skipped step it returned {scale}, expected half, 32.0.")
    answer(optimizer, (w * float("nan")).sum(), 64.0)
    require(bool(w.isfinite().all()), "A gradient was nan and the step was made: skip it.")
    return "GradScaler does this, and doubles the scale from time to time."
