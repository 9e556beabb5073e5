"""Chapter 14."""

import math
from itertools import groupby

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def subtracts_max_and_gathers(logits, labels):
    shifted = logits - logits.max(dim=1, keepdim=True).values
    log_z = shifted.exp().sum(dim=1).log()
    return (log_z - shifted.gather(1, labels.unsqueeze(1)).squeeze(1)).mean()


def logsumexp_and_index(logits, labels):
    return (logits.logsumexp(dim=1) - logits[torch.arange(len(labels)), labels]).mean()


def loop_over_rows(x, y):
    total = 0
    for row, k in zip(x, y.tolist()):
        m = row.detach().max()
        total = total + (row - m).exp().sum().log() + m - row[k]
    return total / len(x)


def one_hot_mask(logits, labels):
    picked = (logits * F.one_hot(labels, logits.shape[1])).sum(-1)
    m = logits.amax(1)
    return torch.mean(m + torch.log(torch.sum(torch.exp(logits - m[:, None]), 1)) - picked)


def differences_softplus_like(logits, labels):
    own = logits.gather(1, labels[:, None])
    return torch.logsumexp(logits - own, dim=1).mean()


def naive_exp_overflows(logits, labels):
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    return -p[range(len(labels)), labels].log().mean()


def underflows_to_inf(logits, labels):
    e = (logits - logits.max(1, keepdim=True).values).exp()
    p = e / e.sum(1, keepdim=True)
    return -p[range(len(labels)), labels].log().mean()


def adds_epsilon(logits, labels):
    e = (logits - logits.max(1, keepdim=True).values).exp()
    p = e / e.sum(1, keepdim=True)
    return -(p[range(len(labels)), labels] + 1e-08).log().mean()


def sums_instead_of_mean(logits, labels):
    return (logits.logsumexp(1) - logits[range(len(labels)), labels]).sum()


def uses_log_softmax(logits, labels):
    return -logits.log_softmax(1)[range(len(labels)), labels].mean()


def uses_f_cross_entropy(logits, labels):
    return F.cross_entropy(logits, labels)


def uses_nn_module(logits, labels):
    return nn.CrossEntropyLoss()(logits, labels)


def normalises_wrong_axis(logits, labels):
    return (logits.logsumexp(0)[labels] - logits[range(len(labels)), labels]).mean()


def positive_sign(logits, labels):
    return (logits[range(len(labels)), labels] - logits.logsumexp(1)).mean()


def returns_float(logits, labels):
    return (logits.logsumexp(1) - logits[range(len(labels)), labels]).mean().item()


def detached(logits, labels):
    x = logits.detach()
    return (x.logsumexp(1) - x[range(len(labels)), labels]).mean()


def clamps_logits(logits, labels):
    x = logits.clamp(-50, 50)
    return (x.logsumexp(1) - x[range(len(labels)), labels]).mean()


def with_where(prediction, target, tau):
    d = target - prediction
    return torch.where(d >= 0, tau * d, (tau - 1) * d).mean()


def with_maximum(p, y, tau):
    d = y - p
    return torch.maximum(tau * d, (tau - 1) * d).mean()


def with_relu(prediction, target, tau):
    return (tau * F.relu(target - prediction) + (1 - tau) * F.relu(prediction - target)).mean()


def with_abs(yhat, y, q=0.5):
    d = y - yhat
    return ((q - 0.5) * d + 0.5 * d.abs()).mean()


def with_weights(prediction, target, tau):
    w = torch.full_like(target, 1 - tau)
    w[target >= prediction] = tau
    return torch.sum(w * (target - prediction).abs()) / target.numel()


def with_flat_loop(prediction, target, tau):
    terms = []
    for a, b in zip(prediction.reshape(-1), target.reshape(-1)):
        terms.append(tau * (b - a) if b >= a else (1 - tau) * (a - b))
    return torch.stack(terms).mean()


def swapped_sides(prediction, target, tau):
    d = prediction - target
    return torch.where(d >= 0, tau * d, (tau - 1) * d).mean()


def forgets_mean(prediction, target, tau):
    d = target - prediction
    return torch.where(d >= 0, tau * d, (tau - 1) * d)


def sums(prediction, target, tau):
    d = target - prediction
    return torch.where(d >= 0, tau * d, (tau - 1) * d).sum()


