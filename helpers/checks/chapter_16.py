"""Checks of chapter 16, training."""

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from helpers.checks.changes import KINDS, Snapshot
from helpers.checks.machinery import (
    Draw,
    as_float,
    as_list,
    as_numbers,
    call,
    compare,
    diagnose,
    exercise,
    forbid,
    plain,
    require,
)

COUNTED = "That is the number of hits. Accuracy is a share: divide by the number of samples."


@exercise(
    "16.1",
    hints=(
        "Which k classes have the largest logits of a sample? The sample counts when its target is "
        "one of them, wherever it stands among them.",
        "logits.topk(k, dim=1).indices has shape (N, k), and targets.unsqueeze(1) has (N, 1): "
        "compare them, any(dim=1), then the mean over the samples as a float.",
    ),
)
def top_k_accuracy(answer: Any) -> str:
    draw = Draw(1)
    small = torch.tensor(
        [[3.0, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0], [1.0, 3.0, 2.0, 0.0], [9.0, 1.0, 8.0, 7.0]]
    )
    cases = [
        (draw.normal(n, classes, dtype=dtype), draw.integers(0, classes, n))
        for n, classes, dtype in ((40, 7, torch.float64), (1, 3, torch.float32))
    ]
    cases.append((small, torch.tensor([0, 2, 0, 3])))
    for logits, targets in cases:
        n, classes = logits.shape
        own = logits[torch.arange(n), targets].unsqueeze(1)
        rank = (logits > own).sum(1)  # how many classes are better than the target
        for k in (2, 1, 3, classes):
            name = f"top_k_accuracy(logits, targets, {k}), for logits of shape ({n}, {classes}),"
            result, hits = call(answer, logits, targets, k), int((rank < k).sum())
            single = isinstance(result, int) or (isinstance(result, Tensor) and result.ndim == 0)
            if single and hits > 1:
                diagnose(result, {COUNTED: hits})
            value = as_float(result, name)
            compare(
                value,
                hits / n,
                name,
                tolerance=1e-6,
                typical=_accuracy_mistakes(logits, targets, rank, k),
                hint="A sample counts when its target is among the k largest logits: see "
                "torch.topk, and compare its indices with targets.unsqueeze(1).",
            )
    return "With k=1 it is the accuracy that you know."


def _accuracy_mistakes(logits: Tensor, targets: Tensor, rank: Tensor, k: int) -> dict[str, Any]:
    n, classes = logits.shape
    hits = int((rank < k).sum())
    best = logits.topk(k, dim=1).indices
    return {
        COUNTED: hits,
        "That is in percent: a share is between 0 and 1.": 100 * hits / n,
        "The hits were divided by k times the samples: a sample has k candidates, and any of them "
        "makes it one hit. Use any(dim=1) before the mean.": hits / (n * k),
        "That is the accuracy of the best class alone: the target may be any of the k largest "
        "logits.": (rank == 0).double().mean(),
        "Only a target at place k counts: the places before it count, too.": (
            (rank == k - 1).double().mean()
        ),
        "The k smallest logits were taken: the target should be among the largest.": (
            (rank >= classes - k).double().mean()
        ),
        "That is the share of misses.": 1 - hits / n,
        "One class too few was taken.": (rank < k - 1).double().mean(),
        "One class too many was taken.": (rank < k + 1).double().mean(),
        "Each target was looked for among the best classes of all samples: compare it with those "
        "of its own sample.": torch.isin(targets, best).double().mean(),
    }


