"""Chapter 15."""

import math

import torch
from torch.nn import functional as F


def softplus_form(prediction, target):
    d = (prediction - target).abs()
    return (d + F.softplus(-2 * d) - math.log(2)).mean()


def logaddexp_form(p, y):
    d = p - y
    return (torch.logaddexp(d, -d) - math.log(2)).mean()


def signed_softplus(prediction, target):
    d = prediction - target
    return torch.mean(d + F.softplus(-2.0 * d) - torch.log(torch.tensor(2.0, dtype=d.dtype)))


def log1p_form(prediction, target):
    a = torch.abs(prediction - target)
    return (a + torch.log1p(torch.exp(-2 * a)) - math.log(2.0)).sum() / a.numel()


def logsumexp_stack(prediction, target):
    d = target - prediction
    return (torch.stack([d, -d]).logsumexp(0) - math.log(2)).mean()


def plain_log_cosh(prediction, target):
    return (prediction - target).cosh().log().mean()


def forgets_log_two(prediction, target):
    d = (prediction - target).abs()
    return (d + F.softplus(-2 * d)).mean()


def sums_up(prediction, target):
    d = (prediction - target).abs()
    return (d + F.softplus(-2 * d) - math.log(2)).sum()


def forgets_abs(prediction, target):
    d = prediction - target
    return (d + torch.log(1 + torch.exp(-2 * d)) - math.log(2)).mean()


def where_of_two_branches(prediction, target):
    d = prediction - target
    return torch.where(d.abs() < 20, d.cosh().log(), d.abs() - math.log(2)).mean()


def clamps_error(prediction, target):
    d = (prediction - target).clamp(-50, 50)
    return d.cosh().log().mean()


def only_l1(prediction, target):
    return ((prediction - target).abs() - math.log(2)).mean()


def factor_missing(prediction, target):
    d = (prediction - target).abs()
    return (d + torch.log1p(torch.exp(-d)) - math.log(2)).mean()


def sqrt_for_abs(prediction, target):
    d = ((prediction - target) ** 2).sqrt()
    return (d + F.softplus(-2 * d) - math.log(2)).mean()


def cuts_the_gradient(prediction, target):
    d = (prediction.detach() - target).abs()
    return (d + F.softplus(-2 * d) - math.log(2)).mean()


def of_the_mean_error(prediction, target):
    d = (prediction - target).mean().abs()
    return d + F.softplus(-2 * d) - math.log(2)


def sums_over_dims(logits, masks, alpha, beta):
    p = logits.sigmoid()
    dims = (1, 2, 3)
    tp = (p * masks).sum(dims)
    fp = (p * (1 - masks)).sum(dims)
    fn = ((1 - p) * masks).sum(dims)
    return (1 - (tp + 1) / (tp + alpha * fp + beta * fn + 1)).mean()


def flattened(logits, masks, alpha=0.5, beta=0.5):
    p, t = (torch.sigmoid(logits).flatten(1), masks.flatten(1))
    tp = torch.einsum("ni,ni->n", p, t)
    fp, fn = (p.sum(1) - tp, t.sum(1) - tp)
    return 1 - ((tp + 1) / (tp + alpha * fp + beta * fn + 1)).mean()


def picture_by_picture(logits, masks, alpha, beta):
    losses = []
    for x, t in zip(logits, masks):
        p = 1 / (1 + torch.exp(-x))
        tp, fp, fn = ((p * t).sum(), (p * (1 - t)).sum(), ((1 - p) * t).sum())
        losses.append(1 - (1 + tp) / (1 + tp + alpha * fp + beta * fn))
    return torch.stack(losses).mean()


def fraction_of_errors(logits, masks, alpha, beta):
    p = F.sigmoid(logits)
    fp = (p * (1 - masks)).sum(dim=[1, 2, 3])
    fn = (torch.sigmoid(-logits) * masks).sum(dim=[1, 2, 3])
    tp = (p * masks).sum(dim=[1, 2, 3])
    errors = alpha * fp + beta * fn
    return (errors / (tp + errors + 1)).mean()


def over_the_batch(logits, masks, alpha, beta):
    p = logits.sigmoid()
    tp, fp, fn = ((p * masks).sum(), (p * (1 - masks)).sum(), ((1 - p) * masks).sum())
    return 1 - (tp + 1) / (tp + alpha * fp + beta * fn + 1)


def _parts(p, t):
    return ((p * t).sum((1, 2, 3)), (p * (1 - t)).sum((1, 2, 3)), ((1 - p) * t).sum((1, 2, 3)))


