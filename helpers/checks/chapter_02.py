"""Checks of chapter 02, autograd."""

import math
from typing import Any

import torch
from torch import Tensor

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_class,
    as_float,
    as_tensor,
    call,
    compare,
    diagnose,
    exercise,
    plain,
    require,
)


@exercise(
    "02.1",
    hints=(
        "The number has to become a tensor that autograd tracks. Which type of number can have a "
        "gradient, and where does backward put it?",
        "Make a new leaf with torch.tensor(float(at), requires_grad=True) in every call, run the "
        "function on it, call backward on the result, and turn the leaf's .grad into a float.",
    ),
)
def slope(answer: Any) -> str:
    def bump(x: Tensor) -> Tensor:
        return torch.exp(-(x**2)) + 3 * x

    def cube(x: Tensor) -> Tensor:
        return x * x * x

    cases = [
        ("x ** 3", cube, 2.0, 12.0),
        ("sin", torch.sin, 0.0, 1.0),
        ("sin", torch.sin, 1.5, math.cos(1.5)),
        ("exp(-x²) + 3x", bump, -0.7, 3 + 1.4 * math.exp(-0.49)),
        ("abs", torch.abs, -2.5, -1.0),
        ("x ** 3", cube, 3, 27.0),
    ]
    for text, function, at, expected in cases:
        name = f"slope({text}, {at})"
        value = as_float(call(answer, function, at), name)
        own = float(function(torch.tensor(float(at), dtype=torch.float64)))
        compare(
            value,
            expected,
            name,
            tolerance=1e-4,
            typical={
                "This is the function's value, not its slope: read the gradient, x.grad.": own,
                "The sign is wrong: this is the slope downhill.": -expected,
                "This is the slope of the function's square.": 2 * own * expected,
            },
        )
        again = as_float(call(answer, function, at), name)
        require(
            abs(again - value) < 1e-6,
            f"{name} gave {plain(value)}, and {plain(again)} when it was called again: gradients "
            "accumulate. Make a new tensor in every call.",
        )
    return "One leaf, one backward, one attribute."


@exercise(
    "02.2",
    hints=(
        "Each step needs a fresh gradient, and the step itself must not be recorded. What happens "
        "to x.grad when backward runs a second time?",
        "In each step: x.grad = None, function(x).backward(), and then x -= rate * x.grad inside "
        "with torch.no_grad(). Changed in place, x stays a leaf.",
    ),
)
def descend(answer: Any) -> str:
    draw = Draw(3)
    for shape, dtype, rate, steps in (
        ((2,), torch.float32, 0.1, 4),
        ((2,), torch.float32, 0.1, 50),
        ((3,), torch.float32, 0.1, 1),
        ((2, 3), torch.float64, 0.2, 3),
        ((), torch.float32, 0.05, 7),
    ):
        goal, scale = draw.normal(*shape, dtype=dtype), draw.uniform(*shape, low=0.5, dtype=dtype)
        start = draw.normal(*shape, dtype=dtype)

        def function(v: Tensor, goal: Tensor = goal, scale: Tensor = scale) -> Tensor:
            return (scale * (v - goal) ** 2).sum()

        def path(
            steps: int, factor: float = 1.0, goal: Tensor = goal, scale: Tensor = scale,
            start: Tensor = start, rate: float = rate
        ) -> Tensor:  # fmt: skip
            x = start
            for _ in range(steps):
                x = x - factor * rate * 2 * scale * (x - goal)
            return x

        x = start.clone().requires_grad_()
        name = f"x after {steps} step{'s' * (steps > 1)} with rate {rate}"
        given = x, rate, steps
        result = as_tensor(call(answer, function, *given, changes=(1,)), name, shape)
        compare(
            result,
            path(steps),
            name,
            tolerance=1e-4,
            typical={
                "x did not move. Was it updated in place, inside torch.no_grad()?": start,
                "x goes uphill: subtract the gradient.": path(steps, -1.0),
                f"x made {steps - 1} steps in place of {steps}.": path(steps - 1),
                f"x made {steps + 1} steps in place of {steps}.": path(steps + 1),
                "Old gradients add up: set x.grad to None before each backward.": (
                    _adding_up(start, goal, scale, rate, steps)
                ),
                "The rate is missing: x -= rate * gradient.": path(steps, 1 / rate),
                "x goes by the sign of the gradient alone: subtract rate * gradient.": (
                    _by_sign(start, goal, scale, rate, steps)
                ),
            },
            hint="Each step is x -= rate * gradient, with the gradient at the present x.",
        )
        _require_tracked_leaf(result)
        old = start.clone().requires_grad_()
        old.grad = torch.full_like(start, 5.0)
        result = as_tensor(call(answer, function, old, rate, steps, changes=(1,)), name, shape)
        compare(
            result,
            path(steps),
            f"From a start that had an x.grad before, {name}",
            tolerance=1e-4,
            hint="The old gradient was added: clear x.grad before the first backward, too.",
        )
        _require_tracked_leaf(result)
    return "That is gradient descent: an optimizer does the same."


