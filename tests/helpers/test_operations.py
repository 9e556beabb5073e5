"""The operations written by hand equal PyTorch's, on random shapes and options."""

import random

import pytest
import torch
from torch.nn import functional as F

from helpers.networks import operations


@pytest.mark.parametrize("seed", range(20))
def test_conv2d_equals_pytorchs(seed):
    draw = random.Random(seed).randint
    generator = torch.Generator().manual_seed(seed)
    for _ in range(50):
        groups, dilation = draw(1, 4), draw(1, 3)
        height, width, padding = draw(1, 5), draw(1, 5), draw(0, 3)
        sides = [draw(1, 18) + dilation * (max(height, width) - 1) for _ in range(2)]
        channels, outputs = draw(1, 3), draw(1, 3)
        x = torch.randn(draw(1, 3), groups * channels, *sides, generator=generator).double()
        weight = torch.randn(groups * outputs, channels, height, width, generator=generator)
        bias = torch.randn(groups * outputs, generator=generator).double() if draw(0, 1) else None
        options = dict(stride=draw(1, 4), padding=padding, dilation=dilation, groups=groups)
        expected = F.conv2d(x, weight.double(), bias, **options)
        found = operations.conv2d(x, weight.double(), bias, **options)
        assert found.shape == expected.shape
        assert torch.allclose(found, expected, atol=1e-10), options


def test_conv2d_without_options_has_pytorchs_defaults():
    x, weight = torch.randn(2, 3, 7, 8).double(), torch.randn(4, 3, 2, 3).double()
    expected = F.conv2d(x, weight)
    found = operations.conv2d(x, weight)
    assert found.shape == expected.shape and torch.allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("seed", range(10))
def test_corr2d_equals_pytorchs(seed):
    draw = random.Random(seed).randint
    generator = torch.Generator().manual_seed(seed)
    kernel = torch.randn(draw(1, 4), draw(1, 4), generator=generator)
    image = torch.randn(draw(4, 9), draw(4, 9), generator=generator)
    expected = F.conv2d(image[None, None], kernel[None, None])[0, 0]
    assert torch.allclose(operations.corr2d(image, kernel), expected, atol=1e-5)
