"""Right and wrong answers to the exercises of chapter 30, and the hint that each must get."""

import math
import statistics

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode


def _places(layer, height, width, padding=None, stride=None, dilation=None):
    found = []
    for i, size in enumerate((height, width)):
        p = layer.padding[i] if padding is None else padding
        s = layer.stride[i] if stride is None else stride
        d = layer.dilation[i] if dilation is None else dilation
        found.append((size + 2 * p - d * (layer.kernel_size[i] - 1) - 1) // s + 1)
    return found


def by_formula(layer, height, width):
    rows, columns = _places(layer, height, width)
    return 2 * rows * columns * layer.weight.numel()


def by_running(layer, height, width):
    with torch.no_grad():
        y = layer(torch.zeros(layer.in_channels, height, width))
    return int(2 * y.numel() * layer.weight[0].numel())


def by_counter(layer, height, width):
    x = torch.zeros(1, layer.in_channels, height, width)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        F.conv2d(x, layer.weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)
    return counter.get_total_flops()


def by_channels(layer, height, width):
    rows, columns = _places(layer, height, width)
    taps = layer.kernel_size[0] * layer.kernel_size[1]
    seen = layer.in_channels // layer.groups
    return torch.tensor(2 * rows * columns * layer.out_channels * taps * seen)


def half(layer, height, width):
    return by_formula(layer, height, width) // 2


def without_groups(layer, height, width):
    return by_formula(layer, height, width) * layer.groups


def with_bias(layer, height, width):
    rows, columns = _places(layer, height, width)
    return by_formula(layer, height, width) + rows * columns * layer.out_channels


def one_channel(layer, height, width):
    rows, columns = _places(layer, height, width)
    return 2 * rows * columns * layer.out_channels * layer.kernel_size[0] * layer.kernel_size[1]


def one_output(layer, height, width):
    return by_formula(layer, height, width) // layer.out_channels


def size_of_input(layer, height, width):
    return 2 * height * width * layer.weight.numel()


def no_padding(layer, height, width):
    rows, columns = _places(layer, height, width, padding=0)
    return 2 * rows * columns * layer.weight.numel()


def no_stride(layer, height, width):
    rows, columns = _places(layer, height, width, stride=1)
    return 2 * rows * columns * layer.weight.numel()


def no_dilation(layer, height, width):
    rows, columns = _places(layer, height, width, dilation=1)
    return 2 * rows * columns * layer.weight.numel()


def without_plus_one(layer, height, width):
    places = 1
    for i, size in enumerate((height, width)):
        reach = layer.dilation[i] * (layer.kernel_size[i] - 1)
        places *= (size + 2 * layer.padding[i] - reach - 1) // layer.stride[i]
    return 2 * places * layer.weight.numel()


def padding_on_one_side(layer, height, width):
    places = 1
    for i, size in enumerate((height, width)):
        reach = layer.dilation[i] * (layer.kernel_size[i] - 1)
        places *= (size + layer.padding[i] - reach - 1) // layer.stride[i] + 1
    return 2 * places * layer.weight.numel()


def square_padding(layer, height, width):
    rows, columns = _places(layer, height, width, padding=layer.padding[0])
    return 2 * rows * columns * layer.weight.numel()


def square_kernel(layer, height, width):
    rows, columns = _places(layer, height, width)
    seen = layer.in_channels // layer.groups
    return 2 * rows * columns * layer.out_channels * seen * layer.kernel_size[0] ** 2


def weights_only(layer, height, width):
    return layer.weight.numel()


def as_a_float(layer, height, width):
    return by_formula(layer, height, width) / 1e6


def nothing(*arguments):
    """Returns nothing."""


def new_times(seconds, factors):
    after = sum(s / f for s, f in zip(seconds, factors, strict=True))
    return sum(seconds) / after if after else math.inf


def in_torch(seconds, factors):
    seconds = torch.tensor(seconds)
    return seconds.sum() / (seconds / torch.tensor(factors)).sum()


def in_numpy(seconds, factors):
    with np.errstate(divide="ignore"):
        return np.sum(seconds) / np.sum(np.divide(seconds, factors))


def by_shares(seconds, factors):
    total = sum(seconds)
    left = 0.0
    for s, f in zip(seconds, factors, strict=True):
        left += 0 if f == float("inf") else s / total / f
    return 1 / left if left > 0 else float("inf")


def no_time_left(seconds, factors):
    return sum(seconds) / sum(s / f for s, f in zip(seconds, factors, strict=True))


def time_left(seconds, factors):
    return sum(s / f for s, f in zip(seconds, factors, strict=True))


def share_left(seconds, factors):
    return time_left(seconds, factors) / sum(seconds)


def time_saved(seconds, factors):
    return sum(seconds) - time_left(seconds, factors)


def share_saved(seconds, factors):
    return 1 - share_left(seconds, factors)


def mean_factor(seconds, factors):
    return sum(factors) / len(factors)


def weighted_factors(seconds, factors):
    return sum(s * f for s, f in zip(seconds, factors, strict=True)) / sum(seconds)


def product(seconds, factors):
    return math.prod(factors)


def times_factor(seconds, factors):
    return sum(seconds) / sum(s * f for s, f in zip(seconds, factors, strict=True))


def harmonic(seconds, factors):
    return len(factors) / sum(1 / f for f in factors)


def largest(seconds, factors):
    return max(factors)


def finite_only(seconds, factors):
    kept = [(s, f) for s, f in zip(seconds, factors, strict=True) if f != math.inf]
    return sum(s for s, _ in kept) / sum(s / f for s, f in kept)


def list_of_speedups(seconds, factors):
    return [s / f for s, f in zip(seconds, factors, strict=True)]


def zero_if_none(seconds, factors):
    after = time_left(seconds, factors)
    return sum(seconds) / after if after else 0.0


def by_next(runs, target):
    return statistics.median(next((s for s, a in run if a >= target), math.inf) for run in runs)


def by_loops(runs, target):
    times = []
    for run in runs:
        for seconds, accuracy in run:
            if accuracy >= target:
                times.append(seconds)
                break
        else:
            times.append(float("inf"))
    times.sort()
    n = len(times)
    return times[n // 2] if n % 2 else (times[n // 2 - 1] + times[n // 2]) / 2


def by_numpy(runs, target):
    times = [min([s for s, a in run if a >= target] + [np.inf]) for run in runs]
    return np.median(times)


def by_quantile(runs, target):
    times = torch.tensor(
        [min((s for s, a in run if a >= target), default=math.inf) for run in runs]
    )
    times = times.sort().values
    low, high = times[(len(times) - 1) // 2], times[len(times) // 2]
    return (low + high) / 2


def _times(runs, target, missing=math.inf):
    return [next((s for s, a in run if a >= target), missing) for run in runs]


def leaves_out(runs, target):
    return statistics.median([s for s in _times(runs, target) if s < math.inf])


def last_time_for_missing(runs, target):
    return statistics.median(next((s for s, a in run if a >= target), run[-1][0]) for run in runs)


def zero_for_missing(runs, target):
    return statistics.median(_times(runs, target, 0.0))


def mean_time(runs, target):
    return statistics.mean(_times(runs, target))


def best_run(runs, target):
    return min(_times(runs, target))


def worst_run(runs, target):
    return max(_times(runs, target))


def lower_median(runs, target):
    return statistics.median_low(_times(runs, target))


def upper_median(runs, target):
    return statistics.median_high(_times(runs, target))


def torch_median(runs, target):
    return torch.tensor(_times(runs, target)).median()


def above(runs, target):
    return statistics.median(next((s for s, a in run if a > target), math.inf) for run in runs)


def last_pair(runs, target):
    return statistics.median(
        max((s for s, a in run if a >= target), default=math.inf) for run in runs
    )


def first_run(runs, target):
    return _times(runs, target)[0]


def unsorted_middle(runs, target):
    times = _times(runs, target)
    return times[len(times) // 2]


def accuracies(runs, target):
    return statistics.median(next((a for s, a in run if a >= target), math.inf) for run in runs)


def none_for_missing(runs, target):
    return statistics.median(_times(runs, target, None))


def all_times(runs, target):
    return _times(runs, target)


def stopwatch(work, synchronize, clock, warm_up, repeats):
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


def waits_once_before(work, synchronize, clock, warm_up, repeats):
    """After each timed call the queue is empty, so one wait before the first is enough."""
    times = []
    for _ in range(warm_up):
        work()
    synchronize()
    for _ in range(repeats):
        start = clock()
        work()
        synchronize()
        end = clock()
        times += [end - start]
    return times


def with_one_loop(work, synchronize, clock, warm_up, repeats):
    def once():
        synchronize()
        start = clock()
        work()
        synchronize()
        return clock() - start

    return [once() for _ in range(warm_up + repeats)][warm_up:]


def as_tuple(work, synchronize, clock, warm_up, repeats):
    return tuple(stopwatch(work, synchronize, clock, warm_up, repeats))


def never_waits(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        times.append(clock() - start)
    return times


def waits_before_only(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        synchronize()
        start = clock()
        work()
        times.append(clock() - start)
    return times


def waits_after_only(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        synchronize()
        times.append(clock() - start)
    return times


def waits_within(work, synchronize, clock, warm_up, repeats):
    """The clock starts before the queue is empty."""
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


def starts_late(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        synchronize()
        work()
        start = clock()
        synchronize()
        times.append(clock() - start)
    return times


def one_time(work, synchronize, clock, warm_up, repeats):
    return statistics.median(stopwatch(work, synchronize, clock, warm_up, repeats))


def mean_of_all(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    synchronize()
    start = clock()
    for _ in range(repeats):
        work()
    synchronize()
    return [(clock() - start) / repeats] * repeats


def since_the_start(work, synchronize, clock, warm_up, repeats):
    for _ in range(warm_up):
        work()
    synchronize()
    start, times = clock(), []
    for _ in range(repeats):
        work()
        synchronize()
        times.append(clock() - start)
    return times


def no_warm_up(work, synchronize, clock, warm_up, repeats):
    return stopwatch(work, synchronize, clock, 0, repeats)


def warm_up_timed(work, synchronize, clock, warm_up, repeats):
    return stopwatch(work, synchronize, clock, 0, warm_up + repeats)


def sorted_times(work, synchronize, clock, warm_up, repeats):
    return sorted(stopwatch(work, synchronize, clock, warm_up, repeats))


def always_warms_up(work, synchronize, clock, warm_up, repeats):
    return stopwatch(work, synchronize, clock, max(1, warm_up), repeats)


def own_clock(work, synchronize, clock, warm_up, repeats):
    import time

    return stopwatch(work, synchronize, time.perf_counter, warm_up, repeats)


def turned_round(work, synchronize, clock, warm_up, repeats):
    return [-t for t in stopwatch(work, synchronize, clock, warm_up, repeats)]


RIGHT = {
    "30.1": [by_formula, by_running, by_counter, by_channels],
    "30.2": [new_times, in_torch, in_numpy, by_shares],
    "30.3": [by_next, by_loops, by_numpy, by_quantile],
    "30.4": [stopwatch, waits_once_before, with_one_loop, as_tuple],
}

WRONG = {
    "30.1": [
        (without_plus_one, "The + 1 is missing"),
        (padding_on_one_side, "added on one side only"),
        (half, "this is half of both"),
        (without_groups, "The groups were forgotten"),
        (with_bias, "The bias was counted"),
        (one_channel, "The input's channels were forgotten"),
        (one_output, "The output's channels were forgotten"),
        (size_of_input, "count the places of the output"),
        (no_padding, "The padding was forgotten"),
        (no_stride, "The stride was forgotten"),
        (no_dilation, "The dilation was forgotten"),
        (square_padding, "padding's first number was used for both"),
        (square_kernel, "The kernel was taken to be square"),
        (weights_only, "This is the number of weights alone"),
        (as_a_float, "should be a whole number"),
        (nothing, "Does it end with a return statement?"),
    ],
    "30.2": [
        (no_time_left, "ZeroDivisionError"),
        (time_left, "This is the time that is left"),
        (share_left, "turn the fraction over"),
        (time_saved, "This is the time that is saved"),
        (share_saved, "This is the share of time that is saved"),
        (mean_factor, "This is the mean of the factors"),
        (weighted_factors, "averaged with the times as weights"),
        (product, "The factors were multiplied"),
        (times_factor, "The times were multiplied by the factors"),
        (harmonic, "is not the new time"),
        (largest, "This is the largest factor"),
        (finite_only, "is 2.333"),
        (list_of_speedups, "should be one number"),
        (zero_if_none, "No time is left"),
        (nothing, "Does it end with a return statement?"),
    ],
    "30.3": [
        (leaves_out, "Runs that never get there were left out"),
        (last_time_for_missing, "was given its last time"),
        (zero_for_missing, "was given 0"),
        (mean_time, "This is the mean over the runs"),
        (best_run, "This is the best run"),
        (worst_run, "This is the worst run"),
        (lower_median, "this is the lower one"),
        (upper_median, "this is the upper one"),
        (torch_median, "this is the lower one"),
        (above, "An accuracy that equals the target reaches it"),
        (last_pair, "take the first"),
        (first_run, "This is the first run alone"),
        (unsorted_middle, "must be sorted by their times"),
        (accuracies, "This is an accuracy"),
        (none_for_missing, "TypeError"),
        (all_times, "should be one number"),
        (nothing, "Does it end with a return statement?"),
    ],
    "30.4": [
        (never_waits, "never waits"),
        (waits_before_only, "These are the times of asking"),
        (waits_after_only, "call synchronize before the clock is read for the first"),
        (waits_within, "read the clock after synchronize, not before it"),
        (starts_late, "The cost of the call itself is missing"),
        (one_time, "should be a list"),
        (mean_of_all, "All repeats were timed as one"),
        (since_the_start, "These are times since the first start"),
        (no_warm_up, "called work 3 times, and 1 + 3 are asked for"),
        (warm_up_timed, "one for each of the 3 repeats"),
        (sorted_times, "not in the order of the calls"),
        (always_warms_up, "called work 4 times, and 0 + 3 are asked for"),
        (own_clock, "never reads the clock"),
        (turned_round, "The times are negative"),
        (nothing, "Does it end with a return statement?"),
    ],
}
