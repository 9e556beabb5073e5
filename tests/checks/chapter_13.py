"""Typical wrong answers to the exercises of chapter 13, and the hint that each must get."""

from torch.nn import functional as F


def dice(truth, predicted, label):
    a, b = truth == label, predicted == label
    return 2 * (a & b).sum().item() / (a.sum() + b.sum()).item()


def over_the_truth(truth, predicted, label):
    a, b = truth == label, predicted == label
    return (a & b).sum().item() / a.sum().item()


def divides_by_zero(truth, predicted, label):
    a, b = truth == label, predicted == label
    return (a & b).sum().item() / (a | b).sum().item()


def exchanged(x, like):
    down, right = like.shape[2] - x.shape[2], like.shape[3] - x.shape[3]
    return F.pad(x, [0, down, 0, right])


def in_front(x, like):
    down, right = like.shape[2] - x.shape[2], like.shape[3] - x.shape[3]
    return F.pad(x, [right, 0, down, 0])


def cuts(x, like):
    down, right = like.shape[2] - x.shape[2], like.shape[3] - x.shape[3]
    return F.pad(x, [0, right, 0, down])


def one_sided(mask):
    values = mask.unsqueeze(1).float()
    return ((-F.max_pool2d(-values, 3, 1, 1) != values) & (values == 1)).squeeze(1)


def zeros_outside(mask):
    values = F.pad(mask.unsqueeze(1).float(), [1, 1, 1, 1])
    return (F.max_pool2d(values, 3, 1) != -F.max_pool2d(-values, 3, 1)).squeeze(1)


def as_float(mask):
    values = mask.unsqueeze(1).float()
    return (F.max_pool2d(values, 3, 1, 1) + F.max_pool2d(-values, 3, 1, 1)).squeeze(1)


WRONG = {
    "13.1": [
        (dice, "that is Dice"),
        (over_the_truth, "Divide by the union"),
        (divides_by_zero, "return 1.0"),
    ],
    "13.2": [
        (exchanged, "the last dimension first"),
        (in_front, "upper left"),
        (cuts, "F.pad would cut it"),
    ],
    "13.3": [
        (one_sided, "Only pixels of class 1"),
        (zeros_outside, "The edge of the picture"),
        (as_float, "a comparison gives bool"),
    ],
}
