"""The training loop that chapter 16 builds, for the chapters after it.

The definitions equal the chapter's, but for docstrings and type annotations: a test compares them.
"""

import copy
import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from tqdm import tqdm


def train_one_epoch(
    model: nn.Module,
    loader: Iterable[tuple[Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    criterion: nn.Module,
    device: torch.device | str,
) -> float:
    """Goes through the loader once and updates the model after every batch.

    Args:
        model: Maps a batch (N, ...) to logits (N, K). It is set to ``train()``.
        loader: Yields inputs (N, ...) and targets (N,).
        optimizer: Holds the model's parameters.
        criterion: Maps (logits, targets) to the mean loss of the batch.
        device: Where the model is and the batches go.

    Returns:
        The loss averaged over samples, measured while the weights change.
    """
    model.train()
    total, count = 0.0, 0
    for inputs, targets in loader:
        inputs, targets = inputs.to(device), targets.to(device)
        optimizer.zero_grad()  # 1. forget the last batch's gradients
        logits = model(inputs)  # 2. forward
        loss = criterion(logits, targets)  # 3. compare
        loss.backward()  # 4. backward
        optimizer.step()  # 5. update
        total += loss.item() * len(inputs)
        count += len(inputs)
    return total / count


@torch.no_grad()
def evaluate(
    model: nn.Module,
    loader: Iterable[tuple[Tensor, Tensor]],
    criterion: nn.Module,
    device: torch.device | str,
) -> tuple[float, float]:
    """Measures loss and accuracy without changing the model's weights.

    Args:
        model: Maps a batch (N, ...) to logits (N, K). It is set to ``eval()``.
        loader: Yields inputs (N, ...) and targets (N,).
        criterion: Maps (logits, targets) to the mean loss of the batch.
        device: Where the model is and the batches go.

    Returns:
        Loss and accuracy in [0, 1], both averaged over samples.
    """
    model.eval()
    total, correct, count = 0.0, 0, 0
    for inputs, targets in loader:
        inputs, targets = inputs.to(device), targets.to(device)
        logits = model(inputs)
        total += criterion(logits, targets).item() * len(inputs)
        correct += (logits.argmax(dim=1) == targets).sum().item()
        count += len(inputs)
    return total / count, correct / count


class EarlyStopping:
    """Keeps the weights of the best epoch and says when to stop waiting for a better one.

    Args:
        patience: How many epochs in a row may pass without a new lowest validation loss.
    """

    def __init__(self, patience: int):
        if patience < 1:
            raise ValueError(f"patience must be at least 1, got {patience}")
        self.patience = patience
        self.best = float("inf")
        self.waited = 0
        self.weights = None

    def step(self, loss: float, model: nn.Module) -> bool:
        """Takes one epoch's validation loss; returns True when it is time to stop.

        Raises:
            ValueError: The loss is nan or infinite: no comparison would keep any weights.
        """
        if not math.isfinite(loss):
            raise ValueError(f"loss must be a finite number, got {loss}")
        if loss < self.best:
            self.best, self.waited = loss, 0
            self.weights = copy.deepcopy(model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


class History(list):
    """The record of a run: one dictionary of numbers an epoch."""

    def table(self) -> str:
        """Returns the record as a table: a line of names, then a line an epoch."""
        names = list(self[0]) if self else []
        lines = ["".join(f"{name:>12}" for name in names)]
        for row in self:
            values = [row["epoch"], *(row[name] for name in names[1:])]
            lines.append(f"{values[0]:>12}" + "".join(f"{value:>12.3f}" for value in values[1:]))
        return "\n".join(lines)

    def plot(self, *names: str, ax=None):
        """Draws the named columns against the epoch; returns the axes."""
        from helpers import plotting

        epochs = [row["epoch"] for row in self]
        lines = {name: [row[name] for row in self] for name in names}
        return plotting.curves(epochs, lines, xlabel="epoch", ylabel="value", ax=ax)


def fit(
    model: nn.Module,
    train_loader: Iterable[tuple[Tensor, Tensor]],
    val_loader: Iterable[tuple[Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int,
    criterion: nn.Module | None = None,
    device: torch.device | str = "cpu",
    patience: int | None = None,
) -> History:
    """Trains a classifier and validates it after every epoch.

    Args:
        model: Maps a batch (N, ...) to logits (N, K). It is moved to ``device``.
        train_loader: Yields inputs (N, ...) and targets (N,) to learn from.
        val_loader: Yields inputs and targets to measure on.
        optimizer: Holds the model's parameters.
        epochs: Passes over ``train_loader``, at least 1.
        criterion: Maps (logits, targets) to a batch's mean loss; ``nn.CrossEntropyLoss()`` if None.
        device: Where to train.
        patience: Stop after so many epochs without a lower validation loss and go back to the
            best weights; None runs all epochs and keeps the last ones.

    Returns:
        The history, with ``epoch``, ``train_loss``, ``val_loss`` and ``val_acc`` of every epoch.

    Raises:
        ValueError: ``epochs`` or ``patience`` is below 1, or a loss is nan or infinite.
        IndexError: A target is out of range (on the CPU; a GPU stops at a device-side assert).
    """
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    criterion = criterion or nn.CrossEntropyLoss()
    stopper = EarlyStopping(patience) if patience is not None else None
    model.to(device)
    history = History()
    for epoch in tqdm(range(1, epochs + 1), desc="epochs", leave=False):
        train_loss = train_one_epoch(model, train_loader, optimizer, criterion, device)
        val_loss, val_acc = evaluate(model, val_loader, criterion, device)
        if not (math.isfinite(train_loss) and math.isfinite(val_loss)):
            raise ValueError(
                f"the loss is not finite in epoch {epoch}: training {train_loss}, validation "
                f"{val_loss}. Lower the learning rate, or look for nan and inf in the inputs."
            )
        history.append(dict(epoch=epoch, train_loss=train_loss, val_loss=val_loss, val_acc=val_acc))
        if stopper is not None and stopper.step(val_loss, model):
            break
    if stopper is not None:
        model.load_state_dict(stopper.weights)
    return history
