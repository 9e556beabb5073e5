"""Checks of chapter 11, AlexNet."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_module,
    as_tensor,
    call,
    compare,
    describe,
    diagnose,
    exercise,
    forbid,
    plain,
    require,
    require_gradients,
)
from helpers.networks import AlexNet

Layers = Sequence[tuple[int, int, int]]

ALEXNET = [(11, 4, 0), (3, 2, 0), (5, 1, 2), (3, 2, 0), (3, 1, 1), (3, 1, 1), (3, 1, 1), (3, 2, 0)]


@exercise(
    "11.1",
    hints=(
        "At how many places does a kernel fit into one row? Padding makes the row longer on both "
        "ends, the stride skips places, and the first place counts, too.",
        "(n + 2 * padding - kernel) // stride + 1 is the side after one layer, and that is the n "
        "of the next layer. Append each to a list.",
    ),
)
def sizes(answer: Any) -> str:
    for layers, n in (
        (ALEXNET, 224),
        (ALEXNET, 67),
        ([(3, 2, 1), (3, 2, 0), (2, 2, 0), (4, 3, 1)], 66),
        ([(5, 1, 0), (2, 2, 0), (5, 1, 0), (2, 2, 0)], 28),
        ([(7, 2, 3)], 28),
        ([(1, 1, 0), (4, 2, 1), (5, 3, 2), (5, 5, 0)], 100),
    ):
        expected, name = (
            _sides(layers, n, _pool),
            f"sizes(layers, {n}), for layers = {plain(layers)},",
        )
        result = call(answer, layers, n)
        require(
            not isinstance(result, int | float),
            f"{name} should be a list with one number for each layer, and it is "
            f"{describe(result)}.",
        )
        compare(
            result,
            expected,
            name,
            tolerance=1e-6,
            typical={
                "The place where the kernel starts counts, too: + 1 after the division.": _sides(
                    layers, n, lambda n, k, s, p: (n + 2 * p - k) // s
                ),
                "Padding is added on both ends of a row: 2 * padding.": _sides(
                    layers, n, lambda n, k, s, p: (n + p - k) // s + 1
                ),
                "Padding makes the image larger before the kernel passes over it: add 2 * "
                "padding.": _sides(layers, n, lambda n, k, s, p: (n - k) // s + 1),
                "A place where the kernel does not fit completely is not counted: // rounds "
                "down.": _sides(layers, n, lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1),
                "Some sides have fractions: // rounds down after each layer.": _sides(
                    layers, n, lambda n, k, s, p: (n + 2 * p - k) / s + 1
                ),
                "Fractions were rounded to the nearest whole number: a place where the kernel does "
                "not fit completely is not counted, so // rounds down.": _sides(
                    layers, n, lambda n, k, s, p: round((n + 2 * p - k) / s + 1)
                ),
                "+ 1 belongs behind the division: (n + 2 * padding - kernel) // stride + 1.": (
                    _sides(layers, n, lambda n, k, s, p: (n + 2 * p - k + 1) // s)
                ),
                "The list begins with the side before the first layer: one entry after each layer "
                "is asked for.": [n, *expected],
                "The sides come in the wrong order: the first entry belongs to the first layer.": (
                    expected[::-1]
                ),
                "Each layer starts from n again: it should start from the side that the layer "
                "before it left.": [_pool(n, *layer) for layer in layers],
            },
            hint="The side after a layer is (n + 2 * padding - kernel) // stride + 1.",
        )
    return "You can read an architecture now."


def _pool(n: int, kernel: int, stride: int, padding: int) -> int:
    """Counts the places of a kernel by PyTorch itself."""
    row = torch.zeros(1, 1, n + 2 * padding)
    return F.max_pool1d(row, kernel, stride).shape[-1]


def _sides(layers: Layers, n: float, rule: Callable[..., float]) -> list[float]:
    found = []
    for layer in layers:
        n = rule(n, *layer)
        found.append(n)
    return found


@exercise(
    "11.2",
    hints=(
        "Draw a number between 0 and 1 for each element. Which share of them lies below p? And by "
        "which factor must the rest grow so that the mean stays?",
        "keep = torch.rand_like(x) >= p is True with probability 1 - p. x * keep / (1 - p) keeps "
        "the mean. Think of training=False, and of p = 1, where 1 - p is 0.",
    ),
)
def dropout(answer: Any) -> str:
    draw = Draw(1)
    for shape, dtype in (((100, 120), torch.float32), ((3, 40, 90), torch.float64)):
        x = draw.normal(*shape, dtype=dtype)
        x = x + 0.5 * x.sign()  # no zeros but dropped ones
        for p in (0.4, 0.0, 1.0):
            _dropout_is_off(answer, x, p)
        for p in (0.4, 0.75):
            _dropout_is_on(answer, x, p)
        compare(
            call(answer, x, 0.0, True),
            x,
            "dropout(x, 0, True)",
            hint="With p = 0 nothing is dropped, and nothing should change.",
        )
        name = "dropout(x, 1, True)"
        nothing = as_tensor(call(answer, x, 1.0, True), name, shape)
        require(
            not nothing.isnan().any(),
            f"{name} has nan: with p = 1 it divides 0 by 1 - p = 0. nn.Dropout(1.0) gives zeros.",
        )
        compare(nothing, torch.zeros_like(x), name, hint="With p = 1 everything is dropped.")
    forbid(
        answer,
        names={
            name: f"It drops as it should, but {name} of PyTorch did the work: draw the mask "
            "yourself, with torch.rand."
            for name in (
                *("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "dropout"),
                *("dropout_", "dropout1d", "dropout2d", "dropout3d", "native_dropout"),
                *("alpha_dropout", "feature_dropout", "FeatureAlphaDropout"),
            )
        },
    )
    return "The mean stays, the certainty goes."


def _dropout_is_off(answer: Any, x: Tensor, p: float) -> None:
    x = x.clone().requires_grad_()
    name = f"dropout(x, {p}, False)"
    y = call(answer, x, p, False)
    compare(
        y,
        x,
        name,
        typical={"Without training nothing is scaled: that is done while training.": x * (1 - p)},
        hint="Without training, x comes back as it is.",
        dtype=x.dtype,
    )
    require_gradients(y, x * 1, {"x": x}, name)


def _dropout_is_on(answer: Any, x: Tensor, p: float) -> None:
    name = f"dropout(x, {p}, True)"
    x = x.clone().requires_grad_()
    found = call(answer, x, p, True)
    y = as_tensor(found, name, tuple(x.shape))
    kept = y.detach() != 0
    dropped = 1 - kept.double().mean().item()
    require(dropped > 0, f"{name} drops nothing: while training, a share of p becomes 0.")
    require(dropped < 1, f"{name} drops everything: draw a number for each element.")
    require(
        not abs(dropped - (1 - p)) < 0.03,
        f"With p = {p} a share of {dropped:.2f} became zero: p is the probability to drop, not to "
        "keep.",
    )
    _require_independent(kept, p, name)
    require(
        abs(dropped - p) < 0.03, f"With p = {p} a share of {dropped:.2f} became zero, not of {p}."
    )
    v, mask = x.detach(), kept.to(x)
    diagnose(
        y.detach(),
        {
            "What is kept should grow: divide by 1 - p, so that the mean stays.": mask * v,
            "What is kept was divided by p: divide by 1 - p, the share that is kept.": mask * v / p,
            "What is kept was multiplied by 1 - p: divide by it, so that the mean stays.": (
                mask * v * (1 - p)
            ),
            "What is kept became 1 / (1 - p) whatever it was: multiply the mask by x.": (
                mask / (1 - p)
            ),
        },
        unlike=mask * v / (1 - p),
    )
    expected = x * mask / (1 - p)
    compare(y, expected, f"What is kept by {name}", dtype=x.dtype)
    require_gradients(y, expected, {"x": x}, name)
    again = [as_tensor(call(answer, x, p, True), name, tuple(x.shape)) != 0 for _ in range(2)]
    require(
        not torch.equal(kept, again[0]), "Two calls drop the same elements: draw anew each time."
    )
    shares = {int(mask.sum()) for mask in (kept, *again)}
    require(
        len(shares) > 1,
        f"Each call keeps exactly {shares.pop()} of {x.numel()} elements: each element should be "
        "dropped with probability p on its own, so that their number varies.",
    )


def _require_independent(kept: Tensor, p: float, name: str) -> None:
    """Demands that neither a whole slice of a dimension is dropped nor slices are alike."""
    for dim in range(kept.ndim):
        slices = kept.movedim(dim, 0).flatten(1)
        first = slices[:1].expand_as(slices)
        require(
            not torch.equal(slices, first),
            f"{name} drops the same elements in each x[{':, ' * dim}i]: draw a number for each "
            "element.",
        )
        require(
            not (slices.all(1) | ~slices.any(1)).all(),
            f"{name} drops whole slices x[{':, ' * dim}i] together: draw a number for each element "
            "on its own.",
        )


@exercise(
    "11.3",
    hints=(
        "The first linear layer needs 256 · 5 · 5 numbers, and another size of image leaves maps "
        "of another side. Which layer gives maps of 5 × 5 from any side? Print net.features: "
        "where must it stand?",
        "copy.deepcopy(net) makes the copy; nn.AdaptiveAvgPool2d(5) goes before nn.Flatten, which "
        "is the last layer of features. An nn.Sequential has insert.",
    ),
)
def adapt(answer: Any) -> str:
    draw = Draw(2)
    net = _alexnet(draw, channels=2, classes=3).train()
    whole = draw.normal(1, 2, 224, 224)
    inputs = [draw.normal(1, 2, 67, 67), draw.normal(2, 2, 100, 131)]
    with torch.no_grad():
        pools = [_pooled(net, x) for x in inputs]
        expected = [net.classifier.eval()(pool) for pool in pools]
        at_224 = net.eval()(whole)
    result = as_module(call(answer, net.train()), "adapt(net)")
    require(result is not net, "It returned net itself: work on a deep copy.")
    _require_a_true_copy(net, result)
    result.eval()
    net.eval()
    compare(
        _run(result, whole),
        at_224,
        "For 224 × 224 pixels, the output of the copy",
        tolerance=1e-4,
        hint="It should be the output of net: average pooling from 5 × 5 to 5 × 5 changes "
        "nothing, and the weights should be the same.",
    )
    for x, right in zip(inputs, expected, strict=True):
        compare(
            _run(result, x),
            right,
            f"For {x.shape[2]} × {x.shape[3]} pixels, the output of the copy",
            tolerance=1e-4,
            typical=_mistakes(net, x),
            hint="It should be that of net with its last maps averaged to 5 × 5.",
        )
    again = as_module(call(answer, net), "adapt(net)")
    require(
        all(not m.training for m in again.modules() if isinstance(m, nn.Dropout)),
        "net was in evaluation mode, and dropout is at work in the copy: a copy keeps the mode.",
    )
    return "torchvision's alexnet does the same."


def _alexnet(draw: Draw, channels: int, classes: int) -> AlexNet:
    """Makes the network with narrow linear layers: 40 million weights would take seconds."""
    with torch.device("meta"):
        net = AlexNet(channels, classes)
    net.classifier[0], net.classifier[3] = nn.Linear(256 * 5 * 5, 40), nn.Linear(40, 30)
    net.classifier[6] = nn.Linear(30, classes)
    net.to_empty(device="cpu")
    for p in net.parameters():
        fan_in = p[0].numel() if p.ndim > 1 else 100
        pattern = draw.normal(min(p.numel(), 10_007)) / fan_in**0.5
        repeated = pattern.repeat(p.numel() // len(pattern) + 1)  # new numbers take longer
        p.data = repeated[: p.numel()].view(p.shape)
    return net


def _pooled(net: AlexNet, x: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(net.features[:-1](x), 5).flatten(1)


def _mistakes(net: AlexNet, x: Tensor) -> dict[str, Callable[[], Tensor]]:
    def after(pool: Callable[[Tensor], Tensor]) -> Callable[[], Tensor]:
        return lambda: net.classifier(pool(net.features[:-1](x)).flatten(1))

    def resized(mode: str) -> Callable[[], Tensor]:
        corners = {} if mode == "nearest" else {"align_corners": False}
        return lambda: net(F.interpolate(x, (224, 224), mode=mode, **corners))

    resizes = "The images were resized to 224 pixels. The network should take them as they are, "
    resizes += "and average its last maps to 5 × 5."
    return {
        "This is adaptive max pooling: average pooling is asked for.": after(
            lambda maps: F.adaptive_max_pool2d(maps, 5)
        ),
        resizes: resized("bilinear"),
        f"{resizes} ": resized("nearest"),
        "The last maps were interpolated to 5 × 5: adaptive average pooling is asked for.": after(
            lambda maps: F.interpolate(maps, (5, 5), mode="bilinear")
        ),
        "The last maps were interpolated to 5 × 5, by their nearest pixels: adaptive average "
        "pooling is asked for.": after(lambda maps: F.interpolate(maps, (5, 5))),
    }


def _run(net: nn.Module, x: Tensor) -> Any:
    try:
        return call(net, x)
    except RuntimeError as error:
        raise Wrong(
            f"For {x.shape[2]} × {x.shape[3]} pixels a layer gets maps or numbers of a size that "
            "it cannot take. Before nn.Flatten, nn.AdaptiveAvgPool2d(5) makes maps of 5 × 5, as "
            "many numbers as the first linear layer takes."
        ) from error


def _require_a_true_copy(net: AlexNet, result: nn.Module) -> None:
    dropouts = [m for m in result.modules() if isinstance(m, nn.Dropout)]
    require(
        [m.p for m in dropouts] == [0.5, 0.5],
        f"The copy has {len(dropouts)} dropout layers, and net has 2: a copy keeps the rest as it "
        "is.",
    )
    require(
        all(m.training for m in dropouts),
        "net was in training mode, and the copy's dropout is off: a copy keeps the mode.",
    )
    own = {p.data_ptr() for p in net.parameters()}
    require(
        not any(p.data_ptr() in own for p in result.parameters()),
        "The copy shares weights with net: training one would change the other. "
        "copy.deepcopy(net) makes weights of its own.",
    )
    require(
        len(list(result.parameters())) == len(own)
        and all(p.requires_grad for p in result.parameters()),
        "The copy's parameters should be as many as those of net, and require gradients like them.",
    )


@exercise(
    "11.4",
    hints=(
        "Let all channels and units be multiples of one number, the width. How does the number of "
        "parameters grow with it?",
        "Write a function of the width that returns an nn.Sequential, and count its parameters: "
        "sum(p.numel() for p in net.parameters()). Raise the width while the next one still fits.",
    ),
)
def design(answer: Any) -> str:
    draw = Draw(3)
    for budget in (20_000, 117_000, 2_000_000):
        name = f"design({budget})"
        net = as_module(call(answer, budget), name)
        other = as_module(call(answer, budget), name)
        for made in (net, other):  # lazy layers learn their sizes from a first batch
            made.eval()
            as_tensor(call(made, draw.normal(2, 1, 28, 28)), f"The output of {name}")
        own = {p.data_ptr() for p in net.parameters()}
        require(
            not any(p.data_ptr() in own for p in other.parameters()),
            "Two calls return networks that share weights: make a new one in each call.",
        )
        _require_the_plan(net, draw.normal(2, 1, 28, 28), name)
        total = sum(p.numel() for p in net.parameters())
        require(total <= budget, f"{name} has {total:,} parameters, more than its budget.")
        require(
            total >= budget / 2,
            f"{name} has {total:,} parameters, less than half of its budget: make it wider.",
        )
        _require_logits(net, draw.normal(5, 1, 28, 28), name)
        net.train()
        as_tensor(call(net, draw.normal(8, 1, 28, 28)), "The output").sum().backward()
        unused = [key for key, p in net.named_parameters() if p.grad is None]
        require(
            not unused,
            f"The parameter {next(iter(unused), '')} of {name} gets no gradient: it is frozen, or "
            "forward does not use it.",
        )
    return "AlexNet's plan, in your size. Now see what it learns."


def _require_logits(net: nn.Module, x: Tensor, name: str) -> None:
    y = as_tensor(call(net, x), f"The output of {name}", (len(x), 10), dtype="float").detach()
    require(
        not torch.allclose(y.exp().sum(1), torch.ones(len(x)), atol=1e-3)
        and not torch.allclose(y.sum(1), torch.ones(len(x)), atol=1e-3),
        f"The outputs of {name} are shares or their logarithms, normalised over the classes: "
        "logits are asked for, so let the last linear layer be the end.",
    )
    compare(
        call(net, x[:1]),
        y[:1],
        f"The output of {name} in evaluation mode for the first image alone",
        tolerance=1e-3,
        hint="It should be what the image gets in a batch: flatten from dimension 1 on.",
    )
    require(
        not torch.equal(y[0], y[1]),
        f"{name} gives two different images the same logits: the image gets lost on the way.",
    )


def _require_the_plan(net: nn.Module, x: Tensor, name: str) -> None:
    ran: list[nn.Module] = []
    kinds = nn.Conv2d | nn.Linear | nn.ReLU
    parts = [m for m in net.modules() if isinstance(m, kinds)]
    handles = [m.register_forward_hook(lambda m, i, o: ran.append(m)) for m in parts]
    try:
        call(net, x)
    finally:
        for handle in handles:
            handle.remove()
    for kind, wanted in ((nn.Conv2d, 5), (nn.Linear, 3)):
        layers = [m for m in ran if isinstance(m, kind)]
        found = max(len(layers), sum(isinstance(m, kind) for m in parts))
        require(
            len(layers) == len({*layers}) == found == wanted,
            f"{name} has {len({*layers})} layers nn.{kind.__name__} at work, {len(layers)} calls "
            f"of them, and {found} are there: exactly {wanted} are asked for, each used once.",
        )
    order = "".join(type(m).__name__[0] for m in ran)
    require(
        order.replace("R", "") == "CCCCCLLL",
        f"{name} does not run its convolutions before its linear layers.",
    )
    after = [order[place + 1 : place + 2] for place, c in enumerate(order) if c != "R"]
    for number, kind in enumerate(after[:-1], 1):
        require(
            kind == "R",
            f"In {name} no nn.ReLU follows layer {number} of the eight: each but the last has one.",
        )
    require(after[-1] != "R", f"In {name} a ReLU follows the last layer: logits may be negative.")