@exercise(
    "16.2",
    hints=(
        "Four things must happen, in this order: forget old gradients, compute the loss, compute "
        "its gradients, move the weights. What is returned was computed before the weights moved.",
        "optimizer.zero_grad(); loss = criterion(model(inputs), targets); loss.backward(); "
        "optimizer.step(). loss.item() is the number as a Python float.",
    ),
)
def train_step(answer: Any) -> str:
    draw = Draw(2)
    for criterion, make, sizes in (
        (nn.CrossEntropyLoss(), lambda ps: torch.optim.SGD(ps, lr=0.5), (5, 3)),
        (nn.MSELoss(), lambda ps: torch.optim.Adam(ps, lr=0.1), (4, 2)),
        (nn.CrossEntropyLoss(reduction="sum"), lambda ps: torch.optim.SGD(ps, 0.01, 0.9), (3, 4)),
    ):
        inputs = draw.normal(12, sizes[0])
        targets = draw.integers(0, sizes[1], 12)
        if isinstance(criterion, nn.MSELoss):
            targets = draw.normal(12, sizes[1])
        model = nn.Sequential(
            nn.Linear(sizes[0], 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, sizes[1])
        )
        for p in model.parameters():
            p.data = draw.normal(*p.shape)
        _compare_steps(answer, model, inputs, targets, make, criterion)
    return "Your weights equal the reference after three steps."


def _compare_steps(
    answer: Any,
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    make: Callable[..., torch.optim.Optimizer],
    criterion: nn.Module,
) -> None:
    """Compares three steps with those of a twin, and with those of typical mistakes."""
    twin, hoarder, climber, sleeper = (copy.deepcopy(model) for _ in range(4))
    optimizer, *others = (make(m.parameters()) for m in (model, twin, hoarder, climber, sleeper))
    modes = Snapshot(model, "the argument model"), Snapshot(criterion, "the argument criterion")
    given = inputs.clone(), targets.clone()
    for step in (1, 2, 3):
        if step == 3:
            for p in model.parameters():
                p.grad = torch.full_like(p, 7.0)  # left by somebody else
        before = _weights(model)
        value = call(
            answer, model, inputs, targets, optimizer, criterion, changes=("values", "grad", "mode")
        )
        if step == 1:
            _clean_step(sleeper.eval(), *given, others[3], criterion)
            asleep = "The step was made in evaluation mode: leave the model in training mode."
            diagnose(_weights(model), {asleep: _weights(sleeper)}, 1e-4)
        for mode in modes:
            found = mode.change([kind for kind in KINDS if kind != "mode"])
            require(not found, f"T{found[1:]}")
        name = f"The loss that step {step} returned, with {type(criterion).__name__},"
        number = as_float(value, name)
        require(
            torch.equal(inputs, given[0]) and torch.equal(targets, given[1]),
            "The numbers in the inputs or targets have changed: an in-place operation is at work.",
        )
        loss = _clean_step(twin, *given, others[0], criterion)
        _clean_step(hoarder, *given, others[1], criterion, clear=False)
        _clean_step(climber, *given, others[2], criterion, sign=-1)
        if step == 3:
            compare(
                _weights(model),
                _weights(twin),
                "A weight after a step, where gradients were left in the model before,",
                tolerance=1e-4,
                hint="Old gradients count: clear them before backward, not after the step alone.",
            )
        else:
            compare(
                _weights(model),
                _weights(twin),
                f"A weight after step {step}, with {type(optimizer).__name__} and "
                f"{type(criterion).__name__},",
                tolerance=1e-4,
                typical={
                    "The weights did not change. Are both loss.backward() and optimizer.step() "
                    "there, in this order?": before,
                    "The first step was right, and then old gradients are added to new ones: "
                    "optimizer.zero_grad() is missing.": _weights(hoarder),
                    "The step goes uphill: backward on the loss itself.": _weights(climber),
                },
                hint="Is it forward, the loss of the given criterion, backward, one step, with the "
                "model in training mode?",
            )
        with torch.no_grad():
            after = criterion(copy.deepcopy(twin)(inputs), targets)
        compare(
            number,
            loss,
            name,
            tolerance=1e-4,
            typical={
                "That is the loss after the step: return the one that gave the gradients.": after,
                "The loss was multiplied by the batch size: return the criterion's value as it "
                "is.": loss * len(inputs),
                "The loss was divided by the batch size: return the criterion's value as it is.": (
                    loss / len(inputs)
                ),
            },
            hint="Return the value of criterion(model(inputs), targets), computed before the step.",
        )  # fmt: skip


