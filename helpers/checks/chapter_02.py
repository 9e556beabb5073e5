"""Checks of chapter 02, autograd."""

import math
import operator
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_class,
    as_float,
    as_number,
    as_tensor,
    call,
    compare,
    describe,
    diagnose,
    exercise,
    plain,
    require,
    run,
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
            hint="A finite difference comes near, and backward is exact."
            * (abs(value - expected) < 0.01 * abs(expected)),
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
        "setup_context has to leave behind what backward will need: ctx.save_for_backward(...). "
        "backward gets the gradient of the result, and returns the gradient of x.",
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
    return "forward and backward agree with the formula. Let gradcheck judge them, too."


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
        "The slope was computed from the output: save x for backward.": (
            incoming / (1 + (v / (1 + v.abs())).abs()) ** 2
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


MOST_CALLS = 2000
"""Function calls that a backward over 12 operations may make: some visit each Number often."""


@exercise(
    "02.4",
    hints=(
        "A result has to remember the Numbers it was made of, and the slope with respect to each: "
        "1 and 1 for a sum, the other factor for a product. When may a Number pass on what it got?",
        "In backward, list the Numbers so that each stands after those it was made of, without "
        "repetition. Go through the list from its end with a dictionary of this call's slopes, "
        "which begins with 1 for the result, and add them to grad.",
    ),
)
def tiny_autograd(answer: Any) -> str:
    if not isinstance(answer, type):
        raise Wrong(f"A class is asked for, and the answer is {describe(answer)}.")
    _simple_results(answer)
    _used_twice(answer)
    _several_calls(answer)
    a = _number(answer, 5.0)
    _backward(a)
    compare(_grad(a, "a"), 1.0, "a.grad after a.backward(), where a is a leaf,")
    _random_programs(answer)
    _long_chain(answer)
    return "A sum over all paths, each Number visited once: this is what autograd does."


def _simple_results(answer: Any) -> None:
    a, b = _number(answer, 3.0), _number(answer, -4.0)
    compare(_value(a, "a"), 3.0, "Number(3.0).value")
    compare(_grad(a, "a"), 0.0, "Number(3.0).grad, before any backward,")
    total, product = _apply("+", a, b), _apply("*", a, b)
    for name, node, expected in (("a", a, 3.0), ("b", b, -4.0)):
        compare(_value(node, name), expected, f"{name}.value after a + b and a * b",
                hint="An operation leaves the Numbers it is given as they are.")  # fmt: skip
    compare(_value(total, "(a + b)"), -1.0, "(a + b).value, for 3 and -4,")
    compare(_value(product, "(a * b)"), -12.0, "(a * b).value, for 3 and -4,")
    _backward(total)
    for name, node in (("a", a), ("b", b)):
        compare(_grad(node, name), 1.0, f"{name}.grad after (a + b).backward()", typical={
            "backward left no slope on the Numbers it came from.": 0.0})  # fmt: skip
    a, b = _number(answer, 3.0), _number(answer, -4.0)
    _backward(_apply("*", a, b))
    for name, node, slope, own in (("a", a, -4.0, 3.0), ("b", b, 3.0, -4.0)):
        compare(
            _grad(node, name),
            slope,
            f"{name}.grad after (a * b).backward(), for 3 and -4,",
            typical={"The slope of a product with respect to one factor is the other.": own},
        )


def _used_twice(answer: Any) -> None:
    a = _number(answer, 3.0)
    _backward(_apply("+", _apply("*", a, a), a))
    one_place = "Only one of the places where a is used counts: add up their slopes."
    compare(_grad(a, "a"), 7.0, "a.grad after (a * a + a).backward(), for 3,",
            typical={one_place: lambda: _one_of(_grad(a, "a"), 1.0, 3.0, 4.0, 6.0)})  # fmt: skip


def _one_of(found: float, *candidates: float) -> float:
    return min(candidates, key=lambda value: abs(value - found))


def _several_calls(answer: Any) -> None:
    a, b = _number(answer, 2.0), _number(answer, 5.0)
    result = _apply("*", _apply("*", a, b), b)
    _backward(result)
    compare(_grad(a, "a"), 25.0, "a.grad after (a * b * b).backward(), for 2 and 5,")
    compare(_grad(b, "b"), 20.0, "b.grad after (a * b * b).backward(), for 2 and 5,")
    _backward(result)
    stale = "The first call left slopes on the results in between, and the second passed them on " \
            "again: those belong to one call."  # fmt: skip
    compare(
        _grad(a, "a"),
        50.0,
        "a.grad after two calls of backward on a * b * b, for 2 and 5,",
        typical={
            "The second call did not add to the first.": 25.0,
            stale: lambda: _one_of(_grad(a, "a"), 75.0, 100.0),
        },
    )
    a, b = _number(answer, 2.0), _number(answer, 5.0)
    part = _apply("*", a, b)
    _backward(_apply("+", part, a))
    _backward(_apply("*", part, b))
    name = "a.grad after (p + a).backward() and (p * b).backward(), where p = a * b, for 2 and 5,"
    compare(_grad(a, "a"), 31.0, name, typical={
        "The second call did not add to the first.": 25.0,
        "The first call left a slope on p, and the second passed it on again.": (
            lambda: _one_of(_grad(a, "a"), 36.0, 41.0))})  # fmt: skip


def _random_programs(answer: Any) -> None:
    draw = Draw(24)
    for leaves, operations in ((2, 4), (3, 8), (1, 6), (4, 12)):
        values = draw.uniform(leaves, low=-1.3, high=1.3, dtype=torch.float64)
        kinds = draw.integers(0, 2, operations).tolist()
        places = [
            draw.integers(max(0, leaves + step - 4), leaves + step, 2).tolist()
            for step in range(operations)
        ]
        theirs = [_number(answer, v) for v in values.tolist()]
        ours = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values.tolist()]
        text = []
        for step, (kind, (i, j)) in enumerate(zip(kinds, places, strict=True)):
            sign = "+*"[kind]
            theirs.append(_apply(sign, theirs[i], theirs[j]))
            ours.append(ours[i] + ours[j] if sign == "+" else ours[i] * ours[j])
            text.append(f"n{leaves + step} = n{i} {sign} n{j}")
        name = f"with {', '.join(text)}"
        compare(_value(theirs[-1], "n"), ours[-1].item(), f"The last value, {name},")
        gradients = torch.autograd.grad(ours[-1], ours[:leaves], allow_unused=True)
        _backward(theirs[-1])
        for place, gradient in enumerate(gradients):
            compare(
                _grad(theirs[place], f"n{place}"),
                0.0 if gradient is None else gradient.item(),
                f"n{place}.grad, {name},",
                hint="A Number must have received all its slopes before it passes them on.",
            )


