"""Checks of chapter 21, memory and mixed precision."""

import copy
import math
from contextlib import ExitStack, suppress
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_float,
    as_number,
    as_tensor,
    call,
    compare,
    diagnose,
    exercise,
    plain,
    require,
)

# Bits of the significand with the leading one, and the lowest exponent of a normal number.
_FORMATS = {
    torch.bfloat16: (8, -126),
    torch.float16: (11, -14),
    torch.float32: (24, -126),
    torch.float64: (53, -1022),
}


@exercise(
    "21.1",
    hints=(
        "Round x first: make a tensor of the dtype. Which function of PyTorch gives the next "
        "number of a format, and in which direction is a larger one, for negative numbers too?",
        "torch.nextafter(here, above) takes two tensors of one dtype; with infinity as the second "
        "it goes up. Turn both numbers into Python floats, then subtract.",
    ),
)
def gap(answer: Any) -> str:
    for x, dtype in (
        (5.0, torch.bfloat16), (1.0, torch.bfloat16), (1.0, torch.float16), (1000.0, torch.float16),
        (0.1, torch.float32), (0.1, torch.float64), (0.9999, torch.bfloat16),
        (4095.0, torch.float16), (-1.0, torch.bfloat16), (-1.5, torch.float16),
        (-1024.0, torch.float32), (-3000.7, torch.float16), (1e-6, torch.float16),
        (0.0, torch.float16), (0.0, torch.bfloat16), (123456.789, torch.float32),
    ):  # fmt: skip
        here = torch.tensor(x, dtype=dtype).item()
        expected = _gap(here, dtype)
        name = f"gap({x}, {dtype})"
        compare(
            as_float(call(answer, x, dtype), name),
            expected,
            name,
            1e-6,
            _gap_mistakes(x, here, expected, dtype),
        )
    return "That is the finest step a weight of this size can make."


def _gap(here: float, dtype: torch.dtype, upwards: bool = True) -> float:
    """Returns the distance to the next number, from the bits of the format."""
    bits, lowest = _FORMATS[dtype]
    significand, exponent = math.frexp(abs(here))
    exponent = max(exponent - 1, lowest) if here else lowest
    size = math.ldexp(1.0, exponent - bits + 1)
    towards_zero = (here < 0) is upwards and here != 0
    at_a_power = significand == 0.5 and exponent > lowest
    return size / 2 if towards_zero and at_a_power else size


def _gap_mistakes(x: float, here: float, expected: float, dtype: torch.dtype) -> dict[str, float]:
    eps, below = torch.finfo(dtype).eps, _gap(here, dtype, upwards=False)
    found = {
        f"gap({x}, {dtype}) belongs to x as it is: rounded to the format, it is "
        f"{plain(here)}.": _gap(x, dtype),
        "This is the step to the next smaller number: the next larger one is above, also for "
        "negative numbers.": -below,
        f"gap({x}, {dtype}) is the distance to the next smaller number: the next larger one is "
        "above, also for negative numbers.": below,
        f"gap({x}, {dtype}) is negative: the larger number minus the smaller one.": -expected,
        f"gap({x}, {dtype}) is the next larger number itself: subtract the number it comes "
        "after.": here + expected,
        f"gap({x}, {dtype}) is measured from x: round x to the format first.": here + expected - x,
        f"gap({x}, {dtype}) is the error of rounding x. The distance between two neighbours of the "
        "format is asked for.": abs(x - here),
        f"gap({x}, {dtype}) is the gap between Python's own numbers, which have 64 bits.": (
            math.ulp(x)
        ),
        f"gap({x}, {dtype}) is half of the gap, the largest error of rounding.": expected / 2,
        f"gap({x}, {dtype}) is that of a number in float32.": _gap(
            torch.tensor(x).item(), torch.float32
        ),
        f"gap({x}, {dtype}) is the smallest normal number. Below it there are subnormal ones, down "
        f"to {plain(expected)}.": torch.finfo(dtype).tiny,
    }
    if math.frexp(here)[0] not in (0.5, -0.5):
        found[
            f"gap({x}, {dtype}) is eps times the number. Between two powers of 2, all gaps are "
            "equal."
        ] = eps * abs(x)
    if abs(here) >= 2:
        found[
            f"gap({x}, {dtype}) is eps, {plain(eps)}: that is the gap at 1. It grows with the "
            "number."
        ] = eps
    return {hint: value for hint, value in found.items() if value}


