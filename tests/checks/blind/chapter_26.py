"""Chapter 26."""

import copy
import math
import statistics
from math import comb

import torch
import torch.nn.functional as F


@torch.no_grad()
def with_modes(model, images, transforms):
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        answers = [model(transform(images.clone())).softmax(dim=1) for transform in transforms]
    finally:
        for module, mode in modes:
            module.training = mode
    return torch.stack(answers).mean(dim=0)


def with_copy(net, batch, views):
    judge = copy.deepcopy(net).eval()
    total, count = (0.0, 0)
    with torch.inference_mode():
        for view in views:
            total = total + F.softmax(judge(view(batch.clone())), dim=-1)
            count += 1
        return total / count


def with_names(model, images, transforms):
    training = {name for name, module in model.named_modules() if module.training}
    total = None
    with torch.no_grad():
        model.train(False)
        for n, transform in enumerate(transforms, start=1):
            p = model(transform(images.detach().clone())).log_softmax(1).exp()
            total = p if total is None else total + (p - total) / n
    for name, module in model.named_modules():
        module.training = name in training
    return total.detach()


def _views(model, images, transforms, answer=lambda o: o.softmax(1), end=lambda s: s.mean(0)):
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    with torch.no_grad():
        result = end(torch.stack([answer(model(t(images.clone()))) for t in transforms]))
    for m, mode in modes:
        m.training = mode
    return result


def chained(model, images, transforms):
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    result, x = ([], images.clone())
    with torch.no_grad():
        for t in transforms:
            x = t(x)
            result.append(model(x).softmax(1))
    for m, mode in modes:
        m.training = mode
    return torch.stack(result).mean(0)


def mean_of_logits(model, images, transforms):
    return _views(model, images, transforms, lambda o: o, lambda s: s.mean(0).softmax(1))


def train_afterwards(model, images, transforms):
    result = _views(model, images, transforms)
    model.train()
    return result


def stays_in_eval(model, images, transforms):
    result = _views(model, images, transforms)
    model.eval()
    return result


def one_mode_for_all(model, images, transforms):
    mode = model.training
    result = _views(model, images, transforms)
    model.train(mode)
    return result


def never_eval(model, images, transforms):
    with torch.no_grad():
        return torch.stack([model(t(images.clone())).softmax(1) for t in transforms]).mean(0)


def with_graph(model, images, transforms):
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    result = torch.stack([model(t(images.clone())).softmax(1) for t in transforms]).mean(0)
    for m, mode in modes:
        m.training = mode
    return result


def wrong_axis(model, images, transforms):
    return _views(model, images, transforms, lambda o: o.softmax(0))


def sum_not_mean(model, images, transforms):
    return _views(model, images, transforms, end=lambda s: s.sum(0))


def with_original(model, images, transforms):
    return _views(model, images, [lambda x: x, *transforms])


def largest_of_views(model, images, transforms):
    return _views(model, images, transforms, end=lambda s: s.amax(0))


def only_classes(model, images, transforms):
    return _views(model, images, transforms, end=lambda s: s.mean(0).argmax(1))


def mean_of_log(model, images, transforms):
    return _views(model, images, transforms, lambda o: o.log_softmax(1), lambda s: s.mean(0).exp())


def divides_by_images(model, images, transforms):
    return _views(
        model,
        images,
        transforms,
        end=lambda s: s.sum(0) / s.shape[1] * (1 if s.shape[0] != s.shape[1] else 0.5),
    )


def with_comb(first, second):
    gained, lost = (int((second & ~first).sum()), int((first & ~second).sum()))
    n, k = (gained + lost, min(gained, lost))
    return min(1.0, 2 * sum(comb(n, i) for i in range(k + 1)) / 2**n)


def with_logs(a, b):
    only_a = torch.logical_and(a, b.logical_not()).sum().item()
    only_b = torch.logical_and(b, a.logical_not()).sum().item()
    n = torch.tensor(float(only_a + only_b), dtype=torch.float64)
    if n == 0:
        return 1.0
    i = torch.arange(min(only_a, only_b) + 1, dtype=torch.float64)
    logs = torch.lgamma(n + 1) - torch.lgamma(i + 1) - torch.lgamma(n - i + 1) - n * math.log(2)
    return (2 * logs.exp().sum()).clamp(max=1)


