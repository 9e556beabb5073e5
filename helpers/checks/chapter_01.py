"""Checks of chapter 01, tensors."""

from typing import Any

import torch

from helpers.checks.machinery import (
    Draw,
    NotAnswered,
    Wrong,
    as_bool,
    as_numbers,
    as_tensor,
    call,
    compare,
    describe,
    diagnose,
    exercise,
    forbid,
    is_stub,
    named,
    require,
    run,
    same,
)


@exercise(
    "01.1",
    hints=(
        "Whether a field is 0 or 1 depends on row + column alone. How do you get the table of "
        "all these sums from the numbers 0 to n - 1, without a loop?",
        "index = torch.arange(n) is a row. index.unsqueeze(1) is a column. Broadcasting adds them "
        "to an n × n table; % 2 tells even from odd.",
    ),
)
def checkerboard(answer: Any) -> str:
    for n in (2, 5, 1, 8):
        index = torch.arange(n)
        rows, columns = torch.meshgrid(index, index, indexing="ij")
        compare(
            call(answer, n),
            (rows + columns) % 2,
            f"checkerboard({n})",
            typical={
                "The colours are exchanged: the top left field, where row + column is 0 and so "
                "even, should be 0.": (rows + columns + 1) % 2,
                "All rows are alike. Neighbouring rows differ, too: add a column of row numbers to "
                "a row of column numbers.": columns % 2,
                "Each row has a single number. Neighbouring columns differ, too: add a row of "
                "column numbers to a column of row numbers.": rows % 2,
                "It is 1 only where row and column are both odd: add them, do not multiply.": (
                    rows * columns % 2
                ),
                "These are the sums row + column themselves: % 2 tells even from odd.": (
                    rows + columns
                ),
                "The fields are 1 and -1, and 0 and 1 are asked for.": (
                    1 - 2 * ((rows + columns) % 2)
                ),
            },
            hint="It is 0 where row + column is even, and 1 elsewhere.",
        )
    forbid(
        answer,
        loops="The board is right, but there is a loop in the code. Let broadcasting make the "
        "table: a column of numbers plus a row of numbers.",
    )
    return "Broadcasting built the whole table from two ranges."


@exercise(
    "01.2",
    hints=(
        "A mean over dim 0 runs over the samples and leaves one number for each column.",
        "x.mean(dim=0) and x.std(dim=0) have shape (columns,), and broadcasting applies them to "
        "every row. Subtract first, then divide, and use no operation with an underscore or -=.",
    ),
)
def standardize(answer: Any) -> str:
    draw = Draw(1)
    for rows, columns, dtype in ((6, 3, None), (4, 7, torch.float64), (90, 2, None)):
        x = draw.normal(rows, columns, dtype=dtype or torch.float32)
        x = x * torch.linspace(1, 20, columns).to(x) + torch.linspace(7, -3, columns).to(x)
        name = f"standardize(x), for x of shape {tuple(x.shape)},"
        z = as_tensor(call(answer, x), name, (rows, columns))
        if same(z, (x - x.mean(0)) / x.std(0, correction=0), 1e-4):
            continue  # divided by N in place of N - 1, as the statement allows
        diagnose(z, _mistakes(x, 0), 1e-4)
        compare(
            z,
            (x - x.mean(0)) / x.std(0),
            name,
            tolerance=1e-4,
            typical=_mistakes(x, 1),
            hint="Each column needs its own mean and its own spread: dim=0.",
        )
    return "Each column has mean 0 and spread 1, and x is untouched."


def _mistakes(x: torch.Tensor, correction: int) -> dict[str, torch.Tensor]:
    mean, spread = x.mean(0), x.std(0, correction=correction)
    row_mean, row_spread = x.mean(1, keepdim=True), x.std(1, keepdim=True, correction=correction)
    return {
        "Each row has mean 0 and spread 1, but each column should: the mean runs over dim 0, the "
        "samples.": (x - row_mean) / row_spread,
        "One mean and one spread were used for the whole table. Each column needs its own: "
        "dim=0.": (x - x.mean()) / x.std(correction=correction),
        "The means are 0, but the spreads are not 1: divide by x.std(dim=0).": x - mean,
        "The spreads are 1, but the means are not 0: subtract the mean first.": x / spread,
        "It was divided by the variance: the standard deviation is its root.": (
            (x - mean) / spread**2
        ),
        "It was multiplied by the spread: divide by it.": (x - mean) * spread,
        "The columns run from 0 to 1. That is another scaling, by minimum and maximum: mean 0 and "
        "standard deviation 1 are asked for.": (x - x.amin(0)) / (x.amax(0) - x.amin(0)),
        "Each column has its own mean, but one spread was used for the whole table: x.std(dim=0) "
        "has one for each column.": (x - mean) / x.std(correction=correction),
        "x / spread was computed before the mean was subtracted: (x - mean) / spread needs its "
        "parentheses.": x - mean / spread,
        "It was divided by the mean distance from the mean. The standard deviation squares the "
        "distances, averages, and takes the root.": (x - mean) / (x - mean).abs().mean(0),
    }


