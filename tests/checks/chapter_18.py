"""Right and wrong answers to the exercises of chapter 18, and the hint that each must get."""

import math

import numpy as np
import torch
from torch.optim import lr_scheduler


def four_parts(t, warm, stay, down):
    if t < warm:
        return t / warm
    if t < warm + stay:
        return 1.0
    return max(0.0, (warm + stay + down - t) / down) if down else 0.0


def smallest_of_three(t, warm, stay, down):
    end = warm + stay + down
    if t >= end:
        return 0
    up = t / warm if warm else 1
    fall = (end - t) / down if down else 1
    return min(up, 1, fall)


def numpy_interp(t, warm, stay, down):
    if t >= warm + stay + down:
        return 0.0
    if t >= warm and t <= warm + stay:
        return 1.0
    if t < warm:
        return np.interp(t, [0, warm], [0, 1])
    return np.interp(t, [warm + stay, warm + stay + down], [1.0, 0.0])


def a_tensor(t, warm, stay, down):
    end = warm + stay
    if t < warm:
        return torch.tensor(t / warm)
    down = max(down, 1e-9)
    return torch.tensor((end + down - t) / down if t != end or down >= 1 else 0.0).clamp(0, 1)


def never_ends(t, warm, stay, down):
    if t < warm:
        return t / warm
    return 1.0 if t < warm + stay else (warm + stay + down - t) / max(down, 1)


def no_stay(t, warm, stay, down):
    return four_parts(t, warm, 0, down)


def divides_by_warm(t, warm, stay, down):
    if down == 0 and t >= warm + stay:
        return 0.0
    return min(t / warm, max(0.0, min(1.0, (warm + stay + down - t) / max(down, 1))))


def divides_by_down(t, warm, stay, down):
    if t < warm:
        return t / warm
    return min(1.0, max(0.0, (warm + stay + down - t) / down))


def cosine_fall(t, warm, stay, down):
    if t <= warm + stay or t >= warm + stay + down:
        return four_parts(t, warm, stay, down)
    return 0.5 * (1 + math.cos(math.pi * (t - warm - stay) / down))


def one_too_high(t, warm, stay, down):
    return (t + 1) / warm if t < warm else four_parts(t, warm, stay, down)


def stays_for_ever(t, warm, stay, down):
    return t / warm if t < warm else 1.0


def climbs_again(t, warm, stay, down):
    if warm + stay < t < warm + stay + down:
        return (t - warm - stay) / down
    return four_parts(t, warm, stay, down)


def drops(t, warm, stay, down):
    return four_parts(t, warm, stay, 0) if t > warm + stay else four_parts(t, warm, stay, down)


def points_in_time(t, warm, stay, down):
    if t < warm:
        return t / warm
    if t < stay:
        return 1.0
    return max(0.0, (down - t) / max(down - stay, 1))


def whole_numbers(t, warm, stay, down):
    return int(four_parts(t, warm, stay, down))


def a_list(t, warm, stay, down):
    return [four_parts(k, warm, stay, down) for k in range(t + 1)]