def both_tails(first, second):
    where = first != second
    n = int(where.sum())
    wins = int(first[where].sum())
    uneven = sum(comb(n, i) for i in range(n + 1) if abs(2 * i - n) >= abs(2 * wins - n))
    return uneven / 2**n


def _counts(first, second):
    return (int((first & ~second).sum()), int((second & ~first).sum()))


def one_side(first, second):
    b, c = _counts(first, second)
    return sum(comb(b + c, i) for i in range(min(b, c) + 1)) / 2 ** (b + c)


def above_one(first, second):
    b, c = _counts(first, second)
    return 2 * sum(comb(b + c, i) for i in range(min(b, c) + 1)) / 2 ** (b + c)


def strictly_less(first, second):
    b, c = _counts(first, second)
    return min(1.0, 2 * sum(comb(b + c, i) for i in range(min(b, c))) / 2 ** (b + c))


def chi_squared(first, second):
    b, c = _counts(first, second)
    if b + c == 0:
        return 1.0
    return math.erfc(math.sqrt((abs(b - c) - 1) ** 2 / (b + c) / 2))


def all_images(first, second):
    b, c = _counts(first, second)
    n = len(first)
    return min(1.0, 2 * sum(comb(n, i) for i in range(min(b, c) + 1)) / 2**n)


def right_counts(first, second):
    b, c = (int(first.sum()), int(second.sum()))
    return min(1.0, 2 * sum(comb(b + c, i) for i in range(min(b, c) + 1)) / 2 ** (b + c))


def only_one_term(first, second):
    b, c = _counts(first, second)
    return min(1.0, 2 * comb(b + c, b) / 2 ** (b + c))


def larger_count(first, second):
    b, c = _counts(first, second)
    return min(1.0, 2 * sum(comb(b + c, i) for i in range(max(b, c) + 1)) / 2 ** (b + c))


def divides_by_zero(first, second):
    b, c = _counts(first, second)
    if b + c == 0:
        return float("nan")
    return with_comb(first, second)


def zero_if_equal(first, second):
    b, c = _counts(first, second)
    return 0.0 if b + c == 0 else with_comb(first, second)


def direction_matters(first, second):
    b, c = _counts(first, second)
    return min(1.0, 2 * sum(comb(b + c, i) for i in range(b + 1)) / 2 ** (b + c))


def complement(first, second):
    return 1 - with_comb(first, second)


def loop_over_bins(probabilities, labels, bins):
    certainty, answers = probabilities.max(dim=1)
    right = (answers == labels).float()
    rows = (certainty * bins).long().clamp(max=bins - 1)
    total = 0.0
    for b in range(bins):
        inside = rows == b
        if inside.any():
            gap = (right[inside].mean() - certainty[inside].mean()).abs().item()
            total += gap * inside.sum().item() / len(labels)
    return total


def with_bincount(p, y, n_bins):
    certainty = p.amax(-1).double()
    where = (certainty * n_bins).floor().clamp(0, n_bins - 1).long()
    difference = (p.argmax(-1) == y).double() - certainty
    return where.bincount(weights=difference, minlength=n_bins).abs().sum() / len(y)


def in_pure_python(probabilities, labels, bins):
    groups = {}
    for row, label in zip(probabilities.tolist(), labels.tolist()):
        top = max(row)
        groups.setdefault(min(int(top * bins), bins - 1), []).append((top, row.index(top) == label))
    n = sum(map(len, groups.values()))
    result = 0
    for members in groups.values():
        accuracy = sum((hit for _, hit in members)) / len(members)
        certainty = sum((top for top, _ in members)) / len(members)
        result += len(members) / n * abs(accuracy - certainty)
    return result


def with_one_hot(probabilities, labels, bins):
    certainty, answers = probabilities.topk(1, dim=1)
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]
    rows = torch.bucketize(certainty[:, 0].double(), edges, right=True)
    members = F.one_hot(rows, bins).to(probabilities.dtype)
    gaps = members.T @ (answers.eq(labels[:, None]).to(certainty) - certainty)
    return float(gaps.abs().sum() / labels.numel())


