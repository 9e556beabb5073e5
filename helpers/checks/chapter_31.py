"""Checks of chapter 31, scaling out."""

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_class,
    as_integer,
    as_list,
    call,
    compare,
    describe,
    exercise,
    require,
    require_error,
    run,
)


@exercise(
    "31.1",
    hints=(
        "How much does a rank with 48 images have to say, next to one with 16? And what is 0 times "
        "NaN?",
        "Multiply each gradient by its count, add up, and divide by the sum of the counts. Leave "
        "out the ranks whose count is 0: a weight of 0 does not remove NaN.",
    ),
)
def whole(answer: Any) -> str:
    draw = Draw(1)
    for shape, counts, dtype in (
        ((3,), [48, 16], torch.float64),
        ((2, 4), [5, 5, 5], torch.float32),
        ((2, 3), [0, 3, 0, 1, 8], torch.float64),
        ((4,), [7], torch.float32),
        ((), [2, 0, 1], torch.float64),
    ):
        gradients = [
            draw.normal(*shape, dtype=dtype) if count else torch.full(shape, torch.nan, dtype=dtype)
            for count in counts
        ]
        there = [(part, count) for part, count in zip(gradients, counts, strict=True) if count]
        expected = sum(part * (count / sum(counts)) for part, count in there)
        name = f"whole(gradients, counts), for the counts {counts},"
        result = call(answer, list(gradients), list(counts))
        if torch.is_tensor(result) and result.isnan().any():
            raise Wrong(
                f"{name} has NaN in it. A rank without images must not matter, and 0 times NaN is "
                "NaN: leave it out."
            )
        n = len(there)
        compare(
            result,
            expected,
            name,
            typical={
                "This is the mean over the ranks: a rank with more images has more to say.": sum(
                    part for part, _ in there
                ) / n,
                "This is the mean over all ranks: a rank with more images has more to say.": sum(
                    part for part, _ in there
                ) / len(counts),
                "This is the sum over the ranks: it should be a mean over images.": sum(
                    part for part, _ in there
                ),
                "The weighted sum is there: divide it by the number of all images.": sum(
                    part * count for part, count in there
                ),
                "Divide by the number of images, not by the number of ranks.": sum(
                    part * count for part, count in there
                ) / len(counts),
                "This is as many times too large as there are ranks.": expected * len(counts),
                "The weights are upside down: multiply by the counts.": sum(
                    part / count for part, count in there
                ),
            },
        )  # fmt: skip
    return (
        "That is what DDP gives if each rank divides its summed loss by the whole batch, and "
        "multiplies it by the number of ranks."
    )


@exercise(
    "31.2",
    hints=(
        "How many numbers belong to one parameter, and how many bytes has a number in float32?",
        "4 numbers of 4 bytes for each parameter; with FSDP, a rank has 1/ranks of all of them. "
        "// keeps an integer.",
    ),
)
def bytes_per_rank(answer: Any) -> str:
    for parameters, ranks in ((203_520, 3), (12, 2), (71_680_000_000, 1024), (5, 1)):
        everything, share = 16 * parameters, 16 * parameters // ranks
        cut = {
            "With FSDP, a rank has only its share of everything.": everything,
            "With FSDP, gradients and Adam's numbers are cut, too.": (everything + 3 * share) // 4,
            "With FSDP, the weights and gradients are cut, too.": (everything + share) // 2,
            "With FSDP, the weights are cut, too.": (3 * everything + share) // 4,
        }
        for way, expected in (("ddp", everything), ("fsdp", share)):
            name = f"bytes_per_rank({parameters}, {ranks}, {way!r})"
            other = {"With DDP, each rank has everything: nothing is divided.": share}
            result = call(answer, parameters, ranks, way)
            found = as_integer(result, name)
            compare(
                found,
                expected,
                name,
                tolerance=1e-12,
                typical={
                    "That is a quarter: a float32 has 4 bytes, and a parameter brings 4 numbers.":
                    expected // 4,
                    "That is half: the weight, the gradient, and two numbers of Adam count.":
                    expected // 2,
                    "That is three quarters: the weight, the gradient, and two numbers of Adam "
                    "count.": expected * 3 // 4,
                    "These are bits.": expected * 8,
                    **(other if way == "ddp" else cut),
                },
            )  # fmt: skip
            real = isinstance(result, float) or getattr(result, "is_floating_point", bool)()
            require(
                not real, f"{name} is {describe(result)}: bytes are whole numbers. // divides to "
                          "an integer.")  # fmt: skip
    for way in ("tp", "", "d", "fsdp2", "DDP"):
        hint = "other ways than 'ddp' and 'fsdp' are refused, other capitals included."
        require_error(ValueError, answer, 100, 2, way, hint=f"{way!r} was accepted: {hint}")
    return "16 bytes per parameter: a GPU of 80 GB holds 5 billion parameters, and no activation."


