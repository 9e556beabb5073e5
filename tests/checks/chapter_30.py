"""Right and wrong answers to the exercises of chapter 30, and the hint that each must get."""

import math
import statistics

import numpy as np
import torch
from torch.nn import functional as F


def by_windows(images, limit, generator):
    n, _, height, width = images.shape
    mirrored = torch.rand(n, 1, 1, 1, generator=generator) < 0.5
    down, right = torch.randint(-limit, limit + 1, (2, n), generator=generator)
    images = torch.where(mirrored, images.flip(3), images)
    windows = F.pad(images, [limit] * 4).unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(n), :, limit + down, limit + right]


def by_places(images, limit, generator):
    """Looks up row and column of each pixel in the padded batch; a mirror counts backwards."""
    n, _, height, width = images.shape
    padded = F.pad(images, (limit, limit, limit, limit))
    down, right = torch.randint(2 * limit + 1, (n, 2), generator=generator).unbind(1)
    rows = torch.arange(height) + down[:, None]
    columns = torch.arange(width) + right[:, None]
    turn = torch.bernoulli(torch.full((n, 1), 0.5), generator=generator).bool()
    columns = torch.where(turn, width + 2 * limit - 1 - columns, columns)
    return padded.permute(0, 2, 3, 1)[
        torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]
    ].permute(0, 3, 1, 2)


def by_masks(images, limit, generator):
    """Goes through the shifts, not through the images."""
    n, _, height, width = images.shape
    result = images.clone()
    chosen = torch.randint(0, 2, (n,), generator=generator) == 1
    result[chosen] = result[chosen].flip(-1)
    for dim, size in ((2, height), (3, width)):
        moves = (torch.rand(n, generator=generator) * (2 * limit + 1)).long() - limit
        before, result = result, torch.zeros_like(result)
        for k in range(-limit, limit + 1):
            to, start = max(k, 0), max(-k, 0)
            moved = torch.zeros_like(before)
            length = size - abs(k)
            moved.narrow(dim, to, length).copy_(before.narrow(dim, start, length))
            result = torch.where((moves == k).view(n, 1, 1, 1), moved, result)
    return result


def by_products(images, limit, generator):
    """A matrix of zeros and ones for each image moves the rows, and another one the columns."""
    n, _, height, width = images.shape

    def places(size, moves):
        there = torch.arange(size)
        return (there[:, None] - there == moves.view(n, 1, 1, 1)).double()

    down, right = torch.randint(-limit, limit + 1, (n, 2), generator=generator).t()
    turn = torch.randint(2, (n, 1, 1, 1), generator=generator).bool()
    columns = places(width, right)
    columns = torch.where(turn, columns.flip(3), columns)
    moved = places(height, down) @ images.double() @ columns.transpose(2, 3)
    return moved.round().to(images.dtype) if images.dtype == torch.uint8 else moved.to(images)


def by_gather(images, limit, generator):
    n, channels, height, width = images.shape
    moves = torch.empty(2, n, 1, 1, 1, dtype=torch.int64)
    moves.random_(-limit, limit + 1, generator=generator)
    rows = torch.arange(height).view(1, 1, -1, 1) - moves[0]
    columns = torch.arange(width).view(1, 1, 1, -1) - moves[1]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    mirrored = torch.rand((n, 1, 1, 1), generator=generator) >= 0.5
    columns = torch.where(mirrored, width - 1 - columns, columns)
    places = (rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)).flatten(1)
    moved = images.flatten(2).gather(2, places[:, None].expand(-1, channels, -1))
    return (moved.view_as(images) * inside).to(images.dtype)


