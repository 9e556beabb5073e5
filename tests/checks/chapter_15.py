"""Right and wrong answers to the exercises of chapter 15, and the hint that each must get."""

import math

import torch
from torch.nn import functional as F

LOG_2 = math.log(2)


def softplus(prediction, target):
    d = (prediction - target).abs()
    return (d + F.softplus(-2 * d) - LOG_2).mean()


def log1p(prediction, target):
    d = torch.abs(target - prediction)
    return torch.mean(d + torch.log1p(torch.exp(-2 * d)) - math.log(2.0))


def logaddexp(prediction, target):
    d = prediction - target
    return torch.logaddexp(d, -d).mean() - LOG_2


def logsumexp(prediction, target):
    d = (prediction - target).flatten()
    both = torch.logsumexp(torch.stack([d, -d]), dim=0)
    return (both - LOG_2).sum() / len(d)


def overflows(prediction, target):
    return (prediction - target).cosh().log().mean()


def half_overflows(prediction, target):
    d = (prediction - target).abs()
    return (torch.log1p((2 * d).exp()) - d - LOG_2).mean()


def forgets_the_half(prediction, target):
    return softplus(prediction, target) + LOG_2


def adds_the_half(prediction, target):
    return softplus(prediction, target) + 2 * LOG_2


def summed(prediction, target):
    return softplus(prediction, target) * prediction.numel()


def of_each(prediction, target):
    d = (prediction - target).abs()
    return d + F.softplus(-2 * d) - LOG_2


def large_alone(prediction, target):
    return ((prediction - target).abs() - LOG_2).mean()


def without_the_two(prediction, target):
    d = (prediction - target).abs()
    return (d + F.softplus(-d) - LOG_2).mean()


def without_abs(prediction, target):
    d = prediction - target
    return (d + F.softplus(-2 * d.abs()) - LOG_2).mean()


def clamps_errors(prediction, target):
    return (prediction - target).clamp(-80, 80).cosh().log().mean()


def small_alone(prediction, target):
    return F.mse_loss(prediction, target) / 2


def mean_error(prediction, target):
    return softplus(prediction.mean(), target.mean())


def chosen_by_where(prediction, target):
    d = prediction - target
    return torch.where(d.abs() < 50, d.cosh().log(), d.abs() - LOG_2).mean()


def root_of_the_square(prediction, target):
    d = ((prediction - target) ** 2).sqrt()
    return (d + torch.log1p(torch.exp(-2 * d)) - LOG_2).mean()


def log_cosh_float(prediction, target):
    return softplus(prediction, target).item()


def log_cosh_detached(prediction, target):
    return softplus(prediction.detach(), target)


def log_cosh_in_place(prediction, target):
    with torch.no_grad():
        prediction -= target
    return softplus(prediction, torch.zeros_like(prediction))


def counts(logits, masks):
    p, t = logits.sigmoid().flatten(1), masks.flatten(1)
    return (p * t).sum(1), (p * (1 - t)).sum(1), ((1 - p) * t).sum(1)


def flattened(logits, masks, alpha, beta):
    hits, alarms, misses = counts(logits, masks)
    return 1 - ((hits + 1) / (hits + alpha * alarms + beta * misses + 1)).mean()


def dims(logits, masks, alpha, beta):
    p = torch.sigmoid(logits)
    hits = (p * masks).sum(dim=(1, 2, 3))
    alarms = p.sum(dim=(1, 2, 3)) - hits
    misses = masks.sum(dim=(1, 2, 3)) - hits
    index = (hits + 1.0) / (hits + alpha * alarms + beta * misses + 1.0)
    return (1 - index).mean()


def picture_by_picture(logits, masks, alpha, beta):
    total = 0.0
    for x, t in zip(logits, masks, strict=True):
        p = 1 / (1 + torch.exp(-x))
        hits = torch.sum(p * t)
        rest = alpha * torch.sum(p * (1 - t)) + beta * torch.sum((1 - p) * t)
        total += 1 - (hits + 1) / (hits + rest + 1)
    return total / len(logits)


def einsums(logits, masks, alpha, beta):
    p, t = logits.sigmoid()[:, 0], masks[:, 0]
    hits = torch.einsum("nhw,nhw->n", p, t)
    weighed = alpha * torch.einsum("nhw,nhw->n", p, 1 - t)
    weighed = weighed + beta * torch.einsum("nhw,nhw->n", 1 - p, t)
    return torch.mean((weighed) / (hits + weighed + 1))


