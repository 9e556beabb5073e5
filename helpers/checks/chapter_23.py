"""Checks of chapter 23, inspecting models."""

from typing import Any

import torch
from torch import nn

from helpers.checks.machinery import call, exercise, require


def _model() -> nn.Module:
    torch.manual_seed(23)
    model = nn.Module()
    model.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    model.encoder = nn.Linear(3, 5, bias=False)
    model.decoder = nn.Linear(3, 5)
    model.decoder.weight = model.encoder.weight
    model.body[0].requires_grad_(False)
    return model


@exercise("23.1")
def count(answer: Any) -> str:
    result = call(answer, _model())
    keys = {"trainable", "frozen", "buffers"}
    require(
        isinstance(result, dict) and set(result) == keys,
        f"Return a dictionary with the keys {', '.join(sorted(keys))}; got {result!r}.",
    )
    require(
        result["trainable"] != 39,
        "trainable is 39, expected 24: encoder and decoder share a weight, which counts once. "
        "state_dict() names it twice; parameters() gives it once.",
    )
    require(
        result["trainable"] != 44,
        "trainable is 44, expected 24: the frozen convolution is in it. Ask requires_grad.",
    )
    require(
        result["trainable"] != 4 and result["frozen"] != 2,
        "That is the number of tensors. Sum numel() over them.",
    )
    wanted = {"trainable": 24, "frozen": 20, "buffers": 5}
    for key, value in wanted.items():
        require(
            result[key] == value,
            f"{key} is {result[key]!r}, expected {value}. The model's tensors are the frozen "
            "Conv2d(1, 2, 3), a BatchNorm2d(2), a shared 5 by 3 weight and a bias of 5.",
        )
    return "The counter of batches is a buffer too: a number of its own."


@exercise("23.2")
def work(answer: Any) -> str:
    plain = nn.Conv2d(3, 8, 3, padding=1)
    result = call(answer, plain, 10, 12)
    require(
        result != 8 * 28 * 120,
        "The biases are counted: weight.numel() alone is what is multiplied.",
    )
    require(
        result == 216 * 120,
        f"For {plain} on 10 by 12: {result!r}, expected {216 * 120} = 216 weights × 120 positions.",
    )
    grouped = nn.Conv2d(6, 12, 3, groups=3, bias=False)
    result = call(answer, grouped, 9, 9)
    require(
        result != 12 * 6 * 9 * 49,
        "With groups, each output channel sees only its group's inputs. The shape of the weight "
        "knows it: use weight.numel().",
    )
    require(result == 216 * 49, f"For {grouped} on 9 by 9: {result!r}, expected {216 * 49}.")
    strided = nn.Conv2d(1, 2, (5, 3), stride=(2, 1), padding=(2, 0), dilation=(1, 2), bias=False)
    result = call(answer, strided, 11, 13)
    require(
        result == 30 * 6 * 9,
        f"For {strided} on 11 by 13: {result!r}, expected {30 * 6 * 9} = 30 weights × 6 × 9 "
        "positions. Each argument is a pair: height first.",
    )
    return "The same numbers as FlopCounterMode's, halved."


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.relu(self.first(x)))


def _hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


@exercise("23.3")
def record(answer: Any) -> str:
    torch.manual_seed(23)
    model, x = _Network(), torch.randn(5, 4)
    with torch.no_grad():
        first = model.first(x)
        last = model.last(first.relu())
    result = call(answer, model, ["first", "last"], x)
    require(
        isinstance(result, dict) and set(result) == {"first", "last"},
        f"Return a dictionary with the names asked for; got {type(result).__name__}"
        + (f" with {sorted(map(str, result))}." if isinstance(result, dict) else "."),
    )
    require(
        all(isinstance(value, torch.Tensor) for value in result.values()),
        "The values are the outputs themselves, as tensors.",
    )
    require(
        result["first"].shape != result["last"].shape,
        "Both names hold the same layer's output. A function looks up name when it is called: "
        "bind it by name=name.",
    )
    require(_hooks(model) == 0, f"{_hooks(model)} hooks are still there: remove each handle.")
    require(
        (result["first"] < 0).any(),
        "The output of first has been overwritten by the ReLU after it, which works in place: "
        "store a clone.",
    )
    require(
        all(not value.requires_grad for value in result.values()),
        "The outputs still hold their graph: detach them.",
    )
    for name, value in (("first", first), ("last", last)):
        require(torch.allclose(result[name], value), f"The output of {name} has other values.")
    try:
        answer(model, ["first"], torch.randn(5, 7))
    except RuntimeError:
        pass
    else:
        require(False, "The model's error was swallowed. The caller must see it.")
    require(
        _hooks(model) == 0,
        "After an error in the model the hook is still there: remove it in finally, or use with.",
    )
    return "Any model, any depth, and no trace."
