"""Chapter 02."""

import torch
from torch import nn


def a1(f, at):
    x = torch.tensor(float(at), requires_grad=True)
    f(x).backward()
    return x.grad.item()


def a2(f, at):
    x = torch.tensor(at, dtype=torch.float64).requires_grad_()
    (g,) = torch.autograd.grad(f(x), x)
    return float(g)


def a3(function, at):
    return torch.func.grad(function)(torch.tensor(float(at))).item()


def a4(function, at):
    return torch.autograd.functional.jacobian(
        function, torch.tensor(float(at), dtype=torch.float64)
    ).item()


def wa_tensor(f, at):
    x = torch.tensor(float(at), requires_grad=True)
    f(x).backward()
    return x.grad


def wa_fd(f, at):
    return float(f(torch.tensor(at + 1.0)) - f(torch.tensor(float(at))))


def wa_int(f, at):
    x = torch.tensor(at, requires_grad=True)
    f(x).backward()
    return x.grad.item()


def wa_value(f, at):
    return f(torch.tensor(float(at))).item()


_x = torch.tensor(0.0, requires_grad=True)


def wa_accumulates(f, at):
    with torch.no_grad():
        _x.fill_(at)
    f(_x).backward()
    return _x.grad.item()


def wa_neg(f, at):
    x = torch.tensor(float(at), requires_grad=True)
    f(x).backward()
    return -x.grad.item()


def wa_second(f, at):
    x = torch.tensor(float(at), requires_grad=True)
    (g,) = torch.autograd.grad(f(x), x, create_graph=True)
    return torch.autograd.grad(g, x, allow_unused=True)[0].item() if g.requires_grad else 0.0


def wa_round(f, at):
    x = torch.tensor(float(at), requires_grad=True)
    f(x).backward()
    return round(x.grad.item())


def b1(f, x, rate, steps):
    for _ in range(steps):
        x.grad = None
        f(x).backward()
        with torch.no_grad():
            x -= rate * x.grad
    return x


def b2(f, x, rate, steps):
    for _ in range(steps):
        (g,) = torch.autograd.grad(f(x), [x])
        with torch.no_grad():
            x.sub_(g, alpha=rate)
    return x


def b3(f, x, rate, steps):
    opt = torch.optim.SGD([x], lr=rate)
    for _ in range(steps):
        opt.zero_grad()
        f(x).backward()
        opt.step()
    return x


def b4(f, x, rate, steps):
    y = x.detach().clone().requires_grad_()
    for _ in range(steps):
        g = torch.autograd.grad(f(y), y)[0]
        y = (y - rate * g).detach().requires_grad_()
    with torch.no_grad():
        x.copy_(y)
    return x


def wb_acc(f, x, rate, steps):
    for _ in range(steps):
        f(x).backward()
        with torch.no_grad():
            x -= rate * x.grad
    return x


def wb_old(f, x, rate, steps):
    for _ in range(steps):
        f(x).backward()
        with torch.no_grad():
            x -= rate * x.grad
        x.grad.zero_()
    return x


def wb_up(f, x, rate, steps):
    for _ in range(steps):
        x.grad = None
        f(x).backward()
        with torch.no_grad():
            x += rate * x.grad
    return x


def wb_once(f, x, rate, steps):
    x.grad = None
    f(x).backward()
    with torch.no_grad():
        for _ in range(steps):
            x -= rate * x.grad
    return x


def wb_more(f, x, rate, steps):
    for _ in range(steps + 1):
        x.grad = None
        f(x).backward()
        with torch.no_grad():
            x -= rate * x.grad
    return x


def wb_norec(f, x, rate, steps):
    with torch.no_grad():
        for _ in range(steps):
            x.grad = None
            f(x).backward()
            x -= rate * x.grad
    return x


def wb_inplace(f, x, rate, steps):
    for _ in range(steps):
        x.grad = None
        f(x).backward()
        x -= rate * x.grad
    return x


def wb_nonleaf(f, x, rate, steps):
    for _ in range(steps):
        (g,) = torch.autograd.grad(f(x), x)
        x = x - rate * g
    return x


def wb_loss(f, x, rate, steps):
    b1(f, x, rate, steps)
    return f(x)


def wb_detached(f, x, rate, steps):
    b1(f, x, rate, steps)
    return x.detach()


def wb_sign(f, x, rate, steps):
    for _ in range(steps):
        (g,) = torch.autograd.grad(f(x), x)
        with torch.no_grad():
            x -= rate * g.sign()
    return x


class C1(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x / (1 + x.abs())

    @staticmethod
    def backward(ctx, incoming):
        (x,) = ctx.saved_tensors
        return incoming / (1 + x.abs()) ** 2


class C2(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        d = 1 + torch.abs(x)
        ctx.save_for_backward(d)
        return torch.div(x, d)

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0].pow(-2)


class C3(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.nn.functional.softsign(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * (1 - y.abs()) ** 2


class WC1(C1):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 1 / (1 + x.abs()) ** 2


class WC2(C1):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / (1 + x.abs())


class WC3(C1):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / (1 + x) ** 2


class WC4(C1):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x / (1 + x**2)


class WC5(C1):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g.sum() / (1 + x.abs()) ** 2


class WC6(C1):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g.mul_(1 / (1 + x.abs()) ** 2)


class WC7(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x / (1 + x.abs())
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g / (1 + y.abs()) ** 2


class WC8(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x / (1 + x.abs())

    @staticmethod
    def backward(ctx, g):
        return g


class WC9(nn.Module):
    def forward(self, x):
        return x / (1 + x.abs())


RIGHT = {"02.1": [a1, a2, a3, a4], "02.2": [b1, b2, b3, b4], "02.3": [C1, C2, C3]}
WRONG = {
    "02.1": [wa_tensor, wa_fd, wa_int, wa_value, wa_accumulates, wa_neg, wa_second, wa_round],
    "02.2": [
        wb_acc,
        wb_old,
        wb_up,
        wb_once,
        wb_more,
        wb_norec,
        wb_inplace,
        wb_nonleaf,
        wb_loss,
        wb_detached,
        wb_sign,
    ],
    "02.3": [WC1, WC2, WC3, WC4, WC5, WC6, WC7, WC8, WC9],
}
