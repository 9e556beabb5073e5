"""Right and wrong answers to the exercises of chapter 08, and the hint that each must get."""

import torch
from torch import nn
from torch.nn import functional as F


def half_of_what_is_lost(k, d):
    return d * (k - 1) // 2


def half_a_kernel(k, d):
    return k // 2 * d


def by_trying(k, d):
    p = 0
    while 100 + 2 * p - d * (k - 1) < 100:
        p += 1
    return p


def with_a_fraction(k, d):
    return d * (k - 1) / 2


def without_dilation(k, d):
    return (k - 1) // 2


def both_ends_at_once(k, d):
    return d * (k - 1)


def one_gap_too_many(k, d):
    return d * k // 2


def too_wide(k, d):
    return (d * k - 1) // 2


def the_span(k, d):
    return d * (k - 1) + 1


def dilation_added(k, d):
    return (k - 1) // 2 + d - 1


def half_of_more(k, d):
    return d * (k + 1) // 2


def a_pair(k, d):
    return d * (k - 1) // 2, d * (k - 1) // 2


def the_word(k, d):
    return "same"


def divided_by_dilation(k, d):
    return (k - 1) // 2 // d


def two_unfolds(x, k, s):
    return x.unfold(2, k, s).unfold(3, k, s).amax(dim=(-2, -1))


