"""Answers to the exercises of chapter 30, written from the statements alone."""

import math
import statistics

import numpy as np
import torch
from torch import nn


def flops_by_loop(layer, height, width):
    def out(size, i):
        reach = layer.dilation[i] * (layer.kernel_size[i] - 1) + 1
        count, position = 0, -layer.padding[i]
        while position + reach <= size + layer.padding[i]:
            count, position = count + 1, position + layer.stride[i]
        return count

    taps = math.prod(layer.kernel_size) * layer.in_channels // layer.groups
    return out(height, 0) * out(width, 1) * layer.out_channels * taps * 2


def flops_on_meta(layer, height, width):
    clone = nn.Conv2d(
        layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding,
        layer.dilation, layer.groups, bias=False, device="meta",
    )  # fmt: skip
    y = clone(torch.empty(1, layer.in_channels, height, width, device="meta"))
    return 2 * y[0, 0].numel() * clone.weight.numel()


def flops_numpy(layer, height, width):
    size, k = np.array([height, width]), np.array(layer.kernel_size)
    p, s, d = (np.array(x) for x in (layer.padding, layer.stride, layer.dilation))
    out = (size + 2 * p - d * (k - 1) - 1) // s + 1
    return np.prod(out) * layer.weight.numel() * 2


def flops_ceil(layer, height, width):
    places = 1
    for i, size in enumerate((height, width)):
        reach = layer.dilation[i] * (layer.kernel_size[i] - 1) + 1
        places *= math.ceil((size + 2 * layer.padding[i] - reach) / layer.stride[i]) + 1
    return 2 * places * layer.weight.numel()


def flops_with_bias(layer, height, width):
    y = layer(torch.zeros(1, layer.in_channels, height, width))
    total = flops_numpy(layer, height, width)
    return int(total) + (y.numel() if layer.bias is not None else 0)


def flops_of_batch(layer, height, width):
    return 2 * int(flops_numpy(layer, height, width))


def flops_exchanged(layer, height, width):
    return int(flops_numpy(layer, width, height))


def flops_one_group(layer, height, width):
    return int(flops_numpy(layer, height, width)) // layer.groups


def flops_halved_padding(layer, height, width):
    places = 1
    for i, size in enumerate((height, width)):
        reach = layer.dilation[i] * (layer.kernel_size[i] - 1) + 1
        places *= (size + layer.padding[i] - reach) // layer.stride[i] + 1
    return 2 * places * layer.weight.numel()


def flops_text(layer, height, width):
    return f"{flops_by_loop(layer, height, width):,}"


def flops_minus_adds(layer, height, width):
    """One addition fewer than multiplications."""
    y = layer(torch.zeros(1, layer.in_channels, height, width)).numel()
    return flops_by_loop(layer, height, width) - y


def amdahl_fsum(seconds, factors):
    after = math.fsum(map(lambda s, f: s / f, seconds, factors))
    try:
        return math.fsum(seconds) / after
    except ZeroDivisionError:
        return math.inf


def amdahl_tensor(seconds, factors):
    s, f = (torch.tensor(x, dtype=torch.float64) for x in (seconds, factors))
    return (s.sum() / (s / f).sum()).item()


def amdahl_shares(seconds, factors):
    total = sum(seconds)
    rest = sum((s / total) * (1 / f) for s, f in zip(seconds, factors, strict=True))
    return float("inf") if rest == 0 else rest**-1


def amdahl_mean(seconds, factors):
    return statistics.mean(
        s / (s / f) if f < math.inf else 1 for s, f in zip(seconds, factors, strict=True)
    )


def amdahl_inverse(seconds, factors):
    return sum(s / f for s, f in zip(seconds, factors, strict=True)) / sum(seconds)


def amdahl_ignores_slower(seconds, factors):
    after = sum(s / max(f, 1) for s, f in zip(seconds, factors, strict=True))
    return sum(seconds) / after if after else math.inf


def amdahl_inf_ignored(seconds, factors):
    after = sum(s / (1 if f == math.inf else f) for s, f in zip(seconds, factors, strict=True))
    return sum(seconds) / after


def amdahl_percent(seconds, factors):
    return 100 * amdahl_fsum(seconds, factors)


def amdahl_rounded(seconds, factors):
    x = amdahl_fsum(seconds, factors)
    return x if x == math.inf else round(x)


def amdahl_nan(seconds, factors):
    x = amdahl_fsum(seconds, factors)
    return math.nan if x == math.inf else x


