"""The networks: shapes, parameters, and that every parameter gets a gradient."""

import pytest
import torch
from torch import nn

from helpers.networks import CLASSIFIERS, AlexNet, SmallAlexNet, plain_net, quick_net


@pytest.mark.parametrize(("channels", "classes"), [(1, 10), (3, 4)])
def test_alexnet(channels, classes):
    model = AlexNet(channels, classes)
    assert tuple(model(torch.zeros(2, channels, 224, 224)).shape) == (2, classes)
    weights = 96 * channels * 121 + 96 + 4097 * classes
    assert sum(p.numel() for p in model.parameters()) == 46_712_064 + weights


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_small_alexnet(activation):
    model = SmallAlexNet(activation, dropout=0.0)
    assert sum(isinstance(m, activation) for m in model.modules()) == 7
    logits = model(torch.randn(3, 1, 28, 28))
    assert tuple(logits.shape) == (3, 10)
    logits.sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())


def test_plain_net_is_that_of_the_mnist_example():
    model = plain_net()
    assert tuple(model(torch.randn(3, 1, 28, 28)).shape) == (3, 10)
    assert sum(p.numel() for p in model.parameters()) == 1_199_882  # as the example has


@pytest.mark.parametrize("widths", [(8, 64), (4,), (2, 3, 5)])
def test_quick_net(widths):
    model = quick_net(widths, hidden=7, dropout=0.0)
    logits = model(torch.randn(3, 1, 28, 28))
    assert tuple(logits.shape) == (3, 10)
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert sum(isinstance(m, nn.MaxPool2d) for m in model) == len(widths)
    assert model[4 * len(widths)].weight.shape[:2] == (7, widths[-1])


@pytest.mark.parametrize("name", sorted(CLASSIFIERS))
def test_every_classifier_gives_ten_logits_and_learns_in_all_its_parts(name):
    model = CLASSIFIERS[name]()
    logits = model(torch.randn(3, 1, 28, 28))
    assert tuple(logits.shape) == (3, 10)
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_vgg_has_two_convolutions_before_each_pooling():
    kinds = [type(m) for m in CLASSIFIERS["vgg"]() if isinstance(m, nn.Conv2d | nn.MaxPool2d)]
    assert kinds == [nn.Conv2d, nn.Conv2d, nn.MaxPool2d] * 3
