"""Right and wrong answers to the exercises of chapter 02, and the hint that each must get."""

import torch
from torch.autograd import Function
from torch.nn import functional as F

SHARED = torch.zeros((), requires_grad=True)


def by_backward(function, at):
    x = torch.tensor(float(at), requires_grad=True)
    function(x).backward()
    return x.grad.item()


def by_grad(function, at):
    x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(function(x), x)
    return float(gradient)


def by_func(function, at):
    return torch.func.grad(function)(torch.tensor(float(at))).item()


def forward_mode(function, at):
    one = torch.tensor(1.0)
    return torch.func.jvp(function, (torch.tensor(float(at)),), (one,))[1].item()


def value_instead_of_slope(function, at):
    return function(torch.tensor(float(at))).item()


def a_tuple(function, at):
    x = torch.tensor(float(at), requires_grad=True)
    return torch.autograd.grad(function(x), x)


def a_tensor(function, at):
    x = torch.tensor(float(at), requires_grad=True)
    function(x).backward()
    return x.grad


def numpy_number(function, at):
    return a_tensor(function, at).numpy()[()]


def one_leaf_for_all(function, at):
    SHARED.data.fill_(at)
    function(SHARED).backward()
    return SHARED.grad.item()


def downhill(function, at):
    return -by_backward(function, at)


def coarse_difference(function, at):
    return (function(torch.tensor(at + 0.5)) - function(torch.tensor(at - 0.5))).item()


def fine_difference(function, at):
    return ((function(torch.tensor(at + 1e-3)) - function(torch.tensor(at - 1e-3))) / 2e-3).item()


def integers_fail(function, at):
    x = torch.tensor(at, requires_grad=True)
    function(x).backward()
    return x.grad.item()


def not_tracked(function, at):
    x = torch.tensor(float(at))
    function(x).backward()
    return x.grad.item()


def slope_of_the_square(function, at):
    return by_backward(lambda x: function(x) ** 2, at)


def leaves_gradients_off(function, at):
    torch.set_grad_enabled(True)
    found = by_backward(function, at)
    torch.set_grad_enabled(False)
    return found


def under_no_grad(function, x, rate, steps):
    for _ in range(steps):
        x.grad = None
        function(x).backward()
        with torch.no_grad():
            x -= rate * x.grad
    return x


def optimizer(function, x, rate, steps):
    sgd = torch.optim.SGD([x], lr=rate)
    for _ in range(steps):
        sgd.zero_grad()
        function(x).backward()
        sgd.step()
    return x


def through_data(function, x, rate, steps):
    for _ in range(steps):
        (gradient,) = torch.autograd.grad(function(x), x)
        x.data -= rate * gradient
    return x


def fresh_leaf(function, x, rate, steps):
    for _ in range(steps):
        (gradient,) = torch.autograd.grad(function(x), x)
        x = (x - rate * gradient).detach().requires_grad_()
    return x


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
    x.grad = None
    for _ in range(steps):
        function(x).backward()
        with torch.no_grad():
            x -= rate * x.grad
    return x


def one_step_fewer(function, x, rate, steps):
    return under_no_grad(function, x, rate, steps - 1)


def one_step_more(function, x, rate, steps):
    return under_no_grad(function, x, rate, steps + 1)


def graph_of_all_steps(function, x, rate, steps):
    for _ in range(steps):
        (gradient,) = torch.autograd.grad(function(x), x)
        x = x - rate * gradient
    return x


def tracking_left_off(function, x, rate, steps):
    for _ in range(steps):
        x.requires_grad_(True)
        (gradient,) = torch.autograd.grad(function(x), x)
        x.requires_grad_(False)
        x -= rate * gradient
    return x


def recording_left_off(function, x, rate, steps):
    for _ in range(steps):
        torch.set_grad_enabled(True)
        (gradient,) = torch.autograd.grad(function(x), x)
        torch.set_grad_enabled(False)
        x -= rate * gradient
    return x


def clears_after_the_step(function, x, rate, steps):
    for _ in range(steps):
        function(x).backward()
        with torch.no_grad():
            x -= rate * x.grad
        x.grad.zero_()
    return x


def without_rate(function, x, rate, steps):
    return under_no_grad(function, x, 1.0, steps)