def jitter_with(images, limit, generator, turn=None, down=None, right=None, flip=(3,),
                border="constant", value=0, images_too=False):  # fmt: skip
    """The right answer, of which one thing can be made wrong."""
    n, _, height, width = images.shape
    if turn is None:
        turn = torch.rand(n, generator=generator) < 0.5
    if down is None:
        down = torch.randint(-limit, limit + 1, (n,), generator=generator)
    if right is None:
        right = torch.randint(-limit, limit + 1, (n,), generator=generator)
    images = torch.where(turn.view(-1, 1, 1, 1), images.flip(flip), images)
    space = max(limit, int(down.abs().max()), int(right.abs().max()))
    if border == "constant":
        padded = F.pad(images, [space] * 4, value=value)
    else:
        padded = F.pad(images.double(), [space] * 4, mode=border).to(images.dtype)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    result = windows[torch.arange(n), :, space - down, space - right]
    return result


def rolls(images, limit, generator):
    return jitter_with(images, limit, generator, border="circular")


def edges(images, limit, generator):
    return jitter_with(images, limit, generator, border="replicate")


def reflections(images, limit, generator):
    return jitter_with(images, limit, generator, border="reflect")


def ones_at_the_border(images, limit, generator):
    return jitter_with(images, limit, generator, value=1)


def upside_down(images, limit, generator):
    return jitter_with(images, limit, generator, flip=(2,))


def reversed_channels(images, limit, generator):
    return jitter_with(images, limit, generator, flip=(1, 3))


def reversed_batch(images, limit, generator):
    return jitter_with(images, limit, generator, flip=(0, 3))


def own_channels(images, limit, generator):
    return by_windows(images.flatten(0, 1)[:, None], limit, generator).view_as(images)


def one_draw(images, limit, generator):
    turn = torch.rand(1, generator=generator) < 0.5
    down, right = torch.randint(-limit, limit + 1, (2, 1), generator=generator)
    return jitter_with(images, limit, generator, turn, down, right)


def one_mirror(images, limit, generator):
    return jitter_with(images, limit, generator, torch.rand(1, generator=generator) < 0.5)


def down_is_right(images, limit, generator):
    moves = torch.randint(-limit, limit + 1, (len(images),), generator=generator)
    return jitter_with(images, limit, generator, down=moves, right=moves)


def without_an_end(images, limit, generator):
    down, right = torch.randint(-limit, limit, (2, len(images)), generator=generator)
    return jitter_with(images, limit, generator, down=down, right=right)


def one_too_far(images, limit, generator):
    down, right = torch.randint(-limit, limit + 2, (2, len(images)), generator=generator)
    return jitter_with(images, limit, generator, down=down, right=right)


def never_up(images, limit, generator):
    down = torch.randint(0, limit + 1, (len(images),), generator=generator)
    return jitter_with(images, limit, generator, down=down)


def rounded_moves(images, limit, generator):
    moves = torch.rand(2, len(images), generator=generator) * 2 * limit - limit
    down, right = moves.round().long()
    return jitter_with(images, limit, generator, down=down, right=right)


def only_sideways(images, limit, generator):
    return jitter_with(images, limit, generator, down=torch.zeros(len(images)).long())


def always_mirrored(images, limit, generator):
    return jitter_with(images, limit, generator, torch.ones(len(images)).bool())


def never_mirrored(images, limit, generator):
    return jitter_with(images, limit, generator, torch.zeros(len(images)).bool())


def one_third_mirrored(images, limit, generator):
    return jitter_with(
        images, limit, generator, torch.rand(len(images), generator=generator) < 1 / 3
    )


