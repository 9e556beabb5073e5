"""Typical wrong answers to the exercises of chapter 21, and the hint that each must get."""

import torch


def always_eps(x, dtype):
    return torch.finfo(dtype).eps


def below(x, dtype):
    here = torch.tensor(x, dtype=dtype)
    return torch.nextafter(here, torch.zeros((), dtype=dtype)).item() - here.item()


def as_tensor(x, dtype):
    here = torch.tensor(x, dtype=dtype)
    return torch.nextafter(here, torch.full((), float("inf"), dtype=dtype)) - here


def parts(model, criterion, x, y, size, weight, clear=True):
    if clear:
        model.zero_grad()
    total = 0.0
    for a, b in zip(x.split(size), y.split(size), strict=True):
        loss = criterion(model(a), b) * weight(len(a))
        loss.backward()
        total += loss.item()
    return total


def unweighed(model, criterion, x, y, size):
    return parts(model, criterion, x, y, size, lambda n: 1)


def equal_weights(model, criterion, x, y, size):
    count = len(x.split(size))
    return parts(model, criterion, x, y, size, lambda n: 1 / count)


def not_cleared(model, criterion, x, y, size):
    return parts(model, criterion, x, y, size, lambda n: n / len(x), clear=False)


def step(optimizer, loss, scale, divide=True, look=True, clear=True, careful=True):
    if clear:
        optimizer.zero_grad()
    (loss * scale).backward()
    grads = [p.grad for group in optimizer.param_groups for p in group["params"]]
    if careful:
        grads = [g for g in grads if g is not None]
    if divide:
        for grad in grads:
            grad.div_(scale)
    if look and not all(g.isfinite().all() for g in grads):
        return scale / 2
    optimizer.step()
    return scale


def not_divided(optimizer, loss, scale):
    return step(optimizer, loss, scale, divide=False)


def never_skips(optimizer, loss, scale):
    return step(optimizer, loss, scale, look=False)


def keeps_old(optimizer, loss, scale):
    return step(optimizer, loss, scale, clear=False)


def stumbles(optimizer, loss, scale):
    return step(optimizer, loss, scale, careful=False)


WRONG = {
    "21.1": [
        (always_eps, "grows with the number"),
        (below, "the next larger number is above"),
        (as_tensor, "A Python float"),
    ],
    "21.2": [
        (unweighed, "2 times too large"),
        (equal_weights, "its share of the samples"),
        (not_cleared, "clear the gradients first"),
    ],
    "21.3": [
        (not_divided, "divide the gradients"),
        (never_skips, "skip it"),
        (keeps_old, "An old gradient"),
        (stumbles, "whose grad is None"),
    ],
}
