"""Chapter 26."""

import copy
import math
import random
import statistics
from collections import defaultdict
from math import comb

import numpy as np
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


def numpy_way(run, settings):
    grid = np.array([[run(s, seed, "validation") for seed in range(5)] for s in settings])
    best = settings[int(grid.mean(axis=1).argmax())]
    tests = np.array([run(best, seed, "test") for seed in range(5)])
    return {"setting": best, "test": float(tests.mean()), "spread": float(tests.std(ddof=1))}


def population(run, settings):
    seeds = (11, 22, 33)
    best = max(settings, key=lambda s: sum(run(s, k, "validation") for k in seeds))
    t = [run(best, k, "test") for k in seeds]
    return dict(setting=best, test=statistics.fmean(t), spread=statistics.pstdev(t))


def seeds_outside(run, settings):
    table = defaultdict(list)
    for seed in range(100, 104):
        for s in settings:
            table[s].append(run(s, seed=seed, part="validation"))
    means = {s: statistics.mean(v) for s, v in table.items()}
    winner = sorted(means.items(), key=lambda kv: -kv[1])[0][0]
    t = [run(winner, seed=k, part="test") for k in range(3)]
    return {"setting": winner, "test": statistics.mean(t), "spread": statistics.stdev(t)}


def other_test_seeds(run, settings):
    rng = random.Random(0)
    seeds = rng.sample(range(1000), 4)
    fresh = rng.sample(range(1000, 2000), 6)
    best, top = None, float("-inf")
    for s in settings:
        m = np.mean([run(s, k, "validation") for k in seeds])
        if m > top:
            best, top = s, m
    t = torch.tensor([run(best, k, "test") for k in fresh], dtype=torch.float64)
    return {"setting": best, "test": t.mean(), "spread": t.std()}


def by_hand(run, settings):
    def mean(x):
        return sum(x) / len(x)

    val = [[run(s, k, "validation") for k in (0, 1, 2)] for s in settings]
    i = max(range(len(settings)), key=lambda i: mean(val[i]))
    t = [run(settings[i], k, "test") for k in (0, 1, 2)]
    m = mean(t)
    return {
        "spread": (sum((x - m) ** 2 for x in t) / (len(t) - 1)) ** 0.5,
        "test": m,
        "setting": settings[i],
        "scores": val,
    }


def _study(
    run,
    settings,
    seeds=(0, 1, 2),
    tests=(0, 1, 2),
    score=statistics.mean,
    choose=max,
    centre=statistics.mean,
    spread=statistics.stdev,
    part="validation",
):
    scores = {s: score([run(s, k, part) for k in seeds]) for s in settings}
    best = choose(scores, key=scores.get)
    t = [run(best, k, "test") for k in tests]
    return {"setting": best, "test": centre(t), "spread": spread(t) if len(t) > 1 else 0.0}


def by_best_seed(r, s):
    return _study(r, s, score=max)


def by_worst_seed(r, s):
    return _study(r, s, score=min)


def by_median(r, s):
    return _study(r, s, score=statistics.median)


def by_last(r, s):
    return _study(r, s, score=lambda x: x[-1])


def lowest(r, s):
    return _study(r, s, choose=min)


def one_seed(r, s):
    return _study(r, s, seeds=(0,))


def two_seeds(r, s):
    return _study(r, s, seeds=(0, 1))


def one_test(r, s):
    return _study(r, s, tests=(0,))


def same_seed_thrice(r, s):
    return _study(r, s, seeds=(0, 0, 0))


def same_test_seed_thrice(r, s):
    return _study(r, s, tests=(7, 7, 7))


def chosen_on_test(r, s):
    return _study(r, s, part="test")


def median_test(r, s):
    return _study(r, s, centre=statistics.median)


def best_test(r, s):
    return _study(r, s, centre=max)


def variance(r, s):
    return _study(r, s, spread=statistics.variance)


def span(r, s):
    return _study(r, s, spread=lambda t: max(t) - min(t))


def standard_error(r, s):
    return _study(r, s, spread=lambda t: statistics.stdev(t) / len(t) ** 0.5)


def percent(r, s):
    d = _study(r, s)
    return d | {"test": 100 * d["test"], "spread": 100 * d["spread"]}


def rounded(r, s):
    d = _study(r, s)
    return d | {"test": round(d["test"], 2), "spread": round(d["spread"], 2)}


def rounded_scores(r, s):
    return _study(r, s, score=lambda x: round(statistics.mean(x), 2))


def one_deviation_below(r, s):
    return _study(r, s, score=lambda x: statistics.mean(x) - statistics.stdev(x))


def steadiest(r, s):
    return _study(r, s, score=lambda x: -statistics.stdev(x))


