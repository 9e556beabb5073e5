"""The training loop against a bare one, early stopping, the history, wrong input."""

import copy

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import helpers
from helpers.training import EarlyStopping, History


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))


def dataset(size=50, seed=1):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(size, 4, generator=generator)
    return TensorDataset(inputs, inputs[:, :3].argmax(dim=1))


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)


def test_fit_equals_a_bare_loop(model):
    twin, criterion = copy.deepcopy(model), nn.CrossEntropyLoss()
    loader = DataLoader(dataset(), batch_size=16)
    torch.manual_seed(5)
    history = helpers.fit(model, loader, loader, sgd(model), epochs=3)
    torch.manual_seed(5)
    optimizer, losses = sgd(twin), []
    for _ in range(3):
        twin.train()
        summed = 0.0
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(twin(inputs), targets)
            loss.backward()
            optimizer.step()
            summed += loss.item() * len(inputs)
        losses.append(summed / 50)
        list(loader)  # fit validates now, and every pass over a loader draws a random number
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)
    assert [row["train_loss"] for row in history] == losses
    assert [row["epoch"] for row in history] == [1, 2, 3]
    measured = helpers.evaluate(model, loader, criterion, "cpu")
    assert (history[-1]["val_loss"], history[-1]["val_acc"]) == measured


def test_the_model_is_moved_to_the_device_first(model):
    moved, loader = [], DataLoader(dataset(), batch_size=50)
    model.to = lambda device: moved.append((device, model[0].weight.grad))
    helpers.fit(model, loader, loader, sgd(model), epochs=1, device="cpu")
    assert moved == [("cpu", None)]


def test_evaluate_averages_over_samples_and_changes_nothing(model):
    data = dataset(size=50)
    before = copy.deepcopy(model.state_dict())
    loss, accuracy = helpers.evaluate(
        model, DataLoader(data, batch_size=16), nn.CrossEntropyLoss(), "cpu"
    )
    logits = model.eval()(data.tensors[0])
    assert loss == pytest.approx(nn.functional.cross_entropy(logits, data.tensors[1]).item())
    assert accuracy == (logits.argmax(dim=1) == data.tensors[1]).sum().item() / 50
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_evaluate_turns_dropout_off(model):
    loader = DataLoader(dataset(), batch_size=50)
    results = {helpers.evaluate(model, loader, nn.CrossEntropyLoss(), "cpu") for _ in range(3)}
    assert len(results) == 1


def test_early_stopping_keeps_the_best_weights():
    model, stopper = nn.Linear(1, 1), EarlyStopping(patience=2)
    stopped = []
    for loss in (1.0, 0.5, 0.7, 0.5):
        with torch.no_grad():
            model.weight.fill_(loss * 10 + len(stopped))
        stopped.append(stopper.step(loss, model))
    assert stopped == [False, False, False, True]
    assert stopper.weights["weight"].item() == pytest.approx(6.0)


def test_a_patience_of_one_ends_at_the_first_epoch_without_a_better_loss():
    stopper = EarlyStopping(patience=1)
    assert stopper.waited == 0
    stopped = []
    for loss in (1.0, 0.5, 0.5):
        stopped.append((stopper.step(loss, nn.Linear(1, 1)), stopper.waited))
    assert stopped == [(False, 0), (False, 0), (True, 1)]


def test_patience_ends_a_run_that_gets_worse(model):
    loader = DataLoader(dataset(), batch_size=50)
    ascent = torch.optim.SGD(model.parameters(), lr=0.5, maximize=True)
    history = helpers.fit(model, loader, loader, ascent, epochs=20, patience=2)
    assert len(history) == 3
    kept, _ = helpers.evaluate(model, loader, nn.CrossEntropyLoss(), "cpu")
    assert kept == pytest.approx(history[0]["val_loss"])