def exactly_half(images, limit, generator):
    n = len(images)
    return jitter_with(images, limit, generator, torch.randperm(n, generator=generator) < n // 2)


def mirrored_where_moved_down(images, limit, generator):
    down = torch.randint(-limit, limit + 1, (len(images),), generator=generator)
    coin = torch.rand(len(images), generator=generator) < 0.5
    return jitter_with(images, limit, generator, (down > 0) | (coin & (down == 0)), down)


def pairs_move_together(images, limit, generator):
    moves = torch.randint(-limit, limit + 1, (-(-len(images) // 2),), generator=generator)
    return jitter_with(images, limit, generator, down=moves.repeat_interleave(2)[: len(images)])


def in_place(images, limit, generator):
    return images.copy_(by_windows(images, limit, generator))


def global_draws(images, limit, generator):
    return jitter_with(images, limit, None)


def global_mirror(images, limit, generator):
    return jitter_with(images, limit, generator, torch.rand(len(images)) < 0.5)


def numpys_mirror(images, limit, generator):
    turn = torch.from_numpy(np.random.rand(len(images)) < 0.5)
    return jitter_with(images, limit, generator, turn)


def a_generator_of_its_own(images, limit, generator):
    return by_windows(images, limit, torch.Generator().manual_seed(generator.initial_seed()))


def seeds_it(images, limit, generator):
    return by_windows(images, limit, generator.manual_seed(0))


def one_by_one(images, limit, generator):
    return torch.cat([by_windows(image[None], limit, generator) for image in images])


def draws_one_by_one(images, limit, generator):
    turn = torch.stack([torch.rand((), generator=generator) for _ in images]) < 0.5
    return jitter_with(images, limit, generator, turn)


def always_floats(images, limit, generator):
    return by_windows(images.float(), limit, generator)


def by_way_of_floats(images, limit, generator):
    return by_windows(images.float(), limit, generator).to(images.dtype)


def left_larger(images, limit, generator):
    return by_windows(F.pad(images, [limit] * 4), limit, generator)


def half_a_pixel(images, limit, generator):
    moved = by_windows(images.double(), limit, generator)
    return ((moved + moved.roll(1, 3)) / 2).to(images.dtype)


def the_same_if_nothing_moves(images, limit, generator):
    if limit == 0:
        torch.rand(len(images), generator=generator)
        return images
    return by_windows(images, limit, generator)


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
    "30.1": [by_windows, by_places, by_masks, by_products, by_gather],
    "30.2": [new_times, in_torch, in_numpy, by_shares],
    "30.3": [by_next, by_loops, by_numpy, by_quantile],
    "30.4": [stopwatch, waits_once_before, with_one_loop, as_tuple],
}

WRONG = {
    "30.1": [
        (rolls, "as torch.roll does it"),
        (edges, "filled with the edge of the image"),
        (reflections, "filled with a reflection"),
        (ones_at_the_border, "at the border should be 0"),
        (upside_down, "mirrored up and down"),
        (reversed_channels, "The channels of an image are in the reverse order"),
        (reversed_batch, "Image and image have changed places"),
        (own_channels, "mirrored or moved by draws of their own"),
        (one_draw, "All images of a batch are mirrored by the same draw"),
        (one_mirror, "All images of a batch are mirrored by the same draw"),
        (down_is_right, "One draw is used twice"),
        (without_an_end, "none is moved down by 3"),
        (one_too_far, "an image is moved further than that"),
        (never_up, "none is moved down by -3"),
        (rounded_moves, "The numbers of pixels down are not equally likely"),
        (only_sideways, "No image is moved down"),
        (always_mirrored, "Every image is mirrored"),
        (never_mirrored, "No image is mirrored"),
        (one_third_mirrored, "about half of them is asked for"),
        (exactly_half, "exactly one image is mirrored"),
        (mirrored_where_moved_down, "tells how far it is moved down"),
        (pairs_move_together, "what happens to the first tells about the second"),
        (in_place, "The numbers in the argument images have changed"),
        (global_draws, "comes from PyTorch's global generator"),
        (global_mirror, "comes from PyTorch's global generator"),
        (numpys_mirror, "with the same seed gave different results"),
        (a_generator_of_its_own, "has not moved on"),
        (seeds_it, "leave its seed alone"),
        (one_by_one, "their number should not grow with N"),
        (draws_one_by_one, "their number should not grow with N"),
        (always_floats, "has dtype float32, and float64 is asked for"),
        (by_way_of_floats, "The numbers of an image are rounded"),
        (left_larger, "has shape (6, 1, 11, 13)"),
        (half_a_pixel, "is none of the 50 pictures"),
        (the_same_if_nothing_moves, "shares its memory with images"),
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
