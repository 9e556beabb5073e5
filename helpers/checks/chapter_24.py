"""Checks of chapter 24, saliency."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_class,
    as_numbers,
    as_tensor,
    call,
    compare,
    diagnose,
    exercise,
    plain,
    require,
)


def _network(channels: int, height: int, width: int, classes: int, dtype: torch.dtype) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 6, 3, padding=1), nn.Tanh(), nn.Flatten(),
        nn.Linear(6 * height * width, classes),
    ).to(dtype)  # fmt: skip


@exercise(
    "24.1",
    hints=(
        "One backward pass serves all images, since no score depends on another image. Which "
        "number of each row of model(images) is asked for, and what is the sum of these?",
        "Take a clone of images that requires gradients. scores.gather(1, targets.unsqueeze(1)) "
        "picks each image's own score; torch.autograd.grad of their sum, then abs() and "
        "amax(dim=1).",
    ),
)
def saliency(answer: Any) -> str:
    draw = Draw(24)
    for n, channels, height, width, dtype, training in (
        (4, 3, 6, 5, torch.float32, False),
        (1, 2, 4, 7, torch.float64, True),
        (3, 1, 5, 5, torch.float32, False),
    ):
        model = _network(channels, height, width, 4, dtype).train(training)
        images = draw.normal(n, channels, height, width, dtype=dtype)
        with torch.no_grad():
            predicted = model(images).argmax(dim=1)
        for targets in ((predicted + 1) % 4, (predicted + 1 + torch.arange(n) % 2) % 4):
            result = call(answer, model, images, targets, changes=("grad",))
            require(
                images.grad is None,
                "The .grad of images has been filled: when it is called again, gradients add up. "
                "Work on a clone.",
            )
            compare(
                result,
                _gradient(model, images, targets).abs().amax(1),
                f"saliency(model, images, targets), for images {tuple(images.shape)},",
                1e-4,
                _saliency_mistakes(model, images, targets, predicted),
                hint="Sum the scores model(images)[n, targets[n]], take the gradient with respect "
                "to the images, then abs() and amax(dim=1).",
            )
    return "Each image is explained for the class that was asked."


def _gradient(model: nn.Module, images: Tensor, targets: Tensor, after: Any = None) -> Tensor:
    inputs = images.clone().requires_grad_()
    scores = model(inputs) if after is None else after(model(inputs))
    chosen = scores.gather(1, targets.unsqueeze(1))
    return torch.autograd.grad(chosen.sum(), inputs)[0]


def _saliency_mistakes(
    model: nn.Module, images: Tensor, targets: Tensor, predicted: Tensor
) -> dict[str, Any]:
    gradient = _gradient(model, images, targets)
    largest = gradient.abs().amax(1)
    inputs = images.clone().requires_grad_()
    every = torch.autograd.grad(model(inputs).sum(), inputs)[0]
    loss = torch.autograd.grad(F.cross_entropy(model(inputs), targets), inputs)[0]
    return {
        "This explains the predicted classes. In this check the targets are others: take each "
        "image's own target out of the scores.": _gradient(model, images, predicted).abs().amax(1),
        "This is the gradient of the probability, after a softmax. The score is the logit.": (
            _gradient(model, images, targets, lambda s: s.softmax(1)).abs().amax(1)
        ),
        "This is the gradient of the logarithm of the probability. The score is the logit.": (
            _gradient(model, images, targets, lambda s: s.log_softmax(1)).abs().amax(1)
        ),
        "This is the gradient of a loss. The score is the target's logit.": loss.abs().amax(1),
        "Strong negative gradients are lost: take the absolute value before the maximum.": (
            gradient.amax(1)
        ),
        "The absolute value was taken after the maximum: strong negative gradients are lost.": (
            gradient.amax(1).abs()
        ),
        "This is the gradient of all scores together: each image has its own target.": (
            every.abs().amax(1)
        ),
        "All images were explained for the target of the first one.": (
            _gradient(model, images, targets[:1].expand(len(images))).abs().amax(1)
        ),
        "This is the mean over the channels: the largest is asked for.": gradient.abs().mean(1),
        "This is the sum over the channels: the largest is asked for.": gradient.abs().sum(1),
        "This is the length of the gradient over the channels: the largest absolute value is asked "
        "for.": gradient.norm(dim=1),
        "The gradient was multiplied by the image: the gradient alone is asked for.": (
            (gradient * images).abs().amax(1)
        ),
        "The scores were averaged over the images, so each gradient is as many times too small: "
        "sum them.": largest / len(images),
        "Each map was divided by its largest value: the gradients themselves are asked for.": (
            largest / largest.amax((1, 2), keepdim=True)
        ),
        "The channels are still there: take the largest over dim=1.": gradient.abs(),
        "There is one map for all images: each has its own.": largest.sum(0),
        "The maximum runs over the images: it should run over the channels, dim=1.": (
            gradient.abs().amax(0)
        ),
    }


@exercise(
    "24.2",
    hints=(
        "Two conditions must hold for a gradient to pass: one is about what comes in, the other "
        "about the input. What has forward to leave behind for that?",
        "ctx.save_for_backward(inputs) in forward; in backward, incoming.clamp(min=0) lets through "
        "what is positive, and (inputs > 0) is 1 where the input was.",
    ),
)
def guided_relu(answer: Any) -> str:
    as_class(answer, torch.autograd.Function, "torch.autograd.Function")
    draw = Draw(25)
    for inputs, incoming in (
        (torch.tensor([-2.0, -1.0, 0.5, 3.0]), torch.tensor([1.0, -1.0, -1.0, 2.0])),
        (draw.normal(2, 3, 4, dtype=torch.float64), draw.normal(2, 3, 4, dtype=torch.float64)),
        (torch.tensor([0.0, 0.0, 2.0, -1.0]), torch.tensor([1.0, -1.0, 0.5, 2.0])),
        (draw.normal(1, 7), draw.normal(1, 7)),
        (torch.tensor([7.0, -8.0, 60.0]), torch.tensor([5.0, 9.0, -70.0])),
    ):
        _guided_once(answer, inputs, incoming)
    first, second = (torch.tensor([v, -v], requires_grad=True) for v in (1.0, -3.0))
    outputs = call(answer.apply, first), call(answer.apply, second)
    (found,) = call(lambda: torch.autograd.grad(outputs[0], first, torch.ones(2)))
    compare(
        found,
        torch.tensor([1.0, 0.0]),
        "The gradient for the first of two inputs",
        hint="Another call of forward came in between. Keep what backward needs in ctx, where each "
        "call has its own.",
    )
    return "Both the input and the gradient must be positive."


def _guided_once(answer: Any, x: Tensor, incoming: Tensor) -> None:
    inputs, kept = x.clone().requires_grad_(), incoming.clone()
    output = call(answer.apply, inputs)
    compare(
        output,
        F.relu(x),
        f"GuidedReLU.apply(inputs), for inputs {plain(x)},",
        typical={
            "Forward it gives the absolute value, and a ReLU is max(inputs, 0).": x.abs(),
            "Forward it returns the inputs: a ReLU is max(inputs, 0).": x,
            "Forward it returns 0 and 1: a ReLU is max(inputs, 0).": (x > 0).to(x.dtype),
            "Forward it keeps the negative numbers: a ReLU is max(inputs, 0).": x.clamp(max=0),
        },
        hint="Forward, it should be a ReLU: max(inputs, 0).",
    )
    require(
        output.requires_grad,
        "The result has no graph: forward must return a new tensor, computed from the inputs.",
    )
    (gradient,) = call(lambda: torch.autograd.grad(output, inputs, incoming, allow_unused=True))
    if gradient is None:
        raise Wrong("backward returned None: return the gradient at the input.")
    require(
        torch.equal(incoming, kept),
        "backward changes the incoming gradient in place, which others may still need: make a new "
        "tensor.",
    )
    positive = incoming.clamp(min=0)
    expected = torch.where((x > 0) & (incoming > 0), incoming, torch.zeros_like(incoming))
    diagnose(
        gradient,
        {
            "A positive gradient went through where the input was negative. Multiply by "
            "(inputs > 0); without it this is the deconvnet.": positive,
            "A positive gradient went through where the input was exactly 0, and 0 is not "
            "positive: inputs > 0.": positive * (x >= 0),
            "A negative gradient went through: this is the plain ReLU.": incoming * (x > 0),
            "This multiplies by the activation, as flashtorch does.": positive * x.clamp(min=0),
            "The gradient was made positive: a negative one should be stopped.": (
                incoming.abs() * (x > 0)
            ),
            "It is 1 where the gradient goes through, and the gradient itself should go.": (
                ((x > 0) & (incoming > 0)).to(x.dtype)
            ),
            "The gradient went through unchanged, everywhere.": incoming,
            "The gradient does not depend on what comes in.": (x > 0).to(x.dtype),
            "The gradient went through where the input was negative, and stopped where it was "
            "positive.": positive * (x < 0),
        },
        unlike=expected,
    )
    compare(
        gradient,
        expected,
        f"The gradient for inputs {plain(x)}, when {plain(incoming)} comes in,",
        hint="It is the incoming gradient where both are positive, and 0 elsewhere.",
    )


@exercise(
    "24.3",
    hints=(
        "Take the score of the whole image once. Then cover one square after the other, each on a "
        "fresh copy. Which sign has the difference when the square helped the class?",
        "Two loops over H // size rows and W // size columns; covered = image.clone(), a slice "
        "[..., top : top + size, left : left + size] set to 0, and score - model(covered)[0, "
        "target], all under torch.no_grad().",
    ),
)
def occlusion(answer: Any) -> str:
    draw = Draw(26)
    for channels, height, width, size, target, dtype, training in (
        (2, 4, 6, 2, 2, torch.float32, False),
        (3, 7, 5, 2, 0, torch.float64, True),
        (1, 6, 9, 3, 1, torch.float32, False),
        (2, 3, 4, 1, 3, torch.float32, True),
    ):
        model = _network(channels, height, width, 4, dtype).train(training)
        image = draw.normal(1, channels, height, width, dtype=dtype) + 0.3
        rows, columns = height // size, width // size
        name = f"occlusion(model, image, {target}, {size}), for an image {tuple(image.shape)},"
        result = call(answer, model, image, target, size)
        found = as_tensor(result, name)
        require(
            rows == columns or found.shape != (columns, rows),
            f"{name} has shape ({columns}, {rows}), and ({rows}, {columns}) is asked for. Rows and "
            "columns are exchanged: (H // size, W // size).",
        )
        found = as_tensor(
            found,
            name,
            (rows, columns),
            why="It has a number for each whole square: the pixels that are left over at the right "
            "and at the bottom belong to none.",
        )
        compare(
            found,
            _falls(model, image, target, size),
            name,
            1e-4,
            _occlusion_mistakes(model, image, target, size),
            hint="Is each square covered alone, in all channels, and is the score the logit of the "
            "target?",
        )
        require(
            not found.requires_grad,
            "The result holds the graph of every run of the model: use torch.no_grad().",
        )
    return "Slow, but it needs no gradient at all."


@torch.no_grad()
def _covered_scores(
    model: nn.Module, image: Tensor, target: int, size: int, channels: int | None = None,
    fill: float | None = 0.0, after: Any = None,
) -> Tensor:  # fmt: skip
    """Returns the scores with a square covered, all squares in one batch."""
    rows, columns = image.shape[2] // size, image.shape[3] // size
    masks = torch.eye(rows * columns).view(-1, 1, rows, columns)
    masks = masks.repeat_interleave(size, 2).repeat_interleave(size, 3)
    left, below = image.shape[3] - columns * size, image.shape[2] - rows * size
    masks = F.pad(masks, (0, left, 0, below)).bool().repeat(1, image.shape[1], 1, 1)
    if channels is not None:
        masks[:, channels:] = False
    value = image.mean() if fill is None else torch.tensor(fill, dtype=image.dtype)
    scores = model(torch.where(masks, value, image))
    scores = scores if after is None else after(scores)
    return scores[:, target].view(rows, columns)


def _falls(model: nn.Module, image: Tensor, target: int, size: int, **how: Any) -> Tensor:
    after = how.get("after", lambda scores: scores)
    with torch.no_grad():
        score = after(model(image))[0, target]
    return score - _covered_scores(model, image, target, size, **how)


def _occlusion_mistakes(model: nn.Module, image: Tensor, target: int, size: int) -> dict[str, Any]:
    falls = _falls(model, image, target, size)
    with torch.no_grad():
        other = int(model(image).argmax())
    return {
        "The sign is reversed: a square that helps the class should get a positive value, the "
        "score of the image minus the score with the square covered.": -falls,
        "These are the scores with a square covered. The fall is asked for: subtract them from "
        "the score of the whole image.": _covered_scores(model, image, target, size),
        "These are falls of the probability: the score is the logit.": _falls(
            model, image, target, size, after=lambda s: s.softmax(1)
        ),
        "Only the first channel was covered: set the square to 0 in all channels.": _falls(
            model, image, target, size, channels=1
        ),
        "The squares were filled with the image's mean: set them to 0.": _falls(
            model, image, target, size, fill=None
        ),
        "The squares were filled with 1: set them to 0.": _falls(
            model, image, target, size, fill=1.0
        ),
        "The sizes of the changes were taken: a square that hurts the class has a negative fall.": (
            falls.abs()
        ),
        "These are the falls of the predicted class: the target is asked for.": _falls(
            model, image, other, size
        ),
        "Each square was covered on top of those before: cover a fresh clone each time.": (
            lambda: _on_top(model, image, target, size)
        ),
        "The falls were divided by the score of the image: the fall itself is asked for.": (
            lambda: falls / model(image)[0, target].detach()
        ),
        "The falls were divided by the largest: the fall itself is asked for.": (
            falls / falls.abs().max()
        ),
    }  # fmt: skip


@torch.no_grad()
def _on_top(model: nn.Module, image: Tensor, target: int, size: int) -> Tensor:
    rows, columns = image.shape[2] // size, image.shape[3] // size
    score, covered, values = model(image)[0, target], image.clone(), []
    for row in range(rows):
        for column in range(columns):
            top, left = row * size, column * size
            covered[..., top : top + size, left : left + size] = 0
            values.append(score - model(covered)[0, target])
    return torch.stack(values).view(rows, columns)


@exercise(
    "24.4",
    hints=(
        "Sort the pixels by importance once. What changes from share to share is how many of the "
        "first ones are deleted, from the whole image each time.",
        "importance.flatten().argsort(descending=True) orders the pixels. A mask of ones, with "
        "zeros at the first round(share * H * W) places of the order, times the image; then "
        "softmax.",
    ),
)
def deletion(answer: Any) -> str:
    draw = Draw(27)
    for channels, height, width, target, shares, dtype, training in (
        (2, 4, 4, 1, [0.5, 0.0, 0.25, 1.0], torch.float32, False),
        (3, 4, 6, 3, [1.0, 0.125, 0.75, 0.375, 0.5], torch.float64, True),
        (1, 2, 8, 0, [0.25], torch.float32, False),
    ):
        model = _network(channels, height, width, 4, dtype).train(training)
        image = draw.uniform(1, channels, height, width, low=0.5, high=2.0, dtype=dtype)
        order = draw.order(height * width).view(height, width)
        importance = (order - height * width / 3.0).to(dtype)
        name = f"deletion(model, image, importance, {target}, {shares})"
        result = call(answer, model, image, importance, target, list(shares))
        found = torch.tensor(as_numbers(result, name, len(shares)), dtype=torch.float64)
        given = image, importance, target, shares
        compare(
            found,
            _probabilities(model, *given),
            name,
            1e-4,
            _deletion_mistakes(model, *given),
            hint="For each share start from the whole image again, and delete "
            "round(share * H * W) pixels.",
        )
    return "Compare two maps by it: the better one makes the curve fall faster."


@torch.no_grad()
def _probabilities(
    model: nn.Module, image: Tensor, importance: Tensor, target: int, shares: list[float],
    channels: int | None = None, after: Any = None, fill: float | None = 0.0,
) -> Tensor:  # fmt: skip
    """Returns what comes out, by comparing each pixel's rank with the number to be deleted."""
    rank = (importance.unsqueeze(-1).unsqueeze(-1) < importance).sum((2, 3))
    values = []
    for share in shares:
        covered, gone = image.clone(), rank < round(share * importance.numel())
        covered[:, :channels, gone] = image.mean() if fill is None else fill
        logits = model(covered)
        logits = logits.softmax(1) if after is None else after(logits)
        values.append(logits[0, target].double())
    return torch.stack(values)