def by_the_sign(function, x, rate, steps):
    for _ in range(steps):
        (gradient,) = torch.autograd.grad(function(x), x)
        x.data -= rate * gradient.sign()
    return x


def with_momentum(function, x, rate, steps):
    sgd = torch.optim.SGD([x], lr=rate, momentum=0.5)
    for _ in range(steps):
        sgd.zero_grad()
        function(x).backward()
        sgd.step()
    return x


def recorded(function, x, rate, steps):
    for _ in range(steps):
        function(x).backward()
        x -= rate * x.grad
    return x


def returns_the_loss(function, x, rate, steps):
    return function(under_no_grad(function, x, rate, steps)).item()


def returns_nothing(function, x, rate, steps):
    under_no_grad(function, x, rate, steps)


class SavesX(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x / (1 + x.abs())

    @staticmethod
    def backward(ctx, incoming):
        (x,) = ctx.saved_tensors
        return incoming / (1 + x.abs()) ** 2


class SavesTheResult(Function):
    @staticmethod
    def forward(ctx, x):
        y = F.softsign(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, incoming):
        (y,) = ctx.saved_tensors
        return incoming * (1 - y.abs()).square()


class SetupContext(Function):
    @staticmethod
    def forward(x):
        return x / (x.abs() + 1)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, incoming):
        return ctx.saved_tensors[0].abs().add(1).pow(-2).mul(incoming)


class AttributeOfTheContext(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.bottom = 1 + x.abs()
        return x / ctx.bottom

    @staticmethod
    def backward(ctx, incoming):
        return (incoming / ctx.bottom / ctx.bottom,)


class NoChainRule(SavesX):
    @staticmethod
    def backward(ctx, incoming):
        (x,) = ctx.saved_tensors
        return 1 / (1 + x.abs()) ** 2


class MeanOfIncoming(SavesX):
    @staticmethod
    def backward(ctx, incoming):
        (x,) = ctx.saved_tensors
        return incoming.mean() / (1 + x.abs()) ** 2


class NotSquared(SavesX):
    @staticmethod
    def backward(ctx, incoming):
        (x,) = ctx.saved_tensors
        return incoming / (1 + x.abs())


class WithoutAbsoluteValue(SavesX):
    @staticmethod
    def backward(ctx, incoming):
        (x,) = ctx.saved_tensors
        return incoming / (1 + x) ** 2


class PassedOn(SavesX):
    @staticmethod
    def backward(ctx, incoming):
        return incoming


class InPlaceBackward(SavesX):
    @staticmethod
    def backward(ctx, incoming):
        (x,) = ctx.saved_tensors
        return incoming.mul_(1 / (1 + x.abs()) ** 2)


class Summed(SavesX):
    @staticmethod
    def backward(ctx, incoming):
        (x,) = ctx.saved_tensors
        return (incoming / (1 + x.abs()) ** 2).sum()


class ForwardWithoutAbs(SavesX):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x / (1 + x)


class InPlaceForward(SavesX):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x.clone())
        x /= 1 + x.abs()
        return x.clone()


class SlopeOfTheOutput(SavesTheResult):
    @staticmethod
    def backward(ctx, incoming):
        (y,) = ctx.saved_tensors
        return incoming / (1 + y.abs()) ** 2


class ClassLevel(Function):
    @staticmethod
    def forward(ctx, x):
        ClassLevel.x = x
        return x / (1 + x.abs())

    @staticmethod
    def backward(ctx, incoming):
        return incoming / (1 + ClassLevel.x.abs()) ** 2


class WithoutBackward(Function):
    @staticmethod
    def forward(ctx, x):
        return x / (1 + x.abs())


class BackwardOfNothing(SavesX):
    @staticmethod
    def backward(ctx, incoming):
        (x,) = ctx.saved_tensors
        incoming / (1 + x.abs()) ** 2


class NothingSaved(SavesX):
    @staticmethod
    def forward(ctx, x):
        return x / (1 + x.abs())


def a_function(x):
    return x / (1 + x.abs())


