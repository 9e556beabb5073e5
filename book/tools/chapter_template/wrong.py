"""Right and wrong answers to the exercises of chapter @@N@@, and the hint that each must get."""

import numpy as np
import torch


def twice(x):
    return 2 * x


def with_itself(x):
    return x + x


def multiplied(x):
    return torch.mul(x, 2)


def in_place(x):
    return x.mul_(2)


def square(x):
    return x**2


def same(x):
    return x


def half(x):
    return x / 2


def two_more(x):
    return x + 2


def negative(x):
    return -2 * x


def as_list(x):
    return (2 * x).tolist()


def no_return(x):
    x = 2 * x


def stacked(x):
    return torch.stack([x, x])


def mean(x):
    return x.double().mean()


def mean_as_number(x):
    return sum(x.flatten().tolist()) / x.numel()


def mean_by_numpy(x):
    return np.mean(x.numpy())


def total(x):
    return x.sum()


def first(x):
    return x.flatten()[0]


def greatest(x):
    return x.max()


def least(x):
    return x.min()


def rounded_down(x):
    return x.sum() // x.numel()


def along_rows(x):
    return x.double().mean(dim=-1, keepdim=True).expand(2, -1)


def text(x):
    return str(mean(x).item())


def fails_for_integers(x):
    return x.mean()


def argmax(x):
    return x.argmax()


def argmax_as_int(x):
    return int(torch.argmax(x).item())


def index_in_list(x):
    return x.flatten().tolist().index(x.max().item())


def argmin(x):
    return x.argmin()


def last(x):
    return x.numel() - 1


def from_one(x):
    return x.argmax() + 1


def column(x):
    return x.argmax() % x.shape[-1]


def row_and_column(x):
    return divmod(int(x.argmax()), x.shape[-1])


def one_for_each_column(x):
    return x.argmax(dim=0)


RIGHT = {
    "@@NN@@.1": [twice, with_itself, multiplied],
    "@@NN@@.2": [mean, mean_as_number, mean_by_numpy],
    "@@NN@@.3": [argmax, argmax_as_int, index_in_list],
}

WRONG = {
    "@@NN@@.1": [
        (in_place, "an in-place operation is at work"),
        (square, "This is the square"),
        (same, "This is x itself"),
        (half, "This is the half"),
        (two_more, "2 was added"),
        (negative, "The sign is wrong"),
        (as_list, "should be a torch.Tensor, and it is the list"),
        (no_return, "Does it end with a return statement?"),
        (stacked, "has shape (2, 2), and (2,) is asked for"),
    ],
    "@@NN@@.2": [
        (total, "This is the sum"),
        (first, "This is the first number"),
        (greatest, "This is the largest number"),
        (least, "This is the smallest number"),
        (rounded_down, "The mean was rounded down"),
        (along_rows, "should be one number, and it is a float64 tensor of shape"),
        (text, "should be one number, and it is the text"),
        (fails_for_integers, "(in `return x.mean()` for [3, 2, 9])"),
    ],
    "@@NN@@.3": [
        (greatest, "the largest value, not its place"),
        (argmin, "the place of the smallest number"),
        (last, "This is the last place"),
        (from_one, "Places are counted from 0"),
        (column, "This is the column alone"),
        (row_and_column, "should be one number, and it is the tuple"),
        (one_for_each_column, "should be one number, and it is an int64 tensor"),
        (no_return, "Does it end with a return statement?"),
    ],
}
