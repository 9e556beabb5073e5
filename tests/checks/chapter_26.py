"""Right and wrong answers to the exercises of chapter 26, and the hint that each must get."""

import math
from fractions import Fraction
from itertools import pairwise
from math import comb
from statistics import mean, median, mode, stdev

import numpy as np
import torch
from torch.nn import functional as F


@torch.no_grad()
def by_stack(model, images, transforms):
    modes = {module: module.training for module in model.modules()}
    model.eval()
    shares = torch.stack([model(transform(images)).softmax(dim=1) for transform in transforms])
    for module, training in modes.items():
        module.training = training
    return shares.mean(dim=0)


def by_running_sum(model, images, transforms):
    training = [m for m in model.modules() if m.training]
    total = 0
    try:
        model.eval()
        with torch.inference_mode():
            for transform in transforms:
                total = total + F.softmax(model(transform(images)), -1)
    finally:
        for module in training:
            module.training = True
    return (total / len(transforms)).clone()


def in_one_batch(model, images, transforms):
    import copy

    judge = copy.deepcopy(model).eval()
    with torch.no_grad():
        logits = judge(torch.cat([transform(images) for transform in transforms]))
    probabilities = torch.exp(logits.log_softmax(1))
    return probabilities.view(len(transforms), len(images), -1).mean(0)


@torch.no_grad()
def with_views(model, images, transforms, combine):
    modes = {module: module.training for module in model.modules()}
    model.eval()
    logits = torch.stack([model(transform(images)) for transform in transforms])
    for module, training in modes.items():
        module.training = training
    return combine(logits)


def averages_logits_first(model, images, transforms):
    return with_views(model, images, transforms, lambda x: x.mean(0).softmax(1))


def no_softmax(model, images, transforms):
    return with_views(model, images, transforms, lambda x: x.mean(0))


def summed(model, images, transforms):
    return with_views(model, images, transforms, lambda x: x.softmax(2).sum(0))


def over_the_images(model, images, transforms):
    return with_views(model, images, transforms, lambda x: x.softmax(1).mean(0))


def geometric_mean(model, images, transforms):
    return with_views(model, images, transforms, lambda x: x.log_softmax(2).mean(0).exp())


def first_view(model, images, transforms):
    return with_views(model, images, transforms[:1], lambda x: x.softmax(2).mean(0))


def all_views(model, images, transforms):
    return with_views(model, images, transforms, lambda x: x.softmax(2))


def votes(model, images, transforms):
    return with_views(
        model, images, transforms, lambda x: F.one_hot(x.argmax(2), x.shape[2]).float().mean(0)
    )


def with_the_images(model, images, transforms):
    return by_stack(model, images, [*transforms, lambda x: x])


def predicted_classes(model, images, transforms):
    return by_stack(model, images, transforms).argmax(1)


@torch.no_grad()
def chained(model, images, transforms):
    modes = {module: module.training for module in model.modules()}
    model.eval()
    shares = []
    for transform in transforms:
        images = transform(images)
        shares.append(model(images).softmax(1))
    for module, training in modes.items():
        module.training = training
    return torch.stack(shares).mean(0)


@torch.no_grad()
def with_dropout(model, images, transforms):
    return torch.stack([model(t(images)).softmax(dim=1) for t in transforms]).mean(dim=0)


@torch.no_grad()
def leaves_eval(model, images, transforms):
    model.eval()
    return with_dropout(model, images, transforms)


@torch.no_grad()
def root_only(model, images, transforms):
    training = model.training
    model.eval()
    shares = with_dropout(model, images, transforms)
    model.train(training)
    return shares


@torch.no_grad()
def always_train(model, images, transforms):
    shares = leaves_eval(model, images, transforms)
    model.train()
    return shares


def keeps_the_graph(model, images, transforms):
    modes = {module: module.training for module in model.modules()}
    model.eval()
    shares = torch.stack([model(t(images)).softmax(dim=1) for t in transforms])
    for module, training in modes.items():
        module.training = training
    return shares.mean(dim=0)