def the_index(logits, masks, alpha, beta):
    return 1 - flattened(logits, masks, alpha, beta)


def exchanged(logits, masks, alpha, beta):
    return flattened(logits, masks, beta, alpha)


def whole_batch(logits, masks, alpha, beta):
    return flattened(logits.flatten()[None], masks.flatten()[None], alpha, beta)


def no_sigmoid(logits, masks, alpha, beta):
    hits = (logits * masks).flatten(1).sum(1)
    alarms, misses = (
        (logits * (1 - masks)).flatten(1).sum(1),
        ((1 - logits) * masks).flatten(1).sum(1),
    )
    return 1 - ((hits + 1) / (hits + alpha * alarms + beta * misses + 1)).mean()


def no_ones(logits, masks, alpha, beta):
    hits, alarms, misses = counts(logits, masks)
    return 1 - (hits / (hits + alpha * alarms + beta * misses)).mean()


def one_below_alone(logits, masks, alpha, beta):
    hits, alarms, misses = counts(logits, masks)
    return 1 - (hits / (hits + alpha * alarms + beta * misses + 1)).mean()


def tiny_ones(logits, masks, alpha, beta):
    hits, alarms, misses = counts(logits, masks)
    return 1 - ((hits + 1e-3) / (hits + alpha * alarms + beta * misses + 1e-3)).mean()


def one_minus_alpha(logits, masks, alpha, beta):
    return flattened(logits, masks, alpha, 1 - alpha)


def dice(logits, masks, alpha, beta):
    return flattened(logits, masks, 0.5, 0.5)


def tversky_sum(logits, masks, alpha, beta):
    return flattened(logits, masks, alpha, beta) * len(logits)


def of_each_picture(logits, masks, alpha, beta):
    hits, alarms, misses = counts(logits, masks)
    return 1 - (hits + 1) / (hits + alpha * alarms + beta * misses + 1)


def rounded(logits, masks, alpha, beta):
    return flattened(
        torch.where(logits > 0, 99.0, -99.0).to(logits) + 0 * logits, masks, alpha, beta
    )


def softmax(logits, masks, alpha, beta):
    p, t = logits.softmax(1).flatten(1), masks.flatten(1)
    hits, alarms, misses = (p * t).sum(1), (p * (1 - t)).sum(1), ((1 - p) * t).sum(1)
    return 1 - ((hits + 1) / (hits + alpha * alarms + beta * misses + 1)).mean()


def tversky_detached(logits, masks, alpha, beta):
    return flattened(logits.detach(), masks, alpha, beta)


def sigmoid_in_place(logits, masks, alpha, beta):
    with torch.no_grad():
        logits.sigmoid_()
    return no_sigmoid(logits, masks, alpha, beta)


def two_wheres(prediction, target, known):
    squares = torch.where(known, prediction - torch.where(known, target, 0.0), 0.0) ** 2
    return squares.sum() / known.sum().clamp(min=1)


def indexed(prediction, target, known):
    return ((prediction[known] - target[known]) ** 2).sum() / max(int(known.sum()), 1)


def filled(prediction, target, known):
    difference = (prediction - target.masked_fill(~known, 0)) * known
    return difference.square().sum() / known.sum().clamp(min=1)


def own_targets(prediction, target, known):
    if not known.any():
        return (prediction * 0).sum()
    return F.mse_loss(prediction[known], target[known]).reshape(1)


def times_zero(prediction, target, known):
    return ((prediction - target) ** 2 * known).sum() / known.sum().clamp(min=1)


def over_all(prediction, target, known):
    return two_wheres(prediction, target, known) * known.sum() / known.numel()


def sum_of_known(prediction, target, known):
    return two_wheres(prediction, target, known) * known.sum()


def nan_gradient(prediction, target, known):
    squares = torch.where(known, (prediction - target) ** 2, 0.0)
    return squares.sum() / known.sum().clamp(min=1)


def mean_of_nothing(prediction, target, known):
    return ((prediction[known] - target[known]) ** 2).mean()


def divides_by_zero(prediction, target, known):
    return ((prediction[known] - target[known]) ** 2).sum() / known.sum()


