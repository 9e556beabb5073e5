"""Right and wrong answers to the exercises of chapter 11, and the hint that each must get."""

import copy
import math
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

FIXED = torch.Generator()


def one_after_the_other(layers, n):
    result = []
    for kernel, stride, padding in layers:
        n = (n + 2 * padding - kernel) // stride + 1
        result.append(n)
    return result


def a_tuple(layers, n):
    sides = [n]
    for kernel, stride, padding in layers:
        sides.append(math.floor((sides[-1] + 2 * padding - kernel) / stride + 1))
    return tuple(sides[1:])


def real_layers(layers, n):
    x, found = torch.zeros(1, 1, n, n), torch.empty(len(layers))
    for i, (kernel, stride, padding) in enumerate(layers):
        x = F.conv2d(x, torch.zeros(1, 1, kernel, kernel), stride=stride, padding=padding)
        found[i] = x.shape[-1]
    return found


def counts_places(layers, n):
    found = []
    for kernel, stride, padding in layers:
        n = len(range(0, n + 2 * padding - kernel + 1, stride))
        found.append(n)
    return np.array(found)


def recursive(layers, n):
    if not layers:
        return []
    (kernel, stride, padding), *rest = layers
    n = (n + 2 * padding - kernel) // stride + 1
    return [n, *recursive(rest, n)]


def by_rule(rule):
    def answer(layers, n):
        found = []
        for kernel, stride, padding in layers:
            n = rule(n, kernel, stride, padding)
            found.append(n)
        return found

    return answer


