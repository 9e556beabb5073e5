"""Chapter 30."""

import heapq
import itertools
import math
import random
import statistics
import time
from functools import reduce

import numpy as np
import torch
from torch.nn import functional as F


# 30.1
def pad_and_index(images, limit, generator):
    N, C, H, W = images.shape
    flip = torch.rand(N, generator=generator) < 0.5
    dy = torch.randint(0, 2 * limit + 1, (N,), generator=generator)
    dx = torch.randint(0, 2 * limit + 1, (N,), generator=generator)
    padded = images.new_zeros(N, C, H + 2 * limit, W + 2 * limit)
    padded[:, :, limit : limit + H, limit : limit + W] = images
    padded = torch.where(flip[:, None, None, None], padded.flip(-1), padded)
    n = torch.arange(N)[:, None, None, None]
    c = torch.arange(C)[None, :, None, None]
    y = torch.arange(H)[None, None, :, None] + dy[:, None, None, None]
    x = torch.arange(W)[None, None, None, :] + dx[:, None, None, None]
    return padded[n, c, y, x]


def with_grid_sample(images, limit, generator):
    N, C, H, W = images.shape
    d = torch.randint(-limit, limit + 1, (2, N), generator=generator).double()
    sign = 1 - 2 * torch.randint(0, 2, (N, 1, 1), generator=generator).double()
    y = torch.arange(H, dtype=torch.float64).view(1, H, 1) - d[0].view(N, 1, 1)
    x = torch.arange(W, dtype=torch.float64).view(1, 1, W) - d[1].view(N, 1, 1)
    grid = torch.stack(
        torch.broadcast_tensors(sign * ((2 * x + 1) / W - 1), (2 * y + 1) / H - 1), dim=-1
    )
    out = F.grid_sample(images.double(), grid, mode="nearest", align_corners=False)
    return out.to(images.dtype)


def numpy_takes(images, limit, generator):
    n, c, h, w = images.shape
    turned = torch.empty(n).uniform_(generator=generator).lt(0.5).numpy()
    moves = torch.randint(2 * limit + 1, (n, 2), generator=generator).numpy()
    a = np.pad(images.numpy(), ((0, 0), (0, 0), (limit, limit), (limit, limit)))
    a[turned] = a[turned][..., ::-1].copy()
    windows = np.lib.stride_tricks.sliding_window_view(a, (h, w), axis=(2, 3))
    return torch.from_numpy(windows[np.arange(n), :, moves[:, 0], moves[:, 1]].copy())


def bit_by_bit(images, limit, generator):
    # moved by 1, 2, 4, ... pixels where the number's bit is set, in a picture that is large enough
    N, C, H, W = images.shape
    out = F.pad(images, (0, 2 * limit, 0, 2 * limit))
    for dim in (-2, -1):
        k = torch.randint(0, 2 * limit + 1, (N, 1, 1, 1), generator=generator)
        step = 1
        while step <= 2 * limit:
            out = torch.where((k & step) > 0, out.roll(step, dim), out)
            step *= 2
    out = out[:, :, limit : limit + H, limit : limit + W]
    coin = torch.randint(2, (N, 1, 1, 1), generator=generator, dtype=torch.bool)
    return torch.where(coin, out.flip(-1), out)


def scattered(images, limit, generator):
    N, C, H, W = images.shape
    out = torch.zeros(N, C, H + 2 * limit, W + 2 * limit, dtype=images.dtype)
    p = torch.full((N,), 0.5)
    flip = torch.bernoulli(p, generator=generator).bool()[:, None]
    y = torch.arange(H) + torch.randint(2 * limit + 1, (N, 1), generator=generator)
    x = torch.arange(W)
    x = torch.where(flip, W - 1 - x, x) + torch.randint(2 * limit + 1, (N, 1), generator=generator)
    n = torch.arange(N)
    out.permute(0, 2, 3, 1)[n[:, None, None], y[:, :, None], x[:, None, :]] = images.permute(
        0, 2, 3, 1
    )
    return out[:, :, limit : limit + H, limit : limit + W].contiguous()


def with_vmap(images, limit, generator):
    n, _, h, w = images.shape
    padded = F.pad(images, (limit,) * 4)
    draws = torch.randint(0, 2 * limit + 1, (n, 2), generator=generator)
    flip = torch.rand(n, generator=generator) > 0.5

    def one(image, move, turn):
        image = torch.where(turn, image.flip(-1), image)
        rows = move[0] + torch.arange(h)
        columns = move[1] + torch.arange(w)
        return image.index_select(1, rows).index_select(2, columns)

    return torch.vmap(one)(padded, draws, flip)


