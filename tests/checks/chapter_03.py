"""Typical wrong answers to the exercises of chapter 03, and the hint that each must get."""

import torch


def summed(w, X, y, strength):
    return ((X @ w - y) ** 2).sum() + strength * (w**2).sum()


def with_the_norm(w, X, y, strength):
    return ((X @ w - y) ** 2).mean() + strength * w.norm()


def without_penalty(w, X, y, strength):
    return ((X @ w - y) ** 2).mean()


def uphill(w, X, y, rate):
    return w + rate * 2 * X.T @ (X @ w - y) / len(y)


def no_mean(w, X, y, rate):
    return w - rate * 2 * X.T @ (X @ w - y)


def no_factor(w, X, y, rate):
    return w - rate * X.T @ (X @ w - y) / len(y)


def in_place(w, X, y, rate):
    w -= rate * 2 * X.T @ (X @ w - y) / len(y)
    return w


def flattest(X):
    return 2 / torch.linalg.eigvalsh(2 * X.T @ X / len(X)).min()


def half_curvature(X):
    return 2 / torch.linalg.eigvalsh(X.T @ X / len(X)).max()


def summed_curvature(X):
    return 2 / torch.linalg.eigvalsh(2 * X.T @ X).max()


def highest(fit, measure, candidates):
    return max(candidates, key=lambda candidate: measure(fit(candidate)))


def weights_instead(fit, measure, candidates):
    return min((fit(candidate) for candidate in candidates), key=measure)


def measure_instead(fit, measure, candidates):
    return min(measure(fit(candidate)) for candidate in candidates)


WRONG = {
    "03.1": [
        (summed, "take their mean"),
        (with_the_norm, "without the root"),
        (without_penalty, "Without a penalty it is right"),
    ],
    "03.2": [
        (uphill, "uphill"),
        (no_mean, "divide by their number"),
        (no_factor, "half as long"),
        (in_place, "w itself has changed"),
    ],
    "03.3": [
        (flattest, "The steepest one diverges first"),
        (half_curvature, "twice too large"),
        (summed_curvature, "sum over samples"),
    ],
    "03.4": [
        (highest, "highest measure"),
        (weights_instead, "returned the fitted weights"),
        (measure_instead, "returned the lowest measure"),
    ],
}