def split(first, second):
    return int((second & ~first).sum()), int((first & ~second).sum())


def by_comb(first, second):
    gained, lost = split(first, second)
    n, k = gained + lost, min(gained, lost)
    return min(1.0, 2 * sum(comb(n, i) for i in range(k + 1)) / 2**n)


def by_fractions(first, second):
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    b, c = pairs.count((True, False)), pairs.count((False, True))
    tail = sum(Fraction(comb(b + c, i), 2 ** (b + c)) for i in range(min(b, c) + 1))
    return float(min(Fraction(1), 2 * tail))


def both_sides_in_float64(first, second):
    differs = first ^ second
    n, k = differs.sum(), (differs & first).sum()
    i = torch.arange(int(n) + 1, dtype=torch.float64)
    log = torch.lgamma(n.double() + 1) - torch.lgamma(i + 1) - torch.lgamma(n - i + 1)
    chances = (log - n * math.log(2)).exp()
    as_uneven = (2 * i - n).abs() >= (2 * k - n).abs()
    return chances[as_uneven].sum()


def _p(n, k, sides):
    return sides * sum(comb(n, i) for i in range(k + 1)) / 2**n


def one_sided(first, second):
    gained, lost = split(first, second)
    return min(1.0, _p(gained + lost, min(gained, lost), 1))


def counts_all(first, second):
    return min(1.0, _p(len(first), int((first != second).sum()), 2))


def all_images(first, second):
    return min(1.0, _p(len(first), min(split(first, second)), 2))


def above_one(first, second):
    gained, lost = split(first, second)
    return float(_p(gained + lost, min(gained, lost), 2))


def not_symmetric(first, second):
    gained, lost = split(first, second)
    return min(1.0, _p(gained + lost, lost, 2))


def exactly_this(first, second):
    gained, lost = split(first, second)
    return comb(gained + lost, lost) / 2 ** (gained + lost)


def without_itself(first, second):
    gained, lost = split(first, second)
    return min(1.0, _p(gained + lost, min(gained, lost) - 1, 2))


def mid_p(first, second):
    gained, lost = split(first, second)
    return min(1.0, _p(gained + lost, min(gained, lost), 2) - exactly_this(first, second))


def chi_squared(first, second):
    gained, lost = split(first, second)
    if gained + lost == 0:
        return 1.0
    return math.erfc(math.sqrt((gained - lost) ** 2 / (gained + lost) / 2))


def corrected_chi_squared(first, second):
    gained, lost = split(first, second)
    if gained + lost == 0:
        return 1.0
    return math.erfc(math.sqrt(max(abs(gained - lost) - 1, 0) ** 2 / (gained + lost) / 2))


def zero_without_differences(first, second):
    return by_comb(first, second) if (first != second).any() else 0.0


def one_minus(first, second):
    return 1 - by_comb(first, second)


def the_larger(first, second):
    gained, lost = split(first, second)
    return min(1.0, _p(gained + lost, max(gained, lost), 2))


def with_the_counts(first, second):
    return by_comb(first, second), *split(first, second)


def divides_by_zero(first, second):
    gained, lost = split(first, second)
    z = abs(gained - lost) / math.sqrt(gained + lost)
    return math.erfc(z / math.sqrt(2))


def _parts(probabilities, labels, bins, index=None, certainty=None):
    highest, said = probabilities.max(dim=1)
    certainty = highest if certainty is None else certainty
    if index is None:
        index = (certainty * bins).long().clamp(max=bins - 1)
    for one in index.unique():
        inside = index == one
        right = (said == labels)[inside].double().mean()
        yield inside.double().mean(), right, certainty[inside].double().mean()


def by_unique(probabilities, labels, bins):
    parts = _parts(probabilities, labels, bins)
    return float(sum(share * (right - sure).abs() for share, right, sure in parts))


