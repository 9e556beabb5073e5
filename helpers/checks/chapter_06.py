"""Checks of chapter 06, augmentation."""

from typing import Any

import torch

from helpers.checks.machinery import (
    NotAnswered,
    Wrong,
    call,
    close,
    exercise,
    is_stub,
    require,
    require_tensor,
)


@exercise("06.1")
def checker(answer: Any) -> str:
    if not isinstance(answer, type):
        raise Wrong("A class is asked for.")
    if is_stub(getattr(answer, "__call__", None)):  # noqa: B004
        raise NotAnswered
    image = torch.ones(3, 5, 6)
    result = require_tensor(answer(1.0, 2)(image), "Checker(1.0, 2)(image)", (3, 5, 6))
    require(bool((image == 1).all()), "The image that was passed in has changed: make a new one.")
    rows, columns = torch.arange(5).unsqueeze(1) // 2, torch.arange(6) // 2
    expected = ((rows + columns) % 2 == 0).float().expand(3, 5, 6)
    require(not close(result, 1 - expected), "The upper left field should be kept.")
    pixels = ((torch.arange(5).unsqueeze(1) + torch.arange(6)) % 2 == 0).float().expand(3, 5, 6)
    require(
        not close(result, pixels),
        "The fields are single pixels: a field is size × size, so divide the positions by size.",
    )
    require(close(result, expected), "The fields are not those of a chessboard.")
    require(close(answer(0.0, 2)(image), image), "With p = 0 the image should stay as it is.")
    state = torch.get_rng_state()
    torch.manual_seed(0)
    half = answer(0.5, 2)
    changed = sum(bool((half(image) == 0).any()) for _ in range(200))
    torch.set_rng_state(state)
    require(
        70 < changed < 130,
        f"With p = 0.5, {changed} of 200 calls changed the image. Draw in every call, by "
        "torch.rand.",
    )
    return "It fits into v2.Compose."


@exercise("06.2")
def flip_boxes(answer: Any) -> str:
    boxes = torch.tensor([[1.0, 2.0, 4.0, 8.0], [0.0, 0.0, 10.0, 3.0]])
    before = boxes.clone()
    found = require_tensor(call(answer, boxes, 10), "flip_boxes(boxes, 10)", (2, 4))
    require(torch.equal(boxes, before), "The boxes that were passed in have changed.")
    expected = torch.tensor([[6.0, 2.0, 9.0, 8.0], [0.0, 0.0, 10.0, 3.0]])
    require(
        bool((found[:, 0] <= found[:, 2]).all()),
        "x1 is larger than x2 now: the mirrored right side is the new left side.",
    )
    require(close(found[:, 1::2], boxes[:, 1::2]), "y has changed: mirror left to right only.")
    require(
        not close(found, expected - torch.tensor([1.0, 0.0, 1.0, 0.0])),
        "They are one pixel too far left: a box's borders lie between pixels, so x becomes "
        "width - x.",
    )
    require(close(found, expected), f"It gave {found.tolist()}, expected {expected.tolist()}.")
    require(close(call(answer, found, 10), boxes), "Mirroring twice should give the boxes back.")
    return "Twice is nothing."


@exercise("06.3")
def mixup(answer: Any) -> str:
    images = torch.tensor([1.0, 2.0, 4.0]).view(3, 1, 1, 1).expand(3, 1, 2, 2).clone()
    labels = torch.tensor([0, 2, 1])
    result = call(answer, images, labels, 0.75, 4)
    require(
        isinstance(result, tuple) and len(result) == 2,
        "It should return two things: images and label probabilities.",
    )
    mixed = require_tensor(result[0], "The mixed images", (3, 1, 2, 2))
    values = mixed[:, 0, 0, 0]
    require(
        not close(values, torch.tensor([1.75, 3.5, 1.75])),
        "The weights are exchanged: weight belongs to the image itself.",
    )
    require(
        not close(values, torch.tensor([1.75, 1.75, 3.5])),
        "Each is mixed with the one before it: roll the other way.",
    )
    require(
        close(values, torch.tensor([1.25, 2.5, 3.25])),
        f"Images of 1, 2 and 4 became {values.tolist()}, expected [1.25, 2.5, 3.25].",
    )
    targets = require_tensor(result[1], "The labels", (3, 4))
    expected = torch.tensor([[0.75, 0, 0.25, 0], [0, 0.25, 0.75, 0], [0.25, 0.75, 0, 0]])
    require(close(targets.sum(dim=1), torch.ones(3)), "Each row of the labels should sum to 1.")
    require(close(targets, expected), "The labels are not mixed like the images.")
    return "CrossEntropyLoss takes these as they are."
