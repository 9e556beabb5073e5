"""Checks of chapter 04, datasets and loaders."""

import math
import random
from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from helpers.checks.machinery import (
    Draw,
    NotAnswered,
    Wrong,
    as_class,
    as_integer,
    as_list,
    as_pair,
    as_tensor,
    call,
    compare,
    describe,
    exercise,
    is_stub,
    named,
    plain,
    require,
)


@exercise(
    "04.1",
    hints=(
        "What does the dataset have to keep in __init__, so that __getitem__ can find row i and "
        "pick its columns?",
        "row = self.table[index] is a dictionary. torch.tensor([row[name] for name in "
        "self.columns], dtype=torch.float32) are the values, and int(row[self.target]) the target.",
    ),
)
def rows(answer: Any) -> str:
    as_class(answer, Dataset, "torch.utils.data.Dataset")
    require(
        hasattr(answer, "__len__"), "There is no __len__: a Dataset tells how many samples it has."
    )
    if is_stub(answer.__len__) or is_stub(answer.__getitem__):
        raise NotAnswered
    wide = [{"id": f"r{i}", "c": i, "b": 10.0 * i, "a": i + 0.5, "y": i % 3} for i in range(7)]
    whole = [{"k": 4 - i, "z": 2 * i, "x": i * i} for i in range(4)]
    coded = [{"class": float(i + 1), "w": 0.25 * i, "flag": i % 2 == 0} for i in range(3)]
    given = [
        (wide, ["a", "b"], "y"),
        (whole, ["z", "x"], "k"),
        (coded, ["w", "flag"], "class"),
        (wide, ["c"], "c"),
        (wide[:1], ["b", "c", "a"], "y"),
    ]
    first = call(answer, *given[0])
    _compare_dataset(first, *given[0])
    for table, columns, target in given[1:]:
        _compare_dataset(call(answer, table, columns, target), table, columns, target)
    try:
        _compare_dataset(first, *given[0])
    except Wrong as error:
        raise Wrong(
            "A dataset gives something else once another one is made: keep the table, the columns "
            "and the target in self."
        ) from error
    values, targets = next(iter(DataLoader(first, batch_size=7)))
    require(
        tuple(values.shape) == (7, 2) and targets.dtype == torch.int64,
        "A DataLoader cannot make a batch of these samples.",
    )
    return "A DataLoader takes it as it is."


def _compare_dataset(dataset: Any, table: list[dict], columns: list[str], target: str) -> None:
    where = f"With the columns {columns} and the target {target!r},"
    size = as_integer(call(dataset.__len__), f"{where} len(dataset)")
    require(
        size == len(table),
        f"{where} len(dataset) is {size} for a table of {len(table)} row{'s' * (len(table) != 1)}.",
    )
    for i, row in reversed(list(enumerate(table))):
        name, before = f"{where} dataset[{i}]", _written(table)
        result = call(dataset.__getitem__, i)
        if _written(table) != before:
            cause = "" if target in row else " pop takes a value out, row[target] only reads it."
            raise Wrong(f"{name} has changed the table: it should stay as it is.{cause}")
        values, found = as_pair(result, name, "the values", "the target")
        numbers = [float(row[c]) for c in columns]
        keys = [k for k, v in row.items() if not isinstance(v, str)]
        compare(
            values,
            torch.tensor(numbers),
            f"{where} the first part of dataset[{i}]",
            typical={
                "The columns are in the order of the alphabet: theirs in `columns` counts.": (
                    torch.tensor([float(row[c]) for c in sorted(columns)])
                ),
                "The columns are in the order of the table: theirs in `columns` counts.": (
                    torch.tensor([float(row[c]) for c in row if c in columns])
                ),
                "The columns are in the reverse order.": torch.tensor(numbers[::-1]),
                "The target stands among the values: it comes on its own, as the second part.": (
                    torch.tensor([*numbers, float(row[target])])
                ),
                "All columns but the target are there, and those in `columns` are asked for.": (
                    torch.tensor([float(row[k]) for k in keys if k != target])
                ),
                "All columns of the table are there, and those in `columns` are asked for.": (
                    torch.tensor([float(row[k]) for k in keys])
                ),
                "This is another row: index counts from 0.": torch.tensor(
                    [float(table[(i + 1) % len(table)][c]) for c in columns]
                ),
            },
            hint=f"Row {i} is {plain(row)}.",
        )
        as_tensor(
            values,
            f"{where} the first part of dataset[{i}]",
            dtype=torch.float32,
            why="Ask for it with dtype=torch.float32.",
        )
        require(
            type(found) is int,
            f"{where} the target of dataset[{i}] should be a Python int, and it is "
            f"{describe(found)}: int(...) makes one.",
        )
        require(
            found == int(row[target]),
            f"{where} the target of dataset[{i}] is {found}, and it should be {int(row[target])}.",
        )


