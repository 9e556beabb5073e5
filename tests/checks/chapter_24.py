"""Typical wrong answers to the exercises of chapter 24, and the hint that each must get."""

import torch


def explains_the_predicted(model, images, targets):
    images = images.clone().requires_grad_()
    scores = model(images).amax(dim=1)
    return torch.autograd.grad(scores.sum(), images)[0].abs().amax(dim=1)


def of_the_probability(model, images, targets):
    images = images.clone().requires_grad_()
    scores = model(images).softmax(dim=1).gather(1, targets.unsqueeze(1))
    return torch.autograd.grad(scores.sum(), images)[0].abs().amax(dim=1)


def signed_maximum(model, images, targets):
    images = images.clone().requires_grad_()
    scores = model(images).gather(1, targets.unsqueeze(1))
    return torch.autograd.grad(scores.sum(), images)[0].amax(dim=1)


def all_scores(model, images, targets):
    images = images.clone().requires_grad_()
    return torch.autograd.grad(model(images).sum(), images)[0].abs().amax(dim=1)


def channels_kept(model, images, targets):
    images = images.clone().requires_grad_()
    scores = model(images).gather(1, targets.unsqueeze(1))
    return torch.autograd.grad(scores.sum(), images)[0].abs()


class Deconvnet(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp(min=0)


class PlainReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        return incoming * (ctx.saved_tensors[0] > 0)


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp(min=0) * ctx.saved_tensors[0].clamp(min=0)


def a_function(inputs):
    return inputs.clamp(min=0)


def squares(image, size):
    for top in range(0, image.shape[2], size):
        for left in range(0, image.shape[3], size):
            yield ..., slice(top, top + size), slice(left, left + size)


@torch.no_grad()
def scores_of_covered(model, image, target, size):
    values = []
    for square in squares(image, size):
        covered = image.clone()
        covered[square] = 0
        values.append(model(covered)[0, target])
    return torch.stack(values).view(image.shape[2] // size, image.shape[3] // size)


@torch.no_grad()
def reversed_sign(model, image, target, size):
    return scores_of_covered(model, image, target, size) - model(image)[0, target]


@torch.no_grad()
def covers_the_original(model, image, target, size):
    score, values = model(image)[0, target], []
    for square in squares(image, size):
        image[square] = 0
        values.append(score - model(image)[0, target])
    return torch.stack(values).view(image.shape[2] // size, image.shape[3] // size)


@torch.no_grad()
def covers_more_and_more(model, image, target, size):
    return covers_the_original(model, image.clone(), target, size)


def delete(model, image, importance, target, shares, descending=True, channels=None, softmax=True):
    order = importance.flatten().argsort(descending=descending)
    values = []
    for share in shares:
        covered = image.clone().flatten(2)
        covered[:, :channels, order[: round(share * len(order))]] = 0
        with torch.no_grad():
            logits = model(covered.view_as(image))
        values.append((logits.softmax(dim=1) if softmax else logits)[0, target].item())
    return values


def least_important_first(*arguments):
    return delete(*arguments, descending=False)


def one_channel(*arguments):
    return delete(*arguments, channels=1)


def returns_scores(*arguments):
    return delete(*arguments, softmax=False)


def deletes_in_place(model, image, importance, target, shares):
    order = importance.flatten().argsort(descending=True)
    values = []
    for share in shares:
        image.view(*image.shape[:2], -1)[..., order[: round(share * len(order))]] = 0
        values.append(model(image).softmax(dim=1)[0, target].item())
    return values


def never_starts_anew(model, image, *arguments):
    return deletes_in_place(model, image.clone(), *arguments)


WRONG = {
    "24.1": [
        (explains_the_predicted, "explains the predicted classes"),
        (of_the_probability, "gradient of the probability"),
        (signed_maximum, "Strong negative gradients are lost"),
        (all_scores, "Sum the scores"),
        (channels_kept, "expected (4, 6, 5)"),
    ],
    "24.2": [
        (Deconvnet, "this is the deconvnet"),
        (PlainReLU, "this is the plain ReLU"),
        (Scaled, "as flashtorch does"),
        (a_function, "A subclass of"),
    ],
    "24.3": [
        (scores_of_covered, "The fall is asked for"),
        (reversed_sign, "The sign is reversed"),
        (covers_the_original, "has changed"),
        (covers_more_and_more, "Is each square covered alone"),
    ],
    "24.4": [
        (least_important_first, "The least important pixels went first"),
        (one_channel, "Only the first channel"),
        (returns_scores, "apply a softmax"),
        (deletes_in_place, "has changed"),
        (never_starts_anew, "start from the whole image again"),
    ],
}
