"""Checks of chapter 04, datasets and loaders."""

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from helpers.checks.machinery import (
    NotAnswered,
    call,
    close,
    exercise,
    require,
    require_subclass,
    require_tensor,
)


@exercise("04.1")
def rows(answer: Any) -> str:
    require_subclass(answer, Dataset, "torch.utils.data.Dataset")
    table = [{"id": f"r{i}", "b": 10.0 * i, "a": i + 0.5, "y": i % 3} for i in range(7)]
    dataset = answer(table, ["a", "b"], "y")
    size = dataset.__len__()
    if size is ...:
        raise NotAnswered
    require(size == 7, f"len(dataset) is {size!r} for a table of 7 rows. Does __len__ return it?")
    sample = dataset[2]
    require(
        isinstance(sample, tuple) and len(sample) == 2,
        f"dataset[2] should be a pair (values, target), got {type(sample).__name__}.",
    )
    values = require_tensor(sample[0], "The first part of dataset[2]", (2,))
    require(
        values.dtype == torch.float32,
        f"The values are of {values.dtype}: ask for dtype=torch.float32.",
    )
    require(
        close(values, torch.tensor([2.5, 20.0])),
        f"dataset[2] holds {values.tolist()}, expected [2.5, 20.0]: the columns that were asked "
        "for, in their order.",
    )
    require(
        type(sample[1]) is int and sample[1] == 2,
        f"The target of dataset[2] should be the int 2, got {sample[1]!r}.",
    )
    batch, targets = next(iter(DataLoader(dataset, batch_size=7)))
    require(tuple(batch.shape) == (7, 2) and targets.dtype == torch.int64, "It does not collate.")
    return "A DataLoader takes it as it is."


@exercise("04.2")
def pad(answer: Any) -> str:
    samples = [torch.tensor([1, 2, 3]), torch.tensor([4]), torch.tensor([5, 6])]
    result = call(answer, samples)
    require(
        isinstance(result, tuple) and len(result) == 2,
        "It should return two things: the batch and the lengths.",
    )
    batch = require_tensor(result[0], "The batch")
    require(
        batch.shape[-1] != 1,
        "The sequences were cut to the shortest: fill up to the longest instead.",
    )
    batch = require_tensor(batch, "The batch", (3, 3))
    expected = torch.tensor([[1, 2, 3], [4, 0, 0], [5, 6, 0]])
    require(
        not close(batch, torch.tensor([[1, 2, 3], [0, 0, 4], [0, 5, 6]])),
        "The zeros stand in front: sequences begin at column 0.",
    )
    require(close(batch, expected), f"The batch is {batch.tolist()}, expected {expected.tolist()}.")
    require(
        batch.dtype == torch.int64,
        f"The batch is of {batch.dtype}, the samples of torch.int64: keep the dtype.",
    )
    lengths = torch.as_tensor(result[1])
    require(
        lengths.tolist() == [3, 1, 2],
        f"The lengths are {lengths.tolist()}, expected [3, 1, 2]: those before padding.",
    )
    return "Now nobody takes the padding for data."


@exercise("04.3")
def stratified(answer: Any) -> str:
    generator = torch.Generator().manual_seed(3)
    labels = torch.tensor([0] * 40 + [1] * 11 + [2] * 5)
    labels = labels[torch.randperm(len(labels), generator=generator)]
    result = call(answer, labels, 0.8)
    require(
        isinstance(result, tuple) and len(result) == 2,
        "It should return two lists of positions.",
    )
    first, second = (_positions(part) for part in result)
    require(not set(first) & set(second), "Some positions are in both lists.")
    require(
        sorted(first + second) == list(range(56)),
        "Some positions are in neither list, or twice in one. The lists hold positions in labels.",
    )
    counts = torch.bincount(labels[first], minlength=3).tolist()
    require(
        counts == [32, 8, 4],
        f"Of the classes with 40, 11 and 5 samples the first list has {counts}, expected "
        "[32, 8, 4]: split each class on its own, rounding down.",
    )
    return "Rare classes are in both parts."


def _positions(part: Any) -> list[int]:
    return part.tolist() if isinstance(part, Tensor) else [int(position) for position in part]
