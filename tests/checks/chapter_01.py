"""Typical wrong answers to the exercises of chapter 01, and the hint that each must get."""

import torch


def constant_along_rows(n):
    return torch.arange(n).expand(n, n) % 2


def inverted(n):
    index = torch.arange(n)
    return (index.unsqueeze(1) + index + 1) % 2


def along_rows(x):
    return (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)


def whole_table(x):
    return (x - x.mean()) / x.std()


def in_place(x):
    x -= x.mean(dim=0)
    x /= x.std(dim=0)
    return x


def same_address(a, b):
    return a.data_ptr() == b.data_ptr()


def same_numbers(a, b):
    return a.shape == b.shape and torch.equal(a, b)


def squared(a, b):
    return (a.unsqueeze(1) - b.unsqueeze(0)).square().sum(dim=-1)


def other_way_round(a, b):
    return (a.unsqueeze(0) - b.unsqueeze(1)).square().sum(dim=-1).sqrt()


def city_block(a, b):
    return (a.unsqueeze(1) - b.unsqueeze(0)).abs().sum(dim=-1)


WRONG = {
    "01.1": [
        (constant_along_rows, "add a column of row numbers"),
        (inverted, "The top left field"),
    ],
    "01.2": [
        (along_rows, "each column should"),
        (whole_table, "Each column needs its own"),
        (in_place, "in-place"),
    ],
    "01.3": [
        (same_address, "compare storages"),
        (same_numbers, "the same numbers under another shape"),
    ],
    "01.4": [
        (squared, "take the square root"),
        (other_way_round, "has shape (4, 5), expected (5, 4)"),
        (city_block, "subtract, square, sum"),
    ],
}
