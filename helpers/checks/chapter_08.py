"""Checks of chapter 08, convolution."""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_function,
    as_integer,
    as_module,
    as_pair,
    as_tensor,
    call,
    compare,
    describe,
    diagnose,
    exercise,
    forbid,
    require,
    require_gradients,
    run,
    same,
)


@exercise(
    "08.1",
    hints=(
        "How many pixels wide is a kernel of k weights when d - 1 pixels lie between each two? And "
        "how many outputs are lost to such a kernel?",
        "The kernel spans d * (k - 1) + 1 pixels, so d * (k - 1) outputs are lost. Padding of p "
        "adds p pixels on each of the two ends.",
    ),
)
def same_padding(answer: Any) -> str:
    for k, d in ((7, 4), (3, 1), (1, 1), (7, 1), (3, 2), (5, 3), (1, 4), (11, 2), (9, 5), (3, 6)):
        p = call(answer, k, d)
        name = f"same_padding({k}, {d})"
        if isinstance(p, list | tuple):
            raise Wrong(f"{name} gave {describe(p)}: one padding is asked for, an int.")
        compare(
            p,
            d * (k - 1) / 2,
            name,
            typical={
                "The dilation is missing: it spreads the kernel over d * (k - 1) + 1 pixels.": (
                    (k - 1) // 2
                ),
                "It is twice as much as needed: padding is added on both ends.": d * (k - 1),
                "A kernel of k weights has k - 1 gaps between them, and each gap is d wide: "
                "d * (k - 1), not d * k.": d * k // 2,
                "One kernel is not as wide as d * k: it spans d * (k - 1) + 1 pixels.": (
                    (d * k - 1) // 2
                ),
                "This is how many pixels the kernel spans, not the padding on one end.": (
                    d * (k - 1) + 1
                ),
                "Half of the kernel without its middle is (k - 1) // 2, then times d.": (
                    d * (k + 1) // 2
                ),
                "The dilation is added, and it multiplies: each gap is d wide.": (k - 1) // 2
                + d
                - 1,
            },
            hint=f"With kernel {k} and dilation {d}, {d * (k - 1)} outputs are lost without it.",
        )
        require(
            isinstance(p, int) and not isinstance(p, bool),
            f"{name} gave {describe(p)}: an int is asked for, so use // or int(...).",
        )
    return 'padding="same" does this.'


POOLING = (
    *(f"{kind}_pool{n}d" for kind in ("max", "adaptive_max", "avg", "lp") for n in (1, 2, 3)),
    *(f"{kind}Pool{n}d" for kind in ("Max", "AdaptiveMax", "Avg", "LP") for n in (1, 2, 3)),
    *(f"{kind}_with_indices" for kind in ("max_pool2d", "max_pool1d", "max_pool3d")),
    *("fractional_max_pool2d", "FractionalMaxPool2d", "mkldnn_max_pool2d"),
)


@exercise(
    "08.2",
    hints=(
        "How do you get a tensor in which the k × k window of every output has two dimensions of "
        "its own? Then only a maximum is left.",
        "x.unfold(2, k, s) cuts windows out of the rows and puts them into a new last dimension, "
        "unfold(3, k, s) the same for the columns. amax takes several dimensions at once.",
    ),
)
def max_pool(answer: Any) -> str:
    draw = Draw(8)
    for shape, k, s, dtype in (
        *(((2, 3, 9, 11), 3, 2, torch.float32), ((1, 1, 6, 5), 2, 2, torch.float64)),
        *(((2, 2, 7, 6), 3, 1, torch.float32), ((3, 1, 8, 10), 2, 3, torch.float32)),
        *(((1, 2, 4, 5), 1, 1, torch.float32), ((2, 1, 4, 4), 4, 2, torch.float32)),
    ):
        x = draw.normal(*shape, dtype=dtype) - 2.0  # mostly below zero, where padding would show
        name = f"max_pool(x, {k}, {s}), for x of shape {shape},"
        expected = F.max_pool2d(x, k, s)
        result = as_tensor(call(answer, x, k, s), name)
        compare(
            result,
            expected,
            name,
            typical=_mistakes_of_pooling(x, k, s),
            hint="It is the largest value of each k × k window, and the windows are s apart.",
            dtype=dtype,
        )
        forbid(
            answer,
            dict.fromkeys(
                POOLING, "The values are right, but PyTorch's own pooling computed them: cut the "
                "windows out yourself."
            ),
        )  # fmt: skip
        leaf = x.clone().requires_grad_()
        require_gradients(call(answer, leaf, k, s), F.max_pool2d(leaf, k, s), {"x": leaf}, name)
    return "Two unfolds and a maximum."


