"""Checks of chapter 01, tensors."""

from typing import Any

import torch

from helpers.checks.machinery import call, close, exercise, require, require_tensor


@exercise("01.1")
def checkerboard(answer: Any) -> str:
    for n in (2, 5):
        board = require_tensor(call(answer, n), f"checkerboard({n})", (n, n))
        require(
            board[0, 0] == 0,
            "The top left field, where row + column is even, should be 0.",
        )
        rows = torch.arange(n).unsqueeze(1)
        expected = (rows + torch.arange(n)) % 2
        require(
            close(board, expected),
            f"checkerboard({n}) should be 0 where row + column is even and 1 elsewhere. "
            "Rows differ from their neighbours, too: add a column of row numbers to a row of "
            "column numbers.",
        )
    return "Broadcasting built the whole table from two ranges."


@exercise("01.2")
def standardize(answer: Any) -> str:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(6, 3, generator=generator) * torch.tensor([1.0, 5.0, 20.0]) + 7
    before = x.clone()
    z = require_tensor(call(answer, x), "standardize(x)", (6, 3))
    require(torch.equal(x, before), "x itself has changed: an in-place operation is at work.")
    along_rows = (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)
    require(
        not close(z, along_rows, 1e-3),
        "Each row has mean 0, but each column should: the mean runs over dim 0, the samples.",
    )
    require(
        not close(z, (x - x.mean()) / x.std(), 1e-3),
        "One mean and one spread were used for the whole table. Each column needs its own: dim=0.",
    )
    require(
        close(z.mean(0), torch.zeros(3), 1e-4),
        f"The columns' means should be 0, they are {z.mean(0).tolist()}.",
    )
    require(
        close(z.std(0), torch.ones(3), 1e-4),
        f"The columns' spreads should be 1, they are {z.std(0).tolist()}. Divide by x.std(dim=0).",
    )
    return "Each column has mean 0 and spread 1, and x is untouched."


@exercise("01.3")
def same_memory(answer: Any) -> str:
    x = torch.arange(6)
    cases = [
        (x, x.view(2, 3), True, "a view shows the same numbers under another shape"),
        (x, x.clone(), False, "a clone has memory of its own"),
        (
            x,
            x[1:],
            True,
            "x[1] and x[1:][0] are the same number in memory. A slice starts at another address "
            "in the same storage: compare storages",
        ),
        (x, torch.arange(6), False, "equal numbers are not the same memory"),
        (x, x[[0, 1]], False, "indexing with a list copies"),
        (x.view(2, 3), x.view(2, 3).t(), True, "a transpose only walks the memory differently"),
    ]
    for a, b, expected, why in cases:
        result = call(answer, a, b)
        require(
            bool(result) == expected,
            f"For {a.tolist()} and {b.tolist()} it gave {bool(result)}, but {why}.",
        )
    return "Two tensors share memory when they share a storage."


@exercise("01.4")
def pairwise_distances(answer: Any) -> str:
    generator = torch.Generator().manual_seed(2)
    a = torch.randn(5, 3, generator=generator)
    b = torch.randn(4, 3, generator=generator)
    d = require_tensor(call(answer, a, b), "pairwise_distances(a, b)", (5, 4))
    expected = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
    require(
        not close(d, expected**2, 1e-4),
        "These are squared distances: take the square root at the end.",
    )
    require(
        close(d, expected, 1e-4),
        "The numbers are not the distances. Give a the shape (5, 1, 3) and b the shape (1, 4, 3), "
        "subtract, square, sum over the last dimension, take the root.",
    )
    return "All pairs at once, without a loop."
