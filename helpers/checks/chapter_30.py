"""Checks of chapter 30, speed."""

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_list,
    as_number,
    as_tensor,
    call,
    compare,
    exercise,
    require,
)


@exercise(
    "30.1",
    hints=(
        "What gives the mirrored version of every image at once, and what chooses between two "
        "versions image by image? Of which larger picture are all moved images windows?",
        "torch.where takes a mask of shape (N, 1, 1, 1), images.flip(3) and images. In F.pad(..., "
        "[limit] * 4), each moved image is a window: .unfold(2, H, 1).unfold(3, W, 1) makes all "
        "of them, and the index [torch.arange(N), :, down, right] takes one for each image.",
    ),
)
def jitter(answer: Any) -> str:
    draw = Draw(30)
    for dtype, shape, limit in (
        (torch.float32, (6, 1, 7, 9), 2),
        (torch.float64, (5, 3, 8, 5), 1),
        (torch.uint8, (6, 3, 7, 9), 3),
        (torch.float32, (1, 1, 4, 6), 1),
    ):
        _try_images(answer, _batch(draw, dtype, shape), limit)
    _try_the_generator(answer, _batch(draw, torch.float32, (16, 1, 5, 6)))
    _try_the_draws(answer, draw)
    _try_more_images(answer, draw)
    _try_images(answer, _batch(draw, torch.uint8, (6, 3, 4, 6)), 0)
    _try_images(answer, _batch(draw, torch.float32, (5, 1, 6, 4)), 0)
    return "As many operations for 256 images as for 64."


def _batch(draw: Draw, dtype: torch.dtype, shape: tuple[int, int, int, int]) -> Tensor:
    """Returns images whose numbers all differ within an image; none of them is 0."""
    if dtype.is_floating_point:
        return draw.normal(*shape, dtype=dtype)
    size = math.prod(shape[1:])
    return torch.stack([1 + draw.order(255)[:size] for _ in range(shape[0])]).view(shape).to(dtype)


def _jittered(answer: Any, images: Tensor, limit: int, generator: torch.Generator) -> Tensor:
    name = "jitter(images, limit, generator)"
    result = call(answer, images, limit, generator, changes=(2,))
    found = as_tensor(
        result, name, images.shape, images.dtype, "Shape and dtype are those of images."
    )
    require(
        found.untyped_storage().data_ptr() != images.untyped_storage().data_ptr(),
        f"{name} shares its memory with images: return a new tensor.",
    )
    return found


def _try_images(answer: Any, images: Tensor, limit: int) -> None:
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        _settings(_jittered(answer, images, limit, generator), images, limit)


Shift = tuple[bool, int, int]


def _shifts(limit: int, images: Tensor) -> list[Shift]:
    """Returns each way to mirror and to move an image so that something of it is left."""
    rows, columns = (min(limit, size - 1) for size in images.shape[2:])
    return list(product((False, True), range(-rows, rows + 1), range(-columns, columns + 1)))


def _moved(images: Tensor, down: int, right: int, border: str = "zero") -> Tensor:
    if border == "roll":
        return images.roll((down, right), (2, 3))
    height, width = images.shape[2:]
    rows, columns = torch.arange(height) - down, torch.arange(width) - right
    inside = ((rows >= 0) & (rows < height))[:, None] & (columns >= 0) & (columns < width)
    if border == "reflect":
        rows, columns = (
            (n - 1) - ((n - 1) - places.abs()).abs()
            for n, places in ((height, rows), (width, columns))
        )
    moved = images[:, :, rows.clamp(0, height - 1)][..., columns.clamp(0, width - 1)]
    return moved * inside if border == "zero" else moved


def _fits(result: Tensor, images: Tensor, limit: int, border: str = "zero") -> Tensor:
    """Returns which of the shifts gives which image of the result; a row for each shift."""
    found = []
    for mirrored, down, right in _shifts(limit, images):
        start = images.flip(3) if mirrored else images
        agrees = result == _moved(start, down, right, "edge" if border == "any" else border)
        if border == "any":
            agrees |= _moved(torch.ones_like(images), down, right) == 0
        found.append(agrees.flatten(1).all(1))
    return torch.stack(found)


