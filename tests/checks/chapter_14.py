"""Right and wrong answers to the exercises of chapter 14, and the hint that each must get."""

import itertools
import math
from collections import Counter

import torch
from torch import nn
from torch.nn import functional as F


def logsumexp_minus_logit(logits, labels):
    return (logits.logsumexp(dim=1) - logits[torch.arange(len(labels)), labels]).mean()


def largest_subtracted(logits, labels):
    z = logits - logits.max(dim=1, keepdim=True).values
    log_p = z - z.exp().sum(dim=1, keepdim=True).log()
    return -log_p.gather(1, labels.unsqueeze(1)).mean()


def sample_by_sample(logits, labels):
    total = 0
    for row, label in zip(logits, labels, strict=True):
        total = total + torch.logsumexp(row, 0) - row[label]
    return total / len(labels)


def one_hot(logits, labels):
    hot = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return (torch.logsumexp(logits, 1) - (hot * logits).sum(1)).mean().view(1)


def summed(logits, labels):
    return (logits.logsumexp(dim=1) - logits[torch.arange(len(labels)), labels]).sum()


def not_reduced(logits, labels):
    return logits.logsumexp(dim=1) - logits[torch.arange(len(labels)), labels]


def largest_of_all(logits, labels):
    logits = logits - logits.max()
    return (logits.exp().sum(1).log() - logits[torch.arange(len(labels)), labels]).mean()


def overflows(logits, labels):
    p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    return -p[torch.arange(len(labels)), labels].log().mean()


def underflows(logits, labels):
    e = (logits - logits.amax(1, keepdim=True)).exp()
    p = e / e.sum(1, keepdim=True)
    return -p[torch.arange(len(labels)), labels].log().mean()


def tiny_added(logits, labels):
    e = (logits - logits.amax(1, keepdim=True)).exp()
    p = e / e.sum(1, keepdim=True)
    return -(p[torch.arange(len(labels)), labels] + 1e-9).log().mean()


def clamped(logits, labels):
    return logsumexp_minus_logit(logits.clamp(-80, 80), labels)


def negative(logits, labels):
    return -logsumexp_minus_logit(logits, labels)


def over_samples(logits, labels):
    return (logits.logsumexp(0)[labels] - logits[torch.arange(len(labels)), labels]).mean()


def over_all_elements(logits, labels):
    return logsumexp_minus_logit(logits, labels) / logits.shape[1]


def base_two(logits, labels):
    return logsumexp_minus_logit(logits, labels) / math.log(2)


def probability(logits, labels):
    return not_reduced(logits, labels).neg().exp().mean()


def wrong_index(logits, labels):
    return (logits.logsumexp(1) - logits[:, labels]).mean()


def a_float(logits, labels):
    return logsumexp_minus_logit(logits, labels).item()


def without_gradient(logits, labels):
    with torch.no_grad():
        return logsumexp_minus_logit(logits, labels)


def with_the_loss(logits, labels):
    return nn.CrossEntropyLoss()(logits, labels)


def with_the_function(logits, labels):
    return F.cross_entropy(logits, labels)


def log_softmax_method(logits, labels):
    return -logits.log_softmax(1)[torch.arange(len(labels)), labels].mean()


def nll_of_log_softmax(logits, labels):
    return F.nll_loss(F.log_softmax(logits, 1), labels)


def maximum(prediction, target, tau):
    d = target - prediction
    return torch.maximum(tau * d, (tau - 1) * d).mean()


def by_where(prediction, target, tau):
    low, high = tau * (target - prediction), (1 - tau) * (prediction - target)
    return torch.where(target >= prediction, low, high).mean()


def by_relu(prediction, target, tau):
    d = target - prediction
    return torch.mean(tau * F.relu(d) + (1 - tau) * F.relu(-d))


def tilted(prediction, target, tau):
    d = target - prediction
    return (d * (tau - (d < 0).to(d.dtype))).sum() / d.numel()


def exchanged(prediction, target, tau):
    return maximum(target, prediction, tau)


def pinball_sum(prediction, target, tau):
    return maximum(prediction, target, tau) * prediction.numel()


def pinball_of_each(prediction, target, tau):
    d = target - prediction
    return torch.maximum(tau * d, (tau - 1) * d)


def negative_above(prediction, target, tau):
    d = target - prediction
    return torch.where(d >= 0, tau * d, (1 - tau) * d).mean()


def minimum(prediction, target, tau):
    d = target - prediction
    return torch.minimum(tau * d, (tau - 1) * d).mean()


