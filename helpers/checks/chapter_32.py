"""Checks of chapter 32, shipping."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from helpers.checks.changes import Snapshot
from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_integer,
    as_module,
    as_pair,
    as_tensor,
    call,
    compare,
    exercise,
    require,
)


@exercise(
    "32.1",
    hints=(
        "Which two things does a tensor know: how many numbers it has, and in which memory they "
        "lie? What do two views of one tensor share?",
        "numel() and element_size() give what is needed. untyped_storage() has nbytes() and "
        "data_ptr(): storages with one address are one.",
    ),
)
def stored_bytes(answer: Any) -> str:
    whole, table = torch.arange(1000.0), torch.zeros(6, 50, dtype=torch.float64)
    bytes_ = torch.zeros(300, dtype=torch.uint8)
    cases = {
        "two tensors with memory of their own": {"a": torch.ones(3, 4), "b": torch.ones(7)},
        "two tensors of one size": {"a": torch.ones(6), "b": torch.ones(2, 3)},
        "float64 and uint8": {"a": torch.ones(5, dtype=torch.float64), "b": bytes_},
        "one slice of 1,000 numbers": {"row": whole[2:5]},
        "a tensor and its own transpose": {"a": table, "b": table.t()},
        "two slices of one tensor": {"a": whole[:10], "b": whole[500:510]},
        "one tensor under two names": {"tied": table, "again": table},
        "a row, expanded to 8 rows": {"wide": torch.ones(1, 5).expand(8, 5)},
        "a clone of a slice": {"row": whole[2:5].clone()},
        "a slice that begins at the first number, and a column": {
            "start": whole[:4],
            "column": table[:, 3],
        },
        "a parameter": {"weight": nn.Parameter(torch.ones(4, 4)[1:])},
        "a tensor without numbers": {"none": torch.ones(0, 3), "some": torch.ones(2)},
        "an empty dictionary": {},
    }
    for name, tensors in cases.items():
        found = call(answer, tensors)
        label = f"stored_bytes(tensors), for {name},"
        needed, written = as_pair(found, label, "the bytes needed", "the bytes written")
        needed = as_integer(needed, f"The first number of {label}")
        written = as_integer(written, f"The second number of {label}")
        _judge_bytes(tensors, needed, written, label)
    return "Run it over a state_dict before you send it to somebody."


def _judge_bytes(tensors: dict[str, Tensor], needed: int, written: int, label: str) -> None:
    values = list(tensors.values())
    sizes = [value.nelement() * value.dtype.itemsize for value in values]
    storages = [(value.untyped_storage().data_ptr(), value.untyped_storage().nbytes())
                for value in values]  # fmt: skip
    expected = (sum(sizes), sum(size for _, size in set(storages)))
    if (needed, written) == expected:
        return
    counts = sum(value.nelement() for value in values)
    every, single = sum(size for _, size in storages), {value.data_ptr(): i for i, value in
                                                        enumerate(values)}  # fmt: skip
    by_address = sum(storages[i][1] for i in single.values())
    shared = needed == expected[0] and written in (every, by_address)
    last = {storage: i for i, storage in enumerate(storages)}
    once = sum(sizes[i] for i in last.values())
    hints = (
        ((written, needed) == expected, "the two numbers are in the other order."),
        (
            written == expected[1] and needed in (written, once) and once != expected[0],
            "the first number counts every entry, also those that share memory.",
        ),
        (
            needed == counts != expected[0],
            "numbers are counted, not bytes: element_size() has the bytes of one.",
        ),
        (
            needed == 4 * counts != expected[0],
            "each number is taken for 4 bytes; float64 has 8, uint8 one.",
        ),
        (
            shared and written == by_address,
            "two slices begin at two addresses in one storage, which is written once: compare "
            "storages.",
        ),
        (shared, "a storage that two tensors share is written once, and counted twice here."),
        (
            needed == expected[0] and written == needed,
            "the memory is larger than the numbers: torch.save writes the whole storage.",
        ),
    )
    for applies, hint in hints:
        if applies:
            raise Wrong(f"{label} gave {needed} and {written}, not {expected[0]} and "
                        f"{expected[1]}: {hint}")  # fmt: skip
    raise Wrong(f"{label} gave {needed} and {written}, not {expected[0]} and {expected[1]}.")


@exercise(
    "32.2",
    hints=(
        "Cut each row into pieces of the given size first. Along which dimension does then lie "
        "what shares a scale?",
        "unflatten(1, (-1, size)) gives shape (out, groups, size). abs().amax(dim=2) is the "
        "largest of each group; where the scale is 0, write 1 before you divide.",
    ),
)
def quantise_groups(answer: Any) -> str:
    draw = Draw(2)
    for out, columns, size, bits, dtype in (
        (3, 8, 4, 8, torch.float32),
        (2, 6, 3, 4, torch.float64),
        (5, 12, 2, 3, torch.float32),
        (1, 10, 10, 8, torch.float32),
        (4, 6, 1, 4, torch.float64),
        (2, 64, 32, 2, torch.float32),
    ):
        weight = draw.normal(out, columns, dtype=dtype) * draw.uniform(out, columns).to(dtype)
        weight[0, :size] = 0
        weight[-1, -1] = -3  # the largest of its group, below zero
        weight[out // 2, -size:] *= 1e-6  # a group of tiny numbers is no group of zeros
        # Nothing may lie halfway between two whole numbers: both neighbours would be right.
        weight = _away_from_halves(weight, size, bits)
        name = f"quantise_groups(weight, {size}, {bits}), for a weight of shape ({out}, {columns}),"
        _judge_groups(call(answer, weight, size, bits), weight, size, bits, name)
    weight = nn.Linear(6, 2).weight
    with torch.no_grad():
        weight.copy_(_away_from_halves(weight.detach(), 3, 8))
    found = call(answer, weight, 3, 8)
    _judge_groups(found, weight.detach(), 3, 8, "quantise_groups of a layer's parameter")
    return "With 4 bits and scales of 16 bits for each 32, a billion weights take 0.56 GB."


def _largest(bits: int) -> int:
    return 2 ** (bits - 1) - 1


def _groups(weight: Tensor, size: int, bits: int) -> tuple[Tensor, Tensor]:
    """Returns the numbers before rounding, float64, and the scales, by loops over groups."""
    w = weight.double()
    scaled, scales = torch.zeros_like(w), []
    for row in range(w.shape[0]):
        line = []
        for start in range(0, w.shape[1], size):
            part = w[row, start : start + size]
            peak = max(abs(value) for value in part.tolist())
            scale = peak / _largest(bits) if peak else 1.0
            scaled[row, start : start + size] = part / scale
            line.append(scale)
        scales.append(line)
    return scaled, torch.tensor(scales, dtype=torch.float64)


def _away_from_halves(weight: Tensor, size: int, bits: int) -> Tensor:
    """Moves weights whose scaled values end near .5, without changing any group's largest."""
    scaled, scales = _groups(weight, size, bits)
    share = scaled - scaled.floor()
    near = (share - 0.5).abs() < 0.05
    moved = (scaled - 0.2 * near) * scales.repeat_interleave(size, dim=1)
    return torch.where(near, moved, weight.double()).to(weight.dtype)