def _parts(probabilities, labels, bins):
    certainty, answers = probabilities.max(dim=1)
    right = (answers == labels).float()
    rows = (certainty * bins).long().clamp(max=bins - 1)
    return (certainty, right, [rows == b for b in range(bins) if (rows == b).any()])


def unweighted(probabilities, labels, bins):
    c, r, parts = _parts(probabilities, labels, bins)
    return sum(abs(r[m].mean() - c[m].mean()).item() for m in parts) / len(parts)


def divides_by_bins(probabilities, labels, bins):
    c, r, parts = _parts(probabilities, labels, bins)
    return sum(abs(r[m].mean() - c[m].mean()).item() for m in parts) / bins


def signed(probabilities, labels, bins):
    c, r, parts = _parts(probabilities, labels, bins)
    return sum((r[m].mean() - c[m].mean()).item() * m.float().mean().item() for m in parts)


def squared(probabilities, labels, bins):
    c, r, parts = _parts(probabilities, labels, bins)
    return sum((r[m].mean() - c[m].mean()).item() ** 2 * m.float().mean().item() for m in parts)


def largest_gap(probabilities, labels, bins):
    c, r, parts = _parts(probabilities, labels, bins)
    return max(abs(r[m].mean() - c[m].mean()).item() for m in parts)


def loses_one(probabilities, labels, bins):
    certainty, answers = probabilities.max(dim=1)
    right = (answers == labels).float()
    rows, total = ((certainty * bins).long(), 0.0)
    for b in range(bins):
        m = rows == b
        if m.any():
            total += abs(right[m].mean() - certainty[m].mean()).item() * m.float().mean().item()
    return total


def empty_is_nan(probabilities, labels, bins):
    certainty, answers = probabilities.max(dim=1)
    right = (answers == labels).float()
    rows, total = ((certainty * bins).long().clamp(max=bins - 1), 0.0)
    for b in range(bins):
        m = rows == b
        total += abs(right[m].mean() - certainty[m].mean()).item() * m.float().mean().item()
    return total


def one_interval(probabilities, labels, bins):
    return abs(
        (probabilities.argmax(1) == labels).float().mean() - probabilities.amax(1).mean()
    ).item()


def always_ten(probabilities, labels, bins):
    return loop_over_bins(probabilities, labels, 10)


def per_answer(probabilities, labels, bins):
    certainty, answers = probabilities.max(dim=1)
    return (certainty - (answers == labels).float()).abs().mean().item()


def middle_of_interval(probabilities, labels, bins):
    certainty, answers = probabilities.max(dim=1)
    right = (answers == labels).float()
    rows, total = ((certainty * bins).long().clamp(max=bins - 1), 0.0)
    for b in range(bins):
        m = rows == b
        if m.any():
            total += abs(right[m].mean().item() - (b + 0.5) / bins) * m.float().mean().item()
    return total


def certainty_of_label(probabilities, labels, bins):
    certainty = probabilities[torch.arange(len(labels)), labels]
    right = (probabilities.argmax(1) == labels).float()
    rows, total = ((certainty * bins).long().clamp(max=bins - 1), 0.0)
    for b in range(bins):
        m = rows == b
        if m.any():
            total += abs(right[m].mean() - certainty[m].mean()).item() * m.float().mean().item()
    return total


def softmax_again(probabilities, labels, bins):
    return loop_over_bins(probabilities.softmax(1), labels, bins)


def not_divided(probabilities, labels, bins):
    return loop_over_bins(probabilities, labels, bins) * len(labels)


SEEDS = (11, 12, 13)


def honest_study(run, settings):
    scores = []
    for setting in settings:
        scores.append(statistics.fmean(run(setting, s, "validation") for s in SEEDS))
    winner = settings[max(range(len(settings)), key=scores.__getitem__)]
    final = [run(winner, s, "test") for s in SEEDS]
    return {
        "setting": winner,
        "test": statistics.fmean(final),
        "spread": statistics.pstdev(final),
    }


