"""A check list for classifiers: four numbers to look at before a long training.

The definitions equal those of chapter 33. Each works on a copy of the model.
"""

import copy
import math
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@torch.no_grad()
def first_loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> float:
    """Returns the cross-entropy as a multiple of log K, which is about 1 for a new model.

    Args:
        model: Maps inputs (N, ...) to logits (N, K) with K >= 2.
        inputs: A batch, on the model's device.
        targets: Class numbers (N,), int64.
    """
    logits = copy.deepcopy(model)(inputs)
    return F.cross_entropy(logits, targets).item() / math.log(logits.shape[1])


def overfit_one_batch(
    model: nn.Module, inputs: Tensor, targets: Tensor, steps: int = 100, lr: float = 1e-2
) -> float:
    """Trains a copy on one batch with Adam; returns the last loss, about 0 for a healthy model.

    Args:
        model: Maps inputs (N, ...) to logits (N, K).
        inputs: A batch, on the model's device.
        targets: Class numbers (N,), int64.
        steps: Updates, at least 1.
        lr: Adam's learning rate.

    Raises:
        RuntimeError: No parameter requires a gradient.
    """
    model = copy.deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
    return loss.item()


def gradient_norms(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, float]:
    """Returns the norm of each parameter's gradient after one backward pass, 0 where there is none.

    Args:
        model: Maps inputs (N, ...) to logits (N, K).
        inputs: A batch, on the model's device.
        targets: Class numbers (N,), int64.

    Raises:
        RuntimeError: No parameter requires a gradient.
    """
    model = copy.deepcopy(model)
    model.zero_grad()
    F.cross_entropy(model(inputs), targets).backward()
    return {
        name: 0.0 if p.grad is None else p.grad.norm().item()
        for name, p in model.named_parameters()
    }


def above_chance(
    run: Callable[[Tensor, Tensor], float],
    inputs: Tensor,
    targets: Tensor,
    seeds: Iterable[int] = range(5),
) -> list[float]:
    """Returns by how much a validation accuracy exceeds chance when all labels are shuffled.

    Nothing can be known about a shuffled label, so what lies above 0 leaks from the validation
    data into the training. Chance is the share of the most frequent class.

    Args:
        run: Maps (inputs, targets) to a validation accuracy; it cleans, splits and trains.
        inputs: All inputs (N, ...).
        targets: All class numbers (N,), int64.
        seeds: Of the shufflings, one result each.

    Source: M. Ojala and G. C. Garriga (2010), Permutation tests for studying classifier
        performance, JMLR 11, 1833-1863.
    """
    chance = targets.bincount().max().item() / len(targets)
    found = []
    for seed in seeds:
        order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(seed))
        found.append(run(inputs, targets[order]) - chance)
    return found