@exercise(
    "21.2",
    hints=(
        "backward() adds to the gradients that are there, so the parts add up by themselves. How "
        "much should a part count whose loss is a mean over fewer samples?",
        "x.split(size) and y.split(size) make the parts. Multiply each loss by "
        "len(part) / len(x) before its backward(), and add up the .item() of these products.",
    ),
)
def accumulate(answer: Any) -> str:
    draw = Draw(21)
    for samples, size, criterion, dtype in (
        (10, 5, F.cross_entropy, torch.float32),
        (10, 4, F.cross_entropy, torch.float32),
        (7, 3, nn.MSELoss(), torch.float64),
        (5, 1, F.cross_entropy, torch.float32),
        (6, 20, nn.CrossEntropyLoss(), torch.float32),
        (9, 9, F.l1_loss, torch.float32),
    ):
        model = _Watched(dtype).train(samples % 2 == 0)
        x = draw.normal(samples, 5, dtype=dtype)
        classes = "cross" in getattr(criterion, "__name__", type(criterion).__name__).lower()
        y = draw.integers(0, 3, samples) if classes else draw.normal(samples, 3, dtype=dtype)
        for old in (False, True):
            _accumulate_once(answer, model, criterion, x, y, size, old)
    return "As large a batch as you like."


class _Watched(nn.Module):
    """A network that notes how many samples it is given at a time, and whose graphs are left."""

    def __init__(self, dtype: torch.dtype):
        super().__init__()
        self.first, self.last = nn.Linear(5, 4, dtype=dtype), nn.Linear(4, 3, dtype=dtype)
        self.last.bias.requires_grad_(False)
        self.seen: list[int] = []
        self.saved: WeakSet[_Saved] = WeakSet()
        self.kept = False

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(len(x))
        self.kept = self.kept or len(self.saved) > 0
        with ExitStack() as stack:
            with suppress(RuntimeError):  # torch.func has no such hooks, and keeps no graph
                stack.enter_context(saved_tensors_hooks(self._save, lambda saved: saved.tensor))
            return self.last(torch.tanh(self.first(x)))

    def _save(self, tensor: Tensor) -> "_Saved":
        saved = _Saved(tensor.detach())
        self.saved.add(saved)
        return saved


class _Saved:
    """What a graph keeps for its backward pass; it is gone as soon as the graph lets go of it."""

    def __init__(self, tensor: Tensor):
        self.tensor = tensor


def _accumulate_once(
    answer: Any, model: _Watched, criterion: Any, x: Tensor, y: Tensor, size: int, old: bool
) -> None:
    trained = [p for p in model.parameters() if p.requires_grad]
    parts, losses = [], []
    for inputs, targets in zip(x.split(size), y.split(size), strict=True):
        loss = criterion(model(inputs), targets)
        parts.append(_flat(torch.autograd.grad(loss, trained)))
        losses.append(loss.detach())
    whole = criterion(model(x), y)
    expected = _flat(torch.autograd.grad(whole, trained))
    for p in trained:
        p.grad = torch.full_like(p, 0.5) if old else None
    model.seen.clear()
    model.saved.clear()
    model.kept = False
    value = call(answer, model, criterion, x, y, size, changes=("grad",))
    lengths = [len(part) for part in x.split(size)]
    given = f"For {len(x)} samples and size {size}"
    name = f"The loss that accumulate returns for {len(x)} samples and size {size}"
    value = as_float(value, name)
    require(
        any(p.grad is not None for p in trained),
        f"{given} no parameter has a gradient: call backward() for each part.",
    )
    found = _flat([torch.zeros_like(p) if p.grad is None else p.grad for p in trained])
    stack = torch.stack(parts)
    weights = torch.tensor(lengths, dtype=stack.dtype).unsqueeze(1)
    compare(
        found,
        expected,
        f"{given}, the gradient of all parameters, one after the other,",
        1e-4,
        _gradient_mistakes(stack, weights, size, 0.5 * old),
        hint="It should be that of the loss of the whole batch.",
    )
    require(
        max(model.seen) <= size,
        f"{given}, the model was given {max(model.seen)} samples at once: that needs the memory "
        "that was to be saved.",
    )
    require(
        not model.kept,
        f"{given}, the graph of a part was still there when the next part began: all graphs "
        "together need the memory of the whole batch. Call backward() for each part.",
    )
    each = torch.stack(losses).double()
    shares = weights[:, 0].double()
    compare(
        value,
        whole.item(),
        name,
        1e-4,
        typical={
            f"{given}, the returned loss is the sum of the parts' losses: weigh each by its "
            "share.": each.sum(),
            f"{given}, the returned loss is the plain mean of the parts' losses: weigh each by its "
            "share, since the last part is smaller.": each.mean(),
            f"{given}, the returned loss is that of the last part alone.": each[-1],
            f"{given}, the returned loss is the last part's share of it: add up all parts.": (
                each[-1] * shares[-1] / len(x)
            ),
            f"{given}, the returned loss is a sum over the samples: divide by their number.": (
                (each * shares).sum()
            ),
            f"{given}, the returned loss is that of the first part alone.": each[0],
        },
    )