def seeds_differ(r, s):
    n = iter(range(10**6))
    sc = {x: statistics.mean(r(x, next(n), "validation") for _ in range(3)) for x in s}
    b = max(sc, key=sc.get)
    t = [r(b, next(n), "test") for _ in range(3)]
    return {"setting": b, "test": statistics.mean(t), "spread": statistics.stdev(t)}


def tests_all(r, s):
    sc = {x: statistics.mean(r(x, k, "validation") for k in range(3)) for x in s}
    te = {x: [r(x, k, "test") for k in range(3)] for x in s}
    b = max(sc, key=sc.get)
    return {"setting": b, "test": statistics.mean(te[b]), "spread": statistics.stdev(te[b])}


def both_at_once(r, s):
    res = {x: [(r(x, k, "validation"), r(x, k, "test")) for k in range(3)] for x in s}
    b = max(s, key=lambda x: statistics.mean(v for v, _ in res[x]))
    t = [q for _, q in res[b]]
    return {"setting": b, "test": statistics.mean(t), "spread": statistics.stdev(t)}


def returns_validation(r, s):
    sc = {x: [r(x, k, "validation") for k in range(3)] for x in s}
    b = max(sc, key=lambda x: statistics.mean(sc[x]))
    [r(b, k, "test") for k in range(3)]
    return {"setting": b, "test": statistics.mean(sc[b]), "spread": statistics.stdev(sc[b])}


def spread_of_validation(r, s):
    sc = {x: [r(x, k, "validation") for k in range(3)] for x in s}
    b = max(sc, key=lambda x: statistics.mean(sc[x]))
    t = [r(b, k, "test") for k in range(3)]
    return {"setting": b, "test": statistics.mean(t), "spread": statistics.stdev(sc[b])}


def never_tests(r, s):
    sc = {x: [r(x, k, "validation") for k in range(3)] for x in s}
    b = max(sc, key=lambda x: statistics.mean(sc[x]))
    return {"setting": b, "test": statistics.mean(sc[b]), "spread": statistics.stdev(sc[b])}


def test_twice(r, s):
    sc = {x: statistics.mean(r(x, k, "validation") for k in range(3)) for x in s}
    b = max(sc, key=sc.get)
    return {
        "setting": b,
        "test": statistics.mean(r(b, k, "test") for k in range(3)),
        "spread": statistics.stdev(r(b, k, "test") for k in range(3)),
    }


def spread_other_runs(r, s):
    sc = {x: statistics.mean(r(x, k, "validation") for k in range(3)) for x in s}
    b = max(sc, key=sc.get)
    return {
        "setting": b,
        "test": statistics.mean(r(b, k, "test") for k in range(3)),
        "spread": statistics.stdev(r(b, k, "test") for k in range(3, 6)),
    }


def index(r, s):
    d = _study(r, s)
    return d | {"setting": s.index(d["setting"])}


def as_text(r, s):
    d = _study(r, s)
    return d | {"setting": str(d["setting"])}


def as_tuple(r, s):
    return tuple(_study(r, s).values())


def other_keys(r, s):
    d = _study(r, s)
    return {"setting": d["setting"], "mean": d["test"], "std": d["spread"]}


def val_name(r, s):
    return _study(r, s, part="val")


def arguments_swapped(r, s):
    sc = {x: statistics.mean(r(k, x, "validation") for k in range(3)) for x in s}
    b = max(sc, key=sc.get)
    t = [r(b, k, "test") for k in range(3)]
    return {"setting": b, "test": statistics.mean(t), "spread": statistics.stdev(t)}