def by_edges(probabilities, labels, bins):
    sure, said = probabilities.max(1)
    edges = torch.linspace(0, 1, bins + 1, dtype=sure.dtype)
    total = 0.0
    for low, high in pairwise(edges):
        inside = (sure > low) & (sure <= high)
        if inside.any():
            right = (said[inside] == labels[inside]).float().mean().item()
            total += inside.sum().item() * abs(right - sure[inside].mean().item())
    return total / len(labels)


def by_sums(probabilities, labels, bins):
    sure, said = probabilities.max(1)
    index = (sure * bins).long().clamp(max=bins - 1)
    sums = torch.zeros(bins, dtype=sure.dtype)
    sums.index_add_(0, index, (said == labels).to(sure.dtype) - sure)
    return sums.abs().sum() / len(labels)


def unweighted(probabilities, labels, bins):
    gaps = [(right - sure).abs() for _, right, sure in _parts(probabilities, labels, bins)]
    return float(sum(gaps) / len(gaps))


def over_all_bins(probabilities, labels, bins):
    gaps = [(right - sure).abs() for _, right, sure in _parts(probabilities, labels, bins)]
    return float(sum(gaps) / bins)


def cancels(probabilities, labels, bins):
    parts = _parts(probabilities, labels, bins)
    return float(abs(sum(share * (right - sure) for share, right, sure in parts)))


def signed(probabilities, labels, bins):
    parts = _parts(probabilities, labels, bins)
    return float(sum(share * (right - sure) for share, right, sure in parts))


def squared(probabilities, labels, bins):
    parts = _parts(probabilities, labels, bins)
    return float(sum(share * (right - sure) ** 2 for share, right, sure in parts))


def largest_gap(probabilities, labels, bins):
    return float(max((a - b).abs() for _, a, b in _parts(probabilities, labels, bins)))


def not_divided(probabilities, labels, bins):
    return by_unique(probabilities, labels, bins) * len(labels)


def one_more_interval(probabilities, labels, bins):
    index = (probabilities.amax(1) * bins).long()
    parts = _parts(probabilities, labels, bins, index)
    return float(sum(share * (right - sure).abs() for share, right, sure in parts))


def one_is_lost(probabilities, labels, bins):
    sure, said = probabilities.max(1)
    total = 0.0
    for one in range(bins):
        inside = (sure >= one / bins) & (sure < (one + 1) / bins)
        if inside.any():
            right = (said == labels)[inside].double().mean()
            total += inside.double().mean() * (right - sure[inside].double().mean()).abs()
    return float(total)


def rounded(probabilities, labels, bins):
    index = (probabilities.amax(1) * bins).round().long().clamp(max=bins - 1)
    parts = _parts(probabilities, labels, bins, index)
    return float(sum(share * (right - sure).abs() for share, right, sure in parts))


def of_the_true_class(probabilities, labels, bins):
    sure = probabilities.gather(1, labels.unsqueeze(1))[:, 0]
    parts = _parts(probabilities, labels, bins, certainty=sure)
    return float(sum(share * (right - sure).abs() for share, right, sure in parts))


def ten_intervals(probabilities, labels, bins):
    return by_unique(probabilities, labels, 10)


def empty_intervals(probabilities, labels, bins):
    sure, said = probabilities.max(1)
    index = (sure * bins).long().clamp(max=bins - 1)
    total = 0.0
    for one in range(bins):
        inside = index == one
        right = (said == labels)[inside].double().mean()
        total += inside.double().mean() * (right - sure[inside].double().mean()).abs()
    return float(total)


def one_by_one(probabilities, labels, bins):
    sure, said = probabilities.max(1)
    return float(((said == labels).double() - sure).abs().mean())