def _gradient_mistakes(parts: Tensor, weights: Tensor, size: int, old: float) -> dict[str, Tensor]:
    total, count = weights.sum(), len(parts)
    right = (weights * parts).sum(0) / total
    share = "The weight of a part is its share of the samples, len(part) / len(x)."
    return {
        "The old gradient is still in it: clear the gradients first.": right + old,
        f"The gradients of the parts were added as they are, {count} means. {share}": parts.sum(0),
        f"The last part is smaller, and weighs as much as the others. {share}": parts.mean(0),
        f"The last part was weighed as if it had {size} samples. {share}": (
            parts.sum(0) * size / total
        ),
        "It is a sum over the samples: divide by their number.": (weights * parts).sum(0),
        "The gradient is that of the last part alone: clear once, before all parts.": (
            parts[-1] * weights[-1] / total
        ),
        "The gradient is that of the last part alone: clear once, before all parts, and weigh "
        "each part by its share.": parts[-1],
        "The last, smaller part was left out.": (weights * parts)[:-1].sum(0) / total,
        "The last, smaller part was left out. Each part weighs its share of the samples.": (
            parts[:-1].mean(0)
        ),
        "The gradient is 0: was it cleared at the end?": torch.zeros_like(right),
    }  # fmt: skip


def _flat(tensors: Any) -> Tensor:
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


@exercise(
    "21.3",
    hints=(
        "Multiply the loss, and backward gives gradients that are too large by the same factor. "
        "Where do you find all parameters that the optimizer moves?",
        'optimizer.param_groups is a list of dictionaries with "params". Pass over those whose '
        "grad is None, divide the others with grad.div_(scale), and ask isfinite().all() of each.",
    ),
)
def scaled_step(answer: Any) -> str:
    _good_steps(answer)
    for at, bad in (
        ((0, 1), math.inf), ((0, 0), -math.inf), ((0, 1), math.nan), ((2, 0), math.inf),
        ((2, 1), math.nan), ((2, 1), -math.inf), ((0, 0), math.nan),
    ):  # fmt: skip
        _bad_step(answer, *at, bad)
    _overflow(answer)
    return "GradScaler does this, and doubles the scale from time to time."


