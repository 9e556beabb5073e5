"""Explorers: their numbers and the code that they show are PyTorch's, and they are easy to use."""

import base64
import contextlib
import io
import json
import math
import random
import re

import pytest
import torch
from playwright.sync_api import expect
from torch import nn
from torch.optim import lr_scheduler
from torchvision import ops

from helpers import explorers
from helpers.data import FASHION_CLASSES, fashion_mnist
from helpers.networks import shipped
from tests.site.browsing import SITE
from tests.site.conftest import PATIENCE

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE)
STATES, RUN = 300, 50
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|nan|inf)(?!\w)")
# What lies beyond the largest float8_e4m3fn becomes that number, in older releases nan.
NO_SATURATION = torch.tensor(1e9).to(torch.float8_e4m3fn).isnan().item()
ALL = """([name, states]) => states.map(state => {
    const parts = window.executedExplorers[name], result = parts.model(state);
    const prints = (result.error ? [result.error] : parts.prints(state, result)).join("\\n");
    // JSON has no infinity and no NaN.
    const plain = (key, x) => typeof x === "number" && !Number.isFinite(x) ? String(x) : x;
    return JSON.stringify({result, prints, code: parts.code(state, result)}, plain);
})"""


# Random states, edges among them


def draw(control, rng):
    kind = control["kind"]
    if kind == "number":
        step = control.get("step", 1)
        steps = round((control["max"] - control["min"]) / step)
        place = rng.choice([0, steps, *[rng.randint(0, steps)] * 6])
        return round(control["min"] + place * step, 6)
    if kind in ("scale", "choice"):
        return rng.choice(control["values" if kind == "scale" else "options"])
    if kind == "flag":
        return rng.random() < 0.5
    if kind == "text":
        raise NotImplementedError(control["key"])
    bounds = list(zip(control["min"], control["max"], control["step"], strict=True))
    rows = range(rng.randint(control["least"], control["most"]))
    return [[draw({"kind": "number", "min": a, "max": b, "step": c}, rng) for a, b, c in bounds]
            for _ in rows]  # fmt: skip


def states(name, count, seed):
    """Returns the explorer's own start and random states."""
    rng, found = random.Random(seed), [{}]
    special = DRAWN.get(name, {})
    found += EDGES.get(name, [])
    for _ in range(count):
        found.append(
            {
                control["key"]: special[control["key"]](rng)
                if control["key"] in special
                else draw(control, rng)
                for control in explorers.controls(name)
            }
        )
    for state in found:
        if state.get("format") == "float8_e4m3fn" and NO_SATURATION:
            state["format"] = "float8_e5m2"
    start = {control["key"]: control["value"] for control in explorers.controls(name)}
    return [{**start, **state} for state in found]


def refusal(error):
    return f"{type(error).__name__}: {str(error).splitlines()[0]}"


NOTHING_LEFT = re.compile(
    r"RuntimeError: (could not |Only zero batch |Given input size per channel)|\(1, 1, 0, 0\)"
)


def same_refusal(shown, true):
    """Whether two errors are the same.

    Where a transposed convolution leaves nothing, the backends of one processor differ: they
    refuse, each in its own words, or return an empty tensor, which the next layer refuses.
    """
    nothing_left = (shown or "").endswith("Output size is too small")
    return shown == true or bool(nothing_left and NOTHING_LEFT.match(true))


def close(shown, true, rtol=1e-5, atol=1e-6):
    """Whether two numbers, or lists of numbers, agree."""
    if isinstance(true, list | tuple):
        return len(shown) == len(true) and all(
            close(a, b, rtol, atol) for a, b in zip(shown, true, strict=True)
        )
    if isinstance(true, str | bool) or true is None:
        return shown == true
    if isinstance(true, int):
        return float(shown) == true
    shown = float(shown)
    if math.isnan(true) or math.isinf(true):
        return shown == true or (math.isnan(shown) and math.isnan(true))
    return abs(shown - true) <= atol + rtol * abs(true)


# What PyTorch says: the same keys as the model's result, or the error


def convolution(size, kernel, stride, padding, dilation, cell, layers, transposed, extra):
    x = (torch.arange(size * size) * 7 % 10).float().reshape(1, 1, size, size)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "bias": False}
    if transposed:
        layer = nn.ConvTranspose2d(1, 1, kernel, output_padding=extra, **options)
    else:
        layer = nn.Conv2d(1, 1, kernel, **options)
    with torch.no_grad():
        layer.weight.copy_((torch.arange(kernel**2) * 2 % 3 - 1).reshape(1, 1, kernel, kernel))
        y = layer(x)
        sizes = [y.shape[-1]]
        z = y
        for _ in range(layers - 1):
            z = layer(z)
            sizes.append(z.shape[-1])
    found = {"y": y[0, 0].long().tolist(), "out": y.shape[-1]}
    if not z.numel():
        return {"shape": (1, 1, 0, 0)}
    walks = size if transposed else y.shape[-1]
    found["limits"] = {"cell": walks**2 - 1}
    if transposed:
        return {**found, "stack": [{"size": size} for size in sizes]}
    fields, jumps = [], []
    for count in range(1, layers + 1):
        line = torch.ones(1, 1, 1200, requires_grad=True)
        stack = nn.Sequential(*[nn.Conv1d(1, 1, kernel, stride, dilation=dilation, bias=False)
                                for _ in range(count)])  # fmt: skip
        for weight in stack.parameters():
            nn.init.ones_(weight)
        ends = []
        for place in (0, 1):
            (seen,) = torch.autograd.grad(stack(line)[0, 0, place], line)
            ends.append(int(seen.nonzero()[:, -1].max()))
        fields.append(ends[0] + 1)
        jumps.append(ends[1] - ends[0])
    rows = zip(sizes, fields, jumps, strict=True)
    return {
        **found,
        "stack": [dict(zip(("size", "field", "jump"), row, strict=True)) for row in rows],
    }