@exercise(
    "01.3",
    hints=(
        "Where a tensor begins in memory does not tell: a slice begins somewhere else in the same "
        "storage. What do all windows on one storage have in common?",
        "a.untyped_storage() is the storage behind a, and its data_ptr() the address at which it "
        "begins. Two windows lie in one storage when these addresses are equal.",
    ),
)
def same_memory(answer: Any) -> str:
    x, weight = torch.arange(60.0), torch.ones(4, requires_grad=True)
    with torch.no_grad():
        table = x.view(6, 10)
    cases = [
        ("x", x, "x.view(6, 10)", table, True, "a view shows the same numbers in another shape"),
        ("x", x, "x.clone()", x.clone(), False, "a clone has memory of its own"),
        (
            *("x", x, "x[1:]", x[1:], True),
            "x[1] and x[1:][0] are the same number in memory. A slice starts at another address in "
            "the same storage: compare storages",
        ),
        ("x", x, "an equal tensor", torch.arange(60.0), False, "equal numbers are not the same "
         "memory"),
        ("x", x, "x[[0, 1]]", x[[0, 1]], False, "indexing with a list copies"),
        ("x", x, "x.data", x.data, True, "x.data is another tensor on the same storage"),
        ("x.view(6, 10)", table, "its transpose", table.t(), True,
         "a transpose only walks the memory differently"),
        ("x.view(6, 10)", table, "y.view(6, 10)", x.clone().view(6, 10), False,
         "views of two tensors have two storages"),
        ("x[:3]", x[:3], "x[50:]", x[50:], True,
         "both are windows on the storage of x, though they share no element of it"),
        ("x[0::2]", x[0::2], "x[1::2]", x[1::2], True,
         "both are windows on the storage of x, though they share no element of it"),
        ("x[3:5]", x[3:5], "x[:20].clone()", x[:20].clone(), False, "a clone has memory of its "
         "own"),
        ("a weight", weight, "weight.detach()", weight.detach(), True,
         "detach leaves the graph and keeps the memory"),
        ("a row", x[:5], "row.expand(3, 5)", x[:5].expand(3, 5), True, "expand copies nothing"),
        ("x", x, "x.int()", x.int(), False, "another dtype needs a copy"),
        ("x", x, "x.view(torch.int32)", x.view(torch.int32), True,
         "view(dtype) reads the same bytes as another type"),
        ("x", x, "x", x, True, "a tensor shares memory with itself"),
    ]  # fmt: skip
    for first, a, second, b, expected, why in cases:
        for one, left, other, right in ((first, a, second, b), (second, b, first, a)):
            name = f"same_memory({one}, {other})"
            result = as_bool(call(answer, left, right), name)
            require(result == expected, f"{name} gave {result}, but {why}.")
    return "Two tensors share memory when they share a storage."


@exercise(
    "01.4",
    hints=(
        "Let broadcasting make the table of all differences: N rows of a, M rows of b, D numbers "
        "each. Which shapes give (N, M, D)?",
        "a.unsqueeze(1) has shape (N, 1, D) and b.unsqueeze(0) has (1, M, D). Subtract, square, "
        "sum over the last dimension, take the root.",
    ),
)
def pairwise_distances(answer: Any) -> str:
    draw = Draw(2)
    sizes = ((5, 4, 3), (1, 6, 2), (3, 3, 1), (2, 7, 8), (80, 80, 3))
    for n, m, d in sizes:
        for dtype in (torch.float32, torch.float64):
            a, b = draw.normal(n, d, dtype=dtype), draw.normal(m, d, dtype=dtype)
            if n == m == 80:
                b = a.clone()  # so many that |a|² + |b|² - 2 a·b rounds below 0 at some of them
            elif n > 1:
                b[-1] = a[0]  # a distance of exactly 0
            name = f"pairwise_distances(a, b), for shapes {tuple(a.shape)} and {tuple(b.shape)},"
            difference = a.unsqueeze(1) - b.unsqueeze(0)
            distance = difference.double().norm(dim=-1)
            result = as_tensor(call(answer, a, b), name, dtype="float")
            hollow = result.isnan()
            require(
                not hollow.any() or result.shape != distance.shape or hollow[distance > 0].any(),
                "The distance of a point to itself is nan: |a|² + |b|² - 2 a·b can round below 0, "
                "and its root is nan. Subtract first, then square, or clamp at 0 before the root.",
            )
            require(
                not hollow.any(),
                "A distance is nan: the root of a number below 0. Squares of differences are never "
                "below 0.",
            )
            compare(
                result,
                distance,
                name,
                tolerance=1e-3,
                typical={
                    "These are squared distances: take the square root at the end.": distance**2,
                    "Absolute differences were added, as a taxi drives. The Euclidean distance "
                    "squares them, adds, and takes the root.": difference.abs().sum(-1),
                    "The largest difference alone was taken: square all, add, take the root.": (
                        difference.abs().amax(-1)
                    ),
                    "The mean of the squares was taken: the distance needs their sum.": (
                        difference.square().mean(-1).sqrt()
                    ),
                    "The differences were added before they were squared: square first.": (
                        difference.sum(-1).abs()
                    ),
                    "The table is transposed: row i belongs to a[i], column j to b[j].": distance.T,
                    "The last dimension, with D numbers, is still there: sum over it.": (
                        difference.square().sqrt()
                    ),
                    "These are dot products, not distances: subtract before you multiply.": a @ b.T,
                },
                hint="Give a the shape (N, 1, D) and b the shape (1, M, D), subtract, square, sum "
                "over the last dimension, take the root.",
            )
    forbid(
        answer,
        names={"cdist": "The distances are right, but cdist computed them. Write the table "
               "yourself: broadcasting makes all the differences."},
        loops="The distances are right, but there is a loop in the code. Broadcasting makes all "
        "the differences at once: a.unsqueeze(1) - b.unsqueeze(0).",
    )  # fmt: skip
    return "All pairs at once, without a loop."


