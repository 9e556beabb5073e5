"""Checks of chapter 05, the torchvision toolbox."""

from typing import Any

import torch
from torch import Tensor

from helpers.checks.machinery import call, close, exercise, require, require_tensor
from helpers.data import photo


@exercise("05.1")
def fit_into(answer: Any) -> str:
    from torchvision.io import decode_image, encode_jpeg

    image = photo("cat")[:, 90:150, 120:200]
    sizes = {quality: len(encode_jpeg(image, quality=quality)) for quality in range(1, 101)}
    for limit in (sizes[37] + 1, sizes[83], sizes[100] + 500):
        data = require_tensor(call(answer, image, limit), f"fit_into(image, {limit})")
        require(
            data.dtype == torch.uint8 and data.ndim == 1,
            "The bytes are asked for: what encode_jpeg returns.",
        )
        require(
            len(data) <= limit,
            f"fit_into(image, {limit}) has {len(data)} bytes: more than the limit.",
        )
        best = max(quality for quality, size in sizes.items() if size <= limit)
        require(
            tuple(decode_image(data).shape) == tuple(image.shape),
            "The picture has another shape now.",
        )
        require(
            torch.equal(data, encode_jpeg(image, quality=best)),
            f"fit_into(image, {limit}) has {len(data)} bytes, but quality {best} fits as well, "
            f"with {sizes[best]} bytes. A limit may be met exactly.",
        )
    try:
        result = answer(image, sizes[1] - 1)
    except ValueError:
        return "Every byte is used."
    require(False, f"Nothing fits into {sizes[1] - 1} bytes, but it returned {type(result)}.")
    return ""


@exercise("05.2")
def to_centres(answer: Any) -> str:
    boxes = torch.tensor([[0.0, 0.0, 4.0, 2.0], [10.0, 20.0, 13.0, 28.0]])
    before = boxes.clone()
    found = require_tensor(call(answer, boxes), "to_centres(boxes)", (2, 4))
    require(torch.equal(boxes, before), "The boxes that were passed in have changed.")
    expected = torch.tensor([[2.0, 1.0, 4.0, 2.0], [11.5, 24.0, 3.0, 8.0]])
    require(
        not close(found[:, :2], expected[:, 2:] / 2) or close(found, expected),
        "The centre is the middle between the corners: (x1 + x2) / 2, not half the width.",
    )
    require(
        not close(found[:, 2:], boxes[:, 2:] + boxes[:, :2]),
        "Width and height are differences of corners.",
    )
    require(
        not close(found, expected[:, [2, 3, 0, 1]]),
        "The centre comes first, then width and height.",
    )
    require(
        close(found, expected),
        f"It gave {found.tolist()}, expected {expected.tolist()}.",
    )
    return "ops.box_convert does this, and the way back."


def _boxes() -> tuple[Tensor, Tensor, Tensor]:
    boxes = torch.tensor(
        [[0, 0, 10, 10], [1, 1, 11, 11], [0, 0, 10, 9], [50, 50, 60, 60], [51, 50, 61, 60]]
    ).float()
    return boxes, torch.tensor([0.6, 0.9, 0.8, 0.5, 0.7]), torch.tensor([1, 1, 2, 1, 1])


@exercise("05.3")
def nms_by_class(answer: Any) -> str:
    boxes, scores, labels = _boxes()
    kept = torch.as_tensor(call(answer, boxes, scores, labels, 0.5)).tolist()
    require(
        2 in kept,
        "Box 2 is gone, though its only rivals have another label: compare within a label.",
    )
    require(
        set(kept) <= set(range(5)) and len(kept) == len(set(kept)),
        f"It gave {kept}: indices into boxes are asked for, each once. ops.nms counts within what "
        "it is given.",
    )
    require(
        0 not in kept and 3 not in kept,
        f"It kept {kept}: boxes of the same label that overlap are still there.",
    )
    require(sorted(kept) == [1, 2, 4], f"It kept {sorted(kept)}, expected [1, 2, 4].")
    require(kept == [1, 2, 4], f"The order is {kept}: highest score first would be [1, 2, 4].")
    return "ops.batched_nms does it in one call."