def _mistakes_of_pooling(x: Tensor, k: int, s: int) -> dict[str, Any]:
    expected = F.max_pool2d(x, k, s)
    windows = x.unfold(2, k, s).unfold(3, k, s)
    return {
        f"The windows are {k} apart, as far as they are wide, and they should be {s} apart: they "
        "may overlap, or leave gaps.": F.max_pool2d(x, k, k),
        "The windows are 1 apart: s says how far.": F.max_pool2d(x, k, 1),
        "The window and the stride are exchanged.": lambda: F.max_pool2d(x, s, k),
        "This is the mean of each window: take the largest value.": F.avg_pool2d(x, k, s),
        "This is the smallest value of each window: take the largest.": -F.max_pool2d(-x, k, s),
        "This is the sum of each window: take the largest value.": windows.sum((-2, -1)),
        "This is the largest absolute value of each window: signs count.": F.max_pool2d(
            x.abs(), k, s
        ),
        "The maximum runs over the rows of each window only: take it over its columns, too.": (
            windows.amax(-2)
        ),
        "The maximum runs over the columns of each window only: take it over its rows, too.": (
            windows.amax(-1)
        ),
        "This is the first value of each window: take the largest.": windows[..., 0, 0],
        "Values below 0 have become 0: start the maximum at the window's own values, not at 0.": (
            expected.clamp(min=0)
        ),
        "Windows that reach beyond the border are there, too: only whole windows count.": (
            lambda: F.max_pool2d(x, k, s, ceil_mode=True)
        ),
        "The maximum runs over the channels, too: each channel is pooled on its own.": (
            expected.amax(1, keepdim=True).expand_as(expected)
        ),
    }