@exercise(
    "01.5",
    hints=(
        "All windows need the same list. What has to be stored beside it, so that get(i, j) finds "
        "its number in a transpose, or in a rectangle that begins somewhere inside?",
        "Keep an offset and two strides: the place of (i, j) is offset + i * stride[0] + j * "
        "stride[1]. t() exchanges lengths and strides; crop moves the offset to the place of "
        "(top, left) and keeps the strides.",
    ),
)
def table(answer: Any) -> str:
    if not isinstance(answer, type):
        raise Wrong(f"A class is asked for, and the answer is {describe(answer)}.")
    for method in ("get", "set", "t", "crop", "contiguous"):
        require(hasattr(answer, method), f"{named(answer)} has no method {method}.")
        if is_stub(getattr(answer, method)):
            raise NotAnswered
    for steps in (
        (),
        (("t",),),
        (("crop", 1, 1, 2, 3),),
        (("t",), ("t",)),
        (("crop", 1, 1, 3, 3), ("crop", 0, 1, 2, 2)),
        (("t",), ("crop", 2, 1, 2, 3)),
        (("crop", 0, 2, 4, 3), ("t",)),
        (("contiguous",),),
        (("t",), ("contiguous",)),
        (("crop", 1, 0, 2, 5), ("contiguous",)),
        (("crop", 0, 1, 3, 2), ("contiguous",)),
        (("t",), ("contiguous",), ("t",), ("crop", 1, 1, 2, 2)),
    ):
        _compare_windows(answer, 4, 5, steps)
    draw = Draw(15)
    for _ in range(12):
        rows, columns = draw.integers(4, 8, 2).tolist()
        steps, m, n = [], rows, columns
        for kind in draw.integers(0, 4, 4).tolist():
            if kind == 0 and min(m, n) > 2:
                height, width = (int(draw.integers(2, size, 1)) for size in (m, n))
                top, left = (
                    int(draw.integers(0, size - part + 1, 1))
                    for size, part in ((m, height), (n, width))
                )
                steps.append(("crop", top, left, height, width))
                m, n = height, width
            elif kind == 1:
                steps.append(("contiguous",))
            else:
                steps.append(("t",))
                m, n = n, m
        _compare_windows(answer, rows, columns, tuple(steps))
    return "An offset and two strides: that is a view."


def _compare_windows(answer: Any, rows: int, columns: int, steps: tuple) -> None:
    """Does the same to a table and to a tensor, and writes to every window in turn."""
    numbers = [10 * i for i in range(rows * columns)]
    theirs = [call(answer, list(numbers), rows, columns)]
    ours = [torch.tensor(numbers).reshape(rows, columns)]
    texts = [f"Table(numbers, {rows}, {columns})"]
    for kind, *place in steps:
        theirs.append(call(getattr(theirs[-1], kind), *place))
        if kind == "crop":
            top, left, height, width = place
            ours.append(ours[-1][top : top + height, left : left + width])
        else:
            ours.append(getattr(ours[-1], kind)())
        texts.append(f"{texts[-1]}.{kind}({', '.join(map(str, place))})")
    for their, our, text in zip(theirs, ours, texts, strict=True):
        _compare_numbers(their, our, text)
    for number, (their, our, text) in enumerate(zip(theirs, ours, texts, strict=True)):
        i, j = our.shape[0] - 1, number % our.shape[1]
        run(their.set, i, j, -1 - number)
        our[i, j] = -1 - number
        for other, right, name in zip(theirs, ours, texts, strict=True):
            _compare_numbers(other, right, name, f", after set({i}, {j}, …) in {text}")


def _compare_numbers(their: Any, our: torch.Tensor, text: str, when: str = "") -> None:
    shape = getattr(their, "shape", None)
    if shape is None:
        raise Wrong(f"{text} should have an attribute shape, and it is {describe(their)}.")
    found = as_numbers(shape, f"{text}.shape", 2)
    require(
        tuple(found) == tuple(our.shape),
        f"{text}.shape is {tuple(int(n) for n in found)}, and it should be {tuple(our.shape)}.",
    )
    for i in range(our.shape[0]):
        for j in range(our.shape[1]):
            compare(call(their.get, i, j), our[i, j].item(), f"{text}.get({i}, {j}){when}")