def python_zero(prediction, target, known):
    return indexed(prediction, target, known) if known.any() else 0.0


def zero_without_graph(prediction, target, known):
    return indexed(prediction, target, known) if known.any() else torch.tensor(0.0)


def zero_of_its_own(prediction, target, known):
    if not known.any():
        return torch.tensor(0.0, requires_grad=True)
    return indexed(prediction, target, known)


def unknown_are_zero(prediction, target, known):
    return F.mse_loss(prediction, torch.where(known, target, 0.0))


def by_nan(prediction, target, known):
    return indexed(prediction, target, ~target.isnan())


def ignores_known(prediction, target, known):
    return F.mse_loss(prediction, target.nan_to_num())


def others(prediction, target, known):
    return indexed(prediction, target, ~known)


def rows(prediction, target, known):
    every = zip(prediction, target, known, strict=True)
    found = [indexed(*row) for row in every if row[2].any()]
    return sum(found) / max(len(found), 1) + 0 * prediction.sum()


def root(prediction, target, known):
    return indexed(prediction, target, known).sqrt()


def l1(prediction, target, known):
    return (prediction[known] - target[known]).abs().mean() if known.any() else prediction[:0].sum()


def cut(prediction, target, known):
    return indexed(prediction.detach(), target, known)


def target_changed(prediction, target, known):
    target[~known] = 0
    return two_wheres(prediction, target, known)


def prediction_changed(prediction, target, known):
    with torch.no_grad():
        prediction[~known] = 0
    return two_wheres(prediction, target, known)


def weighted_cross_entropy(logits, masks):
    weight = torch.tensor(3.0, dtype=logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, masks, pos_weight=weight)


def tversky_per_picture(logits, masks):
    p, t = logits.sigmoid().flatten(1), masks.flatten(1)
    hits, alarms, misses = (p * t).sum(1), (p * (1 - t)).sum(1), ((1 - p) * t).sum(1)
    return 1 - ((hits + 1) / (hits + 0.3 * alarms + 0.7 * misses + 1)).mean()


def sum_of_two(logits, masks):
    p, t = logits.sigmoid().flatten(1), masks.flatten(1)
    dice = (2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)
    return F.binary_cross_entropy_with_logits(logits, masks) + 1 - dice.mean()


class FocalWithAlpha(torch.nn.Module):
    def forward(self, logits, masks):
        cost = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
        return ((0.25 + 0.5 * masks) * (-torch.expm1(-cost)) ** 2 * cost).mean()


def squared_misses(logits, masks):
    error = logits.sigmoid() - masks
    return torch.where(error < 0, 2 * error**2, error**2).mean()


def plain_cross_entropy(logits, masks):
    return F.binary_cross_entropy_with_logits(logits, masks)


def dear_alarms(logits, masks):
    cost = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    return ((2 - masks) * cost).mean()


def summed_up(logits, masks):
    return weighted_cross_entropy(logits, masks) * len(logits)


def one_dice_for_all(logits, masks):
    p = logits.sigmoid()
    return 1 - (2 * (p * masks).sum() + 1) / (p.sum() + masks.sum() + 1)


def dice_without_constant(logits, masks):
    p, t = logits.sigmoid().flatten(1), masks.flatten(1)
    return 1 - (2 * (p * t).sum(1) / (p.sum(1) + t.sum(1))).mean()


def logarithm_of_the_sigmoid(logits, masks):
    p = logits.sigmoid()
    return -(3 * masks * p.log() + (1 - masks) * (1 - p).log()).mean()


def hard_counts(logits, masks):
    said = (logits > 0).to(masks)
    return (3 * masks * (1 - said) + (1 - masks) * said).mean()


def gain_of_tversky(logits, masks):
    return 1 - tversky_per_picture(logits, masks)


def negative(logits, masks):
    return -1 + tversky_per_picture(logits, masks)


def one_per_picture(logits, masks):
    p, t = logits.sigmoid().flatten(1), masks.flatten(1)
    return 1 - (2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)


def half_detached(logits, masks):
    weight = 1 + 2 * masks + logits.sigmoid().detach()
    cost = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    return (weight * cost).mean()


def as_a_number(logits, masks):
    return torch.tensor(weighted_cross_entropy(logits, masks).item())