def rows_then_columns(images, limit, generator):
    """The list of shifts is looped over, not the images."""

    def shifted(x, move):
        found = torch.zeros_like(x)
        size = x.shape[2]
        for k in range(-limit, limit + 1):
            moved = torch.zeros_like(x)
            moved[:, :, max(k, 0) : size + min(k, 0)] = x[:, :, max(-k, 0) : size + min(-k, 0)]
            mine = move == k
            found[mine] = moved[mine]
        return found

    size = (len(images),)
    down = torch.randint(-limit, limit + 1, size, generator=generator)
    right = torch.randint(-limit, limit + 1, size, generator=generator)
    images = shifted(shifted(images, down).transpose(2, 3), right).transpose(2, 3)
    mirror = torch.rand(size, generator=generator).round().bool()
    return torch.where(mirror.view(-1, 1, 1, 1), images.flip(dims=[3]), images)


def _jitter(images, generator, limit, flips=None, down=None, right=None, pad=None, axis=-1):
    N, C, H, W = images.shape
    if flips is None:
        flips = torch.rand(N, generator=generator) < 0.5
    if down is None:
        down = torch.randint(-limit, limit + 1, (N,), generator=generator)
    if right is None:
        right = torch.randint(-limit, limit + 1, (N,), generator=generator)
    images = torch.where(flips.reshape(-1, 1, 1, 1), images.flip(axis), images)
    y = torch.arange(H)[None, :] - down[:, None]
    x = torch.arange(W)[None, :] - right[:, None]
    inside = ((y >= 0) & (y < H))[:, None, :, None] & ((x >= 0) & (x < W))[:, None, None, :]
    wrap = (lambda i, n: i.clamp(0, n - 1)) if pad == "edge" else (lambda i, n: i % n)
    n = torch.arange(N)[:, None, None]
    out = images.movedim(1, 3)[n, wrap(y, H)[:, :, None], wrap(x, W)[:, None]].movedim(3, 1)
    if pad in ("edge", "wrap"):
        return out
    fill = out.new_zeros(()) if pad is None else out.new_full((), pad)
    return torch.where(inside, out, fill)


def wraps_round(images, limit, generator):
    return _jitter(images, generator, limit, pad="wrap")


def repeats_the_edge(images, limit, generator):
    return _jitter(images, generator, limit, pad="edge")


def fills_with_grey(images, limit, generator):
    return _jitter(images, generator, limit, pad=0.5 if images.is_floating_point() else 127)


def rolls_all_alike(images, limit, generator):
    d, r = torch.randint(-limit, limit + 1, (2,), generator=generator).tolist()
    flip = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    padded = F.pad(torch.where(flip, images.flip(3), images), [limit] * 4)
    h, w = images.shape[2:]
    return padded[:, :, limit + d : limit + d + h, limit + r : limit + r + w].clone()


def flips_rows(images, limit, generator):
    return _jitter(images, generator, limit, axis=-2)


def flips_channels(images, limit, generator):
    return _jitter(images, generator, limit, axis=1)


def turns_by_180(images, limit, generator):
    return _jitter(images, generator, limit, axis=(2, 3))


def always_flips(images, limit, generator):
    return _jitter(images, generator, limit, torch.tensor([True]))


def never_flips(images, limit, generator):
    return _jitter(images, generator, limit, torch.tensor([False]))


def flips_first_half(images, limit, generator):
    return _jitter(images, generator, limit, torch.arange(len(images)) < len(images) / 2)


def flips_every_second(images, limit, generator):
    return _jitter(images, generator, limit, torch.arange(len(images)) % 2 == 1)


def flips_a_quarter(images, limit, generator):
    coins = torch.rand(2, len(images), generator=generator) < 0.5
    return _jitter(images, generator, limit, coins.all(0))


def flips_with_normal(images, limit, generator):
    return _jitter(images, generator, limit, torch.randn(len(images), generator=generator) > 0.5)


def upper_end_missing(images, limit, generator):
    r = torch.randint(-limit, max(limit, 1 - limit), (len(images),), generator=generator)
    return _jitter(images, generator, limit, right=r)


def no_zero(images, limit, generator):
    size = torch.randint(min(1, limit), limit + 1, (len(images),), generator=generator)
    sign = 2 * torch.randint(2, (len(images),), generator=generator) - 1
    return _jitter(images, generator, limit, down=sign * size)