def tau_twice(prediction, target, tau):
    return tau * (target - prediction).abs().mean()


def l1(prediction, target, tau):
    return F.l1_loss(prediction, target)


def low_alone(prediction, target, tau):
    return tau * F.relu(target - prediction).mean()


def squares(prediction, target, tau):
    d = target - prediction
    return torch.where(d >= 0, tau * d**2, (1 - tau) * d**2).mean()


def detached(prediction, target, tau):
    return maximum(prediction.detach(), target, tau)


def by_an_if(prediction, target, tau):
    if target >= prediction:
        return (tau * (target - prediction)).mean()
    return ((1 - tau) * (prediction - target)).mean()


def chosen_by_the_mean(prediction, target, tau):
    d = (target - prediction).mean()
    return torch.maximum(tau * d, (tau - 1) * d)


def counted(labels, classes):
    counts = torch.bincount(labels, minlength=classes)
    present = counts > 0
    return torch.where(present, len(labels) / (present.sum() * counts.clamp(min=1)), 0.0)


def counter(labels, classes):
    counts = Counter(labels.tolist())
    n, k = len(labels), len(counts)
    return [n / (k * counts[i]) if counts[i] else 0.0 for i in range(classes)]


def scaled_afterwards(labels, classes):
    weights = torch.zeros(classes, dtype=torch.float64)
    for label in labels.unique():
        weights[label] = 1 / (labels == label).sum()
    return weights / weights[labels].mean()


def by_sums(labels, classes):
    hot = F.one_hot(labels, classes).double()
    counts = hot.sum(0)
    share = counts.numel() - (counts == 0).sum()
    weights = len(labels) / (share * counts)
    weights[weights.isinf()] = 0
    return tuple(weights.tolist())


def divides_by_zero(labels, classes):
    counts = torch.bincount(labels, minlength=classes)
    return len(labels) / ((counts > 0).sum() * counts)


def all_classes(labels, classes):
    counts = torch.bincount(labels, minlength=classes)
    return torch.where(counts > 0, len(labels) / (classes * counts.clamp(min=1)), 0.0)


def only_inverse(labels, classes):
    counts = torch.bincount(labels, minlength=classes)
    return torch.where(counts > 0, 1 / counts.clamp(min=1), 0.0)


def sums_to_one(labels, classes):
    return only_inverse(labels, classes) / only_inverse(labels, classes).sum()


def mean_of_classes(labels, classes):
    counts = torch.bincount(labels, minlength=classes)
    return sums_to_one(labels, classes) * (counts > 0).sum()


def by_frequency(labels, classes):
    return torch.bincount(labels, minlength=classes) / len(labels)


def without_minlength(labels, classes):
    counts = torch.bincount(labels)
    present = counts > 0
    return torch.where(present, len(labels) / (present.sum() * counts.clamp(min=1)), 0.0)


def one_minus_share(labels, classes):
    return 1 - by_frequency(labels, classes)


def one_for_the_absent(labels, classes):
    counts = torch.bincount(labels, minlength=classes)
    return len(labels) / ((counts > 0).sum() * counts.clamp(min=1))


def weight_of_each_sample(labels, classes):
    return counted(labels, classes)[labels]