class _Probe(torch.autograd.Function):
    """Passes numbers on, and notes the gradient that comes back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, noted: list) -> Tensor:
        ctx.noted = noted
        return x.clone()

    @staticmethod
    def backward(ctx: Any, incoming: Tensor) -> tuple[Tensor, None]:
        ctx.noted.append(incoming.clone())
        return incoming, None


def _setting(momentum: float = 0.0) -> tuple[list[nn.Parameter], torch.optim.Optimizer]:
    """Returns three parameters, the second of which is idle, and an optimizer of two groups."""
    numbers = ([1.0, 2.0], [1.0], [-1.5, 0.5])
    parameters = [nn.Parameter(torch.tensor(values)) for values in numbers]
    groups = [{"params": parameters[:2]}, {"params": parameters[2:], "lr": 0.01}]
    return parameters, torch.optim.SGD(groups, lr=0.1, momentum=momentum)


def _loss(parameters: list[nn.Parameter], noted: list | None = None) -> Tensor:
    loss = (parameters[0] ** 2).sum() + (3 * parameters[2]).exp().sum()
    return loss if noted is None else _Probe.apply(loss, noted)


def _call(answer: Any, optimizer: torch.optim.Optimizer, loss: Tensor, scale: float) -> float:
    try:
        result = call(answer, optimizer, loss, scale, changes=(1,))
    except (TypeError, AttributeError) as error:
        if "NoneType" not in str(error):
            raise
        raise Wrong(
            f"A parameter without gradient raised {type(error).__name__}: skip those whose grad is "
            "None."
        ) from error
    return as_number(result, f"scaled_step(optimizer, loss, {scale})")


def _good_steps(answer: Any) -> None:
    for momentum in (0.0, 0.9):
        mine, optimizer = _setting(momentum)
        theirs = copy.deepcopy(mine)
        reference = torch.optim.SGD(
            [{"params": theirs[:2]}, {"params": theirs[2:], "lr": 0.01}], lr=0.1, momentum=momentum
        )
        mine[0].grad = torch.full((2,), 5.0)
        for scale in (1024.0, 8.0, 65536.0):
            noted: list[Tensor] = []
            start = _flat(mine)
            old = _flat([torch.zeros_like(p) if p.grad is None else p.grad for p in mine])
            found = _call(answer, optimizer, _loss(mine, noted), scale)
            reference.zero_grad()
            _loss(theirs).backward()
            reference.step()
            expected, now = _flat(theirs), _flat(mine)
            move = expected - start
            rates = torch.tensor([0.1, 0.1, 0.1, 0.01, 0.01])
            plain_sgd = momentum == 0
            diagnose(
                now,
                {
                    "The weights did not move after good gradients: call optimizer.step().": start,
                    "The step was as many times too large as the scale says: divide the gradients "
                    "by the scale.": start + move * scale,
                    "The step was too small: the gradients were divided, and the loss was not "
                    "multiplied by the scale before backward().": start + move / scale,
                    "Only the first group of the optimizer had its gradients divided: go through "
                    "all param_groups.": start + move * torch.tensor([1, 1, 1, scale, scale]),
                    "The step went uphill.": start - move,
                    "An old gradient went into the step: clear the gradients first.": (
                        expected - rates * old / scale
                    ),
                    "An old gradient went into the step, as it was: clear the gradients first.": (
                        expected - rates * old
                    ),
                }
                if plain_sgd
                else {},
                unlike=expected,
            )
            compare(
                now,
                expected,
                f"After a step with scale {scale}, what all parameters hold, one after the other,",
                1e-4,
                hint="It should be what the optimizer makes of the plain loss.",
            )
            require(
                bool(noted) and all(float(g) == scale for g in noted),
                f"The gradient of the loss itself began with {plain(noted[0]) if noted else 0}, "
                f"and it should begin with the scale, {scale}: multiply the loss by the scale "
                "before backward(), or small gradients underflow.",
            )
            require(
                found == scale,
                f"After a good step with scale {scale} it returned {plain(found)}: the scale stays "
                "the same.",
            )


def _bad_step(answer: Any, which: int, place: int, bad: float) -> None:
    mine, optimizer = _setting(momentum=0.9)
    for scale in (64.0, 3.0):
        optimizer.zero_grad()
        _loss(mine).backward()
        optimizer.step()
        before = _flat(mine)
        factors = torch.ones(2)
        factors[place] = bad
        loss = (mine[which] * factors).sum() + mine[2 - which].sum()
        found = _call(answer, optimizer, loss, scale)
        _require_skipped(mine, before, found, scale, f"One element of a gradient was {bad}")


def _require_skipped(
    mine: list[nn.Parameter], before: Tensor, found: float, scale: float, why: str
) -> None:
    require(
        torch.equal(_flat(mine), before),
        f"{why}, and the step was made: skip it, whichever element of whichever parameter it is.",
    )
    require(
        found == scale / 2,
        f"{why}, the step was skipped with scale {scale}, and it returned {plain(found)}: half of "
        f"the scale is asked for, {scale / 2}.",
    )


def _overflow(answer: Any) -> None:
    mine, optimizer = _setting()
    with torch.no_grad():
        mine[0].zero_()
    before = _flat(mine)
    found = _call(answer, optimizer, mine[0].sqrt().sum(), 16.0)
    why = "The loss was finite and its gradient infinite, as of a root at 0"
    _require_skipped(mine, before, found, 16.0, why)
    mine, optimizer = _setting()
    before, scale = _flat(mine), 2.0**40
    found = _call(answer, optimizer, (mine[0] * 1e30).sum(), scale)
    why = "Gradients of 1e30 became infinite with a scale of 2 ** 40"
    _require_skipped(mine, before, found, scale, why)


@exercise(
    "21.4",
    hints=(
        "Which bfloat16 numbers lie just below and just above? How far between them is x, as a "
        "share? With which probability must the upper one come out?",
        "A bfloat16 is a float32 without its last 16 bits. x.view(torch.int32) shows the bits: add "
        "a random number below 2**16, clear the last 16 bits, and a carry happens in proportion.",
    ),
)
def round_by_lot(answer: Any) -> str:
    draw = Draw(7)
    for x in (
        draw.normal(3, 4, 5) * 10 ** draw.uniform(3, 4, 5, low=-25.0, high=25.0),
        draw.normal(40),
        torch.tensor([1.001, -1.001, 0.9999, -3.9999, 2.00001, -256.5, 1e-30, -1e30]),
        draw.normal(2, 3).T,
        torch.tensor(0.3),
    ):
        result = _lots(answer, x, f"round_by_lot(x), for x of shape {tuple(x.shape)},")
        low, high = _neighbours(x)
        inside = (result == low) | (result == high)
        if not bool(inside.all()):
            place = tuple((~inside).nonzero()[0].tolist())
            raise Wrong(
                f"{plain(x[place].item())} became {plain(result[place].item())}, and its "
                f"neighbours in bfloat16 are {plain(low[place].item())} and "
                f"{plain(high[place].item())}."
            )
    kept = torch.cat([draw.normal(50).to(torch.bfloat16).float(), torch.tensor([0.0, 1.0, -2.0])])
    compare(
        _lots(answer, kept, "round_by_lot(x), for numbers that bfloat16 can hold,"),
        kept,
        "round_by_lot(x), for numbers that bfloat16 can hold,",
        hint="They should stay as they are.",
        tolerance=0.0,
    )
    for value in (-1.006, 1.001, 0.3001, -77.07, 3.1e-20):
        _require_mean(answer, value)
    return "On average, nothing is lost."


def _lots(answer: Any, x: Tensor, name: str) -> Tensor:
    result = as_tensor(call(answer, x), name, tuple(x.shape), dtype=torch.bfloat16)
    return result.detach().float()


def _neighbours(x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the largest bfloat16 number up to x, and the smallest from x on, as float32."""
    near = x.to(torch.bfloat16)
    end = torch.full_like(near, math.inf)
    low = torch.where(near.float() > x, torch.nextafter(near, -end), near)
    high = torch.where(near.float() < x, torch.nextafter(near, end), near)
    return low.float(), high.float()