def zero_twice(images, limit, generator):
    size = torch.randint(0, limit + 1, (len(images),), generator=generator)
    sign = 2 * torch.randint(2, (len(images),), generator=generator) - 1
    return _jitter(images, generator, limit, right=sign * size)


def only_ends(images, limit, generator):
    return _jitter(
        images,
        generator,
        limit,
        down=limit * (2 * torch.randint(2, (len(images),), generator=generator) - 1),
    )


def truncated(images, limit, generator):
    d = ((torch.rand(len(images), generator=generator) * 2 - 1) * (limit + 1)).long()
    return _jitter(images, generator, limit, down=d.clamp(-limit, limit))


def clamped_normal(images, limit, generator):
    d = (torch.randn(len(images), generator=generator) * limit).round().long()
    return _jitter(images, generator, limit, right=d.clamp(-limit, limit))


def one_more(images, limit, generator):
    d = torch.randint(-limit - 1, limit + 2, (len(images),), generator=generator)
    return _jitter(images, generator, limit, down=d)


def to_the_right_only(images, limit, generator):
    d = torch.randint(0, limit + 1, (len(images),), generator=generator)
    return _jitter(images, generator, limit, right=d)


def nothing_down(images, limit, generator):
    return _jitter(images, generator, limit, down=torch.zeros(len(images), dtype=torch.long))


def diagonal(images, limit, generator):
    d = torch.randint(-limit, limit + 1, (len(images),), generator=generator)
    return _jitter(images, generator, limit, down=d, right=-d)


def down_or_right(images, limit, generator):
    d = torch.randint(-limit, limit + 1, (2, len(images)), generator=generator)
    which = torch.rand(len(images), generator=generator) < 0.5
    return _jitter(images, generator, limit, down=d[0] * which, right=d[1] * ~which)


def moves_the_mirrored_only(images, limit, generator):
    flips = torch.rand(len(images), generator=generator) < 0.5
    d = torch.randint(-limit, limit + 1, (2, len(images)), generator=generator) * flips
    return _jitter(images, generator, limit, flips, d[0], d[1])


def coin_is_parity(images, limit, generator):
    d = torch.randint(-limit, limit + 1, (len(images),), generator=generator)
    return _jitter(images, generator, limit, d % 2 == 0, down=d)


def takes_turns(images, limit, generator):
    # all shifts occur equally often, by a permutation
    order = torch.randperm(len(images), generator=generator)
    return _jitter(images, generator, limit, down=order % (2 * limit + 1) - limit)


