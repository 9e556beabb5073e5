"""The still figures of ``helpers.explorers``: what stands where no script runs, by PyTorch.

Each is a function from a state to a drawing and a sentence. Numbers are rounded to what the drawing
shows, and computed in float64, so that every processor stores the same text.
"""

import base64
import html as markup
import itertools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler as schedulers

from helpers.data import FASHION_CLASSES, fashion_mnist
from helpers.networks import shipped

EMBER, BLUE, GREEN, VIOLET = "#d9480f", "#2b7fd4", "#2a9461", "#9c5bd6"


# What they are drawn with. Greys are the page's own colour, made paler.


def _number(x: float) -> str:
    return f"{round(x, 1):g}"


def _short(x: float | Tensor) -> str:
    """Returns four digits of a number, and 0 for the dust that rounding leaves."""
    value = x.item() if isinstance(x, Tensor) else x
    return f"{round(value, 9) + 0.0:.4g}"


def _svg(width: int, height: float, *parts: str, label: str) -> str:
    size = f'width="{width}" height="{_number(height)}" viewBox="0 0 {width} {_number(height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" '
        f'aria-label="{markup.escape(label)}" style="max-width:100%;height:auto" '
        f'font-family="sans-serif" font-size="12" fill="currentColor">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, words: object, anchor: str = "start", **given: Any) -> str:
    more = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in given.items())
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return (
        f'<text x="{_number(x)}" y="{_number(y)}"{place}{more}>{markup.escape(str(words))}</text>'
    )


def _cells(
    values: Sequence[Sequence[object]],
    x: float,
    y: float,
    size: float,
    mark: Callable[[int, int], str | None] = lambda row, column: None,
) -> str:
    """Returns a table of numbers as squares; ``mark`` gives a square's colour, None for none."""
    parts = []
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            left, top = x + column * size, y + row * size
            colour = mark(row, column)
            ground = f'fill="{colour}" fill-opacity="0.3"' if colour else 'fill="none"'
            parts.append(
                f'<rect x="{_number(left)}" y="{_number(top)}" width="{_number(size)}" '
                f'height="{_number(size)}" {ground} stroke="currentColor" stroke-opacity="0.4"/>'
            )
            if size >= 14 and value != "":
                parts.append(_text(left + size / 2, top + size / 2 + 4, value, "middle"))
    return "".join(parts)


