"""Checks of chapter 24, saliency."""

from typing import Any

import torch
from torch import nn

from helpers.checks.machinery import (
    call,
    close,
    exercise,
    require,
    require_subclass,
    require_tensor,
)


@exercise("24.1")
def saliency(answer: Any) -> str:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 3, 6, 5, generator=generator)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 12, 4)).eval()
    with torch.no_grad():
        predicted = model(images).argmax(dim=1)
    targets = (predicted + 1) % 4

    def reference(chosen: torch.Tensor, *, softmax: bool = False) -> torch.Tensor:
        inputs = images.clone().requires_grad_()
        scores = model(inputs).softmax(dim=1) if softmax else model(inputs)
        return torch.autograd.grad(scores.gather(1, chosen.unsqueeze(1)).sum(), inputs)[0]

    result = call(answer, model, images.clone(), targets)
    result = require_tensor(result, "saliency(model, images, targets)", (4, 6, 5))
    expected = reference(targets)
    require(
        not close(result, reference(predicted).abs().amax(dim=1)),
        "This explains the predicted classes. In this check the targets are others: take each "
        "image's own target out of the scores.",
    )
    require(
        not close(result, reference(targets, softmax=True).abs().amax(dim=1)),
        "This is the gradient of the probability, after a softmax. The score is the logit.",
    )
    require(
        not close(result, expected.amax(dim=1)),
        "Strong negative gradients are lost: take the absolute value before the maximum.",
    )
    require(
        close(result, expected.abs().amax(dim=1)),
        "The values are not right. Sum the scores model(images)[n, targets[n]], take the gradient "
        "with respect to the images, then abs() and amax(dim=1).",
    )
    return "Each image is explained for the class that was asked."


@exercise("24.2")
def guided_relu(answer: Any) -> str:
    require_subclass(answer, torch.autograd.Function, "torch.autograd.Function")
    inputs = torch.tensor([-2.0, -1.0, 0.5, 3.0], requires_grad=True)
    incoming = torch.tensor([1.0, -1.0, -1.0, 2.0])
    output = require_tensor(call(answer.apply, inputs), "The output", (4,))
    require(close(output, inputs.clamp(min=0)), "Forward, it should be a ReLU: max(inputs, 0).")
    output.backward(incoming)
    gradient = inputs.grad
    require(gradient is not None, "backward returned None: return the gradient at the input.")
    hints = {
        "A positive gradient went through where the input was negative. Multiply by (inputs > 0); "
        "without it this is the deconvnet.": [1.0, 0.0, 0.0, 2.0],
        "A negative gradient went through: this is the plain ReLU.": [0.0, 0.0, -1.0, 2.0],
        "This multiplies by the activation, as flashtorch does.": [0.0, 0.0, 0.0, 6.0],
    }
    for hint, values in hints.items():
        require(not close(gradient, torch.tensor(values)), hint)
    require(
        close(gradient, torch.tensor([0.0, 0.0, 0.0, 2.0])),
        f"For inputs {inputs.tolist()} and incoming gradients {incoming.tolist()} it gave "
        f"{gradient.tolist()}, expected [0, 0, 0, 2].",
    )
    return "Both the input and the gradient must be positive."


@exercise("24.3")
def occlusion(answer: Any) -> str:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 2, 4, 6, generator=generator)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 3)).eval()
    weight = model[1].weight[2].detach().view(1, 2, 4, 6)
    # Of a linear model, a square's part of the score is the sum of weight times value in it.
    expected = (weight * image).sum(dim=1)[0].unfold(0, 2, 2).unfold(1, 2, 2).sum(dim=(2, 3))
    given = image.clone()
    result = call(answer, model, given, 2, 2)
    require(
        close(given, image),
        "The image that was passed in has changed: cover a clone of it, a fresh one each time.",
    )
    result = require_tensor(result, "occlusion(model, image, 2, 2)", (2, 3)).detach()
    require(
        not close(result, -expected),
        "The sign is reversed: a square that helps the class should get a positive value, the "
        "score of the image minus the score with the square covered.",
    )
    with torch.no_grad():
        score = model(image)[0, 2]
    require(
        not close(result, score - expected),
        "These are the scores with a square covered. The fall is asked for: subtract them from "
        "the score of the whole image.",
    )
    require(
        close(result, expected),
        "The values are not right. Is each square covered alone, in all channels, and is the score "
        "the logit of the target?",
    )
    return "Slow, but it needs no gradient at all."


@exercise("24.4")
def deletion(answer: Any) -> str:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 2, 4, 4, generator=generator) + 0.5
    importance = torch.rand(4, 4, generator=generator)
    torch.manual_seed(3)
    model = nn.Sequential(nn.Flatten(), nn.Linear(32, 3)).eval()
    shares = [0.5, 0.0, 0.25, 1.0]

    def reference(*, descending: bool = True, channels: int = 2, softmax: bool = True) -> list:
        order = importance.flatten().argsort(descending=descending)
        values = []
        for share in shares:
            covered = image.clone().view(2, 16)
            covered[:channels, order[: round(share * 16)]] = 0
            with torch.no_grad():
                logits = model(covered.view_as(image))
            values.append((logits.softmax(dim=1) if softmax else logits)[0, 1].item())
        return values

    given = image.clone()
    result = call(answer, model, given, importance.clone(), 1, shares)
    require(close(given, image), "The image that was passed in has changed: work on a clone.")
    require(
        isinstance(result, list | tuple) and len(result) == len(shares),
        "Return a list with one probability for each share.",
    )
    result = torch.tensor([float(value) for value in result])

    def equals(**how: Any) -> bool:
        return close(result, torch.tensor(reference(**how)))

    require(not equals(softmax=False), "These are scores: apply a softmax to the logits.")
    require(
        not equals(descending=False),
        "The least important pixels went first: sort with descending=True.",
    )
    require(
        not equals(channels=1),
        "Only the first channel was deleted: set the pixel to 0 in all channels.",
    )
    require(
        equals(),
        "The probabilities are not right. For each share start from the whole image again, and "
        "delete round(share * H * W) pixels.",
    )
    return "Compare two maps by it: the better one makes the curve fall faster."