def sizes(text, count, largest):
    """Returns the sizes that a text names, as the explorers read it.

    Raises:
        ValueError: The text names no shape.
    """
    if not re.fullmatch(r"\s*(\d+\s*(,\s*\d+\s*)*,?\s*)?", text):
        raise ValueError("no shape")
    found = [int(part) for part in text.split(",") if part.strip()]
    if len(found) not in count or not largest(found):
        raise ValueError("no shape")
    return found


def broadcasting(a, b, step):
    a, b = (sizes(text, range(5), lambda s: max(s, default=0) <= 6) for text in (a, b))
    p, q = torch.arange(math.prod(a)).reshape(a), torch.arange(math.prod(b)).reshape(b)
    total = p + 100 * q
    shape = total.shape
    places = [one.expand(shape).reshape(-1).tolist() for one in (p, q)]
    columns = []
    for axis in range(-len(shape), 0):
        x, y = (one[axis] if len(one) >= -axis else None for one in (a, b))
        if x == y:
            rule = "equal"
        elif None in (x, y):
            rule = f"{'ab'[y is None]} is missing"
        else:
            rule = f"{'ab'[y == 1]} stretches"
        columns.append({"a": x, "b": y, "size": shape[axis], "rule": rule})
    strides = [list(one.expand(shape).stride()) for one in (p, q)]
    return {
        "shape": list(shape),
        "columns": columns,
        "strides": strides,
        "places": places,
        "sum": total.reshape(-1).tolist(),
        "total": int(total.sum()),
    }


def strides(shape, first, second, third):
    found = sizes(shape, range(1, 4), lambda s: min(s) > 0 and math.prod(s) <= 48)
    x = torch.arange(math.prod(found)).view(found)
    y = x
    for step in (first, second, third):
        y = eval("y" + step.removeprefix("nothing"), {"y": y})
    memory = torch.tensor([], dtype=torch.long).set_(y.untyped_storage())
    places = torch.arange(len(memory)).as_strided(y.shape, y.stride(), y.storage_offset())
    try:
        viewable = y.view(-1) is not None
    except RuntimeError:
        viewable = False
    return {
        "shape": list(y.shape),
        "stride": list(y.stride()),
        "offset": y.storage_offset(),
        "contiguous": y.is_contiguous(),
        "shared": y.untyped_storage().data_ptr() == x.untyped_storage().data_ptr(),
        "memory": memory.tolist(),
        "places": places.reshape(-1).tolist(),
        "values": y.reshape(-1).tolist(),
        "viewable": viewable,
    }


def schedule(fall, rate, epochs, warmup, start, hold, every, grow, gamma, power, floor, at):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
    rest = max(1, epochs - warmup - hold)
    options = {
        "ConstantLR": {"factor": 1.0},
        "StepLR": {"step_size": every, "gamma": gamma},
        "ExponentialLR": {"gamma": gamma},
        "PolynomialLR": {"total_iters": rest, "power": power},
        "CosineAnnealingLR": {"T_max": rest, "eta_min": floor},
        "CosineAnnealingWarmRestarts": {"T_0": every, "T_mult": grow, "eta_min": floor},
    }
    chain, milestones = [], []
    if warmup:
        chain.append(lr_scheduler.LinearLR(optimizer, start, total_iters=warmup))
        milestones.append(warmup)
    if hold:
        chain.append(lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=hold))
        milestones.append(warmup + hold)
    chain.append(getattr(lr_scheduler, fall)(optimizer, **options[fall]))
    last = chain[0]
    if milestones:
        last = lr_scheduler.SequentialLR(optimizer, chain, milestones)
    rates = []
    for _ in range(epochs):
        rates.append(last.get_last_lr()[0])
        optimizer.step()
        last.step()
    return {"rates": rates, "limits": {"at": epochs - 1}}


def floats(format, value, step, times):
    if not re.fullmatch(r"\s*[+-]?(inf|(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)\s*|nan", value, re.I):
        raise ValueError("no number")
    dtype = getattr(torch, format)
    x = torch.tensor(float(value)).to(dtype)
    width = 8 * x.element_size()
    bits = x.view({8: torch.uint8, 16: torch.int16, 32: torch.int32}[width])
    total = x
    step = torch.tensor(step).to(dtype)
    for _ in range(times):
        total = (total.float() + step.float()).to(dtype)
    found = {"bits": bits.item() % 2**width, "x": x.item(), "total": total.item()}
    found |= {"width": width, "exact": x.item() + times * step.item()}
    found |= {"small": step.item(), "further": None, "nearer": None}
    if math.isfinite(x.item()):
        found["further"] = (bits + 1).view(dtype).item()
        if x.item():
            found["nearer"] = (bits - 1).view(dtype).item()
    return found


