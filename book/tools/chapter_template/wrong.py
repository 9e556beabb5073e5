"""Typical wrong answers to the exercises of chapter @@N@@, and the hint that each must get."""


def in_place(x):
    return x.mul_(2)


def square(x):
    return x**2


def total(x):
    return x.sum()


def first(x):
    return x[0]


def value(x):
    return x.max()


def last(x):
    return x.numel() - 1


WRONG = {
    "@@NN@@.1": [
        (in_place, "x itself was changed"),
        (square, "expected [2.0, 6.0]"),
    ],
    "@@NN@@.2": [
        (total, "That is the sum"),
        (first, "The mean of 1 and 2 is 1.5"),
    ],
    "@@NN@@.3": [
        (value, "the largest value, not its place"),
        (last, "The place of 5"),
    ],
}
