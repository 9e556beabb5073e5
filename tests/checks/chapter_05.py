"""Right and wrong answers to the exercises of chapter 05, and the hint that each must get."""

import numpy as np
import torch
from skimage import measure, morphology, segmentation
from torchvision import ops
from torchvision.io import decode_image, encode_jpeg


def from_the_top(image, limit):
    for quality in range(100, 0, -1):
        data = encode_jpeg(image, quality=quality)
        if len(data) <= limit:
            return data
    raise ValueError(f"nothing fits into {limit} bytes")


def by_halving(image, limit):
    low, high = 0, 100
    while low < high:
        middle = (low + high + 1) // 2
        if encode_jpeg(image, middle).numel() <= limit:
            low = middle
        else:
            high = middle - 1
    if low == 0:
        raise ValueError
    return encode_jpeg(image, low)


def among_all(image, limit):
    sizes = torch.tensor([encode_jpeg(image, quality=q).numel() for q in range(1, 101)])
    fits = (sizes <= limit).nonzero()
    if not len(fits):
        raise ValueError(f"{limit} bytes are too few")
    return encode_jpeg(image, quality=int(fits.max()) + 1)


def until_too_large(image, limit):
    found = None
    for quality in range(1, 101):
        data = encode_jpeg(image, quality=quality)
        if len(data) > limit:
            break
        found = data
    if found is None:
        raise ValueError
    return found


def from_the_bottom(image, limit):
    files = [encode_jpeg(image.clone(), quality=q) for q in range(1, 101)]
    fitting = [file for file in files if file.shape[0] <= limit]
    if not fitting:
        raise ValueError("too large")
    return fitting[-1]


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


def the_lowest_quality(image, limit):
    data = encode_jpeg(image, quality=1)
    if len(data) > limit:
        raise ValueError
    return data


def quality_one_forgotten(image, limit):
    for quality in range(100, 1, -1):
        data = encode_jpeg(image, quality=quality)
        if len(data) <= limit:
            return data
    raise ValueError


def quality_hundred_forgotten(image, limit):
    for quality in range(99, 0, -1):
        data = encode_jpeg(image, quality=quality)
        if len(data) <= limit:
            return data
    raise ValueError


def another_error(image, limit):
    for quality in range(100, 0, -1):
        data = encode_jpeg(image, quality=quality)
        if len(data) <= limit:
            return data
    raise RuntimeError("too large")


def returns_the_quality(image, limit):
    for quality in range(100, 0, -1):
        if len(encode_jpeg(image, quality=quality)) <= limit:
            return quality
    raise ValueError


def none_if_too_large(image, limit):
    for quality in range(100, 0, -1):
        data = encode_jpeg(image, quality=quality)
        if len(data) <= limit:
            return data
    return None


def cut_off(image, limit):
    if len(encode_jpeg(image, quality=1)) > limit:
        raise ValueError
    return encode_jpeg(image, quality=100)[:limit]


def decodes_it(image, limit):
    return decode_image(from_the_top(image, limit))


def smaller_picture(image, limit):
    while len(data := encode_jpeg(image, quality=100)) > limit:
        if min(image.shape[1:]) < 2:
            raise ValueError
        image = image[:, ::2, ::2]
    return data


def overwrites_the_image(image, limit):
    data = from_the_top(image, limit)
    image.copy_(decode_image(data))
    return data


def python_bytes(image, limit):
    return bytes(from_the_top(image, limit).tolist())


def corners_joined(boxes):
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat([(low + high) / 2, high - low], dim=1)


def columns_stacked(boxes):
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack((x1 + (x2 - x1) / 2, (y1 + y2) * 0.5, x2 - x1, y2 - y1), dim=-1)


def by_a_matrix(boxes):
    matrix = torch.tensor([[0.5, 0, -1, 0], [0, 0.5, 0, -1], [0.5, 0, 1, 0], [0, 0.5, 0, 1]])
    return boxes.float() @ matrix


def row_by_row(boxes):
    found = torch.zeros(boxes.shape, dtype=torch.float64)
    for i, (a, b, c, d) in enumerate(boxes.tolist()):
        found[i] = torch.tensor([(a + c) / 2, (b + d) / 2, c - a, d - b])
    return found


