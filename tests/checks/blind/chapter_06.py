"""Chapter 06."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Checker_index:
    """parity of row field + column field, masked_fill makes a copy"""

    def __init__(self, p, size):
        self.p, self.size = (p, size)

    def __call__(self, image):
        if torch.rand(1).item() >= self.p:
            return image
        rows = torch.arange(image.shape[-2]) // self.size
        columns = torch.arange(image.shape[-1]) // self.size
        odd = (rows[:, None] + columns) % 2 == 1
        return image.masked_fill(odd, 0)


class Checker_loops:
    """loops over fields"""

    def __init__(self, p, size):
        self.p, self.size = (p, size)

    def __call__(self, image):
        out = image.clone()
        if torch.rand(()) < self.p:
            s = self.size
            for i, y in enumerate(range(0, image.shape[1], s)):
                for j, x in enumerate(range(0, image.shape[2], s)):
                    if (i + j) % 2:
                        out[:, y : y + s, x : x + s] = 0
        return out


class Checker_module(nn.Module):
    """a module; mask by repeat_interleave of a 2 x 2 board and torch.where"""

    def __init__(self, p, size):
        super().__init__()
        self.probability = float(p)
        self.side = int(size)

    def forward(self, image):
        draw = float(torch.rand(1))
        if not draw < self.probability:
            return image
        _, h, w = image.shape
        board = torch.tensor([[True, False], [False, True]])
        board = board.repeat_interleave(self.side, 0).repeat_interleave(self.side, 1)
        board = board.repeat(h // (2 * self.side) + 1, w // (2 * self.side) + 1)[:h, :w]
        return torch.where(board, image, torch.zeros_like(image))


class Checker_roll:
    """xor of two stripes, index assignment to a clone"""

    def __init__(self, p, size):
        self.p = p
        self.size = size

    def __call__(self, picture):
        hit = torch.rand(1)[0] < self.p
        result = picture.clone()
        if hit:
            down = (torch.arange(picture.size(1)) // self.size).remainder(2).bool()
            across = (torch.arange(picture.size(2)) // self.size).remainder(2).bool()
            result[:, down.unsqueeze(1) ^ across.unsqueeze(0)] = 0
        return result


def _odd(image, size):
    rows = torch.arange(image.shape[-2]) // size
    columns = torch.arange(image.shape[-1]) // size
    return (rows[:, None] + columns) % 2 == 1


class _Base:
    def __init__(self, p, size):
        self.p, self.size = (p, size)


class Checker_in_place(_Base):
    def __call__(self, image):
        if torch.rand(1) < self.p:
            image[:, _odd(image, self.size)] = 0
        return image


class Checker_upper_left_gone(_Base):
    def __call__(self, image):
        if torch.rand(1) < self.p:
            return image.masked_fill(~_odd(image, self.size), 0)
        return image


class Checker_flipped_probability(_Base):
    def __call__(self, image):
        if torch.rand(1) > self.p:
            return image.masked_fill(_odd(image, self.size), 0)
        return image


class Checker_always(_Base):
    def __call__(self, image):
        torch.rand(1)
        return image.masked_fill(_odd(image, self.size), 0)


class Checker_numpy_random(_Base):
    def __call__(self, image):
        if np.random.rand() < self.p:
            return image.masked_fill(_odd(image, self.size), 0)
        return image


class Checker_own_generator:
    def __init__(self, p, size):
        self.p, self.size = (p, size)
        self.generator = torch.Generator().manual_seed(0)

    def __call__(self, image):
        if torch.rand(1, generator=self.generator) < self.p:
            return image.masked_fill(_odd(image, self.size), 0)
        return image


class Checker_draws_once:
    def __init__(self, p, size):
        self.on, self.size = (bool(torch.rand(1) < p), size)

    def __call__(self, image):
        return image.masked_fill(_odd(image, self.size), 0) if self.on else image


class Checker_per_field(_Base):
    def __call__(self, image):
        out = image.clone()
        s = self.size
        for i, y in enumerate(range(0, image.shape[1], s)):
            for j, x in enumerate(range(0, image.shape[2], s)):
                if (i + j) % 2 and torch.rand(1) < self.p:
                    out[:, y : y + s, x : x + s] = 0
        return out


class Checker_stripes(_Base):
    def __call__(self, image):
        if torch.rand(1) < self.p:
            out = image.clone()
            out[..., torch.arange(image.shape[2]) // self.size % 2 == 1] = 0
            return out
        return image


class Checker_size_one(_Base):
    def __call__(self, image):
        if torch.rand(1) < self.p:
            return image.masked_fill(_odd(image, 1), 0)
        return image


class Checker_float(_Base):
    def __call__(self, image):
        if torch.rand(1) < self.p:
            return image.float() * ~_odd(image, self.size)
        return image


class Checker_whole_fields_only(_Base):
    def __call__(self, image):
        if torch.rand(1) < self.p:
            out, s = (image.clone(), self.size)
            for i in range(image.shape[1] // s):
                for j in range(image.shape[2] // s):
                    if (i + j) % 2:
                        out[:, i * s : (i + 1) * s, j * s : (j + 1) * s] = 0
            return out
        return image


class Checker_square_mask(_Base):
    def __call__(self, image):
        if torch.rand(1) < self.p:
            out = image.clone()
            out[0][_odd(image, self.size)] = 0
            return out
        return image


class Checker_draws_two(_Base):
    def __call__(self, image):
        if torch.rand(2)[0] < self.p:
            return image.masked_fill(_odd(image, self.size), 0)
        return image


def flip_stack(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([width - x2, y1, width - x1, y2], dim=1)


def flip_clone(boxes, width):
    out = boxes.clone()
    out[:, 0] = width - boxes[:, 2]
    out[:, 2] = width - boxes[:, 0]
    return out


def flip_index(boxes, width):
    out = boxes[:, [2, 1, 0, 3]]
    out[:, ::2] = width - out[:, ::2]
    return out


def flip_loop(b, w):
    if len(b) == 0:
        return b.clone()
    return torch.stack([torch.stack((w - r[2], r[1], w - r[0], r[3])) for r in b])


def flip_not_swapped(boxes, width):
    out = boxes.clone()
    out[:, 0] = width - boxes[:, 0]
    out[:, 2] = width - boxes[:, 2]
    return out


def flip_overwrites(boxes, width):
    out = boxes.clone()
    out[:, 0] = width - out[:, 2]
    out[:, 2] = width - out[:, 0]
    return out


def flip_in_place(boxes, width):
    old = boxes.clone()
    boxes[:, 0] = width - old[:, 2]
    boxes[:, 2] = width - old[:, 0]
    return boxes


def flip_vertical(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([x1, width - y2, x2, width - y1], dim=1)


def flip_minus_one(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([width - 1 - x2, y1, width - 1 - x1, y2], dim=1)


def flip_clamps(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([width - x2, y1, width - x1, y2], dim=1).clamp(min=0)


def flip_xywh(boxes, width):
    out = boxes.clone()
    out[:, 0] = width - boxes[:, 0] - boxes[:, 2]
    return out


def flip_swaps_y_too(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([width - x2, y2, width - x1, y1], dim=1)


def flip_transposed(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([width - x2, y1, width - x1, y2])


def flip_hard_width(boxes, width):
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.stack([100 - x2, y1, 100 - x1, y2], dim=1)


def flip_first_only(boxes, width):
    out = boxes.clone()
    out[0, 0] = width - boxes[0, 2]
    out[0, 2] = width - boxes[0, 0]
    return out


def mixup_roll(images, labels, weight, classes):
    hot = F.one_hot(labels, classes).float()
    return (
        weight * images + (1 - weight) * images.roll(-1, 0),
        weight * hot + (1 - weight) * hot.roll(-1, 0),
    )


def mixup_index(images, labels, weight, classes):
    other = (torch.arange(len(images)) + 1) % len(images)
    hot = torch.eye(classes)[labels]
    return [torch.lerp(images[other], images, weight), torch.lerp(hot[other], hot, weight)]


def mixup_loop(images, labels, weight, classes):
    x, y = (torch.zeros_like(images), torch.zeros(len(labels), classes))
    n = len(images)
    for i in range(n):
        j = (i + 1) % n
        x[i] = images[i] * weight + images[j] * (1 - weight)
        y[i, labels[i]] += weight
        y[i, labels[j]] += 1 - weight
    return (x, y)


def mixup_scatter(x, y, w, k):
    following = torch.cat([x[1:], x[:1]])
    own = torch.zeros(len(y), k).scatter_(1, y[:, None], 1.0)
    return (following + w * (x - following), w * own + (1 - w) * torch.cat([own[1:], own[:1]]))


def mixup_previous(images, labels, weight, classes):
    hot = F.one_hot(labels, classes).float()
    return (
        weight * images + (1 - weight) * images.roll(1, 0),
        weight * hot + (1 - weight) * hot.roll(1, 0),
    )


def mixup_weights_swapped(images, labels, weight, classes):
    hot = F.one_hot(labels, classes).float()
    return (
        (1 - weight) * images + weight * images.roll(-1, 0),
        (1 - weight) * hot + weight * hot.roll(-1, 0),
    )


def mixup_labels_not_mixed(images, labels, weight, classes):
    return (weight * images + (1 - weight) * images.roll(-1, 0), F.one_hot(labels, classes).float())


def mixup_label_numbers(images, labels, weight, classes):
    return (
        weight * images + (1 - weight) * images.roll(-1, 0),
        weight * labels + (1 - weight) * labels.roll(-1, 0),
    )


def mixup_random_partner(images, labels, weight, classes):
    p = torch.randperm(len(images))
    hot = F.one_hot(labels, classes).float()
    return (weight * images + (1 - weight) * images[p], weight * hot + (1 - weight) * hot[p])


def mixup_in_place(images, labels, weight, classes):
    hot = F.one_hot(labels, classes).float()
    other = images.roll(-1, 0)
    images.mul_(weight).add_((1 - weight) * other)
    return (images, weight * hot + (1 - weight) * hot.roll(-1, 0))


def mixup_loop_overwrites(images, labels, weight, classes):
    hot = F.one_hot(labels, classes).float()
    x, y = (images.clone(), hot.clone())
    for i in range(len(x)):
        j = (i + 1) % len(x)
        x[i] = weight * x[i] + (1 - weight) * x[j]
        y[i] = weight * y[i] + (1 - weight) * y[j]
    return (x, y)


def mixup_last_alone(images, labels, weight, classes):
    hot = F.one_hot(labels, classes).float()
    x, y = (images.clone(), hot.clone())
    x[:-1] = weight * images[:-1] + (1 - weight) * images[1:]
    y[:-1] = weight * hot[:-1] + (1 - weight) * hot[1:]
    return (x, y)


def mixup_rolls_all(images, labels, weight, classes):
    hot = F.one_hot(labels, classes).float()
    return (
        weight * images + (1 - weight) * images.roll(-1),
        weight * hot + (1 - weight) * hot.roll(-1, 0),
    )


def mixup_ten_classes(images, labels, weight, classes):
    hot = F.one_hot(labels, 10).float()
    return (
        weight * images + (1 - weight) * images.roll(-1, 0),
        weight * hot + (1 - weight) * hot.roll(-1, 0),
    )


def mixup_classes_from_labels(images, labels, weight, classes):
    hot = F.one_hot(labels).float()
    return (
        weight * images + (1 - weight) * images.roll(-1, 0),
        weight * hot + (1 - weight) * hot.roll(-1, 0),
    )


def mixup_half(images, labels, weight, classes):
    hot = F.one_hot(labels, classes).float()
    return ((images + images.roll(-1, 0)) / 2, (hot + hot.roll(-1, 0)) / 2)


def mixup_same_class_overwrites(images, labels, weight, classes):
    y = torch.zeros(len(labels), classes)
    rows = torch.arange(len(labels))
    y[rows, labels] = weight
    y[rows, labels.roll(-1)] = 1 - weight
    return (weight * images + (1 - weight) * images.roll(-1, 0), y)


def _places(image, size):
    rows = image.shape[-2] - size + 1
    columns = image.shape[-1] - size + 1
    return rows, columns


def crop_flat(image, boxes, labels, size):
    """one draw for the place, as a number of the flattened grid"""
    rows, columns = _places(image, size)
    y, x = divmod(torch.randint(rows * columns, ()).item(), columns)
    x1, y1, x2, y2 = boxes.unbind(1)
    new = torch.stack([x1 - x, y1 - y, x2 - x, y2 - y], 1).clamp(min=0, max=size)
    old_area = (x2 - x1) * (y2 - y1)
    new_area = (new[:, 2] - new[:, 0]) * (new[:, 3] - new[:, 1])
    keep = new_area / old_area >= 0.25
    return image.narrow(1, y, size).narrow(2, x, size), new[keep], labels[keep]


def crop_permutation(image, boxes, labels, size):
    """randperm instead of randint, filter by list"""
    rows, columns = _places(image, size)
    y, x = int(torch.randperm(rows)[0]), int(torch.randperm(columns)[0])
    moved = boxes.clone()
    moved[:, 0::2] = (moved[:, 0::2] - x).clamp(0, size)
    moved[:, 1::2] = (moved[:, 1::2] - y).clamp(0, size)
    keep = []
    for i in range(len(boxes)):
        a, b, c, d = boxes[i].tolist()
        e, f, g, h = moved[i].tolist()
        if (g - e) * (h - f) * 4 >= (c - a) * (d - b):
            keep.append(i)
    index = torch.tensor(keep, dtype=torch.long)
    return image[..., y : y + size, x : x + size].clone(), moved[index], labels[index]


def crop_unfold(image, boxes, labels, size):
    """all windows at once; torch.rand for the place"""
    rows, columns = _places(image, size)
    y, x = int(torch.rand(1) * rows), int(torch.rand(1) * columns)
    crop = image.unfold(1, size, 1).unfold(2, size, 1)[:, y, x]
    limits = torch.tensor([x, y, x + size, y + size])
    inside = boxes.clone()
    inside[:, :2] = torch.maximum(boxes[:, :2], limits[:2])
    inside[:, 2:] = torch.minimum(boxes[:, 2:], limits[2:])
    sides = (inside[:, 2:] - inside[:, :2]).clamp(min=0)
    keep = sides.prod(1) * 4 >= (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return crop, (inside - torch.tensor([x, y, x, y]))[keep], labels[keep]


def crop_off_by_one(image, boxes, labels, size):
    rows, columns = _places(image, size)
    y, x = int(torch.randint(max(rows - 1, 1), ())), int(torch.randint(max(columns - 1, 1), ()))
    moved = (boxes - torch.tensor([x, y, x, y])).clamp(0, size)
    keep = (moved[:, 2:] - moved[:, :2]).prod(1) * 4 >= (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return image[:, y : y + size, x : x + size], moved[keep], labels[keep]


def crop_keeps_touched(image, boxes, labels, size):
    """keeps whatever has a pixel left"""
    rows, columns = _places(image, size)
    y, x = int(torch.randint(rows, ())), int(torch.randint(columns, ()))
    moved = (boxes - torch.tensor([x, y, x, y])).clamp(0, size)
    keep = (moved[:, 2:] > moved[:, :2]).all(1)
    return image[:, y : y + size, x : x + size], moved[keep], labels[keep]


def crop_strictly_more(image, boxes, labels, size):
    """drops exactly a quarter, too"""
    rows, columns = _places(image, size)
    y, x = int(torch.randint(rows, ())), int(torch.randint(columns, ()))
    moved = (boxes - torch.tensor([x, y, x, y])).clamp(0, size)
    keep = (moved[:, 2:] - moved[:, :2]).prod(1) * 4 > (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return image[:, y : y + size, x : x + size], moved[keep], labels[keep]


def crop_clamps_to_last(image, boxes, labels, size):
    """takes the right border for inclusive"""
    rows, columns = _places(image, size)
    y, x = int(torch.randint(rows, ())), int(torch.randint(columns, ()))
    moved = (boxes - torch.tensor([x, y, x, y])).clamp(0, size - 1)
    keep = (moved[:, 2:] - moved[:, :2]).prod(1) * 4 >= (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return image[:, y : y + size, x : x + size], moved[keep], labels[keep]


def crop_rows_for_x(image, boxes, labels, size):
    """height and width exchanged"""
    columns, rows = _places(image, size)
    y, x = int(torch.randint(rows, ())), int(torch.randint(columns, ()))
    y, x = min(y, image.shape[1] - size), min(x, image.shape[2] - size)
    moved = (boxes - torch.tensor([x, y, x, y])).clamp(0, size)
    keep = (moved[:, 2:] - moved[:, :2]).prod(1) * 4 >= (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return image[:, y : y + size, x : x + size], moved[keep], labels[keep]


def crop_labels_left(image, boxes, labels, size):
    crop, moved, _ = crop_flat(image, boxes, labels, size)
    return crop, moved, labels


def crop_none_is_none(image, boxes, labels, size):
    crop, moved, names = crop_flat(image, boxes, labels, size)
    return (crop, moved, names) if len(moved) else (crop, None, None)


def crop_numpy(image, boxes, labels, size):
    rows, columns = _places(image, size)
    y, x = np.random.randint(rows), np.random.randint(columns)
    moved = (boxes - torch.tensor([x, y, x, y])).clamp(0, size)
    keep = (moved[:, 2:] - moved[:, :2]).prod(1) * 4 >= (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return image[:, y : y + size, x : x + size], moved[keep], labels[keep]


def crop_in_place(image, boxes, labels, size):
    crop, moved, names = crop_flat(image, boxes, labels, size)
    boxes.clamp_(0, size)
    return crop, moved, names


RIGHT = {
    "06.1": [Checker_index, Checker_loops, Checker_module, Checker_roll],
    "06.2": [flip_stack, flip_clone, flip_index, flip_loop],
    "06.3": [mixup_roll, mixup_index, mixup_loop, mixup_scatter],
    "06.4": [crop_flat, crop_permutation, crop_unfold],
}
WRONG = {
    "06.1": [
        Checker_in_place,
        Checker_upper_left_gone,
        Checker_flipped_probability,
        Checker_always,
        Checker_numpy_random,
        Checker_own_generator,
        Checker_draws_once,
        Checker_per_field,
        Checker_stripes,
        Checker_size_one,
        Checker_float,
        Checker_whole_fields_only,
        Checker_square_mask,
    ],
    "06.2": [
        flip_not_swapped,
        flip_overwrites,
        flip_in_place,
        flip_vertical,
        flip_minus_one,
        flip_clamps,
        flip_xywh,
        flip_swaps_y_too,
        flip_transposed,
        flip_hard_width,
        flip_first_only,
    ],
    "06.3": [
        mixup_previous,
        mixup_weights_swapped,
        mixup_labels_not_mixed,
        mixup_label_numbers,
        mixup_random_partner,
        mixup_in_place,
        mixup_loop_overwrites,
        mixup_last_alone,
        mixup_rolls_all,
        mixup_ten_classes,
        mixup_classes_from_labels,
        mixup_half,
        mixup_same_class_overwrites,
    ],
    "06.4": [
        crop_off_by_one,
        crop_keeps_touched,
        crop_strictly_more,
        crop_clamps_to_last,
        crop_rows_for_x,
        crop_labels_left,
        crop_none_is_none,
        crop_numpy,
        crop_in_place,
    ],
}