def _long_chain(answer: Any) -> None:
    a = x = _number(answer, 1.0)
    for _ in range(12):
        x = _apply("+", x, x)
    calls = _count_calls(lambda: _backward(x))
    require(
        calls < MOST_CALLS,
        f"backward over 12 operations x = x + x makes {calls} function calls: it goes along every "
        "path, and their number doubles with each operation. Visit each Number once.",
    )
    compare(_grad(a, "a"), 4096.0, "The slope of 12 doublings")
    a = x = _number(answer, 1.0)
    for _ in range(40):
        x = _apply("+", x, x)
    _backward(x)
    compare(_grad(a, "a"), 2.0**40, "The slope of 40 doublings")


def _count_calls(action: Callable[[], object]) -> int:
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(before)
    return calls


def _number(answer: Any, value: float) -> Any:
    return call(answer, value)


def _apply(sign: str, a: Any, b: Any) -> Any:
    return call({"+": operator.add, "*": operator.mul}[sign], a, b, changes=True)


def _backward(node: Any) -> None:
    method = getattr(node, "backward", None)
    if not callable(method):
        raise Wrong(f"A result should have a method backward, and it is {describe(node)}.")
    run(method)


def _value(node: Any, name: str) -> float:
    return _attribute(node, "value", name)


def _grad(node: Any, name: str) -> float:
    return _attribute(node, "grad", name)


def _attribute(node: Any, attribute: str, name: str) -> float:
    if not hasattr(node, attribute):
        raise Wrong(f"{name} should have an attribute {attribute}, and it is {describe(node)}.")
    return as_number(getattr(node, attribute), f"{name}.{attribute}")