def half_the_size(boxes):
    sizes = boxes[:, 2:] - boxes[:, :2]
    return torch.cat([sizes / 2, sizes], dim=1)


def sums(boxes):
    total = boxes[:, 2:] + boxes[:, :2]
    return torch.cat([total / 2, total], dim=1)


def size_first(boxes):
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat([high - low, (low + high) / 2], dim=1)


def corner_kept(boxes):
    return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], dim=1)


def one_too_large(boxes):
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat([(low + high) / 2, high - low + 1], dim=1)


def axes_exchanged(boxes):
    return columns_stacked(boxes)[:, [1, 0, 3, 2]]


def interleaved(boxes):
    return columns_stacked(boxes)[:, [0, 2, 1, 3]]


def negative_sizes(boxes):
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat([(low + high) / 2, low - high], dim=1)


def rounded_down(boxes):
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat([(low + high) // 2, high - low], dim=1)


def kept_in_integers(boxes):
    found = torch.empty_like(boxes)
    found[:, :2] = (boxes[:, :2] + boxes[:, 2:]) / 2
    found[:, 2:] = boxes[:, 2:] - boxes[:, :2]
    return found


def no_parentheses(boxes):
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat([low + high / 2, high - low], dim=1)


def joined_below(boxes):
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat([(low + high) / 2, high - low])


def in_place(boxes):
    boxes[:, 2:] -= boxes[:, :2]
    boxes[:, :2] += boxes[:, 2:] / 2
    return boxes


def four_columns(boxes):
    x1, y1, x2, y2 = boxes.unbind(1)
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def converted(boxes):
    return ops.box_convert(boxes.float(), "xyxy", "cxcywh")


def label_by_label(boxes, scores, labels, limit):
    kept = torch.empty(0, dtype=torch.int64)
    for label in labels.unique():
        rows = (labels == label).nonzero().squeeze(1)
        kept = torch.cat([kept, rows[ops.nms(boxes[rows], scores[rows], limit)]])
    return kept[scores[kept].argsort(descending=True)]


def moved_apart(boxes, scores, labels, limit):
    if not len(boxes):
        return torch.tensor([])
    distance = boxes.max() - boxes.min() + 1
    return ops.nms(boxes + (labels * distance).unsqueeze(1), scores, limit)


def greedy_list(boxes, scores, labels, limit):
    overlaps, kept = ops.box_iou(boxes, boxes), []
    for i in scores.argsort(descending=True).tolist():
        if all(labels[i] != labels[j] or overlaps[i, j] <= limit for j in kept):
            kept.append(i)
    return kept


def greedy_mask(boxes, scores, labels, limit):
    rivals = (ops.box_iou(boxes, boxes) > limit) & (labels[:, None] == labels)
    alive, kept = torch.ones(len(boxes), dtype=torch.bool), []
    for i in scores.argsort(descending=True):
        if alive[i]:
            kept.append(i)
            alive &= ~rivals[i]
    return tuple(kept)


def all_at_once(boxes, scores, labels, limit):
    return ops.nms(boxes, scores, limit)


def sorted_by_index(boxes, scores, labels, limit):
    return label_by_label(boxes, scores, labels, limit).sort().values


def label_after_label(boxes, scores, labels, limit):
    kept = []
    for label in labels.unique():
        rows = (labels == label).nonzero().squeeze(1)
        kept += rows[ops.nms(boxes[rows], scores[rows], limit)].tolist()
    return kept


def counted_within(boxes, scores, labels, limit):
    kept = [ops.nms(boxes[labels == v], scores[labels == v], limit) for v in labels.unique()]
    return torch.cat(kept) if kept else []


def the_kept_boxes(boxes, scores, labels, limit):
    return boxes[label_by_label(boxes, scores, labels, limit)]


def at_the_limit(boxes, scores, labels, limit):
    overlaps, kept = ops.box_iou(boxes, boxes), []
    for i in scores.argsort(descending=True).tolist():
        if all(labels[i] != labels[j] or overlaps[i, j] < limit for j in kept):
            kept.append(i)
    return torch.tensor(kept)


def suppressed_ones_suppress(boxes, scores, labels, limit):
    rivals = (labels[:, None] == labels) & (ops.box_iou(boxes, boxes) > limit)
    kept = (~(rivals & (scores[None] > scores[:, None])).any(1)).nonzero().flatten()
    return kept[scores[kept].argsort(descending=True)]


def a_thousand_apart(boxes, scores, labels, limit):
    return ops.nms(boxes + 1000 * labels[:, None], scores, limit)


def apart_by_the_maximum(boxes, scores, labels, limit):
    largest = boxes.max() if len(boxes) else 0
    return ops.nms(boxes + labels[:, None].to(boxes) * largest, scores, limit)


def nothing_suppressed(boxes, scores, labels, limit):
    return scores.argsort(descending=True)


def distance_for_overlap(boxes, scores, labels, limit):
    return label_by_label(boxes, scores, labels, 1 - limit)


def one_for_each_label(boxes, scores, labels, limit):
    order = scores.argsort(descending=True).tolist()
    return [i for n, i in enumerate(order) if labels[i] not in labels[order[:n]]]


def worst_first(boxes, scores, labels, limit):
    kept = label_by_label(boxes, -scores, labels, limit)
    return kept[scores[kept].argsort(descending=True)]


def lowest_score_first(boxes, scores, labels, limit):
    return label_by_label(boxes, scores, labels, limit).flip(0)


def a_mask(boxes, scores, labels, limit):
    mask = torch.zeros(len(boxes), dtype=torch.bool)
    mask[label_by_label(boxes, scores, labels, limit)] = True
    return mask


def batched(boxes, scores, labels, limit):
    return ops.batched_nms(boxes, scores, labels, limit)


def moves_the_boxes(boxes, scores, labels, limit):
    boxes += (labels * 100_000).unsqueeze(1)
    return ops.nms(boxes, scores, limit)


def fails_without_boxes(boxes, scores, labels, limit):
    kept = []
    for label in labels.unique():
        rows = (labels == label).nonzero().squeeze(1)
        kept.append(rows[ops.nms(boxes[rows], scores[rows], limit)])
    kept = torch.cat(kept)
    return kept[scores[kept].argsort(descending=True)]


def numpy_indices(boxes, scores, labels, limit):
    return np.array(greedy_list(boxes, scores, labels, limit), dtype=np.int64)


def areas_above(image, threshold):
    bright = morphology.closing(image[0].numpy() > threshold, morphology.disk(3))
    return measure.label(segmentation.clear_border(bright))


def boxes_above(image, threshold):
    regions = [r for r in measure.regionprops(areas_above(image, threshold))
               if 600 < r.area < 6000]  # fmt: skip
    return torch.tensor([[r.bbox[i] for i in (1, 0, 3, 2)] for r in regions]).float()


def relative_to_the_mean(image):
    return boxes_above(image, image.float().mean().item() + 43)


def share_of_the_pixels(image):
    return boxes_above(image, image.flatten().sort().values[int(0.7 * image.numel())].item())


def many_thresholds(image):
    heap = torch.cat([boxes_above(image, t) for t in range(70, 190, 20)])
    sides = heap[:, 2:] - heap[:, :2]
    kept = ops.nms(heap, -(sides[:, 0] / sides[:, 1]).log().abs(), 0.2)
    boxes = heap[kept]
    return boxes.double()


def most_areas(image):
    found = [boxes_above(image, t) for t in range(100, 190, 10)]
    return max(found, key=len)


def fixed_threshold(image):
    return boxes_above(image, 140)


def threshold_of_the_text(image):
    return boxes_above(image, 115)


def the_heap(image):
    return torch.cat([boxes_above(image, t) for t in range(130, 160, 10)])


def sizes_in_place_of_corners(image):
    boxes = relative_to_the_mean(image)
    return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], dim=1)


