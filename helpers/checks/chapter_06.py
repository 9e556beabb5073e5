"""Checks of chapter 06, augmentation."""

from collections import Counter
from typing import Any

import torch
from torch import Tensor

from helpers.checks.machinery import (
    Draw,
    NotAnswered,
    as_function,
    as_list,
    as_pair,
    as_tensor,
    call,
    compare,
    describe,
    exercise,
    forbid,
    is_stub,
    require,
    same,
)

CALLS = 300
CROPS = 150


@exercise(
    "06.1",
    hints=(
        "Which field a pixel lies in depends on its row // size and its column // size. When is "
        "such a field kept? And where must the chance be drawn, so that each picture has its own?",
        "In __call__: return the image where torch.rand(()) >= p. Else add a column of row numbers "
        "// size to a row of column numbers // size, and multiply by where the sum is even.",
    ),
)
def checker(answer: Any) -> str:
    require(isinstance(answer, type), f"A class is asked for, and it is {describe(answer)}.")
    if is_stub(getattr(answer, "__call__", None)):  # noqa: B004
        raise NotAnswered
    draw = Draw(6)
    for shape, size in (
        ((3, 5, 6), 2), ((1, 7, 4), 3), ((3, 4, 9), 1), ((2, 6, 6), 10), ((3, 16, 8), 4)
    ):  # fmt: skip
        image = draw.uniform(*shape, low=0.5, high=2.0)
        _compare_field(call(call(answer, 1.0, size), image), image, size)
    image = draw.integers(1, 256, 3, 6, 7, dtype=torch.uint8)
    _compare_field(call(call(answer, 1, 2), image), image, 2)
    _require_chances(answer, image)
    first, second = call(answer, 1.0, 1), call(answer, 0.0, 3)
    require(
        same(
            as_tensor(call(first, image), "Checker(1.0, 1)(image)"),
            image * (_field(image, 1) % 2 == 0),
        )
        and same(as_tensor(call(second, image), "Checker(0.0, 3)(image)"), image),
        "When two Checkers are made, one works with the other's p or size: keep both in self.",
    )
    forbid(
        answer,
        dict.fromkeys(
            ("bernoulli", "bernoulli_", "uniform_", "randint", "randn", "Bernoulli"),
            "The pictures and chances are right, and they are not drawn by torch.rand, which is "
            "asked for.",
        ),
    )
    return "It fits into v2.Compose."


def _field(image: Tensor, size: int) -> Tensor:
    """Returns row + column of the field that each pixel lies in, of shape (H, W)."""
    rows = torch.arange(image.shape[1]).div(size, rounding_mode="floor")
    columns = torch.arange(image.shape[2]).div(size, rounding_mode="floor")
    return torch.meshgrid(rows, columns, indexing="ij")[0] + columns