@exercise(
    "08.3",
    hints=(
        "Each weight of the kernels is multiplied once at every position of the output. How many "
        "positions are there, and how many weights?",
        "layer.weight.numel() counts the weights, layer.bias may be None. The output's height and "
        "width follow from the formula of this chapter, or from running the layer on zeros.",
    ),
)
def cost(answer: Any) -> str:
    frozen = nn.Conv2d(2, 3, 3)
    frozen.weight.requires_grad_(False)
    cases = [
        (nn.Conv2d(3, 8, 5), 20, 30),
        (nn.Conv2d(6, 9, 3, stride=2, padding=1, groups=3), 16, 17),  # 2 would look like additions
        (nn.Conv2d(2, 5, 3, bias=False), 9, 7),
        (nn.Conv2d(1, 4, (3, 5), stride=(1, 2), padding=(0, 2)), 12, 13),
        (frozen, 6, 6),
        (nn.Conv2d(2, 2, 3, dilation=2), 10, 9),
        (nn.Conv2d(6, 6, 3, padding=1, groups=6), 5, 8),
    ]
    for layer, height, width in cases:
        name = f"cost({layer}, {height}, {width})"
        result = as_pair(
            call(answer, layer, height, width), name, "the weights", "the multiplications"
        )
        kernel, options = layer.kernel_size, (layer.stride, layer.padding, layer.dilation)
        sizes = [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip((height, width), kernel, *options, strict=True)
        ]
        weights = layer.out_channels * (layer.in_channels // layer.groups) * math.prod(kernel)
        biases = 0 if layer.bias is None else layer.out_channels
        expected = weights + biases, weights * math.prod(sizes)
        found = [
            as_integer(value, f"The {which} result of {name}")
            for value, which in zip(result, ("first", "second"), strict=True)
        ]
        require(
            tuple(found) != expected[::-1] or found[0] == found[1],
            "The two numbers are exchanged: the number of weights comes first.",
        )
        if found[0] != expected[0]:
            diagnose(found[0], _mistakes_of_weights(layer, weights, biases), 1e-9,
                     unlike=torch.tensor(float(expected[0])))  # fmt: skip
        compare(found[0], expected[0], f"For {layer} the number of weights", 1e-9)
        if found[1] != expected[1]:
            diagnose(
                found[1], _mistakes_of_products(layer, weights, biases, height, width, sizes), 1e-9,
                unlike=torch.tensor(float(expected[1]), dtype=torch.float64),
            )  # fmt: skip
        compare(
            found[1],
            expected[1],
            f"For {layer} on {height} x {width} the number of multiplications",
            1e-9,
            hint=f"The output has {sizes[0]} x {sizes[1]} positions, and each weight is used once "
            "at each.",
        )
    return "Few weights, many multiplications: that is a convolution."


def _mistakes_of_weights(layer: nn.Conv2d, weights: int, biases: int) -> dict[str, float]:
    k, other = layer.kernel_size
    return {
        "The biases are missing: there is one for each output channel.": weights,
        "The layer has no biases (bias=False), and they are counted.": weights + layer.out_channels,
        "Some weights of this layer do not require gradients, and they count as well.": sum(
            p.numel() for p in layer.parameters() if p.requires_grad
        ),
        "With groups, each kernel sees only its share of the input channels: in_channels // "
        "groups.": weights * layer.groups + biases,
        "The kernel is not square: its height times its width counts.": (
            weights // (k * other) * k * k + biases
        ),
        "There is one kernel for each output channel: out_channels is missing.": (
            weights // layer.out_channels + biases
        ),
        "A kernel has weights for each input channel: in_channels is missing.": (
            layer.out_channels * k * other + biases
        ),
        "There is one bias for each output channel, and one alone is counted.": weights + 1,
        "This is the number of tensors, and the numbers in them count: numel().": len(
            list(layer.parameters())
        ),
    }


def _mistakes_of_products(
    layer: nn.Conv2d, weights: int, biases: int, height: int, width: int, sizes: list[int]
) -> dict[str, float]:
    positions = math.prod(sizes)
    k, s, p, d = (v[0] for v in (layer.kernel_size, layer.stride, layer.padding, layer.dilation))
    square = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n in (height, width)]
    whole = [n - k + 1 for n, k in zip((height, width), layer.kernel_size, strict=True)]
    return {
        "The weights are multiplied by the size of the input. Each weight is used once for each "
        "position of the output.": weights * height * width,
        "The biases are multiplied, too: they are only added.": (weights + biases) * positions,
        "Additions are counted, too: only multiplications are asked for.": 2 * weights * positions,
        "With groups, each output channel sees in_channels // groups channels: layer.weight has "
        "that shape already.": weights * layer.groups * positions,
        "The input channels are counted twice: layer.weight has them already.": (
            weights * layer.in_channels * positions
        ),
        "The output channels are counted twice: layer.weight has them already.": (
            weights * layer.out_channels * positions
        ),
        "The output channels are missing: each has kernels of its own.": (
            weights // layer.out_channels * positions
        ),
        "This is the number of weights: each is used at every position of the output.": weights,
        "These are the positions of the output: at each, every weight is multiplied once.": (
            positions
        ),
        "These are the numbers in the output: each takes as many multiplications as one kernel has "
        "weights.": positions * layer.out_channels,
        "Kernel, stride, padding and dilation may differ from height to width, and only the first "
        "number of each was used.": weights * math.prod(square),
        "Kernel, stride, padding and dilation may differ from height to width, and only the first "
        "number of each was used, for the kernel as well.": (
            weights // math.prod(layer.kernel_size) * k * k * math.prod(square)
        ),
        "The output's size is that of a layer without stride, padding and dilation.": (
            weights * math.prod(whole)
        ),
    }


