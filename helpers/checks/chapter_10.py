"""Checks of chapter 10, parameter sharing."""

import copy
from typing import Any

import torch
from torch import nn

from helpers.checks.machinery import (
    NotAnswered,
    call,
    close,
    exercise,
    is_stub,
    require,
    require_subclass,
    require_tensor,
)


def _network() -> nn.Sequential:
    net = nn.Sequential(
        nn.Linear(4, 6), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.Linear(6, 4)
    )
    net[3].weight, net[3].bias = net[1].weight, net[1].bias
    return net


@exercise("10.1")
def ties(answer: Any) -> str:
    found = call(answer, nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
    require(list(found) == [], f"Without shared parameters it gave {found!r}, expected [].")
    equal = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    equal[1].weight = nn.Parameter(equal[0].weight.detach().clone())
    require(
        list(call(answer, equal)) == [],
        "It takes two parameters of equal values for one. Compare with `is`, or by id.",
    )
    found = call(answer, _network())
    require(
        isinstance(found, list) and all(isinstance(group, list | tuple) for group in found),
        "A list of lists of names is asked for.",
    )
    groups = sorted(sorted(group) for group in found)
    require(
        groups != [],
        "It found no ties. named_parameters() hides them: pass remove_duplicate=False.",
    )
    expected = [["1.bias", "3.bias"], ["1.weight", "3.weight"]]
    require(groups == expected, f"It gave {groups}, expected {expected}.")
    return "named_parameters() shows only the first name of each."


@exercise("10.2")
def tied(answer: Any) -> str:
    require_subclass(answer, nn.Module, "nn.Module")
    module = answer(7, 3)
    if is_stub(type(module).forward):
        raise NotAnswered
    x = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    y = require_tensor(module(x), "Tied(7, 3)(x)", (5, 7))
    shapes = sorted(tuple(p.shape) for p in module.parameters())
    require(
        shapes.count((3, 7)) + shapes.count((7, 3)) == 1,
        f"The parameters have shapes {shapes}: there should be one weight, used twice.",
    )
    require(
        shapes == [(3,), (3, 7), (7,)],
        f"The parameters have shapes {shapes}, expected (3, 7) for the weight and (3,) and (7,) "
        "for the biases.",
    )
    weight, code_bias, output_bias = (
        next(p for p in module.parameters() if tuple(p.shape) == shape)
        for shape in ((3, 7), (3,), (7,))
    )
    require(
        not code_bias.detach().any() and not output_bias.detach().any(),
        "The biases should start at zero.",
    )
    require(weight.detach().std() > 0, "The weight starts at one value for all: draw it.")
    linear = x @ weight.T @ weight
    require(not close(y, linear), "There is no ReLU between encoding and decoding.")
    require(close(y, (x @ weight.T).relu() @ weight), "It should compute relu(x Wᵀ + b) W + c.")
    return "Half the weights of two layers."


@exercise("10.3")
def untie(answer: Any) -> str:
    net = _network()
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    before, expected = copy.deepcopy(net.state_dict()), net(x)
    result = call(answer, net, "1.weight", "3.weight")
    require(isinstance(result, nn.Module), "It should return the new network.")
    require(
        net[1].weight is net[3].weight,
        "The network that was passed in is untied as well: work on a deep copy.",
    )
    require(
        result[1].weight is not result[3].weight,
        "The two names are still one tensor: give the second a Parameter of its own.",
    )
    names = dict(result.named_parameters(remove_duplicate=False))
    require(
        isinstance(names.get("3.weight"), nn.Parameter),
        "'3.weight' is no parameter any more: wrap the copy in nn.Parameter.",
    )
    require(close(result(x), expected), "The values have changed: clone them.")
    with torch.no_grad():
        result[1].weight.add_(1)
    require(
        torch.equal(result[3].weight.detach(), before["3.weight"]),
        "A change of the first still shows in the second: they share memory. clone() copies.",
    )
    return "Two parameters, one value, for now."
