"""Checks of chapter 16, training."""

from typing import Any

import torch
from torch import nn

from helpers.checks.machinery import call, close, exercise, require


@exercise("16.1")
def top_k_accuracy(answer: Any) -> str:
    logits = torch.tensor(
        [[3.0, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0], [1.0, 3.0, 2.0, 0.0], [9.0, 1.0, 8.0, 7.0]]
    )
    targets = torch.tensor([0, 2, 0, 3])
    for k, expected in ((2, 0.5), (1, 0.25), (3, 1.0)):
        value = float(call(answer, logits, targets, k))
        require(
            value <= 1,
            f"With k={k} it gave {value:g}. Accuracy is a share: divide by the number of samples.",
        )
        require(
            abs(value - expected) < 1e-6,
            f"With k={k} it gave {value:.2f}, expected {expected:.2f}. A sample counts when its "
            "target is among the k largest logits: see torch.topk, and compare its indices with "
            "targets.unsqueeze(1).",
        )
    return "With k=1 it is the accuracy that you know."


@exercise("16.2")
def train_step(answer: Any) -> str:
    torch.manual_seed(3)
    inputs, targets = torch.randn(32, 5), torch.randint(0, 3, (32,))
    model, twin = nn.Linear(5, 3), nn.Linear(5, 3)
    twin.load_state_dict(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    reference = torch.optim.SGD(twin.parameters(), lr=0.5)
    criterion = nn.CrossEntropyLoss()
    before = model.weight.detach().clone()
    for step in range(3):
        value = call(answer, model, inputs, targets, optimizer, criterion)
        reference.zero_grad()
        loss = criterion(twin(inputs), targets)
        loss.backward()
        reference.step()
        require(
            not torch.equal(model.weight, before),
            "The weights did not change. Are both loss.backward() and optimizer.step() there?",
        )
        require(
            close(model.weight, twin.weight),
            f"After step {step + 1} the weights are not what one clean step gives. "
            + (
                "The first step was right: old gradients are added to new ones."
                if step
                else "Is the order forward, loss, backward, step?"
            ),
        )
        require(
            isinstance(value, float),
            f"Return the loss as a float, not {type(value).__name__}: a tensor would keep its "
            "whole graph alive. loss.item() takes the number out.",
        )
    return "Your weights equal the reference after three steps."


@exercise("16.3")
def mean_loss(answer: Any) -> str:
    losses, sizes = [1.0, 1.0, 4.0], [64, 64, 16]
    value = float(call(answer, losses, sizes))
    require(
        abs(value - 2.0) > 1e-6,
        "This is the mean of the batch means: the 16 samples of the last batch count four times "
        "as much as they should.",
    )
    require(
        abs(value - (64 + 64 + 64) / 144) < 1e-6,
        f"It gave {value:.4f}. Each batch's mean, times its size, summed; divided by all samples.",
    )
    return "Every sample counts the same."


@exercise("16.4")
def confusion(answer: Any) -> str:
    generator = torch.Generator().manual_seed(4)
    truth = torch.randint(0, 4, (60,), generator=generator)
    predicted = torch.randint(0, 4, (60,), generator=generator)
    expected = torch.zeros(4, 4, dtype=torch.int64)
    for t, p in zip(truth.tolist(), predicted.tolist(), strict=True):
        expected[t, p] += 1
    counts = call(answer, truth, predicted, 4)
    require(
        isinstance(counts, torch.Tensor) and tuple(counts.shape) == (4, 4),
        "confusion(truth, predicted, 4) should be a tensor of shape (4, 4).",
    )
    require(
        not close(counts, expected.t()),
        "Rows and columns are exchanged: rows are the true classes.",
    )
    require(
        close(counts, expected),
        "The counts are not right. If you index with [truth, predicted] += 1, repeated pairs "
        "count once: use bincount on truth * classes + predicted.",
    )
    return "bincount counts repeated pairs, which indexing does not."
