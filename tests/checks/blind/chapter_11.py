"""Chapter 11."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn


def sizes_loop(layers, n):
    out = []
    for kernel, stride, padding in layers:
        n = (n + 2 * padding - kernel) // stride + 1
        out.append(n)
    return out


def sizes_recursive(layers, n):
    if not layers:
        return []
    (k, s, p), *rest = layers
    side = math.floor((n + 2 * p - k) / s + 1)
    return [side, *sizes_recursive(rest, side)]


def sizes_meta(layers, n):
    """lets PyTorch tell"""
    x = torch.empty(1, 1, n, n, device="meta")
    sides = []
    for k, s, p in layers:
        x = F.conv2d(x, torch.empty(1, 1, k, k, device="meta"), stride=s, padding=p)
        sides.append(x.shape[-1])
    return sides


def sizes_count(layers, n):
    """counts the places"""
    result = []
    for k, s, p in layers:
        places = [start for start in range(-p, n + p, s) if start + k <= n + p]
        n = len(places)
        result += [n]
    return result


def sizes_ceil(layers, n):
    out = []
    for k, s, p in layers:
        n = math.ceil((n + 2 * p - k) / s) + 1
        out.append(n)
    return out


def sizes_no_plus_one(layers, n):
    out = []
    for k, s, p in layers:
        n = (n + 2 * p - k) // s
        out.append(n)
    return out


def sizes_padding_once(layers, n):
    out = []
    for k, s, p in layers:
        n = (n + p - k) // s + 1
        out.append(n)
    return out


def sizes_floats(layers, n):
    out = []
    for k, s, p in layers:
        n = (n + 2 * p - k) / s + 1
        out.append(n)
    return out


def sizes_always_first(layers, n):
    return [(n + 2 * p - k) // s + 1 for k, s, p in layers]


def sizes_last_only(layers, n):
    for k, s, p in layers:
        n = (n + 2 * p - k) // s + 1
    return n


def sizes_with_first(layers, n):
    return [n] + sizes_loop(layers, n)


def sizes_wrong_order(layers, n):
    out = []
    for k, p, s in layers:
        n = (n + 2 * p - k) // max(s, 1) + 1
        out.append(n)
    return out


def sizes_padding_ignored(layers, n):
    out = []
    for k, s, p in layers:
        n = (n - k) // s + 1
        out.append(n)
    return out


def sizes_divides(layers, n):
    out = []
    for k, s, p in layers:
        n = n // s
        out.append(n)
    return out


def sizes_rounds_at_end(layers, n):
    out = []
    for k, s, p in layers:
        n = (n + 2 * p - k) / s + 1
        out.append(int(n))
    return out


def dropout_where(x, p, training):
    if not training or p == 0:
        return x
    if p == 1:
        return torch.zeros_like(x) * x
    keep = torch.rand_like(x) >= p
    return torch.where(keep, x / (1 - p), torch.zeros_like(x))


def dropout_bernoulli(x, p, training):
    if not training:
        return x
    mask = torch.bernoulli(torch.full(x.shape, 1.0 - p)).to(x.dtype)
    return x * mask / (1 - p) if p < 1 else x * mask


def dropout_masked_fill(x, p=0.5, training=True):
    if training:
        gone = torch.rand(x.shape) < p
        x = x.masked_fill(gone, 0) * (1 / (1 - p) if p != 1 else 0.0)
    return x


def dropout_library(x, p, training):
    return F.dropout(x, p, training)


def dropout_module(x, p, training):
    return nn.Dropout(p).train(training)(x)


def dropout_torch(x, p, training):
    return torch.dropout(x, p, training)


def dropout_not_scaled(x, p, training):
    return x * (torch.rand_like(x) >= p) if training else x


def dropout_scales_in_eval(x, p, training):
    return x * (torch.rand_like(x) >= p) if training else x * (1 - p)


def dropout_divides_by_p(x, p, training):
    if not training:
        return x
    if p == 0:
        return x
    return x * (torch.rand_like(x) >= p) / p


def dropout_keeps_p(x, p, training):
    if not training:
        return x
    if p == 1:
        return torch.zeros_like(x)
    return x * (torch.rand_like(x) < p) / (1 - p)


def dropout_nan_at_one(x, p, training):
    if not training:
        return x
    return x * (torch.rand_like(x) >= p) / torch.tensor(1.0 - p, dtype=x.dtype)


def dropout_zero_division(x, p, training):
    if not training:
        return x
    return x * (torch.rand_like(x) >= p) * (1 / (1 - p))


def dropout_in_place(x, p, training):
    if training and p < 1:
        x.mul_(torch.rand_like(x) >= p).div_(1 - p)
    elif training:
        x.zero_()
    return x


def dropout_always(x, p, training):
    if p == 1:
        return torch.zeros_like(x)
    return x * (torch.rand_like(x) >= p) / (1 - p)


def dropout_whole_rows(x, p, training):
    if not training:
        return x
    if p == 1:
        return torch.zeros_like(x)
    return x * (torch.rand(x.shape[0], *[1] * (x.dim() - 1)) >= p) / (1 - p)


def dropout_fixed_mask(x, p, training):
    if not training:
        return x
    if p == 1:
        return torch.zeros_like(x)
    g = torch.Generator().manual_seed(0)
    return x * (torch.rand(x.shape, generator=g) >= p) / (1 - p)


def dropout_exact_count(x, p, training):
    if not training:
        return x
    if p == 1:
        return torch.zeros_like(x)
    keep = torch.ones(x.numel())
    keep[: int(p * x.numel())] = 0
    return x * keep.view(x.shape) / (1 - p)


def dropout_detached(x, p, training):
    if not training:
        return x
    if p == 1:
        return torch.zeros_like(x)
    return x.detach() * (torch.rand_like(x) >= p) / (1 - p)


def dropout_inverted_flag(x, p, training):
    return dropout_where(x, p, not training)


def dropout_normal(x, p, training):
    if not training:
        return x
    if p == 1:
        return torch.zeros_like(x)
    return x * (torch.randn_like(x) >= p) / (1 - p)


def adapt_insert(net):
    new = copy.deepcopy(net)
    layers = list(new.features)
    new.features = nn.Sequential(*layers[:-1], nn.AdaptiveAvgPool2d(5), layers[-1])
    new.features.train(net.features.training)
    return new.train(net.training)


def adapt_replace_flatten(net):
    """pooling and flattening in the flattening's place"""
    new = copy.deepcopy(net)
    pool = nn.Sequential(nn.AdaptiveAvgPool2d((5, 5)), nn.Flatten())
    new.features[-1] = pool.train(net.training)
    return new