def _judge_groups(found: Any, weight: Tensor, size: int, bits: int, name: str) -> None:
    q, scale = as_pair(found, name, "the whole numbers", "the scales")
    scaled, scales = _groups(weight, size, bits)
    q = as_tensor(q, f"q, the first result of {name}", tuple(weight.shape))
    scale = as_tensor(scale, f"scale, the second result of {name}", tuple(scales.shape),
                      why="There is one scale for each group.")  # fmt: skip
    require(not q.requires_grad, f"q of {name} requires a gradient: whole numbers have none.")
    as_tensor(q, f"q, the first result of {name}", dtype=torch.int8)
    scale, top = scale.detach(), _largest(bits)
    require(bool(scale.isfinite().all()), f"A scale of {name} is not finite.")
    zeros = scaled.unflatten(1, (-1, size)).abs().amax(dim=2) == 0
    w = weight.double().unflatten(1, (-1, size))
    peak = w.abs().amax(dim=2)
    one = torch.ones_like(peak)

    def filled(values: Tensor) -> Tensor:
        return torch.where(zeros, one, values)

    compare(
        filled(scale.double()),
        scales,
        f"The scale of {name}",
        tolerance=1e-5,
        typical={
            "The scale is the largest value with its sign: take the absolute value first.": filled(
                w.amax(dim=2) / top
            ),
            f"One half of the numbers is -{top} to {top}: divide by {top}, not by "
            f"{2 ** (bits - 1)}.": filled(peak / 2 ** (bits - 1)),
            f"The largest value is to become {top}: divide by {top}, not by {2**bits - 1}.": filled(
                peak / (2**bits - 1)
            ),
            f"127 belongs to 8 bits: for {bits} bits the largest number is {top}.": filled(
                peak / 127
            ),
            "A group is made of neighbours in the row.": filled(
                weight.double().unflatten(1, (size, -1)).abs().amax(dim=1) / top
            ),
            "The scale is the inverse: the numbers times the scale give the weight.": filled(
                top / peak.where(~zeros, one)
            ),
            "Each row has one scale here, and each group should have one.": filled(
                (peak.amax(dim=1, keepdim=True) / top).expand_as(peak)
            ),
            "The whole weight has one scale here, and each group should have one.": filled(
                (peak.amax() / top).expand_as(peak)
            ),
        },
    )
    require(
        not bool((scale[zeros] != 1).any()),
        f"A group of zeros of {name} has the scale {scale[zeros][:1].tolist()}, and should have 1.",
    )
    compare(
        q.double(),
        scaled.round(),
        f"q of {name}",
        typical={
            "The numbers are cut off towards zero: round them to the nearest.": scaled.trunc(),
            "The numbers are rounded down: round them to the nearest.": scaled.floor(),
            "The weight was multiplied by the scale: divide by it.": (w * scales.unsqueeze(2))
            .flatten(1)
            .round(),
        },
    )


