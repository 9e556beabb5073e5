"""Right and wrong answers to the exercises of chapter 13, and the hint that each must get."""

import numpy as np
import torch
from torch.nn import functional as F
from torchvision.transforms.v2.functional import rotate


def two_masks(truth, predicted, label):
    a, b = truth == label, predicted == label
    union = (a | b).sum().item()
    return (a & b).sum().item() / union if union else 1.0


def numpy_sets(truth, predicted, label):
    a = set(np.flatnonzero(truth.numpy() == label))
    b = set(np.flatnonzero(predicted.numpy() == label))
    return len(a & b) / len(a | b) if a | b else 1.0


def sum_minus_intersection(truth, predicted, label):
    a, b = (truth == label).float(), (predicted == label).float()
    both = (a * b).sum()
    union = a.sum() + b.sum() - both
    if union == 0:
        return 1.0
    return (both / union).item()


def pixel_by_pixel(truth, predicted, label):
    both = either = 0
    for t, p in zip(truth.flatten().tolist(), predicted.flatten().tolist(), strict=True):
        both += t == label == p
        either += t == label or p == label
    return both / either if either else 1.0


def iou_tensor(truth, predicted, label):
    return torch.tensor(two_masks(truth, predicted, label))


def dice(truth, predicted, label):
    a, b = truth == label, predicted == label
    size = (a.sum() + b.sum()).item()
    return 2 * (a & b).sum().item() / size if size else 1.0


def over_the_truth(truth, predicted, label):
    a, b = truth == label, predicted == label
    return (a & b).sum().item() / a.sum().item() if a.any() else 1.0


def over_the_prediction(truth, predicted, label):
    return over_the_truth(predicted, truth, label)


def over_the_sum(truth, predicted, label):
    return dice(truth, predicted, label) / 2 if (truth == label).any() else 1.0


def divides_by_zero(truth, predicted, label):
    a, b = truth == label, predicted == label
    return (a & b).sum().item() / (a | b).sum().item()


def divides_tensors(truth, predicted, label):
    a, b = truth == label, predicted == label
    return ((a & b).sum() / (a | b).sum()).item()


def one_unless_in_both(truth, predicted, label):
    a, b = truth == label, predicted == label
    return two_masks(truth, predicted, label) if a.any() and b.any() else 1.0


def one_unless_in_the_truth(truth, predicted, label):
    return two_masks(truth, predicted, label) if (truth == label).any() else 1.0


def zero_for_none(truth, predicted, label):
    union = ((truth == label) | (predicted == label)).sum().item()
    return two_masks(truth, predicted, label) if union else 0.0


def accuracy(truth, predicted, label):
    return (truth == predicted).float().mean().item()


def agreement_of_any_class(truth, predicted, label):
    union = ((truth == label) | (predicted == label)).sum().item()
    return (truth == predicted).sum().item() / union if union else 1.0


def of_binary_masks(truth, predicted, label):
    return ((truth == label) == (predicted == label)).float().mean().item()


def smoothed(truth, predicted, label):
    a, b = truth == label, predicted == label
    return ((a & b).sum().item() + 1) / ((a | b).sum().item() + 1)


def distance(truth, predicted, label):
    union = ((truth == label) | (predicted == label)).any()
    return 1 - two_masks(truth, predicted, label) if union else 1.0


def shape_of_a_batch(truth, predicted, label):
    a, b = truth == label, predicted == label
    union = (a | b).sum((1, 2))
    return ((a & b).sum((1, 2)) / union).mean().item()


def pads(x, like):
    down, right = like.shape[2] - x.shape[2], like.shape[3] - x.shape[3]
    if down < 0 or right < 0:
        raise ValueError("x is larger than like")
    return F.pad(x, [0, right, 0, down])


def into_zeros(x, like):
    (n, c, h, w), (height, width) = x.shape, like.shape[-2:]
    if h > height or w > width:
        raise ValueError(f"{h} x {w} does not fit into {height} x {width}")
    out = torch.zeros(n, c, height, width, dtype=x.dtype)
    out[..., :h, :w] = x
    return out


def concatenated(x, like):
    missing = like.shape[2] - x.shape[2], like.shape[3] - x.shape[3]
    if min(missing) < 0:
        raise ValueError
    x = torch.cat([x, x.new_zeros(*x.shape[:2], missing[0], x.shape[3])], dim=2)
    return torch.cat([x, x.new_zeros(*x.shape[:3], missing[1])], dim=3)