def middles(probabilities, labels, bins):
    index = (probabilities.amax(1) * bins).long().clamp(max=bins - 1)
    parts = _parts(probabilities, labels, bins, index, (index + 0.5) / bins)
    return float(sum(share * (right - sure).abs() for share, right, sure in parts))


def each_interval(probabilities, labels, bins):
    return [float((a - b).abs()) for _, a, b in _parts(probabilities, labels, bins)]


def changes_probabilities(probabilities, labels, bins):
    probabilities *= 0.999999
    return by_unique(probabilities, labels, bins)


def two_loops(run, settings):
    seeds = range(3)
    means = {s: sum(run(s, seed, "validation") for seed in seeds) / 3 for s in settings}
    best = max(means, key=means.get)
    test = torch.tensor([run(best, seed, "test") for seed in seeds])
    return {"setting": best, "test": test.mean().item(), "spread": test.std().item()}


def with_numpy(run, settings):
    table = np.array([[run(s, seed, "validation") for seed in (10, 20, 30, 40, 50)]
                      for s in settings])  # fmt: skip
    best = settings[int(table.mean(axis=1).argmax())]
    test = np.array([run(best, seed, "test") for seed in (10, 20, 30, 40, 50)])
    return dict(setting=best, test=test.mean(), spread=test.std())


def seed_by_seed(run, settings):
    totals = [0.0] * len(settings)
    for seed in range(4):
        for i, setting in enumerate(settings):
            totals[i] += run(setting, seed, "validation")
    best = settings[totals.index(max(totals))]
    found = [run(best, seed, "test") for seed in range(100, 104)]
    mean = sum(found) / 4
    spread = (sum((value - mean) ** 2 for value in found) / 3) ** 0.5
    return {"setting": best, "test": mean, "spread": spread, "runs": found}


def by_statistics(run, settings):
    best = max(settings, key=lambda s: mean(run(s, k, "validation") for k in (1, 2, 3)))
    found = [run(best, seed, "test") for seed in (4, 5, 6)]
    return {"setting": best, "test": mean(found), "spread": stdev(found)}


def studied(choose=range(3), judge=range(3), part="test", seeds_of=None, pick=mean, summary=None):
    """Makes a study with one part that differs."""

    def study(run, settings):
        found = {}
        for i, s in enumerate(settings):
            seeds = seeds_of(i) if seeds_of else choose
            found[s] = pick([run(s, seed, "validation") for seed in seeds])
        best = max(found, key=found.get)
        test = [run(best, seed, part) for seed in judge]
        return summary(best, test) if summary else dict(setting=best, test=mean(test),
                                                        spread=stdev(test))  # fmt: skip

    return study


def named_study(name, **options):
    study = studied(**options)
    study.__name__ = study.__qualname__ = name
    return study


def chooses_by_test(run, settings):
    found = {s: [run(s, seed, "test") for seed in range(3)] for s in settings}
    best = max(found, key=lambda s: mean(found[s]))
    return {"setting": best, "test": mean(found[best]), "spread": stdev(found[best])}


def opens_all(run, settings):
    found = {s: mean(run(s, seed, "validation") for seed in range(3)) for s in settings}
    test = {s: [run(s, seed, "test") for seed in range(3)] for s in settings}
    best = max(found, key=found.get)
    return {"setting": best, "test": mean(test[best]), "spread": stdev(test[best])}


def both_at_once(run, settings):
    found, test = {}, {}
    for s in settings:
        found[s] = mean(run(s, seed, "validation") for seed in range(3))
        test[s] = [run(s, seed, "test") for seed in range(3)]
    best = max(found, key=found.get)
    return {"setting": best, "test": mean(test[best]), "spread": stdev(test[best])}


def worst_one(run, settings):
    found = {s: mean(run(s, seed, "validation") for seed in range(3)) for s in settings}
    best = min(found, key=found.get)
    test = [run(best, seed, "test") for seed in range(3)]
    return {"setting": best, "test": mean(test), "spread": stdev(test)}