@exercise(
    "32.3",
    hints=(
        "At evaluation, norm(x) is x times a factor plus a shift, for each feature. What does the "
        "linear layer make of x * factor, and what of the shift?",
        "W (x * f + t) + b = (W * f) x + (W t + b). The factor stands with the columns of W; with "
        "affine=False there is no weight and no bias in the normalisation.",
    ),
)
def fold_into(answer: Any) -> str:
    for norm, linear, words in _pairs():
        x = Draw(5).normal(6, linear.in_features, dtype=linear.weight.dtype) * 2 + 1
        with torch.no_grad():
            expected = linear(copy.deepcopy(norm).eval()(x))
        before = [Snapshot(part) for part in (norm, linear)]
        name = f"fold_into(norm, linear), for {words},"
        found = as_module(call(answer, norm, linear), name, nn.Linear)
        require(not any(part.change() for part in before), f"{name} changed what it was given.")
        require(found is not linear, f"{name} gave back the linear layer that it was given.")
        shared = {p.data_ptr() for p in found.parameters()} & {
            p.data_ptr() for p in linear.parameters()
        }
        require(not shared, f"{name} shares memory with the layer that it was given: change one, "
                            "and the other changes.")  # fmt: skip
        require(found.bias is not None, f"{name} has no bias: the shift has to go somewhere.")
        as_tensor(found.weight, f"The weight of {name}", tuple(linear.weight.shape))
        as_tensor(found.bias, f"The bias of {name}", (linear.out_features,))
        result = call(found, x)
        compare(
            result.detach(),
            expected,
            f"The layer from {name} called on x",
            tolerance=1e-4,
            typical=_misfolded(norm, linear, x),
        )
    return "A network for tables often begins like this, and then needs no prepared input."