def negative_below(prediction, target, tau):
    d = target - prediction
    return torch.where(d >= 0, tau * d, (1 - tau) * d).mean()


def python_if_on_the_mean(prediction, target, tau):
    d = (target - prediction).mean()
    return tau * d if d >= 0 else (tau - 1) * d


def squared(prediction, target, tau):
    d = target - prediction
    return (torch.where(d >= 0, tau, 1 - tau) * d**2).mean()


def plain_l1(prediction, target, tau):
    return (target - prediction).abs().mean()


def cuts_gradient(prediction, target, tau):
    d = target - prediction.detach()
    return torch.where(d >= 0, tau * d, (tau - 1) * d).mean()


def means_of_sides(prediction, target, tau):
    d = target - prediction
    up, down = (d[d >= 0], d[d < 0])
    return tau * up.sum() / max(len(up), 1) + (tau - 1) * down.sum() / max(len(down), 1)


def divides_by_rows(prediction, target, tau):
    d = target - prediction
    return torch.where(d >= 0, tau * d, (tau - 1) * d).sum() / len(d)


def ignores_tau(prediction, target, tau):
    d = target - prediction
    return torch.where(d >= 0, 0.9 * d, -0.1 * d).mean()


def bincount_and_present(labels, classes):
    n = torch.bincount(labels, minlength=classes).double()
    present = (n > 0).sum()
    return torch.where(n > 0, len(labels) / (present * n.clamp(min=1)), 0.0)


def counts_in_a_list(labels, classes):
    labels = labels.tolist()
    counts = [labels.count(c) for c in range(classes)]
    present = sum(c > 0 for c in counts)
    return [len(labels) / (present * c) if c else 0.0 for c in counts]


def normalises_at_the_end(y, k):
    n = F.one_hot(y, k).sum(0).float()
    w = torch.zeros(k)
    w[n > 0] = 1 / n[n > 0]
    return w / w[y].mean()


def with_unique(labels, classes):
    values, n = torch.unique(labels, return_counts=True)
    w = torch.zeros(classes)
    w[values] = len(labels) / (len(values) * n.float())
    return w


def divides_by_all_classes(labels, classes):
    n = torch.bincount(labels, minlength=classes).float()
    return torch.where(n > 0, len(labels) / (classes * n.clamp(min=1)), 0.0)


def weights_average_one(labels, classes):
    n = torch.bincount(labels, minlength=classes).float()
    w = torch.where(n > 0, 1 / n.clamp(min=1), 0.0)
    return w / w.mean()


def only_inverse(labels, classes):
    n = torch.bincount(labels, minlength=classes).float()
    return torch.where(n > 0, 1 / n.clamp(min=1), 0.0)


def inf_for_absent(labels, classes):
    n = torch.bincount(labels, minlength=classes).float()
    return len(labels) / ((n > 0).sum() * n)


def one_for_absent(labels, classes):
    n = torch.bincount(labels, minlength=classes).float()
    return len(labels) / ((n > 0).sum() * n.clamp(min=1)) * torch.where(n > 0, 1, 1)


def no_minlength(labels, classes):
    n = torch.bincount(labels).float()
    return torch.where(n > 0, len(labels) / ((n > 0).sum() * n.clamp(min=1)), 0.0)


def frequency_itself(labels, classes):
    n = torch.bincount(labels, minlength=classes).float()
    return n / n[labels].mean()


def square_root_of_inverse(labels, classes):
    n = torch.bincount(labels, minlength=classes).float()
    w = torch.where(n > 0, n.clamp(min=1).rsqrt(), 0.0)
    return w / w[labels].mean()


def one_weight_per_sample(labels, classes):
    n = torch.bincount(labels, minlength=classes).float()
    return (len(labels) / ((n > 0).sum() * n.clamp(min=1)))[labels]


def only_present(labels, classes):
    v, n = torch.unique(labels, return_counts=True)
    return len(labels) / (len(v) * n.float())


def pairs(answer):
    return len(answer) + sum((a == b for a, b in zip(answer, answer[1:])))


def index_loop(letters):
    steps = 0
    for i in range(len(letters)):
        steps += 1
        if i > 0 and letters[i] == letters[i - 1]:
            steps += 1
    return steps


def with_groupby(answer):
    return sum((2 * len(list(run)) - 1 for _, run in groupby(answer)))


