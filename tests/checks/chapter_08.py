"""Typical wrong answers to the exercises of chapter 08, and the hint that each must get."""

from torch.nn import functional as F


def with_a_fraction(k, d):
    return d * (k - 1) / 2


def without_dilation(k, d):
    return (k - 1) // 2


def both_ends_at_once(k, d):
    return d * (k - 1)


def stride_is_the_window(x, k, s):
    return F.max_pool2d(x, k)


def mean(x, k, s):
    return F.avg_pool2d(x, k, s)


def smallest(x, k, s):
    return x.unfold(2, k, s).unfold(3, k, s).amin(dim=(-2, -1))


def no_biases(layer, height, width):
    return layer.weight.numel(), 0


def by_the_input(layer, height, width):
    return sum(p.numel() for p in layer.parameters()), layer.weight.numel() * height * width


def one_number(layer, height, width):
    return sum(p.numel() for p in layer.parameters())


WRONG = {
    "08.1": [
        (with_a_fraction, "use //"),
        (without_dilation, "spreads the kernel"),
        (both_ends_at_once, "on both ends"),
    ],
    "08.2": [
        (stride_is_the_window, "Windows may overlap"),
        (mean, "take the largest value"),
        (smallest, "smallest value"),
    ],
    "08.3": [
        (no_biases, "the biases are missing"),
        (by_the_input, "each position of the output"),
        (one_number, "two numbers"),
    ],
}