def without_the_start(layers, n):
    return by_rule(lambda n, k, s, p: (n + 2 * p - k) // s)(layers, n)


def one_sided(layers, n):
    return by_rule(lambda n, k, s, p: (n + p - k) // s + 1)(layers, n)


def without_padding(layers, n):
    return by_rule(lambda n, k, s, p: (n - k) // s + 1)(layers, n)


def with_fractions(layers, n):
    return by_rule(lambda n, k, s, p: (n + 2 * p - k) / s + 1)(layers, n)


def rounds_up(layers, n):
    return by_rule(lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1)(layers, n)


def one_inside(layers, n):
    return by_rule(lambda n, k, s, p: (n + 2 * p - k + 1) // s)(layers, n)


def same_as_tensorflow(layers, n):
    return by_rule(lambda n, k, s, p: -(-n // s))(layers, n)


def to_the_nearest(layers, n):
    return by_rule(lambda n, k, s, p: round((n + 2 * p - k) / s + 1))(layers, n)


def rounds_down_at_the_end(layers, n):
    """A floor of a floor is the floor of the whole: the sides are the same."""
    return [int(side) for side in with_fractions(layers, n)]


def begins_with_n(layers, n):
    return [n, *one_after_the_other(layers, n)]


def last_alone(layers, n):
    return one_after_the_other(layers, n)[-1]


def one_too_few(layers, n):
    return one_after_the_other(layers[:-1], n)


def all_from_n(layers, n):
    return [(n + 2 * padding - kernel) // stride + 1 for kernel, stride, padding in layers]


def empties_the_list(layers, n):
    found = []
    while layers:
        kernel, stride, padding = layers.pop(0)
        n = (n + 2 * padding - kernel) // stride + 1
        found.append(n)
    return found


def stride_before_padding(layers, n):
    return by_rule(lambda n, s, k, p: (n + 2 * p - k) // s + 1)(layers, n)


def bernoulli(x, p, training):
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0
    return x * torch.bernoulli(torch.full_like(x, 1 - p)) / (1 - p)


def masked(x, p, training):
    if training and p > 0:
        scale = 0 if p == 1 else 1 / (1 - p)
        return (x * scale).masked_fill(torch.rand(x.shape) < p, 0)
    return x.clone()


def numpy_mask(x, p, training):
    if not training:
        return x
    keep = torch.from_numpy(np.random.rand(*x.shape) >= p)
    return torch.where(keep, x / max(1 - p, 1e-12), torch.zeros_like(x))


def one_plus_tiny(x, p, training):
    if not training:
        return x + 0
    keep = (torch.empty_like(x).uniform_() > p).to(x.dtype)
    return x * keep * (1 / (1 - p) if p != 1 else 1)


def not_scaled(x, p, training):
    return x * (torch.rand_like(x) >= p) if training else x


def keeps_with_p(x, p, training):
    return x * (torch.rand_like(x) < p) / (1 - p) if training else x


def always(x, p, training):
    return x * (torch.rand_like(x) >= p) / (1 - p)


def never(x, p, training):
    return x


def modes_exchanged(x, p, training):
    return bernoulli(x, p, not training)


def scaled_when_off(x, p, training):
    return x * (torch.rand_like(x) >= p) if training else x * (1 - p)


def divided_by_p(x, p, training):
    return x * (torch.rand_like(x) >= p) / p if training else x


def multiplied(x, p, training):
    return x * (torch.rand_like(x) >= p) * (1 - p) if training else x


def mask_alone(x, p, training):
    return (torch.rand_like(x) >= p) / (1 - p) if training else x


def nan_for_one(x, p, training):
    return x * (torch.rand_like(x) >= p) / (1 - p) if training and p else x


def a_number_a_column(x, p, training):
    if not training or p in (0, 1):
        return x * (not training or p == 0)
    return x * (torch.rand(x.shape[-1]) >= p) / (1 - p)


def a_number_a_row(x, p, training):
    if not training or p in (0, 1):
        return x * (not training or p == 0)
    return x * (torch.rand(*x.shape[:-1], 1) >= p) / (1 - p)


def one_number(x, p, training):
    if not training:
        return x
    return x / (1 - p) if torch.rand(()) >= p else x * 0


def exact_share(x, p, training):
    if not training or p in (0, 1):
        return x * (not training or p == 0)
    keep = torch.ones(x.numel(), dtype=x.dtype)
    keep[torch.randperm(x.numel())[: round(p * x.numel())]] = 0
    return x * keep.view(x.shape) / (1 - p)


def same_each_time(x, p, training):
    if not training or p == 1:
        return x * (not training)
    drawn = torch.rand(x.shape, generator=FIXED.manual_seed(0))
    return x * (drawn >= p) / (1 - p)


def seeds(x, p, training):
    torch.manual_seed(0)
    return bernoulli(x, p, training)


def in_place_on_x(x, p, training):
    if training:
        with torch.no_grad():
            x *= (torch.rand_like(x) >= p) / (1 - p)
    return x


def detached(x, p, training):
    return bernoulli(x.detach(), p, training) if training else x


def with_the_module(x, p, training):
    return nn.Dropout(p).train(training)(x)


def with_the_function(x, p, training):
    return F.dropout(x, p, training)


def of_torch(x, p, training):
    return torch.dropout(x, p, training)


def single_precision(x, p, training):
    return bernoulli(x.float(), p, training)


def inserted(net):
    new = copy.deepcopy(net)
    new.features.insert(13, nn.AdaptiveAvgPool2d((5, 5)))
    return new


def rebuilt_features(net):
    new = copy.deepcopy(net)
    layers = []
    for layer in new.features:
        if isinstance(layer, nn.Flatten):
            layers.append(nn.AdaptiveAvgPool2d(5))
        layers.append(layer)
    new.features = nn.Sequential(*layers)
    return new


def flat_sequential(net):
    new = copy.deepcopy(net)
    return nn.Sequential(
        *new.features[:-1], nn.AdaptiveAvgPool2d(5), nn.Flatten(), *new.classifier
    ).train(net.training)


class AnySize(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = copy.deepcopy(net)

    def forward(self, x):
        maps = F.adaptive_avg_pool2d(self.net.features[:-1](x), 5)
        return self.net.classifier(maps.flatten(1))


def wrapped(net):
    return AnySize(net)


def another_forward(net):
    new = copy.deepcopy(net)
    new.forward = lambda x: new.classifier(
        F.adaptive_avg_pool2d(new.features[:-1](x), 5).flatten(1)
    )
    return new


def in_place(net):
    net.features.insert(len(net.features) - 1, nn.AdaptiveAvgPool2d(5))
    return net


def in_place_then_copied(net):
    net.features.insert(len(net.features) - 1, nn.AdaptiveAvgPool2d(5))
    return copy.deepcopy(net)


def net_itself(net):
    return net


def untouched(net):
    return copy.deepcopy(net)


def pools_to_6(net):
    new = copy.deepcopy(net)
    new.features.insert(13, nn.AdaptiveAvgPool2d(6))
    return new


def after_flattening(net):
    new = copy.deepcopy(net)
    new.features.append(nn.AdaptiveAvgPool2d(5))
    return new


def max_pooling(net):
    new = copy.deepcopy(net)
    new.features.insert(13, nn.AdaptiveMaxPool2d(5))
    return new


def in_front_of_everything(net):
    return nn.Sequential(nn.AdaptiveAvgPool2d(224), copy.deepcopy(net))


class Resizes(AnySize):
    def forward(self, x):
        return self.net(F.interpolate(x, (224, 224), mode="bilinear"))


def resizes(net):
    return Resizes(net)


def new_weights(net):
    new = inserted(net)
    for layer in new.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return new


def shared(net):
    return nn.Sequential(*net.features[:-1], nn.AdaptiveAvgPool2d(5), nn.Flatten(), *net.classifier)


def shallow(net):
    new = copy.copy(net)
    new.features = nn.Sequential(*net.features[:-1], nn.AdaptiveAvgPool2d(5), nn.Flatten())
    return new


def without_dropout(net):
    new = inserted(net)
    new.classifier = nn.Sequential(*[m for m in new.classifier if not isinstance(m, nn.Dropout)])
    return new


def evaluates(net):
    return inserted(net).eval()


def net_evaluates(net):
    return inserted(net.eval())


def freezes_net(net):
    return inserted(net.requires_grad_(False))


def always_trains(net):
    return inserted(net).train()


def the_features(net):
    return inserted(net).features


def the_class(net):
    return AnySize


def by_width(width, hidden=None, classes=10, kernel=3):
    pad, hidden = kernel // 2, hidden or 6 * width
    return nn.Sequential(
        *(nn.Conv2d(1, width, kernel, padding=pad), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(width, 2 * width, kernel, padding=pad), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(2 * width, 2 * width, kernel, padding=pad), nn.ReLU()),
        *(nn.Conv2d(2 * width, 2 * width, kernel, padding=pad), nn.ReLU()),
        *(nn.Conv2d(2 * width, width, kernel, padding=pad), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(9 * width, hidden), nn.ReLU(), nn.Dropout(0.3)),
        *(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.3), nn.Linear(hidden, classes)),
    )


def count(net):
    return sum(p.numel() for p in net.parameters())


def fitted(make, budget):
    width = 1
    while count(make(width + 1)) <= budget:
        width += 1
    return make(width)


def raises_the_width(budget):
    return fitted(by_width, budget)


def halves_an_interval(budget):
    low, high = 1, 2000
    small = lambda w: 3 * 9 * w * w + 20 * w  # noqa: E731
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if small(middle) * 6 <= budget else (low, middle)
    while count(by_width(low, kernel=3)) <= budget * 0.8:
        low += 1
    while count(by_width(low)) > budget:
        low -= 1
    return by_width(low)


class Plan(nn.Module):
    """Normalises, strides instead of pooling, one ReLU that is called seven times."""

    def __init__(self, width):
        super().__init__()
        sides = (1, width, width, 2 * width, 2 * width, width)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=1 + (i in (0, 1, 4)), padding=1, bias=False)
            for i, (a, b) in enumerate(pairwise(sides))
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in sides[1:])
        self.linears = nn.ModuleList(
            [nn.Linear(16 * width, 64), nn.Linear(64, 64), nn.Linear(64, 10)]
        )
        self.relu = nn.ReLU()

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(self.relu(conv(x)))
        x = x.flatten(1)
        for linear in self.linears[:2]:
            x = self.relu(linear(x))
        return self.linears[2](x)


def a_class_of_its_own(budget):
    return fitted(Plan, budget)


def lazy_layers(budget):
    def make(width):
        layers = []
        for number, factor in enumerate((1, 2, 3, 3, 2)):
            channels = factor * width
            layers += [nn.LazyConv2d(channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU()]
            if number in (0, 1, 4):
                layers.append(nn.MaxPool2d(2))
        layers += [nn.Flatten(), nn.LazyLinear(8 * width), nn.ReLU()]
        layers += [nn.LazyLinear(8 * width), nn.ReLU(), nn.LazyLinear(10)]
        return nn.Sequential(*layers)

    def count(width):
        net = make(width)
        net(torch.zeros(2, 1, 28, 28))
        return sum(p.numel() for p in net.parameters())

    width = 1
    while count(width + 1) <= budget:
        width += 1
    return make(width)


def one_hidden_layer_takes_the_rest(budget):
    hidden = 10
    while count(by_width(4, hidden + 10)) <= budget:
        hidden += 10
    return by_width(4, hidden)


def ignores_the_budget(budget):
    return by_width(16)


def one_too_wide(budget):
    width = 1
    while count(by_width(width)) <= budget:
        width += 1
    return by_width(width)


def far_too_narrow(budget):
    return by_width(1)


def four_convolutions(budget):
    return fitted(lambda w: nn.Sequential(*by_width(w)[:8], *by_width(w)[10:]), budget)


def two_linear_layers(budget):
    return fitted(lambda w: nn.Sequential(*by_width(w)[:16], *by_width(w)[19:]), budget)


def ends_with_softmax(budget):
    return fitted(lambda w: nn.Sequential(*by_width(w), nn.Softmax(dim=1)), budget)


def ends_with_log_softmax(budget):
    return fitted(lambda w: nn.Sequential(*by_width(w), nn.LogSoftmax(dim=1)), budget)


def ends_with_relu(budget):
    return fitted(lambda w: nn.Sequential(*by_width(w), nn.ReLU()), budget)


def nine_classes(budget):
    return fitted(lambda w: by_width(w, classes=9), budget)


def without_a_relu(budget):
    return fitted(lambda w: nn.Sequential(*by_width(w)[:7], *by_width(w)[8:]), budget)


def tanh_instead(budget):
    def make(width):
        return nn.Sequential(*(nn.Tanh() if type(m) is nn.ReLU else m for m in by_width(width)))

    return fitted(make, budget)


ONE = {}


def the_same_each_time(budget):
    if budget not in ONE:
        ONE[budget] = raises_the_width(budget)
    return ONE[budget]


def a_frozen_layer(budget):
    net = raises_the_width(budget)
    net[0].weight.requires_grad_(False)
    return net


class Spare(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net, self.spare = by_width(width), nn.Parameter(torch.zeros(5))

    def forward(self, x):
        return self.net(x)


def an_unused_parameter(budget):
    return fitted(Spare, budget)


class Folded(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = by_width(width)

    def forward(self, x):
        maps = self.net[:13](x)
        return self.net[14:](maps.permute(1, 2, 3, 0).reshape(len(x), -1))


def mixes_the_images(budget):
    return fitted(Folded, budget)


def a_number(budget):
    return count(raises_the_width(budget))


RIGHT = {
    "11.4": [
        *(raises_the_width, halves_an_interval, a_class_of_its_own),
        *(one_hidden_layer_takes_the_rest, lazy_layers),
    ],
    "11.1": [
        *(one_after_the_other, a_tuple, real_layers, counts_places, recursive),
        rounds_down_at_the_end,
    ],
    "11.2": [bernoulli, masked, numpy_mask, one_plus_tiny],
    "11.3": [inserted, rebuilt_features, flat_sequential, wrapped, another_forward],
}

WRONG = {
    "11.4": [
        (ignores_the_budget, "more than its budget"),
        (one_too_wide, "more than its budget"),
        (far_too_narrow, "less than half of its budget"),
        (four_convolutions, "exactly 5 are asked for"),
        (two_linear_layers, "exactly 3 are asked for"),
        (ends_with_softmax, "normalised over the classes"),
        (ends_with_log_softmax, "normalised over the classes"),
        (ends_with_relu, "a ReLU follows the last layer"),
        (nine_classes, "has shape (5, 9)"),
        (without_a_relu, "no nn.ReLU follows layer 3"),
        (tanh_instead, "no nn.ReLU follows layer 1"),
        (the_same_each_time, "make a new one in each call"),
        (a_frozen_layer, "The parameter 0.weight of design(20000) gets no gradient"),
        (an_unused_parameter, "The parameter spare of design(20000) gets no gradient"),
        (mixes_the_images, "flatten from dimension 1 on"),
        (a_number, "should be an nn.Module"),
    ],
    "11.1": [
        (without_the_start, "+ 1 after the division"),
        (one_sided, "on both ends"),
        (without_padding, "before the kernel passes over it"),
        (with_fractions, "// rounds down after each layer"),
        (rounds_up, "does not fit completely"),
        (one_inside, "+ 1 belongs behind the division"),
        (same_as_tensorflow, "The side after a layer is"),
        (to_the_nearest, "rounded to the nearest whole number"),
        (begins_with_n, "begins with the side before the first layer"),
        (last_alone, "a list with one number for each layer, and it is the number 5."),
        (one_too_few, "has shape (7,), and (8,) is asked for"),
        (all_from_n, "Each layer starts from n again"),
        (empties_the_list, "The entries of the argument layers have changed"),
        (stride_before_padding, "The side after a layer is"),
    ],
    "11.2": [
        (not_scaled, "divide by 1 - p"),
        (keeps_with_p, "not to keep"),
        (always, "x comes back as it is"),
        (never, "drops nothing"),
        (modes_exchanged, "x comes back as it is"),
        (scaled_when_off, "Without training nothing is scaled"),
        (divided_by_p, "was divided by p"),
        (multiplied, "was multiplied by 1 - p"),
        (mask_alone, "multiply the mask by x"),
        (nan_for_one, "it divides 0 by 1 - p = 0"),
        (a_number_a_column, "drops the same elements in each x[i]"),
        (a_number_a_row, "drops whole slices x[i] together"),
        (one_number, "drops nothing"),
        (exact_share, "Each call keeps exactly"),
        (same_each_time, "Two calls drop the same elements"),
        (seeds, "seeds PyTorch's global generator"),
        (in_place_on_x, "The numbers in the argument x have changed"),
        (detached, "has the right value and no graph"),
        (with_the_module, "Dropout of PyTorch did the work"),
        (with_the_function, "dropout of PyTorch did the work"),
        (of_torch, "dropout of PyTorch did the work"),
        (single_precision, "has dtype float32, and float64 is asked for"),
    ],
    "11.3": [
        (in_place, "The submodules of the argument net have changed"),
        (in_place_then_copied, "The submodules of the argument net have changed"),
        (net_itself, "It returned net itself"),
        (untouched, "For 67 × 67 pixels a layer gets"),
        (pools_to_6, "For 224 × 224 pixels a layer gets"),
        (after_flattening, "For 224 × 224 pixels a layer gets"),
        (max_pooling, "This is adaptive max pooling"),
        (in_front_of_everything, "with its last maps averaged"),
        (resizes, "The images were resized"),
        (new_weights, "the weights should be the same"),
        (shared, "shares weights with net"),
        (shallow, "The submodules of the argument net have changed"),
        (without_dropout, "has 0 dropout layers"),
        (evaluates, "the copy's dropout is off"),
        (net_evaluates, "The argument net is in another mode than before"),
        (freezes_net, "The requires_grad of features.0.weight of the argument net has changed"),
        (always_trains, "dropout is at work in the copy"),
        (the_features, "has 0 dropout layers"),
        (the_class, "should be an nn.Module, and it is the class AnySize"),
    ],
}
