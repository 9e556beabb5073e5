"""Checks of what a caller passes in, shared by the other modules."""

import torch
from torch import Tensor


def require_images(images: object, argument: str = "images") -> Tensor:
    """Returns ``images`` if it is a batch of images.

    Args:
        images: Expected: a tensor of shape (N, 1, H, W) or (N, 3, H, W), N >= 1, uint8 or float.
        argument: The name to use in an error.

    Raises:
        TypeError: No tensor, or another dtype.
        ValueError: Another shape.
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"{argument} must be a torch.Tensor, got {type(images).__name__}")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise TypeError(f"{argument} must be uint8 or floating point, got {images.dtype}")
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.shape[0] == 0:
        raise ValueError(
            f"{argument} must have shape (N, 1, H, W) or (N, 3, H, W) with N >= 1, "
            f"got {tuple(images.shape)}"
        )
    return images


def require_labels(labels: object, classes: int, argument: str = "labels") -> Tensor:
    """Returns ``labels`` if it holds class numbers.

    Args:
        labels: Expected: an int64 tensor of shape (N,) with values in [0, classes).
        classes: How many classes there are.
        argument: The name to use in an error.

    Raises:
        TypeError: No tensor, or another dtype.
        ValueError: Another shape, or a label out of range.
    """
    if not isinstance(labels, Tensor):
        raise TypeError(f"{argument} must be a torch.Tensor, got {type(labels).__name__}")
    if labels.dtype != torch.int64:
        raise TypeError(f"{argument} must be int64, got {labels.dtype}")
    if labels.ndim != 1:
        raise ValueError(f"{argument} must have shape (N,), got {tuple(labels.shape)}")
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise ValueError(f"{argument} must lie in [0, {classes}), got {wrong[0].item()}")
    return labels