def never_opens(run, settings):
    found = {s: [run(s, seed, "validation") for seed in range(3)] for s in settings}
    best = max(found, key=lambda s: mean(found[s]))
    return {"setting": best, "test": mean(found[best]), "spread": stdev(found[best])}


def reports_validation(run, settings):
    found = {s: [run(s, seed, "validation") for seed in range(3)] for s in settings}
    best = max(found, key=lambda s: mean(found[s]))
    test = [run(best, seed, "test") for seed in range(3)]
    return {"setting": best, "test": mean(found[best]), "spread": stdev(test)}


def chosen_by(choose):
    """Makes a study whose choice is a function of all validation accuracies, by setting."""

    def study(run, settings):
        found = {s: [run(s, seed, "validation") for seed in range(3)] for s in settings}
        best = choose(found)
        test = [run(best, seed, "test") for seed in range(3)]
        return {"setting": best, "test": mean(test), "spread": stdev(test)}

    study.__name__ = study.__qualname__ = choose.__name__
    return study


@chosen_by
def wins_most_seeds(found):
    return mode(max(found, key=lambda s: found[s][i]) for i in range(3))


@chosen_by
def first_within_a_deviation(found):
    top = max(found, key=lambda s: mean(found[s]))
    return next(s for s in found if mean(found[s]) >= mean(found[top]) - stdev(found[top]))


@chosen_by
def first_in_the_alphabet(found):
    return min(found, key=str)


def other_part(run, settings):
    return {"setting": settings[0], "test": run(settings[0], 0, "train"), "spread": 0.0}


RIGHT = {
    "26.1": [by_stack, by_running_sum, in_one_batch],
    "26.2": [by_comb, by_fractions, both_sides_in_float64],
    "26.3": [by_unique, by_edges, by_sums],
    "26.4": [two_loops, with_numpy, seed_by_seed, by_statistics],
}