def when_sorted(runs, target):
    times = sorted(next((pair[0] for pair in run if pair[1] >= target), np.inf) for run in runs)
    return (times[(len(times) - 1) // 2] + times[len(times) // 2]) / 2


def when_reversed(runs, target):
    found = []
    for run in runs:
        first = float("inf")
        for seconds, accuracy in reversed(run):
            if accuracy >= target:
                first = seconds
        found.append(first)
    return float(np.median(found))


def when_filtered(runs, target):
    def reached(run):
        return ([s for s, a in run if not a < target] or [math.inf])[0]

    return torch.tensor(statistics.median(map(reached, runs)))


def when_dropped(runs, target):
    found = [s for run in runs for s, a in run if a >= target]
    return statistics.median(found) if found else math.inf


def when_mean_curve(runs, target):
    """The first time at which the best of all runs is there."""
    pairs = sorted(pair for run in runs for pair in run)
    return next((s for s, a in pairs if a >= target), math.inf)


def when_last_below(runs, target):
    return statistics.median(max((s for s, a in run if a < target), default=0) for run in runs)


def when_big_number(runs, target):
    return statistics.median(next((s for s, a in run if a >= target), 1e9) for run in runs)


def when_stays(runs, target):
    found = []
    for run in runs:
        time = math.inf
        for s, a in reversed(run):
            if a < target:
                break
            time = s
        found.append(time)
    return statistics.median(found)


def when_interpolated(runs, target):
    found = []
    for run in runs:
        time, before = math.inf, (0.0, 0.0)
        for s, a in run:
            if a >= target:
                share = (target - before[1]) / (a - before[1])
                time = before[0] + share * (s - before[0])
                break
            before = (s, a)
        found.append(time)
    return statistics.median(found)


def when_index(runs, target):
    return statistics.median(
        next((i for i, (s, a) in enumerate(run) if a >= target), math.inf) for run in runs
    )


def watch_by_comprehension(work, synchronize, clock, warm_up, repeats):
    [work() for _ in range(warm_up)]

    def one():
        synchronize()
        begin = clock()
        work()
        synchronize()
        return clock() - begin

    return list(map(lambda _: one(), range(repeats)))


def watch_double_sync(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
        synchronize()
    times = [0.0] * repeats
    for i in range(repeats):
        synchronize()
        synchronize()
        times[i] = -clock()
        work()
        synchronize()
        times[i] += clock()
    return times


def watch_tensor_items(work, synchronize, clock, warm_up, repeats):
    times, count = [], 0
    while count < warm_up + repeats:
        synchronize()
        t0 = clock()
        work()
        synchronize()
        t1 = clock()
        if count >= warm_up:
            times.append(t1 - t0)
        count += 1
    return times


def watch_sync_once_at_end(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        t = clock()
        work()
        times.append(clock() - t)
    synchronize()
    return times


def watch_no_sync_after_warm_up(work, synchronize, clock, warm_up, repeats):
    times = []
    for i in range(warm_up + repeats):
        t = clock()
        work()
        synchronize()
        if i >= warm_up:
            times.append(clock() - t)
    return times


def watch_median(work, synchronize, clock, warm_up, repeats):
    return statistics.median(watch_tensor_items(work, synchronize, clock, warm_up, repeats))


def watch_one_too_many(work, synchronize, clock, warm_up, repeats):
    return watch_tensor_items(work, synchronize, clock, warm_up + 1, repeats)


def watch_clock_first(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        t = clock()
        synchronize()
        work()
        synchronize()
        times.append(clock() - t)
    return times


def watch_differences(work, synchronize, clock, warm_up, repeats):
    """Between the ends of calls, without an end for the first."""
    for _ in range(warm_up):
        work()
    ends = []
    for _ in range(repeats):
        work()
        synchronize()
        ends.append(clock())
    return [b - a for a, b in zip(ends, ends[1:], strict=False)]


def watch_prints(work, synchronize, clock, warm_up, repeats):
    watch_tensor_items(work, synchronize, clock, warm_up, repeats)


RIGHT = {
    "30.1": [flops_by_loop, flops_on_meta, flops_numpy],
    "30.2": [amdahl_fsum, amdahl_tensor, amdahl_shares],
    "30.3": [when_sorted, when_reversed, when_filtered],
    "30.4": [watch_by_comprehension, watch_double_sync, watch_tensor_items],
}

WRONG = {
    "30.1": [
        flops_ceil,
        flops_with_bias,
        flops_of_batch,
        flops_exchanged,
        flops_one_group,
        flops_halved_padding,
        flops_text,
        flops_minus_adds,
    ],
    "30.2": [
        amdahl_mean,
        amdahl_inverse,
        amdahl_ignores_slower,
        amdahl_inf_ignored,
        amdahl_percent,
        amdahl_rounded,
        amdahl_nan,
    ],
    "30.3": [
        when_dropped,
        when_mean_curve,
        when_last_below,
        when_big_number,
        when_stays,
        when_interpolated,
        when_index,
    ],
    "30.4": [
        watch_sync_once_at_end,
        watch_no_sync_after_warm_up,
        watch_median,
        watch_one_too_many,
        watch_clock_first,
        watch_differences,
        watch_prints,
    ],
}
