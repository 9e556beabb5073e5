"""Right and wrong answers to the exercises of chapter 06, and the hint that each must get."""

import random

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import v2


def board(image, size):
    rows = torch.arange(image.shape[1]).unsqueeze(1) // size
    return (rows + torch.arange(image.shape[2]) // size) % 2


class Multiplies:
    def __init__(self, p, size):
        self.p, self.size = p, size

    def __call__(self, image):
        if torch.rand(()) >= self.p:
            return image
        return image * (board(image, self.size) == 0)


class LoopsOverFields:
    def __init__(self, p, size):
        self.p, self.size = p, size

    def __call__(self, image):
        image = image.clone()
        if torch.rand(1).item() < self.p:
            for i, top in enumerate(range(0, image.shape[-2], self.size)):
                for j, left in enumerate(range(0, image.shape[-1], self.size)):
                    if (i + j) % 2:
                        image[:, top : top + self.size, left : left + self.size] = 0
        return image


class AModule(nn.Module):
    def __init__(self, p, size):
        super().__init__()
        self.p = p
        self.size = size

    def forward(self, image):
        hidden = image.masked_fill(board(image, self.size).bool(), 0)
        return hidden if torch.rand(1) < self.p else image


class RandomApply(v2.RandomApply):
    def __init__(self, p, size):
        super().__init__([v2.Lambda(lambda image: image * (1 - board(image, size)).to(image))], p)


class Inherits(Multiplies):
    pass


class SinglePixels(Multiplies):
    def __call__(self, image):
        return image * (board(image, 1) == 0) if torch.rand(()) < self.p else image


class Inverted(Multiplies):
    def __call__(self, image):
        return image * board(image, self.size) if torch.rand(()) < self.p else image


class Stripes(Multiplies):
    def __call__(self, image):
        rows = torch.arange(image.shape[1]).unsqueeze(1) // self.size
        return image * (rows % 2 == 0) if torch.rand(()) < self.p else image


class OneChannel(Multiplies):
    def __call__(self, image):
        image = image.clone()
        if torch.rand(()) < self.p:
            image[0] *= board(image, self.size) == 0
        return image


class DrawsOnce(Multiplies):
    def __init__(self, p, size):
        self.on, self.size = bool(torch.rand(()) < p), size

    def __call__(self, image):
        return image * (board(image, self.size) == 0) if self.on else image


class Reversed(Multiplies):
    def __call__(self, image):
        return image * (board(image, self.size) == 0) if torch.rand(()) > self.p else image


class AlwaysOn(Multiplies):
    def __call__(self, image):
        return image * (board(image, self.size) == 0)


class HalfTheTime(Multiplies):
    def __call__(self, image):
        on = self.p and (self.p == 1 or torch.rand(()) < 0.5)
        return image * (board(image, self.size) == 0) if on else image


class EachFieldDrawn(Multiplies):
    def __call__(self, image):
        drawn = torch.rand(image.shape[1:]) < self.p
        return image * ~((board(image, self.size) == 1) & drawn)


class InPlace(Multiplies):
    def __call__(self, image):
        if torch.rand(()) < self.p:
            image *= board(image, self.size) == 0
        return image


class ReturnsFloats(Multiplies):
    def __call__(self, image):
        return image * (board(image, self.size) == 0).float() if torch.rand(()) < self.p else image


class ByNumpy(Multiplies):
    def __call__(self, image):
        return image * (board(image, self.size) == 0) if np.random.rand() < self.p else image


class ByPython(Multiplies):
    def __call__(self, image):
        return image * (board(image, self.size) == 0) if random.random() < self.p else image


class ByBernoulli(Multiplies):
    def __call__(self, image):
        on = torch.bernoulli(torch.tensor(float(self.p)))
        return image * (board(image, self.size) == 0) if on else image


class OwnGenerator(Multiplies):
    def __init__(self, p, size):
        super().__init__(p, size)
        self.generator = torch.Generator().manual_seed(0)

    def __call__(self, image):
        on = torch.rand((), generator=self.generator) < self.p
        return image * (board(image, self.size) == 0) if on else image


class ClassState:
    def __init__(self, p, size):
        ClassState.p, ClassState.size = p, size

    def __call__(self, image):
        return image * (board(image, self.size) == 0) if torch.rand(()) < self.p else image


class ReturnsNothing(Multiplies):
    def __call__(self, image):
        if torch.rand(()) < self.p:
            return image * (board(image, self.size) == 0)


def a_function(image):
    return image


def columns_stacked(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([width - x2, y1, width - x1, y2], dim=1)


def written_into_a_clone(boxes, width):
    new = boxes.clone()
    new[:, 0] = width - boxes[:, 2]
    new[:, 2] = width - boxes[:, 0]
    return new


def signs_and_offset(boxes, width):
    return boxes[:, [2, 1, 0, 3]] * torch.tensor([-1, 1, -1, 1]) + torch.tensor(
        [width, 0, width, 0]
    )


def by_rows(boxes, width):
    rows = [[width - x2, y1, width - x1, y2] for x1, y1, x2, y2 in boxes.tolist()]
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, 4)


def not_exchanged(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([width - x1, y1, width - x2, y2], dim=1)


def one_pixel_off(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([width - 1 - x2, y1, width - 1 - x1, y2], dim=1)


def upside_down(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([x1, width - y2, x2, width - y1], dim=1)


def both_ways(boxes, width):
    return width - boxes[:, [2, 3, 0, 1]]


def clamped(boxes, width):
    return torch.cat([columns_stacked(boxes, width)[:, [i]].clamp(*c) for i, c in enumerate(
        [(0, width), (None, 1e9), (0, width), (None, 1e9)])], dim=1)  # fmt: skip


def clamped_everywhere(boxes, width):
    return columns_stacked(boxes, width).clamp(0, width)


def never_negative(boxes, width):
    return columns_stacked(boxes, width).clamp(min=0)


def unchanged(boxes, width):
    return boxes


def only_exchanged(boxes, width):
    return boxes[:, [2, 1, 0, 3]]


def in_place_boxes(boxes, width):
    boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
    return boxes


def overwritten(boxes, width):
    new = boxes.clone()
    new[:, 0] = width - new[:, 2]
    new[:, 2] = width - new[:, 0]
    return new


def negated(boxes, width):
    return boxes[:, [2, 1, 0, 3]] * torch.tensor([-1, 1, -1, 1])


def columns_as_rows(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([width - x2, y1, width - x1, y2])


def a_list_of_boxes(boxes, width):
    return columns_stacked(boxes, width).tolist()


def rolled(images, labels, weight, classes):
    targets = F.one_hot(labels, classes).float()
    mixed = weight * images + (1 - weight) * images.roll(-1, dims=0)
    return mixed, weight * targets + (1 - weight) * targets.roll(-1, dims=0)


def a_list_of_two(images, labels, weight, classes):
    order = torch.cat([torch.arange(1, len(labels)), torch.zeros(1, dtype=torch.int64)])
    targets = torch.eye(classes)[labels]
    mixed = images * weight + images[order] * (1 - weight)
    return [mixed, torch.lerp(targets[order], targets, weight)]


def one_by_one(images, labels, weight, classes):
    mixed, targets = torch.empty_like(images), torch.zeros(len(labels), classes)
    for i in range(len(images)):
        j = (i + 1) % len(images)
        mixed[i] = weight * images[i] + (1 - weight) * images[j]
        targets[i, labels[i]] += weight
        targets[i, labels[j]] += 1 - weight
    return mixed, targets


def exchanged_weights(images, labels, weight, classes):
    return rolled(images, labels, 1 - weight, classes)


def the_one_before(images, labels, weight, classes):
    targets = F.one_hot(labels, classes).float()
    mixed = weight * images + (1 - weight) * images.roll(1, dims=0)
    return mixed, weight * targets + (1 - weight) * targets.roll(1, dims=0)


def labels_unmixed(images, labels, weight, classes):
    return rolled(images, labels, weight, classes)[0], F.one_hot(labels, classes).float()


def labels_exchanged(images, labels, weight, classes):
    return rolled(images, labels, weight, classes)[0], rolled(images, labels, 1 - weight, classes)[
        1
    ]


def images_unmixed(images, labels, weight, classes):
    return images, rolled(images, labels, weight, classes)[1]


def half_and_half(images, labels, weight, classes):
    return rolled(images, labels, 0.5, classes)


def last_with_itself(images, labels, weight, classes):
    beside = torch.cat([images[1:], images[-1:]])
    return weight * images + (1 - weight) * beside, rolled(images, labels, weight, classes)[1]


def assigned(images, labels, weight, classes):
    targets = torch.zeros(len(labels), classes)
    rows = torch.arange(len(labels))
    targets[rows, labels] = weight
    targets[rows, labels.roll(-1)] = 1 - weight
    return rolled(images, labels, weight, classes)[0], targets


def numbers_mixed(images, labels, weight, classes):
    mixed = rolled(images, labels, weight, classes)[0]
    return mixed, weight * labels + (1 - weight) * labels.roll(-1)


def classes_ignored(images, labels, weight, classes):
    return rolled(images, labels, weight, int(labels.max()) + 1)


def rolls_everything(images, labels, weight, classes):
    mixed = weight * images + (1 - weight) * images.roll(-1)
    return mixed, rolled(images, labels, weight, classes)[1]


def in_place_images(images, labels, weight, classes):
    targets = rolled(images, labels, weight, classes)[1]
    beside = images.roll(-1, 0)
    images.mul_(weight).add_(beside, alpha=1 - weight)
    return images, targets


def only_images(images, labels, weight, classes):
    return rolled(images, labels, weight, classes)[0]


def reversed_batch(images, labels, weight, classes):
    targets = F.one_hot(labels, classes).float()
    return weight * images + (1 - weight) * images.flip(0), targets


def slices_and_clamp(image, boxes, labels, size):
    y = int(torch.randint(image.shape[1] - size + 1, ()))
    x = int(torch.randint(image.shape[2] - size + 1, ()))
    return cut(image, boxes, labels, size, y, x)


def cut(image, boxes, labels, size, y, x, share=0.25):
    moved = (boxes - torch.tensor([x, y, x, y])).clamp(0, size)
    area, left = ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (boxes, moved))
    kept = left >= share * area
    return image[:, y : y + size, x : x + size], moved[kept], labels[kept]


def by_torchvision(image, boxes, labels, size):
    y, x = (v2.RandomCrop(size).make_params([image])[name] for name in ("top", "left"))
    return cut(image, boxes, labels, size, y, x)


def box_by_box(image, boxes, labels, size):
    _, height, width = image.shape
    y = torch.randint(0, height - size + 1, (1,)).item()
    x = torch.randint(0, width - size + 1, (1,)).item()
    kept, names = [], []
    for (x1, y1, x2, y2), label in zip(boxes.tolist(), labels.tolist(), strict=True):
        a, b = max(x1 - x, 0), max(y1 - y, 0)
        c, d = min(x2 - x, size), min(y2 - y, size)
        if c > a and d > b and 4 * (c - a) * (d - b) >= (x2 - x1) * (y2 - y1):
            kept.append([a, b, c, d])
            names.append(label)
    crop = image[:, y : y + size, x : x + size].clone()
    return [crop, torch.tensor(kept).reshape(-1, 4), torch.tensor(names, dtype=torch.long)]


def drawn(image, size, less=0):
    y = int(torch.randint(max(image.shape[1] - size + 1 - less, 1), ()))
    x = int(torch.randint(max(image.shape[2] - size + 1 - less, 1), ()))
    return y, x


def last_row_missing(image, boxes, labels, size):
    return cut(image, boxes, labels, size, *drawn(image, size, 1))


def one_draw_for_both(image, boxes, labels, size):
    draw = torch.rand(())
    y = int(draw * (image.shape[1] - size + 1))
    x = int(draw * (image.shape[2] - size + 1))
    return cut(image, boxes, labels, size, y, x)


def in_the_middle(image, boxes, labels, size):
    y, x = (image.shape[1] - size) // 2, (image.shape[2] - size) // 2
    return cut(image, boxes, labels, size, y, x)


def often_in_the_corner(image, boxes, labels, size):
    y, x = drawn(image, size) if torch.rand(()) < 0.5 else (0, 0)
    return cut(image, boxes, labels, size, y, x)


def boxes_stay(image, boxes, labels, size):
    y, x = drawn(image, size)
    crop, _, names = cut(image, boxes, labels, size, y, x)
    return crop, boxes[torch.isin(labels, names)], names


def axes_exchanged(image, boxes, labels, size):
    y, x = drawn(image, size)
    crop, _, names = cut(image, boxes, labels, size, y, x)
    wrong = (boxes - torch.tensor([y, x, y, x])).clamp(0, size)
    return crop, wrong[torch.isin(labels, names)], names


def with_boxes(image, boxes, labels, size, move):
    y, x = drawn(image, size)
    moved = move(boxes, torch.tensor([x, y, x, y]))
    area, left = ((b[:, 2:] - b[:, :2]).prod(dim=1) for b in (boxes, moved))
    kept = left >= 0.25 * area
    return image[:, y : y + size, x : x + size], moved[kept], labels[kept]


def boxes_stay_and_decide(image, boxes, labels, size):
    return with_boxes(image, boxes, labels, size, lambda b, place: b.clamp(0, size))


def boxes_stay_and_are_cut(image, boxes, labels, size):
    crop, _, names = slices_and_clamp(image, boxes, labels, size)
    return crop, boxes.clamp(0, size)[torch.isin(labels, names)], names


def axes_exchanged_throughout(image, boxes, labels, size):
    def move(b, place):
        return (b - place.flip(0)).clamp(0, size)

    return with_boxes(image, boxes, labels, size, move)


def place_added(image, boxes, labels, size):
    return with_boxes(image, boxes, labels, size, lambda b, place: (b + place).clamp(0, size))


def only_x_moved(image, boxes, labels, size):
    def move(b, place):
        return (b - place * torch.tensor([1, 0, 1, 0])).clamp(0, size)

    return with_boxes(image, boxes, labels, size, move)


def cut_off_too_early(image, boxes, labels, size):
    return with_boxes(image, boxes, labels, size, lambda b, place: (b - place).clamp(0, size - 1))


def shown_too_small(image, boxes, labels, size):
    crop, moved, names = slices_and_clamp(image, boxes, labels, size)
    return crop, moved.clamp(0, size - 1), names


def not_cut_off(image, boxes, labels, size):
    y, x = drawn(image, size)
    crop, _, names = cut(image, boxes, labels, size, y, x)
    moved = boxes - torch.tensor([x, y, x, y])
    return crop, moved[torch.isin(labels, names)], names


def keeps_every_box(image, boxes, labels, size):
    return cut(image, boxes, labels, size, *drawn(image, size), share=-1)


def keeps_halves(image, boxes, labels, size):
    return cut(image, boxes, labels, size, *drawn(image, size), share=0.5)


def quarter_of_the_crop(image, boxes, labels, size):
    crop, moved, names = cut(image, boxes, labels, size, *drawn(image, size), share=-1)
    kept = 4 * (moved[:, 2:] - moved[:, :2]).prod(dim=1) >= size * size
    return crop, moved[kept], names[kept]


def keeps_whole_boxes(image, boxes, labels, size):
    return cut(image, boxes, labels, size, *drawn(image, size), share=1)


def keeps_whole_labels(image, boxes, labels, size):
    crop, moved, _ = slices_and_clamp(image, boxes, labels, size)
    return crop, moved, labels


def boxes_in_place(image, boxes, labels, size):
    y, x = drawn(image, size)
    boxes -= torch.tensor([x, y, x, y])
    return image[:, y : y + size, x : x + size], boxes.clamp(0, size), labels


def mirrored_crop(image, boxes, labels, size):
    crop, moved, names = slices_and_clamp(image, boxes, labels, size)
    return crop.flip(2), moved, names


def by_pythons_random(image, boxes, labels, size):
    y = random.randint(0, image.shape[1] - size)
    x = random.randint(0, image.shape[2] - size)
    return cut(image, boxes, labels, size, y, x)


def only_the_crop(image, boxes, labels, size):
    return slices_and_clamp(image, boxes, labels, size)[0]


def rounded(image, boxes, labels, size):
    y = round(torch.rand(()).item() * (image.shape[1] - size))
    x = round(torch.rand(()).item() * (image.shape[2] - size))
    place = torch.tensor([x, y, x, y])
    cut = (boxes - place).clamp(0, size)
    area, left = ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (boxes, cut))
    keep = 4 * left >= area
    return image[:, y : y + size, x : x + size].clone(), cut[keep], labels[keep]


RIGHT = {
    "06.1": [Multiplies, LoopsOverFields, AModule, RandomApply, Inherits],
    "06.2": [columns_stacked, written_into_a_clone, signs_and_offset, by_rows],
    "06.3": [rolled, a_list_of_two, one_by_one],
    "06.4": [slices_and_clamp, by_torchvision, box_by_box],
}

WRONG = {
    "06.1": [
        (SinglePixels, "size × size"),
        (Inverted, "upper left field"),
        (Stripes, "stripes over whole rows"),
        (OneChannel, "Only the first channel"),
        (DrawsOnce, "drawn anew in every call"),
        (Reversed, "With p = 1 the picture came back as it was"),
        (AlwaysOn, "With p = 0 the picture should stay"),
        (HalfTheTime, "true with probability p"),
        (EachFieldDrawn, "draw one number for the whole picture"),
        (InPlace, "The numbers in the argument image have changed"),
        (ReturnsFloats, "has dtype float32, and uint8 is asked for"),
        (ByNumpy, "PyTorch's global generator"),
        (ByPython, "PyTorch's global generator"),
        (ByBernoulli, "not drawn by torch.rand"),
        (OwnGenerator, "PyTorch's global generator"),
        (ClassState, "keep both in self"),
        (ReturnsNothing, "Does it end with a return statement?"),
        (a_function, "A class is asked for, and it is the function"),
    ],
    "06.2": [
        (not_exchanged, "x1 is larger than x2"),
        (one_pixel_off, "one pixel too far left"),
        (upside_down, "this mirrors top to bottom"),
        (both_ways, "mirror left to right only"),
        (clamped, "cut off at the edge"),
        (clamped_everywhere, "cut off at the picture's border: leave them as they are"),
        (never_negative, "Numbers below 0 have become 0"),
        (unchanged, "stayed where they were"),
        (only_exchanged, "exchanged and not mirrored"),
        (in_place_boxes, "The numbers in the argument boxes have changed"),
        (overwritten, "x2 needs the old one"),
        (negated, "add the width"),
        (columns_as_rows, "has shape (4, 2), and (2, 4) is asked for"),
        (a_list_of_boxes, "should be a torch.Tensor, and it is a list of 2"),
    ],
    "06.3": [
        (exchanged_weights, "The weights are exchanged"),
        (the_one_before, "roll the other way"),
        (labels_unmixed, "The labels are not mixed"),
        (labels_exchanged, "The labels' weights are exchanged"),
        (images_unmixed, "The images are not mixed"),
        (half_and_half, "averaged half and half"),
        (last_with_itself, "the one after the last is the first"),
        (assigned, "one was written over the other"),
        (numbers_mixed, "mix one-hot vectors"),
        (classes_ignored, "has shape (3, 3), and (3, 4) is asked for"),
        (rolls_everything, "another dimension than the batch"),
        (in_place_images, "The numbers in the argument images have changed"),
        (only_images, "should return two things, the mixed images and the label probabilities"),
        (reversed_batch, "the reversed batch"),
    ],
    "06.4": [
        (last_row_missing, "begins at row 4"),
        (one_draw_for_both, "draw the row and the column independently"),
        (in_the_middle, "should be equally likely"),
        (rounded, "rounding makes both half as likely"),
        (often_in_the_corner, "begin at the same row"),
        (boxes_stay, "in the whole image: subtract left from x and top from y"),
        (boxes_stay_and_decide, "in the whole image: subtract left from x and top from y"),
        (boxes_stay_and_are_cut, "in the whole image: subtract left from x and top from y"),
        (axes_exchanged, "Rows and columns are exchanged"),
        (axes_exchanged_throughout, "Rows and columns are exchanged: subtract left from x"),
        (place_added, "The crop's place is added to the boxes: subtract left from x"),
        (only_x_moved, "A box that lies wholly in the crop is missing or in another place"),
        (cut_off_too_early, "cut off at size, not at size - 1"),
        (shown_too_small, "cut off at size, not at size - 1"),
        (not_cut_off, "cut them off at 0"),
        (keeps_every_box, "and was kept: less than a quarter"),
        (quarter_of_the_crop, "less than a quarter of its own area is left, not of the crop's"),
        (keeps_whole_boxes, "and was dropped: not less than a quarter"),
        (keeps_halves, "and was dropped: not less than a quarter"),
        (keeps_whole_labels, "and (4,) is asked for"),
        (boxes_in_place, "The numbers in the argument boxes have changed"),
        (mirrored_crop, "is not a piece of the image"),
        (by_pythons_random, "PyTorch's global generator"),
        (only_the_crop, "should be a list"),
    ],
}
