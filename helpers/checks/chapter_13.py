"""Checks of chapter 13, U-Net."""

from typing import Any

import torch
from torch.nn import functional as F

from helpers.checks.machinery import Wrong, call, exercise, require, require_tensor


@exercise("13.1")
def iou(answer: Any) -> str:
    truth = torch.tensor([[0, 1, 1], [2, 2, 1], [2, 2, 2]])
    predicted = torch.tensor([[0, 1, 2], [2, 0, 1], [2, 0, 0]])
    for label, expected, accuracy in ((1, 2 / 3, 2 / 3), (2, 1 / 3, 2 / 5), (0, 1 / 4, 1.0)):
        value = float(call(answer, truth, predicted, label))
        dice = 2 * expected / (1 + expected)
        require(
            abs(value - dice) > 1e-6,
            f"For class {label} it gave {value:.3f}: that is Dice, twice the intersection over the "
            "sum of the sizes.",
        )
        require(
            abs(value - accuracy) > 1e-6 or abs(accuracy - expected) < 1e-6,
            f"For class {label} it gave {value:.3f}: the intersection over the true pixels. Divide "
            "by the union.",
        )
        require(
            abs(value - expected) < 1e-6,
            f"For class {label} it gave {value:.3f}, expected {expected:.3f}.",
        )
    try:
        value = float(answer(truth, predicted, 7))
    except ZeroDivisionError as error:
        raise Wrong("A class that is in neither divides by zero: return 1.0.") from error
    require(value == 1.0, f"A class that is in neither gave {value}, expected 1.0.")
    return "Two sets, two counts."


@exercise("13.2")
def pad_like(answer: Any) -> str:
    x = torch.arange(1.0, 13).view(1, 1, 3, 4)
    like = torch.zeros(2, 5, 5, 7)
    y = require_tensor(call(answer, x, like), "pad_like(x, like)")
    require(
        tuple(y.shape) != (1, 1, 6, 6),
        "Height and width are exchanged: F.pad takes the last dimension first.",
    )
    y = require_tensor(y, "pad_like(x, like)", (1, 1, 5, 7))
    require(
        torch.equal(y[:, :, :3, :4], x),
        "x should stay in the upper left: pad at the bottom and on the right.",
    )
    require(y.sum() == x.sum(), "The padding should be zeros.")
    require(torch.equal(call(answer, x, x), x), "If the sizes agree, nothing should change.")
    try:
        answer(x, torch.zeros(1, 1, 2, 9))
    except ValueError:
        return "Any size fits now."
    raise Wrong("x is taller than like, but no ValueError was raised: F.pad would cut it.")


@exercise("13.3")
def border(answer: Any) -> str:
    mask = torch.zeros(2, 7, 8, dtype=torch.int64)
    mask[0, 2:5, 3:6] = 1
    mask[1, :, :2] = 1
    found = require_tensor(call(answer, mask), "border(mask)", (2, 7, 8))
    require(found.dtype == torch.bool, f"It is of {found.dtype}: a comparison gives bool.")
    values = mask.unsqueeze(1).float()
    highest = F.max_pool2d(values, 3, 1, 1)
    lowest = -F.max_pool2d(-values, 3, 1, 1)
    expected = (highest != lowest).squeeze(1)
    require(
        not found[0, 0, 0] and not found[1, 0, 0],
        "The edge of the picture counts as a border: pixels outside are no neighbours.",
    )
    require(
        not torch.equal(found, expected & (mask == 1)),
        "Only pixels of class 1 are marked: the other side of the border belongs to it, too.",
    )
    require(
        not torch.equal(found, expected & (mask == 0)),
        "Only pixels of class 0 are marked: the other side of the border belongs to it, too.",
    )
    require(
        bool(found[0, 1, 2]),
        "Neighbours across a corner are missing: there are eight neighbours.",
    )
    require(torch.equal(found, expected), "The border is not where the class changes.")
    return "Two poolings find every outline."