def rows_first(image):
    return relative_to_the_mean(image)[:, [1, 0, 3, 2]]


def centres(image):
    boxes = relative_to_the_mean(image)
    return torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], dim=1)


def same_for_every_picture(image):
    from helpers.data import photo

    return relative_to_the_mean(photo("coins"))


def one_too_few(image):
    return relative_to_the_mean(image)[1:]


def everything(image):
    regions = measure.regionprops(areas_above(image, image.float().mean().item() + 43))
    return torch.tensor([[r.bbox[i] for i in (1, 0, 3, 2)] for r in regions])


def as_a_list(image):
    return relative_to_the_mean(image).tolist()


def as_masks(image):
    areas = torch.from_numpy(areas_above(image, 140))
    return torch.stack([areas == n for n in areas.unique()[1:]])


def too_wide(image):
    return relative_to_the_mean(image) + torch.tensor([-8.0, -8.0, 8.0, 8.0])


RIGHT = {
    "05.1": [from_the_top, among_all, from_the_bottom],
    "05.2": [corners_joined, columns_stacked, by_a_matrix, row_by_row],
    "05.3": [label_by_label, moved_apart, greedy_list, greedy_mask, numpy_indices],
    "05.4": [relative_to_the_mean, share_of_the_pixels, many_thresholds, most_areas],
}