def previous_is_none(answer):
    path, last = ([], None)
    for a in answer:
        if a == last:
            path.append("blank")
        path.append(a)
        last = a
    return len(path)


def with_numpy(answer):
    return int(len(answer) + (np.diff(np.asarray(answer, dtype=int)) == 0).sum()) if answer else 0


def length_only(answer):
    return len(answer)


def blank_between_all(answer):
    return 2 * len(answer) - 1 if answer else 0


def counts_all_duplicates(answer):
    return len(answer) + len(answer) - len(set(answer))


def counts_runs_only(answer):
    return len(answer) + sum((len(list(r)) > 1 for _, r in groupby(answer)))


def merges_repeats(answer):
    return sum(1 for _ in groupby(answer))


def empty_needs_one(answer):
    return max(1, len(answer) + sum((a == b for a, b in zip(answer, answer[1:]))))


def compares_with_first_too(answer):
    return len(answer) + sum(answer[i] == answer[i - 1] for i in range(len(answer)))


def counts_differences(answer):
    return len(answer) + sum((a != b for a, b in zip(answer, answer[1:])))


def off_by_one(answer):
    return len(answer) + sum((a == b for a, b in zip(answer[1:], answer[2:])))


def fails_on_empty(answer):
    last, steps = (answer[0], 1)
    for a in answer[1:]:
        steps += 1 + (a == last)
        last = a
    return steps


def huber(prediction, target):
    return F.huber_loss(prediction, target)


smooth_module = nn.SmoothL1Loss(beta=1.0)


def log_cosh(prediction, target):
    d = (prediction - target).abs()
    return (d + F.softplus(-2 * d) - math.log(2)).mean()


def cauchy(prediction, target):
    return torch.log1p((prediction - target) ** 2).mean()


def geman(prediction, target):
    s = (prediction - target).square()
    return torch.mean(s / (1 + s))


def truncated(prediction, target):
    return ((prediction - target) ** 2).clamp(max=4).mean()


def tukey(prediction, target, c=4.685):
    u = ((prediction - target) / c).clamp(-1, 1)
    return (c * c / 6 * (1 - (1 - u**2) ** 3)).mean()


def welsch(prediction, target):
    return -torch.expm1(-((prediction - target) ** 2) / 2).mean()


def by_where(prediction, target):
    e = torch.abs(prediction - target)
    total = torch.where(e < 1, 0.5 * e * e, e - 0.5).sum()
    return total / e.numel()


class Pseudo(nn.Module):
    def __init__(self, delta=0.5):
        super().__init__()
        self.delta = delta

    def forward(self, prediction, target):
        d = (prediction - target) / self.delta
        return (self.delta**2 * d**2 / (1 + (1 + d**2).sqrt())).mean()


def root_of_log(prediction, target):
    return (prediction - target).square().log1p().add(1).sqrt().sub(1).mean()


def arctan(prediction, target):
    return torch.atan((prediction - target) ** 2).mean()


def mse(p, t):
    return F.mse_loss(p, t)


def l1(p, t):
    return (p - t).abs().mean()


def summed(p, t):
    return F.huber_loss(p, t, reduction="sum")


def unreduced(p, t):
    return F.huber_loss(p, t, reduction="none")


def detached_loss(p, t):
    return F.huber_loss(p.detach(), t)


def number(p, t):
    return F.huber_loss(p, t).item()


def delta_ten(p, t):
    return F.huber_loss(p, t, delta=10.0)


def delta_five(p, t):
    return F.huber_loss(p, t, delta=5.0)


def insensitive(p, t):
    return F.huber_loss(((p - t).abs() - 0.1).clamp(min=0), torch.zeros_like(p))


def only_too_high(p, t):
    return F.huber_loss((p - t).clamp(min=0), torch.zeros_like(p))


def asymmetric(p, t):
    d = p - t
    return (torch.where(d > 0, 1.0, 0.5) * ((1 + d**2).sqrt() - 1)).mean()


def falls_again(p, t):
    s = (p - t) ** 2
    return (s * torch.exp(-s / 8)).mean()


def overflow(p, t):
    return (p - t).cosh().log().mean()


def no_minus_one(p, t):
    return (1 + (p - t) ** 2).sqrt().mean()


def log1p_abs(p, t):
    return (p - t).abs().log1p().mean()


def median(p, t):
    return ((1 + (p - t) ** 2).sqrt() - 1).flatten().median()


