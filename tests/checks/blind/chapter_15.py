"""Chapter 15."""

import math

import torch
from torch import nn
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


def _tv(logits, masks, alpha=0.3, beta=0.7, smooth=1.0):
    p, t = logits.sigmoid().flatten(1), masks.flatten(1)
    hits = (p * t).sum(1)
    return 1 - (hits + smooth) / (
        hits + alpha * (p * (1 - t)).sum(1) + beta * ((1 - p) * t).sum(1) + smooth
    )


def pos_weight(logits, masks):
    return F.binary_cross_entropy_with_logits(logits, masks, pos_weight=logits.new_tensor(3.0))


class Weighted(nn.Module):
    def __init__(self, weight=2.0):
        super().__init__()
        self.register_buffer("weight", torch.tensor(weight))

    def forward(self, logits, masks):
        return nn.functional.binary_cross_entropy_with_logits(logits, masks, pos_weight=self.weight)


def tversky(logits, masks):
    return _tv(logits, masks).mean()


def focal(logits, masks):
    p = logits.sigmoid()
    miss = -masks * (1 - p) ** 2 * F.logsigmoid(logits)
    alarm = -(1 - masks) * p**2 * F.logsigmoid(-logits)
    return (0.75 * miss + 0.25 * alarm).mean()


def squared_hinge(logits, masks):
    sign = 2 * masks - 1
    return ((1 + masks) * F.relu(1 - sign * logits) ** 2).mean()


def brier(logits, masks):
    return ((1 + 2 * masks) * (logits.sigmoid() - masks) ** 2).mean()


def loop(logits, masks):
    losses = []
    for z, m in zip(logits, masks):
        bce = F.binary_cross_entropy_with_logits(z, m, weight=1 + m)
        losses.append(bce + _tv(z[None], m[None])[0])
    return torch.stack(losses).mean()


def softplus_pair(logits, masks):
    n = len(logits)
    miss = (masks * F.softplus(-logits)).view(n, -1).mean(1)
    alarm = ((1 - masks) * F.softplus(logits)).view(n, -1).mean(1)
    return (2 * miss + alarm).mean()


def summed_per_picture(logits, masks):
    c = F.binary_cross_entropy_with_logits(
        logits, masks, reduction="none", pos_weight=torch.tensor(4.0)
    )
    return c.flatten(1).sum(1).mean()


class Combined:
    def __init__(self):
        self.a = 0.5

    def __call__(self, logits, masks):
        return self.a * pos_weight(logits, masks) + (1 - self.a) * tversky(logits, masks)


def plain_bce(z, m):
    return F.binary_cross_entropy_with_logits(z, m)


def weights_swapped(z, m):
    return F.binary_cross_entropy_with_logits(z, m, weight=3 - 2 * m)


def barely(z, m):
    return F.binary_cross_entropy_with_logits(z, m, pos_weight=torch.tensor(1.02))


def summed(z, m):
    return F.binary_cross_entropy_with_logits(z, m, pos_weight=torch.tensor(3.0), reduction="sum")


def unreduced(z, m):
    return F.binary_cross_entropy_with_logits(z, m, pos_weight=torch.tensor(3.0), reduction="none")


def per_picture(z, m):
    return _tv(z, m)


def batch_tversky(z, m):
    p = z.sigmoid()
    h = (p * m).sum()
    return 1 - (h + 1) / (h + 0.3 * (p * (1 - m)).sum() + 0.7 * ((1 - p) * m).sum() + 1)


def by_hand_log(z, m):
    p = z.sigmoid()
    return -(3 * m * p.log() + (1 - m) * (1 - p).log()).mean()


def number(z, m):
    return pos_weight(z, m).item()


def thresholded(z, m):
    p = (z > 0).float()
    return (2 * m * (1 - p) + (1 - m) * p).mean()


def negative(z, m):
    return _tv(z, m).mean() - 1


def label_smoothed(z, m):
    return F.binary_cross_entropy_with_logits(z, m * 0.9 + 0.05, weight=1 + m)


def no_smooth(z, m):
    return _tv(z, m, smooth=0.0).mean()


