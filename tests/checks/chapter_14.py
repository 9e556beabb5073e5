"""Typical wrong answers to the exercises of chapter 14, and the hint that each must get."""

import torch


def summed(logits, labels):
    return (logits.logsumexp(dim=1) - logits[torch.arange(len(labels)), labels]).sum()


def overflows(logits, labels):
    p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    return -p[torch.arange(len(labels)), labels].log().mean()


def negative(logits, labels):
    return -(logits.logsumexp(dim=1) - logits[torch.arange(len(labels)), labels]).mean()


def exchanged(prediction, target, tau):
    below = prediction - target
    return torch.maximum(tau * below, (tau - 1) * below).mean()


def wrong_sign(prediction, target, tau):
    above = target - prediction
    return torch.where(above > 0, tau * above, (1 - tau) * above * 8).mean()


def pinball_sum(prediction, target, tau):
    above = target - prediction
    return torch.maximum(tau * above, (tau - 1) * above).sum()


def divides_by_zero(labels, classes):
    counts = torch.bincount(labels, minlength=classes)
    return len(labels) / (3 * counts)


def not_normalised(labels, classes):
    counts = torch.bincount(labels, minlength=classes)
    return torch.where(counts > 0, 1 / counts.clamp(min=1), 0.0)


def by_frequency(labels, classes):
    return torch.bincount(labels, minlength=classes) / len(labels)


def no_blanks(answer):
    return len(answer)


def blanks_everywhere(answer):
    return 2 * len(answer) + 1


WRONG = {
    "14.1": [
        (summed, "take the mean"),
        (overflows, "exp(1000) is infinite"),
        (negative, "sign is reversed"),
    ],
    "14.2": [
        (exchanged, "two sides are exchanged"),
        (wrong_sign, "Look at the signs"),
        (pinball_sum, "That is the sum"),
    ],
    "14.3": [
        (divides_by_zero, "do not divide by 0"),
        (not_normalised, "average"),
        (by_frequency, "same total weight"),
    ],
    "14.4": [
        (no_blanks, "need a blank between them"),
        (blanks_everywhere, "between equal letters only"),
    ],
}
