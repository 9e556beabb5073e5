"""Checks of chapter 05, the torchvision toolbox."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_integer,
    as_list,
    as_tensor,
    call,
    compare,
    exercise,
    forbid,
    plain,
    require,
    require_error,
)
from helpers.data import photo


@exercise(
    "05.1",
    hints=(
        "Only a hundred qualities exist. In which order would you try them, and when would you "
        "stop?",
        "Go from 100 down to 1, encode with encode_jpeg(image, quality=quality), and return the "
        "first data for which len(data) <= limit. After the loop, nothing has fitted.",
    ),
)
def fit_into(answer: Any) -> str:
    from torchvision.io import encode_jpeg

    noise = Draw(43).integers(0, 256, 3, 40, 56, dtype=torch.uint8)  # quality 1 beats 2 by a byte
    pictures = photo("cat")[:, 90:150, 120:200], noise, photo("rocket")[:, 90:150, 120:200]
    places = ((37, 1), (83, 0), (100, 500), (1, 0)), ((1, 0), (4, 0), (100, 0)), ()
    for image, limits in zip(pictures, places, strict=True):
        files = {q: encode_jpeg(image, quality=q) for q in range(1, 101)}
        sizes = {q: len(data) for q, data in files.items()}
        if not limits:  # where a higher quality is a smaller file
            limits = [(q, 0) for q in range(2, 101) if sizes[q] < sizes[q - 1]]
        for quality, more in limits:
            limit = sizes[quality] + more
            try:
                result = call(answer, image, limit)
            except ValueError as error:
                raise Wrong(
                    f"fit_into(image, {limit}) raised ValueError, and quality {quality} fits, with "
                    f"{sizes[quality]} bytes."
                ) from error
            _require_best(result, files, limit)
        require_error(
            ValueError,
            answer,
            image,
            sizes[1] - 1,
            hint=f"fit_into(image, {sizes[1] - 1}) returned something, though even quality 1 needs "
            f"{sizes[1]} bytes: raise ValueError.",
        )
    return "No higher quality fits."


def _require_best(result: Any, files: dict[int, Tensor], limit: int) -> None:
    name = f"fit_into(image, {limit})"
    data = as_tensor(result, name, (None,), torch.uint8, "encode_jpeg returns it as it should be.")
    require(
        len(data) <= limit,
        f"{name} has {len(data)} bytes, more than the limit: compare the length of what "
        "encode_jpeg returns with it.",
    )
    best = max(q for q, file in files.items() if len(file) <= limit)
    found = [q for q, file in files.items() if torch.equal(file, data)]
    require(
        bool(found),
        f"{name} gave {len(data)} bytes that encode_jpeg(image, quality=...) returns for none of "
        "the qualities 1 to 100: return its bytes as they are, for the image as it is.",
    )
    exact = " A limit may be met exactly." if len(files[best]) == limit else ""
    smaller = any(len(file) > limit for q, file in files.items() if q < best)
    below = " A higher quality may be a smaller file: try them all." if smaller else ""
    require(
        best in found,
        f"{name} gave quality {found[-1]}, and quality {best} fits as well, with "
        f"{len(files[best])} bytes.{exact}{below}",
    )


@exercise(
    "05.2",
    hints=(
        "The centre lies halfway between two corners. Which columns does the centre's x need, and "
        "which ones the width?",
        "boxes[:, :2] are the upper left corners, boxes[:, 2:] the lower right ones. Half of their "
        "sum is the centre, their difference the size; torch.cat(..., dim=1) joins both.",
    ),
)
def to_centres(answer: Any) -> str:
    draw = Draw(5)
    for n, dtype in (
        *((2, torch.float32), (1, torch.float64), (5, torch.float32), (4, torch.int64)),
        *((0, torch.float32), (3, torch.int64)),
    ):
        low = draw.integers(-40, 40, n, 2)
        boxes = torch.cat([low, low + draw.integers(1, 30, n, 2)], dim=1).to(dtype)
        if dtype.is_floating_point:
            boxes = boxes + 0.25
        x1, y1, x2, y2 = boxes.double().unbind(1)
        expected = torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], 1)
        kind = "integer boxes" if dtype == torch.int64 else "boxes"
        compare(
            call(answer, boxes),
            expected,
            f"to_centres(boxes), for {kind} of shape {(n, 4)},",
            typical=_mistakes_of_centres(x1, y1, x2, y2),
            dtype="float",
        )
    forbid(
        answer,
        dict.fromkeys(
            ("box_convert", "_box_xyxy_to_cxcywh"),
            "The centres are right, but box_convert computed them: write the formula yourself.",
        ),
    )
    return "ops.box_convert does this, and the way back."


def _mistakes_of_centres(x1: Tensor, y1: Tensor, x2: Tensor, y2: Tensor) -> dict[str, Tensor]:
    cx, cy, w, h = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1

    def stack(*columns: Tensor) -> Tensor:
        return torch.stack(columns, 1)

    return {
        "The centre is the middle between the corners: (x1 + x2) / 2, not half the width.": stack(
            w / 2, h / 2, w, h
        ),
        "The sums of the corners stand where the centre should: halve them.": stack(
            x1 + x2, y1 + y2, w, h
        ),
        "Width and height are differences of corners, and these are sums.": stack(
            cx, cy, x1 + x2, y1 + y2
        ),
        "The centre comes first, then width and height.": stack(w, h, cx, cy),
        "The first two numbers are the upper left corner: the centre lies half a width and half a "
        "height further.": stack(x1, y1, w, h),
        "The last two numbers are the lower right corner: width and height are asked for.": stack(
            cx, cy, x2, y2
        ),
        "Width and height are half as large as they should be.": stack(cx, cy, w / 2, h / 2),
        "x and y are exchanged: the centre's x comes first, and the width before the height.": (
            stack(cy, cx, h, w)
        ),
        "Width and height are exchanged: the width belongs to x.": stack(cx, cy, h, w),
        "The order is (centre x, centre y, width, height).": stack(cx, w, cy, h),
        "Width and height are one too large: they are x2 - x1 and y2 - y1.": stack(
            cx, cy, w + 1, h + 1
        ),
        "Width and height are negative: subtract the upper left corner from the lower right.": (
            stack(cx, cy, -w, -h)
        ),
        "The centre lost its fraction: between 1 and 4 lies 2.5. An integer tensor cannot hold it, "
        "and // rounds down.": stack(cx.floor(), cy.floor(), w, h),
        "The centre lost its fraction: between 1 and 4 lies 2.5. An integer tensor cannot hold "
        "it.": stack(cx.trunc(), cy.trunc(), w, h),
        "The corners are read as (x1, x2, y1, y2), and they are (x1, y1, x2, y2).": stack(
            (x1 + y1) / 2, (x2 + y2) / 2, y1 - x1, y2 - x2
        ),
        "These are the corners as they came.": stack(x1, y1, x2, y2),
        "The centre is half a size from zero, not from the corner: x1 + width / 2.": stack(
            x1 + w, y1 + h, w, h
        ),
        "x1 + x2 / 2 halves x2 alone: (x1 + x2) / 2 needs its parentheses.": stack(
            x1 + x2 / 2, y1 + y2 / 2, w, h
        ),
        "The centre is half the difference of the corners away from where it should be: add the "
        "corners.": stack((x1 - x2) / 2, (y1 - y2) / 2, w, h),
    }


@exercise(
    "05.3",
    hints=(
        "Non-maximum suppression knows no labels. How could you show it only boxes that are "
        "rivals, and how do you find your way back to the indices of all boxes?",
        "For each label, rows = (labels == label).nonzero().squeeze(1); ops.nms on boxes[rows] "
        "counts within rows, so rows[...] leads back. Join all, and sort by scores at the end.",
    ),
)
def nms_by_class(answer: Any) -> str:
    for number, (boxes, scores, labels, limit) in enumerate(_scenes()):
        expected = _greedy(boxes, scores, labels, limit)
        result = call(answer, boxes, scores, labels, limit)
        kept = _indices(result, len(boxes), scores, labels)
        if kept != expected:
            _tell_mistake(kept, expected, boxes, scores, labels, limit)
        if number == 0:  # batched_nms itself fails below zero, which is not for the learner to find
            forbid(answer, dict.fromkeys(BATCHED, NOT_BATCHED))
    return "ops.batched_nms does it in one call."


BATCHED = "batched_nms", "_batched_nms_vanilla", "_batched_nms_coordinate_trick"
NOT_BATCHED = (
    "The right boxes are kept, but batched_nms chose them: write it yourself, with ops.nms if you "
    "like."
)


def _scenes() -> list[tuple[Tensor, Tensor, Tensor, float]]:
    small = torch.tensor(
        [[0, 0, 10, 10], [1, 1, 11, 11], [0, 0, 10, 9], [50, 50, 60, 60], [51, 50, 61, 60]]
    ).float()
    scores = torch.tensor([0.6, 0.9, 0.8, 0.5, 0.7])
    scenes = [(small, scores, torch.tensor([1, 1, 2, 1, 1]), 0.5)]
    # The second overlaps the first and the third, which do not overlap each other by much.
    chain = torch.tensor([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]]).float()
    scenes.append((chain, torch.tensor([0.9, 0.8, 0.7]), torch.tensor([3, 3, 3]), 0.3))
    # Half of the first is exactly the second.
    halves = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 5], [40, 0, 50, 10]]).float()
    scenes.append((halves, torch.tensor([0.4, 0.9, 0.6]), torch.tensor([0, 0, 1]), 0.5))
    # Left of and above zero, and so far apart that a fixed distance meets another label's boxes.
    minus = torch.tensor([[-60, -60, -20, -20], [-30, -30, 10, 10], [-22, -22, 18, 18]]).float()
    scenes.append((minus, torch.tensor([0.3, 0.8, 0.6]), torch.tensor([0, 1, 0]), 0.3))
    for shift in (10.0, 18.0, 100.0, 1000.0, 10000.0):
        apart = torch.tensor([[5, 5, 18, 18], [shift + 5, shift + 5, shift + 18, shift + 18]])
        labels = torch.tensor([1, 0])
        scenes.append((apart, torch.tensor([0.3, 0.8]), labels, 0.4))
    draw = Draw(6)
    for n, classes, dtype, limit in (
        *((30, 3, torch.float32, 0.3), (20, 2, torch.float64, 0.6), (1, 1, torch.float32, 0.5)),
        *((0, 1, torch.float32, 0.5), (12, 12, torch.float32, 0.1)),
    ):
        low = draw.uniform(n, 2, low=-20, high=25, dtype=dtype)
        boxes = torch.cat([low, low + draw.uniform(n, 2, low=12, high=30, dtype=dtype)], dim=1)
        scores = (draw.order(n).to(dtype) + 1) / (n + 1)
        scenes.append((boxes, scores, draw.integers(0, classes, n) * 3 + 2, limit))
    return scenes


def _indices(result: Any, n: int, scores: Tensor, labels: Tensor) -> list[int]:
    """Returns indices as integers, from a tensor or a list."""
    name = f"nms_by_class(...), for {n} box{'es' * (n != 1)},"
    if isinstance(result, Tensor):
        found = as_tensor(result, name, (None,), why="Indices into the boxes are asked for.")
        if found.dtype == torch.bool:
            raise Wrong(
                f"{name} is a mask of booleans, and the indices of the kept boxes are asked for."
            )
        require(
            not found.is_floating_point() or len(found) == 0,
            f"{name} has dtype {str(found.dtype).removeprefix('torch.')}: indices are integers.",
        )
        kept = found.tolist()
    else:
        as_list(result if not hasattr(result, "tolist") else result.tolist(), name)
        kept = [as_integer(i, f"an element of {name}") for i in result]
    require(
        all(0 <= i < n for i in kept) and len(set(kept)) == len(kept),
        f"{name} gave {plain(kept)}, with labels {plain(labels)}: indices into all boxes are asked "
        "for, each once. ops.nms counts within what it is given.",
    )
    return kept


Rivals = Callable[[int, int], bool]


def _greedy(
    boxes: Tensor,
    scores: Tensor,
    labels: Tensor,
    limit: float,
    rivals: Rivals | None = None,
    closed: bool = False,
) -> list[int]:
    """Returns the kept indices, in plain Python; ``rivals`` tells who competes with whom."""
    rows, classes = boxes.double().tolist(), labels.tolist()
    rivals = rivals or (lambda i, j: classes[i] == classes[j])
    kept: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: -float(scores[i])):
        overlaps = [_overlap(rows[i], rows[j]) for j in kept if rivals(i, j)]
        if not any(o > limit or (closed and o == limit) for o in overlaps):
            kept.append(i)
    return kept


def _overlap(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def _tell_mistake(
    kept: list[int], expected: list[int], boxes: Tensor, scores: Tensor, labels: Tensor,
    limit: float
) -> None:  # fmt: skip
    scene = boxes, scores, labels, limit
    text = f"For {len(boxes)} boxes with labels {plain(labels)} and limit {limit} it kept "
    classes = labels.tolist()
    order = {i: float(scores[i]) for i in range(len(boxes))}
    if sorted(kept) == sorted(expected):
        raise Wrong(
            f"{text}the right boxes in the order {plain(kept)}: highest score first would be "
            f"{plain(expected)}."
        )
    best = [max((i for i in order if classes[i] == c), key=order.get) for c in set(classes)]
    never = [
        i for i in order
        if not any(
            order[j] > order[i] and classes[i] == classes[j]
            and _overlap(boxes[i].tolist(), boxes[j].tolist()) > limit
            for j in order
        )
    ]  # fmt: skip
    within = []
    for c in sorted(set(classes)):
        rows = [i for i in order if classes[i] == c]
        within += [rows.index(i) for i in expected if classes[i] == c]
    typical = {
        "These are positions among the boxes of each label: ops.nms counts within what it is "
        "given. Lead them back to indices into all boxes.": within,
        "All boxes are still there: those that overlap a better one of their label should go.": (
            list(order)
        ),
        "The overlap is compared with 1 - limit: a box goes when it overlaps a better one by more "
        "than the limit.": _greedy(boxes, scores, labels, 1 - limit),
        "Boxes of different labels have suppressed each other: only those of one label are rivals, "
        "so compare within a label.": _greedy(*scene, rivals=lambda i, j: True),
        "Boxes of one label do not suppress each other, and those of different labels do: it is "
        "the other way round.": _greedy(*scene, rivals=lambda i, j: classes[i] != classes[j]),
        "A box was suppressed whose overlap is exactly the limit: only more than the limit "
        "counts.": _greedy(*scene, closed=True),
        "A box that was itself suppressed has suppressed another: only kept boxes do so.": never,
        "Only the best box of each label is left, also where boxes of it do not overlap.": best,
        "The worse boxes have suppressed the better ones: start with the highest score.": _greedy(
            boxes, -scores, labels, limit
        ),
    }
    for hint, wrong in typical.items():
        require(sorted(kept) != sorted(wrong) or sorted(wrong) == sorted(expected), hint)
    gone, extra = [i for i in expected if i not in kept], [i for i in kept if i not in expected]
    if not gone:
        raise Wrong(
            f"{text}{plain(kept)}. Box {extra[0]} should be gone: it overlaps a better box of its "
            "label by more than the limit."
        )
    own, others = (
        max(
            (
                _overlap(boxes[gone[0]].tolist(), boxes[i].tolist())
                for i in kept
                if (classes[i] == classes[gone[0]]) == same_label
            ),
            default=0.0,
        )
        for same_label in (True, False)
    )
    why = f"it overlaps the kept boxes of its label by {own:.2f} at most"
    if others:
        why += f", and those of other labels ({others:.2f}) are not its rivals"
    elif not own:
        why = "it overlaps none of them. Where labels move the boxes apart, they must move them so "
        why += "far that none meets another"
    raise Wrong(f"{text}{plain(kept)}. Box {gone[0]} is missing: {why}.")


COINS = [
    *([18, 233, 75, 288], [22, 33, 67, 74], [25, 104, 67, 145], [26, 179, 62, 215]),
    *([80, 175, 124, 217], [81, 39, 120, 74], [84, 108, 122, 145], [93, 246, 136, 287]),
    *([132, 29, 179, 74], [134, 110, 174, 145], [135, 179, 174, 217], [144, 237, 201, 287]),
    *([186, 105, 226, 144], [189, 170, 237, 216], [192, 30, 240, 73], [220, 241, 269, 288]),
    *([245, 96, 296, 144], [251, 172, 297, 216], [255, 34, 297, 72], [276, 239, 327, 288]),
    *([305, 16, 364, 72], [315, 156, 380, 217], [318, 106, 356, 145], [336, 248, 381, 288]),
]
"""The boxes of the coins in ``photo("coins")``, from left to right."""


@exercise(
    "05.4",
    hints=(
        "A threshold that suits the photograph does not suit a darker copy of it. How can the "
        "threshold follow the picture, or the choice among many thresholds be left to a score?",
        "Either take the threshold relative to image.float().mean(), or gather the boxes of many "
        "thresholds from 70 to 190, score each area by its share of its box, and prune with "
        "ops.nms.",
    ),
)
def find_coins(answer: Any) -> str:
    image, true = photo("coins"), torch.tensor(COINS, dtype=torch.float32)
    _, height, width = image.shape
    turned = torch.stack([width - true[:, 2], true[:, 1], width - true[:, 0], true[:, 3]], dim=1)
    upside_down = torch.stack(
        [true[:, 0], height - true[:, 3], true[:, 2], height - true[:, 1]], dim=1
    )
    for what, picture, boxes, shift in (
        ("in the photograph", image, true, 0),
        ("in the photograph, flipped left to right and 25 darker", image.flip(2), turned, -25),
        ("in the photograph, transposed and 25 brighter", image.mT, true[:, [1, 0, 3, 2]], 25),
        ("in the photograph, upside down", image.flip(1), upside_down, 0),
    ):
        given = (picture.int() + shift).clamp(0, 255).to(torch.uint8).contiguous()
        found = as_tensor(call(answer, given), f"The tensor of boxes {what}", (None, 4)).double()
        _compare_coins(found, boxes.double(), what)
    return "Every coin once, in any light."


def _compare_coins(found: Tensor, true: Tensor, what: str) -> None:
    require(bool(torch.isfinite(found).all()), f"A box {what} has a coordinate that is nan or inf.")
    overlap = _iou_table(found, true)
    hits = overlap >= 0.7
    if not hits.any():
        for text, other in (
            ("(x, y, width, height)", torch.cat([found[:, :2], found[:, :2] + found[:, 2:]], 1)),
            ("(y₁, x₁, y₂, x₂)", found[:, [1, 0, 3, 2]]),
            ("(centre x, centre y, width, height)",
             torch.cat([found[:, :2] - found[:, 2:] / 2, found[:, :2] + found[:, 2:] / 2], 1)),
        ):  # fmt: skip
            if (_iou_table(other, true) >= 0.7).sum() >= 12:
                raise Wrong(f"The boxes are {text}, and (x₁, y₁, x₂, y₂) is asked for.")
    missed = int((~hits.any(dim=0)).sum())
    wrong = int((~hits.any(dim=1)).sum())
    require(
        missed == 0,
        f"{missed} of the 24 coins {what} {'is' if missed == 1 else 'are'} not found: no box has "
        f"an IoU of 0.7 with {'it' if missed == 1 else 'them'}.",
    )
    require(
        wrong == 0,
        f"{wrong} of the {len(found)} boxes {what} {'is' if wrong == 1 else 'are'} not around a "
        "coin.",
    )
    require(
        len(found) == 24,
        f"There are {len(found)} boxes for 24 coins {what}: keep one for each coin.",
    )


def _iou_table(found: Tensor, true: Tensor) -> Tensor:
    """Returns the IoU of each found with each true box, shape (N, 24); 0 for boxes turned over."""
    low = torch.maximum(found[:, None, :2], true[:, :2])
    high = torch.minimum(found[:, None, 2:], true[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=2)
    sizes = [(boxes[:, 2:] - boxes[:, :2]).prod(dim=1) for boxes in (found, true)]
    union = sizes[0][:, None] + sizes[1] - shared
    return torch.where(union > 0, shared / union.clamp(min=1e-9), 0.0)
