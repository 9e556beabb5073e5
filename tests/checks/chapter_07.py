"""Typical wrong answers to the exercises of chapter 07, and the hint that each must get."""

from itertools import pairwise

import torch
from torch import nn


class NoParameters(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale, self.shift = torch.ones(features), torch.zeros(features)

    def forward(self, x):
        return x * self.scale + self.shift


class RandomStart(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(features))
        self.shift = nn.Parameter(torch.randn(features))

    def forward(self, x):
        return x * self.scale + self.shift


class ShiftFirst(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))

    def forward(self, x):
        return (x + self.shift) * self.scale


class OneForAll(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x * self.scale + self.shift


class PlainList(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        return self.layers[-1](x)


class ReluAtTheEnd(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu()
        return x


class NoRelu(ReluAtTheEnd):
    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def leaves_hooks(net, x):
    found = {}
    for name, module in net.named_modules():
        module.register_forward_hook(lambda m, i, o, n=name: found.update({n: tuple(o.shape)}))
    net(x)
    return found


def every_module(net, x):
    found, handles = {}, []
    for name, module in net.named_modules():

        def record(module, inputs, output, name=name):
            found[name] = tuple(output.shape)

        handles.append(module.register_forward_hook(record))
    net(x)
    for handle in handles:
        handle.remove()
    return found


def children_only(net, x):
    found = {}
    for name, module in net.named_children():
        x = module(x)
        found[name] = tuple(x.shape)
    return found


WRONG = {
    "07.1": [
        (NoParameters, "Is each a nn.Parameter"),
        (RandomStart, "the scale starts at 1"),
        (ShiftFirst, "scale first"),
        (OneForAll, "one number for each of the 3 features"),
    ],
    "07.2": [
        (PlainList, "use nn.ModuleList"),
        (ReluAtTheEnd, "after the last layer"),
        (NoRelu, "no ReLU between"),
    ],
    "07.3": [
        (leaves_hooks, "hooks are left"),
        (every_module, "modules that have children"),
        (children_only, "Take them from named_modules"),
    ],
}