def _settings(result: Tensor, images: Tensor, limit: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns for each image whether it is mirrored, and how far it is moved down and right."""
    fits = _fits(result, images, limit)
    good = fits.any(0)
    if not good.all():
        _tell_images(result, images, limit, good)
    chosen = [_shifts(limit, images)[i] for i in fits.int().argmax(0).tolist()]
    mirrored, down, right = torch.tensor(chosen).unbind(1)
    return mirrored, down, right


def _tell_images(result: Tensor, images: Tensor, limit: int, good: Tensor) -> None:
    n, channels, height, width = images.shape

    def same(start: Tensor, reach: int = limit, border: str = "zero") -> Tensor:
        return _fits(result, start, reach, border).any(0)

    def exchanged() -> Tensor:
        return torch.stack([same(images.roll(k, 0)) for k in range(n)]).any(0)

    def by_channel() -> Tensor:
        parts = (slice(c, c + 1) for c in range(channels))
        fits = [_fits(result[:, part], images[:, part], limit).any(0) for part in parts]
        return torch.stack(fits).all(0)

    for hint, others in (
        ("What leaves an image on one side comes in on the other, as torch.roll does it: 0 should "
         "come in.", lambda: same(images, border="roll")),
        ("The border is filled with the edge of the image: 0 should come in.",
         lambda: same(images, border="edge")),
        ("The border is filled with a reflection of the image: 0 should come in.",
         lambda: same(images, border="reflect")),
        ("What comes in at the border should be 0, and it is another number.",
         lambda: same(images, border="any")),
        ("An image is mirrored up and down: left to right is asked for, along the last of the "
         "four dimensions.", lambda: same(images.flip(2))),
        ("The channels of an image are in the reverse order: mirror along the last of the four "
         "dimensions.", lambda: same(images.flip(1))),
        ("Image and image have changed places: the first image of the result comes from the first "
         "of images.", exchanged),
        ("The channels of an image are mirrored or moved by draws of their own: they share those "
         "of the image.", by_channel),
        (f"With a limit of {limit}, an image is moved further than that, down or to the right.",
         lambda: same(images, max(height, width))),
        ("The numbers of an image are rounded: stay with the dtype of images.",
         lambda: same(images.float().to(images.dtype))),
    ):  # fmt: skip
        require(not (good | others()).all(), hint)
    number = int((~good).int().argmax())
    raise Wrong(
        f"Image {number} of the result, for images of shape {tuple(images.shape)} and a limit of "
        f"{limit}, is none of the {2 * (2 * limit + 1) ** 2} pictures that image {number} may "
        "become: mirrored or not, moved by whole pixels, and 0 where nothing is left."
    )


def _try_the_generator(answer: Any, images: Tensor) -> None:
    found = []
    for seed in (1, 1, 2):
        generator = torch.Generator().manual_seed(seed)
        start, usual = generator.get_state(), torch.get_rng_state()
        found.append(_jittered(answer, images, 1, generator))
        require(
            torch.get_rng_state().equal(usual),
            "A draw comes from PyTorch's global generator: pass generator=generator to each.",
        )
        require(generator.initial_seed() == seed, "The generator was seeded: leave its seed alone.")
        require(
            not generator.get_state().equal(start),
            "The generator that was given has not moved on, so the next call would repeat the "
            "same draws: draw from it.",
        )
    require(
        found[0].equal(found[1]),
        "Two generators with the same seed gave different results: all draws come from the "
        "generator that is given.",
    )
    require(
        not found[0].equal(found[2]),
        "Generators with two different seeds gave the same result: the draws come from the "
        "generator that is given.",
    )


def _try_the_draws(answer: Any, draw: Draw) -> None:
    generator = torch.Generator().manual_seed(30)
    images, limit = _batch(draw, torch.float32, (3000, 1, 7, 8)), 3
    many = _settings(_jittered(answer, images, limit, generator), images, limit)
    images = _batch(draw, torch.float32, (2, 1, 4, 5))
    results = torch.cat([_jittered(answer, images, 1, generator) for _ in range(600)])
    pairs = _settings(results, images.repeat(600, 1, 1, 1), 1)
    _judge_batches(many, [part.view(600, 2) for part in pairs])
    n, (mirrored, down, right) = len(many[0]), many
    count = int(mirrored.sum())
    require(
        _likely(count, n, 1 / 2),
        f"Of {n} images, {count} are mirrored: about half of them is asked for.",
    )
    for word, moves in (("down", down), ("to the right", right)):
        counts = [int((moves == k).sum()) for k in range(-limit, limit + 1)]
        missing = next((k - limit for k, count in enumerate(counts) if count == 0), None)
        require(
            missing is None,
            f"Of {n} images, none is moved {word} by {missing}: the numbers go from -limit to "
            f"limit, here from {-limit} to {limit}, with both ends."
            + (" torch.randint leaves its upper end out." if missing == limit else ""),
        )
        require(
            all(_likely(count, n, 1 / len(counts)) for count in counts),
            f"The numbers of pixels {word} are not equally likely. Of {n} images, {counts} are "
            f"moved by {-limit} to {limit}.",
        )
    for first, second, hint in (
        (mirrored, down, "Whether an image is mirrored tells how far it is moved down"),
        (mirrored, right, "Whether an image is mirrored tells how far it is moved to the right"),
        (down, right, "How far an image is moved down tells how far it is moved to the right"),
    ):
        require(_unrelated(first, second), f"{hint}: these are draws of their own.")
    for first, second in product(pairs, pairs):
        require(
            _unrelated(first.view(600, 2)[:, 0], second.view(600, 2)[:, 1]),
            "In batches of two images, what happens to the first tells about the second: each "
            "image has draws of its own.",
        )


def _judge_batches(many: Sequence[Tensor], pairs: Sequence[Tensor]) -> None:
    """Tells what all images of a batch have in common."""
    (mirrored, down, right), (turned, *moved) = many, pairs
    for value, hint in ((1, "Every image is mirrored"), (0, "No image is mirrored")):
        every = (mirrored == value).all() and (turned == value).all()
        require(not every, f"{hint}: half of them is asked for.")
    for word, moves, others in (("down", down, moved[0]), ("to the right", right, moved[1])):
        require(moves.any() or others.any(), f"No image is moved {word}.")
    for word, part in (
        ("mirrored", mirrored), ("moved down", down), ("moved to the right", right)
    ):  # fmt: skip
        require(
            (part != part[0]).any(),
            f"All images of a batch are {word} by the same draw: each image has draws of its own.",
        )
    require(
        (turned[:, 0] == turned[:, 1]).any(),
        "In each batch of two, exactly one image is mirrored: each image has a draw of its own.",
    )
    require(
        (down.abs() != right.abs()).any(),
        "One draw is used twice, for down and for right: make another.",
    )


def _likely(count: int, n: int, chance: float) -> bool:
    """Tells whether a count is within six standard deviations of what it should be."""
    return abs(count - n * chance) <= 6 * math.sqrt(n * chance * (1 - chance))


def _unrelated(first: Tensor, second: Tensor) -> bool:
    """Tells whether all pairs of values occur about equally."""
    first, second = (part.unique(return_inverse=True) for part in (first, second))
    kinds = len(first[0]) * len(second[0])
    counts = torch.bincount(first[1] * len(second[0]) + second[1], minlength=kinds)
    return all(_likely(count, len(first[1]), 1 / kinds) for count in counts.tolist())


class _Calls(TorchDispatchMode):
    """Counts the operations of PyTorch, as the chapter's class does."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.number += 1
        return function(*args, **(kwargs or {}))


def _try_more_images(answer: Any, draw: Draw) -> None:
    counts = {}
    for n in (64, 256):
        images = _batch(draw, torch.float32, (n, 1, 5, 6))
        counts[n] = []
        for seed in range(3):
            generator = torch.Generator().manual_seed(seed)
            with _Calls() as calls:
                answer(images, 1, generator)
            counts[n].append(calls.number)
    few, more = max(counts[64]), min(counts[256])
    require(
        more <= few,
        f"It takes {few} operations for 64 images, and {more} for 256: their number should not "
        "grow with N. Draw and move the whole batch at once, without a loop over the images.",
    )


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
