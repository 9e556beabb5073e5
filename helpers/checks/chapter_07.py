"""Checks of chapter 07, modules."""

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


def _module(answer: Any, *arguments: Any) -> nn.Module:
    require_subclass(answer, nn.Module, "nn.Module")
    return answer(*arguments)


def _output(module: nn.Module, x: torch.Tensor, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    if is_stub(type(module).forward):
        raise NotAnswered
    result = module(x)
    return require_tensor(result, name, shape)


@exercise("07.1")
def affine(answer: Any) -> str:
    module = _module(answer, 3)
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    y = _output(module, x, "Affine(3)(x)", (5, 3))
    parameters = dict(module.named_parameters())
    require(
        len(parameters) == 2,
        f"parameters() lists {len(parameters)} tensors, expected 2. Is each a nn.Parameter, "
        "assigned to self?",
    )
    require(
        close(y, x),
        "Freshly made, it should change nothing: the scale starts at 1 and the shift at 0.",
    )
    for name, parameter in parameters.items():
        require(
            tuple(parameter.shape) == (3,),
            f"{name} has shape {tuple(parameter.shape)}: one number for each of the 3 features.",
        )
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.copy_(torch.tensor([2.0, 3.0, 4.0]))
    numbers = torch.tensor([2.0, 3.0, 4.0])
    require(
        not close(module(x), (x + numbers) * numbers),
        "It shifts first and scales then: scale first.",
    )
    require(close(module(x), x * numbers + numbers), "It should compute x * scale + shift.")
    return "Two lines, and an optimizer finds both."


@exercise("07.2")
def stack(answer: Any) -> str:
    module = _module(answer, [6, 5, 4, 3])
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(7, 6, generator=generator)
    y = _output(module, x, "Stack([6, 5, 4, 3])(x)", (7, 3))
    linear = [m for m in module.modules() if isinstance(m, nn.Linear)]
    require(
        len(linear) == 3,
        f"The module finds {len(linear)} linear layers of 3. A plain list hides them: use "
        "nn.ModuleList.",
    )
    weights = [layer.weight for layer in linear]
    shapes = [tuple(weight.shape) for weight in weights]
    require(shapes == [(5, 6), (4, 5), (3, 4)], f"The weights have shapes {shapes}.")
    with torch.no_grad():
        for weight in weights:
            weight.copy_(torch.randn(weight.shape, generator=generator))
    y = module(x)
    expected = x
    for number, layer in enumerate(linear):
        expected = layer(expected).relu() if number < 2 else layer(expected)
    require(
        not close(y, expected.relu()) or close(expected, expected.relu()),
        "There is a ReLU after the last layer: outputs should be allowed to be negative.",
    )
    without = linear[2](linear[1](linear[0](x)))
    require(not close(y, without), "There is no ReLU between the layers.")
    require(close(y, expected), "The output is not that of linear layers with ReLU between them.")
    return "Any depth from one list of numbers."


@exercise("07.3")
def shapes(answer: Any) -> str:
    net = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Linear(8, 2))
    found = call(answer, net, torch.zeros(3, 4))
    require(isinstance(found, dict), f"A dictionary is asked for, got {type(found).__name__}.")
    left = sum(len(module._forward_hooks) for module in net.modules())
    require(left == 0, f"{left} hooks are left on the network: remove each by its handle.")
    expected = {"0.0": (3, 8), "0.1": (3, 8), "1": (3, 2)}
    require(
        set(expected) <= set(found),
        f"It has the names {sorted(found)}, expected {sorted(expected)}. Take them from "
        "named_modules; a closure in a loop needs name=name.",
    )
    require(
        set(found) == set(expected),
        "It lists modules that have children, too: leave those out.",
    )
    values = {name: tuple(shape) for name, shape in found.items()}
    require(values == expected, f"The shapes are {values}, expected {expected}.")
    require(
        all(type(shape) is tuple for shape in found.values()),
        "The shapes are of another type: tuple(output.shape) makes tuples.",
    )
    return "That is the heart of torchinfo."
