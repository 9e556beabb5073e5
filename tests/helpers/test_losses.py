"""Losses for masks: limits, gradients, invariances, wrong input."""

import math

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.nn import functional as F

from helpers.losses import CombinedLoss, DiceLoss, FocalLoss, dice_loss, soft_iou_loss

LOSSES = [
    dice_loss,
    soft_iou_loss,
    FocalLoss(),
    CombinedLoss([nn.BCEWithLogitsLoss(), DiceLoss()], [0.5, 2.0]),
]
every_loss = pytest.mark.parametrize("loss", LOSSES)


@pytest.fixture
def sample():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 1, 8, 8, generator=generator)
    return logits, (torch.rand(5, 1, 8, 8, generator=generator) < 0.3).float()


def by_formula(logits, masks, smooth):
    """Returns Dice, soft IoU and focal loss (gamma 2) by plain arithmetic, picture by picture."""
    dice, iou, focal = [], [], []
    for row, mask in zip(logits.flatten(1).tolist(), masks.flatten(1).tolist(), strict=True):
        p = [1 / (1 + math.exp(-z)) for z in row]
        shared = sum(a * m for a, m in zip(p, mask, strict=True))
        dice.append(1 - (2 * shared + smooth) / (sum(p) + sum(mask) + smooth))
        iou.append(1 - (shared + smooth) / (sum(p) + sum(mask) - shared + smooth))
        likely = [a if m else 1 - a for a, m in zip(p, mask, strict=True)]
        focal += [-((1 - a) ** 2) * math.log(a) for a in likely]
    return [sum(values) / len(values) for values in (dice, iou, focal)]


def test_values_are_those_of_the_formulas(sample):
    for smooth, given in ((1.0, {}), (0.3, {"smooth": 0.3})):
        dice, iou, focal = by_formula(*sample, smooth)
        assert dice_loss(*sample, **given).item() == pytest.approx(dice, abs=1e-6)
        assert soft_iou_loss(*sample, **given).item() == pytest.approx(iou, abs=1e-6)
    assert FocalLoss()(*sample).item() == pytest.approx(focal, abs=1e-6)


@every_loss
def test_perfect_and_opposite_answers(loss, sample):
    _, masks = sample
    assert loss(masks * 60 - 30, masks) < 1e-3
    assert loss(30 - masks * 60, masks) > 0.9


@every_loss
def test_gradients(loss, sample):
    logits, masks = (value[:2, :, :3, :3].double() for value in sample)
    assert gradcheck(loss, (logits.requires_grad_(), masks))


@every_loss
def test_order_and_number_of_pictures_do_not_matter(loss, sample):
    logits, masks = sample
    value = loss(logits, masks)
    torch.testing.assert_close(loss(logits.flip(0), masks.flip(0)), value)
    torch.testing.assert_close(loss(logits.repeat(3, 1, 1, 1), masks.repeat(3, 1, 1, 1)), value)


@every_loss
@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_empty_and_full_masks_are_finite(loss, fill):
    logits = torch.full((2, 1, 4, 4), -300.0, requires_grad=True)
    value = loss(logits, torch.full((2, 1, 4, 4), fill))
    value.backward()
    assert value.isfinite() and logits.grad.isfinite().all()


def test_focal_without_gamma_is_cross_entropy(sample):
    expected = F.binary_cross_entropy_with_logits(*sample)
    torch.testing.assert_close(FocalLoss(0)(*sample), expected)


def test_the_combination_weighs(sample):
    combined = CombinedLoss([DiceLoss(), FocalLoss()], [3.0, 0.5])
    expected = 3 * dice_loss(*sample) + 0.5 * FocalLoss()(*sample)
    torch.testing.assert_close(combined(*sample), expected)


def test_the_combination_moves_what_its_losses_hold():
    weighted = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(5.0))
    moved = CombinedLoss([weighted], [1.0]).to("meta").state_dict()
    assert {name: value.device.type for name, value in moved.items()} == {
        "weights": "meta",
        "losses.0.pos_weight": "meta",
    }


def test_a_pixel_that_is_surely_right_has_a_gradient_without_nan():
    logits = torch.tensor([20.0], requires_grad=True)
    FocalLoss(2.0)(logits, torch.ones(1)).backward()
    assert logits.grad.isfinite().all() and repr(FocalLoss(0.5)) == "FocalLoss(gamma=0.5)"


@pytest.mark.parametrize("loss", [dice_loss, soft_iou_loss])
def test_wrong_input_is_named(loss, sample):
    logits, masks = sample
    with pytest.raises(ValueError, match=r"one shape, got \(5, 1, 8, 8\) and \(5, 8, 8\)"):
        loss(logits, masks[:, 0])
    with pytest.raises(TypeError, match=r"masks must be a floating-point.*got torch.bool"):
        loss(logits, masks > 0)
    with pytest.raises(TypeError, match=r"logits must be a floating-point.*got list"):
        loss([1.0], masks)