def _curves(
    curves: Iterable[tuple[str, str, Sequence[tuple[float, float]]]],
    x: tuple[float, float],
    y: tuple[float, float],
    words: tuple[str, str],
    label: str,
    *,
    dots: Iterable[tuple[float, float, str]] = (),
    names: bool = True,
    size: tuple[int, int] = (360, 220),
) -> str:
    """Returns a diagram of (name, colour, points) with its axes' ends and words."""
    width, height = size
    left, right, top, bottom = 46, width - 12, 24, height - 34

    def at(point: tuple[float, float]) -> tuple[float, float]:
        across = (point[0] - x[0]) / (x[1] - x[0])
        up = (point[1] - y[0]) / (y[1] - y[0])
        return left + across * (right - left), bottom - up * (bottom - top)

    parts = [
        f'<path d="M{left},{top}V{bottom}H{right}" fill="none" stroke="currentColor" '
        'stroke-opacity="0.4"/>',
        _text(left - 5, bottom, f"{y[0]:.3g}", "end"),
        _text(left - 5, top + 9, f"{y[1]:.3g}", "end"),
        _text(left, bottom + 15, f"{x[0]:.3g}", "middle"),
        _text(right, bottom + 15, f"{x[1]:.3g}", "end"),
        _text(right, height - 4, words[0], "end"),
        _text(0, 11, words[1]),
    ]
    place = right
    for name, colour, points in curves:
        shown = [at(p) for p in points if math.isfinite(p[0]) and math.isfinite(p[1])]
        inside = [
            p for p in shown if top - 1 <= p[1] <= bottom + 1 and left - 1 <= p[0] <= right + 1
        ]
        line = "".join(f"{'L' if i else 'M'}{a:.1f},{b:.1f}" for i, (a, b) in enumerate(inside))
        parts.append(f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if name and names:
            parts.append(_text(place, 11, f"— {name}", "end", fill=colour))
            place -= 7 * len(name) + 26
    for a, b, colour in dots:
        cx, cy = at((a, b))
        parts.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="4" fill="{colour}"/>')
    return _svg(width, height, *parts, label=label)


def _table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Returns a table; its first row names the columns."""

    def line(cells: Sequence[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{markup.escape(str(c))}</{tag}>" for c in cells) + "</tr>"

    return (
        f"<table><thead>{line(head, 'th')}</thead><tbody>"
        + "".join(line(row, "td") for row in rows)
        + "</tbody></table>"
    )


def _wrong(error: Exception) -> tuple[str, str]:
    """Returns a still without a drawing: PyTorch refuses."""
    return "", f"{type(error).__name__}: {str(error).splitlines()[0]}"


# The explorers


def _convolution(
    size: int, kernel: int, stride: int, padding: int, dilation: int, cell: int, layers: int,
    transposed: bool, extra: int,
) -> tuple[str, str]:  # fmt: skip
    x = (torch.arange(size * size) * 7 % 10).double().reshape(1, 1, size, size)
    weight = (torch.arange(kernel * kernel) * 2 % 3 - 1).double().reshape(1, 1, kernel, kernel)
    options: dict[str, int] = {"stride": stride, "padding": padding, "dilation": dilation}
    try:
        if transposed:
            y = nn.functional.conv_transpose2d(x, weight, output_padding=extra, **options)
        else:
            y = nn.functional.conv2d(x, weight, **options)
    except RuntimeError as error:
        return _wrong(error)
    out = y.shape[-1]
    width = 4 + (size + out) * 22 + 24
    shown = min(1.0, 560 / width) * 22
    walks = size if transposed else out
    place = divmod(min(cell, walks**2 - 1), walks)
    hit = {
        (place[0] * stride - padding + i * dilation, place[1] * stride - padding + j * dilation)
        for i in range(kernel)
        for j in range(kernel)
    }
    window = lambda row, column: EMBER if (row, column) in hit else None  # noqa: E731
    point = lambda row, column: BLUE if (row, column) == place else None  # noqa: E731
    numbers = [t[0, 0].long().tolist() for t in (x, y)]
    label = f"A {size} by {size} input and the {out} by {out} output, as tables of numbers."
    drawing = _svg(
        round(4 + (size + out) * shown + 24),
        22 + max(size, out) * shown,
        _text(1, 12, f"Input {size} × {size}"),
        _cells(numbers[0], 1, 18, shown, point if transposed else window),
        _text(size * shown + 24, 12, f"Output {out} × {out}"),
        _cells(numbers[1], size * shown + 24, 18, shown, window if transposed else point),
        label=label,
    )
    kind = "Transposed, kernel" if transposed else "Kernel"
    sentence = (
        f"{kind} {kernel}, stride {stride}, padding {padding}, dilation {dilation}: from "
        f"{size} × {size} to {out} × {out}. One window and what belongs to it are coloured."
    )
    return drawing, sentence


def _sizes(
    text: str, count: range, least: int, most: float = math.inf, numbers: float = math.inf
) -> list[int]:
    """Returns the sizes that a text such as "3, 1" names.

    Raises:
        ValueError: It names none, or too many or too large ones.
    """
    try:
        sizes = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        sizes = [-1]
    fits = all(least <= size <= most for size in sizes) and math.prod(sizes) <= numbers
    if len(sizes) not in count or not fits:
        allowed = f"from {least} to {most}" if most < math.inf else f"of {least} or more"
        in_all = f", with at most {numbers} numbers in all" if numbers < math.inf else ""
        raise ValueError(
            f"a shape must have {count[0]} to {count[-1]} sizes {allowed}{in_all}, got {text!r}"
        )
    return sizes


def _broadcasting(a: str, b: str, step: int) -> tuple[str, str]:
    shapes = [_sizes(text, range(5), 0, most=6) for text in (a, b)]
    try:
        shape = (torch.empty(shapes[0]) + torch.empty(shapes[1])).shape
    except RuntimeError as error:
        return _wrong(error)
    width = max(map(len, shapes), default=0)
    rows = [["", *([""] * (width - len(s))), *s] for s in (*shapes, list(shape))]
    for row, name in zip(rows, ("a", "b", "a + b"), strict=True):
        row[0] = name
    strides = [torch.empty(s).expand(shape).stride() for s in shapes]
    drawing = _table(["", *(f"axis {axis}" for axis in range(width))], rows)
    sentence = (
        f"{tuple(shapes[0])} and {tuple(shapes[1])} fit: {tuple(shape)}. Stretched to it, a has "
        f"the stride {strides[0]} and b {strides[1]}. Along a stride of 0, numbers come again."
    )
    return drawing, sentence


def _strides(shape: str, first: str, second: str, third: str) -> tuple[str, str]:
    sizes = _sizes(shape, range(1, 4), 1, numbers=48)
    x = torch.arange(math.prod(sizes)).view(sizes)
    chain = "".join(step for step in (first, second, third) if step != "nothing")
    try:
        y = eval(f"x{chain}", {"x": x})  # of the listed operations, and of nothing else
    except (RuntimeError, IndexError) as error:
        return _wrong(error)
    shared = y.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    memory = y.as_strided((y.untyped_storage().nbytes() // 8,), (1,), 0)
    places = torch.arange(len(memory)).as_strided(y.shape, y.stride(), y.storage_offset())
    order = {place: i for i, place in enumerate(places.reshape(-1).tolist())}
    lines = [memory.tolist()[i : i + 16] for i in range(0, len(memory), 16)]
    parts = [_text(1, 12, "Memory; below, the order of reading")]
    for row, line in enumerate(lines):
        colour = lambda _, c, row=row: BLUE if row * 16 + c in order else None  # noqa: E731
        parts.append(_cells([line], 1, 20 + row * 42, 22, colour))
        parts += [
            _text(12 + c * 22, 56 + row * 42, order[row * 16 + c], "middle", font_size=10)
            for c in range(len(line))
            if row * 16 + c in order
        ]
    drawing = _svg(
        2 + 22 * max(min(len(memory), 16), 10),
        20 + 42 * len(lines),
        *parts,
        label="The numbers in memory, and in which order y reads them.",
    )
    sentence = (
        f"y = x{chain} has shape {tuple(y.shape)}, stride {y.stride()} and offset "
        f"{y.storage_offset()}. It {'shares the memory of x' if shared else 'is a copy'} and is "
        f"{'' if y.is_contiguous() else 'not '}contiguous."
    )
    return drawing, sentence


def _schedule(
    fall: str, rate: float, epochs: int, warmup: int, start: float, hold: int, every: int,
    grow: int, gamma: float, power: float, floor: float, at: int,
) -> tuple[str, str]:  # fmt: skip
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
    rest = max(1, epochs - warmup - hold)
    options: dict[str, dict[str, Any]] = {
        "ConstantLR": {"factor": 1.0},
        "StepLR": {"step_size": every, "gamma": gamma},
        "ExponentialLR": {"gamma": gamma},
        "PolynomialLR": {"total_iters": rest, "power": power},
        "CosineAnnealingLR": {"T_max": rest, "eta_min": floor},
        "CosineAnnealingWarmRestarts": {"T_0": every, "T_mult": grow, "eta_min": floor},
    }
    pieces: list[tuple[int, Any]] = []
    if warmup:
        pieces.append((warmup, schedulers.LinearLR(optimizer, start, total_iters=warmup)))
    if hold:
        pieces.append((hold, schedulers.ConstantLR(optimizer, factor=1.0, total_iters=hold)))
    pieces.append((rest, getattr(schedulers, fall)(optimizer, **options[fall])))
    scheduler = pieces[0][1]
    if len(pieces) > 1:
        ends = [sum(length for length, _ in pieces[: i + 1]) for i in range(len(pieces) - 1)]
        scheduler = schedulers.SequentialLR(optimizer, [one for _, one in pieces], ends)
    rates = []
    for _ in range(epochs):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    at = min(at, epochs - 1)
    drawing = _curves(
        [("", EMBER, list(enumerate(rates)))],
        (0, epochs - 1),
        (0, 1.05 * max(rates)),
        ("epoch", "learning rate"),
        "The learning rate over the epochs.",
        dots=[(at, rates[at], BLUE)],
    )
    sentence = (
        f"{fall} after {warmup} epochs of warm-up and {hold} of the full rate, {rate}. Epoch {at} "
        f"of {epochs} trains with {rates[at]:.5g}, the last one with {rates[-1]:.5g}."
    )
    return drawing, sentence


def _floats(format: str, value: str, step: float, times: int) -> tuple[str, str]:
    dtype = getattr(torch, format)
    try:
        x = torch.tensor(float(value)).to(dtype)
    except ValueError:
        raise ValueError(f"value must be a number, got {value!r}") from None
    width = 8 * x.element_size()
    bits = x.view({8: torch.uint8, 16: torch.int16, 32: torch.int32}[width])
    digits = f"{bits.item() % 2**width:0{width}b}"
    exponent = {"float32": 8, "float16": 5, "bfloat16": 8, "float8_e4m3fn": 4, "float8_e5m2": 5}
    place = 1 + exponent[format]
    total, small = x, torch.tensor(step).to(dtype)
    for _ in range(times):
        total = (total.float() + small.float()).to(dtype)
    drawing = _table(
        ["sign", "exponent", "fraction", "value"],
        [[digits[0], digits[1:place], digits[place:], f"{x.item():.9g}"]],
    )
    sentence = (
        f"In {format}, {value.strip()} is {x.item():.9g}. Adding {small.item():.9g} {times} times "
        f"gives {total.item():.9g}; exact: {x.item() + times * small.item():.9g}."
    )
    return drawing, sentence


SURFACES: dict[str, Callable[..., Any]] = {
    "ravine": lambda x, y: (x**2 + 20 * y**2) / 2,
    "Rosenbrock": lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
    "Himmelblau": lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
    "saddle": lambda x, y: x**2 / 2 - y**2 + y**4 / 8,
}


def _race(
    surface: str, first: str, rate: float, second: str, rate2: float, momentum: float, x: float,
    y: float, steps: int,
) -> tuple[str, str]:  # fmt: skip
    options: dict[str, dict[str, Any]] = {
        "SGD": {"momentum": momentum},
        "Nesterov": {"momentum": momentum, "nesterov": True},
        "Adam": {"betas": (float(momentum), 0.999)},
        "AdamW": {"betas": (float(momentum), 0.999), "weight_decay": 0.1},
    }
    f, curves, ends = SURFACES[surface], [], []
    for name, lr, colour in ((first, rate, EMBER), (second, rate2, BLUE)):
        if name == "nothing":
            continue
        p = torch.tensor([x, y], dtype=torch.float64, requires_grad=True)
        kind = getattr(torch.optim, "SGD" if name == "Nesterov" else name)
        try:
            optimizer = kind([p], lr=lr, **options.get(name, {}))
        except ValueError as error:
            return _wrong(error)
        points = [(x, y)]
        for _ in range(steps):
            optimizer.zero_grad()
            f(*p).backward()
            optimizer.step()
            points.append((p[0].item(), p[1].item()))
        curves.append((name, colour, points))
        x_end, y_end, value = map(_short, (*p, f(*p)))
        ends.append(f"{name} at {lr} is at ({x_end}, {y_end}), value {value}")
    drawing = _curves(
        curves,
        (-4.5, 4.5),
        (-4.5, 4.5),
        ("x", "y"),
        f"The way of {len(curves)} optimizers over the surface.",
        dots=[(*points[-1], colour) for _, colour, points in curves if _near(points[-1])],
        size=(360, 340),
    )
    return drawing, f"Surface: {surface}. After {steps} steps, {'; '.join(ends)}."


def _near(point: tuple[float, float]) -> bool:
    return all(abs(value) <= 4.5 for value in point)


def _losses(
    loss: str, prediction: float, target: float, share: float, beta: float, logit0: float,
    logit1: float, logit2: float, label: int, temperature: float, smoothing: float,
    weight: float, reduction: str, rate: float,
) -> tuple[str, str]:  # fmt: skip
    if loss == "CrossEntropyLoss":
        z = torch.tensor([logit0, logit1, logit2], dtype=torch.float64, requires_grad=True)
        weights = torch.tensor([weight, 1.0, 1.0], dtype=torch.float64)
        many = nn.CrossEntropyLoss(weights, label_smoothing=smoothing, reduction=reduction)
        value = many(z / temperature, torch.tensor(label))
        value.backward()
        with torch.no_grad():
            after = z - rate * z.grad
            p = (z / temperature).softmax(0)
            then = many(after / temperature, torch.tensor(label))
        rows = [
            [f"class {c}", *(_short(column[c]) for column in (z, p, z.grad, after))]
            for c in range(3)
        ]
        drawing = _table(["", "logit", "probability", "slope", "after the step"], rows)
        return drawing, (
            f"The label is class {label}; the loss is {_short(value)}, and after a step with the "
            f"rate {rate} it is {_short(then)}."
        )
    given = {"SmoothL1Loss": {"beta": beta}, "HuberLoss": {"delta": beta}}
    criterion = getattr(nn, loss)(**given.get(loss, {}))
    goal = torch.tensor(float(share if loss == "BCEWithLogitsLoss" else target)).double()
    z = torch.tensor(float(prediction), dtype=torch.float64, requires_grad=True)
    value = criterion(z, goal)
    value.backward()
    after = (z - rate * z.grad).detach()
    then = criterion(after, goal)
    grid = torch.linspace(-5, 5, 41, dtype=torch.float64)
    heights = [criterion(one, goal).item() for one in grid]
    high = max(1.0, min(12.0, 1.4 * max(value.item(), heights[8], heights[32])))
    drawing = _curves(
        [("", BLUE, list(zip(grid.tolist(), heights, strict=True)))],
        (-5, 5),
        (0, high),
        ("prediction", "loss"),
        f"{loss} over the prediction, with a point for now and one for after the step.",
        dots=[
            (a, b, colour)
            for a, b, colour in (
                (z.item(), value.item(), EMBER),
                (after.item(), then.item(), GREEN),
            )
            if abs(a) <= 5 and b <= high
        ],
    )
    return drawing, (
        f"{loss} at {prediction}, target {_short(goal)}: the loss is {_short(value)}, its slope "
        f"{_short(z.grad)}. A step with the rate {rate} leads to {_short(after)}, where it is "
        f"{_short(then)}."
    )


def _boxes(threshold: float, a: int, b: int, boxes: list[list[float]]) -> tuple[str, str]:
    from torchvision import ops

    corners = torch.tensor([row[:4] for row in boxes], dtype=torch.float32)
    if (corners[:, :2] >= corners[:, 2:]).any():
        raise ValueError(f"each box must have x1 < x2 and y1 < y2, got {boxes}")
    scores = torch.tensor([row[4] for row in boxes], dtype=torch.float32)
    kept = ops.nms(corners, scores, threshold).tolist()
    parts = [
        '<rect x="1" y="1" width="298" height="298" fill="none" stroke="currentColor" '
        'stroke-opacity="0.4"/>'
    ]
    for i, (x1, y1, x2, y2, score) in enumerate(boxes):
        look = f'stroke="{EMBER}" stroke-width="3"' if i in kept else f'stroke="{BLUE}"'
        dashes = "" if i in kept else ' stroke-dasharray="5 4"'
        parts.append(
            f'<rect x="{3 * x1}" y="{3 * y1}" width="{3 * (x2 - x1)}" height="{3 * (y2 - y1)}" '
            f'fill="none" {look}{dashes}/>'
        )
        parts.append(_text(3 * x1 + 5, 3 * y1 + 14, f"{i}: {score}"))
    a, b = min(a, len(boxes) - 1), min(b, len(boxes) - 1)
    iou = ops.box_iou(corners, corners)[a, b].item()
    drawing = _svg(300, 300, *parts, label="Boxes; those that are removed are dashed.")
    sentence = (
        f"At an IoU threshold of {threshold}, the boxes {', '.join(map(str, kept))} are kept. The "
        f"IoU of box {a} and box {b} is {iou:.4f}."
    )
    return drawing, sentence


def _line(
    rate: float, steps: int, w0: float, b0: float, points: list[list[float]]
) -> tuple[str, str]:
    x, y = torch.tensor(points, dtype=torch.float64).T
    p = torch.tensor([w0, b0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        ((p[0] * x + p[1] - y) ** 2).mean().backward()
        optimizer.step()
    columns = torch.stack([x, torch.ones_like(x)], dim=1)
    best = torch.linalg.lstsq(columns, y.unsqueeze(1)).solution[:, 0].tolist()
    found = p.tolist()
    grid = [-3.5 + 7 * i / 70 for i in range(71)]
    drawing = _curves(
        [
            ("descent", EMBER, [(at, found[0] * at + found[1]) for at in grid]),
            ("least squares", BLUE, [(at, best[0] * at + best[1]) for at in grid]),
        ],
        (-3.5, 3.5),
        (-3.5, 3.5),
        ("x", "y"),
        "Points, the line that gradient descent has reached, and the least squares line.",
        dots=[(*point, "currentColor") for point in zip(x.tolist(), y.tolist(), strict=True)],
        size=(360, 280),
    )
    errors = [((w * x + b - y) ** 2).mean().item() for w, b in (found, best)]
    sentence = (
        f"After {steps} steps with the rate {rate}: slope {_short(found[0])}, intercept "
        f"{_short(found[1])}, mean squared error {_short(errors[0])}. Least squares: "
        f"{_short(best[0])}, {_short(best[1])}, {_short(errors[1])}."
    )
    return drawing, sentence


def _signal(activation: str, gain: float, depth: int, bias: float, seed: int) -> tuple[str, str]:
    functions = {"identity": lambda x: x, "silu": nn.functional.silu}
    function = functions.get(activation) or getattr(torch, activation)
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).double()

    signals = [draw(32, 64).requires_grad_()]
    for _ in range(depth):
        weight, shift = draw(64, 64), draw(64)
        signals.append(function(signals[-1] @ (gain / 8 * weight) + bias * shift))
    back = torch.autograd.grad(signals[-1], signals, draw(32, 64))
    # Two digits hold on every processor.
    sizes = [[_two_digits(x.std().item()) for x in tensors] for tensors in (signals, back)]
    shown = sorted({0, depth, *(round(depth * share) for share in (0.25, 0.5, 0.75))})
    rows = [
        [name, *(f"{values[layer]:.2g}" for layer in shown)]
        for name, values in zip(("signal", "gradient"), sizes, strict=True)
    ]
    sentence = (
        f"Standard deviations in {depth} layers of 64 units with {activation}, gain {gain} and "
        f"biases of size {bias}."
    )
    return _table(["", *(f"layer {layer}" for layer in shown)], rows), sentence


def _two_digits(x: float) -> float:
    return float(f"{x:.1e}")


FUNCTIONS = ("sin", "cos", "exp", "log", "tanh", "sigmoid", "relu", "sqrt", "abs")
ALLOWED = re.compile(rf"(?:\d+\.?\d*|\.\d+|[abc]\b|(?:{'|'.join(FUNCTIONS)})\b|[-+*/() ])+")


def _graph(expression: str, a: float, b: float, c: float, step: int) -> tuple[str, str]:
    if not ALLOWED.fullmatch(expression):
        raise ValueError(
            "expression must be made of a, b, c, numbers, + - * / ** ( ) and "
            f"{', '.join(FUNCTIONS)}, got {expression!r}"
        )
    leaves = {
        name: torch.tensor(float(value), dtype=torch.float64, requires_grad=True)
        for name, value in (("a", a), ("b", b), ("c", c))
    }
    functions = {name: getattr(torch, name) for name in FUNCTIONS}
    try:
        y = eval(expression, {"__builtins__": {}}, {**leaves, **functions})
        y.backward()
    except (SyntaxError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise ValueError(f"expression {expression!r} has no gradient: {error}") from None
    used = {name: leaf for name, leaf in leaves.items() if leaf.grad is not None}
    rows = [[name, f"{leaf:.5g}", f"{leaf.grad:.5g}"] for name, leaf in used.items()]
    drawing = _table(["leaf", "value", "gradient of y"], rows)
    return drawing, f"y = {expression} = {y:.5g}. Each gradient sums over all ways from y."


def _attention(
    at: int, temperature: float, turn: int, rotary: int, mask: str, tokens: list[list[float]]
) -> tuple[str, str]:
    n = len(tokens)
    row = min(at, n - 1)
    x, v = torch.tensor(tokens, dtype=torch.float64).split([2, 1], dim=1)
    place = torch.arange(n, dtype=torch.float64)

    def turned(degrees: Tensor) -> Tensor:
        a = torch.deg2rad(degrees)
        return torch.stack(
            [x[:, 0] * a.cos() - x[:, 1] * a.sin(), x[:, 0] * a.sin() + x[:, 1] * a.cos()], dim=1
        )

    seen = torch.ones(n, n, dtype=torch.bool)
    if mask.startswith("causal"):
        seen = seen.tril() if mask == "causal" else seen.tril().triu(-1)
    elif mask == "last is padding" and n > 1:
        seen[:, -1] = False
    scale = 1 / (temperature * math.sqrt(2))
    q, k = turned(turn + rotary * place), turned(rotary * place)
    weights = (q @ k.T * scale).masked_fill(~seen, -math.inf).softmax(dim=1)
    out = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, scale=scale)
    rows = [
        [f"token {i}", *(f"{w:.2f}" for w in weights[i]), f"{out[i].item():.2f}"] for i in range(n)
    ]
    most = weights[row].argmax().item()
    return _table(["", *(f"to {j}" for j in range(n)), "output"], rows), (
        f"Token {row} looks most at {'itself' if most == row else f'token {most}'}, with the "
        f"weight {weights[row, most].item():.2f}. Its output is {out[row].item():.4f}: the values, "
        f"{', '.join(f'{value:g}' for value in v[:, 0].tolist())}, weighted by its row."
    )


def _garments() -> tuple[Tensor, list[int]]:
    """Returns the first test image of each class, and where it is among the test images."""
    images, labels = fashion_mnist("test")
    places = [int((labels == label).nonzero()[0]) for label in range(len(FASHION_CLASSES))]
    return images[places], places


def _draw_data() -> dict[str, Any]:
    garments, places = _garments()
    return {
        "weights": base64.b64encode(shipped.PATH.read_bytes()).decode(),
        "pictures": base64.b64encode(garments.numpy().tobytes()).decode(),
        "places": places,
        "names": FASHION_CLASSES,
    }


def _draw(picture: str, width: int, ink: float, strokes: list[list[float]]) -> tuple[str, str]:
    x = torch.zeros(28, 28, dtype=torch.float64)
    if picture in FASHION_CLASSES:
        x = _garments()[0][FASHION_CLASSES.index(picture), 0].double()
    row = torch.arange(28, dtype=torch.float64).unsqueeze(1)
    column = row.T
    for x1, y1, x2, y2, wide, shade in strokes:
        dx, dy = x2 - x1, y2 - y1
        t = (((column - x1) * dx + (row - y1) * dy) / max(dx * dx + dy * dy, 1e-9)).clamp(0, 1)
        away = ((column - x1 - t * dx) ** 2 + (row - y1 - t * dy) ** 2).sqrt()
        x = x + (wide / 2 + 0.5 - away).clamp(0, 1) * (shade - x)
    module, card = shipped.network()
    y = ((x / 255 - card["mean"]) / card["std"]).float().reshape(1, 1, 28, 28)
    with torch.no_grad():
        p = module(y).softmax(dim=1)[0]
    order = p.argsort(descending=True).tolist()
    parts = ['<rect width="140" height="140" fill="#000"/>', *_pixels(x, 5)]
    for line, i in enumerate(order[:5]):
        parts.append(_text(240, 30 + 22 * line, FASHION_CLASSES[i], "end"))
        parts.append(
            f'<rect x="248" y="{20 + 22 * line}" width="{_number(200 * p[i].item())}" height="12" '
            f'fill="{EMBER if line == 0 else BLUE}"/>'
        )
        parts.append(_text(254 + 200 * p[i].item(), 30 + 22 * line, f"{p[i]:.2f}"))
    first, second = ((FASHION_CLASSES[i], p[i].item()) for i in order[:2])
    sentence = (
        f"The network says {first[0]}, with the probability {first[1]:.2f}; then {second[0]}, "
        f"{second[1]:.2f}."
    )
    drawing = _svg(490, 140, *parts, label="A picture of 28 by 28 pixels, and five probabilities.")
    return drawing, sentence


def _pixels(x: Tensor, size: int) -> list[str]:
    """Returns a picture as one path for each of seven greys; what is darker stays the ground."""
    levels = (x / 255 * 7).round().long().tolist()
    paths: dict[int, list[str]] = {}
    for row, line in enumerate(levels):
        column = 0
        for level, run in itertools.groupby(line):
            length = len(list(run))
            if level:
                place = f"M{column * size} {row * size}h{length * size}v{size}h-{length * size}z"
                paths.setdefault(level, []).append(place)
            column += length
    greys = {level: f"{round(level / 7 * 255):02x}" for level in paths}
    return [
        f'<path fill="#{3 * greys[level]}" d="{"".join(found)}"/>'
        for level, found in sorted(paths.items())
    ]


DATA: dict[str, Callable[[], dict[str, Any]]] = {"draw": _draw_data}
"""What an explorer's script reads beside its state."""

STILLS: dict[str, Callable[..., tuple[str, str]]] = {
    "broadcasting": _broadcasting,
    "strides": _strides,
    "graph": _graph,
    "line": _line,
    "boxes": _boxes,
    "convolution": _convolution,
    "signal": _signal,
    "losses": _losses,
    "race": _race,
    "schedule": _schedule,
    "floats": _floats,
    "attention": _attention,
    "draw": _draw,
}
