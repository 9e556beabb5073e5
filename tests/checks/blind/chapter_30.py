"""Chapter 30."""

import copy
import heapq
import itertools
import math
import statistics
import time
from functools import reduce

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode


# 30.1
def by_formula(layer, height, width):
    sides = []
    for n, k, s, p, d in zip(
        (height, width), layer.kernel_size, layer.stride, layer.padding, layer.dilation
    ):
        sides.append((n + 2 * p - d * (k - 1) - 1) // s + 1)
    kh, kw = layer.kernel_size
    per = layer.in_channels // layer.groups * kh * kw
    return 2 * per * layer.out_channels * sides[0] * sides[1]


def by_running_it(layer, height, width):
    with torch.no_grad():
        out = layer(torch.zeros(1, layer.in_channels, height, width, dtype=layer.weight.dtype))
    return 2 * out[0, 0].numel() * layer.weight.numel()


def by_flop_counter(layer, height, width):
    twin = copy.deepcopy(layer).to("meta")
    x = torch.empty(1, layer.in_channels, height, width, device="meta", dtype=twin.weight.dtype)
    with FlopCounterMode(display=False) as counter:
        twin(x)
    return counter.get_total_flops()


def by_functional_on_meta(layer, height, width):
    w = torch.empty_like(layer.weight, device="meta")
    x = torch.empty(layer.in_channels, height, width, device="meta", dtype=w.dtype)
    y = F.conv2d(x, w, None, layer.stride, layer.padding, layer.dilation, layer.groups)
    return 2 * y.numel() * math.prod(w.shape[1:])


def by_counting_starts(layer, height, width):
    def places(length, i):
        reach = layer.dilation[i] * (layer.kernel_size[i] - 1)
        padded = length + 2 * layer.padding[i]
        return len(range(0, padded - reach, layer.stride[i]))

    count = places(height, 0) * places(width, 1)
    return sum(2 * filter_.numel() * count for filter_ in layer.weight)


def by_ones(layer, height, width):
    # the kernels of ones count themselves
    twin = copy.deepcopy(layer).double()
    with torch.no_grad():
        twin.weight.fill_(1)
        ph, pw = twin.padding
        x = torch.ones(1, twin.in_channels, height + 2 * ph, width + 2 * pw, dtype=torch.float64)
        y = F.conv2d(x, twin.weight, None, twin.stride, 0, twin.dilation, twin.groups)
    return 2 * round(y.sum().item())


def by_unfold(layer, height, width):
    x = torch.zeros(1, 1, height, width)
    columns = F.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    _, kernel, places = columns.shape
    return 2 * kernel * places * layer.out_channels * layer.in_channels // layer.groups


def numpy_integer(layer, height, width):
    n = np.array([height, width]) + 2 * np.array(layer.padding)
    n = (n - np.array(layer.dilation) * (np.array(layer.kernel_size) - 1) - 1) // layer.stride + 1
    return int(2 * n.prod() * layer.weight.numel())


def _flops(
    layer, height, width, k=None, s=None, p=None, d=None, g=True, two=2, inc=1, area=None, up=False
):
    k, s = k or layer.kernel_size, s or layer.stride
    p, d = layer.padding if p is None else p, d or layer.dilation
    o = [
        (
            -(-(n + 2 * p[i] - d[i] * (k[i] - 1) - 1) // s[i])
            if up
            else (n + 2 * p[i] - d[i] * (k[i] - 1) - 1) // s[i]
        )
        + 1
        for i, n in enumerate((height, width))
    ]
    group = layer.groups if g else 1
    return two * layer.out_channels * (layer.in_channels // group) * k[0] * k[1] * o[0] * o[1]


def multiplications_only(layer, height, width):
    return _flops(layer, height, width, two=1)


def counts_bias(layer, height, width):
    out = _flops(layer, height, width)
    if layer.bias is not None:
        out += out // 2 // layer.weight[0].numel()
    return out


def ignores_groups(layer, height, width):
    return _flops(layer, height, width, g=False)


def groups_twice(layer, height, width):
    return _flops(layer, height, width) // layer.groups


def ignores_padding(layer, height, width):
    return _flops(layer, height, width, p=(0, 0))


def padding_once(layer, height, width):
    return _flops(layer, height, width, p=[q / 2 for q in layer.padding]).__int__()


def ignores_stride(layer, height, width):
    return _flops(layer, height, width, s=(1, 1))


def ignores_dilation(layer, height, width):
    return _flops(layer, height, width, d=(1, 1))


def square_kernel(layer, height, width):
    return _flops(layer, height, width, k=(layer.kernel_size[0],) * 2)


def square_stride(layer, height, width):
    return _flops(layer, height, width, s=(layer.stride[0],) * 2)


def square_padding(layer, height, width):
    return _flops(layer, height, width, p=(layer.padding[0],) * 2)


def square_dilation(layer, height, width):
    return _flops(layer, height, width, d=(layer.dilation[0],) * 2)


def swapped_sides(layer, height, width):
    return _flops(layer, width, height)


def rounds_up(layer, height, width):
    return _flops(layer, height, width, up=True)


def a_float(layer, height, width):
    return float(_flops(layer, height, width))


def size_of_the_input(layer, height, width):
    return 2 * layer.weight.numel() * height * width


def one_output_channel(layer, height, width):
    return _flops(layer, height, width) // layer.out_channels


def one_input_channel(layer, height, width):
    return _flops(layer, height, width) // (layer.in_channels // layer.groups)


def with_backward(layer, height, width):
    return 3 * _flops(layer, height, width)


def one_addition_fewer(layer, height, width):
    out = _flops(layer, height, width)
    return out - out // 2 // layer.weight[0].numel()


def fixed_size(layer, height, width):
    return _flops(layer, 28, 28)


def weight_and_bias_numbers(layer, height, width):
    o = _flops(layer, height, width) // 2 // layer.weight.numel()
    return 2 * sum(q.numel() for q in layer.parameters()) * o


def a_tensor(layer, height, width):
    return torch.tensor(_flops(layer, height, width))


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
        by_formula,
        by_running_it,
        by_flop_counter,
        by_functional_on_meta,
        by_counting_starts,
        by_ones,
        by_unfold,
        numpy_integer,
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
        multiplications_only,
        counts_bias,
        ignores_groups,
        groups_twice,
        ignores_padding,
        padding_once,
        ignores_stride,
        ignores_dilation,
        square_kernel,
        square_stride,
        square_padding,
        square_dilation,
        swapped_sides,
        rounds_up,
        size_of_the_input,
        one_output_channel,
        one_input_channel,
        with_backward,
        one_addition_fewer,
        fixed_size,
        weight_and_bias_numbers,
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
