"""Typical wrong answers to the exercises of chapter 26, and the hint that each must get."""

from math import comb

import torch


@torch.no_grad()
def averages_logits_first(model, images, transforms):
    model.eval()
    return torch.stack([model(t(images)) for t in transforms]).mean(dim=0).softmax(dim=1)


@torch.no_grad()
def no_softmax(model, images, transforms):
    model.eval()
    return torch.stack([model(t(images)) for t in transforms]).mean(dim=0)


@torch.no_grad()
def with_dropout(model, images, transforms):
    return torch.stack([model(t(images)).softmax(dim=1) for t in transforms]).mean(dim=0)


@torch.no_grad()
def leaves_eval(model, images, transforms):
    model.eval()
    return torch.stack([model(t(images)).softmax(dim=1) for t in transforms]).mean(dim=0)


@torch.no_grad()
def all_views(model, images, transforms):
    return torch.stack([model(t(images)).softmax(dim=1) for t in transforms])


def _p(n, k, sides):
    return sides * sum(comb(n, i) for i in range(k + 1)) / 2**n


def one_sided(first, second):
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    return min(1.0, _p(gained + lost, min(gained, lost), 1))


def counts_all(first, second):
    return min(1.0, _p(len(first), int((first != second).sum()), 2))


def above_one(first, second):
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    return float(_p(gained + lost, min(gained, lost), 2))


def not_symmetric(first, second):
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    return min(1.0, _p(gained + lost, lost, 2))


def _parts(probabilities, labels, bins):
    certainty, said = probabilities.max(dim=1)
    index = (certainty * bins).long().clamp(max=bins - 1)
    for one in index.unique():
        inside = index == one
        right = (said == labels)[inside].double().mean()
        yield inside.double().mean(), right, certainty[inside].double().mean()


def unweighted(probabilities, labels, bins):
    gaps = [(right - mean).abs() for _, right, mean in _parts(probabilities, labels, bins)]
    return float(sum(gaps) / len(gaps))


def cancels(probabilities, labels, bins):
    parts = _parts(probabilities, labels, bins)
    return float(abs(sum(share * (right - mean) for share, right, mean in parts)))


def as_tensor(probabilities, labels, bins):
    parts = _parts(probabilities, labels, bins)
    return sum(share * (right - mean).abs() for share, right, mean in parts)


def one_more_interval(probabilities, labels, bins):
    certainty, said = probabilities.max(dim=1)
    index = (certainty * bins).long()
    total = 0.0
    for one in index.unique():
        inside = index == one
        right = (said == labels)[inside].double().mean()
        total += inside.double().mean() * (right - certainty[inside].double().mean()).abs()
    return float(total)


WRONG = {
    "26.1": [
        (averages_logits_first, "Average the probabilities"),
        (no_softmax, "take the softmax of each view first"),
        (with_dropout, "Its dropout is at work"),
        (leaves_eval, "left in eval() mode"),
        (all_views, "Return a tensor of shape (5, 3)"),
    ],
    "26.2": [
        (one_sided, "That is one side only"),
        (counts_all, "say nothing"),
        (above_one, "a probability is at most 1"),
        (not_symmetric, "The order of the two models should not matter"),
    ],
    "26.3": [
        (unweighted, "Weight each by its share"),
        (cancels, "over- and under-confidence cancel"),
        (as_tensor, "Return a float"),
        (one_more_interval, "in the last of five intervals"),
    ],
}
