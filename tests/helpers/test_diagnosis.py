"""The check list: its numbers for healthy and for broken classifiers, and what it leaves alone."""

import copy
import math

import pytest
import torch
from torch import nn

from helpers import diagnosis
from tests.notebooks import ROOT, code_cells, python
from tests.test_notebooks import bare


def data(n=40, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, 6, generator=generator)
    return inputs, torch.arange(n) % classes


def network(seed=0, classes=4):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 30), nn.ReLU(), nn.Linear(30, classes))


class Constant(nn.Module):
    """Gives the same logits for every input."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, x):
        return self.logits.expand(len(x), -1)


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_equal_logits_lose_log_k(classes):
    inputs, targets = data(classes=classes, n=200)
    assert diagnosis.first_loss(Constant([0.7] * classes), inputs, targets) == pytest.approx(1)


def test_first_loss_is_a_multiple_of_log_k():
    inputs, targets = data(classes=2)
    expected = (math.log1p(math.e**3) + math.log1p(math.e**-3)) / 2 / math.log(2)
    assert diagnosis.first_loss(Constant([3.0, 0.0]), inputs, targets) == pytest.approx(expected)
    assert diagnosis.first_loss(network(), 1000 * inputs, targets % 4) > 20


@pytest.mark.parametrize("seed", range(3))
def test_one_batch_is_overfitted_by_a_healthy_network_alone(seed):
    inputs, targets = data()
    assert diagnosis.overfit_one_batch(network(seed), inputs, targets, steps=200) < 0.05
    broken = nn.Sequential(network(seed), nn.Softmax(dim=1))
    floor = math.log(math.e + 3) - 1
    assert diagnosis.overfit_one_batch(broken, inputs, targets, steps=200) >= floor - 1e-4


def test_one_batch_takes_as_many_steps_at_the_rate_asked_for():
    inputs, targets = data()
    model = network()
    start = nn.functional.cross_entropy(model(inputs), targets).item()
    assert diagnosis.overfit_one_batch(model, inputs, targets, steps=1) == pytest.approx(start)
    losses = [
        diagnosis.overfit_one_batch(model, inputs, targets, steps=2, lr=lr) for lr in (1e-4, 1e-3)
    ]
    assert start > losses[0] > losses[1]


def test_gradient_norms_are_those_of_autograd():
    inputs, targets = data()
    model = network()
    loss = nn.functional.cross_entropy(model(inputs), targets)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    found = diagnosis.gradient_norms(model, inputs, targets)
    assert list(found) == [name for name, _ in model.named_parameters()]
    assert list(found.values()) == pytest.approx([g.norm().item() for g in gradients])


def test_gradient_norms_tell_what_is_frozen_unused_or_cut():
    inputs, targets = data()
    model = network()
    model[0].requires_grad_(False)
    model.add_module("3", nn.Identity())
    model[3].spare = nn.Parameter(torch.ones(2))
    found = diagnosis.gradient_norms(model, inputs, targets)
    assert [name for name, norm in found.items() if norm == 0] == [
        "0.weight",
        "0.bias",
        "3.spare",
    ]


def test_old_gradients_do_not_count():
    inputs, targets = data()
    model = network()
    expected = diagnosis.gradient_norms(model, inputs, targets)
    for p in model.parameters():
        p.grad = torch.full_like(p, 1e6)
    assert diagnosis.gradient_norms(model, inputs, targets) == expected


def test_nothing_can_be_trained_where_everything_is_frozen():
    inputs, targets = data()
    model = network().requires_grad_(False)
    for check in (diagnosis.overfit_one_batch, diagnosis.gradient_norms):
        with pytest.raises(RuntimeError, match="does not require grad"):
            check(model, inputs, targets)


def test_shuffled_labels_give_chance_unless_something_leaks():
    inputs, targets = data(n=200, classes=2)

    def nearest(fit, held, labels):
        places = torch.cdist(inputs[held], inputs[fit]).argmin(dim=1)
        return (labels[fit][places] == labels[held]).double().mean().item()

    def clean(inputs, labels):
        return nearest(torch.arange(100), torch.arange(100, 200), labels)

    def leaking(inputs, labels):
        return nearest(torch.arange(200), torch.arange(100, 200), labels)

    found = diagnosis.above_chance(clean, inputs, targets, seeds=range(40))
    assert len(found) == 40 and abs(sum(found) / 40) < 0.03
    assert diagnosis.above_chance(leaking, inputs, targets) == [0.5] * 5


def test_shuffled_labels_are_the_same_labels_and_chance_is_the_largest_class():
    inputs = torch.arange(10.0)
    targets = torch.tensor([0, 0, 0, 0, 0, 0, 0, 1, 1, 2])
    seen = []

    def run(given, labels):
        assert given is inputs
        seen.append(labels)
        return 1.0

    found = diagnosis.above_chance(run, inputs, targets, seeds=(1, 2, 1))
    assert found == pytest.approx([0.3] * 3)
    assert all(labels.bincount().tolist() == [7, 2, 1] for labels in seen)
    assert seen[0].equal(seen[2]) and not seen[0].equal(seen[1])


@pytest.mark.parametrize(
    "check", [diagnosis.first_loss, diagnosis.overfit_one_batch, diagnosis.gradient_norms]
)
def test_the_model_is_left_alone(check):
    inputs, targets = data()
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 4))
    model[1].eval()
    state = copy.deepcopy(model.state_dict())
    model[0].weight.grad = torch.ones(8, 6)
    check(model, inputs, targets)
    assert all(state[name].equal(value) for name, value in model.state_dict().items())
    assert model[0].weight.grad.equal(torch.ones(8, 6)) and model[0].bias.grad is None
    assert [m.training for m in model.modules()] == [True, True, False, True]


def test_the_definitions_are_those_of_the_chapter():
    import ast
    import inspect

    written = {
        node.name: bare(node)
        for cell in code_cells(ROOT / "notebooks" / "33_errors.ipynb")
        for node in ast.parse(python(cell)).body
        if isinstance(node, ast.FunctionDef) and hasattr(diagnosis, node.name)
    }
    assert len(written) == 4
    for name, text in written.items():
        source = inspect.getsource(inspect.unwrap(getattr(diagnosis, name)))
        assert bare(ast.parse(source).body[0]) == text