def _require_mean(answer: Any, value: float, count: int = 20_000) -> None:
    x = torch.full((count,), value)
    name = f"round_by_lot(x), for {count} times {value},"
    result = _lots(answer, x, name).double()
    low, high = (float(side[0]) for side in _neighbours(x))
    exact = float(x[0])
    share = (exact - low) / (high - low)
    found = (result == high).double().mean().item()
    hint = f"Of {count:,} times {value}, a share of {found:.3f} became {plain(high)}"
    require(0 < found < 1, f"{hint}: both neighbours should come out, each at random.")
    require(
        not (abs(found - 0.5) < 0.02 and abs(share - 0.5) > 0.04),
        f"{hint}, about one half. The nearer neighbour should be more likely.",
    )
    require(
        not (abs(found - (1 - share)) < 0.02 and abs(share - 0.5) > 0.04),
        f"{hint}, and {share:.3f} is right: the farther neighbour is the more likely one here.",
    )
    spread = (share * (1 - share) / count) ** 0.5
    require(
        abs(found - share) < 5 * spread + 0.004,
        f"{hint}, and {share:.3f} is right, so that the mean is {value}.",
    )
    again = _lots(answer, x, name).double()
    require(not torch.equal(result, again), "Two calls give the same draw: draw anew each time.")
