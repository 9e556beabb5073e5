"""Chapter 18."""

import math

import torch
from torch import nn, optim
from torch.optim import lr_scheduler


def with_ifs(t, warm, stay, down):
    if t < warm:
        return t / warm
    if t < warm + stay:
        return 1.0
    if t < warm + stay + down:
        return 1 - (t - warm - stay) / down
    return 0.0


def min_max(t, warm, stay, down):
    up = t / warm if warm else 1.0
    end = warm + stay + down
    fall = (end - t) / down if down else float(t < end)
    return max(0.0, min(1.0, up, fall))


def subtracts_phases(step, warm, stay, down):
    if step < warm:
        return step / warm
    step -= warm
    if step < stay:
        return 1
    step -= stay
    return (down - step) / down if step < down else 0


def with_tensor_clamp(t, warm, stay, down):
    end = warm + stay + down
    rise = 1.0 if warm == 0 else t / warm
    if t >= end:
        return 0.0
    fall = 1.0 if down == 0 else (end - t) / down
    return torch.tensor([rise, fall, 1.0], dtype=torch.float64).min().item()


def divides_by_zero(t, warm, stay, down):
    return max(0.0, min(1.0, t / warm, (warm + stay + down - t) / down))


def starts_above_zero(t, warm, stay, down):
    if t < warm:
        return (t + 1) / warm
    if t < warm + stay:
        return 1.0
    if t < warm + stay + down:
        return 1 - (t - warm - stay) / down
    return 0.0


def negative_after_the_end(t, warm, stay, down):
    if t < warm:
        return t / warm
    if t < warm + stay:
        return 1.0
    return 1 - (t - warm - stay) / down if down else 0.0


def forgets_stay(t, warm, stay, down):
    if t < warm:
        return t / warm
    if t < warm + down:
        return 1 - (t - warm) / down
    return 0.0


def down_zero_one_too_long(t, warm, stay, down):
    if t < warm:
        return t / warm
    if t <= warm + stay:
        return 1.0
    if t < warm + stay + down:
        return 1 - (t - warm - stay) / down
    return 0.0


def warm_zero_starts_at_zero(t, warm, stay, down):
    if t <= warm:
        return t / max(warm, 1)
    if t < warm + stay:
        return 1.0
    if t < warm + stay + down:
        return 1 - (t - warm - stay) / down
    return 0.0


def stay_is_an_end(t, warm, stay, down):
    if t < warm:
        return t / warm
    if t < stay:
        return 1.0
    if t < stay + down:
        return 1 - (t - stay) / down
    return 0.0


def cosine_fall(t, warm, stay, down):
    if t < warm:
        return t / warm
    if t < warm + stay:
        return 1.0
    if t < warm + stay + down:
        return 0.5 + 0.5 * math.cos(math.pi * (t - warm - stay) / down)
    return 0.0


def falls_one_step_early(t, warm, stay, down):
    if t < warm:
        return t / warm
    if t < warm + stay:
        return 1.0
    if t < warm + stay + down:
        return 1 - (t - warm - stay + 1) / down
    return 0.0


def epsilon_in_the_denominator(t, warm, stay, down):
    return max(0.0, min(1.0, t / (warm + 1e-09), (warm + stay + down - t) / (down + 1e-09)))


def integer_division(t, warm, stay, down):
    if t < warm:
        return t // warm
    if t < warm + stay:
        return 1
    if t < warm + stay + down:
        return 1 - (t - warm - stay) // down
    return 0


