"""Checks of chapter 09, initialisation."""

import math
from typing import Any

import torch
from torch import nn

from helpers.checks.machinery import call, close, exercise, require


@exercise("09.1")
def kaiming_std(answer: Any) -> str:
    for shape, fan_in, fan_out in (((64, 100), 100, 64), ((32, 16, 3, 5), 240, 480)):
        value = float(call(answer, shape))
        name = f"kaiming_std({shape})"
        require(
            abs(value - 2 / fan_in) > 1e-6,
            f"{name} gave the variance: the standard deviation is its root.",
        )
        require(
            abs(value - math.sqrt(2 / fan_out)) > 1e-6,
            f"{name} used the fan-out: a unit sums over its inputs, shape[1:].",
        )
        require(
            abs(value - math.sqrt(1 / fan_in)) > 1e-6,
            f"{name} lacks the gain of ReLU, the 2 under the root.",
        )
        require(
            abs(value - math.sqrt(2 / shape[1])) > 1e-6 or len(shape) == 2,
            f"{name} forgot the kernel: each output sums over inputs × height × width.",
        )
        require(
            abs(value - math.sqrt(2 / fan_in)) < 1e-6,
            f"{name} gave {value:.4f}, expected {math.sqrt(2 / fan_in):.4f}.",
        )
    return "That is what kaiming_normal_ draws with."


@exercise("09.2")
def initialize(answer: Any) -> str:
    net = nn.Sequential(
        nn.Embedding(200, 50),
        nn.Linear(50, 40),
        nn.ReLU(),
        nn.Sequential(nn.Linear(40, 30, bias=False), nn.LayerNorm(30)),
    )
    with torch.no_grad():
        net[3][1].weight.fill_(7.0)
    net.apply(answer)
    first, second = net[1], net[3][0]
    for layer in (first, second):
        product = layer.weight @ layer.weight.T
        require(
            not close(product, torch.eye(len(product)), 1e-4),
            "The linear weights are orthogonal with gain 1: the gain should be √2.",
        )
        require(
            close(product, 2 * torch.eye(len(product)), 1e-4),
            f"The weight of {layer} is not orthogonal with gain √2. apply visits every module: "
            "ask each with isinstance.",
        )
    require(close(first.bias, torch.zeros(40)), "The bias of the linear layer is not zero.")
    table = net[0].weight.detach()
    spread, mean = table.std().item(), table.mean().item()
    require(
        0.018 < spread < 0.022 and abs(mean) < 0.002,
        f"The embedding has mean {mean:.3f} and spread {spread:.3f}, expected 0 and 0.02. Is it "
        "normal_(..., std=0.02)?",
    )
    require(
        close(net[3][1].weight, torch.full((30,), 7.0)),
        "The layer norm has changed: leave all other modules as they are.",
    )
    return "One function, any network."


@exercise("09.3")
def spreads(answer: Any) -> str:
    torch_state = torch.get_rng_state()
    torch.manual_seed(5)
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Sequential(nn.Linear(8, 9), nn.Linear(9, 3)))
    x = torch.randn(20, 6)
    torch.set_rng_state(torch_state)
    first = net[0](x)
    second = net[2][0](first.relu())
    third = net[2][1](second)
    expected = [t.std().item() for t in (first, second, third)]
    found = call(answer, net, x)
    require(isinstance(found, list), f"A list is asked for, got {type(found).__name__}.")
    left = sum(len(module._forward_hooks) for module in net.modules())
    require(left == 0, f"{left} hooks are left on the network: remove each by its handle.")
    require(
        len(found) == 3,
        f"It has {len(found)} entries, the network has 3 linear layers, one of them inside another "
        "module.",
    )
    require(
        all(isinstance(value, float) for value in found),
        "The entries should be floats: .item() takes the number out of a tensor.",
    )
    require(
        not close(
            torch.tensor(found),
            torch.tensor([m.weight.std().item() for m in (net[0], net[2][0], net[2][1])]),
        ),
        "These are the spreads of the weights: the outputs are asked for.",
    )
    require(
        close(torch.tensor(found), torch.tensor(expected)),
        f"It gave {[round(v, 3) for v in found]}, expected {[round(v, 3) for v in expected]}.",
    )
    return "Now you can see a signal die."