def cut_off(labels, classes):
    counts = torch.bincount(labels, minlength=classes)
    present = counts > 0
    return torch.where(present, len(labels) // (present.sum() * counts.clamp(min=1)), 0)


def a_dictionary(labels, classes):
    return dict(enumerate(counter(labels, classes)))


def letters_and_repeats(answer):
    return len(answer) + sum(a == b for a, b in itertools.pairwise(answer))


def by_index(answer):
    steps = 0
    for i in range(len(answer)):
        steps += 2 if i > 0 and answer[i] == answer[i - 1] else 1
    return steps


def by_groups(answer):
    return sum(2 * len(list(group)) - 1 for _, group in itertools.groupby(answer))


def with_tensors(answer):
    letters = torch.tensor(answer)
    return len(letters) + (letters[1:] == letters[:-1]).sum()


def spelled(answer):
    path = []
    for letter in answer:
        path += ["blank", letter] if path and path[-1] == letter else [letter]
    return len(path)


def no_blanks(answer):
    return len(answer)


def blanks_everywhere(answer):
    return 2 * len(answer) + 1


def blanks_between(answer):
    return max(2 * len(answer) - 1, 0)


def blanks_after(answer):
    return 2 * len(answer)


def distinct(answer):
    return len(answer) + len(answer) - len(set(answer))


def one_a_run(answer):
    return len(answer) + sum(len(list(g)) > 1 for _, g in itertools.groupby(answer))


def merged(answer):
    return sum(1 for _ in itertools.groupby(answer))


def blanks_alone(answer):
    return sum(a == b for a, b in itertools.pairwise(answer))


def from_the_first(answer):
    steps, last = 1, answer[0]
    for letter in answer[1:]:
        steps += 1 + (letter == last)
        last = letter
    return steps


def empties(answer):
    steps, last = 0, None
    while answer:
        letter = answer.pop(0)
        steps += 1 + (letter == last)
        last = letter
    return steps


def the_path(answer):
    return [letter for pair in itertools.pairwise(answer) for letter in pair]


def huber(prediction, target):
    return F.huber_loss(prediction, target)


def pseudo_huber(prediction, target):
    return ((1 + (prediction - target) ** 2).sqrt() - 1).mean()


def cauchy(prediction, target):
    return torch.log1p((prediction - target) ** 2).mean()


def stable_log_cosh(prediction, target):
    d = (prediction - target).abs()
    return (d + F.softplus(-2 * d) - math.log(2)).clamp(min=0).mean()


def by_cases(prediction, target):
    d = (prediction - target).abs()
    return torch.where(d < 0.5, d**2, d - 0.25).sum() / d.numel()


class SmoothL1(torch.nn.Module):
    def forward(self, prediction, target):
        return F.smooth_l1_loss(prediction, target, beta=0.3)


def mean_of_squares(prediction, target):
    return ((prediction - target) ** 2).mean()


def absolutes(prediction, target):
    return (prediction - target).abs().mean()


def naive_log_cosh(prediction, target):
    return (prediction - target).cosh().log().mean()


def summed_huber(prediction, target):
    return F.huber_loss(prediction, target, reduction="sum")


def each_huber(prediction, target):
    return F.huber_loss(prediction, target, reduction="none")


def roots_of_squares(prediction, target):
    return ((prediction - target) ** 2).sqrt().mean()


def signed_error(prediction, target):
    return (prediction - target).mean()


def one_sided(prediction, target):
    return F.softplus(prediction - target).mean() - math.log(2)


def leaning(prediction, target):
    d = prediction - target
    return torch.where(d > 0, 0.9, 0.1).mul(F.huber_loss(d, 0 * d, reduction="none")).mean()


def logarithm_of_the_error(prediction, target):
    return torch.log1p((prediction - target).abs()).mean()


def shifted_huber(prediction, target):
    return F.huber_loss(prediction, target) + 0.5


def falling_far_away(prediction, target):
    d = prediction - target
    return (d**2 / (1 + d**4)).mean()


def huber_as_a_number(prediction, target):
    return F.huber_loss(prediction, target).item()


def wide_huber(prediction, target):
    return F.huber_loss(prediction, target, delta=100.0)


def median_of_errors(prediction, target):
    return torch.log1p((prediction - target) ** 2).median()


def root_of_the_mean(prediction, target):
    return F.huber_loss(prediction, target).sqrt()


def free_below_two_thousandths(prediction, target):
    error = ((prediction - target).abs() - 0.002).clamp(min=0)
    return F.huber_loss(error, torch.zeros_like(error))


def cheap_beyond_a_hundred(prediction, target):
    costs = F.huber_loss(prediction, target, reduction="none")
    return torch.where((prediction - target).abs() < 100, costs, 50.0).mean()


def with_a_valley(prediction, target):
    """Between 20 and 25 an error is cheap, and beyond them dear again."""
    d = (prediction - target).abs()
    costs = F.huber_loss(prediction, target, reduction="none")
    return torch.where((d < 20) | (d > 25), costs, 5.0).mean()


def share_of_the_target(prediction, target):
    error = (prediction - target) / (1 + target.abs())
    return F.huber_loss(error, torch.zeros_like(error))


def free_below_a_tenth(prediction, target):
    return ((prediction - target).abs() - 0.1).clamp(min=0).mean()


def softplus_of_the_rest(logits, labels):
    own = F.one_hot(labels, logits.shape[1]).bool()
    rest = logits.masked_fill(own, -torch.inf).logsumexp(dim=1)
    return F.softplus(rest - logits[own]).mean()


RIGHT = {
    "14.1": [
        logsumexp_minus_logit,
        largest_subtracted,
        sample_by_sample,
        one_hot,
        softplus_of_the_rest,
    ],
    "14.2": [maximum, by_where, by_relu, tilted],
    "14.3": [counted, counter, scaled_afterwards, by_sums],
    "14.4": [letters_and_repeats, by_index, by_groups, with_tensors, spelled],
    "14.5": [huber, pseudo_huber, cauchy, stable_log_cosh, by_cases, SmoothL1()],
}

WRONG = {
    "14.1": [
        (summed, "take the mean"),
        (not_reduced, "has shape (6,), and one number is asked for"),
        (largest_of_all, "subtracts the largest logit of each row first"),
        (overflows, "exp of a large logit is infinite"),
        (underflows, "rounded to 0"),
        (tiny_added, "and it should be"),
        (clamped, "The logits were clamped"),
        (negative, "The sign is reversed"),
        (over_samples, "The sums run over the samples"),
        (over_all_elements, "the mean over samples and classes"),
        (base_two, "to the base 2"),
        (probability, "the mean probability of the labels"),
        (wrong_index, "and it should be"),
        (a_float, "should be a torch.Tensor, and it is the number"),
        (without_gradient, "has the right value and no graph"),
        (with_the_loss, "CrossEntropyLoss of PyTorch is in the code"),
        (with_the_function, "cross_entropy of PyTorch is in the code"),
        (log_softmax_method, "log_softmax of PyTorch is in the code"),
        (nll_of_log_softmax, "log_softmax of PyTorch is in the code"),
    ],
    "14.2": [
        (exchanged, "The two sides are exchanged"),
        (pinball_sum, "That is the sum"),
        (pinball_of_each, "has shape (3,), and one number is asked for"),
        (negative_above, "cost less than nothing"),
        (minimum, "The smaller of the two sides"),
        (tau_twice, "Both sides have the weight tau"),
        (l1, "This is L1"),
        (low_alone, "cost nothing"),
        (squares, "The differences are squared"),
        (detached, "has the right value and no graph"),
        (by_an_if, "your answer raised RuntimeError"),
        (chosen_by_the_mean, "and it should be"),
    ],
    "14.3": [
        (divides_by_zero, "it divides by 0"),
        (all_classes, "All classes were counted"),
        (only_inverse, "do not average 1"),
        (sums_to_one, "The weights add up to 1"),
        (mean_of_classes, "The weights of the classes average 1"),
        (by_frequency, "Frequent classes weigh more"),
        (without_minlength, "bincount has minlength"),
        (one_minus_share, "the totals differ"),
        (one_for_the_absent, "as if they had one"),
        (weight_of_each_sample, "has 8 weights"),
        (cut_off, "Fractions were cut off"),
        (a_dictionary, "should be numbers, and it is a dict"),
    ],
    "14.4": [
        (no_blanks, "need a blank between them"),
        (blanks_everywhere, "before, between and after all letters"),
        (blanks_between, "between all letters"),
        (blanks_after, "after each letter"),
        (distinct, "comes back later"),
        (one_a_run, "Three equal letters in a row"),
        (merged, "do not save a step"),
        (blanks_alone, "Only the blanks were counted"),
        (from_the_first, "your answer raised IndexError"),
        (empties, "The entries of the argument answer have changed"),
        (the_path, "should be one number, and it is the list"),
    ],
    "14.5": [
        (mean_of_squares, "at most twice as hard is allowed"),
        (absolutes, "small errors should pull gently"),
        (naive_log_cosh, "The loss of an error of 749.9 is inf"),
        (summed_huber, "the mean over all elements"),
        (each_huber, "The loss of equal tensors should be one number"),
        (roots_of_squares, "small errors should pull gently"),
        (signed_error, "a loss is not negative"),
        (one_sided, "a loss is not negative"),
        (leaning, "the sign should not matter"),
        (logarithm_of_the_error, "small errors should pull gently"),
        (shifted_huber, "it should be 0"),
        (falling_far_away, "a larger error should not be cheaper"),
        (huber_as_a_number, "The loss has no graph"),
        (wide_huber, "at most twice as hard is allowed"),
        (median_of_errors, "the mean over all elements"),
        (root_of_the_mean, "small errors should pull gently"),
        (free_below_a_tenth, "An error of 0.001 costs 0: no error of 0.001 or more should be free"),
        (free_below_two_thousandths, "no error of 0.001 or more should be free"),
        (cheap_beyond_a_hundred, "An error of 100 costs 50"),
        (with_a_valley, "a larger error should not be cheaper"),
        (share_of_the_target, "the error alone should count"),
    ],
}
