"""Checks of chapter 13, U-Net."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.checks.machinery import (
    Draw,
    as_float,
    as_pair,
    as_tensor,
    call,
    compare,
    exercise,
    named,
    require,
    require_error,
    require_gradients,
    same,
)


@exercise(
    "13.1",
    hints=(
        "Where is the class in the truth, and where in the prediction? Each is a set of pixels: "
        "count what is in both, and what is in at least one.",
        "a, b = truth == label, predicted == label. (a & b).sum() is the intersection, "
        "(a | b).sum() the union; when the union is 0, return 1.0. .item() makes a float.",
    ),
)
def iou(answer: Any) -> str:
    draw = Draw(1)
    small = (
        torch.tensor([[0, 1, 1], [2, 2, 1], [2, 2, 2]]),
        torch.tensor([[0, 1, 2], [2, 0, 1], [2, 0, 0]]),
    )
    batch = draw.integers(0, 4, 2, 5, 8), draw.integers(0, 5, 2, 5, 8)
    line = draw.integers(1, 4, 30), draw.integers(0, 3, 30)
    for truth, predicted in (small, batch, line):
        for label in (1, 2, 0, 3, 4, 7):
            a = set((truth.flatten() == label).nonzero().flatten().tolist())
            b = set((predicted.flatten() == label).nonzero().flatten().tolist())
            name = f"iou(truth, predicted, {label}), for tensors of shape {tuple(truth.shape)},"
            value = as_float(_counted(answer, truth, predicted, label), name)
            expected = len(a & b) / len(a | b) if a or b else 1.0
            if not a and not b:
                require(
                    value == 1.0,
                    f"The class {label} is in neither tensor, and the result is {value:.4g}: "
                    "return 1.0.",
                )
            compare(
                value,
                expected,
                name,
                tolerance=1e-6,
                typical=_iou_mistakes(a, b, truth, predicted),
                hint=f"{len(a & b)} pixels are of class {label} in both tensors, and {len(a | b)} "
                "in at least one of them.",
            )
    return "Two sets, two counts."


def _counted(answer: Any, truth: Tensor, predicted: Tensor, label: int) -> Any:
    try:
        return call(answer, truth, predicted, label)
    except ZeroDivisionError:
        require(
            bool((truth == label).any() or (predicted == label).any()),
            f"{named(answer)} divides by zero for a class that is in neither tensor: return 1.0.",
        )
        require(
            False,
            f"{named(answer)} divides by zero for a class that is in one of the tensors alone: "
            "the union has pixels, so divide by it.",
        )


def _iou_mistakes(a: set, b: set, truth: Tensor, predicted: Tensor) -> dict[str, Any]:
    both, either, n = len(a & b), len(a | b), truth.numel()
    same_class = int((truth == predicted).sum())
    return {
        "The class is in one of the two tensors, so the union has pixels and the intersection "
        "none: that is 0.0. Only a class that is in neither gives 1.0.": (
            lambda: 1.0 if bool(a) != bool(b) else torch.nan
        ),
        "That is Dice, twice the intersection over the sum of the sizes: divide the intersection "
        "by the union.": lambda: 2 * both / (len(a) + len(b)),
        "That is the intersection over the true pixels (recall): divide by the union.": (
            lambda: both / len(a)
        ),
        "That is the intersection over the predicted pixels (precision): divide by the union.": (
            lambda: both / len(b)
        ),
        "The sizes of both were added: in the union, a pixel that is in both counts once.": (
            lambda: both / (len(a) + len(b))
        ),
        "This is the union over the intersection: turn the fraction over.": lambda: either / both,
        "The intersection was divided by the number of all pixels: divide by the union.": (
            lambda: both / n
        ),
        "Pixels that are of the class in neither were counted as agreement: they are not in the "
        "intersection.": lambda: (n - len(a ^ b)) / n,
        "The share of pixels where the tensors agree, in any class, is the accuracy: look at one "
        "class.": same_class / n,
        "Pixels that agree in any class were counted: the intersection has those of this class "
        "alone.": lambda: same_class / either,
        "This is a distance, 1 - IoU.": lambda: 1 - both / either,
    }


@exercise(
    "13.2",
    hints=(
        "How many rows and columns are missing? And what does F.pad do with a negative number?",
        "F.pad(x, [left, right, top, bottom]) begins with the last dimension. Compare heights and "
        "widths first: raise ValueError(...) when one of the differences is negative.",
    ),
)
def pad_like(answer: Any) -> str:
    draw = Draw(2)
    for shape, size, dtype in (
        ((1, 1, 3, 4), (5, 7), torch.float32),
        ((2, 3, 6, 2), (6, 9), torch.float64),
        ((3, 2, 1, 8), (4, 8), torch.float32),
        ((2, 1, 5, 5), (5, 5), torch.float32),
        ((2, 2, 3, 3), (8, 4), torch.int64),
    ):
        x = draw.integers(1, 9, *shape).to(dtype)
        like = draw.normal(1 if shape[0] > 1 else 3, 1 if shape[1] > 1 else 4, *size)
        down, right = size[0] - shape[2], size[1] - shape[3]
        x = x.requires_grad_(dtype.is_floating_point)
        name = f"pad_like(x, like), for x of shape {shape} and like of shape {tuple(like.shape)},"
        y = as_tensor(call(answer, x, like), name)
        v = x.detach()
        expected = F.pad(x, (0, right, 0, down))
        compare(
            y,
            expected,
            name,
            tolerance=1e-6,
            typical={
                "Height and width are exchanged: F.pad takes the last dimension first.": (
                    lambda v=v, down=down, right=right: F.pad(v, (0, down, 0, right))
                ),
                "x should stay in the upper left, and it is in the lower right: pad at the bottom "
                "and on the right.": F.pad(v, (right, 0, down, 0)),
                "x should stay in the upper left, and it is in the lower left: pad at the bottom, "
                "not at the top.": F.pad(v, (0, right, down, 0)),
                "x should stay in the upper left, and it is in the upper right: pad on the right, "
                "not on the left.": F.pad(v, (right, 0, 0, down)),
                "x is in the middle: pad at the bottom and on the right alone.": F.pad(
                    v, (right // 2, right - right // 2, down // 2, down - down // 2)
                ),
                "The padding repeats the border of x: it should be zeros.": (
                    lambda v=v, down=down, right=right: F.pad(
                        v.double(), (0, right, 0, down), mode="replicate"
                    )
                ),
                "The padding is made of ones: it should be zeros.": F.pad(
                    v, (0, right, 0, down), value=1
                ),
                "x was resized: its numbers should stay, with zeros beside them.": (
                    lambda v=v, size=size: F.interpolate(v.double(), size)
                ),
                "The result has the numbers of like: its height and width alone are asked for.": (
                    like
                ),
            },
            hint="x stays in the upper left, and zeros fill the rest to the height and width of "
            "like; N and C are those of x.",
            dtype=dtype,
        )
        if x.requires_grad:
            require_gradients(y, expected, {"x": x}, name)
    for shape, size, what in (
        ((1, 1, 3, 4), (2, 9), "taller"),
        ((1, 1, 3, 4), (9, 3), "wider"),
        ((2, 1, 6, 6), (5, 5), "taller and wider"),
        ((2, 1, 6, 2), (3, 4), "taller"),
    ):
        require_error(
            ValueError,
            answer,
            draw.normal(*shape),
            torch.zeros(1, 1, *size),
            hint=f"x of {shape[2:]} pixels is {what} than like of {size}, and no ValueError was "
            "raised: F.pad would cut x. Look at the height and at the width.",
        )
    return "Any size fits now."


@exercise(
    "13.3",
    hints=(
        "Look at the 3 × 3 pixels around each one. When are all of them of one class, said with "
        "their largest and their smallest value?",
        "F.max_pool2d(values, 3, stride=1, padding=1) gives the largest of the nine, and "
        "-F.max_pool2d(-values, ...) the smallest; it wants floats, and a dimension for channels. "
        "Its padding never wins.",
    ),
)
def border(answer: Any) -> str:
    mask = torch.zeros(3, 7, 8, dtype=torch.int64)
    mask[0, 2:5, 3:6] = 1
    mask[1, :, :2] = 1
    mask[2, 3, 3] = 1
    draw = Draw(3)
    speckled = (draw.uniform(2, 9, 6) < 0.1).long()
    plain = torch.stack([torch.zeros(5, 4), torch.ones(5, 4)]).long()
    line = torch.tensor([[[0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]]])
    for masks in (mask, speckled, plain, line, 1 - mask):
        shape = tuple(masks.shape)
        name = f"border(mask), for a mask of shape {shape},"
        found = as_tensor(
            call(answer, masks),
            name,
            shape,
            dtype="bool",
            why="A comparison gives True or False for each pixel.",
        )
        expected = _border(masks, _EIGHT)
        if not same(found.double(), expected.double()):
            _tell_border(found, expected, masks, name)
    return "Two poolings find every outline."


_FOUR = [(-1, 0), (1, 0), (0, -1), (0, 1)]
_EIGHT = [*_FOUR, (-1, -1), (-1, 1), (1, -1), (1, 1)]
_FAR = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if i or j]


def _border(masks: Tensor, offsets: list[tuple[int, int]], outside: float = -1) -> Tensor:
    """Looks at each neighbour in turn; ``outside`` stands for pixels beyond the picture."""
    masks = masks.double()
    height, width = masks.shape[1:]
    wide = F.pad(masks, (2, 2, 2, 2), value=outside)
    found = torch.zeros(masks.shape, dtype=torch.bool)
    for i, j in offsets:
        other = wide[:, 2 + i : 2 + i + height, 2 + j : 2 + j + width]
        found |= (other != masks) & (other != -1)
    return found


def _around(masks: Tensor) -> Tensor:
    """Borders where the picture's edges are joined: the first row is next to the last."""
    found = [masks.roll((i, j), (1, 2)) != masks for i, j in _EIGHT]
    return torch.stack(found).any(0)


