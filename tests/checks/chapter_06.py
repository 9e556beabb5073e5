"""Typical wrong answers to the exercises of chapter 06, and the hint that each must get."""

import torch
from torch.nn import functional as F


class SinglePixels:
    def __init__(self, p, size):
        self.p = p

    def __call__(self, image):
        rows = torch.arange(image.shape[1]).unsqueeze(1)
        return image * ((rows + torch.arange(image.shape[2])) % 2 == 0)


class Inverted:
    def __init__(self, p, size):
        self.size = size

    def __call__(self, image):
        rows = torch.arange(image.shape[1]).unsqueeze(1) // self.size
        return image * ((rows + torch.arange(image.shape[2]) // self.size) % 2 == 1)


class DrawsOnce:
    def __init__(self, p, size):
        self.on, self.size = bool(torch.rand(()) < p), size

    def __call__(self, image):
        if not self.on:
            return image
        rows = torch.arange(image.shape[1]).unsqueeze(1) // self.size
        return image * ((rows + torch.arange(image.shape[2]) // self.size) % 2 == 0)


def not_exchanged(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([width - x1, y1, width - x2, y2], dim=1)


def one_pixel_off(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([width - 1 - x2, y1, width - 1 - x1, y2], dim=1)


def upside_down(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([x1, width - y2, x2, width - y1], dim=1)


def exchanged_weights(images, labels, weight, classes):
    targets = F.one_hot(labels, classes).float()
    mixed = (1 - weight) * images + weight * images.roll(-1, dims=0)
    return mixed, (1 - weight) * targets + weight * targets.roll(-1, dims=0)


def the_one_before(images, labels, weight, classes):
    targets = F.one_hot(labels, classes).float()
    mixed = weight * images + (1 - weight) * images.roll(1, dims=0)
    return mixed, weight * targets + (1 - weight) * targets.roll(1, dims=0)


def labels_unmixed(images, labels, weight, classes):
    mixed = weight * images + (1 - weight) * images.roll(-1, dims=0)
    return mixed, F.one_hot(labels, classes).float()


WRONG = {
    "06.1": [
        (SinglePixels, "size × size"),
        (Inverted, "upper left field"),
        (DrawsOnce, "Draw in every call"),
    ],
    "06.2": [
        (not_exchanged, "x1 is larger than x2"),
        (one_pixel_off, "one pixel too far left"),
        (upside_down, "mirror left to right only"),
    ],
    "06.3": [
        (exchanged_weights, "The weights are exchanged"),
        (the_one_before, "roll the other way"),
        (labels_unmixed, "not mixed like the images"),
    ],
}
