"""Checks of chapter 08, convolution."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from helpers.checks.machinery import call, close, exercise, require, require_tensor


@exercise("08.1")
def same_padding(answer: Any) -> str:
    for k, d in ((1, 1), (3, 1), (7, 1), (3, 2), (5, 3)):
        p = call(answer, k, d)
        require(
            isinstance(p, int),
            f"same_padding({k}, {d}) gave {p!r}: padding is a whole number, use //.",
        )
        size = 40 + 2 * p - d * (k - 1)
        require(
            size == 40,
            f"With kernel {k}, dilation {d} and padding {p}, a side of 40 becomes {size}. "
            + ("The dilation spreads the kernel over d * (k - 1) + 1 pixels." if d > 1 else "")
            + ("Padding is added on both ends." if d == 1 and size > 40 else ""),
        )
    return 'padding="same" does this.'


@exercise("08.2")
def max_pool(answer: Any) -> str:
    x = torch.randn(2, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    for k, s in ((3, 2), (2, 2), (3, 1)):
        expected = F.max_pool2d(x, k, s)
        name = f"max_pool(x, {k}, {s})"
        y = require_tensor(call(answer, x, k, s), name)
        require(
            tuple(y.shape) != tuple(F.max_pool2d(x, k, k).shape) or s == k or k == 3 == s,
            f"{name} has shape {tuple(y.shape)}: that is a stride of {k}. Windows may overlap.",
        )
        y = require_tensor(y, name, tuple(expected.shape))
        require(
            not close(y, F.avg_pool2d(x, k, s)),
            f"{name} is the mean of each window: take the largest value.",
        )
        require(
            not close(y, -F.max_pool2d(-x, k, s)),
            f"{name} is the smallest value of each window: take the largest.",
        )
        require(close(y, expected), f"{name} is not the largest value of each window.")
    return "Two unfolds and a maximum."


@exercise("08.3")
def cost(answer: Any) -> str:
    cases = [
        (nn.Conv2d(3, 8, 5), 20, 30, (608, 600 * 16 * 26)),
        (nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2), 16, 16, (152, 144 * 8 * 8)),
    ]
    for layer, height, width, (parameters, products) in cases:
        result = call(answer, layer, height, width)
        require(
            isinstance(result, tuple) and len(result) == 2,
            "It should return two numbers: weights, multiplications.",
        )
        found = tuple(int(value) for value in result)
        require(
            found[0] != parameters - layer.out_channels,
            f"For {layer} it counts {found[0]} weights: the biases are missing.",
        )
        require(
            found[0] == parameters,
            f"For {layer} it counts {found[0]} weights, there are {parameters}.",
        )
        require(
            found[1] != layer.weight.numel() * height * width,
            f"For {layer} it multiplies by the size of the input. Each weight is used once for "
            "each position of the output.",
        )
        require(
            found[1] == products,
            f"For {layer} on {height} x {width} it gave {found[1]} multiplications, expected "
            f"{products}: weights times positions of the output.",
        )
    return "Few weights, many multiplications: that is a convolution."
