"""Checks of chapter 15, Custom losses."""

from typing import Any

import torch

from helpers.checks.machinery import call, exercise, require, require_tensor


@exercise("15.1")
def stable_log_cosh(answer: Any) -> str:
    d = torch.tensor([0.5, -1.0, 2.0])
    expected = d.cosh().log().mean()
    value = require_tensor(call(answer, d, torch.zeros(3)), "stable_log_cosh(…)", ())
    require(
        not torch.isclose(value, expected + torch.tensor(2.0).log(), atol=1e-5),
        "It is too large by log 2: mind the ½ of the hyperbolic cosine.",
    )
    require(not torch.isclose(value, 3 * expected, atol=1e-5), "That is the sum: take the mean.")
    require(
        torch.isclose(value, expected, atol=1e-5),
        f"It gave {value:.4f}, expected {expected:.4f}.",
    )
    for size in (100.0, -1e6):
        value = answer(torch.tensor([size]), torch.zeros(1))
        require(
            bool(value.isfinite()),
            f"For an error of {size:g} it gave {value:g}: something is still exponentiated with a "
            "positive sign.",
        )
        require(
            abs(float(value) - abs(size) + 0.6931) < 0.1,
            f"For an error of {size:g} it gave {value:g}, expected |d| - log 2.",
        )
    return "Right for every size."


@exercise("15.2")
def tversky_loss(answer: Any) -> str:
    logits = torch.tensor([[2.0, -1.0, 0.5, -3.0], [0.0, 1.0, -2.0, 4.0]]).view(2, 1, 2, 2)
    masks = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 1.0]]).view(2, 1, 2, 2)

    def index(alpha: float, beta: float, rows: int) -> torch.Tensor:
        p, t = logits.sigmoid().view(rows, -1), masks.view(rows, -1)
        hits, alarms = (p * t).sum(dim=1), (p * (1 - t)).sum(dim=1)
        misses = ((1 - p) * t).sum(dim=1)
        return ((hits + 1) / (hits + alpha * alarms + beta * misses + 1)).mean()

    value = require_tensor(call(answer, logits, masks, 0.3, 0.7), "tversky_loss(…)", ())
    for wrong, hint in (
        (index(0.3, 0.7, 2), "That is the index: the loss is one minus it."),
        (1 - index(0.7, 0.3, 2), "alpha and beta are exchanged: alpha weighs false alarms."),
        (1 - index(0.3, 0.7, 1), "All pictures were counted together: flatten(1), then the mean."),
    ):
        require(not torch.isclose(value, wrong, atol=1e-5), hint)
    expected = 1 - index(0.3, 0.7, 2)
    require(
        torch.isclose(value, expected, atol=1e-5),
        f"It gave {value:.4f}, expected {expected:.4f}. Did you apply the sigmoid, and add 1 above "
        "and below?",
    )
    return "With alpha = beta = ½ it is Dice, but for the constant."


@exercise("15.3")
def masked_mse(answer: Any) -> str:
    prediction = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    target = torch.tensor([0.0, float("nan"), 5.0, float("nan")])
    known = torch.tensor([True, False, True, False])
    value = require_tensor(call(answer, prediction, target, known), "masked_mse(…)", ())
    require(not value.isnan(), "The value is nan: nan times 0 is nan. Use torch.where.")
    require(abs(value.item() - 1.25) > 1e-5, "Divide by the number of known elements, not by all.")
    require(abs(value.item() - 2.5) < 1e-5, f"It gave {value.item():.3f}, expected 2.500.")
    require(value.requires_grad, "The result has no graph: stay with tensor operations.")
    (gradient,) = torch.autograd.grad(value, prediction)
    require(
        bool(gradient.isfinite().all()),
        "The value is right but its gradient is nan: replace the unknown targets before you "
        "subtract.",
    )
    require(
        torch.allclose(gradient, torch.tensor([1.0, 0.0, -2.0, 0.0])),
        f"The gradient is {gradient.tolist()}, expected [1.0, 0.0, -2.0, 0.0].",
    )
    nothing = answer(prediction, target, torch.zeros(4, dtype=torch.bool))
    require(
        nothing.item() == 0,
        f"If nothing is known it gave {nothing.item()}, expected 0: do not divide by 0.",
    )
    return "Unknown pixels say nothing."