def zero_pad_module(x, like):
    down, right = like.size(2) - x.size(2), like.size(3) - x.size(3)
    if not (down >= 0 <= right):
        raise ValueError("too large")
    return torch.nn.ZeroPad2d((0, right, 0, down))(x)


def padded(x, like, order, **options):
    down, right = like.shape[2] - x.shape[2], like.shape[3] - x.shape[3]
    if down < 0 or right < 0:
        raise ValueError("x is larger than like")
    return F.pad(x, order(right, down), **options)


def exchanged(x, like):
    return padded(x, like, lambda right, down: [0, down, 0, right])


def lower_right(x, like):
    return padded(x, like, lambda right, down: [right, 0, down, 0])


def lower_left(x, like):
    return padded(x, like, lambda right, down: [0, right, down, 0])


def upper_right(x, like):
    return padded(x, like, lambda right, down: [right, 0, 0, down])


def centred(x, like):
    return padded(x, like, lambda r, d: [r // 2, r - r // 2, d // 2, d - d // 2])


def with_ones(x, like):
    return padded(x, like, lambda right, down: [0, right, 0, down], value=1)


def repeats_the_border(x, like):
    return padded(x, like, lambda right, down: [0, right, 0, down], mode="replicate")


def on_all_sides(x, like):
    return padded(x, like, lambda right, down: [right, right, down, down])


def resized(x, like):
    return F.interpolate(x, like.shape[2:])


def cuts(x, like):
    down, right = like.shape[2] - x.shape[2], like.shape[3] - x.shape[3]
    return F.pad(x, [0, right, 0, down])


def error_by_height_alone(x, like):
    if x.shape[2] > like.shape[2]:
        raise ValueError("x is taller than like")
    return cuts(x, like)


def error_if_both(x, like):
    if x.shape[2] > like.shape[2] and x.shape[3] > like.shape[3]:
        raise ValueError("x is larger than like")
    return cuts(x, like)


def error_by_area(x, like):
    if x[0, 0].numel() > like[0, 0].numel():
        raise ValueError("x is larger than like")
    return cuts(x, like)


def error_if_equal(x, like):
    if x.shape[2] >= like.shape[2] or x.shape[3] >= like.shape[3]:
        raise ValueError("x is not smaller than like")
    return cuts(x, like)


def assertion(x, like):
    assert x.shape[2] <= like.shape[2] and x.shape[3] <= like.shape[3]
    return cuts(x, like)


def default_dtype(x, like):
    pads(x, like)
    out = torch.zeros(*x.shape[:2], *like.shape[2:])
    out[:, :, : x.shape[2], : x.shape[3]] = x
    return out


def shape_of_like(x, like):
    pads(x, like)
    out = torch.zeros_like(like)
    out[: len(x), : x.shape[1], : x.shape[2], : x.shape[3]] = x
    return out


def returns_the_error(x, like):
    try:
        return pads(x, like)
    except ValueError as error:
        return error


def detached_padding(x, like):
    return pads(x.detach(), like)


def two_poolings(mask):
    values = mask.unsqueeze(1).float()
    highest = F.max_pool2d(values, 3, stride=1, padding=1)
    return (highest != -F.max_pool2d(-values, 3, stride=1, padding=1)).squeeze(1)


def slices(mask):
    found = torch.zeros(mask.shape, dtype=torch.bool)
    h, w = mask.shape[1:]
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            here = (..., slice(max(i, 0), h + min(i, 0)), slice(max(j, 0), w + min(j, 0)))
            there = (..., slice(max(-i, 0), h + min(-i, 0)), slice(max(-j, 0), w + min(-j, 0)))
            found[here] |= mask[here] != mask[there]
    return found


def replicated(mask):
    values = F.pad(mask[:, None].float(), (1, 1, 1, 1), mode="replicate")
    nine = values.unfold(2, 3, 1).unfold(3, 3, 1).flatten(-2)
    return (nine.amax(-1) != nine.amin(-1))[:, 0]


def convolved(mask):
    kernel = torch.ones(1, 1, 3, 3)
    ones = F.conv2d(mask[:, None].float(), kernel, padding=1)
    all_pixels = F.conv2d(torch.ones_like(mask[:, None]).float(), kernel, padding=1)
    return ((ones > 0) & (ones < all_pixels))[:, 0]


def reflected(mask):
    values = F.pad(mask[:, None].double(), (1, 1, 1, 1), mode="reflect")
    return (F.max_pool2d(values, 3, 1) + F.max_pool2d(-values, 3, 1) > 0).squeeze(1)


def inside_alone(mask):
    return two_poolings(mask) & (mask == 1)


def outside_alone(mask):
    return two_poolings(mask) & (mask == 0)


def zeros_outside(mask):
    values = F.pad(mask.unsqueeze(1).float(), [1, 1, 1, 1])
    return (F.max_pool2d(values, 3, 1) != -F.max_pool2d(-values, 3, 1)).squeeze(1)


def four_neighbours(mask):
    found = torch.zeros(mask.shape, dtype=torch.bool)
    down, right = mask[:, 1:] != mask[:, :-1], mask[:, :, 1:] != mask[:, :, :-1]
    found[:, 1:] |= down
    found[:, :-1] |= down
    found[:, :, 1:] |= right
    found[:, :, :-1] |= right
    return found


def floats(mask):
    return two_poolings(mask).float()


def with_a_channel(mask):
    return two_poolings(mask).unsqueeze(1)


def five_by_five(mask):
    m = mask.float()[:, None]
    return (F.max_pool2d(m, 5, 1, 2) != -F.max_pool2d(-m, 5, 1, 2))[:, 0]


def mixes_pictures(mask):
    m = mask.float()[None, None]
    return (F.max_pool3d(m, 3, 1, 1) != -F.max_pool3d(-m, 3, 1, 1))[0, 0]


def goes_around(mask):
    shifts = [mask.roll((i, j), (1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return (torch.stack(shifts) != mask).any(0)


def on_the_mask(mask):
    found = two_poolings(mask)
    mask.copy_(found)
    return found


def without_border(mask):
    return ~two_poolings(mask)


def dilation(mask):
    return F.max_pool2d(mask[:, None].float(), 3, 1, 1)[:, 0] == 1


def without_channels(mask):
    values = F.pad(mask.float(), (1, 1, 1, 1), mode="replicate")
    return values.unfold(2, 3, 1).amax(1) != mask


def columns_alone(mask):
    found = torch.zeros(mask.shape, dtype=torch.bool)
    found[:, :, 1:] |= mask[:, :, 1:] != mask[:, :, :-1]
    found[:, :, :-1] |= mask[:, :, 1:] != mask[:, :, :-1]
    return found


def the_first_picture(mask):
    return two_poolings(mask[:1])


def flips_each_pair(pictures, masks):
    new = [
        (x.flip(-1), y.flip(-1)) if torch.rand(()) < 0.5 else (x, y)
        for x, y in zip(pictures, masks, strict=True)
    ]
    return torch.stack([x for x, _ in new]), torch.stack([y for _, y in new])


def rolls_and_dims(pictures, masks):
    pictures, masks = pictures.clone(), masks.clone()
    for i in range(len(pictures)):
        by = tuple(torch.randint(-5, 6, (2,)).tolist())
        pictures[i, 0] = pictures[i, 0].roll(by, (0, 1))
        masks[i] = masks[i].roll(by, (0, 1))
    factor = 0.7 + 0.3 * torch.rand(len(pictures), 1, 1, 1)
    return [pictures * factor, masks]


def affine_and_noise(pictures, masks):
    n = len(pictures)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    theta[:, 1, 1] = 0.8 + 0.3 * torch.rand(n)
    theta[:, :, 2] = 0.3 * torch.rand(n, 2) - 0.15
    grid = F.affine_grid(theta, pictures.shape, align_corners=False)
    x = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    y = F.grid_sample(
        masks[:, None].float(), grid, "nearest", padding_mode="border", align_corners=False
    )
    x = (x + 0.05 * torch.randn_like(x)).clamp(0, 1)
    return x, y[:, 0].long()


def turns_and_enlarges(pictures, masks):
    n = len(pictures)
    size, angle = 0.7 + 0.3 * torch.rand(n), 0.8 * torch.rand(n) - 0.4
    a, b = size * angle.cos(), size * angle.sin()
    theta = torch.stack([a, -b, 0 * a, b, a, 0 * a], dim=1).view(n, 2, 3)
    grid = F.affine_grid(theta, pictures.shape, align_corners=False)
    x = F.grid_sample(pictures, grid, align_corners=False).clamp(0, 1)
    y = F.grid_sample(masks[:, None].float(), grid, "nearest", align_corners=False)
    return x, y[:, 0].long()


def inverts_some(pictures, masks):
    x, y = flips_each_pair(pictures, masks)
    invert = torch.rand(len(x), 1, 1, 1) < 0.3
    return torch.where(invert, 1 - x, x), y


def comes_back(pictures, masks):
    return pictures.clone(), masks.clone()


def only_the_pictures(pictures, masks):
    return flips_each_pair(pictures, masks)[0], masks


def only_the_masks(pictures, masks):
    return pictures, flips_each_pair(pictures, masks)[1]


def turns_pictures_alone(pictures, masks):
    pictures, masks = flips_each_pair(pictures, masks)
    angles = torch.empty(len(pictures)).uniform_(-15, 15).tolist()
    turned = [rotate(x, angle) for x, angle in zip(pictures, angles, strict=True)]
    return torch.stack(turned), masks


def exchanges_classes(pictures, masks):
    flip = torch.rand(len(pictures)) < 0.5
    pictures = torch.where(flip.view(-1, 1, 1, 1), 1 - pictures.flip(3), pictures)
    return pictures, torch.where(flip.view(-1, 1, 1), 1 - masks.flip(2), masks)


def forgets_some_masks(pictures, masks):
    """Mirrors every picture, and all masks but the first."""
    flip = torch.rand(len(pictures)) < 0.5
    flip[0] = True
    new = torch.where(flip.view(-1, 1, 1, 1), pictures.flip(3), pictures)
    flip[0] = False
    return new, torch.where(flip.view(-1, 1, 1), masks.flip(2), masks)


def draws_twice(pictures, masks):
    return flips_each_pair(pictures, masks)[0], flips_each_pair(pictures, masks)[1]


def rolls_one_pixel_less(pictures, masks):
    steps = torch.randint(-4, 5, (len(pictures),)).tolist()
    new = [x.roll(step, 2) for x, step in zip(pictures, steps, strict=True)]
    moved = [y.roll(step - 1, 1) for y, step in zip(masks, steps, strict=True)]
    return torch.stack(new), torch.stack(moved)


def only_brightness(pictures, masks):
    return pictures * (0.5 + 0.5 * torch.rand(len(pictures), 1, 1, 1)), masks


def flips_all(pictures, masks):
    return pictures.flip(-1), masks.flip(-1)


def one_draw_a_batch(pictures, masks):
    down, right = torch.randint(-8, 9, (2,)).tolist()
    return pictures.roll((down, right), (2, 3)), masks.roll((down, right), (1, 2))


def flips_every_second(pictures, masks):
    x, y = pictures.clone(), masks.clone()
    x[::2], y[::2] = x[::2].flip(-1), y[::2].flip(-1)
    return x, y


def not_clamped(pictures, masks):
    x, y = flips_each_pair(pictures, masks)
    return x * 1.5, y


def soft_masks(pictures, masks):
    x, y = flips_each_pair(pictures, masks)
    return x, F.avg_pool2d(y[:, None].float(), 3, 1, 1)[:, 0]


def masks_of_255(pictures, masks):
    x, y = flips_each_pair(pictures, masks)
    return x, y * 255


def masks_with_channel(pictures, masks):
    x, y = flips_each_pair(pictures, masks)
    return x, y[:, None]


def pictures_alone(pictures, masks):
    return flips_each_pair(pictures, masks)[0]


def changes_in_place(pictures, masks):
    x, y = flips_each_pair(pictures, masks)
    pictures.copy_(x)
    masks.copy_(y)
    return pictures, masks


def turns_by_a_quarter(pictures, masks):
    return pictures.transpose(2, 3), masks.transpose(1, 2)


def smaller(pictures, masks):
    x, y = flips_each_pair(pictures, masks)
    return x[:, :, 4:-4, 4:-4], y[:, 4:-4, 4:-4]


RIGHT = {
    "13.4": [flips_each_pair, rolls_and_dims, affine_and_noise, turns_and_enlarges, inverts_some],
    "13.1": [two_masks, numpy_sets, sum_minus_intersection, pixel_by_pixel],
    "13.2": [pads, into_zeros, concatenated, zero_pad_module],
    "13.3": [two_poolings, slices, replicated, convolved, reflected],
}

WRONG = {
    "13.4": [
        (comes_back, "come back as they were"),
        (only_the_pictures, "do not fit the new pictures"),
        (only_the_masks, "do not fit the new pictures"),
        (draws_twice, "do not fit the new pictures"),
        (turns_pictures_alone, "would fit better if they were turned"),
        (exchanges_classes, "1 on more than half of the picture"),
        (forgets_some_masks, "and not all"),
        (rolls_one_pixel_less, "one pixel further right"),
        (only_brightness, "at least one change should move pixels"),
        (flips_all, "all changed alike"),
        (one_draw_a_batch, "all changed alike"),
        (flips_every_second, "give the same result"),
        (not_clamped, "clamp them to [0, 1]"),
        (soft_masks, "has dtype float32, and int64 is asked for"),
        (masks_of_255, "hold other numbers than 0 and 1"),
        (masks_with_channel, "has shape (16, 1, 48, 48)"),
        (pictures_alone, "the pictures"),
        (changes_in_place, "The numbers in the argument pictures have changed"),
        (turns_by_a_quarter, "has shape (12, 1, 56, 40)"),
        (smaller, "has shape (16, 1, 40, 40)"),
    ],
    "13.1": [
        (iou_tensor, "should be a Python float, and it is a tensor"),
        (dice, "That is Dice"),
        (over_the_truth, "(recall): divide by the union"),
        (over_the_prediction, "(precision): divide by the union"),
        (over_the_sum, "counts once"),
        (divides_by_zero, "divides by zero for a class that is in neither tensor"),
        (divides_tensors, "is in neither tensor, and the result is nan"),
        (one_unless_in_both, "in one of the two tensors"),
        (one_unless_in_the_truth, "in one of the two tensors"),
        (zero_for_none, "is in neither tensor, and the result is 0"),
        (accuracy, "is the accuracy"),
        (agreement_of_any_class, "agree in any class were counted"),
        (of_binary_masks, "in neither were counted as agreement"),
        (smoothed, "pixels are of class 1 in both"),
        (distance, "This is a distance"),
        (shape_of_a_batch, "your answer raised IndexError"),
    ],
    "13.2": [
        (exchanged, "the last dimension first"),
        (lower_right, "in the lower right"),
        (lower_left, "in the lower left"),
        (upper_right, "in the upper right"),
        (centred, "in the middle"),
        (with_ones, "made of ones"),
        (repeats_the_border, "repeats the border"),
        (on_all_sides, "has shape (1, 1, 7, 10), and (1, 1, 5, 7) is asked for"),
        (resized, "was resized"),
        (cuts, "is taller than like"),
        (error_by_height_alone, "is wider than like"),
        (error_if_both, "is taller than like"),
        (error_by_area, "is taller than like"),
        (error_if_equal, "your answer raised ValueError"),
        (assertion, "ValueError is asked for, and assertion raised AssertionError"),
        (default_dtype, "has dtype float32, and float64 is asked for"),
        (shape_of_like, "has shape (3, 4, 5, 7), and (1, 1, 5, 7) is asked for"),
        (returns_the_error, "no ValueError was raised"),
        (detached_padding, "has the right value and no graph"),
    ],
    "13.3": [
        (inside_alone, "Only pixels of class 1"),
        (outside_alone, "Only pixels of class 0"),
        (zeros_outside, "where the mask is 1: pixels outside"),
        (four_neighbours, "across a corner"),
        (floats, "has dtype float32, and booleans are asked for"),
        (with_a_channel, "has shape (3, 1, 7, 8), and (3, 7, 8) is asked for"),
        (five_by_five, "The border is too wide"),
        (mixes_pictures, "Pictures of the batch are compared"),
        (goes_around, "roll goes around the edge"),
        (on_the_mask, "The numbers in the argument mask have changed"),
        (without_border, "True and False are exchanged"),
        (dilation, "The mask became one pixel larger"),
        (columns_alone, "Only neighbours beside a pixel"),
        (without_channels, "your answer raised RuntimeError"),
        (the_first_picture, "has shape (1, 7, 8), and (3, 7, 8) is asked for"),
    ],
}
