"""Checks of chapter 14, Losses."""

from typing import Any

import torch
from torch.nn import functional as F

from helpers.checks.machinery import Wrong, call, exercise, require, require_tensor


@exercise("14.1")
def cross_entropy(answer: Any) -> str:
    torch.manual_seed(3)
    logits, labels = torch.randn(6, 4), torch.tensor([0, 3, 1, 1, 2, 0])
    expected = F.cross_entropy(logits, labels)
    value = require_tensor(call(answer, logits, labels), "cross_entropy(logits, labels)", ())
    require(
        not torch.isclose(value, 6 * expected),
        "That is the sum over the samples: take the mean.",
    )
    require(not torch.isclose(value, -expected), "The sign is reversed: a loss is positive.")
    require(
        torch.isclose(value, expected, atol=1e-5),
        f"It gave {value:.4f}, expected {expected:.4f}.",
    )
    large = torch.tensor([[1000.0, 0.0], [-1000.0, 0.0]])
    value = answer(large, torch.tensor([0, 1]))
    require(
        bool(value.isfinite()),
        f"Logits of 1000 gave {value}: exp(1000) is infinite. logsumexp subtracts the largest "
        "first.",
    )
    require(abs(float(value)) < 1e-6, f"Logits of 1000, both right, cost {value}, expected 0.")
    return "And it never overflows."


@exercise("14.2")
def pinball(answer: Any) -> str:
    prediction, target = torch.tensor([1.0, 4.0, 2.0]), torch.tensor([3.0, 1.0, 2.0])
    expected = (0.9 * 2 + 0.1 * 3) / 3
    value = float(call(answer, prediction, target, 0.9))
    require(
        abs(value - (0.1 * 2 + 0.9 * 3) / 3) > 1e-5,
        "The two sides are exchanged: tau weighs predictions that are too low.",
    )
    require(value > 0, f"It gave {value:.3f}: a loss is not negative. Look at the signs.")
    require(abs(value - 3 * expected) > 1e-5, "That is the sum: take the mean.")
    require(abs(value - expected) < 1e-5, f"It gave {value:.3f}, expected {expected:.3f}.")
    half = float(answer(prediction, target, 0.5))
    require(
        abs(half - F.l1_loss(prediction, target).item() / 2) < 1e-5,
        "At tau = 0.5 it should be half the L1 loss.",
    )
    return "Its minimum is the quantile."


@exercise("14.3")
def balanced_weights(answer: Any) -> str:
    labels = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 3])
    weights = require_tensor(call(answer, labels, 5), "balanced_weights(labels, 5)", (5,)).float()
    require(
        bool(weights.isfinite().all()),
        "A class without samples got no finite weight: do not divide by 0.",
    )
    require(
        weights[2] == 0 and weights[4] == 0,
        f"Classes without samples got {weights[2]:.2f} and {weights[4]:.2f}, expected 0.",
    )
    total = weights * torch.tensor([6, 2, 0, 1, 0])
    require(
        torch.allclose(total[[0, 1]], total[3].expand(2)),
        "The classes do not have the same total weight over the labels: divide by their counts.",
    )
    mean = (total.sum() / 9).item()
    require(
        abs(mean - 1) < 1e-5,
        f"The weights of the samples average {mean:.3f}, expected 1.",
    )
    return "Give it to CrossEntropyLoss as weight."


@exercise("14.4")
def shortest_input(answer: Any) -> str:
    require(
        call(answer, [1, 2, 3]) != 7,
        "Three different letters need 3 steps: blanks are needed between equal letters only.",
    )
    for letters, expected in (([1, 2, 3], 3), ([], 0), ([5], 1), ([1, 2, 1], 3)):
        steps = call(answer, list(letters))
        require(steps == expected, f"{letters} gave {steps}, expected {expected}.")
    for letters, expected in (([1, 1], 3), ([2, 2, 2, 1, 1], 8)):
        steps = call(answer, list(letters))
        if steps == len(letters):
            raise Wrong(f"{letters} gave {steps}: equal neighbours need a blank between them.")
        require(steps == expected, f"{letters} gave {steps}, expected {expected}.")
    return "CTCLoss is finite from there on."