def _written(table: list[dict]) -> list[list[str]]:
    return [sorted(f"{key}: {value!r}" for key, value in row.items()) for row in table]


@exercise(
    "04.2",
    hints=(
        "How wide does the batch have to be, and what should stand where a sequence has ended? "
        "When do you have to note the lengths?",
        "samples[0].new_zeros(len(samples), longest) has the right dtype. Write each sample into "
        "the beginning of its row. The lengths are torch.tensor([len(s) for s in samples]).",
    ),
)
def pad(answer: Any) -> str:
    draw = Draw(4)
    for lengths, dtype in (
        *(((3, 1, 2), torch.int64), ((2, 5, 4, 1), torch.float32), ((4,), torch.float64)),
        *(((1, 1), torch.int32), ((6, 2, 7, 7, 3), torch.float64)),
    ):
        samples = [draw.integers(1, 9, n).to(dtype) for n in lengths]
        if dtype.is_floating_point:
            samples = [sample + 0.25 for sample in samples]
        if len(samples) > 1:
            samples[0][-1] = 0  # a zero that belongs to the data
        shown = f"for lengths {lengths},"
        batch, found = as_pair(call(answer, samples), f"pad(samples), {shown}", "the batch",
                               "the lengths")  # fmt: skip
        compare(
            batch,
            _padded(samples),
            f"The batch, {shown}",
            typical=_mistakes_of_padding(samples),
            hint="Each row begins with its sample and ends with zeros.",
        )
        as_tensor(batch, f"The batch, {shown}", dtype=dtype, why="It is that of the samples.")
        longest = max(lengths)
        compare(
            found,
            torch.tensor(lengths),
            f"The second result, the lengths {shown}",
            typical={
                "These are the lengths after padding: those before it are asked for.": (
                    torch.full((len(lengths),), longest)
                ),
                "Zeros that belong to a sample are not counted: take the lengths of the samples.": (
                    torch.tensor([int((s != 0).sum()) for s in samples])
                ),
                "This is how many zeros were added, not how long the samples are.": (
                    longest - torch.tensor(lengths)
                ),
                "The lengths are sorted, and the samples are not.": (
                    torch.tensor(lengths).sort(descending=True).values
                ),
                "This is a mask of what is data: the lengths are asked for.": (
                    torch.arange(longest) < torch.tensor(lengths).unsqueeze(1)
                ),
                "This is the number of samples: each has a length.": torch.tensor(len(lengths)),
                "This is the longest length alone: each sample has one.": torch.tensor(longest),
            },
            dtype="integer",
        )
    return "Now nobody takes the padding for data."


def _padded(samples: list[Tensor], fill: float = 0.0, front: bool = False) -> Tensor:
    longest = max(len(sample) for sample in samples)
    rows = []
    for sample in samples:
        rest = [fill] * (longest - len(sample))
        rows.append([*rest, *sample.tolist()] if front else [*sample.tolist(), *rest])
    return torch.tensor(rows, dtype=samples[0].dtype)


def _mistakes_of_padding(samples: list[Tensor]) -> dict[str, Any]:
    shortest = min(len(sample) for sample in samples)
    right = _padded(samples)
    order = sorted(range(len(samples)), key=lambda i: -len(samples[i]))
    wider = torch.cat([right, right.new_zeros(len(right), 1)], dim=1)
    return {
        "The sequences were cut to the shortest: fill up to the longest instead.": torch.stack(
            [sample[:shortest] for sample in samples]
        ),
        "The zeros stand in front: sequences begin at column 0.": _padded(samples, front=True),
        "The batch is transposed: each sample is a row (batch_first=True).": right.T,
        "It is filled up with ones, and zeros are asked for.": _padded(samples, 1),
        "It is filled up with -1, and zeros are asked for.": _padded(samples, -1),
        "The samples are sorted by length: keep their order.": right[order],
        "Each sample is repeated where zeros should be.": lambda: torch.stack(
            [s.repeat(right.shape[1])[: right.shape[1]] for s in samples]
        ),
        "Everything is cut to the length of the first sample: the longest counts.": (
            lambda: right[:, : len(samples[0])]
        ),
        "The batch is one column too wide.": wider,
        "The fractions are lost: give the batch the dtype of the samples.": right.to(torch.int64),
    }


