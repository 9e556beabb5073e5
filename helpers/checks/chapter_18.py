"""Checks of chapter 18, learning-rate schedules."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.optim import lr_scheduler

from helpers.checks.machinery import (
    Draw,
    as_class,
    as_list,
    as_number,
    as_numbers,
    call,
    compare,
    describe,
    diagnose,
    exercise,
    plain,
    require,
)


@exercise(
    "18.1",
    hints=(
        "There are four parts: up, level, down, nothing. At which t does each begin? In which of "
        "them would a length of 0 be divided by?",
        "t / warm where t < warm; 1 where t < warm + stay; then (warm + stay + down - t) / down, "
        "which max(0.0, ...) keeps from going below 0, and 0 if down is 0.",
    ),
)
def trapezoid(answer: Any) -> str:
    for warm, stay, down in ((4, 10, 16), (3, 0, 5), (0, 5, 4), (6, 2, 0), (1, 1, 1), (7, 3, 2)):
        end = warm + stay + down
        for t in (*range(end + 4), end + 100):
            name = f"trapezoid({t}, warm={warm}, stay={stay}, down={down})"
            value = as_number(_value(answer, t, warm, stay, down), name)
            expected = _height(t, warm, stay, down)
            require(
                t <= end or value >= 0,
                f"{name} is {value:.4g}: after its end it goes below 0, and a negative rate climbs "
                "the loss. max(0.0, ...) keeps it at 0.",
            )
            compare(
                value,
                expected,
                name,
                tolerance=1e-6,
                typical=_height_mistakes(t, warm, stay, down),
                hint=_where(t, warm, stay, down),
            )
    return "Give it to LambdaLR."


def _value(answer: Any, *given: int) -> Any:
    try:
        return call(answer, *given)
    except ZeroDivisionError:
        t, warm, stay, down = given
        require(
            warm > 0 or t > 0,
            "Without a warm-up (warm=0) it divides by 0: it begins at 1 then.",
        )
        require(
            False,
            f"For t={t}, warm={warm}, stay={stay}, down={down} it divides by 0. A part that takes "
            "no steps has no slope: look whether warm and down are 0.",
        )


def _height(t: int, warm: int, stay: int, down: int) -> float:
    """Interpolates between the corners."""
    if t < warm:
        return t / warm
    past = t - warm - stay
    if past < 0 or (past == 0 and down > 0):
        return 1.0
    return 1 - past / down if past < down else 0.0


def _where(t: int, warm: int, stay: int, down: int) -> str:
    end = warm + stay
    if t < warm:
        return f"It rises from 0 at t = 0 to 1 at t = {warm}."
    if t < end or (t == end and down):
        return f"It is 1 from t = {warm} to t = {end}."
    if t < end + down:
        return f"It falls from 1 at t = {end} to 0 at t = {end + down}."
    return f"It is 0 from t = {end + down} on."


def _height_mistakes(t: int, warm: int, stay: int, down: int) -> dict[str, Any]:
    past, end = t - warm - stay, warm + stay + down
    falling = warm + stay < t < end
    return {
        "It is 0 as soon as it should come down: it falls in a straight line over `down` steps.": (
            0.0 if falling else math.nan
        ),
        "The way down is a cosine: a straight line is asked for.": (
            lambda: (1 + math.cos(math.pi * past / down)) / 2 if falling else math.nan
        ),
        "The way up is a cosine: a straight line is asked for.": (
            lambda: (1 - math.cos(math.pi * t / warm)) / 2 if t < warm else math.nan
        ),
        "The way up begins one step late, or is one step too high: it is t / warm.": (
            lambda: (t + 1) / warm if t < warm else math.nan
        ),
        "It falls as soon as it has risen: it should stay at 1 for `stay` steps first.": (
            lambda: _height(t, warm, 0, down) if t > warm and stay else math.nan
        ),
        "stay and down were taken for points in time: they are lengths, and the way down begins at "
        "warm + stay.": lambda: (
            _height(t, warm, max(stay - warm, 0), max(down - stay, 1)) if t > warm else math.nan
        ),
        "It goes on staying at 1: it should come down over `down` steps.": (
            1.0 if t > warm + stay else math.nan
        ),
        "It rises on the way down: it should fall from 1 to 0.": (
            lambda: past / down if falling else math.nan
        ),
    }


@exercise(
    "18.2",
    hints=(
        "get_lr is called in each step, and last_epoch counts the steps. Compute from the first "
        "rates, which never change.",
        "Return a list: one rate / math.sqrt(1 + self.last_epoch) for each rate in self.base_lrs.",
    ),
)
def inverse_sqrt(answer: Any) -> str:
    as_class(answer, lr_scheduler.LRScheduler, "lr_scheduler.LRScheduler")
    for firsts in ([0.4, 4.0], [1.0], [0.3, 0.02, 0.1]):
        parameters = [nn.Parameter(torch.ones(1)) for _ in firsts]
        optimizer = optim.SGD(
            [{"params": [p], "lr": lr} for p, lr in zip(parameters, firsts, strict=True)], lr=7.0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler = call(_looked_at(answer, len(firsts)), optimizer)
        seen = []
        for _ in range(10):
            rates = [group["lr"] for group in optimizer.param_groups]
            seen.append([as_number(rate, "A rate") for rate in rates])
            optimizer.step()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call(lambda scheduler=scheduler: (scheduler.step(), True))
        _compare_rates(seen, firsts)
    return "It has state_dict and load_state_dict already."


def _looked_at(answer: type, n: int) -> type:
    """Returns the scheduler, with a look at what get_lr returns before PyTorch uses it."""

    class LookedAt(answer):
        def get_lr(self) -> Any:
            rates = call(super().get_lr)
            name = f"What get_lr returns, for {n} group{'s' * (n > 1)},"
            found = as_list(rates, name)
            require(
                len(found) == n,
                f"{name} has {len(found)} rate{'s' * (len(found) != 1)}: one for each group is "
                "asked for.",
            )
            for rate in found:
                as_number(rate, "A rate that get_lr returns")
            return rates

    LookedAt.__name__ = answer.__name__
    return LookedAt


def _compare_rates(seen: list[list[float]], firsts: list[float]) -> None:
    """Holds the rates of all steps against those of mistakes, then step by step."""
    steps = range(len(seen))

    def table(rates: list[float], factor: Callable[[int], float]) -> Tensor:
        rows = [[rate * factor(t) for rate in rates] for t in steps]
        return torch.tensor(rows, dtype=torch.float64)

    def right(t: int) -> float:
        return 1 / math.sqrt(1 + t)

    n = len(firsts)
    typical = {
        "The factors pile up: start from base_lrs, not from the present rate.": table(
            firsts, lambda t: math.prod(right(k) for k in range(t + 1))
        ),
        "It is one step ahead: at t = 0 the factor is 1 / sqrt(1 + 0) = 1.": table(
            firsts, lambda t: right(t + 1)
        ),
        "It is one step behind: last_epoch is t already, so the factor is 1 / sqrt(1 + t).": table(
            firsts, lambda t: right(max(t - 1, 0))
        ),
        "The root is missing: the factor is 1 / sqrt(1 + t).": table(firsts, lambda t: 1 / (1 + t)),
        "The factor is inverted: divide by the root.": table(firsts, lambda t: math.sqrt(1 + t)),
        "The rate does not change from step to step: last_epoch is t.": table(
            firsts, lambda t: 1.0
        ),
        "1 was added to the root: it belongs inside, sqrt(1 + t).": table(
            firsts, lambda t: 1 / (1 + math.sqrt(t))
        ),
        "All groups have the first group's rate: each has its own in base_lrs.": table(
            [firsts[0]] * n, right
        ),
        "All groups have one rate: each has its own in base_lrs.": table([max(firsts)] * n, right),
        "The rate given to the optimizer as a whole was used: each group has its own in "
        "base_lrs.": table([7.0] * n, right),
        "These are the factors: multiply them by each group's first rate.": table([1.0] * n, right),
    }
    diagnose(torch.tensor(seen, dtype=torch.float64), typical, 1e-6, unlike=table(firsts, right))
    for t in steps:
        compare(
            seen[t],
            [rate * right(t) for rate in firsts],
            f"The list of rates at t = {t}, for first rates {plain(firsts)},",
            tolerance=1e-6,
            hint="Each group has its first rate times 1 / sqrt(1 + t).",
        )


@exercise(
    "18.3",
    hints=(
        "Remember two things between the losses: the best one so far, and how many came since "
        "without a better one. When is the rate cut, and what begins again then?",
        "A loss below best resets the count to 0, any other adds 1. If the count exceeds patience, "
        "multiply the rate by factor and set the count to 0. Append the rate after each loss.",
    ),
)
def plateau(answer: Any) -> str:
    draw = Draw(3)
    losses = [
        [1.0] * 10,
        [1.0, 0.8, 0.9, 0.8, 0.85, 0.9, 0.95, 0.99, 0.7, 0.71, 0.72, 0.73, 0.74, 0.75, 0.76],
        [2.0, 1.99999, 1.99998, 1.99997, 1.99996, 1.99995, 1.99994, 3.0, 3.0],
        [0.5, 0.7, 0.6, 0.55, 0.52, 0.51, 0.505, 0.4, 0.6, 0.5, 0.39, 0.38],
        [3.0],
        [3000.0, 2500.0, 2600.0, 2700.0, 2800.0, 2400.0],
        [round(float(v), 3) for v in draw.uniform(25)],
    ]
    for history in losses:
        for patience, factor, lr in ((2, 0.5, 1.0), (1, 0.1, 0.3), (0, 0.5, 0.8), (3, 0.7, 2.0)):
            name = f"plateau({plain(history)}, {patience}, {factor}, {lr})"
            rates = as_numbers(call(answer, history, patience, factor, lr), name)
            require(
                len(rates) == len(history),
                f"{name} has {len(rates)} rate{'s' * (len(rates) != 1)}, and {len(history)} are "
                "asked for: one after each loss.",
            )
            expected = _of_pytorch(history, patience, factor, lr)
            typical = {
                hint: _simulated(history, patience, factor, lr, **change)
                for hint, change in _PLATEAU_MISTAKES.items()
            }
            typical["Each rate is that before its loss: append after the cut."] = [
                lr,
                *expected[:-1],
            ]
            compare(
                rates,
                expected,
                name,
                tolerance=1e-6,
                typical=typical,
                hint="Count the losses since the best one; as many as patience are forgiven, and "
                "after a cut the count begins again.",
            )
    return "Loss by loss as PyTorch does it."


def _of_pytorch(losses: list[float], patience: int, factor: float, lr: float) -> list[float]:
    optimizer = optim.SGD([nn.Parameter(torch.ones(1))], lr=lr)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=factor, patience=patience, threshold=0.0
    )
    rates = []
    for loss in losses:
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def _simulated(
    losses: list[float],
    patience: int,
    factor: float,
    lr: float,
    better: Callable[[float, float], bool] = lambda loss, best: loss < best,
    enough: Callable[[int, int], bool] = lambda bad, patience: bad > patience,
    resets: bool = True,
    previous: bool = False,
    forgets: bool = False,
    total: bool = False,
    cut: Callable[[float, float], float] = lambda lr, factor: lr * factor,
) -> list[float]:
    """Returns the rates, of a rule with one part that differs."""
    best, bad, rates = math.inf, 0, []
    for loss in losses:
        if better(loss, best):
            best, bad = loss, bad if total else 0
        else:
            bad += 1
            best = loss if previous else best
        if enough(bad, patience):
            lr = cut(lr, factor)
            bad = 0 if resets else bad
            best = math.inf if forgets else best
        rates.append(lr)
    return rates


_PLATEAU_MISTAKES: dict[str, dict[str, Any]] = {
    "The rate is cut one loss too soon: as many bad losses as patience are forgiven, so cut when "
    "their count exceeds patience.": {"enough": lambda bad, patience: bad >= max(patience, 1)},
    "The rate is cut one loss too soon, and with patience 0 at each loss: cut when the count "
    "exceeds patience.": {"enough": lambda bad, patience: bad >= patience},
    "The rate is cut one loss too late: cut when the count exceeds patience.": {
        "enough": lambda bad, patience: bad > patience + 1
    },
    "After a cut the count begins again: set it to 0.": {"resets": False},
    "Each loss was compared with the one before: compare it with the best so far.": {
        "previous": True
    },
    "A loss equal to the best one is no improvement: it must be below.": {
        "better": lambda loss, best: loss <= best
    },
    "The best loss was forgotten after a cut: it stays the best.": {"forgets": True},
    "An improvement does not clear the count: set it to 0 when a loss is below the best.": {
        "total": True
    },
    "A small improvement did not count: with threshold=0, any loss below the best is better.": {
        "better": lambda loss, best: loss < best * (1 - 1e-4)
    },
    "A small improvement did not count: with threshold=0, every loss below the best is better.": {
        "better": lambda loss, best: loss < best - 1e-4
    },
    "A small improvement did not count: with threshold=0, any loss below the best counts.": {
        "better": lambda loss, best: loss < best * 0.99
    },
    "The rate grows at a cut: multiply by factor.": {"cut": lambda lr, factor: lr / factor},
    "factor was subtracted: multiply by it.": {"cut": lambda lr, factor: lr - factor},
    "The rate is never cut.": {"cut": lambda lr, factor: lr},
}


@exercise(
    "18.4",
    hints=(
        "There are two parts, and each may have a formula of its own. Which t is the last of the "
        "way down, and what should your formula give there?",
        "def factor(t) inside design, and return factor. (t + 1) / warm goes up; below it, "
        "share = min(1, (t - warm) / (steps - 1 - warm)) goes from 0 to 1: turn it into a fall.",
    ),
)
def design(answer: Any) -> str:
    draw = Draw(4)
    sizes = [(100, 10), (20, 10), (60, 2)]
    for _ in range(4):
        steps = int(draw.integers(20, 150, 1))
        sizes.append((steps, int(draw.integers(2, steps // 2 + 1, 1))))
    factors = [call(answer, steps, warm) for steps, warm in sizes]
    for (steps, warm), factor in zip(sizes, factors, strict=True):
        name = f"design({steps}, {warm})"
        require(
            callable(factor),
            f"{name} should be a function of t, and it is {describe(factor)}. Define a function "
            "inside design, and return it without calling it.",
        )
        heights = [
            as_number(call(factor, t), f"{name}, called with t = {t},") for t in range(3 * steps)
        ]
        _require_a_shape(heights, steps, warm, f"{name} at t = ")
        _require_the_rates(factor, heights[:steps], f"Under LambdaLR with {name}")
    return "It keeps all its promises. Now enter it in the contest."


def _require_a_shape(heights: list[float], steps: int, warm: int, name: str) -> None:
    """Holds the factors of all steps, and of many after the end, against the statement."""
    slack = 1e-6  # for factors in single precision
    for t, height in enumerate(heights):
        found = f"{name}{t} is {height:.4g}"
        require(math.isfinite(height), f"{found}: a number is asked for.")
        require(height >= -slack, f"{found}: a negative rate climbs the loss.")
        require(height <= 1 + slack, f"{found}: its maximum is 1.")
    require(
        0 < heights[0] <= 0.5 + slack,
        f"{name}0 is {heights[0]:.4g}: it should be above 0, or the first batch is wasted, and at "
        "most 1/2.",
    )
    top = next((t for t, height in enumerate(heights) if height >= 1 - slack), None)
    require(
        top is not None,
        f"{name}{warm} is {heights[warm]:.4g}, and it never reaches 1: the best rate is not used.",
    )
    require(
        warm - 1 <= top <= warm,
        f"{name}{top} it reaches 1 for the first time: that should be at warm - 1 or at warm, "
        f"{warm - 1} or {warm}.",
    )
    for t in range(1, len(heights)):
        change = heights[t] - heights[t - 1]
        if t <= top:
            require(change >= -slack, f"{name}{t} it falls, before it has reached 1.")
        else:
            require(
                change <= slack,
                f"{name}{t} it rises, "
                + ("after the last step" if t >= steps else f"after it was 1 at t = {top}")
                + ": from there on it should never rise again.",
            )
    middle = (warm + steps) // 2
    require(
        heights[middle] >= 0.05 - slack,
        f"{name}{middle}, half-way down, is {heights[middle]:.4g}: it comes down so soon that the "
        "rest of the run hardly learns. At least 0.05 is asked for.",
    )
    require(
        heights[steps - 1] < 0.01,
        f"{name}{steps - 1} is {heights[steps - 1]:.4g}, and that is the last step: it should be "
        "below 0.01 there.",
    )


def _require_the_rates(factor: Any, heights: list[float], name: str) -> None:
    """Runs LambdaLR with two groups. A function that counts its calls is found out here."""
    groups = [{"params": [nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.4, 5.0)]
    optimizer = optim.SGD(groups)
    scheduler = lr_scheduler.LambdaLR(optimizer, factor)
    for t, height in enumerate(heights):
        for group, first in zip(optimizer.param_groups, (0.4, 5.0), strict=True):
            rate = as_number(group["lr"], "A rate")
            require(
                math.isclose(rate, first * height, rel_tol=1e-4, abs_tol=1e-5),
                f"{name}, the rate at t = {t} is {rate:.4g}, and the factor was {height:.4g} when "
                f"the function was called on its own (first rate {first}): the factor should "
                "depend on t alone, and not on how often the function was called.",
            )
        optimizer.step()
        call(lambda: (scheduler.step(), True))
