"""Checks of chapter @@N@@, @@LOWER@@."""

from typing import Any

import torch

from helpers.checks.machinery import Draw, as_integer, call, compare, exercise


@exercise(
    "@@NN@@.1",
    hints=(
        "A question, or the idea that the answer needs.",
        "Which functions and shapes lead there, and still not the solution.",
    ),
)
def double(answer: Any) -> str:
    draw = Draw(1)
    for x in (torch.tensor([1.0, 3.0]), draw.normal(2, 4), draw.normal(3, dtype=torch.float64)):
        compare(
            call(answer, x),
            x + x,
            f"double(x), for x of shape {tuple(x.shape)},",
            typical={
                "This is the square: multiply by 2.": x**2,
                "This is x itself: multiply by 2.": x,
                "This is the half: multiply by 2.": x / 2,
                "2 was added: multiply by 2.": x + 2,
                "The sign is wrong.": -2 * x,
            },
        )
    return "One sentence that adds something."


@exercise(
    "@@NN@@.2",
    hints=(
        "A question, or the idea that the answer needs.",
        "Which functions and shapes lead there, and still not the solution.",
    ),
)
def mean_of(answer: Any) -> str:
    draw = Draw(2)
    for x in (torch.tensor([3, 2, 9]), draw.normal(5), draw.integers(-9, 9, 2, 3)):
        numbers = x.flatten().tolist()
        compare(
            call(answer, x),
            sum(numbers) / len(numbers),
            f"mean_of(x), for x of shape {tuple(x.shape)},",
            typical={
                "This is the sum: divide by how many there are.": float(sum(numbers)),
                "This is the first number.": numbers[0],
                "This is the largest number.": max(numbers),
                "This is the smallest number.": min(numbers),
                "The mean was rounded down.": sum(numbers) // len(numbers),
            },
        )
    return "One sentence that adds something."


@exercise(
    "@@NN@@.3",
    hints=(
        "A question, or the idea that the answer needs.",
        "Which functions and shapes lead there, and still not the solution.",
    ),
)
def largest(answer: Any) -> str:
    draw = Draw(3)
    for x in (torch.tensor([[1, 5], [3, 2]]), draw.order(12).reshape(3, 4), draw.order(5) - 9):
        numbers = x.flatten().tolist()
        place = numbers.index(max(numbers))
        name = f"largest(x), for x of shape {tuple(x.shape)},"
        compare(
            as_integer(call(answer, x), name),
            place,
            name,
            typical={
                "This is the largest value, not its place.": max(numbers),
                "This is the place of the smallest number.": numbers.index(min(numbers)),
                "This is the last place.": len(numbers) - 1,
                "Places are counted from 0.": place + 1,
                "This is the column alone: count through all rows.": place % x.shape[-1],
            },
        )
    return "One sentence that adds something."
