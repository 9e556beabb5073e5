"""The U-Net that chapter 13 builds, for the chapters after it.

The definitions equal the chapter's, but for docstrings and type annotations: a test compares them.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DoubleConv(nn.Sequential):
    """Two 3 × 3 convolutions, each with batch normalisation and ReLU.

    Shape:
        Input (N, inputs, H, W), output (N, outputs, H, W).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )


class Down(nn.Sequential):
    """Halves the size, rounding down, then convolves twice.

    Shape:
        Input (N, inputs, H, W), output (N, outputs, H // 2, W // 2).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.MaxPool2d(2), DoubleConv(inputs, outputs))


class Up(nn.Module):
    """Doubles the size, fits it to what was kept on the way down, and joins the two.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out, as many as were kept.
        skip: Whether the kept features are used, or only their size.

    Shape:
        Input (N, inputs, h, w) and kept (N, outputs, H, W) with H - 2h and W - 2w in {0, 1};
        output (N, outputs, H, W).
    """

    def __init__(self, inputs: int, outputs: int, skip: bool = True) -> None:
        super().__init__()
        self.skip = skip
        self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
        self.join = DoubleConv(2 * outputs if skip else outputs, outputs)

    def forward(self, x: Tensor, kept: Tensor) -> Tensor:
        x = self.up(x)
        missing = kept.shape[2] - x.shape[2], kept.shape[3] - x.shape[3]
        x = F.pad(x, [0, missing[1], 0, missing[0]])
        return self.join(torch.cat([kept, x], dim=1) if self.skip else x)


class UNet(nn.Module):
    """U-Net: down, up, and skip connections between.

    Args:
        channels: Channels of the images.
        classes: Classes of a pixel.
        widths: Channels at each level, from the top down.
        skip: Whether features go across.

    Shape:
        Input (N, channels, H, W), of any H and W from 2 ** (levels - 1) up; output
        (N, classes, H, W), logits.

    Raises:
        ValueError: The images have another shape.

    Source: O. Ronneberger, P. Fischer, T. Brox, U-Net, arXiv:1505.04597.
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 2,
        widths: Sequence[int] = (8, 16, 24, 32),
        skip: bool = True,
    ) -> None:
        super().__init__()
        self.channels, self.smallest = channels, 2 ** (len(widths) - 1)
        steps = list(pairwise(widths))
        self.first = DoubleConv(channels, widths[0])
        self.downs = nn.ModuleList(Down(a, b) for a, b in steps)
        self.ups = nn.ModuleList(Up(b, a, skip) for a, b in reversed(steps))
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.channels or min(x.shape[2:]) < self.smallest:
            raise ValueError(
                f"images must have shape (N, {self.channels}, H, W) with H and W at least "
                f"{self.smallest}, got {tuple(x.shape)}"
            )
        kept = [self.first(x)]
        for down in self.downs:
            kept.append(down(kept[-1]))
        x = kept.pop()
        for up in self.ups:
            x = up(x, kept.pop())
        return self.head(x)
