"""Checks of chapter 03, parameters."""

from typing import Any

import torch
from torch import Tensor

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_function,
    as_numbers,
    as_tensor,
    call,
    compare,
    diagnose,
    exercise,
    forbid,
    plain,
    require,
    require_gradients,
    run,
    same,
)

SIZES = ((12, 3, torch.float64), (5, 4, torch.float32), (1, 2, torch.float64))


def _problem(draw: Draw, rows: int, columns: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Returns X (rows, columns), y (rows,) and w (columns,)."""
    return tuple(
        draw.normal(*shape, dtype=dtype) for shape in ((rows, columns), (rows,), (columns,))
    )


@exercise(
    "03.1",
    hints=(
        "Write the two parts one below the other: an average over the samples, and a sum over the "
        "weights. Which of them does strength belong to?",
        "X @ w - y are the errors, ((X @ w - y) ** 2).mean() the first part, and (w ** 2).sum() "
        "what strength multiplies.",
    ),
)
def penalised_risk(answer: Any) -> str:
    draw = Draw(7)
    for rows, columns, dtype in SIZES:
        X, y, w = _problem(draw, rows, columns, dtype)
        for strength in (0.0, 0.7, 3.0):
            errors = X @ w - y
            name = f"penalised_risk(w, X, y, {strength}), for X of shape {(rows, columns)},"
            result = as_tensor(call(answer, w, X, y, strength), name)
            compare(
                float(result) if result.numel() == 1 else result,
                float(errors.dot(errors) / rows + strength * w.dot(w)),
                name,
                tolerance=1e-4,
                typical=_mistakes_of_risk(errors, w, strength),
                hint="It is the mean of the squared errors, plus strength times the sum of the "
                "squared weights.",
            )
        leaf = w.clone().requires_grad_()
        result = call(answer, leaf, X, y, 0.5)
        risk, penalty = (X @ leaf - y).square().mean(), 0.5 * leaf.square().sum()
        _require_both_parts(result, leaf, risk, penalty)
        require_gradients(result, risk + penalty, {"w": leaf}, "penalised_risk(w, X, y, 0.5)")
    return "A loss and what you add to it."


def _require_both_parts(result: Any, w: Tensor, risk: Tensor, penalty: Tensor) -> None:
    found = as_tensor(result, "penalised_risk(w, X, y, 0.5)")
    if not found.requires_grad:
        return
    theirs, first, second = (
        torch.autograd.grad(part.sum(), w, retain_graph=True, allow_unused=True)[0]
        for part in (found, risk, penalty)
    )
    if theirs is not None:
        cut = "The value is right, but no gradient reaches w through the {}: item() or detach cuts "
        typical = {cut.format("penalty"): first, cut.format("errors"): second}
        diagnose(theirs, {f"{hint}it off.": g for hint, g in typical.items()}, 1e-4,
                 unlike=first + second)  # fmt: skip


def _mistakes_of_risk(errors: Tensor, w: Tensor, strength: float) -> dict[str, Tensor]:
    mean, penalty = errors.square().mean(), w.square().sum()
    return {
        "The squared errors are added up: take their mean.": (
            errors.square().sum() + strength * penalty
        ),
        "The penalty is the norm of w. It should be the sum of its squares, without the root.": (
            mean + strength * w.norm()
        ),
        "The penalty is averaged over the weights: sum the squares.": (
            mean + strength * w.square().mean()
        ),
        "The penalty adds absolute weights: square them.": mean + strength * w.abs().sum(),
        "The weights are added before they are squared: square each, then add.": (
            mean + strength * w.sum() ** 2
        ),
        "The penalty is missing: add strength times the sum of the squared weights.": mean,
        "The penalty is subtracted: large weights should make the risk larger.": (
            mean - strength * penalty
        ),
        "The penalty is there, and strength does not multiply it.": mean + penalty,
        "strength multiplies the mean squared error, too: only the penalty has it.": (
            strength * (mean + penalty)
        ),
        "strength is squared along with the weights: strength * (w ** 2).sum().": (
            mean + (strength * w).square().sum()
        ),
        "This is half of the mean squared error: there is no factor 1/2 in it.": (
            mean / 2 + strength * penalty
        ),
        "Half of the penalty is there: strength times the sum itself is asked for.": (
            mean + strength * penalty / 2
        ),
        "This is the root of the mean squared error: leave the root away.": (
            mean.sqrt() + strength * penalty
        ),
        "The mean of the absolute errors was taken: square the errors.": (
            errors.abs().mean() + strength * penalty
        ),
        "The errors are averaged before they are squared: square each first.": (
            errors.mean() ** 2 + strength * penalty
        ),
        "The penalty is divided by the number of samples, too: only the errors are averaged.": (
            mean + strength * penalty / len(errors)
        ),
    }


AUTOGRAD = (
    *("autograd", "backward", "requires_grad", "requires_grad_", "grad_and_value", "optim"),
    *("grad", "func", "jacrev", "jacfwd", "jacobian", "vjp", "jvp"),
)


@exercise(
    "03.2",
    hints=(
        "Take the derivative of the mean of (prediction - y)² with respect to one weight. What "
        "does each sample contribute?",
        "The gradient is 2 / N times X.T @ (X @ w - y), of the shape of w. Subtract rate times it "
        "from w, and write no -= on w.",
    ),
)
def step(answer: Any) -> str:
    draw = Draw(8)
    for rows, columns, dtype in SIZES:
        X, y, w = _problem(draw, rows, columns, dtype)
        leaf = w.clone().requires_grad_()
        (gradient,) = torch.autograd.grad((X @ leaf - y).square().mean(), leaf)
        for rate in (0.1, 1.5):
            name = f"step(w, X, y, {rate}), for X of shape {(rows, columns)},"
            compare(
                call(answer, w, X, y, rate),
                w - rate * gradient,
                name,
                tolerance=1e-4,
                typical=_mistakes_of_step(X, y, w, gradient, rate),
                hint="The gradient is 2 / N times X.T @ (X @ w - y).",
                dtype=dtype,
            )
    message = "The step is right, but autograd computed it. Write the gradient as a formula of X, "
    message += "y and w."
    names = dict.fromkeys(AUTOGRAD, message)
    here = getattr(answer, "__globals__", {})
    for name in AUTOGRAD:  # a function of the learner's own may be called grad, too
        own = getattr(here.get(name), "__module__", None)
        if name in here and own == getattr(answer, "__module__", ""):
            del names[name]
    forbid(answer, names)
    return "Autograd gives the same step."


def _mistakes_of_step(
    X: Tensor, y: Tensor, w: Tensor, gradient: Tensor, rate: float
) -> dict[str, Tensor]:
    rows, columns = X.shape
    return {
        "It went uphill: a step goes against the gradient.": w + rate * gradient,
        "The step is as many times too long as there are samples: divide by their number.": (
            w - rate * gradient * rows
        ),
        "The step is half as long as it should be: the derivative of a square brings a factor 2.": (
            w - rate * gradient / 2
        ),
        "Neither the factor 2 nor the division by the number of samples is there.": (
            w - rate * gradient * rows / 2
        ),
        "The rate is missing: subtract rate times the gradient.": w - gradient,
        "w did not move.": w,
        "This is the gradient alone: subtract rate times it from w.": gradient,
        "This is the step alone: subtract it from w.": rate * gradient,
        "This is the step alone, which is what has to be added to w.": -rate * gradient,
        "It was divided by the number of weights: the mean runs over the samples.": (
            w - rate * gradient * rows / columns
        ),
        "The errors have the wrong sign for y: they are X @ w - y.": (
            w - rate * 2 * X.T @ (X @ w + y) / rows
        ),
        "y is missing from the errors: X @ w - y.": w - rate * 2 * X.T @ (X @ w) / rows,
        "The step goes by the sign of the gradient alone: subtract rate times the gradient.": (
            w - rate * gradient.sign()
        ),
        "The gradient was divided by its length: subtract rate times the gradient itself.": (
            w - rate * gradient / gradient.norm()
        ),
    }


@exercise(
    "03.3",
    hints=(
        "In which direction is the mean squared error steepest, and how strongly does it curve "
        "there? The matrix of second derivatives knows.",
        "The second derivatives are 2 / N times X.T @ X. torch.linalg.eigvalsh gives the curvature "
        "of each direction. Descent diverges where rate times curvature is above 2.",
    ),
)
def largest_rate(answer: Any) -> str:
    draw = Draw(9)
    for rows, columns, dtype in (
        (40, 3, torch.float64), (6, 2, torch.float32), (3, 5, torch.float64), (9, 1, torch.float32)
    ):  # fmt: skip
        mix = draw.normal(columns, columns, dtype=dtype)
        X = draw.normal(rows, columns, dtype=dtype) @ (mix + torch.eye(columns).to(mix)) + 0.3
        top = float(torch.linalg.matrix_norm(X, 2)) ** 2  # the largest eigenvalue of X.T @ X
        compare(
            call(answer, X),
            rows / top,
            f"largest_rate(X), for X of shape {(rows, columns)},",
            tolerance=1e-3,
            typical=_mistakes_of_rate(X),
            hint="It is 2 over the largest eigenvalue of 2/N X.T @ X.",
        )
    return "Just above it, every step makes things worse."


def _mistakes_of_rate(X: Tensor) -> dict[str, Any]:
    rows, columns = X.shape
    curvature = 2 * X.T @ X / rows
    values = torch.linalg.svdvals(X).square() * 2 / rows
    full = torch.linalg.eigvalsh(curvature)
    centred = X - X.mean(0)
    return {
        "This is the limit of the flattest direction. The steepest one diverges first: take the "
        "largest eigenvalue.": 2 / full.min(),
        "The matrix is the sum over samples: divide it by their number, as the mean squared error "
        "does.": 2 / (values.max() * rows),
        "It is twice too large: the second derivative of the mean squared error has a factor 2.": (
            4 / values.max()
        ),
        "It is half of the limit. 1 over the curvature jumps to the lowest point along that "
        "direction, and up to twice as far still converges.": 1 / values.max(),
        "This is the largest curvature itself: the limit is 2 divided by it.": values.max(),
        "These are the curvatures along the axes, from the diagonal. The steepest direction lies "
        "between the axes: take the largest eigenvalue.": 2 / curvature.diag().max(),
        "The sum of all curvatures was taken: the largest alone sets the limit.": 2 / values.sum(),
        "The mean of all curvatures was taken: the largest alone sets the limit.": 2 / full.mean(),
        "The singular values of X are not squared: the eigenvalues of X.T @ X are their squares.": (
            rows / torch.linalg.svdvals(X).max()
        ),
        "The matrix was divided by the number of columns: the mean runs over the samples.": (
            2 / (values.max() * rows / columns)
        ),
        "The mean of each column was subtracted first. X is the input as it is, and the mean "
        "squared error is of X @ w.": lambda: rows / torch.linalg.matrix_norm(centred, 2) ** 2,
        "The largest entry of the matrix was taken: the largest eigenvalue is needed.": (
            2 / curvature.max()
        ),
        "This is the ratio of the largest curvature to the smallest, the condition number. The "
        "limit is 2 over the largest.": values.max() / full.min(),
        "It was divided by the norm of the whole matrix: its largest eigenvalue is needed.": (
            2 / curvature.norm()
        ),
    }


@exercise(
    "03.4",
    hints=(
        "What has to be remembered while you walk through the candidates: the measure, the "
        "weights, or the candidate?",
        "A loop that keeps the lowest measure so far, which starts at float('inf'), and the "
        "candidate it came from. Or min(candidates, key=...) with a function of one candidate.",
    ),
)
def choose(answer: Any) -> str:
    as_function(answer)
    cases = [
        ([7.0, 2.5, 3.0], [0.4, -0.3, 0.8]),
        ([0.5, 4.0, 0.1, 2.0], [300.0, 20.0, 225.0, 400.0]),
        ([3.0, 1.0, 2.0, 5.0], [7.0, 2.0, 9.0, 8.0]),
        (["ridge", "plain", "lasso"], [-5.0, -0.25, 3.0]),
        ([10.0, 30.0, 20.0], [6.0, 5.0, 4.0]),
        ([2.0, 1.0, 3.0], [4e6, 3e6, 9e6]),
        (["alone"], [2.5]),
    ]
    for number, (candidates, measures) in enumerate(cases):
        fitted: list[Any] = []
        result = _chosen(answer, candidates, measures, fitted, number == 0)
        _require_lowest(result, candidates, measures)
        require(
            len(fitted) >= len(candidates),
            f"fit was called for {plain(fitted)} of the candidates {plain(candidates)}: fit with "
            "each of them.",
        )
        require(
            len(fitted) == len(candidates),
            f"fit was called {len(fitted)} times for {len(candidates)} candidates: a fit may take "
            "hours, so fit once with each and keep the measure.",
        )
    return "That is a grid search."


def _chosen(answer: Any, candidates: list, measures: list[float], fitted: list, first: bool) -> Any:
    known = dict(zip(candidates, measures, strict=True))
    kept = {}  # the weights and the candidate of each fit, by the identity of the weights

    def fit(candidate: Any) -> Tensor:
        if not isinstance(candidate, str | float) or candidate not in known:
            raise Wrong(f"fit was called with {plain(candidate)}, which is not a candidate.")
        fitted.append(candidate)
        found = torch.full((2,), float(len(fitted)))
        kept[id(found)] = found, candidate
        return found

    def measure(fit_of_it: Any) -> float:
        if id(fit_of_it) not in kept:
            raise Wrong(
                f"measure was called with {plain(fit_of_it)}: it takes the weights that fit "
                "returned, one fit at a time."
            )
        return known[kept[id(fit_of_it)][1]]

    result = (call if first else run)(answer, fit, measure, candidates)
    require(
        result is not None,
        f"It returned None where the measures are {plain(measures)}. Does the lowest so far start "
        "at a number? float('inf') is above every measure.",
    )
    for found, _ in kept.values():
        require(
            result is not found,
            "It returned the fitted weights: return the candidate that they came from.",
        )
    return result


def _require_lowest(result: Any, candidates: list, measures: list[float]) -> None:
    where = f"With the candidates {plain(candidates)} and the measures {plain(measures)} it"
    number = result
    if isinstance(result, Tensor) and result.numel() == 1:
        number = result.item()
    best = candidates[measures.index(min(measures))]
    if isinstance(best, str):
        right = isinstance(number, str) and number == best
    else:
        right = not isinstance(number, str | bool) and _equal(number, best)
    if right:
        return
    previous = [
        c for c, m, p in zip(candidates, measures, [float("inf"), *measures], strict=False) if m < p
    ]
    below_first = [c for c, m in zip(candidates, measures, strict=True) if m < measures[0]]
    typical = {
        "returned the lowest measure: return the candidate that gave it.": min(measures),
        "returned the candidate with the highest measure: a measure of the error should be low.": (
            candidates[measures.index(max(measures))]
        ),
        "returned the candidate whose measure is closest to 0: the lowest may be below 0.": (
            candidates[min(range(len(measures)), key=lambda i: abs(measures[i]))]
        ),
        "returned the position of the best candidate: return the candidate itself.": (
            measures.index(min(measures))
        ),
        "returned the last candidate that was better than the one before it: compare with the "
        "lowest measure so far.": previous[-1],
        "returned the last candidate that was better than the first: remember the lowest measure "
        "so far, too, whenever you remember a candidate.": [candidates[0], *below_first][-1],
        "returned the last candidate.": candidates[-1],
        "returned the first candidate.": candidates[0],
    }
    for hint, value in typical.items():
        equal = _equal(number, value)
        require(not equal or _equal(value, best), f"{where} {hint}")
    raise Wrong(f"{where} returned {plain(number)}, and the measure is lowest for {best!r}.")


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and a == b
    try:
        return same(torch.tensor(float(a)), torch.tensor(float(b)), 1e-5)
    except (TypeError, ValueError, RuntimeError):
        return False


@exercise(
    "03.5",
    hints=(
        "Which average of many numbers does not care about a fifth of them being wild? And which "
        "loss belongs to it?",
        "Either fit with nn.L1Loss, by enough small steps, or take the median of the slopes of "
        "all pairs of points and then the median of y - w * x.",
    ),
)
def robust_line(answer: Any) -> str:
    draw = Draw(35)
    for number, (n, share, wild) in enumerate(
        ((200, 0.0, 0.0), (300, 0.1, 5.0), (250, 0.2, 30.0), (200, 0.2, -8.0), (300, 0.2, 1e6),
         (240, 0.2, 2.0))
    ):  # fmt: skip
        w, b = draw.uniform(2, low=-3, high=3, dtype=torch.float64).tolist()
        x = draw.uniform(n, low=-2, high=2, dtype=torch.float64)
        noise = 0.1 * draw.normal(n, dtype=torch.float64)
        hit = draw.order(n)[: int(share * n)]
        y = w * x + b + noise
        clean = y.clone()
        y[hit] += wild * draw.uniform(len(hit), low=0.5, high=1.5, dtype=torch.float64)
        if number % 2:
            x, y, clean = x.float(), y.float(), clean.float()
        where = f"for {n} points, of which {len(hit)} are wrong"
        where += f" by about {wild:g}," if len(hit) else ","
        found = _line(call(answer, x, y), f"robust_line(x, y), {where}")
        _compare_line(found, (w, b), _least_squares(x, y), where)
        order = draw.order(n)
        again = _line(call(answer, x[order], y[order]), f"robust_line of shuffled points, {where}")
        require(
            max(abs(p - q) for p, q in zip(found, again, strict=True)) < 0.02,
            f"With the same points in another order, robust_line gives ({again[0]:.3f}, "
            f"{again[1]:.3f}) in place of ({found[0]:.3f}, {found[1]:.3f}), {where[:-1]}.",
        )
    return "One point in five may lie as it likes."


def _line(result: Any, name: str) -> tuple[float, float]:
    w, b = as_numbers(result, name, 2)
    return w, b


def _least_squares(x: Tensor, y: Tensor) -> tuple[float, float]:
    columns = torch.stack([x, torch.ones_like(x)], dim=1).double()
    w, b = torch.linalg.lstsq(columns, y.double().unsqueeze(1)).solution.flatten().tolist()
    return w, b


def _compare_line(
    found: tuple[float, float], true: tuple[float, float], squares: tuple[float, float], where: str
) -> None:
    errors = [abs(f - t) for f, t in zip(found, true, strict=True)]
    if max(errors) <= 0.1:
        return
    text = f"({found[0]:.3f}, {found[1]:.3f}), and the line has ({true[0]:.3f}, {true[1]:.3f})"
    if abs(found[0] - true[1]) <= 0.1 and abs(found[1] - true[0]) <= 0.1:
        raise Wrong("The intercept comes first: return the slope, then the intercept.")
    scale = 1e-3 * (1 + max(map(abs, squares)))
    if all(abs(f - s) <= scale for f, s in zip(found, squares, strict=True)):
        raise Wrong(
            f"This is the line of least squares, which the wrong points pull away: {where} it is "
            f"{text}."
        )
    part = "slope" if errors[0] > 0.1 else "intercept"
    raise Wrong(f"The {part} is off by more than 0.1: {where} robust_line gives {text}.")