def _pairs() -> Iterator[tuple[nn.BatchNorm1d, nn.Linear, str]]:
    draw = Draw(3)
    for features, outs, bias, affine, eps, dtype, training in (
        (4, 3, True, True, 1e-5, torch.float32, False),
        (3, 6, False, True, 1e-5, torch.float32, False),
        (6, 2, True, False, 1e-5, torch.float32, False),
        (4, 4, True, True, 0.3, torch.float32, True),
        (1, 1, True, True, 1e-5, torch.float32, False),
        # float64 comes last, so that an error of dtypes hides no other hint.
        (5, 5, True, True, 1e-5, torch.float64, False),
        (2, 4, False, False, 0.5, torch.float64, False),
    ):
        norm = nn.BatchNorm1d(features, eps=eps, affine=affine).to(dtype)
        linear = nn.Linear(features, outs, bias=bias).to(dtype)
        with torch.no_grad():
            norm.running_mean.copy_(draw.normal(features) + 1)
            norm.running_var.copy_(draw.uniform(features) * 3 + 0.2)
            if affine:
                norm.weight.copy_(draw.normal(features) + 2)
                norm.bias.copy_(draw.normal(features) - 1)
        norm.train(training), linear.train(training)
        words = f"{features} features, {outs} outputs"
        words += "" if bias else ", no bias"
        words += "" if affine else ", affine=False"
        words += f", eps={eps:g}" if eps != 1e-5 else ""
        yield norm, linear, words + (", in training mode" if training else "")


def _misfolded(norm: nn.BatchNorm1d, linear: nn.Linear, x: Tensor) -> dict[str, Any]:
    w = linear.weight.detach()
    b = torch.zeros(len(w), dtype=w.dtype) if linear.bias is None else linear.bias.detach()
    mean, var = norm.running_mean, norm.running_var
    one, zero = torch.ones_like(mean), torch.zeros_like(mean)
    gamma = norm.weight.detach() if norm.affine else one
    beta = norm.bias.detach() if norm.affine else zero
    factor = gamma / (var + norm.eps).sqrt()
    shift = beta - mean * factor

    def layer(f: Tensor, t: Tensor, bias: Tensor = b) -> Tensor:
        return x @ (w * f).T + w @ t + bias

    def after() -> Tensor:
        y = x @ w.T + b
        return (y - mean) * factor + beta

    return {
        "The bias of the linear layer is left out.": lambda: layer(factor, shift, 0 * b),
        "The running mean is left out: it moves the input.": lambda: layer(factor, beta),
        "beta is left out: it goes through the weight, too.": lambda: layer(factor, shift - beta),
        "The mean has the wrong sign: it is subtracted.": lambda: layer(
            factor, beta + mean * factor
        ),
        "The shift has the wrong sign: it is beta - mean * factor.": lambda: layer(factor, -shift),
        "The shift went through the scaled weight: it goes through the weight as it was.": lambda: (
            x @ (w * factor).T + (w * factor) @ shift + b
        ),
        "The shift is left out: beta - mean * factor goes through the weight into the bias.": (
            lambda: layer(factor, zero)
        ),
        "The shift is left out of the bias, or goes past the weight: it is W @ shift.": (
            lambda: x @ (w * factor).T + shift + b
        ),
        "eps is left out: it stands under the root, beside the variance.": lambda: layer(
            gamma / var.sqrt(), beta - mean * gamma / var.sqrt()
        ),
        "eps stands outside of the root here: it is sqrt(var + eps).": lambda: layer(
            gamma / (var.sqrt() + norm.eps), beta - mean * gamma / (var.sqrt() + norm.eps)
        ),
        "The variance is used where its root should be.": lambda: layer(
            gamma / (var + norm.eps), beta - mean * gamma / (var + norm.eps)
        ),
        "The weight and bias of the normalisation are left out.": lambda: layer(
            factor / gamma, -mean * factor / gamma
        ),
        "The mean is subtracted without the factor.": lambda: layer(factor, beta - mean),
        "The factor goes to the rows of the weight here: features are its columns.": lambda: (
            x @ (w * factor.unsqueeze(1)).T + w @ shift + b
        ),
        "The normalisation comes after the layer here: it stands before it.": after,
        "This is the linear layer alone: the normalisation is not in it.": lambda: layer(one, zero),
    }