def _across(masks: Tensor) -> Tensor:
    """Borders where the pictures of the batch are neighbours, too."""
    values = masks.double()[None, None]
    highest, lowest = F.max_pool3d(values, 3, 1, 1), -F.max_pool3d(-values, 3, 1, 1)
    return (highest != lowest)[0, 0]


def _tell_border(found: Tensor, expected: Tensor, masks: Tensor, name: str) -> None:
    ones = masks == 1
    compare(
        found.double(),
        expected.double(),
        name,
        typical={
            hint: value.double()
            for hint, value in {
                "Only pixels of class 1 are marked: the other side of the border belongs to it, "
                "too.": expected & ones,
                "Only pixels of class 0 are marked: the other side of the border belongs to it, "
                "too.": expected & ~ones,
                "Neighbours across a corner are missing: there are eight neighbours, and four were "
                "looked at.": _border(masks, _FOUR),
                "The edge of the picture counts as a border where the mask is 1: pixels outside "
                "are not neighbours, so do not pad with zeros.": _border(masks, _EIGHT, 0),
                "The edge of the picture counts as a border where the mask is 0: pixels outside "
                "are not neighbours, so do not pad with ones.": _border(masks, _EIGHT, 1),
                "The edge of the picture counts as a border: pixels outside are not neighbours.": (
                    _border(masks, _EIGHT, 0.5)
                ),
                "True and False are exchanged.": ~expected,
                "The border is too wide: only the eight pixels next to a pixel are its "
                "neighbours.": _border(masks, _FAR),
                "Pictures of the batch are compared with each other: pool over height and width "
                "alone.": _across(masks),
                "The first row is compared with the last one, or the first column with the last: "
                "roll goes around the edge.": _around(masks),
                "The mask became one pixel larger: its border alone is asked for.": (
                    _border(masks, _EIGHT) | ones
                ),
                "This is the mask itself: look at the neighbours.": ones,
                "Nothing is marked.": torch.zeros_like(ones),
                "Only neighbours beside a pixel were compared: those above and below count, "
                "too.": _border(masks, [(0, -1), (0, 1)]),
                "Only neighbours above and below were compared: those beside a pixel count, "
                "too.": _border(masks, [(-1, 0), (1, 0)]),
                "Only neighbours to the right of and below a pixel were compared: there are "
                "eight.": _border(masks, [(1, 0), (0, 1)]),
            }.items()
        },
        hint="1 stands for True here: one of the eight neighbours is of the other class.",
    )