def swaps_alpha_beta(logits, masks, alpha, beta):
    tp, fp, fn = _parts(logits.sigmoid(), masks)
    return (1 - (tp + 1) / (tp + beta * fp + alpha * fn + 1)).mean()


def no_sigmoid(logits, masks, alpha, beta):
    tp, fp, fn = _parts(logits, masks)
    return (1 - (tp + 1) / (tp + alpha * fp + beta * fn + 1)).mean()


def no_smoothing(logits, masks, alpha, beta):
    tp, fp, fn = _parts(logits.sigmoid(), masks)
    return (1 - tp / (tp + alpha * fp + beta * fn)).mean()


def one_only_below(logits, masks, alpha, beta):
    tp, fp, fn = _parts(logits.sigmoid(), masks)
    return (1 - tp / (tp + alpha * fp + beta * fn + 1)).mean()


def returns_index(logits, masks, alpha, beta):
    tp, fp, fn = _parts(logits.sigmoid(), masks)
    return ((tp + 1) / (tp + alpha * fp + beta * fn + 1)).mean()


def hard_threshold(logits, masks, alpha, beta):
    tp, fp, fn = _parts((logits > 0).float() + 0 * logits, masks)
    return (1 - (tp + 1) / (tp + alpha * fp + beta * fn + 1)).mean()


def beta_is_one_minus_alpha(logits, masks, alpha, beta):
    tp, fp, fn = _parts(logits.sigmoid(), masks)
    return (1 - (tp + 1) / (tp + alpha * fp + (1 - alpha) * fn + 1)).mean()


def per_picture_no_mean(logits, masks, alpha, beta):
    tp, fp, fn = _parts(logits.sigmoid(), masks)
    return 1 - (tp + 1) / (tp + alpha * fp + beta * fn + 1)


def sums_the_pictures(logits, masks, alpha, beta):
    tp, fp, fn = _parts(logits.sigmoid(), masks)
    return (1 - (tp + 1) / (tp + alpha * fp + beta * fn + 1)).sum()


def sigmoid_twice(logits, masks, alpha, beta):
    tp, fp, fn = _parts(logits.sigmoid().sigmoid(), masks)
    return (1 - (tp + 1) / (tp + alpha * fp + beta * fn + 1)).mean()


def means_in_place_of_sums(logits, masks, alpha, beta):
    p = logits.sigmoid()
    d = (1, 2, 3)
    tp, fp, fn = ((p * masks).mean(d), (p * (1 - masks)).mean(d), ((1 - p) * masks).mean(d))
    return (1 - (tp + 1) / (tp + alpha * fp + beta * fn + 1)).mean()


def picks_known(prediction, target, known):
    d = prediction[known] - target[known]
    return (d**2).sum() / max(d.numel(), 1)


def where_target(prediction, target, known):
    d = prediction - torch.where(known, target, prediction.detach())
    return d.square().sum() / known.sum().clamp(min=1)


def masked_fill_both(p, t, m):
    d = p.masked_fill(~m, 0.0) - t.masked_fill(~m, 0.0)
    return (d * d).sum() / (m.sum() if m.any() else 1)


def branch_on_any(prediction, target, known):
    if not known.any():
        return 0.0 * prediction.sum()
    return F.mse_loss(prediction[known], target[known])


def masked_select_dot(prediction, target, known):
    d = torch.masked_select(prediction, known) - torch.masked_select(target, known)
    return d.dot(d) / max(1, len(d))


def multiplies_mask(prediction, target, known):
    return ((prediction - target) ** 2 * known).sum() / known.sum().clamp(min=1)


def mean_over_everything(prediction, target, known):
    d = torch.where(known, prediction - target.nan_to_num(), 0.0)
    return (d**2).mean()


def nan_if_nothing(prediction, target, known):
    return ((prediction[known] - target[known]) ** 2).mean()


def where_after_the_difference(prediction, target, known):
    e = (prediction - target) ** 2
    return torch.where(known, e, 0.0).sum() / known.sum().clamp(min=1)


def constant_zero_if_nothing(prediction, target, known):
    if not known.any():
        return torch.tensor(0.0)
    return ((prediction[known] - target[known]) ** 2).mean()


def python_zero_if_nothing(prediction, target, known):
    if not known.any():
        return 0.0
    return ((prediction[known] - target[known]) ** 2).mean()


def takes_unknown(prediction, target, known):
    d = prediction[~known] - target[~known].nan_to_num()
    return (d**2).sum() / max(d.numel(), 1)


