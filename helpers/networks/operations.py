"""Operations that chapters write by hand, so that tests can hold them to PyTorch's own.

The definitions equal the chapters', but for docstrings and type annotations: a test compares them.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def corr2d(image: Tensor, kernel: Tensor) -> Tensor:
    """Cross-correlation of one plane with one kernel, written as two loops (chapter 08).

    Args:
        image: Shape (H, W).
        kernel: Shape (h, w), not larger than the image.

    Returns:
        Shape (H - h + 1, W - w + 1).
    """
    height, width = kernel.shape
    result = torch.zeros(image.shape[0] - height + 1, image.shape[1] - width + 1)
    for row in range(result.shape[0]):
        for column in range(result.shape[1]):
            patch = image[row : row + height, column : column + width]
            result[row, column] = (patch * kernel).sum()
    return result


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """Two-dimensional convolution as a sum over the kernel's weights (chapter 08).

    Args:
        x: Shape (N, C, H, W).
        weight: Shape (O, C / groups, h, w).
        bias: Shape (O,), or None.
        stride: Pixels between two positions of the kernel.
        padding: Zeros added on each side.
        dilation: Pixels between two weights of the kernel.
        groups: Groups of channels that are kept apart; divides C and O.

    Returns:
        Shape (N, O, H', W'), as ``torch.nn.functional.conv2d`` gives.

    Raises:
        RuntimeError: The shapes do not fit.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
    """
    x = F.pad(x, [padding] * 4)
    outputs, channels, height, width = weight.shape
    rows = (x.shape[2] - dilation * (height - 1) - 1) // stride + 1
    columns = (x.shape[3] - dilation * (width - 1) - 1) // stride + 1
    result = x.new_zeros(len(x), outputs, rows, columns)
    for group in range(groups):
        inside = x[:, group * channels : (group + 1) * channels]
        part = slice(group * outputs // groups, (group + 1) * outputs // groups)
        for i in range(height):
            for j in range(width):
                down = slice(i * dilation, i * dilation + stride * (rows - 1) + 1, stride)
                across = slice(j * dilation, j * dilation + stride * (columns - 1) + 1, stride)
                shifted = inside[:, :, down, across]
                result[:, part] += torch.einsum("nchw,oc->nohw", shifted, weight[part, :, i, j])
    return result if bias is None else result + bias.view(-1, 1, 1)
