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


class D1:
    def __init__(self, value):
        self.value = value
        self.grad = 0.0
        self._made_of = []

    def __add__(self, other):
        out = type(self)(self.value + other.value)
        out._made_of = [(self, 1.0), (other, 1.0)]
        return out

    def __mul__(self, other):
        out = type(self)(self.value * other.value)
        out._made_of = [(self, other.value), (other, self.value)]
        return out

    def _order(self, seen, order):
        if id(self) in seen:
            return
        seen.add(id(self))
        for n, _ in self._made_of:
            n._order(seen, order)
        order.append(self)

    def backward(self):
        order = []
        self._order(set(), order)
        g = {id(n): 0.0 for n in order}
        g[id(self)] = 1.0
        for n in reversed(order):
            for p, s in n._made_of:
                g[id(p)] += s * g[id(n)]
        for n in order:
            if not n._made_of:
                n.grad += g[id(n)]


class D2:
    """Counts how many uses are still to come before a node passes its slope on."""

    def __init__(self, value, inputs=()):
        self.value, self.grad, self.inputs = value, 0.0, inputs

    def __add__(self, other):
        return D2(self.value + other.value, [(self, lambda g: g), (other, lambda g: g)])

    def __mul__(self, other):
        a, b = self.value, other.value
        return D2(a * b, [(self, lambda g: g * b), (other, lambda g: g * a)])

    def backward(self):
        uses, todo = {self: 0}, [self]
        while todo:
            for n, _ in todo.pop().inputs:
                if n not in uses:
                    uses[n] = 0
                    todo.append(n)
                uses[n] += 1
        slopes, ready = {self: 1.0}, [self]
        while ready:
            node = ready.pop()
            node.grad += slopes[node]
            for n, back in node.inputs:
                slopes[n] = slopes.get(n, 0.0) + back(slopes[node])
                uses[n] -= 1
                if uses[n] == 0:
                    ready.append(n)


class D3:
    """Records on one tape."""

    tape = []

    def __init__(self, value):
        self.value, self.grad = value, 0.0

    def __add__(self, other):
        out = D3(self.value + other.value)
        D3.tape.append((out, self, 1.0, other, 1.0))
        return out

    def __mul__(self, other):
        out = D3(self.value * other.value)
        D3.tape.append((out, self, other.value, other, self.value))
        return out

    def backward(self):
        g = {self: 1.0}
        made = set()
        for out, a, da, b, db in reversed(D3.tape):
            made.add(out)
            if out in g:
                g[a] = g.get(a, 0.0) + da * g[out]
                g[b] = g.get(b, 0.0) + db * g[out]
        for n, slope in g.items():
            if n not in made:
                n.grad += slope


class WD1(D1):
    def backward(self):
        self.grad = 1.0
        order = []
        self._order(set(), order)
        for n in reversed(order):
            for p, s in n._made_of:
                p.grad += s * n.grad


class WD2(D1):
    def backward(self, g=1.0):
        self.grad += g
        for p, s in self._made_of:
            p.backward(g * s)


class WD3(D1):
    def backward(self):
        for p, s in self._made_of:
            p.grad += s


class WD4(D1):
    def __mul__(self, other):
        out = type(self)(self.value * other.value)
        out._made_of = [(self, 1.0), (other, 1.0)]
        return out


class WD5(D1):
    def __init__(self, value):
        super().__init__(value)
        del self.grad


class WD6(D1):
    def backward(self):
        order = []
        self._order(set(), order)
        for n in order:
            n.grad = 0.0
        super().backward()


class WD7(D1):
    def __add__(self, other):
        return self.value + other.value


class WD8(D1):
    def backward(self):
        order = []
        self._order(set(), order)
        g = {id(n): 0.0 for n in order}
        g[id(self)] = 1.0
        for n in reversed(order):
            for p, s in n._made_of:
                g[id(p)] = s * g[id(n)]
        for n in order:
            n.grad += g[id(n)]


RIGHT = {
    "02.1": [a1, a2, a3, a4],
    "02.2": [b1, b2, b3, b4],
    "02.3": [C1, C2, C3],
    "02.4": [D1, D2, D3],
}
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
    "02.4": [WD1, WD2, WD3, WD4, WD5, WD6, WD7, WD8],
}