def _deletion_mistakes(
    model: nn.Module, image: Tensor, importance: Tensor, target: int, shares: list[float]
) -> dict[str, Any]:
    given = image, importance, target, shares
    so_far = [max(shares[: i + 1]) for i in range(len(shares))]
    rest = [1 - share for share in shares]
    return {
        "These are scores: apply a softmax to the logits.": _probabilities(
            model, *given, after=lambda s: s
        ),
        "These are logarithms of probabilities: apply softmax, not log_softmax.": _probabilities(
            model, *given, after=lambda s: s.log_softmax(1)
        ),
        "These are sigmoids of the logits: the probabilities are their softmax.": _probabilities(
            model, *given, after=torch.sigmoid
        ),
        "The least important pixels went first: sort with descending=True.": _probabilities(
            model, image, -importance, target, shares
        ),
        "The pixels were sorted by the absolute importance: one that is far below 0 is not "
        "important.": _probabilities(model, image, importance.abs(), target, shares),
        "Only the first channel was deleted: set the pixel to 0 in all channels.": _probabilities(
            model, *given, channels=1
        ),
        "The pixels of an earlier share were still deleted: start from the whole image each "
        "time.": _probabilities(model, image, importance, target, so_far),
        "The share was kept, and the rest deleted: the share itself is to be deleted.": (
            _probabilities(model, image, -importance, target, rest)
        ),
        "The least important pixels were kept in place of deleted, and the share counts what "
        "stays.": _probabilities(model, image, importance, target, rest),
        "The pixels were filled with the image's mean: set them to 0.": _probabilities(
            model, *given, fill=None
        ),
        "The probabilities are in the order of the sorted shares: keep the order given.": (
            _probabilities(model, image, importance, target, sorted(shares))
        ),
        "Nothing was deleted: every probability is that of the whole image.": _probabilities(
            model, image, importance, target, [0.0] * len(shares)
        ),
    }  # fmt: skip