def honest_study_in_tensors(run, settings):
    scores = torch.tensor([[run(c, s, "validation") for s in range(5)] for c in settings])
    winner = settings[scores.mean(dim=1).argmax()]
    final = torch.tensor([run(winner, s, "test") for s in range(5)], dtype=torch.float64)
    return {"setting": winner, "test": final.mean(), "spread": final.std()}


def honest_study_by_sorting(run, settings):
    ranked = sorted(settings, key=lambda c: sum(run(c, s, "validation") for s in SEEDS))
    final = [run(ranked[-1], s, "test") for s in (1, 2, 3, 4)]
    return dict(spread=statistics.stdev(final), test=sum(final) / 4, setting=ranked[-1])


def study_by_last_sorted(run, settings):
    ranked = sorted(settings, key=lambda c: -sum(run(c, s, "validation") for s in SEEDS))
    final = [run(ranked[-1], s, "test") for s in SEEDS]
    return {"setting": ranked[-1], "test": sum(final) / 3, "spread": statistics.stdev(final)}


def study_with_two_seeds(run, settings):
    best = max(settings, key=lambda c: run(c, 0, "validation") + run(c, 1, "validation"))
    final = [run(best, s, "test") for s in (0, 1)]
    return {"setting": best, "test": sum(final) / 2, "spread": statistics.stdev(final)}


def study_by_maximum(run, settings):
    best = max(settings, key=lambda c: max(run(c, s, "validation") for s in SEEDS))
    final = [run(best, s, "test") for s in SEEDS]
    return {"setting": best, "test": sum(final) / 3, "spread": statistics.stdev(final)}


def study_peeking(run, settings):
    best = max(settings, key=lambda c: sum(run(c, s, "test") for s in SEEDS))
    final = [run(best, s, "test") for s in SEEDS]
    return {"setting": best, "test": sum(final) / 3, "spread": statistics.stdev(final)}


def study_of_the_first(run, settings):
    for c in settings:
        for s in SEEDS:
            run(c, s, "validation")
    final = [run(settings[0], s, "test") for s in SEEDS]
    return {"setting": settings[0], "test": sum(final) / 3, "spread": statistics.stdev(final)}


def study_with_range(run, settings):
    best = max(settings, key=lambda c: sum(run(c, s, "validation") for s in SEEDS))
    final = [run(best, s, "test") for s in SEEDS]
    return {"setting": best, "test": sum(final) / 3, "spread": max(final) - min(final)}


def study_that_returns_percent(run, settings):
    best = max(settings, key=lambda c: sum(run(c, s, "validation") for s in SEEDS))
    final = [100 * run(best, s, "test") for s in SEEDS]
    return {"setting": best, "test": sum(final) / 3, "spread": statistics.stdev(final)}


RIGHT = {
    "26.4": [honest_study, honest_study_in_tensors, honest_study_by_sorting],
    "26.1": [with_modes, with_copy, with_names],
    "26.2": [with_comb, with_logs, both_tails],
    "26.3": [loop_over_bins, with_bincount, in_pure_python, with_one_hot],
}
WRONG = {
    "26.4": [
        study_by_last_sorted,
        study_with_two_seeds,
        study_by_maximum,
        study_peeking,
        study_of_the_first,
        study_with_range,
        study_that_returns_percent,
    ],
    "26.1": [
        chained,
        mean_of_logits,
        train_afterwards,
        stays_in_eval,
        one_mode_for_all,
        never_eval,
        with_graph,
        wrong_axis,
        sum_not_mean,
        with_original,
        largest_of_views,
        only_classes,
        mean_of_log,
        divides_by_images,
    ],
    "26.2": [
        one_side,
        above_one,
        strictly_less,
        chi_squared,
        all_images,
        right_counts,
        only_one_term,
        larger_count,
        divides_by_zero,
        zero_if_equal,
        direction_matters,
        complement,
    ],
    "26.3": [
        unweighted,
        divides_by_bins,
        signed,
        squared,
        largest_gap,
        loses_one,
        empty_is_nan,
        one_interval,
        always_ten,
        per_answer,
        middle_of_interval,
        certainty_of_label,
        softmax_again,
        not_divided,
    ],
}