class _Wrapped(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.inner = copy.deepcopy(net)
        self.training = net.training

    def forward(self, x):
        y = x
        for layer in self.inner.features:
            if isinstance(layer, nn.Flatten):
                y = F.adaptive_avg_pool2d(y, 5)
            y = layer(y)
        return self.inner.classifier(y)


def adapt_wrapper(net):
    """another module around the copy"""
    return _Wrapped(net)


def adapt_sequential(net):
    """features, pooling, flattening, classifier in one Sequential"""
    twin = copy.deepcopy(net)
    new = nn.Sequential(twin.features[:-1], nn.AdaptiveAvgPool2d(5), nn.Flatten(), twin.classifier)
    return new.train(net.training)


def adapt_method(net):
    """insert"""
    new = copy.deepcopy(net)
    where = [i for i, m in enumerate(new.features) if isinstance(m, nn.Flatten)][0]
    new.features.insert(where, nn.AdaptiveAvgPool2d(output_size=(5, 5)))
    new.features[where].training = net.training
    return new


def adapt_in_place(net):
    net.features.insert(len(net.features) - 1, nn.AdaptiveAvgPool2d(5))
    return net


def adapt_shared(net):
    layers = list(net.features)
    return nn.Sequential(
        *layers[:-1], nn.AdaptiveAvgPool2d(5), nn.Flatten(), *net.classifier
    ).train(net.training)


def adapt_plain_copy(net):
    return copy.deepcopy(net)


def adapt_six(net):
    new = copy.deepcopy(net)
    new.features.insert(len(new.features) - 1, nn.AdaptiveAvgPool2d(6))
    return new.train(net.training)


def adapt_max(net):
    new = copy.deepcopy(net)
    new.features.insert(len(new.features) - 1, nn.AdaptiveMaxPool2d(5))
    return new.train(net.training)


def adapt_after_flatten(net):
    new = copy.deepcopy(net)
    new.features.append(nn.AdaptiveAvgPool2d(5))
    return new.train(net.training)


def adapt_always_eval(net):
    new = copy.deepcopy(net)
    new.features.insert(len(new.features) - 1, nn.AdaptiveAvgPool2d(5))
    return new.eval()


def adapt_always_train(net):
    new = copy.deepcopy(net)
    new.features.insert(len(new.features) - 1, nn.AdaptiveAvgPool2d(5))
    return new.train()


def adapt_no_dropout(net):
    new = copy.deepcopy(net)
    classifier = [m for m in new.classifier if not isinstance(m, nn.Dropout)]
    layers = list(new.features)
    return nn.Sequential(*layers[:-1], nn.AdaptiveAvgPool2d(5), nn.Flatten(), *classifier).train(
        net.training
    )


def adapt_interpolates(net):

    class Resized(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = copy.deepcopy(net)
            self.training = net.training

        def forward(self, x):
            return self.net(F.interpolate(x, (224, 224), mode="bilinear"))

    return Resized()


def adapt_fresh_classifier(net):
    new = copy.deepcopy(net)
    new.features.insert(len(new.features) - 1, nn.AdaptiveAvgPool2d(5))
    for m in new.classifier:
        if isinstance(m, nn.Linear):
            m.reset_parameters()
    return new.train(net.training)


def adapt_global(net):
    new = copy.deepcopy(net)
    new.features.insert(len(new.features) - 1, nn.AdaptiveAvgPool2d(1))
    first = new.classifier[0]
    new.classifier[0] = nn.Linear(first.in_features // 25, first.out_features)
    return new.train(net.training)


def adapt_pools_images(net):
    new = copy.deepcopy(net)
    new.features.insert(0, nn.AdaptiveAvgPool2d(224))
    return new.train(net.training)


def adapt_mode_of_net_changed(net):
    mode = net.training
    net.eval()
    new = copy.deepcopy(net)
    new.features.insert(len(new.features) - 1, nn.AdaptiveAvgPool2d(5))
    return new.train(mode)


def adapt_hard_classifier(net):
    new = copy.deepcopy(net)
    new.features.insert(len(new.features) - 1, nn.AdaptiveAvgPool2d(5))
    new.classifier = nn.Sequential(
        nn.Linear(6400, 512),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(512, 10),
    )
    return new.train(net.training)


def design_layers(w, fc, last=10, convs=5):
    layers, c = [], 1
    for i in range(convs):
        layers += [nn.Conv2d(c, w, 3, padding=1), nn.BatchNorm2d(w), nn.ReLU()]
        if i in (0, 2, 4):
            layers += [nn.MaxPool2d(2)]
        c = w
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(c * 9, fc),
        nn.ReLU(),
        nn.Linear(fc, fc),
        nn.ReLU(),
        nn.Linear(fc, last),
    )


def design_size(net):
    return sum(p.numel() for p in net.parameters())


def design_search(budget):
    """the widest that fits"""
    best = None
    for w in range(2, 400):
        net = design_layers(w, 2 * w)
        if design_size(net) > budget:
            break
        best = net
    return best


def design_formula(budget):
    """estimates the width, then corrects it"""
    w = int((budget / 58) ** 0.5)
    while design_size(design_layers(w, w)) > 0.9 * budget:
        w -= 1
    return design_layers(w, w)


class DesignNet(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.conv1 = nn.Conv2d(1, w, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(w, w, 3, padding=1)
        self.conv3 = nn.Conv2d(w, w, 3, padding=1)
        self.conv4 = nn.Conv2d(w, w, 3, padding=1)
        self.conv5 = nn.Conv2d(w, w, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.fc1, self.fc2, self.fc3 = nn.Linear(w, w), nn.Linear(w, w), nn.Linear(w, 10)

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5):
            x = self.act(conv(x))
        x = x.mean(dim=(2, 3))
        x = self.act(self.fc1(x))
        return self.fc3(self.act(self.fc2(x)))


def design_class(budget):
    """global average pooling"""
    w = 8
    while design_size(DesignNet(w + 1)) <= budget:
        w += 1
    return DesignNet(w)


def design_fixed(budget):
    return design_layers(20, 40)


def design_too_big(budget):
    return design_layers(int(budget**0.5), 200)


def design_six(budget):
    w = 2
    while design_size(design_layers(w + 1, 30, convs=6)) <= budget:
        w += 1
    return design_layers(w, 30, convs=6)


def design_functional(budget):
    class Functional(DesignNet):
        def forward(self, x):
            for conv in (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5):
                x = F.relu(conv(x))
            x = x.mean(dim=(2, 3))
            return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))

    w = 8
    while design_size(Functional(w + 1)) <= budget:
        w += 1
    return Functional(w)


def design_probabilities(budget):
    return nn.Sequential(design_search(budget), nn.Softmax(1))


def design_eleven(budget):
    w = 2
    while design_size(design_layers(w + 1, w + 1, last=11)) <= budget:
        w += 1
    return design_layers(w, w, last=11)


def design_frozen(budget):
    net = design_search(budget)
    net[0].requires_grad_(False)
    return net


def design_skips_one(budget):
    class Skips(DesignNet):
        def forward(self, x):
            for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
                x = self.act(conv(x))
            x = x.mean(dim=(2, 3))
            return self.fc3(self.act(self.fc2(self.act(self.fc1(x)))))

    w = 8
    while design_size(Skips(w + 1)) <= budget:
        w += 1
    return Skips(w)


RIGHT = {
    "11.4": [design_search, design_formula, design_class],
    "11.1": [sizes_loop, sizes_recursive, sizes_meta, sizes_count, sizes_rounds_at_end],
    "11.2": [dropout_where, dropout_bernoulli, dropout_masked_fill],
    "11.3": [adapt_insert, adapt_replace_flatten, adapt_wrapper, adapt_sequential, adapt_method],
}
WRONG = {
    "11.4": [
        design_fixed,
        design_too_big,
        design_six,
        design_functional,
        design_probabilities,
        design_eleven,
        design_frozen,
        design_skips_one,
    ],
    "11.1": [
        sizes_ceil,
        sizes_no_plus_one,
        sizes_padding_once,
        sizes_floats,
        sizes_always_first,
        sizes_last_only,
        sizes_with_first,
        sizes_wrong_order,
        sizes_padding_ignored,
        sizes_divides,
    ],
    "11.2": [
        dropout_library,
        dropout_module,
        dropout_torch,
        dropout_not_scaled,
        dropout_scales_in_eval,
        dropout_divides_by_p,
        dropout_keeps_p,
        dropout_nan_at_one,
        dropout_zero_division,
        dropout_in_place,
        dropout_always,
        dropout_whole_rows,
        dropout_fixed_mask,
        dropout_exact_count,
        dropout_detached,
        dropout_inverted_flag,
        dropout_normal,
    ],
    "11.3": [
        adapt_in_place,
        adapt_shared,
        adapt_plain_copy,
        adapt_six,
        adapt_max,
        adapt_after_flatten,
        adapt_always_eval,
        adapt_always_train,
        adapt_no_dropout,
        adapt_interpolates,
        adapt_fresh_classifier,
        adapt_global,
        adapt_pools_images,
        adapt_mode_of_net_changed,
        adapt_hard_classifier,
    ],
}