@exercise(
    "24.5",
    hints=(
        "Every method of this chapter that needs no particular layer will do. Which of them asks "
        "about one class alone, and how do signs disappear?",
        "The shortest: the gradient of model(image)[0, target] with respect to a clone of the "
        "image, abs(), and the largest of the channels. Integrated Gradients, SmoothGrad or "
        "covering pixel by pixel pass as well.",
    ),
)
def explain(answer: Any) -> str:
    draw = Draw(245)
    for channels, height, width in ((3, 12, 10), (1, 9, 13), (2, 10, 10)):
        model = _Windows(draw, channels, height, width).eval()
        image = draw.normal(1, channels, height, width)
        image = image + image.sign() / 4
        for number, target in enumerate((1, 0, 2)):
            for tensor in (image, *model.parameters()):  # some have gradients already
                tensor.grad = draw.normal(*tensor.shape) if number else None
            before = _state(model, image)
            result = call(answer, model, image, target, changes=("grad", "values"))
            _require_same_state(before, _state(model, image))
            what = f"explain(model, image, {target}), for an image of shape {tuple(image.shape)},"
            found = as_tensor(result, what, (height, width), dtype="float")
            require(
                not getattr(result, "requires_grad", False),
                "The map has a graph: detach it.",
            )
            require(bool(found.isfinite().all()), f"{what} has a number that is not finite.")
            require(
                bool((found >= 0).all()),
                f"{what} has negative numbers: what lowers the score matters as well, so take the "
                "size.",
            )
            model.judge(found.detach(), target, what)
    return "It finds what each class looks at, and nothing else."


