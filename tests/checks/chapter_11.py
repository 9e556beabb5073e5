"""Typical wrong answers to the exercises of chapter 11, and the hint that each must get."""

import copy

import torch
from torch import nn


def without_the_start(layers, n):
    result = []
    for kernel, stride, padding in layers:
        n = (n + 2 * padding - kernel) // stride
        result.append(n)
    return result


def one_sided(layers, n):
    result = []
    for kernel, stride, padding in layers:
        n = (n + padding - kernel) // stride + 1
        result.append(n)
    return result


def with_fractions(layers, n):
    result = []
    for kernel, stride, padding in layers:
        n = (n + 2 * padding - kernel) / stride + 1
        result.append(n)
    return result


def not_scaled(x, p, training):
    return x * (torch.rand_like(x) >= p) if training else x


def keeps_with_p(x, p, training):
    return x * (torch.rand_like(x) < p) / (1 - p) if training else x


def always(x, p, training):
    return x * (torch.rand_like(x) >= p) / (1 - p)


def in_place(net):
    net.features.insert(len(net.features) - 1, nn.AdaptiveAvgPool2d(5))
    return net


def untouched(net):
    return copy.deepcopy(net)


WRONG = {
    "11.1": [
        (without_the_start, "+ 1"),
        (one_sided, "on both ends"),
        (with_fractions, "// rounds down"),
    ],
    "11.2": [
        (not_scaled, "divide by 1 - p"),
        (keeps_with_p, "not to keep"),
        (always, "return x as it is"),
    ],
    "11.3": [
        (in_place, "work on a deep copy"),
        (untouched, "For 67 pixels it fails"),
    ],
}
