"""The U-Net: sizes, wrong input, gradients."""

import pytest
import torch

from helpers.networks import UNet
from helpers.networks.unet import Up


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("size", [(48, 48), (49, 50), (37, 61), (8, 8), (9, 15)])
def test_every_size_comes_back(size, skip):
    net = UNet(3, 5, skip=skip).eval()
    assert tuple(net(torch.zeros(2, 3, *size)).shape) == (2, 5, *size)


@pytest.mark.parametrize("widths", [(4, 8), (4, 8, 12), (4, 6, 8, 10)])
def test_every_parameter_gets_a_gradient(widths):
    torch.manual_seed(0)
    net = UNet(widths=widths)
    net(torch.randn(2, 1, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def double(inputs, outputs):
    """Parameters of two convolutions without a bias, each with batch normalisation."""
    return 9 * (inputs + outputs) * outputs + 4 * outputs


@pytest.mark.parametrize("skip", [True, False])
def test_parameters_are_those_of_four_levels(skip):
    downs = double(1, 8) + double(8, 16) + double(16, 24) + double(24, 32)
    ups = sum(
        4 * inputs * outputs + outputs + double((2 if skip else 1) * outputs, outputs)
        for inputs, outputs in ((32, 24), (24, 16), (16, 8))
    )
    head = 8 * 2 + 2
    found = sum(p.numel() for p in UNet(skip=skip).parameters())
    assert found == downs + ups + head


def test_skips_are_used_by_default():
    for up in (Up(4, 2), UNet().ups[0]):
        x, kept = torch.randn(1, up.up.in_channels, 3, 3), torch.zeros(1, up.up.out_channels, 7, 6)
        with torch.no_grad():
            assert not torch.equal(up.eval()(x, kept), up(x, kept + 1))


def test_the_way_up_doubles_the_size():
    assert tuple(Up(4, 2).up(torch.zeros(1, 4, 3, 5)).shape) == (1, 2, 6, 10)


def test_without_skips_only_the_size_is_used():
    net = UNet(skip=False).eval()
    up, x = net.ups[0], torch.randn(1, 32, 6, 6)
    with torch.no_grad():
        assert torch.equal(up(x, torch.zeros(1, 24, 12, 12)), up(x, torch.ones(1, 24, 12, 12)))


@pytest.mark.parametrize("shape", [(2, 3, 48, 48), (1, 48, 48), (1, 1, 7, 48), (1, 1, 48, 2)])
def test_wrong_images_are_named(shape):
    with pytest.raises(ValueError, match=r"images must have shape \(N, 1, H, W\)") as caught:
        UNet()(torch.zeros(shape))
    assert str(shape) in str(caught.value)
