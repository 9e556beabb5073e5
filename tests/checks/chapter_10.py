"""Typical wrong answers to the exercises of chapter 10, and the hint that each must get."""

import copy

import torch
from torch import nn
from torch.nn import functional as F


def without_duplicates(net):
    names = {}
    for name, parameter in net.named_parameters():
        names.setdefault(id(parameter), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def by_value(net):
    names = {}
    for name, parameter in net.named_parameters(remove_duplicate=False):
        names.setdefault(tuple(parameter.flatten().tolist()), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def all_groups(net):
    names = {}
    for name, parameter in net.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return list(names.values())


class TwoWeights(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(inputs, code), nn.Linear(code, inputs)

    def forward(self, x):
        return self.decoder(self.encoder(x).relu())


class NoRelu(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(code, inputs))
        self.a, self.b = nn.Parameter(torch.zeros(code)), nn.Parameter(torch.zeros(inputs))

    def forward(self, x):
        return F.linear(F.linear(x, self.weight, self.a), self.weight.T, self.b)


class OneBias(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(code, inputs))
        self.a = nn.Parameter(torch.zeros(code))

    def forward(self, x):
        return F.linear(F.linear(x, self.weight, self.a).relu(), self.weight.T)


def in_place(net, first, second):
    net[3].weight = nn.Parameter(net[3].weight.detach().clone())
    return net


def only_a_copy(net, first, second):
    return copy.deepcopy(net)


def shares_memory(net, first, second):
    net = copy.deepcopy(net)
    net[3].weight = nn.Parameter(net[3].weight.detach())
    return net


WRONG = {
    "10.1": [
        (without_duplicates, "remove_duplicate=False"),
        (by_value, "Compare with `is`"),
        (all_groups, "expected []"),
    ],
    "10.2": [
        (TwoWeights, "one weight, used twice"),
        (NoRelu, "no ReLU"),
        (OneBias, "for the biases"),
    ],
    "10.3": [
        (in_place, "work on a deep copy"),
        (only_a_copy, "still one tensor"),
        (shares_memory, "they share memory"),
    ],
}