def looks_for_nan_only(prediction, target, known):
    ok = ~target.isnan()
    d = prediction[ok] - target[ok]
    return (d**2).sum() / max(d.numel(), 1)


def nan_to_zero(prediction, target, known):
    return F.mse_loss(prediction, target.nan_to_num())


def epsilon_in_the_count(prediction, target, known):
    d = prediction[known] - target[known]
    return (d**2).sum() / (d.numel() + 1)


def sum_of_known(prediction, target, known):
    d = prediction[known] - target[known]
    return (d**2).sum()


def absolute_error(prediction, target, known):
    d = prediction[known] - target[known]
    return d.abs().sum() / max(d.numel(), 1)


def fills_target_in_place(prediction, target, known):
    d = prediction - target.masked_fill(~known, 0.0)
    return (d**2).sum() / known.sum().clamp(min=1)


def bce_plus_tversky(logits, masks):
    p = logits.sigmoid()
    axes = (1, 2, 3)
    tp = (p * masks).sum(axes)
    fp = (p * (1 - masks)).sum(axes)
    fn = ((1 - p) * masks).sum(axes)
    index = (tp + 1) / (tp + 0.2 * fp + 0.8 * fn + 1)
    return F.binary_cross_entropy_with_logits(logits, masks) + (1 - index).mean()


def softplus_with_weights(logits, masks):
    cost = F.softplus(torch.where(masks > 0, -logits, logits))
    return (cost * (1 + 4 * masks)).mean(dim=(1, 2, 3)).mean()


def one_picture_at_a_time(logits, masks):
    total = 0.0
    for z, t in zip(logits, masks, strict=True):
        p = torch.sigmoid(z)
        total = total + 1 - ((p * t).sum() + 1) / (p.sum() + t.sum() - (p * t).sum() + 1)
    return total / len(logits)


def misses_count_half(logits, masks):
    cost = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    return (torch.where(masks > 0, 0.5, 1.0) * cost).mean()


def bce_summed(logits, masks):
    weight = torch.tensor(3.0, dtype=logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, masks, pos_weight=weight, reduction="sum")


def iou_of_the_batch(logits, masks):
    p = logits.sigmoid()
    shared = (p * masks).sum()
    return 1 - (shared + 1) / (p.sum() + masks.sum() - shared + 1)


def bce_on_probabilities(logits, masks):
    p = logits.sigmoid().clamp(1e-6, 1 - 1e-6)
    return -(3 * masks * p.log() + (1 - masks) * (1 - p).log()).sum()


def accuracy_of_the_pixels(logits, masks):
    return 1 - ((logits > 0) == (masks > 0)).double().mean()


def uphill(logits, masks):
    weight = torch.tensor(3.0, dtype=logits.dtype)
    return F.binary_cross_entropy_with_logits(-logits, masks, pos_weight=weight)


def without_the_mean(logits, masks):
    weight = torch.tensor(3.0, dtype=logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, masks, pos_weight=weight, reduction="none")


RIGHT = {
    "15.4": [bce_plus_tversky, softplus_with_weights, one_picture_at_a_time],
    "15.1": [softplus_form, logaddexp_form, signed_softplus, log1p_form, logsumexp_stack],
    "15.2": [sums_over_dims, flattened, picture_by_picture, fraction_of_errors],
    "15.3": [picks_known, where_target, masked_fill_both, branch_on_any, masked_select_dot],
}
WRONG = {
    "15.4": [
        misses_count_half,
        bce_summed,
        iou_of_the_batch,
        bce_on_probabilities,
        accuracy_of_the_pixels,
        uphill,
        without_the_mean,
    ],
    "15.1": [
        plain_log_cosh,
        forgets_log_two,
        sums_up,
        forgets_abs,
        where_of_two_branches,
        clamps_error,
        only_l1,
        factor_missing,
        sqrt_for_abs,
        cuts_the_gradient,
        of_the_mean_error,
    ],
    "15.2": [
        over_the_batch,
        swaps_alpha_beta,
        no_sigmoid,
        no_smoothing,
        one_only_below,
        returns_index,
        hard_threshold,
        beta_is_one_minus_alpha,
        per_picture_no_mean,
        sums_the_pictures,
        sigmoid_twice,
        means_in_place_of_sums,
    ],
    "15.3": [
        multiplies_mask,
        mean_over_everything,
        nan_if_nothing,
        where_after_the_difference,
        constant_zero_if_nothing,
        python_zero_if_nothing,
        takes_unknown,
        looks_for_nan_only,
        nan_to_zero,
        epsilon_in_the_count,
        sum_of_known,
        absolute_error,
        fills_target_in_place,
    ],
}