def test_history_is_a_table_and_a_plot():
    history = History(
        dict(epoch=epoch, train_loss=1 / epoch, val_loss=2 / epoch) for epoch in (1, 2)
    )
    names, first, second = [line.split() for line in history.table().splitlines()]
    assert names == ["epoch", "train_loss", "val_loss"]
    assert first == ["1", "1.000", "2.000"] and second == ["2", "0.500", "1.000"]
    axes = history.plot("train_loss", "val_loss")
    assert [list(line.get_ydata()) for line in axes.lines] == [[1, 0.5], [2, 1]]
    assert axes.get_xlabel() == "epoch"
    _, own = plt.subplots()
    assert history.plot("val_loss", ax=own) is own and len(own.lines) == 1
    assert History(history[:1]).table().splitlines() == history.table().splitlines()[:2]
    assert History().table() == ""


@pytest.mark.parametrize("label", [-1, 3, 12])
def test_a_label_out_of_range_is_named(model, label):
    data = dataset()
    data.tensors[1][7] = label
    loader = DataLoader(data, batch_size=16)
    with pytest.raises(IndexError, match=f"Target {label} is out of bounds"):
        helpers.fit(model, loader, loader, sgd(model), epochs=1)


def test_a_label_that_the_criterion_ignores_is_allowed(model):
    data = dataset()
    data.tensors[1][7] = -100
    loader = DataLoader(data, batch_size=16)
    assert len(helpers.fit(model, loader, loader, sgd(model), epochs=1)) == 1


def test_soft_targets_are_allowed(model):
    inputs, targets = dataset().tensors
    soft = nn.functional.one_hot(targets, 3).float() * 0.8 + 0.2 / 3
    loss = helpers.train_one_epoch(
        model,
        DataLoader(TensorDataset(inputs, soft), batch_size=16),
        sgd(model),
        nn.functional.cross_entropy,
        "cpu",
    )
    assert 0 < loss < 5


@pytest.mark.parametrize(("argument", "value"), [("epochs", 0), ("epochs", -2), ("patience", 0)])
def test_a_count_below_one_is_an_error(model, argument, value):
    loader = DataLoader(dataset(), batch_size=16)
    options = {"epochs": 1} | {argument: value}
    with pytest.raises(ValueError, match=f"{argument} must be at least 1, got {value}"):
        helpers.fit(model, loader, loader, sgd(model), **options)


@pytest.mark.parametrize("patience", [None, 2])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_an_input_that_is_no_number_ends_the_run(model, value, patience):
    data = dataset()
    data.tensors[0][9, 1] = value
    loader, clean = DataLoader(data, batch_size=16), DataLoader(dataset(seed=2), batch_size=16)
    told = r"the loss is not finite in epoch 1: training \S+, validation \S+\. Lower the learning"
    for train_loader, val_loader in ((loader, clean), (clean, loader)):
        with pytest.raises(ValueError, match=told):
            helpers.fit(copy.deepcopy(model), train_loader, val_loader, sgd(model), epochs=3,
                        patience=patience)  # fmt: skip


def test_a_loss_that_explodes_later_is_told_with_its_epoch(model):
    losses = iter([1.0, 1.0, float("inf")])

    class Explodes(nn.Module):
        def forward(self, logits, targets):
            return logits.sum() * 0 + (next(losses) if not logits.requires_grad else 1.0)

    loader = DataLoader(dataset(), batch_size=50)
    with pytest.raises(ValueError, match=r"in epoch 3: training 1\.0, validation inf"):
        helpers.fit(model, loader, loader, sgd(model), epochs=5, criterion=Explodes(), patience=3)


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), float("-inf")])
def test_early_stopping_refuses_a_loss_that_is_no_number(loss):
    model, stopper = nn.Linear(1, 1), EarlyStopping(patience=3)
    with pytest.raises(ValueError, match=f"loss must be a finite number, got {loss}"):
        stopper.step(loss, model)
    assert not stopper.step(0.5, model) and stopper.weights is not None