def neighbours_alike(images, limit, generator):
    half = torch.randint(-limit, limit + 1, ((len(images) + 1) // 2,), generator=generator)
    return _jitter(images, generator, limit, right=half.repeat_interleave(2)[: len(images)])


def global_generator(images, limit, generator):
    torch.rand(1, generator=generator)
    return _jitter(images, None, limit)


def global_for_right(images, limit, generator):
    return _jitter(images, generator, limit, right=torch.randint(-limit, limit + 1, (len(images),)))


def python_random(images, limit, generator):
    torch.rand(1, generator=generator)
    seed = random.randrange(2**31)
    return _jitter(images, torch.Generator().manual_seed(seed), limit)


def new_generator(images, limit, generator):
    return _jitter(images, torch.Generator().manual_seed(1), limit)


def rewinds(images, limit, generator):
    state = generator.get_state()
    out = _jitter(images, generator, limit)
    generator.set_state(state)
    return out


def writes_into_it(images, limit, generator):
    images[:] = _jitter(images, generator, limit)
    return images


def a_loop(images, limit, generator):
    out = torch.zeros_like(images)
    H, W = images.shape[2:]
    for i, image in enumerate(images):
        d, r = torch.randint(-limit, limit + 1, (2,), generator=generator).tolist()
        if torch.rand(1, generator=generator).item() < 0.5:
            image = image.flip(-1)
        out[i, :, max(d, 0) : H + min(d, 0), max(r, 0) : W + min(r, 0)] = image[
            :, max(-d, 0) : H + min(-d, 0), max(-r, 0) : W + min(-r, 0)
        ]
    return out


def stacks(images, limit, generator):
    return torch.stack([_jitter(i.unsqueeze(0), generator, limit)[0] for i in images.unbind()])


def in_float(images, limit, generator):
    return _jitter(images.float(), generator, limit)


def divided_by_255(images, limit, generator):
    return (_jitter(images, generator, limit) / 255).to(images.dtype)


def through_half(images, limit, generator):
    return _jitter(images.float(), generator, limit).to(images.dtype)


def first_channel_only(images, limit, generator):
    return _jitter(images[:, :1], generator, limit).expand_as(images).clone()


def channels_apart(images, limit, generator):
    n, c, h, w = images.shape
    return _jitter(images.reshape(n * c, 1, h, w), generator, limit).reshape(n, c, h, w)


def shuffles(images, limit, generator):
    order = torch.randperm(len(images), generator=generator)
    return _jitter(images[order], generator, limit)


def larger(images, limit, generator):
    return _jitter(F.pad(images, [limit] * 4), generator, limit)


def crops(images, limit, generator):
    h, w = images.shape[2:]
    return _jitter(images, generator, limit)[:, :, limit : h - limit, limit : w - limit]


def with_the_draws(images, limit, generator):
    return _jitter(images, generator, limit), generator.get_state()


def as_an_array(images, limit, generator):
    return _jitter(images, generator, limit).numpy()


# 30.2
def as_a_quotient(seconds, factors):
    left = sum(s / f for s, f in zip(seconds, factors, strict=True))
    return sum(seconds) / left if left > 0 else math.inf


def by_shares(seconds, factors):
    total = math.fsum(seconds)
    if total == 0:
        return float("inf")
    try:
        return 1 / sum(s / total / f for s, f in zip(seconds, factors))
    except ZeroDivisionError:
        return float("inf")


def in_numpy(seconds, factors):
    seconds, factors = np.asarray(seconds, float), np.asarray(factors, float)
    after = (seconds / factors).sum()
    return float(seconds.sum() / after) if after else np.inf


def in_torch(seconds, factors):
    s = torch.tensor(seconds, dtype=torch.float64)
    f = torch.tensor(factors, dtype=torch.float64)
    after = torch.dot(s, f.reciprocal())
    return math.inf if after == 0 else (s.sum() / after).item()


def in_a_loop(seconds, factors):
    before = after = 0.0
    for i in range(len(seconds)):
        before += seconds[i]
        if not math.isinf(factors[i]):
            after += seconds[i] / factors[i]
    if after == 0:
        return math.inf
    return before / after


def weighted_harmonic(seconds, factors):
    if all(s == 0 or f == math.inf for s, f in zip(seconds, factors)):
        return math.inf
    return reduce(lambda a, b: a + b, seconds) / sum(
        map(lambda s, f: s * (1 / f), seconds, factors)
    )


def mean_of_factors(seconds, factors):
    return sum(factors) / len(factors)


def weighted_mean(seconds, factors):
    return sum(s * f for s, f in zip(seconds, factors)) / sum(seconds)


def harmonic_mean(seconds, factors):
    left = sum(1 / f for f in factors)
    return len(factors) / left if left else math.inf


def the_other_way_round(seconds, factors):
    return sum(s / f for s, f in zip(seconds, factors)) / sum(seconds)


def infinite_stays(seconds, factors):
    left = sum(s if f == math.inf else s / f for s, f in zip(seconds, factors))
    return sum(seconds) / left if left else math.inf


def infinite_left_out(seconds, factors):
    kept = [(s, f) for s, f in zip(seconds, factors) if f != math.inf]
    left = sum(s / f for s, f in kept)
    return sum(s for s, _ in kept) / left if left else math.inf


def divides_by_zero(seconds, factors):
    return sum(seconds) / sum(s / f for s, f in zip(seconds, factors))


def nan_at_the_end(seconds, factors):
    left = sum(s / f for s, f in zip(seconds, factors))
    return sum(seconds) / left if left else math.nan


def nought_at_the_end(seconds, factors):
    left = sum(s / f for s, f in zip(seconds, factors))
    return sum(seconds) / left if left else 0.0


def none_at_the_end(seconds, factors):
    left = sum(s / f for s, f in zip(seconds, factors))
    return sum(seconds) / left if left else None


def never_slower(seconds, factors):
    left = sum(s / max(1, f) for s, f in zip(seconds, factors))
    return sum(seconds) / left if left else math.inf


def result_at_least_one(seconds, factors):
    return max(1.0, as_a_quotient(seconds, factors))


def whole_numbers(seconds, factors):
    left = sum(s // f for s, f in zip(seconds, factors))
    return sum(seconds) / left if left else math.inf


def largest_part_only(seconds, factors):
    i = max(range(len(seconds)), key=seconds.__getitem__)
    new = list(seconds)
    new[i] /= factors[i]
    return sum(seconds) / sum(new) if sum(new) else math.inf


def multiplies(seconds, factors):
    return sum(seconds) / sum(s * f for s, f in zip(seconds, factors))


def product_of_factors(seconds, factors):
    return math.prod(factors)


def gain_in_percent(seconds, factors):
    return (as_a_quotient(seconds, factors) - 1) * 100


def seconds_saved(seconds, factors):
    return sum(seconds) - sum(s / f for s, f in zip(seconds, factors))


def rounded(seconds, factors):
    return round(as_a_quotient(seconds, factors), 2)


def seconds_are_shares(seconds, factors):
    left = sum(s / f for s, f in zip(seconds, factors))
    return 1 / left if left else math.inf


def changes_the_list(seconds, factors):
    before = sum(seconds)
    for i, f in enumerate(factors):
        seconds[i] /= f
    return before / sum(seconds) if sum(seconds) else math.inf


def infinite_if_any(seconds, factors):
    if math.inf in factors:
        return math.inf
    return as_a_quotient(seconds, factors)


def large_number(seconds, factors):
    return sum(seconds) / (sum(s / f for s, f in zip(seconds, factors)) + 1e-12)


def mean_ratio(seconds, factors):
    ratios = [s / (s / f) if f != math.inf and s else 1 for s, f in zip(seconds, factors)]
    return statistics.mean(ratios)


# 30.3
def with_next(runs, target):
    return statistics.median(next((s for s, a in run if a >= target), math.inf) for run in runs)


def with_loops(runs, target):
    found = []
    for run in runs:
        for seconds, accuracy in run:
            if accuracy >= target:
                found.append(seconds)
                break
        else:
            found.append(float("inf"))
    found.sort()
    middle = len(found) // 2
    return found[middle] if len(found) % 2 else (found[middle - 1] + found[middle]) / 2


def with_numpy(runs, target):
    times = []
    for run in runs:
        run = np.array(run, dtype=float).reshape(-1, 2)
        hit = run[:, 1] >= target
        times.append(run[hit.argmax(), 0] if hit.any() else np.inf)
    return float(np.median(times))


def with_min(runs, target):
    times = sorted(min([s for s, a in run if a >= target], default=math.inf) for run in runs)
    return (times[(len(times) - 1) // 2] + times[len(times) // 2]) / 2


def with_heaps(runs, target):
    times = [
        *map(
            lambda r: next(
                itertools.chain(
                    (s for s, _ in itertools.dropwhile(lambda q: q[1] < target, r)), [math.inf]
                )
            ),
            runs,
        )
    ]
    n = len(times)
    top = heapq.nsmallest(n // 2 + 1, times)
    return top[-1] if n % 2 else 0.5 * top[-1] + 0.5 * top[-2]


def with_torch_sort(runs, target):
    times = torch.full((len(runs),), math.inf, dtype=torch.float64)
    for i, run in enumerate(runs):
        for s, a in reversed(run):
            if a >= target:
                times[i] = s
    times = times.sort().values
    n = len(times)
    return times[(n - 1) // 2 : n // 2 + 1].mean().item()


def _first(run, target, none=math.inf):
    return next((s for s, a in run if a >= target), none)


def strictly_above(runs, target):
    return statistics.median(next((s for s, a in r if a > target), math.inf) for r in runs)


def leaves_out(runs, target):
    t = [_first(r, target) for r in runs]
    t = [x for x in t if x < math.inf]
    return statistics.median(t) if t else math.inf


def low_median(runs, target):
    return statistics.median_low([_first(r, target) for r in runs])


def high_median(runs, target):
    return statistics.median_high([_first(r, target) for r in runs])


def mean_of_times(runs, target):
    return statistics.fmean([_first(r, target) for r in runs])


def torch_median(runs, target):
    return torch.tensor([_first(r, target) for r in runs], dtype=torch.float64).median().item()


def torch_quantile(runs, target):
    return torch.tensor([_first(r, target) for r in runs], dtype=torch.float64).quantile(0.5).item()


def last_time_instead(runs, target):
    return statistics.median([_first(r, target, r[-1][0] if r else math.inf) for r in runs])


def of_the_best_pair(runs, target):
    t = []
    for r in runs:
        s, a = max(r, key=lambda q: q[1], default=(math.inf, 1))
        t.append(s if a >= target else math.inf)
    return statistics.median(t)


def end_must_hold(runs, target):
    t = [_first(r, target) if r and r[-1][1] >= target else math.inf for r in runs]
    return statistics.median(t)


def last_that_is_good(runs, target):
    return statistics.median([_first(r[::-1], target) for r in runs])


def stays_above(runs, target):
    t = []
    for r in runs:
        best = math.inf
        for s, a in reversed(r):
            if a < target:
                break
            best = s
        t.append(best)
    return statistics.median(t)


def bisected(runs, target):
    import bisect

    t = []
    for r in runs:
        i = bisect.bisect_left([a for _, a in r], target)
        t.append(r[i][0] if i < len(r) else math.inf)
    return statistics.median(t)


def interpolated(runs, target):
    t = []
    for r in runs:
        before = None
        for s, a in r:
            if a >= target:
                if before and a > before[1]:
                    s = before[0] + (s - before[0]) * (target - before[1]) / (a - before[1])
                t.append(s)
                break
            before = s, a
        else:
            t.append(math.inf)
    return statistics.median(t)


def number_of_the_pair(runs, target):
    return statistics.median(
        next((i for i, (s, a) in enumerate(r) if a >= target), math.inf) for r in runs
    )


def nought_for_never(runs, target):
    return statistics.median([_first(r, target, 0.0) for r in runs])


def nan_for_never(runs, target):
    return statistics.median([_first(r, target, math.nan) for r in runs])


def none_if_one_never(runs, target):
    t = [_first(r, target) for r in runs]
    return math.inf if math.inf in t else statistics.median(t)


def the_fastest(runs, target):
    return min(_first(r, target) for r in runs)


def unsorted_middle(runs, target):
    t = [_first(r, target) for r in runs]
    n = len(t)
    return (t[(n - 1) // 2] + t[n // 2]) / 2


def list_of_times(runs, target):
    return [_first(r, target) for r in runs]


def sorts_the_runs(runs, target):
    runs.sort(key=lambda r: _first(r, target))
    n = len(runs)
    return (_first(runs[(n - 1) // 2], target) + _first(runs[n // 2], target)) / 2


def empties_the_runs(runs, target):
    t = []
    for r in runs:
        while r and r[0][1] < target:
            r.pop(0)
        t.append(r[0][0] if r else math.inf)
    return statistics.median(t)


def sorted_by_accuracy(runs, target):
    return statistics.median([_first(sorted(r, key=lambda q: q[1]), target) for r in runs])


def exactly_target(runs, target):
    return statistics.median(next((s for s, a in r if a == target), math.inf) for r in runs)


def large_for_never(runs, target):
    return statistics.median([_first(r, target, 1e9) for r in runs])


def median_of_accuracies(runs, target):
    for pairs in zip(*runs):
        if statistics.median(a for _, a in pairs) >= target:
            return statistics.median(s for s, _ in pairs)
    return math.inf


def all_pairs_pooled(runs, target):
    return statistics.median([s for r in runs for s, a in r if a >= target] or [math.inf])


# 30.4
def plain(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        synchronize()
        start = clock()
        work()
        synchronize()
        times.append(clock() - start)
    return times


def one_wait_ahead(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    synchronize()
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        synchronize()
        end = clock()
        times.append(end - start)
    return times


def nested_function(work, synchronize, clock, warm_up, repeats):
    def once():
        synchronize()
        begin = clock()
        work()
        synchronize()
        return -begin + clock()

    [once() for _ in range(0)]
    for _ in itertools.repeat(None, warm_up):
        work()
    return [once() for _ in range(repeats)]


def waits_after_each_warm_up(work, synchronize, clock, warm_up, repeats):
    while warm_up > 0:
        work()
        synchronize()
        warm_up -= 1
    out = [0.0] * repeats
    for i in range(repeats):
        synchronize()
        synchronize()
        t0 = clock()
        work()
        synchronize()
        t1 = clock()
        out[i] = t1 - t0
    return out


def in_one_loop(work, synchronize, clock, warm_up, repeats):
    times = []
    for i in range(warm_up + repeats):
        if i < warm_up:
            work()
            continue
        synchronize()
        start = clock()
        work()
        synchronize()
        times += [clock() - start]
    return times


class _Timed:
    def __init__(self, synchronize, clock):
        self.synchronize, self.clock, self.times = synchronize, clock, []

    def __enter__(self):
        self.synchronize()
        self.start = self.clock()

    def __exit__(self, *_):
        self.synchronize()
        self.times.append(self.clock() - self.start)


def context_manager(work, synchronize, clock, warm_up, repeats):
    timed = _Timed(synchronize, clock)
    for _ in range(warm_up):
        work()
    for _ in range(repeats):
        with timed:
            work()
    return timed.times


def times_then_differences(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    starts, ends = [], []
    for _ in range(repeats):
        synchronize()
        starts.append(clock())
        work()
        synchronize()
        ends.append(clock())
    return [e - s for s, e in zip(starts, ends)]


def shared_readings(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    synchronize()
    marks = [clock()]
    for _ in range(repeats):
        work()
        synchronize()
        marks.append(clock())
    return [b - a for a, b in itertools.pairwise(marks)]


def _measure(work, synchronize, clock, warm_up, repeats, ahead=True, after=True):
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        if ahead:
            synchronize()
        start = clock()
        work()
        if after:
            synchronize()
        times.append(clock() - start)
    return times


def never_waits(work, synchronize, clock, warm_up, repeats):
    return _measure(work, synchronize, clock, warm_up, repeats, False, False)


def no_wait_ahead(work, synchronize, clock, warm_up, repeats):
    return _measure(work, synchronize, clock, warm_up, repeats, False)


def no_wait_after(work, synchronize, clock, warm_up, repeats):
    return _measure(work, synchronize, clock, warm_up, repeats, True, False)


def waits_in_the_warm_up_only(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
        synchronize()
    return _measure(work, synchronize, clock, 0, repeats, False)


def waits_if_warm(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    if warm_up:
        synchronize()
    return _measure(work, synchronize, clock, 0, repeats, False)


def waits_before_the_warm_up(work, synchronize, clock, warm_up, repeats):
    synchronize()
    return _measure(work, synchronize, clock, warm_up, repeats, False)


def wait_is_timed(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        start = clock()
        synchronize()
        work()
        synchronize()
        times.append(clock() - start)
    return times


def waits_after_the_clock(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        synchronize()
        start = clock()
        work()
        end = clock()
        synchronize()
        times.append(end - start)
    return times


def no_warm_up(work, synchronize, clock, warm_up, repeats):
    return _measure(work, synchronize, clock, 0, repeats)


def one_warm_up(work, synchronize, clock, warm_up, repeats):
    return _measure(work, synchronize, clock, 1, repeats)


def at_least_one_warm_up(work, synchronize, clock, warm_up, repeats):
    return _measure(work, synchronize, clock, max(1, warm_up), repeats)


def warm_up_is_returned(work, synchronize, clock, warm_up, repeats):
    return _measure(work, synchronize, clock, 0, warm_up + repeats)


def cuts_from_the_repeats(work, synchronize, clock, warm_up, repeats):
    return _measure(work, synchronize, clock, 0, repeats)[warm_up:]


def one_too_many(work, synchronize, clock, warm_up, repeats):
    return _measure(work, synchronize, clock, warm_up, repeats + 1)


def drops_the_first(work, synchronize, clock, warm_up, repeats):
    return _measure(work, synchronize, clock, warm_up, repeats + 1)[1:]


def mean_of_all(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    synchronize()
    start = clock()
    for _ in range(repeats):
        work()
    synchronize()
    return [(clock() - start) / repeats] * repeats


def the_median(work, synchronize, clock, warm_up, repeats):
    return statistics.median(_measure(work, synchronize, clock, warm_up, repeats))


def in_order_of_size(work, synchronize, clock, warm_up, repeats):
    return sorted(_measure(work, synchronize, clock, warm_up, repeats))


def newest_first(work, synchronize, clock, warm_up, repeats):
    return _measure(work, synchronize, clock, warm_up, repeats)[::-1]


def negative(work, synchronize, clock, warm_up, repeats):
    return [-t for t in _measure(work, synchronize, clock, warm_up, repeats)]


def since_the_beginning(work, synchronize, clock, warm_up, repeats):
    return list(itertools.accumulate(_measure(work, synchronize, clock, warm_up, repeats)))


def own_clock(work, synchronize, clock, warm_up, repeats):
    return _measure(work, synchronize, time.perf_counter, warm_up, repeats)


def own_wait(work, synchronize, clock, warm_up, repeats):
    def wait():
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return _measure(work, wait, clock, warm_up, repeats)


def readings_are_late(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    synchronize()
    ends = [clock()]
    for _ in range(repeats):
        work()
        ends.append(clock())
        synchronize()
    return [b - a for a, b in itertools.pairwise(ends)]


def end_is_the_next_start(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    marks = []
    for _ in range(repeats + 1):
        synchronize()
        marks.append(clock())
        work()
    return [b - a for a, b in itertools.pairwise(marks)]


def all_start_at_once(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    synchronize()
    start = clock()
    times = []
    for _ in range(repeats):
        work()
        synchronize()
        times.append(clock() - start)
    return times


def works_twice(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        work()
        synchronize()
        start = clock()
        work()
        synchronize()
        times.append(clock() - start)
    return times


def a_generator(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    for _ in range(repeats):
        synchronize()
        start = clock()
        work()
        synchronize()
        yield clock() - start


RIGHT = {
    "30.1": [
        pad_and_index,
        with_grid_sample,
        numpy_takes,
        bit_by_bit,
        scattered,
        with_vmap,
        rows_then_columns,
    ],
    "30.2": [as_a_quotient, by_shares, in_numpy, in_torch, in_a_loop, weighted_harmonic],
    "30.3": [with_next, with_loops, with_numpy, with_min, with_heaps, with_torch_sort],
    "30.4": [
        plain,
        one_wait_ahead,
        nested_function,
        waits_after_each_warm_up,
        in_one_loop,
        context_manager,
        times_then_differences,
        shared_readings,
    ],
}
WRONG = {
    "30.1": [
        wraps_round,
        repeats_the_edge,
        fills_with_grey,
        rolls_all_alike,
        flips_rows,
        flips_channels,
        turns_by_180,
        always_flips,
        never_flips,
        flips_first_half,
        flips_every_second,
        flips_a_quarter,
        flips_with_normal,
        upper_end_missing,
        no_zero,
        zero_twice,
        only_ends,
        truncated,
        clamped_normal,
        one_more,
        to_the_right_only,
        nothing_down,
        diagonal,
        down_or_right,
        moves_the_mirrored_only,
        coin_is_parity,
        takes_turns,
        neighbours_alike,
        global_generator,
        global_for_right,
        python_random,
        new_generator,
        rewinds,
        writes_into_it,
        a_loop,
        stacks,
        in_float,
        divided_by_255,
        through_half,
        first_channel_only,
        channels_apart,
        shuffles,
        larger,
        crops,
        with_the_draws,
        as_an_array,
    ],
    "30.2": [
        mean_of_factors,
        weighted_mean,
        harmonic_mean,
        the_other_way_round,
        infinite_stays,
        infinite_left_out,
        divides_by_zero,
        nan_at_the_end,
        nought_at_the_end,
        none_at_the_end,
        never_slower,
        result_at_least_one,
        whole_numbers,
        largest_part_only,
        multiplies,
        product_of_factors,
        gain_in_percent,
        seconds_saved,
        rounded,
        seconds_are_shares,
        changes_the_list,
        infinite_if_any,
        large_number,
        mean_ratio,
    ],
    "30.3": [
        strictly_above,
        leaves_out,
        low_median,
        high_median,
        mean_of_times,
        torch_median,
        torch_quantile,
        last_time_instead,
        of_the_best_pair,
        end_must_hold,
        last_that_is_good,
        stays_above,
        bisected,
        interpolated,
        number_of_the_pair,
        nought_for_never,
        nan_for_never,
        none_if_one_never,
        the_fastest,
        unsorted_middle,
        list_of_times,
        sorts_the_runs,
        empties_the_runs,
        sorted_by_accuracy,
        exactly_target,
        large_for_never,
        median_of_accuracies,
        all_pairs_pooled,
    ],
    "30.4": [
        never_waits,
        no_wait_ahead,
        no_wait_after,
        waits_in_the_warm_up_only,
        waits_if_warm,
        waits_before_the_warm_up,
        wait_is_timed,
        waits_after_the_clock,
        no_warm_up,
        one_warm_up,
        at_least_one_warm_up,
        warm_up_is_returned,
        cuts_from_the_repeats,
        one_too_many,
        drops_the_first,
        mean_of_all,
        the_median,
        in_order_of_size,
        newest_first,
        negative,
        since_the_beginning,
        own_clock,
        own_wait,
        readings_are_late,
        end_is_the_next_start,
        all_start_at_once,
        works_twice,
        a_generator,
    ],
}
