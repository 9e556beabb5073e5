"""Losses for masks: Dice, soft intersection over union, focal, and sums of losses.

All take logits and masks of one shape (N, ...), masks of 0 and 1 in floating point, and return a
scalar. The definitions equal those of chapter 15.
"""

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _require_masks(logits: object, masks: object) -> None:
    for name, value in (("logits", logits), ("masks", masks)):
        if not isinstance(value, Tensor) or not value.is_floating_point():
            given = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise TypeError(f"{name} must be a floating-point torch.Tensor, got {given}")
    if logits.shape != masks.shape:
        raise ValueError(
            f"logits and masks must have one shape, got {tuple(logits.shape)} "
            f"and {tuple(masks.shape)}"
        )


def _checks_masks(function: Callable) -> Callable:
    @functools.wraps(function)
    def checked(logits: Tensor, masks: Tensor, *args, **kwargs) -> Tensor:
        _require_masks(logits, masks)
        return function(logits, masks, *args, **kwargs)

    return checked


def dice_loss(logits: Tensor, masks: Tensor, smooth: float = 1.0) -> Tensor:
    """Returns one minus the soft Dice coefficient, averaged over the pictures.

    Args:
        logits: Shape (N, ...).
        masks: The same shape, 0 or 1.
        smooth: Added above and below the bar: keeps an empty mask from dividing 0 by 0.

    Raises:
        TypeError: Not floating-point tensors.
        ValueError: The shapes differ.

    Source: F. Milletari, N. Navab, S. Ahmadi, V-Net, arXiv:1606.04797.
    """
    p = logits.sigmoid().flatten(1)
    masks = masks.flatten(1)
    shared = (p * masks).sum(dim=1)
    dice = (2 * shared + smooth) / (p.sum(dim=1) + masks.sum(dim=1) + smooth)
    return 1 - dice.mean()


def soft_iou_loss(logits: Tensor, masks: Tensor, smooth: float = 1.0) -> Tensor:
    """Returns one minus the soft intersection over union, averaged over the pictures.

    Args:
        logits: Shape (N, ...).
        masks: The same shape, 0 or 1.
        smooth: As for :func:`dice_loss`.

    Raises:
        TypeError: Not floating-point tensors.
        ValueError: The shapes differ.

    Source: M. Rahman, Y. Wang, Optimizing intersection-over-union in deep neural networks for
    image segmentation, ISVC 2016.
    """
    p = logits.sigmoid().flatten(1)
    masks = masks.flatten(1)
    shared = (p * masks).sum(dim=1)
    union = p.sum(dim=1) + masks.sum(dim=1) - shared
    return 1 - ((shared + smooth) / (union + smooth)).mean()


dice_loss = _checks_masks(dice_loss)
soft_iou_loss = _checks_masks(soft_iou_loss)


class FocalLoss(nn.Module):
    """Binary cross-entropy times (1 - p_t)^gamma, averaged over all elements.

    Args:
        gamma: How much easy elements are turned down; 0 is plain cross-entropy. Between 0 and 1 the
            gradient is nan where an answer is perfect, since the slope is infinite there.

    Shape:
        Logits and masks (...), output ().

    Source: T.-Y. Lin et al., Focal loss for dense object detection, arXiv:1708.02002.
    """

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = gamma

    def extra_repr(self) -> str:
        return f"gamma={self.gamma}"

    def forward(self, logits: Tensor, masks: Tensor) -> Tensor:
        cost = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
        missing = -torch.expm1(-cost)  # 1 - p, exact also where p is nearly 1
        return (missing**self.gamma * cost).mean()


class DiceLoss(nn.Module):
    """:func:`dice_loss` as a module, with its default ``smooth``.

    Shape:
        Logits and masks (N, ...), output ().
    """

    def forward(self, logits: Tensor, masks: Tensor) -> Tensor:
        return dice_loss(logits, masks)


class CombinedLoss(nn.Module):
    """A weighted sum of losses.

    Args:
        losses: Modules that take logits and masks.
        weights: One factor for each.
    """

    def __init__(self, losses: Sequence[nn.Module], weights: Sequence[float]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)
        self.register_buffer("weights", torch.tensor(weights))

    def forward(self, logits: Tensor, masks: Tensor) -> Tensor:
        values = torch.stack([loss(logits, masks) for loss in self.losses])
        return (self.weights * values).sum()