class Closed(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [rate / math.sqrt(1 + self.last_epoch) for rate in self.base_lrs]


class Chained(lr_scheduler.LRScheduler):
    def get_lr(self):
        t = self.last_epoch
        if t == 0:
            return [group["lr"] for group in self.optimizer.param_groups]
        return [group["lr"] * (t / (1 + t)) ** 0.5 for group in self.optimizer.param_groups]


class InitialRates(lr_scheduler.LRScheduler):
    def __init__(self, optimizer, last_epoch=-1):
        self.power = -0.5
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        factor = (1 + self.last_epoch) ** self.power
        return tuple(group["initial_lr"] * factor for group in self.optimizer.param_groups)


class Appends(lr_scheduler.LRScheduler):
    def get_lr(self):
        rates = []
        for i in range(len(self.base_lrs)):
            rates.append(self.base_lrs[i] * np.sqrt(1 / (self.last_epoch + 1)))
        return rates


class PilesUp(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [
            group["lr"] / math.sqrt(1 + self.last_epoch) for group in self.optimizer.param_groups
        ]


class OneRate(lr_scheduler.LRScheduler):
    def get_lr(self):
        rate = max(self.base_lrs) / math.sqrt(1 + self.last_epoch)
        return [rate for _ in self.base_lrs]


class FirstRate(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [self.base_lrs[0] / math.sqrt(1 + self.last_epoch) for _ in self.base_lrs]


class OneNumber(lr_scheduler.LRScheduler):
    def get_lr(self):
        return self.base_lrs[0] / math.sqrt(1 + self.last_epoch)


class OneInAList(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [self.base_lrs[0] / math.sqrt(1 + self.last_epoch)]


class Generator(lr_scheduler.LRScheduler):
    def get_lr(self):
        return (rate / math.sqrt(1 + self.last_epoch) for rate in self.base_lrs)


class TooSoon(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [rate / math.sqrt(2 + self.last_epoch) for rate in self.base_lrs]


class OneBehind(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [rate / math.sqrt(max(self.last_epoch, 1)) for rate in self.base_lrs]


class DividesByZero(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [rate / math.sqrt(self.last_epoch) for rate in self.base_lrs]


class NoRoot(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [rate / (1 + self.last_epoch) for rate in self.base_lrs]


class Grows(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [rate * math.sqrt(1 + self.last_epoch) for rate in self.base_lrs]


class OneOutside(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [rate / (1 + math.sqrt(self.last_epoch)) for rate in self.base_lrs]


class Factors(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [1 / math.sqrt(1 + self.last_epoch) for _ in self.base_lrs]


class Constant(lr_scheduler.LRScheduler):
    def get_lr(self):
        return list(self.base_lrs)


class WithoutReturn(lr_scheduler.LRScheduler):
    def get_lr(self):
        [rate / math.sqrt(1 + self.last_epoch) for rate in self.base_lrs]


def counts(losses, patience, factor, lr):
    best, bad, rates = math.inf, 0, []
    for loss in losses:
        best, bad = (loss, 0) if loss < best else (best, bad + 1)
        if bad > patience:
            lr, bad = lr * factor, 0
        rates.append(lr)
    return rates


def by_index(losses, patience, factor, lr):
    rates, best_at, start = torch.zeros(len(losses), dtype=torch.float64), 0, 0
    for i, loss in enumerate(losses):
        if loss < losses[best_at]:
            best_at, start = i, i
        if i - start == patience + 1:
            lr, start = lr * factor, i
        rates[i] = lr
    return rates


def with_the_scheduler(losses, patience, factor, lr):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer, patience=patience, factor=factor, threshold=0
    )
    rates = []
    for loss in losses:
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return tuple(rates)


def as_a_generator(losses, patience, factor, lr):
    def rates(lr):
        best, left = float("inf"), patience
        for loss in losses:
            if loss < best:
                best, left = loss, patience
            elif left == 0:
                lr, left = factor * lr, patience
            else:
                left -= 1
            yield lr

    return list(rates(lr))


def simulated(losses, patience, factor, lr, better=None, enough=None, resets=True, total=False):
    """Computes the rates, with a mistake that the options choose."""
    best, bad, rates = math.inf, 0, []
    for loss in losses:
        if better(loss, best) if better else loss < best:
            best, bad = loss, bad if total else 0
        else:
            bad += 1
        if enough(bad) if enough else bad > patience:
            lr, bad = lr * factor, 0 if resets else bad
        rates.append(lr)
    return rates


def impatient(losses, patience, factor, lr):
    return simulated(losses, patience, factor, lr, enough=lambda bad: bad >= max(patience, 1))


def more_impatient(losses, patience, factor, lr):
    return simulated(losses, patience, factor, lr, enough=lambda bad: bad >= patience)


def too_patient(losses, patience, factor, lr):
    return simulated(losses, patience, factor, lr, enough=lambda bad: bad > patience + 1)


def keeps_counting(losses, patience, factor, lr):
    return simulated(losses, patience, factor, lr, resets=False)


def equal_is_better(losses, patience, factor, lr):
    return simulated(losses, patience, factor, lr, better=lambda loss, best: loss <= best)


def threshold_left(losses, patience, factor, lr):
    return simulated(losses, patience, factor, lr, better=lambda a, b: a < b * (1 - 1e-4))


def absolute_threshold(losses, patience, factor, lr):
    return simulated(losses, patience, factor, lr, better=lambda a, b: a < b - 1e-4)


def never_cleared(losses, patience, factor, lr):
    return simulated(losses, patience, factor, lr, total=True)


def against_the_last(losses, patience, factor, lr):
    last, bad, rates = math.inf, 0, []
    for loss in losses:
        bad = 0 if loss < last else bad + 1
        last = loss
        if bad > patience:
            lr, bad = lr * factor, 0
        rates.append(lr)
    return rates


def before_the_loss(losses, patience, factor, lr):
    return [lr, *counts(losses, patience, factor, lr)[:-1]]


def only_changes(losses, patience, factor, lr):
    return sorted(set(counts(losses, patience, factor, lr)))


def last_alone(losses, patience, factor, lr):
    return counts(losses, patience, factor, lr)[-1]


def grows(losses, patience, factor, lr):
    return counts(losses, patience, 1 / factor, lr)


def subtracts(losses, patience, factor, lr):
    ones = counts(losses, patience, 0.5, 1.0)
    return [lr - factor * round(-math.log2(rate)) for rate in ones]


def sorts_the_losses(losses, patience, factor, lr):
    losses.sort()
    return counts(losses, patience, factor, lr)


def line_and_cosine(steps, warm):
    def factor(t):
        if t < warm:
            return (t + 1) / warm
        return (1 + math.cos(math.pi * min(1, (t - warm) / (steps - 1 - warm)))) / 2

    return factor


def two_lines(steps, warm):
    return lambda t: max(0, min((t + 1) / (warm + 1), (steps - 1 - t) / (steps - 1 - warm), 1))


class Table:
    """Computes all factors at once, and holds the last one."""

    def __init__(self, steps, warm):
        up = np.linspace(0.3, 1, warm + 1)
        down = np.geomspace(1, 0.008, steps - warm)
        self.table = np.concatenate([up, down[1:], [0.0]])

    def __call__(self, t):
        return self.table[min(t, len(self.table) - 1)]


def a_long_stay(steps, warm):
    """Warm-up, stable, decay, in tensors of single precision."""
    start = (warm + steps) // 2

    def factor(t):
        up = torch.tensor((t + 1) / warm).clamp(max=1)
        return up * torch.tensor((steps - 1 - t) / (steps - 1 - start)).clamp(0, 1) ** 2

    return factor


def stairs(steps, warm):
    marks = [warm + (steps - warm) * part // 8 for part in (3, 6, 7)]
    return lambda t: min(1, 0.5 + t / (2 * warm)) * 0.2 ** sum(t >= mark for mark in marks)


def starts_at_zero(steps, warm):
    return lambda t: t / warm if t < warm else line_and_cosine(steps, warm)(t)


def without_a_warm_up(steps, warm):
    return lambda t: max(0.0, 1 - t / (steps - 1))


def a_fixed_warm_up(steps, warm):
    return line_and_cosine(steps, 10)


def a_fixed_end(steps, warm):
    return line_and_cosine(100, warm)


def not_down_at_the_end(steps, warm):
    def factor(t):
        if t < warm:
            return (t + 1) / warm
        return (1 + math.cos(math.pi * min(1, (t - warm) / (steps - warm)))) / 2

    return factor


def climbs_after_the_end(steps, warm):
    def factor(t):
        if t < warm:
            return (t + 1) / warm
        return (1 + math.cos(math.pi * (t - warm) / (steps - 1 - warm))) / 2

    return factor


def goes_below_zero(steps, warm):
    return lambda t: min((t + 1) / warm, (steps - 1 - t) / (steps - 1 - warm), 1)


def a_rate(steps, warm):
    return lambda t: 3 * line_and_cosine(steps, warm)(t)


def never_at_the_top(steps, warm):
    return lambda t: 0.9 * line_and_cosine(steps, warm)(t)


def down_at_once(steps, warm):
    return lambda t: (t + 1) / warm if t < warm else 0.5 ** (t - warm)


def wavy_start(steps, warm):
    def factor(t):
        return 0.3 - 0.1 * (t % 2) if t < warm - 1 else line_and_cosine(steps, warm)(t)

    return factor


def restarts(steps, warm):
    def factor(t):
        if t < warm or t >= steps - 1:
            return line_and_cosine(steps, warm)(t)
        return (1 + math.cos(math.pi * ((t - warm) % 5) / 5)) / 2

    return factor


def counts_its_calls(steps, warm):
    shape, seen = line_and_cosine(steps, warm), []

    def factor(t):
        seen.append(t)
        return shape(len(seen) - 1)

    return factor


def one_for_all(steps, warm):
    ONE["size"] = steps, warm
    return lambda t: line_and_cosine(*ONE["size"])(t)


ONE = {}


def a_list_of_factors(steps, warm):
    return [line_and_cosine(steps, warm)(t) for t in range(steps)]


def lists_of_rates(steps, warm):
    return lambda t: [line_and_cosine(steps, warm)(t)]


def already_called(steps, warm):
    return line_and_cosine(steps, warm)(0)


def a_table_that_ends(steps, warm):
    return a_list_of_factors(steps, warm).__getitem__


RIGHT = {
    "18.4": [line_and_cosine, two_lines, Table, a_long_stay, stairs],
    "18.1": [four_parts, smallest_of_three, numpy_interp, a_tensor],
    "18.2": [Closed, Chained, InitialRates, Appends],
    "18.3": [counts, by_index, with_the_scheduler, as_a_generator],
}

WRONG = {
    "18.4": [
        (starts_at_zero, "or the first batch is wasted"),
        (without_a_warm_up, "at most 1/2"),
        (a_fixed_warm_up, "it reaches 1 for the first time"),
        (a_fixed_end, "design(20, 10) at t = 19 is"),
        (not_down_at_the_end, "that is the last step"),
        (climbs_after_the_end, "it rises, after the last step"),
        (goes_below_zero, "a negative rate climbs the loss"),
        (a_rate, "its maximum is 1"),
        (never_at_the_top, "it never reaches 1"),
        (down_at_once, "half-way down"),
        (wavy_start, "it falls, before it has reached 1"),
        (restarts, "it rises, after it was 1"),
        (counts_its_calls, "depend on t alone"),
        (one_for_all, "it reaches 1 for the first time"),
        (a_list_of_factors, "should be a function of t"),
        (lists_of_rates, "should be one number"),
        (already_called, "should be a function of t"),
        (a_table_that_ends, "your answer raised IndexError"),
    ],
    "18.1": [
        (never_ends, "climbs the loss"),
        (no_stay, "It falls as soon as it has risen"),
        (divides_by_warm, "Without a warm-up"),
        (divides_by_down, "A part that takes no steps"),
        (cosine_fall, "The way down is a cosine"),
        (one_too_high, "one step too high"),
        (stays_for_ever, "It goes on staying at 1"),
        (climbs_again, "It rises on the way down"),
        (drops, "It is 0 as soon as it should come down"),
        (points_in_time, "they are lengths"),
        (whole_numbers, "It rises from 0 at t = 0 to 1 at t = 4"),
        (a_list, "should be one number"),
    ],
    "18.2": [
        (PilesUp, "pile up"),
        (OneRate, "All groups have one rate"),
        (FirstRate, "the first group's rate"),
        (OneNumber, "should be a list; it is the number"),
        (OneInAList, "has 1 rate: one for each group"),
        (Generator, "should be a list; it is an object of type generator"),
        (TooSoon, "one step ahead"),
        (OneBehind, "one step behind"),
        (DividesByZero, "your answer raised ZeroDivisionError"),
        (NoRoot, "The root is missing"),
        (Grows, "The factor is inverted"),
        (OneOutside, "it belongs inside"),
        (Factors, "These are the factors"),
        (Constant, "does not change from step to step"),
        (WithoutReturn, "get_lr returned None"),
    ],
    "18.3": [
        (impatient, "one loss too soon"),
        (more_impatient, "one loss too soon"),
        (too_patient, "one loss too late"),
        (keeps_counting, "the count begins again"),
        (equal_is_better, "A loss equal to the best"),
        (threshold_left, "A small improvement did not count"),
        (absolute_threshold, "A small improvement did not count"),
        (never_cleared, "does not clear the count"),
        (against_the_last, "with the one before"),
        (before_the_loss, "that before its loss"),
        (only_changes, "one after each loss"),
        (last_alone, "should be numbers, and it is the number"),
        (grows, "The rate grows at a cut"),
        (subtracts, "factor was subtracted"),
        (sorts_the_losses, "The entries of the argument losses have changed"),
    ],
}
