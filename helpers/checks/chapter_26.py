"""Checks of chapter 26, the capstone."""

from typing import Any

import torch
from torch import nn

from helpers.checks.machinery import call, exercise, require


@exercise("26.1")
def views(answer: Any) -> str:
    torch.manual_seed(26)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Dropout(0.5))
    images = 3 * torch.randn(5, 1, 2, 2)
    transforms = [lambda x: x, lambda x: x.flip(3), lambda x: 2 * x]
    model.eval()
    with torch.no_grad():
        logits = torch.stack([model(t(images)) for t in transforms])
    model.train()
    result = call(answer, model, images, transforms)
    require(
        isinstance(result, torch.Tensor) and tuple(result.shape) == (5, 3),
        f"Return a tensor of shape (5, 3), got {getattr(result, 'shape', type(result).__name__)}.",
    )
    require(
        not torch.allclose(result, logits.mean(0).softmax(1), atol=1e-5),
        "The logits were averaged and then the softmax taken. Average the probabilities.",
    )
    require(
        not torch.allclose(result, logits.mean(0), atol=1e-5),
        "These are mean logits: take the softmax of each view first.",
    )
    require(
        torch.allclose(result, logits.softmax(2).mean(0), atol=1e-5),
        "The probabilities are others. Was the model in eval() mode? Its dropout is at work.",
    )
    require(model.training, "The model came in train() mode and was left in eval() mode.")
    return "Any set of views that keeps the label will do."


@exercise("26.2")
def mcnemar(answer: Any) -> str:
    first = torch.tensor([True] * 90 + [False] * 10)
    second = torch.tensor([True] * 88 + [False] * 2 + [True] * 8 + [False] * 2)
    result = call(answer, first, second)
    require(
        not isinstance(result, float) or abs(result - 56 / 1024) > 1e-9,
        "That is one side only. The result could be as uneven the other way: times 2.",
    )
    require(
        isinstance(result, float) and abs(result - 112 / 1024) < 1e-9,
        f"With 8 gained and 2 lost it returned {result!r}, expected 112 / 1024 = 0.109. "
        "Images on which both are right or both wrong say nothing.",
    )
    same = call(answer, first, first)
    require(
        same == 1.0,
        f"Where the models never differ it returned {same!r}; a probability is at most 1.",
    )
    back = call(answer, second, first)
    require(back == result, "The order of the two models should not matter.")
    return "On eighteen differences, 14 to 4 is the first result below 0.05."


@exercise("26.3")
def calibration(answer: Any) -> str:
    probabilities = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [1.0, 0.0]])
    labels = torch.tensor([0, 0, 1, 1])
    result = call(answer, probabilities, labels, 5)
    require(
        isinstance(result, float),
        f"Return a float, got {type(result).__name__}.",
    )
    wanted = 0.75 * abs(2 / 3 - 2.8 / 3) + 0.25 * 0.3
    require(
        abs(result - (abs(2 / 3 - 2.8 / 3) + 0.3) / 2) > 1e-6,
        "The intervals count alike. Weight each by its share of the answers.",
    )
    require(
        abs(result - abs(0.75 - 0.875)) > 1e-6,
        "Distances were taken after averaging over all: over- and under-confidence cancel. Take "
        "the distance in each interval.",
    )
    require(
        abs(result - wanted) < 1e-6,
        f"It returned {result:.4f}, expected {wanted:.4f}: 0.9, 0.9 and 1.0 are in the last of "
        "five intervals, 0.7 in the one before.",
    )
    return "Try it on the probabilities of this chapter, with and without label smoothing."