class ClosedForm(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [base / math.sqrt(1 + self.last_epoch) for base in self.base_lrs]


class WithLoop(lr_scheduler.LRScheduler):
    def get_lr(self):
        factor = (1 + self.last_epoch) ** (-0.5)
        rates = []
        for lr in self.base_lrs:
            rates.append(lr * factor)
        return rates


class FromTheGroups(lr_scheduler.LRScheduler):
    def get_lr(self):
        t = self.last_epoch
        return [g["initial_lr"] / (t + 1) ** 0.5 for g in self.optimizer.param_groups]


class MapToList(lr_scheduler.LRScheduler):
    def __init__(self, optimizer, last_epoch=-1):
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        return list(map(lambda b: b * math.pow(self.last_epoch + 1, -0.5), self.base_lrs))


class Compounds(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [g["lr"] / math.sqrt(1 + self.last_epoch) for g in self.optimizer.param_groups]


class ForgetsSqrt(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [b / (1 + self.last_epoch) for b in self.base_lrs]


class ForgetsPlusOne(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [b / math.sqrt(max(1, self.last_epoch)) for b in self.base_lrs]


class OnePlusRoot(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [b / (1 + math.sqrt(self.last_epoch)) for b in self.base_lrs]


class Generator(lr_scheduler.LRScheduler):
    def get_lr(self):
        return (b / math.sqrt(1 + self.last_epoch) for b in self.base_lrs)


class FirstRateForAll(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [self.base_lrs[0] / math.sqrt(1 + self.last_epoch) for _ in self.base_lrs]


class OnlyOneGroup(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [self.base_lrs[0] / math.sqrt(1 + self.last_epoch)]


class OnlyTheFactor(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [1 / math.sqrt(1 + self.last_epoch) for _ in self.base_lrs]


class OneStepAhead(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [b / math.sqrt(2 + self.last_epoch) for b in self.base_lrs]


class NeverMoves(lr_scheduler.LRScheduler):
    def get_lr(self):
        return list(self.base_lrs)


class RootOfTheRate(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [math.sqrt(b / (1 + self.last_epoch)) for b in self.base_lrs]


def counts_bad_steps(losses, patience, factor, lr):
    best, bad, rates = (math.inf, 0, [])
    for loss in losses:
        if loss < best:
            best, bad = (loss, 0)
        else:
            bad += 1
        if bad > patience:
            lr *= factor
            bad = 0
        rates.append(lr)
    return rates


def asks_pytorch(losses, patience, factor, lr):
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer, patience=patience, factor=factor, threshold=0
    )
    rates = []
    for loss in losses:
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def with_start_index(losses, patience, factor, lr):
    result, start, best = ([], -1, float("inf"))
    for i, loss in enumerate(losses):
        if loss < best:
            best = loss
            start = i
        elif i - start == patience + 1:
            lr = lr * factor
            start = i
        result.append(lr)
    return result


def counts_reductions(losses, patience, factor, lr):
    n = 0
    left = patience
    seen = []
    rates = []
    for loss in losses:
        if not seen or loss < min(seen):
            left = patience
        elif left == 0:
            n, left = (n + 1, patience)
        else:
            left -= 1
        seen.append(loss)
        rates.append(lr * factor**n)
    return rates


def lowers_one_too_early(losses, patience, factor, lr):
    best, bad, rates = (math.inf, 0, [])
    for loss in losses:
        if loss < best:
            best, bad = (loss, 0)
        else:
            bad += 1
            if bad >= patience:
                lr, bad = (lr * factor, 0)
        rates.append(lr)
    return rates


def equal_is_better(losses, patience, factor, lr):
    best, bad, rates = (math.inf, 0, [])
    for loss in losses:
        if loss <= best:
            best, bad = (loss, 0)
        else:
            bad += 1
        if bad > patience:
            lr, bad = (lr * factor, 0)
        rates.append(lr)
    return rates


def compares_with_last(losses, patience, factor, lr):
    last, bad, rates = (math.inf, 0, [])
    for loss in losses:
        bad = 0 if loss < last else bad + 1
        last = loss
        if bad > patience:
            lr, bad = (lr * factor, 0)
        rates.append(lr)
    return rates


def never_resets_after_lowering(losses, patience, factor, lr):
    best, bad, rates = (math.inf, 0, [])
    for loss in losses:
        if loss < best:
            best, bad = (loss, 0)
        else:
            bad += 1
        if bad > patience:
            lr = lr * factor
        rates.append(lr)
    return rates


def never_resets_when_better(losses, patience, factor, lr):
    best, bad, rates = (math.inf, 0, [])
    for loss in losses:
        if loss < best:
            best = loss
        else:
            bad += 1
        if bad > patience:
            lr, bad = (lr * factor, 0)
        rates.append(lr)
    return rates


def resets_best_when_lowering(losses, patience, factor, lr):
    best, bad, rates = (math.inf, 0, [])
    for loss in losses:
        if loss < best:
            best, bad = (loss, 0)
        else:
            bad += 1
        if bad > patience:
            lr, bad, best = (lr * factor, 0, math.inf)
        rates.append(lr)
    return rates


def records_before(losses, patience, factor, lr):
    best, bad, rates = (math.inf, 0, [])
    for loss in losses:
        rates.append(lr)
        if loss < best:
            best, bad = (loss, 0)
        else:
            bad += 1
        if bad > patience:
            lr, bad = (lr * factor, 0)
    return rates


def returns_last_rate(losses, patience, factor, lr):
    return counts_bad_steps(losses, patience, factor, lr)[-1:]


def divides_by_factor(losses, patience, factor, lr):
    best, bad, rates = (math.inf, 0, [])
    for loss in losses:
        if loss < best:
            best, bad = (loss, 0)
        else:
            bad += 1
        if bad > patience:
            lr, bad = (lr / factor, 0)
        rates.append(lr)
    return rates


def begins_with_lr(losses, patience, factor, lr):
    return [lr] + counts_bad_steps(losses, patience, factor, lr)


def default_threshold(losses, patience, factor, lr):
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    s = lr_scheduler.ReduceLROnPlateau(optimizer, patience=patience, factor=factor)
    rates = []
    for loss in losses:
        s.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def best_starts_at_zero(losses, patience, factor, lr):
    best, bad, rates = (0.0, 0, [])
    for loss in losses:
        if loss < best:
            best, bad = (loss, 0)
        else:
            bad += 1
        if bad > patience:
            lr, bad = (lr * factor, 0)
        rates.append(lr)
    return rates


def best_starts_at_one_hundred(losses, patience, factor, lr):
    best, bad, rates = (100.0, 0, [])
    for loss in losses:
        if loss < best:
            best, bad = (loss, 0)
        else:
            bad += 1
        if bad > patience:
            lr, bad = (lr * factor, 0)
        rates.append(lr)
    return rates


def design_cosine(steps, warm):
    def f(t):
        if t < warm:
            return (t + 1) / (warm + 1)
        if t >= steps - 1:
            return 0.0
        return 0.5 * (1 + math.cos(math.pi * (t - warm) / (steps - 1 - warm)))

    return f


def design_exponential(steps, warm):
    gamma = 0.009 ** (1 / (steps - 1 - warm))
    return lambda t: max(t, 1) / warm if t < warm else gamma ** (t - warm)


def design_polynomial(steps, warm):
    class Schedule:
        def __call__(self, t):
            if t < warm:
                return 0.1 + 0.9 * t / warm
            return max(0.0, 1 - (t - warm) / (steps - 1 - warm)) ** 2

    return Schedule()


def design_constant(steps, warm):
    return lambda t: 1.0


def design_zero_first(steps, warm):
    return lambda t: t / warm if t < warm else design_cosine(steps, warm)(t)


def design_inverse_root(steps, warm):
    return lambda t: min((t + 1) / warm, math.sqrt(warm / max(t, 1)), 1.0)


def design_ends_late(steps, warm):
    return design_cosine(2 * steps, warm)


def design_periodic(steps, warm):
    return lambda t: design_cosine(steps, warm)(t % steps)


def design_swapped(steps, warm):
    return design_cosine(steps, steps - warm)


def design_only_warm_up(steps, warm):
    return lambda t: min(1.0, (t + 1) / warm) if t < steps - 1 else 0.0


def design_cut_at_once(steps, warm):
    return lambda t: (t + 1) / warm if t < warm else 0.001


RIGHT = {
    "18.4": [design_cosine, design_exponential, design_polynomial, design_only_warm_up],
    "18.1": [with_ifs, min_max, subtracts_phases, with_tensor_clamp],
    "18.2": [ClosedForm, WithLoop, FromTheGroups, MapToList],
    "18.3": [counts_bad_steps, asks_pytorch, with_start_index, counts_reductions],
}
WRONG = {
    "18.4": [
        design_constant,
        design_zero_first,
        design_inverse_root,
        design_ends_late,
        design_periodic,
        design_swapped,
        design_cut_at_once,
    ],
    "18.1": [
        divides_by_zero,
        starts_above_zero,
        negative_after_the_end,
        forgets_stay,
        down_zero_one_too_long,
        warm_zero_starts_at_zero,
        stay_is_an_end,
        cosine_fall,
        falls_one_step_early,
        epsilon_in_the_denominator,
        integer_division,
    ],
    "18.2": [
        Compounds,
        ForgetsSqrt,
        ForgetsPlusOne,
        OnePlusRoot,
        Generator,
        FirstRateForAll,
        OnlyOneGroup,
        OnlyTheFactor,
        OneStepAhead,
        NeverMoves,
        RootOfTheRate,
    ],
    "18.3": [
        lowers_one_too_early,
        equal_is_better,
        compares_with_last,
        never_resets_after_lowering,
        never_resets_when_better,
        resets_best_when_lowering,
        records_before,
        returns_last_rate,
        divides_by_factor,
        begins_with_lr,
        default_threshold,
        best_starts_at_zero,
        best_starts_at_one_hundred,
    ],
}