@exercise(
    "32.4",
    hints=(
        "Which steps need the picture's own size, and which the 28 pixels? Where is the background "
        "known: before or after the square is made?",
        'Image.alpha_composite puts an RGBA picture on a white one; convert("L"); the median of '
        "the first and last row and column; Image.eval for the negative; resize; paste in the "
        "middle of a black square.",
    ),
)
def as_input(answer: Any) -> str:
    draw = Draw(4)
    exact = draw.integers(0, 256, 28, 28)
    exact[0] = exact[-1] = exact[:, 0] = exact[:, -1] = 0
    plain = _picture(exact)
    _equal(answer, plain, exact, "a picture of 28 x 28 on black",
           {"The picture is turned although its background is dark.": 255 - exact,
            "Rows and columns are exchanged.": exact.T})  # fmt: skip
    _equal(answer, _picture(255 - exact), exact, "a picture of 28 x 28 on white",
           {"The background is light, and the picture is not turned.": 255 - exact})  # fmt: skip
    busy = torch.full((28, 28), 200)
    busy[0] = busy[-1] = busy[:, 0] = busy[:, -1] = 30
    _equal(answer, _picture(busy), busy, "a light garment that fills all but a dark border",
           {"The mean of the whole picture decides here: the border's median should.":
                255 - busy})  # fmt: skip
    corner = torch.zeros(28, 28, dtype=torch.long)
    corner[0, :3] = corner[:3, 0] = corner[-1, -3:] = corner[-3:, -1] = corner[0, -3:] = 255
    corner[-1, :3] = 255
    _equal(answer, _picture(corner), corner, "a dark picture with light corners",
           {"The corners decide here: the median of the border should.": 255 - corner})  # fmt: skip
    _borders(answer)
    _kinds(answer, draw)
    _shapes(answer)
    _thin_border(answer)
    return "python -m helpers.predict does this, and trims the background as well."


def _borders(answer: Any) -> None:
    """Pictures that a few pixels, or the mean of the border, would turn the other way."""
    edge = torch.zeros(28, 28, dtype=torch.bool)
    edge[0] = edge[-1] = edge[:, 0] = edge[:, -1] = True

    def framed(background: int, *light: tuple[slice, slice]) -> Tensor:
        values = torch.where(edge, background, 60)
        for part in light:
            values[part] = 255
        return values

    most = slice(2, 26)  # 24 of 28; the border has 108 pixels
    for words, values in {
        "a border of 100 with 37 white pixels": framed(
            100, (slice(0, 1), slice(0, 28)), (slice(1, 10), slice(0, 1))
        ),
        "a dark border, white above and below": framed(
            0, (slice(0, 1), most), (slice(27, 28), most)
        ),
        "a dark border, white at the left and right": framed(
            0, (most, slice(0, 1)), (most, slice(27, 28))
        ),
        "a border of 110": framed(110),
        "a border of 127": framed(127),
    }.items():
        _equal(answer, _picture(values), values, words,
               {"The median of the border is not above 127 here.": 255 - values})  # fmt: skip
    # With the corners, 53 and 55 of the border's 108 pixels are white.
    corners = [(slice(y, y + 1), slice(x, x + 1)) for y in (0, 27) for x in (0, 27)]
    values = framed(0, *corners, (slice(2, 26), slice(0, 1)), (slice(1, 26), slice(27, 28)))
    _equal(answer, _picture(values), values, "a border of 108 pixels, 53 of them white",
           {"Each pixel of the border counts once, the corners too.": 255 - values})  # fmt: skip
    values = framed(0, *corners, (slice(1, 26), slice(0, 1)), (slice(1, 27), slice(27, 28)))
    _equal(answer, _picture(values), 255 - values, "a border of 108 pixels, 55 of them white",
           {"Each pixel of the border counts once, the corners too.": values})  # fmt: skip
    values = framed(128)
    _equal(answer, _picture(values), 255 - values, "a border of 128",
           {"The median of the border is above 127 here.": values})  # fmt: skip
    # Half of the border is of one grey, half of another: the mean of the two decides.
    half = (slice(0, 1), slice(0, 28)), (slice(1, 27), slice(0, 1))
    for low, high, turned in ((0, 255, True), (127, 128, True), (100, 200, True), (0, 200, False)):
        values = framed(low)
        for part in half:
            values[part] = high
        _equal(answer, _picture(values), 255 - values if turned else values,
               f"a border of 54 pixels of {low} and 54 of {high}",
               {"Of an even number, the mean of the two in the middle decides.":
                values if turned else 255 - values})  # fmt: skip