def pixel_by_pixel(x, k, s):
    n, c, h, w = x.shape
    y = x.new_empty(n, c, (h - k) // s + 1, (w - k) // s + 1)
    for i in range(y.shape[2]):
        for j in range(y.shape[3]):
            y[:, :, i, j] = x[:, :, i * s : i * s + k, j * s : j * s + k].flatten(2).max(2).values
    return y


def columns_of_patches(x, k, s):
    n, c, h, w = x.shape
    patches = F.unfold(x.reshape(n * c, 1, h, w), k, stride=s)
    return patches.max(dim=1)[0].view(n, c, (h - k) // s + 1, -1)


def shifted_pictures(x, k, s):
    h, w = x.shape[2] - k + 1, x.shape[3] - k + 1
    shifted = [x[:, :, i : i + h : s, j : j + w : s] for i in range(k) for j in range(k)]
    return torch.stack(shifted).max(dim=0).values


def stride_is_the_window(x, k, s):
    return x.unfold(2, k, k).unfold(3, k, k).amax(dim=(-2, -1))


def stride_of_one(x, k, s):
    return x.unfold(2, k, 1).unfold(3, k, 1).amax(dim=(-2, -1))


def exchanged(x, k, s):
    return two_unfolds(x, s, k)


def mean(x, k, s):
    return x.unfold(2, k, s).unfold(3, k, s).mean(dim=(-2, -1))


def smallest(x, k, s):
    return x.unfold(2, k, s).unfold(3, k, s).amin(dim=(-2, -1))


def over_rows_only(x, k, s):
    return x.unfold(2, k, s).unfold(3, k, s).amax(dim=-2)


def starts_at_zero(x, k, s):
    return two_unfolds(x, k, s).clamp(min=0)


def first_of_each(x, k, s):
    return x.unfold(2, k, s).unfold(3, k, s)[..., 0, 0]


def over_channels(x, k, s):
    y = two_unfolds(x, k, s)
    return y.amax(1, keepdim=True).expand_as(y)


def one_dimension(x, k, s):
    return x.unfold(3, k, s).amax(dim=-1)


def detached(x, k, s):
    return two_unfolds(x.detach(), k, s)


def in_single_precision(x, k, s):
    return two_unfolds(x.float(), k, s)


def erases_its_input(x, k, s):
    y = two_unfolds(x, k, s)
    x.zero_()
    return y


def the_function(x, k, s):
    return F.max_pool2d(x, k, s)


def the_layer(x, k, s):
    return nn.MaxPool2d(k, s)(x)


def three_dimensions(x, k, s):
    return F.max_pool3d(x, (1, k, k), (1, s, s))


def values_and_indices(x, k, s):
    return x.unfold(2, k, s).unfold(3, k, s).flatten(-2).max(dim=-1)


def by_running(layer, height, width):
    parameters = sum(p.numel() for p in layer.parameters())
    with torch.no_grad():
        output = layer(torch.zeros(1, layer.in_channels, height, width))
    return parameters, layer.weight.numel() * output.shape[2] * output.shape[3]


def by_formula(layer, height, width):
    sizes = []
    for i, n in enumerate((height, width)):
        span = layer.dilation[i] * (layer.kernel_size[i] - 1) + 1
        sizes.append((n + 2 * layer.padding[i] - span) // layer.stride[i] + 1)
    weights = layer.out_channels * layer.in_channels // layer.groups
    weights *= layer.kernel_size[0] * layer.kernel_size[1]
    biases = layer.out_channels if layer.bias is not None else 0
    return [weights + biases, weights * sizes[0] * sizes[1]]


def in_tensors(layer, height, width):
    shape = layer(torch.rand(layer.in_channels, height, width)).shape
    count = torch.tensor([p.numel() for p in layer.parameters()]).sum()
    return count, torch.tensor(layer.weight.numel() * shape[-1] * shape[-2])


def no_biases(layer, height, width):
    return layer.weight.numel(), by_running(layer, height, width)[1]


def always_biases(layer, height, width):
    return layer.weight.numel() + layer.out_channels, by_running(layer, height, width)[1]


def trainable_only(layer, height, width):
    trained = sum(p.numel() for p in layer.parameters() if p.requires_grad)
    return trained, by_running(layer, height, width)[1]


def without_groups(layer, height, width):
    weights = layer.in_channels * layer.out_channels * layer.kernel_size[0] * layer.kernel_size[1]
    biases = layer.out_channels if layer.bias is not None else 0
    return weights + biases, by_running(layer, height, width)[1]


def products_without_groups(layer, height, width):
    weights, products = by_running(layer, height, width)
    return weights, products * layer.groups


def products_of_all_channels(layer, height, width):
    y = layer(torch.zeros(1, layer.in_channels, height, width))
    channels = layer.in_channels * layer.out_channels
    positions = y.shape[2] * y.shape[3]
    return by_running(layer, height, width)[0], (
        channels * layer.kernel_size[0] * layer.kernel_size[1] * positions
    )


def square_only(layer, height, width):
    k, s, p, d = (v[0] for v in (layer.kernel_size, layer.stride, layer.padding, layer.dilation))
    h, w = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n in (height, width))
    return by_running(layer, height, width)[0], layer.weight.numel() * h * w


def by_the_input(layer, height, width):
    return by_running(layer, height, width)[0], layer.weight.numel() * height * width


def biases_multiplied(layer, height, width):
    weights, products = by_running(layer, height, width)
    return weights, products // layer.weight.numel() * weights


def additions_too(layer, height, width):
    weights, products = by_running(layer, height, width)
    return weights, 2 * products


def swapped(layer, height, width):
    return by_running(layer, height, width)[::-1]


def one_number(layer, height, width):
    return sum(p.numel() for p in layer.parameters())


def numbers_of_the_output(layer, height, width):
    output = layer(torch.zeros(1, layer.in_channels, height, width))
    return by_running(layer, height, width)[0], output.numel()


def channels_twice(layer, height, width):
    weights, products = by_running(layer, height, width)
    return weights, products * layer.in_channels


def clears_the_bias(layer, height, width):
    found = by_running(layer, height, width)
    layer.bias = None
    return found


def counts_tensors(layer, height, width):
    return len(list(layer.parameters())), by_running(layer, height, width)[1]


def strides_then_dilations():
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(8, 8, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2),
    )


def pooled_and_separable():
    layers = [nn.AvgPool2d(2), nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.MaxPool2d(2)]
    for dilation in (1, 2, 4):
        layers += [
            nn.Conv2d(8, 8, 3, padding=dilation, dilation=dilation, groups=8),
            nn.Conv2d(8, 8, 1),
            nn.GELU(),
        ]
    return nn.Sequential(*layers, nn.Dropout(0.1))


class OfOneLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 1, 11, 11))

    def forward(self, x):
        return F.conv2d(x, self.weight, stride=4, padding=20, dilation=4)


def of_one_layer():
    return OfOneLayer()


def stack(*layers):
    return nn.Sequential(nn.Conv2d(1, 8, 4, stride=4), nn.ReLU(), *layers)


def sees_too_little():
    return stack(nn.Conv2d(8, 8, 3, padding=1))


def wide_but_low():
    return stack(nn.Conv2d(8, 8, (3, 11), padding=(1, 5)))


ONE_FOR_ALL = stack(nn.Conv2d(8, 8, (11, 11), padding=5, groups=8))


def the_same_network():
    return ONE_FOR_ALL


def the_same_weights():
    return nn.Sequential(*ONE_FOR_ALL)


def too_many_weights():
    return stack(nn.Conv2d(8, 8, 11, padding=5))


def without_padding():
    return nn.Sequential(nn.Conv2d(1, 8, 41, stride=4))


def half_the_size():
    return nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1))


def ten_channels():
    return nn.Sequential(nn.Conv2d(1, 10, 11, stride=4, padding=20, dilation=4))


class KnowsThePlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = strides_then_dilations()

    def forward(self, x):
        y = self.layers(x)
        return y * torch.linspace(0, 1, y.shape[3], dtype=y.dtype)


def knows_the_place():
    return KnowsThePlace()


class FixedSize(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(8 * 16 * 16, 1)
        self.layers = strides_then_dilations()

    def forward(self, x):
        y = self.layers(x)
        return y + self.line(y.flatten(1))[:, :, None, None]


def fixed_size():
    return FixedSize()


def narrow_after_pooling():
    layers = [nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4)]
    for _ in range(4):
        layers += [nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(3, 8, 3, padding=1))


def all_zero():
    net = strides_then_dilations()
    nn.init.zeros_(net[-1].weight)
    return net


def the_class_itself():
    return OfOneLayer


def calls_it():
    return strides_then_dilations()(torch.zeros(1, 1, 8, 8))


def larger_by_pooling():
    return nn.Sequential(nn.AdaptiveAvgPool2d(16), nn.Conv2d(1, 8, 11, padding=5))


RIGHT = {
    "08.1": [half_of_what_is_lost, half_a_kernel, by_trying],
    "08.2": [two_unfolds, pixel_by_pixel, columns_of_patches, shifted_pictures],
    "08.3": [by_running, by_formula, in_tensors],
    "08.4": [strides_then_dilations, pooled_and_separable, of_one_layer, narrow_after_pooling],
}

WRONG = {
    "08.1": [
        (with_a_fraction, "an int is asked for"),
        (without_dilation, "The dilation is missing"),
        (both_ends_at_once, "on both ends"),
        (one_gap_too_many, "d * (k - 1), not d * k"),
        (too_wide, "not as wide as d * k"),
        (the_span, "how many pixels the kernel spans"),
        (dilation_added, "The dilation is added"),
        (half_of_more, "Half of the kernel without its middle"),
        (a_pair, "one padding is asked for"),
        (the_word, "should be one number, and it is the text 'same'"),
        (divided_by_dilation, "outputs are lost without it"),
    ],
    "08.2": [
        (stride_is_the_window, "they may overlap"),
        (stride_of_one, "s says how far"),
        (exchanged, "The window and the stride are exchanged"),
        (mean, "take the largest value"),
        (smallest, "smallest value"),
        (over_rows_only, "over its columns, too"),
        (starts_at_zero, "Values below 0 have become 0"),
        (first_of_each, "first value of each window"),
        (over_channels, "each channel is pooled on its own"),
        (one_dimension, "has shape (2, 3, 9, 5), and (2, 3, 4, 5) is asked for"),
        (detached, "no graph"),
        (in_single_precision, "has dtype float32, and float64 is asked for"),
        (erases_its_input, "The numbers in the argument x have changed"),
        (the_function, "PyTorch's own pooling"),
        (the_layer, "PyTorch's own pooling"),
        (three_dimensions, "PyTorch's own pooling"),
        (values_and_indices, "should be a torch.Tensor, and it is"),
    ],
    "08.3": [
        (no_biases, "The biases are missing"),
        (always_biases, "The layer has no biases (bias=False)"),
        (trainable_only, "do not require gradients"),
        (without_groups, "its share of the input channels"),
        (products_without_groups, "each output channel sees in_channels // groups channels"),
        (products_of_all_channels, "each output channel sees in_channels // groups channels"),
        (square_only, "only the first number of each was used"),
        (by_the_input, "each position of the output"),
        (biases_multiplied, "The biases are multiplied"),
        (additions_too, "Additions are counted"),
        (swapped, "The two numbers are exchanged"),
        (one_number, "should return two things, the weights and the multiplications"),
        (numbers_of_the_output, "as many multiplications as one kernel has weights"),
        (channels_twice, "The input channels are counted twice"),
        (clears_the_bias, "The entries of the argument layer have changed"),
        (counts_tensors, "the number of tensors"),
    ],
    "08.4": [
        (sees_too_little, "depends on 12 rows"),
        (wide_but_low, "depends on 12 rows"),
        (the_same_network, "Two calls return networks that share weights"),
        (the_same_weights, "Two calls return networks that share weights"),
        (too_many_weights, "and at most 5,000 are allowed"),
        (without_padding, "and (2, 8, 16, 16) is asked for"),
        (half_the_size, "has shape (2, 8, 32, 32)"),
        (ten_channels, "has shape (2, 10, 16, 16)"),
        (knows_the_place, "a layer in the network that knows the place"),
        (fixed_size, "your answer raised RuntimeError"),
        (all_zero, "The output is the same everywhere"),
        (the_class_itself, "design() should be"),
        (calls_it, "design() should be"),
        (larger_by_pooling, "has shape"),
    ],
}
