"""The networks: shapes, parameters, and that every parameter gets a gradient."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from helpers.networks import (
    CLASSIFIERS,
    AlexNet,
    SmallAlexNet,
    UNet,
    conv_net,
    plain_net,
    quick_net,
)


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def chances(model):
    return [m.p for m in model.modules() if isinstance(m, nn.Dropout)]


@pytest.mark.parametrize(("channels", "classes"), [(1, 10), (3, 4)])
def test_alexnet(channels, classes):
    model = AlexNet(channels, classes)
    assert tuple(model(torch.zeros(2, channels, 224, 224)).shape) == (2, classes)
    weights = 96 * channels * 121 + 96 + 4097 * classes
    assert parameters(model) == 46_712_064 + weights
    assert chances(model) == [0.5, 0.5]


def test_alexnet_takes_grey_images_of_ten_classes_by_default():
    model = AlexNet()
    assert model.features[0].in_channels == 1 and model.classifier[-1].out_features == 10


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_small_alexnet(activation):
    model = SmallAlexNet(activation, dropout=0.0)
    assert sum(isinstance(m, activation) for m in model.modules()) == 7
    logits = model(torch.randn(3, 1, 28, 28))
    assert tuple(logits.shape) == (3, 10)
    logits.sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())


def test_small_alexnet_halves_the_size_three_times():
    model = SmallAlexNet()
    sizes = []
    x = torch.zeros(1, 1, 28, 28)
    for layer in model.features:
        x = layer(x)
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            sizes.append(x.shape[-1])
    assert sizes == [14, 6, 6, 6, 6, 6, 3]
    assert chances(model) == [0.5, 0.5] and chances(SmallAlexNet(dropout=0.1)) == [0.1, 0.1]


def test_plain_net_is_that_of_the_mnist_example():
    model = plain_net()
    assert tuple(model(torch.randn(3, 1, 28, 28)).shape) == (3, 10)
    assert parameters(model) == 1_199_882  # as the example has
    assert chances(model) == [0.25, 0.5]


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


def convolution(inputs, outputs, side=3):
    """Weights of a convolution without a bias, and of the batch normalisation after it."""
    return inputs * outputs * side**2 + 2 * outputs


@pytest.mark.parametrize(
    ("name", "count", "dropout"),
    [
        ("linear", 784 * 10 + 10, []),
        ("convnet", convolution(1, 16) + convolution(16, 32) + convolution(32, 64)
         + 64 * 9 * 10 + 10, [0.2]),
        ("quick", convolution(1, 8) + convolution(8, 64) + convolution(64, 256, 7)
         + 256 * 10 + 10, [0.0]),
        ("wide", convolution(1, 32) + convolution(32, 64) + convolution(64, 128)
         + convolution(128, 256, 3) + 256 * 10 + 10, [0.3]),
        ("vgg", convolution(1, 64) + convolution(64, 64) + convolution(64, 128)
         + convolution(128, 128) + convolution(128, 256) + convolution(256, 256)
         + 256 * 10 + 10, [0.3]),
    ],
)  # fmt: skip
def test_a_classifier_has_the_layers_that_its_docstring_names(name, count, dropout):
    model = CLASSIFIERS[name]()
    assert parameters(model) == count and chances(model) == dropout


@pytest.mark.parametrize("width", [2, 5])
def test_conv_net_doubles_its_channels_twice(width):
    found = [m.out_channels for m in conv_net(width) if isinstance(m, nn.Conv2d)]
    assert found == [width, 2 * width, 4 * width]


@pytest.mark.parametrize(
    "make", [UNet, *(CLASSIFIERS[name] for name in ("convnet", "quick", "wide", "vgg"))]
)
def test_no_convolution_has_a_bias_that_batch_normalisation_would_take_away(make):
    before = [
        first
        for row in make().modules()
        if isinstance(row, nn.Sequential)
        for first, second in pairwise(m for m in row if isinstance(m, nn.Conv2d | nn.BatchNorm2d))
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d)
    ]
    assert before and all(layer.bias is None for layer in before)
