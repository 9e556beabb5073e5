"""Typical wrong answers to the exercises of chapter 15, and the hint that each must get."""

import math

import torch
from torch.nn import functional as F


def overflows(prediction, target):
    return (prediction - target).cosh().log().mean()


def forgets_the_half(prediction, target):
    d = (prediction - target).abs()
    return (d + F.softplus(-2 * d)).mean()


def summed(prediction, target):
    d = (prediction - target).abs()
    return (d + F.softplus(-2 * d) - math.log(2)).sum()


def tversky(logits, masks, alpha, beta, start=1):
    p, t = logits.sigmoid().flatten(start), masks.flatten(start)
    hits = (p * t).sum(dim=-1)
    alarms, misses = (p * (1 - t)).sum(dim=-1), ((1 - p) * t).sum(dim=-1)
    return 1 - ((hits + 1) / (hits + alpha * alarms + beta * misses + 1)).mean()


def the_index(logits, masks, alpha, beta):
    return 1 - tversky(logits, masks, alpha, beta)


def exchanged(logits, masks, alpha, beta):
    return tversky(logits, masks, beta, alpha)


def whole_batch(logits, masks, alpha, beta):
    return tversky(logits, masks, alpha, beta, start=0)


def no_sigmoid(logits, masks, alpha, beta):
    return tversky(logits.logit(1e-3), masks, alpha, beta)


def times_zero(prediction, target, known):
    return ((prediction - target) ** 2 * known).sum() / known.sum()


def over_all(prediction, target, known):
    return torch.where(known, prediction - torch.where(known, target, 0.0), 0.0).square().mean()


def nan_gradient(prediction, target, known):
    squares = torch.where(known, (prediction - target) ** 2, 0.0)
    return squares.sum() / known.sum().clamp(min=1)


def indexed(prediction, target, known):
    return ((prediction[known] - target[known]) ** 2).mean()


WRONG = {
    "15.1": [
        (overflows, "exponentiated with a positive sign"),
        (forgets_the_half, "too large by log 2"),
        (summed, "take the mean"),
    ],
    "15.2": [
        (the_index, "one minus it"),
        (exchanged, "alpha weighs false alarms"),
        (whole_batch, "flatten(1)"),
        (no_sigmoid, "Did you apply the sigmoid"),
    ],
    "15.3": [
        (times_zero, "nan times 0 is nan"),
        (over_all, "not by all"),
        (nan_gradient, "before you subtract"),
        (indexed, "do not divide by 0"),
    ],
}