def _weights(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()]).clone()


def _clean_step(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    optimizer: torch.optim.Optimizer,
    criterion: nn.Module,
    clear: bool = True,
    sign: int = 1,
) -> float:
    parameters = list(model.parameters())
    loss = criterion(model(inputs), targets)
    for p, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        p.grad = sign * gradient + (0 if clear or p.grad is None else p.grad)
    optimizer.step()
    return loss.item()


@exercise(
    "16.3",
    hints=(
        "What is the sum of the losses of all samples in a batch, if you know their mean and "
        "their number?",
        "Add up loss * size over the batches, and divide by sum(sizes). zip goes through both "
        "lists.",
    ),
)
def mean_loss(answer: Any) -> str:
    for losses, sizes in (
        ([1.0, 2.0, 4.0], [64, 48, 16]),
        ([0.5, 2.25], [3, 1]),
        ([0.7], [32]),
        ([2.0, 0.0, 1.0, 9.0], [1, 10, 5, 2]),
        ([3.0, 1.0], [8, 8]),
    ):
        total = sum(loss * size for loss, size in zip(losses, sizes, strict=True))
        n, b = sum(sizes), len(sizes)
        name = f"mean_loss({losses}, {sizes})"
        compare(
            call(answer, losses, sizes),
            total / n,
            name,
            tolerance=1e-5,
            typical={
                "This is the mean of the batch means: the samples of a small batch count more than "
                "those of a large one.": sum(losses) / b,
                "That is the sum of the losses of all samples: divide by their number.": total,
                "It was divided by the number of batches: divide by the number of samples.": (
                    total / b
                ),
                "The batch means were added, and not multiplied by their sizes.": sum(losses) / n,
                "It was divided by the number of batches and by the samples.": total / n / b,
                "The losses were divided by their sizes: multiply, which gives a batch's sum.": sum(
                    loss / size for loss, size in zip(losses, sizes, strict=True)
                ),
                "The last batch is missing.": lambda losses=losses, sizes=sizes: (
                    sum(loss * size for loss, size in zip(losses[:-1], sizes[:-1], strict=True))
                    / sum(sizes[:-1])
                ),
                "That is the median or the middle of the losses, which leaves out the sizes.": (
                    sorted(losses)[b // 2]
                ),
                "All batches were taken to be as large as the first: each has its own size.": (
                    total / (sizes[0] * b)
                ),
            },
            hint="Each batch's mean, times its size, summed; divided by all samples.",
        )
    return "Every sample counts the same."


@exercise(
    "16.4",
    hints=(
        "Give each pair (true class, predicted class) a number of its own, from 0 to classes² - 1. "
        "Then it is enough to count numbers.",
        "torch.bincount(truth * classes + predicted, minlength=classes**2) counts the pairs; "
        "view(classes, classes) makes the table, with true classes as rows.",
    ),
)
def confusion(answer: Any) -> str:
    draw = Draw(4)
    for n, classes, highest in ((60, 4, 4), (9, 5, 3), (1, 2, 1), (30, 3, 3), (7, 1, 1)):
        truth, predicted = draw.integers(0, highest, n), draw.integers(0, highest, n)
        expected = torch.zeros(classes, classes, dtype=torch.int64)
        for t, p in zip(truth.tolist(), predicted.tolist(), strict=True):
            expected[t, p] += 1
        name = f"confusion(truth, predicted, {classes}), for {n} samples,"
        rows, columns = expected.sum(1, keepdim=True), expected.sum(0, keepdim=True)
        compare(
            call(answer, truth, predicted, classes),
            expected,
            name,
            tolerance=1e-6,
            typical={
                "Rows and columns are exchanged: rows are the true classes.": expected.T,
                "Repeated pairs count once, which indexing with [truth, predicted] += 1 does: use "
                "bincount on truth * classes + predicted.": expected.clamp(max=1),
                "These are shares of each row: counts are asked for.": expected / rows.clamp(min=1),
                "These are shares of each column: counts are asked for.": (
                    expected / columns.clamp(min=1)
                ),
                "These are shares of all samples: counts are asked for.": expected / n,
                "Only right predictions are counted: wrong ones stand beside the diagonal.": (
                    expected.diag().diag()
                ),
                "Only wrong predictions are counted: right ones stand on the diagonal.": (
                    expected - expected.diag().diag()
                ),
            },
            hint="Row t and column p count the samples of true class t that were predicted as p.",
        )
    forbid(
        answer,
        loops="The counts are right, but there is a loop in the code. bincount counts all pairs "
        "truth * classes + predicted at once.",
    )
    return "bincount counts repeated pairs, which indexing does not."


@exercise(
    "16.5",
    hints=(
        "Each epoch has two halves: a pass over train_loader in training mode with the five lines "
        "of a step, and a pass over val_loader that only counts hits. What does each half switch?",
        "model.train() before the first half, model.eval() before the second; there, under "
        "torch.no_grad(), add up (logits.argmax(1) == y).sum().item() and divide by all samples.",
    ),
)
def train(answer: Any) -> str:
    draw = Draw(5)
    for epochs, sizes, batch in ((12, (620, 150), 100), (1, (300, 70), 48), (3, (260, 90), 80)):
        x, y = _blobs(draw, sum(sizes))
        (x, val_x), (y, val_y) = x.split(sizes), y.split(sizes)
        model = _Witness(draw, val_x, val_y).eval()
        frozen = model.net[0].weight.detach().clone()
        start = _weights(model)
        given = [t.clone() for t in (x, y, val_x, val_y)]
        loader = DataLoader(TensorDataset(x, y), 20, shuffle=True)
        val_loader = DataLoader(TensorDataset(val_x, val_y), batch)
        name = f"What train returned for {epochs} epoch{'s' * (epochs > 1)}"
        result = call(answer, model, loader, val_loader, epochs, changes=True)
        found = as_numbers(as_list(result, name, epochs), name, epochs)
        require(
            all(map(torch.equal, given, (x, y, val_x, val_y))),
            "The numbers in the data have changed: an in-place operation is at work.",
        )
        require(
            all(0 <= value <= 1 for value in found),
            f"{name} is {plain(found)}: an accuracy is a share between 0 and 1.",
        )
        _require_order(model, epochs, sizes)
        weight = model.net[0].weight
        require(
            torch.equal(weight.detach(), frozen) and not weight.requires_grad,
            "A frozen parameter has changed, or it is no longer frozen: leave requires_grad alone.",
        )
        require(
            not torch.equal(start, _weights(model)),
            "The weights did not change. Are both loss.backward() and optimizer.step() there?",
        )
        _require_accuracies(model, found, name)
        if epochs > 10:
            require(
                found[-1] >= 0.9,
                f"After {epochs} epochs on three well separated clouds of points, the validation "
                f"accuracy is {found[-1]:.2f}, and at least 0.9 is asked for. Is zero_grad there, "
                "and is the learning rate neither too small nor too large?",
            )
    return "All that can be asked of a loop. Now try it on Fashion-MNIST."


def _blobs(draw: Draw, n: int) -> tuple[Tensor, Tensor]:
    """Three clouds of points that a line separates, but for a few."""
    y = draw.integers(0, 3, n)
    centres = 2.5 * torch.eye(3, 6)
    return centres[y] + 0.7 * draw.normal(n, 6) - centres.mean(0), y


class _Witness(nn.Module):
    """A network that notes how it was run: on which set, in which mode, with what result."""

    def __init__(self, draw: Draw, val_x: Tensor, val_y: Tensor):
        super().__init__()
        self.net = nn.Sequential(
            *(nn.Linear(6, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.5), nn.Linear(24, 3))
        )
        for p in self.net.parameters():
            if p.dim() == 2:
                p.data = draw.normal(*p.shape) / p.shape[1] ** 0.5
        self.net[0].weight.requires_grad_(False)
        self.data = val_x.clone(), val_y.clone()
        self.learnt, self.seen = 0, 0  # samples of the training and of the validation set
        self.hits: list[Tensor] = []
        self.before: list[int] = []  # for each validation sample, how many had been learnt
        self.rows: set[tuple[float, ...]] = set()  # the different training samples
        self.wrong = dict.fromkeys(("recorded", "noisy", "quiet"), False)

    def forward(self, x: Tensor) -> Tensor:
        logits = self.net(x)
        same = (x.detach().cpu()[:, None] == self.data[0]).all(2)
        training = any(m.training for m in self.modules())
        if same.any():
            self.seen += len(x)
            self.before += [self.learnt] * len(x)
            self.hits.append(logits.detach().cpu().argmax(1) == self.data[1][same.long().argmax(1)])
            self.wrong["recorded"] |= torch.is_grad_enabled()
            self.wrong["noisy"] |= training
        elif torch.is_grad_enabled():
            self.learnt += len(x)
            self.rows.update(map(tuple, x.detach().cpu().tolist()))
            self.wrong["quiet"] |= not all(m.training for m in self.modules())
        return logits


def _require_order(model: _Witness, epochs: int, sizes: tuple[int, int]) -> None:
    """Looks at what the witness noted."""
    require(
        model.learnt >= epochs * sizes[0],
        f"In {epochs} epochs, {model.learnt} training samples went through the model with "
        f"gradients, and {epochs} passes over train_loader have {epochs * sizes[0]}.",
    )
    require(
        len(model.rows) >= sizes[0],
        f"Only {len(model.rows)} different training samples were learnt, and train_loader has "
        f"{sizes[0]}: go through all its batches in each epoch.",
    )
    require(
        not model.wrong["quiet"],
        "The model learnt in evaluation mode, at least for a part of the time: call model.train() "
        "at the beginning of each epoch.",
    )
    require(
        model.seen >= epochs * sizes[1],
        f"In {epochs} epochs, {model.seen} validation samples went through the model, and "
        f"{epochs} passes over val_loader have {epochs * sizes[1]}.",
    )
    if len(model.before) == epochs * sizes[1]:
        starts = [0, *model.before[:: sizes[1]]]
        require(
            all(after - before >= sizes[0] for before, after in pairwise(starts)),
            "Between two passes over val_loader there is no whole pass over train_loader: validate "
            "after each epoch.",
        )
    require(
        not model.wrong["noisy"],
        "The model was in training mode while it was validated: call model.eval() first.",
    )
    require(
        not model.wrong["recorded"],
        "Gradients were on during validation: put it under torch.no_grad().",
    )
    require(
        not any(m.training for m in model.modules()),
        "The model is left in training mode: it should be in evaluation mode.",
    )


def _require_accuracies(model: _Witness, found: list[float], name: str) -> None:
    hits = torch.cat(model.hits).float()
    x, y = model.data
    if len(hits) == len(found) * len(y):
        expected = hits.view(len(found), len(y)).mean(1).tolist()
        compare(
            found,
            expected,
            f"{name}, the list of validation accuracies,",
            tolerance=1e-4,
            hint="After each epoch, count the hits of all validation samples and divide by their "
            "number: batches differ in size.",
        )
    with torch.no_grad():
        last = (model.net(x.to(model.net[0].weight.device)).argmax(1).cpu() == y).float().mean()
    require(
        abs(float(last) - found[-1]) < 1e-4,
        f"The last accuracy is {found[-1]:.4f}, and that of the model as it was left is "
        f"{float(last):.4f}, over all validation samples.",
    )