def _compare_field(result: Any, image: Tensor, size: int) -> None:
    name = f"Checker(1.0, {size})(image), for an image of shape {tuple(image.shape)},"
    field = _field(image, size)
    pixels = _field(image, 1)
    rows = (torch.arange(image.shape[1]) // size).unsqueeze(1).expand_as(field)
    columns = (torch.arange(image.shape[2]) // size).expand_as(field)
    black = image.clone()
    black[:1] *= field % 2 == 0
    one = torch.ones((), dtype=image.dtype)
    compare(
        result,
        image * (field % 2 == 0),
        name,
        typical={
            "With p = 1 the picture came back as it was. It should be changed where the number "
            "drawn is below p.": image,
            "The fields are exchanged: the upper left field should be kept.": (
                image * (field % 2 == 1)
            ),
            "The fields are single pixels: a field is size × size, so divide the positions by "
            "size.": image * (pixels % 2 == 0),
            "These are stripes over whole rows: columns alternate, too.": image * (rows % 2 == 0),
            "These are stripes over whole columns: rows alternate, too.": (
                image * (columns % 2 == 0)
            ),
            "Only the first channel has changed: all channels of a pixel go to zero.": black,
            "The fields are set to one, and they should be zero.": (
                torch.where(field % 2 == 0, image, one)
            ),
            "Fields are kept only where both their row and their column are even: add the two, do "
            "not combine them with `and`.": image * ((rows % 2 == 0) & (columns % 2 == 0)),
            "Fields are lost only where both their row and their column are odd: add the two.": (
                image * (1 - rows * columns % 2)
            ),
            "This is the board of zeros and ones itself: multiply the image by it.": (
                (field % 2 == 0).to(image).expand_as(image)
            ),
            "The whole picture is zero.": torch.zeros_like(image),
            "The fields have twice the size.": image * (_field(image, 2 * size) % 2 == 0),
        },
        hint="A field is kept where (row // size + column // size) is even.",
        dtype=image.dtype,
    )


def _require_chances(answer: Any, image: Tensor) -> None:
    for p in (0.0, 1.0):
        changed = _outcomes(call(answer, p, 2), image, 30)
        if p == 0:
            require(
                not any(changed),
                f"With p = 0 the picture should stay as it is, and {sum(changed)} of 30 calls "
                "changed it.",
            )
        require(
            p == 0 or all(changed),
            f"With p = 1 each call should change the picture, and only {sum(changed)} of 30 did.",
        )
    for p in (0.25, 0.8):
        some = call(answer, p, 2)
        changed = _outcomes(some, image, CALLS)
        share = f"With p = {p}, {sum(changed)} of {CALLS} calls changed the picture."
        require(
            0 < sum(changed) < CALLS,
            f"{share} The chance must be drawn anew in every call, in __call__ and not in "
            "__init__.",
        )
        if abs(sum(changed) / CALLS - (1 - p)) < 0.1:
            require(False, f"{share} It is the other way round: change it where the number drawn "
                    "is below p.")  # fmt: skip
        require(
            abs(sum(changed) / CALLS - p) < 0.1,
            f"{share} torch.rand(()) < p is true with probability p.",
        )
    some = call(answer, 0.5, 2)
    torch.manual_seed(3)
    once = _outcomes(some, image, 40)
    torch.manual_seed(3)
    require(
        _outcomes(some, image, 40) == once,
        "With the same torch.manual_seed, other calls changed the picture than before: draw by "
        "torch.rand, from PyTorch's global generator.",
    )
    torch.manual_seed(4)
    other = _outcomes(call(answer, 0.5, 2), image, 40)
    torch.manual_seed(5)
    require(
        _outcomes(call(answer, 0.5, 2), image, 40) != other,
        "After two different torch.manual_seed, the same calls changed the picture: draw by "
        "torch.rand, from PyTorch's global generator.",
    )


def _outcomes(transform: Any, image: Tensor, calls: int) -> list[bool]:
    """Returns which of the calls changed the picture into the chessboard."""
    board = image * (_field(image, 2) % 2 == 0)
    found = []
    for _ in range(calls):
        result = as_tensor(call(transform, image), "Checker(p, 2)(image)", image.shape)
        found.append(torch.equal(result, board))
        require(
            found[-1] or torch.equal(result, image),
            "Sometimes the picture is neither as it was nor the whole chessboard: draw one number "
            "for the whole picture.",
        )
    return found


@exercise(
    "06.2",
    hints=(
        "Where does a point at x go when the picture is mirrored? And which of a box's two sides "
        "is the left one afterwards?",
        "x becomes width - x, so the new x1 is width - x2 and the new x2 is width - x1. y1 and y2 "
        "stay. torch.stack(..., dim=1) joins four columns to a new tensor.",
    ),
)
def flip_boxes(answer: Any) -> str:
    draw = Draw(7)
    for n, width, dtype in (
        *((2, 10, torch.float32), (1, 37, torch.float64), (5, 20.5, torch.float32)),
        *((3, 64, torch.int64), (0, 8, torch.float32)),
    ):
        low = draw.integers(-5, int(width) - 2, n, 2)
        boxes = torch.cat([low, low + draw.integers(2, 15, n, 2)], dim=1).to(dtype)
        if n:
            boxes[0, 2] = int(width) + 3  # beyond the picture
        if dtype.is_floating_point:
            boxes = boxes + 0.25
        name = f"flip_boxes(boxes, {width}), for boxes of shape {(n, 4)},"
        x1, y1, x2, y2 = boxes.double().unbind(1)
        found = call(answer, boxes, width)
        compare(
            found,
            torch.stack([width - x2, y1, width - x1, y2], 1),
            name,
            typical=_mistakes_of_flip(x1, y1, x2, y2, width),
            hint="x becomes width - x, and the right side becomes the left one.",
        )
        compare(call(answer, found, width), boxes, "Mirrored twice, the boxes")
    return "Mirrored twice, they are where they were."


def _mistakes_of_flip(
    x1: Tensor, y1: Tensor, x2: Tensor, y2: Tensor, width: float
) -> dict[str, Tensor]:
    def stack(*columns: Tensor) -> Tensor:
        return torch.stack(columns, 1)

    left, right = width - x2, width - x1
    return {
        "x1 is larger than x2 now: the mirrored right side is the new left side.": stack(
            right, y1, left, y2
        ),
        "They are one pixel too far left: a box's borders lie between pixels, so x becomes "
        "width - x.": stack(left - 1, y1, right - 1, y2),
        "y has changed, and x has not: this mirrors top to bottom.": stack(
            x1, width - y2, x2, width - y1
        ),
        "y has changed as well: mirror left to right only.": stack(
            left, width - y2, right, width - y1
        ),
        "The boxes are cut off at the edge of the picture. One that reaches beyond it on the right "
        "reaches beyond it on the left afterwards.": stack(
            left.clamp(0, width), y1, right.clamp(0, width), y2
        ),
        "The boxes are cut off at the picture's border: leave them as they are.": (
            stack(left, y1, right, y2).clamp(0, width)
        ),
        "Numbers below 0 have become 0: leave boxes that reach beyond the picture as they are.": (
            stack(left, y1, right, y2).clamp(min=0)
        ),
        "The boxes stayed where they were.": stack(x1, y1, x2, y2),
        "x1 and x2 are exchanged and not mirrored: x becomes width - x.": stack(x2, y1, x1, y2),
        "The new x2 was computed from the new x1: x2 needs the old one, so keep that.": stack(
            left, y1, x2, y2
        ),
        "Only x1 has moved.": stack(right, y1, x2, y2),
        "Only x2 has moved.": stack(x1, y1, left, y2),
        "The sign of x is exchanged: x becomes width - x, not x - width.": stack(
            x1 - width, y1, x2 - width, y2
        ),
        "x has become -x: add the width.": stack(-x2, y1, -x1, y2),
        "The order is (x1, y1, x2, y2): these are (x1, x2, y1, y2).": stack(left, right, y1, y2),
        "y1 and y2 are exchanged.": stack(left, y2, right, y1),
        "The last two numbers are the lower right corner, and these are width and height.": stack(
            left, y1, x2 - x1, y2 - y1
        ),
    }


@exercise(
    "06.3",
    hints=(
        "How do you get the batch in which each image stands where the one before it was, and the "
        "first at the end? And what do labels look like when they are probabilities?",
        "images.roll(-1, dims=0) is the next of each. F.one_hot(labels, classes).float() makes "
        "probabilities, which are mixed by the same formula.",
    ),
)
def mixup(answer: Any) -> str:
    draw = Draw(8)
    for shape, weight, classes, dtype in (
        *(((3, 1, 2, 2), 0.75, 4, torch.float32), ((5, 3, 4, 6), 0.3, 10, torch.float32)),
        *(((4, 2, 3, 3), 1.0, 3, torch.float64), ((2, 1, 5, 4), 0.0, 2, torch.float32)),
        ((1, 3, 2, 2), 0.6, 3, torch.float32),
    ):
        images = draw.normal(*shape, dtype=dtype)
        labels = draw.integers(0, classes, len(images))
        labels[:2] = classes - 2  # neighbours of one class, and no image of the last
        name = f"mixup(images, labels, {weight}, {classes}), for images of shape {shape},"
        result = call(answer, images, labels, weight, classes)
        mixed, targets = as_pair(result, name, "the mixed images", "the label probabilities")
        beside = images[[(i + 1) % len(images) for i in range(len(images))]]
        compare(
            mixed,
            weight * images + (1 - weight) * beside,
            f"With weight {weight}, the first result, the images of shape {shape},",
            typical=_mistakes_of_images(images, beside, weight),
            hint="Each is weight times the image plus 1 - weight times the next.",
            dtype="float",
        )
        own = torch.eye(classes, dtype=torch.float64)[labels]
        other = torch.eye(classes, dtype=torch.float64)[[*labels[1:].tolist(), int(labels[0])]]
        compare(
            targets,
            weight * own + (1 - weight) * other,
            f"With weight {weight}, the second result, the probabilities of {classes} classes,",
            typical=_mistakes_of_labels(labels, own, other, weight),
            hint="Each row is mixed like the images, and sums to 1.",
            dtype="float",
        )
    return "CrossEntropyLoss takes these as they are."


def _mistakes_of_images(images: Tensor, beside: Tensor, weight: float) -> dict[str, Tensor]:
    before = images.roll(1, dims=0)
    last = beside.clone()
    last[-1] = images[-1]
    return {
        "The weights are exchanged: weight belongs to the image itself.": (
            weight * beside + (1 - weight) * images
        ),
        "Each image is mixed with the one before it: roll the other way.": (
            weight * images + (1 - weight) * before
        ),
        "Each image is mixed with the one before it, and the weights are exchanged.": (
            weight * before + (1 - weight) * images
        ),
        "The images are not mixed.": images,
        "Each image is replaced by the next: mix the two.": beside,
        "The two are averaged half and half: weight is missing.": (images + beside) / 2,
        "The second part is missing its weight, 1 - weight.": weight * images + beside,
        "The first part is missing its weight.": images + (1 - weight) * beside,
        "The last image is mixed with itself: the one after the last is the first.": (
            weight * images + (1 - weight) * last
        ),
        "Each image is mixed with its counterpart in the reversed batch: the next is asked for.": (
            weight * images + (1 - weight) * images.flip(0)
        ),
        "The images are rolled along another dimension than the batch: dims=0.": (
            weight * images + (1 - weight) * images.roll(-1)
        ),
        "The image is mixed with the mean of the batch: the next is asked for.": (
            weight * images + (1 - weight) * images.mean(0)
        ),
    }


def _mistakes_of_labels(
    labels: Tensor, own: Tensor, other: Tensor, weight: float
) -> dict[str, Tensor]:
    rows = torch.arange(len(labels))
    assigned = torch.zeros_like(own)
    assigned[rows, labels] = weight
    assigned[rows, labels.roll(-1)] = 1 - weight
    reverse = torch.zeros_like(own)
    reverse[rows, labels.roll(-1)] = 1 - weight
    reverse[rows, labels] = weight
    before = own.roll(1, dims=0)
    return {
        "Where an image and the next have one label, the two weights should add up to 1, and one "
        "was written over the other.": assigned,
        "Where an image and the next have one label, the two weights should add up to 1: one was "
        "written over the other.": reverse,
        "The labels are not mixed: they are those of the images alone.": own,
        "The labels are those of the next image alone: mix the two.": other,
        "The labels' weights are exchanged: weight belongs to the image itself.": (
            weight * other + (1 - weight) * own
        ),
        "The labels are mixed with those of the image before: roll them like the images.": (
            weight * own + (1 - weight) * before
        ),
        "The labels are averaged half and half: weight is missing.": (own + other) / 2,
        "The class numbers themselves are mixed. Halfway between class 2 and class 4 does not lie "
        "class 3: mix one-hot vectors.": weight * labels + (1 - weight) * labels.roll(-1),
        "The labels are still class numbers: make probabilities of them with F.one_hot.": (
            labels.double()
        ),
        "The probabilities do not sum to 1: the second part needs the weight 1 - weight.": (
            weight * own + other
        ),
    }


@exercise(
    "06.4",
    hints=(
        "How many rows can the crop begin at? When the crop begins at row y and column x, which "
        "numbers of a box change, and by how much?",
        "torch.randint(height - size + 1, ()) draws the row. Subtract (x, y, x, y) from the boxes, "
        "clamp them to 0 and size, and keep those with 4 * area left >= area before.",
    ),
)
def random_crop(answer: Any) -> str:
    as_function(answer)
    draw = Draw(9)
    for height, width, size in ((9, 12, 5), (7, 7, 7), (6, 14, 4)):
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        image = torch.stack([rows, columns, 0 * rows]).to(torch.uint8)  # each pixel says where
        corners = torch.stack(
            [draw.integers(0, width - 4, 12), draw.integers(0, height - 4, 12)], 1
        )
        boxes = torch.cat([corners, corners + draw.integers(1, 5, 12, 2)], dim=1)
        labels = torch.arange(20, 32)
        seen = Counter(_cut(answer, image, boxes, labels, size) for _ in range(CROPS))
        _require_even(seen, height - size + 1, width - size + 1, (height, width, size))
    ends = sum(_cut(answer, image, boxes[:1], labels[:1], size)[0] != 1 for _ in range(600))
    require(
        ends > 350,  # 400 are expected, and 300 where a real number is rounded
        f"Of 600 crops of size {size} from an image of {height} × {width} only {ends} begin at "
        "the first or the last of three rows, and about 400 should: rounding makes both half as "
        "likely.",
    )
    runs = []
    for _ in range(2):
        torch.manual_seed(3)
        runs.append([_cut(answer, image, boxes, labels, size) for _ in range(9)])
    require(
        runs[0] == runs[1],
        "With the seed set by torch.manual_seed, two runs gave other places: draw from PyTorch's "
        "global generator.",
    )
    _cut(answer, image, boxes[:0], labels[:0], size)
    _cut(answer, image.float() / 255, boxes[:1], labels[:1], size)
    return "Detectors are trained on such crops."


def _cut(answer: Any, image: Tensor, boxes: Tensor, labels: Tensor, size: int) -> tuple[int, int]:
    """Compares one crop with what belongs at its place; returns the place."""
    shape = f"an image of shape {tuple(image.shape)} and size {size}"
    result = call(answer, image, boxes, labels, size)
    parts = as_list(result, f"random_crop of {shape}", 3)
    crop = as_tensor(parts[0], f"The crop of {shape}", (image.shape[0], size, size))
    place = (255 * crop if crop.is_floating_point() else crop).round().long()[:2, 0, 0]
    y, x = place.tolist()
    require(
        0 <= y <= image.shape[1] - size
        and 0 <= x <= image.shape[2] - size
        and same(crop, image[:, y : y + size, x : x + size]),
        f"The crop of {shape} is not a piece of the image as it was: cut it out with slices.",
    )
    if x == y == 0 and size < min(image.shape[1:]):
        return y, x  # most mistakes with boxes do not show in this corner
    name = f"that lie in a crop from row {y}, column {x} of {shape}"
    moved = boxes - torch.tensor([x, y, x, y])
    cut = moved.clamp(0, size)
    area, left = ((b[:, 2:] - b[:, :2]).prod(dim=1) for b in (boxes, cut))
    kept = _large_enough(cut, boxes)
    found, numbers = parts[1:]
    found = as_tensor(found, f"The boxes {name}", (None, 4))
    numbers = as_tensor(numbers, f"The labels of the boxes {name}", (len(found),))
    _require_place(found, numbers, boxes, labels, (x, y, x, y), size)
    wrong = {
        "Boxes reach beyond the crop: cut them off at 0 and at its size.": moved,
    }
    _require_kept(numbers, labels, kept, left, area, name)
    compare(
        found.long(),
        cut[kept],
        f"The boxes {name}",
        typical={hint: value[kept] for hint, value in wrong.items()},
    )
    return y, x


def _require_place(
    found: Tensor, numbers: Tensor, boxes: Tensor, labels: Tensor, offset: tuple, size: int
) -> None:
    """Names boxes in a wrong place, which most often change what is dropped, too."""
    shift = torch.tensor(offset)
    moved = boxes - shift
    cut = moved.clamp(0, size)
    kept = _large_enough(cut, boxes)
    if numbers.tolist() == labels[kept].tolist() and same(found, cut[kept]):
        return
    subtract = "subtract left from x and top from y."
    mistakes = {
        f"The boxes are where they were in the whole image: {subtract}": (
            boxes,
            boxes.clamp(0, size),
        ),
        f"Rows and columns are exchanged: {subtract}": ((boxes - shift.flip(0)).clamp(0, size),),
        f"The crop's place is added to the boxes: {subtract}": ((boxes + shift).clamp(0, size),),
        "x₂ and y₂ are borders: cut off at size, not at size - 1.": (
            moved.clamp(0, size - 1),
            torch.cat([cut[:, :2], cut[:, 2:].clamp(max=size - 1)], dim=1),
        ),
    }
    for hint, values in mistakes.items():
        for value in values:
            for keep in (kept, _large_enough(value, boxes)):
                differs = not (torch.equal(keep, kept) and same(value[keep], cut[kept]))
                alike = numbers.tolist() == labels[keep].tolist() and same(found, value[keep])
                require(not (differs and alike), hint)
    large = 4 * (cut[:, 2:] - cut[:, :2]).prod(dim=1) >= size**2
    require(
        numbers.tolist() != labels[large].tolist() or torch.equal(large, kept),
        "A box is dropped if less than a quarter of its own area is left, not of the crop's.",
    )
    places = dict(zip(numbers.tolist(), found.tolist(), strict=True))
    right = dict(zip(labels.tolist(), cut.tolist(), strict=True))
    if places and all(right.get(label) == box for label, box in places.items()):
        return  # they are where they belong: the choice differs
    for label, box, whole in zip(labels.tolist(), moved.tolist(), cut.tolist(), strict=True):
        require(
            box != whole or max(box) == size or places.get(label) == box,
            f"A box that lies wholly in the crop is missing or in another place: {subtract}",
        )


def _large_enough(cut: Tensor, boxes: Tensor) -> Tensor:
    left, area = ((b[:, 2:] - b[:, :2]).prod(dim=1) for b in (cut, boxes))
    return 4 * left >= area


def _require_kept(
    numbers: Tensor, labels: Tensor, kept: Tensor, left: Tensor, area: Tensor, name: str
) -> None:
    """Tells which box should have been kept or dropped, by its label."""
    got, expected = numbers.tolist(), labels[kept].tolist()
    for label, whole, part in zip(labels.tolist(), area.tolist(), left.tolist(), strict=True):
        have, want = label in got, label in expected
        require(
            have == want,
            f"Of the boxes {name} one has {part} of its {whole} pixels left and was "
            f"{'kept' if have else 'dropped'}: {'less' if have else 'not less'} than a quarter.",
        )
    require(got == expected, f"The labels of the boxes {name} are not in the order of the boxes.")


def _require_even(seen: Counter, rows: int, columns: int, shape: tuple[int, ...]) -> None:
    height, width, size = shape
    name = f"{CROPS} crops of size {size} from an image of {height} × {width}"
    found = {y for y, _ in seen}, {x for _, x in seen}
    for what, places, count in zip(("row", "column"), found, (rows, columns), strict=True):
        missing = sorted(set(range(count)) - places)
        require(
            not missing,
            f"None of {name} begins at {what} {missing[-1] if missing else ''}, and each of 0 to "
            f"{count - 1} should be equally likely.",
        )
    for axis, count in ((0, rows), (1, columns)):
        one = Counter(place[axis] for place in seen.elements())
        largest = max(one.values()) / CROPS
        require(
            largest < 1.6 / count + 0.06,
            f"Of {name} {largest:.0%} begin at the same {('row', 'column')[axis]}: each of {count} "
            "should be equally likely.",
        )
    require(
        rows * columns < 20 or len(seen) > rows * columns / 2,
        f"{name} have only {len(seen)} places: draw the row and the column independently.",
    )
