"""Typical wrong answers to the exercises of chapter 09, and the hint that each must get."""

import math

from torch import nn
from torch.nn import init


def variance(shape):
    return 2 / math.prod(shape[1:])


def fan_out(shape):
    return math.sqrt(2 / (shape[0] * math.prod(shape[2:])))


def no_gain(shape):
    return math.sqrt(1 / math.prod(shape[1:]))


def no_kernel(shape):
    return math.sqrt(2 / shape[1])


def gain_one(module):
    if isinstance(module, nn.Linear):
        init.orthogonal_(module.weight)


def mean_instead(module):
    if isinstance(module, nn.Linear):
        init.orthogonal_(module.weight, gain=math.sqrt(2))
        if module.bias is not None:
            init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        init.normal_(module.weight, 0.02)


def bias_forgotten(module):
    if isinstance(module, nn.Linear):
        init.orthogonal_(module.weight, gain=math.sqrt(2))


def everything(module):
    mean_instead(module)
    if isinstance(module, nn.Embedding):
        init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.LayerNorm):
        init.ones_(module.weight)


def of_weights(net, x):
    return [m.weight.std().item() for m in net.modules() if isinstance(m, nn.Linear)]


def top_level_only(net, x):
    found = []
    for layer in net:
        x = layer(x)
        if isinstance(layer, nn.Linear):
            found.append(x.std().item())
    return found


def leaves_hooks(net, x):
    found = []
    for module in net.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(lambda m, i, o: found.append(o.std().item()))
    net(x)
    return found


WRONG = {
    "09.1": [
        (variance, "gave the variance"),
        (fan_out, "used the fan-out"),
        (no_gain, "lacks the gain"),
        (no_kernel, "forgot the kernel"),
    ],
    "09.2": [
        (gain_one, "the gain should be √2"),
        (mean_instead, "normal_(..., std=0.02)"),
        (bias_forgotten, "is not zero"),
        (everything, "leave all other modules"),
    ],
    "09.3": [
        (of_weights, "spreads of the weights"),
        (top_level_only, "inside another module"),
        (leaves_hooks, "hooks are left"),
    ],
}