class OrderOfVisits:
    def __init__(self, value, slopes=()):
        self.value, self.grad, self.slopes = value, 0.0, slopes

    def __add__(self, other):
        return type(self)(self.value + other.value, ((self, 1), (other, 1)))

    def __mul__(self, other):
        return type(self)(self.value * other.value, ((self, other.value), (other, self.value)))

    def ordered(self):
        order = []

        def visit(node):
            if node not in order:
                for parent, _ in node.slopes:
                    visit(parent)
                order.append(node)

        visit(self)
        return order[::-1]

    def backward(self):
        found = {self: 1.0}
        for node in self.ordered():
            node.grad += found[node]
            for parent, slope in node.slopes:
                found[parent] = found.get(parent, 0.0) + slope * found[node]


class OrderOfBirth:
    born = 0

    def __init__(self, value, parents=(), slopes=()):
        self.value, self.grad, self.parents, self.slopes = float(value), 0, parents, slopes
        OrderOfBirth.born += 1
        self.time = OrderOfBirth.born

    def __add__(self, other):
        return OrderOfBirth(self.value + other.value, [self, other], [1.0, 1.0])

    def __mul__(self, other):
        return OrderOfBirth(self.value * other.value, [self, other], [other.value, self.value])

    def backward(self):
        waiting = {self.time: (self, 1.0)}
        while waiting:
            node, incoming = waiting.pop(max(waiting))
            if not node.parents:
                node.grad += incoming
            for parent, slope in zip(node.parents, node.slopes, strict=True):
                _, before = waiting.get(parent.time, (parent, 0.0))
                waiting[parent.time] = parent, before + slope * incoming


class ForwardMode:
    def __init__(self, value):
        self.value, self.grad, self.slopes = value, 0.0, {self: 1.0}

    def combined(self, other, value, left, right):
        new = type(self)(value)
        new.slopes = {
            leaf: left * self.slopes.get(leaf, 0.0) + right * other.slopes.get(leaf, 0.0)
            for leaf in {**self.slopes, **other.slopes}
        }
        return new

    def __add__(self, other):
        return self.combined(other, self.value + other.value, 1.0, 1.0)

    def __mul__(self, other):
        return self.combined(other, self.value * other.value, other.value, self.value)

    def backward(self):
        for leaf, slope in self.slopes.items():
            leaf.grad += slope


class EveryPath(OrderOfVisits):
    def backward(self, incoming=1.0):
        self.grad += incoming
        for parent, slope in self.slopes:
            parent.backward(slope * incoming)


class OwnFactor(OrderOfVisits):
    def __mul__(self, other):
        return type(self)(self.value * other.value, ((self, self.value), (other, other.value)))


class Overwrites(OrderOfVisits):
    def backward(self):
        self.grad = 1.0
        for node in self.ordered():
            for parent, slope in node.slopes:
                parent.grad = slope * node.grad


class KeepsSlopes(OrderOfVisits):
    def backward(self):
        self.grad = 1.0
        for node in self.ordered():
            for parent, slope in node.slopes:
                parent.grad += slope * node.grad


class StartsAnew(OrderOfVisits):
    def backward(self):
        for node in self.ordered():
            node.grad = 0.0
        self.grad = 1.0
        for node in self.ordered():
            for parent, slope in node.slopes:
                parent.grad += slope * node.grad


class WrongOrder(OrderOfVisits):
    def backward(self):
        found, waiting, done = {self: 1.0}, [self], set()
        while waiting:
            node = waiting.pop(0)
            if node in done:
                continue
            done.add(node)
            node.grad += found[node]
            for parent, slope in node.slopes:
                found[parent] = found.get(parent, 0.0) + slope * found[node]
                waiting.append(parent)


class NotTheLeafItself(OrderOfVisits):
    def backward(self):
        before = self.grad
        super().backward()
        self.grad = before


class ChangesItsValue(OrderOfVisits):
    def __add__(self, other):
        self.value += other.value
        return self


class NoBackward:
    def __init__(self, value):
        self.value, self.grad = value, 0.0

    def __add__(self, other):
        return NoBackward(self.value + other.value)

    def __mul__(self, other):
        return NoBackward(self.value * other.value)


class BackwardOfNoUse(OrderOfVisits):
    def backward(self):
        self.grad += 1.0


class GradIsNone(OrderOfVisits):
    def __init__(self, value, slopes=()):
        super().__init__(value, slopes)
        self.grad = None