def halving(r, s):
    first = {x: [r(x, 0, "validation")] for x in s}
    keep = sorted(s, key=lambda x: first[x], reverse=True)[: max(1, len(s) // 2)]
    sc = {x: statistics.mean(first[x] + [r(x, k, "validation") for k in (1, 2)]) for x in keep}
    b = max(sc, key=sc.get)
    t = [r(b, k, "test") for k in range(3)]
    return {"setting": b, "test": statistics.mean(t), "spread": statistics.stdev(t)}


def second_round(r, s):
    sc = {x: statistics.mean(r(x, k, "validation") for k in range(3)) for x in s}
    two = sorted(sc, key=sc.get)[-2:]
    sc2 = {x: statistics.mean(r(x, k, "validation") for k in range(3, 6)) for x in two}
    b = max(sc2, key=sc2.get)
    t = [r(b, k, "test") for k in range(3)]
    return {"setting": b, "test": statistics.mean(t), "spread": statistics.stdev(t)}


def peeks_first(r, s):
    r(s[0], 0, "test")
    return _study(r, s)


def tests_runner_up(r, s):
    sc = {x: statistics.mean(r(x, k, "validation") for k in range(3)) for x in s}
    o = sorted(s, key=sc.get)
    te = {x: [r(x, k, "test") for k in range(3)] for x in o[-2:]}
    b = max(te, key=lambda x: statistics.mean(te[x]))
    return {"setting": b, "test": statistics.mean(te[b]), "spread": statistics.stdev(te[b])}


def skips_last(r, s):
    return _study(r, s[:-1])


def early_stop(r, s):
    best, top = None, -1
    for x in s:
        m = statistics.mean(r(x, k, "validation") for k in range(3))
        if m < top:
            break
        best, top = x, m
    t = [r(best, k, "test") for k in range(3)]
    return {"setting": best, "test": statistics.mean(t), "spread": statistics.stdev(t)}


def last_setting(r, s):
    for x in s:
        [r(x, k, "validation") for k in range(3)]
    t = [r(x, k, "test") for k in range(3)]
    return {"setting": x, "test": statistics.mean(t), "spread": statistics.stdev(t)}


def val_and_test_mean(r, s):
    sc = {x: [r(x, k, "validation") for k in range(3)] for x in s}
    b = max(sc, key=lambda x: statistics.mean(sc[x]))
    t = [r(b, k, "test") for k in range(3)]
    a = t + sc[b]
    return {"setting": b, "test": statistics.mean(a), "spread": statistics.stdev(a)}


def seeds_as_text(r, s):
    return _study(r, s, seeds=("a", "b", "c"), tests=("a", "b", "c"))


def drops_worst_test(r, s):
    return _study(r, s, tests=range(5), centre=lambda t: statistics.mean(sorted(t)[1:]))


def alphabetical(r, s):
    for x in s:
        for k in range(3):
            r(x, k, "validation")
    b = min(s, key=str)
    t = [r(b, k, "test") for k in range(3)]
    return {"setting": b, "test": statistics.mean(t), "spread": statistics.stdev(t)}


def three_digits(r, s):
    return _study(r, s, score=lambda x: round(statistics.mean(x), 3))


def trimmed(r, s):
    return _study(r, s, seeds=range(5), score=lambda x: statistics.mean(sorted(x)[1:-1]))


def best_two_of_three(r, s):
    return _study(r, s, score=lambda x: statistics.mean(sorted(x)[1:]))


def first_seed(r, s):
    return _study(r, s, score=lambda x: x[0])


def median_of_five(r, s):
    return _study(r, s, seeds=range(5), score=statistics.median)


def most_wins(r, s):
    v = {x: [r(x, k, "validation") for k in range(3)] for x in s}
    b = statistics.mode([max(s, key=lambda x: v[x][k]) for k in range(3)])
    t = [r(b, k, "test") for k in range(3)]
    return {"setting": b, "test": statistics.mean(t), "spread": statistics.stdev(t)}


def first_within_a_deviation(r, s):
    v = {x: [r(x, k, "validation") for k in range(3)] for x in s}
    m = {x: statistics.mean(v[x]) for x in s}
    top = max(m, key=m.get)
    b = next(x for x in s if m[x] >= m[top] - statistics.stdev(v[top]))
    t = [r(b, k, "test") for k in range(3)]
    return {"setting": b, "test": statistics.mean(t), "spread": statistics.stdev(t)}


RIGHT = {
    "26.1": [with_modes, with_copy, with_names],
    "26.2": [with_comb, with_logs, both_tails],
    "26.3": [loop_over_bins, with_bincount, in_pure_python, with_one_hot],
    "26.4": [
        numpy_way,
        population,
        seeds_outside,
        other_test_seeds,
        by_hand,
    ],
}


WRONG = {
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
    "26.4": [
        by_best_seed,
        by_worst_seed,
        by_median,
        by_last,
        lowest,
        one_seed,
        two_seeds,
        one_test,
        same_seed_thrice,
        same_test_seed_thrice,
        chosen_on_test,
        median_test,
        best_test,
        variance,
        span,
        standard_error,
        percent,
        rounded,
        rounded_scores,
        one_deviation_below,
        steadiest,
        seeds_differ,
        tests_all,
        both_at_once,
        returns_validation,
        spread_of_validation,
        never_tests,
        test_twice,
        spread_other_runs,
        index,
        as_text,
        as_tuple,
        other_keys,
        val_name,
        arguments_swapped,
        halving,
        second_round,
        peeks_first,
        tests_runner_up,
        skips_last,
        early_stop,
        last_setting,
        val_and_test_mean,
        seeds_as_text,
        drops_worst_test,
        alphabetical,
        three_digits,
        trimmed,
        best_two_of_three,
        first_seed,
        median_of_five,
        most_wins,
        first_within_a_deviation,
    ],
}
