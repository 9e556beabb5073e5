"""Typical wrong answers to the exercises of chapter 18, and the hint that each must get."""

import math

from torch.optim import lr_scheduler


def never_ends(t, warm, stay, down):
    if t < warm:
        return t / warm
    return 1.0 if t < warm + stay else (warm + stay + down - t) / down


def no_stay(t, warm, stay, down):
    return t / warm if t < warm else max(0.0, (warm + down - t) / down)


def always_divides(t, warm, stay, down):
    return min(t / warm, max(0.0, min(1.0, (warm + stay + down - t) / down)))


class PilesUp(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [
            group["lr"] / math.sqrt(1 + self.last_epoch) for group in self.optimizer.param_groups
        ]


class OneRate(lr_scheduler.LRScheduler):
    def get_lr(self):
        rate = max(self.base_lrs) / math.sqrt(1 + self.last_epoch)
        return [rate for _ in self.base_lrs]


class OneNumber(lr_scheduler.LRScheduler):
    def get_lr(self):
        return self.base_lrs[0] / math.sqrt(1 + self.last_epoch)


class TooSoon(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [rate / math.sqrt(2 + self.last_epoch) for rate in self.base_lrs]


def impatient(losses, patience, factor, lr):
    best, bad, rates = math.inf, 0, []
    for loss in losses:
        best, bad = (loss, 0) if loss < best else (best, bad + 1)
        if bad >= max(patience, 1):
            lr, bad = lr * factor, 0
        rates.append(lr)
    return rates


def keeps_counting(losses, patience, factor, lr):
    best, bad, rates = math.inf, 0, []
    for loss in losses:
        best, bad = (loss, 0) if loss < best else (best, bad + 1)
        if bad > patience:
            lr = lr * factor
        rates.append(lr)
    return rates


def only_changes(losses, patience, factor, lr):
    return sorted(set(keeps_counting(losses, patience, factor, lr)))


WRONG = {
    "18.1": [
        (never_ends, "climbs the loss"),
        (no_stay, "where it stays"),
        (always_divides, "divides by 0"),
    ],
    "18.2": [
        (PilesUp, "pile up"),
        (OneRate, "use base_lrs"),
        (OneNumber, "should return a list"),
        (TooSoon, "expected its first rate"),
    ],
    "18.3": [
        (impatient, "are forgiven"),
        (keeps_counting, "the count begins again"),
        (only_changes, "not as many"),
    ],
}