@exercise(
    "08.4",
    hints=(
        "Two layers of stride 2 make the output a quarter as wide. By how much does a layer that "
        "comes after them widen the receptive field, and what does a dilation do to that?",
        "Two convolutions of kernel 5, stride 2 and padding 2 see 13 pixels. Each 3 × 3 layer with "
        "dilation 2 and padding 2 after them adds 2 * 2 * 4 = 16. Eight channels are enough.",
    ),
)
def design(answer: Any) -> str:
    draw = Draw(11)
    net, other = (as_module(call(as_function(answer)), "design()") for _ in range(2))
    for made in (net, other):  # lazy layers learn their sizes from a first batch
        made.eval()
        _stack_output(made, draw.normal(2, 1, 64, 64))
    own = {p.data_ptr() for p in net.parameters()}
    require(
        net is not other and not any(p.data_ptr() in own for p in other.parameters()),
        "Two calls return networks that share weights: make a new one in each call.",
    )
    for count, height, width in ((1, 32, 48), (3, 4, 20)):
        x = draw.normal(count, 1, height, width)
        _stack_output(net, x)
    weights = sum(p.numel() for p in net.parameters())
    require(weights <= 5000, f"The network has {weights:,} weights, and at most 5,000 are allowed.")
    net.double()
    x = draw.normal(1, 1, 200, 200, dtype=torch.float64)
    _require_reach(net, x)
    y, moved = _stack_output(net, x), _stack_output(net, x.roll((4, 8), dims=(2, 3)))
    require(
        same(moved.roll((-1, -2), dims=(2, 3))[..., 23:27, 23:27], y[..., 23:27, 23:27], 1e-6),
        "When the picture moves by 4 rows and 8 columns, the output does not move by 1 and 2: "
        "is a layer in the network that knows the place?",
    )
    require(
        float(y[..., 23:27, 23:27].detach().std(dim=(0, 2, 3)).max()) > 0,
        "The output is the same everywhere, whatever the picture.",
    )
    return "Far-sighted, and small enough for a watch."


def _stack_output(net: nn.Module, x: Tensor) -> Tensor:
    count, _, height, width = x.shape
    name = f"The output for {count} image{'s' * (count > 1)} of {height} × {width}"
    result = as_tensor(call(net, x), name, (count, 8, height // 4, width // 4), dtype="float")
    require(bool(result.isfinite().all()), f"{name} is not finite.")
    return result


def _require_reach(net: nn.Module, x: Tensor) -> None:
    """Measures which pixels the unit in the middle depends on, by its gradient.

    A ReLU that is off at the start hides what lies before it. So a copy with positive weights,
    in which no ReLU is off, is measured as well.
    """
    seen = torch.zeros_like(x[0, 0], dtype=torch.bool)
    awake = copy.deepcopy(net)
    with torch.no_grad():
        for parameter in awake.parameters():
            parameter.abs_().add_(0.01)
    for module, picture in 12 * [(net, torch.randn_like)] + 3 * [(awake, torch.rand_like)]:
        image = picture(x).requires_grad_()
        output = call(module, image)[0, :, 25, 25]
        weights = torch.rand_like(output) + 0.5
        run(lambda out=output, w=weights: (out * w).sum().backward())
        if image.grad is not None:
            seen |= image.grad[0, 0] != 0
    for axis, what in ((1, "rows"), (0, "columns")):
        places = seen.any(dim=axis).nonzero()
        reach = int(places.max() - places.min()) + 1 if len(places) else 0
        require(
            reach >= 41,
            f"A unit in the middle depends on {reach} {what} of the picture, and 41 are asked for.",
        )
