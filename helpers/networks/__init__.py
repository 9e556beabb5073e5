"""Networks and operations that chapters write, and networks with pretrained weights."""

from helpers.networks import pretrained, shipped
from helpers.networks.classifiers import (
    CLASSIFIERS,
    AlexNet,
    SmallAlexNet,
    conv_net,
    plain_net,
    quick_net,
)
from helpers.networks.operations import conv2d, corr2d
from helpers.networks.unet import DoubleConv, Down, UNet, Up

__all__ = [
    "CLASSIFIERS",
    "AlexNet",
    "DoubleConv",
    "Down",
    "SmallAlexNet",
    "UNet",
    "Up",
    "conv2d",
    "conv_net",
    "corr2d",
    "plain_net",
    "pretrained",
    "quick_net",
    "shipped",
]
