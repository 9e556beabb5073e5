"""Typical wrong answers to the exercises of chapter 02, and the hint that each must get."""

import torch

SHARED = torch.zeros((), requires_grad=True)


def value_instead_of_slope(function, at):
    return function(torch.tensor(at))


def a_tuple(function, at):
    x = torch.tensor(at, requires_grad=True)
    return torch.autograd.grad(function(x), x)


def one_leaf_for_all(function, at):
    SHARED.data.fill_(at)
    function(SHARED).backward()
    return SHARED.grad.clone()


def never_moves(function, x, rate, steps):
    for _ in range(steps):
        x.grad = None
        function(x).backward()
    return x


def climbs(function, x, rate, steps):
    for _ in range(steps):
        x.grad = None
        function(x).backward()
        with torch.no_grad():
            x += rate * x.grad
    return x


def adds_up(function, x, rate, steps):
    for _ in range(steps):
        function(x).backward()
        with torch.no_grad():
            x -= rate * x.grad
    return x


class NoChainRule(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x / (1 + x.abs())

    @staticmethod
    def backward(ctx, incoming):
        (x,) = ctx.saved_tensors
        return 1 / (1 + x.abs()) ** 2


class NotSquared(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x / (1 + x.abs())

    @staticmethod
    def backward(ctx, incoming):
        (x,) = ctx.saved_tensors
        return incoming / (1 + x.abs())


def a_function(x):
    return x / (1 + x.abs())


WRONG = {
    "02.1": [
        (value_instead_of_slope, "the function's value, not its slope"),
        (a_tuple, "returned a tuple"),
        (one_leaf_for_all, "accumulate"),
    ],
    "02.2": [
        (never_moves, "x did not move"),
        (climbs, "x ran away"),
        (adds_up, "Do old gradients add up?"),
    ],
    "02.3": [
        (NoChainRule, "the chain rule"),
        (NotSquared, "backward should use"),
        (a_function, "A subclass of torch.autograd.Function"),
    ],
}
