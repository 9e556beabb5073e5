"""Checks of chapter 29, generation."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_number,
    as_tensor,
    call,
    compare,
    describe,
    diagnose,
    exercise,
    forbid,
    plain,
    require,
    require_gradients,
)


@exercise(
    "29.1",
    hints=(
        "What must come out when both Gaussians are the same? And which of the two variances "
        "divides the distance of the means?",
        "For one number it is the mean under the first Gaussian of log p1 - log p2: half of "
        "var_1 / var_2 + (mean_1 - mean_2)² / var_2 - 1 + log var_2 - log var_1.",
    ),
)
def kl_between(answer: Any) -> str:
    draw = Draw(1)
    for shape, dtype in (((5, 3), torch.float64), ((1, 7), torch.float64), ((4, 1), torch.float32)):
        a, u, b, v = (draw.normal(*shape, dtype=dtype).requires_grad_() for _ in range(4))
        name = f"kl_between(...), for tensors of shape {shape},"
        result = call(answer, a, u, b, v)
        expected = _kl(a, u, b, v).sum(1)
        mistakes = _other_kls(a.detach(), u.detach(), b.detach(), v.detach())
        compare(result, expected, name, tolerance=1e-5, typical=mistakes, dtype=dtype)
        if dtype == torch.float64:
            hint = "It is close and not equal: add no small number, and stay in float64 throughout."
            compare(result, expected, name, tolerance=1e-11, hint=hint)
        given = {"mean_1": a, "log_var_1": u, "mean_2": b, "log_var_2": v}
        require_gradients(result, expected, given, name)
    same = draw.normal(3, 4, dtype=torch.float64)
    zero = as_tensor(call(answer, same, same / 2, same.clone(), same / 2), "kl_between", (3,))
    require(
        bool((zero.detach().abs() < 1e-12).all()),
        "For two equal Gaussians it should be 0, without any small number added.",
    )
    forbid(
        answer,
        names={
            name: "The exercise asks for the formula, without torch.distributions."
            for name in ("distributions", "kl_divergence", "Normal")
        },
    )
    return "With mean_2 and log_var_2 zero, it is the kl of the VAE."


def _kl(a: Tensor, u: Tensor, b: Tensor, v: Tensor) -> Tensor:
    return kl_divergence(Normal(a, (u / 2).exp()), Normal(b, (v / 2).exp()))


def _other_kls(a: Tensor, u: Tensor, b: Tensor, v: Tensor) -> dict[str, Any]:
    right, zero = _kl(a, u, b, v), torch.zeros_like(a)
    return {
        "This is KL(N2 || N1): the two Gaussians are exchanged.": _kl(b, v, a, u).sum(1),
        "The logarithms of the variances were taken for those of the standard deviations: "
        "exp(log_var) is the variance.": _kl(a, 2 * u, b, 2 * v).sum(1),
        "exp(log_var / 2) was taken for the variance: it is the standard deviation.": (
            _kl(a, u / 2, b, v / 2).sum(1)
        ),
        "This is the mean over the numbers: take the sum.": right.mean(1),
        "The factor 1/2 is missing.": 2 * right.sum(1),
        "The second Gaussian was taken for N(0, 1).": _kl(a, u, zero, zero).sum(1),
        "The means were not compared: their squared difference, divided by the second variance, "
        "is missing.": _kl(zero, u, zero, v).sum(1),
        "The squared difference of the means is divided by the first variance: divide by the "
        "second.": (right + (a - b) ** 2 / 2 * ((-u).exp() - (-v).exp())).sum(1),
        "The squared difference of the means is not divided by the second variance.": (
            right + (a - b) ** 2 / 2 * (1 - (-v).exp())
        ).sum(1),
        "The -1 per number is missing.": (right + 0.5).sum(1),
        "The logarithms have the wrong sign: log_var_2 is added and log_var_1 subtracted.": (
            right + u - v
        ).sum(1),
        "The term log_var_2 - log_var_1 is missing.": (right + (u - v) / 2).sum(1),
        "These are the divergences of the single numbers: sum them over dim 1.": right,
        "This is the sum over the batch: sum over the numbers of each row.": right.sum(0),
        "This is the sum of all: one number per row is asked for.": right.sum(),
        "This is the mean over the batch: one number per row is asked for.": right.sum(1).mean(),
    }


_FIELDS: tuple[tuple[str, Callable[[Tensor, float], Tensor]], ...] = (
    ("velocity = -z + t", lambda z, t: t - z),
    ("velocity = sin(3 t) z", lambda z, t: math.sin(3 * t) * z),
    ("velocity = cos(z) + t²", lambda z, t: z.cos() + t**2),
)


@exercise(
    "29.2",
    hints=(
        "In one step, at which two places and at which two times is the velocity needed?",
        "first = velocity(z, t); the trial point is z + first / steps, at the time t + 1 / steps. "
        "From z, not from the trial point, go along the mean of the two.",
    ),
)
def heun(answer: Any) -> str:
    draw = Draw(2)
    for name, field in _FIELDS:
        # With one step, different mistakes agree.
        for steps, shape in ((3, (5, 2)), (1, (4,)), (10, (1, 3))):
            z, times = draw.normal(*shape, dtype=torch.float64), []

            def velocity(
                z: Tensor, t: Any, field: Any = field, times: list[float] = times
            ) -> Tensor:
                require(
                    isinstance(t, int | float),
                    "The time that velocity is called with should be a Python number, and it is "
                    f"{describe(t)}.",
                )
                times.append(float(t))
                return field(z, times[-1])

            what = f"heun(velocity, z, {steps}), with {name},"
            result = as_tensor(call(answer, velocity, z, steps), what)
            asked = f"The velocity was asked for {len(times)} times in {steps} "
            asked += f"step{'s' if steps > 1 else ''}: twice per step is "
            require(len(times) <= 2 * steps, f"{asked}enough.")
            hint = f"{asked}asked for." if len(times) < 2 * steps else ""
            apart = max((abs(t * steps - round(t * steps)) for t in times), default=0)
            if 1e-12 < apart < 1e-5:
                hint = "The times were rounded to float32: the number i / steps is exact enough."
            compare(
                result,
                _heun(field, z, steps),
                what,
                tolerance=1e-10,
                typical=_other_walks(field, z, steps),
                hint=hint,
                dtype=torch.float64,
            )
    return "Twice the work per step, and the error falls with the square of the steps."


def _heun(field: Callable, z: Tensor, steps: int, trial: float = 1, late: float = 1) -> Tensor:
    h = 1 / steps
    for i in range(steps):
        first = field(z, i * h)
        z = z + h / 2 * (first + field(z + trial * h * first, (i + late) * h))
    return z


def _other_walks(field: Callable, z: Tensor, steps: int) -> dict[str, Any]:
    h = 1 / steps

    def walked(move: Callable, first: int = 0) -> Tensor:
        x = z
        for i in range(first, first + steps):
            x = move(x, i * h)
        return x

    def from_trial(x: Tensor, t: float) -> Tensor:
        trial = x + h * field(x, t)
        return trial + h / 2 * (field(x, t) + field(trial, t + h))

    def midpoint(x: Tensor, t: float) -> Tensor:
        return x + h * field(x + h / 2 * field(x, t), t + h / 2)

    def end_only(x: Tensor, t: float) -> Tensor:
        return x + h * field(x + h * field(x, t), t + h)

    def summed(x: Tensor, t: float) -> Tensor:
        return x + h * (field(x, t) + field(x + h * field(x, t), t + h))

    def whole(x: Tensor, t: float) -> Tensor:
        first = field(x, t)
        return x + (first + field(x + first, t + h)) / 2

    def one_less() -> Tensor:
        x = z
        for i in range(steps - 1):
            x = x + h / 2 * (field(x, i * h) + field(x + h * field(x, i * h), (i + 1) * h))
        return x

    def backwards() -> Tensor:
        x = z
        for i in range(steps, 0, -1):
            first = field(x, i * h)
            x = x - h / 2 * (first + field(x - h * first, (i - 1) * h))
        return x

    return {
        "This is Euler's method: the velocity at the end of the step plays no part.": walked(
            lambda x, t: x + h * field(x, t)
        ),
        "This is the midpoint method: look at the end of the step, and take the mean of both "
        "velocities.": walked(midpoint),
        "Only the velocity at the end of the step was used: take the mean of both.": walked(
            end_only
        ),
        "The two velocities were added up: take their mean.": walked(summed),
        "The step was taken from the trial point: go back to its beginning.": walked(from_trial),
        "The second velocity was taken at the end's place and at the beginning's time: its time "
        "is t + 1 / steps.": _heun(field, z, steps, late=0),
        "The second velocity was taken at the end's time and at the beginning's place: go there "
        "by Euler first.": _heun(field, z, steps, trial=0),
        "The velocities were not divided by the number of steps.": walked(whole),
        "The step size is missing: a velocity is multiplied by 1 / steps.": walked(
            lambda x, t: x + (field(x, t) + field(x + h * field(x, t), t + h)) / 2
        ),
        "One step is missing at the end.": one_less(),
        "It goes from t = 1 to t = 0.": backwards(),
        "The first step begins at t = 1 / steps, and it should begin at t = 0.": walked(
            lambda x, t: x + h / 2 * (field(x, t) + field(x + h * field(x, t), t + h)), 1
        ),
        "This is z itself.": z,
    }


@exercise(
    "29.3",
    hints=(
        "How far is it from a real row to its k-th other real row, and to the drawn row that is "
        "nearest?",
        "torch.cdist(real, real) has a 0 for each row itself, so the k-th other is its k + 1-th "
        "smallest. Compare it with the minimum over the drawn rows, and take the mean.",
    ),
)
def coverage(answer: Any) -> str:
    draw, cases = Draw(3), []
    for n, m, d, k in (*_SIZES, (9, 30, 3, 1), (20, 1, 1, 5), (6, 15, 4, 5)):
        spread = 4.0 ** -torch.arange(d, dtype=torch.float64)
        real = spread * draw.normal(n, d, dtype=torch.float64)
        drawn = spread * (0.8 * draw.normal(m, d, dtype=torch.float64) + 0.9)
        cases.append((real, drawn, k))
    for real, drawn, k in cases:
        result, expected = call(answer, real, drawn, k), _coverage(real, drawn, k)
        name = f"coverage(real, drawn, {k}), for {len(real)} real and {len(drawn)} drawn rows,"
        if abs(as_number(result, name) - expected) > 1e-5:
            shifted = [(a, b + far, k) for a, b, k in cases[:2] for far in (1, 2, 3, 100)]
            _explain(answer, [*cases[: len(_SIZES)], *shifted])
        compare(result, expected, name)
    line = torch.arange(6, dtype=torch.float64).unsqueeze(1)
    result = call(answer, line, torch.tensor([[-1.0]], dtype=torch.float64), 1)
    compare(
        result,
        1 / 6,
        "coverage(real, drawn, 1), for real rows 0, 1, ..., 5 and -1 drawn,",
        typical={"The border belongs to the ball: a distance equal to the radius is inside.": 0.0},
    )
    result = call(answer, line, torch.tensor([[0.0], [100.0]], dtype=torch.float64), 1)
    compare(
        result,
        1 / 3,
        "coverage(real, drawn, 1), for real rows 0, 1, ..., 5 and 0 and 100 drawn,",
        typical={
            "A drawn row that equals a real one lies in its ball: only among the real rows "
            "is a row not its own neighbour.": 1 / 6
        },
    )
    value = call(answer, line, line.clone(), 2)
    compare(value, 1.0, "coverage(real, real, 2)")
    far = call(answer, line, line + 100, 2)
    compare(far, 0.0, "coverage(real, drawn, 2), where all drawn rows are far away,")
    return "Read it beside precision: a model that draws one perfect bag is precise."


_SIZES = (12, 7, 2, 3), (40, 25, 3, 2), (50, 35, 3, 2)


def _explain(answer: Any, cases: list[tuple[Tensor, Tensor, int]]) -> None:
    """Names the mistake that agrees in all of these cases: a single number says too little."""
    found = [as_number(call(answer, *case), "coverage(real, drawn, k)") for case in cases]
    right = [_coverage(*case) for case in cases]
    others = [_others(*case) for case in cases]
    typical = {hint: [other[hint]() for other in others] for hint in others[0]}
    diagnose(found, typical, unlike=torch.tensor(right, dtype=torch.float64))


def _coverage(real: Tensor, drawn: Tensor, k: int, own: bool = False, border: float = 1.0) -> float:
    gaps = (real.unsqueeze(1) - real).norm(dim=2).sort(dim=1).values[:, k - own]
    nearest = (real.unsqueeze(1) - drawn).norm(dim=2).amin(dim=1)
    return (nearest <= border * gaps).double().mean().item()


def _others(real: Tensor, drawn: Tensor, k: int) -> dict[str, Callable[[], float]]:
    between, among = torch.cdist(drawn, real), torch.cdist(real, real)
    radius = among.sort(dim=1).values[:, k]
    inside = between <= radius
    covered = inside.any(dim=0)
    both = torch.cat([real, drawn])

    def share(booleans: Tensor) -> float:
        return booleans.double().mean().item()

    return {
        "This is precision, the share of drawn rows: ask which balls of real rows hold one.": (
            lambda: share(inside.any(dim=1))
        ),
        "This is precision with real and drawn exchanged: ask which balls of real rows hold one "
        "of the drawn.": lambda: _coverage(drawn, real, k),
        "This is recall, with balls around the drawn rows: they lie around the real ones.": (
            lambda: share(
                (torch.cdist(drawn, drawn).sort(dim=1).values[:, k] >= between.T).any(dim=1)
            )
        ),
        "The balls are too small: each row counted itself as its first neighbour.": (
            lambda: _coverage(real, drawn, k, own=True)
        ),
        "The balls are too large: they reach to the neighbour after the k-th.": (
            lambda: _coverage(real, drawn, k + 1)
        ),
        "This is the number of balls: divide it by N.": lambda: float(covered.sum()),
        "This is how many drawn rows lie in a ball, on average: ask whether there is one.": (
            lambda: inside.double().sum(dim=0).mean().item()
        ),
        "All pairs were counted: ask for each ball whether it holds a drawn row.": (
            lambda: share(inside)
        ),
        "This is the share of balls that hold none.": lambda: 1 - share(covered),
        "The number of balls was divided by the number of drawn rows.": (
            lambda: covered.sum().item() / len(drawn)
        ),
        "This is a percentage: a number between 0 and 1 is asked for.": (
            lambda: 100 * share(covered)
        ),
        "The radius is the same for all balls: each real row has its own.": (
            lambda: share((between <= radius.mean()).any(dim=0))
        ),
        "All balls have the radius of the largest: each real row has its own.": (
            lambda: share((between <= radius.max()).any(dim=0))
        ),
        "The distances are sums of differences: take the root of the sum of their squares.": (
            lambda: share(
                (
                    torch.cdist(drawn, real, p=1)
                    <= torch.cdist(real, real, p=1).sort(dim=1).values[:, k]
                ).any(dim=0)
            )
        ),
        "Squared distances were compared with distances.": (
            lambda: share((between**2 <= radius).any(dim=0))
        ),
        "The balls reach to the first neighbour, whatever k is.": (
            lambda: _coverage(real, drawn, 1)
        ),
        "The balls reach to the k-th farthest row: the nearest are asked for.": (
            lambda: _coverage(real, drawn, -k)
        ),
        "The balls reach to the farthest row but k: the nearest are asked for.": (
            lambda: _coverage(real, drawn, -k - 1)
        ),
        "The balls reach to the k-th drawn row: their radius is a distance between real rows.": (
            lambda: share((between <= between.sort(dim=0).values[k - 1]).any(dim=0))
        ),
        "The columns were divided by their spread: take the distances as they are.": (
            lambda: _coverage(real / real.std(dim=0), drawn / real.std(dim=0), k)
        ),
        "The columns were divided by the spread of all rows: take the distances as they are.": (
            lambda: _coverage(real / both.std(dim=0), drawn / both.std(dim=0), k)
        ),
    }


@exercise(
    "29.4",
    hints=(
        "What do you get when you treat the length and the direction apart? Which vector in the "
        "plane of the two is at a right angle to the first direction?",
        "With unit vectors u and v, side = v - (u @ v) u, made to length 1, completes the plane: "
        "direction = cos(share * angle) u + sin(share * angle) side. With equal directions, side "
        "is 0 and must not be divided by its length.",
    ),
)
def walk(answer: Any) -> str:
    draw = Draw(4)
    cases = [(draw.normal(d), draw.normal(d), n) for d, n in ((16, 10), (2, 5), (5, 2), (3, 4))]
    base = draw.normal(6)
    cases += [(base, 3 * base, 5), (2 * base, base + 2 * draw.normal(6), 7), (base, base, 3)]
    right = torch.zeros(4)
    right[1] = 2
    # Small angles between vectors of different lengths.
    cases += [(right, 1.5 * (a * right + b * right.roll(1)), 9) for a, b in _SMALL]
    cases += [(right, right.roll(1), 3), (torch.tensor([1.0, 0.1]), torch.tensor([-1.0, 0.2]), 6)]
    for p, q, count in cases:
        for dtype in (torch.float64, torch.float32):
            start, stop = p.to(dtype), q.to(dtype)
            name = f"walk(start, stop, {count}), for vectors of {len(p)} numbers,"
            why = "One row per station."
            result = as_tensor(
                call(answer, start, stop, count), name, (count, len(p)), dtype=dtype, why=why
            )
            _judge_walk(result.detach(), start, stop, name)
    return "In many dimensions noise has nearly always the same length, and so have your stations."


_SMALL = (math.cos(0.4), math.sin(0.4)), (math.cos(0.02), math.sin(0.02))


def _judge_walk(path: Tensor, start: Tensor, stop: Tensor, name: str) -> None:
    path, start, stop = path.double(), start.double(), stop.double()
    size = max(start.norm().item(), stop.norm().item())
    require(
        bool(path.isfinite().all()),
        f"{name} holds nan or inf: for equal directions the angle is 0, and nothing may be "
        "divided by it.",
    )
    ends = (path[0] - start).norm().item(), (path[-1] - stop).norm().item()
    swapped = (path[0] - stop).norm().item(), (path[-1] - start).norm().item()
    small = 2e-5 * size
    require(
        max(ends) <= small or max(swapped) > small,
        "It goes from stop to start: turn it round.",
    )
    require(ends[0] <= small, f"The first row of {name} should be start.")
    require(ends[1] <= small, f"The last row of {name} should be stop.")
    share = torch.linspace(0, 1, len(path), dtype=torch.float64)
    straight = torch.lerp(start, stop, share.unsqueeze(1))
    expected = _walk(start, stop, share)
    if (path - expected).norm(dim=1).max() <= 5 * small:
        return
    whole = _angle(start, stop)
    near = f" where the angle is only {whole:.2f}" if whole < 0.5 else ""
    require(
        (path - straight).norm(dim=1).max() > small,
        f"This is the straight line{near}: its middle is too short, and its direction turns "
        "unevenly.",
    )
    lengths = path.norm(dim=1)
    wanted = start.norm() + share * (stop.norm() - start.norm())
    place = int((lengths - wanted).abs().argmax())
    if abs(lengths[place] - wanted[place]) > 5 * small:
        raise Wrong(
            f"Row {place} of {name} has the length {plain(round(lengths[place].item(), 3))}, and "
            f"it should be {plain(round(wanted[place].item(), 3))}: lengths change by the same "
            "amount from row to row."
        )
    basis = torch.linalg.qr(torch.stack([start, stop], dim=1)).Q
    outside = (path - path @ basis @ basis.T).norm(dim=1)
    require(
        bool((outside <= 5 * small).all()),
        f"Row {int(outside.argmax())} of {name} is outside the plane of the two vectors.",
    )
    turns = [_angle(a, b) for a, b in pairwise(path)]
    require(
        sum(turns) <= whole + 1e-3,
        f"The directions of {name} turn by {sum(turns):.2f} radians altogether, and it should be "
        f"{whole:.2f}: take the shorter way.",
    )
    uneven = max(turns) - min(turns)
    require(
        uneven <= min(1e-3, max(1e-5, 1e-2 * whole)),
        f"From row to row of {name} the direction turns by {min(turns):.3f} to "
        f"{max(turns):.3f} radians, and all turns should be equal.",
    )
    raise Wrong(f"{name} is not where it should be, in row {place}.")


def _angle(a: Tensor, b: Tensor) -> float:
    u, v = a / a.norm(), b / b.norm()
    return 2 * math.atan2((u - v).norm().item(), (u + v).norm().item())


def _walk(start: Tensor, stop: Tensor, share: Tensor) -> Tensor:
    angle, rows = _angle(start, stop), []
    for a in share.tolist():
        length = (1 - a) * start.norm() + a * stop.norm()
        if angle < 1e-6:
            direction = torch.lerp(start / start.norm(), stop / stop.norm(), a)
        else:
            left, right = math.sin((1 - a) * angle), math.sin(a * angle)
            direction = left * start / start.norm() + right * stop / stop.norm()
        rows.append(length * direction / direction.norm())
    return torch.stack(rows)