def _require_tracked_leaf(result: Tensor) -> None:
    require(
        result.requires_grad,
        "x has the right numbers and does not require gradients any more: switch recording off "
        "with torch.no_grad() for the step, and leave requires_grad alone.",
    )
    require(
        result.is_leaf,
        "x has the right numbers and is not a leaf any more: a graph of all steps hangs on it. "
        "Update it in place, x -= rate * x.grad, inside torch.no_grad().",
    )


def _adding_up(start: Tensor, goal: Tensor, scale: Tensor, rate: float, steps: int) -> Tensor:
    x, total = start, torch.zeros_like(start)
    for _ in range(steps):
        total = total + 2 * scale * (x - goal)
        x = x - rate * total
    return x


def _by_sign(start: Tensor, goal: Tensor, scale: Tensor, rate: float, steps: int) -> Tensor:
    x = start
    for _ in range(steps):
        x = x - rate * (x - goal).sign()
    return x


@exercise(
    "02.3",
    hints=(
        "forward has to leave behind what backward will need: ctx.save_for_backward(x). backward "
        "gets the gradient of the result, and returns the gradient of x.",
        "In backward, (x,) = ctx.saved_tensors; the chain rule multiplies incoming, element by "
        "element, by the slope at x.",
    ),
)
def soft_sign(answer: Any) -> str:
    as_class(answer, torch.autograd.Function, "torch.autograd.Function")
    draw = Draw(4)
    for shape, dtype in (((5,), torch.float64), ((2, 3), torch.float32), ((), torch.float64)):
        x = (3 * draw.normal(*shape, dtype=dtype)).requires_grad_()
        _compare_forward(answer, x)
        _compare_backward(answer, x, draw.normal(*shape, dtype=dtype))
    zero = torch.tensor([0.0, -2.0, 2.0], requires_grad=True)
    _compare_forward(answer, zero)
    _compare_backward(answer, zero, torch.tensor([1.0, 2.0, 3.0]))
    first, second = (torch.tensor([v, 2 * v], requires_grad=True) for v in (1.0, -3.0))
    outputs = call(answer.apply, first), call(answer.apply, second)
    result = call(lambda: torch.autograd.grad(outputs[0], first, torch.ones(2)))
    compare(
        result[0],
        _slope(first),
        "The gradient for the first of two inputs",
        tolerance=1e-4,
        hint="Another call of forward came in between. Keep what backward needs in ctx, where each "
        "call has its own.",
    )
    return "gradcheck agrees with your backward."


def _slope(x: Tensor) -> Tensor:
    return 1 / (1 + x.detach().abs()) ** 2


def _compare_forward(answer: Any, x: Tensor) -> None:
    v = x.detach()
    compare(
        call(answer.apply, x),
        torch.nn.functional.softsign(v),
        f"Softsign.apply(x), for x = {plain(v)},",
        typical={
            "The absolute value is missing: x / (1 + |x|).": v / (1 + v),
            "The sign is lost: the numerator is x, not |x|.": v.abs() / (1 + v.abs()),
            "This is the slope of the softsign: forward returns its value.": _slope(x),
            "This is tanh, another curve of the same kind.": v.tanh(),
            "The result is x itself: forward should return x / (1 + |x|).": v,
        },
        hint="forward should return x / (1 + |x|).",
    )


def _compare_backward(answer: Any, x: Tensor, incoming: Tensor) -> None:
    v, kept, slope = x.detach(), incoming.clone(), _slope(x)
    y = call(answer.apply, x)
    require(
        y.requires_grad,
        "The result has no graph: forward must compute from x with tensor operations, and return "
        "a new tensor.",
    )
    (found,) = call(lambda: torch.autograd.grad(y, x, incoming, allow_unused=True))
    if found is None:
        raise Wrong("backward returns None: it should return the gradient of x.")
    require(
        torch.equal(incoming, kept),
        "backward changes the incoming gradient in place, which others may still need: write "
        "incoming * ... and not incoming *= ...",
    )
    typical = {
        "backward ignores the gradient that comes in: multiply by it (the chain rule).": slope,
        "backward averages the gradient that comes in. Each element has its own: multiply element "
        "by element.": incoming.mean() * slope,
        "backward adds up the gradient that comes in. Each element has its own: multiply element "
        "by element.": incoming.sum() * slope,
        "backward passes the incoming gradient on as it is: multiply it by the slope.": incoming,
        "The square is missing: the slope is 1 / (1 + |x|)².": incoming / (1 + v.abs()),
        "The absolute value is missing in backward: the slope is 1 / (1 + |x|)².": (
            incoming / (1 + v) ** 2
        ),
        "backward divides by the slope: multiply by it.": incoming / slope,
        "The sign is wrong: the slope of the softsign is positive everywhere.": -incoming * slope,
        "backward multiplies by the softsign's value: multiply by its slope.": (
            incoming * v / (1 + v.abs())
        ),
        "The slope belongs to tanh: 1 / (1 + |x|)² is that of the softsign.": (
            incoming * (1 - (v / (1 + v.abs())) ** 2)
        ),
    }
    name = f"The gradient for x = {plain(v)}, when {plain(incoming)} comes in,"
    diagnose(found, typical, 1e-4, unlike=incoming * slope)
    compare(
        found,
        incoming * slope,
        name,
        tolerance=1e-4,
        hint="backward should return incoming times 1 / (1 + |x|)².",
    )