WRONG = {
    "26.1": [
        (averages_logits_first, "Average the probabilities"),
        (no_softmax, "take the softmax of each view first"),
        (summed, "divide by the number of transforms"),
        (over_the_images, "The softmax runs over the images"),
        (geometric_mean, "The logarithms of the probabilities were averaged"),
        (first_view, "Only the first view was used"),
        (all_views, "has shape (3, 5, 3), and (5, 3) is asked for"),
        (votes, "counted as votes"),
        (with_the_images, "only the transforms count"),
        (predicted_classes, "has shape (5,), and (5, 3) is asked for"),
        (chained, "to the result of the one before"),
        (with_dropout, "the dropout and the norm of the model were in training mode"),
        (leaves_eval, "ends in another mode than the one in which it came"),
        (root_only, "a frozen layer may be in eval() alone"),
        (always_train, "ends in another mode than the one in which it came"),
        (keeps_the_graph, "holds the graph of all views"),
    ],
    "26.2": [
        (one_sided, "That is one side only"),
        (counts_all, "All images were counted as differences"),
        (all_images, "All images were counted. Those"),
        (above_one, "a probability is at most 1"),
        (not_symmetric, "the order should not matter"),
        (exactly_this, "the probability of exactly this result"),
        (without_itself, "The result itself was left out"),
        (mid_p, "as in the mid-p test"),
        (chi_squared, "a chi-squared distribution: the exact test"),
        (corrected_chi_squared, "with its correction"),
        (zero_without_differences, "Where the models never differ, it should be 1"),
        (one_minus, "This is 1 minus the p-value"),
        (the_larger, "The tail runs from 0 to 8"),
        (with_the_counts, "should be one number, and it is the tuple"),
        (divides_by_zero, "a chi-squared distribution: the exact test"),
    ],
    "26.3": [
        (unweighted, "The intervals count alike. Weight each"),
        (over_all_bins, "The intervals count alike, empty ones too"),
        (cancels, "over- and under-confidence cancel. Take the distance in each interval"),
        (signed, "The differences have a sign"),
        (squared, "The distances were squared."),
        (largest_gap, "That is the largest distance"),
        (not_divided, "divide by the number of all answers"),
        (one_more_interval, "A certainty of 1 is in an interval of its own"),
        (one_is_lost, "A certainty of 1 is in no interval"),
        (rounded, "The intervals are shifted by half of their width"),
        (of_the_true_class, "The probability of the true class was taken"),
        (ten_intervals, "Ten intervals were made"),
        (empty_intervals, "an interval without answers has no mean"),
        (one_by_one, "Each answer was compared on its own"),
        (middles, "The middle of each interval"),
        (each_interval, "should be one number, and it is a list of"),
        (changes_probabilities, "The numbers in the argument probabilities have changed"),
    ],
    "26.4": [
        (named_study("validation_again", part="validation"), "The test images were never opened"),
        (
            named_study("validation_with_new_seeds", judge=range(10, 13), part="validation"),
            "The test images were never opened",
        ),
        (chooses_by_test, "was never tried on the validation images"),
        (opens_all, "The test images were opened for 3 settings"),
        (both_at_once, "Validation images were used after the test images had been opened"),
        (worst_one, "and the test images were opened for"),
        (never_opens, "The test images were never opened"),
        (reports_validation, "This is the mean on the validation images"),
        (other_part, "the parts are"),
        (named_study("one_seed", choose=[0]), "was tried with 1 seed: at least three"),
        (named_study("same_seed", choose=[1, 1, 1]), "was run twice with the same seed"),
        (named_study("own_seeds", seeds_of=lambda i: range(3 * i, 3 * i + 3)), "the luckier ones"),
        (named_study("seeds_as_texts", choose="abc"), "should be one number, and it is the text"),
        (named_study("best_single_run", pick=max), "and the test images were opened for"),
        (named_study("worst_single_run", pick=min), "and the test images were opened for"),
        (named_study("median", pick=median), "and the test images were opened for"),
        (named_study("last_run", pick=lambda v: v[-1]), "and the test images were opened for"),
        (
            named_study("less_a_deviation", pick=lambda v: mean(v) - stdev(v)),
            "and the test images were opened for",
        ),
        (
            named_study("three_digits", pick=lambda v: round(mean(v), 3)),
            "The setting 7 has the highest mean on the validation images, and the test",
        ),
        (
            named_study("without_extremes", choose=range(5), pick=lambda v: mean(sorted(v)[1:-1])),
            "and the test images were opened for",
        ),
        (
            named_study("two_best", pick=lambda v: mean(sorted(v)[1:])),
            "and the test images were opened for",
        ),
        (wins_most_seeds, "and the test images were opened for"),
        (first_within_a_deviation, "and the test images were opened for"),
        (first_in_the_alphabet, "and the test images were opened for"),
        (
            named_study(
                "one_test",
                judge=[0],
                summary=lambda best, test: dict(setting=best, test=test[0], spread=0.0),
            ),
            "at least three different ones",
        ),
        (
            named_study(
                "best_test",
                summary=lambda best, test: dict(setting=best, test=max(test), spread=stdev(test)),
            ),
            "This is the best of the runs",
        ),
        (
            named_study(
                "standard_error",
                summary=lambda best, test: dict(
                    setting=best, test=mean(test), spread=stdev(test) / 3**0.5
                ),
            ),
            "The value of 'spread'",
        ),
        (
            named_study(
                "no_spread", summary=lambda best, test: dict(setting=best, test=mean(test))
            ),
            "The dictionary has no 'spread'",
        ),
        (
            named_study("a_tuple", summary=lambda best, test: (best, mean(test), stdev(test))),
            "should be a dict",
        ),
        (
            named_study(
                "an_index",
                summary=lambda best, test: dict(setting=0, test=mean(test), spread=stdev(test)),
            ),
            "The setting returned is",
        ),
    ],
}
