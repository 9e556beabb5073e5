"""Typical wrong answers to the exercises of chapter 05, and the hint that each must get."""

import torch
from torchvision import ops
from torchvision.io import encode_jpeg


def always_75(image, limit):
    return encode_jpeg(image, quality=75)


def in_steps_of_ten(image, limit):
    for quality in range(100, 0, -10):
        data = encode_jpeg(image, quality=quality)
        if len(data) <= limit:
            return data
    raise ValueError


def strictly_below(image, limit):
    for quality in range(100, 0, -1):
        data = encode_jpeg(image, quality=quality)
        if len(data) < limit:
            return data
    raise ValueError


def never_raises(image, limit):
    for quality in range(100, 0, -1):
        data = encode_jpeg(image, quality=quality)
        if len(data) <= limit:
            return data
    return data


def half_the_size(boxes):
    sizes = boxes[:, 2:] - boxes[:, :2]
    return torch.cat([sizes / 2, sizes], dim=1)


def sums(boxes):
    total = boxes[:, 2:] + boxes[:, :2]
    return torch.cat([total / 2, total], dim=1)


def size_first(boxes):
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat([high - low, (low + high) / 2], dim=1)


def all_at_once(boxes, scores, labels, limit):
    return ops.nms(boxes, scores, limit)


def unsorted(boxes, scores, labels, limit):
    return torch.sort(ops.batched_nms(boxes, scores, labels, limit), descending=True).values


WRONG = {
    "05.1": [
        (always_75, "more than the limit"),
        (in_steps_of_ten, "fits as well"),
        (strictly_below, "met exactly"),
        (never_raises, "Nothing fits"),
    ],
    "05.2": [
        (half_the_size, "not half the width"),
        (sums, "differences of corners"),
        (size_first, "The centre comes first"),
    ],
    "05.3": [
        (all_at_once, "compare within a label"),
        (unsorted, "highest score first"),
    ],
}
