"""Typical wrong answers to the exercises of chapter 12, and the hint that each must get."""

import torch
from torch import nn


def top_level_only(net, new):
    count = 0
    for name, child in net.named_children():
        if isinstance(child, nn.ReLU | nn.Sigmoid):
            setattr(net, name, new())
            count += 1
    return count


def every_activation(net, new, kinds=(nn.ReLU, nn.Sigmoid, nn.Tanh)):
    count = 0
    for name, child in net.named_children():
        if isinstance(child, kinds):
            setattr(net, name, new())
            count += 1
        else:
            count += every_activation(child, new, kinds)
    return count


def one_for_all(net, new, made=None):
    made = made or new()
    count = 0
    for name, child in net.named_children():
        if isinstance(child, nn.ReLU | nn.Sigmoid):
            setattr(net, name, made)
            count += 1
        else:
            count += one_for_all(child, new, made)
    return count


class ColumnOut(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.body, self.head = body, nn.Linear(features, 1)

    def forward(self, first, second):
        return self.head((self.body(first) - self.body(second)).abs())


class Signed(ColumnOut):
    def forward(self, first, second):
        return self.head(self.body(first) - self.body(second)).squeeze(1)


class Joined(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.body, self.head = body, nn.Linear(2 * features, 1)

    def forward(self, first, second):
        return self.head(torch.cat([self.body(first), self.body(second)], dim=1)).squeeze(1)


def by_name_only(net, state):
    own = net.state_dict()
    names = [name for name in state if name in own]
    return sorted(names)


def forgets_to_return_names(net, state):
    own = net.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    return net.load_state_dict(fitting, strict=False)


def edits_the_state(net, state):
    own = net.state_dict()
    for name in list(state):
        if name not in own or own[name].shape != state[name].shape:
            del state[name]
    net.load_state_dict(state, strict=False)
    return sorted(state)


WRONG = {
    "12.1": [
        (top_level_only, "Children may have children"),
        (every_activation, "Tanh was replaced as well"),
        (one_for_all, "call new() for each"),
    ],
    "12.2": [
        (ColumnOut, "squeeze(1)"),
        (Signed, "take the absolute difference"),
        (Joined, "a head from 5 features to 1"),
    ],
    "12.3": [
        (by_name_only, "was not loaded"),
        (forgets_to_return_names, "the sorted names that fit"),
        (edits_the_state, "build a new dictionary"),
    ],
}
