"""Checks of chapter 30, speed."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from helpers.checks.machinery import (
    Wrong,
    as_integer,
    as_list,
    as_number,
    call,
    compare,
    exercise,
    require,
)


@exercise(
    "30.1",
    hints=(
        "How many numbers does the layer put out, and how many weights does each of them need?",
        "The documentation of nn.Conv2d has the formula for height and width of the output; it "
        "uses padding, dilation, kernel_size and stride, each of them a pair. Each output needs "
        "in_channels / groups * kernel height * kernel width multiplications.",
    ),
)
def conv_flops(answer: Any) -> str:
    for layer, height, width in (
        (nn.Conv2d(1, 32, 5, padding=2), 28, 28),
        (nn.Conv2d(3, 5, 3), 9, 7),
        (nn.Conv2d(2, 4, (3, 5), padding=(1, 2)), 10, 9),
        (nn.Conv2d(4, 8, 3, stride=(2, 3), padding=1, bias=False), 11, 14),
        (nn.Conv2d(6, 9, 3, groups=3), 8, 10),
        (nn.Conv2d(2, 3, 3, dilation=(2, 1), padding=(1, 0)), 12, 9),
        (nn.Conv2d(4, 4, 5, stride=2, padding=2, groups=4), 7, 6),
        (nn.Conv2d(3, 2, 1), 5, 6),
        (nn.Conv2d(2, 2, (2, 3), stride=(3, 2), dilation=(3, 2), padding=(1, 3)), 10, 13),
    ):
        name = f"conv_flops({_written(layer)}, {height}, {width})"
        found = as_integer(call(answer, layer, height, width), name)
        right = _counted(layer, height, width)
        compare(found, right, name, tolerance=0, typical=_other_counts(layer, height, width))
    return "A training step takes about three times as many: the backward pass comes on top."


def _counted(layer: nn.Conv2d, height: int, width: int) -> int:
    outputs = layer(torch.zeros(1, layer.in_channels, height, width)).numel()
    taps = layer.kernel_size[0] * layer.kernel_size[1] * (layer.in_channels // layer.groups)
    return 2 * outputs * taps


def _other_counts(layer: nn.Conv2d, height: int, width: int) -> dict[str, Any]:
    right = _counted(layer, height, width)
    outputs = layer(torch.zeros(1, layer.in_channels, height, width)).numel()
    taps = layer.kernel_size[0] * layer.kernel_size[1]

    def resized(**changed: Any) -> Callable[[], int]:
        given = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
        other = nn.Conv2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,
            groups=layer.groups,
            **given | changed,
        )
        return lambda: _counted(other, height, width)

    def first(pair: tuple[int, int]) -> tuple[int, int]:
        return pair[0], pair[0]

    return {
        "Each weight needs a multiplication and an addition: this is half of both.": right // 2,
        "The groups were forgotten: in each group, an output sees in_channels / groups channels.": (
            right * layer.groups
        ),
        "An output of the group sees in_channels / groups channels: the groups were divided out "
        "twice.": right // layer.groups,
        "The bias was counted: only weights count.": right + outputs,
        "The input's channels were forgotten: each output adds up over all of its group's.": (
            2 * outputs * taps
        ),
        "The output's channels were forgotten.": right // layer.out_channels,
        "The padding was forgotten in the size of the output.": resized(padding=0),
        "The + 1 is missing in the size of the output.": lambda: _other_size(
            layer, height, width, plus=0
        ),
        "The padding was added on one side only: it stands on both.": lambda: _other_size(
            layer, height, width, sides=1
        ),
        "The stride was forgotten in the size of the output.": resized(stride=1),
        "The dilation was forgotten in the size of the output.": resized(dilation=1),
        "The operations were counted for each place of the input: count the places of the "
        "output.": right * height * width * layer.out_channels // outputs,
        "The size of the output was rounded up: a kernel that does not fit any more is left "
        "out.": lambda: _other_size(layer, height, width, up=True),
        "The kernel was taken to be square.": right * layer.kernel_size[0] // layer.kernel_size[1],
        "The stride's first number was used for both directions.": resized(
            stride=first(layer.stride)
        ),
        "The padding's first number was used for both directions.": resized(
            padding=first(layer.padding)
        ),
        "The dilation's first number was used for both directions.": resized(
            dilation=first(layer.dilation)
        ),
        "Height and width were exchanged.": lambda: _counted(layer, width, height),
        "This is the number of weights alone: each of them is used at every place.": (
            layer.weight.numel()
        ),
    }


def _other_size(
    layer: nn.Conv2d, height: int, width: int, sides: int = 2, up: bool = False, plus: int = 1
) -> int:
    places = 1
    for i, size in enumerate((height, width)):
        reach = layer.dilation[i] * (layer.kernel_size[i] - 1) + 1
        steps = (size + sides * layer.padding[i] - reach) / layer.stride[i]
        places *= (math.ceil(steps) if up else math.floor(steps)) + plus
    return 2 * places * layer.weight.numel()


def _written(layer: nn.Conv2d) -> str:
    """Returns the layer as one would write it, without what is at its default."""
    text = f"nn.Conv2d({layer.in_channels}, {layer.out_channels}, {layer.kernel_size}"
    for name, default in (("stride", (1, 1)), ("padding", (0, 0)), ("dilation", (1, 1))):
        if getattr(layer, name) != default:
            text += f", {name}={getattr(layer, name)}"
    return text + (f", groups={layer.groups})" if layer.groups > 1 else ")")


@exercise(
    "30.2",
    hints=(
        "How long does each part take afterwards, and how long do all parts together?",
        "A part of 6 seconds that becomes 3 times faster takes 6 / 3 seconds. Divide the sum of "
        "the old times by the sum of the new ones, and look at that sum before you divide by it.",
    ),
)
def speedup(answer: Any) -> str:
    inf = math.inf
    for seconds, factors in (
        ([2.0, 5.0, 3.0], [4.0, 1.0, 2.5]),
        ([2.0, 3.0, 4.0], [inf, 1.5, 4.0]),
        ([4.0, 1.0, 5.0], [inf, 0.5, 10.0]),
        ([8.0], [4.0]),
        ([0.5, 0.25], [0.5, 0.8]),
        ([2.0, 3.0], [inf, inf]),
        ([6.0, 2.0, 1.0, 7.0], [3.0, 1.0, 1.0, 1.5]),
    ):
        name = f"speedup({seconds}, {factors})"
        found = as_number(call(answer, list(seconds), list(factors)), name)
        after = math.fsum(s / f for s, f in zip(seconds, factors, strict=True))
        if after == 0:
            require(
                found == inf,
                f"{name} is {found:g}. No time is left, so the whole is infinitely many times "
                "faster.",
            )
            continue
        compare(found, sum(seconds) / after, name, typical=_other_speedups(seconds, factors))
    return "However fast the first part gets, the second sets the limit."


def _other_speedups(seconds: list[float], factors: list[float]) -> dict[str, Any]:
    total = sum(seconds)
    after = sum(s / f for s, f in zip(seconds, factors, strict=True))
    return {
        "This is the time that is left: the old time divided by it is asked for.": after,
        "This is how much of the time is left: turn the fraction over.": after / total,
        "This is the time that is saved.": total - after,
        "This is the share of time that is saved.": 1 - after / total,
        "This is the mean of the factors: a part counts by the time it takes.": sum(factors)
        / len(factors),
        "The factors were averaged with the times as weights: what adds up are the new times, "
        "not the factors.": sum(s * f for s, f in zip(seconds, factors, strict=True)) / total,
        "The factors were multiplied: each holds for its part only.": lambda: math.prod(factors),
        "The times were multiplied by the factors: a part that becomes faster takes less time.": (
            lambda: total / sum(s * f for s, f in zip(seconds, factors, strict=True))
        ),
        "The mean of the parts' new shares is not the new time: add up seconds / factor.": (
            lambda: len(seconds) / sum(1 / f for f in factors)
        ),
        "This is the largest factor: the other parts still take their time.": max(factors),
        "This is the smallest factor.": min(factors),
        "The parts run one after the other: this takes the longest for the whole.": lambda: (
            total / max(s / f for s, f in zip(seconds, factors, strict=True))
        ),
    }


@exercise(
    "30.3",
    hints=(
        "What is the time of a run that never reaches the target, if it may not be left out?",
        "next((s for s, a in run if a >= target), float('inf')) is the time of one run, and "
        "statistics.median takes infinity like any other number.",
    ),
)
def time_to(answer: Any) -> str:
    one = [(10.0, 0.7), (20.0, 0.85), (30.0, 0.9), (40.0, 0.89), (52.0, 0.92), (54.0, 0.93)]
    late = [(12.0, 0.5), (24.0, 0.8), (36.0, 0.88), (48.0, 0.93), (55.0, 0.94)]
    soon = [(1.0, 0.91), (2.0, 0.95)]
    slow = [(20.0, 0.5), (60.0, 0.95)]
    never = [(5.0, 0.3), (70.0, 0.89)]
    dips = [(3.0, 0.6), (7.0, 0.9), (8.0, 0.4), (9.0, 0.5)]
    for runs, target in (
        ([late, soon, dips, one, slow], 0.9),
        ([one], 0.9),
        ([one, late], 0.9),
        ([one, late, dips], 0.8),
        ([one, soon, never, late, dips], 0.9),
        ([never, one, never], 0.9),
        ([never], 0.9),
        ([one, never], 0.9),
        ([dips, one, late, soon], 0.89),
        ([late, one, never, soon, dips], 0.93),
    ):
        name = f"time_to(runs, {target}), for {len(runs)} {'run' if len(runs) == 1 else 'runs'},"
        found = as_number(call(answer, [list(run) for run in runs], target), name)
        right, wrong = _median(_reached(runs, target)), _other_times(runs, target)
        if math.isinf(right):
            for hint, value in wrong.items():
                if value == found != right:
                    raise Wrong(hint)
            require(
                found == right,
                f"{name} is {found:g}. Half of the runs or more never get there, so the median is "
                "infinite.",
            )
        else:
            require(
                not math.isinf(found), f"{name} is infinite, though more than half of the runs "
                f"get there: the median is {right:g}.",
            )  # fmt: skip
            compare(found, right, name, typical=wrong)
    return "A recipe that fails for two seeds of five still has a median, and not a better one."


Runs = list[list[tuple[float, float]]]


def _reached(runs: Runs, target: float) -> list[float]:
    return [min((s for s, a in run if a >= target), default=math.inf) for run in runs]


def _median(values: list[float]) -> float:
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def _other_times(runs: Runs, target: float) -> dict[str, float]:
    reached = _reached(runs, target)
    kept = [s for s in reached if s < math.inf]
    ends = [run[-1][0] for run in runs]
    found = {
        "Runs that never get there were left out. They count as infinite: else a recipe looks "
        "better the more often it fails.": _median(kept) if kept else None,
        "A run that never gets there was given its last time: it counts as infinite.": _median(
            [min(s, end) for s, end in zip(reached, ends, strict=True)]
        ),
        "A run that never gets there was given 0: it counts as infinite.": _median(
            [s if s < math.inf else 0.0 for s in reached]
        ),
        "This is the mean over the runs: the median is asked for.": sum(reached) / len(reached),
        "This is the mean over the runs that get there: the median over all is asked for.": (
            sum(kept) / len(kept) if kept else None
        ),
        "For an even number of runs, the mean of the two in the middle is asked for: this is the "
        "upper one.": sorted(reached)[len(reached) // 2],
        "For an even number of runs, the mean of the two in the middle is asked for: this is the "
        "lower one.": sorted(reached)[(len(reached) - 1) // 2],
        "This is the best run: the median is asked for.": min(reached),
        "This is the worst run: the median is asked for.": max(reached),
        "An accuracy that equals the target reaches it: at least, not above.": _median(
            [min((s for s, a in run if a > target), default=math.inf) for run in runs]
        ),
        "This is the time of the last pair at or above the target: take the first.": _median(
            [max((s for s, a in run if a >= target), default=math.inf) for run in runs]
        ),
        "This is the time of the last pair below the target: take the first at or above it.": (
            _median([max((s for s, a in run if a < target), default=0.0) for run in runs])
        ),
        "This is the first run alone.": reached[0],
        "This is the time of the best accuracy of each run: take the first that is good enough.": (
            _median([max(run, key=lambda pair: pair[1])[0] for run in runs])
        ),
        "The runs must be sorted by their times before the middle one is taken.": reached[
            len(reached) // 2
        ],
        "This is an accuracy: the seconds are the first of each pair.": _median(
            [next((a for _, a in run if a >= target), math.inf) for run in runs]
        ),
    }
    return {hint: value for hint, value in found.items() if value is not None}


class _Device:
    """A queue with a clock, which records what is asked of it.

    Args:
        durations: Of each piece of work, in order; the last one repeats.
        left: Work that is in the queue already.
    """

    def __init__(self, durations: list[float], left: float) -> None:
        self.now, self.free, self.durations = 100.0, 100.0 + left, durations
        self.asked: list[str] = []
        self.worked = 0

    def work(self) -> None:
        self.asked.append("work")
        duration = self.durations[min(self.worked, len(self.durations) - 1)]
        self.worked += 1
        self.now += 1  # what the call costs the host
        self.free = max(self.now, self.free) + duration

    def synchronize(self) -> None:
        self.asked.append("synchronize")
        self.now = max(self.now, self.free)

    def clock(self) -> float:
        self.asked.append("clock")
        return self.now


@exercise(
    "30.4",
    hints=(
        "When you read the clock for the first time, what may still be in the queue? And when you "
        "read it for the second time?",
        "For each of the repeats: synchronize(), start = clock(), work(), synchronize(), and the "
        "time is clock() - start.",
    ),
)
def measure(answer: Any) -> str:
    for durations, left, warm_up, repeats in (
        ([10.0], 0.0, 1, 3),
        ([50.0, 10.0, 20.0, 30.0], 0.0, 1, 3),
        ([10.0, 20.0, 40.0], 70.0, 0, 3),
        ([90.0, 80.0, 5.0, 6.0, 7.0, 8.0], 25.0, 2, 4),
        ([30.0], 1000.0, 0, 1),
        ([5.0, 500.0, 7.0], 0.0, 1, 2),
        ([60.0, 50.0, 40.0, 3.0], 15.0, 3, 1),
    ):
        device = _Device(durations, left)
        result = call(
            answer, device.work, device.synchronize, device.clock, warm_up, repeats, changes=True
        )
        name = f"measure(…, warm_up={warm_up}, repeats={repeats})"
        _judge_calls(device, warm_up, repeats, name)
        listed = as_list(result, name)
        require(
            len(listed) == repeats,
            f"{name} has {len(listed)} times, and one for each of the {repeats} repeats is asked "
            "for.",
        )
        found = [as_number(value, f"Time {i} of {name}") for i, value in enumerate(listed)]
        taken = [1 + durations[min(i, len(durations) - 1)] for i in range(device.worked)]
        typical = _started_early(durations, left, warm_up, repeats)
        typical |= _other_measures(durations, warm_up, repeats)
        compare(found, taken[warm_up:], name, typical=typical)
    return "With torch.accelerator.synchronize and time.perf_counter, it is right on any device."


def _judge_calls(device: _Device, warm_up: int, repeats: int, name: str) -> None:
    require(
        device.worked == warm_up + repeats,
        f"{name} called work {device.worked} times, and {warm_up} + {repeats} are asked for.",
    )
    require("clock" in device.asked, f"{name} never reads the clock that it was given.")
    require(
        "synchronize" in device.asked,
        f"{name} never waits: it measured how long asking takes. Call synchronize before the clock "
        "is read.",
    )


def _started_early(
    durations: list[float], left: float, warm_up: int, repeats: int
) -> dict[str, list[float]]:
    """Returns what is measured where the clock starts while the queue is not empty."""
    found = []
    for waits in (False, True):
        device = _Device(durations, left)
        for _ in range(warm_up):
            device.work()
        found.append([])
        for _ in range(repeats):
            start = device.clock()
            if waits:
                device.synchronize()
            device.work()
            device.synchronize()
            found[-1].append(device.clock() - start)
    before = "What was in the queue before is part of the first time: "
    return {
        f"{before}call synchronize before the clock is read for the first time.": found[0],
        f"{before}read the clock after synchronize, not before it.": found[1],
    }


def _other_measures(durations: list[float], warm_up: int, repeats: int) -> dict[str, list[float]]:
    every = [durations[min(i, len(durations) - 1)] for i in range(warm_up + repeats)]
    timed = every[warm_up:]
    return {
        "These are the times of asking: wait with synchronize before the clock is read for the "
        "second time.": [1.0] * repeats,
        "The cost of the call itself is missing: start the clock before work, not after it.": timed,
        "These are times since the first start: each call is timed on its own.": [
            sum(timed[: i + 1]) + i + 1 for i in range(repeats)
        ],
        "All repeats were timed as one: each call is timed on its own.": [
            (sum(timed) + 1) / repeats
        ]
        * repeats,
        "The times are negative: the end minus the start.": [-1 - duration for duration in timed],
        "The times are not in the order of the calls.": sorted(1 + d for d in timed),
        "The warm-up was timed.": [1 + duration for duration in every[:repeats]],
    }