def _state(model: nn.Module, image: Tensor) -> dict[str, Tensor | None]:
    """Returns copies of all numbers and gradients of the image and the model, by name."""
    found = {"numbers of the image": image.detach().clone(), "gradient of the image": image.grad}
    for name, p in model.named_parameters():
        found |= {f"numbers of {name}": p.detach().clone(), f"gradient of {name}": p.grad}
    for name, buffer in model.named_buffers():
        found[f"buffer {name}"] = buffer.clone()
    return {name: None if t is None else t.clone() for name, t in found.items()}


def _require_same_state(before: dict, after: dict) -> None:
    for name, old in before.items():
        new = after[name]
        if old is None or new is None:
            require(
                old is None,
                f"The {name} was there before the call and is gone: leave it, and use a clone of "
                "the image and torch.autograd.grad.",
            )
            require(
                new is None,
                f"The {name} has been filled: use a clone of the image and torch.autograd.grad.",
            )
            continue
        require(
            torch.equal(old, new),
            f"The {name} of the model has changed: in training mode, BatchNorm updates its "
            "statistics. Leave the model in evaluation mode."
            if name.startswith("buffer norm.")
            else f"The {name} changed: work on a clone of the image, and leave the model as it is.",
        )


class _Windows(nn.Module):
    """A classifier in which each class looks at a window of its own."""

    def __init__(self, draw: Draw, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.mix = nn.Conv2d(channels, 4, 1)
        with torch.no_grad():
            self.mix.weight.copy_(draw.normal(4, channels, 1, 1))
            self.mix.bias.copy_(draw.normal(4))
            self.norm.running_mean.copy_(draw.normal(channels) / 8)
            self.norm.running_var.copy_(draw.uniform(channels) / 2 + 0.75)
        places = ((0, 0), (0, width - 4), (height - 4, width // 2 - 2))
        self.windows = [(slice(top, top + 4), slice(left, left + 4)) for top, left in places]
        masks = torch.zeros(3, 4, height, width)
        for k, (rows, columns) in enumerate(self.windows):
            masks[k, :, rows, columns] = (draw.uniform(4, 4, 4) + 0.5) * (1 + 2 * (k == 2))
        self.masks = nn.Buffer(masks)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("nchw,kchw->nk", F.softplus(self.mix(self.norm(x))), self.masks)

    def judge(self, found: Tensor, target: int, what: str) -> None:
        total = found.sum()
        require(
            bool(total > 0),
            f"{what} is 0 everywhere. If you took the gradient of the probability: it is flat "
            "where the softmax is certain. The score is the logit.",
        )
        shares = [(found[window].sum() / total).item() for window in self.windows]
        other = max((k for k in range(3) if k != target), key=shares.__getitem__)
        require(
            shares[target] >= 0.7 or shares[other] < 0.25,
            f"{what} has {shares[target]:.2f} of its sum where class {target} looks, and "
            f"{shares[other]:.2f} where class {other} looks. Ask for the score of the target "
            "alone, before the softmax.",
        )
        require(
            shares[target] >= 0.7,
            f"{what} has {shares[target]:.2f} of its sum in the window of 4 x 4 pixels that class "
            f"{target} looks at; at least 0.7 should be there, since no other pixel can change its "
            "score.",
        )