def by_mask_size(z, m):
    c = (1 + m) * F.binary_cross_entropy_with_logits(z, m, reduction="none")
    return (c.flatten(1).sum(1) / m.flatten(1).sum(1)).mean()


def batch_balance(z, m):
    w = (1 - m).sum() / m.sum().clamp(min=1)
    return F.binary_cross_entropy_with_logits(z, m, pos_weight=1 + w)


def focal_detached(z, m):
    c = F.binary_cross_entropy_with_logits(z, m, reduction="none")
    pt = torch.exp(-c).detach()
    return ((1 + m) * (1 - pt) ** 2 * c).mean()


def in_float32(z, m):
    return F.binary_cross_entropy_with_logits(z.float(), m.float(), pos_weight=torch.tensor(3.0))


def misses_only(z, m):
    return (m * F.softplus(-z)).mean()


def focal_tversky(z, m):
    return _tv(z, m).pow(0.75).mean()


def no_sigmoid_loss(z, m):
    return ((1 + m) * (z - m) ** 2).mean()


def sigmoid_twice_loss(z, m):
    return F.binary_cross_entropy_with_logits(z.sigmoid(), m, pos_weight=torch.tensor(3.0))


def detached(z, m):
    return pos_weight(z.detach(), m)


def exponential(z, m):
    return ((1 + m) * torch.exp((1 - 2 * m) * z)).mean()


def alarms_dearer(z, m):
    return _tv(z, m, 0.7, 0.3).mean()


def inverted(z, m):
    return F.binary_cross_entropy_with_logits(z, 1 - m, weight=1 + m)


def first_picture(z, m):
    return pos_weight(z[:1], m[:1])


def max_picture(z, m):
    return _tv(z, m).max()


def nonempty_only(z, m):
    keep = m.flatten(1).sum(1) > 0
    return pos_weight(z[keep], m[keep])


def rmse(z, m):
    return brier(z, m).sqrt()


def weighted_norm(z, m):
    w = 1 + 2 * m
    return (w * F.binary_cross_entropy_with_logits(z, m, reduction="none")).sum() / w.sum()


def clamped(z, m):
    p = z.sigmoid().clamp(1e-7, 1 - 1e-7)
    return -(3 * m * p.log() + (1 - m) * (1 - p).log()).mean()


def bce_of_p(z, m):
    return F.binary_cross_entropy(z.sigmoid(), m, weight=1 + m)


def straight(z, m):
    p = z.sigmoid()
    h = (p > 0.5).to(p) + p - p.detach()
    return ((1 + m) * (h - m) ** 2).mean()


def crop(z, m):
    return pos_weight(z[..., 1:-1, 1:-1], m[..., 1:-1, 1:-1])


def mean_then_square(z, m):
    return _tv(z, m).mean() ** 2


def log_of_mean(z, m):
    return -torch.log(1 - _tv(z, m).mean())


RIGHT = {
    "15.1": [softplus_form, logaddexp_form, signed_softplus, log1p_form, logsumexp_stack],
    "15.2": [sums_over_dims, flattened, picture_by_picture, fraction_of_errors],
    "15.3": [picks_known, where_target, masked_fill_both, branch_on_any, masked_select_dot],
    "15.4": [
        pos_weight,
        Weighted(),
        tversky,
        focal,
        squared_hinge,
        brier,
        loop,
        softplus_pair,
        summed_per_picture,
        Combined(),
        clamped,
        bce_of_p,
    ],
}


WRONG = {
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
    "15.4": [
        plain_bce,
        weights_swapped,
        barely,
        summed,
        unreduced,
        per_picture,
        batch_tversky,
        by_hand_log,
        number,
        thresholded,
        negative,
        label_smoothed,
        no_smooth,
        by_mask_size,
        batch_balance,
        focal_detached,
        in_float32,
        misses_only,
        focal_tversky,
        no_sigmoid_loss,
        sigmoid_twice_loss,
        detached,
        exponential,
        alarms_dearer,
        inverted,
        first_picture,
        max_picture,
        nonempty_only,
        rmse,
        weighted_norm,
        straight,
        crop,
        mean_then_square,
        log_of_mean,
    ],
}