def _picture(values: Tensor, mode: str = "L") -> Image.Image:
    return Image.fromarray(values.to(torch.uint8).numpy()).convert(mode)


def _called(answer: Any, picture: Image.Image, words: str) -> Tensor:
    before = (picture.mode, picture.size, picture.tobytes())
    name = f"as_input(picture), for {words},"
    found = as_tensor(call(answer, picture), name, (1, 1, 28, 28))
    as_tensor(found, name, dtype=torch.uint8)
    after = (picture.mode, picture.size, picture.tobytes())
    require(after == before, f"{name} changed the picture that it was given.")
    return found[0, 0].long()


def _equal(answer: Any, picture: Image.Image, expected: Tensor, words: str, typical: dict) -> None:
    compare(_called(answer, picture, words), expected.long(), f"as_input(picture), for {words},",
            tolerance=0, typical=typical)  # fmt: skip


def _kinds(answer: Any, draw: Draw) -> None:
    shape = torch.zeros(28, 28, dtype=torch.long)
    shape[4:24, 8:20] = draw.integers(60, 200, 20, 12)
    colours = torch.stack([shape, shape // 2, shape // 3], dim=-1).to(torch.uint8).numpy()
    rgb = Image.fromarray(colours)
    grey = torch.from_numpy(np.array(rgb.convert("L"))).long()
    mean = 'The mean of the three colours is taken: use convert("L").'
    _equal(answer, rgb, grey, 'a picture of mode "RGB"', {mean: torch.from_numpy(
        colours.astype(int).mean(axis=2).astype(int))})  # fmt: skip
    few = rgb.quantize(8)
    found = torch.from_numpy(np.array(few.convert("RGB").convert("L"))).long()
    numbers = torch.from_numpy(np.array(few)).long()
    _equal(answer, few, found, 'a picture of mode "P"',
           {"These are numbers of the palette: convert the picture first.": numbers})  # fmt: skip
    ones = (shape > 100).long() * 255
    white = "White is 1 here, and 255 should be: convert the picture first."
    _equal(answer, _picture(ones).convert("1"), ones, 'a picture of mode "1"', {white: ones // 255})
    # Black garment, transparent background: on white it is dark on light, so it is turned.
    alpha = torch.zeros(28, 28, 4, dtype=torch.uint8)
    alpha[4:24, 8:20, 3] = 255
    alpha[10:14, 8:20, 3] = 128
    garment = torch.zeros(28, 28, dtype=torch.long)
    garment[4:24, 8:20] = 255
    garment[10:14, 8:20] = 128
    found = _called(answer, Image.fromarray(alpha.numpy()), 'a picture of mode "RGBA"')
    hint = "Black on transparent came out black: put the picture on white before it becomes grey."
    require(found.max() > 0, hint)
    require(
        not bool((found - (garment > 0) * 255).abs().amax() == 0),
        "What is half transparent came out as if it were not: mix it with white.",
    )
    compare(found / 255, garment / 255, 'as_input(picture), for a picture of mode "RGBA",',
            tolerance=0.01)  # fmt: skip
    _transparent_colour(answer)


def _transparent_colour(answer: Any) -> None:
    """A palette's colour can be transparent as well, as it is in many small PNG and GIF files."""
    numbers = torch.zeros(28, 28, dtype=torch.uint8)
    numbers[4:24, 8:20] = 1
    picture = Image.fromarray(numbers.numpy()).convert("P")
    picture.putpalette([0, 0, 0, 90, 90, 90])
    picture.info["transparency"] = 0
    _equal(
        answer,
        picture,
        (numbers > 0) * 165,
        'a picture of mode "P" whose background is transparent',
        {
            "The transparent colour stayed black: a palette can have one, too, and "
            'convert("RGBA") knows it.': (numbers > 0) * 90
        },
    )


def _thin_border(answer: Any) -> None:
    """A dark border of one pixel, which is gone once the picture has been made smaller."""
    values = torch.zeros(280, 280)
    values[1:-1, 1:-1] = 200
    found = _called(answer, _picture(values), "a large light picture with a thin dark border")
    require(
        found[8:20, 8:20].min() > 127,
        "The median is that of the picture's own border: take it before the picture is scaled.",
    )


def _shapes(answer: Any) -> None:
    for width, height in ((56, 56), (84, 28), (28, 84), (14, 14), (300, 3), (3, 300), (40, 1),
                          (1, 1), (29, 28), (500, 200)):  # fmt: skip
        values = torch.full((height, width), 200)
        # A black frame of a fifth, so that the border is dark; where none fits, none.
        frame = min(width, height) // 5
        if frame:
            values[:frame] = values[-frame:] = 0
            values[:, :frame] = values[:, -frame:] = 0
        words = f"a light rectangle in a picture {width} wide and {height} high"
        found = _called(answer, _picture(values), words)
        if frame:
            _place(found, width, height, frame, words)
        else:
            # All of it is light, so it is turned, and becomes dark.
            require(found.max() <= 60, f"as_input(picture), for {words}, has light pixels: its "
                                       "border is light, so the negative is dark.")  # fmt: skip
            dark = _called(answer, _picture(255 - values - 20), words.replace("light", "dark"))
            _extent(dark, width, height, words.replace("light", "dark"))


def _extent(found: Tensor, width: int, height: int, words: str) -> None:
    """The picture itself, of one grey, must have the right size and lie in the middle."""
    scale = 28 / max(width, height)
    wanted = [max(1, round(side * scale)) for side in (height, width)]
    rows, columns = (found > 10).nonzero(as_tuple=True)
    name = f"as_input(picture), for {words},"
    require(len(rows) > 0, f"{name} is black: a side must stay at least 1 pixel long.")
    for places, size, direction in ((rows, wanted[0], "high"), (columns, wanted[1], "wide")):
        extent = int(places.max() - places.min()) + 1
        require(abs(extent - size) <= 1, f"{name} came out {extent} pixels {direction}, and should "
                                         f"be {size}: scale both sides alike.")  # fmt: skip
        middle = (int(places.max()) + int(places.min())) / 2
        require(
            abs(middle - 13.5) <= 1,
            f"{name} has its middle at {middle:g}, and should have it at 13.5: it lies in the "
            "middle of the square.",
        )


def _place(found: Tensor, width: int, height: int, frame: int, words: str) -> None:
    scale = 28 / max(width, height)
    rows, columns = (found > 100).nonzero(as_tuple=True)
    name = f"as_input(picture), for {words},"
    require(found.max() > 150, f"{name} has no light pixel: its border is dark, so it is not "
                               "turned.")  # fmt: skip
    extents = [int(places.max() - places.min()) + 1 for places in (rows, columns)]
    shorter, longer = sorted((width, height))
    cut = [min(28, (side - 2 * frame) * 28 / shorter) for side in (height, width)]
    require(
        longer < 1.5 * shorter or any(abs(a - b) > 1.5 for a, b in zip(extents, cut, strict=True)),
        f"In {name} the shorter side became 28 pixels: the longer one should.",
    )
    border = torch.cat([found[0], found[-1], found[:, 0], found[:, -1]])
    require(
        bool((border <= 60).all()),
        f"{name} has light pixels on its border: what is filled in is black.",
    )
    sides = ((rows, height, "high"), (columns, width, "wide"))
    stretched = all(
        abs(extent - (side - 2 * frame) * 28 / side) <= 1.5
        for extent, (_, side, _) in zip(extents, sides, strict=True)
    )
    hint = "both sides were made 28: scale them" if stretched else "the longer side becomes 28"
    for extent, (places, side, direction) in zip(extents, sides, strict=True):
        wanted = (side - 2 * frame) * scale
        require(
            abs(extent - wanted) <= 1.5,
            f"In {name} the light part is {extent} pixels {direction}, and should be about "
            f"{wanted:.0f}: {hint}{' alike.' if stretched else ', the other is scaled alike.'}",
        )
        middle = (int(places.max()) + int(places.min())) / 2
        require(
            abs(middle - 13.5) <= 1.01,
            f"In {name} the light part has its middle at {middle:g}, and should have it at 13.5: "
            "it lies in the middle of the square.",
        )