def huber_of_mean(p, t):
    return F.huber_loss(p.mean(), t.mean())


def rmse(p, t):
    return ((p - t) ** 2).mean().sqrt()


def root_of_huber(p, t):
    return F.huber_loss(p, t).sqrt()


def power_three_halves(p, t):
    return (p - t).abs().pow(1.5).mean()


def power_1_2(p, t):
    return (p - t).abs().pow(1.2).mean()


def first_axis(p, t):
    return F.huber_loss(p, t, reduction="none").mean(dim=0)


def outliers_out(p, t):
    d = p - t
    return torch.where(d.abs() < 5, d**2, 0.0).mean()


def mean_of_the_kept(p, t):
    d = p - t
    return (d[d.abs() < 5] ** 2).mean()


def trimmed(p, t):
    s = ((p - t) ** 2).flatten().sort().values
    return s[: max(1, int(0.8 * len(s)))].mean()


def quantile(p, t):
    d = p - t
    return torch.maximum(0.9 * d, -0.1 * d).mean()


def small_beta(p, t):
    return F.smooth_l1_loss(p, t, beta=0.005)


def clamp_pred(p, t):
    return F.mse_loss(p.clamp(-5, 5), t.clamp(-5, 5))


def smooth_half_huge(p, t):
    return F.smooth_l1_loss(p, t, beta=100.0)


def free_small(p, t):
    return F.huber_loss(((p - t).abs() - 5e-4).clamp(min=0), torch.zeros_like(p))


def cheaper_beyond_100(p, t):
    return torch.where((p - t).abs() < 100, F.huber_loss(p, t, reduction="none"), 50.0).mean()


def cheaper_beyond_20(p, t):
    return torch.where((p - t).abs() < 20, F.huber_loss(p, t, reduction="none"), 5.0).mean()


RIGHT = {
    "14.1": [
        subtracts_max_and_gathers,
        logsumexp_and_index,
        loop_over_rows,
        one_hot_mask,
        differences_softplus_like,
    ],
    "14.2": [with_where, with_maximum, with_relu, with_abs, with_weights, with_flat_loop],
    "14.3": [bincount_and_present, counts_in_a_list, normalises_at_the_end, with_unique],
    "14.4": [pairs, index_loop, with_groupby, previous_is_none, with_numpy],
    "14.5": [
        huber,
        smooth_module,
        log_cosh,
        cauchy,
        geman,
        truncated,
        tukey,
        welsch,
        by_where,
        Pseudo(),
        root_of_log,
        arctan,
        free_small,
    ],
}


WRONG = {
    "14.1": [
        naive_exp_overflows,
        underflows_to_inf,
        adds_epsilon,
        sums_instead_of_mean,
        uses_log_softmax,
        uses_f_cross_entropy,
        uses_nn_module,
        normalises_wrong_axis,
        positive_sign,
        returns_float,
        detached,
        clamps_logits,
    ],
    "14.2": [
        swapped_sides,
        forgets_mean,
        sums,
        negative_below,
        python_if_on_the_mean,
        squared,
        plain_l1,
        cuts_gradient,
        means_of_sides,
        divides_by_rows,
        ignores_tau,
    ],
    "14.3": [
        divides_by_all_classes,
        weights_average_one,
        only_inverse,
        inf_for_absent,
        one_for_absent,
        no_minlength,
        frequency_itself,
        square_root_of_inverse,
        one_weight_per_sample,
        only_present,
    ],
    "14.4": [
        length_only,
        blank_between_all,
        counts_all_duplicates,
        counts_runs_only,
        merges_repeats,
        empty_needs_one,
        compares_with_first_too,
        counts_differences,
        off_by_one,
        fails_on_empty,
    ],
    "14.5": [
        mse,
        l1,
        summed,
        unreduced,
        detached_loss,
        number,
        delta_ten,
        delta_five,
        insensitive,
        only_too_high,
        asymmetric,
        falls_again,
        overflow,
        no_minus_one,
        log1p_abs,
        median,
        huber_of_mean,
        rmse,
        root_of_huber,
        power_three_halves,
        power_1_2,
        first_axis,
        outliers_out,
        mean_of_the_kept,
        trimmed,
        quantile,
        small_beta,
        clamp_pred,
        smooth_half_huge,
        cheaper_beyond_100,
        cheaper_beyond_20,
    ],
}