@exercise(
    "31.3",
    hints=(
        "t(p) falls, and then it may rise. How many candidates are there, and what does Python's "
        "min take as a key?",
        "Compute t(p) for each p from 1 to most, and take the p with the smallest; min() with "
        "key= returns the first of equal ones.",
    ),
)
def best(answer: Any) -> str:
    for case in _DEVICES:
        _judge_devices(answer, *case)
    return "Where sending is short next to T, the best number grows with the root of T / α."


_DEVICES = (
    (1.0, 1e6, 2.2e-3, 1e9, 64),
    (0.002, 480e3, 1e-4, 1.5e9, 16),
    (1e-5, 1e6, 1e-3, 1e9, 8),
    (10.0, 2e9, 0.0, 50e9, 128),
    (0.25, 1e8, 0.03, 2e9, 3),
    # With alpha 0, t(p) = (T - 2 n/B) / p + 2 n/B: for T = 2 n/B, all take equally long. With
    # two devices at most, no order of computation rounds.
    (2.0, 1.0, 0.0, 1.0, 2),
    (4.0, 1.0, 0.0, 0.5, 2),
    # The root of (T - 2 n/B) / (2 alpha) is 1.45, and 2 devices are better than 1.
    (6.2, 1.0, 1.0, 1.0, 8),
    (1.0, 1.0, 0.0, 1.0, 10),
    (3.0, 4.0, 0.5, 8.0, 1),
)


def _times(compute: float, size: float, alpha: float, bandwidth: float, most: int) -> list[float]:
    return [
        compute / p + 2 * (p - 1) * alpha + 2 * (p - 1) / p * size / bandwidth
        for p in range(1, most + 1)
    ]


def _everywhere(answer: Any, judge: Callable[[int, list[float]], bool]) -> bool:
    """Tells whether the answer gives the same kind of wrong number in every case."""
    for case in _DEVICES:
        try:
            result = as_integer(call(answer, *case), "best")
        except Exception:
            return False
        if not judge(result, _times(*case)):
            return False
    return True


def _judge_devices(
    answer: Any, compute: float, size: float, alpha: float, bandwidth: float, most: int
) -> None:
    times = _times(compute, size, alpha, bandwidth, most)
    expected = 1 + min(range(most), key=times.__getitem__)
    name = f"best({compute}, {size}, {alpha}, {bandwidth}, {most})"
    result = as_integer(call(answer, compute, size, alpha, bandwidth, most), name)
    if result == expected:
        return
    told = f"{name} is {result}, and it should be {expected}"
    require(
        result != expected - 1 or not _everywhere(answer, lambda p, t: p == t.index(min(t))),
        f"{told}: count the devices from 1, an index counts from 0.",
    )
    require(result >= 1, f"{name} is {result}: at least one device is needed.")
    require(result <= most, f"{name} is {result}, more than there may be.")
    require(
        result != most - 1 or expected != most or times.index(min(times[:-1])) != result - 1,
        f"{told}: most itself is one of the numbers, range(1, most + 1).",
    )
    taken, least = times[result - 1], times[expected - 1]
    require(
        taken > least * (1 + 1e-12),
        f"{name} is {result}, and t({expected}) is the same: take the smallest number.",
    )
    no_delay = _times(compute, size, 0.0, bandwidth, most)
    once = _times(compute, size / 2, alpha / 2, bandwidth, most)
    for wrong, hint in (
        (1 + no_delay.index(min(no_delay)), "that would be the best without delays"),
        (1 + once.index(min(once)), "both halves of the ring count, 2 (p − 1) rounds"),
    ):
        require(result != wrong, f"{told}: {hint}.")
    require(
        taken < max(times) or not _everywhere(answer, lambda p, t: t[p - 1] == max(t)),
        f"{told}: that is where a step takes the most time.",
    )
    raise Wrong(f"{told}: t({result}) is {taken:.4g} s and t({expected}) is {least:.4g} s.")


@exercise(
    "31.4",
    hints=(
        "If all ranks know the same global order, which indices does rank r of p take from it?",
        "A torch.Generator of your own, seeded by one number made of seed and epoch, gives "
        "torch.randperm(count). Take order[rank::size], as a list of Python's integers.",
    ),
)
def deal(answer: Any) -> str:
    answer = as_class(answer, object, "object")
    for count, size in ((10, 3), (23, 4), (12, 4), (2, 5), (0, 2), (7, 1)):
        _shares(answer, count, size)
    _orders(answer)
    return "Every image once, on any number of ranks: that is how the training command deals."


def _listed(sampler: Any, name: str) -> list:
    items = as_list(run(lambda: list(sampler)), name)
    for item in items:
        if type(item) is not int:
            kind = type(item).__name__
            raise Wrong(f"{name} gives an index of type {kind}; Python's integers are asked for.")
    return items


