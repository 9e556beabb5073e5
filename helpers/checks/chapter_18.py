"""Checks of chapter 18, Learning-rate schedules."""

import warnings
from typing import Any

import torch
from torch import nn, optim
from torch.optim import lr_scheduler

from helpers.checks.machinery import Wrong, call, exercise, require, require_subclass


@exercise("18.1")
def trapezoid(answer: Any) -> str:
    for t, expected, where in (
        (0, 0.0, "at the start"),
        (2, 0.5, "half-way up"),
        (4, 1.0, "at the end of the warm-up"),
        (10, 1.0, "where it stays"),
        (14, 1.0, "where the way down begins"),
        (19, 0.5, "half-way down"),
        (24, 0.0, "at the end"),
    ):
        value = float(call(answer, t, 4, 10, 10))
        require(
            abs(value - expected) < 1e-6,
            f"trapezoid({t}, warm=4, stay=10, down=10) is {where}: it gave {value:.3f}, expected "
            f"{expected}.",
        )
    value = float(answer(40, 4, 10, 10))
    require(value >= 0, f"After its end it gave {value:.3f}: a negative rate climbs the loss.")
    require(value == 0, f"After its end it gave {value:.3f}, expected 0.")
    try:
        value = answer(0, 0, 5, 5)
    except ZeroDivisionError as error:
        raise Wrong("Without a warm-up (warm=0) it divides by 0.") from error
    require(value == 1, f"Without a warm-up (warm=0) it gave {value} at t = 0, expected 1.")
    return "Give it to LambdaLR."


@exercise("18.2")
def inverse_sqrt(answer: Any) -> str:
    require_subclass(answer, lr_scheduler.LRScheduler, "lr_scheduler.LRScheduler")
    parameters = [nn.Parameter(torch.ones(1)) for _ in range(2)]
    optimizer = optim.SGD([{"params": parameters[:1], "lr": 0.4}, {"params": parameters[1:]}], lr=4)
    try:
        scheduler = answer(optimizer)
    except TypeError as error:
        raise Wrong(
            "The scheduler could not be made: get_lr should return a list, one rate a group."
        ) from error
    seen = []
    for _ in range(9):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler.step()
    require(seen[0] != [..., ...], "get_lr is not written yet.")
    require(
        abs(seen[0][1] - 4) < 1e-9,
        f"At t = 0 the second group has {seen[0][1]:.3f}, expected its first rate, 4.",
    )
    require(
        abs(seen[0][0] - 0.4) < 1e-9,
        f"At t = 0 the first group has {seen[0][0]:.3f}, expected its own rate, 0.4: use base_lrs.",
    )
    third = 4 / 3**0.5 / 2**0.5
    require(
        abs(seen[2][1] - third) > 1e-6,
        "The factors pile up: start from base_lrs, not from the present rate.",
    )
    require(
        abs(seen[3][1] - 2) < 1e-9 and abs(seen[8][1] - 4 / 3) < 1e-9,
        f"At t = 3 and 8 the second group has {seen[3][1]:.3f} and {seen[8][1]:.3f}, expected "
        "2.000 and 1.333.",
    )
    return "It has state_dict and load_state_dict already."


@exercise("18.3")
def plateau(answer: Any) -> str:
    losses = [1.0, 0.8, 0.9, 0.8, 0.85, 0.9, 0.95, 0.99, 0.7, 0.71, 0.72, 0.73, 0.74, 0.75]
    for patience in (2, 1, 0):
        optimizer = optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
        scheduler = lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=0.5, patience=patience, threshold=0.0
        )
        expected = []
        for loss in losses:
            scheduler.step(loss)
            expected.append(optimizer.param_groups[0]["lr"])
        rates = list(call(answer, list(losses), patience, 0.5, 1.0))
        require(
            len(rates) == len(losses), f"{len(losses)} losses gave {len(rates)} rates, not as many."
        )
        wrong = [
            k for k, (a, b) in enumerate(zip(rates, expected, strict=True)) if abs(a - b) > 1e-9
        ]
        if wrong:
            first = wrong[0]
            raise Wrong(
                f"With patience {patience}, after the losses {losses[: first + 1]} the rate was "
                f"{rates[first]}, expected {expected[first]}. Count the losses since the best one; "
                "as many as patience are forgiven, and after a cut the count begins again."
            )
    return "Loss by loss as PyTorch does it."
