"""Checks of chapter 03, parameters."""

from typing import Any

import torch
from torch import Tensor

from helpers.checks.machinery import Wrong, call, close, exercise, require, require_tensor


def _problem(rows: int = 12, columns: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    X = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    y = torch.randn(rows, generator=generator, dtype=torch.float64)
    w = torch.randn(columns, generator=generator, dtype=torch.float64)
    return X, y, w


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise Wrong(f"{name} should be one number, got {type(value).__name__}.") from error


@exercise("03.1")
def penalised_risk(answer: Any) -> str:
    X, y, w = _problem()
    bare = ((X @ w - y) ** 2).mean()
    value = _number(call(answer, w, X, y, 0.0), "penalised_risk(w, X, y, 0.0)")
    require(
        abs(value - float(bare) * len(y)) > 1e-6,
        "With strength 0 it gave the sum of the squared errors: take their mean.",
    )
    require(
        abs(value - float(bare)) < 1e-6,
        f"With strength 0 it gave {value:.4f}, but the mean squared error is {float(bare):.4f}.",
    )
    value = _number(call(answer, w, X, y, 0.5), "penalised_risk(w, X, y, 0.5)")
    require(
        abs(value - float(bare + 0.5 * w.norm())) > 1e-6,
        "The penalty is the norm of w. It should be the sum of its squares, without the root.",
    )
    require(
        abs(value - float(bare + 0.5 * (w**2).mean())) > 1e-6,
        "The penalty is averaged over the weights: sum the squares.",
    )
    require(
        abs(value - float(bare + 0.5 * (w**2).sum())) < 1e-6,
        "Without a penalty it is right. Add strength times the sum of the squared weights.",
    )
    return "A loss and what you add to it."


@exercise("03.2")
def step(answer: Any) -> str:
    X, y, w = _problem()
    before = w.clone()
    result = require_tensor(call(answer, w, X, y, 0.1), "step(w, X, y, 0.1)", (3,))
    require(torch.equal(w, before), "w itself has changed: return a new tensor.")
    leaf = w.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(((X @ leaf - y) ** 2).mean(), leaf)
    require(
        not close(result, w + 0.1 * gradient, 1e-9),
        "It went uphill: a step goes against the gradient.",
    )
    require(
        not close(result, w - 0.1 * gradient * len(y), 1e-9),
        "The step is as many times too long as there are samples: divide by their number.",
    )
    require(
        not close(result, w - 0.05 * gradient, 1e-9),
        "The step is half as long as it should be: the derivative of a square brings a factor 2.",
    )
    require(
        close(result, w - 0.1 * gradient, 1e-9),
        "Autograd gives another step. The gradient is 2 / N times X.T @ (X @ w - y).",
    )
    return "Autograd gives the same step."


@exercise("03.3")
def largest_rate(answer: Any) -> str:
    X, _, _ = _problem(40, 3)
    X = X * torch.tensor([1.0, 3.0, 0.5], dtype=torch.float64)
    rate = _number(call(answer, X), "largest_rate(X)")
    values = torch.linalg.eigvalsh(2 * X.T @ X / len(X))
    expected = float(2 / values.max())
    require(
        abs(rate - float(2 / values.min())) > 1e-6,
        "This is the limit of the flattest direction. The steepest one diverges first: take the "
        "largest eigenvalue.",
    )
    require(
        abs(rate - expected / len(X)) > 1e-9,
        "The matrix is the sum over samples: divide it by their number, as the risk does.",
    )
    require(
        abs(rate - 2 * expected) > 1e-6,
        "It is twice too large: the second derivative of the mean squared error has a factor 2.",
    )
    require(
        abs(rate - expected) < 1e-6,
        f"It gave {rate:.4f}; the limit is 2 over the largest eigenvalue of 2/N X.T @ X, "
        f"{expected:.4f}.",
    )
    return "Just above it, every step makes things worse."


@exercise("03.4")
def choose(answer: Any) -> str:
    fitted = []

    def fit(candidate: float) -> float:
        fitted.append(candidate)
        return 10 * candidate

    result = call(answer, fit, lambda weights: (weights - 20) ** 2, [1.0, 2.0, 3.0, 5.0])
    require(
        fitted == [1.0, 2.0, 3.0, 5.0],
        f"fit was called with {fitted}: call it once with each candidate, in order.",
    )
    require(
        result != 20.0,
        "It returned the fitted weights: return the candidate that they came from.",
    )
    require(result != 0.0, "It returned the lowest measure: return the candidate that gave it.")
    require(
        result != 5.0,
        "It returned the candidate with the highest measure: a risk should be low.",
    )
    require(result == 2.0, f"It returned {result!r}; the measure is lowest for 2.0.")
    return "That is a grid search."