def misses_alone(logits, masks):
    return (masks * F.softplus(-logits)).mean()


def with_a_margin(logits, masks):
    return weighted_cross_entropy(logits, masks) + 0.1


def in_float32(logits, masks):
    return weighted_cross_entropy(logits.float(), masks.float())


RIGHT = {
    "15.1": [softplus, log1p, logaddexp, logsumexp],
    "15.2": [flattened, dims, picture_by_picture, einsums],
    "15.3": [two_wheres, indexed, filled, own_targets],
    "15.4": [
        weighted_cross_entropy,
        tversky_per_picture,
        sum_of_two,
        FocalWithAlpha(),
        squared_misses,
    ],
}

WRONG = {
    "15.1": [
        (overflows, "exponentiated with a positive sign"),
        (half_overflows, "exponentiated with a positive sign"),
        (forgets_the_half, "too large by log 2"),
        (adds_the_half, "log 2 was added"),
        (summed, "take the mean"),
        (of_each, "has shape (3,), and one number is asked for"),
        (large_alone, "for large errors alone"),
        (without_the_two, "2 is missing"),
        (without_abs, "The absolute value is missing"),
        (clamps_errors, "Errors were clamped"),
        (small_alone, "the squared error's half"),
        (mean_error, "The error was averaged first"),
        (chosen_by_where, "its gradient is"),
        (root_of_the_square, "its gradient is"),
        (log_cosh_float, "should be a torch.Tensor, and it is the number"),
        (log_cosh_detached, "no graph to the prediction"),
        (log_cosh_in_place, "The numbers in the argument prediction have changed"),
    ],
    "15.2": [
        (the_index, "one minus it"),
        (exchanged, "alpha weighs false alarms"),
        (whole_batch, "flatten(1)"),
        (no_sigmoid, "The sigmoid is missing"),
        (no_ones, "1 is missing above and below"),
        (one_below_alone, "1 is missing above the bar"),
        (tiny_ones, "and it should be"),
        (one_minus_alpha, "need not add up to 1"),
        (dice, "this is Dice"),
        (tversky_sum, "the sum over the pictures"),
        (of_each_picture, "has shape (2,), and one number is asked for"),
        (rounded, "were rounded to 0 or 1"),
        (softmax, "over a single channel"),
        (tversky_detached, "has the right value and no graph"),
        (sigmoid_in_place, "The numbers in the argument logits have changed"),
    ],
    "15.3": [
        (times_zero, "nan times 0 is nan"),
        (over_all, "not by all"),
        (sum_of_known, "That is the sum"),
        (nan_gradient, "before you subtract"),
        (mean_of_nothing, "do not divide by 0"),
        (divides_by_zero, "do not divide by 0"),
        (python_zero, "Where nothing is known, the loss should be a torch.Tensor"),
        (zero_without_graph, "has no graph, so backward would fail"),
        (zero_of_its_own, "the prediction has no gradient, where zeros are asked for"),
        (unknown_are_zero, "were taken for 0"),
        (by_nan, "known tells which to leave out"),
        (ignores_known, "Unknown elements count as well"),
        (others, "known is True where a target is known"),
        (rows, "Each row has a mean of its own"),
        (root, "root of the mean squared error"),
        (l1, "The errors were not squared"),
        (cut, "no graph"),
        (target_changed, "The numbers in the argument target have changed"),
        (prediction_changed, "The numbers in the argument prediction have changed"),
    ],
    "15.4": [
        (plain_cross_entropy, "a miss should be dearer"),
        (dear_alarms, "a miss should be dearer"),
        (summed_up, "each picture should count the same"),
        (one_dice_for_all, "each picture should count the same"),
        (dice_without_constant, "The loss of empty masks and logits of"),
        (logarithm_of_the_sigmoid, "is nan"),
        (hard_counts, "The loss has no graph"),
        (gain_of_tversky, "it should be below 0.01"),
        (negative, "a loss is not negative"),
        (one_per_picture, "The loss of a batch that is right everywhere"),
        (half_detached, "Is a part of it detached"),
        (as_a_number, "The loss has no graph"),
        (misses_alone, "of the pixels wrong"),
        (with_a_margin, "it should be below 0.01"),
        (in_float32, "In float64 the loss rises by"),
    ],
}