SURFACES = {
    "ravine": lambda x, y: (x**2 + 20 * y**2) / 2,
    "Rosenbrock": lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
    "Himmelblau": lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
    "saddle": lambda x, y: x**2 / 2 - y**2 + y**4 / 8,
}


def race(surface, first, rate, second, rate2, momentum, x, y, steps):
    betas = {"betas": (float(momentum), 0.999)}
    options = {
        "SGD": {"momentum": momentum},
        "Nesterov": {"momentum": momentum, "nesterov": True},
        "Adam": betas,
        "AdamW": {**betas, "weight_decay": 0.1},
    }
    runs = []
    for name, lr in ((first, rate), (second, rate2)):
        if name == "nothing":
            continue
        kind = getattr(torch.optim, {"Nesterov": "SGD"}.get(name, name))
        # Two starts side by side, the second one off by its last digit.
        starts = [[x, math.nextafter(x, 9)], [y, y]]
        p = torch.tensor(starts, dtype=torch.float64, requires_grad=True)
        optimizer = kind([p], lr=lr, **options.get(name, {}))
        points = [starts]
        for _ in range(steps):
            optimizer.zero_grad()
            SURFACES[surface](*p).sum().backward()
            optimizer.step()
            points.append(p.tolist())
        every = torch.tensor(points, dtype=torch.float64)
        values = SURFACES[surface](*every[:, :, 0].T).tolist()
        points, others = every.permute(2, 0, 1).tolist()
        # Compared as far as a start that differs in its last digit leads to the same points, and
        # not far outside of the picture.
        same = (close(a, b, 1e-8, 1e-8) and max(map(abs, a)) < 1e3
                for a, b in zip(points, others, strict=True))  # fmt: skip
        away = next((i for i, is_same in enumerate(same) if not is_same), len(points))
        runs.append({"points": points[:away], "losses": values[:away]})
    return {"runs": runs}


def losses(loss, prediction, target, share, beta, logit0, logit1, logit2, label, temperature,
           smoothing, weight, reduction, rate):  # fmt: skip
    if loss == "CrossEntropyLoss":
        z = torch.tensor([logit0, logit1, logit2], requires_grad=True)
        weights = torch.tensor([weight, 1.0, 1.0])
        criterion = nn.CrossEntropyLoss(weights, label_smoothing=smoothing, reduction=reduction)
        goal = torch.tensor(label)
    else:
        temperature = 1
        z = torch.tensor(float(prediction), requires_grad=True)
        goal = torch.tensor(float(share if loss == "BCEWithLogitsLoss" else target))
        given = {"SmoothL1Loss": {"beta": beta}, "HuberLoss": {"delta": beta}}
        criterion = getattr(nn, loss)(**given.get(loss, {}))
    value = criterion(z / temperature, goal)
    value.backward()
    with torch.no_grad():
        after = z - rate * z.grad
        found = {"loss": value.item(), "next": after.tolist()}
        found["after"] = criterion(after / temperature, goal).item()
        if loss != "CrossEntropyLoss":
            return {**found, "slope": z.grad.item()}
        p, p2 = ((x / temperature).softmax(0).tolist() for x in (z, after))
    return {**found, "slopes": z.grad.tolist(), "p": p, "p2": p2}


def boxes(threshold, a, b, boxes):
    corners = torch.tensor([row[:4] for row in boxes]).float()
    if (corners[:, :2] >= corners[:, 2:]).any():
        raise ValueError("no box")
    kept = ops.nms(corners, torch.tensor([row[4] for row in boxes]).float(), threshold)
    return {"kept": kept.tolist(), "ious": ops.box_iou(corners, corners).tolist()}