WRONG = {
    "05.1": [
        (always_75, "more than the limit"),
        (in_steps_of_ten, "gave quality 30, and quality 37 fits as well"),
        (strictly_below, "met exactly"),
        (by_halving, "A higher quality may be a smaller file"),
        (until_too_large, "fits as well"),
        (never_raises, "raise ValueError"),
        (the_lowest_quality, "fits as well"),
        (quality_one_forgotten, "raised ValueError, and quality 1 fits"),
        (quality_hundred_forgotten, "gave quality 99, and quality 100 fits"),
        (another_error, "ValueError is asked for, and another_error raised RuntimeError"),
        (returns_the_quality, "should be a torch.Tensor, and it is the number 37"),
        (none_if_too_large, "raise ValueError"),
        (cut_off, "for none of the qualities"),
        (decodes_it, "encode_jpeg returns it as it should be"),
        (smaller_picture, "for none of the qualities"),
        (overwrites_the_image, "The numbers in the argument image have changed"),
        (python_bytes, "should be a torch.Tensor, and it is the bytes"),
    ],
    "05.2": [
        (half_the_size, "not half the width"),
        (sums, "differences of corners"),
        (size_first, "The centre comes first"),
        (corner_kept, "half a width and half a height further"),
        (one_too_large, "one too large"),
        (axes_exchanged, "x and y are exchanged"),
        (interleaved, "The order is (centre x, centre y, width, height)"),
        (negative_sizes, "negative"),
        (rounded_down, "lost its fraction"),
        (kept_in_integers, "An integer tensor cannot hold it"),
        (no_parentheses, "needs its parentheses"),
        (joined_below, "has shape (4, 2), and (2, 4) is asked for"),
        (in_place, "The numbers in the argument boxes have changed"),
        (four_columns, "should be a torch.Tensor, and it is a tuple of 4"),
        (converted, "box_convert computed them"),
    ],
    "05.3": [
        (all_at_once, "compare within a label"),
        (sorted_by_index, "highest score first"),
        (label_after_label, "highest score first"),
        (counted_within, "ops.nms counts within what it is given"),
        (the_kept_boxes, "Indices into the boxes are asked for"),
        (at_the_limit, "exactly the limit"),
        (suppressed_ones_suppress, "only kept boxes do so"),
        (a_thousand_apart, "so far that none meets another"),
        (apart_by_the_maximum, "only those of one label are rivals"),
        (nothing_suppressed, "All boxes are still there"),
        (distance_for_overlap, "those that overlap a better one of their label should go"),
        (one_for_each_label, "Only the best box of each label is left"),
        (worst_first, "start with the highest score"),
        (lowest_score_first, "highest score first"),
        (a_mask, "is a mask of booleans"),
        (batched, "batched_nms chose them"),
        (moves_the_boxes, "The numbers in the argument boxes have changed"),
        (fails_without_boxes, "in `kept = torch.cat(kept)`"),
    ],
    "05.4": [
        (fixed_threshold, "flipped left to right and 25 darker"),
        (threshold_of_the_text, "not found: no box has an IoU of 0.7 with it"),
        (the_heap, "keep one for each coin"),
        (sizes_in_place_of_corners, "The boxes are (x, y, width, height)"),
        (rows_first, "The boxes are (y₁, x₁, y₂, x₂)"),
        (centres, "The boxes are (centre x, centre y, width, height)"),
        (same_for_every_picture, "flipped left to right"),
        (one_too_few, "1 of the 24 coins in the photograph is not found"),
        (everything, "not around a coin"),
        (as_a_list, "should be a torch.Tensor"),
        (as_masks, "and (any, 4) is asked for"),
        (too_wide, "not found"),
    ],
}