@exercise(
    "04.3",
    hints=(
        "One class at a time: at which positions does it stand, and how many of these go into the "
        "first list?",
        "(labels == label).nonzero().squeeze(1).tolist() are the positions of a label, and "
        "labels.unique() all labels. int(share * n) rounds down; the rest goes into the second.",
    ),
)
def stratified(answer: Any) -> str:
    draw = Draw(3)
    for sizes, names, share in (
        ((40, 11, 13, 5), (0, 1, 2, 3), 0.8),
        ((8, 3, 1, 6), (7, -2, 3, 30), 0.5),
        ((9, 2), (1, 4), 0.25),
        ((3, 5), (0, 1), 0.0),
        ((2, 4), (5, 0), 1.0),
        ((7,), (2,), 0.3),
        ((12, 10), (1, 0), 0.125),
    ):
        labels = torch.cat([torch.full((n,), v) for n, v in zip(sizes, names, strict=True)])
        labels = labels[draw.order(len(labels))]
        _compare_split(answer, labels, share)
    return "Rare classes are in both parts."


def _compare_split(answer: Any, labels: Tensor, share: float) -> None:
    name = f"stratified(labels, {share})"
    first, second = _split(answer, labels, share)
    n = len(labels)
    classes = sorted(set(labels.tolist()))
    sizes = [int((labels == c).sum()) for c in classes]
    given = first + second
    beyond = [i for i in given if not 0 <= i < n]
    if beyond:
        raise Wrong(f"{name} gave {beyond[0]}: positions in {n} labels go from 0 to {n - 1}.")
    require(
        sorted(given) != sorted(labels.tolist()) or len(set(given)) == n,
        f"{name} gave the labels themselves: their positions are asked for.",
    )
    require(
        sorted(given) != sorted(i for size in sizes for i in range(size)) or len(classes) == 1,
        f"{name} gave positions within each class: positions in labels are asked for.",
    )
    both = sorted(set(first) & set(second))
    if both:
        raise Wrong(f"{name}: position {both[0]} is in both lists.")
    require(
        len(set(first)) == len(first) and len(set(second)) == len(second),
        f"{name}: a position is twice in one list.",
    )
    missing = sorted(set(range(n)) - set(given))
    if missing:
        raise Wrong(
            f"{name}: {len(missing)} of {n} positions are in neither list, such as {missing[0]}, "
            f"which has label {int(labels[missing[0]])}."
        )
    counts = _counts(first, labels)
    expected = [math.floor(share * size) for size in sizes]
    if counts == expected:
        return
    typical = {
        "the second list has what the first should have: exchange them.": [
            s - e for s, e in zip(sizes, expected, strict=True)
        ],
        "the numbers are rounded up: round down.": [math.ceil(share * s) for s in sizes],
        "the numbers are rounded to the nearest: round down.": [round(share * s) for s in sizes],
        "each class has at least one in the first list, and rounding down may leave none.": [
            max(1, e) for e in expected
        ],
        "the first has the share that the second should have.": [
            math.floor((1 - share) * s) for s in sizes
        ],
        "each class has as many as the rarest gives: each has its own share.": [
            math.floor(share * min(sizes))
        ]
        * len(sizes),
    }
    text = f"{name}: of classes with {sizes} samples, the first list has {counts}, and {expected} "
    together = "are asked for: split each class on its own, not all together."
    as_one = sum(counts) in (math.floor(share * n), math.ceil(share * n), round(share * n))
    for turn in range(1, 4):  # the labels in other orders, which a split by class does not notice
        others = labels.roll(turn * n // 4)
        if as_one and _counts(_split(answer, others, share)[0], others) != counts:
            raise Wrong(f"{text}{together}")
    for hint, wrong in typical.items():
        require(counts != wrong or wrong == expected, f"{text}are asked for: {hint}")
    require(not as_one, f"{text}{together}")
    raise Wrong(f"{text}are asked for: share times the size of each class, rounded down.")


def _split(answer: Any, labels: Tensor, share: float) -> list[list[int]]:
    name = f"stratified(labels, {share})"
    pair = as_pair(call(answer, labels, share), name, "the first list", "the second list")
    return [
        _positions(part, f"The {which} result of {name}")
        for part, which in zip(pair, ("first", "second"), strict=True)
    ]


def _counts(positions: list[int], labels: Tensor) -> list[int]:
    valid = [i for i in positions if 0 <= i < len(labels)]
    found = labels[torch.tensor(valid, dtype=torch.int64)]
    return [int((found == c).sum()) for c in labels.unique()]


def _positions(part: Any, name: str) -> list[int]:
    """Returns a list of Python integers."""
    found = as_list(part, name)
    for value in found:
        require(
            type(value) is int,
            f"{name} should hold Python ints, and one is {describe(value)}: .tolist() makes ints "
            "of a tensor.",
        )
    return found


@exercise(
    "04.4",
    hints=(
        "How many positions of each class does one epoch need? A class that is smaller than that "
        "has to be gone through again, each time in another order.",
        "Keep a torch.Generator in self, and in __iter__ join torch.randperm orders of a class "
        "until there are enough. Shaped (batches, per_class), the classes stand side by side.",
    ),
)
def balanced_batches(answer: Any) -> str:
    if not isinstance(answer, type):
        raise Wrong(f"A class is asked for, and the answer is {describe(answer)}.")
    for method in ("__len__", "__iter__"):
        require(hasattr(answer, method), f"{named(answer)} has no {method}.")
        if is_stub(getattr(answer, method)):
            raise NotAnswered
    draw = Draw(44)
    for sizes, names, per_class in (
        ((90, 10), (0, 1), 4),
        ((50, 23, 7), (3, -1, 8), 5),
        ((2, 40), (1, 0), 8),
        ((12, 12, 12), (0, 1, 2), 3),
        ((30,), (5,), 7),
        ((6, 3), (0, 1), 6),
    ):
        labels = torch.cat([torch.full((n,), v) for n, v in zip(sizes, names, strict=True)])
        labels = labels[draw.order(len(labels))]
        where = f"With classes of {list(sizes)} samples and per_class={per_class},"
        others = _other_generators()
        sampler = call(answer, labels, per_class, 3)
        epochs = [_epoch(sampler, labels, per_class, where) for _ in range(2)]
        require(
            len(labels) < 20 or epochs[0] != epochs[1],
            f"{where} two epochs have the same order: go on with one generator, and do not seed "
            "it anew in every epoch.",
        )
        again = call(answer, labels, per_class, 3)
        require(
            [_epoch(again, labels, per_class, where) for _ in range(2)] == epochs,
            f"{where} two samplers with the same seed give different epochs: draw everything from "
            "a generator of the sampler's own.",
        )
        other = call(answer, labels, per_class, 4)
        require(
            len(labels) < 20 or _epoch(other, labels, per_class, where) != epochs[0],
            f"{where} another seed gives the same batches.",
        )
        require(
            len(labels) < 20 or not _in_order(epochs[0], labels),
            f"{where} the positions of each class come in the order of the data: shuffle them.",
        )
        for label, count in zip(names, sizes, strict=True):
            own = [[i for batch in epoch for i in batch if labels[i] == label] for epoch in epochs]
            require(
                count < 10 or own[0] != own[1],
                f"{where} the positions of class {label} come in the same order in two epochs: "
                "shuffle every class anew.",
            )
        require(
            _other_generators() == others,
            f"{where} the global generator of Python or of NumPy has moved: leave it alone, and "
            "draw from a generator of the sampler's own.",
        )
    return "Every batch has all classes, and no sample is left behind."


def _other_generators() -> tuple[Any, ...]:
    """Returns the states of the global generators of Python and of NumPy."""
    _, keys, *rest = np.random.get_state()
    return random.getstate(), keys.tolist(), rest


def _epoch(sampler: Any, labels: Tensor, per_class: int, where: str) -> list[list[int]]:
    """Returns an epoch's batches, sorted within, after a look at what must hold in each epoch."""
    sizes = Counter(labels.tolist())
    batches = max(sizes.values()) // per_class
    length = as_integer(call(sampler.__len__), f"{where} len(sampler)")
    require(
        length == batches,
        f"{where} len(sampler) is {length}, and it should be {batches}: as many batches as the "
        "largest class can fill.",
    )
    found = [
        _positions(batch, f"{where} batch {number}")
        for number, batch in enumerate(call(_all_of, sampler, changes=True))
    ]
    for number, batch in enumerate(found):
        beyond = [i for i in batch if not 0 <= i < len(labels)]
        if beyond:
            raise Wrong(f"{where} batch {number} has {beyond[0]}, which is not a position.")
        counts = Counter(labels[batch].tolist())
        for label in sorted(sizes):
            require(
                counts[label] == per_class,
                f"{where} batch {number} has {counts[label]} of class {label}, and not "
                f"{per_class}.",
            )
    require(
        len(found) == batches,
        f"{where} there are {len(found)} batches in an epoch, and len(sampler) is {batches}.",
    )
    times = Counter(i for batch in found for i in batch)
    for label in sorted(sizes):
        members = (labels == label).nonzero().flatten().tolist()
        most, least = max(times[i] for i in members), min(times[i] for i in members)
        require(
            most - least <= 1,
            f"{where} a position of class {label} comes {most} times in an epoch, and another of "
            f"the same class {least} times: use them all before one comes again.",
        )
    return [sorted(batch) for batch in found]


def _all_of(sampler: Any) -> list[Any]:
    return list(sampler)


def _in_order(batches: list[list[int]], labels: Tensor) -> bool:
    """Tells whether the largest class comes in its order from batch to batch."""
    largest = Counter(labels.tolist()).most_common(1)[0][0]
    firsts = [[i for i in batch if labels[i] == largest] for batch in batches]
    order = [i for batch in firsts for i in batch]
    return len(batches) > 2 and order == sorted(order)