@exercise(
    "13.4",
    hints=(
        "Whatever moves a pixel of the picture must move the same pixel of the mask: draw once, "
        "and use what was drawn twice. What changes colours alone is not for the mask.",
        "Go through the pairs of a batch. torch.rand(()) < 0.5 decides about picture.flip(-1) and "
        "mask.flip(-1), or torch.roll moves both. Keep the dtypes, and clamp the pictures.",
    ),
)
def vary(answer: Any) -> str:
    draw = Draw(4)
    changed = moved = full = count = 0
    for size in ((16, 48, 48), (12, 40, 56), (1, 48, 48), (16, 48, 48)):
        masks = _blobs(draw, *size)
        level = 0.25 + 0.5 * masks + draw.uniform(*size, low=-0.04, high=0.04)
        pictures = level.unsqueeze(1)
        result = call(answer, pictures, masks)
        new, new_masks = as_pair(result, "vary(pictures, masks)", "the pictures", "the masks")
        kind = f"for pictures of shape {tuple(pictures.shape)},"
        new = as_tensor(new, f"The first result, {kind}", tuple(pictures.shape), dtype="float")
        new_masks = as_tensor(new_masks, f"The second result, {kind}", size, dtype=torch.int64)
        new, new_masks = new.detach(), new_masks.detach()
        require(new.dtype == torch.float32, "The pictures should keep their dtype, float32.")
        require(
            bool(((new >= 0) & (new <= 1)).all()),
            f"The new pictures reach from {new.min():.2f} to {new.max():.2f}: clamp them to "
            "[0, 1].",
        )
        require(
            bool(((new_masks == 0) | (new_masks == 1)).all()),
            "The new masks hold other numbers than 0 and 1.",
        )
        fits = [_fit(a[0], b) for a, b in zip(new, new_masks, strict=True)]
        fits = [fit for fit in fits if fit is not None]
        require(
            len(fits) * 2 >= len(masks) and sum(fits) / max(len(fits), 1) > 0.9,
            "The new masks do not fit the new pictures: garments lie where the mask says "
            "background. Each mask must be moved as its picture is.",
        )
        require(
            min(fits) > 0.85,
            "Most of the new masks fit their pictures, and not all: each mask must be moved as its "
            "picture is.",
        )
        _require_in_place(new, new_masks, sum(fits) / len(fits))
        _require_upright(new, new_masks)
        full += int((new_masks.double().mean((1, 2)) > 0.5).sum())
        count += len(new_masks)
        changed += int((new != pictures).flatten(1).any(1).sum())
        moved += int((new_masks != masks).flatten(1).any(1).sum())
    require(
        full * 6 <= count,
        f"{full} of {count} new masks are 1 on more than half of the picture: 1 stands for "
        "garment, also where the picture is a negative.",
    )
    require(changed > 0, "The pictures come back as they were: change them.")
    require(moved > 0, "No mask has changed: at least one change should move pixels.")
    picture = _blobs(draw, 1, 48, 48)
    same = 0.2 + 0.6 * picture.float().expand(24, -1, -1).unsqueeze(1).clone()
    group = picture.expand(24, -1, -1).clone()
    first, second = (_masks(call(answer, same.clone(), group.clone())) for _ in range(2))
    apart = sum(not torch.equal(first[0], other) for other in first[1:])
    require(
        apart > 0,
        "24 equal pictures in one batch were all changed alike: draw for each picture on its own.",
    )
    require(
        not torch.equal(first, second),
        "Two calls with the same pictures give the same result: draw anew each time.",
    )
    return "Twice the pictures, and every mask still fits."


