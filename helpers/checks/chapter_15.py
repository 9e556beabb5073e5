"""Checks of chapter 15, custom losses."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_number,
    as_tensor,
    call,
    compare,
    exercise,
    plain,
    require,
    require_gradients,
)


def _one_loss(result: Any, name: str) -> Tensor:
    """Returns a loss as a 0-d tensor, with its graph."""
    found = as_tensor(result, name, dtype="float")
    require(
        found.numel() == 1,
        f"{name} has shape {tuple(found.shape)}, and one number is asked for: take the mean.",
    )
    return found.reshape(())


@exercise(
    "15.1",
    hints=(
        "Take the logarithm of the product in the hint: which sum is it? Only exp(-2|d|) is left "
        "to exponentiate, and that never exceeds 1.",
        "log cosh d = |d| + log(1 + exp(-2|d|)) - log 2. torch.log1p or F.softplus computes the "
        "middle term; then take the mean. Use abs() of the error, so that the gradient at 0 is 0.",
    ),
)
def stable_log_cosh(answer: Any) -> str:
    draw = Draw(1)
    cases = [
        (torch.tensor([0.5, -1.0, 2.0]), torch.zeros(3)),
        (draw.normal(4, 5, dtype=torch.float64), 3 * draw.normal(4, 5, dtype=torch.float64)),
        (draw.normal(1) + 2, torch.zeros(1)),
        (torch.tensor([100.0, 3.0]), torch.tensor([-100.0, 3.5])),
        (torch.tensor([-1e6]), torch.tensor([0.0])),
        (torch.tensor([1.0, 5.0, -2.0]), torch.tensor([1.0, 4.0, 88.0])),
        (torch.tensor([[60.0], [-45.0]]), torch.tensor([[0.0], [0.5]])),
    ]
    for prediction, target in cases:
        prediction = prediction.clone().requires_grad_()
        errors = (prediction - target).detach()
        name = f"stable_log_cosh(prediction, target), for errors {plain(errors.flatten())},"
        value = _one_loss(call(answer, prediction, target), name)
        require(
            bool(value.isfinite()),
            f"{name} is {float(value):g}: something is still exponentiated with a positive sign. "
            "exp(-2|d|) never overflows.",
        )
        d = prediction.double() - target.double()
        expected = torch.logaddexp(d, -d).mean() - math.log(2)
        compare(
            value,
            expected,
            name,
            typical=_log_cosh_mistakes(errors.double()),
            hint="It is the mean of |d| + log(1 + exp(-2|d|)) - log 2.",
        )
        d = errors.double()
        (found,) = call(
            lambda value=value, p=prediction: (
                torch.autograd.grad(value, p, allow_unused=True)
                if value.requires_grad
                else (False,)
            )
        )
        require(
            found is not False and found is not None,
            f"{name} has the right value and no graph to the prediction, so nothing can be learned "
            "through it: detach, item or no_grad cuts it.",
        )
        slope = d.tanh() / d.numel()
        require(
            bool(found.isfinite().all()),
            f"{name} is right, and its gradient is {plain(found.flatten())}: a root at 0 or an "
            "overflow in a branch that torch.where does not choose makes nan. abs() and "
            "exp(-2|d|) do not.",
        )
        compare(found.double(), slope, f"The gradient of {name}", tolerance=1e-4)
    return "No error is too large."


def _log_cosh_mistakes(d: Tensor) -> dict[str, Any]:
    loss = torch.logaddexp(d, -d) - math.log(2)
    a = d.abs()
    return {
        "It is too large by log 2: mind the ½ of the hyperbolic cosine.": loss.mean() + math.log(2),
        "log 2 was added: the ½ is in front, so subtract it.": loss.mean() + 2 * math.log(2),
        "That is the sum: take the mean.": loss.sum(),
        "log(1 + exp(-2|d|)) is missing: |d| - log 2 holds for large errors alone.": (
            (a - math.log(2)).mean()
        ),
        "|d| is missing: e^|d| is a factor of the cosh, so |d| is added.": (loss - a).mean(),
        "Errors were clamped: a large one costs |d| - log 2.": (
            torch.logaddexp(d.clamp(-80, 80), -d.clamp(-80, 80)).mean() - math.log(2)
        ),
        "2 is missing in exp(-2|d|).": (a + torch.log1p((-a).exp()) - math.log(2)).mean(),
        "The absolute value is missing: the loss of -d is that of d.": (
            (d + torch.log1p((-2 * a).exp()) - math.log(2)).mean()
        ),
        "The logarithm was taken of the mean: take it of each element, then the mean.": (
            lambda: d.cosh().mean().log()
        ),
        "This is the squared error's half, which is log cosh for small errors alone.": (
            (d**2 / 2).mean()
        ),
        "This is cosh without the logarithm.": lambda: d.cosh().mean(),
        "The error was averaged first: take log cosh of each element, then the mean.": (
            torch.logaddexp(d.mean(), -d.mean()) - math.log(2)
        ),
    }


@exercise(
    "15.2",
    hints=(
        "The sums run over the pixels of one picture, so each picture has an index of its own. "
        "What turns logits into the soft p?",
        "p = logits.sigmoid().flatten(1), t = masks.flatten(1), and the three sums with dim=1. "
        "Then 1 - (TP + 1) / (TP + alpha * FP + beta * FN + 1), and its mean.",
    ),
)
def tversky_loss(answer: Any) -> str:
    draw = Draw(2)
    for shape, dtype in (
        ((2, 1, 2, 2), torch.float32),
        ((3, 1, 5, 7), torch.float64),
        ((1, 1, 4, 3), torch.float32),
        ((4, 1, 3, 6), torch.float32),
    ):
        masks = draw.bools(*shape, share=0.4).to(dtype)
        if shape[0] == 4:
            masks[0], masks[1] = 0, 1
        for alpha, beta in ((0.3, 0.7), (0.5, 0.5), (0.9, 0.4), (1.0, 1.0), (0.0, 2.0)):
            logits = (2 * draw.normal(*shape, dtype=dtype)).requires_grad_()
            name = f"tversky_loss(logits, masks, {alpha}, {beta}), for shape {shape},"
            value = _one_loss(call(answer, logits, masks, alpha, beta), name)
            expected = _tversky(logits, masks, alpha, beta)
            compare(
                value,
                expected,
                name,
                typical=_tversky_mistakes(logits.detach(), masks, alpha, beta),
                hint="It is the mean over the pictures of 1 - (TP + 1) / (TP + alpha FP + beta FN "
                "+ 1), with p = sigmoid(logits).",
            )
            require_gradients(value, expected, {"the logits": logits}, name)
    return "With alpha = beta = ½ it is Dice, but for the constant."


def _tversky(
    logits: Tensor, masks: Tensor, alpha: float, beta: float, above: float = 1, below: float = 1
) -> Tensor:
    """Computes the loss picture by picture."""
    return _of_probabilities(logits.sigmoid(), masks, alpha, beta, above, below)


def _of_probabilities(
    p: Tensor, masks: Tensor, alpha: float, beta: float, above: float = 1, below: float = 1
) -> Tensor:
    losses = []
    for q, t in zip(p, masks, strict=True):
        hits = (q * t).sum()
        bottom = hits + alpha * (q.sum() - hits) + beta * (t.sum() - hits)
        losses.append(1 - (hits + above) / (bottom + below))
    return torch.stack(losses).mean()


def _tversky_mistakes(logits: Tensor, masks: Tensor, alpha: float, beta: float) -> dict[str, Any]:
    loss, n = _tversky(logits, masks, alpha, beta), len(logits)
    p = logits.sigmoid()
    whole = logits.flatten()[None], masks.flatten()[None]
    return {
        "That is the index: the loss is one minus it.": 1 - loss,
        "alpha and beta are exchanged: alpha weighs false alarms (FP).": _tversky(
            logits, masks, beta, alpha
        ),
        "All pictures were counted together: flatten(1), then the mean over the pictures.": (
            _tversky(*whole, alpha, beta)
        ),
        "That is the sum over the pictures: take the mean.": loss * n,
        "The sigmoid is missing: the logits were taken for probabilities.": _of_probabilities(
            logits, masks, alpha, beta
        ),
        "The sigmoid was applied twice.": _of_probabilities(p.sigmoid(), masks, alpha, beta),
        "1 is missing above and below the bar.": _tversky(logits, masks, alpha, beta, 0, 0),
        "1 is missing above the bar.": _tversky(logits, masks, alpha, beta, 0, 1),
        "1 is missing below the bar.": _tversky(logits, masks, alpha, beta, 1, 0),
        "1 - alpha was taken for beta: they need not add up to 1.": _tversky(
            logits, masks, alpha, 1 - alpha
        ),
        "1 - beta was taken for alpha: they need not add up to 1.": _tversky(
            logits, masks, 1 - beta, beta
        ),
        "alpha and beta make no difference: this is Dice.": _tversky(logits, masks, 0.5, 0.5),
        "alpha and beta make no difference: this is the soft IoU.": _tversky(logits, masks, 1, 1),
        "TP is missing below the bar.": _without_hits(p, masks, alpha, beta),
        "The probabilities were rounded to 0 or 1: soft counts use p itself, which has a "
        "gradient.": (_of_probabilities(p.round(), masks, alpha, beta)),
        "The softmax over a single channel is 1 everywhere: the sigmoid gives p.": (
            _of_probabilities(torch.ones_like(p), masks, alpha, beta)
        ),
    }


def _without_hits(p: Tensor, masks: Tensor, alpha: float, beta: float) -> Tensor:
    p, t = p.flatten(1), masks.flatten(1)
    hits = (p * t).sum(1)
    bottom = alpha * (p * (1 - t)).sum(1) + beta * ((1 - p) * t).sum(1) + 1
    return 1 - ((hits + 1) / bottom).mean()


@exercise(
    "15.3",
    hints=(
        "nan times 0 is nan, in the value and in the gradient. So nothing may be computed with an "
        "unknown target: which function replaces it first?",
        "torch.where(known, target, 0.0) before you subtract, another where or a product with "
        "known after it, then .sum() / known.sum().clamp(min=1). Indexing with [known] works, too, "
        "but the mean of nothing is nan.",
    ),
)
def masked_mse(answer: Any) -> str:
    draw, nan = Draw(3), float("nan")
    cases = [
        (
            torch.tensor([1.0, 2.0, 3.0, 4.0]),
            torch.tensor([0.0, second, 5.0, fourth]),
            torch.tensor([True, False, True, False]),
        )
        for second, fourth in ((-7.0, 9.5), (nan, nan))
    ]
    for shape, dtype in (((3, 4), torch.float64), ((2, 1, 5, 3), torch.float32)):
        target, known = draw.normal(*shape, dtype=dtype), draw.bools(*shape, share=0.4)
        known.flatten()[0], known.flatten()[1] = True, False
        broken = target.clone()
        broken[~known & draw.bools(*shape)] = nan
        cases += [(draw.normal(*shape, dtype=dtype), t, known) for t in (target, broken)]
        cases.append((draw.normal(*shape, dtype=dtype), target, torch.ones_like(known)))
    for prediction, target, known in cases:
        _compare_masked(answer, prediction.requires_grad_(), target, known)
    for shape in ((4,), (2, 3)):
        prediction = draw.normal(*shape).requires_grad_()
        for target in (torch.full(shape, nan), draw.normal(*shape)):
            _require_nothing_known(answer, prediction, target)
    return "Unknown pixels say nothing."


def _compare_masked(answer: Any, prediction: Tensor, target: Tensor, known: Tensor) -> None:
    of = f"for shape {tuple(known.shape)} with {int(known.sum())} known elements,"
    name = f"masked_mse(prediction, target, known), {of}"
    value = _one_loss(call(answer, prediction, target, known), name)
    require(
        not value.isnan(),
        f"{name} is nan: nan times 0 is nan. torch.where puts another number in the place of "
        "unknown targets.",
    )
    p, t = prediction[known], target[known]
    expected = F.mse_loss(p, t)
    squares = (p.detach() - t) ** 2
    compare(
        value,
        expected,
        name,
        typical={
            "Divide by the number of known elements, not by all.": squares.sum() / known.numel(),
            "That is the sum: divide by the number of known elements.": squares.sum(),
            "That is the root of the mean squared error.": squares.mean().sqrt(),
            "The errors were not squared.": squares.sqrt().mean(),
            "Unknown elements count as well: known tells which to leave out.": (
                lambda: ((prediction.detach() - target) ** 2).mean()
            ),
            "Unknown targets were taken for 0, and count as well: leave them out.": (
                (prediction.detach() - torch.where(known, target, 0)).square().mean()
            ),
            "Only nan was left out: a target may be a number and still be unknown. known tells.": (
                (prediction.detach() - target).square().nanmean()
            ),
            "Each row has a mean of its own, and these were averaged. All known elements count the "
            "same.": lambda: _mean_of_rows(prediction.detach(), target, known),
            "The elements that are unknown were taken: known is True where a target is known.": (
                lambda: ((prediction.detach() - target)[~known] ** 2).mean()
            ),
        },
        hint="It is the mean of the squared errors where known is True.",
    )
    require(
        value.requires_grad,
        f"{name} has the right value and no graph: stay with tensor operations.",
    )
    (gradient,) = call(
        lambda: torch.autograd.grad(value, prediction, allow_unused=True, retain_graph=True)
    )
    require(
        gradient is None or bool(gradient.isfinite().all()),
        "The value is right but its gradient is nan: replace the unknown targets before you "
        "subtract, so that no nan is in the graph.",
    )
    require_gradients(value, expected, {"the prediction": prediction}, name)


def _mean_of_rows(prediction: Tensor, target: Tensor, known: Tensor) -> Tensor:
    rows = [((p[k] - t[k]) ** 2).mean() for p, t, k in zip(prediction, target, known, strict=True)]
    return torch.stack(rows).nanmean()


def _require_nothing_known(answer: Any, prediction: Tensor, target: Tensor) -> None:
    known = torch.zeros(target.shape, dtype=torch.bool)
    name = "Where nothing is known, the loss"
    value = _one_loss(call(answer, prediction, target, known), name)
    require(
        float(value.detach()) == 0,
        f"{name} is {float(value.detach()):g}, and it should be 0: do not divide by 0.",
    )
    require(
        value.requires_grad,
        f"{name} has no graph, so backward would fail in a batch without labels: compute the 0 "
        "from the prediction, as a sum of nothing.",
    )
    (gradient,) = call(lambda: torch.autograd.grad(value, prediction, allow_unused=True))
    if gradient is None:
        raise Wrong(
            f"{name} is 0, and the prediction has no gradient, where zeros are asked for: compute "
            "the 0 from the prediction, as a sum of nothing."
        )
    found = plain(gradient.flatten())
    require(not gradient.any(), f"{name} is 0, and its gradient is {found}: it should be 0, too.")


@exercise(
    "15.4",
    hints=(
        "Start from a loss that you have, such as cross-entropy or Dice, and ask which of the "
        "properties it lacks. What makes a missed pixel dearer than a false alarm?",
        "F.binary_cross_entropy_with_logits with pos_weight=torch.tensor(3.0) is stable and its "
        "mean is one over the pictures. The Tversky loss with a larger beta, mean over pictures, "
        "passes as well; so does a sum of both.",
    ),
)
def own_loss(answer: Any) -> str:
    draw = Draw(154)
    masks = _garments(draw, 4)
    _own_value(answer, 20 * (2 * masks - 1), masks, "a batch that is right everywhere", 0.01)
    for n in (1, 3):
        logits, some = 2 * draw.normal(n, 1, 8, 9), _garments(draw, n)
        whole = _own_value(answer, logits, some, f"{n} picture{'s' * (n > 1)}")
        parts = [_own_value(answer, logits[i : i + 1], some[i : i + 1], "1 picture")
                 for i in range(n)]  # fmt: skip
        mean = sum(parts) / n
        require(
            abs(whole - mean) <= 1e-4 * max(1.0, abs(mean)),
            f"A batch of {n} pictures costs {whole:.4f}, and its pictures alone cost {mean:.4f} on "
            "average: each picture should count the same.",
        )
    _require_dear_misses(answer, masks)
    _require_slopes(answer, draw)
    _require_finite(answer, masks)
    _require_descent(answer, draw, masks)
    return "A loss that you may trust. Enter it in the contest."


def _garments(draw: Draw, n: int) -> Tensor:
    """Returns masks of shape (n, 1, 8, 9), each a rectangle of 12 to 20 of the 72 pixels."""
    masks = torch.zeros(n, 1, 8, 9)
    for mask in masks:
        top, left = (int(draw.integers(0, 4, 1)) for _ in range(2))
        mask[0, top : top + 4, left : left + int(draw.integers(3, 6, 1))] = 1
    return masks


def _own_value(
    answer: Any, logits: Tensor, masks: Tensor, what: str, most: float = math.inf
) -> float:
    value = as_number(call(answer, logits, masks), f"The loss of {what}")
    require(math.isfinite(value), f"The loss of {what} is {value}.")
    require(value >= -1e-6, f"The loss of {what} is {value:.4g}: a loss is not negative.")
    require(
        value <= most,
        f"The loss of {what} (logits of 20 and -20) is {value:.4g}: it should be below {most}.",
    )
    return value


def _require_dear_misses(answer: Any, masks: Tensor) -> None:
    """Six garment pixels missed against six false alarms, in pictures that are right else."""
    costs = []
    for wrong in (1, 0):
        logits = 6 * (2 * masks - 1)
        for picture, mask in zip(logits, masks, strict=True):
            places = (mask.flatten() == wrong).nonzero().flatten()[:6]
            picture.view(-1)[places] *= -1
        name = "missed" if wrong else "false"
        costs.append(_own_value(answer, logits, masks, f"pictures with six {name} pixels"))
    require(
        costs[0] > 1.05 * costs[1],
        f"Six missed pixels cost {costs[0]:.4g}, and six false alarms cost {costs[1]:.4g}: a miss "
        "should be dearer, by a twentieth at least.",
    )


def _require_slopes(answer: Any, draw: Draw) -> None:
    masks = _garments(draw, 2).double()
    logits = draw.normal(2, 1, 8, 9, dtype=torch.float64).requires_grad_()
    loss = call(answer, logits, masks)
    require(
        isinstance(loss, Tensor) and loss.requires_grad,
        "The loss has no graph: a part of it left PyTorch, or was detached or compared.",
    )
    (gradient,) = torch.autograd.grad(loss.sum(), logits, allow_unused=True)
    require(gradient is not None, "The loss does not depend on the logits.")
    direction = draw.normal(*logits.shape, dtype=torch.float64)
    ends = [call(answer, logits.detach() + s * 1e-5 * direction, masks) for s in (1, -1)]
    measured = (as_number(ends[0], "The loss") - as_number(ends[1], "The loss")) / 2e-5
    expected = (gradient * direction).sum().item()
    require(
        abs(measured - expected) <= 1e-3 * max(abs(measured), 1e-3),
        f"In float64 the loss rises by {measured:.5g} along a random direction, and its gradient "
        f"says {expected:.5g}. Is a part of it detached, or rounded to float32?",
    )


def _require_finite(answer: Any, masks: Tensor) -> None:
    shapes = {"empty": torch.zeros_like(masks), "full": torch.ones_like(masks), "usual": masks}
    for name, truth in shapes.items():
        for size in (0.0, 1000.0):
            for sign in (1, -1):
                logits = (sign * size * (2 * truth - 1)).requires_grad_()
                what = f"{name} masks and logits of {size:g} and {-size:g}"
                loss = call(answer, logits, truth)
                value = as_number(loss, f"The loss of {what}")
                require(math.isfinite(value), f"The loss of {what} is {value}.")
                (gradient,) = torch.autograd.grad(loss.sum(), logits)
                require(
                    bool(gradient.isfinite().all()),
                    f"The gradient of {what} has numbers that are not finite.",
                )


def _require_descent(answer: Any, draw: Draw, masks: Tensor) -> None:
    """Free logits, one per pixel, must arrive at the masks."""
    logits = nn.Parameter(draw.normal(*masks.shape))
    optimizer = torch.optim.Adam([logits], lr=0.3)
    for _ in range(60):
        optimizer.zero_grad()
        call(answer, logits, masks, changes=("grad",)).sum().backward()
        optimizer.step()
    wrong = ((logits > 0) != (masks > 0)).float().mean().item()
    require(
        wrong == 0,
        f"Going downhill on this loss for 60 steps, with one free logit per pixel, leaves "
        f"{100 * wrong:.0f} % of the pixels wrong.",
    )