def line(rate, steps, w0, b0, points):
    x, y = torch.tensor(points, dtype=torch.float64).T
    p = torch.tensor([w0, b0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=rate)
    way, values = [p.tolist()], []
    for step in range(steps + 1):
        loss = ((p[0] * x + p[1] - y) ** 2).mean()
        values.append(loss.item())
        if step < steps:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            way.append(p.tolist())
    columns = torch.stack([x, torch.ones_like(x)], dim=1)
    best = torch.linalg.lstsq(columns, y.unsqueeze(1)).solution[:, 0]
    limit = 2 / torch.linalg.eigvalsh(2 * columns.T @ columns / len(x)).max()
    return {"way": way, "losses": values, "best": best.tolist(), "limit": limit.item()}


def signal(activation, gain, depth, bias, seed):
    functions = {"identity": lambda x: x, "silu": nn.functional.silu}
    function = functions.get(activation) or getattr(torch, activation)
    torch.manual_seed(seed)
    signals = [torch.randn(32, 64).double().requires_grad_()]
    for _ in range(depth):
        weight, shift = torch.randn(64, 64).double(), torch.randn(64).double()
        signals.append(function(signals[-1] @ (gain / 8 * weight) + bias * shift))
    back = torch.autograd.grad(signals[-1], signals, torch.randn(32, 64).double())
    return {"forward": [x.std().item() for x in signals], "back": [x.std().item() for x in back]}


FUNCTIONS = ("sin", "cos", "exp", "log", "tanh", "sigmoid", "relu", "sqrt", "abs")


def graph(expression, a, b, c, step):
    values = {"a": a, "b": b, "c": c}
    leaves = {
        name: torch.tensor(float(value), dtype=torch.float64, requires_grad=True)
        for name, value in values.items()
    }
    try:
        names = {**leaves, **{name: getattr(torch, name) for name in FUNCTIONS}}
        y = eval(expression, {"__builtins__": {}}, names)
        y.backward()
    except (SyntaxError, NameError, TypeError, AttributeError, ZeroDivisionError):
        raise ValueError("no expression") from None
    grads = {name: leaf.grad.item() for name, leaf in leaves.items() if leaf.grad is not None}
    return {"value": y.item(), "grads": grads}


def an_expression(rng):
    wrong = ["", "a +", "a ** ", "d * a", "sin a", "2 * 3", "sin(2) * a", "a (b)", "1 / 0 + a"]
    if rng.random() < 0.04:
        return rng.choice(wrong)

    def grown(depth):
        kind = rng.random()
        if depth == 0 or kind < 0.15:
            return rng.choice(["a", "b", "c", "a", "b", "2", "0.5", "3"])
        if kind < 0.4:
            return f"{rng.choice(FUNCTIONS)}({grown(depth - 1)} * {rng.choice('abc')})"
        if kind < 0.5:
            return f"-{grown(depth - 1)}"
        if kind < 0.6:
            return f"{rng.choice('abc')} ** {rng.choice(['2', '3', 'b', '-1', '0'])}"
        sign = rng.choice([" + ", " - ", " * ", "*", " / "])
        joined = f"{grown(depth - 1)}{sign}{grown(depth - 1)}"
        return joined if rng.random() < 0.4 else f"({joined})"

    while True:
        text = f"{rng.choice('abc')}{rng.choice('+-*')}{grown(3)}"
        if len(text) <= 48:
            return text


def some_boxes(rng):
    def row():
        left, top = rng.randint(0, 70), rng.randint(0, 70)
        size = rng.choice([1, 10, 20, 30]), rng.choice([1, 10, 20, 30])
        score = round(0.05 * rng.randint(1, 20), 2)
        return [left, top, left + size[0], top + size[1], score]

    found = [row() for _ in range(rng.randint(1, 8))]
    for i in range(1, len(found)):
        if rng.random() < 0.6:  # near the one before, or the same
            shift = rng.choice([0, 0, 2, 5])
            found[i][:4] = [min(99 + j // 2, x + shift) for j, x in enumerate(found[i - 1][:4])]
    if rng.random() < 0.05:
        found[0][2] = found[0][0]
    return found


def some_points(rng):
    def at():
        return round(0.1 * rng.randint(-30, 30), 1)

    count = rng.choice([1, 2, 3, 4, 5, 6, 7, 8])
    column = at()
    above = rng.random() < 0.1
    return [[column if above else at(), at()] for _ in range(count)]


def a_number(rng):
    edges = ["0", "-0", "inf", "-inf", "nan", "65504", "65519", "65520", "448", "464", "464.001"]
    edges += ["480", "57344", "61440", "61439", "3.4028235e38", "3.4028236e38", "1e39", "1e-45"]
    edges += ["7e-46", "6e-8", "2.9e-8", "0.0009765625", "0.001953125", "1e-5", "2049", "257"]
    edges += ["0.1", "1/3", "one", "", " 2 ", "+.5", "5.", "1e400"]
    some = f"{rng.uniform(-2, 2):.5g}", f"{rng.choice([-1, 1]) * 10 ** rng.uniform(-10, 6):.6g}"
    return rng.choice([rng.choice(edges), *some])


def a_shape(count, low, high):
    def drawn(rng):
        if rng.random() < 0.03:
            return rng.choice(["3 4", "x", "-1, 2", "2.5", "3,,4", "99, 9", "1, 1, 1, 1, 1"])
        text = ", ".join(str(rng.choice(range(low, high + 1))) for _ in range(rng.choice(count)))
        return text + rng.choice(["", "", "", " "])

    return drawn


def a_fitting_shape(rng):
    return ", ".join(str(rng.choice([0, 1, 1, 1, 2, 2, 2, 3])) for _ in range(rng.choice(range(5))))


def some_strokes(rng):
    def at():
        return 0.5 * rng.randint(0, 54)

    return [
        [at(), at(), at(), at(), rng.randint(1, 14), 5 * rng.choice([0, 51, *range(52)])]
        for _ in range(rng.choice([0, 1, 2, 3, 5, 8]))
    ]


def attention(at, temperature, turn, rotary, mask, tokens):
    n = len(tokens)
    x, v = torch.tensor(tokens, dtype=torch.float64).split([2, 1], dim=1)

    def turned(degrees):
        # A turn in the plane is a product of complex numbers.
        there = torch.view_as_complex(x.contiguous()) * torch.polar(
            torch.ones(n, dtype=torch.float64), torch.deg2rad(degrees)
        )
        return torch.view_as_real(there)

    place = torch.arange(n, dtype=torch.float64)
    q, k = turned(turn + rotary * place), turned(rotary * place)
    older = place[:, None] - place
    bias = torch.zeros(n, n, dtype=torch.float64)
    if mask == "last is padding":
        bias[:, max(1, n - 1) :] = -math.inf
    elif mask != "none":
        bias[(older < 0) | (older > (n if mask == "causal" else 1))] = -math.inf
    options = {"attn_mask": bias, "scale": 1 / (temperature * math.sqrt(2))}
    identity = torch.eye(n, dtype=torch.float64)
    weights = nn.functional.scaled_dot_product_attention(q, k, identity, **options)
    out = nn.functional.scaled_dot_product_attention(q, k, v, **options)
    return {
        "weights": weights.tolist(),
        "out": out[:, 0].tolist(),
        "queries": q.tolist(),
        "keys": k.tolist(),
        "row": min(at, n - 1),
        "hidden": bias[min(at, n - 1)].isinf().tolist(),
        "limits": {"at": n - 1},
    }


def prepared(pixels):
    return ((pixels / 255 - 0.286) / 0.353).float()


def draw_garment(picture, width, ink, strokes):
    images, labels = fashion_mnist("test")
    pixels = torch.zeros(28, 28, dtype=torch.float64)
    if picture != "nothing":
        pixels = images[labels == FASHION_CLASSES.index(picture)][0, 0].double()
    place = torch.cartesian_prod(torch.arange(28.0), torch.arange(28.0)).double().flip(1)
    for x1, y1, x2, y2, wide, shade in strokes:
        start = torch.tensor([x1, y1], dtype=torch.float64)
        way = torch.tensor([x2, y2], dtype=torch.float64) - start
        t = ((place - start) @ way / way.dot(way).clamp(min=1e-9)).clamp(0, 1)
        away = (place - start - t[:, None] * way).norm(dim=1).reshape(28, 28)
        pixels = pixels.lerp(torch.full_like(pixels, shade), (wide / 2 + 0.5 - away).clamp(0, 1))
    with torch.no_grad():
        logits = shipped.network()[0](prepared(pixels)[None, None])[0]
    p = logits.double().softmax(dim=0)
    return {"pixels": pixels.reshape(-1).tolist(), "logits": logits.tolist(), "p": p.tolist(),
            "order": p.argsort(descending=True).tolist()}  # fmt: skip


TRUTH = {
    "broadcasting": broadcasting,
    "strides": strides,
    "convolution": convolution,
    "schedule": schedule,
    "floats": floats,
    "race": race,
    "losses": losses,
    "boxes": boxes,
    "line": line,
    "signal": signal,
    "graph": graph,
    "attention": attention,
    "draw": draw_garment,
}
# States that chance would rarely draw.
EDGES = {
    "broadcasting": [{"a": "7", "b": "1"}, {"a": "6", "b": "1, 6"}, {"a": "", "b": ""}],
    "graph": [
        {"expression": text, "a": a, "b": b}
        for text in ("relu(a) + b", "abs(a) * b", "sqrt(a)", "a ** b", "log(a)", "b / a", "2 ** a")
        for a, b in ((0, 0), (0, 2), (0, -1), (1, 0), (-2, 2))
    ],
    "draw": [
        {"strokes": []},
        {"strokes": [[5, 5, 5, 5, 14, 255]]},
        {"picture": "Bag", "strokes": [[0, 0, 27, 27, 14, 0]] * 150},
    ],
    "attention": [
        {"mask": mask, "tokens": [[1, 0, 1], [0, 1, 2]][:n], "at": 5}
        for mask in ("none", "causal", "causal, two tokens", "last is padding")
        for n in (1, 2)
    ],
    "convolution": [{"transposed": False, "cell": 255}, {"transposed": True, "cell": 255}],
    "losses": [
        {"loss": loss, "prediction": prediction, "target": 0.5, "beta": 1}
        for loss in ("L1Loss", "SmoothL1Loss", "HuberLoss")
        for prediction in (0.5, 1.5, -0.5)
    ],
}
# How texts and other special fields are drawn.
DRAWN = {
    "broadcasting": {
        "a": a_fitting_shape,
        "b": lambda rng: rng.choice([a_fitting_shape] * 9 + [a_shape([2], 0, 6)])(rng),
    },
    "floats": {"value": a_number},
    "boxes": {"boxes": some_boxes},
    "line": {"points": some_points},
    "graph": {"expression": an_expression},
    "strides": {"shape": a_shape([1, 2, 2, 3, 3], 1, 4)},
    "draw": {"strokes": some_strokes},
}
# How close, where a number is not a plain sum in float32.
WITHIN = {
    "attention": {"rtol": 1e-9, "atol": 1e-12},
    # Logits; the probability of an answer that is out of the question follows them.
    "draw": {"rtol": 1e-5, "atol": 5e-5},
    "schedule": {"rtol": 1e-9, "atol": 1e-12},
    "floats": {"rtol": 0, "atol": 0},
    "race": {"rtol": 1e-6, "atol": 1e-8},
    "boxes": {"rtol": 0, "atol": 0},
    "line": {"rtol": 1e-6, "atol": 1e-8},
    "graph": {"rtol": 1e-9, "atol": 1e-9},
    # The last digit of a random number depends on the processor, and a large gain multiplies it.
    "signal": {"rtol": 2e-4, "atol": 1e-12},
    # A step in float32 multiplies what the slope has lost.
    "losses": {"rtol": 1e-5, "atol": 1e-5},
}


def within(name, state):
    if name == "signal" and state["activation"] in ("tanh", "silu") and state["gain"] > 1.5:
        return {"rtol": 5e-3, "atol": 1e-12}
    return WITHIN.get(name, {})


every_explorer = pytest.mark.parametrize("name", explorers.names())


@pytest.fixture(scope="module")
def bench(browser):
    """An empty page with all explorers' scripts."""
    page = browser.new_page()
    page.set_content("<!doctype html><title>x</title>")
    for file in ["explorer", *explorers.names()]:
        if explorers.data(file):
            page.add_script_tag(content=explorers.data(file))
        page.add_script_tag(path=explorers.SCRIPTS / f"{file}.js")
    yield page
    page.close()


def computed(bench, name, given):
    return [json.loads(text) for text in bench.evaluate(ALL, [name, given])]


@every_explorer
def test_the_model_agrees_with_pytorch(bench, name):
    given = states(name, STATES, seed=1)
    shown = computed(bench, name, given)
    refused = 0
    for state, one in zip(given, shown, strict=True):
        try:
            true = TRUTH[name](**state)
            if same_refusal(one["result"].get("error"), str(true.get("shape"))):
                continue
        except (RuntimeError, ValueError, IndexError) as error:
            refused += 1
            if one["result"].get("invalid"):
                assert str(error) in ("no shape", "no number", "no box", "no expression"), state
                continue
            assert same_refusal(one["result"].get("error"), refusal(error)), state
            continue
        assert not one["result"].get("error"), (state, one["result"]["error"])
        for key, value in true.items():
            found = one["result"][key]
            if isinstance(value, dict):
                assert found.keys() == value.keys(), state
                found, value = ([part[k] for k in value] for part in (found, value))
            if isinstance(value, list) and value and isinstance(value[0], dict):
                # Rows with the same keys; of a longer list, its beginning.
                found = [[row[k] for k in wanted] for row, wanted in zip(found, value, strict=True)]
                value = [list(row.values()) for row in value]
                if name == "race":
                    found = [[part[: len(true)] for part, true in zip(*pair, strict=True)]
                             for pair in zip(found, value, strict=True)]  # fmt: skip
            assert close(found, value, **within(name, state)), (state, key, found, value)
    assert refused < STATES / 2, "most states must have an answer"


def run(code):
    """Returns what a piece of shown code prints, an error as its last line."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            exec(compile(code, "shown", "exec"), {})
        except Exception as error:
            return refusal(error)
    return said.getvalue().rstrip("\n")


@every_explorer
def test_the_shown_code_prints_what_is_shown(bench, name):
    given = states(name, RUN, seed=2)
    for state, one in zip(given, computed(bench, name, given), strict=True):
        if one["result"].get("invalid"):
            continue
        printed = run(one["code"])
        if same_refusal(one["prints"], printed):
            continue
        assert NUMBER.split(one["prints"]) == NUMBER.split(printed), (state, one["prints"], printed)
        lines = zip(one["prints"].splitlines(), printed.splitlines(), strict=True)
        for shown, true in (map(NUMBER.findall, pair) for pair in lines):
            assert agree(shown, true, name, state), (state, one["prints"], printed)


def agree(shown, true, name, state):
    """Whether the numbers of two printed lines agree but for their last digit, out of five.

    Of a run that has left for 1e9 and more, the largest numbers alone are known.
    """
    if any(re.fullmatch(r"[01]{8,}", one) for one in true) and shown != true:
        return False  # bits
    exact = [int(one) if re.fullmatch(r"[-+]?\d{1,15}", one) else float(one) for one in true]
    largest = max((abs(one) for one in exact if math.isfinite(one)), default=0)
    bound = within(name, state)
    rtol = max(2e-4 if name != "signal" else 1.1e-2, bound.get("rtol", 0))
    atol = max(2e-6, bound.get("atol", 0), 1e-9 * largest if largest > 1e9 else 0)
    if largest > 1e9:
        exact = [float(one) for one in exact]
    return close([float(one) for one in shown], exact, rtol, atol)


# On the page

PAGE = "book/explorers.html"
# For each explorer a field, what is typed into it, and what the explorer then says.
TYPED = {
    "broadcasting": ("a", ["Control+a", "2", ",", "3"], "The size of tensor a (3) must match"),
    "strides": ("first", ["Home"], "view(-1) works"),
    "convolution": ("stride", ["ArrowRight"], "The output is 2 × 2"),
    "schedule": ("at", ["Home"], "Epoch 0 of 60 trains with the rate 0.01."),
    "floats": ("value", ["Control+a", "3"], "In bfloat16, 3 is 3, off by 0 %"),
    "race": ("steps", ["Home"], "after 1 steps"),
    "losses": ("prediction", ["End"], "The loss is 3, its slope 1."),
    "boxes": ("threshold", ["Home"], "2 of 5 boxes are kept: 0, 3."),
    "line": ("steps", ["Home"], "After 0 steps: y = -2 x − 2"),
    "signal": ("depth", ["Home"], "in 1 layers"),
    "graph": ("a", ["Home"], "a.grad = -1.99"),
    "attention": ("at", ["Home"], "Token 0 looks most at itself"),
    "draw": ("strokes-4", ["Home"], "with the probability 0.627; then Sandal, 0.358."),
}
REACHED = """name => {
    const inside = document.querySelector(`explorer-${name}`).shadowRoot.activeElement;
    return inside && inside.id;
}"""
SIZES = """() => [...document.querySelectorAll("main *")].filter(one => one.shadowRoot)
    .flatMap(one => [...one.shadowRoot.querySelectorAll("text, th, td, label, output, .say, pre")]
        .map(text => {
            const {left, right} = text.getBoundingClientRect();
            const size = parseFloat(getComputedStyle(text).fontSize);
            return [one.localName, text.textContent, size, left, right];
        }))"""


def explorer(page, name):
    return page.locator(f"explorer-{name}").first


def test_by_keyboard_to_an_answer(open_page):
    page = open_page(PAGE)
    assert TYPED.keys() == set(explorers.names())
    for name, (key, typed, said) in TYPED.items():
        explorer(page, name).locator("input, select").first.focus()
        for _ in range(20):
            if page.evaluate(REACHED, name) == f"field-{key}":
                break
            page.keyboard.press("Tab")
        for press in typed:
            page.keyboard.press(press)
        expect(explorer(page, name).locator(".say")).to_contain_text(said)
        assert page.evaluate(REACHED, name) == f"field-{key}", "the field keeps the focus"
        unnamed = explorer(page, name).evaluate(
            "one => [...one.shadowRoot.querySelectorAll('input, select')]"
            ".filter(field => !field.labels[0]?.textContent).length"
        )
        assert unnamed == 0
        explorer(page, name).get_by_role("button", name="Start again").focus()
        page.keyboard.press("Enter")
        expect(explorer(page, name).locator(".say")).not_to_contain_text(said)


def test_every_letter_can_be_read_on_a_phone(open_page):
    page = open_page(PAGE)
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(
        "document.querySelector('explorer-race').shadowRoot.querySelector('svg').clientWidth < 340"
    )
    found = page.evaluate(SIZES)
    assert len(found) > 300
    # A piece of code scrolls in its box; the rest fits.
    for name, text, size, left, right in found:
        assert size >= 9, (name, text)
        assert left >= 0 and right <= 390, (name, text)


def test_the_address_holds_a_state(open_page):
    page = open_page(f"{PAGE}#convolution?stride=2&padding=9&kernel=2")
    found = explorer(page, "convolution")
    expect(found.locator(".say")).to_contain_text("The output is 3 × 3")
    expect(found.locator(".said")).to_have_text("Not used from the address: padding=9")
    found.locator("#field-layers").press("ArrowRight")
    found.get_by_role("button", name="Link to this state").click()
    address = page.evaluate("location.hash")
    assert address == "#convolution?kernel=2&stride=2&layers=2"
    page.goto("about:blank")
    page = open_page(PAGE + address)
    expect(explorer(page, "convolution").locator(".say")).to_contain_text("After 2 such layers")
    page.evaluate("location.hash = '#boxes?boxes=0,0,50,50,1;10,0,60,50,0.5&threshold=0.7'")
    expect(explorer(page, "boxes").locator(".say")).to_contain_text("2 of 2 boxes are kept: 0, 1.")


def test_the_code_is_copied(open_page):
    page = open_page(PAGE)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    found = explorer(page, "schedule")
    found.get_by_role("button", name="Copy the code").click()
    expect(found.locator(".said")).to_have_text("The code is copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert run(copied) == found.locator("pre.prints").inner_text()


DRAGGED = [
    ("attention", "token 1", (40, 30), "tokens"),
    ("boxes", "move 3", (-40, 30), "boxes"),
    ("boxes", "size 2", (20, -20), "boxes"),
    ("line", "point 1", (30, 30), "points"),
    ("line", "start", (60, -40), "w0"),
    ("race", "start", (60, -40), "x"),
    ("losses", "prediction", (50, 0), "prediction"),
    ("schedule", "at", (50, 0), "at"),
]


def test_what_is_drawn_is_dragged(open_page):
    page = open_page(PAGE)
    for name, what, by, key in DRAGGED:
        found = explorer(page, name)
        target = found.locator(f'[data-drag="{what}"]').last
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        before = found.evaluate("(one, key) => one.state[key]", key)
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + by[0] / 2, y + by[1] / 2)
        page.mouse.move(x + by[0], y + by[1])
        page.mouse.up()
        after = found.evaluate("(one, key) => one.state[key]", key)
        assert after != before, what
        page.mouse.move(x, y)
        assert found.evaluate("(one, key) => one.state[key]", key) == after, "let go"
        if what == "move 3":
            width = found.locator(".figure svg").bounding_box()["width"] - 12
            moved = [b - a for a, b in zip(before[3], after[3], strict=True)]
            assert moved == [*(round(100 * by[i % 2] / width) for i in range(4)), 0]


def test_nothing_moves_until_the_reader_starts_it(open_page):
    page = open_page(PAGE)
    found = explorer(page, "race")
    assert page.evaluate("document.getAnimations().length") == 0
    steps = found.locator("output[for=field-steps]")
    expect(steps).to_have_text("60")
    page.wait_for_timeout(400)
    expect(steps).to_have_text("60")
    found.locator("#field-steps").evaluate(
        "f => { f.value = 98; f.dispatchEvent(new Event('input')); }"
    )
    found.get_by_role("button", name="Play").click()
    expect(steps).to_have_text("100")
    expect(found.get_by_role("button", name="Play")).to_be_visible()


def test_without_scripts_still_figures_are_there(browser, site):
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(f"{site}/{PAGE}")
        for name in explorers.names():
            still = page.locator(f"explorer-{name} .explorer-still")
            expect(still).to_be_visible()
            expect(still.locator("svg, table").first).to_be_visible()
            assert len(still.inner_text()) > 60
    finally:
        context.close()


def test_a_page_loads_the_scripts_of_what_it_shows_and_no_other(open_page):
    asked = []
    page = open_page(PAGE)
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    expect(explorer(page, "strides").locator(".say")).to_be_visible()
    scripts = sorted(
        url.rpartition("/")[2].partition("?")[0] for url in asked if "explorers/" in url
    )
    data = [f"{name}.data.js" for name in explorers.names() if explorers.data(name)]
    assert scripts == sorted(["explorer.js", *data, *(f"{name}.js" for name in explorers.names())])
    asked.clear()
    page.goto(page.url.partition("#")[0].replace("explorers.html", "glossary.html"))
    assert asked and not [url for url in asked if "explorers/" in url]


def test_explorers_are_on_the_page_and_light():
    sources = {path.stem: path.stat().st_size for path in explorers.SCRIPTS.glob("*.js")}
    assert sources.keys() == {"explorer", *explorers.names()} == {"explorer", *TRUTH}
    assert max(size for name, size in sources.items() if name != "explorer") <= 12_000
    assert sources["explorer"] <= 25_000
    data = {name: len(explorers.data(name)) for name in explorers.names()}
    assert {name for name, size in data.items() if size} == {"draw"}
    assert data["draw"] <= 170_000


# A garment to draw

LOGITS = """text => {
    const raw = Uint8Array.from(atob(text), one => one.charCodeAt(0)), found = [];
    for (let at = 0; at < raw.length; at += 784)
        found.push(window.executedExplorers.draw.logits(raw.subarray(at, at + 784)));
    return found;
}"""


@pytest.mark.parametrize("how", ["http", "file"])
def test_the_page_gives_the_logits_of_all_test_images(open_page, browser, how):
    images, _ = fashion_mnist("test")
    if how == "http":
        page = open_page(PAGE)
    else:
        page = browser.new_page()
        page.goto((SITE / PAGE).as_uri())
    page.wait_for_function("window.executedExplorers?.draw")
    shown = torch.tensor(page.evaluate(LOGITS, base64.b64encode(images.numpy().tobytes()).decode()))
    with torch.no_grad():
        true = shipped.network()[0](prepared(images))
    assert shown.shape == (2000, 10)
    assert (shown - true).abs().max() < 1e-4
    assert true.std() > 1, "logits that differ"
    if how == "file":
        page.close()


def test_a_garment_is_drawn_with_the_pointer_and_taken_back(open_page):
    page = open_page(PAGE)
    found = explorer(page, "draw")
    strokes = "one => one.state.strokes"
    found.get_by_role("button", name="Wipe").click()
    expect(found.locator(".say")).to_contain_text("Nothing is drawn. The network says")
    assert found.evaluate(strokes) == []
    expect(found.locator("#field-strokes")).to_be_disabled()
    sheet = found.locator('[data-drag="paint"]')
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    cell = box["width"] / 28

    def at(x, y):
        return box["x"] + (x + 0.5) * cell, box["y"] + (y + 0.5) * cell

    page.mouse.move(*at(14, 4))
    page.mouse.down()
    for y in (8, 12, 16, 20, 24):
        page.mouse.move(*at(14, y))
    page.mouse.up()
    page.mouse.move(*at(3, 3))
    drawn = found.evaluate(strokes)
    assert drawn[0] == [14, 4, 14, 4, 4, 200]
    assert [row[:4] for row in drawn[1:]] == [
        [
            14,
            y - 4,
            14,
            y,
        ]
        for y in (8, 12, 16, 20, 24)
    ]
    expect(found.locator(".say")).to_contain_text("The network says")
    found.get_by_role("button", name="Take back").click()
    assert found.evaluate(strokes) == drawn[:-1]
    # The same by fields: the last stroke is chosen, and its end moves.
    found.locator("#field-strokes-3").press("End")
    assert found.evaluate(strokes)[-1] == [14, 16, 14, 27, 4, 200]
    found.get_by_role("button", name="Link to this state").click()
    address = page.evaluate("location.hash")
    page.goto("about:blank")
    again = explorer(open_page(PAGE + address), "draw")
    assert again.evaluate(strokes) == [*drawn[:-2], [14, 16, 14, 27, 4, 200]]


def test_a_sheet_is_full_at_some_time(open_page):
    found = explorer(open_page(f"{PAGE}#draw?strokes="), "draw")
    assert found.evaluate("one => one.state.strokes.length") == 0
    found.evaluate("one => one.set({strokes: Array(150).fill([1, 1, 1, 1, 1, 255])})")
    found.locator('[data-drag="paint"]').click(position={"x": 50, "y": 50})
    expect(found.locator(".said")).to_have_text("150 strokes are the most.")
    assert found.evaluate("one => one.state.strokes.length") == 150
    expect(found.get_by_role("button", name="Add a stroke")).to_be_disabled()
