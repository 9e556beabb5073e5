"""Chapter 08."""

import torch
import torch.nn.functional as F
from torch import nn


def padding_formula(k, d):
    return d * (k - 1) // 2


def padding_half(kernel, dilation=1):
    return kernel // 2 * dilation


def padding_search(k, d):
    p = 0
    while 100 * k * d + 2 * p - d * (k - 1) != 100 * k * d:
        p += 1
    return p


padding_lambda = lambda k, d: int(d * (k - 1) / 2)


def padding_no_dilation(k, d):
    return k // 2


def padding_float(k, d):
    return d * (k - 1) / 2


def padding_both_ends(k, d):
    return d * (k - 1)


def padding_kernel_times(k, d):
    return d * k // 2


def padding_plus(k, d):
    return (k - 1) // 2 + d - 1


def padding_off_by_one(k, d):
    return d * (k - 1) // 2 + 1


def padding_span_again(k, d):
    return (d * (k - 1) + 1) // 2 + 1


def padding_three(k, d):
    return d


def padding_tensor(k, d):
    return torch.tensor(d * (k - 1) // 2)


def pool_unfold(x, k, s):
    return x.unfold(2, k, s).unfold(3, k, s).amax(dim=(-2, -1))


def pool_loops(x, k, s):
    n, c, h, w = x.shape
    rows = []
    for i in range(0, h - k + 1, s):
        rows.append(
            torch.stack(
                [
                    x[:, :, i : i + k, j : j + k].reshape(n, c, -1).max(dim=-1).values
                    for j in range(0, w - k + 1, s)
                ],
                dim=-1,
            )
        )
    return torch.stack(rows, dim=-2)


def pool_shifts(batch, kernel, stride):
    """maximum of k * k shifted views"""
    h = (batch.size(2) - kernel) // stride + 1
    w = (batch.size(3) - kernel) // stride + 1
    best = None
    for i in range(kernel):
        for j in range(kernel):
            view = batch[
                ..., i : i + (h - 1) * stride + 1 : stride, j : j + (w - 1) * stride + 1 : stride
            ]
            best = view if best is None else torch.maximum(best, view)
    return best.clone()


def pool_separable(x, k, s):
    """rows first, then columns"""
    return x.unfold(2, k, s).max(-1)[0].unfold(3, k, s).max(-1)[0]


def pool_library(x, k, s):
    return F.max_pool2d(x, k, s)


def pool_layer(x, k, s):
    return nn.MaxPool2d(k, s)(x)


def pool_adaptive(x, k, s):
    return F.adaptive_max_pool2d(x, ((x.shape[2] - k) // s + 1, (x.shape[3] - k) // s + 1))


def pool_stride_is_kernel(x, k, s):
    return x.unfold(2, k, k).unfold(3, k, k).amax(dim=(-2, -1))


def pool_stride_one(x, k, s):
    return x.unfold(2, k, 1).unfold(3, k, 1).amax(dim=(-2, -1))


def pool_swapped(x, k, s):
    return x.unfold(2, s, k).unfold(3, s, k).amax(dim=(-2, -1))


def pool_mean(x, k, s):
    return x.unfold(2, k, s).unfold(3, k, s).float().mean(dim=(-2, -1)).to(x.dtype)


def pool_detached(x, k, s):
    return x.detach().unfold(2, k, s).unfold(3, k, s).amax(dim=(-2, -1))


def pool_float(x, k, s):
    return x.float().unfold(2, k, s).unfold(3, k, s).amax(dim=(-2, -1))


def pool_zero_start(x, k, s):
    h, w = ((x.shape[2] - k) // s + 1, (x.shape[3] - k) // s + 1)
    out = torch.zeros(*x.shape[:2], h, w, dtype=x.dtype)
    for i in range(h):
        for j in range(w):
            window = x[:, :, i * s : i * s + k, j * s : j * s + k]
            out[:, :, i, j] = torch.maximum(out[:, :, i, j].clone(), window.amax(dim=(2, 3)))
    return out


def pool_partial_windows(x, k, s):
    rows = [
        torch.stack(
            [x[:, :, i : i + k, j : j + k].amax(dim=(2, 3)) for j in range(0, x.shape[3], s)],
            dim=-1,
        )
        for i in range(0, x.shape[2], s)
    ]
    return torch.stack(rows, dim=-2)


def pool_last_window_missing(x, k, s):
    rows = [
        torch.stack(
            [
                x[:, :, i : i + k, j : j + k].amax(dim=(2, 3))
                for j in range(0, max(1, x.shape[3] - k), s)
            ],
            dim=-1,
        )
        for i in range(0, max(1, x.shape[2] - k), s)
    ]
    return torch.stack(rows, dim=-2)


def pool_rows_only(x, k, s):
    return x.unfold(2, k, s).amax(dim=-1)


def pool_transposed(x, k, s):
    return x.unfold(3, k, s).unfold(2, k, s).amax(dim=(-2, -1)).transpose(2, 3)


def pool_over_channels(x, k, s):
    return x.unfold(2, k, s).unfold(3, k, s).amax(dim=(1, -2, -1)).unsqueeze(1)


def pool_square(x, k, s):
    h = (x.shape[2] - k) // s + 1
    rows = [
        torch.stack(
            [
                x[:, :, i * s : i * s + k, j * s : j * s + k].amax(dim=(2, 3))
                for j in range(h)
                if j * s < x.shape[3]
            ],
            dim=-1,
        )
        for i in range(h)
    ]
    return torch.stack(rows, dim=-2)


def _sides(layer, height, width):
    out = []
    for i, n in enumerate((height, width)):
        k, s, d = (layer.kernel_size[i], layer.stride[i], layer.dilation[i])
        if layer.padding == "same":
            total = d * (k - 1)
        elif layer.padding == "valid":
            total = 0
        else:
            total = 2 * layer.padding[i]
        out.append((n + total - d * (k - 1) - 1) // s + 1)
    return out


def cost_formula(layer, height, width):
    h, w = _sides(layer, height, width)
    kh, kw = layer.kernel_size
    per = layer.in_channels // layer.groups * kh * kw
    weights = layer.out_channels * per + (layer.out_channels if layer.bias is not None else 0)
    return (weights, layer.out_channels * per * h * w)


def cost_runs(layer, height, width):
    """runs the convolution on zeros for the size of the output"""
    weight = layer.weight
    with torch.no_grad():
        x = torch.zeros(1, layer.in_channels, height, width, dtype=weight.dtype)
        out = F.conv2d(x, weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)
    places = out.shape[-2] * out.shape[-1]
    return (sum(p.numel() for p in layer.parameters()), weight.numel() * places)


def cost_meta(layer, height, width):
    """shapes on the meta device; a list of two"""
    w = torch.empty(layer.weight.shape, device="meta")
    x = torch.empty(1, layer.in_channels, height, width, device="meta")
    y = F.conv2d(
        x,
        w,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
    )
    n = layer.weight.numel()
    b = 0 if layer.bias is None else layer.bias.numel()
    return [n + b, y.numel() * n // layer.out_channels]


def cost_no_bias_counted(layer, height, width):
    h, w = _sides(layer, height, width)
    return (layer.weight.numel(), layer.weight.numel() * h * w)


def cost_always_bias(layer, height, width):
    h, w = _sides(layer, height, width)
    return (layer.weight.numel() + layer.out_channels, layer.weight.numel() * h * w)


def cost_trained_only(layer, height, width):
    h, w = _sides(layer, height, width)
    return (
        sum(p.numel() for p in layer.parameters() if p.requires_grad),
        layer.weight.numel() * h * w,
    )


def cost_groups_ignored(layer, height, width):
    h, w = _sides(layer, height, width)
    kh, kw = layer.kernel_size
    per = layer.in_channels * kh * kw
    bias = layer.out_channels if layer.bias is not None else 0
    return (layer.out_channels * per + bias, layer.out_channels * per * h * w)


def cost_groups_ignored_in_multiplications(layer, height, width):
    h, w = _sides(layer, height, width)
    kh, kw = layer.kernel_size
    return (
        sum(p.numel() for p in layer.parameters()),
        layer.out_channels * layer.in_channels * kh * kw * h * w,
    )


def cost_input_size(layer, height, width):
    return (sum(p.numel() for p in layer.parameters()), layer.weight.numel() * height * width)


def cost_dilation_ignored(layer, height, width):
    h, w = (
        (n + 2 * p - k) // s + 1
        for n, p, k, s in zip((height, width), layer.padding, layer.kernel_size, layer.stride)
    )
    return (sum(p.numel() for p in layer.parameters()), layer.weight.numel() * h * w)


def cost_first_of_pair(layer, height, width):
    k, s, p, d = (v[0] for v in (layer.kernel_size, layer.stride, layer.padding, layer.dilation))
    h, w = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n in (height, width))
    return (sum(p.numel() for p in layer.parameters()), layer.weight.numel() * h * w)


def cost_biases_in_multiplications(layer, height, width):
    h, w = _sides(layer, height, width)
    n = sum(p.numel() for p in layer.parameters())
    return (n, n * h * w)


def cost_floats(layer, height, width):
    h, w = (
        (n + 2 * p - d * (k - 1) - 1) / s + 1
        for n, p, d, k, s in zip(
            (height, width), layer.padding, layer.dilation, layer.kernel_size, layer.stride
        )
    )
    return (sum(p.numel() for p in layer.parameters()), layer.weight.numel() * h * w)


def cost_swapped(layer, height, width):
    a, b = cost_formula(layer, height, width)
    return (b, a)


def cost_padding_once(layer, height, width):
    h, w = (
        (n + p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(
            (height, width), layer.padding, layer.dilation, layer.kernel_size, layer.stride
        )
    )
    return (sum(p.numel() for p in layer.parameters()), layer.weight.numel() * h * w)


def cost_additions_too(layer, height, width):
    a, b = cost_formula(layer, height, width)
    return (a, 2 * b)


def cost_changes_bias(layer, height, width):
    return cost_formula(layer, height, height)


def design_dilated():
    """one strided convolution and a row of dilations"""
    body = []
    for d in (1, 2, 3):
        body += [nn.Conv2d(8, 8, 3, padding=d, dilation=d), nn.LeakyReLU()]
    return nn.Sequential(nn.Conv2d(1, 8, 4, stride=4), nn.LeakyReLU(), *body)


class _Branches(nn.Module):
    """a near and a far branch, added"""

    def __init__(self):
        super().__init__()
        self.near = nn.Conv2d(1, 8, 4, 4)
        self.far = nn.Sequential(
            nn.AvgPool2d(4), nn.Conv2d(1, 4, 5, padding=4, dilation=2), nn.Conv2d(4, 8, 5, 1, 2)
        )

    def forward(self, x):
        return torch.tanh(self.near(x) + self.far(x))


def design_branches():
    return _Branches()


def design_unshuffle():
    """pixels to channels, then 1 x 1 and depthwise layers"""
    return nn.Sequential(
        nn.PixelUnshuffle(4),
        nn.Conv2d(16, 8, 1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 7, padding=3, groups=8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 7, padding=3, groups=8),
        nn.Conv2d(8, 8, 1),
    )


def design_short():
    return nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())


def design_forty():
    """one pixel short"""
    return nn.Sequential(
        nn.Conv2d(1, 8, 4, 4), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=4, dilation=4)
    )


def design_heavy():
    return nn.Sequential(nn.Conv2d(1, 64, 4, 4), nn.ReLU(), nn.Conv2d(64, 8, 11, padding=5))


def design_no_padding():
    return nn.Sequential(nn.Conv2d(1, 8, 4, 4), nn.Conv2d(8, 8, 5), nn.Conv2d(8, 8, 5))


def design_upsampled():
    return nn.Sequential(design_dilated(), nn.Upsample(scale_factor=2))


def design_half_channels():
    return nn.Sequential(nn.Conv2d(1, 4, 4, 4), nn.Conv2d(4, 4, 3, padding=5, dilation=5))


class _Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = design_dilated()

    def forward(self, x):
        rows = torch.arange(x.shape[2], dtype=x.dtype).view(1, 1, -1, 1)
        return self.body(x + rows / x.shape[2])


def design_positions():
    return _Positions()


class _Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.LazyLinear(8)

    def forward(self, x):
        y = self.line(x.flatten(1))
        return y[:, :, None, None].expand(-1, -1, x.shape[2] // 4, x.shape[3] // 4)


def design_flat():
    return _Flat()


def design_wide_only():
    return nn.Sequential(nn.Conv2d(1, 8, (4, 41), stride=4, padding=(0, 20)))


def design_none():
    nn.Sequential(nn.Conv2d(1, 8, 4, 4))


def design_list():
    return [nn.Conv2d(1, 8, 4, 4), nn.Conv2d(8, 8, 11, padding=5, groups=8)]


RIGHT = {
    "08.1": [padding_formula, padding_half, padding_search, padding_lambda],
    "08.2": [pool_unfold, pool_loops, pool_shifts, pool_separable],
    "08.3": [cost_formula, cost_runs, cost_meta],
    "08.4": [design_dilated, design_branches, design_unshuffle],
}
WRONG = {
    "08.1": [
        padding_no_dilation,
        padding_float,
        padding_both_ends,
        padding_kernel_times,
        padding_plus,
        padding_off_by_one,
        padding_span_again,
        padding_three,
        padding_tensor,
    ],
    "08.2": [
        pool_library,
        pool_layer,
        pool_adaptive,
        pool_stride_is_kernel,
        pool_stride_one,
        pool_swapped,
        pool_mean,
        pool_detached,
        pool_float,
        pool_zero_start,
        pool_partial_windows,
        pool_last_window_missing,
        pool_rows_only,
        pool_transposed,
        pool_over_channels,
        pool_square,
    ],
    "08.3": [
        cost_no_bias_counted,
        cost_always_bias,
        cost_trained_only,
        cost_groups_ignored,
        cost_groups_ignored_in_multiplications,
        cost_input_size,
        cost_dilation_ignored,
        cost_first_of_pair,
        cost_biases_in_multiplications,
        cost_floats,
        cost_swapped,
        cost_padding_once,
        cost_additions_too,
        cost_changes_bias,
    ],
    "08.4": [
        design_short,
        design_forty,
        design_heavy,
        design_no_padding,
        design_upsampled,
        design_half_channels,
        design_positions,
        design_flat,
        design_wide_only,
        design_none,
        design_list,
    ],
}