def _require_in_place(pictures: Tensor, masks: Tensor, fit: float) -> None:
    """Tells a mask that would fit better if it lay one pixel further, in some direction."""
    for rows, columns, where in (
        (1, 0, "lower"),
        (-1, 0, "higher"),
        (0, 1, "further right"),
        (0, -1, "further left"),
    ):
        moved = [
            _fit(a[0], b)
            for a, b in zip(pictures, masks.roll((rows, columns), dims=(1, 2)), strict=True)
        ]
        moved = [value for value in moved if value is not None]
        require(
            sum(moved) / max(len(moved), 1) <= fit + 0.005,
            f"The new masks would fit better if they lay one pixel {where}: move mask and picture "
            "by the same amount.",
        )


def _require_upright(pictures: Tensor, masks: Tensor) -> None:
    """Tells masks of which more than a sixth would fit better if they were turned a little."""
    from torchvision.transforms.v2.functional import rotate

    pairs = [(a[0], b, _fit(a[0], b)) for a, b in zip(pictures, masks, strict=True)]
    pairs = [(picture, mask, fit) for picture, mask, fit in pairs if fit is not None]
    turned = 0
    for picture, mask, fit in pairs:
        others = (_fit(picture, rotate(mask[None], angle)[0]) for angle in (-8, -4, 4, 8))
        turned += max(other or 0 for other in others) > fit + 0.003
    require(
        turned * 6 <= len(pairs),
        f"{turned} of {len(pairs)} new masks would fit better if they were turned by a few "
        "degrees: turn mask and picture by the same angle.",
    )


def _blobs(draw: Draw, count: int, height: int, width: int) -> Tensor:
    """Makes masks of an L in one corner region, which no flip or turn leaves as it is."""
    masks = torch.zeros(count, height, width, dtype=torch.int64)
    for mask in masks:
        top, left = (int(draw.integers(10, 16)) for _ in range(2))
        mask[top : top + 16, left : left + 6] = 1
        mask[top + 11 : top + 16, left : left + 14] = 1
    return masks


def _masks(result: Any) -> Tensor:
    return as_pair(result, "vary(pictures, masks)", "the pictures", "the masks")[1]


def _fit(picture: Tensor, mask: Tensor) -> float | None:
    """Returns how often a pixel of the mask differs from one outside in the same direction."""
    inside, outside = picture[mask == 1], picture[mask == 0]
    if len(inside) < 20 or len(outside) < 20:
        return None
    above = (inside[:, None] > outside[None, ::3]).float().mean()
    equal = (inside[:, None] == outside[None, ::3]).float().mean()
    share = (above + equal / 2).item()
    return max(share, 1 - share)