def _shares(answer: Any, count: int, size: int) -> None:
    whole = _listed(call(answer, count, 0, 1, 5), f"Deal({count}, 0, 1, 5)")
    require(
        sorted(whole) == list(range(count)),
        f"Deal({count}, 0, 1, 5) is the only rank, and gives {len(whole)} indices of which "
        f"{len(set(whole))} differ; each of the {count} should come exactly once.",
    )
    parts = []
    for rank in range(size):
        name = f"Deal({count}, {rank}, {size}, 5)"
        sampler = call(answer, count, rank, size, 5)
        part = _listed(sampler, name)
        require(_listed(sampler, name) == part, f"{name} gives something else when iterated again.")
        length = as_integer(run(len, sampler), f"len of {name}")
        require(
            length == len(part), f"len of {name} is {length}, and it gives {len(part)} indices."
        )
        parts.append(part)
    where = f"With {count} indices and {size} ranks,"
    dealt = [index for part in parts for index in part]
    twice = [index for index in set(dealt) if dealt.count(index) > 1]
    require(not twice, f"{where} {len(twice)} of the indices are given more than once.")
    missing = len(set(range(count)) - set(dealt))
    require(not missing, f"{where} no rank gives {missing} of them.")
    require(len(dealt) == count, f"{where} {len(dealt)} are dealt.")
    lengths = [len(part) for part in parts]
    require(
        max(lengths) - min(lengths) <= 1, f"{where} they get {lengths}: more than 1 apart."
    )  # fmt: skip
    for rank, part in enumerate(parts):
        if part != whole[rank::size]:
            start = sum(lengths[:rank])
            hint = "Other ranks must not change the order that one rank alone would have"
            if part == whole[start : start + len(part)]:
                hint = "These are neighbours in the order: take every p-th, from r on"
            elif sorted(part) == list(range(rank, count, size)):
                hint = "Shuffle first, then deal: this rank gets the same indices in each epoch"
            raise Wrong(f"{where} rank {rank} should give order[{rank}::{size}], where order is "
                        f"what Deal({count}, 0, 1, 5) gives. {hint}.")  # fmt: skip


def _orders(answer: Any) -> None:
    def order(seed: int, epoch: int | None, count: int = 40) -> list:
        sampler = call(answer, count, 0, 1, seed)
        if epoch is not None:
            run(sampler.set_epoch, epoch)
        return _listed(sampler, f"Deal({count}, 0, 1, {seed}) in epoch {epoch or 0}")

    before, numpys, pythons = torch.get_rng_state(), np.random.get_state(), random.getstate()
    first = order(0, 0)
    require(torch.equal(before, torch.get_rng_state()), "PyTorch's global generator was used.")
    require(pythons == random.getstate(), "Python's global generator was used.")
    same = [np.array_equal(a, b) for a, b in zip(numpys, np.random.get_state(), strict=True)]
    require(all(same), "NumPy's global generator was used.")
    torch.manual_seed(99)
    require(order(0, 0) == first, "Two samplers with the same count, seed and epoch differ.")
    require(order(0, None) == first, "Before set_epoch is called, the epoch is 0.")
    require(first != sorted(first), "The order is not random: the indices come sorted.")
    followed = sum(b - a in (1, -39) for a, b in itertools.pairwise(first))
    require(followed < 15, "Each index is mostly followed by the next: that is a rotation, and "
            "not a random permutation.")  # fmt: skip
    seen = {}
    for seed in range(4):
        for epoch in (0, 1, 2, 3, 10, 11, 20):
            found = tuple(order(seed, epoch))
            if found in seen:
                other, then = seen[found]
                hint = "Another epoch has another order."
                if other != seed:
                    hint = "Another seed has another order."
                if other != seed and then + other == epoch + seed:
                    hint = "Do not just add them up."
                elif other != seed and then != epoch:
                    hint = "One number made of two must tell every pair of them apart."
                raise Wrong(f"Seed {seed} in epoch {epoch} has the order of seed {other} in epoch "
                            f"{then}. {hint}")  # fmt: skip
            seen[found] = (seed, epoch)
    for epoch in range(100):
        other, then = seen.get(tuple(order(0, epoch)), (0, epoch))
        require(
            other == 0,
            f"Seed 0 in epoch {epoch} has the order of seed {other} in epoch {then}. One number "
            "made of two must tell every pair of them apart.",
        )
    sampler = call(answer, 40, 0, 1, 0)
    run(sampler.set_epoch, 3)
    run(sampler.set_epoch, 0)
    require(_listed(sampler, "Deal") == first, "After set_epoch(3) and set_epoch(0), epoch 0 has "
            "another order than before: the epoch alone decides.")  # fmt: skip
    # In 28 random permutations, an index seldom keeps its place, and any can come first.
    firsts = {found[0] for found in seen}
    require(len(firsts) > 6, f"In 28 orders of 40 indices, only {len(firsts)} different ones come "
            "first.")  # fmt: skip
