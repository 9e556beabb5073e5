"""Checks of chapter 11, AlexNet."""

from typing import Any

import torch
from torch import nn

from helpers.checks.machinery import call, close, exercise, require, require_tensor
from helpers.models import AlexNet


@exercise("11.1")
def sizes(answer: Any) -> str:
    layers = [(11, 4, 0), (3, 2, 0), (5, 1, 2), (3, 2, 0), (3, 1, 1), (3, 2, 0)]
    found = call(answer, layers, 224)
    require(isinstance(found, list), f"A list is asked for, got {type(found).__name__}.")
    require(
        len(found) == len(layers),
        f"The list has {len(found)} entries for {len(layers)} layers: one after each layer.",
    )
    require(
        all(isinstance(size, int) for size in found),
        f"{found} has sizes that are no whole numbers: // rounds down.",
    )
    expected = [54, 26, 26, 12, 12, 5]
    require(
        found[0] != 53,
        "After the first layer it gives 53: the place where the kernel starts counts too, + 1.",
    )
    require(
        found[2] == 26 or found[:2] != expected[:2],
        f"After the third layer it gives {found[2]}, expected 26: padding is added on both ends.",
    )
    require(found == expected, f"It gave {found}, expected {expected}.")
    return "You can read an architecture now."


@exercise("11.2")
def dropout(answer: Any) -> str:
    x = torch.full((100, 100), 3.0)
    state = torch.get_rng_state()
    try:
        torch.manual_seed(0)
        off = require_tensor(call(answer, x, 0.4, False), "dropout(x, 0.4, False)", (100, 100))
        y = require_tensor(call(answer, x, 0.4, True), "dropout(x, 0.4, True)", (100, 100))
        again = call(answer, x, 0.4, True)
        whole = call(answer, x, 0.0, True)
    finally:
        torch.set_rng_state(state)
    require(close(off, x), "Without training, it should return x as it is.")
    require(bool((x == 3).all()), "x itself has changed: return a new tensor.")
    zeros = float((y == 0).float().mean())
    require(
        not 0.57 < zeros < 0.63,
        f"With p = 0.4 a share of {zeros:.2f} became zero: p is the probability to drop, not to "
        "keep.",
    )
    require(0.37 < zeros < 0.43, f"With p = 0.4 a share of {zeros:.2f} became zero.")
    kept = y[y != 0]
    require(
        not close(kept, torch.full_like(kept, 3.0)),
        "What is kept should be larger: divide by 1 - p, so that the mean stays.",
    )
    require(
        close(kept, torch.full_like(kept, 5.0)),
        f"What is kept became {kept[0].item():.2f}, expected 3 / (1 - 0.4) = 5.",
    )
    require(not torch.equal(y, again), "Two calls drop the same numbers: draw anew each time.")
    require(
        bool((y == 0).any(dim=0).float().mean() > 0.9) and len(y.unique(dim=0)) > 50,
        "Whole rows are dropped together: draw for each number on its own.",
    )
    require(close(whole, x), "With p = 0 nothing should change.")
    return "The mean stays, the certainty goes."


@exercise("11.3")
def adapt(answer: Any) -> str:
    torch_state = torch.get_rng_state()
    net = AlexNet(1, 3).eval()
    torch.set_rng_state(torch_state)
    x = torch.randn(1, 1, 224, 224, generator=torch.Generator().manual_seed(0))
    layers = len(net.features)
    with torch.no_grad():
        expected = net(x)
        result = call(answer, net)
        require(isinstance(result, nn.Module), "It should return a network.")
        require(
            len(net.features) == layers,
            "The network that was passed in has changed: work on a deep copy.",
        )
        result.eval()
        same = result(x)
        require(
            close(same, expected, 1e-4),
            "For 224 pixels the output differs from the original's: average pooling from 5 × 5 to "
            "5 × 5 changes nothing, and the weights should be the same.",
        )
        for size in (67, 100, 300):
            try:
                shape = tuple(result(torch.zeros(2, 1, size, size)).shape)
            except RuntimeError:
                shape = None
            require(
                shape == (2, 3),
                f"For {size} pixels it fails. Is nn.AdaptiveAvgPool2d(5) before nn.Flatten?",
            )
    return "torchvision's alexnet does the same."