class NothingReturned(OrderOfVisits):
    def __add__(self, other):
        type(self)(self.value + other.value)


def no_class(value):
    return torch.tensor(value, requires_grad=True)


RIGHT = {
    "02.1": [by_backward, by_grad, by_func, forward_mode],
    "02.2": [under_no_grad, optimizer, through_data, fresh_leaf],
    "02.3": [SavesX, SavesTheResult, SetupContext, AttributeOfTheContext],
    "02.4": [OrderOfVisits, OrderOfBirth, ForwardMode],
}

WRONG = {
    "02.1": [
        (value_instead_of_slope, "the function's value, not its slope"),
        (a_tuple, "should be a Python float, and it is a tuple of 1"),
        (a_tensor, "should be a Python float, and it is a tensor 12.0"),
        (numpy_number, "should be a Python float, and it is the NumPy number 12.0"),
        (one_leaf_for_all, "when it was called again: gradients accumulate"),
        (downhill, "The sign is wrong"),
        (coarse_difference, "slope(x ** 3, 2.0) is 12.25, and it should be 12"),
        (fine_difference, "A finite difference comes near, and backward is exact"),
        (integers_fail, "in `x = torch.tensor(at, requires_grad=True)` for the function cube, 3)"),
        (not_tracked, "in `function(x).backward()` for the function cube, 2.0)"),
        (slope_of_the_square, "the slope of the function's square"),
        (leaves_gradients_off, "leaves gradients switched off"),
    ],
    "02.2": [
        (never_moves, "x did not move"),
        (climbs, "x goes uphill"),
        (adds_up, "Old gradients add up"),
        (one_step_fewer, "x made 3 steps in place of 4"),
        (one_step_more, "x made 5 steps in place of 4"),
        (graph_of_all_steps, "is not a leaf any more"),
        (tracking_left_off, "does not require gradients any more"),
        (recording_left_off, "leaves gradients switched off"),
        (clears_after_the_step, "clear x.grad before the first backward"),
        (without_rate, "The rate is missing"),
        (by_the_sign, "by the sign of the gradient alone"),
        (with_momentum, "Each step is x -= rate * gradient"),
        (recorded, "in `x -= rate * x.grad` for the function function"),
        (returns_the_loss, "should be a torch.Tensor, and it is the number"),
        (returns_nothing, "Does it end with a return statement?"),
    ],
    "02.3": [
        (NoChainRule, "the chain rule"),
        (MeanOfIncoming, "averages the gradient that comes in"),
        (NotSquared, "The square is missing"),
        (WithoutAbsoluteValue, "The absolute value is missing in backward"),
        (PassedOn, "passes the incoming gradient on"),
        (InPlaceBackward, "changes the incoming gradient in place"),
        (Summed, "your answer raised RuntimeError"),
        (ForwardWithoutAbs, "The absolute value is missing: x / (1 + |x|)"),
        (InPlaceForward, "an in-place operation is at work"),
        (SlopeOfTheOutput, "computed from the output: save x"),
        (ClassLevel, "Another call of forward came in between"),
        (WithoutBackward, "your answer raised NotImplementedError"),
        (BackwardOfNothing, "backward returns None"),
        (NothingSaved, "in `(x,) = ctx.saved_tensors`"),
        (a_function, "A subclass of torch.autograd.Function is asked for"),
    ],
    "02.4": [
        (EveryPath, "it goes along every path"),
        (OwnFactor, "The slope of a product with respect to one factor is the other"),
        (Overwrites, "Only one of the places where a is used counts"),
        (KeepsSlopes, "The first call left slopes on the results in between"),
        (StartsAnew, "The second call did not add to the first"),
        (WrongOrder, "A Number must have received all its slopes before it passes them on"),
        (NotTheLeafItself, "a.grad after a.backward(), where a is a leaf, is 0"),
        (ChangesItsValue, "An operation leaves the Numbers it is given as they are"),
        (NoBackward, "should have a method backward"),
        (BackwardOfNoUse, "backward left no slope"),
        (GradIsNone, "a.grad should be one number, and it is None"),
        (NothingReturned, "Does it end with a return statement?"),
        (no_class, "A class is asked for"),
    ],
}
